"""The table of A0.integrators, with measured slopes."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import DeepLinear, known_laws
from flowlaw.oracles.polynomials import Polynomial
from flowlaw.simulations import (
    ADAPTIVE,
    EULER,
    GAUSS2,
    METHODS,
    MIDPOINT,
    RK4,
    FloatField,
    Loss,
    Objective,
    drift_ladder,
    euler_drift,
    integrate,
    rounding_drift,
)
from flowlaw.simulations.integrators import Ladder, drift

MODEL = DeepLinear((3, 2, 2))
FIELD = FloatField(Objective(MODEL, Loss.squared([Fraction(k, 3) - 1 for k in range(6)])))
LAWS = [law for family in known_laws(MODEL) for law in family.polynomials()]
NORM = [Polynomial({((i, 2),): 1 for i in range(6)})]  # |U1|_F^2
START = np.random.default_rng(0).normal(size=MODEL.parameters)
LENGTHS = [0.1, 0.05, 0.025, 0.0125]


def ladder(
    method: Any, laws: Any = LAWS, *, lengths: Any = LENGTHS, time: float | None = 1.0, steps: int | None = None
) -> Ladder:
    return drift_ladder(FIELD, laws, start=START, method=method, lengths=lengths, time=time, steps=steps)


def test_euler_loses_half_its_drift_when_the_step_is_halved_over_a_fixed_time() -> None:
    fine = [length / 8 for length in LENGTHS]
    assert ladder(EULER, lengths=fine).ratios == pytest.approx([2, 2, 2], rel=0.1)


def test_euler_loses_three_quarters_of_its_drift_over_a_fixed_number_of_steps() -> None:
    fine = [length / 16 for length in LENGTHS]
    assert ladder(EULER, lengths=fine, time=None, steps=4).ratios == pytest.approx([4, 4, 4], rel=0.1)


def test_the_drift_of_euler_is_the_sum_of_its_squared_gradients_up_to_a_derived_rounding_bound() -> None:
    path = integrate(FIELD, START, method=EULER, length=0.05, steps=20)
    expected = euler_drift(LAWS, [FIELD(point) for point in path.points[:-1]], eta=0.05)
    first, last = ([Fraction(float(x)) for x in point] for point in (path.points[0], path.end))
    measured = np.array([float(law.evaluate(last) - law.evaluate(first)) for law in LAWS])
    bound = rounding_drift(FIELD, LAWS, path, length=0.05)
    assert np.linalg.norm(measured - expected) <= bound < 1e-12
    assert np.linalg.norm(measured) > 1e-2
    assert np.linalg.norm(measured - expected * (1 + 1e-9)) > bound  # the bound would see the ninth digit


def test_the_squared_gradients_are_half_the_hessian_form() -> None:
    gradient = FIELD(START)
    law = LAWS[1]
    hessian = np.zeros((10, 10))
    for v, slope in law.gradient().items():
        for w, value in slope.gradient().items():
            hessian[v, w] = float(value.evaluate([0] * 10))
    assert euler_drift([law], [gradient], eta=0.5)[0] == pytest.approx(0.125 * gradient @ hessian @ gradient, rel=1e-12)


def test_rk4_drifts_at_fourth_order() -> None:
    assert all(3.7 <= slope <= 4.5 for slope in ladder(RK4).slopes)


@pytest.mark.parametrize("method", [MIDPOINT, GAUSS2], ids=lambda method: method.name)
def test_gauss_methods_keep_the_laws_to_rounding(method: Any) -> None:
    result = ladder(method)
    assert max(result.drifts) <= 1e-13 * float(START @ START)
    if method is MIDPOINT:
        assert all(drift <= bound for drift, bound in zip(result.drifts, result.bounds, strict=True))
        assert max(result.bounds) < 1e-11


def test_the_adaptive_method_keeps_the_laws_to_its_tolerance() -> None:
    result = ladder(ADAPTIVE, lengths=[1.0, 0.25])
    assert max(result.drifts) <= 1e-9


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_what_is_no_law_changes_by_order_one_in_every_method(method: Any) -> None:
    result = ladder(method, NORM, lengths=LENGTHS[1:3])
    assert all(change > 0.1 for change in result.drifts)
    if method is not EULER:
        assert result.drifts[0] == pytest.approx(result.drifts[1], rel=0.05)


@pytest.mark.parametrize("method", [EULER, RK4, MIDPOINT, GAUSS2], ids=lambda method: method.name)
def test_each_method_converges_to_the_flow_at_its_order(method: Any) -> None:
    order = {EULER.name: 1, RK4.name: 4, MIDPOINT.name: 2, GAUSS2.name: 4}[method.name]
    end = integrate(FIELD, START, method=ADAPTIVE, length=0.5, steps=1).end
    errors = [
        float(np.linalg.norm(integrate(FIELD, START, method=method, length=0.5 / n, steps=n).end - end))
        for n in (32, 64)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


def test_a_method_with_a_wrong_weight_loses_its_order() -> None:
    from dataclasses import replace

    broken = replace(RK4, b=(1 / 6, 1 / 3, 1 / 6, 1 / 3))
    assert max(ladder(broken).slopes) < 3


def test_a_step_that_is_too_long_is_refused_with_a_remedy() -> None:
    with pytest.raises(BadInput, match="shorter step"):
        integrate(FIELD, START, method=MIDPOINT, length=50.0, steps=1)
    with pytest.raises(BadInput, match="shorter steps"):
        integrate(FIELD, START, method=EULER, length=50.0, steps=50)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"time": 1.0, "steps": 3}, "Give one"),
        ({"time": None, "steps": None}, "Give one"),
        ({"lengths": [0.3]}, "divide"),
        ({"lengths": [-0.1], "time": None, "steps": 3}, "positive"),
    ],
)
def test_ladders_that_cannot_be_climbed_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        ladder(EULER, **arguments)


def test_single_precision_stays_single_and_drifts_within_its_own_bound() -> None:
    start = START.astype(np.float32)
    path = integrate(FIELD, start, method=MIDPOINT, length=0.05, steps=20)
    assert path.arithmetic == "float32"
    assert path.end.dtype == np.float32
    moved = drift(LAWS, path.points[0], path.end)
    assert 1e-9 < moved <= rounding_drift(FIELD, LAWS, path, length=0.05) < 1e-2
