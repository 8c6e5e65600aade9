"""The reduced flows of linear convolutions."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.intrinsic.filters import metric
from flowlaw.oracles.intrinsic.forms.convolution import filters_at, recipe_of
from flowlaw.oracles.models import parse_model
from flowlaw.simulations import Loss
from flowlaw.simulations.reduced import compare, reduced_flow
from flowlaw.simulations.reduced.convolution import BranchFlow, OuterFlow, squared_norms

F = Fraction
UNIT = 2.0**-53


def start(spec: str, seed: int = 0) -> list[Fraction]:
    """A point of small fractions without zeros."""
    random = np.random.default_rng(seed)
    return [F(int(random.integers(1, 8)) * int(random.choice([-1, 1])), 4) for _ in range(parse_model(spec).parameters)]


def exact(spec: str, point: list[Fraction]) -> tuple[np.ndarray, np.ndarray]:
    """w and K, rounded once."""
    model = parse_model(spec)
    recipe = recipe_of(model)
    assert recipe is not None
    K = metric(filters_at(recipe, point), recipe.strides)
    return np.array([float(phi.evaluate(point)) for phi in model.coordinates()]), np.array(K, dtype=np.float64)


@pytest.mark.parametrize(
    "spec", ["conv:2-2+stride2", "conv:3-2+stride4", "conv:2-3-2+stride2-3", "conv:2-1-3+stride1-2"]
)
@pytest.mark.parametrize("seed", range(3))
def test_outer_flows_apply_the_metric(spec: str, seed: int) -> None:
    point = start(spec, seed)
    flow = reduced_flow(parse_model(spec), point)
    assert isinstance(flow, OuterFlow)
    z, K = exact(spec, point)
    assert flow.dimension == len(z)
    for column in range(len(z)):
        G = np.zeros(len(z))
        G[column] = 1.0
        # every entry is a sum of products through at most 3 d + 10 L + 16 roundings (see A5.lcn.metric)
        size = np.outer(abs(z), abs(z)).sum() * len(z)
        assert np.abs(flow.apply(z, G) - K[:, column]).max() <= (3 * len(z) + 60) * UNIT * max(size, np.abs(K).max())


@pytest.mark.parametrize("spec", ["conv:2-2", "conv:3-2+stride2", "conv:2-2-2", "conv:2-3+stride1"])
def test_branches_start_at_the_factors_of_the_initialization(spec: str) -> None:
    point = start(spec, 5)
    flow = reduced_flow(parse_model(spec), point)
    assert isinstance(flow, BranchFlow)
    z, K = exact(spec, point)
    found = np.stack([flow.apply(z, row) for row in np.eye(len(z))])
    # the factors are the initial ones exactly, so only the two matrix products round
    assert np.abs(found - K).max() <= 64 * UNIT * np.abs(K).max() * len(point)


@pytest.mark.parametrize("spec", ["conv:2-2", "conv:3-2+stride2", "conv:2-2-2"])
def test_a_branch_finds_nearby_factors_with_the_same_laws(spec: str) -> None:
    point = start(spec, 5)
    recipe = recipe_of(parse_model(spec))
    assert recipe is not None
    # rotations keep the squared norms: turn the first two coefficients of each filter by a rational angle of 1/50
    c, s = F(9999, 10001), F(200, 10001)
    turned: list[Fraction] = []
    for w in filters_at(recipe, point):
        a, b, *rest = (F(x) for x in w)
        turned += [c * a - s * b, s * a + c * b, *rest]
    flow = reduced_flow(parse_model(spec), point)
    assert isinstance(flow, BranchFlow)
    found = flow.factors(exact(spec, turned)[0])
    wanted = np.array([float(x) for x in turned])
    # Newton's last step is below 2^-40 of the size and converges quadratically: what is left is the rounding of w and
    # of the laws, times the inverse of the stacked Jacobian
    slopes = np.vstack([flow._differential(wanted), flow._law_slopes(wanted)])  # pyright: ignore[reportPrivateUsage]
    smallest = np.linalg.svd(slopes, compute_uv=False)[-1]
    assert np.abs(found - wanted).max() <= 64 * UNIT * (1 + np.abs(wanted).max() ** 2) * len(point) / smallest


@pytest.mark.parametrize("spec", ["conv:2-2", "conv:3-2+stride2", "conv:2-3-2"])
def test_the_steps_of_a_branch_rest_on_a_bound_of_second_derivatives(spec: str) -> None:
    flow = reduced_flow(parse_model(spec), start(spec, 5))
    assert isinstance(flow, BranchFlow)
    random, factors = np.random.default_rng(0), np.array([float(x) for x in start(spec, 5)])

    def slopes(at: np.ndarray) -> np.ndarray:
        return np.vstack([flow._differential(at), flow._law_slopes(at)])  # pyright: ignore[reportPrivateUsage]

    largest = 0.0
    for _ in range(200):
        a, b = random.normal(size=(2, len(factors)))
        # the Jacobian has degree at most 2, so the central difference is its derivative; rounding is below 2^-40
        second = (slopes(factors + a) - slopes(factors - a)) @ b / 2
        largest = max(largest, float(np.linalg.norm(second) / (np.linalg.norm(a) * np.linalg.norm(b))))
    bound = flow._lipschitz(factors, 0.0)  # pyright: ignore[reportPrivateUsage]
    assert largest <= bound * (1 + 2.0**-40) <= 8 * largest


def test_a_branch_does_not_jump_to_a_swapped_one() -> None:
    # between the factors and themselves turned by 1/10, two roots meet on the straight way: Newton's method alone would
    # arrive at filters 1 and 3 swapped
    point = start("conv:2-2-2", 5)
    recipe = recipe_of(parse_model("conv:2-2-2"))
    assert recipe is not None
    c, s = F(399, 401), F(40, 401)
    turned = [x for a, b in filters_at(recipe, point) for x in (c * F(a) - s * F(b), s * F(a) + c * F(b))]
    flow = reduced_flow(parse_model("conv:2-2-2"), point)
    with pytest.raises(BadInput, match="meet"):
        flow.apply(exact("conv:2-2-2", turned)[0], np.ones(4))


def test_a_branch_ends_where_factors_meet() -> None:
    flow = reduced_flow(parse_model("conv:2-2"), [-1, 1, -2, 1])
    # x^2 - 2 x + 2 has complex roots: no real filters of size 2 reach it
    with pytest.raises(BadInput, match="branch"):
        flow.apply(np.array([2.0, -2.0, 1.0]), np.ones(3))


def test_the_flow_is_a_function_of_z() -> None:
    flow = reduced_flow(parse_model("conv:2-2"), [-1, 1, -3, 1])
    near, far = np.array([3.0, -4.1, 1.0]), np.array([2.5, -4.0, 1.2])
    before = flow.apply(near, np.ones(3))
    flow.apply(far, np.ones(3))
    assert (flow.apply(near, np.ones(3)) == before).all()


def test_the_zero_filter_is_refused_and_a_single_filter_is_free() -> None:
    with pytest.raises(BadInput, match="is 0"):
        reduced_flow(parse_model("conv:2-2+stride2"), [1, 2, 3, 4]).apply(np.zeros(4), np.ones(4))
    single = reduced_flow(parse_model("conv:3"), [0, 0, 0])
    assert (single.apply(np.zeros(3), np.arange(3.0)) == np.arange(3.0)).all()


@pytest.mark.parametrize(
    "norms", [(1.0, 4.0, 9.0), (9.0, 1.0, 4.0), (1e-6, 1.0, 1e6), (2.0, 2.0, 2.0, 2.0), (0.5, 3.0), (7.0,)]
)
def test_norms_are_found_from_their_product_and_differences(norms: tuple[float, ...]) -> None:
    n = np.array(norms)
    whole = float(n.prod())
    found = squared_norms(n - n[-1], whole)
    # the smallest norm carries the absolute error of the differences: u times the largest
    allowed = 64 * UNIT * len(n) * (n + n.max() * (n <= n.min()) + n.max() * UNIT)
    assert (np.abs(found - n) <= allowed + 8 * UNIT * n.max()).all()


def test_norms_are_the_valid_root_among_several_positive_ones() -> None:
    # x (x - 5)(x - 8) = 36 at 9 and at 2: only 9 leaves all norms positive
    assert squared_norms(np.array([-8.0, -5.0, 0.0]), 36.0) == pytest.approx([1.0, 4.0, 9.0], rel=1e-14)


@pytest.mark.parametrize(
    ("spec", "seed"), [*product(["conv:2-2+stride2", "conv:2-2-2+stride2-2"], [0, 1]), ("conv:2-2", 5)]
)
def test_full_and_reduced_flow_agree(spec: str, seed: int) -> None:
    model, point = parse_model(spec), start(spec, seed)
    loss = Loss.squared([F(i % 3 - 1, 2) for i in range(len(model.coordinates()))])
    found = compare(model, point, reduced_flow(model, point), loss, time=0.25, steps=8, halvings=2)
    assert found.distance <= found.bound


def test_the_flow_of_another_initialization_is_told() -> None:
    model, point = parse_model("conv:2-2+stride2"), [F(1), F(2), F(3, 2), F(-1)]
    scaled = [2 * point[0], 2 * point[1], point[2] / 2, point[3] / 2]  # the same w, another law
    loss = Loss.squared([1, 0, 1, 2])
    found = compare(model, point, reduced_flow(model, scaled), loss, time=0.25, steps=8, halvings=2)
    assert found.distance > 100 * found.bound
