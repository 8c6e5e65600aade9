"""Every convention explains a run that was made by it, and none explains a run that is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import Arrays, Update, adam, families, loss_and_gradient, sgd, target

from flowlaw.gate import Target
from flowlaw.gate.check import check
from flowlaw.gate.conventions import CONVENTIONS, PRECISIONS, explain, explaining, of_tensor
from flowlaw.gate.record import record, snapshots
from flowlaw.oracles.dynamics import SGD, SGDW, AdamW, ClipGlobalNorm, Grouped, RMSprop

MOMENTUM = SGD(lr=0.05, momentum=0.9, weight_decay=0.1)
DAMPED = SGD(lr=0.05, momentum=0.9, dampening=0.5, weight_decay=0.1)
ADAMW = AdamW(lr=0.01, weight_decay=0.1, eps=1e-4)
SPARED = Grouped((MOMENTUM, replace(MOMENTUM, weight_decay=0.0)), (0, 1, 0, 1))
RIGHT = sgd(0.05, 0.9, 0.0, 0.1)


def rate(k: int) -> float:
    return float(0.05 * (1 + np.cos(np.pi * k / 20)))


def scheduled(k: int) -> SGD:
    return replace(MOMENTUM, lr=rate(k))


def by_hand(one: Callable[..., Any]) -> Update:
    """An update of tensors one by one: ``one(theta, g, memory, k)`` gives the tensor and its memory."""

    def update(k: int, p: Arrays, g: Arrays, memory: dict[str, Any]) -> None:
        for name in p:
            p[name], memory[name] = one(p[name], g[name], memory.get(name), k)

    return update


def changed(change: Callable[[Arrays, dict[str, Any]], Arrays], inner: Update = RIGHT) -> Update:
    """The right update of gradients that were changed first."""

    def update(k: int, p: Arrays, g: Arrays, memory: dict[str, Any]) -> None:
        inner(k, p, change(g, memory.setdefault("own", {})), memory.setdefault("inner", {}))

    return update


def _decoupled(p: Any, g: Any, v: Any, k: int) -> Any:
    v = g if v is None else 0.9 * v + g
    return p - 0.05 * 0.1 * p - 0.05 * v, v


def _unrated(p: Any, g: Any, v: Any, k: int) -> Any:
    v = g if v is None else 0.9 * v + g
    return 0.9 * p - 0.05 * v, v


def _after(p: Any, g: Any, v: Any, k: int) -> Any:
    v = g if v is None else 0.9 * v + g
    return (p - 0.05 * v) * (1 - 0.05 * 0.1), v


def _spared(p: Any, g: Any, v: Any, k: int) -> Any:
    d = g + 0.1 * p if p.ndim > 1 else g
    v = d if v is None else 0.9 * v + d
    return p - 0.05 * v, v


def _first(p: Any, g: Any, v: Any, k: int) -> Any:
    d = g + 0.1 * p
    v = 0.5 * d if v is None else 0.9 * v + 0.5 * d
    return p - 0.05 * v, v


def _average(p: Any, g: Any, v: Any, k: int) -> Any:
    d = g + 0.1 * p
    v = 0.1 * d if v is None else 0.9 * v + 0.1 * d
    return p - 0.05 * v, v


def _adam(kind: str) -> Callable[..., Any]:
    def one(p: Any, g: Any, memory: Any, k: int) -> Any:
        m, v, largest = (0 * p, 0 * p, 0 * p) if memory is None else memory
        d = g + 0.1 * p if kind == "coupled" else g
        m, v = 0.9 * m + 0.1 * d, 0.999 * v + 0.001 * d * d
        largest = np.maximum(largest, v)
        t = k + 2 if kind == "ahead" else k + 1
        one = 1.0 if kind in ("uncorrected", "first") else 1 - 0.9**t
        two = 1.0 if kind in ("uncorrected", "second") else 1 - 0.999**t
        root = np.sqrt(largest / two if kind == "amsgrad" else v / two) + 1e-4
        if kind == "inside":
            root = np.sqrt(v / two + 1e-4)
        if kind == "before":
            root = (np.sqrt(v) + 1e-4) / np.sqrt(two)
        if kind == "no eps":
            root = root - 1e-4
        kept = p if kind == "coupled" else p * (1 - 0.01 * 0.1)
        return kept - 0.01 * (m / one) / root, (m, v, largest)

    return one


def _rmsprop(p: Any, g: Any, v: Any, k: int) -> Any:
    v = 0.1 * g * g if v is None else 0.9 * v + 0.1 * g * g
    return p - 0.01 * g / np.sqrt(v + 1e-3), v


def _stale(g: Arrays, memory: dict[str, Any]) -> Arrays:
    old = memory.get("g", g)
    memory["g"] = g
    return old


def _kept(g: Arrays, memory: dict[str, Any]) -> Arrays:
    memory.update({name: memory.get(name, 0) + x for name, x in g.items()})
    return {name: memory[name] for name in g}


def _clipped_each(g: Arrays, memory: dict[str, Any]) -> Arrays:
    return {name: x * min(1, 0.1 / np.sqrt((x**2).sum())) for name, x in g.items()}


def _clipped(g: Arrays, memory: dict[str, Any]) -> Arrays:
    norm = np.sqrt(sum((x**2).sum() for x in g.values()))
    return {name: x * min(1, 0.1 / norm) for name, x in g.items()}


def _rounded(k: int, p: Arrays, g: Arrays, memory: dict[str, Any]) -> None:
    RIGHT(k, p, g, memory)
    for name in p:
        p[name] = p[name].astype(np.float32).astype(np.float64)


def _half(g: Arrays, memory: dict[str, Any]) -> Arrays:
    return {name: 0.5 * x if name == "w2" else x for name, x in g.items()}


GLOBAL: dict[str, Any] = {"transform": ClipGlobalNorm(limit=0.1)}
MUTANTS: dict[str, tuple[Update, Any, str, dict[str, Any]]] = {
    "decoupled": (by_hand(_decoupled), MOMENTUM, "decay-decoupled", {}),
    "coupled": (RIGHT, SGDW(lr=0.05, momentum=0.9, weight_decay=0.1), "decay-coupled", {}),
    "decay without rate": (by_hand(_unrated), MOMENTUM, "decay-without-rate", {}),
    "decay after": (by_hand(_after), SGDW(lr=0.05, momentum=0.9, weight_decay=0.1), "decay-after-step", {}),
    "no decay": (sgd(0.05, 0.9), MOMENTUM, "decay-missing", {}),
    "twice the decay": (sgd(0.05, 0.9, 0.0, 0.2), MOMENTUM, "decay-doubled", {}),
    "half of the decay": (sgd(0.05, 0.9, 0.0, 0.05), MOMENTUM, "decay-halved", {}),
    "negative decay": (sgd(0.05, 0.9, 0.0, -0.1), MOMENTUM, "decay-sign", {}),
    "biases are spared": (by_hand(_spared), MOMENTUM, "decay-spares-vectors", {}),
    "biases are not spared": (RIGHT, SPARED, "decay-on-all", {}),
    "groups": (RIGHT, SPARED, "groups-ignored", {}),
    "first buffer": (by_hand(_first), DAMPED, "first-buffer", {}),
    "dampening": (RIGHT, DAMPED, "dampening-missing", {}),
    "average": (by_hand(_average), MOMENTUM, "dampening-as-average", {}),
    "Nesterov": (sgd(0.05, 0.9, 0.0, 0.1, True), MOMENTUM, "nesterov", {}),
    "momentum": (sgd(0.05, 0.0, 0.0, 0.1), MOMENTUM, "momentum-missing", {}),
    "late": (sgd(lambda k: rate(max(k - 1, 0)), 0.9, 0.0, 0.1), scheduled, "schedule-late", {}),
    "early": (sgd(lambda k: rate(k + 1), 0.9, 0.0, 0.1), scheduled, "schedule-early", {}),
    "no schedule": (sgd(rate(0), 0.9, 0.0, 0.1), scheduled, "schedule-missing", {}),
    "twice the rate": (sgd(0.1, 0.9, 0.0, 0.1), MOMENTUM, "rate-doubled", {}),
    "half of the rate": (sgd(0.025, 0.9, 0.0, 0.1), MOMENTUM, "rate-halved", {}),
    "a tenth of the rate": (sgd(0.005, 0.9, 0.0, 0.1), MOMENTUM, "rate-tenfold", {}),
    "the rate by four": (sgd(0.0125, 0.9, 0.0, 0.1), MOMENTUM, "rate-divided", {}),
    "uphill": (changed(lambda g, m: {n: -x for n, x in g.items()}), MOMENTUM, "sign", {}),
    "AdamW, coupled": (by_hand(_adam("coupled")), ADAMW, "decay-coupled", {}),
    "AdamW, uncorrected": (by_hand(_adam("uncorrected")), ADAMW, "bias-correction-missing", {}),
    "AdamW, first": (by_hand(_adam("first")), ADAMW, "first-correction-missing", {}),
    "AdamW, second": (by_hand(_adam("second")), ADAMW, "second-correction-missing", {}),
    "AdamW, count": (by_hand(_adam("ahead")), ADAMW, "count-ahead", {}),
    "AdamW, amsgrad": (by_hand(_adam("amsgrad")), ADAMW, "amsgrad", {}),
    "AdamW, eps inside": (by_hand(_adam("inside")), ADAMW, "eps-inside", {}),
    "AdamW, eps before": (by_hand(_adam("before")), ADAMW, "eps-before-correction", {}),
    "AdamW, no eps": (by_hand(_adam("no eps")), ADAMW, "eps-missing", {}),
    "RMSprop, eps inside": (by_hand(_rmsprop), RMSprop(lr=0.01, alpha=0.9, eps=1e-3), "eps-inside", {}),
    "summed": (changed(lambda g, m: {n: 4 * x for n, x in g.items()}), MOMENTUM, "gradients-summed", {}),
    "divided": (changed(lambda g, m: {n: x / 8 for n, x in g.items()}), MOMENTUM, "gradients-divided", {}),
    "stale": (changed(_stale), MOMENTUM, "gradient-stale", {}),
    "kept": (changed(_kept), MOMENTUM, "gradients-kept", {}),
    "clipped each": (changed(_clipped_each), MOMENTUM, "clipping-each", GLOBAL),
    "clipped by value": (
        changed(lambda g, m: {n: x.clip(-0.1, 0.1) for n, x in g.items()}),
        MOMENTUM,
        "clipping-value",
        GLOBAL,
    ),
    "clipped": (changed(_clipped), MOMENTUM, "clipping-global", {}),
    "not clipped": (RIGHT, MOMENTUM, "clipping-missing", GLOBAL),
    "rounded": (_rounded, MOMENTUM, "kept-in-float32", {}),
    "one use of a tied tensor": (changed(_half), MOMENTUM, "gradient-of-w2-times-0.5", {}),
}


EVERYWHERE = ("decoupled", "Nesterov", "AdamW, eps inside")
"""Run on every version of Python."""


def made(name: str) -> Target:
    update, described, _, chosen = MUTANTS[name]
    return target(update, described, **chosen)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in EVERYWHERE else pytest.mark.once) for name in MUTANTS]
)
def test_a_mutant_is_caught_and_its_convention_explains_it(name: str) -> None:
    every = (*CONVENTIONS, *PRECISIONS, *of_tensor(2, "w2"))
    expected = next(convention.sentence for convention in every if convention.name == MUTANTS[name][2])
    findings = check(made(name), runs=1, steps=6)
    assert findings[0].verdict == "VIOLATED"
    assert findings[0].ratio > 1e3
    assert all(expected in f.explanations for f in findings if f.verdict == "VIOLATED")
    assert not any(f.explanations for f in findings if f.verdict != "VIOLATED")
    assert len(findings[0].explanations) <= 3, "what is said of a run is short"


@pytest.mark.parametrize(
    "right",
    [
        target(RIGHT, MOMENTUM),
        target(adam(0.01, decay=0.1, eps=1e-4), ADAMW),
        target(changed(_clipped), MOMENTUM, **GLOBAL),
    ],
    ids=["momentum", "AdamW", "clipping"],
)
def test_nothing_explains_what_is_right(right: Target) -> None:
    assert explain(record(right, runs=1, steps=4), families()) == ()


def test_nothing_explains_what_no_convention_does() -> None:
    odd = target(changed(lambda g, m: {n: np.sin(x) for n, x in g.items()}), MOMENTUM)
    findings = check(odd, runs=1, steps=4)
    assert findings[0].verdict == "VIOLATED"
    assert findings[0].explanations == ()


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "seen_by_weights"),
    [
        ("decoupled", True),
        ("no decay", True),
        ("biases are spared", False),
        ("Nesterov", True),
        ("momentum", True),
        ("late", True),
        ("early", True),
        ("no schedule", True),
        ("first buffer", True),
        ("dampening", True),
        ("decay without rate", True),
        ("twice the decay", True),
        ("stale", False),
    ],
)
def test_snapshots_alone_tell_what_the_laws_of_weights_can_tell(name: str, seen_by_weights: bool) -> None:
    """Those that are not told have no law of weights for the families: mixed groups, other gradients."""
    seen = record(made(name), runs=1, steps=6)
    bare = snapshots([[replace(m, gradients=None) for m in seen.runs[0]]], seen.names)
    names = [convention.name for convention in explaining(bare, families())]
    assert (MUTANTS[name][2] in names) is seen_by_weights


def test_nothing_explains_snapshots_that_are_right() -> None:
    right = record(target(RIGHT, MOMENTUM), runs=1)
    assert not explaining(snapshots([[replace(m, gradients=None) for m in right.runs[0]]], right.names), families())


def test_a_gradient_that_is_wrong_everywhere_is_explained_by_its_tensor() -> None:
    """The step and what the target says of gradients agree: only orthogonality sees it."""

    def halved(p: Any, data: Any) -> tuple[float, Any]:
        loss, g = loss_and_gradient(p, data)
        return loss, {**g, "w2": 0.5 * g["w2"]}

    findings = check(target(RIGHT, MOMENTUM, gradient=halved))
    assert findings[0].verdict == "HOLDS"
    broken = {f.identity: f for f in findings if f.verdict == "VIOLATED"}
    assert broken["gradient"].explanations == ("The gradient of w2 is 0.5 times the derivative of the loss.",)
    assert broken["orthogonality"].explanations == ("The gradient of w2 is counted twice.",)


def test_names_and_sentences_are_each_there_once() -> None:
    every = (*CONVENTIONS, *PRECISIONS, *of_tensor(0, "w1"))
    assert len({convention.name for convention in every}) == len(every)
    assert len({convention.sentence for convention in every}) == len(every)
    assert all(convention.sentence.endswith(".") for convention in every)
