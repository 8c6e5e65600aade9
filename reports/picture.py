"""A plot as an SVG file of its own, for papers and slides: title, plot and legend in the light colours of the pages."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib import resources

from . import plots
from .events import Plot

_TITLE, _ROW, _MARGIN = 22, 16, 8


def picture(plot: Plot) -> str:
    """The plot as an SVG document: no script, no reference to anything outside, the same bytes for the same plot."""
    samples = plots.legend(plot)
    width = plots.WIDTH + 2 * _MARGIN
    height = _TITLE + plots.HEIGHT + _ROW * len(samples) + 2 * _MARGIN
    drawn = _placed(plots.svg(plot, "p"), _MARGIN, _MARGIN + _TITLE, plots.WIDTH, plots.HEIGHT)
    first = _MARGIN + _TITLE + plots.HEIGHT
    rows = [
        _placed(mark, plots.LEFT, first + _ROW * row, 26, 12)
        + f'<text x="{plots.LEFT + 34}" y="{first + _ROW * row + 10}">{escape(label)}</text>'
        for row, (mark, label) in enumerate(samples)
    ]
    size = f'width="{width}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size}>',
            f"<style>{_style()}</style>",
            f'<rect {size} fill="#fff"/>',
            f'<text class="title" x="{_MARGIN}" y="{_MARGIN + 13}">{escape(plot["title"])}</text>',
            drawn,
            *rows,
            "</svg>",
            "",
        ]
    )


def _placed(svg: str, x: int, y: int, width: int, height: int) -> str:
    return svg.replace("<svg ", f'<svg x="{x}" y="{y}" width="{width}" height="{height}" ', 1)


@cache
def _style() -> str:
    """The rules for plots of the pages, their variables replaced by what they are in a light page."""
    sheet = resources.files(__package__ or "flowlaw.reports").joinpath("templates", "page.css").read_text("utf-8")
    values = dict(re.findall(r"(--\w+): (?:light-dark\()?([^;]*?)(?:, #\w+\))?;", sheet))
    rules = sheet[sheet.index(".plot .c") : sheet.index(".legend")]
    known = re.sub(r"var\((--\w+)\)", lambda match: values[match[1]], rules)
    text = f"text {{ font: 11px {values['--sans']}; fill: {values['--soft']} }}"
    return f"{text}\n.title {{ font-size: 13px; font-weight: 600; fill: {values['--ink']} }}\n{known}"
