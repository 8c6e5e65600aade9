"""The cases, run through the oracles and written as JSON (docs/vectors.md)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from fractions import Fraction
from pathlib import Path
from typing import Any

from ...oracles.certificates import write_text
from ...oracles.dynamics import (
    SAM,
    ClipEachTensor,
    ClipGlobalNorm,
    ClipValue,
    Grouped,
    Leaves,
    Optimizer,
    Vector,
    step,
)
from ...oracles.errors import BadInput
from ..descriptions import hyperparameters, optimizer_of, scheduled
from . import _adaptive_cases, _plain_cases
from ._cases import Case, Exact, Gradient, Point
from ._numbers import Tracked

VERSION = 1
DIGITS = 30
"""Of the ends of enclosures."""
_LONGEST = 300
"""An exact result with more characters is enclosed."""

Json = dict[str, Any]
Gradients = tuple[Vector | None, ...]


def cases() -> tuple[Case, ...]:
    """All of them, kind by kind."""
    return (*_plain_cases.CASES, *_adaptive_cases.CASES)


def vectors() -> dict[str, Json]:
    """The contents of every file but the index, by file name."""
    files: dict[str, Json] = {}
    for case in cases():
        file = files.setdefault(
            f"{case.kind}.json", {"flowlaw": "vectors", "version": VERSION, "kind": case.kind, "vectors": []}
        )
        file["vectors"].append(vector(case))
    return files


def fill(folder: Path) -> list[tuple[str, int]]:
    """Writes all files and then ``index.json``; returns each file with its number of vectors.

    Raises:
        BadInput: the folder cannot be made or written to.
    """
    texts = {name: _text(content) for name, content in vectors().items()}
    counts = {name: text.count('"says":') for name, text in texts.items()}
    index = {
        "flowlaw": "vectors-index",
        "version": VERSION,
        "files": [
            {"name": name, "sha256": hashlib.sha256(text.encode()).hexdigest(), "vectors": counts[name]}
            for name, text in texts.items()
        ],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {folder}: {error.strerror or error}. Choose another one.") from None
    for name, text in texts.items():
        write_text(folder / name, text)
    write_text(folder / "index.json", _text(index))
    return list(counts.items())


def vector(case: Case) -> Json:
    """One case with its results."""
    optimizer = [{**_all(group)} for group in case.groups]
    steps = case.steps if callable(case.gradients) else len(case.gradients)
    schedule = tuple(case.schedule) or (1,) * steps
    return {
        "id": case.id,
        "says": case.says,
        "optimizer": {"groups": [_strings(group) for group in optimizer]},
        "schedule": [_rational(factor) for factor in schedule],
        "transform": _strings(case.transform),
        "start": {name: [_rational(x) for x in values] for name, values in case.start.items()},
        "steps": _Run(case, optimizer, schedule).steps(),
    }


class _Run:
    """Twice the same run: in fractions where gradients depend on the point, and in tracked numbers."""

    def __init__(self, case: Case, groups: list[Json], schedule: Sequence[Exact]) -> None:
        self._case, self._schedule = case, schedule
        self._names = list(case.start)
        described = {"groups": groups}
        self._exact = optimizer_of(described, self._names, lambda x, _: x, case.id)
        self._tracked = optimizer_of(described, self._names, lambda x, _: Tracked.given(_fraction(x)), case.id)

    def steps(self) -> list[Json]:
        point = tuple(Vector(map(Tracked.given, values)) for values in self._case.start.values())
        exact = tuple(Vector(map(Fraction, values)) for values in self._case.start.values())
        state: Any = None
        exact_state: Any = None
        found: list[Json] = []
        for k, factor in enumerate(self._schedule):
            precise = scheduled(self._exact, Fraction(factor))
            tracked = scheduled(self._tracked, Tracked.given(factor))
            first = self._gradient(k, exact)
            ascent = None
            if (sam := _sam(tracked)) is not None:
                exact_sam = _sam(precise)
                assert exact_sam is not None
                there = sam.ascend(point, _given(first))
                ascent = {"gradients": self._said(first), "point": self._values(there), "units": self._units(there)}
                first = self._gradient(k, exact_sam.ascend(exact, first), second=True)
            point, state = step(tracked, point, _transformed(self._case.transform, _given(first), Tracked.given), state)
            if callable(self._case.gradients):
                changed = _transformed(self._case.transform, first, Fraction)
                exact, exact_state = step(precise, exact, changed, exact_state)
            found.append(
                {
                    "ascent": ascent,
                    "gradients": self._said(first),
                    "parameters": self._values(point),
                    "units": self._units(point),
                }
            )
        return found

    def _gradient(self, k: int, point: Leaves, *, second: bool = False) -> Gradients:
        gradients = self._case.gradients
        if callable(gradients):
            at: Point = {name: tuple(values) for name, values in zip(self._names, point, strict=True)}
            given: Gradient = gradients(k, at)
        else:
            given = gradients[(k + 1) % len(gradients) if second else k]
        rows = (given[name] for name in self._names)
        return tuple(None if row is None else Vector(map(Fraction, row)) for row in rows)

    def _said(self, gradients: Gradients) -> Json:
        return {
            name: None if row is None else [_rational(x) for x in row]
            for name, row in zip(self._names, gradients, strict=True)
        }

    def _values(self, point: Leaves) -> Json:
        return {name: [_enclosure(x) for x in values] for name, values in zip(self._names, point, strict=True)}

    def _units(self, point: Leaves) -> Json:
        return {
            name: [str(math.ceil(Tracked.of(x).units)) for x in values]
            for name, values in zip(self._names, point, strict=True)
        }


def _sam(optimizer: Optimizer) -> SAM | None:
    group = optimizer.groups[0] if isinstance(optimizer, Grouped) else optimizer
    return group if isinstance(group, SAM) else None


def _given(gradients: Gradients) -> tuple[Any, ...]:
    return tuple(None if row is None else row.map(Tracked.given) for row in gradients)


def _transformed(
    transform: Mapping[str, Any], gradients: Sequence[Any], number: Callable[[Any], Any]
) -> tuple[Any, ...]:
    return transformed({key: x if key == "kind" else number(x) for key, x in transform.items()}, gradients)


def transformed(transform: Mapping[str, Any], gradients: Sequence[Any]) -> tuple[Any, ...]:
    """The gradients after a transform that is described, in the numbers of its limits."""
    given = tuple(gradients)
    kind = transform["kind"]
    if kind == "clip-global-norm":
        return ClipGlobalNorm(limit=transform["limit"], eps=transform["eps"])(given)
    if kind == "clip-each-tensor":
        return ClipEachTensor(limit=transform["limit"], eps=transform["eps"])(given)
    return ClipValue(limit=transform["limit"])(given) if kind == "clip-value" else given


def _all(group: Mapping[str, Any]) -> Json:
    """A group with all its hyper-parameters."""
    defaults = {name: x for name, x in hyperparameters(group["kind"]).items() if x is not MISSING}
    return {**{"kind": group["kind"], "tensors": group["tensors"]}, **defaults, **group}


def _strings(data: Mapping[str, Any]) -> Json:
    def said(value: Any) -> Any:
        if isinstance(value, bool | str):
            return value
        if isinstance(value, list):
            return list(map(said, value))  # pyright: ignore[reportUnknownArgumentType]
        return _rational(value)

    return {key: said(value) for key, value in data.items()}


def _fraction(value: object) -> Fraction:
    assert isinstance(value, int | Fraction)
    return Fraction(value)


def _rational(value: Exact) -> str:
    return str(Fraction(value))


def _enclosure(value: Any) -> str | list[str]:
    number = Tracked.of(value)
    if number.low == number.high and len(exact := _rational(number.low)) <= _LONGEST:
        return exact
    return [_rational(_cut(number.low, math.floor)), _rational(_cut(number.high, math.ceil))]


def _cut(value: Fraction, rounded: Any) -> Fraction:
    """A multiple of ``10^-DIGITS``."""
    return Fraction(rounded(value * 10**DIGITS), 10**DIGITS)


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"
