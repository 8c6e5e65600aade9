from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import parse_model
from flowlaw.oracles.polynomials import Polynomial
from flowlaw.simulations import CompiledPolynomials, FloatField, Loss, Objective, float_point, roundoff_bound
from flowlaw.simulations.fields import gamma, unit_roundoff

SPECS = ["linear:2-2-2", "linear:1-3-2-1", "relu:2-3-1+bias", "monomial:5", "diagonal:3", "symmetric:2-3"]
DTYPES: list[Any] = [np.float64, np.float32]


def exact(values: Any) -> list[Fraction]:
    return [Fraction(float(x)) for x in values]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spec", SPECS)
def test_a_float_gradient_is_within_its_bound_of_the_exact_one_and_the_bound_is_not_idle(spec: str, dtype: Any) -> None:
    random = Random(spec)
    model = parse_model(spec)
    targets = [random.randint(-8, 8) / 4 for _ in model.coordinates()]
    energy = Objective(model, Loss.squared([Fraction(y) for y in targets]))
    field = FloatField(energy)
    rng = np.random.default_rng(1)
    worst = 0.0
    for _ in range(30):
        point = (rng.normal(size=model.parameters) * 10.0 ** rng.integers(-3, 4)).astype(dtype)
        value, bound = field(point), field.roundoff_bound(point)
        assert value.dtype == dtype
        error = np.array(
            [abs(float(Fraction(float(a)) - b)) for a, b in zip(value, energy.gradient(exact(point)), strict=True)]
        )
        assert (error <= bound).all()
        worst = max(worst, float((error / np.where(bound > 0, bound, 1)).max()))
    assert worst > 1e-3


def test_a_gradient_wrong_in_the_tenth_digit_violates_the_bound() -> None:
    model = parse_model("linear:2-2-2")
    energy = Objective(model, Loss.squared([1, 2, 3, 4]))
    field, point = FloatField(energy), np.arange(1.0, 9.0)
    wrong = field(point) * (1 + 1e-10)
    errors = [abs(float(Fraction(float(a)) - b)) for a, b in zip(wrong, energy.gradient(exact(point)), strict=True)]
    assert (np.array(errors) > field.roundoff_bound(point)).any()


def test_a_batch_of_points_gives_the_same_gradients_as_one_point_at_a_time() -> None:
    model = parse_model("relu:2-3-2+bias")
    field = FloatField(Objective(model, Loss.squared([1] * len(model.coordinates()))))
    points = np.random.default_rng(0).normal(size=(4, 3, model.parameters))
    batch = field(points)
    assert batch.shape == points.shape
    for i in range(4):
        for j in range(3):
            assert np.array_equal(batch[i, j], field(points[i, j]))


def test_the_energy_has_the_gradient_that_the_field_gives() -> None:
    model = parse_model("linear:2-1-2")
    field = FloatField(Objective(model, Loss.squared([1, 2, 3, 4])))
    point, h = np.array([0.5, -1.0, 2.0, 0.3]), 1e-6
    slopes = [(field.energy(point + h * e) - field.energy(point - h * e)) / (2 * h) for e in np.eye(4)]
    assert np.allclose(slopes, field(point), rtol=1e-7)


@pytest.mark.once
@given(st.data())
@settings(max_examples=80)
def test_the_value_of_a_polynomial_is_within_its_bound(data: st.DataObject) -> None:
    coefficients = st.builds(Fraction, st.integers(-50, 50), st.integers(1, 9))
    monomials = st.dictionaries(st.integers(0, 3), st.integers(1, 3), max_size=3).map(
        lambda d: tuple(sorted(d.items()))
    )
    polynomial = Polynomial(data.draw(st.dictionaries(monomials, coefficients, max_size=6)))
    numbers = st.floats(-1e3, 1e3).filter(lambda x: x == 0 or abs(x) > 1e-10)
    point = data.draw(st.lists(numbers, min_size=4, max_size=4))
    value = float(CompiledPolynomials([polynomial], 4).values(np.array(point))[0])
    assert abs(Fraction(value) - polynomial.evaluate(exact(point))) <= Fraction(roundoff_bound(polynomial, point))


def test_polynomials_without_terms_and_without_variables_have_values() -> None:
    compiled = CompiledPolynomials([Polynomial(), Polynomial.constant(3), Polynomial.variable(1)], 2)
    assert compiled.values(np.array([5.0, 7.0])).tolist() == [0, 3, 7]
    assert CompiledPolynomials([], 2).values(np.zeros((3, 2))).shape == (3, 0)


def test_an_objective_that_ignores_some_parameters_moves_only_the_others() -> None:
    model = parse_model("linear:2-2-2")
    field = FloatField(Objective(model, Loss.linear([1, 0, 0, 0])))
    gradient = field(np.arange(1.0, 9.0))
    assert np.flatnonzero(gradient).tolist() == [0, 1, 4, 6]


def test_more_roundings_than_digits_are_refused() -> None:
    assert gamma(4) == 4 * unit_roundoff() / (1 - 4 * unit_roundoff())
    with pytest.raises(BadInput, match="float64"):
        gamma(2**24, np.float32)


def test_rational_points_are_rounded_to_the_nearest_number() -> None:
    assert float_point([Fraction(1, 3), 2]).tolist() == [1 / 3, 2.0]
