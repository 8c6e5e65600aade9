"""Random rational points of linear networks with exactly relaxed balance, and their singular directions.

``U_j = Q_(j-1) S_j Q_j^T`` with rational orthogonal Q and diagonal S_j, whose entries ``s_ij`` (direction i, layer j)
satisfy ``s_ij^2 - s_i(j+1)^2 = mu_j`` in every direction. Two directions need numbers with one difference of squares,
which factors of it give: ``a^2 - b^2 = (a - b)(a + b)``; three need whole triples with two common differences, of which
there is a table. So the mu are drawn with the directions; ``_balanced_points`` has points for prescribed ones, most of
which have one size in all directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import accumulate, pairwise
from random import Random
from typing import TypeVar

from ...errors import BadInput
from ...models import DeepLinear
from ...polynomials import Rational, tidy
from ..linear.chains import check_work

Rows = tuple[tuple[Fraction, ...], ...]
_T = TypeVar("_T", Fraction, tuple[int, int, int])

_SIDE = 64
"""The largest number in the table of triples."""


@dataclass(frozen=True, slots=True)
class RelaxedPoint:
    """A point, and the exact singular directions that it was made of.

    Attributes:
        model: whose point it is.
        point: the parameters.
        mus: ``U_j^T U_j - U_(j+1) U_(j+1)^T = mu_j I`` for the hidden layers j, from the output on.
        roots: ``x_i``, the squared singular values of U_1, one for each of the r directions.
        left: the left singular vectors of Z in these directions, r rows of length n.
        right: the right ones, r rows of length m.
    """

    model: DeepLinear
    point: tuple[Rational, ...]
    mus: tuple[Rational, ...]
    roots: tuple[Rational, ...]
    left: Rows
    right: Rows

    @property
    def shifts(self) -> tuple[Rational, ...]:
        """``tau_j = mu_1 + ... + mu_(j-1)``: the squared singular values of U_j are ``x - tau_j``."""
        return tuple(accumulate(self.mus, initial=0))

    @property
    def squares(self) -> tuple[Fraction, ...]:
        """The squared singular values of Z, one for each direction."""
        found: list[Fraction] = []
        for x in self.roots:
            value = Fraction(1)
            for tau in self.shifts:
                value *= x - tau
            found.append(value)
        return tuple(found)


def relaxed_point(model: DeepLinear, *, balanced: bool = False, seed: int = 0) -> RelaxedPoint:
    """A point with drawn balances, not all zero, or with all of them zero.

    Args:
        model: all hidden widths are equal and at most both outer ones; any widths for ``balanced``.
        balanced: all balances are zero.
        seed: of the choices.

    Raises:
        BadInput: other widths.
        TooLarge: products of such matrices are too large to be made.
    """
    random = Random(seed)
    rank, depth = min(model.widths), len(model.widths) - 1
    if balanced:
        sizes = [[Fraction(random.randint(1, 8), random.randint(3, 6))] * depth for _ in range(rank)]
    else:
        sizes = _drawn(depth, rank, random)
    return point_of_sizes(model, sizes, seed=seed)


def point_of_sizes(model: DeepLinear, sizes: Sequence[Sequence[Rational]], *, seed: int = 0) -> RelaxedPoint:
    """A point with given singular values.

    Args:
        model: its hidden widths are all ``len(sizes)``, or the balances come out as zero.
        sizes: for each direction the singular values of U_1, ..., U_L, of any sign.
        seed: of the rotations.

    Raises:
        BadInput: the balance is not a multiple of the identity with these.
    """
    widths, random = model.widths, Random(seed)
    check_work(widths, model.spec)
    squares = [[Fraction(s) ** 2 for s in row] for row in sizes]
    mus = tuple(tidy(p - q) for p, q in pairwise(squares[0]))
    common = all([tidy(p - q) for p, q in pairwise(row)] == list(mus) for row in squares)
    fits = len(sizes) <= min(widths) and all(width == len(sizes) for width in widths[1:-1] if any(mus))
    if not common or not fits or any(len(row) != len(widths) - 1 for row in sizes):
        raise BadInput(
            f"{model.spec} has no relaxed balance with these singular values: their squares must have the same "
            "differences from layer to layer in every direction, and unless these are zero every hidden layer must "
            "have one neuron for each direction, and both ends at least as many."
        )
    turns = [_orthogonal(width, random) for width in widths]
    point: list[Rational] = []
    for j, (left, right) in enumerate(pairwise(turns)):
        for row in left:
            scaled = [a * sizes[i][j] for i, a in enumerate(row[: len(sizes)])]
            point += [tidy(sum((a * b for a, b in zip(scaled, other, strict=False)), Fraction(0))) for other in right]
    outer: list[Rows] = [tuple(zip(*Q, strict=True))[: len(sizes)] for Q in (turns[0], turns[-1])]
    return RelaxedPoint(model, tuple(point), mus, tuple(tidy(row[0]) for row in squares), *outer)


def _orthogonal(size: int, random: Random) -> list[list[Fraction]]:
    """The product of two reflections along small whole vectors."""
    rows = [[Fraction(i == j) for j in range(size)] for i in range(size)]
    for _ in range(2 if size > 1 else 0):
        v = [random.randint(-2, 2) for _ in range(size)]
        norm = sum(x * x for x in v)
        for k, row in enumerate(rows[: size if norm else 0]):
            along = sum((x * y for x, y in zip(row, v, strict=True)), Fraction(0))
            rows[k] = [x - 2 * along * y / norm for x, y in zip(row, v, strict=True)]
    return rows


def _drawn(depth: int, rank: int, random: Random) -> list[list[Fraction]]:
    """Singular values of order one, a row for each direction; more than three directions repeat."""
    if rank == 1:
        return [_varied([Fraction(w, 6) for w in range(2, 10)], depth, random)]
    if rank == 2:
        # a^2 - b^2 = (a - b)(a + b) = d for a, b = (d/u +- u)/2, the same for d/u; b not much smaller than a
        d = Fraction(random.randint(4, 12), 8)
        kept = [u for u in (Fraction(w, 8) for w in range(3, 13)) if 5 * (d / u - u) >= d / u + u]
        us = _varied(kept, depth, random)
        table = [[(d / u + u) / 2 for u in us], [(d / u - u) / 2 for u in us]]
        longest = max(table[0])
        return [[x * Fraction(3, 2) / longest for x in row] for row in table] if longest > 2 else table
    chosen = _varied(random.choice(_triples()), depth, random)
    largest = max(a for a, _, _ in chosen)
    return [[Fraction(3 * triple[i % 3], 2 * largest) for triple in chosen] for i in range(rank)]


def _varied(values: Sequence[_T], count: int, random: Random) -> list[_T]:
    """Draws from at least two distinct ``values``: not all the same, so that some balance is not zero."""
    drawn = [random.choice(values) for _ in range(count)]
    while count > 1 and len(set(drawn)) == 1:
        drawn[random.randrange(count)] = random.choice(values)
    return drawn


@cache
def _triples() -> tuple[tuple[tuple[int, int, int], ...], ...]:
    """Sets of ``a > b > c > 0`` that share ``a^2 - b^2`` and ``a^2 - c^2``, at least two in each."""
    found: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for a in range(3, _SIDE):
        for b in range(2, a):
            for c in range(1, b):
                found.setdefault((a * a - b * b, a * a - c * c), []).append((a, b, c))
    # ratios up to 8 keep the smallest singular value away from the errors of the largest
    kept = ([t for t in group if t[0] <= 8 * t[2]] for group in found.values())
    return tuple(tuple(group) for group in kept if len(group) > 1)
