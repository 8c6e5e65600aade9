"""A property is run on its examples and on random cases; what fails is shrunk and told."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import strategies as st

from flowlaw.properties import Property, Residual, Skipped
from flowlaw.properties._hunt import hunt


def integers_up_to(limit: int, check: Callable[[int], Residual], examples: tuple[int, ...] = ()) -> Property:
    return Property("p", "a property", "rational", lambda: st.integers(0, limit), check, examples)


def test_a_true_property_holds_on_all_cases_and_counts_the_trivial_ones() -> None:
    prop = integers_up_to(1000, lambda n: Residual(0, nontrivial=n % 2 == 1))
    hunted = hunt(prop, cases=50, seed=1)
    assert not hunted.violated
    assert hunted.cases == 50
    assert 0 < hunted.nontrivial < 50


def test_a_failure_is_shrunk_to_the_smallest_case() -> None:
    hunted = hunt(integers_up_to(10**6, lambda n: Residual(n, 17)), cases=100, seed=1)
    assert hunted.violated
    assert hunted.worst_case == "18"


def test_a_failing_example_is_reported_before_any_random_case() -> None:
    hunted = hunt(integers_up_to(5, lambda n: Residual(n, 100), examples=(3, 1000)), cases=100, seed=1)
    assert hunted.violated
    assert (hunted.worst_case, hunted.cases) == ("1000", 1)


def test_nan_never_holds() -> None:
    assert hunt(integers_up_to(5, lambda _: Residual(math.nan, 1.0)), cases=5, seed=1).violated


def test_the_worst_case_is_the_one_nearest_to_its_bound() -> None:
    hunted = hunt(integers_up_to(9, lambda n: Residual(Fraction(n, 10), 1)), cases=200, seed=1)
    assert hunted.worst == Residual(Fraction(9, 10), 1)


def test_the_same_seed_draws_the_same_cases_and_another_seed_others() -> None:
    def drawn(seed: int) -> list[int]:
        seen: list[int] = []

        def check(n: int) -> Residual:
            seen.append(n)
            return Residual(0)

        hunt(integers_up_to(10**9, check), cases=20, seed=seed)
        return seen

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_a_check_that_cannot_run_says_so() -> None:
    def check(_: int) -> Residual:
        raise Skipped("no such device")

    with pytest.raises(Skipped, match="no such device"):
        hunt(integers_up_to(5, check), cases=5, seed=1)
