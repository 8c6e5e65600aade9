"""Operations that move, pick or put together entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._values import ONE, Exponents, Value
from ._rules import Arguments, rule, value_of


@rule("cat", "stack", "concat", "concatenate")
def cat(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    axis = int(args[1]) if len(args) > 1 else int(kwargs.get("dim", 0))
    parts = [value_of(a) for a in args[0]]
    if name == "stack":
        axis %= len(shape)
        parts = [
            x.reshaped(lambda t: np.expand_dims(t, axis)) if x.terms else Value((*x.shape[:axis], 1, *x.shape[axis:]))
            for x in parts
        ]
    return joined(e, [p for p in parts if p.shape != (0,)], axis % len(shape))


def joined(e: Exponents, parts: Sequence[Value], axis: int) -> Value:
    """Values side by side. Where they have different terms, each gets unknowns of its own."""
    depth = max(len(part.terms) for part in parts)
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    if not depth:
        return Value(tuple(shape))
    factors = [tuple(f for _, f in part.terms) for part in parts]
    if all(f == factors[0] for f in factors):
        terms = tuple(
            (np.concatenate([part.full()[k][0] for part in parts], axis=axis), factors[0][k]) for k in range(depth)
        )
        return Value(tuple(shape), terms)
    labelled = [e.relabelled(part) for part in parts]
    return Value(tuple(shape), ((np.concatenate([part.terms[0][0] for part in labelled], axis=axis), ONE),))


@rule("constant_pad_nd", "pad")
def pad(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    if not x.terms:
        return Value(shape)
    widths = list(args[1])
    # a zero scales like anything: it takes the label of its neighbour
    before = [(0, 0)] * (len(x.shape) - len(widths) // 2)
    after = [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    if any(w < 0 for pair in after for w in pair):
        e.zero(x)
        return Value(shape)
    return x.reshaped(lambda t: np.pad(t, before + after, mode="edge"))


@rule("index", "index_select", "gather", "take_along_dim")
def index(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    if not x.terms:
        return Value(shape)
    if name in {"index", "index_select"} and id(args[0]) not in e.activations:
        chosen = [a for a, which in enumerate(args[1]) if which is not None] if name == "index" else [int(args[1])]
        if chosen == [0] and len(shape) == len(x.shape) > 1:
            # which row of a table comes where is not known: they take turns, alike for every table of this length
            turns = np.arange(shape[0]) % x.shape[0]
            return x.reshaped(lambda t: t[turns])
    if name != "index":
        axes = [int(args[1]) % len(x.shape)]
    else:
        axes = [a for a, which in enumerate(args[1]) if which is not None]
    tied = e.tie(x, axes)
    if name != "index" or axes == [0]:
        spread = len(shape) - len(x.shape)
        picked = [(t.reshape(*(1,) * spread, *t.shape) if spread > 0 else t, f) for t, f in tied.full()]
    elif axes == list(range(len(axes))):
        picked = [(t.reshape(t.shape[len(axes) :]), f) for t, f in tied.full()]
    else:
        e.zero(x)
        return Value(shape)
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in picked))


@rule("index_put", "index_put_", "index_add", "index_add_", "scatter_add", "scatter")
def index_put(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    source = value_of(args[2] if name.startswith("index_put") else args[3])
    tied = e.tie(source, [0]) if source.terms else source
    if x.terms:
        e.equal(x, tied)
    if not tied.terms or len(tied.shape) != len(shape):
        e.zero(source)
        return Value(shape)
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in tied.full()))


@rule("embedding")
def embedding(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    first = e.tie(value_of(args[0]), [0])
    return Value(shape, tuple((np.broadcast_to(t[0], shape), f) for t, f in first.terms))


@rule("mean", "sum", "amax", "amin", "max", "logsumexp_", "norm", "linalg_vector_norm", "var_", "std_")
def reduce(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = value_of(args[0])
    axes = args[1] if len(args) > 1 and name not in {"norm", "linalg_vector_norm"} else kwargs.get("dim")
    if name in {"norm", "linalg_vector_norm"} and len(args) > 2:
        axes = args[2]
    if axes is None:
        axes = list(range(len(x.shape)))
    axes = [a % len(x.shape) for a in ([axes] if isinstance(axes, int) else axes)]
    tied = e.tie(x, axes)
    return Value(shape, tuple((t.reshape(shape), f) for t, f in tied.terms))
