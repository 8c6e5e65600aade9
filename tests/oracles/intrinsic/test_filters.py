"""Exact algebra of strided filters."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic.filters import (
    Filter,
    at_infinity,
    common_factor,
    compose,
    differential,
    exact_rank_of,
    inner_factor,
    kernel_basis,
    kernel_dimension,
    metric,
    powers,
    product,
    quotient,
    shared_factor,
    spacings,
    spread,
)
from flowlaw.oracles.models import parse_model

ENTRIES = st.integers(-3, 3)
FILTERS = st.lists(ENTRIES, min_size=1, max_size=4).map(tuple).filter(any)


def test_the_known_end_to_end_filter() -> None:
    assert compose([(1, 2), (3, 5)], [2]) == (3, 6, 5, 10)


@pytest.mark.parametrize(
    ("spec", "filters", "strides"),
    [
        ("conv:3-2-2+stride2-1", [(1, 2, 3), (4, 5), (6, 7)], [2, 1]),
        ("conv:2-2+stride3", [(1, 2), (3, 5)], [3]),
    ],
)
def test_coefficients_and_their_derivatives_are_those_of_the_model(
    spec: str, filters: list[tuple[int, ...]], strides: list[int]
) -> None:
    model, point = parse_model(spec), [x for w in filters for x in w]
    whole = compose(filters, strides)
    assert [phi.evaluate(point) for phi in model.coordinates()] == [
        whole[p] for p in powers([*map(len, filters)], strides)
    ]
    slopes = [phi.gradient() for phi in model.coordinates()]
    rows = [[row[k].evaluate(point) if k in row else 0 for k in range(model.parameters)] for row in slopes]
    assert differential(filters, strides) == rows
    assert metric(filters, strides)[0][0] == sum(x * x for x in rows[0])


def test_common_factors_count_roots_at_infinity() -> None:
    assert common_factor((2, 2, 0, 0), (1, 1, 0)) == (1, 1, 0)
    assert at_infinity((0, 1, 0, 0)) == 2
    assert common_factor((1, 0, 0), (0, 1)) == (1,)


@given(FILTERS, FILTERS, st.integers(1, 3))
def test_a_planted_inner_factor_is_found(g: Filter, rest: Filter, stride: int) -> None:
    found = inner_factor(product(spread(g, stride), rest), stride)
    assert len(found) >= len(g)
    assert at_infinity(quotient(found, g)) >= 0


@given(FILTERS, st.integers(1, 3))
def test_what_is_left_of_a_filter_has_no_inner_factor(w: Filter, stride: int) -> None:
    rest = quotient(w, spread(inner_factor(w, stride), stride))
    assert inner_factor(rest, stride) == (1,)


@given(FILTERS, FILTERS, FILTERS, st.integers(1, 3))
def test_the_kernel_of_the_differential(g: Filter, u: Filter, v: Filter, stride: int) -> None:
    first, second = product(spread(g, stride), u), product(g, v)
    J, basis = differential([first, second], [stride]), kernel_basis(first, second, stride)
    assert len(basis) == kernel_dimension(first, second, stride) >= len(g)
    assert exact_rank_of(J) == len(first) + len(second) - len(basis)
    assert not any(sum(a * b for a, b in zip(row, vector, strict=True)) for row in J for vector in basis)


def test_rational_coefficients_are_exact() -> None:
    assert shared_factor((Fraction(-2, 3), 0, Fraction(1, 3)), (Fraction(-4, 7), Fraction(2, 7)), 2) == (-2, 1)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: spacings([2, 2], []), "strides"),
        (lambda: spacings([2, 2], [0]), "strides"),
        (lambda: spacings([], []), "at least one filter"),
        (lambda: kernel_dimension((0, 0), (1,), 1), "zero"),
        (lambda: common_factor((0,), (0, 0)), "all zero"),
        (lambda: quotient((1, 1), (2, 1)), "does not divide"),
        (lambda: quotient((1, 1), (1, 0)), "does not divide"),
    ],
)
def test_wrong_input_is_named(call: object, word: str) -> None:
    assert callable(call)
    with pytest.raises(BadInput, match=word):
        call()


def test_filters_that_would_be_huge_are_refused_before_any_work() -> None:
    with pytest.raises(TooLarge, match="coefficients"):
        spacings([2] * 40, [2] * 39)
