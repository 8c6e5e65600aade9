"""Training code in plain NumPy as a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..target import Array, Batch, Parameters, Target
from ._common import Description, Transform, by_step

if TYPE_CHECKING:
    from ..symmetry import Family

Memory = Any
"""What the training code remembers between two steps: momentum buffers, counters; None before the first."""


def numpy_target(
    draw: Callable[[np.random.Generator], Parameters],
    batch: Callable[[np.random.Generator], Batch],
    loss_and_gradient: Callable[[Parameters, Batch], tuple[float, Mapping[str, Array | None]]],
    step: Callable[[Parameters, Memory, Batch], tuple[Parameters, Memory]],
    optimizer: Description,
    *,
    name: str = "numpy",
    dtype: str = "float64",
    transform: Transform | None = None,
    roundings: int | None = None,
    families: tuple[Family, ...] | None = None,
) -> Target:
    """A target of functions on dictionaries of arrays.

    Args:
        draw: random parameters without zero biases.
        batch: a random minibatch.
        loss_and_gradient: the loss and its gradients without weight decay; None for a tensor that is not trained.
        step: one training step: parameters and memory after it. It may change its arguments.
        optimizer: what the step is meant to be: one for all steps, or a function of the step.
        name: of the target.
        dtype: ``float64`` or ``float32``: what the parameters are kept in.
        transform: what is done to gradients before the optimizer sees them (clipping), where the step does it.
        roundings: as in ``Target``.
        families: as in ``Target``.

    >>> from flowlaw.oracles.dynamics import SGD
    >>> def gradient(p, x):
    ...     error = p["u"] * p["w"] * x - 1
    ...     return float((error**2).sum() / 2), {"u": error * p["w"] * x, "w": error * p["u"] * x}
    >>> def step(p, memory, x):
    ...     g = gradient(p, x)[1]
    ...     return {name: p[name] - 0.1 * g[name] for name in p}, None
    >>> target = numpy_target(
    ...     lambda rng: {"u": rng.normal(size=1), "w": rng.normal(size=1)},
    ...     lambda rng: rng.normal(size=1), gradient, step, SGD(lr=0.1))
    >>> sorted(target.draw(0))
    ['u', 'w']
    """

    def cast(parameters: Parameters) -> dict[str, Array]:
        return {key: np.array(value, dtype=dtype) for key, value in parameters.items()}

    def start(parameters: Parameters) -> tuple[Parameters, Memory]:
        return cast(parameters), None

    def both(parameters: Parameters, data: Batch) -> tuple[float, Mapping[str, Array | None]]:
        return loss_and_gradient(cast(parameters), data)

    return Target(
        name=name,
        draw=lambda seed: cast(draw(np.random.default_rng(seed))),
        batch=lambda seed: batch(np.random.default_rng(seed)),
        loss_and_gradient=both,
        start=start,
        step=lambda state, data: step(state[0], state[1], data),
        read=lambda state: state[0],
        optimizer=by_step(optimizer),
        dtype=dtype,
        roundings=roundings,
        transform=transform,
        families=families,
    )
