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
    if not gaps.any():
        return np.asarray((singular ** (2.0 / depth))[..., None] + gaps)
    size = np.where(singular > 0, singular, 1.0)
    mean = size ** (2.0 / depth)
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

    ``apply`` also takes whole batches, of shape (..., d). One row or column has one singular value, its length, and
    needs no decomposition; its square must neither vanish nor overflow, so ``1e-154 < |Z| < 1e154``. ``InPlace`` is the
    same for integrators.

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
    _powers: FloatArray = field(init=False, repr=False, compare=False)
    _lost: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        least = min(self.shape)
        if not 0 <= self.rank <= least or not self.shifts or (self.gram and self.rank < least):
            raise BadInput(
                f"A reduced flow of matrices of shape {self.shape} was asked for with rank {self.rank}, "
                f"{len(self.shifts)} layers and gram={self.gram}. The rank is at most {least}, and equal to it where "
                "singular values come from the Gram matrix; there is at least one layer."
            )
        object.__setattr__(self, "_taus", np.array(self.shifts, dtype=np.float64))
        object.__setattr__(self, "_powers", 2 * np.arange(len(self.shifts)) / len(self.shifts))
        object.__setattr__(self, "_lost", 8 * sum(self.shape) * unit_roundoff())

    @property
    def dimension(self) -> int:
        """d, the number of entries of Z."""
        return self.shape[0] * self.shape[1]

    @property
    def thin(self) -> bool:
        """Whether the Gram matrix of the smaller side is taken: as asked for, or for one row or column."""
        return len(self.shifts) > 1 and (self.gram or self.rank == min(self.shape) == 1 < max(self.shape))

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``, both of shape (..., d)."""
        if len(self.shifts) == 1:
            return np.array(covector, dtype=np.float64)
        Z, G = (np.asarray(x, dtype=np.float64).reshape(*x.shape[:-1], *self.shape) for x in (z, covector))
        if not self.thin:
            moved = self._whole(Z, G)
        elif self.upright:
            moved = _turned(self.stacked(np.concatenate([_turned(Z), _turned(G)], axis=-2)))
        else:
            moved = self.stacked(np.concatenate([Z, G], axis=-2))
        return np.asarray(moved.reshape(*covector.shape))

    def _whole(self, Z: FloatArray, G: FloatArray) -> FloatArray:
        r = self.rank
        whole = np.linalg.svd(Z, full_matrices=False)
        A, B = whole.U[..., :r], whole.Vh[..., :r, :]
        s = np.asarray(whole.S[..., :r], dtype=np.float64)
        self._check(s[..., -1:], s[..., :1])
        left, right = self._products(s)
        At = _turned(A)
        AtG, GB = At @ G, G @ _turned(B)
        # terms 2 ... L - 1 have factors on both sides, term 1 none on the left, term L none on the right
        inner = (left[..., 1:-1] @ _turned(right[..., 1:-1])) * (At @ GB)
        return np.asarray((A @ inner + GB * right[..., None, :, 0]) @ B + A @ (left[..., -1:] * AtG))

    def stacked(self, both: FloatArray, out: FloatArray | None = None, times: float = 1.0) -> FloatArray:
        """``times K(Z) G`` of a thin flow from Z above G in one array; all three are transposed if Z is upright.

        One product with the array has ``Z Z^T`` and ``G Z^T``, another one the answer: right singular vectors stay in
        the form ``Z^T A/s``.
        """
        rows = both.shape[-2] // 2
        products = both @ _turned(both[..., :rows, :])
        gram, slope = products[..., :rows, :], products[..., rows:, :]
        # one row has the singular vector 1
        squares, A = np.linalg.eigh(gram) if rows > 1 else (gram[..., 0], None)
        if A is not None:
            slope = _turned(A) @ slope @ A
        self._check(squares[..., :1], squares[..., -1:])
        left, right = self._products(np.sqrt(squares))
        if self.upright:
            # Z^T is the product of the transposed layers from the other end
            left, right = right[..., ::-1], left[..., ::-1]
        # terms 1 ... L - 1 have a factor on the right, term L has none
        inner = (left[..., :-1] @ _turned(right[..., :-1])) * slope / squares[..., None, :]
        last = left[..., None, :, -1]
        if A is not None:
            inner, last = A @ inner @ _turned(A), (A * last) @ _turned(A)
        parts = np.concatenate([inner, last], axis=-1)
        parts *= times
        return np.asarray(np.matmul(parts, both, out=out))

    def _products(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Products of the squared factors of all earlier layers and of all later ones, shape (..., rank, L)."""
        if not any(self.shifts):
            powers = s[..., None] ** self._powers
            return powers, powers[..., ::-1]
        factors = squared_factors(s, self._taus)
        return _before(factors), _before(factors[..., ::-1])[..., ::-1]

    def squares(self, z: Floats) -> FloatArray:
        """Squared singular values of the layers U_1, ..., U_L in each direction, shape (..., rank, L)."""
        Z = np.asarray(z, dtype=np.float64).reshape(*z.shape[:-1], *self.shape)
        s = np.asarray(np.linalg.svd(Z, compute_uv=False)[..., : self.rank], dtype=np.float64)
        self._check(s[..., -1:], s[..., :1])
        return squared_factors(s, self._taus)

    def _check(self, least: FloatArray, largest: FloatArray) -> None:
        """Refuses a Z that has lost its rank: a zero shows as some units of the largest, squared or not."""
        if (self.thin or not self._every_rank) and bool((least <= self._lost * largest).any()):
            raise BadInput(
                f"A singular value of Z reaches 0: Z has no longer the rank {self.rank}, and the {self.form.name} flow "
                f"is {'evaluated' if self._every_rank else 'known'} for that rank only. Take a shorter time"
                + (", or gram=False." if self._every_rank else ".")
            )

    @property
    def upright(self) -> bool:
        """Whether Z has more rows than columns."""
        return self.shape[0] > self.shape[1]

    @property
    def _every_rank(self) -> bool:
        return self.rank == self.shape[0] == self.shape[1] and any(self.shifts)


class InPlace:
    """A flow from Gram matrices at one point after the other, into arrays that are allocated once.

    Write into ``point`` and ``covector``, then ask for the answer.

    Args:
        flow: one with ``gram=True``, or of one row or column; with at least two layers.

    Attributes:
        point: for Z, in its shape.
        covector: for G = ``grad f(Z)``, in the same shape.

    Raises:
        BadInput: the flow is another one; from ``apply``, if Z has lost the rank, or ``out`` has another shape.
    """

    __slots__ = ("_both", "_flow", "covector", "point")

    def __init__(self, flow: DeepFlow) -> None:
        if not flow.thin:
            raise BadInput(
                f"A flow of matrices of shape {flow.shape} by singular value decomposition, or of one layer, is not "
                "evaluated in place. Make it with gram=True and at least two layers, or call its own apply."
            )
        self._flow = flow
        rows, columns = flow.shape
        if flow.upright:
            side_by_side = np.zeros((rows, 2 * columns))
            self._both = side_by_side.T
            halves = side_by_side[:, :columns], side_by_side[:, columns:]
        else:
            self._both = np.zeros((2 * rows, columns))
            halves = self._both[:rows], self._both[rows:]
        self.point, self.covector = halves

    def apply(self, out: FloatArray, times: float = 1.0) -> None:
        """``times K(Z) G`` into ``out``, of shape (d,) or that of Z."""
        flow = self._flow
        if out.shape not in ((flow.dimension,), flow.shape):
            raise BadInput(
                f"The answer has {flow.dimension} entries, in one row or in the shape {flow.shape} of Z; out has the "
                f"shape {out.shape}."
            )
        matrix = out.reshape(flow.shape)
        flow.stacked(self._both, _turned(matrix) if flow.upright else matrix, times)


def _turned(M: FloatArray) -> FloatArray:
    """The transposed matrices."""
    return M.swapaxes(-1, -2)


def _before(factors: FloatArray) -> FloatArray:
    """Products of all earlier factors; 1 for the first."""
    products = np.ones_like(factors)
    np.cumprod(factors[..., :-1], axis=-1, out=products[..., 1:])
    return products


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
