"""Makers of certificates: what they make is accepted where it is true, and rejected where it is not."""

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from flint import fmpq, fmpq_mat
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.kernel import verify
from flowlaw.oracles.models import known_laws, parse_model
from flowlaw.oracles.polynomials import Polynomial, Rational, orthogonality
from flowlaw.oracles.proofs import (
    Matrix,
    add,
    conserved,
    exact_rank,
    find_refutation,
    identity,
    kernel_vectors,
    multiply,
    power,
    subtract,
    symbol,
    values,
)

MODELS = (
    "linear:2-2-2",
    "linear:1-2-2-1",
    "linear:2-2-2+logits",
    "relu:2-2-2+bias",
    "relu:1-2-2-1+skip0:2+outbias",
    "dag:x:2,b:1,h:2,k:3,y:1/x-h,b-h,h-k,x-k,k-y,h-y",
    "monomial:4",
    "diagonal:3",
    "conv:3-2",
    "homogeneous:2-3-2+degree3",
)


# Identities


def test_trees_are_written_without_zeros_and_ones() -> None:
    a = symbol(0)
    assert add() == add(0, 0) == multiply(a, 0) == 0
    assert add(a, 0) == multiply(1, a) == a
    assert multiply() == 1
    assert multiply(Fraction(1, 2), a) == {"*": ["1/2", {"x": 0}]}
    assert subtract(a, 3) == {"+": [a, {"*": [-1, 3]}]}
    assert power(a, 2) == {"^": [a, 2]}


@given(st.lists(st.integers(-5, 5), min_size=4, max_size=4), st.integers(0, 5))
def test_an_identity_holds_and_fails_with_one_number_changed(numbers: list[int], exponent: int) -> None:
    p, q, r, s = numbers
    a, b = symbol(0), symbol(1)
    left = multiply(add(multiply(p, a), multiply(q, b)), add(multiply(r, a), multiply(s, b)), power(a, exponent))
    inner = add(multiply(p * r, power(a, 2)), multiply(p * s + q * r, a, b), multiply(q * s, power(b, 2)))
    right = multiply(inner, power(a, exponent))
    assert verify(identity(2, [(left, right)])).accepted
    assert not verify(identity(2, [(left, add(right, 1))])).accepted
    assert not verify(identity(2, [(left, right), (a, b)])).accepted


def test_matrix_identities() -> None:
    m, k = Matrix.symbols(2, 3), Matrix.symbols(3, 2, 6)
    assert verify(identity(12, (m @ k).T.equals(k.T @ m.T))).accepted
    assert verify(identity(12, [((m @ k).trace(), (k @ m).trace())])).accepted
    assert verify(identity(12, [(m.inner(k.T), (m @ k).trace())])).accepted
    assert verify(identity(12, (m + m - m.scaled(2)).equals(Matrix.zeros(2, 3)))).accepted
    assert verify(identity(12, m.scaled(Fraction(1, 3)).scaled(3).equals(m))).accepted
    assert not verify(identity(12, (m @ k).equals((m @ k).T))).accepted
    stacked = Matrix.blocks([[m, Matrix.zeros(2, 2)], [Matrix.zeros(3, 3), k]])
    assert stacked.shape == (5, 5)
    assert verify(
        identity(12, [(stacked.trace(), add(m.rows[0][0], m.rows[1][1], k.rows[1][0], k.rows[2][1]))])
    ).accepted
    assert Matrix(()).shape == (0, 0)


def test_matrices_of_different_shapes_do_not_combine() -> None:
    m = Matrix.symbols(2, 3)
    for combine in (lambda: m + m.T, lambda: m @ m, lambda: m.inner(m.T), lambda: m.equals(m.T)):
        with pytest.raises(ValueError, match="zip"):
            combine()


def test_values_are_exact() -> None:
    a, b = symbol(0), symbol(1)
    tree = subtract(power(a, 3), multiply(Fraction(1, 7), b))
    assert verify(values([Fraction(2, 3), 5], [(tree, Fraction(8, 27) - Fraction(5, 7))])).accepted
    assert not verify(values([Fraction(2, 3), 5], [(tree, Fraction(8, 27))])).accepted
    assert verify(values([], [(7, 7)])).accepted


# Laws and their refutations


@pytest.mark.parametrize("spec", MODELS)
def test_declared_laws_are_conserved_and_refuted_with_one_sign_changed(spec: str) -> None:
    model = parse_model(spec)
    laws = [law for family in known_laws(model) for law in family.polynomials()]
    assert verify(conserved(model, laws)).accepted
    changed = 0
    for law in laws:
        assert find_refutation(model, law) is None
        for monomial in law.terms:
            wrong = Polynomial({**law.terms, monomial: -law.terms[monomial]})
            refutation = find_refutation(model, wrong)
            if len(law.terms) == 1:
                assert refutation is None, "minus a law is a law"
                continue
            assert refutation is not None
            assert verify(refutation.certificate).accepted
            assert not verify(conserved(model, [wrong])).accepted
            changed += 1
    assert changed or spec.startswith("diagonal")


@pytest.mark.parametrize("spec", MODELS)
def test_a_counterexample_can_be_checked_by_hand(spec: str) -> None:
    """Small whole numbers, mostly zeros, and the derivative is that of the coordinate that is named."""
    model = parse_model(spec)
    draw = random.Random(spec)
    for _ in range(5):
        x, y, z = (Polynomial.variable(draw.randrange(model.parameters)) for _ in range(3))
        law = x * y + z.scaled(Fraction(2, 3)) - (x * z) ** 2
        refutation = find_refutation(model, law)
        assert refutation is not None
        assert refutation.law == law
        coordinate = model.coordinates()[refutation.coordinate]
        assert orthogonality(law, coordinate).evaluate(refutation.point) == refutation.derivative != 0
        assert all(isinstance(entry, int) and abs(entry) <= 3 for entry in refutation.point)
        judgement = verify(refutation.certificate)
        assert judgement.accepted, judgement.reason


def test_a_counterexample_is_the_same_for_the_same_seed() -> None:
    model, law = parse_model("linear:2-3-2"), Polynomial.variable(0) * Polynomial.variable(9)
    first, second = find_refutation(model, law, seed=3), find_refutation(model, law, seed=3)
    assert first is not None
    assert first == second


def test_a_slope_that_vanishes_at_small_points_is_still_refuted() -> None:
    """prod (x^2 - k^2) vanishes at -4..4: the search must go on to larger points."""
    x = Polynomial.variable(0)
    slope = x
    for k in range(1, 5):
        slope = slope * (x**2 - Polynomial.constant(k * k))
    law = Polynomial({tuple((v, e + 1) for v, e in m): Fraction(c, m[0][1] + 1) for m, c in slope.terms.items()})
    refutation = find_refutation(parse_model("monomial:1"), law)
    assert refutation is not None
    assert verify(refutation.certificate).accepted
    assert abs(refutation.point[0]) > 4


# Ranks

matrices = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.lists(st.fractions(-3, 3, max_denominator=3), min_size=width, max_size=width), min_size=1, max_size=5
    )
)


@given(matrices)
def test_ranks_are_those_of_flint_and_certified(rows: list[list[Rational]]) -> None:
    matrix = fmpq_mat(
        len(rows), len(rows[0]), [fmpq(Fraction(c).numerator, Fraction(c).denominator) for row in rows for c in row]
    )
    made: Any = exact_rank(rows)
    assert made["claim"]["rank"] == matrix.rank()
    judgement = verify(made)
    assert judgement.accepted, judgement.reason
    made["claim"]["rank"] += 1
    assert not verify(made).accepted


@given(matrices)
def test_kernel_vectors_are_a_basis_of_the_kernel(rows: Sequence[Sequence[Rational]]) -> None:
    basis = kernel_vectors(rows)
    assert all(sum(a * b for a, b in zip(row, vector, strict=True)) == 0 for row in rows for vector in basis)
    made: Any = exact_rank([[*vector] for vector in basis]) if basis else {"claim": {"rank": 0}}
    assert made["claim"]["rank"] == len(basis)
    assert all(isinstance(entry, int) or entry.denominator != 1 for vector in basis for entry in vector)
