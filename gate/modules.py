"""The symmetries of a torch module whatever its loss, found on a copy in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..oracles.dynamics import SGD
from .adapters._seeds import seed_torch
from .adapters.torch import torch_or_error
from .target import Array, Parameters, Target

if TYPE_CHECKING:
    from .symmetry import Family


def symmetries_of(
    model: Any, arguments: tuple[Any, ...], named: Mapping[str, Any] | None = None, *, seed: int = 0
) -> tuple[Family, ...]:
    """The symmetries of the function that a module computes, whatever the loss: found on a copy in float64.

    Args:
        model: a torch module, which is left alone.
        arguments: of its call; floating tensors are promoted.
        named: arguments by name.
        seed: of the draws that confirm them.
    """
    from .discover import discover

    made = target_of_module(model, arguments, named)
    found = discover(made, seed=seed, numeric=False)
    return (found if found.traced else discover(made, seed=seed)).families


def target_of_module(model: Any, arguments: tuple[Any, ...], named: Mapping[str, Any] | None = None) -> Target:
    """A copy of a module in float64 as target, without steps; its loss is a random linear function of the outputs."""
    return _Copy(model, arguments, dict(named or {})).target()


class _Copy:
    """A copy of a module with a random linear function of its outputs for loss."""

    def __init__(self, model: Any, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        self._torch = torch_or_error()
        self._model = copy.deepcopy(model).to(device="cpu", dtype=self._torch.float64)
        config: Any = getattr(self._model, "config", None)
        if getattr(config, "use_cache", False):  # a cache of keys beside the outputs cannot be exported
            config.use_cache = False
        promote: Callable[[Any], Any] = lambda x: x.double().cpu() if x.is_floating_point() else x.cpu()  # noqa: E731
        self._arguments, self._named = _mapped((arguments, dict(named)), promote)
        self._parameters = dict(self._model.named_parameters())
        self._kept = {name: (np.array(p.detach().numpy()), _spread(p)) for name, p in self._parameters.items()}

    def target(self) -> Target:
        return Target(
            name="module",
            draw=self._draw,
            batch=lambda seed: seed,
            loss_and_gradient=self._loss_and_gradient,
            start=lambda parameters: parameters,
            step=lambda state, batch: state,
            read=lambda state: state,
            optimizer=lambda k: SGD(lr=1.0),
            module=lambda: (self._model, (*self._arguments, self._named) if self._named else self._arguments),
        )

    def _draw(self, seed: int) -> dict[str, Array]:
        """The parameters of the module, each tensor of it moved by noise of its own size."""
        rng = np.random.default_rng(seed)
        # uniform noise in float32 is drawn ten times as fast as normal noise, and is as generic; its deviation is 1
        return {
            name: values + (12**0.5 * spread) * (rng.random(values.shape, dtype=np.float32) - np.float32(0.5))
            for name, (values, spread) in self._kept.items()
        }

    def _loss_and_gradient(self, parameters: Parameters, seed: int) -> tuple[float, dict[str, Array | None]]:
        torch = self._torch
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            with torch.no_grad():
                for name, parameter in self._parameters.items():
                    parameter.copy_(torch.from_numpy(np.asarray(parameters[name], dtype=np.float64)))
                    parameter.grad = None
            seed_torch(torch, seed)
            inputs = _mapped(
                (self._arguments, self._named), lambda x: torch.randn_like(x) if x.is_floating_point() else x
            )
            outputs: list[Any] = []
            _mapped(
                self._model(*inputs[0], **inputs[1]), lambda x: outputs.append(x) if x.is_floating_point() else None
            )
            loss: Any = sum((out * torch.randn_like(out)).sum() for out in outputs)
            loss.backward()
        # the next call makes new tensors, so these arrays stay what they are
        gradients = {name: None if p.grad is None else p.grad.numpy() for name, p in self._parameters.items()}
        return float(loss.detach()), gradients


def _spread(parameter: Any) -> float:
    """Standard deviation of a tensor; some number where all entries are equal."""
    return float(parameter.detach().std(correction=0)) or 0.3


def _mapped(thing: Any, change: Callable[[Any], Any]) -> Any:
    """A nest of containers with ``change`` applied to its tensors."""
    if hasattr(thing, "is_floating_point"):
        return change(thing)
    if isinstance(thing, Mapping):
        return {key: _mapped(value, change) for key, value in thing.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(thing, list | tuple):
        return tuple(_mapped(value, change) for value in thing)  # pyright: ignore[reportUnknownVariableType]
    return thing


def detached(example: Any) -> Any:
    """A copy of a nest of tensors."""
    return _mapped(example, lambda x: x.detach().clone())
