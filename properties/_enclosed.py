"""Full against reduced flow as a proof: two enclosures that overlap and are tight, and mutants whose are disjoint.

How to use it in an entry::

    def operator(z, g, sqrt):  # K(z) g for one neuron z = u v of width one, law u^2 - v^2 = 2
        return [sqrt(2 * 2 + 4 * z[0] ** 2) * g[0]]

    NEURON = Reduced("linear:1-1-1", (F(3, 2), F(1, 2)), Loss.squared([3]), operator)

    Simulation("enclosed", "Both flows in balls ...", lambda profile: enclosed(NEURON, {"factor 2 lost": wrong}))
    Property(..., check=gap)                       # of cases that are ``Reduced``: 0, or a proved distance
    Mutant(..., violates=Property(..., check=lambda case: gap(replace(case, operator=wrong))))

An operator is one formula, sign included as in ``z' = -K(z) grad f(z)``: no branches, exact constants (``Fraction(1,
2)``, never 0.5), and only the ``sqrt`` that it is given. The same function runs on floats with ``math.sqrt``. A root of
a polynomial is carried along as one more coordinate, by its own equation: ``extra`` gives its exact value at the start,
and the operator returns one more component. For a chain z = abc with x = a^2 that is ``x' = -2 z f'(z)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ._theorem import Plot, Residual, Series, SimulationResult, Table

if TYPE_CHECKING:
    from ..oracles.models import Model
    from ..oracles.polynomials import Rational
    from ..simulations import Enclosure, Loss
    from ..simulations.enclosures import Field

Operator = Callable[[Sequence[Any], Sequence[Any], Callable[[Any], Any]], Sequence[Any]]
"""``operator(z, g, sqrt) = K(z) g``."""

DIGITS = 24
"""Proved digits that are asked for, of both flows at the end."""

TIGHT = Fraction(1, 10**20)
"""No radius may be larger: two balls that overlap then hold points at most ``4 TIGHT`` apart."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """A model from an exact point, and a reduced flow to be held against it.

    Args:
        spec: of the model.
        point: the exact initialization.
        loss: f.
        operator: K.
        extra: exact values at the start of coordinates that follow those of z in the operator.
    """

    spec: str
    point: tuple[Rational, ...]
    loss: Loss
    operator: Operator
    extra: tuple[Rational, ...] = ()

    def model(self) -> Model:
        from ..oracles.models import parse_model

        return parse_model(self.spec)

    def start(self) -> tuple[Rational, ...]:
        """z at the start and ``extra``, exactly."""
        return (*(p.evaluate(self.point) for p in self.model().coordinates()), *self.extra)


def field(operator: Operator, loss: Loss) -> Field:
    """``-K(z) grad f(z)`` as ``enclose_flow`` takes it."""
    size = len(loss.slope)

    def velocity(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
        g: list[Any] = list(loss.slope)
        for i, j, a in loss.curvature:
            g[i] = g[i] + a * z[j]
        return [-component for component in operator(z, g[:size], sqrt)]

    return velocity


def full(case: Reduced, times: Sequence[Fraction], digits: int = DIGITS) -> list[Enclosure]:
    """``phi(theta(t))`` at the times, enclosed. The last time is the end of the flow."""
    return list(_full(case.spec, case.point, case.loss, tuple(times), digits))


def reduced(case: Reduced, times: Sequence[Fraction], digits: int = DIGITS) -> list[Enclosure]:
    """``z(t)`` at the times, enclosed.

    Raises:
        TooLarge: the reduced flow is not defined as far as that.
    """
    from ..simulations import Enclosure, enclose_flow

    flow = enclose_flow(field(case.operator, case.loss), case.start(), time=times[-1], digits=digits)
    size = len(case.loss.slope)
    points = [flow.at(t) for t in times[:-1]] + [flow.end]
    return [Enclosure(point.midpoint[:size], point.radius) for point in points]


def gap(case: Reduced, *, time: Rational = 1, digits: int = DIGITS) -> Residual:
    """How far apart the flows are PROVED to be, at the end or half-way: 0 iff the enclosures overlap.

    Raises:
        TooLarge: no enclosure reaches that far; take a shorter time.
    """
    from ..simulations.enclosures import apart

    times = (Fraction(time) / 2, Fraction(time))
    truth, found = full(case, times, digits), reduced(case, times, digits)
    tight = max(point.radius for point in (*truth, *found)) <= TIGHT
    moved = any(apart(_start(case), point) > 0 for point in truth)
    return Residual(max(map(apart, truth, found)), nontrivial=moved and tight)


def enclosed(
    case: Reduced,
    mutants: Mapping[str, Operator],
    *,
    time: Rational = 1,
    marks: int = 8,
    digits: int = DIGITS,
    names: Sequence[str] = (),
) -> SimulationResult:
    """The proof as a simulation: PROVED iff the flows agree and every mutant is proved wrong.

    Residual: the largest proved upper bound of the distance of both flows at ``marks`` times; infinite if two
    enclosures are disjoint, if a mutant is not proved to differ at one of the times, or if nothing moves. Bound: balls
    of radii a and b that overlap hold points at most ``2 (a + b)`` apart, and no radius may exceed ``TIGHT``.

    Args:
        case: the model and the reduced flow.
        mutants: wrong operators by name, for the same case.
        time: the length of the flows.
        marks: at how many times they are compared.
        digits: the proved digits of each.
        names: of the coordinates of z, for the picture.
    """
    from ..simulations.enclosures import apart, within

    times = [Fraction(time) * k / marks for k in range(1, marks + 1)]
    truth, found = full(case, times, digits), reduced(case, times, digits)
    agree = not any(map(apart, truth, found)) and apart(_start(case), truth[-1]) > 0
    upper = list(map(within, truth, found))
    wrong = {
        name: list(map(apart, truth, reduced(replace(case, operator=operator), times, digits)))
        for name, operator in mutants.items()
    }
    told = all(map(any, wrong.values()))
    residual = Residual(
        float(max(upper)) if agree and told else float("inf"),
        float(4 * TIGHT),
        note=f"proved: at {marks} times the two are at most {float(max(upper)):.1e} apart",
    )
    rows = [("the reduced flow", f"at most {float(max(upper)):.2e}", "enclosures overlap" if agree else "disjoint")]
    for name, distances in wrong.items():
        verdict = "disjoint: proved wrong" if any(distances) else "not told apart"
        rows.append((name, f"at least {float(max(distances)):.2e}", verdict))
    table = Table("Distance from the full flow, proved in balls", ("flow", "distance", "verdict"), rows)
    return SimulationResult(residual, _plots(case, times, truth, found, upper, wrong, names), table, proved=True)


def _plots(
    case: Reduced,
    times: Sequence[Fraction],
    truth: Sequence[Enclosure],
    found: Sequence[Enclosure],
    upper: Sequence[Fraction],
    wrong: Mapping[str, Sequence[Fraction]],
    names: Sequence[str],
) -> tuple[Plot, Plot]:
    t = [0.0, *(float(x) for x in times)]
    start = _start(case).midpoint
    curves: list[Series] = []
    for i in range(min(4, len(start))):
        name = names[i] if names else f"z{i + 1}"
        ys, zs = ([float(start[i]), *(float(p.midpoint[i]) for p in points)] for points in (truth, found))
        curves.append(Series(f"{name}, all parameters", list(zip(t, ys, strict=True))))
        curves.append(Series(f"{name}, z alone", list(zip(t, zs, strict=True)), "points"))
    gaps = [Series("the reduced flow: at most", list(zip(t[1:], map(float, upper), strict=True)), "bound")]
    for name, distances in wrong.items():
        seen = [(x, float(d)) for x, d in zip(t[1:], distances, strict=True) if d]
        if seen:
            gaps.append(Series(f"{name}: at least", seen))
    return (
        Plot("The full flow and the reduced flow", "time", "z", curves, caption="Both enclosed; radii cannot be seen."),
        Plot(
            "Proved distances from the full flow",
            "time",
            "distance",
            gaps,
            y_scale="log",
            caption="An upper bound for the reduced flow, lower bounds for wrong formulas: disjoint.",
        ),
    )


def _start(case: Reduced) -> Enclosure:
    from ..simulations import Enclosure

    return Enclosure(tuple(p.evaluate(case.point) for p in case.model().coordinates()), Fraction(0))


@lru_cache(maxsize=32)
def _full(
    spec: str, point: tuple[Rational, ...], loss: Loss, times: tuple[Fraction, ...], digits: int
) -> tuple[Enclosure, ...]:
    from ..oracles.models import parse_model
    from ..simulations import Objective, certified_flow
    from ..simulations.enclosures import image

    objective = Objective(parse_model(spec), loss)
    flow = certified_flow(objective, point, time=times[-1], digits=digits)
    points = [flow.at(t) for t in times[:-1]] + [flow.end]
    return tuple(image(at, objective.coordinates) for at in points)
