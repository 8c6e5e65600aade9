"""All laws of one degree of an explicit polynomial map, by the sparse system, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import comb

import numpy as np

from ..errors import FlowlawError, TooLarge
from ..polynomials import Monomial, Polynomial
from ._flat import FlatMap, Integers
from ._gradings import classes
from ._identity import violations
from ._search import Vectors, kernel
from ._system import Collision, equations, monomials

UNKNOWNS = 3_000_000
"""The largest number of monomials."""

ITEMS = 200_000_000
"""The largest number of items of the system: monomial, variable of it, term of ``phi`` containing that variable."""

CHUNK = 1_000_000
"""Items that are worked on at once, about 100 bytes each, where sign symmetries split the system."""

LARGEST_CHUNK = 12_000_000
"""Items of one class of sign symmetry, which cannot be split."""

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Solution:
    """A basis of the laws and the size of the system it solves."""

    laws: tuple[Polynomial, ...]
    unknowns: int
    items: int


def solve(flat: FlatMap, degree: int, name: str) -> Solution:
    """The laws of degree ``degree``; of degree at most ``degree`` if some coordinate mixes degrees.

    Raises:
        TooLarge: the system would not fit into the limits of this module.
    """
    unknowns, items = check_size(flat, degree, name)
    found: list[Polynomial] = []
    for columns in _chunks(flat, degree, items, name):
        found += _polynomials(columns, _exact_kernel(columns, flat, name), flat.parameters)
    return Solution(tuple(sorted(found, key=_order)), unknowns, items)


def check_size(flat: FlatMap, degree: int, name: str) -> tuple[int, int]:
    """The number of unknowns and of items of the system, counted without building it.

    Raises:
        TooLarge: one of them is above its limit.
    """
    unknowns = items = 0
    for k in [degree] if flat.homogeneous else range(1, degree + 1):
        unknowns += comb(flat.parameters + k - 1, k)
        items += comb(flat.parameters + k - 2, k - 1) * len(flat.term)
    if unknowns > UNKNOWNS or items > ITEMS:
        raise TooLarge(
            f"{name}: the laws of degree {degree} have {_short(unknowns)} unknown coefficients and a system of about "
            f"{_short(items)} entries; at most {UNKNOWNS} and {ITEMS} are supported. "
            "Ask for a lower degree, or take a smaller network of the same kind."
        )
    return unknowns, items


def _chunks(flat: FlatMap, degree: int, items: int, name: str) -> Iterator[Integers]:
    """The unknown monomials (degree x n), split into parts that share no equation."""
    parts = [monomials(flat.parameters, k) for k in ([degree] if flat.homogeneous else range(1, degree + 1))]
    padded = [np.pad(part, ((0, degree - len(part)), (0, 0)), constant_values=flat.parameters) for part in parts]
    columns = np.concatenate(padded, axis=1) if len(padded) > 1 else padded[0]
    if items <= CHUNK:
        yield columns
        return
    order, begin = classes(columns, flat)
    count = np.append(np.diff(flat.first), 0)
    weight = np.add.reduce([count[row] for row in columns])
    ends = np.cumsum(weight[order])[np.append(begin[1:], len(order)) - 1]
    if (largest := int(np.diff(ends, prepend=0).max())) > LARGEST_CHUNK:
        raise TooLarge(
            f"{name}: in degree {degree} sign symmetries leave a block of {_short(largest)} entries; at most "
            f"{LARGEST_CHUNK} are supported. Ask for a lower degree, or take a smaller network of the same kind."
        )
    low = 0
    while low < len(begin):
        done = int(ends[low - 1]) if low else 0
        high = max(low + 1, int(np.searchsorted(ends, done + CHUNK, side="right")))
        yield columns[:, order[begin[low] : begin[high] if high < len(begin) else len(order)]]
        low = high


def _exact_kernel(columns: Integers, flat: FlatMap, name: str) -> Vectors:
    """A basis of the kernel over Q, each vector checked as a polynomial identity.

    The system that was solved contains only consequences of the true one, so its kernel contains all laws; if all its
    vectors are laws, it is the space of laws.

    Raises:
        FlowlawError: vectors of the kernel are no laws, draw after draw: a defect of the search.
    """
    for seed in range(_ATTEMPTS):
        with suppress(Collision):
            vectors = kernel(equations(columns, flat, seed), columns.shape[1], seed)
            if not violations(columns, vectors, flat, seed):
                return vectors
    raise FlowlawError(
        f"{name}: polynomials that solve the system for the laws did not pass their check as identities, in "
        f"{_ATTEMPTS} attempts. Nothing is claimed about this model. This is a defect of flowlaw; please report it."
    )


def _polynomials(columns: Integers, vectors: Vectors, parameters: int) -> list[Polynomial]:
    used, place = np.unique(vectors.unknown, return_inverse=True)
    known = [_monomial(column, parameters) for column in columns[:, used].T.tolist()]
    terms: list[dict[Monomial, int]] = [{} for _ in range(vectors.count)]
    order = np.lexsort((vectors.unknown, vectors.vector))
    entries = zip(vectors.vector[order].tolist(), place[order].tolist(), vectors.value[order].tolist(), strict=True)
    for vector, monomial, value in entries:
        terms[vector][known[monomial]] = value
    return [Polynomial(polynomial) for polynomial in terms]


def _monomial(variables: list[int], parameters: int) -> Monomial:
    powers: dict[int, int] = {}
    for variable in variables:
        if variable < parameters:
            powers[variable] = powers.get(variable, 0) + 1
    return tuple(powers.items())


def _order(law: Polynomial) -> tuple[int, list[tuple[int, ...]], list[int]]:
    """Lower degree first, then by monomials written out as lists of variables."""
    words = [tuple(variable for variable, exponent in monomial for _ in range(exponent)) for monomial in law.terms]
    return law.degree, words, [int(c) for c in law.terms.values()]


def _short(count: int) -> str:
    return str(count) if count < 10**12 else f"about 10^{len(str(count)) - 1}"
