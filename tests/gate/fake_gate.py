"""Targets whose findings are written in ``findings.json`` beside this file: for tests of what is made of findings.

Tests copy this file into the folder they work in. It puts itself where the engine of the gate stands.
"""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from flowlaw.gate import Finding, Target
from flowlaw.oracles.dynamics import SGD


def check(target: Target, *, seed: int, runs: int, steps: int) -> list[Finding]:
    """The findings written down for this target."""
    table = json.loads(Path(__file__).with_name("findings.json").read_text())
    if target.name == "raises":
        raise KeyError("what the target does")
    if target.name == "talks":
        print("training ...")
        os.write(1, b"more of it\n")
    curve = tuple((step, 0.5) for step in range(steps))
    made = [Finding(target.name, **fields) for fields in table.get(target.name, [])]
    where = f"seed {seed}, run {runs}"
    return [replace(f, explanations=tuple(f.explanations), curve=curve, where=where) for f in made]


engine = ModuleType("flowlaw.gate.check")
engine.check = check  # type: ignore[attr-defined]
sys.modules["flowlaw.gate.check"] = engine


def _target(name: str) -> Target:
    def nothing(*_: object) -> None:
        """Is never called."""

    functions = dict.fromkeys(("draw", "batch", "loss_and_gradient", "start", "step", "read"), nothing)
    return Target(name=name, optimizer=lambda k: SGD(lr=0.1), dtype="float32", **functions)  # type: ignore[arg-type]


def target() -> Target:
    """One."""
    return _target("mlp")


def several() -> list[Target]:
    """Several."""
    return [_target("mlp"), _target("silent")]


def talks() -> Target:
    """Prints while it is checked."""
    return _target("talks")


def raises() -> Target:
    """Raises while it is checked."""
    return _target("raises")


def hangs() -> Target:
    """Never comes back."""
    time.sleep(1000)
    return _target("mlp")


def dies() -> Target:
    """Ends the process as if all were well."""
    os._exit(0)
