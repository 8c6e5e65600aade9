"""Files of vectors that are not what they should be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.gate import vectors
from flowlaw.oracles.errors import BadInput

Json = Any


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    vectors.fill(folder)
    return folder


def test_what_is_written_is_read(written: Path) -> None:
    assert len(vectors.read_file(written / "sgd.json")) == 20


def put(path: list[Any], value: Json) -> Callable[[Json], None]:
    def change(content: Json) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


def drop(*path: Any) -> Callable[[Json], None]:
    def change(content: Json) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


FIRST = ["vectors", 0]
STEP = [*FIRST, "steps", 0]
GROUP = [*FIRST, "optimizer", "groups", 0]
DAMAGE: dict[str, tuple[Callable[[Json], None], str]] = {
    "unknown field": (put(["comment"], "hi"), "unknown field 'comment'"),
    "unknown field of a vector": (put([*FIRST, "tolerance"], "1"), "unknown field 'tolerance'"),
    "unknown field of a step": (put([*STEP, "loss"], "1"), "unknown field 'loss'"),
    "unknown hyper-parameter": (put([*GROUP, "amsgrad"], True), "unknown field 'amsgrad'"),
    "missing hyper-parameter": (drop(*GROUP, "dampening"), "lacks the field 'dampening'"),
    "missing field": (drop(*FIRST, "schedule"), "lacks the field 'schedule'"),
    "another version": (put(["version"], 2), '"version": 1'),
    "version true": (put(["version"], True), '"version": 1'),
    "another file": (put(["flowlaw"], "certificate"), '"flowlaw": "vectors"'),
    "unknown kind": (put(["kind"], "adamax"), "adamax"),
    "kind of a group": (put([*GROUP, "kind"], "sgdw"), "no sgd"),
    "id": (put([*FIRST, "id"], "sgd.UPPER"), "sgd.UPPER"),
    "a float": (put([*GROUP, "lr"], 0.5), "3/2"),
    "an integer": (put([*GROUP, "lr"], 1), "rational"),
    "NaN": (put([*GROUP, "lr"], float("nan")), "3/2"),
    "a decimal": (put([*GROUP, "lr"], "0.5"), "rational"),
    "an exponent": (put([*GROUP, "lr"], "1e999999999"), "rational"),
    "division by 0": (put([*GROUP, "lr"], "1/0"), "rational"),
    "other digits": (put([*GROUP, "lr"], "٣"), "rational"),
    "a long number": (put([*GROUP, "lr"], "1" * 1001), "rational"),
    "a switch as text": (put([*GROUP, "nesterov"], "yes"), "true or false"),
    "Nesterov without momentum": (put([*GROUP, "nesterov"], True), "Nesterov"),
    "a tensor in no group": (put([*GROUP, "tensors"], ["w"]), "'b' is in no group"),
    "a tensor in two groups": (put([*GROUP, "tensors"], ["w", "b", "w"]), "two groups"),
    "name of a tensor": (put([*FIRST, "start"], {"gradient:w": ["1"]}), "gradient:w"),
    "no tensors": (put([*FIRST, "start"], {}), "tensors by name"),
    "transform": (put([*FIRST, "transform"], {"kind": "noise"}), "noise"),
    "transform without limit": (put([*FIRST, "transform"], {"kind": "clip-value"}), "'limit'"),
    "steps and schedule": (put([*FIRST, "schedule"], ["1"]), "4 steps and 1 factors"),
    "no steps": (put([*FIRST, "steps"], []), "list of 1"),
    "length of a row": (put([*STEP, "gradients", "w"], ["1", "2"]), "2 entries instead of 3"),
    "other tensors": (put([*STEP, "gradients", "c"], ["1"]), "unknown field 'c'"),
    "a lost result": (drop(*STEP, "parameters", "b"), "lacks the field 'b'"),
    "reversed enclosure": (put([*STEP, "parameters", "w", 0], ["2", "1"]), "reversed"),
    "half an enclosure": (put([*STEP, "parameters", "w", 0], ["2"]), "1 entries instead of 2"),
    "a bound below 0": (put([*STEP, "units", "w", 0], "-1"), "below 0"),
    "nested": (put([*STEP, "gradients", "w"], [["1"], ["1"], ["1"]]), "rational"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_refused_by_name(written: Path, tmp_path: Path, name: str) -> None:
    change, says = DAMAGE[name]
    content = json.loads((written / "sgd.json").read_text())
    change(content)
    path = tmp_path / "sgd.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BadInput) as refused:
        vectors.read_file(path)
    assert says in str(refused.value)
    assert "sgd.json" in str(refused.value)
    assert len(str(refused.value)) < 800


TEXTS = {
    "empty": b"",
    "no JSON": b"{",
    "nested": b"[" * 100_000,
    "no UTF-8": b"\xff{}",
    "a field twice": b'{"flowlaw": "vectors", "flowlaw": "vectors"}',
    "a list": b"[]",
    "null": b"null",
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_file_of_vectors_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "sgd.json"
    path.write_bytes(TEXTS[name])
    with pytest.raises(BadInput, match=r"sgd\.json"):
        vectors.read_file(path)


@pytest.mark.once
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_any_json_is_refused_calmly(tmp_path_factory: pytest.TempPathFactory, content: Json) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BadInput):
        vectors.read_file(path)


def index(folder: Path, *entries: dict[str, Any]) -> None:
    content = {"flowlaw": "vectors-index", "version": 1, "files": list(entries)}
    (folder / "index.json").write_text(json.dumps(content))


def test_a_file_that_was_changed_is_refused(written: Path, tmp_path: Path) -> None:
    text = (written / "span.json").read_text()
    (tmp_path / "span.json").write_text(text.replace('"1/10"', '"1/11"', 1))
    index(tmp_path, {"name": "span.json", "sha256": hashlib.sha256(text.encode()).hexdigest(), "vectors": 2})
    with pytest.raises(BadInput, match="SHA-256 differs"):
        vectors.read_folder(tmp_path)


def test_the_index_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    for name in ("../span.json", "/etc/passwd", "a/b.json", ".json", "index.json\n"):
        index(tmp_path, {"name": name, "sha256": "0" * 64, "vectors": 1})
        with pytest.raises(BadInput, match="no name of a file"):
            vectors.read_folder(tmp_path)


def test_a_vector_twice_and_a_wrong_count_are_refused(written: Path, tmp_path: Path) -> None:
    text = (written / "span.json").read_text()
    sha = hashlib.sha256(text.encode()).hexdigest()
    for name in ("one.json", "two.json"):
        (tmp_path / name).write_text(text)
    index(tmp_path, *({"name": name, "sha256": sha, "vectors": 2} for name in ("one.json", "two.json")))
    with pytest.raises(BadInput, match=r"span\.two-gradients twice"):
        vectors.read_folder(tmp_path)
    index(tmp_path, {"name": "one.json", "sha256": sha, "vectors": 3})
    with pytest.raises(BadInput, match="says 3"):
        vectors.read_folder(tmp_path)


@pytest.mark.parametrize("name", ["index.json", "nosuch"])
def test_a_folder_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "index.json").mkdir()
    with pytest.raises(BadInput, match="flowlaw fill"):
        vectors.read_folder(tmp_path / name if name == "nosuch" else tmp_path)
