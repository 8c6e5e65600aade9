"""One word for a theorem, and the headline over all."""

from typing import Any

import pytest

from flowlaw.reports._records import Record, tally
from flowlaw.reports._view import figures, numeric_columns


def record(
    steps: str = "", properties: str = "", status: str = "proved", mutants: tuple[tuple[str, bool], ...] = ()
) -> Record:
    theorem: Any = {"event": "theorem", "theorem": "T", "title": "", "source": "", "status": status, "statement": ""}
    step: Any = [{"event": "step", "index": k, "says": "", "verdict": word} for k, word in enumerate(steps.split())]
    prop: Any = [
        {"event": "property", "name": f"p{k}", "says": "", "verdict": word, "cases": 7, "nontrivial": 7, "worst": None}
        for k, word in enumerate(properties.split())
    ]
    wrong: Any = [
        {"event": "mutant", "name": f"m{k}", "verdict": word, "caught": hit} for k, (word, hit) in enumerate(mutants)
    ]
    return Record(theorem, tuple(step), tuple(prop), (), (), tuple(wrong))


@pytest.mark.parametrize(
    ("steps", "properties", "status", "verdict"),
    [
        ("STATED PROVED", "HOLDS", "proved", "PROVED"),
        ("STATED PROVED", "HOLDS", "derived", "PROVED"),
        ("PROVED", "HOLDS", "verified", "HOLDS"),
        ("PROVED SKIPPED", "", "proved", "HOLDS"),
        ("STATED", "HOLDS SKIPPED", "proved", "HOLDS"),
        ("PROVED", "HOLDS VIOLATED", "proved", "VIOLATED"),
        ("PROVED REFUTED", "VIOLATED", "proved", "REFUTED"),
        ("STATED", "SKIPPED", "proved", "SKIPPED"),
        ("STATED", "", "proved", "SKIPPED"),
        ("STATED", "", "definition", "STATED"),
        ("", "", "definition", "STATED"),
        ("STATED", "SKIPPED", "definition", "SKIPPED"),
    ],
)
def test_the_verdict_of_a_theorem_follows_from_its_parts(
    steps: str, properties: str, status: str, verdict: str
) -> None:
    assert record(steps, properties, status).verdict == verdict


def test_a_missed_mutant_is_counted_but_does_not_change_the_verdict() -> None:
    one = record("PROVED", mutants=(("REFUTED", True), ("HOLDS", False), ("SKIPPED", False)))
    assert one.verdict == "PROVED"
    assert [m["name"] for m in one.missed] == ["m1"]
    assert tally([one])["mutants"] == 2
    assert tally([one])["caught"] == 1


def test_skipped_properties_add_no_cases() -> None:
    assert figures(record(properties="HOLDS SKIPPED")).cases == 7


def test_columns_of_numbers_are_recognised() -> None:
    assert numeric_columns([["a", 1, "nan"], ["b", None, {"hex": "0x1p+0"}]]) == [False, True, True]
    assert numeric_columns([["a", True]]) == [False, False]
