"""Targets are loaded and run in a process of their own, so that none can hang, kill or silence the gate.

What a target prints goes to standard error, where it cannot be taken for the gate's answer. A target that takes longer
than the limit, or ends the process, is refused by name; so is everything the process has started.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..oracles.errors import BadInput, FlowlawError
from .findings import Finding
from .words import Asked, complete

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

PATIENCE = 5.0
"""Seconds in which a process that has answered may clean up after itself."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out of one target, and what its parameters are kept in."""

    spec: str
    name: str
    dtype: str
    findings: tuple[Finding, ...]


def check_targets(
    asked: Asked,
    *,
    only: str = "",
    time_limit: float = 600.0,
    begins: Callable[[str], None] = lambda what: None,
) -> Iterator[Checked]:
    """Loads all targets, then checks one after the other.

    Args:
        asked: what to check.
        only: the name of the one target to check; all by default.
        time_limit: seconds for loading, and for each target.
        begins: is told before each target is checked.

    Raises:
        BadInput: a target cannot be loaded or run, takes too long, or ends its process.
    """
    with _process(asked, only) as (process, pipe):
        specs = " ".join(asked.specs)
        names: list[str] = _receive(process, pipe, time_limit, f"Loading {specs}")
        for name in names:
            begins(f"checking {name}")
            yield _receive(process, pipe, time_limit, f"Checking the target '{name}'")


@contextmanager
def _process(asked: Asked, only: str) -> Generator[tuple[BaseProcess, Connection[Any, Any]]]:
    from multiprocessing import get_context

    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, asked, only))
    process.start()
    theirs.close()
    try:
        yield process, ours
        process.join(PATIENCE)
    finally:
        _end(process)
        ours.close()


def _receive(process: BaseProcess, pipe: Connection[Any, Any], time_limit: float, doing: str) -> Any:
    """The next thing that the process sends."""
    if not pipe.poll(time_limit):
        raise BadInput(
            f"{doing} took longer than {time_limit:g} s and was ended. "
            "Allow more with --time-limit, or look for what waits."
        )
    try:
        error, answer = pipe.recv()
    except EOFError:
        process.join(10)
        code = process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        raise BadInput(
            f"{doing} ended its process ({how}) without an answer. Run the module by itself to see why."
        ) from None
    except Exception as failed:  # whatever unpickling garbage raises
        raise BadInput(f"{doing} wrote into the pipe on which the answer comes ({failed}).") from None
    if error is not None:
        raise error
    return answer


def _end(process: BaseProcess) -> None:
    """Ends the process with all that it has started."""
    if process.pid is not None and hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():
        process.kill()
    process.join()


def _work(pipe: Connection[Any, Any], asked: Asked, only: str) -> None:
    """What the process does: names first, then an answer for each; an error is the last thing it sends."""
    from .loading import told

    if hasattr(os, "setsid"):
        os.setsid()
    os.dup2(2, 1)
    doing = "Loading the targets"
    try:
        from .loading import load_all

        chosen = [(spec, target) for spec, target in load_all(asked.specs) if only in ("", target.name)]
        pipe.send((None, [target.name for _, target in chosen]))
        from .check import check

        for spec, target in chosen:
            doing = f"Checking the target '{target.name}'"
            found = check(target, seed=asked.seed, runs=asked.runs, steps=asked.steps)
            pipe.send((None, Checked(spec, target.name, target.dtype, complete(target.name, found))))
    except FlowlawError as error:
        pipe.send((BadInput(str(error)), None))
    except (Exception, SystemExit) as error:
        pipe.send((BadInput(f"{doing} raised {told(error)}. Call its functions by hand to see the traceback."), None))
