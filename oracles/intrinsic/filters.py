"""Exact algebra of strided filters: products, common factors with their roots at infinity, and the differential of mu.

A filter with k coefficients, lowest power first, is a binary form of degree k - 1: each zero at its end is a root at
infinity. So a factor of a filter has a size of its own, and ``(1, 0)`` is not ``(1,)``. Source: A5.lcn.composition and
A5.lcn.rank.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from operator import mul
from typing import Any

from ..errors import BadInput, TooLarge
from ..polynomials import Rational, tidy

Filter = tuple[Rational, ...]

MOST_COEFFICIENTS = 4096
"""The largest end-to-end filter that is looked at."""


def compose(filters: Sequence[Sequence[Rational]], strides: Sequence[int]) -> Filter:
    """The end-to-end filter ``prod_l w_l(x^(t_l))``, ``t_l = s_1 ... s_(l-1)``.

    Args:
        filters: w_1, ..., w_L, first applied first.
        strides: s_1, ..., s_(L-1); the last stride does not enter.

    >>> compose([(1, 2), (3, 5)], [2])
    (3, 6, 5, 10)
    """
    steps = spacings([len(w) for w in filters], strides)
    total: Filter = (1,)
    for w, step in zip(filters, steps, strict=True):
        total = product(total, spread(w, step))
    return total


def spacings(sizes: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """``t_1, ..., t_L``: how far apart the coefficients of each filter lie in the end-to-end filter.

    Raises:
        BadInput: no filter, an empty one, a stride below 1, or another number of strides than gaps.
        TooLarge: an end-to-end filter of more than ``MOST_COEFFICIENTS`` coefficients.
    """
    if not sizes or min(sizes) < 1:
        raise BadInput("A convolution has at least one filter, and each has at least one coefficient.")
    if len(strides) != len(sizes) - 1 or any(s < 1 for s in strides):
        raise BadInput(
            f"{len(sizes)} filters need {len(sizes) - 1} strides of at least 1, one after each filter but the last."
        )
    steps = tuple(accumulate(strides, mul, initial=1))
    if 1 + sum((k - 1) * t for k, t in zip(sizes, steps, strict=True)) > MOST_COEFFICIENTS:
        raise TooLarge(f"The end-to-end filter has more than {MOST_COEFFICIENTS} coefficients. Take smaller filters.")
    return steps


def powers(sizes: Sequence[int], strides: Sequence[int]) -> tuple[int, ...]:
    """The powers of x that some filters of these sizes produce, increasing: one for each coordinate of the model."""
    reached = {0}
    for size, step in zip(sizes, spacings(sizes, strides), strict=True):
        reached = {p + i * step for p in reached for i in range(size)}
    return tuple(sorted(reached))


def spread(w: Sequence[Rational], step: int) -> Filter:
    """``w(x^step)``."""
    return tuple(w[i // step] if i % step == 0 else 0 for i in range((len(w) - 1) * step + 1))


def product(a: Sequence[Rational], b: Sequence[Rational]) -> Filter:
    """The product of two forms; sizes add up, less one."""
    total: list[Rational] = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        if x:
            for j, y in enumerate(b):
                total[i + j] += x * y
    return tuple(map(tidy, total))


def squared_norm(w: Sequence[Rational]) -> Rational:
    """The sum of the squares of the coefficients."""
    return tidy(sum((Fraction(x) * x for x in w), Fraction(0)))


def common_factor(*filters: Sequence[Rational]) -> Filter:
    """The greatest common divisor of forms that are not all zero: monic, then a zero for each common root at infinity.

    >>> common_factor((-2, 1, 0), (2, -3, 1, 0))
    (-2, 1, 0)
    """
    kept = [w for w in filters if any(w)]
    if not kept:
        raise BadInput("Filters that are all zero have no greatest common factor.")
    finite = _flint(())
    for w in kept:
        finite = finite.gcd(_flint(w))
    return (*_unflint(finite), *(0,) * min(at_infinity(w) for w in kept))


def at_infinity(w: Sequence[Rational]) -> int:
    """The multiplicity of the root at infinity of a form that is not zero: how many zeros it ends with."""
    return next(count for count, x in enumerate(reversed(w)) if x)


def quotient(w: Sequence[Rational], factor: Sequence[Rational]) -> Filter:
    """``w / factor`` for a factor of a form that is not zero.

    Raises:
        BadInput: it is no factor.
    """
    whole, rest = divmod(_flint(w), _flint(factor))
    zeros = at_infinity(w) - at_infinity(factor)
    if rest != 0 or zeros < 0:
        raise BadInput(f"{_shown(factor)} does not divide the filter {_shown(w)}.")
    return (*_unflint(whole), *(0,) * zeros)


def inner_factor(w: Sequence[Rational], stride: int) -> Filter:
    """The A of largest degree with ``w(x) = A(x^s) B(x)``, monic, its roots at infinity as zeros at its end.

    A(x^s) divides w iff A divides each of the s filters that take every s-th coefficient of w, for 1, x, ..., x^(s-1)
    is a basis of the polynomials over those in x^s. At infinity A takes s roots of w for each of its own.

    >>> inner_factor((2, 4, -1, -2), 2)
    (-2, 1)
    """
    finite = w[: len(w) - at_infinity(w)]
    inside = common_factor(*(finite[r::stride] for r in range(min(stride, len(finite)))))
    return (*inside[: len(inside) - at_infinity(inside)], *(0,) * (at_infinity(w) // stride))


def shared_factor(first: Sequence[Rational], second: Sequence[Rational], stride: int) -> Filter:
    """``gcd(A, w_2)`` with ``w_1 = A(x^s) B``: what can be moved from one filter to the other at their product's place.

    Raises:
        BadInput: a filter is zero.
    """
    if not any(first) or not any(second):
        raise BadInput("One of the filters is zero. The kernel is known where no filter is.")
    return common_factor(inner_factor(first, stride), second)


def kernel_dimension(first: Sequence[Rational], second: Sequence[Rational], stride: int) -> int:
    """``dim ker dmu = 1 + deg gcd(A, w_2)`` for two filters that are not zero. Source: A5.lcn.rank."""
    return len(shared_factor(first, second, stride))


def kernel_basis(first: Sequence[Rational], second: Sequence[Rational], stride: int) -> list[list[Rational]]:
    """A basis of ker dmu: ``(-(w_1 / g(x^s)) c(x^s), (w_2 / g) c)`` for c = 1, y, ..., y^(deg g)."""
    shared = shared_factor(first, second, stride)
    rest, other = quotient(first, spread(shared, stride)), quotient(second, shared)
    basis: list[list[Rational]] = []
    for power in range(len(shared)):
        c = tuple(int(i == power) for i in range(len(shared)))
        basis.append([*(-x for x in product(rest, spread(c, stride))), *product(other, c)])
    return basis


def multiplication(filters: Sequence[Sequence[Rational]], strides: Sequence[int], layer: int) -> list[list[Rational]]:
    """``T_l``: multiplication of a change of filter ``layer`` (from 0) by all others; shape (coordinates, k_l)."""
    sizes = [len(w) for w in filters]
    steps = spacings(sizes, strides)
    others: Filter = (1,)
    for number, (w, step) in enumerate(zip(filters, steps, strict=True)):
        if number != layer:
            others = product(others, spread(w, step))
    offsets = [[p - i * steps[layer] for i in range(sizes[layer])] for p in powers(sizes, strides)]
    return [[others[at] if 0 <= at < len(others) else 0 for at in row] for row in offsets]


def differential(filters: Sequence[Sequence[Rational]], strides: Sequence[int]) -> list[list[Rational]]:
    """``dmu = (T_1 | ... | T_L)``, one row for each coordinate of the model."""
    blocks = [multiplication(filters, strides, layer) for layer in range(len(filters))]
    return [[x for block in blocks for x in block[row]] for row in range(len(blocks[0]))]


def metric(filters: Sequence[Sequence[Rational]], strides: Sequence[int]) -> list[list[Rational]]:
    """``K = dmu dmu^T``."""
    rows = differential(filters, strides)
    return [[tidy(sum((Fraction(a) * b for a, b in zip(p, q, strict=True)), Fraction(0))) for q in rows] for p in rows]


def exact_rank_of(matrix: Sequence[Sequence[Rational]]) -> int:
    """The rank over Q."""
    from flint import fmpq, fmpq_mat

    entries = [fmpq(Fraction(x).numerator, Fraction(x).denominator) for row in matrix for x in row]
    return int(fmpq_mat(len(matrix), len(matrix[0]), entries).rank())


def _flint(w: Sequence[Rational]) -> Any:
    from flint import fmpq, fmpq_poly

    return fmpq_poly([fmpq(Fraction(x).numerator, Fraction(x).denominator) for x in w])


def _unflint(polynomial: Any) -> Filter:
    return tuple(tidy(Fraction(int(x.p), int(x.q))) for x in polynomial.coeffs())


def _shown(w: Sequence[Rational]) -> str:
    return "(" + ", ".join(str(x) for x in w) + ")"
