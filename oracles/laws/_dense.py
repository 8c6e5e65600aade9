"""Small dense blocks: exact kernels over Q as short integer vectors."""

from __future__ import annotations

from math import gcd

from flint import fmpz_mat

from ._flat import Exact


def kernel_vectors(matrix: Exact) -> list[list[int]]:
    """A basis over Q of the kernel of ``matrix`` (m x n integers), see ``shortened``."""
    equations, unknowns = matrix.shape
    vectors, nullity = fmpz_mat(equations, unknowns, matrix.ravel().tolist()).nullspace()
    return shortened([[int(vectors[i, j]) for i in range(unknowns)] for j in range(nullity)])


def shortened(basis: list[list[int]]) -> list[list[int]]:
    """Short independent integer vectors with the same span over Q.

    LLL-reduced, primitive, first entry positive, sparse ones first.
    """
    if len(basis) > 1:
        reduced = fmpz_mat([_primitive(vector) for vector in basis]).lll()
        basis = [[int(c) for c in row] for row in reduced.tolist()]
    return sorted((_primitive(vector) for vector in basis), key=_sparse_first)


def _primitive(vector: list[int]) -> list[int]:
    divisor = gcd(*vector)
    leading = next(c for c in vector if c)
    divisor = -divisor if leading < 0 else divisor
    return [c // divisor for c in vector]


def _sparse_first(vector: list[int]) -> tuple[int, list[int]]:
    return sum(1 for c in vector if c), [-c for c in vector]
