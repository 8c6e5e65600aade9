"""``pytest --flowlaw-target``, in a project of its own, as its users run it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

HOLDS = {
    "law": "B0.hb-two-step",
    "identity": "hb-two-step.quadratic",
    "family": "neurons of fc1 (M2)",
    "verdict": "HOLDS",
    "residual": 1e-16,
    "bound": 1e-15,
    "ratio": 0.1,
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
PLUGIN = "flowlaw._pytest_options"
installed = any(point.value == PLUGIN for point in metadata.entry_points(group="pytest11"))
Pytest = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one test of its own."""
    shutil.copy(Path(__file__).with_name("fake_gate.py"), tmp_path)
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    return tmp_path


@pytest.fixture
def ran(project: Path) -> Pytest:
    """Runs pytest in the project, where ``fake_gate`` has these findings."""

    def run(*arguments: str, findings: list[dict[str, object]] | None = None) -> subprocess.CompletedProcess[str]:
        (project / "findings.json").write_text(json.dumps({"mlp": findings or []}))
        plugin = [] if installed else ["-p", PLUGIN]
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *plugin, *arguments]
        return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)

    return run


def test_there_is_a_test_for_each_law_and_family(ran: Pytest) -> None:
    done = ran("--flowlaw-target=fake_gate:target", "-v", findings=[HOLDS, SKIPPED])
    assert done.returncode == 0
    assert "fake_gate:target::mlp.hb-two-step.quadratic[neurons of fc1 (M2)] PASSED" in done.stdout
    assert "fake_gate:target::mlp.hb-two-step.quadratic[neurons of fc3 (M2)] SKIPPED" in done.stdout
    assert "test_own.py::test_own PASSED" in done.stdout
    assert "2 passed, 1 skipped" in done.stdout


@pytest.mark.once
def test_a_violation_is_a_failing_test_that_says_what_why_and_how_to_see_it(ran: Pytest) -> None:
    done = ran("--flowlaw-target=fake_gate:target", "--flowlaw-seed=5", findings=[HOLDS, VIOLATED])
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout
    for words in (
        "VIOLATED mlp/hb-two-step.quadratic/neurons of fc2 (M2)",
        "residual 3, bound 1e-15: 3e+15 times the bound",
        "at seed 5, run 3",
        "what would explain it: the decay is decoupled",
        "for finding in check(target, seed=5, runs=3, steps=12):",
    ):
        assert words in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout


@pytest.mark.once
@pytest.mark.parametrize("findings", [[], [SKIPPED]])
def test_nothing_measured_fails(ran: Pytest, findings: list[dict[str, object]]) -> None:
    done = ran("--flowlaw-target=fake_gate:target", findings=findings)
    assert done.returncode == 1
    assert "No law was measured of the target 'mlp'" in done.stdout
    assert "1 failed, 1 passed, 1 skipped" in done.stdout


@pytest.mark.once
def test_what_is_expected_is_an_expected_failure(ran: Pytest, project: Path) -> None:
    (project / "expect.toml").write_text(EXPECT + EXPECT.replace("fc2*", "nosuch"))
    options = ("--flowlaw-target=fake_gate:target", "--flowlaw-expect=expect.toml")
    done = ran(*options, "-rx", findings=[HOLDS, VIOLATED])
    assert done.returncode == 0
    assert "2 passed, 1 xfailed" in done.stdout
    assert "fc2 is trained by something else" in done.stdout
    assert "Expectation 2" in done.stdout
    assert "matches nothing" in done.stdout
    strict = ran(*options, "--flowlaw-strict", findings=[HOLDS, VIOLATED])
    assert strict.returncode == 1
    assert "1 failed, 2 passed, 1 xfailed" in strict.stdout


@pytest.mark.once
def test_tests_are_chosen_by_name_like_any_others(ran: Pytest) -> None:
    done = ran("--flowlaw-target=fake_gate:target", "-k", "fc1", findings=[HOLDS, VIOLATED])
    assert done.returncode == 0
    assert "1 passed, 2 deselected" in done.stdout


@pytest.mark.once
@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("fake_gate:targt", "Did you mean 'target'?"),
        ("fake_gate:raises", "raised KeyError: 'what the target does'"),
    ],
)
def test_a_target_that_cannot_be_loaded_or_run_is_wrong_use(ran: Pytest, spec: str, says: str) -> None:
    done = ran(f"--flowlaw-target={spec}", findings=[HOLDS])
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert says in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_without_the_option_nothing_changes(ran: Pytest) -> None:
    done = ran("-v")
    assert done.returncode == 0
    assert "1 passed" in done.stdout
    assert "mlp" not in done.stdout


def test_the_plugin_alone_imports_nothing_heavy() -> None:
    bare = [sys.executable, "-X", "importtime", "-c"]
    alone = subprocess.run([*bare, f"import {PLUGIN}"], capture_output=True, text=True, check=True).stderr
    heavy = subprocess.run([*bare, "import flowlaw.gate"], capture_output=True, text=True, check=True).stderr
    names = {line.rsplit("|", 1)[-1].strip() for line in alone.splitlines()}
    assert PLUGIN in names
    assert not names & {"numpy", "click", "hypothesis", "torch", "sympy", "pytest", "flowlaw.gate", "flowlaw.oracles"}
    assert "numpy" in {line.rsplit("|", 1)[-1].strip() for line in heavy.splitlines()}, "it would be seen"


def test_the_wheel_announces_the_plugin_to_pytest() -> None:
    import tomllib

    with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    assert project["project"]["entry-points"]["pytest11"] == {"flowlaw": PLUGIN}
    assert f"{PLUGIN.split('.')[1]}.py" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
