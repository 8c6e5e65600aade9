"""Rank modulo a prime, by elimination on numpy integers.

Reduction modulo p and restriction to some rows and columns only lower a rank, so each rank computed here is a lower
bound of the rank over Q of the integer matrix that was reduced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from ._read import Node, demand

Residues = npt.NDArray[np.int64]
Integers = npt.NDArray[Any]
"""Integers of 32 or of 64 bits."""

PRIME_LIMIT = 2**20
"""Largest prime in use: products stay below 2^40, so that 2^22 of them add up without overflow in 64 bits."""
CELLS_LIMIT = 6 * 10**7
"""Entries of one array of integers."""
_PANEL, _WIDE_PANEL = 32, 128


def is_prime(number: int) -> bool:
    """Trial division; the numbers in question are at most ``PRIME_LIMIT``."""
    return number > 1 and all(number % divisor for divisor in range(2, isqrt(number) + 1))


def read_prime(value: Node) -> int:
    prime = value.integer(2, PRIME_LIMIT)
    demand(is_prime(prime), f"{prime} is not a prime")
    return prime


def modulo(numbers: Residues, prime: int) -> Residues:
    """Integers modulo a prime, or themselves for 0."""
    return numbers % prime if prime else numbers


def check_fits(rows: int, columns: int) -> None:
    """Rejects an array of so many entries before it is made."""
    demand(rows * columns <= CELLS_LIMIT, "a matrix fills more memory than the kernel is willing to take")


def residues(rows: Sequence[Mapping[int, int]], width: int, prime: int) -> Residues:
    """Rows of whole entries by column as an array modulo ``prime``."""
    check_fits(len(rows), width)
    out = np.zeros((len(rows), width), dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, list(row)] = [c % prime for c in row.values()]
    return out


def demand_rank(what: str, rows: Sequence[Mapping[int, int]], width: int, least: int, prime: int) -> None:
    """Rejects rows of whole entries whose rank is not seen to be ``least`` or more."""
    reached = rank(residues(rows, width, prime), prime) if least else 0
    demand(reached >= least, f"the rank of the {what} is below {least} modulo the prime")


def rank(matrix: Residues, prime: int) -> int:
    """The rank of ``matrix`` (m x n integers) over the field with ``prime`` elements."""
    return len(independent_columns(matrix if len(matrix) >= matrix.shape[1] else matrix.T, prime))


def independent_columns(matrix: Residues, prime: int) -> list[int]:
    """The columns of ``matrix`` (m x n integers) that no columns before them span modulo ``prime``.

    A panel of 128 columns is searched for pivot rows; what was subtracted from every other row, a combination of pivot
    rows, is then subtracted from the columns that follow. Cost: about r m n products for rank r. Where a sum of 32
    products fits in 32 bits the work is done in 32 bits, five times as fast, in panels of 32 columns.
    """
    fits = (_PANEL + 1) * prime * prime < 2**31
    width = _PANEL if fits else _WIDE_PANEL
    rest: Integers = (matrix % prime).astype(np.int32 if fits else np.int64, order="C")
    found: list[int] = []
    for start in range(0, matrix.shape[1], width):
        panel, rest = rest[:, :width], rest[:, width:]
        rows, columns, combination = _eliminate(panel, prime)
        found += [start + column for column in columns]
        if rows and rest.size:
            others = np.delete(np.arange(len(panel)), rows)
            rest = (rest[others] + np.einsum("ik,kj->ij", combination[others], rest[rows])) % prime
    return found


def _eliminate(panel: Integers, prime: int) -> tuple[list[int], list[int], Integers]:
    """Pivot rows and columns of ``panel``, and the combination of these rows that clears each other row.

    Entries are reduced when they are used; until then each column may have taken one product from them at every pivot.
    """
    size, width = panel.shape
    work = np.concatenate([panel, np.zeros((size, min(size, width)), dtype=panel.dtype)], axis=1)
    rows: list[int] = []
    columns: list[int] = []
    for column in range(width):
        entries = work[:, column] % prime
        candidates = entries.nonzero()[0]
        if not len(candidates):
            continue
        row = int(candidates[0])
        work[row, width + len(rows)] += 1
        pivot = work[row, column:] % prime * pow(int(entries[row]), -1, prime) % prime
        work[candidates, column:] -= entries[candidates, None] * pivot
        rows.append(row)
        columns.append(column)
    return rows, columns, work[:, width : width + len(rows)] % prime
