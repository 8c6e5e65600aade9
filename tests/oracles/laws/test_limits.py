"""Requests that cannot be met say so at once, and how to go on."""

from __future__ import annotations

import time

import pytest

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.laws import _search, _solve, polynomial_laws, up_to
from flowlaw.oracles.models import parse_model


@pytest.mark.parametrize("degree", [-1, 0, 21, 10**9])
def test_a_degree_out_of_range_is_refused(degree: int) -> None:
    with pytest.raises(BadInput, match=r"degrees 1 to 20"):
        up_to(parse_model("linear:2-2-2"), degree)


@pytest.mark.parametrize(
    ("spec", "degree"),
    [
        ("linear:5-5-5", 6),
        ("linear:30-30-30", 3),
        ("linear:4-4-4", 20),
        ("conv:500-500", 3),
        ("symmetric:60-60", 2),
        ("linear:99-99-99-99-99", 3),
    ],
)
def test_a_system_that_does_not_fit_is_refused_before_it_is_built(spec: str, degree: int) -> None:
    model = parse_model(spec)
    before = time.perf_counter()
    with pytest.raises(TooLarge, match=rf"{spec}.*(lower degree|smaller model)"):
        polynomial_laws(model, degree)
    assert time.perf_counter() - before < 20


def test_a_class_of_signs_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_solve, "CHUNK", 10)
    monkeypatch.setattr(_solve, "LARGEST_CHUNK", 20)
    with pytest.raises(TooLarge, match=r"sign symmetries leave a block of \d+ entries"):
        polynomial_laws(parse_model("linear:2-2-2"), 2, rules=())


def test_a_dense_block_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_search, "DENSE", 10)
    with pytest.raises(TooLarge, match=r"equations in \d+ unknowns"):
        polynomial_laws(parse_model("linear:3-4-3-4"), 2, rules=())


def test_degree_eight_of_a_small_network_fits() -> None:
    found = up_to(parse_model("linear:2-2-2"), 8)
    assert [laws.kernel_dimension for laws in found] == [0, 3, 0, 6, 0, 10, 0, 15]
