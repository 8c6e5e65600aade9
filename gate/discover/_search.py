"""Scalings and translations from gradients alone: the null space of sums over slices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..symmetry import Floats, Indices
from ._cuts import Cut, Vector
from ._draws import Sampler
from ._null import Null, null_space, rational, sparse_basis

_ORDERS = 24
"""Echelon forms tried for a sparse basis."""


@dataclass(frozen=True, slots=True)
class Search:
    """What one null space gave.

    Args:
        vectors: a rational basis modulo what is trivial.
        unexplained: dimensions without a basis of small rationals.
        null: singular values around the gap.
        unknowns: how many slices were searched.
        nullity: the dimension, with the trivial part.
    """

    vectors: tuple[Vector, ...]
    unexplained: int
    null: Null
    unknowns: int
    nullity: int


def features(sampler: Sampler, cuts: Sequence[Cut], kind: str, count: int) -> tuple[Floats, Floats]:
    """Sums over slices of ``theta * g`` (kind ``scaling``) or ``g``, one row a draw, and the sums of their sizes."""
    rows: list[Floats] = []
    sizes: list[Floats] = []
    for draw in sampler.take(count):
        parts = [t * g for t, g in zip(draw.theta, draw.gradient, strict=True)] if kind == "scaling" else draw.gradient
        row = np.concatenate([cut.sums(parts) for cut in cuts])
        absolute = [np.abs(part) for part in parts]
        size = np.concatenate([cut.sums(absolute) for cut in cuts])
        top = float(size.max(initial=0.0)) or 1.0
        rows.append(row / top)
        sizes.append(size / top)
    return np.array(rows), np.array(sizes)


def search(
    sampler: Sampler,
    cuts: Sequence[Cut],
    kind: str,
    *,
    known: Sequence[Vector] = (),
    dead: Sequence[npt.NDArray[np.bool_]] | None = None,
    keep: bool = True,
) -> Search:
    """The rational null space of slices.

    Args:
        cuts: which slices.
        kind: ``scaling`` or ``translation``.
        known: vectors to keep in the basis as they are, or only where nothing is sparser if not ``keep``.
        dead: masks of entries that no gradient reaches; slices of nothing else are left out.
    """
    shapes = sampler.shapes
    places = [(cut, index) for cut in cuts for index in range(cut.length(shapes))]
    alive = np.ones(len(places), dtype=bool)
    if dead is not None:
        living = [(~mask).astype(np.float64) for mask in dead]
        alive = np.concatenate([cut.sums(living) for cut in cuts]) > 0
    # the number of draws decides nothing but the power: unknowns + 40 (theory, section 11.2)
    matrix, sizes = features(sampler, cuts, kind, int(alive.sum()) + 40)
    scale = np.sqrt(np.mean(sizes**2, axis=0))
    alive &= scale > 1e-13
    columns = np.flatnonzero(alive)
    places = [places[c] for c in columns]
    if not places:
        return Search((), 0, Null(np.zeros((0, 0)), 1.0, 0.0), 0, 0)
    rows = matrix[:, columns] / scale[columns]
    lengths = np.sqrt(np.mean((sizes[:, columns] / scale[columns]) ** 2, axis=1))
    null = null_space(rows / lengths[:, None], sampler.tolerance)
    plain = null.basis / scale[columns]
    basis = np.linalg.qr(plain.T)[0].T if len(plain) else plain
    layout = _Layout(places)
    trivial = layout.trivial()
    start = [(layout.column_vector(vector), vector) for vector in known]
    held = [(column, vector) for column, vector in start if column is not None and _inside(column, basis)]
    inside = [column for column, _ in held]
    found = sparse_basis(
        basis,
        trivial,
        layout.orders(basis),
        layout.gauge,
        inside if keep else (),
        () if keep else inside,
    )
    vectors: list[Vector] = []
    unexplained = 0
    for vector in found:
        given = next((old for column, old in held if column is vector), None)
        if given is not None:
            vectors.append(given)
            continue
        exact = rational(vector)
        if exact is None:
            unexplained += 1
        else:
            vectors.append(layout.vector(exact, shapes))
    return Search(tuple(vectors), unexplained, null, len(places), len(null.basis))


def _inside(vector: Floats, basis: Floats) -> bool:
    left = vector - basis.T @ (basis @ vector)
    return bool(np.linalg.norm(left) <= 1e-5 * np.linalg.norm(vector))


class _Layout:
    """Columns of the feature matrix as slices of tensors, and the freedom to write one symmetry in several ways."""

    def __init__(self, places: Sequence[tuple[Cut, int]]) -> None:
        self.places = list(places)
        by_cut: dict[Cut, list[int]] = defaultdict(list)
        for column, (cut, _) in enumerate(self.places):
            by_cut[cut].append(column)
        self.by_cut: dict[Cut, Indices] = {cut: np.array(columns, dtype=np.int64) for cut, columns in by_cut.items()}
        self.tensors: dict[int, list[Cut]] = defaultdict(list)
        for cut in self.by_cut:
            self.tensors[cut.tensor].append(cut)
        self.column = {place: column for column, place in enumerate(self.places)}

    def trivial(self) -> Floats:
        """All slices along one axis minus all along another: the same tensor twice."""
        found: list[Floats] = []
        for cuts in self.tensors.values():
            for cut in cuts[1:]:
                vector = np.zeros(len(self.places))
                vector[self.by_cut[cut]], vector[self.by_cut[cuts[0]]] = -1.0, 1.0
                found.append(vector)
        return np.array(found).reshape(len(found), len(self.places))

    def gauge(self, vector: Floats) -> Floats:
        """The same symmetry with as many zeros as the trivial vectors can make."""
        result = vector.copy()
        for cuts in self.tensors.values():
            if len(cuts) < 2 or not any(np.any(vector[self.by_cut[cut]]) for cut in cuts):
                continue
            modes = [_mode(vector[self.by_cut[cut]]) for cut in cuts]
            best: tuple[int, list[float]] | None = None
            for left_over in range(len(cuts)):
                moves = [-mode for mode in modes]
                moves[left_over] = sum(modes) - modes[left_over]
                count = sum(
                    int(np.count_nonzero(np.abs(vector[self.by_cut[cut]] + move) > 1e-7))
                    for cut, move in zip(cuts, moves, strict=True)
                )
                if best is None or count < best[0]:
                    best = count, moves
            assert best is not None
            for cut, move in zip(cuts, best[1], strict=True):
                result[self.by_cut[cut]] += move
        return np.where(np.abs(result) < 1e-7, 0.0, result)

    def orders(self, basis: Floats) -> list[list[int]]:
        """Column orders: axes that the null space does not move first, so that trivial vectors take their pivots."""
        if not len(basis):
            return []
        still: list[Cut] = []
        contested: list[Cut] = []
        rest: list[Cut] = []
        for cuts in self.tensors.values():
            if len(cuts) == 1:
                rest.extend(cuts)
                continue
            moving = [cut for cut in cuts if np.ptp(basis[:, self.by_cut[cut]], axis=1).max() > 1e-6]
            still.extend(cut for cut in cuts if cut not in moving)
            contested.extend(moving) if len(moving) > 1 else rest.extend(moving)

        def order(cuts: Sequence[Cut], backwards: bool = False) -> list[int]:
            return [int(c) for cut in cuts for c in (self.by_cut[cut][::-1] if backwards else self.by_cut[cut])]

        first = order(still)
        orders = [
            first + order(rest) + order(contested),
            first + order(rest[::-1], True) + order(contested[::-1], True),
            first + order(contested) + order(rest),
            order([*rest, *contested, *still]),
        ]
        for cut in contested[:_ORDERS]:
            others = [c for c in contested if c != cut]
            orders.append(first + order([cut]) + order(rest) + order(others))
        return orders

    def column_vector(self, vector: Vector) -> Floats | None:
        """A vector of slices on the columns; None if it needs a slice that is not there."""
        result = np.zeros(len(self.places))
        for (cut, index), value in vector.items():
            if not cut.axes and (cut, index) not in self.column:
                columns = [self.by_cut[c] for c in self.tensors.get(cut.tensor, [])]
                if not columns:
                    return None
                result[columns[0]] += float(value)
                continue
            if (cut, index) not in self.column:
                return None
            result[self.column[cut, index]] += float(value)
        return result

    def vector(self, exact: Sequence[Fraction], shapes: Sequence[tuple[int, ...]]) -> Vector:
        """Exponents by slice; a cut whose slices all have the same one becomes the whole tensor."""
        result: dict[tuple[Cut, int], Fraction] = {}
        for cut, columns in self.by_cut.items():
            values = [exact[int(c)] for c in columns]
            if len(values) > 1 and len(values) == cut.length(shapes) and len(set(values)) == 1 and values[0]:
                result[Cut(cut.tensor, ()), 0] = values[0]
                continue
            result.update({self.places[int(c)]: exact[int(c)] for c in columns if exact[int(c)]})
        return result


def _mode(values: Floats) -> float:
    found, counts = np.unique(np.round(values, 7), return_counts=True)
    return float(found[int(np.argmax(counts))])
