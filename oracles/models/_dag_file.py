"""A DAG of ReLU neurons from a TOML table: ``edges``, and ``groups`` with their sizes."""

from __future__ import annotations

from ..errors import BadInput
from ..text import shown
from ._dag import from_chains
from ._paths import PathLifting
from ._toml import Table, check_known, side, subtable, texts

KEYS = ("name", "edges", "groups", "sources", "outputs", "biases")


def read_dag(table: Table, path: str) -> PathLifting:
    """The network; without ``groups`` every name in ``edges`` is a single neuron."""
    edges = texts(table["edges"], path, "edges", 'edges = ["x -> h -> y", "x -> y"]')
    chains = [[name.strip() for name in edge.split("->")] for edge in edges]
    groups = subtable(table, "groups", path, "h = 3")
    if "groups" in table:
        sizes = {name: side(size, path, f"the size of the group {shown(name)}") for name, size in groups.items()}
    else:
        sizes = {name: 1 for chain in chains for name in chain}
    ends: dict[str, list[str] | None] = {"sources": None, "outputs": None}
    for key in ends:
        if key in table:
            ends[key] = names = texts(table[key], path, key, f'{key} = ["x"]')
            for name in names:
                check_known(name, sizes, path, key)
    sources, outputs = ends["sources"], ends["outputs"]
    if "biases" in table:
        biased = texts(table["biases"], path, "biases", 'biases = ["h"]')
        if "one" in sizes:
            raise BadInput(
                f"{shown(path)}: 'biases' adds a source called 'one', which already exists. Rename your group."
            )
        for name in biased:
            check_known(name, sizes, path, "biases")
        sizes["one"] = 1
        if sources:
            sources.append("one")
        chains.extend(["one", name] for name in biased)
    try:
        return from_chains(sizes, chains, sources=sources, outputs=outputs)
    except BadInput as error:
        raise type(error)(f"{shown(path)}: {error}") from None
