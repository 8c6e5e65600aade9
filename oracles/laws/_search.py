"""The kernel of the sparse system over Q: short equations first, then connected blocks, equal blocks solved once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import TooLarge
from ._contract import Reduction
from ._dense import kernel_vectors
from ._flat import Exact, Integers, Keys
from ._system import Collision, Entries, starts

DENSE = 5_000_000
"""The largest number of entries of a dense block."""

_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Vectors:
    """Sparse integer vectors: ``value[i]`` stands at ``unknown[i]`` of vector number ``vector[i]``."""

    vector: Integers
    unknown: Integers
    value: Exact
    count: int


@dataclass(frozen=True, slots=True)
class Block:
    """Equal blocks of the system: their unknowns (blocks x size), and one matrix (equations x size) for all of them."""

    members: Integers
    matrix: Exact


def kernel(entries: Entries, unknowns: int, seed: int) -> Vectors:
    """A basis over Q of the kernel of the system.

    Raises:
        Collision: random names that should differ are equal; take another seed.
    """
    reduced = Reduction(entries, unknowns)
    rest = reduced.entries
    free = reduced.alive & (reduced.root == np.arange(unknowns))
    free[rest.unknown] = False
    places = [np.flatnonzero(free)]
    count = len(places[0])
    vectors, values = [np.arange(count)], [1] * count
    for block in _blocks(rest, unknowns, seed):
        copies = len(block.members)
        for vector in kernel_vectors(block.matrix):
            support = [i for i, c in enumerate(vector) if c]
            vectors.append(np.repeat(np.arange(count, count + copies), len(support)))
            places.append(block.members[:, support].ravel())
            values += [vector[i] for i in support] * copies
            count += copies
    dtype = np.int64 if max(map(abs, values), default=0) < 2**31 else object
    found = Vectors(np.concatenate(vectors), np.concatenate(places), np.array(values, dtype=dtype), count)
    return _spread(found, reduced)


def _spread(vectors: Vectors, reduced: Reduction) -> Vectors:
    """The vectors in all unknowns: each unknown takes the value of its root times its weight."""
    used = np.flatnonzero(reduced.alive & reduced.alive[reduced.root])
    used = used[np.argsort(reduced.root[used], kind="stable")]
    root = reduced.root[used]
    low, high = np.searchsorted(root, vectors.unknown), np.searchsorted(root, vectors.unknown, side="right")
    times = high - low
    place = np.arange(int(times.sum())) + np.repeat(low - np.cumsum(times) + times, times)
    weight, value = reduced.weight[used][place], vectors.value
    if max(np.abs(weight).max(initial=0), 1) * max(np.abs(value).max(initial=0), 1) >= 2**62:
        value = value.astype(object)
    return Vectors(np.repeat(vectors.vector, times), used[place], np.repeat(value, times) * weight, vectors.count)


def _blocks(entries: Entries, unknowns: int, seed: int) -> list[Block]:
    """The connected components of the system, equal ones together.

    Raises:
        Collision: two equations share their name, or two components their signature, without being equal.
    """
    if not len(entries.row):
        return []
    start = starts(entries.row)
    row, begin = np.cumsum(start) - 1, np.flatnonzero(start)
    present = np.zeros(unknowns, dtype=bool)
    present[entries.unknown] = True
    unknown = (np.cumsum(present) - 1)[entries.unknown]
    component = _components(row, begin, unknown)
    members = np.argsort(component, kind="stable")
    size = np.bincount(component)
    offset = np.cumsum(size) - size
    local = np.empty_like(members)
    local[members] = np.arange(len(members)) - offset[component[members]]
    where = component[unknown[begin]]
    by_column = np.argsort(row * int(size.max()) + local[unknown])
    column, value = local[unknown[by_column]], entries.value[by_column]
    if (~start[1:] & (column[1:] == column[:-1])).any():
        raise Collision
    value = value * np.where(value[begin] < 0, -1, 1)[row]
    length = np.diff(begin, append=len(row))
    equation, edges, kinds = _distinct(value, column, begin, where, size, seed)
    ordered = np.flatnonzero(present)[members]
    blocks: list[Block] = []
    for (width, count, _), group in kinds.items():
        chosen = equation[edges[group][:, None] + np.arange(count)]
        times = length[chosen]
        end = np.cumsum(times[0])
        within = np.arange(int(end[-1])) - np.repeat(end - times[0], times[0])
        if (times != times[0]).any():
            raise Collision
        if count * width > DENSE:
            raise TooLarge(
                f"The system for the laws falls into blocks, one of which has {count} equations in {width} unknowns; "
                f"at most {DENSE} entries of a block are supported. Ask for a lower degree, or take a smaller network."
            )
        inside = begin[chosen][:, np.repeat(np.arange(count), times[0])] + within
        columns, values = column[inside], value[inside]
        if (columns != columns[0]).any() or (values != values[0]).any():
            raise Collision
        matrix = np.zeros((count, width), dtype=value.dtype)
        matrix[np.repeat(np.arange(count), times[0]), columns[0]] = values[0]
        blocks.append(Block(ordered[offset[group][:, None] + np.arange(width)], matrix))
    return blocks


def _components(row: Integers, begin: Integers, unknown: Integers) -> Integers:
    """The number of the component of each unknown: labels spread to the smallest until nothing changes."""
    by_unknown = np.argsort(unknown, kind="stable")
    first = np.flatnonzero(starts(unknown[by_unknown]))
    rows = row[by_unknown]
    label = np.arange(len(first))
    while True:
        spread = np.minimum.reduceat(np.minimum.reduceat(label[unknown], begin)[rows], first)
        spread = spread[spread]
        if np.array_equal(spread, label):
            return (np.cumsum(label == np.arange(len(label))) - 1)[label]
        label = spread


def _distinct(
    value: Exact, column: Integers, begin: Integers, where: Integers, size: Integers, seed: int
) -> tuple[Integers, Integers, dict[tuple[int, int, int], list[int]]]:
    """The distinct equations of each component, in an order that equal components share.

    ``where`` is the component of each equation and ``begin`` its first entry. Returns equations sorted by component,
    where each component begins among them, and the components by size, number of equations and signature. Equations
    are told apart by random hashes; one that is lost to a collision can only enlarge the kernel.
    """
    weights = np.random.default_rng([seed, 2]).integers(0, 2**64, int(size.max()), dtype=np.uint64)
    whole: Keys = (value % 2**64).astype(np.uint64) if value.dtype == object else value.astype(np.uint64)
    content = np.add.reduceat(whole * weights[column], begin)
    order = np.lexsort((content, where))
    content, where = content[order], where[order]
    fresh = starts(where) | starts(content)
    order, content, where = order[fresh], content[fresh], where[fresh]
    edges = np.flatnonzero(starts(where))
    signature = np.add.reduceat((content ^ (content >> np.uint64(29))) * _MIX, edges)
    kinds: dict[tuple[int, int, int], list[int]] = {}
    count = np.diff(edges, append=len(where))
    for number, kind in enumerate(zip(size.tolist(), count.tolist(), signature.tolist(), strict=True)):
        kinds.setdefault(kind, []).append(number)
    return order, edges, kinds
