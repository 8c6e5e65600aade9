"""A JAX loss and an optax optimizer, put through the laws: ``flowlaw gate examples.gate_optax:target``."""

from __future__ import annotations

from typing import Any

import jax
import optax

from flowlaw.gate import Target
from flowlaw.gate.adapters import optax_target
from flowlaw.oracles.dynamics import SGD

RATE, MOMENTUM, DECAY = 0.05, 0.9, 0.01


def init(seed: int) -> dict[str, Any]:
    """Random parameters; biases too, since zeros would hide a wrong law."""
    keys = jax.random.split(jax.random.key(seed), 3)
    shapes = {"w1": (4, 6), "b1": (6,), "w2": (6, 3)}
    return {name: jax.random.normal(key, shape) for key, (name, shape) in zip(keys, shapes.items(), strict=True)}


def batch(seed: int) -> tuple[Any, Any]:
    """Inputs and outputs."""
    one, two = jax.random.split(jax.random.key(seed))
    return jax.random.normal(one, (16, 4)), jax.random.normal(two, (16, 3))


def loss(p: dict[str, Any], data: tuple[Any, Any]) -> Any:
    """The squared error of a network with one hidden layer of ReLU."""
    x, y = data
    return ((jax.nn.relu(x @ p["w1"] + p["b1"]) @ p["w2"] - y) ** 2).mean()


def trained(name: str, *parts: optax.GradientTransformation) -> Target:
    """The target of a chain that is meant to be gradient descent with momentum and weight decay."""
    meant = SGD(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    return optax_target(loss, init, optax.chain(*parts), meant, batch, name=name)


def target() -> Target:
    """What is correct: the decay goes through the momentum."""
    return trained("optax", optax.add_decayed_weights(DECAY), optax.trace(MOMENTUM), optax.scale(-RATE))


def broken() -> Target:
    """What is not: two parts of the chain change places."""
    return trained("optax-broken", optax.trace(MOMENTUM), optax.add_decayed_weights(DECAY), optax.scale(-RATE))
