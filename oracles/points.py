"""Points of a model: read from a file, and looked at: is this one generic, or do laws and brackets degenerate?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np

from .errors import BadInput, TooLarge
from .kernel import Rational
from .kernel._models import DENSE_LIMIT, read_model
from .kernel._modular import rank
from .kernel._polynomial import tidy
from .kernel._read import polynomial as read_polynomial
from .kernel._rules import Law, law_gradients
from .lie import Completeness
from .lie._flows import span
from .models import Model

PRIME = 1048573
"""Large, so that a rank that drops at a special point modulo the prime is a rare accident."""
_FILE_BYTES = 8_000_000
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:/[0-9]{1,400}|\.[0-9]{1,400})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class LocalRanks:
    """Ranks at one point, modulo a large prime: each is at most the true rank at the point.

    ``generic`` says whether brackets and laws together fill all directions, as they do near almost every point. Where
    they do not, D - dim Lie does not count laws (A1.two-layer-linear.rank-deficient).
    """

    w_dimension: int
    lie_dimension: int
    law_rank: int
    generic: bool


def local_ranks(model: Model, point: Sequence[Rational], completeness: Completeness) -> LocalRanks:
    """The ranks of W, Lie(W) and the gradients of the proved laws at ``point``.

    Raises:
        BadInput: no set of laws is proved complete, so there is nothing to hold the point against.
        TooLarge: the point has too many parameters to be looked at.
    """
    if completeness.certificate is None:
        raise BadInput(f"The laws of {model.spec} are not proved complete, so a point cannot be called generic or not.")
    if model.parameters > DENSE_LIMIT:
        raise TooLarge(
            f"{model.spec} has more than {DENSE_LIMIT} parameters; its points are too large to be looked at."
        )
    form = read_model(dict(model.kernel_form()))
    try:
        residues = np.array([value.numerator * pow(value.denominator, -1, PRIME) % PRIME for value in point])
    except ValueError:
        raise BadInput(f"A denominator of the point is a multiple of {PRIME}. Change it by a little.") from None
    claim = cast("dict[str, list[dict[str, object]]]", completeness.certificate["claim"])
    laws: list[Law] = [
        law if "family" in law else read_polynomial(law["polynomial"], "a law", form.parameters, most_terms=10**6)
        for law in claim["laws"]
        if law.get("family") != "block-first-integrals"
    ]
    law_rank = rank(law_gradients(form, laws, residues, PRIME), PRIME)
    generator = np.random.default_rng(0)
    found = span(
        form.program(PRIME), form.dimension(), residues, PRIME, target=completeness.lie_dimension, generator=generator
    )
    return LocalRanks(
        w_dimension=rank(form.program(PRIME).generators(residues[None, :], range(form.dimension()))[0], PRIME),
        lie_dimension=len(found.rows),
        law_rank=law_rank,
        generic=len(found.rows) == completeness.lie_dimension,
    )


def read_point(path: Path, model: Model) -> list[Rational]:
    """A point from a TOML file: for each block of the model an array, row by row, of integers or texts like "3/2".

    Raises:
        BadInput: the file cannot be read, a block is missing or unknown, or has another shape.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror or error}. Give a TOML file with the blocks.") from None
    if len(content) > _FILE_BYTES:
        raise TooLarge(f"{path} has more than {_FILE_BYTES} bytes. Look at a smaller model.")
    try:
        table = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is not TOML: {error}.") from None
    return point_from_blocks(table, model, str(path))


def point_from_blocks(table: dict[str, object], model: Model, where: str) -> list[Rational]:
    """The parameters of ``model`` from a mapping of block names to nested lists; see ``read_point``."""
    names = [block.name for block in model.blocks]
    for name in table:
        if name not in names:
            raise BadInput(f"{where}: {model.spec} has no block '{name[:40]}'. Its blocks are {', '.join(names)}.")
    point: list[Rational] = []
    for block in model.blocks:
        if block.name not in table:
            raise BadInput(f"{where}: the block {block.name} of shape {block.shape} is missing. Add it.")
        point += _flat(table[block.name], block.shape, f"{where}: the block {block.name}")
    return point


def _flat(value: object, shape: tuple[int, ...], what: str) -> list[Rational]:
    if not shape:
        return [_number(value, what)]
    if not isinstance(value, list) or len(cast("list[object]", value)) != shape[0]:
        raise BadInput(f"{what} does not have the shape {shape}: expected a list of {shape[0]} entries there.")
    return [number for entry in cast("list[object]", value) for number in _flat(entry, shape[1:], what)]


def _number(value: object, what: str) -> Rational:
    if type(value) is int:
        return value
    try:
        return tidy(Fraction(value if isinstance(value, str) and _NUMBER.fullmatch(value) else ""))
    except (ValueError, ZeroDivisionError):
        raise BadInput(
            f'{what} has the entry {str(value)[:40]!r}. Write whole numbers, or texts such as "3/2" or "0.1".'
        ) from None
