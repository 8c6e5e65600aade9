"""A network that trains itself in C, as a target of the gate: ``flowlaw gate examples.gate_process:targets``."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from flowlaw.gate import Target
from flowlaw.gate.process import process_target
from flowlaw.oracles.errors import BadInput


def target(bug: str = "") -> Target:
    """The client; with ``bug`` one that has it, such as ``decay-outside-momentum``."""
    with tempfile.TemporaryDirectory(prefix="flowlaw-client-") as folder:  # a program that runs needs its file no more
        command = [compiled(Path(folder)), *([f"--bug={bug}"] if bug else [])]
        return process_target(command, name="client-c" + (f"-{bug}" if bug else ""))


def compiled(folder: Path) -> str:
    """The client, compiled into ``folder``."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise BadInput("There is no C compiler (cc, gcc or clang) on the PATH. Install one to run this example.")
    program = str(folder / "client")
    source = Path(__file__).with_name("client.c")
    subprocess.run([compiler, "-std=c99", "-O2", "-o", program, str(source), "-lm"], check=True)
    return program


def targets() -> list[Target]:
    """What is correct."""
    return [target()]


def broken() -> list[Target]:
    """Two mistakes, each in one line of C."""
    return [target("decay-outside-momentum"), target("transposed-gradient")]
