"""What the vectors hold, who passes them, and which mutants they name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from flowlaw.gate import vectors
from flowlaw.gate.descriptions import KINDS, hyperparameters
from flowlaw.gate.vectors import Outcome, Stepper, TestVector, Unsupported, consume, numpy_stepper
from flowlaw.oracles.dynamics import entries
from flowlaw.oracles.errors import BadInput

ROOT = Path(__file__).parents[3]
SCHEMA = Path(vectors.__file__).parent / "vectors.schema.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("vectors")
    vectors.fill(made)
    return made


@pytest.fixture(scope="module")
def known(folder: Path) -> dict[str, TestVector]:
    return {vector.id: vector for vector in vectors.read_folder(folder)}


def verdicts(known: Mapping[str, TestVector], stepper: Stepper, dtype: str = "float64") -> dict[str, Outcome]:
    return {outcome.id: outcome for outcome in consume(known.values(), stepper, dtype=dtype)}


def named(outcomes: Mapping[str, Outcome], verdict: str) -> set[str]:
    return {name for name, outcome in outcomes.items() if outcome.verdict == verdict}


def values(vector: TestVector, step: int) -> list[Fraction]:
    """All parameters after a step, exact."""
    found: list[Fraction] = []
    for row in vector.steps[step].parameters.values():
        for low, high in row:
            assert low == high
            found.append(low)
    return found


def test_there_are_vectors_of_every_optimizer_and_of_every_column_of_the_survival_table(
    known: Mapping[str, TestVector],
) -> None:
    kinds = {vector.optimizer["groups"][0]["kind"] for vector in known.values()}
    assert kinds == set(KINDS)
    classes = {type(optimizer) for entry in entries() for _, _, optimizer in entry.columns}
    assert classes == {cls for cls, _ in KINDS.values()}
    assert len(known) > 55


def test_every_switch_of_every_optimizer_is_on_in_some_vector(known: Mapping[str, TestVector]) -> None:
    for kind in KINDS:
        groups = [g for v in known.values() for g in v.optimizer["groups"] if g["kind"] == kind]
        for name in hyperparameters(kind):
            if name == "weight_decay" and kind == "sam":
                continue
            assert len({str(group[name]) for group in groups}) > 1, (kind, name)


def test_translation_charges_are_those_of_the_theory(known: Mapping[str, TestVector]) -> None:
    sums = {
        "sgd.dampening-first-step": ["147/50", "14403/5000", "1411047/500000"],
        "sgd.first-step-damped": ["297/100"],
        "sgd.undamped": ["147/50", "1782/625", "171861/62500"],
        "sgd.nesterov-shift": ["291/100", "28077/10000", "2701419/1000000"],
    }
    for name, expected in sums.items():
        assert [str(sum(values(known[name], k))) for k in range(len(expected))] == expected


def test_quadratic_charges_are_those_of_the_theory(known: Mapping[str, TestVector]) -> None:
    def norm(name: str, step: int) -> str:
        return str(sum(x * x for x in values(known[name], step)))

    assert [norm("sgd.rate-drop", k) for k in range(2)] == ["641/125", "6898232746/1316873605"]
    assert values(known["sgd.nesterov"], 0) == [Fraction(37, 100), Fraction(97, 50)]
    assert norm("sgd.nesterov", 0) == "7801/2000"
    assert norm("sgd.nesterov", 1) == "1088080416861618769/379787634720800000"
    w, b, o = values(known["sgd.no-decay-on-bias"], 0)
    assert (w, b, o) == (Fraction(49, 30), Fraction(5, 6), Fraction(-6, 5))
    assert w * w + b * b - o * o == Fraction(173, 90)
    assert norm("sam.scale", 0) == "2674459429/103030100"


def test_filling_twice_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    vectors.fill(tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}


def test_the_files_are_of_the_published_schema_and_it_is_closed(folder: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in folder.iterdir():
        content = json.loads(path.read_text())
        validator.validate(content)
        assert not validator.is_valid({**content, "more": 1})

    def closed(part: Any) -> None:
        if isinstance(part, dict):
            found = cast(dict[str, Any], part)
            if found.get("type") == "object":
                assert found.get("additionalProperties", True) is not True
            closed(list(found.values()))
        elif isinstance(part, list):
            for inner in cast(list[Any], part):
                closed(inner)

    closed(schema)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_oracles_on_arrays_pass_every_vector(known: Mapping[str, TestVector], dtype: str) -> None:
    outcomes = verdicts(known, numpy_stepper, dtype)
    assert named(outcomes, "HOLDS") == set(known)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_torch_passes_every_vector_that_it_can_express(known: Mapping[str, TestVector], dtype: str) -> None:
    pytest.importorskip("torch")
    outcomes = verdicts(known, vectors.torch_stepper, dtype)
    assert named(outcomes, "VIOLATED") == set()
    assert len(named(outcomes, "HOLDS")) >= 48
    assert all(outcomes[name].reason for name in named(outcomes, "SKIPPED"))
    kinds = {name.partition(".")[0] for name in named(outcomes, "HOLDS")}
    assert kinds == {"sgd", "adam", "adamw", "rmsprop", "adagrad"}


@pytest.mark.parametrize("option", ["foreach", "fused"])
def test_other_kernels_of_torch_pass_as_well(known: Mapping[str, TestVector], option: str) -> None:
    pytest.importorskip("torch")
    some = {name: vector for name, vector in known.items() if name.startswith(("sgd.", "adamw."))}
    if option == "fused":
        del some["sgd.frozen-then-free"]  # SGD(fused=True) raises where some tensors have a buffer and some have none

    def stepper(h: Mapping[str, Any]) -> Any:
        return vectors.torch_stepper(h, **{option: True})

    assert named(verdicts(some, stepper), "VIOLATED") == set()


@pytest.mark.parametrize(("dtype", "kinds"), [("float64", ""), ("float32", "sgdw.")])
def test_optax_passes_every_vector_that_it_can_express(known: Mapping[str, TestVector], dtype: str, kinds: str) -> None:
    pytest.importorskip("optax")
    some = {name: vector for name, vector in known.items() if name.startswith(kinds)}
    outcomes = verdicts(some, vectors.optax_stepper, dtype)
    assert named(outcomes, "VIOLATED") == set()
    assert len(named(outcomes, "HOLDS")) >= (4 if kinds else 41)
    assert all(outcomes[name].reason for name in named(outcomes, "SKIPPED"))


Change = Callable[[dict[str, Any]], None]


def groups(**changes: Any) -> Change:
    def change(h: dict[str, Any]) -> None:
        for group in h["groups"]:
            group.update({name: value for name, value in changes.items() if name in group})

    return change


def another_kind(old: str, new: str) -> Change:
    def change(h: dict[str, Any]) -> None:
        for group in h["groups"]:
            if group["kind"] == old:
                kept = {n: x for n, x in group.items() if n in hyperparameters(new) or n == "tensors"}
                group.clear()
                group.update(kept, kind=new)

    return change


def late(h: dict[str, Any]) -> None:
    h["schedule"] = [1.0, *h["schedule"][:-1]]


def each_tensor(h: dict[str, Any]) -> None:
    if h["transform"]["kind"] == "clip-global-norm":
        h["transform"]["kind"] = "clip-each-tensor"


def one_group(h: dict[str, Any]) -> None:
    for group in h["groups"][1:]:
        group.update({name: x for name, x in h["groups"][0].items() if name != "tensors"})


MUTANTS: dict[str, tuple[Change, set[str]]] = {
    "dampened first buffer": (groups(first_step_damped=True), {"sgd.dampening-first-step", "sgd.frozen-then-free"}),
    "Nesterov forgotten": (groups(nesterov=False), {"sgd.nesterov", "sgd.nesterov-shift"}),
    "coupled decay decoupled": (another_kind("sgd", "sgdw"), {"sgd.decay-inside-momentum"}),
    "decoupled decay coupled": (another_kind("sgdw", "sgd"), {"sgdw.plain", "sgdw.schedule"}),
    "AdamW as Adam": (another_kind("adamw", "adam"), {"adamw.decay", "adamw.schedule"}),
    "Adam as AdamW": (another_kind("adam", "adamw"), {"adam.decay"}),
    "schedule one step late": (
        late,
        {"sgd.rate-drop", "sgd.schedule-from-first-step", "adam.schedule", "rmsprop.momentum"},
    ),
    "clipping tensor by tensor": (each_tensor, {"sgd.clip-global-norm", "sgd.clip-global-norm-eps"}),
    "groups ignored": (one_group, {"sgd.groups", "sgd.no-decay-on-bias", "adam.no-decay-on-bias", "rmsprop.groups"}),
    "amsgrad forgotten": (groups(amsgrad=False), {"adam.amsgrad", "adamw.amsgrad"}),
    "eps of 1e-6": (groups(eps=1e-6), {"rmsprop.usual", "adam.usual", "adagrad.usual"}),
    "descent for ascent": (
        groups(maximize=False),
        {"sgd.maximize", "adam.maximize", "sam.maximize", "signsgd.maximize"},
    ),
    "SAM without its ascent": (groups(rho=0.0), {"sam.scale", "sam.two-tensors"}),
    "not centered": (groups(centered=False), {"rmsprop.centered"}),
    "rate decay lost": (groups(lr_decay=0.0), {"adagrad.rate-decay"}),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_fails_the_vectors_that_are_about_it(known: Mapping[str, TestVector], mutant: str) -> None:
    change, expected = MUTANTS[mutant]

    def stepper(hyperparameters: Mapping[str, Any]) -> Any:
        mutated = {**hyperparameters, "groups": [dict(g) for g in hyperparameters["groups"]]}
        mutated["transform"] = dict(hyperparameters["transform"])
        change(mutated)
        return numpy_stepper(mutated)

    outcomes = verdicts(known, stepper)
    failed = named(outcomes, "VIOLATED")
    assert expected <= failed
    assert len(failed) < len(known) / 2 or mutant == "eps of 1e-6"
    for name in expected:
        assert outcomes[name].ratio > 1e3
        assert "instead of" in outcomes[name].where


class Copying:
    """Keeps the parameters; what it returns is changed in the way of one case below."""

    def __init__(self, change: Callable[[dict[str, Any]], Any]) -> None:
        self._change = change

    def step(self, parameters: Mapping[str, Any], gradients: Mapping[str, Any]) -> Any:
        return self._change(dict(parameters))


def test_a_stepper_that_does_nothing_fails_everything(known: Mapping[str, TestVector]) -> None:
    outcomes = verdicts(known, lambda h: Copying(lambda p: p))
    assert named(outcomes, "HOLDS") == set()
    assert named(outcomes, "SKIPPED") == {name for name in known if name.startswith("sam.")}


def test_nan_is_violated_and_never_passes(known: Mapping[str, TestVector]) -> None:
    def stepper(hyperparameters: Mapping[str, Any]) -> Copying:
        return Copying(lambda p: {name: values * np.nan for name, values in p.items()})

    some = {"sgd.plain": known["sgd.plain"]}
    assert verdicts(some, stepper)["sgd.plain"].ratio == float("inf")


RETURNS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda p: None, "did not return the tensors w, b"),
    (lambda p: {"w": p["w"]}, "did not return"),
    (lambda p: {**p, "c": p["b"]}, "did not return"),
    (lambda p: {name: values.astype("float32") for name, values in p.items()}, "float32"),
    (lambda p: {name: values[None] for name, values in p.items()}, r"\[1, 3\]"),
    (lambda p: 1 / 0, "ZeroDivisionError"),
]


@pytest.mark.parametrize(("change", "says"), RETURNS)
def test_a_stepper_that_returns_something_else_is_named(
    known: Mapping[str, TestVector], change: Callable[[dict[str, Any]], Any], says: str
) -> None:
    with pytest.raises(BadInput, match=says) as refused:
        list(consume([known["sgd.plain"]], lambda h: Copying(change), name="mine"))
    assert "mine" in str(refused.value)
    assert "sgd.plain" in str(refused.value)


def test_what_a_stepper_lacks_is_skipped_with_its_reason(known: Mapping[str, TestVector]) -> None:
    def stepper(hyperparameters: Mapping[str, Any]) -> Any:
        raise Unsupported("not this year")

    outcome = next(consume(known.values(), stepper))
    assert (outcome.verdict, outcome.reason) == ("SKIPPED", "not this year")


def test_a_stepper_cannot_change_what_it_is_compared_with(known: Mapping[str, TestVector]) -> None:
    class Overwriting(numpy_stepper):
        def step(self, parameters: Any, gradients: Any) -> Any:
            after = super().step(parameters, gradients)
            for values in parameters.values():
                values[:] = 0
            return after

    some = {name: known[name] for name in ("sgd.groups", "adam.decay")}
    assert named(verdicts(some, Overwriting), "HOLDS") == set(some)


def test_javascript_passes_over_a_pipe_and_its_mutant_is_named(
    known: Mapping[str, TestVector], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node.js")
    command = [node, str(ROOT / "examples" / "stepper.mjs")]
    outcomes = verdicts(known, vectors.process_stepper(command))
    assert named(outcomes, "VIOLATED") == set()
    assert len(named(outcomes, "HOLDS")) >= 29
    monkeypatch.setenv("BUG", "dampened-first-step")
    sgd = {name: vector for name, vector in known.items() if name.startswith("sgd.")}
    assert "sgd.dampening-first-step" in named(verdicts(sgd, vectors.process_stepper(command)), "VIOLATED")


def test_the_stepper_of_the_documentation_is_plain_sgd_and_the_vectors_see_what_it_lacks(
    known: Mapping[str, TestVector],
) -> None:
    (example,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "vectors.md").read_text(encoding="utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(example, names)
    outcomes = verdicts(known, names["stepper"])
    assert outcomes["sgd.plain"].verdict == "HOLDS"
    assert named(outcomes, "VIOLATED") == {"sgd.decay", "sgd.maximize"}


def test_the_vector_of_the_documentation_is_in_the_files(known: Mapping[str, TestVector]) -> None:
    page = (ROOT / "docs" / "vectors.md").read_text(encoding="utf-8")
    step = known["sgd.dampening-first-step"].steps[0]
    shown = ", ".join(f'"{low}"' for low, _ in step.parameters["w"])
    units = ", ".join(f'"{unit}"' for unit in step.units["w"])
    assert f'"parameters": {{"w": [{shown}]}}' in page
    assert f'"units": {{"w": [{units}]}}' in page


def test_every_hyperparameter_is_documented() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    for kind in KINDS:
        (row,) = re.findall(rf"^\|[^|]*`{kind}`[^|]*\|(.*)\|$", page, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", row)) - {"adamw"} == set(hyperparameters(kind))
