"""Bugs that no law of this kind can see, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...oracles.dynamics import SGD
from ..adapters.torch import torch_or_error
from ..target import Array, Parameters, Target
from . import _in_torch
from ._by_hand import Data, Head, cross_entropy, kernel, loop, network, plain
from ._by_hand import target as by_hand
from ._mutant import Mutant
from .kernels import DROPPED

HEALTHY = partial(kernel, "network", plain)


def with_batches(name: str, change: Callable[[Callable[[int], Data], int], Data]) -> Target:
    """The network on other batches."""
    made = kernel(name, plain)

    def batch(seed: int) -> Data:
        return change(made.batch, seed)

    return replace(made, batch=batch)


def relabelled(draw: Callable[[int], Data], seed: int) -> Data:
    """Labels are off by one class."""
    x, labels = draw(seed)
    return x, (labels + 1) % 3


def leaked(draw: Callable[[int], Data], seed: int) -> Data:
    """Half of every batch is the test set."""
    (x, labels), (test, truth) = draw(seed), draw(0)
    return np.concatenate([x[:4], test[:4]]), np.concatenate([labels[:4], truth[:4]])


def scaled(factor: float, *, inside: bool = False) -> Head:
    """The cross-entropy times a factor, or of logits times a factor; with its gradient."""

    def head(z: Array, labels: Array) -> tuple[float, Array]:
        loss, g = cross_entropy(factor * z if inside else z, labels)
        return (loss if inside else factor * loss), factor * g

    return head


def started_large(name: str) -> Target:
    """Parameters are initialised three times too large."""
    made = kernel(name, plain)

    def draw(seed: int) -> Parameters:
        return {key: 3 * value for key, value in made.draw(seed).items()}

    return replace(made, draw=draw)


def fast(name: str) -> Target:
    """Ten times the rate, in the code and in the description."""
    rate = 0.5

    def rule(theta: Array, g: Array, slot: Any, k: int) -> tuple[Array, Any]:
        return theta - rate * g, slot

    return by_hand(name, loop(rule), SGD(lr=rate))


def without_head(name: str) -> Target:
    """The optimizer has never heard of the weight of the last layer, and the description is read off the optimizer."""

    def optimize(model: Any) -> Any:
        kept = [p for key, p in model.named_parameters() if key != "2.weight"]
        return torch_or_error().optim.SGD(kept, lr=0.05)

    return _in_torch.target(name, optimize)


def _hand(name: str, says: str, broken: Callable[[], Target], blind: str, healthy: Any = HEALTHY) -> Mutant:
    return Mutant(name=name, says=says, framework="numpy", healthy=healthy, broken=broken, blind=blind)


OF_DATA = "Every law holds for any batch; which batch it was is not a matter of symmetry."
OF_THE_LOSS = "It is another loss with the same symmetries, and its gradient and the step agree with it."

MUTANTS = (
    _hand(
        "labels-shifted", "Labels are off by one class.", partial(with_batches, "labels-shifted", relabelled), OF_DATA
    ),
    _hand(
        "other-seed",
        "The seed of the data is another one.",
        partial(with_batches, "other-seed", lambda draw, seed: draw(seed + 1)),
        OF_DATA,
    ),
    _hand(
        "never-shuffled",
        "Every step sees the same batch.",
        partial(with_batches, "never-shuffled", lambda draw, seed: draw(1)),
        OF_DATA,
    ),
    _hand(
        "test-set-leaked",
        "Half of every batch is the test set.",
        partial(with_batches, "test-set-leaked", leaked),
        OF_DATA,
    ),
    _hand(
        "loss-summed",
        "The loss is summed over the batch, in the step and wherever it is asked for.",
        partial(kernel, "loss-summed", network(head=scaled(8.0))),
        OF_THE_LOSS,
    ),
    _hand(
        "temperature-wrong",
        "Logits are multiplied by a temperature instead of divided.",
        partial(kernel, "temperature-wrong", network(head=scaled(2.0, inside=True))),
        OF_THE_LOSS,
        partial(kernel, "with-temperature", network(head=scaled(0.5, inside=True))),
    ),
    _hand(
        "dropout-forgotten",
        "Dropout is never switched on.",
        partial(kernel, "dropout-forgotten", plain),
        OF_THE_LOSS,
        DROPPED,
    ),
    _hand(
        "started-too-large",
        "Parameters are initialised three times too large.",
        partial(started_large, "started-too-large"),
        "The laws hold from any parameters on.",
    ),
    _hand(
        "rate-too-large",
        "The rate is ten times too large, in the code and in the description.",
        partial(fast, "rate-too-large"),
        "The laws are exact at every rate; the description is taken at its word.",
    ),
    Mutant(
        name="weight-unknown-to-both",
        says="The weight of the last layer is not in the optimizer, and the description is read off the optimizer.",
        framework="torch",
        healthy=partial(_in_torch.target, "torch-descent", _in_torch.descent),
        broken=partial(without_head, "weight-unknown-to-both"),
        blind="The description says that this weight is not trained, and nothing else says that it should be.",
    ),
)
