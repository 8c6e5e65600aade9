"""Mixings of slices that belong to no scaling, from a null space over all pairs of slices of a small target."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..symmetry import Floats, Indices, Pairs, Slot
from ._cuts import Vector
from ._draws import Draw, Sampler
from ._null import null_space, rational, sparse_basis

Item = tuple[tuple[int, int, int], int, int, int]
"""A slot (tensor, axis, occurrence) of a vector, its two slices, and the sign."""


@dataclass(frozen=True, slots=True)
class PairSearch:
    """What the null space over all pairs of slices gave: new families, and dimensions it could not name."""

    families: tuple[Pairs, ...]
    unexplained: int
    unknowns: int


def search_pairs(
    sampler: Sampler, products: Products, kind: str, known: Sequence[Pairs], diagonal: Sequence[Vector]
) -> PairSearch:
    """Mixings of slices from gradients alone, without those already known.

    Args:
        products: of the sampler.
        kind: ``quadratic`` or ``antisymmetric``.
        known: pairs found before.
        diagonal: scalings, which are symmetric generators too.
    """
    symmetric = kind == "quadratic"
    axes = products.axes
    columns = {
        (t, a, i, j): c
        for c, (t, a, i, j) in enumerate(
            (t, a, i, j) for t, a, n in axes for i in range(n) for j in range(i if symmetric else i + 1, n)
        )
    }
    count = len(columns)
    rows, sizes = products.features(count + 40, symmetric)
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


class Products:
    """Products of the slices of gradients and parameters along all axes, made once for every draw."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.axes = [
            (t, a, n)
            for t, s in enumerate(sampler.shapes)
            if t not in sampler.skipped
            for a, n in enumerate(s)
            if n > 1
        ]
        self._made: list[list[tuple[Floats, Floats]]] = []

    def features(self, count: int, symmetric: bool) -> tuple[Floats, Floats]:
        """One row a draw: entries i, j and j, i added or subtracted; and bounds of them."""
        rows: list[Floats] = []
        sizes: list[Floats] = []
        pairs = [np.triu_indices(n, 0 if symmetric else 1) for _, _, n in self.axes]
        for number, draw in enumerate(self._sampler.take(count)):
            if number == len(self._made):
                self._made.append([_product(draw, tensor, axis) for tensor, axis, _ in self.axes])
            made = list(zip(self._made[number], pairs, strict=True))
            sign = 1 if symmetric else -1
            row = np.concatenate([gram[i, j] + sign * gram[j, i] for (gram, _), (i, j) in made])
            bound = np.concatenate([size[i, j] + size[j, i] for (_, size), (i, j) in made])
            top = float(bound.max()) or 1.0
            rows.append(row / top)
            sizes.append(bound / top)
        return np.array(rows), np.array(sizes)


def _product(draw: Draw, tensor: int, axis: int) -> tuple[Floats, Floats]:
    """``<slice i of g, slice j of theta>`` and the products of their norms."""
    g, t = _rows(draw.gradient[tensor], axis), _rows(draw.theta[tensor], axis)
    left, right = np.sqrt((g * g).sum(axis=1)), np.sqrt((t * t).sum(axis=1))
    gram: Floats = g @ t.T
    size: Floats = left[:, None] * right
    return gram, size


def _rows(tensor: Floats, axis: int) -> Floats:
    """The slices along an axis, one a row."""
    return np.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1)


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
