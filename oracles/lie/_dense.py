"""Search for witnesses that use no structure: brackets and laws at one random point."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import gcd, lcm

import numpy as np

from ..certificates import number_json
from ..kernel._models import DENSE_LIMIT, Form, Law
from ..kernel._rules import MATRIX_LIMIT, law_gradients
from ..polynomials import Rational, tidy
from ._flows import span
from ._residues import PRIME, pivots

_ATTEMPTS = 3
Matrix = dict[tuple[int, int], Rational]
Combination = list[list[int | str]]


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
        program = form.program(PRIME)
        found = span(
            program,
            program.dimension,
            point,
            PRIME,
            target=len(free),
            generator=generator,
            free_columns=free,
        )
        best = max(best, (len(found.rows), len(rows)))
        if len(found.rows) == len(free):
            witness = {"rule": "dense", "prime": PRIME, "point": point.tolist(), **found.fields()}
            return witness, best[0], best[1]
        if attempt and form.parameters > 200:
            break
    return None, best[0], best[1]


def involutive_witness(form: Form, seed: int = 0) -> tuple[dict[str, object], int] | None:
    """A witness that W lies in an involutive family of k fields that brackets fill, and k; None where none is found.

    Tried for a single coordinate (one field) and for quadratic coordinates, whose fields are linear: their matrices are
    closed under commutators over Q.
    """
    if form.parameters > MATRIX_LIMIT:
        return None
    algebra = _Algebra()
    program = form.program(PRIME)
    fields: list[Combination] = []
    tables: list[Combination] = []
    if program.dimension != 1:
        hessians = _hessians(form)
        if hessians is None or not algebra.grow(hessians):
            return None
        fields = [algebra.combination(matrix) for matrix in hessians]
        tables = [algebra.combination(_commutator(a, b)) for a, b in combinations(algebra.basis, 2)]
    bound = len(algebra.basis) or 1
    generator = np.random.default_rng(seed)
    point = generator.integers(1, PRIME, form.parameters)
    found = span(program, program.dimension, point, PRIME, target=bound, generator=generator)
    if len(found.rows) != bound:
        return None
    listed = [[[i, j, number_json(c)] for (i, j), c in sorted(matrix.items())] for matrix in algebra.basis]
    combined = {"fields": fields, "brackets": tables}
    witness = {"rule": "involutive", "basis": listed, "prime": PRIME, "point": point.tolist(), **found.fields()}
    return {**witness, **combined}, bound


def _hessians(form: Form) -> list[Matrix] | None:
    out: list[Matrix] = []
    for coordinate in form.coordinates():
        matrix: Matrix = {}
        for monomial, c in coordinate.terms.items():
            ends = [v for v, e in monomial for _ in range(e)]
            if len(ends) != 2:
                return None
            for i, j in ((ends[0], ends[1]), (ends[1], ends[0])):
                matrix[i, j] = tidy(matrix.get((i, j), 0) + Fraction(c, coordinate.below))
        out.append(matrix)
    return out


class _Algebra:
    """A Lie algebra of matrices over Q; its basis has whole entries, and zeros at the pivots of earlier matrices."""

    def __init__(self) -> None:
        self.basis: list[Matrix] = []
        self._pivots: list[tuple[int, int]] = []

    def grow(self, matrices: Sequence[Matrix], limit: int = 64) -> bool:
        """Adds the algebra that the matrices generate; False beyond ``limit`` dimensions."""
        queue = deque(matrices)
        while queue:
            _, rest = self._divided(queue.popleft())
            if not rest:
                continue
            if len(self.basis) == limit:
                return False
            scale = Fraction(lcm(*(c.denominator for c in rest.values())), gcd(*(c.numerator for c in rest.values())))
            row: Matrix = {key: int(c * scale) for key, c in rest.items()}
            queue += [_commutator(row, other) for other in self.basis]
            self.basis.append(row)
            self._pivots.append(min(row))
        return True

    def combination(self, matrix: Matrix) -> Combination:
        """The coefficients of a matrix of the algebra, as the kernel reads them."""
        return [[number, number_json(c)] for number, c in self._divided(matrix)[0]]

    def _divided(self, matrix: Matrix) -> tuple[list[tuple[int, Rational]], Matrix]:
        rest = {key: c for key, c in matrix.items() if c}
        used: list[tuple[int, Rational]] = []
        for number, (pivot, row) in enumerate(zip(self._pivots, self.basis, strict=True)):
            if rest.get(pivot):
                factor = tidy(Fraction(rest[pivot]) / row[pivot])
                used.append((number, factor))
                rest = {key: rest.get(key, 0) - factor * row.get(key, 0) for key in rest.keys() | row.keys()}
                rest = {key: c for key, c in rest.items() if c}
        return used, rest


def _commutator(left: Matrix, right: Matrix) -> Matrix:
    out: Matrix = {}
    for sign, first, second in ((1, left, right), (-1, right, left)):
        for (i, j), a in first.items():
            for (k, m), b in second.items():
                if j == k:
                    out[i, m] = out.get((i, m), 0) + sign * a * b
    return {key: value for key, value in out.items() if value}
