"""Operations entry by entry: sums, products, powers, activations, pooling of neighbours."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from .._values import ONE, Exponents, Value
from ._rules import Arguments, rule, value_of

SMALL = 1e-2
"""A number up to this that is added before a root is an epsilon."""
_DEGREE_ONE_TAG = {"dropout": "dropout", "alpha_dropout": "dropout", "abs": "act"}


def same(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    tag = "act" if "relu" in name else _DEGREE_ONE_TAG.get(name.rstrip("_"))
    if tag:
        e.tag(x, tag)
    return x


def pool(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    if not x.terms:
        return Value(shape)
    e.tag(x, "pool")
    spatial = int("".join(c for c in name if c.isdigit())[:1] or 2)
    axes = range(len(x.shape) - spatial, len(x.shape))
    channel = e.tie(x, list(axes))
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in channel.terms))


@rule("add", "add_", "sub", "sub_", "rsub", "__add__", "maximum", "minimum")
def add(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    a, b = args[0], args[1]
    if not isinstance(a, Value) or not isinstance(b, Value):
        x, number = (a, b) if isinstance(a, Value) else (b, a)
        if not number:
            return value_of(x)
        if 0 < abs(float(number)) <= SMALL:
            e.soft_zero(value_of(x), e.node, float(number), 2, "root")
            return Value(shape, value_of(x).terms)
        e.zero(value_of(x))
        return Value(shape)
    if (e.is_activation(a) and e.is_activation(b)) or (a.terms and b.terms):
        e.tag(a, "add")
        e.tag(b, "add")
    e.equal(a, b)
    kept = a if a.terms else b
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in kept.full()))


@rule("mul", "mul_", "__mul__")
def mul(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    a, b = value_of(args[0]), value_of(args[1])
    if a.shape == b.shape and id(args[0]) in e.activations and id(args[1]) in e.activations:
        e.tag(a, "mul")
        e.tag(b, "mul")
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in (*a.full(), *b.full())))


@rule("div", "div_", "true_divide")
def div(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    return mul(e, name, (args[0], value_of(args[1]).times(-ONE)), {}, shape)


@rule("pow", "square", "sqrt", "rsqrt", "reciprocal")
def power(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    powers = {"square": Fraction(2), "sqrt": Fraction(1, 2), "rsqrt": Fraction(-1, 2), "reciprocal": -ONE}
    exponent = powers.get(name)
    if name in {"rsqrt", "sqrt"}:
        e.tag(x, "rms")
    if exponent is None:
        number = args[1]
        if isinstance(number, Value):
            e.zero(x)
            e.zero(number)
            return Value(shape)
        exponent = Fraction(float(number)).limit_denominator(1000)
    return x.times(exponent)


@rule("prelu")
def prelu(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    e.zero(value_of(args[1]))
    return same(e, "prelu", args, kwargs, shape)


@rule("where")
def where(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    a, b = args[1], args[2]
    if isinstance(a, Value) and isinstance(b, Value) and a.terms and b.terms:
        e.equal(a, b)
        return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in a.full()))
    e.zero(value_of(a))
    e.zero(value_of(b))
    return Value(shape)


@rule("masked_fill", "masked_fill_")
def masked_fill(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    if args[2] == 0:
        return x
    e.zero(x)
    return Value(shape)
