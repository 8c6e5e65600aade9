"""The closed form at a point held against the full flow, from Python."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flowlaw.oracles.intrinsic import Initialization, NotClaimed, initialization
from flowlaw.oracles.models import parse_model
from flowlaw.properties.reduction import Goal, reduce_flow
from flowlaw.simulations import Loss


def test_a_loss_of_ones_own_is_followed_for_the_time_that_is_asked_for() -> None:
    model = parse_model("linear:2-2-2")
    start = initialization(model, "relaxed:1")
    sizes: list[int] = []

    def goal(size: int) -> Goal:
        sizes.append(size)
        return Goal(Loss.squared([Fraction(k, 2) for k in range(size)]), "mine")

    found = reduce_flow(model, start, goal=goal, time=Fraction(1, 2))
    assert sizes == [4]
    assert (found.held.verdict, found.held.time, found.form.name) == ("HOLDS", Fraction(1, 2), "relaxed-balanced")
    assert found.goal is not None
    assert found.goal.says == "mine"


def test_the_default_loss_depends_on_the_seed_and_has_the_signs_of_z() -> None:
    model = parse_model("relu:2-2-1")
    start = initialization(model, "generic")
    first, again, other = (reduce_flow(model, start, seed=seed) for seed in (3, 3, 4))
    assert first.goal == again.goal != other.goal
    assert first.goal is not None
    assert first.values is not None
    assert all(slope * value < 0 for slope, value in zip(first.goal.loss.slope, first.values, strict=True) if value)


def test_a_point_without_a_closed_form_is_refused() -> None:
    model = parse_model("linear:2-2-2")
    with pytest.raises(NotClaimed):
        reduce_flow(model, Initialization("mine", (1, 2, 3, 4, 5, 6, 7, 8), ""))
