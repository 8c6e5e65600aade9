"""One thread for small models: more of them wait for each other longer than they work."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

SMALL = 100_000
"""Parameters up to which one thread is faster."""


@contextmanager
def few_threads(parameters: int) -> Generator[None]:
    """Lets torch compute in one thread, where it is loaded and the model is small; as it was afterwards."""
    torch: Any = sys.modules.get("torch")
    if torch is None or parameters > SMALL or torch.get_num_threads() == 1:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
