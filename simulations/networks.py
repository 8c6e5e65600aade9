"""ReLU networks as networks: outputs and gradients through data, with exact or floating-point numbers.

A model's ``phi`` only says which directions a loss can see. Here is the function itself, ``g(theta, x)`` with its
activations, for statements about networks rather than about path liftings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..oracles.errors import BadInput
from ..oracles.models import PathLifting
from ..oracles.polynomials import Rational
from ._trajectory import Floats
from .fields import FloatArray, gamma

Array = NDArray[Any]
"""Floats, or objects that are fractions."""

LossSlope = Callable[[Array, Array], Array]
"""Maps outputs and targets, shape (samples, n), to the derivative of the loss in the outputs, of the same shape."""


def squared_slope(outputs: Array, targets: Array) -> Array:
    """The slope of ``(1/2) sum_s |g(theta, x_s) - y_s|^2``."""
    return np.asarray(outputs - targets)


class ReluNetwork:
    """``g(theta, x)`` of a path lifting: hidden neurons apply ``z -> z`` for ``z > 0`` and ``leak * z`` otherwise.

    Sources called ``one`` carry the constant 1; the others take the entries of x in order. At ``z = 0`` the derivative
    is taken to be ``leak``; balance laws do not depend on that choice, for there ``z sigma'(z) = sigma(z)`` anyway.

    Args:
        model: the graph.
        leak: the slope on the negative side: 0 for ReLU, 1 for a linear network.
    """

    def __init__(self, model: PathLifting, leak: Rational = 0) -> None:
        self.model = model
        self.leak = leak
        self.parameters = model.parameters
        sizes = [model.groups[a].size * model.groups[b].size for a, b in model.links]
        self._starts = list(accumulate(sizes, initial=0))
        self.inputs = sum(group.size for group in model.groups if group.role == "source" and group.name != "one")
        self.outputs = sum(group.size for group in model.groups if group.role == "output")
        fans = [0] * len(model.groups)
        for a, b in model.links:
            fans[a] += model.groups[b].size
            fans[b] += model.groups[a].size
        self.roundings = sum(fan + 4 for fan in fans)
        """Roundings along any path through the forward and the backward pass."""

    def weights(self, point: Array) -> list[Array]:
        """The blocks of one point, each of shape (size from, size to), in the order of the links."""
        groups = self.model.groups
        return [
            point[start : start + groups[a].size * groups[b].size].reshape(groups[a].size, groups[b].size)
            for (a, b), start in zip(self.model.links, self._starts, strict=False)
        ]

    def __call__(self, point: Array, inputs: Array) -> Array:
        """The outputs, shape (samples, outputs), at inputs of shape (samples, inputs)."""
        values, _ = self._forward(point, inputs)
        return self._gather(values)

    def margin(self, point: Array, inputs: Array) -> float:
        """The smallest distance of a hidden preactivation from the kink at 0; infinite without hidden neurons."""
        _, before = self._forward(point, inputs)
        hidden = [z for z, group in zip(before, self.model.groups, strict=True) if group.role == "hidden"]
        return min((float(abs(z).min()) for z in hidden if z.size), default=float("inf"))

    def pullback(self, point: Array, inputs: Array, slopes: Array) -> Array:
        """``sum_s d_theta g(theta, x_s)^T slopes_s``, shape (D,), for slopes of shape (samples, outputs)."""
        groups, links = self.model.groups, self.model.links
        values, before = self._forward(point, inputs)
        weights = self.weights(point)
        back: list[Array] = [np.zeros_like(value) for value in values]
        position = 0
        for index, group in enumerate(groups):
            if group.role == "output":
                back[index] = slopes[:, position : position + group.size]
                position += group.size
        parts: list[Array] = [np.zeros(0)] * len(links)
        for index in range(len(groups) - 1, -1, -1):  # links point forward
            if groups[index].role == "hidden":
                back[index] = back[index] * self._derivative(before[index])
            for number, (a, b) in enumerate(links):
                if b == index:
                    parts[number] = (values[a].T @ back[b]).ravel()
                    back[a] = back[a] + back[b] @ weights[number].T
        return np.concatenate(parts)

    def jacobian(self, point: Array, inputs: Array) -> Array:
        """``d_theta g(theta, x_s)``, shape (samples, outputs, D): what data can see of the parameters at this point."""
        unit = np.eye(self.outputs, dtype=int)
        rows = [
            [self.pullback(point, x[None], unit[None, k] * _one(point)) for k in range(self.outputs)] for x in inputs
        ]
        return np.array(rows)

    def _derivative(self, z: Array) -> Array:
        slopes = np.full(z.shape, self.leak if z.dtype == object else float(self.leak), dtype=z.dtype)
        slopes[(z > 0).astype(bool)] = 1
        return slopes

    def _forward(self, point: Array, inputs: Array) -> tuple[list[Array], list[Array]]:
        """Values after and before the activation, one array of shape (samples, size) for each group."""
        groups, links = self.model.groups, self.model.links
        weights = self.weights(point)
        values: list[Array] = []
        before: list[Array] = []
        position = 0
        for index, group in enumerate(groups):
            z: Array = np.zeros((len(inputs), group.size), dtype=point.dtype)
            if group.role == "source":
                if group.name == "one":
                    z = z + _one(point)
                else:
                    z = inputs[:, position : position + group.size]
                    position += group.size
            for weight, (a, b) in zip(weights, links, strict=True):
                if b == index:
                    z = z + values[a] @ weight
            before.append(z)
            values.append(z * self._derivative(z) if group.role == "hidden" else z)
        return values, before

    def _gather(self, values: list[Array]) -> Array:
        return np.concatenate(
            [value for value, group in zip(values, self.model.groups, strict=True) if group.role == "output"], axis=1
        )


class DataLoss:
    """A network, samples and a loss: ``E(theta) = sum_s loss(g(theta, x_s), y_s)``, as a gradient field.

    ``gradient`` is exact on rationals; calling it is the same computation in floats. Both freeze the activation pattern
    of the point.

    Args:
        network: gives ``g``.
        inputs: rational samples, shape (samples, inputs).
        targets: rational targets, shape (samples, outputs).
        slope: the derivative of the loss in the outputs. The default is the squared loss; a slope that is not rational
            (cross-entropy) can be used in floats only, and ``absolute`` needs ``slope_bound`` for it.
        slope_bound: bounds the absolute value of the slope, given bounds of the absolute outputs and targets.
    """

    def __init__(
        self,
        network: ReluNetwork,
        inputs: Sequence[Sequence[Rational]],
        targets: Sequence[Sequence[Rational]],
        *,
        slope: LossSlope = squared_slope,
        slope_bound: LossSlope = np.add,
    ) -> None:
        if not inputs or len(inputs) != len(targets):
            raise BadInput(
                f"There are {len(inputs)} inputs and {len(targets)} targets. Give as many, and at least one."
            )
        if any(len(x) != network.inputs for x in inputs) or any(len(y) != network.outputs for y in targets):
            raise BadInput(
                f"{network.model.spec} has {network.inputs} inputs and {network.outputs} outputs; give samples of "
                "these lengths."
            )
        self.network = network
        self.parameters = network.parameters
        self.slope = slope
        self.slope_bound = slope_bound
        self._inputs, self._targets = _objects(inputs), _objects(targets)
        self._floats: dict[Any, tuple[Array, Array]] = {}
        self.roundings = network.roundings + len(inputs) + 4
        """Roundings from the data to an entry of the gradient, along any path."""

    def gradient(self, point: Sequence[Rational], /) -> tuple[Rational, ...]:
        """``grad E`` at a rational point, exactly."""
        if len(point) != self.parameters:
            raise BadInput(
                f"A point of {self.network.model.spec} has {self.parameters} entries; {len(point)} were given."
            )
        exact = np.array([Fraction(x) for x in point], dtype=object)
        return tuple(Fraction(x) for x in self._pull(exact, self._inputs, self._targets))

    def __call__(self, points: Floats) -> Floats:
        """``grad E`` in floats at one point (D,) or at each of a batch (cases, D)."""
        if points.ndim > 1:
            return np.stack([self(point) for point in points])
        if points.dtype not in self._floats:
            self._floats[points.dtype] = self._inputs.astype(points.dtype), self._targets.astype(points.dtype)
        return self._pull(points, *self._floats[points.dtype])

    def absolute(self, points: Floats) -> FloatArray:
        """The sums of the absolute values of all terms of the gradient, for any activation pattern; float64."""
        if points.ndim > 1:
            return np.stack([self.absolute(point) for point in points])
        largest = max(Fraction(1), abs(Fraction(self.network.leak)))
        wide = ReluNetwork(self.network.model, largest)  # at non-negative arguments every neuron passes z on
        sizes = np.abs(points).astype(np.float64) * float(largest)
        inputs, targets = np.abs(self._inputs.astype(np.float64)), np.abs(self._targets.astype(np.float64))
        slopes = self.slope_bound(wide(sizes, inputs), targets)
        return np.asarray(wide.pullback(sizes, inputs, slopes) * float(largest), dtype=np.float64)

    def roundoff_bound(self, points: Floats) -> FloatArray:
        """How far each entry can be from the exact gradient with the same activation pattern.

        Derivation: gamma(n) * S, the gradient being a sum of products once the pattern is fixed.
        """
        g = gamma(self.roundings, points.dtype)
        bound: FloatArray = self.absolute(points) * (g / (1 - gamma(self.roundings)))
        return bound

    def _pull(self, point: Array, inputs: Array, targets: Array) -> Array:
        slopes = self.slope(self.network(point, inputs), targets)
        return self.network.pullback(point, inputs, slopes)


def _objects(rows: Sequence[Sequence[Rational]]) -> Array:
    return np.array([[Fraction(x) for x in row] for row in rows], dtype=object)


def _one(point: Array) -> Any:
    return 1 if point.dtype == object else point.dtype.type(1)
