"""What changed between two runs: verdicts that changed, appeared or vanished."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ._records import Evidence, Record
from .evidence import canonical, read_evidence

_RANK = {"PROVED": 0, "CAUGHT": 0, "STATED": 0, "HOLDS": 1, "SKIPPED": 2, "VIOLATED": 3, "REFUTED": 3, "MISSED": 3}


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One line of a difference. ``before`` or ``after`` is ``""`` where the line is only in the other file."""

    theorem: str
    what: str
    before: str
    after: str

    @property
    def worse(self) -> bool:
        """Whether something that stood before no longer does, is no longer tried, or fails where it is new."""
        if not self.before:
            return _RANK[self.after] == 3
        return not self.after or _RANK[self.after] > _RANK[self.before]

    def __str__(self) -> str:
        return f"{self.theorem} {self.what}".rstrip() + f": {self.before or 'absent'} -> {self.after or 'absent'}"


@dataclass(frozen=True, slots=True)
class Difference:
    """Two runs compared line by line. ``restated`` are theorems whose statement is no longer the same."""

    changed: tuple[Change, ...]
    appeared: tuple[Change, ...]
    vanished: tuple[Change, ...]
    restated: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.appeared or self.vanished or self.restated)

    @property
    def worse(self) -> tuple[Change, ...]:
        """The changes for the worse."""
        return tuple(change for change in (*self.changed, *self.appeared, *self.vanished) if change.worse)

    @property
    def text(self) -> str:
        """The difference for people, without a line end."""
        if not self:
            return "No verdict changed."
        groups = (("Changed", self.changed), ("New", self.appeared), ("Gone", self.vanished))
        lines: list[str] = []
        for title, changes in groups:
            if changes:
                lines += [f"{title} ({len(changes)})", *(f"  {'!' if c.worse else ' '} {c}" for c in changes)]
        if self.restated:
            lines += [f"Restated under the same id ({len(self.restated)})", *(f"  ! {name}" for name in self.restated)]
        return "\n".join(lines)


def diff_evidence(old: str | os.PathLike[str], new: str | os.PathLike[str]) -> Difference:
    """Compares two evidence files.

    Raises:
        BadInput: one of them cannot be read.
    """
    return diff(read_evidence(old), read_evidence(new))


def diff(old: Evidence, new: Evidence) -> Difference:
    """Compares two runs by theorem and line; only words count, not numbers."""
    before, after = _verdicts(old), _verdicts(new)
    both = before.keys() & after.keys()
    statements = [{r.id: canonical(r.theorem["statement"]) for r in run.records} for run in (old, new)]
    return Difference(
        changed=tuple(sorted(Change(*k, before[k], after[k]) for k in both if before[k] != after[k])),
        appeared=tuple(sorted(Change(*k, "", after[k]) for k in after.keys() - both)),
        vanished=tuple(sorted(Change(*k, before[k], "") for k in before.keys() - both)),
        restated=tuple(
            sorted(k for k in statements[0].keys() & statements[1].keys() if statements[0][k] != statements[1][k])
        ),
    )


def _verdicts(evidence: Evidence) -> dict[tuple[str, str], str]:
    return {(record.id, what): word for record in evidence.records for what, word in _lines(record)}


def _lines(record: Record) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = [("", record.verdict)]
    lines += [(f"step {step['index']}", step["verdict"]) for step in record.steps]
    lines += [
        (f"{e['event']} {e['name']}", e["verdict"]) for e in (*record.properties, *record.simulations, *record.exhibits)
    ]
    for mutant in record.mutants:
        word = "SKIPPED" if mutant["verdict"] == "SKIPPED" else "CAUGHT" if mutant["caught"] else "MISSED"
        lines.append((f"mutant {mutant['name']}", word))
    return lines
