"""Certificates of the exact rank of a rational matrix: a modular lower bound, kernel vectors as the upper bound."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..certificates import Certificate, certificate, number_json
from ..polynomials import Rational

PRIME = 65521


def exact_rank(matrix: Sequence[Sequence[Rational]]) -> Certificate:
    """The claim that ``matrix`` (at least one row and column) has the rank that exact elimination finds.

    The kernel repeats the lower bound modulo the prime; in the rare case that the rank drops there it rejects.
    """
    vectors = kernel_vectors(matrix)
    claim = {
        "kind": "rank",
        "matrix": [[number_json(value) for value in row] for row in matrix],
        "rank": len(matrix[0]) - len(vectors),
    }
    return certificate(claim, {"prime": PRIME, "kernel": [[number_json(value) for value in v] for v in vectors]})


def kernel_vectors(matrix: Sequence[Sequence[Rational]]) -> list[list[Rational]]:
    """A basis of the kernel over Q, by exact row reduction."""
    from flint import fmpq, fmpq_mat

    height, width = len(matrix), len(matrix[0])
    entries = [fmpq(Fraction(value).numerator, Fraction(value).denominator) for row in matrix for value in row]
    reduced, rank = fmpq_mat(height, width, entries).rref()
    rows = [[Fraction(int(reduced[i, j].p), int(reduced[i, j].q)) for j in range(width)] for i in range(rank)]
    pivots = [next(j for j, value in enumerate(row) if value) for row in rows]
    basis: list[list[Rational]] = []
    for free in (j for j in range(width) if j not in pivots):
        vector: list[Rational] = [0] * width
        vector[free] = 1
        for pivot, row in zip(pivots, rows, strict=True):
            vector[pivot] = -row[free] if row[free].denominator != 1 else -row[free].numerator
        basis.append(vector)
    return basis
