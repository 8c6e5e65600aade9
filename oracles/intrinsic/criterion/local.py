"""phi and its derivatives at one rational point, exactly: gradients, the metric ``M = dphi dphi^T``, and dM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from ...models import DeepLinear, Model
from ...polynomials import Polynomial, Rational, tidy
from ..linear.matrices import Matrix

Vector = Mapping[int, Rational]
"""Entries by number; those left out are zero."""


class Local:
    """A model at a point. Coordinates are numbered as ``model.coordinates()`` lists them."""

    def __init__(self, model: Model, point: Sequence[Rational]) -> None:
        self.model, self.point = model, point

    @cached_property
    def _coordinates(self) -> tuple[Polynomial, ...]:
        return self.model.coordinates()

    @cached_property
    def size(self) -> int:
        """d, the number of coordinates."""
        if isinstance(self.model, DeepLinear):
            return (self.model.widths[0] - self.model.logits) * self.model.widths[-1]
        return len(self._coordinates)

    @cached_property
    def matrices(self) -> list[Matrix]:
        """The factors of a linear network."""
        return matrices(self.model, self.point)

    def value(self, index: int) -> Rational:
        """``phi_i``."""
        if isinstance(self.model, DeepLinear):
            gradient = self.gradient(index)
            depth = len(self.model.widths) - 1
            return tidy(Fraction(sum(self.point[k] * slope for k, slope in gradient.items())) / depth)
        return self._coordinates[index].evaluate(self.point)

    def gradient(self, index: int) -> dict[int, Rational]:
        """``grad phi_i``, its entries that are not zero."""
        return self.moved(index, None)[0]

    def moved(
        self, index: int, direction: Sequence[Rational] | None
    ) -> tuple[dict[int, Rational], dict[int, Rational]]:
        """``grad phi_i`` and its derivative along ``direction``."""
        if isinstance(self.model, DeepLinear):
            return self._moved_product(self.model, index, direction)
        gradient: dict[int, Rational] = {}
        change: dict[int, Rational] = {}
        for variable, slope in self._coordinates[index].gradient().items():
            gradient[variable] = slope.evaluate(self.point)
            if direction is not None:
                second = slope.gradient()
                along = sum((direction[k] * part.evaluate(self.point) for k, part in second.items()), Fraction(0))
                change[variable] = tidy(along)
        return _nonzero(gradient), _nonzero(change)

    def metric(self, i: int, j: int) -> Rational:
        """``M_ij = <grad phi_i, grad phi_j>``."""
        return _inner(self.gradient(i), self.gradient(j))

    def derivative(self, i: int, j: int, direction: Sequence[Rational]) -> Rational:
        """``dM_ij`` along ``direction``."""
        (first, of_first), (second, of_second) = self.moved(i, direction), self.moved(j, direction)
        return tidy(Fraction(_inner(first, of_second)) + _inner(of_first, second))

    def _moved_product(
        self, model: DeepLinear, index: int, direction: Sequence[Rational] | None
    ) -> tuple[dict[int, Rational], dict[int, Rational]]:
        row, column = divmod(index, model.widths[-1])
        outputs = {row: 1, model.widths[0] - 1: -1} if model.logits else {row: 1}
        factors = self.matrices
        changes = None if direction is None else matrices(model, direction)
        # left[a] is the covector times U_1 ... U_a, right[a] is U_(a+1) ... U_L times e_column, each with its change
        left = [_with_change([outputs.get(i, 0) for i in range(model.widths[0])])]
        for k, factor in enumerate(factors[:-1]):
            left.append(_times(left[-1], factor, changes[k] if changes else None))
        right = [_with_change([int(j == column) for j in range(model.widths[-1])])]
        for k in range(len(factors) - 1, 0, -1):
            flipped = [list(line) for line in zip(*factors[k], strict=True)]
            of_flipped = [list(line) for line in zip(*changes[k], strict=True)] if changes else None
            right.append(_times(right[-1], flipped, of_flipped))
        right.reverse()
        gradient: dict[int, Rational] = {}
        change: dict[int, Rational] = {}
        start = 0
        for (a, b), (height, width) in zip(zip(left, right, strict=True), pairwise(model.widths), strict=True):
            for i in range(height):
                for j in range(width):
                    at = start + i * width + j
                    gradient[at] = a[0][i] * b[0][j]
                    if direction is not None:
                        change[at] = a[1][i] * b[0][j] + a[0][i] * b[1][j]
            start += height * width
        return _nonzero(gradient), _nonzero(change)


def matrices(model: Model, point: Sequence[Rational]) -> list[Matrix]:
    """The parameters of a linear network, or a direction, as matrices."""
    out: list[Matrix] = []
    start = 0
    for block in model.blocks:
        height, width = block.shape
        out.append([list(point[start + i * width : start + (i + 1) * width]) for i in range(height)])
        start += height * width
    return out


def flat(factors: Sequence[Sequence[Sequence[Rational]]]) -> list[Rational]:
    """The parameters again."""
    return [value for factor in factors for row in factor for value in row]


Moved = tuple[list[Rational], list[Rational]]


def _with_change(values: list[Rational] | list[int]) -> Moved:
    return list(values), [0] * len(values)


def _times(moved: Moved, factor: Matrix, change: Matrix | None) -> Moved:
    """A row vector times a matrix, and the change of this product."""
    value, of_value = moved
    out = _row_times(value, factor)
    if change is None:
        return out, [0] * len(out)
    return out, [a + b for a, b in zip(_row_times(of_value, factor), _row_times(value, change), strict=True)]


def _row_times(row: Sequence[Rational], matrix: Matrix) -> list[Rational]:
    out: list[Rational] = [0] * len(matrix[0])
    for value, line in zip(row, matrix, strict=True):
        if value:
            out = [total + value * entry for total, entry in zip(out, line, strict=True)]
    return out


def _inner(left: Vector, right: Vector) -> Rational:
    return tidy(Fraction(sum((left[k] * right[k] for k in left.keys() & right.keys()), Fraction(0))))


def _nonzero(values: Mapping[int, Rational]) -> dict[int, Rational]:
    return {k: tidy(Fraction(value)) for k, value in values.items() if value}
