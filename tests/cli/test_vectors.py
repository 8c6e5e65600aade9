"""``flowlaw fill`` and ``flowlaw consume``."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from flowlaw.gate.vectors import fill

from .conftest import Command

MINE = """
from flowlaw.gate.vectors import Unsupported, numpy_stepper

def dampened(h):
    for group in h["groups"]:
        group["first_step_damped"] = True
    return numpy_stepper(h)

def nothing(h):
    raise Unsupported("it is new")

def raising(h):
    raise RuntimeError("out of order")

number = 3
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    name = f"steppers_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MINE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return Path(shutil.copytree(filled, tmp_path / "vectors"))


def module(folder: Path) -> str:
    return next(folder.parent.glob("steppers_*.py")).stem


def test_filling_says_what_it_wrote(flowlaw: Command, tmp_path: Path) -> None:
    ran = flowlaw("fill", "--out", tmp_path / "vectors")
    assert ran.code == 0
    assert "62 vectors in 9 files" in ran.out
    assert (tmp_path / "vectors" / "index.json").is_file()


def test_the_oracles_pass_with_exit_code_0(flowlaw: Command, folder: Path) -> None:
    ran = flowlaw("consume", folder, "flowlaw.gate.vectors:numpy_stepper")
    assert ran.code == 0
    assert "62 HOLDS, 0 VIOLATED, 0 SKIPPED" in ran.out


def test_a_mutant_is_named_with_the_reason_for_the_vector(flowlaw: Command, folder: Path) -> None:
    ran = flowlaw("consume", "--only", "sgd.", folder, f"{module(folder)}:dampened")
    assert ran.code == 1
    line = next(line for line in ran.out.splitlines() if line.startswith("VIOLATED sgd.dampening-first-step"))
    assert "instead of" in line
    assert "The first buffer is not dampened" in line


def test_nothing_measured_has_an_exit_code_of_its_own(flowlaw: Command, folder: Path) -> None:
    ran = flowlaw("consume", folder, f"{module(folder)}:nothing")
    assert ran.code == 3
    assert "Nothing was measured" in ran.out
    assert "it is new" in ran.out


def test_json_lists_every_vector(flowlaw: Command, folder: Path) -> None:
    ran = flowlaw("consume", "--json", "--only", "span.", folder, "flowlaw.gate.vectors:numpy_stepper")
    listed = json.loads(ran.out)
    assert [item["verdict"] for item in listed] == ["HOLDS", "HOLDS"]
    assert set(listed[0]) == {"id", "verdict", "says", "reason", "ratio", "residual", "bound", "where"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{folder}", "nosuch_module:stepper"], "nosuch_module"),
        (["{folder}", "{module}:dampend"], "Did you mean 'dampened'?"),
        (["{folder}", "{module}:number"], "cannot be called"),
        (["{folder}", "{module}:raising"], "out of order"),
        (["{folder}", "nosuch-program"], "nosuch-program"),
        (["{folder}", "--", "false"], "'begin'"),
        (["{folder}", "--", "echo", "hello"], "not JSON"),
        (["nosuch", "{module}:dampened"], "flowlaw fill"),
        (["--dtype", "bfloat16", "{folder}", "{module}:dampened"], "bfloat16"),
        (["--only", "adamax", "{folder}", "{module}:dampened"], "adamax"),
        (["--time-limit", "nan", "{folder}", "--", "cat"], "--time-limit"),
        (["{folder}"], "Missing argument"),
    ],
)
def test_wrong_use_names_the_culprit(flowlaw: Command, folder: Path, arguments: list[str], says: str) -> None:
    ran = flowlaw("consume", *(a.format(folder=folder, module=module(folder)) for a in arguments))
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err) < 1500


def test_a_changed_file_is_refused(flowlaw: Command, folder: Path) -> None:
    path = folder / "sgd.json"
    path.write_text(path.read_text().replace("39/20", "2", 1))
    ran = flowlaw("consume", folder, "flowlaw.gate.vectors:numpy_stepper")
    assert ran.code == 2
    assert "SHA-256" in ran.err


def test_a_folder_that_cannot_be_made_is_named(flowlaw: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = flowlaw("fill", "--out", tmp_path / "file")
    assert ran.code == 2
    assert "file" in ran.err
