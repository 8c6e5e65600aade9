"""Regions from TOML files: a model, its weights block by block, and the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ..errors import BadInput
from ..models import PathLifting, parse_model
from ..polynomials import Rational
from ..text import shown, suggestion
from ..toml import load, rational
from ._region import Region, check_region, check_sizes, input_size

KEYS = ("model", "inputs", "weights", "leak")
EXAMPLE = 'model = "relu:1-2-1"\ninputs = [[1], ["-3/2"]]\n[weights]\nW1 = [[1, 2]]\nW2 = [[1], [-1]]'


def read_region(path: str | Path, model: PathLifting | None = None) -> Region:
    """The region that the TOML file at ``path`` describes; docs/region.md shows one.

    Args:
        path: the file.
        model: the model on the command line, if there is one: the file may then leave out ``model``, and must agree.

    Raises:
        BadInput: the file cannot be read or understood.
        TooLarge: the file, or what it asks for, is too large.
    """
    path = str(path)
    table = load(path, "the region", "Give the path of a .toml file such as the one in docs/region.md.")
    for key in table:
        if key not in KEYS:
            raise BadInput(
                f"{shown(path)}: unknown key {shown(key)}.{suggestion(key, KEYS)} A region has the keys "
                f"{', '.join(KEYS)}, as in\n{EXAMPLE}"
            )
    for key in ("inputs", "weights"):
        if key not in table:
            raise BadInput(
                f"{shown(path)} has no '{key}'. Give it, above the first [table] unless it is one, as in\n{EXAMPLE}"
            )
    chosen = _model(table, path, model)
    rows = _list(table["inputs"], path, "'inputs'")
    check_sizes(chosen, len(rows))
    wide = input_size(chosen)
    inputs: list[tuple[Rational, ...]] = []
    for number, row in enumerate(rows, 1):
        entries = _list(row, path, f"input {number}")
        if len(entries) != wide:
            raise BadInput(f"{shown(path)}: input {number} has {len(entries)} entries, and {chosen.spec} takes {wide}.")
        inputs.append(tuple(rational(entry, path, f"input {number}") for entry in entries))
    weights = _weights(table["weights"], path, chosen)
    leak = rational(table.get("leak", 0), path, "'leak'")
    region = Region(chosen, weights, tuple(inputs), leak)
    try:
        check_region(region)
    except BadInput as error:
        raise type(error)(f"{shown(path)}: {error}") from None
    return region


def _model(table: Mapping[str, object], path: str, given: PathLifting | None) -> PathLifting:
    if "model" not in table:
        if given is None:
            raise BadInput(f'{shown(path)} names no model. Add a first line such as model = "relu:1-2-1".')
        return given
    spec = table["model"]
    if not isinstance(spec, str):
        raise BadInput(f"{shown(path)}: 'model' must be text in quotes, as in model = \"relu:1-2-1\".")
    try:
        model = parse_model(spec)
    except BadInput as error:
        raise type(error)(f"{shown(path)}: {error}") from None
    if not isinstance(model, PathLifting):
        raise BadInput(
            f"{shown(path)}: regions are those of ReLU networks, and {shown(spec)} is none. "
            "Use relu:..., leaky-relu:... or dag:..."
        )
    if given is not None and model != given:
        raise BadInput(f"{shown(path)} describes {model.spec}, not {given.spec}. Ask for the model of the file.")
    return model


def _weights(value: object, path: str, model: PathLifting) -> tuple[Rational, ...]:
    if not isinstance(value, dict):
        raise BadInput(f"{shown(path)}: 'weights' must be a table with one matrix for each block, as in\n{EXAMPLE}")
    table = cast(dict[str, object], value)
    names = [block.name for block in model.blocks]
    for name in table:
        if name not in names:
            raise BadInput(
                f"{shown(path)}: {model.spec} has no block {shown(name)}.{suggestion(name, names)} "
                f"Its blocks are {', '.join(names[:20])}."
            )
    flat: list[Rational] = []
    for block in model.blocks:
        rows, columns = block.shape
        form = f"the weights {block.name}, {rows} x {columns} (one row for each neuron they come from),"
        if block.name not in table:
            raise BadInput(f"{shown(path)}: {form} are missing.")
        matrix = _list(table[block.name], path, form)
        lines = [matrix] if rows == 1 and not any(isinstance(line, list) for line in matrix) else matrix
        if len(lines) != rows:
            raise BadInput(f"{shown(path)}: {form} have {len(lines)} rows.")
        for line in lines:
            entries = _list(line, path, f"a row of {block.name}")
            if len(entries) != columns:
                raise BadInput(f"{shown(path)}: {form} have a row of {len(entries)} entries.")
            flat.extend(rational(entry, path, f"the weights {block.name}") for entry in entries)
    return tuple(flat)


def _list(value: object, path: str, what: str) -> list[object]:
    if not isinstance(value, list):
        raise BadInput(f"{shown(path)}: {what} must be a list, as in\n{EXAMPLE}")
    return cast(list[object], value)
