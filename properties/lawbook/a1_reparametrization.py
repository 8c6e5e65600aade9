"""A1.reparametrization: what data see of the parameters is a part of what phi sees, and when it is all of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import gcd, lcm
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a1_char_orthogonality import FloatCase, autograd, model_of, network_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import PathLifting
    from ...oracles.polynomials import Monomial, Polynomial, Rational
    from ...oracles.proofs import Node
    from ...oracles.region import RegionReport
    from ..strategies import DataSet, Kind

Vector = tuple[Fraction, ...]
Rows = list[list["Rational"]]

MINIMAL = {(2, 2, 2, False): 6, (2, 2, 3, False): 9, (1, 2, 2, True): 6, (1, 1, 2, True): 4}
"""n, m, r, bias: the rank of W^g, which is that of d phi, as the theory states it."""
COINCIDING = {(1, 1, 2, False): (1, 2), (2, 1, 3, False): (2, 6)}
"""Scalar inputs without biases, all v_j > 0: the ranks of W^g and of d phi."""
DEEP = {"one neuron with negative weights": (7, 11), "positive weights": (9, 11)}
"""The second weight matrix of relu:2-3-2-2: the ranks of W^g and of d phi (A1.relu.g-versus-phi)."""
LEAKS = (Fraction(0), Fraction(1, 4))
CIRCLE = tuple(
    (Fraction(a * p), Fraction(b * q))
    for p, q in ((7, 1), (7, 3), (5, 4), (4, 5), (3, 7), (1, 7))
    for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1))
)
"""Inputs in all directions; orthogonal to no vector with entries 1 and 2, up to signs."""


def rank(rows: Sequence[Sequence[Rational]]) -> int:
    """The exact rank over Q."""
    from flint import fmpz_mat

    if not rows or not rows[0]:
        return 0
    scales = [lcm(*(Fraction(value).denominator for value in row)) for row in rows]
    return int(fmpz_mat([[int(v * scale) for v in row] for row, scale in zip(rows, scales, strict=True)]).rank())


def paths_model(spec: str) -> PathLifting:
    """A path lifting by its spec."""
    from ...oracles.models import PathLifting

    model = model_of(spec)
    assert isinstance(model, PathLifting)
    return model


@dataclass(frozen=True, slots=True)
class Forward:
    """One input in a network: for each group the values before and after the activation, and its slopes."""

    before: list[list[Fraction]]
    values: list[list[Fraction]]
    slopes: list[list[Fraction]]


def forward(model: PathLifting, point: Sequence[Fraction], x: Sequence[Fraction], leak: Fraction) -> Forward:
    """The network written out, neuron by neuron, over Q; at 0 the slope is the leak."""
    before: list[list[Fraction]] = []
    values: list[list[Fraction]] = []
    slopes: list[list[Fraction]] = []
    arguments = list(x)
    for index, group in enumerate(model.groups):
        if group.name == "one":
            sums = [Fraction(1)] * group.size
        elif group.role == "source":
            sums, arguments = arguments[: group.size], arguments[group.size :]
        else:
            sums = [Fraction(0)] * group.size
        start = 0
        for a, b in model.links:
            size, width = model.groups[a].size, model.groups[b].size
            if b == index:
                for j in range(width):
                    sums[j] += sum((values[a][i] * point[start + i * width + j] for i in range(size)), Fraction(0))
            start += size * width
        hidden = group.role == "hidden"
        before.append(sums)
        slopes.append([leak if hidden and z <= 0 else Fraction(1) for z in sums])
        values.append([s * z for s, z in zip(slopes[-1], sums, strict=True)])
    return Forward(before, values, slopes)


@cache
def edges(spec: str) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
    """For each parameter the neurons (group, number) that it leads from and to."""
    model = paths_model(spec)
    return tuple(
        ((a, i), (b, j))
        for a, b in model.links
        for i in range(model.groups[a].size)
        for j in range(model.groups[b].size)
    )


@dataclass(frozen=True, slots=True)
class Route:
    """A path: its edges, the source it starts at, the hidden neurons on it, the number of its output."""

    path: Monomial
    start: tuple[int, int]
    inner: tuple[tuple[int, int], ...]
    output: int


@cache
def routes(spec: str) -> tuple[Route, ...]:
    """All paths of a network."""
    model, table = paths_model(spec), edges(spec)
    ends: dict[tuple[int, int], int] = {}
    for index, group in enumerate(model.groups):
        if group.role == "output":
            ends |= {(index, k): len(ends) + k for k in range(group.size)}
    found: list[Route] = []
    for path in model.paths():
        neurons = {neuron for edge, _ in path for neuron in table[edge]}
        of_role = {
            role: [p for p in neurons if model.groups[p[0]].role == role] for role in ("source", "hidden", "output")
        }
        (start,), (end,) = of_role["source"], of_role["output"]
        found.append(Route(path, start, tuple(of_role["hidden"]), ends[end]))
    return tuple(found)


def sensitivities(
    spec: str, passed: Sequence[Forward], slopes: Sequence[Sequence[Fraction]]
) -> dict[Monomial, Fraction]:
    """``d f^T w``, summed over samples: for each path the slopes along it, times its input, times w at its output."""
    total: dict[Monomial, Fraction] = {}
    for route in routes(spec):
        value = Fraction(0)
        for run, w in zip(passed, slopes, strict=True):
            part = w[route.output] * run.values[route.start[0]][route.start[1]]
            for g, k in route.inner:
                part *= run.slopes[g][k]
            value += part
        total[route.path] = value
    return total


def pulled_back(point: Sequence[Fraction], weights: Mapping[Monomial, Fraction]) -> list[Fraction]:
    """``d phi^T c``: the gradients of the paths, each times its weight."""
    gradient = [Fraction(0)] * len(point)
    for path, weight in weights.items():
        for edge, _ in path if weight else ():
            part = weight
            for other, _ in path:
                if other != edge:
                    part *= point[other]
            gradient[edge] += part
    return gradient


def path_gradients(model: PathLifting, point: Sequence[Rational]) -> Rows:
    """``d phi``, one row for each path."""
    rows: Rows = []
    for coordinate in model.coordinates():
        slopes = coordinate.gradient()
        rows.append([slopes[i].evaluate(point) if i in slopes else 0 for i in range(len(point))])
    return rows


def seen_gradients(
    model: PathLifting, point: Sequence[Rational], inputs: Sequence[Sequence[Rational]], leak: Fraction = Fraction(0)
) -> Rows:
    """``d_theta g_k(theta, x_s)``, one row for each input and output: with V_l = R^n they span what the inputs see."""
    from ...oracles.region import Region, data_gradients

    return data_gradients(Region(model, list(point), [list(x) for x in inputs], leak))


@dataclass(frozen=True, slots=True)
class Neuron:
    """A hidden neuron: outgoing weights u, incoming weights v, bias b."""

    u: Vector
    v: Vector
    b: Fraction = Fraction(0)

    def plane(self) -> tuple[Vector, int]:
        """Its hyperplane v.x + b = 0 as a primitive vector (v, b) whose first entry is positive, and the sign taken."""
        entries = (*self.v, self.b)
        scale = lcm(*(entry.denominator for entry in entries))
        whole = [int(entry * scale) for entry in entries]
        divisor = gcd(*whole)
        sign = 1 if next(entry for entry in whole if entry) > 0 else -1
        return tuple(Fraction(sign * entry, divisor) for entry in whole), sign


@dataclass(frozen=True, slots=True, repr=False)
class TwoLayer:
    """A two-layer ReLU network: U is n x r, V is m x r."""

    neurons: tuple[Neuron, ...]
    bias: bool
    leak: Fraction = Fraction(0)

    def __repr__(self) -> str:
        from ..strategies import shown

        neurons = ", ".join(f"u = {shown(e.u)}, v = {shown(e.v)}" + f", b = {e.b}" * self.bias for e in self.neurons)
        return f"{self.spec}, leak {self.leak}: {neurons}"

    @property
    def shape(self) -> tuple[int, int, int]:
        """n, m, r."""
        return len(self.neurons[0].u), len(self.neurons[0].v), len(self.neurons)

    @property
    def spec(self) -> str:
        n, m, r = self.shape
        return f"relu:{m}-{r}-{n}" + "+bias" * self.bias

    def point(self) -> Vector:
        """The parameters as the model numbers them: V row-major, the biases, U^T row-major."""
        incoming = [entry for row in zip(*(e.v for e in self.neurons), strict=True) for entry in row]
        biases = [e.b for e in self.neurons] if self.bias else []
        return (*incoming, *biases, *(entry for e in self.neurons for entry in e.u))

    def inputs(self) -> list[Vector]:
        """Next to each hyperplane, away from all others, m + 1 affinely independent inputs on either side."""
        planes = list(dict.fromkeys(e.plane()[0] for e in self.neurons))
        return [x for plane in planes for x in _beside(plane, [other for other in planes if other != plane])]

    def seen(self) -> Rows:
        """The gradients at these inputs."""
        return seen_gradients(paths_model(self.spec), self.point(), self.inputs(), self.leak)

    def of_phi(self) -> Rows:
        """``d phi``."""
        return path_gradients(paths_model(self.spec), self.point())

    def predicted(self) -> Rows:
        """Vectors that span W^g at any theta with all v_j non-zero, from the hyperplanes alone.

        The slope of a neuron is a + c 1_H(x), H the positive side of its hyperplane: (a, c) is (leak, 1 - leak) or, if
        it looks to the other side, (1, leak - 1). The functions 1 and 1_H for different hyperplanes, times affine
        functions of x, are independent. So W^f is spanned by the matrices C_j = a_j A (all j) and C_j = c_j A (j in one
        hyperplane), A arbitrary; d phi^T maps them to these vectors.
        """
        n, m, r = self.shape
        planes = [e.plane() for e in self.neurons]
        constant = [self.leak if sign > 0 else Fraction(1) for _, sign in planes]
        patterns = [constant]
        for plane in dict.fromkeys(plane for plane, _ in planes):
            patterns.append([sign * (1 - self.leak) * (other == plane) for other, sign in planes])
        rows: Rows = []
        for pattern in patterns:
            for k in range(n):
                for i in range(m + self.bias):
                    incoming = [[Fraction(0)] * r for _ in range(m + self.bias)]
                    incoming[i] = [a * e.u[k] for a, e in zip(pattern, self.neurons, strict=True)]
                    into = [a * (*e.v, e.b)[i] for a, e in zip(pattern, self.neurons, strict=True)]
                    outgoing = [into[j] if c == k else Fraction(0) for j in range(r) for c in range(n)]
                    rows.append([*(entry for row in incoming for entry in row), *outgoing])
        return rows


def _value(plane: Vector, x: Sequence[Fraction]) -> Fraction:
    return sum((a * c for a, c in zip(plane, (*x, Fraction(1)), strict=True)), Fraction(0))


def _foot(plane: Vector, others: Sequence[Vector]) -> list[Fraction]:
    """A point of a hyperplane that lies on no other, on a curve that meets each other at most m - 1 times."""
    *v, b = plane
    m, square = len(v), sum((x * x for x in v), Fraction(0))
    pivot = next(i for i, x in enumerate(v) if x)
    for t in range(1, m * (len(others) + 1) + 1):
        foot = [-b * x / square for x in v]
        for number, k in enumerate((k for k in range(m) if k != pivot), 1):
            foot[k] += t**number
            foot[pivot] -= t**number * v[k] / v[pivot]
        if all(_value(other, foot) for other in others):
            return foot
    raise AssertionError(f"the hyperplane {plane} is among the others")


def _beside(plane: Vector, others: Sequence[Vector]) -> list[Vector]:
    """On either side of a hyperplane m + 1 points, between which and the hyperplane no other passes."""
    *v, _ = plane
    foot, square, largest = _foot(plane, others), sum(x * x for x in v), max(abs(x) for x in v)
    room = min((abs(_value(o, foot)) / sum(abs(x) for x in o[:-1]) for o in others), default=Fraction(1)) / (len(v) + 2)
    found: list[Vector] = []
    for sign in (1, -1):
        middle = [x + sign * room * y / (2 * largest) for x, y in zip(foot, v, strict=True)]
        found.append(tuple(middle))
        step = room * square / (4 * largest**2)
        found += [tuple(x + step * (k == i) for k, x in enumerate(middle)) for i in range(len(v))]
    return found


def example(n: int, m: int, r: int, bias: bool, leak: Fraction = Fraction(0)) -> TwoLayer:
    """A network with small whole weights and distinct hyperplanes; for scalar inputs all v_j are positive."""
    neurons = [
        Neuron(
            tuple(Fraction(1 + (j + k) % 3) for k in range(n)),
            tuple(Fraction((1 + j) ** k) for k in range(m)),
            Fraction(2 * j - 1) if bias else Fraction(0),
        )
        for j in range(r)
    ]
    return TwoLayer(tuple(neurons), bias, leak)


def deep_point(kind: str) -> Vector:
    """Weights of relu:2-3-2-2 whose second matrix has the named signs."""
    first = (1, -2, 1, 2, 1, -1)
    second = {
        "one neuron with negative weights": (-1, 2, -3, 1, -2, -1),
        "positive weights": (1, 2, 3, 1, 2, 1),
        "mixed signs": (-1, 3, 2, -1, 2, 1),
    }[kind]
    return tuple(Fraction(x) for x in (*first, *second, 1, -2, 3, 1))


def derivation() -> Iterator[Step]:
    """The chain rule as identities; minimality; ranks at exact points; where it ends."""
    from ...oracles.proofs import exact_rank

    yield Step(
        "If the network depends on theta through phi near a point, g(theta, x) = f(phi(theta), x), the chain rule "
        "writes its gradients as combinations of gradients of phi. So W^g is a part of W_phi, and a function whose "
        "gradient is orthogonal to W_phi is orthogonal to W^g: laws of phi are laws of g.",
        r"\partial_\theta g(\theta, x)^\top w = d\phi(\theta)^\top\, \partial_z f(z, x)^\top w \;\in\; W_\phi(\theta)",
    )
    yield Step(
        "Linear networks, g = U V^T x, f(Z, x) = Z x. To first order in e, along any direction (A, B), the change of "
        "w.g is the inner product of w x^T with the change of phi; all of size 2 x 2, all free.",
        r"w^\top (U + eA)(V + eB)^\top x = w^\top U V^\top x + e\, \langle w x^\top, A V^\top + U B^\top \rangle"
        r" + O(e^2)",
        linear_identity(),
    )
    yield Step(
        "Two-layer ReLU networks with biases. Near theta the slope s of a neuron at an input is constant: w.g is "
        "linear in phi = (u v^T, u b), with coefficients s w x^T and s w.",
        r"w^\top (u + e u')\, s\, \bigl((v + e v') \cdot x + b + e b'\bigr) = \dots + e\, s \bigl( \langle w x^\top, u'"
        r" v^\top + u v'^\top \rangle + \langle w, u' b + u b' \rangle \bigr) + O(e^2)",
        relu_identity(),
    )
    yield Step(
        "Any graph: g is the sum over paths of phi_p, times the slopes along p, times the input at its start. Three "
        "layers, widths 2-2-2-1, free slopes: backpropagation is the sum of the gradients of the paths with these "
        "weights.",
        r"g_k(\theta, x) = \sum_{p \to k} \phi_p(\theta)\, a_p\, x_{p}, \qquad a_p = \prod_{v \in p} s_v(x)",
        deep_identity(),
    )
    yield Step(
        "phi is minimal where the gradients of f span R^d. For linear networks they are the matrices w x^T, and unit "
        "vectors w and x make all unit matrices.",
        r"W^f = \operatorname{span}\{ w x^\top \} = \mathbb R^{n \times m}",
    )
    yield Step(
        "Two-layer ReLU networks, v_j not 0 and all hyperplanes v_j.x + b_j = 0 distinct. Let C = (C_1, ..., C_r) be "
        "orthogonal to W^f: the sum of s_j(x) C_j (x; 1) is 0 for all x off the hyperplanes. On both sides of "
        "hyperplane j, near a point of it that lies on no other, this is an affine function that vanishes on an open "
        "set, so identically. Their difference is C_j (x; 1), up to the factor 1 - leak: so C_j = 0.",
        r"\sum_j s_j(x)\, C_j \binom{x}{1} = 0 \;\; \forall x \;\Longrightarrow\; C_j = 0 \;\; \forall j",
    )
    yield Step(
        "So m + 1 affinely independent inputs on either side of every hyperplane see all that any data can see. At "
        "such inputs the ranks are exact:",
    )
    for (n, m, r, bias), _ in MINIMAL.items():
        case = example(n, m, r, bias)
        yield Step(
            f"(n, m, r) = ({n}, {m}, {r}){' with biases' * bias}: the gradients at {len(case.inputs())} inputs have "
            f"rank {rank(case.seen())} ...",
            certificate=exact_rank(case.seen()),
        )
        yield Step(f"... and so has d phi, of {len(case.of_phi())} paths.", certificate=exact_rank(case.of_phi()))
    yield Step(
        "Where hyperplanes coincide, the same argument says what is left. Slopes are a_j + c_j 1_H(x) with H one side "
        "of the hyperplane of j; 1 and the 1_H of different hyperplanes are independent. So W^f consists of the C_j = "
        "a_j A + c_j B_H with one matrix A, and one B_H for each hyperplane. Neurons on one side of a hyperplane count "
        "as one; ReLU neurons on opposite sides bring in A, once for all hyperplanes.",
        r"W^f = \{ (C_1, \dots, C_r) : C_j = a_j A + c_j B_{H(j)} \}",
    )
    for (n, m, r, bias), _ in COINCIDING.items():
        case = example(n, m, r, bias)
        report = scalar_report(n, r)
        yield Step(
            f"Scalar inputs without biases, all v_j > 0, (n, m, r) = ({n}, {m}, {r}): rank W^g = {rank(case.seen())}"
            " ...",
            certificate=exact_rank(case.seen()),
        )
        yield Step(
            f"... and rank d phi = {rank(case.of_phi())}: phi is not minimal there.",
            certificate=exact_rank(case.of_phi()),
        )
        yield Step(
            f"The network is the linear network U V^T on a half line, with {report.laws_at_least} laws instead of {r}.",
            certificate=report.certificate,
        )
    for kind in DEEP:
        report = deep_report(kind)
        rows = seen_gradients(paths_model("relu:2-3-2-2"), deep_point(kind), CIRCLE)
        yield Step(
            f"Depth three, relu:2-3-2-2, second weight matrix: {kind}. The gradients at {len(CIRCLE)} inputs in all "
            f"directions have rank {report.seen_rank} instead of {report.path_rank}.",
            certificate=exact_rank(rows),
        )


def linear_identity() -> Certificate:
    """Variables: U, V, A, B (2 x 2), w, x, e."""
    from ...oracles.proofs import Matrix, add, identity, multiply, symbol

    U, V, A, B = (Matrix.symbols(2, 2, 4 * k) for k in range(4))
    w, x, e = Matrix.symbols(2, 1, 16), Matrix.symbols(2, 1, 18), symbol(20)
    left = w.inner((U + A.scaled(e)) @ (V + B.scaled(e)).T @ x)
    value, second = w.inner(U @ V.T @ x), w.inner(A @ B.T @ x)
    first = (w @ x.T).inner(A @ V.T + U @ B.T)
    return identity(21, [(left, add(value, multiply(e, first), multiply(e, e, second)))])


def relu_identity(*, forget_slope: bool = False) -> Certificate:
    """Variables: u, v, u', v', w, x (2 each), b, b', s, e."""
    from ...oracles.proofs import Matrix, add, identity, multiply, symbol

    u, v, du, dv, w, x = (Matrix.symbols(2, 1, 2 * k) for k in range(6))
    b, db, s, e = (symbol(12 + k) for k in range(4))
    z, dz = add(v.inner(x), b), add(dv.inner(x), db)
    left = multiply(w.inner(u + du.scaled(e)), s, add(z, multiply(e, dz)))
    outer = (w @ x.T).inner(du @ v.T + u @ dv.T)
    biases = w.inner(du.scaled(b) + u.scaled(db))
    first = multiply(1 if forget_slope else s, add(outer, biases))
    second = multiply(s, w.inner(du), dz)
    right = add(multiply(s, w.inner(u), z), multiply(e, first), multiply(e, e, second))
    return identity(16, [(left, right)])


def deep_identity() -> Certificate:
    """Variables: W1, W2 (2 x 2), W3 (2 x 1), the slopes of both layers (2 each), x (2), w (1)."""
    from ...oracles.proofs import Matrix, add, identity, multiply, symbol

    W1, W2, W3 = Matrix.symbols(2, 2, 0), Matrix.symbols(2, 2, 4), Matrix.symbols(2, 1, 8)
    first, second = [symbol(10), symbol(11)], [symbol(12), symbol(13)]
    x, w = Matrix.symbols(1, 2, 14), Matrix.symbols(1, 1, 16)

    def sloped(row: Matrix, slopes: Sequence[Node]) -> Matrix:
        return Matrix.build(1, 2, lambda _, j: multiply(slopes[j], row.rows[0][j]))

    h1 = sloped(x @ W1, first)
    h2 = sloped(h1 @ W2, second)
    back2 = sloped(w @ W3.T, second)
    back1 = sloped(back2 @ W2.T, first)
    by_network = [entry for part in (x.T @ back1, h1.T @ back2, h2.T @ w) for row in part.rows for entry in row]
    by_paths: list[list[Node]] = [[] for _ in by_network]
    for i in (0, 1):
        for j in (0, 1):
            for k in (0, 1):
                path = (2 * i + j, 4 + 2 * j + k, 8 + k)
                weight = multiply(first[j], second[k], x.rows[0][i], w.rows[0][0])
                for edge in path:
                    others = [symbol(other) for other in path if other != edge]
                    by_paths[edge].append(multiply(weight, *others))
    pairs = [(a, add(*parts)) for a, parts in zip(by_network, by_paths, strict=True)]
    return identity(17, pairs)


@cache
def scalar_report(n: int, r: int) -> RegionReport:
    """What two positive inputs see of a scalar-input network without biases, all v_j > 0."""
    from ...oracles.region import seen_by_data

    case = example(n, 1, r, False)
    return seen_by_data(paths_model(case.spec), case.point(), [[1], [2], [-1]])


@cache
def deep_report(kind: str) -> RegionReport:
    """What inputs in all directions see of relu:2-3-2-2."""
    from ...oracles.region import seen_by_data

    return seen_by_data(paths_model("relu:2-3-2-2"), deep_point(kind), CIRCLE)


def extra_law() -> Polynomial:
    """``v_1 v_2 - u_1 u_2`` of relu:1-2-1: conserved by the network while both v_j are positive."""
    from ...oracles.polynomials import Polynomial

    return Polynomial([(((0, 1), (1, 1)), 1), (((2, 1), (3, 1)), -1)])


@dataclass(frozen=True, slots=True, repr=False)
class Chain:
    """A network at a point, with inputs and a direction of the outputs for each: the slopes of some loss."""

    spec: str
    leak: Fraction
    point: Vector
    data: DataSet

    def __repr__(self) -> str:
        from ..strategies import shown

        samples = zip(self.data.inputs, self.data.targets, strict=True)
        data = ", ".join(f"x = {shown(x)}, w = {shown(w)}" for x, w in samples)
        return f"{self.spec}, leak {self.leak}, theta = {shown(self.point)}, {data}"

    def squared(self) -> FloatCase:
        """The same network and inputs with the squared loss; w are the targets."""
        from ..strategies import OUTPUT_LOSSES

        return FloatCase(self.spec, self.leak, self.point, self.data, OUTPUT_LOSSES[0])


def chains(*kinds: Kind) -> SearchStrategy[Chain]:
    """ReLU networks on all graphs, points of the given kinds or of every kind."""
    from hypothesis import strategies as st

    from ..strategies import dags, data_dimensions, data_sets, initializations, relu_models

    networks: st.SearchStrategy[Any] = st.one_of(relu_models(layers=(2, 4), width=(1, 3), parameters=16), dags())
    leaks, kind = st.sampled_from((*LEAKS, Fraction(1))), st.sampled_from(kinds) if kinds else st.none()

    @st.composite
    def draw_chain(draw: st.DrawFn) -> Chain:
        model = draw(networks)
        return Chain(
            model.spec, draw(leaks), draw(initializations(model, draw(kind))), draw(data_sets(*data_dimensions(model)))
        )

    return draw_chain()


def generic_chains() -> SearchStrategy[Chain]:
    """Points with few arguments at a kink, where floats may choose either slope."""
    return chains("generic", "near-degenerate", "signed")


def biased_chains() -> SearchStrategy[Chain]:
    """Two-layer networks with biases, at generic points."""
    from hypothesis import strategies as st

    from ..strategies import data_dimensions, data_sets, initializations, relu_models

    networks = relu_models(layers=(2, 2), width=(1, 2), bias=True, outbias=False, skips=False)

    @st.composite
    def draw_chain(draw: st.DrawFn) -> Chain:
        model = draw(networks)
        data = draw(data_sets(*data_dimensions(model), samples=(1, 1)))
        return Chain(model.spec, Fraction(0), draw(initializations(model, "generic")), data)

    return draw_chain()


def linear_chains() -> SearchStrategy[Chain]:
    """Deep linear networks, output dimension first; mostly at points where gradients do not vanish."""
    from hypothesis import strategies as st

    from ..strategies import data_dimensions, data_sets, initializations, linear_models

    models = linear_models(layers=(2, 4), width=(1, 3), parameters=24)
    kinds: tuple[Kind | None, ...] = ("generic", "near-degenerate", "signed", None)
    kind = st.sampled_from(kinds)

    @st.composite
    def draw_chain(draw: st.DrawFn) -> Chain:
        model = draw(models)
        return Chain(
            model.spec, Fraction(1), draw(initializations(model, draw(kind))), draw(data_sets(*data_dimensions(model)))
        )

    return draw_chain()


def two_layer(coinciding: bool) -> SearchStrategy[TwoLayer]:
    """Two-layer networks whose hyperplanes are all distinct, or some of which share one; entries are exact floats."""
    from hypothesis import strategies as st

    entry = st.integers(-4, 4).map(lambda k: Fraction(k, 2))
    scale = st.sampled_from([Fraction(k, 2) for k in (2, -2, 1, -1, 4, -4)])

    def vector(draw: st.DrawFn, length: int) -> Vector:
        drawn = [draw(entry) for _ in range(length)]
        if not any(drawn):
            drawn[draw(st.integers(0, length - 1))] = Fraction(1)
        return tuple(drawn)

    @st.composite
    def draw_case(draw: st.DrawFn) -> TwoLayer:
        n, m, bias = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.booleans())
        most = 1 if m == 1 and not bias else 2 if coinciding else 4
        bases: list[Neuron] = []
        for _ in range(draw(st.integers(1, most))):
            base = Neuron((), vector(draw, m), draw(entry) if bias else Fraction(0))
            if base.plane()[0] not in [other.plane()[0] for other in bases]:
                bases.append(base)
        if coinciding:
            bases += [draw(st.sampled_from(bases)) for _ in range(draw(st.integers(1, 3)))]
        neurons: list[Neuron] = []
        for base in bases:
            c = draw(scale) if coinciding else Fraction(1)
            neurons.append(Neuron(tuple(draw(entry) for _ in range(n)), tuple(c * x for x in base.v), c * base.b))
        return TwoLayer(tuple(neurons), bias, draw(st.sampled_from(LEAKS)))

    return draw_case()


def check_chain(case: Chain) -> Residual:
    """Backpropagation against ``d phi^T c``, entry by entry."""
    import numpy as np

    model = paths_model(case.spec)
    network = network_of(case.spec, case.leak)
    inputs, slopes = (
        np.array([list(row) for row in rows], dtype=object) for rows in (case.data.inputs, case.data.targets)
    )
    found = network.pullback(np.array(case.point, dtype=object), inputs, slopes)
    passed = [forward(model, case.point, x, case.leak) for x in case.data.inputs]
    stated = pulled_back(case.point, sensitivities(case.spec, passed, case.data.targets))
    off = sum((abs(Fraction(a) - b) for a, b in zip(found, stated, strict=True)), Fraction(0))
    return Residual(off, nontrivial=any(stated))


def check_linear(case: Chain) -> Residual:
    """The gradient through the network x -> Z x, layer by layer, against ``d phi^T (sum of w x^T)``."""
    import numpy as np

    from ...oracles.models import DeepLinear
    from ...simulations import Loss, Objective

    model = model_of(case.spec)
    assert isinstance(model, DeepLinear)
    samples = list(zip(case.data.inputs, case.data.targets, strict=True))
    n, m = model.widths[0], model.widths[-1]
    slope = [sum((w[k] * x[i] for x, w in samples), Fraction(0)) for k in range(n) for i in range(m)]
    stated = Objective(model, Loss.linear(slope)).gradient(case.point)

    blocks: list[Any] = []
    start = 0
    for block in model.blocks:
        blocks.append(np.array(case.point[start : start + block.size], dtype=object).reshape(block.shape))
        start += block.size
    found: list[Any] = [0] * len(blocks)
    for x, w in samples:
        ahead = [np.array(x, dtype=object)]
        for matrix in reversed(blocks):
            ahead.append(matrix @ ahead[-1])
        back = np.array(w, dtype=object)
        for i, matrix in enumerate(blocks):
            found[i] = found[i] + np.outer(back, ahead[len(blocks) - 1 - i])
            back = back @ matrix
    flat = [entry for part in found for entry in part.ravel()]
    off = sum((abs(Fraction(a) - b) for a, b in zip(flat, stated, strict=True)), Fraction(0))
    return Residual(off, nontrivial=any(stated))


def check_biases_left_out(case: Chain) -> Residual:
    """The wrong statement: paths that start at inputs are enough, those that start at biases are not needed."""
    import numpy as np

    model = paths_model(case.spec)
    table = edges(case.spec)
    inputs, slopes = (
        np.array([list(row) for row in rows], dtype=object) for rows in (case.data.inputs, case.data.targets)
    )
    found = network_of(case.spec, case.leak).pullback(np.array(case.point, dtype=object), inputs, slopes)
    kept = [
        row
        for path, row in zip(model.paths(), path_gradients(model, case.point), strict=True)
        if all(model.groups[table[edge][0][0]].name != "one" for edge, _ in path)
    ]
    return Residual(rank([*kept, [Fraction(x) for x in found]]) - rank(kept))


def check_minimal(case: TwoLayer) -> Residual:
    """The rank of the gradients at inputs beside the hyperplanes against that of d phi."""
    seen, whole = rank(case.seen()), rank(case.of_phi())
    return Residual(abs(seen - whole), nontrivial=whole > 0, note=f"rank {seen} of {whole}")


def check_coinciding(case: TwoLayer) -> Residual:
    """The span of these gradients against the span that the hyperplanes predict."""
    seen, stated = case.seen(), case.predicted()
    ranks = rank(seen), rank(stated), rank([*seen, *stated])
    whole = rank(case.of_phi())
    off = abs(ranks[0] - ranks[2]) + abs(ranks[1] - ranks[2])
    return Residual(off, nontrivial=0 < ranks[1] < whole, note=f"rank {ranks[0]} of {whole}")


def check_float_rank(case: TwoLayer) -> Residual:
    """The first singular value of the float64 gradients beyond the exact rank of d phi: W^g lies in W_phi.

    Bound: an entry is wrong by gamma(q) times the sum of its absolute terms, q the roundings along a path, whichever
    slopes the floats chose; singular values move by at most the Frobenius norm of that (Weyl). The computed ones are
    those of a matrix that differs by a few ``(rows + columns) u |A|_F``, and 8 is taken for "a few".
    """
    import numpy as np

    from ...simulations import ReluNetwork, float_point
    from ...simulations.fields import gamma

    model = paths_model(case.spec)
    network = network_of(case.spec, case.leak)
    point = float_point(case.point())
    inputs = np.array([[float(entry) for entry in x] for x in case.inputs()])
    matrix: Any = network.jacobian(point, inputs).reshape(-1, len(point))
    terms = ReluNetwork(model, 1).jacobian(abs(point), abs(inputs)).reshape(-1, len(point))
    singular = np.linalg.svd(matrix, compute_uv=False)
    exact = rank(case.of_phi())
    beyond = float(singular[exact]) if exact < len(singular) else 0.0
    bound = gamma(network.roundings) * float(np.linalg.norm(terms)) * (1 + 2.0**-30)
    bound += 8 * sum(matrix.shape) * 2.0**-53 * float(np.linalg.norm(matrix))
    return Residual(beyond, bound, nontrivial=0 < exact < len(singular))


def check_numpy(case: Chain) -> Residual:
    """The gradient of a squared loss in float64 against ``d phi^T c`` over Q at the same floats."""
    from ...simulations import float_point

    start = float_point(case.point)
    return _float_chain(case, start, case.squared().field()(start))


def check_autograd(case: Chain) -> Residual:
    """The same for the gradient that torch computes."""
    from ...simulations import float_point

    start = float_point(case.point)
    return _float_chain(case, start, autograd(case.squared(), start))


def _float_chain(case: Chain, start: Any, gradient: Any) -> Residual:
    """The worst entry against its rounding bound (``DataLoss.roundoff_bound``).

    That bound is for one activation pattern. Where rounding might choose another, within gamma(q) times the sum of
    absolute terms of a kink, the case says nothing.
    """
    from ...simulations.fields import gamma

    model = paths_model(case.spec)
    point = [Fraction(float(x)) for x in start]
    field = case.squared().field()
    unsure = Fraction(gamma(field.roundings))
    slopes: list[list[Fraction]] = []
    passed: list[Forward] = []
    for x, y in zip(case.data.inputs, case.data.targets, strict=True):
        run = forward(model, point, x, case.leak)
        sizes = forward(model, [abs(v) for v in point], [abs(v) for v in x], Fraction(1))
        for group, values, terms in zip(model.groups, run.before, sizes.before, strict=True):
            near = any(t and abs(z) <= unsure * t for z, t in zip(values, terms, strict=True))
            if group.role == "hidden" and near:
                return Residual(0, nontrivial=False)
        outputs = [
            v for group, part in zip(model.groups, run.values, strict=True) if group.role == "output" for v in part
        ]
        passed.append(run)
        slopes.append([z - t for z, t in zip(outputs, y, strict=True)])
    stated = pulled_back(point, sensitivities(case.spec, passed, slopes))
    worst = Residual(0, 0, nontrivial=any(stated))
    for found, exact, bound in zip(gradient, stated, field.roundoff_bound(start), strict=True):
        off = Residual(float(abs(Fraction(float(found)) - exact)), float(bound), nontrivial=any(stated))
        if not off.holds:
            return off
        if off.value * (worst.bound or 1) >= worst.value * (off.bound or 1):
            worst = off
    return worst


@dataclass(frozen=True, slots=True, repr=False)
class Deep:
    """A point of relu:2-3-2-2."""

    point: Vector

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"relu:2-3-2-2, theta = {shown(self.point)}"


def positive_second_layer() -> SearchStrategy[Deep]:
    """Weights of relu:2-3-2-2 whose second matrix is positive; no input of ``CIRCLE`` lies on a kink."""
    from hypothesis import strategies as st

    outer = st.sampled_from([Fraction(k) for k in (1, -1, 2, -2)])
    inner = st.integers(1, 4).map(Fraction)
    return st.builds(Deep, st.tuples(*[outer] * 6, *[inner] * 6, *[outer] * 4))


def check_deep_minimal(case: Deep) -> Residual:
    """The wrong statement: data in all directions see all that the paths see, at depth three too."""
    model = paths_model("relu:2-3-2-2")
    return Residual(abs(rank(seen_gradients(model, case.point, CIRCLE)) - rank(path_gradients(model, case.point))))


def rank_table() -> Table:
    """Two-layer networks: the ranks of W^g and of d phi."""
    rows: list[list[str | int]] = []
    agrees = True
    stated = {**{shape: (known, known) for shape, known in MINIMAL.items()}, **COINCIDING}
    for (n, m, r, bias), known in stated.items():
        case = example(n, m, r, bias)
        found = rank(case.seen()), rank(case.of_phi())
        agrees = agrees and found == known
        verdict = "minimal" if found[0] == found[1] else "not minimal: all hyperplanes are {0}"
        rows.append([n, m, r, "yes" if bias else "no", len(case.point()), *found, verdict])
    opposite = TwoLayer(tuple(Neuron((Fraction(1),), (Fraction(s),)) for s in (1, -1)), bias=False)
    ranks = rank(opposite.seen()), rank(opposite.of_phi())
    rows.append([1, 1, "2, v₁ > 0 > v₂", "no", 4, *ranks, "minimal: one hyperplane, both sides"])
    columns = ("n", "m", "r", "bias", "D", "rank Wᵍ", "rank dφ", "phi is")
    return Table("Two-layer ReLU networks", columns, rows, agrees)


def deep_table() -> Table:
    """Depth three: what the signs of the second weight matrix hide."""
    rows: list[list[str | int]] = []
    agrees = True
    for kind in (*DEEP, "mixed signs"):
        report = deep_report(kind)
        found = report.seen_rank, report.path_rank
        agrees = agrees and found == DEEP.get(kind, found) and report.seen_rank == report.seen_rank_at_most
        rows.append([kind, report.parameters, *found, report.laws_at_least, report.hidden])
    columns = ("second weight matrix", "D", "rank Wᵍ", "rank dφ", "laws of g here", "laws of phi")
    return Table("relu:2-3-2-2 without biases", columns, rows, agrees)


def more_inputs(profile: Profile) -> SimulationResult:
    """Exact ranks of the gradients at more and more random inputs."""
    from random import Random

    count = (48, 96, 240)[profile.effort]
    random = Random(3)
    # denominators are exactly the primes 97 and 101, which divide no weight: no input lies on a kink
    draws = [
        tuple(random.randint(-4, 3) + Fraction(random.randrange(1, p), p) for p in (97, 101)) for _ in range(count)
    ]
    curves: dict[str, list[tuple[float, float]]] = {}
    rest: dict[str, list[tuple[float, float]]] = {}
    off = 0
    for (n, m, r, bias), known in (*MINIMAL.items(), *((shape, pair[0]) for shape, pair in COINCIDING.items())):
        case = example(n, m, r, bias)
        name = f"({n}, {m}, {r})" + " with biases" * bias
        inputs = [x[:m] for x in draws]
        climb = _climb(seen_gradients(paths_model(case.spec), case.point(), inputs), n)
        (curves if (n, m, r, bias) in MINIMAL else rest)[name] = climb
        off += climb[-1][1] != known
    for kind, (known, _) in DEEP.items():
        climb = _climb(seen_gradients(paths_model("relu:2-3-2-2"), deep_point(kind), draws), 2)
        rest[f"2-3-2-2, {kind}"] = climb
        off += climb[-1][1] != known
    ends = (1.0, float(count))
    plots = (
        Plot(
            "Two-layer networks: data see all that phi sees",
            "random inputs",
            "exact rank of their gradients",
            [Series(name, climb) for name, climb in curves.items()],
            "log",
            caption="Each curve ends at the rank of dφ. A neuron shows all its directions once there are inputs on "
            "both sides of its hyperplane.",
        ),
        Plot(
            "Where phi is not minimal",
            "random inputs",
            "exact rank of their gradients",
            [
                *(Series(name, climb) for name, climb in rest.items()),
                Series("rank dφ of 2-3-2-2", [(x, 11.0) for x in ends], "bound"),
                Series("rank dφ of (2, 1, 3)", [(x, 6.0) for x in ends], "bound"),
                Series("rank dφ of (1, 1, 2)", [(x, 2.0) for x in ends], "bound"),
            ],
            "log",
            caption="No number of inputs helps: hyperplanes that coincide, dead neurons and layers that are always "
            "active hide directions from all data.",
        ),
    )
    return SimulationResult(Residual(off, note=f"{count} random inputs"), plots)


def _climb(rows: Rows, outputs: int) -> list[tuple[float, float]]:
    count = len(rows) // outputs
    marks = sorted({min(count, max(k, round(1.3**k))) for k in range(1, count)})
    return [(float(k), float(rank(rows[: k * outputs]))) for k in marks]


def one_law_more(profile: Profile) -> SimulationResult:
    """Gradient flow of relu:1-2-1 in float64, implicit midpoint rule: v_1 v_2 - u_1 u_2 stays while both v_j > 0.

    The rule keeps quadratic laws up to rounding; ``rounding_drift`` bounds that.
    """
    import numpy as np

    from ...simulations import MIDPOINT, DataLoss, float_point, integrate, rounding_drift
    from ...simulations.integrators import drift

    steps = (60, 200, 800)[profile.effort]
    length = 4 / steps
    inputs = [[Fraction(x, 2)] for x in (-4, -2, 1, 2, 3)]
    targets = [[Fraction(y, 2)] for y in (1, -1, 0, 3, 2)]
    start = {
        "v₁, v₂ > 0": ("relu:1-2-1", (1, Fraction(1, 2), Fraction(-1, 2), 1)),
        "v₁ > 0 > v₂": ("relu:1-2-1", (1, Fraction(-1, 2), Fraction(-1, 2), 1)),
    }
    curves: dict[str, list[tuple[float, float]]] = {}
    ends: dict[str, float] = {}
    allowed, positive = 0.0, False
    law = extra_law()
    for name, (spec, point) in start.items():
        field = DataLoss(network_of(spec, Fraction(0)), inputs, targets)
        path = integrate(field, float_point(point), method=MIDPOINT, length=length, steps=steps)
        marks = range(1, steps + 1, max(1, steps // 60))
        curves[name] = [(float(path.times[k]), drift([law], path.points[0], path.points[k])) for k in marks]
        ends[name] = max(value for _, value in curves[name])
        if not allowed:
            allowed = rounding_drift(field, [law], path, length=length)
            positive = bool(np.all(np.stack(path.points)[:, :2] > 0))
    moved = ends["v₁ > 0 > v₂"]
    plot = Plot(
        "v₁ v₂ - u₁ u₂ along training of u₁ relu(v₁ x) + u₂ relu(v₂ x)",
        "t",
        "|h(t) - h(0)|",
        [
            *(Series(name, [(t, value) for t, value in curve if value]) for name, curve in curves.items()),
            Series("rounding can reach", [(t, allowed) for t in (0.0, 4.0)], "bound"),
        ],
        y_scale="log",
        caption="While both neurons look to the same side the network is linear on a half line and has one law more "
        "than phi. With one neuron on either side phi is minimal, and the same function moves.",
    )
    note = f"on opposite sides it moved by {moved:.3g}"
    kept = ends["v₁, v₂ > 0"] if positive and moved > 0.01 else float("inf")
    return SimulationResult(Residual(kept, allowed, note=note), (plot,))


def refuted_extra_law() -> Certificate:
    """A point at which v_1 v_2 - u_1 u_2 changes along the gradient of a path of relu:1-2-1."""
    from ...oracles.proofs import find_refutation

    found = find_refutation(paths_model("relu:1-2-1"), extra_law())
    assert found is not None
    return found.certificate


def too_high_a_rank() -> Certificate:
    """The claim that scalar inputs see rank 2 of (1, 1, 2), with as many kernel vectors as fit the number."""
    from ...oracles.proofs import exact_rank, kernel_vectors

    rows = example(1, 1, 2, False).seen()
    honest = exact_rank(rows)
    claim, witness = honest["claim"], honest["witness"]
    assert isinstance(claim, dict)
    assert isinstance(witness, dict)
    kernel = [[str(x) for x in vector] for vector in kernel_vectors(rows)[:2]]
    return {**honest, "claim": {**claim, "rank": 2}, "witness": {**witness, "kernel": kernel}}


CLASH = (
    example(1, 1, 2, False),
    example(2, 1, 3, False),
    TwoLayer(tuple(Neuron((Fraction(1),), (Fraction(s), Fraction(s))) for s in (1, -1, 2)), bias=False),
    TwoLayer(
        tuple(Neuron((Fraction(1),), (Fraction(s),), Fraction(s * b)) for s in (1, -1) for b in (1, 3)), bias=True
    ),
)
"""Hyperplanes that coincide: all parallel, one opposite, and two opposite pairs."""

THEOREM = Theorem(
    id="A1.reparametrization",
    title="Local reparametrization and minimality",
    summary="What data see of the parameters lies in W_phi, so laws of phi are laws of the network; for two-layer ReLU "
    "networks with distinct hyperplanes it is all of W_phi.",
    source="A1 Prop. 2.12, Lemma 2.13, Thm 2.14; A4 Assumption 2.6, Prop. 2.7, Cor. 2.8, Thm 3.4; the case of "
    "coinciding hyperplanes derived",
    status="proved",
    hypotheses=(
        "g(theta, x) = f(phi(theta), x) near theta, for inputs x near which g is differentiable.",
        "For minimality: the loss slopes span R^n (A1.loss-span); the network is linear, or two-layer ReLU or leaky "
        "ReLU with all v_j non-zero and all hyperplanes v_j.x + b_j = 0 distinct.",
    ),
    statement=r"W^g_\theta = d\phi(\theta)^\top W^f_{\phi(\theta)} \subseteq W_\phi(\theta), \qquad W^f_{\phi(\theta)}"
    r" = \mathbb R^d \;\Longrightarrow\; W^g_\theta = W_\phi(\theta)",
    assumes=("A1.char.orthogonality", "A1.loss-span"),
    derivation=derivation,
    tables=(rank_table, deep_table),
    properties=(
        Property(
            "chain-rule",
            "On random graphs, at points of every kind, backpropagation equals the gradients of the paths, weighted by "
            "slopes, inputs and loss, exactly.",
            "rational",
            chains,
            check_chain,
            share=0.5,
        ),
        Property(
            "linear-chain-rule",
            "Through a deep linear network the gradient is the gradient of the product, paired with the sum of w x^T.",
            "rational",
            linear_chains,
            check_linear,
            share=0.25,
        ),
        Property(
            "minimal",
            "Where hyperplanes are distinct, inputs beside them see exactly the rank of d phi.",
            "rational",
            lambda: two_layer(coinciding=False),
            check_minimal,
            examples=tuple(example(*shape) for shape in MINIMAL),
            share=0.5,
        ),
        Property(
            "coinciding",
            "Where hyperplanes coincide, they see exactly the derived subspace.",
            "rational",
            lambda: two_layer(coinciding=True),
            check_coinciding,
            examples=CLASH,
            share=0.5,
        ),
        Property(
            "float-ranks",
            "In float64 the singular values of the gradients beyond the rank of d phi are rounding.",
            "float64",
            lambda: two_layer(coinciding=False),
            check_float_rank,
            examples=tuple(example(*shape) for shape in MINIMAL),
            share=0.5,
        ),
        Property(
            "float64",
            "The gradient of a squared loss in float64 differs from d phi^T c by no more than rounding.",
            "float64",
            generic_chains,
            check_numpy,
            share=0.5,
        ),
        Property(
            "autograd",
            "So does the gradient that torch's autograd computes.",
            "float64",
            generic_chains,
            check_autograd,
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            "more-inputs", "How the rank that data see grows with the number of random inputs, and ends.", more_inputs
        ),
        Simulation(
            "one-law-more",
            "Training a scalar-input network without biases: one law more than phi has, while both v_j > 0.",
            one_law_more,
        ),
    ),
    mutants=(
        Mutant(
            "always-minimal",
            "Data see all of W_phi even where hyperplanes coincide, as for scalar inputs without biases.",
            violates=Property(
                "always-minimal",
                "minimal at every theta",
                "rational",
                lambda: two_layer(coinciding=True),
                check_minimal,
                examples=CLASH[:1],
            ),
        ),
        Mutant(
            "depth-three",
            "Data in all directions see all of W_phi at depth three, whatever the signs of the weights.",
            violates=Property(
                "depth-three", "minimal at depth three", "rational", positive_second_layer, check_deep_minimal
            ),
        ),
        Mutant(
            "biases-left-out",
            "The paths that start at biases may be left out of phi.",
            violates=Property(
                "biases-left-out", "phi without biases", "rational", biased_chains, check_biases_left_out
            ),
        ),
        Mutant(
            "every-law-of-g",
            "Every law of the network in a region is a law of phi: v_1 v_2 - u_1 u_2 of relu:1-2-1.",
            refutes=refuted_extra_law,
        ),
        Mutant("too-high-a-rank", "Scalar inputs see rank 2 of (1, 1, 2).", rejects=too_high_a_rank),
        Mutant(
            "slope-forgotten",
            "The weights of the paths do not contain the slopes of the neurons.",
            rejects=lambda: relu_identity(forget_slope=True),
        ),
    ),
)
