"""Reduced flows of linear networks: relaxed balance at any depth but 2, and balanced ones of any widths.

Formulas: ``flowlaw.oracles.intrinsic.forms.deep``. Layers are counted from the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...oracles.errors import BadInput
from ...oracles.intrinsic import Chain, ClosedForm, chain_at
from ...oracles.intrinsic.forms.deep import chain_form
from ...oracles.models import DeepLinear, Model
from ...oracles.polynomials import Rational
from .._trajectory import Floats
from ..fields import FloatArray, unit_roundoff

_ITERATIONS = 60
"""Newton steps for a root; in practice fewer than ten."""


def squared_factors(singular: FloatArray, shifts: FloatArray) -> FloatArray:
    """``x - tau_l`` for the largest root x of ``prod_l (x - tau_l) = s^2``: all squared singular values of the layers.

    Solved for ``t = x - max tau >= 0``, so that nothing cancels: all ``t + gap`` are sums of numbers that are not
    negative. ``F(u) = sum_l log(exp(u) + gap_l)`` is increasing and convex in ``u = log t`` with slopes between 1 and
    L, and at ``t = s^(2/L)`` it is at least ``2 log s``: Newton descends to the root and cannot pass it.

    Args:
        singular: s, not negative, any shape.
        shifts: tau, shape (L,).

    Returns:
        Shape ``(*singular.shape, L)``; t itself stands where tau is largest.
    """
    depth = len(shifts)
    gaps = shifts.max() - shifts
    size = np.where(singular > 0, singular, 1.0)
    mean = size ** (2.0 / depth)
    if not gaps.any():
        return np.asarray(np.where(singular > 0, mean, 0.0)[..., None] + gaps)
    # the logarithms below are of numbers near 1: each is relative to the geometric mean s^(2/L)
    t = mean.copy()
    unit = unit_roundoff()
    for _ in range(_ITERATIONS):
        factors = t[..., None] + gaps
        excess = np.log(factors / mean[..., None]).sum(axis=-1)
        step = excess / (t[..., None] / factors).sum(axis=-1)
        t = t * np.exp(-step)
        if np.all(np.abs(step) <= 4 * depth * unit):
            break
    # logarithms far from 0 have lost digits; the product itself has not, unless it overflows
    factors = t[..., None] + gaps
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = factors[..., 0] / size * (factors[..., 1] / size) * factors[..., 2:].prod(axis=-1)
    usable = (ratio > 0.5) & (ratio < 2)
    t = t * np.exp(-np.log(np.where(usable, ratio, 1.0)) / (t[..., None] / factors).sum(axis=-1))
    t = np.where(singular > 0, t, 0.0)
    return np.asarray(t[..., None] + gaps)


@dataclass(frozen=True, slots=True)
class DeepFlow:
    """``z' = -K(z) grad f(z)`` by the singular value decomposition of Z.

    ``apply`` also takes whole batches, of shape (..., d).

    Attributes:
        form: what the flow rests on.
        shape: of Z, outputs first.
        shifts: ``tau_1 = 0, tau_2 = mu_1, tau_3 = mu_1 + mu_2, ...``, one for each layer.
        rank: how many singular values the flow is about: for square Z and equal widths all of them, else the rank that
            Z keeps.
        gram: take singular values from ``Z Z^T`` (or ``Z^T Z``, whichever is smaller): several times faster where Z is
            far from square, but rounding errors grow with the square of ``s_1/s_r`` instead of with the number itself.
            Needs ``rank = min(shape)``.

    Raises:
        BadInput: the sizes do not fit together; from ``apply``, if Z has lost the rank and with it the closed form.
    """

    form: ClosedForm
    shape: tuple[int, int]
    shifts: tuple[float, ...]
    rank: int
    gram: bool = False
    _taus: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        least = min(self.shape)
        if not 0 <= self.rank <= least or not self.shifts or (self.gram and self.rank < least):
            raise BadInput(
                f"A reduced flow of matrices of shape {self.shape} was asked for with rank {self.rank}, "
                f"{len(self.shifts)} layers and gram={self.gram}. The rank is at most {least}, and equal to it where "
                "singular values come from the Gram matrix; there is at least one layer."
            )
        object.__setattr__(self, "_taus", np.array(self.shifts, dtype=np.float64))

    @property
    def dimension(self) -> int:
        """d, the number of entries of Z."""
        return self.shape[0] * self.shape[1]

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``, both of shape (..., d)."""
        if len(self.shifts) == 1:
            return np.array(covector, dtype=np.float64)
        Z, G = (np.asarray(x, dtype=np.float64).reshape(*x.shape[:-1], *self.shape) for x in (z, covector))
        moved = self._thin(Z, G) if self.gram else self._whole(Z, G)
        return np.asarray(moved.reshape(*covector.shape))

    def _whole(self, Z: FloatArray, G: FloatArray) -> FloatArray:
        r = self.rank
        whole = np.linalg.svd(Z, full_matrices=False)
        A, B = whole.U[..., :r], whole.Vh[..., :r, :]
        s = np.asarray(whole.S[..., :r], dtype=np.float64)
        self._check(s)
        factors = squared_factors(s, self._taus)
        left, right = _before(factors), _after(factors)
        At = _turned(A)
        AtG, GB = At @ G, G @ _turned(B)
        # terms 2 ... L - 1 have factors on both sides, term 1 none on the left, term L none on the right
        inner = (left[..., 1:-1] @ _turned(right[..., 1:-1])) * (At @ GB)
        return np.asarray((A @ inner + GB * right[..., None, :, 0]) @ B + A @ (left[..., -1:] * AtG))

    def _thin(self, Z: FloatArray, G: FloatArray) -> FloatArray:
        """The same with right singular vectors ``Z^T A/s`` left in that form: four products with long matrices."""
        # Z^T is the product of the transposed layers from the other end
        other = self.shape[0] > self.shape[1]
        if other:
            return _turned(self._short(_turned(Z), _turned(G), -1))
        return self._short(Z, G, 1)

    def _short(self, Z: FloatArray, G: FloatArray, order: int) -> FloatArray:
        """``_thin`` for at most as many rows as columns; ``order`` -1 counts the layers from the other end."""
        Zt = _turned(Z)
        squares, A = np.linalg.eigh(Z @ Zt)
        s = np.sqrt(np.maximum(np.asarray(squares, dtype=np.float64), 0.0))
        self._check(s[..., ::-1])
        factors = squared_factors(s, self._taus)[..., ::order]
        left, right = _before(factors), _after(factors)
        At, V = _turned(A), A / s[..., None, :]
        GB = (G @ Zt) @ V
        inner = (left[..., 1:-1] @ _turned(right[..., 1:-1])) * (At @ GB)
        core = (A @ inner + GB * right[..., None, :, 0]) @ _turned(V)
        moved = core @ Z
        moved += ((A * left[..., None, :, -1]) @ At) @ G
        return np.asarray(moved)

    def squares(self, z: Floats) -> FloatArray:
        """Squared singular values of the layers U_1, ..., U_L in each direction, shape (..., rank, L)."""
        Z = np.asarray(z, dtype=np.float64).reshape(*z.shape[:-1], *self.shape)
        s = np.asarray(np.linalg.svd(Z, compute_uv=False)[..., : self.rank], dtype=np.float64)
        self._check(s)
        return squared_factors(s, self._taus)

    def _check(self, s: FloatArray) -> None:
        """Refuses a Z that has lost its rank: a zero singular value shows as some units of the largest one."""
        lost = 8 * sum(self.shape) * unit_roundoff()
        if self.gram:
            lost = lost**0.5  # the Gram matrix holds squares
        if self.rank and (self.gram or not self._every_rank) and bool(np.any(s[..., -1] <= lost * s[..., 0])):
            raise BadInput(
                f"A singular value of Z reaches 0: Z has no longer the rank {self.rank}, and the {self.form.name} flow "
                f"is {'evaluated' if self._every_rank else 'known'} for that rank only. Take a shorter time"
                + (", or gram=False." if self._every_rank else ".")
            )

    @property
    def _every_rank(self) -> bool:
        return self.rank == self.shape[0] == self.shape[1] and any(self.shifts)


def _turned(M: FloatArray) -> FloatArray:
    """The transposed matrices."""
    return M.swapaxes(-1, -2)


def _before(factors: FloatArray) -> FloatArray:
    """Products of the factors of all earlier layers; 1 for the first."""
    ones = np.ones_like(factors[..., :1])
    return np.asarray(np.cumprod(np.concatenate([ones, factors[..., :-1]], axis=-1), axis=-1), dtype=np.float64)


def _after(factors: FloatArray) -> FloatArray:
    """Products of the factors of all later layers; 1 for the last."""
    return _before(factors[..., ::-1])[..., ::-1]


def deep_flow(found: Chain, *, gram: bool = False) -> DeepFlow:
    """The reduced flow of a chain that has been decided."""
    every = found.domain == "equal"
    rank = min(found.shape) if every else found.rank
    return DeepFlow(chain_form(found), found.shape, tuple(float(tau) for tau in found.shifts), rank, gram)


def reduced_flow(model: Model, point: Sequence[Rational]) -> DeepFlow | None:
    """The reduced flow of a linear network of depth other than 2 from ``point``.

    Raises:
        NotClaimed: the balance is not relaxed, or the widths are none of those that the theory covers.
    """
    if not isinstance(model, DeepLinear) or len(model.widths) == 3:
        return None
    return deep_flow(chain_at(model, point))
