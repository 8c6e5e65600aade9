"""Implementations of optimizers against vectors: a verdict for each, with residual over bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from ...oracles.errors import BadInput, FlowlawError
from ...oracles.text import shown
from ..findings import Verdict
from ..loading import told
from ._read import Ascent, Enclosure, Rows, Step, TestVector

Array = npt.NDArray[Any]
Tensors = Mapping[str, Array]
Hyperparameters = Mapping[str, Any]

ROUNDOFF = {"float64": Fraction(1, 2**53), "float32": Fraction(1, 2**24)}
"""The unit roundoff of each dtype in which steppers are run."""


class Unsupported(Exception):
    """A stepper has no such optimizer; the vector is skipped with this reason."""


class Stepping(Protocol):
    """An optimizer with what it remembers.

    One that is SAM also has ``ascend(parameters, gradients)``, which returns the point where the gradients of the step
    that follows are taken.
    """

    def step(self, parameters: Tensors, gradients: Mapping[str, Array | None]) -> Tensors:
        """The parameters after a step; a gradient None skips its tensor."""
        ...


Stepper = Callable[[Hyperparameters], Stepping]
"""Makes an optimizer from ``{"groups": [{"kind", "tensors", "lr", ...}], "schedule", "transform", "dtype"}``.

Numbers are floats. ``schedule`` has the factor of all learning rates at each step, ``transform`` what is done to
gradients before. Raises ``Unsupported`` where it has no such optimizer.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One vector on one stepper.

    Args:
        ratio: the largest residual over its bound; a vector holds if it is at most 1.
        where: step, tensor and entry of that residual, with the value and what was expected.
    """

    id: str
    verdict: Verdict
    says: str = ""
    reason: str = ""
    ratio: float = 0.0
    residual: float = 0.0
    bound: float = 0.0
    where: str = ""


def consume(
    vectors: Iterable[TestVector], stepper: Stepper, *, name: str = "the stepper", dtype: str = "float64"
) -> Iterator[Outcome]:
    """The verdict of each vector.

    Raises:
        BadInput: the stepper raises, or returns tensors of other names, shapes or dtypes.
    """
    if dtype not in ROUNDOFF:
        raise BadInput(f"Steppers run in {' or '.join(ROUNDOFF)}, not in {shown(dtype)}.")
    for vector in vectors:
        yield _Trial(vector, name, dtype).outcome(stepper)


class _Trial:
    def __init__(self, vector: TestVector, name: str, dtype: str) -> None:
        self._vector, self._name, self._dtype = vector, name, dtype
        self._worst = 0.0, 0.0, 0.0, ""

    def outcome(self, stepper: Stepper) -> Outcome:
        vector = self._vector
        try:
            self._run(self._guarded("making it", lambda: stepper(self._hyperparameters())))
        except Unsupported as reason:
            return Outcome(vector.id, "SKIPPED", vector.says, str(reason))
        ratio, residual, bound, where = self._worst
        return Outcome(vector.id, "HOLDS" if ratio <= 1 else "VIOLATED", vector.says, "", ratio, residual, bound, where)

    def _run(self, stepping: Stepping) -> None:
        parameters = self._arrays(self._vector.start)
        for k, step in enumerate(self._vector.steps):
            if step.ascent is not None:
                there = self._guarded(f"ascend of step {k}", partial(self._ascended, stepping, parameters, step.ascent))
                self._compare(self._checked(there, k), step.ascent.point, step.ascent.units, f"the ascent of step {k}")
            after = self._guarded(f"step {k}", partial(self._stepped, stepping, parameters, step))
            parameters = self._checked(after, k)
            self._compare(parameters, step.parameters, step.units, f"step {k}")

    def _ascended(self, stepping: Stepping, parameters: Tensors, ascent: Ascent) -> Tensors:
        ascend: Callable[..., Tensors] | None = getattr(stepping, "ascend", None)
        if ascend is None:
            raise Unsupported("it has no ascend, which SAM needs")
        return ascend(_copied(parameters), self._gradients(ascent.gradients))

    def _stepped(self, stepping: Stepping, parameters: Tensors, step: Step) -> Tensors:
        return stepping.step(_copied(parameters), self._gradients(step.gradients))

    def _guarded(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (Unsupported, FlowlawError):
            raise
        except Exception as error:
            raise BadInput(f"{self._name} raised {told(error)} in {what} of vector {self._vector.id}.") from None

    def _compare(self, found: Tensors, expected: Mapping[str, tuple[Enclosure, ...]], units: Rows, where: str) -> None:
        for name, enclosures in expected.items():
            for i, ((low, high), unit) in enumerate(zip(enclosures, units[name], strict=True)):
                value = float(found[name][i])
                bound = unit * ROUNDOFF[self._dtype]
                ratio, residual = _ratio(value, low, high, bound)
                if ratio > self._worst[0] or not self._worst[3]:
                    says = f"{where}, {name}[{i}]: {value!r} instead of {float(low)!r}"
                    self._worst = ratio, residual, float(bound), says

    def _checked(self, found: object, k: int) -> dict[str, Array]:
        culprit = f"{self._name} in step {k} of vector {self._vector.id}"
        if not isinstance(found, Mapping) or cast(Tensors, found).keys() != self._vector.start.keys():
            raise BadInput(
                f"{culprit} did not return the tensors {', '.join(self._vector.start)}, and no others, by name."
            )
        result: dict[str, Array] = {}
        for name, values in cast(Tensors, found).items():
            array = np.asarray(values)
            if array.shape != (len(self._vector.start[name]),) or array.dtype != self._dtype:
                raise BadInput(
                    f"{culprit} returned {name} with dtype {array.dtype} and shape {list(array.shape)}; it was given "
                    f"{self._dtype} and {[len(self._vector.start[name])]}."
                )
            result[name] = array.copy()
        return result

    def _hyperparameters(self) -> Hyperparameters:
        vector = self._vector
        return {
            "groups": [{key: _float(value) for key, value in group.items()} for group in vector.optimizer["groups"]],
            "schedule": [float(factor) for factor in vector.schedule],
            "transform": {key: _float(value) for key, value in vector.transform.items()},
            "dtype": self._dtype,
        }

    def _arrays(self, rows: Rows) -> dict[str, Array]:
        return {name: np.array([float(x) for x in row], dtype=self._dtype) for name, row in rows.items()}

    def _gradients(self, rows: Mapping[str, tuple[Fraction, ...] | None]) -> dict[str, Array | None]:
        return {
            name: None if row is None else np.array([float(x) for x in row], dtype=self._dtype)
            for name, row in rows.items()
        }


def _copied(parameters: Tensors) -> Tensors:
    return {name: values.copy() for name, values in parameters.items()}


def _ratio(value: float, low: Fraction, high: Fraction, bound: Fraction) -> tuple[float, float]:
    """Residual over bound, and the residual: the distance from the enclosure."""
    if not np.isfinite(value):
        return float("inf"), float("inf")
    exact = Fraction(value)
    residual = max(low - exact, exact - high, Fraction(0))
    if residual == 0:
        return 0.0, 0.0
    return (float(residual / bound) if bound else float("inf")), float(residual)


def _float(value: Any) -> Any:
    if isinstance(value, Fraction):
        return float(value)
    return [_float(item) for item in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]
