"""``homogeneous:2-3-2+degree2``: a two-layer network with the activation t^p."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from math import comb

from .. import limits
from ..errors import BadInput
from ..polynomials import Polynomial
from ..text import shown
from ._base import Block
from ._laws import LawFamily
from ._polynomial_map import PolynomialMap, from_recipe
from ._spec import whole, wholes
from ._sums import plain_sum, squares_difference

EXAMPLE = "homogeneous:2-3-2+degree2"


@dataclass(frozen=True, slots=True)
class Homogeneous:
    """``g(x) = U (V^T x)^p`` entrywise, ``U`` of shape ``(n, r)`` and ``V`` of shape ``(m, r)``.

    The coordinates are ``sum_j U_ij V_1j^a_1 ... V_mj^a_m`` for each output i and each exponent a of degree p: the
    coefficients of g as a polynomial in x, without the multinomial factors, which do not change their span. Source:
    A1.homogeneous-activation.
    """

    n: int
    r: int
    m: int
    degree: int

    @property
    def spec(self) -> str:
        return f"homogeneous:{self.n}-{self.r}-{self.m}+degree{self.degree}"

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (Block("U", (self.n, self.r)), Block("V", (self.m, self.r)))

    def terms(self) -> int:
        return self.n * self.r * comb(self.m + self.degree - 1, self.degree)

    def build(self) -> tuple[Polynomial, ...]:
        n, r = self.n, self.r
        exponents = [
            sorted(Counter(rows).items()) for rows in combinations_with_replacement(range(self.m), self.degree)
        ]
        return tuple(
            plain_sum(((i * r + j, 1), *(((n + k) * r + j, power) for k, power in exponent)) for j in range(r))
            for i in range(n)
            for exponent in exponents
        )

    def known_laws(self) -> tuple[LawFamily, ...]:
        """``|v_j|^2 - p |u_j|^2`` for each hidden neuron j."""
        weight = f"{self.degree}*" if self.degree > 1 else ""
        return (
            LawFamily(
                name="neuron-balance",
                says=f"for each hidden neuron: squared input weights minus {self.degree} times squared output weights",
                matrix_form=f"diag(V.T*V) - {weight}diag(U.T*U)",
                tex=rf"\|v_{{j}}\|^2 - {self.degree if self.degree > 1 else ''} \|u_{{j}}\|^2, "
                rf"\quad j = 1, \dots, {self.r}",
                count=self.r,
                terms=self.r * (self.n + self.m),
                build=partial(_balance, self),
            ),
        )


def _balance(model: Homogeneous) -> tuple[Polynomial, ...]:
    n, r, m = model.n, model.r, model.m
    return tuple(
        squares_difference([(n + k) * r + j for k in range(m)], [i * r + j for i in range(n)], model.degree)
        for j in range(r)
    )


def parse(body: str, options: list[str], spec: str) -> PolynomialMap:
    """Reads ``n-r-m`` (outputs, hidden neurons, inputs) and the option ``+degreeP``."""
    n, r, m = wholes(body, what="the widths", spec=spec, example=EXAMPLE, least_count=3, most_count=3)
    match = re.fullmatch(r"degree(.*)", options[0], re.DOTALL) if len(options) == 1 else None
    if not match:
        raise BadInput(
            f"{shown(spec)}: a 'homogeneous' model needs exactly one option, the degree p of its activation t^p, "
            f"as in {EXAMPLE}."
        )
    p = whole(match[1], what="the degree of the activation", spec=spec, most=limits.ACTIVATION_DEGREE)
    return from_recipe(Homogeneous(n, r, m, p))
