"""The reduced flow ``z' = -K(z) grad f(z)`` in floating point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Protocol

import numpy as np

from ...oracles.intrinsic import ClosedForm, NotClaimed
from ...oracles.models import Model
from ...oracles.polynomials import Rational
from .._trajectory import Floats
from ..objective import Loss

Covector = Callable[[Floats], Floats]
"""``grad f`` at z: both of shape (d,)."""


class ReducedFlow(Protocol):
    """A flow in z alone; it holds what it kept of the initialization (values of laws), and no parameters.

    Coordinates of z are those of ``model.coordinates()``, in their order.
    """

    @property
    def form(self) -> ClosedForm: ...

    @property
    def dimension(self) -> int:
        """d, the length of z."""
        ...

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``, all of shape (d,)."""
        ...


def reduced_flow(model: Model, point: Sequence[Rational]) -> ReducedFlow:
    """The reduced flow of ``model`` from ``point``, by the first module of this package that has one.

    Raises:
        NotClaimed: no closed form covers this model at this point; the message says what is missing.
    """
    reasons: list[str] = []
    for module in _modules():
        try:
            found: ReducedFlow | None = module.reduced_flow(model, point)
        except NotClaimed as refusal:
            reasons.append(str(refusal))
            continue
        if found is not None:
            return found
    raise NotClaimed(" ".join(reasons) or f"No closed form of the reduced flow is known for {model.spec}.")


def _modules() -> list[ModuleType]:
    """The modules with a flow are those without an underscore."""
    package = __name__.rpartition(".")[0]
    path = import_module(package).__path__
    names = sorted(module.name for module in iter_modules(path) if not module.name.startswith("_"))
    return [import_module(f"{package}.{name}") for name in names]


def covector(loss: Loss) -> Covector:
    """``grad f`` of a loss of z, in floats."""
    slope = np.array([float(x) for x in loss.slope])
    curvature = np.zeros((len(slope), len(slope)))
    for i, j, a in loss.curvature:
        curvature[i, j] = float(a)
    return lambda z: np.asarray(slope + curvature @ z)
