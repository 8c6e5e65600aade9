"""Layers of small networks, dense and convolutional, written once for fractions, floats and free symbols.

A layer with weights is a list of triples: output ``o`` gains weight ``w`` times input ``i``. Strides, zero padding,
groups and transposition only change the list, so one forward and one backward pass serve all of them. Weights have
the layout of their ``torch.nn`` module, row-major. Values are flat lists; images are channels by height by width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any, Literal, Protocol

Values = list[Any]
Tensors = Sequence[Sequence[Any]]
Shape = tuple[int, ...]


class Layer(Protocol):
    """One layer: ``sizes`` of its parameter tensors, forward and backward.

    With ``absolute`` all numbers are sums of absolute terms, and the result bounds those of the outputs or slopes for
    whatever the activations do.
    """

    @property
    def sizes(self) -> tuple[int, ...]: ...

    @property
    def fan(self) -> int:
        """Roundings of one value on its way forward and back."""
        ...

    def forward(self, weights: Tensors, values: Values, absolute: bool = False) -> Values: ...

    def backward(
        self, weights: Tensors, values: Values, slopes: Values, absolute: bool = False
    ) -> tuple[list[Values], Values]:
        """The derivatives in the weights and in ``values``, given those in the outputs."""
        ...

    def module(self, torch: Any) -> Any:
        """The same as a module of PyTorch, for a batch of images or vectors."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """``nn.Linear``, ``nn.Conv2d`` or ``nn.ConvTranspose2d``.

    Args:
        kind: which.
        shape: of the weight tensor, as PyTorch has it.
        image: of the input: (n,) or (channels, height, width).
        bias: one for each output channel, or none.
        groups, stride, padding: of a convolution.
    """

    kind: Literal["dense", "conv", "transposed"]
    shape: Shape
    image: Shape
    bias: bool = True
    groups: int = 1
    stride: int = 1
    padding: int = 0

    @property
    def channels(self) -> int:
        """How many outputs have a bias of their own."""
        return self.shape[1] * self.groups if self.kind == "transposed" else self.shape[0]

    @property
    def result(self) -> Shape:
        """The shape of the output."""
        if self.kind == "dense":
            return (self.channels,)
        s, p = self.stride, self.padding
        if self.kind == "conv":
            sides = [(n + 2 * p - k) // s + 1 for n, k in zip(self.image[1:], self.shape[2:], strict=True)]
        else:
            sides = [(n - 1) * s - 2 * p + k for n, k in zip(self.image[1:], self.shape[2:], strict=True)]
        return (self.channels, *sides)

    @property
    def sizes(self) -> tuple[int, ...]:
        return (prod(self.shape), self.channels) if self.bias else (prod(self.shape),)

    @property
    def fan(self) -> int:
        counts = [max(map(len, group), default=0) for group in _grouped(self)]
        return sum(counts) + 3

    def incoming(self, channel: int) -> list[int]:
        """The weights into an output channel."""
        import numpy as np

        index = np.arange(prod(self.shape)).reshape(self.shape)
        if self.kind != "transposed":
            return list(map(int, index[channel].ravel()))
        group, place = divmod(channel, self.shape[1])
        inputs = self.shape[0] // self.groups
        return list(map(int, index[group * inputs : (group + 1) * inputs, place].ravel()))

    def outgoing(self, channel: int, positions: int = 1) -> list[int]:
        """The weights out of an input channel; for a dense layer after a flattened image, of ``positions`` entries."""
        import numpy as np

        index = np.arange(prod(self.shape)).reshape(self.shape)
        if self.kind == "dense":
            return list(map(int, index[:, channel * positions : (channel + 1) * positions].ravel()))
        if self.kind == "transposed":
            return list(map(int, index[channel].ravel()))
        group, place = divmod(channel, self.shape[1])
        outputs = self.shape[0] // self.groups
        return list(map(int, index[group * outputs : (group + 1) * outputs, place].ravel()))

    def forward(self, weights: Tensors, values: Values, absolute: bool = False) -> Values:
        W = weights[0]
        out: Values = [weights[1][c] for c in _channel_of(self)] if self.bias else [_zero(W[0])] * prod(self.result)
        for o, w, i in triples(self):
            out[o] = out[o] + W[w] * values[i]
        return out

    def backward(
        self, weights: Tensors, values: Values, slopes: Values, absolute: bool = False
    ) -> tuple[list[Values], Values]:
        W = weights[0]
        of_weights: Values = [0] * len(W)
        of_values: Values = [0] * len(values)
        for o, w, i in triples(self):
            slope = slopes[o]
            of_weights[w] = of_weights[w] + slope * values[i]
            of_values[i] = of_values[i] + W[w] * slope
        if not self.bias:
            return [of_weights], of_values
        of_bias: Values = [0] * self.channels
        for c, slope in zip(_channel_of(self), slopes, strict=True):
            of_bias[c] = of_bias[c] + slope
        return [of_weights, of_bias], of_values

    def module(self, torch: Any) -> Any:
        if self.kind == "dense":
            return torch.nn.Linear(self.shape[1], self.shape[0], bias=self.bias)
        convolution = self.kind == "conv"
        make = torch.nn.Conv2d if convolution else torch.nn.ConvTranspose2d
        inputs, outputs = (
            (self.shape[1] * self.groups, self.shape[0]) if convolution else self.image[:1] + self.result[:1]
        )
        return make(
            inputs, outputs, self.shape[2:], stride=self.stride, padding=self.padding, groups=self.groups,
            bias=self.bias,
        )  # fmt: skip


def _zero(like: Any) -> Any:
    """0 as a number that divides exactly where the weights do: a plain 0 would turn into a float."""
    return like - like if hasattr(like, "p") else 0


@cache
def triples(layer: Linear) -> tuple[tuple[int, int, int], ...]:
    """(output, weight, input) for every product that the layer makes."""
    if layer.kind == "dense":
        n = layer.shape[1]
        return tuple((o, o * n + i, i) for o in range(layer.shape[0]) for i in range(n))
    found: list[tuple[int, int, int]] = []
    # a transposed convolution is a convolution with inputs and outputs exchanged
    small, large = (layer.result, layer.image) if layer.kind == "conv" else (layer.image, layer.result)
    rows, columns = layer.shape[0], layer.shape[1]
    for c in range(rows):
        for d in range(columns):
            channel = c // (rows // layer.groups) * columns + d
            for y in range(small[1]):
                for x in range(small[2]):
                    for k in range(layer.shape[2]):
                        for m in range(layer.shape[3]):
                            v, h = y * layer.stride - layer.padding + k, x * layer.stride - layer.padding + m
                            if 0 <= v < large[1] and 0 <= h < large[2]:
                                a = (c * small[1] + y) * small[2] + x
                                b = (channel * large[1] + v) * large[2] + h
                                w = ((c * columns + d) * layer.shape[2] + k) * layer.shape[3] + m
                                found.append((a, w, b) if layer.kind == "conv" else (b, w, a))
    return tuple(found)


@cache
def _grouped(layer: Linear) -> tuple[list[list[int]], ...]:
    """The triples of each output, of each weight and of each input."""
    groups: list[list[list[int]]] = []
    for place in range(3):
        found: dict[int, list[int]] = {}
        for number, triple in enumerate(triples(layer)):
            found.setdefault(triple[place], []).append(number)
        groups.append(list(found.values()))
    return tuple(groups)


@cache
def _channel_of(layer: Linear) -> tuple[int, ...]:
    return tuple(c for c in range(layer.channels) for _ in range(prod(layer.result[1:])))


def dense(inputs: int, outputs: int, *, bias: bool = True) -> Linear:
    """``nn.Linear(inputs, outputs)``."""
    return Linear("dense", (outputs, inputs), (inputs,), bias)


def conv(
    image: Shape, outputs: int, kernel: tuple[int, int], *, stride: int = 1, padding: int = 0, groups: int = 1,
    bias: bool = True,
) -> Linear:  # fmt: skip
    """``nn.Conv2d`` on images of this shape."""
    return Linear("conv", (outputs, image[0] // groups, *kernel), image, bias, groups, stride, padding)


def transposed(
    image: Shape, outputs: int, kernel: tuple[int, int], *, stride: int = 1, groups: int = 1, bias: bool = True
) -> Linear:
    """``nn.ConvTranspose2d`` on images of this shape."""
    return Linear("transposed", (image[0], outputs // groups, *kernel), image, bias, groups, stride)


@dataclass(frozen=True, slots=True)
class Between:
    """What stands between layers with weights: activations, pooling, dropout, sorting.

    Args:
        name: for people.
        act: maps values to outputs and to the entries (output, slope, input) of the derivative.
        size: the same for sums of absolute terms.
        make: maps torch to the module.
    """

    name: str
    act: Callable[[Values], tuple[Values, list[tuple[int, Any, int]]]]
    size: Callable[[Values], tuple[Values, list[tuple[int, Any, int]]]]
    make: Callable[[Any], Any] | None = None
    fan: int = 4
    sizes: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return self.name

    def forward(self, weights: Tensors, values: Values, absolute: bool = False) -> Values:
        return (self.size if absolute else self.act)(values)[0]

    def backward(
        self, weights: Tensors, values: Values, slopes: Values, absolute: bool = False
    ) -> tuple[list[Values], Values]:
        of_values: Values = [0] * len(values)
        for o, slope, i in (self.size if absolute else self.act)(values)[1]:
            of_values[i] = of_values[i] + slope * slopes[o]
        return [], of_values

    def module(self, torch: Any) -> Any:
        assert self.make is not None, f"{self.name} is no module of PyTorch"
        return self.make(torch)


def slopes_at(
    layers: Sequence[Layer], tensors: Tensors, inputs: Values, target: Values, *, absolute: bool = False
) -> list[tuple[Values, Values]]:
    """For the loss |outputs - target|^2 / 2: the values in front of each layer and at the end, and the slopes there."""
    weights = split(layers, tensors)
    values = [inputs]
    for layer, mine in zip(layers, weights, strict=True):
        values.append(layer.forward(mine, values[-1], absolute))
    sign = 1 if absolute else -1
    slopes = [[z + sign * y for z, y in zip(values[-1], target, strict=True)]]
    for k in range(len(layers) - 1, -1, -1):
        slopes.append(layers[k].backward(weights[k], values[k], slopes[-1], absolute)[1])
    return list(zip(values, slopes[::-1], strict=True))


def split(layers: Sequence[Layer], tensors: Tensors) -> list[Tensors]:
    """The parameter tensors of each layer."""
    found: list[Tensors] = []
    start = 0
    for layer in layers:
        found.append(tensors[start : start + len(layer.sizes)])
        start += len(layer.sizes)
    return found


def gradient(
    layers: Sequence[Layer], tensors: Tensors, inputs: Values, target: Values, *, absolute: bool = False
) -> list[Values]:
    """The gradient of ``|outputs - target|^2 / 2`` for one sample, tensor by tensor."""
    sign = 1 if absolute else -1
    return pullback(
        layers, tensors, inputs, lambda out: [z + sign * y for z, y in zip(out, target, strict=True)], absolute
    )


def pullback(
    layers: Sequence[Layer],
    tensors: Tensors,
    inputs: Values,
    slope: Callable[[Values], Values],
    absolute: bool = False,
) -> list[Values]:
    """The gradient of a loss whose derivative in the outputs is given."""
    weights = split(layers, tensors)
    values = [inputs]
    for layer, mine in zip(layers, weights, strict=True):
        values.append(layer.forward(mine, values[-1], absolute))
    slopes = slope(values.pop())
    found: list[list[Values]] = []
    for layer, mine, before in zip(layers[::-1], weights[::-1], values[::-1], strict=True):
        own, slopes = layer.backward(mine, before, slopes, absolute)
        found.append(own)
    return [tensor for own in reversed(found) for tensor in own]


def constant(slopes: Values) -> Callable[[Values], Values]:
    """Slopes that do not depend on the outputs: free symbols."""
    return lambda outputs: slopes
