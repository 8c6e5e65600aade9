from fractions import Fraction
from random import Random

import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import DeepLinear, Model, layered, parse_model
from flowlaw.oracles.polynomials import Polynomial, Rational
from flowlaw.simulations import Loss, Objective

MODELS = [
    "linear:2-3",
    "linear:1-2-2-1",
    "linear:3-2-3",
    "linear:2-2-2+logits",
    "relu:2-3-2+bias+outbias",
    "monomial:4",
]


def energy(model: Model, loss: Loss) -> Polynomial:
    """E(theta), written out."""
    phi = model.coordinates()
    total = Polynomial()
    for c, z in zip(loss.slope, phi, strict=True):
        total = total + z.scaled(c)
    for i, j, a in loss.curvature:
        total = total + (phi[i] * phi[j]).scaled(Fraction(a) / 2)
    return total


def draw(random: Random, count: int) -> list[Fraction]:
    return [Fraction(random.randint(-9, 9), random.randint(1, 5)) for _ in range(count)]


@pytest.mark.parametrize("spec", MODELS)
def test_the_program_of_a_gradient_is_the_gradient_of_the_written_out_energy(spec: str) -> None:
    random = Random(spec)
    model = parse_model(spec)
    d = len(model.coordinates())
    entries = [(i, j, Fraction(random.randint(-3, 3), 2)) for i in range(d) for j in range(i + 1)]
    curvature = [(i, j, a) for i, j, a in entries] + [(j, i, a) for i, j, a in entries if i != j]
    loss = Loss(tuple(draw(random, d)), tuple(curvature))
    point = draw(random, model.parameters)
    gradient: list[Rational] = [0] * model.parameters
    for variable, derivative in energy(model, loss).gradient().items():
        gradient[variable] = derivative.evaluate(point)
    assert any(gradient)
    assert list(Objective(model, loss).gradient(point)) == gradient


def test_a_regression_is_the_squared_loss_of_the_network_on_its_samples() -> None:
    model = DeepLinear((1, 1, 2))  # g = u (v . x)
    inputs, targets = [[1, 2], [3, -1]], [[5], [Fraction(1, 2)]]
    u, v = Fraction(2), [Fraction(1, 3), Fraction(-1)]
    errors = [u * (v[0] * x[0] + v[1] * x[1]) - y[0] for x, y in zip(inputs, targets, strict=True)]
    inner = [v[0] * x[0] + v[1] * x[1] for x in inputs]
    expected = (
        sum(e * i for e, i in zip(errors, inner, strict=True)),
        sum(e * u * x[0] for e, x in zip(errors, inputs, strict=True)),
        sum(e * u * x[1] for e, x in zip(errors, inputs, strict=True)),
    )
    assert Objective(model, Loss.regression(inputs, targets)).gradient([u, *v]) == expected


def test_two_layers_of_three_by_two_need_only_fifty_four_products() -> None:
    assert Objective(DeepLinear((3, 2, 3)), Loss.squared([1] * 9)).program.products == 54


def test_the_degree_of_the_energy_counts_the_loss_twice_when_it_is_quadratic() -> None:
    model = layered((2, 2, 2))
    assert Objective(model, Loss.linear([1] * 8)).degree == 2
    assert Objective(model, Loss.squared([1] * 8)).degree == 4


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Loss((1, 2), ((0, 1, 3),)), "symmetric"),
        (lambda: Loss((1, 2), ((0, 2, 3), (2, 0, 3))), "outside"),
        (lambda: Loss((1, 2), ((0, 0, 3), (0, 0, 1))), "twice"),
        (lambda: Loss.squared([1, 2], [1]), "weights"),
        (lambda: Loss.regression([[1], [1, 2]], [[1], [1]]), "lengths"),
        (lambda: Loss.regression([], []), "at least one"),
        (lambda: Objective(DeepLinear((1, 1, 1)), Loss.squared([1, 2])), "coordinates"),
        (lambda: Objective(DeepLinear((1, 1, 1)), Loss.squared([1])).gradient([1]), "entries"),
    ],
)
def test_losses_that_make_no_sense_are_refused_with_a_reason(make: object, says: str) -> None:
    assert callable(make)
    with pytest.raises(BadInput, match=says):
        make()
