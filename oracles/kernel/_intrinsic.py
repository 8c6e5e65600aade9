"""Claims about intrinsic dynamics: whether the metric M = dphi dphi^T is a function of phi and the laws h.

It can be only where ``ker dphi cap ker dh`` lies in ``ker dM`` (A3.kernel-criterion). ``inclusion`` shows that it does
at a point, ``violation`` a direction at which it does not, and ``fibre`` two points with the same values of phi and of
the laws and different M. Points and vectors are scaled to whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from ._exact import Jet, Matrix, Point, Polynomial, Vector, Work, dot, longest, over, read_point
from ._models import DENSE_LIMIT, Form, Linear, read_setting
from ._modular import demand_rank, read_prime
from ._read import Node, Rejected, counted, demand, demand_equal, short, whole
from ._rules import MODULAR_LIMIT, jacobian_rank


def _changes(frames: Sequence[Jet[Vector, Vector]], work: Work) -> Iterator[bool]:
    """Whether each row of M changes along the vector of the frames."""
    gradients, changes = Matrix((f.value for f in frames), work), Matrix((f.slope for f in frames), work)
    for gradient, change, _ in frames:
        first, second = gradients.times(change), changes.times(gradient)
        yield any(first.get(column, 0) + second.get(column, 0) for column in first.keys() | second.keys())


def _demand_still(form: Form, point: Point, vector: Vector) -> None:
    demand(not any(image.slope for image in form.images(point, vector)), "phi changes along a vector")


def _demand_kept(kept: Iterable[Polynomial], point: Point, vectors: Sequence[Vector], work: Work) -> None:
    gradients = Matrix((law.jet(point, work).slope for law in kept), work)
    demand(not any(map(gradients.times, vectors)), "a law changes along a direction")


def _demand_alike(what: str, first: Iterable[Jet[int, Any]], second: Iterable[Jet[int, Any]]) -> None:
    alike = all(a.value * b.scale == b.value * a.scale for a, b in zip(first, second, strict=True))
    demand(alike, f"a {what} has different values at the two points")


def check_inclusion(work: Work, witness: Node, model: Node, listed: Node, at: Node, stated: Node) -> str:
    """Directions span the common kernel of dphi and dh, and M does not change along them."""
    form, laws = read_setting(model, listed, work, DENSE_LIMIT)
    size = form.parameters
    point, dimension = read_point(at, size), stated.integer(0, size)
    modulus, vectors, rotations = witness.fields("prime", "vectors", "rotations")
    prime, found = read_prime(modulus), [_read_vector(entry, size)[0] for entry in vectors.entries(0, size)]
    directions = found + [_read_rotation(entry, form, point) for entry in rotations.entries(0, size)]
    _demand_kept(form.written(laws) if directions else (), point, directions, work)
    for vector in found:
        _demand_still(form, point, vector)
        demand(not any(_changes(list(form.frames(None, point, vector)), work)), "the metric changes along a vector")
    demand(point.below % prime != 0, "the prime divides the denominator of the point")
    residues = np.array([c * pow(point.below, -1, prime) % prime for c in point.numbers], dtype=np.int64)
    effort = Work(MODULAR_LIMIT)
    effort.spend(len(directions) ** 2 * size)
    demand_rank("directions", directions, size, dimension, prime)
    reached = jacobian_rank(form, form.written(laws), residues, prime, effort)
    demand(reached >= size - dimension, f"dphi and dh reach rank {reached} modulo the prime, not {size - dimension}")
    return f"dM vanishes on ker dphi cap ker dh, of dimension {dimension}, at a point of {counted(size, 'parameter')}"


def check_violation(work: Work, witness: Node, model: Node, listed: Node, at: Node, pair: Node, stated: Node) -> str:
    """M changes along a vector of the common kernel of dphi and dh."""
    form, laws = read_setting(model, listed, work, DENSE_LIMIT)
    point = read_point(at, form.parameters)
    [sparse] = witness.fields("vector")
    vector, below = _read_vector(sparse, form.parameters)
    _demand_kept(form.written(laws), point, [vector], work)
    _demand_still(form, point, vector)
    left, right = form.frames(pair.entries(2), point, vector)
    change = dot(left.value, right.slope, work) + dot(left.slope, right.value, work)
    exact = over(change, [left.scale, right.scale, below], work)
    demand_equal("the derivative of the metric", exact, stated)
    demand(exact != 0, "the derivative of the metric is zero")
    return f"M changes by {short(exact)} along a vector of ker dphi cap ker dh"


def check_fibre(work: Work, witness: Node, model: Node, listed: Node, points: Node, pair: Node, stated: Node) -> str:
    """Two points with the same phi and the same values of the laws, and different M."""
    form, laws = read_setting(model, listed, work, DENSE_LIMIT)
    witness.fields()
    both = [read_point(entry, form.parameters) for entry in points.entries(2)]
    _demand_alike("coordinate", *(form.images(point, {}) for point in both))
    _demand_alike("law", *([law.jet(point, work) for law in form.written(laws)] for point in both))
    seen: list[Fraction] = []
    for point, metric in zip(both, stated.entries(2), strict=True):
        left, right = form.frames(pair.entries(2), point, {})
        seen.append(over(dot(left.value, right.value, work), [left.scale, right.scale], work))
        demand_equal("the metric at a point", seen[-1], metric)
    demand(seen[0] != seen[1], "the metric is the same at the two points")
    return f"M is {short(seen[0])} and {short(seen[1])} at two points with the same values of phi and of the laws"


def _read_vector(value: Node, size: int) -> tuple[Vector, int]:
    """A vector times its common denominator, and this; written as ``[[index, value], ...]`` with increasing indices."""
    pairs = [(index.integer(0, size - 1), number.rational()) for index, number in value.tuples(2, 0, size)]
    indices = [index for index, _ in pairs]
    demand(all(left < right for left, right in pairwise(indices)), "the indices of a vector do not increase")
    numbers, below = whole(number for _, number in pairs)
    return dict(zip(indices, numbers, strict=True)), below


def _read_rotation(value: Node, form: Form, point: Point) -> Vector:
    """The direction ``U_i R``, ``-R U_(i+1)`` at the point; neither phi nor M changes along it (docs/rules.md)."""
    if not isinstance(form, Linear):
        raise Rejected("rotations are directions of linear models alone")
    written, skew = value.entries(2)
    layer = written.integer(1, form.last - 1)
    before, width, after = form.widths[layer - 1 : layer + 2]
    listed = list(skew.tuples(3, 0, width * width))
    numbers, _ = whole(number.rational() for _, _, number in listed)
    each = 10 * (before + after) * (1 + (point.bits >> 6)) * longest(numbers)
    vector: Vector = {}
    for (row, column, _), c in zip(listed, numbers, strict=True):
        j = column.integer(1, width - 1)
        i = row.integer(0, j - 1)
        form.work.spend(each)
        for (a, _), (b, _) in zip(form.around(layer, i), form.around(layer, j), strict=True):
            vector[a] = vector.get(a, 0) - c * point.numbers[b]
            vector[b] = vector.get(b, 0) + c * point.numbers[a]
    return vector
