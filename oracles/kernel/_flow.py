"""The fields of a model, and their brackets at a point, read off the Taylor series of one flow.

A model is a product of matrices or a sum of monomials. Both are products of factors, so the gradient by a factor is
"everything left of it times everything right of it". It is computed over any commutative algebra of which Z/p is a
part: an element is an array whose first axes hold its coefficients, that of the unit first, and ``Times`` is the
product of two elements.

Let ``X_t = sum_q t^q X_q`` be a time-dependent field of W and theta(t) its solution from an integer point. For a
generator Y put ``y_0(t) = Y(theta(t))`` and ``y_(k+1) = y_k' - DX_t(theta(t)) y_k``. Along the solution this is the
operator ``d/dt + ad_(X_t)`` applied to Y, so each ``y_k(0)`` is the value at the point of an element of Lie(W): for a
constant X it is ``ad_X^k Y``. Everything is computed modulo a prime p larger than the number of steps, so that the
Taylor coefficients, whose denominators divide K!, exist modulo p.

A series has the powers of t on its first axis. Source: Frobenius and orbit theorems; A1.alg.lie-trace. The method and
its cost are in docs/certificates.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from ._exact import Polynomial
from ._modular import Residues, modulo
from ._read import demand

Flip = Callable[[Residues], Residues]
Product = Callable[[Residues, Residues], Residues]
Times = Callable[[Product, Residues, Residues, int], Residues]
FACTORS_LIMIT = 8_000_000
"""Variables in all terms of all coordinates."""


class Chain:
    """``phi = U_1 U_2 ... U_L`` with U_i of shape ``(widths[i-1], widths[i])``.

    Coordinates are numbered row-major. ``zero_sum`` keeps the covectors whose columns sum to zero (A1.loss-span):
    coordinate (i, j) is then ``phi_ij - phi_(last, j)`` for i below the last row. The prime 0 stands for no reduction:
    points of Python's integers then have exact values.
    """

    def __init__(self, widths: Sequence[int], zero_sum: bool, prime: int) -> None:
        self.prime = prime
        self.shapes = list(pairwise(widths))
        *self.ends, parameters = accumulate(a * b for a, b in self.shapes)
        self.inputs, self.zero_sum = widths[-1], zero_sum
        self.dimension = (widths[0] - zero_sum) * self.inputs
        self.products = 3 * self.inputs * parameters
        self.cells = 3 * (parameters + self.inputs * sum(widths))

    def blocks(self, point: Residues) -> list[Residues]:
        parts = zip(np.split(point, self.ends, axis=-1), self.shapes, strict=True)
        return [part.reshape(*part.shape[:-1], *shape) for part, shape in parts]

    def value(self, point: Residues, times: Times) -> Residues:
        """phi at a point: (..., D) to (..., d)."""
        whole = reduce(lambda a, b: times(np.matmul, a, b, self.prime), self.blocks(point))
        seen = whole[..., :-1, :] - whole[..., -1:, :] if self.zero_sum else whole
        return modulo(seen.reshape(*seen.shape[:-2], -1), self.prime)

    def field(self, point: Residues, covector: Residues, times: Times) -> Residues:
        weights = covector.reshape(*covector.shape[:-1], -1, self.inputs)
        if self.zero_sum:
            weights = np.concatenate([weights, -weights.sum(axis=-2, keepdims=True)], axis=-2)
        weights = modulo(weights, self.prime)
        sides = _sides(self.blocks(point), weights, lambda a, b: times(np.matmul, a, b, self.prime), _transposed)
        return np.concatenate([side.reshape(*side.shape[:-2], -1) for side in sides], axis=-1)


class Monomials:
    """Coordinates that are sums of monomials, each a product of factors: variables, and ones to fill up.

    ``factors[s, r]`` is the r-th variable of term s (the variable number D stands for 1), ``coefficients[s]`` its
    coefficient modulo p and ``owners[s]`` its coordinate.
    """

    def __init__(self, parameters: int, coordinates: Sequence[Polynomial], prime: int) -> None:
        self.prime, self.parameters = prime, parameters
        self.dimension = len(coordinates)
        terms = [(owner, *term) for owner, coordinate in enumerate(coordinates) for term in coordinate.terms.items()]
        factors = [[variable for variable, exponent in m for _ in range(exponent)] for _, m, _ in terms]
        degree = max(map(len, factors), default=0) or 1
        demand(len(terms) * degree <= FACTORS_LIMIT, "the coordinates have too many factors to be differentiated")
        filled = [variables + [parameters] * (degree - len(variables)) for variables in factors]
        self.factors = np.array(filled, dtype=np.int64).reshape(len(terms), degree)
        self.coefficients = np.array([c % prime for _, _, c in terms], dtype=np.int64)
        self.owners = np.array([owner for owner, _, _ in terms], dtype=np.int64)
        self.products = 3 * degree * len(terms)
        self.cells = 5 * degree * len(terms) + parameters

    def field(self, point: Residues, covector: Residues, times: Times) -> Residues:
        one = np.zeros((*point.shape[:-1], 1), dtype=point.dtype)
        one[(0,) * one.ndim] = 1
        extended = np.concatenate([point, one], axis=-1)
        values = [extended[..., column] for column in self.factors.T]
        weights = covector[..., self.owners] * self.coefficients % self.prime
        sides = _sides(values, weights, lambda a, b: times(np.multiply, a, b, self.prime), lambda factor: factor)
        total = np.zeros((*sides[-1].shape[:-1], self.parameters + 1), dtype=point.dtype)
        for column, side in zip(self.factors.T, sides, strict=True):
            index: Any = (..., column)
            np.add.at(total, index, side)
        return total[..., : self.parameters] % self.prime


Program = Chain | Monomials
"""Has ``dimension`` coordinates; ``field`` is ``grad <covector, phi>`` at a point: (..., d) and (..., D) to (..., D).

It makes ``products`` multiplications and holds ``cells`` numbers, for each coefficient and each pair of them.
"""


def _sides(factors: list[Residues], weights: Residues, product: Product, flip: Flip) -> list[Residues]:
    """The gradients of ``<weights, factors[0] factors[1] ...>`` by the factors; ``flip`` transposes one."""
    *before, last = accumulate(factors[:-1], lambda done, factor: product(flip(factor), done), initial=weights)
    after = list(accumulate(factors[:0:-1], lambda done, factor: product(factor, done)))
    return [*(product(left, flip(right)) for left, right in zip(before, reversed(after), strict=True)), last]


def _transposed(matrices: Residues) -> Residues:
    return matrices.swapaxes(-1, -2)


def times(product: Product, left: Residues, right: Residues, prime: int) -> Residues:
    """The product of two series, truncated to the shorter one and reduced modulo ``prime``.

    The sums stay below 2^63: factors are residues, and at most 200 orders of matrices with at most 20,000 inner columns
    are added up before they are reduced.
    """
    orders = min(len(left), len(right))
    out = product(left[0], right[:orders])
    for i in range(1, orders):
        out[i:] += product(left[i], right[: orders - i])
    return modulo(out, prime)


def duals(times: Times) -> Times:
    """The product of dual numbers over an algebra: the second axis holds a value and then any number of tangents."""

    def multiply(product: Product, left: Residues, right: Residues, prime: int) -> Residues:
        out = times(product, left[:, :1], right, prime)
        more = times(product, left[:, 1:], right[:, :1], prime)
        if right.shape[1] == 1:
            return np.concatenate([out, more], axis=1)
        if left.shape[1] > 1:
            out[:, 1:] = modulo(out[:, 1:] + more, prime)
        return out

    return multiply


def push(program: Program, point: Residues, covector: Residues, tangents: Residues, times: Times = times) -> Residues:
    """The derivative of ``grad <covector, phi>`` in the direction of each tangent: shape (T, B, D) like these."""
    moved = np.concatenate([point[:, None], tangents], axis=1)
    field = program.field(moved, covector[:, None], duals(times))
    return field[:, 1:] if field.shape[1] > 1 else np.zeros_like(tangents)


def generators(program: Program, point: Residues, chosen: Sequence[int], times: Times = times) -> Residues:
    """``grad phi_j`` along the point for the chosen coordinates: shape (T, len(chosen), D)."""
    covectors = np.zeros((len(point), len(chosen), program.dimension), dtype=point.dtype)
    covectors[0, np.arange(len(chosen)), list(chosen)] = 1
    return program.field(point[:, None], covectors, times)


def solve(program: Program, start: Residues, covector: Residues) -> Residues:
    """As many Taylor coefficients of the solution of ``theta' = grad <covector, phi>(theta)`` as of ``covector``."""
    point = start[None, :] % program.prime
    for k in range(1, len(covector)):
        slope = program.field(point, covector[:k], times)[k - 1]
        point = np.concatenate([point, (slope * pow(k, -1, program.prime) % program.prime)[None, :]])
    return point


def brackets(program: Program, point: Residues, covector: Residues, chosen: Sequence[int]) -> Iterator[Residues]:
    """For k = 0, 1, ... the values of ``(d/dt + ad_X)^k grad phi_j`` at t = 0, j chosen: shape (len(chosen), D).

    Args:
        point: a solution, shape (T, D); it gives T brackets of each coordinate.
        covector: its field X_t, shape (T, d).
    """
    tangents = generators(program, point, chosen)
    for k in range(len(point)):
        yield tangents[0]
        if k + 1 < len(point):
            shorter = tangents[:-1]
            slope = tangents[1:] * np.arange(1, len(tangents), dtype=np.int64)[:, None, None]
            tangents = (slope - push(program, point[: len(shorter)], covector[: len(shorter)], shorter)) % program.prime
