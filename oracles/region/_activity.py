"""Which neurons are active at which inputs, decided over Q, and which weights a loss can reach through them."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BadInput
from ..models import PathLifting
from ._region import CONSTANT, Region, check_region, starts

Integers = NDArray[Any]
"""Arrays of Python integers of any length."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Activity:
    """The forward pass of all inputs, in integers.

    Attributes:
        region: what was run.
        values: for each group the outputs of its neurons, shape (inputs, size). Sample s is scaled by ``scales[s]`` and
            group g by ``denominator ** powers[g]``, so that all entries are integers. Signs and ranks do not notice:
            scaling samples multiplies rows of gradients, scaling groups multiplies columns.
        powers: see ``values``.
        scales: see ``values``.
        active: for each group whether the neuron passes its argument on unchanged, shape (inputs, size); always, with a
            leak of 1.
        reached: whether the value is more than an identical zero: some path of non-zero slope leads here from a source
            that is not zero.
        heard: whether the value reaches an output: some path of non-zero slope leads there.
    """

    region: Region
    values: tuple[Integers, ...]
    powers: tuple[int, ...]
    scales: tuple[int, ...]
    active: tuple[Flags, ...]
    reached: tuple[Flags, ...]
    heard: tuple[Flags, ...]

    def slopes(self, group: int) -> Integers:
        """The slopes of the activation times the denominator if that is needed to make them integers."""
        on, off = _slope_pair(self.region)
        if self.region.model.groups[group].role != "hidden":
            return np.full(self.active[group].shape, 1, dtype=object)
        return np.where(self.active[group], on, off).astype(object)

    def engaged(self, group: int) -> Flags:
        """At which inputs the neurons of a hidden group matter: something arrives, and something listens behind."""
        model = self.region.model
        some = np.zeros(len(self.region.inputs), dtype=bool)
        listening = some.copy()
        for a, b in model.links:
            if b == group:
                some |= self.reached[a].any(axis=1)
            if a == group:
                listening |= self.heard[b].any(axis=1)
        return some & listening

    def seen_weights(self) -> Flags:
        """For each parameter whether it lies on an active path from a non-zero source, shape (D,)."""
        parts = [
            (self.reached[a].T.astype(np.int64) @ self.heard[b].astype(np.int64) > 0).ravel()
            for a, b in self.region.model.links
        ]
        return np.concatenate(parts)


def activity(region: Region) -> Activity:
    """Runs all inputs through the network.

    Raises:
        BadInput: a neuron is exactly at its kink for some input, so the weights lie on the border between regions; or
            numbers that do not fit the model.
        TooLarge: above the sizes of this package.
    """
    check_region(region)
    model, samples = region.model, len(region.inputs)
    q = region.denominator
    on, off = _slope_pair(region)
    scales = tuple(lcm(*(entry.denominator for entry in x)) for x in region.inputs)
    weights = integer_weights(region)
    values: list[Integers] = []
    powers: list[int] = []
    active: list[Flags] = []
    reached: list[Flags] = []
    position = 0
    for index, group in enumerate(model.groups):
        shape = (samples, group.size)
        power = max((powers[a] + 1 for a, b in model.links if b == index), default=0)
        z: Integers = np.zeros(shape, dtype=object)
        arrived = np.zeros(samples, dtype=bool)
        if group.role == "source":
            if group.name == CONSTANT:
                z = z + np.array(scales, dtype=object)[:, None]
            else:
                columns = range(position, position + group.size)
                z = _whole([[x[k] * scale for k in columns] for x, scale in zip(region.inputs, scales, strict=True)])
                position += group.size
        for weight, (a, b) in zip(weights, model.links, strict=True):
            if b == index:
                z = z + values[a] @ weight * q ** (power - 1 - powers[a])
                arrived |= reached[a].any(axis=1)
        positive: Flags = (z > 0).astype(bool)
        here: Flags = (z != 0).astype(bool)
        if group.role == "hidden":
            _check_interior(region, index, here, arrived)
            positive |= region.leak == 1
            z = z * np.where(positive, on, off).astype(object)
            power += region.leak.denominator != 1
            here = arrived[:, None] & (positive | bool(off))
        elif group.role == "output":
            positive, here = np.ones(shape, dtype=bool), np.repeat(arrived[:, None], group.size, axis=1)
        values.append(z)
        powers.append(power)
        active.append(positive)
        reached.append(here)
    heard = _heard(model, active, bool(off))
    return Activity(region, tuple(values), tuple(powers), scales, tuple(active), tuple(reached), heard)


def integer_weights(region: Region) -> list[Integers]:
    """The blocks times the common denominator."""
    model, q, first = region.model, region.denominator, starts(region.model)
    return [
        _whole(region.weights[k : k + model.groups[a].size * model.groups[b].size], q).reshape(
            model.groups[a].size, model.groups[b].size
        )
        for k, (a, b) in zip(first, model.links, strict=False)
    ]


def _slope_pair(region: Region) -> tuple[int, int]:
    """The slopes on both sides, scaled to integers."""
    scale = region.denominator if region.leak.denominator != 1 else 1
    return scale, int(region.leak * scale)


def _whole(values: Any, scale: int = 1) -> Integers:
    array: Integers = np.array(values, dtype=object) * scale
    flat = [int(entry) for entry in array.ravel()]
    whole: Integers = np.array(flat, dtype=object).reshape(array.shape)
    return whole


def _check_interior(region: Region, index: int, nonzero: Flags, arrived: Flags) -> None:
    edge = np.argwhere(~nonzero & arrived[:, None])
    if len(edge) and region.leak != 1:
        sample, neuron = (int(value) for value in edge[0])
        raise BadInput(
            f"Input {sample + 1} puts neuron {region.model.groups[index].name}[{neuron + 1}] of {region.model.spec} "
            "exactly at its kink (its argument is 0), so the weights lie on the border between regions. Move a weight "
            "or the input a little."
        )


def _heard(model: PathLifting, active: list[Flags], leaky: bool) -> tuple[Flags, ...]:
    heard = [np.zeros(flags.shape, dtype=bool) for flags in active]
    for index in range(len(model.groups) - 1, -1, -1):
        if model.groups[index].role == "output":
            heard[index][:] = True
            continue
        for a, b in model.links:
            if a == index:
                heard[index] |= np.any(heard[b], axis=1, keepdims=True)
        if model.groups[index].role == "hidden" and not leaky:
            heard[index] &= active[index]
    return tuple(heard)
