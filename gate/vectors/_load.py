"""Steppers by name: ``module:stepper``."""

from __future__ import annotations

from typing import cast

from ...oracles.errors import BadInput
from ...oracles.text import shown
from ..loading import is_spec as is_spec
from ..loading import named
from ._consume import Stepper


def load_stepper(spec: str) -> Stepper:
    """The stepper that ``module:stepper`` names; the current folder is searched like any other on the path.

    Raises:
        BadInput: there is no such module or name, importing raises, or it cannot be called.
    """
    if not is_spec(spec):
        raise BadInput(
            f"{shown(spec)} names no stepper. Write module:stepper, as in flowlaw.gate.vectors:torch_stepper."
        )
    stepper = named(spec)
    if not callable(stepper):
        raise BadInput(f"{spec} cannot be called. Name a stepper: docs/vectors.md shows one in full.")
    return cast("Stepper", stepper)
