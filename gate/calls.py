"""Calls of somebody else's functions: what they raise is told by name, and they may have a time limit."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

from ..oracles.errors import FlowlawError
from ..oracles.text import shown
from .errors import TargetError

T = TypeVar("T")


class _TimeUp(Exception):
    """A call took too long."""


class Caller:
    """Calls a target, and says which callable of it raised or hung."""

    def __init__(self, name: str, time_limit: float | None) -> None:
        self.name = name
        self.time_limit = time_limit
        self.asked: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[tuple[BaseException | None, Any]] = queue.SimpleQueue()
        self.started = False

    def __call__(self, what: str, function: Callable[..., T], *arguments: Any) -> T:
        try:
            if self.time_limit is None:
                return function(*arguments)
            return self._limited(function, arguments)
        except FlowlawError:
            raise
        except _TimeUp:
            raise TargetError(
                f"Target {self.name}: {what} took longer than {self.time_limit:g} seconds and was abandoned. "
                "Allow more time, or look for what it waits for."
            ) from None
        except Exception as error:
            said = shown(f"{type(error).__name__}: {error}", 300)
            raise TargetError(
                f"Target {self.name}: {what} raised {said}. Call it by hand to see the traceback."
            ) from error

    def _limited(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        if not self.started:
            threading.Thread(target=self._work, name=f"flowlaw target {self.name}", daemon=True).start()
            self.started = True
        context = copy_context()
        self.asked.put(lambda: context.run(function, *arguments))
        try:
            error, answer = self.answers.get(timeout=self.time_limit)
        except queue.Empty:
            raise _TimeUp from None
        if error is not None:
            raise error
        return answer  # type: ignore[no-any-return]

    def _work(self) -> None:
        while True:
            call = self.asked.get()
            try:
                self.answers.put((None, call()))
            except BaseException as error:
                self.answers.put((error, None))
