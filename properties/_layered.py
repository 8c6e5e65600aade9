"""Layered networks on any numbers: outputs, gradients and saliencies ``dR/dtheta * theta``.

The backward pass is written once. Over ``Fraction`` it is exact, over ``Sized`` it tells the sums of absolute terms,
over ``Dual`` it gives Hessians, and over free symbols it proves: there the slope of each activation is a free symbol s
with ``sigma(z) = s z`` and ``sigma'(z) = s``, which is all that positive homogeneity of degree 1 says (Euler).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from ..oracles.dynamics import Number, Sized
from ._theorem import Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.dynamics import Symbols

Batch = tuple[Fraction, ...]
Row = list[Number]


class Layer(NamedTuple):
    """``z = W x + b``: rows of W are neurons; ``bias`` is empty where there is none."""

    weights: list[Row]
    bias: Row

    def map(self, function: Callable[[Number, Number], Number], other: Layer) -> Layer:
        """Entry by entry with a layer of the same shape."""
        rows = [
            [function(a, b) for a, b in zip(x, y, strict=True)]
            for x, y in zip(self.weights, other.weights, strict=True)
        ]
        return Layer(rows, [function(a, b) for a, b in zip(self.bias, other.bias, strict=True)])

    def entries(self) -> Iterator[Number]:
        """Weights row by row, then biases."""
        for row in self.weights:
            yield from row
        yield from self.bias


Layers = list[Layer]
Slope = Callable[[int, int, int, Number], Number]
"""The slope of the activation in sample s, hidden layer l, neuron j, at preactivation z."""
Outward = Callable[[int, Row], Row]
"""``dR/dy`` of sample s at its outputs."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one forward and one backward pass leave: rows are samples."""

    layers: Layers
    gradients: Layers
    inputs: list[Row]
    inward: list[Row]
    outputs: list[Row]
    outward: list[Row]

    @property
    def scores(self) -> Layers:
        """The signed saliencies ``dR/dtheta * theta``."""
        return products(self.gradients, self.layers)


def products(left: Layers, right: Layers) -> Layers:
    """Entry by entry."""
    return [a.map(lambda x, y: x * y, b) for a, b in zip(left, right, strict=True)]


def network_pass(layers: Layers, inputs: Sequence[Row], outward: Outward, slope: Slope) -> Pass:
    """Forward and backward through all samples; the gradient is that of ``R``, a function of all outputs."""
    gradients = [Layer([[0] * len(row) for row in W], [0] * len(b)) for W, b in layers]
    ends: list[tuple[Row, Row, Row]] = []
    for s, x in enumerate(inputs):
        values, slopes = [list(x)], list[Row]()
        for number, layer in enumerate(layers):
            starts = layer.bias or [0] * len(layer.weights)
            z = [
                sum((w * v for w, v in zip(row, values[-1], strict=True)), start)
                for row, start in zip(layer.weights, starts, strict=True)
            ]
            if number < len(layers) - 1:
                slopes.append([slope(s, number, j, entry) for j, entry in enumerate(z)])
                z = [a * entry for a, entry in zip(slopes[-1], z, strict=True)]
            values.append(z)
        back = out = outward(s, values[-1])
        for number in reversed(range(len(layers))):
            rows, (dW, db), before = layers[number].weights, gradients[number], values[number]
            for j, d in enumerate(back):
                for i, v in enumerate(before):
                    dW[j][i] = dW[j][i] + d * v
                if db:
                    db[j] = db[j] + d
            back = [sum(row[i] * d for row, d in zip(rows, back, strict=True)) for i in range(len(before))]
            if number:
                back = [a * d for a, d in zip(slopes[number - 1], back, strict=True)]
        ends.append((back, values[-1], out))
    inward, outputs, slopes_out = ([row[k] for row in ends] for k in range(3))
    return Pass(layers, gradients, [list(x) for x in inputs], inward, outputs, slopes_out)


def positive(x: Number) -> bool:
    """Whether a number, the value of a ``Sized`` or of a ``Dual``, is positive."""
    while hasattr(x, "value"):
        x = x.value
    return bool(x > 0)


@dataclass(frozen=True, slots=True, repr=False)
class Net:
    """A network with samples and a scalar ``R = sum_s <a_s, y_s> + (c/2) |y_s|^2`` of its outputs.

    Args:
        widths: inputs first, outputs last.
        weights: for each layer the rows of W, one after the other.
        biases: for each layer; all empty without biases.
        leak: the slope of the activation where it is not positive: 0 is ReLU, 1 the identity.
        inputs: the samples.
        linear: the a_s.
        curvature: c.
    """

    widths: tuple[int, ...]
    weights: tuple[Batch, ...]
    biases: tuple[Batch, ...]
    leak: Fraction
    inputs: tuple[Batch, ...]
    linear: tuple[Batch, ...]
    curvature: Fraction = Fraction(0)

    def __repr__(self) -> str:
        from .strategies import shown

        biases = f", biases {' '.join(map(shown, self.biases))}" if any(self.biases) else ""
        return (
            f"{'-'.join(map(str, self.widths))}, leak {self.leak}, weights {' '.join(map(shown, self.weights))}{biases}"
            f", inputs {' '.join(map(shown, self.inputs))}, R = sum <{' '.join(map(shown, self.linear))}, y> + "
            f"{self.curvature}/2 |y|^2"
        )

    @property
    def roundings(self) -> int:
        """At most so many roundings on any path through a forward and a backward pass, the reading of data included."""
        return 2 * sum(self.widths) + 8 * len(self.widths) + len(self.inputs)

    def layers(self, number: Callable[[Fraction], Number] = lambda x: x) -> Layers:
        """The parameters."""
        return [
            Layer([[number(x) for x in W[j * n : (j + 1) * n]] for j in range(m)], [number(x) for x in b])
            for n, m, W, b in zip(self.widths, self.widths[1:], self.weights, self.biases, strict=False)
        ]

    def slope(self, s: int, layer: int, j: int, z: Number) -> Number:
        """Leaky ReLU."""
        return 1 if positive(z) else self.leak

    def outward(self, s: int, y: Row) -> Row:
        """``a_s + c y``."""
        return [a + self.curvature * x for a, x in zip(self.linear[s], y, strict=True)]

    def passed(self) -> Pass:
        """The exact pass."""
        return network_pass(self.layers(), [list(x) for x in self.inputs], self.outward, self.slope)

    def floats(self, layers: Layers | None = None) -> Pass:
        """The pass in float64 without torch, at other parameters if they are given."""
        linear, leak = [[float(a) for a in row] for row in self.linear], float(self.leak)
        curvature = float(self.curvature)

        def outward(s: int, y: Row) -> Row:
            return [a + curvature * v for a, v in zip(linear[s], y, strict=True)]

        inputs = [[float(v) for v in x] for x in self.inputs]
        return network_pass(
            layers or self.layers(float), inputs, outward, lambda s, layer, j, z: 1.0 if z > 0 else leak
        )

    def sizes(self, layers: Layers | None = None) -> Pass:
        """The same on sums of absolute terms.

        What rounding did to ``dR/dy`` is no error: any vector of slopes belongs to some R.
        """
        linear, leak = [[float(a) for a in row] for row in self.linear], float(self.leak)
        curvature = float(self.curvature)

        def outward(s: int, y: Row) -> Row:
            return [Sized.of(a + curvature * v.value) for a, v in zip(linear[s], y, strict=True)]

        point = [layer.map(lambda x, _: Sized.of(x), layer) for layer in layers or self.layers(float)]
        inputs = [[Sized.of(float(v)) for v in x] for x in self.inputs]
        return network_pass(point, inputs, outward, lambda s, layer, j, z: 1.0 if positive(z) else leak)


def neurons(scores: Layers, *, bias: bool = True) -> Iterator[tuple[Number, Number]]:
    """For each hidden neuron the sum of the scores of what comes in and of what goes out."""
    for here, there in pairwise(scores):
        for j, row in enumerate(here.weights):
            incoming = sum(row, here.bias[j] if here.bias and bias else 0)
            yield incoming, sum(after[j] for after in there.weights)


def layer_sums(scores: Layers) -> list[Number]:
    """For each layer the sum of the scores of its weights, without biases."""
    return [sum(x for row in layer.weights for x in row) for layer in scores]


def cut_sums(scores: Layers) -> list[Number]:
    """For each layer the sum of the scores of its weights, its biases and all later biases."""
    biases = [sum(layer.bias) for layer in scores]
    return [total + sum(biases[number:]) for number, total in enumerate(layer_sums(scores))]


def paired(left: Sequence[Row], right: Sequence[Row]) -> Number:
    """The sum of the products of corresponding entries."""
    return sum(x * y for a, b in zip(left, right, strict=True) for x, y in zip(a, b, strict=True))


def size_of(x: Number) -> float:
    """The sum of absolute terms."""
    return float(Sized.of(x).size)


def rounded(value: Fraction, terms: float, roundings: int, dtype: str, nontrivial: bool = True) -> Residual:
    """A residual of float results, evaluated exactly, against ``gamma(roundings)`` times its absolute terms."""
    import numpy as np

    from ..simulations.fields import gamma

    # below the normal range a rounding is an absolute error instead
    tiny = float(np.finfo(dtype).tiny) * (1 + terms)
    return Residual(float(abs(value)), gamma(roundings, dtype) * terms + tiny, nontrivial)


def nets(*, biases: bool | None = None, samples: int = 2, layers: tuple[int, int] = (2, 3)) -> SearchStrategy[Net]:
    """Small networks of ``layers`` layers, with biases, without, or either; no parameter is zero."""
    from hypothesis import strategies as st

    from .strategies import vectors

    @st.composite
    def drawn(draw: st.DrawFn) -> Net:
        widths = tuple(draw(st.lists(st.integers(1, 3), min_size=layers[0] + 1, max_size=layers[1] + 1)))
        with_biases = draw(st.booleans()) if biases is None else biases
        count = draw(st.integers(1, samples))

        def rows(length: int, number: int) -> tuple[Batch, ...]:
            return tuple(draw(vectors(length, size=4, denominator=3, nonzero=True)) for _ in range(number))

        weights = tuple(rows(n * m, 1)[0] for n, m in pairwise(widths))
        offsets = tuple(rows(m, 1)[0] if with_biases else () for m in widths[1:])
        leak = draw(st.sampled_from([Fraction(1), Fraction(1, 4), Fraction(0)]))
        curvature = draw(st.sampled_from([Fraction(0), Fraction(1), Fraction(-1, 2)]))
        return Net(widths, weights, offsets, leak, rows(widths[0], count), rows(widths[-1], count), curvature)

    return drawn()


def random_net(widths: tuple[int, ...], *, samples: int, seed: int = 0, bias: bool = True) -> Net:
    """A ReLU network with uniform weights of the usual scale, in 1024ths, and random data."""
    from random import Random

    random = Random(seed)

    def numbers(count: int, scale: float) -> Batch:
        return tuple(Fraction(round(1024 * random.uniform(-scale, scale)), 1024) for _ in range(count))

    return Net(
        widths,
        tuple(numbers(n * m, (6 / n) ** 0.5) for n, m in pairwise(widths)),
        tuple(numbers(m, 0.5) if bias else () for m in widths[1:]),
        Fraction(0),
        tuple(numbers(widths[0], 1.0) for _ in range(samples)),
        tuple(numbers(widths[-1], 1.0) for _ in range(samples)),
        Fraction(1),
    )


def symbolic(symbols: Symbols, widths: Sequence[int], *, bias: bool = True, outward: Outward | None = None) -> Pass:
    """The pass of one sample through a network all of whose numbers are free symbols; so are dR/dy and the slopes."""
    layers = [
        Layer(
            [[symbols(f"w{number},{j},{i}") for i in range(n)] for j in range(m)],
            [symbols(f"b{number},{j}") for j in range(m)] if bias else [],
        )
        for number, (n, m) in enumerate(pairwise(widths))
    ]
    inputs: list[Row] = [[symbols(f"x{i}") for i in range(widths[0])]]

    def free(s: int, y: Row) -> Row:
        return [symbols(f"r{k}") for k in range(len(y))]

    return network_pass(layers, inputs, outward or free, lambda s, layer, j, z: symbols(f"s{layer},{j}"))
