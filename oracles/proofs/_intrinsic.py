"""Certificates about intrinsic dynamics: the kernel criterion at a point, a violation, two points of a fibre."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..certificates import Certificate, certificate, laws_json, number_json
from ..models import DeepLinear, Model, PathLifting
from ..polynomials import Polynomial, Rational
from ._laws import coordinate_key

PRIME = 1048573


def inclusion(
    model: Model,
    laws: Sequence[Polynomial] | None,
    point: Sequence[Rational],
    vectors: Sequence[Sequence[Rational]],
    *,
    rotations: Sequence[tuple[int, Mapping[tuple[int, int], Rational]]] = (),
    prime: int = PRIME,
) -> Certificate:
    """The claim that dM vanishes on ``ker dphi cap ker dh`` at ``point``, spanned by independent directions.

    Args:
        model: any model that the kernel reads.
        laws: polynomials, or None for the families that are known for a linear network or a path lifting.
        point: D rationals.
        vectors: directions, D rationals each. With the rotations they are a basis of the kernel.
        rotations: for a linear network, layer i from 1 on and the entries ``R[a, b]``, a < b, of a skew matrix: the
            direction ``U_i R``, ``-R U_(i+1)``.
        prime: for the ranks; one that divides no denominator of the point.

    Source: A3.kernel-criterion.
    """
    claim = _claim("inclusion", model, laws) | {
        "point": _numbers(point),
        "kernel_dimension": len(vectors) + len(rotations),
    }
    turned = [
        [layer, [[i, j, number_json(c)] for (i, j), c in sorted(entries.items())]] for layer, entries in rotations
    ]
    return certificate(claim, {"prime": prime, "vectors": [_sparse(v) for v in vectors], "rotations": turned})


def violation(
    model: Model,
    laws: Sequence[Polynomial] | None,
    point: Sequence[Rational],
    vector: Sequence[Rational],
    coordinates: tuple[int, int],
    derivative: Rational,
) -> Certificate:
    """The claim that at ``point`` the ``vector`` of ``ker dphi cap ker dh`` changes ``M_ij`` by ``derivative``.

    ``coordinates`` number i and j in ``model.coordinates()``. Source: A3.kernel-criterion.
    """
    claim = _claim("violation", model, laws) | {
        "point": _numbers(point),
        "coordinates": [coordinate_key(model, index) for index in coordinates],
        "derivative": number_json(derivative),
    }
    return certificate(claim, {"vector": _sparse(vector)})


def two_points(
    model: Model,
    laws: Sequence[Polynomial] | None,
    points: tuple[Sequence[Rational], Sequence[Rational]],
    coordinates: tuple[int, int],
    metric: tuple[Rational, Rational],
) -> Certificate:
    """The claim that phi and the laws agree at both ``points``, while ``M_ij`` takes the two values of ``metric``.

    ``coordinates`` number i and j in ``model.coordinates()``. Source: A3.def.properties.
    """
    claim = _claim("fibre", model, laws) | {
        "points": [_numbers(point) for point in points],
        "coordinates": [coordinate_key(model, index) for index in coordinates],
        "metric": _numbers(metric),
    }
    return certificate(claim)


def _claim(kind: str, model: Model, laws: Sequence[Polynomial] | None) -> dict[str, object]:
    listed = _families(model) if laws is None else laws_json(laws)
    return {"kind": kind, "model": model.kernel_form(), "laws": listed}


def _families(model: Model) -> list[dict[str, object]]:
    """The known laws of a model by the names that the kernel knows."""
    if isinstance(model, PathLifting):
        return [{"family": "neuron-balance"}]
    if isinstance(model, DeepLinear):
        return [{"family": name} for name in ["balance", *["output-sums"] * model.logits]]
    raise TypeError(f"the kernel has no name for the laws of {model.spec}: list them as polynomials")


def _sparse(vector: Sequence[Rational]) -> list[list[object]]:
    return [[index, number_json(value)] for index, value in enumerate(vector) if value]


def _numbers(values: Sequence[Rational]) -> list[int | str]:
    return [number_json(value) for value in values]
