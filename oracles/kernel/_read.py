"""Reading untrusted JSON: closed objects, bounded sizes, integers and rationals only, never a float."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class Node:
    """A value somewhere in untrusted JSON: ``key`` of the value ``within`` which it stands.

    Each method reads the value as what its caller needs, or rejects the certificate and names the place.
    """

    __slots__ = ("key", "value", "within")

    def __init__(self, value: object, key: str | int, within: Node | None = None) -> None:
        self.value, self.key, self.within = value, key, within

    def reject(self, why: str) -> NoReturn:
        """Such as ``certificate.claim.model.widths[1] is not an integer in 1..1000000``."""
        place, node = "", self
        while node.within:
            place = (f"[{node.key}]" if isinstance(node.key, int) else f".{node.key}") + place
            node = node.within
        raise Rejected(f"{node.key}{place} {why}")

    def opened(self) -> dict[str, object]:
        """An object; an empty one, which lacks every field, where it is none."""
        value = self.value
        return cast("dict[str, object]", value) if isinstance(value, dict) else {}

    def fields(self, *names: str) -> list[Node]:
        """The fields ``names``, in this order, of an object that has exactly these."""
        found = self.opened()
        if not isinstance(self.value, dict) or found.keys() != set(names):
            self.reject(f"is not an object with exactly the fields ({', '.join(names)})")
        return [Node(found[name], name, self) for name in names]

    def variant(self, tag: str, table: Table[Reader]) -> tuple[str, Reader, list[Node]]:
        """The field ``tag`` of an object, what the ``table`` has for it, and the other fields, which it names."""
        kind = Node(self.opened().get(tag), tag, self).choice(table)
        reader, names = table[kind]
        return kind, reader, self.fields(tag, *names)[1:]

    def choice(self, names: Iterable[str]) -> str:
        """One of the ``names``."""
        if not isinstance(self.value, str) or self.value not in names:
            self.reject(f"is none of {', '.join(names)}")
        return self.value

    def entries(self, least: int, most: int | None = None) -> Iterator[Node]:
        """The entries of a list: ``least`` to ``most``, or exactly ``least``."""
        most, value = least if most is None else most, self.value
        if not isinstance(value, list):
            self.reject("is not a list")
        found = cast("list[object]", value)
        if not least <= len(found) <= most:
            self.reject(f"has {len(found)} entries, outside {least}..{most}")
        return (Node(entry, place, self) for place, entry in enumerate(found))

    def tuples(self, count: int, least: int, most: int) -> Iterator[list[Node]]:
        """The entries of a list: ``least`` to ``most``, each a list of exactly ``count`` entries."""
        return (list(entry.entries(count)) for entry in self.entries(least, most))

    def integer(self, least: int, most: int) -> int:
        """An integer from ``least`` to ``most``. ``true`` is not 1."""
        if type(self.value) is not int or not least <= self.value <= most:
            self.reject(f"is not an integer in {least}..{most}")
        return self.value

    def integers(self, count: int, least: int, most: int) -> list[int]:
        """A list of exactly ``count`` integers from ``least`` to ``most``."""
        return [entry.integer(least, most) for entry in self.entries(count)]

    def rational(self) -> Rational:
        """An integer, or a string such as ``"-3/2"``."""
        if type(self.value) is int and self.value.bit_length() <= NUMBER_BITS:
            return self.value
        text = self.value if isinstance(self.value, str) else ""
        match = _RATIONAL.fullmatch(text) if len(text) <= DIGITS_LIMIT else None
        if match is None:
            self.reject("is neither a short integer nor a short string such as '3/2'")
        return Fraction(int(match[1]), int(match[2] or 1))


def parse(text: str) -> object:
    """The JSON value in ``text``. Floats, NaN, repeated names and oversized numbers are rejected."""
    demand(len(text) <= TEXT_LIMIT, f"the certificate has more than {TEXT_LIMIT} characters")
    try:
        return json.loads(
            text, object_pairs_hook=_distinct, parse_float=_refuse, parse_constant=_refuse, parse_int=_whole
        )
    except (ValueError, RecursionError) as error:
        raise Rejected(f"the certificate is not JSON: {error}") from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    demand(len(read) == len(pairs), "a name occurs twice in one object")
    return read


def _refuse(text: str) -> NoReturn:
    raise Rejected(f"{text[:40]} is not an integer: exact numbers are integers or strings such as '3/2'")


def _whole(text: str) -> int:
    demand(len(text) <= DIGITS_LIMIT, f"a number has more than {DIGITS_LIMIT} digits")
    return int(text)


def whole(numbers: Iterable[Rational]) -> tuple[list[int], int]:
    """Rationals times their least common denominator, and this; rejects a long one."""
    listed, below = list(numbers), 1
    for number in listed:
        below = lcm(below, number.denominator)
        demand(below.bit_length() <= DENOMINATOR_BITS, "the common denominator of numbers that belong together is long")
    return [number.numerator * (below // number.denominator) for number in listed], below


def demand_equal(what: str, exact: Rational, stated: Node) -> None:
    """Rejects where a stated number is not the exact one."""
    read = stated.rational()
    demand(exact == read, f"{what} is {short(exact)}, not {short(read)}")


def short(number: Rational) -> str:
    """A number as text of bounded length; one too long to print is named by its size."""
    bits = max(abs(number.numerator), number.denominator).bit_length()
    return str(number) if bits <= 200 else f"a number of {bits} bits"


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things in words."""
    return f"{number} {one if number == 1 else many or one + 's'}"
