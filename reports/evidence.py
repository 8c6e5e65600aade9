"""Reading and writing evidence: JSON Lines, one verdict a line (docs/evidence.md).

Writing goes line by line into ``FILE.partial``, which becomes ``FILE`` in one rename when the run ends. A run that was
interrupted is taken up again where it stopped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NoReturn, Self, cast

from ..oracles.errors import BadInput, FlowlawError, TooLarge
from ._lines import MAX_LINE, Reading, Sequel, check, plain
from ._lines import canonical as canonical
from ._records import Evidence as Evidence
from ._records import Record as Record
from ._records import disagreement
from ._records import group as group
from ._records import tally as tally
from ._shapes import MisfitError
from .events import Event, Run
from .numbers import number as number


def read_evidence(path: str | os.PathLike[str]) -> Evidence:
    """Reads and checks an evidence file.

    A last line without an end of line is dropped: it was being written when the run stopped.

    Raises:
        BadInput: the file cannot be read, is too large, or some line is not an event of the format.
    """
    source = Path(path)
    events, reading = _read(source)
    if not events:
        raise BadInput(f"{source} holds no evidence, not even the first line. Run flowlaw check again.")
    end = events[-1] if events[-1]["event"] == "end" else None
    records = group(events)
    if end is not None and (wrong := disagreement(end, tally(records))):
        raise BadInput(f"{source}: the last line says {wrong}. The file was edited or lines are missing; run it again.")
    return Evidence(cast(Run, events[0]), records, end, reading.truncated, reading.sha256.hexdigest())


class EvidenceWriter:
    """Writes events as they come, each checked and flushed; a context manager.

    >>> with EvidenceWriter("evidence.jsonl", run) as writer:         # doctest: +SKIP
    ...     writer.write_all(events_of_one_theorem)
    ...     writer.finish(wall=12.3, exit=0)

    Events collect in ``path`` + ``.partial``. ``finish`` writes the ``end`` event and renames the file; leaving the
    context without it keeps the partial file. With ``resume`` an earlier partial file of the same run is continued:
    ``recorded`` then holds the theorems that are complete. The last theorem of a partial file may lack lines, so it is
    dropped and has to run again.

    Raises:
        BadInput: an event is not of the format, or ``resume`` found the partial file of another run.
        FlowlawError: the file cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], run: Mapping[str, Any] | Run, *, resume: bool = False) -> None:
        self.path = Path(path)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self._sequel = Sequel()
        self._events: list[Event] = []
        self._stream: BinaryIO | None = None
        kept, size = self._kept(run) if resume and self.partial.exists() else ([], 0)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.partial.open("ab")
            self._stream.truncate(size)
        except OSError as error:
            self._refuse(error)
        for event in kept:
            self._sequel.admit(event)
        self._events.extend(kept)
        self.recorded = group(kept)
        if not kept:
            self.write(run)

    def write(self, event: Mapping[str, Any] | Event) -> None:
        """Appends one event and flushes it. Floats that are not finite, rationals and tuples are spelled out."""
        try:
            checked = check(plain(event))
            self._sequel.admit(checked)
        except MisfitError as misfit:
            raise BadInput(f"This is not an evidence event: {misfit}.") from None
        self._append(checked)

    def write_all(self, events: Iterable[Mapping[str, Any] | Event]) -> None:
        """Appends the events of one theorem."""
        for event in events:
            self.write(event)

    def records(self) -> tuple[Record, ...]:
        """What has been written so far, theorem by theorem."""
        return group(self._events)

    def finish(self, *, wall: float, exit: int) -> Evidence:
        """Writes the ``end`` event with its counts, renames the file, and returns what is now in it."""
        counts = tally(group(self._events))
        self.write({"event": "end", **counts, "seconds": {"wall": wall}, "exit": exit})
        stream = self._stream
        assert stream is not None
        try:
            os.fsync(stream.fileno())
            stream.close()
            os.replace(self.partial, self.path)
        except OSError as error:
            self._refuse(error)
        self._stream = None
        return read_evidence(self.path)

    def close(self) -> None:
        """Closes the partial file and leaves it in place; does nothing after ``finish``."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _kept(self, run: Mapping[str, Any] | Run) -> tuple[list[Event], int]:
        """The events of the partial file before its last theorem, and their size in bytes."""
        events, reading = _read(self.partial)
        if not events:
            return [], 0
        before, now = cast(dict[str, object], events[0]), cast(dict[str, object], plain(run))
        for key in sorted(before.keys() | now.keys()):
            if key != "command" and before.get(key) != now.get(key):
                raise BadInput(
                    f"{self.partial} holds an interrupted run with {key} = {before.get(key)!r}, this one has "
                    f"{now.get(key)!r}. Start it with the same options, or remove that file."
                )
        starts = [index for index, event in enumerate(events) if event["event"] == "theorem"]
        count = starts[-1] if starts else 1
        return events[:count], reading.ends[count - 1]

    def _append(self, event: Event) -> None:
        if self._stream is None:
            raise ValueError("the evidence file is closed")
        line = (canonical(event) + "\n").encode()
        if len(line) > MAX_LINE:
            raise TooLarge(f"An evidence event has {len(line):,} bytes, more than {MAX_LINE:,}. Thin out its plots.")
        try:
            self._stream.write(line)
            self._stream.flush()
        except OSError as error:
            self._refuse(error)
        self._events.append(event)

    def _refuse(self, error: OSError) -> NoReturn:
        raise FlowlawError(
            f"Cannot write {self.path}: {error.strerror}. Free some space or choose another folder with --out."
        ) from None


def _read(path: Path) -> tuple[list[Event], Reading]:
    try:
        with path.open("rb") as stream:
            reading = Reading(path, stream)
            return list(reading.events()), reading
    except OSError as error:
        raise BadInput(f"Cannot read the evidence file {path}: {error.strerror}. Check its name and rights.") from None
