"""Truncated power series and dual numbers over balls, for formulas with quotients and square roots.

An operation that is not defined at every point of its balls raises ``Undefined``: what comes back is an enclosure of
an analytic function.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NoReturn, Self

from flint import arb, arb_series, ctx

from ..oracles.errors import BadInput
from ._arb import to_arb

Field = Callable[[Sequence[Any], Callable[[Any], Any]], Sequence[Any]]
"""``field(z, sqrt)``: the velocity at ``z``, by ``+ - * /``, whole powers, exact numbers and ``sqrt`` of what is
positive. The same function runs on floats with ``math.sqrt``."""


class Undefined(ArithmeticError):
    """A quotient by a ball with zero, or a root of a ball that is not positive."""


def exact(value: object) -> arb:
    """A whole number or a fraction as a ball at the current precision.

    Raises:
        BadInput: anything else, such as a float.
    """
    if isinstance(value, int | Fraction):
        return to_arb(value)
    raise BadInput(
        f"A field of an enclosure met {value!r}. Use its arguments, whole numbers and fractions only, such as "
        "Fraction(1, 10) for 0.1."
    )


class Element:
    """What both kinds of numbers share: everything follows from lifting, sum, product, negative, inverse and root."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # equality of balls is not decidable

    @abstractmethod
    def lift(self, value: object, /) -> Self: ...
    @abstractmethod
    def plus(self, other: Any, /) -> Self: ...
    @abstractmethod
    def times(self, other: Any, /) -> Self: ...
    @abstractmethod
    def inverse(self) -> Self: ...
    @abstractmethod
    def sqrt(self) -> Self: ...
    @abstractmethod
    def __neg__(self) -> Self: ...

    def _other(self, value: object) -> Self:
        return value if isinstance(value, type(self)) else self.lift(value)

    def __add__(self, other: object) -> Self:
        return self.plus(self._other(other))

    def __radd__(self, other: object) -> Self:
        return self.plus(self._other(other))

    def __sub__(self, other: object) -> Self:
        return self.plus(-self._other(other))

    def __rsub__(self, other: object) -> Self:
        return self._other(other).plus(-self)

    def __mul__(self, other: object) -> Self:
        return self.times(self._other(other))

    def __rmul__(self, other: object) -> Self:
        return self.times(self._other(other))

    def __truediv__(self, other: object) -> Self:
        return self.times(self._other(other).inverse())

    def __rtruediv__(self, other: object) -> Self:
        return self._other(other).times(self.inverse())

    def __pow__(self, exponent: int) -> Self:
        if not 0 <= exponent <= 64:
            raise BadInput(f"A field of an enclosure met the exponent {exponent}. Use whole powers from 0 to 64.")
        result = self.lift(1)
        for _ in range(exponent):
            result = result.times(self)
        return result

    def __bool__(self) -> NoReturn:
        raise BadInput("A field of an enclosure must be one formula: it cannot branch on a value that is a ball.")

    def __eq__(self, other: object) -> NoReturn:
        raise BadInput("A field of an enclosure must be one formula: it cannot compare values that are balls.")


class Dual(Element):
    """A value and its derivatives in all directions."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: arb, tangent: Sequence[arb]) -> None:
        self.value = value
        self.tangent = tangent

    def lift(self, value: object) -> Dual:
        return Dual(exact(value), [arb(0)] * len(self.tangent))

    def plus(self, other: Dual) -> Dual:
        return Dual(self.value + other.value, [a + b for a, b in zip(self.tangent, other.tangent, strict=True)])

    def times(self, other: Dual) -> Dual:
        x, y = self.value, other.value
        return Dual(x * y, [x * b + a * y for a, b in zip(self.tangent, other.tangent, strict=True)])

    def inverse(self) -> Dual:
        value = 1 / _nonzero(self.value)
        slope = -value * value
        return Dual(value, [slope * a for a in self.tangent])

    def sqrt(self) -> Dual:
        value = _positive(self.value).sqrt()
        slope = 1 / (2 * value)
        return Dual(value, [slope * a for a in self.tangent])

    def __neg__(self) -> Dual:
        return Dual(-self.value, [-a for a in self.tangent])


class Series(Element):
    """A power series known below ``order``; the coefficients are balls."""

    __slots__ = ("order", "terms")

    def __init__(self, terms: arb_series, order: int) -> None:
        if terms.prec != order:
            raise RuntimeError("A power series was cut short: the cap of python-flint is below the order.")
        self.terms = terms
        self.order = order

    @staticmethod
    def of(coefficients: Sequence[arb], order: int) -> Series:
        """The cap of the context must be at least ``order``."""
        return Series(arb_series(list(coefficients), prec=order), order)

    @property
    def coefficients(self) -> list[arb]:
        """All ``order`` of them."""
        found = list(self.terms.coeffs())
        return found + [arb(0)] * (self.order - len(found))

    def lift(self, value: object) -> Series:
        return Series.of([exact(value)], self.order)

    def plus(self, other: Series) -> Series:
        return Series(self.terms + other.terms, self.order)

    def times(self, other: Series) -> Series:
        return Series(self.terms * other.terms, self.order)

    def inverse(self) -> Series:
        _nonzero(self.coefficients[0])
        return Series(arb_series([1], prec=self.order) / self.terms, self.order)

    def sqrt(self) -> Series:
        _positive(self.coefficients[0])
        return Series(self.terms.sqrt(), self.order)

    def __neg__(self) -> Series:
        return Series(-self.terms, self.order)


def root(value: Any) -> Any:
    """The ``sqrt`` that a field is given."""
    if isinstance(value, Element):
        return value.sqrt()
    raise BadInput(
        f"A field of an enclosure took the root of {value!r}, which does not depend on z. Use rational constants."
    )


def series_of_field(field: Field, curve: Sequence[Sequence[arb]], order: int) -> list[list[arb]]:
    """The coefficients below ``order`` of the field along a curve, at the current precision.

    Raises:
        Undefined: the field is not analytic on the balls of the curve at time 0.
    """
    cap = ctx.cap
    ctx.cap = max(cap, order)
    try:
        values = field([Series.of(coefficients, order) for coefficients in curve], root)
        zero = Series.of([arb(0)], order)
        return [(zero + value).coefficients for value in components(values, len(curve))]
    finally:
        ctx.cap = cap


def jacobian_of_field(field: Field, box: Sequence[arb]) -> list[list[arb]]:
    """Row i holds the derivatives of component i, enclosed over the box.

    Raises:
        Undefined: the field is not analytic on the box.
    """
    size = len(box)
    duals = [Dual(x, [arb(int(i == j)) for j in range(size)]) for i, x in enumerate(box)]
    zero = Dual(arb(0), [arb(0)] * size)
    return [list((zero + value).tangent) for value in components(field(duals, root), size)]


def components(values: Sequence[Any], size: int) -> Sequence[Any]:
    """The components that a field returned, counted."""
    if len(values) != size:
        raise BadInput(f"A field returned {len(values)} components at a point with {size}. Return one each.")
    return values


def _positive(value: arb) -> arb:
    if not value > 0:
        raise Undefined("the root of a ball that is not positive")
    return value


def _nonzero(value: arb) -> arb:
    if not (value > 0 or value < 0):
        raise Undefined("a quotient by a ball that contains zero")
    return value
