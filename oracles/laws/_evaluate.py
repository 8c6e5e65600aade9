"""Values and gradients of many polynomials at many integer points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np
from flint import nmod_mat

from ..polynomials import Polynomial
from ._flat import Exact, Integers

PRIME = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of several polynomials, scaled to integers: column i of ``factors`` lists the variables of term i.

    ``factors`` has shape (highest degree, terms); shorter terms are filled up with D, which stands for the constant 1.
    """

    polynomials: int
    parameters: int
    owner: Integers
    coefficient: Exact
    factors: Integers

    def values(self, points: Exact) -> Exact:
        """The exact values at ``points`` (count x D integers): shape (polynomials, count)."""
        count = len(points)
        most = max((abs(int(p)) for p in (points.max(initial=1), points.min(initial=-1))), default=1)
        total = int(np.abs(self.coefficient).sum()) * most ** len(self.factors)
        dtype = np.int64 if total < 2**63 else object
        at = np.concatenate([points.T, np.ones((1, count), dtype=np.int64)]).astype(dtype)
        out = np.zeros((self.polynomials, count), dtype=dtype)
        chunk = max(1, 2**20 // max(count, 1))
        for low in range(0, len(self.owner), chunk):
            value = self.coefficient[low : low + chunk, None].astype(dtype) * np.ones((1, count), dtype=np.int64)
            for factor in self.factors[:, low : low + chunk]:
                value = value * at[factor]
            np.add.at(out, self.owner[low : low + chunk], value)
        return out

    def gradients(self, point: Integers) -> Integers:
        """The gradients at ``point`` (D residues) modulo ``PRIME``: shape (polynomials, D)."""
        at = np.append(point, 1)
        coefficient = (self.coefficient % PRIME).astype(np.int64)
        degree = len(self.factors)
        out = np.zeros((self.polynomials, self.parameters + 1), dtype=np.int64)
        for position in range(degree):
            slope = coefficient
            for other in range(degree):
                if other != position:
                    slope = slope * at[self.factors[other]] % PRIME
            np.add.at(out, (self.owner, self.factors[position]), slope)
        return out[:, :-1] % PRIME


def terms(polynomials: Sequence[Polynomial], parameters: int) -> Terms:
    """The terms of ``polynomials`` in ``parameters`` variables."""
    degree = max((polynomial.degree for polynomial in polynomials), default=0)
    owner: list[int] = []
    coefficient: list[int] = []
    factors: list[list[int]] = []
    for index, polynomial in enumerate(polynomials):
        scale = lcm(*[c.denominator for c in polynomial.terms.values()])
        for monomial, c in polynomial.terms.items():
            owner.append(index)
            coefficient.append(int(c * scale))
            variables = [variable for variable, exponent in monomial for _ in range(exponent)]
            factors.append(variables + [parameters] * (degree - len(variables)))
    small = max(map(abs, coefficient), default=0) < 2**31
    return Terms(
        len(polynomials),
        parameters,
        np.array(owner, dtype=np.int64),
        np.array(coefficient, dtype=np.int64 if small else object),
        np.array(factors, dtype=np.int64).reshape(len(owner), degree).T,
    )


def rank_modulo_prime(matrix: Exact, prime: int = PRIME) -> int:
    """The rank of an integer matrix modulo ``prime``: never more than its rank over Q."""
    if not matrix.size:
        return 0
    rows, columns = matrix.shape
    return int(nmod_mat(rows, columns, (matrix % prime).ravel().tolist(), prime).rank())


def functional_rank(polynomials: Sequence[Polynomial], parameters: int, *, points: int = 3, seed: int = 0) -> int:
    """The generic rank of the gradients: how many of ``polynomials`` are functionally independent near a generic point.

    Computed modulo a prime at random points, the largest of ``points`` ranks. Each of them is a lower bound of the
    generic rank over Q; all of them fall short only if the points are unlucky (chance below degree * rank / 2^31 each).

    >>> x, y = Polynomial.variable(0), Polynomial.variable(1)
    >>> functional_rank([x**2, x**4, x * y], 2)
    2
    """
    flat = terms(polynomials, parameters)
    if not len(flat.factors):
        return 0
    used = np.unique(flat.factors)
    used = used[used < parameters]
    most = min(len(polynomials), len(used))
    random = np.random.default_rng(seed)
    best = 0
    for _ in range(points):
        if best < most:
            gradients = flat.gradients(random.integers(1, PRIME, parameters))
            best = max(best, rank_modulo_prime(gradients[:, used]))
    return best
