"""The file in which the owner of a target says what is known to come out, and why (docs/gate.md).

[[expect]]
target = "mlp"
identity = "hb-two-step.quadratic"
family = "neurons of fc1*"
verdict = "VIOLATED"
reason = "fc1 is trained with a rate of its own"
link = "https://example.org/issues/7"
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import cast

from ..oracles.errors import BadInput, TooLarge
from ..oracles.text import shown, suggestion
from ..oracles.toml import load
from .findings import Finding, Verdict
from .words import OWN_LAWS

MAX_ENTRIES = 1_000
MAX_TEXT = 1_000

FIELDS = ("target", "law", "identity", "family", "verdict", "reason", "link")
REQUIRED = ("target", "verdict", "reason")
VERDICTS: tuple[Verdict, ...] = ("VIOLATED", "SKIPPED", "HOLDS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One entry: the findings that it is about, and what is expected of them.

    Args:
        target: name of the target; like ``family`` a pattern in which ``*``, ``?`` and ``[...]`` stand for more.
        verdict: VIOLATED, a known fault; SKIPPED, known not to be measured; HOLDS, which must not be skipped.
        reason: why, for people.
        law: id of the theorem, or empty for any.
        identity: name of the identity, or empty for any.
        family: pattern of the family.
        link: where more is to be read.
    """

    target: str
    verdict: Verdict
    reason: str
    law: str = ""
    identity: str = ""
    family: str = "*"
    link: str = ""

    def covers(self, finding: Finding) -> bool:
        """Whether the entry is about this finding."""
        return (
            fnmatchcase(finding.target, self.target)
            and self.law in ("", finding.law)
            and self.identity in ("", finding.identity)
            and fnmatchcase(finding.family, self.family)
        )

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.law, self.identity, "" if self.family == "*" else self.family)))
        return f"{self.target}: {what} {self.verdict}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A finding beside what was expected of it; None where no entry is about it."""

    finding: Finding
    expectation: Expectation | None = None

    @property
    def as_expected(self) -> bool:
        """Without an entry, everything but VIOLATED is."""
        if self.expectation is None:
            return self.finding.verdict != "VIOLATED"
        return self.finding.verdict == self.expectation.verdict

    @property
    def violated(self) -> bool:
        """Whether it is a violation that nobody expects."""
        return self.finding.verdict == "VIOLATED" and not self.as_expected

    @property
    def missing(self) -> bool:
        """Whether it was not measured although an entry says that it must be."""
        return self.finding.verdict == "SKIPPED" and not self.as_expected


@dataclass(frozen=True, slots=True)
class Outcome:
    """All findings, and what the entries of the file are worth.

    Args:
        judged: each finding, in order.
        complaints: entries that are about nothing, and entries about something that unexpectedly holds; one sentence
            each. They are errors where the gate is strict.
    """

    judged: tuple[Judged, ...]
    complaints: tuple[str, ...]

    def exit_code(self, *, strict: bool = False) -> int:
        """0 all as expected, 1 something violated or a complaint under ``strict``, 3 some target was not measured."""
        if any(one.violated for one in self.judged) or (strict and self.complaints):
            return 1
        return 3 if not self.judged or self.unmeasured or any(one.missing for one in self.judged) else 0

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """The targets of which every law of a symmetry was skipped; that the step is as described is not enough."""
        found = [one.finding for one in self.judged]
        measured = {one.target for one in found if one.verdict != "SKIPPED" and one.law not in OWN_LAWS}
        return tuple(dict.fromkeys(one.finding.target for one in self.judged if one.finding.target not in measured))


def judge(findings: Sequence[Finding], expectations: Sequence[Expectation] = ()) -> Outcome:
    """Each finding beside the first entry that covers it, and the complaints about entries."""
    judged = tuple(Judged(f, next((e for e in expectations if e.covers(f)), None)) for f in findings)
    complaints: list[str] = []
    for number, entry in enumerate(expectations, 1):
        mine = [one for one in judged if one.expectation is entry]
        if not mine:
            complaints.append(f"Expectation {number} ({entry}) matches nothing: remove it, or mend its names.")
        elif entry.verdict != "HOLDS" and (surprises := [one for one in mine if one.finding.verdict == "HOLDS"]):
            complaints.append(
                f"Expectation {number} ({entry}) is out of date: {surprises[0].finding.id} holds"
                + (f", and {len(surprises) - 1} more." if len(surprises) > 1 else ".")
            )
        elif entry.verdict == "VIOLATED" and all(one.finding.verdict == "SKIPPED" for one in mine):
            complaints.append(f"Expectation {number} ({entry}) was not tried: {mine[0].finding.reason or 'skipped'}")
    return Outcome(judged, tuple(complaints))


def read_expectations(path: str | os.PathLike[str]) -> tuple[Expectation, ...]:
    """The entries of a file.

    Raises:
        BadInput: it cannot be read, or a field is unknown, missing or of the wrong kind; the message numbers the entry.
        TooLarge: it has more than ``MAX_ENTRIES`` entries.
    """
    name = os.fspath(path)
    table = load(name, "the expectation file", "docs/gate.md shows one.")
    if unknown := next((key for key in table if key != "expect"), None):
        raise BadInput(
            f"{shown(name)}: unknown field {shown(unknown)}. The file holds [[expect]] entries, nothing else."
            + suggestion(unknown, ("expect",))
        )
    entries = table.get("expect", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in cast("list[object]", entries)):
        raise BadInput(f"{shown(name)}: 'expect' must be entries. Begin each with a line [[expect]].")
    listed = cast("list[Mapping[str, object]]", entries)
    if len(listed) > MAX_ENTRIES:
        raise TooLarge(f"{shown(name)} has {len(listed):,} entries, more than {MAX_ENTRIES:,}. Use patterns.")
    return tuple(_entry(entry, f"{shown(name)}, entry {number}") for number, entry in enumerate(listed, 1))


def _entry(entry: Mapping[str, object], where: str) -> Expectation:
    fields: dict[str, str] = {}
    for key, value in entry.items():
        if key not in FIELDS:
            raise BadInput(
                f"{where}: unknown field {shown(key)}; known are {', '.join(FIELDS)}.{suggestion(key, FIELDS)}"
            )
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
            raise BadInput(f"{where}: {key!r} must be a text of 1 to {MAX_TEXT:,} characters.")
        fields[key] = value
    if missing := [key for key in REQUIRED if key not in fields]:
        raise BadInput(f"{where} lacks {missing[0]!r}. An entry says target, law or identity, verdict and reason.")
    if "law" not in fields and "identity" not in fields:
        raise BadInput(f"{where} names neither 'law' nor 'identity'. Take them from the line that flowlaw gate prints.")
    if fields["verdict"] not in VERDICTS:
        raise BadInput(
            f"{where}: 'verdict' must be one of {', '.join(VERDICTS)}, not {shown(fields['verdict'])}."
            + suggestion(fields["verdict"], VERDICTS)
        )
    return Expectation(**fields)  # type: ignore[arg-type]  # the verdict is one of VERDICTS
