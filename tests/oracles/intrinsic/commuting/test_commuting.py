"""Which coordinates commute, with certificates, and the potentials of their mirror flows."""

from fractions import Fraction
from typing import Any, cast

import pytest

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic import NotClaimed, closed_form
from flowlaw.oracles.intrinsic.commuting.commuting import (
    bracket,
    claim_commuting,
    decide_commuting,
    diagonal_weights,
    metric_of,
    quadratic_forms,
)
from flowlaw.oracles.intrinsic.commuting.potential import hessian_potential
from flowlaw.oracles.kernel import verify
from flowlaw.oracles.models import parse_model
from flowlaw.oracles.polynomials import Polynomial

F = Fraction


@pytest.mark.parametrize("spec", ["diagonal:3", "symmetric:1-3", "monomial:3", "linear:1-2-1", "relu:1-2-1", "conv:3"])
def test_commuting_coordinates_are_certified(spec: str) -> None:
    found = decide_commuting(parse_model(spec))
    assert found.commutes
    assert all(verify(c).accepted for c in found.certificates)


@pytest.mark.parametrize("spec", ["linear:2-1-1", "linear:2-2-2", "symmetric:2-2", "conv:2-2+stride2", "relu:2-2-1"])
def test_others_are_refuted_at_a_point(spec: str) -> None:
    model = parse_model(spec)
    found = decide_commuting(model)
    assert found.pair is not None
    assert all(verify(c).accepted for c in found.certificates)
    first, second = (model.coordinates()[k] for k in found.pair)
    shown = bracket(first, second)
    assert tuple(shown[k].evaluate(found.point) if k in shown else 0 for k in range(model.parameters)) == found.bracket
    assert any(found.bracket)
    assert not verify(claim_commuting(model)).accepted


def test_the_bracket_of_a_neuron_is_that_of_the_theory() -> None:
    u, v1, v2 = map(Polynomial.variable, range(3))
    assert bracket(u * v1, u * v2) == {1: v2, 2: -v1}


def test_a_certificate_with_another_gradient_is_rejected() -> None:
    honest = claim_commuting(parse_model("diagonal:2"))
    claim = cast("dict[str, Any]", honest["claim"])
    left, right = claim["equal"][0]
    forged = {**honest, "claim": {**claim, "equal": [[left, {"+": [right, {"x": 4}]}], *claim["equal"][1:]]}}
    assert verify(honest).accepted
    assert not verify(forged).accepted


def test_quadratic_forms_are_hessians() -> None:
    forms = quadratic_forms(parse_model("linear:1-1-1"))
    assert forms == ({(0, 1): 1, (1, 0): 1},)
    assert quadratic_forms(parse_model("monomial:3")) is None
    assert diagonal_weights(parse_model("diagonal:2")) == ((2, 0, -2, 0), (0, 2, 0, -2))
    assert diagonal_weights(parse_model("linear:1-1-1")) is None


def test_models_with_too_many_brackets_are_refused() -> None:
    with pytest.raises(TooLarge, match="pairs"):
        decide_commuting(parse_model("diagonal:100"))
    with pytest.raises(TooLarge, match="terms"):
        quadratic_forms(parse_model("symmetric:40-40"))


def test_the_potential_of_differences_of_squares_is_arcsinh() -> None:
    sympy: Any = pytest.importorskip("sympy")
    potential = hessian_potential(parse_model("diagonal:1"), [F(3), F(1, 2)])
    assert potential is not None
    w, mu, beta = sympy.Symbol("w1"), sympy.Symbol("mu1"), sympy.Rational(3, 2)
    primal = sympy.sympify(potential.primal[0].sympy, locals={"w1": w})
    wanted = (sympy.asinh(w / (2 * beta)) - sympy.log(6)) / 4
    assert sympy.simplify(sympy.expand_log(primal - wanted, force=True)) == 0
    dual = sympy.sympify(potential.dual.sympy, locals={"mu1": mu})
    # grad Q and grad R are inverse to each other, and hess Q is the metric at the start
    assert sympy.diff(dual, mu).subs(mu, 0) == F(9) - F(1, 4)
    assert sympy.diff(dual, mu, 2).subs(mu, 0) == metric_of(parse_model("diagonal:1"), [F(3), F(1, 2)])[0][0]
    assert abs(float(primal.subs(w, sympy.diff(dual, mu).subs(mu, sympy.Rational(1, 3)))) - 1 / 3) < 1e-12


def test_equal_signs_have_the_entropy_as_potential() -> None:
    sympy: Any = pytest.importorskip("sympy")
    potential = hessian_potential(parse_model("symmetric:1-2"), [F(1), F(2)])
    assert potential is not None
    assert potential.exponentials is not None
    assert (potential.exponentials.rates, potential.exponentials.squares) == (((2,),), (5,))
    w = sympy.Symbol("w1")
    assert sympy.simplify(sympy.sympify(potential.primal[0].sympy, locals={"w1": w}) - sympy.log(w / 5) / 4) == 0


def test_mixed_rates_have_no_written_inverse() -> None:
    from flowlaw.oracles.models import Block, PolynomialMap

    squares = [Polynomial.variable(k) * Polynomial.variable(k) for k in range(3)]
    mixed = PolynomialMap("mixed", (Block("x", (3,)),), (squares[0] - squares[1].scaled(2) + squares[2],))
    potential = hessian_potential(mixed, [1, 1, 1])
    assert potential is not None
    assert potential.primal == ()
    assert closed_form(mixed, [1, 1, 1]).name == "mirror-quadratic"


def test_the_form_of_differences_of_squares_holds_at_every_point() -> None:
    form = closed_form(parse_model("diagonal:2"), [F(3), 0, F(1, 2), 0])
    assert (form.name, form.invariants) == ("mirror-arcsinh", {"u1*v1": F(3, 2), "u2*v2": 0})
    assert "never changes" in form.domain
    assert len(closed_form(parse_model("diagonal:2"), [1, 1, 1, 1]).formulas) == 5


def test_nothing_is_claimed_where_coordinates_do_not_commute_or_are_stuck() -> None:
    with pytest.raises(NotClaimed, match="do not commute"):
        closed_form(parse_model("symmetric:2-2"), [1, 2, 3, 4])
    with pytest.raises(NotClaimed, match="full rank"):
        closed_form(parse_model("symmetric:1-2"), [0, 0])
    with pytest.raises(BadInput):
        closed_form(parse_model("monomial:3"), [1, 2, 3])
