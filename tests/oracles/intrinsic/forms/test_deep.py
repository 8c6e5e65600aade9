"""Closed forms of deep linear networks: which are claimed, what they say, and exact points to try them at."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
import sympy

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic import Chain, NotClaimed, chain_at, closed_form, point_of_sizes, relaxed_point
from flowlaw.oracles.intrinsic.forms import deep
from flowlaw.oracles.models import DeepLinear, parse_model
from flowlaw.oracles.polynomials import Rational

F = Fraction
sp: Any = sympy  # which has no types
Rows = list[list[Rational]]


def factor(widths: tuple[int, ...], point: tuple[Rational, ...]) -> list[Rows]:
    """``U_1, ..., U_L``."""
    found: list[Rows] = []
    start = 0
    for rows, columns in pairwise(widths):
        found.append([list(point[start + i * columns : start + (i + 1) * columns]) for i in range(rows)])
        start += rows * columns
    return found


def flat(*layers: Rows) -> tuple[Rational, ...]:
    return tuple(x for layer in layers for row in layer for x in row)


def times(a: Rows, b: Rows) -> Rows:
    return [
        [sum((F(x) * y for x, y in zip(row, column, strict=True)), F(0)) for column in zip(*b, strict=True)]
        for row in a
    ]


def transposed(a: Rows) -> Rows:
    return [list(column) for column in zip(*a, strict=True)]


def identity(size: int, value: Rational) -> Rows:
    return [[value if i == j else 0 for j in range(size)] for i in range(size)]


def minus(a: Rows, b: Rows) -> Rows:
    return [[x - y for x, y in zip(left, right, strict=True)] for left, right in zip(a, b, strict=True)]


SCALAR = DeepLinear((1, 1, 1, 1))


def test_the_scalar_chain_takes_the_largest_root_and_has_k_49() -> None:
    form = closed_form(SCALAR, (3, 2, 1))
    assert form.theorem == "A3.deep.relaxed-balanced"
    assert dict(form.invariants) == {"mu_1": 5, "mu_2": 3}
    x, s = sp.symbols("x s")
    equation = sp.sympify(form.formulas[1].sympy, locals={"x": x, "s": s})
    roots = sp.real_roots((equation.lhs - equation.rhs).subs(s, 6), x)
    assert max(roots) == 9
    assert sorted(roots) == [2, 2, 9]
    squares = sp.sympify(form.formulas[2].sympy, locals={"x": x})
    assert [value.subs(x, 9) for value in squares] == [9, 4, 1]
    assert [value.subs(x, 2) for value in squares] == [2, -3, -6]
    assert sp.sympify(form.formulas[3].sympy) == (0, 5, 8)
    kernel = sp.sympify(form.formulas[4].sympy)
    assert kernel.subs({"x_i": 9, "x_j": 9}) == 49


def test_the_kernel_is_the_divided_difference_that_the_tex_states() -> None:
    made = relaxed_point(DeepLinear((3, 2, 2, 2, 3)), seed=4)
    form = closed_form(made.model, made.point)
    xi, xj = sp.symbols("x_i x_j")
    kernel = sp.sympify(form.formulas[4].sympy, locals={"x_i": xi, "x_j": xj})

    def product(x: Any) -> Any:
        return sp.prod([x - sp.Rational(F(tau).numerator, F(tau).denominator) for tau in made.shifts])

    assert sp.expand(kernel * (xi - xj) - product(xi) + product(xj)) == 0


def test_layers_are_counted_from_the_output_and_the_papers_from_the_input() -> None:
    # three layers whose two balances differ, in the numbering of the papers: W_i from the input on
    made = relaxed_point(DeepLinear((2, 2, 2, 2)), seed=0)
    W = factor(made.model.widths, made.point)[::-1]
    lambdas: list[Rational] = []
    for i in range(2):
        balance = minus(times(transposed(W[i + 1]), W[i + 1]), times(W[i], transposed(W[i])))
        lambdas.append(balance[0][0])
        assert balance == identity(2, balance[0][0])
    found = chain_at(made.model, made.point)
    assert found.mus == tuple(reversed(lambdas))
    assert lambdas[0] != lambdas[1]
    sigma = (lambdas[0] + lambdas[1], lambdas[1], F(0))  # sigma_1, sigma_2, sigma_3
    assert found.shifts == tuple(reversed(sigma))
    B, Z = times(W[2], transposed(W[2])), times(times(W[2], W[1]), W[0])
    shifted = [minus(B, identity(2, s)) for s in sigma]
    assert times(times(shifted[0], shifted[1]), shifted[2]) == times(Z, transposed(Z))


@pytest.mark.parametrize("widths", [(1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3, 3), (3, 2, 2, 4), (4, 1, 1, 1, 2)])
@pytest.mark.parametrize("seed", range(5))
def test_random_points_have_an_exactly_relaxed_balance_that_is_not_zero(widths: tuple[int, ...], seed: int) -> None:
    made = relaxed_point(DeepLinear(widths), seed=seed)
    found = chain_at(made.model, made.point)
    assert found.mus == made.mus
    assert any(made.mus)
    assert found.domain == ("equal" if len(set(widths)) == 1 else "bottleneck")
    assert found.rank == len(made.roots) == min(widths)
    # the directions are orthonormal and belong to the roots: A diag(x) A^T = U_1 U_1^T
    U = factor(widths, made.point)[0]
    gram: Rows = [
        [sum((F(x) * a[i] * a[j] for x, a in zip(made.roots, made.left, strict=True)), F(0)) for j in range(widths[0])]
        for i in range(widths[0])
    ]
    assert gram == times(U, transposed(U))
    assert all(x > max(made.shifts) for x in made.roots)


def test_three_directions_can_have_three_different_singular_values() -> None:
    assert len(set(relaxed_point(DeepLinear((3, 3, 3, 3)), seed=0).roots)) == 3


@pytest.mark.parametrize("widths", [(3, 4), (2, 3, 4, 2), (3, 1, 4, 2, 2)])
def test_balanced_points_of_any_widths_have_the_balanced_form(widths: tuple[int, ...]) -> None:
    made = relaxed_point(DeepLinear(widths), balanced=True, seed=1)
    form = closed_form(made.model, made.point)
    assert (form.name, form.theorem) == ("balanced", "A7.balanced")
    assert not any(form.invariants.values())
    depth = len(widths) - 1
    kernel = sp.sympify(form.formulas[-1].sympy)
    # with s_i = 2^L and s_j = 3^L the powers are 4^(j-1) 9^(L-j)
    value = kernel.subs({"s_i": 2**depth, "s_j": 3**depth}) if depth > 1 else kernel
    assert sp.simplify(value - sum(4**j * 9 ** (depth - 1 - j) for j in range(depth))) == 0


def test_one_layer_is_plain_gradient_flow_for_every_z() -> None:
    form = closed_form(DeepLinear((2, 3)), (0,) * 6)
    assert (form.name, form.domain, form.formulas[-1].sympy, dict(form.invariants)) == ("balanced", "Every Z.", "1", {})


def test_other_models_and_two_layers_belong_to_other_modules() -> None:
    assert deep.closed_form(parse_model("relu:1-2-1"), (1,) * 4) is None
    assert deep.closed_form(DeepLinear((2, 2, 2)), (1,) * 8) is None


def test_an_unrelaxed_balance_is_refused_by_its_matrix_and_entry() -> None:
    made = relaxed_point(DeepLinear((2, 2, 2, 2)), seed=0)
    *others, last = factor(made.model.widths, made.point)
    turned = times([[F(3, 5), F(-4, 5)], [F(4, 5), F(3, 5)]], last)
    with pytest.raises(NotClaimed, match=r"U2\.T\*U2 - U3\*U3\.T must be a multiple .* entry \[1,2\] is"):
        deep.closed_form(made.model, flat(*others, turned))
    with pytest.raises(NotClaimed, match=r"U1\.T\*U1 - U2\*U2\.T .* its diagonal holds 3 and 0"):
        deep.closed_form(made.model, flat([[2, 0], [0, 1]], identity(2, 1), identity(2, 1)))


def test_relaxed_balance_with_other_widths_is_not_claimed() -> None:
    # U_2^T U_2 - U_3 U_3^T = -I_3 with U_2 of shape 2 x 3: relaxed, and outside of the theory
    U1: Rows = [[F(3, 4), 0], [0, F(3, 4)]]
    U2: Rows = [[F(3, 4), 0, 0], [0, F(3, 4), 0]]
    U3: Rows = [[F(5, 4), 0, 0], [0, F(5, 4), 0], [0, 0, 1]]
    with pytest.raises(NotClaimed, match=r"relaxed, by 0, -1, but not zero.*all hidden widths are equal"):
        deep.closed_form(DeepLinear((2, 2, 3, 3)), flat(U1, U2, U3))


def test_a_hidden_layer_that_is_wider_than_the_ends_is_not_claimed() -> None:
    U1: Rows = [[F(3, 4), 0]]
    U2: Rows = [[F(5, 4), 0], [0, 1]]
    U3: Rows = [[F(5, 4)], [0]]
    with pytest.raises(NotClaimed):  # U_1^T U_1 - U_2 U_2^T = -I_2, but U_2^T U_2 - U_3 U_3^T = diag(0, 1)
        deep.closed_form(DeepLinear((1, 2, 2, 1)), flat(U1, U2, U3))
    wider: Rows = [[F(3, 4), 0], [0, 0]]
    with pytest.raises(NotClaimed, match="at most both outer ones"):  # relaxed by -1 and 1
        deep.closed_form(DeepLinear((1, 2, 2, 2)), flat(U1, U2, wider))


def test_a_bottleneck_needs_the_full_rank_and_equal_widths_do_not() -> None:
    # s = (5/4, 3/4) and (1, 0): a zero singular value of Z
    U1: Rows = [[F(5, 4), 0], [0, 1], [0, 0]]
    U2: Rows = [[F(3, 4), 0], [0, 0]]
    U3: Rows = [[F(3, 4), 0], [0, 0]]
    with pytest.raises(NotClaimed, match="phi has rank 1 here and the hidden layers have width 2"):
        deep.closed_form(DeepLinear((3, 2, 2, 2)), flat(U1, U2, U3))
    found = chain_at(DeepLinear((2, 2, 2, 2)), flat(U1[:2], U2, U3))
    assert found == Chain("equal", (2, 2), (1, 0), 1)


def test_logits_wrong_lengths_and_large_networks_are_refused() -> None:
    with pytest.raises(NotClaimed, match=r"Leave out \+logits"):
        deep.closed_form(DeepLinear((2, 2, 2, 2), logits=True), (1,) * 12)
    with pytest.raises(BadInput, match="12 parameters and the point has 3"):
        deep.closed_form(DeepLinear((2, 2, 2, 2)), (1,) * 3)
    with pytest.raises(TooLarge, match="exact multiplications"):
        deep.closed_form(DeepLinear((300, 300, 300, 300)), (0,) * 270_000)


def test_sizes_without_common_differences_are_refused() -> None:
    with pytest.raises(BadInput, match="no relaxed balance with these singular values"):
        point_of_sizes(DeepLinear((2, 2, 2, 2)), [[3, 2, 1], [3, 2, 2]])
    with pytest.raises(BadInput, match="every hidden layer must"):
        point_of_sizes(DeepLinear((2, 2, 3, 2)), [[3, 2, 1], [3, 2, 1]])
    with pytest.raises(BadInput, match="no relaxed balance"):
        relaxed_point(DeepLinear((2, 3, 3, 2)))


def test_given_sizes_come_back_as_balances_and_roots() -> None:
    made = point_of_sizes(DeepLinear((3, 2, 2, 2)), [[3, 2, 1], [3, -2, 1]], seed=3)
    assert made.mus == (5, 3)
    assert made.roots == (9, 9)
    assert made.squares == (36, 36)
    assert chain_at(made.model, made.point) == Chain("bottleneck", (3, 2), (5, 3), 2)
