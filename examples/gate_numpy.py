"""A network and its training by hand in NumPy, put through the laws: ``flowlaw gate examples.gate_numpy:target``."""

from __future__ import annotations

import numpy as np

from flowlaw.gate import Target
from flowlaw.gate.adapters import numpy_target
from flowlaw.gate.target import Array
from flowlaw.oracles.dynamics import SGD

RATE, MOMENTUM, DECAY = 0.05, 0.9, 0.01
Arrays = dict[str, Array]
Data = tuple[Array, Array]


def draw(rng: np.random.Generator) -> Arrays:
    """Random parameters; biases too, since zeros would hide a wrong law."""
    return {"w1": rng.normal(size=(6, 4)), "b1": rng.normal(size=6), "w2": rng.normal(size=(3, 6))}


def batch(rng: np.random.Generator) -> Data:
    """Inputs and outputs."""
    return rng.normal(size=(16, 4)), rng.normal(size=(16, 3))


def loss_and_gradient(p: Arrays, data: Data) -> tuple[float, Arrays]:
    """The squared error of a network with one hidden layer of ReLU."""
    x, y = data
    before = x @ p["w1"].T + p["b1"]
    hidden = np.maximum(before, 0)
    error = hidden @ p["w2"].T - y
    out = error / len(x)
    back = (out @ p["w2"]) * (before > 0)
    return float((error**2).mean(0).sum() / 2), {"w1": back.T @ x, "b1": back.sum(0), "w2": out.T @ hidden}


def step(p: Arrays, velocity: Arrays | None, data: Data) -> tuple[Arrays, Arrays]:
    """Gradient descent with momentum and weight decay."""
    _, g = loss_and_gradient(p, data)
    d = {name: g[name] + DECAY * p[name] for name in p}
    velocity = {name: d[name] if velocity is None else MOMENTUM * velocity[name] + d[name] for name in p}
    return {name: p[name] - RATE * velocity[name] for name in p}, velocity


def broken_step(p: Arrays, velocity: Arrays | None, data: Data) -> tuple[Arrays, Arrays]:
    """The same with the decay on the wrong side of the momentum."""
    _, g = loss_and_gradient(p, data)
    velocity = {name: g[name] if velocity is None else MOMENTUM * velocity[name] + g[name] for name in p}
    return {name: p[name] - RATE * (velocity[name] + DECAY * p[name]) for name in p}, velocity


def target() -> Target:
    """What is correct."""
    sgd = SGD(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    return numpy_target(draw, batch, loss_and_gradient, step, sgd, name="numpy")


def broken() -> Target:
    """What is not."""
    sgd = SGD(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    return numpy_target(draw, batch, loss_and_gradient, broken_step, sgd, name="numpy-broken")
