"""Small polynomials that models and their laws are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..polynomials import Monomial, Polynomial, Rational


def pair(low: int, high: int) -> Monomial:
    """The product of two variables, the lower number first."""
    return ((low, 2),) if low == high else ((low, 1), (high, 1))


def plain_sum(monomials: Iterable[Monomial]) -> Polynomial:
    """The sum of distinct monomials, each with coefficient 1."""
    return Polynomial(dict.fromkeys(monomials, 1))


def squares_difference(plus: Sequence[int], minus: Sequence[int], weight: int = 1) -> Polynomial:
    """The sum of the squares of the variables ``plus``, minus ``weight`` times those of ``minus``."""
    terms: dict[Monomial, Rational] = {((variable, 2),): 1 for variable in plus}
    terms.update((((variable, 2),), -weight) for variable in minus)
    return Polynomial(terms)
