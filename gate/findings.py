"""What the gate says of a target: one finding for each law and family of charges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Verdict = Literal["HOLDS", "VIOLATED", "SKIPPED"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One law on one family of charges along the runs of a target.

    Args:
        target: its name.
        law: id of the theorem, such as ``B0.hb-two-step``.
        identity: name of the identity, such as ``hb-two-step.quadratic``.
        family: what the charges are, for a person, such as ``neurons of fc1 against fc2 (M2)``.
        verdict: HOLDS, VIOLATED or SKIPPED.
        reason: why SKIPPED (including "not testable at this precision"), or what went wrong; empty if it holds.
        residual: the worst absolute residual.
        bound: the bound at the same place.
        ratio: the largest residual over bound; a law holds if it is at most 1.
        power: the smallest bound over what the identity is about (its largest term): how much it can see. A law is not
            testable where this is near 1.
        where: the run, step and member of the worst residual.
        formula: TeX.
        windows: how many windows were checked.
        charges: how many charges the family has.
        curve: (step, largest ratio at that step) along the worst run.
        explanations: the single wrong conventions that make the residual vanish, each one sentence.
    """

    target: str
    law: str
    identity: str
    family: str
    verdict: Verdict
    reason: str = ""
    residual: float = 0.0
    bound: float = 0.0
    ratio: float = 0.0
    power: float = 0.0
    where: str = ""
    formula: str = ""
    windows: int = 0
    charges: int = 0
    curve: tuple[tuple[int, float], ...] = ()
    explanations: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What ``flowlaw replay`` and expectation files name it by."""
        return f"{self.target}/{self.identity}/{self.family}"


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each family and identity of several parts of one run; the worst part speaks for all."""
    order = {"SKIPPED": 0, "HOLDS": 1, "VIOLATED": 2}
    found: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = finding.identity, finding.family
        if key not in found:
            found[key] = finding
            continue
        old = found[key]
        worse = max(old, finding, key=lambda one: (order[one.verdict], one.ratio))
        curve = dict(old.curve)
        for step, ratio in finding.curve:
            curve[step] = max(ratio, curve.get(step, 0.0))
        found[key] = replace(worse, windows=old.windows + finding.windows, curve=tuple(sorted(curve.items())))
    return list(found.values())
