"""Rotations of linear networks: of hidden layers, which keep phi, balances and M; of outputs and inputs that keep Z."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, zip_longest

import numpy as np

from ...lie._residues import pivots
from ...models import DeepLinear
from ...polynomials import Rational, tidy
from ..linear.matrices import Matrix, added, cayley, product, scaled, skew, transposed, zeros
from .kernels import kernel
from .local import flat, matrices
from .residues import PRIMES, prime_for, residue

Skew = Mapping[tuple[int, int], Rational]
"""A skew matrix: its entries above the diagonal that are not zero."""
Rotation = tuple[int, Skew]
"""A hidden layer, counted from 1, and the skew matrix R of its rotation."""
Outer = tuple[Skew, Skew]
"""The skew matrices Y_1 of the outputs and Y_2 of the inputs."""

PLANES = 12
"""Kernel vectors of Z on one side whose planes are rotated."""
_DIAGONAL, _HIDDEN, _OUTER = 2_500, 600, 1_200
"""Unknown entries of the rotations of a hidden layer (with diagonal balance, or any) and of outputs and inputs."""


# -- rotations of hidden layers ---------------------------------------------------------------------------------------


def rotations(model: DeepLinear, point: Sequence[Rational]) -> list[Rotation]:
    """Independent rotations of hidden layers that keep all balances: ``theta -> (.., U_i R, -R U_(i+1), ..)``.

    R is skew and commutes with ``Delta_i = U_i^T U_i - U_(i+1) U_(i+1)^T``, since dDelta_i = [Delta_i, R]. The other
    balances and phi do not change, and neither does M, which is invariant under orthogonal changes of hidden layers.
    """
    factors = matrices(model, point)
    found: list[Rotation] = []
    for layer, width in enumerate(model.widths[1:-1], 1):
        before, after = factors[layer - 1], factors[layer]
        delta = added(product(transposed(before), before), scaled(product(after, transposed(after)), -1))
        sums = [[1] * model.widths[0]] if model.logits and layer == 1 else []
        kept = product(sums, before) if sums else []
        found += [(layer, entries) for entries in _commuting(delta, kept, width)]
    return _independent(model, point, found)


def _commuting(delta: Matrix, kept: Matrix, width: int) -> Iterator[Skew]:
    """A basis of the skew matrices R with ``[delta, R] = 0`` and ``kept R = 0``."""
    pairs = list(combinations(range(width), 2))
    diagonal = all(not delta[i][j] for i, j in pairs)
    if len(pairs) > (_DIAGONAL if diagonal else _HIDDEN):
        return
    if diagonal and not kept:
        yield from ({(i, j): 1} for i, j in pairs if delta[i][i] == delta[j][j])
        return
    equations: list[dict[int, Rational]] = [{} for _ in range(width * width + len(kept) * width)]

    def put(row: int, unknown: int, value: Rational) -> None:
        if value:
            equations[row][unknown] = equations[row].get(unknown, 0) + value

    for unknown, (i, j) in enumerate(pairs):
        for k in range(width):  # [delta, E_ij - E_ji] has delta[k, i] at (k, j), -delta[j, k] at (i, k), and so on
            put(k * width + j, unknown, delta[k][i])
            put(k * width + i, unknown, -delta[k][j])
            put(i * width + k, unknown, -delta[j][k])
            put(j * width + k, unknown, delta[i][k])
        for number, row in enumerate(kept):
            put((width + number) * width + j, unknown, row[i])
            put((width + number) * width + i, unknown, -row[j])
    for vector in kernel([row for row in equations if row], len(pairs)):
        yield {pair: value for pair, value in zip(pairs, vector, strict=True) if value}


def rotated(model: DeepLinear, point: Sequence[Rational], rotation: Rotation) -> list[Rational]:
    """The point with ``U_i R`` and ``R^T U_(i+1)``, R the Cayley transform of the rotation."""
    layer, entries = rotation
    factors = matrices(model, point)
    turn = cayley(skew(model.widths[layer], dict(entries)))
    factors[layer - 1] = product(factors[layer - 1], turn)
    factors[layer] = product(transposed(turn), factors[layer])
    return flat(factors)


def _independent(model: DeepLinear, point: Sequence[Rational], found: list[Rotation]) -> list[Rotation]:
    """Rotations whose directions are independent (modulo a prime, hence over Q), as many as there are."""
    if not found:
        return []
    prime = prime_for([*point, *(value for _, entries in found for value in entries.values())]) or PRIMES[0]
    factors = [np.array(factor, dtype=np.int64) for factor in matrices(model, residue(point, prime).tolist())]
    rows = np.zeros((len(found), model.parameters), dtype=np.int64)
    starts = np.cumsum([0, *(factor.size for factor in factors)])
    for row, (layer, entries) in zip(rows, found, strict=True):
        into = np.zeros_like(factors[layer - 1])
        out_of = np.zeros_like(factors[layer])
        for (i, j), value in entries.items():
            c = int(residue([value], prime)[0])
            into[:, j] = (into[:, j] + c * factors[layer - 1][:, i]) % prime
            into[:, i] = (into[:, i] - c * factors[layer - 1][:, j]) % prime
            out_of[i] = (out_of[i] - c * factors[layer][j]) % prime
            out_of[j] = (out_of[j] + c * factors[layer][i]) % prime
        row[starts[layer - 1] : starts[layer]] = into.ravel()
        row[starts[layer] : starts[layer + 1]] = out_of.ravel()
    return [found[k] for k in sorted(pivots(rows, prime)[0])]


# -- rotations of outputs and inputs that keep Z ----------------------------------------------------------------------


def outer_rotations(model: DeepLinear, point: Sequence[Rational]) -> Iterator[Outer]:
    """Skew pairs (Y_1, Y_2) with ``Y_1 Z = Z Y_2``: planes in the kernels of Z, and turns of its support, in turn.

    ``(Y_1 U_1, .., -U_L Y_2)`` is then a direction in K_1: phi changes by ``Y_1 Z - Z Y_2``, and the balances do not
    see skew factors on the outside. With logits Y_1 keeps the vector of ones, and Z is centred.
    """
    factors = matrices(model, point)
    n, m = model.widths[0], model.widths[-1]
    Z = _centred(product(*factors)) if model.logits else product(*factors)
    left = [v for v in _null(transposed(Z), n) if not model.logits or not sum(v)]
    nothing: Skew = {}
    sources = (
        ((nothing, plane) for plane in _planes(_null(Z, m))),
        ((plane, nothing) for plane in _planes(left)),
        _stabilizer(Z, model.logits),
    )
    for found in zip_longest(*sources):
        yield from (pair for pair in found if pair is not None)


def _planes(vectors: list[list[Rational]]) -> Iterator[Skew]:
    """``a b^T - b a^T`` for pairs of these vectors, the farthest in the list first."""
    step = -(-len(vectors) // PLANES) if vectors else 1
    few = [*vectors[:-1:step], *vectors[-1:]]
    for i, j in sorted(combinations(range(len(few)), 2), key=lambda pair: pair[0] - pair[1]):
        a, b = few[i], few[j]
        support = [k for k, (x, y) in enumerate(zip(a, b, strict=True)) if x or y]
        entries = {(p, q): a[p] * b[q] - b[p] * a[q] for p, q in combinations(support, 2)}
        yield {place: value for place, value in entries.items() if value}


def _centred(matrix: Matrix) -> Matrix:
    """Every column less its mean."""
    means = [Fraction(sum(column)) / len(matrix) for column in zip(*matrix, strict=True)]
    return [[tidy(entry - mean) for entry, mean in zip(row, means, strict=True)] for row in matrix]


def _null(rows: Matrix, columns: int) -> list[list[Rational]]:
    """Short vectors of the kernel of a matrix, the sparsest first."""
    equations = [{k: value for k, value in enumerate(row) if value} for row in rows]
    found = kernel([row for row in equations if row], columns)
    return sorted(found, key=lambda vector: sum(1 for value in vector if value))


def _stabilizer(Z: Matrix, centred: bool) -> Iterator[Outer]:
    """Solutions that turn only rows and columns of Z that are not zero, the sparsest first; none for large Z."""
    n, m = len(Z), len(Z[0])
    rows, columns = [i for i in range(n) if any(Z[i])], [j for j in range(m) if any(row[j] for row in Z)]
    first, second = list(combinations(rows, 2)), list(combinations(columns, 2))
    if len(first) + len(second) > _OUTER:
        return
    equations: list[dict[int, Rational]] = [{} for _ in range(n * m + n)]

    def put(row: int, unknown: int, value: Rational) -> None:
        if value:
            equations[row][unknown] = equations[row].get(unknown, 0) + value

    for unknown, (i, k) in enumerate(first):
        for j in columns:
            put(i * m + j, unknown, Z[k][j])
            put(k * m + j, unknown, -Z[i][j])
        if centred:  # rows of Y_1 sum to zero
            put(n * m + i, unknown, 1)
            put(n * m + k, unknown, -1)
    for unknown, (j, k) in enumerate(second, len(first)):
        for i in rows:
            put(i * m + k, unknown, -Z[i][j])
            put(i * m + j, unknown, Z[i][k])
    found = kernel([row for row in equations if row], len(first) + len(second))
    for vector in sorted(found, key=lambda vector: sum(1 for value in vector if value)):
        left = {pair: value for pair, value in zip(first, vector, strict=False) if value}
        right = {pair: value for pair, value in zip(second, vector[len(first) :], strict=True) if value}
        yield left, right


def outer_direction(model: DeepLinear, factors: Sequence[Matrix], pair: Outer) -> list[Rational]:
    """The direction ``Y_1 U_1``, ``-U_L Y_2``."""
    parts = [zeros(*block.shape) for block in model.blocks]
    for (i, j), value in pair[0].items():
        for k in range(model.widths[1]):
            parts[0][i][k] += value * factors[0][j][k]
            parts[0][j][k] -= value * factors[0][i][k]
    for (i, j), value in pair[1].items():
        for k in range(model.widths[-2]):
            parts[-1][k][j] -= value * factors[-1][k][i]
            parts[-1][k][i] += value * factors[-1][k][j]
    return [tidy(Fraction(value)) for value in flat(parts)]


def turned_outside(factors: Sequence[Matrix], pair: Outer, step: Rational) -> list[Rational]:
    """The point with ``O_1 U_1`` and ``U_L O_2^T``, O_i the Cayley transform of ``step Y_i``."""
    out = list(factors)
    out[0] = _turned_rows(out[0], pair[0], step)
    out[-1] = transposed(_turned_rows(transposed(out[-1]), pair[1], step))
    return flat(out)


def _turned_rows(matrix: Matrix, entries: Skew, step: Rational) -> Matrix:
    support = sorted({index for place in entries for index in place})
    if not support:
        return matrix
    at = {index: k for k, index in enumerate(support)}
    small = skew(len(support), {(at[i], at[j]): step * value for (i, j), value in entries.items()})
    out = list(matrix)
    for index, row in zip(support, product(cayley(small), [matrix[index] for index in support]), strict=True):
        out[index] = row
    return out
