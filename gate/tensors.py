"""Named tensors as safetensors: written, and read strictly, with every bound checked before memory is spent.

The format: 8 bytes, the length of the header (little-endian); the header, a JSON object ``{name: {"dtype", "shape",
"data_offsets": [begin, end]}}`` with an optional ``"__metadata__"`` of texts; then the data, row-major and
little-endian. Here the data of all tensors must fill what follows the header without gap or overlap.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import numpy as np
import numpy.typing as npt

from ..oracles.errors import BadInput, TooLarge
from ..oracles.text import shown

Array = npt.NDArray[Any]

HEADER_BYTES = 2**24
"""The longest header that is read."""
TENSORS = 100_000
"""The largest number of tensors."""
AXES = 16
"""The largest number of axes of a tensor."""
NAME_CHARACTERS = 500
"""The longest name of a tensor."""

DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|u1",
}
"""What numpy stores each one in; the numbers of BF16 become float32, which holds them exactly."""
FLOATS = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}
"""The names of the kinds of floats as targets write them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a tensor lies: ``begin`` and ``end`` count from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def header_length(prefix: bytes, size: int, what: str) -> int:
    """The length of the header, from the first 8 bytes of ``size``; ``what`` names the culprit in messages.

    Raises:
        BadInput: there are fewer than 8 bytes, or the header would not fit in ``size``.
        TooLarge: it is longer than ``HEADER_BYTES``.
    """
    if len(prefix) < 8:
        raise BadInput(f"{what} is cut short: safetensors start with 8 bytes, and there are {len(prefix)}.")
    length = int.from_bytes(prefix[:8], "little")
    if length > size - 8:
        raise BadInput(
            f"{what} is no safetensors or is cut short: its first 8 bytes announce a header of {length} bytes, and "
            f"{size - 8} follow."
        )
    if length > HEADER_BYTES:
        raise TooLarge(f"{what} announces a header of {length} bytes; the limit is {HEADER_BYTES}.")
    return length


def layout(header: bytes, data: int, what: str) -> tuple[Entry, ...]:
    """The tensors in a header, in the order of their data, of which there are ``data`` bytes.

    Raises:
        BadInput: the header is not JSON of this form, or the tensors do not fill the data without gap or overlap.
    """
    entries = sorted(
        (_entry(name, value, what) for name, value in _object(header, what).items() if name != "__metadata__"),
        key=lambda entry: (entry.begin, entry.end),
    )
    position = 0
    for entry in entries:
        if entry.begin != position:
            problem = "overlaps the one before it" if entry.begin < position else "leaves a gap before it"
            raise BadInput(
                f"{what}: the data of tensor {shown(entry.name)} begins at byte {entry.begin} and {problem}, "
                f"which ends at {position}. Write the tensors one after the other."
            )
        position = entry.end
    if position != data:
        raise BadInput(f"{what}: its tensors take {position} bytes and {data} bytes of data are there.")
    return tuple(entries)


def array(entry: Entry, data: bytes | memoryview) -> Array:
    """One tensor, from the bytes between its ``begin`` and ``end``; no copy except for BF16 and BOOL."""
    raw = np.frombuffer(data, dtype=DTYPES[entry.dtype]).reshape(entry.shape)
    if entry.dtype == "BF16":
        return (raw.astype("<u4") << 16).view("<f4")
    return raw.astype(np.bool_) if entry.dtype == "BOOL" else raw


def read(content: bytes, what: str) -> dict[str, Array]:
    """All tensors, as read-only views where possible; ``what`` names the culprit in messages.

    Raises:
        BadInput: anything about it is not as the format says.
    """
    return {name: values for name, (_, values) in read_typed(content, what).items()}


def read_typed(content: bytes, what: str) -> dict[str, tuple[str, Array]]:
    """All tensors, each with its dtype as the format spells it."""
    length = header_length(content[:8], len(content), what)
    entries = layout(content[8 : 8 + length], len(content) - 8 - length, what)
    data = memoryview(content)[8 + length :]
    return {entry.name: (entry.dtype, array(entry, data[entry.begin : entry.end])) for entry in entries}


def write(tensors: Mapping[str, Array], dtype: str = "F64") -> bytes:
    """Tensors of one float dtype one after the other, in their order; what the dtype cannot hold is rounded to even."""
    header: dict[str, object] = {}
    parts: list[bytes] = []
    position = 0
    for name, values in tensors.items():
        part = _encoded(np.asarray(values), dtype)
        header[name] = {
            "dtype": dtype,
            "shape": list(np.shape(values)),
            "data_offsets": [position, position + len(part)],
        }
        parts.append(part)
        position += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join((len(text).to_bytes(8, "little"), text, *parts))


def _encoded(values: Array, dtype: str) -> bytes:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, as the dtype has it
        if dtype != "BF16":
            return np.ascontiguousarray(values, dtype=DTYPES[dtype]).tobytes()
        bits = np.ascontiguousarray(values, dtype="<f4").view("<u4").astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
    return np.where(is_nan, 0x7FC0, rounded).astype("<u2").tobytes()


def _object(header: bytes, what: str) -> dict[str, object]:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) < len(pairs):
            raise BadInput(f"{what}: its header names something twice.")
        return result

    def refuse(token: str) -> NoReturn:
        raise ValueError(token)

    try:
        value: object = json.loads(header.decode(), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise BadInput(f"{what}: its header is not JSON: {shown(header[:80].decode('latin-1'))}.") from None
    if not isinstance(value, dict):
        raise BadInput(f"{what}: its header is not a JSON object.")
    found = cast(dict[str, object], value)
    if len(found) > TENSORS:
        raise TooLarge(f"{what} has {len(found)} tensors; the limit is {TENSORS}.")
    return found


def _entry(name: str, value: object, what: str) -> Entry:
    def refuse(problem: str) -> NoReturn:
        raise BadInput(f"{what}: tensor {shown(name)} {problem}.")

    if not name or len(name) > NAME_CHARACTERS:
        refuse(f"has a name of {len(name)} characters; 1 to {NAME_CHARACTERS} are allowed")
    if not isinstance(value, dict) or cast(dict[str, object], value).keys() != {"dtype", "shape", "data_offsets"}:
        refuse("needs the fields dtype, shape and data_offsets, and no others")
    fields = cast(dict[str, object], value)
    dtype, shape, offsets = fields["dtype"], _whole(fields["shape"]), _whole(fields["data_offsets"])
    if not isinstance(dtype, str) or dtype not in DTYPES:
        refuse(f"has the dtype {shown(str(dtype))}; known are {', '.join(DTYPES)}")
    if shape is None or len(shape) > AXES:
        refuse(f"has no shape: it needs a list of at most {AXES} whole numbers, none below 0")
    if offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        refuse("needs data_offsets [begin, end] with begin not after end")
    needed = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
    if offsets[1] - offsets[0] != needed:
        refuse(f"of shape {list(shape)} and dtype {dtype} takes {needed} bytes, and its offsets {list(offsets)} do not")
    return Entry(name, dtype, shape, offsets[0], offsets[1])


def _whole(value: object) -> tuple[int, ...] | None:
    """A list of whole numbers that are not negative, or None."""
    if not isinstance(value, list):
        return None
    items = cast(list[object], value)
    if len(items) > max(AXES, 2) or not all(type(item) is int and 0 <= item < 2**62 for item in items):
        return None
    return tuple(cast(list[int], items))
