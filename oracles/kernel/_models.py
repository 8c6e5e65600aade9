"""The models a certificate can speak about, as the kernel reads them.

Three forms, each closed: ``linear`` (a product of matrices), ``paths`` (the path lifting of a ReLU DAG, given as groups
of neurons and complete links between groups) and ``polynomial`` (explicit coordinates). Parameters are numbered block
by block, row-major.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, chain, combinations_with_replacement, compress, pairwise, product, starmap
from math import prod

import numpy as np

from ._exact import LOOK_WORK, Jet, Monomial, Point, Polynomial, Vector, Work, dot, inner, longest, read_polynomial
from ._flow import Chain, Monomials, Program, duals, times
from ._modular import Residues
from ._read import Node, Rejected, demand

PARAMETERS_LIMIT = 10**9
"""Parameters of a model that is certified by a structural rule; nothing of this size is ever allocated."""
DENSE_LIMIT = 20_000
"""Parameters of a model whose points are written out."""
EDGE_WORK = 5
"""What it costs to walk along one edge."""
CALL_WORK = 2000
"""What it costs to multiply matrices, however small."""

Neuron = tuple[int, int]
"""A group and a position in it."""
Path = tuple[int, ...]
"""The parameters of the edges from the source on."""
Family = Mapping[str, object]
Law = Family | Polynomial


class Form:
    """A model as the kernel sees it; ``work`` is what may still be spent on it."""

    parameters: int
    work: Work

    def coordinates(self) -> Iterable[Polynomial]:
        """The coordinates of phi (generators of W), written out."""
        raise NotImplementedError

    def coordinate(self, key: Node) -> Polynomial:
        """One of them."""
        listed = list(self.coordinates())
        return listed[key.integer(0, len(listed) - 1)]

    def family(self, law: Family) -> Iterable[Polynomial]:
        """The laws that a name stands for (docs/rules.md)."""
        raise Rejected("the model has no law family of that name")

    def program(self, prime: int) -> Program:
        return Monomials(self.parameters, list(self.coordinates()), prime)

    def images(self, point: Point, vector: Vector) -> Iterator[Jet[int, int]]:
        """All coordinates at a point, and how they change along a vector."""
        for coordinate in self.coordinates():
            value, gradient, scale = coordinate.jet(point, self.work)
            yield Jet(value, dot(gradient, vector, self.work), scale)

    def frames(self, keys: Iterable[Node] | None, point: Point, vector: Vector) -> Iterator[Jet[Vector, Vector]]:
        """The gradients of the coordinates with these keys, and how they change along a vector; of all for None."""
        for coordinate in self.coordinates() if keys is None else map(self.coordinate, keys):
            _, gradient, scale = coordinate.jet(point, self.work)
            along = coordinate.along(vector, self.work)
            yield Jet(gradient, along.jet(point, self.work, coordinate.degree()).slope, scale)

    def check_laws(self, laws: Sequence[Polynomial]) -> None:
        """Rejects unless every gradient flow of every loss of phi conserves the ``laws``: identities over Q."""
        of_laws = [law.slopes(self.work) for law in laws]
        variables = {index for of_law in of_laws for index in of_law}
        for place, coordinate in enumerate(self.coordinates() if laws else ()):
            of_coordinate = coordinate.slopes(self.work, variables)
            for of_law in of_laws:
                along = inner(of_law, of_coordinate, self.work)
                demand(not along.terms, f"a law is not orthogonal to the gradient of coordinate {place}")

    def written(self, laws: Iterable[Law]) -> Iterator[Polynomial]:
        """The laws as polynomials; rejects a family of others."""
        for law in laws:
            yield from [law] if isinstance(law, Polynomial) else self.family(law)

    def gradients(self, law: Law, point: Residues, prime: int) -> Iterator[Vector]:
        """The gradients of a law, or of those that a name stands for, at an integer point; whole multiples of them."""
        numbers = Point(point.tolist())
        return (polynomial.jet(numbers, self.work).slope for polynomial in self.written([law]))


class Graph(Form):
    """A model over a DAG: groups of neurons in topological order, and links that join all neurons of two groups.

    ``blocks[link]`` are the parameters of a link: a matrix, row-major, with a row for each neuron that it leaves.
    """

    def __init__(self, sizes: list[int], links: list[tuple[int, int]], work: Work) -> None:
        self.work, self.sizes, self.links = work, sizes, links
        self.starts = list(accumulate((sizes[tail] * sizes[head] for tail, head in links), initial=0))
        self.blocks = list(starmap(range, pairwise(self.starts)))
        self.parameters = self.starts[-1]
        self.into: list[list[int]] = [[] for _ in sizes]
        self.out_of: list[list[int]] = [[] for _ in sizes]
        for link, (tail, head) in enumerate(links):
            self.into[head].append(link)
            self.out_of[tail].append(link)

    def around(self, group: int, i: int) -> list[tuple[int, int]]:
        """The edges that enter a neuron, each with the sign 1, and those that leave it, with the sign -1."""
        columns = [self.blocks[link][i :: self.sizes[group]] for link in self.into[group]]
        after = [(self.blocks[link], self.sizes[self.links[link][1]]) for link in self.out_of[group]]
        rows = [block[i * width : (i + 1) * width] for block, width in after]
        return [(edge, 1) for column in columns for edge in column] + [(edge, -1) for row in rows for edge in row]


class Linear(Graph):
    """``phi = U_1 ... U_L``; families ``balance``, ``output-sums`` and ``block-first-integrals``.

    An entry of the product is the sum of the paths from a row of U_1 to a column of U_L.
    """

    def __init__(self, widths: Node, output: Node, work: Work) -> None:
        self.widths = [width.integer(1, 10**6) for width in widths.entries(2, 65)]
        self.zero_sum = output.choice(("all", "zero-sum")) == "zero-sum"
        demand(self.widths[0] > self.zero_sum, "a zero-sum output needs at least two output neurons")
        self.rows, self.columns, self.last = self.widths[0] - self.zero_sum, self.widths[-1], len(self.widths) - 1
        super().__init__(self.widths, list(pairwise(range(self.last + 1))), work)

    def program(self, prime: int) -> Chain:
        return Chain(self.widths, self.zero_sum, prime)

    def coordinates(self) -> Iterator[Polynomial]:
        inside = self.widths[1:-1]
        for row, column in product(range(self.rows), range(self.columns)):
            terms: dict[Monomial, int] = {}
            for start, sign in [(row, 1), (self.rows, -1)] if self.zero_sum else [(row, 1)]:
                self.work.spend(EDGE_WORK * (self.last + 1) * prod(inside))
                for between in product(*map(range, inside)):
                    steps = zip(self.blocks, self.widths[1:], pairwise((start, *between, column)), strict=True)
                    terms[tuple((block[i * width + j], 1) for block, width, (i, j) in steps)] = sign
            yield Polynomial(terms)

    def _dual(self, seen: Sequence[int], point: Point, vector: Vector, products: int) -> Residues:
        """Some entries of the point, and of the vector times its denominator, as Python's integers.

        They are to be used in so many products, which are paid for.
        """
        long = longest(vector.values()) + ((self.last + 1) * point.bits >> 6)
        self.work.spend(CALL_WORK + 3 * products * (1 + long**2 // 8))
        both = [[point.numbers[k] for k in seen], [vector.get(k, 0) * point.below for k in seen]]
        return np.array([both], dtype=object)

    def images(self, point: Point, vector: Vector) -> Iterator[Jet[int, int]]:
        dual = self._dual(range(self.parameters), point, vector, self.widths[0] * self.parameters)
        pairs = self.program(0).value(dual, duals(times))[0].T.tolist()
        return (Jet(value, change, point.below**self.last) for value, change in pairs)

    def frames(self, keys: Iterable[Node] | None, point: Point, vector: Vector) -> Iterator[Jet[Vector, Vector]]:
        """An entry of the product is a product too: of the rows and the column that it stands for."""
        count = self.rows * self.columns
        narrow = Chain([1 + self.zero_sum, *self.widths[1:-1], 1], self.zero_sum, 0)
        numbered = self.program(0).blocks(np.arange(self.parameters))
        for place in range(count) if keys is None else (key.integer(0, count - 1) for key in keys):
            row, column = divmod(place, self.columns)
            blocks = list(numbered)
            blocks[0] = blocks[0][[row, self.rows] if self.zero_sum else [row]]
            blocks[-1] = blocks[-1][:, [column]]
            seen: list[int] = np.concatenate([block.ravel() for block in blocks]).tolist()
            dual = self._dual(seen, point, vector, narrow.products)
            found = narrow.field(dual, np.ones((1, 1, 1), dtype=object), duals(times))[0].tolist()
            gradient, *change = (dict(zip(seen, entries, strict=True)) for entries in found)
            yield Jet(gradient, change[0] if change else {}, point.below ** (self.last - 1))

    def family(self, law: Family) -> Iterable[Polynomial]:
        [name] = Node(law, "the family").fields("family")
        if name.value == "balance":
            return (balance for _, balance in self.balances())
        if name.value == "output-sums" and self.zero_sum:
            columns = (self.around(1, j) for j in range(self.widths[1]))
            return (Polynomial({((edge, 1),): 1 for edge, sign in column if sign > 0}) for column in columns)
        return super().family(law)

    def balances(self) -> Iterator[tuple[tuple[int, int, int], Polynomial]]:
        """The entries (a, b), a <= b, of ``U_i^T U_i - U_(i+1) U_(i+1)^T`` for every hidden layer, named (i, a, b)."""
        for layer, width in enumerate(self.widths[1:-1], start=1):
            around = [self.around(layer, i) for i in range(width)]
            for a, b in combinations_with_replacement(range(width), 2):
                yield (layer, a, b), _balance(around[a], around[b])

    def gradients(self, law: Law, point: Residues, prime: int) -> Iterator[Vector]:
        if isinstance(law, Polynomial) or law.get("family") != "block-first-integrals":
            yield from super().gradients(law, point, prime)
            return
        _, tail, head = Node(law, "the family").fields("family", "from", "to")
        start = tail.integer(0, self.last - 1)
        end = head.integer(start + 1, self.last)
        demand(self.widths[start] == self.widths[end] == 1, "a scalar block lies between two layers of width one")
        block = Linear(Node(self.widths[start : end + 1], "widths"), Node("all", "output"), self.work)
        low, size = self.starts[start], block.parameters
        self.work.spend(LOOK_WORK * size)
        [(slope, *_)] = block.frames(None, Point(point[low : low + size].tolist()), {})
        s = next((k for k, c in slope.items() if c % prime), 0)
        yield from ({low + k: slope[s], low + s: -c} for k, c in slope.items() if k != s)


class Paths(Graph):
    """The path lifting of a DAG of homogeneous neurons; family ``neuron-balance``.

    Every hidden group has a link in and a link out, so that every edge lies on a path from a source to an output.
    """

    def __init__(self, groups: Node, links: Node, work: Work) -> None:
        found = [entry.fields("size", "role") for entry in groups.entries(2, 2_000_000)]
        sizes = [size.integer(1, 10**9) for size, _ in found]
        self.roles = [role.choice(("source", "hidden", "output")) for _, role in found]
        listed = links.tuples(2, 1, 2_000_000)
        pairs = [(tail.integer(0, len(sizes) - 1), head.integer(0, len(sizes) - 1)) for tail, head in listed]
        ordered = len(set(pairs)) == len(pairs) and all(tail < head for tail, head in pairs)
        demand(ordered, "a link is listed twice, or leads from a group to an earlier one or to itself")
        super().__init__(sizes, pairs, work)
        for group, role in enumerate(self.roles):
            joined = bool(self.into[group]) == (role != "source") and bool(self.out_of[group]) == (role != "output")
            demand(joined, f"group {group} is not joined as its role '{role}' demands")
        self.hidden = sum(compress(sizes, (role == "hidden" for role in self.roles)))

    def ends(self, edge: int) -> tuple[Neuron, Neuron]:
        link = bisect_right(self.starts, edge) - 1
        tail, head = self.links[link]
        i, j = divmod(edge - self.starts[link], self.sizes[head])
        return (tail, i), (head, j)

    def edges(self) -> Iterator[tuple[int, Neuron, Neuron]]:
        """The parameters with the neurons that they join, those into a neuron before those out of it."""
        self.work.spend(EDGE_WORK * (len(self.links) + self.parameters))
        for link in chain.from_iterable(self.into):
            tail, head = self.links[link]
            places = product(range(self.sizes[tail]), range(self.sizes[head]))
            yield from ((edge, (tail, i), (head, j)) for edge, (i, j) in zip(self.blocks[link], places, strict=True))

    @cached_property
    def paths(self) -> list[Path]:
        """Every path from a source to an output, in lexicographic order."""
        found: dict[Neuron, list[Path]] = {}
        for edge, tail, head in self.edges():
            before = found.get(tail, [()])
            self.work.spend(EDGE_WORK * sum(len(path) + 1 for path in before))
            found.setdefault(head, []).extend((*path, edge) for path in before)
        return sorted(path for (group, _), ended in found.items() if self.roles[group] == "output" for path in ended)

    def coordinates(self) -> Iterator[Polynomial]:
        return (Polynomial({_product(path): 1}) for path in self.paths)

    def coordinate(self, key: Node) -> Polynomial:
        path = [edge.integer(0, self.parameters - 1) for edge in key.entries(1, len(self.sizes))]
        ends = [self.ends(edge) for edge in path]
        whole = self.roles[ends[0][0][0]] == "source" and self.roles[ends[-1][1][0]] == "output"
        joined = whole and all(before[1] == after[0] for before, after in pairwise(ends))
        demand(joined, "the edges of a coordinate do not form a path from a source to an output")
        return Polynomial({_product(path): 1})

    def check_laws(self, laws: Sequence[Polynomial]) -> None:
        """A sum of ``c_e theta_e^2`` is a law iff c sums to zero on every path, iff it is a potential difference."""
        squares = [all(len(monomial) == 1 and monomial[0][1] == 2 for monomial in law.terms) for law in laws]
        super().check_laws([law for law, square in zip(laws, squares, strict=True) if not square])
        for law in compress(laws, squares):
            height: dict[Neuron, int] = {}
            for edge, tail, head in self.edges():
                value = height.get(tail, 0) + law.terms.get(((edge, 2),), 0)
                kept = height.setdefault(head, 0 if self.roles[head[0]] == "output" else value)
                demand(kept == value, "the coefficients of a law do not sum to zero along every path")

    def family(self, law: Family) -> Iterable[Polynomial]:
        if law != {"family": "neuron-balance"}:
            return super().family(law)
        hidden = (group for group, role in enumerate(self.roles) if role == "hidden")
        around = (self.around(group, i) for group in hidden for i in range(self.sizes[group]))
        return (_balance(edges, edges) for edges in around)


class Explicit(Form):
    """Coordinates written out as polynomials over Q."""

    def __init__(self, parameters: Node, coordinates: Node, work: Work) -> None:
        self.work, self.parameters = work, parameters.integer(1, DENSE_LIMIT)
        listed = coordinates.entries(1, 100_000)
        self.polynomials = [read_polynomial(entry, self.parameters, most_degree=60) for entry in listed]

    def coordinates(self) -> Sequence[Polynomial]:
        return self.polynomials


MODELS: dict[str, tuple[Callable[[Node, Node, Work], Form], tuple[str, str]]] = {
    "linear": (Linear, ("widths", "output")),
    "paths": (Paths, ("groups", "links")),
    "polynomial": (Explicit, ("parameters", "coordinates")),
}


def read_model(value: object) -> Form:
    """A model with a budget of its own."""
    return read_form(Node(value, "the model"), Work())


def read_form(value: Node, work: Work, most: int = PARAMETERS_LIMIT) -> Form:
    """The model of a claim."""
    _, kind, (first, second) = value.variant("kind", MODELS)
    form = kind(first, second, work)
    demand(form.parameters <= most, f"the model has more than {most} parameters")
    return form


def read_law(value: Node, variables: int) -> Law:
    """A law by name or written out; whether it is one is not checked."""
    if "family" in value.opened():
        return value.opened()
    [written] = value.fields("polynomial")
    return read_polynomial(written, variables)


def read_setting(model: Node, listed: Node, work: Work, most: int = PARAMETERS_LIMIT) -> tuple[Form, list[Law]]:
    """The model of a claim and its laws; rejects one that is written out and no law.

    The check is A1.char.orthogonality.
    """
    form = read_form(model, work, most)
    laws = [read_law(entry, form.parameters) for entry in listed.entries(0, 20_000)]
    form.check_laws([law for law in laws if isinstance(law, Polynomial)])
    return form, laws


def _balance(first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]]) -> Polynomial:
    """Of two neurons: the products of weights that enter them from the same neuron, less those that leave."""
    pairs = zip(first, second, strict=True)
    return Polynomial({((i, 2),) if i == j else ((i, 1), (j, 1)): sign for (i, sign), (j, _) in pairs})


def _product(path: Sequence[int]) -> Monomial:
    return tuple((edge, 1) for edge in sorted(path))
