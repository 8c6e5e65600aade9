"""Reduced flows proved in balls: true formulas overlap with the full flow, wrong ones are disjoint from it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

pytest.importorskip("flint", reason="enclosures need python-flint")

from flowlaw.oracles.errors import TooLarge
from flowlaw.properties._enclosed import TIGHT, Operator, Reduced, enclosed, gap
from flowlaw.simulations import Loss

F = Fraction
Sqrt = Callable[[Any], Any]
Rows = list[list[Any]]


def scalar_neuron(square: Fraction, factor: int = 4) -> Operator:
    """``z = u v``: ``K = u^2 + v^2 = sqrt(lambda^2 + 4 z^2)``; only the square of lambda enters."""
    return lambda z, g, sqrt: [sqrt(square + factor * z[0] ** 2) * g[0]]


def wide_neuron(lam: Fraction, factor: int = 4) -> Operator:
    """One output, ``z = u v^T``: ``K(g) = u^2 z <z, g>/... ``, by the closed form for one neuron with n = 1."""

    def operator(z: Sequence[Any], g: Sequence[Any], sqrt: Sqrt) -> list[Any]:
        size = sum(x**2 for x in z)
        w = sqrt(lam**2 + factor * size)
        along = sum(x * y for x, y in zip(z, g, strict=True))
        return [size / ((w - lam) / 2) * y + x * (along / ((w + lam) / 2)) for x, y in zip(z, g, strict=True)]

    return operator


def product(a: Rows, b: Rows) -> Rows:
    return [[sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)] for row in a]


def root(a: Rows, sqrt: Sqrt) -> Rows:
    """``sqrt(A) = (A + sqrt(det A) I) / sqrt(tr A + 2 sqrt(det A))`` for 2 x 2 matrices."""
    d = sqrt(a[0][0] * a[1][1] - a[0][1] * a[1][0])
    s = sqrt(a[0][0] + a[1][1] + 2 * d)
    return [[(a[i][j] + (d if i == j else 0)) / s for j in range(2)] for i in range(2)]


def relaxed(left: Fraction, right: Fraction, square: Fraction, factor: int = 4) -> Operator:
    """2 x 2: ``U U^T = (left + w(Z Z^T))/2`` and ``V V^T = (-right + w(Z^T Z))/2``."""

    def operator(z: Sequence[Any], g: Sequence[Any], sqrt: Sqrt) -> list[Any]:
        Z, G = [list(z[:2]), list(z[2:])], [list(g[:2]), list(g[2:])]
        transposed = [list(row) for row in zip(*Z, strict=True)]

        def side(gram: Rows, shift: Fraction) -> Rows:
            inner = [[factor * x + (square if i == j else 0) for j, x in enumerate(row)] for i, row in enumerate(gram)]
            return [
                [(x + (shift if i == j else 0)) / 2 for j, x in enumerate(row)]
                for i, row in enumerate(root(inner, sqrt))
            ]

        first = product(side(product(Z, transposed), left), G)
        second = product(G, side(product(transposed, Z), -right))
        return [first[i][j] + second[i][j] for i in range(2) for j in range(2)]

    return operator


def chain(z: Sequence[Any], g: Sequence[Any], sqrt: Sqrt) -> list[Any]:
    """``z = a b c`` with ``a^2 - b^2 = 5``, ``b^2 - c^2 = 3``; the second coordinate is x = a^2."""
    x = z[1]
    a, b, c = x, x - 5, x - 8
    return [(a * b + a * c + b * c) * g[0], 2 * z[0] * g[0]]


def chain_with_two_terms(z: Sequence[Any], g: Sequence[Any], sqrt: Sqrt) -> list[Any]:
    x = z[1]
    return [(x * (x - 5) + x * (x - 8)) * g[0], 2 * z[0] * g[0]]


def undefined(z: Sequence[Any], g: Sequence[Any], sqrt: Sqrt) -> list[Any]:
    return [sqrt(F(1, 2) - z[0]) * g[0]]


ONE = Reduced("linear:1-1-1", (F(3, 2), F(1, 2)), Loss.squared([3]), scalar_neuron(F(4)))
BIAS = Reduced("relu:2-1-1+bias", (F(1), F(1, 2), F(-1, 2), F(2)), Loss.squared([1, -1, F(1, 2)]), wide_neuron(F(5, 2)))
TWO = Reduced(
    "linear:2-2-2",
    (
        *(F(19, 17), F(259, 1020), F(-7, 68), F(101, 85)),
        *(F(105, 221), F(163, 884), F(5, 68), F(35, 51)),
    ),
    Loss.squared([1, F(1, 2), -1, 2]),
    relaxed(F(1), F(1), F(1)),
)
THREE = Reduced("linear:1-1-1-1", (F(3), F(2), F(1)), Loss.squared([7]), chain, extra=(F(9),))
TRAP = Reduced("linear:2-1-2", (F(5, 4), F(0), F(3, 4), F(0)), Loss.squared([1, 0, 1, 0]), relaxed(F(1), F(1), F(1)))
"""The trap of the relaxed balanced form: r = 1 < 2, where directions outside of the image must get 0."""

CASES = [ONE, BIAS, TWO, THREE]
MUTANTS: list[tuple[Reduced, Operator]] = [
    (ONE, scalar_neuron(F(1))),
    (ONE, scalar_neuron(F(4), 1)),
    (BIAS, wide_neuron(F(-5, 2))),
    (BIAS, wide_neuron(F(5, 2), 2)),
    (TWO, relaxed(F(-1), F(1), F(1))),
    (TWO, relaxed(F(1), F(1), F(4))),
    (TWO, relaxed(F(1), F(1), F(1), 2)),
    (THREE, chain_with_two_terms),
    (TRAP, TRAP.operator),
]


@pytest.mark.once
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.spec)
def test_the_reduced_flow_overlaps_with_the_full_flow(case: Reduced) -> None:
    found = gap(case, time=F(1, 4))
    assert found.holds
    assert found.nontrivial
    assert found.value == 0


@pytest.mark.once
@pytest.mark.parametrize(("case", "operator"), MUTANTS, ids=lambda x: x.spec if isinstance(x, Reduced) else "")
def test_a_wrong_formula_is_proved_wrong(case: Reduced, operator: Operator) -> None:
    found = gap(replace(case, operator=operator), time=F(1, 4))
    assert found.nontrivial
    assert found.value > F(1, 10_000)


@pytest.mark.once
def test_the_sign_of_lambda_does_not_show_where_both_sides_are_whole() -> None:
    """n = m = r: the two terms with lambda cancel, so that this is no mutant."""
    assert gap(replace(TWO, operator=relaxed(F(-1), F(-1), F(1))), time=F(1, 4)).value == 0


def test_the_result_is_a_proof_with_pictures() -> None:
    result = enclosed(ONE, {"factor 1": scalar_neuron(F(4), 1)}, names=["z"])
    assert result.proved
    assert result.residual.holds
    assert 0 < result.residual.value <= 4 * TIGHT
    assert result.table is not None
    assert [row[2] for row in result.table.rows] == ["enclosures overlap", "disjoint: proved wrong"]
    assert [len(plot.series) for plot in result.plots] == [2, 2]


def test_the_result_does_not_hold_for_a_wrong_formula_or_a_mutant_that_is_right() -> None:
    wrong = replace(ONE, operator=scalar_neuron(F(4), 1))
    assert not enclosed(wrong, {}).residual.holds
    assert not enclosed(ONE, {"the same": ONE.operator}).residual.holds


def test_nothing_is_shown_where_nothing_moves() -> None:
    still = replace(ONE, loss=Loss.squared([F(3, 4)]))
    assert not enclosed(still, {}).residual.holds
    assert not gap(still).nontrivial


def test_a_reduced_flow_that_cannot_be_enclosed_is_an_error_and_no_proof() -> None:
    with pytest.raises(TooLarge):
        gap(replace(ONE, operator=undefined))
