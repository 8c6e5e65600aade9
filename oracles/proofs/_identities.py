"""Certificates of polynomial identities, written as unexpanded trees so that both sides stay readable.

>>> a, b = symbol(0), symbol(1)
>>> left = multiply(add(a, b), subtract(a, b))
>>> claim = identity(2, [(left, subtract(power(a, 2), power(b, 2)))])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..certificates import Certificate, certificate, number_json
from ..polynomials import Rational

Node = int | str | Mapping[str, object]
"""A tree as the kernel reads it: a number, ``{"x": i}``, ``{"+": [...]}``, ``{"*": [...]}`` or ``{"^": [e, n]}``."""


def symbol(index: int) -> Node:
    return {"x": index}


def _node(value: Node | Fraction) -> Node:
    return number_json(value) if isinstance(value, Fraction) else value


def add(*parts: Node | Fraction) -> Node:
    kept = [_node(part) for part in parts if part != 0]
    return kept[0] if len(kept) == 1 else {"+": kept} if kept else 0


def multiply(*parts: Node | Fraction) -> Node:
    if any(part == 0 for part in parts):
        return 0
    kept = [_node(part) for part in parts if part != 1]
    return kept[0] if len(kept) == 1 else {"*": kept} if kept else 1


def subtract(left: Node | Fraction, right: Node | Fraction) -> Node:
    return add(left, multiply(-1, right))


def power(base: Node, exponent: int) -> Node:
    return {"^": [base, exponent]}


def identity(variables: int, pairs: Iterable[tuple[Node, Node]]) -> Certificate:
    """The claim that both sides of each pair are the same polynomial in ``variables`` variables over Q."""
    equal = [[left, right] for left, right in pairs]
    return certificate({"kind": "identity", "variables": variables, "equal": equal})


def values(point: Sequence[Rational], pairs: Iterable[tuple[Node, Rational]]) -> Certificate:
    """The claim that each tree takes its exact value at ``point``."""
    claim = {
        "kind": "value",
        "point": [number_json(value) for value in point],
        "values": [[node, number_json(value)] for node, value in pairs],
    }
    return certificate(claim)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix of trees, for identities between matrices.

    >>> m = Matrix.symbols(2, 3)
    >>> (m @ m.T).shape
    (2, 2)
    """

    rows: tuple[tuple[Node, ...], ...]

    @staticmethod
    def symbols(rows: int, columns: int, start: int = 0) -> Matrix:
        """Entries are the variables ``start``, ``start + 1``, ... row-major."""
        return Matrix.build(rows, columns, lambda i, j: symbol(start + i * columns + j))

    @staticmethod
    def build(rows: int, columns: int, entry: Callable[[int, int], Node]) -> Matrix:
        return Matrix(tuple(tuple(entry(i, j) for j in range(columns)) for i in range(rows)))

    @staticmethod
    def blocks(parts: Sequence[Sequence[Matrix]]) -> Matrix:
        """One matrix from a rectangle of matrices."""
        return Matrix(
            tuple(
                tuple(entry for part in line for entry in part.rows[i])
                for line in parts
                for i in range(line[0].shape[0])
            )
        )

    @staticmethod
    def zeros(rows: int, columns: int) -> Matrix:
        return Matrix.build(rows, columns, lambda _i, _j: 0)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.rows[0]) if self.rows else 0

    @property
    def T(self) -> Matrix:  # noqa: N802 (the usual name)
        return Matrix(tuple(zip(*self.rows, strict=True)))

    def __matmul__(self, other: Matrix) -> Matrix:
        columns = other.T.rows
        return Matrix(
            tuple(
                tuple(add(*(multiply(a, b) for a, b in zip(row, column, strict=True))) for column in columns)
                for row in self.rows
            )
        )

    def __add__(self, other: Matrix) -> Matrix:
        return self._with(other, add)

    def __sub__(self, other: Matrix) -> Matrix:
        return self._with(other, subtract)

    def scaled(self, factor: Node | Fraction) -> Matrix:
        return Matrix(tuple(tuple(multiply(factor, entry) for entry in row) for row in self.rows))

    def trace(self) -> Node:
        return add(*(row[i] for i, row in enumerate(self.rows)))

    def inner(self, other: Matrix) -> Node:
        """The sum of the products of corresponding entries."""
        return add(
            *(
                multiply(a, b)
                for left, right in zip(self.rows, other.rows, strict=True)
                for a, b in zip(left, right, strict=True)
            )
        )

    def equals(self, other: Matrix) -> list[tuple[Node, Node]]:
        """The pairs of entries, for ``identity``."""
        return [
            (a, b) for left, right in zip(self.rows, other.rows, strict=True) for a, b in zip(left, right, strict=True)
        ]

    def _with(self, other: Matrix, combine: Callable[[Node, Node], Node]) -> Matrix:
        return Matrix(
            tuple(
                tuple(combine(a, b) for a, b in zip(left, right, strict=True))
                for left, right in zip(self.rows, other.rows, strict=True)
            )
        )
