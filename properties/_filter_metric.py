"""Random cases of the metric on end-to-end filters, and what its formulas are held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ._filters import Stack, outer_stacks, stacks
from ._theorem import Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

F = Fraction
Rational = int | Fraction


@dataclass(frozen=True, slots=True)
class Case:
    """A stack and a covector, one whole number for each coordinate."""

    stack: Stack
    covector: tuple[int, ...]


def metric_times(filters: Sequence[Sequence[Any]], strides: Sequence[int], covector: Sequence[Any]) -> list[Any]:
    """``sum_l T_l T_l^T G``, in any arithmetic."""
    from ..oracles.intrinsic.filters import multiplication

    total: list[Any] = [0] * len(covector)
    for layer in range(len(filters)):
        T = multiplication(filters, strides, layer)
        pulled = [sum(a * g for a, g in zip(column, covector, strict=True)) for column in zip(*T, strict=True)]
        total = [t + sum(a * x for a, x in zip(row, pulled, strict=True)) for t, row in zip(total, T, strict=True)]
    return total


def norms_of(filters: Sequence[Sequence[Any]]) -> list[Any]:
    """The squared norms, in any arithmetic."""
    return [sum(x * x for x in w) for w in filters]


def outer_cases() -> SearchStrategy[Case]:
    """Two or three filters with k_l <= s_l, small fractions, and whole covectors."""
    from hypothesis import strategies as st

    return _with_covector(outer_stacks(_entries(), layers=(2, 3)), st.integers(-5, 5))


def all_cases() -> SearchStrategy[Case]:
    """Two or three filters with any strides."""
    from hypothesis import strategies as st

    return _with_covector(stacks(_entries(), layers=(2, 3)), st.integers(-5, 5))


def _entries() -> SearchStrategy[Rational]:
    from .strategies import rationals

    return rationals(6, denominator=3)


def _with_covector(drawn: SearchStrategy[Stack], entry: SearchStrategy[int]) -> SearchStrategy[Case]:
    from hypothesis import strategies as st

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        stack = draw(drawn)
        size = len(stack.model.coordinates())
        return Case(stack, tuple(draw(st.lists(entry, min_size=size, max_size=size).filter(any))))

    return draw_case()


def image(stack: Stack) -> list[Rational]:
    """The coordinates of the end-to-end filter."""
    return [phi.evaluate(stack.point) for phi in stack.model.coordinates()]


def swapped(stack: Stack) -> Stack:
    """The other factorisation of the same end-to-end filter with stride one: the filters in the other order."""
    return replace(stack, filters=stack.filters[::-1])


def other_branch() -> SearchStrategy[Stack]:
    """Two filters of two coefficients, stride one, norms 1 and 4 times that of rational unit vectors."""
    from hypothesis import strategies as st

    from .strategies import unit_vectors

    def build(p: Sequence[F], q: Sequence[F]) -> Stack:
        return Stack((tuple(p), tuple(2 * x for x in q)), (1,))

    pair = st.tuples(unit_vectors(2), unit_vectors(2)).filter(lambda both: both[0] != both[1])
    return pair.map(lambda both: build(*both)).filter(_apart)


def _apart(stack: Stack) -> bool:
    """Whether the roots are so far apart that a short flow does not bring them together."""
    return abs(_resultant(stack)) > F(1, 2)


def _resultant(stack: Stack) -> Fraction:
    (a, b), (c, d) = stack.filters
    return F(a) * d - F(b) * c


def check_branch(branch: Callable[[Stack], Stack]) -> Callable[[Stack], Residual]:
    """The reduced flow from the norms and laws of a stack, on the branch of another factorisation of the same w."""

    def check_case(stack: Stack) -> Residual:
        from ..oracles.errors import BadInput
        from ..simulations import Loss
        from ..simulations.reduced import compare, reduced_flow

        chosen = branch(stack)
        if chosen is not stack:  # the same norms in the same order, so the same law
            chosen = Stack((tuple(F(x) / 2 for x in chosen.filters[0]), tuple(2 * x for x in chosen.filters[1])), (1,))
        flow = reduced_flow(stack.model, chosen.point)
        loss = Loss.squared([x + F(1, 2) for x in image(stack)])
        try:
            found = compare(stack.model, stack.point, flow, loss, time=0.25, steps=4, halvings=2)
        except BadInput:
            return Residual(0, nontrivial=False, note="the flow reaches filters that share a factor")
        return Residual(found.distance, found.bound, note=f"resultant {_resultant(stack)}")

    return check_case
