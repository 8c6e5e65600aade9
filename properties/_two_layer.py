"""Two-layer networks ``U sigma(V x)`` with the squared loss, on any numbers: weights, gradients, matrix charges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from ..oracles.dynamics import Number
from ._layered import positive

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from .strategies._numbers import Matrix as Exact

Matrix = Sequence[Sequence[Number]]
Unit = Literal["linear", "relu", "square", "radial"]


def times(A: Matrix, B: Matrix) -> list[list[Number]]:
    """``A B``."""
    columns = list(zip(*B, strict=True))
    return [[_dot(row, column) for column in columns] for row in A]


def transposed(A: Matrix) -> list[list[Number]]:
    """``A^T``."""
    return [list(row) for row in zip(*A, strict=True)]


def combine(A: Matrix, B: Matrix, function: Callable[[Number, Number], Number]) -> list[list[Number]]:
    """Entry by entry."""
    return [[function(a, b) for a, b in zip(x, y, strict=True)] for x, y in zip(A, B, strict=True)]


def minus(A: Matrix, B: Matrix) -> list[list[Number]]:
    """``A - B``."""
    return combine(A, B, lambda a, b: a - b)


def scaled(factor: Number, A: Matrix) -> list[list[Number]]:
    """``factor A``."""
    return [[factor * a for a in row] for row in A]


def skew(A: Matrix) -> list[list[Number]]:
    """``A - A^T``."""
    return minus(A, transposed(A))


def balance(U: Matrix, V: Matrix, alpha: Number = 1) -> list[list[Number]]:
    """``V V^T - alpha U^T U``, a square matrix of the width of the hidden layer."""
    return minus(times(V, transposed(V)), scaled(alpha, times(transposed(U), U)))


def _dot(x: Sequence[Number], y: Sequence[Number]) -> Number:
    total = x[0] * y[0]
    for a, b in zip(x[1:], y[1:], strict=True):
        total = total + a * b
    return total


def gradients(U: Matrix, V: Matrix, X: Matrix, Y: Matrix, unit: Unit) -> tuple[list[list[Number]], list[list[Number]]]:
    """``(G_U, G_V)`` of ``sum_s |U sigma(V x_s) - y_s|^2 / 2``; rows of X and Y are samples.

    The units: the identity, ReLU, ``z^2``, and the radial ``sigma(z) = z/(1 + |z|^2)``.
    """
    to_u: list[list[Number]] = [[0 * u for u in row] for row in U]
    to_v: list[list[Number]] = [[0 * v for v in row] for row in V]
    for x, y in zip(X, Y, strict=True):
        z = [_dot(row, x) for row in V]
        keep = 1 / (1 + _dot(z, z)) if unit == "radial" else 1
        h = [_value(entry, unit) * keep for entry in z]
        e = [_dot(row, h) - target for row, target in zip(U, y, strict=True)]
        back = [_dot(column, e) for column in zip(*U, strict=True)]
        if unit == "radial":
            along = _dot(back, z)
            d = [keep * b - 2 * keep * keep * along * entry for b, entry in zip(back, z, strict=True)]
        else:
            d = [b * _slope(entry, unit) for b, entry in zip(back, z, strict=True)]
        to_u = combine(to_u, [[a * b for b in h] for a in e], lambda a, b: a + b)
        to_v = combine(to_v, [[a * b for b in x] for a in d], lambda a, b: a + b)
    return to_u, to_v


def _value(z: Number, unit: Unit) -> Number:
    if unit == "relu":
        return z if positive(z) else 0 * z
    return z * z if unit == "square" else z


def _slope(z: Number, unit: Unit) -> Number:
    if unit == "relu":
        return 1 if positive(z) else 0
    return 2 * z if unit == "square" else 1


@dataclass(frozen=True, slots=True, repr=False)
class TwoLayer:
    """Exact weights and samples, a kind of unit, a rate and a decay."""

    U: Exact
    V: Exact
    X: Exact
    Y: Exact
    unit: Unit
    rate: Fraction = Fraction(1, 10)
    decay: Fraction = Fraction(0)

    def __repr__(self) -> str:
        from .strategies import shown

        parts = ((name, getattr(self, name)) for name in "UVXY")
        matrices = ", ".join(f"{name} = [{' '.join(map(shown, rows))}]" for name, rows in parts)
        return f"{self.unit} units, {matrices}, eta = {self.rate}, lam = {self.decay}"

    def gradients(self) -> tuple[list[list[Number]], list[list[Number]]]:
        """At the weights."""
        return gradients(self.U, self.V, self.X, self.Y, self.unit)

    def stepped(self) -> tuple[list[list[Number]], list[list[Number]]]:
        """``(U, V)`` after one step of SGD."""
        G_U, G_V = self.gradients()
        keep = 1 - self.rate * self.decay
        return (
            minus(scaled(keep, self.U), scaled(self.rate, G_U)),
            minus(scaled(keep, self.V), scaled(self.rate, G_V)),
        )

    def with_unit(self, unit: Unit) -> TwoLayer:
        """The same numbers."""
        return replace(self, unit=unit)


def networks(*units: Unit, decay: bool = True) -> SearchStrategy[TwoLayer]:
    """Networks of one or two outputs and inputs, two hidden units and one to three samples."""
    from hypothesis import strategies as st

    from .strategies import matrices

    def sizes(drawn: tuple[int, int, int]) -> SearchStrategy[TwoLayer]:
        m, n, samples = drawn
        return st.builds(
            TwoLayer,
            matrices(m, 2, size=4, denominator=3, nonzero=True),
            matrices(2, n, size=4, denominator=3, nonzero=True),
            matrices(samples, n, size=4, denominator=2, nonzero=True),
            matrices(samples, m, size=4, denominator=2),
            st.sampled_from(units),
            st.integers(1, 20).map(lambda k: Fraction(k, 40)),
            st.integers(0, 6 if decay else 0).map(lambda k: Fraction(k, 20)),
        )

    return st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 3)).flatmap(sizes)
