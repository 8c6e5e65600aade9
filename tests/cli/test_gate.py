"""``flowlaw gate``: what it prints, writes and ends with, whatever its targets do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from .conftest import Command

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
HOLDS = {
    "law": "B0.hb-two-step",
    "identity": "hb-two-step.quadratic",
    "family": "neurons of fc1 (M2)",
    "verdict": "HOLDS",
    "residual": 1e-16,
    "bound": 1e-15,
    "ratio": 0.1,
    "power": 1e-9,
    "windows": 10,
    "charges": 4,
}
VIOLATED = {
    **HOLDS,
    "family": "neurons of fc2 (M2)",
    "verdict": "VIOLATED",
    "residual": 3.0,
    "ratio": 3e15,
    "explanations": ["the decay is decoupled"],
}
SKIPPED = {**HOLDS, "family": "neurons of fc3 (M2)", "verdict": "SKIPPED", "reason": "not testable at this precision"}
EXPECT = """
[[expect]]
target = "mlp"
law = "B0.hb-two-step"
family = "neurons of fc2*"
verdict = "VIOLATED"
reason = "fc2 is trained by something else"
"""
Found = Callable[..., None]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Makes the current folder one in which ``fake_gate`` has these findings."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(TESTS / "gate" / "fake_gate.py", tmp_path)

    def write(*mlp: dict[str, object], **others: list[dict[str, object]]) -> None:
        (tmp_path / "findings.json").write_text(json.dumps({"mlp": mlp, **others}))

    write()
    return write


def test_a_target_that_obeys_ends_with_0_and_leaves_evidence_and_a_page(flowlaw: Command, found: Found) -> None:
    found(HOLDS)
    ran = flowlaw("gate", "fake_gate:target", "--junit", "junit.xml")
    assert (ran.code, ran.err) == (0, "")
    line = "  HOLDS    B0.hb-two-step  hb-two-step.quadratic: 1 family, 4 charges, 10 windows; worst 0.1 of the bound"
    assert ran.out.splitlines() == [
        "mlp  fake_gate:target, float32",
        line,
        "1 target, 1 HOLDS",
        "report flowlaw-gate/index.html, evidence flowlaw-gate/evidence.jsonl",
    ]
    assert sorted(path.name for path in Path("flowlaw-gate").iterdir()) == ["evidence.jsonl", "index.html"]
    assert ElementTree.parse("junit.xml").getroot().get("failures") == "0"


def test_a_violation_ends_with_1_and_with_two_ways_to_see_it_again(flowlaw: Command, found: Found) -> None:
    found(HOLDS, VIOLATED)
    ran = flowlaw("gate", "fake_gate:target", "--out", "my out", "--seed", 3, "--runs", 2, "--steps", 4)
    assert ran.code == 1
    for words in (
        "neurons of fc2 (M2)",
        "residual 3, bound 1e-15: 3e+15 times the bound",
        "at seed 3, run 2",
        "what would explain it: the decay is decoupled",
        "1 target, 1 HOLDS, 1 VIOLATED",
    ):
        assert words in ran.out
    program = "".join(line[4:] + "\n" for line in ran.out.split("):\n\n")[1].split("\nor again")[0].splitlines())
    program = f"import fake_gate\n{program}"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("Finding(target='mlp'")
    assert "neurons of fc2" in shown
    command = ran.out.split("or again by flowlaw:\n\n")[1].split("\n")[0].strip()
    assert command == (
        "flowlaw replay 'mlp/B0.hb-two-step#hb-two-step.quadratic.neurons-of-fc2-M2' 'my out/evidence.jsonl'"
    )
    replayed = flowlaw("replay", command.split("'")[1], "my out/evidence.jsonl")
    assert replayed.code == 1
    assert replayed.out.splitlines()[0].startswith(
        "flowlaw gate fake_gate:target --seed 3 --runs 2 --steps 4, of which"
    )
    assert "VIOLATED mlp/hb-two-step.quadratic/neurons of fc2 (M2)" in replayed.out
    assert "fc1" not in replayed.out


@pytest.mark.parametrize("findings", [[], [SKIPPED]])
def test_nothing_measured_ends_with_3(flowlaw: Command, found: Found, findings: list[dict[str, object]]) -> None:
    found(*findings)
    ran = flowlaw("gate", "fake_gate:target")
    assert ran.code == 3
    assert ran.out.endswith("no law was measured of mlp\n")
    assert json.loads(Path("flowlaw-gate/evidence.jsonl").read_text().splitlines()[-1])["exit"] == 3


def test_one_silent_target_of_two_is_not_success(flowlaw: Command, found: Found) -> None:
    found(HOLDS)
    ran = flowlaw("gate", "fake_gate:several")
    assert ran.code == 3
    assert "no law was measured of silent" in ran.out


def test_expectations_turn_a_known_violation_into_0(flowlaw: Command, found: Found) -> None:
    found(HOLDS, VIOLATED)
    Path("expect.toml").write_text(EXPECT)
    ran = flowlaw("gate", "fake_gate:target", "--expect", "expect.toml", "--strict")
    assert ran.code == 0
    assert "as expected: fc2 is trained by something else" in ran.out


@pytest.mark.once
def test_expectations_that_are_out_of_date_warn_or_fail(flowlaw: Command, found: Found) -> None:
    found({**VIOLATED, "verdict": "HOLDS"})
    Path("expect.toml").write_text(EXPECT + EXPECT.replace("fc2*", "nosuch"))
    ran = flowlaw("gate", "fake_gate:target", "--expect", "expect.toml")
    assert ran.code == 0
    assert [line.split(":")[0] for line in ran.err.splitlines()] == ["warning", "warning"]
    strict = flowlaw("gate", "fake_gate:target", "--expect", "expect.toml", "--strict")
    assert strict.code == 1
    assert "error: Expectation 1" in strict.err
    assert "is out of date" in strict.err
    assert "error: Expectation 2" in strict.err
    assert "matches nothing" in strict.err


def test_json_is_all_there_is_on_standard_output(flowlaw: Command, found: Found) -> None:
    found(talks=[HOLDS, {**VIOLATED, "ratio": float("inf")}, SKIPPED])
    ran = flowlaw("gate", "fake_gate:talks", "--json")
    answer = json.loads(ran.out)
    assert (ran.code, answer["exit"]) == (1, 1)
    assert [one["verdict"] for one in answer["findings"]] == ["HOLDS", "VIOLATED", "SKIPPED"]
    assert answer["findings"][1]["ratio"] == "inf"
    assert answer["findings"][1]["replay"].startswith("flowlaw replay 'talks/")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Missing argument"),
        (["nosuch_module:target"], "no module nosuch_module"),
        (["fake_gate:targt"], "Did you mean 'target'?"),
        (["fake_gate:hangs", "--time-limit", "1"], "Loading fake_gate:hangs took longer than 1 s"),
        (["fake_gate:dies"], "Loading fake_gate:dies ended its process (exit code 0) without an answer"),
        (["fake_gate:raises"], "Checking the target 'raises' raised KeyError: 'what the target does' (fake_gate.py"),
        (["fake_gate:target", "fake_gate:several"], "are called 'mlp'"),
        (["fake_gate:target", "--runs", "0"], "0 is not in the range"),
        (["fake_gate:target", "--expect", "nosuch.toml"], "nosuch.toml"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_use_ends_with_2_one_paragraph_and_no_file(
    flowlaw: Command, found: Found, arguments: list[str], says: str
) -> None:
    found(HOLDS)
    ran = flowlaw("gate", *arguments)
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert not Path("flowlaw-gate").exists()


@pytest.mark.once
def test_a_replay_needs_evidence_of_a_gate_that_has_the_finding(flowlaw: Command, found: Found) -> None:
    found(HOLDS)
    flowlaw("gate", "fake_gate:target")
    evidence = Path("flowlaw-gate/evidence.jsonl")
    for name, file, says in (
        ("mlp/B0.hb-two-step", None, "Give its evidence too"),
        ("nosuch/B0.hb-two-step", evidence, "has no target 'nosuch'. It has mlp."),
        ("mlp/B0.hb-two-step#nosuch", evidence, "has no finding"),
        ("mlp/B0.hb-two-step", "nosuch.jsonl", "nosuch.jsonl"),
    ):
        ran = flowlaw("replay", name, *([file] if file else []))
        assert ran.code == 2, says
        assert says in ran.err
    assert flowlaw("replay", "mlp/B0.hb-two-step", evidence).code == 0
    for command in ("flowlaw check", "flowlaw gate --help", "rm -rf x"):
        changed = evidence.read_text().replace("flowlaw gate fake_gate:target --seed 0 --runs 3 --steps 12", command)
        Path("changed.jsonl").write_text(changed)
        ran = flowlaw("replay", "mlp/B0.hb-two-step", "changed.jsonl")
        assert ran.code == 2
        assert "names no command" in ran.err


@pytest.mark.once
def test_the_same_seed_gives_the_same_evidence_but_for_the_time(flowlaw: Command, found: Found) -> None:
    found(HOLDS, VIOLATED, SKIPPED)
    lines: list[Any] = []
    for _ in range(2):
        flowlaw("gate", "fake_gate:target")
        lines.append(Path("flowlaw-gate/evidence.jsonl").read_text().splitlines()[:-1])
    assert lines[0] == lines[1]


def test_an_example_obeys_and_its_mutant_is_caught(
    flowlaw: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    options = ("--out", tmp_path, "--runs", 1, "--steps", 5, "--json")
    good = flowlaw("gate", "examples.gate_numpy:target", *options)
    assert good.code == 0, good.out + good.err
    assert len(json.loads(good.out)["findings"]) > 5
    broken = flowlaw("gate", "examples.gate_numpy:broken", *options)
    assert broken.code == 1, broken.out + broken.err
    worst = max(json.loads(broken.out)["findings"], key=lambda one: one.get("ratio", 0))
    assert worst["ratio"] > 1e6
    assert flowlaw("replay", worst["replay"].split("'")[1], tmp_path / "evidence.jsonl").code == 1


@pytest.mark.parametrize(("example", "packages"), [("torch", ["torch"]), ("optax", ["jax", "optax"])])
def test_an_example_and_its_mutant_are_told_apart_in_one_run(
    flowlaw: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str, packages: list[str]
) -> None:
    """One process loads the framework for both."""
    for package in packages:
        pytest.importorskip(package)
    monkeypatch.chdir(ROOT)
    both = [f"examples.gate_{example}:{name}" for name in ("target", "broken")]
    ran = flowlaw("gate", *both, "--out", tmp_path, "--runs", 1, "--steps", 5, "--json")
    assert ran.code == 1, ran.out + ran.err
    findings = json.loads(ran.out)["findings"]
    good = [one for one in findings if not one["target"].endswith("broken")]
    broken = [one for one in findings if one["target"].endswith("broken")]
    assert len(good) > 5
    assert not [one for one in good if one["verdict"] == "VIOLATED"]
    assert "HOLDS" in {one["verdict"] for one in good}
    assert max(float(one["ratio"]) for one in broken if one["verdict"] == "VIOLATED") > 1e6
