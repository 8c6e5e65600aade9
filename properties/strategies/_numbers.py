"""Small rational numbers, and vectors and matrices of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import strategies as st

Vector = tuple[Fraction, ...]
Matrix = tuple[Vector, ...]


def rationals(size: int = 9, *, denominator: int = 4, nonzero: bool = False) -> st.SearchStrategy[Fraction]:
    """Fractions ``a / b`` with ``|a| <= size`` and ``1 <= b <= denominator``; they shrink to 0, or ``nonzero`` to 1."""
    if nonzero:
        numerators = st.integers(-size, size - 1).map(lambda a: a if a < 0 else a + 1)
    else:
        numerators = st.integers(-size, size)
    return st.builds(Fraction, numerators, st.integers(1, denominator))


def vectors(length: int, *, size: int = 9, denominator: int = 4, nonzero: bool = False) -> st.SearchStrategy[Vector]:
    """Vectors of ``length`` rationals; ``nonzero`` means that no entry is zero."""
    entry = rationals(size, denominator=denominator, nonzero=nonzero)
    return st.tuples(*[entry] * length)


def matrices(
    rows: int, columns: int, *, size: int = 9, denominator: int = 4, nonzero: bool = False
) -> st.SearchStrategy[Matrix]:
    """Matrices as tuples of rows; ``nonzero`` means that no entry is zero."""
    row = vectors(columns, size=size, denominator=denominator, nonzero=nonzero)
    return st.tuples(*[row] * rows)


def orthogonal(size: int) -> st.SearchStrategy[Matrix]:
    """Rational orthogonal matrices: the identity, or a reflection ``I - 2 v v^T / |v|^2`` with small whole ``v``."""
    return st.tuples(*[st.integers(-2, 2)] * size).map(_reflection)


def unit_vectors(length: int) -> st.SearchStrategy[Vector]:
    """Rational vectors of Euclidean length exactly 1 without zero entries; in the plane they shrink to (3/5, 4/5)."""
    entry = st.integers(-3, 2).map(lambda a: a if a < 0 else a + 1)
    return st.builds(_unit, st.sampled_from([1, -1]), st.tuples(*[entry] * length))


def signs(length: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Entries 1 and -1; they shrink to 1."""
    return st.integers(0, 2**length - 1).map(lambda bits: tuple(-1 if bits >> i & 1 else 1 for i in range(length)))


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
