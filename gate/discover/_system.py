"""Sparse linear equations over the rationals, solved as they come."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

Row = dict[int, Fraction]


class System:
    """Homogeneous equations between numbered unknowns; what is not determined is free."""

    def __init__(self) -> None:
        self.size = 0
        self._solved: dict[int, Row] = {}

    def new(self, count: int = 1) -> int:
        """The first of ``count`` fresh unknowns."""
        first = self.size
        self.size += count
        return first

    def reduced(self, row: Mapping[int, Fraction]) -> Row:
        """The same form in free unknowns."""
        result: Row = {}
        for unknown, factor in row.items():
            for free, value in self.of(unknown).items():
                total = result.get(free, Fraction(0)) + factor * value
                if total:
                    result[free] = total
                else:
                    result.pop(free, None)
        return result

    def of(self, unknown: int) -> Row:
        """An unknown in free ones."""
        known = self._solved.get(unknown)
        if known is None:
            return {unknown: Fraction(1)}
        if any(other in self._solved for other in known):
            known = self.reduced(known)
            self._solved[unknown] = known
        return known

    def add(self, row: Mapping[int, Fraction]) -> bool:
        """The equation ``row = 0``; whether it said something new. The youngest unknown is eliminated."""
        left = self.reduced(row)
        if not left:
            return False
        pivot = max(left)
        factor = left.pop(pivot)
        self._solved[pivot] = {unknown: -value / factor for unknown, value in left.items()}
        return True

    def copy(self) -> System:
        """The same equations, to add more to."""
        twin = System()
        twin.size = self.size
        twin._solved = dict(self._solved)
        return twin
