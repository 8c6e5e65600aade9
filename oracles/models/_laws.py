"""The laws that are known for a model before any search: families with a matrix form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .. import limits
from ..polynomials import Polynomial
from ._base import Model
from ._spec import check_terms


@dataclass(frozen=True, slots=True)
class LawFamily:
    """Laws that belong together, for example the balance matrix of one hidden layer.

    ``matrix_form`` is an expression that ``flowlaw.oracles.expressions`` reads; its distinct non-zero entries are, up
    to order, the polynomials of the family. ``count`` and ``terms`` bound ``polynomials`` without building it.
    """

    name: str
    says: str
    matrix_form: str
    tex: str
    count: int
    terms: int
    build: Callable[[], tuple[Polynomial, ...]] = field(repr=False, compare=False)

    def polynomials(self) -> tuple[Polynomial, ...]:
        """The laws, one polynomial each.

        Raises:
            TooLarge: more than ``limits.LAW_TERMS`` terms would be needed.
        """
        check_terms(self.terms, self.matrix_form, limits.LAW_TERMS, "its laws written out")
        return self.build()


def known_laws(model: Model) -> tuple[LawFamily, ...]:
    """The law families that theory declares for ``model``; empty for a map of which nothing is known.

    Declared laws are claims like any other: the prover checks them. They need not be independent, and they need not be
    all (A1.deep-linear.count).
    """
    families: Callable[[], tuple[LawFamily, ...]] | None = getattr(model, "known_laws", None)
    return families() if families else ()
