"""The reduced flow of two-layer linear networks, against all parameters."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from time import perf_counter

import numpy as np
import pytest

from flowlaw.oracles.intrinsic import NotClaimed
from flowlaw.oracles.models import DeepLinear, parse_model
from flowlaw.oracles.polynomials import Rational
from flowlaw.simulations import Loss
from flowlaw.simulations.reduced import compare, reduced_flow
from flowlaw.simulations.reduced import two_layer as module
from flowlaw.simulations.reduced.two_layer import TwoLayerFlow

F = Fraction
EXAMPLE = [F(19, 17), F(259, 1020), F(-7, 68), F(101, 85), F(105, 221), F(163, 884), F(5, 68), F(35, 51)]
UNBALANCED = [F(10, 3), F(4, 3), F(0), F(8, 3), F(0), F(5, 3), F(0), F(0), F(1)]
BOTTLENECK = [F(5, 4), F(0), F(0), F(13, 12), F(0), F(0), F(3, 4), F(0), F(0), F(0), F(5, 12), F(0)]
CASES: dict[str, tuple[DeepLinear, list[Rational], Loss, float]] = {
    "square": (DeepLinear((2, 2, 2)), [*EXAMPLE], Loss.squared((1, 0, 1, -1)), 1.0),
    "bottleneck": (DeepLinear((3, 2, 3)), [*BOTTLENECK], Loss.squared([F(k, 4) for k in range(9)]), 0.25),
    "neuron": (DeepLinear((2, 1, 3)), [F(5, 4), F(1), F(1, 2), F(1), F(0)], Loss.squared([1] * 6), 0.25),
    "two values": (DeepLinear((1, 3, 2)), [*UNBALANCED], Loss.squared((3, 4)), 0.25),
    "scalar": (DeepLinear((1, 3, 1)), [1, 2, 2, 2, 0, 1], Loss.squared((1,)), 0.125),
    "r = m": (DeepLinear((1, 2, 2)), [F(3, 4), 0, F(5, 4), 0, 0, 1], Loss.squared((1, 1)), 0.5),
    "deficient": (DeepLinear((2, 2, 2)), [1, 1, 0, 0, 2, 0, 2, 0], Loss.squared((1, 1, 1, 1)), 0.125),
}


def flow(model: DeepLinear, point: list[Rational]) -> TwoLayerFlow:
    found = reduced_flow(model, point)
    assert isinstance(found, TwoLayerFlow)
    return found


@pytest.mark.once
@pytest.mark.parametrize("name", list(CASES))
def test_both_flows_agree_and_their_distance_falls_at_order_four(name: str) -> None:
    model, point, loss, time = CASES[name]
    found = compare(model, point, flow(model, point), loss, time=time, steps=16)
    assert found.distance <= found.bound
    assert np.abs(found.full[-1] - found.full[0]).max() > 1e-2
    assert found.slopes
    assert min(found.slopes) > 3.5


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("square", {"square": 1.1}),
        ("bottleneck", {"left": 3}),
        ("neuron", {"left": 2, "right": 3}),
        ("two values", {"square": 26.0}),
        ("two values", {"square": 16.0, "shift": 4.0}),
        ("scalar", {"square": 0.0}),
        ("r = m", {"square": 4.0}),
    ],
)
def test_a_wrong_flow_is_told(name: str, change: dict[str, float]) -> None:
    model, point, loss, time = CASES[name]
    wrong = replace(flow(model, point), **change)
    found = compare(model, point, wrong, loss, time=time, steps=16)
    assert found.distance > 100 * found.bound


def test_a_rotated_layer_does_not_follow_the_flow() -> None:
    model, point, loss, time = CASES["square"]
    U = [[F(3, 5) * a - F(4, 5) * b, F(4, 5) * a + F(3, 5) * b] for a, b in (point[0:2], point[2:4])]
    turned = [*U[0], *U[1], *point[4:]]
    found = compare(model, turned, flow(model, point), loss, time=time)
    assert found.distance > 0.1


def test_the_operator_is_symmetric_and_positive() -> None:
    for model, point, _, _ in CASES.values():
        one = flow(model, point)
        z = np.array([float(phi.evaluate(point)) for phi in model.coordinates()])
        K = np.stack([one.apply(z, e) for e in np.eye(one.dimension)])
        assert np.abs(K - K.T).max() <= 1e-13 * np.abs(K).max()
        assert np.linalg.eigvalsh(K).min() > -1e-13 * np.abs(K).max()


def test_the_shift_cancels_where_the_formulas_hold_in_all_directions() -> None:
    for name in ("square", "two values", "scalar", "r = m"):
        model, point, _, _ = CASES[name]
        one = flow(model, point)
        z, g = np.linspace(1, 2, one.dimension), np.linspace(-1, 2, one.dimension)
        moved = replace(one, shift=one.shift + 1)
        assert np.allclose(one.apply(z, g), moved.apply(z, g), rtol=1e-13)
    one = flow(*CASES["bottleneck"][:2])
    z, g = np.diag([1.0, 2.0, 0.0]).ravel(), np.ones(9)
    assert not np.allclose(one.apply(z, g), replace(one, shift=one.shift + 1).apply(z, g), rtol=1e-2)


def test_the_kept_numbers_are_laws_and_no_parameters() -> None:
    one = flow(DeepLinear((1, 3, 2)), [*UNBALANCED])
    assert (one.shift, one.square, one.left, one.right, one.shape) == (3.0, 25.0, 1, 2, (1, 2))
    left, right = one.metric(np.array([[100 / 9, 0.0]]))
    assert np.allclose(left, [[116 / 9]], rtol=1e-15)
    assert np.allclose(right, [[89 / 9, 0], [0, 1]], rtol=1e-15, atol=1e-15)


def test_the_cost_does_not_depend_on_the_hidden_width() -> None:
    """Z is 2 x 2; with 400 hidden neurons the parameters are 400 times as many."""
    wide: list[Rational] = [0] * 1600
    for a, b in ((0, 2), (1, 3)):
        wide[a] = wide[400 + b] = F(3, 2)
        wide[800 + 2 * a] = wide[800 + 2 * b + 1] = F(1)
    model = DeepLinear((2, 400, 2))
    one = flow(model, wide)
    z, g = np.array([1.0, 0.5, 0.0, 1.0]), np.ones(4)
    began = perf_counter()
    for _ in range(100):
        one.apply(z, g)
    assert (perf_counter() - began) / 100 < 2e-3  # some 50 microseconds; parameters would cost milliseconds


def test_other_models_are_left_to_other_modules_and_refusals_name_the_hypothesis() -> None:
    for spec in ("linear:2-2-2-2", "linear:2-2-2+logits", "relu:2-2-2"):
        model = parse_model(spec)
        assert module.reduced_flow(model, [1] * model.parameters) is None
    with pytest.raises(NotClaimed, match="never holds"):
        reduced_flow(DeepLinear((1, 2, 3)), [F(3, 4), 0, F(5, 4), 0, 0, 0, 1, 0])


@pytest.mark.once
def test_a_balanced_flow_of_lower_rank_is_integrated_at_full_order() -> None:
    """Roundings and stages leave the matrices of rank 1, and |s| has a kink there: the order would fall to 2."""
    model = DeepLinear((2, 1, 2))
    wide, start = DeepLinear((2, 2, 2)), [F(1), F(0), F(2), F(0), F(2), F(1), F(0), F(0)]
    loss = Loss.squared((F(3), F(-1), F(1, 2), F(2)))
    for chosen, point in ((wide, start), (model, [F(1), F(2), F(2), F(1)])):
        found = flow(chosen, [*point])
        assert (found.left, found.right) == (1, 1)
        slopes = compare(chosen, point, found, loss, time=0.25, steps=16, halvings=4).slopes
        assert min(slopes) > 3.8
    unrestricted = replace(flow(wide, [*start]), left=2, right=2)
    assert min(compare(wide, start, unrestricted, loss, time=0.25, steps=16, halvings=4).slopes) < 3.5
