"""The list of the authors' networks is carried by the package and read as the notebooks mean it."""

from __future__ import annotations

from importlib.resources import files

import pytest

from flowlaw.oracles.models import PathLifting, parse_model
from flowlaw.properties import lawbook
from flowlaw.properties._notebook import LOOPS, Row, notebook_rows


def total(loop: str, column: str) -> int:
    return sum(int(getattr(row, column)) for row in notebook_rows() if row.kind == loop)


@pytest.mark.parametrize(
    ("loop", "rows", "biased", "known_laws", "parameters"),
    [
        ("linear50_lie", 50, 0, 803, 1774),
        ("linear10_poly", 10, 0, 89, 245),
        ("relu50_lie", 50, 22, 569, 5114),
        ("relu10_poly", 10, 0, 39, 197),
    ],
)
def test_the_rows_have_the_published_sums(loop: str, rows: int, biased: int, known_laws: int, parameters: int) -> None:
    assert [row.kind for row in notebook_rows()].count(loop) == rows
    assert (total(loop, "bias"), total(loop, "known_laws"), total(loop, "parameters")) == (
        biased,
        known_laws,
        parameters,
    )


def test_rows_come_in_the_order_of_the_notebooks() -> None:
    kinds = [row.kind for row in notebook_rows()]
    assert len(kinds) == 120
    assert sorted(set(kinds), key=kinds.index) == list(LOOPS)
    assert kinds == sorted(kinds, key=LOOPS.index)
    assert notebook_rows()[1] == Row("linear50_lie", (5, 5, 4, 4, 5), False, 81, 35)


def test_every_spec_names_a_network_with_the_listed_parameters_and_ends() -> None:
    for row in notebook_rows():
        model = parse_model(row.spec)
        assert model.parameters == row.parameters, row
        if isinstance(model, PathLifting):
            ends = {group.role: group.size for group in model.groups if group.name != "one"}
            assert (ends["output"], ends["source"]) == (row.widths[0], row.widths[-1]), row
            assert model.hidden == row.known_laws, row
        else:
            assert row.linear


def test_relu_specs_start_at_the_input() -> None:
    assert Row("relu50_lie", (2, 4, 5, 8, 5), True, 125, 17).spec == "relu:5-8-5-4-2+bias"
    assert Row("linear50_lie", (2, 4, 5), False, 28, 10).spec == "linear:2-4-5"


def test_the_file_is_the_same_bytes_on_every_platform() -> None:
    data = files(lawbook).joinpath("data", "a1-notebook-cases.csv").read_bytes()
    assert b"\r" not in data
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 121
