"""Commuting quadratic coordinates: a mirror flow with the potential conjugate to Q. Source: A7.commuting."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import TooLarge
from ...models import Model, PolynomialMap
from ...models._convolution import Convolution
from ...models._diagonal import Diagonal
from ...polynomials import Rational
from .._closed_form import ClosedForm, Formula, NotClaimed
from ..commuting.potential import hessian_potential


def closed_form(model: Model, point: Sequence[Rational]) -> ClosedForm | None:
    """``K = hess Q(mu)`` at the mu with ``grad Q(mu) = w``; None for maps that have a form of their own.

    Raises:
        NotClaimed: two coordinates do not commute, the Jacobian at the point has less than full rank, or the map is too
            large for that to be decided.
    """
    if not isinstance(model, PolynomialMap) or isinstance(model.polynomials, Convolution | Diagonal):
        return None
    try:
        potential = hessian_potential(model, point)
    except TooLarge as refusal:
        raise NotClaimed(str(refusal)) from None
    if potential is None:
        return None
    metric = Formula(
        "the metric, at the mu that belongs to w", r"w' = -\nabla^2 Q(\mu)\, \nabla f(w), \quad \nabla Q(\mu) = w"
    )
    return ClosedForm(
        name="mirror-quadratic",
        theorem="A7.commuting",
        domain="Every w in the range of grad Q, which the flow does not leave.",
        formulas=(metric, potential.dual, *potential.primal),
    )
