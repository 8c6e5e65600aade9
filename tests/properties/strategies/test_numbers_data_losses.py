from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import DeepLinear, parse_model
from flowlaw.properties import strategies as fs
from flowlaw.properties.strategies._numbers import choices
from flowlaw.simulations import DataLoss, Loss, Objective, ReluNetwork

TARGETS: list[Literal["real", "signs", "one-hot"]] = ["real", "signs", "one-hot"]
few = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(fs.rationals(5, denominator=3, nonzero=True))
def test_nonzero_rationals_stay_inside_their_limits(x: Fraction) -> None:
    assert x != 0
    assert abs(x) <= 5
    assert x.denominator <= 3


def test_rationals_shrink_to_zero_or_one_and_take_both_signs() -> None:
    assert find(fs.rationals(), lambda _: True) == 0
    assert find(fs.rationals(nonzero=True), lambda _: True) == 1
    assert find(fs.rationals(), lambda x: x < 0 and x.denominator > 1) == Fraction(-1, 2)


@few
@given(st.integers(1, 5).flatmap(fs.orthogonal))
def test_orthogonal_matrices_are_orthogonal(matrix: tuple[tuple[Fraction, ...], ...]) -> None:
    gram = [[sum(a * b for a, b in zip(x, y, strict=True)) for y in matrix] for x in matrix]
    assert gram == [[int(i == j) for j in range(len(matrix))] for i in range(len(matrix))]


@few
@given(st.integers(1, 5).flatmap(fs.unit_vectors))
def test_unit_vectors_have_length_one_and_no_zero(vector: tuple[Fraction, ...]) -> None:
    assert sum(x * x for x in vector) == 1
    assert all(vector)


def test_unit_vectors_shrink_to_three_four_five() -> None:
    assert find(fs.unit_vectors(2), lambda _: True) == (Fraction(3, 5), Fraction(4, 5))


@pytest.mark.once
@few
@given(st.sampled_from(TARGETS).flatmap(lambda kind: fs.data_sets(3, 2, samples=(2, 4), targets=kind)))
def test_data_sets_have_their_shapes_and_no_zero_input(data: fs.DataSet) -> None:
    assert 2 <= len(data.inputs) == len(data.targets) <= 4
    assert all(len(x) == 3 and any(x) for x in data.inputs)
    assert all(len(y) == 2 for y in data.targets)


@pytest.mark.once
def test_targets_are_signs_or_one_hot_where_the_loss_needs_them() -> None:
    signs = find(fs.data_sets(1, 3, targets="signs"), lambda data: -1 in data.targets[0])
    assert set(signs.targets[0]) == {1, -1}
    hot = find(fs.data_sets(1, 3, targets="one-hot"), lambda data: data.targets[0][2] == 1)
    assert hot.targets[0] == (0, 0, 1)


def test_dimensions_do_not_count_biases() -> None:
    assert fs.data_dimensions(parse_model("relu:3-5-2+bias")) == (3, 2)
    assert fs.data_dimensions(parse_model("linear:4-5-2")) == (2, 4)
    with pytest.raises(BadInput, match="not a network"):
        fs.data_dimensions(parse_model("monomial:2"))


@few
@given(fs.losses(DeepLinear((2, 1, 2))))
def test_losses_are_not_constant(loss: Loss) -> None:
    objective = Objective(DeepLinear((2, 1, 2)), loss)
    assert loss.curvature or all(loss.slope)
    assert any(any(objective.gradient([Fraction(k), 1, 2, 3])) for k in (1, 2))


def test_losses_are_squared_and_linear() -> None:
    model = DeepLinear((1, 1, 1))
    assert not find(fs.losses(model), lambda loss: not loss.curvature).curvature
    assert find(fs.losses(model, linear=False), lambda loss: loss.curvature[0][2] == 3).curvature == ((0, 0, 3),)


@pytest.mark.once
@few
@given(st.data())
def test_slopes_of_output_losses_are_the_derivatives_of_their_values(data: st.DataObject) -> None:
    loss = data.draw(fs.output_losses())
    samples = data.draw(fs.data_sets(2, 3, targets=loss.targets))
    y = np.array(samples.targets, dtype=float)
    z = np.array([[float(x) for x in data.draw(fs.vectors(3))] for _ in y])
    slope, step = loss.slope(z, y), 1e-5
    assert np.all(np.abs(slope) <= loss.slope_bound(np.abs(z), np.abs(y)) * (1 + 1e-12))
    for place in np.ndindex(*z.shape):
        moved = np.zeros_like(z)
        moved[place] = step
        difference = (loss.value(z + moved, y) - loss.value(z - moved, y)) / (2 * step)
        # the second difference is off by step^2 times a third derivative of at most 1, and by rounding over the step
        assert abs(difference - slope[place]) <= step**2 + 1e-13 / step * (1 + abs(loss.value(z, y)))


def test_cross_entropy_slopes_add_up_to_zero_and_others_do_not() -> None:
    z, y = np.array([[1.0, -2.0, 0.5]]), np.array([[0.0, 1.0, 0.0]])
    sums = {loss.name: abs(loss.slope(z, y).sum()) for loss in fs.OUTPUT_LOSSES}
    assert sums["cross-entropy"] < 1e-15
    assert min(sums["squared"], sums["logistic"]) > 0.1


def test_output_losses_work_with_networks() -> None:
    network = ReluNetwork(parse_model("relu:2-3-2+bias"))  # type: ignore[arg-type]
    for loss in fs.OUTPUT_LOSSES:
        data = DataLoss(network, [(1, 2)], [(1, 0)], slope=loss.slope, slope_bound=loss.slope_bound)
        point = np.linspace(0.1, 1, network.parameters)
        assert np.isfinite(data(point)).all()
        assert np.all(np.abs(data(point)) <= data.absolute(point))


def test_one_loss_can_be_chosen_by_name() -> None:
    assert find(fs.output_losses("logistic"), lambda _: True).name == "logistic"


@few
@given(fs.signs(4))
def test_signs_are_signs(drawn: tuple[int, ...]) -> None:
    assert len(drawn) == 4
    assert set(drawn) <= {1, -1}


def test_vectors_are_shown_as_people_write_them() -> None:
    assert fs.shown([Fraction(1, 2), Fraction(-3), 0]) == "(1/2, -3, 0)"


@few
@given(st.integers(0, 6), st.integers(1, 300), st.data())
def test_choices_stay_below_their_number(length: int, many: int, data: st.DataObject) -> None:
    drawn = data.draw(choices(length, many))
    assert len(drawn) == length
    assert all(0 <= k < many for k in drawn)


def test_choices_take_every_value_and_shrink_to_zero() -> None:
    for k in range(7):
        assert find(choices(2, 7), lambda drawn, k=k: drawn[1] == k) == (0, k)  # type: ignore[misc]


def test_strategies_of_equal_numbers_are_made_once() -> None:
    assert fs.vectors(3, size=2) is fs.vectors(3, size=2)
    assert fs.vectors(3, size=2) is not fs.vectors(3, size=3)


def test_the_cases_of_a_hunt_differ_and_are_seldom_zero() -> None:
    """As most cases of the lawbook are drawn: sizes first, then numbers."""
    seen: list[tuple[tuple[tuple[Fraction, ...], ...], ...]] = []
    sizes = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
    pairs = sizes.flatmap(lambda s: st.tuples(fs.matrices(s[0], s[2]), fs.matrices(s[1], s[2])))

    @settings(max_examples=200, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(pairs)
    def collect(pair: tuple[tuple[tuple[Fraction, ...], ...], ...]) -> None:
        seen.append(pair)

    collect()
    zero = [pair for pair in seen if not any(entry for matrix in pair for row in matrix for entry in row)]
    assert len(set(seen)) > 0.95 * len(seen)
    assert len(zero) < 0.1 * len(seen)
