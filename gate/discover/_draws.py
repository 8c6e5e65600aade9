"""Gradients of a target at freshly drawn parameters, at several scales, each on a batch of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ...oracles.errors import BadInput
from ..target import Target

Floats = npt.NDArray[np.float64]
EXTREMES = (10.0, 30.0)
"""Symmetries found are tried at these scales as well, where the gradient is finite: every unit saturates."""
SCALES = (1.0, 0.3, 3.0)
"""Parameters are drawn and multiplied by these in turn: units that saturate, or never do, show it at one of them."""
_COARSE = {"float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True)
class Draw:
    """Parameters and the gradient there, tensor by tensor in the order of the target. No gradient is a zero one."""

    theta: tuple[Floats, ...]
    gradient: tuple[Floats, ...]
    scale: float

    @cached_property
    def norm(self) -> float:
        """Of the whole gradient."""
        return float(np.sqrt(sum(float(np.vdot(g, g)) for g in self.gradient)))


class Sampler:
    """Draws of a target, made once and kept.

    Raises:
        BadInput: the target gives other names or shapes than it gave before, or no finite gradient at all.
    """

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.seed = seed
        first = target.draw(seed)
        self.names = tuple(first)
        self.shapes = tuple(np.shape(value) for value in first.values())
        self.size = sum(int(np.prod(shape, dtype=np.int64)) for shape in self.shapes)
        self.skipped: set[int] = set()
        self._kept: list[Draw] = []
        self._norms: dict[float, list[float]] = {}
        self._asked = 0
        self._wasted = 0

    @property
    def tolerance(self) -> float:
        """What counts as zero, relatively: 1e-10 in float64; 2^9 roundings in what is coarser."""
        return tolerance_of(self.target)

    def take(self, count: int) -> list[Draw]:
        """The first ``count`` draws whose gradients are finite and not zero."""
        while len(self._kept) < count:
            draw = self.fresh(self._asked)
            self._asked += 1
            if draw is not None and not self._saturated(draw):
                self._kept.append(draw)
                continue
            self._wasted += 1
            if self._wasted > 8 + 2 * count:
                raise BadInput(
                    f"The target {self.target.name} has no finite non-zero gradient in most of {self._asked} draws of "
                    "its parameters. Let draw() return parameters at which the loss is finite, also after they are "
                    "multiplied by 3 and by 0.3."
                )
        return self._kept[:count]

    def _saturated(self, draw: Draw) -> bool:
        """Whether the gradient is so small, for its scale, that the roundings of a forward pass are a part of it."""
        norm = draw.norm
        norms = self._norms.setdefault(draw.scale, [])
        norms.append(norm)
        return norm < 1e-3 * float(np.median(norms))

    def fresh(self, number: int, scales: Sequence[float] = ()) -> Draw | None:
        """Draw ``number`` of the target; None if its gradient is zero or not finite."""
        seed = self.seed + 7919 * (number + 1)
        scale = (scales or SCALES)[number % len(scales or SCALES)]
        drawn = self.target.draw(seed)
        if tuple(drawn) != self.names or tuple(np.shape(value) for value in drawn.values()) != self.shapes:
            raise BadInput(
                f"The target {self.target.name} drew parameters {', '.join(drawn)} for seed {seed}, and others before. "
                "Names, order and shapes must not depend on the seed."
            )
        theta = {name: _generic(np.asarray(value, dtype=np.float64), seed) for name, value in drawn.items()}
        if scale != 1:
            theta = {name: value * scale for name, value in theta.items()}
        with np.errstate(all="ignore"):
            _, gradient = self.target.loss_and_gradient(theta, self.target.batch(seed))
        parts: list[Floats] = []
        for index, (name, value) in enumerate(theta.items()):
            part = gradient.get(name)
            if part is None:
                self.skipped.add(index)
                part = np.zeros_like(value)
            if np.shape(part) != value.shape:
                raise BadInput(
                    f"The gradient of {name} in the target {self.target.name} has shape {np.shape(part)}; the "
                    f"parameter has {value.shape}."
                )
            parts.append(np.asarray(part, dtype=np.float64))
        tops = [top_of(part) for part in parts]
        if not all(map(np.isfinite, tops)) or max(tops, default=0.0) == 0.0:
            return None
        return Draw(tuple(theta.values()), tuple(parts), scale)

    def extreme(self, count: int) -> list[Draw]:
        """Up to ``count`` draws at ``EXTREMES``: those whose gradient is finite and not zero."""
        return [draw for k in range(count) if (draw := self.fresh(2_000_003 + k, EXTREMES)) is not None]

    def confirming(self, count: int) -> list[Draw]:
        """``count`` draws that ``take`` does not give."""
        found: list[Draw] = []
        number = 1_000_003
        while len(found) < count and number < 1_000_003 + 4 * count:
            draw = self.fresh(number)
            number += 1
            if draw is not None:
                found.append(draw)
        if not found:
            raise BadInput(f"The target {self.target.name} has no finite non-zero gradient to confirm anything with.")
        return found


def _generic(value: Floats, seed: int) -> Floats:
    """The value; noise where all entries are equal: with zero biases and unit gains wrong laws hold by accident."""
    if value.size > 1 and value.flat[0] == value.flat[-1] and np.ptp(value) == 0:
        return value + np.random.default_rng(seed).normal(scale=0.5, size=value.shape)
    return value


def top_of(part: Floats) -> float:
    """The largest absolute value; NaN where there is one."""
    return float(np.maximum(part.max(), -part.min())) if part.size else 0.0


def tolerance_of(target: Target) -> float:
    unit = max(_COARSE.get(target.dtype, 0.0), _COARSE.get(target.gradient_dtype, 0.0))
    return max(1e-10, 512 * unit)


def largest_gradient(draws: Sequence[Draw]) -> tuple[Floats, ...]:
    """For each entry the largest |gradient| over the draws, each relative to the draw's largest entry."""
    best: list[Floats] | None = None
    for draw in draws:
        top = max(map(top_of, draw.gradient))
        parts = [np.abs(part) / top for part in draw.gradient]
        best = parts if best is None else [np.maximum(a, b) for a, b in zip(best, parts, strict=True)]
    return tuple(best or ())
