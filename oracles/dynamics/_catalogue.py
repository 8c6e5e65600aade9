"""Every optimizer and every identity that is known, found in ``optimizers/``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from ..errors import BadInput
from . import optimizers
from ._charges import Kind
from ._laws import Entry, Law, NoLaw
from ._orthogonality import ORTHOGONALITY
from ._runs import Optimizer


@cache
def entries() -> tuple[Entry, ...]:
    """The entries of all optimizers, in the order of the table."""
    found = [
        importlib.import_module(f"{optimizers.__name__}.{module.name}").ENTRY
        for module in pkgutil.iter_modules(optimizers.__path__)
        if not module.name.startswith("_")
    ]
    return tuple(sorted(found, key=lambda entry: entry.columns[0][0]))


@cache
def laws() -> tuple[Law, ...]:
    """All identities."""
    return (ORTHOGONALITY, *(law for entry in entries() for law in entry.laws))


def find_law(name: str) -> Law:
    """The identity of this name.

    Raises:
        BadInput: there is none; the message suggests the nearest.
    """
    known = {law.name: law for law in laws()}
    if name not in known:
        close = get_close_matches(name, known, n=1)
        raise BadInput(f"No identity is called '{name[:80]}'." + (f" Did you mean {close[0]}?" if close else ""))
    return known[name]


def laws_of(optimizer: Optimizer, kind: Kind) -> tuple[Law, ...]:
    """The identities that an optimizer obeys for charges of a kind, those that need least first."""
    return _sorted(law for law in laws() if kind in law.charges and law is not ORTHOGONALITY and law.applies(optimizer))


def without_law(optimizer: Optimizer, kind: Kind) -> tuple[NoLaw, ...]:
    """The reasons why an optimizer has no identity for charges of a kind."""
    return tuple(no for entry in entries() for no in entry.none if kind in no.charges and no.applies(optimizer))


def _sorted(found: Iterable[Law]) -> tuple[Law, ...]:
    order = {"weights": 0, "gradient": 1, "state": 2}
    return tuple(sorted(found, key=lambda law: (law.first, law.longer, order[law.needs])))
