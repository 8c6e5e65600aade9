"""From a theorem to its evidence: derive, check, simulate, attack, and say what came out, event by event."""

from __future__ import annotations

from collections.abc import Iterator
from zlib import crc32

from ..oracles.certificates import canonical, digest
from ..oracles.kernel import verify
from ._hunt import Hunted, hunt
from ._profiles import Profile
from ._theorem import (
    CaseMap,
    Certificate,
    Mutant,
    Number,
    Plot,
    Property,
    Residual,
    Simulation,
    Skipped,
    Step,
    Table,
    Theorem,
)

Event = dict[str, object]


def run_theorem(
    theorem: Theorem, profile: Profile, seed: int, only: str = ""
) -> Iterator[tuple[Event, Certificate | None]]:
    """The events of one theorem, each with the certificate it speaks of, if any.

    Args:
        theorem: the entry.
        profile: how hard to try.
        seed: of all random cases.
        only: the name of one property, simulation or mutant, or ``step-3``, ``table-1``, ``picture-1``; everything by
            default.
    """
    yield _theorem_event(theorem), None
    if not only or only.startswith("step-"):
        yield from _steps(theorem, profile, seed, only)
    if not only or only.startswith("table-"):
        for number, table in enumerate(theorem.tables, 1):
            if only in ("", f"table-{number}"):
                yield _table(theorem, number, table(), profile, seed), None
    if not only or only.startswith("picture-"):
        for number, picture in enumerate(theorem.pictures, 1):
            if only in ("", f"picture-{number}"):
                yield _picture(theorem, number, picture(), profile, seed), None
    for prop in theorem.properties:
        if only in ("", prop.name):
            yield _property(theorem, prop, profile, seed), None
    for simulation in theorem.simulations:
        if only in ("", simulation.name):
            yield _simulation(theorem, simulation, profile, seed), None
    for mutant in theorem.mutants:
        if only in ("", mutant.name):
            yield _mutant(theorem, mutant, profile, seed)


def _theorem_event(theorem: Theorem) -> Event:
    return {
        "event": "theorem",
        "theorem": theorem.id,
        "title": theorem.title,
        "summary": theorem.summary,
        "source": theorem.source,
        "status": theorem.status,
        "hypotheses": list(theorem.hypotheses),
        "statement": theorem.statement,
        "assumes": list(theorem.assumes),
    }


def _steps(theorem: Theorem, profile: Profile, seed: int, only: str) -> Iterator[tuple[Event, Certificate | None]]:
    steps = iter(theorem.derivation())
    index = 0
    while True:
        index += 1
        name = f"step-{index}"
        event: Event = {"event": "step", "theorem": theorem.id, "index": index, **_replay(theorem, name, profile, seed)}
        try:
            step = next(steps)
        except StopIteration:
            return
        except Skipped as skipped:
            shown = {"says": "the rest of the derivation", "formula": "", "certificate": None}
            yield {**event, **shown, "verdict": "SKIPPED", "reason": str(skipped)}, None
            return
        if only in ("", name):
            yield {**event, **_judged(step)}, step.certificate


def _judged(step: Step) -> Event:
    event: Event = {"says": step.says, "formula": step.formula}
    if step.certificate is None:
        return {**event, "verdict": "STATED", "reason": "", "certificate": None}
    judgement = verify(step.certificate)
    verdict = "PROVED" if judgement.accepted else "REFUTED"
    return {
        **event,
        "verdict": verdict,
        "reason": judgement.reason,
        "certificate": _reference(step.certificate, judgement.claim),
    }


def _reference(certificate: Certificate, claim: str) -> Event:
    sha = digest(certificate)
    return {
        "file": f"certificates/{sha[:16]}.json",
        "sha256": sha,
        "claim": claim,
        "bytes": len(canonical(certificate).encode()),
    }


def _property(theorem: Theorem, prop: Property, profile: Profile, seed: int) -> Event:
    event: Event = {
        "event": "property",
        "theorem": theorem.id,
        "name": prop.name,
        "says": prop.says,
        "arithmetic": prop.arithmetic,
        **_replay(theorem, prop.name, profile, seed),
    }
    try:
        hunted = hunt(prop, profile.cases, _seed(theorem, prop.name, seed))
    except Skipped as skipped:
        return {**event, "verdict": "SKIPPED", "reason": str(skipped), "cases": 0, "nontrivial": 0, "worst": None}
    reason = ""
    verdict = "VIOLATED" if hunted.violated else "HOLDS"
    if not hunted.violated and 2 * hunted.nontrivial < hunted.cases:
        verdict, reason = "SKIPPED", "too few cases could have failed for this to count"
    return {
        **event,
        "verdict": verdict,
        "reason": reason,
        "cases": hunted.cases,
        "nontrivial": hunted.nontrivial,
        "worst": _worst(hunted),
    }


def _worst(hunted: Hunted) -> Event | None:
    if hunted.worst is None:
        return None
    worst = hunted.worst
    ratio = float(worst.value) / float(worst.bound) if worst.bound else 0.0 if worst.holds else float("inf")
    case = f"{hunted.worst_case} ({worst.note})" if worst.note else hunted.worst_case
    return {**_measured(worst), "ratio": number(ratio), "case": case}


def _measured(residual: Residual) -> Event:
    return {"residual": number(residual.value), "bound": number(residual.bound)}


def number(value: Number) -> int | str | dict[str, str]:
    """A number as evidence carries it: exact ones as texts, floats so that they round-trip."""
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return "nan" if value != value else "inf" if value > 0 else "-inf"
        return {"hex": value.hex()}
    return value if isinstance(value, int) else str(value)


def _simulation(theorem: Theorem, simulation: Simulation, profile: Profile, seed: int) -> Event:
    event: Event = {
        "event": "simulation",
        "theorem": theorem.id,
        "name": simulation.name,
        "says": simulation.says,
        **_replay(theorem, simulation.name, profile, seed),
    }
    try:
        result = simulation.run(profile)
    except Skipped as skipped:
        return {**event, "verdict": "SKIPPED", "reason": str(skipped)}
    verdict = "VIOLATED" if not result.residual.holds else "PROVED" if result.proved else "HOLDS"
    return {
        **event,
        "verdict": verdict,
        "reason": result.residual.note,
        **_measured(result.residual),
        "plots": [_plot(plot) for plot in result.plots],
        "table": _cells(result.table) if result.table else None,
    }


def _plot(plot: Plot) -> Event:
    return {
        "title": plot.title,
        "caption": plot.caption,
        "x": {"label": plot.x_label, "scale": plot.x_scale},
        "y": {"label": plot.y_label, "scale": plot.y_scale},
        "series": [
            {"label": s.label, "kind": s.kind, "points": [[_rounded(x), _rounded(y)] for x, y in s.points]}
            for s in plot.series
        ],
    }


def _rounded(value: float) -> float | str:
    """A coordinate of a picture: six digits are more than a screen has."""
    short = float(f"{value:.6g}")
    return short if short - short == 0 else str(short)


def _cells(table: Table) -> Event:
    return {"columns": list(table.columns), "rows": [list(row) for row in table.rows]}


def _table(theorem: Theorem, index: int, table: Table, profile: Profile, seed: int) -> Event:
    name = f"table-{index}"
    return {
        "event": "table",
        "theorem": theorem.id,
        "name": name,
        "title": table.title,
        **_cells(table),
        "verdict": _AGREES[table.agrees],
        **_replay(theorem, name, profile, seed),
    }


def _picture(theorem: Theorem, index: int, picture: CaseMap, profile: Profile, seed: int) -> Event:
    name = f"picture-{index}"
    return {
        "event": "picture",
        "theorem": theorem.id,
        "name": name,
        "title": picture.title,
        "map": {
            "x": picture.x_label,
            "y": picture.y_label,
            "columns": list(picture.columns),
            "rows": list(picture.rows),
            "cases": [{"key": case.key, "label": case.label, "tone": case.tone} for case in picture.cases],
            "panels": [{"title": panel.title, "cells": list(panel.cells)} for panel in picture.panels],
        },
        "caption": picture.caption,
        "verdict": _AGREES[picture.agrees],
        **_replay(theorem, name, profile, seed),
    }


_AGREES = {True: "HOLDS", False: "VIOLATED", None: "STATED"}


def _mutant(theorem: Theorem, mutant: Mutant, profile: Profile, seed: int) -> tuple[Event, Certificate | None]:
    event: Event = {
        "event": "mutant",
        "theorem": theorem.id,
        "name": mutant.name,
        "says": mutant.says,
        "expected": mutant.expected,
        **_replay(theorem, mutant.name, profile, seed),
    }
    try:
        verdict, detail, certificate = _attacked(theorem, mutant, profile, seed)
    except Skipped as skipped:
        return {**event, "verdict": "SKIPPED", "caught": False, "detail": str(skipped), "certificate": None}, None
    reference = _reference(certificate, detail) if certificate is not None else None
    caught = verdict == mutant.expected
    return {**event, "verdict": verdict, "caught": caught, "detail": detail, "certificate": reference}, certificate


def _attacked(theorem: Theorem, mutant: Mutant, profile: Profile, seed: int) -> tuple[str, str, Certificate | None]:
    if mutant.violates:
        hunted = hunt(mutant.violates, profile.mutant_cases, _seed(theorem, mutant.name, seed))
        if not hunted.violated or hunted.worst is None:
            return "HOLDS", f"not caught by {hunted.cases} cases", None
        worst = hunted.worst
        return (
            "VIOLATED",
            f"residual {float(worst.value):.3g}, bound {float(worst.bound):.3g}: {hunted.worst_case}",
            None,
        )
    make = mutant.refutes or mutant.rejects
    assert make is not None
    certificate = make()
    judgement = verify(certificate)
    if mutant.refutes:
        return ("REFUTED", judgement.claim, certificate) if judgement.accepted else ("REJECTED", judgement.reason, None)
    return ("PROVED", judgement.claim, certificate) if judgement.accepted else ("REJECTED", judgement.reason, None)


def _seed(theorem: Theorem, name: str, seed: int) -> int:
    """Every check has its own cases, whatever else runs."""
    return crc32(f"{theorem.id}#{name}#{seed}".encode())


def _replay(theorem: Theorem, name: str, profile: Profile, seed: int) -> Event:
    return {"replay": f"flowlaw replay '{theorem.id}#{name}' --profile {profile.name} --seed {seed}"}
