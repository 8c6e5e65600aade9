"""Sparse polynomials over Q against sympy."""

from fractions import Fraction
from importlib import import_module
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flowlaw.oracles.polynomials import Monomial, Polynomial, Rational, orthogonality

sympy: Any = import_module("sympy")  # untyped
VARIABLES = 4
SYMBOLS = sympy.symbols(f"x0:{VARIABLES}")

numbers = st.one_of(st.integers(-9, 9), st.fractions(-9, 9, max_denominator=7), st.integers(-(2**70), 2**70))
monomials: st.SearchStrategy[Monomial] = st.dictionaries(
    st.integers(0, VARIABLES - 1), st.integers(1, 3), max_size=3
).map(lambda powers: tuple(sorted(powers.items())))
polynomials = st.dictionaries(monomials, numbers, max_size=5).map(Polynomial)
points = st.lists(numbers, min_size=VARIABLES, max_size=VARIABLES)


def to_sympy(polynomial: Polynomial) -> Any:
    return sympy.Add(
        *(
            sympy.Mul(rational(c), *(SYMBOLS[variable] ** exponent for variable, exponent in monomial))
            for monomial, c in polynomial.terms.items()
        )
    )


def rational(value: Rational) -> Any:
    return sympy.Rational(value.numerator, value.denominator)


def same(polynomial: Polynomial, expression: Any) -> bool:
    return bool(sympy.expand(to_sympy(polynomial) - expression) == 0)


@given(polynomials, polynomials)
def test_sums_and_products_are_those_of_sympy(a: Polynomial, b: Polynomial) -> None:
    assert same(a + b, to_sympy(a) + to_sympy(b))
    assert same(a - b, to_sympy(a) - to_sympy(b))
    assert same(a * b, to_sympy(a) * to_sympy(b))
    assert same(a.scaled(Fraction(-2, 3)), to_sympy(a) * sympy.Rational(-2, 3))


@given(polynomials, st.integers(0, 4))
def test_powers_are_those_of_sympy(a: Polynomial, exponent: int) -> None:
    assert same(a**exponent, to_sympy(a) ** exponent)


@given(polynomials)
def test_derivatives_are_those_of_sympy_and_the_gradient_lists_those_that_are_not_zero(a: Polynomial) -> None:
    gradient = a.gradient()
    for variable, symbol in enumerate(SYMBOLS):
        assert same(a.derivative(variable), sympy.diff(to_sympy(a), symbol))
        assert gradient.get(variable, Polynomial()) == a.derivative(variable)
    assert all(gradient.values())


@given(polynomials, points)
def test_values_are_exact(a: Polynomial, point: list[Rational]) -> None:
    expected = to_sympy(a).subs(dict(zip(SYMBOLS, map(rational, point), strict=True)))
    assert rational(a.evaluate(point)) == expected


@given(polynomials, polynomials)
def test_orthogonality_is_the_inner_product_of_the_gradients(a: Polynomial, b: Polynomial) -> None:
    assert same(
        orthogonality(a, b), sympy.Add(*(sympy.diff(to_sympy(a), x) * sympy.diff(to_sympy(b), x) for x in SYMBOLS))
    )


@given(polynomials, polynomials)
def test_polynomials_are_equal_exactly_when_their_difference_vanishes(a: Polynomial, b: Polynomial) -> None:
    assert (a == b) == (not a - b)
    assert a == a + Polynomial()
    assert hash(a) == hash(Polynomial(dict(reversed(a.terms.items()))))
    assert a != to_sympy(a)


@given(polynomials)
def test_terms_are_kept_tidy(a: Polynomial) -> None:
    for monomial, c in a.terms.items():
        assert c
        assert isinstance(c, int) or c.denominator != 1
        assert list(monomial) == sorted(monomial)
    assert a.degree == max((sum(e for _, e in monomial) for monomial in a.terms), default=0)
    assert a.variables() == {variable for monomial in a.terms for variable, _ in monomial}


def test_a_polynomial_shows_its_terms() -> None:
    assert repr(Polynomial.variable(1) ** 2) == "Polynomial({((1, 2),): 1})"
