"""One thread for small models: more of them wait for each other longer than they work."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

SMALL = 100_000
"""Parameters up to which one thread is faster."""


@contextmanager
def few_threads(torch: Any, parameters: int) -> Generator[None]:
    """Lets torch compute in one thread where the model is small; as it was afterwards."""
    before = torch.get_num_threads()
    if parameters > SMALL or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
