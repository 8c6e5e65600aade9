"""Every identity is exactly 0 with the symmetry, exactly its defect without, and broken by the wrong conventions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import exact_runs
import pytest

from flowlaw.oracles.dynamics import (
    SGD,
    SGDW,
    Adagrad,
    Adam,
    AdamW,
    Kind,
    Law,
    Moment,
    RMSprop,
    Signed,
    Span,
    Vector,
    find_law,
    laws,
    rational_root,
    run,
)
from flowlaw.oracles.errors import BadInput

GROUPED = [law for law in laws() if law.grouped]
OTHERS = [law for law in laws() if not law.grouped]


def kinds(law: Law) -> Sequence[Kind]:
    return ("linear", "quadratic", "antisymmetric", "generator") if "generator" in law.charges else law.charges


def seen(law: Law, *, broken: bool) -> list[tuple[Fraction, Fraction]]:
    """Residual and predicted residual of all windows of random runs of all optimizers that obey the law."""
    found: list[tuple[Fraction, Fraction]] = []
    for name in exact_runs.MAKERS:
        for seed, kind in enumerate(kinds(law)):
            moments, charge = exact_runs.random_run(name, seed, kind, broken=broken, constant=bool(law.constant))
            found += [
                (law.residual(w, charge), law.predicted(w, charge)) for w in exact_runs.windows(law, moments, charge)
            ]
    return found


@pytest.mark.parametrize("law", OTHERS, ids=lambda law: law.name)
def test_with_the_symmetry_the_residual_is_exactly_zero(law: Law) -> None:
    found = seen(law, broken=False)
    assert found
    assert set(found) == {(0, 0)}


@pytest.mark.parametrize("law", OTHERS, ids=lambda law: law.name)
def test_without_the_symmetry_the_residual_is_exactly_the_predicted_one(law: Law) -> None:
    found = seen(law, broken=True)
    assert all(residual == predicted for residual, predicted in found)
    # the step of Adam in its metric holds for every vector, symmetry or not
    assert law.name.endswith(".step") or any(residual != 0 for residual, _ in found)


@pytest.mark.parametrize("law", GROUPED, ids=lambda law: law.name)
@pytest.mark.parametrize("seed", range(5))
def test_identities_of_parameter_groups_hold_exactly_and_break_as_predicted(law: Law, seed: int) -> None:
    moments, charge = exact_runs.grouped_run(seed, law.name)
    assert law.residual(moments, charge) == 0
    moments, charge = exact_runs.grouped_run(seed, law.name, broken=True)
    assert law.residual(moments, charge) == law.predicted(moments, charge) != 0


@pytest.mark.parametrize("law", [law for law in laws() if law.first], ids=lambda law: law.name)
def test_an_identity_of_the_first_step_refuses_later_windows(law: Law) -> None:
    name = "Nesterov" if "nesterov" in law.name else "SGDW" if "sgdw" in law.name else "heavy ball"
    moments, charge = exact_runs.random_run(name, 0, law.charges[0])
    assert law.residual(moments[:2], charge) == 0
    with pytest.raises(BadInput, match="first step"):
        law.residual(moments[1:3], charge)


F = Fraction
_HB = SGD(lr=F(1, 5), momentum=F(1, 2), dampening=F(1, 4), weight_decay=F(1, 3))
_NESTEROV = SGD(lr=F(1, 5), momentum=F(1, 2), weight_decay=F(1, 3), nesterov=True)
_ADAM = Adam(lr=F(1, 5), weight_decay=F(1, 3), root=rational_root)
_RMS = RMSprop(lr=F(1, 5), weight_decay=F(1, 3), root=rational_root)
_ADAGRAD = Adagrad(lr=F(1, 5), weight_decay=F(1, 3), lr_decay=F(1, 2), root=rational_root)


def absolute_root(x: Any) -> Any:
    return rational_root(abs(x))


CONVENTIONS: list[tuple[str, str, Any, Any]] = [
    ("the first step is damped", "hb-first-step.linear", replace(_HB, first_step_damped=True), _HB),
    ("the first step is not damped", "hb-first-step.quadratic", _HB, replace(_HB, first_step_damped=True)),
    ("dampening is ignored", "hb-two-step.linear", replace(_HB, dampening=F(0)), _HB),
    ("momentum is another", "hb-two-step.quadratic", replace(_HB, momentum=F(2, 5)), _HB),
    (
        "decoupled decay is taken for coupled",
        "hb-two-step.quadratic",
        SGDW(lr=F(1, 5), momentum=F(1, 2), weight_decay=F(1, 3)),
        replace(_HB, dampening=F(0)),
    ),
    (
        "coupled decay is taken for decoupled",
        "sgdw.quadratic",
        replace(_HB, dampening=F(0)),
        SGDW(lr=F(1, 5), momentum=F(1, 2), weight_decay=F(1, 3)),
    ),
    ("Nesterov is taken for heavy ball", "hb-two-step.linear", _NESTEROV, replace(_HB, dampening=F(0))),
    ("heavy ball is taken for Nesterov", "nesterov.linear", replace(_HB, dampening=F(0)), _NESTEROV),
    ("heavy ball is taken for Nesterov, quadratic", "nesterov.quadratic", replace(_HB, dampening=F(0)), _NESTEROV),
    ("decay is left out", "sgd-linear", SGD(lr=F(1, 5)), SGD(lr=F(1, 5), weight_decay=F(1, 3))),
    ("decay is left out, quadratic", "sgd-quadratic", SGD(lr=F(1, 5)), SGD(lr=F(1, 5), weight_decay=F(1, 3))),
    ("the rate is another", "sgd-quadratic", SGD(lr=F(1, 4)), SGD(lr=F(1, 5))),
    ("decay of Adam is decoupled", "adam.metric", replace(_ADAM, decoupled=True), _ADAM),
    ("decay of AdamW is coupled", "adamw.metric", _ADAM, replace(_ADAM, decoupled=True)),
    ("beta1 is another", "adam.mean", replace(_ADAM, beta1=F(4, 5)), _ADAM),
    ("RMSprop is centered", "rmsprop.metric", replace(_RMS, centered=True, root=absolute_root), _RMS),
    ("the decay of the rate is left out", "adagrad.metric", replace(_ADAGRAD, lr_decay=F(0)), _ADAGRAD),
    (
        "steps are not in the span of gradients",
        "span.linear",
        SGD(lr=F(1, 5), weight_decay=F(1, 3)),
        Span(coefficients=(F(1, 5),)),
    ),
]


@pytest.mark.parametrize(("says", "name", "true", "believed"), CONVENTIONS, ids=[says for says, *_ in CONVENTIONS])
def test_a_wrong_convention_is_seen(says: str, name: str, true: Any, believed: Any) -> None:
    law = find_law(name)
    random = Random(3)
    charge = exact_runs.charge(random, law.charges[0])
    moments = run([true] * 3, exact_runs.vectors(random), exact_runs.symmetric(random, charge))
    start = 0 if law.first else 1  # a first step may obey the identity of another optimizer
    right = run([believed] * 3, exact_runs.vectors(random), exact_runs.symmetric(random, charge))
    assert law.residual(right[start : start + law.steps + 1], charge) == 0
    wrong = believe(moments, believed)[start : start + law.steps + 1]
    assert law.residual(wrong, charge) != 0


def believe(moments: Sequence[Moment], believed: Any) -> list[Moment]:
    return [m if m.optimizer is None else replace(m, optimizer=believed) for m in moments]


def test_a_schedule_that_is_applied_one_step_late_is_seen() -> None:
    law, random = find_law("hb-two-step.quadratic"), Random(5)
    charge = exact_runs.charge(random, "quadratic")
    rates = [F(1, 2), F(1, 2), F(1, 4), F(1, 4)]
    optimizers = [replace(_HB, lr=rate) for rate in rates]
    moments = run(optimizers, exact_runs.vectors(random), exact_runs.symmetric(random, charge))
    late = [m if m.index in (0, 4) else replace(m, optimizer=optimizers[m.index - 1]) for m in moments]
    assert [law.residual(moments[k : k + 3], charge) for k in range(3)] == [0, 0, 0]
    assert [law.residual(late[k : k + 3], charge) == 0 for k in range(3)] == [True, False, False]


def test_decay_that_spares_the_bias_is_seen_and_explained() -> None:
    """T3: one neuron, x = 1, f = (o relu(w x + b))^2/2, w = 2, b = 1, o = 1/3, eta = 1/2, lam = 1/5 on w and o."""
    from flowlaw.oracles.dynamics import Grouped

    decayed, spared = SGD(lr=F(1, 2), weight_decay=F(1, 5)), SGD(lr=F(1, 2))
    balance = Signed({0: 1, 1: 1, 2: -1})
    start, g = (F(2), F(1), F(1, 3)), (F(1, 3), F(1, 3), F(3))

    def gradient(_k: int, _point: Any) -> Any:
        return g

    moments = run([Grouped((decayed, spared), (0, 1, 0))], start, gradient)
    assert moments[1].parameters == (F(49, 30), F(5, 6), F(-6, 5))
    law = find_law("no-decay-bias")
    assert law.residual(moments, balance) == 0
    assert law.sides(_view(moments, balance))[1] == F(173, 90)
    believed = run([decayed], start, gradient)
    assert balance.pair(believed[1].parameters, believed[1].parameters) == F(1589, 900)
    assert find_law("sgd-quadratic").obstacle(moments, balance).endswith("different hyper-parameters.")


def _view(moments: Sequence[Moment], charge: Any) -> Any:
    from flowlaw.oracles.dynamics import View

    return View(moments, charge)


def test_the_known_values_of_parameter_groups() -> None:
    from flowlaw.oracles.dynamics import Grouped

    groups = (SGD(lr=F(1, 5), weight_decay=F(1, 2)), SGD(lr=F(1, 10), weight_decay=F(3)))
    moments = run(
        [Grouped(groups, (0, 1))], (Vector((2, 1)), Vector((3,))), lambda _k, _p: (Vector((1, 1)), Vector((1,)))
    )
    assert moments[1].parameters == (Vector((F(8, 5), F(7, 10))), Vector((2,)))
    charge = Signed({0: 1, 1: -1})
    law = find_law("param-groups")
    assert law.residual(moments, charge) == 0
    first = law.sides(_view(moments, Signed({0: 1})))[0]
    assert first == -6


SKIPS: list[tuple[str, Callable[[Moment], Moment], str]] = [
    ("a tensor is skipped", lambda m: replace(m, gradients=(Vector((1, 2, 3)), None)), "skips a tensor"),
    ("gradients are missing", lambda m: replace(m, gradients=None), "gradients of step 0 are not recorded"),
    ("the optimizer is missing", lambda m: replace(m, optimizer=None), "optimizer of step 0 is not recorded"),
    ("the state is missing", lambda m: replace(m, state=None), "state around step 0 is not recorded"),
]


@pytest.mark.parametrize(("says", "change", "complaint"), SKIPS, ids=[says for says, *_ in SKIPS])
def test_what_is_not_recorded_is_named(says: str, change: Callable[[Moment], Moment], complaint: str) -> None:
    moments, charge = exact_runs.random_run("Adam", 0, "generator")
    law = find_law("adam.metric")
    assert law.obstacle(moments[:2], charge) == ""
    assert complaint in law.obstacle([change(moments[0]), moments[1]], charge)


def test_snapshots_of_weights_are_enough_for_the_two_step_identity() -> None:
    moments, charge = exact_runs.random_run("heavy ball", 1, "quadratic")
    bare = [Moment(m.index, m.parameters, m.optimizer) for m in moments]
    assert [find_law("hb-two-step.quadratic").residual(bare[k : k + 3], charge) for k in (0, 1)] == [0, 0]


def test_a_tensor_without_gradient_is_left_alone_and_starts_its_buffer_later() -> None:
    late = (Vector((1, 2, 3)), None), (Vector((1, 2, 3)), Vector((1, 1)))
    sgd = SGD(lr=F(1, 2), momentum=F(1, 2), dampening=F(1, 2), weight_decay=F(1))
    moments = run([sgd, sgd], (Vector((1, 1, 1)), Vector((1, 1))), lambda k, _p: late[k])
    assert moments[1].parameters[1] == Vector((1, 1))
    assert moments[1].state is not None
    assert moments[1].state[1] is None
    assert moments[2].parameters[1] == Vector((0, 0))  # undamped: 1 - (1 + 1)/2
    law = find_law("hb-first-step.linear")
    from flowlaw.oracles.dynamics import Translation

    assert law.obstacle(moments[1:], Translation({1: 1})) == ""
    assert "first step of its tensors" in law.obstacle(moments[1:], Translation({0: 1}))


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(BadInput, match=r"hb-two-step\.linear"):
        find_law("hb-two-step.linea")


def test_an_identity_refuses_charges_and_windows_it_is_not_about() -> None:
    moments, charge = exact_runs.random_run("SGD", 0, "quadratic")
    assert "not quadratic ones" in find_law("sgd-linear").obstacle(moments[:2], charge)
    assert "takes a window of 1 steps" in find_law("sgd-quadratic").obstacle(moments, charge)
    assert "does not hold for" in find_law("hb-two-step.quadratic").obstacle(moments[:3], charge)
    assert "same lr at every step" in find_law("hb-closed-form.quadratic").obstacle(
        exact_runs.random_run("heavy ball", 0, "quadratic")[0], charge
    )
    assert "Signed charge" in find_law("param-groups").obstacle(moments[:2], charge)


def test_nesterov_without_momentum_or_with_dampening_is_refused_as_in_torch() -> None:
    for momentum, dampening in ((0, 0), (F(1, 2), F(1, 2))):
        with pytest.raises(BadInput, match="Nesterov"):
            SGD(lr=1, nesterov=True, momentum=momentum, dampening=dampening)


def test_adamw_is_adam_with_decoupled_decay() -> None:
    assert AdamW(lr=1) == Adam(lr=1, weight_decay=F(1, 100), decoupled=True)
