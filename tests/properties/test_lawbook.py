"""Every entry of the lawbook is whole: derived, checked, guarded by mutants that are caught, and readable on a page."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.properties import PROFILES, Theorem, find, theorems
from flowlaw.properties import _lawbook as lawbook  # pyright: ignore[reportPrivateUsage] -- to load it anew
from flowlaw.properties.run import run_theorem

ENTRIES = theorems()
EVERYWHERE = ("A1.two-layer-linear.count", "A3.linear2.counterexample", "B0.hb-two-step")
"""Checked on every version of Python; the arithmetic of the others is that of these."""
RUN = [pytest.param(one, id=one.id, marks=() if one.id in EVERYWHERE else pytest.mark.once) for one in ENTRIES]


@pytest.mark.parametrize("theorem", RUN)
def test_every_entry_comes_out_as_stated_and_catches_its_mutants(theorem: Theorem) -> None:
    verdicts: set[str] = set()
    for event, _ in run_theorem(theorem, PROFILES["quick"], seed=0):
        if event["event"] == "mutant":
            assert event["caught"] or event["verdict"] == "SKIPPED", event
        elif event["event"] != "theorem":
            assert event["verdict"] not in ("REFUTED", "VIOLATED"), event
            assert "too few cases" not in str(event.get("reason")), event
            verdicts.add(str(event["verdict"]))
    assert verdicts & {"PROVED", "HOLDS"}


@pytest.mark.parametrize("theorem", ENTRIES, ids=lambda theorem: theorem.id)
def test_every_entry_names_its_source_its_negative_controls_and_what_it_assumes(theorem: Theorem) -> None:
    assert re.fullmatch(r"[A-Z]\d\.[A-Za-z0-9.\-]+", theorem.id)
    assert theorem.title
    assert theorem.summary.endswith(".")
    assert theorem.source
    assert theorem.statement
    assert theorem.mutants
    known = {entry.id for entry in ENTRIES}
    assert set(theorem.assumes) <= known
    names = [part.name for part in (*theorem.properties, *theorem.simulations, *theorem.mutants)]
    assert len(set(names)) == len(names)


def test_selectors_match_whole_parts_of_an_id() -> None:
    assert {theorem.id for theorem in find(("A0",))} == {t.id for t in ENTRIES if t.id.startswith("A0.")}
    assert find(()) == ENTRIES
    with pytest.raises(BadInput, match="flowlaw list"):
        find(("A",))


def test_a_misspelt_id_gets_a_suggestion() -> None:
    with pytest.raises(BadInput, match=re.escape("A1.two-layer-linear.count")):
        find(("A1.two-layer-linear.counts",))


class _Point(EntryPoint):
    def load(self) -> object:
        return LOADED[self.value]


LOADED: dict[str, object] = {"repeated": ENTRIES[0], "other": 3}


@pytest.mark.parametrize(("value", "complaint"), [("repeated", "repeats the id"), ("other", "not a flowlaw Theorem")])
def test_third_party_entries_that_do_not_fit_are_refused(
    monkeypatch: pytest.MonkeyPatch, value: str, complaint: str
) -> None:
    points = EntryPoints([_Point("theirs", value, lawbook.ENTRY_POINT)])

    def found(group: str) -> EntryPoints:
        return points.select(group=group)

    monkeypatch.setattr(lawbook, "entry_points", found)
    lawbook.theorems.cache_clear()
    try:
        with pytest.raises(BadInput, match=complaint):
            theorems()
    finally:
        monkeypatch.undo()
        lawbook.theorems.cache_clear()
