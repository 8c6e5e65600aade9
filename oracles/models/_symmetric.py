"""``symmetric:n-r``: the symmetric factorisation U U^T."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

from ..polynomials import Polynomial
from ._base import Block
from ._laws import LawFamily
from ._polynomial_map import PolynomialMap, from_recipe
from ._spec import no_options, wholes
from ._sums import pair, plain_sum


@dataclass(frozen=True, slots=True)
class Symmetric:
    """``phi = U U^T`` with ``U`` of shape ``(n, r)``; coordinates are the entries on and above the diagonal.

    For r <= n there is no law; for r > n there are n(r - n), which are functions of the row space of U and rational,
    so no polynomial law is declared. Source: A1.symmetric-and-diagonal-factorisations (a).
    """

    n: int
    r: int

    @property
    def spec(self) -> str:
        return f"symmetric:{self.n}-{self.r}"

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (Block("U", (self.n, self.r)),)

    def terms(self) -> int:
        return self.n * (self.n + 1) // 2 * self.r

    def build(self) -> tuple[Polynomial, ...]:
        r = self.r
        return tuple(
            plain_sum(pair(i * r + a, k * r + a) for a in range(r))
            for i, k in combinations_with_replacement(range(self.n), 2)
        )

    def known_laws(self) -> tuple[LawFamily, ...]:
        return ()


def parse(body: str, options: list[str], spec: str) -> PolynomialMap:
    """Reads ``n-r``, the shape of U."""
    no_options(options, spec=spec, kind="symmetric")
    n, r = wholes(body, what="the sides of U", spec=spec, example="symmetric:2-3", least_count=2, most_count=2)
    return from_recipe(Symmetric(n, r))
