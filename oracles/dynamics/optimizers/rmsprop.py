"""RMSprop as PyTorch has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._laws import Entry, NoLaw, Setting
from .._leaves import Leaf, Number, rational_root, root
from ._metric_laws import metric_law

if TYPE_CHECKING:
    from .._formal import Symbols


@dataclass(frozen=True, slots=True)
class RMSpropSlot:
    """The mean of squares, the mean of gradients (centered), and the momentum buffer."""

    square: Leaf
    mean: Leaf | None
    buffer: Leaf | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RMSprop:
    """``torch.optim.RMSprop``: ``theta' = theta - lr * d / P`` with ``d = g + weight_decay * theta``.

    ``P = root(square) + eps``, where centered ``root(square - mean^2) + eps``. Over rational numbers ``root`` is exact
    or raises ``NoExactRoot``; see ``Adam``.

    >>> RMSprop(lr=1, alpha=0, eps=0).update(3, 2, None)[0] == 2
    True
    """

    lr: Number
    alpha: Number = Fraction(99, 100)
    eps: Number = Fraction(1, 10**8)
    weight_decay: Number = 0
    momentum: Number = 0
    centered: bool = False
    maximize: bool = False
    root: Callable[[Leaf], Leaf] = root

    def update(self, theta: Leaf, gradient: Leaf, slot: RMSpropSlot | None) -> tuple[Leaf, RMSpropSlot]:
        """One tensor after a step."""
        d = -gradient if self.maximize else gradient
        if self.weight_decay != 0:
            d = d + self.weight_decay * theta
        before = RMSpropSlot(0 * d, 0 * d, 0 * d) if slot is None else slot
        after = RMSpropSlot(
            self.alpha * before.square + (1 - self.alpha) * (d * d),
            self.alpha * before.mean + (1 - self.alpha) * d if self.centered else before.mean,
            before.buffer,
        )
        direction = d / self.metric(after)
        if self.momentum != 0:
            direction = self.momentum * before.buffer + direction
            after = RMSpropSlot(after.square, after.mean, direction)
        return theta - self.lr * direction, after

    def metric(self, slot: RMSpropSlot) -> Leaf:
        """The diagonal P that divides the step, from the slot after it."""
        mean: Leaf = slot.mean
        return self.root(slot.square - mean * mean if self.centered else slot.square) + self.eps

    def rate(self, slot: RMSpropSlot) -> Number:
        """The step size."""
        return self.lr


def without_momentum(optimizer: Any) -> bool:
    """RMSprop as it was proposed."""
    return isinstance(optimizer, RMSprop) and bool(optimizer.momentum == 0)


def with_momentum(optimizer: Any) -> bool:
    """RMSprop with a buffer."""
    return isinstance(optimizer, RMSprop) and bool(optimizer.momentum != 0)


def _setting(symbols: Symbols) -> Setting:
    optimizer = RMSprop(
        lr=symbols("eta"),
        alpha=symbols("alpha"),
        eps=symbols("eps"),
        weight_decay=symbols("lam"),
        centered=True,
        root=lambda x: symbols.opaque("root", x),
    )
    return (optimizer,), RMSpropSlot(symbols.leaf("v"), symbols.leaf("m"), symbols.leaf("b"))


_HALF = Fraction(1, 2)
ENTRY = Entry(
    title="RMSprop",
    laws=(metric_law("rmsprop.metric", without_momentum, _setting),),
    none=(
        NoLaw(
            charges=("quadratic", "antisymmetric"),
            reason="every coordinate has its own step size, which the symmetry does not know",
            applies=without_momentum,
        ),
        NoLaw(
            charges=("linear", "quadratic", "antisymmetric", "generator"),
            reason="the buffer sums steps that were divided by different diagonals",
            applies=with_momentum,
        ),
    ),
    columns=((8, "RMSprop", RMSprop(lr=_HALF, weight_decay=_HALF, root=rational_root)),),
)
