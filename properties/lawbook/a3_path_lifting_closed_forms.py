"""A3.path-lifting.closed-forms: neurons and rows of neurons, whose squares are roots of one polynomial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._enclosed import Operator, Reduced, enclosed, gap
from .._path_flow import (
    Start,
    at,
    in_row,
    jacobian,
    lifted,
    rational_roots,
    row_velocity,
    squared_loss,
    worst_entry,
)
from .._path_proofs import metric_of_neuron, metric_of_row, orthogonal_blocks
from .._profiles import Profile
from .._theorem import Mutant, Property, Residual, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.intrinsic.paths.wiring import Piece
    from ...simulations import Loss

F = Fraction
SCALAR = at("relu:1-1-1-1", (1, 2, 3))
"""c, b, a = 1, 2, 3: z = 6, a^2 - b^2 = 5, b^2 - c^2 = 3."""
NEURON = at("relu:2-1-2+bias", (1, -2, 2, 4, 2))
BIASED = at("relu:1-2-1+bias", (1, 2, 2, -1, 3, 1))
WIDE_ROW = at("relu:2-1-1-1-2", (1, 2, 3, -2, 2, 1))

Sides = tuple[list[Fraction], Fraction]
"""The partial sums s of the laws from the output on, and |Z|^2."""


def derivation() -> Iterator[Step]:
    """One neuron, several, a row, the largest root, and the example."""
    from ...oracles.proofs import Matrix, add, identity, multiply, power, subtract, symbol, values

    u, v = Matrix.symbols(2, 1), Matrix.symbols(3, 1, 2)
    Z, uu, vv = u @ v.T, u.inner(u), v.inner(v)
    yield Step(
        "One neuron, here with two outputs and three inputs, one of which may be the constant of the bias: Z = u v^T. "
        "The lengths of u and v have the product |Z| and the squares the difference h, so w is their sum.",
        r"|u|^2 |v|^2 = |Z|^2, \qquad \left( |v|^2 - |u|^2 \right)^2 + 4 |Z|^2 = \left( |u|^2 + |v|^2 \right)^2 = w^2",
        certificate=identity(
            5,
            [
                (multiply(uu, vv), Z.inner(Z)),
                (add(power(subtract(vv, uu), 2), multiply(4, Z.inner(Z))), power(add(uu, vv), 2)),
            ],
        ),
    )
    yield Step(
        "The squares of Z are multiples of u u^T and v v^T.",
        r"Z Z^T = |v|^2\, u u^T, \qquad Z^T Z = |u|^2\, v v^T",
        certificate=identity(
            5,
            (Z @ Z.T).equals((u @ u.T).scaled(vv)) + (Z.T @ Z).equals((v @ v.T).scaled(uu)),
        ),
    )
    yield Step(
        "The metric of the lifting of a network with a bias, applied to any G, is u u^T G + G v v^T: an identity in "
        "weights and G. Both steps together are K.",
        r"K(G) = u u^T G + G v v^T = \frac{Z Z^T G}{|v|^2} + \frac{G Z^T Z}{|u|^2}",
        certificate=metric_of_neuron(),
    )
    yield Step(
        "Paths of different neurons share no edge: their gradients are orthogonal, and K is block diagonal. Here all "
        "pairs of paths of a network with two neurons and biases.",
        r"\langle \nabla \phi_p, \nabla \phi_q \rangle = 0 \quad (p, q \text{ through different neurons})",
        certificate=orthogonal_blocks(),
    )
    a, b = symbol(5), symbol(6)
    Y = Z.scaled(multiply(a, b))
    first, second = subtract(uu, power(a, 2)), subtract(power(a, 2), power(b, 2))
    yield Step(
        "A row of neurons, here three, Z = u a b v^T: with s the partial sums of the laws from the output on, |u|^2 is "
        "a root x of one polynomial, and x - s are the other squares.",
        r"x (x - s_1) \cdots (x - s_k) = |Z|^2 \text{ at } x = |u|^2",
        certificate=identity(
            7,
            [
                (
                    multiply(
                        uu,
                        subtract(uu, first),
                        subtract(uu, add(first, second)),
                        subtract(uu, add(first, second, subtract(power(b, 2), vv))),
                    ),
                    Y.inner(Y),
                )
            ],
        ),
    )
    yield Step(
        "The metric of such a row, multiplied by a^2 b^2 |u|^2 |v|^2, as an identity in weights and G.",
        r"K(G) = \frac{Z Z^T G}{|v|^2} + \frac{G Z^T Z}{|u|^2} + \langle Z, G \rangle Z \sum_i \frac{1}{a_i^2}",
        certificate=metric_of_row(),
    )
    yield Step(
        "Which root: all squares must be positive, so x is larger than 0 and all s. Put x = y + max(0, s): the product "
        "has factors y + d with d >= 0, one of them y. It grows from 0 to infinity for y > 0, so exactly one root is "
        "that large, and it is the largest one.",
        r"\prod_i (y + d_i) = |Z|^2, \quad d_i \geq 0, \quad \min_i d_i = 0",
    )
    x = symbol(0)
    cubic = subtract(multiply(x, subtract(x, 5), subtract(x, 8)), 36)
    yield Step(
        "Example: z = abc = 6, a^2 - b^2 = 5, b^2 - c^2 = 3. The polynomial has the roots 9, 2 and 2.",
        r"x (x - 5)(x - 8) - 36 = (x - 9)(x - 2)^2",
        certificate=identity(1, [(cubic, multiply(subtract(x, 9), power(subtract(x, 2), 2)))]),
    )
    squares = (x, subtract(x, 5), subtract(x, 8))
    scalar = add(*(multiply(*(s for j, s in enumerate(squares) if j != i)) for i in range(3)))
    yield Step(
        "At the root 9 the squares are 9, 4 and 1, and K = 36 + 9 + 4 = 49.",
        r"K = a^2 b^2 + a^2 c^2 + b^2 c^2",
        certificate=values((9,), [*zip(squares, (9, 4, 1), strict=True), (scalar, 49)]),
    )
    yield Step(
        "At the root 2 two squares would be -3 and -6.",
        certificate=values((2,), [*zip(squares, (2, -3, -6), strict=True), (cubic, 0)]),
    )


def sides(start: Start, piece: Piece) -> Sides:
    """What the closed form reads: partial sums of the laws of a row from the output on, and |Z|^2."""
    from ...oracles.intrinsic.paths.recover import law_values

    laws = law_values(start.model, start.weights)
    sums, total = list[Fraction](), F(0)
    for v in reversed(piece.neurons):
        total -= F(laws[v])
        sums.append(total)
    Z = in_row(start.model, piece, lifted(start.model, start.weights))
    return sums, sum((x * x for line in Z for x in line), F(0))


def rows() -> SearchStrategy[Start]:
    """Networks with one hidden layer, and rows of neurons; entries may be zero, but no Z."""
    from hypothesis import strategies as st

    from ...oracles.models import layered
    from ..strategies import rationals, relu_models, vectors

    @st.composite
    def draw_case(draw: st.DrawFn) -> Start:
        if draw(st.booleans()):
            model = draw(relu_models(layers=(2, 2), parameters=16))
        else:
            inner = [1] * draw(st.integers(2, 4))
            model = layered((draw(st.integers(1, 3)), *inner, draw(st.integers(1, 3))))
        weights = draw(st.tuples(*[rationals(6, denominator=3)] * model.parameters))
        return Start(model, weights, (), draw(vectors(model.coordinate_terms(), size=3, denominator=2)))

    def alive(start: Start) -> bool:
        from ...oracles.intrinsic.paths.wiring import pieces

        return all(sides(start, piece)[1] for piece in pieces(start.model))

    return draw_case().filter(alive)


def check_exact(start: Start, *, root: Callable[[list[Fraction]], Fraction] = max) -> Residual:
    """K from Z and the laws, with the chosen root, against ``dphi (dphi^T G)``; and no other root is as large.

    The true |u|^2 is rational, so the polynomial has a rational root, and all rational roots are found by factoring.
    """
    from ...oracles.intrinsic.paths.wiring import pieces

    gradient = jacobian(start.model, start.weights)
    pulled = [
        sum((row[e] * g for row, g in zip(gradient, start.covector, strict=True)), F(0))
        for e in range(start.model.parameters)
    ]
    truth = [sum((a * b for a, b in zip(row, pulled, strict=True)), F(0)) for row in gradient]
    off = F(0)
    z = lifted(start.model, start.weights)
    for piece in pieces(start.model):
        sums, size = sides(start, piece)
        x = root(rational_roots(sums, size))
        squares = [x, *(x - s for s in sums)]
        if min(squares) <= 0:
            return Residual(1 - min(squares), note="a negative square")
        found = row_velocity(in_row(start.model, piece, z), in_row(start.model, piece, start.covector), squares)
        known = in_row(start.model, piece, truth)
        off = max(off, *(abs(a - b) for p, q in zip(found, known, strict=True) for a, b in zip(p, q, strict=True)))
    return Residual(off, nontrivial=any(truth))


def check_floats(start: Start) -> Residual:
    """The reduced flow of the package in float64, for networks with one hidden layer.

    Relative roundings: h, z and G are rounded once; |Z|^2 is a sum of n m squares; y = 2 |Z|^2 / (sqrt(h^2 + 4 |Z|^2)
    + |h|) has positive terms only and moves by at most the relative changes of both. So the squares are right to
    gamma(n m + 12), the two products have sums of at most n m terms, and an entry of K(G) is right to gamma(3 n m + 24)
    times the sum of its absolute terms.
    """
    import numpy as np

    from ...oracles.intrinsic.paths.wiring import pieces
    from ...simulations.fields import gamma
    from ...simulations.reduced.paths import reduced_flow

    flow = reduced_flow(start.model, start.weights)
    assert flow is not None
    z, G = ([float(x) for x in values] for values in (lifted(start.model, start.weights), start.covector))
    computed = flow.apply(np.array(z), np.array(G)).tolist()
    values, bounds = list[float](), list[float]()
    exact, sizes = (_applied_exactly(start, absolute) for absolute in (False, True))
    for piece in pieces(start.model):
        assert piece.row is not None
        count = len(piece.row.entering) * len(piece.row.leaving)
        unit = gamma(3 * count + 24)
        parts = [in_row(start.model, piece, list(part)) for part in (computed, exact, sizes)]
        for line, known, size in zip(*parts, strict=True):
            values += [abs(float(F(x) - y)) for x, y in zip(line, known, strict=True)]
            bounds += [unit * float(s) for s in size]
    return worst_entry(values, bounds)


def _applied_exactly(start: Start, absolute: bool) -> list[Fraction]:
    """``dphi dphi^T G``, or the sum of the absolute values of its terms: ``u u^T G`` and ``G v v^T`` written out."""
    from .._path_flow import metric

    weights = [abs(x) for x in start.weights] if absolute else start.weights
    covector = [abs(x) for x in start.covector] if absolute else start.covector
    return [sum((a * b for a, b in zip(line, covector, strict=True)), F(0)) for line in metric(start.model, weights)]


def check_no_bias(start: Start) -> Residual:
    """The wrong statement: Z without the column of the bias."""
    from ...oracles.intrinsic.paths.wiring import pieces

    off = F(0)
    for piece in pieces(start.model):
        sums, size = sides(start, piece)
        Z = in_row(start.model, piece, lifted(start.model, start.weights))
        size -= sum((line[-1] ** 2 for line in Z), F(0))
        found = rational_roots(sums, size)
        truth = sum((start.weights[e] ** 2 for e in piece.row.leaving), F(0)) if piece.row else F(0)
        off = max(off, abs((found[0] if found else F(0)) - truth))
    return Residual(off)


def table() -> Table:
    """The example: the three roots, the squares that they would give, and K."""
    from ...oracles.intrinsic.paths.wiring import pieces

    (piece,) = pieces(SCALAR.model)
    sums, size = sides(SCALAR, piece)
    lines: list[list[str]] = []
    for x in rational_roots(sums, size):
        squares = [x, *(x - s for s in sums)]
        k = squares[0] * squares[1] + squares[0] * squares[2] + squares[1] * squares[2]
        lines.append([str(x), ", ".join(map(str, squares)), str(k) if min(squares) > 0 else "none"])
    agrees = [line[0] for line in lines] == ["9", "2", "2"] and lines[0] == ["9", "9, 4, 1", "49"]
    agrees = agrees and sums == [F(5), F(8)] and size == 36
    return Table("Roots of x (x - 5)(x - 8) = 36", ("root", "squares a^2, b^2, c^2", "K"), lines, agrees)


def neuron_operator(
    z: Sequence[Any], g: Sequence[Any], sqrt: Callable[[Any], Any], h: int = 1, sign: int = 1
) -> list[Any]:
    """K(z) g for one output: ``|u|^2 g + z <z, g> / |u|^2`` with ``|u|^2 = (w - h) / 2``."""
    out = (sign * sqrt(h * h + 4 * (z[0] * z[0] + z[1] * z[1])) - h) / 2
    inner = (z[0] * g[0] + z[1] * g[1]) / out
    return [out * g[0] + z[0] * inner, out * g[1] + z[1] * inner]


def scalar_operator(z: Sequence[Any], g: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    """K for abc with x = a^2 carried along: ``x' = -2 z f'(z)``."""
    x = z[1]
    return [(x * (x - 5) + x * (x - 8) + (x - 5) * (x - 8)) * g[0], 2 * z[0] * g[0]]


def _target(*values: int | Fraction) -> Loss:
    from ...simulations import Loss

    return Loss.squared(values)


def neuron_case() -> Reduced:
    """u = 1, v = (1, 1): h = 1, z = (1, 1), pulled to (1/2, 2)."""
    return Reduced("relu:2-1-1", (F(1), F(1), F(1)), _target(F(1, 2), 2), neuron_operator)


def scalar_case() -> Reduced:
    """The scalar row from z = 6, pulled to 5, with x = 9 at the start."""
    return Reduced(SCALAR.model.spec, SCALAR.weights, _target(5), scalar_operator, (F(9),))


def proved_neuron(profile: Profile) -> SimulationResult:
    """Both flows of one neuron in balls; the root with the other sign and the law with the other sign are disjoint."""
    wrong: dict[str, Operator] = {
        "the other root": partial(neuron_operator, sign=-1),
        "the law with the other sign": partial(neuron_operator, h=-1),
    }
    return enclosed(neuron_case(), wrong, time=F(1, 2), marks=(4, 8, 8)[profile.effort], names=("u v1", "u v2"))


def several(profile: Profile) -> SimulationResult:
    """A network with three hidden neurons and biases: each follows its own closed form."""
    from ...oracles.models import known_laws
    from ...simulations.reduced import compare, reduced_flow
    from .._reduced import side_by_side

    start = at("relu:2-3-2+bias", tuple(F(x, 8) for x in (9, -8, 8, 7, -6, 5, 6, -7, 8, 9, 5, -4, 10, -9, 4)))
    loss = squared_loss(start.model, start.weights, toward=F(1, 2))
    flow = reduced_flow(start.model, start.weights)
    seen = compare(start.model, start.weights, flow, loss, time=1.0, steps=12, halvings=(2, 3, 4)[profile.effort])
    law = known_laws(start.model)[0].polynomials()[0]
    return side_by_side(seen, [f"path {i + 1}" for i in range(start.model.coordinate_terms())], law)


def _one(case: object) -> Callable[[], SearchStrategy[Any]]:
    def only() -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        return st.just(case)

    return only


def _scalar_only() -> SearchStrategy[Reduced]:
    from hypothesis import strategies as st

    return st.builds(scalar_case)


def _check_scalar(case: Reduced) -> Residual:
    return gap(case, time=F(1, 8))


THEOREM = Theorem(
    id="A3.path-lifting.closed-forms",
    title="Closed forms for neurons and rows of neurons",
    summary="One neuron needs a square root, a row of neurons the largest root of a polynomial.",
    source="A3 (two layers; Prop. 3.5 for three); derived",
    status="derived",
    hypotheses=(
        "A path lifting in which the neuron, or the row of neurons joined by single edges, has no other connections "
        "between hidden neurons; biases and inputs enter the first neuron, outputs leave the last.",
        "Its matrix of paths Z = u a ... b v^T is not zero; entries of u and v may be.",
        "h = |v|^2 - |u|^2 for a neuron; for a row s_1, ..., s_k are the partial sums of |u|^2 - a^2, ..., "
        "b^2 - |v|^2.",
    ),
    statement=r"\begin{gathered} "
    r"w = \sqrt{h^2 + 4 |Z|^2}, \quad |v|^2 = \tfrac{w + h}{2}, \quad |u|^2 = \tfrac{w - h}{2}, \quad "
    r"K(G) = \frac{Z Z^T G}{|v|^2} + \frac{G Z^T Z}{|u|^2} \\ "
    r"\text{rows: } |u|^2 \text{ is the largest root of } x (x - s_1) \cdots (x - s_k) = |Z|^2 "
    r"\end{gathered}",
    assumes=("A1.relu.path-lifting.count", "A3.path-lifting"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="K from Z and the laws, by rational roots, equals dphi dphi^T; zero entries included.",
            arithmetic="rational",
            cases=rows,
            check=check_exact,
            examples=[SCALAR, NEURON, BIASED, WIDE_ROW],
            share=0.5,
        ),
        Property(
            name="neurons-float64",
            says="The reduced flow in float64, for networks with one hidden layer, within rounding.",
            arithmetic="float64",
            cases=lambda: rows().filter(
                lambda start: all(group.name in ("L0", "one", "L1", "L2") for group in start.model.groups)
            ),
            check=check_floats,
            examples=[NEURON, BIASED],
            share=0.2,
        ),
        Property(
            name="scalar-row",
            says="The scalar row in balls: full flow, and reduced flow with the largest root carried along.",
            arithmetic="balls",
            cases=_scalar_only,
            check=_check_scalar,
            share=0.001,
        ),
    ),
    simulations=(
        both_flows("relu:1-1-1-1", "generic", "A row of neurons, by its largest root: both flows."),
        Simulation(
            "neuron",
            "One neuron in balls: both flows to 24 digits, and two wrong formulas proved wrong.",
            proved_neuron,
        ),
        Simulation("several", "Three neurons with biases: full and reduced flow at order 4.", several),
    ),
    mutants=(
        Mutant(
            name="smallest-root",
            says="Another root than the largest one.",
            violates=Property(
                "smallest-root", "min", "rational", rows, lambda start: check_exact(start, root=min), [SCALAR]
            ),
        ),
        Mutant(
            name="root-two",
            says="The scalar row with x = 2 at the start, proved wrong by disjoint balls.",
            violates=Property(
                "root-two",
                "the root 2",
                "balls",
                lambda: _scalar_only().map(lambda case: replace(case, extra=(F(2),))),
                _check_scalar,
            ),
        ),
        Mutant(
            name="bias-forgotten",
            says="The column of the bias is left out of Z.",
            violates=Property("bias-forgotten", "no bias", "rational", _one(BIASED), check_no_bias, [BIASED]),
        ),
        Mutant(name="other-sign", says="K is u u^T G - G v v^T.", rejects=lambda: metric_of_neuron(-1)),
    ),
)
