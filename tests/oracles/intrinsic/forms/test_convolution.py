"""The closed forms of linear convolutions."""

from fractions import Fraction
from typing import Any

import pytest

from flowlaw.oracles.intrinsic import NotClaimed, closed_form
from flowlaw.oracles.intrinsic.forms.convolution import filters_at, is_outer_product, recipe_of, shifts
from flowlaw.oracles.models import parse_model

F = Fraction


@pytest.mark.parametrize(
    ("spec", "outer"),
    [
        ("conv:2-2+stride2", True),
        ("conv:2-2+stride3", True),
        ("conv:2-1-3+stride1-2", True),
        ("conv:3", True),
        ("conv:1-1-1", True),
        ("conv:2-2", False),
        ("conv:3-2+stride2", False),
        ("conv:2-2-2+stride2-1", False),
    ],
)
def test_outer_products_are_told_by_their_coefficients(spec: str, outer: bool) -> None:
    recipe = recipe_of(parse_model(spec))
    assert recipe is not None
    assert is_outer_product(recipe) is outer


def test_the_norms_of_two_filters_are_written_with_the_value_of_the_law() -> None:
    sympy: Any = pytest.importorskip("sympy")
    form = closed_form(parse_model("conv:2-2+stride2"), [1, 2, 3, 5])
    assert (form.name, form.theorem) == ("outer-product", "A5.lcn.metric")
    assert form.invariants == {"norm2(w1) - norm2(w2)": 5 - 34}
    q = sympy.Symbol("q")
    first, second = (sympy.sympify(f.sympy, locals={"q": q}) for f in form.formulas[1:])
    assert (first.subs(q, 5 * 34), second.subs(q, 5 * 34)) == (5, 34)


def test_the_norms_of_three_filters_are_a_root() -> None:
    sympy: Any = pytest.importorskip("sympy")
    # squared norms 1, 4 and 9: A3.path-lifting.closed-forms (b), where 2 is a root as well, and no valid one
    form = closed_form(parse_model("conv:1-1-1"), [1, 2, 3])
    x, q = sympy.symbols("x q")
    equation = sympy.sympify(form.formulas[1].sympy, locals={"x": x, "q": q}).subs(q, 36)
    assert sympy.roots(sympy.Poly(equation, x)) == {9: 1, 2: 2}
    assert "largest root" in form.formulas[1].says


def test_the_local_form_says_that_it_is_local() -> None:
    form = closed_form(parse_model("conv:2-2"), [-1, 1, -7, 1])
    assert form.name == "factor-branch"
    assert "It is local" in form.domain
    assert "A5.lcn.non-uniqueness" in form.domain


def test_nothing_is_claimed_where_filters_share_a_factor() -> None:
    with pytest.raises(NotClaimed, match=r"is 2, not 3"):
        closed_form(parse_model("conv:2-2"), [-2, 1, -2, 1])
    with pytest.raises(NotClaimed, match=r"A5\.lcn\.rank"):
        closed_form(parse_model("conv:3-2+stride2"), [-2, 0, 1, -2, 1])
    assert closed_form(parse_model("conv:3-2+stride2"), [-2, 0, 1, -3, 1]).name == "factor-branch"
    assert closed_form(parse_model("conv:2-2+stride2"), [-2, 1, -2, 1]).name == "outer-product"


def test_nothing_is_claimed_where_a_filter_is_zero() -> None:
    with pytest.raises(NotClaimed, match="zero"):
        closed_form(parse_model("conv:2-2+stride2"), [0, 0, 1, 1])
    assert closed_form(parse_model("conv:2"), [0, 0]).domain == "Every w."


def test_shifts_are_sums_of_law_values() -> None:
    recipe = recipe_of(parse_model("conv:2-3-1"))
    assert recipe is not None
    assert filters_at(recipe, [1, 2, 3, 4, 5, 6]) == ((1, 2), (3, 4, 5), (6,))
    assert shifts([F(9), F(4), F(1)]) == (8, 3, 0)
    assert recipe_of(parse_model("diagonal:2")) is None
