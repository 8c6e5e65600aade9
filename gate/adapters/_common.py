"""What all adapters share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ...oracles.dynamics import Gradients, Optimizer

Description = Optimizer | Callable[[int], Optimizer]
"""The optimizer of every step, or a function of the step."""
Transform = Callable[[Gradients], Gradients]
"""What is done to all gradients before the optimizer sees them, as in ``flowlaw.oracles.dynamics.ClipGlobalNorm``."""


def by_step(description: Description) -> Callable[[int], Optimizer]:
    """A function of the step."""
    if hasattr(description, "update"):
        return lambda k: cast(Optimizer, description)
    return description  # pyright: ignore[reportReturnType]


def converted(thing: Any, convert: Callable[[Any], Any]) -> Any:
    """A nest of tuples, lists and dictionaries with ``convert`` applied to its leaves."""
    kind = cast("type[object]", type(thing))
    if issubclass(kind, dict):
        return {key: converted(value, convert) for key, value in thing.items()}
    if not issubclass(kind, tuple | list):
        return convert(thing)
    make = cast("Callable[..., Any]", kind)
    parts = [converted(value, convert) for value in thing]
    return make(*parts) if hasattr(thing, "_fields") else make(parts)
