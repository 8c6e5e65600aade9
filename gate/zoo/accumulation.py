"""Gradients of several batches, and of the wrong ones."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...oracles.dynamics import SGD
from ..target import Array, Parameters
from . import _in_torch
from ._by_hand import Arrays, Data, Step, averaged, combined, loop, parts, plain
from ._by_hand import target as by_hand
from ._mutant import Mutant

RATE, MOMENTUM, DECAY, PARTS = 0.05, 0.9, 0.1, 4
BALL = SGD(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)


def momentum(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """SGD with momentum and decay."""
    d = g + DECAY * theta
    v = d if v is None else MOMENTUM * v + d
    return theta - RATE * v, v


def last_part_dropped(p: Parameters, data: Data) -> Arrays:
    """The step is taken before the last micro-batch: its gradients are set to zero with the others."""
    return combined([plain(p, part)[1] for part in parts(data, PARTS)[:-1]], [1 / PARTS] * (PARTS - 1))


def averaged_twice(p: Parameters, data: Data) -> Arrays:
    """The loss is divided by the number of micro-batches, and the gradients again."""
    return combined([averaged(p, data, PARTS)], [1 / PARTS])


def parts_alike(p: Parameters, data: Data) -> Arrays:
    """Three micro-batches of 3, 3 and 2 examples count the same."""
    return combined([plain(p, part)[1] for part in parts(data, 3)], [1 / 3] * 3)


def one_part_twice(p: Parameters, data: Data) -> Arrays:
    """The loader restarts within a batch: the first micro-batch comes twice, the last not at all."""
    pieces = parts(data, PARTS)
    return combined([plain(p, part)[1] for part in [pieces[0], *pieces[:-1]]], [1 / PARTS] * PARTS)


def loss_summed(p: Parameters, data: Data) -> Arrays:
    """The loss of the step is a sum over the batch, where a mean is meant."""
    return combined([plain(p, data)[1]], [float(len(data[0]))])


def stale() -> Step:
    """The gradient of the step before, from a worker that is late; the first step has no other than its own."""

    def step(p: Parameters, memory: Any, data: Data) -> tuple[Parameters, Any]:
        g = plain(p, data)[1]
        slots, used = memory or (dict.fromkeys(p), g)
        after: Arrays = {}
        for name in p:
            after[name], slots[name] = momentum(p[name], used[name], slots[name], 0)
        return after, (slots, g)

    return step


def moving() -> Step:
    """The parameters move after every micro-batch, with a quarter of the rate and without momentum."""

    def step(p: Parameters, memory: Any, data: Data) -> tuple[Parameters, Any]:
        for part in parts(data, PARTS):
            g = plain(p, part)[1]
            p = {name: p[name] - RATE / PARTS * g[name] for name in p}
        return p, None

    return step


def accumulate(model: Any, optimizer: Any, data: Any, *, share: float = 1 / PARTS) -> None:
    """What is meant: the mean over micro-batches."""
    optimizer.zero_grad()
    for x, labels in zip(data[0].chunk(PARTS), data[1].chunk(PARTS), strict=True):
        (share * _in_torch.cross_entropy(model, (x, labels))).backward()
    optimizer.step()


def zeroed_inside(model: Any, optimizer: Any, data: Any) -> None:
    """Gradients are set to zero for every micro-batch: only the last one counts."""
    for x, labels in zip(data[0].chunk(PARTS), data[1].chunk(PARTS), strict=True):
        optimizer.zero_grad()
        (_in_torch.cross_entropy(model, (x, labels)) / PARTS).backward()
    optimizer.step()


def never_zeroed(model: Any, optimizer: Any, data: Any) -> None:
    """``zero_grad`` is forgotten."""
    _in_torch.cross_entropy(model, data).backward()
    optimizer.step()


def zeroed_too_late(model: Any, optimizer: Any, data: Any) -> None:
    """``zero_grad`` comes between ``backward`` and ``step``; with zeros instead of None, decay and momentum go on."""
    _in_torch.cross_entropy(model, data).backward()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()


def stepped_twice(model: Any, optimizer: Any, data: Any) -> None:
    """``optimizer.step`` is called in the loop and again by a callback."""
    optimizer.zero_grad()
    _in_torch.cross_entropy(model, data).backward()
    optimizer.step()
    optimizer.step()


HEALTHY = partial(by_hand, "averaged", loop(momentum, averaged), BALL)
HEALTHY_PLAIN = partial(by_hand, "by-parts", loop(lambda p, g, v, k: (p - RATE * g, v), averaged), SGD(lr=RATE))
HEALTHY_TORCH = partial(_in_torch.target, "torch-accumulated", _in_torch.heavy_ball, accumulate)
TORCH_DESCENT = partial(_in_torch.target, "torch-descent", _in_torch.descent)
TWO_STEPS = ("step", "hb-two-step.quadratic")


def _hand(name: str, says: str, step: Step, explanation: str = "") -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=HEALTHY,
        broken=partial(by_hand, name, step, BALL),
        caught_by=("step",),
        explanation=explanation,
    )


def _torch(name: str, says: str, step: Any, explanation: str = "") -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="torch",
        healthy=HEALTHY_TORCH,
        broken=partial(_in_torch.target, name, _in_torch.heavy_ball, step),
        caught_by=("step",),
        explanation=explanation,
    )


MUTANTS = (
    _hand("micro-batch-dropped", "The last micro-batch does not enter the step.", loop(momentum, last_part_dropped)),
    _hand(
        "averaged-twice",
        "Loss and gradients are both divided by the number of micro-batches.",
        loop(momentum, averaged_twice),
        "Gradients are divided by the number",
    ),
    _hand(
        "loss-summed-in-step",
        "The loss is summed over the examples of a batch instead of averaged.",
        loop(momentum, loss_summed),
        "Gradients are summed over batches",
    ),
    _hand("unequal-parts-alike", "Micro-batches of different sizes are weighted alike.", loop(momentum, parts_alike)),
    _hand("micro-batch-twice", "One micro-batch comes twice, another not at all.", loop(momentum, one_part_twice)),
    _hand(
        "gradient-stale",
        "The gradient is that of the step before.",
        stale(),
        "The gradient is that of the step before.",
    ),
    Mutant(
        name="moves-within-batch",
        says="The parameters move after every micro-batch instead of once.",
        framework="numpy",
        healthy=HEALTHY_PLAIN,
        broken=partial(by_hand, "moves-within-batch", moving(), SGD(lr=RATE)),
        caught_by=("step", "sgd-quadratic.weights"),
    ),
    _torch(
        "accumulated-without-averaging",
        "Gradients of micro-batches are summed.",
        partial(accumulate, share=1.0),
        "Gradients are summed over batches",
    ),
    _torch("zeroed-for-every-part", "Gradients are set to zero for every micro-batch.", zeroed_inside),
    _torch("zero-grad-forgotten", "Gradients are never set to zero.", never_zeroed, "Gradients are not set to zero"),
    _torch("zero-grad-too-late", "Gradients are set to zero before the step.", zeroed_too_late),
    Mutant(
        name="stepped-twice",
        says="The optimizer steps twice with the same gradients.",
        framework="torch",
        healthy=TORCH_DESCENT,
        broken=partial(_in_torch.target, "stepped-twice", _in_torch.descent, stepped_twice),
        caught_by=("step", "sgd-quadratic"),
        explanation="The learning rate is twice",
    ),
)
