"""The sample run, its page, and a browser to open it in."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(name: str) -> ModuleType:
    """A helper beside the tests; there is no package to import it from."""
    spec = importlib.util.spec_from_file_location(f"reports_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sample() -> Any:
    return _load("sample")


@pytest.fixture(scope="session")
def good(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evidence of the sample run, all as expected."""
    return sample.write(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="session")
def bad(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one theorem violated and one mutant missed."""
    return sample.write(tmp_path_factory.mktemp("bad"), violated=True)


@pytest.fixture(scope="session")
def page(sample: Any, good: Path) -> Path:
    from flowlaw.reports import write_report

    write_report(good, good.with_name("report.html"), formulas=sample.formulas())
    return good.with_name("report.html")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    helper = _load("browser")
    if why := helper.missing():
        pytest.skip(why)
    with helper.Browser() as window:
        yield window
