"""Reading the parts of a model file. Every reader raises ``BadInput`` with the path and what was expected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from .. import limits
from ..errors import BadInput, TooLarge
from ..text import shown, suggestion
from ..toml import Table as Table


def texts(value: object, path: str, key: str, example: str) -> list[str]:
    """A list of texts that is not empty."""
    items = cast(list[object], value) if isinstance(value, list) else []
    if not items or not all(isinstance(item, str) for item in items):
        raise BadInput(f"{shown(path)}: {key!r} must be a list of texts, as in {example}.")
    return [str(item) for item in items]


def subtable(table: Table, key: str, path: str, example: str) -> Table:
    """The table ``key``, empty where it is missing."""
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise BadInput(f"{shown(path)}: {key!r} must be a table, as in\n[{key}]\n{example}")
    return cast(Table, value)


def side(value: object, path: str, what: str) -> int:
    """A size between 1 and ``limits.WIDTH``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInput(f"{shown(path)}: {what} must be a whole number of at least 1, not {shown(repr(value))}.")
    if value > limits.WIDTH:
        raise TooLarge(f"{shown(path)}: {what} is {shown(str(value))[1:-1]}; at most {limits.WIDTH} is supported.")
    return value


def check_known(name: str, sizes: Iterable[str], path: str, key: str) -> None:
    """Refuses a name under ``key`` that nothing declares."""
    if name not in sizes:
        raise BadInput(f"{shown(path)}: {key!r} names {shown(name)}, which is no group.{suggestion(name, sizes)}")
