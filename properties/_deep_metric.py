"""The metric of balanced networks: the inverse of A_Z at exact points, and its gradient flow in floats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ._deep_flow import FlowCase, apart, identity_matrix, matrix, spectral
from ._theorem import Residual

if TYPE_CHECKING:
    from flint import fmpq_mat

    from ..oracles.intrinsic import ClosedForm

F = Fraction


def inverse(case: FlowCase, T: fmpq_mat, *, diagonal: Callable[[Fraction, int], Fraction] | None = None) -> fmpq_mat:
    """``A_Z^(-1)`` of a tangent matrix by the quotients, exactly.

    Args:
        case: a balanced point; its roots are the N-th roots p.
        T: shape (n, m).
        diagonal: the inverse multiplier where p = q, for mutants; ``1/(N p^(N-1))`` otherwise.
    """
    made, N = case.made, len(case.layers)
    n, m = case.shape
    p = [F(x) for x in made.roots]
    one = [1] * len(p)
    P, Q = spectral(made.left, one), spectral(made.right, one)
    outer = [1 / x ** (N - 1) for x in p]
    total = spectral(made.left, outer) * T * (identity_matrix(m) - Q)
    total += (identity_matrix(n) - P) * T * spectral(made.right, outer)
    for x, left in zip(p, made.left, strict=True):
        for y, right in zip(p, made.right, strict=True):
            a, b = matrix(left, 1, n), matrix(right, 1, m)
            limit = diagonal(x, N) if diagonal else 1 / (N * x ** (N - 1))
            factor = limit if x == y else (x - y) / (x**N - y**N)
            entry = (a * T * b.transpose())[0, 0] * matrix([factor], 1, 1)[0, 0]
            total += entry * (a.transpose() * b)
    return total


def tangent(case: FlowCase, G: fmpq_mat) -> fmpq_mat:
    """G without its part outside of both images."""
    made = case.made
    n, m = case.shape
    one = [1] * len(made.roots)
    out_left = identity_matrix(n) - spectral(made.left, one)
    out_right = identity_matrix(m) - spectral(made.right, one)
    return G - out_left * G * out_right


def length_check(case: FlowCase) -> Residual:
    """The metric is what moving the layers costs, exactly.

    The gradients of the layers for ``A_Z^(-1) T`` move Z by T, and the sum of their squares is ``<A_Z^(-1) T, T>``. No
    other motion of the layers that moves Z by T is shorter, since these are orthogonal to the kernel of dphi.
    """
    T = tangent(case, case.slope)
    Y = inverse(case, T)
    moves: list[fmpq_mat] = []
    for k in range(len(case.layers)):
        part = Y
        for layer in case.layers[:k]:
            part = layer.transpose() * part
        for layer in reversed(case.layers[k + 1 :]):
            part = part * layer.transpose()
        moves.append(part)
    moved = 0 * T
    for k, step in enumerate(moves):
        term = step
        for layer in reversed(case.layers[:k]):
            term = layer * term
        for layer in case.layers[k + 1 :]:
            term = term * layer
        moved += term
    cost = sum((_inner(step, step) for step in moves), F(0))
    return Residual(apart(moved, T) + abs(cost - _inner(Y, T)), nontrivial=cost > 0)


def _inner(a: fmpq_mat, b: fmpq_mat) -> Fraction:
    from ..oracles.intrinsic.linear.chains import fraction

    return sum((F(fraction(x)) * F(fraction(y)) for x, y in zip(a.entries(), b.entries(), strict=True)), F(0))


@dataclass(frozen=True, slots=True)
class MetricFlow:
    """``-Z'`` as the gradient of f in the metric: the entries of G over the inverse multipliers, rank k kept."""

    form: ClosedForm
    shape: tuple[int, int]
    rank: int
    N: int
    dimension: int = field(init=False, default=0)

    def apply(self, z: Any, covector: Any, /) -> Any:
        """``K(z) covector``."""
        import numpy as np

        A, s, B = np.linalg.svd(z.reshape(self.shape))
        (n, m), k = self.shape, self.rank
        a, b = (np.concatenate([s[:k] ** 2, np.zeros(size - k)]) for size in (n, m))
        p, q = a ** (1 / self.N), b ** (1 / self.N)
        gaps = p[:, None] - q[None, :]
        same = np.abs(gaps) <= 1e-5 * np.maximum(p[:, None], q[None, :])
        # near p = q the value of the limit at the mean, whose error is of second order in the gap
        middle = self.N * ((p[:, None] + q[None, :]) / 2) ** (self.N - 1)
        inverse = np.where(same, 1.0, gaps) / np.where(same, 1.0, a[:, None] - b[None, :])
        flat = np.where(same, middle, 1 / inverse)
        return (A @ (flat * (A.T @ covector.reshape(self.shape) @ B.T)) @ B).ravel()
