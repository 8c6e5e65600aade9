"""Exact numbers as balls, and upper bounds of norms."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import arb, fmpq

from ..oracles.polynomials import Rational

LOW = 64
"""Bits that suffice for bounds."""


def to_arb(value: Rational) -> arb:
    exact = Fraction(value)
    return arb(fmpq(exact.numerator, exact.denominator))


def ball(radius: Fraction) -> arb:
    return symmetric(to_arb(radius))


def symmetric(radius: arb) -> arb:
    """The ball ``[-radius, radius]``."""
    return arb(0, radius.abs_upper())


def sum_of_sizes(values: Sequence[arb]) -> arb:
    return upper_end(sum((value.abs_upper() for value in values), arb(0)))


def norm(values: Sequence[Any]) -> arb:
    """An upper bound of the Euclidean norm."""
    return upper_end(sum((value.abs_upper() ** 2 for value in values), arb(0)).sqrt())


def upper_end(value: arb) -> arb:
    """The upper end of a ball."""
    return value.upper()


def to_fraction(value: arb) -> Fraction:
    mantissa, exponent = value.upper().man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
