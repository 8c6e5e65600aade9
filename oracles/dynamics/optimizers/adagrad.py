"""Adagrad as PyTorch has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._laws import Entry, NoLaw, Setting
from .._leaves import Leaf, Number, quotient, rational_root, root
from ._metric_laws import metric_law

if TYPE_CHECKING:
    from .._formal import Symbols


@dataclass(frozen=True, slots=True)
class AdagradSlot:
    """After ``step`` steps: the sum of squares."""

    step: Number
    squares: Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Adagrad:
    """``torch.optim.Adagrad``: ``theta' = theta - rate * d / P`` with ``d = g + weight_decay * theta``.

    ``P = root(sum of d^2) + eps`` and ``rate = lr / (1 + (t - 1) * lr_decay)``. Over rational numbers ``root`` is exact
    or raises ``NoExactRoot``; see ``Adam``.

    Args:
        initial: what the sum of squares starts with, ``initial_accumulator_value`` in PyTorch.

    >>> Adagrad(lr=1, eps=0).update(3, 2, None)[0] == 2
    True
    """

    lr: Number
    lr_decay: Number = 0
    eps: Number = Fraction(1, 10**10)
    weight_decay: Number = 0
    initial: Number = 0
    maximize: bool = False
    root: Callable[[Leaf], Leaf] = root

    def update(self, theta: Leaf, gradient: Leaf, slot: AdagradSlot | None) -> tuple[Leaf, AdagradSlot]:
        """One tensor after a step."""
        d = -gradient if self.maximize else gradient
        if self.weight_decay != 0:
            d = d + self.weight_decay * theta
        before = AdagradSlot(0, 0 * d + self.initial) if slot is None else slot
        after = AdagradSlot(before.step + 1, before.squares + d * d)
        return theta - self.rate(after) * (d / self.metric(after)), after

    def metric(self, slot: AdagradSlot) -> Leaf:
        """The diagonal P that divides the step, from the slot after it."""
        return self.root(slot.squares) + self.eps

    def rate(self, slot: AdagradSlot) -> Number:
        """The step size, from the slot after the step."""
        return quotient(self.lr, 1 + (slot.step - 1) * self.lr_decay)


def is_adagrad(optimizer: Any) -> bool:
    """Adagrad."""
    return isinstance(optimizer, Adagrad)


def _setting(symbols: Symbols) -> Setting:
    optimizer = Adagrad(
        lr=symbols("eta"),
        lr_decay=symbols("gamma"),
        eps=symbols("eps"),
        weight_decay=symbols("lam"),
        root=lambda x: symbols.opaque("root", x),
    )
    return (optimizer,), AdagradSlot(symbols("t"), symbols.leaf("v"))


_HALF = Fraction(1, 2)
ENTRY = Entry(
    title="Adagrad",
    laws=(metric_law("adagrad.metric", is_adagrad, _setting),),
    none=(
        NoLaw(
            charges=("quadratic", "antisymmetric"),
            reason="every coordinate has its own step size, which the symmetry does not know",
            applies=is_adagrad,
        ),
    ),
    columns=((9, "Adagrad", Adagrad(lr=_HALF, weight_decay=_HALF, root=rational_root)),),
)
