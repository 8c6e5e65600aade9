"""The evidence file: what is written comes back, and nothing else is accepted."""

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, FlowlawError, TooLarge
from flowlaw.reports import EvidenceWriter, number, read_evidence
from flowlaw.reports import _lines as lines
from flowlaw.reports.events import SHAPES
from flowlaw.reports.evidence import canonical
from flowlaw.reports.numbers import as_float, show, value_of

RUN: Any = {
    "event": "run",
    "flowlaw": "0.1.0",
    "seed": 0,
    "profile": "quick",
    "device": "cpu",
    "selection": [],
    "python": "3.11.7",
    "platform": "Linux",
    "packages": {},
    "command": "flowlaw check",
}
THEOREM = {"event": "theorem", "theorem": "T.a", "title": "a", "source": "s", "status": "proved", "statement": "x"}
STEP = {"event": "step", "theorem": "T.a", "index": 1, "says": "so", "verdict": "PROVED"}


def write(path: Path, *events: Any) -> Path:
    with EvidenceWriter(path, RUN) as writer:
        writer.write_all(events)
        writer.finish(wall=1.5, exit=0)
    return path


def raw(path: Path, *texts: str) -> Path:
    path.write_text("".join(text + "\n" for text in texts), "utf-8")
    return path


@given(st.floats() | st.fractions() | st.integers())
def test_a_number_comes_back_exactly(value: Any) -> None:
    back = value_of(number(value))
    assert back == value or (math.isnan(value) and math.isnan(as_float(number(value))))
    if value == 0:
        assert math.copysign(1, value) == math.copysign(1, back) or isinstance(back, int)


@pytest.mark.parametrize(
    ("spelled", "shown"),
    [
        (0, "0"),
        ("0", "0"),
        ("-3/2", "−3/2"),
        (0.31, "0.31"),
        (9.996, "10"),
        (0.999, "1.0"),
        (3.14159e-15, "3.1 × 10⁻¹⁵"),
        (12345.678, "1.2 × 10⁴"),
        (1234.5, "1234"),
        (2.0, "2"),
        ("1e-400", "1.0 × 10⁻⁴⁰⁰"),
        ("nan", "NaN"),
        ("-inf", "−∞"),
        (None, "–"),
    ],
)
def test_numbers_are_shown_as_people_write_them(spelled: Any, shown: str) -> None:
    assert show(spelled) == shown


def test_a_rational_too_long_to_read_keeps_seventeen_digits() -> None:
    assert number(Fraction(1, 3**5000)) == "2.4758618143895701e-2386"
    assert as_float(number(Fraction(10**5000))) == math.inf


def test_what_is_written_is_read_back(good: Path, sample: Any) -> None:
    evidence = read_evidence(good)
    assert [record.id for record in evidence.records] == [theorem["theorem"] for theorem in sample.THEOREMS]
    assert evidence.end is not None
    assert not evidence.truncated
    assert evidence.tally()["mutants"] == 54
    again = [json.loads(line) for line in good.read_text("utf-8").splitlines()]
    assert [canonical(event) for event in again] == good.read_text("utf-8").splitlines()


def test_floats_that_are_not_finite_are_spelled_out(tmp_path: Path) -> None:
    simulation = {
        "event": "simulation",
        "theorem": "T.a",
        "name": "s",
        "says": "",
        "verdict": "HOLDS",
        "residual": math.nan,
        "bound": Fraction(1, 3),
        "plots": [
            {
                "title": "",
                "x": {"label": "", "scale": "linear"},
                "y": {"label": "", "scale": "log"},
                "series": [{"label": "", "kind": "line", "points": [(0, math.inf), (1, -math.inf)]}],
            }
        ],
    }
    path = write(tmp_path / "e.jsonl", THEOREM, simulation)
    text = path.read_text("utf-8")
    assert '"residual":"nan"' in text
    assert '"bound":"1/3"' in text
    assert '[0,"inf"],[1,"-inf"]' in text
    assert math.isnan(as_float(read_evidence(path).records[0].simulations[0].get("residual", 0) or 0))


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"event":"surprise"}', "unknown kind"),
        ('{"event":"step","theorem":"T.a","index":1,"says":"","verdict":"PROVED","extra":1}', "unknown field 'extra'"),
        ('{"event":"step","theorem":"T.a","index":1,"verdict":"PROVED"}', "lacks the field 'says'"),
        ('{"event":"step","theorem":"T.a","index":1,"says":"","verdict":"HOLDS"}', "'verdict' should be one of"),
        ('{"event":"step","theorem":"T.a","index":true,"says":"","verdict":"PROVED"}', "'index' should be an integer"),
        ('{"event":"step","theorem":"T.b","index":1,"says":"","verdict":"PROVED"}', "no 'theorem' event"),
        ('{"event":"step","theorem":"a b","index":1,"says":"","verdict":"PROVED"}', "'theorem' should be letters"),
        (json.dumps(RUN), "repeats the run"),
        (json.dumps(THEOREM), "repeats the theorem T.a"),
        ('{"event":"theorem","event":"end"}', "occurs twice"),
        ('{"event":NaN}', "spell it"),
        ('{"event":1e999}', "beyond the range of floats"),
        ('{"event":"theorem","title":"\\ud800"}', "lacks the field"),
        (json.dumps({**THEOREM, "theorem": "T.c", "title": "\ud800"}), "half a surrogate"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "not valid JSON"),
        ("[]", "not an object"),
        ("{", "not valid JSON"),
        ('{"event":{"a":1}}', "unknown kind"),
    ],
)
def test_a_line_that_is_no_event_is_refused_with_its_number(tmp_path: Path, line: str, complaint: str) -> None:
    path = raw(tmp_path / "e.jsonl", json.dumps(RUN), json.dumps(THEOREM), line)
    with pytest.raises(BadInput, match="line 3") as caught:
        read_evidence(path)
    assert complaint in str(caught.value)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_bytes(json.dumps(RUN).encode() + b'\n{"event":"\xff"}\n')
    with pytest.raises(BadInput, match="UTF-8"):
        read_evidence(path)


@given(st.data())
def test_a_corrupted_line_is_read_or_refused_but_never_crashes(data: st.DataObject) -> None:
    line = json.dumps({**STEP, "formula": {"matrix": [["1", "2/3"]]}, "certificate": None})
    start = data.draw(st.integers(0, len(line)))
    stop = data.draw(st.integers(start, len(line)))
    spoiled = line[:start] + data.draw(st.text(max_size=6)) + line[stop:]
    try:
        event = lines.check(lines.parse(spoiled.encode("utf-8", "replace")))
    except lines.MisfitError:
        return
    assert lines.check(json.loads(canonical(event))) == event


def test_events_after_the_end_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "e.jsonl", THEOREM, STEP)
    with path.open("a") as stream:
        stream.write(json.dumps({**THEOREM, "theorem": "T.b"}) + "\n")
    with pytest.raises(BadInput, match="after the 'end'"):
        read_evidence(path)


def test_counts_that_do_not_agree_with_the_lines_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "e.jsonl", THEOREM, {**STEP, "verdict": "REFUTED"})
    spoiled = raw(tmp_path / "f.jsonl", *path.read_text().replace('"refuted":1', '"refuted":0').splitlines())
    with pytest.raises(BadInput, match="0 refuted, its lines give 1"):
        read_evidence(spoiled)


def test_an_empty_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("empty", "missing", "."):
        with pytest.raises(BadInput):
            read_evidence(tmp_path / name)


def test_limits_are_checked_before_parsing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raw(tmp_path / "e.jsonl", json.dumps(RUN), json.dumps(THEOREM), json.dumps(STEP))
    for limit, value in (("MAX_LINES", 2), ("MAX_LINE", 150), ("MAX_BYTES", 300)):
        with monkeypatch.context() as patch:
            patch.setattr(lines, limit, value)
            with pytest.raises(TooLarge):
                read_evidence(path)


def test_a_truncated_last_line_is_dropped(good: Path, tmp_path: Path) -> None:
    text = good.read_bytes()
    path = tmp_path / "cut.jsonl"
    path.write_bytes(text[:-20])
    evidence = read_evidence(path)
    assert evidence.truncated
    assert evidence.end is None
    assert len(evidence.records) == 20


def test_nothing_appears_under_the_name_before_the_run_ends(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "e.jsonl"
    with EvidenceWriter(path, RUN) as writer:
        writer.write_all([THEOREM, STEP])
        assert not path.exists()
        assert len(writer.partial.read_text().splitlines()) == 3
        writer.finish(wall=0.1, exit=0)
    assert path.exists()
    assert not writer.partial.exists()
    assert read_evidence(path).tally()["proved"] == 1


def test_an_interrupted_run_goes_on_behind_its_last_complete_theorem(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    second = {**THEOREM, "theorem": "T.b"}
    with EvidenceWriter(path, RUN) as writer:
        writer.write_all([THEOREM, STEP, second])
    with writer.partial.open("ab") as stream:
        stream.write(b'{"event":"st')
    with EvidenceWriter(path, RUN, resume=True) as writer:
        assert [record.id for record in writer.recorded] == ["T.a"]
        writer.write_all([second, {**STEP, "theorem": "T.b"}])
        writer.finish(wall=0.1, exit=0)
    uninterrupted = write(tmp_path / "f.jsonl", THEOREM, STEP, second, {**STEP, "theorem": "T.b"})
    assert path.read_text().splitlines()[:-1] == uninterrupted.read_text().splitlines()[:-1]


def test_a_partial_file_of_another_run_is_not_continued(tmp_path: Path) -> None:
    with EvidenceWriter(tmp_path / "e.jsonl", RUN) as writer:
        writer.write(THEOREM)
    with pytest.raises(BadInput, match="seed = 0, this one has 1"):
        EvidenceWriter(tmp_path / "e.jsonl", {**RUN, "seed": 1}, resume=True)
    assert writer.partial.exists()


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None: ...

    writer = EvidenceWriter(tmp_path / "e.jsonl", RUN)
    writer.close()
    writer._stream = Full()  # type: ignore[assignment]  # pyright: ignore
    with pytest.raises(FlowlawError, match="No space left on device"):
        writer.write(THEOREM)


def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FlowlawError, match="choose another folder"):
        EvidenceWriter(tmp_path / "file" / "e.jsonl", RUN)


def test_a_wrong_event_is_refused_by_the_writer_too(tmp_path: Path) -> None:
    with EvidenceWriter(tmp_path / "e.jsonl", RUN) as writer, pytest.raises(BadInput, match="not an evidence event"):
        writer.write({**STEP, "theorem": "T.nobody"})


def test_every_field_of_the_format_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text("utf-8")
    for kind, shape in SHAPES.items():
        section = text.split(f"### `{kind}`")[1].split("\n### ")[0]
        for field in shape.__annotations__:
            assert f"`{field}`" in section, f"{kind}.{field}"


def test_importing_the_reports_loads_no_template_engine() -> None:
    import subprocess
    import sys

    code = "import sys, flowlaw.reports; sys.exit(any(m in sys.modules for m in ('jinja2', 'sympy', 'torch', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
