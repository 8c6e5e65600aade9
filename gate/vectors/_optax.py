"""optax as a stepper: chains of its transformations."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from ...oracles.errors import BadInput
from ._consume import Array, Hyperparameters, Tensors, Unsupported


class optax_stepper:  # noqa: N801 (a stepper, called like a function)
    """SGD, SGDW, Adam, AdamW, RMSprop, Adagrad and sign methods, each as a chain of optax transformations."""

    def __init__(self, hyperparameters: Hyperparameters) -> None:
        optax, _ = _modules()
        schedule = [*hyperparameters["schedule"]]
        groups = hyperparameters["groups"]
        labels = {name: str(i) for i, group in enumerate(groups) for name in group["tensors"]}
        chains = {str(i): _chain(optax, group, schedule) for i, group in enumerate(groups)}
        self._rule = optax.chain(*_clip(optax, hyperparameters["transform"]), optax.multi_transform(chains, labels))
        self._wide = hyperparameters["dtype"] == "float64"
        self._state: Any = None

    def step(self, parameters: Tensors, gradients: Mapping[str, Array | None]) -> Tensors:
        if any(gradient is None for gradient in gradients.values()):
            raise Unsupported("optax skips no tensor")
        optax, jax = _modules()
        with jax.enable_x64(self._wide):
            point = {name: jax.numpy.asarray(x) for name, x in parameters.items()}
            given = {name: jax.numpy.asarray(x) for name, x in gradients.items()}
            if self._state is None:
                self._state = self._rule.init(point)
            updates, self._state = self._rule.update(given, self._state, point)
            after = optax.apply_updates(point, updates)
            return {name: np.asarray(x) for name, x in after.items()}


def _chain(optax: Any, group: Mapping[str, Any], schedule: list[float]) -> Any:
    """A group as a chain: direction, decay inside or outside, buffer, learning rate."""
    kind, rate = group["kind"], group.get("lr", 0.0)
    decay = optax.add_decayed_weights(group.get("weight_decay", 0.0))
    turned = [optax.scale(-1.0)] if group.get("maximize") else []
    _, jax = _modules()

    def learning_rate(count: Any) -> Any:
        return -rate * jax.numpy.asarray(schedule)[count]

    slow = optax.scale_by_schedule(learning_rate)
    if kind == "sgd":
        if group["dampening"]:
            raise Unsupported("optax.trace has no dampening")
        trace = [optax.trace(group["momentum"], nesterov=group["nesterov"])] if group["momentum"] else []
        return optax.chain(*turned, decay, *trace, slow)
    if kind == "sgdw":
        return optax.chain(*turned, optax.trace(group["momentum"]), decay, slow)
    if kind in ("adam", "adamw"):
        if group["amsgrad"]:
            raise Unsupported("optax.scale_by_amsgrad keeps the largest corrected mean, PyTorch the uncorrected one")
        adam = optax.scale_by_adam(group["beta1"], group["beta2"], group["eps"])
        return optax.chain(*turned, *([adam, decay] if kind == "adamw" else [decay, adam]), slow)
    if kind == "rmsprop":
        scale = optax.scale_by_stddev if group["centered"] else optax.scale_by_rms
        divided = scale(group["alpha"], group["eps"], eps_in_sqrt=False)
        trace = [optax.trace(group["momentum"])] if group["momentum"] else []
        return optax.chain(*turned, decay, divided, *trace, slow)
    if kind == "adagrad":
        if group["eps"] or group["lr_decay"]:
            raise Unsupported("optax.scale_by_rss adds eps inside of the root and has no decay of the rate")
        return optax.chain(*turned, decay, optax.scale_by_rss(group["initial"], 0.0), slow)
    if kind == "signsgd":
        return optax.chain(*turned, optax.scale_by_sign(), decay, slow)
    raise Unsupported(f"optax has no {kind} of this form")


def _clip(optax: Any, transform: Mapping[str, Any]) -> list[Any]:
    if transform["kind"] == "none":
        return []
    if transform["kind"] == "clip-value":
        return [optax.clip(transform["limit"])]
    if transform["kind"] == "clip-global-norm" and not transform["eps"]:
        return [optax.clip_by_global_norm(transform["limit"])]
    raise Unsupported("optax adds nothing to norms that it clips, and has no clipping of each tensor")


def _modules() -> tuple[Any, Any]:
    try:
        return import_module("optax"), import_module("jax")
    except ImportError:
        raise BadInput("This stepper needs JAX and optax. Install flowlaw[jax].") from None
