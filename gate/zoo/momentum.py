"""Momentum, dampening and Nesterov's look-ahead."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...oracles.dynamics import SGD
from ..adapters.torch import torch_or_error
from ..target import Array, Target
from . import _in_torch
from ._by_hand import Rule, ruled
from ._mutant import Mutant

RATE, MOMENTUM, DAMPENING, DECAY = 0.05, 0.8, 0.3, 0.05
DAMPENED = SGD(lr=RATE, momentum=MOMENTUM, dampening=DAMPENING, weight_decay=DECAY)
NESTEROV = SGD(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY, nesterov=True)
BALL = SGD(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)


def schedule(k: int) -> float:
    """A rate that falls at every step."""
    return RATE / (1 + k)


def dampened(
    theta: Array, g: Array, v: Any, k: int, *, share: float = 1 - DAMPENING, first: float = 1.0
) -> tuple[Array, Any]:
    """The buffer as PyTorch has it: the first gradient enters it undamped."""
    d = g + DECAY * theta
    v = first * d if v is None else MOMENTUM * v + share * d
    return theta - RATE * v, v


plain = partial(dampened, share=1.0)


def nesterov(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The gradient plus the momentum of the new buffer."""
    d = g + DECAY * theta
    v = d if v is None else MOMENTUM * v + d
    return theta - RATE * (d + MOMENTUM * v), v


def looks_too_far(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The look-ahead without its momentum."""
    d = g + DECAY * theta
    v = d if v is None else MOMENTUM * v + d
    return theta - RATE * (d + v), v


def old_buffer(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The look-ahead from the buffer before this step."""
    d = g + DECAY * theta
    before = 0.0 * d if v is None else v
    v = MOMENTUM * before + d
    return theta - RATE * (d + MOMENTUM * before), v


def averaging(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """An exponential average in the place of the buffer."""
    d = g + DECAY * theta
    v = (1 - MOMENTUM) * d if v is None else MOMENTUM * v + (1 - MOMENTUM) * d
    return theta - RATE * v, v


def forgetful(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The buffer is a local variable."""
    return theta - RATE * (g + DECAY * theta), None


def uphill(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The sign of the gradient is wrong, that of the decay is not."""
    return plain(theta, -g, v, k)


def scheduled(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The rate multiplies the buffer, as in PyTorch."""
    v = g if v is None else MOMENTUM * v + g
    return theta - schedule(k) * v, v


def rate_in_buffer(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The rate is folded into the buffer, which is another optimizer as soon as the rate changes."""
    v = schedule(k) * g if v is None else MOMENTUM * v + schedule(k) * g
    return theta - v, v


def aliased(name: str) -> Target:
    """The first buffer is the gradient itself and not a copy; ``zero_grad`` then writes zeros into it."""
    torch = torch_or_error()
    buffers: dict[int, Any] = {}

    def step(model: Any, optimizer: Any, data: Any) -> None:
        for p in model.parameters():
            if p.grad is None:
                buffers.pop(id(p), None)
        optimizer.zero_grad(set_to_none=False)
        _in_torch.cross_entropy(model, data).backward()
        with torch.no_grad():
            for p in model.parameters():
                if id(p) not in buffers:
                    buffers[id(p)] = p.grad
                else:
                    buffers[id(p)].mul_(MOMENTUM).add_(p.grad)
                p.sub_(RATE * buffers[id(p)])

    return _in_torch.target(name, plain_ball, step)


def plain_ball(model: Any) -> Any:
    """SGD with momentum and no decay."""
    return torch_or_error().optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)


def reset_each_epoch(name: str) -> Target:
    """The optimizer is made anew every three steps, as it is in a function ``train_epoch``."""
    seen: dict[str, int] = {"k": 0}

    def optimize(model: Any) -> Any:
        seen["k"] = 0
        return plain_ball(model)

    def step(model: Any, optimizer: Any, data: Any) -> None:
        if seen["k"] and seen["k"] % 3 == 0:
            optimizer.state.clear()
        seen["k"] += 1
        optimizer.zero_grad()
        _in_torch.cross_entropy(model, data).backward()
        optimizer.step()

    return _in_torch.target(name, optimize, step)


def described(k: int) -> SGD:
    """The description of ``scheduled``."""
    return SGD(lr=schedule(k), momentum=MOMENTUM)


HEALTHY_BALL = partial(ruled, "heavy-ball", plain, BALL)
HEALTHY_DAMPENED = partial(ruled, "dampened", dampened, DAMPENED)
HEALTHY_NESTEROV = partial(ruled, "nesterov", nesterov, NESTEROV)
HEALTHY_SCHEDULED = partial(ruled, "scheduled-momentum", scheduled, described)
HEALTHY_TORCH = partial(_in_torch.target, "torch-momentum", plain_ball)
TWO_STEPS = ("step", "hb-two-step.quadratic")


def _hand(
    name: str, says: str, healthy: Any, broken: Rule, meant: Any, explanation: str = "", caught: Any = TWO_STEPS
) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=healthy,
        broken=partial(ruled, name, broken, meant),
        caught_by=caught,
        explanation=explanation,
    )


MUTANTS = (
    _hand(
        "first-buffer-dampened",
        "The first buffer is multiplied by 1 - dampening, which PyTorch does not do.",
        HEALTHY_DAMPENED,
        partial(dampened, first=1 - DAMPENING),
        DAMPENED,
        "The first momentum buffer is damped",
        ("step",),
    ),
    _hand(
        "dampening-forgotten",
        "Dampening is not applied.",
        HEALTHY_DAMPENED,
        plain,
        DAMPENED,
        "Dampening is not applied.",
    ),
    _hand(
        "momentum-as-average",
        "The buffer is an exponential average, with 1 - momentum before the gradient.",
        HEALTHY_BALL,
        averaging,
        BALL,
        "Gradients enter the buffer times 1 - momentum",
        ("step",),
    ),
    _hand("momentum-lost", "The buffer does not survive the step.", HEALTHY_BALL, forgetful, BALL, "Momentum is 0"),
    _hand(
        "nesterov-off",
        "Plain momentum where Nesterov's is meant.",
        HEALTHY_NESTEROV,
        plain,
        NESTEROV,
        "Nesterov momentum is on",
        ("step", "nesterov.quadratic"),
    ),
    _hand(
        "nesterov-too-far",
        "Nesterov's look-ahead adds the buffer without its momentum.",
        HEALTHY_NESTEROV,
        looks_too_far,
        NESTEROV,
        caught=("step", "nesterov.quadratic"),
    ),
    _hand(
        "nesterov-old-buffer",
        "Nesterov's look-ahead takes the buffer of before the step; what comes out is plain momentum.",
        HEALTHY_NESTEROV,
        old_buffer,
        NESTEROV,
        "Nesterov momentum is on",
        ("step", "nesterov.quadratic"),
    ),
    _hand("sign-flipped", "The step goes uphill.", HEALTHY_BALL, uphill, BALL, "The step goes uphill", ("step",)),
    _hand(
        "rate-in-buffer",
        "The learning rate is folded into the buffer, and a schedule changes it.",
        HEALTHY_SCHEDULED,
        rate_in_buffer,
        described,
    ),
    Mutant(
        name="buffer-is-gradient",
        says="The first buffer is the gradient tensor itself, not a copy of it.",
        framework="torch",
        healthy=HEALTHY_TORCH,
        broken=partial(aliased, "buffer-is-gradient"),
        caught_by=TWO_STEPS,
    ),
    Mutant(
        name="buffer-reset-each-epoch",
        says="The optimizer is made anew at every epoch, so its buffers start again.",
        framework="torch",
        healthy=HEALTHY_TORCH,
        broken=partial(reset_each_epoch, "buffer-reset-each-epoch"),
        caught_by=TWO_STEPS,
    ),
)
