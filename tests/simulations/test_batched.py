from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import DeepLinear, known_laws, layered
from flowlaw.oracles.polynomials import Polynomial
from flowlaw.simulations import (
    CompiledPolynomials,
    DeviceMissing,
    FloatField,
    GenericEngine,
    LaneEngine,
    LinearBatch,
    Loss,
    Objective,
    ProductEngine,
    batched_steps,
    exact_steps,
    polynomial_energy,
    step_rounding,
)

torch: Any = pytest.importorskip("torch", reason="batched simulations need torch")

MODEL = DeepLinear((2, 4, 3))


def draw(cases: int = 7, samples: int = 5, model: DeepLinear = MODEL, seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(cases, model.widths[-1], samples)),
        rng.normal(size=(cases, model.widths[0], samples)),
        rng.normal(size=(cases, model.parameters)) / 2,
    )


def network_energy(point: Any, inputs: Any, targets: Any) -> Any:
    first, second = point[:8].view(2, 4), point[8:].view(4, 3)
    return ((first @ (second @ inputs) - targets) ** 2).sum() / 2


def test_products_and_mapped_gradients_take_the_same_steps_as_a_loop_over_autograd() -> None:
    inputs, targets, starts = draw()
    product = batched_steps(ProductEngine(LinearBatch(MODEL, inputs, targets)), starts, eta=0.02, steps=6).end
    lanes = batched_steps(LaneEngine(LinearBatch(MODEL, inputs, targets)), starts, eta=0.02, steps=6).end
    generic = batched_steps(GenericEngine(20, network_energy, (inputs, targets)), starts, eta=0.02, steps=6).end
    for case in range(7):
        point = torch.tensor(starts[case])
        for _ in range(6):
            point.requires_grad_(True)
            energy = network_energy(point, torch.tensor(inputs[case]), torch.tensor(targets[case]))
            (gradient,) = torch.autograd.grad(energy, point)
            point = (point - 0.02 * gradient).detach()
        assert np.allclose(point.numpy(), product[case], rtol=0, atol=1e-13)
        assert np.allclose(point.numpy(), lanes[case], rtol=0, atol=1e-13)
        assert np.allclose(point.numpy(), generic[case], rtol=0, atol=1e-13)
    assert np.abs(product - starts).max() > 0.1


@pytest.mark.parametrize("engine", [ProductEngine, LaneEngine])
@pytest.mark.parametrize("widths", [(1, 1), (2, 3), (2, 1, 2), (2, 3, 1, 3)])
def test_engines_of_any_depth_agree_with_exact_steps_through_data(widths: tuple[int, ...], engine: Any) -> None:
    model = DeepLinear(widths)
    inputs, targets, starts = draw(3, 4, model)
    end = batched_steps(engine(LinearBatch(model, inputs, targets)), starts, eta=0.125, steps=1).end
    for case in range(3):
        samples = [[[Fraction(float(v)) for v in column] for column in data[case].T] for data in (inputs, targets)]
        energy = Objective(model, Loss.regression(*samples))
        exact = exact_steps([Fraction(float(v)) for v in starts[case]], [energy], eta=Fraction(1, 8)).end
        assert np.allclose([float(v) for v in exact], end[case], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [ProductEngine, LaneEngine])
def test_the_size_of_the_chunks_does_not_change_the_numbers(kind: Any) -> None:
    inputs, targets, starts = draw(cases=50)
    engine = kind(LinearBatch(MODEL, inputs, targets))
    ends = [batched_steps(engine, starts, eta=0.01, steps=3, chunk=chunk).end for chunk in (None, 1, 7, 50, 1000)]
    for end in ends[1:]:
        assert np.allclose(end, ends[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("engine", [ProductEngine, LaneEngine])
def test_the_starts_are_left_as_they_were(engine: Any) -> None:
    inputs, targets, starts = draw()
    before = starts.copy()
    path = batched_steps(engine(LinearBatch(MODEL, inputs, targets)), starts, eta=0.1, steps=2)
    assert np.array_equal(starts, before)
    assert np.array_equal(path.points[0], before)


def test_a_polynomial_objective_descends_as_its_numpy_field_does() -> None:
    model = layered((2, 2, 1), bias=True)
    objective = Objective(model, Loss.squared([Fraction(k, 2) for k in range(len(model.coordinates()))]))
    starts = np.random.default_rng(0).normal(size=(9, model.parameters))
    engine = GenericEngine(model.parameters, polynomial_energy(objective))
    path = batched_steps(engine, starts, eta=0.05, steps=3, record=[1, 3])
    field, points = FloatField(objective), starts
    for step in range(1, 4):
        points = points - 0.05 * field(points)
        if step in (1, 3):
            assert np.allclose(path.points[(1, 3).index(step)], points, rtol=0, atol=1e-12)
    assert path.times == (0.05, pytest.approx(0.15))


@pytest.mark.parametrize("engine", [ProductEngine, LaneEngine])
@pytest.mark.parametrize("widths", [(2, 4, 3), (2, 3, 2, 2)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_law_moves_by_its_value_at_the_recovered_gradient_within_rounding_and_no_other_form_does(
    dtype: Any, widths: tuple[int, ...], engine: Any
) -> None:
    model = DeepLinear(widths)
    inputs, targets, starts = (a.astype(dtype) for a in draw(200, 5, model))
    batch, eta = LinearBatch(model, inputs, targets), 0.0625
    path = batched_steps(engine(batch), starts, eta=eta, steps=1, dtype=dtype)
    assert path.arithmetic == dtype
    first, last = (point.astype(np.float64) for point in path.points)
    laws = known_laws(model)[0].polynomials()
    bound = step_rounding(laws, starts, batch.absolute(starts), length=eta, roundings=batch.roundings, dtype=dtype)

    def residual(forms: Sequence[Polynomial]) -> tuple[Any, Any]:
        compiled = CompiledPolynomials(forms, model.parameters)
        values = [compiled.values(x) for x in (last, first, first - last)]
        return values[0] - values[1] - values[2], sum(compiled.roundoff_bound(x) for x in (last, first, first - last))

    difference, evaluation = residual(laws)
    assert (np.abs(difference) <= bound + evaluation).all()
    assert np.abs(difference / bound).max() > 1e-3
    norm = Polynomial({((i, 2),): 1 for i in range(4)})
    difference, evaluation = residual([law + norm.scaled(Fraction(1, 100)) for law in laws])
    assert (np.abs(difference) > bound + evaluation).mean() > 0.95


def test_the_sums_of_absolute_terms_of_a_batch_and_a_field_agree() -> None:
    inputs, targets, starts = draw(1)
    samples: list[Any] = [data[0].T for data in (np.abs(inputs), -np.abs(targets))]
    field = FloatField(Objective(MODEL, Loss.regression(*[[[Fraction(v) for v in row] for row in s] for s in samples])))
    assert np.allclose(LinearBatch(MODEL, inputs, targets).absolute(starts), field.absolute(starts), rtol=1e-12)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_accelerator_is_named_with_a_remedy() -> None:
    inputs, targets, starts = draw()
    with pytest.raises(DeviceMissing, match="--device cpu"):
        batched_steps(LinearBatch(MODEL, inputs, targets).engine(), starts, eta=0.1, steps=1, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_an_accelerator_takes_the_same_steps() -> None:
    inputs, targets, starts = draw(cases=100)
    engine = LinearBatch(MODEL, inputs, targets).engine()
    there = batched_steps(engine, starts, eta=0.02, steps=5, device="cuda").end
    assert np.allclose(there, batched_steps(engine, starts, eta=0.02, steps=5).end, rtol=0, atol=1e-12)


def test_a_machine_without_torch_gets_one_paragraph(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    inputs, targets, starts = draw()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(DeviceMissing, match="pip install torch"):
        batched_steps(LinearBatch(MODEL, inputs, targets).engine(), starts, eta=0.1, steps=1)


def test_batches_of_the_wrong_shape_are_refused() -> None:
    inputs, targets, starts = draw()
    engine = LinearBatch(MODEL, inputs, targets).engine()
    with pytest.raises(BadInput, match="shape"):
        LinearBatch(MODEL, targets, inputs)
    with pytest.raises(BadInput, match="logits"):
        LinearBatch(DeepLinear((2, 4, 3), logits=True), inputs, targets)
    with pytest.raises(BadInput, match="shape"):
        batched_steps(engine, starts[:, 1:], eta=0.1, steps=1)
    with pytest.raises(BadInput, match="at least one"):
        batched_steps(engine, starts, eta=0.1, steps=0)
    with pytest.raises(BadInput, match="record"):
        batched_steps(engine, starts, eta=0.1, steps=2, record=[3])
    wrong: Any = "tpu"
    with pytest.raises(BadInput, match="no device"):
        batched_steps(engine, starts, eta=0.1, steps=1, device=wrong)
    with pytest.raises(BadInput, match="cases"):
        batched_steps(engine, starts[:3], eta=0.1, steps=1)


def test_narrow_networks_run_in_lanes_and_wide_ones_as_products() -> None:
    inputs, targets, _ = draw()
    assert isinstance(LinearBatch(MODEL, inputs, targets).engine(), LaneEngine)
    assert isinstance(LinearBatch(DeepLinear((2, 40, 3)), inputs, targets).engine(), ProductEngine)
