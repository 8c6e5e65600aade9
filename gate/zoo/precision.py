"""Numbers that are kept or computed in fewer digits than anybody thinks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...oracles.dynamics import SGD, Adam
from ..adapters.torch import torch_or_error
from ..target import Array, Target
from . import _in_torch
from ._by_hand import ruled
from ._mutant import Mutant

RATE, MOMENTUM = 0.05, 0.9
BALL = SGD(lr=RATE, momentum=MOMENTUM)
ADAM = Adam(lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8)


def momentum(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """Plain SGD with momentum, in the dtype of what comes in."""
    v = g if v is None else MOMENTUM * v + g
    return theta - RATE * v, v


def kept_in(dtype: str) -> Any:
    """The parameters are rounded after every step."""

    def rule(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
        after, v = momentum(theta, g, v, k)
        return after.astype(dtype).astype(theta.dtype), v

    return rule


def computed_in_float32(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """Buffer and update are float32, the sum is float64."""
    single = np.float32(1.0) * g.astype(np.float32)
    v = single if v is None else np.float32(MOMENTUM) * v + single
    return theta - (np.float32(RATE) * v).astype(theta.dtype), v


def adam(theta: Array, g: Array, slot: Any, k: int, *, fast: bool = False) -> Any:
    """Adam; ``fast`` takes the inverse root from one step of Newton after a guess of its bits."""
    m, v = slot or (0.0 * g, 0.0 * g)
    m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
    size = v / (1 - 0.99 ** (k + 1))
    root = 1 / inverse_root(size) if fast else np.sqrt(size)
    return theta - 0.01 / (1 - 0.9 ** (k + 1)) * m / (root + 1e-8), (m, v)


def inverse_root(x: Array) -> Array:
    """Good to two parts in a thousand."""
    single = np.maximum(x, 1e-30).astype(np.float32)
    guess = (np.int32(0x5F3759DF) - (single.view(np.int32) >> 1)).astype(np.int32).view(np.float32)
    return np.asarray(guess * (1.5 - 0.5 * single * guess * guess), dtype=np.float64)


def in_torch(name: str, step: Any = None) -> Target:
    """A run in float32."""

    def optimize(model: Any) -> Any:
        return torch_or_error().optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)

    return _in_torch.target(name, optimize, step, dtype="float32")


def _backward(model: Any, optimizer: Any, data: Any) -> None:
    optimizer.zero_grad()
    _in_torch.cross_entropy(model, data).backward()


def rounded_weights(model: Any, optimizer: Any, data: Any) -> None:
    """The master weights are bfloat16."""
    _backward(model, optimizer, data)
    optimizer.step()
    with torch_or_error().no_grad():
        for p in model.parameters():
            p.copy_(p.bfloat16())


def rounded_gradients(model: Any, optimizer: Any, data: Any) -> None:
    """Gradients travel as bfloat16 between workers."""
    _backward(model, optimizer, data)
    for p in model.parameters():
        p.grad.copy_(p.grad.bfloat16())
    optimizer.step()


def rounded_buffers(model: Any, optimizer: Any, data: Any) -> None:
    """Momentum buffers are stored as bfloat16."""
    _backward(model, optimizer, data)
    optimizer.step()
    for state in optimizer.state.values():
        state["momentum_buffer"].copy_(state["momentum_buffer"].bfloat16())


SINGLE = partial(ruled, "float32", momentum, BALL, dtype="float32")
DOUBLE = partial(ruled, "float64", momentum, BALL)
ROOTED = partial(ruled, "adam-with-root", adam, ADAM)
HEALTHY_TORCH = partial(in_torch, "torch-float32")


def _torch(name: str, says: str, step: Any, explanation: str = "") -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="torch",
        healthy=HEALTHY_TORCH,
        broken=partial(in_torch, name, step),
        caught_by=("step",),
        explanation=explanation,
    )


MUTANTS = (
    Mutant(
        name="master-weights-float16",
        says="The master weights of a float32 run are float16.",
        framework="numpy",
        healthy=SINGLE,
        broken=partial(ruled, "master-weights-float16", kept_in("float16"), BALL, dtype="float32"),
        caught_by=("step",),
        explanation="Parameters are rounded to float16",
    ),
    Mutant(
        name="master-weights-float32",
        says="Parameters of a float64 run are accumulated in float32.",
        framework="numpy",
        healthy=DOUBLE,
        broken=partial(ruled, "master-weights-float32", kept_in("float32"), BALL),
        caught_by=("step",),
        explanation="Parameters are rounded to float32",
    ),
    Mutant(
        name="update-in-float32",
        says="The update of a float64 run is computed in float32.",
        framework="numpy",
        healthy=DOUBLE,
        broken=partial(ruled, "update-in-float32", computed_in_float32, BALL),
        caught_by=("step",),
        explanation="The step is computed in float32",
    ),
    Mutant(
        name="fast-inverse-root",
        says="Adam's root is a fast approximation, good to two parts in a thousand.",
        framework="numpy",
        healthy=ROOTED,
        broken=partial(ruled, "fast-inverse-root", partial(adam, fast=True), ADAM),
        caught_by=("step",),
    ),
    _torch(
        "master-weights-bfloat16",
        "The master weights of a float32 run are bfloat16.",
        rounded_weights,
        "Parameters are rounded to bfloat16",
    ),
    _torch("gradients-bfloat16", "Gradients are rounded to bfloat16 on their way.", rounded_gradients),
    _torch("buffers-bfloat16", "Momentum buffers are stored as bfloat16.", rounded_buffers),
)
