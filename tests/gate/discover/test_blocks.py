"""Every row of the table of building blocks, with its controls, on real torch modules in float64."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch", reason="building blocks are torch modules")

from torch_blocks import Case, mse, table  # noqa: E402  # after the skip
from torch_targets import target_of  # noqa: E402

from flowlaw.gate import Target  # noqa: E402
from flowlaw.gate.discover import ROWS, discover  # noqa: E402
from flowlaw.gate.discover._cuts import Cut, defects  # noqa: E402
from flowlaw.gate.discover._draws import Sampler  # noqa: E402

CASES = table()
FIRST = {case.row: case for case in reversed(CASES)}


def target(case: Case, *, trace: bool = True) -> Target:
    """With and without a trace the same draws are asked for, so gradients are kept."""
    made = kept(case.id)
    return made if trace else replace(made, module=None)


@cache
def kept(name: str) -> Target:
    case = next(case for case in CASES if case.id == name)
    torch.manual_seed(0)
    made = target_of(name.replace(" ", "-"), case.module(), case.inputs, case.loss or mse, prepare=case.prepare)
    answers: dict[object, Any] = {}

    def loss_and_gradient(values: Any, batch: Any) -> Any:
        key = (batch, *(value.tobytes() for value in values.values()))
        if key not in answers:
            answers[key] = made.loss_and_gradient(values, batch)
        return answers[key]

    return replace(made, loss_and_gradient=loss_and_gradient)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_block_has_exactly_the_symmetries_of_its_row(case: Case) -> None:
    found = discover(target(case))
    assert found.traced
    assert dict(found.rows) == dict(case.found)
    assert tuple(sorted({near.row for near in found.near})) == case.near


@pytest.mark.parametrize("case", FIRST.values(), ids=lambda case: case.id)
def test_gradients_alone_find_as_much_as_a_trace(case: Case) -> None:
    found = discover(target(case, trace=False))
    assert not found.traced
    expected: Counter[str] = Counter()
    for kind, count in case.found.items():
        expected[kind.rpartition(" ")[2]] += count
    assert found.dimensions == dict(expected)


def test_every_row_has_a_case_and_every_case_a_row() -> None:
    # attention has the rows M18 to M21 in one module
    named = {case.row for case in CASES} | {kind.partition(" ")[0] for case in CASES for kind in case.found}
    assert named == {row.id for row in ROWS}
    assert [row.id for row in ROWS] == [f"M{n}" for n in range(1, 33)]


Slices = dict[tuple[str, int, int], int]
WRONG: tuple[tuple[str, str, Slices], ...] = (
    ("M2-ReLU", "the bias forgotten", {("0.weight", 0, 0): 1, ("2.weight", 1, 0): -1}),
    ("M3-squared ReLU", "degree 1", {("0.weight", 0, 0): 1, ("0.bias", 0, 0): 1, ("2.weight", 1, 0): -1}),
    (
        "M5-depthwise",
        "columns of a depthwise kernel",
        {("0.weight", 0, 0): 1, ("0.bias", 0, 0): 1, ("2.weight", 1, 0): -1},
    ),
    ("M11-layer norm", "one row", {("0.weight", 0, 0): 1, ("0.bias", 0, 0): 1}),
    ("M14-group norm after convolution", "one channel", {("0.weight", 0, 0): 1, ("0.bias", 0, 0): 1}),
    (
        "M18-attention",
        "the bias of queries forgotten",
        {("attention.in_proj_weight", 0, 0): 1, ("attention.in_proj_weight", 0, 6): -1},
    ),
    ("M22-rotary, halves", "one row of a plane", {("q.weight", 0, 0): 1, ("k.weight", 0, 0): -1}),
    ("M23-grouped queries", "one query head", {("q.weight", 0, 0): 1, ("k.weight", 0, 0): -1}),
    ("M24-norm of queries and keys", "queries against keys", {("q.weight", 0, 0): 1, ("k.weight", 0, 0): -1}),
    ("M25-SwiGLU", "the gate", {("gate.weight", 0, 0): 1, ("gate.bias", 0, 0): 1, ("down.weight", 1, 0): -1}),
    (
        "M26-ReLU stream",
        "one layer against the next",
        {("stem.weight", 0, 0): 1, ("stem.bias", 0, 0): 1, ("into.weight", 1, 0): -1},
    ),
    (
        "M30-ReLU recurrence",
        "the self loop counted once",
        {
            ("cell.weight_ih_l0", 0, 0): 1,
            ("cell.weight_hh_l0", 0, 0): 1,
            ("cell.bias_ih_l0", 0, 0): 1,
            ("cell.bias_hh_l0", 0, 0): 1,
            ("head.weight", 1, 0): -1,
        },
    ),
    ("M31-tied autoencoder", "encoder against decoder", {("encoder.weight", 0, 0): 1, ("encoder.bias", 0, 0): 1}),
)
SHIFTS: tuple[tuple[str, str, Slices], ...] = (
    ("M12-RMS norm", "a column of weights", {("0.weight", 1, 0): 1}),
    ("M14-group norm after linear", "all groups and one row", {("0.bias", 0, 0): 1}),
    ("M17-binary cross entropy", "a column of the last layer", {("2.weight", 1, 0): 1}),
    ("M27-pre-norm stream", "one channel of a writer", {("out.bias", 0, 0): 1}),
    ("M29-tied embedding", "one token", {("embed.weight", 0, 0): 1}),
    ("M30-ReLU recurrence", "one of two biases", {("cell.bias_ih_l0", 0, 0): 1}),
)


@pytest.mark.parametrize(
    ("id_", "slices", "kind"),
    [
        *(pytest.param(i, s, "scaling", id=f"{i}, {says}") for i, says, s in WRONG),
        *(pytest.param(i, s, "translation", id=f"{i}, {says}") for i, says, s in SHIFTS),
    ],
)
def test_a_plausible_wrong_law_is_far_from_holding(id_: str, slices: Slices, kind: str) -> None:
    case = next(case for case in CASES if case.id == id_)
    sampler = Sampler(target(case), 0)
    vector = {
        (Cut(sampler.names.index(name), (axis,)), index): Fraction(value)
        for (name, axis, index), value in slices.items()
    }
    defect, _ = defects([vector], sampler.confirming(6), kind)
    assert defect[0] > 1e-7  # the table asks for this much of every control
