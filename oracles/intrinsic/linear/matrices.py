"""Small exact matrices over Q, as lists of rows; products and inverses by FLINT."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING

from ...polynomials import Rational, tidy

if TYPE_CHECKING:
    from flint import fmpq_mat, fmpz_mat

Rows = Sequence[Sequence[Rational]]
Matrix = list[list[Rational]]


def to_flint(rows: Rows, columns: int) -> fmpq_mat:
    """The rows as a matrix of FLINT with so many ``columns``."""
    from flint import fmpq, fmpq_mat

    entries = [fmpq(value.numerator, value.denominator) for row in rows for value in row]
    return fmpq_mat(len(rows), columns, entries)


def from_flint(matrix: fmpq_mat) -> Matrix:
    """Rows of whole numbers and fractions."""
    return [[tidy(Fraction(int(x.p), int(x.q))) for x in row] for row in matrix.table()]


def product(*factors: Rows) -> Matrix:
    """The product of matrices that fit, none of them empty."""
    total = to_flint(factors[0], len(factors[0][0]))
    for factor in factors[1:]:
        total = total * to_flint(factor, len(factor[0]))
    return from_flint(total)


def transposed(rows: Rows) -> Matrix:
    """Rows and columns exchanged."""
    return [list(column) for column in zip(*rows, strict=True)]


def added(left: Rows, right: Rows) -> Matrix:
    """The sum."""
    return [[tidy(Fraction(a) + b) for a, b in zip(x, y, strict=True)] for x, y in zip(left, right, strict=True)]


def scaled(rows: Rows, factor: Rational) -> Matrix:
    """A multiple."""
    return [[tidy(Fraction(value) * factor) for value in row] for row in rows]


def identity(size: int) -> Matrix:
    """Ones on the diagonal."""
    return [[int(i == j) for j in range(size)] for i in range(size)]


def zeros(height: int, width: int) -> Matrix:
    """Zeros."""
    return [[0] * width for _ in range(height)]


def inverse(rows: Rows) -> Matrix:
    """The inverse.

    Raises:
        ZeroDivisionError: the matrix is singular.
    """
    return from_flint(to_flint(rows, len(rows)).inv())


def rank(rows: Rows) -> int:
    """The exact rank; 0 for a matrix without entries."""
    return int(to_flint(rows, len(rows[0])).rank()) if rows and rows[0] else 0


def cayley(skew: Rows) -> Matrix:
    """``(I - Y)^(-1) (I + Y)``: for skew Y an orthogonal matrix, joined to the identity by ``Cayley(t Y)``."""
    one = identity(len(skew))
    return product(inverse(added(one, scaled(skew, -1))), added(one, skew))


def skew(size: int, entries: dict[tuple[int, int], Rational]) -> Matrix:
    """The skew matrix with these entries above the diagonal."""
    out = zeros(size, size)
    for (i, j), value in entries.items():
        out[i][j], out[j][i] = value, -value
    return out


def primitive(values: Sequence[Rational]) -> list[Rational]:
    """The multiple of a vector that is not zero with whole entries without a common divisor, the first one positive."""
    below = lcm(*(value.denominator for value in values))
    whole = [int(value * below) for value in values]
    shared = gcd(*whole)
    sign = 1 if next(value for value in whole if value) > 0 else -1
    return [sign * value // shared for value in whole]


def whole_matrix(rows: Sequence[dict[int, Rational]], columns: int) -> fmpz_mat:
    """Sparse rational rows as a matrix of whole numbers, each row times its common denominator."""
    from flint import fmpz_mat

    out = fmpz_mat(len(rows), columns)
    for i, row in enumerate(rows):
        below = lcm(*(value.denominator for value in row.values()))
        for j, value in row.items():
            out[i, j] = int(value * below)
    return out
