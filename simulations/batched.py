"""Gradient descent on many cases at once, in torch: float64 or float32, on a CPU or a GPU.

An engine knows how to take one step for a chunk of cases: ``LaneEngine`` and ``ProductEngine`` for deep linear networks
through data, ``GenericEngine`` for any function of the parameters. torch is imported when a batch is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, Literal, Protocol

import numpy as np

from ..oracles.errors import BadInput
from ._torch import Device, torch_on
from ._trajectory import Floats, Trajectory

Tensor = Any
Precision = Literal["float64", "float32"]

CACHE_BYTES = 2 << 20
"""Chunks on a CPU are as large as fit here with all their intermediate values: about one second-level cache."""


class Engine(Protocol):
    """Gradient steps on a chunk of cases, in whatever layout suits them."""

    @property
    def parameters(self) -> int: ...

    @property
    def cases(self) -> int | None:
        """How many cases there are data for; none where all cases share them."""
        ...

    def floats_per_case(self) -> int:
        """About how many numbers one case keeps alive during a step."""
        ...

    def load(self, torch: Any, first: int, last: int, options: dict[str, Any]) -> Any:
        """The data of the cases ``first`` to ``last`` on the device."""
        ...

    def enter(self, points: Tensor) -> Tensor:
        """A tensor of its own for the points, shape (cases, D), in the layout of the engine."""
        ...

    def leave(self, state: Tensor) -> Tensor:
        """Back to the shape (cases, D)."""
        ...

    def step(self, torch: Any, state: Tensor, data: Any, eta: float) -> Tensor:
        """One gradient step; may change ``state`` in place."""
        ...


def batched_steps(
    engine: Engine,
    starts: Floats,
    *,
    eta: float,
    steps: int,
    device: Device = "cpu",
    dtype: Precision = "float64",
    record: Sequence[int] | None = None,
    chunk: int | None = None,
) -> Trajectory[Floats]:
    """``steps`` gradient steps on every case.

    Args:
        engine: what is differentiated.
        starts: shape (cases, D).
        eta: the step size.
        steps: how many steps.
        device: ``cpu`` or ``cuda``.
        dtype: the precision of the whole computation.
        record: the numbers of the steps after which points are kept; the default is 0 and ``steps``.
        chunk: cases at once; the default follows ``CACHE_BYTES`` on a CPU and takes all of them on a GPU.

    Returns:
        Points of shape (cases, D) at times ``eta * step``.

    Raises:
        BadInput: shapes that do not fit; also when torch or the device is missing (``DeviceMissing``).
    """
    torch = torch_on(device)
    if starts.ndim != 2 or starts.shape[1] != engine.parameters or not len(starts):
        raise BadInput(f"A batch of starts has shape (cases, {engine.parameters}); given was {starts.shape}.")
    if engine.cases not in (None, len(starts)):
        raise BadInput(f"There are {len(starts)} starts and data for {engine.cases} cases. Give as many of both.")
    if steps < 1:
        raise BadInput(f"{steps} steps were asked for. Take at least one.")
    kept = sorted({0, steps} if record is None else set(record))
    if not kept or kept[0] < 0 or kept[-1] > steps:
        raise BadInput(f"The steps to record must lie between 0 and {steps}.")
    cases = len(starts)
    itemsize = 8 if dtype == "float64" else 4
    fitting = cases if device == "cuda" else max(16, CACHE_BYTES // (itemsize * engine.floats_per_case()))
    size = min(cases, chunk or fitting)
    size = ceil(cases / ceil(cases / size))
    options = {"device": device, "dtype": getattr(torch, dtype)}
    out = np.empty((len(kept), *starts.shape), dtype=dtype)
    with torch.no_grad():
        for first in range(0, cases, size):
            last = min(cases, first + size)
            data = engine.load(torch, first, last, options)
            state = engine.enter(torch.tensor(starts[first:last]).to(**options))
            position = 0
            for step in range(steps + 1):
                if position < len(kept) and kept[position] == step:
                    out[position, first:last] = engine.leave(state).cpu().numpy()
                    position += 1
                if step < steps:
                    state = engine.step(torch, state, data, eta)
    meta = {"method": "batched gradient steps", "eta": repr(eta), "device": device}
    return Trajectory(tuple(eta * step for step in kept), tuple(out), dtype, meta)
