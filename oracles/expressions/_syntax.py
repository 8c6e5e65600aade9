"""The syntax tree of an expression. Positions are 0-based character offsets; they do not take part in equality."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..polynomials import Rational


@dataclass(frozen=True, slots=True)
class Number:
    """A rational literal; ``3/2`` is a quotient of two, ``0.5`` is read exactly."""

    value: Rational
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A block of the model."""

    name: str
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Transpose:
    operand: Node
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Power:
    operand: Node
    exponent: int
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Index:
    """``X[i,j]``, ``X[:,j]``, ``X[i,:]``, or ``x[i]`` with a single index; 1-based, ``None`` is a colon."""

    operand: Node
    indices: tuple[int | None, ...]
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple[Node, ...]
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of a product with the operator before it: ``*``, ``.*`` or ``/`` (``*`` for the first)."""

    operator: str
    operand: Node
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Product:
    """At least two factors, taken from left to right."""

    factors: tuple[Factor, ...]
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a sum with its sign, 1 or -1."""

    sign: int
    operand: Node
    position: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Sum:
    """At least two terms, or one with a minus."""

    terms: tuple[Term, ...]
    position: int = field(compare=False)


Node = Number | Name | Transpose | Power | Index | Call | Product | Sum


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression with the text that it came from."""

    text: str = field(compare=False)
    root: Node

    def __str__(self) -> str:
        return self.text


FUNCTIONS: dict[str, int] = {
    "trace": 1,
    "transpose": 1,
    "norm2": 1,
    "det": 1,
    "sum": 1,
    "diag": 1,
    "rowsums": 1,
    "colsums": 1,
    "ones": 2,
    "eye": 1,
}
"""The functions and their numbers of arguments; ``ones`` and ``eye`` take whole numbers, the others a matrix."""


def caret(text: str, position: int) -> str:
    """Two lines: the part of ``text`` around ``position``, in printable ASCII, and a caret below the position."""
    first, last = max(0, position - 50), min(len(text), position + 30)
    before, after = "..." * (first > 0), "..." * (last < len(text))
    part = "".join(c if " " <= c <= "~" else "?" for c in text[first:last])
    return f"  {before}{part}{after}\n  {' ' * (len(before) + position - first)}^"
