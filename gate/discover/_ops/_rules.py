"""The table of rules: what an operation says of exponents (theory, section 11.1). What has none does not scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .._values import Exponents, Value

Arguments = Sequence[Any]
Rule = Callable[[Exponents, str, Arguments, dict[str, Any], tuple[int, ...]], Any]
RULES: dict[str, Rule] = {}
F = TypeVar("F", bound=Rule)


def rule(*names: str) -> Callable[[F], F]:
    """The rule of the operations with these names."""

    def register(function: F) -> F:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def value_of(x: Any) -> Value:
    """An argument as a value; numbers and missing arguments do not scale."""
    return x if isinstance(x, Value) else Value(())
