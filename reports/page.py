"""One self-contained HTML page from evidence: no network, no script, the same bytes for the same evidence."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..oracles.errors import FlowlawError
from . import plots
from ._records import is_expected
from ._view import (
    failures,
    figures,
    headline,
    metrics,
    nouns,
    numeric_columns,
    parts,
    replays,
    segments,
    stated_only,
    summary_json,
    totals,
)
from .events import Cell, Formula, Number, Plot
from .evidence import Evidence, read_evidence
from .mathml import formula as print_formula
from .mathml import mathml, split_prose
from .numbers import show

if TYPE_CHECKING:
    import jinja2

MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a page shows: points of a curve, rows of a table, certified instances, characters of a case.

    Without ``detail`` formulas of steps, certificates, cases and replay commands are left out; without ``pictures``
    curves and tables too, so that only sentences, verdicts and numbers remain. The page says so; the evidence has all.
    """

    points: int
    rows: int
    instances: int
    case: int
    detail: bool = True
    pictures: bool = True


FULL = Limits(points=plots.MAX_POINTS, rows=200, instances=200, case=400)
TIGHT = Limits(points=32, rows=10, instances=4, case=120)
"""For pages that would pass ``MAX_BYTES``."""
PICTURES = Limits(points=32, rows=10, instances=0, case=0, detail=False)
"""For pages that would pass it even so: what a person looks at stays."""
BARE = Limits(points=0, rows=0, instances=0, case=0, detail=False, pictures=False)
"""For pages that nothing else keeps below it."""

Formulas = Mapping[str, str]


def write_report(
    evidence: str | os.PathLike[str], html: str | os.PathLike[str], *, formulas: Formulas | None = None
) -> Evidence:
    """Reads the file ``evidence``, writes the page ``html`` in one go, and returns what was read.

    ``formulas`` maps the TeX of further theorems to MathML (``mathml/regenerate.py``); it is trusted as it stands.

    Raises:
        BadInput: the evidence cannot be read.
        FlowlawError: the page cannot be written.
    """
    read = read_evidence(evidence)
    write_text(Path(html), render(read, formulas=formulas))
    return read


def write_text(target: Path, text: str) -> None:
    """Writes ``text`` beside ``target`` and renames it, so that nothing half-written is left."""
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, "utf-8", newline="\n")
        os.replace(partial, target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise FlowlawError(
            f"Cannot write {target}: {error.strerror}. Free some space or choose another folder."
        ) from None


def render(evidence: Evidence, *, formulas: Formulas | None = None) -> str:
    """The page as text: in full, or with as much less as keeps it below ``MAX_BYTES``."""
    for limits in (FULL, TIGHT, PICTURES):
        page = _render(evidence, formulas or {}, limits)
        if len(page.encode()) <= MAX_BYTES:
            return page
    return _render(evidence, formulas or {}, BARE)


def _render(evidence: Evidence, formulas: Formulas, limits: Limits) -> str:
    template = _Painter(evidence, formulas, limits).environment().get_template("page.html")
    return template.render(
        evidence=evidence,
        headline=headline(evidence),
        failures=failures(evidence),
        parts=parts(evidence.records),
        totals=totals(evidence.records),
        embedded=summary_json(evidence).replace("<", "\\u003c").replace("&", "\\u0026"),
        date=_date(),
    )


class _Painter:
    """The functions a template may call; they turn pieces of evidence into safe markup."""

    def __init__(self, evidence: Evidence, formulas: Formulas, limits: Limits) -> None:
        self.formulas = formulas
        self.limits = limits
        self.nouns = nouns(evidence)
        self.known = {record.id for record in evidence.records}
        self._keys = iter(range(1, 1_000_000))

    def environment(self) -> jinja2.Environment:
        import jinja2
        from markupsafe import Markup

        def safe(function: Callable[..., str]) -> Callable[..., str]:
            return lambda *values: Markup(function(*values))

        def legend(plot: Plot) -> list[tuple[str, str]]:
            return [(Markup(mark), label) for mark, label in plots.legend(plot)]

        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(_template),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        filters: dict[str, Callable[..., Any]] = {
            "prose": safe(self.prose),
            "formula": safe(self.formula),
            "cell": safe(self.cell),
            "show": safe(_shown),
            "sup": safe(_raised),
            "plain": _plain,
            "short": self.short,
        }
        names: dict[str, Any] = {
            "plot": safe(self.plot),
            "legend": legend,
            "undrawn": plots.undrawn,
            "figures": figures,
            "metrics": metrics,
            "nouns": self.nouns,
            "is_expected": is_expected,
            "numeric_columns": numeric_columns,
            "stated_only": stated_only,
            "segments": segments,
            "replays": replays,
            "known": self.known,
            "limits": self.limits,
        }
        environment.filters.update(filters)
        environment.globals.update(names)
        return environment

    def prose(self, text: str) -> str:
        """A sentence with ``$formula$`` and `` `code` `` set as such."""
        return "".join(self._prose(text))

    def _prose(self, text: str) -> Iterator[str]:
        for kind, part in split_prose(text):
            if kind == "tex":
                yield mathml(part, inline=True, table=self.formulas)
            else:
                yield f"<code>{escape(part)}</code>" if kind == "code" else _raised(part)

    def formula(self, found: Formula) -> str:
        if isinstance(found, str):
            return mathml(found, table=self.formulas)
        try:
            return print_formula(found)
        except ValueError as error:
            return f"<code>{escape(str(error))}</code>"

    def cell(self, value: Cell) -> str:
        if isinstance(value, dict):
            if "tex" in value:
                return mathml(value["tex"], inline=True, table=self.formulas)
            return _shown(value, 3)
        if value is None:
            return "–"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, (int, float)) or value in ("nan", "inf", "-inf"):
            return _shown(value, 3)
        return self.prose(value)

    def short(self, text: str) -> str:
        """Long texts of cases, cut."""
        limit = self.limits.case
        return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"

    def plot(self, plot: Plot) -> str:
        return plots.svg(plot, f"p{next(self._keys)}", self.limits.points)


def _shown(value: Number | None, digits: int = 2) -> str:
    return _raise(show(value, digits))


def _raised(text: str) -> str:
    return _raise(escape(text))


def _raise(text: str) -> str:
    """Superscript digits as real superscripts, since those of many fonts cannot be read; numbers stay on one line."""
    text = text.replace(" × 10", "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10")
    return _SUPERSCRIPT.sub(lambda match: f"<sup>{match.group().translate(_LOWERED)}</sup>", text)


_SUPERSCRIPT = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "−0123456789")


def _plain(text: str) -> str:
    """A sentence without its dollar signs and backticks, for places that take text only."""
    return "".join(part for _, part in split_prose(text))


def _template(name: str) -> str:
    return resources.files(__package__ or "flowlaw.reports").joinpath("templates", name).read_text("utf-8")


def _date() -> str:
    """The day that SOURCE_DATE_EPOCH names, or nothing."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return time.strftime("%Y-%m-%d", time.gmtime(int(epoch))) if epoch.isdigit() else ""
