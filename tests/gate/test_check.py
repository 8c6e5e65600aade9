"""Findings of right and wrong targets, and what is said of targets that cannot be measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import adam, families, loss_and_gradient, sgd, target

from flowlaw.gate import Target
from flowlaw.gate.check import check
from flowlaw.gate.errors import TargetError
from flowlaw.gate.record import record, snapshots
from flowlaw.oracles.dynamics import (
    SAM,
    SGD,
    Adam,
    AdamSlot,
    AdamW,
    ClipGlobalNorm,
    ClipValue,
    Grouped,
    Moment,
    RMSprop,
    SignSGD,
)


def momentum() -> Target:
    return target(sgd(0.05, 0.9, 0.0, 0.1), SGD(lr=0.05, momentum=0.9, weight_decay=0.1))


def test_there_is_a_finding_for_every_law_and_family() -> None:
    findings = check(momentum())
    step, *others = findings
    assert (step.law, step.identity, step.charges, step.windows) == ("gate.step", "step", 64, 36)
    neurons = [f.identity for f in others if f.family == "quadratic of w1, b1, w2 (M2)"]
    assert neurons[0] == "orthogonality"
    assert {"hb-two-step.quadratic", "hb-first-step.quadratic", "hb-closed-form.quadratic"} <= set(neurons)
    two = next(f for f in others if f.identity == "hb-two-step.quadratic")
    assert (two.law, two.windows, two.charges) == ("B0.hb-two-step", 33, 6)
    assert len({f.id for f in findings}) == len(findings)
    assert two.curve[0][0] == 1
    assert max(ratio for _, ratio in two.curve) == two.ratio
    assert two.where.startswith("run ")
    assert "neuron" in two.where
    assert two.formula


def test_findings_are_the_same_for_the_same_seed() -> None:
    assert check(momentum(), seed=5) == check(momentum(), seed=5)
    assert check(momentum(), seed=5) != check(momentum(), seed=6)


def test_families_of_one_name_are_numbered() -> None:
    named = [
        f.family for f in check(momentum(), families=(families()[0], families()[0])) if f.identity == "orthogonality"
    ]
    assert named == ["quadratic of w1, b1, w2 (M2)", "quadratic of w1, b1, w2 (M2) #2"]


def test_a_thousand_parameters_are_judged_in_well_below_a_second() -> None:
    made = momentum()
    check(made)
    begin = time.perf_counter()
    check(made)
    assert time.perf_counter() - begin < 5  # some hundredths on an idle machine


def test_groups_are_judged_by_their_own_laws() -> None:
    decayed, spared = SGD(lr=0.1, weight_decay=0.2), SGD(lr=0.1)

    def update(k: int, p: Any, g: Any, memory: Any) -> None:
        for name in p:
            p[name] = p[name] - 0.1 * (g[name] + (0.2 * p[name] if p[name].ndim > 1 else 0))

    made = target(update, Grouped((decayed, spared), (0, 1, 0, 1)))
    found = {f.identity: f for f in check(made) if f.family.startswith("quadratic")}
    assert {"orthogonality", "param-groups", "no-decay-bias"} == set(found)
    assert all(f.verdict == "HOLDS" for f in found.values())
    wrong = target(update, Grouped((decayed, replace(spared, weight_decay=0.1)), (0, 1, 0, 1)))
    assert any(f.identity == "param-groups" and f.ratio > 1e3 for f in check(wrong))


@pytest.mark.once
def test_a_law_that_does_not_apply_is_skipped_with_its_reason() -> None:
    signs = [f for f in check(target(sgd(0.1), SignSGD(lr=0.1))) if f.identity == "none"]
    assert signs
    assert all(f.verdict == "SKIPPED" and "signs forget" in f.reason for f in signs)
    mixed = Grouped((SGD(lr=0.1, momentum=0.5), SGD(lr=0.1)), (0, 1, 0, 1))
    skipped = [f for f in check(target(sgd(0.1), mixed)) if f.verdict == "SKIPPED"]
    assert any("different hyper-parameters" in f.reason for f in skipped)


def test_a_skipped_tensor_has_to_stay_as_it_is() -> None:
    def frozen(p: Any, data: Any) -> tuple[float, Any]:
        loss, g = loss_and_gradient(p, data)
        return loss, {**g, "w1": None}

    def update(moved: float) -> Callable[..., None]:
        def step(k: int, p: Any, g: Any, memory: Any) -> None:
            for name in p:
                p[name] = p[name] * (1 + moved) if g[name] is None else p[name] - 0.1 * g[name]

        return step

    right = check(target(update(0.0), SGD(lr=0.1), gradient=frozen))
    assert right[0].verdict == "HOLDS"
    assert any("skips a tensor" in f.reason for f in right if f.verdict == "SKIPPED")
    assert check(target(update(1e-9), SGD(lr=0.1), gradient=frozen))[0].verdict == "VIOLATED"


def test_a_wrong_gradient_breaks_orthogonality_and_not_the_step() -> None:
    def wrong(p: Any, data: Any) -> tuple[float, Any]:
        loss, g = loss_and_gradient(p, data)
        return loss, {**g, "b1": 1.001 * g["b1"]}

    findings = check(target(sgd(0.1), SGD(lr=0.1), gradient=wrong))
    assert findings[0].verdict == "HOLDS"
    broken = [f for f in findings if f.identity == "orthogonality" and f.verdict == "VIOLATED"]
    assert [f.family for f in broken] == ["quadratic of w1, b1, w2 (M2)"]
    assert broken[0].ratio > 1e3


def test_clipping_is_described_by_a_transform_of_the_gradients() -> None:
    def clipped(k: int, p: Any, g: Any, memory: Any) -> None:
        norm = np.sqrt(sum((x**2).sum() for x in g.values()))
        sgd(0.1)(k, p, {name: x * min(1, 0.2 / norm) for name, x in g.items()}, memory)

    findings = check(target(clipped, SGD(lr=0.1), transform=ClipGlobalNorm(limit=0.2)))
    assert all(f.verdict == "HOLDS" for f in findings)
    assert check(target(clipped, SGD(lr=0.1)))[0].verdict == "VIOLATED"


def test_a_described_transform_that_breaks_the_symmetry_is_no_violation() -> None:
    def clipped(k: int, p: Any, g: Any, memory: Any) -> None:
        sgd(0.1)(k, p, {name: x.clip(-0.05, 0.05) for name, x in g.items()}, memory)

    findings = check(target(clipped, SGD(lr=0.1), transform=ClipValue(limit=0.05)))
    assert all(f.verdict != "VIOLATED" for f in findings)
    assert any("breaks this symmetry" in f.reason for f in findings)


def test_sam_asks_for_its_gradient_elsewhere() -> None:
    def update(k: int, p: Any, g: Any, memory: Any) -> None:
        raise AssertionError("not used")

    def step(state: Any, data: Any) -> Any:
        p, memory = state
        _, g = loss_and_gradient(p, data)
        norm = np.sqrt(sum((x**2).sum() for x in g.values()))
        _, there = loss_and_gradient({name: p[name] + 0.05 * g[name] / norm for name in p}, data)
        return {name: p[name] - 0.1 * there[name] for name in p}, memory

    findings = check(replace(target(update, SAM(lr=0.1, rho=0.05)), step=step))
    assert {f.identity for f in findings} >= {"step", "sam.quadratic", "sam.linear"}
    assert all(f.verdict == "HOLDS" for f in findings)
    assert check(replace(target(update, SAM(lr=0.1, rho=0.06)), step=step))[0].ratio > 1e3


@pytest.mark.once
def test_adaptive_optimizers_are_judged_in_their_metric() -> None:
    findings = check(target(adam(0.01, decay=0.1), AdamW(lr=0.01, weight_decay=0.1)))
    assert {f.identity for f in findings} == {"step", "gradient", "orthogonality", "adamw.step", "adamw.metric"}
    assert all(f.verdict == "HOLDS" for f in findings)
    assert any(
        "divided by different diagonals" in f.reason for f in check(target(sgd(0.1), RMSprop(lr=0.1, momentum=0.5)))
    )


# -- records of others -------------------------------------------------------------------------------------------------


@pytest.mark.once
def test_snapshots_alone_are_judged_by_the_laws_of_weights() -> None:
    from flowlaw.gate.judge import judge

    seen = record(momentum())
    bare = [[replace(m, gradients=None) for m in moments] for moments in seen.runs]
    findings = judge(snapshots(bare, seen.names), families())
    assert {f.verdict for f in findings} == {"HOLDS"}
    assert "step" not in {f.identity for f in findings}
    assert "hb-two-step.quadratic" in {f.identity for f in findings}
    wrong = [[m if m.optimizer is None else replace(m, optimizer=SGD(lr=0.05, momentum=0.9)) for m in r] for r in bare]
    assert max(f.ratio for f in judge(snapshots(wrong, seen.names), families())) > 1e3


def test_a_part_of_a_run_needs_the_memory_with_which_it_starts() -> None:
    from flowlaw.gate.judge import judge

    seen = record(target(adam(0.01), AdamW(lr=0.01, weight_decay=0.0)), runs=1)
    h, state = AdamW(lr=0.01, weight_decay=0.0, beta1=0.9, beta2=0.999, eps=1e-8), (None,) * 4
    for moment in seen.runs[0][:3]:
        made = [h.update(p, g, s) for p, g, s in zip(moment.parameters, moment.gradients or (), state, strict=True)]
        state = tuple(slot for _, slot in made)
    assert isinstance(state[0], AdamSlot)
    late = list(seen.runs[0][3:])
    without = judge(snapshots([late], seen.names), families())
    assert "adamw.metric" not in {f.identity for f in without if f.verdict == "HOLDS"}
    known = judge(snapshots([[replace(late[0], state=state), *late[1:]]], seen.names), families())
    assert {f.identity for f in known if f.verdict == "HOLDS"} >= {"step", "adamw.metric"}
    assert all(f.verdict == "HOLDS" for f in known)


# -- targets that cannot be measured -----------------------------------------------------------------------------------


def _broken(
    *,
    step: Callable[[Any, Any], Any] | None = None,
    read: Callable[[Any], Any] | None = None,
    loss_and_gradient: Callable[[Any, Any], Any] | None = None,
    optimizer: Callable[[int], Any] | None = None,
    **others: Any,
) -> Target:
    """The right target with a callable that is not."""
    chosen = {"step": step, "read": read, "loss_and_gradient": loss_and_gradient, "optimizer": optimizer}
    return replace(momentum(), **{name: part for name, part in chosen.items() if part is not None}, **others)


def _read(change: Callable[[Any, int], Any]) -> Callable[[Any], Any]:
    calls = iter(range(10**6))
    return lambda state: change(dict(state[0]), next(calls))


def _raise(*arguments: Any) -> Any:
    raise RuntimeError("disk full")


CULPRITS: dict[str, tuple[Callable[[], Target], str]] = {
    "raises": (lambda: _broken(step=_raise), "step raised 'RuntimeError: disk full'"),
    "draw raises": (lambda: _broken(draw=_raise), "draw raised"),
    "hangs": (lambda: _broken(step=lambda s, b: time.sleep(30)), "step took longer than 0.2 seconds"),
    "NaN": (lambda: _broken(read=_read(lambda p, n: {**p, "b1": p["b1"] * (np.nan if n else 1)})), "'b1' is NaN"),
    "infinite": (lambda: _broken(read=_read(lambda p, n: {**p, "b1": p["b1"] / (n < 2)})), "after step 1"),
    "renamed": (
        lambda: _broken(read=_read(lambda p, n: {f"{k}{n > 2}": v for k, v in p.items()})),
        "another set of names",
    ),
    "reordered": (lambda: _broken(read=_read(lambda p, n: dict(reversed(p.items())))), "in another order"),
    "shape": (lambda: _broken(read=_read(lambda p, n: {**p, "b1": p["b1"][: 6 - (n > 1)]})), "has shape (5,)"),
    "integers": (lambda: _broken(read=lambda s: {n: v.astype(int) for n, v in s[0].items()}), "dtype int64"),
    "narrow": (lambda: _broken(read=lambda s: {n: v.astype("f4") for n, v in s[0].items()}), "does not hold"),
    "no mapping": (lambda: _broken(read=lambda s: 7), "not a dictionary"),
    "no pair": (lambda: _broken(loss_and_gradient=lambda p, b: 7), "not a pair"),
    "loss": (lambda: _broken(loss_and_gradient=lambda p, b: (np.nan, p)), "the loss nan"),
    "no number": (lambda: _broken(loss_and_gradient=lambda p, b: ("x", p)), "could not convert"),
    "missing": (lambda: _broken(loss_and_gradient=lambda p, b: (1.0, {"w1": p["w1"]})), "'b1' is not both"),
    "unknown": (lambda: _broken(loss_and_gradient=lambda p, b: (1.0, {**p, "x": 1})), "'x' is not both"),
    "gradient": (lambda: _broken(loss_and_gradient=lambda p, b: (1.0, {**p, "b1": p["w1"]})), "gradient of 'b1'"),
    "description": (lambda: _broken(optimizer=lambda k: 0.1), "optimizer(0) is of type float"),
    "rate": (lambda: _broken(optimizer=lambda k: SGD(lr=float("nan"))), "hyper-parameter nan"),
    "dtype": (lambda: _broken(dtype="float8"), "dtype is 'float8'"),
    "transform": (lambda: _broken(transform=_raise), "transform raised"),
}


@pytest.mark.parametrize("name", CULPRITS)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_target_that_cannot_be_measured_is_named_with_its_culprit(name: str) -> None:
    make, said = CULPRITS[name]
    with pytest.raises(TargetError) as caught:
        check(make(), time_limit=0.2 if name == "hangs" else None)
    message = str(caught.value)
    assert said in message
    assert "numpy" in message
    assert "\n" not in message


def test_a_run_without_steps_measures_nothing() -> None:
    with pytest.raises(TargetError, match="measure nothing"):
        check(momentum(), steps=0)


def test_a_limit_of_time_changes_nothing_else() -> None:
    assert check(momentum(), time_limit=60.0) == check(momentum())


def test_adam_is_not_called_right_where_nothing_moves() -> None:
    still = target(lambda k, p, g, memory: None, Adam(lr=0.0))
    moving = [f for f in check(still) if f.identity not in ("orthogonality", "gradient")]
    assert {f.verdict for f in moving} == {"SKIPPED"}


def test_a_moment_is_what_it_was_before_the_next_step() -> None:
    seen = record(momentum(), runs=1, steps=2)
    assert all(isinstance(m, Moment) for m in seen.runs[0])
    assert not np.array_equal(seen.runs[0][0].parameters[0], seen.runs[0][1].parameters[0])
