"""Laws that hold in one region only, because data see less there than the path lifting shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..models import PathLifting, known_laws, parameter_name
from ..polynomials import Monomial, Polynomial, Rational
from ..proofs import kernel_vectors
from ._activity import Activity, integer_weights
from ._gradients import rank_modulo
from ._region import CELLS, starts

Why = Literal["unseen-weights", "unseen-inputs", "switch-together"]
LAW_TERMS = 100_000
"""Terms that one family of extra laws may take when it is written out."""


@dataclass(frozen=True, slots=True)
class RegionLaw:
    """Laws of one region that have one reason.

    Attributes:
        why: ``unseen-weights``: weights on no active path stay where they are. ``unseen-inputs``: the inputs that
            reach a neuron do not span its input space, so part of its weight vector stays. ``switch-together``: neurons
            of one group that are active at the same inputs act as a linear layer, so the inner products of their weight
            vectors are balanced too.
        says: one sentence.
        count: how many laws; they need not be independent.
        polynomials: the laws; empty if they would take more than ``LAW_TERMS`` terms.
    """

    why: Why
    says: str
    count: int
    polynomials: tuple[Polynomial, ...] = field(repr=False)


def extra_laws(seen: Activity) -> list[RegionLaw]:
    """The extra laws of the region, dead neurons first."""
    return [*_unseen_weights(seen), *_unseen_inputs(seen), *_switch_together(seen)]


def neuron_name(seen: Activity, group: int, neuron: int) -> str:
    return f"{seen.region.model.groups[group].name}[{neuron + 1}]"


def pattern(seen: Activity, group: int, neuron: int) -> tuple[bool, ...]:
    """Where the neuron is active, among the inputs at which its group matters."""
    return tuple(seen.active[group][seen.engaged(group), neuron].tolist())


def hidden_groups(seen: Activity) -> list[int]:
    return [index for index, group in enumerate(seen.region.model.groups) if group.role == "hidden"]


def dead_neurons(seen: Activity, group: int) -> list[int]:
    """The hidden neurons of a group that no loss of these data can change through."""
    size = seen.region.model.groups[group].size
    if seen.region.leak:
        return [] if seen.engaged(group).any() else list(range(size))
    return [j for j in range(size) if not any(pattern(seen, group, j))]


def _unseen_weights(seen: Activity) -> Iterator[RegionLaw]:
    model = seen.region.model
    rest = set(np.flatnonzero(~seen.seen_weights()).tolist())
    for group in hidden_groups(seen):
        for neuron in dead_neurons(seen, group):
            mine = sorted(rest & set(_incident(seen, group, neuron)))
            rest -= set(mine)
            if mine:
                name = neuron_name(seen, group, neuron)
                says = f"{name} is dead at all inputs: none of its weights moves"
                yield RegionLaw("unseen-weights", says, len(mine), tuple(map(Polynomial.variable, mine)))
    if rest:
        names = [parameter_name(model, variable) for variable in sorted(rest)[:5]]
        shown = ", ".join(names) + (f" and {len(rest) - 5} more" if len(rest) > 5 else "")
        says = f"{shown}: on no active path, so no loss moves them"
        yield RegionLaw("unseen-weights", says, len(rest), tuple(map(Polynomial.variable, sorted(rest))))


def _incident(seen: Activity, group: int, neuron: int) -> list[int]:
    """The parameters of the weights into and out of a neuron."""
    model = seen.region.model
    found: list[int] = []
    for first, (a, b) in zip(starts(model), model.links, strict=False):
        rows, columns = model.groups[a].size, model.groups[b].size
        if a == group:
            found.extend(first + neuron * columns + k for k in range(columns))
        if b == group:
            found.extend(first + k * columns + neuron for k in range(rows))
    return found


def _unseen_inputs(seen: Activity) -> Iterator[RegionLaw]:
    model = seen.region.model
    alive = seen.seen_weights()
    first = starts(model)
    for group, target in enumerate(model.groups):
        sources = [k for k, (a, b) in enumerate(model.links) if b == group and model.groups[a].role == "source"]
        if not sources:
            continue
        x = np.concatenate([seen.values[model.links[k][0]] for k in sources], axis=1)
        for neuron in range(target.size):
            variables = [
                first[k] + row * target.size + neuron
                for k in sources
                for row in range(model.groups[model.links[k][0]].size)
            ]
            kept = [i for i, variable in enumerate(variables) if alive[variable]]
            if not kept:
                continue
            arriving = x[seen.heard[group][:, neuron]][:, kept]
            full = rank_modulo(arriving) == len(kept)  # then nothing is orthogonal to all of them over Q either
            vectors = [] if full else kernel_vectors(_distinct(arriving))
            if vectors:
                laws = tuple(_linear([variables[i] for i in kept], vector) for vector in vectors)
                says = (
                    f"the inputs that reach {neuron_name(seen, group, neuron)} span {len(kept) - len(vectors)} of "
                    f"{len(kept)} directions: its weights do not move along the others"
                )
                yield RegionLaw("unseen-inputs", says, len(laws), laws)


def _distinct(rows: NDArray[Any]) -> list[list[Rational]]:
    """The rows without repetitions."""
    return [list(row) for row in dict.fromkeys(tuple(int(entry) for entry in row) for row in rows)]


def _linear(variables: Sequence[int], coefficients: Sequence[Rational]) -> Polynomial:
    return Polynomial((((v, 1),), c) for v, c in zip(variables, coefficients, strict=True) if c)


def classes(seen: Activity, group: int) -> dict[tuple[bool, ...], list[int]]:
    """The neurons of a hidden group that are not dead, those with the same pattern together."""
    dead = set(dead_neurons(seen, group))
    together: dict[tuple[bool, ...], list[int]] = {}
    for neuron in range(seen.region.model.groups[group].size):
        if neuron not in dead:
            together.setdefault(pattern(seen, group, neuron), []).append(neuron)
    return together


def _switch_together(seen: Activity) -> Iterator[RegionLaw]:
    model = seen.region.model
    for group in hidden_groups(seen):
        for active, neurons in classes(seen, group).items():
            if len(neurons) < 2:
                continue
            count = len(neurons) * (len(neurons) - 1) // 2
            fan = len(_incident(seen, group, 0))
            written = count * fan <= LAW_TERMS and count * model.parameters <= CELLS
            names = ", ".join(neuron_name(seen, group, j) for j in neurons[:6]) + ", ..." * (len(neurons) > 6)
            where = "all inputs" if all(active) else "the same inputs"
            says = f"{names} are active at {where}: the inner products of their weight vectors are balanced too"
            pairs = combinations(neurons, 2) if written else ()
            laws = tuple(pair_balance(model, group, j, k) for j, k in pairs)
            yield RegionLaw("switch-together", says, count, laws)


def pair_balance(model: PathLifting, group: int, j: int, k: int) -> Polynomial:
    """Products of incoming weights of neurons j and k of a group, minus products of their outgoing weights, summed.

    A law wherever the two neurons are active at the same inputs, as in a linear layer.
    """
    terms: dict[Monomial, Rational] = {}
    for first, (a, b) in zip(starts(model), model.links, strict=False):
        rows, columns = model.groups[a].size, model.groups[b].size
        if b == group:
            for i in range(rows):
                terms[((first + i * columns + j, 1), (first + i * columns + k, 1))] = 1
        if a == group:
            for i in range(columns):
                terms[((first + j * columns + i, 1), (first + k * columns + i, 1))] = -1
    return Polynomial(terms)


def blind_directions(seen: Activity, extra: Sequence[RegionLaw], prime: int) -> NDArray[np.int64] | None:
    """Directions along which no g(theta, x_s) changes to first order, modulo a prime, at the weights times q.

    The constant directions behind the linear laws, and for neurons j, l that switch together: add column j of their
    incoming weights to column l, subtract row l of their outgoing weights from row j. None if there are too many.
    """
    model = seen.region.model
    pairs = [
        (group, j, k)
        for group in hidden_groups(seen)
        for neurons in classes(seen, group).values()
        for j in neurons
        for k in neurons
    ]
    linear = [law for family in extra if family.why != "switch-together" for law in family.polynomials]
    if (len(pairs) + len(linear)) * model.parameters > CELLS:
        return None
    out = np.zeros((len(pairs) + len(linear), model.parameters), dtype=np.int64)
    weights = [(block % prime).astype(np.int64) for block in integer_weights(seen.region)]
    for row, (group, j, k) in zip(out, pairs, strict=False):
        for first, (a, b), block in zip(starts(model), model.links, weights, strict=False):
            part = row[first : first + block.size].reshape(block.shape)
            if b == group:
                part[:, k] = block[:, j]
            if a == group:
                part[j] = -block[k] % prime
    out[len(pairs) :] = gradients_modulo(linear, [0] * model.parameters, prime)
    return out


def all_laws(seen: Activity, extra: Sequence[RegionLaw]) -> list[Polynomial]:
    """The balance of every neuron, and the extra laws that are written out."""
    known = [law for family in known_laws(seen.region.model) for law in family.polynomials()]
    return list(dict.fromkeys([*known, *(law for family in extra for law in family.polynomials)]))


def gradients_modulo(laws: Sequence[Polynomial], point: Sequence[int], prime: int) -> NDArray[np.int64]:
    """The gradients of laws with integer or rational coefficients at an integer point: shape (laws, D)."""
    out = np.zeros((len(laws), len(point)), dtype=np.int64)
    for row, law in zip(out, laws, strict=True):
        for monomial, c in law.terms.items():
            residue = c.numerator * pow(c.denominator, -1, prime) % prime
            for place, (variable, exponent) in enumerate(monomial):
                slope = residue * exponent * pow(point[variable], exponent - 1, prime)
                for other, (partner, power) in enumerate(monomial):
                    if other != place:
                        slope *= pow(point[partner], power, prime)
                row[variable] = (int(row[variable]) + slope) % prime
    return out
