"""``diagonal:r``: differences of squares, the diagonal linear network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ..polynomials import Polynomial
from ._base import Block
from ._laws import LawFamily
from ._polynomial_map import PolynomialMap, from_recipe
from ._spec import no_options, whole
from ._sums import pair, plain_sum, squares_difference


@dataclass(frozen=True, slots=True)
class Diagonal:
    """``phi_i = u_i^2 - v_i^2`` for i = 1, ..., r. Source: A1.symmetric-and-diagonal-factorisations (b)."""

    r: int

    @property
    def spec(self) -> str:
        return f"diagonal:{self.r}"

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (Block("u", (self.r,)), Block("v", (self.r,)))

    def terms(self) -> int:
        return 2 * self.r

    def build(self) -> tuple[Polynomial, ...]:
        return tuple(squares_difference([i], [self.r + i]) for i in range(self.r))

    def known_laws(self) -> tuple[LawFamily, ...]:
        """``u_i v_i``."""
        return (
            LawFamily(
                name="products",
                says="each product u_i v_i is constant",
                matrix_form="u.*v",
                tex=rf"u_{{i}} v_{{i}}, \quad i = 1, \dots, {self.r}",
                count=self.r,
                terms=self.r,
                build=partial(_products, self.r),
            ),
        )


def _products(r: int) -> tuple[Polynomial, ...]:
    return tuple(plain_sum([pair(i, r + i)]) for i in range(r))


def parse(body: str, options: list[str], spec: str) -> PolynomialMap:
    """Reads the number of coordinates."""
    no_options(options, spec=spec, kind="diagonal")
    return from_recipe(Diagonal(whole(body, what="the number of coordinates", spec=spec)))
