"""The kernel's polynomials against those of the search, which are compared with sympy elsewhere."""

from collections.abc import Sequence
from fractions import Fraction
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.certificates import number_json, polynomial_json
from flowlaw.oracles.kernel._exact import (
    LOOK_WORK,
    MINUS_ONE,
    ONE,
    Matrix,
    Polynomial,
    Work,
    combine,
    dot,
    inner,
    number,
    over,
    read_point,
    read_polynomial,
    size,
    variable,
    words,
)
from flowlaw.oracles.kernel._read import Node, Rejected
from flowlaw.oracles.polynomials import Polynomial as Reference
from flowlaw.oracles.polynomials import Rational, orthogonality

VARIABLES = 4
numbers = st.one_of(st.integers(-9, 9), st.fractions(-9, 9, max_denominator=7), st.integers(-(2**70), 2**70))
monomials = st.dictionaries(st.integers(0, VARIABLES - 1), st.integers(1, 3), max_size=3).map(
    lambda powers: tuple(sorted(powers.items()))
)
references = st.dictionaries(monomials, numbers, max_size=5).map(Reference)
points = st.lists(numbers, min_size=VARIABLES, max_size=VARIABLES)


def as_read(reference: Reference) -> Polynomial:
    return read_polynomial(Node(polynomial_json(reference), "a law"), VARIABLES, 100)


def same(found: Polynomial, expected: Reference) -> bool:
    assert all(type(c) is int and c for c in found.terms.values())
    assert found.below > 0
    return Reference(found.terms) == expected.scaled(found.below)


@given(references)
def test_polynomials_are_read_as_written_with_the_least_denominator(a: Reference) -> None:
    read = as_read(a)
    assert same(read, a)
    assert gcd(read.below, *read.terms.values()) == 1


@given(st.lists(st.tuples(references, references), max_size=4))
def test_sums_of_products_are_those_of_the_search(pairs: list[tuple[Reference, Reference]]) -> None:
    expected = Reference()
    for a, b in pairs:
        expected = expected + a * b
    assert same(combine([(as_read(a), as_read(b)) for a, b in pairs], Work()), expected)


@given(references, references)
def test_polynomials_are_equal_exactly_when_their_difference_vanishes(a: Reference, b: Reference) -> None:
    difference = combine([(as_read(a), ONE), (as_read(b), MINUS_ONE)], Work())
    assert bool(difference.terms) == (a != b)
    halved = combine([(as_read(a + a), number(Fraction(1, 2))), (as_read(a), MINUS_ONE)], Work())
    assert not halved.terms


@given(references, references, st.sets(st.integers(0, VARIABLES - 1)))
def test_gradients_and_their_inner_products_are_those_of_the_search(
    a: Reference, b: Reference, among: set[int]
) -> None:
    of_a, of_b = as_read(a).slopes(Work()), as_read(b).slopes(Work())
    assert of_a.keys() == a.gradient().keys()
    assert all(same(slope, a.derivative(index)) for index, slope in of_a.items())
    assert as_read(a).slopes(Work(), among) == {index: of_a[index] for index in of_a.keys() & among}
    assert same(inner(of_a, of_b, Work()), orthogonality(a, b))


@given(references, st.dictionaries(st.integers(0, VARIABLES - 1), st.integers(-9, 9)))
def test_the_derivative_along_a_vector_is_that_of_the_search(a: Reference, vector: dict[int, int]) -> None:
    expected = Reference()
    for index, entry in vector.items():
        expected = expected + a.derivative(index).scaled(entry)
    assert same(as_read(a).along(vector, Work()), expected)


@given(references, points, st.integers(0, 2))
def test_values_and_gradients_are_exact(a: Reference, point: Sequence[Rational], more: int) -> None:
    polynomial, at = as_read(a), read_point(Node([number_json(c) for c in point], "the point"), VARIABLES)
    for found in (polynomial.jet(at, Work()), polynomial.jet(at, Work(), polynomial.degree() + more)):
        assert Fraction(found.value, found.scale) == a.evaluate(point)
        for index in range(VARIABLES):
            assert Fraction(found.slope.get(index, 0), found.scale) == a.derivative(index).evaluate(point)


@given(references, references, points)
def test_inner_products_of_gradients_at_a_point_are_exact(
    a: Reference, b: Reference, point: Sequence[Rational]
) -> None:
    at = read_point(Node([number_json(c) for c in point], "the point"), VARIABLES)
    left, right = as_read(a).jet(at, Work()), as_read(b).jet(at, Work())
    inner_product = over(dot(left.slope, right.slope, Work()), [left.scale, right.scale], Work())
    assert inner_product == orthogonality(a, b).evaluate(point)


@given(st.lists(st.dictionaries(st.integers(0, 5), st.integers(-(2**70), 2**70)), max_size=5))
def test_sparse_products_are_those_of_dense_matrices(rows: list[dict[int, int]]) -> None:
    vector = {0: 3, 2: -(2**80), 5: 1}
    found = Matrix(rows, Work()).times(vector)
    expected = [sum(row.get(column, 0) * c for column, c in vector.items()) for row in rows]
    assert found == {name: c for name, c in enumerate(expected) if c}


def test_long_numbers_at_a_point_are_paid_for() -> None:
    """Before they are multiplied: the power would have two thousand million bits."""
    long = read_point(Node([2**10_000], "the point"), 1)
    with pytest.raises(Rejected, match="more work"):
        Polynomial({((0, 200_000),): 1}).jet(long, Work())
    with pytest.raises(Rejected, match="more work"):
        Polynomial({((0, 200_000),): 1, (): 1}).jet(read_point(Node([f"1/{2**10_000 - 1}"], "the point"), 1), Work())
    with pytest.raises(Rejected, match="more work"):
        Matrix([{0: 2**10**6}], Work(10_000)).times({0: 2**10**6})


def test_constants_and_variables() -> None:
    assert number(0) == Polynomial({})
    assert number(Fraction(-3, 2)) == Polynomial({(): -3}, 2)
    assert number(Fraction(-3, 2)).constant() == Fraction(-3, 2)
    assert variable(3) == Polynomial({((3, 1),): 1})
    assert combine([], Work()) == Polynomial({})


# Paid arithmetic


def test_work_runs_out() -> None:
    work = Work(10)
    work.spend(10)
    with pytest.raises(Rejected, match="more work"):
        work.spend(1)


def test_the_size_of_a_polynomial_counts_terms_variables_and_words() -> None:
    assert size({}) == 0
    assert size({((0, 1), (1, 5)): 2**64, (): 1}) == 5
    assert (words(0), words(2**63 - 1), words(2**64), words(-(2**128))) == (0, 0, 1, 2)


def test_a_product_is_paid_for_before_it_is_made() -> None:
    left, right = Polynomial({((0, 1),): 1, (): 2**64}), Polynomial({((1, 1),): 1})
    exactly = LOOK_WORK + 4 * 2
    combine([(left, right)], Work(exactly))
    with pytest.raises(Rejected, match="more work"):
        combine([(left, right)], Work(exactly - 1))


def test_denominators_are_paid_for_by_their_length() -> None:
    long = Polynomial({(): 1}, 2**6400 + 1)
    with pytest.raises(Rejected, match="more work"):
        combine([(long, ONE), (Polynomial({(): 1}, 2**6400 - 1), ONE)], Work(20_000))
