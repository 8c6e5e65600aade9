"""Sign methods: signSGD, and Lion without its momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._laws import Entry, NoLaw
from .._leaves import Leaf, Number, signs


@dataclass(frozen=True, slots=True, kw_only=True)
class SignSGD:
    """``theta' = (1 - lr * weight_decay) * theta - lr * sign(g)``.

    >>> SignSGD(lr=1).update(3, -7, None)
    (4, None)
    """

    lr: Number
    weight_decay: Number = 0
    maximize: bool = False

    def update(self, theta: Leaf, gradient: Leaf, slot: None) -> tuple[Leaf, None]:
        """One tensor after a step."""
        d = signs(-gradient if self.maximize else gradient)
        return (1 - self.lr * self.weight_decay) * theta - self.lr * d, None


def is_sign(optimizer: Any) -> bool:
    """A step that only knows signs."""
    return isinstance(optimizer, SignSGD)


ENTRY = Entry(
    title="Sign methods",
    laws=(),
    none=(
        NoLaw(
            charges=("linear", "quadratic", "antisymmetric", "generator"),
            reason="signs forget the sizes that make a gradient orthogonal to the generator",
            applies=is_sign,
        ),
    ),
    columns=((11, "signSGD", SignSGD(lr=1)),),
)
