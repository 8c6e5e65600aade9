"""A polynomial map as flat arrays: what the sparse system and the exact check read instead of dictionaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np
import numpy.typing as npt

from ..polynomials import Polynomial

Integers = npt.NDArray[np.int64]
Exact = npt.NDArray[Any]
"""Exact integers: ``int64`` where a bound shows that nothing overflows, Python's ``int`` otherwise."""
Keys = npt.NDArray[np.uint64]

_SMALL = 2**26


@dataclass(frozen=True, slots=True)
class FlatMap:
    """The terms of ``phi``, coordinate by coordinate, and where each variable occurs in them.

    Coordinates are scaled to integer coefficients and lose their constant terms: neither changes a law. An occurrence
    is a pair (variable, term containing it). Occurrences are sorted by variable: those of ``e`` are numbered from
    ``first[e]`` to ``first[e + 1] - 1``.

    Attributes:
        parameters: D.
        owner: the coordinate of each term, shape (T,).
        first: shape (D + 1,).
        variable, term, exponent: of each occurrence, shape (I,).
        slope: coefficient of the term times the exponent of the variable, of each occurrence.
        homogeneous: whether each coordinate is homogeneous; then laws split by degree.
    """

    parameters: int
    owner: Integers
    first: Integers
    variable: Integers
    term: Integers
    exponent: Integers
    slope: Exact
    homogeneous: bool

    @property
    def square_free(self) -> bool:
        return int(self.exponent.max(initial=1)) == 1

    @property
    def largest_slope(self) -> int:
        return max(int(self.slope.max(initial=0)), -int(self.slope.min(initial=0)))


def flatten(coordinates: Sequence[Polynomial], parameters: int) -> FlatMap:
    """The flat form of the map with these coordinates in ``parameters`` variables."""
    owner: list[int] = []
    coefficients: list[int] = []
    supports: list[tuple[tuple[int, int], ...]] = []
    for index, coordinate in enumerate(coordinates):
        terms = coordinate.terms
        scale = lcm(*[c.denominator for c in terms.values()])
        supports += [monomial for monomial in terms if monomial]
        coefficients += [int(c * scale) for monomial, c in terms.items() if monomial]
        owner += [index] * (len(supports) - len(owner))
    size = np.array([len(support) for support in supports], dtype=np.int64)
    pairs = np.array([pair for support in supports for pair in support], dtype=np.int64).reshape(-1, 2)
    order = np.argsort(pairs[:, 0], kind="stable")
    term = np.repeat(np.arange(len(supports)), size)[order]
    variable, exponent = np.ascontiguousarray(pairs[order].T)
    degree = np.add.reduceat(pairs[:, 1], np.cumsum(size) - size) if len(size) else size
    owners = np.array(owner, dtype=np.int64)
    same = owners[1:] == owners[:-1]
    highest = int(exponent.max(initial=1))
    small = max(map(abs, coefficients), default=0) * highest < _SMALL
    coefficient = np.array(coefficients, dtype=np.int64 if small else object)
    return FlatMap(
        parameters=parameters,
        owner=owners,
        first=np.searchsorted(variable, np.arange(parameters + 1)),
        variable=variable,
        term=term,
        exponent=exponent,
        slope=coefficient[term] * exponent,
        homogeneous=bool((degree[1:] == degree[:-1])[same].all()),
    )
