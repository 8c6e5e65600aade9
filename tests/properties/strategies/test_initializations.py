from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import DeepLinear, Model, PathLifting, known_laws, parse_model
from flowlaw.properties import strategies as fs
from flowlaw.properties.strategies._points import full_rank, rank_of

MODELS = [
    "linear:1-1",
    "linear:3-2",
    "linear:4-5-2",
    "linear:2-1-3-2",
    "linear:2-3-2+logits",
    "relu:1-1-1",
    "relu:3-5-2+bias",
    "relu:2-3-3-2+bias+outbias+skip0:2+skip1:3",
    "dag:x:2,h:1,k:2,y:1/x-h-k-y,x-k,h-y",
    "monomial:4",
    "symmetric:2-3",
    "homogeneous:2-3-2+degree2",
]
NETWORKS = [spec for spec in MODELS if spec.startswith(("linear", "relu", "dag"))]
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def drawn(model: Model, kind: fs.Kind | None = None, tries: int = 25) -> list[tuple[Fraction, ...]]:
    points: list[tuple[Fraction, ...]] = []

    @settings(max_examples=tries, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    @given(fs.initializations(model, kind))
    def collect(point: tuple[Fraction, ...]) -> None:
        points.append(point)

    collect()
    return points


@pytest.mark.parametrize("spec", MODELS)
def test_every_kind_gives_one_fraction_for_each_parameter(spec: str) -> None:
    model = parse_model(spec)
    for kind in fs.KINDS:
        if kind == "balanced" and spec not in NETWORKS:
            continue
        for point in drawn(model, kind, 5):
            assert len(point) == model.parameters
            assert all(type(x) is Fraction for x in point)


@pytest.mark.once
@pytest.mark.parametrize("spec", MODELS)
@pytest.mark.parametrize("kind", ["generic", "near-degenerate", "signed"])
def test_generic_kinds_have_full_rank_and_no_zero(spec: str, kind: fs.Kind) -> None:
    model = parse_model(spec)
    assert all(fs.is_generic(model, point) for point in drawn(model, kind))


@pytest.mark.once
@pytest.mark.parametrize("spec", NETWORKS)
def test_balanced_points_have_balances_of_exactly_zero_and_are_not_zero(spec: str) -> None:
    model = parse_model(spec)
    balances = [law for family in known_laws(model) if family.name != "output-sums" for law in family.polynomials()]
    points = drawn(model, "balanced")
    assert all(law.evaluate(point) == 0 for law in balances for point in points)
    assert all(any(point) for point in points)
    assert len(set(points)) > 5


@pytest.mark.once
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_balanced_points_exist_on_every_graph(data: st.DataObject) -> None:
    model = data.draw(st.one_of(fs.dags(), fs.relu_models()))
    point = data.draw(fs.initializations(model, "balanced"))
    assert all(law.evaluate(point) == 0 for family in known_laws(model) for law in family.polynomials())
    assert any(point)


@pytest.mark.once
def test_a_balanced_layered_network_with_biases_needs_no_zero_weight() -> None:
    model = parse_model("relu:2-3-3-2+bias+outbias")
    assert all(all(point) for point in drawn(model, "balanced"))


def test_balanced_linear_points_have_the_rank_of_the_smallest_width() -> None:
    model = DeepLinear((3, 2, 4))
    for point in drawn(model, "balanced"):
        assert [rank_of(stack, point) for stack in fs.stacks(model)] == [2, 2, 2]


@pytest.mark.once
@pytest.mark.parametrize("spec", MODELS)
def test_rank_deficient_points_miss_full_rank_in_some_stack(spec: str) -> None:
    model = parse_model(spec)
    for point in drawn(model, "rank-deficient"):
        assert any(rank_of(stack, point) < full_rank(stack) for stack in fs.stacks(model))


def test_rank_deficient_points_of_a_wide_layer_keep_all_positive_ranks() -> None:
    model = DeepLinear((2, 3, 2))
    layer = fs.stacks(model)[0]
    seen = {rank_of(layer, point) for point in drawn(model, "rank-deficient", 60)}
    assert seen >= {0, 1, 2}


@pytest.mark.once
@pytest.mark.parametrize("spec", MODELS)
def test_points_with_zero_weights_have_some_but_not_only_zeros(spec: str) -> None:
    model = parse_model(spec)
    for point in drawn(model, "zero-weights"):
        assert 0 in point
        assert any(point) or model.parameters == 1


@pytest.mark.once
@pytest.mark.parametrize("spec", MODELS)
def test_near_degenerate_points_are_close_to_degenerate_ones(spec: str) -> None:
    import numpy as np

    model = parse_model(spec)
    for point in drawn(model, "near-degenerate"):
        smallest = min(abs(x) for x in point)
        ratios = [1.0]
        for stack in fs.stacks(model):
            values = np.linalg.svd(np.array([[float(point[k]) for k in row] for row in stack]), compute_uv=False)
            ratios.append(values[-1] / max(1.0, values[0]))
        assert smallest < Fraction(1, 20) or min(ratios) < 0.05


def test_signed_points_have_one_sign_for_each_neuron_and_block() -> None:
    linear, relu = DeepLinear((2, 3, 2)), parse_model("relu:3-2-2")
    seen: set[bool] = set()
    for point in drawn(linear, "signed"):
        rows = [point[3 * i : 3 * i + 3] for i in range(2)]
        assert all(len({x > 0 for x in row}) == 1 for row in rows)
        seen |= {row[0] > 0 for row in rows}
    assert isinstance(relu, PathLifting)
    for point in drawn(relu, "signed"):
        assert all(len({point[2 * i + j] > 0 for i in range(3)}) == 1 for j in range(2))
    assert seen == {True, False}


@pytest.mark.once
def test_all_kinds_are_mixed_by_default() -> None:
    model = DeepLinear((2, 2, 2))
    points = drawn(model, None, 120)
    generic = [point for point in points if fs.is_generic(model, point)]
    assert 20 < len(generic) < len(points) - 20
    assert any(0 in point for point in points)


def test_points_shrink_to_ones_where_ones_are_generic() -> None:
    assert find(fs.initializations(DeepLinear((1, 1, 1)), "generic"), lambda _: True) == (1, 1)


def test_an_unknown_kind_and_a_balance_of_a_map_are_refused() -> None:
    with pytest.raises(BadInput, match="Use one of generic"):
        fs.initializations(DeepLinear((1, 1)), "xavier")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="not a network"):
        fs.initializations(parse_model("monomial:3"), "balanced")


@few
@given(st.data())
def test_stacks_of_hidden_layers_come_first(data: st.DataObject) -> None:
    model = data.draw(fs.linear_models())
    widths = model.widths
    shapes = [(len(stack), len(stack[0])) for stack in fs.stacks(model)]
    layers = [(a + c, b) for a, b, c in zip(widths, widths[1:], widths[2:], strict=False)]
    assert shapes == layers + list(pairwise(widths))
    assume(len(widths) > 2)
    assert sorted({k for stack in fs.stacks(model) for row in stack for k in row}) == list(range(model.parameters))
