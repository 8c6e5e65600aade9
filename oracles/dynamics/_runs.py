"""Optimizers step through leaves; what they pass is kept as moments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import BadInput
from ._leaves import Leaf, Leaves, Number

Slot = Any
"""What an optimizer remembers of one tensor; None before the first step in which the tensor has a gradient."""
Gradients = tuple[Leaf | None, ...]
"""One gradient per tensor; None for a tensor that is skipped."""
Gradient = Callable[[int, Leaves], Gradients]
"""The gradients of step k at a point, without weight decay."""


class Optimizer(Protocol):
    """One tensor, one step: everything else is the same for all optimizers."""

    def update(self, theta: Leaf, gradient: Leaf, slot: Slot) -> tuple[Leaf, Slot]:
        """The tensor and its slot after a step with ``gradient``."""
        ...


@dataclass(frozen=True, slots=True)
class Grouped:
    """Parameter groups: tensor i is trained by ``groups[members[i]]``.

    >>> from flowlaw.oracles.dynamics import SGD, Grouped
    >>> decay_spares_the_bias = Grouped((SGD(lr=1, weight_decay=2), SGD(lr=1)), (0, 1, 0))
    """

    groups: tuple[Optimizer, ...]
    members: tuple[int, ...]

    def update(self, theta: Leaf, gradient: Leaf, slot: Slot) -> tuple[Leaf, Slot]:
        raise BadInput("Parameter groups step tensor by tensor: use flowlaw.oracles.dynamics.step.")


def part(optimizer: Optimizer, tensor: int) -> Optimizer:
    """The optimizer of one tensor."""
    return optimizer.groups[optimizer.members[tensor]] if isinstance(optimizer, Grouped) else optimizer


@dataclass(frozen=True, slots=True)
class Moment:
    """A run at step k, before its update.

    Args:
        index: k.
        parameters: one leaf per tensor.
        optimizer: what makes the step that follows; None at the end of a run.
        gradients: what it is given (after any transform, without weight decay); None if not recorded.
        state: one slot per tensor, before the step; None if not recorded.
        asked: where ``gradients`` were taken, if not at ``parameters`` (SAM, stale gradients).
    """

    index: int
    parameters: Leaves
    optimizer: Optimizer | None = None
    gradients: Gradients | None = None
    state: tuple[Slot, ...] | None = None
    asked: Leaves | None = None


Window = Sequence[Moment]
"""Consecutive moments."""


def step(
    optimizer: Optimizer, parameters: Leaves, gradients: Gradients, state: tuple[Slot, ...] | None = None
) -> tuple[Leaves, tuple[Slot, ...]]:
    """One step of every tensor; a tensor whose gradient is None is skipped: no decay, no update of its slot."""
    slots = (None,) * len(parameters) if state is None else state
    if not len(parameters) == len(gradients) == len(slots):
        raise BadInput(f"{len(parameters)} tensors, {len(gradients)} gradients and {len(slots)} slots: give one each.")
    after = [
        (theta, slot) if gradient is None else part(optimizer, i).update(theta, gradient, slot)
        for i, (theta, gradient, slot) in enumerate(zip(parameters, gradients, slots, strict=True))
    ]
    return tuple(theta for theta, _ in after), tuple(slot for _, slot in after)


def run(
    optimizers: Sequence[Optimizer],
    start: Leaves,
    gradient: Gradient,
    *,
    state: tuple[Slot, ...] | None = None,
    first: int = 0,
) -> tuple[Moment, ...]:
    """A run of one step for each optimizer of the list: a schedule is a list of optimizers that differ in ``lr``.

    Args:
        optimizers: what makes each step.
        start: the point before the first step.
        gradient: maps step and point to the gradients, without weight decay.
        state: the slots before the first step, for a run that is resumed.
        first: the index of the first step.

    >>> from fractions import Fraction
    >>> from flowlaw.oracles.dynamics import SGD, run
    >>> [m.parameters for m in run([SGD(lr=Fraction(1, 2))] * 2, (8,), lambda k, theta: (theta[0],))]
    [(8,), (Fraction(4, 1),), (Fraction(2, 1),)]
    """
    point, slots = start, (None,) * len(start) if state is None else state
    moments: list[Moment] = []
    for index, optimizer in enumerate(optimizers, first):
        asked = point
        gradients = gradient(index, point)
        if isinstance(optimizer, LooksAhead):
            asked = optimizer.ascend(point, gradients)
            gradients = gradient(index, asked)
        moments.append(Moment(index, point, optimizer, gradients, slots, None if asked is point else asked))
        point, slots = step(optimizer, point, gradients, slots)
    return (*moments, Moment(first + len(optimizers), point, None, None, slots))


class LooksAhead:
    """Mark of optimizers that take their gradient elsewhere than at the parameters (SAM)."""

    __slots__ = ()

    def ascend(self, parameters: Leaves, gradients: Gradients, norm: Number = None) -> Leaves:
        """The point at which the gradient of the step is taken."""
        raise NotImplementedError
