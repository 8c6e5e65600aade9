"""The formulas of the lawbook, converted once by Temml and kept as package data.

The table maps TeX to MathML. A formula inside a sentence stands between dollar signs, there and in the table, because
it is set in smaller form: ``x^2`` and ``$x^2$`` are two entries. ``regenerate.py`` makes the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from html import escape
from importlib import resources
from typing import Any, cast

FORMULAS = ("statement", "formula")
PROSE = ("title", "summary", "says", "source", "hypotheses", "columns")
MADE = ("derivation", "tables")
"""Attributes that are made when they are called."""
_INLINE = re.compile(r"\$([^$\n]+)\$|`([^`\n]+)`")


@cache
def load_table() -> Mapping[str, str]:
    """The table that comes with the package."""
    source = resources.files(__package__ or "flowlaw.reports.mathml").joinpath("statements.json")
    return cast(dict[str, str], json.loads(source.read_text("utf-8")))


def mathml(tex: str, *, inline: bool = False, table: Mapping[str, str] | None = None) -> str:
    """The formula as a ``<math>`` element, or as ``<code class="tex">`` if the table does not have it.

    ``table`` is looked up before the package's own, for theorems of other packages.
    """
    key = f"${tex}$" if inline else tex
    found = (table or {}).get(key) or load_table().get(key)
    return found if found is not None else f'<code class="tex">{escape(tex)}</code>'


def split_prose(text: str) -> Iterator[tuple[str, str]]:
    """Splits a sentence: ``text``, ``tex`` between dollars, ``code`` between backticks.

    >>> list(split_prose("every $U$ of `linear:4-5-2`"))
    [('text', 'every '), ('tex', 'U'), ('text', ' of '), ('code', 'linear:4-5-2')]
    """
    end = 0
    for match in _INLINE.finditer(text):
        if match.start() > end:
            yield "text", text[end : match.start()]
        tex, code = match.groups()
        yield ("tex", tex) if tex is not None else ("code", code)
        end = match.end()
    if end < len(text):
        yield "text", text[end:]


def collect_formulas(theorems: Iterable[object]) -> list[str]:
    """What pages about ``theorems`` look up, sorted: statements, formulas of steps, ``$...$`` in sentences.

    Takes lawbook entries. Their derivations and tables are run, since that is where steps and titles come from.
    """
    found: set[str] = set()
    for theorem in theorems:
        found.update(_formulas(theorem))
    return sorted(found - {""})


def _formulas(value: object) -> Iterator[str]:
    for name, item in _attributes(value):
        texts = [item] if isinstance(item, str) else [part for part in _items(item) if isinstance(part, str)]
        if name in FORMULAS:
            yield from texts
        elif name in PROSE:
            yield from (f"${part}$" for text in texts for kind, part in split_prose(text) if kind == "tex")
        for part in _items(item):
            if not isinstance(part, str):
                yield from _formulas(part)


def _attributes(value: object) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            item: Any = getattr(value, field.name)
            if field.name in MADE:
                item = _made(item)
            yield field.name, item


def _made(item: Any) -> list[object]:
    if callable(item):
        return list(cast(Iterable[object], item()))
    return [part() if callable(part) else part for part in item]


def _items(value: object) -> Iterable[object]:
    return cast(Iterable[object], value) if isinstance(value, (list, tuple)) else ()
