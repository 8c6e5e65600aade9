"""Matrices of exact polynomials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..polynomials import Monomial, Polynomial, Rational

Terms = dict[Monomial, Rational]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix of polynomials; ``shape`` is ``(rows, columns)`` and ``entries`` are row-major. A scalar is 1 x 1."""

    shape: tuple[int, int]
    entries: tuple[Polynomial, ...]

    @property
    def scalar(self) -> bool:
        return self.shape == (1, 1)

    def row(self, i: int) -> tuple[Polynomial, ...]:
        return self.entries[i * self.shape[1] : (i + 1) * self.shape[1]]

    def column(self, j: int) -> tuple[Polynomial, ...]:
        return self.entries[j :: self.shape[1]]

    def transposed(self) -> Matrix:
        rows, columns = self.shape
        return Matrix((columns, rows), tuple(entry for j in range(columns) for entry in self.column(j)))


def count(entries: tuple[Polynomial, ...]) -> int:
    """The number of terms."""
    return sum(len(entry.terms) for entry in entries)


def weight(matrix: Matrix) -> int:
    """What copying the matrix costs: its entries and their terms."""
    return len(matrix.entries) + count(matrix.entries)


def degree(matrix: Matrix) -> int:
    """The largest degree of an entry."""
    return max(entry.degree for entry in matrix.entries)


def total(polynomials: Iterable[Polynomial]) -> Polynomial:
    """The sum of many polynomials, in one dictionary."""
    terms: Terms = {}
    for polynomial in polynomials:
        add_to(terms, polynomial, 1)
    return Polynomial(terms)


def dot(left: Iterable[Polynomial], right: Iterable[Polynomial]) -> Polynomial:
    """The sum of the products of corresponding entries."""
    terms: Terms = {}
    for a, b in zip(left, right, strict=True):
        add_product(terms, a, b, 1)
    return Polynomial(terms)


def add_to(terms: Terms, polynomial: Polynomial, sign: int) -> None:
    for monomial, c in polynomial.terms.items():
        terms[monomial] = terms.get(monomial, 0) + sign * c


def add_product(terms: Terms, a: Polynomial, b: Polynomial, sign: int) -> None:
    add_to(terms, a * b, sign)


def determinant(matrix: Matrix) -> Polynomial:
    """By minors of the last rows, one for each set of columns (Laplace)."""
    n = matrix.shape[0]
    minors: dict[int, Polynomial] = {0: Polynomial.constant(1)}
    for i in range(n - 1, -1, -1):
        row = matrix.row(i)
        larger: dict[int, Terms] = {}
        for columns, minor in minors.items():
            for j in _others(columns, n):
                sign = -1 if (columns & ((1 << j) - 1)).bit_count() % 2 else 1
                add_product(larger.setdefault(columns | 1 << j, {}), row[j], minor, sign)
        minors = {columns: Polynomial(terms) for columns, terms in larger.items()}
    return minors[(1 << n) - 1]


def determinant_work(matrix: Matrix) -> int:
    """An upper bound on the term products of ``determinant``: the same recursion on numbers of terms."""
    n = matrix.shape[0]
    minors: dict[int, int] = {0: 1}
    work = 0
    for i in range(n - 1, -1, -1):
        row = matrix.row(i)
        larger: dict[int, int] = {}
        for columns, terms in minors.items():
            for j in _others(columns, n):
                cost = len(row[j].terms) * terms
                work += cost
                larger[columns | 1 << j] = larger.get(columns | 1 << j, 0) + cost
        minors = larger
    return work


def _others(columns: int, n: int) -> list[int]:
    """The columns that are not in the set ``columns``."""
    return [j for j in range(n) if not columns >> j & 1]
