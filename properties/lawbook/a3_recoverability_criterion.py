"""A3.recoverability-criterion: when the parameters can be told from z and the laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._intrinsic import (
    FILTERS,
    GENERIC,
    NEURON,
    SWAPPED,
    FloatJacobian,
    Place,
    rank,
    two_layer,
)
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
NETWORK = Place("relu:2-2-1+bias", tuple(F(x) for x in (1, 2, -1, 1, 2, 1, -1, 3)))
LINE = two_layer([[F(1)], [F(2)]], [[F(1)], [F(-1)], [F(3)]])
"""(n, m, r) = (2, 3, 1)."""
PRODUCT = two_layer([[F(2), F(1), F(-1)]], [[F(1), F(3), F(1)]])
"""(1, 1, 3): one entry, and a level set that pins all six parameters down."""
KNOWN = ((NETWORK, 0), (NEURON, 0), (LINE, 0), (PRODUCT, 0), (FILTERS, 0), (GENERIC, 1))
"""Places and the dimension of K_1, as the theory states it."""


def derivation() -> Iterator[Step]:
    """What the rank decides, then points of both kinds, decided by the kernel."""
    from ...oracles.proofs import exact_rank, inclusion, two_points

    yield Step(
        "K_1 = ker dphi cap ker dh is the kernel of the stacked matrix of both: it is zero iff the rank is D, which is "
        "to say that (phi, h) is an immersion at the point.",
        r"K_1 = \{0\} \iff \operatorname{rank} \begin{pmatrix} d\phi \\ dh \end{pmatrix} = D",
    )
    yield Step(
        "An immersion is injective near the point (inverse function theorem applied to D of its components that have "
        "independent differentials): theta is locally a function of phi and h. Conversely, if theta were locally a "
        "differentiable function of (phi, h), the differential of (phi, h) would have a left inverse.",
        r"\theta = \Theta(\phi(\theta), h(\theta)) \text{ near } \theta_0",
    )
    for place, dimension in KNOWN:
        seen = place.look()
        if dimension:
            yield Step(
                f"{place.spec}: phi and the laws have rank {seen.parameters - dimension} of {seen.parameters}; a curve "
                "of parameters has the same z and the same laws to first order.",
                certificate=exact_rank([*seen.jacobian, *seen.law_gradients]),
            )
        else:
            yield Step(
                f"{place.spec} at one point without zeros: the laws are laws, and rank {seen.parameters} of "
                f"{seen.parameters}.",
                certificate=inclusion(place.model(), seen.laws, place.point, []),
            )
    first, second = FILTERS.look(), SWAPPED.look()
    yield Step(
        "The statement is local. Swapping roots between two filters, 2 (x + 1)(x - 1) = 2 (x - 1)(x + 1), keeps the "
        "product and both norms: two points of full rank with the same phi and h, and another metric.",
        r"w = w_1 w_2 = w_1' w_2', \quad |w_1|^2 - |w_2|^2 = |w_1'|^2 - |w_2'|^2",
        two_points(
            FILTERS.model(),
            first.laws,
            (FILTERS.point, SWAPPED.point),
            (0, 1),
            (first.metric[0][1], second.metric[0][1]),
        ),
    )
    yield Step(
        "The second of the two points has full rank as well.",
        certificate=inclusion(SWAPPED.model(), second.laws, SWAPPED.point, []),
    )


def positive_places(zeros: bool = False) -> SearchStrategy[Place]:
    """Path liftings without zero weights and two layers of width one; with ``zeros`` some weights are zero."""
    from hypothesis import strategies as st

    from ..strategies import dags, initializations, relu_models

    networks = st.one_of(relu_models(layers=(2, 3), width=(1, 2), parameters=10), dags(hidden=(1, 2)))
    if zeros:
        return networks.flatmap(lambda m: initializations(m, "zero-weights").map(partial(Place, m.spec)))
    lines = st.tuples(st.integers(1, 3), st.integers(1, 3)).flatmap(lambda nm: _nonzero(f"linear:{nm[0]}-1-{nm[1]}"))
    return st.one_of(networks.flatmap(lambda m: _nonzero(m.spec)), lines)


def _nonzero(spec: str) -> SearchStrategy[Place]:
    from ...oracles.models import parse_model
    from ..strategies import vectors

    return vectors(parse_model(spec).parameters, size=5, nonzero=True).map(partial(Place, spec))


def check_full(place: Place) -> Residual:
    """How many of the D dimensions phi and the laws miss."""
    seen = place.look()
    return Residual(seen.parameters - rank([*seen.jacobian, *seen.law_gradients]))


def check_phi_alone(place: Place) -> Residual:
    """The same without the laws."""
    seen = place.look()
    return Residual(seen.parameters - rank(seen.jacobian))


def linear_places() -> SearchStrategy[Place]:
    """Two linear layers of every small size."""
    from hypothesis import strategies as st

    sizes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
    return sizes.flatmap(lambda s: _nonzero(f"linear:{s[0]}-{s[1]}-{s[2]}"))


def check_linear(place: Place) -> Residual:
    """At points of full ranks: recoverable iff r = 1 or n = m = 1, exactly."""
    n, r, m = (int(x) for x in place.spec.removeprefix("linear:").split("-"))
    seen = place.look()
    U = [place.point[i * r : i * r + r] for i in range(n)]
    V = [place.point[n * r + j :: m] for j in range(m)]
    generic = rank(U) == min(n, r) and rank(V) == min(m, r) and rank([*U, *V]) == min(n + m, r)
    found = rank([*seen.jacobian, *seen.law_gradients]) == seen.parameters
    wanted = r == 1 or n == m == 1
    return Residual(int(generic and found != wanted), nontrivial=generic)


def check_count(place: Place) -> Residual:
    """The wrong statement: enough equations pin the parameters down, D <= d + number of laws."""
    seen = place.look()
    enough = len(seen.phi) + rank(seen.law_gradients) >= seen.parameters
    missing = seen.parameters - rank([*seen.jacobian, *seen.law_gradients])
    return Residual(missing if enough else 0, nontrivial=enough)


def table() -> Table:
    """Ranks at the known places."""
    rows: list[list[str | int]] = []
    for place, _ in KNOWN:
        seen = place.look()
        parts = rank(seen.jacobian), rank(seen.law_gradients), rank([*seen.jacobian, *seen.law_gradients])
        verdict = "recoverable nearby" if parts[2] == seen.parameters else "not recoverable"
        rows.append([place.spec, seen.parameters, *parts, verdict])
    agrees = all(row[1] - row[4] == f for row, (_, f) in zip(rows, KNOWN, strict=True))  # type: ignore[operator]
    columns = ("model", "D", "rank dφ", "rank dh", "rank of both", "verdict")
    return Table("Can the parameters be told from z and the laws?", columns, rows, agrees)


def recovered(profile: Profile) -> SimulationResult:
    """theta(t) read back from z(t) and the laws of the start alone, by Newton's method from one time to the next.

    The full flow is integrated by RK4, so that its laws drift a little: d = |h(theta(t)) - h(theta(0))|. With F = (phi,
    h), the point x found and the full theta differ by v with F'(theta) v + q(v) = r, r the difference of the values: of
    the laws, d, and what Newton leaves. All components are quadratic, and |q(v)| <= 2 |v|^2 here: the laws add at most
    |v|^2, and phi at most |v|^2/2. So |v| <= |r|/(s - 2|v|) with s the smallest singular value of F'(theta), which is
    at most 2 |r|/s as soon as 2|v| <= s/2. Rounding of the computed values is added to |r|, by its derived bound.
    """
    import numpy

    from ...simulations import RK4, CompiledPolynomials, FloatField, Loss, Objective, float_point, integrate

    np: Any = numpy
    steps = (128, 256, 512)[profile.effort]
    worst = 0.0
    curves: list[Series] = []
    gaps: list[tuple[float, float]] = []
    allowed: list[tuple[float, float]] = []
    for place, target in ((NETWORK, (2, 1, F(1, 2), -1, 1, 1)), (GENERIC, (2, 1, -1, F(1, 2)))):
        seen = place.look()
        functions = [*seen.phi, *seen.laws]
        values, slope = CompiledPolynomials(functions, seen.parameters), FloatJacobian(functions, seen.parameters)
        field = FloatField(Objective(place.model(), Loss.squared(target)))
        path = integrate(field, float_point(place.point), method=RK4, length=1 / steps, steps=steps)
        least = [_least(slope(point), seen.parameters) for point in path.points]
        times = [k / steps for k in range(steps + 1)]
        curves.append(Series(place.spec, list(zip(times, [max(x, 1e-17) for x in least], strict=True))[:: steps // 64]))
        if place is not NETWORK:
            continue
        laws = values.values(path.points[0])[len(seen.phi) :]
        x = np.array(path.points[0])
        for t, theta, s in zip(times, path.points, least, strict=True):
            full = values.values(theta)
            wanted = np.concatenate([full[: len(seen.phi)], laws])
            for _ in range(6):
                x = x - np.linalg.lstsq(slope(x), values.values(x) - wanted, rcond=None)[0]
            left = float(np.linalg.norm(full - values.values(x)))
            rounding = float(np.linalg.norm(values.roundoff_bound(theta) + values.roundoff_bound(x)))
            bound = 2 * (left + rounding) / s
            gap = float(np.linalg.norm(x - theta))
            if 2 * gap > s / 2:
                worst = float("inf")
            worst = max(worst, gap / bound)
            gaps.append((t, max(gap, 1e-18)))
            allowed.append((t, bound))
    every = steps // 64
    plots = (
        Plot(
            "Parameters read back from z(t) and the laws of the start",
            "time",
            "|found - theta|",
            [
                Series(NETWORK.spec, gaps[::every]),
                Series("the drift of the integrator explains", allowed[::every], "bound"),
            ],
            y_scale="log",
        ),
        Plot(
            "The smallest singular value of (dφ; dh) along the flow",
            "time",
            "singular value",
            curves,
            y_scale="log",
            caption="Above zero the parameters can be followed; linear:2-2-2 has rank 7 of 8 at all times.",
        ),
    )
    return SimulationResult(Residual(worst, 1.0, note="gap over its bound, largest over all times"), plots)


def _least(matrix: Any, parameters: int) -> float:
    """The smallest of D singular values: 0 where there are fewer rows."""
    import numpy as np

    values = np.linalg.svd(matrix, compute_uv=False)
    return float(values[-1]) if len(values) == parameters else 0.0


def claimed_of_two_layers() -> Certificate:
    """The claim that K_1 is zero at a point of (2, 2, 2)."""
    from ...oracles.proofs import inclusion

    return inclusion(GENERIC.model(), None, GENERIC.point, [])


def _caught(name: str, says: str, cases: Any, check: Any, examples: Sequence[Place]) -> Mutant:
    return Mutant(name, says, violates=Property(name, says, "rational", cases, check, examples))


THEOREM = Theorem(
    id="A3.recoverability-criterion",
    title="When the parameters can be told from z and the laws",
    summary="Where (dphi; dh) has rank D, the parameters are locally a function of z and of the values of the laws.",
    source="A3 Theorem 2.17; the restriction to neighbourhoods is derived",
    status="proved",
    hypotheses=("h is a set of laws whose differential has constant rank near theta.",),
    statement=r"K_1(\theta) = \{0\} \iff \operatorname{rank} "
    r"\begin{pmatrix} d\phi(\theta) \\ dh(\theta) \end{pmatrix} = D \iff (\phi, h) \text{ is an immersion at } \theta",
    assumes=("A3.fibre-dimension",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="networks",
            says="Path liftings without zero weights, and two linear layers of width one, have rank D at random exact "
            "points.",
            arithmetic="rational",
            cases=positive_places,
            check=check_full,
            examples=[place for place, f in KNOWN if not f],
        ),
        Property(
            name="two-layers",
            says="Two linear layers at points of full ranks: rank D iff r = 1 or n = m = 1.",
            arithmetic="rational",
            cases=linear_places,
            check=check_linear,
            examples=[LINE, PRODUCT, GENERIC],
        ),
    ),
    simulations=(
        both_flows("relu:1-2-1+bias", "generic", "A network whose weights can be read off z and the laws: both flows."),
        Simulation(
            name="read-back",
            says="A ReLU network is trained; its parameters are read back at all times from z(t) and the laws of the "
            "start.",
            run=recovered,
        ),
    ),
    mutants=(
        _caught(
            "without-laws",
            "z alone tells the parameters.",
            positive_places,
            check_phi_alone,
            [NEURON],
        ),
        _caught(
            "zero-weights",
            "Path liftings are recoverable at all points.",
            partial(positive_places, True),
            check_full,
            [Place("relu:2-1-1", (F(1), F(0), F(0)))],
        ),
        _caught(
            "enough-equations",
            "As many coordinates and independent laws as parameters are enough.",
            linear_places,
            check_count,
            [Place("linear:3-2-3", tuple(F((k + 2) ** 2 % 7 - 3 or 1) for k in range(12)))],
        ),
        Mutant("two-by-two", "(2, 2, 2) is recoverable at a point of full rank.", rejects=claimed_of_two_layers),
    ),
)
