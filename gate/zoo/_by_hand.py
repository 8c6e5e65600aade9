"""Networks and training loops in plain NumPy, made of pieces that mutants replace.

A layer returns its output and a function from the gradient of the output to the gradients of its inputs. A rule is an
optimizer for one tensor: ``rule(theta, g, slot, k) -> (theta, slot)``, where k counts the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from ...oracles.dynamics import SGD
from ..adapters import numpy_target
from ..adapters._common import Description
from ..symmetry import Family
from ..target import Array, Parameters, Target
from ._charges import neurons, sums

Arrays = dict[str, Array]
Data = tuple[Array, Array]
Layer = Callable[..., tuple[Array, Callable[[Array], Any]]]
Head = Callable[[Array, Array], tuple[float, Array]]
Network = Callable[[Parameters, Data], tuple[float, Arrays]]
Rule = Callable[[Array, Array, Any, int], tuple[Array, Any]]
Step = Callable[[Parameters, Any, Data], tuple[Parameters, Any]]


def linear(x: Array, w: Array, b: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """``x w^T + b``; back come the gradients of x, w and b."""
    return x @ w.T + b, lambda g: (g @ w, g.T @ x, g.sum(0))


def relu(z: Array) -> tuple[Array, Callable[[Array], Array]]:
    """The positive part."""
    return np.maximum(z, 0), lambda g: g * (z > 0)


def cross_entropy(z: Array, labels: Array) -> tuple[float, Array]:
    """The mean over the batch, and its gradient by the logits."""
    rows = np.arange(len(z))
    shifted = z - z.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    g = np.exp(logs)
    g[rows, labels] -= 1
    return float(-logs[rows, labels].mean()), g / len(z)


def network(*, layer: Layer = linear, activation: Layer = relu, head: Head = cross_entropy) -> Network:
    """Loss and gradients of a network with one hidden layer."""

    def both(p: Parameters, data: Data) -> tuple[float, Arrays]:
        x, labels = data
        z, back_first = layer(x, p["w1"], p["b1"])
        h, back_activation = activation(z)
        out, back_second = layer(h, p["w2"], p["b2"])
        loss, g = head(out, labels)
        g, w2, b2 = back_second(g)
        _, w1, b1 = back_first(back_activation(g))
        return loss, {"w1": w1, "b1": b1, "w2": w2, "b2": b2}

    return both


plain = network()
"""The healthy network: ReLU and cross-entropy."""


def draw(rng: np.random.Generator, *, inputs: int = 4) -> Arrays:
    """Parameters of 5 hidden units and 3 classes."""
    sizes = {"w1": (5, inputs), "b1": (5,), "w2": (3, 5), "b2": (3,)}
    return {name: rng.normal(size=shape) for name, shape in sizes.items()}


def batch(rng: np.random.Generator, *, inputs: int = 4) -> Data:
    """Eight inputs with their labels."""
    return rng.normal(size=(8, inputs)), rng.integers(3, size=8)


def parts(data: Data, count: int) -> list[Data]:
    """A batch in parts: those of workers, or micro-batches."""
    return list(zip(np.array_split(data[0], count), np.array_split(data[1], count), strict=True))


def charges() -> tuple[Family, ...]:
    """Hidden units, and a shift of all logits."""
    return neurons((0, 1), 2, 5), sums(3)


def combined(gradients: list[Arrays], weights: list[float]) -> Arrays:
    """A weighted sum."""
    return {name: sum(w * g[name] for w, g in zip(weights, gradients, strict=True)) for name in gradients[0]}  # type: ignore[misc]


def averaged(p: Parameters, data: Data, count: int = 4) -> Arrays:
    """The mean of the gradients of equal parts of a batch."""
    return combined([plain(p, part)[1] for part in parts(data, count)], [1 / count] * count)


def loop(rule: Rule, gradients: Callable[[Parameters, Data], Mapping[str, Array]] | None = None) -> Step:
    """A training step that gives every tensor its rule."""

    def step(p: Parameters, memory: Any, data: Data) -> tuple[Parameters, Any]:
        k, slots = memory or (0, dict.fromkeys(p))
        g = plain(p, data)[1] if gradients is None else gradients(p, data)
        after: Arrays = {}
        for name in p:
            after[name], slots[name] = rule(p[name], g[name], slots[name], k)
        return after, (k + 1, slots)

    return step


def target(
    name: str,
    step: Step,
    optimizer: Description,
    *,
    gradient: Network = plain,
    dtype: str = "float64",
    inputs: int = 4,
    transform: Any = None,
    families: tuple[Family, ...] | None = None,
) -> Target:
    """The network with a training step of its own, meant to be ``optimizer``."""
    return numpy_target(
        partial(draw, inputs=inputs),
        partial(batch, inputs=inputs),
        gradient,
        step,
        optimizer,
        name=name,
        dtype=dtype,
        transform=transform,
        families=charges() if families is None else families,
    )


def ruled(name: str, rule: Rule, optimizer: Description, **more: Any) -> Target:
    """The network trained by a rule."""
    return target(name, loop(rule), optimizer, **more)


def kernel(name: str, both: Network, **more: Any) -> Target:
    """A network whose own gradients are in question, trained by plain gradient descent."""

    def rule(theta: Array, g: Array, slot: Any, k: int) -> tuple[Array, Any]:
        return theta - 0.05 * g, slot

    return target(name, loop(rule, lambda p, data: both(p, data)[1]), SGD(lr=0.05), gradient=both, **more)
