"""Reading the parts of a model specification: numbers, options, and messages about what could not be read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .. import limits
from ..errors import BadInput, TooLarge
from ..text import shown, suggestion

NAMES = f"Use a letter followed by letters, digits and underscores, at most {limits.NAME_CHARACTERS} in all."


def is_name(text: str) -> bool:
    """Whether ``text`` can name a group or a block; ``NAMES`` says in words what can."""
    return len(text) <= limits.NAME_CHARACTERS and bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text, re.ASCII))


def whole(text: str, *, what: str, spec: str, least: int = 1, most: int = limits.WIDTH) -> int:
    """The whole number written in ``text`` in plain ASCII digits, between ``least`` and ``most``.

    Raises:
        BadInput: ``text`` is empty, signed, not decimal, or below ``least``.
        TooLarge: the number is above ``most``.
    """
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise BadInput(
            f"{shown(spec)}: {shown(text)} is not {what}. Write a whole number from {least} to {most} in plain digits."
        )
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(most)) or int(digits) > most:
        raise TooLarge(f"{shown(spec)}: {shown(text)} is too large for {what}: at most {most} is supported.")
    if int(digits) < least:
        raise BadInput(f"{shown(spec)}: {what} cannot be {digits}. Write a whole number from {least} to {most}.")
    return int(digits)


def wholes(text: str, *, what: str, spec: str, example: str, least_count: int, most_count: int) -> tuple[int, ...]:
    """The numbers of a dash-separated list such as ``4-5-2``.

    Raises:
        BadInput: there are too few or too many of them, or one cannot be read.
    """
    parts = text.split("-") if text else []
    if not least_count <= len(parts) <= most_count:
        count = f"{least_count}" if least_count == most_count else f"{least_count} to {most_count}"
        raise BadInput(
            f"{shown(spec)}: found {len(parts)} of {what}, expected {count}. "
            f"Separate them by single dashes, as in {example}."
        )
    return tuple(whole(part, what=f"one of {what}", spec=spec) for part in parts)


def no_options(options: Sequence[str], *, spec: str, kind: str, known: Sequence[str] = ()) -> None:
    """Refuses what is left of the ``+option`` parts.

    Raises:
        BadInput: ``options`` is not empty.
    """
    if options:
        has = f"has the options {', '.join('+' + k for k in known)}" if known else "has no options"
        raise BadInput(
            f"{shown(spec)}: unknown option {shown('+' + options[0])}. A {kind!r} model {has}."
            + suggestion(options[0], known)
        )


def check_parameters(count: int, spec: str) -> None:
    """Refuses models with more parameters than ``limits.PARAMETERS``.

    Raises:
        TooLarge: ``count`` is above the limit.
    """
    if count > limits.PARAMETERS:
        raise TooLarge(
            f"{shown(spec)} has {count} parameters; at most {limits.PARAMETERS} are supported. Use smaller widths."
        )


def check_terms(count: int, spec: str, limit: int, what: str) -> None:
    """Refuses to write out more than ``limit`` terms.

    Raises:
        TooLarge: ``count`` is above the limit.
    """
    if count > limit:
        size = str(count) if count < 10**15 else f"about 10^{len(str(count)) - 1}"
        raise TooLarge(
            f"{shown(spec)}: {what} would take {size} terms, above the limit of {limit}. "
            "Use a smaller model, or a method that does not write them out."
        )
