"""Random convolutions, and what the entries on them share: models, trees of products, correlations, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from itertools import product as iterate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.models import Model
    from ..oracles.polynomials import Polynomial
    from ..oracles.proofs import Node

Rational = int | Fraction
Filters = tuple[tuple[Rational, ...], ...]


@dataclass(frozen=True, slots=True, repr=False)
class Stack:
    """Filters w_1, ..., w_L, first applied first, and the strides between them."""

    filters: Filters
    strides: tuple[int, ...]

    def __repr__(self) -> str:
        shown = ", ".join("(" + ", ".join(map(str, w)) + ")" for w in self.filters)
        return f"filters {shown}, strides {list(self.strides)}"

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(map(len, self.filters))

    @property
    def point(self) -> list[Rational]:
        """All coefficients: the parameters of the model."""
        return [x for w in self.filters for x in w]

    @property
    def model(self) -> Model:
        return convolution(self.sizes, self.strides)

    def norms(self, point: Any) -> list[float]:
        """The squared norms of the filters in an array of all coefficients."""
        ends = [*accumulate(self.sizes, initial=0)]
        return [float((point[a:b] ** 2).sum()) for a, b in pairwise(ends)]


def convolution(sizes: Sequence[int], strides: Sequence[int]) -> Model:
    """The model of filters of these sizes."""
    from ..oracles.models import parse_model

    spec = "conv:" + "-".join(map(str, sizes))
    return parse_model(spec + ("+stride" + "-".join(map(str, strides)) if strides else ""))


def balances(model: Model) -> list[Polynomial]:
    """``|w_l|^2 - |w_(l+1)|^2``."""
    from ..oracles.models import known_laws

    return [law for family in known_laws(model) for law in family.polynomials()]


def law_values(filters: Sequence[Sequence[Rational]]) -> list[Rational]:
    """The values of the laws."""
    norms = [sum((Fraction(x) * x for x in w), Fraction(0)) for w in filters]
    return [a - b for a, b in pairwise(norms)]


def shapes(*, layers: tuple[int, int] = (2, 3), size: int = 3, stride: int = 3) -> SearchStrategy[Stack]:
    """Stacks whose coefficients are small whole numbers, some of them zero."""
    from hypothesis import strategies as st

    return stacks(st.integers(-4, 4), layers=layers, size=size, stride=stride)


def stacks(
    entry: SearchStrategy[Rational], *, layers: tuple[int, int] = (2, 3), size: int = 3, stride: int = 3
) -> SearchStrategy[Stack]:
    """Stacks with at least one coefficient other than zero in each filter."""
    from hypothesis import strategies as st

    @st.composite
    def draw_stack(draw: st.DrawFn) -> Stack:
        L = draw(st.integers(*layers))
        sizes = [draw(st.integers(1, size)) for _ in range(L)]
        strides = tuple(draw(st.integers(1, stride)) for _ in range(L - 1))
        return Stack(tuple(tuple(draw(entry) for _ in range(k)) for k in sizes), strides)

    return draw_stack().filter(lambda stack: all(map(any, stack.filters)))


def outer_stacks(entry: SearchStrategy[Rational], *, layers: tuple[int, int] = (2, 3)) -> SearchStrategy[Stack]:
    """Stacks whose strides are at least the sizes of the filters before them: ``k_l <= s_l``."""
    from hypothesis import strategies as st

    @st.composite
    def draw_stack(draw: st.DrawFn) -> Stack:
        L = draw(st.integers(*layers))
        sizes = [draw(st.integers(1, 3 if L == 2 else 2)) for _ in range(L)]
        strides = tuple(k + draw(st.integers(0, 1)) for k in sizes[:-1])
        return Stack(tuple(tuple(draw(entry) for _ in range(k)) for k in sizes), strides)

    return draw_stack().filter(lambda stack: all(map(any, stack.filters)))


def correlate(w: Sequence[Rational], x: Sequence[Rational], stride: int) -> list[Rational]:
    """``y_i = sum_j w_j x_(i s + j)`` without padding."""
    return [
        sum(a * b for a, b in zip(w, x[i : i + len(w)], strict=True)) for i in range(0, len(x) - len(w) + 1, stride)
    ]


def correlate_trees(w: Sequence[Node], x: Sequence[Node], stride: int) -> list[Node]:
    """The same for the kernel's trees."""
    from ..oracles.proofs import add, multiply

    return [
        add(*(multiply(a, b) for a, b in zip(w, x[i : i + len(w)], strict=True)))
        for i in range(0, len(x) - len(w) + 1, stride)
    ]


def compose_trees(filters: Sequence[Sequence[Node]], steps: Sequence[int]) -> list[Node]:
    """The coefficients of ``prod_l w_l(x^(t_l))`` as trees, each a sum of products; ``steps`` are t_1, ..., t_L."""
    from ..oracles.proofs import add, multiply

    parts: dict[int, list[tuple[Node, ...]]] = {0: [()]}
    for w, step in zip(filters, steps, strict=True):
        longer: dict[int, list[tuple[Node, ...]]] = {}
        for power, factors in parts.items():
            for i, coefficient in enumerate(w):
                longer.setdefault(power + i * step, []).extend((*rest, coefficient) for rest in factors)
        parts = longer
    return [add(*(multiply(*factors) for factors in parts.get(p, []))) for p in range(max(parts) + 1)]


def symbols(sizes: Sequence[int], start: int = 0) -> list[list[Node]]:
    """Free filters: their coefficients are the variables ``start``, ``start + 1``, ..."""
    from ..oracles.proofs import symbol

    out: list[list[Node]] = []
    for size in sizes:
        out.append([symbol(start + i) for i in range(size)])
        start += size
    return out


def outer_parts(sizes: Sequence[int], strides: Sequence[int], z: Sequence[Any], covector: Sequence[Any]) -> list[Any]:
    """``G_(l) Z_(l)^T Z_(l)`` for each l, in any arithmetic, for sizes whose end-to-end filter is an outer product.

    Z_(l) has one row for each index i_l and one column for all the others. Coordinates are those of the model.
    """
    from ..oracles.intrinsic.filters import powers, spacings

    steps = spacings(sizes, strides)
    place = {power: i for i, power in enumerate(powers(sizes, strides))}
    at = {index: place[sum(i * t for i, t in zip(index, steps, strict=True))] for index in iterate(*map(range, sizes))}
    parts: list[Any] = []
    for layer, size in enumerate(sizes):
        columns = [
            [at[(*index[:layer], i, *index[layer + 1 :])] for i in range(size)] for index in at if index[layer] == 0
        ]
        total: list[Any] = [0] * len(at)
        for i in range(size):
            for a in range(size):
                paired = sum(covector[column[i]] * z[column[a]] for column in columns)
                for column in columns:
                    total[column[i]] = total[column[i]] + paired * z[column[a]]
        parts.append(total)
    return parts


def outer_metric(
    sizes: Sequence[int], strides: Sequence[int], z: Sequence[Any], covector: Sequence[Any], norms: Sequence[Any]
) -> list[Any]:
    """``K(G) = sum_l G_(l) Z_(l)^T Z_(l) / |w_l|^2`` in any arithmetic."""
    parts = outer_parts(sizes, strides, z, covector)
    return [sum(x / n for x, n in zip(column, norms, strict=True)) for column in zip(*parts, strict=True)]
