"""A sample of a model and its optimizer: moments of it, and what the laws say of two in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from ..oracles.dynamics import Grouped, Moment
from .adapters.torch import describe, memory
from .findings import Finding
from .judge import judge, labels
from .record import estimated, snapshots
from .samples import LARGEST, Piece, Sample, Samples
from .target import Array

if TYPE_CHECKING:
    from .symmetry import Family

DRAWN = "drawn entries of every tensor"
"""What the step itself is checked on, where a sample is not all there is."""


class Observer:
    """Reads a model and its optimizer, which it leaves alone.

    Args:
        model: a torch module.
        optimizer: its optimizer.
        name: of the run, in findings.

    Raises:
        BadInput: the optimizer is not one that is known.
    """

    def __init__(self, model: Any, optimizer: Any, name: str) -> None:
        self._named: list[tuple[str, Any]] = list(model.named_parameters())
        self._optimizer, self._name = optimizer, name
        describe(optimizer, self._named)
        self.shapes = [tuple(p.shape) for _, p in self._named]
        self._labels: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers are trained."""
        return sum(p.numel() for _, p in self._named)

    def call(self, samples: Samples) -> list[Finding]:
        """Gives the families their names in findings; a finding for each that is too large to be looked at."""
        if not samples.known:
            return []
        nothing = snapshots([[Moment(0, ())]], [name for name, _ in self._named], target=self._name)
        self._labels = labels(nothing, samples.families)
        reason = f"Each of its charges has more than {LARGEST:,} entries, too many for a check in a loop."
        return [Finding(self._name, "", "watch", self._labels[k], "SKIPPED", reason) for k in samples.too_large]

    def moment(self, step: int, sample: Sample, *, first: bool) -> Moment:
        """What is there before a step; the memory of the optimizer in the first one."""
        remembered = self._remembered(sample) if first else None
        return Moment(step, self._point(sample), self._described(sample), self.gradients(sample), remembered)

    def end(self, step: int, sample: Sample) -> Moment:
        """What is there after the last step."""
        return Moment(step, self._point(sample))

    def gradients(self, sample: Sample) -> tuple[Array | None, ...]:
        given = [self._named[piece.tensor][1].grad for piece in sample.pieces]
        return tuple(None if g is None else piece.of(g) for piece, g in zip(sample.pieces, given, strict=True))

    def largest(self) -> float:
        """The largest entry of any gradient."""
        given = [p.grad.detach() for _, p in self._named if p.grad is not None and p.grad.numel()]
        return max((max(float(g.max()), -float(g.min())) for g in given), default=0.0)

    def judged(
        self, held: Sequence[Moment], largest: Sequence[float], sample: Sample, families: Sequence[Family]
    ) -> list[Finding]:
        """The findings of a few steps in a row, named after the families that the sample was drawn from.

        Args:
            held: moments of the sample.
            largest: for each step the largest entry of any gradient.
            sample: from ``Samples``.
            families: all of them.
        """
        names = [self._named[piece.tensor][0] for piece in sample.pieces]
        dtype = str(self._named[0][1].dtype).removeprefix("torch.")
        roundings = estimated(self.shapes, None)
        record = snapshots([held], names, target=self._name, dtype=dtype, roundings=roundings)
        unit = record.format.unit
        near = tuple(_blurred(moment, unit * top) for moment, top in zip(held, largest, strict=False))
        record = replace(record, probes=(near,))
        called = dict(zip(labels(record, sample.families), sample.numbers, strict=True))
        found = judge(record, sample.families, explained=False)
        return [self._of_whole(finding, called, sample, families) for finding in found]

    def _of_whole(
        self, finding: Finding, called: Mapping[str, int], sample: Sample, families: Sequence[Family]
    ) -> Finding:
        if finding.family not in called:
            return finding if sample.complete else replace(finding, family=DRAWN)
        number = called[finding.family]
        label = self._labels[number] if self._labels else finding.family
        return replace(finding, family=label, charges=len(families[number].names))

    def _point(self, sample: Sample) -> tuple[Array, ...]:
        return tuple(piece.of(self._named[piece.tensor][1]) for piece in sample.pieces)

    def _described(self, sample: Sample) -> Any:
        """What the optimizer says of itself, for each piece."""
        told = describe(self._optimizer, self._named)
        if not isinstance(told, Grouped):
            return told
        return Grouped(told.groups, tuple(told.members[piece.tensor] for piece in sample.pieces))

    def _remembered(self, sample: Sample) -> tuple[Any, ...]:
        """The memory of the optimizer, for each piece."""
        owned = {id(p) for group in self._optimizer.param_groups for p in group["params"]}
        twin: Any = object.__new__(cast(Any, type(self._optimizer)))  # an optimizer that has the pieces for parameters
        twin.param_groups = [{"params": [p for p in sample.pieces if id(self._named[p.tensor][1]) in owned]}]
        twin.state = {piece: self._state(piece) for piece in sample.pieces}
        return memory(twin, [(self._named[piece.tensor][0], piece) for piece in sample.pieces])

    def _state(self, piece: Piece) -> dict[str, Any]:
        parameter = self._named[piece.tensor][1]
        known: dict[str, Any] = self._optimizer.state.get(parameter) or {}
        return {
            key: _Copied(piece.of(x)) if key != "step" and getattr(x, "shape", None) == parameter.shape else x
            for key, x in known.items()
        }


class _Copied:
    """An array where a torch tensor is expected."""

    __slots__ = ("dtype", "made")

    def __init__(self, made: Array) -> None:
        self.made = made
        self.dtype = made.dtype

    def detach(self) -> Self:
        return self

    def cpu(self) -> Self:
        return self

    def numpy(self) -> Array:
        return self.made


def _blurred(moment: Moment, off: float) -> Moment:
    """What the gradients may be instead, where they cannot be asked for again.

    A gradient that should be 0 is what rounding leaves of terms as large as those of the other tensors, so every entry
    is uncertain by one unit of the largest entry of all.
    """
    signs = np.random.default_rng(0)
    given: tuple[Array | None, ...] = moment.gradients or ()
    near = tuple(None if g is None else g + off * (2.0 * signs.integers(0, 2, size=g.shape) - 1) for g in given)
    return Moment(moment.index, moment.parameters, None, near)
