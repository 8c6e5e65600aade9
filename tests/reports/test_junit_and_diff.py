"""JUnit XML for continuous integration, and the difference of two runs."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from flowlaw.reports import EvidenceWriter, diff_evidence, read_evidence, write_junit
from flowlaw.reports.junit import junit


def test_junit_has_a_case_for_every_verdict(bad: Path, tmp_path: Path) -> None:
    write_junit(bad, tmp_path / "junit.xml")
    root = ET.parse(tmp_path / "junit.xml").getroot()
    evidence = read_evidence(bad)
    assert len(root.findall("testsuite")) == len(evidence.records)
    assert root.attrib["tests"] == str(len(root.findall("*/testcase")))
    failures = {(case.get("classname"), case.get("name")) for case in root.findall("*/testcase[failure]")}
    assert failures == {("A1.relu.path-lifting.count", "one-step"), ("A1.loss-span", "mutant double")}
    assert root.attrib["failures"] == "2"
    assert root.attrib["skipped"] == "3"
    failure = root.find("*/testcase[failure]/failure")
    assert failure is not None
    assert "flowlaw" not in (failure.get("message") or "")


def test_a_failure_in_junit_ends_with_the_line_that_reproduces_it(bad: Path) -> None:
    root = ET.fromstring(junit(read_evidence(bad)))
    texts = [failure.text or "" for failure in root.iter("failure")]
    assert any(text.endswith("flowlaw replay A1.relu.path-lifting.count#one-step") for text in texts)


def test_characters_that_xml_cannot_hold_are_replaced(tmp_path: Path, sample: Any) -> None:
    path = tmp_path / "e.jsonl"
    with EvidenceWriter(path, sample.RUN) as writer:
        writer.write(sample.events()[0])
        step = {"event": "step", "theorem": "A0.conventions", "index": 1, "says": "a\x00<b>\x1b", "verdict": "REFUTED"}
        writer.write(step)
        writer.finish(wall=1, exit=1)
    failure = ET.fromstring(junit(read_evidence(path))).find(".//failure")
    assert failure is not None
    assert failure.text == "a�<b>�"


def test_the_same_evidence_gives_the_same_junit(good: Path) -> None:
    assert junit(read_evidence(good)) == junit(read_evidence(good))


def test_a_run_does_not_differ_from_itself(good: Path) -> None:
    difference = diff_evidence(good, good)
    assert not difference
    assert difference.text == "No verdict changed."


def test_a_difference_names_what_changed_and_marks_the_worse(good: Path, bad: Path) -> None:
    difference = diff_evidence(good, bad)
    assert [(c.theorem, c.what, c.before, c.after) for c in difference.changed] == [
        ("A1.loss-span", "mutant double", "CAUGHT", "MISSED"),
        ("A1.relu.path-lifting.count", "", "PROVED", "VIOLATED"),
        ("A1.relu.path-lifting.count", "property one-step", "HOLDS", "VIOLATED"),
    ]
    assert len(difference.worse) == 3
    assert "! A1.relu.path-lifting.count: PROVED -> VIOLATED" in difference.text
    assert not diff_evidence(bad, good).worse


def test_a_difference_lists_what_appeared_vanished_and_was_restated(good: Path, tmp_path: Path, sample: Any) -> None:
    path = tmp_path / "e.jsonl"
    with EvidenceWriter(path, sample.RUN) as writer:
        events = [event for event in sample.events() if event["theorem"].startswith("A0")]
        writer.write_all([{**events[0], "statement": "something else"}, *events[1:]])
        writer.write({**events[0], "theorem": "A9.new"})
        writer.finish(wall=1, exit=0)
    difference = diff_evidence(good, path)
    assert difference.restated == ("A0.conventions",)
    assert [str(change) for change in difference.appeared] == ["A9.new: absent -> STATED"]
    assert not difference.appeared[0].worse
    assert {change.theorem[:2] for change in difference.vanished} == {"A1"}
    assert difference.vanished[0].worse
    assert difference.text.splitlines()[0] == "New (1)"
