"""Laws of every degree of path liftings: the theorem of docs/polynomial-laws.md."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement
from math import prod

from .. import limits
from ..errors import TooLarge
from ..models import Model, PathLifting
from ._rule import Answer

PROOF = "the theorem on polynomial laws of path liftings (docs/polynomial-laws.md)"


def path_lifting(model: Model, degree: int) -> Answer | None:
    """All laws of any degree of the path lifting of a DAG: the polynomials in its neuron balances.

    There are none of odd degree; those of degree 2m have the products of m balances as a basis
    (A1.relu.path-lifting.count for the balances).

    Raises:
        TooLarge: more than ``limits.LAW_TERMS`` terms.
    """
    if not isinstance(model, PathLifting):
        return None
    if degree % 2:
        return Answer((), (), PROOF)
    families = model.known_laws()
    size = _terms([family.terms // family.count for family in families for _ in range(family.count)], degree // 2)
    if size > limits.LAW_TERMS:
        raise TooLarge(
            f"{model.spec}: its laws of degree {degree} written out would take more than {limits.LAW_TERMS} terms. "
            f"They are the products of {degree // 2} of its {model.hidden} neuron balances, so degree 2 says it all; "
            "use a smaller network or a lower degree to see them as polynomials."
        )
    balances = [law for family in families for law in family.polynomials()]
    if degree == 2:
        return Answer(tuple(balances), tuple(balances), PROOF)
    products = combinations_with_replacement(balances, degree // 2)
    return Answer(tuple(prod(factors[1:], start=factors[0]) for factors in products), (), PROOF)


def _terms(lengths: Sequence[int], factors: int) -> int:
    """At most this many terms in all products of ``factors`` polynomials, repetition allowed, with these many terms."""
    ways = [1] + [0] * factors
    for length in lengths:
        for count in range(1, factors + 1):
            ways[count] += length * ways[count - 1]
        if ways[factors] > limits.LAW_TERMS:
            break
    return ways[factors]
