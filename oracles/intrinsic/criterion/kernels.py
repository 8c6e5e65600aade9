"""Kernels over Q of sparse equations: short vectors by residues, all of them exactly where there are few unknowns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...polynomials import Rational
from ..linear.matrices import primitive, whole_matrix
from .residues import prime_for, reconstructed, reduced, residue

_EXACT = 64
"""Unknowns up to which a basis is taken exactly if residues do not give one."""


def kernel(equations: Sequence[Mapping[int, Rational]], unknowns: int) -> list[list[Rational]]:
    """A basis over Q of the solutions; empty also where the search gives up on long numbers."""
    if not unknowns:
        return []
    if not equations:
        return [[int(i == j) for j in range(unknowns)] for i in range(unknowns)]
    values = [value for row in equations for value in row.values()]
    prime = prime_for(values)
    if prime is None:
        return []
    dense = np.zeros((len(equations), unknowns), dtype=np.int64)
    for i, row in enumerate(equations):
        dense[i, list(row)] = residue(list(row.values()), prime)
    found = reduced(dense, prime)
    if not found.free:
        return []
    columns: dict[int, list[tuple[int, Rational]]] = {}
    for i, row in enumerate(equations):
        for k, value in row.items():
            columns.setdefault(k, []).append((i, value))
    short = [reconstructed(vector, prime) for vector in found.basis()]
    whole = [primitive(vector) for vector in short if vector is not None]
    solutions = [vector for vector in whole if _solves(columns, vector)]
    if len(solutions) == len(found.free):
        return solutions
    return exact_kernel(equations, unknowns) if unknowns <= _EXACT else solutions


def _solves(columns: Mapping[int, Sequence[tuple[int, Rational]]], vector: Sequence[Rational]) -> bool:
    totals: dict[int, Rational] = {}
    for k, weight in enumerate(vector):
        for i, value in columns.get(k, ()) if weight else ():
            totals[i] = totals.get(i, 0) + weight * value
    return not any(totals.values())


def exact_kernel(equations: Sequence[Mapping[int, Rational]], unknowns: int) -> list[list[Rational]]:
    """A basis with short whole entries, by FLINT's null space and lattice reduction."""
    from flint import fmpz_mat

    basis, nullity = whole_matrix([dict(row) for row in equations], unknowns).nullspace()
    if not nullity:
        return []
    columns = [[int(basis[i, j]) for i in range(unknowns)] for j in range(int(nullity))]
    lattice = fmpz_mat([[int(x) for x in primitive(column)] for column in columns]).lll()
    return [[int(x) for x in row] for row in lattice.tolist()]
