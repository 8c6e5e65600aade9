"""Another program as a target, over pipes: a line of JSON and a safetensors body each way (docs/protocol.md)."""

from __future__ import annotations

import heapq
import operator
import weakref
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from ..oracles.dynamics import Optimizer
from ..oracles.errors import BadInput
from ..oracles.text import shown
from . import tensors
from ._pipe import Pipe, text_number
from .descriptions import optimizer_of
from .symmetry import Family, Marginal, Scalings, Shifts
from .target import Array, Parameters, Target

TIME_LIMIT = 60.0
"""Seconds for one answer."""
STATES = 16
"""How many states of runs a program has to keep at once; their numbers are 0 to 15."""
ENTRIES = 2**28
"""The largest number of entries of all tensors together."""
TENSORS = 10_000
"""The largest number of tensors."""
_HEADER = 8 + 2**20
"""What a body may have besides its data."""

Shapes = Mapping[str, tuple[int, ...]]


def process_target(
    command: Sequence[str], *, name: str | None = None, time_limit: float = TIME_LIMIT, **said: Any
) -> Target:
    """A target whose every callable asks a program that this starts; it speaks the protocol of ``docs/protocol.md``.

    The program is ended with the target, and with this process at the latest.

    Args:
        command: the program and its arguments; no shell is involved.
        name: of the target; the file name of the program by default.
        time_limit: seconds for one answer, the first of which includes the start.
        said: fields of ``Target`` that replace what the program says, such as ``families``.

    Raises:
        BadInput: here and in every callable: the program cannot be started, hangs, ends, or answers anything that is
            not as the protocol says. The program is ended; the message holds the last that it wrote to stderr.
    """
    chosen = Path(command[0]).name if name is None and command and not isinstance(command, str) else name or "program"
    session = _Session(Pipe(command, chosen, time_limit))
    fields: dict[str, Any] = {
        "name": chosen,
        "draw": session.draw,
        "batch": int,
        "loss_and_gradient": session.loss_and_gradient,
        "start": session.start,
        "step": session.step,
        "read": session.read,
        "optimizer": session.optimizer,
        "dtype": session.dtype,
        "roundings": session.roundings,
        "families": session.families,
    }
    return Target(**{**fields, **said})


class Run:
    """The state of a run in the program, by its number; free again when this is forgotten."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int, free: list[int]) -> None:
        self.number = number
        weakref.finalize(self, heapq.heappush, free, number).atexit = False


class _Session:
    """What the program is asked, and what of its answers is believed."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._free = list(range(STATES))
        self._described: dict[int, Optimizer] = {}
        hello = self._ask("hello", {}, ("dtype", "tensors"), ("roundings", "families"))[0]
        self.dtype = self._dtype(hello["dtype"])
        self.shapes = self._shapes(hello["tensors"])
        self.roundings = self._roundings(hello.get("roundings"))
        self.families = self._families(hello.get("families"))

    def draw(self, seed: int) -> Parameters:
        header, body = self._ask("draw", {"seed": _seed(seed)}, ())
        return self._tensors("draw", header, body)

    def loss_and_gradient(self, parameters: Parameters, batch: Any) -> tuple[float, Mapping[str, Array | None]]:
        header, body = self._ask(
            "gradient", {"batch": _seed(batch)}, ("loss",), ("skipped",), body=self._body(parameters)
        )
        loss = text_number(header["loss"])
        if loss is None:
            self._pipe.refuse(f"answered 'gradient' with the loss {shown(repr(header['loss']))}, which is no number")
        skipped = header.get("skipped", [])
        if not isinstance(skipped, list) or not all(name in self.shapes for name in cast(list[object], skipped)):
            self._pipe.refuse("answered 'gradient' with \"skipped\" that is no list of names of tensors")
        absent = set(cast(list[str], skipped))
        found = self._tensors("gradient", header, body, {n: s for n, s in self.shapes.items() if n not in absent})
        return loss, {name: None if name in absent else found[name] for name in self.shapes}

    def start(self, parameters: Parameters) -> Run:
        if not self._free:
            raise BadInput(f"{shown(self._pipe.name)} keeps {STATES} runs at once. Forget the state of one first.")
        run = Run(heapq.heappop(self._free), self._free)
        self._ask("start", {"state": run.number}, (), body=self._body(parameters))
        return run

    def step(self, state: Run, batch: Any) -> Run:
        self._ask("step", {"state": state.number, "batch": _seed(batch)}, ())
        return state

    def read(self, state: Run) -> Parameters:
        header, body = self._ask("read", {"state": state.number}, ())
        return self._tensors("read", header, body)

    def optimizer(self, k: int) -> Optimizer:
        if k not in self._described:
            data = self._ask("optimizer", {"step": k}, ("optimizer",))[0]["optimizer"]
            try:
                self._described[k] = optimizer_of(data, list(self.shapes), _number, "its answer to 'optimizer'")
            except BadInput as error:
                self._pipe.refuse(f"described no optimizer: {str(error).rstrip('.')}")
        return self._described[k]

    def _ask(
        self,
        request: str,
        says: Mapping[str, object],
        required: tuple[str, ...],
        optional: tuple[str, ...] = (),
        *,
        body: bytes = b"",
    ) -> tuple[dict[str, object], bytes]:
        shapes = getattr(self, "shapes", {})
        carries = request in ("draw", "gradient", "read")
        largest = _HEADER + 8 * sum(_entries(shape) for shape in shapes.values()) if carries else 0
        header, answer = self._pipe.exchange({"request": request, **says}, body, largest)
        told = header.pop("answer", None)
        if told == "error" and isinstance(header.get("message"), str) and len(header) == 1:
            self._pipe.refuse(f"declined {request!r}: {shown(str(header['message']), 300)}")
        if told != request:
            self._pipe.refuse(f'answered {request!r} with "answer": {shown(repr(told))}')
        for field in required:
            if field not in header:
                self._pipe.refuse(f"answered {request!r} without the field {field!r}")
        if unknown := sorted(header.keys() - {*required, *optional}):
            self._pipe.refuse(f"answered {request!r} with the unknown field {shown(unknown[0])}")
        return header, answer

    def _body(self, parameters: Parameters) -> bytes:
        for name, shape in self.shapes.items():
            if name not in parameters or np.shape(parameters[name]) != shape:
                raise BadInput(f"{shown(self._pipe.name)} needs the tensor {shown(name)} of shape {list(shape)}.")
        return tensors.write({name: parameters[name] for name in self.shapes}, tensors.FLOATS[self.dtype])

    def _tensors(
        self, request: str, header: Mapping[str, object], body: bytes, shapes: Shapes | None = None
    ) -> dict[str, Array]:
        wanted = self.shapes if shapes is None else shapes
        try:
            found = tensors.read_typed(body, f"the body of its answer to {request!r}")
        except BadInput as error:
            self._pipe.refuse(f"sent what cannot be read: {str(error).rstrip('.')}")
        if odd := sorted(found.keys() ^ wanted.keys()):
            problem = "without" if odd[0] in wanted else "with the unknown or skipped"
            self._pipe.refuse(f"answered {request!r} {problem} tensor {shown(odd[0])}")
        dtype = tensors.FLOATS[self.dtype]
        result: dict[str, Array] = {}
        for name, shape in wanted.items():
            kind, values = found[name]
            if kind != dtype or values.shape != shape:
                self._pipe.refuse(
                    f"answered {request!r} with tensor {shown(name)} of dtype {kind} and shape {list(values.shape)}, "
                    f"and its 'hello' said {dtype} and {list(shape)}"
                )
            if not np.isfinite(values).all():
                self._pipe.refuse(f"answered {request!r} with nan or infinity in tensor {shown(name)}")
            result[name] = values.astype(np.float64)
        return result

    def _dtype(self, value: object) -> str:
        if not isinstance(value, str) or value not in tensors.FLOATS:
            self._pipe.refuse(f"named the dtype {shown(repr(value))}; known are {', '.join(tensors.FLOATS)}")
        return value

    def _shapes(self, value: object) -> dict[str, tuple[int, ...]]:
        result: dict[str, tuple[int, ...]] = {}
        if not isinstance(value, dict) or not 0 < len(cast(dict[str, object], value)) <= TENSORS:
            self._pipe.refuse(f"named no tensors: they are an object of 1 to {TENSORS} names, each with its shape")
        for name, shape in cast(dict[str, object], value).items():
            sizes = _whole(shape, 2**31)
            if not 0 < len(name) <= 200 or not name.isprintable() or sizes is None or len(sizes) > 8 or 0 in sizes:
                self._pipe.refuse(f"named a tensor {shown(name)} of shape {shown(repr(shape))}: no name, or no shape")
            result[name] = tuple(sizes)
        total = sum(_entries(shape) for shape in result.values())
        if total > ENTRIES:
            self._pipe.refuse(f"has {total} parameters; the limit is {ENTRIES}")
        return result

    def _roundings(self, value: object) -> int | None:
        if value is not None and (type(value) is not int or not 0 < value < 2**31):
            self._pipe.refuse(f"said roundings {shown(repr(value))}, which is no count")
        return value

    def _families(self, value: object) -> tuple[Family, ...] | None:
        if value is None:
            return None
        if not isinstance(value, list):
            self._pipe.refuse("said families that are no list")
        return tuple(self._family(item) for item in cast(list[object], value))

    def _family(self, value: object) -> Family:
        def refuse(problem: str) -> NoReturn:
            self._pipe.refuse(f"declared a family of charges that {problem}")

        fields = _closed(value, ("kind", "names", "row", "slices"), refuse)
        names, row, kind = fields["names"], fields["row"], fields["kind"]
        if not _texts(names) or not isinstance(row, str) or kind not in ("scalings", "shifts"):
            refuse("needs a kind, scalings or shifts, a list of names, and a row, which may be empty")
        listed = cast(list[str], names)
        slices = cast(list[object], fields["slices"]) if isinstance(fields["slices"], list) else []
        if not slices:
            refuse("has no slices")
        marginals = tuple(self._marginal(item, len(listed), refuse) for item in slices)
        make: Callable[..., Family] = Scalings if kind == "scalings" else Shifts
        return make(tuple(listed), marginals, row)

    def _marginal(self, value: object, members: int, refuse: Callable[[str], NoReturn]) -> Marginal:
        fields = _closed(value, ("tensor", "axis", "members", "indices", "weights"), refuse)
        tensor, axis = fields["tensor"], fields["axis"]
        if not isinstance(tensor, str) or tensor not in self.shapes:
            refuse(f"is about {shown(repr(tensor))}, which is no tensor")
        shape = self.shapes[tensor]
        if axis is not None and (type(axis) is not int or not 0 <= axis < len(shape)):
            refuse(f"has the axis {shown(repr(axis))} of {tensor}, of shape {list(shape)}")
        who = _whole(fields["members"], members)
        where = _whole(fields["indices"], 1 if axis is None else shape[axis])
        weights = fields["weights"]
        numbers = [text_number(w) for w in cast(list[object], weights)] if isinstance(weights, list) else []
        sane = [w for w in numbers if w is not None and np.isfinite(w)]
        if not who or where is None or not len(who) == len(where) == len(sane) == len(numbers):
            refuse(f"needs members, indices and weights of one length, each in its range, for tensor {tensor}")
        whole = np.array(who, dtype=np.int64), np.array(where, dtype=np.int64)
        return Marginal(list(self.shapes).index(tensor), axis, *whole, np.array(sane))


def _entries(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _seed(value: Any) -> int:
    seed = operator.index(value) if hasattr(value, "__index__") else -1
    if not 0 <= seed < 2**63:
        raise BadInput(f"A seed is a whole number from 0 to 2^63 - 1, not {shown(repr(value))}.")
    return seed


def _number(value: object, name: str) -> float:
    """A hyper-parameter as the float that the program computes with."""
    if isinstance(value, int | float | Fraction) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if np.isfinite(number):
            return number
    raise BadInput(f"{name} is a number, not {shown(repr(value))}.")


def _closed(value: object, fields: tuple[str, ...], refuse: Callable[[str], NoReturn]) -> dict[str, object]:
    if not isinstance(value, dict) or cast(dict[str, object], value).keys() != set(fields):
        refuse(f"needs exactly the fields {', '.join(fields)}")
    return cast(dict[str, object], value)


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast(list[object], value))


def _whole(value: object, below: int) -> list[int] | None:
    """A list of whole numbers from 0 to ``below - 1``, or None."""
    if not isinstance(value, list):
        return None
    items = cast(list[object], value)
    return cast(list[int], items) if all(type(item) is int and 0 <= item < below for item in items) else None
