"""Pictures of classifications over whole numbers: small grids side by side, one cell for each combination.

Each cell has a fill, a pattern and the character of its case, so that colour is never the only signal. Classes refer to
the page's style sheet. A row of one case is a single dashed stroke, whose dashes are the cells: ten grids of 25
cells take 14 KB with their labels and their description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby

from ._shapes import MisfitError
from .events import CaseKind, CaseMap, Panel

CELL, GAP = 20, 2
LEFT, TOP, RIGHT, BOTTOM = 20, 20, 12, 18
MAX_SIDE = 32
MAX_PANELS = 32
MAX_CELLS = 4096
MAX_CASES = 12
MAX_LABEL = 300
MAX_NAME = 12
STYLES = 3
"""Different patterns of one tone; further cases repeat them and differ by their character alone."""
NONE = "."
"""Where a row has no cell."""

_PITCH = CELL + GAP
_PATTERNS = {
    "yes0": (6, 0, ""),
    "yes1": (5.5, 0, '<circle cx="1.75" cy="1.75" r="1"/>'),
    "yes2": (5.5, 0, '<path d="M1.75 0v5.5"/>'),
    "part0": (6, 45, '<path d="M0 3h6"/>'),
    "part1": (6, 135, '<path d="M0 3h6"/>'),
    "part2": (22, 0, '<path d="M0 3h22M0 17h22"/>'),
    "no0": (6, 0, ""),
    "no1": (5.5, 0, '<circle cx="1.75" cy="1.75" r=".8"/>'),
    "no2": (7, 45, '<path d="M0 3.5h7M3.5 0v7"/>'),
}
"""For each fill the side of its tile, how far it is turned, and what is drawn on the ground. The side of a tile that is
not turned divides the distance of two cells, so that all cells look alike."""


def svgs(shown: CaseMap, key: str) -> list[str]:
    """One ``<svg>`` for each panel; ``key`` makes ids unique on the page. The patterns are defined in the first."""
    fills = _fills(shown)
    return [_panel(shown, panel, fills, f"{key}-{number}", key) for number, panel in enumerate(shown["panels"])]


def legend(shown: CaseMap, key: str) -> list[tuple[str, str]]:
    """For each case that occurs a sample of its cells, hidden to readers, and its character with its meaning."""
    fills = _fills(shown)
    found: list[tuple[str, str]] = []
    for case in shown["cases"]:
        if case["key"] not in fills:
            continue
        sample = (
            f'<svg class="swatch" viewBox="{LEFT} {TOP} {CELL} {CELL}" aria-hidden="true">'
            f"{_stroke(fills[case['key']], key, f'M{LEFT} {TOP + CELL // 2}h{CELL}')}"
            f'<text class="c" x="{LEFT + CELL // 2}" y="{TOP + 14}">{escape(case["key"])}</text></svg>'
        )
        found.append((sample, f"{case['key']}: {case['label']}"))
    return found


def describe(shown: CaseMap, panel: Panel) -> str:
    """A panel in words: its rows, each with the characters of its cells."""
    columns = shown["columns"]
    across = columns[0] if len(columns) == 1 else f"{columns[0]} to {columns[-1]}"
    rows = [
        f"{shown['y']} {name}: {' '.join('none' if char == NONE else char for char in cells)}."
        for name, cells in zip(shown["rows"], panel["cells"], strict=True)
    ]
    return f"Cases for {shown['x']} {across}. {' '.join(rows)}"


def text(shown: CaseMap) -> Iterator[str]:
    """The picture for a terminal, line by line."""
    for case in shown["cases"]:
        yield f"{case['key']}: {case['label']}"
    width = max(map(len, shown["columns"]))
    side = max(map(len, [*shown["rows"], shown["y"]]))
    for panel in shown["panels"]:
        yield f"{panel['title']}"
        yield f"{shown['y']:>{side}} {shown['x']} {' '.join(f'{name:>{width}}' for name in shown['columns'])}"
        for name, cells in zip(shown["rows"], panel["cells"], strict=True):
            yield f"{name:>{side}} {' ' * len(shown['x'])} {' '.join(f'{char:>{width}}' for char in cells)}"


def check(shown: CaseMap) -> None:
    """Refuses a picture that is too large or whose parts do not fit together; types were checked before.

    Raises:
        MisfitError: with the place inside the picture.
    """
    for side, names in (("columns", shown["columns"]), ("rows", shown["rows"])):
        if not 1 <= len(names) <= MAX_SIDE:
            raise MisfitError(f".{side}", f"should have 1 to {MAX_SIDE} names, not {len(names):,}")
        for number, name in enumerate(names):
            _short(name, MAX_NAME, f".{side}[{number}]")
    for side, name in (("x", shown["x"]), ("y", shown["y"])):
        _short(name, MAX_NAME, f".{side}")
    keys = _check_cases(shown["cases"])
    if not 1 <= len(shown["panels"]) <= MAX_PANELS:
        raise MisfitError(".panels", f"should have 1 to {MAX_PANELS} grids, not {len(shown['panels']):,}")
    cells = len(shown["panels"]) * len(shown["columns"]) * len(shown["rows"])
    if cells > MAX_CELLS:
        raise MisfitError(".panels", f"should have at most {MAX_CELLS:,} cells together, not {cells:,}")
    for number, panel in enumerate(shown["panels"]):
        _short(panel["title"], 3 * MAX_NAME, f".panels[{number}].title")
        _check_cells(shown, panel, keys, f".panels[{number}].cells")


def _check_cases(cases: list[CaseKind]) -> set[str]:
    if not 1 <= len(cases) <= MAX_CASES:
        raise MisfitError(".cases", f"should have 1 to {MAX_CASES} entries, not {len(cases):,}")
    keys: set[str] = set()
    for number, case in enumerate(cases):
        key, where = case["key"], f".cases[{number}]"
        if len(key) != 1 or not (key.isascii() and key.isalnum()):
            raise MisfitError(f"{where}.key", f"should be one letter or digit, not {key[:20]!r}")
        if key in keys:
            raise MisfitError(f"{where}.key", f"repeats {key!r}")
        keys.add(key)
        _short(case["label"], MAX_LABEL, f"{where}.label")
    return keys


def _check_cells(shown: CaseMap, panel: Panel, keys: set[str], where: str) -> None:
    if len(panel["cells"]) != len(shown["rows"]):
        raise MisfitError(
            where, f"should have a string for each of {len(shown['rows'])} rows, not {len(panel['cells'])}"
        )
    for number, row in enumerate(panel["cells"]):
        if len(row) != len(shown["columns"]):
            raise MisfitError(
                f"{where}[{number}]",
                f"should have a character for each of {len(shown['columns'])} columns, not {len(row):,}",
            )
        if unknown := sorted(set(row) - keys - {NONE}):
            raise MisfitError(f"{where}[{number}]", f"has {unknown[0]!r}, which is the key of no case")


def _short(words: str, most: int, where: str) -> None:
    if not 1 <= len(words) <= most:
        raise MisfitError(where, f"should have 1 to {most} characters, not {len(words):,}")


def _fills(shown: CaseMap) -> dict[str, str]:
    """For each case that occurs the name of its fill: its tone, and which of that tone it is."""
    present = {char for panel in shown["panels"] for row in panel["cells"] for char in row}
    count: dict[str, int] = {}
    fills: dict[str, str] = {}
    for case in shown["cases"]:
        if case["key"] in present:
            place = count.get(case["tone"], 0)
            count[case["tone"]] = place + 1
            fills[case["key"]] = f"{case['tone']}{place % STYLES}"
    return fills


def _panel(shown: CaseMap, panel: Panel, fills: Mapping[str, str], own: str, key: str) -> str:
    width = LEFT + _PITCH * len(shown["columns"]) + RIGHT
    height = TOP + _PITCH * len(shown["rows"]) + BOTTOM
    paths: dict[str, list[str]] = {}
    texts: list[str] = []
    for number, row in enumerate(panel["cells"]):
        y = TOP + _PITCH * number
        for char, start, length in _runs(row):
            paths.setdefault(char, []).append(f"M{LEFT + _PITCH * start} {y + CELL // 2}h{_PITCH * length - GAP}")
        filled = [(column, char) for column, char in enumerate(row) if char != NONE]
        if filled:
            places = " ".join(str(LEFT + _PITCH * column + CELL // 2) for column, _ in filled)
            texts.append(f'<text class="c n" x="{places}" y="{y + 14}">{"".join(char for _, char in filled)}</text>')
    strokes = [_stroke(fills[char], key, "".join(paths[char])) for char in fills if char in paths]
    return (
        f'<svg class="plot grid" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{own}t" aria-describedby="{own}d"><title id="{own}t">{escape(panel["title"])}</title>'
        f'<desc id="{own}d">{escape(describe(shown, panel))}</desc>'
        f"{_patterns(fills, key) if own == f'{key}-0' else ''}{''.join(strokes)}{''.join(texts)}"
        f"{_labels(shown, panel, width, height)}</svg>"
    )


def _runs(row: str) -> Iterator[tuple[str, int, int]]:
    """Neighbouring cells of one case: its character, where they start, how many they are."""
    start = 0
    for char, same in groupby(row):
        length = sum(1 for _ in same)
        if char != NONE:
            yield char, start, length
        start += length


def _stroke(fill: str, key: str, path: str) -> str:
    return f'<path class="cells" stroke="url(#{key}-{fill})" d="{path}"/>'


def _patterns(fills: Mapping[str, str], key: str) -> str:
    found: list[str] = []
    for fill in dict.fromkeys(fills.values()):
        side, turn, marks = _PATTERNS[fill]
        turned = f' patternTransform="rotate({turn})"' if turn else ""
        found.append(
            f'<pattern id="{key}-{fill}" class="k-{fill}" x="{LEFT}" y="{TOP}" width="{side}" height="{side}" '
            f'patternUnits="userSpaceOnUse"{turned}><rect width="{side}" height="{side}"/>{marks}</pattern>'
        )
    return f"<defs>{''.join(found)}</defs>"


def _labels(shown: CaseMap, panel: Panel, width: int, height: int) -> str:
    """The title, the names of columns below and of rows at the left, and what they are names of."""
    floor = height - BOTTOM + 11
    below = [(LEFT + _PITCH * number + CELL // 2, floor) for number in range(len(shown["columns"]))]
    beside = [(LEFT - 5, TOP + _PITCH * number + 14) for number in range(len(shown["rows"]))]
    return (
        f'<text class="h" x="{LEFT}" y="12">{escape(panel["title"])}</text>'
        f"{_names('c', shown['columns'], below)}{_names('e', shown['rows'], beside)}"
        f'<text class="e i" x="{width}" y="{floor}">{escape(shown["x"])}</text>'
        f'<text class="e i" x="{LEFT - 5}" y="12">{escape(shown["y"])}</text>'
    )


def _names(style: str, names: list[str], places: list[tuple[int, int]]) -> str:
    """Names at their places; names of one character are one text, which takes a place for each of its characters."""
    if all(len(name) == 1 for name in names):
        xs, ys = (list(map(str, side)) for side in zip(*places, strict=True))
        y = ys[0] if len(set(ys)) == 1 else " ".join(ys)  # the last one goes on; x has to be said for each
        return f'<text class="{style}" x="{" ".join(xs)}" y="{y}">{escape("".join(names))}</text>'
    return "".join(
        f'<text class="{style}" x="{x}" y="{y}">{escape(name)}</text>'
        for name, (x, y) in zip(names, places, strict=True)
    )
