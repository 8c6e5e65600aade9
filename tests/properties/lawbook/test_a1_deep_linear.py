"""What the entries on deep linear networks compute by themselves."""

from __future__ import annotations

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.lie import balance_rank
from flowlaw.oracles.models import DeepLinear, known_laws
from flowlaw.properties.lawbook.a1_deep_linear_count import KNOWN, blocks, count, parameters, read
from flowlaw.properties.lawbook.a1_deep_linear_known_laws import (
    Case,
    in_floats,
    known,
    law_gradients,
    random_point,
    velocities,
    worst_of,
)
from flowlaw.properties.strategies import widths

ANY = widths(layers=(2, 5), width=(1, 5), parameters=60)


@given(ANY)
def test_the_formula_for_the_balances_is_that_of_the_prover(shape: tuple[int, ...]) -> None:
    assert known(shape) == balance_rank(shape)


@pytest.mark.parametrize(("text", "laws"), [("1-3-1", 5), ("1-4-2", 9), ("2-2-2", 3), ("5-5-4-4-5", 35)])
def test_known_counts_of_balances(text: str, laws: int) -> None:
    assert known(read(text)) == laws


@given(ANY)
def test_rows_of_gradients_are_the_gradients_of_the_balances(shape: tuple[int, ...]) -> None:
    point = random_point(shape, 7, 99)
    laws = [law for family in known_laws(DeepLinear(shape)) for law in family.polynomials()]
    expected = [[law.derivative(k).evaluate(point) for k in range(len(point))] for law in laws]
    assert law_gradients(shape, point) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1-2-2-1", [(1, 2, 2, 1)]),
        ("1-2-1-2-1", []),
        ("2-1-3-2-1-1-2-2-1-4", [(1, 3, 2, 1), (1, 2, 2, 1)]),
        ("1-2-2", []),
        ("1-1-1-1", []),
    ],
)
def test_scalar_blocks_have_two_layers_inside(text: str, found: list[tuple[int, ...]]) -> None:
    assert blocks(read(text)) == found


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_a_scalar_map_has_all_first_integrals_of_one_field(inner: list[int]) -> None:
    shape = (1, *inner, 1)
    assert count(shape) == parameters(shape) - 1


@pytest.mark.parametrize(("text", "d", "lie", "laws", "balances"), KNOWN)
def test_the_table_agrees_with_the_formula(text: str, d: int, lie: int, laws: int, balances: int) -> None:
    assert (parameters(read(text)), count(read(text)), known(read(text))) == (d, laws, balances)
    assert d - laws == lie


def test_velocities_are_the_gradient_of_a_linear_loss() -> None:
    model = DeepLinear((2, 3, 2))
    weights, slope = tuple(range(1, 13)), (1, -2, 3, 5)
    _, moving = velocities(Case(model.widths, weights, slope), object)
    expected = [
        sum(m * phi.derivative(k).evaluate(weights) for m, phi in zip(slope, model.coordinates(), strict=True))
        for k in range(12)
    ]
    assert [entry for part in moving for entry in part.ravel()] == expected


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_float_velocities_have_a_bound_of_the_size_of_rounding(precision: str) -> None:
    case = Case((2, 3, 2), tuple(range(1, 13)), (1, -2, 3, 5))
    residual = in_floats("float32" if precision == "float32" else "float64")(case)
    assert residual.holds
    assert residual.nontrivial
    assert 0 < residual.bound < (1e-1 if precision == "float32" else 1e-10)


def test_the_worst_value_is_the_one_nearest_to_its_bound() -> None:
    assert worst_of([1.0, 3.0, 0.0], [10.0, 4.0, 0.0]).value == 3.0
    assert not worst_of([1.0, 1e-9], [10.0, 0.0]).holds
    assert not worst_of([nan], [1.0]).holds
    assert not worst_of([0.0], [0.0]).nontrivial
