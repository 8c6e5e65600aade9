"""Mirror flows of commuting quadratic coordinates."""

from fractions import Fraction

import numpy as np
import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.intrinsic import NotClaimed
from flowlaw.oracles.intrinsic.commuting.commuting import metric_of
from flowlaw.oracles.models import Block, PolynomialMap, parse_model
from flowlaw.oracles.polynomials import Polynomial
from flowlaw.simulations import Loss
from flowlaw.simulations.reduced import compare
from flowlaw.simulations.reduced.mirror import ArcsinhFlow, QuadraticMirror, reduced_flow

F = Fraction
UNIT = 2.0**-53
x = [Polynomial.variable(k) for k in range(4)]
MIXED = PolynomialMap(
    "mixed", (Block("x", (4,)),), (x[0] * x[0] - x[1] * x[1].scaled(2), x[1] * x[1] + x[2] * x[2] - x[3] * x[3])
)
ROTATED = PolynomialMap("rotated", (Block("x", (4,)),), (x[0] * x[1] + x[2] * x[3], x[0] * x[3] + x[1] * x[2]))
"""Commuting Hessians that are not diagonal: products of two swaps, with common eigenvectors (1, +-1, +-1, +-1)/2."""


@pytest.mark.parametrize("point", [(1, F(1, 2), F(-1, 3), 2), (F(1, 2), 0, 1, 0)])
def test_differences_of_squares_have_their_metric(point: tuple[F, ...]) -> None:
    model = parse_model("diagonal:2")
    flow = reduced_flow(model, point)
    assert isinstance(flow, ArcsinhFlow)
    z = np.array([float(phi.evaluate(point)) for phi in model.coordinates()])
    found = np.stack([flow.apply(z, row) for row in np.eye(2)])
    wanted = np.array(metric_of(model, point), dtype=np.float64)
    assert np.abs(found - wanted).max() <= 16 * UNIT * wanted.max()  # a hypotenuse, two products, rounded inputs


@pytest.mark.parametrize("model", [MIXED, ROTATED, parse_model("monomial:2"), parse_model("symmetric:1-3")])
def test_quadratic_coordinates_have_their_metric(model: PolynomialMap) -> None:
    point = [F(3, 2), F(1, 2), F(1), F(-1, 4)][: model.parameters]
    flow = reduced_flow(model, point)
    assert isinstance(flow, QuadraticMirror)
    z = np.array([float(phi.evaluate(point)) for phi in model.coordinates()])
    found = np.stack([flow.apply(z, row) for row in np.eye(len(z))])
    wanted = np.array(metric_of(model, point), dtype=np.float64)
    # mu is 0 up to the rounding of z over the least eigenvalue of K, and K changes by 4 max|rate| of it
    slack = 64 * UNIT * (1 + np.abs(flow.rates).max() ** 3) * np.linalg.cond(wanted) * np.abs(wanted).max()
    assert np.abs(found - wanted).max() <= slack


def test_the_mirror_map_and_its_inverse() -> None:
    flow = reduced_flow(parse_model("diagonal:2"), [1, 2, F(1, 2), -1])
    assert isinstance(flow, ArcsinhFlow)
    z = np.array([0.7, -3.0])
    assert flow.primal(flow.mirror(z)) == pytest.approx(z, rel=1e-14)  # a few roundings, condition 1 to 4
    mixed = reduced_flow(MIXED, [1, 1, 1, 1])
    assert isinstance(mixed, QuadraticMirror)
    mu = np.array([0.4, -0.6])
    assert mixed.mirror(mixed.primal(mu)) == pytest.approx(mu, rel=1e-12)


def test_what_the_flow_cannot_reach_is_refused() -> None:
    flow = reduced_flow(parse_model("symmetric:1-2"), [1, 1])
    assert isinstance(flow, QuadraticMirror)
    with pytest.raises(BadInput, match="range"):
        flow.mirror(np.array([-1.0]))
    entropy = reduced_flow(parse_model("diagonal:1"), [1, 0])
    assert isinstance(entropy, ArcsinhFlow)
    with pytest.raises(BadInput, match="other than 0"):
        entropy.mirror(np.array([1.0]))


def test_models_of_other_kinds_are_left_alone_and_others_are_not_claimed() -> None:
    assert reduced_flow(parse_model("linear:2-2-2"), [1] * 8) is None
    assert reduced_flow(parse_model("monomial:3"), [1] * 3) is None
    with pytest.raises(NotClaimed, match="commute"):
        reduced_flow(parse_model("symmetric:2-2"), [1, 2, 3, 4])


@pytest.mark.parametrize("model", [parse_model("diagonal:2"), MIXED, ROTATED])
def test_gradient_flow_and_mirror_flow_agree(model: PolynomialMap) -> None:
    point = [F(1), F(1, 2), F(1, 2), F(3, 4)]
    flow = reduced_flow(model, point)
    assert flow is not None
    found = compare(model, point, flow, Loss.squared([1, -1]), time=0.25, steps=8, halvings=2)
    assert found.distance <= found.bound


def test_a_wrong_constant_is_told() -> None:
    model, point = parse_model("diagonal:2"), [F(1), F(1, 2), F(1, 2), F(3, 4)]
    flow = reduced_flow(model, point)
    assert isinstance(flow, ArcsinhFlow)
    wrong = ArcsinhFlow(flow.form, flow.beta / 2)
    found = compare(model, point, wrong, Loss.squared([1, -1]), time=0.25, steps=8, halvings=2)
    assert found.distance > 100 * found.bound
