"""Small rational numbers, and vectors and matrices of them.

Most of the time of a random case goes into drawing it, and much of that into making strategies: so a vector is drawn as
plain integers, and strategies that differ by numbers alone are made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from operator import itemgetter

from hypothesis import strategies as st

Vector = tuple[Fraction, ...]
Matrix = tuple[Vector, ...]


@cache
def rationals(size: int = 9, *, denominator: int = 4, nonzero: bool = False) -> st.SearchStrategy[Fraction]:
    """Fractions ``a / b`` with ``|a| <= size`` and ``1 <= b <= denominator``; they shrink to 0, or ``nonzero`` to 1."""
    return vectors(1, size=size, denominator=denominator, nonzero=nonzero).map(itemgetter(0))


@cache
def vectors(length: int, *, size: int = 9, denominator: int = 4, nonzero: bool = False) -> st.SearchStrategy[Vector]:
    """Vectors of ``length`` rationals; ``nonzero`` means that no entry is zero."""
    numerators = signed(size, nonzero=nonzero)

    def made(drawn: tuple[Sequence[int], Sequence[int]]) -> Vector:
        return tuple(Fraction(numerators[a], 1 + b) for a, b in zip(*drawn, strict=True))

    return st.tuples(choices(length, len(numerators)), choices(length, denominator)).map(made)


@cache
def matrices(
    rows: int, columns: int, *, size: int = 9, denominator: int = 4, nonzero: bool = False
) -> st.SearchStrategy[Matrix]:
    """Matrices as tuples of rows; ``nonzero`` means that no entry is zero."""
    entries = vectors(rows * columns, size=size, denominator=denominator, nonzero=nonzero)
    return entries.map(lambda flat: tuple(flat[i * columns : (i + 1) * columns] for i in range(rows)))


@cache
def orthogonal(size: int) -> st.SearchStrategy[Matrix]:
    """Rational orthogonal matrices: the identity, or a reflection ``I - 2 v v^T / |v|^2`` with small whole ``v``."""
    entries = signed(2)
    return choices(size, len(entries)).map(lambda drawn: _reflection([entries[k] for k in drawn]))


@cache
def unit_vectors(length: int) -> st.SearchStrategy[Vector]:
    """Rational vectors of Euclidean length exactly 1 without zero entries; in the plane they shrink to (3/5, 4/5)."""
    entries = signed(3, nonzero=True)

    def made(drawn: Sequence[int]) -> Vector:
        sign, *rest = drawn
        return _unit((-1) ** sign, [entries[k] for k in rest])

    return choices(length + 1, len(entries)).map(made)


@cache
def signs(length: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Entries 1 and -1; they shrink to 1."""
    return choices(length, 2).map(lambda drawn: tuple((-1) ** k for k in drawn))


@cache
def choices(length: int, many: int) -> st.SearchStrategy[tuple[int, ...]]:
    """``length`` numbers below ``many``; each shrinks to 0."""
    # Drawn one by one: drawn at once, as bytes, whole vectors would come again, or zero, in a third of the cases.
    return st.tuples(*[st.integers(0, many - 1)] * length)


def signed(size: int, *, nonzero: bool = False) -> list[int]:
    """The whole numbers up to ``size`` in absolute value, in the order in which they shrink, the negative ones last."""
    return [*range(nonzero, size + 1), *range(-1, -size - 1, -1)]


def _reflection(v: Sequence[int]) -> Matrix:
    norm = sum(x * x for x in v)
    scale = Fraction(2, norm) if norm else Fraction(0)
    return tuple(tuple((i == j) - scale * v[i] * v[j] for j in range(len(v))) for i in range(len(v)))


def _unit(sign: int, v: Sequence[int]) -> Vector:
    """The first column of the reflection along ``v``, up to sign.

    Its entries are ``1 - 2 v_1^2/|v|^2`` and ``-2 v_1 v_i/|v|^2``: one could vanish, the first, and then ``v_1`` moves.
    """
    first, *rest = v
    if first * first == sum(x * x for x in rest):
        first += 1 if first > 0 else -1
    return tuple(-sign * row[0] for row in _reflection((first, *rest)))


def shown(values: Sequence[Fraction | int]) -> str:
    """A vector as people write it.

    >>> shown([Fraction(1, 2), Fraction(3)])
    '(1/2, 3)'
    """
    return "(" + ", ".join(str(value) for value in values) + ")"
