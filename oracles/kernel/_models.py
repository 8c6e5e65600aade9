"""The models a certificate can speak about, as the kernel reads them.

Three forms, each closed: ``linear`` (a product of matrices), ``paths`` (the path lifting of a ReLU DAG, given as groups
of neurons and complete links between groups) and ``polynomial`` (explicit coordinates). Parameters are numbered block
by block, row-major.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, combinations_with_replacement, compress, pairwise
from math import prod

import numpy as np

from ._exact import MINUS_ONE, ONE, Monomial, Polynomial, Work, combine, inner, read_polynomial, slopes, variable
from ._flow import Chain, Monomials, Program, times
from ._modular import Residues
from ._read import Rejected, array, choice, closed, integer, integers, opened

TERMS_LIMIT = 2_000_000
"""Terms of explicit polynomials that the kernel is willing to expand."""
PARAMETERS_LIMIT = 10**9
"""Parameters of a model that is certified by a structural rule; nothing of this size is ever allocated."""
DENSE_LIMIT = 20_000
"""Parameters of a model whose points are written out."""
EDGE_WORK = 5
"""What it costs to walk along one edge."""
ROW_WORK = 20
"""What it costs to hold the gradient of one law."""

Neuron = tuple[int, int]
"""A group and a position in it."""
Family = Mapping[str, object]
Law = Family | Polynomial
Row = dict[int, int]
"""The entries of a gradient modulo a prime, by parameter; those left out are zero."""


class Form:
    """A model as the kernel sees it; ``work`` is what may still be spent on it."""

    parameters: int
    work: Work

    def coordinates(self) -> Iterable[Polynomial]:
        """The coordinates of phi (generators of W), written out."""
        raise NotImplementedError

    def coordinate(self, key: object) -> Polynomial:
        """One of them; ``key`` is untrusted."""
        listed = list(self.coordinates())
        return listed[integer(key, "a coordinate", 0, len(listed) - 1)]

    def family(self, law: Family) -> Iterable[Polynomial]:
        """The laws that a name stands for (docs/rules.md)."""
        raise Rejected("the model has no law family of that name")

    def program(self, prime: int) -> Program:
        return Monomials(self.parameters, list(self.coordinates()), prime)

    def check_laws(self, laws: Sequence[Polynomial]) -> None:
        """Rejects unless every gradient flow of every loss of phi conserves the ``laws``: identities over Q."""
        of_laws = [slopes(law, self.work) for law in laws]
        variables = {index for of_law in of_laws for index in of_law}
        for number, coordinate in enumerate(self.coordinates() if laws else ()):
            of_coordinate = slopes(coordinate, self.work, variables)
            for of_law in of_laws:
                if inner(of_law, of_coordinate, self.work).terms:
                    raise Rejected(f"a law is not orthogonal to the gradient of coordinate {number}")

    def gradients(self, law: Law, point: Residues, prime: int) -> Iterator[Row]:
        """The gradients at an integer point of a law, times its denominator, or of those that a name stands for."""
        numbers: list[int] = point.tolist()
        for polynomial in [law] if isinstance(law, Polynomial) else self.family(law):
            self.work.spend(ROW_WORK)
            row: Row = {}
            for monomial, c in polynomial.terms.items():
                self.work.spend(8 + 2 * len(monomial) ** 2)
                for position, (index, exponent) in enumerate(monomial):
                    slope = c * exponent * pow(numbers[index], exponent - 1, prime)
                    for other, power in monomial[:position] + monomial[position + 1 :]:
                        slope = slope * pow(numbers[other], power, prime) % prime
                    row[index] = (row.get(index, 0) + slope) % prime
            yield row


class Linear(Form):
    """``phi = U_1 ... U_L``; families ``balance``, ``output-sums`` and ``block-first-integrals``."""

    def __init__(self, widths: object, output: object, work: Work) -> None:
        self.work = work
        self.widths = [integer(w, "a width", 1, 10**6) for w in array(widths, "widths", least=2, most=65)]
        self.zero_sum = choice(output, "the output of a linear model", ("all", "zero-sum")) == "zero-sum"
        if self.zero_sum and self.widths[0] < 2:
            raise Rejected("a zero-sum output needs at least two output neurons")
        self.starts = list(accumulate((a * b for a, b in pairwise(self.widths)), initial=0))
        self.parameters = self.starts[-1]

    def program(self, prime: int) -> Program:
        return Chain(self.widths, self.zero_sum, prime)

    def coordinates(self) -> Iterator[Polynomial]:
        for row in range(self.widths[0] - self.zero_sum):
            yield from self._entries(row, range(self.widths[-1]))

    def coordinate(self, key: object) -> Polynomial:
        rows, columns = self.widths[0] - self.zero_sum, self.widths[-1]
        row, column = divmod(integer(key, "a coordinate", 0, rows * columns - 1), columns)
        return self._entries(row, [column])[0]

    def _entries(self, row: int, columns: Sequence[int]) -> list[Polynomial]:
        """Entries of one row of the product, less those of the last row for a zero-sum output."""
        if prod(self.widths[1:-1]) * len(self.widths) > TERMS_LIMIT:
            raise Rejected("one entry of the product has too many terms to be written out")
        entries = {row: ONE, self.widths[0] - 1: MINUS_ONE} if self.zero_sum else {row: ONE}
        ends = [range(width) for width in self.widths[1:-1]] + [columns]
        for start, width, heads in zip(self.starts, self.widths[1:], ends, strict=False):
            entries = {
                j: combine([(entry, variable(start + i * width + j)) for i, entry in entries.items()], self.work)
                for j in heads
            }
        return list(entries.values())

    def family(self, law: Family) -> Iterable[Polynomial]:
        name = closed(law, "the family", "family")["family"]
        if name == "balance":
            return (self.balance(*names) for names in self.balances())
        if name == "output-sums" and self.zero_sum:
            outputs, hidden = self.widths[:2]
            return (Polynomial({((i * hidden + j, 1),): 1 for i in range(outputs)}) for j in range(hidden))
        return super().family(law)

    def balances(self) -> Iterator[tuple[int, int, int]]:
        """The entries (a, b), a <= b, of the balance of every hidden layer, as (layer, a, b)."""
        for layer, width in enumerate(self.widths[1:-1], start=1):
            yield from ((layer, a, b) for a, b in combinations_with_replacement(range(width), 2))

    def balance(self, layer: int, a: int, b: int) -> Polynomial:
        """The entry (a, b) of ``U_i^T U_i - U_(i+1) U_(i+1)^T`` for i = ``layer``."""
        before, width, after = self.widths[layer - 1 : layer + 2]
        into, out_of = self.starts[layer - 1 : layer + 1]
        ends = [(into + k * width + a, into + k * width + b, 1) for k in range(before)]
        ends += [(out_of + a * after + k, out_of + b * after + k, -1) for k in range(after)]
        return Polynomial({((i, 2),) if i == j else ((i, 1), (j, 1)): sign for i, j, sign in ends})

    def gradients(self, law: Law, point: Residues, prime: int) -> Iterator[Row]:
        if isinstance(law, Polynomial) or law.get("family") != "block-first-integrals":
            yield from super().gradients(law, point, prime)
            return
        found = closed(law, "the family", "family", "from", "to")
        last = len(self.widths) - 1
        start = integer(found["from"], "'from'", 0, last - 1)
        end = integer(found["to"], "'to'", start + 1, last)
        if self.widths[start] != 1 or self.widths[end] != 1:
            raise Rejected("a scalar block lies between two layers of width one")
        low, high = self.starts[start], self.starts[end]
        self.work.spend(ROW_WORK * (high - low))
        scalar = Chain(self.widths[start : end + 1], False, prime)
        one = np.ones((1, 1), dtype=np.int64)
        slope: list[int] = scalar.field(point[None, low:high] % prime, one, times)[0].tolist()
        s = next((k for k, c in enumerate(slope) if c), None)
        if s is None:
            raise Rejected("the gradient of a scalar block vanishes at the point, modulo the prime")
        yield from ({low + k: slope[s], low + s: -c % prime} for k, c in enumerate(slope) if k != s)


class Paths(Form):
    """The path lifting of a DAG of homogeneous neurons; family ``neuron-balance``.

    Groups are listed in topological order; ``links`` join all neurons of one group to all of a later one. Every hidden
    group has a link in and a link out, so that every edge lies on a path from a source to an output.
    """

    def __init__(self, groups: object, links: object, work: Work) -> None:
        self.work = work
        found = [closed(entry, "a group", "size", "role") for entry in array(groups, "groups", least=2, most=2_000_000)]
        self.roles = [choice(group["role"], "the role of a group", ("source", "hidden", "output")) for group in found]
        self.sizes = [integer(group["size"], "the size of a group", 1, 10**9) for group in found]
        listed = array(links, "links", least=1, most=2_000_000)
        self.links = [(a, b) for a, b in (integers(entry, "a link", 2, 0, len(self.sizes) - 1) for entry in listed)]
        if len(set(self.links)) != len(self.links) or any(tail >= head for tail, head in self.links):
            raise Rejected("a link is listed twice, or leads from a group to an earlier one or to itself")
        tails, heads = {tail for tail, _ in self.links}, {head for _, head in self.links}
        for number, role in enumerate(self.roles):
            if (number in heads) != (role != "source") or (number in tails) != (role != "output"):
                raise Rejected(f"group {number} is not joined as its role '{role}' demands")
        self.starts = list(accumulate((self.sizes[a] * self.sizes[b] for a, b in self.links), initial=0))
        self.parameters = self.starts[-1]
        self.hidden = sum(size for size, role in zip(self.sizes, self.roles, strict=True) if role == "hidden")
        self._paths: list[tuple[int, ...]] = []

    def edges(self) -> Iterator[tuple[int, Neuron, Neuron]]:
        """All edges as parameters with both their ends; those into a neuron come before those out of it."""
        for link in sorted(range(len(self.links)), key=lambda link: self.links[link][1]):
            tail, head = self.links[link]
            for position in range(self.sizes[tail] * self.sizes[head]):
                yield self.starts[link] + position, *self._ends(link, position)

    def _ends(self, link: int, position: int) -> tuple[Neuron, Neuron]:
        tail, head = self.links[link]
        i, j = divmod(position, self.sizes[head])
        return (tail, i), (head, j)

    def paths(self) -> list[tuple[int, ...]]:
        """Every path as a tuple of parameters from the source on, in lexicographic order."""
        if not self._paths:
            arriving: dict[Neuron, list[tuple[int, ...]]] = {}
            found: list[tuple[int, ...]] = []
            for parameter, tail, head in self.edges():
                paths = found if self.roles[head[0]] == "output" else arriving.setdefault(head, [])
                for path in [()] if self.roles[tail[0]] == "source" else arriving[tail]:
                    self.work.spend(EDGE_WORK * (len(path) + 1))
                    paths.append((*path, parameter))
            self._paths = sorted(found)
        return self._paths

    def coordinates(self) -> Iterator[Polynomial]:
        return map(_product, self.paths())

    def coordinate(self, key: object) -> Polynomial:
        edges = array(key, "a path", least=1, most=len(self.sizes))
        path = [integer(edge, "an edge of a path", 0, self.parameters - 1) for edge in edges]
        links = [bisect_right(self.starts, edge) - 1 for edge in path]
        ends = [self._ends(link, edge - self.starts[link]) for link, edge in zip(links, path, strict=True)]
        roles = self.roles[ends[0][0][0]], self.roles[ends[-1][1][0]]
        if roles != ("source", "output") or any(before[1] != after[0] for before, after in pairwise(ends)):
            raise Rejected("the edges of a coordinate do not form a path from a source to an output")
        return _product(path)

    def check_laws(self, laws: Sequence[Polynomial]) -> None:
        """A sum of ``c_e theta_e^2`` is a law iff c sums to zero on every path, iff it is a potential difference."""
        squares = [all(len(monomial) == 1 and monomial[0][1] == 2 for monomial in law.terms) for law in laws]
        super().check_laws([law for law, square in zip(laws, squares, strict=True) if not square])
        for law in compress(laws, squares):
            self.work.spend(EDGE_WORK * (len(self.links) + self.parameters))
            height: dict[Neuron, int] = {}
            for parameter, tail, head in self.edges():
                value = height.get(tail, 0) + law.terms.get(((parameter, 2),), 0)
                if height.setdefault(head, 0 if self.roles[head[0]] == "output" else value) != value:
                    raise Rejected("the coefficients of a law do not sum to zero along every path")

    def family(self, law: Family) -> Iterable[Polynomial]:
        if law != {"family": "neuron-balance"}:
            return super().family(law)
        self.work.spend(EDGE_WORK * self.parameters)
        terms: dict[Neuron, dict[Monomial, int]] = {}
        for parameter, tail, head in self.edges():
            for neuron, sign in ((tail, -1), (head, 1)):
                if self.roles[neuron[0]] == "hidden":
                    terms.setdefault(neuron, {})[((parameter, 2),)] = sign
        return map(Polynomial, terms.values())


class Explicit(Form):
    """Coordinates written out as polynomials over Q."""

    def __init__(self, parameters: object, coordinates: object, work: Work) -> None:
        self.work = work
        self.parameters = integer(parameters, "'parameters'", 1, DENSE_LIMIT)
        listed = array(coordinates, "coordinates", least=1, most=100_000)
        self.polynomials = [
            read_polynomial(entry, "a coordinate", self.parameters, TERMS_LIMIT, 60) for entry in listed
        ]
        if sum(len(polynomial.terms) for polynomial in self.polynomials) > TERMS_LIMIT:
            raise Rejected(f"the coordinates have more than {TERMS_LIMIT} terms")

    def coordinates(self) -> Sequence[Polynomial]:
        return self.polynomials


MODELS: dict[str, tuple[Callable[[object, object, Work], Form], str, str]] = {
    "linear": (Linear, "widths", "output"),
    "paths": (Paths, "groups", "links"),
    "polynomial": (Explicit, "parameters", "coordinates"),
}


def read_model(value: object, work: Work | None = None) -> Form:
    """The model of a claim."""
    kind, first, second = MODELS[choice(opened(value).get("kind"), "the kind of the model", MODELS)]
    found = closed(value, "the model", "kind", first, second)
    form = kind(found[first], found[second], work or Work())
    if form.parameters > PARAMETERS_LIMIT:
        raise Rejected(f"the model has more than {PARAMETERS_LIMIT} parameters")
    return form


def _product(path: Sequence[int]) -> Polynomial:
    return Polynomial({tuple((edge, 1) for edge in sorted(path)): 1})
