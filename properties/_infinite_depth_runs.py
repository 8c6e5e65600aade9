"""Runs of infinitely deep linear networks: trajectories, the conserved profile, and the limit of finite depth."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from math import log
from typing import Any

from ._infinite_depth import ProfileCase
from ._profiles import Profile
from ._theorem import Plot, Residual, Series, SimulationResult, Table

F = Fraction
EXAMPLE = ProfileCase(
    (F(1), F(1, 4), F(1, 4), F(-1, 2)), ((F(1), F(1, 2)),), F(7, 10), F(3, 2), 5, (F(1), F(-2), F(1), F(3))
)
"""lambda = 7/10 + 3/2 cos 5 s, as in the theory's tests."""
BUMPED = replace(EXAMPLE, bump=(F(1), F(0), F(2), F(-1)))


def trajectories(profile: Profile) -> SimulationResult:
    """The values of A at 12 nodes follow the gradient, 48 numbers; against the 4 entries of Z alone."""
    import numpy as np

    from ..simulations.infinite_depth import Grid, LogarithmicMeanFlow
    from ..simulations.infinite_depth import Profile as Layers
    from ..simulations.reduced import compare_fields
    from ._reduced import side_by_side

    grid, n = Grid(12), 2
    start = EXAMPLE.values(grid.nodes)
    target = np.array([[1.5, -0.5], [0.5, 1.0]])
    flow = LogarithmicMeanFlow(n)

    def layers(theta: Any) -> Layers:
        return Layers(grid, theta.reshape(grid.count, n, n))

    def full(theta: Any) -> Any:
        now = layers(theta)
        return -now.gradient(now.end - target).ravel()

    def observe(points: Any) -> Any:
        return np.array([layers(theta).end.ravel() for theta in points])

    def alone(z: Any) -> Any:
        return -flow.apply(z, z - target.ravel())

    z = layers(start.ravel()).end.ravel()
    found = compare_fields(
        full, start.ravel(), observe, alone, z, time=0.75, steps=6, halvings=2 + (profile.effort > 1)
    )
    note = "12 nodes; the error of collocation at the ends is of order 24 and below that of time"
    result = side_by_side(found, [f"Z[{i},{j}]" for i in (1, 2) for j in (1, 2)], note=note)
    return SimulationResult(result.residual, (*result.plots, _law_along(found.parameters, grid.nodes, layers)))


def _law_along(parameters: Any, nodes: Any, layers: Any) -> Plot:
    """c(s) and A(s) before and after."""
    first, last = layers(parameters[0]), layers(parameters[-1])
    before, after = first.conserved(), last.conserved()
    s = [float(x) for x in nodes]
    series = [
        Series("c[1,1] = lambda(s), before", list(zip(s, before[:, 0, 0].tolist(), strict=True))),
        Series("c[1,1], after", list(zip(s, after[:, 0, 0].tolist(), strict=True)), "points"),
        Series("c[1,2], before", list(zip(s, before[:, 0, 1].tolist(), strict=True))),
        Series("c[1,2], after", list(zip(s, after[:, 0, 1].tolist(), strict=True)), "points"),
        Series("A[1,1], before", list(zip(s, first.values[:, 0, 0].tolist(), strict=True))),
        Series("A[1,1], after", list(zip(s, last.values[:, 0, 0].tolist(), strict=True)), "points"),
    ]
    return Plot("The parameters move, the profile c(s) does not", "depth s", "entry", series)


def law_kept(profile: Profile) -> SimulationResult:
    """c(s) along the flow of 20 nodes by RK4: its drift falls at order 4 until collocation limits it.

    Bound: the last change of the end as the step is halved accounts for time; a polynomial stands for A + A^T, and
    where it does not satisfy the equation of Gamma in depth, c drifts: the largest such defect at both ends, twice,
    times T. Rounding is that of differentiation: 64 u times the sum of the absolute terms.
    """
    import numpy as np

    from ..simulations import RK4
    from ..simulations.infinite_depth import Grid
    from ..simulations.infinite_depth import Profile as Layers

    grid, time = Grid(20), 0.5
    target = np.array([[1.5, -0.5], [0.5, 1.0]])

    def layers(values: Any) -> Layers:
        return Layers(grid, values)

    def slope(values: Any) -> Any:
        now = layers(values)
        return -now.gradient(now.end - target)

    start = EXAMPLE.values(grid.nodes)
    ends: list[Any] = []
    lengths = [time / count for count in (4, 8, 16, 32)[: 3 + (profile.effort > 0)]]
    for h in lengths:
        now: Any = start
        for _ in range(round(time / h)):
            now = RK4.step(slope, now, h)
        ends.append(now)
    before = layers(start).conserved()
    drifts = [float(np.linalg.norm(layers(A).conserved() - before, axis=(1, 2)).max()) for A in ends]
    change = float(np.linalg.norm(layers(ends[-1]).conserved() - layers(ends[-2]).conserved(), axis=(1, 2)).max())

    def defect(values: Any) -> float:
        gamma = -slope(values)
        along = np.einsum("ij,jab->iab", grid.differentiation, gamma)
        At = values.swapaxes(1, 2)
        found = along - gamma @ At + At @ gamma
        return float(np.linalg.norm(found + found.swapaxes(1, 2), axis=(1, 2)).max())

    collocation = 2 * time * max(defect(start), defect(ends[-1]))
    terms = np.abs(grid.differentiation).sum(axis=1).max() * 2 * np.abs(ends[-1]).max()
    bound = change + collocation + 64 * 2.0**-53 * float(terms)
    moved = float(np.linalg.norm(ends[-1] - start, axis=(1, 2)).max())
    plot = Plot(
        "The conserved profile drifts at the order of the integrator",
        "step length",
        "largest change of c(s)",
        [Series("RK4, 20 nodes", list(zip(lengths, drifts, strict=True)))],
        x_scale="log",
        y_scale="log",
        caption=f"A itself moves by {moved:.2f}. Measured orders: "
        + ", ".join(f"{log(a / b) / log(2):.2f}" for a, b in pairwise(drifts) if b > collocation)
        + ".",
    )
    return SimulationResult(Residual(drifts[-1], bound, nontrivial=moved > bound), (plot,))


def limit_of_depth(profile: Profile) -> SimulationResult:
    """The flows of nets of depth L, ``W_k = I + A(s_k)/L``, against infinite depth.

    Residual: the errors of depth L have a term c/L and the rest is O(1/L^2), so ``2 F_(2L) - F_L`` has errors of order
    2: each is at most half of the one before (a quarter in the limit). The largest excess over that is shown.
    """
    import numpy as np

    from ..simulations.infinite_depth import finite_factors, finite_lifted

    depths = [2**k for k in range(4, 9 + (profile.effort > 1))]
    G = EXAMPLE.array(EXAMPLE.G)

    def at_depth(case: ProfileCase, depth: int) -> Any:
        middles = (np.arange(depth, dtype=np.float64) + 0.5) / depth
        return finite_lifted(finite_factors(case.values(middles)), G)

    cases = {
        "lambda = 0": replace(EXAMPLE, p=F(0), q=F(0)),
        "lambda = 3/2": replace(EXAMPLE, p=F(3, 2), q=F(0)),
        "lambda = -2": replace(EXAMPLE, p=F(-2), q=F(0)),
        "lambda = 7/10 + 3/2 cos 5s": EXAMPLE,
    }
    curves: list[Series] = []
    rows: list[list[str | float]] = []
    worst = 0.0
    for name, case in cases.items():
        limit = case.profiles[1].lifted(G)
        flows = [at_depth(case, L) for L in depths]
        errors = [float(np.linalg.norm(flow - limit)) for flow in flows]
        better = [float(np.linalg.norm(2 * b - a - limit)) for a, b in pairwise(flows)]
        worst = max(worst, *(b / a for a, b in pairwise(better)))
        curves.append(Series(name, list(zip(map(float, depths), errors, strict=True))))
        rows.append([name, *(a / b for a, b in pairwise(errors))])
    bumped = BUMPED.profiles[1]
    closed = _closed(bumped.end, G)
    off = [float(np.linalg.norm(at_depth(BUMPED, L) - closed)) for L in depths]
    curves.append(Series("not relaxed, against the formula", list(zip(map(float, depths), off, strict=True))))
    plot = Plot(
        "Deep networks approach infinite depth as 1/L",
        "depth L",
        "distance of the flows of Z",
        curves,
        x_scale="log",
        y_scale="log",
        caption="Without relaxed balance the flow of depth L does not approach the logarithmic-mean flow.",
    )
    columns = ("profile", *(f"{a} to {b}" for a, b in pairwise(depths)))
    ratios = Table("Ratio of the errors of L and 2 L", columns, rows)
    return SimulationResult(Residual(worst, 0.5, nontrivial=min(off) > 0.1), (plot,), ratios)


def _closed(Z: Any, G: Any) -> Any:
    from ..simulations.infinite_depth import logarithmic_mean
    from ._infinite_depth import in_basis

    return in_basis(Z, G, logarithmic_mean)
