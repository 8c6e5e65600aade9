"""Findings of a record: every identity of its optimizers on every family, and the step itself.

The step itself (``gate.step``) is no theorem: it says that every entry of the parameters after a step is what the
description makes of the recorded parameters, the gradients at them, and the gradients before. Where it fails, the
identities say of which symmetry the failure is; where it holds and orthogonality fails, the gradients are wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..oracles.dynamics import Grouped, Law, find_law, laws, without_law
from .balls import DOUBLE
from .bounds import POWER, Trail, replayable, trails
from .findings import Finding, Verdict
from .measure import Measured, Reading
from .record import Record
from .symmetry import Family

STEP = "step"
"""Name of the identity of the step itself; its law is ``gate.step``."""
_LARGEST = 1e300
"""Stands for a bound that excludes nothing; numbers in files are finite."""
_NOTHING = float("inf")
"""The power where nothing is at stake."""
STEP_FORMULA = r"\theta_{k+1} = \mathrm{update}(\theta_k, g_k, \text{state}_k)"


def judge(record: Record, families: Sequence[Family], *, explained: bool = True) -> list[Finding]:
    """One finding for the step itself, and one for each family and each identity that is about it.

    Args:
        record: from ``record`` or ``snapshots``; without gradients only identities of weights are judged.
        families: the charges.
        explained: look for the single wrong conventions that would explain what is violated.
    """
    with np.errstate(all="ignore"):
        found = list(_judged(record, families))
        if explained and any(finding.verdict == "VIOLATED" for finding in found):
            from .conventions import explain

            reasons = explain(record, families)
            found = [replace(f, explanations=reasons) if f.verdict == "VIOLATED" else f for f in found]
    return found


def _judged(record: Record, families: Sequence[Family]) -> Iterator[Finding]:
    stacked = trails(record)
    before = record.before
    raw = stacked if before is None else trails(before)
    if replayable(record):
        yield step_finding(record, stacked)
    for family, called in zip(families, labels(record, families), strict=True):
        measured = Measured(record, stacked, family)
        if not record.has_gradients:
            yield from _of_identities(record, family, called, measured)
            continue
        own = measured if before is None else Measured(before, raw, family)
        orthogonal = _orthogonality(record, family, called, own)
        yield orthogonal
        kept = before is None or _orthogonality(record, family, called, measured).verdict != "VIOLATED"
        if not kept and orthogonal.verdict != "VIOLATED":
            law = next(iter(applicable(record, family)), find_law("orthogonality"))
            yield _finding(record, family, called, law, "What is done to the gradients breaks this symmetry.")
        else:
            yield from _of_identities(record, family, called, measured)


def _orthogonality(record: Record, family: Family, called: str, measured: Measured) -> Finding:
    reading = measured.orthogonality() or "Every step skips a tensor of the family."
    return _finding(record, family, called, find_law("orthogonality"), reading)


def _of_identities(record: Record, family: Family, called: str, measured: Measured) -> Iterator[Finding]:
    unsaid: Finding | None = None
    measured_any = False
    for law in applicable(record, family):
        reading = measured.law(law)
        if isinstance(reading, str):
            unsaid = unsaid or _finding(record, family, called, law, reading)
        elif law.needs == "state" and not reading.stake.any():
            continue  # it is about the memory of the optimizer alone, which was made here
        else:
            measured_any = True
            yield _finding(record, family, called, law, reading)
    if measured_any:
        return
    if unsaid is None:
        optimizer = _one(record, family)
        reasons = without_law(optimizer, family.kind) or without_law(optimizer, "generator")
        why = reasons[0].reason if reasons else "no identity is known for this optimizer and this kind of charge"
        unsaid = Finding(record.target, "B0.survival-table", "none", called, "SKIPPED", f"No law: {why}.")
    yield unsaid


def applicable(record: Record, family: Family) -> list[Law]:
    """The identities about a family that an optimizer of its tensors has; what needs gradients only where they are."""
    kinds = {_part(o, i) for o in _optimizers(record) for i in family.tensors(record.runs[0][0].parameters)}
    mixed = any(
        len({_part(o, i) for i in family.tensors(record.runs[0][0].parameters)}) > 1 for o in _optimizers(record)
    )
    known = ("weights", "gradient", "state") if record.has_gradients else ("weights",)
    return [
        law
        for law in laws()
        if law.name != "orthogonality"
        and law.accepts(family)
        and law.needs in known
        and any(law.applies(kind) for kind in kinds)
        and (mixed and hasattr(family, "part") if law.grouped else True)
    ]


def _optimizers(record: Record) -> Iterable[Any]:
    return dict.fromkeys(moment.optimizer for moments in record.runs for moment in moments[:-1])


def _one(record: Record, family: Family) -> Any:
    return _part(record.runs[0][0].optimizer, family.tensors(record.runs[0][0].parameters)[0])


def _part(optimizer: Any, tensor: int) -> Any:
    return optimizer.groups[optimizer.members[tensor]] if isinstance(optimizer, Grouped) else optimizer


def step_finding(record: Record, stacked: Sequence[Trail]) -> Finding:
    """The step itself, entry by entry."""
    found: list[tuple[float, int, int, int, float, float]] = []  # ratio, run, step, tensor, residual, bound
    power = _NOTHING
    for trail in stacked:
        for k in range(trail.steps):
            for i in range(len(record.names)):
                ratio, residual, bound, stake = _entry(trail, k, i)
                flat = ratio.reshape(len(trail.runs), -1)
                for row, run in enumerate(trail.runs):
                    if flat.shape[1]:
                        at = row * flat.shape[1] + int(flat[row].argmax())
                        worst = (float(array.flat[at]) for array in (ratio, residual, bound))
                        found.append((next(worst), run, k, i, next(worst), next(worst)))
                power = min(power, _power(bound, stake))
    ratio, run, k, tensor, residual, bound = max(found)
    curve: dict[int, float] = {}
    for value, at, step, *_ in found:
        if at == run:
            curve[step] = max(curve.get(step, 0.0), value)
    verdict, reason = _verdict(ratio, power)
    return Finding(
        target=record.target,
        law="gate.step",
        identity=STEP,
        family="every entry of every tensor",
        verdict=verdict,
        reason=reason or ("" if ratio <= 1 else "The step is not the one that the description makes."),
        residual=abs(residual),
        bound=bound,
        ratio=ratio,
        power=power if power != _NOTHING else 1.0,
        where=f"run {run}, step {k}, {record.names[tensor]}",
        formula=STEP_FORMULA,
        windows=sum(len(trail.runs) * trail.steps for trail in stacked),
        charges=sum(int(np.size(leaf)) for leaf in record.runs[0][0].parameters),
        curve=tuple(sorted(curve.items())),
    )


def _entry(trail: Trail, k: int, tensor: int) -> tuple[Any, Any, Any, Any]:
    """Ratio, residual, bound and stake of every entry of one tensor at one step of all runs of a trail."""
    before, after = trail.points[k][tensor], trail.points[k + 1][tensor]
    ball = trail.reached[k][tensor]
    residual = after - ball.value
    bound = np.broadcast_to(ball.radius, after.shape) + DOUBLE.unit * abs(after)
    bound = np.where(np.isnan(bound), np.inf, bound)
    reading = Reading(k, 0, residual, bound, abs(after - before))
    return reading.ratio, residual, bound, reading.stake


def worst_entries(trail: Trail, k: int) -> Iterator[float]:
    """For each tensor the largest residual over bound of its entries at one step."""
    for tensor in range(len(trail.points[k])):
        yield float(_entry(trail, k, tensor)[0].max(initial=0.0))


def _finding(record: Record, family: Family, called: str, law: Law, reading: Reading | str) -> Finding:
    base = Finding(record.target, law.id, law.name, called, "SKIPPED", formula=law.formula)
    if isinstance(reading, str):
        return replace(base, reason=reading, charges=len(family.names))
    ratio = reading.ratio
    if not ratio.size:
        return replace(base, reason="The family has no members.")
    row, member = (int(x) for x in np.unravel_index(int(ratio.argmax()), ratio.shape))
    run, step = int(reading.run[row]), int(reading.step[row])
    curve: dict[int, float] = {}
    for at in np.flatnonzero(reading.run == run):
        k = int(reading.step[at])
        curve[k] = max(curve.get(k, 0.0), float(ratio[at].max()))
    power = _power(reading.bound, reading.stake)
    verdict, reason = _verdict(float(ratio.max()), power)
    return replace(
        base,
        verdict=verdict,
        reason=reason,
        residual=float(abs(reading.residual[row, member])),
        bound=float(reading.bound[row, member]),
        ratio=float(ratio[row, member]),
        power=power if power != _NOTHING else 1.0,
        where=f"run {run}, step {step}, {family.names[member]}",
        windows=len(ratio),
        charges=len(family.names),
        curve=tuple(sorted(curve.items())),
    )


def _power(bound: Any, stake: Any) -> float:
    """The smallest bound over what is at stake, where anything is."""
    moved = stake > 0
    if not moved.any():
        return _NOTHING
    return float(np.minimum(bound[moved] / stake[moved], _LARGEST).min())


def _verdict(ratio: float, power: float) -> tuple[Verdict, str]:
    if ratio > 1:
        return "VIOLATED", ""
    if power == _NOTHING:
        return "SKIPPED", "Nothing that the identity is about was moved."
    if power >= POWER:
        return "SKIPPED", f"Not testable at this precision: the bound is {power:.2g} of what a step moves."
    return "HOLDS", ""


def labels(record: Record, families: Sequence[Family]) -> tuple[str, ...]:
    """What the families are called, each name once: kind, tensors, and row of the table."""
    seen: dict[str, int] = {}
    found: list[str] = []
    for family in families:
        tensors = ", ".join(record.names[i] for i in family.tensors(record.runs[0][0].parameters))
        called = f"{family.kind} of {tensors}" + (f" ({family.row})" if family.row else "")
        seen[called] = seen.get(called, 0) + 1
        found.append(called if seen[called] == 1 else f"{called} #{seen[called]}")
    return tuple(found)
