"""Charges of the small networks of the zoo, declared by hand. Tensors are given by their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..symmetry import Marginal, Mixing, Pairs, Scalings, Shifts, Slot


def neurons(incoming: Sequence[int], outgoing: int, count: int, *, axis: int = 1) -> Scalings:
    """Hidden units: rows of the incoming tensors against slices of the outgoing one."""
    index = np.arange(count)
    before = tuple(Marginal(tensor, 0, index, index, np.ones(count)) for tensor in incoming)
    after = Marginal(outgoing, axis, index, index, -np.ones(count))
    return Scalings(tuple(f"unit {i}" for i in range(count)), (*before, after), "M2")


def rows(tensors: Sequence[int], count: int) -> Scalings:
    """Rows of some tensors together: the size of a unit that a normalisation divides out."""
    index = np.arange(count)
    marginals = tuple(Marginal(tensor, 0, index, index, np.ones(count)) for tensor in tensors)
    return Scalings(tuple(f"unit {i}" for i in range(count)), marginals)


def groups(first: int, second: int, count: int, size: int) -> Scalings:
    """Groups of consecutive rows of one tensor against the same rows of another (heads, rotary pairs)."""
    index = np.arange(count * size)
    member = index // size
    marginals = (
        Marginal(first, 0, member, index, np.ones(len(index))),
        Marginal(second, 0, member, index, -np.ones(len(index))),
    )
    return Scalings(tuple(f"group {i}" for i in range(count)), marginals)


def scales(*tensors: int) -> Scalings:
    """The size of some tensors together: what a normalisation behind them divides out."""
    one = np.zeros(1, dtype=np.int64)
    return Scalings(("size",), tuple(Marginal(tensor, None, one, one, np.ones(1)) for tensor in tensors))


def entries(tensor: int, count: int) -> Shifts:
    """Every entry of a vector by itself."""
    index = np.arange(count)
    return Shifts(tuple(f"entry {i}" for i in index), (Marginal(tensor, 0, index, index, np.ones(count)),))


def sums(tensor: int, axis: int | None = None, count: int = 1) -> Shifts:
    """The sum of a tensor, or those of its slices along an axis."""
    index = np.arange(count)
    return Shifts(tuple(f"sum {i}" for i in index), (Marginal(tensor, axis, index, index, np.ones(count)),), "M17")


def rotations(slots: Sequence[tuple[int, int]], count: int) -> Pairs:
    """so(h) acting on slices of some tensors, given as (tensor, axis)."""
    pairs = np.array([(i, j) for i in range(count) for j in range(i)])
    acts = tuple(Slot(tensor, axis, tuple(range(count))) for tensor, axis in slots)
    return Pairs(tuple(f"plane {i}, {j}" for i, j in pairs), acts, pairs, "antisymmetric")


def mixing(tensor: int, reader: int, count: int) -> Mixing:
    """Symmetric part of gl(h) between the columns of a table and the columns of what reads it."""
    basis = [np.diag(row) for row in np.eye(count)]
    slots = Slot(tensor, 1, tuple(range(count))), Slot(reader, 1, tuple(range(count)), dual=True)
    return Mixing(tuple(f"axis {i}" for i in range(count)), slots, np.array(basis), "quadratic")
