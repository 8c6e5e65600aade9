"""Exponents of tensors in a graph: sums of labels, one label an entry, that shape operations carry along.

The exponent of an entry says with which power of t it scales when parameters do. A value without terms does not scale.
A parameter has one term for each of its facets: unknowns of its rows plus unknowns of its columns. What a linear layer
gives has the unknowns of its rows for terms: no unknown is needed for an activation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..symmetry import Indices
from ._cuts import Cut
from ._system import System

ONE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Value:
    """Exponents of a tensor.

    Args:
        shape: of the tensor.
        terms: labels, each an array of unknowns that broadcasts to the shape, with a factor; empty for a constant.
    """

    shape: tuple[int, ...]
    terms: tuple[tuple[Indices, Fraction], ...] = ()

    def full(self) -> list[tuple[Indices, Fraction]]:
        """Terms in the shape of the tensor."""
        return [(np.broadcast_to(labels, self.shape), factor) for labels, factor in self.terms]

    def reshaped(self, change: Callable[[Indices], Indices]) -> Value:
        """What a shape operation makes of it."""
        terms = tuple((change(labels), factor) for labels, factor in self.full())
        return Value(terms[0][0].shape, terms)

    def times(self, factor: Fraction) -> Value:
        """A power of it."""
        return Value(self.shape, tuple((labels, f * factor) for labels, f in self.terms))


@dataclass(frozen=True, slots=True)
class Soft:
    """An equation that holds only without an epsilon: ``row = 0`` where epsilon counts.

    Args:
        row: of one entry that is normalised.
        node: the operation.
        eps: its epsilon.
        power: how the entry scales with what is normalised: 1, or 2 for a mean of squares.
        what: name of the operation, for a person.
    """

    row: dict[int, Fraction]
    node: str
    eps: float
    power: int
    what: str


class Exponents:
    """The equations of one graph."""

    def __init__(self) -> None:
        self.system = System()
        self.soft: list[Soft] = []
        self.tags: dict[int, set[str]] = defaultdict(set)
        self.owner: dict[int, tuple[int, int, Cut, int]] = {}
        """Of an unknown: its parameter, its gauge, its slices and which of them."""
        self.pending: dict[tuple[int, int], int] = {}
        """For a gauge that no operation has fixed: an unknown that may be called zero."""
        self.blocks: set[tuple[int, int]] = set()
        """Pairs of a parameter and the number of blocks of its rows that are normalised together."""
        self.partners: dict[int, set[int]] = {}
        """For a bias the weights that it is added after."""
        self.activations: set[int] = set()
        """Identities of values that depend on the data."""
        self.products: dict[object, Value] = {}
        self.roles: dict[tuple[int, tuple[int, ...]], str] = {}
        """Of a parameter's axes: ``reads`` what comes in, or ``writes`` what goes out."""
        self.node = ""
        """The operation that is being read."""

    def parameter(self, tensor: int, shape: tuple[int, ...], facets: Sequence[tuple[Cut, bool]]) -> Value:
        """A parameter with unknowns for the slices of its facets.

        Args:
            facets: cuts; whether the first axis of the cut counts its gauges (groups or experts).
        """
        terms: list[tuple[Indices, Fraction]] = []
        for number, (cut, grouped) in enumerate(facets):
            length = cut.length([shape] * (tensor + 1))
            first = self.system.new(length)
            labels = np.arange(first, first + length)
            view = cut.view or shape
            groups = view[cut.axes[0]] if grouped and cut.axes else 1
            for index in range(length):
                gauge = index * groups // max(1, length)
                self.owner[first + index] = (tensor, gauge, cut, index)
                if number == 0 and len(facets) > 1:
                    self.pending.setdefault((tensor, gauge), first + index)
            spread = labels.reshape([view[a] if a in cut.axes else 1 for a in range(len(view))])
            terms.append((np.broadcast_to(spread, view).reshape(shape), ONE))
        return Value(shape, tuple(terms))

    def rows(self, terms: Iterable[tuple[Indices, Fraction]]) -> list[dict[int, Fraction]]:
        """The different sums of terms over all entries."""
        whole = list(terms)
        if not whole:
            return []
        # an axis along which every label is broadcast says the same at each index
        axes = range(whole[0][0].ndim)
        once = tuple(slice(0, 1) if all(t.strides[a] == 0 for t, _ in whole) else slice(None) for a in axes)
        listed = [(labels[once].ravel(), factor) for labels, factor in whole]
        stacked = np.stack([labels for labels, _ in listed])
        if stacked.shape[1] > 1:
            stacked = np.unique(stacked, axis=1)
        result: list[dict[int, Fraction]] = []
        for column in stacked.T:
            row: dict[int, Fraction] = {}
            for unknown, (_, factor) in zip(column.tolist(), listed, strict=True):
                row[unknown] = row.get(unknown, Fraction(0)) + factor
            result.append(row)
        return result

    def zero(self, value: Value) -> None:
        """No entry scales."""
        for row in self.rows(value.full()):
            self.system.add(row)

    def equal(self, a: Value, b: Value) -> None:
        """Both scale alike, entry by entry, as they broadcast."""
        shape = np.broadcast_shapes(a.shape, b.shape)
        terms = [(np.broadcast_to(x, shape), f) for x, f in a.full()]
        terms += [(np.broadcast_to(x, shape), -f) for x, f in b.full()]
        for row in self.rows(terms):
            self.system.add(row)

    def tie(self, value: Value, axes: Sequence[int]) -> Value:
        """All entries along some axes scale alike; these axes keep length 1."""
        if not value.terms:
            return Value(tuple(1 if a in axes else n for a, n in enumerate(value.shape)))
        picks = tuple(slice(0, 1) if a in axes else slice(None) for a in range(len(value.shape)))
        first = Value(value.reshaped(lambda x: x[picks]).shape, tuple((x[picks], f) for x, f in value.full()))
        if 0 not in value.shape:
            self.equal(value, first)
        return first

    def tag(self, value: Value, *tags: str) -> None:
        for labels, _ in value.terms:
            for unknown in np.unique(labels).tolist():
                self.tags[unknown].update(tags)

    def soft_zero(self, value: Value, node: str, eps: float, power: int, what: str) -> None:
        """No entry scales, unless epsilon is zero."""
        for row in self.rows(value.full()):
            self.soft.append(Soft(row, node, eps, power, what))

    def contract(self, a: Value, b: Value, *, weight: str = "right") -> Value:
        """``sum over r of a[..., l, r] b[..., r, s]``: all summands of an entry scale alike.

        Args:
            weight: which side may be a parameter, ``left`` or ``right``.
        """
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
        x = Value((*batch, rows, inner), tuple((np.broadcast_to(t, (*batch, rows, inner)), f) for t, f in a.full()))
        y = Value(
            (*batch, inner, columns), tuple((np.broadcast_to(t, (*batch, inner, columns)), f) for t, f in b.full())
        )
        count = int(np.prod(batch, dtype=np.int64))
        left = [(t.reshape(count, rows, inner), f) for t, f in x.terms]
        right = [(t.reshape(count, inner, columns), f) for t, f in y.terms]
        outs: list[list[tuple[Indices, Fraction]]] = []
        seen: dict[bytes, list[tuple[Indices, Fraction]]] = {}
        for n in range(count):
            mine, other = [(t[n], f) for t, f in left], [(t[n], f) for t, f in right]
            key = b"".join(t.tobytes() for t, _ in (*mine, *other))
            if key not in seen:
                seen[key] = self._product(mine, other, weight)
            outs.append(seen[key])
        depth = max((len(out) for out in outs), default=0)
        shape = (*batch, rows, columns)
        if not depth:
            return Value(shape)
        if any([f for _, f in out] != [f for _, f in outs[0]] for out in outs):  # unknowns of their own, one term each
            outs = [list(self.relabelled(Value((rows, columns), tuple(out))).terms) for out in outs]
            depth = 1
        return Value(
            shape,
            tuple(
                (np.stack([np.broadcast_to(out[k][0], (rows, columns)) for out in outs]).reshape(shape), outs[0][k][1])
                for k in range(depth)
            ),
        )

    def _product(
        self, left: Sequence[tuple[Indices, Fraction]], right: Sequence[tuple[Indices, Fraction]], weight: str
    ) -> list[tuple[Indices, Fraction]]:
        """Terms of a product of two matrices."""
        out: list[tuple[Indices, Fraction]] = []
        inner: list[tuple[Indices, Fraction]] = []
        mixed = False
        parameter: dict[str, list[tuple[Indices, Fraction]]] = {"left": [], "right": []}
        for labels, factor in left:
            if (labels == labels[:, :1]).all():
                out.append((labels[:, :1], factor))
                parameter["left"].append(out[-1])
            elif (labels == labels[:1]).all():
                inner.append((labels[0], factor))
                parameter["left"].append(inner[-1])
            else:
                mixed = True
        for labels, factor in right:
            if (labels == labels[:1]).all():
                out.append((labels[:1], factor))
                parameter["right"].append(out[-1])
            elif (labels == labels[:, :1]).all():
                inner.append((labels[:, 0], factor))
                parameter["right"].append(inner[-1])
            else:
                mixed = True
        if mixed:
            for labels, factor in (*left, *right):
                self.zero(Value(labels.shape, ((labels, factor),)))
            return []
        for side, role in ((inner, "reads"), (out, "writes")):
            for labels, _ in side:
                owner = self.owner.get(int(labels.ravel()[0]))
                if owner is not None:
                    self.roles.setdefault((owner[0], owner[2].axes), role)
        if not inner:
            return out
        offset = None if self._fixes_gauge(parameter[weight]) else self.system.new()
        if offset is not None:
            inner.append((np.full_like(inner[0][0], offset), -ONE))
            out.append((np.array([[offset]]), ONE))
        for row in self.rows(inner):
            self.system.add(row)
        return out

    def _fixes_gauge(self, terms: Sequence[tuple[Indices, Fraction]]) -> bool:
        """Whether rows and columns of one parameter meet here for the first time: then the sum may be called zero."""
        gauges = [{self.owner.get(int(x), (-1, -1))[:2] for x in np.unique(labels)} for labels, _ in terms]
        for number, gauge in enumerate(gauges):
            if len(gauge) == 1 and gauge in gauges[number + 1 :] and (key := next(iter(gauge))) in self.pending:
                del self.pending[key]
                return True
        return False

    def is_activation(self, value: Value) -> bool:
        """Whether it depends on the data and scales."""
        return bool(value.terms) and id(value) in self.activations

    def relabelled(self, value: Value) -> Value:
        """The same exponents with unknowns of their own."""
        if not value.terms:
            zero = self.system.new()
            self.system.add({zero: ONE})
            return Value(value.shape, ((np.full(value.shape, zero), ONE),))
        stacked = np.stack([labels.ravel() for labels, _ in value.full()])
        kinds, inverse = np.unique(stacked, axis=1, return_inverse=True)
        first = self.system.new(kinds.shape[1])
        for k, column in enumerate(kinds.T.tolist()):
            row = {first + k: -ONE}
            for unknown, (_, factor) in zip(column, value.terms, strict=True):
                row[unknown] = row.get(unknown, Fraction(0)) + factor
            self.system.add(row)
            self.tags[first + k] |= {tag for unknown in column for tag in self.tags[unknown]}
        return Value(value.shape, (((np.asarray(inverse).ravel() + first).reshape(value.shape), ONE),))

    def fix_gauges(self) -> None:
        """Rows against columns of the parameters that meet no contraction."""
        for unknown in self.pending.values():
            self.system.add({unknown: ONE})
        self.pending.clear()

    def owners(self, value: Value) -> set[int]:
        """The parameters whose unknowns a value has."""
        return {
            self.owner[unknown][0]
            for labels, _ in value.terms
            for unknown in np.unique(labels).tolist()
            if unknown in self.owner
        }
