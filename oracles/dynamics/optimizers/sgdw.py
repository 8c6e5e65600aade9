"""SGD with decoupled decay (SGDW); not in torch.optim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._laws import Entry, Law, Setting, View
from .._leaves import Leaf, Leaves, Number

if TYPE_CHECKING:
    from .._formal import Symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class SGDW:
    """``v = momentum * v + g``; ``theta' = (1 - lr * weight_decay) * theta - lr * v``; the buffer starts at 0.

    >>> from fractions import Fraction
    >>> SGDW(lr=Fraction(1, 2), momentum=1, weight_decay=1).update(4, 2, None)
    (Fraction(1, 1), 2)
    """

    lr: Number
    momentum: Number = 0
    weight_decay: Number = 0
    maximize: bool = False

    def update(self, theta: Leaf, gradient: Leaf, slot: Leaf | None) -> tuple[Leaf, Leaf]:
        """One tensor after a step; the slot is its momentum buffer."""
        g = -gradient if self.maximize else gradient
        v = g if slot is None else self.momentum * slot + g
        return (1 - self.lr * self.weight_decay) * theta - self.lr * v, v


def is_sgdw(optimizer: Any) -> bool:
    """Decoupled decay on SGD, with or without momentum."""
    return isinstance(optimizer, SGDW)


def _settings(steps: int, *, first: bool = False) -> Callable[[Symbols], Setting]:
    def setting(symbols: Symbols) -> Setting:
        optimizers = tuple(
            SGDW(lr=symbols(f"eta{k}"), momentum=symbols(f"beta{k}"), weight_decay=symbols(f"lam{k}"))
            for k in range(steps)
        )
        return optimizers, None if first else symbols.leaf("v")

    return setting


def _keep(view: View, k: int) -> Number:
    h = view.optimizer(k)
    return 1 - h.lr * h.weight_decay


def _moved(view: View, k: int) -> Leaves:
    """``theta_{k+1} - a theta_k``, which is ``-eta v_{k+1}``."""
    return view.delta(k, _keep(view, k))


def _linear(view: View) -> tuple[Number, Number]:
    a, b = _keep(view, 0), _keep(view, 1)
    carried = view.ratio(0) * view.optimizer(1).momentum * (view.value(1) - a * view.value(0))
    return view.value(2), b * view.value(1) + carried


def _quadratic(view: View) -> tuple[Number, Number]:
    a, b = _keep(view, 0), _keep(view, 1)
    E0, E1 = view.square(_moved(view, 0)), view.square(_moved(view, 1))
    inner = view.value(1) - a * a * view.value(0) + E0
    return view.value(2), b * b * view.value(1) + E1 + b * view.ratio(0) * view.optimizer(1).momentum * inner


def _generator(view: View) -> tuple[Number, Number]:
    carried = view.ratio(0) * view.optimizer(1).momentum * view.pair(_moved(view, 0), 1)
    return view.pair(_moved(view, 1), 1), carried


def _first_quadratic(view: View) -> tuple[Number, Number]:
    a = _keep(view, 0)
    return view.value(1), a * a * view.value(0) + view.square(_moved(view, 0))


LAWS = (
    Law(
        id="B0.decoupled-sgdw",
        name="sgdw.linear",
        charges=("linear",),
        needs="weights",
        steps=2,
        says=lambda h, kind: "two steps, linear recursion",
        formula=r"s_{k+2} = a_{k+1} s_{k+1} + \rho\beta\,(s_{k+1} - a_k s_k), \quad a_k = 1 - \eta_k\lambda_k",
        applies=is_sgdw,
        sides=_linear,
        defect=lambda view: -view.optimizer(1).lr * view.defect(1),
        setting=_settings(2),
    ),
    Law(
        id="B0.decoupled-sgdw",
        name="sgdw.quadratic",
        charges=("quadratic",),
        needs="weights",
        steps=2,
        says=lambda h, kind: "two steps, weights only",
        formula=r"q_{k+2} = a_{k+1}^2 q_{k+1} + E_{k+1} + a_{k+1}\rho\beta\,(q_{k+1} - a_k^2 q_k + E_k), \quad "
        r"E_k = (\theta_{k+1} - a_k\theta_k)^\top S\,(\theta_{k+1} - a_k\theta_k)",
        applies=is_sgdw,
        sides=_quadratic,
        defect=lambda view: -2 * view.optimizer(1).lr * _keep(view, 1) * view.defect(1),
        setting=_settings(2),
    ),
    Law(
        id="B0.decoupled-sgdw",
        name="sgdw.generator",
        charges=("antisymmetric", "generator"),
        needs="weights",
        steps=2,
        says=lambda h, kind: "two steps, weights only",
        formula=r"\langle \theta_{k+2} - a_{k+1}\theta_{k+1}, \xi_{k+1}\rangle = "
        r"\rho\beta\,\langle \theta_{k+1} - a_k\theta_k, \xi_{k+1}\rangle, \quad \xi_{k+1} = \xi(\theta_{k+1})",
        applies=is_sgdw,
        sides=_generator,
        defect=lambda view: -view.optimizer(1).lr * view.defect(1),
        setting=_settings(2),
    ),
    Law(
        id="B0.decoupled-sgdw",
        name="sgdw-first-step.linear",
        charges=("linear",),
        needs="weights",
        steps=1,
        first=True,
        says=lambda h, kind: "first step",
        formula=r"s_1 = (1 - \eta_0\lambda)\, s_0",
        applies=is_sgdw,
        sides=lambda view: (view.value(1), _keep(view, 0) * view.value(0)),
        defect=lambda view: -view.optimizer(0).lr * view.defect(0),
        setting=_settings(1, first=True),
    ),
    Law(
        id="B0.decoupled-sgdw",
        name="sgdw-first-step.quadratic",
        charges=("quadratic",),
        needs="weights",
        steps=1,
        first=True,
        says=lambda h, kind: "first step",
        formula=r"q_1 = (1 - \eta_0\lambda)^2 q_0 + E_0",
        applies=is_sgdw,
        sides=_first_quadratic,
        defect=lambda view: -2 * view.optimizer(0).lr * _keep(view, 0) * view.defect(0),
        setting=_settings(1, first=True),
    ),
)
_HALF = Fraction(1, 2)

ENTRY = Entry(
    title="SGDW",
    laws=LAWS,
    none=(),
    columns=((4, "SGDW (decoupled)", SGDW(lr=_HALF, momentum=_HALF, weight_decay=_HALF)),),
)
