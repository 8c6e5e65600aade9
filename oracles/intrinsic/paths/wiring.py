"""Which hidden neurons of a path lifting depend on each other: the pieces that share no edge and no path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise

from ...models import PathLifting
from ...polynomials import Rational


@dataclass(frozen=True, slots=True)
class Row:
    """Neurons in a row: edges into the first, one edge between neighbours, edges out of the last.

    Attributes:
        entering: edges from sources, as many as the first neuron has inputs and biases.
        inner: edges between neurons, from the sources on.
        leaving: edges to outputs.
    """

    entering: tuple[int, ...]
    inner: tuple[int, ...]
    leaving: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Hidden neurons that are joined by edges between hidden neurons.

    Attributes:
        neurons: numbers of hidden neurons, in the order of their laws.
        edges: all edges that enter or leave one of them.
        row: how they follow each other, if they are in a row; a single neuron always is.
    """

    neurons: tuple[int, ...]
    edges: tuple[int, ...]
    row: Row | None


@dataclass(frozen=True, slots=True)
class Wiring:
    """The hidden neurons at both ends of every edge; -1 where the end is a source or an output."""

    tails: tuple[int, ...]
    heads: tuple[int, ...]
    hidden: int

    @property
    def direct(self) -> tuple[int, ...]:
        """The edges from a source to an output: each of them is a path, and belongs to no law."""
        ends = zip(self.tails, self.heads, strict=True)
        return tuple(e for e, (tail, head) in enumerate(ends) if tail < 0 and head < 0)

    def balances(self, squares: Sequence[Rational]) -> tuple[Rational, ...]:
        """For each hidden neuron the incoming minus the outgoing ones of ``squares``, one number an edge."""
        totals: list[Rational] = [0] * self.hidden
        for tail, head, square in zip(self.tails, self.heads, squares, strict=True):
            if head >= 0:
                totals[head] += square
            if tail >= 0:
                totals[tail] -= square
        return tuple(totals)


def wiring(model: PathLifting) -> Wiring:
    """The ends of all edges of ``model``, in the order of its parameters."""
    first = _first_neurons(model)
    tails: list[int] = []
    heads: list[int] = []
    for a, b in model.links:
        for i in range(model.groups[a].size):
            tails += [first[a] + i if first[a] >= 0 else -1] * model.groups[b].size
            heads += range(first[b], first[b] + model.groups[b].size) if first[b] >= 0 else [-1] * model.groups[b].size
    return Wiring(tuple(tails), tuple(heads), model.hidden)


def neuron_names(model: PathLifting) -> tuple[str, ...]:
    """``L1_2`` for the second neuron of the hidden group L1; in the order of the laws."""
    return tuple(f"{group.name}_{j + 1}" for group in model.groups if group.role == "hidden" for j in range(group.size))


def pieces(model: PathLifting) -> tuple[Piece, ...]:
    """The connected parts of the hidden neurons, in the order of their first neurons.

    A path that visits several hidden neurons goes along edges between them, so the paths of different pieces share no
    edge: laws, metric and recovery are those of each piece. Edges from a source to an output belong to none.
    """
    first, hidden = _first_neurons(model), [group.role == "hidden" for group in model.groups]
    label = list(range(len(model.groups)))
    for a, b in model.links:
        if hidden[a] and hidden[b]:
            old, new = max(label[a], label[b]), min(label[a], label[b])
            label = [new if x == old else x for x in label]
    found: list[Piece] = []
    for root in sorted(set(label)):
        members = [g for g, x in enumerate(label) if x == root and hidden[g]]
        if len(members) == 1:
            found += [
                _single(model, members[0], j, first[members[0]] + j) for j in range(model.groups[members[0]].size)
            ]
        elif members:
            found.append(_joined(model, members, first))
    return tuple(sorted(found, key=lambda piece: piece.neurons))


def _single(model: PathLifting, group: int, place: int, neuron: int) -> Piece:
    starts, size = _starts(model), model.groups[group].size
    entering: list[int] = []
    leaving: list[int] = []
    for (a, b), start in zip(model.links, starts, strict=False):
        if b == group:
            entering += [start + i * size + place for i in range(model.groups[a].size)]
        elif a == group:
            width = model.groups[b].size
            leaving += range(start + place * width, start + (place + 1) * width)
    shape = Row(tuple(entering), (), tuple(leaving))
    return Piece((neuron,), tuple(sorted(entering + leaving)), shape)


def _joined(model: PathLifting, members: Sequence[int], first: Sequence[int]) -> Piece:
    starts, inside = _starts(model), set(members)
    spans: dict[tuple[int, int], tuple[int, ...]] = {}
    for k, (a, b) in enumerate(model.links):
        if a in inside or b in inside:
            spans[a, b] = tuple(range(starts[k], starts[k + 1]))
    neurons = tuple(first[g] + j for g in members for j in range(model.groups[g].size))
    row = list(pairwise(members))  # groups are in topological order
    enters = {b for a, b in spans if a not in inside}
    leaves = {a for a, b in spans if b not in inside}
    narrow = all(model.groups[g].size == 1 for g in members)
    inner = [link for link in spans if link[0] in inside and link[1] in inside]
    shape = None
    if narrow and sorted(inner) == row and enters == {members[0]} and leaves == {members[-1]}:
        shape = Row(
            tuple(sorted(chain.from_iterable(span for (a, _), span in spans.items() if a not in inside))),
            tuple(spans[link][0] for link in row),
            tuple(sorted(chain.from_iterable(span for (_, b), span in spans.items() if b not in inside))),
        )
    return Piece(neurons, tuple(sorted(chain.from_iterable(spans.values()))), shape)


def _starts(model: PathLifting) -> list[int]:
    """The number of the first edge of each link, and the number of edges."""
    return list(accumulate((model.groups[a].size * model.groups[b].size for a, b in model.links), initial=0))


def _first_neurons(model: PathLifting) -> list[int]:
    """The number of the first hidden neuron of each group; -1 for sources and outputs."""
    numbers, count = list[int](), 0
    for group in model.groups:
        numbers.append(count if group.role == "hidden" else -1)
        count += group.size if group.role == "hidden" else 0
    return numbers
