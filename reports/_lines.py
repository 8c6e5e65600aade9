"""One line of evidence: canonical JSON, bounded, of the closed format (docs/evidence.md)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

from ..oracles.errors import BadInput, TooLarge
from . import maps
from ._shapes import MisfitError, checker
from .events import SHAPES, CaseMap, Event
from .numbers import number

MAX_LINE = 4 * 2**20
MAX_LINES = 200_000
MAX_BYTES = 128 * 2**20
MAX_DEPTH = 12


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}\Z")
_ID = re.compile(rf"(?:[A-Za-z0-9][A-Za-z0-9._-]{{0,119}}/)?{_NAME.pattern}")
"""A theorem, or a law as a target is checked for it: ``target/law``."""


def canonical(value: object) -> str:
    """``value`` as canonical JSON: sorted keys, no spaces, no NaN or infinity tokens, shortest floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


class Sequel:
    """What was said so far, so that events come in order and nothing is said twice."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str, str]] = set()
        self._ended = False

    def admit(self, event: Event) -> None:
        """Notes the event.

        Raises:
            MisfitError: it may not come here.
        """
        fields = cast(dict[str, Any], event)
        kind, theorem = str(fields["event"]), str(fields.get("theorem", ""))
        key = (kind, theorem, str(fields.get("name", fields.get("index", ""))))
        if not self._keys and kind != "run":
            raise MisfitError("", "should be a 'run' event, since it is the first")
        if self._ended:
            raise MisfitError("", "comes after the 'end' event")
        if key in self._keys:
            raise MisfitError("", f"repeats the {kind} {' '.join(filter(None, key[1:]))}".rstrip())
        if kind not in ("run", "theorem", "end") and ("theorem", theorem, "") not in self._keys:
            raise MisfitError("", f"is about the theorem {theorem[:80]!r}, which no 'theorem' event has introduced")
        self._keys.add(key)
        self._ended = kind == "end"


class Reading:
    """One pass over a file of events, line by line and within bounds.

    ``truncated`` says whether a last line without an end of line was dropped; ``ends`` holds the offset behind each
    event; ``sha256`` is of the lines that were read.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self.path = path
        self.stream = stream
        self.truncated = False
        self.ends: list[int] = []
        self.sha256 = hashlib.sha256()

    def events(self) -> Iterator[Event]:
        """The events, each checked.

        Raises:
            BadInput: a line is not an event, or may not come where it stands; the message gives its number.
            TooLarge: a limit on lines or bytes is passed.
        """
        size, sequel = 0, Sequel()
        for count in range(1, MAX_LINES + 2):
            line = self.stream.readline(MAX_LINE + 1)
            size += len(line)
            if not line:
                return
            if len(line) > MAX_LINE or size > MAX_BYTES or count > MAX_LINES:
                raise TooLarge(
                    f"{self.path}, line {count}: evidence is limited to {MAX_LINE:,} bytes a line, {MAX_LINES:,} lines "
                    f"and {MAX_BYTES:,} bytes. Split the run into several selections."
                )
            if not line.endswith(b"\n"):
                self.truncated = True
                return
            self.sha256.update(line)
            try:
                event = check(parse(line))
                sequel.admit(event)
            except MisfitError as misfit:
                raise BadInput(f"{self.path}, line {count}: {misfit}. See docs/evidence.md for the format.") from None
            self.ends.append(size)
            yield event


def check(value: object) -> Event:
    """``value`` as an event of the closed format.

    Raises:
        MisfitError: it is none.
    """
    if not isinstance(value, dict):
        raise MisfitError("", "is not an object")
    fields = cast(dict[str, object], value)
    kind = fields.get("event")
    if not isinstance(kind, str) or kind not in SHAPES:
        raise MisfitError("", f"is of the unknown kind {str(kind)[:40]!r}; known are {', '.join(SHAPES)}")
    checker(SHAPES[kind])(fields)
    for key, pattern in (("theorem", _ID), ("name", _NAME)):
        if key in fields and not pattern.match(text := str(fields[key])):
            raise MisfitError(f".{key}", f"should be letters, digits, '.', '_' and '-', not {text[:60]!r}")
    _check_text(fields)
    if kind == "picture":
        try:
            maps.check(cast(CaseMap, fields["map"]))
        except MisfitError as misfit:
            raise misfit.inside(".map") from None
    return cast(Event, fields)


def plain(value: object) -> object:
    """``value`` with tuples as lists, rationals and floats that are not finite spelled out."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast(Mapping[object, object], value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast(Iterable[object], value)]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Fraction):
        return number(value)
    if isinstance(value, float):
        return float(value) if value - value == 0 else number(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return value


def parse(line: bytes) -> object:
    try:
        return json.loads(line.decode(), object_pairs_hook=_distinct, parse_constant=_no_token, parse_float=_finite)
    except UnicodeDecodeError:
        raise MisfitError("", "is not UTF-8 text") from None
    except RecursionError:
        raise MisfitError("", "is nested too deeply") from None
    except ValueError as error:
        raise MisfitError("", f"is not valid JSON ({str(error)[:120]})") from None


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field occurs twice")
    return fields


def _no_token(token: str) -> NoReturn:
    raise ValueError(f'{token} is not JSON; spell it "nan", "inf" or "-inf"')


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]} is beyond the range of floats")
    return value


def _check_text(value: object, depth: int = 0) -> None:
    """Refuses what cannot be written as UTF-8 and nesting that no event has."""
    if depth > MAX_DEPTH:
        raise MisfitError("", "is nested too deeply")
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise MisfitError("", "has half a surrogate pair in a string")
    elif isinstance(value, (list, dict)):
        items = cast(Iterable[object], [*value.keys(), *value.values()] if isinstance(value, dict) else value)
        for item in items:
            _check_text(item, depth + 1)
