"""Wrong use is answered by one paragraph that names the culprit, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowlaw.oracles import certificates

from .conftest import Command

LAW = "trace(U1.T*U1 - U2*U2.T)"
MISUSE = {
    "width 0": (["laws", "linear:0-2"], "linear:0-2"),
    "a million layers": (["laws", "linear:" + "2-" * 10**6 + "2"], "characters"),
    "unknown kind": (["laws", "liner:2-2"], "linear"),
    "degree 50": (["laws", "linear:2-2-2", "--degree", "50"], "50"),
    "negative degree": (["laws", "linear:2-2-2", "--degree", "-1"], "-1"),
    "missing model file": (["laws", "nosuch.toml"], "nosuch.toml"),
    "too many terms": (["laws", "homogeneous:50-50-50+degree8"], "limit"),
    "code for an expression": (["prove", "__import__('os').getcwd()", "--model", "linear:2-2"], "Column 1"),
    "unbalanced": (["prove", "trace(U1", "--model", "linear:2-2"], "Column"),
    "shapes": (["prove", "U1*U1", "--model", "linear:4-5-2"], "4 x 5"),
    "constant": (["prove", "3", "--model", "linear:2-2"], "constant"),
    "huge power": (["prove", "(U1[1,1]+U1[1,2])^99999", "--model", "linear:2-2"], "99999"),
    "no certificate": (["verify", "nosuch.json"], "nosuch.json"),
    "a folder for a certificate": (["verify", "."], "Is a directory"),
    "unknown theorem": (["check", "A1.nonsense"], "A1.nonsense"),
    "unknown part": (["replay", "A1.two-layer-linear.rank-deficient#nonsense"], "nonsense"),
    "several theorems": (["replay", "A1"], "several"),
    "no evidence": (["report", "nosuch.jsonl"], "nosuch.jsonl"),
    "unknown command": (["lwas"], "laws"),
    "unknown profile": (["check", "--profile", "fast"], "quick"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_wrong_use_names_the_culprit(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, culprit = MISUSE[name]
    ran = flowlaw(*arguments)
    assert ran.code == 2
    assert culprit in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err) < 2000
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"flowlaw": 1.5}', '{"a": 1, "a": 2}', "[" * 100_000, "\x00"])
def test_what_is_not_a_certificate_is_rejected_with_a_reason(flowlaw: Command, tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    ran = flowlaw("verify", path)
    assert ran.code == 1
    assert ran.out.startswith(f"REJECTED {path}: ")


def test_a_certificate_of_another_version_is_rejected_by_name(flowlaw: Command, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    flowlaw("prove", LAW, "--model", "linear:2-2-2", "--certificate", path)
    path.write_text(path.read_text().replace('"version":1', '"version":2'))
    assert "version 2" in flowlaw("verify", path).out


def test_a_folder_that_cannot_be_written_is_named(flowlaw: Command, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    for arguments in (
        ["check", "A0", "--out", blocked],
        ["laws", "linear:2-2", "--certificates", blocked],
        ["prove", LAW, "--model", "linear:2-2-2", "--certificate", blocked / "c.json"],
    ):
        ran = flowlaw(*arguments)
        assert ran.code == 2
        assert str(blocked) in ran.err
    assert blocked.read_text() == "not a folder"


def test_a_full_disk_leaves_nothing_behind(flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(descriptor: int, *_: object, **__: object) -> object:
        os.close(descriptor)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(certificates.os, "fdopen", full)
    ran = flowlaw("prove", LAW, "--model", "linear:2-2-2", "--certificate", tmp_path / "c.json")
    assert ran.code == 2
    assert "No space left on device" in ran.err
    assert not list(tmp_path.iterdir())


def test_help_of_every_command_answers_and_loads_nothing_heavy() -> None:
    script = (
        "import sys; from click.testing import CliRunner; from flowlaw.cli import COMMANDS, cli\n"
        "for name in COMMANDS:\n"
        "    assert CliRunner().invoke(cli, [name, '--help']).exit_code == 0, name\n"
        "heavy = {'torch', 'sympy', 'flint', 'hypothesis', 'numpy', 'jinja2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
