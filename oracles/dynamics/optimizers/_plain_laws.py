"""Identities of SGD without momentum: B0.sgd-linear, B0.sgd-quadratic and the general generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._laws import Law, Setting, View
from .._leaves import Number

if TYPE_CHECKING:
    from .._formal import Symbols


def is_plain(optimizer: Any) -> bool:
    """SGD with coupled decay and without momentum."""
    from .sgd import SGD

    return isinstance(optimizer, SGD) and bool(optimizer.momentum == 0)


def keep(view: View) -> Number:
    """``1 - eta lam`` of the first step."""
    h = view.optimizer(0)
    return 1 - h.lr * h.weight_decay


def _setting(symbols: Symbols) -> Setting:
    from .sgd import SGD

    return (SGD(lr=symbols("eta"), weight_decay=symbols("lam")),), None


def _linear(view: View) -> tuple[Number, Number]:
    return view.value(1), keep(view) * view.value(0)


def _linear_defect(view: View) -> Number:
    return -view.optimizer(0).lr * view.defect(0)


def _quadratic(view: View) -> tuple[Number, Number]:
    a = keep(view)
    eta = view.optimizer(0).lr
    return view.value(1), a * a * view.value(0) + eta * eta * view.square(view.gradient(0))


def _quadratic_defect(view: View) -> Number:
    return -2 * view.optimizer(0).lr * keep(view) * view.defect(0)


def _weights(view: View) -> tuple[Number, Number]:
    h = view.optimizer(0)
    return view.value(1), (1 - 2 * h.lr * h.weight_decay) * view.value(0) + view.square(view.delta(0))


def _weights_defect(view: View) -> Number:
    return -2 * view.optimizer(0).lr * view.defect(0)


def _generator(view: View) -> tuple[Number, Number]:
    return view.pair(view.delta(0, keep(view)), 0), 0


PLAIN = (
    Law(
        id="B0.sgd-linear",
        name="sgd-linear",
        charges=("linear",),
        needs="weights",
        steps=1,
        says=lambda h, kind: "linear recursion" if h.weight_decay else "conserved",
        formula=r"s_{k+1} = (1 - \eta_k\lambda_k)\, s_k",
        applies=is_plain,
        sides=_linear,
        defect=_linear_defect,
        setting=_setting,
    ),
    Law(
        id="B0.sgd-quadratic",
        name="sgd-quadratic",
        charges=("quadratic",),
        needs="gradient",
        steps=1,
        says=lambda h, kind: "closed with the gradient",
        formula=r"q_{k+1} = (1 - \eta_k\lambda_k)^2 q_k + \eta_k^2\, g_k^\top S g_k",
        applies=is_plain,
        sides=_quadratic,
        defect=_quadratic_defect,
        setting=_setting,
    ),
    Law(
        id="B0.sgd-quadratic",
        name="sgd-quadratic.weights",
        charges=("quadratic",),
        needs="weights",
        steps=1,
        says=lambda h, kind: "one step, weights only",
        formula=r"q_{k+1} = (1 - 2\eta_k\lambda_k)\, q_k + D_k, \quad D_k = \Delta_k^\top S \Delta_k",
        applies=is_plain,
        sides=_weights,
        defect=_weights_defect,
        setting=_setting,
    ),
    Law(
        id="B0.noether-charge-discrete",
        name="sgd-generator",
        charges=("antisymmetric", "generator"),
        needs="weights",
        steps=1,
        says=lambda h, kind: "zero every step" if kind == "antisymmetric" else "one step, weights only",
        formula=r"\langle \xi(\theta_k),\, \theta_{k+1} - (1 - \eta_k\lambda_k)\,\theta_k \rangle = 0",
        applies=is_plain,
        sides=_generator,
        defect=_linear_defect,
        setting=_setting,
    ),
)
