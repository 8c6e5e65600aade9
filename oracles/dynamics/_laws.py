"""An exact identity of a discrete optimizer as data, and what it sees of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..errors import BadInput
from ._charges import Charge, Kind
from ._leaves import Leaves, Number
from ._runs import Grouped, Optimizer, Window, part

if TYPE_CHECKING:
    from ._formal import Symbols

Needs = Literal["weights", "gradient", "state"]
"""What must be known of a run: snapshots of the weights only, the gradients too, or the optimizer's state too."""
Setting = tuple[Sequence[Optimizer], Any]
"""Optimizers with free hyper-parameters, one a step, and the slot that each tensor starts with."""


class View:
    """A window of moments as seen by one charge: short names for what identities are made of.

    ``k`` counts from the start of the window.
    """

    __slots__ = ("charge", "moments")

    def __init__(self, moments: Window, charge: Charge) -> None:
        self.moments = moments
        self.charge = charge

    @property
    def steps(self) -> int:
        return len(self.moments) - 1

    def theta(self, k: int) -> Leaves:
        return self.moments[k].parameters

    def tensors(self) -> tuple[int, ...]:
        return self.charge.tensors(self.theta(0))

    def optimizer(self, k: int) -> Any:
        """What makes step k; in a run with groups, the one optimizer of all tensors of the charge."""
        chosen = self.moments[k].optimizer
        return part(chosen, self.tensors()[0]) if isinstance(chosen, Grouped) else chosen

    def of_tensor(self, k: int, tensor: int) -> Any:
        """What makes step k of one tensor."""
        chosen = self.moments[k].optimizer
        assert chosen is not None
        return part(chosen, tensor)

    def value(self, k: int) -> Number:
        """``s_k`` or ``q_k``."""
        return self.charge.pair(self.theta(k), self.theta(k))

    def pair(self, a: Leaves, k: int) -> Number:
        """``<a, xi(theta_k)>``."""
        return self.charge.pair(a, self.theta(k))

    def form(self, a: Leaves, b: Leaves) -> Number:
        """``<a, M b>``."""
        return self.charge.form(a, b)

    def delta(self, k: int, keep: Number = 1) -> Leaves:
        """``theta_{k+1} - keep * theta_k``."""
        return tuple(after - keep * before for after, before in zip(self.theta(k + 1), self.theta(k), strict=True))

    def square(self, a: Leaves) -> Number:
        """``<a, M a>``."""
        return self.charge.form(a, a)

    def gradient(self, k: int) -> Leaves:
        """What the optimizer descends along: ``g_k``, or ``-g_k`` where it maximizes; 0 for skipped tensors."""
        gradients, point = self.moments[k].gradients, self.theta(k)
        assert gradients is not None
        sign = [-1 if getattr(self.of_tensor(k, i), "maximize", False) else 1 for i in range(len(point))]
        return tuple(0 * p if g is None else s * g for g, p, s in zip(gradients, point, sign, strict=True))

    def defect(self, k: int) -> Number:
        """``<g_k, xi(theta_k)>``, which is 0 for a symmetry (B0.orthogonality)."""
        return self.pair(self.gradient(k), k)

    def slots(self, k: int) -> tuple[Any, ...]:
        """The slots before step k."""
        state = self.moments[k].state
        return (None,) * len(self.theta(k)) if state is None else state

    def ratio(self, k: int) -> Number:
        """``eta_{k+1} / eta_k``; exactly 1 where both are equal."""
        new, old = self.optimizer(k + 1).lr, self.optimizer(k).lr
        if new == old:
            return 1
        from ._leaves import quotient

        return quotient(new, old)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """One identity: ``left(window) = right(window)`` for every run of its optimizers with the symmetry.

    Args:
        id: of the theorem, such as ``B0.hb-two-step``; it never changes its meaning.
        name: unique among all laws, such as ``hb-two-step.quadratic``.
        charges: the kinds of charges it is stated for; ``generator`` accepts every charge.
        needs: what has to be known of the run.
        steps: the length of the window; the moments are one more.
        says: a few words for a table, given the optimizer and the kind of charge.
        formula: TeX.
        applies: whether an optimizer obeys it (any hyper-parameters that it has no room for are 0).
        sides: both sides, for a window seen by a charge.
        defect: what ``left - right`` is for gradients that are not orthogonal, exactly: 0 for a symmetry.
        setting: optimizers with free symbols, for the derivation.
        first: it speaks of the first step of a run.
        longer: windows of more steps are accepted.
        constant: hyper-parameters that have to be the same at every step.
        grouped: tensors of the charge may be trained with different hyper-parameters.
        alike: what has to be the same for all tensors of a grouped charge: ``lr``, or ``lr * weight_decay``.
        tensors: how many tensors the derivation takes.
        coordinates: the derivation works on free coordinates, for updates that are not linear.
    """

    id: str
    name: str
    charges: tuple[Kind, ...]
    needs: Needs
    steps: int
    says: Callable[[Any, Kind], str]
    formula: str
    applies: Callable[[Any], bool]
    sides: Callable[[View], tuple[Number, Number]]
    defect: Callable[[View], Number]
    setting: Callable[[Symbols], Setting]
    first: bool = False
    longer: bool = False
    constant: tuple[str, ...] = ()
    grouped: bool = False
    alike: tuple[Literal["lr", "lr * weight_decay"], ...] = ()
    tensors: int = 1
    coordinates: bool = False

    def accepts(self, charge: Charge) -> bool:
        """Whether the identity is meant for charges of this kind."""
        return charge.kind in self.charges or "generator" in self.charges

    def obstacle(self, window: Window, charge: Charge) -> str:
        """Why the identity says nothing about this window; empty if it does."""
        if not self.accepts(charge):
            return f"{self.name} is about {' and '.join(self.charges)} charges, not {charge.kind} ones."
        if self.grouped and not hasattr(charge, "part"):
            return f"{self.name} is about a charge with a summand for each tensor, such as a Signed charge."
        taken = len(window) - 1
        if taken < self.steps or (taken > self.steps and not self.longer):
            return f"{self.name} takes a window of {self.steps} steps, not {taken}."
        view = View(window, charge)
        touched = view.tensors()
        for k in range(taken):
            moment = window[k]
            if moment.optimizer is None:
                return f"The optimizer of step {moment.index} is not recorded."
            kinds = [view.of_tensor(k, i) for i in touched]
            if any(kind != kinds[0] for kind in kinds) and not self.grouped:
                return "The tensors of the charge are trained with different hyper-parameters."
            if not all(self.applies(kind) for kind in kinds):
                return f"{self.name} does not hold for {', '.join(map(str, kinds))}."
            for name in self.constant:
                if any(getattr(view.of_tensor(k, i), name) != getattr(view.of_tensor(0, i), name) for i in touched):
                    return f"{self.name} needs the same {name} at every step."
            for name in self.alike:
                values = [h.lr if name == "lr" else h.lr * h.weight_decay for h in kinds]
                if any(value != values[0] for value in values):
                    return f"{self.name} needs the same {name} for all tensors of the charge."
            if k + 1 < taken and any(getattr(kind, "lr", 1) == 0 for kind in kinds):
                return f"The learning rate of step {moment.index} is 0, so the step hides what it carries on."
            if moment.gradients is not None and any(moment.gradients[i] is None for i in touched):
                return f"Step {moment.index} skips a tensor of the charge."
            if self.needs != "weights" and moment.gradients is None:
                return f"The gradients of step {moment.index} are not recorded."
            if self.needs == "state" and (moment.state is None or window[k + 1].state is None):
                return f"The state around step {moment.index} is not recorded."
        slots = [view.slots(0)[i] for i in touched]
        if self.first and any(slot is not None for slot in slots):
            return "The window does not start at the first step of its tensors."
        if self.first and window[0].state is None and window[0].index != 0:
            return "The window does not start at the first step of the run."
        return ""

    def residual(self, window: Window, charge: Charge) -> Number:
        """``left - right``: exactly 0 in exact numbers, for a run whose gradients have the symmetry.

        Raises:
            BadInput: the identity says nothing about this window; ``obstacle`` says why.
        """
        obstacle = self.obstacle(window, charge)
        if obstacle:
            raise BadInput(obstacle)
        left, right = self.sides(View(window, charge))
        return left - right

    def predicted(self, window: Window, charge: Charge) -> Number:
        """What ``residual`` is if the gradients lack the symmetry, in terms of ``<g_k, xi(theta_k)>`` alone."""
        return self.defect(View(window, charge))


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLaw:
    """There is no identity for this kind of charge, and why."""

    charges: tuple[Kind, ...]
    reason: str
    applies: Callable[[Any], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An optimizer with everything that is known of it.

    Args:
        title: as people call it.
        laws: its identities.
        none: where there is none.
        columns: the configurations that the survival table shows, each with its heading and place.
    """

    title: str
    laws: tuple[Law, ...]
    none: tuple[NoLaw, ...]
    columns: tuple[tuple[int, str, Optimizer], ...]
