"""Claims about intrinsic dynamics: whether the metric M = dphi dphi^T is a function of phi and the laws h.

It can be only where ``ker dphi cap ker dh`` lies in ``ker dM`` (A3.kernel-criterion). ``inclusion`` shows that it does
at a point, ``violation`` a direction at which it does not, and ``fibre`` two points with the same values of phi and of
the laws and different M. Points and vectors are scaled to whole numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ._exact import Matrix, Point, Polynomial, Vector, Work, dot, jet, longest, over, read_point
from ._models import DENSE_LIMIT, Form, Frame, Linear, read_laws, read_model
from ._modular import demand_rank, read_prime
from ._read import Rejected, array, closed, counted, demand, demand_equal, entries, integer, rational, short, whole
from ._rules import MODULAR_LIMIT, jacobian_rank


def _changes(frames: Sequence[Frame], work: Work) -> Iterator[Vector]:
    """The rows of dM along the vector of the frames, each entry times the scales of both coordinates."""
    gradients = Matrix(enumerate(frame.gradient for frame in frames), work)
    turned = Matrix(enumerate(frame.change for frame in frames), work)
    for gradient, change, _ in frames:
        total = Counter(gradients.times(change))
        total.update(turned.times(gradient))
        yield {other: entry for other, entry in total.items() if entry}


def _demand_still(form: Form, point: Point, vector: Vector) -> None:
    demand(not any(image.change for image in form.images(point, vector)), "phi changes along a vector")


def _demand_kept(why: str, kept: Iterable[Polynomial], point: Point, vectors: Sequence[Vector], work: Work) -> None:
    """Rejects where one of the polynomials changes along one of the vectors."""
    gradients = Matrix(enumerate(jet(polynomial, point, work).gradient for polynomial in kept), work)
    demand(not any(map(gradients.times, vectors)), why)


def check_inclusion(fields: Sequence[object], witness: object, work: Work) -> str:
    """Directions span the common kernel of dphi and dh, and M does not change along them."""
    model, written, at, stated = fields
    form = read_model(model, work, DENSE_LIMIT)
    laws = read_laws(written, form)
    point, size = read_point(at, "the point", form.parameters), form.parameters
    modulus, vectors, rotations = closed(witness, "the witness", "prime", "vectors", "rotations")
    dimension, prime = integer(stated, "the dimension", 0, size), read_prime(modulus)
    found = [_read_vector(entry, size)[0] for entry in array(vectors, "vectors", most=size)]
    directions = found + [_read_rotation(entry, form, point) for entry in array(rotations, "rotations", most=size)]
    _demand_kept("a law changes along a direction", form.written(laws) if directions else (), point, directions, work)
    for vector in found:
        _demand_still(form, point, vector)
        changes = any(_changes(list(form.frames(None, point, vector)), work))
        demand(not changes, "the metric changes along a vector")
    demand(point.below % prime != 0, "the prime divides the denominator of the point")
    residues = np.array([c * pow(point.below, -1, prime) % prime for c in point.numbers], dtype=np.int64)
    effort = Work(MODULAR_LIMIT)
    effort.spend(len(directions) ** 2 * size)
    demand_rank("directions", directions, size, dimension, prime)
    reached = jacobian_rank(form, form.written(laws), residues, prime, effort)
    demand(reached >= size - dimension, f"dphi and dh reach rank {reached} modulo the prime, not {size - dimension}")
    return f"dM vanishes on ker dphi cap ker dh, of dimension {dimension}, at a point of {counted(size, 'parameter')}"


def check_violation(fields: Sequence[object], witness: object, work: Work) -> str:
    """M changes along a vector of the common kernel of dphi and dh."""
    model, written, at, pair, stated = fields
    form = read_model(model, work, DENSE_LIMIT)
    laws = read_laws(written, form)
    point = read_point(at, "the point", form.parameters)
    [sparse] = closed(witness, "the witness", "vector")
    vector, below = _read_vector(sparse, form.parameters)
    _demand_kept("a law changes along a direction", form.written(laws), point, [vector], work)
    _demand_still(form, point, vector)
    left, right = form.frames(entries(pair, "coordinates", 2), point, vector)
    change = dot(left.gradient, right.change, work) + dot(left.change, right.gradient, work)
    exact = over(change, [left.scale, right.scale, below], work)
    demand_equal("the derivative of the metric", exact, stated)
    demand(exact != 0, "the derivative of the metric is zero")
    return f"M changes by {short(exact)} along a vector of ker dphi cap ker dh"


def check_fibre(fields: Sequence[object], witness: object, work: Work) -> str:
    """Two points with the same phi and the same values of the laws, and different M."""
    model, written, points, pair, stated = fields
    form = read_model(model, work, DENSE_LIMIT)
    laws = read_laws(written, form)
    closed(witness, "the witness")
    both = [read_point(entry, "the point", form.parameters) for entry in entries(points, "points", 2)]
    kept = ([jet(law, point, work) for law in form.written(laws)] for point in both)
    for what, pairs in (
        ("coordinate", zip(*(form.images(point, {}) for point in both), strict=True)),
        ("law", zip(*kept, strict=True)),
    ):
        alike = all(first.value * second.scale == second.value * first.scale for first, second in pairs)
        demand(alike, f"a {what} has different values at the two points")
    seen: list[Fraction] = []
    for point, number in zip(both, entries(stated, "the metric", 2), strict=True):
        left, right = form.frames(entries(pair, "coordinates", 2), point, {})
        seen.append(over(dot(left.gradient, right.gradient, work), [left.scale, right.scale], work))
        demand_equal("the metric at a point", seen[-1], number)
    demand(seen[0] != seen[1], "the metric is the same at the two points")
    return f"M is {short(seen[0])} and {short(seen[1])} at two points with the same values of phi and of the laws"


def _read_vector(value: object, size: int) -> tuple[Vector, int]:
    """A vector times its common denominator, and this; written as ``[[index, value], ...]`` with increasing indices."""
    listed = [entries(entry, "an entry of a vector", 2) for entry in array(value, "a vector", most=size)]
    indices = [integer(index, "an index of a vector", 0, size - 1) for index, _ in listed]
    demand(all(left < right for left, right in pairwise(indices)), "the indices of a vector do not increase")
    numbers, below = whole(rational(number, "an entry of a vector") for _, number in listed)
    return dict(zip(indices, numbers, strict=True)), below


def _read_rotation(value: object, form: Form, point: Point) -> Vector:
    """The direction ``U_i R``, ``-R U_(i+1)`` at the point; neither phi nor M changes along it (docs/rules.md)."""
    if not isinstance(form, Linear):
        raise Rejected("rotations are directions of linear models alone")
    written, skew = entries(value, "a rotation", 2)
    layer = integer(written, "the layer of a rotation", 1, len(form.widths) - 2)
    before, width, after = form.widths[layer - 1 : layer + 2]
    into, out_of = form.starts[layer - 1 : layer + 1]
    listed = [entries(entry, "an entry of a rotation", 3) for entry in array(skew, "a rotation", most=width * width)]
    numbers, _ = whole(rational(number, "an entry of a rotation") for _, _, number in listed)
    each = 10 * (before + after) * (1 + (point.bits >> 6)) * longest(numbers)
    vector: Vector = {}
    for (row, column, _), c in zip(listed, numbers, strict=True):
        j = integer(column, "a column of a rotation", 1, width - 1)
        i = integer(row, "a row of a rotation", 0, j - 1)
        form.work.spend(each)
        pairs = [(into + k * width + i, into + k * width + j) for k in range(before)]
        pairs += [(out_of + i * after + k, out_of + j * after + k) for k in range(after)]
        for a, b in pairs:
            vector[a] = vector.get(a, 0) - c * point.numbers[b]
            vector[b] = vector.get(b, 0) + c * point.numbers[a]
    return vector
