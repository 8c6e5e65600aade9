"""The page: self-contained, safe, complete, and the same bytes for the same evidence."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from flowlaw.oracles.errors import FlowlawError
from flowlaw.reports import EvidenceWriter, read_evidence, write_report
from flowlaw.reports import page as page_module
from flowlaw.reports.page import render

VOID = {"meta", "link", "br", "input", "path", "mspace"}


class Outline(HTMLParser):
    """Ids, links and headings of a page; complains where tags do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self._open.pop() == tag, tag


@pytest.fixture(scope="module")
def text(page: Path) -> str:
    return page.read_text("utf-8")


def test_tags_close_and_ids_are_unique(text: str) -> None:
    outline = Outline(text)
    assert len(outline.ids) == len(set(outline.ids))


def test_every_theorem_has_its_id_as_anchor_and_every_link_leads_somewhere(text: str, sample: Any) -> None:
    outline = Outline(text)
    assert {theorem["theorem"] for theorem in sample.THEOREMS} <= set(outline.ids)
    assert all(link.startswith("#") for link in outline.links)
    assert {link[1:] for link in outline.links} <= set(outline.ids)


def test_nothing_is_fetched_and_no_script_runs(text: str) -> None:
    outline = Outline(text)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text
    sources = [value for _, name, value in outline.attributes if name in ("src", "href", "action", "data")]
    assert all(value.startswith(("#", "data:")) for value in sources)
    assert not [name for _, name, _ in outline.attributes if name.startswith("on")]
    assert re.findall(r"<script[^>]*>", text) == ['<script type="application/json" id="_json">']
    assert not re.findall(r"url\((?!#)", text)  # patterns of this page are not fetched
    assert "@import" not in text


def test_the_verdict_and_three_numbers_come_first(text: str) -> None:
    main = text[text.index("<main>") :]
    order = ["20 theorems, none refuted or violated.", "theorems proved", "random cases", "deliberate errors caught"]
    places = [main.index(words) for words in [*order, 'class="summary"', "<article", "What the words mean", "This run"]]
    assert places == sorted(places)


def test_a_theorem_is_told_in_order(text: str) -> None:
    article = text[text.index('<article aria-labelledby="A0.integrators"') :]
    article = article[: article.index("</article>")]
    parts = ["statement", "Hypotheses", "Source", "Derivation", "flowlaw verify certificates/", "Random cases"]
    parts += ["Worst case", "Simulations", '<svg class="plot"', '<table class="data"', "Negative controls"]
    places = [article.index(words) for words in [*parts, "Run it again", "flowlaw check A0.integrators --seed 0"]]
    assert places == sorted(places)


def test_the_same_evidence_gives_the_same_bytes(good: Path, sample: Any) -> None:
    evidence = read_evidence(good)
    assert render(evidence, formulas=sample.formulas()) == render(evidence, formulas=sample.formulas())


def test_there_is_a_date_only_if_the_environment_gives_one(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = read_evidence(good)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert "Page made" not in render(evidence)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert "1970-01-02" in render(evidence)


def test_a_failure_is_named_at_the_top_and_linked(bad: Path) -> None:
    text = render(read_evidence(bad))
    top = text[text.index("<main>") : text.index('class="summary"')]
    assert "20 theorems, 1 violated." in top
    assert 'href="#A1.relu.path-lifting.count:one-step"' in top
    assert 'href="#A1.loss-span:double"' in top
    assert "MISSED" in top


def test_an_unfinished_run_says_so(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes(good.read_bytes()[:-20])
    text = render(read_evidence(path))
    assert "The run did not finish." in text
    assert "its last line was cut off" in text


def test_hostile_evidence_stays_text(tmp_path: Path, sample: Any) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
    path = tmp_path / "e.jsonl"
    run = {**sample.RUN, "command": evil, "platform": evil, "packages": {evil: evil}, "selection": [evil]}
    with EvidenceWriter(path, run) as writer:
        for event in sample.events():
            texts = {
                key: evil
                for key in ("says", "title", "source", "summary", "reason", "detail", "replay")
                if key in event
            }
            if isinstance(event.get("statement"), str):
                texts["statement"] = evil
            writer.write({**event, **texts})
        writer.finish(wall=1, exit=0)
    text = render(read_evidence(path))
    outline = Outline(text)
    assert outline.tags.count("script") == 1
    assert "img" not in outline.tags
    assert not [name for _, name, _ in outline.attributes if name.startswith("on")]
    assert "49" not in re.findall(r"flowlaw 0\.1\.0.*", text)[0]


def test_the_summary_is_embedded_as_canonical_json(text: str, good: Path) -> None:
    embedded = re.findall(r'<script type="application/json" id="_json">(.*?)</script>', text, re.DOTALL)[0]
    data = json.loads(embedded)
    assert data["evidence_sha256"] == read_evidence(good).sha256
    assert data["totals"]["theorems"] == len(data["theorems"]) == 20
    assert json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == embedded


@pytest.mark.once
def test_a_hundred_theorems_fit_in_a_megabyte(sample: Any, tmp_path: Path) -> None:
    evidence = sample.write(tmp_path, theorems=100)
    write_report(evidence, tmp_path / "report.html", formulas=sample.formulas())
    assert (tmp_path / "report.html").stat().st_size <= 1_000_000


def test_a_page_that_would_be_too_large_shows_less_and_says_so(
    good: Path, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = read_evidence(good)
    full = render(evidence, formulas=sample.formulas())
    monkeypatch.setattr(page_module, "MAX_BYTES", len(full.encode()) - 1)
    tight = render(evidence, formulas=sample.formulas())
    assert "The first 10 of 120 rows; all are in the evidence file." in tight
    assert "The first" not in full
    assert len(tight) < len(full) - 10_000
    assert Outline(tight).ids == Outline(full).ids


def test_before_curves_are_left_out_certificates_and_formulas_of_steps_are(
    good: Path, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = read_evidence(good)
    full = render(evidence, formulas=sample.formulas())
    monkeypatch.setattr(page_module, "MAX_BYTES", len(full.encode()) - 1)
    tight = render(evidence, formulas=sample.formulas())
    monkeypatch.setattr(page_module, "MAX_BYTES", len(tight.encode()) - 1)
    drawn = render(evidence, formulas=sample.formulas())
    assert "certificates, formulas of steps and cases are left to the evidence file" in drawn
    assert drawn.count("<svg class=") == full.count("<svg class=") > 0
    assert len(drawn) < len(tight)
    assert set(Outline(drawn).ids) <= set(Outline(full).ids)


@pytest.mark.once
def test_a_page_that_would_still_be_too_large_keeps_every_sentence_and_verdict(
    good: Path, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = read_evidence(good)
    full = render(evidence, formulas=sample.formulas())
    monkeypatch.setattr(page_module, "MAX_BYTES", 1)
    bare = render(evidence, formulas=sample.formulas())
    assert "This page keeps to sentences, verdicts and numbers" in bare
    assert "<svg class=" not in bare
    assert bare.count('class="v v-proved"') >= len(evidence.records)
    assert {record.id for record in evidence.records} <= set(Outline(bare).ids) <= set(Outline(full).ids)
    assert len(bare) < 0.7 * len(full)


@pytest.fixture
def crowded(good: Path, sample: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page of a run that does not fit, with pages of theorems beside it."""
    evidence = read_evidence(good)
    full = len(render(evidence, formulas=sample.formulas()).encode())
    monkeypatch.setattr(page_module, "MAX_BYTES", full * 7 // 10)
    target = good.with_name("index.html")
    write_report(good, target, formulas=sample.formulas())
    return target


@pytest.mark.once
def test_a_page_that_is_too_large_gets_a_page_for_each_theorem(crowded: Path, good: Path, sample: Any) -> None:
    text, evidence = crowded.read_text("utf-8"), read_evidence(good)
    assert "the page of each theorem" in text
    assert len(text.encode()) <= page_module.MAX_BYTES
    folder = crowded.parent / "theorems"
    assert {path.name for path in folder.iterdir()} == {f"{record.id}.html" for record in evidence.records}
    for record in evidence.records:
        assert f"theorems/{record.id}.html" in Outline(text).links
    whole = Outline(render(evidence, formulas=sample.formulas()))
    alone = Outline((folder / "A1.two-layer-linear.count.html").read_text("utf-8"))
    own = {name for name in whole.ids if name.startswith("A1.two-layer-linear.count")}
    assert own <= set(alone.ids)
    assert "../index.html" in alone.links
    for link in alone.links:
        assert link.startswith("#") or (folder / link).exists(), link


@pytest.mark.once
def test_pages_of_theorems_go_when_one_page_holds_everything(
    crowded: Path, good: Path, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "MAX_BYTES", 10**7)
    write_report(good, crowded, formulas=sample.formulas())
    assert not (crowded.parent / "theorems").exists()
    assert "theorems/" not in crowded.read_text("utf-8")


@pytest.mark.once
def test_pages_that_are_not_ours_stay(crowded: Path, good: Path, sample: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = crowded.parent / "theorems" / "notes.html"
    other.write_text("<!doctype html><title>My notes</title>", "utf-8")
    monkeypatch.setattr(page_module, "MAX_BYTES", 10**7)
    write_report(good, crowded, formulas=sample.formulas())
    assert [path.name for path in (crowded.parent / "theorems").iterdir()] == ["notes.html"]


def test_what_failed_is_told_in_full_on_the_shortest_page_with_pictures(
    bad: Path, sample: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = read_evidence(bad)
    monkeypatch.setattr(page_module, "LEVELS", (page_module.SKETCH,))
    text = render(evidence, formulas=sample.formulas())
    ids = set(Outline(text).ids)
    for record in evidence.records:
        if record.missed or record.verdict in ("REFUTED", "VIOLATED"):
            assert {f"{record.id}:{one['name']}" for one in record.mutants} <= ids
    assert any(record.missed for record in evidence.records)


def test_an_id_that_is_no_plain_name_is_no_path(tmp_path: Path, sample: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in" / "e.jsonl"
    path.parent.mkdir()
    with EvidenceWriter(path, sample.RUN) as writer:
        writer.write({**sample.events()[0], "theorem": "target/law"})
        writer.finish(wall=1, exit=0)
    monkeypatch.setattr(page_module, "MAX_BYTES", 1)
    write_report(path, path.with_name("page.html"))
    assert [item.name for item in (path.parent / "page-theorems").iterdir()] == ["0.html"]


def test_neighbouring_steps_that_only_certify_an_instance_share_a_table(tmp_path: Path, sample: Any) -> None:
    path = tmp_path / "e.jsonl"
    certificate = {"file": "certificates/abc.json", "sha256": "abc", "claim": "rank 3", "bytes": 1234}
    step = {"event": "step", "theorem": "A0.conventions", "verdict": "PROVED", "says": "n = 1"}
    with EvidenceWriter(path, sample.RUN) as writer:
        writer.write(sample.events()[0])
        writer.write({**step, "index": 1, "formula": "x", "certificate": certificate})
        writer.write_all({**step, "index": k, "certificate": certificate} for k in range(2, 12))
        writer.write({**step, "index": 12, "verdict": "STATED"})
        writer.finish(wall=1, exit=0)
    text = render(read_evidence(path))
    assert text.count("flowlaw verify certificates/abc.json") == 1
    assert text.count("<td><code>abc</code></td>") == 10
    assert text.index("10 steps, each with a certificate") < text.index('<ol class="steps" start="12">')
    assert {f"A0.conventions:step-{k}" for k in range(1, 13)} <= set(Outline(text).ids)


def test_single_lines_are_replayed_by_one_pattern(good: Path) -> None:
    from flowlaw.reports._view import replays

    record = read_evidence(good).records[1]
    assert ("flowlaw replay A0.rank-certificate#NAME", ["orthogonal", "one-step"]) in replays(record)


def test_a_page_that_cannot_be_written_leaves_nothing_behind(good: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FlowlawError, match="Cannot write"):
        write_report(good, tmp_path / "file" / "report.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FlowlawError, match="Cannot write"):
        write_report(good, tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_formula_that_makes_no_sense_is_shown_not_raised(tmp_path: Path, sample: Any) -> None:
    path = tmp_path / "e.jsonl"
    with EvidenceWriter(path, sample.RUN) as writer:
        writer.write({**sample.events()[0], "statement": {"polynomial": [["1", [[9, 1]]]], "names": []}})
        writer.finish(wall=1, exit=3)
    assert "variable 9 with exponent 1" in render(read_evidence(path))
