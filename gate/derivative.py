"""The gradient against the loss: differences of the loss along random directions, tensor by tensor.

Identities of gradients hold for the gradient of any loss with the symmetry. What they cannot see, a backward pass that
is wrong in a symmetric way or so wrong that no symmetry is found, the loss itself shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .balls import FORMATS
from .calls import Caller
from .findings import Finding
from .record import estimated, spread
from .target import Array, Target

LAW = "gate.gradient"
"""It is the definition of a gradient and no theorem."""
FORMULA = r"L(\theta + h v) - L(\theta - h v) = 2h\,\langle \nabla L(\theta), v \rangle + O(h^3)"
POINTS = 5
"""Points at which every tensor is asked; the median speaks, since a kink near one of them says nothing of the rest."""
STEPS = (2.0**-7, 2.0**-13, 2.0**-19)
"""Step sizes, relative to the size of the tensor."""
POWER = 1e-2
"""Where no step size has a bound below this share of the difference, a tensor is not testable at a point."""
TENSORS = 32
"""Tensors that are asked one by one; of more, a random choice."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One tensor at one point with one step size: differences of the loss, measured and as the gradient has them.

    Args:
        measured: the difference of the loss.
        told: what the gradient makes of it.
        transposed: what its transpose makes of it; NaN where there is none.
        bound: of ``measured - told``.
    """

    measured: float
    told: float
    transposed: float
    bound: float

    @property
    def residual(self) -> float:
        return abs(self.measured - self.told)

    @property
    def ratio(self) -> float:
        return self.residual / self.bound if self.residual else 0.0

    @property
    def power(self) -> float:
        return self.bound / max(abs(self.told), abs(self.measured), 1e-300)


class _Calls:
    """A target in float64, at points that its own dtype can hold."""

    def __init__(self, target: Target, time_limit: float | None) -> None:
        self.target = target
        self.call = Caller(target.name, time_limit)
        self.bits = FORMATS[target.dtype].bits

    def draw(self, seed: int) -> dict[str, Array]:
        drawn = self.call("draw", self.target.draw, seed)
        return {name: self.rounded(np.array(values, dtype=np.float64)) for name, values in drawn.items()}

    def batch(self, seed: int) -> Any:
        return self.call("batch", self.target.batch, seed)

    def loss_and_gradient(self, point: dict[str, Array], batch: Any) -> tuple[float, dict[str, Array | None]]:
        given = {name: np.array(values) for name, values in point.items()}
        loss, gradients = self.call("loss_and_gradient", self.target.loss_and_gradient, given, batch)
        return float(loss), {
            name: None if g is None else np.asarray(g, dtype=np.float64) for name, g in gradients.items()
        }

    def rounding(self, point: dict[str, Array], batch: Any) -> float:
        """By how much two losses may be off together, relative to one."""
        known = self.target.roundings
        count = estimated([np.shape(leaf) for leaf in point.values()], batch) if known is None else known
        return 2 * spread(count) * FORMATS[self.target.gradient_dtype or self.target.dtype].unit

    def rounded(self, values: Array) -> Array:
        """The nearest numbers that the parameters can be."""
        significand, exponent = np.frexp(values)
        nearest: Array = np.ldexp(np.round(np.ldexp(significand, self.bits)), exponent - self.bits)
        return nearest


def derivative_finding(target: Target, *, seed: int = 0, time_limit: float | None = None) -> Finding:
    """Whether gradients are the derivatives of the loss.

    The difference of the loss between two points at equal distance is the derivative up to a cubic term and to kinks,
    which two step sizes measure, and up to the rounding of the loss, ``roundings`` units of it at each point. Cost:
    about 60 evaluations of the loss for each tensor.

    Args:
        target: only ``draw``, ``batch`` and ``loss_and_gradient`` are called.
        seed: of points, batches and directions.
        time_limit: seconds for one call.

    Raises:
        TargetError: a call raises or hangs.
    """
    calls = _Calls(target, time_limit)
    rng = np.random.default_rng(seed)
    found: dict[str, list[list[_Asked]]] = {}
    chosen: list[str] = []
    for number in range(POINTS):
        point, batch = calls.draw(seed + number), calls.batch(seed + number)
        loss, gradients = calls.loss_and_gradient(point, batch)
        again, _ = calls.loss_and_gradient(point, batch)
        trained = [name for name, g in gradients.items() if g is not None and g.size]
        if not chosen and trained:
            chosen = sorted(rng.choice(trained, size=min(TENSORS, len(trained)), replace=False).tolist())
        noise = calls.rounding(point, batch) * abs(loss) + 4 * abs(again - loss)
        for name in chosen:
            gradient = gradients[name]
            if gradient is not None:
                size = float(np.sqrt((point[name] ** 2).mean())) or 1.0
                direction = size * rng.choice((-1.0, 1.0), size=gradient.shape)
                asked = [_asked(calls, point, batch, name, gradient, h * direction, loss, noise) for h in STEPS]
                found.setdefault(name, []).append(asked)
    return _finding(target, found)


def _asked(
    calls: _Calls,
    point: dict[str, Array],
    batch: Any,
    name: str,
    gradient: Array,
    move: Array,
    loss: float,
    noise: float,
) -> _Asked:
    """What a step sees, with a bound of its error from what a step twice as long sees.

    Half of a kink's jump is missed by a step h that leaves it behind at a distance d: c (h - d) in the difference. The
    excess over two steps changes by c d, which is small for a kink close to the point; but the bend, a quadratic form
    where the loss is smooth, is c (h - d) as well and misses four times itself at the double step by c (2h - 3d). Half
    of the latter and all of the former are at least c (h - d) together, for all d.
    """
    once = _difference(calls, point, batch, name, gradient, move, loss)
    twice = _difference(calls, point, batch, name, gradient, 2 * move, loss)
    cubic = abs(twice.measured - twice.told - 2 * (once.measured - once.told))
    kink = abs(twice.bend - 4 * once.bend) / 2
    return _Asked(once.measured, once.told, once.transposed, noise + cubic + kink)


class _Difference(NamedTuple):
    """Of the loss between two points, with what the gradient and its transpose make of it; and how the loss bends."""

    measured: float
    told: float
    transposed: float
    bend: float


def _difference(
    calls: _Calls, point: dict[str, Array], batch: Any, name: str, gradient: Array, move: Array, loss: float
) -> _Difference:
    """Between two points that the dtype can hold; ``loss`` is that of the point in their middle, up to rounding."""
    up, down = calls.rounded(point[name] + move), calls.rounded(point[name] - move)
    high, _ = calls.loss_and_gradient({**point, name: up}, batch)
    low, _ = calls.loss_and_gradient({**point, name: down}, batch)
    square = gradient.ndim == 2 and gradient.shape[0] == gradient.shape[1]
    transposed = float((gradient.T * (up - down)).sum()) if square else float("nan")
    uneven = float((gradient * ((up - point[name]) - (point[name] - down))).sum())
    told = float((gradient * (up - down)).sum())
    return _Difference(high - low, told, transposed, (high - loss) - (loss - low) - uneven)


def _finding(target: Target, found: dict[str, list[list[_Asked]]]) -> Finding:
    said = partial(
        Finding, target=target.name, law=LAW, identity="gradient", family="every trained tensor", formula=FORMULA
    )
    if not found:
        return said(verdict="SKIPPED", reason="No tensor has a gradient.")
    sharp = {name: [[one for one in asked if one.power < POWER] for asked in points] for name, points in found.items()}
    testable = {name: [asked for asked in points if asked] for name, points in sharp.items()}
    testable = {name: points for name, points in testable.items() if 2 * len(points) > len(found[name])}
    if not testable:
        least = min(one.power for points in found.values() for asked in points for one in asked)
        reason = f"Not testable at this precision: differences of the loss are known to {least:.2g} of the derivative."
        return said(verdict="SKIPPED", reason=reason, charges=len(found), power=min(1.0, least))
    middle = {name: _middle(points) for name, points in testable.items()}
    worst = max(middle, key=lambda name: middle[name].ratio)
    wrong = [name for name, one in middle.items() if one.ratio > 1]
    if wrong:
        reason = f"The gradient of {', '.join(wrong[:5])} is not the derivative of the loss."
    else:
        untold = [name for name in found if name not in testable]
        reason = f"Not testable at this precision: {', '.join(untold[:5])}." if untold else ""
    return said(
        verdict="VIOLATED" if wrong else "HOLDS",
        reason=reason,
        residual=middle[worst].residual,
        bound=middle[worst].bound,
        ratio=middle[worst].ratio,
        power=min(one.power for one in middle.values()),
        where=worst,
        windows=sum(map(len, testable.values())),
        charges=len(testable),
        explanations=tuple(text for name in wrong if (text := _explained(name, testable[name]))),
    )


def _middle(points: list[list[_Asked]]) -> _Asked:
    """The median point. Its best step size decides; where all fail, the sharpest one shows by how much."""
    decided = [min(asked, key=lambda one: one.ratio) for asked in points]
    shown = [
        best if best.ratio <= 1 else min(asked, key=lambda one: one.power)
        for best, asked in zip(decided, points, strict=True)
    ]
    order = sorted(range(len(points)), key=lambda i: (decided[i].ratio > 1, shown[i].ratio))
    return shown[order[(len(points) - 1) // 2]]


def _explained(name: str, points: list[list[_Asked]]) -> str:
    """What the gradient is instead, where it is a multiple or its own transpose; empty for anything else."""
    sharpest = [min(asked, key=lambda one: one.power) for asked in points]
    if all(abs(one.measured - one.transposed) <= one.bound for one in sharpest):
        return f"The gradient of {name} is transposed."
    if all(one.told == 0 for one in sharpest):
        return f"The gradient of {name} is 0."
    if all(abs(one.measured) <= one.bound for one in sharpest):
        return f"The loss does not depend on {name}, and its gradient is not 0."
    factors = [one.measured / one.told for one in sharpest if one.told]
    middle = sorted(factors)[len(factors) // 2]
    if middle and all(abs(one.measured - middle * one.told) <= 10 * one.bound for one in sharpest):
        return f"The gradient of {name} is {1 / middle:.6g} times the derivative of the loss."
    return ""
