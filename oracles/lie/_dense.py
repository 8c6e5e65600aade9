"""Search for witnesses that use no structure: brackets and laws at one random point."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..kernel._models import DENSE_LIMIT, Form
from ..kernel._polynomial import Rational
from ..kernel._rules import MATRIX_LIMIT, Law, law_gradients
from ._flows import span
from ._residues import PRIME, pivots

_ATTEMPTS = 3
Matrix = dict[tuple[int, int], Rational]


def dense_witness(form: Form, laws: Sequence[Law], seed: int = 0) -> tuple[dict[str, object] | None, int, int]:
    """The witness (None where the ranks do not add up), the rank of the brackets and that of the laws.

    Cost: about (2/3) (D - N)^3 for the elimination, N laws among D parameters.
    """
    best = (0, 0)
    for attempt in range(_ATTEMPTS if form.parameters <= DENSE_LIMIT else 0):
        generator = np.random.default_rng((seed, attempt))
        point = generator.integers(1, PRIME, form.parameters)
        rows, columns = pivots(law_gradients(form, laws, point, PRIME), PRIME)
        free = np.delete(np.arange(form.parameters), columns)
        found = span(
            form.program(PRIME),
            form.dimension(),
            point,
            PRIME,
            target=len(free),
            generator=generator,
            free_columns=free,
        )
        best = max(best, (len(found.rows), len(rows)))
        if len(found.rows) == len(free):
            return {"rule": "dense", "prime": PRIME, "point": point.tolist(), **found.fields()}, *best
        if attempt and form.parameters > 200:
            break
    return None, *best


def involutive_witness(form: Form, seed: int = 0) -> tuple[dict[str, object], int] | None:
    """A witness that W lies in an involutive family of k fields that brackets fill, and k; None where none is found.

    Tried for a single coordinate (one field) and for quadratic coordinates, whose fields are linear: their matrices are
    closed under commutators over Q.
    """
    if form.parameters > MATRIX_LIMIT:
        return None
    basis: list[Matrix] = []
    if form.dimension() != 1:
        hessians = _hessians(form)
        closed = _closure(hessians) if hessians is not None else None
        if closed is None:
            return None
        basis = closed
    bound = len(basis) or 1
    generator = np.random.default_rng(seed)
    point = generator.integers(1, PRIME, form.parameters)
    found = span(form.program(PRIME), form.dimension(), point, PRIME, target=bound, generator=generator)
    if len(found.rows) != bound:
        return None
    listed = [[[i, j, str(c)] for (i, j), c in sorted(matrix.items())] for matrix in basis]
    witness = {"rule": "involutive", "basis": listed, "prime": PRIME, "point": point.tolist(), **found.fields()}
    return witness, bound


def _hessians(form: Form) -> list[Matrix] | None:
    out: list[Matrix] = []
    for index in range(form.dimension()):
        matrix: Matrix = {}
        for monomial, c in form.coordinate(index).terms.items():
            ends = [v for v, e in monomial for _ in range(e)]
            if len(ends) != 2:
                return None
            for i, j in ((ends[0], ends[1]), (ends[1], ends[0])):
                matrix[i, j] = matrix.get((i, j), 0) + c
        out.append(matrix)
    return out


def _closure(matrices: Sequence[Matrix], limit: int = 64) -> list[Matrix] | None:
    """A basis over Q of the Lie algebra that the matrices generate, or None beyond ``limit`` dimensions."""
    echelon: dict[tuple[int, int], Matrix] = {}
    basis: list[Matrix] = []
    queue = list(matrices)
    while queue:
        rest = queue.pop(0)
        for pivot, row in echelon.items():
            factor = rest.get(pivot, 0)
            if factor:
                rest = {key: rest.get(key, 0) - factor * row.get(key, 0) for key in rest.keys() | row.keys()}
                rest = {key: value for key, value in rest.items() if value}
        if not rest:
            continue
        if len(basis) == limit:
            return None
        pivot = min(rest)
        row = {key: Fraction(value) / rest[pivot] for key, value in rest.items()}
        queue += [_commutator(row, other) for other in basis]
        echelon[pivot] = row
        basis.append(row)
    return basis


def _commutator(left: Matrix, right: Matrix) -> Matrix:
    out: Matrix = {}
    for sign, first, second in ((1, left, right), (-1, right, left)):
        for (i, j), a in first.items():
            for (k, m), b in second.items():
                if j == k:
                    out[i, m] = out.get((i, m), 0) + sign * a * b
    return {key: value for key, value in out.items() if value}
