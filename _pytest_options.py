"""``pytest --flowlaw-target=module:factory``: the options. What they start is loaded when one of them is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """A hook of pytest."""
    group = parser.getgroup("flowlaw", "the laws of training (flowlaw)")
    group.addoption(
        "--flowlaw-target",
        action="append",
        default=[],
        metavar="MODULE:FACTORY",
        help="check the training code that this function without arguments returns; may be repeated",
    )
    group.addoption("--flowlaw-seed", type=int, default=0, metavar="N", help="of parameters and data; default 0")
    group.addoption("--flowlaw-runs", type=int, default=3, metavar="N", help="from fresh parameters; default 3")
    group.addoption("--flowlaw-steps", type=int, default=12, metavar="N", help="of each run; default 12")
    group.addoption("--flowlaw-expect", metavar="FILE", help="TOML file of what is known to come out, and why")
    group.addoption("--flowlaw-strict", action="store_true", help="expectations that are out of date fail")


def pytest_configure(config: pytest.Config) -> None:
    """A hook of pytest."""
    if config.getoption("flowlaw_target"):
        from .gate.pytest_plugin import Gate

        config.pluginmanager.register(Gate(config), "flowlaw-gate")
