"""Findings as evidence: of the closed format, found again by their ids, and told as they are on the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from flowlaw.gate import Finding
from flowlaw.gate.evidence import by_gate, events, find, property_names, replay_commands, run_event
from flowlaw.gate.expectations import Expectation, judge
from flowlaw.gate.words import STEP_LAW, Asked, complete, counted, paragraph, share
from flowlaw.reports import Evidence, EvidenceWriter, diff_evidence, read_evidence, write_junit, write_report

ASKED = Asked(("examples.gate_numpy:target",), seed=7, runs=2, steps=5)
GOOD = Finding(
    "mlp",
    "B0.hb-two-step",
    "hb-two-step.quadratic",
    "neurons of fc1 against fc2 (M2)",
    "HOLDS",
    residual=1e-16,
    bound=1e-14,
    ratio=0.01,
    power=1e-12,
    where="run 0, step 3, neuron 2",
    formula=r"q_{k+2} = q_{k+1}",
    windows=8,
    charges=6,
    curve=((0, 0.001), (1, 0.01), (2, 0.0)),
)
BAD = replace(
    GOOD,
    family="bias of fc2 (M1)",
    verdict="VIOLATED",
    residual=3.0,
    bound=1e-14,
    ratio=3e14,
    curve=((0, 0.5), (1, 3e14)),
    explanations=("the decay is decoupled.",),
)
SKIPPED = Finding("mlp", "B0.sgd-linear", "sgd-linear", "all", "SKIPPED", "not testable at this precision")


def written(tmp_path: Path, findings: list[Finding], *expectations: Expectation, code: int = 0) -> Evidence:
    path = tmp_path / "evidence.jsonl"
    outcome = judge(findings, expectations)
    with EvidenceWriter(path, run_event(ASKED.command, ASKED.specs, ASKED.seed)) as writer:
        writer.write_all(events(by_gate(ASKED, ASKED.specs[0]), "bfloat16", outcome.judged, str(path)))
        return writer.finish(wall=1.0, exit=code)


def test_there_is_a_record_for_each_target_and_law_and_a_property_for_each_family(tmp_path: Path) -> None:
    first, second = written(tmp_path, [GOOD, SKIPPED, BAD]).records
    properties: list[Any] = list(first.properties)
    assert (first.id, first.verdict) == ("mlp/B0.hb-two-step", "VIOLATED")
    assert [(one["name"], one["verdict"]) for one in properties] == [
        ("hb-two-step.quadratic.neurons-of-fc1-against-fc2-M2", "HOLDS"),
        ("hb-two-step.quadratic.bias-of-fc2-M1", "VIOLATED"),
    ]
    assert properties[0]["arithmetic"] == "bfloat16"
    assert properties[0]["cases"] == 8
    assert first.theorem.get("assumes") == ["B0.hb-two-step"]
    assert first.theorem["title"] == "The weights-only recursion of heavy ball"
    assert (second.id, second.verdict) == ("mlp/B0.sgd-linear", "SKIPPED")


def test_the_run_names_what_to_run_again(tmp_path: Path) -> None:
    read = written(tmp_path, [GOOD])
    assert read.run["command"] == "flowlaw gate examples.gate_numpy:target --seed 7 --runs 2 --steps 5"
    assert read.run["selection"] == ["examples.gate_numpy:target"]
    assert read.records[0].theorem.get("replay") == read.run["command"]


def test_the_run_is_drawn_on_a_logarithmic_axis_with_the_bound_at_1(tmp_path: Path) -> None:
    (record,) = written(tmp_path, [GOOD, BAD]).records
    simulation: Any = record.simulations[0]
    (plot,) = simulation["plots"]
    assert plot["y"]["scale"] == "log"
    assert [series["kind"] for series in plot["series"]] == ["line", "line", "bound"]
    assert plot["series"][0]["points"] == [[0, 0.5], [1, 3e14]], "the worst first"
    assert plot["series"][2]["points"] == [[0, 1], [2, 1]]
    assert simulation["verdict"] == "VIOLATED"
    assert [row[0] for row in simulation["table"]["rows"]] == ["HOLDS", "VIOLATED"]


def test_many_families_are_in_the_table_and_the_worst_in_the_plot(tmp_path: Path) -> None:
    many = [replace(GOOD, family=f"family {n}", ratio=n / 100) for n in range(40)]
    (record,) = written(tmp_path, many).records
    simulation: Any = record.simulations[0]
    assert len(simulation["table"]["rows"]) == 40
    (plot,) = simulation["plots"]
    assert [series["label"].split(", ")[-1] for series in plot["series"]][:2] == ["family 39", "family 38"]
    assert "34 more are in the table" in plot["caption"]


def test_nan_and_infinity_are_spelled_out(tmp_path: Path) -> None:
    nan = replace(BAD, residual=float("nan"), ratio=float("nan"), bound=float("inf"), curve=((0, float("inf")),))
    (record,) = written(tmp_path, [nan]).records
    worst = record.properties[0].get("worst")
    assert worst is not None
    assert (worst["residual"], worst["bound"], worst["ratio"]) == ("nan", "inf", "nan")


def test_names_are_distinct_even_where_families_are_not() -> None:
    alike = [replace(GOOD, family=family) for family in ("a b", "a (b)", "a-b", "é", "x" * 300, "x" * 301)]
    names = property_names(alike)
    assert len(set(names)) == 6
    assert all(len(name) <= 120 for name in names)
    assert names[1] == "hb-two-step.quadratic.a-b-2"


def test_an_id_finds_what_it_names(tmp_path: Path) -> None:
    judged = judge([GOOD, BAD, SKIPPED]).judged
    commands = replay_commands(judged, "out/evidence.jsonl")
    for one in judged:
        name = commands[one.finding.id].split("'")[1]
        assert find(judged, name) == [one]
        assert find(judged, one.finding.id) == [one]
    assert len(find(judged, "mlp/B0.hb-two-step")) == 2
    assert find(judged, "mlp/B0.hb") == []


def test_what_is_expected_is_told_and_counts_as_no_failure(tmp_path: Path) -> None:
    known = Expectation(target="mlp", verdict="VIOLATED", reason="a rate of its own", link="https://example.org/7")
    read = written(tmp_path, [GOOD, BAD], replace(known, family="bias*"))
    (record,) = read.records
    assert record.verdict == "HOLDS"
    assert read.tally()["violated"] == 0
    write_junit(tmp_path / "evidence.jsonl", tmp_path / "junit.xml")
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert (root.get("failures"), root.get("skipped")) == ("0", "1")
    write_report(tmp_path / "evidence.jsonl", tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert "As expected: a rate of its own" in page
    assert "1 law, none violated." in page


def test_a_run_in_which_all_that_was_measured_is_expected_to_fail_was_still_measured(tmp_path: Path) -> None:
    read = written(tmp_path, [BAD], Expectation(target="mlp", verdict="VIOLATED", reason="known"))
    assert read.records[0].verdict == "SKIPPED"
    write_report(tmp_path / "evidence.jsonl", tmp_path / "index.html")
    assert "Nothing was measured" not in (tmp_path / "index.html").read_text()


def test_the_page_speaks_of_laws_and_not_of_theorems(tmp_path: Path) -> None:
    written(tmp_path, [GOOD, BAD, SKIPPED], code=1)
    write_report(tmp_path / "evidence.jsonl", tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert "2 laws, 1 violated." in page
    assert "Explained by: the decay is decoupled." in page
    assert "Every law of this run." in page
    assert "theorems proved" not in page
    assert "flowlaw replay" in page


def test_two_runs_are_compared_like_any_other(tmp_path: Path) -> None:
    written(tmp_path / "a", [GOOD])
    written(tmp_path / "b", [replace(GOOD, verdict="VIOLATED", ratio=2.0)], code=1)
    difference = diff_evidence(tmp_path / "a" / "evidence.jsonl", tmp_path / "b" / "evidence.jsonl")
    assert len(difference.worse) == 3, "the record, the property and the run"


def test_an_id_of_three_parts_is_refused(tmp_path: Path) -> None:
    written(tmp_path, [GOOD])
    path = tmp_path / "evidence.jsonl"
    path.write_text(path.read_text().replace("mlp/B0", "mlp/x/B0"))
    with pytest.raises(Exception, match="should be letters"):
        read_evidence(path)


def test_nothing_measured_has_a_record_and_a_failing_case_too(tmp_path: Path) -> None:
    step = replace(GOOD, law=STEP_LAW, identity="step")
    assert complete("mlp", [GOOD]) == (GOOD,)
    first, second = written(tmp_path, list(complete("mlp", [step])), code=3).records
    assert (first.theorem["title"], first.verdict) == ("The step itself", "HOLDS")
    assert (second.id, second.verdict) == ("mlp/gate.no-law", "SKIPPED")
    write_report(tmp_path / "evidence.jsonl", tmp_path / "index.html")
    assert "Some target was not measured." in (tmp_path / "index.html").read_text()
    write_junit(tmp_path / "evidence.jsonl", tmp_path / "junit.xml")
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("failures") == "1"


def test_a_paragraph_has_residual_bound_place_and_explanation() -> None:
    assert paragraph(BAD) == [
        "VIOLATED mlp/hb-two-step.quadratic/bias of fc2 (M1)",
        "residual 3, bound 1e-14: 3e+14 times the bound",
        "at run 0, step 3, neuron 2",
        "what would explain it: the decay is decoupled",
    ]
    assert paragraph(SKIPPED)[1:] == ["not testable at this precision"]


@pytest.mark.parametrize(
    ("ratio", "says"), [(0, "exactly 0"), (0.123, "0.12 of the bound"), (float("nan"), "nan times the bound")]
)
def test_a_residual_is_told_by_its_share_of_the_bound(ratio: float, says: str) -> None:
    assert share(ratio) == says


def test_numbers_have_their_nouns() -> None:
    assert [counted(1, "family"), counted(2, "family"), counted(1200, "window")] == [
        "1 family",
        "2 families",
        "1,200 windows",
    ]


def test_the_program_is_python_that_names_target_and_finding() -> None:
    program = ASKED.program("m:f", BAD)
    compile(program, "reproduction", "exec")
    assert json.dumps("m:f")[1:-1] in program
    assert repr(BAD.id) in program
