"""Integrators in float64 and what they do to a law (A0.integrators).

All follow ``theta' = -grad E``. Gauss methods (implicit midpoint is the first) keep quadratic laws up to rounding;
explicit ones break them at their order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log2, sqrt
from typing import Protocol

import numpy as np

from ..oracles.errors import BadInput
from ..oracles.polynomials import Polynomial, Rational
from ._trajectory import Arithmetic, Floats, Trajectory
from .fields import CompiledPolynomials, Field, FloatArray, gamma, step_rounding, unit_roundoff

Slope = Callable[[Floats], Floats]


class Method(Protocol):
    """One step of a one-step method for ``x' = slope(x)``."""

    @property
    def name(self) -> str: ...

    def step(self, slope: Slope, point: Floats, length: float) -> Floats: ...


@dataclass(frozen=True, slots=True)
class ExplicitRungeKutta:
    """A method with lower triangular coefficients ``a`` (one row for each stage after the first) and weights ``b``."""

    name: str
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]

    def step(self, slope: Slope, point: Floats, length: float) -> Floats:
        slopes = [slope(point)]
        for row in self.a:
            slopes.append(slope(point + length * _combine(row, slopes)))
        return np.asarray(point + length * _combine(self.b, slopes))


@dataclass(frozen=True, slots=True)
class Gauss:
    """An implicit Runge-Kutta method, solved by fixed-point iteration until the slopes stop changing.

    Raises:
        BadInput: the iteration does not converge; the step is too long.
    """

    name: str
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]

    def step(self, slope: Slope, point: Floats, length: float) -> Floats:
        slopes = [slope(point)] * len(self.b)
        change = np.inf
        level = STOP * unit_roundoff(point.dtype) * float(np.abs(point).max(initial=0))
        for _ in range(_ITERATIONS):
            new = [slope(point + length * _combine(row, slopes)) for row in self.a]
            last, change = change, max(float(np.abs(x - y).max(initial=0)) for x, y in zip(new, slopes, strict=True))
            slopes = new
            # once the stages agree to a few units in the last place, iterate only while the change still shrinks
            if not change or (length * change <= level and change >= last / 2):
                return np.asarray(point + length * _combine(self.b, slopes))
            if not np.isfinite(change):
                break
        raise BadInput(
            f"{self.name} did not converge within {_ITERATIONS} iterations at the step {length}. Take a shorter step."
        )


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """Adaptive Gragg-Bulirsch-Stoer extrapolation: order ``2 * columns`` from modified midpoint steps.

    ``step`` covers its length with as many inner steps as the tolerance asks for. Source: Hairer, Norsett, Wanner,
    Solving Ordinary Differential Equations I, II.9.
    """

    rtol: float = 1e-11
    columns: int = 6
    name: str = "adaptive extrapolation"

    def step(self, slope: Slope, point: Floats, length: float) -> Floats:
        done, trial = 0.0, length
        for _ in range(_INNER_STEPS):
            trial = min(trial, length - done)
            value, error = self._column(slope, point, trial)
            scale = self.rtol * max(float(np.abs(point).max(initial=0)), float(np.abs(value).max(initial=0)))
            ratio = error / scale if scale else 0.0
            if ratio <= 1:
                point, done = value, done + trial
                if done >= length:
                    return point
            factor = 0.9 * ratio ** (-1 / (2 * self.columns - 1)) if ratio else 4.0
            trial *= min(4.0, max(0.1, factor)) if np.isfinite(factor) else 0.1
        raise BadInput(f"{self.name} needs more than {_INNER_STEPS} steps for the time {length}. Take a shorter time.")

    def _column(self, slope: Slope, point: Floats, length: float) -> tuple[Floats, float]:
        """The extrapolated value and its distance from the value of one order less."""
        first = slope(point)
        row: list[Floats] = []
        for j in range(1, self.columns + 1):
            count = 2 * j
            h = length / count
            old, new = point, point + h * first
            for _ in range(count - 1):
                old, new = new, old + 2 * h * slope(new)
            smoothed = (old + new + h * slope(new)) / 2
            fresh: list[Floats] = [np.asarray(smoothed)]
            for k, previous in enumerate(row, 1):
                ratio = (count / (2 * (j - k))) ** 2
                fresh.append(np.asarray(fresh[-1] + (fresh[-1] - previous) / (ratio - 1)))
            row = fresh
        with np.errstate(invalid="ignore"):
            error = float(np.abs(row[-1] - row[-2]).max(initial=0))
        return row[-1], error if np.isfinite(error) else np.inf


STOP = 4
"""Stages of a Gauss method are accepted when they agree to this many times u max|x|."""

_ITERATIONS = 500
_INNER_STEPS = 100_000
_ROOT3 = 3**0.5

EULER = ExplicitRungeKutta("explicit Euler", (), (1.0,))
RK4 = ExplicitRungeKutta("RK4", ((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6))
MIDPOINT = Gauss("implicit midpoint", ((0.5,),), (1.0,))
GAUSS2 = Gauss("Gauss 2", ((1 / 4, 1 / 4 - _ROOT3 / 6), (1 / 4 + _ROOT3 / 6, 1 / 4)), (0.5, 0.5))
ADAPTIVE = Extrapolation()
METHODS: tuple[Method, ...] = (EULER, RK4, MIDPOINT, GAUSS2, ADAPTIVE)


def integrate(field: Field, start: Floats, *, method: Method, length: float, steps: int) -> Trajectory[Floats]:
    """``steps`` steps of ``length`` along ``theta' = -grad E``; shape of the points: that of ``start``.

    Raises:
        BadInput: a length that is not positive, no steps, or a trajectory that overflows.
    """
    if not length > 0 or steps < 1:
        raise BadInput(f"{steps} steps of length {length} go nowhere. Give a positive length and at least one step.")

    def slope(point: Floats) -> Floats:
        return -field(point)

    points = [np.asarray(start)]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            points.append(method.step(slope, points[-1], length))
    if not np.isfinite(points[-1]).all():
        raise BadInput(f"{method.name} overflows with steps of {length}. Take shorter steps.")
    arithmetic: Arithmetic = "float32" if points[0].dtype == np.float32 else "float64"
    times = tuple(k * length for k in range(steps + 1))
    return Trajectory(times, tuple(points), arithmetic, {"method": method.name, "length": repr(length)})


@dataclass(frozen=True, slots=True)
class Ladder:
    """The drift of a law at several step sizes, each half of the one before it or not."""

    method: str
    lengths: tuple[float, ...]
    drifts: tuple[float, ...]
    bounds: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Each drift divided by the next."""
        return tuple(a / b if b else float("inf") for a, b in zip(self.drifts, self.drifts[1:], strict=False))

    @property
    def slopes(self) -> tuple[float, ...]:
        """The measured orders: log of the ratio of drifts over log of the ratio of step sizes."""
        return tuple(
            log2(ratio) / log2(a / b) if 0 < ratio < float("inf") else float("nan")
            for ratio, a, b in zip(self.ratios, self.lengths, self.lengths[1:], strict=False)
        )


def drift_ladder(
    field: Field,
    laws: Sequence[Polynomial],
    *,
    start: Floats,
    method: Method,
    lengths: Sequence[float],
    time: float | None = None,
    steps: int | None = None,
) -> Ladder:
    """How much ``laws`` change from the start to the end, for each step size.

    Give ``time`` for a fixed time (every length must divide it) or ``steps`` for a fixed number of steps. The drift is
    the Euclidean norm of the changes of all laws, evaluated exactly at the float points; ``bounds`` holds for each
    length how much of it rounding may have done (``rounding_drift``).

    Raises:
        BadInput: both or neither of ``time`` and ``steps``, or a length that does not divide the time.
    """
    if (time is None) == (steps is None):
        raise BadInput("A ladder runs over a fixed time or a fixed number of steps. Give one of time and steps.")
    drifts, bounds = list[float](), list[float]()
    for length in lengths:
        count = steps if steps is not None else round((time or 0) / length)
        if time is not None and abs(count * length - time) > 1e-9 * time:
            raise BadInput(f"The step {length} does not divide the time {time}. Choose lengths such as time / 2^k.")
        path = integrate(field, start, method=method, length=length, steps=count)
        drifts.append(drift(laws, path.points[0], path.end))
        bounds.append(rounding_drift(field, laws, path, length=length))
    return Ladder(method.name, tuple(lengths), tuple(drifts), tuple(bounds))


def drift(laws: Sequence[Polynomial], first: Floats, last: Floats) -> float:
    """The Euclidean norm of the changes of all laws between two float points, from exact differences."""
    before, after = ([Fraction(float(x)) for x in point] for point in (first, last))
    return sqrt(sum(float(law.evaluate(after) - law.evaluate(before)) ** 2 for law in laws))


def euler_drift(laws: Sequence[Polynomial], gradients: Sequence[Floats], *, eta: float) -> FloatArray:
    """``sum_k eta^2 h(g_k)`` for each quadratic form ``h``: the exact drift of gradient descent (A4.quadratic-exact).

    It equals ``sum_k (1/2) eta^2 g_k^T (hess h) g_k``. Evaluated exactly at the float gradients, then rounded once.
    """
    totals: list[Rational] = [0] * len(laws)
    rate = Fraction(eta)
    for gradient in gradients:
        exact = [Fraction(float(x)) for x in gradient]
        totals = [total + rate**2 * law.evaluate(exact) for total, law in zip(totals, laws, strict=True)]
    return np.array([float(total) for total in totals])


def rounding_drift(field: Field, laws: Sequence[Polynomial], path: Trajectory[Floats], *, length: float) -> float:
    """A bound on what rounding does to quadratic laws along a path of explicit Euler or implicit midpoint.

    For Euler it bounds the distance between the drift and ``euler_drift``, for the midpoint rule the drift itself; for
    other methods it is only the size of the rounding level.

    Derivation, for one step from x to y with slope k and one law with gradient H, all sizes taken at the larger of |x|
    and |y|: (1) ``step_rounding`` at x or, for the midpoint rule, at the middle; (2) the slope of the midpoint rule was
    taken at a point that differs from the middle of x and y by rounding, ``w = gamma(3) (|x| + l |k|)``, and by the
    stopping rule, ``STOP u max|x|``: ``l |H(w + STOP u max|x|)|.|k|``, H being linear.
    """
    points = np.stack([np.asarray(p, dtype=np.float64) for p in path.points])
    dtype = path.points[0].dtype
    sizes = np.maximum(np.abs(points[:-1]), np.abs(points[1:]))
    slopes = field.absolute(sizes)
    moved = step_rounding(laws, sizes, slopes, length=length, roundings=field.roundings, dtype=dtype)
    stage = gamma(3, dtype) * (sizes + length * slopes)
    stage += STOP * unit_roundoff(dtype) * sizes.max(axis=1, initial=0, keepdims=True)
    for number, law in enumerate(laws):
        gradient = law.gradient()
        compiled = CompiledPolynomials(list(gradient.values()), field.parameters)
        moved[:, number] += (compiled.absolute(stage) * length * slopes[:, list(gradient)]).sum(axis=-1)
    return float(np.linalg.norm(moved.sum(axis=0)))


def _combine(weights: Sequence[float], slopes: Sequence[Floats]) -> Floats:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        if weight:
            total = total + weight * slope
    return np.asarray(total)
