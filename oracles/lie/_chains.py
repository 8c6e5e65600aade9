"""Dividing a deep linear network into chains, for the local rule (docs/rules.md).

With m the smallest width, m full chains run through all layers; neurons left over at the output (input) side make
partial chains that stop where the layers narrow; what then remains sits in hidden layers wider than both sides and
widens the chains evenly. Chains of equal widths are one type, so a network of any width has few types.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def chain_types(widths: Sequence[int], *, widen_partial: bool) -> list[tuple[tuple[int, ...], int]]:
    """The types as ``(widths in each layer, number of such chains)``, full chains first; sums to ``widths``."""
    least = min(widths)
    excess = [width - least for width in widths]
    from_left = list(accumulate(excess, min))
    from_right = list(accumulate(reversed(excess), min))[::-1]
    segments = [([1] * len(widths), least)]
    segments += _partial(from_left)
    segments += [(chain[::-1], count) for chain, count in _partial(from_right[::-1])]
    for layer, width in enumerate(widths):
        extra = width - sum(chain[layer] * count for chain, count in segments)
        segments = _widened(segments, layer, extra, widen_partial)
    totals: dict[tuple[int, ...], int] = {}
    for chain, count in segments:
        totals[tuple(chain)] = totals.get(tuple(chain), 0) + count
    return list(totals.items())


def _partial(counts: Sequence[int]) -> list[tuple[list[int], int]]:
    """Chains that start in the first layer; ``counts[i]`` of them reach layer i."""
    return [
        ([1] * (layer + 1) + [0] * (len(counts) - layer - 1), here - there)
        for layer, (here, there) in enumerate(zip(counts, [*counts[1:], 0], strict=True))
        if here > there
    ]


def _widened(
    segments: list[tuple[list[int], int]], layer: int, extra: int, widen_partial: bool
) -> list[tuple[list[int], int]]:
    """Spreads ``extra`` neurons of one layer over the chains that may take them, splitting a segment if need be."""
    if not extra:
        return segments
    takes = [chain[layer] > 0 if widen_partial else min(chain) > 0 for chain, _ in segments]
    each, more = divmod(extra, sum(count for (_, count), taking in zip(segments, takes, strict=True) if taking))
    out: list[tuple[list[int], int]] = []
    for (chain, count), taking in zip(segments, takes, strict=True):
        if not taking:
            out.append((chain, count))
            continue
        taken = min(more, count)
        more -= taken
        for add, number in ((each + 1, taken), (each, count - taken)):
            if number:
                out.append(([*chain[:layer], chain[layer] + add, *chain[layer + 1 :]], number))
    return out
