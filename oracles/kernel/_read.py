"""Reading untrusted JSON: closed objects, bounded sizes, integers and rationals only, never a float."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import NoReturn, TypeVar, cast

Rational = int | Fraction
Reader = TypeVar("Reader")
Table = Mapping[str, tuple[Reader, Sequence[str]]]
TEXT_LIMIT = 16 * 2**20
"""Characters of a certificate."""
DIGITS_LIMIT = 4000
"""Characters of one number."""
NUMBER_BITS = 13_288
"""Bits of one number: no number of DIGITS_LIMIT digits has more."""
DENOMINATOR_BITS = 20_000
"""Bits of the common denominator of numbers that belong together."""

_RATIONAL = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:/([1-9][0-9]*))?", re.ASCII)


class Rejected(Exception):
    """Why a certificate is not accepted, in one sentence."""


def demand(holds: bool, otherwise: str) -> None:
    """Rejects the certificate unless something holds."""
    if not holds:
        raise Rejected(otherwise)


def parse(text: str) -> object:
    """The JSON value in ``text``. Floats, NaN, repeated names and oversized numbers are rejected."""
    demand(len(text) <= TEXT_LIMIT, f"the certificate has more than {TEXT_LIMIT} characters")
    try:
        return json.loads(
            text, object_pairs_hook=_distinct, parse_float=_refuse, parse_constant=_refuse, parse_int=_bounded
        )
    except (ValueError, RecursionError) as error:
        raise Rejected(f"the certificate is not JSON: {error}") from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    demand(len(read) == len(pairs), "a name occurs twice in one object")
    return read


def _refuse(text: str) -> NoReturn:
    raise Rejected(f"{text[:40]} is not an integer: exact numbers are integers or strings such as '3/2'")


def _bounded(text: str) -> int:
    demand(len(text) <= DIGITS_LIMIT, f"a number has more than {DIGITS_LIMIT} digits")
    return int(text)


def opened(value: object) -> dict[str, object]:
    """``value`` where it is an object; an empty one, which lacks every field, where it is not."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def closed(value: object, what: str, *names: str) -> list[object]:
    """The values of the fields ``names``, in this order, of an object that has exactly these."""
    if not isinstance(value, dict):
        raise Rejected(f"{what} is not an object")
    found = opened(cast("object", value))
    for name in names:
        if name not in found:
            raise Rejected(f"{what} lacks the field '{name}'")
    for name in found:
        if name not in names:
            raise Rejected(f"{what} has the unknown field {str(name)[:40]!a}")
    return [found[name] for name in names]


def variant(value: object, what: str, tag: str, table: Table[Reader]) -> tuple[str, Reader, list[object]]:
    """The field ``tag`` of an object, what the ``table`` has for it, and the other fields, which the table names."""
    kind = choice(opened(value).get(tag), f"the {tag} of {what}", table)
    reader, names = table[kind]
    return kind, reader, closed(value, what, tag, *names)[1:]


def choice(value: object, what: str, names: Iterable[str]) -> str:
    """``value`` as one of the ``names``."""
    if not isinstance(value, str) or value not in names:
        raise Rejected(f"{what} is none of {', '.join(names)}")
    return value


def integer(value: object, what: str, least: int, most: int) -> int:
    """``value`` as an integer from ``least`` to ``most``. ``true`` is not 1."""
    if type(value) is not int:
        raise Rejected(f"{what} is not an integer")
    if not least <= value <= most:
        raise Rejected(f"{what} is outside {least}..{most}")
    return value


def array(value: object, what: str, *, most: int, least: int = 0) -> list[object]:
    """``value`` as a list of ``least`` to ``most`` entries."""
    if not isinstance(value, list):
        raise Rejected(f"{what} is not a list")
    found = cast("list[object]", value)
    if not least <= len(found) <= most:
        raise Rejected(f"{what} has {len(found)} entries, outside {least}..{most}")
    return found


def entries(value: object, what: str, count: int) -> list[object]:
    """``value`` as a list of exactly ``count`` entries."""
    return array(value, what, least=count, most=count)


def integers(value: object, what: str, count: int, least: int, most: int) -> list[int]:
    """``value`` as a list of exactly ``count`` integers from ``least`` to ``most``."""
    return [integer(entry, f"an entry of {what}", least, most) for entry in entries(value, what, count)]


def rational(value: object, what: str) -> Rational:
    """An integer, or a string such as ``"-3/2"``."""
    if type(value) is int and value.bit_length() <= NUMBER_BITS:
        return value
    if not isinstance(value, str) or len(value) > DIGITS_LIMIT:
        raise Rejected(f"{what} is neither a short integer nor a short string such as '3/2'")
    match = _RATIONAL.fullmatch(value)
    if match is None:
        raise Rejected(f"{what} is {value[:40]!a}, not a fraction such as '3/2'")
    return Fraction(int(match[1]), int(match[2] or 1))


def rationals(value: object, what: str, count: int) -> list[Rational]:
    """``value`` as a list of exactly ``count`` rationals."""
    return [rational(entry, what) for entry in entries(value, what, count)]


def whole(numbers: Iterable[Rational]) -> tuple[list[int], int]:
    """Rationals times their least common denominator, and this; rejects a long one."""
    listed, below = list(numbers), 1
    for number in listed:
        if number.denominator != 1:
            below = lcm(below, number.denominator)
            if below.bit_length() > DENOMINATOR_BITS:
                raise Rejected(f"the common denominator of the numbers has more than {DENOMINATOR_BITS} bits")
    return [number.numerator * (below // number.denominator) for number in listed], below


def demand_equal(what: str, exact: Rational, stated: object) -> None:
    """Rejects where a stated number is not the exact one."""
    read = rational(stated, what)
    demand(exact == read, f"{what} is {short(exact)}, not {short(read)}")


def short(value: object) -> str:
    """A value as text of bounded length; numbers too long to print are named by their size."""
    if isinstance(value, int | Fraction):
        bits = max(abs(value.numerator), value.denominator).bit_length()
        return str(value) if bits <= 200 else f"a number of {bits} bits"
    return ascii(value[:60]) if isinstance(value, str) else "no number"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things in words."""
    return f"{number} {one if number == 1 else many or one + 's'}"
