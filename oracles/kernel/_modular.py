"""Rank modulo a prime, by elimination on numpy integers.

Reduction modulo p and restriction to some rows and columns only lower a rank, so each rank computed here is a lower
bound of the rank over Q of the integer matrix that was reduced.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Residues = npt.NDArray[np.int64]
Integers = npt.NDArray[Any]
"""Integers of 32 or of 64 bits."""

PRIME_LIMIT = 2**20
"""Largest prime in use: products stay below 2^40, so that 2^22 of them add up without overflow in 64 bits."""
_ROOT = 2**10
_PANEL, _WIDE_PANEL = 32, 128


@cache
def is_prime(number: int) -> bool:
    """Trial division by the numbers up to the root of ``PRIME_LIMIT``, which bounds ``number``."""
    return number > 1 and all(number % divisor for divisor in range(2, min(number, _ROOT + 1)))


def rank(matrix: Residues, prime: int) -> int:
    """The rank of ``matrix`` (m x n integers) over the field with ``prime`` elements."""
    rows, columns = matrix.shape
    return len(independent_columns(matrix if columns <= rows else matrix.T, prime))


def independent_columns(matrix: Residues, prime: int) -> list[int]:
    """The columns of ``matrix`` (m x n integers) that no columns before them span modulo ``prime``.

    A panel of 128 columns is searched for pivot rows; every other row is a combination of them inside the panel, and
    the same combination is subtracted from the columns that follow. Cost: about r m n products for rank r. Where a sum
    of 32 products fits in 32 bits the work is done in 32 bits, five times as fast, in panels of 32 columns.
    """
    fits = (_PANEL + 1) * prime * prime < 2**31
    width = _PANEL if fits else _WIDE_PANEL
    rest: Integers = (matrix % prime).astype(np.int32 if fits else np.int64, order="C")
    found: list[int] = []
    for start in range(0, matrix.shape[1], width):
        panel, rest = rest[:, :width], rest[:, width:]
        rows, columns = _pivots(panel, prime)
        found += [start + column for column in columns]
        if rows and rest.size:
            others = np.delete(np.arange(len(panel)), rows)
            inverse = _inverse(panel[np.ix_(rows, columns)], prime)
            combination = panel[others][:, columns] @ inverse % prime
            rest = (rest[others] - np.einsum("ik,kj->ij", combination, rest[rows])) % prime
    return found


def _pivots(panel: Integers, prime: int) -> tuple[list[int], list[int]]:
    """Rows and columns of a largest non-singular minor of ``panel``.

    Entries are reduced when they are used; until then each column of the panel may have taken one product from them.
    """
    work = panel.copy()
    rows: list[int] = []
    columns: list[int] = []
    for column in range(work.shape[1]):
        entries = work[:, column] % prime
        candidates = entries.nonzero()[0]
        if not len(candidates):
            continue
        row = int(candidates[0])
        pivot = work[row, column:] % prime * pow(int(entries[row]), -1, prime) % prime
        if 2 * len(candidates) < len(work):
            work[candidates, column:] -= entries[candidates, None] * pivot
        else:
            work[:, column:] -= entries[:, None] * pivot
        rows.append(row)
        columns.append(column)
        if len(rows) == len(work):
            break
    return rows, columns


def _inverse(square: Integers, prime: int) -> Integers:
    """The inverse of a non-singular matrix, by Gauss-Jordan elimination."""
    size = len(square)
    work = np.concatenate([square, np.eye(size, dtype=square.dtype)], axis=1)
    for column in range(size):
        row = column + int(work[column:, column].nonzero()[0][0])
        work[[column, row]] = work[[row, column]]
        work[column] = work[column] * pow(int(work[column, column]), -1, prime) % prime
        factors = work[:, column].copy()
        factors[column] = 0
        work = (work - factors[:, None] * work[column]) % prime
    return work[:, size:]
