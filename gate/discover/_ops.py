"""What each operation of a graph says of exponents (theory, section 11.1). What is not listed does not scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from ._cuts import Cut
from ._values import ONE, Exponents, Value

Arguments = Sequence[Any]
Rule = Callable[[Exponents, str, Arguments, dict[str, Any], tuple[int, ...]], Any]
RULES: dict[str, Rule] = {}
SMALL = 1e-2
"""A number up to this that is added before a root is an epsilon."""

SHAPES = frozenset(
    [
        "view",
        "reshape",
        "_unsafe_view",
        "transpose",
        "permute",
        "t",
        "unsqueeze",
        "squeeze",
        "expand",
        "expand_as",
        "slice",
        "select",
        "split",
        "split_with_sizes",
        "chunk",
        "unflatten",
        "flatten",
        "clone",
        "contiguous",
        "alias",
        "narrow",
        "unbind",
        "repeat",
        "repeat_interleave",
        "roll",
        "movedim",
        "swapaxes",
        "swapdims",
        "mT",
        "numpy_T",
        "view_as",
        "reshape_as",
        "unfold",
        "flip",
        "rot90",
        "detach",
        "detach_",
        "lift_fresh_copy",
        "diagonal",
        "adjoint",
        "tile",
    ]
)
"""Operations that only move entries: they are applied to the labels as they are."""
SAME = frozenset(
    [
        "relu",
        "relu_",
        "leaky_relu",
        "leaky_relu_",
        "rrelu",
        "rrelu_",
        "abs",
        "neg",
        "positive",
        "dropout",
        "dropout_",
        "alpha_dropout",
        "feature_dropout",
        "native_dropout",
        "to",
        "_to_copy",
        "type_as",
        "double",
        "float",
        "half",
        "bfloat16",
        "tril",
        "triu",
    ]
)
"""Homogeneous of degree 1, entry by entry."""
POOLS = frozenset(
    [
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_avg_pool3d",
        "adaptive_max_pool1d",
        "adaptive_max_pool2d",
        "upsample_nearest1d",
        "upsample_nearest2d",
        "upsample_linear1d",
        "upsample_bilinear2d",
        "upsample_bicubic2d",
        "max_pool2d_with_indices",
        "pixel_shuffle_",
    ]
)
"""Operations on the positions of each channel."""
_DEGREE_ONE_TAG = {"dropout": "dropout", "alpha_dropout": "dropout", "abs": "act"}


F = TypeVar("F", bound=Rule)


def rule(*names: str) -> Callable[[F], F]:
    """The rule of the operations with these names."""

    def register(function: F) -> F:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def _value(x: Any) -> Value:
    """An argument as a value; numbers and missing arguments do not scale."""
    return x if isinstance(x, Value) else Value(())


def same(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = _value(args[0])
    tag = "act" if "relu" in name else _DEGREE_ONE_TAG.get(name.rstrip("_"))
    if tag:
        e.tag(x, tag)
    return x


def pool(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = _value(args[0])
    if not x.terms:
        return Value(shape)
    e.tag(x, "pool")
    spatial = int("".join(c for c in name if c.isdigit())[:1] or 2)
    axes = range(len(x.shape) - spatial, len(x.shape))
    channel = e.tie(x, list(axes))
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in channel.terms))


@rule("linear")
def linear(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x, w = _value(args[0]), _value(args[1])
    bias = _value(args[2]) if len(args) > 2 and args[2] is not None else None
    flat = _flat(x)
    out = e.contract(flat, w.reshaped(lambda t: t.T) if w.terms else Value((w.shape[1], w.shape[0])))
    out = _unflat(out, shape)
    return _biased(e, out, bias, w)


def _flat(x: Value) -> Value:
    """A value as a matrix whose last axis is kept."""
    if not x.terms:
        return Value((1, x.shape[-1]))
    matrix = x.reshaped(lambda t: t.reshape(-1, t.shape[-1]))
    stacked = np.concatenate([t for t, _ in matrix.terms], axis=1)
    kept = np.sort(np.unique(stacked, axis=0, return_index=True)[1])
    if len(kept) > 1:
        return matrix
    return Value((1, x.shape[-1]), tuple((t[:1], f) for t, f in matrix.terms))


def _unflat(out: Value, shape: tuple[int, ...]) -> Value:
    rows = int(np.prod(shape[:-1], dtype=np.int64))
    return Value(shape, tuple((np.broadcast_to(t, (rows, shape[-1])).reshape(shape), f) for t, f in out.full()))


def _biased(e: Exponents, out: Value, bias: Value | None, weight: Value, axis: int = -1) -> Value:
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


@rule("addmm")
def addmm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    bias, x, w = (_value(a) for a in args[:3])
    return _biased(e, _unflat(e.contract(_flat(x), w), shape), bias, w)


@rule("mm", "matmul", "bmm", "mv", "dot")
def matmul(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    """Of two activations: attention."""
    a, b = _value(args[0]), _value(args[1])
    if len(a.shape) < 2 or len(b.shape) < 2:
        e.zero(a)
        e.zero(b)
        return Value(shape)
    activations = e.is_activation(a) and e.is_activation(b)
    if activations:
        e.tag(a, "attention")
        e.tag(b, "attention", "key")
    if len(b.shape) == 2:
        return _unflat(e.contract(_flat(a), b), shape)
    return e.contract(a, b, weight="right" if id(args[0]) in e.activations else "left")


@rule("baddbmm")
def baddbmm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    out = matmul(e, "bmm", args[1:3], {}, shape)
    e.equal(out, _value(args[0]))
    return out


@rule("einsum")
def einsum(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    equation, operands = args[0].replace(" ", ""), [_value(x) for x in args[1]]
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


@rule("conv1d", "conv2d", "conv3d", "convolution")
def convolution(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x, w = _value(args[0]), _value(args[1])
    bias = _value(args[2]) if len(args) > 2 and args[2] is not None else None
    groups = int(args[-1]) if len(args) > 6 else int(kwargs.get("groups", 1))
    return _convolve(e, x, w, bias, groups, shape, transposed=False)


@rule("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def transposed(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x, w = _value(args[0]), _value(args[1])
    bias = _value(args[2]) if len(args) > 2 and args[2] is not None else None
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
    out = _joined(e, outs, 1)
    laid = Value(
        shape,
        tuple(
            (np.broadcast_to(np.broadcast_to(t, (1, shape[1])).reshape(1, -1, *(1,) * spatial), shape), f)
            for t, f in out.terms
        ),
    )
    return _biased(e, laid, bias, w, 1)


@rule("embedding")
def embedding(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    first = e.tie(_value(args[0]), [0])
    return Value(shape, tuple((np.broadcast_to(t[0], shape), f) for t, f in first.terms))


@rule("add", "add_", "sub", "sub_", "rsub", "__add__", "maximum", "minimum")
def add(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    a, b = args[0], args[1]
    if not isinstance(a, Value) or not isinstance(b, Value):
        x, number = (a, b) if isinstance(a, Value) else (b, a)
        if not number:
            return _value(x)
        if 0 < abs(float(number)) <= SMALL:
            e.soft_zero(_value(x), e.node, float(number), 2, "root")
            return Value(shape, _value(x).terms)
        e.zero(_value(x))
        return Value(shape)
    if (e.is_activation(a) and e.is_activation(b)) or (a.terms and b.terms):
        e.tag(a, "add")
        e.tag(b, "add")
    e.equal(a, b)
    kept = a if a.terms else b
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in kept.full()))


@rule("mul", "mul_", "__mul__")
def mul(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    a, b = _value(args[0]), _value(args[1])
    if a.shape == b.shape and id(args[0]) in e.activations and id(args[1]) in e.activations:
        e.tag(a, "mul")
        e.tag(b, "mul")
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in (*a.full(), *b.full())))


@rule("div", "div_", "true_divide")
def div(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    return mul(e, name, (args[0], _value(args[1]).times(-ONE)), {}, shape)


@rule("pow", "square", "sqrt", "rsqrt", "reciprocal")
def power(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = _value(args[0])
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


@rule("mean", "sum", "amax", "amin", "max", "logsumexp_", "norm", "linalg_vector_norm", "var_", "std_")
def reduce(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = _value(args[0])
    axes = args[1] if len(args) > 1 and name not in {"norm", "linalg_vector_norm"} else kwargs.get("dim")
    if name in {"norm", "linalg_vector_norm"} and len(args) > 2:
        axes = args[2]
    if axes is None:
        axes = list(range(len(x.shape)))
    axes = [a % len(x.shape) for a in ([axes] if isinstance(axes, int) else axes)]
    tied = e.tie(x, axes)
    return Value(shape, tuple((t.reshape(shape), f) for t, f in tied.terms))


@rule("layer_norm", "rms_norm")
def layer_norm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = _value(args[0])
    axes = list(range(len(x.shape) - len(args[1]), len(x.shape)))
    weight = _value(args[2]) if len(args) > 2 and args[2] is not None else Value(())
    bias = _value(args[3]) if name == "layer_norm" and len(args) > 3 and args[3] is not None else None
    position = 4 if name == "layer_norm" else 3
    eps = args[position] if len(args) > position else 1e-5 if name == "layer_norm" else None
    tag = "layer_norm" if name == "layer_norm" else "rms"
    e.tag(x, tag)
    normalised = e.tie(x, axes)
    e.soft_zero(normalised, e.node, 2.0**-52 if eps is None else float(eps), 1, name)
    return _affine(e, shape, weight, bias)


def _affine(e: Exponents, shape: tuple[int, ...], weight: Value, bias: Value | None, axis: int | None = None) -> Value:
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
    x = _value(args[0])
    weight = _value(args[1]) if args[1] is not None else Value(())
    bias = _value(args[2]) if args[2] is not None else None
    statistics, eps = bool(args[5]), float(args[7])
    if not statistics:
        e.zero(x)
        return _affine(e, shape, weight, bias, 1)
    e.tag(x, name)
    axes = [a for a in range(len(x.shape)) if a != 1]
    e.soft_zero(e.tie(x, axes), e.node, eps, 1, name)
    return _affine(e, shape, weight, bias, 1)


@rule("group_norm")
def group_norm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x, groups = _value(args[0]), int(args[1])
    weight = _value(args[2]) if len(args) > 2 and args[2] is not None else Value(())
    bias = _value(args[3]) if len(args) > 3 and args[3] is not None else None
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
    return _affine(e, shape, weight, bias, 1)


@rule("scaled_dot_product_attention")
def attention(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    q, k, v = (_value(a) for a in args[:3])
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
    e.zero(_value(args[0]))
    return Value(shape)


@rule("prelu")
def prelu(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    e.zero(_value(args[1]))
    return same(e, "prelu", args, kwargs, shape)


@rule("_weight_norm")
def weight_norm(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    v, g = _value(args[0]), _value(args[1])
    axis = args[2] if len(args) > 2 else kwargs.get("dim", 0)
    e.tie(v, [a for a in range(len(v.shape)) if a != axis])
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in g.full()))


@rule("cat", "stack", "concat", "concatenate")
def cat(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    axis = int(args[1]) if len(args) > 1 else int(kwargs.get("dim", 0))
    parts = [_value(a) for a in args[0]]
    if name == "stack":
        axis %= len(shape)
        parts = [
            x.reshaped(lambda t: np.expand_dims(t, axis)) if x.terms else Value((*x.shape[:axis], 1, *x.shape[axis:]))
            for x in parts
        ]
    return _joined(e, [p for p in parts if p.shape != (0,)], axis % len(shape))


def _joined(e: Exponents, parts: Sequence[Value], axis: int) -> Value:
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


@rule("where")
def where(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    a, b = args[1], args[2]
    if isinstance(a, Value) and isinstance(b, Value) and a.terms and b.terms:
        e.equal(a, b)
        return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in a.full()))
    e.zero(_value(a))
    e.zero(_value(b))
    return Value(shape)


@rule("masked_fill", "masked_fill_")
def masked_fill(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = _value(args[0])
    if args[2] == 0:
        return x
    e.zero(x)
    return Value(shape)


@rule("constant_pad_nd", "pad")
def pad(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Value:
    x = _value(args[0])
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
    x = _value(args[0])
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
    x = _value(args[0])
    source = _value(args[2] if name.startswith("index_put") else args[3])
    tied = e.tie(source, [0]) if source.terms else source
    if x.terms:
        e.equal(x, tied)
    if not tied.terms or len(tied.shape) != len(shape):
        e.zero(source)
        return Value(shape)
    return Value(shape, tuple((np.broadcast_to(t, shape), f) for t, f in tied.full()))


@rule("rnn_relu")
def rnn(e: Exponents, name: str, args: Arguments, kwargs: dict[str, Any], shape: tuple[int, ...]) -> Any:
    x, weights, biased, layers, both, first = _value(args[0]), args[2], args[3], args[4], args[7], args[8]
    values = [_value(w) for w in weights]
    e.zero(_value(args[1]))
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
        state = _unflat(e.contract(_flat(current), into.reshaped(lambda t: t.T)), length)
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
    x, w = _value(args[0]), _value(args[1])
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
    return _joined(e, laid, 0)


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
