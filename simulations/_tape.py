"""Taylor coefficients of ``z' = F(z)`` for formulas with quotients and roots. Nothing here is trusted.

A field is run once on ``Traced`` numbers, which write down its operations; each order then takes one pass over them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

from flint import arb

from ._jets import Element, Field, Undefined, components, exact, root

Node = Callable[[int], arb]
"""The next coefficient of a number, given its order; the lower ones are kept in a list."""


class Tape:
    """The operations of a field in the order in which they were made: coefficients, and how to get the next."""

    def __init__(self) -> None:
        self.steps: list[tuple[list[arb], Node]] = []

    def add(self, next_one: Callable[[list[arb], int], arb]) -> Traced:
        known: list[arb] = []
        self.steps.append((known, lambda k: next_one(known, k)))
        return Traced(self, known)


class Traced(Element):
    """A number on a tape."""

    __slots__ = ("known", "tape")

    def __init__(self, tape: Tape, known: list[arb]) -> None:
        self.tape = tape
        self.known = known

    def lift(self, value: object) -> Traced:
        constant = exact(value)
        return self.tape.add(lambda _, k: arb(0) if k else constant)

    def plus(self, other: Traced) -> Traced:
        a, b = self.known, other.known
        return self.tape.add(lambda _, k: a[k] + b[k])

    def times(self, other: Traced) -> Traced:
        a, b = self.known, other.known
        return self.tape.add(lambda _, k: _convolution(a, b, 0, k))

    def inverse(self) -> Traced:
        a = self.known

        def next_one(c: list[arb], k: int) -> arb:
            return -c[0] * _convolution(a, c, 1, k) if k else 1 / a[0]

        return self.tape.add(next_one)

    def sqrt(self) -> Traced:
        a = self.known

        def next_one(c: list[arb], k: int) -> arb:
            if not k:
                return a[0].sqrt()
            return (a[k] - sum(map(mul, c[1:k], c[k - 1 : 0 : -1]), arb(0))) / (2 * c[0])

        return self.tape.add(next_one)

    def __neg__(self) -> Traced:
        a = self.known
        return self.tape.add(lambda _, k: -a[k])


def _convolution(a: Sequence[arb], b: Sequence[arb], low: int, k: int) -> arb:
    """``sum_(j = low .. k) a_j b_(k - j)``."""
    return sum(map(mul, a[low : k + 1], b[k - low :: -1]), arb(0))


def taylor_of_field(field: Field, start: Sequence[arb], order: int) -> list[list[arb]]:
    """The coefficients 0 .. order of the flow in t, at the current precision.

    Raises:
        Undefined: a root or a quotient is not defined at the start.
    """
    tape = Tape()
    values = [Traced(tape, [x]) for x in start]
    zero = tape.add(lambda _, k: arb(0))
    outputs: list[Any] = [zero + value for value in components(field(values, root), len(values))]
    for k in range(order):
        for known, next_one in tape.steps:
            known.append(next_one(k))
        for value, output in zip(values, outputs, strict=True):
            value.known.append(output.known[k] / (k + 1))
        if not k and not all(value.known[1].is_finite() for value in values):
            raise Undefined("a root or a quotient at the start of a piece")
    return [value.known for value in values]
