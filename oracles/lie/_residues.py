"""Fast elimination modulo a prime for the search: whole numbers carried in float64 so that BLAS can multiply them.

Every value stays a whole number below 2^53, so nothing is rounded; and nothing found here is believed before the
kernel, which uses integers only, has found it again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.signedinteger]
Minor = tuple[list[int], list[int]]

PRIME = 5779
"""Default prime: the largest for which the kernel's elimination fits in 32 bits."""
_PANEL = 128
_NARROW = 8
_SMALL = 2**14
"""Entries of a panel below which one column after the other is quicker than products of halves."""


def pivots(matrix: npt.NDArray[np.generic], prime: int) -> Minor:
    """Rows and columns of a largest non-singular minor of ``matrix`` modulo ``prime``; cost 2 r m n for rank r."""
    rest = np.asarray(matrix, dtype=np.float64) % prime
    names: Rows = np.arange(len(rest))
    rows: list[int] = []
    columns: list[int] = []
    for start in range(0, rest.shape[1], _PANEL):
        panel, rest = rest[:, :_PANEL], rest[:, _PANEL:]
        found, at = _in_panel(panel, prime)
        rows += names[found].tolist()
        columns += [start + column for column in at]
        if found and rest.size:
            others = np.delete(np.arange(len(names)), found)
            rest = _eliminated(panel, rest, found, at, others, prime)
            names = names[others]
        if not len(names):
            break
    return rows, columns


def _eliminated(panel: Floats, rest: Floats, found: list[int], at: list[int], others: Rows, prime: int) -> Floats:
    """The other rows of ``rest`` after the combination of the found rows that clears them in ``panel``."""
    combination = _reduced(panel[others][:, at] @ inverse(panel[np.ix_(found, at)], prime), prime)
    return _reduced(rest[others] - combination @ rest[found], prime)


def _reduced(values: Floats, prime: int) -> Floats:
    """Representatives between -1 and ``prime``, in place: two products are cheaper than a division."""
    values -= prime * np.floor(values * (1.0 / prime))
    return values


def _in_panel(panel: Floats, prime: int) -> Minor:
    """The same for few columns, by halving them."""
    width = panel.shape[1]
    if not panel.size:
        return [], []
    if width <= _NARROW or panel.size <= _SMALL:
        return _in_columns(panel, prime)
    half = width // 2
    rows, columns = _in_panel(panel[:, :half], prime)
    others = np.delete(np.arange(len(panel)), rows)
    right = panel[:, half:]
    right = _eliminated(panel[:, :half], right, rows, columns, others, prime) if rows else right
    more, at = _in_panel(right, prime)
    return rows + others[more].tolist(), columns + [half + column for column in at]


def _in_columns(panel: Floats, prime: int) -> Minor:
    """The same, one column after the other; entries are reduced when they are used."""
    work = panel.astype(np.int64)
    rows: list[int] = []
    columns: list[int] = []
    for column in range(work.shape[1]):
        entries = work[:, column] % prime
        row = int(entries.argmax())
        if entries[row]:
            pivot = work[row, column:] % prime * pow(int(entries[row]), -1, prime) % prime
            work[:, column:] -= entries[:, None] * pivot
            rows.append(row)
            columns.append(column)
    return rows, columns


def inverse(square: Floats, prime: int) -> Floats:
    """The inverse modulo ``prime`` of a small matrix that has one; cost of an elimination column by column."""
    size = len(square)
    work = np.concatenate([square, np.eye(size)], axis=1).astype(np.int64) % prime
    for column in range(size):
        row = column + int(work[column:, column].nonzero()[0][0])
        work[[column, row]] = work[[row, column]]
        work[column] = work[column] * pow(int(work[column, column]), -1, prime) % prime
        factors = work[:, column].copy()
        factors[column] = 0
        work = (work - factors[:, None] * work[column]) % prime
    return work[:, size:].astype(np.float64)
