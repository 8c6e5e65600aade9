"""Slices of tensors, vectors of exponents on them, and the families they make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..symmetry import Floats, Marginal, Scalings, Shifts
from ._draws import Draw


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """The slices of one tensor with fixed indices along some axes, counted row-major over these axes.

    No axes: the tensor as one slice. ``view`` is the shape in which axes are counted; empty for the tensor's own.
    """

    tensor: int
    axes: tuple[int, ...]
    view: tuple[int, ...] = ()

    def shape(self, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """The shape in which axes are counted."""
        return self.view or shapes[self.tensor]

    def length(self, shapes: Sequence[tuple[int, ...]]) -> int:
        shape = self.shape(shapes)
        return int(np.prod([shape[axis] for axis in self.axes], dtype=np.int64))

    def sums(self, tensors: Sequence[Floats]) -> Floats:
        """The sum over each slice; shape (length,)."""
        x = tensors[self.tensor]
        if self.view:
            x = x.reshape(self.view)
        summed: Floats = np.asarray(x.sum(axis=tuple(a for a in range(x.ndim) if a not in self.axes))).reshape(-1)
        return summed

    def spread(self, values: Floats, shapes: Sequence[tuple[int, ...]]) -> Floats:
        """Values of slices written on their entries; in the shape of the tensor."""
        shape = self.shape(shapes)
        kept = [shape[a] if a in self.axes else 1 for a in range(len(shape))]
        return np.broadcast_to(np.asarray(values).reshape(kept), shape).reshape(shapes[self.tensor])


Slice = tuple[Cut, int]
Vector = Mapping[Slice, Fraction]
"""Exponents of slices: a combination of them that is a symmetry."""


def axis_cuts(shapes: Sequence[tuple[int, ...]], skipped: Iterable[int] = ()) -> list[Cut]:
    """Every axis of every tensor; a number alone is one slice."""
    left_out = set(skipped)
    return [
        Cut(tensor, (axis,) if shape else ())
        for tensor, shape in enumerate(shapes)
        if tensor not in left_out
        for axis in (range(len(shape)) if shape else (0,))
    ]


def entry_cuts(shapes: Sequence[tuple[int, ...]], skipped: Iterable[int] = ()) -> list[Cut]:
    """Every entry of every tensor."""
    left_out = set(skipped)
    return [Cut(t, tuple(range(len(shape)))) for t, shape in enumerate(shapes) if t not in left_out]


def signature(vector: Vector) -> tuple[tuple[Cut, Fraction, int], ...]:
    """Cuts and exponents of a vector, each with how often they occur: what members of one family share."""
    counts: dict[tuple[Cut, Fraction], int] = defaultdict(int)
    for (cut, _), value in vector.items():
        counts[cut, value] += 1
    return tuple(sorted((cut, value, count) for (cut, value), count in counts.items()))


def marginals(vectors: Sequence[Vector]) -> tuple[Marginal, ...]:
    entries: dict[Cut, list[tuple[int, int, float]]] = defaultdict(list)
    for member, vector in enumerate(vectors):
        for (cut, index), value in vector.items():
            entries[cut].append((member, index, float(value)))
    return tuple(
        Marginal(
            cut.tensor,
            None if not cut.axes else cut.axes[0] if len(cut.axes) == 1 else cut.axes,
            np.array([m for m, _, _ in items], dtype=np.int64),
            np.array([i for _, i, _ in items], dtype=np.int64),
            np.array([w for _, _, w in items], dtype=np.float64),
            cut.view,
        )
        for cut, items in sorted(entries.items())
    )


def scalings(vectors: Sequence[Vector], names: Sequence[str], row: str) -> Scalings:
    return Scalings(tuple(names), marginals(vectors), row)


def shifts(vectors: Sequence[Vector], names: Sequence[str], row: str) -> Shifts:
    return Shifts(tuple(names), marginals(vectors), row)


def on_entries(vector: Vector, shapes: Sequence[tuple[int, ...]]) -> Vector:
    """The same exponents, or coefficients, written on entries."""
    result: dict[Slice, Fraction] = {}
    for tensor, total in _spread(vector, shapes).items():
        cut = Cut(tensor, tuple(range(len(shapes[tensor]))))
        flat = total.ravel()
        result.update({(cut, int(i)): _exact(flat[i]) for i in np.flatnonzero(flat)})
    return result


def on_slices(vector: Vector, shapes: Sequence[tuple[int, ...]]) -> Vector:
    """The same exponents on slices along one axis of each tensor, where that is possible."""
    result: dict[Slice, Fraction] = {}
    for tensor, total in _spread(vector, shapes).items():
        for axis in range(total.ndim):
            lines = np.moveaxis(total, axis, 0).reshape(total.shape[axis], -1)
            if np.ptp(lines, axis=1).max() == 0:
                cut = Cut(tensor, (axis,))
                result.update({(cut, int(i)): _exact(lines[i, 0]) for i in np.flatnonzero(lines[:, 0])})
                break
        else:
            cut = Cut(tensor, tuple(range(total.ndim)))
            result.update({(cut, int(i)): _exact(total.flat[i]) for i in np.flatnonzero(total)})
    return result


def independent(new: Sequence[Vector], known: Sequence[Vector], shapes: Sequence[tuple[int, ...]]) -> list[Vector]:
    """Those of ``new`` that ``known`` and their predecessors do not span, entry by entry."""
    touched = sorted({cut.tensor for vector in (*new, *known) for cut, _ in vector})

    def flat(vector: Vector) -> Floats:
        spread = _spread(vector, shapes)
        return np.concatenate([spread.get(t, np.zeros(shapes[t])).ravel() for t in touched])

    rows = [flat(vector) for vector in known]
    rank = int(np.linalg.matrix_rank(np.array(rows))) if rows else 0
    kept: list[Vector] = []
    for vector in new:
        grown = int(np.linalg.matrix_rank(np.array([*rows, flat(vector)])))
        if grown > rank:
            rank = grown
            rows.append(flat(vector))
            kept.append(vector)
    return kept


def _spread(vector: Vector, shapes: Sequence[tuple[int, ...]]) -> dict[int, Floats]:
    totals: dict[int, Floats] = {}
    by_cut: dict[Cut, Floats] = {}
    for (cut, index), value in vector.items():
        by_cut.setdefault(cut, np.zeros(cut.length(shapes)))[index] += float(value)
    for cut, values in by_cut.items():
        totals[cut.tensor] = totals.get(cut.tensor, np.zeros(shapes[cut.tensor])) + cut.spread(values, shapes)
    return totals


def _exact(value: float) -> Fraction:
    return Fraction(float(value)).limit_denominator(1000)


def defects(vectors: Sequence[Vector], draws: Sequence[Draw], kind: str) -> tuple[Floats, Floats]:
    """How far from orthogonal the members are, and how much they could see.

    Returns:
        The largest ``|<g, xi>| / (|g| |xi|)`` over the draws, norms over the entries that a member touches, and the
        largest part of the whole gradient that is there. Shapes (members,).
    """
    if not vectors:
        return np.zeros(0), np.zeros(0)
    family = (
        scalings(vectors, [""] * len(vectors), "") if kind == "scaling" else shifts(vectors, [""] * len(vectors), "")
    )
    support = scalings([{s: Fraction(1) for s in v} for v in vectors], [""] * len(vectors), "")
    worst, seen = np.zeros(len(vectors)), np.zeros(len(vectors))
    for draw in draws:
        value = np.abs(family.pair(draw.gradient, draw.theta))
        g = np.sqrt(support.pair(draw.gradient, draw.gradient))
        moved = draw.theta if kind == "scaling" else tuple(np.ones_like(x) for x in draw.theta)
        xi = np.sqrt(support.pair(moved, moved))
        whole = draw.norm
        # what has less than a hundred-thousandth of the gradient is rounding of the rest, in a saturated network
        g_floor = np.maximum(g, 1e-5 * whole)
        with np.errstate(divide="ignore", invalid="ignore"):
            worst = np.maximum(worst, np.where(g * xi > 0, value / (g_floor * xi), 0.0))
        seen = np.maximum(seen, g / whole)
    return worst, seen
