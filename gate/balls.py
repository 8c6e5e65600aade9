"""Numbers with a radius: rounded arithmetic and everything it may have been instead.

A ``Ball`` stands for all numbers within ``radius`` of ``value``, entry by entry; an operation encloses the results of
all orders of rounding in its unit (midpoint-radius arithmetic, with one rounding of every operand of a sum, so that
sums may have been taken in another order). Optimizers and identities run on balls as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from fractions import Fraction
from typing import Any, cast

import numpy as np

from ..oracles.dynamics import Grouped


@dataclass(frozen=True, slots=True)
class Format:
    """A floating-point format: bits of the significand, and the smallest normal number."""

    bits: int
    smallest: float

    @property
    def unit(self) -> float:
        """The unit roundoff."""
        return float(2.0**-self.bits)


FORMATS = {
    "float64": Format(53, 2.0**-1022),
    "float32": Format(24, 2.0**-126),
    "float16": Format(11, 2.0**-14),
    "bfloat16": Format(8, 2.0**-126),
}
EXACT = Format(1_100, 0.0)
"""No rounding at all."""
DOUBLE = FORMATS["float64"]


class Ball:
    """``value`` and ``radius``, numbers or arrays, and the format in which operations round."""

    __slots__ = ("format", "radius", "value")
    __array_ufunc__ = None

    def __init__(self, value: Any, radius: Any = 0.0, format: Format = DOUBLE) -> None:
        self.value = value
        self.radius = radius
        self.format = format

    def _made(self, value: Any, radius: Any) -> Ball:
        return Ball(value, radius, self.format)

    def _of(self, other: Any) -> tuple[Any, Any]:
        if isinstance(other, Ball):
            return other.value, other.radius
        if isinstance(other, Fraction):
            return float(other), self.format.unit * abs(float(other))
        return other, 0.0

    def __add__(self, other: Any) -> Ball:
        y, s = self._of(other)
        return self._made(self.value + y, self.radius + s + self.format.unit * (abs(self.value) + abs(y)))

    def __neg__(self) -> Ball:
        return self._made(-self.value, self.radius)

    def __sub__(self, other: Any) -> Ball:
        y, s = self._of(other)
        return self._made(self.value - y, self.radius + s + self.format.unit * (abs(self.value) + abs(y)))

    def __rsub__(self, other: Any) -> Ball:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Ball:
        y, s = self._of(other)
        value = self.value * y
        rounded = self.format.unit * abs(value) + self.format.smallest
        return self._made(value, self.radius * (abs(y) + s) + abs(self.value) * s + rounded)

    def __truediv__(self, other: Any) -> Ball:
        y, s = self._of(other)
        if isinstance(y, int | float):
            y = np.float64(y)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = self.value / y
            radius = (self.radius + abs(value) * s) / np.maximum(abs(y) - s, 0.0)
        apart = abs(y) > s  # else the quotient can be anything
        value = np.where(apart, value, 0.0)
        radius = np.where(apart, radius, np.inf)
        return self._made(value, radius + self.format.unit * abs(value) + self.format.smallest)

    def __rtruediv__(self, other: Any) -> Ball:
        y, s = self._of(other)
        return self._made(y, s) / self

    def __pow__(self, exponent: int) -> Ball:
        value = self.value**exponent
        grown = (abs(self.value) + self.radius) ** exponent - abs(value)
        return self._made(value, grown + exponent * self.format.unit * abs(value) + self.format.smallest)

    __radd__ = __add__
    __rmul__ = __mul__

    def __abs__(self) -> Ball:
        return self._made(abs(self.value), self.radius)

    def sqrt(self) -> Ball:
        low, high = np.maximum(self.value - self.radius, 0.0), np.maximum(self.value, 0.0) + self.radius
        value = np.sqrt(np.maximum(self.value, 0.0))
        # the larger side is the lower one: value - sqrt(low) = (value^2 - low) / (value + sqrt(low))
        with np.errstate(divide="ignore", invalid="ignore"):
            lower = np.where(value > 0, (value * value - low) / (value + np.sqrt(low)), 0.0)
        radius = np.maximum(lower, np.sqrt(high) - value)
        slack = 4 * DOUBLE.unit * np.sqrt(high) if self.format.unit else 0.0  # of the two differences
        return self._made(value, radius + slack + self.format.unit * value)

    def maximum(self, other: Any) -> Ball:
        y, s = self._of(other)
        return self._made(np.maximum(self.value, y), np.maximum(self.radius, s))

    def sign(self) -> Ball:
        sure = abs(self.value) > self.radius
        return self._made(np.sign(self.value), np.where(sure, 0.0, 2.0))

    def clip(self, low: Any, high: Any) -> Ball:
        return self._made(np.clip(self.value, low, high), self.radius)

    def sum(self) -> Ball:
        n = np.size(self.value)
        return self._made(np.sum(self.value), np.sum(self.radius) + n * self.format.unit * np.sum(abs(self.value)))

    def __eq__(self, other: object) -> bool:
        y = other.value if isinstance(other, Ball) else other
        return bool(np.all(self.value == y))

    def __hash__(self) -> int:
        return hash((Ball, str(self.value)))


def hyperparameters(thing: Any, change: Callable[[float], Any]) -> Any:
    """An optimizer all of whose numbers went through ``change`` as floats."""
    if isinstance(thing, Grouped):
        return Grouped(tuple(hyperparameters(group, change) for group in thing.groups), thing.members)
    if thing is None or isinstance(thing, bool | str | Ball) or callable(thing):
        return thing
    if issubclass(cast("type[object]", type(thing)), tuple):
        return tuple(hyperparameters(part, change) for part in thing)
    if is_dataclass(cast(object, thing)):
        known = {f.name: hyperparameters(getattr(thing, f.name), change) for f in fields(thing) if f.init}
        return replace(thing, **known)
    return thing if hasattr(thing, "update") else change(float(thing))


def rounded_optimizer(optimizer: Any, format: Format) -> Any:
    """The optimizer whose hyper-parameters are numbers of a format, off by at most one rounding; 0 and 1 are exact."""

    def change(x: float) -> Any:
        return x if x in (0.0, 1.0) else Ball(x, format.unit * abs(x), format)

    return hyperparameters(optimizer, change)
