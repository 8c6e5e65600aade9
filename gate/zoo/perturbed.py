"""Weights that are moved aside and not put back: SAM, averages, noise."""

from __future__ import annotations

from functools import partial
from typing import Any
from zlib import crc32

import numpy as np

from ...oracles.dynamics import SAM, SGD
from ..target import Array, Parameters
from ._by_hand import Arrays, Data, Step, loop, plain
from ._by_hand import target as by_hand
from ._mutant import Mutant

RATE, RADIUS, MOMENTUM = 0.05, 0.1, 0.9
ASCENT = SAM(lr=RATE, rho=RADIUS)
BALL = SGD(lr=RATE, momentum=MOMENTUM)


def momentum(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """SGD with momentum."""
    v = g if v is None else MOMENTUM * v + g
    return theta - RATE * v, v


def sam(*, restored: bool = True, by_tensor: bool = False, two_batches: bool = False) -> Step:
    """The gradient of the step is taken uphill; the step itself starts where it was."""

    def step(p: Parameters, memory: Any, data: Data) -> tuple[Parameters, Any]:
        half = len(data[0]) // 2
        first, second = (data[0][:half], data[1][:half]), (data[0][half:], data[1][half:])
        g = plain(p, first if two_batches else data)[1]
        norm = np.sqrt(sum(float((value**2).sum()) for value in g.values()))
        norms = {name: np.sqrt((value**2).sum()) if by_tensor else norm for name, value in g.items()}
        above = {name: p[name] + RADIUS * g[name] / norms[name] for name in p}
        g = plain(above, second if two_batches else data)[1]
        start = p if restored else above
        return {name: start[name] - RATE * g[name] for name in p}, None

    return step


def averaging(every: int = 1) -> Step:
    """The exponential average of the weights, meant for evaluation, is written back into the model."""
    inner = loop(momentum)

    def step(p: Parameters, memory: Any, data: Data) -> tuple[Parameters, Any]:
        slots, average, k = memory or (None, p, 0)
        after, slots = inner(p, slots, data)
        average = {name: 0.9 * average[name] + 0.1 * after[name] for name in p}
        return average if k % every == every - 1 else after, (slots, average, k + 1)

    return step


def noisy() -> Step:
    """Noise of an experiment is still added to the gradients."""

    def gradients(p: Parameters, data: Data) -> Arrays:
        draws = np.random.default_rng(crc32(data[0].tobytes()))
        return {name: g + 1e-3 * draws.normal(size=g.shape) for name, g in plain(p, data)[1].items()}

    return loop(momentum, gradients)


def normalised(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """Each gradient is divided by its norm, as a trick for stability."""
    return momentum(theta, g / (np.sqrt((g**2).sum()) + 1e-8), v, k)


def centralised(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The mean of every row is taken off the gradient."""
    return momentum(theta, g - g.mean(1, keepdims=True) if g.ndim > 1 else g, v, k)


HEALTHY = partial(by_hand, "sam", sam(), ASCENT)
HEALTHY_BALL = partial(by_hand, "momentum", loop(momentum), BALL)


def _ascent(name: str, says: str, step: Step) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=HEALTHY,
        broken=partial(by_hand, name, step, ASCENT),
        caught_by=("step", "sam.quadratic"),
    )


def _ball(name: str, says: str, step: Step, explanation: str = "", caught: tuple[str, ...] = ("step",)) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=HEALTHY_BALL,
        broken=partial(by_hand, name, step, BALL),
        caught_by=caught,
        explanation=explanation,
    )


MUTANTS = (
    _ascent("sam-not-restored", "The weights are not put back after the ascent of SAM.", sam(restored=False)),
    _ascent("sam-norm-by-tensor", "The ascent of SAM divides by the norm of each tensor.", sam(by_tensor=True)),
    _ascent("sam-two-batches", "Ascent and step of SAM see two halves of the batch.", sam(two_batches=True)),
    _ball(
        "average-written-back",
        "The average of the weights is written back at every step, which is a tenth of the rate.",
        averaging(),
        "The learning rate is ten times, or a tenth",
    ),
    _ball(
        "average-not-swapped-back",
        "The average is swapped in for an evaluation every three steps, and not swapped back.",
        averaging(3),
        caught=("step", "hb-two-step.quadratic"),
    ),
    _ball("noise-left-on", "Noise of an experiment is still added to the gradients.", noisy()),
    _ball("gradients-normalised", "Gradients are divided by their norms.", loop(normalised)),
    _ball("gradients-centralised", "The mean of every row is taken off the gradients.", loop(centralised)),
)
