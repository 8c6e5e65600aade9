"""Methods whose steps are combinations of gradients: L-BFGS, nonlinear conjugate gradients, extragradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._laws import Entry, Law, NoLaw, Setting, View
from .._leaves import Leaf, Leaves, Number, total

if TYPE_CHECKING:
    from .._formal import Symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """``theta' = theta - sum_j coefficients[j] * g_{k-j}``: the same combination of past gradients for all coordinates.

    L-BFGS takes such steps, with coefficients that it computes from inner products; so do all methods that know the
    gradient and not the coordinates. Without past gradients their terms are left out.

    >>> Span(coefficients=(1, 10)).update(0, 2, (1,))
    (-12, (2, 1))
    """

    coefficients: tuple[Number, ...]

    def update(self, theta: Leaf, gradient: Leaf, slot: Leaves | None) -> tuple[Leaf, Leaves]:
        """One tensor after a step; the slot keeps the gradients, the last one first."""
        past: Leaves = (gradient, *(slot or ()))
        moved = total(c * g for c, g in zip(self.coefficients, past, strict=False))
        return theta - moved, past[: len(self.coefficients)]


def is_span(optimizer: Any) -> bool:
    """A step in the span of gradients."""
    return isinstance(optimizer, Span)


def _setting(symbols: Symbols) -> Setting:
    coefficients = (symbols("a"), symbols("b"), symbols("c"))
    return (Span(coefficients=coefficients),), (symbols.leaf("g'"), symbols.leaf("g''"))


def _defect(view: View) -> Number:
    h = view.optimizer(0)
    slots = view.slots(0)
    result = -h.coefficients[0] * view.defect(0)
    for j, coefficient in enumerate(h.coefficients[1:]):
        past = tuple(0 * p if len(s or ()) <= j else s[j] for s, p in zip(slots, view.theta(0), strict=True))
        result = result - coefficient * view.pair(past, 0)
    return result


LAW = Law(
    id="B0.adaptive",
    name="span.linear",
    charges=("linear",),
    needs="weights",
    steps=1,
    says=lambda h, kind: "conserved",
    formula=r"s_{k+1} = s_k",
    applies=is_span,
    sides=lambda view: (view.value(1), view.value(0)),
    defect=_defect,
    setting=_setting,
)

ENTRY = Entry(
    title="Span of gradients",
    laws=(LAW,),
    none=(
        NoLaw(
            charges=("quadratic", "antisymmetric", "generator"),
            reason="it contains gradients of other points, which are orthogonal to the generator there and not here",
            applies=is_span,
        ),
    ),
    columns=((10, "L-BFGS", Span(coefficients=(1, 1))),),
)
