"""Brackets at a point, read off the Taylor series of one flow.

Let ``X_t = sum_q t^q X_q`` be a time-dependent field of W and theta(t) its solution from an integer point. For a
generator Y put ``y_0(t) = Y(theta(t))`` and ``y_(k+1) = y_k' - DX_t(theta(t)) y_k``. Along the solution this is the
operator ``d/dt + ad_(X_t)`` applied to Y, so each ``y_k(0)`` is the value at the point of an element of Lie(W): for a
constant X it is ``ad_X^k Y``. Everything is computed modulo a prime p larger than the number of steps, so that the
Taylor coefficients, whose denominators divide K!, exist modulo p.

Source: Frobenius and orbit theorems; A1.alg.lie-trace. The method and its cost are in docs/certificates.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ._modular import Residues

Product = Callable[[Residues, Residues], Residues]
Times = Callable[[Product, Residues, Residues, int], Residues]


class Cost(NamedTuple):
    """What a program takes for one pair of Taylor orders, in tenths of a nanosecond, measured and rounded up."""

    once: int
    """However many tangents there are."""
    each: int
    """For each tangent."""
    cells: int
    """Numbers held for each tangent and Taylor order."""


class Program(Protocol):
    """How a model computes its fields on truncated power series modulo p.

    A series is an integer array whose first axis is the power of t. A point has shape ``(T, D)``, a batch of tangent
    vectors ``(T, B, D)``, and a covector of the output ``(T, d)``.
    """

    def field(self, point: Residues, covector: Residues) -> Residues:
        """``grad <covector, phi>`` along the point: shape (T, D)."""
        ...

    def generators(self, point: Residues, chosen: Sequence[int]) -> Residues:
        """``grad phi_j`` along the point for the chosen coordinates: shape (T, len(chosen), D)."""
        ...

    def push(self, point: Residues, covector: Residues, tangents: Residues) -> Residues:
        """The derivative of ``field`` in the direction of each tangent: shape (T, B, D)."""
        ...

    def cost(self) -> Cost:
        """What ``push``, ``field`` and ``generators`` take together."""
        ...


def cost(program: Program, tangents: int, times: int, orders: int) -> int:
    """What brackets of so many generators cost, taken in ``times`` parts, to so many Taylor orders."""
    pairs = (orders**3 - orders) // 6 + 1
    price = program.cost()
    return pairs * (times * price.once + tangents * price.each)


def times(product: Product, left: Residues, right: Residues, prime: int) -> Residues:
    """The product of two series, truncated to the shorter one and reduced modulo ``prime``.

    The sums stay below 2^63: factors are residues, one of them perhaps a sum of two, and at most 200 orders of matrices
    with at most 20,000 inner columns are added up before they are reduced.
    """
    orders = min(len(left), len(right))
    out = product(left[0], right[:orders])
    for i in range(1, orders):
        out[i:] += product(left[i], right[: orders - i])
    return out % prime


def solve(program: Program, start: Residues, covector: Residues, orders: int, prime: int) -> Residues:
    """The Taylor coefficients 0..orders-1 of the solution of ``theta' = grad <covector, phi>(theta)``."""
    point = start[None, :] % prime
    for k in range(1, orders):
        slope = program.field(point, covector[:k])[k - 1]
        point = np.concatenate([point, (slope * pow(k, -1, prime) % prime)[None, :]])
    return point


def brackets(
    program: Program, start: Residues, covector: Residues, chosen: Sequence[int], orders: int, prime: int
) -> Iterator[Residues]:
    """For k = 0, 1, ..., orders-1 the values at ``start`` of ``(d/dt + ad_X)^k grad phi_j``, j chosen: (len, D)."""
    padded = np.zeros((orders, covector.shape[1]), dtype=np.int64)
    padded[: min(orders, len(covector))] = covector[:orders]
    point = solve(program, start, padded, orders, prime)
    tangents = program.generators(point, chosen)
    for k in range(orders):
        yield tangents[0]
        if k + 1 == orders:
            return
        slope = tangents[1:] * np.arange(1, len(tangents), dtype=np.int64)[:, None, None]
        shorter = tangents[:-1]
        tangents = (slope - program.push(point[: len(shorter)], padded[: len(shorter)], shorter)) % prime
