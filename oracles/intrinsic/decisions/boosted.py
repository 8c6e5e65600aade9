"""Two points of ``linear:1-r-2`` (or 2-r-1) on one orbit with the same Z and different metrics.

No rotation of two inputs keeps a Z of one row, so the second point is ``O P`` with a boost O in SO(1, 2). Z is kept iff
``sum over columns p of P of ((O p)_0 (O p)_i - p_0 p_i) = 0`` for i = 1, 2: two quadratic forms, summed over the
columns. Columns that balance each other are found among small whole numbers by their values.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from itertools import product as cartesian
from math import lcm
from random import Random

from ...errors import BadInput
from ...models import DeepLinear
from ...polynomials import Rational
from ..criterion.local import flat
from ..linear.matrices import Matrix, identity, inverse, product, rank, transposed

Column = tuple[int, int, int]
Change = tuple[int, int]

_REACH = 4
_TRIES = 200
_FIRSTS, _SUMMED = 40, 120
"""Columns that are tried first, and columns whose sums of two are looked up."""


def boosted_pair(model: DeepLinear, seed: int) -> tuple[tuple[Rational, ...], tuple[Rational, ...]]:
    """The two points; all ranks are full.

    Raises:
        BadInput: nothing was found with this seed.
    """
    draw = Random(seed)
    r, wide = model.widths[1], model.widths[0] == 1
    box: list[Column] = [(p[0], p[1], p[2]) for p in cartesian(range(-_REACH, _REACH + 1), repeat=3) if any(p)]
    for _ in range(_TRIES):
        boost = _boost(draw)
        whole, below = _whole(boost)
        changes = {p: _change(whole, below, p) for p in box}
        columns: list[Column] = []
        if r % 2:
            columns += _triple(changes, draw)
        by_change = {change: p for p, change in changes.items()}
        while len(columns) < r and (found := _couple(changes, by_change, draw)):
            columns += found
        if len(columns) != r:
            continue
        P = transposed([list(p) for p in columns])
        moved = product(boost, P)
        if rank(P) == min(r, 3) and rank(P[1:]) == 2 and any(P[0]) and _differ(P, moved):
            return _point(P, wide), _point(moved, wide)
    raise BadInput(f"No generic point of {model.spec} with a partner was found. Use another seed.")


def _couple(changes: dict[Column, Change], by_change: dict[Change, Column], draw: Random) -> list[Column]:
    """Two columns whose changes add up to zero, neither of them zero; empty if none are found."""
    for p in draw.sample(list(changes), _FIRSTS):
        a, b = changes[p]
        if (a or b) and (-a, -b) in by_change:
            return [p, by_change[-a, -b]]
    return []


def _triple(changes: dict[Column, Change], draw: Random) -> list[Column]:
    """Three columns whose changes add up to zero; empty if none are found."""
    few = draw.sample(list(changes), _SUMMED)
    sums = {(changes[p][0] + changes[q][0], changes[p][1] + changes[q][1]): (p, q) for p, q in combinations(few, 2)}
    for p in draw.sample(list(changes), _FIRSTS):
        a, b = changes[p]
        if (a or b) and (-a, -b) in sums:
            return [p, *sums[-a, -b]]
    return []


def _boost(draw: Random) -> Matrix:
    """``(I - K)^(-1) (I + K)``, K in so(1, 2) with its real eigenvalues below 1: joined to the identity."""
    while True:
        g, h, b = (Fraction(draw.choice((-1, 0, 1)), draw.choice((2, 3))) for _ in range(3))
        if (g or h) and g * g + h * h - b * b < 1:
            K: Matrix = [[0, g, h], [g, 0, -b], [h, b, 0]]
            one = identity(3)
            plus = [[x + y for x, y in zip(a, c, strict=True)] for a, c in zip(one, K, strict=True)]
            minus = [[x - y for x, y in zip(a, c, strict=True)] for a, c in zip(one, K, strict=True)]
            return product(inverse(minus), plus)


def _whole(matrix: Matrix) -> tuple[list[list[int]], int]:
    below = lcm(*(entry.denominator for row in matrix for entry in row))
    return [[int(entry * below) for entry in row] for row in matrix], below


def _change(whole: list[list[int]], below: int, p: Column) -> Change:
    """What the column p adds to the change of Z, times the square of ``below``."""
    a, b, c = (sum(entry * x for entry, x in zip(row, p, strict=True)) for row in whole)
    return a * b - below**2 * p[0] * p[1], a * c - below**2 * p[0] * p[2]


def _differ(P: Matrix, Q: Matrix) -> bool:
    """Whether U U^T, a number, differs, or V V^T does."""
    return any(
        sum(x * y for x, y in zip(P[i], P[j], strict=True)) != sum(x * y for x, y in zip(Q[i], Q[j], strict=True))
        for i, j in ((0, 0), (1, 1), (1, 2), (2, 2))
    )


def _point(P: Matrix, wide: bool) -> tuple[Rational, ...]:
    """P = (U ; V) as a point of linear:1-r-2, or turned over as one of linear:2-r-1."""
    return tuple(flat([P[:1], transposed(P[1:])] if wide else [P[1:], transposed(P[:1])]))
