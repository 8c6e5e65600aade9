"""Laws of degree 1 and 2 of deep linear networks, for all widths: the theorem of docs/polynomial-laws.md."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement

from .. import limits
from ..errors import TooLarge
from ..models import DeepLinear, Model
from ..polynomials import Polynomial
from ._rule import Answer

PROOF = "the theorem on quadratic laws of deep linear networks (docs/polynomial-laws.md)"


def deep_linear(model: Model, degree: int) -> Answer | None:
    """All laws of degree 1 or 2 of a deep linear network.

    Degree 1: none; under cross-entropy on logits the column sums of ``U1``.

    Degree 2: the entries of the balance matrices ``U_i^T U_i - U_(i+1) U_(i+1)^T``; for each hidden layer between two
    of effective width 1 (``u = U_i`` a row, ``v = U_(i+1)`` a column) also ``u_a v_b - u_b v_a``; and products of laws
    of degree 1. On logits the effective width of the output is one less; for two outputs u is the difference of the
    rows of ``U1``.

    Raises:
        TooLarge: more than ``limits.LAW_TERMS`` terms.
    """
    if not isinstance(model, DeepLinear) or degree > 2:
        return None
    families = model.known_laws()
    sums = [law for family in families if family.name == "output-sums" for law in family.polynomials()]
    if degree == 1:
        return Answer(tuple(sums), tuple(sums), PROOF)
    balances = [family for family in families if family.name == "balance"]
    size = sum(family.terms for family in balances) + len(sums) ** 2 * model.widths[0] ** 2
    size += sum(2 * model.widths[i] ** 2 for i in _scalar(model))
    if size > limits.LAW_TERMS:
        raise TooLarge(
            f"{model.spec}: its quadratic laws written out would take about {size} terms, above the limit of "
            f"{limits.LAW_TERMS}. They are the entries of {', '.join(family.matrix_form for family in balances[:3])}"
            f"{', ...' if len(balances) > 3 else ''}; use a smaller network to see them as polynomials."
        )
    laws = [law for family in balances for law in family.polynomials()]
    laws += [law for i in _scalar(model) for law in _skew(model, i)]
    products = [a * b for a, b in combinations_with_replacement(sums, 2)]
    return Answer((*laws, *products), tuple(laws), PROOF)


def _scalar(model: DeepLinear) -> list[int]:
    """The hidden layers between two layers of effective width 1."""
    widths = (model.widths[0] - model.logits, *model.widths[1:])
    return [i for i in range(1, len(widths) - 1) if widths[i - 1] == widths[i + 1] == 1]


def _skew(model: DeepLinear, layer: int) -> list[Polynomial]:
    start = sum(a * b for a, b in zip(model.widths[: layer - 1], model.widths[1:layer], strict=True))
    width = model.widths[layer]
    middle = start + model.widths[layer - 1] * width
    u = [Polynomial.variable(start + a) for a in range(width)]
    if model.widths[layer - 1] == 2:
        u = [Polynomial.variable(start + a) - Polynomial.variable(start + width + a) for a in range(width)]
    v = [Polynomial.variable(middle + a) for a in range(width)]
    return [u[a] * v[b] - u[b] * v[a] for a, b in combinations(range(width), 2)]
