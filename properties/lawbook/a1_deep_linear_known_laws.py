"""A1.deep-linear.known-laws: the balance matrices of a deep linear network, and how many of their entries are free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations_with_replacement, pairwise
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.polynomials import Rational

SHAPES = ((1, 3, 1), (1, 4, 2), (4, 5, 2), (2, 3, 2, 2), (1, 5, 2, 1), (1, 5, 1, 4, 1))
"""Widths whose ranks are certified one by one; most have a hidden layer wider than its two neighbours together."""

Precision = Literal["float32", "float64"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths [d_0, ..., d_L] and the seed of a random integer point."""

    widths: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """Widths, weights layer by layer, and M, the derivative of the loss in phi, d_0 x d_L row by row."""

    widths: tuple[int, ...]
    weights: tuple[Rational, ...]
    slope: tuple[Rational, ...]

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"widths {'-'.join(map(str, self.widths))}, weights {shown(self.weights)}, M = {shown(self.slope)}"


def symmetric(k: int) -> int:
    """The dimension of symmetric k x k matrices."""
    return k * (k + 1) // 2


def known(widths: Sequence[int]) -> int:
    """The number of independent entries of all balance matrices at a generic point, as stated."""
    inner = zip(widths, widths[1:], widths[2:], strict=False)
    return sum(symmetric(d) - symmetric(max(0, d - before - after)) for before, d, after in inner)


def law_gradients(widths: Sequence[int], point: Sequence[int]) -> list[list[int]]:
    """The gradients of the entries on and above the diagonal of all S_i at an integer point, one a row."""
    starts = list(accumulate((a * b for a, b in pairwise(widths)), initial=0))
    rows: list[list[int]] = []
    for i in range(1, len(widths) - 1):
        before, width, after = widths[i - 1], widths[i], widths[i + 1]
        for a, b in combinations_with_replacement(range(width), 2):
            row = [0] * starts[-1]
            for k in range(before):
                first = starts[i - 1] + k * width
                row[first + a] += point[first + b]
                row[first + b] += point[first + a]
            for k in range(after):
                one, two = starts[i] + a * after + k, starts[i] + b * after + k
                row[one] -= point[two]
                row[two] -= point[one]
            rows.append(row)
    return rows


def random_point(widths: Sequence[int], seed: int, size: int = 10**9) -> list[int]:
    """Integers that are not zero; with entries up to 10^9 a minor of degree 60 vanishes with probability below 1e-7."""
    random = Random(seed)
    return [random.choice((-1, 1)) * random.randint(1, size) for a, b in pairwise(widths) for _ in range(a * b)]


def exact_rank_of(rows: Sequence[Sequence[int]]) -> int:
    """The rank over Q."""
    from flint import fmpz_mat

    return int(fmpz_mat([list(row) for row in rows]).rank())


def derivation() -> Iterator[Step]:
    """Conservation, the gradient of a law, its kernel by an invariance argument, then exact ranks."""
    from ...oracles.proofs import exact_rank

    yield Step(
        "Along the flow of any loss the velocity of U_i is the product of a matrix N with what comes after, and that "
        "of U_(i+1) the product with what comes before; N = (U_1 ... U_(i-1))^T M (U_(i+2) ... U_L)^T is the same for "
        "both. So the two velocities of S_i cancel: here for U_i of shape 2 x 3 and U_(i+1) of shape 3 x 2, all free.",
        r"\dot U_i = N U_{i+1}^\top,\quad \dot U_{i+1} = U_i^\top N \quad\Rightarrow\quad \dot S_i = 0",
        certificate=balance_identity(-1),
    )
    yield Step(
        "Every entry of every balance matrix of the network 2-3-2-2, against every entry of its product: an identity "
        "in 16 variables, entry by entry.",
        certificate=conserved_everywhere((2, 3, 2, 2)),
    )
    yield Step(
        "Laws are combinations <A_1, S_1> + ... with symmetric A_i. This form is quadratic, so f(U + E) - f(U) - f(E) "
        "is its derivative along E. Here for widths 2-2-3-1, with U, E, A_1 and A_2 free.",
        r"\nabla_{U_i} \sum_k \langle A_k, S_k \rangle = 2\,(U_i A_i - A_{i-1} U_i), \qquad A_0 = A_L = 0",
        certificate=gradient_identity(),
    )
    yield Step(
        "The gradient vanishes iff U_i A_i = A_(i-1) U_i for all i. By symmetry also A_i U_i^T = U_i^T A_(i-1): the "
        "block diagonal operator A = (0, A_1, ..., A_(L-1), 0) commutes with all U_i and all their transposes, and it "
        "is zero on the first and the last space. So A_i is zero on N_i, the span of all vectors that words in U_k "
        "and U_k^T carry from the ends into layer i.",
        r"A_i\,|_{N_i} = 0, \qquad N_i = \operatorname{span}\{\text{words from layers } 0, L \text{ into } i\}",
    )
    yield Step(
        "At a generic point N_i contains the range of U_i^T and the range of U_(i+1). By induction from the output: "
        "let x be a vector of N_i in general position. The powers of B = U_(i+1) U_(i+1)^T on x span, B having "
        "distinct eigenvalues off its kernel, the whole range of B; that range is the range of U_(i+1), and U_(i+1)^T "
        "carries it onto the range of U_(i+1)^T in N_(i+1). To say that all these words span is an open condition on "
        "U, and choosing U_1, U_2, ... one after the other shows that it can be met.",
        r"N_i \supseteq \operatorname{ran} U_i^\top + \operatorname{ran} U_{i+1}",
    )
    yield Step(
        "So A_i lives on ker U_i and ker U_(i+1)^T, and every such A_i does commute. The intersection of the two "
        "kernels has dimension t_i at a generic point. Subtract its symmetric matrices.",
        r"\ker = \bigoplus_i \operatorname{Sym}\!\left(\ker U_i \cap \ker U_{i+1}^\top\right), \qquad "
        r"t_i = \max(0,\ d_i - d_{i-1} - d_{i+1})",
    )
    for widths in SHAPES:
        point = random_point(widths, 0, 9)
        entries = sum(symmetric(d) for d in widths[1:-1])
        yield Step(
            f"Widths {'-'.join(map(str, widths))}, at a point of small integers: of {entries} entries exactly "
            f"{known(widths)} are independent.",
            certificate=exact_rank(law_gradients(widths, point)),
        )


def balance_identity(sign: int) -> Certificate:
    """The derivative of ``U^T U + sign V V^T`` along ``(N V^T, U^T N)`` is zero, U 2 x 3, V 3 x 2, N 2 x 2 free."""
    from ...oracles.proofs import Matrix, identity

    U, V, N = Matrix.symbols(2, 3, 0), Matrix.symbols(3, 2, 6), Matrix.symbols(2, 2, 12)
    u, v = N @ V.T, U.T @ N
    left = U.T @ u + (U.T @ u).T
    right = V @ v.T + (V @ v.T).T
    return identity(16, (left + right.scaled(sign)).equals(Matrix.zeros(3, 3)))


def conserved_everywhere(widths: tuple[int, ...]) -> Certificate:
    """All entries of all balance matrices are laws."""
    from ...oracles.models import DeepLinear, known_laws
    from ...oracles.proofs import conserved

    model = DeepLinear(widths)
    return conserved(model, [law for family in known_laws(model) for law in family.polynomials()])


def gradient_identity() -> Certificate:
    """``f(U + E) - f(U) - f(E) = <2 (U_i A_i - A_(i-1) U_i), E>`` for widths 2-2-3-1."""
    from ...oracles.proofs import Matrix, Node, add, identity, multiply, subtract, symbol

    widths = (2, 2, 3, 1)
    count = 0

    def fresh(rows: int, columns: int) -> Matrix:
        nonlocal count
        count += rows * columns
        return Matrix.symbols(rows, columns, count - rows * columns)

    def fresh_symmetric(side: int) -> Matrix:
        nonlocal count
        first = count
        count += symmetric(side)
        place = {pair: first + k for k, pair in enumerate(combinations_with_replacement(range(side), 2))}
        return Matrix.build(side, side, lambda i, j: symbol(place[min(i, j), max(i, j)]))

    U = [fresh(a, b) for a, b in pairwise(widths)]
    E = [fresh(a, b) for a, b in pairwise(widths)]
    A = [fresh_symmetric(d) for d in widths[1:-1]]

    def form(layers: Sequence[Matrix]) -> Node:
        pairs = zip(A, layers, layers[1:], strict=False)
        return add(*(a.inner(first.T @ first - second @ second.T) for a, first, second in pairs))

    whole = [Matrix.zeros(2, 2), *A, Matrix.zeros(1, 1)]
    slope = add(*((u @ whole[i + 1] - whole[i] @ u).inner(e) for i, (u, e) in enumerate(zip(U, E, strict=True))))
    moved = [u + e for u, e in zip(U, E, strict=True)]
    left = subtract(subtract(form(moved), form(U)), form(E))
    return identity(count, [(left, multiply(2, slope))])


def shapes() -> SearchStrategy[Shape]:
    """Two to four layers of widths up to 5, wide hidden layers favoured by small ends."""
    from hypothesis import strategies as st

    from ..strategies import widths

    return st.builds(Shape, widths(width=(1, 5), parameters=45), st.integers(0, 10**6))


def cases(*, tiny: bool = True) -> SearchStrategy[Case]:
    """Networks at initializations of every kind; without ``tiny`` none that would underflow in float32."""
    from hypothesis import strategies as st

    from ..strategies import KINDS, Kind, initializations, linear_models, vectors

    kinds: list[Kind] = [kind for kind in KINDS if tiny or kind != "near-degenerate"]

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        model = draw(linear_models(parameters=30))
        point = draw(initializations(model, draw(st.sampled_from(kinds))))
        return Case(model.widths, point, draw(vectors(model.widths[0] * model.widths[-1])))

    return draw_case()


def check_rank(shape: Shape) -> Residual:
    """The exact rank at a large random point, against the formula."""
    rank = exact_rank_of(law_gradients(shape.widths, random_point(shape.widths, shape.seed)))
    return Residual(abs(rank - known(shape.widths)), note=f"rank {rank}")


def check_uncorrected(shape: Shape) -> Residual:
    """The wrong statement: all entries of all balance matrices are independent."""
    rank = exact_rank_of(law_gradients(shape.widths, random_point(shape.widths, shape.seed)))
    return Residual(abs(rank - sum(symmetric(d) for d in shape.widths[1:-1])))


def check_anywhere(case: Case) -> Residual:
    """No point has more independent gradients than the formula says."""
    from math import lcm

    scale = lcm(*(x.denominator for x in case.weights))
    rank = exact_rank_of(law_gradients(case.widths, [int(x * scale) for x in case.weights]))
    return Residual(max(0, rank - known(case.widths)), nontrivial=rank > 0, note=f"rank {rank}")


def velocities(case: Case, kind: Any, *, sizes: bool = False) -> tuple[list[Any], list[Any]]:
    """The layers and their velocities ``(U_1 ... U_(i-1))^T M (U_(i+1) ... U_L)^T`` as arrays of ``kind``.

    With ``sizes``: the same in float64 with every entry of ``kind`` replaced by its absolute value.
    """
    import numpy as np

    def entries(values: tuple[Rational, ...]) -> Any:
        array = np.array(values, dtype=object).astype(kind)
        return np.abs(array).astype(np.float64) if sizes else array

    starts = list(accumulate((a * b for a, b in pairwise(case.widths)), initial=0))
    flat = entries(case.weights)
    layers = [flat[k : k + a * b].reshape(a, b) for k, (a, b) in zip(starts, pairwise(case.widths), strict=False)]
    before = [entries(case.slope).reshape(case.widths[0], case.widths[-1])]
    after = [np.eye(case.widths[-1], dtype=int).astype(flat.dtype)]
    for layer in layers:
        before.append(layer.T @ before[-1])
    for layer in reversed(layers):
        after.append(layer @ after[-1])
    return layers, [a @ b.T for a, b in zip(before, reversed(after[:-1]), strict=False)]


def balance_velocity(layers: Sequence[Any], moving: Sequence[Any], sign: int = -1) -> list[Any]:
    """The velocity of every balance matrix."""
    found: list[Any] = []
    for (u, v), (du, dv) in zip(pairwise(layers), pairwise(moving), strict=True):
        left, right = u.T @ du, v @ dv.T
        found.append(left + left.T + sign * (right + right.T))
    return found


def check_flow(case: Case) -> Residual:
    """The velocities of all balance matrices, in fractions."""
    layers, moving = velocities(case, object)
    worst = max(abs(entry) for part in balance_velocity(layers, moving) for entry in part.ravel())
    return Residual(worst, nontrivial=any(part.any() for part in moving))


def check_plus(case: Case) -> Residual:
    """The wrong statement: the SUM of the two Gram matrices is conserved."""
    layers, moving = velocities(case, object)
    return Residual(max(abs(entry) for part in balance_velocity(layers, moving, 1) for entry in part.ravel()))


def in_floats(precision: Precision) -> Callable[[Case], Residual]:
    """The same velocities in floats. The rounded weights are a point like any other: there the exact value is 0.

    Bound: each term is a product of entries that passes through L + 2 matrix products, each with a multiplication and
    at most w - 1 additions (w the largest width), and 3 more additions; so the error is at most gamma(n) times the sum
    of the absolute terms, n = (L + 2) w + 3. That sum is taken in float64.
    """

    def check(case: Case) -> Residual:
        import numpy as np

        from ...simulations.fields import gamma

        values = balance_velocity(*velocities(case, precision))
        terms = balance_velocity(*velocities(case, precision, sizes=True), sign=1)
        roundings = (len(case.widths) + 1) * max(case.widths) + 3
        unit = gamma(roundings, np.dtype(precision)) / (1 - gamma(roundings))
        return worst_of(
            [value for part in values for value in np.abs(part).ravel().tolist()],
            [bound for part in terms for bound in (unit * part).ravel().tolist()],
        )

    return check


def worst_of(values: Sequence[float], bounds: Sequence[float]) -> Residual:
    """The value with the largest ratio to its bound, or the first that exceeds it; trivial if all bounds are 0."""
    worst = Residual(0.0, 0.0, nontrivial=False)
    for value, bound in zip(values, bounds, strict=True):
        if not value <= bound:
            return Residual(value, bound)
        if bound and (not worst.bound or value / bound > worst.value / worst.bound):
            worst = Residual(value, bound)
    return worst


def table() -> Table:
    """Ranks at random points beside the formula."""
    rows: list[list[str | int]] = []
    for widths in (*SHAPES, (5, 5, 4, 4, 5), (2, 4, 5, 2), (1, 2, 2, 1), (1, 2, 3, 2, 1), (2, 9, 3)):
        rank = exact_rank_of(law_gradients(widths, random_point(widths, 1)))
        lost = [max(0, d - a - b) for a, d, b in zip(widths, widths[1:], widths[2:], strict=False)]
        entries = sum(symmetric(d) for d in widths[1:-1])
        rows.append(["-".join(map(str, widths)), entries, ", ".join(map(str, lost)), known(widths), rank])
    agrees = all(row[3] == row[4] for row in rows)
    return Table(
        "Independent entries of all balance matrices", ("widths", "entries", "t", "formula", "rank"), rows, agrees
    )


def gradient_descent(profile: Profile) -> SimulationResult:
    """Gradient descent on 2-3-4-2: each balance entry drifts by eta^2 times its own value at the gradients."""
    import numpy as np

    from ...oracles.models import DeepLinear, known_laws
    from ...simulations import EULER, FloatField, Loss, Objective, integrate
    from ...simulations.integrators import euler_drift, rounding_drift

    model = DeepLinear((2, 3, 4, 2))
    laws = [law for family in known_laws(model) for law in family.polynomials()]
    objective = Objective(model, Loss.squared([2, -1, 1, 2]))
    field = FloatField(objective)
    start = np.array([x / 10**9 for x in random_point(model.widths, 3)])
    time = 4.0
    etas = [2.0**-k for k in range(4, 4 + (3, 4, 6)[profile.effort])]
    worst, ends, series = Residual(0.0, 0.0, nontrivial=False), list[tuple[float, float]](), list[Series]()
    for eta in etas:
        steps = round(time / eta)
        path = integrate(field, start, method=EULER, length=eta, steps=steps)
        gradients = [field(point) for point in path.points[:-1]]
        predicted = euler_drift(laws, gradients, eta=eta)
        measured = exact_changes(laws, path.points[0], path.end)
        off = float(np.linalg.norm(measured - predicted))
        bound = rounding_drift(field, laws, path, length=eta)
        if not worst.bound or off / bound > worst.value / worst.bound:
            worst = Residual(off, bound, nontrivial=bool(np.abs(predicted).max() > bound), note=f"eta = {eta}")
        ends.append((eta, float(np.abs(measured).max())))
        every = max(1, steps // 40)
        marks = range(every, steps + 1, every)
        drifts = [(k * eta, float(np.abs(exact_changes(laws, start, path.points[k])).max())) for k in marks]
        series.append(Series(f"eta = 1/{round(1 / eta)}", drifts))
    line = [(eta, ends[-1][1] * eta / etas[-1]) for eta in (etas[0], etas[-1])]
    plots = (
        Plot(
            "Largest drift of a balance entry during gradient descent",
            "t",
            "drift",
            series,
            y_scale="log",
            caption="The drift is made early, where gradients are large, and then stays; halving the step halves it.",
        ),
        Plot(
            "Drift after t = 4 against the step size",
            "eta",
            "drift",
            (Series("measured", ends, kind="points"), Series("slope 1", line)),
            x_scale="log",
            y_scale="log",
            caption="Each point agrees with the sum of eta² h(g) over all steps, up to proved rounding.",
        ),
    )
    return SimulationResult(worst, plots)


def exact_changes(laws: Sequence[Any], first: Any, last: Any) -> Any:
    """The change of every law between two float points, from exact differences."""
    from fractions import Fraction

    import numpy as np

    before, after = ([Fraction(float(x)) for x in point] for point in (first, last))
    return np.array([float(law.evaluate(after) - law.evaluate(before)) for law in laws])


def wrong_rank() -> Certificate:
    """The claim that all six entries for 1-3-1 are independent."""
    from ...oracles.proofs import exact_rank

    honest = exact_rank(law_gradients((1, 3, 1), random_point((1, 3, 1), 0, 9)))
    claim = honest["claim"]
    assert isinstance(claim, dict)
    return {**honest, "claim": {**claim, "rank": 6}}


def refuted_sum() -> Certificate:
    """A point at which an entry of U_1^T U_1 + U_2 U_2^T changes."""
    from ...oracles.models import DeepLinear
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import find_refutation

    squares = sum((Polynomial.variable(k) ** 2 for k in (0, 2, 4, 5)), Polynomial())
    found = find_refutation(DeepLinear((2, 2, 2)), squares)
    assert found is not None
    return found.certificate


THEOREM = Theorem(
    id="A1.deep-linear.known-laws",
    title="Balance matrices of deep linear networks and their rank",
    summary="U_i^T U_i - U_(i+1) U_(i+1)^T is conserved in every hidden layer; its entries are independent unless "
    "a layer is wider than both neighbours together.",
    source="A1 Prop. 4.1 (as cited in the authors' notebook); the rank formula derived, with proof",
    status="derived",
    hypotheses=(
        "phi = U_1 U_2 ... U_L with U_i of shape d_(i-1) x d_i, L >= 2: the output dimension d_0 comes first.",
        "A generic point. The matrices are conserved at every point; their number of independent entries is generic.",
    ),
    statement=r"\begin{gathered} "
    r"S_i = U_i^\top U_i - U_{i+1} U_{i+1}^\top \\ "
    r"\operatorname{rank} d(S_1, \dots, S_{L-1}) = \sum_{i=1}^{L-1} \left[ s(d_i) - s(t_i) \right] \\ "
    r"t_i = \max(0,\, d_i - d_{i-1} - d_{i+1}), \quad s(k) = \tfrac{k(k+1)}{2}"
    r" \end{gathered}",
    assumes=("A1.char.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact-rank",
            says="At large random integer points the gradients of all entries have the stated rank.",
            arithmetic="rational",
            cases=shapes,
            check=check_rank,
            examples=tuple(Shape(widths, 0) for widths in (*SHAPES, (1, 2, 2, 1), (3, 9, 4))),
        ),
        Property(
            name="never-more",
            says="At no point, whatever its rank and its zeros, are more entries independent.",
            arithmetic="rational",
            cases=cases,
            check=check_anywhere,
            share=0.5,
        ),
        Property(
            name="flow",
            says="The velocity of every balance matrix is zero, for every loss and at initializations of every kind.",
            arithmetic="rational",
            cases=cases,
            check=check_flow,
            share=0.5,
        ),
        Property(
            name="flow-float64",
            says="The same velocities in float64 stay below what rounding can do.",
            arithmetic="float64",
            cases=cases,
            check=in_floats("float64"),
            share=0.5,
        ),
        Property(
            name="flow-float32",
            says="The same velocities in float32 stay below what rounding can do.",
            arithmetic="float32",
            cases=lambda: cases(tiny=False),
            check=in_floats("float32"),
            share=0.5,
        ),
    ),
    simulations=(
        Simulation(
            "gradient-descent",
            "Gradient descent breaks the balance of 2-3-4-2 by exactly eta^2 times its value at the gradients.",
            gradient_descent,
        ),
    ),
    mutants=(
        Mutant(
            name="all-entries",
            says="All s(d_i) entries of every balance matrix are independent, however wide the layer.",
            violates=Property(
                name="all-entries", says="no correction", arithmetic="rational", cases=shapes, check=check_uncorrected
            ),
        ),
        Mutant(
            name="sum-in-the-flow",
            says="U_i^T U_i + U_(i+1) U_(i+1)^T is conserved.",
            violates=Property(
                name="sum-in-the-flow", says="a plus", arithmetic="rational", cases=cases, check=check_plus
            ),
        ),
        Mutant(name="sum", says="An entry of U_1^T U_1 + U_2 U_2^T is a law of 2-2-2.", refutes=refuted_sum),
        Mutant(name="plus-identity", says="The velocities add up to zero too.", rejects=lambda: balance_identity(1)),
        Mutant(name="rank-six", says="The gradients for 1-3-1 have rank 6.", rejects=wrong_rank),
    ),
)
