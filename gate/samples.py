"""What one check of a watched loop looks at: slices of tensors drawn at random, and families cut down to them.

Identities of a family relate the slices of each member alone, so a part of the members needs a part of the entries. A
piece is such slices as a matrix, one row a slice; to everything that judges it is a tensor like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np

from .symmetry import Family, Floats, Indices, Marginal, Mixing, Pairs, Scalings, Shears, Shifts, Slot
from .target import Array

LARGEST = 2**22
"""Entries that a single member may have at most; judging keeps some 350 bytes for each."""
ENTRIES_OF_A_STEP = 64
"""Entries of one tensor that are drawn for the step itself."""
TENSORS_OF_A_STEP = 16
"""Tensors that they are drawn from, in rotation."""
Shapes = Sequence[tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Slices of a tensor.

    Args:
        tensor: its number.
        axes: whose indices are fixed together; none takes single entries.
        indices: of the slices, counted row-major over the axes; None takes the whole tensor as it is.
        view: the shape in which axes are counted, if it is not the tensor's own.
    """

    tensor: int
    axes: tuple[int, ...] = ()
    indices: Indices | None = None
    view: tuple[int, ...] = ()

    def of(self, x: Any) -> Array:
        """A copy in float64 of what a torch tensor has there; shape (slices, entries of one), or that of the tensor."""
        x = x.detach()
        if self.indices is not None and not self.axes:
            x = x.reshape(-1)[self.indices]
        elif self.indices is not None:
            x = x.reshape(self.view or x.shape).movedim(self.axes, tuple(range(len(self.axes))))
            x = x[np.unravel_index(self.indices, x.shape[: len(self.axes)])].reshape(len(self.indices), -1)
        return np.array(x.double().cpu().numpy())


@dataclass(frozen=True, slots=True)
class Sample:
    """What one check looks at.

    Args:
        pieces: in the place of tensors.
        families: on pieces.
        numbers: of the families that these are parts of.
        members: which of their members.
        complete: whether the pieces are all tensors as they are.
    """

    pieces: tuple[Piece, ...]
    families: tuple[Family, ...]
    numbers: tuple[int, ...]
    members: tuple[Indices, ...]
    complete: bool


class Samples:
    """Draws one sample after the other; families take turns, those with the smallest members first.

    Args:
        families: all that are watched.
        shapes: of the tensors.
        entries: how many entries one sample may have, single members aside.
        together: how many families one sample may have.
    """

    def __init__(self, families: Sequence[Family], shapes: Shapes, entries: int, together: int) -> None:
        self.families, self.shapes = families, shapes
        self.entries, self.together = entries, max(1, together)
        self.known = all(_is_known(family) for family in families)
        """Whether all families can be cut down; else every sample has all tensors as they are."""
        self.costs = [costs(family, shapes) if self.known else np.zeros(1) for family in families]
        self.least = [float(cost.min(initial=np.inf)) for cost in self.costs]
        self.too_large = [k for k, least in enumerate(self.least) if least > max(LARGEST, entries)]
        self.turns = sorted((k for k in range(len(families)) if k not in self.too_large), key=lambda k: self.least[k])
        self._complete = sum(_size(shape) for shape in shapes) <= entries
        self._rng = np.random.default_rng(0)
        self._at = 0
        self._tensor = 0

    def draw(self) -> Sample:
        """The next sample. The first one has no member that is larger than ``entries``."""
        if not self.known:
            whole = tuple(Piece(tensor) for tensor in range(len(self.shapes)))
            every = tuple(np.arange(len(family.names)) for family in self.families)
            return Sample(whole, tuple(self.families), tuple(range(len(self.families))), every, complete=True)
        pieces = self._of_the_step()
        families: list[Family] = []
        numbers: list[int] = []
        chosen: list[Indices] = []
        left = self.entries

        def add(piece: Piece) -> int:
            pieces.append(piece)
            return len(pieces) - 1

        wanted = min(self.together, len(self.turns))
        while len(numbers) < wanted:
            k = self.turns[self._at % len(self.turns)]
            if self.least[k] > left and (numbers or self._at == 0):
                break
            members = self._members(k, left // (wanted - len(numbers)))
            left -= int(self.costs[k][members].sum())
            families.append(restricted(self.families[k], members, add))
            numbers.append(k)
            chosen.append(members)
            self._at += 1
        self._at = max(self._at, 1)
        return Sample(tuple(pieces), tuple(families), tuple(numbers), tuple(chosen), self._complete)

    def _members(self, number: int, entries: int) -> Indices:
        """At least one member, and as many as the entries allow; of pairs also those among the same slices."""
        cost = self.costs[number]
        order = self._rng.permutation(len(cost))
        count = int(np.searchsorted(np.cumsum(cost[order]), entries, side="right"))
        members = np.sort(order[: max(1, count)]).astype(np.int64)
        family = self.families[number]
        if isinstance(family, Pairs):
            members = np.flatnonzero(np.isin(family.pairs, family.pairs[members]).all(axis=1)).astype(np.int64)
        return members

    def _of_the_step(self) -> list[Piece]:
        """Entries on which the step itself is checked, whatever charges they belong to."""
        count = len(self.shapes)
        if self._complete:
            return [Piece(tensor) for tensor in range(count)]
        first = self._tensor
        self._tensor = first + min(count, TENSORS_OF_A_STEP)
        pieces: list[Piece] = []
        for tensor in sorted({turn % count for turn in range(first, self._tensor)}):
            size = _size(self.shapes[tensor])
            entries = np.unique(self._rng.integers(0, size, min(size, ENTRIES_OF_A_STEP))) if size else np.arange(0)
            pieces.append(Piece(tensor, (), entries.astype(np.int64)))
        return pieces


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _is_known(family: Family) -> bool:
    return isinstance(family, Scalings | Shifts | Mixing | Pairs | Shears)


@singledispatch
def costs(family: Any, shapes: Shapes) -> Floats:
    """How many entries each member needs; shape (members,). What members share is counted for each."""
    raise TypeError(f"{type(family).__name__} has no parts.")


@costs.register(Scalings)
@costs.register(Shifts)
def _(family: Scalings | Shifts, shapes: Shapes) -> Floats:
    total = np.zeros(len(family.names))
    for marginal in family.marginals:
        shape = marginal.view or shapes[marginal.tensor]
        slices = _size(tuple(shape[axis] for axis in _axes(marginal)))
        np.add.at(total, marginal.members, _size(shape) / max(1, slices))
    return total


@costs.register
def _(family: Pairs, shapes: Shapes) -> Floats:
    return np.full(len(family.names), 2.0 * _of_slots(family.slots, shapes))


@costs.register
def _(family: Mixing, shapes: Shapes) -> Floats:
    return np.full(len(family.names), _of_slots(family.slots, shapes) * family.basis.shape[1])


@costs.register
def _(family: Shears, shapes: Shapes) -> Floats:
    return np.full(len(family.names), 1.0 + 2.0 * _size(shapes[family.shear.taken]))


def _of_slots(slots: Sequence[Slot], shapes: Shapes) -> float:
    """The entries of one slice of each slot."""
    return float(sum(_size(shapes[slot.tensor]) / max(1, shapes[slot.tensor][slot.axis]) for slot in slots))


def _axes(marginal: Marginal) -> tuple[int, ...]:
    axis = marginal.axis
    return () if axis is None else axis if isinstance(axis, tuple) else (axis,)


@singledispatch
def restricted(family: Any, members: Indices, add: Callable[[Piece], int]) -> Any:
    """Some members of a family, on pieces that ``add`` numbers."""
    raise TypeError(f"{type(family).__name__} has no parts.")


@restricted.register(Scalings)
@restricted.register(Shifts)
def _(family: Scalings | Shifts, members: Indices, add: Callable[[Piece], int]) -> Any:
    number = np.full(len(family.names), -1)
    number[members] = np.arange(len(members))
    parts: list[Marginal] = []
    for m in family.marginals:
        kept = number[m.members] >= 0
        if not kept.any():
            continue
        owners, weights = number[m.members[kept]], m.weights[kept]
        if m.axis is None:
            parts.append(Marginal(add(Piece(m.tensor)), None, owners, m.indices[kept], weights))
            continue
        rows, places = np.unique(m.indices[kept], return_inverse=True)
        piece = Piece(m.tensor, _axes(m), rows, m.view)
        parts.append(Marginal(add(piece), 0, owners, places.astype(np.int64), weights))
    return replace(family, names=_named(family, members), marginals=tuple(parts))


@restricted.register
def _(family: Pairs, members: Indices, add: Callable[[Piece], int]) -> Any:
    used, places = np.unique(family.pairs[members], return_inverse=True)
    slots = tuple(_slot(slot, used, add) for slot in family.slots)
    return replace(family, names=_named(family, members), slots=slots, pairs=places.reshape(-1, 2).astype(np.int64))


@restricted.register
def _(family: Mixing, members: Indices, add: Callable[[Piece], int]) -> Any:
    every: Indices = np.arange(family.basis.shape[1], dtype=np.int64)
    slots = tuple(_slot(slot, every, add) for slot in family.slots)
    return replace(family, names=_named(family, members), slots=slots, basis=family.basis[members])


@restricted.register
def _(family: Shears, members: Indices, add: Callable[[Piece], int]) -> Any:
    shear = family.shear
    shifted = add(Piece(shear.shifted, (), np.array(shear.entries)[members]))
    reader = add(Piece(shear.reader, (shear.axis,), np.array(shear.columns)[members]))
    turn = tuple(range(len(members)))
    made = replace(shear, shifted=shifted, reader=reader, axis=0, taken=add(Piece(shear.taken)))
    return replace(family, names=_named(family, members), shear=replace(made, entries=turn, columns=turn))


def _slot(slot: Slot, used: Indices, add: Callable[[Piece], int]) -> Slot:
    rows = np.array(slot.indices, dtype=np.int64)[used]
    return Slot(add(Piece(slot.tensor, (slot.axis,), rows)), 0, tuple(range(len(rows))), slot.dual)


def _named(family: Family, members: Indices) -> tuple[str, ...]:
    return tuple(family.names[int(m)] for m in members)
