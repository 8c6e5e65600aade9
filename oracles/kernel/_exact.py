"""Exact polynomials over Q, by one operation that is paid for before it is made: a sum of products.

A monomial is a sorted tuple of ``(variable, exponent)`` pairs with positive exponents, ``()`` the constant one. A
certificate can ask for numbers and polynomials of any size in a few characters; since coefficients are whole, a step
costs what its operands promise, and ``Work`` runs out before memory or patience do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from ._read import Rational, Rejected, array, entries, integers, rational, whole

Monomial = tuple[tuple[int, int], ...]
EXACT_LIMIT = 15 * 10**6
"""Steps of exact arithmetic in one certificate, of about a tenth of a microsecond each."""
PAIR_WORK = 30
"""What it costs to look at two polynomials, however short."""


class Work:
    """What may still be spent; ``spend`` rejects instead of spending more."""

    def __init__(self, limit: int = EXACT_LIMIT) -> None:
        self.left = limit

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise Rejected("the certificate asks for more work than the kernel is willing to do")


class Polynomial(NamedTuple):
    """Terms with whole coefficients that are not zero, and the positive number that they are to be divided by."""

    terms: dict[Monomial, int]
    below: int = 1

    def constant(self) -> Fraction:
        """The constant term."""
        return Fraction(self.terms.get((), 0), self.below)


Gradient = dict[int, Polynomial]
"""Partial derivatives by variable; those left out are zero."""


def number(value: Rational) -> Polynomial:
    return Polynomial({(): value.numerator} if value else {}, value.denominator)


def variable(index: int) -> Polynomial:
    return Polynomial({((index, 1),): 1})


ONE, MINUS_ONE = number(1), number(-1)


def words(number: int) -> int:
    """The length of a number beyond its first 64 bits, in units of 64 bits."""
    return number.bit_length() >> 6


def size(terms: dict[Monomial, int]) -> int:
    """Terms, variables and words: a product takes at most the product of the sizes."""
    return sum(1 + len(monomial) + words(c) for monomial, c in terms.items())


def combine(pairs: Sequence[tuple[Polynomial, Polynomial]], work: Work) -> Polynomial:
    """The sum of the products of the pairs."""
    below = 1
    for left, right in pairs:
        if left.below != 1 or right.below != 1:
            work.spend((1 + words(below) + words(left.below)) * (2 + words(left.below) + words(right.below)))
            below = lcm(below, left.below * right.below)
    total: dict[Monomial, int] = {}
    for left, right in pairs:
        factor = below // (left.below * right.below)
        work.spend(PAIR_WORK + (size(left.terms) + words(factor) * len(left.terms)) * size(right.terms))
        for first, a in left.terms.items():
            scaled = a * factor
            for second, b in right.terms.items():
                monomial = _times(first, second)
                total[monomial] = total.get(monomial, 0) + scaled * b
    return Polynomial({monomial: c for monomial, c in total.items() if c}, below)


def _times(left: Monomial, right: Monomial) -> Monomial:
    if not left or not right:
        return left or right
    if left[-1][0] < right[0][0]:
        return left + right
    exponents = dict(left)
    for index, exponent in right:
        exponents[index] = exponents.get(index, 0) + exponent
    return tuple(sorted(exponents.items()))


def product(factors: Iterable[Polynomial], work: Work) -> Polynomial:
    total = ONE
    for factor in factors:
        total = combine([(total, factor)], work)
    return total


def equal(left: Polynomial, right: Polynomial, work: Work) -> bool:
    return not combine([(left, ONE), (right, MINUS_ONE)], work).terms


def slopes(polynomial: Polynomial, work: Work, among: Collection[int] | None = None) -> Gradient:
    """The gradient of a polynomial, or its entries for the variables ``among`` these."""
    parts: dict[int, dict[Monomial, int]] = {}
    for monomial, c in polynomial.terms.items():
        work.spend(5 + 5 * len(monomial))
        for position, (index, exponent) in enumerate(monomial):
            if among is None or index in among:
                work.spend(20 + len(monomial) + words(c))
                rest = ((index, exponent - 1),) if exponent > 1 else ()
                lowered = monomial[:position] + rest + monomial[position + 1 :]
                parts.setdefault(index, {})[lowered] = c * exponent
    return {index: Polynomial(terms, polynomial.below) for index, terms in parts.items()}


def inner(left: Gradient, right: Gradient, work: Work) -> Polynomial:
    """The inner product of two gradients."""
    work.spend(10 + min(len(left), len(right)))
    return combine([(left[index], right[index]) for index in left.keys() & right.keys()], work)


def at_point(polynomial: Polynomial, point: Sequence[Rational], work: Work) -> Polynomial:
    """The value at a rational point, as a constant polynomial."""
    values: list[tuple[Polynomial, Polynomial]] = []
    for monomial, c in polynomial.terms.items():
        factors = [number(point[index]) for index, exponent in monomial for _ in range(exponent)]
        values.append((Polynomial({(): c}, polynomial.below), product(factors, work)))
    return combine(values, work)


def read_polynomial(value: object, what: str, variables: int, most_terms: int, most_degree: int = 200) -> Polynomial:
    """A list of ``[coefficient, [[variable, exponent], ...]]`` with sorted variables and distinct monomials."""
    terms: dict[Monomial, Rational] = {}
    for entry in array(value, what, most=most_terms):
        written, listed = entries(entry, f"a term of {what}", 2)
        powers = [integers(power, f"a power in {what}", 2, 0, 10**9) for power in array(listed, "a monomial", most=200)]
        if any(left >= right for left, right in pairwise([-1, *(index for index, _ in powers), variables])):
            raise Rejected(f"a monomial of {what} does not list variables below {variables} in increasing order")
        if any(exponent < 1 for _, exponent in powers) or sum(exponent for _, exponent in powers) > most_degree:
            raise Rejected(f"a monomial of {what} has an exponent below 1 or a degree above {most_degree}")
        monomial = tuple((index, exponent) for index, exponent in powers)
        if monomial in terms:
            raise Rejected(f"a monomial occurs twice in {what}")
        terms[monomial] = rational(written, f"a coefficient of {what}")
    coefficients, below = whole(terms.values())
    if not all(coefficients):
        raise Rejected(f"{what} has a zero coefficient")
    return Polynomial(dict(zip(terms, coefficients, strict=True)), below)
