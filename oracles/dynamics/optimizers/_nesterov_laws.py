"""Identities of Nesterov momentum as PyTorch has it (B0.nesterov).

All follow from one vector identity, with ``d_k = g_k + lam_k theta_k`` and a schedule of rates and decays:
``Delta_{k+1} = rho beta Delta_k - eta_{k+1} ((1 + beta) d_{k+1} - beta d_k)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._laws import Law, Setting, View
from .._leaves import Number

if TYPE_CHECKING:
    from .._formal import Symbols


def is_nesterov(optimizer: Any) -> bool:
    """SGD with Nesterov momentum."""
    from .sgd import SGD

    return isinstance(optimizer, SGD) and optimizer.nesterov


def _settings(steps: int, *, first: bool = False) -> Callable[[Symbols], Setting]:
    def setting(symbols: Symbols) -> Setting:
        from .sgd import SGD

        beta = symbols("beta")
        optimizers = tuple(
            SGD(lr=symbols(f"eta{k}"), momentum=beta, weight_decay=symbols(f"lam{k}"), nesterov=True)
            for k in range(steps)
        )
        return optimizers, None if first else symbols.leaf("v")

    return setting


def _first(view: View, factor: int) -> tuple[Number, Number]:
    h = view.optimizer(0)
    right = (1 - factor * h.lr * h.weight_decay * (1 + h.momentum)) * view.value(0)
    return view.value(1), right if factor == 1 else right + view.square(view.delta(0))


def _first_defect(view: View, factor: int) -> Number:
    h = view.optimizer(0)
    return -factor * h.lr * (1 + h.momentum) * view.defect(0)


def _linear(view: View) -> tuple[Number, Number]:
    old, h = view.optimizer(0), view.optimizer(1)
    s0, s1 = view.value(0), view.value(1)
    decayed = (1 + h.momentum) * h.weight_decay * s1 - h.momentum * old.weight_decay * s0
    return view.value(2), s1 + view.ratio(0) * h.momentum * (s1 - s0) - h.lr * decayed


def _quadratic(view: View) -> tuple[Number, Number]:
    old, h = view.optimizer(0), view.optimizer(1)
    q0, q1, D0 = view.value(0), view.value(1), view.square(view.delta(0))
    half = (q1 + q0 - D0) / 2
    X = view.form(view.gradient(0), view.delta(0)) + old.weight_decay * half
    carried = view.ratio(0) * h.momentum * (q1 - q0 + D0)
    pulled = (1 + h.momentum) * h.weight_decay * q1 - h.momentum * X
    return view.value(2), q1 + view.square(view.delta(1)) + carried - 2 * h.lr * pulled


def _generator(view: View) -> tuple[Number, Number]:
    old, h = view.optimizer(0), view.optimizer(1)
    X = view.form(view.gradient(0), view.delta(0)) + old.weight_decay * view.pair(view.theta(0), 1)
    pulled = (1 + h.momentum) * h.weight_decay * view.value(1) - h.momentum * X
    return view.pair(view.delta(1), 1), view.ratio(0) * h.momentum * view.pair(view.delta(0), 1) - h.lr * pulled


def _defect(view: View, factor: int) -> Number:
    h = view.optimizer(1)
    return -factor * h.lr * ((1 + h.momentum) * view.defect(1) - h.momentum * view.defect(0))


NESTEROV = (
    Law(
        id="B0.nesterov",
        name="nesterov.linear",
        charges=("linear",),
        needs="weights",
        steps=2,
        constant=("momentum",),
        says=lambda h, kind: "two steps, linear recursion",
        formula=r"s_{k+2} = s_{k+1} + \rho\beta\,(s_{k+1} - s_k) - "
        r"\eta_{k+1}\bigl((1+\beta)\lambda_{k+1} s_{k+1} - \beta\lambda_k s_k\bigr)",
        applies=is_nesterov,
        sides=_linear,
        defect=lambda view: _defect(view, 1),
        setting=_settings(2),
    ),
    Law(
        id="B0.nesterov",
        name="nesterov.quadratic",
        charges=("quadratic",),
        needs="gradient",
        steps=2,
        constant=("momentum",),
        says=lambda h, kind: "two steps, needs the gradient",
        formula=r"q_{k+2} = q_{k+1} + D_{k+1} + \rho\beta\,(q_{k+1} - q_k + D_k) - "
        r"2\eta_{k+1}\bigl((1+\beta)\lambda_{k+1} q_{k+1} - \beta X_k\bigr), \quad "
        r"X_k = \langle S\Delta_k, g_k\rangle + \tfrac{\lambda_k}{2}(q_{k+1} + q_k - D_k)",
        applies=is_nesterov,
        sides=_quadratic,
        defect=lambda view: _defect(view, 2),
        setting=_settings(2),
    ),
    Law(
        id="B0.nesterov",
        name="nesterov.generator",
        charges=("antisymmetric", "generator"),
        needs="gradient",
        steps=2,
        constant=("momentum",),
        says=lambda h, kind: "two steps, needs the gradient",
        formula=r"\langle \Delta_{k+1}, \xi_{k+1}\rangle = \rho\beta\,\langle \Delta_k, \xi_{k+1}\rangle - "
        r"\eta_{k+1}\bigl((1+\beta)\lambda_{k+1}\langle\theta_{k+1}, \xi_{k+1}\rangle - "
        r"\beta\,\langle g_k, M\Delta_k\rangle - \beta\lambda_k\langle\theta_k, \xi_{k+1}\rangle\bigr), \quad "
        r"\xi_{k+1} = \xi(\theta_{k+1})",
        applies=is_nesterov,
        sides=_generator,
        defect=lambda view: _defect(view, 1),
        setting=_settings(2),
    ),
    Law(
        id="B0.nesterov",
        name="nesterov-first-step.linear",
        charges=("linear",),
        needs="weights",
        steps=1,
        first=True,
        says=lambda h, kind: "first step",
        formula=r"s_1 = (1 - \eta\lambda(1+\beta))\, s_0",
        applies=is_nesterov,
        sides=lambda view: _first(view, 1),
        defect=lambda view: _first_defect(view, 1),
        setting=_settings(1, first=True),
    ),
    Law(
        id="B0.nesterov",
        name="nesterov-first-step.quadratic",
        charges=("quadratic",),
        needs="weights",
        steps=1,
        first=True,
        says=lambda h, kind: "first step",
        formula=r"q_1 = (1 - 2\eta\lambda(1+\beta))\, q_0 + D_0",
        applies=is_nesterov,
        sides=lambda view: _first(view, 2),
        defect=lambda view: _first_defect(view, 2),
        setting=_settings(1, first=True),
    ),
)
