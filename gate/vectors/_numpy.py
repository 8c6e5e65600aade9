"""The oracles themselves on numpy arrays, as a stepper that has everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...oracles.dynamics import SAM, Grouped, step
from ..descriptions import optimizer_of, scheduled
from ._consume import Array, Hyperparameters, Tensors
from ._fill import transformed


class numpy_stepper:  # noqa: N801 (a stepper, called like a function)
    """Every optimizer of ``flowlaw.oracles.dynamics`` in the dtype of the arrays."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        groups = hyperparameters["groups"]
        self._names = [name for group in groups for name in group["tensors"]]
        self._scalar = np.dtype(hyperparameters["dtype"]).type
        self._optimizer = optimizer_of({"groups": groups}, self._names, lambda x, _: float(x), "the vector")  # type: ignore[arg-type]
        self._transform = hyperparameters["transform"]
        self._factors = iter(hyperparameters["schedule"])
        self._slots: Any = None

    def ascend(self, parameters: Tensors, gradients: Mapping[str, Array | None]) -> Tensors:
        sam = self._optimizer.groups[0] if isinstance(self._optimizer, Grouped) else self._optimizer
        assert isinstance(sam, SAM)
        there = sam.ascend(self._leaves(parameters), tuple(gradients[name] for name in self._names))
        return self._named(there)

    def step(self, parameters: Tensors, gradients: Mapping[str, Array | None]) -> Tensors:
        given = transformed(self._transform, [gradients[name] for name in self._names])
        optimizer = scheduled(self._optimizer, next(self._factors))
        after, self._slots = step(optimizer, self._leaves(parameters), given, self._slots)
        return self._named(after)

    def _leaves(self, parameters: Tensors) -> tuple[Array, ...]:
        return tuple(parameters[name] for name in self._names)

    def _named(self, leaves: tuple[Array, ...]) -> Tensors:
        # limits and rates are floats of numpy after roots, which may widen float32
        return {name: np.asarray(x, dtype=self._scalar) for name, x in zip(self._names, leaves, strict=True)}
