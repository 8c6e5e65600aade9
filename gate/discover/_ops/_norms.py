"""Normalisations: what they read does not scale but for an epsilon, what they give has the exponents of the gain."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._values import Exponents, Value
from ._rules import Arguments, rule, value_of


@rule("layer_norm", "rms_norm")
def layer_norm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    axes = list(range(len(x.shape) - len(args[1]), len(x.shape)))
    weight = value_of(args[2]) if len(args) > 2 and args[2] is not None else Value(())
    bias = value_of(args[3]) if name == "layer_norm" and len(args) > 3 and args[3] is not None else None
    position = 4 if name == "layer_norm" else 3
    eps = args[position] if len(args) > position else 1e-5 if name == "layer_norm" else None
    tag = "layer_norm" if name == "layer_norm" else "rms"
    e.tag(x, tag)
    normalised = e.tie(x, axes)
    e.soft_zero(normalised, e.node, 2.0**-52 if eps is None else float(eps), 1, name)
    return affine(e, shape, weight, bias)


def affine(e: Exponents, shape: tuple[int, ...], weight: Value, bias: Value | None, axis: int | None = None) -> Value:
    def laid(x: Value) -> Value:
        if axis is None or not x.terms:
            return x
        trailing = (1,) * (len(shape) - axis - 1)
        return x.reshaped(lambda t: t.reshape(-1, *trailing))

    out = (
        Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in laid(weight).full()))
        if weight.terms
        else Value(shape)
    )
    if bias is not None:
        e.equal(out, laid(bias))
        for taken in e.owners(bias):
            e.partners.setdefault(taken, set()).update(e.owners(weight))
    return out


@rule("batch_norm", "instance_norm")
def batch_norm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    weight = value_of(args[1]) if args[1] is not None else Value(())
    bias = value_of(args[2]) if args[2] is not None else None
    statistics, eps = bool(args[5]), float(args[7])
    if not statistics:
        e.zero(x)
        return affine(e, shape, weight, bias, 1)
    e.tag(x, name)
    axes = [a for a in range(len(x.shape)) if a != 1]
    e.soft_zero(e.tie(x, axes), e.node, eps, 1, name)
    return affine(e, shape, weight, bias, 1)


@rule("group_norm")
def group_norm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x, groups = value_of(args[0]), int(args[1])
    weight = value_of(args[2]) if len(args) > 2 and args[2] is not None else Value(())
    bias = value_of(args[3]) if len(args) > 3 and args[3] is not None else None
    eps = float(args[4]) if len(args) > 4 else 1e-5
    e.tag(x, "group_norm")
    for tensor in e.owners(x):
        e.blocks.add((tensor, groups))
        for taken, owners in e.partners.items():
            if tensor in owners:
                e.blocks.add((taken, groups))
    if x.terms:
        grouped = x.reshaped(lambda t: t.reshape(t.shape[0], groups, -1))
        e.soft_zero(e.tie(grouped, [0, 2]), e.node, eps, 1, name)
    return affine(e, shape, weight, bias, 1)


@rule("_weight_norm")
def weight_norm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    v, g = value_of(args[0]), value_of(args[1])
    axis = args[2] if len(args) > 2 else kwargs.get("dim", 0)
    e.tie(v, [a for a in range(len(v.shape)) if a != axis])
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in g.full()))
