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

from ._flow import Times, times
from ._modular import Residues


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

    def _around(self, blocks: list[Residues]) -> tuple[list[Residues], list[Residues]]:
        """Products of all blocks left of each block, and of all blocks right of it."""
        orders = len(blocks[0])
        left, right = [_identity(self.widths[0], orders)], [_identity(self.widths[-1], orders)]
        for block in blocks[:-1]:
            left.append(self._times(left[-1], block))
        for block in reversed(blocks[1:]):
            right.append(self._times(block, right[-1]))
        return left, right[::-1]

    def _weights(self, covector: Residues) -> Residues:
        """A covector of the coordinates as a matrix paired with the whole product."""
        weights = covector.reshape(len(covector), self.rows, self.columns)
        if self.zero_sum:
            weights = np.concatenate([weights, -weights.sum(axis=1, keepdims=True)], axis=1)
        return weights % self.prime

    def field(self, point: Residues, covector: Residues) -> Residues:
        left, right = self._around(self._blocks(point))
        weights = self._weights(covector)
        return _joined(
            [self._times(self._times(_flip(a), weights), _flip(b)) for a, b in zip(left, right, strict=True)]
        )

    def generators(self, point: Residues, chosen: Sequence[int]) -> Residues:
        left, right = self._around(self._blocks(point))
        index = np.asarray(chosen, dtype=np.int64)
        row, column = index // self.columns, index % self.columns
        parts: list[Residues] = []
        for a, b in zip(left, right, strict=True):
            before = a[:, row] - a[:, -1:] if self.zero_sum else a[:, row]
            after = b[:, :, column].transpose(0, 2, 1)
            parts.append(self.multiply(_outer, before % self.prime, after, self.prime))
        return _joined(parts)

    def push(self, point: Residues, covector: Residues, tangents: Residues) -> Residues:
        blocks = [block[:, None] for block in self._blocks(point)]
        moved = self._blocks(tangents)
        left, right = self._around([block[:, 0] for block in blocks])
        left, right = [a[:, None] for a in left], [b[:, None] for b in right]
        weights = self._weights(covector)[:, None]
        left_moved: list[Residues | None] = [None]
        for i in range(len(blocks) - 1):
            step, before = self._times(left[i], moved[i]), left_moved[-1]
            left_moved.append(step if before is None else step + self._times(before, blocks[i]))
        right_moved: list[Residues | None] = [None]
        for i in range(len(blocks) - 1, 0, -1):
            step, after = self._times(moved[i], right[i]), right_moved[-1]
            right_moved.append(step if after is None else step + self._times(blocks[i], after))
        right_moved.reverse()
        parts: list[Residues] = []
        for a, b, da, db in zip(left, right, left_moved, right_moved, strict=True):
            zero = np.zeros((len(tangents), tangents.shape[1], a.shape[-1], b.shape[-2]), dtype=np.int64)
            if da is not None:
                zero = zero + self._times(_flip(da), self._times(weights, _flip(b)))
            if db is not None:
                zero = zero + self._times(self._times(_flip(a), weights), _flip(db))
            parts.append(zero % self.prime)
        return _joined(parts)


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
                _add_at(out[:, position], self.factors[mine, r], other[:, mine] * self.coefficients[mine])
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


def _add_at(total: Residues, columns: Residues, values: Residues) -> None:
    """Adds the last axis of ``values`` to the named columns of ``total``, which may repeat."""
    index: Any = (..., columns)
    np.add.at(total, index, values)


def _identity(size: int, orders: int) -> Residues:
    out = np.zeros((orders, size, size), dtype=np.int64)
    out[0] = np.eye(size, dtype=np.int64)
    return out


def _flip(series: Residues) -> Residues:
    return np.swapaxes(series, -1, -2)


def _outer(left: Residues, right: Residues) -> Residues:
    return left[..., :, None] * right[..., None, :]


def _joined(parts: list[Residues]) -> Residues:
    return np.concatenate([part.reshape(*part.shape[:-2], -1) for part in parts], axis=-1)
