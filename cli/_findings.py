"""Findings of the gate and of audits, printed and written down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from ..oracles.errors import BadInput

if TYPE_CHECKING:
    from ..gate.expectations import Judged
    from ..reports.events import Run

SHOWN = 5
"""Failures of one identity that are told in full."""
COLOURS = {"HOLDS": "green", "SKIPPED": "yellow", "VIOLATED": "red"}


def groups(judged: Sequence[Judged]) -> list[list[Judged]]:
    """What is told in one line: the findings of one identity and verdict, failures last."""
    groups: dict[tuple[str, str, bool, str], list[Judged]] = {}
    for one in judged:
        f = one.finding
        reason = f.reason if f.verdict == "SKIPPED" else ""
        groups.setdefault((f.identity, f.verdict, one.as_expected, reason), []).append(one)
    return sorted(groups.values(), key=lambda group: group[0].violated)


def print_group(group: Sequence[Judged]) -> None:
    """One line, and the numbers of what failed."""
    from ..gate.words import OWN_LAWS, STEP_LAW, counted, measured, share

    first = group[0]
    verdict, families = first.finding.verdict, counted(len({one.finding.family for one in group}), "family")
    line = f"  {coloured(f'{verdict:<8}')} {first.finding.law}  {first.finding.identity}: {families}"
    if verdict == "SKIPPED":
        click.echo(f"{line}, {first.finding.reason or 'for no stated reason'}")
        return
    windows = sum(one.finding.windows for one in group)
    charges = counted(sum(one.finding.charges for one in group), "charge")
    if first.finding.law in OWN_LAWS:
        line, _, _ = line.rpartition(":")
        charges = counted(first.finding.charges, "entry" if first.finding.law == STEP_LAW else "tensor")
    worst = max(group, key=lambda one: one.finding.ratio).finding
    known = f", as expected: {first.expectation.reason}" if first.expectation and first.as_expected else ""
    click.echo(f"{line}, {charges}, {counted(windows, 'window')}; worst {share(worst.ratio)}{known}")
    if not first.violated:
        return
    for one in group[:SHOWN]:
        click.echo(f"    {one.finding.family}")
        for text in measured(one.finding):
            click.echo(f"      {text}")
    if len(group) > SHOWN:
        click.echo(f"    and {len(group) - SHOWN} more, in the report")


def tell_again(judged: Sequence[Judged], name: str, missing: str) -> None:
    """Tells in full of what ``name`` names among the findings, and exits as the gate does.

    Raises:
        BadInput: nothing has this name; ``missing`` is the message.
    """
    from ..gate.evidence import find
    from ..gate.words import paragraph

    found = find(judged, name)
    if not found:
        raise BadInput(missing)
    for one in found:
        first, *rest = paragraph(one.finding)
        click.echo(coloured(first))
        for line in rest:
            click.echo(f"  {line}")
    words = {one.finding.verdict for one in found}
    if code := 1 if "VIOLATED" in words else 0 if "HOLDS" in words else 3:
        raise SystemExit(code)


def coloured(text: str) -> str:
    """Text whose first word is a verdict, in its colour."""
    return click.style(text, fg=COLOURS.get(text.split()[0]), bold=True)


def write(run: dict[str, object], told: Iterable[dict[str, object]], evidence: Path, code: int, seconds: float) -> None:
    """Evidence and page, after everything was measured: a run that fails leaves what was there."""
    from ..reports import EvidenceWriter, write_report

    try:
        with EvidenceWriter(evidence, cast("Run", run)) as writer:
            writer.write_all(told)
            writer.finish(wall=round(seconds, 3), exit=code)
    finally:
        with suppress(OSError):
            evidence.with_name(f"{evidence.name}.partial").unlink(missing_ok=True)
    write_report(evidence, evidence.with_name("index.html"))
