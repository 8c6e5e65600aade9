"""An unmodified PyTorch loop, watched through the step hooks of its optimizer.

    with flowlaw.gate.watch(model, optimizer, example=(x,)) as laws:
        for x, y in batches:
            ...
    print(laws.summary())

Now and then two steps in a row are recorded: parameters before each and after the last, the gradients that the
optimizer is given, and what it says of itself. They have to obey the same identities as any recorded run. Of a large
model a check looks at members drawn at random, and at nothing but their slices.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from ..oracles.dynamics import Moment
from ..oracles.errors import BadInput, FlowlawError
from .findings import Finding, merged
from .modules import detached, symmetries_of
from .samples import Sample, Samples

if TYPE_CHECKING:
    from .symmetry import Family

STEPS = 2
"""Steps in a row that are recorded: as many as identities of weights relate."""
SHARE = 0.02
"""Share of the time of the loop that watching may take, by default."""
ENTRIES = 2**15
"""Entries that one check looks at, by default."""
TOGETHER = 4
"""Families that one check looks at where the share decides when the next one comes."""
OnViolation = Literal["warn", "raise", "ignore"]


class LawViolated(FlowlawError):
    """A watched loop made a step that breaks a law."""


class LawWarning(UserWarning):
    """The same as a warning."""


def watch(
    model: Any,
    optimizer: Any,
    *,
    families: Sequence[Family] | None = None,
    example: tuple[Any, ...] | None = None,
    every: int | None = None,
    share: float = SHARE,
    entries: int | None = ENTRIES,
    on_violation: OnViolation = "warn",
    name: str = "model",
) -> Watch:
    """Watches a training loop; use it in a ``with`` statement.

    Args:
        model: a torch module.
        optimizer: its optimizer, of ``torch.optim``.
        families: the charges to watch; by default those that ``symmetries_of`` finds for the module at its first step.
        example: arguments of the module, to find them with; by default those of its first call in the loop.
        every: record two steps out of so many, for all families; by default a few families at the first step, and the
            next ones in turn when the loop has run for so long that ``share`` is kept, what they will cost included.
        share: of the time of the loop.
        entries: how many entries of tensors one check may look at; None for all, which costs some hundred times a step.
        on_violation: warn once for each law (``LawWarning``), raise ``LawViolated`` out of ``optimizer.step``, or do
            nothing but keep the findings.
        name: of the run, in findings.

    Raises:
        BadInput: ``every`` or ``share`` is out of range, or the optimizer is not one that is known.
    """
    return Watch(model, optimizer, families, example, every, share, entries, on_violation, name)


class Watch:
    """A watched loop. ``findings`` has what was measured so far. It may be left and entered again."""

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        families: Sequence[Family] | None,
        example: tuple[Any, ...] | None,
        every: int | None,
        share: float,
        entries: int | None,
        on_violation: OnViolation,
        name: str,
    ) -> None:
        if every is not None and every < STEPS:
            raise BadInput(f"every={every}: identities relate {STEPS} steps, so at least that many have to pass.")
        if not 0 < share <= 1:
            raise BadInput(f"share={share}: it is a share of the time of the loop, above 0 and at most 1.")
        if entries is not None and entries < 1:
            raise BadInput(f"entries={entries}: a check has to look at something.")
        from .observer import Observer

        self._observer = Observer(model, optimizer, name)  # an optimizer that is not known is refused at once
        self._model, self._optimizer = model, optimizer
        self._families = None if families is None else tuple(families)
        self._example: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None if example is None else (example, {})
        self._every, self._share, self._entries = every, share, entries
        self._on_violation = on_violation
        self._step = 0
        self._samples: Samples | None = None
        self._sample: Sample | None = None
        self._held: list[Moment] = []
        self._largest: list[float] = []
        self._entered: float | None = None
        self._passed, self._spent, self._before_check, self._dearest = 0.0, 0.0, 0.0, 0.0
        self._handles: list[Any] = []
        self._told: set[tuple[str, str]] = set()
        self._seen: list[set[int]] = []
        self.findings: list[Finding] = []
        self.recorded = 0
        """Steps that were recorded."""
        self.checks = 0
        """How often two steps in a row were judged."""

    def __enter__(self) -> Self:
        self._entered = time.perf_counter()
        if self._families is None and self._example is None:
            self._handles.append(self._model.register_forward_pre_hook(self._first_call, with_kwargs=True))
        self._handles.append(self._optimizer.register_step_pre_hook(self._before))
        self._handles.append(self._optimizer.register_step_post_hook(self._after))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._passed, self._entered = self._elapsed(), None
        self._held.clear()
        self._largest.clear()
        self._sample = None

    @property
    def families(self) -> tuple[Family, ...]:
        """The charges that are watched; empty until the first step."""
        return self._families or ()

    @property
    def violations(self) -> list[Finding]:
        """The findings that are VIOLATED."""
        return [finding for finding in self.findings if finding.verdict == "VIOLATED"]

    @property
    def share(self) -> float:
        """The share of the time of the loop that watching has taken so far."""
        passed = self._elapsed()
        return self._spent / passed if passed > 0 else 0.0

    @property
    def coverage(self) -> tuple[int, int]:
        """How many of the charges were looked at so far, and how many there are."""
        return sum(map(len, self._seen)), sum(len(family.names) for family in self.families)

    def summary(self) -> str:
        """The findings as text, one line each; what is violated comes with its numbers."""
        from .words import paragraph

        if not any(finding.verdict != "SKIPPED" for finding in self.findings):
            reasons = sorted({finding.reason for finding in self.findings}) or ["no two steps in a row were recorded"]
            return f"nothing was measured: {'; '.join(reasons)}"
        looked, of = self.coverage
        lines = ["\n  ".join(paragraph(finding)) for finding in self.findings]
        return "\n".join([*lines, f"{looked} of {of} charges were looked at, in {self.checks} checks"])

    def _first_call(self, model: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        if self._example is None:
            self._example = detached((arguments, dict(named)))

    def _before(self, optimizer: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
        begin = time.perf_counter()
        if self._wanted():
            if self._samples is None:
                self._samples = self._prepared()
                self._passed -= time.perf_counter() - begin  # found once, it belongs to no step
                begin = time.perf_counter()
            if self._sample is None:
                self._before_check = self._spent
                self._sample = self._samples.draw()
            self._held.append(self._observer.moment(self._step, self._sample, first=not self._held))
            self._largest.append(self._observer.largest())
            self.recorded += 1
        self._spent += time.perf_counter() - begin

    def _after(self, optimizer: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
        begin = time.perf_counter()
        self._step += 1
        sample = self._sample
        try:
            if sample is not None and _closure(arguments, named) is not None:  # it made the gradients after the hook
                self._held[-1] = replace(self._held[-1], gradients=self._observer.gradients(sample))
                self._largest[-1] = self._observer.largest()
            if sample is not None and len(self._held) == STEPS:
                self._held.append(self._observer.end(self._step, sample))
                self._judge(sample)
        finally:
            self._spent += time.perf_counter() - begin
            if sample is not None and self._sample is None:
                self._dearest = max(self._dearest, self._spent - self._before_check)

    def _wanted(self) -> bool:
        if self._held:
            return True
        if self._every is not None:
            return self._step % self._every == 0
        return self._step == 0 or self._spent + self._dearest <= self._share * self._elapsed()

    def _elapsed(self) -> float:
        """Seconds in the loop so far, without the search for families."""
        return self._passed + (0.0 if self._entered is None else time.perf_counter() - self._entered)

    def _prepared(self) -> Samples:
        """What is drawn from, once the families are known."""
        if self._families is None:
            self._families = self._found()
        entries = sys.maxsize if self._entries is None else self._entries
        together = len(self.families) if self._every is not None or self._entries is None else TOGETHER
        samples = Samples(self.families, self._observer.shapes, entries, together)
        self._seen = [set() for _ in self.families]
        self.findings = self._observer.call(samples)
        return samples

    def _found(self) -> tuple[Family, ...]:
        if self._example is None:
            raise BadInput("The model was not called before its first step. Give watch an example=(...) of arguments.")
        arguments, named = self._example
        return symmetries_of(self._model, arguments, named)

    def _judge(self, sample: Sample) -> None:
        held, self._held, self._sample = self._held, [], None
        largest, self._largest = self._largest, []
        found = self._observer.judged(held, largest, sample, self.families)
        self.checks += 1
        for number, members in zip(sample.numbers, sample.members, strict=True):
            self._seen[number].update(members.tolist())
        self.findings = merged([*self.findings, *found])
        self._tell([finding for finding in found if finding.verdict == "VIOLATED"])

    def _tell(self, violated: Sequence[Finding]) -> None:
        from .words import paragraph

        for finding in violated:
            key = finding.identity, finding.family
            if key in self._told:
                continue
            self._told.add(key)
            text = "\n  ".join(paragraph(finding))
            if self._on_violation == "raise":
                raise LawViolated(text)
            if self._on_violation == "warn":
                warnings.warn(text, LawWarning, stacklevel=4)


def _closure(arguments: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """What ``optimizer.step`` was given to evaluate the loss with."""
    return named.get("closure", arguments[0] if arguments else None)
