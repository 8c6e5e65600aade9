"""Steppers by name: ``module:stepper``."""

from __future__ import annotations

import importlib
import os
import re
import sys

from ...oracles.errors import BadInput, FlowlawError
from ...oracles.text import shown, suggestion
from ..loading import told
from ._consume import Stepper

_SPEC = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*\Z", re.ASCII)


def is_spec(text: str) -> bool:
    """Whether ``text`` is of the form ``module:stepper``."""
    return len(text) <= 1_000 and bool(_SPEC.match(text))


def load_stepper(spec: str) -> Stepper:
    """The stepper that ``module:stepper`` names; the current folder is searched like any other on the path.

    Raises:
        BadInput: there is no such module or name, importing raises, or it cannot be called.
    """
    if not is_spec(spec):
        raise BadInput(
            f"{shown(spec)} names no stepper. Write module:stepper, as in flowlaw.gate.vectors:torch_stepper."
        )
    module_name, _, name = spec.partition(":")
    if (here := os.getcwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except FlowlawError:
        raise
    except (Exception, SystemExit) as error:
        raise BadInput(f"Importing {module_name} raised {told(error)}. Start flowlaw in its folder.") from None
    if not hasattr(module, name):
        raise BadInput(f"The module {module_name} has no {name}.{suggestion(name, vars(module))}")
    stepper: Stepper = getattr(module, name)
    if not callable(stepper):
        raise BadInput(f"{spec} cannot be called. Name a stepper: docs/vectors.md shows one in full.")
    return stepper
