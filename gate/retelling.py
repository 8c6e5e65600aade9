"""Ways to tell a record anew: another optimizer, another schedule, other gradients, another format.

Each is a function of a record that yields records: none where nothing would be different, several where there is a
choice. The changes of one optimizer that they are given are in ``wrong_steps``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from ..oracles.dynamics import Gradients, Grouped, Moment
from .balls import FORMATS
from .record import Record, transformed

Retelling = Callable[[Record], Iterator[Record]]
Change = Callable[[Any], Any]
"""Of one optimizer; None where it does not apply."""
LIMITS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Limits of clipping that people write."""


# -- optimizers --------------------------------------------------------------------------------------------------------


def optimizers(*changes: Change) -> Retelling:
    """Every optimizer, or that of every group, changed; one record for each change."""

    def one(change: Change, optimizer: Any) -> Any:
        if isinstance(optimizer, Grouped):
            return Grouped(tuple(one(change, group) for group in optimizer.groups), optimizer.members)
        made = change(optimizer)
        return optimizer if made is None else made

    def retell(record: Record) -> Iterator[Record]:
        for change in changes:
            yield from _told(record, [[one(change, optimizer) for optimizer in told] for told in _optimizers(record)])

    return retell


def schedule(change: Callable[[list[Any]], list[Any]]) -> Retelling:
    """The optimizers of all steps changed together; a shorter list makes runs shorter."""
    return lambda record: _told(record, list(map(change, _optimizers(record))))


def tensors(change: Callable[[int, Any, Any], Any]) -> Retelling:
    """The optimizer of each tensor changed by its number, its values and itself."""

    def retell(record: Record) -> Iterator[Record]:
        leaves = record.runs[0][0].parameters

        def one(optimizer: Any) -> Any:
            parts = [_part(optimizer, i) for i in range(len(leaves))]
            made = [change(i, leaf, h) for i, (leaf, h) in enumerate(zip(leaves, parts, strict=True))]
            return optimizer if made == parts else Grouped(tuple(made), tuple(range(len(leaves))))

        yield from _told(record, [list(map(one, told)) for told in _optimizers(record)])

    return retell


def decay_on_all(record: Record) -> Iterator[Record]:
    """The largest decay of all groups for every tensor."""

    def one(optimizer: Any) -> Any:
        if not isinstance(optimizer, Grouped):
            return optimizer
        groups: tuple[Any, ...] = optimizer.groups
        decay = max(float(getattr(group, "weight_decay", 0.0)) for group in groups)
        spared = (replace(g, weight_decay=decay) if hasattr(g, "weight_decay") else g for g in groups)
        return Grouped(tuple(spared), optimizer.members)

    yield from _told(record, [list(map(one, told)) for told in _optimizers(record)])


def first_group(record: Record) -> Iterator[Record]:
    """The first group for all tensors."""
    alone = [[o.groups[0] if isinstance(o, Grouped) else o for o in told] for told in _optimizers(record)]
    yield from _told(record, alone)


def _optimizers(record: Record) -> list[list[Any]]:
    return [[moment.optimizer for moment in moments[:-1]] for moments in record.runs]


def _part(optimizer: Any, tensor: int) -> Any:
    return optimizer.groups[optimizer.members[tensor]] if isinstance(optimizer, Grouped) else optimizer


def _told(record: Record, told: Sequence[Sequence[Any]]) -> Iterator[Record]:
    """The record with these optimizers in each run, if that is another one."""
    if all(not row or list(row) == old[: len(row)] for row, old in zip(told, _optimizers(record), strict=True)):
        return
    runs: list[tuple[Moment, ...]] = []
    for moments, row in zip(record.runs, told, strict=True):
        kept = [replace(moment, optimizer=optimizer) for moment, optimizer in zip(moments, row, strict=False)]
        runs.append((*kept, Moment(moments[len(row)].index, moments[len(row)].parameters)))
    yield replace(record, runs=tuple(runs))


# -- gradients ---------------------------------------------------------------------------------------------------------


def gradients(*changes: Callable[[Sequence[Gradients]], Sequence[Gradients]]) -> Retelling:
    """The gradients of all steps of a run changed together; one record for each change."""

    def retell(record: Record) -> Iterator[Record]:
        for change in changes:
            yield with_gradients(record, change)

    return retell


def with_gradients(record: Record, change: Callable[[Sequence[Gradients]], Sequence[Gradients]]) -> Record:
    """The record of a step that sees other gradients; what it does to gradients is done to these."""
    if record.before is not None and record.transform is not None:
        return transformed(with_gradients(record.before, change), record.transform)

    def changed(moments: Sequence[Moment]) -> tuple[Moment, ...]:
        told = iter(change([m.gradients for m in moments if m.gradients is not None]))
        return tuple(m if m.gradients is None else replace(m, gradients=next(told)) for m in moments)

    return replace(record, runs=tuple(map(changed, record.runs)), probes=tuple(map(changed, record.probes)))


def times(*factors: float) -> Retelling:
    """All gradients times a factor."""

    def by(factor: float) -> Callable[[Sequence[Gradients]], Sequence[Gradients]]:
        return lambda steps: [_scaled(row, factor) for row in steps]

    return gradients(*map(by, factors))


def of_tensor(number: int, change: Callable[[Any], Any]) -> Retelling:
    """The gradient of one tensor changed."""

    def one(row: Gradients) -> Gradients:
        return tuple(change(g) if i == number and g is not None else g for i, g in enumerate(row))

    return gradients(lambda steps: list(map(one, steps)))


def stale(record: Record) -> Iterator[Record]:
    """The gradients of the step before; at the first step its own, or none."""
    yield with_gradients(record, lambda steps: [steps[0], *steps[:-1]])
    yield with_gradients(record, lambda steps: [_scaled(steps[0], 0.0), *steps[:-1]])


def summed_up(steps: Sequence[Gradients]) -> list[Gradients]:
    """Gradients that are never set back to zero."""
    made: list[Gradients] = []
    for row in steps:
        before = made[-1] if made else (None,) * len(row)
        made.append(tuple(b if g is None else g if b is None else b + g for g, b in zip(row, before, strict=True)))
    return made


def clipping(make: Callable[..., Any], *epsilons: float) -> Retelling:
    """Another clipping of the gradients, with the described limit, or one that people write, if it clips anything."""

    def retell(record: Record) -> Iterator[Record]:
        alone = record if record.before is None else record.before
        own = getattr(record.transform, "limit", None)
        for limit in LIMITS if own is None else (float(own), *LIMITS):
            for chosen in ({"eps": eps} for eps in epsilons) if epsilons else ({},):
                made = transformed(alone, make(limit=limit, **chosen))
                if _clips(made, alone):
                    yield made

    return retell


def _clips(made: Record, alone: Record) -> bool:
    """Whether a gradient became smaller by more than rounding."""
    runs = zip(made.runs, alone.runs, strict=True)
    rows = ((m.gradients or (), o.gradients or ()) for run, old in runs for m, o in zip(run, old, strict=True))
    pairs = (pair for row, raw in rows for pair in zip(row, raw, strict=True))
    return any(g is not None and bool((abs(g) < 0.999 * abs(cast(Any, raw))).any()) for g, raw in pairs)


def unclipped(record: Record) -> Iterator[Record]:
    """The gradients before anything was done to them."""
    if record.before is not None:
        yield record.before


def _scaled(row: Gradients, factor: float) -> Gradients:
    return tuple(None if g is None else factor * g for g in row)


# -- formats -----------------------------------------------------------------------------------------------------------


def kept_in(name: str) -> Retelling:
    """The run in a coarser format, if every parameter after a step is a number of it, and of none that is coarser."""

    def fits(record: Record, bits: int) -> bool:
        leaves = (leaf for moments in record.runs for moment in moments[1:] for leaf in moment.parameters)
        return all(bool((np.ldexp(np.frexp(leaf)[0], bits) % 1 == 0).all()) for leaf in leaves)

    def retell(record: Record) -> Iterator[Record]:
        bits = FORMATS[name].bits
        coarser = [format.bits for format in FORMATS.values() if format.bits < bits]
        if bits < record.format.bits and fits(record, bits) and not any(fits(record, b) for b in coarser):
            yield replace(record, dtype=name)

    return retell


def computed_in(name: str) -> Retelling:
    """The run in a coarser format."""

    def retell(record: Record) -> Iterator[Record]:
        if FORMATS[name].bits < record.format.bits:
            yield replace(record, dtype=name)

    return retell
