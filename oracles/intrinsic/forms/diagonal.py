"""``u_i^2 - v_i^2``: the reduced flow is a mirror flow with the arcsinh potential. Source: A7.commuting."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction

from ...models import Model, PolynomialMap
from ...models._diagonal import Diagonal
from ...polynomials import Rational, tidy
from .._closed_form import ClosedForm, Formula, NotClaimed
from ..commuting.potential import hessian_potential

MOST_WRITTEN = 8
"""Up to so many coordinates the potential is also written with its numbers."""


def products(model: Model, point: Sequence[Rational]) -> tuple[Rational, ...] | None:
    """``u_i v_i`` at ``point``, the values of the laws; None for a model of another kind."""
    if not isinstance(model, PolynomialMap) or not isinstance(model.polynomials, Diagonal):
        return None
    r = model.polynomials.r
    return tuple(tidy(Fraction(u) * v) for u, v in zip(point[:r], point[r:], strict=True))


def closed_form(model: Model, point: Sequence[Rational]) -> ClosedForm | None:
    """``K = 4 diag(sqrt(w_i^2 + 4 beta_i^2))`` with ``beta_i = u_i v_i``, everywhere; and the potential."""
    beta = products(model, point)
    if beta is None:
        return None
    formulas = [
        Formula(
            "each coordinate flows on its own; beta_i is the value of the law u_i v_i",
            r"w_i' = -4 \sqrt{w_i^2 + 4 \beta_i^2}\; \partial_i f(w)",
            "4*sqrt(w**2 + 4*beta**2)",
        )
    ]
    if all(beta):
        formulas.append(
            Formula(
                "a mirror flow: d/dt R'(w) = -grad f(w), with c_i = ln|u_i/v_i| at the initialization",
                r"R_i'(w_i) = \tfrac14 \Bigl( \operatorname{arcsinh} \frac{w_i}{2 |\beta_i|} - c_i \Bigr)",
                "(asinh(w/(2*Abs(beta))) - c)/4",
            )
        )
    potential = None
    # u_i = v_i = 0: that coordinate does not move, K is 0 there and no potential is needed
    with suppress(NotClaimed):
        potential = hessian_potential(model, point) if len(beta) <= MOST_WRITTEN else None
    if potential is not None:
        formulas += [potential.dual, *potential.primal]
    still = "" if all(beta) else " Where beta_i = 0 the sign of w_i never changes."
    return ClosedForm(
        name="mirror-arcsinh",
        theorem="A7.commuting",
        domain=f"Every w.{still}",
        formulas=tuple(formulas),
        invariants={f"u{i}*v{i}": value for i, value in enumerate(beta, 1)},
    )
