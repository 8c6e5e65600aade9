"""``flowlaw intrinsic`` as a theorist uses it: the acceptance cases, the record, the certificates, and wrong use."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command, Ran

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "intrinsic-point.toml"


def verdicts(ran: Ran) -> list[list[str]]:
    """For each point the verdicts in the order in which they are printed."""
    out: list[list[str]] = []
    for line in ran.out.splitlines():
        if not line.startswith("  "):
            out.append([])
        words = line.split()
        if words and words[0] in ("recoverability", "metric", "dynamic", "Frobenius"):
            out[-1].append(words[1])
    return out


def test_relaxed_balance_is_proved_and_its_closed_form_is_printed(flowlaw: Command) -> None:
    ran = flowlaw("intrinsic", "linear:2-2-2", "--init", "relaxed:1")
    assert ran.code == 0
    assert verdicts(ran) == [["REFUTED", "PROVED", "PROVED", "REFUTED"]]
    assert "closed form 'relaxed-balanced'" in ran.out
    assert "with lambda = 1" in ran.out


def test_the_counterexample_is_refuted_with_its_two_exact_points(flowlaw: Command) -> None:
    ran = flowlaw("intrinsic", "linear:1-2-3", "--init", "relaxed:-1")
    assert ran.code == 1
    assert verdicts(ran) == [["REFUTED"] * 4]
    assert "the same phi = (15/16, 0, 0) and the same laws" in ran.out
    assert "U1 = [[3/4, 0]], U2 = [[5/4, 0, 0], [0, 1, 0]]" in ran.out
    assert "U1 = [[3/4, 0]], U2 = [[5/4, 0, 0], [0, 0, -1]]" in ran.out
    assert "moves at the speed -25/16 or -9/16" in ran.out
    assert "closed form" not in ran.out


def test_a_relu_network_is_proved_at_nonzero_weights_and_refuted_at_zero_weights(flowlaw: Command) -> None:
    ran = flowlaw("intrinsic", "relu:2-3-2+bias")
    assert ran.code == 0
    assert verdicts(ran) == [["PROVED"] * 4, ["REFUTED"] * 4]
    assert flowlaw("intrinsic", "relu:2-3-2+bias", "--init", "zero-weights").code == 1
    assert flowlaw("intrinsic", "relu:2-3-2+bias", "--init", "generic").code == 0


def test_an_undecided_point_has_an_exit_code_and_a_reason(flowlaw: Command, tmp_path: Path) -> None:
    path = tmp_path / "point.toml"
    path.write_text("U1 = [[1, 0], [0, 0]]\nU2 = [[2, 0], [0, 0]]\nU3 = [[3, 0], [0, 0]]\n")
    ran = flowlaw("intrinsic", "linear:2-2-2-2", "--at", path)
    assert ran.code == 3
    assert "UNDECIDED" in ran.out
    assert "the ranks are NOT constant near this point" in ran.out


def test_a_point_from_a_file_and_its_negative_control(flowlaw: Command, tmp_path: Path) -> None:
    ran = flowlaw("intrinsic", "linear:1-3-2", "--at", EXAMPLE)
    assert ran.code == 0
    assert "closed form 'two-valued'" in ran.out
    path = tmp_path / "perturbed.toml"
    path.write_text(EXAMPLE.read_text().replace("[0, 1]", '[0, "11/10"]'))
    ran = flowlaw("intrinsic", "linear:1-3-2", "--at", path)
    assert ran.code == 1
    assert "of K_1" in ran.out


def test_the_record_holds_everything_that_is_printed(flowlaw: Command) -> None:
    ran = flowlaw("intrinsic", "linear:1-2-3", "--init", "relaxed:-1", "--json")
    assert ran.code == 1
    records: list[dict[str, Any]] = json.loads(ran.out)
    (record,) = records
    assert record["kernel_dimension"] == record["fibre_dimension"] == 2
    assert record["points"]["second"] == ["3/4", "0", "5/4", "0", "0", "0", "0", "-1"]
    assert record["points"]["metric"] == ["25/16", "9/16"]
    assert record["metric"] == [["17/8", "0", "0"], ["0", "25/16", "0"], ["0", "0", "9/16"]]
    assert record["closed_form"] is None
    assert {answer["verdict"] for answer in record["properties"].values()} == {"REFUTED"}
    two = json.loads(flowlaw("intrinsic", "relu:2-2-1", "--json").out)
    assert [entry["point"]["name"] for entry in two] == ["generic", "zero-weights"]


def test_certificates_are_written_and_accepted_by_the_kernel_alone(flowlaw: Command, tmp_path: Path) -> None:
    folder = tmp_path / "proofs"
    ran = flowlaw("intrinsic", "relu:2-3-2+bias", "--certificates", folder)
    written = sorted(folder.iterdir())
    assert len(written) >= 3
    for path in written:
        assert f"certificate {path}" in ran.out
        assert flowlaw("verify", path).code == 0


def test_long_points_are_not_printed(flowlaw: Command) -> None:
    ran = flowlaw("intrinsic", "linear:10-10-10", "--init", "relaxed:2")
    assert ran.code == 0
    assert "200 numbers (--json writes them)" in ran.out
    assert "M(theta)" not in ran.out
    assert len(ran.out) < 4000


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["linear:2-2-2", "--init", "relaxt:1"], "Did you mean 'relaxed'"),
        (["linear:2-2-2", "--init", "relaxed:pi"], "'pi' is not a rational number"),
        (["linear:1-2-3", "--init", "relaxed:1"], "r <= n"),
        (["relu:2-2-2", "--init", "balanced"], "no linear network"),
        (["linear:2-2-2", "--at", "nosuch.toml"], "nosuch.toml"),
        (["linear:2-2-2", "--at", str(EXAMPLE)], "shape 2 x 2"),
        (["linear:2-2-2", "--at", str(EXAMPLE), "--init", "generic"], "one of them"),
        (["linear:200-200-200"], "80000 parameters"),
        (["relu:784-1000-10"], "20000"),
        (["symmetric:60-60"], "3600 parameters"),
        (["liner:2-2-2"], "linear"),
    ],
)
def test_wrong_use_is_one_paragraph_that_names_the_culprit(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], culprit: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = flowlaw("intrinsic", *arguments)
    assert ran.code == 2
    assert culprit in ran.err
    assert "Traceback" not in ran.err
    assert len(ran.err) < 1000
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["U1 = [[1.5, 0], [0, 1]]\nU2 = [[1, 0], [0, 1]]", "U1 = 3", "[", "U1 = [[1]]"])
def test_a_bad_point_file_is_refused(flowlaw: Command, tmp_path: Path, content: str) -> None:
    path = tmp_path / "point.toml"
    path.write_text(content)
    ran = flowlaw("intrinsic", "linear:2-2-2", "--at", path)
    assert ran.code == 2
    assert "point.toml'" in ran.err


def test_a_folder_that_cannot_be_made_is_named(flowlaw: Command, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    ran = flowlaw("intrinsic", "linear:2-2-2", "--certificates", blocked)
    assert ran.code == 2
    assert str(blocked) in ran.err


def test_the_page_shows_what_the_command_prints(flowlaw: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    root = EXAMPLE.parent.parent
    monkeypatch.chdir(root)
    page = (root / "docs" / "intrinsic.md").read_text(encoding="utf-8")
    sessions = re.findall(r"```console\n\$ flowlaw ([^\n]*)\n(.*?)```", page, re.DOTALL)
    assert len(sessions) >= 3
    for command, shown in sessions:
        assert flowlaw(*shlex.split(command)).out == shown
