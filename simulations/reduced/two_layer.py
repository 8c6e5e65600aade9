"""The reduced flow of two-layer linear networks in float64.

``K(Z) G = S_11 G + G S_22`` by one singular value decomposition of Z, an n x m matrix, whatever the hidden width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...oracles.intrinsic import ClosedForm, closed_form
from ...oracles.intrinsic.forms.two_layer import Branch, is_two_layer, solve
from ...oracles.intrinsic.linear.two_layer import spectrum, split
from ...oracles.models import DeepLinear, Model
from ...oracles.polynomials import Rational
from .._trajectory import Floats
from ..fields import FloatArray


@dataclass(frozen=True, slots=True)
class TwoLayerFlow:
    """``Z' = -(S_11 G + G S_22)`` with both matrices functions of Z (``oracles.intrinsic.forms.two_layer``).

    Attributes:
        form: what it rests on.
        shape: (n, m), of Z.
        shift: s.
        square: q.
        left: how many singular directions S_11 lives on; those of a balanced start are as many as the rank of Z.
        right: the same for S_22.
    """

    form: ClosedForm
    shape: tuple[int, int]
    shift: float
    square: float
    left: int
    right: int

    @property
    def dimension(self) -> int:
        return self.shape[0] * self.shape[1]

    def metric(self, Z: Floats) -> tuple[FloatArray, FloatArray]:
        """``(S_11, S_22)`` at Z of shape (n, m)."""
        n, m = self.shape
        A, sizes, Bt = np.linalg.svd(np.asarray(Z, dtype=np.float64))
        return (
            self._part(A, sizes, n, self.left, self.shift),
            self._part(Bt.T, sizes, m, self.right, -self.shift),
        )

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``; both row-major."""
        Z, G = (np.asarray(x, dtype=np.float64).reshape(self.shape) for x in (z, covector))
        left, right = self.metric(Z)
        return (left @ G + G @ right).ravel()

    def _part(self, basis: FloatArray, sizes: FloatArray, side: int, kept: int, shift: float) -> FloatArray:
        padded = np.zeros(side)
        padded[: len(sizes)] = sizes
        values = (shift + np.sqrt(self.square + 4 * padded**2)) / 2
        values[kept:] = 0.0
        return np.asarray((basis * values) @ basis.T)


def reduced_flow(model: Model, point: Sequence[Rational]) -> TwoLayerFlow | None:
    """The reduced flow from a point of ``linear:n-r-m``; None for other models.

    Raises:
        NotClaimed: the theory has no closed form at this point.
    """
    if not is_two_layer(model):
        return None
    assert isinstance(model, DeepLinear)
    branch: Branch = solve(model, point)
    n, r, m = model.widths
    form = closed_form(model, point)
    left, right = branch.left, branch.right
    if not branch.square:
        # A balanced flow keeps the rank of Z; off the matrices of that rank |s| has kinks, which integration meets.
        left = right = spectrum(n, m, r, *split(model, point)).rank_z
    return TwoLayerFlow(form, (n, m), float(branch.shift), float(branch.square), left, right)
