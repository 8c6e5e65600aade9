"""What a recorded run says of itself: its hyper-parameters, its schedule and its charges, in a TOML file."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from ...oracles import toml
from ...oracles.dynamics import Grouped, Optimizer
from ...oracles.text import shown, suggestion
from ..descriptions import optimizer_of
from ..symmetry import Family
from ..target import Array
from .charges import ADVICE, families_of, read_charges, refuse
from .snapshots import Snapshots

VERSION = 1
_FIELDS = ("version", "name", "dtype", "snapshots", "gradients", "first_step", "optimizer", "schedule", "charge")


@dataclass(frozen=True, slots=True)
class Change:
    """From step ``start`` on the learning rate is another one."""

    start: int
    lr: float


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run file, read and checked as far as it can be without the snapshots.

    Args:
        path: where it stands, for messages.
        name: of the run.
        dtype: what the weights are kept in; empty to take that of the snapshots.
        snapshots: the weights before each step.
        gradients: the gradients that each step was given, without weight decay; None if they are not recorded.
        first_step: the number of the first step of the whole run: where buffers are empty.
        optimizer: a table in the words of ``gate.descriptions``.
        schedule: changes of the learning rate, in order.
        charges: tables, one for each family.
    """

    path: str
    name: str
    dtype: str
    snapshots: Snapshots
    gradients: Snapshots | None
    first_step: int
    optimizer: Mapping[str, object]
    schedule: tuple[Change, ...]
    charges: tuple[Mapping[str, object], ...]

    def description(self, names: Sequence[str]) -> Optimizer:
        """The optimizer for tensors of these names; patterns in groups are expanded."""
        table = self.optimizer
        if "groups" in table:
            table = {
                **table,
                "groups": [self._expanded(group, names) for group in self._groups()],
            }
        return optimizer_of(table, names, self._number, self.path)

    def schedule_of(self, optimizer: Optimizer, step: int) -> Optimizer:
        """The optimizer that makes this step."""
        rates = [change.lr for change in self.schedule if change.start <= step]
        return optimizer if not rates else with_rate(optimizer, rates[-1])

    def families(self, shapes: Mapping[str, tuple[int, ...]]) -> tuple[Family, ...]:
        """The charges, for tensors of these names and shapes."""
        return tuple(family for table in self.charges for family in families_of(table, shapes, self.path))

    def _groups(self) -> list[object]:
        groups = self.optimizer["groups"]
        if not isinstance(groups, list):
            refuse(self.path, "groups of the optimizer are tables [[optimizer.groups]].")
        return cast("list[object]", groups)

    def _number(self, value: object, what: str) -> float:
        if isinstance(value, bool) or (not isinstance(value, int | float) and type(value).__name__ != "Fraction"):
            refuse(self.path, f"{what} is a number, not {shown(repr(value))}.")
        number = float(cast(Any, value))
        if not np.isfinite(number):
            refuse(self.path, f"{what} is {number}; it has to be finite.")
        return number

    def _expanded(self, group: object, names: Sequence[str]) -> object:
        table = cast("dict[str, object]", group) if isinstance(group, dict) else {"tensors": None}
        patterns = table.get("tensors")
        if not isinstance(patterns, list):
            return table  # refused with the other groups that are no groups
        expanded: list[object] = []
        for pattern in cast("list[object]", patterns):
            matches = fnmatch.filter(names, pattern) if isinstance(pattern, str) else []
            if not matches:
                refuse(self.path, f"no tensor is named {shown(str(pattern))}.{suggestion(str(pattern), names)}")
            expanded += matches
        return {**table, "tensors": expanded}


def with_rate(optimizer: Optimizer, lr: float) -> Optimizer:
    """The optimizer with another learning rate in all its groups."""
    if isinstance(optimizer, Grouped):
        return Grouped(tuple(with_rate(group, lr) for group in optimizer.groups), optimizer.members)
    changed: Optimizer = replace(cast(Any, optimizer), lr=lr)
    return changed


def read_run_file(path: Path) -> RunFile:
    """The run file ``path``, or ``run.toml`` in the folder ``path``.

    Raises:
        BadInput: it cannot be read, is not TOML, or says something unknown or contradictory.
    """
    file = path / "run.toml" if path.is_dir() else path
    table = toml.load(str(file), "the run file", ADVICE)
    where = file.name
    for name in table:
        if name not in _FIELDS:
            refuse(where, f"it has the unknown field {shown(name)}.{suggestion(name, _FIELDS)}")
    if table.get("version") != VERSION or type(table.get("version")) is not int:
        refuse(where, f"it needs version = {VERSION}.")
    optimizer = table.get("optimizer")
    if not isinstance(optimizer, dict):
        refuse(where, 'it needs a table [optimizer], such as kind = "sgd" and lr = 0.1.')
    gradients = table.get("gradients")
    return RunFile(
        path=where,
        name=_text(where, table, "name", file.parent.resolve().name or "run"),
        dtype=_one_of(where, "dtype", table.get("dtype", ""), ("", "float64", "float32", "float16", "bfloat16")),
        snapshots=Snapshots(file.parent, _text(where, table, "snapshots", "step-{step}.safetensors")),
        gradients=None if gradients is None else Snapshots(file.parent, _text(where, table, "gradients", "")),
        first_step=_whole(where, table.get("first_step", 0), "first_step"),
        optimizer=cast("dict[str, object]", optimizer),
        schedule=_schedule(where, table.get("schedule", [])),
        charges=read_charges(table.get("charge", []), where),
    )


def shapes_of(tensors: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor."""
    return {name: tuple(values.shape) for name, values in tensors.items()}


def _schedule(where: str, value: object) -> tuple[Change, ...]:
    changes: list[Change] = []
    for entry in cast("list[object]", value) if isinstance(value, list) else [value]:
        table = cast("dict[str, object]", entry) if isinstance(entry, dict) else {}
        rate = table.get("lr")
        if table.keys() != {"from", "lr"} or isinstance(rate, bool) or not isinstance(rate, int | float):
            refuse(where, "a [[schedule]] entry has the fields from (a step) and lr (a number), and no others.")
        start = _whole(where, table["from"], "from")
        if changes and start <= changes[-1].start:
            refuse(where, f"the [[schedule]] entries are not in order: from {start} follows {changes[-1].start}.")
        if not np.isfinite(rate):
            refuse(where, "a learning rate of the schedule is not finite.")
        changes.append(Change(start, float(rate)))
    return tuple(changes)


def _text(where: str, table: Mapping[str, object], field: str, default: str) -> str:
    value = table.get(field, default)
    if not isinstance(value, str) or not 0 < len(value) <= 300:
        refuse(where, f"{field} is a text of at most 300 characters.")
    return value


def _whole(where: str, value: object, field: str) -> int:
    if type(value) is not int or not 0 <= value < 10**12:
        refuse(where, f"{field} is a whole number that is not negative.")
    return value


def _one_of(where: str, field: str, value: object, known: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in known:
        refuse(where, f"{field} is one of {', '.join(known[1:])}.")
    return value
