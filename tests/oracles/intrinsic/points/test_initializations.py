"""Exact points by name: they are what they are called, or refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise, product

import pytest

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic import geometry, initialization, setting
from flowlaw.oracles.intrinsic.criterion.local import matrices
from flowlaw.oracles.intrinsic.linear.matrices import added, identity, scaled, transposed
from flowlaw.oracles.intrinsic.linear.matrices import product as times
from flowlaw.oracles.models import DeepLinear, parse_model
from flowlaw.oracles.polynomials import Rational

F = Fraction


def balances(model: DeepLinear, point: Sequence[Rational]) -> list[list[list[Rational]]]:
    factors = matrices(model, point)
    return [added(times(transposed(a), a), scaled(times(b, transposed(b)), -1)) for a, b in pairwise(factors)]


@pytest.mark.parametrize("seed", [0, 1, 5])
@pytest.mark.parametrize(
    ("spec", "text", "values"),
    [
        ("linear:2-2-2", "relaxed:1", [1]),
        ("linear:3-2-4", "relaxed:2/3", [F(2, 3)]),
        ("linear:1-2-3", "relaxed:-1", [-1]),
        ("linear:3-3-2", "relaxed:4", [4]),  # one direction of U alone: 4 is a square
        ("linear:3-3-1", "relaxed:5", [5]),  # two of them: 5 is a sum of two squares
        ("linear:6-5-2", "relaxed:7", [7]),  # three of them in dimension four: 7 is a sum of four squares
        ("linear:4-2-4", "relaxed:4", [4]),  # t = 2 would make a singular value zero
        ("linear:2-3-2", "relaxed:0", [0]),
        ("linear:2-2-2", "balanced", [0]),
        ("linear:2-3-4-2", "balanced", [0, 0]),
        ("linear:2-2-2-2", "relaxed:1", [1, 1]),
        ("linear:3-3-3-3", "relaxed:5,3", [5, 3]),
        ("linear:4-3-3-5", "relaxed:5,3", [5, 3]),
        ("linear:4-4-4-4", "relaxed:1,2", [1, 2]),
        ("linear:3-2-2-2-2", "relaxed:1,-1,2", [1, -1, 2]),
    ],
)
def test_relaxed_points_have_exactly_the_balance_they_are_named_for(
    spec: str, text: str, values: list[Rational], seed: int
) -> None:
    model = parse_model(spec)
    assert isinstance(model, DeepLinear)
    point = initialization(model, text, seed=seed).point
    found = balances(model, point)
    assert found == [scaled(identity(len(delta)), value) for delta, value in zip(found, values, strict=True)]


def test_a_seed_turns_the_point_and_zero_does_not() -> None:
    model = parse_model("linear:2-2-2")
    assert initialization(model, "relaxed:1").point == (F(5, 4), 0, 0, F(5, 3), F(3, 4), 0, 0, F(4, 3))
    turned = initialization(model, "relaxed:1", seed=1).point
    assert all(turned)
    assert turned != initialization(model, "relaxed:1", seed=2).point
    assert turned == initialization(model, "relaxed:1", seed=1).point


def test_the_counterexample_of_the_theory_is_an_initialization() -> None:
    """A3.linear2.counterexample: U = (3/4, 0), V = [(5/4) e_1, e_2]."""
    point = initialization(parse_model("linear:1-2-3"), "relaxed:-1").point
    assert point == (F(3, 4), 0, F(5, 4), 0, 0, 0, 1, 0)


@pytest.mark.parametrize("widths", [*product((1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3)), (2, 3, 2, 3), (3, 2, 1, 2)])
def test_generic_points_of_linear_networks_have_generic_ranks(widths: tuple[int, ...]) -> None:
    model = DeepLinear(widths)
    for seed in range(2):
        start = initialization(model, "generic", seed=seed)
        assert geometry(setting(model), start.point).constant is True
        if start.partner is not None:
            assert len(start.partner) == model.parameters
            assert start.partner != start.point


@pytest.mark.parametrize("spec", ["relu:2-3-2+bias", "relu:1-2-2-2", "dag:x:2,h:3,y:1/x-h-y,x-y"])
def test_zero_weights_are_on_one_side_of_one_neuron(spec: str) -> None:
    model = parse_model(spec)
    point, generic = (initialization(model, name).point for name in ("zero-weights", "generic"))
    dead = [k for k, value in enumerate(point) if not value]
    assert dead
    assert all(generic)
    assert [value for k, value in enumerate(point) if k not in dead] == [
        value for k, value in enumerate(generic) if k not in dead
    ]
    assert geometry(setting(model), point).constant is False


@pytest.mark.parametrize(
    ("spec", "text", "says"),
    [
        ("linear:2-2-2", "genric", "Did you mean 'generic'"),
        ("linear:2-2-2", "", "There are generic"),
        ("linear:2-2-2", "generic:3", "There are generic"),
        ("linear:2-2-2", "relaxed", "relaxed:1"),
        ("linear:2-2-2", "relaxed:", "relaxed:1"),
        ("linear:2-2-2", "relaxed:pi", "not a rational number"),
        ("linear:2-2-2", "relaxed:1e9", "not a rational number"),
        ("linear:2-2-2", "relaxed:1/0", "not a rational number"),
        ("linear:2-2-2", "relaxed:" + "9" * 50, "digits"),
        ("linear:2-2-2", "relaxed:1,2", "has 1 hidden layers"),
        ("linear:2-2", "relaxed:1", "has 0 hidden layers"),
        ("linear:1-2-3", "relaxed:1", "needs r <= n"),
        ("linear:3-2-1", "relaxed:-1", "needs r <= m"),
        ("linear:2-5-3", "relaxed:1", "No LAMBDA but 0"),
        ("linear:3-3-2", "relaxed:3", "a square"),
        ("linear:2-3-2-2", "relaxed:1", "one width"),
        ("linear:3-3-3-3", "relaxed:1", "no rational point"),
        ("relu:2-2-2", "relaxed:1", "no linear network"),
        ("diagonal:2", "balanced", "no linear network"),
        ("linear:2-2-2", "zero-weights", "no path lifting"),
        ("relu:2-2", "zero-weights", "no hidden neuron"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_reason(spec: str, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        initialization(parse_model(spec), text)


def test_points_that_are_too_long_are_refused() -> None:
    with pytest.raises(TooLarge, match="20000"):
        initialization(parse_model("relu:784-1000-10"), "generic")
