"""The rank of Lie(W) at a generic point after each level of brackets (A1.alg.lie-trace).

Words are sampled many at a time. In the algebra Z[e_1..e_s]/(e_i^2) flow the point along s random fields of W, by
``e_i`` each, and carry all generators back: the coefficient of ``e_S`` is a bracket of a generator with the fields in
S, so one sample gives d words for every subset. Modular ranks at a random point: a lower bound that is exact but for
bad luck, which is why only the last level enters a certificate.
"""

from __future__ import annotations

import numpy as np

from ..kernel._flow import Product, generators, push
from ..kernel._models import Form
from ..kernel._modular import Residues
from ._residues import pivots

PRIME = 65521
PARAMETERS_LIMIT = 400
LEVELS_LIMIT = 6
_PATIENCE = 2


def level_ranks(form: Form, lie_dimension: int, seed: int = 0) -> list[int] | None:
    """Ranks after level 1, 2, ... up to ``lie_dimension`` or ``LEVELS_LIMIT`` levels; None for large models."""
    if form.parameters > PARAMETERS_LIMIT:
        return None
    generator = np.random.default_rng(seed)
    point = generator.integers(1, PRIME, form.parameters)
    program = form.program(PRIME)
    names = range(program.dimension)
    first = point[None, :]
    ranks = [_rank(generators(program, first, names)[0])]
    while ranks[-1] < lie_dimension and len(ranks) < LEVELS_LIMIT:
        fields = len(ranks)
        rows = np.zeros((0, form.parameters))
        idle = 0
        while idle <= _PATIENCE and len(rows) < lie_dimension:
            controls = generator.integers(0, PRIME, (fields, program.dimension))
            at = [_embedded(point, fields)]
            for i, control in enumerate(controls):
                slope = program.field(at[-1], _embedded(control, fields), subset_times)
                at.append((at[-1] + _shifted(slope, i)) % PRIME)
            words = generators(program, at[-1], names, subset_times)
            for i in reversed(range(fields)):
                pushed = push(program, at[i], _embedded(controls[i], fields), words, subset_times)
                words = (words - _shifted(pushed, i)) % PRIME
            stacked = np.concatenate([rows, words.reshape(-1, form.parameters)])
            before = len(rows)
            rows = stacked[sorted(pivots(stacked, PRIME)[0])]
            idle = idle + 1 if len(rows) == before else 0
        ranks.append(len(rows))
        if ranks[-1] == ranks[-2]:
            break
    return ranks


def subset_times(product: Product, left: Residues, right: Residues, prime: int) -> Residues:
    """The product in Z[e_1..e_s]/(e_i^2): coefficients are numbered by the bit set of the e_i."""
    size = len(left)
    out = np.zeros((size, *product(left[0], right[0]).shape), dtype=np.int64)
    for a in range(size):
        if left[a].any():
            for b in range(size):
                if not a & b:
                    out[a | b] += product(left[a], right[b]) % prime
    return out % prime


def _embedded(flat: Residues, fields: int) -> Residues:
    out = np.zeros((2**fields, len(flat)), dtype=np.int64)
    out[0] = flat
    return out


def _shifted(values: Residues, i: int) -> Residues:
    """Multiplication by ``e_i``."""
    out = np.zeros_like(values)
    for s in range(len(values)):
        if not s >> i & 1:
            out[s | 1 << i] = values[s]
    return out


def _rank(rows: Residues) -> int:
    return len(pivots(rows, PRIME)[0])
