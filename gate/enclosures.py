"""Families on stacks of windows at once, on balls: the value of a charge with a bound on what rounding made of it.

A stack is an array with one more axis in front, one entry a window. What a family costs on a stack is one pass over its
tensors, as on a single point.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from ..oracles.dynamics import Kind, Sized
from .balls import DOUBLE, EXACT, Ball
from .record import spread
from .symmetry import Family, Marginal, Mixing, Pairs, Scalings, Shears, Shifts, Slot

Stack = Sequence[Any]
"""One array for each tensor, its first axis the windows; tensors that the family does not touch may be anything."""


class Enclosed:
    """A family as charge of balls on stacks; values have shape (windows, members).

    Args:
        family: the family.
        entries: how many entries the tensors have that it touches.
        rounds: whether sums round, in float64; without it radii are those of the leaves alone.
    """

    __slots__ = ("family", "format", "gamma")

    def __init__(self, family: Family, entries: int, *, rounds: bool = True) -> None:
        self.family = family
        self.format = DOUBLE if rounds else EXACT
        # a product, a weight and the sum itself
        self.gamma = (spread(entries) + 2) * DOUBLE.unit if rounds else 0.0

    @property
    def kind(self) -> Kind:
        return self.family.kind

    def tensors(self, leaves: Sequence[Any]) -> tuple[int, ...]:
        return self.family.tensors(tuple(leaves))

    def pair(self, a: Stack, p: Stack) -> Any:
        return self._bilinear(a, p, affine=True)

    def form(self, a: Stack, b: Stack) -> Any:
        return self._bilinear(a, b, affine=False)

    def part(self, tensor: int, a: Any, b: Any) -> Any:
        """The summand of one tensor."""
        touched = max(self.family.tensors(())) + 1
        left: list[Any] = [None] * touched
        right: list[Any] = [None] * touched
        left[tensor], right[tensor] = a, b
        return self._bilinear(left, right, affine=True, only=tensor)

    def _bilinear(self, a: Stack, p: Stack, *, affine: bool, only: int | None = None) -> Any:
        if self.kind == "linear" and not affine:
            return 0.0
        touched = self.family.tensors(tuple(a)) if only is None else (only,)
        family = self.family if only is None else restricted(self.family, only)
        x, y = _split(a, touched), _split(p, touched)
        wide = {i: y.value[i] if y.radius[i] is None else abs(y.value[i]) + y.radius[i] for i in touched}
        off = {i: self.gamma * abs(v) + (0.0 if (r := x.radius[i]) is None else r) for i, v in x.value.items()}
        value = contract(family, x.value, y.value, absolute=False, affine=affine)
        radius = contract(family, off, wide, absolute=True, affine=affine)
        if self.kind != "linear" and any(r is not None for r in y.radius.values()):
            loose = {i: np.zeros_like(y.value[i]) if r is None else r for i, r in y.radius.items()}
            radius = radius + contract(family, x.value, loose, absolute=True, affine=False)
        return Ball(value, radius, self.format)


class _Split:
    __slots__ = ("radius", "value")

    def __init__(self) -> None:
        self.value: dict[int, Any] = {}
        self.radius: dict[int, Any] = {}


def _split(leaves: Stack, touched: Sequence[int]) -> _Split:
    """Values and radii of the leaves; a radius that is 0 everywhere is None."""
    made = _Split()
    for i in touched:
        leaf = leaves[i]
        ball = leaf if isinstance(leaf, Ball) else Ball(leaf)
        made.value[i] = np.asarray(ball.value)
        plain = np.ndim(ball.radius) == 0 and float(ball.radius) == 0
        made.radius[i] = None if plain else np.broadcast_to(ball.radius, made.value[i].shape)
    return made


def restricted(family: Family, tensor: int) -> Family:
    """The part of a family on one tensor."""
    if isinstance(family, Scalings):
        return Scalings(family.names, tuple(m for m in family.marginals if m.tensor == tensor), family.row)
    if isinstance(family, Mixing):
        slots = tuple(slot for slot in family.slots if slot.tensor == tensor)
        return Mixing(family.names, slots, family.basis, family.kind, family.row)
    if isinstance(family, Pairs):
        slots = tuple(slot for slot in family.slots if slot.tensor == tensor)
        return Pairs(family.names, slots, family.pairs, family.kind, family.row)
    raise TypeError(f"{type(family).__name__} has no parts.")


@singledispatch
def contract(family: Any, a: dict[int, Any], p: dict[int, Any], *, absolute: bool, affine: bool) -> Any:
    """``<a, xi(p)>`` (affine) or ``<a, M p>`` of every member and window; sums of absolute terms where ``absolute``.

    Any other family is asked window by window.
    """
    windows = len(next(iter(a.values())))
    size = max(a) + 1
    ask = family.pair if affine else family.form
    rows: list[Any] = []
    for w in range(windows):
        left: list[Any] = [None] * size
        right: list[Any] = [None] * size
        for i in a:
            left[i], right[i] = (Sized.of(a[i][w]), Sized.of(p[i][w])) if absolute else (a[i][w], p[i][w])
        answer = ask(left, right)
        rows.append(answer.size if isinstance(answer, Sized) else np.abs(answer) if absolute else answer)
    return np.broadcast_to(np.array(rows).reshape(windows, -1), (windows, len(family.names)))


@contract.register
def _(family: Scalings, a: dict[int, Any], p: dict[int, Any], *, absolute: bool, affine: bool) -> Any:
    total: Any = 0.0
    for marginal in family.marginals:
        x, y = a[marginal.tensor], p[marginal.tensor]
        total = total + _gathered(marginal, abs(x * y) if absolute else x * y, len(family.names), absolute)
    return total


@contract.register
def _(family: Shifts, a: dict[int, Any], p: dict[int, Any], *, absolute: bool, affine: bool) -> Any:
    total: Any = 0.0
    for marginal in family.marginals:
        x = a[marginal.tensor]
        total = total + _gathered(marginal, abs(x) if absolute else x, len(family.names), absolute)
    return total


@contract.register
def _(family: Mixing, a: dict[int, Any], p: dict[int, Any], *, absolute: bool, affine: bool) -> Any:
    basis = abs(family.basis) if absolute else family.basis
    total: Any = 0.0
    for slot in family.slots:
        gram = _gram(slot, a, p, absolute)
        total = total + np.einsum("mij,wij->wm", basis, gram, optimize=True)
    return total


@contract.register
def _(family: Pairs, a: dict[int, Any], p: dict[int, Any], *, absolute: bool, affine: bool) -> Any:
    i, j = family.pairs[:, 0], family.pairs[:, 1]
    total: Any = 0.0
    for slot in family.slots:
        gram = _gram(slot, a, p, absolute)
        other = gram[:, j, i]
        total = total + gram[:, i, j] + (other if absolute or family.kind == "quadratic" else -other)
    return total


@contract.register
def _(family: Shears, a: dict[int, Any], p: dict[int, Any], *, absolute: bool, affine: bool) -> Any:
    shear = family.shear
    shifted, taken, read = a[shear.shifted], a[shear.taken], p[shear.reader]
    columns = np.moveaxis(read, shear.axis + 1, -1)[..., list(shear.columns)]
    if absolute:
        shifted, taken, columns = abs(shifted), abs(taken), abs(columns)
    pulled = np.einsum("wo,wo...m->wm", taken, columns)
    if not absolute:
        pulled = -pulled
    return shifted[:, list(shear.entries)] + pulled if affine else pulled


def _gathered(marginal: Marginal, x: Any, members: int, absolute: bool) -> Any:
    """Sums of the slices of a stack, weighted and added up by member; shape (windows, members)."""
    windows = len(x)
    if marginal.view:
        x = x.reshape(windows, *marginal.view)
    if marginal.axis is None:
        slices = x.reshape(windows, -1).sum(axis=1)[:, None]
    else:
        kept = marginal.axis if isinstance(marginal.axis, tuple) else (marginal.axis,)
        others = tuple(axis for axis in range(1, x.ndim) if axis - 1 not in kept)
        slices = x.sum(axis=others).reshape(windows, -1)
    weights = abs(marginal.weights) if absolute else marginal.weights
    total = np.zeros((members, windows))
    np.add.at(total, marginal.members, (slices[:, marginal.indices] * weights).T)
    return total.T


def _gram(slot: Slot, a: dict[int, Any], p: dict[int, Any], absolute: bool) -> Any:
    """``<slice i of a, slice j of p>``, or its negative transpose where the slot is dual; shape (windows, h, h)."""
    index = list(slot.indices)

    def rows(x: Any) -> Any:
        moved = np.moveaxis(x, slot.axis + 1, 1)[:, index]
        return (abs(moved) if absolute else moved).reshape(len(moved), len(index), -1)

    gram = rows(a[slot.tensor]) @ rows(p[slot.tensor]).transpose(0, 2, 1)
    if not slot.dual:
        return gram
    return gram.transpose(0, 2, 1) if absolute else -gram.transpose(0, 2, 1)
