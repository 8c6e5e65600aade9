"""Where the metric differs: a search modulo a prime for an entry M_ij that changes along a direction or between points.

A residue that is not zero shows that the exact number is not zero; all residues zero shows nothing. Exact values are
taken by ``Local``, and believed after the kernel has computed them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, islice

import numpy as np

from ...kernel._flow import generators
from ...models import DeepLinear
from ...polynomials import Rational
from .local import matrices
from .residues import Residues, prime_for, residue
from .setting import Setting

_COORDINATES = 400
"""Coordinates whose metric is compared, of a model that is not linear."""
_FILTERS = 2
_PAIRS = 2_000
"""Pairs of inputs for which all pairs of outputs of a linear model are compared."""

Entry = tuple[int, int]
Factors = list[Residues]


def moving_entry(setting: Setting, point: Sequence[Rational], direction: Sequence[Rational]) -> Entry | None:
    """Coordinates i <= j such that ``dM_ij`` along ``direction`` is not zero; None if none was seen."""
    prime = prime_for([*point, *direction])
    if prime is None:
        return None
    at, along = residue(point, prime), residue(direction, prime)
    return moving_residues(setting, at, along, prime)


def moving_residues(setting: Setting, point: Residues, direction: Residues, prime: int) -> Entry | None:
    """The same for a point and a direction modulo ``prime``."""
    model = setting.model
    if isinstance(model, DeepLinear):
        sides = _sides(model, point, prime)
        # a product of matrices moves along a line like a polynomial of degree L in the step: differentiate its factors
        changes = _moved_sides(model, point, direction, prime)
        parts = [(dA, B) for (dA, _), (_, B) in zip(changes, sides, strict=True)]
        parts += [(A, dB) for (A, _), (_, dB) in zip(sides, changes, strict=True)]
        return _first_entry(parts, prime)
    program = setting.form().program(prime)
    chosen = range(min(program.dimension, _COORDINATES))
    slopes, change = generators(program, np.stack([point, direction]), chosen)
    half = slopes @ change.T % prime
    return _first((half + half.T) % prime)


def differing_entry(setting: Setting, first: Sequence[Rational], second: Sequence[Rational]) -> Entry | None:
    """Coordinates i <= j whose M_ij differs at two points; None if none was seen."""
    prime = prime_for([*first, *second])
    if prime is None:
        return None
    a, b = residue(first, prime), residue(second, prime)
    model = setting.model
    if isinstance(model, DeepLinear):
        parts = _sides(model, b, prime)
        parts += [(prime - A, B) for A, B in _sides(model, a, prime)]
        return _first_entry(parts, prime)
    program = setting.form().program(prime)
    chosen = range(min(program.dimension, _COORDINATES))
    at_a, at_b = (generators(program, point[None], chosen)[0] for point in (a, b))
    return _first((at_b @ at_b.T - at_a @ at_a.T) % prime)


def _first(matrix: Residues) -> Entry | None:
    rows, columns = np.triu(matrix).nonzero()
    return (int(rows[0]), int(columns[0])) if len(rows) else None


def _first_entry(parts: Sequence[tuple[Residues, Residues]], prime: int) -> Entry | None:
    """The first entry that is not zero of the sum of the Kronecker products of the parts, as two coordinates."""
    inputs = len(parts[0][1])
    draw = np.random.default_rng(0)
    for attempt in range(_FILTERS):  # a sum that is not zero shows in nearly every combination of the columns
        x, y = draw.integers(prime, size=(2, inputs))
        if _weighted(parts, [int((x * (right @ y % prime) % prime).sum() % prime) for _, right in parts], prime).any():
            break
        if attempt == _FILTERS - 1:
            return None
    for j, k in _pairs(inputs):
        total = _weighted(parts, [int(right[j, k]) for _, right in parts], prime)
        rows, columns = total.nonzero()
        if len(rows):
            first, second = int(rows[0]) * inputs + j, int(columns[0]) * inputs + k
            return min(first, second), max(first, second)
    return None


def _weighted(parts: Sequence[tuple[Residues, Residues]], weights: Sequence[int], prime: int) -> Residues:
    total = np.zeros_like(parts[0][0])
    for (left, _), weight in zip(parts, weights, strict=True):
        total = (total + left * weight) % prime
    return total


def _pairs(size: int) -> Iterator[tuple[int, int]]:
    yield from ((j, j) for j in range(min(size, _PAIRS)))
    yield from islice(combinations(range(size), 2), _PAIRS)


def _products(model: DeepLinear, factors: Factors, prime: int) -> tuple[Factors, Factors]:
    """The products of what is left, and of what is right, of each factor; of the coordinates that a loss sees."""
    n = model.widths[0] - model.logits
    seen = np.eye(n, model.widths[0], dtype=np.int64)
    if model.logits:
        seen[:, -1] = prime - 1
    left = [seen]
    for factor in factors[:-1]:
        left.append(left[-1] @ factor % prime)
    right = [np.eye(model.widths[-1], dtype=np.int64)]
    for factor in factors[:0:-1]:
        right.append(factor @ right[-1] % prime)
    return left, right[::-1]


def _sides(model: DeepLinear, point: Residues, prime: int) -> list[tuple[Residues, Residues]]:
    """A_a and B_a with ``M = sum_a A_a (x) B_a``: one pair for each layer."""
    left, right = _products(model, _factors(model, point), prime)
    return [(a @ a.T % prime, b.T @ b % prime) for a, b in zip(left, right, strict=True)]


def _moved_sides(
    model: DeepLinear, point: Residues, direction: Residues, prime: int
) -> list[tuple[Residues, Residues]]:
    """The derivatives of A_a and B_a along the direction."""
    factors, changes = _factors(model, point), _factors(model, direction)
    left, right = _products(model, factors, prime)
    moved = np.zeros_like(left[0])
    of_left = [moved]
    for k in range(len(factors) - 1):
        moved = (moved @ factors[k] + left[k] @ changes[k]) % prime
        of_left.append(moved)
    moved = np.zeros_like(right[-1])
    of_right = [moved]
    for k in range(len(factors) - 1, 0, -1):
        moved = (factors[k] @ moved + changes[k] @ right[k]) % prime
        of_right.append(moved)
    of_right.reverse()
    out: list[tuple[Residues, Residues]] = []
    for a, da, b, db in zip(left, of_left, right, of_right, strict=True):
        half, other = da @ a.T % prime, db.T @ b % prime
        out.append(((half + half.T) % prime, (other + other.T) % prime))
    return out


def _factors(model: DeepLinear, point: Residues) -> Factors:
    return [np.array(factor, dtype=np.int64) for factor in matrices(model, point.tolist())]
