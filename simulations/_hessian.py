"""How fast errors can grow along a gradient flow: a proved bound of the eigenvalues of ``-hess E`` over a box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flint import arb

from ..oracles.errors import TooLarge
from ._arb import norm, to_arb, upper_end
from .objective import Objective


def logarithmic_norm(objective: Objective, box: Sequence[arb]) -> arb:
    """An upper bound of the largest eigenvalue of ``-hess E`` at all points of ``box``."""
    rows = [[-entry for entry in row] for row in _hessian(objective, box)]
    return largest_eigenvalue(rows, f"The Hessian of {objective.model.spec}")


def largest_eigenvalue(rows: Sequence[Sequence[arb]], what: str) -> arb:
    """An upper bound of the largest eigenvalue of all symmetric matrices in a matrix of balls.

    With ``C`` the middle and ``R`` the rest: ``lambda_max(C) + |R|_F``. A guess for the first, from floating point, is
    proved by a Cholesky factorization of ``guess - C`` in balls; if that fails, ``|C|_F`` is taken.

    Args:
        rows: only the lower triangle is read.
        what: names the matrix in a message.

    Raises:
        TooLarge: the entries overflow.
    """
    size = len(rows)
    rows = [[rows[max(i, j)][min(i, j)] for j in range(size)] for i in range(size)]  # one ball for both halves
    middle = [[entry.mid() for entry in row] for row in rows]
    spread = norm(
        [
            entry - centre
            for row, line in zip(rows, middle, strict=True)
            for entry, centre in zip(row, line, strict=True)
        ]
    )
    floats = np.array([[float(x) for x in row] for row in middle])
    if not np.isfinite(floats).all():
        raise TooLarge(f"{what} overflows along this flow. Take a shorter time.")
    values = np.linalg.eigvalsh((floats + floats.T) / 2)
    guess = arb(float(values[-1] + 1e-9 * (1 + np.abs(values).max())))
    shifted = [[(guess if i == j else 0) - middle[i][j] for j in range(size)] for i in range(size)]
    largest = guess if positive_definite(shifted) else norm([x for row in middle for x in row])
    return upper_end(largest + spread)


class _Dual:
    """A value and its derivatives in all directions."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: arb, tangent: list[arb]) -> None:
        self.value = value
        self.tangent = tangent

    def __add__(self, other: _Dual | arb) -> _Dual:
        if isinstance(other, _Dual):
            return _Dual(self.value + other.value, [a + b for a, b in zip(self.tangent, other.tangent, strict=True)])
        return _Dual(self.value + other, self.tangent)

    __radd__ = __add__

    def __neg__(self) -> _Dual:
        return _Dual(-self.value, [-a for a in self.tangent])

    def __mul__(self, other: _Dual | arb) -> _Dual:
        if isinstance(other, _Dual):
            x, y = self.value, other.value
            return _Dual(x * y, [x * b + a * y for a, b in zip(self.tangent, other.tangent, strict=True)])
        return _Dual(self.value * other, [a * other for a in self.tangent])


def _hessian(objective: Objective, box: Sequence[arb]) -> list[list[arb]]:
    """The Hessian of E over the box, by forward differentiation of the program of its gradient."""
    size = len(box)
    duals = [_Dual(x, [arb(int(i == j)) for j in range(size)]) for i, x in enumerate(box)]
    rows = objective.program.run(duals, to_arb)
    return [row.tangent if isinstance(row, _Dual) else [arb(0)] * size for row in rows]


def positive_definite(matrix: list[list[arb]]) -> bool:
    """Whether an ``L D L^T`` factorization in balls has positive pivots: a proof; ``False`` proves nothing."""
    rows = [list(row) for row in matrix]
    for k, row in enumerate(rows):
        if not row[k] > 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / row[k]
            for j in range(k + 1, i + 1):
                rows[i][j] -= factor * rows[j][k]
    return True
