"""A direction in ``K_1 = ker dphi cap ker dh`` along which the metric changes, with short exact entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, cast

import numpy as np

from ...lie._residues import pivots
from ...models import DeepLinear
from ...polynomials import Rational
from ..linear.matrices import from_flint, primitive, whole_matrix
from .geometry import Geometry, jacobian_rows, law_gradients
from .kernels import exact_kernel
from .local import Local, matrices
from .probe import Entry, moving_entry, moving_residues
from .residues import Residues, prime_for, reconstructed, reduced, residue
from .rotations import PLANES, outer_direction, outer_rotations

if TYPE_CHECKING:
    from flint import fmpq_mat

_BASIS, _LIFT = 64, 400
"""Parameters up to which all of K_1 is written out with short entries, and up to which one vector is lifted."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A direction in K_1 along which the metric changes.

    Attributes:
        vector: D rationals.
        coordinates: (i, j), numbers in ``model.coordinates()``.
        derivative: of M_ij along the vector, not zero.
    """

    vector: tuple[Rational, ...]
    coordinates: Entry
    derivative: Rational


def witness(geometry: Geometry) -> Witness | None:
    """A direction in K_1 along which M changes, with short entries where one is found; None where none is found."""
    setting, point = geometry.setting, geometry.point
    model = setting.model
    for vector in _candidates(geometry):
        entry = moving_entry(setting, point, vector)
        if entry is not None:
            derivative = Local(model, point).derivative(*entry, vector)
            if derivative:
                return Witness(tuple(vector), entry, derivative)
    return None


def _candidates(geometry: Geometry) -> Iterator[Sequence[Rational]]:
    setting, point = geometry.setting, geometry.point
    model = setting.model
    outer: list[list[Rational]] = []
    if isinstance(model, DeepLinear):
        factors = matrices(model, point)
        outer = [outer_direction(model, factors, pair) for pair in islice(outer_rotations(model, point), 3 * PLANES)]
    if setting.parameters <= _BASIS:
        yield from sorted([*outer, *kernel_basis(geometry)], key=_length)
        return
    yield from outer
    if setting.parameters <= _LIFT:
        lifted = _lifted(geometry)
        if lifted is not None:
            yield lifted


def _length(vector: Sequence[Rational]) -> Fraction:
    return sum((abs(Fraction(value)) for value in vector), Fraction(0))


def kernel_basis(geometry: Geometry) -> list[list[Rational]]:
    """A basis over Q of K_1 with short entries; for up to 64 parameters."""
    return exact_kernel(_rows(geometry), geometry.setting.parameters)


def _rows(geometry: Geometry) -> list[dict[int, Rational]]:
    local = Local(geometry.setting.model, geometry.point)
    rows = [local.gradient(i) for i in range(local.size)] + law_gradients(geometry.setting, geometry.point)
    return [row for row in rows if row]


def _lifted(geometry: Geometry) -> list[Rational] | None:
    """One vector of K_1 over Q whose residues change M: chosen modulo a prime, then solved for exactly."""
    setting, prime = geometry.setting, prime_for(geometry.point)
    if prime is None:
        return None
    point = residue(geometry.point, prime)
    found = reduced(np.concatenate([jacobian_rows(setting, point, prime), setting.law_rows(point, prime)]), prime)
    if len(found.free) != geometry.kernel_dimension:  # the rank fell modulo the prime: residues mean nothing
        return None
    draw = np.random.default_rng(0)
    for _ in range(2):
        mixed = found.vector(draw.integers(prime, size=len(found.free)))
        if moving_residues(setting, point, mixed, prime) is not None:
            break
    else:  # no direction of K_1 changes M, but for bad luck
        return None
    for place in range(len(found.free)):
        vector = found.vector([int(k == place) for k in range(len(found.free))])
        if moving_residues(setting, point, vector, prime) is not None:
            return reconstructed(vector, prime) or _solved(geometry, found.pivots, found.free[place], prime)
    return None


def _solved(geometry: Geometry, columns: Sequence[int], free: int, prime: int) -> list[Rational]:
    """The kernel vector with 1 at the column ``free`` and 0 at the other free ones."""
    from flint import fmpz_mat

    rows = _rows(geometry)
    whole = whole_matrix(rows, geometry.setting.parameters)
    entries: list[list[int]] = [[int(x) for x in row] for row in whole.tolist()]
    residues: Residues = np.array([[x % prime for x in row] for row in entries], dtype=np.int64)
    chosen = sorted(pivots(residues[:, list(columns)], prime)[0])
    square = fmpz_mat([[entries[i][j] for j in columns] for i in chosen])
    right = fmpz_mat([[-entries[i][free]] for i in chosen])
    solution = from_flint(cast("fmpq_mat", square.solve(right)))  # pyright: ignore[reportUnknownMemberType]
    out: list[Rational] = [0] * geometry.setting.parameters
    out[free] = 1
    for k, column in enumerate(columns):
        out[column] = solution[k][0]
    return primitive(out)
