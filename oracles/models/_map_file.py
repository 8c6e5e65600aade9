"""A polynomial map from a TOML table: ``blocks`` of parameters, fixed ``masks``, and ``phi`` as expressions."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import cast

from .. import limits
from ..errors import BadInput, TooLarge
from ..polynomials import Polynomial, Rational
from ..text import shown
from ..toml import nested, rational
from ._base import Block
from ._polynomial_map import Mask, PolynomialMap
from ._spec import NAMES, check_parameters, is_name
from ._toml import Table, check_known, side, subtable, texts

KEYS = ("name", "phi", "blocks", "masks", "constants")


def read_map(table: Table, path: str) -> PolynomialMap:
    """The map; the entries of ``phi`` that are not constant are its coordinates."""
    from ..expressions import FUNCTIONS, evaluate, parse  # expressions are built on models

    spec = path if path.endswith(".toml") and not path.startswith("file:") else f"file:{path}"
    shapes: dict[str, tuple[int, ...]] = {}
    for name, value in subtable(table, "blocks", path, "U = [2, 3]").items():
        if not is_name(name) or name in FUNCTIONS:
            raise BadInput(
                f"{shown(path)}: {shown(name)} cannot name a block. {NAMES} "
                f"The functions {', '.join(FUNCTIONS)} are taken."
            )
        sides = cast(list[object], value) if isinstance(value, list) else [value]
        if not 1 <= len(sides) <= 2:
            raise BadInput(f"{shown(path)}: the block {name} needs one or two sides, as in {name} = [2, 3].")
        shapes[name] = tuple(side(value, path, f"a side of the block {name}") for value in sides)
    if not shapes:
        raise BadInput(f"{shown(path)}: there are no blocks. Declare them, as in\n[blocks]\nU = [2, 3]")
    check_parameters(sum(map(prod, shapes.values())), spec)
    masks = _masks(table, shapes, path)
    trained = {mask.name: sum(entry is None for entry in mask.entries) for mask in masks}
    blocks = tuple(Block(name, (trained[name],) if name in trained else shape) for name, shape in shapes.items())
    frame = PolynomialMap(spec, blocks, (), masks)
    coordinates: list[Polynomial] = []
    terms = 0
    for text in texts(table["phi"], path, "phi", 'phi = ["U*V.T"]'):
        try:
            value = evaluate(parse(text), frame)
        except BadInput as error:
            raise type(error)(f"{shown(path)}, phi = {shown(text)}: {error}") from None
        terms += sum(len(entry.terms) for entry in value.entries)
        if terms > limits.COORDINATE_TERMS:
            raise TooLarge(f"{shown(path)}: phi has more than {limits.COORDINATE_TERMS} terms. Use a smaller map.")
        coordinates.extend(entry for entry in value.entries if entry.degree)
    if not coordinates:
        raise BadInput(f"{shown(path)}: phi is constant, so nothing is ever trained. Let it depend on a block.")
    return PolynomialMap(spec, blocks, tuple(coordinates), masks)


def _masks(table: Table, shapes: Mapping[str, tuple[int, ...]], path: str) -> tuple[Mask, ...]:
    given = subtable(table, "masks", path, "U = [[1, 0], [1, 1]]")
    constants = subtable(table, "constants", path, 'U = [[0, "3/2"], [0, 0]]')
    for key, names in (("masks", given), ("constants", constants)):
        for name in names:
            check_known(name, shapes, path, key)
            if name not in given:
                raise BadInput(
                    f"{shown(path)}: 'constants' fixes entries of {name}, which has no mask. Add one to [masks]."
                )
    masks: list[Mask] = []
    for name, value in given.items():
        shape = shapes[name]
        mask = [
            rational(item, path, f"the mask of {name}") for item in nested(value, shape, path, f"the mask of {name}")
        ]
        if any(item not in (0, 1) for item in mask):
            raise BadInput(f"{shown(path)}: the mask of {name} has entries other than 0 (fixed) and 1 (trained).")
        if not any(mask):
            raise BadInput(
                f"{shown(path)}: the mask of {name} leaves nothing to train. Write its numbers into phi instead."
            )
        fixed: list[Rational] = [0] * len(mask)
        if name in constants:
            what = f"the constants of {name}"
            fixed = [rational(item, path, what) for item in nested(constants[name], shape, path, what)]
            if any(kept and constant for kept, constant in zip(mask, fixed, strict=True)):
                raise BadInput(f"{shown(path)}: {what} are not 0 at a trained entry. Write 0 where the mask is 1.")
        entries = tuple(None if kept else constant for kept, constant in zip(mask, fixed, strict=True))
        masks.append(Mask(name, shape, entries))
    return tuple(masks)
