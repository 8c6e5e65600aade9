"""The exact check: that polynomials found by the search are laws, as identities over Z."""

from __future__ import annotations

import numpy as np

from ._flat import FlatMap, Integers, Keys
from ._search import Vectors
from ._system import Collision, expand, names, random_names, starts

_ITEMS = 2**22
"""Items of an expansion that are held at once."""


def violations(columns: Integers, vectors: Vectors, flat: FlatMap, seed: int) -> list[int]:
    """The numbers of the vectors that are no laws of the map.

    ``columns`` (degree x n) are monomials, a vector gives the coefficients of a polynomial in them. All products
    ``<grad h, grad f_j>`` are expanded with exact integers. Their monomials are grouped by random names, and within
    each group the coordinate, the polynomial and every exponent are compared, so no hash decides anything.

    Raises:
        Collision: two different monomials share their name under this seed.
    """
    times = np.diff(flat.first)
    cost = np.cumsum(np.append(times, 0)[columns[:, vectors.unknown]].sum(axis=0))
    cuts = np.searchsorted(cost, np.arange(_ITEMS, int(cost[-1]) if len(cost) else 0, _ITEMS))
    begin = np.flatnonzero(starts(vectors.vector))
    cuts = np.unique(begin[np.searchsorted(begin, cuts, side="right") - 1]) if len(begin) else cuts
    bad: list[int] = []
    for low, high in zip([0, *cuts.tolist()], [*cuts.tolist(), len(vectors.vector)], strict=True):
        if low < high:
            bad += _violations(columns, vectors, slice(low, high), flat, seed)
    return bad


def _violations(columns: Integers, vectors: Vectors, part: slice, flat: FlatMap, seed: int) -> list[int]:
    vector, columns, coefficient = vectors.vector[part], columns[:, vectors.unknown[part]], vectors.value[part]
    items = expand(columns, flat)
    if not len(items.monomial):
        return []
    drawn = random_names(flat, seed)
    label = np.random.default_rng([seed, 1]).integers(0, 2**64, vectors.count, dtype=np.uint64)
    name = (drawn.of(columns) + label[vector])[items.monomial] + drawn.occurrence[items.occurrence]
    largest = max(abs(int(coefficient.max())), abs(int(coefficient.min()))) * len(columns) * flat.largest_slope
    if largest * len(name) >= 2**63:
        coefficient = coefficient.astype(object)
    order = np.argsort(name)
    monomial, occurrence = items.monomial[order], items.occurrence[order]
    value = coefficient[monomial] * items.multiplicity[order] * flat.slope[occurrence]
    fresh = starts(name[order])
    inside = ~fresh
    _same_within(vector[monomial], inside)
    _same_within(flat.owner[flat.term[occurrence]], inside)
    for variable in _exponents(columns, flat):
        exact_names = names(flat, variable)
        _same_within(exact_names.of(columns)[monomial] + exact_names.occurrence[occurrence], inside)
    total = np.add.reduceat(value, np.flatnonzero(fresh))
    wrong: list[int] = np.unique(vector[monomial[fresh][total != 0]]).tolist()
    return wrong


def _same_within(values: Integers | Keys, inside: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
    if (values[1:] != values[:-1])[inside[1:]].any():
        raise Collision


def _exponents(columns: Integers, flat: FlatMap) -> list[Keys]:
    """Names of variables that give each exponent a field of bits of its own: together they tell monomials apart."""
    highest = len(columns) + int(flat.exponent.max(initial=1))
    bits = highest.bit_length()
    fields = 64 // bits
    used = np.unique(np.concatenate([columns.ravel(), flat.variable]))
    used = used[used < flat.parameters]
    out: list[Keys] = []
    for low in range(0, len(used), fields):
        part = used[low : low + fields]
        variable = np.zeros(flat.parameters, dtype=np.uint64)
        variable[part] = np.uint64(1) << (np.arange(len(part), dtype=np.uint64) * np.uint64(bits))
        out.append(variable)
    return out
