"""Pruning of networks without biases: SynFlow and other scores, and one weight at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..oracles.dynamics import Number
from ._layered import Layer, Layers, Net, Pass, network_pass
from ._layered_torch import torch_module

Place = tuple[int, int, int]
"""Layer, row, column."""
Scores = Callable[[Layers], dict[Place, Any]]
"""A score for every weight that is left; weights without one cost nothing to remove."""


def synflow_pass(layers: Layers) -> Pass:
    """The pass of R with absolute weights and an input of ones, see B7.synflow."""
    absolute = [Layer([[abs(x) for x in row] for row in weights], []) for weights, _ in layers]
    ones: list[Number] = [1] * len(layers[0].weights[0])
    return network_pass(absolute, [ones], lambda s, y: [1] * len(y), lambda s, layer, j, z: 1)


def places(layers: Layers, value: Callable[[Number], bool] = bool) -> dict[Place, Any]:
    """The entries that have the property."""
    return {
        (k, j, i): x
        for k, (weights, _) in enumerate(layers)
        for j, row in enumerate(weights)
        for i, x in enumerate(row)
        if value(x)
    }


def synflow(layers: Layers) -> dict[Place, Any]:
    """Positive scores; weights on no path score 0 and are left out."""
    return places(synflow_pass(layers).scores)


def magnitude(layers: Layers) -> dict[Place, Any]:
    """Absolute weights."""
    return {place: abs(x) for place, x in places(layers).items()}


def total(layers: Layers) -> Any:
    """R."""
    return sum(synflow_pass(layers).outputs[0])


def without(layers: Layers, removed: Sequence[Place]) -> Layers:
    """The same with these weights at 0."""
    gone = set(removed)
    return [
        Layer([[0 if (k, j, i) in gone else x for i, x in enumerate(row)] for j, row in enumerate(weights)], [])
        for k, (weights, _) in enumerate(layers)
    ]


def bare(net: Net) -> Layers:
    """Its weights."""
    return [Layer(weights, []) for weights, _ in net.layers()]


def ascending(scores: dict[Place, Any]) -> list[Place]:
    """The places, smallest score first; ties in the order of places."""
    return sorted(scores, key=lambda place: (scores[place], place))


def prune(layers: Layers, score: Scores, left: int) -> Layers:
    """One weight at a time, the smallest score first, with new scores each time; free ones (score 0) at once."""
    while True:
        scores = score(layers)
        layers = without(layers, [place for place in places(layers) if place not in scores])
        if len(scores) <= left:
            return layers
        layers = without(layers, ascending(scores)[:1])


def torch_scores(layers: Layers) -> dict[Place, Any]:
    """SynFlow by autograd in float32."""
    torch = torch_module()
    weights = [torch.tensor([[float(abs(x)) for x in row] for row in W], requires_grad=True) for W, _ in layers]
    value = torch.ones(weights[0].shape[1])
    for W in weights:
        value = W @ value
    value.sum().backward()
    return places([Layer((W * W.grad).tolist(), []) for W in weights])
