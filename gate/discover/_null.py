"""Numerical null spaces with a visible gap, and sparse rational bases of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_DENOMINATOR = 12
"""Largest denominator of an exponent: activations of degree p give p, powers of norms halves."""


@dataclass(frozen=True, slots=True)
class Null:
    """The null space of rows.

    Args:
        basis: shape (dimension, unknowns), orthonormal rows.
        kept: the smallest singular value that is not in the null space, relative to the largest.
        dropped: the largest that is.
    """

    basis: Floats
    kept: float
    dropped: float


def null_space(rows: Floats, tolerance: float) -> Null:
    """Vectors that all rows are orthogonal to: singular values up to ``tolerance`` times the largest.

    Args:
        rows: shape (m, n) with m >= n.
    """
    unknowns = rows.shape[1]
    if unknowns == 0:
        return Null(np.zeros((0, 0)), 1.0, 0.0)
    if rows.shape[0] > 2 * unknowns:
        rows = np.asarray(np.linalg.qr(rows, mode="r"))
    _, values, right = np.linalg.svd(rows, full_matrices=True)
    values = np.concatenate([values, np.zeros(unknowns - len(values))])
    largest = values[0] or 1.0
    null = values <= tolerance * largest
    inside, outside = values[null] / largest, values[~null] / largest
    return Null(right[null], float(outside.min(initial=1.0)), float(inside.max(initial=0.0)))


def echelon(vectors: Floats, order: Sequence[int]) -> Floats:
    """The reduced echelon form of ``vectors``, pivots taken along the columns in this order."""
    rows = np.array(vectors, dtype=np.float64)
    done = 0
    for column in order:
        if done == len(rows):
            break
        pivot = done + int(np.argmax(np.abs(rows[done:, column])))
        if abs(rows[pivot, column]) < 1e-6:  # the rows are orthonormal: a true pivot is a ratio of small integers
            continue
        if pivot != done:
            rows[[done, pivot]] = rows[[pivot, done]]
        rows[done] /= rows[done, column]
        factors = rows[:, column].copy()
        factors[done] = 0.0
        rows -= np.outer(factors, rows[done])
        done += 1
    return np.asarray(rows[:done], dtype=np.float64)


def sparse_basis(
    null: Floats,
    trivial: Floats,
    orders: Sequence[Sequence[int]],
    gauge: Callable[[Floats], Floats] = lambda vector: vector,
    known: Sequence[Floats] = (),
    offered: Sequence[Floats] = (),
) -> list[Floats]:
    """A basis of ``null`` modulo ``trivial`` with few entries each: the sparsest independent vectors of several forms.

    Args:
        null: shape (d, n), orthonormal rows that span the trivial ones too.
        trivial: shape (k, n): what counts as zero.
        orders: column orders of the echelon forms that are tried.
        gauge: makes one vector sparse by adding trivial ones.
        known: vectors of the null space to take first, if they are independent.
        offered: vectors of the null space to choose from as well.
    """
    wanted = len(null) - _rank(trivial)
    if wanted <= 0:
        return []
    pool: list[Floats] = [vector for vector in offered if np.any(vector)]
    for order in orders:
        for row in echelon(null, order):
            vector = gauge(np.where(np.abs(row) < 1e-7, 0.0, row))
            if np.any(vector):
                pool.append(vector)
    pool.sort(key=lambda vector: (int(np.count_nonzero(vector)), int(np.argmax(vector != 0))))
    chosen: list[Floats] = []
    seen = np.linalg.qr(trivial.T)[0].T if len(trivial) else np.zeros((0, null.shape[1]))
    for vector in [*known, *pool]:
        if len(chosen) == wanted:
            break
        unit = vector / np.linalg.norm(vector)
        left = unit - seen.T @ (seen @ unit)
        left -= seen.T @ (seen @ left)
        norm = np.linalg.norm(left)
        if norm > 1e-5:
            seen = np.vstack([seen, left / norm])
            chosen.append(vector)
    return chosen


def _rank(rows: Floats) -> int:
    return int(np.linalg.matrix_rank(rows)) if len(rows) else 0


def rational(vector: Floats) -> tuple[Fraction, ...] | None:
    """The vector as coprime integers with a positive first entry; None if it is not a multiple of small rationals."""
    nonzero = np.abs(vector[vector != 0])
    if not len(nonzero):
        return None
    # what is below half a millionth of the largest entry is rounding, and no unit
    sizes = [size for value in nonzero / nonzero.max() if (size := round(float(value), 6))]
    unit = Counter(sizes).most_common(1)[0][0] * float(nonzero.max())
    exact: list[Fraction] = []
    for value in vector / unit:
        fraction = Fraction(float(value)).limit_denominator(_DENOMINATOR)
        if abs(float(fraction) - value) > 1e-4:
            return None
        exact.append(fraction)
    common = np.lcm.reduce([fraction.denominator for fraction in exact])
    integers = [int(fraction * int(common)) for fraction in exact]
    divisor = int(np.gcd.reduce([abs(value) for value in integers if value]))
    sign = 1 if next(value for value in integers if value) > 0 else -1
    return tuple(Fraction(sign * value, divisor) for value in integers)
