"""The gradients of all outputs at all inputs, and the exact rank of their span."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..polynomials import Rational
from ._activity import Activity, Integers, activity, integer_weights
from ._region import Region

PRIME = 33_554_393
"""The largest prime below 2^25: sums of 8,000 products of residues fit into 64 bits."""


def data_gradients(region: Region) -> list[list[Rational]]:
    """``d_theta g_k(theta, x_s)`` exactly: one row of D rationals for each input s and output k, k fastest."""
    seen = activity(region)
    back, powers = _backward(seen, integer_weights(region))
    q, rows = region.denominator, _rows(seen, back)
    scale: list[int] = []
    for a, b in region.model.links:
        size = region.model.groups[a].size * region.model.groups[b].size
        scale.extend([q ** (seen.powers[a] + powers[b])] * size)
    exact: list[list[Rational]] = []
    for number, row in enumerate(rows):
        factor = seen.scales[number // region.outputs]
        entries = [Fraction(int(entry), factor * below) for entry, below in zip(row, scale, strict=True)]
        exact.append([entry.numerator if entry.denominator == 1 else entry for entry in entries])
    return exact


def modular_rank(seen: Activity) -> int:
    """The rank of the gradients modulo ``PRIME``: at most their rank over Q."""
    weights = [(weight % PRIME).astype(np.int64) for weight in integer_weights(seen.region)]
    back, _ = _backward(seen, weights, PRIME)
    return rank_modulo(_rows(seen, back, PRIME))


def exact_rank(seen: Activity) -> int:
    """The rank of the gradients over Q, by elimination of integers."""
    from flint import fmpz_mat

    back, _ = _backward(seen, integer_weights(seen.region))
    rows = _rows(seen, back)
    kept = rows[[bool(row.any()) for row in rows]]
    if not len(kept):
        return 0
    return int(fmpz_mat(len(kept), kept.shape[1], [int(entry) for entry in kept.ravel()]).rank())


def rank_modulo(rows: NDArray[Any]) -> int:
    """The rank of integer rows modulo ``PRIME``."""
    from flint import nmod_mat

    if not rows.size:
        return 0
    residues = (rows % PRIME).astype(np.int64)
    return int(nmod_mat(len(rows), rows.shape[1], residues.ravel().tolist(), PRIME).rank())


def _backward(seen: Activity, weights: list[Integers], prime: int = 0) -> tuple[list[Integers], list[int]]:
    """Derivatives of the outputs in the arguments of the neurons: for each group (inputs, outputs, size), and scales.

    Group g is scaled by ``denominator ** powers[g]``; ``prime`` reduces everything.
    """
    region = seen.region
    model, q = region.model, region.denominator
    samples, outputs = len(region.inputs), region.outputs
    back: list[Integers] = [np.zeros(0)] * len(model.groups)
    powers = [0] * len(model.groups)
    position = outputs
    for index in range(len(model.groups) - 1, -1, -1):
        group = model.groups[index]
        kind = np.int64 if prime else object
        total: Integers = np.zeros((samples, outputs, group.size), dtype=kind)
        if group.role == "output":
            position -= group.size
            for k in range(group.size):
                total[:, position + k, k] = 1
        power = max((powers[b] + 1 for a, b in model.links if a == index), default=0)
        for weight, (a, b) in zip(weights, model.links, strict=True):
            if a == index:
                missing = q ** (power - 1 - powers[b])
                total = (
                    total + back[b] @ weight.T % prime * (missing % prime)
                    if prime
                    else (total + back[b] @ weight.T * missing)
                )
        if group.role == "hidden":
            slopes = seen.slopes(index)
            total = (
                total % prime * (slopes % prime).astype(np.int64)[:, None, :] if prime else total * slopes[:, None, :]
            )
            power += region.leak.denominator != 1
        back[index] = total % prime if prime else total
        powers[index] = power
    return back, powers


def _rows(seen: Activity, back: list[Integers], prime: int = 0) -> Integers:
    """One row for each input and output: the products of what arrives at a weight and what comes back to it."""
    samples, outputs = len(seen.region.inputs), seen.region.outputs
    parts: list[Integers] = []
    for a, b in seen.region.model.links:
        value = (seen.values[a] % prime).astype(np.int64) if prime else seen.values[a]
        part = value[:, None, :, None] * back[b][:, :, None, :]
        parts.append((part % prime if prime else part).reshape(samples * outputs, -1))
    rows: Integers = np.concatenate(parts, axis=1)
    return rows
