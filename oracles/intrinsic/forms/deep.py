"""Deep linear networks with relaxed balance (A3.deep.relaxed-balanced), and balanced ones of any widths (A7.balanced).

Depth 2 has its own module; depth 1 is the balanced case without hidden layers. Layers and hidden layers are counted
from the output, as the model names them: see ``flowlaw.oracles.intrinsic.linear.chains``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...models import DeepLinear, Model
from ...polynomials import Rational
from .._closed_form import ClosedForm, Formula
from ..linear.chains import Chain, chain_at

INFINITE_DEPTH = ClosedForm(
    name="logarithmic-mean",
    theorem="A3.linear-neural-ode",
    domain="X' = A(s) X on [0, 1] with X(0) = I and Z = X(1), where c(s) = d/ds(A + A^T) + A^T A - A A^T is a multiple "
    "of the identity at every s; the multiple does not matter.",
    formulas=(
        Formula("the flow", r"Z' = -\int_0^1 (Z Z^\top)^{1-s}\, G\, (Z^\top Z)^s \, ds"),
        Formula(
            "in the SVD basis Z = A diag(s_i) B^T, with g = A^T G B",
            r"(A^\top Z' B)_{ij} = -K_{ij}\, g_{ij}, \qquad K_{ij} = \frac{s_i^2 - s_j^2}{\ln s_i^2 - \ln s_j^2}, "
            r"\qquad K_{ii} = s_i^2",
            "(s_i**2 - s_j**2)/(log(s_i**2) - log(s_j**2))",
        ),
    ),
)
"""Infinitely deep linear networks, which are no ``Model``: their parameters are a function."""


def closed_form(model: Model, point: Sequence[Rational]) -> ClosedForm | None:
    """The closed form of a linear network of depth other than 2.

    Raises:
        NotClaimed: the balance is not relaxed, or the widths are none of those that the theory covers.
    """
    if not isinstance(model, DeepLinear) or len(model.widths) == 3:
        return None
    return chain_form(chain_at(model, point))


def chain_form(found: Chain) -> ClosedForm:
    """The formulas of one chain."""
    return _balanced(found) if found.domain == "balanced" else _relaxed(found)


def _balanced(found: Chain) -> ClosedForm:
    depth = found.depth
    kernel = " + ".join(
        "*".join(
            text
            for text, exponent in ((f"s_i**Rational({2 * j}, {depth})", j), (f"s_j**Rational({2 * k}, {depth})", k))
            if exponent
        )
        or "1"
        for j, k in ((j, depth - 1 - j) for j in range(depth))
    )
    conserved = [Formula("what is conserved", r"U_j^\top U_j - U_{j+1} U_{j+1}^\top = 0")] if found.mus else []
    return ClosedForm(
        name="balanced",
        theorem="A7.balanced",
        domain=f"Z of rank {found.rank}, which the flow keeps." if found.mus else "Every Z.",
        formulas=(
            *conserved,
            Formula(
                "the flow; a power of a singular matrix is 0 on its kernel, unless the exponent is 0: then it is I",
                rf"Z' = -\sum_{{j=1}}^{{{depth}}} (Z Z^\top)^{{(j-1)/{depth}}} \, G \, "
                rf"(Z^\top Z)^{{({depth}-j)/{depth}}}, \qquad G = \nabla f(Z)",
            ),
            Formula(
                "in the SVD basis Z = A diag(s_i) B^T with g = A^T G B, all of A and B, s_i = 0 beyond the rank",
                rf"(A^\top Z' B)_{{ij}} = -K_{{ij}}\, g_{{ij}}, \qquad K_{{ij}} = \sum_{{j'=1}}^{{{depth}}} "
                rf"s_i^{{2(j'-1)/{depth}}} s_j^{{2({depth}-j')/{depth}}}, \qquad 0^0 = 1",
                kernel,
            ),
        ),
        invariants={f"mu_{j}": mu for j, mu in enumerate(found.mus, 1)},
    )


def _relaxed(found: Chain) -> ClosedForm:
    depth, shifts = found.depth, found.shifts
    counts = Counter(shifts)
    product = "*".join(_shifted("x", tau) + f"**{n}" * (n > 1) for tau, n in counts.items())
    product_tex = "".join(_shifted_tex("x", tau) + f"^{{{n}}}" * (n > 1) for tau, n in counts.items())
    terms = [
        [*(_shifted("x_i", tau) for tau in shifts[:k]), *(_shifted("x_j", tau) for tau in shifts[k + 1 :])]
        for k in range(depth)
    ]
    formulas = [
        Formula(
            "what is conserved; counted from the input, W_i = U_(L+1-i) and lambda_i = mu_(L-i)",
            r"U_j^\top U_j - U_{j+1} U_{j+1}^\top = \mu_j I, \qquad \mu = ("
            + ", ".join(_number_tex(mu) for mu in found.mus)
            + ")",
        ),
        Formula(
            "for a singular value s of Z, x is the LARGEST real root",
            rf"{product_tex} = s^2",
            f"Eq({product}, s**2)",
        ),
        Formula(
            "the squared singular values of U_1, ..., U_L in that direction",
            r", \quad ".join(_shifted_tex("x", tau) for tau in shifts),
            "(" + ", ".join(_shifted("x", tau) for tau in shifts) + ")",
        ),
        Formula(
            "the shift of each layer",
            rf"\tau_l = \mu_1 + \dots + \mu_{{l-1}}, \qquad \tau = ({', '.join(map(_number_tex, shifts))})",
            f"({', '.join(map(str, shifts))})",
        ),
        Formula(
            "the flow in the SVD basis Z = A diag(s_i) B^T, with g = A^T G B",
            r"(A^\top Z' B)_{ij} = -K_{ij}\, g_{ij}, \qquad K_{ij} = \frac{s_i^2 - s_j^2}{x_i - x_j} = "
            r"\sum_{k=1}^{L} \prod_{l<k} (x_i - \tau_l) \prod_{l>k} (x_j - \tau_l)",
            " + ".join("*".join(term) for term in terms),
        ),
    ]
    if found.domain == "equal":
        domain = "Every Z: all widths are equal."
    else:
        domain = f"Z of rank {found.rank}, the width of the hidden layers; it ends where a singular value reaches 0."
        formulas += [
            Formula(
                "rows i outside of the image of Z: no left factor is left but the identity",
                r"K_{ij} = \prod_{l>1} (x_j - \tau_l)",
                "*".join(_shifted("x_j", tau) for tau in shifts[1:]),
            ),
            Formula(
                "columns j outside of the image of Z^T; where both i and j are outside, K is 0",
                r"K_{ij} = \prod_{l<L} (x_i - \tau_l)",
                "*".join(_shifted("x_i", tau) for tau in shifts[:-1]),
            ),
        ]
    return ClosedForm(
        name="relaxed-balanced",
        theorem="A3.deep.relaxed-balanced",
        domain=domain,
        formulas=tuple(formulas),
        invariants={f"mu_{j}": mu for j, mu in enumerate(found.mus, 1)},
    )


def _shifted(name: str, tau: Rational) -> str:
    """``x - tau`` as SymPy reads it; a fraction in SymPy's own spelling, so that nothing turns into a float."""
    if not tau:
        return name
    size = str(abs(tau)) if tau.denominator == 1 else f"Rational({abs(tau.numerator)}, {tau.denominator})"
    return f"({name} {'-' if tau > 0 else '+'} {size})"


def _shifted_tex(name: str, tau: Rational) -> str:
    if not tau:
        return name
    return rf"({name} {'-' if tau > 0 else '+'} {_number_tex(max(tau, -tau))})"


def _number_tex(value: Rational) -> str:
    if value.denominator == 1:
        return str(value)
    return rf"{'-' if value < 0 else ''}\tfrac{{{abs(value.numerator)}}}{{{value.denominator}}}"
