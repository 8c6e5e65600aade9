"""What the entries on ReLU networks compute by themselves."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from flowlaw.oracles.kernel import verify
from flowlaw.properties.lawbook import a1_relu_g_versus_phi as region
from flowlaw.properties.lawbook import a1_relu_path_lifting_count as paths


def test_rows_of_the_incidence_are_the_paths() -> None:
    model = paths.read("relu:1-2-1")
    assert paths.incidence(model) == [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert paths.signs(model) == [{0: 1, 2: -1}, {1: 1, 3: -1}]


def test_the_bracket_of_two_paths_is_a_combination_of_them_and_not_their_sum() -> None:
    assert verify(paths.bracket_identity(1)).accepted
    assert not verify(paths.bracket_identity(-1)).accepted


def case() -> paths.Case:
    model = paths.read("relu:2-2-1+bias")
    weights = tuple(Fraction(k, 4) for k in (3, -2, 1, 5, -1, 2, 4, -3))
    return paths.Case(model, Fraction(1, 5), weights, ((Fraction(1), Fraction(2)),), ((Fraction(3),),))


def test_gradients_in_floats_are_the_exact_ones_and_smaller_than_their_terms() -> None:
    _, exact = paths.pulled(case(), object)
    _, floats = paths.pulled(case(), "float64")
    _, terms = paths.pulled(case(), "float64", sizes=True)
    assert np.allclose(exact.astype(float), floats)
    assert (np.abs(floats) <= terms).all()


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_float_bound_is_of_the_size_of_rounding(precision: str) -> None:
    residual = paths.in_floats("float32" if precision == "float32" else "float64")(case())
    assert residual.holds
    assert 0 < residual.bound < (1e-3 if precision == "float32" else 1e-12)


def test_wrong_balances_are_violated_by_this_case() -> None:
    assert paths.check_network(case()).holds
    assert not paths.check_double(case()).holds
    assert not paths.check_no_bias(case()).holds


@pytest.mark.parametrize(("name", "second"), region.SECOND.items())
def test_the_second_layers_of_the_examples_have_the_signs_that_they_are_named_for(
    name: str, second: tuple[int, ...]
) -> None:
    signs = [{entry > 0 for entry in second[column::2]} for column in range(2)]
    expected = {
        "mixed signs": [{True, False}, {True, False}],
        "a negative second neuron": [{True, False}, {False}],
        "positive weights": [{True}, {True}],
    }
    assert signs == expected[name]


def test_pairs_of_a_linear_layer_balance_and_their_sums_do_not() -> None:
    assert verify(region.pair_identity(-1)).accepted
    assert not verify(region.pair_identity(1)).accepted


def test_the_two_sides_of_a_scalar_input_are_two_regions() -> None:
    assert region.report(region.half_line(1, 2)).laws_at_least == 3
    assert region.report(region.two_sides(1, 2)).laws_at_least == 2


def test_all_examples_lie_inside_their_regions() -> None:
    assert all(region.inside(case) for _, case in region.shown_cases())
