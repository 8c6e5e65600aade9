"""A3.zero-weights: where a weight is zero, paths and laws may not know what happens next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .._both_flows import both_flows
from .._path_flow import (
    Start,
    distance,
    jacobian,
    law_gradients,
    lifted,
    metric,
    read,
    starts,
)
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import PathLifting

F = Fraction
SPEC = "relu:2-1-1"
"""phi = (u v1, u v2); the parameters are (v1, v2, u)."""
FIRST, SECOND = (F(1), F(0), F(0)), (F(0), F(1), F(0))
REGULAR = (F(1), F(0), F(2))
"""v = (1, 0), u = 2: a zero weight, but the matrix of paths is not zero."""


@dataclass(frozen=True, slots=True, repr=False)
class Dead:
    """A network in which a hidden neuron has no outgoing weights, and two of its incoming edges from sources."""

    model: PathLifting
    weights: tuple[Fraction, ...]
    edges: tuple[int, int]

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"{self.model.spec} at {shown(self.weights)}, edges {self.edges}"

    def turned(self) -> tuple[Fraction, ...]:
        """The two incoming weights turned by the angle of (3, 4), or swapped where that changes no size."""
        i, j = self.edges
        a, b = self.weights[i], self.weights[j]
        c, d = (3 * a - 4 * b) / 5, (4 * a + 3 * b) / 5
        if abs(c) == abs(a):
            c, d = b, a
        return tuple(c if e == i else d if e == j else x for e, x in enumerate(self.weights))


def derivation() -> Iterator[Step]:
    """The fibre, the ranks at its points, the broken kernel criterion, and what survives."""
    from ...oracles.proofs import exact_rank, inclusion, two_points, violation

    model = read(SPEC)
    yield Step(
        "phi = (u v_1, u v_2) with the law h = |v|^2 - u^2. The points (u; v) = (0; 1, 0) and (0; 0, 1) have the same "
        "z = 0 and the same law 1, but M = diag(1, 0) and diag(0, 1): the kernel compares both entries M_11.",
        r"M(0; 1, 0) = \begin{pmatrix} 1 & 0 \\ 0 & 0 \end{pmatrix}, \qquad "
        r"M(0; 0, 1) = \begin{pmatrix} 0 & 0 \\ 0 & 1 \end{pmatrix}",
        certificate=two_points(model, None, (FIRST, SECOND), (0, 0), (1, 0)),
    )
    yield Step("So z' = -M grad f takes two values at one z and h: no K exists on that level set.")
    yield Step(
        "At (0; 1, 0) the gradients of phi span one dimension.",
        r"\dim W = 1",
        certificate=exact_rank(jacobian(model, FIRST)),
    )
    yield Step(
        "Their bracket, in the order (v_1, v_2, u).",
        r"[\nabla \phi_1, \nabla \phi_2] = \pm (v_2, -v_1, 0)",
        certificate=bracket(),
    )
    yield Step(
        "With it they span two there, and not more, since h is kept and dh is not zero: dim Lie = 2. The bracket turns "
        "v, so both points lie on one orbit of Lie(W).",
        r"\dim \mathrm{Lie}(W) = 2",
        certificate=exact_rank([*jacobian(model, FIRST), [F(0), F(-1), F(0)]]),
    )
    yield Step("And dh has rank one there.", certificate=exact_rank(law_gradients(model, FIRST)))
    yield Step(
        "Where u is not zero both dimensions are 2: rank dphi is not constant near u = 0, which is what Frobenius and "
        "the immersion need. Here u = 2.",
        r"u \neq 0: \quad \dim W = \dim \mathrm{Lie}(W) = 2",
        certificate=exact_rank(jacobian(model, REGULAR)),
    )
    yield Step(
        "The kernel criterion fails at (0; 1, 0): turning v keeps phi and h, and changes M_12 at the rate 1.",
        r"\ker d\phi \cap \ker dh \ni (0, 1, 0), \qquad dM_{12} = 1",
        certificate=violation(model, None, FIRST, (0, 1, 0), (0, 1), 1),
    )
    yield Step(
        "A zero weight alone is not the reason. At u = 2, v = (1, 0) no direction is lost: what counts for a single "
        "neuron is that its matrix of paths is not zero.",
        r"\ker d\phi \cap \ker dh = 0 \text{ at } u = 2,\; v = (1, 0)",
        certificate=inclusion(model, None, REGULAR, []),
    )
    yield Step(
        "Larger networks contain the example. In relu:2-3-2 with biases, neuron 1 has no outgoing weights and its "
        "incoming ones (3, 4, 0) and (5, 0, 0) are not told apart.",
        certificate=two_points(read(_LARGE), None, (_large(3, 4), _large(5, 0)), (0, 0), (9, 25)),
    )


_LARGE = "relu:2-3-2+bias"


def _large(a: int, b: int) -> tuple[int, ...]:
    """Weights without other zeros than those of the first neuron: W1 (2, 3), b1 (1, 3), W2 (3, 2), row by row."""
    return (a, 2, -1, b, 3, 1, 0, 1, 2, 0, 0, 1, -1, 2, 3)


def bracket(sign: int = -1) -> Certificate:
    """``D Y X - D X Y`` for X = grad phi_1, Y = grad phi_2, as an identity in (v1, v2, u)."""
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import identity
    from .._path_flow import node

    v1, v2, u = (Polynomial.variable(k) for k in range(3))
    X, Y = ([(u * v).derivative(k) for k in range(3)] for v in (v1, v2))

    def along(field: list[Polynomial], direction: list[Polynomial]) -> list[Polynomial]:
        return [sum((x.derivative(k) * d for k, d in enumerate(direction)), Polynomial()) for x in field]

    found = [a - b for a, b in zip(along(Y, X), along(X, Y), strict=True)]
    wanted = [-v2, v1.scaled(-sign), Polynomial()]
    return identity(3, [(node(a), node(b)) for a, b in zip(found, wanted, strict=True)])


def dead() -> SearchStrategy[Dead]:
    """Random networks with a neuron that has lost its outgoing weights and has two edges from sources."""
    from hypothesis import strategies as st

    from ...oracles.intrinsic.paths.wiring import wiring

    def candidates(start: Start) -> list[tuple[int, list[int]]]:
        wires = wiring(start.model)
        ends = list(zip(wires.tails, wires.heads, strict=True))
        entering = [[e for e, (u, w) in enumerate(ends) if w == v and u < 0] for v in range(wires.hidden)]
        return [(v, edges) for v, edges in enumerate(entering) if len(edges) > 1]

    @st.composite
    def draw_case(draw: st.DrawFn) -> Dead:
        start = draw(starts().filter(lambda start: bool(candidates(start))))
        neuron, edges = draw(st.sampled_from(candidates(start)))
        first, second = sorted(draw(st.permutations(edges))[:2])
        tails = wiring(start.model).tails
        weights = tuple(F(0) if tail == neuron else x for x, tail in zip(start.weights, tails, strict=True))
        return Dead(start.model, weights, (first, second))

    return draw_case()


def shallow() -> SearchStrategy[Start]:
    """Networks with one hidden layer and zeros: single weights, and whole sides of neurons."""
    from hypothesis import strategies as st

    from ...oracles.intrinsic.paths.wiring import wiring

    @st.composite
    def draw_case(draw: st.DrawFn) -> Start:
        start = draw(starts(parameters=10, paths=12, one_hidden_layer=True))
        wires = wiring(start.model)
        lost = {edge for edge in range(start.model.parameters) if draw(st.integers(0, 5)) == 5}
        for v in range(wires.hidden):
            side = draw(st.sampled_from(["none", "none", "in", "out", "both"]))
            if side in ("in", "both"):
                lost |= {e for e, head in enumerate(wires.heads) if head == v}
            if side in ("out", "both"):
                lost |= {e for e, tail in enumerate(wires.tails) if tail == v}
        return Start(start.model, tuple(F(0) if e in lost else x for e, x in enumerate(start.weights)))

    return draw_case()


def check_fibre(case: Dead) -> Residual:
    """Two points: equal z, equal laws, different M; and the package claims no closed form at either."""
    from ...oracles.intrinsic import NotClaimed
    from ...oracles.intrinsic.forms.paths import closed_form
    from ...oracles.intrinsic.paths.recover import law_values

    other = case.turned()
    pairs = [*zip(lifted(case.model, case.weights), lifted(case.model, other), strict=True)]
    pairs += zip(law_values(case.model, case.weights), law_values(case.model, other), strict=True)
    off = max(abs(F(a) - b) for a, b in pairs)
    apart = distance(metric(case.model, case.weights), metric(case.model, other))
    turned = abs(other[case.edges[0]]) != abs(case.weights[case.edges[0]])  # false for a = b only
    refused = 0
    for point in (case.weights, other):
        try:
            closed_form(case.model, point)
        except NotClaimed:
            refused += 1
    return Residual(off + (turned and apart == 0) + 2 - refused, nontrivial=turned, note=f"M differs by {apart}")


def criterion(start: Start) -> bool:
    """Whether dM vanishes on ker dphi and ker dh at the point, exactly.

    With one hidden layer M is quadratic in the weights, so its derivative is half the difference of M at both sides.
    """
    from ...oracles.proofs import kernel_vectors

    model, weights = start.model, start.weights
    for vector in kernel_vectors(jacobian(model, weights) + law_gradients(model, weights)):
        ahead, behind = (
            metric(model, [x + sign * d for x, d in zip(weights, vector, strict=True)]) for sign in (1, -1)
        )
        if distance(ahead, behind):
            return False
    return True


def check_decided(start: Start) -> Residual:
    """For one hidden layer: a closed form is claimed exactly where the kernel criterion holds."""
    from ...oracles.intrinsic import NotClaimed
    from ...oracles.intrinsic.forms.paths import closed_form

    try:
        closed_form(start.model, start.weights)
        claimed = True
    except NotClaimed:
        claimed = False
    return Residual(int(claimed != criterion(start)), nontrivial=not all(start.weights), note=f"claimed: {claimed}")


def check_naive(start: Start) -> Residual:
    """The wrong statement: the criterion holds iff no weight is zero."""
    return Residual(int(all(start.weights) != criterion(start)))


def check_path(start: Start) -> Residual:
    """The wrong statement: the criterion holds iff no neuron has lost one of its sides."""
    from ...oracles.intrinsic.paths.wiring import pieces

    rows = [piece.row for piece in pieces(start.model)]
    alive = all(
        any(start.weights[e] for e in side) for row in rows if row is not None for side in (row.entering, row.leaving)
    )
    return Residual(int(alive != criterion(start)))


def table() -> Table:
    """Dimensions at both kinds of points."""
    from .._path_flow import rank

    model = read(SPEC)
    lines: list[list[str | int]] = []
    for name, point in (("(0; 1, 0)", FIRST), ("(0; 0, 1)", SECOND), ("(2; 1, 0)", REGULAR)):
        v1, v2, _ = point
        rows = jacobian(model, point)
        lie = rank([*rows, [-v2, v1, F(0)]])
        M = metric(model, point)
        lines.append([name, rank(rows), lie, "; ".join(", ".join(map(str, line)) for line in M)])
    agrees = [line[1:3] for line in lines] == [[1, 2], [1, 2], [2, 2]]
    agrees = agrees and [line[3] for line in lines[:2]] == ["1, 0; 0, 0", "0, 0; 0, 1"]
    return Table("phi = (u v1, u v2)", ("(u; v)", "dim W", "dim Lie", "M, line by line"), lines, agrees)


def parted(profile: Profile) -> SimulationResult:
    """Both points under one loss, in balls: z starts at 0 twice, the laws agree, and the enclosures come apart."""
    from ...simulations import Loss, Objective, certified_flow
    from ...simulations.enclosures import apart, image

    objective = Objective(read(SPEC), Loss.squared([1, 2]))
    end, marks = F(1, 2), (4, 8, 16)[profile.effort]
    times = [end * k / marks for k in range(1, marks + 1)]
    flows = [certified_flow(objective, point, time=end, digits=20) for point in (FIRST, SECOND)]
    seen = [[image(flow.at(t), objective.coordinates) for t in times] for flow in flows]
    gaps = [apart(a, b) for a, b in zip(*seen, strict=True)]
    radius = max(point.radius for points in seen for point in points)
    curves: list[Series] = []
    for name, points in zip(("from (0; 1, 0)", "from (0; 0, 1)"), seen, strict=True):
        for i in range(2):
            line = [(float(t), float(p.midpoint[i])) for t, p in zip(times, points, strict=True)]
            curves.append(Series(f"z{i + 1} {name}", [(0.0, 0.0), *line]))
    plots = (
        Plot("One z, one value of the law, two futures", "time", "z", curves),
        Plot(
            "Proved distance of the two",
            "time",
            "distance",
            [Series("at least", [(0.0, 0.0), *((float(t), float(g)) for t, g in zip(times, gaps, strict=True))])],
            caption="The enclosures are disjoint at every mark: z and h do not determine z'.",
        ),
    )
    residual = Residual(float(2 * radius), float(min(gaps)), note=f"proved: {float(min(gaps)):.3f} apart or more")
    return SimulationResult(residual, plots, proved=True)


def _rejected_inclusion() -> Certificate:
    from ...oracles.proofs import inclusion

    return inclusion(read(SPEC), None, FIRST, [])


def _always_broken() -> Certificate:
    from ...oracles.proofs import inclusion

    return inclusion(read(SPEC), None, REGULAR, [])


def _any_initialization() -> Certificate:
    from ...oracles.proofs import two_points

    return two_points(read(SPEC), None, (FIRST, SECOND), (1, 1), (0, 1))


def _not_shared() -> Certificate:
    from ...oracles.proofs import two_points

    return two_points(read(SPEC), None, (FIRST, (F(0), F(2), F(0))), (1, 1), (0, 4))


def _naive(name: str, says: str, check: Callable[[Start], Residual], example: Start) -> Mutant:
    return Mutant(name, says, Property(name, says, "rational", shallow, check, [example]))


THEOREM = Theorem(
    id="A3.zero-weights",
    title="Zero weights: the reduced flow can fail to exist",
    summary="Two points with the same paths and the same laws, and different metrics: both have a zero weight.",
    source="derived; it explains the correction between versions 1 and 2 of A3",
    status="derived",
    hypotheses=("phi = (u v_1, u v_2), the path lifting of one neuron with two inputs; h = |v|^2 - u^2.",),
    statement=r"\begin{gathered} "
    r"\phi(0; 1, 0) = \phi(0; 0, 1), \quad h(0; 1, 0) = h(0; 0, 1), \quad M(0; 1, 0) \neq M(0; 0, 1) \\ "
    r"\text{at } (0; 1, 0): \quad \dim W = 1, \quad \dim \mathrm{Lie}(W) = 2 "
    r"\end{gathered}",
    assumes=("A1.relu.path-lifting.count",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="fibre",
            says="In any network, a neuron that lost its outgoing weights hides how its incoming ones point: same z, "
            "same laws, another metric; no closed form is claimed.",
            arithmetic="rational",
            cases=dead,
            check=check_fibre,
            share=0.3,
        ),
        Property(
            name="decided",
            says="With one hidden layer and zeros anywhere, a closed form is claimed exactly where the kernel "
            "criterion holds.",
            arithmetic="rational",
            cases=shallow,
            check=check_decided,
            examples=[Start(read(SPEC), FIRST), Start(read(SPEC), REGULAR)],
            share=0.5,
        ),
    ),
    simulations=(
        both_flows("relu:2-1-1", "generic", "The same network away from zero weights: both flows agree."),
        Simulation("parted", "Two flows from one z with equal laws, in balls: proved to come apart.", parted),
    ),
    mutants=(
        Mutant(
            name="any-initialization",
            says="The metric is a function of z and h from any initialization.",
            refutes=_any_initialization,
        ),
        Mutant(
            name="recoverable", says="The weights are locally recoverable at (0; 1, 0).", rejects=_rejected_inclusion
        ),
        Mutant(
            name="always-broken",
            says="A zero weight always hides a direction.",
            refutes=_always_broken,
        ),
        Mutant(
            name="not-shared",
            says="(0; 1, 0) and (0; 0, 2), whose laws differ, are points of one level set.",
            rejects=_not_shared,
        ),
        Mutant(name="bracket-sign", says="The bracket is (v_2, v_1, 0).", rejects=lambda: bracket(1)),
        _naive("no-zeros", "The criterion holds iff no weight is zero.", check_naive, Start(read(SPEC), REGULAR)),
        _naive(
            "no-lost-side",
            "The criterion holds iff no neuron has lost all weights of a side.",
            check_path,
            Start(read("relu:1-1-1"), (F(1), F(0))),
        ),
    ),
)
