"""Null spaces, rational bases, exact equations, and families of pairs and shears, without torch."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from flowlaw.gate import Mixing, Slot
from flowlaw.gate.discover import blocks_page
from flowlaw.gate.discover._cuts import Cut, independent, on_entries, on_slices
from flowlaw.gate.discover._null import echelon, null_space, rational, sparse_basis
from flowlaw.gate.discover._system import System
from flowlaw.gate.symmetry import Pairs, Shear, Shears
from flowlaw.oracles.dynamics import Sized

RNG = np.random.default_rng(0)
THETA = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3)), RNG.normal(size=3), RNG.normal(size=2)
GRADIENT = tuple(RNG.normal(size=t.shape) for t in THETA)
SLOTS = Slot(0, 0, (0, 1, 2)), Slot(1, 1, (0, 1, 2), dual=True)


def test_a_null_space_shows_the_gap_around_its_dimension() -> None:
    rows = RNG.normal(size=(40, 5)) @ np.diag([1, 1, 1, 1e-6, 0])
    null = null_space(rows, 1e-10)
    assert len(null.basis) == 1
    assert 1e-8 < null.kept < 1e-5
    assert null.dropped < 1e-15


def test_a_mixed_basis_becomes_the_sparse_one_again() -> None:
    true = np.array([[1, 0, 0, -1, 0, 0], [0, 1, 0, 0, -1, 0], [0, 0, 2, 0, 0, -1.0]])
    mixed = np.linalg.qr((RNG.normal(size=(3, 3)) @ true).T)[0].T
    found = sparse_basis(mixed, np.zeros((0, 6)), [range(6), range(5, -1, -1)])
    exact = sorted(tuple(map(int, vector)) for row in found if (vector := rational(row)) is not None)
    assert exact == sorted([(1, 0, 0, -1, 0, 0), (0, 1, 0, 0, -1, 0), (0, 0, 2, 0, 0, -1)])
    assert len(echelon(mixed, range(6))) == 3


def test_what_is_no_small_rational_is_not_called_one() -> None:
    assert rational(np.array([1.0, np.sqrt(2)])) is None
    assert rational(np.array([0.5, -1.0, 0.0])) == (Fraction(1), Fraction(-2), Fraction(0))


def test_rounding_is_no_unit_even_where_most_of_a_vector_is_rounding() -> None:
    assert rational(np.array([1.0, 1e-8, -3e-8, 2e-8, -0.5])) == (2, 0, 0, 0, -1)


def test_equations_keep_the_oldest_unknowns_free() -> None:
    system = System()
    first = system.new(4)
    assert system.add({first: Fraction(1), first + 1: Fraction(-1)})
    assert system.add({first + 1: Fraction(2), first + 2: Fraction(1)})
    assert not system.add({first: Fraction(2), first + 2: Fraction(1)})
    assert system.of(first + 2) == {first: Fraction(-2)}
    twin = system.copy()
    assert twin.add({first: Fraction(1)})
    assert twin.of(first + 2) == {}
    assert system.of(first + 2) == {first: Fraction(-2)}


def test_slices_are_written_on_entries_and_back() -> None:
    shapes = ((2, 3), (4, 1, 2))
    vector = {(Cut(0, (1,)), 2): Fraction(-1), (Cut(0, ()), 0): Fraction(1)}
    entries = on_entries(vector, shapes)
    assert len(entries) == 4
    assert on_slices(entries, shapes) == {(Cut(0, (1,)), 0): 1, (Cut(0, (1,)), 1): 1}
    grouped = {(Cut(1, (0, 2), (2, 2, 1, 2)), 1): Fraction(1)}
    assert (
        sorted(index for _, index in on_entries(grouped, shapes)) == [0, 1, 2, 3]
        or len(on_entries(grouped, shapes)) == 4
    )
    assert independent([vector, vector, grouped], [], shapes) == [vector, grouped]


@pytest.mark.parametrize("kind", ["quadratic", "antisymmetric"])
def test_pairs_are_mixings_by_elementary_matrices(kind: str) -> None:
    sign = 1 if kind == "quadratic" else -1
    basis = np.zeros((2, 3, 3))
    for matrix, (i, j) in zip(basis, [(0, 1), (1, 2)], strict=True):
        matrix[i, j], matrix[j, i] = 1, sign
    chosen = "quadratic" if sign == 1 else "antisymmetric"
    slow = Mixing(("01", "12"), SLOTS, basis, chosen)
    fast = Pairs(("01", "12"), SLOTS, np.array([[0, 1], [1, 2]]), chosen)
    assert fast.pair(GRADIENT, THETA) == pytest.approx(slow.pair(GRADIENT, THETA))
    sizes = tuple(Sized.of(t) for t in THETA)
    assert fast.pair(sizes, sizes).size == pytest.approx(slow.pair(sizes, sizes).size)
    assert fast.part(0, GRADIENT[0], THETA[0]) + fast.part(1, GRADIENT[1], THETA[1]) == pytest.approx(
        fast.form(GRADIENT, THETA)
    )
    assert fast.tensors(THETA) == (0, 1)


def test_a_shear_takes_back_what_it_adds() -> None:
    family = Shears(("0", "2"), Shear(2, 1, 1, 3, (0, 2), (0, 2)))
    expected = [GRADIENT[2][i] - GRADIENT[3] @ THETA[1][:, i] for i in (0, 2)]
    assert family.pair(GRADIENT, THETA) == pytest.approx(expected)
    assert family.tensors(THETA) == (1, 2, 3)
    sizes = tuple(Sized.of(t) for t in THETA)
    bound = family.pair(sizes, sizes)
    assert bound.size == pytest.approx([abs(THETA[2][i]) + abs(THETA[3]) @ abs(THETA[1][:, i]) for i in (0, 2)])


def test_the_page_of_building_blocks_is_the_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "blocks.md"
    assert page.read_text(encoding="utf-8") == blocks_page()


def test_importing_discovery_imports_no_framework() -> None:
    heavy = "('torch', 'sympy', 'hypothesis', 'jax')"
    code = f"import sys, flowlaw.gate.discover; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
