"""Path lifting of a ReLU network on any DAG: one monomial for every path from a source to an output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from .. import limits
from ..errors import BadInput
from ..polynomials import Monomial, Polynomial, Rational
from ._base import Block
from ._graph import Group, check_groups, check_links, topological_order
from ._laws import LawFamily
from ._spec import check_parameters, check_terms


@dataclass(frozen=True, slots=True)
class PathLifting:
    """The path lifting of a network whose hidden neurons are positively homogeneous (ReLU, leaky ReLU, identity).

    A link ``(a, b)`` joins every neuron of group ``a`` to every neuron of group ``b``; its block has shape
    ``(size a, size b)``. Blocks are ordered as the links are. Groups are put in topological order (stable) and links
    renumbered, so that ``a < b`` for every link. A bias is a link from a source of size 1, which layered networks call
    ``one``. Source: A1.relu.path-lifting.count, A3.path-lifting.

    >>> net = PathLifting((Group("x", 2, "source"), Group("h", 3, "hidden"), Group("y", 1, "output")), ((0, 1), (1, 2)))
    >>> net.spec, net.parameters, net.hidden, [block.name for block in net.blocks]
    ('dag:x:2,h:3,y:1/x-h,h-y', 9, 3, ['W_x_h', 'W_h_y'])

    Raises:
        BadInput: a cycle, a group on no path from a source to an output, a repeated name or link.
        TooLarge: above the sizes of ``limits``.
    """

    groups: tuple[Group, ...]
    links: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        groups = tuple(Group(*group) for group in self.groups)
        check_groups(groups)
        check_links(groups, self.links)
        order = topological_order(groups, self.links)
        place = {group: position for position, group in enumerate(order)}
        object.__setattr__(self, "groups", tuple(groups[i] for i in order))
        object.__setattr__(self, "links", tuple((place[a], place[b]) for a, b in self.links))
        check_parameters(self.parameters, self.spec)
        names = [block.name for block in self.blocks]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise BadInput(
                f"Two links would both be called {twice!r}. Rename a group: underscores make the names collide."
            )

    @property
    def spec(self) -> str:
        from ._layered import layered_spec  # the layered shorthand is built on this class

        return layered_spec(self) or (
            "dag:"
            + ",".join(f"{group.name}:{group.size}" for group in self.groups)
            + "/"
            + ",".join(f"{self.groups[a].name}-{self.groups[b].name}" for a, b in self.links)
        )

    @property
    def blocks(self) -> tuple[Block, ...]:
        from ._layered import layered_block_name, layered_spec

        layered = bool(layered_spec(self))
        blocks: list[Block] = []
        for a, b in self.links:
            source, target = self.groups[a], self.groups[b]
            name = layered_block_name(source.name, target.name) if layered else f"W_{source.name}_{target.name}"
            blocks.append(Block(name, (source.size, target.size)))
        return tuple(blocks)

    @property
    def parameters(self) -> int:
        return sum(self.groups[a].size * self.groups[b].size for a, b in self.links)

    @property
    def hidden(self) -> int:
        """The number of hidden neurons, which is the number of laws (A1.relu.path-lifting.count)."""
        return sum(group.size for group in self.groups if group.role == "hidden")

    def coordinate_terms(self) -> int:
        """The number of paths."""
        arriving = [group.size if group.role == "source" else 0 for group in self.groups]
        into: list[list[int]] = [[] for _ in self.groups]
        for a, b in self.links:
            into[b].append(a)
        for b, sources in enumerate(into):  # groups are in topological order
            arriving[b] += self.groups[b].size * sum(arriving[a] for a in sources)
        return sum(n for n, group in zip(arriving, self.groups, strict=True) if group.role == "output")

    def paths(self) -> Iterator[Monomial]:
        """The paths, lazily, each as the monomial of its edges; in lexicographic order of the edges from the source."""
        start = _offsets(self)
        out: list[list[tuple[int, int, int]]] = [[] for _ in self.groups]
        for (a, b), offset in zip(self.links, start, strict=False):
            out[a].append((b, self.groups[b].size, offset))
        for (a, b), offset in zip(self.links, start, strict=False):
            if self.groups[a].role != "source":
                continue
            size = self.groups[b].size
            for edge in range(self.groups[a].size * size):
                stack: list[tuple[int, int, Monomial]] = [(b, edge % size, ((offset + edge, 1),))]
                while stack:
                    group, neuron, path = stack.pop()
                    if not out[group]:
                        yield tuple(sorted(path))
                    for target, width, first in reversed(out[group]):
                        row = first + neuron * width
                        stack.extend((target, j, (*path, (row + j, 1))) for j in range(width - 1, -1, -1))

    def coordinates(self) -> tuple[Polynomial, ...]:
        check_terms(self.coordinate_terms(), self.spec, limits.COORDINATE_TERMS, "its paths")
        return tuple(Polynomial({path: 1}) for path in self.paths())

    def kernel_form(self) -> dict[str, object]:
        return {
            "kind": "paths",
            "groups": [{"size": group.size, "role": group.role} for group in self.groups],
            "links": [[a, b] for a, b in self.links],
        }

    def known_laws(self) -> tuple[LawFamily, ...]:
        """For each hidden neuron the squares of its incoming weights minus the squares of its outgoing weights."""
        names = [block.name for block in self.blocks]
        families: list[LawFamily] = []
        for index, group in enumerate(self.groups):
            if group.role != "hidden":
                continue
            incoming = [k for k, (_, b) in enumerate(self.links) if b == index]
            outgoing = [k for k, (a, _) in enumerate(self.links) if a == index]
            form = " + ".join(f"diag({names[k]}.T*{names[k]})" for k in incoming)
            form += "".join(f" - diag({names[k]}*{names[k]}.T)" for k in outgoing)
            squares = sum(self.groups[self.links[k][0]].size for k in incoming)
            squares += sum(self.groups[self.links[k][1]].size for k in outgoing)
            families.append(
                LawFamily(
                    name="neuron-balance",
                    says=f"for each neuron of {group.name}: incoming squared weights minus outgoing ones are constant",
                    matrix_form=form,
                    tex=r"\sum_{e \to v} \theta_e^2 - \sum_{v \to e} \theta_e^2, \quad v \in \mathrm{"
                    + group.name.replace("_", r"\_")
                    + "}",
                    count=group.size,
                    terms=group.size * squares,
                    build=partial(_neuron_balance, self, index),
                )
            )
        return tuple(families)


def _offsets(model: PathLifting) -> list[int]:
    """The number of the first parameter of each link, and the number of parameters."""
    return list(accumulate((model.groups[a].size * model.groups[b].size for a, b in model.links), initial=0))


def _neuron_balance(model: PathLifting, index: int) -> tuple[Polynomial, ...]:
    start, size = _offsets(model), model.groups[index].size
    laws: list[dict[Monomial, Rational]] = [{} for _ in range(size)]
    for (a, b), offset in zip(model.links, start, strict=False):
        other = model.groups[a if b == index else b].size
        for neuron in range(size) if index in (a, b) else ():
            for k in range(other):
                variable = offset + (k * size + neuron if b == index else neuron * other + k)
                laws[neuron][((variable, 2),)] = 1 if b == index else -1
    return tuple(Polynomial(terms) for terms in laws)
