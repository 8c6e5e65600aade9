"""Scalings that the equations of a graph leave free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ._cuts import Cut, Vector
from ._system import System
from ._values import Exponents, Soft


@dataclass(frozen=True, slots=True)
class Proposal:
    """A scaling that the graph has.

    Args:
        vector: exponents.
        tags: kinds of operation that its channels meet.
        broken_by: what keeps it from being exact, such as ``eps = 1e-05 of layer_norm``; empty for nothing.
        weights: how often each operation with an epsilon sees it scale, times what that does to epsilon.
    """

    vector: Vector
    tags: frozenset[str] = frozenset()
    broken_by: str = ""
    weights: Mapping[str, Fraction] = field(default_factory=dict[str, Fraction])


def propose(e: Exponents, shapes: Sequence[tuple[int, ...]]) -> tuple[Proposal, ...]:
    """One scaling for each free unknown; those that an epsilon breaks last."""
    strict = e.system.copy()
    for soft in e.soft:
        strict.add(soft.row)
    exact = _vectors(e, strict, shapes)
    rest = _vectors(e, e.system, shapes, without=set(exact))
    return (*exact.values(), *rest.values())


def _vectors(
    e: Exponents, system: System, shapes: Sequence[tuple[int, ...]], without: set[int] | None = None
) -> dict[int, Proposal]:
    """One scaling for each free unknown."""
    by_free: dict[int, dict[int, Fraction]] = {}
    for unknown in e.owner:
        for free, value in system.of(unknown).items():
            if without is None or free not in without:
                by_free.setdefault(free, {})[unknown] = value
    broken: dict[int, list[tuple[Soft, Fraction]]] = {}
    if without is not None:
        for soft in e.soft:
            for free, value in system.reduced(soft.row).items():
                broken.setdefault(free, []).append((soft, value))
    found: dict[int, Proposal] = {}
    for free, entries in sorted(by_free.items()):
        vector = _slices(e, entries, shapes)
        if not vector:
            continue
        tags = frozenset(tag for unknown in entries for tag in e.tags.get(unknown, ()))
        reasons = broken.get(free, [])
        said = sorted({f"eps = {soft.eps:g} of {soft.what}" for soft, _ in reasons})
        weights: dict[str, Fraction] = {}
        for soft, value in reasons:
            weight = value * (2 if soft.power == 1 else 1)
            weights[soft.node] = weight if weights.get(soft.node, weight) == weight else Fraction(0)
        found[free] = Proposal(vector, tags, " and ".join(said[:2]), weights)
    return found


def _slices(e: Exponents, entries: Mapping[int, Fraction], shapes: Sequence[tuple[int, ...]]) -> Vector:
    """Exponents of slices, along one axis where that says the same, with as few entries as the gauge allows."""
    result: dict[tuple[Cut, int], Fraction] = {}
    for unknown, value in entries.items():
        _, _, cut, index = e.owner[unknown]
        if (cut.view and cut.axes == (0, 1)) or (
            cut.view and cut.view[1] == 1 and cut.axes == (0, 2) and cut.view[2] == 1
        ):
            cut = Cut(cut.tensor, (0,))
        total = result.get((cut, index), Fraction(0)) + value
        result[cut, index] = total
    return _sparse({place: value for place, value in result.items() if value}, shapes)


def _sparse(vector: Vector, shapes: Sequence[tuple[int, ...]]) -> Vector:
    """The same symmetry with fewer entries: a constant moves from one axis of a tensor to another."""
    by_cut: dict[Cut, dict[int, Fraction]] = {}
    for (cut, index), value in vector.items():
        by_cut.setdefault(cut, {})[index] = value
    result: dict[tuple[Cut, int], Fraction] = dict(vector)
    for tensor in {cut.tensor for cut in by_cut}:
        cuts = [cut for cut in by_cut if cut.tensor == tensor]
        for cut in cuts:
            values = by_cut[cut]
            length = cut.length(shapes)
            if length == 1 or len(values) < length:
                continue
            if len(cut.axes) > 1:
                continue
            common = max(set(values.values()), key=lambda v: list(values.values()).count(v))
            other = next((c for c in cuts if c != cut and len(c.axes) == 1), None)
            if other is None and len(set(values.values())) == 1:
                for index in values:
                    del result[cut, index]
                result[Cut(tensor, ()), 0] = common
            elif other is not None:
                _move(result, cut, other, common, shapes)
    return {place: value for place, value in result.items() if value}


def _move(
    result: dict[tuple[Cut, int], Fraction], cut: Cut, other: Cut, common: Fraction, shapes: Sequence[tuple[int, ...]]
) -> None:
    """Takes a constant off one axis and puts it on another, if that leaves fewer entries."""
    changed = dict(result)
    for index in range(cut.length(shapes)):
        changed[cut, index] = changed.get((cut, index), Fraction(0)) - common
    for index in range(other.length(shapes)):
        changed[other, index] = changed.get((other, index), Fraction(0)) + common
    changed = {place: value for place, value in changed.items() if value}
    if len(changed) < len(result):
        result.clear()
        result.update(changed)
