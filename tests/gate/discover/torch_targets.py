"""Targets from torch modules: float64, every parameter drawn from a normal distribution, a batch for each seed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from flowlaw.gate import Target
from flowlaw.oracles.dynamics import SGD


def target_of(
    name: str,
    module: Any,
    inputs: Callable[[Any], tuple[Any, ...]],
    loss: Callable[[Any, Any], Any],
    *,
    prepare: Callable[[dict[str, Any]], None] = lambda tensors: None,
    size: float = 1.0,
    trace: bool = True,
) -> Target:
    """A target whose loss is ``loss(module(*inputs(generator)), generator)``.

    Args:
        inputs: a minibatch from a ``torch.Generator``.
        loss: of the output and the same generator, which draws labels.
        prepare: changes freshly drawn parameters, in place.
        size: standard deviation of matrices times the root of their fan-in.
        trace: whether discovery may see the module.
    """
    torch: Any = import_module("torch")
    module = module.double()
    parameters = dict(module.named_parameters())
    shapes = {key: tuple(value.shape) for key, value in parameters.items()}

    def draw(seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        drawn = {
            key: rng.normal(size=shape) * (size / np.sqrt(max(1, int(np.prod(shape[1:])))) if len(shape) > 1 else 0.7)
            for key, shape in shapes.items()
        }
        prepare(drawn)
        return drawn

    def loss_and_gradient(values: Any, batch: int) -> tuple[float, dict[str, Any]]:
        with torch.no_grad():
            for key, value in values.items():
                parameters[key].copy_(torch.as_tensor(value))
        module.zero_grad(set_to_none=True)
        generator = torch.Generator().manual_seed(batch)
        torch.default_generator.manual_seed(batch)  # dropout; torch.manual_seed takes hundreds of times as long
        found = loss(module(*inputs(generator)), generator)
        found.backward()
        return float(found.detach()), {
            key: None if value.grad is None else value.grad.numpy().copy() for key, value in parameters.items()
        }

    def no_step(state: Any, batch: Any) -> Any:
        raise NotImplementedError

    def traced() -> tuple[Any, tuple[Any, ...]]:
        return module, inputs(torch.Generator().manual_seed(0))

    return Target(
        name=name,
        draw=draw,
        batch=lambda seed: seed,
        loss_and_gradient=loss_and_gradient,
        start=lambda values: values,
        step=no_step,
        read=lambda state: state,
        optimizer=lambda k: SGD(lr=0.1),
        module=traced if trace else None,
    )
