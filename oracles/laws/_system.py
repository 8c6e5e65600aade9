"""The sparse linear system whose kernel is the space of polynomial laws (A1.alg.polynomial-laws).

Unknowns are the coefficients of the monomials ``mu``. For each coordinate ``f_j``, term ``c_t x^t`` of it and variable
``e`` in both, ``<grad h, grad f_j>`` has the entry ``mu_e t_e c_t`` in front of the monomial ``mu + t - 2e``: there is
one equation for each pair (j, monomial).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._flat import Exact, FlatMap, Integers, Keys


class Collision(Exception):
    """Two different things got the same random name: draw again."""


def monomials(parameters: int, degree: int) -> Integers:
    """All monomials of one degree as columns of ascending variables, in lexicographic order: shape (degree, count)."""
    table: Integers = np.arange(parameters, dtype=np.int64)[None, :]
    for _ in range(degree - 1):
        last = table[-1]
        choices = parameters - last
        end = np.cumsum(choices)
        parent = np.repeat(np.arange(len(last)), choices)
        added = np.arange(int(end[-1])) + np.repeat(parameters - end, choices)
        table = np.concatenate([table[:, parent], added[None, :]])
    return table


@dataclass(frozen=True, slots=True)
class Names:
    """64-bit names of monomials: the sum of the names of their variables, modulo 2^64.

    With random names of variables two monomials rarely collide; with powers of a base, a field of bits for each of a
    few variables, names tell the exact exponents of these variables.
    """

    variable: Keys
    occurrence: Keys

    def of(self, columns: Integers) -> Keys:
        """The names of the monomials ``columns``; a variable number of D stands for nothing."""
        total: Keys = self.variable[columns[0]]
        for row in columns[1:]:
            total = total + self.variable[row]
        return total


def names(flat: FlatMap, variable: Keys, coordinate: Keys | None = None) -> Names:
    """Names made of those of variables and coordinates.

    The name of (j, ``mu + t - 2e``) is the name of ``mu`` plus that of the occurrence of ``e`` in the term t of f_j.
    """
    occurrence = np.zeros(len(flat.term), dtype=np.uint64)
    if len(flat.term):
        order = np.argsort(flat.term, kind="stable")
        parts = (flat.exponent.astype(np.uint64) * variable[flat.variable])[order]
        terms = np.add.reduceat(parts, np.flatnonzero(np.diff(flat.term[order], prepend=-1)))
        if coordinate is not None:
            terms = terms + coordinate[flat.owner]
        occurrence = terms[flat.term] - 2 * variable[flat.variable]
    return Names(np.append(variable, np.uint64(0)), occurrence)


def random_names(flat: FlatMap, seed: int) -> Names:
    """Random names for variables and coordinates."""
    coordinates = int(flat.owner.max(initial=-1)) + 1
    drawn = np.random.default_rng(seed).integers(0, 2**64, flat.parameters + coordinates, dtype=np.uint64)
    return names(flat, drawn[: flat.parameters], drawn[flat.parameters :])


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries of a sparse matrix, sorted by row; no two of them share row and unknown."""

    row: Integers | Keys
    unknown: Integers
    value: Exact


@dataclass(frozen=True, slots=True)
class Expansion:
    """One item for each monomial ``mu``, variable ``e`` in it, and occurrence of ``e`` in ``phi``."""

    monomial: Integers
    multiplicity: Integers
    occurrence: Integers


def expand(columns: Integers, flat: FlatMap) -> Expansion:
    """The items of the monomials ``columns`` (degree x n); entries D stand for nothing and come last in a column."""
    count = np.append(np.diff(flat.first), 0)
    parts: list[tuple[Integers, Integers, Integers]] = []
    for position, entries in enumerate(columns):
        where = np.arange(len(entries)) if position == 0 else np.flatnonzero(entries != columns[position - 1])
        variable = entries[where]
        multiplicity = np.ones(len(where), dtype=np.int64)
        for later in columns[position + 1 :]:
            multiplicity += later[where] == variable
        times = count[variable]
        end = np.cumsum(times)
        within = np.arange(int(times.sum())) + np.repeat(flat.first[variable] - end + times, times)
        parts.append((np.repeat(where, times), np.repeat(multiplicity, times), within))
    return Expansion(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def equations(columns: Integers, flat: FlatMap, seed: int) -> Entries:
    """The system for the monomials ``columns`` (degree x n).

    Equations are told apart by random names. Two that collide are added up, which can only enlarge the kernel.
    """
    drawn = random_names(flat, seed)
    items = expand(columns, flat)
    row = drawn.of(columns)[items.monomial] + drawn.occurrence[items.occurrence]
    value = items.multiplicity * flat.slope[items.occurrence]
    order = np.argsort(row)
    row, unknown, value = row[order], items.monomial[order], value[order]
    if flat.square_free:  # then no two items share row and monomial
        return Entries(row, unknown, value)
    return added_up(np.cumsum(starts(row), dtype=np.int64), unknown, value)


def added_up(row: Integers, unknown: Integers, value: Exact) -> Entries:
    """Entries sorted by row and unknown, those of the same place added up, zeros removed. Rows are given in order."""
    order = np.argsort(row * (int(unknown.max(initial=0)) + 1) + unknown)
    row, unknown, value = row[order], unknown[order], value[order]
    fresh = starts(row) | starts(unknown)
    total = np.add.reduceat(value, np.flatnonzero(fresh)) if len(value) else value
    kept = total != 0
    return Entries(row[fresh][kept], unknown[fresh][kept], total[kept])


def starts(values: Integers | Keys) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where a run of equal values begins."""
    start = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=start[1:])
    return start
