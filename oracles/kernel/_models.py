"""The models a certificate can speak about, as the kernel reads them.

Three forms, each closed: ``linear`` (a product of matrices), ``paths`` (the path lifting of a ReLU DAG, given as groups
of neurons and complete links between groups) and ``polynomial`` (explicit coordinates). Parameters are numbered block
by block, row-major.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, combinations_with_replacement, compress, pairwise
from typing import NamedTuple

import numpy as np

from ._exact import (
    Matrix,
    Monomial,
    Point,
    Polynomial,
    Vector,
    Work,
    degree,
    dot,
    inner,
    jet,
    longest,
    point_at,
    read_polynomial,
    slopes,
)
from ._flow import Chain, Monomials, Program, duals, times
from ._modular import Residues
from ._read import Rejected, array, choice, closed, demand, integer, integers, opened, variant

TERMS_LIMIT = 2_000_000
"""Terms of explicit polynomials that the kernel is willing to expand."""
PARAMETERS_LIMIT = 10**9
"""Parameters of a model that is certified by a structural rule; nothing of this size is ever allocated."""
DENSE_LIMIT = 20_000
"""Parameters of a model whose points are written out."""
EDGE_WORK = 5
"""What it costs to walk along one edge."""
CALL_WORK = 2000
"""What it costs to multiply matrices, however small."""
ROW_WORK = 20
"""What it costs to hold a gradient of two entries."""

Neuron = tuple[int, int]
"""A group and a position in it."""
Path = tuple[int, ...]
"""The parameters of the edges from the source on."""
Family = Mapping[str, object]
Law = Family | Polynomial


class Image(NamedTuple):
    """A coordinate of phi at a point, and how it changes along a vector, both times the same positive number."""

    value: int
    change: int
    scale: int


class Frame(NamedTuple):
    """The gradient of a coordinate at a point, and how it changes along a vector; both times the same number."""

    gradient: Vector
    change: Vector
    scale: int


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

    def images(self, point: Point, vector: Vector) -> Iterator[Image]:
        for coordinate in self.coordinates():
            value, gradient, scale = jet(coordinate, point, self.work)
            yield Image(value, dot(gradient, vector, self.work), scale)

    def frames(self, keys: Sequence[object] | None, point: Point, vector: Vector) -> Iterator[Frame]:
        """Those of the coordinates with these untrusted keys; of all for None."""
        for coordinate in self.coordinates() if keys is None else map(self.coordinate, keys):
            _, gradient, scale = jet(coordinate, point, self.work)
            hessian = (
                (index, jet(slope, point, self.work, degree(coordinate)).gradient)
                for index, slope in (slopes(coordinate, self.work) if vector else {}).items()
            )
            yield Frame(gradient, Matrix(hessian, self.work).times(vector), scale)

    def check_laws(self, laws: Sequence[Polynomial]) -> None:
        """Rejects unless every gradient flow of every loss of phi conserves the ``laws``: identities over Q."""
        of_laws = [slopes(law, self.work) for law in laws]
        variables = {index for of_law in of_laws for index in of_law}
        for number, coordinate in enumerate(self.coordinates() if laws else ()):
            of_coordinate = slopes(coordinate, self.work, variables)
            for of_law in of_laws:
                along = inner(of_law, of_coordinate, self.work)
                demand(not along.terms, f"a law is not orthogonal to the gradient of coordinate {number}")

    def written(self, laws: Iterable[Law]) -> Iterator[Polynomial]:
        """The laws as polynomials; rejects a family of others."""
        for law in laws:
            yield from [law] if isinstance(law, Polynomial) else self.family(law)

    def gradients(self, law: Law, point: Residues, prime: int) -> Iterator[Vector]:
        """The gradients of a law, or of those that a name stands for, at an integer point; whole multiples of them."""
        numbers = point_at(point.tolist())
        return (jet(polynomial, numbers, self.work).gradient for polynomial in self.written([law]))


class Graph(Form):
    """A model over a DAG: groups of neurons in topological order, and links that join all neurons of two groups."""

    def __init__(self, sizes: list[int], roles: list[str], links: list[tuple[int, int]], work: Work) -> None:
        self.work, self.sizes, self.roles, self.links = work, sizes, roles, links
        self.starts = list(accumulate((sizes[tail] * sizes[head] for tail, head in links), initial=0))
        self.parameters = self.starts[-1]
        self.into: list[list[int]] = [[] for _ in sizes]
        self.out_of: list[list[int]] = [[] for _ in sizes]
        for link, (tail, head) in enumerate(links):
            self.into[head].append(link)
            self.out_of[tail].append(link)

    def walks(self, start: Neuron, end: Neuron | None = None) -> Iterator[Path]:
        """The paths from a source to all outputs, or to the ``end``."""
        stack: list[tuple[Neuron, Path]] = [(start, ())]
        while stack:
            (group, i), path = stack.pop()
            if self.roles[group] == "output":
                yield path
            for link in self.out_of[group]:
                head = self.links[link][1]
                first = self.starts[link] + i * self.sizes[head]
                ends = [end[1]] if end and head == end[0] else range(self.sizes[head])
                self.work.spend(EDGE_WORK * (len(path) + 1) * len(ends))
                stack += [((head, j), (*path, first + j)) for j in ends]

    def balance(self, group: int, a: int, b: int) -> Polynomial:
        """Of two neurons: the products of weights that enter them from the same neuron, less those that leave."""
        width = self.sizes[group]
        pairs = [
            (self.starts[link] + k * width + a, self.starts[link] + k * width + b, 1)
            for link in self.into[group]
            for k in range(self.sizes[self.links[link][0]])
        ]
        for link in self.out_of[group]:
            start, after = self.starts[link], self.sizes[self.links[link][1]]
            pairs += [(start + a * after + k, start + b * after + k, -1) for k in range(after)]
        return Polynomial({((i, 2),) if i == j else ((i, 1), (j, 1)): sign for i, j, sign in pairs})


class Linear(Graph):
    """``phi = U_1 ... U_L``; families ``balance``, ``output-sums`` and ``block-first-integrals``.

    An entry of the product is the sum of the paths from a row of U_1 to a column of U_L.
    """

    def __init__(self, widths: object, output: object, work: Work) -> None:
        self.widths = [integer(w, "a width", 1, 10**6) for w in array(widths, "widths", least=2, most=65)]
        self.zero_sum = choice(output, "the output of a linear model", ("all", "zero-sum")) == "zero-sum"
        demand(self.widths[0] > self.zero_sum, "a zero-sum output needs at least two output neurons")
        self.last = len(self.widths) - 1
        roles = ["source", *["hidden"] * (self.last - 1), "output"]
        super().__init__(self.widths, roles, list(pairwise(range(self.last + 1))), work)

    def program(self, prime: int) -> Program:
        return Chain(self.widths, self.zero_sum, prime)

    def coordinates(self) -> Iterator[Polynomial]:
        return map(self.coordinate, range((self.widths[0] - self.zero_sum) * self.widths[-1]))

    def coordinate(self, key: object) -> Polynomial:
        rows, columns = self.widths[0] - self.zero_sum, self.widths[-1]
        row, column = divmod(integer(key, "a coordinate", 0, rows * columns - 1), columns)
        terms = {_product(path): 1 for path in self.walks((0, row), (self.last, column))}
        if self.zero_sum:
            terms |= {_product(path): -1 for path in self.walks((0, rows), (self.last, column))}
        return Polynomial(terms)

    def _dual(self, point: Point, vector: Vector) -> Residues:
        """The point and the vector, times its denominator, as Python's integers."""
        tangent = [vector.get(index, 0) * point.below for index in range(self.parameters)]
        return np.array([[point.numbers, tangent]], dtype=object)

    def images(self, point: Point, vector: Vector) -> Iterator[Image]:
        self._pay(point, vector, self.widths[0] * self.parameters)
        pairs = Chain(self.widths, self.zero_sum, 0).value(self._dual(point, vector), duals(times))[0].T.tolist()
        return (Image(value, change, point.below**self.last) for value, change in pairs)

    def frames(self, keys: Sequence[object] | None, point: Point, vector: Vector) -> Iterator[Frame]:
        rows, columns = self.widths[0] - self.zero_sum, self.widths[-1]
        narrow, start = Chain([*self.widths[:-1], 1], self.zero_sum, 0), self.starts[-2]
        dual, below = self._dual(point, vector), point.below ** (self.last - 1)
        for key in range(rows * columns) if keys is None else keys:
            row, column = divmod(integer(key, "a coordinate", 0, rows * columns - 1), columns)
            seen = [*range(start), *range(start + column, self.parameters, columns)]
            self._pay(point, vector, narrow.products)
            unit = np.array([[[int(i == row) for i in range(rows)]]], dtype=object)
            gradient, *change = (
                dict(zip(seen, row, strict=True))
                for row in narrow.field(dual[:, :, seen], unit, duals(times))[0].tolist()
            )
            yield Frame(gradient, change[0] if change else {}, below)  # that of a single layer does not change

    def _pay(self, point: Point, vector: Vector, products: int) -> None:
        long = longest(vector.values()) + ((self.last + 1) * point.bits >> 6)
        self.work.spend(CALL_WORK + 3 * products * (1 + long**2 // 8))

    def family(self, law: Family) -> Iterable[Polynomial]:
        [name] = closed(law, "the family", "family")
        if name == "balance":
            return (self.balance(*names) for names in self.balances())
        if name == "output-sums" and self.zero_sum:
            outputs, hidden = self.widths[:2]
            return (Polynomial({((i * hidden + j, 1),): 1 for i in range(outputs)}) for j in range(hidden))
        return super().family(law)

    def balances(self) -> Iterator[tuple[int, int, int]]:
        """The entries (a, b), a <= b, of ``U_i^T U_i - U_(i+1) U_(i+1)^T`` for every hidden layer, as (i, a, b)."""
        for layer, width in enumerate(self.widths[1:-1], start=1):
            yield from ((layer, a, b) for a, b in combinations_with_replacement(range(width), 2))

    def gradients(self, law: Law, point: Residues, prime: int) -> Iterator[Vector]:
        if isinstance(law, Polynomial) or law.get("family") != "block-first-integrals":
            yield from super().gradients(law, point, prime)
            return
        _, tail, head = closed(law, "the family", "family", "from", "to")
        start = integer(tail, "'from'", 0, self.last - 1)
        end = integer(head, "'to'", start + 1, self.last)
        demand(self.widths[start] == self.widths[end] == 1, "a scalar block lies between two layers of width one")
        low, high = self.starts[start], self.starts[end]
        self.work.spend(ROW_WORK * (high - low))
        scalar = Chain(self.widths[start : end + 1], False, prime)
        one = np.ones((1, 1), dtype=np.int64)
        slope: list[int] = scalar.field(point[None, low:high] % prime, one, times)[0].tolist()
        s = next((k for k, c in enumerate(slope) if c), None)
        if s is None:
            raise Rejected("the gradient of a scalar block vanishes at the point, modulo the prime")
        yield from ({low + k: slope[s], low + s: -c % prime} for k, c in enumerate(slope) if k != s)


class Paths(Graph):
    """The path lifting of a DAG of homogeneous neurons; family ``neuron-balance``.

    Every hidden group has a link in and a link out, so that every edge lies on a path from a source to an output.
    """

    def __init__(self, groups: object, links: object, work: Work) -> None:
        listed = array(groups, "groups", least=2, most=2_000_000)
        found = [closed(entry, "a group", "size", "role") for entry in listed]
        sizes = [integer(size, "the size of a group", 1, 10**9) for size, _ in found]
        roles = [choice(role, "the role of a group", ("source", "hidden", "output")) for _, role in found]
        written = array(links, "links", least=1, most=2_000_000)
        pairs = [(a, b) for a, b in (integers(entry, "a link", 2, 0, len(sizes) - 1) for entry in written)]
        ordered = len(set(pairs)) == len(pairs) and all(tail < head for tail, head in pairs)
        demand(ordered, "a link is listed twice, or leads from a group to an earlier one or to itself")
        super().__init__(sizes, roles, pairs, work)
        for number, role in enumerate(roles):
            joined = bool(self.into[number]) == (role != "source") and bool(self.out_of[number]) == (role != "output")
            demand(joined, f"group {number} is not joined as its role '{role}' demands")
        self._paths: list[Path] = []
        self.hidden = sum(size for size, role in zip(sizes, roles, strict=True) if role == "hidden")

    def _neurons(self, role: str) -> Iterator[Neuron]:
        for group in compress(range(len(self.sizes)), (found == role for found in self.roles)):
            yield from ((group, i) for i in range(self.sizes[group]))

    def paths(self) -> list[Path]:
        """Every path, in lexicographic order."""
        if not self._paths:
            self._paths = sorted(path for source in self._neurons("source") for path in self.walks(source))
        return self._paths

    def coordinates(self) -> Iterator[Polynomial]:
        return (Polynomial({_product(path): 1}) for path in self.paths())

    def coordinate(self, key: object) -> Polynomial:
        edges = array(key, "a path", least=1, most=len(self.sizes))
        path = [integer(edge, "an edge of a path", 0, self.parameters - 1) for edge in edges]
        links = [bisect_right(self.starts, edge) - 1 for edge in path]
        ends = [self._ends(link, edge - self.starts[link]) for link, edge in zip(links, path, strict=True)]
        whole = self.roles[ends[0][0][0]] == "source" and self.roles[ends[-1][1][0]] == "output"
        joined = all(before[1] == after[0] for before, after in pairwise(ends))
        demand(whole and joined, "the edges of a coordinate do not form a path from a source to an output")
        return Polynomial({_product(path): 1})

    def _ends(self, link: int, position: int) -> tuple[Neuron, Neuron]:
        tail, head = self.links[link]
        i, j = divmod(position, self.sizes[head])
        return (tail, i), (head, j)

    def check_laws(self, laws: Sequence[Polynomial]) -> None:
        """A sum of ``c_e theta_e^2`` is a law iff c sums to zero on every path, iff it is a potential difference."""
        squares = [all(len(monomial) == 1 and monomial[0][1] == 2 for monomial in law.terms) for law in laws]
        super().check_laws([law for law, square in zip(laws, squares, strict=True) if not square])
        for law in compress(laws, squares):
            self.work.spend(EDGE_WORK * (len(self.links) + self.parameters))
            height: dict[Neuron, int] = {}
            for link in (link for links in self.into for link in links):  # into a neuron before those out of it
                for edge in range(self.starts[link], self.starts[link + 1]):
                    tail, head = self._ends(link, edge - self.starts[link])
                    value = height.get(tail, 0) + law.terms.get(((edge, 2),), 0)
                    kept = height.setdefault(head, 0 if self.roles[head[0]] == "output" else value)
                    demand(kept == value, "the coefficients of a law do not sum to zero along every path")

    def family(self, law: Family) -> Iterable[Polynomial]:
        if law != {"family": "neuron-balance"}:
            return super().family(law)
        return (self.balance(group, i, i) for group, i in self._neurons("hidden"))


class Explicit(Form):
    """Coordinates written out as polynomials over Q."""

    def __init__(self, parameters: object, coordinates: object, work: Work) -> None:
        self.work = work
        self.parameters = integer(parameters, "'parameters'", 1, DENSE_LIMIT)
        listed = array(coordinates, "coordinates", least=1, most=100_000)
        size = self.parameters
        self.polynomials = [read_polynomial(entry, "a coordinate", size, TERMS_LIMIT, 60) for entry in listed]
        total = sum(len(polynomial.terms) for polynomial in self.polynomials)
        demand(total <= TERMS_LIMIT, f"the coordinates have more than {TERMS_LIMIT} terms")

    def coordinates(self) -> Sequence[Polynomial]:
        return self.polynomials


MODELS: dict[str, tuple[Callable[[object, object, Work], Form], tuple[str, str]]] = {
    "linear": (Linear, ("widths", "output")),
    "paths": (Paths, ("groups", "links")),
    "polynomial": (Explicit, ("parameters", "coordinates")),
}


def read_model(value: object, work: Work | None = None, most: int = PARAMETERS_LIMIT) -> Form:
    """The model of a claim."""
    _, kind, (first, second) = variant(value, "the model", "kind", MODELS)
    form = kind(first, second, work or Work())
    demand(form.parameters <= most, f"the model has more than {most} parameters")
    return form


def read_laws(value: object, form: Form, least: int = 0) -> list[Law]:
    """The laws of a claim, families only where it may have none; rejects a written one that is no law.

    The check is A1.char.orthogonality.
    """
    laws: list[Law] = []
    for entry in array(value, "laws", least=least, most=20_000):
        if "family" in opened(entry) and not least:
            laws.append(opened(entry))
        else:
            [written] = closed(entry, "a law", "polynomial")
            laws.append(read_polynomial(written, "a law", form.parameters, TERMS_LIMIT))
    form.check_laws([law for law in laws if isinstance(law, Polynomial)])
    return laws


def _product(path: Sequence[int]) -> Monomial:
    return tuple((edge, 1) for edge in sorted(path))
