"""``conv:3-2-2``: one-dimensional linear convolutions, one channel, no padding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from math import prod
from operator import mul

from .. import limits
from ..errors import BadInput
from ..polynomials import Monomial, Polynomial
from ..text import shown
from ._base import Block
from ._laws import LawFamily
from ._polynomial_map import PolynomialMap, from_recipe
from ._spec import wholes
from ._sums import plain_sum, squares_difference

EXAMPLE = "conv:3-2-2"


@dataclass(frozen=True, slots=True)
class Convolution:
    """The end-to-end filter of strided convolutions: ``w(x) = prod_l w_l(x^(t_l))`` with ``t_l = s_1 ... s_(l-1)``.

    ``filters`` are the filter sizes, first applied first; ``strides`` are s_1, ..., s_(L-1), since the last stride does
    not enter. Coordinates are the coefficients of w that are not identically zero. Source: A5.lcn.composition.
    """

    filters: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def spec(self) -> str:
        spec = "conv:" + "-".join(map(str, self.filters))
        different = set(self.strides)
        if different <= {1}:
            return spec
        return spec + "+stride" + "-".join(map(str, self.strides[:1] if len(different) == 1 else self.strides))

    @property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(Block(f"w{i}", (size,)) for i, size in enumerate(self.filters, 1))

    def terms(self) -> int:
        return prod(self.filters)

    def build(self) -> tuple[Polynomial, ...]:
        steps = accumulate(self.strides, mul, initial=1)
        coefficients: dict[int, list[Monomial]] = {0: [()]}
        first = 0
        for size, step in zip(self.filters, steps, strict=True):
            longer: dict[int, list[Monomial]] = {}
            for power, monomials in coefficients.items():
                for i in range(size):
                    longer.setdefault(power + i * step, []).extend((*mono, (first + i, 1)) for mono in monomials)
            coefficients, first = longer, first + size
        return tuple(plain_sum(coefficients[power]) for power in sorted(coefficients))

    def known_laws(self) -> tuple[LawFamily, ...]:
        """``|w_l|^2 - |w_(l+1)|^2``. Source: A5.lcn.laws."""
        return tuple(
            LawFamily(
                name="filter-balance",
                says=f"filters {i} and {i + 1} keep the difference of their squared norms",
                matrix_form=f"norm2(w{i}) - norm2(w{i + 1})",
                tex=rf"\|w_{{{i}}}\|^2 - \|w_{{{i + 1}}}\|^2",
                count=1,
                terms=a + b,
                build=partial(_balance, sum(self.filters[: i - 1]), a, b),
            )
            for i, (a, b) in enumerate(pairwise(self.filters), 1)
        )


def _balance(first: int, a: int, b: int) -> tuple[Polynomial, ...]:
    return (squares_difference(range(first, first + a), range(first + a, first + a + b)),)


def parse(body: str, options: list[str], spec: str) -> PolynomialMap:
    """Reads the filter sizes and the option ``+strideS`` (one stride for all, or one for each filter but the last)."""
    filters = wholes(body, what="the filter sizes", spec=spec, example=EXAMPLE, least_count=1, most_count=limits.LAYERS)
    gaps = len(filters) - 1
    strides = (1,) * gaps
    match = re.fullmatch(r"stride(.*)", options[0], re.DOTALL) if len(options) == 1 else None
    if options and not (match and gaps):
        raise BadInput(
            f"{shown(spec)}: a 'conv' model with at least two filters has one option, its stride, as in "
            "conv:3-2+stride2, or conv:3-2-2+stride2-1 for one stride after each filter but the last."
        )
    if match:
        counts = gaps if "-" in match[1] else 1
        given = wholes(
            match[1],
            what="the strides",
            spec=spec,
            example="conv:3-2-2+stride2-1",
            least_count=counts,
            most_count=counts,
        )
        strides = given * gaps if counts == 1 else given
    return from_recipe(Convolution(filters, strides))
