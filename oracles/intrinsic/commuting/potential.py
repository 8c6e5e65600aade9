"""The potential of the mirror flow that commuting quadratic coordinates follow. Source: A7.commuting.

``phi_i = theta^T A_i theta / 2`` with commuting A_i: ``theta(t) = exp(sum_i mu_i A_i) theta_0`` with
``mu' = -grad f(w)``, and ``w = grad Q(mu)`` for the convex ``Q(mu) = |exp(sum_i mu_i A_i) theta_0|^2 / 4``. The Hessian
potential R of w is the convex conjugate of Q: ``d/dt grad R(w) = -grad f(w)`` and ``K = hess Q(grad R(w))``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ...models import Model
from ...polynomials import Rational, tidy
from .._closed_form import Formula, NotClaimed
from ..filters import exact_rank_of
from .commuting import decide_commuting, diagonal_weights, metric_of, quadratic_forms


@dataclass(frozen=True, slots=True)
class Exponentials:
    """``Q(mu) = (1/4) sum_k square_k exp(2 <a_k, mu>)``, up to a constant: the potential where all A_i are diagonal.

    Attributes:
        rates: ``a_k``, distinct and not zero; parameters that are 0 at the initialization stay 0 and are left out.
        squares: ``theta(0)^2``, summed over the parameters of that rate.
    """

    rates: tuple[tuple[Rational, ...], ...]
    squares: tuple[Rational, ...]


@dataclass(frozen=True, slots=True)
class HessianPotential:
    """Q, and grad R where it can be solved for.

    Attributes:
        dual: Q(mu).
        primal: ``grad R(w)``, one formula for each coordinate, or empty: then it is the solution of grad Q(mu) = w.
        exponentials: Q as numbers, where all A_i are diagonal.
    """

    dual: Formula
    primal: tuple[Formula, ...]
    exponentials: Exponentials | None


def hessian_potential(model: Model, point: Sequence[Rational]) -> HessianPotential | None:
    """The potential of the mirror flow from ``point``; None for coordinates that are not quadratic forms.

    Raises:
        NotClaimed: two coordinates do not commute, or the Jacobian at the point has less than full rank, so that grad Q
            has no inverse.
        TooLarge: too many coordinates for their brackets.
    """
    forms = quadratic_forms(model)
    if forms is None:
        return None
    weights = diagonal_weights(model)
    if weights is None and not (found := decide_commuting(model)).commutes:
        assert found.pair is not None
        i, j = (k + 1 for k in found.pair)
        raise NotClaimed(
            f"The coordinates {i} and {j} of {model.spec} do not commute, so no Hessian potential follows from "
            "A7.commuting."
        )
    if exact_rank_of(metric_of(model, point)) < len(forms):
        raise NotClaimed(
            f"At this point the Jacobian of {model.spec} has less than full rank, so w does not determine mu. Choose a "
            "point at which no coordinate is stuck."
        )
    if weights is None:
        sum_of = r"\textstyle\sum_i \mu_i A_i"
        dual = Formula(
            "the dual potential; A_i is the Hessian of coordinate i",
            rf"Q(\mu) = \tfrac14 \bigl|\exp\bigl({sum_of}\bigr)\, \theta_0\bigr|^2",
        )
        return HessianPotential(dual, (), None)
    sums: dict[tuple[Rational, ...], Fraction] = {}
    for k, x in enumerate(point):
        rate = tuple(row[k] for row in weights)
        if x and any(rate):
            sums[rate] = sums.get(rate, Fraction(0)) + Fraction(x) ** 2
    exponentials = Exponentials(tuple(sums), tuple(map(tidy, sums.values())))
    return HessianPotential(_dual(exponentials), _primal(exponentials), exponentials)


def _dual(q: Exponentials) -> Formula:
    tex: list[str] = []
    text: list[str] = []
    for rate, square in zip(q.rates, q.squares, strict=True):
        powers = [(2 * Fraction(a), i) for i, a in enumerate(rate, 1) if a]
        tex.append(("" if square == 1 else rf"{tex_of(square)}\, ") + f"e^{{{_combined(powers)}}}")
        text.append(f"({square})*exp(" + " + ".join(f"({a})*mu{i}" for a, i in powers) + ")")
    return Formula(
        "the dual potential, with w = grad Q(mu)",
        r"Q(\mu) = \tfrac14 \left( " + " + ".join(tex) + r" \right)",
        "(" + " + ".join(text) + ")/4",
    )


def _combined(powers: Sequence[tuple[Fraction, int]]) -> str:
    out = ""
    for a, i in powers:
        sign = "-" if a < 0 else "+" if out else ""
        size = abs(a)
        out += f"{sign} " if out and sign else sign
        out += (tex_of(size) if size != 1 else "") + rf"\mu_{{{i}}} "
    return out.strip()


def tex_of(value: Rational) -> str:
    """A number in TeX."""
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    return rf"{'-' if value < 0 else ''}\tfrac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def _primal(q: Exponentials) -> tuple[Formula, ...]:
    """grad R coordinate by coordinate: rates that belong to one coordinate each, all equal up to sign within it."""
    sums: list[dict[Rational, Rational]] = [{} for _ in q.rates[0]]
    for rate, square in zip(q.rates, q.squares, strict=True):
        used = [(i, a) for i, a in enumerate(rate) if a]
        if len(used) > 1:
            return ()
        for i, a in used:
            sums[i][a] = sums[i].get(a, 0) + square
    if any(len({abs(Fraction(a)) for a in one}) != 1 for one in sums):
        return ()
    return tuple(_inverse(i, one) for i, one in enumerate(sums, 1))


def _inverse(number: int, sums: dict[Rational, Rational]) -> Formula:
    """mu from ``w = (a/2) (S e^(2 a mu) - T e^(-2 a mu))``."""
    a = max(abs(Fraction(rate)) for rate in sums)
    S, T = (Fraction(sums.get(rate, 0)) for rate in (a, -a))
    w, left = f"w_{{{number}}}", rf"\partial_{{{number}}} R(w) = "
    if S and T:
        scale, shift = a * a * S * T, S / T
        return Formula(
            f"the gradient of the potential, coordinate {number}",
            rf"{left}\tfrac{{1}}{{{tex_of(2 * a)}}} \Bigl( \operatorname{{arcsinh}} "
            rf"\frac{{{w}}}{{\sqrt{{{tex_of(scale)}}}}} - \tfrac12 \ln {tex_of(shift)} \Bigr)",
            f"(asinh(w{number}/sqrt({scale})) - log({shift})/2)/({2 * a})",
        )
    signed = a if S else -a
    factor = 2 / (signed * (S or T))
    return Formula(
        f"the gradient of the potential, coordinate {number}",
        rf"{left}\tfrac{{1}}{{{tex_of(2 * signed)}}} \ln \Bigl( {tex_of(factor)}\, {w} \Bigr)",
        f"log(({factor})*w{number})/({2 * signed})",
    )
