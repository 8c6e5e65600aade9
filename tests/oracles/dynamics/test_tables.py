"""The tables are made from the data, agree with the theory's, and say what transforms and optimizers do."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import exact_runs
import pytest

from flowlaw.oracles.dynamics import (
    SGD,
    TRANSFORMS,
    Accumulate,
    AddNoise,
    ClipEachTensor,
    ClipGlobalNorm,
    ClipValue,
    Scale,
    Signed,
    SignSGD,
    Stale,
    Translation,
    Vector,
    entries,
    laws_of,
    rational_root,
    survival_table,
    transform_table,
    without_law,
)

DOCS = Path(__file__).parents[3] / "docs" / "dynamics.md"


def as_markdown(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join(["---"] * len(columns)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def test_the_documentation_shows_the_generated_tables() -> None:
    text = DOCS.read_text(encoding="utf-8")
    columns, rows = survival_table()
    # on a page optimizers are rows: twelve columns are too many
    turned = tuple(zip(columns, *rows, strict=True))
    assert as_markdown(turned[0], turned[1:]) in text
    assert as_markdown(*transform_table()) in text


THEORY: dict[tuple[str, str], str] = {
    ("translation charge", "SGD"): "conserved",
    ("translation charge", "+ decay (coupled)"): "linear recursion",
    ("translation charge", "+ momentum"): "two steps, linear",
    ("translation charge", "Nesterov"): "two steps, linear",
    ("translation charge", "AdamW"): "metric-weighted only",
    ("translation charge", "RMSprop"): r"metric-weighted \(current step\)",
    ("translation charge", "L-BFGS"): "conserved",
    ("quadratic charge", "+ momentum"): "two steps, weights only",
    ("quadratic charge", "Nesterov"): "needs the gradient",
    ("quadratic charge", "AdamW"): "no",
    ("quadratic charge", "RMSprop"): "no",
    ("quadratic charge", "L-BFGS"): "no",
    ("antisymmetric charge", "SGD"): "zero every step",
    ("antisymmetric charge", "+ decay (coupled)"): "zero",
    ("antisymmetric charge", "+ momentum"): "beta-geometric",
    ("antisymmetric charge", "AdamW"): "no",
    ("antisymmetric charge", "RMSprop"): "no",
    ("antisymmetric charge", "L-BFGS"): "no",
    ("zero and identical-neuron sets", "SGD"): "exact",
    ("zero and identical-neuron sets", "AdamW"): r"exact \(equal states\)",
}


@pytest.mark.parametrize(("row", "column"), THEORY, ids=lambda name: name)
def test_the_generated_table_agrees_with_the_theory(row: str, column: str) -> None:
    columns, rows = survival_table()
    cell = next(r for r in rows if r[0] == row)[columns.index(column)]
    assert re.match(THEORY[row, column], cell) or cell.endswith(THEORY[row, column])


def test_every_cell_has_an_identity_or_a_reason() -> None:
    for entry in entries():
        for _, title, optimizer in entry.columns:
            for kind in ("linear", "quadratic", "antisymmetric", "generator"):
                found, reasons = laws_of(optimizer, kind), without_law(optimizer, kind)
                assert bool(found) != bool(reasons), (title, kind)


def gradients_that_vanish(seed: int, where: Any, point: Any) -> Any:
    return exact_runs.symmetric(Random(seed), where)(0, point)


USES: dict[str, Any] = {
    "translation": Translation({0: Vector((2, 7, -1)), 1: Vector((3, 13))}),
    "one tensor": Translation({0: Vector((2, 7, -1))}),
    "scale": Signed({0: 1}),
    "rescale": Signed({0: 1, 1: -1}),
}


def made(transform: Any, gradients: Any, point: Any, charge: Any) -> Any:
    """The transform with rational norms and with what it needs."""
    other = gradients_that_vanish(7, charge, point)
    norms = tuple(rational_root((g * g).sum()) for g in gradients)
    return {
        ClipGlobalNorm: ClipGlobalNorm(limit=1, norm=rational_root(sum((g * g).sum() for g in gradients))),
        ClipEachTensor: ClipEachTensor(limit=1, norms=norms),
        ClipValue: ClipValue(limit=1),
        Scale: Scale(factor=Fraction(3, 7)),
        Accumulate: Accumulate(others=(other,)),
        AddNoise: AddNoise(noise=(Vector((1, 0, 0)), Vector((0, 1)))),
        Stale: Stale(earlier=gradients_that_vanish(8, charge, tuple(2 * p + Fraction(1, 3) for p in point))),
    }[type(transform)]


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: transform.title)
@pytest.mark.parametrize("use", USES)
def test_transforms_keep_what_they_say_and_break_the_rest(transform: Any, use: str) -> None:
    charge = USES[use]
    point = exact_runs.vectors(Random(1))
    gradients = gradients_that_vanish(3, charge, point)
    assert charge.pair(gradients, point) == 0
    changed = made(transform, gradients, point, charge)(gradients)
    said = transform.keeps["translation" if use == "one tensor" else use]
    exact = said == "exact" or (said == "exact in one tensor" and use == "one tensor")
    assert (charge.pair(changed, point) == 0) == exact


def test_signs_break_every_charge() -> None:
    charge, point = USES["translation"], exact_runs.vectors(Random(1))
    g = gradients_that_vanish(2, charge, point)
    after = [SignSGD(lr=1).update(p, x, None)[0] for p, x in zip(point, g, strict=True)]
    assert charge.pair(tuple(after), point) != charge.pair(point, point)


def test_an_adaptive_optimizer_breaks_a_quadratic_charge() -> None:
    from flowlaw.oracles.dynamics import AdamW, find_law, run

    charge = USES["scale"]
    random = Random(4)
    optimizer = AdamW(lr=Fraction(1, 5), root=rational_root)
    moments = run([optimizer] * 2, exact_runs.vectors(random), exact_runs.symmetric(random, charge))
    read = [m if m.optimizer is None else type(m)(m.index, m.parameters, SGD(lr=Fraction(1, 5))) for m in moments]
    assert find_law("sgd-quadratic.weights").residual(read[:2], charge) != 0
