"""Small SVG plots for pages: linear and logarithmic axes, several series, the region a bound allows.

A plot is plain markup without colours of its own: classes refer to the page's style sheet, so that it follows light and
dark. Series differ by dash and marker as well as by colour. What cannot be drawn (NaN, infinities, values that are not
positive on a logarithmic axis) is counted and said in words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from .events import Axis, Plot, Scale, Series
from .numbers import as_float, power_of_ten, show

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 26, 40
MAX_POINTS = 160
MARKERS = (
    ("o", "h0"),  # a dot is a stroke of no length with round ends
    ("m", "m-2.7-2.7h5.4v5.4h-5.4z"),
    ("m", "m0-3.6l3.5 6h-7z"),
    ("m", "m0-3.9l3.4 3.9-3.4 3.9-3.4-3.9z"),
)
"""Dot, square, triangle, diamond: one per series, in turn, next to the dash patterns of the style sheet."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Range:
    """One axis: the interval shown, its ticks, and how many pixels it has."""

    low: float
    high: float
    ticks: tuple[float, ...]
    scale: Scale

    def at(self, value: float) -> float:
        """The place of ``value`` between 0 (low) and 1 (high)."""
        if self.scale == "log":
            return (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return (value - self.low) / (self.high - self.low)

    def label(self, tick: float) -> str:
        if self.scale == "log":
            plain = all(1e-4 < other < 1e4 for other in self.ticks)
            return f"{tick:g}" if plain or tick == 1 else power_of_ten(round(math.log10(tick)))
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        if abs(tick) >= 10_000 or 0 < step < 0.001:
            return show(tick, 2)
        digits = max(0, -math.floor(math.log10(step) + 1e-9))
        digits += abs(round(step, digits) - step) > step / 100  # a step of 2.5 needs a digit more
        return f"{tick:.{digits}f}".replace("-", "−")


def svg(plot: Plot, key: str, max_points: int = MAX_POINTS) -> str:
    """The plot as an ``<svg>`` element; ``key`` makes the ids of its title and description unique on the page."""
    series = [(one, _points(one)) for one in plot["series"]]
    x_axis, y_axis = plot["x"], plot["y"]
    drawable = [[p for p in points if _fits(p[0], x_axis) and _fits(p[1], y_axis)] for _, points in series]
    x = axis_range([p[0] for points in drawable for p in points], x_axis["scale"], 5, tight=True)
    y = axis_range([p[1] for points in drawable for p in points], y_axis["scale"], 5)
    bands: list[str] = []
    lines: list[str] = []
    style = 0
    for (one, _), points in zip(series, drawable, strict=True):
        if one["kind"] == "bound":
            bands.append(
                _band(
                    [_place(p, x, y) for p in decimate(points, max_points)],
                    any(v < 0 for s in drawable for _, v in s),
                    y,
                )
            )
            continue
        thin = decimate(points, max_points)
        places = [_place(p, x, y) for p in thin]
        lines.append(_line(places, style) if one["kind"] == "line" else _marks(places, style))
        style += 1
    title, desc = escape(plot["title"]), escape(describe(plot))
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{key}t" '
        f'aria-describedby="{key}d">'
        f'<title id="{key}t">{title}</title><desc id="{key}d">{desc}</desc>'
        f"{''.join(bands)}{_grid(x, y, x_axis, y_axis)}{''.join(lines)}"
        f"{'' if any(drawable) else _nothing(plot)}</svg>"
    )


def legend(plot: Plot) -> list[tuple[str, str]]:
    """For each series a sample of its line or mark, as a small hidden-to-readers SVG, and its label."""
    samples: list[tuple[str, str]] = []
    style = 0
    for one in plot["series"]:
        if one["kind"] == "bound":
            mark = '<path class="band" d="M0 3H26V12H0Z"/><path class="edge" d="M0 3H26"/>'
        else:
            mark = _line([(0, 6), (26, 6)], style) if one["kind"] == "line" else _marks([(13, 6)], style)
            style += 1
        samples.append((f'<svg class="key" viewBox="0 0 26 12" aria-hidden="true">{mark}</svg>', one["label"]))
    return samples


def describe(plot: Plot) -> str:
    """The plot in words: axes, the range of each series, and how many points could not be drawn."""
    parts = [f"{plot['y']['label']} ({plot['y']['scale']}) against {plot['x']['label']} ({plot['x']['scale']})."]
    for one in plot["series"]:
        points = _points(one)
        values = [v for _, v in points if math.isfinite(v)]
        span = f"{show(min(values))} to {show(max(values))}" if values else "no finite value"
        missing = sum(not (_fits(p[0], plot["x"]) and _fits(p[1], plot["y"])) for p in points)
        note = f", {missing} of {len(points)} points not drawable here" if missing else ""
        parts.append(f"{one['label']}: {span}{note}.")
    return " ".join(parts)


def undrawn(plot: Plot) -> str:
    """A sentence about the points that the plot cannot show, or ``""``."""
    every = [point for one in plot["series"] for point in _points(one)]
    missing = [(a, b) for a, b in every if not (_fits(a, plot["x"]) and _fits(b, plot["y"]))]
    nan = sum(math.isnan(a) or math.isnan(b) for a, b in missing)
    infinite = sum((math.isinf(a) or math.isinf(b)) and not (math.isnan(a) or math.isnan(b)) for a, b in missing)
    words = [f"{nan} NaN", f"{infinite} infinite", f"{len(missing) - nan - infinite} zero or negative"]
    kinds = [word for word in words if not word.startswith("0 ")]
    return f"Not drawn, of {len(every):,} points: {', '.join(kinds)}." if kinds else ""


def decimate(points: Sequence[Point], limit: int) -> list[Point]:
    """At most about ``limit`` of the points: of each run of neighbours the lowest and the highest, and both ends."""
    if len(points) <= limit:
        return list(points)
    buckets = max(1, (limit - 2) // 2)
    inner = range(1, len(points) - 1)
    kept = {0, len(points) - 1}
    for bucket in range(buckets):
        run = inner[bucket * len(inner) // buckets : (bucket + 1) * len(inner) // buckets]
        if run:
            kept.add(min(run, key=lambda index: points[index][1]))
            kept.add(max(run, key=lambda index: points[index][1]))
    return [points[index] for index in sorted(kept)]


def axis_range(values: Iterable[float], scale: Scale, wanted: int, *, tight: bool = False) -> Range:
    """An axis around ``values`` with about ``wanted`` round ticks. ``tight`` ends at the values, not at ticks."""
    found = list(values) or [1.0, 10.0] if scale == "log" else list(values) or [0.0, 1.0]
    low, high = min(found), max(found)
    return _log_range(low, high, wanted, tight) if scale == "log" else _linear_range(low, high, wanted, tight)


def _linear_range(low: float, high: float, wanted: int, tight: bool) -> Range:
    if low == high:
        pad = abs(low) / 2 or 1.0
        low, high, tight = low - pad, high + pad, False
    rough = (high - low) / wanted
    if not math.isfinite(rough) or rough == 0:
        return Range(low, high, (low, high), "linear")
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next((k * unit for k in (1, 2, 2.5, 5, 10) if k * unit >= rough), 10 * unit)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [k * step for k in range(first, last + 1)]
    if tight:
        inside = tuple(t for t in ticks if low - step * 1e-6 <= t <= high + step * 1e-6)
        return Range(low, high, inside, "linear")
    return Range(ticks[0], ticks[-1], tuple(ticks), "linear")


def _log_range(low: float, high: float, wanted: int, tight: bool) -> Range:
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if first == last:
        first, last = first - (0 if tight else 1), last + 1
    every = max(1, math.ceil((last - first) / wanted))
    decades = range(first + -first % every, last + 1, every)
    ticks = tuple(_power(k) for k in decades)
    if tight and high > low:
        inside = tuple(t for t in ticks if low * (1 - 1e-9) <= t <= high * (1 + 1e-9))
        return Range(low, high, inside, "log")
    return Range(_power(first), _power(last), ticks, "log")


def _power(exponent: int) -> float:
    """A power of ten inside the range of floats."""
    return 10.0 ** min(max(exponent, -307), 308)


def _points(series: Series) -> list[Point]:
    return [(as_float(x), as_float(y)) for x, y in series["points"]]


def _fits(value: float, axis: Axis) -> bool:
    return math.isfinite(value) and (axis["scale"] == "linear" or value > 1e-307)


def _place(point: Point, x: Range, y: Range) -> Point:
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return LEFT + width * x.at(point[0]), TOP + height * (1 - y.at(point[1]))


def _path(places: Iterable[Point]) -> str:
    """``M x y l dx dy ...`` on a grid of tenths of a pixel."""
    steps: list[str] = []
    before: tuple[int, int] | None = None
    for px, py in places:
        here = (round(px * 10), round(py * 10))
        if before is None:
            steps.append(f"M{_tenths(here[0])} {_tenths(here[1])}")
        elif here != before:
            dx, dy = here[0] - before[0], here[1] - before[1]
            steps.append(f"{'l' if len(steps) == 1 else ' '}{_tenths(dx)}{'' if dy < 0 else ' '}{_tenths(dy)}")
        before = here
    return "".join(steps).replace("l ", "l")


def _tenths(value: int) -> str:
    text = f"{value / 10:g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _line(places: Sequence[Point], style: int) -> str:
    if len(places) == 1:
        return _marks(places, style)
    return f'<path class="s s{style % 6}" d="{_path(places)}"/>' if places else ""


def _marks(places: Sequence[Point], style: int) -> str:
    kind, shape = MARKERS[style % len(MARKERS)]
    drawn = "".join(f"M{px:.1f} {py:.1f}{shape}" for px, py in places)
    return f'<path class="{kind} {kind}{style % 6}" d="{drawn}"/>' if places else ""


def _band(places: Sequence[Point], mirrored: bool, y: Range) -> str:
    """The region below the bound; between the bound and its negative where negative values are drawn."""
    if not places:
        return ""
    if len(places) == 1:
        places = [(LEFT, places[0][1]), (WIDTH - RIGHT, places[0][1])]
    floor = HEIGHT - BOTTOM
    if mirrored and y.scale == "linear":
        zero = TOP + (HEIGHT - TOP - BOTTOM) * (1 - y.at(0.0))
        lower = [(px, min(floor, 2 * zero - py)) for px, py in reversed(places)]
        edge = f'<path class="edge" d="{_path(places)}"/><path class="edge" d="{_path(lower)}"/>'
    else:
        lower = [(places[-1][0], floor), (places[0][0], floor)]
        edge = f'<path class="edge" d="{_path(places)}"/>'
    return f'<path class="band" d="{_path([*places, *lower])}z"/>{edge}'


def _grid(x: Range, y: Range, x_axis: Axis, y_axis: Axis) -> str:
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    lines = "".join(f"M{LEFT} {_place((x.low, t), x, y)[1]:.1f}H{right}" for t in y.ticks)
    notches = "".join(f"M{_place((t, y.low), x, y)[0]:.1f} {floor}v4" for t in x.ticks)
    labels = [_text("e", LEFT - 6, _place((x.low, t), x, y)[1] + 4, y.label(t)) for t in y.ticks]
    labels += [_text("c", _place((t, y.low), x, y)[0], floor + 16, x.label(t)) for t in x.ticks]
    middle = (LEFT + right) / 2
    return (
        f'<path class="g" d="{lines}"/><path class="a" d="M{LEFT} {floor}H{right}{notches}"/>{"".join(labels)}'
        f"{_text('c n', middle, HEIGHT - 5, x_axis['label'])}{_text('n', 0, 11, y_axis['label'])}"
    )


def _text(style: str, x: float, y: float, words: str) -> str:
    raised = _RAISED.sub(lambda match: f'<tspan dy="-4">{match.group().translate(_DIGITS)}</tspan>', escape(words))
    return f'<text class="{style}" x="{round(x, 1):g}" y="{round(y, 1):g}">{raised}</text>'


_RAISED = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "−0123456789")


def _nothing(plot: Plot) -> str:
    values = [v for one in plot["series"] for _, v in _points(one)]
    words = "every value is exactly 0" if values and not any(values) else "no value can be drawn"
    return _text("c", (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2, words)
