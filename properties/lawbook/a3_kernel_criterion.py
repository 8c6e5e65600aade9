"""A3.kernel-criterion: the metric property needs dM to vanish on the common kernel of dphi and dh."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._intrinsic import (
    ESCAPED,
    ESCAPED_TOO,
    FILTERS,
    GENERIC,
    NEURON,
    RELAXED,
    SLOPED,
    SWAPPED,
    TURNED,
    Conformal,
    Geometry,
    Place,
    conformal,
    entries,
    kernels_table,
    rank,
)
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
POSITIVE = (NEURON, FILTERS, RELAXED, SLOPED)
"""The inclusion holds: trivially twice, then with dim K_1 = 1."""
NEGATIVE = (GENERIC, TURNED, ESCAPED, ESCAPED_TOO)


def derivation() -> Iterator[Step]:
    """Necessity and local sufficiency in prose; then both at exact points, and why sufficiency is local."""
    from ...oracles.proofs import inclusion

    yield Step(
        "Where the rank of (dphi; dh) is constant, the sets on which phi and h are both constant are manifolds with "
        "the tangent spaces K_1 (constant rank theorem). The metric property says that M is a function of phi on a "
        "level set of h, so it is constant on each of them: dM vanishes along K_1.",
        r"M = K_{\theta_0} \circ \phi \text{ on } \{h = h(\theta_0)\} \;\Longrightarrow\; "
        r"K_1(\theta) \subset \ker dM(\theta)",
    )
    yield Step(
        "The rank is constant near every point where it is as large as anywhere nearby, an open dense set of points.",
    )
    yield Step(
        "Conversely, let the inclusion hold near a point of constant rank. In the coordinates of the constant rank "
        "theorem (phi, h) is a projection, and M does not change along its fibres, which are connected in a small box: "
        "M is a function of (phi, h) there.",
        r"K_1 \subset \ker dM \text{ near } \theta_0 \;\Longrightarrow\; M = K(\phi, h) \text{ near } \theta_0",
    )
    for place in POSITIVE:
        seen = place.look()
        yield Step(
            f"{place.spec}: the laws are laws, K_1 has dimension {len(seen.kernel)}, and dM vanishes on it.",
            certificate=inclusion(place.model(), seen.laws, place.point, seen.kernel),
        )
    for place in NEGATIVE:
        yield Step(
            f"{place.spec} at ({', '.join(map(str, place.point))}): a direction of K_1 changes M. One point, and there "
            "is no metric property near it.",
            certificate=violated(place),
        )
    yield Step(
        "Two of these points have the same phi = I and the same Delta: what the derivative says, seen at a distance.",
        r"(U, V) \mapsto (O U, O V), \quad O Z O^\top = Z",
        two_on_a_fibre(GENERIC, TURNED, (0, 0)),
    )
    yield Step(
        "Sufficiency is local. For one filter as a product of two, K_1 is zero at the factorizations 2 (x + 1) times "
        "(x - 1) and 2 (x - 1) times (x + 1); phi and the law agree, M does not.",
        r"K_1 = \{0\}, \qquad M_{01} = 3 \text{ and } -3",
        two_on_a_fibre(FILTERS, SWAPPED, (0, 1)),
    )
    yield Step(
        "K_1 is zero at the second factorization, too.",
        certificate=inclusion(SWAPPED.model(), SWAPPED.look().laws, SWAPPED.point, []),
    )


def violated(place: Place) -> Certificate:
    """The certificate of a direction in K_1 along which M changes."""
    from ...oracles.proofs import violation

    found = place.look().violation()
    assert found is not None
    return violation(place.model(), place.look().laws, place.point, found.vector, found.entry, found.derivative)


def two_on_a_fibre(one: Place, other: Place, entry: tuple[int, int]) -> Certificate:
    """The certificate that an entry of M differs at two points with the same phi and h."""
    from ...oracles.proofs import two_points

    i, j = entry
    metric = one.look().metric[i][j], other.look().metric[i][j]
    return two_points(one.model(), one.look().laws, (one.point, other.point), entry, metric)


def check_pair(case: Conformal) -> Residual:
    """Near and far agree: M is the same at ``(O U, O V)`` iff dM vanishes on K_1.

    K_1 is spanned by ``(J U, J V)``, the velocity of the turn, wherever it has dimension 1. M is the operator ``G -> U
    U^T G + G V V^T``; a turn other than by a half keeps it iff ``U U^T`` is a multiple of the identity.
    """
    one, other = (place.look() for place in case.pair())
    same_fibre = one.values == other.values and one.law_values == other.law_values
    inside = one.violation() is None
    off = int(not same_fibre) + int(inside != (one.metric == other.metric)) + int(inside != case.relaxed)
    return Residual(off, nontrivial=len(one.kernel) == 1)


def relaxed_places() -> SearchStrategy[Place]:
    """Relaxed balanced points of linear networks of two and three layers, where K_1 is not zero."""
    from hypothesis import strategies as st

    from ...oracles.intrinsic import relaxed_point
    from ...oracles.models import DeepLinear

    shapes = st.sampled_from([(2, 2, 2), (2, 2, 3), (3, 2, 2), (3, 2, 3), (3, 3, 3), (2, 2, 2, 2), (2, 2, 2, 3)])

    def build(shape: tuple[int, ...], seed: int) -> Place:
        found = relaxed_point(DeepLinear(shape), seed=seed)
        return Place(found.model.spec, tuple(F(x) for x in found.point))

    return st.builds(build, shapes, st.integers(0, 50))


def networks() -> SearchStrategy[Place]:
    """Path liftings without zero weights."""
    from ..strategies import relu_models, vectors

    models = relu_models(layers=(2, 3), width=(1, 2), parameters=10)
    return models.flatmap(lambda m: vectors(m.parameters, size=5, nonzero=True).map(partial(Place, m.spec)))


def check_inclusion(place: Place, laws: bool = True) -> Residual:
    """The largest entry of dM on a basis of K_1; on ker dphi alone without the laws."""
    seen = place.look() if laws else Geometry(place.model(), place.point, [])
    changes = [abs(x) for v in seen.kernel for row in seen.metric_change(v) for x in row]
    return Residual(max(changes, default=F(0)), nontrivial=bool(seen.kernel))


def generic_pairs() -> SearchStrategy[tuple[Place, Place]]:
    """A degenerate or generic point, and a generic one of the same model."""
    from hypothesis import strategies as st

    from ..strategies import initializations, linear_models, relu_models, vectors

    models = st.one_of(
        linear_models(layers=(2, 3), width=(1, 2), parameters=14), relu_models(width=(1, 2), parameters=8)
    )
    return models.flatmap(
        lambda m: st.tuples(
            initializations(m).map(partial(Place, m.spec)),
            vectors(m.parameters, size=50, nonzero=True).map(partial(Place, m.spec)),
        )
    )


def check_rank(pair: tuple[Place, Place]) -> Residual:
    """The rank of (dphi; dh) at a point and near it: never larger at the point, and the oracle says when it is equal.

    Points on the line to a random point are generic but for finitely many: what is found at one of them, as near as you
    like, is the largest rank there is nearby.
    """
    from ...oracles.intrinsic import geometry, setting

    one, other = pair
    model, here = one.model(), one.look()
    step = F(1, 10**6)
    near = Geometry(model, [a + step * (b - a) for a, b in zip(one.point, other.point, strict=True)])
    ranks = [rank([*g.jacobian, *g.law_gradients]) for g in (here, near)]
    said = geometry(setting(model), one.point).constant
    off = max(0, ranks[0] - ranks[1]) + int(said is not None and said != (ranks[0] == ranks[1]))
    return Residual(off, nontrivial=said is not None, note=f"{ranks[0]} at the point, {ranks[1]} near it")


@dataclass(frozen=True, slots=True)
class Factorization:
    """``w = p q (x^2 - s^2)`` as p (x + s) times q (x - s), and with the roots swapped."""

    p: Fraction
    q: Fraction
    s: Fraction

    def pair(self) -> tuple[Place, Place]:
        p, q, s = self.p, self.q, self.s
        return Place("conv:2-2", (p * s, p, -q * s, q)), Place("conv:2-2", (-p * s, p, q * s, q))


def factorizations() -> SearchStrategy[Factorization]:
    """Two different norms, so that the law is not zero."""
    from hypothesis import strategies as st

    drawn = st.builds(Factorization, entries(), entries(), entries())
    return drawn.filter(lambda case: abs(case.p) != abs(case.q))


def check_global(case: Factorization) -> Residual:
    """The wrong statement: where the inclusion holds, points with the same phi and h have the same M."""
    one, other = (place.look() for place in case.pair())
    alike = one.values == other.values and one.law_values == other.law_values
    fine = alike and one.violation() is None and other.violation() is None
    gap = max(abs(a - b) for x, y in zip(one.metric, other.metric, strict=True) for a, b in zip(x, y, strict=True))
    return Residual(gap if fine else F(0), nontrivial=fine)


def the_kernels() -> Table:
    """What is left by phi, by the laws and by both, for models that are and are not intrinsic."""
    from ...oracles.models import parse_model

    more = [
        Place("diagonal:2", (F(1), F(2), F(3), F(-1))),
        Place("relu:2-2-1+bias", tuple(F(x) for x in (1, 2, -1, 1, 2, 1, -1, 3))),
        Place("relu:2-1-1", (F(1), F(0), F(0))),
    ]
    more.append(Place("symmetric:2-2", tuple(F(k + 1) for k in range(parse_model("symmetric:2-2").parameters))))
    return kernels_table([*POSITIVE, *NEGATIVE, *more])


def along_the_fibre(profile: Profile) -> SimulationResult:
    """M along the turn ``(O(t) U, O(t) V)``, in exact arithmetic, at a relaxed balanced and at another start.

    z and Delta do not change at all. The first metric is constant, exactly; the second has the slope that dM says at
    t = 0: the difference quotient and dM differ by at most a constant times the step, so that halving the step halves
    the difference; the slope is drawn as a line.
    """
    marks = (8, 16, 32)[profile.effort]
    still = Conformal(((F(3, 5), F(-4, 5)), (F(4, 5), F(3, 5))), F(1), F(1, 2), F(0))
    moving = Conformal(((F(2), F(0)), (F(0), F(1))), F(1), F(0), F(0))
    curves: list[Series] = []
    off = F(0)
    for case, name in ((still, "relaxed balanced"), (moving, "not relaxed balanced")):
        start = case.pair()[0].look()
        points: list[tuple[float, float]] = []
        for k in range(-marks, marks + 1):
            turned = Conformal(case.U, case.a, case.b, F(k, 2 * marks)).pair()[1].look()
            if turned.values != start.values or turned.law_values != start.law_values:
                off += 1
            if case is still:
                off = max(
                    [
                        off,
                        *(
                            abs(a - b)
                            for x, y in zip(turned.metric, start.metric, strict=True)
                            for a, b in zip(x, y, strict=True)
                        ),
                    ]
                )
            points.append((k / (2 * marks), float(turned.metric[0][1])))
        curves.append(Series(name, points))
    place = moving.pair()[0]
    velocity = turn_velocity(place)
    slope = place.look().metric_change(velocity)[0][1]
    curves.append(Series("dM along K_1", [(t, float(slope) * t) for t in (-0.25, 0.25)], "bound"))
    ladder: list[tuple[float, float]] = []
    for k in range(3, 3 + marks // 2):
        step = F(1, 2**k)
        turned = Conformal(moving.U, moving.a, moving.b, step).pair()[1].look()
        ladder.append((float(step), float(abs((turned.metric[0][1] - place.look().metric[0][1]) / step - slope))))
    plots = (
        Plot(
            "The metric along a fibre inside a level set",
            "t",
            "entry M₁₂",
            curves,
            caption="z and Δ are the same at all t.",
        ),
        Plot(
            "The difference quotient tends to dM on K₁",
            "step",
            "difference quotient - dM",
            [Series("not relaxed balanced", ladder)],
            x_scale="log",
            y_scale="log",
        ),
    )
    falls = all(b <= a * F(6, 10) for (_, a), (_, b) in pairwise(ladder))
    residual = Residual(off if falls and slope else F(1), nontrivial=bool(slope), note=f"dM = {slope} on K_1")
    return SimulationResult(residual, plots)


def turn_velocity(place: Place) -> list[Fraction]:
    """The derivative at t = 0 of ``(O(t) U, O(t) V)`` for 2 x 2 matrices; O'(0) = 2 J."""
    u, v = place.point[:4], place.point[4:]  # V is kept transposed: V^T -> V^T O^T
    moved_u = [-2 * u[2], -2 * u[3], 2 * u[0], 2 * u[1]]
    moved_v = [-2 * v[1], 2 * v[0], -2 * v[3], 2 * v[2]]
    return [*moved_u, *moved_v]


def inclusion_where_it_fails() -> Certificate:
    """The claim that dM vanishes on K_1 at a point that is not relaxed balanced."""
    from ...oracles.proofs import inclusion

    return inclusion(GENERIC.model(), None, GENERIC.point, GENERIC.look().kernel)


def too_small_a_kernel() -> Certificate:
    """The claim that the inclusion holds at (1, 3, 2), made with the directions on which dM does vanish."""
    from ...oracles.proofs import inclusion

    seen = ESCAPED.look()
    kept = [v for v in seen.kernel if not any(x for row in seen.metric_change(v) for x in row)]
    return inclusion(ESCAPED.model(), None, ESCAPED.point, kept)


def all_places() -> SearchStrategy[Place]:
    """Small models of several kinds at exact points of all kinds."""
    from hypothesis import strategies as st

    from ...oracles.models import parse_model
    from ..strategies import initializations, linear_models, relu_models

    others = st.sampled_from(["diagonal:2", "symmetric:2-2", "conv:2-2", "conv:3-2+stride2", "monomial:3"])
    models = st.one_of(
        linear_models(layers=(2, 3), width=(1, 3), parameters=12),
        relu_models(layers=(2, 2), width=(1, 2), parameters=8),
        others.map(parse_model),
    )
    return models.flatmap(lambda m: initializations(m).map(partial(Place, m.spec)))


def check_oracle(place: Place) -> Residual:
    """Where ``oracles.intrinsic`` and the polynomials written out disagree."""
    from ...oracles.intrinsic import intrinsic

    seen, found = place.look(), intrinsic(place.model(), place.point)
    at = found.geometry
    off = sum(
        a is not None and a != b
        for a, b in (
            (at.jacobian_rank, rank(seen.jacobian)),
            (at.law_rank, rank(seen.law_gradients)),
            (at.kernel_dimension, len(seen.kernel)),
        )
    )
    off += int((found.witness is None) != (seen.violation() is None))
    return Residual(off, note=f"dim K_1 = {len(seen.kernel)}")


def _caught(
    name: str, says: str, cases: Callable[[], Any], check: Callable[[Any], Residual], examples: Sequence[Any]
) -> Mutant:
    return Mutant(name, says, violates=Property(name, says, "rational", cases, check, examples))


THEOREM = Theorem(
    id="A3.kernel-criterion",
    title="The kernel criterion of the metric property",
    summary="A direction that neither phi nor the laws see, and that changes M, disproves the metric property.",
    source="A3 Theorem 2.14; the hypothesis of constant rank is derived",
    status="proved",
    hypotheses=(
        "K_1(theta) = ker dphi(theta) cap ker dh(theta), h a set of laws.",
        "The rank of (dphi; dh) is constant near theta.",
    ),
    statement=r"\text{metric property near } \theta_0 \iff K_1(\theta) \subset \ker dM(\theta) \text{ for all } \theta "
    r"\text{ near } \theta_0; \qquad \text{one } \theta \text{ with } K_1 \not\subset \ker dM \text{ refutes it}",
    assumes=("A3.def.properties", "A3.fibre-dimension"),
    derivation=derivation,
    tables=(the_kernels,),
    properties=(
        Property(
            name="near-and-far",
            says="(O U, O V) with a rotation O that keeps Z: its metric is the old one iff dM vanishes on K_1, iff the "
            "start is relaxed balanced.",
            arithmetic="rational",
            cases=conformal,
            check=check_pair,
            examples=[Conformal(((F(2), F(0)), (F(0), F(1))), F(1), F(0), F(1, 2))],
            share=0.5,
        ),
        Property(
            name="necessary",
            says="At relaxed balanced points of linear networks with two and three layers, where M is a function of z, "
            "dM vanishes on K_1.",
            arithmetic="rational",
            cases=relaxed_places,
            check=check_inclusion,
            examples=[RELAXED, SLOPED],
            share=0.5,
        ),
        Property(
            name="rank",
            says="The rank of (dphi; dh) at a point is at most the rank near by, and the oracle calls it constant "
            "iff the two are equal.",
            arithmetic="rational",
            cases=generic_pairs,
            check=check_rank,
            share=0.5,
        ),
        Property(
            name="two-ways",
            says="Ranks, dim K_1 and whether dM vanishes on it: the oracle, which differentiates factors and paths, "
            "and Hessians of the polynomials written out agree.",
            arithmetic="rational",
            cases=all_places,
            check=check_oracle,
            examples=[*POSITIVE, *NEGATIVE],
            share=0.25,
        ),
    ),
    simulations=(
        both_flows(
            "linear:2-2-2",
            "relaxed:1",
            "The metric does not change along the one direction of the kernel, and both flows agree.",
        ),
        Simulation(
            name="along-the-fibre",
            says="Along a turn that keeps z and the laws the metric stays as it is at a relaxed balanced start, and "
            "moves as dM says at another.",
            run=along_the_fibre,
        ),
    ),
    mutants=(
        _caught(
            "without-laws",
            "The criterion asks for dM to vanish on all of ker dphi.",
            networks,
            partial(check_inclusion, laws=False),
            [NEURON],
        ),
        _caught(
            "global",
            "The criterion decides globally: with K_1 in ker dM, points with the same z and laws have the same M.",
            factorizations,
            check_global,
            [Factorization(F(2), F(1), F(1))],
        ),
        Mutant(
            "global-at-one-filter",
            "M is a function of z and of the laws for products of two filters of stride one.",
            refutes=lambda: two_on_a_fibre(FILTERS, SWAPPED, (0, 1)),
        ),
        Mutant(
            "relaxed-is-enough",
            "Relaxed balance implies the metric property, at (1, 3, 2) too.",
            refutes=lambda: violated(ESCAPED),
        ),
        Mutant(
            "inclusion-where-it-fails",
            "dM vanishes on K_1 at a point that is not relaxed balanced.",
            rejects=inclusion_where_it_fails,
        ),
        Mutant(
            "too-small-a-kernel",
            "The directions along which M stays are all of K_1.",
            rejects=too_small_a_kernel,
        ),
    ),
)
