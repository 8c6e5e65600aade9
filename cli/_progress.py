"""What a person sees while theorems are checked: one line for each, and on a terminal what is running now."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

import click

if TYPE_CHECKING:
    from rich.status import Status

    from ..reports.events import Event

COLOURS = {"PROVED": "green", "HOLDS": "green", "SKIPPED": "yellow", "REFUTED": "red", "VIOLATED": "red"}


class Waiting:
    """Says on a terminal what is going on, beside what the command prints; a context manager."""

    def __init__(self, first: str) -> None:
        self.first = first
        self.status: Status | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console

            self.status = Console(stderr=True).status(self.first)
            self.status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is not None:
            self.status.stop()

    def says(self, what: str) -> None:
        """What is going on now."""
        if self.status is not None:
            self.status.update(what)


class Progress:
    """Prints a line for each theorem of ``names``, in that order; a context manager."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.number = 0
        self.status: Status | None = None

    def __enter__(self) -> Self:
        if sys.stdout.isatty() and self.names:
            from rich.console import Console

            self.status = Console().status(self._running())
            self.status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is not None:
            self.status.stop()

    def line(self, events: Sequence[Mapping[str, object]], seconds: float) -> None:
        """Says what came out of the next theorem."""
        from ..reports.evidence import group

        self.number += 1
        (record,) = group(cast("list[Event]", events))
        caught = f"{len(record.tried) - len(record.missed)}/{len(record.tried)} mutants caught"
        cases = sum(prop["cases"] for prop in record.properties)
        proved = sum(step["verdict"] == "PROVED" for step in record.steps)
        total = len(self.names)
        if self.status is not None:
            self.status.stop()
        click.echo(
            f"[{self.number:>{len(str(total))}}/{total}] "
            + click.style(f"{record.verdict:<8}", fg=COLOURS.get(record.verdict), bold=True)
            + f" {record.id}  {proved} certificates, {cases} cases, {caught}, {seconds:.1f} s"
        )
        if self.status is not None and self.number < total:
            self.status.update(self._running())
            self.status.start()

    def _running(self) -> str:
        return f"{self.names[self.number]} ({self.number + 1} of {len(self.names)})"
