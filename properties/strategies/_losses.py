"""Losses: exact quadratic ones of the coordinates of phi, and float ones of the outputs of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from ...oracles.models import Model
from ...simulations import Loss
from ._data import Targets
from ._numbers import rationals, vectors

Array = NDArray[Any]


def losses(model: Model, *, linear: bool = True) -> st.SearchStrategy[Loss]:
    """Squared losses ``(1/2) sum_i w_i (phi_i - y_i)^2`` with random targets and weights, half of them with weights 1.

    Their gradient in phi is not zero everywhere. With ``linear`` some are linear functions of phi instead.
    """
    size = len(model.coordinates())
    target = vectors(size)
    weights = st.one_of(st.none(), st.tuples(*[rationals(4, denominator=2, nonzero=True).map(abs)] * size))
    squared = st.builds(Loss.squared, target, weights)
    if not linear:
        return squared
    return st.one_of(squared, vectors(size, nonzero=True).map(Loss.linear))


@dataclass(frozen=True, slots=True)
class OutputLoss:
    """A loss ``l(z, y)`` of the outputs of a network, summed over samples; arrays are (samples, outputs).

    ``slope`` and ``slope_bound`` fit ``simulations.DataLoss``.

    Attributes:
        name: what people call it.
        targets: the kind of targets it is made for.
        value: the sum of ``l`` over all samples.
        slope: ``grad_z l``.
        slope_bound: bounds ``|grad_z l|`` by bounds of the absolute outputs and targets.
    """

    name: str
    targets: Targets
    value: Callable[[Array, Array], float]
    slope: Callable[[Array, Array], Array]
    slope_bound: Callable[[Array, Array], Array]

    def __repr__(self) -> str:
        return f"OutputLoss({self.name!r})"


def output_losses(*names: str) -> st.SearchStrategy[OutputLoss]:
    """The named losses, or all of ``OUTPUT_LOSSES``; they shrink to the squared loss."""
    return st.sampled_from([loss for loss in OUTPUT_LOSSES if not names or loss.name in names])


def _softmax(z: Array) -> Array:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _cross_entropy(z: Array, y: Array) -> float:
    top = z.max(axis=1, keepdims=True)
    logs = z - top - np.log(np.exp(z - top).sum(axis=1, keepdims=True))
    return float(-(y * logs).sum())


OUTPUT_LOSSES = (
    OutputLoss(
        "squared",
        "real",
        value=lambda z, y: float(((z - y) ** 2).sum() / 2),
        slope=lambda z, y: np.asarray(z - y),
        slope_bound=lambda z, y: np.asarray(z + y),
    ),
    OutputLoss(
        "logistic",
        "signs",
        value=lambda z, y: float(np.logaddexp(0, -y * z).sum()),
        slope=lambda z, y: np.asarray(-y * np.exp(-np.logaddexp(0, y * z))),
        slope_bound=lambda z, y: np.asarray(y + 0 * z),
    ),
    OutputLoss(
        "cross-entropy",
        "one-hot",
        value=_cross_entropy,
        slope=lambda z, y: np.asarray(_softmax(z) - y),
        slope_bound=lambda z, y: np.asarray(1 + y + 0 * z),
    ),
)
"""Squared loss; logistic loss ``log(1 + exp(-y z))`` of each output; cross-entropy on logits (A1.loss-span)."""
