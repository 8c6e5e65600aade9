"""Identities of a family on all windows of a record at once: residual, bound, and what is at stake.

Windows whose optimizers and memories agree are stacked, whatever their run and step, and an identity runs once on the
stack, on balls. The bound of a residual has three parts: the rounding of the steps (every point is a ball), what the
gradients may lack of the symmetry by rounding (the defect of the identity on balls around 0), and the evaluation in
float64. What is at stake is the radius of the residual if every step of the window were off by all of itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ..oracles.dynamics import Law, Moment, View
from .balls import EXACT, Ball
from .bounds import Trail, gradient_sizes, stripped
from .enclosures import Enclosed
from .record import Record
from .symmetry import Family

_ENTRIES = 4_000_000
"""Entries in one stack at most: longer ones are taken in parts."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was measured of one identity.

    Args:
        step: of each row, the last step of its window.
        run: of each row.
        residual: shape (rows, members).
        bound: the same shape.
        stake: what the steps of the window move, the same shape.
    """

    step: Any
    run: Any
    residual: Any
    bound: Any
    stake: Any

    @property
    def ratio(self) -> Any:
        """Residual over bound: 0 for an exact residual, and where the bound excludes nothing."""
        with np.errstate(all="ignore"):
            ratio = abs(self.residual) / self.bound
        ratio = np.where(np.isnan(ratio), np.inf, ratio)
        return np.where((self.residual == 0) | np.isinf(self.bound), 0.0, ratio)


class Measured:
    """One family on all runs of a record."""

    def __init__(self, record: Record, stacked: Sequence[Trail], family: Family) -> None:
        self.record = record
        self.trails = stacked
        self.family = family
        leaves = record.runs[0][0].parameters
        self.tensors = family.tensors(leaves)
        self.entries = sum(int(np.size(leaves[i])) for i in self.tensors)
        self.charge = Enclosed(family, self.entries)
        self.exact = Enclosed(family, self.entries, rounds=False)
        self.noise: Any = None
        self.defects = [[self._defect(trail, k) for k in range(trail.steps)] for trail in stacked]
        if record.has_gradients and record.probes:
            self.noise = self._noise()

    def orthogonality(self) -> Reading | None:
        """``<g, xi>`` at every step; None where every step skips a tensor."""
        parts: list[Reading] = []
        for trail, row in zip(self.trails, self.defects, strict=True):
            for k, (defect, size) in enumerate(row):
                if defect is None:
                    continue
                bound = self._allowed(size) + defect.radius
                where = np.full(len(trail.runs), trail.first + k)
                parts.append(Reading(where, np.array(trail.runs), defect.value, bound, size))
        return _joined(parts, len(self.family.names)) if parts else None

    def law(self, law: Law) -> Reading | str:
        """The residual of an identity in every window, or why there is none."""
        parts: list[Reading] = []
        obstacle = "The runs are too short."
        for t, trail in enumerate(self.trails):
            for starts, length in self._windows(law, trail):
                window = self._plain(trail, starts[0], length)
                if why := law.obstacle(window, cast(Any, self.family)):
                    obstacle = why
                    continue
                share = max(1, _ENTRIES // max(1, self.entries * len(trail.runs) * (length + 1)))
                for first in range(0, len(starts), share):
                    parts.append(self._measure(law, t, starts[first : first + share], length))
        if not parts:
            return obstacle
        return _joined(parts, len(self.family.names))

    def _windows(self, law: Law, trail: Trail) -> Iterator[tuple[list[int], int]]:
        """Starts of windows that are measured together: the same optimizers, and a memory of the same age."""
        length = trail.steps if law.longer else law.steps
        if length < law.steps:
            return
        groups: dict[object, list[int]] = {}
        for k in range(trail.steps - length + 1):
            if law.first and (k or trail.first):
                break
            told = trail.optimizers[k : k + length]
            ages = None if trail.slots is None else tuple(_age(trail.slots[k][i]) for i in self.tensors)
            skipped = None
            if trail.gradients is not None:
                skipped = tuple(g[i] is None for g in trail.gradients[k : k + length] for i in self.tensors)
            groups.setdefault((told, ages, skipped, k + trail.first == 0), []).append(k)
        for starts in groups.values():
            yield starts, length

    def _plain(self, trail: Trail, k: int, length: int) -> list[Moment]:
        """One window for ``Law.obstacle``."""
        return [
            Moment(
                trail.first + k + j,
                trail.points[k + j],
                trail.optimizers[k + j] if j < length else None,
                None if trail.gradients is None or j == length else trail.gradients[k + j],
                None if trail.slots is None else trail.slots[k + j],
            )
            for j in range(length + 1)
        ]

    def _measure(self, law: Law, number: int, starts: Sequence[int], length: int) -> Reading:
        trail = self.trails[number]
        stack = _Stack(trail, starts, self.tensors, len(self.record.names))
        moments = [self._moment(stack, j, length, starts[0]) for j in range(length + 1)]
        left, right = law.sides(View(moments, self.charge))
        residual = Ball(0.0) + left - right
        allowed = [self._stacked_allowed(number, starts, j) for j in range(length)]
        without = [replace(m, gradients=stack.zeroed(m.gradients)) for m in moments]
        defect = law.defect(_Allowed(without, self.charge, allowed))
        bound = np.asarray(residual.radius) + (defect.radius if isinstance(defect, Ball) else 0.0)
        moved = [
            replace(m, parameters=stack.moved(j), gradients=stack.plain(m.gradients), state=_plain_state(m.state))
            for j, m in enumerate(moments)
        ]
        left, right = law.sides(View(moved, self.exact))
        stake = _radius(left) + _radius(right)
        shape = (len(starts) * len(trail.runs), len(self.family.names))
        return Reading(
            np.repeat([trail.first + k + length - 1 for k in starts], len(trail.runs)),
            np.tile(trail.runs, len(starts)),
            np.broadcast_to(residual.value, shape),
            np.broadcast_to(np.where(np.isnan(bound), np.inf, bound), shape),
            np.broadcast_to(stake, shape),
        )

    def _moment(self, stack: _Stack, j: int, length: int, first: int) -> Moment:
        trail = stack.trail
        return Moment(
            trail.first + first + j,
            stack.points(j, length),
            trail.optimizers[first + j] if j < length else None,
            stack.gradients(j) if j < length else None,
            stack.state(j),
            stack.asked(j) if j < length else None,
        )

    def _defect(self, trail: Trail, k: int) -> tuple[Any, Any]:
        """``<g_k, xi>`` and the sum of its absolute terms; None where a tensor is skipped."""
        if trail.gradients is None:
            leaves = {i: gradient_sizes(trail, k, i) for i in self.tensors}
            flat = [leaves.get(i, 0.0) for i in range(len(self.record.names))]
            return None, self._size(flat, trail.points[k])
        row = trail.gradients[k]
        if any(row[i] is None for i in self.tensors):
            return None, None
        where = trail.points[k] if trail.asked[k] is None else trail.asked[k]
        values = [Ball(row[i].value) if i in self.tensors else 0.0 for i in range(len(row))]
        return self.charge.pair(values, cast(Any, where)), self._size(values, cast(Any, where))

    def _size(self, leaves: Sequence[Any], where: Sequence[Any]) -> Any:
        wide = [
            Ball(0.0 * leaf.value, abs(leaf.value)) if isinstance(leaf, Ball) else Ball(0.0 * leaf, leaf)
            for leaf in leaves
        ]
        return self.exact.pair(wide, where).radius

    def _allowed(self, size: Any) -> Any:
        """What a defect may be for a symmetry."""
        allowed = self.record.roundings * self.record.gradient_format.unit * size
        return allowed if self.noise is None else allowed + self.record.roundings * self.noise

    def _noise(self) -> Any:
        """For each member by how much its defect moves at most if all parameters move by one rounding."""
        noise: Any = np.zeros(len(self.family.names))
        for trail, row in zip(self.trails, self.defects, strict=True):
            for k, (defect, _) in enumerate(row):
                if defect is None:
                    continue
                probes = [self.record.probes[run][k] for run in trail.runs]
                if any(g is None for probe in probes for g in probe.gradients or (None,)):
                    probes = [p for p in probes if all((p.gradients or ())[i] is not None for i in self.tensors)]
                    if len(probes) < len(trail.runs):
                        continue
                stacked = [
                    np.stack([cast(Any, p.gradients)[i] for p in probes]) if i in self.tensors else 0.0
                    for i in range(len(self.record.names))
                ]
                where = [np.stack([p.parameters[i] for p in probes]) for i in range(len(self.record.names))]
                near = self.charge.pair([Ball(g) for g in stacked], where)
                noise = np.maximum(noise, abs(near.value - defect.value).max(axis=0))
        return noise

    def _stacked_allowed(self, number: int, starts: Sequence[int], j: int) -> Any:
        sizes = [self.defects[number][k + j][1] for k in starts]
        if any(size is None for size in sizes):
            return 0.0
        return self._allowed(np.concatenate(sizes))


class _Allowed(View):
    """A window of a symmetry: every defect is a ball around 0, as large as rounding allows."""

    __slots__ = ("allowed",)

    def __init__(self, moments: Sequence[Moment], charge: Any, allowed: Sequence[Any]) -> None:
        super().__init__(moments, charge)
        self.allowed = allowed

    def defect(self, k: int) -> Any:
        return Ball(0.0 * np.asarray(self.allowed[k]), self.allowed[k])


class _Stack:
    """The leaves of windows that start at given steps of a trail, one below the other."""

    def __init__(self, trail: Trail, starts: Sequence[int], tensors: Sequence[int], count: int) -> None:
        self.trail = trail
        self.starts = starts
        self.tensors = frozenset(tensors)
        self.count = count

    def _leaves(self, rows: Any, j: int) -> tuple[Any, ...]:
        return tuple(
            np.concatenate([rows[k + j][i] for k in self.starts]) if i in self.tensors else 0.0
            for i in range(self.count)
        )

    def points(self, j: int, length: int) -> tuple[Any, ...]:
        """A point may be off by the rounding of the step to it, and of the step from it."""
        values = self._leaves(self.trail.points, j)
        to = self._leaves(self.trail.errors, j - 1) if j else [0.0] * self.count
        off = self._leaves(self.trail.errors, j) if j < length else [0.0] * self.count
        return tuple(Ball(values[i], to[i] + off[i]) if i in self.tensors else 0.0 for i in range(self.count))

    def moved(self, j: int) -> tuple[Any, ...]:
        """The points after the first, each with its whole step for radius."""
        values = self._leaves(self.trail.points, j)
        if not j:
            return values
        before = self._leaves(self.trail.points, j - 1)
        return tuple(
            Ball(v, abs(v - b), EXACT) if i in self.tensors else 0.0
            for i, (v, b) in enumerate(zip(values, before, strict=True))
        )

    def gradients(self, j: int) -> tuple[Any, ...] | None:
        rows = self.trail.gradients
        if rows is None:
            return None
        return tuple(
            self._joined([rows[k + j][i] for k in self.starts]) if i in self.tensors else None
            for i in range(self.count)
        )

    def zeroed(self, gradients: Any) -> Any:
        """Gradients of which only the radius is left."""
        if gradients is None:
            return tuple(0.0 for _ in range(self.count))
        return tuple(None if g is None else Ball(0.0 * g.value, g.radius) for g in gradients)

    def plain(self, gradients: Any) -> Any:
        """Gradients without radius."""
        return None if gradients is None else tuple(None if g is None else g.value for g in gradients)

    def asked(self, j: int) -> tuple[Any, ...] | None:
        rows = [self.trail.asked[k + j] for k in self.starts]
        if any(row is None for row in rows):
            return None
        return tuple(
            np.concatenate([cast(Any, row)[i] for row in rows]) if i in self.tensors else 0.0 for i in range(self.count)
        )

    def state(self, j: int) -> tuple[Any, ...] | None:
        rows = self.trail.slots
        if rows is None:
            return None
        return tuple(
            self._joined([rows[k + j][i] for k in self.starts]) if i in self.tensors else None
            for i in range(self.count)
        )

    def _joined(self, slots: Sequence[Any]) -> Any:
        """Slots of the same age below each other."""
        first = slots[0]
        if len(slots) == 1 or first is None or not (isinstance(first, Ball | tuple) or hasattr(first, "__slots__")):
            return first
        if isinstance(first, Ball):
            radii = [np.broadcast_to(slot.radius, slot.value.shape) for slot in slots]
            return Ball(np.concatenate([slot.value for slot in slots]), np.concatenate(radii), first.format)
        if isinstance(first, tuple):
            return tuple(self._joined(parts) for parts in zip(*slots, strict=True))
        names = first.__dataclass_fields__
        return replace(first, **{name: self._joined([getattr(slot, name) for slot in slots]) for name in names})


def _plain_state(state: Any) -> Any:
    return None if state is None else stripped(state, EXACT)


def _radius(x: Any) -> Any:
    return x.radius if isinstance(x, Ball) else 0.0


def _age(slot: Any) -> object:
    """What has to agree for two memories to be stacked: whether there is one, and its count of steps."""
    if slot is None or isinstance(slot, Ball):
        return slot is None
    if issubclass(cast("type[object]", type(slot)), tuple):
        return len(slot)
    return getattr(slot, "step", type(slot).__name__)


def _joined(parts: Sequence[Reading], members: int) -> Reading:
    return Reading(
        np.concatenate([part.step for part in parts]),
        np.concatenate([part.run for part in parts]),
        *(
            np.concatenate([np.broadcast_to(getattr(part, name), (len(part.step), members)) for part in parts])
            for name in ("residual", "bound", "stake")
        ),
    )
