"""Attention kernels whose backward pass is wrong."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..adapters.torch import torch_or_error
from ..target import Target
from . import _in_torch
from ._charges import entries, groups, neurons
from ._mutant import Mutant

WIDTH, LENGTH = 6, 3  # 1 / sqrt(6): no factor that anything else would explain
SQUARE = (WIDTH, WIDTH)
KEYED = {"wq": SQUARE, "wk": SQUARE, "bk": (WIDTH,), "wv": SQUARE, "wo": SQUARE}
ROTARY = {"wq": SQUARE, "wk": SQUARE, "wv": SQUARE, "wo": SQUARE}
CAUGHT = ("gradient", "orthogonality")


def batch(seed: int) -> Any:
    """Sequences in, sequences out."""
    torch = torch_or_error()
    return torch.randn(3, LENGTH, WIDTH), torch.randn(3, LENGTH, WIDTH)


def scores(q: Any, k: Any) -> Any:
    """``q k^T / sqrt(d)``."""
    return q @ k.transpose(-1, -2) / WIDTH**0.5


def softmax(s: Any) -> Any:
    """Over the keys."""
    return torch_or_error().softmax(s, -1)


def attention(name: str, *, queries_scaled: bool = True, keys_scaled: bool = True, centered: bool = True) -> Target:
    """One head with a key bias; scores and softmax are kernels."""

    def back_scores(g: Any, q: Any, k: Any) -> Any:
        scale = WIDTH**-0.5
        to_q, to_k = g @ k, g.transpose(-1, -2) @ q
        return to_q * (scale if queries_scaled else 1.0), to_k * (scale if keys_scaled else 1.0)

    def back_softmax(g: Any, s: Any) -> Any:
        p = softmax(s)
        return p * (g - (g * p).sum(-1, keepdim=True)) if centered else p * g

    def loss(p: Any, data: Any) -> Any:
        x = data[0]
        logits = _in_torch.kernel(scores, back_scores)(x @ p["wq"].T, x @ p["wk"].T + p["bk"])
        seen = _in_torch.kernel(softmax, back_softmax)(logits) @ (x @ p["wv"].T)
        return ((seen @ p["wo"].T - data[1]) ** 2).mean()

    charges = (neurons((1, 2), 0, WIDTH, axis=0), entries(2, WIDTH), neurons((3,), 4, WIDTH))
    return _in_torch.functional(name, KEYED, loss, batch, charges)


def turned(x: Any, sign: float) -> Any:
    """Pairs of coordinates turned by an angle for each position."""
    torch = torch_or_error()
    speeds = torch.tensor([1.0, 0.5, 0.2], dtype=x.dtype)
    angles = sign * torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * speeds
    a, b = x[..., 0::2], x[..., 1::2]
    both = (a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos())
    return torch.stack(both, -1).flatten(-2)


def rotary(name: str, *, back: float = -1.0) -> Target:
    """One head with rotary positions; the backward pass turns the other way."""

    def forward(z: Any) -> Any:
        return turned(z, 1.0)

    def backward(g: Any, z: Any) -> Any:
        return turned(g, back)

    def loss(p: Any, data: Any) -> Any:
        x = data[0]
        turn = _in_torch.kernel(forward, backward)
        seen = softmax(scores(turn(x @ p["wq"].T), turn(x @ p["wk"].T))) @ (x @ p["wv"].T)
        return ((seen @ p["wo"].T - data[1]) ** 2).mean()

    return _in_torch.functional(name, ROTARY, loss, batch, (groups(0, 1, 3, 2), neurons((2,), 3, WIDTH)))


HEALTHY = partial(attention, "torch-attention")
HEALTHY_ROTARY = partial(rotary, "torch-rotary")


def _one(
    name: str,
    says: str,
    broken: Callable[[], Target],
    healthy: Callable[[], Target] = HEALTHY,
    explanation: str = "",
    caught: tuple[str, ...] = CAUGHT,
) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="torch",
        healthy=healthy,
        broken=broken,
        caught_by=caught,
        explanation=explanation,
    )


MUTANTS = (
    _one(
        "attention-scale-forgotten",
        "The gradient of the keys lacks 1 / sqrt(d).",
        partial(attention, "attention-scale-forgotten", keys_scaled=False),
        explanation="The gradient of wk is 2.449",
    ),
    _one(
        "attention-scale-forgotten-twice",
        "The gradients of queries and keys both lack 1 / sqrt(d), so their balance holds.",
        partial(attention, "attention-scale-forgotten-twice", queries_scaled=False, keys_scaled=False),
        explanation="The gradient of wk is 2.449",
        caught=("gradient",),
    ),
    _one(
        "softmax-backward-not-centered",
        "The backward pass of the softmax lacks the sum over the row.",
        partial(attention, "softmax-backward-not-centered", centered=False),
    ),
    _one(
        "rotary-turned-twice",
        "The backward pass of rotary positions turns the same way as the forward pass.",
        partial(rotary, "rotary-turned-twice", back=1.0),
        HEALTHY_ROTARY,
    ),
)
