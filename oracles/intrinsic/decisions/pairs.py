"""Two exact points with the same phi and the same laws, and different M: a refutation that anybody can check.

Linear networks (A3.linear2.counterexample): rotations O_1 of the outputs and O_2 of the inputs with
``O_1 Z O_2^T = Z`` keep phi and all balances, and turn M. They are Cayley transforms of rational skew matrices with
``Y_1 Z = Z Y_2``. Path liftings (A3.zero-weights): where all weights on one side of a neuron vanish, its weights on the
other side can be turned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, islice

from ...certificates import Certificate
from ...models import DeepLinear, PathLifting
from ...polynomials import Rational, tidy
from ..criterion.geometry import Geometry, lie_certificate
from ..criterion.local import Local, matrices
from ..criterion.probe import Entry, differing_entry, moving_entry
from ..criterion.rotations import outer_direction, outer_rotations, turned_outside
from ..criterion.setting import Setting

_CANDIDATES, _TRIES = 100, 8
_SHORT = 100
"""Parameters up to which the shortest of several pairs is looked for."""
_PATHS = 200_000
_TURNS = ((Fraction(0), Fraction(1)), (Fraction(3, 5), Fraction(4, 5)))
"""Cosine and sine of the turns that are tried."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two points of one fibre of (phi, h) with different metrics.

    Attributes:
        first, second: D rationals each.
        coordinates: (i, j), numbers in ``model.coordinates()``.
        metric: M_ij at the two points.
        orbit: why both lie on one orbit of Lie(W), so that flows lead from one to the other; empty if not known.
        brackets: a certificate that ``orbit`` rests on, where it rests on one.
    """

    first: tuple[Rational, ...]
    second: tuple[Rational, ...]
    coordinates: Entry
    metric: tuple[Rational, Rational]
    orbit: str
    brackets: Certificate | None = None


def find_pair(geometry: Geometry, partner: Sequence[Rational] | None = None, orbit: str = "") -> Pair | None:
    """A second point on the fibre of this one, or None; ``partner`` is a proposal, ``orbit`` why it is on the orbit."""
    if partner is not None:
        found = _pair(geometry.setting, geometry.point, partner, orbit)
        if found is not None:
            return found
    model = geometry.setting.model
    if isinstance(model, DeepLinear):
        return _turned(geometry, model)
    if isinstance(model, PathLifting):
        return _around_a_neuron(geometry, model)
    return None


def _pair(setting: Setting, first: Sequence[Rational], second: Sequence[Rational], orbit: str) -> Pair | None:
    entry = differing_entry(setting, first, second)
    if entry is None:
        return None
    metric = Local(setting.model, first).metric(*entry), Local(setting.model, second).metric(*entry)
    return Pair(tuple(first), tuple(second), entry, metric, orbit) if metric[0] != metric[1] else None


# -- linear networks --------------------------------------------------------------------------------------------------


def _turned(geometry: Geometry, model: DeepLinear) -> Pair | None:
    """The pair with the shortest numbers among those of the first few rotations that keep Z."""
    factors = matrices(model, geometry.point)
    best: tuple[int, Pair] | None = None
    tries = 0
    for outer in islice(outer_rotations(model, geometry.point), _CANDIDATES):
        if moving_entry(geometry.setting, geometry.point, outer_direction(model, factors, outer)) is None:
            continue
        tries += 1
        for step in (Fraction(1), Fraction(1, 2)):
            second = turned_outside(factors, outer, step)
            pair = _pair(geometry.setting, geometry.point, second, "")
            size = _size(second)
            if pair is not None and (best is None or size < best[0]):
                best = size, pair
        if best is not None and (model.parameters > _SHORT or tries == _TRIES):
            break
    if best is None:
        return None
    pair = best[1]
    return Pair(pair.first, pair.second, pair.coordinates, pair.metric, *_why_one_orbit(geometry, model))


def _size(point: Sequence[Rational]) -> int:
    return sum(abs(v.numerator).bit_length() + v.denominator.bit_length() for v in map(Fraction, point))


def _why_one_orbit(geometry: Geometry, model: DeepLinear) -> tuple[str, Certificate | None]:
    if len(model.widths) == 3 and not model.logits:
        return "Lie(W) is so(n, m) acting on (U ; V) from the left, and it contains these rotations", None
    brackets = lie_certificate(geometry)
    if brackets is None:
        return "", None
    # the rotation maps fields of W to fields of W, so the dimension is the same all along it
    reason = (
        "dim Lie(W) is generic along the rotation, which stays on the level set of all laws, so it is tangent to "
        "Lie(W) everywhere"
    )
    return reason, brackets


# -- path liftings ----------------------------------------------------------------------------------------------------


def _around_a_neuron(geometry: Geometry, model: PathLifting) -> Pair | None:
    point = geometry.point
    if all(point) or model.coordinate_terms() > _PATHS:
        return None
    local = Local(model, point)
    for turnable, dead in _turnable(model, point):
        # docs/intrinsic.md: the bracket of the gradients of two paths that differ in their edge a or b alone has the
        # square of the rest of the path as a factor, which is not zero where M differs
        orbit = (
            "at these zero weights the bracket of two gradients of paths turns the other weights of the neuron "
            "and nothing else"
        )
        for a, b in combinations(turnable, 2):
            for cosine, sine in _TURNS:
                second = list(point)
                second[a] = tidy(cosine * point[a] - sine * point[b])
                second[b] = tidy(sine * point[a] + cosine * point[b])
                other = Local(model, second)
                for index in _paths_with(model, {a, b}, dead):
                    metric = local.metric(index, index), other.metric(index, index)
                    if metric[0] != metric[1]:
                        return Pair(point, tuple(second), (index, index), metric, orbit)
    return None


def _turnable(model: PathLifting, point: Sequence[Rational]) -> Iterator[tuple[list[int], list[int]]]:
    """Weights that join one neuron to sources (or outputs), where all its weights on the other side vanish: both."""
    for group, role in enumerate(group.role for group in model.groups):
        if role != "hidden":
            continue
        for neuron in range(model.groups[group].size):
            into, out_of, from_sources, to_outputs = neuron_edges(model, group, neuron)
            if not any(point[e] for e in out_of) and len(from_sources) > 1:
                yield from_sources, out_of
            if not any(point[e] for e in into) and len(to_outputs) > 1:
                yield to_outputs, into


def neuron_edges(model: PathLifting, group: int, neuron: int) -> tuple[list[int], list[int], list[int], list[int]]:
    """Edges into and out of a neuron, those from sources, and those to outputs."""
    into: list[int] = []
    out_of: list[int] = []
    from_sources: list[int] = []
    to_outputs: list[int] = []
    start = 0
    for tail, head in model.links:
        rows, columns = model.groups[tail].size, model.groups[head].size
        if head == group:
            edges = [start + i * columns + neuron for i in range(rows)]
            into += edges
            from_sources += edges if model.groups[tail].role == "source" else []
        if tail == group:
            edges = [start + neuron * columns + j for j in range(columns)]
            out_of += edges
            to_outputs += edges if model.groups[head].role == "output" else []
        start += rows * columns
    return into, out_of, from_sources, to_outputs


def _paths_with(model: PathLifting, near: set[int], dead: Sequence[int]) -> Iterator[int]:
    for index, path in enumerate(model.paths()):
        edges = {edge for edge, _ in path}
        if edges & near and edges & set(dead):
            yield index
