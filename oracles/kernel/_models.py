"""The models a certificate can speak about, as the kernel reads them.

Three forms, each closed: ``linear`` (a product of matrices), ``paths`` (the path lifting of a ReLU DAG, given as groups
of neurons and complete links between groups) and ``polynomial`` (explicit coordinates). Parameters are numbered block
by block, row-major.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Protocol, cast

import numpy as np

from ._exact import Work, check_laws, common_denominator, whole
from ._flow import Program, Times, times
from ._modular import Residues
from ._polynomial import Polynomial, Rational
from ._programs import Chain, Monomials
from ._read import Rejected, array, closed, integer, integers, polynomial

TERMS_LIMIT = 2_000_000
"""Terms of explicit polynomials that the kernel is willing to expand, and edges of paths that it lists."""
CELLS_LIMIT = 6 * 10**7
"""Entries of one array of integers."""
PARAMETERS_LIMIT = 10**9
"""Parameters of a model that is certified by a structural rule; nothing of this size is ever allocated."""
DENSE_LIMIT = 20_000
"""Parameters of a model whose points are written out."""
EDGE_WORK = 5
"""What it costs to walk along one edge."""

Neuron = tuple[int, int]
"""A group and a position in it."""


class Form(Protocol):
    """A model as the kernel sees it."""

    parameters: int

    def dimension(self) -> int:
        """The number of coordinates (generators of W)."""
        ...

    def program(self, prime: int, multiply: Times = times) -> Program: ...

    def coordinate(self, key: object) -> Polynomial:
        """One coordinate of phi as an explicit polynomial; ``key`` is untrusted."""
        ...

    def check_laws(self, laws: Sequence[Polynomial], work: Work) -> None:
        """Rejects unless every gradient flow of every loss of phi conserves the ``laws``: identities over Q."""
        ...

    def family(self, law: Mapping[str, object], point: Residues, prime: int) -> Residues:
        """The gradients at ``point`` modulo ``prime`` of a family of laws known by a rule: shape (rows, D)."""
        ...


class Linear:
    """``phi = U_1 ... U_L``; families ``balance``, ``output-sums`` and ``block-first-integrals`` (docs/rules.md)."""

    def __init__(self, value: Mapping[str, object]) -> None:
        widths = array(value["widths"], "widths", least=2, most=65)
        self.widths = [integer(w, "a width", 1, 10**6) for w in widths]
        if value["output"] not in ("all", "zero-sum"):
            raise Rejected("the field 'output' of a linear model is neither 'all' nor 'zero-sum'")
        self.zero_sum = value["output"] == "zero-sum"
        if self.zero_sum and self.widths[0] < 2:
            raise Rejected("a zero-sum output needs at least two output neurons")
        self.starts = list(accumulate((a * b for a, b in pairwise(self.widths)), initial=0))
        self.parameters = self.starts[-1]
        _bounded(self.parameters)

    def dimension(self) -> int:
        return (self.widths[0] - self.zero_sum) * self.widths[-1]

    def program(self, prime: int, multiply: Times = times) -> Chain:
        return Chain(self.widths, self.zero_sum, prime, multiply)

    def coordinate(self, key: object) -> Polynomial:
        index = integer(key, "a coordinate", 0, self.dimension() - 1)
        if prod(self.widths[1:-1]) * len(self.widths) > TERMS_LIMIT:
            raise Rejected("one entry of the product has too many terms to be written out")
        row, column = divmod(index, self.widths[-1])
        entry = self._entry(row, column)
        return entry - self._entry(self.widths[0] - 1, column) if self.zero_sum else entry

    def _entry(self, row: int, column: int) -> Polynomial:
        paths: list[tuple[int, tuple[tuple[int, int], ...]]] = [(row, ())]
        for layer, (start, (_, size)) in enumerate(zip(self.starts, pairwise(self.widths), strict=False)):
            last = layer == len(self.widths) - 2
            paths = [
                (j, (*monomial, (start + i * size + j, 1)))
                for i, monomial in paths
                for j in ((column,) if last else range(size))
            ]
        return Polynomial((monomial, 1) for _, monomial in paths)

    def check_laws(self, laws: Sequence[Polynomial], work: Work) -> None:
        def coordinates() -> Iterator[tuple[str, Polynomial]]:
            for index in range(self.dimension()):
                work.spend(len(self.widths) * prod(self.widths[1:-1]))
                yield f"coordinate {index}", self.coordinate(index)

        check_laws(laws, coordinates(), work)

    def family(self, law: Mapping[str, object], point: Residues, prime: int) -> Residues:
        if law.get("family") == "balance":
            closed(law, "the family", "family")
            check_fits(sum(size * (size + 1) // 2 for size in self.widths[1:-1]), self.parameters)
            rows = [self.balance(i, point, prime) for i in range(1, len(self.widths) - 1)]
            return np.concatenate(rows) if rows else np.zeros((0, self.parameters), dtype=np.int64)
        if law.get("family") == "output-sums":
            closed(law, "the family", "family")
            if not self.zero_sum:
                raise Rejected("'output-sums' are laws only where the output covectors sum to zero")
            outputs, hidden = self.widths[:2]
            check_fits(hidden, self.parameters)
            out = np.zeros((hidden, self.parameters), dtype=np.int64)
            out[:, : outputs * hidden] = np.tile(np.eye(hidden, dtype=np.int64), outputs)
            return out
        if law.get("family") == "block-first-integrals":
            return self._block(law, point, prime)
        raise Rejected("a linear model has no law family of that name")

    def balance(self, layer: int, point: Residues, prime: int) -> Residues:
        """Gradients of the entries (a, b), a <= b, of ``U_i^T U_i - U_(i+1) U_(i+1)^T`` for i = ``layer``."""
        before, size, after = self.widths[layer - 1 : layer + 2]
        start = self.starts[layer - 1]
        middle = start + before * size
        left = point[start:middle].reshape(before, size)
        right = point[middle : middle + size * after].reshape(size, after)
        first, second = upper_pairs(size)
        row = np.arange(len(first))
        into = np.zeros((len(first), before, size), dtype=np.int64)
        out_of = np.zeros((len(first), size, after), dtype=np.int64)
        into[row, :, first] += left[:, second].T
        into[row, :, second] += left[:, first].T
        out_of[row, first] -= right[second]
        out_of[row, second] -= right[first]
        total = np.zeros((len(first), self.parameters), dtype=np.int64)
        total[:, start:middle] = into.reshape(len(first), -1)
        total[:, middle : middle + size * after] = out_of.reshape(len(first), -1)
        return total % prime

    def _block(self, law: Mapping[str, object], point: Residues, prime: int) -> Residues:
        """Tangents of the level sets of the scalar block between two layers of width one."""
        closed(law, "the family", "family", "from", "to")
        last = len(self.widths) - 1
        start = integer(law["from"], "'from'", 0, last - 1)
        end = integer(law["to"], "'to'", start + 1, last)
        if self.widths[start] != 1 or self.widths[end] != 1:
            raise Rejected("a scalar block lies between two layers of width one")
        low, high = self.starts[start], self.starts[end]
        check_fits(high - low, self.parameters)
        scalar = Chain(self.widths[start : end + 1], False, prime)
        slope = scalar.field(point[None, low:high], np.ones((1, 1), dtype=np.int64))[0]
        support = np.flatnonzero(slope)
        if not len(support):
            raise Rejected("the gradient of a scalar block vanishes at the point, modulo the prime")
        others = np.delete(np.arange(high - low), support[0])
        rows = np.zeros((len(others), self.parameters), dtype=np.int64)
        rows[np.arange(len(others)), low + others] = slope[support[0]]
        rows[:, low + support[0]] = -slope[others]
        return rows % prime


class Paths:
    """The path lifting of a DAG of homogeneous neurons; family ``neuron-balance`` (docs/rules.md).

    Groups are listed in topological order; ``links`` join all neurons of one group to all of a later one. Every hidden
    group has a link in and a link out, so that every edge lies on a path from a source to an output.
    """

    def __init__(self, value: Mapping[str, object]) -> None:
        self.sizes: list[int] = []
        self.roles: list[str] = []
        for entry in array(value["groups"], "groups", least=2, most=2_000_000):
            group = closed(entry, "a group", "size", "role")
            if group["role"] not in ("source", "hidden", "output"):
                raise Rejected("the role of a group is none of 'source', 'hidden', 'output'")
            self.sizes.append(integer(group["size"], "the size of a group", 1, 10**9))
            self.roles.append(str(group["role"]))
        self.links: list[tuple[int, int]] = []
        for entry in array(value["links"], "links", least=1, most=2_000_000):
            tail, head = integers(entry, "a link", least=0, most=len(self.sizes) - 1, length=2)
            if tail >= head:
                raise Rejected("a link leads from a group to an earlier one or to itself")
            self.links.append((tail, head))
        if len(set(self.links)) != len(self.links):
            raise Rejected("a link is listed twice")
        tails, heads = {tail for tail, _ in self.links}, {head for _, head in self.links}
        for number, role in enumerate(self.roles):
            if (number in heads) != (role != "source") or (number in tails) != (role != "output"):
                raise Rejected(f"group {number} is not joined as its role '{role}' demands")
        self.starts = list(accumulate((self.sizes[a] * self.sizes[b] for a, b in self.links), initial=0))
        self.parameters = self.starts[-1]
        _bounded(self.parameters)
        self._paths: list[tuple[int, ...]] | None = None

    @property
    def hidden(self) -> int:
        """The number of hidden neurons."""
        return sum(size for size, role in zip(self.sizes, self.roles, strict=True) if role == "hidden")

    def edges(self, link: int) -> Iterator[tuple[int, Neuron, Neuron]]:
        """The edges of a link as parameters with the (group, position) of both ends."""
        tail, head = self.links[link]
        parameter = self.starts[link]
        for i in range(self.sizes[tail]):
            for j in range(self.sizes[head]):
                yield parameter, (tail, i), (head, j)
                parameter += 1

    def _inwards(self) -> list[int]:
        """The links ordered by where they lead: those into a group come before those out of it."""
        return sorted(range(len(self.links)), key=lambda link: self.links[link][1])

    def coordinates(self) -> list[tuple[int, ...]]:
        """Every path as a tuple of parameters from the source on, in lexicographic order."""
        if self._paths is None:
            self._check_paths()
            arriving: dict[Neuron, list[tuple[int, ...]]] = {}
            found: list[tuple[int, ...]] = []
            for link in self._inwards():
                for parameter, tail, head in self.edges(link):
                    before = [()] if self.roles[tail[0]] == "source" else arriving[tail]
                    paths = found if self.roles[head[0]] == "output" else arriving.setdefault(head, [])
                    paths.extend((*path, parameter) for path in before)
            self._paths = sorted(found)
        return self._paths

    def _check_paths(self) -> None:
        """Rejects unless all paths, and all their beginnings, have few edges together."""
        counts = [int(role == "source") for role in self.roles]
        edges = [0] * len(self.sizes)
        total = 0
        for link in self._inwards():
            tail, head = self.links[link]
            counts[head] += self.sizes[tail] * counts[tail]
            more = self.sizes[tail] * (edges[tail] + counts[tail])
            edges[head] += more
            total += self.sizes[head] * more
            if total > TERMS_LIMIT:
                raise Rejected("the network has too many paths, or too long ones, to be written out")

    def dimension(self) -> int:
        return len(self.coordinates())

    def program(self, prime: int, multiply: Times = times) -> Monomials:
        monomials = [_monomial(path) for path in self.coordinates()]
        return _monomials(self.parameters, monomials, prime, multiply)

    def coordinate(self, key: object) -> Polynomial:
        edges = array(key, "a path", least=1, most=len(self.sizes))
        path = [integer(edge, "an edge of a path", 0, self.parameters - 1) for edge in edges]
        at: Neuron | None = None
        for edge in path:
            tail, head = self._ends(edge)
            if (self.roles[tail[0]] != "source") if at is None else (tail != at):
                raise Rejected("the edges of a coordinate do not form a path from a source")
            at = head
        if at is None or self.roles[at[0]] != "output":
            raise Rejected("the edges of a coordinate do not lead to an output")
        return _monomial(path)

    def _ends(self, edge: int) -> tuple[Neuron, Neuron]:
        link = bisect_right(self.starts, edge) - 1
        tail, head = self.links[link]
        i, j = divmod(edge - self.starts[link], self.sizes[head])
        return (tail, i), (head, j)

    def check_laws(self, laws: Sequence[Polynomial], work: Work) -> None:
        others: list[Polynomial] = []
        for law in laws:
            if all(len(monomial) == 1 and monomial[0][1] == 2 for monomial in law.terms):
                self._check_potential(whole(law, work), work)
            else:
                others.append(law)
        if others:
            check_laws(others, ((f"path {n}", _monomial(path)) for n, path in enumerate(self.coordinates())), work)

    def _check_potential(self, law: Polynomial, work: Work) -> None:
        """A sum of ``c_e theta_e^2`` is a law iff c sums to zero on every path, iff it is a potential difference."""
        work.spend(EDGE_WORK * (len(self.links) + self.parameters))
        weights = {monomial[0][0]: c for monomial, c in law.terms.items()}
        height: dict[Neuron, Rational] = {}
        for link in self._inwards():
            for parameter, tail, head in self.edges(link):
                value = height.get(tail, 0) + weights.get(parameter, 0)
                if self.roles[head[0]] == "output":
                    if value:
                        raise Rejected("the coefficients do not sum to zero along some path")
                elif height.setdefault(head, value) != value:
                    raise Rejected("the coefficients differ between two paths to the same neuron")

    def family(self, law: Mapping[str, object], point: Residues, prime: int) -> Residues:
        if law != {"family": "neuron-balance"}:
            raise Rejected("a path lifting has no law family of that name")
        check_fits(self.hidden, self.parameters)
        inner = [group for group, role in enumerate(self.roles) if role == "hidden"]
        row = {neuron: n for n, neuron in enumerate((group, i) for group in inner for i in range(self.sizes[group]))}
        rows = np.zeros((len(row), self.parameters), dtype=np.int64)
        for link in range(len(self.links)):
            for parameter, tail, head in self.edges(link):
                if head in row:
                    rows[row[head], parameter] += 2 * point[parameter]
                if tail in row:
                    rows[row[tail], parameter] -= 2 * point[parameter]
        return rows % prime


class Explicit:
    """Coordinates written out as polynomials over Q."""

    def __init__(self, value: Mapping[str, object]) -> None:
        self.parameters = integer(value["parameters"], "'parameters'", 1, DENSE_LIMIT)
        self.polynomials: list[Polynomial] = []
        left = TERMS_LIMIT
        for entry in array(value["coordinates"], "coordinates", least=1, most=100_000):
            self.polynomials.append(polynomial(entry, "a coordinate", self.parameters, most_terms=left, most_degree=60))
            left -= len(self.polynomials[-1].terms)

    def dimension(self) -> int:
        return len(self.polynomials)

    def program(self, prime: int, multiply: Times = times) -> Monomials:
        return _monomials(self.parameters, self.polynomials, prime, multiply)

    def coordinate(self, key: object) -> Polynomial:
        return self.polynomials[integer(key, "a coordinate", 0, len(self.polynomials) - 1)]

    def check_laws(self, laws: Sequence[Polynomial], work: Work) -> None:
        check_laws(laws, ((f"coordinate {n}", coordinate) for n, coordinate in enumerate(self.polynomials)), work)

    def family(self, law: Mapping[str, object], point: Residues, prime: int) -> Residues:
        raise Rejected("a polynomial model has no law families; write the laws out")


def read_model(value: object) -> Form:
    """The model of a claim."""
    found = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    kind = found.get("kind")
    if kind == "linear":
        return Linear(closed(found, "the model", "kind", "widths", "output"))
    if kind == "paths":
        return Paths(closed(found, "the model", "kind", "groups", "links"))
    if kind == "polynomial":
        return Explicit(closed(found, "the model", "kind", "parameters", "coordinates"))
    raise Rejected("the kind of the model is none of 'linear', 'paths', 'polynomial'")


def upper_pairs(size: int) -> tuple[Residues, Residues]:
    """The pairs a <= b below ``size``, row by row."""
    index = np.arange(size)
    first, second = np.nonzero(index[:, None] <= index)
    return first, second


def gradient_at(law: Polynomial, point: Sequence[int], parameters: int, prime: int) -> Residues:
    """The gradient of ``law``, scaled to whole coefficients, at an integer point modulo ``prime``: shape (1, D)."""
    scale = common_denominator(law.terms.values())
    row = [0] * parameters
    for monomial, c in law.terms.items():
        factors = [pow(point[variable], exponent, prime) for variable, exponent in monomial]
        after = list(accumulate(reversed(factors), lambda a, b: a * b % prime, initial=1))[::-1]
        before = int(c * scale) % prime
        for (variable, exponent), factor, rest in zip(monomial, factors, after[1:], strict=True):
            slope = before * rest * exponent * pow(point[variable], exponent - 1, prime)
            row[variable] = (row[variable] + slope) % prime
            before = before * factor % prime
    return np.array([row], dtype=np.int64)


def _monomial(path: Sequence[int]) -> Polynomial:
    return Polynomial({tuple((edge, 1) for edge in sorted(path)): 1})


def _monomials(parameters: int, coordinates: Sequence[Polynomial], prime: int, multiply: Times) -> Monomials:
    terms: list[tuple[int, int, list[int]]] = []
    for owner, coordinate in enumerate(coordinates):
        scale = common_denominator(coordinate.terms.values())
        for monomial, c in coordinate.terms.items():
            terms.append((owner, int(c * scale) % prime, [v for v, e in monomial for _ in range(e)]))
    degree = max((len(variables) for _, _, variables in terms if variables), default=1)
    if len(terms) * degree > 4 * TERMS_LIMIT:
        raise Rejected("the coordinates have too many factors to be differentiated")
    factors = [variables + [parameters] * (degree - len(variables)) for _, _, variables in terms]
    return Monomials(
        parameters,
        np.array(factors, dtype=np.int64).reshape(len(terms), degree),
        np.array([c for _, c, _ in terms], dtype=np.int64),
        np.array([owner for owner, _, _ in terms], dtype=np.int64),
        prime,
        multiply,
    )


def check_fits(rows: int, columns: int) -> None:
    """Rejects an array of so many entries before it is made."""
    if rows * columns > CELLS_LIMIT:
        raise Rejected("a matrix fills more memory than the kernel is willing to take")


def _bounded(parameters: int) -> None:
    if parameters > PARAMETERS_LIMIT:
        raise Rejected(f"the model has more than {PARAMETERS_LIMIT} parameters")
