"""Any DAG in one word: ``dag:x:2,h:3,y:1/x-h-y,x-y`` declares groups with sizes, then chains of links."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from itertools import pairwise

from ..errors import BadInput
from ..text import shown, suggestion
from ._graph import Group, Role
from ._paths import PathLifting
from ._spec import no_options, whole

EXAMPLE = "dag:x:2,h:3,y:1/x-h-y,x-y"


def from_chains(
    sizes: Mapping[str, int],
    chains: Iterable[Iterable[str]],
    *,
    sources: Container[str] | None = None,
    outputs: Container[str] | None = None,
) -> PathLifting:
    """The network whose links are the neighbours of each chain.

    Without ``sources``, the groups without incoming links are the sources; without ``outputs``, those without outgoing
    links are the outputs. With them, any other such group is refused: it is on no path from a source to an output.

    Raises:
        BadInput: a chain names an undeclared group or is shorter than two, a cycle, a group on no path.
    """
    number = {name: i for i, name in enumerate(sizes)}
    links: list[tuple[int, int]] = []
    for chain in chains:
        names = list(chain)
        if len(names) < 2:
            raise BadInput(
                f"{shown('-'.join(names))} is not a link. A link joins at least two groups, as in x-h or x-h-y."
            )
        for name in names:
            if name not in number:
                raise BadInput(f"The group {shown(name)} is linked but not declared.{suggestion(name, number)}")
        links.extend((number[a], number[b]) for a, b in pairwise(names))
    entered, left = {b for _, b in links}, {a for a, _ in links}
    groups: list[Group] = []
    for name, size in sizes.items():
        i = number[name]
        if i not in entered and i not in left:
            raise BadInput(f"The group {shown(name)} has no links. Link it or remove it.")
        role: Role = "hidden"
        if i not in entered if sources is None else name in sources:
            role = "source"
        elif i not in left if outputs is None else name in outputs:
            role = "output"
        groups.append(Group(name, size, role))
    return PathLifting(tuple(groups), tuple(links))


def parse(body: str, options: list[str], spec: str) -> PathLifting:
    """Reads ``groups/links``."""
    no_options(options, spec=spec, kind="dag")
    declared, slash, linked = body.partition("/")
    if not slash or not declared or not linked:
        raise BadInput(f"{shown(spec)}: a 'dag' model declares groups with sizes and then links, as in {EXAMPLE}.")
    sizes: dict[str, int] = {}
    for part in declared.split(","):
        name, _, size = part.partition(":")
        if name in sizes:
            raise BadInput(f"{shown(spec)}: the group {shown(name)} is declared twice. Give every group its own name.")
        sizes[name] = whole(size, what=f"the size of the group {shown(name)}", spec=spec)
    return from_chains(sizes, (chain.split("-") for chain in linked.split(",")))
