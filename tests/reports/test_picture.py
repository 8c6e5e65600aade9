"""A plot as a file of its own: a document that stands alone, whatever its labels say."""

from __future__ import annotations

import re
from importlib import resources
from xml.etree import ElementTree

from flowlaw.reports.events import Plot
from flowlaw.reports.picture import picture

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '<script>alert(1)</script>&"'


def sample(title: str = "Drift", label: str = "drift") -> Plot:
    return {
        "title": title,
        "caption": "",
        "x": {"label": "time", "scale": "linear"},
        "y": {"label": "size", "scale": "log"},
        "series": [
            {"label": label, "kind": "line", "points": [(0.0, 1e-3), (1.0, 1e-2)]},
            {"label": "marks", "kind": "points", "points": [(0.5, 2e-3)]},
            {"label": "bound", "kind": "bound", "points": [(0.0, 1e-1), (1.0, 1e-1)]},
        ],
    }


def test_it_is_one_document_that_refers_to_nothing_outside() -> None:
    text = picture(sample())
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert not re.search(r"var\(|light-dark|url\(|href|@import|<script", text)
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert {"Drift", "drift", "marks", "bound"} <= set(words)
    assert text == picture(sample())


def test_it_looks_as_on_a_page() -> None:
    """What the page's style sheet says of a class that is drawn, the picture's says too."""
    root = ElementTree.fromstring(picture(sample()))
    (style,) = (element.text or "" for element in root.iter(f"{SVG}style"))
    sheet = (resources.files("flowlaw.reports") / "templates" / "page.css").read_text("utf-8")
    drawn = {name for element in root.iter() for name in element.get("class", "").split()} - {"plot", "key", "title"}
    ruled = {name for name in drawn if re.search(rf"\.{name}\b", sheet)}
    assert {"s0", "o1", "m1", "band", "edge"} & ruled
    assert all(re.search(rf"\.{name}\b", style) for name in ruled), ruled


def test_everything_lies_inside_of_the_picture() -> None:
    root = ElementTree.fromstring(picture(sample()))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for part in [*root.findall(f"{SVG}svg"), *root.findall(f"{SVG}text")]:
        assert 0 <= float(part.attrib["x"]) + float(part.get("width", 0)) <= width
        assert 0 <= float(part.attrib["y"]) + float(part.get("height", 0)) <= height


def test_names_from_outside_are_no_markup() -> None:
    root = ElementTree.fromstring(picture(sample(HOSTILE, HOSTILE)))
    assert not list(root.iter(f"{SVG}script"))
    assert [element.text for element in root.iter(f"{SVG}text")].count(HOSTILE) == 2
