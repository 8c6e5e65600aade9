"""A network in NumPy with hand-written steps, right and wrong, and its symmetries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from flowlaw.gate import Family, Marginal, Scalings, Shifts, Target
from flowlaw.gate.adapters import numpy_target
from flowlaw.gate.target import Array
from flowlaw.oracles.dynamics import Optimizer

Arrays = dict[str, Array]
Update = Callable[[int, Arrays, Arrays, dict[str, Any]], None]
"""Of the step, the parameters, the gradients and the memory; changes parameters and memory."""
HIDDEN, CLASSES = 6, 4


def draw(rng: np.random.Generator) -> Arrays:
    return {
        "w1": rng.normal(size=(HIDDEN, 5)),
        "b1": rng.normal(size=HIDDEN),
        "w2": rng.normal(size=(CLASSES, HIDDEN)),
        "b2": rng.normal(size=CLASSES),
    }


def batch(rng: np.random.Generator) -> tuple[Array, Array]:
    return rng.normal(size=(9, 5)), rng.integers(0, CLASSES, size=9)


def loss_and_gradient(p: Mapping[str, Array], data: tuple[Array, Array]) -> tuple[float, Arrays]:
    """Cross entropy of one hidden layer of ReLU."""
    x = data[0].astype(p["w1"].dtype)
    rows = np.arange(len(x))
    before = x @ p["w1"].T + p["b1"]
    hidden = np.maximum(before, 0)
    logits = hidden @ p["w2"].T + p["b2"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    shares = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    loss = -np.log(shares[rows, data[1]]).mean()
    shares[rows, data[1]] -= 1
    out = shares / len(x)
    back = (out @ p["w2"]) * (before > 0)
    return float(loss), {"w1": back.T @ x, "b1": back.sum(0), "w2": out.T @ hidden, "b2": out.sum(0)}


def families() -> tuple[Family, ...]:
    """Neurons (M2), and what shifts of all logits move (M17)."""
    i, j = np.arange(HIDDEN), np.arange(1)
    neurons = (Marginal(0, 0, i, i, np.ones(HIDDEN)), Marginal(1, 0, i, i, np.ones(HIDDEN)))
    return (
        Scalings(tuple(f"neuron {n}" for n in i), (*neurons, Marginal(2, 1, i, i, -np.ones(HIDDEN))), "M2"),
        Shifts(tuple(f"column {n}" for n in i), (Marginal(2, 1, i, i, np.ones(HIDDEN)),), "M17"),
        Shifts(("bias",), (Marginal(3, None, j, j, np.ones(1)),), "M17"),
    )


def target(
    update: Update,
    described: Optimizer | Callable[[int], Optimizer],
    *,
    gradient: Callable[[Mapping[str, Array], Any], tuple[float, Arrays]] = loss_and_gradient,
    **chosen: Any,
) -> Target:
    """A target that trains with ``update`` and is described as something."""

    def step(p: Any, memory: Any, data: Any) -> tuple[Any, Any]:
        before: tuple[int, dict[str, Any]] = memory or (0, {})
        k, own = before
        _, g = gradient(p, data)
        update(k, p, g, own)
        return p, (k + 1, own)

    chosen.setdefault("families", families())
    return numpy_target(draw, batch, gradient, step, described, **chosen)


def sgd(
    lr: float | Callable[[int], float],
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> Update:
    """Stochastic gradient descent, written once more."""

    def update(k: int, p: Arrays, g: Arrays, memory: dict[str, Any]) -> None:
        rate = lr(k) if callable(lr) else lr
        for name in p:
            d = g[name] + weight_decay * p[name]
            if momentum:
                v = d if name not in memory else momentum * memory[name] + (1 - dampening) * d
                memory[name] = v
                d = d + momentum * v if nesterov else v
            p[name] = (p[name] - rate * d).astype(p[name].dtype)

    return update


def adam(lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, decay: float = 0.0) -> Update:
    """AdamW, written once more: means by differences, one division."""

    def update(k: int, p: Arrays, g: Arrays, memory: dict[str, Any]) -> None:
        for name in p:
            m, v = memory.get(name, (0 * p[name], 0 * p[name]))
            m = m + (1 - betas[0]) * (g[name] - m)
            v = v * betas[1] + g[name] * ((1 - betas[1]) * g[name])
            memory[name] = m, v
            size = lr / (1 - betas[0] ** (k + 1))
            root = np.sqrt(v) / np.sqrt(1 - betas[1] ** (k + 1)) + eps
            p[name] = (p[name] * (1 - lr * decay) - size * m / root).astype(p[name].dtype)

    return update
