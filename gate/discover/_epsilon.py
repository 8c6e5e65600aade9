"""What the epsilon of a normalisation does to a scale law: predicted, and measured on the traced module."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from typing import Any

from ._draws import Sampler
from ._graph import name_of, tensors_in
from ._proposals import Proposal


def predict(program: Any, sampler: Sampler, members: Sequence[Proposal]) -> tuple[float, float] | None:
    """``<g, xi>`` under a random linear loss, added over the members: ``-weight * eps * dL/deps``, and measured."""
    torch: Any = import_module("torch")
    nodes: dict[str, Fraction] = {}
    for member in members:
        for name, weight in member.weights.items():
            if nodes.setdefault(name, weight) != weight or not weight:
                return None
    module = program.module()
    parameters = dict(module.named_parameters())
    draw = sampler.take(1)[0]
    before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    module.zero_grad(set_to_none=True)
    with torch.no_grad():
        for name, theta in zip(sampler.names, draw.theta, strict=True):
            if name in parameters:
                parameters[name].copy_(torch.as_tensor(theta))
    positional, keywords = program.example_inputs
    cotangents: list[Any] = []

    def loss() -> Any:
        torch.manual_seed(0)
        outputs = [y for y in tensors_in(module(*positional, **keywords)) if y.is_floating_point()]
        if not cotangents:
            generator = torch.Generator().manual_seed(1)
            cotangents.extend(torch.randn(y.shape, generator=generator, dtype=torch.float64) for y in outputs)
        return sum((c * y.double()).sum() for c, y in zip(cotangents, outputs, strict=True))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss().backward()
        measured = 0.0
        for member in members:
            for (cut, index), value in member.vector.items():
                name = sampler.names[cut.tensor]
                grad = parameters[name].grad if name in parameters else None
                if grad is not None:
                    product = (grad * parameters[name]).detach().double().numpy()
                    sums = cut.sums({cut.tensor: product})  # type: ignore[arg-type]
                    measured += float(value) * float(sums[index])
        predicted = 0.0
        for name, weight in nodes.items():
            node = next((n for n in module.graph.nodes if n.name == name), None)
            if node is None:
                return None
            place, eps = _epsilon(node)
            values: list[float] = []
            for factor in (1 + 1e-3, 1 - 1e-3):  # a central difference: its own error is of the order of 1e-6
                node.args = (*node.args[:place], eps * factor, *node.args[place + 1 :])
                module.recompile()
                with torch.no_grad():
                    values.append(float(loss()))
            node.args = (*node.args[:place], eps, *node.args[place + 1 :])
            predicted -= float(weight) * (values[0] - values[1]) / 2e-3
        module.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, value in before.items():
                parameters[name].copy_(value)
    return predicted, measured


def _epsilon(node: Any) -> tuple[int, float]:
    """Where the epsilon of an operation stands among its arguments."""
    name = name_of(node)
    place = {"layer_norm": 4, "rms_norm": 3, "batch_norm": 7, "instance_norm": 7, "group_norm": 4}.get(name, 1)
    return place, float(node.args[place]) if len(node.args) > place and node.args[place] is not None else 2.0**-52
