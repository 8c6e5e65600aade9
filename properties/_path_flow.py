"""What the entries on path liftings share: networks at points without zeros, their exact metric, and the formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ._theorem import Plot, Residual, Series

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.intrinsic.paths.recover import Recovered
    from ..oracles.intrinsic.paths.wiring import Piece
    from ..oracles.models import PathLifting
    from ..oracles.polynomials import Monomial, Polynomial, Rational
    from ..oracles.proofs import Node
    from ..simulations import Loss

F = Fraction
HALF = F(1, 2)
Rows = list[list[Fraction]]


@dataclass(frozen=True, slots=True, repr=False)
class Start:
    """A network, weights, a positive factor for each hidden neuron, and a gradient of the loss in z."""

    model: PathLifting
    weights: tuple[Fraction, ...]
    factors: tuple[Fraction, ...] = ()
    covector: tuple[Fraction, ...] = ()

    def __repr__(self) -> str:
        from .strategies import shown

        parts = [f"{self.model.spec} at {shown(self.weights)}"]
        parts += [f"factors {shown(self.factors)}"] if self.factors else []
        parts += [f"gradient {shown(self.covector)}"] if self.covector else []
        return ", ".join(parts)


def read(spec: str) -> PathLifting:
    """The path lifting that a spec names."""
    from ..oracles.models import PathLifting, parse_model

    model = parse_model(spec)
    assert isinstance(model, PathLifting)
    return model


def at(spec: str, weights: Sequence[int | Fraction], factors: Sequence[int | Fraction] = ()) -> Start:
    """A start by its spec; the gradient counts 1, -1, 2, -2, ..."""
    model = read(spec)
    covector = tuple(F(i // 2 + 1) * (-1) ** i for i in range(model.coordinate_terms()))
    return Start(model, tuple(map(F, weights)), tuple(map(F, factors)) or (F(1),) * model.hidden, covector)


def starts(*, parameters: int = 16, paths: int = 40, one_hidden_layer: bool = False) -> SearchStrategy[Start]:
    """Layered networks with biases and skips and random graphs, without zero weights."""
    from hypothesis import strategies as st

    from .strategies import dags, rationals, relu_models, vectors

    @st.composite
    def draw_start(draw: st.DrawFn) -> Start:
        if one_hidden_layer:
            model = draw(relu_models(layers=(2, 2), parameters=parameters))
        else:
            model = draw(st.one_of(relu_models(parameters=parameters, width=(1, 3)), dags(hidden=(1, 3))))
        weights = draw(vectors(model.parameters, size=6, denominator=3, nonzero=True))
        factors = draw(st.tuples(*[rationals(6, denominator=4, nonzero=True).map(abs)] * model.hidden))
        return Start(model, weights, factors, draw(vectors(model.coordinate_terms(), size=3, denominator=2)))

    return draw_start().filter(lambda start: start.model.coordinate_terms() <= paths)


def paths_of(model: PathLifting) -> list[tuple[int, ...]]:
    """The edges of each path, in the order of the coordinates."""
    return [tuple(edge for edge, _ in path) for path in model.paths()]


def lifted(model: PathLifting, weights: Sequence[Any]) -> list[Any]:
    """``phi``, as products along paths."""
    values: list[Any] = []
    for path in paths_of(model):
        product = weights[path[0]]
        for edge in path[1:]:
            product = product * weights[edge]
        values.append(product)
    return values


def jacobian(model: PathLifting, weights: Sequence[Rational]) -> Rows:
    """``dphi``, from the derivatives of the polynomials of the model."""
    rows: Rows = []
    for coordinate in model.coordinates():
        row = [F(0)] * model.parameters
        for variable, slope in coordinate.gradient().items():
            row[variable] = F(slope.evaluate(weights))
        rows.append(row)
    return rows


def law_gradients(model: PathLifting, weights: Sequence[Rational]) -> Rows:
    """``dh``."""
    from ..oracles.intrinsic.paths.wiring import wiring

    wires = wiring(model)
    rows: Rows = [[F(0)] * model.parameters for _ in range(model.hidden)]
    for edge, (tail, head) in enumerate(zip(wires.tails, wires.heads, strict=True)):
        if head >= 0:
            rows[head][edge] += 2 * F(weights[edge])
        if tail >= 0:
            rows[tail][edge] -= 2 * F(weights[edge])
    return rows


def metric(model: PathLifting, weights: Sequence[Rational]) -> Rows:
    """``M = dphi dphi^T``, from the parameters."""
    rows = jacobian(model, weights)
    return [[sum((a * b for a, b in zip(p, q, strict=True)), F(0)) for q in rows] for p in rows]


def formula(paths: Sequence[Sequence[int]], z: Sequence[Fraction], squares: Sequence[Fraction]) -> Rows:
    """``z_p z_q sum_(e in p and q) 1 / theta_e^2``, from z and the squares."""
    edges = [set(path) for path in paths]
    return [
        [z[p] * z[q] * sum((1 / squares[e] for e in edges[p] & edges[q]), F(0)) for q in range(len(z))]
        for p in range(len(z))
    ]


def distance(left: Rows, right: Rows) -> Fraction:
    """The largest difference of two entries."""
    return max(abs(a - b) for p, q in zip(left, right, strict=True) for a, b in zip(p, q, strict=True))


def rescaled(start: Start) -> tuple[Fraction, ...]:
    """``theta_e c_v / c_u``: incoming weights times the factor of their neuron, outgoing ones divided by it."""
    from ..oracles.intrinsic.paths.wiring import wiring

    wires = wiring(start.model)
    factors = (*start.factors, F(1))  # the last one is that of sources and outputs, whose number is -1
    return tuple(
        weight * factors[head] / factors[tail]
        for weight, tail, head in zip(start.weights, wires.tails, wires.heads, strict=True)
    )


def from_z(start: Start, digits: int = 15) -> Recovered:
    """The squares from z and the values of the laws alone."""
    from ..oracles.intrinsic.paths.recover import law_values, recover_squares, squares_of
    from ..oracles.intrinsic.paths.representative import representative

    z = lifted(start.model, start.weights)
    laws = law_values(start.model, start.weights)
    return recover_squares(start.model, squares_of(representative(start.model, z)), laws, digits=digits)


def rank(rows: Sequence[Sequence[Rational]]) -> int:
    """The exact rank."""
    from flint import fmpq, fmpq_mat

    if not rows:
        return 0
    entries = [fmpq(F(x).numerator, F(x).denominator) for row in rows for x in row]
    return int(fmpq_mat(len(rows), len(rows[0]), entries).rank())


def incidence(model: PathLifting) -> list[list[int]]:
    """One row of zeros and ones over the edges for each path."""
    return [[int(edge in path) for edge in range(model.parameters)] for path in map(set, paths_of(model))]


def signs(model: PathLifting) -> list[list[int]]:
    """C: for each hidden neuron 1 on edges that enter it, -1 on edges that leave it."""
    from ..oracles.intrinsic.paths.wiring import wiring

    wires = wiring(model)
    ends = list(zip(wires.tails, wires.heads, strict=True))
    return [[int(head == v) - int(tail == v) for tail, head in ends] for v in range(wires.hidden)]


def node(polynomial: Polynomial) -> Node:
    """A polynomial as an expression for the kernel."""
    from ..oracles.proofs import add, multiply, power, symbol

    def product(monomial: Monomial, c: Rational) -> Node:
        return multiply(c, *(symbol(v) if e == 1 else power(symbol(v), e) for v, e in monomial))

    return add(*(product(monomial, c) for monomial, c in polynomial.terms.items()))


def metric_polynomials(model: PathLifting) -> list[list[Polynomial]]:
    """The entries of ``dphi dphi^T``."""
    from ..oracles.polynomials import orthogonality

    coordinates = model.coordinates()
    return [[orthogonality(p, q) for q in coordinates] for p in coordinates]


def squared_loss(model: PathLifting, weights: Sequence[Fraction], *, toward: Fraction = HALF) -> Loss:
    """A squared loss whose minimum keeps the signs of z: each path a share of the way to its half or double."""
    from ..simulations import Loss

    z = lifted(model, weights)
    return Loss.squared([x * (1 + toward * (-1) ** i) for i, x in enumerate(z)])


def worst_entry(values: Sequence[float], bounds: Sequence[float], note: str = "") -> Residual:
    """The entry with the largest ratio to its bound; trivial if all bounds are 0."""
    found = Residual(0.0, 0.0, nontrivial=False)
    for value, bound in zip(values, bounds, strict=True):
        if not value <= bound:
            return Residual(value, bound, note=note)
        if bound and (not found.bound or value / bound > found.value / found.bound):
            found = Residual(value, bound, note=note)
    return found


def convergence(changes: Sequence[Sequence[float]], labels: Sequence[str]) -> Plot:
    """How fast Newton's method ends."""
    series = [
        Series(label, [(float(k + 1), d) for k, d in enumerate(made) if d > 0])
        for label, made in zip(labels, changes, strict=True)
    ]
    return Plot(
        "Newton's method on the convex function",
        "step",
        "largest change of an exponent",
        series,
        y_scale="log",
        caption="Damped while it is far away, then the number of digits doubles with each step.",
    )


def in_row(model: PathLifting, piece: Piece, values: Sequence[Any]) -> list[list[Any]]:
    """The coordinates of a row of neurons as the matrix Z: a line for each outgoing edge."""
    assert piece.row is not None
    place = {frozenset(path): value for path, value in zip(paths_of(model), values, strict=True)}
    inner = frozenset(piece.row.inner)
    return [[place[inner | {a, b}] for b in piece.row.entering] for a in piece.row.leaving]


def rational_roots(sums: Sequence[Fraction], size: Fraction) -> list[Fraction]:
    """All rational roots of ``x (x - s_1) ... (x - s_k) - size``, the largest first."""
    from flint import fmpq, fmpq_poly

    product = fmpq_poly([1])
    for s in (F(0), *sums):
        product = product * fmpq_poly([fmpq(-s.numerator, s.denominator), fmpq(1)])
    polynomial = product - fmpq_poly([fmpq(size.numerator, size.denominator)])
    roots: list[Fraction] = []
    for factor, multiplicity in polynomial.numer().factor()[1]:
        if factor.degree() == 1:
            roots += [F(-int(factor[0]), int(factor[1]))] * multiplicity
    return sorted(roots, reverse=True)


def row_velocity(Z: list[list[Fraction]], G: list[list[Fraction]], squares: Sequence[Fraction]) -> list[list[Fraction]]:
    """``Z Z^T G / |v|^2 + G Z^T Z / |u|^2 + <Z, G> Z sum_i 1 / a_i^2``; squares are |u|^2, a_k^2, ..., |v|^2."""
    left, right = _times(_times(Z, _turned(Z)), G), _times(_times(G, _turned(Z)), Z)
    inner = sum((a * b for x, y in zip(Z, G, strict=True) for a, b in zip(x, y, strict=True)), F(0))
    weight = inner * sum((1 / s for s in squares[1:-1]), F(0))
    return [
        [a / squares[-1] + b / squares[0] + weight * z for a, b, z in zip(p, q, r, strict=True)]
        for p, q, r in zip(left, right, Z, strict=True)
    ]


def _times(left: list[list[Fraction]], right: list[list[Fraction]]) -> list[list[Fraction]]:
    columns = list(zip(*right, strict=True))
    return [[sum((a * b for a, b in zip(row, column, strict=True)), F(0)) for column in columns] for row in left]


def _turned(matrix: list[list[Fraction]]) -> list[list[Fraction]]:
    return [list(column) for column in zip(*matrix, strict=True)]
