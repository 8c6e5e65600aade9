"""``monomial:4``: the product of n scalars."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ..polynomials import Polynomial
from ._base import Block
from ._laws import LawFamily
from ._polynomial_map import PolynomialMap, from_recipe
from ._spec import no_options, whole
from ._sums import plain_sum, squares_difference


@dataclass(frozen=True, slots=True)
class Monomials:
    """``phi = x_1 x_2 ... x_n``. Source: A1.symmetric-and-diagonal-factorisations (c)."""

    n: int

    @property
    def spec(self) -> str:
        return f"monomial:{self.n}"

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (Block("x", (self.n,)),)

    def terms(self) -> int:
        return 1

    def build(self) -> tuple[Polynomial, ...]:
        return (plain_sum([tuple((i, 1) for i in range(self.n))]),)

    def known_laws(self) -> tuple[LawFamily, ...]:
        """``x_1^2 - x_k^2`` for k > 1."""
        if self.n == 1:
            return ()
        return (
            LawFamily(
                name="balance",
                says="all factors keep the differences of their squares",
                matrix_form=f"x[1]^2*ones({self.n},1) - x.*x",
                tex=rf"x_{{1}}^2 - x_{{k}}^2, \quad k = 2, \dots, {self.n}",
                count=self.n - 1,
                terms=2 * (self.n - 1),
                build=partial(_balance, self.n),
            ),
        )


def _balance(n: int) -> tuple[Polynomial, ...]:
    return tuple(squares_difference([0], [k]) for k in range(1, n))


def parse(body: str, options: list[str], spec: str) -> PolynomialMap:
    """Reads the number of factors."""
    no_options(options, spec=spec, kind="monomial")
    return from_recipe(Monomials(whole(body, what="the number of factors", spec=spec)))
