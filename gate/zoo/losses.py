"""Losses whose gradient is that of something else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..target import Array
from ._by_hand import Head, cross_entropy, kernel, linear, network
from ._charges import neurons
from ._mutant import Mutant
from .kernels import ALONE, CAUGHT, HEALTHY


def without_target(z: Array, labels: Array) -> tuple[float, Array]:
    """The probabilities alone, as if they were the gradient."""
    loss, g = cross_entropy(z, labels)
    g[np.arange(len(z)), labels] += 1 / len(z)
    return loss, g


def without_softmax(z: Array, labels: Array) -> tuple[float, Array]:
    """Logits minus targets, the gradient of another loss."""
    g = np.array(z)
    g[np.arange(len(z)), labels] -= 1
    return cross_entropy(z, labels)[0], g / len(z)


def smoothed(z: Array, labels: Array) -> tuple[float, Array]:
    """The loss smooths its labels, the gradient does not."""
    loss, g = cross_entropy(z, labels)
    logs = z - z.max(1, keepdims=True)
    logs = logs - np.log(np.exp(logs).sum(1, keepdims=True))
    return 0.9 * loss - 0.1 * float(logs.mean()), g


def smoothed_throughout(z: Array, labels: Array) -> tuple[float, Array]:
    """The same, with its gradient."""
    loss, g = smoothed(z, labels)
    onehot = np.eye(3)[labels]
    return loss, g + 0.1 * (onehot - 1 / 3) / len(z)


def summing(z: Array, labels: Array) -> tuple[float, Array]:
    """The loss is a mean over the batch, and its gradient that of the sum."""
    loss, g = cross_entropy(z, labels)
    return loss, len(z) * g


def squares(z: Array, labels: Array) -> tuple[float, Array]:
    """A squared error, which knows no shift of the logits."""
    error = z - np.eye(3)[labels]
    return float((error**2).sum() / 2 / len(z)), error / len(z)


def offset_forgotten(x: Array, w: Array, b: Array) -> tuple[Array, Callable[[Array], Any]]:
    """The last layer has no gradient for its bias."""
    out, back = linear(x, w, b)
    return out, lambda g: (*back(g)[:2], g.sum(0) if len(b) == 5 else 0 * b)


def _one(name: str, says: str, head: Head) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=HEALTHY,
        broken=partial(kernel, name, network(head=head)),
        caught_by=CAUGHT,
    )


UNITS = (neurons((0, 1), 2, 5),)
SMOOTHED = partial(kernel, "smoothed", network(head=smoothed_throughout))
SQUARES = partial(kernel, "squared-error", network(head=squares), families=UNITS)

MUTANTS = (
    _one("softmax-target-missing", "The gradient of the cross-entropy lacks the target.", without_target),
    _one("softmax-missing", "The gradient of the cross-entropy has logits for probabilities.", without_softmax),
    Mutant(
        name="smoothing-not-differentiated",
        says="The loss smooths its labels, and its gradient does not; both have the same symmetries.",
        framework="numpy",
        healthy=SMOOTHED,
        broken=partial(kernel, "smoothing-not-differentiated", network(head=smoothed)),
        caught_by=ALONE,
    ),
    Mutant(
        name="mean-differentiated-as-sum",
        says="The loss is a mean over the batch, its gradient is that of the sum.",
        framework="numpy",
        healthy=HEALTHY,
        broken=partial(kernel, "mean-differentiated-as-sum", network(head=summing)),
        caught_by=ALONE,
        explanation="The gradient of b1 is 8 times",
    ),
    Mutant(
        name="last-bias-without-gradient",
        says="With a squared error, the bias of the last layer has no gradient; no symmetry moves it.",
        framework="numpy",
        healthy=SQUARES,
        broken=partial(
            kernel, "last-bias-without-gradient", network(layer=offset_forgotten, head=squares), families=UNITS
        ),
        caught_by=ALONE,
        explanation="The gradient of b2 is 0.",
    ),
)
