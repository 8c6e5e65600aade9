"""Two-layer linear networks: ``Z' = -(U U^T G + G V V^T)`` with both matrices written in Z.

In every case that the theory claims, with Z = A S B^T,

    U U^T = A diag((s + sqrt(q + 4 S^2))/2) A^T,    V V^T = B diag((-s + sqrt(q + 4 S^2))/2) B^T:

* Delta_0 = lambda I: s = lambda and q = lambda^2 (A3.linear2.relaxed-balanced);
* r >= n + m and Delta_0 with the values mu and -nu: s = mu - nu and q = (mu + nu)^2 (A3.linear2.converse, case 6);
* n = m = 1: the same, with mu or nu = 0 where P has rank 1.

In U U^T G + G V V^T the shift s cancels where both formulas hold in all directions: there K knows q alone.

The singular directions in which Z vanishes belong to the formula unless lambda > 0 and rho < n (or lambda < 0 and
rho < m): then U U^T (or V V^T) is 0 there and not lambda, because its rank is rho = rank Z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

from ...models import DeepLinear, Model
from ...polynomials import Rational
from .._closed_form import ClosedForm, Formula, NotClaimed
from ..linear.classification import Classification, classify
from ..linear.two_layer import Spectrum, spectrum, split


@dataclass(frozen=True, slots=True)
class Branch:
    """The numbers of the formulas above.

    Attributes:
        name: ``relaxed-balanced``, ``neuron``, ``two-valued`` or ``scalar``.
        shift: s.
        square: q.
        left: how many singular directions of Z, the largest first, U U^T lives on: n, or rho where it is restricted.
        right: the same for V V^T: m or rho.
    """

    name: str
    shift: Fraction
    square: Fraction
    left: int
    right: int


def closed_form(model: Model, point: Sequence[Rational]) -> ClosedForm | None:
    """The closed form at a point of ``linear:n-r-m``; None for other models.

    Raises:
        NotClaimed: the theory has none at this point.
    """
    if not is_two_layer(model):
        return None
    assert isinstance(model, DeepLinear)
    n, _, m = model.widths
    return _FORMS[(branch := solve(model, point)).name](n, m, branch)


def is_two_layer(model: Model) -> bool:
    """Two linear layers, and a loss of all outputs."""
    return isinstance(model, DeepLinear) and len(model.widths) == 3 and not model.logits


def solve(model: DeepLinear, point: Sequence[Rational]) -> Branch:
    """The branch that a point of a two-layer network is on; exact.

    Raises:
        NotClaimed: none; the message names the missing hypothesis.
    """
    n, r, m = model.widths
    U, V = split(model, point)
    found = spectrum(n, m, r, U, V)
    if n == m == 1:
        shift, product = found.two_values or (found.scalar or Fraction(0), Fraction(0))
        return Branch("scalar", shift, shift**2 + 4 * product, 1, 1)
    if found.scalar is not None:
        return _relaxed(model, found, found.scalar, classify(n, m, r, U, V))
    if found.rank == n + m and found.two_values is not None:
        # P has rank N, so Delta_0 is congruent to J: n positive eigenvalues, m negative ones
        shift, product = found.two_values
        return Branch("two-valued", shift, shift**2 + 4 * product, n, m)
    raise _refused(model, classify(n, m, r, U, V))


def _refused(model: DeepLinear, found: Classification) -> NotClaimed:
    return NotClaimed(
        f"{model.spec} has no closed form at this point. {found.reason} Start at a relaxed balanced point with "
        "r <= min(n, m) or r = max(n, m), or with two values of Delta and r >= n + m."
    )


def _relaxed(model: DeepLinear, found: Spectrum, value: Fraction, classified: Classification) -> Branch:
    n, _, m = model.widths
    rho = found.rank
    inside = value > 0 and rho < n
    outside = value < 0 and rho < m
    if (inside or outside) and found.rank_z < rho:
        if classified.holds is False:
            raise _refused(model, classified)
        factor, size, side = ("U U^T", n, "n") if inside else ("V V^T", m, "m")
        raise NotClaimed(
            f"{model.spec} is relaxed balanced at this point with lambda = {value}, but {factor} has rank {rho} < "
            f"{side} = {size} and Z has rank {found.rank_z} only: Z does not show where {factor} acts, and the closed "
            f"form is claimed for rank Z = {rho}. Start where both factors have full rank, with a width of at most "
            "min(n, m)."
        )
    name = "neuron" if rho == 1 and found.rank_z == 1 and (inside or outside or value == 0) else "relaxed-balanced"
    return Branch(name, value, value**2, rho if inside else n, rho if outside else m)


def _relaxed_form(n: int, m: int, branch: Branch) -> ClosedForm:
    value = branch.shift
    left, right = _roots(n, m, branch)
    left_tex, right_tex = (
        r"\tfrac12\bigl(\lambda I + w(Z Z^\top)\bigr)",
        r"\tfrac12\bigl(-\lambda I + w(Z^\top Z)\bigr)",
    )
    domain = "All Z that the flow reaches."
    if branch.left < n:
        left, left_tex = f"{left}*Z*Z.pinv()", left_tex + r"\,\Pi_{\operatorname{im} Z}"
        domain = f"rank Z = {branch.left}: U U^T acts on the image of Z only, and is 0 (not lambda) orthogonally to it."
    if branch.right < m:
        right, right_tex = f"{right}*Z.pinv()*Z", right_tex + r"\,\Pi_{\operatorname{im} Z^\top}"
        domain = (
            f"rank Z = {branch.right}: V V^T acts on the image of Z^T only, and is 0 (not -lambda) orthogonally to it."
        )
    root = r"\quad w(S) = (\lambda^2 I + 4 S)^{1/2}"
    return ClosedForm(
        name="relaxed-balanced",
        theorem="A3.linear2.relaxed-balanced",
        domain=domain,
        formulas=_matrix_formulas(left_tex, right_tex, root, left, right),
        invariants={"lambda": value},
    )


def _two_valued_form(n: int, m: int, branch: Branch) -> ClosedForm:
    left, right = _roots(n, m, branch)
    mu, nu = _values(branch)
    return ClosedForm(
        name="two-valued",
        theorem="A3.linear2.converse",
        domain="All Z that the flow reaches: P keeps the rank n + m.",
        formulas=_matrix_formulas(
            r"\tfrac12\bigl((\mu - \nu) I + w(Z Z^\top)\bigr)",
            r"\tfrac12\bigl(-(\mu - \nu) I + w(Z^\top Z)\bigr)",
            r"\quad w(S) = \bigl((\mu + \nu)^2 I + 4 S\bigr)^{1/2}",
            left,
            right,
        ),
        invariants={"mu": mu, "nu": nu}
        if mu is not None and nu is not None
        else {"mu - nu": branch.shift, "(mu + nu)^2": branch.square},
    )


def _scalar_form(_n: int, _m: int, branch: Branch) -> ClosedForm:
    root = f"sqrt({_number(branch.square)} + 4*z**2)"
    return ClosedForm(
        name="scalar",
        theorem="A3.linear2.converse",
        domain="All z.",
        formulas=(
            Formula("the metric", r"K = |u|^2 + |v|^2 = \sqrt{c + 4 z^2}", root),
            Formula("the reduced flow", r"z' = -\sqrt{c + 4 z^2}\, f'(z)", f"-{root}*g"),
        ),
        invariants={"|u|^2 - |v|^2": branch.shift, "c": branch.square},
    )


def _neuron_form(_n: int, _m: int, branch: Branch) -> ClosedForm:
    size = "(Z*Z.T).trace()"
    w = f"sqrt({_number(branch.square)} + 4*{size})"
    u, v = f"({w} + {_number(branch.shift)})/2", f"({w} - {_number(branch.shift)})/2"
    return ClosedForm(
        name="neuron",
        theorem="A3.path-lifting.closed-forms",
        domain="Z of rank 1, not 0.",
        formulas=(
            Formula("|u|^2", r"|u|^2 = \tfrac12 (w + \lambda), \quad w = \sqrt{\lambda^2 + 4 \|Z\|_F^2}", u),
            Formula("|v|^2", r"|v|^2 = \tfrac12 (w - \lambda)", v),
            Formula(
                "the reduced flow",
                r"Z' = -\Bigl( \tfrac{1}{|v|^2} Z Z^\top G + \tfrac{1}{|u|^2} G Z^\top Z \Bigr), \quad G = \nabla f(Z)",
                f"-(Z*Z.T*G/({v}) + G*Z.T*Z/({u}))",
            ),
        ),
        invariants={"lambda": branch.shift},
    )


def _matrix_formulas(left_tex: str, right_tex: str, root: str, left: str, right: str) -> tuple[Formula, ...]:
    flow = r"Z' = -\bigl( U U^\top\, G + G\, V V^\top \bigr), \quad G = \nabla f(Z)"
    return (
        Formula("U U^T", rf"U U^\top = {left_tex}, {root}", left),
        Formula("V V^T", rf"V V^\top = {right_tex}", right),
        Formula("the reduced flow", flow, f"-({left}*G + G*{right})"),
    )


def _roots(n: int, m: int, branch: Branch) -> tuple[str, str]:
    """U U^T and V V^T on all directions, for SymPy, with ``Z`` a matrix."""
    shift, square = _number(branch.shift), _number(branch.square)
    left = f"({shift}*eye({n}) + ({square}*eye({n}) + 4*Z*Z.T)**Rational(1, 2))/2"
    right = f"(-{shift}*eye({m}) + ({square}*eye({m}) + 4*Z.T*Z)**Rational(1, 2))/2"
    return left, right


def _number(value: Fraction) -> str:
    if value.denominator > 1:
        return f"Rational({value.numerator}, {value.denominator})"
    return str(value) if value >= 0 else f"({value})"


def _values(branch: Branch) -> tuple[Fraction | None, Fraction | None]:
    """mu and nu where they are rational: ``mu + nu`` is the root of q."""
    top, bottom = branch.square.numerator, branch.square.denominator
    if isqrt(top) ** 2 != top or isqrt(bottom) ** 2 != bottom:
        return None, None
    total = Fraction(isqrt(top), isqrt(bottom))
    return (total + branch.shift) / 2, (total - branch.shift) / 2


_FORMS = {
    "relaxed-balanced": _relaxed_form,
    "two-valued": _two_valued_form,
    "scalar": _scalar_form,
    "neuron": _neuron_form,
}
