"""gl(h): linear combinations of channels, read off products of gradients and parameters.

Where a family of scalings has h members, the h x h matrix of ``<slice i of g, slice j of theta>``, added up over the
places where these channels appear, shows at once which pairs of channels may be mixed: its vanishing entries. Rotations
that belong to no scaling are found by a null space over all pairs of slices, where the target is small.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...oracles.dynamics import Kind
from ..symmetry import Floats, Indices, Pairs, Slot
from ._cuts import Cut, Vector, signature
from ._draws import Draw, Sampler
from ._settling import Settling
from ._translations import Mask

BLOCK = 256
"""Of a larger set of channels that mix the first ones are paired: every pair is a law, and there are h^2 of them."""


@dataclass(frozen=True, slots=True)
class Place:
    """One slot of every member of a family: slice ``indices[m]`` along one axis of a tensor."""

    tensor: int
    axis: int
    indices: tuple[int, ...]
    dual: bool

    def gram(self, left: Sequence[Floats], right: Sequence[Floats]) -> Floats:
        """``<slice i of left, slice j of right>``, and minus its transpose where the slot is dual."""
        gram: Floats = self.rows(left) @ self.rows(right).T
        return -gram.T if self.dual else gram

    def rows(self, tensors: Sequence[Floats]) -> Floats:
        """The slices, one a row."""
        moved = np.moveaxis(tensors[self.tensor], self.axis, 0)
        # all slices in order need no copy
        chosen = moved if self.indices == tuple(range(len(moved))) else moved[list(self.indices)]
        return chosen.reshape(len(self.indices), -1)

    def norms(self, tensors: Sequence[Floats]) -> Floats:
        a = self.rows(tensors)
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", a, a)))

    def slot(self, members: Sequence[int]) -> Slot:
        return Slot(self.tensor, self.axis, tuple(self.indices[m] for m in members), self.dual)


@dataclass(frozen=True, slots=True)
class Mixed:
    """Channels that mix.

    Args:
        pairs: the generators.
        origin: numbers of the scalings whose channels these are.
        channels: how many channels mix, also beyond those that are paired.
    """

    pairs: Pairs
    origin: tuple[int, ...]
    channels: int = 0


def places(vectors: Sequence[Vector]) -> list[Place] | None:
    """Where the members of a family of equal signature act; None if it is not by +1 and -1 on slices of an axis."""
    if any(abs(value) != 1 or len(cut.axes) != 1 or cut.view for v in vectors for (cut, _), value in v.items()):
        return None
    rows: list[dict[tuple[Cut, Fraction, int], int]] = []
    for vector in vectors:
        seen: dict[tuple[Cut, Fraction], int] = defaultdict(int)
        row: dict[tuple[Cut, Fraction, int], int] = {}
        for (cut, index), value in sorted(vector.items()):
            row[cut, value, seen[cut, value]] = index
            seen[cut, value] += 1
        rows.append(row)
    if any(set(row) != set(rows[0]) for row in rows):
        return None
    return [
        Place(cut.tensor, cut.axes[0], tuple(row[cut, value, k] for row in rows), value < 0)
        for cut, value, k in rows[0]
    ]


def upgrade(
    vectors: Sequence[Vector],
    sampler: Sampler,
    draws: Sequence[Draw],
    more: Sequence[Draw],
    largest: int,
    settling: Settling,
) -> list[Mixed]:
    """The mixings of channels that scale.

    Two ReLU units that are on for the same samples of a batch mix like linear ones: in a wide layer some pairs agree in
    a few draws, so every pair is tried on many.

    Args:
        vectors: confirmed scalings.
        draws: those on which all products are formed.
        more: those on which what has vanished is tried again.
        largest: the largest h for which products are formed.
        settling: more draws for what still holds then.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    for number, vector in enumerate(vectors):
        groups[signature(vector)].append(number)
    found: list[Mixed] = []
    for members in groups.values():
        if len(members) > largest:
            continue
        spots = places([vectors[m] for m in members])
        if spots is None:
            continue
        if len(members) > 1:
            between = _between(members, spots, sampler, draws)
            held = [kept for mixed in between if (kept := _confirmed(mixed, more, sampler.tolerance)) is not None]
            found.extend(kept for mixed in held if (kept := _settled(mixed, settling, sampler.tolerance)) is not None)
        found.extend(_within(members, spots, sampler, draws))
    return found


def _between(members: Sequence[int], spots: Sequence[Place], sampler: Sampler, draws: Sequence[Draw]) -> list[Mixed]:
    """Mixings of different channels: pairs (i, j) at which the added products vanish."""
    h = len(members)
    if h > BLOCK and not _promising(spots, sampler, draws[:2]):
        return []
    even, odd = np.ones((h, h), dtype=bool), np.ones((h, h), dtype=bool)
    power = np.zeros((h, h))
    for draw in draws:
        total = np.zeros((h, h))
        size = np.zeros((h, h))
        for spot in spots:
            total += spot.gram(draw.gradient, draw.theta)
            norms = np.outer(_felt(spot, draw), spot.norms(draw.theta))
            size += norms.T if spot.dual else norms
            strength = np.outer(spot.norms(draw.gradient), spot.norms(draw.theta))
            power = np.maximum(power, np.maximum(strength, strength.T))
        size += size.T
        even &= np.abs(total + total.T) <= sampler.tolerance * size
        odd &= np.abs(total - total.T) <= sampler.tolerance * size
        if not np.triu(even | odd, 1).any():
            return []
    upper = np.triu(power > 0, 1)
    return _families(members, spots, even & upper, odd & upper)


def _promising(spots: Sequence[Place], sampler: Sampler, draws: Sequence[Draw]) -> bool:
    """Whether some neighbours mix in a few draws: channels mix in blocks of neighbours, and h^2 products are many."""
    near = np.ones(len(spots[0].indices) - 1, dtype=bool)
    seen = ~near
    for draw in draws:
        total: Floats = np.zeros(len(near))
        other, size = total.copy(), total.copy()
        for spot in spots:
            g, t = spot.rows(draw.gradient), spot.rows(draw.theta)
            up, down = np.einsum("ij,ij->i", g[:-1], t[1:]), np.einsum("ij,ij->i", g[1:], t[:-1])
            total += -down if spot.dual else up
            other += -up if spot.dual else down
            felt, norms = _felt(spot, draw), spot.norms(draw.theta)
            size += felt[:-1] * norms[1:] + felt[1:] * norms[:-1]
            seen |= (up != 0) | (down != 0)
        near &= np.minimum(np.abs(total + other), np.abs(total - other)) <= sampler.tolerance * size
    return bool((near & seen).any())


def _felt(place: Place, draw: Draw) -> Floats:
    """Norms of the gradient's slices, at least a hundred-thousandth of the whole: less is rounding of the rest."""
    return np.asarray(np.maximum(place.norms(draw.gradient), 1e-5 * draw.norm))


def _confirmed(mixed: Mixed, draws: Sequence[Draw], tolerance: float) -> Mixed | None:
    """The pairs whose products vanish in these draws too; None if there are none."""
    family = mixed.pairs
    i, j = family.pairs[:, 0], family.pairs[:, 1]
    zero = np.ones(len(family.pairs), dtype=bool)
    for draw in draws:
        size = np.zeros(len(family.pairs))
        for slot in family.slots:
            place = Place(slot.tensor, slot.axis, slot.indices, slot.dual)
            g, t = _felt(place, draw), place.norms(draw.theta)
            size += g[i] * t[j] + g[j] * t[i]
        zero &= np.abs(family.pair(draw.gradient, draw.theta)) <= tolerance * size
    kept = np.flatnonzero(zero)
    if not len(kept):
        return None
    names = tuple(family.names[int(k)] for k in kept)
    pairs = Pairs(names, family.slots, family.pairs[kept], family.kind)
    return Mixed(pairs, mixed.origin, mixed.channels)


def _settled(mixed: Mixed | None, settling: Settling, tolerance: float) -> Mixed | None:
    """The pairs that more draws leave; None if there are none."""

    def again(held: Mixed | None, draw: Draw) -> Mixed | None:
        return None if held is None else _confirmed(held, [draw], tolerance)

    def size(held: Mixed | None) -> int:
        return 0 if held is None else len(held.pairs.names)

    return settling.settled(mixed, size, again)


def _families(members: Sequence[int], spots: Sequence[Place], even: Mask, odd: Mask) -> list[Mixed]:
    result: list[Mixed] = []
    for whole in _components(even | odd):
        block = whole[:BLOCK]
        inside = np.ix_(block, block)
        for mask, kind in ((even[inside], "quadratic"), (odd[inside], "antisymmetric")):
            pairs: Indices = np.argwhere(mask).astype(np.int64)
            if not len(pairs):
                continue
            slots = tuple(spot.slot(block) for spot in spots)
            names = tuple(f"{block[i]} with {block[j]}" for i, j in pairs)
            origin = tuple(members[b] for b in whole)
            chosen: Kind = "quadratic" if kind == "quadratic" else "antisymmetric"
            result.append(Mixed(Pairs(names, slots, pairs, chosen), origin, len(whole)))
    return result


def _components(linked: Mask) -> list[list[int]]:
    """Connected sets of more than one vertex of a graph given by its upper triangle."""
    graph = linked | linked.T
    left: set[int] = set(np.flatnonzero(graph.any(axis=1)).tolist())
    found: list[list[int]] = []
    while left:
        todo = [min(left)]
        block: set[int] = set()
        while todo:
            vertex = todo.pop()
            if vertex in block:
                continue
            block.add(vertex)
            todo.extend(int(n) for n in np.flatnonzero(graph[vertex]) if int(n) not in block)
        left -= block
        found.append(sorted(block))
    return found


def _within(members: Sequence[int], spots: Sequence[Place], sampler: Sampler, draws: Sequence[Draw]) -> list[Mixed]:
    """Rotations inside a channel of several slices of each tensor: the planes of a rotary embedding."""
    by_tensor: dict[tuple[int, int, bool], list[Place]] = defaultdict(list)
    for spot in spots:
        by_tensor[spot.tensor, spot.axis, spot.dual].append(spot)
    if any(len(group) % 2 for group in by_tensor.values()):
        return []
    h = len(members)
    doubled = [
        Place(a.tensor, a.axis, a.indices + b.indices, a.dual)
        for group in by_tensor.values()
        for a, b in zip(group[::2], group[1::2], strict=True)
    ]
    pairs = np.stack([np.arange(h), np.arange(h) + h], axis=1)
    family = Pairs(("",) * h, tuple(place.slot(range(2 * h)) for place in doubled), pairs, "antisymmetric")
    zero = np.ones(h, dtype=bool)
    for draw in draws:
        size = np.zeros(h)
        for place in doubled:
            g, t = _felt(place, draw), place.norms(draw.theta)
            size += g[:h] * t[h:] + g[h:] * t[:h]
        zero &= (np.abs(family.pair(draw.gradient, draw.theta)) <= sampler.tolerance * size) & (size > 0)
    chosen: list[int] = np.flatnonzero(zero).tolist()
    if not chosen:
        return []
    names = tuple(f"plane of {members[m]}" for m in chosen)
    return [Mixed(Pairs(names, family.slots, pairs[chosen], "antisymmetric"), tuple(members[m] for m in chosen))]
