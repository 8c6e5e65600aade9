"""Clipping of another norm, at another place, or of other things."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...oracles.dynamics import SGD, ClipGlobalNorm
from ..adapters.torch import torch_or_error
from ..target import Array, Parameters, Target
from . import _in_torch
from ._by_hand import Arrays, Data, Step, combined, loop, parts, plain
from ._by_hand import target as by_hand
from ._mutant import Mutant

RATE, MOMENTUM, DECAY, LIMIT = 0.05, 0.9, 0.1, 0.3
BALL = SGD(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
CLIP = ClipGlobalNorm(limit=LIMIT, eps=1e-6)
SCALE = 1024.0
"""Of the loss, in half precision."""


def clipped(g: Arrays, *, sparing: str = "") -> Arrays:
    """All gradients times one factor."""
    norm = np.sqrt(sum(float((value**2).sum()) for name, value in g.items() if name != sparing))
    factor = min(1.0, LIMIT / (norm + 1e-6))
    return {name: factor * value for name, value in g.items()}


def momentum(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """SGD with momentum and decay."""
    d = g + DECAY * theta
    v = d if v is None else MOMENTUM * v + d
    return theta - RATE * v, v


def correct(p: Parameters, data: Data) -> Arrays:
    """The gradients, clipped by their global norm."""
    return clipped(plain(p, data)[1])


def part_by_part(p: Parameters, data: Data) -> Arrays:
    """Every micro-batch is clipped by itself."""
    return combined([clipped(plain(p, part)[1]) for part in parts(data, 4)], [0.25] * 4)


def without_the_head(p: Parameters, data: Data) -> Arrays:
    """The norm leaves out the last layer, whose parameters are in another list."""
    return clipped(plain(p, data)[1], sparing="w2")


def with_decay(p: Parameters, data: Data) -> Arrays:
    """Decay is part of what is clipped."""
    g = plain(p, data)[1]
    whole = clipped({name: g[name] + DECAY * p[name] for name in p})
    return {name: whole[name] - DECAY * p[name] for name in p}  # the rule adds it again


def clip_the_buffer() -> Step:
    """Clipping after momentum: of the buffers, and not of the gradients."""

    def step(p: Parameters, memory: Any, data: Data) -> tuple[Parameters, Any]:
        g = plain(p, data)[1]
        d = {name: g[name] + DECAY * p[name] for name in p}
        v = d if memory is None else {name: MOMENTUM * memory[name] + d[name] for name in p}
        moved = clipped(v)
        return {name: p[name] - RATE * moved[name] for name in p}, v

    return step


def clip_the_weights() -> Step:
    """The parameters are clipped after the step, as for a Wasserstein critic."""
    inner = loop(momentum, correct)

    def step(p: Parameters, memory: Any, data: Data) -> tuple[Parameters, Any]:
        after, memory = inner(p, memory, data)
        return {name: np.clip(value, -1.0, 1.0) for name, value in after.items()}, memory

    return step


def in_torch(name: str, step: Any = None) -> Target:
    """``clip_grad_norm_`` before the step."""
    return _in_torch.target(name, _in_torch.heavy_ball, clip_all if step is None else step, transform=CLIP)


def _backward(model: Any, optimizer: Any, data: Any, scale: float = 1.0) -> None:
    optimizer.zero_grad()
    (scale * _in_torch.cross_entropy(model, data)).backward()


def clip_all(model: Any, optimizer: Any, data: Any) -> None:
    """What is meant."""
    _backward(model, optimizer, data)
    torch_or_error().nn.utils.clip_grad_norm_(model.parameters(), LIMIT)
    optimizer.step()


def clip_layers(model: Any, optimizer: Any, data: Any) -> None:
    """Every tensor by its own norm."""
    _backward(model, optimizer, data)
    for p in model.parameters():
        torch_or_error().nn.utils.clip_grad_norm_([p], LIMIT)
    optimizer.step()


def clip_values(model: Any, optimizer: Any, data: Any) -> None:
    """``clip_grad_value_`` where ``clip_grad_norm_`` is meant; its limit is another one."""
    _backward(model, optimizer, data)
    torch_or_error().nn.utils.clip_grad_value_(model.parameters(), 0.1)
    optimizer.step()


def clip_too_late(model: Any, optimizer: Any, data: Any) -> None:
    """After the step, where nobody sees it."""
    _backward(model, optimizer, data)
    optimizer.step()
    torch_or_error().nn.utils.clip_grad_norm_(model.parameters(), LIMIT)


def clip_scaled(model: Any, optimizer: Any, data: Any) -> None:
    """The loss was scaled for half precision; the gradients are clipped first and unscaled afterwards."""
    _backward(model, optimizer, data, SCALE)
    torch_or_error().nn.utils.clip_grad_norm_(model.parameters(), LIMIT)
    for p in model.parameters():
        p.grad.div_(SCALE)
    optimizer.step()


HEALTHY = partial(by_hand, "clipped", loop(momentum, correct), BALL, transform=CLIP)
HEALTHY_TORCH = partial(in_torch, "torch-clipped")


def _hand(name: str, says: str, step: Step, caught: tuple[str, ...] = ("step",)) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=HEALTHY,
        broken=partial(by_hand, name, step, BALL, transform=CLIP),
        caught_by=caught,
    )


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
    _hand("clipping-after-momentum", "The buffers are clipped, not the gradients.", clip_the_buffer()),
    _hand("clipping-of-weights", "The parameters are clipped inside of the step.", clip_the_weights()),
    _hand(
        "clipping-each-micro-batch",
        "Every micro-batch is clipped before they are averaged.",
        loop(momentum, part_by_part),
    ),
    _hand("clipping-norm-misses-head", "The global norm leaves out the last layer.", loop(momentum, without_the_head)),
    _hand("clipping-with-decay", "Decay is added before clipping, so it is clipped too.", loop(momentum, with_decay)),
    _torch(
        "clipping-by-layer",
        "Each tensor is clipped by its own norm instead of the global one.",
        clip_layers,
        "Gradients are clipped by the norm of each tensor",
    ),
    _torch(
        "clipping-by-value",
        "Entries are clipped instead of the norm.",
        clip_values,
        "Gradients are clipped entry by entry",
    ),
    _torch("clipping-after-step", "Gradients are clipped after the step.", clip_too_late, "Gradients are not clipped."),
    _torch("clipping-before-unscaling", "Scaled gradients are clipped, and unscaled afterwards.", clip_scaled),
)
