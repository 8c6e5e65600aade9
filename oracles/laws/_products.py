"""Which laws are new: the quotient of the laws of one degree by products of laws of lower degree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from flint import fmpz_mat

from ..errors import TooLarge
from ..polynomials import Polynomial
from ._evaluate import PRIME, rank_modulo_prime, terms
from ._flat import Exact

CELLS = 5_000_000
"""The largest number of values, polynomials times points, that are compared in one degree."""

_RANGE = 7
_SPARE = 8


def products(generators: Sequence[tuple[int, int]], degree: int, exact: bool) -> Iterator[tuple[int, ...]]:
    """Multisets of generators, each as ascending numbers, whose degrees add up to ``degree`` (or to at most that).

    ``generators`` are pairs (number, degree). A single generator counts as a product where ``exact`` is false.
    """

    def extend(chosen: tuple[int, ...], start: int, left: int) -> Iterator[tuple[int, ...]]:
        if chosen and (left == 0 if exact else True) and (len(chosen) > 1 or not exact):
            yield chosen
        for position in range(start, len(generators)):
            number, size = generators[position]
            if size <= left:
                yield from extend((*chosen, number), position, left - size)

    return extend((), 0, degree)


def new_generators(
    basis: Sequence[Polynomial],
    lower: Sequence[tuple[int, Polynomial]],
    degree: int,
    parameters: int,
    *,
    exact_degree: bool,
    name: str,
) -> tuple[Polynomial, ...]:
    """Those of ``basis`` that, together with products of ``lower`` laws (degree, law), span the space of ``basis``.

    Evaluation at random integer points that is injective on the space of the laws (a rank modulo a prime shows it)
    turns laws into vectors and products of laws into products of numbers; ranks of these are exact, over Q.

    Raises:
        TooLarge: more than ``CELLS`` values.
    """
    if not basis or not lower:
        return tuple(basis)
    cells = len(basis) + _SPARE
    chosen: list[tuple[int, ...]] = []
    for product in products([(i, size) for i, (size, _) in enumerate(lower)], degree, exact_degree):
        chosen.append(product)
        if (len(chosen) + len(basis)) * cells > CELLS:
            raise TooLarge(
                f"{name}: in degree {degree} there are {len(basis)} laws to be compared with more than "
                f"{len(chosen) - 1} products of the {len(lower)} lower generators; at most {CELLS} values are "
                "supported. Ask for a lower degree."
            )
    if not chosen:
        return tuple(basis)
    of_basis, of_lower = _values(basis, [law for _, law in lower], parameters)
    residues = (of_lower % PRIME).astype(np.int64)
    if rank_modulo_prime(np.array([_product(residues, product, PRIME) for product in chosen])) == len(basis):
        return ()
    exact = of_lower.astype(object)
    columns = np.concatenate([np.array([_product(exact, product) for product in chosen]), of_basis]).T
    points, width = columns.shape
    reduced, _, rank = fmpz_mat(points, width, columns.ravel().tolist()).rref()
    pivots: list[int] = []
    for column in range(width):
        if len(pivots) < rank and reduced[len(pivots), column] != 0:
            pivots.append(column)
    return tuple(basis[pivot - len(chosen)] for pivot in pivots if pivot >= len(chosen))


def _product(values: Exact, numbers: tuple[int, ...], prime: int = 0) -> Exact:
    total: Exact = values[numbers[0]]
    for number in numbers[1:]:
        total = total * values[number]
        if prime:
            total %= prime
    return total


def _values(basis: Sequence[Polynomial], lower: Sequence[Polynomial], parameters: int) -> tuple[Exact, Exact]:
    """Exact values of both lists at the same random points, which tell apart all combinations of ``basis``."""
    of_basis, of_lower = terms(basis, parameters), terms(lower, parameters)
    for seed in range(100):
        random = np.random.default_rng(seed)
        points = random.integers(-_RANGE, _RANGE + 1, (len(basis) + _SPARE, parameters))
        values = of_basis.values(points)
        if rank_modulo_prime(values) == len(basis):
            return values, of_lower.values(points)
    raise AssertionError("the laws of the basis are independent, so random points tell them apart")
