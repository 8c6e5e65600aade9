"""Families of charges on named tensors, evaluated all at once.

A family is a ``flowlaw.oracles.dynamics.Charge`` whose numbers are arrays, one entry a member: the identities of
optimizers run on it as they are. Leaves are arrays in the order of the target's parameters. A member of ``Scalings`` or
``Shifts`` is a combination of *slices*: all entries of a tensor with one index along one axis. What a family costs is
one pass over its tensors, however many members it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..oracles.dynamics import Charge, Kind, Sized

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Family(Charge, Protocol):
    """Charges of one kind that belong together, such as those of all neurons of a layer.

    ``pair`` and ``form`` of ``Charge`` give arrays of shape ``(members,)``, and ``Sized`` arrays for ``Sized`` leaves.
    """

    @property
    def row(self) -> str:
        """The row of the table of building blocks it belongs to, such as ``M2``; empty for none."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """What each member is, for a person."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Marginal:
    """Slices of one tensor along one axis: entry j adds ``weights[j]`` times slice ``indices[j]`` to ``members[j]``.

    Args:
        tensor: its number.
        axis: the axis whose index is fixed; None takes the tensor as one slice, of index 0.
        members: shape (n,).
        indices: shape (n,).
        weights: shape (n,).
    """

    tensor: int
    axis: int | None
    members: Indices
    indices: Indices
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Scalings:
    """``sum of weight * |slice|^2`` over the slices of a member: rescalings and scale symmetries."""

    names: tuple[str, ...]
    marginals: tuple[Marginal, ...]
    row: str = ""
    kind: Kind = field(default="quadratic", init=False)

    def pair(self, a: Sequence[Any], p: Sequence[Any]) -> Any:
        return _total((self._slices(m, a[m.tensor] * p[m.tensor]) for m in self.marginals), len(self.names))

    def form(self, a: Sequence[Any], b: Sequence[Any]) -> Any:
        return self.pair(a, b)

    def part(self, tensor: int, a: Any, b: Any) -> Any:
        """The summand of one tensor."""
        mine = (m for m in self.marginals if m.tensor == tensor)
        return _total((self._slices(m, a * b) for m in mine), len(self.names))

    def tensors(self, leaves: Sequence[Any]) -> tuple[int, ...]:
        return tuple(sorted({m.tensor for m in self.marginals}))

    def _slices(self, marginal: Marginal, product: Any) -> Any:
        return _gather(marginal, product, len(self.names))


@dataclass(frozen=True, slots=True, eq=False)
class Shifts:
    """``sum of weight * (sum of the slice)`` over the slices of a member: translations."""

    names: tuple[str, ...]
    marginals: tuple[Marginal, ...]
    row: str = ""
    kind: Kind = field(default="linear", init=False)

    def pair(self, a: Sequence[Any], p: Sequence[Any]) -> Any:
        return _total((_gather(m, a[m.tensor], len(self.names)) for m in self.marginals), len(self.names))

    def form(self, a: Sequence[Any], b: Sequence[Any]) -> Any:
        return 0

    def tensors(self, leaves: Sequence[Any]) -> tuple[int, ...]:
        return tuple(sorted({m.tensor for m in self.marginals}))


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a matrix A of a family acts: on h slices of one tensor.

    Args:
        tensor: its number.
        axis: the axis on which it acts.
        indices: the h indices along it, in the order of the rows of A.
        dual: the generator is ``A`` on the slices, and ``-A^T`` where it is dual (``W_2 -> W_2 A^-1`` on axis 1, keys).
    """

    tensor: int
    axis: int
    indices: tuple[int, ...]
    dual: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Mixing:
    """Linear combinations of h slices in several tensors at once: gl(h), so(h) and their subspaces.

    Args:
        names: one for each matrix of the basis.
        slots: where they act.
        basis: shape (members, h, h); all symmetric (``kind`` quadratic) or all antisymmetric.
    """

    names: tuple[str, ...]
    slots: tuple[Slot, ...]
    basis: Floats
    kind: Kind
    row: str = ""

    def pair(self, a: Sequence[Any], p: Sequence[Any]) -> Any:
        return _total((self._contract(slot, a[slot.tensor], p[slot.tensor]) for slot in self.slots), len(self.names))

    def form(self, a: Sequence[Any], b: Sequence[Any]) -> Any:
        return self.pair(a, b)

    def part(self, tensor: int, a: Any, b: Any) -> Any:
        """The summand of one tensor."""
        return _total((self._contract(slot, a, b) for slot in self.slots if slot.tensor == tensor), len(self.names))

    def tensors(self, leaves: Sequence[Any]) -> tuple[int, ...]:
        return tuple(sorted({slot.tensor for slot in self.slots}))

    def _contract(self, slot: Slot, a: Any, p: Any) -> Any:
        """``<a, A p>`` for each A of the basis; ``<a, -A^T p>`` where the slot is dual."""
        if isinstance(a, Sized) or isinstance(p, Sized):
            a, p = Sized.of(a), Sized.of(p)
            sizes = np.einsum("mij,ij->m", np.abs(self.basis), _gram(slot, a.size, p.size))
            return Sized(self._contract(slot, a.value, p.value), sizes)
        gram = _gram(slot, a, p)
        return np.einsum("mij,ij->m", self.basis, -gram.T if slot.dual else gram)


def _gram(slot: Slot, a: Any, p: Any) -> Any:
    """``G_ij = <slice i of a, slice j of p>``; shape (h, h)."""
    index = list(slot.indices)
    left = np.moveaxis(np.asarray(a), slot.axis, 0)[index].reshape(len(index), -1)
    right = np.moveaxis(np.asarray(p), slot.axis, 0)[index].reshape(len(index), -1)
    return left @ right.T


def _gather(marginal: Marginal, x: Any, members: int) -> Any:
    """Sums of the slices of ``x``, weighted and added up by member."""
    if isinstance(x, Sized):
        sizes = _gather_array(marginal, np.asarray(x.size), members, np.abs(marginal.weights))
        return Sized(_gather_array(marginal, np.asarray(x.value), members, marginal.weights), sizes)
    return _gather_array(marginal, np.asarray(x), members, marginal.weights)


def _gather_array(marginal: Marginal, x: Any, members: int, weights: Floats) -> Any:
    if marginal.axis is None:
        slices = x.sum().reshape(1)
    else:
        slices = x.sum(axis=tuple(axis for axis in range(x.ndim) if axis != marginal.axis))
    total = np.zeros(members, dtype=slices.dtype)
    np.add.at(total, marginal.members, weights * slices[marginal.indices])
    return total


def _total(parts: Any, members: int) -> Any:
    result: Any = None
    for part in parts:
        result = part if result is None else result + part
    return np.zeros(members) if result is None else result
