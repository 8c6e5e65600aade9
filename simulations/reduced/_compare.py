"""Full against reduced: both flows integrated by the same method, and how far apart they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

from ...oracles.errors import BadInput
from ...oracles.models import Model
from ...oracles.polynomials import Rational
from .._trajectory import Floats
from ..fields import CompiledPolynomials, FloatArray, FloatField
from ..integrators import RK4, Method
from ..objective import Loss, Objective
from ._base import Covector, ReducedFlow, covector


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both trajectories of z on the finest grid, and their distance on each grid of a ladder of step lengths.

    Attributes:
        times: of the finest grid, shape (n,).
        parameters: ``theta(t)``, shape (n, D).
        full: ``phi(theta(t))``, shape (n, d).
        reduced: shape (n, d).
        lengths: the step lengths, each half of the one before.
        distances: the largest Euclidean distance of the two at the times of the coarsest grid, for each length.
        errors: for each length but the last, how much each flow still changed when its step was halved, added up: an
            estimate of the error of both integrations from above, since halving a step of order 4 leaves 1/16 of it.
        rounding: what remains of both in floats at the finest step, estimated as 64 u (steps + 1) times the largest
            size met; distances below it say nothing about orders.
    """

    times: FloatArray
    parameters: FloatArray
    full: FloatArray
    reduced: FloatArray
    lengths: tuple[float, ...]
    distances: tuple[float, ...]
    errors: tuple[float, ...]
    rounding: float

    @property
    def distance(self) -> float:
        """On the finest grid."""
        return self.distances[-1]

    @property
    def bound(self) -> float:
        """What integration and rounding can account for on the finest grid: the last change, and rounding.

        The error of a method of order p at step l is at most the change from 2l to l divided by 2^p - 1, in the
        asymptotic range; the change itself, undivided, leaves a factor 15 for RK4.
        """
        return self.errors[-1] + self.rounding

    @property
    def slopes(self) -> tuple[float, ...]:
        """Measured orders at which the distance falls, where it is above rounding."""
        pairs = zip(self.distances, self.distances[1:], strict=False)
        return tuple(log2(a / b) for a, b in pairs if b > self.rounding)


def compare(
    model: Model,
    point: Sequence[Rational],
    flow: ReducedFlow,
    loss: Loss,
    *,
    time: float = 1.0,
    steps: int = 16,
    halvings: int = 3,
    method: Method = RK4,
) -> Comparison:
    """Integrates ``theta' = -grad f(phi(theta))`` and ``z' = -K(z) grad f(z)`` on a ladder of grids.

    Args:
        model: gives phi.
        point: the initialization; z starts at its phi, rounded once.
        flow: the reduced flow under test: a wrong one is told by a distance far above ``bound``.
        loss: f.
        time: the length of both flows.
        steps: of the coarsest grid.
        halvings: how many finer grids.
        method: of order 4 or higher.

    Raises:
        BadInput: no halving is asked for (nothing to estimate the error from), or a flow that overflows.
    """
    objective = Objective(model, loss)
    slope, phi = FloatField(objective), CompiledPolynomials(objective.coordinates, model.parameters)
    start = np.array([float(polynomial.evaluate(point)) for polynomial in objective.coordinates])
    gradient = covector(loss)
    return compare_fields(
        lambda x: -slope(x),
        np.array([float(x) for x in point]),
        lambda points: np.asarray(phi.values(points), dtype=np.float64),
        lambda z: -flow.apply(z, gradient(z)),
        start,
        time=time,
        steps=steps,
        halvings=halvings,
        method=method,
    )


def compare_fields(
    full: Covector,
    theta: Floats,
    observe: Callable[[FloatArray], FloatArray],
    reduced: Covector,
    z: Floats,
    *,
    time: float = 1.0,
    steps: int = 16,
    halvings: int = 3,
    method: Method = RK4,
) -> Comparison:
    """The same for any two vector fields, where the parameters are those of no ``Model``.

    Args:
        full: ``theta'``, shapes (D,).
        theta: where it starts.
        observe: phi of points of shape (n, D), shape (n, d).
        reduced: ``z'``, shapes (d,).
        z: where it starts.
        time: as for ``compare``.
        steps: as for ``compare``.
        halvings: as for ``compare``.
        method: as for ``compare``.

    Raises:
        BadInput: no halving is asked for (nothing to estimate the error from), or a flow that overflows.
    """
    if halvings < 1:
        raise BadInput("At least one halving of the step is needed to estimate the error of the integration.")
    lengths: list[float] = []
    thetas: list[FloatArray] = []
    reduceds: list[FloatArray] = []
    for k in range(halvings + 1):
        count = steps * 2**k
        lengths.append(time / count)
        thetas.append(_run(method, full, theta, time / count, count))
        reduceds.append(_run(method, reduced, z, time / count, count))
    fulls = [observe(points) for points in thetas]
    distances = [_apart(a[:: 2**k], b[:: 2**k]) for k, (a, b) in enumerate(zip(fulls, reduceds, strict=True))]
    errors = [
        _apart(fulls[k][:: 2**k], fulls[k + 1][:: 2 ** (k + 1)])
        + _apart(reduceds[k][:: 2**k], reduceds[k + 1][:: 2 ** (k + 1)])
        for k in range(halvings)
    ]
    finest = steps * 2**halvings
    largest = max(float(np.abs(array).max()) for array in (fulls[-1], reduceds[-1]))
    return Comparison(
        times=np.linspace(0.0, time, finest + 1),
        parameters=thetas[-1],
        full=fulls[-1],
        reduced=reduceds[-1],
        lengths=tuple(lengths),
        distances=tuple(distances),
        errors=tuple(errors),
        rounding=64 * 2.0**-53 * (finest + 1) * max(1.0, largest),
    )


def _run(method: Method, slope: Covector, start: Floats, length: float, count: int) -> FloatArray:
    points = [np.asarray(start, dtype=np.float64)]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(count):
            points.append(np.asarray(method.step(slope, points[-1], length), dtype=np.float64))
    if not np.isfinite(points[-1]).all():
        raise BadInput(f"{method.name} overflows with steps of {length}. Take a shorter time or more steps.")
    return np.stack(points)


def _apart(a: FloatArray, b: FloatArray) -> float:
    return float(np.linalg.norm(a - b, axis=-1).max())
