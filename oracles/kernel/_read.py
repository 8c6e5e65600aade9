"""Reading untrusted JSON: closed objects, bounded sizes, integers and rationals only, never a float."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import NoReturn, cast

from ._polynomial import Monomial, Polynomial, Rational, tidy

TEXT_LIMIT = 16 * 2**20
"""Characters of a certificate."""
DIGITS_LIMIT = 4000
"""Characters of one number."""
NUMBER_BITS = 13_288
"""Bits of one number: no number of DIGITS_LIMIT digits has more."""
DENOMINATOR_BITS = 20_000
"""Bits of the common denominator of numbers that belong together."""
NODES_LIMIT = 200_000
"""Nodes of all expression trees of one certificate."""
DEPTH_LIMIT = 200
"""Nesting of one expression tree."""

_RATIONAL = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:/([1-9][0-9]*))?", re.ASCII)


class Rejected(Exception):
    """Why a certificate is not accepted, in one sentence."""


def parse(text: str) -> object:
    """The JSON value in ``text``. Floats, NaN, repeated names and oversized numbers are rejected."""
    if len(text) > TEXT_LIMIT:
        raise Rejected(f"the certificate has more than {TEXT_LIMIT} characters")
    try:
        return json.loads(
            text,
            object_pairs_hook=_distinct,
            parse_float=_no_number,
            parse_constant=_no_number,
            parse_int=_bounded_int,
        )
    except (ValueError, RecursionError) as error:
        raise Rejected(f"the certificate is not JSON: {error}") from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise Rejected("a name occurs twice in one object")
    return read


def _no_number(text: str) -> NoReturn:
    raise Rejected(f"{text[:40]} is not an integer: exact numbers are integers or strings such as '3/2'")


def _bounded_int(text: str) -> int:
    if len(text) > DIGITS_LIMIT:
        raise Rejected(f"a number has more than {DIGITS_LIMIT} digits")
    return int(text)


def closed(value: object, what: str, *names: str) -> dict[str, object]:
    """``value`` as an object with exactly these ``names``."""
    if not isinstance(value, dict):
        raise Rejected(f"{what} is not an object")
    found = cast("dict[str, object]", value)
    for name in names:
        if name not in found:
            raise Rejected(f"{what} lacks the field '{name}'")
    for name in found:
        if name not in names:
            raise Rejected(f"{what} has the unknown field {str(name)[:40]!a}")
    return found


def integer(value: object, what: str, least: int, most: int) -> int:
    """``value`` as an integer from ``least`` to ``most``. ``true`` is not 1."""
    if type(value) is not int:
        raise Rejected(f"{what} is not an integer")
    if not least <= value <= most:
        raise Rejected(f"{what} is outside {least}..{most}")
    return value


def array(value: object, what: str, *, most: int, least: int = 0) -> list[object]:
    if not isinstance(value, list):
        raise Rejected(f"{what} is not a list")
    found = cast("list[object]", value)
    if not least <= len(found) <= most:
        raise Rejected(f"{what} has {len(found)} entries, outside {least}..{most}")
    return found


def integers(value: object, what: str, *, least: int, most: int, length: int) -> list[int]:
    """``value`` as a list of exactly ``length`` integers from ``least`` to ``most``."""
    entries = array(value, what, least=length, most=length)
    if set(map(type, entries)) - {int}:
        raise Rejected(f"{what} has an entry that is not an integer")
    numbers = cast("list[int]", entries)
    if numbers and not (least <= min(numbers) and max(numbers) <= most):
        raise Rejected(f"{what} has an entry outside {least}..{most}")
    return numbers


def rational(value: object, what: str) -> Rational:
    """An integer, or a string such as ``"-3/2"``."""
    if type(value) is int and value.bit_length() <= NUMBER_BITS:
        return value
    if not isinstance(value, str) or len(value) > DIGITS_LIMIT:
        raise Rejected(f"{what} is neither a short integer nor a short string such as '3/2'")
    match = _RATIONAL.fullmatch(value)
    if match is None:
        raise Rejected(f"{what} is {value[:40]!a}, not a fraction such as '3/2'")
    return tidy(Fraction(int(match[1]), int(match[2] or 1)))


def polynomial(value: object, what: str, variables: int, *, most_terms: int, most_degree: int = 200) -> Polynomial:
    """A list of ``[coefficient, [[variable, exponent], ...]]`` with sorted variables and distinct monomials."""
    terms: dict[Monomial, Rational] = {}
    for entry in array(value, what, most=most_terms):
        pair = array(entry, f"a term of {what}", least=2, most=2)
        coefficient = rational(pair[0], f"a coefficient of {what}")
        monomial: list[tuple[int, int]] = []
        for power in array(pair[1], f"a monomial of {what}", most=most_degree):
            variable, exponent = array(power, f"a power in {what}", least=2, most=2)
            index = integer(variable, f"a variable of {what}", 0, variables - 1)
            if monomial and index <= monomial[-1][0]:
                raise Rejected(f"a monomial of {what} does not list its variables in increasing order")
            monomial.append((index, integer(exponent, f"an exponent of {what}", 1, most_degree)))
        if sum(exponent for _, exponent in monomial) > most_degree:
            raise Rejected(f"a monomial of {what} has degree above {most_degree}")
        if tuple(monomial) in terms:
            raise Rejected(f"a monomial occurs twice in {what}")
        if not coefficient:
            raise Rejected(f"{what} has a zero coefficient")
        terms[tuple(monomial)] = coefficient
    return Polynomial(terms)
