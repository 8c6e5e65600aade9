"""Pictures of classifications: drawn, described, and refused where they do not fit together."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from flowlaw.oracles.errors import BadInput
from flowlaw.reports import EvidenceWriter, maps, read_evidence
from flowlaw.reports.events import CaseMap

SHOWN: CaseMap = {
    "x": "m",
    "y": "n",
    "columns": ["1", "2", "3"],
    "rows": ["1", "2"],
    "cases": [
        {"key": "A", "label": "always", "tone": "yes"},
        {"key": "N", "label": "never", "tone": "no"},
        {"key": "Z", "label": "does not occur", "tone": "no"},
    ],
    "panels": [{"title": "r = 1", "cells": ["AAN", "N.A"]}, {"title": "r = 2", "cells": ["NNN", "AAA"]}],
}


def test_every_cell_shows_the_letter_of_its_case() -> None:
    first, second = maps.svgs(SHOWN, "k")
    letters = [
        "".join(node.itertext()) for node in ET.fromstring(first).iter("text") if "n" in node.get("class", "").split()
    ]
    assert letters == ["AAN", "NA"]
    assert "<pattern" in first
    assert "<pattern" not in second  # both use those of the first
    assert first.count('class="cells"') == 2


def test_a_row_of_one_case_is_one_stroke() -> None:
    _, second = maps.svgs(SHOWN, "k")
    strokes = [node.get("d", "") for node in ET.fromstring(second).iter("path")]
    assert [d.count("M") for d in strokes] == [1, 1]


def test_names_of_columns_and_rows_stand_at_their_places() -> None:
    def labels(shown: CaseMap) -> list[tuple[str, str]]:
        root = ET.fromstring(maps.svgs(shown, "k")[0])
        texts = [node for node in root.iter("text") if node.get("class") in ("c", "e")]
        return [("".join(node.itertext()), f"{node.get('x')} at {node.get('y')}") for node in texts]

    assert labels(SHOWN) == [("123", "30 52 74 at 75"), ("12", "15 15 at 34 56")]
    longer = _with(lambda shown: shown.update(columns=["1", "2", "10"]))
    assert labels(longer)[:3] == [("1", "30 at 75"), ("2", "52 at 75"), ("10", "74 at 75")]


def test_the_legend_tells_of_cases_that_occur() -> None:
    assert [label for _, label in maps.legend(SHOWN, "k")] == ["A: always", "N: never"]


def test_the_picture_is_told_in_words() -> None:
    assert maps.describe(SHOWN, SHOWN["panels"][0]) == "Cases for m 1 to 3. n 1: A A N. n 2: N none A."
    assert "r = 2" in list(maps.text(SHOWN))


def _with(change: Callable[[Any], object]) -> CaseMap:
    shown = deepcopy(SHOWN)
    change(shown)
    return shown


MISFITS: dict[str, tuple[Callable[[Any], object], str]] = {
    "no columns": (lambda s: s.update(columns=[]), "columns"),
    "33 rows": (lambda s: s.update(rows=[str(k) for k in range(33)]), "rows"),
    "a long name": (lambda s: s["rows"].__setitem__(0, "x" * 13), "12 characters"),
    "two cases of one letter": (lambda s: s["cases"][1].update(key="A"), "repeats"),
    "a case without a letter": (lambda s: s["cases"][0].update(key="."), "one letter or digit"),
    "a row too few": (lambda s: s["panels"][0]["cells"].pop(), "each of 2 rows"),
    "a cell too many": (lambda s: s["panels"][0].update(cells=["AAAA", "AAA"]), "each of 3 columns"),
    "a letter of no case": (lambda s: s["panels"][1].update(cells=["AAQ", "AAA"]), "the key of no case"),
    "no panel": (lambda s: s.update(panels=[]), "panels"),
    "33 panels": (lambda s: s.update(panels=s["panels"][:1] * 33), "panels"),
}


@pytest.mark.once
@pytest.mark.parametrize("name", MISFITS)
def test_evidence_with_a_picture_that_does_not_fit_together_is_refused(name: str, tmp_path: Path, sample: Any) -> None:
    change, words = MISFITS[name]
    theorem = sample.events()[0]
    line = {
        "event": "picture",
        "theorem": theorem["theorem"],
        "name": "picture-1",
        "title": "t",
        "map": SHOWN,
        "verdict": "HOLDS",
    }
    path = tmp_path / "e.jsonl"
    with EvidenceWriter(path, sample.RUN) as writer:
        writer.write(theorem)
        writer.write(line)
        writer.finish(wall=1, exit=0)
    assert read_evidence(path).records[0].pictures[0]["map"] == SHOWN
    text = path.read_text("utf-8")
    written = next(one for one in text.splitlines() if '"picture-1"' in one)
    path.write_text(text.replace(written, json.dumps({**line, "map": _with(change)})), "utf-8")
    with pytest.raises(BadInput, match=words):
        read_evidence(path)
