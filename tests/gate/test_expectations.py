"""What the owner of a target expects: read strictly, matched by pattern, and never a way to hide what is new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowlaw.gate import Finding, Verdict
from flowlaw.gate.expectations import Expectation, Outcome, judge, read_expectations
from flowlaw.oracles.errors import BadInput

ENTRY = """
[[expect]]
target = "mlp"
identity = "hb-two-step.quadratic"
family = "neurons of fc1*"
verdict = "VIOLATED"
reason = "fc1 has a rate of its own"
link = "https://example.org/7"
"""


def finding(verdict: Verdict = "HOLDS", family: str = "neurons of fc1 (M2)", target: str = "mlp") -> Finding:
    return Finding(target, "B0.hb-two-step", "hb-two-step.quadratic", family, verdict, "why", windows=3, charges=2)


def expectation(verdict: Verdict = "VIOLATED") -> Expectation:
    return Expectation(target="mlp", verdict=verdict, reason="known", law="B0.hb-two-step")


def read(tmp_path: Path, text: str) -> tuple[Expectation, ...]:
    path = tmp_path / "expect.toml"
    path.write_text(text)
    return read_expectations(path)


def test_an_entry_is_read_as_it_is_written(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, ENTRY)
    assert entry == Expectation(
        target="mlp",
        verdict="VIOLATED",
        reason="fc1 has a rate of its own",
        identity="hb-two-step.quadratic",
        family="neurons of fc1*",
        link="https://example.org/7",
    )
    assert read(tmp_path, "") == ()


def test_target_and_family_are_patterns_and_law_and_identity_are_not(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, ENTRY)
    assert entry.covers(finding())
    assert not entry.covers(finding(family="neurons of fc2 (M2)"))
    assert not entry.covers(finding(target="mlp2"))
    assert replace(entry, target="mlp*").covers(finding(target="mlp2"))
    assert not replace(entry, identity="hb-*").covers(finding())
    assert not replace(entry, law="B0.other").covers(finding())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ENTRY + "colour = 'red'", "unknown field 'colour'; known are target, law"),
        (ENTRY + "familly = 'x'", "Did you mean 'family'?"),
        (ENTRY.replace("[[expect]]", "[[expects]]"), "Did you mean 'expect'?"),
        (ENTRY + "[other]\n", "unknown field 'other'"),
        (ENTRY.replace("[[expect]]", "[expect]"), "Begin each with a line"),
        ("expect = 3", "Begin each with a line"),
        (ENTRY.replace('reason = "fc1 has a rate of its own"', ""), "lacks 'reason'"),
        (ENTRY.replace("fc1 has a rate of its own", " "), "'reason' must be a text"),
        (ENTRY.replace("fc1 has a rate of its own", "x" * 1001), "'reason' must be a text of 1 to 1,000"),
        (ENTRY.replace('target = "mlp"', "target = 3"), "'target' must be a text"),
        (ENTRY.replace('identity = "hb-two-step.quadratic"', ""), "names neither 'law' nor 'identity'"),
        (ENTRY.replace("VIOLATED", "violated"), "Did you mean 'VIOLATED'?"),
        (ENTRY.replace("VIOLATED", "PROVED"), "must be one of VIOLATED, SKIPPED, HOLDS"),
        (ENTRY + "link", "not valid TOML"),
        (ENTRY * 1001, "1,001 entries"),
        ("#" * 1_000_001, "longer than"),
    ],
)
def test_a_file_with_a_mistake_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput) as raised:
        read(tmp_path, text)
    assert says in str(raised.value)
    assert "expect.toml" in str(raised.value)


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    documentation = (Path(__file__).parents[2] / "docs" / "gate.md").read_text("utf-8")
    (entry,) = read(tmp_path, documentation.split("```toml\n")[1].split("```")[0])
    assert entry.reason == "fc1 is trained with a rate of its own"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nosuch\.toml"):
        read_expectations(tmp_path / "nosuch.toml")


@pytest.mark.parametrize(
    ("found", "expected", "code", "strict", "complaint"),
    [
        ("HOLDS", None, 0, 0, ""),
        ("VIOLATED", None, 1, 1, ""),
        ("SKIPPED", None, 3, 3, ""),
        ("VIOLATED", "VIOLATED", 0, 0, ""),
        ("HOLDS", "VIOLATED", 0, 1, "is out of date: mlp/hb-two-step.quadratic/neurons of fc1 (M2) holds"),
        ("SKIPPED", "VIOLATED", 3, 1, "was not tried: why"),
        ("SKIPPED", "SKIPPED", 3, 3, ""),
        ("HOLDS", "SKIPPED", 0, 1, "is out of date"),
        ("VIOLATED", "SKIPPED", 1, 1, ""),
        ("HOLDS", "HOLDS", 0, 0, ""),
        ("VIOLATED", "HOLDS", 1, 1, ""),
        ("SKIPPED", "HOLDS", 3, 3, ""),
    ],
)
def test_found_and_expected_decide_the_exit_code(
    found: Verdict, expected: Verdict | None, code: int, strict: int, complaint: str
) -> None:
    outcome = judge([finding(found)], [expectation(expected)] if expected else [])
    assert outcome.exit_code() == code
    assert outcome.exit_code(strict=True) == strict
    assert complaint in "".join(outcome.complaints)
    assert bool(outcome.complaints) == bool(complaint)


def test_an_entry_about_nothing_is_an_error_when_strict() -> None:
    outcome = judge([finding()], [replace(expectation(), target="other")])
    assert "matches nothing" in outcome.complaints[0]
    assert (outcome.exit_code(), outcome.exit_code(strict=True)) == (0, 1)


def test_the_first_entry_that_covers_a_finding_decides() -> None:
    second = expectation("HOLDS")
    outcome = judge([finding("VIOLATED")], [expectation(), second])
    assert outcome.exit_code() == 0
    assert "Expectation 2" in outcome.complaints[0]


def test_one_silent_target_is_enough_for_nothing_measured() -> None:
    outcome = judge([finding(), finding("SKIPPED", target="other")])
    assert outcome.unmeasured == ("other",)
    assert outcome.exit_code() == 3


def test_the_step_itself_is_no_law_of_a_symmetry() -> None:
    step = replace(finding(), law="gate.step", identity="step")
    assert judge([step]).exit_code() == 3
    assert judge([step, finding()]).exit_code() == 0
    assert judge([replace(step, verdict="VIOLATED")]).exit_code() == 1


def test_a_skipped_law_beside_one_that_holds_is_no_failure_unless_it_must_not_be_skipped() -> None:
    findings = [finding(), finding("SKIPPED", family="neurons of fc2 (M2)")]
    assert judge(findings).exit_code() == 0
    assert judge(findings, [expectation("HOLDS")]).exit_code() == 3


def test_a_violation_outweighs_what_was_not_measured() -> None:
    assert judge([finding("VIOLATED"), finding("SKIPPED", target="other")]).exit_code() == 1


def test_no_finding_at_all_is_not_success() -> None:
    assert judge([]).exit_code() == 3
    assert isinstance(judge([]), Outcome)
