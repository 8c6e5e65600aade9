"""Translations: entries without a gradient, slices whose gradients add up to zero, and equal gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..symmetry import Floats
from ._cuts import Cut, Vector
from ._draws import Draw, Sampler, largest_gradient, top_of

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dead:
    """Entries that no gradient reaches.

    Args:
        masks: one a tensor.
        entries: those that are translations of their own: entries of 1-dimensional tensors, or a whole tensor.
        unseen: slices of larger tensors that no batch of the search has reached, such as rows of a lookup; they are
            not called symmetries.
    """

    masks: tuple[Mask, ...]
    entries: tuple[Vector, ...]
    unseen: tuple[tuple[int, int], ...]


def dead_entries(sampler: Sampler, draws: Sequence[Draw]) -> Dead:
    """Entries whose gradient is rounding alone in every draw."""
    largest = largest_gradient(draws)
    # 1e-3 of the tolerance: what is dead is exactly zero up to the roundings of one backward pass
    masks = tuple(part <= 1e-3 * sampler.tolerance for part in largest)
    entries: list[Vector] = []
    unseen: list[tuple[int, int]] = []
    for tensor, mask in enumerate(masks):
        if tensor in sampler.skipped:
            continue
        if mask.all() and mask.ndim != 1:
            entries.append({(Cut(tensor, ()), 0): Fraction(1)})
        elif mask.ndim == 1:
            entries.extend({(Cut(tensor, (0,)), int(i)): Fraction(1)} for i in np.flatnonzero(mask))
        elif mask.ndim > 1:
            rows = mask.reshape(mask.shape[0], -1).all(axis=1)
            unseen.extend((tensor, int(i)) for i in np.flatnonzero(rows))
    return Dead(masks, tuple(entries), tuple(unseen))


def scan(sampler: Sampler, draws: Sequence[Draw], dead: Dead, blocks: Iterable[tuple[int, int]] = ()) -> list[Vector]:
    """Translations of the usual forms, at the cost of a few passes over the gradients.

    The whole tensor, sums along one axis, blocks of consecutive rows by column, and differences of two
    1-dimensional tensors with equal gradients.

    Args:
        blocks: (tensor, number of blocks) along axis 0 that a trace has seen.
    """
    shapes = sampler.shapes
    skipped = set(sampler.skipped) | {t for t, mask in enumerate(dead.masks) if mask.all()}
    found: list[Vector] = []
    whole: set[int] = set()
    for tensor, shape in enumerate(shapes):
        for axis in range(len(shape)) if len(shape) > 1 and tensor not in skipped else ():
            if shape[axis] == 1:
                continue
            cut = Cut(tensor, tuple(a for a in range(len(shape)) if a != axis))
            zero = _vanishing(cut, draws, sampler.tolerance) & ~_all_dead(cut, dead)
            new: list[Vector] = [{(cut, int(i)): Fraction(1)} for i in np.flatnonzero(zero)]
            if tensor in whole and new:  # sums along two axes have their own sum in common
                new = new[1:]
            found.extend(new)
            if new:
                whole.add(tensor)
    for tensor, shape in enumerate(shapes):
        cut = Cut(tensor, ())
        if tensor in skipped or tensor in whole or not shape:
            continue
        if _vanishing(cut, draws, sampler.tolerance).all():
            found.append({(cut, 0): Fraction(1)})
            whole.add(tensor)
    for tensor, count in blocks:
        if tensor in whole or tensor in skipped:
            continue
        shape = shapes[tensor]
        cut = Cut(tensor, (0, *range(2, len(shape) + 1)), (count, shape[0] // count, *shape[1:]))
        zero = _vanishing(cut, draws, sampler.tolerance) & ~_all_dead(cut, dead)
        found.extend({(cut, int(i)): Fraction(1)} for i in np.flatnonzero(zero))
    found.extend(_equal(sampler, draws, dead, skipped))
    return found


def _vanishing(cut: Cut, draws: Sequence[Draw], tolerance: float) -> Mask:
    """Which slices have a gradient that adds up to zero in every draw."""
    result: Mask = np.ones(1, dtype=bool)
    for draw in draws:
        total = np.abs(cut.sums(draw.gradient))
        size = cut.sums([np.abs(g) if t == cut.tensor else g for t, g in enumerate(draw.gradient)])
        top = max(map(top_of, draw.gradient))
        # a slice whose gradient is smaller than the roundings of the largest one shows nothing
        result = result & (total <= tolerance * size + 1e-3 * tolerance * top)
        if not result.any():
            break
    return result


def _all_dead(cut: Cut, dead: Dead) -> Mask:
    living = [(~mask).astype(np.float64) for mask in dead.masks]
    return np.asarray(cut.sums(living) == 0)


def _equal(sampler: Sampler, draws: Sequence[Draw], dead: Dead, skipped: set[int]) -> list[Vector]:
    """``a_i - b_i`` for pairs of 1-dimensional tensors whose gradients agree, entry by entry."""
    flat = [t for t, shape in enumerate(sampler.shapes) if len(shape) == 1 and t not in skipped]
    found: list[Vector] = []
    used: set[int] = set()
    for position, a in enumerate(flat):
        for b in flat[position + 1 :]:
            if b in used or sampler.shapes[a] != sampler.shapes[b]:
                continue
            if all(_close(draw.gradient[a], draw.gradient[b], sampler.tolerance) for draw in draws):
                used.add(b)
                alive = np.flatnonzero(~(dead.masks[a] | dead.masks[b]))
                found.extend({(Cut(a, (0,)), int(i)): Fraction(1), (Cut(b, (0,)), int(i)): Fraction(-1)} for i in alive)
    return found


def _close(a: Floats, b: Floats, tolerance: float) -> bool:
    return bool(np.all(np.abs(a - b) <= tolerance * (np.max(np.abs(a)) + np.max(np.abs(b)))))
