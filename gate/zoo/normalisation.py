"""Normalisations whose statistics are not differentiated, or not those of the batch. All of them have epsilon 0."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..adapters.torch import torch_or_error
from ..target import Array, Target
from . import _in_torch
from ._by_hand import kernel, network
from ._charges import entries, neurons, rows, scales, sums
from ._mutant import Framework, Mutant

CAUGHT = ("gradient", "orthogonality")


def layer_norm(z: Array, *, mean: bool = True, size: bool = True) -> tuple[Array, Callable[[Array], Array]]:
    """Layer norm and ReLU; the backward pass has a term for the mean and one for the standard deviation."""
    deviation = z.std(1, keepdims=True)
    unit = (z - z.mean(1, keepdims=True)) / deviation

    def back(g: Array) -> Array:
        g = g * (unit > 0)
        centre = g.mean(1, keepdims=True) if mean else 0.0
        along = unit * (g * unit).mean(1, keepdims=True) if size else 0.0
        return np.asarray((g - centre - along) / deviation)

    return np.maximum(unit, 0), back


def by_hand(name: str, **terms: Any) -> Target:
    """A network with layer norm; its charges are the size of the first layer, and shifts of all its units."""
    charges = (scales(0, 1), sums(1), sums(0, 1, 4), sums(3))
    return kernel(name, network(activation=partial(layer_norm, **terms)), families=charges)


def batch_norm(name: str, *, detached: bool = False, running: bool = False) -> Target:
    """A network with batch norm; its charges are the sizes and the biases of the units of the first layer."""

    def loss(p: Any, data: Any) -> Any:
        torch = torch_or_error()
        z = data[0] @ p["w1"].T + p["b1"]
        mean, variance = z.mean(0), z.var(0, unbiased=False)
        if detached:
            mean, variance = mean.detach(), variance.detach()
        if running:
            mean, variance = 0.1 * torch.ones_like(mean), 1.3 * torch.ones_like(variance)
        hidden = torch.relu((z - mean) / variance.sqrt() + p["offset"])
        return torch.nn.functional.cross_entropy(hidden @ p["w2"].T + p["b2"], data[1])

    shapes = {"w1": (5, 4), "b1": (5,), "offset": (5,), "w2": (3, 5), "b2": (3,)}
    charges = (rows((0, 1), 5), entries(1, 5), sums(4))
    return _in_torch.functional(name, shapes, loss, _in_torch.batch, charges)


def weight_norm(name: str, *, detached: bool = False) -> Target:
    """Directions and lengths of the rows of a weight; its charges are the sizes of the directions."""

    def loss(p: Any, data: Any) -> Any:
        torch = torch_or_error()
        norm = p["v"].norm(dim=1, keepdim=True)
        w = p["length"][:, None] * p["v"] / (norm.detach() if detached else norm)
        hidden = torch.relu(data[0] @ w.T)
        return torch.nn.functional.cross_entropy(hidden @ p["w2"].T + p["b2"], data[1])

    shapes = {"v": (5, 4), "length": (5,), "w2": (3, 5), "b2": (3,)}
    charges = (rows((0,), 5), neurons((1,), 2, 5), sums(3))
    return _in_torch.functional(name, shapes, loss, _in_torch.batch, charges)


HEALTHY = partial(by_hand, "layer-norm")
HEALTHY_BATCH = partial(batch_norm, "torch-batch-norm")
HEALTHY_WEIGHT = partial(weight_norm, "torch-weight-norm")


def _one(
    name: str,
    says: str,
    healthy: Callable[[], Target],
    broken: Callable[[], Target],
    framework: Framework,
    caught: tuple[str, ...] = CAUGHT,
) -> Mutant:
    return Mutant(name=name, says=says, framework=framework, healthy=healthy, broken=broken, caught_by=caught)


MUTANTS = (
    _one(
        "layer-norm-without-mean",
        "The backward pass of layer norm lacks the term of the mean.",
        HEALTHY,
        partial(by_hand, "layer-norm-without-mean", mean=False),
        "numpy",
    ),
    _one(
        "layer-norm-without-size",
        "The backward pass of layer norm lacks the term of the standard deviation.",
        HEALTHY,
        partial(by_hand, "layer-norm-without-size", size=False),
        "numpy",
    ),
    _one(
        "batch-statistics-detached",
        "Mean and variance of the batch are taken for constants.",
        HEALTHY_BATCH,
        partial(batch_norm, "batch-statistics-detached", detached=True),
        "torch",
    ),
    _one(
        "batch-norm-in-evaluation",
        "Batch norm uses running statistics in training.",
        HEALTHY_BATCH,
        partial(batch_norm, "batch-norm-in-evaluation", running=True),
        "torch",
        ("orthogonality",),  # loss and gradient agree
    ),
    _one(
        "weight-norm-detached",
        "The norm of a weight is taken for a constant.",
        HEALTHY_WEIGHT,
        partial(weight_norm, "weight-norm-detached", detached=True),
        "torch",
    ),
)
