"""Exact polynomials over Q, by one operation that is paid for before it is made: a sum of products.

A monomial is a sorted tuple of ``(variable, exponent)`` pairs with positive exponents, ``()`` the constant one. A
certificate can ask for numbers and polynomials of any size in a few characters; since coefficients are whole, a step
costs what its operands promise, and ``Work`` runs out before memory or patience do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise
from math import lcm, prod
from typing import Generic, NamedTuple, TypeVar

from ._read import Node, Rational, Rejected, demand, whole

Monomial = tuple[tuple[int, int], ...]
Vector = dict[int, int]
"""Whole entries by number; those left out are zero."""
Value = TypeVar("Value")
Slope = TypeVar("Slope")
EXACT_LIMIT = 15 * 10**6
"""Steps of exact arithmetic in one certificate, of about a tenth of a microsecond each."""
LOOK_WORK = 30
"""What it costs to look at one thing, however short: a node, a pair of polynomials, a short vector."""
JET_WORK = 50
"""What it costs to look at one polynomial at a point."""
TERMS_LIMIT = 2_000_000
"""Terms of a polynomial that is written out."""


class Work:
    """What may still be spent; ``spend`` rejects instead of spending more."""

    def __init__(self, limit: int = EXACT_LIMIT) -> None:
        self.left = limit

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise Rejected("the certificate asks for more work than the kernel is willing to do")


class Point:
    """A rational point: whole numbers, the positive one that they are to be divided by, and the bits of the longest."""

    def __init__(self, numbers: Sequence[int], below: int = 1) -> None:
        self.numbers, self.below = numbers, below
        self.bits = max(map(int.bit_length, [*numbers, below]))


class Jet(NamedTuple, Generic[Value, Slope]):
    """A quantity at a point, and its gradient or its derivative along a vector; both times the same positive number."""

    value: Value
    slope: Slope
    scale: int


class Polynomial(NamedTuple):
    """Terms with whole coefficients that are not zero, and the positive number that they are to be divided by."""

    terms: dict[Monomial, int]
    below: int = 1

    def constant(self) -> Fraction:
        """The constant term."""
        return Fraction(self.terms.get((), 0), self.below)

    def degree(self) -> int:
        return max((sum(exponent for _, exponent in monomial) for monomial in self.terms), default=0)

    def slopes(self, work: Work, among: Collection[int] | None = None) -> Gradient:
        """The gradient, or its entries for the variables ``among`` these."""
        parts: dict[int, dict[Monomial, int]] = {}
        for monomial, c in self.terms.items():
            work.spend(5 + 5 * len(monomial))
            for position, (index, exponent) in enumerate(monomial):
                if among is None or index in among:
                    work.spend(20 + len(monomial) + words(c))
                    rest = ((index, exponent - 1),) if exponent > 1 else ()
                    lowered = monomial[:position] + rest + monomial[position + 1 :]
                    parts.setdefault(index, {})[lowered] = c * exponent
        return {index: Polynomial(terms, self.below) for index, terms in parts.items()}

    def along(self, vector: Vector, work: Work) -> Polynomial:
        """The derivative along a vector."""
        slopes = self.slopes(work, vector).items() if vector else ()
        return combine([(slope, number(vector[index])) for index, slope in slopes], work)

    def jet(self, point: Point, work: Work, power: int | None = None) -> Jet[int, Vector]:
        """Value and gradient at a point, times the denominator of the point to the degree, or to a higher power."""
        numbers, below = point.numbers, point.below
        most = self.degree() if power is None else power
        long = longest(self.terms.values()) + ((most + 1) * point.bits >> 6)
        work.spend(JET_WORK + long**2 // 8)
        value, gradient = 0, dict[int, int]()
        for monomial, c in self.terms.items():
            work.spend(8 + 2 * len(monomial) ** 2 + len(monomial) * long**2 // 8)
            if below > 1:
                c *= below ** (most - sum(exponent for _, exponent in monomial))
            powers = [numbers[index] ** exponent for index, exponent in monomial]
            value += c * prod(powers)
            c *= below
            for position, (index, exponent) in enumerate(monomial):
                others = powers[:position] + powers[position + 1 :]
                slope = c * exponent * numbers[index] ** (exponent - 1) * prod(others)
                gradient[index] = gradient.get(index, 0) + slope
        return Jet(value, gradient, self.below * below**most)


class Matrix:
    """A sparse matrix of whole numbers, kept by columns."""

    def __init__(self, rows: Iterable[Vector], work: Work) -> None:
        self.columns: dict[int, list[tuple[int, int]]] = {}
        self.longest, self.work = 1, work
        for number, row in enumerate(rows):
            self.longest = max(self.longest, longest(row.values()))
            for column, entry in row.items():
                self.columns.setdefault(column, []).append((number, entry))

    def times(self, vector: Vector) -> Vector:
        """The entries of the product that are not zero."""
        each = self.longest * longest(vector.values())
        out: Vector = {}
        for column, weight in vector.items():
            listed = self.columns.get(column, ())
            self.work.spend(2 + each * len(listed))
            for number, entry in listed:
                out[number] = out.get(number, 0) + weight * entry
        return {number: entry for number, entry in out.items() if entry}


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


def longest(numbers: Iterable[int]) -> int:
    """The length of the longest of the numbers in words, and one."""
    return 1 + max(map(words, numbers), default=0)


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
        work.spend(LOOK_WORK + (size(left.terms) + words(factor) * len(left.terms)) * size(right.terms))
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


def inner(left: Gradient, right: Gradient, work: Work) -> Polynomial:
    """The inner product of two gradients."""
    work.spend(10 + min(len(left), len(right)))
    return combine([(left[index], right[index]) for index in left.keys() & right.keys()], work)


def dot(left: Vector, right: Vector, work: Work) -> int:
    """The inner product of two vectors."""
    return Matrix([left], work).times(right).get(0, 0)


def over(numerator: int, scales: Sequence[int], work: Work) -> Fraction:
    """A number divided by the product of the scales."""
    work.spend((words(numerator) + sum(map(words, scales))) ** 2)
    return Fraction(numerator, prod(scales))


def read_point(value: Node, size: int) -> Point:
    """A list of ``size`` rationals."""
    return Point(*whole(entry.rational() for entry in value.entries(size)))


def read_polynomial(value: Node, variables: int, most_terms: int = TERMS_LIMIT, most_degree: int = 200) -> Polynomial:
    """A list of ``[coefficient, [[variable, exponent], ...]]`` with sorted variables and distinct monomials."""
    terms: dict[Monomial, Rational] = {}
    for coefficient, powers in value.tuples(2, 0, most_terms):
        pairs = powers.tuples(2, 0, most_degree)
        monomial = tuple((v.integer(0, variables - 1), e.integer(1, most_degree)) for v, e in pairs)
        increasing = all(left[0] < right[0] for left, right in pairwise(monomial))
        if not increasing or monomial in terms or sum(exponent for _, exponent in monomial) > most_degree:
            powers.reject(f"repeats a monomial, has variables out of order or a degree above {most_degree}")
        terms[monomial] = coefficient.rational()
    coefficients, below = whole(terms.values())
    demand(all(coefficients), "a coefficient of a polynomial is zero")
    return Polynomial(dict(zip(terms, coefficients, strict=True)), below)
