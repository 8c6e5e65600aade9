"""Convolutions, and the slices in which a parameter may scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._cuts import Cut
from .._values import Exponents, Value
from ._layout import joined
from ._products import biased
from ._rules import Arguments, rule, value_of


@rule("conv1d", "conv2d", "conv3d", "convolution")
def convolution(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x, w = value_of(args[0]), value_of(args[1])
    bias = value_of(args[2]) if len(args) > 2 and args[2] is not None else None
    groups = int(args[-1]) if len(args) > 6 else int(kwargs.get("groups", 1))
    return _convolve(e, x, w, bias, groups, shape, transposed=False)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x, w = value_of(args[0]), value_of(args[1])
    bias = value_of(args[2]) if len(args) > 2 and args[2] is not None else None
    groups = int(args[6]) if len(args) > 6 else int(kwargs.get("groups", 1))
    return _convolve(e, x, w, bias, groups, shape, transposed=True)


def _convolve(
    e: Exponents, x: Value, w: Value, bias: Value | None, groups: int, shape: tuple[int, ...], *, transposed: bool
) -> Value:
    spatial = len(shape) - 2
    batched = [0, *range(2, 2 + spatial)]
    channels = e.tie(x, batched)
    channels = Value((x.shape[1],), tuple((t.reshape(-1), f) for t, f in channels.terms))
    kernel = w.reshaped(lambda t: t.reshape(*t.shape[:2], -1)[:, :, 0]) if w.terms else Value(w.shape[:2])
    size = len(channels.shape) and channels.shape[0] // groups
    outs: list[Value] = []
    per = shape[1] // groups
    for g in range(groups):
        mine = Value((1, size), tuple((t[None, g * size : (g + 1) * size], f) for t, f in channels.terms))
        if transposed:  # (in, out / groups)
            block = Value((size, per), tuple((t[g * size : (g + 1) * size], f) for t, f in kernel.terms))
        else:  # (out, in / groups)
            block = Value((size, per), tuple((t[g * per : (g + 1) * per].T, f) for t, f in kernel.terms))
        outs.append(e.contract(mine, block))
    out = joined(e, outs, 1)
    laid = Value(
        shape,
        tuple(
            (np.broadcast_to(np.broadcast_to(t, (1, shape[1])).reshape(1, -1, *(1,) * spatial), shape), f)
            for t, f in out.terms
        ),
    )
    return biased(e, laid, bias, w, 1)


def facets(shape: tuple[int, ...], tensor: int, convolution: tuple[int, bool] | None) -> list[tuple[Cut, bool]]:
    """The slices in which a parameter may scale, and whether the first axis of each cut counts its gauges.

    Args:
        convolution: the groups of the convolution that uses it and whether it is transposed; None if none does.
    """
    if convolution is not None:
        groups = convolution[0]
        if groups == 1:
            return [(Cut(tensor, (0,)), False), (Cut(tensor, (1,)), False)]
        view = (groups, shape[0] // groups, *shape[1:])
        inner, outer = (Cut(tensor, (0, 1), view), Cut(tensor, (0, 2), view))
        # rows are (group, out) and columns (group, in); a transposed convolution has them the other way round
        return [(inner, True), (outer, True)]
    axes = [a for a, n in enumerate(shape) if n > 1] or ([0] if shape else [])
    if len(axes) == 3:
        return [(Cut(tensor, (axes[0], axes[1])), True), (Cut(tensor, (axes[0], axes[2])), True)]
    if not shape:
        return [(Cut(tensor, ()), False)]
    return [(Cut(tensor, (a,)), False) for a in axes[:2]]
