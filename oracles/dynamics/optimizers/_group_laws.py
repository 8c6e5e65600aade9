"""Identities of SGD without momentum whose hyper-parameters differ between the tensors of a charge.

The charge is ``Q = sum_i w_i |theta_i|^2`` over tensors: ``Signed``, or any with a ``part`` for each tensor. Its
symmetry is ``sum_i w_i <theta_i, g_i> = 0``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._laws import Law, Setting, View
from .._leaves import Number, quotient, total
from .._runs import Grouped
from ._plain_laws import is_plain

if TYPE_CHECKING:
    from .._formal import Symbols


def _settings(count: int, *, common_rate: bool = False, common_decay: bool = False) -> Callable[[Symbols], Setting]:
    def setting(symbols: Symbols) -> Setting:
        from .sgd import SGD

        def group(i: int) -> Any:
            eta = symbols("eta" if common_rate else f"eta{i}")
            # with a common product kappa = eta_i lam_i the decay is kappa / eta_i
            lam = symbols("kappa") / eta if common_decay else symbols(f"lam{i}")
            return SGD(lr=eta, weight_decay=lam)

        return (Grouped(tuple(group(i) for i in range(count)), tuple(range(count))),), None

    return setting


def _parts(view: View) -> list[tuple[Any, Number, Number, Number, Number]]:
    """For each tensor: its optimizer, and its summand of the charge now, then, of the gradient and crossed."""
    charge: Any = view.charge  # with a part; the obstacle to any other
    g, now, after = view.gradient(0), view.theta(0), view.theta(1)
    return [
        (
            view.of_tensor(0, i),
            charge.part(i, now[i], now[i]),
            charge.part(i, after[i], after[i]),
            charge.part(i, g[i], g[i]),
            charge.part(i, now[i], g[i]),
        )
        for i in view.tensors()
    ]


def _groups(view: View) -> tuple[Number, Number]:
    parts: list[Number] = []
    for h, now, after, squared, _ in _parts(view):
        k = 1 - h.lr * h.weight_decay
        parts.append(quotient(after - k * k * now - h.lr * h.lr * squared, h.lr * k))
    return total(parts), 0


def _groups_defect(view: View) -> Number:
    return -2 * view.defect(0)


def _closed(view: View) -> tuple[Number, Number]:
    parts = _parts(view)
    h = parts[0][0]
    k = 1 - h.lr * h.weight_decay
    left = total(quotient(after, h.lr) for h, _, after, _, _ in parts)
    charge = total(quotient(now, h.lr) for h, now, _, _, _ in parts)
    return left, k * k * charge + total(h.lr * squared for h, _, _, squared, _ in parts)


def _closed_defect(view: View) -> Number:
    h = _parts(view)[0][0]
    return -2 * (1 - h.lr * h.weight_decay) * view.defect(0)


def _decays(view: View) -> tuple[Number, Number]:
    parts = _parts(view)
    eta, lam = parts[0][0].lr, parts[0][0].weight_decay
    closed: list[Number] = []
    for h, now, _, squared, crossed in parts:
        k = 1 - eta * h.weight_decay
        missing = 2 * eta * eta * (h.weight_decay - lam) * crossed
        closed.append(k * k * now + eta * eta * squared + missing)
    return view.value(1), total(closed)


def _decays_defect(view: View) -> Number:
    h = _parts(view)[0][0]
    return -2 * h.lr * (1 - h.lr * h.weight_decay) * view.defect(0)


GROUPS = (
    Law(
        id="B0.param-groups",
        name="param-groups",
        charges=("quadratic",),
        needs="gradient",
        steps=1,
        grouped=True,
        says=lambda h, kind: "parameter groups: closed with the gradient",
        formula=r"\sum_i w_i\, \frac{|\theta_i'|^2 - k_i^2|\theta_i|^2 - \eta_i^2|g_i|^2}{\eta_i k_i} = 0, "
        r"\quad k_i = 1 - \eta_i\lambda_i",
        applies=is_plain,
        sides=_groups,
        defect=_groups_defect,
        setting=_settings(2),
        tensors=2,
    ),
    Law(
        id="B0.param-groups",
        name="param-groups.closed",
        charges=("quadratic",),
        needs="gradient",
        steps=1,
        grouped=True,
        alike=("lr * weight_decay",),
        says=lambda h, kind: "parameter groups: closed with the gradient",
        formula=r"Q' = (1-\kappa)^2 Q + \sum_i w_i\eta_i|g_i|^2, \quad Q = \sum_i w_i|\theta_i|^2/\eta_i, "
        r"\ \kappa = \eta_i\lambda_i",
        applies=is_plain,
        sides=_closed,
        defect=_closed_defect,
        setting=_settings(2, common_decay=True),
        tensors=2,
    ),
    Law(
        id="B0.no-decay-bias",
        name="no-decay-bias",
        charges=("quadratic",),
        needs="gradient",
        steps=1,
        grouped=True,
        alike=("lr",),
        says=lambda h, kind: "parameter groups: closed with the gradient",
        formula=r"Q' = \sum_i w_i\bigl((1-\eta\lambda_i)^2|\theta_i|^2 + \eta^2|g_i|^2 + "
        r"2\eta^2(\lambda_i - \lambda_1)\langle\theta_i, g_i\rangle\bigr)",
        applies=is_plain,
        sides=_decays,
        defect=_decays_defect,
        setting=_settings(3, common_rate=True),
        tensors=3,
    ),
)
