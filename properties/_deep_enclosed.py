"""Reduced flows of deep linear networks as polynomial equations, for proofs in balls.

The closed form has a root x of a polynomial in each singular direction. Carried along as further coordinates, the roots
obey polynomial equations: for a scalar chain ``x' = -2 z f'(z)``; for matrices, x lives in ``B = U_1 U_1^T`` and
``C = U_L^T U_L`` with ``B' = -(G Z^T + Z G^T)`` and ``C' = -(Z^T G + G^T Z)``, and the flow is
``Z' = -sum_k prod_(l<k) (B - tau_l) G prod_(l>k) (C + tau_L - tau_l)``. Where they start is what the theorem says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ._enclosed import Operator, Reduced

if TYPE_CHECKING:
    from ._deep_flow import FlowCase

F = Fraction
Entries = list[list[Any]]

TAUS = (F(0), F(21, 16), F(21, 16))


def chain_operator(root: int, taus: Sequence[Fraction] = TAUS) -> Operator:
    """K of a scalar chain of three layers, from the coordinate ``root``; all further coordinates are roots."""

    def operator(z: Sequence[Any], g: Sequence[Any], _sqrt: Any) -> list[Any]:
        gaps = [z[root] - tau for tau in taus]
        K = gaps[1] * gaps[2] + gaps[0] * gaps[2] + gaps[0] * gaps[1]
        return [K * g[0], *(2 * z[0] * g[0] for _ in z[1:])]

    return operator


def chain_case() -> Reduced:
    """z = abc from (5/4, 1/2, 1/2); ``x (x - 21/16)^2 = z^2`` has the roots 25/16, 1 and 1/16 there."""
    from ..simulations import Loss

    point, roots = (F(5, 4), F(1, 2), F(1, 2)), (F(25, 16), F(1), F(1, 16))
    return Reduced("linear:1-1-1-1", point, Loss.squared([F(3, 2)]), chain_operator(1), extra=roots)


def matrix_case(case: FlowCase, target: Sequence[Fraction]) -> Reduced:
    """A point with relaxed balance, B and C exact, and a squared loss."""
    from ..simulations import Loss

    first, last = case.layers[0], case.layers[-1]
    grams = (first * first.transpose(), last.transpose() * last)
    extra = tuple(F(int(x.p), int(x.q)) for M in grams for x in M.entries())
    taus = tuple(F(tau) for tau in case.made.shifts)
    loss = Loss.squared(target)
    return Reduced(case.made.model.spec, case.made.point, loss, matrix_operator(case.shape, taus), extra)


def matrix_operator(shape: tuple[int, int], taus: Sequence[Fraction]) -> Operator:
    """K of a matrix chain in Z, B and C."""
    n, m = shape

    def operator(z: Sequence[Any], g: Sequence[Any], _sqrt: Any) -> list[Any]:
        Z, B, C = _rows(z, n, m), _rows(z[n * m :], n, n), _rows(z[n * m + n * n :], m, m)
        G = _rows(g, n, m)
        right = [G]
        for tau in taus[:0:-1]:
            right.append(_times(right[-1], _plus(C, taus[-1] - tau)))
        # Horner's scheme for the sum over the layers, from the last one on
        total, *others = right
        for tau, part in zip(taus[-2::-1], others, strict=True):
            moved = _times(_plus(B, -tau), total)
            total = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(moved, part, strict=True)]
        GZ, ZG = _times(G, _transposed(Z)), _times(_transposed(Z), G)
        return [entry for M in (total, _symmetric(GZ), _symmetric(ZG)) for row in M for entry in row]

    return operator


def _rows(entries: Sequence[Any], rows: int, columns: int) -> Entries:
    return [list(entries[i * columns : (i + 1) * columns]) for i in range(rows)]


def _transposed(M: Entries) -> Entries:
    return [list(column) for column in zip(*M, strict=True)]


def _times(A: Entries, B: Entries) -> Entries:
    return [[_sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*B, strict=True)] for row in A]


def _sum(values: Iterable[Any]) -> Any:
    first, *rest = values
    for value in rest:
        first = first + value
    return first


def _plus(M: Entries, value: Fraction) -> Entries:
    return [[x + value if i == j else x for j, x in enumerate(row)] for i, row in enumerate(M)]


def _symmetric(M: Entries) -> Entries:
    return [[M[i][j] + M[j][i] for j in range(len(M))] for i in range(len(M))]
