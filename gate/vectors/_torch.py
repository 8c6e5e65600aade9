"""``torch.optim`` as a stepper."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from ...oracles.errors import BadInput
from ._consume import Array, Hyperparameters, Tensors, Unsupported

_MISSING = {
    "sgdw": "torch.optim.SGD has coupled decay only",
    "sam": "torch.optim has no SAM",
    "signsgd": "torch.optim has no sign method",
    "span": "torch.optim.LBFGS chooses its coefficients itself",
}


def _keywords(kind: str, group: Mapping[str, Any]) -> dict[str, Any]:
    """The group in the words of ``torch.optim``."""
    words = {name: value for name, value in group.items() if name not in ("kind", "tensors", "beta1", "beta2")}
    if kind in ("adam", "adamw"):
        words["betas"] = group["beta1"], group["beta2"]
    words.pop("initial", None)  # torch.optim.Adagrad takes it for all groups at once and ignores that of a group
    if kind == "sgd" and words.pop("first_step_damped"):
        raise Unsupported("torch.optim.SGD never dampens the first buffer")
    return words


class torch_stepper:  # noqa: N801 (a stepper, called like a function)
    """SGD, Adam, AdamW, RMSprop and Adagrad of ``torch.optim``, with ``torch.nn.utils`` for clipping.

    Args:
        more: options of the optimizer, such as ``foreach=True``.
    """

    def __init__(self, hyperparameters: Hyperparameters, **more: Any) -> None:
        torch = _torch()
        groups = hyperparameters["groups"]
        kinds = {group["kind"] for group in groups}
        kind = kinds.pop()
        if kinds or kind in _MISSING:
            raise Unsupported(_MISSING.get(kind, "one optimizer of torch.optim is of one kind"))
        self._clip = _clip(hyperparameters["transform"])
        self._dtype = getattr(torch, hyperparameters["dtype"])
        self._parameters: dict[str, Any] = {}
        described: list[dict[str, Any]] = []
        for group in groups:
            # steps fill them in; torch wants them now
            tensors = {name: torch.nn.Parameter(torch.zeros(0, dtype=self._dtype)) for name in group["tensors"]}
            self._parameters.update(tensors)
            described.append({"params": list(tensors.values()), **_keywords(kind, group)})
        cls = {
            "sgd": torch.optim.SGD,
            "adam": torch.optim.Adam,
            "adamw": torch.optim.AdamW,
            "rmsprop": torch.optim.RMSprop,
            "adagrad": torch.optim.Adagrad,
        }[kind]
        if kind == "adagrad":
            if len(starts := {group["initial"] for group in groups}) > 1:
                raise Unsupported("torch.optim.Adagrad starts the sums of all groups alike")
            more = {**more, "initial_accumulator_value": starts.pop()}
        self._make = partial(cls, described, **more)
        self._optimizer: Any = None
        self._factors = iter(hyperparameters["schedule"])

    def step(self, parameters: Tensors, gradients: Mapping[str, Array | None]) -> Tensors:
        torch = _torch()
        for name, parameter in self._parameters.items():
            gradient = gradients[name]
            parameter.grad = None
            parameter.data = torch.from_numpy(np.array(parameters[name]))
            parameter.grad = None if gradient is None else torch.from_numpy(np.array(gradient))
        if self._optimizer is None:
            self._optimizer = self._make()  # Adagrad makes its sums here, of the shapes of the parameters
            self._rates = [group["lr"] for group in self._optimizer.param_groups]
        factor = next(self._factors)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._clip(list(self._parameters.values()))
        self._optimizer.step()
        return {name: self._parameters[name].detach().numpy().copy() for name in parameters}


def _clip(transform: Mapping[str, Any]) -> Any:
    """What to call with the parameters before a step."""
    utils = _torch().nn.utils
    kind = transform["kind"]
    if "eps" in transform and transform["eps"] != 1e-6:
        raise Unsupported("torch adds 1/10^6 to norms that it clips")
    if kind == "clip-global-norm":
        return partial(utils.clip_grad_norm_, max_norm=transform["limit"])
    if kind == "clip-value":
        return partial(utils.clip_grad_value_, clip_value=transform["limit"])

    def each(parameters: list[Any]) -> None:
        if kind == "clip-each-tensor":
            for parameter in parameters:
                utils.clip_grad_norm_([parameter], transform["limit"])

    return each


def _torch() -> Any:
    try:
        return import_module("torch")
    except ImportError:
        raise BadInput("This stepper needs PyTorch. Install flowlaw[torch].") from None
