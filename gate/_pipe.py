"""Another program on two pipes: framed messages with a time limit, and no process left behind."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import selectors
import signal
import subprocess
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import IO, NoReturn, cast

from ..oracles.errors import BadInput
from ..oracles.text import shown

VERSION = 1
HEADER_LINE = 2**20
"""The longest header line, with its newline."""
_CHUNK = 2**16
_TAIL = 1500
"""How much of what the program wrote to stderr is kept for messages."""
_FAREWELL = 1.0
"""Seconds that a program has to end by itself after its stdin is closed."""


class Pipe:
    """A running program that answers one message at a time.

    A message is a line of JSON, whose field ``bytes`` announces how many bytes of body follow. Anything that is not as
    agreed ends the program and raises ``BadInput``; then it cannot be used any more.
    """

    def __init__(self, command: Sequence[str], name: str, time_limit: float) -> None:
        self.name, self._limit = name, time_limit
        self._tail = b""
        self._waiting = b""
        self._problem = ""
        if os.name != "posix":
            raise BadInput("Programs as targets need pipes with time limits, which only POSIX systems have.")
        # A session of its own, so that its children end with it; a worker of the gate already is one, and ends as one.
        self._alone = multiprocessing.parent_process() is None
        if isinstance(command, str) or not command:
            raise BadInput(f"The command of {shown(name)} must be a list: the program and its arguments.")
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=self._alone,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BadInput(
                f"Cannot start {shown(command[0])} for {shown(name)}: {reason}. Give the path of a program."
            ) from None
        for stream in _streams(self._process):
            os.set_blocking(stream.fileno(), False)
        self._end = weakref.finalize(self, _end, self._process, self._alone, _FAREWELL)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def close(self) -> None:
        """Lets the program end, and ends it where it does not."""
        self._end()

    def refuse(self, problem: str) -> NoReturn:
        """Ends the program and raises ``BadInput`` with what is wrong and what it last wrote to stderr."""
        self._drain()
        self._stop()
        said = self._tail.decode("utf-8", "replace").strip()
        ending = f" It last wrote to stderr: {shown(said, 400)}." if said else " It wrote nothing to stderr."
        self._problem = f"The program {shown(self.name)} {problem}.{ending}"
        raise BadInput(self._problem) from None

    def exchange(self, header: Mapping[str, object], body: bytes, largest: int) -> tuple[dict[str, object], bytes]:
        """Sends a message and returns the header and the body of the answer, of at most ``largest`` bytes.

        The fields ``flowlaw`` and ``bytes`` are added here; in the answer they are checked and taken away.
        """
        if self._problem:
            raise BadInput(self._problem)
        if not self._end.alive:
            raise BadInput(f"The program {shown(self.name)} was closed. Start it again.")
        line = json.dumps({"flowlaw": VERSION, **header, "bytes": len(body)}, separators=(",", ":")).encode() + b"\n"
        try:
            return self._exchange(line + body, str(header["request"]), largest)
        except BadInput:
            raise
        except BaseException:  # an interrupt: what is on the pipe no longer belongs to a question
            self._problem = f"The program {shown(self.name)} was interrupted in an answer. Start it again."
            self._stop()
            raise

    def _exchange(self, outgoing: bytes, request: str, largest: int) -> tuple[dict[str, object], bytes]:
        deadline = time.monotonic() + self._limit
        rest = memoryview(outgoing)
        received = bytearray()
        wanted = -1  # unknown before the header is complete
        header: dict[str, object] = {}
        process = self._process
        stdin, stdout, stderr = _streams(process)
        with selectors.DefaultSelector() as selector:
            selector.register(stdin, selectors.EVENT_WRITE)
            selector.register(stdout, selectors.EVENT_READ)
            selector.register(stderr, selectors.EVENT_READ)
            while rest or wanted < 0 or len(received) < wanted:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    self.refuse(f"did not answer {request!r} within {self._limit:g} seconds and was ended")
                for key, _ in ready:
                    if key.fileobj is stdin:
                        rest = self._sent(rest, request)
                        if not rest:
                            selector.unregister(stdin)
                    elif key.fileobj is stderr:
                        chunk = os.read(stderr.fileno(), _CHUNK)
                        self._tail = (self._tail + chunk)[-_TAIL:]
                        if not chunk:
                            selector.unregister(stderr)
                    else:
                        chunk = os.read(stdout.fileno(), _CHUNK)
                        if not chunk:
                            self._ended(request)
                        received += chunk
                        if wanted < 0:
                            header, wanted = self._header(received, request, largest)
                        if 0 <= wanted < len(received):
                            self.refuse(f"wrote more bytes than it announced in its answer to {request!r}")
                if time.monotonic() > deadline and (rest or wanted < 0 or len(received) < wanted):
                    self.refuse(f"did not finish its answer to {request!r} within {self._limit:g} seconds")
        return header, bytes(received)

    def _sent(self, rest: memoryview, request: str) -> memoryview:
        """Sends what the pipe takes, and returns what is left."""
        try:
            return rest[os.write(_streams(self._process)[0].fileno(), rest[:_CHUNK]) :]
        except BrokenPipeError:  # it reads no more; what it wrote before says why
            return memoryview(b"")

    def _header(self, received: bytearray, request: str, largest: int) -> tuple[dict[str, object], int]:
        """The header and the length of the body, or -1 while the line is not complete; takes the line away."""
        end = received.find(b"\n")
        if end < 0 and len(received) <= HEADER_LINE:
            return {}, -1
        if end < 0 or end >= HEADER_LINE:
            self.refuse(f"answered {request!r} with a line longer than {HEADER_LINE} bytes")
        line = bytes(received[:end])
        del received[: end + 1]
        header = self._parsed(line, request)
        if header.pop("flowlaw", None) != VERSION:
            self.refuse(f'answered {request!r} without "flowlaw": {VERSION}, the version of the protocol')
        length = header.pop("bytes", None)
        if type(length) is not int or length < 0:
            self.refuse(f'answered {request!r} without "bytes", the length of the body')
        if length > largest:
            self.refuse(f"announced a body of {length} bytes in its answer to {request!r}; the limit is {largest}")
        return header, length

    def _parsed(self, line: bytes, request: str) -> dict[str, object]:
        def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
            if len(dict(pairs)) < len(pairs):
                raise ValueError("a field twice")
            return dict(pairs)

        def nan(token: str) -> NoReturn:
            raise ValueError(f"{token}, which JSON does not have: write it as a string")

        try:
            value: object = json.loads(line.decode(), object_pairs_hook=unique, parse_constant=nan)
        except (ValueError, RecursionError) as error:
            reason = str(error) if "JSON does not" in str(error) or "twice" in str(error) else "it is not JSON"
            self.refuse(f"answered {request!r} with the line {shown(line.decode('latin-1'))}: {reason}")
        if not isinstance(value, dict):
            self.refuse(f"answered {request!r} with {shown(line.decode('latin-1'))}, which is no JSON object")
        return cast(dict[str, object], value)

    def _ended(self, request: str) -> NoReturn:
        by_itself = _finished(self._process, _FAREWELL)
        self._drain()
        self._stop()
        code = self._process.returncode
        how = "closed its stdout"
        if by_itself:
            how = f"was ended by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
        self.refuse(f"{how} before it had answered {request!r}")

    def _stop(self) -> None:
        if self._end.detach() is not None:
            _end(self._process, self._alone, 0)

    def _drain(self) -> None:
        """What is left on stderr, as far as it is there."""
        stderr = _streams(self._process)[2]
        with contextlib.suppress(OSError, ValueError):
            for _ in range(256):  # a program that never stops writing is not listened to for ever
                chunk = os.read(stderr.fileno(), _CHUNK)
                if not chunk:
                    break
                self._tail = (self._tail + chunk)[-_TAIL:]


def _streams(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdin, process.stdout, process.stderr


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _finished(process: subprocess.Popen[bytes], patience: float) -> bool:
    """Whether the program ends by itself within ``patience`` seconds; it is not collected, so that its id stays its."""
    deadline = time.monotonic() + patience
    while hasattr(os, "waitid"):  # macOS has it from Python 3.13 on
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return False


def _end(process: subprocess.Popen[bytes], whole_session: bool, patience: float) -> None:
    """Closes the pipes, waits ``patience`` seconds, ends the program or its whole session, and collects it."""
    for stream in _streams(process):
        with contextlib.suppress(OSError):
            stream.close()
    _finished(process, patience)
    with contextlib.suppress(OSError):  # before it is collected: until then nobody else can have this id
        (os.killpg if whole_session else os.kill)(process.pid, signal.SIGKILL)
    process.wait()


def text_number(value: object) -> float | None:
    """A JSON number, or one of the texts nan, inf and -inf; None for anything else."""
    if isinstance(value, str):
        return float(value) if value in ("nan", "inf", "-inf") else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None
