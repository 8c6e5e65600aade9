"""Elimination by short equations: one unknown gives zero, two unknowns make one a multiple of the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._flat import Exact, Integers
from ._system import Entries, added_up, starts

_LARGEST = 2**31
"""Values above this are not multiplied any more."""


class Reduction:
    """What is left of a system: ``x_u = weight[u] * x_root[u]``, and zero where ``u`` or its root is not ``alive``.

    The root of each unknown is at most its own number, and has weight 1. ``entries`` are the equations between roots.
    """

    __slots__ = ("alive", "entries", "root", "weight")

    def __init__(self, entries: Entries, unknowns: int) -> None:
        """Reduces the system ``entries`` in this many unknowns."""
        self.alive: npt.NDArray[np.bool_] = np.ones(unknowns, dtype=bool)
        self.root: Integers = np.arange(unknowns)
        self.weight: Exact = np.ones(unknowns, dtype=entries.value.dtype)
        self.entries = entries
        self._kill()
        while self._join():
            self._kill()

    def _kill(self) -> None:
        """Drops unknowns that stand alone in an equation, again and again."""
        row, unknown, value = self.entries.row, self.entries.unknown, self.entries.value
        while len(row):
            alone = starts(row)
            alone[:-1] &= alone[1:]
            if not alone.any():
                break
            self.alive[unknown[alone]] = False
            kept = self.alive[unknown]
            row, unknown, value = row[kept], unknown[kept], value[kept]
        self.entries = Entries(row, unknown, value)

    def _join(self) -> bool:
        """Expresses unknowns by smaller ones through equations with two unknowns; whether there was any."""
        row, unknown, value = self.entries.row, self.entries.unknown, self.entries.value
        start = starts(row)
        begin = np.flatnonzero(start)
        pair = begin[np.diff(begin, append=len(row)) == 2]
        low, high, of_low, of_high = unknown[pair], unknown[pair + 1], value[pair], value[pair + 1]
        turn = low > high
        low, high = np.where(turn, high, low), np.where(turn, low, high)
        of_low, of_high = np.where(turn, of_high, of_low), np.where(turn, of_low, of_high)
        whole = (of_low % of_high == 0) & (low != high)
        if not whole.any():
            return False
        parent, factor = np.arange(len(self.root)), np.ones(len(self.root), dtype=value.dtype)
        joined, first = np.unique(high[whole], return_index=True)
        chosen = np.flatnonzero(whole)[first]
        parent[joined] = low[chosen]
        factor[joined] = -(of_low[chosen] // of_high[chosen])
        while True:
            above = parent[parent]
            if np.array_equal(above, parent):
                break
            factor = factor * factor[parent]
            parent = above
            if np.abs(factor).max() > _LARGEST:
                return False
        if max(np.abs(value).max(), np.abs(self.weight).max()) * np.abs(factor).max() > _LARGEST:
            return False
        self.weight = self.weight * factor[self.root]
        self.root = parent[self.root]
        self.entries = added_up(np.cumsum(start, dtype=np.int64), parent[unknown], value * factor[unknown])
        return True
