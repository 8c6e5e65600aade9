"""Reduced flows of path liftings: closed forms for neurons and rows of neurons, Newton's method for other graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...oracles.errors import BadInput, TooLarge
from ...oracles.intrinsic import ClosedForm
from ...oracles.intrinsic.forms.paths import closed_form, plan
from ...oracles.intrinsic.paths.wiring import Piece, Row, wiring
from ...oracles.models import Model, PathLifting
from ...oracles.polynomials import Rational
from .._trajectory import Floats
from ..fields import FloatArray
from ..recover import Balances, PathLogs

PATHS = 20_000
"""The largest number of paths."""
CELLS = 10_000_000
"""The largest number of paths times edges of a piece that is not a row."""

Indices = NDArray[np.intp]


class _Part(Protocol):
    def apply(self, z: FloatArray, covector: FloatArray, out: FloatArray) -> None:
        """Writes ``K(z) covector`` for the coordinates of this part into ``out``."""
        ...


class PathFlow:
    """``z' = -K(z) grad f(z)`` of a path lifting; keeps the values of the laws and the signs of z."""

    def __init__(self, form: ClosedForm, dimension: int, parts: Sequence[_Part]) -> None:
        self.form = form
        self.dimension = dimension
        self._parts = tuple(parts)

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``, shape (d,).

        Raises:
            BadInput: z has left the domain of the closed form: a path has become zero or changed its sign.
        """
        at, along = np.asarray(z, dtype=np.float64), np.asarray(covector, dtype=np.float64)
        out = along.copy()  # edges from a source to an output have the metric 1
        for part in self._parts:
            part.apply(at, along, out)
        return out


def reduced_flow(model: Model, point: Sequence[Rational]) -> PathFlow | None:
    """The reduced flow of a path lifting from ``point``; None for other models.

    Raises:
        NotClaimed: as ``closed_form``.
        TooLarge: more than ``PATHS`` paths, or a piece of more than ``CELLS`` paths times edges.
    """
    if not isinstance(model, PathLifting):
        return None
    if model.coordinate_terms() > PATHS:
        raise TooLarge(
            f"{model.spec} has {model.coordinate_terms()} paths; its reduced flow is integrated for at most {PATHS}."
        )
    form = closed_form(model, point)
    assert form is not None
    found = plan(model, point)
    paths = [tuple(edge for edge, _ in path) for path in model.paths()]
    place = {frozenset(path): i for i, path in enumerate(paths)}
    parts: list[_Part] = []
    for piece in found.parts:
        laws = [float(found.laws[v]) for v in piece.neurons]
        if piece.row is not None:
            parts.append(_Row(_matrix(piece.row, place), laws))
        else:
            parts.append(_Graph(model, piece, paths, point, laws))
    return PathFlow(form, len(paths), parts)


def _matrix(row: Row, place: dict[frozenset[int], int]) -> Indices:
    """The coordinates of a row as a matrix: one line for each outgoing edge, one column for each incoming one."""
    inner = frozenset(row.inner)
    return np.array([[place[inner | {a, b}] for b in row.entering] for a in row.leaving], dtype=np.intp)


class _Row:
    """Neurons in a row: ``K(G) = Z Z^T G / |v|^2 + G Z^T Z / |u|^2 + <Z, G> Z sum_i 1 / a_i^2``."""

    def __init__(self, places: Indices, laws: Sequence[float]) -> None:
        self._places = places
        # x - s_i are the squares from the outgoing side to the incoming one; the smallest of them is the unknown
        partial = np.concatenate([[0.0], np.cumsum([-h for h in reversed(laws)])])
        self._offsets: FloatArray = partial.max() - partial

    def apply(self, z: FloatArray, covector: FloatArray, out: FloatArray) -> None:
        Z, G = z[self._places], covector[self._places]
        lines, columns = self._places.shape
        size = float((Z * Z).sum())
        squares = _squares_of_row(self._offsets, size)
        left, right = squares[0], squares[-1]
        if lines == columns == 1:
            factor = sum(float(np.delete(squares, i).prod()) for i in range(len(squares)))
            out[self._places] = factor * G
            return
        result = np.zeros_like(Z)
        if lines == 1 and len(squares) == 2:
            result += left * G
        elif right:
            result += Z @ (Z.T @ G) / right
        if columns == 1 and len(squares) == 2:
            result += right * G
        elif left:
            result += (G @ Z.T) @ Z / left
        if len(squares) > 2 and size:
            result += float((Z * G).sum()) * Z * float((1.0 / squares[1:-1]).sum())
        out[self._places] = result


def _squares_of_row(offsets: FloatArray, size: float) -> FloatArray:
    """``y + offsets`` for the root y >= 0 of ``prod(y + offsets) = size``: no cancellation, and no other root counts.

    Two factors: a quadratic equation. More: Newton for ``sum log(exp(s) + offsets) = log size``, whose left-hand side
    is convex and increasing in s with slope at least 1, from the right.
    """
    if not size:
        return offsets
    if len(offsets) == 2:
        gap = float(offsets.max())
        y = 2.0 * size / (np.sqrt(gap * gap + 4.0 * size) + gap)
        return np.asarray(y + offsets)
    target = np.log(size)
    s = target / len(offsets)
    for _ in range(200):
        y = np.exp(s)
        step = float((np.log(y + offsets).sum() - target) / (y / (y + offsets)).sum())
        s -= step
        if abs(step) <= 2.0**-50 * max(1.0, abs(s)):
            break
    return np.asarray(np.exp(s) + offsets)


class _Graph:
    """Any other piece: the squares by recovery, then ``K_pq = z_p z_q sum 1 / theta_e^2``."""

    def __init__(
        self,
        model: PathLifting,
        piece: Piece,
        paths: Sequence[tuple[int, ...]],
        point: Sequence[Rational],
        laws: Sequence[float],
    ) -> None:
        number = {edge: k for k, edge in enumerate(piece.edges)}
        mine = [i for i, path in enumerate(paths) if path[0] in number]
        if len(mine) * len(number) > CELLS:
            raise TooLarge(
                f"{model.spec} has a piece of {len(mine)} paths and {len(number)} edges; at most {CELLS} products of "
                "both are handled. Take a smaller network."
            )
        incidence = np.zeros((len(mine), len(number)))
        for line, i in enumerate(mine):
            incidence[line, [number[edge] for edge in paths[i]]] = 1.0
        self._places = np.array(mine, dtype=np.intp)
        self._incidence: FloatArray = incidence
        self._balances = Balances.part(wiring(model), piece)
        self._logs = PathLogs(incidence, self._balances)
        self._laws = np.array(laws)
        negative = [sum(point[edge] < 0 for edge in paths[i]) % 2 for i in mine]
        self._signs: FloatArray = 1.0 - 2.0 * np.array(negative)

    def apply(self, z: FloatArray, covector: FloatArray, out: FloatArray) -> None:
        mine = z[self._places]
        if not (mine * self._signs > 0).all():
            raise BadInput(
                "A path has become zero or changed its sign: a weight vanished, and the reduced flow is known up to "
                "there only (A3.zero-weights). Take a shorter time."
            )
        squares = self._balances.solve(self._logs(mine), self._laws)
        weighted = self._incidence.T @ (mine * covector[self._places])
        out[self._places] = mine * (self._incidence @ (weighted / squares))
