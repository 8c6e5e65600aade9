"""Numbers that know where they lie and how far floats may be off: the oracles run on them as they are."""

from __future__ import annotations

import math
from fractions import Fraction

from ...oracles.errors import BadInput

ROUNDINGS = 4
"""Roundings allowed for each operation: itself, and three for other orders of a formula (lerp, powers)."""
_GRID = 240
"""Enclosures are widened to multiples of ``2^-240``, which keeps their fractions short."""


class Tracked:
    """A number between ``low`` and ``high``, which floats that follow the formula miss by at most ``units`` roundings.

    ``low == high`` until a root is not rational. A float result is within ``units * u`` of the number to first order in
    the unit roundoff u: every operation adds ``ROUNDINGS`` times the sizes of what it adds, or of its product or
    quotient, to the errors it carries on (Higham, Accuracy and Stability of Numerical Algorithms, 3.3).

    >>> third = Tracked.given(Fraction(1, 3))
    >>> (third + third).low, (third + third).units
    (Fraction(2, 3), 3.3333333333333335)
    """

    __slots__ = ("high", "low", "units")

    def __init__(self, low: Fraction, high: Fraction, units: float) -> None:
        self.low, self.high, self.units = low, high, units

    @staticmethod
    def given(value: Fraction | int) -> Tracked:
        """A number that is read from a file: one rounding."""
        return Tracked(Fraction(value), Fraction(value), abs(float(value)))

    @staticmethod
    def of(value: Tracked | Fraction | int) -> Tracked:
        """A number of the formula, such as a 1: no rounding."""
        return value if isinstance(value, Tracked) else Tracked(Fraction(value), Fraction(value), 0.0)

    @property
    def size(self) -> float:
        """The largest absolute value."""
        return float(max(abs(self.low), abs(self.high)))

    def __add__(self, other: Tracked | Fraction | int) -> Tracked:
        if not _is_number(other):
            return NotImplemented  # a vector does it entry by entry
        y = Tracked.of(other)
        if y.size == 0 and y.units == 0:
            return self
        rounded = ROUNDINGS * (self.size + y.size) if self.size or self.units else 0.0
        return _widened(self.low + y.low, self.high + y.high, self.units + y.units + rounded)

    def __neg__(self) -> Tracked:
        return Tracked(-self.high, -self.low, self.units)

    def __sub__(self, other: Tracked | Fraction | int) -> Tracked:
        if not _is_number(other):
            return NotImplemented
        return self + -Tracked.of(other)

    def __rsub__(self, other: Fraction | int) -> Tracked:
        return -self + other

    def __mul__(self, other: Tracked | Fraction | int) -> Tracked:
        if not _is_number(other):
            return NotImplemented  # a vector does it entry by entry
        y = Tracked.of(other)
        ends = self.low * y.low, self.low * y.high, self.high * y.low, self.high * y.high
        size = self.size * y.size
        return _widened(min(ends), max(ends), self.units * y.size + self.size * y.units + ROUNDINGS * size)

    def __truediv__(self, other: Tracked | Fraction | int) -> Tracked:
        if not _is_number(other):
            return NotImplemented  # a vector does it entry by entry
        y = Tracked.of(other)
        if y.low <= 0 <= y.high:
            raise BadInput("A division by 0: choose another case.")
        ends = self.low / y.low, self.low / y.high, self.high / y.low, self.high / y.high
        smallest = float(min(abs(y.low), abs(y.high)))
        carried = self.units / smallest + self.size * y.units / smallest**2
        return _widened(min(ends), max(ends), carried + ROUNDINGS * self.size / smallest)

    def __rtruediv__(self, other: Fraction | int) -> Tracked:
        return Tracked.of(other) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Tracked:
        result = Tracked.of(1)
        for _ in range(exponent):
            result = result * self
        return result

    def __abs__(self) -> Tracked:
        return -self if self.high < 0 else self

    def sqrt(self) -> Tracked:
        """The square root: exact where it is rational, else enclosed."""
        if self.low < 0:
            raise BadInput("A root of a negative number: choose another case.")
        low, high = _root(self.low), -_root(self.high, up=True)
        if high == 0:
            return Tracked(low, high, 0.0) if self.units == 0 else _no_root()
        smallest = float(low)
        return _widened(low, high, self.units / (2 * smallest) + ROUNDINGS * float(high))

    def __lt__(self, other: Tracked | Fraction | int) -> bool:
        y = Tracked.of(other)
        if self.high < y.low or self.low >= y.high:
            return self.high < y.low
        raise BadInput("Two numbers are too near to be compared: choose another case.")

    def __gt__(self, other: Tracked | Fraction | int) -> bool:
        return Tracked.of(other) < self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tracked | Fraction | int):
            return NotImplemented
        y = Tracked.of(other)
        return self.low == self.high == y.low == y.high

    def __hash__(self) -> int:
        return hash((self.low, self.high))


def _is_number(value: object) -> bool:
    return isinstance(value, Tracked | Fraction | int)


def _no_root() -> Tracked:
    raise BadInput("The root of a 0 that floats miss: choose another case.")


def _widened(low: Fraction, high: Fraction, units: float) -> Tracked:
    if low == high:
        return Tracked(low, high, units)
    grid = 1 << _GRID
    return Tracked(Fraction(math.floor(low * grid), grid), Fraction(math.ceil(high * grid), grid), units)


def _root(value: Fraction, *, up: bool = False) -> Fraction:
    """A rational number that is not above the root; with ``up``, minus one that is not below it."""
    top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
    if Fraction(top, bottom) ** 2 == value:
        return Fraction(-top if up else top, bottom)
    scaled = value * (1 << 2 * _GRID)
    whole = math.isqrt(math.floor(scaled))
    return Fraction(-(whole + 1) if up else whole, 1 << _GRID)
