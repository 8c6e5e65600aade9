"""Search for the witness of the local rule: a small sub-network for every pair of chain types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ..kernel._exact import Work
from ..kernel._models import Linear
from ..kernel._modular import rank
from ..kernel._read import Node
from ..kernel._rules import law_gradients
from ._chains import chain_types
from ._flows import span

PRIME = 65521
"""Sub-networks are small, so speed asks for nothing and a larger prime makes unlucky points rarer."""
_HELPERS = 4
_MEMBERS, _SMALL = 12, 120


def local_witness(widths: Sequence[int]) -> dict[str, object] | None:
    """A witness that the balances are all the laws of a deep linear network, or None where the rule finds none.

    Cost: a bounded search for each pair of chain types; independent of the widths.
    """
    return _witness(chain_types(widths, widen_partial=True)) or _witness(chain_types(widths, widen_partial=False))


def _witness(types: list[tuple[tuple[int, ...], int]]) -> dict[str, object] | None:
    nets = _one_net(types) or _net_per_pair(types)
    chains = [{"widths": list(chain), "count": count} for chain, count in types]
    return {"rule": "local", "chains": chains, "nets": nets} if nets else None


def _one_net(types: list[tuple[tuple[int, ...], int]]) -> list[dict[str, object]]:
    """Where it is small, one sub-network with two chains of each type shows all pairs at once."""
    members = [i for i, (_, count) in enumerate(types) for _ in range(min(count, 2))]
    chains = tuple(types[member][0] for member in members)
    widths = [sum(layer) for layer in zip(*chains, strict=True)]
    if len(members) > _MEMBERS or sum(a * b for a, b in pairwise(widths)) > _SMALL:
        return []
    fields = _passing(chains)
    return [] if fields is None else [{"members": members, **fields}]


def _net_per_pair(types: list[tuple[tuple[int, ...], int]]) -> list[dict[str, object]]:
    nets: list[dict[str, object]] = []
    covered: set[tuple[int, int]] = set()
    pairs = [(a, b) for a in range(len(types)) for b in range(a, len(types)) if a != b or types[a][1] > 1]
    for a, b in [*pairs, *((a, a) for a in range(len(types)))]:
        if (a, b) in covered or (a == b and types[a][1] == 1 and any(a in pair for pair in covered)):
            continue
        net = _net_for(types, [a, b] if a != b or types[a][1] > 1 else [a])
        if net is None:
            return []
        members, fields = net
        covered |= {(low, high) for i, low in enumerate(members) for high in members[i + 1 :]}
        covered |= {(a, b)}
        nets.append({"members": members, **fields})
    return nets


def _net_for(types: list[tuple[tuple[int, ...], int]], pair: list[int]) -> tuple[list[int], dict[str, object]] | None:
    """The pair with the fewest full chains beside it that make a sub-network pass."""
    members = list(pair)
    full = [i for i, (chain, _) in enumerate(types) if min(chain)]
    for _ in range(_HELPERS + 1):
        chains = tuple(types[member][0] for member in sorted(members))
        if all(map(any, zip(*chains, strict=True))):
            fields = _passing(chains)
            if fields is not None:
                return sorted(members), fields
        spare = [i for i in full if members.count(i) < types[i][1]]
        if not spare:
            return None
        members.append(min(spare, key=lambda i: (members.count(i), sum(types[i][0]))))
    return None


@lru_cache(maxsize=4096)
def _passing(chains: tuple[tuple[int, ...], ...]) -> dict[str, object] | None:
    """A block-diagonal point, and brackets there, at which the network made of these chains passes the sandwich."""
    widths = [sum(layer) for layer in zip(*chains, strict=True)]
    net = Linear(Node(widths, "widths"), Node("all", "output"), Work())
    if net.parameters > 3000:
        return None
    generator = np.random.default_rng(net.parameters)
    labels = [np.repeat(np.arange(len(chains)), layer) for layer in zip(*chains, strict=True)]
    joined = np.concatenate([(a[:, None] == b[None, :]).ravel() for a, b in pairwise(labels)])
    point = np.where(joined, generator.integers(1, PRIME, net.parameters), 0)
    laws = rank(law_gradients(net, [{"family": "balance"}], point, PRIME), PRIME)
    target = net.parameters - laws
    program = net.program(PRIME)
    found = span(program, program.dimension, point, PRIME, target=target, generator=generator)
    if len(found.rows) < target:
        return None
    return {"prime": PRIME, "point": point.tolist(), **found.fields()}
