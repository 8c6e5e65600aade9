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
from ._null import null_space, rational, sparse_basis
from ._translations import Mask

BLOCK = 256
"""Of a larger set of channels that mix the first ones are paired: every pair is a law, and there are h^2 of them."""

Item = tuple[tuple[int, int, int], int, int, int]
"""A slot (tensor, axis, occurrence) of a vector, its two slices, and the sign."""


@dataclass(frozen=True, slots=True)
class Place:
    """One slot of every member of a family: slice ``indices[m]`` along one axis of a tensor."""

    tensor: int
    axis: int
    indices: tuple[int, ...]
    dual: bool

    def gram(self, left: Sequence[Floats], right: Sequence[Floats]) -> Floats:
        """``<slice i of left, slice j of right>``, and minus its transpose where the slot is dual."""
        index = list(self.indices)
        a = np.moveaxis(left[self.tensor], self.axis, 0)[index].reshape(len(index), -1)
        b = np.moveaxis(right[self.tensor], self.axis, 0)[index].reshape(len(index), -1)
        gram: Floats = a @ b.T
        return -gram.T if self.dual else gram

    def norms(self, tensors: Sequence[Floats]) -> Floats:
        a = np.moveaxis(tensors[self.tensor], self.axis, 0)[list(self.indices)].reshape(len(self.indices), -1)
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
    vectors: Sequence[Vector], sampler: Sampler, draws: Sequence[Draw], more: Sequence[Draw], largest: int
) -> list[Mixed]:
    """The mixings of channels that scale.

    Two ReLU units that are on for the same samples of a batch mix like linear ones: in a wide layer some pairs agree in
    a few draws, so every pair is tried on many.

    Args:
        vectors: confirmed scalings.
        draws: those on which all products are formed.
        more: those on which what has vanished is tried again.
        largest: the largest h for which products are formed.
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
            found.extend(kept for mixed in between if (kept := _confirmed(mixed, more, sampler.tolerance)) is not None)
        found.extend(_within(members, spots, sampler, draws))
    return found


def _between(members: Sequence[int], spots: Sequence[Place], sampler: Sampler, draws: Sequence[Draw]) -> list[Mixed]:
    """Mixings of different channels: pairs (i, j) at which the added products vanish."""
    h = len(members)
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


def _felt(place: Place, draw: Draw) -> Floats:
    """Norms of the gradient's slices, at least a hundred-thousandth of the whole: less is rounding of the rest."""
    whole = np.sqrt(sum(float(np.vdot(g, g)) for g in draw.gradient))
    return np.asarray(np.maximum(place.norms(draw.gradient), 1e-5 * whole))


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


@dataclass(frozen=True, slots=True)
class PairSearch:
    """What the null space over all pairs of slices gave: new families, and dimensions it could not name."""

    families: tuple[Pairs, ...]
    unexplained: int
    unknowns: int


def search_pairs(sampler: Sampler, kind: str, known: Sequence[Pairs], diagonal: Sequence[Vector]) -> PairSearch:
    """Mixings of slices from gradients alone, without those already known.

    Args:
        kind: ``quadratic`` or ``antisymmetric``.
        known: pairs found before.
        diagonal: scalings, which are symmetric generators too.
    """
    symmetric = kind == "quadratic"
    axes = [
        (t, a, n) for t, s in enumerate(sampler.shapes) if t not in sampler.skipped for a, n in enumerate(s) if n > 1
    ]
    columns = {
        (t, a, i, j): c
        for c, (t, a, i, j) in enumerate(
            (t, a, i, j) for t, a, n in axes for i in range(n) for j in range(i if symmetric else i + 1, n)
        )
    }
    count = len(columns)
    rows, sizes = _products(sampler, axes, count + 40, symmetric)
    scale = np.sqrt(np.mean(sizes**2, axis=0))
    alive = scale > 1e-13
    rows, scale = rows[:, alive], scale[alive]
    rows = rows / scale
    rows /= np.sqrt(np.mean((sizes[:, alive] / scale) ** 2, axis=1))[:, None]
    null = null_space(rows, sampler.tolerance)
    basis = np.linalg.qr((null.basis / scale).T)[0].T if len(null.basis) else null.basis
    number = np.full(count, -1)
    number[alive] = np.arange(int(alive.sum()))
    writer = _Writer(columns, number, int(alive.sum()), symmetric)
    trivial = [*_modules(sampler, axes, writer)]
    if symmetric:
        trivial += [*_identities(axes, writer), *(writer.diagonal(vector, sampler.shapes) for vector in diagonal)]
    trivial += [row for family in known for row in writer.pairs(family)]
    spanned = np.array([row for row in trivial if np.any(row)]).reshape(-1, writer.width)
    inside = spanned[
        np.linalg.norm(spanned - (spanned @ basis.T) @ basis, axis=1) <= 1e-5 * np.linalg.norm(spanned, axis=1)
    ]
    spanned = np.linalg.svd(inside, full_matrices=False)[2][: np.linalg.matrix_rank(inside)] if len(inside) else inside
    width = writer.width
    found = sparse_basis(basis, spanned, [range(width), range(width - 1, -1, -1)])
    places_of = {int(number[c]): place for place, c in columns.items() if number[c] >= 0}
    exact: list[dict[tuple[int, int, int, int], int]] = []
    unexplained = 0
    for vector in found:
        values = rational(vector)
        if values is None or any(abs(v) > 1 for v in values) or _on_diagonal(values, places_of):
            unexplained += 1
        else:
            exact.append({places_of[c]: int(v) for c, v in enumerate(values) if v})
    return PairSearch(tuple(_merge(exact, kind)), unexplained, int(alive.sum()))


def _on_diagonal(values: Sequence[Fraction], places_of: dict[int, tuple[int, int, int, int]]) -> bool:
    return any(v and places_of[c][2] == places_of[c][3] for c, v in enumerate(values))


def _products(
    sampler: Sampler, axes: Sequence[tuple[int, int, int]], count: int, symmetric: bool
) -> tuple[Floats, Floats]:
    rows: list[Floats] = []
    sizes: list[Floats] = []
    for draw in sampler.take(count):
        parts: list[Floats] = []
        bounds: list[Floats] = []
        for t, a, n in axes:
            place = Place(t, a, tuple(range(n)), False)
            gram = place.gram(draw.gradient, draw.theta)
            size = np.outer(place.norms(draw.gradient), place.norms(draw.theta))
            i, j = np.triu_indices(n, 0 if symmetric else 1)
            parts.append(gram[i, j] + gram[j, i] if symmetric else gram[i, j] - gram[j, i])
            bounds.append(size[i, j] + size[j, i])
        row, bound = np.concatenate(parts), np.concatenate(bounds)
        top = float(bound.max()) or 1.0
        rows.append(row / top)
        sizes.append(bound / top)
    return np.array(rows), np.array(sizes)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Known generators in the columns of the search."""

    columns: dict[tuple[int, int, int, int], int]
    number: Indices
    width: int
    symmetric: bool

    def empty(self) -> Floats:
        return np.zeros(self.width)

    def add(self, vector: Floats, tensor: int, axis: int, i: int, j: int, value: float) -> None:
        if i == j and not self.symmetric:
            return
        sign = 1.0
        if i > j:
            i, j, sign = j, i, 1.0 if self.symmetric else -1.0
        column = int(self.number[self.columns[tensor, axis, i, j]])
        if column >= 0:
            vector[column] += sign * value

    def matrix(self, tensor: int, axis: int, matrix: Floats) -> Floats:
        vector = self.empty()
        for i, j in np.argwhere(np.abs(np.triu(matrix)) > 1e-9):
            value = float(matrix[i, j])
            self.add(vector, tensor, axis, int(i), int(j), value / 2 if i == j else value)
        return vector

    def diagonal(self, vector: Vector, shapes: Sequence[tuple[int, ...]]) -> Floats:
        result = self.empty()
        for (cut, index), value in vector.items():
            if cut.view or len(cut.axes) > 1:
                return self.empty()
            shape = shapes[cut.tensor]
            axis = cut.axes[0] if cut.axes else next((a for a, n in enumerate(shape) if n > 1), None)
            if axis is None or shape[axis] < 2:
                return self.empty()
            for i in (index,) if cut.axes else range(shape[axis]):
                self.add(result, cut.tensor, axis, i, i, float(value))
        return result

    def pairs(self, family: Pairs) -> list[Floats]:
        if (family.kind == "quadratic") != self.symmetric:
            return []
        rows: list[Floats] = []
        for i, j in ((int(a), int(b)) for a, b in family.pairs):
            vector = self.empty()
            for slot in family.slots:
                sign = -1.0 if slot.dual and self.symmetric else 1.0
                self.add(vector, slot.tensor, slot.axis, slot.indices[i], slot.indices[j], sign)
            rows.append(vector)
        return rows


def _identities(axes: Sequence[tuple[int, int, int]], writer: _Writer) -> list[Floats]:
    """The identity on one axis minus that on another: the same tensor twice."""
    first: dict[int, tuple[int, int]] = {}
    found: list[Floats] = []
    for t, a, n in axes:
        if t not in first:
            first[t] = a, n
            continue
        found.append(writer.matrix(t, first[t][0], np.eye(first[t][1])) - writer.matrix(t, a, np.eye(n)))
    return found


def _modules(sampler: Sampler, axes: Sequence[tuple[int, int, int]], writer: _Writer) -> list[Floats]:
    """Translations times functions: ``u u'^T`` for directions u that no gradient of a tensor has along an axis."""
    draws = sampler.take(12)
    found: list[Floats] = []
    for t, a, n in axes:
        rows = np.concatenate([np.moveaxis(draw.gradient[t], a, -1).reshape(-1, n) for draw in draws])
        norms = np.linalg.norm(rows, axis=1)
        rows = rows[norms > 1e-3 * sampler.tolerance * (norms.max() or 1.0)]
        if len(rows) < n:
            rows = np.concatenate([rows, np.zeros((n - len(rows), n))])
        directions = null_space(rows / (norms.max() or 1.0), sampler.tolerance).basis
        for k, u in enumerate(directions):
            for v in directions[k if writer.symmetric else k + 1 :]:
                found.append(writer.matrix(t, a, np.outer(u, v) + (1 if writer.symmetric else -1) * np.outer(v, u)))
    return found


def _merge(vectors: Sequence[dict[tuple[int, int, int, int], int]], kind: str) -> list[Pairs]:
    """Pairs of slices as families: those with the same slots, numbered alike, are one."""
    groups: dict[object, list[list[Item]]] = defaultdict(list)
    for vector in vectors:
        seen: dict[tuple[int, int], int] = defaultdict(int)
        items: list[Item] = []
        for (t, a, i, j), value in sorted(vector.items()):
            k = seen[t, a]
            seen[t, a] += 1
            # the sign of an antisymmetric entry is the order of its two slices
            turned = kind != "quadratic" and value < 0
            items.append(((t, a, k), j, i, 1) if turned else ((t, a, k), i, j, value))
        groups[tuple((slot, value) for slot, _, _, value in items)].append(items)
    result: list[Pairs] = []
    for members in groups.values():
        together = _numbered(members)
        for chosen in [members] if together is not None else [[m] for m in members]:
            table = _numbered(chosen)
            assert table is not None
            channels = sorted(table)
            number = {channel: n for n, channel in enumerate(channels)}
            slots = tuple(
                Slot(slot[0], slot[1], tuple(table[c][n] for c in channels), value < 0)
                for n, (slot, _, _, value) in enumerate(chosen[0])
            )
            pairs = np.array([[number[items[0][1]], number[items[0][2]]] for items in chosen], dtype=np.int64)
            names = tuple(f"{items[0][1]} with {items[0][2]}" for items in chosen)
            result.append(Pairs(names, slots, pairs, "quadratic" if kind == "quadratic" else "antisymmetric"))
    return result


def _numbered(
    members: Sequence[Sequence[Item]],
) -> dict[int, tuple[int, ...]] | None:
    """The slices of each channel, by its index in the first slot; None if members disagree."""
    table: dict[int, tuple[int, ...]] = {}
    for items in members:
        for ends in ([item[1] for item in items], [item[2] for item in items]):
            channel, row = ends[0], tuple(ends)
            if table.setdefault(channel, row) != row:
                return None
    return table
