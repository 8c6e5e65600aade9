"""Reduced flows of deep linear networks: roots, domains, accuracy, and what a wrong one would show."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.intrinsic import chain_at, relaxed_point
from flowlaw.oracles.models import DeepLinear
from flowlaw.properties._deep_flow import FlowCase, Spectral, floats, lifted, loose, product
from flowlaw.simulations import Loss
from flowlaw.simulations.reduced import compare, reduced_flow
from flowlaw.simulations.reduced.deep import DeepFlow, InPlace, deep_flow, squared_factors

F = Fraction
UNIT = 2.0**-53


def case(widths: tuple[int, ...], *, balanced: bool = False, seed: int = 0) -> FlowCase:
    G = tuple(F((-1) ** i * (i + 2), 3) for i in range(widths[0] * widths[-1]))
    return FlowCase(widths, seed, G, balanced=balanced)


def ends(given: FlowCase) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """z, G and ``-z'`` of all layers, each rounded once."""
    z, flow = floats(product(given.layers)).ravel(), floats(lifted(given.layers, given.slope)).ravel()
    return z, np.array([float(x) for x in given.G]), flow


@pytest.mark.parametrize(("s", "squares"), [(6, (9, 4, 1)), (10, (10, 5, 2)), (0, (8, 3, 0))])
def test_roots_are_the_largest_ones(s: int, squares: tuple[int, ...]) -> None:
    found = squared_factors(np.array([float(s)]), np.array([0.0, 5.0, 8.0]))[0]
    # the solver stops at relative changes of 4 L u, where the next step is quadratically smaller
    assert np.all(np.abs(found - squares) <= 16 * UNIT * np.array(squares))


def test_small_singular_values_keep_all_their_digits() -> None:
    # near s = 0 the cubic t (t + 3)(t + 8) = s^2 has the root t = s^2/24 up to a relative s^2
    s = np.array([1e-150, 1e-60, 1e-12])
    t = squared_factors(s, np.array([0.0, 5.0, 8.0]))[:, 2]
    assert np.all(np.abs(t / (s / 24 * s) - 1) <= 32 * UNIT)


def test_roots_solve_their_equation_for_many_layers() -> None:
    rng = np.random.default_rng(0)
    shifts = np.array([0.0, *rng.normal(size=40).cumsum()])
    s = np.exp(rng.uniform(-5, 5, size=50))
    factors = squared_factors(s, shifts)
    assert np.all(factors > 0)
    # each logarithm of a factor is wrong by u and by 4 L u of t, and there are 41 of them
    assert np.all(np.abs(np.log(factors).sum(axis=1) - 2 * np.log(s)) <= 8 * 41 * 41 * UNIT * 10)


@pytest.mark.parametrize(
    ("widths", "balanced"),
    [
        ((1, 1, 1, 1), False),
        ((3, 3, 3, 3), False),
        ((2,) * 7, False),
        ((4, 2, 2, 3), False),
        ((3, 2, 2, 2, 5), False),
        ((3, 2, 4, 3), True),
        ((4, 1, 3, 2), True),
        ((2, 5, 5, 3), True),
        # one row or column: no decomposition
        ((1, 1, 1, 4), False),
        ((4, 1, 1, 1, 1), False),
        ((1, 3, 2, 5), True),
        ((5, 2, 3, 1), True),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_the_reduced_flow_is_the_flow_of_all_layers(widths: tuple[int, ...], balanced: bool, seed: int) -> None:
    given = case(widths, balanced=balanced, seed=seed)
    z, G, expected = ends(given)
    flow = reduced_flow(given.made.model, given.made.point)
    assert isinstance(flow, DeepFlow)
    assert flow.dimension == len(z)
    bound = loose(given)
    assert bound < 1e-8  # otherwise the next line would say nothing
    assert np.linalg.norm(flow.apply(z, G) - expected) <= bound


@pytest.mark.parametrize("widths", [(2, 3, 3, 5), (5, 3, 3, 2), (2, 2, 2, 2), (5, 2, 2, 2)])
def test_the_gram_matrix_gives_the_same_flow_from_either_side(widths: tuple[int, ...]) -> None:
    balanced = widths[1] > min(widths[0], widths[-1])
    given = case(widths, balanced=balanced)
    z, G, expected = ends(given)
    found = reduced_flow_of(given, gram=True).apply(z, G)
    assert np.linalg.norm(found - expected) <= looser(given)


def looser(given: FlowCase) -> float:
    """Errors from Gram matrices grow by one more condition number of Z than those of the decomposition."""
    squares = [float(x) for x in given.made.squares]
    return loose(given) * (max(squares) / min(squares)) ** 0.5


@pytest.mark.parametrize(
    ("widths", "balanced"),
    [
        ((2, 3, 3, 5), True),
        ((5, 3, 3, 2), True),
        ((2, 2, 2, 2), False),
        ((5, 2, 2, 2), False),
        ((1, 3, 3, 4), True),
        ((4, 1, 1, 1), False),
    ],
)
def test_in_place_the_flow_is_the_same_at_every_point(widths: tuple[int, ...], balanced: bool) -> None:
    given = case(widths, balanced=balanced)
    z, G, expected = ends(given)
    flow = reduced_flow_of(given, gram=True)
    place = InPlace(flow)
    out = np.full(len(z), np.nan)
    for slope, times in ((G, 1.0), (2 * G, 0.5), (G, -3.0)):
        place.point[...], place.covector[...] = z.reshape(flow.shape), slope.reshape(flow.shape)
        place.apply(out, times)
        wanted = times * slope[0] / G[0] * expected
        assert np.linalg.norm(wanted) > 1e6 * looser(given)  # otherwise the next line would say nothing
        assert np.linalg.norm(out - wanted) <= 3 * looser(given)
        assert np.array_equal(place.point.ravel(), z)
        assert np.array_equal(place.covector.ravel(), slope)
    # another point leaves nothing of the first one; the same operations give the same numbers up to their order
    place.point[...] = -2 * place.point
    place.apply(out)
    alone = flow.apply(-2 * z, G)
    assert np.abs(out - alone).max() <= 64 * UNIT * np.abs(alone).max()


@pytest.mark.parametrize("widths", [(2, 3, 3, 5), (5, 3, 3, 2)])
def test_the_answer_goes_where_out_is_even_over_the_covector(widths: tuple[int, ...]) -> None:
    given = case(widths, balanced=True)
    z, G, _ = ends(given)
    flow = reduced_flow_of(given, gram=True)
    place = InPlace(flow)
    place.point[...], place.covector[...] = z.reshape(flow.shape), G.reshape(flow.shape)
    row, matrix, spaced = np.zeros(len(z)), np.zeros(flow.shape), np.zeros(2 * len(z))
    for out in (row, matrix, spaced[::2]):
        place.apply(out)
    assert np.linalg.norm(row) > 1
    size = 64 * UNIT * np.abs(row).max()  # layouts may change the order of sums
    assert np.abs(matrix.ravel() - row).max() <= size
    assert np.abs(spaced[::2] - row).max() <= size
    assert np.all(spaced[1::2] == 0)
    place.apply(place.covector)
    assert np.abs(place.covector.ravel() - row).max() <= size


def test_in_place_a_lost_rank_is_refused_and_out_is_left_alone() -> None:
    flow = reduced_flow_of(case((2, 2, 2, 4)), gram=True)
    place = InPlace(flow)
    place.point[...] = np.outer([1.0, 2], [1.0, 0, 3, 0])
    place.covector[...] = 1.0
    out = np.full(8, 7.0)
    with pytest.raises(BadInput, match="Z has no longer the rank 2"):
        place.apply(out)
    assert np.all(out == 7)
    row = reduced_flow_of(case((1, 3, 2, 5), balanced=True))
    with pytest.raises(BadInput, match="Z has no longer the rank 1"):
        row.apply(np.zeros(5), np.ones(5))


def test_what_cannot_be_in_place_is_refused() -> None:
    with pytest.raises(BadInput, match="gram=True"):
        InPlace(reduced_flow_of(case((2, 2, 2, 4))))
    layer = reduced_flow(DeepLinear((2, 3)), (1, 2, 3, 4, 5, 6))
    assert isinstance(layer, DeepFlow)
    with pytest.raises(BadInput, match="one layer"):
        InPlace(layer)
    place = InPlace(reduced_flow_of(case((2, 2, 2, 4)), gram=True))
    with pytest.raises(BadInput, match="8 entries"):
        place.apply(np.zeros((4, 2)))


def test_batches_give_what_single_points_give() -> None:
    for widths, gram in (((3, 2, 2, 3), False), ((2, 2, 2, 4), True), ((4, 2, 2, 2), True), ((1, 1, 1, 4), False)):
        given = case(widths)
        z, G, _ = ends(given)
        flow = reduced_flow_of(given, gram=gram)
        batch = np.stack([z, 2 * z, -z])
        slopes = np.stack([G, G - z, 3 * G])
        together = flow.apply(batch, slopes)
        singles = np.stack([flow.apply(a, b) for a, b in zip(batch, slopes, strict=True)])
        assert together.shape == batch.shape
        # the same operations, in products of another shape: some units of the largest entry
        assert np.abs(together - singles).max() <= 64 * UNIT * np.abs(singles).max()


def reduced_flow_of(given: FlowCase, *, gram: bool = False) -> DeepFlow:
    return deep_flow(chain_at(given.made.model, given.made.point), gram=gram)


def test_directions_outside_of_the_image_get_nothing() -> None:
    # rank 1 in the plane with mu = (1, 0): u = (5/4, 0), a = 3/4, v = (3/4, 0)
    model = DeepLinear((2, 1, 1, 2))
    point = (F(5, 4), 0, F(3, 4), F(3, 4), 0)
    flow = reduced_flow(model, point)
    z = np.array([45 / 64, 0, 0, 0])
    assert isinstance(flow, DeepFlow)
    # x = 25/16 is the only root, and no direction has the spurious x = 1
    assert np.allclose(flow.squares(z), [[25 / 16, 9 / 16, 9 / 16]], rtol=16 * UNIT, atol=0)
    corner = flow.apply(z, np.array([0.0, 0, 0, 1]))
    assert np.all(corner == 0)


def test_one_layer_is_plain_gradient_flow() -> None:
    flow = reduced_flow(DeepLinear((2, 3)), (1, 2, 3, 4, 5, 6))
    G = np.arange(6.0)
    assert np.array_equal(flow.apply(np.ones(6), G), G)


def test_a_lost_rank_is_refused_and_not_guessed() -> None:
    given = case((3, 2, 2, 3))
    flow = reduced_flow_of(given)
    with pytest.raises(BadInput, match="Z has no longer the rank 2"):
        flow.apply(np.outer([1.0, 2, 3], [1.0, 0, 0]).ravel(), np.ones(9))
    square = reduced_flow_of(case((2, 2, 2, 2)))
    assert np.isfinite(square.apply(np.array([1.0, 0, 0, 0]), np.ones(4))).all()  # every Z is covered


def test_sizes_that_do_not_fit_are_refused() -> None:
    flow = reduced_flow_of(case((3, 2, 2, 3)))
    with pytest.raises(BadInput, match="rank is at most 3"):
        replace(flow, rank=4)
    with pytest.raises(BadInput, match="gram=True"):
        replace(flow, gram=True)


def test_both_trajectories_agree_at_the_order_of_the_method_and_a_wrong_root_does_not() -> None:
    made = relaxed_point(DeepLinear((2, 2, 2, 2)), seed=0)
    flow = reduced_flow(made.model, made.point)
    loss = Loss.squared([F(1), F(-1, 2), F(1, 2), F(3, 2)])
    found = compare(made.model, made.point, flow, loss, steps=32, halvings=2)
    assert found.distance <= found.bound
    assert found.slopes
    assert 3.0 <= found.slopes[-1] <= 5.0  # order 4, on short ladders
    taus = np.array([float(tau) for tau in made.shifts])
    wrong = Spectral(flow.form, (2, 2), 2, lambda s: squared_factors(s, np.array([0.0, 0.0, 0.0])) + 0 * taus)
    missed = compare(made.model, made.point, wrong, loss, steps=32, halvings=2)
    assert missed.distance > 100 * missed.bound
