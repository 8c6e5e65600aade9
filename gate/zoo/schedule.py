"""The learning rate of the wrong step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ...oracles.dynamics import SGD
from ..adapters.torch import torch_or_error
from ..target import Array, Target
from . import _in_torch
from ._by_hand import Rule, ruled
from ._mutant import Mutant, trained_as

RATE, MOMENTUM, WARMUP = 0.05, 0.5, 4
CAUGHT = ("step", "hb-two-step.quadratic")


def decaying(k: int) -> float:
    """Half the rate every two steps."""
    return RATE * 0.5 ** (k // 2)


def warming(k: int) -> float:
    """A linear warm-up whose first step is not 0."""
    return RATE * min(1.0, (k + 1) / WARMUP)


def late(k: int) -> float:
    """The rate of the step before."""
    return decaying(max(k - 1, 0))


def early(k: int) -> float:
    """The rate of the next step."""
    return decaying(k + 1)


def warming_from_zero(k: int) -> float:
    """A warm-up that counts from 0."""
    return RATE * min(1.0, k / WARMUP)


def following(rate: Callable[[int], float]) -> Rule:
    """SGD with momentum and a rate for every step."""

    def rule(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
        v = g if v is None else MOMENTUM * v + g
        return theta - rate(k) * v, v

    return rule


def meant(rate: Callable[[int], float]) -> Callable[[int], SGD]:
    """The description."""
    return lambda k: SGD(lr=rate(k), momentum=MOMENTUM)


def in_torch(name: str, step: Callable[..., object] | None = None) -> Target:
    """SGD with a scheduler that PyTorch calls once a step."""

    def optimize(model: Any) -> Any:
        return torch_or_error().optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)

    def scheduler(optimizer: Any) -> Any:
        return torch_or_error().optim.lr_scheduler.ExponentialLR(optimizer, 0.8)

    return _in_torch.target(name, optimize, step, scheduler=scheduler)


def never_stepped(model: Any, optimizer: Any, data: Any, scheduler: Any) -> None:
    """The scheduler is made, and never stepped."""
    optimizer.zero_grad()
    _in_torch.cross_entropy(model, data).backward()
    optimizer.step()


def by_epoch(model: Any, optimizer: Any, data: Any, scheduler: Any) -> None:
    """The scheduler is stepped at every third step, as if three steps were an epoch."""
    never_stepped(model, optimizer, data, scheduler)
    optimizer.epoch_steps = getattr(optimizer, "epoch_steps", 0) + 1
    if optimizer.epoch_steps % 3 == 0:
        scheduler.step()


def twice(model: Any, optimizer: Any, data: Any, scheduler: Any) -> None:
    """The scheduler is stepped in the loop and again by a callback."""
    never_stepped(model, optimizer, data, scheduler)
    scheduler.step()
    scheduler.step()


def resumed(name: str) -> Target:
    """The schedule goes on from a checkpoint, and starts at step 2; the description starts at 0."""

    def optimize(model: Any) -> Any:
        return torch_or_error().optim.SGD(model.parameters(), lr=RATE * 0.8**2, momentum=MOMENTUM)

    def scheduler(optimizer: Any) -> Any:
        return torch_or_error().optim.lr_scheduler.ExponentialLR(optimizer, 0.8)

    return trained_as(in_torch(name), _in_torch.target(name, optimize, scheduler=scheduler))


HEALTHY = partial(ruled, "scheduled", following(decaying), meant(decaying))
HEALTHY_WARM = partial(ruled, "warmed-up", following(warming), meant(warming))
HEALTHY_TORCH = partial(in_torch, "torch-scheduled")


def _hand(
    name: str, says: str, rate: Callable[[int], float], healthy: Any, described: Any, explanation: str = ""
) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=healthy,
        broken=partial(ruled, name, following(rate), meant(described)),
        caught_by=CAUGHT,
        explanation=explanation,
    )


def _torch(name: str, says: str, step: Callable[..., object], explanation: str = "") -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="torch",
        healthy=HEALTHY_TORCH,
        broken=partial(in_torch, name, step),
        caught_by=CAUGHT,
        explanation=explanation,
    )


MUTANTS = (
    _hand(
        "schedule-late",
        "The rate is set after the step instead of before.",
        late,
        HEALTHY,
        decaying,
        "The schedule is applied one step late.",
    ),
    _hand(
        "schedule-early",
        "The rate is advanced before the first step.",
        early,
        HEALTHY,
        decaying,
        "The schedule is applied one step early.",
    ),
    _hand(
        "warmup-from-zero",
        "The warm-up counts from 0: the first step has rate 0, and all others are one late.",
        warming_from_zero,
        HEALTHY_WARM,
        warming,
    ),
    _torch(
        "scheduler-never-stepped", "The scheduler is never stepped.", never_stepped, "The schedule is never applied"
    ),
    _torch("scheduler-by-epoch", "The scheduler is stepped once an epoch instead of once a step.", by_epoch),
    _torch("scheduler-stepped-twice", "The scheduler is stepped twice a step.", twice),
    Mutant(
        name="schedule-resumed-wrongly",
        says="The schedule goes on at step 2 of a checkpoint, the run starts at 0.",
        framework="torch",
        healthy=HEALTHY_TORCH,
        broken=partial(resumed, "schedule-resumed-wrongly"),
        caught_by=("step",),
    ),
)
