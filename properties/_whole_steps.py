"""Optimizers that see all coordinates at once, and a bias that has no gradient: L-BFGS, Muon, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..oracles.dynamics import Leaves, Number, dot
from ._discrete import Trainable

NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)
"""The coefficients of Muon; near zero a singular value is multiplied by the first of them, five times."""


def lbfgs(target: Trainable, start: Leaves, *, steps: int, lr: Number, history: int = 100) -> list[Leaves]:
    """The points of ``torch.optim.LBFGS`` without line search: everything in it is rational.

    Args:
        target: the same loss at every step: that of step 0.
        start: the first point.
        steps: how many.
        lr: the step size; the first step is divided by the sum of the absolute gradients if that is more than 1.
        history: how many pairs are kept.
    """

    def inner(a: Leaves, b: Leaves) -> Number:
        return sum(dot(x, y) for x, y in zip(a, b, strict=True))

    def plus(a: Leaves, factor: Number, b: Leaves) -> Leaves:
        return tuple(x + factor * y for x, y in zip(a, b, strict=True))

    point, points = start, [start]
    pairs: list[tuple[Leaves, Leaves, Number]] = []
    before: tuple[Leaves, Leaves] | None = None
    scale: Number = 1
    for _ in range(steps):
        g = target.gradient(0, point)
        if before is not None:
            s, y = before[0], plus(g, -1, before[1])
            if inner(y, s) > 1e-10:
                pairs = [*pairs, (s, y, inner(y, s))][-history:]
                scale = inner(y, s) / inner(y, y)
        direction: Leaves = tuple(-x for x in g)
        weights: list[Number] = []
        for s, y, ys in reversed(pairs):
            weights.append(inner(s, direction) / ys)
            direction = plus(direction, -weights[-1], y)
        direction = tuple(scale * x for x in direction)
        for (s, y, ys), weight in zip(pairs, reversed(weights), strict=True):
            direction = plus(direction, weight - inner(y, direction) / ys, s)
        length = lr
        if before is None:
            size = sum(abs(leaf).sum() for leaf in g)
            length = lr / size if size > 1 else lr
        moved: Leaves = tuple(length * x for x in direction)
        point, before = plus(point, 1, moved), (moved, g)
        points.append(point)
    return points


def newton_schulz(matrix: Any, transpose: Any, times: Any, coefficients: Sequence[Any], steps: int) -> Any:
    """``X -> a X + (b X X^T + c (X X^T)^2) X``, some times, on whatever has a product and a transpose."""
    a, b, c = coefficients
    x = matrix
    for _ in range(steps):
        gram = times(x, transpose(x))
        x = a * x + times(b * gram + c * times(gram, gram), x)
    return x


def normalised_gradients(point: Leaves, inputs: Any, targets: Any) -> tuple[Leaves, float]:
    """Gradients of ``mean (BN(x w + b) - y)^2 / 2`` at arrays (w, b), in their precision.

    Normalisation removes the mean, so that of b is 0, apart from rounding.

    Returns:
        The gradients, and the sum of the absolute terms of that of b.
    """
    import numpy as np

    w, b = point
    z = inputs @ w + b[0]
    count = w.dtype.type(len(z))
    centred = z - z.mean()
    deviation = np.sqrt((centred * centred).mean() + w.dtype.type(1e-5))
    hat = centred / deviation
    back = (hat - targets) / count
    slope = (back - back.mean() - hat * (back * hat).mean()) / deviation
    # what is left of the mean in ``hat`` is rounding of z
    size = abs(hat) + abs(z) / deviation
    terms = (abs(back) + abs(back).mean() + size * (abs(back) * abs(hat)).mean()) / deviation
    return (inputs.T @ slope, np.array([slope.sum()], dtype=w.dtype)), float(terms.sum())
