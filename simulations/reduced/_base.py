"""The reduced flow ``z' = -K(z) grad f(z)`` in floating point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Protocol

import numpy as np

from ...oracles.intrinsic import ClosedForm, first_claim, modules_of
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
    package = import_module(__name__.rpartition(".")[0])
    found: ReducedFlow = first_claim(modules_of(package), "reduced_flow", model, point)
    return found


def covector(loss: Loss) -> Covector:
    """``grad f`` of a loss of z, in floats."""
    slope = np.array([float(x) for x in loss.slope])
    curvature = np.zeros((len(slope), len(slope)))
    for i, j, a in loss.curvature:
        curvature[i, j] = float(a)
    return lambda z: np.asarray(slope + curvature @ z)
