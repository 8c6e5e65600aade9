"""JUnit XML from evidence, for continuous integration: a suite per theorem, a case per verdict."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

from ._records import FAILED, Evidence, Record, expectation, is_expected
from ._view import metrics
from .evidence import read_evidence
from .page import write_text

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Case = tuple[str, str, str]
"""Name, outcome (``""``, ``failure`` or ``skipped``), and what to say about it."""


def write_junit(evidence: str | os.PathLike[str], xml: str | os.PathLike[str]) -> Evidence:
    """Reads the file ``evidence``, writes ``xml`` in one go, and returns what was read.

    Raises:
        BadInput: the evidence cannot be read.
        FlowlawError: the file cannot be written.
    """
    read = read_evidence(evidence)
    write_text(Path(xml), junit(read))
    return read


def junit(evidence: Evidence) -> str:
    """The XML text. It has no times, so the same evidence gives the same bytes."""
    suites = [(record, list(_cases(record))) for record in evidence.records]
    silent: list[Case] = []
    if evidence.end and evidence.end["exit"] == 3:  # nothing measured must not look like success
        silent.append(("measured", "failure", "Nothing was measured, or some target was not."))
    every = [*(case for _, cases in suites for case in cases), *silent]
    lines = ['<?xml version="1.0" encoding="utf-8"?>', f'<testsuites name="flowlaw" {_counts(every)}>']
    for record, cases in suites:
        lines.append(f"  <testsuite name={_attribute(record.id)} {_counts(cases)}>")
        lines.extend(_case(record.id, case) for case in cases)
        lines.append("  </testsuite>")
    if silent:
        lines += [f'  <testsuite name="measured" {_counts(silent)}>', _case("flowlaw", silent[0]), "  </testsuite>"]
    return "\n".join([*lines, "</testsuites>", ""])


def _cases(record: Record) -> Iterator[Case]:
    for step in record.steps:
        if step["verdict"] != "STATED":
            yield (
                f"step {step['index']}",
                _outcome(step["verdict"]),
                _says(step["says"], step.get("reason"), step.get("replay")),
            )
    for one in record.checks:
        worst = metrics(one)
        measured = f"worst residual {worst.says}" if worst else ""
        says = _says(one["says"], one.get("reason"), measured, one.get("replay"))
        if (known := expectation(one)) and is_expected(one):
            yield one["name"], "skipped", _says(f"{one['verdict']}, as expected: {known['reason']}", says)
        else:
            yield one["name"], _outcome(one["verdict"]), says
    for shown in record.exhibits:
        yield shown["name"], _outcome(shown["verdict"]), _says(shown["title"], shown.get("reason"), shown.get("replay"))
    for mutant in record.mutants:
        outcome = "skipped" if mutant["verdict"] == "SKIPPED" else "" if mutant["caught"] else "failure"
        expected = f"expected {mutant['expected']}, came out {mutant['verdict']}"
        yield (
            f"mutant {mutant['name']}",
            outcome,
            _says(mutant["says"], expected, mutant.get("detail"), mutant.get("replay")),
        )


def _outcome(verdict: str) -> str:
    return "failure" if verdict in FAILED else "skipped" if verdict == "SKIPPED" else ""


def _says(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part)


def _case(theorem: str, case: Case) -> str:
    name, outcome, says = case
    head = f"    <testcase classname={_attribute(theorem)} name={_attribute(name)}"
    if not outcome:
        return f"{head}/>"
    first, _, _ = says.partition("\n")
    text = escape(_NOT_XML.sub("�", says), quote=False)
    return f"{head}><{outcome} message={_attribute(first)}>{text}</{outcome}></testcase>"


def _counts(cases: list[Case]) -> str:
    failures = sum(outcome == "failure" for _, outcome, _ in cases)
    skipped = sum(outcome == "skipped" for _, outcome, _ in cases)
    return f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="{skipped}"'


def _attribute(text: str) -> str:
    return f'"{escape(_NOT_XML.sub("�", text))}"'
