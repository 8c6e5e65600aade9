"""Vectors from files: hashes checked, unknown fields refused, everything within bounds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from ...oracles.errors import BadInput, TooLarge
from ...oracles.text import shown
from ..descriptions import KINDS, hyperparameters, optimizer_of
from ._fill import VERSION

T = TypeVar("T")
Enclosure = tuple[Fraction, Fraction]
Rows = Mapping[str, tuple[Fraction, ...]]

FILE_BYTES = 2**24
"""The largest file."""
FILES = 1_000
"""The largest number of files of an index."""
ITEMS = 10_000
"""The longest list, and the largest number of tensors."""
CHARACTERS = 1_000
"""The longest text, numbers included."""
TRANSFORMS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "clip-global-norm": ("limit", "eps"),
    "clip-each-tensor": ("limit", "eps"),
    "clip-value": ("limit",),
}
"""What is done to gradients before the optimizer, each with its numbers."""
_RATIONAL = re.compile(r"-?(0|[1-9][0-9]*)(/[1-9][0-9]*)?\Z", re.ASCII)
_FILE = re.compile(r"[a-z0-9][a-z0-9-]{0,60}\.json\Z", re.ASCII)
_TENSOR = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,80}\Z", re.ASCII)
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ascent:
    """What SAM does before its step: the gradients at the parameters, and the point where it asks again."""

    gradients: Mapping[str, tuple[Fraction, ...] | None]
    point: Mapping[str, tuple[Enclosure, ...]]
    units: Rows


@dataclass(frozen=True, slots=True)
class Step:
    """What an optimizer is given in a step, and where the parameters are after it.

    ``units`` are multiples of the unit roundoff: how far from its enclosure a float result may be.
    """

    ascent: Ascent | None
    gradients: Mapping[str, tuple[Fraction, ...] | None]
    parameters: Mapping[str, tuple[Enclosure, ...]]
    units: Rows


@dataclass(frozen=True, slots=True)
class TestVector:
    """A run with its results; ``optimizer`` and ``transform`` as in the file, with fractions for numbers."""

    __test__ = False  # no test of pytest

    id: str
    says: str
    optimizer: Mapping[str, Any]
    schedule: tuple[Fraction, ...]
    transform: Mapping[str, Any]
    start: Rows
    steps: tuple[Step, ...]


class _Misfit(Exception):
    """Where a file departs from the format, and how."""


def read_folder(folder: Path) -> list[TestVector]:
    """The vectors of all files that ``index.json`` lists.

    Raises:
        BadInput: a file is missing, differs from its hash, or is not of the format.
    """
    index = _json(_content(folder / "index.json"), folder / "index.json")
    listed = _inside(folder / "index.json", lambda: _index(index))
    found: list[TestVector] = []
    for name, sha, count in listed:
        path = folder / name
        content = _content(path)
        if hashlib.sha256(content).hexdigest() != sha:
            raise BadInput(f"{path} is not what index.json says: its SHA-256 differs. Fill the folder again.")
        data = _json(content, path)
        vectors = _inside(path, partial(_file, data))
        if len(vectors) != count:
            raise BadInput(f"{path} has {len(vectors)} vectors and index.json says {count}. Fill the folder again.")
        found.extend(vectors)
    ids = [vector.id for vector in found]
    if twice := next((id for id in ids if ids.count(id) > 1), ""):
        raise BadInput(f"{folder} has the vector {twice} twice.")
    return found


def read_file(path: Path) -> list[TestVector]:
    """The vectors of one file, whose hash is not checked."""
    data = _json(_content(path), path)
    return _inside(path, lambda: _file(data))


def _content(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"{path} is no regular file. Give a folder that flowlaw fill wrote.")
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"Cannot read {path}: {reason}. Give a folder that flowlaw fill wrote.") from None
    if len(content) > FILE_BYTES:
        raise TooLarge(f"{path} is longer than {FILE_BYTES} bytes.")
    return content


def _json(content: bytes, path: Path) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("an object has a field twice")
        return dict(pairs)

    def refuse(token: str) -> NoReturn:
        raise ValueError(f"{shown(token)} where a text such as '3/2' belongs")

    try:
        parsed: object = json.loads(
            content.decode(), object_pairs_hook=unique, parse_constant=refuse, parse_float=refuse
        )
    except RecursionError:
        raise BadInput(f"{path} is nested too deeply.") from None
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {str(error)[:200]}.") from None
    return parsed


def _inside(path: Path, read: Callable[[], T]) -> T:
    try:
        return read()
    except _Misfit as misfit:
        raise BadInput(f"{path}: {misfit}. The format is in docs/vectors.md.") from None


def _index(data: object) -> list[tuple[str, str, int]]:
    fields = _object(data, "the file", "flowlaw", "version", "files")
    _version(fields, "vectors-index")
    found: list[tuple[str, str, int]] = []
    for position, item in enumerate(_list(fields["files"], "files")[:FILES]):
        where = f"files[{position}]"
        entry = _object(item, where, "name", "sha256", "vectors")
        name, sha, count = entry["name"], entry["sha256"], entry["vectors"]
        if not isinstance(name, str) or not _FILE.match(name) or name in {known for known, _, _ in found}:
            raise _Misfit(f"{where}.name is {_short(name)}, which is no name of a file or listed twice")
        if not isinstance(sha, str) or type(count) is not int:
            raise _Misfit(f"{where} needs a SHA-256 in hexadecimal and the number of vectors")
        found.append((name, sha, count))
    return found


def _file(data: object) -> list[TestVector]:
    fields = _object(data, "the file", "flowlaw", "version", "kind", "vectors")
    _version(fields, "vectors")
    kind = _text(fields["kind"], "kind")
    return [_vector(item, kind, f"vectors[{i}]") for i, item in enumerate(_list(fields["vectors"], "vectors"))]


def _version(fields: Mapping[str, object], what: str) -> None:
    if fields["flowlaw"] != what or type(fields["version"]) is not int or fields["version"] != VERSION:
        raise _Misfit(f'this needs "flowlaw": "{what}" and "version": {VERSION}')


def _vector(data: object, kind: str, where: str) -> TestVector:
    fields = _object(data, where, "id", "says", "optimizer", "schedule", "transform", "start", "steps")
    name = _text(fields["id"], f"{where}.id")
    if not _ID.match(name) or not name.startswith(f"{kind}."):
        raise _Misfit(f"{where}.id is {shown(name)}; ids are {kind}. and a name of small letters")
    start = _rows(fields["start"], f"{name}: start")
    optimizer = _optimizer(fields["optimizer"], kind, list(start), name)
    schedule = tuple(_rational(x, f"{name}: schedule") for x in _list(fields["schedule"], f"{name}: schedule"))
    sizes = {tensor: len(row) for tensor, row in start.items()}
    steps = tuple(
        _step(item, sizes, f"{name}: steps[{i}]") for i, item in enumerate(_list(fields["steps"], f"{name}: steps"))
    )
    if len(steps) != len(schedule):
        raise _Misfit(f"{name}: {len(steps)} steps and {len(schedule)} factors of the schedule")
    says = _text(fields["says"], f"{name}: says")
    return TestVector(name, says, optimizer, schedule, _transform(fields["transform"], name), start, steps)


def _optimizer(data: object, kind: str, names: list[str], where: str) -> Mapping[str, Any]:
    if kind not in KINDS:
        raise _Misfit(f"{where}: no optimizer is called {shown(kind)}; known are {', '.join(KINDS)}")
    every = ("kind", "tensors", *hyperparameters(kind))
    given = _object(data, f"{where}: optimizer", "groups")["groups"]
    for i, group in enumerate(_list(given, f"{where}: groups")):
        if _object(group, f"{where}: groups[{i}]", *every)["kind"] != kind:
            raise _Misfit(f"{where}: groups[{i}] is no {kind}")
    try:
        optimizer_of(cast(Any, data), names, lambda x, field: _rational(x, f"{where}: {field}"), where)
    except BadInput as error:
        raise _Misfit(str(error).rstrip(".")) from None
    groups = cast(list[Mapping[str, Any]], given)
    return {"groups": [{key: _parsed(value, key) for key, value in group.items()} for group in groups]}


def _parsed(value: Any, key: str) -> Any:
    if isinstance(value, bool) or key in ("kind", "tensors"):
        return value
    return [Fraction(x) for x in cast(list[str], value)] if isinstance(value, list) else Fraction(value)


def _transform(data: object, where: str) -> Mapping[str, Any]:
    given: dict[str, object] = cast(Any, data) if isinstance(data, dict) else {}
    kind = given.get("kind")
    if not isinstance(kind, str) or kind not in TRANSFORMS:
        raise _Misfit(f"{where}: the kind of transform is one of {', '.join(TRANSFORMS)}, not {_short(kind)}")
    fields = _object(given, f"{where}: transform", "kind", *TRANSFORMS[kind])
    return {"kind": kind, **{name: _rational(fields[name], f"{where}: {name}") for name in TRANSFORMS[kind]}}


def _step(data: object, sizes: Mapping[str, int], where: str) -> Step:
    fields = _object(data, where, "ascent", "gradients", "parameters", "units")
    ascent = None
    if fields["ascent"] is not None:
        found = _object(fields["ascent"], f"{where}.ascent", "gradients", "point", "units")
        ascent = Ascent(
            _gradients(found["gradients"], sizes, f"{where}.ascent.gradients"),
            _enclosures(found["point"], sizes, f"{where}.ascent.point"),
            _units(found["units"], sizes, f"{where}.ascent.units"),
        )
    return Step(
        ascent,
        _gradients(fields["gradients"], sizes, f"{where}.gradients"),
        _enclosures(fields["parameters"], sizes, f"{where}.parameters"),
        _units(fields["units"], sizes, f"{where}.units"),
    )


def _tensors(data: object, sizes: Mapping[str, int], where: str) -> dict[str, object]:
    return _object(data, where, *sizes)


def _row(data: object, size: int, where: str) -> list[object]:
    items = _list(data, where)
    if len(items) != size:
        raise _Misfit(f"{where} has {len(items)} entries instead of {size}")
    return items


def _gradients(data: object, sizes: Mapping[str, int], where: str) -> Mapping[str, tuple[Fraction, ...] | None]:
    return {
        name: None if row is None else tuple(_rational(x, where) for x in _row(row, sizes[name], where))
        for name, row in _tensors(data, sizes, where).items()
    }


def _enclosures(data: object, sizes: Mapping[str, int], where: str) -> Mapping[str, tuple[Enclosure, ...]]:
    def enclosure(value: object) -> Enclosure:
        if isinstance(value, str):
            return (exact := _rational(value, where)), exact
        low, high = (_rational(x, where) for x in _row(value, 2, where))
        if low > high:
            raise _Misfit(f"{where} has an enclosure whose ends are reversed")
        return low, high

    return {
        name: tuple(enclosure(x) for x in _row(row, sizes[name], where))
        for name, row in _tensors(data, sizes, where).items()
    }


def _units(data: object, sizes: Mapping[str, int], where: str) -> Rows:
    found = {
        name: tuple(_rational(x, where) for x in _row(row, sizes[name], where))
        for name, row in _tensors(data, sizes, where).items()
    }
    if any(x < 0 for row in found.values() for x in row):
        raise _Misfit(f"{where} has a bound below 0")
    return found


def _rows(data: object, where: str) -> Rows:
    if not isinstance(data, dict) or not 0 < len(cast(dict[str, object], data)) <= ITEMS:
        raise _Misfit(f"{where} should be an object with the tensors by name")
    rows = cast(dict[str, object], data)
    if odd := [name for name in rows if not _TENSOR.match(name)]:
        raise _Misfit(f"{where} names a tensor {shown(odd[0])}; use letters, digits, '.', '_' and '-'")
    return {name: tuple(_rational(x, where) for x in _list(row, where)) for name, row in rows.items()}


def _object(data: object, where: str, *names: str) -> dict[str, object]:
    if not isinstance(data, dict):
        raise _Misfit(f"{where} should be an object, not {_short(data)}")
    fields = cast(dict[str, object], data)
    if unknown := sorted(fields.keys() - set(names)):
        raise _Misfit(f"{where} has the unknown field {shown(unknown[0])}; known are {', '.join(names)}")
    if missing := sorted(set(names) - fields.keys()):
        raise _Misfit(f"{where} lacks the field {missing[0]!r}")
    return {name: fields[name] for name in names}


def _list(data: object, where: str) -> list[object]:
    if isinstance(data, list) and 0 < len(cast(list[object], data)) <= ITEMS:
        return cast(list[object], data)
    raise _Misfit(f"{where} should be a list of 1 to {ITEMS} items, not {_short(cast(Any, data))}")


def _text(data: object, where: str) -> str:
    if not isinstance(data, str) or not 0 < len(data) <= CHARACTERS:
        raise _Misfit(f"{where} should be a text of 1 to {CHARACTERS} characters, not {_short(data)}")
    return data


def _rational(data: object, where: str) -> Fraction:
    if isinstance(data, str) and len(data) <= CHARACTERS and _RATIONAL.match(data):
        return Fraction(data)
    raise _Misfit(f'{where} should be a rational number such as "-3/2", not {_short(data)}')


def _short(value: object) -> str:
    return shown(repr(value))
