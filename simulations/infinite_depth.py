"""Infinitely deep linear networks: ``X' = A(s) X`` on [0, 1] with X(0) = I, and Z = X(1) (A3.linear-neural-ode).

The parameters are the function A, kept by its values at the N Gauss-Legendre nodes ``s_i`` with weights ``w_i``; a node
is a layer. X is the collocation solution ``X_i = I + sum_j b_ij A_j X_j``, where ``b_ij`` integrates the j-th Lagrange
polynomial from 0 to ``s_i``: the Gauss method with N stages and one step of length 1, whose X(1) has order 2N. For a
smooth A the error falls faster than any power of N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.polynomial.legendre import leggauss, legvander

from ..oracles.errors import BadInput
from ..oracles.intrinsic import ClosedForm
from ..oracles.intrinsic.forms.deep import INFINITE_DEPTH
from ._trajectory import Floats
from .fields import FloatArray
from .reduced.deep import squared_factors

NODES = 128
"""The largest number of nodes."""


@dataclass(frozen=True)
class Grid:
    """Gauss-Legendre nodes on [0, 1].

    Raises:
        BadInput: fewer than one or more than ``NODES`` nodes.
    """

    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= NODES:
            raise BadInput(f"{self.count} nodes in the depth; there can be 1 to {NODES}.")

    @cached_property
    def _rule(self) -> tuple[FloatArray, FloatArray]:
        x, w = leggauss(self.count)
        return (np.asarray(x) + 1) / 2, np.asarray(w) / 2

    @property
    def nodes(self) -> FloatArray:
        """Shape (N,), increasing."""
        return self._rule[0]

    @property
    def weights(self) -> FloatArray:
        """Shape (N,), with sum 1."""
        return self._rule[1]

    @cached_property
    def integration(self) -> FloatArray:
        """``b_ij``: the integral from 0 to s_i of the polynomial that is 1 at s_j and 0 at the other nodes.

        A polynomial is ``sum_k c_k P_k(2 s - 1)`` with ``c_k = (2 k + 1) sum_j w_j P_k(2 s_j - 1) f(s_j)``, and the
        integral of ``P_k`` is ``(P_(k+1) - P_(k-1))/(2 (2 k + 1))``; for k = 0 it is s.
        """
        values = legvander(2 * self.nodes - 1, self.count)
        integrals = np.empty((self.count, self.count))
        integrals[:, 0] = self.nodes
        for k in range(1, self.count):
            integrals[:, k] = (values[:, k + 1] - values[:, k - 1]) / 2
        return np.asarray(integrals @ (values[:, :-1] * self.weights[:, None]).T)

    @cached_property
    def differentiation(self) -> FloatArray:
        """The derivative at s_i of the polynomial that is 1 at s_j: ``(p_i/p_j)/(s_i - s_j)``, rows summing to 0.

        ``1/p_j = prod_(k != j) (s_j - s_k)``, which is ``(-1)^j sqrt((1 - x_j^2) w_j)`` up to a common factor.
        """
        x = 2 * self.nodes - 1
        signs = (-1.0) ** np.arange(self.count)
        barycentric = signs * np.sqrt((1 - x * x) * self.weights)
        gaps = self.nodes[:, None] - self.nodes[None, :]
        np.fill_diagonal(gaps, 1.0)
        D = barycentric[None, :] / barycentric[:, None] / gaps
        np.fill_diagonal(D, 0.0)
        np.fill_diagonal(D, -D.sum(axis=1))
        return np.asarray(D)


@dataclass(frozen=True)
class Profile:
    """The parameters: ``values[i] = A(s_i)``, shape (N, n, n)."""

    grid: Grid
    values: FloatArray

    def __post_init__(self) -> None:
        shape = self.values.shape
        if len(shape) != 3 or shape[0] != self.grid.count or shape[1] != shape[2]:
            raise BadInput(f"A profile on {self.grid.count} nodes has values of shape {shape}, not (N, n, n).")

    @property
    def width(self) -> int:
        return int(self.values.shape[1])

    @cached_property
    def states(self) -> FloatArray:
        """``X(s_i)``, shape (N, n, n)."""
        count, n = self.grid.count, self.width
        # unknowns are ordered by node, then by row of X; its columns are the right-hand sides
        system = np.eye(count * n).reshape(count, n, count, n)
        system = system - self.grid.integration[:, None, :, None] * self.values.transpose(1, 0, 2)[None, :, :, :]
        # entry [i, a, j, c] holds b_ij A_j[a, c]
        right = np.tile(np.eye(n), (count, 1))
        return np.asarray(np.linalg.solve(system.reshape(count * n, count * n), right), dtype=np.float64).reshape(
            count, n, n
        )

    @cached_property
    def end(self) -> FloatArray:
        """``Z = X(1)``."""
        return np.asarray(np.eye(self.width) + np.einsum("i,iab,ibc->ac", self.grid.weights, self.values, self.states))

    @cached_property
    def rest(self) -> FloatArray:
        """``X(1) X(s_i)^(-1)``: what the later layers do, shape (N, n, n)."""
        inverse = np.linalg.inv(self.states)
        return np.asarray(self.end @ inverse)

    def gradient(self, G: FloatArray) -> FloatArray:
        """``Gamma(s_i) = (X(1) X(s_i)^-1)^T G X(s_i)^T``, so that ``dA(s)/dt = -Gamma(s)`` is gradient flow."""
        return np.asarray(self.rest.swapaxes(1, 2) @ G @ self.states.swapaxes(1, 2))

    def lifted(self, G: FloatArray) -> FloatArray:
        """``-Z'`` when A follows the gradient: ``int R R^T G X^T X ds``, R the later and X the earlier layers."""
        parts = self.rest @ self.gradient(G) @ self.states
        return np.asarray(np.einsum("i,iab->ab", self.grid.weights, parts))

    def conserved(self) -> FloatArray:
        """``c(s_i) = d/ds (A + A^T) + A^T A - A A^T``, shape (N, n, n); a polynomial stands for A + A^T."""
        A = self.values
        At = A.swapaxes(1, 2)
        return np.asarray(np.einsum("ij,jab->iab", self.grid.differentiation, A + At) + At @ A - A @ At)

    @property
    def relaxation(self) -> float:
        """How far c(s) is from multiples of the identity, over all nodes: the largest Frobenius norm."""
        c = self.conserved()
        mean = np.trace(c, axis1=1, axis2=2) / self.width
        return float(np.linalg.norm(c - mean[:, None, None] * np.eye(self.width), axis=(1, 2)).max())


def relaxed_values(
    s: FloatArray,
    start: FloatArray,
    angles: Sequence[tuple[float, float]],
    lift: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    """``A(s)`` with ``c(s) = lambda(s) I``, in closed form: shape (N, n, n).

    With a rotation Q(s), Q(0) = I, put ``K = 2 Q' Q^T`` (skew) and ``S = Q (S_0 + Lambda(s)) Q^T``, Lambda the integral
    of lambda; then ``S' = [K, S]/2 + lambda I``, which is the condition on ``A = (S + K)/2``. Q is the product of one
    rotation in each plane of two neighbouring axes, by the angle ``a s + b s^2``.

    Args:
        s: shape (N,).
        start: ``S_0 = A(0) + A(0)^T``, symmetric, shape (n, n).
        angles: (a, b) for each of the n - 1 planes.
        lift: Lambda, with Lambda(0) = 0.

    Raises:
        BadInput: another number of angles, or a start that is not symmetric.
    """
    n = len(start)
    if start.shape != (n, n) or not np.array_equal(start, start.T) or len(angles) != n - 1:
        raise BadInput(
            f"A relaxed profile of width {n} starts from a symmetric matrix of that side and has {n - 1} pairs of "
            f"angles; given were a matrix of shape {start.shape} and {len(angles)} pairs."
        )
    turned: FloatArray = np.tile(np.eye(n), (len(s), 1, 1))
    K = np.zeros_like(turned)
    for plane, (a, b) in enumerate(angles):
        angle = a * s + b * s * s
        generator = np.zeros((n, n))
        generator[plane + 1, plane], generator[plane, plane + 1] = 1.0, -1.0
        turn = np.tile(np.eye(n), (len(s), 1, 1))
        turn[:, plane, plane] = turn[:, plane + 1, plane + 1] = np.cos(angle)
        turn += np.sin(angle)[:, None, None] * generator
        # Q is the product of the turns T: (Q T)' (Q T)^T = Q' Q^T + Q T' T^T Q^T
        speed = 2 * (a + 2 * b * s)[:, None, None]
        np.add(K, speed * (turned @ generator @ turned.swapaxes(1, 2)), out=K)
        turned = turned @ turn
    S = turned @ (start + lift(s)[:, None, None] * np.eye(n)) @ turned.swapaxes(1, 2)
    return np.asarray((S + K) / 2)


def finite_factors(values: FloatArray) -> FloatArray:
    """The layers ``W_k = I + A(s_k)/L`` of a net of depth L, from the input on: shape (L, n, n)."""
    return np.asarray(np.eye(values.shape[1]) + values / len(values))


def finite_lifted(factors: FloatArray, G: FloatArray) -> FloatArray:
    """``-Z'/L`` of the net ``Z = W_L ... W_1`` under gradient flow: time runs L times as fast as in infinite depth."""
    depth, n = len(factors), factors.shape[1]
    before = [np.eye(n)]
    for layer in factors[:-1]:
        before.append(layer @ before[-1])
    after, total = np.eye(n), np.zeros((n, n))
    for layer, X in zip(factors[::-1], before[::-1], strict=True):
        total += after @ after.T @ G @ X.T @ X
        after = after @ layer
    return np.asarray(total / depth)


def logarithmic_mean(p: FloatArray, q: FloatArray) -> FloatArray:
    """``(p^2 - q^2)/(ln p^2 - ln q^2)`` for positive p and q: ``p q sinh(d)/d``, d = ln(p/q)."""
    d = np.log(p / q)
    small = np.abs(d) < 1e-4
    # the next term of sinh(d)/d - 1 - d^2/6 is d^4/120 < 10^-18
    quotient = np.where(small, 1 + d * d / 6, np.sinh(d) / np.where(small, 1.0, d))
    return np.asarray(p * q * quotient)


@dataclass(frozen=True, slots=True)
class LogarithmicMeanFlow:
    """The reduced flow of infinite depth, a ``ReducedFlow`` of ``width * width`` coordinates, row-major.

    Raises:
        BadInput: from ``apply``, if Z is singular: no profile leads to such a Z.
    """

    width: int
    form: ClosedForm = field(default=INFINITE_DEPTH)

    @property
    def dimension(self) -> int:
        return self.width * self.width

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``, both of shape (d,)."""
        n = self.width
        A, s, B = np.linalg.svd(np.asarray(z, dtype=np.float64).reshape(n, n))
        if not s[-1] > 0:
            raise BadInput("Z is singular, and a network of infinite depth cannot have such a Z. Start from another.")
        g = A.T @ np.asarray(covector, dtype=np.float64).reshape(n, n) @ B.T
        return np.asarray((A @ (g * logarithmic_mean(s[:, None], s[None, :])) @ B).ravel())


def multiplier(p: float, q: float, shifts: Sequence[float]) -> float:
    """``K_ij`` of a net of finite depth with relaxed balance at the singular values p and q (A3.deep.relaxed-balanced).

    Args:
        p: of the left singular vector.
        q: of the right one.
        shifts: ``tau_l``, one for each layer, from the output on.
    """
    taus = np.array(shifts, dtype=np.float64)
    left, right = squared_factors(np.array([p, q]), taus)
    ones = np.ones(1)
    before = np.cumprod(np.concatenate([ones, left[:-1]]))
    after = np.cumprod(np.concatenate([ones, right[:0:-1]]))[::-1]
    return float(before @ after)
