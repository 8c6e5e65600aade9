"""Search for brackets that span Lie(W) at a point, by flows of a few random controls (docs/certificates.md).

The answer is a witness: which controls, how many Taylor orders, which rows and columns. The kernel computes the same
rows again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from ..kernel._flow import Program, brackets, generators, solve
from ..kernel._modular import Residues
from ._residues import Floats, pivots

_CHUNK = 2**21
_SMALL = 200
"""Parameters below which products of integers are as fast as those of BLAS."""


@dataclass(frozen=True, slots=True)
class Brackets:
    """Independent bracket values at a point: a part of a witness."""

    controls: list[list[list[int]]]
    orders: int
    rows: list[list[int]]
    columns: list[int]

    def fields(self) -> dict[str, object]:
        return {"controls": self.controls, "orders": self.orders, "rows": self.rows, "columns": self.columns}


def span(
    program: Program,
    dimension: int,
    point: Residues,
    prime: int,
    *,
    target: int,
    generator: np.random.Generator,
    free_columns: Residues | None = None,
    orders_limit: int = 64,
    controls_limit: int = 4,
) -> Brackets:
    """Bracket values at ``point`` until their rank is ``target`` or another control adds nothing.

    Args:
        program: the fields of the model modulo ``prime``.
        dimension: the number of generators of W.
        point: integers, shape (D,).
        target: D minus the rank of the law gradients; no more is possible.
        free_columns: the columns to look at; the brackets are orthogonal to the laws, so the columns that are no
            pivots of the law gradients suffice. All columns by default.
        orders_limit: Taylor orders per control at most.
        controls_limit: controls at most; they depend on time.
    """
    columns = np.arange(len(point)) if free_columns is None else free_columns
    kept = np.zeros((0, len(columns)))
    names: list[tuple[int, int, int]] = []
    at: list[int] = []
    controls: list[list[list[int]]] = []
    for number in range(controls_limit):
        control = generator.integers(1, prime, size=(2 + number, dimension))
        controls.append(control.tolist())
        before, done, orders = len(kept), 0, min(orders_limit, _orders(target, dimension, 0))
        while done < orders:
            rank = len(kept)
            values = _values(program, point, control, dimension, prime, orders, columns)[done:]
            stacked = np.concatenate([kept, values.reshape(-1, len(columns))])
            named = [*names, *((number, order, j) for order in range(done, orders) for j in range(dimension))]
            found, at = pivots(stacked, prime)
            rows = sorted(found)
            kept, names = stacked[rows], [named[row] for row in rows]
            if len(kept) == target:
                break
            if done and len(kept) == rank:
                break
            done, orders = orders, min(orders_limit, orders + max(orders // 4, _orders(target, dimension, len(kept))))
        if len(kept) == target or (number > 1 and len(kept) == before):
            break
    used = sorted({control for control, _, _ in names})
    orders = 1 + max((order for _, order, _ in names), default=0)
    return Brackets(
        controls=[controls[control][: max(1, orders - 1)] for control in used],
        orders=orders,
        rows=[[used.index(control), order, j] for control, order, j in names],
        columns=sorted(columns[at].tolist()),
    )


def _orders(target: int, dimension: int, rank: int) -> int:
    """The least number of further orders that can reach ``target``.

    The first gives at most ``dimension`` values; each later one is known for the control itself, so at most one less.
    """
    if rank:
        return max(1, -(-(target - rank) // max(1, dimension - 1)))
    return max(2, 1 - (dimension - target) // max(1, dimension - 1))


def _values(
    program: Program, point: Residues, control: Residues, dimension: int, prime: int, orders: int, columns: Residues
) -> Floats:
    """The brackets of every generator at every order, some generators at a time to bound memory."""
    out = np.empty((orders, dimension, len(columns)))
    size = max(1, _CHUNK // (program.cells * orders))
    at, along = point, np.zeros((orders, dimension), dtype=np.int64)
    along[: len(control)] = control[:orders]
    if len(point) > _SMALL:  # whole numbers in float64 let BLAS multiply; the programs compute in what they are given
        at, along = cast("Residues", at.astype(np.float64)), cast("Residues", along.astype(np.float64))
    solution = solve(program, at, along)
    for low in range(0, dimension, size):
        part = range(low, min(low + size, dimension))
        for order, values in enumerate(brackets(program, solution, along, part)):
            out[order, part.start : part.stop] = values[:, columns]
    return out


def jacobian(program: Program, point: Residues) -> Residues:
    """The gradients of all coordinates at ``point``: shape (d, D)."""
    size = max(1, _CHUNK // program.cells)
    parts = [range(low, min(low + size, program.dimension)) for low in range(0, program.dimension, size)]
    return np.concatenate([generators(program, point[None, :], part)[0] for part in parts])
