"""What a few draws have not refuted, on more of them: on a batch of two many units of ReLU agree by accident."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ._draws import Draw, Sampler

_QUIET, _TRIES = 8, 64
"""Draws in a row that have to refute nothing more, and how many are tried for that."""
_FIRST = 3_000_017
_KEPT = 50_000_000
"""Numbers of draws that are kept for the next question."""
T = TypeVar("T")


class Settling:
    """Fresh draws that neither a search nor a confirmation has seen."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._draws: dict[int, Draw | None] = {}

    def settled(self, held: T, size: Callable[[T], int], again: Callable[[T, Draw], T]) -> T:
        """What is left when so many draws in a row refute nothing more.

        Args:
            held: what has held so far.
            size: how much that is; 0 ends it.
            again: what of it holds in one more draw.
        """
        quiet = 0
        for number in range(_TRIES):
            if not size(held) or quiet == _QUIET:
                break
            if (draw := self._draw(number)) is not None:
                before = size(held)
                held = again(held, draw)
                quiet = quiet + 1 if size(held) == before else 0
        return held

    def _draw(self, number: int) -> Draw | None:
        if number in self._draws:
            return self._draws[number]
        draw = self._sampler.fresh(_FIRST + number)
        if (len(self._draws) + 1) * self._sampler.size <= _KEPT:
            self._draws[number] = draw
        return draw
