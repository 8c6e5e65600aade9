"""Another program as a stepper, with the messages of the protocol (docs/protocol.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...oracles.errors import BadInput
from .. import tensors
from .._pipe import Pipe
from ._consume import Array, Hyperparameters, Stepper, Tensors, Unsupported

TIME_LIMIT = 60.0
"""Seconds for one answer."""


def process_stepper(command: Sequence[str], *, time_limit: float = TIME_LIMIT) -> Stepper:
    """A stepper that asks a program: ``begin`` with hyper-parameters, then ``advance`` (and ``ascend``) with tensors.

    Raises:
        BadInput: here and later: the program cannot be started, hangs, ends, or answers something else.
    """
    pipe = Pipe(command, Path(command[0]).name if command and not isinstance(command, str) else "program", time_limit)

    def stepper(hyperparameters: Hyperparameters) -> _Remote:
        return _Remote(pipe, hyperparameters)

    return stepper


class _Remote:
    def __init__(self, pipe: Pipe, hyperparameters: Hyperparameters) -> None:
        self._pipe = pipe
        self._dtype = tensors.FLOATS[hyperparameters["dtype"]]
        self._ask({"request": "begin", **hyperparameters}, b"", 0)

    def step(self, parameters: Tensors, gradients: Mapping[str, Array | None]) -> Tensors:
        return self._moved("advance", parameters, gradients)

    def ascend(self, parameters: Tensors, gradients: Mapping[str, Array | None]) -> Tensors:
        return self._moved("ascend", parameters, gradients)

    def _moved(self, request: str, parameters: Tensors, gradients: Mapping[str, Array | None]) -> Tensors:
        sent: dict[str, Array] = {name: np.asarray(values) for name, values in parameters.items()}
        sent.update({f"gradient:{name}": values for name, values in gradients.items() if values is not None})
        body = tensors.write(sent, self._dtype)
        answer = self._ask({"request": request}, body, 2 * len(body) + 2**16)
        try:
            return tensors.read(answer, f"the body of its answer to {request!r}")
        except BadInput as error:
            self._pipe.refuse(f"sent what cannot be read: {str(error).rstrip('.')}")

    def _ask(self, header: Mapping[str, Any], body: bytes, largest: int) -> bytes:
        said, answer = self._pipe.exchange(header, body, largest)
        request = header["request"]
        told = said.pop("answer", None)
        reason = said.pop("reason", None)
        if told == "unsupported" and isinstance(reason, str) and not said:
            raise Unsupported(reason[:200])
        if told != request or reason is not None or said:
            self._pipe.refuse(f"answered {request!r} with something else than its answer and a body")
        return answer
