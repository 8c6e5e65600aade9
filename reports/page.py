"""One self-contained HTML page from evidence: no network, no script, the same bytes for the same evidence."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..oracles.errors import FlowlawError
from . import maps, plots
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
from .events import CaseMap, Cell, Formula, Number, Plot
from .evidence import Evidence, read_evidence
from .mathml import formula as print_formula
from .mathml import mathml, split_prose
from .numbers import show

if TYPE_CHECKING:
    import jinja2

MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a page shows: points of a curve, rows of a table, certified instances, characters of a case, curves.

    Without ``detail`` formulas of steps, certificates, cases and replay commands are left out; without ``pictures``
    curves and tables too, so that only sentences, verdicts and numbers remain. The page says so, and each theorem then
    has a page of its own beside it, with everything.

    Attributes:
        figures: of one simulation.
        lists: whether steps and negative controls are told one by one where all of them came out as they should.
    """

    points: int
    rows: int
    instances: int
    case: int
    figures: int = 100
    detail: bool = True
    pictures: bool = True
    lists: bool = True


FULL = Limits(points=plots.MAX_POINTS, rows=200, instances=200, case=400)
TIGHT = Limits(points=32, rows=10, instances=4, case=120)
"""For pages that would pass ``MAX_BYTES``."""
PICTURES = Limits(points=32, rows=10, instances=0, case=0, detail=False)
"""For pages that would pass it even so: what a person looks at stays."""
SKETCH = Limits(points=12, rows=4, instances=0, case=0, figures=1, detail=False, lists=False)
"""For many theorems with pages of their own: what each says, its verdicts, and the first curves of each simulation."""
SPARSE = replace(SKETCH, points=8, rows=0)
BARE = Limits(points=0, rows=0, instances=0, case=0, detail=False, pictures=False)
"""For pages that nothing else keeps below it."""

LEVELS = (FULL, TIGHT, PICTURES)

Formulas = Mapping[str, str]
Pages = Mapping[str, str]
"""Where the page of a theorem is, relative to the page that links to it."""


def write_report(
    evidence: str | os.PathLike[str], html: str | os.PathLike[str], *, formulas: Formulas | None = None
) -> Evidence:
    """Reads the file ``evidence``, writes the page ``html`` in one go, and returns what was read.

    A page that cannot show everything below ``MAX_BYTES`` gets a folder beside it with a page for each theorem:
    ``theorems/`` for ``index.html``, else ``NAME-theorems/``. Pages of an earlier run in that folder are removed.

    ``formulas`` maps the TeX of further theorems to MathML (``mathml/regenerate.py``); it is trusted as it stands.

    Raises:
        BadInput: the evidence cannot be read.
        FlowlawError: a page cannot be written.
    """
    read, target = read_evidence(evidence), Path(html)
    folder = target.with_name("theorems" if target.stem == "index" else f"{target.stem}-theorems")
    names = {record.id: _file_name(record.id, number) for number, record in enumerate(read.records)}
    page = _first_below(read, formulas or {}, (FULL,), {})
    whole = page is not None
    if page is None:
        pages = {key: f"{folder.name}/{name}" for key, name in names.items()}
        levels = (*LEVELS[1:], SKETCH, SPARSE)
        page = _first_below(read, formulas or {}, levels, pages) or _render(read, formulas or {}, BARE, pages)
        for record in read.records:
            alone = replace(read, records=(record,))
            text = render(alone, formulas=formulas, pages=names, index=f"../{target.name}")
            write_text(folder / names[record.id], text)
    with suppress(OSError):
        for page_of_one in folder.glob("*.html"):
            if (whole or page_of_one.name not in names.values()) and _is_ours(page_of_one):
                page_of_one.unlink()
        if whole:
            folder.rmdir()
    write_text(target, page)
    return read


def _is_ours(page: Path) -> bool:
    """Whether flowlaw wrote a page; a folder of this name may hold others."""
    with page.open("rb") as file:
        return b"<title>flowlaw: " in file.read(4096)


def _file_name(key: str, number: int) -> str:
    """A file for a record: its id, which a reader can guess, unless that is no plain name."""
    return f"{key}.html" if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,99}", key) else f"{number}.html"


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


def render(evidence: Evidence, *, formulas: Formulas | None = None, pages: Pages | None = None, index: str = "") -> str:
    """The page as text: in full, or with as much less as keeps it below ``MAX_BYTES``.

    Args:
        evidence: all of it is shown.
        formulas: TeX to MathML, for theorems of other packages.
        pages: where theorems have pages of their own, relative to this one.
        index: the page of the whole run, for the page of one theorem.
    """
    found = _first_below(evidence, formulas or {}, LEVELS, pages or {}, index)
    return found or _render(evidence, formulas or {}, BARE, pages or {}, index)


def _first_below(
    evidence: Evidence, formulas: Formulas, levels: Sequence[Limits], pages: Pages, index: str = ""
) -> str | None:
    for limits in levels:
        page = _render(evidence, formulas, limits, pages, index)
        if len(page.encode()) <= MAX_BYTES:
            return page
    return None


def _render(evidence: Evidence, formulas: Formulas, limits: Limits, pages: Pages, index: str = "") -> str:
    template = _Painter(evidence, formulas, limits, pages).environment().get_template("page.html")
    return template.render(
        evidence=evidence,
        headline=headline(evidence),
        failures=failures(evidence),
        parts=parts(evidence.records),
        totals=totals(evidence.records),
        embedded=summary_json(evidence).replace("<", "\\u003c").replace("&", "\\u0026"),
        date=_date(),
        index=index,
    )


class _Painter:
    """The functions a template may call; they turn pieces of evidence into safe markup."""

    def __init__(self, evidence: Evidence, formulas: Formulas, limits: Limits, pages: Pages) -> None:
        self.formulas = formulas
        self.limits = limits
        self.nouns = nouns(evidence)
        self.pages = pages
        self.known = {**pages, **{record.id: f"#{record.id}" for record in evidence.records}}
        self._keys = iter(range(1, 1_000_000))

    def environment(self) -> jinja2.Environment:
        import jinja2
        from markupsafe import Markup

        def safe(function: Callable[..., str]) -> Callable[..., str]:
            return lambda *values: Markup(function(*values))

        def legend(plot: Plot) -> list[tuple[str, str]]:
            return [(Markup(mark), label) for mark, label in plots.legend(plot)]

        def drawn(shown: CaseMap) -> tuple[Sequence[str], list[tuple[str, str]]]:
            key = f"m{next(self._keys)}"
            panels = [Markup(panel) for panel in maps.svgs(shown, key)]
            return panels, [(Markup(mark), label) for mark, label in maps.legend(shown, key)]

        environment = jinja2.Environment(
            loader=jinja2.FunctionLoader(_template),
            bytecode_cache=_compiled(),
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
            "drawn": drawn,
            "figures": figures,
            "metrics": metrics,
            "nouns": self.nouns,
            "is_expected": is_expected,
            "numeric_columns": numeric_columns,
            "stated_only": stated_only,
            "segments": segments,
            "replays": replays,
            "known": self.known,
            "pages": self.pages,
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


@cache
def _compiled() -> jinja2.BytecodeCache:
    """The templates as compiled once: a run of many theorems renders them once for each."""
    import jinja2

    class InMemory(jinja2.BytecodeCache):
        def __init__(self) -> None:
            self.kept: dict[str, bytes] = {}

        def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
            if bucket.key in self.kept:
                bucket.bytecode_from_string(self.kept[bucket.key])

        def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
            self.kept[bucket.key] = bucket.bytecode_to_string()

    return InMemory()


def _template(name: str) -> str:
    return resources.files(__package__ or "flowlaw.reports").joinpath("templates", name).read_text("utf-8")


def _date() -> str:
    """The day that SOURCE_DATE_EPOCH names, or nothing."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return time.strftime("%Y-%m-%d", time.gmtime(int(epoch))) if epoch.isdigit() else ""
