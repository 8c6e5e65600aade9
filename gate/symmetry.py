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
        axis: the axis whose index is fixed; None takes the tensor as one slice, of index 0. Of several axes the
            indices are fixed together, and counted row-major.
        members: shape (n,).
        indices: shape (n,).
        weights: shape (n,).
        view: the shape in which axes are counted, if it is not the tensor's own: groups of channels, for instance.
    """

    tensor: int
    axis: int | tuple[int, ...] | None
    members: Indices
    indices: Indices
    weights: Floats
    view: tuple[int, ...] = ()


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


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Mixings of two slices each: ``E_ij + E_ji`` (quadratic) or ``E_ij - E_ji`` (antisymmetric) on the same slots.

    The same as ``Mixing`` with a basis of elementary matrices, at the cost of one product of matrices a slot.

    Args:
        names: one for each pair.
        slots: where they act, each on h slices.
        pairs: shape (members, 2): i and j, numbers below h.
    """

    names: tuple[str, ...]
    slots: tuple[Slot, ...]
    pairs: Indices
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
        i, j = self.pairs[:, 0], self.pairs[:, 1]
        if isinstance(a, Sized) or isinstance(p, Sized):
            a, p = Sized.of(a), Sized.of(p)
            sizes = _gram(slot, a.size, p.size)
            return Sized(self._contract(slot, a.value, p.value), sizes[i, j] + sizes[j, i])
        gram = _gram(slot, a, p)
        if slot.dual:
            gram = -gram.T
        return gram[i, j] + gram[j, i] if self.kind == "quadratic" else gram[i, j] - gram[j, i]


@dataclass(frozen=True, slots=True)
class Shear:
    """A shift of slices of one tensor that another tensor takes back: ``b_1 += u`` and ``b_2 -= W_2 u``.

    Args:
        shifted: the number of the tensor whose entries are shifted, 1-dimensional.
        reader: the number of the tensor that reads them.
        axis: the axis of the reader that is summed with them: 1 for the columns of a linear layer.
        taken: the number of the tensor that takes the change back, 1-dimensional.
        entries: the entries of ``shifted``, one for each member.
        columns: the indices along ``axis`` that read them, one for each member.
    """

    shifted: int
    reader: int
    axis: int
    taken: int
    entries: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Shears:
    """``xi = e_j`` on a bias and ``-W e_j`` on the next one: generators that belong to no quadratic charge."""

    names: tuple[str, ...]
    shear: Shear
    row: str = ""
    kind: Kind = field(default="generator", init=False)

    def pair(self, a: Sequence[Any], p: Sequence[Any]) -> Any:
        index = list(self.shear.entries)
        own = a[self.shear.shifted]
        chosen = Sized(own.value[index], own.size[index]) if isinstance(own, Sized) else np.asarray(own)[index]
        return chosen + self.form(a, p)

    def form(self, a: Sequence[Any], b: Sequence[Any]) -> Any:
        taken, reader = a[self.shear.taken], b[self.shear.reader]
        if isinstance(taken, Sized) or isinstance(reader, Sized):
            taken, reader = Sized.of(taken), Sized.of(reader)
            return Sized(-self._read(taken.value, reader.value), self._read(taken.size, reader.size))
        return -self._read(taken, reader)

    def _read(self, taken: Any, reader: Any) -> Any:
        """``<taken, column j>`` for the column of each member."""
        return np.moveaxis(np.asarray(reader), self.shear.axis, 0)[list(self.shear.columns)] @ np.asarray(taken)

    def tensors(self, leaves: Sequence[Any]) -> tuple[int, ...]:
        return tuple(sorted({self.shear.shifted, self.shear.reader, self.shear.taken}))


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
    if marginal.view:
        x = x.reshape(marginal.view)
    if marginal.axis is None:
        slices = x.sum().reshape(1)
    else:
        kept = marginal.axis if isinstance(marginal.axis, tuple) else (marginal.axis,)
        slices = x.sum(axis=tuple(axis for axis in range(x.ndim) if axis not in kept)).reshape(-1)
    total = np.zeros(members, dtype=slices.dtype)
    np.add.at(total, marginal.members, weights * slices[marginal.indices])
    return total


def _total(parts: Any, members: int) -> Any:
    result: Any = None
    for part in parts:
        result = part if result is None else result + part
    return np.zeros(members) if result is None else result
