"""A recorded run against its laws: what holds between its snapshots, and where the first law breaks.

Snapshots are read one after the other; at most ``MEMORY`` of them is held. Identities relate consecutive steps, so they
are measured on the stretches of the run that are recorded without a gap.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...oracles.dynamics import Moment, Optimizer
from ...oracles.errors import BadInput
from ...oracles.text import shown
from ..balls import FORMATS
from ..conventions import explain
from ..findings import Finding, merged
from ..judge import judge
from ..record import Record
from ..record import snapshots as as_record
from .run_file import RunFile, shapes_of
from .snapshots import Floats, Snapshot, read_snapshot

if TYPE_CHECKING:
    from ..symmetry import Family

MEMORY = 2**29
"""Bytes of snapshots that are judged together."""
OVERLAP = 3
"""Moments that two parts of a stretch share: no identity of weights takes more."""
AROUND = 8
"""Steps before and after the first break in which an explanation is looked for."""


@dataclass(frozen=True, slots=True)
class Break:
    """The first step at which a law breaks."""

    step: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Audit:
    """What a recorded run shows.

    Args:
        name: of the run.
        dtype: what its weights are kept in.
        first: the first recorded step.
        last: the last one.
        recorded: how many snapshots there are.
        stretches: first and last step of each part that is recorded without a gap.
        findings: one for each family and identity.
        first_break: where the first law breaks; None if none does.
        explanations: the single wrong conventions that explain the steps around it.
    """

    name: str
    dtype: str
    first: int
    last: int
    recorded: int
    stretches: tuple[tuple[int, int], ...]
    findings: tuple[Finding, ...]
    first_break: Break | None
    explanations: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0 if laws hold and none breaks, 1 if one breaks, 3 if nothing was measured."""
        words = {finding.verdict for finding in self.findings}
        return 1 if "VIOLATED" in words else 0 if "HOLDS" in words else 3


def audit(
    file: RunFile,
    find_families: Callable[[Mapping[str, tuple[int, ...]]], Sequence[Family]] | None = None,
    reading: Callable[[int], None] = lambda step: None,
) -> Audit:
    """Judges a recorded run.

    Args:
        file: what it says of itself.
        find_families: the charges for tensors of given names and shapes, in this order; those of the file by default.
        reading: told of every step that is read.

    Raises:
        BadInput: a snapshot cannot be read, or contradicts the run file or the one before it.
    """
    run = _Run(file, find_families, reading)
    parts = [one for stretch in run.stretches for part in run.parts(stretch) for one in part]
    findings = [_counted_from(finding, file.first_step) for finding in _measured(merged(parts))]
    broken = [Break(_first_step(finding), finding) for finding in findings if finding.verdict == "VIOLATED"]
    first = min(broken, key=lambda one: one.step, default=None)
    explanations = () if first is None else run.explained(first.step)
    return Audit(
        name=file.name,
        dtype=run.dtype,
        first=run.steps[0],
        last=run.steps[-1],
        recorded=len(run.steps),
        stretches=tuple((stretch[0], stretch[-1]) for stretch in run.stretches),
        findings=tuple(replace(f, explanations=explanations) if f.verdict == "VIOLATED" else f for f in findings),
        first_break=first,
        explanations=explanations,
    )


class _Run:
    def __init__(
        self,
        file: RunFile,
        find_families: Callable[[Mapping[str, tuple[int, ...]]], Sequence[Family]] | None,
        reading: Callable[[int], None],
    ) -> None:
        self.file = file
        self.reading = reading
        self.paths = file.snapshots.files()
        self.steps = list(self.paths)
        if self.steps[0] < file.first_step:
            raise BadInput(
                f"{self.paths[self.steps[0]].name} is before step {file.first_step}, with which {file.path} says that "
                "the run begins. Correct first_step."
            )
        self.gradients = {} if file.gradients is None else file.gradients.files()
        first = read_snapshot(self.paths[self.steps[0]], self.steps[0])
        self.dtype = file.dtype or first.dtype
        self.shapes = shapes_of(first.tensors)
        self.optimizer = file.description(list(self.shapes))
        self.families = tuple((find_families or file.families)(self.shapes))
        size = 8 * sum(int(np.prod(shape)) for shape in self.shapes.values())
        self.length = max(OVERLAP + 2, MEMORY // max(1, size))
        self.stretches = tuple(_stretches(self.steps))

    def parts(self, stretch: Sequence[int]) -> Iterator[list[Finding]]:
        """Findings of a stretch, part by part."""
        if len(stretch) < 2 or not self.families:
            yield self._nothing(stretch)
            return
        held: list[Moment] = []
        for step in stretch:
            held.append(self._moment(step, stretch[-1]))
            if len(held) == self.length or (step == stretch[-1] and (len(held) > OVERLAP or len(stretch) == len(held))):
                yield self._judged(held)
                held = held[-OVERLAP:]

    def explained(self, step: int) -> tuple[str, ...]:
        """The conventions that explain the steps around one that breaks a law."""
        stretch = next(one for one in self.stretches if one[0] <= step <= one[-1])
        around = [k for k in stretch if step - AROUND <= k <= step + AROUND]
        moments = [self._moment(k, around[-1]) for k in around]
        return explain(self._record(moments), self.families)

    def _judged(self, held: Sequence[Moment]) -> list[Finding]:
        ended = [*held[:-1], Moment(held[-1].index, held[-1].parameters)]
        return judge(self._record(ended), self.families, explained=False)

    def _record(self, moments: Sequence[Moment]) -> Record:
        return as_record([moments], tuple(self.shapes), target=self.file.name, dtype=self.dtype)

    def _nothing(self, stretch: Sequence[int]) -> list[Finding]:
        reason = (
            f"Step {stretch[0]} has no recorded neighbour: identities relate consecutive steps. Record two or three "
            "steps in a row now and then."
            if self.families
            else "The run file names no [[charge]]."
        )
        return [Finding(self.file.name, "B0.survival-table", "none", "no charges", "SKIPPED", reason)]

    def _moment(self, step: int, last: int) -> Moment:
        self.reading(step)
        snapshot = read_snapshot(self.paths[step], step)
        self._consistent(snapshot, self.paths[step].name)
        parameters = tuple(snapshot.tensors[name] for name in self.shapes)
        if step == last:
            return Moment(step - self.file.first_step, parameters)
        optimizer: Optimizer = self.file.schedule_of(self.optimizer, step)
        return Moment(step - self.file.first_step, parameters, optimizer, self._gradient(step))

    def _gradient(self, step: int) -> tuple[Floats | None, ...] | None:
        if step not in self.gradients:
            return None
        path = self.gradients[step]
        found = read_snapshot(path, step)
        for name, values in found.tensors.items():
            if self.shapes.get(name) != values.shape:
                raise BadInput(f"{path.name}: {shown(name)} of shape {values.shape} is the gradient of no parameter.")
        return tuple(found.tensors.get(name) for name in self.shapes)

    def _consistent(self, snapshot: Snapshot, name: str) -> None:
        shapes = shapes_of(snapshot.tensors)
        for tensor in {**self.shapes, **shapes}:
            if shapes.get(tensor) != self.shapes.get(tensor):
                raise BadInput(
                    f"{name}: tensor {shown(tensor)} has shape {_said(shapes.get(tensor))}, and "
                    f"{_said(self.shapes.get(tensor))} in the first snapshot. All snapshots hold the same tensors."
                )
        bits = FORMATS[self.dtype].bits
        if bits < FORMATS[snapshot.dtype].bits:
            for tensor, values in snapshot.tensors.items():
                if (np.ldexp(np.frexp(values)[0], bits) % 1 != 0).any():
                    raise BadInput(
                        f"{name}: tensor {shown(tensor)} holds numbers that are no {self.dtype}, which "
                        f"{self.file.path} says the weights are kept in. Correct its dtype."
                    )
        elif bits > FORMATS[snapshot.dtype].bits:
            raise BadInput(
                f"{name} is recorded in {snapshot.dtype}, which cannot hold the {self.dtype} weights that "
                f"{self.file.path} speaks of. Record them in full, or correct dtype."
            )


def _said(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else str(list(shape))


def _stretches(steps: Sequence[int]) -> Iterator[list[int]]:
    held: list[int] = []
    for step in steps:
        if held and step != held[-1] + 1:
            yield held
            held = []
        held.append(step)
    yield held


def _measured(findings: Sequence[Finding]) -> list[Finding]:
    """Without the complaints of stretches too short, where others are long enough."""
    told = [replace(finding, where=finding.where.removeprefix("run 0, ")) for finding in findings]
    measured = [finding for finding in told if finding.identity != "none"]
    return measured if any(finding.verdict != "SKIPPED" for finding in measured) else told


def _counted_from(finding: Finding, first: int) -> Finding:
    """The finding in the numbers of the run file, in which the first step may have any number."""
    where = re.sub(r"^step (\d+)", lambda match: f"step {int(match[1]) + first}", finding.where)
    return replace(finding, where=where, curve=tuple((step + first, ratio) for step, ratio in finding.curve))


def _first_step(finding: Finding) -> int:
    return next(step for step, ratio in finding.curve if ratio > 1)
