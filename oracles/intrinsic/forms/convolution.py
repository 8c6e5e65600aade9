"""Linear convolutions: the metric on end-to-end filters. Source: A5.lcn.metric, A3.path-lifting.closed-forms (a)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from math import prod

from ...models import Model, PolynomialMap
from ...models._convolution import Convolution
from ...polynomials import Rational, tidy
from .._closed_form import ClosedForm, Formula, NotClaimed
from ..commuting.potential import tex_of
from ..filters import Filter, differential, exact_rank_of, powers, squared_norm

MOST_ENTRIES = 250_000
"""The largest differential whose exact rank is taken."""


def recipe_of(model: Model) -> Convolution | None:
    """The sizes and strides of a ``conv`` model; None for another."""
    if isinstance(model, PolynomialMap) and isinstance(model.polynomials, Convolution):
        return model.polynomials
    return None


def filters_at(recipe: Convolution, point: Sequence[Rational]) -> tuple[Filter, ...]:
    """w_1, ..., w_L at a point."""
    ends = accumulate(recipe.filters, initial=0)
    return tuple(tuple(point[a:b]) for a, b in pairwise(ends))


def shifts(norms: Sequence[Rational]) -> tuple[Rational, ...]:
    """``sigma_l = |w_l|^2 - |w_L|^2``: the sum of the values of the laws from l to L - 1."""
    return tuple(tidy(n - Fraction(norms[-1])) for n in norms)


def is_outer_product(recipe: Convolution) -> bool:
    """Whether every coefficient of the end-to-end filter is one product ``w_(1,i) w_(2,j) ...``.

    So it is where ``k_l <= s_l`` for all filters but the last.
    """
    return len(powers(recipe.filters, recipe.strides)) == prod(recipe.filters)


def closed_form(model: Model, point: Sequence[Rational]) -> ClosedForm | None:
    """The metric in w and the values of ``|w_l|^2 - |w_(l+1)|^2``.

    Global where the end-to-end filter is an outer product, as for ``k_1 <= s_1``; elsewhere on one branch of the
    factorisations of w, for w has others and their metrics differ (A5.lcn.non-uniqueness).

    Raises:
        NotClaimed: a filter is zero, or mu has less than its full rank sum k_l - (L - 1) at the point (A5.lcn.rank), or
            the filters are too long for that to be decided.
        TooLarge: an end-to-end filter of thousands of coefficients.
    """
    recipe = recipe_of(model)
    if recipe is None:
        return None
    filters = filters_at(recipe, point)
    L = len(filters)
    if L > 1 and not all(map(any, filters)):
        raise NotClaimed(f"A filter of {model.spec} is zero at this point, where the metric is not one of w alone.")
    norms = [squared_norm(w) for w in filters]
    invariants = {
        f"norm2(w{layer}) - norm2(w{layer + 1})": tidy(Fraction(a) - b)
        for layer, (a, b) in enumerate(pairwise(norms), 1)
    }
    if is_outer_product(recipe):
        return ClosedForm(
            name="outer-product",
            theorem="A5.lcn.metric",
            domain="Every w that is an outer product of filters and not 0." if L > 1 else "Every w.",
            formulas=_outer(shifts(norms)),
            invariants=invariants,
        )
    size = len(powers(recipe.filters, recipe.strides)) * sum(recipe.filters)
    if size > MOST_ENTRIES:
        raise NotClaimed(
            f"The differential of {model.spec} has more than {MOST_ENTRIES} entries; its rank is not decided."
        )
    rank, full = exact_rank_of(differential(filters, recipe.strides)), sum(recipe.filters) - (L - 1)
    if rank < full:
        raise NotClaimed(
            f"At this point the rank of the differential of {model.spec} is {rank}, not {full}: filters share a "
            "factor that can be moved between them (A5.lcn.rank). Change a coefficient."
        )
    return ClosedForm(
        name="factor-branch",
        theorem="A5.lcn.metric",
        domain="Near phi at the initialization, on the branch of factorisations of w that goes through it. It is "
        "local: "
        "w may have other factorisations with the same values of the laws and another metric (A5.lcn.non-uniqueness).",
        formulas=_branch(shifts(norms)),
        invariants=invariants,
    )


def _norm_formulas(sigma: Sequence[Rational], whole: str, sympy: str) -> tuple[Formula, ...]:
    """The squared norms from the product of all of them."""
    if len(sigma) == 1:
        return ()
    if len(sigma) == 2:
        h = sigma[0]
        lifted = tidy(Fraction(h) ** 2)
        root = rf"\sqrt{{{tex_of(lifted)} + 4 {whole}}}"
        minus, plus = (rf"{'-' if value < 0 else '+'} {tex_of(abs(Fraction(value)))}" for value in (-h, h))
        return (
            Formula(
                "the squared norm of filter 1",
                rf"|w_1|^2 = \tfrac12 \bigl( {root} {plus} \bigr)",
                f"(sqrt({lifted} + 4*{sympy}) + ({h}))/2",
            ),
            Formula(
                "the squared norm of filter 2",
                rf"|w_2|^2 = \tfrac12 \bigl( {root} {minus} \bigr)",
                f"(sqrt({lifted} + 4*{sympy}) - ({h}))/2",
            ),
        )
    factors = " ".join(rf"(x {'-' if s < 0 else '+'} {tex_of(abs(Fraction(s)))})" if s else "x" for s in sigma)
    product = "*".join(f"(x + ({s}))" if s else "x" for s in sigma)
    return (
        Formula(
            "the squared norms: x is the largest root, the only one at which all factors are positive",
            rf"|w_l|^2 = x + \sigma_l, \qquad {factors} = {whole}",
            f"{product} - {sympy}",
        ),
    )


def _outer(sigma: Sequence[Rational]) -> tuple[Formula, ...]:
    if len(sigma) == 1:
        return (Formula("one filter is its own end-to-end filter", r"w' = -\nabla f(w)", "1"),)
    if len(sigma) == 2:
        metric = Formula(
            "the metric; Z = w_2 w_1^T holds the coefficients of w, G those of grad f",
            r"K(G) = \frac{Z Z^\top G}{|w_1|^2} + \frac{G Z^\top Z}{|w_2|^2}",
        )
    else:
        metric = Formula(
            "the metric; Z_(l) is the tensor of the coefficients of w flattened to k_l rows, and so is each summand",
            r"K(G) = \sum_l \frac{G_{(l)} Z_{(l)}^\top Z_{(l)}}{|w_l|^2}",
        )
    return (metric, *_norm_formulas(sigma, "|w|^2", "q"))


def _branch(sigma: Sequence[Rational]) -> tuple[Formula, ...]:
    metric = Formula(
        "the metric; T_l is multiplication by the other filters, which w determines near the initialization",
        r"K = \sum_l T_l T_l^\top = \sum_l \Bigl( \prod_{j \ne l} |w_j|^2 \Bigr) \hat T_l \hat T_l^\top, \qquad "
        r"T_l = \textstyle\prod_{j \ne l} w_j(x^{t_j})",
    )
    return (metric, *_norm_formulas(sigma, r"N", "N"), _sizes())


def _sizes() -> Formula:
    return Formula(
        "N: w over the product of the directions of its factors, squared",
        r"N = |w|^2 / \bigl| \textstyle\prod_l \hat w_l(x^{t_l}) \bigr|^2, \qquad \hat w_l = w_l / |w_l|",
    )
