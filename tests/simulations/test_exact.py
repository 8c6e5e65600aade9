from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.models import DeepLinear, known_laws, layered, parse_model
from flowlaw.oracles.polynomials import Polynomial
from flowlaw.simulations import DataLoss, Loss, Objective, ReluNetwork, exact_steps, step_residuals

SPECS = ["linear:2-2-2", "linear:1-3-2", "linear:2-1-2-1", "relu:2-3-1+bias", "relu:1-2-2-1", "monomial:3"]
rationals = st.builds(Fraction, st.integers(-20, 20), st.integers(1, 6))


@given(st.data())
@settings(max_examples=60)
def test_one_step_of_any_batch_changes_a_quadratic_law_by_eta_squared_times_its_value_at_the_gradient(
    data: st.DataObject,
) -> None:
    model = parse_model(data.draw(st.sampled_from(SPECS)))
    d = len(model.coordinates())
    vectors = st.lists(rationals, min_size=d, max_size=d)
    batches = [
        Objective(model, data.draw(st.sampled_from([Loss.linear, Loss.squared]))(data.draw(vectors))) for _ in "ab"
    ]
    start = data.draw(st.lists(rationals, min_size=model.parameters, max_size=model.parameters))
    eta, decay = data.draw(rationals), data.draw(rationals)
    path = exact_steps(start, batches, eta=eta, decay=decay)
    for family in known_laws(model):
        for law in family.polynomials():
            assert step_residuals(law, path, eta=eta, decay=decay) == (0, 0)


def test_the_worked_example_of_the_theory_comes_out_to_the_last_digit() -> None:
    energy = Objective(DeepLinear((1, 2, 1)), Loss.squared([1]))
    tau = Fraction(1, 10)
    path = exact_steps([1, Fraction(1, 2), Fraction(1, 3), 2], [energy], eta=tau)
    (family,) = known_laws(energy.model)
    start, end = path.points
    changes = [law.evaluate(end) - law.evaluate(start) for law in family.polynomials()]
    assert changes == [Fraction(-2, 2025), Fraction(1, 5400), Fraction(1, 240)]
    assert end[0] * end[2] + end[1] * end[3] - 1 == Fraction(281, 1800)


def test_a_form_that_is_no_law_leaves_a_residual() -> None:
    energy = Objective(DeepLinear((2, 2, 2)), Loss.squared([1, 2, 3, 4]))
    norm = Polynomial({((i, 2),): 1 for i in range(4)})
    eta = Fraction(1, 7)
    path = exact_steps([1, 2, 0, 1, -1, 1, 2, 1], [energy], eta=eta)
    (residual,) = step_residuals(norm, path, eta=eta)
    slope = sum(2 * a * g for a, g in zip(path.points[0][:4], path.gradients[0][:4], strict=True))
    assert residual == -eta * slope != 0


def test_a_gradient_with_noise_outside_the_span_breaks_the_identity() -> None:
    class Noisy:
        def gradient(self, point: object, /) -> tuple[Fraction, ...]:
            return (Fraction(1), Fraction(0), Fraction(0), Fraction(0))

    (family,) = known_laws(DeepLinear((1, 2, 1)))
    path = exact_steps([1, 2, 3, 4], [Noisy()], eta=Fraction(1, 2))
    assert step_residuals(family.polynomials()[0], path, eta=Fraction(1, 2)) != (0,)


def test_the_identity_holds_through_the_data_of_a_leaky_network() -> None:
    model = layered((2, 3, 2, 1), bias=True)
    network = ReluNetwork(model, Fraction(1, 3))
    loss = DataLoss(network, [[1, 2], [-3, 1], [0, Fraction(1, 2)]], [[1], [2], [-1]])
    start = [Fraction((7 * k) % 11 - 5, 3) for k in range(model.parameters)]
    eta = Fraction(1, 100)
    path = exact_steps(start, [loss, loss], eta=eta)
    assert any(path.gradients[0])
    for family in known_laws(model):
        for law in family.polynomials():
            assert step_residuals(law, path, eta=eta) == (0, 0)


def test_steps_whose_numbers_would_explode_are_refused_before_they_start() -> None:
    energy = Objective(DeepLinear((2, 2, 2)), Loss.squared([1, 2, 3, 4]))
    with pytest.raises(TooLarge, match="fewer steps"):
        exact_steps([Fraction(1, 3)] * 8, [energy] * 40, eta=Fraction(1, 10))


def test_the_identity_is_only_offered_for_quadratic_forms() -> None:
    energy = Objective(DeepLinear((1, 1, 1)), Loss.squared([1]))
    path = exact_steps([1, 2], [energy], eta=1)
    with pytest.raises(BadInput, match="degree 2"):
        step_residuals(Polynomial.variable(0), path, eta=1)
