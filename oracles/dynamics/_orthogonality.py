"""B0.orthogonality as an identity of one moment: it needs no optimizer at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._laws import Law, Setting, View
from ._leaves import Number

if TYPE_CHECKING:
    from ._formal import Symbols


def _sides(view: View) -> tuple[Number, Number]:
    moment = view.moments[0]
    where = moment.parameters if moment.asked is None else moment.asked
    return view.charge.pair(view.gradient(0), where), 0


def _setting(symbols: Symbols) -> Setting:
    from .optimizers.sgd import SGD

    return (SGD(lr=symbols("eta")),), None


ORTHOGONALITY = Law(
    id="B0.orthogonality",
    name="orthogonality",
    charges=("linear", "quadratic", "antisymmetric", "generator"),
    needs="gradient",
    steps=1,
    says=lambda h, kind: "exact",
    formula=r"\langle \nabla L(\theta), \xi(\theta) \rangle = 0",
    applies=lambda h: True,
    sides=_sides,
    defect=lambda view: _sides(view)[0],
    setting=_setting,
)
