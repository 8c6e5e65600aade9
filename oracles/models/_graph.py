"""Groups of neurons and their links: what makes them a network, and their topological order."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .. import limits
from ..errors import BadInput, TooLarge
from ..text import shown
from ._spec import NAMES, is_name, whole

Role = Literal["source", "hidden", "output"]


class Group(NamedTuple):
    """Neurons that share their links. A source is an input, or the constant 1 whose links are biases."""

    name: str
    size: int
    role: Role


def check_groups(groups: tuple[Group, ...]) -> None:
    """Refuses too many groups, bad or repeated names, unknown roles and sizes out of range.

    Raises:
        BadInput: as above; TooLarge for sizes and for the number of groups.
    """
    if len(groups) > limits.GROUPS:
        raise TooLarge(
            f"The network has {len(groups)} groups; at most {limits.GROUPS} are supported. Join equal neurons."
        )
    seen: set[str] = set()
    for group in groups:
        if not is_name(group.name):
            raise BadInput(f"{shown(group.name)} cannot name a group. {NAMES}")
        if group.name in seen:
            raise BadInput(f"The group {shown(group.name)} is declared twice. Give every group its own name.")
        seen.add(group.name)
        if group.role not in ("source", "hidden", "output"):
            raise BadInput(
                f"The group {group.name!r} has the role {shown(str(group.role))}: use source, hidden or output."
            )
        whole(str(group.size), what=f"the size of the group {group.name}", spec=group.name)


def check_links(groups: tuple[Group, ...], links: tuple[tuple[int, int], ...]) -> None:
    """Refuses links that name no group, repeated links, cycles, and groups on no path from a source to an output.

    Raises:
        BadInput: as above; TooLarge for the number of links.
    """
    if len(links) > limits.LINKS:
        raise TooLarge(f"The network has {len(links)} links; at most {limits.LINKS} are supported. Join equal neurons.")
    seen: set[tuple[int, int]] = set()
    entered, left = [False] * len(groups), [False] * len(groups)
    for a, b in links:
        if not (0 <= a < len(groups) and 0 <= b < len(groups)):
            raise BadInput(f"The link ({a}, {b}) names a group that does not exist: there are {len(groups)} groups.")
        if (a, b) in seen:
            raise BadInput(f"The link {groups[a].name} -> {groups[b].name} is given twice. Give it once.")
        seen.add((a, b))
        left[a] = entered[b] = True
    if not links:
        raise BadInput("The network has no links, so it has no parameters. Link a source to an output.")
    topological_order(groups, links)  # a cycle explains itself better than what follows from it
    for i, group in enumerate(groups):
        if group.role == "source" and entered[i]:
            raise BadInput(f"The source {group.name!r} has an incoming link. Make it hidden, or remove the link.")
        if group.role == "output" and left[i]:
            raise BadInput(f"The output {group.name!r} has an outgoing link. Make it hidden and link it to an output.")
        if (group.role != "source" and not entered[i]) or (group.role != "output" and not left[i]):
            raise BadInput(
                f"The {group.role} group {group.name!r} is on no path from a source to an output, so its weights would "
                "be conserved for no reason. Link it on both sides or remove it."
            )


def topological_order(groups: tuple[Group, ...], links: tuple[tuple[int, int], ...]) -> list[int]:
    """The groups in an order in which links point forward; equal choices keep the given order.

    Raises:
        BadInput: there is a cycle, which the message names.
    """
    if all(a < b for a, b in links):
        return list(range(len(groups)))
    from heapq import heapify, heappop, heappush

    waiting = [0] * len(groups)
    out: list[list[int]] = [[] for _ in groups]
    for a, b in links:
        waiting[b] += 1
        out[a].append(b)
    ready = [i for i, count in enumerate(waiting) if not count]
    heapify(ready)
    order: list[int] = []
    while ready:
        order.append(heappop(ready))
        for b in out[order[-1]]:
            waiting[b] -= 1
            if not waiting[b]:
                heappush(ready, b)
    if len(order) < len(groups):
        raise BadInput(
            f"The network has a cycle: {_cycle(groups, links, set(order))}. "
            "A path lifting needs a directed acyclic graph; remove one of these links."
        )
    return order


def _cycle(groups: tuple[Group, ...], links: tuple[tuple[int, int], ...], sorted_out: set[int]) -> str:
    """A cycle among the groups that could not be ordered: each of them has a predecessor among them."""
    before = {b: a for a, b in links if a not in sorted_out and b not in sorted_out}
    node = next(iter(before))
    walk: list[int] = []
    while node not in walk:
        walk.append(node)
        node = before[node]
    loop = walk[walk.index(node) :][::-1]
    first = loop.index(min(loop))
    return " -> ".join(groups[i].name for i in [*loop[first:], *loop[:first], loop[first]])
