"""Operations that are layers of their own: attention, recurrence, experts."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._values import ONE, Exponents, Value
from ._layout import joined
from ._products import flat, unflat
from ._rules import Arguments, rule, value_of


@rule("scaled_dot_product_attention")
def attention(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    q, k, v = (value_of(a) for a in args[:3])
    if kwargs.get("enable_gqa"):
        k, v = (
            x.reshaped(lambda t: np.repeat(t, q.shape[-3] // t.shape[-3], axis=-3)) if x.terms else x for x in (k, v)
        )
    for x in (q, k, v):
        e.tag(x, "attention")
    e.tag(k, "key")
    axis = len(q.shape) - 2
    one, two = e.tie(q, [axis]), e.tie(k, [axis])
    e.equal(one, two.times(-ONE))
    tied = e.tie(v, [axis])
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in tied.terms))


@rule("softmax", "_softmax", "log_softmax", "_log_softmax")
def softmax(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    e.zero(value_of(args[0]))
    return Value(shape)


@rule("rnn_relu")
def rnn(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Any:
    x, weights, biased, layers, both, first = value_of(args[0]), args[2], args[3], args[4], args[7], args[8]
    values = [value_of(w) for w in weights]
    e.zero(value_of(args[1]))
    if both:
        for value in (x, *values):
            e.zero(value)
        return Value(()), Value(())
    step = 4 if biased else 2
    current = x
    hidden = 0
    for layer in range(layers):
        into, back, *biases = values[layer * step : (layer + 1) * step]
        hidden = back.shape[0]
        length = (*x.shape[:-1], hidden)
        state = unflat(e.contract(flat(current), into.reshaped(lambda t: t.T)), length)
        one = Value((1, hidden), tuple((t.reshape(-1, hidden)[:1], f) for t, f in state.full()))
        e.tie(state, [0, 1])
        again = e.contract(one, back.reshaped(lambda t: t.T))
        e.equal(one, again)
        for bias in biases:
            e.equal(one, bias)
        current = state
    last = e.tie(current, [0, 1])
    final = (layers, x.shape[0 if first else 1], hidden)
    return current, Value(final, tuple((np.broadcast_to(t, final), f) for t, f in last.terms))


@rule("grouped_mm_fallback", "_grouped_mm")
def grouped_mm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    """Rows are sorted by expert. Which rows an expert has is not known: row n goes to expert n modulo their number."""
    x, w = value_of(args[0]), value_of(args[1])
    experts = w.shape[0]
    outs: list[Value] = []
    for n in range(shape[0]):
        row = Value((1, x.shape[1]), tuple((t[n : n + 1], f) for t, f in x.full()))
        matrix = Value(w.shape[1:], tuple((t[n % experts], f) for t, f in w.full()))
        key = (id(args[1]), n % experts, tuple(t.tobytes() for t, _ in row.terms))
        if key not in e.products:
            e.products[key] = e.contract(row, matrix)
        outs.append(e.products[key])
    laid = [Value((1, shape[1]), tuple((np.broadcast_to(t, (1, shape[1])), f) for t, f in out.terms)) for out in outs]
    return joined(e, laid, 0)
