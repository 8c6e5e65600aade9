"""TOML files of exact numbers: read within bounds, refused with the path and the reason."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import cast

from . import limits
from .errors import BadInput, TooLarge
from .polynomials import Rational
from .text import shown

Table = Mapping[str, object]


def load(path: str, what: str, advice: str) -> Table:
    """The table in the file at ``path``; ``what`` names it in messages, such as "the model file".

    Raises:
        BadInput: the file cannot be read, is no regular file, or is not TOML.
        TooLarge: it is longer than ``limits.FILE_BYTES``.
    """
    try:
        if Path(path).exists() and not Path(path).is_file():
            raise BadInput(f"Cannot read {what} {shown(path)}: not a regular file. {advice}")
        with Path(path).open("rb") as file:
            content = file.read(limits.FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"Cannot read {what} {shown(path)}: {reason}. {advice}") from None
    name = f"{what[0].upper()}{what[1:]} {shown(path)}"
    if len(content) > limits.FILE_BYTES:
        raise TooLarge(f"{name} is longer than {limits.FILE_BYTES} bytes. Use a shorter one.")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise BadInput(f"{name} is not UTF-8 text. Save it as UTF-8.") from None
    except RecursionError:
        raise BadInput(f"{name} is nested too deeply. Write flat tables and plain lists.") from None
    except ValueError as error:
        raise BadInput(f"{name} is not valid TOML: {error}.") from None


def rational(value: object, path: str, what: str) -> Rational:
    """A whole number, or text such as "3/2" or "0.5"; floats are refused, since they are rarely what they look like.

    Raises:
        BadInput: anything else, or more than ``limits.COEFFICIENT_BITS`` bits.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= limits.COEFFICIENT_BITS:
        return value
    if isinstance(value, str) and len(value) <= 1_000 and "e" not in value.lower() and value.isascii():
        try:
            number = Fraction(value)
        except (ValueError, ZeroDivisionError):
            pass
        else:
            return number.numerator if number.denominator == 1 else number
    raise BadInput(
        f'{shown(path)}: {what} cannot hold {shown(repr(value))}. Write whole numbers, or texts such as "3/2" or "0.5".'
    )


def nested(value: object, shape: tuple[int, ...], path: str, what: str) -> list[object]:
    """The entries of nested lists of the given shape, row by row.

    Raises:
        BadInput: the lists have another shape.
    """
    level = [value]
    for length in shape:
        lists = [
            cast(list[object], item)
            for item in level
            if isinstance(item, list) and len(cast(list[object], item)) == length
        ]
        if len(lists) < len(level):
            raise BadInput(f"{shown(path)}: {what} must be a list of shape {' x '.join(map(str, shape))}.")
        level = [item for row in lists for item in row]
    return level
