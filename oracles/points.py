"""Points of a model: read from a file, and looked at: is this one generic, or do laws and brackets degenerate?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from .errors import BadInput, TooLarge
from .kernel._models import DENSE_LIMIT, read_law, read_model
from .kernel._modular import rank
from .kernel._read import Node, Rejected
from .kernel._rules import law_gradients
from .lie import Completeness
from .lie._flows import jacobian, span
from .models import Model
from .polynomials import Rational
from .toml import Table, load, nested, rational

PRIME = 1048573
"""Large, so that a rank that drops at a special point modulo the prime is a rare accident."""


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
    laws = [read_law(Node(law, "a law"), form.parameters) for law in claim["laws"]]
    try:
        law_rank = rank(law_gradients(form, laws, residues, PRIME), PRIME)
    except Rejected as rejection:
        raise TooLarge(f"This point is too large to be looked at: {rejection}.") from None
    generator = np.random.default_rng(0)
    program = form.program(PRIME)
    found = span(program, program.dimension, residues, PRIME, target=completeness.lie_dimension, generator=generator)
    return LocalRanks(
        w_dimension=rank(jacobian(program, residues), PRIME),
        lie_dimension=len(found.rows),
        law_rank=law_rank,
        generic=len(found.rows) == completeness.lie_dimension,
    )


def read_point(path: Path, model: Model) -> list[Rational]:
    """A point from a TOML file: for each block of the model an array, row by row, of integers or texts like "3/2".

    Raises:
        BadInput: the file cannot be read, a block is missing or unknown, or has another shape.
    """
    table = load(str(path), "the point", "Give a TOML file with the blocks of the model.")
    return point_from_blocks(table, model, str(path))


def point_from_blocks(table: Table, model: Model, where: str) -> list[Rational]:
    """The parameters of ``model`` from a mapping of block names to nested lists; see ``read_point``."""
    names = [block.name for block in model.blocks]
    for name in table:
        if name not in names:
            raise BadInput(f"{where}: {model.spec} has no block '{name[:40]}'. Its blocks are {', '.join(names)}.")
    point: list[Rational] = []
    for block in model.blocks:
        if block.name not in table:
            raise BadInput(f"{where}: the block {block.name} of shape {block.shape} is missing. Add it.")
        what = f"the block {block.name}"
        point += [rational(entry, where, what) for entry in nested(table[block.name], block.shape, where, what)]
    return point
