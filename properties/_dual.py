"""Exact derivatives of gradients: the code of a gradient runs on dual numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..oracles.dynamics import Number, Vector
from ._symmetric import Target


@dataclass(frozen=True, slots=True)
class Dual:
    """``value + slope e`` with ``e^2 = 0``: the gradient at ``theta + e x`` is ``g + e H x``, exactly."""

    value: Number
    slope: Number

    @staticmethod
    def of(x: Any) -> Dual:
        return x if isinstance(x, Dual) else Dual(x, 0)

    def __add__(self, other: Any) -> Dual:
        x = Dual.of(other)
        return Dual(self.value + x.value, self.slope + x.slope)

    def __sub__(self, other: Any) -> Dual:
        x = Dual.of(other)
        return Dual(self.value - x.value, self.slope - x.slope)

    def __rsub__(self, other: Any) -> Dual:
        return Dual.of(other) - self

    def __mul__(self, other: Any) -> Dual:
        x = Dual.of(other)
        return Dual(self.value * x.value, self.value * x.slope + self.slope * x.value)

    def __truediv__(self, other: Any) -> Dual:
        x = Dual.of(other)
        value = (Fraction(self.value) if isinstance(self.value, int) else self.value) / x.value
        return Dual(value, (self.slope - value * x.slope) / x.value)

    __radd__ = __add__
    __rmul__ = __mul__


def along(target: Target, point: Sequence[Vector], direction: Sequence[Vector]) -> tuple[Vector, ...]:
    """``H x``: how the gradient at the point changes in a direction."""
    dual = [[Dual(x, d) for x, d in zip(p, v, strict=True)] for p, v in zip(point, direction, strict=True)]
    return tuple(Vector(Dual.of(x).slope for x in row) for row in target.tree_gradient(0, dual))


def units(point: Sequence[Vector]) -> list[tuple[Vector, ...]]:
    """The coordinate directions, in order."""
    found: list[tuple[Vector, ...]] = []
    for t, tensor in enumerate(point):
        for i in range(len(tensor)):
            found.append(tuple(Vector(int((s, j) == (t, i)) for j in range(len(p))) for s, p in enumerate(point)))
    return found
