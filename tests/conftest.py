"""Profiles for the random cases, and a clean slate of global precision for every test."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small tensors: more threads wait for each other longer than they work

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, MultiplexedDatabase, ReadOnlyDatabase


def _hunting_database() -> ExampleDatabase:
    """Failures found so far, with those of another machine (``FLOWLAW_SHARED_EXAMPLES``, a folder) replayed first."""
    local = DirectoryBasedExampleDatabase(Path(".hypothesis", "examples"))
    shared = os.environ.get("FLOWLAW_SHARED_EXAMPLES")
    if shared is None:
        return local
    return MultiplexedDatabase(local, ReadOnlyDatabase(DirectoryBasedExampleDatabase(shared)))


settings.register_profile("dev", deadline=None)
settings.register_profile(
    "gate",
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no failure
)
settings.register_profile("hunt", deadline=None, max_examples=5000, print_blob=True, database=_hunting_database())
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("gate" if "CI" in os.environ else "dev"))


def pytest_collection_finish() -> None:
    """What the libraries hold stays to the end: the collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _fresh_precision() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]  # autouse
    """Global precision is put back after every test; a library that no test has loaded stays unloaded."""
    yield
    if (mpmath := sys.modules.get("mpmath")) is not None:
        mpmath.mp.prec = 53
    if (flint := sys.modules.get("flint")) is not None:
        flint.ctx.default()
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_default_dtype(torch.float32)
