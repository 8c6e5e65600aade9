"""The tables of A1.alg.polynomial-laws and A1.notebook: kernel dimensions and functional ranks."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowlaw.oracles.laws import RULES, Rule, _solve, functional_rank, polynomial_laws
from flowlaw.oracles.laws._system import Entries, equations, starts
from flowlaw.oracles.models import parse_model
from flowlaw.oracles.polynomials import orthogonality
from flowlaw.properties._notebook import Row, notebook_rows

HERE = Path(__file__).parent


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


KNOWN = rows("known_values.csv")
NOTEBOOK = [row for row in notebook_rows() if row.kind in ("linear10_poly", "relu10_poly")]


def measured(case: dict[str, str], rules: Sequence[Rule]) -> dict[str, str]:
    model = parse_model(case["model"])
    laws = polynomial_laws(model, int(case["degree"]), rules=rules)
    return case | {
        "kernel_dimension": str(laws.kernel_dimension),
        "functional_rank": str(functional_rank(laws.basis, model.parameters)),
        "new_generators": str(len(laws.new_generators)),
    }


@pytest.mark.parametrize("rules", [RULES, ()], ids=["rules", "search"])
@pytest.mark.parametrize("case", KNOWN, ids=lambda case: f"{case['model']} degree {case['degree']}")
def test_the_laws_of_each_degree_have_the_known_dimension_and_rank(case: dict[str, str], rules: Sequence[Rule]) -> None:
    assert measured(case, rules) == case


@pytest.mark.parametrize("rules", [RULES, ()], ids=["rules", "search"])
@pytest.mark.parametrize("row", NOTEBOOK, ids=lambda row: f"{row.kind} {row.spec}")
def test_the_quadratic_laws_of_the_notebook_cases_have_the_known_rank(row: Row, rules: Sequence[Rule]) -> None:
    model = parse_model(row.spec)
    laws = polynomial_laws(model, 2, rules=rules)
    assert model.parameters == row.parameters
    assert functional_rank(laws.basis, model.parameters) == row.known_laws == len(laws.new_generators)
    assert not any(orthogonality(law, coordinate) for law in laws.basis for coordinate in model.coordinates())


def test_a_system_with_one_equation_too_many_disagrees_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of laws cannot see a law that is missing; the table can."""

    def with_one_more(*arguments: Any) -> Entries:
        entries = equations(*arguments)
        row = np.append(np.cumsum(starts(entries.row)), [10**9])  # says that the coefficient of x_0^k is zero
        return Entries(row, np.append(entries.unknown, 0), np.append(entries.value, 1))

    monkeypatch.setattr(_solve, "equations", with_one_more)
    wrong = [case for case in KNOWN if measured(case, ()) != case]
    assert len(wrong) > 15
