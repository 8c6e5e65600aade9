"""SGD as PyTorch has it: momentum, dampening, Nesterov, coupled weight decay, maximize."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ...errors import BadInput
from .._laws import Entry
from .._leaves import Leaf, Number
from ._group_laws import GROUPS
from ._heavy_ball_laws import HEAVY_BALL
from ._nesterov_laws import NESTEROV
from ._plain_laws import PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class SGD:
    """``torch.optim.SGD``, per tensor (d descends, v is the buffer, kept in the slot).

        d = g + weight_decay * theta             (-g where it maximizes)
        v = d at the first step, else momentum * v + (1 - dampening) * d
        theta' = theta - lr * (v, or d + momentum * v with Nesterov, or d without momentum)

    Args:
        first_step_damped: multiply the first buffer by ``1 - dampening`` too: not PyTorch, but found in research code.

    Raises:
        BadInput: Nesterov without momentum, or with dampening, as PyTorch refuses it.

    >>> SGD(lr=2, momentum=3).update(1, 1, None)
    (-1, 1)
    """

    lr: Number
    momentum: Number = 0
    dampening: Number = 0
    weight_decay: Number = 0
    nesterov: bool = False
    maximize: bool = False
    first_step_damped: bool = False

    def __post_init__(self) -> None:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise BadInput("Nesterov momentum needs a momentum that is not 0 and no dampening, as in PyTorch.")

    def update(self, theta: Leaf, gradient: Leaf, slot: Leaf | None) -> tuple[Leaf, Leaf | None]:
        """One tensor after a step; the slot is its momentum buffer."""
        d = -gradient if self.maximize else gradient
        if self.weight_decay != 0:
            d = d + self.weight_decay * theta
        if self.momentum == 0:
            return theta - self.lr * d, slot
        if slot is None:
            v = (1 - self.dampening) * d if self.first_step_damped else d
        else:
            v = self.momentum * slot + (1 - self.dampening) * d
        return theta - self.lr * (d + self.momentum * v if self.nesterov else v), v


_HALF = Fraction(1, 2)
ENTRY = Entry(
    title="SGD",
    laws=(*PLAIN, *HEAVY_BALL, *NESTEROV, *GROUPS),
    none=(),
    columns=(
        (0, "SGD", SGD(lr=_HALF)),
        (1, "+ decay (coupled)", SGD(lr=_HALF, weight_decay=_HALF)),
        (2, "+ momentum", SGD(lr=_HALF, weight_decay=_HALF, momentum=_HALF)),
        (3, "Nesterov", SGD(lr=_HALF, weight_decay=_HALF, momentum=_HALF, nesterov=True)),
    ),
)
