"""An unmodified PyTorch loop, watched through the step hooks of its optimizer.

    with flowlaw.gate.watch(model, optimizer, example=(x,)) as laws:
        for x, y in batches:
            ...
    print(laws.summary())

Now and then two steps in a row are recorded: parameters before each and after the last, the gradients that the
optimizer is given, and what it says of itself. They have to obey the same identities as any recorded run.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from ..oracles.dynamics import Moment
from ..oracles.errors import BadInput, FlowlawError
from .findings import Finding, merged
from .modules import detached, symmetries_of
from .target import Array

if TYPE_CHECKING:
    from .symmetry import Family

STEPS = 2
"""Steps in a row that are recorded: as many as identities of weights relate."""
SHARE = 0.02
"""Share of the time of the loop that watching may take, by default."""
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
    on_violation: OnViolation = "warn",
    name: str = "model",
) -> Watch:
    """Watches a training loop; use it in a ``with`` statement.

    Args:
        model: a torch module.
        optimizer: its optimizer, of ``torch.optim``.
        families: the charges to watch; by default those that ``symmetries_of`` finds for the module at its first step.
        example: arguments of the module, to find them with; by default those of its first call in the loop.
        every: record two steps out of so many; by default as often as ``share`` allows.
        share: of the time of the loop.
        on_violation: warn once for each law (``LawWarning``), raise ``LawViolated`` out of ``optimizer.step``, or do
            nothing but keep the findings.
        name: of the run, in findings.

    Raises:
        BadInput: ``every`` or ``share`` is out of range, or the optimizer is not one that is known.
    """
    return Watch(model, optimizer, families, example, every, share, on_violation, name)


class Watch:
    """A watched loop. ``findings`` has what was measured so far."""

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        families: Sequence[Family] | None,
        example: tuple[Any, ...] | None,
        every: int | None,
        share: float,
        on_violation: OnViolation,
        name: str,
    ) -> None:
        if every is not None and every < STEPS:
            raise BadInput(f"every={every}: identities relate {STEPS} steps, so at least that many have to pass.")
        if not 0 < share <= 1:
            raise BadInput(f"share={share}: it is a share of the time of the loop, above 0 and at most 1.")
        from .adapters.torch import describe, memory

        self._describe, self._memory = describe, memory
        self._model, self._optimizer = model, optimizer
        self._named = list(model.named_parameters())
        describe(optimizer, self._named)  # an optimizer that is not known is refused before the loop starts
        self._families = None if families is None else tuple(families)
        self._example: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None if example is None else (example, {})
        self._every, self._share = every, share
        self._on_violation = on_violation
        self._name = name
        self._step = 0
        self._held: list[Moment] = []
        self._next = 0
        self._spent, self._started = 0.0, 0.0
        self._handles: list[Any] = []
        self._told: set[tuple[str, str]] = set()
        self.findings: list[Finding] = []
        self.recorded = 0
        """Steps that were recorded."""

    def __enter__(self) -> Self:
        self._started = time.perf_counter()
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
        self._held.clear()

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
        passed = time.perf_counter() - self._started
        return self._spent / passed if passed > 0 else 0.0

    def summary(self) -> str:
        """The findings as text, one line each; what is violated comes with its numbers."""
        from .words import paragraph

        if not any(finding.verdict != "SKIPPED" for finding in self.findings):
            reasons = sorted({finding.reason for finding in self.findings}) or ["no two steps in a row were recorded"]
            return f"nothing was measured: {'; '.join(reasons)}"
        return "\n".join("\n  ".join(paragraph(finding)) for finding in self.findings)

    def _first_call(self, model: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        if self._example is None:
            self._example = detached((arguments, dict(named)))

    def _before(self, optimizer: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
        begin = time.perf_counter()
        if self._wanted():
            if self._families is None:
                self._families = self._found()
                self._started += time.perf_counter() - begin  # found once, it belongs to no step
                begin = time.perf_counter()
            described = self._describe(optimizer, self._named)
            remembered = None if self._held else self._memory(optimizer, self._named)
            self._held.append(Moment(self._step, self._point(), described, self._gradients(), remembered))
            self.recorded += 1
        self._spent += time.perf_counter() - begin

    def _after(self, optimizer: Any, arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
        begin = time.perf_counter()
        self._step += 1
        try:
            if self._held and _closure(arguments, named) is not None:  # it made the gradients after the first hook
                self._held[-1] = replace(self._held[-1], gradients=self._gradients())
            if len(self._held) == STEPS:
                self._held.append(Moment(self._step, self._point()))
                self._judge()
        finally:
            self._spent += time.perf_counter() - begin

    def _wanted(self) -> bool:
        if self._held:
            return True
        if self._every is not None:
            return self._step % self._every == 0
        return self._step == 0 or self._spent <= self._share * (time.perf_counter() - self._started)

    def _found(self) -> tuple[Family, ...]:
        if self._example is None:
            raise BadInput("The model was not called before its first step. Give watch an example=(...) of arguments.")
        arguments, named = self._example
        return symmetries_of(self._model, arguments, named)

    def _gradients(self) -> tuple[Array | None, ...]:
        return tuple(None if p.grad is None else _array(p.grad) for _, p in self._named)

    def _point(self) -> tuple[Array, ...]:
        return tuple(_array(p) for _, p in self._named)

    def _judge(self) -> None:
        from .judge import judge
        from .record import snapshots

        held, self._held = self._held, []
        names = [name for name, _ in self._named]
        dtype = str(self._named[0][1].dtype).removeprefix("torch.")
        record = snapshots([held], names, target=self._name, dtype=dtype)
        record = replace(record, probes=(tuple(_blurred(moment, record.format.unit) for moment in held[:-1]),))
        found = judge(record, self.families, explained=False)
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


def _array(tensor: Any) -> Array:
    made: Array = tensor.detach().double().cpu().numpy().copy()
    return made


def _blurred(moment: Moment, unit: float) -> Moment:
    """What the gradients may be instead, where they cannot be asked for again.

    A gradient that should be 0 is what rounding leaves of terms as large as those of the other tensors, so every entry
    is uncertain by one unit of the largest entry of all.
    """
    given: tuple[Array | None, ...] = moment.gradients or ()
    largest = max((float(abs(g).max()) for g in given if g is not None and g.size), default=0.0)
    signs = np.random.default_rng(0)
    near = tuple(
        None if g is None else g + unit * largest * (2.0 * signs.integers(0, 2, size=g.shape) - 1) for g in given
    )
    return Moment(moment.index, moment.parameters, None, near)
