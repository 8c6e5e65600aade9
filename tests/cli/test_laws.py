"""``flowlaw laws``, ``prove`` and ``verify`` as a theorist uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command

FIELDS = {
    "model",
    "parameters",
    "w_dimension",
    "lie_dimension",
    "level_ranks",
    "independent_laws",
    "known_laws",
    "complete",
    "polynomial_laws",
    "certificate",
    "seconds",
}


def test_json_has_the_promised_fields_for_each_model(flowlaw: Command) -> None:
    ran = flowlaw("laws", "--json", "linear:2-4-5-2-2", "relu:2-3-2+bias")
    linear, relu = json.loads(ran.out)
    assert ran.code == 0
    assert linear.keys() >= FIELDS
    assert linear["level_ranks"] == [4, 9, 13, 14]
    assert (linear["lie_dimension"], linear["independent_laws"], linear["complete"]) == (14, 28, True)
    assert (relu["parameters"], relu["independent_laws"], relu["w_dimension"]) == (15, 3, 12)


def test_extra_laws_of_a_scalar_block_are_counted_and_said_not_to_be_polynomial(flowlaw: Command) -> None:
    ran = flowlaw("laws", "linear:1-2-2-1")
    assert "7 laws, of which 6 polynomial of degree <= 4; PROVED complete" in ran.out


def test_a_set_that_is_not_proved_complete_is_bounded_and_ends_with_code_3(flowlaw: Command, tmp_path: Path) -> None:
    model = tmp_path / "two-paths.toml"
    model.write_text('name = "two-paths"\nphi = ["x[1]*x[2]*x[3]", "x[1]*x[2]*x[4]"]\n[blocks]\nx = [4]\n')
    ran = flowlaw("laws", model, "--degree", 1)
    assert ran.code == 3
    assert "0 laws found, at most 2; NOT proved complete" in ran.out
    assert flowlaw("laws", model, "--degree", 2).code == 0


def test_a_point_of_deficient_rank_is_said_not_to_be_generic(flowlaw: Command, tmp_path: Path) -> None:
    point = tmp_path / "point.toml"
    point.write_text('U1 = [[1, 1], ["3/2", "1.5"]]\nU2 = [[1, 1], [1, 1]]\n')
    ran = flowlaw("laws", "linear:2-2-2", "--degree", 0, "--at", point)
    assert "dim Lie 3, laws of rank 2" in ran.out
    assert "NOT GENERIC: 3 + 2 is less than 8" in ran.out


def test_a_generic_point_is_not_complained_about(flowlaw: Command, tmp_path: Path) -> None:
    point = tmp_path / "point.toml"
    point.write_text("U1 = [[1, 2], [3, 5]]\nU2 = [[7, 1], [-2, 4]]\n")
    ran = flowlaw("laws", "linear:2-2-2", "--degree", 0, "--at", point, "--json")
    (answer,) = json.loads(ran.out)
    assert answer["point"] | {"file": ""} == {
        "file": "",
        "generic": True,
        "w_dimension": 4,
        "lie_dimension": 5,
        "law_rank": 3,
    }


@pytest.mark.parametrize("rule", ["local", "dense"])
def test_verify_accepts_what_laws_wrote_and_rejects_a_changed_number(
    flowlaw: Command, tmp_path: Path, rule: str
) -> None:
    options = ["--dense"] if rule == "dense" else []
    assert flowlaw("laws", "linear:2-3-2", "--certificates", tmp_path, *options).code == 0
    (path,) = tmp_path.iterdir()
    assert flowlaw("verify", path).out.startswith("ACCEPTED")
    certificate: dict[str, Any] = json.loads(path.read_text())
    assert certificate["witness"]["rule"] == rule
    certificate["claim"]["independent_laws"] += 1
    path.write_text(json.dumps(certificate))
    ran = flowlaw("verify", path)
    assert ran.code == 1
    assert "the claim says independent_laws = 7; the witness shows 6" in ran.out


def test_verify_lists_the_code_that_an_acceptance_rests_on(
    flowlaw: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/certificates.md shows it."""
    monkeypatch.chdir(tmp_path)
    law = "trace(U1.T*U1 - U2*U2.T)"
    assert flowlaw("prove", law, "--model", "linear:4-5-2", "--certificate", "trace.json").code == 0
    ran = flowlaw("verify", "--trust", "trace.json")
    shown = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text(encoding="utf-8")
    assert f"$ flowlaw verify --trust trace.json\n{ran.out}```" in shown
    first, second, *parts = ran.out.splitlines()
    assert first.startswith("ACCEPTED")
    assert int(second.split()[2]) == sum(int(words[1]) for words in map(str.split, parts) if ".py" in words[0])


def test_a_rejection_lists_no_code(flowlaw: Command, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    ran = flowlaw("verify", "--trust", tmp_path / "a.json")
    assert ran.code == 1
    assert "rests on" not in ran.out


def test_a_true_law_is_proved_and_one_changed_sign_is_refuted(flowlaw: Command, tmp_path: Path) -> None:
    proved = flowlaw("prove", "U1.T*U1 - U2*U2.T", "--model", "linear:2-3-2", "--certificate", tmp_path / "a.json")
    assert (proved.code, proved.out.splitlines()[0]) == (0, "PROVED: U1.T*U1 - U2*U2.T")
    refuted = flowlaw("prove", "U1.T*U1 + U2*U2.T", "--model", "linear:2-3-2", "--certificate", tmp_path / "b.json")
    assert (refuted.code, refuted.out.splitlines()[0]) == (1, "REFUTED: U1.T*U1 + U2*U2.T")
    assert "all other parameters 0" in refuted.out
    ran = flowlaw("verify", tmp_path / "a.json", tmp_path / "b.json")
    assert ran.code == 0
    assert "not a law" in ran.out


def test_leaving_out_the_bias_is_refuted(flowlaw: Command) -> None:
    with_bias = "sum(W1[:,1]'*W1[:,1]) + b1[1,1]^2 - norm2(W2[1,:])"
    assert flowlaw("prove", with_bias, "--model", "relu:2-3-2+bias").code == 0
    ran = flowlaw("prove", with_bias.replace(" + b1[1,1]^2", ""), "--model", "relu:2-3-2+bias", "--json")
    assert ran.code == 1
    assert json.loads(ran.out)["verdict"] == "REFUTED"


EXAMPLE = Path(__file__).parents[2] / "examples" / "region.toml"


def test_a_region_shows_the_laws_that_its_data_add(flowlaw: Command) -> None:
    ran = flowlaw("laws", "relu:2-3-2", "--degree", 0, "--region", EXAMPLE)
    assert ran.code == 0
    assert "4 laws in this region, 3 of them of the path lifting" in ran.out
    assert json.loads(flowlaw("laws", "relu:2-3-2", "--region", EXAMPLE, "--json").out)[1]["region"] == str(EXAMPLE)


@pytest.mark.parametrize("models", [["linear:2-3-2"], ["relu:2-3-2", "relu:2-2-2"], ["relu:2-2-2"]])
def test_a_region_of_another_model_is_refused(flowlaw: Command, models: list[str]) -> None:
    ran = flowlaw("laws", *models, "--degree", 0, "--region", EXAMPLE)
    assert ran.code == 2
    assert "relu:2-3-2" in ran.err
