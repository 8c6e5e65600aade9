"""A3.def.properties: when training of z = phi(theta) is a flow in z and the initialization alone; three grades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from .._both_flows import both_flows
from .._brackets import tree
from .._enclosed import TIGHT
from .._intrinsic import (
    GENERIC,
    NEURON,
    RELAXED,
    TURNED,
    Conformal,
    Place,
    conformal,
    entries,
    flat,
    product,
    rotation,
    transposed,
)
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...simulations import Enclosure, Loss

F = Fraction
LOSS = (F(1), F(1), F(-1), F(2))
"""Targets of the squared loss of the simulations."""


def hidden_turn(place: Place, t: Fraction) -> Place:
    """``(U R, V R)`` for 2 x 2 matrices: the same Z, and the same Delta if that is a multiple of the identity."""
    R = rotation(t)
    U, W = ([list(place.point[k : k + 2]), list(place.point[k + 2 : k + 4])] for k in (0, 4))
    return Place(place.spec, flat(product(U, R), product(transposed(R), W)))


def derivation() -> Iterator[Step]:
    """The lifted flow, the two implications, and one exact example for each grade."""
    from ...oracles.proofs import inclusion, two_points, violation

    yield Step(
        "Along theta' = -grad (f o phi) the chain rule gives the flow of z, with the matrix of inner products of the "
        "gradients of phi.",
        r"z' = d\phi(\theta)\, \theta' = -d\phi(\theta)\, d\phi(\theta)^\top \nabla f(z) = -M(\theta) \nabla f(z)",
    )
    yield Step(
        "For one neuron, phi = (u v_1, u v_2): the entries of M, and phi changes along -grad (f o phi) by -M grad f, "
        "with a free gradient of f.",
        r"M = \begin{pmatrix} u^2 + v_1^2 & v_1 v_2 \\ v_1 v_2 & u^2 + v_2^2 \end{pmatrix}",
        _lifted(),
    )
    yield Step(
        "Recoverability implies the metric property: if theta = Theta(phi(theta)) on the level set of the laws, then "
        "M(theta) = M(Theta(phi(theta))) there.",
        r"K_{\theta_0} = M \circ \Theta",
    )
    yield Step(
        "The metric property implies the dynamic property: laws are constant along every trajectory, whatever f is, so "
        "a trajectory stays on the level set on which M is a function of phi.",
        r"h(\theta(t)) = h(\theta_0) \;\Longrightarrow\; M(\theta(t)) = K_{\theta_0}(\phi(\theta(t)))",
    )
    yield Step(
        "Recoverable: the neuron at u = 3, v = (1, 2). Its law is a law, and phi and the law have an injective "
        "differential (A3.recoverability-criterion).",
        certificate=inclusion(NEURON.model(), None, NEURON.point, []),
    )
    turned = hidden_turn(RELAXED, F(1, 2))
    yield Step(
        "Metric but not recoverable: (U, V) of size (2, 2, 2) with Delta = I. A turn R of the hidden layer gives other "
        "parameters with the same phi, the same laws and the same M, which is a function of Z there "
        "(A3.linear2.relaxed-balanced).",
        r"(U R, V R) \ne (U, V), \qquad (U R)^\top (U R) - (V R)^\top (V R) = R^\top R = I",
        _same(RELAXED, turned),
    )
    yield Step(
        "At this point the common kernel of dphi and dh has dimension 1, and dM vanishes on it (A3.kernel-criterion).",
        certificate=inclusion(RELAXED.model(), None, RELAXED.point, RELAXED.look().kernel),
    )
    yield Step(
        "Neither: Z = I, U = diag(2, 1), V = diag(1/2, 1), and the same turned by O with cosine 3/5. Both have the "
        "same phi and the same Delta, and lie on one orbit of the Lie algebra (diag(A, A) with A skew belongs to it, "
        "A1.two-layer-linear.lie-algebra); their metrics differ.",
        r"(O U, O V), \quad O Z O^\top = Z, \qquad M_{11} = \tfrac{17}{4} \text{ and } \tfrac{281}{100}",
        two_points(GENERIC.model(), None, (GENERIC.point, TURNED.point), (0, 0), (F(17, 4), F(281, 100))),
    )
    found = GENERIC.look().violation()
    assert found is not None
    yield Step(
        "So it is near that point: a direction that phi and the laws do not see changes M.",
        certificate=violation(GENERIC.model(), None, GENERIC.point, found.vector, found.entry, found.derivative),
    )


def _lifted() -> Certificate:
    """Variables v_1, v_2, u and the gradient g of f: ``dphi (-dphi^T g) = -M g``."""
    from ...oracles.proofs import add, identity, multiply, symbol

    phi = NEURON.model().coordinates()
    g = [symbol(3), symbol(4)]
    slopes = [{k: tree(p) for k, p in polynomial.gradient().items()} for polynomial in phi]
    velocity = [multiply(-1, add(*(multiply(g[i], s[k]) for i, s in enumerate(slopes) if k in s))) for k in range(3)]
    v, u = [symbol(0), symbol(1)], symbol(2)
    M = [[add(multiply(u, u) if i == j else 0, multiply(v[i], v[j])) for j in (0, 1)] for i in (0, 1)]
    pairs = [
        (
            add(*(multiply(part, velocity[k]) for k, part in slopes[i].items())),
            multiply(-1, add(multiply(M[i][0], g[0]), multiply(M[i][1], g[1]))),
        )
        for i in (0, 1)
    ]
    return identity(5, pairs)


def _same(one: Place, other: Place) -> Certificate:
    """phi, the laws and M at the second point take the values that they have at the first."""
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import values

    seen = one.look()
    gradients = [p.gradient() for p in seen.phi]
    metric = [
        sum((a[k] * b[k] for k in a.keys() & b.keys()), Polynomial())
        for i, a in enumerate(gradients)
        for b in gradients[i:]
    ]
    functions = [*seen.phi, *seen.laws, *metric]
    return values(other.point, [(tree(p), p.evaluate(one.point)) for p in functions])


@dataclass(frozen=True, slots=True, repr=False)
class Lift:
    """A model at a point, and a loss."""

    place: Place
    loss: Loss

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"{self.place}, slope of the loss {shown(self.loss.slope)}"


def lifts() -> SearchStrategy[Lift]:
    """Models of several kinds, points of all kinds, quadratic losses."""
    from hypothesis import strategies as st

    from ...oracles.models import parse_model
    from ..strategies import initializations, linear_models, losses, relu_models

    others = st.sampled_from(["diagonal:2", "symmetric:2-2", "conv:3-2+stride2", "monomial:3"]).map(parse_model)
    models = st.one_of(linear_models(parameters=12), relu_models(parameters=8, width=(1, 2)), others)
    return models.flatmap(lambda m: st.builds(Lift, initializations(m).map(partial(Place, m.spec)), losses(m)))


def check_lift(case: Lift) -> Residual:
    """``dphi theta'`` along the gradient that training takes, against ``-M grad f`` from the polynomials."""
    from ...simulations import Objective

    seen = case.place.look()
    velocity = [-x for x in Objective(case.place.model(), case.loss).gradient(case.place.point)]
    g = [F(x) for x in case.loss.slope]
    for i, j, a in case.loss.curvature:
        g[i] += a * seen.values[j]
    lifted = [sum((a * b for a, b in zip(row, velocity, strict=True)), F(0)) for row in seen.jacobian]
    stated = [-sum((a * b for a, b in zip(row, g, strict=True)), F(0)) for row in seen.metric]
    off = max(abs(a - b) for a, b in zip(lifted, stated, strict=True))
    return Residual(off, nontrivial=any(stated))


def check_lift_alone(case: Lift) -> Residual:
    """The wrong lifted flow ``z' = -grad f(z)``: gradient flow on z itself."""
    seen = case.place.look()
    g = [F(x) for x in case.loss.slope]
    for i, j, a in case.loss.curvature:
        g[i] += a * seen.values[j]
    moved = [sum((a * b for a, b in zip(row, g, strict=True)), F(0)) for row in seen.metric]
    return Residual(max(abs(a - b) for a, b in zip(moved, g, strict=True)), nontrivial=any(g))


@dataclass(frozen=True, slots=True)
class Alike:
    """Two places that should have the same phi, the same laws and the same metric."""

    one: Place
    other: Place


def alike() -> SearchStrategy[Alike]:
    """Neurons with all signs of a hidden unit flipped, and relaxed balanced points with the hidden layer turned."""
    from hypothesis import strategies as st

    def neuron(point: tuple[Fraction, ...]) -> Alike:
        return Alike(Place("relu:2-1-1", point), Place("relu:2-1-1", tuple(-x for x in point)))

    def turned(case: Conformal, t: Fraction) -> Alike:
        place = case.pair()[0]
        return Alike(place, hidden_turn(place, t))

    return st.one_of(
        st.builds(turned, conformal(True), entries()),
        st.tuples(entries(), entries(), entries()).map(neuron),
    )


def check_alike(case: Alike) -> Residual:
    """What the three grades say about two points of one fibre of (phi, h): the metric is the same."""
    one, other = case.one.look(), case.other.look()
    off = int(one.values != other.values) + int(one.law_values != other.law_values) + int(one.metric != other.metric)
    return Residual(off, nontrivial=case.one != case.other)


def unlike() -> SearchStrategy[Alike]:
    """Two points with the same z and the same Delta, not relaxed balanced."""
    return conformal(False).filter(lambda case: not case.relaxed).map(lambda case: Alike(*case.pair()))


def rescaled() -> SearchStrategy[Alike]:
    """A neuron, and the same with its weights rescaled: the same z, other laws."""
    from hypothesis import strategies as st

    def build(v: Fraction, w: Fraction, u: Fraction, c: Fraction) -> Alike:
        return Alike(Place("relu:2-1-1", (v, w, u)), Place("relu:2-1-1", (c * v, c * w, u / c)))

    return st.builds(build, entries(), entries(), entries(), st.sampled_from([F(2), F(1, 3), F(3, 2)]))


def check_z_alone(case: Alike) -> Residual:
    """The wrong statement: the metric is a function of z."""
    one, other = case.one.look(), case.other.look()
    gap = max(abs(a - b) for x, y in zip(one.metric, other.metric, strict=True) for a, b in zip(x, y, strict=True))
    return Residual(gap if one.values == other.values else F(0))


def table() -> Table:
    """The three examples: what a second point of the same fibre shows."""
    rows: list[tuple[str | int, ...]] = []
    pairs = (
        ("neuron", NEURON, replace(NEURON, point=tuple(-x for x in NEURON.point)), "recoverable nearby"),
        ("(2, 2, 2), Delta = I", RELAXED, hidden_turn(RELAXED, F(1, 2)), "metric, not recoverable"),
        ("(2, 2, 2), Delta = diag(15/4, 0)", GENERIC, TURNED, "no metric property"),
    )
    for name, one, other, grade in pairs:
        first, second = one.look(), other.look()
        same = first.values == second.values and first.law_values == second.law_values
        on_kernel = "-" if not first.kernel else "changes" if first.violation() else "0"
        metric = "the same" if first.metric == second.metric else "another"
        rows.append((name, len(first.kernel), on_kernel, "yes" if same else "no", metric, grade))
    columns = ("example", "dim K₁", "dM on K₁", "second point: same z and h", "its metric", "property")
    agrees = [(row[1], row[2], row[4]) for row in rows] == [
        (0, "-", "the same"),
        (1, "0", "the same"),
        (1, "changes", "another"),
    ]
    return Table("The three grades", columns, rows, agrees)


def two_starts(profile: Profile) -> SimulationResult:
    """Two starts with the same z and the same laws, trained with the same loss, all four flows enclosed in balls.

    Relaxed balanced: the enclosures of z overlap at all times, so that the two differ by at most the sum of their
    widths; residual is the largest such bound, and 4 TIGHT its bound, no radius being above TIGHT. Not relaxed
    balanced: the enclosures are disjoint, which proves that the two trajectories differ; else the residual is infinite.
    """
    from ...simulations.enclosures import apart, within

    marks = (8, 16, 32)[profile.effort]
    times = [F(k, marks) for k in range(1, marks + 1)]
    good = [_trained(place, times) for place in (RELAXED, hidden_turn(RELAXED, F(1, 2)))]
    bad = [_trained(place, times) for place in (GENERIC, TURNED)]
    below = [float(within(a, b)) for a, b in zip(*good, strict=True)]
    above = [float(apart(a, b)) for a, b in zip(*bad, strict=True)]
    overlap = not any(apart(a, b) for a, b in zip(*good, strict=True))
    fine = overlap and min(above) > 0
    t = [0.0, *(float(x) for x in times)]
    curves: list[Series] = []
    for flows, name in ((good, "relaxed"), (bad, "not relaxed")):
        for k, flow in enumerate(flows):
            zs = [float(GENERIC.look().values[0] if flows is bad else RELAXED.look().values[0])]
            zs += [float(point.midpoint[0]) for point in flow]
            curves.append(Series(f"{name}, start {k + 1}", list(zip(t, zs, strict=True)), "points" if k else "line"))
    gaps = [
        Series("relaxed balanced: at most", list(zip(t[1:], below, strict=True)), "bound"),
        Series("not relaxed balanced: at least", list(zip(t[1:], above, strict=True))),
    ]
    plots = (
        Plot("Two starts with the same z and the same laws", "time", "z₁₁", curves),
        Plot("How far apart the two trajectories of z are", "time", "distance", gaps, y_scale="log"),
    )
    rows = [
        ("relaxed balanced, turned hidden layer", f"at most {max(below):.1e}", "overlap at all times"),
        ("not relaxed balanced, (O U, O V)", f"at least {max(above):.3f}", "disjoint at all times"),
    ]
    shown = Table(
        "Distance of z(t) for two starts on one fibre, proved", ("pair", "largest distance", "enclosures"), rows
    )
    note = f"not relaxed balanced: apart by at least {max(above):.3f}, proved"
    return SimulationResult(
        Residual(max(below) if fine else float("inf"), float(4 * TIGHT), note=note), plots, shown, proved=True
    )


def _trained(place: Place, times: Sequence[Fraction]) -> list[Enclosure]:
    from ...simulations import Loss, Objective, certified_flow
    from ...simulations.enclosures import image

    objective = Objective(place.model(), Loss.squared(LOSS))
    flow = certified_flow(objective, place.point, time=times[-1], digits=24)
    return [image(flow.at(t), objective.coordinates) for t in times]


def reduced(profile: Profile) -> SimulationResult:
    """The flow of z alone at the relaxed balanced start, which keeps nothing but Delta, beside the full flow."""
    from ...simulations import Loss
    from ...simulations.reduced import compare, reduced_flow
    from .._reduced import side_by_side

    model, laws = RELAXED.model(), RELAXED.look().laws
    flow = reduced_flow(model, RELAXED.point)
    halvings = (2, 3, 4)[profile.effort]
    comparison = compare(model, RELAXED.point, flow, Loss.squared(LOSS), halvings=halvings)
    return side_by_side(comparison, ("z11", "z12", "z21", "z22"), laws[0], note="Delta = I, and Z(0)")


def same_metric_claimed() -> Certificate:
    """The two points of the last example, with the metric of the first for both: no contradiction, so no proof."""
    from ...oracles.proofs import two_points

    return two_points(GENERIC.model(), None, (GENERIC.point, TURNED.point), (0, 0), (F(17, 4), F(17, 4)))


def other_fibre() -> Certificate:
    """A neuron and its rescaling: M differs, and so does the law."""
    from ...oracles.proofs import two_points

    other = Place(NEURON.spec, (F(2), F(4), F(3, 2)))
    metric = NEURON.look().metric[0][0], other.look().metric[0][0]
    return two_points(NEURON.model(), None, (NEURON.point, other.point), (0, 0), metric)


def disproof() -> Certificate:
    """The metric property of (2, 2, 2) at every start, refuted by two points."""
    from ...oracles.proofs import two_points

    return two_points(GENERIC.model(), None, (GENERIC.point, TURNED.point), (0, 0), (F(17, 4), F(281, 100)))


THEOREM = Theorem(
    id="A3.def.properties",
    title="Three grades of intrinsic dynamics",
    summary="z = phi(theta) trains by z' = -M grad f; it is a flow of its own if M is a function of z and the start.",
    source="A3 Definitions 2.6, 2.10, 2.15",
    status="definition",
    hypotheses=(
        "E = f o phi with any differentiable f; theta' = -grad E(theta), z = phi(theta), M = dphi dphi^T.",
        "Dynamic property at theta_0: M(theta(t)) = K(phi(theta(t))) along every trajectory from theta_0, with one K "
        "for all f.",
        "Metric property: M = K o phi on the level set of theta_0 of some laws h.",
        "Recoverability: theta is a function of phi(theta) on that level set.",
    ),
    statement=r"z' = -M(\theta) \nabla f(z); \qquad \text{recoverability} \Longrightarrow \text{metric property} "
    r"\Longrightarrow \text{dynamic property}",
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="lifted-flow",
            says="dphi theta' from the program that trains equals -M grad f from the polynomials, at exact points.",
            arithmetic="rational",
            cases=lifts,
            check=check_lift,
        ),
        Property(
            name="same-fibre",
            says="Two points of one fibre of phi and the laws, where a grade is known to hold: metrics are equal.",
            arithmetic="rational",
            cases=alike,
            check=check_alike,
            examples=[Alike(RELAXED, hidden_turn(RELAXED, F(1, 2)))],
            share=0.5,
        ),
    ),
    simulations=(
        both_flows(
            "relu:2-1-1",
            "generic",
            "A neuron, where all three properties hold: both flows, and nothing in the common kernel.",
        ),
        Simulation(
            name="two-starts",
            says="Two starts with the same z and laws: one trajectory of z if Delta is a multiple of the identity, two "
            "if not.",
            run=two_starts,
        ),
        Simulation(
            name="reduced",
            says="The flow of z alone, from z(0) and Delta, is the full flow up to what integration accounts for.",
            run=reduced,
        ),
    ),
    mutants=(
        Mutant(
            "without-the-metric",
            "z follows the gradient flow of f itself.",
            violates=Property("without-the-metric", "z' = -grad f", "rational", lifts, check_lift_alone),
        ),
        Mutant(
            "z-alone",
            "The metric is a function of z, whatever the laws.",
            violates=Property("z-alone", "M(z)", "rational", rescaled, check_z_alone),
        ),
        Mutant(
            "every-start",
            "Two linear layers have the metric property at every start.",
            violates=Property("every-start", "M(z, h)", "rational", unlike, check_alike),
        ),
        Mutant("every-start-exactly", "So does (2, 2, 2) at U = diag(2, 1), V = diag(1/2, 1).", refutes=disproof),
        Mutant("same-metric", "Two points with the same metric refute the property.", rejects=same_metric_claimed),
        Mutant("other-fibre", "Two points with the same z and other laws refute the property.", rejects=other_fibre),
    ),
)
