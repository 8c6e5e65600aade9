"""Maps whose metric is a function of phi and the laws by an identity: every M_ij a combination of 1, phi and the laws.

So it is for ``phi = U U^T``, where M is linear in phi: the metric property then holds on all of R^D, whatever the rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ...certificates import Certificate
from ...polynomials import Monomial, Polynomial, Rational, orthogonality, tidy
from ...proofs import Node, add, identity, multiply, power, symbol
from ..linear.matrices import to_flint
from .setting import Setting

_COORDINATES = 10
_CELLS = 60_000


def metric_identity(setting: Setting) -> Certificate | None:
    """A certificate that M_ij is a combination of 1, the coordinates and the listed laws; None where it is not."""
    if setting.parameters > 60 or setting.model.coordinate_terms() > 500:
        return None
    coordinates = setting.model.coordinates()
    if len(coordinates) > _COORDINATES:
        return None
    basis = [Polynomial.constant(1), *coordinates, *setting.written()]
    entries = [orthogonality(a, b) for i, a in enumerate(coordinates) for b in coordinates[i:]]
    weights = _combinations(basis, entries)
    if weights is None:
        return None
    pairs = [
        (tree(entry), add(*(multiply(Fraction(c), tree(b)) for c, b in zip(row, basis, strict=True) if c)))
        for entry, row in zip(entries, weights, strict=True)
    ]
    return identity(setting.parameters, pairs)


def _combinations(basis: Sequence[Polynomial], wanted: Sequence[Polynomial]) -> list[list[Rational]] | None:
    """The coefficients of each wanted polynomial in the basis, or None where one is no combination."""
    monomials: dict[Monomial, int] = {}
    for polynomial in [*basis, *wanted]:
        for monomial in polynomial.terms:
            monomials.setdefault(monomial, len(monomials))
    width = len(basis) + len(wanted)
    if len(monomials) * width > _CELLS:
        return None
    table: list[list[Rational]] = [[0] * width for _ in monomials]
    for column, polynomial in enumerate([*basis, *wanted]):
        for monomial, c in polynomial.terms.items():
            table[monomials[monomial]][column] = c
    solved, rank = to_flint(table, width).rref()
    lines = [[Fraction(int(solved[i, j].p), int(solved[i, j].q)) for j in range(width)] for i in range(int(rank))]
    pivots = [next(j for j, value in enumerate(line) if value) for line in lines]
    if pivots and pivots[-1] >= len(basis):
        return None
    out: list[list[Rational]] = []
    for k in range(len(wanted)):
        row: list[Rational] = [0] * len(basis)
        for pivot, line in zip(pivots, lines, strict=True):
            row[pivot] = tidy(line[len(basis) + k])
        out.append(row)
    return out


def tree(polynomial: Polynomial, shift: int = 0) -> Node:
    """The polynomial as the kernel reads expressions, its variables renumbered by ``shift``."""
    return add(*(multiply(Fraction(c), *_factors(monomial, shift)) for monomial, c in polynomial.terms.items()))


def _factors(monomial: Monomial, shift: int) -> list[Node]:
    return [symbol(v + shift) if e == 1 else power(symbol(v + shift), e) for v, e in monomial]
