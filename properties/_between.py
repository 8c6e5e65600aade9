"""Activations, pooling and other maps without weights, for ``_layers.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from ._layers import Between, Shape, Values

Entries = list[tuple[int, Any, int]]
QUARTER = Fraction(1, 4)


def _positive(x: Any) -> bool:
    return bool(x > 0)


def pointwise(
    name: str,
    value: Callable[[Any], Any],
    slope: Callable[[Any], Any],
    make: Callable[[Any], Any] | None = None,
    *,
    steep: Callable[[Any], Any] = lambda z: 1,
    large: Callable[[Any], Any] = lambda z: z,
) -> Between:
    """An activation; ``large`` and ``steep`` bound value and slope at arguments of at most this size."""

    def act(values: Values) -> tuple[Values, Entries]:
        return [value(z) for z in values], [(i, slope(z), i) for i, z in enumerate(values)]

    def size(values: Values) -> tuple[Values, Entries]:
        return [large(z) for z in values], [(i, steep(z), i) for i, z in enumerate(values)]

    return Between(name, act, size, make, fan=8)


def _leaky(z: Any) -> Any:
    return z if _positive(z) else z / 4


def _clip(z: Any) -> Any:
    return min(max(z, 0 * z - 1), 0 * z + 1)


IDENTITY = pointwise("identity", lambda z: z, lambda z: 1, lambda torch: torch.nn.Identity())
RELU = pointwise(
    "relu", lambda z: z if _positive(z) else 0 * z, lambda z: 1 if _positive(z) else 0, lambda torch: torch.nn.ReLU()
)
LEAKY = pointwise(
    "leaky relu",
    _leaky,
    lambda z: 1 if _positive(z) else (0 * z + 1) / 4,
    lambda torch: torch.nn.LeakyReLU(0.25),
)
HOMOGENEOUS = (RELU, LEAKY, IDENTITY)
"""phi(z) = z phi'(z)."""

SQUARED_RELU = pointwise(
    "squared relu",
    lambda z: z * z if _positive(z) else 0 * z,
    lambda z: 2 * z if _positive(z) else 0 * z,
    large=lambda z: z * z,
    steep=lambda z: 2 * z,
)
HARDTANH = pointwise(
    "hardtanh", _clip, lambda z: 1 if -1 < z < 1 else 0, lambda torch: torch.nn.Hardtanh(), large=lambda z: z + 1
)
SOFTSIGN = pointwise(
    "softsign",
    lambda z: z / (1 + abs(z)),
    lambda z: 1 / ((1 + abs(z)) * (1 + abs(z))),
    lambda torch: torch.nn.Softsign(),
)
BUMP = pointwise(
    "z/(1+z^2)", lambda z: z / (1 + z * z), lambda z: (1 - z * z) / ((1 + z * z) * (1 + z * z)), large=lambda z: z + 1
)
SQUARE = pointwise("z^2+z", lambda z: z * z + z, lambda z: 2 * z + 1)
BENT = (SOFTSIGN, BUMP, SQUARE, HARDTANH)
"""Rational activations that are not homogeneous."""


def gates(name: str, slopes: Sequence[Any]) -> Between:
    """Every value times its own constant: a dropout mask, or an activation of which only the slopes are known."""

    def act(values: Values) -> tuple[Values, Entries]:
        return [p * z for p, z in zip(slopes, values, strict=True)], [(i, p, i) for i, p in enumerate(slopes)]

    def make(torch: Any) -> Any:
        module = torch.nn.Module()
        factors = torch.tensor([float(p) for p in slopes])

        def forward(x: Any) -> Any:
            return x * factors.to(x).reshape(x.shape[1:])

        module.forward = forward
        return module

    return Between(f"{name}{list(slopes)}", act, act, make)


def dropout(kept: Sequence[bool]) -> Between:
    """Half of the values, times 2; the mask belongs to the loss of the step."""
    return gates("dropout", [2 * int(keep) for keep in kept])


def winners(chosen: Sequence[int]) -> Between:
    """Max pooling where it is known which entry of each window wins."""

    def act(values: Values) -> tuple[Values, Entries]:
        return [values[i] for i in chosen], [(o, 1, i) for o, i in enumerate(chosen)]

    return Between("winners", act, act)


def known(outputs: Sequence[Any], slopes: Sequence[Any]) -> Between:
    """An activation of which only one sample's outputs and slopes are known, as symbols."""

    def act(values: Values) -> tuple[Values, Entries]:
        return list(outputs), [(i, p, i) for i, p in enumerate(slopes)]

    return Between("activation", act, act)


def _sorted(values: Values) -> tuple[Values, Entries]:
    order = sorted(range(len(values)), key=lambda i: values[i])
    return [values[i] for i in order], [(o, 1, i) for o, i in enumerate(order)]


def _any_order(values: Values) -> tuple[Values, Entries]:
    n = len(values)
    return [max(values)] * n, [(o, 1, i) for o in range(n) for i in range(n)]


SORTED = Between("sort", _sorted, _any_order)
"""GroupSort: homogeneous as a map of the whole layer, and of no neuron alone."""


@cache
def pooling(kind: str, image: Shape, window: int = 2, stride: int = 0) -> tuple[Between, Shape]:
    """``nn.MaxPool2d`` or ``nn.AvgPool2d`` over ``window`` rows and columns (one row of images of one row)."""
    C, H, W = image
    down, s = min(window, H), stride or window
    rows, columns = (H - down) // s + 1, (W - window) // s + 1
    places = [
        [
            (c * H + y * s + k) * W + x * s + m
            for k in range(down)
            for m in range(window)
        ]
        for c in range(C)
        for y in range(rows)
        for x in range(columns)
    ]  # fmt: skip
    area = down * window

    def average(values: Values) -> tuple[Values, Entries]:
        out: Values = []
        for place in places:
            total: Any = 0
            for i in place:
                total = total + values[i]
            out.append(total / area)
        return out, [(o, (0 * values[0] + 1) / area, i) for o, place in enumerate(places) for i in place]

    def largest(values: Values) -> tuple[Values, Entries]:
        winners = [max(place, key=lambda i: values[i]) for place in places]
        return [values[i] for i in winners], [(o, 1, i) for o, i in enumerate(winners)]

    def any_winner(values: Values) -> tuple[Values, Entries]:
        return [max(values[i] for i in place) for place in places], [
            (o, 1, i) for o, place in enumerate(places) for i in place
        ]

    name = f"{kind} pooling"
    if kind == "max":
        pool = Between(name, largest, any_winner, lambda torch: torch.nn.MaxPool2d((down, window), s))
    else:
        pool = Between(name, average, average, lambda torch: torch.nn.AvgPool2d((down, window), s), fan=2 * area + 2)
    return pool, (C, rows, columns)


def flat() -> Between:
    """``nn.Flatten``: values are flat already."""

    def same(values: Values) -> tuple[Values, Entries]:
        return values, [(i, 1, i) for i in range(len(values))]

    return Between("flatten", same, same, lambda torch: torch.nn.Flatten(), fan=0)


FLATTEN = flat()


@cache
def padded(image: Shape, value: int) -> tuple[Between, Shape]:
    """One more row or column on each side of every channel, filled with ``value``."""
    C, H, W = image

    def act(values: Values) -> tuple[Values, Entries]:
        out: Values = []
        entries: Entries = []
        for c in range(C):
            for y in range(-1, H + 1):
                for x in range(-1, W + 1):
                    if 0 <= y < H and 0 <= x < W:
                        i = (c * H + y) * W + x
                        entries.append((len(out), 1, i))
                        out.append(values[i])
                    else:
                        out.append(0 * values[0] + value)
        return out, entries

    return Between(f"padding with {value}", act, act), (C, H + 2, W + 2)
