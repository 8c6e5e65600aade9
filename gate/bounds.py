"""What rounding may do to a run: bounds that belong to the arithmetic of the target, not to taste.

*The optimizer.* A step is replayed on balls from what was recorded: parameters are exact, the gradient is a ball, and
so is the memory of the optimizer, which is made from the gradients of the steps before. ``ORDERS`` allows for the other
ways to write the same update.

*Gradients.* Two evaluations of one gradient, and its defect ``<g, xi>`` of a symmetric loss, differ by rounding in
forward and backward pass. That is bounded by ``roundings`` units of what there is: of the gradient itself, and of what
it moves by if every parameter moves by one rounding. The latter is measured by probes; it is what tells the rounding of
a gradient that would be exactly 0 (a bias before a normalisation, a key bias) from a wrong one.

*The identity itself* is evaluated in float64 on balls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

import numpy as np

from ..oracles.dynamics import Grouped, Moment, Optimizer, step
from .balls import DOUBLE, Ball, Format, rounded_optimizer
from .record import Record

ORDERS = 8.0
"""Every operation of an update may be up to seven in the target, besides the one here: ``m + (1 - b) (g - m)`` for
``b m + (1 - b) g`` (three of the same size), a division as product with a reciprocal, a rate as a quotient of
corrections, a hyper-parameter that was itself rounded."""
POWER = 1e-2
"""A law is testable where its bound is below this share of what a step moves: wrong conventions (decay, dampening,
bias correction) change a step by percents."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Some runs of one record whose steps skip the same tensors, stacked: arrays have shape (runs, *shape).

    Args:
        runs: their numbers.
        first: the index of their first moment.
        optimizers: of each step.
        points: for each moment the parameters.
        errors: for each moment after the first, by how much the step that led to it may have rounded, given everything
            before it; lists by tensor.
        gradients: for each step balls, or None for a skipped tensor; None for all where they are not known.
        slots: for each moment the memory of the optimizer, remade from the gradients; None where it is not known.
        reached: for each step the balls in which the parameters after it have to be.
        asked: where the gradients were taken, if not at the points.
    """

    runs: tuple[int, ...]
    first: int
    optimizers: tuple[Optimizer, ...]
    points: tuple[tuple[Any, ...], ...]
    errors: tuple[tuple[Any, ...], ...]
    gradients: tuple[tuple[Any, ...], ...] | None
    slots: tuple[tuple[Any, ...], ...] | None
    reached: tuple[tuple[Any, ...], ...]
    asked: tuple[tuple[Any, ...] | None, ...]

    @property
    def steps(self) -> int:
        """The length of the runs."""
        return len(self.optimizers)


def replayable(record: Record) -> bool:
    """Whether the steps can be made again: gradients are known, and the memory of the optimizer at the start."""
    return record.has_gradients and all(m[0].index == 0 or m[0].state is not None for m in record.runs)


def trails(record: Record) -> tuple[Trail, ...]:
    """All runs of a record, stacked where they can be."""
    stacks: dict[tuple[object, ...], list[int]] = {}
    for number, moments in enumerate(record.runs):
        pattern = tuple(tuple(g is None for g in m.gradients or ()) for m in moments)
        told = tuple(moment.optimizer for moment in moments)
        stacks.setdefault((pattern, told, moments[0].index), []).append(number)
    relative = sensitivity(record)
    return tuple(_trail(record, tuple(numbers), relative) for numbers in stacks.values())


def sensitivity(record: Record) -> tuple[float, ...]:
    """For each tensor, how much its gradient moves beside its largest entry if all parameters move by one rounding.

    The median over all probes: now and then a probe crosses a kink, which says nothing of rounding.
    """
    found: list[list[float]] = [[] for _ in record.names]
    for moments, probes in zip(record.runs, record.probes, strict=False):
        for moment, probe in zip(moments, probes, strict=False):
            for i, (g, near) in enumerate(zip(moment.gradients or (), probe.gradients or (), strict=False)):
                if g is not None and near is not None and g.size and (largest := float(abs(g).max())):
                    found[i].append(float(abs(near - g).max()) / largest)
    return tuple(float(np.median(ratios)) if ratios else 0.0 for ratios in found)


def _trail(record: Record, runs: tuple[int, ...], relative: Sequence[float]) -> Trail:
    moments = [record.runs[run] for run in runs]
    count = len(moments[0]) - 1
    tensors = range(len(record.names))
    optimizers = tuple(cast(Optimizer, moment.optimizer) for moment in moments[0][:-1])
    points = tuple(tuple(np.stack([m[k].parameters[i] for m in moments]) for i in tensors) for k in range(count + 1))
    asked = tuple(
        None if m.asked is None else tuple(np.stack([_asked(one[k])[i] for one in moments]) for i in tensors)
        for k, m in enumerate(moments[0][:-1])
    )
    first = moments[0][0].index
    bare = Trail(runs, first, optimizers, points, (), None, None, (), asked)
    if any(moment.gradients is None for moment in moments[0][:-1]):
        return replace(bare, errors=_snapshot_errors(record, points))
    balls = [[_gradient_ball(record, runs, k, i, relative[i]) for i in tensors] for k in range(count)]
    gradients = tuple(tuple(None if b is None else Ball(b.value, b.radius) for b in row) for row in balls)
    if not replayable(record):
        return replace(bare, errors=_snapshot_errors(record, points), gradients=gradients)
    slots = [tuple(_given([None if m[0].state is None else m[0].state[i] for m in moments], record) for i in tensors)]
    reached: list[tuple[Any, ...]] = []
    errors: list[tuple[Any, ...]] = []
    for k in range(count):
        optimizer = rounded_optimizer(optimizers[k], record.format)
        start = tuple(Ball(leaf, 0.0, record.format) for leaf in points[k])
        after, slot = step(optimizer, start, tuple(balls[k]), slots[k])
        exact = tuple(None if b is None else Ball(b.value, 0.0, b.format) for b in balls[k])
        local, _ = step(optimizer, start, exact, stripped(slots[k]))
        reached.append(tuple(Ball(ball.value, ORDERS * ball.radius) for ball in after))
        errors.append(tuple(ORDERS * np.broadcast_to(ball.radius, ball.value.shape) for ball in local))
        slots.append(slot)
    memory = tuple(map(_in_double, slots))
    return replace(bare, errors=tuple(errors), gradients=gradients, slots=memory, reached=tuple(reached))


def _given(slots: Sequence[Any], record: Record) -> Any:
    """Recorded memories of one tensor, stacked and exact."""
    first = slots[0]
    if first is None or isinstance(first, int):
        return first
    if isinstance(first, tuple):
        return tuple(_given(parts, record) for parts in zip(*slots, strict=True))
    if is_dataclass(first) and not isinstance(first, type):
        found = {f.name: _given([getattr(slot, f.name) for slot in slots], record) for f in fields(first)}
        return replace(first, **found)
    return Ball(np.stack([np.asarray(slot, dtype=np.float64) for slot in slots]), 0.0, record.format)


def _asked(moment: Moment) -> tuple[Any, ...]:
    return moment.parameters if moment.asked is None else moment.asked


def _gradient_ball(record: Record, runs: Sequence[int], k: int, tensor: int, relative: float) -> Ball | None:
    """The gradients of one step as a ball in the format of the parameters; an entry that is 0 and stays so is 0."""
    given = [cast("tuple[Any, ...]", record.runs[run][k].gradients)[tensor] for run in runs]
    if given[0] is None:
        return None
    values = np.stack(given)
    sizes = abs(values)
    alive = sizes != 0
    if record.probes:
        near = [cast("tuple[Any, ...]", record.probes[run][k].gradients)[tensor] for run in runs]
        alive |= np.stack([np.zeros_like(values[0]) if g is None else g for g in near]) != 0
    largest = sizes.reshape(len(runs), -1).max(axis=1, initial=0.0).reshape(-1, *[1] * (values.ndim - 1))
    radius = record.roundings * (record.gradient_format.unit * sizes + relative * largest)
    return Ball(values, np.where(alive, radius, 0.0), record.format)


def _snapshot_errors(record: Record, points: Sequence[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    """The same from snapshots alone: a step rounds its start, its result, and the terms that it is made of.

    The terms of a step of SGD are the step before times the momentum, decay, and a gradient that makes up for both.
    """
    found: list[tuple[Any, ...]] = []
    for k in range(len(points) - 1):
        row: list[Any] = []
        for i, (before, after) in enumerate(zip(points[k], points[k + 1], strict=True)):
            earlier = abs(before - points[k - 1][i]) if k else 0.0
            terms = abs(before) + abs(after) + 4 * (abs(after - before) + earlier)
            row.append(ORDERS * record.format.unit * terms)
        found.append(tuple(row))
    return tuple(found)


def vacuous(trail: Trail) -> bool:
    """Whether a step divides by what may be 0, so that anything would be the step."""
    return any(not np.isfinite(ball.radius).any() for row in trail.reached for ball in row if np.size(ball.value))


def gradient_sizes(trail: Trail, k: int, tensor: int) -> Any:
    """How large a gradient of step k is at most, from the snapshots around: ``lr g`` is what is not carried on."""
    optimizer = trail.optimizers[k]
    h: Any = optimizer.groups[optimizer.members[tensor]] if isinstance(optimizer, Grouped) else optimizer
    lr = float(getattr(h, "lr", 0.0))
    if lr == 0:
        return np.zeros_like(trail.points[k][tensor])
    share = 1 - float(getattr(h, "dampening", 0.0)) or 1.0
    moved = abs(trail.points[k + 1][tensor] - trail.points[k][tensor])
    before = abs(trail.points[k][tensor] - trail.points[k - 1][tensor]) if k else 0.0
    carried = float(getattr(h, "momentum", 0.0)) * before
    return (moved + carried) / (lr * share) + float(getattr(h, "weight_decay", 0.0)) * abs(trail.points[k][tensor])


def stripped(thing: Any, format: Format | None = None) -> Any:
    """A slot whose balls have no radius, and round in another format."""
    return _mapped(thing, lambda ball: Ball(ball.value, 0.0, format or ball.format))


def _in_double(thing: Any) -> Any:
    """A slot whose balls round in float64 from here on."""
    return _mapped(thing, lambda ball: Ball(ball.value, ORDERS * ball.radius, DOUBLE))


def _mapped(thing: Any, change: Callable[[Ball], Ball]) -> Any:
    if isinstance(thing, Ball):
        return change(thing)
    if issubclass(cast("type[object]", type(thing)), tuple):
        return tuple(_mapped(part, change) for part in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{f.name: _mapped(getattr(thing, f.name), change) for f in fields(thing)})
    return thing
