"""Taylor polynomials of a gradient flow in fixed-point integers. Nothing here is trusted: ``balls`` checks the result.

Along ``x' = -grad E(x)`` the coefficients of ``x`` are computed one order after the other. A product of two series that
are still growing is computed online: block by block with products of integer polynomials (van der Hoeven, Relax but
don't be too lazy, 2002), which costs little more than one full product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul

from flint import fmpq, fmpq_poly, fmpz, fmpz_poly

from ..oracles.polynomials import Rational
from ._program import Plus, Program, Times

LEAF = 16
"""Blocks of this many orders are convolved directly."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A polynomial in ``s`` on ``[0, 1]`` for each parameter: ``theta(start + s*length) ~ 2^-bits * sum_k c_k s^k``."""

    start: Fraction
    length: Fraction
    coefficients: tuple[tuple[fmpz, ...], ...]
    bits: int

    def begin(self) -> tuple[Fraction, ...]:
        """The exact values at ``s = 0``."""
        return tuple(Fraction(int(series[0]), 2**self.bits) for series in self.coefficients)

    def end(self) -> list[fmpz]:
        """The values at ``s = 1``, in units of ``2^-bits``."""
        return [sum(c, fmpz(0)) for c in self.coefficients]

    def at(self, s: Fraction) -> tuple[Fraction, ...]:
        """The exact values of the polynomials at ``s``."""
        argument, unit = fmpq(s.numerator, s.denominator), fmpz(1) << self.bits
        values = [fmpq_poly(list(series), unit)(argument) for series in self.coefficients]
        return tuple(Fraction(int(value.p), int(value.q)) for value in values)


def to_fixed(point: Sequence[Rational], bits: int) -> list[fmpz]:
    """Each entry rounded down to a multiple of ``2^-bits``; returns the integers."""
    return [fmpz((Fraction(x).numerator << bits) // Fraction(x).denominator) for x in point]


def taylor(program: Program, start: Sequence[fmpz], length: Fraction, order: int, bits: int) -> list[list[fmpz]]:
    """The coefficients 0 .. order of each variable in ``s = t/length``, in units of ``2^-bits``."""
    nodes = [[x] for x in start] + [[] for _ in program.code]
    forming = {
        node: [fmpz(0)] * (order + 1)
        for node, step in enumerate(program.code, program.inputs)
        if isinstance(step, Times)
    }
    steps = [(node, _fixed(step, bits)) for node, step in enumerate(program.code, program.inputs)]
    p, q = length.numerator, length.denominator
    for kind, low, middle, high in _schedule(order):
        if kind:
            for node, step in steps:
                if isinstance(step, Times):
                    _spread(nodes[step.left], nodes[step.right], forming[node], low, middle, high)
            continue
        for k in range(low, high):
            for node, step in steps:
                if isinstance(step, Times):
                    value = _product(nodes[step.left], nodes[step.right], forming[node], low, k) >> bits
                else:
                    value = _sum(step, nodes, k)
                nodes[node].append(value)
            for variable, output in enumerate(program.outputs):
                nodes[variable].append(-p * nodes[output][k] // (q * (k + 1)))
    return [series[: order + 1] for series in nodes[: program.inputs]]


def _fixed(step: Times | Plus, bits: int) -> Times | Plus:
    """The constants of sums in units of ``2^-bits``, so that they may be added as they are."""
    if isinstance(step, Times):
        return step
    constant = Fraction(step.constant)
    return Plus(step.terms, (constant.numerator << bits) // constant.denominator)


def _sum(step: Plus, nodes: list[list[fmpz]], k: int) -> fmpz:
    total = fmpz(0 if k else step.constant)  # type: ignore[arg-type]  # an int since _fixed
    for c, node in step.terms:
        if c == 1:
            total += nodes[node][k]
        elif isinstance(c, int):
            total += c * nodes[node][k]
        else:
            total += c.numerator * nodes[node][k] // c.denominator
    return total


def _schedule(order: int) -> Iterator[tuple[bool, int, int, int]]:
    """The order of work on a growing product.

    ``(False, low, low, high)``: compute these orders. ``(True, low, middle, high)``: the orders below ``middle`` are
    known, add what ``[low, middle)`` contributes to ``[middle, high)``.
    """
    size = LEAF
    while size < order:
        size *= 2

    def visit(low: int, high: int) -> Iterator[tuple[bool, int, int, int]]:
        if low >= order:
            return
        if high - low == LEAF:
            yield False, low, low, min(high, order)
            return
        middle = (low + high) // 2
        yield from visit(low, middle)
        if middle < order:
            yield True, low, middle, high
        yield from visit(middle, high)

    return visit(0, size)


def _product(a: list[fmpz], b: list[fmpz], forming: list[fmpz], low: int, k: int) -> fmpz:
    """Order k of a*b, whose blocks before the leaf ``[low, k]`` are already in ``forming``."""
    if not low:
        return sum(map(mul, a[: k + 1], b[k::-1]), forming[k])
    rest = k - low
    return sum(map(mul, a[low : k + 1], b[rest::-1]), sum(map(mul, b[low : k + 1], a[rest::-1]), forming[k]))


def _spread(a: list[fmpz], b: list[fmpz], forming: list[fmpz], low: int, middle: int, high: int) -> None:
    """Adds to orders ``[middle, high)`` the products of a factor in ``[low, middle)`` and one below ``high - low``."""
    span = high - low
    if low:
        product = fmpz_poly(a[low:middle]) * fmpz_poly(b[:span]) + fmpz_poly(b[low:middle]) * fmpz_poly(a[:span])
    else:
        product = fmpz_poly(a[:middle]) * fmpz_poly(b[:middle])
    top = min(high, len(forming))
    for k, c in enumerate(product.coeffs()[middle - low : top - low], middle):
        forming[k] += c
