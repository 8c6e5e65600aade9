"""A judge of the theorem on deep linear networks at full size: random equations modulo a prime, one class at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..errors import TooLarge
from ..models import DeepLinear
from ._evaluate import rank_modulo_prime
from ._flat import Integers, Keys
from ._system import starts

PRIME = 2**20 - 3
PARAMETERS = 4_000
"""The largest D; the number of unknowns is D (D + 1) / 2."""

_SPARE = 8
_CELLS = 2**22


def sampled_quadratic_bound(model: DeepLinear, *, seed: int = 0) -> int:
    """An upper bound on the dimension over Q of the quadratic laws of ``model``, by random equations; usually equal.

    At random theta and M, ``<grad h(theta), grad <M, phi>(theta)>`` is one linear equation for the coefficients of h;
    no path is written out. Changing the signs of neurons splits the unknowns into classes that are solved one by one.
    Equations modulo a prime at few points are consequences of the true ones, so the kernel can only be too large.

    Raises:
        TooLarge: more than 4,000 parameters.
    """
    if model.parameters > PARAMETERS:
        raise TooLarge(
            f"{model.spec} has {model.parameters} parameters; random equations for all quadratic laws are supported up "
            f"to {PARAMETERS}. Use a smaller network."
        )
    left, right = np.triu_indices(model.parameters)
    code = _codes(model, seed)
    code = code[left] ^ code[right]
    order = np.argsort(code, kind="stable")
    begin = np.flatnonzero(starts(code[order]))
    size = np.diff(begin, append=len(order))
    theta, slope = _samples(model, int(size.max()) + _SPARE, seed)
    kernel = 0
    for width in np.unique(size).tolist():
        rows = width + _SPARE
        step = max(1, _CELLS // (rows * width))
        first = begin[size == width]
        for low in range(0, len(first), step):
            members = order[first[low : low + step, None] + np.arange(width)]
            a, b = left[members], right[members]
            matrices = theta[:rows, a] * slope[:rows, b] + theta[:rows, b] * slope[:rows, a]
            ranks = _ranks((matrices % PRIME).transpose(1, 0, 2))
            kernel += int((width - ranks).sum())
    return kernel


def _codes(model: DeepLinear, seed: int) -> Keys:
    """A random code for each neuron; a weight has the sum (exclusive or) of its two. Logits keep their signs."""
    random = np.random.default_rng([seed, 0])
    neurons = [random.integers(0, 2**64, width, dtype=np.uint64) for width in model.widths]
    if model.logits:
        neurons[0][:] = 0
    return np.concatenate([(a[:, None] ^ b[None, :]).ravel() for a, b in pairwise(neurons)])


def _samples(model: DeepLinear, count: int, seed: int) -> tuple[Integers, Integers]:
    """Random points and the gradients of random combinations of ``phi`` there, modulo ``PRIME``: shapes (count, D)."""
    random = np.random.default_rng([seed, 1])
    layers = [random.integers(0, PRIME, (count, *shape)) for shape in pairwise(model.widths)]
    covector = random.integers(0, PRIME, (count, model.widths[0], model.widths[-1]))
    if model.logits:
        covector[:, 0] = -covector[:, 1:].sum(axis=1) % PRIME
    after = [covector.transpose(0, 2, 1)]
    for layer in layers[:0:-1]:
        after.append(layer @ after[-1] % PRIME)
    slopes: list[Integers] = []
    before: Integers | None = None
    for layer, tail in zip(layers, reversed(after), strict=True):
        slopes.append(tail.transpose(0, 2, 1) if before is None else (tail @ before % PRIME).transpose(0, 2, 1))
        before = layer if before is None else before @ layer % PRIME
    return (
        np.concatenate([layer.reshape(count, -1) for layer in layers], axis=1),
        np.concatenate([slope.reshape(count, -1) for slope in slopes], axis=1),
    )


def _ranks(matrices: Integers) -> Integers:
    """The ranks of many matrices (n x rows x columns) modulo ``PRIME``; each pivot row is cleared after its use."""
    if len(matrices) == 1:
        return np.array([rank_modulo_prime(matrices[0], PRIME)])
    work = matrices.copy()
    ranks = np.zeros(len(work), dtype=np.int64)
    each = np.arange(len(work))
    for column in range(work.shape[2]):
        row = (work[:, :, column] != 0).argmax(axis=1)
        pivot = work[each, row]
        head = pivot[:, column]
        there = head != 0
        work = np.where(
            there[:, None, None],
            (work * head[:, None, None] - work[:, :, column, None] * pivot[:, None, :]) % PRIME,
            work,
        )
        work[each[there], row[there]] = 0
        ranks += there
    return ranks
