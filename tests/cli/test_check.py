"""``flowlaw check`` writes evidence, certificates and a page; goes on after an interruption; and is reproducible."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import strategies as st

from flowlaw.cli import _check  # pyright: ignore[reportPrivateUsage] -- to interrupt it
from flowlaw.properties import Property, Residual, Theorem, theorems

from .conftest import Command

ENTRY = "A1.two-layer-linear.rank-deficient"
OTHER = "A1.two-layer-linear.lie-algebra"


def found(entries: list[Theorem]) -> Callable[[object], list[Theorem]]:
    """Stands in for ``find``, whatever is looked for."""
    return lambda selection: entries


def lines(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "evidence.jsonl").read_text().splitlines()]


def test_a_check_writes_evidence_certificates_and_a_page(flowlaw: Command, tmp_path: Path) -> None:
    out, junit = tmp_path / "out", tmp_path / "junit.xml"
    ran = flowlaw("check", ENTRY, "--profile", "quick", "--out", out, "--junit", junit)
    assert ran.code == 0
    assert "mutants caught" in ran.out
    assert "<title>" in (out / "index.html").read_text()
    assert flowlaw("verify", *sorted((out / "certificates").iterdir())).code == 0
    assert ElementTree.parse(junit).getroot().get("failures") == "0"
    assert lines(out)[-1]["exit"] == 0


def test_the_same_seed_gives_the_same_evidence_but_for_the_time(flowlaw: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        flowlaw("check", ENTRY, "--profile", "quick", "--seed", 7, "--out", tmp_path / name)
    assert lines(tmp_path / "a")[:-1] == lines(tmp_path / "b")[:-1]
    assert flowlaw("diff", tmp_path / "a" / "evidence.jsonl", tmp_path / "b" / "evidence.jsonl").code == 0


def test_two_jobs_give_the_evidence_of_one(flowlaw: Command, tmp_path: Path) -> None:
    for jobs in (1, 2):
        flowlaw("check", ENTRY, OTHER, "--profile", "quick", "--jobs", jobs, "--out", tmp_path / str(jobs))
    assert lines(tmp_path / "1")[:-1] == lines(tmp_path / "2")[:-1]


@pytest.mark.once
def test_an_interrupted_run_goes_on_where_it_stopped(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    arguments = ["check", ENTRY, OTHER, "A1.two-layer-linear.count", "--profile", "quick", "--jobs", "1", "--out"]
    flowlaw(*arguments, whole)
    work = _check._work  # pyright: ignore[reportPrivateUsage]
    seen: list[str] = []

    def interrupted(theorem_id: str, *rest: object) -> object:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(theorem_id)
        return work(theorem_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(_check, "_work", interrupted)
    stopped = flowlaw(*arguments, broken)
    assert stopped.code == 130
    assert "the same command goes on" in stopped.err
    assert not (broken / "evidence.jsonl").exists()
    monkeypatch.setattr(_check, "_work", work)
    again = flowlaw(*arguments, broken)
    assert again.code == 0
    assert "going on after 1 theorem" in again.out
    assert lines(whole)[:-1] == lines(broken)[:-1]


def test_a_violated_theorem_ends_with_code_1_and_its_line_can_be_replayed(
    flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = Property("wrong", "3 is small", "rational", lambda: st.integers(0, 9), lambda n: Residual(n, 2))
    changed = [replace(t, properties=(wrong,)) if t.id == ENTRY else t for t in theorems()]
    monkeypatch.setattr("flowlaw.properties.find", found([t for t in changed if t.id == ENTRY]))
    ran = flowlaw("check", ENTRY, "--profile", "quick", "--out", tmp_path)
    assert ran.code == 1
    assert "VIOLATED" in ran.out
    (event,) = [line for line in lines(tmp_path) if line["event"] == "property"]
    assert event["replay"] == f"flowlaw replay '{ENTRY}#wrong' --profile quick --seed 0"
    replayed = flowlaw("replay", f"{ENTRY}#wrong", "--profile", "quick", "--seed", 0)
    assert replayed.code == 1
    assert "worst residual 3, bound 2: 3" in replayed.out


def test_nothing_measured_ends_with_code_3(flowlaw: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = [
        replace(t, derivation=lambda: (), properties=(), tables=(), simulations=(), mutants=())
        for t in theorems()
        if t.id == ENTRY
    ]
    monkeypatch.setattr("flowlaw.properties.find", found(empty))
    ran = flowlaw("check", ENTRY, "--out", tmp_path)
    assert ran.code == 3
    assert "nothing was measured" in ran.out


def test_list_prints_what_other_tools_read(flowlaw: Command) -> None:
    entries = json.loads(flowlaw("list", "--json").out)
    assert {entry["id"] for entry in entries} == {theorem.id for theorem in theorems()}
    assert all(entry.keys() >= {"id", "title", "source", "status"} for entry in entries)


def test_show_names_everything_that_checks_a_theorem(flowlaw: Command) -> None:
    ran = flowlaw("show", ENTRY)
    assert "#exact-ranks" in ran.out
    assert "must be VIOLATED" in ran.out


def test_report_writes_the_page_again_from_evidence_alone(flowlaw: Command, tmp_path: Path) -> None:
    flowlaw("check", ENTRY, "--profile", "quick", "--out", tmp_path)
    first = (tmp_path / "index.html").read_bytes()
    (tmp_path / "index.html").unlink()
    assert flowlaw("report", tmp_path / "evidence.jsonl").code == 0
    assert (tmp_path / "index.html").read_bytes() == first


@pytest.mark.once
def test_a_picture_is_replayed_as_text(flowlaw: Command) -> None:
    replayed = flowlaw("replay", "A3.linear2.converse#picture-1")
    assert replayed.code == 0
    assert "  5: max(n, m) < r < n + m: never\n" in replayed.out
    assert "  r = 2\n  n m 1 2 3 4 5\n  1   1 3 4 4 4\n  2   3 2 2 2 2\n" in replayed.out
