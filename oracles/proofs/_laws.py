"""Certificates that polynomials are laws of a model, or that one of them is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from ..certificates import Certificate, certificate, laws_json, number_json, polynomial_json
from ..models import Model, PathLifting
from ..polynomials import Polynomial, Rational, orthogonality

_TRIES = 200


def conserved(model: Model, laws: Sequence[Polynomial]) -> Certificate:
    """The claim that every gradient flow of every loss of ``model`` conserves the ``laws`` (A1.char.orthogonality)."""
    return certificate({"kind": "laws", "model": model.kernel_form(), "laws": laws_json(laws)})


@dataclass(frozen=True, slots=True)
class Refutation:
    """A point at which a claimed law changes along the gradient of one coordinate of phi.

    ``coordinate`` numbers it in ``model.coordinates()``; ``derivative`` is ``<grad law, grad phi_i>`` there.
    """

    law: Polynomial
    point: tuple[Rational, ...]
    coordinate: int
    derivative: Rational
    certificate: Certificate


def find_refutation(model: Model, law: Polynomial, seed: int = 0) -> Refutation | None:
    """An exact counterexample with small entries, mostly zeros; None if ``law`` is a law.

    Raises:
        TooLarge: the coordinates of the model cannot be written out.
    """
    for index, coordinate in enumerate(model.coordinates()):
        slope = orthogonality(law, coordinate)
        if slope:
            point = _small_point(slope, model.parameters, Random(seed))
            derivative = slope.evaluate(point)
            claim = {"kind": "refuted", "model": model.kernel_form(), "law": polynomial_json(law)}
            witness = {
                "point": [number_json(value) for value in point],
                "covector": [[coordinate_key(model, index), 1]],
                "derivative": number_json(derivative),
            }
            return Refutation(law, tuple(point), index, derivative, certificate(claim, witness))
    return None


def coordinate_key(model: Model, index: int) -> object:
    """How the kernel names a coordinate: by number, or a path by its edges in order."""
    if not isinstance(model, PathLifting):
        return index
    monomial = next(islice(model.paths(), index, None))
    return _in_order(model, [edge for edge, _ in monomial])


def _in_order(model: PathLifting, edges: Sequence[int]) -> list[int]:
    """The edges of a path from its source on; a link always leads to a later group."""
    starts: list[tuple[int, int, int]] = []
    offset = 0
    for tail, head in model.links:
        size = model.groups[tail].size * model.groups[head].size
        starts.append((offset, offset + size, tail))
        offset += size
    return sorted(edges, key=lambda edge: next(tail for low, high, tail in starts if low <= edge < high))


def _small_point(slope: Polynomial, parameters: int, random: Random) -> list[Rational]:
    """A point of small integers at which ``slope`` is not zero, with as many zeros as a greedy search finds."""
    used = sorted(slope.variables())
    point: list[Rational] = [0] * parameters
    for attempt in range(_TRIES):
        reach = 1 + attempt // 4
        for variable in used:
            point[variable] = random.randint(-reach, reach) if attempt else 1
        if slope.evaluate(point):
            break
    for variable in used:
        kept, point[variable] = point[variable], 0
        if not slope.evaluate(point):
            point[variable] = kept
    return point
