"""The page in a real browser: it asks for nothing, complains of nothing, and works by keyboard, in light and dark."""

import struct
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

# The contrast of every visible text against what is painted behind it, as WCAG 2 defines it.
CONTRAST = """
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const over = (colours) => {
  canvas.clearRect(0, 0, 1, 1);
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
  if (element.closest('script, .hidden, .skip')) continue;
  const style = getComputedStyle(element), behind = [];
  let shade = 1;
  for (let e = element; e; e = e.parentElement) {
    behind.unshift(getComputedStyle(e).backgroundColor);
    shade *= getComputedStyle(e).opacity;
  }
  const under = over(behind), ink = over([...behind, element.closest('svg') ? style.fill : style.color]);
  const mixed = ink.map((c, k) => shade * c + (1 - shade) * under[k]);
  const [a, b] = [light(mixed), light(under)].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5))
    poor.push(`${ratio.toFixed(2)} ${element.outerHTML.slice(0, 90)}`);
}
return [...new Set(poor)];
"""
OVERFLOW = """
const wide = document.documentElement.clientWidth;
return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()
  && !e.closest('.scroll, .statement, .formula, .hidden, .skip, svg') && e.getBoundingClientRect().right > wide + 1)
  .map(e => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`);
"""
BACKGROUND = "return getComputedStyle(document.body).backgroundColor"


@pytest.fixture(autouse=True)
def _desktop(browser: Any, page: Path) -> None:  # pyright: ignore[reportUnusedFunction]  # autouse
    browser.size(1440, 1000)
    browser.prefers("light")
    browser.open(page)
    browser.console()
    browser.requests()


def test_the_page_asks_for_nothing_and_the_console_is_silent(browser: Any, page: Path) -> None:
    browser.open(page)
    assert {url for url in browser.requests() if not url.startswith("data:")} <= {
        "about:blank",
        page.resolve().as_uri(),
    }
    assert browser.console() == []


def test_the_policy_forbids_scripts_and_leaves_the_data_readable(browser: Any) -> None:
    assert browser.ask("return JSON.parse(document.getElementById('_json').textContent).totals.theorems") == 20
    browser.ask("const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s)")
    assert browser.ask("return window.ran") is None
    assert any("Content Security Policy" in line for line in browser.console())


def test_a_deep_link_scrolls_to_its_theorem(browser: Any, page: Path) -> None:
    for anchor in ("A1.two-layer-linear.count", "A1.deep-linear.known-laws:balls", "A1.notebook:double"):
        browser.open(page, anchor)
        top = browser.ask("return document.getElementById(arguments[0]).getBoundingClientRect().top", anchor)
        assert 0 <= top < 200, anchor


def test_the_tab_key_visits_skip_link_colours_contents_and_summary_in_order(browser: Any) -> None:
    visited: list[str] = []
    for _ in range(30):
        browser.press("\ue004")
        visited.append(
            browser.ask(
                "const e = document.activeElement, r = e.getBoundingClientRect();"
                "return e.id || e.closest('[class]').className + ' ' + (e.getAttribute('href') || e.tagName)"
            )
        )
    assert visited[0] == "skip #_summary"
    assert visited[1] == "_auto"
    assert visited[2:5] == ["toc #_summary", "toc #A0.conventions", "toc #A0.rank-certificate"]
    assert "summary #A0.conventions" in visited


def test_focus_can_be_seen(browser: Any) -> None:
    for _ in range(4):
        browser.press("\ue004")
    style = browser.ask("const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]")
    assert style == ["solid", "2px"]


def test_the_skip_link_shows_itself_and_leads_to_the_summary(browser: Any) -> None:
    browser.press("\ue004")
    assert browser.ask("return document.activeElement.getBoundingClientRect().left") >= 0
    browser.press("\ue007")
    assert browser.ask("return location.hash") == "#_summary"


def test_colours_follow_the_system_and_the_switch_overrules_it(browser: Any) -> None:
    light = browser.ask(BACKGROUND)
    browser.prefers("dark")
    dark = browser.ask(BACKGROUND)
    assert light != dark
    browser.press("\ue004", "\ue004", "\ue014")  # to the switch, then one to the right: Light
    assert browser.ask("return document.activeElement.id") == "_light"
    assert browser.ask(BACKGROUND) == light
    browser.press("\ue014")
    browser.prefers("light")
    assert browser.ask("return document.activeElement.id") == "_dark"
    assert browser.ask(BACKGROUND) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["good", "bad"])
def test_all_text_has_enough_contrast(
    browser: Any, sample: Any, scheme: str, which: str, request: pytest.FixtureRequest
) -> None:
    from flowlaw.reports import write_report

    evidence: Path = request.getfixturevalue(which)
    target = evidence.with_name(f"{which}.html")
    write_report(evidence, target, formulas=sample.formulas())
    browser.prefers(scheme)
    browser.open(target)
    assert browser.ask(CONTRAST) == []


# The contrast of the character in a cell against the ground of its pattern and against what is drawn on it.
CELLS = """
const ink = getComputedStyle(document.querySelector('.grid .c.n')).fill;
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = colour => {
  const [r, g, b] = colour.match(/[0-9.]+/g).map(Number);
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
};
const found = {};
for (const pattern of document.querySelectorAll('pattern'))
  for (const part of pattern.children) {
    const style = getComputedStyle(part), colour = style.fill === 'none' ? style.stroke : style.fill;
    const [a, b] = [light(ink), light(colour)].sort((x, y) => y - x);
    found[`${pattern.className.baseVal} ${part.tagName}`] = (a + 0.05) / (b + 0.05);
  }
return found;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_character_of_a_cell_can_be_read_on_its_pattern(browser: Any, scheme: str) -> None:
    browser.prefers(scheme)
    contrasts = browser.ask(CELLS)
    assert len(contrasts) >= 10
    assert {name: ratio for name, ratio in contrasts.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("width", [320, 390, 768, 1119, 1120, 1440])
def test_nothing_sticks_out_at_the_side(browser: Any, width: int) -> None:
    browser.size(width, 844)
    assert browser.ask("return document.documentElement.scrollWidth") <= width
    assert browser.ask(OVERFLOW) == []


def test_contents_stay_beside_the_text_on_a_wide_screen_and_fold_on_a_phone(browser: Any) -> None:
    entry = "document.querySelector('.toc a')"
    browser.ask("window.scrollTo(0, 5000)")
    assert browser.ask(f"return {entry}.checkVisibility() && {entry}.getBoundingClientRect().top >= 0")
    browser.size(390, 844)
    height = "return document.querySelector('.toc').getBoundingClientRect().height"
    assert browser.ask(height) < 60
    browser.ask("document.querySelector('.toc summary').click()")
    assert browser.ask(height) > 400


def test_sections_fold_without_script(browser: Any) -> None:
    browser.ask("document.querySelector('details.part > summary').focus()")
    browser.press("\ue007")
    assert browser.ask("return document.querySelector('details.part').open") is False


def test_in_print_everything_is_unfolded_and_the_furniture_is_gone(browser: Any) -> None:
    browser.devtools("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert browser.ask("return getComputedStyle(document.querySelector('.toc')).display") == "none"
        assert browser.ask("return document.querySelector('.more tbody tr').getBoundingClientRect().height") > 5
    finally:
        browser.devtools("Emulation.setEmulatedMedia", {"media": ""})


def test_formulas_and_plots_are_drawn(browser: Any) -> None:
    assert browser.ask("return document.querySelectorAll('code.tex').length") == 0
    heights = browser.ask(
        "return [...document.querySelectorAll('.statement math')].map(m => m.getBoundingClientRect().height)"
    )
    assert len(heights) == 20
    assert min(heights) > 10
    boxes = browser.ask("return [...document.querySelectorAll('.plot .s')].map(p => p.getBBox().width)")
    assert len(boxes) >= 10
    assert min(boxes) > 50


def test_names_for_those_who_listen(browser: Any) -> None:
    tree = browser.devtools("Accessibility.getFullAXTree", {})["nodes"]
    named = {(node["role"]["value"], node["name"]["value"]) for node in tree if node.get("name", {}).get("value")}
    assert ("navigation", "Theorems") in named
    assert ("heading", "Summary") in named
    assert ("image", "Drift against time, step 0.01") in {(role.replace("img", "image"), name) for role, name in named}
    assert any(role in ("main",) for role in {node["role"]["value"] for node in tree})
    assert any(role == "table" and name.startswith("Every theorem of this run") for role, name in named)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_a_screenshot_can_be_taken(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    browser.size(width, 844)
    browser.prefers(scheme)
    png = browser.screenshot()
    (tmp_path / f"{width}-{scheme}.png").write_bytes(png)
    assert struct.unpack(">II", png[16:24]) == (width, 844)
    assert len(png) > 20_000
