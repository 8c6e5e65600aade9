"""The identity of optimizers that divide the gradient by a diagonal P, coordinate by coordinate (B0.adaptive)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._laws import Law, Setting, View
from .._leaves import Leaves, Number

if TYPE_CHECKING:
    from .._formal import Symbols


def metric_step(view: View) -> Leaves:
    """``P * (theta_{k+1} - theta_k)``, tensor by tensor; the optimizer tells P from its slot after the step."""
    return tuple(
        view.of_tensor(0, i).metric(slot) * d if slot is not None else 0 * d
        for i, (slot, d) in enumerate(zip(view.slots(1), view.delta(0), strict=True))
    )


def _rate(view: View) -> Number:
    return view.optimizer(0).rate(view.slots(1)[view.tensors()[0]])


def _sides(view: View) -> tuple[Number, Number]:
    right = -_rate(view) * view.optimizer(0).weight_decay * view.pair(view.theta(0), 0)
    return view.pair(metric_step(view), 0), right


def _defect(view: View) -> Number:
    return -_rate(view) * view.defect(0)


def metric_law(name: str, applies: Callable[[Any], bool], setting: Callable[[Symbols], Setting]) -> Law:
    """Orthogonality in the metric P, for every generator."""
    return Law(
        id="B0.adaptive",
        name=name,
        charges=("linear", "generator"),
        needs="state",
        steps=1,
        says=lambda h, kind: "metric-weighted (current step)",
        formula=r"\langle P_k(\theta_{k+1} - \theta_k), \xi(\theta_k)\rangle = "
        r"-\eta\lambda\,\langle\theta_k, \xi(\theta_k)\rangle",
        applies=applies,
        sides=_sides,
        defect=_defect,
        setting=setting,
        tensors=2,
        coordinates=True,
    )
