"""Products with the Hessian of a layered network: exact by dual numbers, sized, and by autograd twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..oracles.dynamics import Number, Sized
from ._dual import Dual
from ._layered import Layer, Layers, Net, Outward, Row, Slope, network_pass, positive
from ._layered_torch import exact, torch_module, torch_network

Direction = Callable[[Layers, Layers], Layers]
"""From the parameters and the gradient to a direction d."""


def hessian_along(layers: Layers, direction: Layers, inputs: list[Row], outward: Outward, slope: Slope) -> Layers:
    """``H d``: the backward pass on dual numbers."""
    dual = [layer.map(Dual, d) for layer, d in zip(layers, direction, strict=True)]
    gradients = network_pass(dual, inputs, outward, slope).gradients
    return [layer.map(lambda x, _: Dual.of(x).slope, layer) for layer in gradients]


def exact_along(net: Net, direction: Direction) -> tuple[Layers, Layers, Layers]:
    """Parameters, gradient and ``H d``, exactly."""
    passed = net.passed()
    d = direction(passed.layers, passed.gradients)
    return passed.layers, passed.gradients, hessian_along(passed.layers, d, passed.inputs, net.outward, net.slope)


def sized_along(net: Net, direction: Direction) -> tuple[Layers, Layers, Layers]:
    """The same on sums of absolute terms."""
    passed, curvature, leak = net.sizes(), float(net.curvature), float(net.leak)

    def outward(s: int, y: Row) -> Row:
        bend = [Sized.of(0.0) + curvature * Dual.of(v).slope for v in y]
        return [Dual(Sized.of(r.value), b) for r, b in zip(passed.outward[s], bend, strict=True)]

    def slope(s: int, layer: int, j: int, z: Number) -> Number:
        return 1.0 if positive(z) else leak

    d = direction(passed.layers, passed.gradients)
    return passed.layers, passed.gradients, hessian_along(passed.layers, d, passed.inputs, outward, slope)


def torch_along(net: Net, dtype: str, direction: Direction) -> tuple[Layers, Layers, Layers]:
    """The same by autograd on a torch module, as the fractions that its numbers are.

    The direction must be exact in floats: the gradient, or parameters up to signs.

    Raises:
        Skipped: torch is not installed.
    """
    torch = torch_module()
    network = torch_network(net, dtype)
    kind = getattr(torch, dtype)
    y = network(torch.tensor([[float(v) for v in x] for x in net.inputs], dtype=kind))
    linear = torch.tensor([[float(v) for v in row] for row in net.linear], dtype=kind)
    R = (linear * y).sum() + float(net.curvature) / 2 * (y * y).sum()
    linears = [part for part in network if isinstance(part, torch.nn.Linear)]
    parameters = [p for part in linears for p in (part.weight, part.bias) if p is not None]
    g = torch.autograd.grad(R, parameters, create_graph=True)
    point, gradient = _layers(net, parameters), _layers(net, g)
    d: list[Any] = []
    for layer in direction(point, gradient):
        d.append(torch.tensor([[float(x) for x in row] for row in layer.weights], dtype=kind))
        if layer.bias:
            d.append(torch.tensor([float(x) for x in layer.bias], dtype=kind))
    paired = sum((a * b).sum() for a, b in zip(g, d, strict=True))
    # where R is linear in a tensor it takes no part in the second derivatives
    found = torch.autograd.grad(paired, parameters, allow_unused=True, materialize_grads=True)
    return point, gradient, _layers(net, found)


def _layers(net: Net, tensors: Any) -> Layers:
    found = iter([exact(tensor) for tensor in tensors])
    return [Layer(next(found), next(found) if bias else []) for bias in net.biases]
