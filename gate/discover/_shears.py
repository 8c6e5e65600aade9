"""Shifts of a bias that the next bias takes back: ``b_1 += u``, ``b_2 -= W_2 u`` (rows M1 and M21)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ..symmetry import Shear, Shears
from ._cuts import Vector
from ._draws import Draw, Sampler
from ._settling import Settling
from ._translations import Dead, Mask


def shears(
    vectors: Sequence[Vector], sampler: Sampler, draws: Sequence[Draw], dead: Dead, settling: Settling
) -> list[Shears]:
    """Shears of the biases that scale with a channel and are read by one matrix.

    Every 1-dimensional tensor of the right length is tried as the one that takes the shift back.
    """
    shapes = sampler.shapes
    pairs: dict[tuple[int, int, int], list[tuple[int, int]]] = defaultdict(list)
    for vector in vectors:
        biases = [(c.tensor, i) for (c, i), v in vector.items() if v > 0 and len(shapes[c.tensor]) == 1 and c.axes]
        readers = [
            (c.tensor, c.axes[0], i) for (c, i), v in vector.items() if v == -1 and len(c.axes) == 1 and not c.view
        ]
        if len(biases) == 1 and len(readers) == 1 and len(shapes[readers[0][0]]) == 2:
            pairs[biases[0][0], readers[0][0], readers[0][1]].append((biases[0][1], readers[0][2]))
    found: list[Shears] = []
    for (bias, reader, axis), members in pairs.items():
        outputs = shapes[reader][1 - axis]
        for taken, shape in enumerate(shapes):
            if shape != (outputs,) or taken in (bias, *sampler.skipped) or dead.masks[taken].all():
                continue
            family = Shears(
                tuple(f"{sampler.names[bias]}[{i}] against {sampler.names[taken]}" for i, _ in members),
                Shear(bias, reader, axis, taken, tuple(i for i, _ in members), tuple(j for _, j in members)),
                "",
            )
            held = _settled(family, draws, sampler.tolerance, settling)
            if held.any():
                chosen = [m for m, held_ in zip(members, held, strict=True) if held_]
                found.append(
                    Shears(
                        tuple(name for name, held_ in zip(family.names, held, strict=True) if held_),
                        Shear(bias, reader, axis, taken, tuple(i for i, _ in chosen), tuple(j for _, j in chosen)),
                        "",
                    )
                )
                break
    return found


def _settled(family: Shears, draws: Sequence[Draw], tolerance: float, settling: Settling) -> Mask:
    """Which members hold on these draws and on those that settle it."""

    def again(held: Mask, draw: Draw) -> Mask:
        return held & _held(family, [draw], tolerance)

    def size(held: Mask) -> int:
        return int(held.sum())

    return settling.settled(_held(family, draws, tolerance), size, again)


def _held(family: Shears, draws: Sequence[Draw], tolerance: float) -> Mask:
    shear = family.shear
    held = np.ones(len(family.names), dtype=bool)
    for draw in draws:
        own = np.abs(draw.gradient[shear.shifted][list(shear.entries)])
        columns = np.moveaxis(draw.theta[shear.reader], shear.axis, 0)[list(shear.columns)]
        size = own + np.abs(columns) @ np.abs(draw.gradient[shear.taken])
        top = max(float(np.max(np.abs(g), initial=0.0)) for g in draw.gradient)
        # a bias whose gradient is rounding alone is a translation already
        held &= (np.abs(family.pair(draw.gradient, draw.theta)) <= tolerance * size) & (own > 1e-3 * tolerance * top)
    return held
