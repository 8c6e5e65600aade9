"""The polynomial map that training sees in one region: its coordinates are what the given inputs can tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import lcm
from typing import Any

import numpy as np

from ..errors import TooLarge
from ..models import PolynomialMap
from ..polynomials import Monomial, Polynomial, Rational
from ._activity import Activity, activity
from ._region import Region, starts

TERMS = 40_000
"""Entries of the table of paths and inputs that is reduced."""


def region_map(region: Region) -> PolynomialMap:
    """Coordinates that span the same space as all ``g_k(theta, x_s)``, as polynomials of the weights in this region.

    With the activations fixed each ``g_k(theta, x_s)`` is a polynomial: the sum over active paths. Rows over paths are
    reduced over Q, so that no coordinate is redundant.

    Raises:
        BadInput: the weights lie on the border between regions.
        TooLarge: more than ``TERMS`` pairs of a path and an input.
    """
    return map_of(activity(region))


def map_of(seen: Activity) -> PolynomialMap:
    """``region_map`` of a forward pass that has been made."""
    region, model = seen.region, seen.region.model
    pairs = path_count(seen)
    if pairs > TERMS:
        raise TooLarge(
            f"{model.spec} with {len(region.inputs)} inputs has {pairs} pairs of a path and an input; at most {TERMS} "
            "are supported. Use fewer inputs or a smaller network."
        )
    arriving: list[list[dict[Monomial, Any]]] = []
    for index, group in enumerate(model.groups):
        sums: list[dict[Monomial, Any]] = [{} for _ in range(group.size)]
        if group.role == "source":
            for neuron in range(group.size):
                sums[neuron][()] = seen.values[index][:, neuron]
        for first, (a, b) in zip(starts(model), model.links, strict=False):
            if b == index:
                for i, j in product(range(model.groups[a].size), range(group.size)):
                    edge = first + i * group.size + j
                    for monomial, values in arriving[a][i].items():
                        sums[j][tuple(sorted((*monomial, (edge, 1))))] = values
        if group.role == "hidden":
            slopes = np.full(seen.active[index].shape, region.leak, dtype=object)
            slopes[seen.active[index]] = 1
            sums = [_scaled(part, slopes[:, j]) for j, part in enumerate(sums)]
        arriving.append(sums)
    coordinates: list[Polynomial] = []
    for index, group in enumerate(model.groups):
        if group.role == "output":
            for part in arriving[index]:
                coordinates.extend(_spanning(part))
    return PolynomialMap(f"{model.spec} at {len(region.inputs)} inputs", model.blocks, tuple(coordinates))


def _scaled(part: dict[Monomial, Any], slopes: Any) -> dict[Monomial, Any]:
    scaled = {monomial: values * slopes for monomial, values in part.items()}
    return {monomial: values for monomial, values in scaled.items() if any(values)}


def _spanning(part: dict[Monomial, Any]) -> list[Polynomial]:
    """A reduced basis of the span of one output at all inputs."""
    from flint import fmpz_mat

    monomials = list(part)
    table = list(dict.fromkeys(zip(*(part[m].tolist() for m in monomials), strict=True)))
    if not monomials or not table:
        return []
    reduced, below, rank = fmpz_mat([_whole(row) for row in table]).rref()
    return [
        Polynomial({m: Fraction(int(reduced[i, j]), int(below)) for j, m in enumerate(monomials) if int(reduced[i, j])})
        for i in range(rank)
    ]


def _whole(row: Sequence[Rational]) -> list[int]:
    """A multiple of the row without denominators."""
    scale = lcm(*(entry.denominator for entry in row))
    return [int(entry * scale) for entry in row]


def path_count(seen: Activity) -> int:
    """How many pairs of a path and an input there are."""
    return seen.region.model.coordinate_terms() * len(seen.region.inputs)
