"""Float runs by torch.optim and by our own steps are the same, and their bounds see small errors."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from flowlaw.oracles.dynamics import (
    SAM,
    SGD,
    SGDW,
    Adagrad,
    Adam,
    Grouped,
    RMSprop,
    SignSGD,
    Vector,
    find_law,
    rational_root,
)
from flowlaw.properties._adaptive import (  # pyright: ignore[reportPrivateUsage]
    LAWS,
    adaptive,
    float_adaptive,
    judged_metric,
)
from flowlaw.properties._discrete import (  # pyright: ignore[reportPrivateUsage]
    Case,
    cases,
    exact_moment,
    exact_residual,
    float_residual,
    float_run,
    shown_optimizer,
)
from flowlaw.properties._groups import SIDES, neuron_case  # pyright: ignore[reportPrivateUsage]
from flowlaw.properties._symmetric import Target  # pyright: ignore[reportPrivateUsage]
from flowlaw.properties._transformed import MAKERS, Dropout, Transformed  # pyright: ignore[reportPrivateUsage]
from flowlaw.properties._whole_steps import lbfgs, normalised_gradients  # pyright: ignore[reportPrivateUsage]

F = Fraction
CLASSES = Target("translation", (6, 3), ((F(1), F(2), F(1), F(-1)), (F(-1), F(1, 2), F(1), F(3))), (2, 3))
START = (Vector((1, 0, F(1, 2), -1, 2, F(3, 2))), Vector((1, F(1, 2), -1)))
SHARED: dict[str, Any] = {"lr": F(1, 500), "weight_decay": F(1, 10), "root": rational_root}
OPTIMIZERS: dict[str, Any] = {
    "SGD": SGD(lr=F(1, 500), momentum=F(9, 10), dampening=F(1, 5), weight_decay=F(1, 10)),
    "Nesterov": SGD(lr=F(1, 500), momentum=F(9, 10), weight_decay=F(1, 10), nesterov=True),
    "SGDW": SGDW(lr=F(1, 500), momentum=F(9, 10), weight_decay=F(1, 10)),
    "SAM": SAM(lr=F(1, 500), rho=F(1, 4), weight_decay=F(1, 10)),
    "Adam": Adam(**SHARED),
    "AdamW": Adam(**SHARED, decoupled=True, amsgrad=True),
    "RMSprop": RMSprop(**SHARED),
    "Adagrad": Adagrad(**SHARED, lr_decay=F(1, 4), initial=F(1, 4)),
    "groups": Grouped((SGD(lr=F(1, 500), weight_decay=F(1, 10)), SGD(lr=F(1, 200))), (0, 1)),
}


def scale(leaves: Any) -> float:
    return max(float(abs(leaf).max()) for leaf in leaves)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_of_torch_is_that_of_our_own_step_up_to_rounding(name: str) -> None:
    """Five steps of entries and gradients below 64 in size; adaptive steps double the relative error of a gradient."""
    pytest.importorskip("torch")
    case = Case(CLASSES, START, (OPTIMIZERS[name],) * 5)
    ours, theirs = float_run(case, "numpy"), float_run(case, "torch")
    for mine, other in zip(ours, theirs, strict=True):
        assert scale(mine.parameters) < 64
        off = max(float(abs(x - y).max()) for x, y in zip(mine.parameters, other.parameters, strict=True))
        assert off <= 2.0**-36, name
    assert type(ours[-1].state) is type(theirs[-1].state)


def test_signs_run_without_torch() -> None:
    case = Case(CLASSES, START, (SignSGD(lr=F(1, 8)),) * 2)
    assert float_run(case, "torch")[-1].parameters[0].tolist() == float_run(case, "numpy")[-1].parameters[0].tolist()


@given(cases(adaptive(3), "translation", "rescale", steps=3))
@settings(max_examples=10)
def test_adaptive_runs_obey_their_identities(case: Case) -> None:
    assert exact_residual(LAWS, case).value == 0
    assert float_adaptive(case, "float64").holds


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop", "Adagrad"])
def test_the_bound_of_adaptive_steps_sees_a_small_error(name: str) -> None:
    h = OPTIMIZERS[name]
    moments = float_run(Case(CLASSES, START, (h,) * 3), "numpy")
    law = next(law for law in LAWS if law.name.endswith("metric") and law.applies(h))
    window = moments[1:3]
    assert judged_metric(law, window, CLASSES.charge, CLASSES, "float64").holds
    off = (moments[2].parameters[0] * (1 + 1e-8), moments[2].parameters[1])
    assert not judged_metric(
        law, [window[0], replace(window[1], parameters=off)], CLASSES.charge, CLASSES, "float64"
    ).holds


def test_slots_become_fractions() -> None:
    moments = float_run(Case(CLASSES, START, (OPTIMIZERS["Adam"],) * 2), "numpy")
    slots: Any = exact_moment(moments[1]).state
    slot = slots[0]
    assert slot.step == 1
    assert all(isinstance(x, Fraction) for x in (*slot.mean, *slot.square))


def test_optimizers_are_shown_without_what_is_off() -> None:
    assert shown_optimizer(OPTIMIZERS["Adam"]).startswith("Adam(lr=1/500, beta1=9/10")
    assert "root" not in shown_optimizer(OPTIMIZERS["Adam"])
    assert shown_optimizer(OPTIMIZERS["groups"]) == (
        "groups SGD(lr=1/500, weight_decay=1/10), SGD(lr=1/200) of tensors (0, 1)"
    )


def test_sam_stays_where_it_is_without_gradient() -> None:
    assert SAM(lr=1, rho=1).ascend((F(3),), (F(0),)) == (3,)


def test_parameter_groups_of_torch_obey_the_identity() -> None:
    case = neuron_case((Grouped((SGD(lr=F(1, 8), weight_decay=F(1, 5)), SGD(lr=F(1, 4))), SIDES),) * 3)
    assert float_residual((find_law("param-groups"),), case).holds
    assert exact_residual((find_law("param-groups"),), case).value == 0


@pytest.mark.parametrize("name", MAKERS)
def test_transforms_act_on_arrays_as_on_fractions(name: str) -> None:
    """Four roundings each; the norm of the exact run is off by less than 2^-40, clip_grad_norm_ adds 1e-6 to it."""
    exact = neuron_case((SGD(lr=F(1, 8)),))
    arrays = tuple(np.array([float(x) for x in leaf]) for leaf in exact.start)
    ours = Transformed(exact.target, exact.start, name, exact.charge).gradient(0, exact.start)
    theirs = Transformed(exact.target, arrays, name, exact.charge).gradient(0, arrays)
    for x, y in zip(ours, theirs, strict=True):
        assert max(abs(float(a) - b) for a, b in zip(x, y.tolist(), strict=True)) <= 4e-6 * (1 + float(abs(y).max()))


def test_dropped_units_have_no_gradient() -> None:
    case = neuron_case((), inputs=2, hidden=2)
    assert isinstance(case.target, Target)
    for units in ((1, 0), (0, 1)):
        W, b, o = Dropout(case.target, (units,)).gradient(0, case.start)
        dead = units.index(0)
        assert not any((*W.entries[2 * dead : 2 * dead + 2], b[dead], o[dead]))


def test_l_bfgs_takes_the_steps_of_torch() -> None:
    torch = pytest.importorskip("torch")
    start = tuple(np.array([float(x) for x in leaf]) for leaf in START)
    ours = lbfgs(CLASSES, start, steps=4, lr=0.5)
    parameters = [torch.tensor(leaf, requires_grad=True) for leaf in start]
    optimizer = torch.optim.LBFGS(parameters, lr=0.5, max_iter=1)

    def closure() -> Any:
        gradients = CLASSES.gradient(0, tuple(p.detach().numpy() for p in parameters))
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = torch.tensor(gradient)
        return torch.zeros(())

    for after in ours[1:]:
        optimizer.step(closure)
        for mine, theirs in zip(after, parameters, strict=True):
            # a difference of gradients loses digits: half of them are kept
            assert abs(mine - theirs.detach().numpy()).max() <= 2.0**-26


def test_the_gradients_before_a_normalisation_are_those_of_differences() -> None:
    generator = np.random.default_rng(0)
    inputs, outputs = generator.standard_normal((16, 2)), generator.standard_normal(16)
    w, b = np.array([0.5, -1.0]), np.array([1.0])

    def loss(w: Any) -> float:
        z = inputs @ w + b[0]
        hat = (z - z.mean()) / np.sqrt(z.var() + 1e-5)
        return float(((hat - outputs) ** 2).mean() / 2)

    (slope, zero), terms = normalised_gradients((w, b), inputs, outputs)
    for i in range(2):
        h = np.eye(2)[i] * 1e-5
        # central differences: an error of the third derivative times 1e-10
        assert abs(slope[i] - (loss(w + h) - loss(w - h)) / 2e-5) < 1e-7
    assert abs(zero[0]) <= 112 * 2.0**-53 * terms
