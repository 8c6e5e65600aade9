"""Infinitely deep linear networks: collocation in depth, the conserved profile, and the logarithmic-mean flow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.simulations.fields import FloatArray
from flowlaw.simulations.infinite_depth import (
    Grid,
    LogarithmicMeanFlow,
    Profile,
    finite_factors,
    finite_lifted,
    logarithmic_mean,
    multiplier,
    relaxed_values,
)
from flowlaw.simulations.reduced.deep import DeepFlow

UNIT = 2.0**-53
START = np.array([[1.0, 0.25], [0.25, -0.5]])
LIFTS: dict[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "zero": (lambda s: 0 * s, lambda s: 0 * s),
    "constant": (lambda s: 1.5 + 0 * s, lambda s: 1.5 * s),
    "varying": (lambda s: 0.7 + 1.5 * np.cos(5 * s), lambda s: 0.7 * s + 0.3 * np.sin(5 * s)),
}
"""lambda and its integral."""


def profile(count: int, name: str = "varying") -> Profile:
    grid = Grid(count)
    return Profile(grid, relaxed_values(grid.nodes, START, [(1.0, 0.5)], LIFTS[name][1]))


def test_integration_and_differentiation_are_exact_for_polynomials() -> None:
    grid = Grid(6)
    s = grid.nodes
    for power in range(6):
        # six products of numbers below 40 for each entry
        assert np.abs(grid.integration @ s**power - s ** (power + 1) / (power + 1)).max() <= 64 * UNIT
        slope = power * s ** max(0, power - 1)
        assert np.abs(grid.differentiation @ s**power - slope).max() <= 64 * UNIT * np.abs(grid.differentiation).sum()
    assert abs(grid.weights @ s**11 - 1 / 12) <= 64 * UNIT  # Gauss: exact up to degree 2 N - 1


def test_constant_layers_give_the_exponential() -> None:
    grid = Grid(16)
    found = Profile(grid, np.tile(np.diag([1.0, -0.5]), (16, 1, 1)))
    # the error of 16 nodes is below rounding: 1/(32! 2^32); the system has condition below e^2
    assert np.abs(found.end - np.diag(np.exp([1.0, -0.5]))).max() <= 8 * 32 * UNIT * np.e**2
    assert np.abs(found.states[:, 0, 0] - np.exp(grid.nodes)).max() <= 8 * 32 * UNIT * np.e**2


@pytest.mark.parametrize("name", LIFTS)
def test_relaxed_profiles_have_a_multiple_of_the_identity_and_its_value(name: str) -> None:
    found = profile(24, name)
    expected = LIFTS[name][0](found.grid.nodes)
    off = np.abs(found.conserved() - expected[:, None, None] * np.eye(2)).max()
    # differentiation multiplies roundings by its row sums; A is of order 2
    assert off <= 64 * UNIT * np.abs(found.grid.differentiation).sum(axis=1).max() * 4
    assert found.relaxation <= 2 * off + UNIT


@pytest.mark.parametrize("name", LIFTS)
def test_the_flow_of_all_layers_is_the_logarithmic_mean_flow_whatever_lambda(name: str) -> None:
    G = np.array([[1.0, -2.0], [1.0, 3.0]])
    coarse, fine = profile(14, name), profile(21, name)
    found, better = coarse.lifted(G), fine.lifted(G)
    closed = LogarithmicMeanFlow(2).apply(fine.end.ravel(), G.ravel()).reshape(2, 2)
    # the change from 14 to 21 nodes is the error of 14; 21 nodes leave rounding
    assert np.abs(found - closed).max() <= 2 * np.abs(found - better).max() + 64 * 42 * UNIT * 100
    assert np.abs(better - closed).max() <= 64 * 42 * UNIT * 100


def test_without_relaxed_balance_it_is_not() -> None:
    relaxed = profile(21)
    bump = np.sin(3 * relaxed.grid.nodes)[:, None, None] * np.array([[1.0, 0.0], [2.0, -1.0]])
    found = Profile(relaxed.grid, relaxed.values + bump)
    G = np.array([[1.0, -2.0], [1.0, 3.0]])
    closed = LogarithmicMeanFlow(2).apply(found.end.ravel(), G.ravel()).reshape(2, 2)
    assert found.relaxation > 1
    assert np.abs(found.lifted(G) - closed).max() > 0.1


def test_the_gradient_is_that_of_the_end() -> None:
    # f = <G, X(1)>: moving A by h D changes f by h int <Gamma, D> ds up to h^2
    base = profile(14)
    G, h = np.array([[1.0, -2.0], [0.5, 3.0]]), 2.0**-20
    D = np.cos(2 * base.grid.nodes)[:, None, None] * np.array([[0.5, 1.0], [-1.0, 0.25]])
    plus, minus = (Profile(base.grid, base.values + sign * h * D).end for sign in (1, -1))
    slope = float(np.einsum("i,iab,iab->", base.grid.weights, base.gradient(G), D))
    # a central difference: h^2 for the cubic term, rounding of the ends divided by h
    assert abs(((plus - minus) * G).sum() / (2 * h) - slope) <= 100 * h**2 + 64 * 28 * UNIT * 20 / h


def test_the_logarithmic_mean_has_its_known_values() -> None:
    s = np.array([np.e, 1.0])
    K = logarithmic_mean(s[:, None], s[None, :])
    expected = np.array([[np.e**2, (np.e**2 - 1) / 2], [(np.e**2 - 1) / 2, 1.0]])
    assert np.all(np.abs(K - expected) <= 8 * UNIT * expected)
    near = float(logarithmic_mean(np.array(1.0), np.array(1.0 + 1e-9)))
    assert abs(near - (1 + 1e-9)) <= 1e-17 + 4 * UNIT  # p q (1 + O(d^2))


@pytest.mark.parametrize("multiple", [0.0, 1.5, -2.0])
def test_the_error_of_finite_depth_halves_as_depth_doubles(multiple: float) -> None:
    p, q = 2.0, 1.5
    limit = float(logarithmic_mean(np.array(p), np.array(q)))
    depths = (16, 32, 64, 128)
    errors = [abs(multiplier(p, q, [k * multiple / L**2 for k in range(L)]) / L - limit) for L in depths]
    ratios = [a / b for a, b in pairwise(errors)]
    assert all(1.9 < ratio < 2.1 for ratio in ratios)
    # the constant: -l ln(a b)/2, whatever lambda
    assert abs(errors[-1] * 128 / (limit * np.log(p * q)) - 1) < 0.05


def test_the_multiplier_is_that_of_the_reduced_flow_of_finite_depth() -> None:
    shifts = tuple(0.2 * k / 8 for k in range(8))
    flow = DeepFlow(LogarithmicMeanFlow(2).form, (2, 2), shifts, 2)
    z = np.diag([2.0, 0.5])
    G = np.ones((2, 2))
    found = flow.apply(z.ravel(), G.ravel()).reshape(2, 2)
    expected = [[multiplier(a, b, shifts) for b in (2.0, 0.5)] for a in (2.0, 0.5)]
    assert np.all(np.abs(found - expected) <= 64 * 8 * UNIT * np.abs(expected))


def test_nets_of_finite_depth_approach_the_profile() -> None:
    G = np.array([[1.0, -2.0], [1.0, 3.0]])
    limit = profile(21).lifted(G)

    def at(depth: int) -> FloatArray:
        s = (np.arange(depth, dtype=np.float64) + 0.5) / depth
        return finite_lifted(finite_factors(relaxed_values(s, START, [(1.0, 0.5)], LIFTS["varying"][1])), G)

    errors = [float(np.linalg.norm(at(depth) - limit)) for depth in (32, 64, 128)]
    assert all(1.8 < a / b < 2.2 for a, b in pairwise(errors))


def test_wrong_shapes_and_singular_ends_are_refused() -> None:
    with pytest.raises(BadInput, match="nodes in the depth"):
        Grid(0)
    with pytest.raises(BadInput, match="nodes in the depth"):
        Grid(10**6)
    with pytest.raises(BadInput, match=r"not \(N, n, n\)"):
        Profile(Grid(3), np.zeros((2, 2, 2)))
    with pytest.raises(BadInput, match="1 pairs"):
        relaxed_values(Grid(3).nodes, START, [], lambda s: s)
    with pytest.raises(BadInput, match="symmetric"):
        relaxed_values(Grid(3).nodes, np.array([[1.0, 2.0], [0.0, 1.0]]), [(1.0, 0.0)], lambda s: s)
    with pytest.raises(BadInput, match="Z is singular"):
        LogarithmicMeanFlow(2).apply(np.array([1.0, 0, 0, 0]), np.ones(4))
