"""The two programs that the kernel can differentiate: products of matrices, and sums of monomials.

Both are products of factors, so both gradients are "everything left of the factor times everything right of it". They
work over any algebra whose elements are arrays with a first axis of coefficients, the unit first; ``multiply`` is its
product, by default that of truncated power series.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ._flow import Cost, Times, times
from ._modular import Residues

_CALL = 40_000
"""The cost of one array operation, however small: 4 microseconds."""


class Chain:
    """``phi = U_1 U_2 ... U_L`` with U_i of shape ``(widths[i-1], widths[i])``.

    Coordinates are numbered row-major. ``zero_sum`` keeps the covectors whose columns sum to zero (A1.loss-span):
    coordinate (i, j) is then ``phi_ij - phi_(last, j)`` for i below the last row.
    """

    def __init__(self, widths: Sequence[int], zero_sum: bool, prime: int, multiply: Times = times) -> None:
        self.widths = list(widths)
        self.prime = prime
        self.multiply = multiply
        self.shapes = list(pairwise(self.widths))
        self.ends = np.cumsum([0] + [a * b for a, b in self.shapes]).tolist()
        self.rows, self.columns = self.widths[0] - zero_sum, self.widths[-1]
        self.zero_sum = zero_sum

    def _blocks(self, flat: Residues) -> list[Residues]:
        return [
            flat[..., start:end].reshape(*flat.shape[:-1], *shape)
            for start, end, shape in zip(self.ends, self.ends[1:], self.shapes, strict=False)
        ]

    def _times(self, left: Residues, right: Residues) -> Residues:
        return self.multiply(np.matmul, left, right, self.prime)

    def _before(self, blocks: list[Residues], weights: Residues) -> list[Residues]:
        """The transposed product of all blocks left of each block, times ``weights``."""
        out = [weights]
        for block in blocks[:-1]:
            out.append(self._times(_flip(block), out[-1]))
        return out

    def _after(self, blocks: list[Residues]) -> list[Residues]:
        """The product of all blocks right of each block; the last one has none."""
        out = blocks[:0:-1]
        for i in range(1, len(out)):
            out[i] = self._times(out[i], out[i - 1])
        return out[::-1]

    def _weights(self, covector: Residues) -> Residues:
        """A covector of the coordinates as a matrix paired with the whole product."""
        weights = covector.reshape(len(covector), self.rows, self.columns)
        if self.zero_sum:
            weights = np.concatenate([weights, -weights.sum(axis=1, keepdims=True)], axis=1)
        return weights % self.prime

    def field(self, point: Residues, covector: Residues) -> Residues:
        blocks = self._blocks(point)
        *before, last = self._before(blocks, self._weights(covector))
        parts = [self._times(a, _flip(b)) for a, b in zip(before, self._after(blocks), strict=True)]
        return _joined([*parts, last])

    def generators(self, point: Residues, chosen: Sequence[int]) -> Residues:
        blocks = self._blocks(point)
        all_before = self._before(blocks, _identity(self.widths[0], len(point)))
        all_after = [*self._after(blocks), _identity(self.columns, len(point))]
        index = np.asarray(chosen, dtype=np.int64)
        row, column = index // self.columns, index % self.columns
        parts: list[Residues] = []
        for a, b in zip(all_before, all_after, strict=True):
            before = a[:, :, row] - a[:, :, -1:] if self.zero_sum else a[:, :, row]
            parts.append(self.multiply(_outer, _flip(before) % self.prime, _flip(b[:, :, column]), self.prime))
        return _joined(parts)

    def push(self, point: Residues, covector: Residues, tangents: Residues) -> Residues:
        blocks, moved = self._blocks(point), self._blocks(tangents)
        before = [a[:, None] for a in self._before(blocks, self._weights(covector))]
        after = [b[:, None] for b in self._after(blocks)]
        blocks = [block[:, None] for block in blocks]
        parts = [np.zeros_like(block) for block in moved]
        change: Residues | None = None
        for i in range(len(blocks) - 1):  # that of before[i + 1]
            step = self._times(_flip(moved[i]), before[i])
            change = step if change is None else step + self._times(_flip(blocks[i]), change)
            parts[i + 1] += self._times(change, _flip(after[i + 1])) if i + 1 < len(after) else change
        change = None
        for i in range(len(blocks) - 1, 0, -1):  # that of after[i - 1]
            step = moved[i] if i == len(after) else self._times(moved[i], after[i])
            change = step if change is None else step + self._times(blocks[i], change)
            parts[i - 1] += self._times(before[i - 1], _flip(change))
        return _joined(parts) % self.prime

    def cost(self) -> Cost:
        first, last, layers = self.widths[0], self.widths[-1], len(self.shapes)
        inner = (first + last) * sum(self.widths)
        size = (first + last) * self.ends[-1]
        return Cost(
            once=20 * layers * _CALL + 20 * (size + first * last * sum(self.widths)) + 100 * inner,
            each=15 * size + 100 * (inner + self.ends[-1]) + layers * _CALL // 4,
            cells=4 * (self.ends[-1] + inner),
        )


class Monomials:
    """Coordinates that are sums of monomials, each written as a product of ``degree`` variables.

    ``factors[s, r]`` is the r-th variable of term s (the variable number D stands for 1), ``coefficients[s]`` its
    coefficient modulo p and ``owners[s]`` its coordinate.
    """

    def __init__(
        self,
        parameters: int,
        factors: Residues,
        coefficients: Residues,
        owners: Residues,
        prime: int,
        multiply: Times = times,
    ) -> None:
        self.parameters = parameters
        self.multiply = multiply
        self.factors = factors
        self.coefficients = coefficients
        self.owners = owners
        self.prime = prime

    def _values(self, flat: Residues, constant: int) -> list[Residues]:
        """The value of each factor position on all terms, for points (constant 1) or tangents (constant 0)."""
        one = np.zeros((*flat.shape[:-1], 1), dtype=np.int64)
        one[0] = constant
        extended = np.concatenate([flat, one], axis=-1)
        return [extended[..., self.factors[:, r]] for r in range(self.factors.shape[1])]

    def _times(self, left: Residues, right: Residues) -> Residues:
        return self.multiply(np.multiply, left, right, self.prime)

    def _others(self, values: list[Residues]) -> list[Residues]:
        """The product of all factors but the r-th, for each r."""
        one = np.zeros_like(values[0])
        one[0] = 1
        before, after = [one], [one]
        for value in values[:-1]:
            before.append(self._times(before[-1], value))
        for value in reversed(values[1:]):
            after.append(self._times(value, after[-1]))
        return [self._times(a, b) for a, b in zip(before, reversed(after), strict=True)]

    def _collect(self, parts: list[Residues]) -> Residues:
        """Adds, for each factor position, the entries of all terms to their variables."""
        total = np.zeros((*parts[0].shape[:-1], self.parameters + 1), dtype=np.int64)
        for r, part in enumerate(parts):
            _add_at(total, self.factors[:, r], part)
        return total[..., : self.parameters] % self.prime

    def field(self, point: Residues, covector: Residues) -> Residues:
        weights = covector[:, self.owners] * self.coefficients % self.prime
        return self._collect([self._times(weights, other) for other in self._others(self._values(point, 1))])

    def generators(self, point: Residues, chosen: Sequence[int]) -> Residues:
        others = self._others(self._values(point, 1))
        out = np.zeros((len(point), len(chosen), self.parameters + 1), dtype=np.int64)
        for position, coordinate in enumerate(chosen):
            mine = np.flatnonzero(self.owners == coordinate)
            for r, other in enumerate(others):
                part = other[:, mine] * self.coefficients[mine] % self.prime
                _add_at(out[:, position], self.factors[mine, r], part)
        return out[..., : self.parameters] % self.prime

    def push(self, point: Residues, covector: Residues, tangents: Residues) -> Residues:
        values = [value[:, None] for value in self._values(point, 1)]
        moved = self._values(tangents, 0)
        weights = (covector[:, self.owners] * self.coefficients % self.prime)[:, None]
        size = len(values)
        parts: list[Residues] = []
        for r in range(size):
            part = np.zeros_like(moved[0])
            for s in range(size):
                if s != r:
                    product = self._times(weights, moved[s])
                    for q in range(size):
                        if q not in (r, s):
                            product = self._times(values[q], product)
                    part = part + product
            parts.append(part % self.prime)
        return self._collect(parts)

    def cost(self) -> Cost:
        terms, size = self.factors.shape
        products = size * (size - 1) * size + 10 * size
        return Cost(
            once=_CALL * products + 100 * 10 * size * terms,
            each=100 * products * terms + _CALL * size,
            cells=(2 * size + 4) * terms + self.parameters,
        )


def _add_at(total: Residues, columns: Residues, values: Residues) -> None:
    """Adds the last axis of ``values`` to the named columns of ``total``, which may repeat."""
    index: Any = (..., columns)
    np.add.at(total, index, values)


def _identity(size: int, orders: int) -> Residues:
    out = np.zeros((orders, size, size), dtype=np.int64)
    out[0] = np.eye(size, dtype=np.int64)
    return out


def _flip(series: Residues) -> Residues:
    return series.swapaxes(-1, -2)


def _outer(left: Residues, right: Residues) -> Residues:
    return left[..., :, None] * right[..., None, :]


def _joined(parts: list[Residues]) -> Residues:
    return np.concatenate([part.reshape(*part.shape[:-2], -1) for part in parts], axis=-1)
