"""Engines for deep linear networks through data: the gradient written out, in two layouts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..oracles.errors import BadInput
from ..oracles.models import DeepLinear
from ._trajectory import Floats
from .batched import Engine, Tensor
from .fields import FloatArray

NARROW = 10
"""Up to this width the layout with the cases in the last axis is the faster one on a CPU."""


@dataclass(frozen=True, slots=True)
class LinearBatch:
    """Deep linear networks ``g = U1 ... UL x`` with the losses ``(1/2) sum_s |g(x_s) - y_s|^2``, one for each case.

    Attributes:
        model: the network; ``logits`` is not supported.
        inputs: shape (cases, d_L, samples).
        targets: shape (cases, d_0, samples).
    """

    model: DeepLinear
    inputs: Floats
    targets: Floats

    def __post_init__(self) -> None:
        widths = self.model.widths
        cases, samples = len(self.inputs), self.inputs.shape[-1]
        if self.inputs.shape != (cases, widths[-1], samples) or self.targets.shape != (cases, widths[0], samples):
            raise BadInput(
                f"{self.model.spec} needs inputs of shape (cases, {widths[-1]}, samples) and targets of shape (cases, "
                f"{widths[0]}, samples); given were {self.inputs.shape} and {self.targets.shape}."
            )
        if self.model.logits:
            raise BadInput(
                f"{self.model.spec}: a squared loss does not have the symmetry of logits. Leave out +logits."
            )

    @property
    def samples(self) -> int:
        return int(self.inputs.shape[-1])

    @property
    def roundings(self) -> int:
        """Roundings from the data to an entry of the gradient, along any path: a product over width w costs w."""
        return 2 * sum(self.model.widths) + self.samples + 1

    def absolute(self, points: Floats) -> FloatArray:
        """The sums of the absolute values of all terms of the gradient, shape (cases, D), in float64."""
        sizes = np.abs(points).astype(np.float64)
        weights = list[FloatArray]()
        start = 0
        for a, b in pairwise(self.model.widths):
            weights.append(sizes[:, start : start + a * b].reshape(-1, a, b))
            start += a * b
        values: list[FloatArray] = [np.abs(self.inputs).astype(np.float64)]
        for weight in reversed(weights):
            values.append(weight @ values[-1])
        slope: FloatArray = values.pop() + np.abs(self.targets)
        parts = list[FloatArray]()
        for weight, value in zip(weights, reversed(values), strict=True):
            parts.append((slope @ value.transpose(0, 2, 1)).reshape(len(points), -1))
            slope = weight.transpose(0, 2, 1) @ slope
        return np.concatenate(parts, axis=1)

    def engine(self) -> Engine:
        """The engine that suits the widths."""
        return LaneEngine(self) if max(self.model.widths) <= NARROW else ProductEngine(self)


@dataclass(frozen=True, slots=True)
class ProductEngine:
    """Batched matrix products, for wide layers: the state has the shape (cases, D)."""

    batch: LinearBatch

    @property
    def parameters(self) -> int:
        return self.batch.model.parameters

    @property
    def cases(self) -> int:
        return len(self.batch.inputs)

    def floats_per_case(self) -> int:
        return 4 * self.parameters + 6 * sum(self.batch.model.widths) * self.batch.samples

    def load(self, torch: Any, first: int, last: int, options: dict[str, Any]) -> Any:
        arrays = self.batch.inputs, self.batch.targets
        return tuple(torch.as_tensor(a[first:last]).to(**options).contiguous() for a in arrays)

    def enter(self, points: Tensor) -> Tensor:
        return points

    def leave(self, state: Tensor) -> Tensor:
        return state

    def step(self, torch: Any, state: Tensor, data: Any, eta: float) -> Tensor:
        inputs, targets = data
        weights = list[Tensor]()
        start = 0
        for a, b in pairwise(self.batch.model.widths):
            weights.append(state[:, start : start + a * b].view(-1, a, b))
            start += a * b
        values = [inputs]
        for weight in reversed(weights[1:]):
            values.append(torch.bmm(weight, values[-1]))
        slope = torch.baddbmm(targets, weights[0], values[-1], beta=-1)
        for weight, value in zip(weights, reversed(values), strict=True):
            before = torch.bmm(weight.mT, slope) if value is not inputs else slope
            weight.baddbmm_(slope, value.mT, alpha=-eta)
            slope = before
        return state


@dataclass(frozen=True, slots=True)
class LaneEngine:
    """The cases in the last axis, for narrow layers: every multiplication is one long vector operation.

    The state has the shape (D, cases). Sums run over widths and samples in Python, so wide layers belong to
    ``ProductEngine``.
    """

    batch: LinearBatch

    @property
    def parameters(self) -> int:
        return self.batch.model.parameters

    @property
    def cases(self) -> int:
        return len(self.batch.inputs)

    def floats_per_case(self) -> int:
        return self.parameters + sum(self.batch.model.widths) * self.batch.samples

    def load(self, torch: Any, first: int, last: int, options: dict[str, Any]) -> Any:
        arrays = self.batch.inputs, self.batch.targets
        return tuple(torch.as_tensor(a[first:last]).to(**options).permute(1, 2, 0).contiguous() for a in arrays)

    def enter(self, points: Tensor) -> Tensor:
        return points.t().contiguous()

    def leave(self, state: Tensor) -> Tensor:
        return state.t()

    def step(self, torch: Any, state: Tensor, data: Any, eta: float) -> Tensor:
        inputs, targets = data
        weights = list[Tensor]()
        start = 0
        for a, b in pairwise(self.batch.model.widths):
            weights.append(state[start : start + a * b].view(a, b, -1))
            start += a * b
        values = [inputs]
        for weight in reversed(weights):
            values.append(_contract(weight.transpose(0, 1), values[-1]))
        slope = values.pop().sub_(targets)
        for weight, value in zip(weights, reversed(values), strict=True):
            before = _contract(weight, slope) if value is not inputs else slope
            for sample in range(value.shape[1]):
                weight.addcmul_(slope[:, None, sample], value[None, :, sample], value=-eta)
            slope = before
        return state


def _contract(left: Tensor, right: Tensor) -> Tensor:
    """``sum_k left[k, i] right[k, s]`` for each case, shape (i, s, cases)."""
    total = left[0, :, None] * right[0]
    for k in range(1, len(left)):
        total.addcmul_(left[k, :, None], right[k])
    return total
