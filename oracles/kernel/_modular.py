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
_PANEL = 32


@cache
def is_prime(number: int) -> bool:
    """Trial division by the numbers up to the root of ``PRIME_LIMIT``, which bounds ``number``."""
    return number > 1 and all(number % divisor for divisor in range(2, min(number, _ROOT + 1)))


def rank(matrix: Residues, prime: int) -> int:
    """The rank of ``matrix`` (m x n integers) over the field with ``prime`` elements.

    A panel of 32 columns is searched for pivot rows; every other row is a combination of them inside the panel, and the
    same combination is subtracted from the columns that follow. Cost: about r m n products for rank r. Where a sum of
    32 products fits in 32 bits the work is done in 32 bits, five times as fast.
    """
    fits = (_PANEL + 1) * prime * prime < 2**31
    rest: Integers = (matrix % prime).astype(np.int32 if fits else np.int64)
    found = 0
    while rest.size:
        panel, rest = rest[:, :_PANEL], rest[:, _PANEL:]
        rows, columns = _pivots(panel, prime)
        found += len(rows)
        if not rest.size:
            break
        if rows:
            others = np.delete(np.arange(len(panel)), rows)
            inverse = _inverse(panel[np.ix_(rows, columns)], prime)
            combination = panel[others][:, columns] @ inverse % prime
            rest = (rest[others] - np.einsum("ik,kj->ij", combination, rest[rows])) % prime
    return found


def _pivots(panel: Integers, prime: int) -> tuple[list[int], list[int]]:
    """Rows and columns of a largest non-singular minor of ``panel``."""
    work = panel.copy()
    rows: list[int] = []
    columns: list[int] = []
    for column in range(work.shape[1]):
        candidates = work[:, column].nonzero()[0]
        if not len(candidates):
            continue
        row = int(candidates[0])
        factors = work[candidates, column] * pow(int(work[row, column]), -1, prime) % prime
        work[candidates, column:] = (work[candidates, column:] - factors[:, None] * work[row, column:]) % prime
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
