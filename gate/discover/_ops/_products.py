"""Linear maps: products of matrices, with a bias or without."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._values import Exponents, Value
from ._rules import Arguments, rule, value_of


@rule("linear")
def linear(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x, w = value_of(args[0]), value_of(args[1])
    bias = value_of(args[2]) if len(args) > 2 and args[2] is not None else None
    out = e.contract(flat(x), w.reshaped(lambda t: t.T) if w.terms else Value((w.shape[1], w.shape[0])))
    out = unflat(out, shape)
    return biased(e, out, bias, w)


@rule("addmm")
def addmm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    bias, x, w = (value_of(a) for a in args[:3])
    return biased(e, unflat(e.contract(flat(x), w), shape), bias, w)


@rule("mm", "matmul", "bmm", "mv", "dot")
def matmul(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    """Of two activations: attention."""
    a, b = value_of(args[0]), value_of(args[1])
    if len(a.shape) < 2 or len(b.shape) < 2:
        e.zero(a)
        e.zero(b)
        return Value(shape)
    activations = e.is_activation(a) and e.is_activation(b)
    if activations:
        e.tag(a, "attention")
        e.tag(b, "attention", "key")
    if len(b.shape) == 2:
        return unflat(e.contract(flat(a), b), shape)
    return e.contract(a, b, weight="right" if id(args[0]) in e.activations else "left")


@rule("baddbmm")
def baddbmm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    out = matmul(e, "bmm", args[1:3], {}, shape)
    e.equal(out, value_of(args[0]))
    return out


@rule("einsum")
def einsum(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    equation, operands = args[0].replace(" ", ""), [value_of(x) for x in args[1]]
    inputs, _, output = equation.partition("->")
    parts = inputs.split(",")
    if len(operands) != 2 or "." in equation or any(len(set(p)) < len(p) for p in parts) or not output:
        for operand in operands:
            e.zero(operand)
        return Value(shape)
    a, b = operands
    batch = [c for c in parts[0] if c in parts[1] and c in output]
    inner = [c for c in parts[0] if c in parts[1] and c not in output]
    left = [c for c in parts[0] if c not in parts[1]]
    right = [c for c in parts[1] if c not in parts[0]]
    if not all(c in output for c in (*left, *right)):
        e.zero(a)
        e.zero(b)
        return Value(shape)
    size = {**dict(zip(parts[0], a.shape, strict=True)), **dict(zip(parts[1], b.shape, strict=True))}

    def laid(x: Value, part: str, *groups: list[str]) -> Value:
        order = [part.index(c) for group in groups for c in group]
        dims = [int(np.prod([size[c] for c in group], dtype=np.int64)) for group in groups]
        if not x.terms:
            return Value(tuple(dims))
        return x.reshaped(lambda t: t.transpose(order).reshape(dims))

    out = e.contract(laid(a, parts[0], batch, left, inner), laid(b, parts[1], batch, inner, right))
    if not out.terms:
        return Value(shape)
    letters = [*batch, *left, *right]
    back = [letters.index(c) for c in output]
    return out.reshaped(lambda t: t.reshape([size[c] for c in letters]).transpose(back))


def flat(x: Value) -> Value:
    """A value as a matrix whose last axis is kept."""
    if not x.terms:
        return Value((1, x.shape[-1]))
    matrix = x.reshaped(lambda t: t.reshape(-1, t.shape[-1]))
    if all(t.strides[0] == 0 for t, _ in matrix.terms):
        return Value((1, x.shape[-1]), tuple((t[:1], f) for t, f in matrix.terms))
    stacked = np.concatenate([t for t, _ in matrix.terms], axis=1)
    kept = np.sort(np.unique(stacked, axis=0, return_index=True)[1])
    if len(kept) > 1:
        return matrix
    return Value((1, x.shape[-1]), tuple((t[:1], f) for t, f in matrix.terms))


def unflat(out: Value, shape: tuple[int, ...]) -> Value:
    rows = int(np.prod(shape[:-1], dtype=np.int64))
    return Value(shape, tuple((np.broadcast_to(t, (rows, shape[-1])).reshape(shape), f) for t, f in out.full()))


def biased(e: Exponents, out: Value, bias: Value | None, weight: Value, axis: int = -1) -> Value:
    if bias is None:
        return out
    if axis != -1 and bias.terms:
        trailing = (1,) * (len(out.shape) - axis - 1)
        bias = bias.reshaped(lambda t: t.reshape(*t.shape, *trailing))
    e.equal(out, bias)
    for owner in e.owners(weight):
        for taken in e.owners(bias):
            e.partners.setdefault(taken, set()).add(owner)
    return out
