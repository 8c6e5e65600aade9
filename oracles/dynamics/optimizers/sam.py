"""Sharpness-aware minimisation: SGD whose gradient is taken at ``theta + rho g / |g|``."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._laws import Entry, Law, Setting, View
from .._leaves import Leaf, Leaves, Number, dot, quotient, root, total
from .._runs import Gradients, LooksAhead

if TYPE_CHECKING:
    from .._formal import Symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class SAM(LooksAhead):
    """``theta' = (1 - lr * weight_decay) * theta - lr * grad L(theta + delta)``, ``delta = rho * g / |g|``.

    ``|g|`` is the norm of the gradients of all tensors; where it is 0, ``delta`` is 0. Over rational numbers it has to
    be rational, else ``NoExactRoot``; any other length of ``delta`` obeys the same identities: set ``norm`` for it.

    >>> SAM(lr=1, rho=2).ascend((1, 1), (3, 4))
    (Fraction(11, 5), Fraction(13, 5))
    """

    lr: Number
    rho: Number
    weight_decay: Number = 0
    maximize: bool = False
    norm: Number = None

    def ascend(self, parameters: Leaves, gradients: Gradients, norm: Number = None) -> Leaves:
        """``theta + delta``, where the gradient of the step is taken."""
        chosen = self.norm if norm is None else norm
        if chosen is None:
            chosen = root(total(dot(g, g) for g in gradients if g is not None))
        sign = -1 if self.maximize else 1
        factor = quotient(sign * self.rho, chosen) if chosen != 0 else 0
        return tuple(p if g is None else p + factor * g for p, g in zip(parameters, gradients, strict=True))

    def update(self, theta: Leaf, gradient: Leaf, slot: None) -> tuple[Leaf, None]:
        """One tensor after a step with the gradient at the other point."""
        d = -gradient if self.maximize else gradient
        return (1 - self.lr * self.weight_decay) * theta - self.lr * d, None


def is_sam(optimizer: Any) -> bool:
    """SAM on plain SGD."""
    return isinstance(optimizer, SAM)


def _setting(symbols: Symbols) -> Setting:
    optimizer = SAM(lr=symbols("eta"), rho=symbols("rho"), weight_decay=symbols("lam"), norm=symbols("norm"))
    return (optimizer,), None


def _asked(view: View) -> Leaves:
    asked = view.moments[0].asked
    return view.theta(0) if asked is None else asked


def _offset(view: View) -> Leaves:
    """``delta``."""
    return tuple(x - p for x, p in zip(_asked(view), view.theta(0), strict=True))


def _keep(view: View) -> Number:
    h = view.optimizer(0)
    return 1 - h.lr * h.weight_decay


def _defect_there(view: View) -> Number:
    """``<g~, xi(theta + delta)>``."""
    return view.charge.pair(view.gradient(0), _asked(view))


def _linear(view: View) -> tuple[Number, Number]:
    return view.value(1), _keep(view) * view.value(0)


def _quadratic(view: View) -> tuple[Number, Number]:
    a, eta, g = _keep(view), view.optimizer(0).lr, view.gradient(0)
    pushed = 2 * eta * a * view.form(g, _offset(view))
    return view.value(1), a * a * view.value(0) + pushed + eta * eta * view.square(g)


def _generator(view: View) -> tuple[Number, Number]:
    eta, g = view.optimizer(0).lr, view.gradient(0)
    return view.pair(view.delta(0, _keep(view)), 0), eta * view.form(g, _offset(view))


LAWS = (
    Law(
        id="B0.sam",
        name="sam.linear",
        charges=("linear",),
        needs="weights",
        steps=1,
        says=lambda h, kind: "linear recursion",
        formula=r"s_{k+1} = (1 - \eta\lambda)\, s_k",
        applies=is_sam,
        sides=_linear,
        defect=lambda view: -view.optimizer(0).lr * _defect_there(view),
        setting=_setting,
    ),
    Law(
        id="B0.sam",
        name="sam.quadratic",
        charges=("quadratic",),
        needs="gradient",
        steps=1,
        says=lambda h, kind: "closed with the gradient and the ascent",
        formula=r"q_{k+1} = (1-\eta\lambda)^2 q_k + 2\eta(1-\eta\lambda)\,\langle\tilde g, S\delta\rangle + "
        r"\eta^2\,\tilde g^\top S\tilde g",
        applies=is_sam,
        sides=_quadratic,
        defect=lambda view: -2 * view.optimizer(0).lr * _keep(view) * _defect_there(view),
        setting=_setting,
    ),
    Law(
        id="B0.sam",
        name="sam.generator",
        charges=("antisymmetric", "generator"),
        needs="gradient",
        steps=1,
        says=lambda h, kind: "closed with the gradient and the ascent",
        formula=r"\langle \theta_{k+1} - (1-\eta\lambda)\theta_k, \xi(\theta_k)\rangle = "
        r"\eta\,\langle\tilde g, M\delta\rangle",
        applies=is_sam,
        sides=_generator,
        defect=lambda view: -view.optimizer(0).lr * _defect_there(view),
        setting=_setting,
    ),
)
_HALF = Fraction(1, 2)

ENTRY = Entry(title="SAM", laws=LAWS, none=(), columns=((5, "SAM", SAM(lr=_HALF, rho=1, weight_decay=_HALF, norm=1)),))
