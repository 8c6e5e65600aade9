"""Recorded weights, one file a step: safetensors or npz, read one at a time and never trusted.

What a file announces is compared with its size before memory is spent on it, and nothing in it is executed.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from ...oracles.errors import BadInput, TooLarge
from ...oracles.text import shown
from .. import tensors

Floats = npt.NDArray[np.float64]

FILE_BYTES = 2**33
"""The longest file of weights that is read."""
SNAPSHOTS = 1_000_000
"""The largest number of snapshots of a run."""
_STEP = re.compile(r"\{step(?::0(?P<width>[1-9]))?\}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tensors recorded before a step, promoted to float64, and what they are recorded in."""

    step: int
    tensors: Mapping[str, Floats]
    dtype: str


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The files of a folder whose names follow a pattern with one ``{step}``, such as ``step-{step}.safetensors``."""

    folder: Path
    pattern: str

    def __post_init__(self) -> None:
        places = list(_STEP.finditer(self.pattern))
        outside = _STEP.sub("", self.pattern)
        if len(places) != 1 or "{" in outside or "}" in outside:
            raise BadInput(f"The pattern {shown(self.pattern)} needs {{step}} once, as in step-{{step}}.safetensors.")
        if Path(self.pattern).is_absolute() or ".." in Path(self.pattern).parts:
            raise BadInput(f"The pattern {shown(self.pattern)} leads out of the folder of the run.")
        if Path(self.pattern).suffix not in (".safetensors", ".npz"):
            raise BadInput(f"The pattern {shown(self.pattern)} names neither .safetensors nor .npz files.")

    def files(self) -> dict[int, Path]:
        """The recorded steps in increasing order, each with its file.

        Raises:
            BadInput: no file follows the pattern, or two name the same step.
            TooLarge: there are more than ``SNAPSHOTS``.
        """
        place = cast("re.Match[str]", _STEP.search(self.pattern))
        before, after = self.pattern[: place.start()], self.pattern[place.end() :]
        where, stem = self.folder / Path(before).parent if "/" in before else self.folder, before.rpartition("/")[2]
        if "/" in after:
            raise BadInput(f"The pattern {shown(self.pattern)} has {{step}} in a folder; put it into the file name.")
        written = re.compile(re.escape(stem) + "([0-9]{1,12})" + re.escape(after))
        found: dict[int, Path] = {}
        for entry in where.iterdir() if where.is_dir() else ():
            match = written.fullmatch(entry.name)
            if match is None or not entry.is_file():
                continue
            step = int(match[1])
            if step in found:
                raise BadInput(f"{entry.name} and {found[step].name} are both step {step}. Keep one of them.")
            found[step] = entry
            if len(found) > SNAPSHOTS:
                raise TooLarge(f"{where} holds more than {SNAPSHOTS} snapshots.")
        if not found:
            raise BadInput(f"No file in {where} follows the pattern {shown(self.pattern)}. Name one snapshot a step.")
        return dict(sorted(found.items()))


def read_snapshot(path: Path, step: int) -> Snapshot:
    """One file of named tensors of one float dtype.

    Raises:
        BadInput: it is cut short, not of its format, or holds something else than floats of one dtype.
        TooLarge: it is longer than ``FILE_BYTES``, or unpacks to more.
    """
    with _opened(path) as file:
        typed = _read_npz(file, path.name) if path.suffix == ".npz" else _read_safetensors(file, path)
    if not typed:
        raise BadInput(f"{path.name} holds no tensors.")
    kinds = {dtype for dtype, _ in typed.values()}
    if len(kinds) > 1:
        raise BadInput(f"{path.name} holds tensors of {' and '.join(sorted(kinds))}. Record weights of one dtype.")
    (dtype,) = kinds
    out = {name: np.asarray(values, dtype=np.float64) for name, (_, values) in typed.items()}
    for name, values in out.items():
        if not np.isfinite(values).all():
            raise BadInput(f"{path.name}: tensor {shown(name)} has entries that are not finite numbers.")
    return Snapshot(step, out, dtype)


@contextmanager
def _opened(path: Path) -> Generator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise BadInput(f"Cannot read {path.name}: {error.strerror or error}.") from None


def _read_safetensors(file: BinaryIO, path: Path) -> dict[str, tuple[str, npt.NDArray[Any]]]:
    size = path.stat().st_size
    if size > FILE_BYTES:
        raise TooLarge(f"{path.name} is {size} bytes long; the limit is {FILE_BYTES}.")
    known = {written: dtype for dtype, written in tensors.FLOATS.items()}
    out: dict[str, tuple[str, npt.NDArray[Any]]] = {}
    for name, (written, values) in tensors.read_typed(file.read(size + 1), path.name).items():
        if written not in known:
            raise BadInput(f"{path.name}: tensor {shown(name)} is {written}; weights are floats.")
        out[name] = known[written], values
    return out


def _read_npz(file: BinaryIO, name: str) -> dict[str, tuple[str, npt.NDArray[Any]]]:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > tensors.TENSORS:
                raise TooLarge(f"{name} has {len(entries)} tensors; the limit is {tensors.TENSORS}.")
            if sum(entry.file_size for entry in entries) > FILE_BYTES:
                raise TooLarge(f"{name} unpacks to more than {FILE_BYTES} bytes.")
            out = {_plain(entry.filename): _member(archive, entry, name) for entry in entries}
            if len(out) < len(entries):
                raise BadInput(f"{name} holds two tensors of one name.")
            return out
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{name} is no npz file, or is cut short: {error}. Write it with numpy.savez.") from None


def _plain(member: str) -> str:
    return member.removesuffix(".npy")


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> tuple[str, npt.NDArray[Any]]:
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise BadInput(f"{name}: tensor {shown(entry.filename)} is of an unknown version of the format.")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject or dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
        raise BadInput(f"{name}: tensor {shown(entry.filename)} is of dtype {dtype}; weights are float16, 32 or 64.")
    if math.prod(shape) * dtype.itemsize > entry.file_size:
        raise BadInput(f"{name}: tensor {shown(entry.filename)} announces more entries than it holds.")
    with archive.open(entry) as file:
        values = np.lib.format.read_array(file, allow_pickle=False)
    return f"float{8 * dtype.itemsize}", values
