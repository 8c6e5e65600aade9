"""The pictures of a reduced flow: both trajectories, their distance, and the level set that the full flow stays on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._theorem import Plot, Residual, Series, SimulationResult

if TYPE_CHECKING:
    from ..oracles.polynomials import Polynomial
    from ..simulations.reduced import Comparison

_CURVES = 4
"""Coordinates of z that are drawn."""
_MARKS = 24
"""Points of the reduced flow that are drawn on each curve."""


def side_by_side(
    comparison: Comparison, names: Sequence[str], law: Polynomial | None = None, note: str = ""
) -> SimulationResult:
    """The result of a comparison: HOLDS iff the distance is within what integration and rounding account for.

    Args:
        comparison: of the full and the reduced flow.
        names: of the coordinates of z.
        law: one of the laws whose values the reduced flow kept; adds a picture of its level set.
        note: a word for the page.
    """
    plots = [trajectories(comparison, names), distances(comparison)]
    if law is not None:
        plots.append(level_set(comparison, law))
    moved = float(abs(comparison.full[-1] - comparison.full[0]).max())
    residual = Residual(comparison.distance, comparison.bound, nontrivial=moved > comparison.bound, note=note)
    return SimulationResult(residual, tuple(plots))


def trajectories(comparison: Comparison, names: Sequence[str]) -> Plot:
    """The coordinates that move most: the full flow as curves, the reduced flow as marks upon them."""
    spread = comparison.full.max(axis=0) - comparison.full.min(axis=0)
    chosen = sorted(sorted(range(len(names)), key=lambda i: -float(spread[i]))[:_CURVES])
    times = [float(t) for t in comparison.times]
    every = max(1, len(times) // _MARKS)
    series: list[Series] = []
    for i in chosen:
        full, reduced = ([float(x) for x in array[:, i]] for array in (comparison.full, comparison.reduced))
        series.append(Series(f"{names[i]}, all parameters", list(zip(times, full, strict=True))))
        marks = list(zip(times[::every], reduced[::every], strict=True))
        series.append(Series(f"{names[i]}, z alone", marks, kind="points"))
    return Plot("The full flow and the reduced flow", "time", "z", series)


def distances(comparison: Comparison) -> Plot:
    """Distance against step length, below what integration accounts for."""
    points = list(zip(comparison.lengths, comparison.distances, strict=True))
    allowed = list(zip(comparison.lengths[1:], (e + comparison.rounding for e in comparison.errors), strict=True))
    slopes = ", ".join(f"{slope:.2f}" for slope in comparison.slopes)
    return Plot(
        "Their distance falls as integration gets better",
        "step length",
        "largest distance",
        [Series("distance", points), Series("integration accounts for", allowed, kind="bound")],
        x_scale="log",
        y_scale="log",
        caption=f"Measured orders: {slopes}." if slopes else "All distances are at the level of rounding.",
    )


def level_set(comparison: Comparison, law: Polynomial) -> Plot:
    """The terms of a law with a plus against those with a minus: its level set is a line, and the flow stays on it."""
    from ..oracles.polynomials import Polynomial

    parts = [
        Polynomial([(monomial, c * sign) for monomial, c in law.terms.items() if c * sign > 0]) for sign in (1, -1)
    ]
    sums = [[float(part.evaluate(point)) for point in comparison.parameters.tolist()] for part in parts]
    path = list(zip(*sums, strict=True))
    constant = path[0][0] - path[0][1]
    low, high = min(sums[0]), max(sums[0])
    pad = 0.1 * (high - low) or 0.5
    line = [(x, x - constant) for x in (low - pad, high + pad)]
    return Plot(
        "The level set of a law, and the flow on it",
        "terms with a plus",
        "terms with a minus",
        [Series(f"law = {constant:.4g}", line), Series("the flow", path[:: max(1, len(path) // 24)], kind="points")],
    )
