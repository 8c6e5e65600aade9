"""The reduced flow of linear convolutions (A5.lcn.metric).

``OuterFlow`` holds wherever the end-to-end filter is an outer product. ``BranchFlow`` is local: it follows one
factorisation of w from the initialization.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from ...oracles.errors import BadInput
from ...oracles.intrinsic import ClosedForm
from ...oracles.intrinsic.filters import powers, spacings, squared_norm
from ...oracles.intrinsic.forms.convolution import closed_form, filters_at, is_outer_product, recipe_of, shifts
from ...oracles.models import Model
from ...oracles.models._convolution import Convolution
from ...oracles.polynomials import Rational
from .._trajectory import Floats
from ..fields import FloatArray
from ._base import ReducedFlow

_NEWTON = 50
"""Most Newton steps for the squared norms; they converge monotonically and quadratically, so ten are usual."""
_SEGMENT = 2.0**-12
"""The shortest part of the segment from the initialization that the continuation tries."""


def reduced_flow(model: Model, point: Sequence[Rational]) -> ReducedFlow | None:
    """The flow of the end-to-end filter; None for another model.

    Raises:
        NotClaimed: a filter is zero, or filters share a factor at ``point``.
    """
    form, recipe = closed_form(model, point), recipe_of(model)
    if form is None or recipe is None:
        return None
    filters = filters_at(recipe, point)
    if is_outer_product(recipe):
        sigma = shifts([squared_norm(w) for w in filters])
        return OuterFlow(form, recipe, np.array([float(s) for s in sigma]))
    return BranchFlow(form, recipe, np.array([float(x) for x in point]))


def squared_norms(sigma: FloatArray, whole: float) -> FloatArray:
    """``n_l = x + sigma_l > 0`` with ``prod_l n_l = whole``, for a positive ``whole``; shape of ``sigma``.

    With y the smallest n_l the product is increasing and convex in y > 0, so Newton's method falls monotonically from
    any y at which it is too large, such as ``whole^(1/L)``; it stops where it no longer falls.
    """
    gaps = sigma - sigma.min()
    if len(gaps) == 2:
        gap = float(gaps.max())
        root = float(np.hypot(gap, 2 * np.sqrt(whole)))
        return np.where(gaps > 0, (root + gap) / 2, 2 * whole / (root + gap)) if gap else np.full(2, np.sqrt(whole))
    y = whole ** (1 / len(gaps))
    for _ in range(_NEWTON):
        n = y + gaps
        value = float(n.prod())
        lower = y - (value - whole) / (value * float((1 / n).sum()))
        if not 0 < lower < y:
            break
        y = lower
    return np.asarray(y + gaps)


@dataclass(frozen=True, slots=True)
class OuterFlow:
    """``K(G) = sum_l G_(l) Z_(l)^T Z_(l) / |w_l|^2``: global, without any factorisation."""

    form: ClosedForm
    recipe: Convolution
    sigma: FloatArray

    @property
    def dimension(self) -> int:
        return int(np.prod(self.recipe.filters))

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``.

        Raises:
            BadInput: z is 0 and there are several filters.
        """
        if len(self.recipe.filters) == 1:
            return np.array(covector)
        whole = float(z @ z)
        if not whole:
            raise BadInput("The end-to-end filter is 0, where the reduced flow of convolutions is not defined.")
        order = _places(self.recipe)
        Z, G = z[order], covector[order]
        total = np.zeros_like(z)
        norms = squared_norms(self.sigma, whole)
        for layer, (size, norm) in enumerate(zip(self.recipe.filters, norms, strict=True)):
            rows, slopes = (np.moveaxis(array, layer, 0).reshape(size, -1) for array in (Z, G))
            part = (slopes @ rows.T) @ rows / norm
            rest = [k for i, k in enumerate(self.recipe.filters) if i != layer]
            total[order] += np.moveaxis(part.reshape(size, *rest), 0, layer)
        return total


def _places(recipe: Convolution) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """The coordinate that holds the product of the coefficients i_1, ..., i_L; shape (k_1, ..., k_L)."""
    steps = spacings(recipe.filters, recipe.strides)
    where = {power: i for i, power in enumerate(powers(recipe.filters, recipe.strides))}
    places = [
        where[sum(i * t for i, t in zip(index, steps, strict=True))] for index in product(*map(range, recipe.filters))
    ]
    return np.array(places, dtype=np.intp).reshape(recipe.filters)


class BranchFlow:
    """``K = dmu dmu^T`` at the factors of w on the branch through the initialization.

    The factors are a function of w: the initial ones are continued along the straight segment from the initial w, with
    Newton's method on (w, values of the laws), in steps that cannot change the branch. Limits: factors may meet on the
    segment though they do not on the trajectory, and then it is refused; complex roots that go around each other can
    make the trajectory end on another branch than the segment; where the strides make the image of mu thin, w is
    projected to it.
    """

    def __init__(self, form: ClosedForm, recipe: Convolution, start: FloatArray) -> None:
        self.form = form
        self.recipe = recipe
        self._sizes = recipe.filters
        self._ends = np.cumsum((0, *recipe.filters))
        self._steps = spacings(recipe.filters, recipe.strides)
        self._powers = np.array(powers(recipe.filters, recipe.strides), dtype=np.intp)
        self._start = start
        self._first = self._filter(start)
        self._laws = self._balances(start)

    @property
    def dimension(self) -> int:
        return len(self._powers)

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``.

        Raises:
            BadInput: the continuation from the initialization does not reach z: factors meet on the way.
        """
        J = self._differential(self.factors(z))
        return np.asarray(J @ (J.T @ covector))

    def factors(self, z: Floats) -> FloatArray:
        """The filters on this branch, one after the other: shape (D,).

        Raises:
            BadInput: as for ``apply``.
        """
        factors, done = self._start, 0.0
        way = np.concatenate([np.asarray(z) - self._first, np.zeros(len(self._laws))])
        while done < 1.0:
            moves, least = self._moves(factors, done, way)
            left, whole = (float(np.linalg.norm(move)) for move in moves)
            step = 1.0 - done
            if whole:
                step = min(step, (self._reach(factors, least) - left) / whole)
            if not step >= min(_SEGMENT, 1.0 - done):
                raise BadInput(
                    "The factors of the end-to-end filter meet on the way from the initialization to this z: the "
                    "branch ends there, and with it the reduced flow. Take a shorter time."
                )
            factors, done = factors + moves[0] + step * moves[1], done + step
        return self._polished(factors, way)

    def _moves(self, factors: FloatArray, done: float, way: FloatArray) -> tuple[tuple[FloatArray, FloatArray], float]:
        """The Newton step to the part of the way that is done, the step for all of it, and the least singular value."""
        J = np.vstack([self._differential(factors), self._law_slopes(factors)])
        there = np.concatenate([self._first, self._laws]) + done * way
        off = there - np.concatenate([self._filter(factors), self._balances(factors)])
        # rows outnumber columns where the image is thin: least squares then projects
        found, _, _, singular = np.linalg.lstsq(J, np.stack([off, way], axis=1), rcond=None)
        return (np.asarray(found[:, 0], np.float64), np.asarray(found[:, 1], np.float64)), float(singular[-1])

    def _polished(self, factors: FloatArray, way: FloatArray) -> FloatArray:
        """Newton's method at the end of the way, until its steps are rounding."""
        for _ in range(_NEWTON):
            (move, _), _ = self._moves(factors, 1.0, way)
            factors = factors + move
            if float(np.linalg.norm(move)) <= 2.0**-40 * float(np.linalg.norm(factors)):
                break
        return factors

    def _reach(self, factors: FloatArray, least: float) -> float:
        """How long a Newton step may be that cannot change the branch.

        Newton-Kantorovich: with the step eta, ``beta = 1/least`` and a Lipschitz constant C of the Jacobian in the ball
        of radius 2 eta, ``beta C eta <= 1/2`` leaves one solution in that ball, and a larger ball around it has no
        other. It then holds for all targets on the way as well, so their solutions form one branch, and what one step
        leaves of its error is far inside. (2/5 for 1/2 leaves room for rounding and for that error.)
        """
        longest = 0.4 * least / self._lipschitz(factors, 0.0)
        return 0.4 * least / self._lipschitz(factors, 2 * longest)

    def _lipschitz(self, factors: FloatArray, radius: float) -> float:
        """A bound of the second derivative of (mu, laws) in a ball.

        Young: ``|p q|_2 <= |p|_1 |q|_2``, and ``|p|_1 <= sqrt(k) |p|_2``. So the products of changes of filters l and m
        are at most sqrt(min(k_l, k_m)) times their sizes, times ``|w_j|_1 + sqrt(k_j) radius`` for the others; the
        matrix with 0 on its diagonal and 1 elsewhere has the norm L - 1. The second derivatives of the laws, 2 and -2
        times scalar products whose sizes add up to at most 1, have the norm 2 for one law and 2 sqrt(2) for more.
        """
        roots = np.sqrt(self._sizes)
        grown = np.array([float(np.abs(w).sum()) for w in self._split(factors)]) + roots * radius
        pairs = combinations(range(len(roots)), 2)
        largest = max(float(min(roots[i], roots[j])) * float(np.delete(grown, [i, j]).prod()) for i, j in pairs)
        return float(np.hypot((len(roots) - 1) * largest, 2 if len(roots) == 2 else 8**0.5))

    def _split(self, factors: FloatArray) -> list[FloatArray]:
        return [factors[a:b] for a, b in zip(self._ends, self._ends[1:], strict=False)]

    def _filter(self, factors: FloatArray) -> FloatArray:
        return np.asarray(self._product(self._split(factors), None)[self._powers])

    def _balances(self, factors: FloatArray) -> FloatArray:
        norms = np.array([float(w @ w) for w in self._split(factors)])
        return np.asarray(norms[:-1] - norms[1:])

    def _product(self, filters: Sequence[FloatArray], without: int | None) -> FloatArray:
        total = np.ones(1)
        for layer, (w, step) in enumerate(zip(filters, self._steps, strict=True)):
            if layer != without:
                spread = np.zeros((len(w) - 1) * step + 1)
                spread[::step] = w
                total = np.convolve(total, spread)
        return total

    def _differential(self, factors: FloatArray) -> FloatArray:
        filters = self._split(factors)
        whole = int(self._powers[-1]) + 1
        J = np.zeros((whole, len(factors)))
        column = 0
        for layer, (size, step) in enumerate(zip(self._sizes, self._steps, strict=True)):
            others = self._product(filters, layer)
            for i in range(size):
                J[i * step : i * step + len(others), column] = others
                column += 1
        return np.asarray(J[self._powers])

    def _law_slopes(self, factors: FloatArray) -> FloatArray:
        rows = np.zeros((len(self._sizes) - 1, len(factors)))
        for layer, row in enumerate(rows):
            a, b, c = self._ends[layer : layer + 3]
            row[a:b], row[b:c] = 2 * factors[a:b], -2 * factors[b:c]
        return rows
