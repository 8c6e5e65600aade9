"""Reduced flows of path liftings beside their full flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic import ClosedForm, NotClaimed
from flowlaw.oracles.models import PathLifting, parse_model
from flowlaw.simulations import Loss
from flowlaw.simulations.reduced import ReducedFlow, compare, reduced_flow
from flowlaw.simulations.reduced import paths as module

F = Fraction
SPECS = (
    "relu:2-2-2-1+bias+skip0:2",
    "relu:2-3-2+bias+outbias",
    "relu:2-1-1-1-2",
    "relu:2-1-1-1-2+bias",
    "dag:x:2,h:2,g:2,k:1,y:2/x-h-y,x-g-y,h-g,x-k-y,x-y",
)


def read(spec: str) -> PathLifting:
    model = parse_model(spec)
    assert isinstance(model, PathLifting)
    return model


def weights(model: PathLifting, seed: int = 0) -> list[F]:
    random = Random(seed)
    return [F(random.choice((-1, 1)) * random.randint(4, 10), 10) for _ in range(model.parameters)]


def lifted(model: PathLifting, point: Sequence[F]) -> list[F]:
    return [F(p.evaluate(point)) for p in model.coordinates()]


def loss_near(z: Sequence[F]) -> Loss:
    return Loss.squared([x * (F(5, 4) if i % 2 else F(3, 4)) for i, x in enumerate(z)])


def flow_of(model: PathLifting, point: Sequence[F]) -> module.PathFlow:
    flow = module.reduced_flow(model, point)
    assert flow is not None
    return flow


def metric(model: PathLifting, point: Sequence[F]) -> list[list[float]]:
    rows = [[c.derivative(k).evaluate(point) for k in range(model.parameters)] for c in model.coordinates()]
    return [[float(sum((a * b for a, b in zip(p, q, strict=True)), F(0))) for q in rows] for p in rows]


@pytest.mark.parametrize("spec", SPECS)
def test_the_metric_is_that_of_the_parameters(spec: str) -> None:
    model = read(spec)
    for seed in range(3):
        point = weights(model, seed)
        flow = flow_of(model, point)
        z = np.array([float(x) for x in lifted(model, point)])
        columns = np.column_stack([flow.apply(z, unit) for unit in np.eye(flow.dimension)])
        truth = np.array(metric(model, point))
        # the squares are right to 1e-11 at weights of this size (see the errors in test_recover)
        assert np.abs(columns - truth).max() < 1e-10 * np.abs(truth).max()


@pytest.mark.once
@pytest.mark.parametrize("spec", SPECS)
def test_full_and_reduced_flow_stay_together(spec: str) -> None:
    model = read(spec)
    point = weights(model)
    seen = compare(model, point, reduced_flow(model, point), loss_near(lifted(model, point)), time=0.5, steps=8)
    assert seen.distance <= seen.bound
    assert seen.bound < 1e-5
    assert np.abs(seen.full[-1] - seen.full[0]).max() > 1e-2
    assert all(3.5 < slope < 4.6 for slope in seen.slopes)


@dataclass(frozen=True)
class Wrong:
    """The flow of another point: of other laws."""

    inner: ReducedFlow

    @property
    def form(self) -> ClosedForm:
        return self.inner.form

    @property
    def dimension(self) -> int:
        return self.inner.dimension

    def apply(self, z: module.Floats, covector: module.Floats, /) -> module.Floats:
        return self.inner.apply(z, covector)


@pytest.mark.once
@pytest.mark.parametrize("spec", SPECS)
def test_the_flow_of_other_laws_is_told_apart(spec: str) -> None:
    model = read(spec)
    point = weights(model)
    doubled = [2 * x for x in point]
    wrong = Wrong(flow_of(model, doubled))
    seen = compare(model, point, wrong, loss_near(lifted(model, point)), time=0.25, steps=8)
    assert seen.distance > 100 * seen.bound
    assert replace(seen, distances=(0.0,)).distance == 0.0


def test_a_function_of_z_alone() -> None:
    model = read(SPECS[0])
    point = weights(model)
    flow, z = flow_of(model, point), np.array([float(x) for x in lifted(model, point)])
    first = flow.apply(z, np.ones_like(z))
    flow.apply(1.1 * z, np.ones_like(z))
    assert np.array_equal(first, flow.apply(z, np.ones_like(z)))


def test_a_weight_that_vanishes_ends_a_graph_but_not_a_scalar_row() -> None:
    graph = read("relu:1-2-2-1")
    point = [F(1)] * 8
    flow = flow_of(graph, point)
    z = np.array([float(x) for x in lifted(graph, point)])
    with pytest.raises(BadInput, match="changed its sign"):
        flow.apply(-z, z)
    with pytest.raises(BadInput, match="become zero"):
        flow.apply(np.where(z == z, 0.0, z), z)
    row = read("relu:1-1-1-1")
    start = [F(1), F(1, 2), F(1, 4)]
    seen = compare(row, start, reduced_flow(row, start), Loss.squared([F(-1, 2)]), time=2.0)
    assert seen.full[0, 0] > 0 > seen.full[-1, 0]
    assert seen.distance <= seen.bound


def test_a_neuron_crosses_zero_where_its_form_says_so() -> None:
    model = read("relu:2-1-1")
    start = [F(1, 4), F(1, 4), F(1)]  # u^2 > |v|^2
    flow = reduced_flow(model, start)
    assert "all z" in flow.form.domain
    seen = compare(model, start, flow, Loss.squared([-1, -1]), time=2.0)
    assert (seen.full[0] > 0).all()
    assert (seen.full[-1] < 0).all()
    assert seen.distance <= seen.bound
    assert np.array_equal(flow.apply(np.zeros(2), np.array([1.0, 2.0])), [0.875, 1.75])  # u^2 = -h = 7/8


def test_thousands_of_paths_and_no_more() -> None:
    model = read("relu:4-8-8-8-1")
    point = weights(model)
    flow = flow_of(model, point)
    z = np.array([float(x) for x in lifted(model, point)])
    assert flow.dimension == 2048
    rows = [model.coordinates()[i] for i in (0, 777)]
    a, b = ([c.derivative(k).evaluate(point) for k in range(model.parameters)] for c in rows)
    unit = np.zeros(2048)
    unit[777] = 1.0
    truth = float(sum((x * y for x, y in zip(a, b, strict=True)), F(0)))
    largest = float(sum((y * y for y in b), F(0)))
    assert abs(flow.apply(z, unit)[0] - truth) < 1e-9 * largest
    with pytest.raises(TooLarge, match="paths"):
        module.reduced_flow(read("relu:30-30-30-30"), [F(1)] * 2700)


def test_others_are_left_to_others_and_zeros_are_refused() -> None:
    assert module.reduced_flow(parse_model("linear:2-2-2"), [F(1)] * 8) is None
    with pytest.raises(NotClaimed, match="zero"):
        module.reduced_flow(read("relu:2-1-1"), [F(1), F(0), F(0)])
