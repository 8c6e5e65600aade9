"""The table of mutants as Markdown, between two marks of a page."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...oracles.errors import BadInput
from ._catalogue import THEMES
from ._survey import Row

BEGIN, END = "<!-- zoo: begin -->", "<!-- zoo: end -->"
SHOWN = 3
"""Names of identities in one cell."""


def table(rows: Sequence[Row]) -> str:
    """A summary, and one table for each theme."""
    known = {row.mutant.name: row for row in rows}
    parts = [summary(rows)]
    for theme, mutants in THEMES.items():
        chosen = [known[mutant.name] for mutant in mutants if mutant.name in known]
        if chosen:
            parts.append("\n".join([f"### {theme}", "", *_lines(chosen)]))
    return "\n\n".join(parts)


def summary(rows: Sequence[Row]) -> str:
    """What the table comes to."""
    seen = [row for row in rows if not row.mutant.blind]
    caught = [row for row in seen if row.caught]
    named = sum(bool(row.mutant.explanation) and row.explained for row in caught)
    least = min((row.ratio for row in caught), default=0.0)
    largest = max((row.healthy for row in rows), default=0.0)
    return (
        f"{len(rows)} mutants: {len(caught)} of the {len(seen)} that a law can see are caught, and {named} of them are "
        f"named for what they are; {len(rows) - len(seen)} are such that no law can see them. The smallest residual of "
        f"a mutant that is caught is {_short(least)} bounds, the largest one of all targets without a bug "
        f"{_short(largest)} bounds."
    )


def _lines(rows: Sequence[Row]) -> list[str]:
    if all(row.mutant.blind for row in rows):
        head = [
            "| mutant | bug | in | why no law sees it | residual over bound | healthy |",
            "|---|---|---|---|---|---|",
        ]
        return [*head, *(_line(row, row.mutant.blind) for row in rows)]
    head = [
        "| mutant | bug | in | caught by | explanation | residual over bound | healthy |",
        "|---|---|---|---|---|---|---|",
    ]
    return [*head, *(_line(row, _caught(row), " ".join(row.said) or "none") for row in rows)]


def _line(row: Row, *cells: str) -> str:
    mutant = row.mutant
    ends = (_short(row.ratio), _short(row.healthy))
    all_cells = (mutant.name, mutant.says, {"numpy": "NumPy", "torch": "PyTorch"}[mutant.framework], *cells, *ends)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in all_cells) + " |"


def _caught(row: Row) -> str:
    """The identities that had to be violated, and others while there is room."""
    names = list(dict.fromkeys((*row.mutant.caught_by, *row.caught)))
    names = [name for name in names if name in row.caught]
    rest = len(names) - SHOWN
    return ", ".join(f"`{name}`" for name in names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _short(ratio: float) -> str:
    return f"{ratio:.0e}" if ratio >= 1000 else f"{ratio:.2g}"


def written_into(page: Path, text: str) -> None:
    """Puts a table between the marks of a page, all at once.

    Raises:
        BadInput: there is no such page, or it has no marks.
    """
    before, _, after = _cut(page)
    handle, name = tempfile.mkstemp(dir=page.parent, prefix=f".{page.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
        os.chmod(name, page.stat().st_mode)
        os.replace(name, page)
    except BaseException:
        os.unlink(name)
        raise


def differs(page: Path, text: str) -> Mapping[str, str]:
    """Lines of a table that a page does not have, and what it has; numbers may differ, since rounding does."""
    old, new = _cut(page)[1].strip().splitlines(), text.strip().splitlines()
    pairs = zip(old + [""] * len(new), new + [""] * len(old), strict=False)
    return {b: a for a, b in pairs if _masked(a) != _masked(b)}


def _masked(line: str) -> str:
    return re.sub(r"\d+(\.\d+)?(e[+-]\d+)?", "#", line)


def _cut(page: Path) -> tuple[str, str, str]:
    if not page.is_file():
        raise BadInput(f"There is no page {page.name}. The table belongs to docs/zoo.md of a clone; see --page.")
    text = page.read_text(encoding="utf-8")
    before, mark, rest = text.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not mark or not end:
        raise BadInput(f"{page.name} has no place for the table: a line {BEGIN} and, below it, a line {END}.")
    return before, inside, after
