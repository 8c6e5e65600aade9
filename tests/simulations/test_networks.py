from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import Group, PathLifting, known_laws, layered
from flowlaw.oracles.polynomials import Rational
from flowlaw.simulations import EULER, MIDPOINT, DataLoss, ReluNetwork, drift_ladder, integrate, rounding_drift

rationals = st.builds(Fraction, st.integers(-9, 9), st.integers(1, 4))
NETS = [
    layered((2, 3, 2)),
    layered((2, 3, 3, 2), bias=True, outbias=True, skips=((0, 2), (0, 3))),
    PathLifting(
        (
            Group("x", 2, "source"),
            Group("a", 2, "hidden"),
            Group("b", 1, "hidden"),
            Group("y", 1, "output"),
            Group("z", 2, "output"),
        ),
        ((0, 1), (1, 2), (0, 2), (1, 3), (2, 3), (2, 4)),
    ),
]


def by_hand(model: PathLifting, point: list[Fraction], x: list[Fraction], leak: Rational) -> list[Fraction]:
    """The outputs of one sample, neuron by neuron."""
    start = 0
    weights: dict[tuple[int, int], list[list[Fraction]]] = {}
    for a, b in model.links:
        rows, columns = model.groups[a].size, model.groups[b].size
        weights[a, b] = [point[start + i * columns : start + (i + 1) * columns] for i in range(rows)]
        start += rows * columns
    rest = list(x)
    values: list[list[Fraction]] = []
    for index, group in enumerate(model.groups):
        if group.role == "source":
            taken = [Fraction(1)] if group.name == "one" else [rest.pop(0) for _ in range(group.size)]
            values.append(taken)
            continue
        row: list[Fraction] = []
        for j in range(group.size):
            z = sum(
                (values[a][i] * w[i][j] for (a, b), w in weights.items() if b == index for i in range(len(w))),
                Fraction(0),
            )
            row.append(z if group.role == "output" or z > 0 else leak * z)
        values.append(row)
    return [v for group, row in zip(model.groups, values, strict=True) if group.role == "output" for v in row]


@given(st.data())
@settings(max_examples=40)
def test_the_outputs_are_those_of_a_neuron_by_neuron_evaluation(data: st.DataObject) -> None:
    model, leak = data.draw(st.sampled_from(NETS)), data.draw(st.sampled_from([0, Fraction(1, 5), 1, -1]))
    network = ReluNetwork(model, leak)
    point = data.draw(st.lists(rationals, min_size=model.parameters, max_size=model.parameters))
    samples = data.draw(st.lists(st.lists(rationals, min_size=2, max_size=2), min_size=1, max_size=3))
    ours = network(np.array(point, dtype=object), np.array(samples, dtype=object))
    assert ours.tolist() == [by_hand(model, point, x, leak) for x in samples]


def case(model: PathLifting, leak: Rational = Fraction(1, 4), seed: int = 0) -> tuple[DataLoss, list[Fraction]]:
    rng = np.random.default_rng(seed)

    def draw(rows: int, columns: int) -> list[list[Fraction]]:
        return [[Fraction(int(v), 4) for v in row] for row in rng.integers(-8, 9, size=(rows, columns))]

    network = ReluNetwork(model, leak)
    loss = DataLoss(network, draw(5, network.inputs), draw(5, network.outputs))
    sizes = rng.integers(100, 1024, size=model.parameters) * rng.choice([-1, 1], size=model.parameters)
    return loss, [Fraction(int(v), 1024) for v in sizes]  # on so fine a grid no preactivation is 0


@pytest.mark.parametrize("model", NETS)
def test_the_exact_gradient_is_the_slope_of_the_loss_along_a_straight_line(model: PathLifting) -> None:
    loss, point = case(model)
    gradient = loss.gradient(point)
    rng = np.random.default_rng(1)
    direction = [Fraction(int(v)) for v in rng.integers(-3, 4, size=len(point))]

    def energy(t: Fraction) -> Fraction:
        moved = np.array([x + t * d for x, d in zip(point, direction, strict=True)], dtype=object)
        errors: Any = loss.network(moved, loss._inputs) - loss._targets  # pyright: ignore[reportPrivateUsage]
        return Fraction((errors**2).sum()) / 2

    h = Fraction(1, 10**9)  # the energy is a polynomial of degree at most 6 on both sides: the error is of order h^2
    slope = (energy(h) - energy(-h)) / (2 * h)
    assert abs(slope - sum(g * d for g, d in zip(gradient, direction, strict=True))) < Fraction(1, 10**12)
    assert any(gradient)


@pytest.mark.parametrize("model", NETS)
def test_every_neuron_balance_is_orthogonal_to_the_gradient_through_data(model: PathLifting) -> None:
    loss, point = case(model, leak=0)
    gradient = loss.gradient(point)
    for family in known_laws(model):
        for law in family.polynomials():
            slopes = law.gradient()
            assert sum(slopes[v].evaluate(point) * gradient[v] for v in slopes) == 0


def test_a_balance_without_its_bias_is_not_orthogonal() -> None:
    model = NETS[1]
    loss, point = case(model)
    gradient = loss.gradient(point)
    law = known_laws(model)[0].polynomials()[0]
    bias = model.groups[0].size * model.groups[2].size  # the first entry of b1
    slopes = {v: p for v, p in law.gradient().items() if v != bias}
    assert len(slopes) < len(law.gradient())
    assert sum(slopes[v].evaluate(point) * gradient[v] for v in slopes) != 0


@pytest.mark.parametrize("model", NETS)
def test_float_gradients_through_data_are_within_their_bound(model: PathLifting) -> None:
    loss, point = case(model)
    floats = np.array([float(x) for x in point])
    assert loss.network.margin(np.array(point, dtype=object), loss._inputs) > 1e-6  # pyright: ignore[reportPrivateUsage]
    errors = np.array(
        [abs(float(Fraction(float(a)) - b)) for a, b in zip(loss(floats), loss.gradient(point), strict=True)]
    )
    assert (errors <= loss.roundoff_bound(floats)).all()
    assert (loss.roundoff_bound(floats) < 1e-9).all()


@pytest.mark.parametrize("method", [EULER, MIDPOINT])
def test_the_midpoint_rule_keeps_the_balance_of_a_network_and_gradient_descent_does_not(method: Any) -> None:
    loss, point = case(layered((2, 3, 2), bias=True))
    laws = [law for family in known_laws(loss.network.model) for law in family.polynomials()]
    start = np.array([float(x) for x in point]) / 2
    ladder = drift_ladder(loss, laws, start=start, method=method, lengths=[0.01], time=0.2)
    path = integrate(loss, start, method=method, length=0.01, steps=20)
    bound = rounding_drift(loss, laws, path, length=0.01)
    assert bound == ladder.bounds[0] < 1e-10
    assert (ladder.drifts[0] <= bound) == (method is MIDPOINT)


def test_the_jacobian_lists_what_each_output_sees() -> None:
    loss, point = case(NETS[0])
    network, exact = loss.network, np.array(point, dtype=object)
    inputs, targets = loss._inputs, loss._targets  # pyright: ignore[reportPrivateUsage]
    rows = network.jacobian(exact, inputs)
    assert rows.shape == (5, 2, 12)
    errors = network(exact, inputs) - targets
    assert tuple((rows * errors[:, :, None]).sum(axis=(0, 1))) == loss.gradient(point)


def test_a_dead_neuron_has_no_gradient() -> None:
    model = layered((1, 1, 1))
    loss = DataLoss(ReluNetwork(model), [[1], [2]], [[1], [1]])
    assert loss.gradient([-1, 5]) == (0, 0)
    assert DataLoss(ReluNetwork(model, Fraction(1, 10)), [[1], [2]], [[1], [1]]).gradient([-1, 5]) != (0, 0)


@pytest.mark.parametrize(
    ("inputs", "targets"), [([], []), ([[1, 2]], [[1], [2]]), ([[1]], [[1, 1]]), ([[1, 2]], [[1]])]
)
def test_samples_of_the_wrong_shape_are_refused(inputs: list[list[int]], targets: list[list[int]]) -> None:
    with pytest.raises(BadInput):
        DataLoss(ReluNetwork(layered((2, 3, 2))), inputs, targets)
