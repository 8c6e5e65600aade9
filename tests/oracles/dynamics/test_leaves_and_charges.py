"""Leaves of all kinds give the same numbers; charges are what they say."""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np
import pytest

from flowlaw.oracles.dynamics import (
    SGD,
    Adam,
    Affine,
    NoExactRoot,
    Signed,
    Sized,
    Translation,
    Vector,
    affine,
    charge_of,
    coordinates,
    dot,
    find_law,
    magnitude,
    rational_root,
    root,
    run,
)
from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import known_laws, parse_model
from flowlaw.oracles.polynomials import Polynomial

F = Fraction
KNOWN = [F(1319, 256), F(1363, 256), F(506703, 65536)]
"""The run of ``test_the_same_code_runs_on_every_kind_of_leaf``, by a loop of ten lines without the package."""


@pytest.mark.parametrize("value", [F(0), F(4, 9), F(49), 16])
def test_roots_of_squares_are_exact(value: Fraction | int) -> None:
    assert root(value) ** 2 == value


@pytest.mark.parametrize("value", [F(2), F(1, 3), F(-4)])
def test_other_rationals_have_no_exact_root(value: Fraction) -> None:
    with pytest.raises(NoExactRoot, match="Run on floats"):
        root(value)


@pytest.mark.parametrize("value", [F(2), F(1, 3), F(10**20), F(4)])
def test_rational_roots_are_within_their_bits(value: Fraction) -> None:
    found = rational_root(value, bits=20)
    assert found**2 <= value < (found + F(1, 2**20)) ** 2
    assert isqrt(16) == rational_root(F(16))


def test_adam_over_rationals_refuses_what_it_cannot_do_exactly() -> None:
    with pytest.raises(NoExactRoot):
        Adam(lr=F(1, 2)).update(Vector((1, 2)), Vector((1, 3)), None)
    after, _ = Adam(lr=F(1, 2), beta1=F(1, 2), beta2=F(0), eps=F(0)).update(Vector((1, 2)), Vector((1, 3)), None)
    assert after == Vector((F(1, 2), F(3, 2)))


def leaves(kind: str, entries: list[int]) -> Any:
    if kind == "torch":
        return pytest.importorskip("torch").tensor(entries, dtype=pytest.importorskip("torch").float64)
    return Vector(map(F, entries)) if kind == "exact" else np.array(entries, dtype=float)


@pytest.mark.parametrize("kind", ["exact", "numpy", "torch"])
def test_the_same_code_runs_on_every_kind_of_leaf(kind: str) -> None:
    """All numbers are dyadic and short, so that floats are exact here."""
    half = F(1, 2) if kind == "exact" else 0.5
    sgd = SGD(lr=half, momentum=half, weight_decay=half)
    start = (leaves(kind, [1, 2]), leaves(kind, [3]))
    ones = leaves(kind, [1, 1])
    moments = run([sgd] * 3, start, lambda _k, point: (point[1].sum() * ones, dot(point[0], point[0]) * point[1]))
    found = [F(float(x)) for x in coordinates(moments[-1].parameters)]
    assert found == KNOWN


def test_charges_of_laws_have_the_value_of_the_law() -> None:
    model = parse_model("relu:2-3-1+bias")
    point = [F(k + 1, 3) for k in range(model.parameters)]
    for family in known_laws(model):
        for law in family.polynomials():
            charge = charge_of(law)
            assert charge.kind == "quadratic"
            assert charge.pair((Vector(point),), (Vector(point),)) == law.evaluate(point)


def test_only_linear_and_quadratic_forms_are_charges() -> None:
    x = Polynomial.variable(0)
    assert charge_of(x).kind == "linear"
    with pytest.raises(BadInput, match="degree"):
        charge_of(x * x * x)
    with pytest.raises(BadInput, match="degree"):
        charge_of(x * x + x)


def test_the_kind_of_a_generator_is_found_from_its_matrix() -> None:
    assert affine([[0, 1], [-1, 0]]).kind == "antisymmetric"
    assert affine([[1, 2], [2, 0]]).kind == "quadratic"
    assert affine([[1, 2], [3, 0]]).kind == "generator"
    assert affine([[0, 1], [-1, 0]], [1, 0]).kind == "generator"
    assert Affine({}, {1: 1}).kind == "linear"


def test_charges_know_the_tensors_they_touch() -> None:
    point = (Vector((1, 2)), Vector((3, 4, 5)), np.ones((2, 2)))
    assert Affine({(0, 4): 1}, {6: 2}).tensors(point) == (0, 1, 2)
    assert Affine({}, {2: 1}).tensors(point) == (1,)
    assert Signed({2: 1, 0: -1}).tensors(point) == (0, 2)
    assert Translation({1: 1}).tensors(point) == (1,)


def test_masks_and_matrices_give_the_same_charge() -> None:
    a, b = (Vector((1, 2)), Vector((3,))), (Vector((4, 5)), Vector((6,)))
    masked = Signed({0: Vector((1, 0)), 1: -2})
    assert masked.pair(a, b) == affine([[1, 0, 0], [0, 0, 0], [0, 0, -2]]).pair(a, b) == 4 - 36


def test_sizes_never_cancel() -> None:
    x = Sized.of(3)
    assert (x - x).value == 0
    assert (x - x).size == 6
    assert (1 - x).size == 4
    assert (x * -2).size == 6
    assert Sized(np.array([1.0, -2.0]), np.array([1.0, 2.0])).sum().size == 3


def test_rounding_never_exceeds_what_the_sizes_allow() -> None:
    """A thousand float32 runs: relative rounding 2^-24 on paths of at most 40 operations."""
    law = find_law("hb-two-step.quadratic")
    generator = np.random.default_rng(1)
    charge = Signed({0: 1, 1: -1})
    largest = 0.0
    for _ in range(300):
        point = tuple(generator.standard_normal(3).astype(np.float32) for _ in range(2))
        sgd = SGD(lr=np.float32(0.3), momentum=np.float32(0.7), weight_decay=np.float32(0.1))

        def gradient(_k: int, p: Any) -> Any:
            # scaled rotations of the point: <g, S theta> = <u, v> - <v, u> = 0 exactly
            return p[1], p[0]

        moments = run([sgd, sgd], point, gradient)
        wide = [_exact(moment) for moment in moments]
        residual = abs(law.residual(wide, charge))
        largest = max(largest, float(residual) / float(magnitude(law, wide, charge)))
    assert 0 < largest <= 40 * 2.0**-24


def _exact(moment: Any) -> Any:
    from dataclasses import replace

    def leaf(x: Any) -> Any:
        return None if x is None else Vector(F(float(entry)) for entry in x)

    def many(xs: Any) -> Any:
        return None if xs is None else tuple(map(leaf, xs))

    sgd = moment.optimizer
    if sgd is not None:
        sgd = SGD(lr=F(float(sgd.lr)), momentum=F(float(sgd.momentum)), weight_decay=F(float(sgd.weight_decay)))
    return replace(
        moment,
        parameters=many(moment.parameters),
        gradients=many(moment.gradients),
        state=many(moment.state),
        optimizer=sgd,
    )
