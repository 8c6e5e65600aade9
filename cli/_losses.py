"""A loss and a time as a user writes them: a TOML file, and a rational number."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..oracles.errors import BadInput
from ..oracles.text import shown, suggestion
from ..properties.reduction import LONGEST, SHORTEST, Goal, listed

if TYPE_CHECKING:
    from ..oracles.polynomials import Rational


def read_loss(path: Path, spec: str, size: int) -> Goal:
    """A loss from a TOML file: ``target``, or ``slope`` and perhaps ``curvature`` (docs/reduce.md).

    Raises:
        BadInput: the file cannot be read, or holds something else; the message names it.
    """
    from ..oracles.toml import load, rational
    from ..simulations import Loss

    table = load(str(path), "the loss", 'Give a TOML file such as target = [1, "1/2"].')
    where, keys = str(path), ("target", "slope", "curvature")
    for key in table:
        if key not in keys:
            raise BadInput(
                f"{shown(where)}: a loss has no {shown(key)}.{suggestion(key, keys)} It has {', '.join(keys)}."
            )
    if ("target" in table) == ("slope" in table) or ("curvature" in table and "target" in table):
        raise BadInput(f"{shown(where)}: give either target alone, or slope and perhaps curvature.")

    def numbers(key: str) -> list[Rational]:
        entries = table[key]
        if not isinstance(entries, list) or len(cast(list[object], entries)) != size:
            found = f"has {len(cast(list[object], entries))} entries" if isinstance(entries, list) else "is no list"
            raise BadInput(
                f"{shown(where)}: {key} {found}, and {spec} has {size} coordinates. Give one number for each."
            )
        return [rational(entry, where, key) for entry in cast(list[object], entries)]

    if "target" in table:
        target = numbers("target")
        return Goal(Loss.squared(target), f"|z - y|^2/2 with y = {listed(target)}, from {path}")
    slope = numbers("slope")
    entries = _curvature(table.get("curvature", []), where, size)
    says = f"<c, z>{' + z^T A z/2' if entries else ''} with c = {listed(slope)}"
    return Goal(Loss(tuple(slope), tuple(entries)), f"{says}{' and A' if entries else ''} from {path}")


def _curvature(value: object, where: str, size: int) -> list[tuple[int, int, Rational]]:
    """Entries ``[i, j, value]``, counted from 1, each pair once; (j, i) has the value of (i, j)."""
    from ..oracles.toml import rational

    if not isinstance(value, list):
        raise BadInput(f'{shown(where)}: curvature must be a list of entries such as [1, 2, "1/2"].')
    found: dict[tuple[int, int], Rational] = {}
    for entry in cast(list[object], value):
        quoted = shown(repr(entry))
        parts = cast(list[object], entry) if isinstance(entry, list) else []
        places = [part for part in parts[:2] if isinstance(part, int) and not isinstance(part, bool)]
        if len(parts) != 3 or len(places) != 2 or not all(1 <= place <= size for place in places):
            raise BadInput(
                f"{shown(where)}: curvature cannot hold {quoted}. Write [i, j, value] with i and j from 1 to {size}."
            )
        i, j = sorted(place - 1 for place in places)
        if (i, j) in found:
            raise BadInput(
                f"{shown(where)}: curvature has the pair ({i + 1}, {j + 1}) twice. Give each pair once: A is symmetric."
            )
        found[i, j] = rational(parts[2], where, "curvature")
    mirrored = {(j, i): a for (i, j), a in found.items()} | found
    return [(i, j, a) for (i, j), a in sorted(mirrored.items()) if a]


def read_time(text: str) -> Fraction:
    """A positive rational number within bounds.

    Raises:
        BadInput: anything else.
    """
    try:
        if len(text) > 60 or "_" in text or "e" in text.lower() or not text.isascii():
            raise ValueError
        time = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise BadInput(f"--time {shown(text)} is not a rational number. Write 2, 1/2 or 0.5.") from None
    if not SHORTEST <= time <= LONGEST:
        raise BadInput(f"--time {shown(text)} is not between {SHORTEST} and {LONGEST}. Choose a time in between.")
    return time
