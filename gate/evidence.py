"""Findings as events of evidence (docs/evidence.md): a record for each target and law, a property for each family.

The simulation of a record is the run itself: residual over bound, step by step, with the bound at 1.
"""

from __future__ import annotations

import platform
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import isfinite, isnan

from .. import __version__
from .expectations import Judged
from .findings import Finding
from .words import GRADIENT_LAW, NO_LAW, STEP_LAW, Asked, counted, share

Event = dict[str, object]

PROFILE = "gate"
"""What the ``run`` event names in place of a profile of ``flowlaw check``."""
PACKAGES = ("numpy", "torch", "jax", "optax")
CURVES = 6
"""Curves of one plot; the worst families are drawn, the table has all."""

TITLES = {
    STEP_LAW: "The step itself",
    GRADIENT_LAW: "The gradient is the derivative of the loss",
    NO_LAW: "Nothing to measure",
}
"""Of what is in no lawbook."""

_ARITHMETIC = ("float64", "float32", "float16", "bfloat16")
_NAME = 120


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the findings of a target come from.

    Args:
        source: what was measured, in words.
        along: "3 runs of 12 steps", for instance.
        again: the command that measures them again.
    """

    source: str
    along: str
    again: str


def by_gate(asked: Asked, spec: str) -> Origin:
    """The origin of the findings of one target of ``flowlaw gate``."""
    again = Asked((spec,), asked.seed, asked.runs, asked.steps).command
    along = f"{counted(asked.runs, 'run')} of {counted(asked.steps, 'step')}"
    return Origin(f"`{spec}`, by `flowlaw gate`", along, again)


def run_event(command: str, selection: Sequence[str], seed: int = 0) -> Event:
    """How the gate or an audit was started."""
    return {
        "event": "run",
        "flowlaw": __version__,
        "seed": seed,
        "profile": PROFILE,
        "device": "cpu",
        "selection": list(selection),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "command": command,
    }


def events(origin: Origin, dtype: str, judged: Sequence[Judged], evidence: str) -> Iterator[Event]:
    """The events of one target.

    Args:
        origin: where the findings come from.
        dtype: what its parameters are kept in.
        judged: its findings, each beside what was expected.
        evidence: path of the file that the events go to, for the commands that replay them.
    """
    for record, found in records(judged).items():
        names = property_names([one.finding for one in found])
        yield _theorem(record, origin, [one.finding for one in found])
        for name, one in zip(names, found, strict=True):
            yield _property(record, name, one, dtype, _replay(f"{record}#{name}", evidence))
        yield _simulation(record, found, origin)


def records(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The findings by the id of their record, ``target/law``."""
    found: dict[str, list[Judged]] = {}
    for one in judged:
        found.setdefault(f"{one.finding.target}/{_slug(one.finding.law)}", []).append(one)
    return found


def property_names(findings: Sequence[Finding]) -> list[str]:
    """What the findings of one record are called: letters, digits, ``.``, ``_`` and ``-``, each name once."""
    names: list[str] = []
    for finding in findings:
        name = _slug(f"{finding.identity}.{finding.family}")
        tail, number = "", 1
        while (full := name[: _NAME - len(tail)] + tail) in names:
            number += 1
            tail = f"-{number}"
        names.append(full)
    return names


def find(judged: Sequence[Judged], name: str) -> list[Judged]:
    """The findings that an id names: ``target/law#name``, ``target/law`` for all of its, or the id of a finding."""
    found: list[Judged] = []
    for record, ones in records(judged).items():
        names = property_names([one.finding for one in ones])
        found += [
            one
            for own, one in zip(names, ones, strict=True)
            if name in (record, f"{record}#{own}", f"{record}#{ALONG}", one.finding.id)
        ]
    return found


def replay_commands(judged: Sequence[Judged], evidence: str) -> dict[str, str]:
    """For the id of each finding the command that runs it again."""
    return {
        one.finding.id: _replay(f"{record}#{name}", evidence)
        for record, ones in records(judged).items()
        for name, one in zip(property_names([one.finding for one in ones]), ones, strict=True)
    }


ALONG = "along-the-run"


def _replay(name: str, evidence: str) -> str:
    return f"flowlaw replay '{name}' {shlex.quote(evidence)}"


def _theorem(record: str, origin: Origin, findings: Sequence[Finding]) -> Event:
    law = findings[0].law
    event: Event = {
        "event": "theorem",
        "theorem": record,
        "source": origin.source,
        "status": "derived",
        "statement": findings[0].formula,
        "summary": _summary(findings),
        "replay": origin.again,
    }
    event["title"] = TITLES.get(law, law)
    entry = _entry(law)
    if entry:
        event |= {"assumes": [law], "hypotheses": entry["hypotheses"], "title": entry["title"]}
        if len({finding.formula for finding in findings}) > 1:
            event["statement"] = entry["statement"]
    return event


def _entry(law: str) -> Event | None:
    """What the lawbook says of a law; None where it has no entry yet."""
    from ..properties import theorems

    entry = next((one for one in theorems() if one.id == law), None)
    if entry is None:
        return None
    return {"title": entry.title, "hypotheses": list(entry.hypotheses), "statement": entry.statement}


def _summary(findings: Sequence[Finding]) -> str:
    measured = [finding for finding in findings if finding.verdict != "SKIPPED"]
    families = counted(len({finding.family for finding in findings}), "family")
    if not measured:
        return f"{families}: nothing was measured."
    worst = max(measured, key=lambda finding: _severity(finding.ratio))
    return f"{families}, {counted(sum(f.charges for f in measured), 'charge')}; the worst residual is {_share(worst)}."


def _share(finding: Finding) -> str:
    return share(finding.ratio)


def _property(record: str, name: str, one: Judged, dtype: str, replay: str) -> Event:
    finding = one.finding
    skipped = finding.verdict == "SKIPPED"
    event: Event = {
        "event": "property",
        "theorem": record,
        "name": name,
        "says": f"`{finding.identity}` for {finding.family}.",
        "verdict": finding.verdict,
        "cases": 0 if skipped else finding.windows,
        "nontrivial": 0 if skipped else finding.windows,
        "reason": _reason(finding),
        "worst": None if skipped else _worst(finding),
        "replay": replay,
    }
    if dtype in _ARITHMETIC:
        event["arithmetic"] = dtype
    if one.expectation is not None:
        expected = one.expectation
        event["expected"] = {"verdict": expected.verdict, "reason": expected.reason, "link": expected.link}
    return event


def _reason(finding: Finding) -> str:
    explained = [f"Explained by: {one.rstrip('.')}." for one in finding.explanations]
    return " ".join(filter(None, (finding.reason, *explained)))


def _worst(finding: Finding) -> Event:
    return {
        "residual": _number(finding.residual),
        "bound": _number(finding.bound),
        "ratio": _number(finding.ratio),
        "case": finding.where,
    }


def _simulation(record: str, found: Sequence[Judged], origin: Origin) -> Event:
    measured = [one.finding for one in found if one.finding.verdict != "SKIPPED"]
    counting = [
        one for one in found if one.expectation is None or not one.as_expected or one.finding.verdict == "HOLDS"
    ]
    event: Event = {
        "event": "simulation",
        "theorem": record,
        "name": ALONG,
        "says": f"Residual over bound along {origin.along}.",
        "table": _table([one.finding for one in found]),
    }
    words = {one.finding.verdict for one in counting}
    verdict = next((word for word in ("VIOLATED", "HOLDS") if word in words), "SKIPPED")
    if verdict == "SKIPPED":
        reason = "what is violated is expected" if measured else "nothing was measured"
        return {**event, "verdict": verdict, "reason": reason, "plots": _plots(measured)}
    worst = max(measured, key=lambda finding: _severity(finding.ratio))
    return {
        **event,
        "verdict": verdict,
        "residual": _number(worst.residual),
        "bound": _number(worst.bound),
        "plots": _plots(measured),
    }


def _plots(findings: Sequence[Finding]) -> list[Event]:
    drawn = sorted((f for f in findings if f.curve), key=lambda finding: -_severity(finding.ratio))[:CURVES]
    if not drawn:
        return []
    steps = [step for finding in drawn for step, _ in finding.curve]
    series: list[Event] = [
        {
            "label": f"{finding.identity}, {finding.family}",
            "kind": "line",
            "points": [[step, _drawn(ratio)] for step, ratio in finding.curve],
        }
        for finding in drawn
    ]
    series.append({"label": "the bound", "kind": "bound", "points": [[min(steps), 1], [max(steps), 1]]})
    left = len(findings) - len(drawn)
    more = f" The {len(drawn)} worst are drawn, {left} more are in the table." if left else ""
    return [
        {
            "title": "Residual over bound along the run",
            "caption": "Of each family the worst run; the largest ratio of all its charges at each step." + more,
            "x": {"label": "step", "scale": "linear"},
            "y": {"label": "residual / bound", "scale": "log"},
            "series": series,
        }
    ]


def _table(findings: Sequence[Finding]) -> Event:
    columns = ["verdict", "identity", "charges", "number", "residual", "bound", "residual/bound", "sees"]
    return {"columns": columns, "rows": [_row(finding) for finding in findings]}


def _row(f: Finding) -> list[object]:
    numbers = [None if f.verdict == "SKIPPED" else _cell(value) for value in (f.residual, f.bound, f.ratio, f.power)]
    return [f.verdict, f.identity, f.family, f.charges, *numbers]


def _number(value: float) -> object:
    """A number that comes back to the last bit."""
    value = float(value)
    return {"hex": value.hex()} if isfinite(value) else str(value)


def _cell(value: float) -> object:
    return float(f"{value:.3g}") if isfinite(value) else str(float(value))


def _drawn(value: float) -> object:
    """A coordinate of a picture: six digits are more than a screen has."""
    return float(f"{value:.6g}") if isfinite(value) else str(float(value))


def _severity(ratio: float) -> float:
    """NaN is the worst of all."""
    return float("inf") if isnan(ratio) else ratio


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-._")[:_NAME] or "x"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def as_json(one: Judged, spec: str, replay: str) -> Mapping[str, object]:
    """A finding for other programs; numbers as in evidence."""
    f = one.finding
    found: dict[str, object] = {
        "id": f.id,
        "target": f.target,
        "spec": spec,
        "law": f.law,
        "identity": f.identity,
        "family": f.family,
        "verdict": f.verdict,
        "as_expected": one.as_expected,
        "reason": f.reason,
        "charges": f.charges,
        "windows": f.windows,
        "explanations": list(f.explanations),
        "replay": replay,
    }
    if f.verdict != "SKIPPED":
        numbers = {"residual": f.residual, "bound": f.bound, "ratio": f.ratio, "power": f.power}
        found |= {key: value if isfinite(value) else str(float(value)) for key, value in numbers.items()}
        found["where"] = f.where
    return found
