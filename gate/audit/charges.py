"""Charges of layers that a run file names: rescalings, translations and the matrices of linear layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NoReturn, cast

import numpy as np

from ...oracles.errors import BadInput
from ...oracles.text import shown, suggestion
from ..symmetry import Family, Marginal, Pairs, Scalings, Shifts, Slot

ADVICE = "docs/audit.md says what a run file holds."
WIDTH = 512
"""The widest linear layer: its matrix has about half of its square as charges."""
_CHARGES = {
    "relu": ("layers",),
    "linear": ("layers",),
    "rescale": ("into", "out", "degree"),
    "translation": ("slices",),
}
"""Each kind of charge with its fields beside ``kind`` and ``name``."""


def read_charges(value: object, where: str) -> tuple[Mapping[str, object], ...]:
    """The tables ``[[charge]]``, with known fields only."""
    found: list[Mapping[str, object]] = []
    for entry in cast("list[object]", value) if isinstance(value, list) else [value]:
        table = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
        kind = table.get("kind")
        if not isinstance(kind, str) or kind not in _CHARGES:
            hint = suggestion(kind, _CHARGES) if isinstance(kind, str) else ""
            refuse(where, f"the kind of a [[charge]] is one of {', '.join(_CHARGES)}.{hint}")
        known = ("kind", "name", *_CHARGES[kind])
        for name in table:
            if name not in known:
                refuse(where, f"a {kind} charge has no field {shown(name)}.{suggestion(name, known)}")
        if not isinstance(table.get("name", ""), str):
            refuse(where, "the name of a charge is a text.")
        found.append(table)
    return tuple(found)


def families_of(table: Mapping[str, object], shapes: Mapping[str, tuple[int, ...]], where: str) -> Iterable[Family]:
    """The families of one ``[[charge]]``, for tensors of these names and shapes.

    Raises:
        BadInput: it names no tensor, an axis that is not there, or slices that do not match.
    """
    return _Charges(where, table, shapes, {name: number for number, name in enumerate(shapes)}).families()


class _Charges:
    """The families of one ``[[charge]]``."""

    def __init__(
        self, path: str, table: Mapping[str, object], shapes: Mapping[str, tuple[int, ...]], numbers: Mapping[str, int]
    ) -> None:
        self.path = path
        self.table = table
        self.shapes = shapes
        self.numbers = numbers

    def families(self) -> Iterable[Family]:
        kind = self.table["kind"]
        if kind in ("relu", "linear"):
            layers = self._texts("layers")
            if len(layers) < 2:
                refuse(self.path, "layers of a charge are the names of two layers or more, in the order of the data.")
            make = self._neurons if kind == "relu" else self._matrix
            return [make(a, b) for a, b in pairwise(layers)]
        if kind == "rescale":
            degree = self.table.get("degree", 1)
            if isinstance(degree, bool) or not isinstance(degree, int | float) or not np.isfinite(degree):
                refuse(self.path, "the degree of a charge is a number.")
            into, out = self._slices("into"), self._slices("out")
            return [self._scalings(str(self.table.get("name", "")), into, out, float(degree))]
        return [self._shifts(str(self.table.get("name", "")), self._slices("slices"))]

    def _neurons(self, one: str, two: str) -> Family:
        weight, bias, after = f"{one}.weight", f"{one}.bias", f"{two}.weight"
        into = [(weight, 0)] + ([(bias, 0)] if bias in self.shapes else [])
        return self._scalings(f"neuron {{}} of {one}", into, [(after, 1)], 1.0, "M2")

    def _matrix(self, one: str, two: str) -> Family:
        weight, bias, after = f"{one}.weight", f"{one}.bias", f"{two}.weight"
        size = self._length([(weight, 0), (after, 1)])
        if size > WIDTH:
            refuse(self.path, f"{one} has {size} linear neurons; at most {WIDTH} are taken.")
        first, second = np.triu_indices(size)
        every = tuple(range(size))
        slots = [Slot(self.numbers[weight], 0, every), Slot(self.numbers[after], 1, every, dual=True)]
        if bias in self.shapes:
            slots.insert(1, Slot(self.numbers[bias], 0, every))
        names = tuple(f"neurons {i} and {j} of {one}" for i, j in zip(first, second, strict=True))
        return Pairs(names, tuple(slots), np.stack([first, second], axis=1), "quadratic", "M1")

    def _scalings(
        self, name: str, into: list[tuple[str, int]], out: list[tuple[str, int]], degree: float, row: str = ""
    ) -> Family:
        members = np.arange(self._length([*into, *out]))
        weighted = [(place, 1.0) for place in into] + [(place, -degree) for place in out]
        marginals = tuple(
            Marginal(self.numbers[tensor], axis, members, members, np.full(len(members), weight))
            for (tensor, axis), weight in weighted
        )
        return Scalings(_numbered(name or "slice {}", len(members)), marginals, row)

    def _shifts(self, name: str, slices: list[tuple[str, int]]) -> Family:
        members = np.arange(self._length(slices))
        ones = np.ones(len(members))
        marginals = tuple(Marginal(self.numbers[tensor], axis, members, members, ones) for tensor, axis in slices)
        return Shifts(_numbered(name or "slice {}", len(members)), marginals)

    def _length(self, places: list[tuple[str, int]]) -> int:
        lengths: dict[int, str] = {}
        for tensor, axis in places:
            if tensor not in self.shapes:
                refuse(self.path, f"a charge names {shown(tensor)}, no tensor.{suggestion(tensor, self.shapes)}")
            shape = self.shapes[tensor]
            if not 0 <= axis < len(shape):
                refuse(self.path, f"a charge names axis {axis} of {shown(tensor)}, whose shape is {list(shape)}.")
            lengths[shape[axis]] = f"axis {axis} of {tensor}"
        if len(lengths) > 1:
            parts = ", ".join(f"{where} has {length}" for length, where in lengths.items())
            refuse(self.path, f"the slices of a charge differ in number: {parts}.")
        return next(iter(lengths))

    def _slices(self, field: str) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        entries = self.table.get(field)
        for entry in cast("list[object]", entries) if isinstance(entries, list) else ():
            pair = cast("list[object]", entry) if isinstance(entry, list) else []
            if len(pair) != 2 or not isinstance(pair[0], str) or type(pair[1]) is not int:
                refuse(self.path, f'{field} of a charge is a list such as [["fc1.weight", 0]]: tensor and axis.')
            found.append((pair[0], pair[1]))
        if not found:
            refuse(self.path, f'a charge needs {field} = [["fc1.weight", 0], ...]: tensors with an axis each.')
        return found

    def _texts(self, field: str) -> list[str]:
        entries = self.table.get(field)
        texts = (
            [entry for entry in cast("list[object]", entries) if isinstance(entry, str)]
            if isinstance(entries, list)
            else []
        )
        if not texts or len(texts) < len(cast("list[object]", entries)):
            refuse(self.path, f"{field} of a charge is a list of texts.")
        return texts


def _numbered(name: str, count: int) -> tuple[str, ...]:
    pattern = name if "{}" in name else f"{name} {{}}"
    return tuple(pattern.replace("{}", str(i)) for i in range(count))


def refuse(where: str, problem: str) -> NoReturn:
    """Raises ``BadInput`` about the run file."""
    raise BadInput(f"The run file {shown(where)}: {problem} {ADVICE}")
