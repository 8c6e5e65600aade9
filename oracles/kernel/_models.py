"""The models a certificate can speak about, as the kernel reads them.

Three forms, each closed: ``linear`` (a product of matrices), ``paths`` (the path lifting of a ReLU DAG, given as groups
of neurons and complete links between groups) and ``polynomial`` (explicit coordinates). Parameters are numbered block
by block, row-major.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from math import lcm, prod
from typing import Protocol, cast

import numpy as np

from ._flow import Program, Times, times
from ._modular import Residues
from ._polynomial import Polynomial, Rational, orthogonality
from ._programs import Chain, Monomials
from ._read import Rejected, array, closed, integer, integers, polynomial

TERMS_LIMIT = 2_000_000
"""Terms of explicit polynomials that the kernel is willing to expand."""
PARAMETERS_LIMIT = 10**9
"""Parameters of a model that is certified by a structural rule; nothing of this size is ever allocated."""
DENSE_LIMIT = 20_000
"""Parameters of a model whose points are written out."""


Neuron = tuple[int, int]
"""A group and a position in it."""
Edge = tuple[Neuron, Neuron]


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

    def check_law(self, law: Polynomial) -> None:
        """Rejects unless ``law`` is conserved by every gradient flow of every loss of phi: an identity over Q."""
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
        self.parameters = sum(a * b for a, b in pairwise(self.widths))
        _bounded(self.parameters)

    def dimension(self) -> int:
        return (self.widths[0] - self.zero_sum) * self.widths[-1]

    def program(self, prime: int, multiply: Times = times) -> Chain:
        return Chain(self.widths, self.zero_sum, prime, multiply)

    def _offsets(self) -> list[int]:
        return [0, *accumulate(a * b for a, b in pairwise(self.widths))]

    def coordinate(self, key: object) -> Polynomial:
        index = integer(key, "a coordinate", 0, self.dimension() - 1)
        if prod(self.widths[1:-1]) * (1 + self.zero_sum) > TERMS_LIMIT:
            raise Rejected("one entry of the product has too many terms to be written out")
        row, column = divmod(index, self.widths[-1])
        entry = self._entry(row, column)
        return entry - self._entry(self.widths[0] - 1, column) if self.zero_sum else entry

    def _entry(self, row: int, column: int) -> Polynomial:
        paths: list[tuple[int, tuple[tuple[int, int], ...]]] = [(row, ())]
        for layer, (start, (_, size)) in enumerate(zip(self._offsets(), pairwise(self.widths), strict=False)):
            last = layer == len(self.widths) - 2
            paths = [
                (j, (*monomial, (start + i * size + j, 1)))
                for i, monomial in paths
                for j in ((column,) if last else range(size))
            ]
        return Polynomial((monomial, 1) for _, monomial in paths)

    def check_law(self, law: Polynomial) -> None:
        if self.dimension() * prod(self.widths[1:-1]) * (len(law.terms) + 1) > 50 * TERMS_LIMIT:
            raise Rejected("checking this law entry by entry would take too many terms; name it by its family")
        for index in range(self.dimension()):
            if orthogonality(law, self.coordinate(index)):
                raise Rejected(f"the law is not orthogonal to the gradient of coordinate {index}")

    def family(self, law: Mapping[str, object], point: Residues, prime: int) -> Residues:
        if law.get("family") == "balance":
            closed(law, "the family", "family")
            rows = [self.balance(i, point, prime) for i in range(1, len(self.widths) - 1)]
            return np.concatenate(rows) if rows else np.zeros((0, self.parameters), dtype=np.int64)
        if law.get("family") == "output-sums":
            closed(law, "the family", "family")
            if not self.zero_sum:
                raise Rejected("'output-sums' are laws only where the output covectors sum to zero")
            outputs, hidden = self.widths[:2]
            out = np.zeros((hidden, self.parameters), dtype=np.int64)
            out[:, : outputs * hidden] = np.tile(np.eye(hidden, dtype=np.int64), outputs)
            return out
        if law.get("family") == "block-first-integrals":
            return self._block(law, point, prime)
        raise Rejected("a linear model has no law family of that name")

    def balance(self, layer: int, point: Residues, prime: int) -> Residues:
        """Gradients of the entries (a, b), a <= b, of ``U_i^T U_i - U_(i+1) U_(i+1)^T`` for i = ``layer``."""
        before, size, after = self.widths[layer - 1 : layer + 2]
        start = self._offsets()[layer - 1]
        middle = start + before * size
        left = point[start:middle].reshape(before, size)
        right = point[middle : middle + size * after].reshape(size, after)
        first, second = np.triu_indices(size)
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
        low, high = self._offsets()[start], self._offsets()[end]
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
        self.parameters = sum(self.sizes[tail] * self.sizes[head] for tail, head in self.links)
        _bounded(self.parameters)

    @property
    def hidden(self) -> int:
        """The number of hidden neurons."""
        return sum(size for size, role in zip(self.sizes, self.roles, strict=True) if role == "hidden")

    def edges(self) -> Iterator[Edge]:
        """The edges in the order of the parameters, as pairs of (group, position) neurons."""
        for tail, head in self.links:
            for i in range(self.sizes[tail]):
                for j in range(self.sizes[head]):
                    yield (tail, i), (head, j)

    def _by_head(self) -> list[tuple[int, Edge]]:
        """The numbered edges in an order in which all edges into a neuron come before those out of it."""
        return sorted(enumerate(self.edges()), key=lambda edge: edge[1][1])

    def coordinates(self) -> list[tuple[int, ...]]:
        """Every path as a tuple of parameters, in lexicographic order of the edges from the source."""
        counts = [size if role == "source" else 0 for size, role in zip(self.sizes, self.roles, strict=True)]
        for start, end in sorted(self.links, key=lambda link: link[1]):
            counts[end] += counts[start] * self.sizes[end]
        if sum(c for c, role in zip(counts, self.roles, strict=True) if role == "output") > TERMS_LIMIT // 8:
            raise Rejected("the network has too many paths to be written out")
        arriving: dict[Neuron, list[tuple[int, ...]]] = {}
        found: list[tuple[int, ...]] = []
        for parameter, (tail, head) in self._by_head():
            before = [()] if self.roles[tail[0]] == "source" else arriving.get(tail, [])
            extended = [(*path, parameter) for path in before]
            if self.roles[head[0]] == "output":
                found.extend(extended)
            else:
                arriving.setdefault(head, []).extend(extended)
        return sorted(found)

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

    def _ends(self, edge: int) -> Edge:
        for tail, head in self.links:
            size = self.sizes[tail] * self.sizes[head]
            if edge < size:
                i, j = divmod(edge, self.sizes[head])
                return (tail, i), (head, j)
            edge -= size
        raise Rejected("an edge of a path is not a parameter")

    def check_law(self, law: Polynomial) -> None:
        if all(len(monomial) == 1 and monomial[0][1] == 2 for monomial in law.terms):
            self._check_potential({monomial[0][0]: c for monomial, c in law.terms.items()})
            return
        for number, path in enumerate(self.coordinates()):
            if orthogonality(law, _monomial(path)):
                raise Rejected(f"the law is not orthogonal to the gradient of path {number}")

    def _check_potential(self, weights: Mapping[int, Rational]) -> None:
        """A sum of ``c_e theta_e^2`` is a law iff c sums to zero on every path, iff it is a potential difference."""
        if self.parameters > TERMS_LIMIT:
            raise Rejected("the network has too many edges to be walked through; name the law by its family")
        height: dict[Neuron, Rational] = {}
        for parameter, (tail, head) in self._by_head():
            base = 0 if self.roles[tail[0]] == "source" else height[tail]
            value = base + weights.get(parameter, 0)
            if self.roles[head[0]] == "output":
                if value:
                    raise Rejected("the coefficients do not sum to zero along some path")
            elif height.setdefault(head, value) != value:
                raise Rejected("the coefficients differ between two paths to the same neuron")

    def family(self, law: Mapping[str, object], point: Residues, prime: int) -> Residues:
        if law != {"family": "neuron-balance"}:
            raise Rejected("a path lifting has no law family of that name")
        hidden = {neuron: row for row, neuron in enumerate(self._hidden_neurons())}
        rows = np.zeros((len(hidden), self.parameters), dtype=np.int64)
        for parameter, (tail, head) in enumerate(self.edges()):
            if head in hidden:
                rows[hidden[head], parameter] += 2 * point[parameter]
            if tail in hidden:
                rows[hidden[tail], parameter] -= 2 * point[parameter]
        return rows % prime

    def _hidden_neurons(self) -> list[Neuron]:
        return [(g, i) for g, size in enumerate(self.sizes) if self.roles[g] == "hidden" for i in range(size)]


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

    def check_law(self, law: Polynomial) -> None:
        for index, coordinate in enumerate(self.polynomials):
            if orthogonality(law, coordinate):
                raise Rejected(f"the law is not orthogonal to the gradient of coordinate {index}")

    def family(self, law: Mapping[str, object], point: Residues, prime: int) -> Residues:
        raise Rejected("a polynomial model has no law families; write the laws out")


def read_model(value: object) -> Form:
    """The model of a claim."""
    kind = cast("dict[str, object]", value).get("kind") if isinstance(value, dict) else None
    if kind == "linear":
        return Linear(closed(value, "the model", "kind", "widths", "output"))
    if kind == "paths":
        return Paths(closed(value, "the model", "kind", "groups", "links"))
    if kind == "polynomial":
        return Explicit(closed(value, "the model", "kind", "parameters", "coordinates"))
    raise Rejected("the kind of the model is none of 'linear', 'paths', 'polynomial'")


def gradient_at(law: Polynomial, point: Sequence[int], parameters: int, prime: int) -> Residues:
    """The gradient of ``law``, scaled to whole coefficients, at an integer point modulo ``prime``: shape (1, D)."""
    scale = lcm(*(c.denominator for c in law.terms.values()))
    row = np.zeros((1, parameters), dtype=np.int64)
    for monomial, c in law.terms.items():
        whole = int(c * scale)
        for variable, exponent in monomial:
            value = whole * exponent
            for other, power in monomial:
                value = value * pow(int(point[other]), power - (other == variable), prime) % prime
            row[0, variable] = (row[0, variable] + value) % prime
    return row


def _monomial(path: Sequence[int]) -> Polynomial:
    return Polynomial({tuple((edge, 1) for edge in sorted(path)): 1})


def _monomials(parameters: int, coordinates: Sequence[Polynomial], prime: int, multiply: Times) -> Monomials:
    terms: list[tuple[int, int, list[int]]] = []
    for owner, coordinate in enumerate(coordinates):
        scale = lcm(*(c.denominator for c in coordinate.terms.values()))
        for monomial, c in coordinate.terms.items():
            terms.append((owner, int(c * scale) % prime, [v for v, e in monomial for _ in range(e)]))
    degree = max((len(variables) for _, _, variables in terms), default=1)
    if len(terms) * max(degree, 1) > 4 * TERMS_LIMIT:
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


def _bounded(parameters: int) -> None:
    if parameters > PARAMETERS_LIMIT:
        raise Rejected(f"the model has more than {PARAMETERS_LIMIT} parameters")
