"""Functional rank: the generic rank of gradients, by lower bounds modulo a prime."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from flowlaw.oracles.laws import functional_rank, polynomial_laws
from flowlaw.oracles.laws._evaluate import PRIME, terms
from flowlaw.oracles.models import parse_model
from flowlaw.oracles.polynomials import Polynomial

X, Y, Z = (Polynomial.variable(i) for i in range(3))


@pytest.mark.parametrize(
    ("polynomials", "rank"),
    [
        ([], 0),
        ([Polynomial.constant(5)], 0),
        ([Polynomial()], 0),
        ([X, X**2, X**3], 1),
        ([X + Y, X * Y, X**2 + Y**2], 2),
        ([X + Y + Z, X * Y * Z, X**2 + Y**2 + Z**2], 3),
        ([X.scaled(Fraction(1, 3)), X.scaled(10**40)], 1),
    ],
)
def test_dependent_polynomials_are_counted_once(polynomials: list[Polynomial], rank: int) -> None:
    assert functional_rank(polynomials, 3) == rank


def test_kernel_dimension_and_functional_rank_differ() -> None:
    laws = polynomial_laws(parse_model("linear:1-3-1"), 2)
    assert (laws.kernel_dimension, functional_rank(laws.basis, laws.parameters)) == (9, 5)


def test_the_rank_does_not_depend_on_the_seed_and_a_bad_prime_only_lowers_it() -> None:
    laws = polynomial_laws(parse_model("linear:2-4-4"), 2).basis
    assert {functional_rank(laws, 24, points=1, seed=seed) for seed in range(20)} == {10}
    assert functional_rank([X.scaled(PRIME), Y], 2) == 1


def test_values_and_gradients_are_those_of_the_kernel() -> None:
    polynomials = [X**3 * Y - Z.scaled(Fraction(1, 2)), Polynomial.constant(7), X * Y * Z + X, Polynomial()]
    points = np.array([[2, -3, 5], [7, 1, 0]])
    scale = [2, 1, 1, 1]
    table = terms(polynomials, 3)
    expected = [[c * p.evaluate(point) for point in points.tolist()] for c, p in zip(scale, polynomials, strict=True)]
    assert table.values(points).tolist() == expected
    assert table.values(points * 10**7).dtype == object
    slopes = [
        [c * p.derivative(v).evaluate([2, -3, 5]) % PRIME for v in range(3)]
        for c, p in zip(scale, polynomials, strict=True)
    ]
    assert table.gradients(points[0] % PRIME).tolist() == slopes
