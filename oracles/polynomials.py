"""Sparse polynomials over Q: the values that models, laws and derivations are made of. The kernel has its own.

A monomial is a sorted tuple of ``(variable, exponent)`` pairs with positive exponents; the constant monomial is
``()``. A coefficient is an ``int`` where it is whole and a ``Fraction`` otherwise, so that the common case stays fast.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import cast

Monomial = tuple[tuple[int, int], ...]
Rational = int | Fraction


def tidy(value: Rational) -> Rational:
    """The same number, as an ``int`` where it is whole."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    return value


class Polynomial:
    """An immutable polynomial with rational coefficients in the variables 0, 1, 2, ...

    >>> x, y = Polynomial.variable(0), Polynomial.variable(1)
    >>> ((x + y) * (x - y)).terms
    {((0, 2),): 1, ((1, 2),): -1}
    """

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, Rational] | Iterable[tuple[Monomial, Rational]] = ()) -> None:
        """Takes ``terms`` whose monomials are sorted and distinct; drops zero coefficients."""
        pairs: Iterable[tuple[Monomial, Rational]] = (
            cast("Mapping[Monomial, Rational]", terms).items() if isinstance(terms, Mapping) else terms
        )
        self.terms: dict[Monomial, Rational] = {monomial: tidy(c) for monomial, c in pairs if c}

    @staticmethod
    def constant(value: Rational) -> Polynomial:
        return Polynomial([((), value)])

    @staticmethod
    def variable(index: int) -> Polynomial:
        return Polynomial([(((index, 1),), 1)])

    def __add__(self, other: Polynomial) -> Polynomial:
        small, large = sorted((self.terms, other.terms), key=len)
        total = dict(large)
        for monomial, c in small.items():
            total[monomial] = total.get(monomial, 0) + c
        return Polynomial(total)

    def __neg__(self) -> Polynomial:
        return Polynomial({monomial: -c for monomial, c in self.terms.items()})

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + (-other)

    def __mul__(self, other: Polynomial) -> Polynomial:
        total: dict[Monomial, Rational] = {}
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                monomial = multiply_monomials(left, right)
                total[monomial] = total.get(monomial, 0) + a * b
        return Polynomial(total)

    def scaled(self, factor: Rational) -> Polynomial:
        return Polynomial({monomial: factor * c for monomial, c in self.terms.items()})

    def __pow__(self, exponent: int) -> Polynomial:
        power = Polynomial.constant(1)
        for _ in range(exponent):
            power = power * self
        return power

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __repr__(self) -> str:
        return f"Polynomial({self.terms!r})"

    @property
    def degree(self) -> int:
        """The total degree; 0 for constants and for the zero polynomial."""
        return max((sum(e for _, e in monomial) for monomial in self.terms), default=0)

    def variables(self) -> set[int]:
        return {variable for monomial in self.terms for variable, _ in monomial}

    def derivative(self, variable: int) -> Polynomial:
        """The partial derivative with respect to ``variable``."""
        return Polynomial(
            (tuple((v, e - (v == variable)) for v, e in monomial if e > 1 or v != variable), c * exponent)
            for monomial, c in self.terms.items()
            for v_of, exponent in monomial
            if v_of == variable
        )

    def gradient(self) -> dict[int, Polynomial]:
        """All partial derivatives that are not zero, by variable, in one pass over the terms."""
        parts: dict[int, dict[Monomial, Rational]] = {}
        for monomial, c in self.terms.items():
            for position, (variable, exponent) in enumerate(monomial):
                rest = ((variable, exponent - 1),) if exponent > 1 else ()
                lowered = monomial[:position] + rest + monomial[position + 1 :]
                parts.setdefault(variable, {})[lowered] = c * exponent
        return {variable: Polynomial(terms) for variable, terms in parts.items()}

    def evaluate(self, point: Sequence[Rational]) -> Rational:
        """The exact value at ``point``, a sequence with an entry for every variable that occurs."""
        total: Rational = 0
        for monomial, c in self.terms.items():
            for variable, exponent in monomial:
                c *= point[variable] ** exponent
            total += c
        return tidy(total)


def multiply_monomials(left: Monomial, right: Monomial) -> Monomial:
    """The product of two monomials: exponents of equal variables add up."""
    if not left or not right:
        return left or right
    if left[-1][0] < right[0][0]:
        return left + right
    exponents = dict(left)
    for variable, exponent in right:
        exponents[variable] = exponents.get(variable, 0) + exponent
    return tuple(sorted(exponents.items()))


def orthogonality(law: Polynomial, coordinate: Polynomial) -> Polynomial:
    """``<grad law, grad coordinate>``: the zero polynomial iff ``grad coordinate`` keeps the law constant."""
    of_law, of_coordinate = law.gradient(), coordinate.gradient()
    total = Polynomial()
    for variable in of_law.keys() & of_coordinate.keys():
        total = total + of_law[variable] * of_coordinate[variable]
    return total
