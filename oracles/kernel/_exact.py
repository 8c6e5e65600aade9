"""Exact arithmetic in which every step is paid for before it is made.

A certificate can ask for numbers and polynomials of any size in a few characters. Here polynomials have whole
coefficients, so that a step costs what its operands promise, and ``Work`` runs out before memory or patience do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from math import lcm

from ._polynomial import Monomial, Polynomial, Rational, multiply_monomials, tidy
from ._read import DENOMINATOR_BITS, Rejected

Gradient = dict[int, Polynomial]
"""The partial derivatives that are not zero, by variable."""


class Work:
    """What may still be spent; ``spend`` rejects instead of spending more."""

    __slots__ = ("left",)

    def __init__(self, limit: int) -> None:
        self.left = limit

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise Rejected("the certificate asks for more work than the kernel is willing to do")


def words(number: int) -> int:
    """The length of a number beyond its first 64 bits, in units of 64 bits."""
    return number.bit_length() >> 6


def length(*numbers: Rational) -> int:
    """The words that hold the longest numerator and the longest denominator."""
    return 1 + max(words(c.numerator) for c in numbers) + max(words(c.denominator) for c in numbers)


def size(polynomial: Polynomial) -> int:
    """Terms, variables and words: a product of two polynomials takes at most the product of their sizes."""
    return sum(1 + len(monomial) + words(c.numerator) for monomial, c in polynomial.terms.items())


def common_denominator(numbers: Iterable[Rational]) -> int:
    """The least one; rejects a long one."""
    below = 1
    for number in numbers:
        if number.denominator != 1:
            below = lcm(below, number.denominator)
            if below.bit_length() > DENOMINATOR_BITS:
                raise Rejected(f"the common denominator of the numbers has more than {DENOMINATOR_BITS} bits")
    return below


def whole(polynomial: Polynomial, work: Work) -> Polynomial:
    """The least multiple with whole coefficients."""
    below = common_denominator(polynomial.terms.values())
    work.spend(size(polynomial) + len(polynomial.terms) * words(below))
    return polynomial if below == 1 else polynomial.scaled(below)


def product(left: Polynomial, right: Polynomial, work: Work) -> Polynomial:
    work.spend(size(left) * size(right))
    return left * right


def slopes(polynomial: Polynomial, work: Work, among: Collection[int] | None = None) -> Gradient:
    """The gradient of a polynomial, or its entries for the variables ``among`` these."""
    parts: dict[int, dict[Monomial, Rational]] = {}
    for monomial, c in polynomial.terms.items():
        work.spend(5 + 5 * len(monomial))
        for position, (variable, exponent) in enumerate(monomial):
            if among is None or variable in among:
                work.spend(20 + len(monomial) + words(c.numerator))
                rest = ((variable, exponent - 1),) if exponent > 1 else ()
                lowered = monomial[:position] + rest + monomial[position + 1 :]
                parts.setdefault(variable, {})[lowered] = c * exponent
    return {variable: Polynomial(terms) for variable, terms in parts.items()}


def orthogonal(left: Gradient, right: Gradient, work: Work) -> bool:
    """Whether the inner product of two gradients is the zero polynomial."""
    work.spend(3 + min(len(left), len(right)))
    total: dict[Monomial, Rational] = {}
    for variable in left.keys() & right.keys():
        work.spend(size(left[variable]) * size(right[variable]))
        for first, a in left[variable].terms.items():
            for second, b in right[variable].terms.items():
                monomial = multiply_monomials(first, second)
                total[monomial] = total.get(monomial, 0) + a * b
    return not any(total.values())


def check_laws(laws: Sequence[Polynomial], coordinates: Iterable[tuple[str, Polynomial]], work: Work) -> None:
    """Rejects unless the gradient of every law is orthogonal to that of every (named) coordinate: identities over Q."""
    of_laws = [slopes(whole(law, work), work) for law in laws]
    if not of_laws:
        return
    variables = {variable for of_law in of_laws for variable in of_law}
    for name, coordinate in coordinates:
        of_coordinate = slopes(whole(coordinate, work), work, variables)
        for of_law in of_laws:
            if not orthogonal(of_law, of_coordinate, work):
                raise Rejected(f"a law is not orthogonal to the gradient of {name}")


def value(polynomial: Polynomial, point: Sequence[Rational], work: Work) -> Rational:
    """The exact value at a rational point, computed over the common denominators of the coefficients and the point."""
    degree = polynomial.degree
    terms = whole(polynomial, work).terms
    used = polynomial.variables()
    below = common_denominator(point[variable] for variable in used)
    work.spend(len(used) * (1 + words(below)))
    numbers = {variable: int(point[variable] * below) for variable in used}
    length = degree * max(map(words, [below, *numbers.values()])) + degree
    total = 0
    for monomial, c in terms.items():
        work.spend((1 + len(monomial)) * (1 + words(c.numerator) + length) ** 2)
        term = c.numerator * below ** (degree - sum(exponent for _, exponent in monomial))
        for variable, exponent in monomial:
            term *= numbers[variable] ** exponent
        total += term
    return tidy(Fraction(total, common_denominator(polynomial.terms.values()) * below**degree))
