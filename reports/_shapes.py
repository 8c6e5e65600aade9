"""Turns the type hints of events into checkers of JSON values.

Understood are TypedDict, list, tuple, dict, Literal, unions, str, int, float, bool, None and ``Number``.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from .events import NumberMark
from .numbers import value_of

Checker = Callable[[object], None]


class MisfitError(Exception):
    """Where a value departs from its shape, and how."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"'{path.lstrip('.')}' {problem}" if path else f"the event {problem}")
        self.path, self.problem = path, problem

    def inside(self, prefix: str) -> MisfitError:
        return MisfitError(prefix + self.path, self.problem)


@cache
def checker(shape: Any) -> Checker:
    """A function that returns for JSON values of ``shape`` and raises ``MisfitError`` for all others."""
    origin, parts = get_origin(shape), get_args(shape)
    if origin is Annotated and NumberMark in parts:
        return _number
    if is_typeddict(shape):
        return _object(shape)
    if origin is Literal:
        return _one_of(parts)
    if origin in (Union, types.UnionType):
        return _any_of(parts)
    if origin is list:
        return _list(checker(parts[0]))
    if origin is tuple:
        return _tuple([checker(part) for part in parts])
    if origin is dict:
        return _mapping(checker(parts[1]))
    return _plain(shape)


def _number(value: object) -> None:
    if type(value) in (int, float):
        return
    try:
        if isinstance(value, str):
            value_of(value)
            return
        if isinstance(value, dict):
            fields = cast(dict[str, object], value)
            if fields.keys() == {"hex"} and len(text := str(fields["hex"])) <= 40:
                value_of({"hex": text})
                return
    except (ValueError, OverflowError):
        pass
    raise MisfitError("", f"should be a number, not {_short(value)}")


def _object(shape: Any) -> Checker:
    fields: dict[str, Checker] = {}
    required: set[str] = set()
    for key, hint in get_type_hints(shape, include_extras=True).items():
        optional = get_origin(hint) is NotRequired
        fields[key] = checker(get_args(hint)[0] if optional else hint)
        if not optional:
            required.add(key)

    def check(value: object) -> None:
        if not isinstance(value, dict):
            raise MisfitError("", f"should be an object, not {_short(value)}")
        given = cast(dict[str, object], value)
        if unknown := sorted(given.keys() - fields.keys()):
            raise MisfitError("", f"has the unknown field {_short(unknown[0])}; known are {', '.join(sorted(fields))}")
        if missing := sorted(required - given.keys()):
            raise MisfitError("", f"lacks the field '{missing[0]}'")
        for key, item in given.items():
            try:
                fields[key](item)
            except MisfitError as misfit:
                raise misfit.inside(f".{key}") from None

    return check


def _list(item: Checker) -> Checker:
    def check(value: object) -> None:
        if not isinstance(value, list):
            raise MisfitError("", f"should be a list, not {_short(value)}")
        for index, part in enumerate(cast(list[object], value)):
            try:
                item(part)
            except MisfitError as misfit:
                raise misfit.inside(f"[{index}]") from None

    return check


def _tuple(items: list[Checker]) -> Checker:
    def check(value: object) -> None:
        parts = cast(list[object], value) if isinstance(value, list) else []
        if len(parts) != len(items):
            raise MisfitError("", f"should be a list of {len(items)}, not {_short(value)}")
        for index, (part, item) in enumerate(zip(parts, items, strict=True)):
            try:
                item(part)
            except MisfitError as misfit:
                raise misfit.inside(f"[{index}]") from None

    return check


def _mapping(item: Checker) -> Checker:
    def check(value: object) -> None:
        if not isinstance(value, dict):
            raise MisfitError("", f"should be an object, not {_short(value)}")
        for key, part in cast(dict[str, object], value).items():
            try:
                item(part)
            except MisfitError as misfit:
                raise misfit.inside(f".{key}") from None

    return check


def _one_of(allowed: tuple[Any, ...]) -> Checker:
    def check(value: object) -> None:
        if not isinstance(value, str) or value not in allowed:
            raise MisfitError("", f"should be one of {', '.join(map(str, allowed))}, not {_short(value)}")

    return check


def _any_of(parts: tuple[Any, ...]) -> Checker:
    """The first alternative that fits; a value that fits none is told what the one of its JSON type expected."""
    alternatives = [(is_typeddict(part), checker(part)) for part in parts]

    def check(value: object) -> None:
        misfits: list[MisfitError] = []
        for is_object, alternative in alternatives:
            try:
                alternative(value)
            except MisfitError as misfit:
                if is_object == isinstance(value, dict):
                    misfits.append(misfit)
            else:
                return
        raise misfits[0] if len(misfits) == 1 else MisfitError("", f"should not be {_short(value)}")

    return check


def _plain(shape: Any) -> Checker:
    wanted = {str: "a string", int: "an integer", float: "a number", bool: "true or false", type(None): "null"}[shape]

    def check(value: object) -> None:
        if type(value) is not shape:
            raise MisfitError("", f"should be {wanted}, not {_short(value)}")

    return check


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:59] + "…"
