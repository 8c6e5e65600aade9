"""Kernels modulo a prime, and rational numbers back from residues: the search behind exact kernel vectors.

Whole numbers are carried in float64 so that BLAS can multiply them; every value stays below 2^53, so nothing is
rounded. Nothing found here is believed before it was verified exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np
import numpy.typing as npt

from ...lie._residues import inverse, pivots
from ...polynomials import Rational, tidy

Residues = npt.NDArray[np.int64]
PRIMES = (1048573, 1048571, 1048559, 1048549)
"""Products stay below 2^40, so 128 of them add up below 2^47."""
_PANEL = 128


@dataclass(frozen=True, slots=True)
class Reduced:
    """The row space of a matrix modulo ``prime``: ``x[pivots] = -block x[free]`` on its kernel.

    Attributes:
        pivots: columns, as many as the rank.
        free: the other columns.
        block: shape (rank, len(free)).
    """

    prime: int
    pivots: tuple[int, ...]
    free: tuple[int, ...]
    block: Residues

    def vector(self, weights: Sequence[int] | Residues) -> Residues:
        """The kernel vector with these entries at the free columns: shape (columns,)."""
        out = np.zeros(len(self.pivots) + len(self.free), dtype=np.int64)
        out[list(self.free)] = np.asarray(weights, dtype=np.int64) % self.prime
        at = out[list(self.free)]
        out[list(self.pivots)] = -((self.block * at % self.prime).sum(axis=1)) % self.prime
        return out

    def basis(self) -> list[Residues]:
        """The kernel vectors with a single 1 at a free column."""
        return [self.vector(row) for row in np.eye(len(self.free), dtype=np.int64)]


def reduced(matrix: npt.NDArray[np.generic], prime: int) -> Reduced:
    """Gauss-Jordan elimination by panels of 128 columns; cost 2 r m n for rank r."""
    work = np.asarray(matrix, dtype=np.float64) % prime
    height, width = work.shape
    unused = list(range(height))
    rows: list[int] = []
    columns: list[int] = []
    for start in range(0, width, _PANEL):
        found, at = pivots(work[unused, start : start + _PANEL], prime)
        if not found:
            continue
        chosen, where = [unused[row] for row in found], [start + column for column in at]
        solved = _reduce(inverse(work[chosen][:, where], prime) @ work[chosen, start:], prime)
        taken = set(chosen)
        others = [row for row in range(height) if row not in taken]
        work[others, start:] = _reduce(work[others, start:] - work[others][:, where] @ solved, prime)
        work[chosen, start:] = solved
        unused = [row for row in unused if row not in taken]
        rows += chosen
        columns += where
        if not unused:
            break
    pivotal = set(columns)
    free = [column for column in range(width) if column not in pivotal]
    block = work[rows][:, free].astype(np.int64) % prime
    return Reduced(prime, tuple(columns), tuple(free), block)


def residue(values: Sequence[Rational], prime: int) -> Residues:
    """The numbers modulo ``prime``.

    Raises:
        ValueError: the prime divides a denominator.
    """
    return np.array([v.numerator * pow(v.denominator, -1, prime) % prime for v in values], dtype=np.int64)


def prime_for(values: Sequence[Rational]) -> int | None:
    """A prime that divides none of the denominators."""
    below = {value.denominator for value in values}
    return next((prime for prime in PRIMES if all(number % prime for number in below)), None)


def reconstructed(residues: Residues, prime: int) -> list[Rational] | None:
    """The fractions a/b with ``2 a^2, 2 b^2 < prime`` and these residues; None where one has none."""
    known: dict[int, Rational | None] = {}
    out: list[Rational] = []
    for value in residues.tolist():
        if value not in known:
            known[value] = _fraction(value, prime)
        number = known[value]
        if number is None:
            return None
        out.append(number)
    return out


def _fraction(value: int, prime: int) -> Rational | None:
    bound = isqrt((prime - 1) // 2)
    (a, b), (c, d) = (prime, 0), (value, 1)
    while c > bound:
        quotient = a // c
        (a, b), (c, d) = (c, d), (a - quotient * c, b - quotient * d)
    return tidy(Fraction(c, d)) if d and abs(d) <= bound else None


def _reduce(values: npt.NDArray[np.float64], prime: int) -> npt.NDArray[np.float64]:
    """Representatives between 0 and ``prime``, in place."""
    values -= prime * np.floor(values * (1.0 / prime))
    values[values < 0] += prime
    values[values >= prime] -= prime
    return values
