"""The closed forms of two-layer linear networks: what SymPy makes of their text, and where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from random import Random
from typing import Any

import pytest

from flowlaw.oracles.intrinsic import NotClaimed, classify_model, closed_form
from flowlaw.oracles.intrinsic.forms import two_layer
from flowlaw.oracles.intrinsic.linear.classification import representative
from flowlaw.oracles.models import DeepLinear, parse_model
from flowlaw.oracles.polynomials import Rational

F = Fraction
sympy: Any = import_module("sympy")  # it ships no types
EXAMPLE = [F(19, 17), F(259, 1020), F(-7, 68), F(101, 85), F(105, 221), F(163, 884), F(5, 68), F(35, 51)]
"""linear:2-2-2, Delta = I."""
UNBALANCED = [F(10, 3), F(4, 3), F(0), F(8, 3), F(0), F(5, 3), F(0), F(0), F(1)]
"""linear:1-3-2, Delta = diag(4, -1, -1)."""


def matrix(rows: Sequence[Sequence[Rational]]) -> Any:
    return sympy.Matrix([[sympy.Rational(x.numerator, x.denominator) for x in row] for row in rows])


def factors(model: DeepLinear, point: Sequence[Rational]) -> tuple[Any, Any]:
    """U and V as SymPy matrices."""
    n, r, m = model.widths
    U = matrix([point[i * r : (i + 1) * r] for i in range(n)])
    return U, matrix([point[n * r + a * m : n * r + (a + 1) * m] for a in range(r)]).T


def evaluated(text: str, Z: Any, G: Any) -> Any:
    """What SymPy reads: only Z and G are given."""
    return sympy.sympify(text, locals={"Z": Z, "G": G})


def zero(value: Any) -> bool:
    return all(sympy.simplify(x) == 0 for x in value)


CASES = {
    "square": (DeepLinear((2, 2, 2)), EXAMPLE),
    "balanced": (DeepLinear((2, 2, 2)), [F(2), F(0), F(0), F(1), F(6, 5), F(8, 5), F(-4, 5), F(3, 5)]),
    "wide case": (DeepLinear((1, 3, 2)), UNBALANCED),
    "r = m": (DeepLinear((1, 2, 2)), [F(3, 4), F(0), F(5, 4), F(0), F(0), F(1)]),
    "r = n": (DeepLinear((2, 2, 1)), [F(5, 4), F(0), F(0), F(1), F(3, 4), F(0)]),
}


@pytest.mark.parametrize("name", list(CASES))
def test_sympy_reads_the_formulas_and_finds_the_exact_gram_matrices(name: str) -> None:
    model, point = CASES[name]
    form = closed_form(model, point)
    U, V = factors(model, point)
    Z = U * V.T
    G = sympy.Matrix(*Z.shape, list(range(1, len(Z) + 1)))
    left, right, flow = (evaluated(formula.sympy, Z, G) for formula in form.formulas)
    assert zero(left - U * U.T)
    assert zero(right - V * V.T)
    assert zero(flow + U * U.T * G + G * V * V.T)
    assert all(formula.tex and formula.says for formula in form.formulas)


def test_the_example_gives_the_numbers_of_the_theory() -> None:
    form = closed_form(DeepLinear((2, 2, 2)), EXAMPLE)
    assert (form.name, form.theorem, form.invariants) == (
        "relaxed-balanced",
        "A3.linear2.relaxed-balanced",
        {"lambda": 1},
    )
    Z = matrix([[F(343, 624), F(89, 234)], [F(1, 26), F(497, 624)]])
    G = matrix([[1, 2], [0, -1]])
    left, right, flow = (evaluated(formula.sympy, Z, G) for formula in form.formulas)
    assert left == matrix([[F(4729, 3600), F(14, 75)], [F(14, 75), F(569, 400)]])
    assert right == matrix([[F(625, 2704), F(70, 507)], [F(70, 507), F(12289, 24336)]])
    assert flow == matrix([[F(-553913, 304200), F(-545821, 152100)], [F(-616, 12675), F(472769, 304200)]])


def test_a_wide_layer_needs_two_values_and_no_relaxed_balance() -> None:
    form = closed_form(DeepLinear((1, 3, 2)), UNBALANCED)
    assert (form.name, form.theorem) == ("two-valued", "A3.linear2.converse")
    assert form.invariants == {"mu": 4, "nu": 1}
    left, right, _ = (evaluated(f.sympy, matrix([[F(100, 9), F(0)]]), matrix([[1, 1]])) for f in form.formulas)
    assert left == matrix([[F(116, 9)]])
    assert right == matrix([[F(89, 9), F(0)], [F(0), F(1)]])


def test_irrational_values_are_given_by_their_difference_and_the_square_of_their_sum() -> None:
    U = [[F(1), F(1), F(0), F(0)], [F(0), F(0), F(1), F(1)]]
    V = [[F(0), F(1), F(0), F(0)], [F(0), F(0), F(0), F(1)]]
    point = [*(x for row in U for x in row), *(x for column in zip(*V, strict=True) for x in column)]
    form = closed_form(DeepLinear((2, 4, 2)), point)
    assert form.invariants == {"mu - nu": 1, "(mu + nu)^2": 5}
    Z = matrix([[1, 0], [0, 1]])
    left = evaluated(form.formulas[0].sympy, Z, Z)
    assert zero(left - matrix([[2, 0], [0, 2]]))


def test_directions_outside_the_image_get_zero_and_not_lambda() -> None:
    """U = (5/4, 0), V = (3/4, 0): as a neuron, and with two hidden neurons in three dimensions."""
    neuron = closed_form(DeepLinear((2, 1, 2)), [F(5, 4), F(0), F(3, 4), F(0)])
    Z, G = matrix([[F(15, 16), F(0)], [F(0), F(0)]]), matrix([[1, 2], [3, 4]])
    first, second, flow = (evaluated(formula.sympy, Z, G) for formula in neuron.formulas)
    assert (neuron.name, first, second) == ("neuron", sympy.Rational(25, 16), sympy.Rational(9, 16))
    exact = matrix([[F(25, 16), F(0)], [F(0), F(0)]]), matrix([[F(9, 16), F(0)], [F(0), F(0)]])
    assert zero(flow + exact[0] * G + G * exact[1])

    wide: list[Rational] = [F(5, 4), 0, 0, F(13, 12), 0, 0, F(3, 4), 0, 0, 0, F(5, 12), 0]
    form = closed_form(DeepLinear((3, 2, 3)), wide)
    U, V = factors(DeepLinear((3, 2, 3)), wide)
    left, right, _ = (evaluated(f.sympy, U * V.T, sympy.eye(3)) for f in form.formulas)
    assert zero(left - U * U.T)
    assert zero(right - V * V.T)
    assert left[2, 2] == 0
    assert "not lambda" in form.domain


def test_a_negative_lambda_restricts_the_other_factor() -> None:
    point = [F(3, 4), F(0), F(5, 4), F(0)]
    form = closed_form(DeepLinear((2, 1, 2)), point)
    assert form.invariants == {"lambda": -1}
    Z, G = matrix([[F(15, 16), F(0)], [F(0), F(0)]]), matrix([[1, 2], [3, 4]])
    assert evaluated(form.formulas[0].sympy, Z, G) == sympy.Rational(9, 16)
    wide: list[Rational] = [F(3, 4), 0, 0, F(5, 12), 0, 0, F(5, 4), 0, 0, 0, F(13, 12), 0]
    form = closed_form(DeepLinear((3, 2, 3)), wide)
    U, V = factors(DeepLinear((3, 2, 3)), wide)
    left, right, _ = (evaluated(f.sympy, U * V.T, sympy.eye(3)) for f in form.formulas)
    assert (zero(left - U * U.T), zero(right - V * V.T)) == (True, True)
    assert "not -lambda" in form.domain


def test_one_output_and_one_input_always_have_a_closed_form() -> None:
    form = closed_form(DeepLinear((1, 3, 1)), [1, 2, 2, 2, 0, 1])
    assert form.name == "scalar"
    z, g = sympy.symbols("z g")
    metric = sympy.sympify(form.formulas[0].sympy, locals={"z": z})
    assert metric.subs(z, 4) == 9 + 5  # |u|^2 + |v|^2 at z = 1*2 + 2*1
    flow = sympy.sympify(form.formulas[1].sympy, locals={"z": z, "g": g})
    assert flow.subs({z: 4, g: 2}) == -28
    assert closed_form(DeepLinear((1, 1, 1)), [3, 0]).invariants == {"|u|^2 - |v|^2": 9, "c": 81}


def test_points_of_deficient_rank_use_delta_on_the_row_space() -> None:
    """Two equal hidden neurons: one neuron of twice the squared size."""
    form = closed_form(DeepLinear((2, 2, 2)), [1, 1, 0, 0, 2, 0, 2, 0])
    assert (form.name, form.invariants) == ("neuron", {"lambda": -6})


@pytest.mark.parametrize(
    ("spec", "point", "words"),
    [
        ("linear:1-2-3", [F(3, 4), 0, F(5, 4), 0, 0, 0, 1, 0], "never holds"),
        ("linear:2-2-2", [2, 0, 0, 1, 1, 0, 0, 2], "iff Delta is a multiple of the identity"),
        ("linear:2-1-2", [1, 0, 0, 0], "rank Z = 1"),
        ("linear:3-2-2", [2, 0, 0, 2, 0, 0, 0, 0, 0, 0], "U U\\^T has rank 2 < n = 3 and Z has rank 0"),
        ("linear:2-2-3", [0, 0, 0, 0, 2, 0, 0, 0, 2, 0], "V V\\^T has rank 2 < m = 3 and Z has rank 0"),
    ],
)
def test_where_a_hypothesis_is_missing_it_is_named(spec: str, point: list[Rational], words: str) -> None:
    with pytest.raises(NotClaimed, match=words):
        closed_form(parse_model(spec), point)


def test_other_models_are_left_to_other_modules() -> None:
    for spec in ("linear:2-2-2-2", "linear:2-2-2+logits", "relu:2-2-2"):
        model = parse_model(spec)
        assert two_layer.closed_form(model, [1] * model.parameters) is None


def test_a_closed_form_exists_exactly_where_the_classification_says_so() -> None:
    random = Random(2)
    seen = {True: 0, False: 0}
    for _ in range(200):
        n, m = random.randint(1, 3), random.randint(1, 3)
        r = random.randint(1, n + m + 1)
        rho = min(r, n + m)
        z = random.randint(0, min(n, m, rho))
        choices = [(p, rho - z - p, z) for p in range(n - z + 1) if 0 <= rho - z - p <= m - z]
        if not choices:
            continue
        U, V = representative(n, m, r, random.choice(choices), distinct=random.random() < 0.4)
        point: list[Rational] = [
            *(x for row in U for x in row),
            *(x for column in zip(*V, strict=True) for x in column),
        ]
        model = DeepLinear((n, r, m))
        holds = classify_model(model, point).holds
        assert holds is not None
        seen[holds] += 1
        if holds:
            closed_form(model, point)
        else:
            with pytest.raises(NotClaimed):
                closed_form(model, point)
    assert min(seen.values()) > 40
