"""The page of a reduced flow: the formulas, what they rest on, and both flows drawn over each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from itertools import count
from typing import Any

from . import plots
from .events import Plot
from .mathml import mathml, split_prose
from .numbers import number, show


@dataclass(frozen=True, slots=True)
class ReducedPage:
    """What the page shows; all of it was computed elsewhere.

    Attributes:
        model: the spec.
        parameters: D.
        dimension: d, the number of coordinates of z; None if phi is too large to be written out.
        start: the name of the initialization.
        start_says: how it was chosen, or nothing.
        point: its numbers as text.
        theorem: the id of the entry of the lawbook.
        theorem_title: of that entry.
        statement: its TeX.
        form: the name of the closed form.
        domain: for which z it is valid.
        invariants: names and values of the laws that enter K.
        formulas: what each gives, TeX, and SymPy text or nothing.
        loss: in words, or nothing.
        verdict: of the comparison: HOLDS, VIOLATED or SKIPPED.
        says: the sentence that goes with it.
        distance: the largest one, or None.
        bound: what integration accounts for, or None.
        order: at which the distance falls, or None.
        plots: of the comparison.
        command: what makes the page again.
    """

    model: str
    parameters: int
    dimension: int | None
    start: str
    start_says: str
    point: str
    theorem: str
    theorem_title: str
    statement: str
    form: str
    domain: str
    invariants: Sequence[tuple[str, str]]
    formulas: Sequence[tuple[str, str, str]]
    loss: str
    verdict: str
    says: str
    distance: float | None
    bound: float | None
    order: int | None
    plots: Sequence[Plot]
    command: str


def page(content: ReducedPage) -> str:
    """One self-contained page: no network, no script, the same bytes for the same content."""
    import jinja2
    from markupsafe import Markup

    keys = count(1)

    def safe(function: Callable[..., str]) -> Callable[..., str]:
        return lambda *values: Markup(function(*values))

    def plot(one: Plot) -> str:
        return plots.svg(one, f"p{next(keys)}")

    def legend(one: Plot) -> list[tuple[str, str]]:
        return [(Markup(mark), label) for mark, label in plots.legend(one)]

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {"formula": safe(mathml), "prose": safe(_prose), "size": safe(_size)}
    names: dict[str, Any] = {
        "plot": safe(plot),
        "legend": legend,
        "undrawn": plots.undrawn,
    }
    environment.filters.update(filters)
    environment.globals.update(names)
    return environment.get_template("reduced.html").render(page=content)


def _prose(text: str) -> str:
    """A sentence of the lawbook with its formulas."""
    return "".join(map(_part, *zip(*split_prose(text), strict=True))) if text else ""


def _part(kind: str, part: str) -> str:
    if kind == "tex":
        return mathml(part, inline=True)
    return f"<code>{escape(part)}</code>" if kind == "code" else escape(part)


def _size(value: float) -> str:
    """``1.5 x 10^-7`` on one line, with a real superscript."""
    text = show(number(value), 2).replace(" ", "\N{NO-BREAK SPACE}")
    return _RAISED.sub(lambda match: f"<sup>{match.group().translate(_LOWERED)}</sup>", escape(text))


_RAISED = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "−0123456789")


def _template(name: str) -> str:
    return resources.files(__package__ or "flowlaw.reports").joinpath("templates", name).read_text("utf-8")
