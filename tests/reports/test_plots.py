"""Plots: round ticks, honest decimation, nothing hidden."""

import math
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.reports import plots

finite = st.floats(-1e300, 1e300)


def plot(points: Any, y: str = "linear", kind: str = "line") -> Any:
    return {
        "title": "drift < 1 & more",
        "x": {"label": "t", "scale": "linear"},
        "y": {"label": "h", "scale": y},
        "series": [{"label": "Euler", "kind": kind, "points": points}],
    }


@pytest.mark.parametrize(
    ("values", "ticks"),
    [((0, 5), (0, 1, 2, 3, 4, 5)), ((0.13, 0.87), (0, 0.2, 0.4, 0.6, 0.8, 1)), ((-3, 7), (-4, -2, 0, 2, 4, 6, 8))],
)
def test_linear_ticks_are_round(values: tuple[float, ...], ticks: tuple[float, ...]) -> None:
    found = plots.axis_range(values, "linear", 5).ticks
    assert [round(tick, 12) for tick in found] == list(ticks)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((-5, 7.5), ["−5.0", "−2.5", "0.0", "2.5", "5.0", "7.5"]),
        ((0, 0.125), ["0.000", "0.025", "0.050", "0.075", "0.100", "0.125"]),
        ((0, 0.1), ["0.00", "0.02", "0.04", "0.06", "0.08", "0.10"]),
        ((0, 10), ["0", "2", "4", "6", "8", "10"]),
    ],
)
def test_linear_ticks_show_the_digits_of_their_step(values: tuple[float, ...], labels: list[str]) -> None:
    axis = plots.axis_range(values, "linear", 5)
    assert [axis.label(tick) for tick in axis.ticks] == labels


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((3e-15, 2e-3), ["10⁻¹⁵", "10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³"]),
        ((1, 1000), ["1", "10", "100", "1000"]),
        ((0.01, 0.02), ["0.01", "0.1"]),
    ],
)
def test_logarithmic_ticks_are_powers_of_ten(values: tuple[float, ...], labels: list[str]) -> None:
    axis = plots.axis_range(values, "log", 5)
    assert [axis.label(tick) for tick in axis.ticks] == labels


@given(st.lists(st.tuples(finite, finite), min_size=1), st.sampled_from(["linear", "log"]))
def test_any_points_give_well_formed_svg_inside_its_frame(points: Any, scale: str) -> None:
    root = ET.fromstring(plots.svg(plot(points, scale), "p1"))
    for text in root.iter("text"):
        x, y = float(text.attrib["x"]), float(text.attrib["y"])
        assert -1 <= x <= plots.WIDTH + 1
        assert 0 <= y <= plots.HEIGHT + 15


@given(st.lists(finite, min_size=1, max_size=500), st.integers(8, 60))
def test_decimation_keeps_both_ends_and_the_extremes(values: list[float], limit: int) -> None:
    points = list(enumerate(values))
    thin = plots.decimate([(float(x), y) for x, y in points], limit)
    assert len(thin) <= max(limit, 2)
    assert thin[0][1] == values[0]
    assert thin[-1][1] == values[-1]
    assert min(y for _, y in thin) == min(values)
    assert max(y for _, y in thin) == max(values)


def test_a_plot_has_a_title_and_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(plots.svg(plot([(0, 1), (1, 2.5)]), "p7"))
    assert root.attrib["role"] == "img"
    assert (root.attrib["aria-labelledby"], root.attrib["aria-describedby"]) == ("p7t", "p7d")
    assert root.findtext("title") == "drift < 1 & more"
    assert "Euler: 1 to 2.5" in (root.findtext("desc") or "")


def test_what_cannot_be_drawn_is_counted() -> None:
    one = plot([(0, 0), (1, -1), (2, "nan"), (3, "inf"), (4, 1e-3)], "log")
    assert plots.undrawn(one) == "Not drawn, of 5 points: 1 NaN, 1 infinite, 2 zero or negative."
    assert "4 of 5 points not drawable" in plots.describe(one)
    assert plots.undrawn(plot([(0, 0), (1, -1)])) == ""


def test_a_plot_of_zeros_on_a_logarithmic_axis_says_so() -> None:
    assert "every value is exactly 0" in plots.svg(plot([(0, 0), (1, "0")], "log"), "p")
    assert "no value can be drawn" in plots.svg(plot([(0, "nan")]), "p")


def test_the_region_of_a_bound_has_two_sides_where_values_are_negative() -> None:
    one = plot([(0, -1), (1, 1)])
    one["series"].append({"label": "allowed", "kind": "bound", "points": [(0, 2), (1, 2)]})
    assert plots.svg(one, "p").count('class="edge"') == 2
    one["series"][0]["points"] = [(0, 0.5), (1, 1)]
    assert plots.svg(one, "p").count('class="edge"') == 1


def test_series_differ_by_more_than_colour() -> None:
    one = plot([(0, 1), (1, 2)], kind="points")
    one["series"] *= 4
    marks = [mark for mark, _ in plots.legend(one)]
    assert len({mark.split('d="')[1].split("m", 1)[-1] for mark in marks}) == 4


def test_markup_in_labels_stays_text() -> None:
    one = plot([(0, 1)])
    one["y"]["label"] = one["title"] = "<script>alert(1)</script>"
    assert "<script" not in plots.svg(one, "p")


def test_the_place_of_a_value_on_a_logarithmic_axis() -> None:
    axis = plots.axis_range([1e-4, 1.0], "log", 5)
    assert math.isclose(axis.at(1e-2), 0.5)
