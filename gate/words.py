"""A finding in words: what was measured where, what would explain it, and how to see it again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from .findings import Finding

STEP_LAW = "gate.step"
"""Of the finding that the step is the one described. It is about the description alone: no law of a symmetry."""
GRADIENT_LAW = "gate.gradient"
"""Of the finding that gradients are derivatives of the loss: no law of a symmetry either."""
OWN_LAWS = (STEP_LAW, GRADIENT_LAW)
"""They need no symmetry, and alone they are not what the gate is for."""
NO_LAW = "gate.no-law"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gate was asked to do: enough to do it again.

    Args:
        specs: ``module:factory`` for each.
        seed: of all random parameters and batches.
        runs: from fresh parameters, for each target.
        steps: of each run.
    """

    specs: tuple[str, ...]
    seed: int = 0
    runs: int = 3
    steps: int = 12

    @property
    def command(self) -> str:
        """The command line that does it again."""
        options = ("--seed", str(self.seed), "--runs", str(self.runs), "--steps", str(self.steps))
        return shlex.join(("flowlaw", "gate", *self.specs, *options))

    def program(self, spec: str, finding: Finding) -> str:
        """A Python program that measures one finding again and prints it."""
        return (
            "from flowlaw.gate.check import check\n"
            "from flowlaw.gate.loading import load_targets\n"
            "\n"
            f"(target,) = [one for one in load_targets({spec!r}) if one.name == {finding.target!r}]\n"
            f"for finding in check(target, seed={self.seed}, runs={self.runs}, steps={self.steps}):\n"
            f"    if finding.id == {finding.id!r}:\n"
            "        print(finding)\n"
        )


def complete(target: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings; where no law of a symmetry is among them, one more says so."""
    if any(finding.law not in OWN_LAWS for finding in findings):
        return tuple(findings)
    reason = "no symmetry of the model is known, so there is no law to measure"
    return (*findings, Finding(target, NO_LAW, NO_LAW, "no charges", "SKIPPED", reason))


def paragraph(finding: Finding) -> list[str]:
    """What there is to say of one finding, line by line: verdict and name first."""
    lines = [f"{finding.verdict} {finding.id}", *measured(finding)]
    if finding.explanations:
        lines.append(explained(finding.explanations))
    return lines


def measured(finding: Finding) -> list[str]:
    """What was measured, and where."""
    lines: list[str] = []
    if finding.verdict != "SKIPPED":
        lines.append(f"residual {finding.residual:.3g}, bound {finding.bound:.3g}: {share(finding.ratio)}")
    if finding.where:
        lines.append(f"at {finding.where}")
    if finding.reason:
        lines.append(finding.reason)
    return lines


def explained(explanations: Sequence[str]) -> str:
    """Which single wrong conventions would explain it."""
    return "what would explain it: " + "; or ".join(one.rstrip(".") for one in explanations)


def share(ratio: float) -> str:
    """How large a residual is beside its bound."""
    if ratio == 0:
        return "exactly 0"
    return f"{ratio:.2g} of the bound" if ratio <= 1 else f"{ratio:.3g} times the bound"


def counted(number: int, noun: str) -> str:
    """``1 family``, ``3 families``, ``1,200 windows``."""
    if number != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun}"
