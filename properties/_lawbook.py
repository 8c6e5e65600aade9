"""All entries: our own modules in ``lawbook/``, and those of other packages by the entry point ``flowlaw.theorems``."""

from __future__ import annotations

import importlib
import pkgutil
from difflib import get_close_matches
from functools import cache
from importlib.metadata import entry_points
from typing import cast

from ..oracles.errors import BadInput
from . import lawbook
from ._theorem import Theorem

ENTRY_POINT = "flowlaw.theorems"


@cache
def theorems() -> tuple[Theorem, ...]:
    """Every theorem, in the order of the ids.

    Raises:
        BadInput: a third-party entry point does not give a ``Theorem``, or repeats an id.
    """
    found: dict[str, Theorem] = {}
    for module in pkgutil.iter_modules(lawbook.__path__):
        entry: Theorem = importlib.import_module(f"{lawbook.__name__}.{module.name}").THEOREM
        found[entry.id] = entry
    for point in entry_points(group=ENTRY_POINT):
        loaded: object = point.load()
        for theorem in cast("list[object]", loaded) if isinstance(loaded, list | tuple) else (loaded,):
            if not isinstance(theorem, Theorem):
                raise BadInput(f"The entry point {point.name!r} gives {type(theorem).__name__}, not a flowlaw Theorem.")
            if theorem.id in found:
                raise BadInput(
                    f"The entry point {point.name!r} repeats the id {theorem.id}. Ids are permanent; use another."
                )
            found[theorem.id] = theorem
    return tuple(found[key] for key in sorted(found))


def find(selection: tuple[str, ...]) -> tuple[Theorem, ...]:
    """The theorems whose id equals a selector or starts with it at a dot; all of them for an empty selection.

    Raises:
        BadInput: a selector matches nothing; the message suggests what was meant.
    """
    everything = theorems()
    chosen: set[str] = set()
    for selector in selection:
        matching = {t.id for t in everything if t.id == selector or t.id.startswith(selector.rstrip(".") + ".")}
        if not matching:
            close = get_close_matches(selector, [t.id for t in everything], n=1, cutoff=0.3)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise BadInput(f"No theorem of the lawbook matches '{selector[:80]}'.{hint} `flowlaw list` shows them all.")
        chosen |= matching
    return tuple(t for t in everything if t.id in chosen or not selection)
