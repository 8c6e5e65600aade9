"""Trajectories: what every simulation returns, and how they are kept in files."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast, get_args

import numpy as np
from numpy.typing import NDArray

from ..oracles.errors import BadInput
from ..oracles.polynomials import Rational

Arithmetic = Literal["rational", "balls", "mpmath", "float64", "float32"]
Floats = NDArray[np.floating[Any]]
ExactPoint = tuple[Rational, ...]

FORMAT = "flowlaw-trajectory-1"
FILE_BYTES = 1_000_000_000
"""The largest trajectory file that is read."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A point of R^D known up to a proved Euclidean distance: the truth lies within ``radius`` of ``midpoint``.

    >>> Enclosure((Fraction(1), Fraction(0)), Fraction(1, 100)).contains((Fraction(1), Fraction(1, 200)))
    True
    """

    midpoint: ExactPoint
    radius: Fraction

    def contains(self, point: Sequence[Rational]) -> bool:
        """Whether ``point`` lies in the closed ball; decided exactly."""
        return sum((Fraction(a) - b) ** 2 for a, b in zip(point, self.midpoint, strict=True)) <= self.radius**2

    @property
    def digits(self) -> int:
        """The largest n with ``radius <= 10^-n * max(1, |midpoint|_inf)``: the proved digits of the largest entry."""
        if not self.radius:
            raise BadInput("An enclosure of radius 0 has no number of digits: its midpoint is exact.")
        scale = max([Fraction(1), *(abs(Fraction(x)) for x in self.midpoint)])
        ratio = self.radius / scale
        digits = len(str(ratio.denominator // ratio.numerator)) - 1 if ratio <= 1 else -len(str(int(ratio)))
        while ratio * Fraction(10) ** (digits + 1) <= 1:
            digits += 1
        while ratio * Fraction(10) ** digits > 1:
            digits -= 1
        return digits


Point_co = TypeVar("Point_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Trajectory(Generic[Point_co]):
    """Points at times, and the arithmetic that they were computed in.

    Attributes:
        times: increasing, one for each point.
        points: what a point is depends on ``arithmetic``: a tuple of rationals (``rational``, and ``mpmath``, whose
            binary numbers are rationals), an ``Enclosure`` (``balls``), or an array of shape ``(D,)`` or
            ``(cases, D)`` (``float64``, ``float32``).
        gradients: empty, or the gradients used by the steps: ``gradients[k]`` leads from ``points[k]`` onwards.
        meta: words about the run.

    Raises:
        BadInput: the lengths do not fit together.
    """

    times: tuple[Rational | float, ...]
    points: tuple[Point_co, ...]
    arithmetic: Arithmetic
    meta: Mapping[str, str] = field(default_factory=dict[str, str])
    gradients: tuple[Point_co, ...] = ()

    def __post_init__(self) -> None:
        if len(self.times) != len(self.points):
            raise BadInput(
                f"A trajectory has {len(self.times)} times and {len(self.points)} points. Give one time a point."
            )
        if self.gradients and len(self.gradients) != len(self.points) - 1:
            raise BadInput(
                f"A trajectory of {len(self.points)} points has {len(self.gradients)} gradients. Give one a step."
            )

    @property
    def end(self) -> Point_co:
        """The last point."""
        return self.points[-1]


AnyTrajectory = Trajectory[ExactPoint] | Trajectory[Enclosure] | Trajectory[Floats]


def save(trajectory: AnyTrajectory, path: str | os.PathLike[str]) -> None:
    """Writes a ``.safetensors`` or ``.npz`` file: floats as arrays, exact numbers as the text of fractions.

    The file appears complete or not at all: it is written under another name in the same folder, then renamed.

    Raises:
        BadInput: another suffix, or a file system that refuses.
    """
    target = Path(path)
    arrays = _arrays(trajectory)
    header = json.dumps(
        {"format": FORMAT, "arithmetic": trajectory.arithmetic, "meta": dict(trajectory.meta)}, sort_keys=True
    )
    if target.suffix == ".safetensors":
        from safetensors.numpy import save as serialize

        data = serialize(arrays, metadata={"flowlaw": header})
    elif target.suffix == ".npz":
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, header=_text(header), **cast(Any, arrays))
        data = buffer.getvalue()
    else:
        raise BadInput(f"{target.name!r}: a trajectory is kept as .safetensors or .npz. Choose one of these endings.")
    try:
        _replace(target, data)
    except OSError as error:
        raise BadInput(
            f"The trajectory cannot be written to {target}: {error.strerror or error}. Nothing was left behind; choose "
            "a folder that exists, that you may write to, and that has room."
        ) from error


def load(path: str | os.PathLike[str]) -> AnyTrajectory:
    """Reads what ``save`` wrote. Nothing in the file is executed: no pickle.

    Raises:
        BadInput: the file is missing, too large or no trajectory.
    """
    source = Path(path)
    try:
        if source.stat().st_size > FILE_BYTES:
            raise BadInput(f"{source} is larger than {FILE_BYTES} bytes. Split the trajectory.")
        data = source.read_bytes()
    except OSError as error:
        raise BadInput(f"The trajectory {source} cannot be read: {error.strerror or error}. Check the path.") from error
    try:
        return _parse(data, source.suffix)
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        raise BadInput(
            f"{source} is not a trajectory that this version can read ({type(error).__name__}: {error}). "
            "Write it again with flowlaw.simulations.save."
        ) from error


def _replace(target: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _text(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _untext(array: NDArray[Any]) -> Any:
    return json.loads(array.astype(np.uint8, casting="safe").tobytes())


def _arrays(trajectory: AnyTrajectory) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"times": _text(json.dumps([_number(t) for t in trajectory.times]))}
    for name, points in (("points", trajectory.points), ("gradients", trajectory.gradients)):
        if trajectory.arithmetic in ("float64", "float32"):
            if points:
                arrays[name] = np.stack(cast("tuple[Floats, ...]", points))
        elif trajectory.arithmetic == "balls":
            balls = cast("tuple[Enclosure, ...]", points)
            arrays[name] = _text(json.dumps([[[str(x) for x in b.midpoint], str(b.radius)] for b in balls]))
        else:
            exact = cast("tuple[ExactPoint, ...]", points)
            arrays[name] = _text(json.dumps([[str(x) for x in point] for point in exact]))
    return arrays


def _number(value: Rational | float) -> str:
    return value.hex() if isinstance(value, float) else str(value)


def _time(text: str) -> Rational | float:
    return float.fromhex(text) if "x" in text or "n" in text else Fraction(text)


def _exact(words: Sequence[str]) -> ExactPoint:
    return tuple(Fraction(word) for word in words)


def _parse(data: bytes, suffix: str) -> AnyTrajectory:
    arrays: dict[str, NDArray[Any]]
    if suffix == ".npz":
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = _untext(arrays["header"])
    else:
        from safetensors.numpy import load as deserialize

        arrays = deserialize(data)
        length = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["flowlaw"])
    if header["format"] != FORMAT or header["arithmetic"] not in get_args(Arithmetic):
        raise ValueError(f"unknown format {header['format']!r} or arithmetic {header['arithmetic']!r}")
    arithmetic = cast(Arithmetic, header["arithmetic"])
    meta = {str(key): str(value) for key, value in header["meta"].items()}
    times = tuple(_time(text) for text in _untext(arrays["times"]))
    if arithmetic in ("float64", "float32"):
        floats = tuple(_floats(array, arithmetic) for array in arrays["points"])
        slopes = tuple(_floats(array, arithmetic) for array in arrays.get("gradients", ()))
        return Trajectory(times, floats, arithmetic, meta, slopes)
    points, gradients = _untext(arrays["points"]), _untext(arrays["gradients"])
    if arithmetic == "balls":
        balls = tuple(Enclosure(_exact(midpoint), Fraction(radius)) for midpoint, radius in points)
        return Trajectory(times, balls, arithmetic, meta)
    exact = tuple(_exact(point) for point in points)
    return Trajectory(times, exact, arithmetic, meta, tuple(_exact(gradient) for gradient in gradients))


def _floats(array: NDArray[Any], arithmetic: str) -> Floats:
    if array.dtype != arithmetic:
        raise ValueError(f"the points are {array.dtype}, not {arithmetic}")
    return cast(Floats, array)
