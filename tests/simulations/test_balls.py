"""The certified flow against closed forms, against mpmath, and with its proof sabotaged."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flint", reason="certified flows need python-flint")

from flint import arb, arb_mat, ctx, fmpq, fmpz

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.models import DeepLinear, known_laws, parse_model
from flowlaw.oracles.polynomials import Polynomial
from flowlaw.simulations import CertifiedFlow, Enclosure, Loss, Objective, balls, certified_flow, certify, odefun_flow
from flowlaw.simulations._hessian import positive_definite
from flowlaw.simulations._taylor import Piece, taylor, to_fixed

TARGET = [Fraction(k, 3) - 1 for k in range(9)]
U = [[Fraction(1), Fraction(1, 2)], [Fraction(-1, 3), Fraction(2, 3)], [Fraction(1, 4), Fraction(1)]]
ROTATION = [[Fraction(3, 5), Fraction(-4, 5), 0], [Fraction(4, 5), Fraction(3, 5), 0], [0, 0, 1]]
V = [[sum((Fraction(r * U[k][j]) for k, r in enumerate(row)), Fraction(0)) for j in range(2)] for row in ROTATION]
BALANCED = [*(x for row in U for x in row), *(V[j][i] for i in range(2) for j in range(3))]
"""U and V^T row-major, with V a rotation of U, so that U^T U = V^T V exactly."""


def three_by_two() -> Objective:
    return Objective(DeepLinear((3, 2, 3)), Loss.squared(TARGET))


def balanced_closed_form(time: Fraction) -> arb_mat:
    """``P P^T`` for ``P = (U; V)`` and a balanced start, at the current precision.

    ``P' = F P - P P^T P / 2`` with ``F = [[0, Y], [Y^T, 0]]`` gives
    ``P P^T = e^(tF) P0 (I + P0^T (integral of e^(2sF)) P0)^-1 P0^T e^(tF)``; the integral is a block of the exponential
    of ``[[2F, I], [0, 0]]``.
    """

    def matrix(rows: Sequence[Sequence[Any]]) -> arb_mat:
        return arb_mat([[arb(fmpq(Fraction(x).numerator, Fraction(x).denominator)) for x in row] for row in rows])

    t = Fraction(time)
    y = [TARGET[3 * i : 3 * i + 3] for i in range(3)]
    f = [[0] * 3 + y[i] for i in range(3)] + [[y[j][i] for j in range(3)] + [0] * 3 for i in range(3)]
    start = matrix([*U, *V])
    block = [[2 * t * x for x in row] + [t * (i == j) for j in range(6)] for i, row in enumerate(f)]
    integral = matrix([*block, *([[0] * 12] * 6)]).exp().tolist()
    upper = arb_mat([[integral[i][j] for j in range(6, 12)] for i in range(6)])
    flow = matrix([[t * x for x in row] for row in f]).exp()
    inner = matrix([[1, 0], [0, 1]]) + start.transpose() * upper * start
    moved = flow * start
    return moved * inner.inv() * moved.transpose()


def gram(end: Enclosure) -> arb_mat:
    """``P P^T`` over all points of an enclosure of ``(U, V^T)``."""
    x = [
        arb(fmpq(m.numerator, m.denominator), arb(fmpq(end.radius.numerator, end.radius.denominator)))
        for m in map(Fraction, end.midpoint)
    ]
    p = arb_mat(
        [[x[2 * i + j] for j in range(2)] for i in range(3)] + [[x[6 + 3 * j + i] for j in range(2)] for i in range(3)]
    )
    return p * p.transpose()


def agrees_with_closed_form(flow: CertifiedFlow) -> bool:
    with ctx.workprec(2000):
        return bool(gram(flow.end).overlaps(balanced_closed_form(Fraction(1))))


@pytest.fixture(scope="module")
def flow() -> CertifiedFlow:
    return certified_flow(three_by_two(), BALANCED, time=1, digits=60)


@pytest.mark.once
def test_sixty_certified_digits_agree_with_the_closed_form_of_a_balanced_start(flow: CertifiedFlow) -> None:
    assert flow.digits >= 60
    assert agrees_with_closed_form(flow)


def test_the_closed_form_would_notice_an_error_in_the_sixtieth_digit(flow: CertifiedFlow) -> None:
    moved = [x + Fraction(1, 10**60) for x in flow.end.midpoint]
    last = flow.pieces[-1]
    wrong = replace(last, coefficients=tuple((c[0] + fmpz(2**last.bits) // 10**58, *c[1:]) for c in last.coefficients))
    assert agrees_with_closed_form(flow)
    assert not agrees_with_closed_form(replace(flow, pieces=(*flow.pieces[:-1], wrong)))
    assert not flow.end.contains([x + Fraction(1, 10**55) for x in moved])


def test_the_balance_matrix_drifts_by_less_than_1e_50_at_all_times_and_that_is_proved(flow: CertifiedFlow) -> None:
    (family,) = known_laws(flow.objective.model)
    for law in family.polynomials():
        assert flow.drift(law) < Fraction(1, 10**50)
        low, high = flow.change(law)
        assert low <= 0 <= high


def test_a_form_that_is_no_law_is_proved_to_change(flow: CertifiedFlow) -> None:
    norm = Polynomial({((i, 2),): 1 for i in range(6)})
    low, high = flow.change(norm)
    assert 0 < low <= high or low <= high < 0
    assert high - low < Fraction(1, 10**50)
    assert flow.drift(norm) >= max(abs(low), abs(high))


def test_a_law_with_one_sign_changed_is_proved_to_change(flow: CertifiedFlow) -> None:
    law = known_laws(flow.objective.model)[0].polynomials()[0]
    wrong = Polynomial({monomial: abs(c) for monomial, c in law.terms.items()})
    low, high = flow.change(wrong)
    assert low > 0 or high < 0


@pytest.mark.once
def test_mpmath_lands_inside_a_coarser_enclosure_at_an_inner_time() -> None:
    random = Random(3)
    energy = Objective(DeepLinear((1, 2, 2, 1)), Loss.squared([Fraction(3, 2)]))
    start = [Fraction(random.randint(-9, 9), 8) for _ in range(8)]
    coarse = certified_flow(energy, start, time=1, digits=9)
    reference = odefun_flow(energy, start, times=[Fraction(1, 3), 1], digits=22)
    assert coarse.at(Fraction(1, 3)).contains(reference.points[0])
    assert coarse.end.contains(reference.end)


def test_a_linear_flow_is_the_hyperbolic_rotation_it_must_be() -> None:
    energy = Objective(DeepLinear((1, 1, 1)), Loss.linear([1]))  # x' = -y, y' = -x
    result = certified_flow(energy, [2, 1], time=Fraction(3, 2), digits=80)
    with ctx.workprec(600):
        e, f = arb(fmpq(3, 2)).exp(), arb(fmpq(-3, 2)).exp()
        x, y = (3 * f + e) / 2, (3 * f - e) / 2
        for value, middle in zip((x, y), map(Fraction, result.end.midpoint), strict=True):
            gap = abs(value - arb(fmpq(middle.numerator, middle.denominator)))
            assert gap < arb(fmpq(result.end.radius.numerator, result.end.radius.denominator))


def test_a_start_that_is_not_dyadic_is_enclosed_from_the_beginning() -> None:
    energy = Objective(DeepLinear((1, 1, 1)), Loss.squared([1]))
    start = (Fraction(1, 3), Fraction(2, 7))
    result = certified_flow(energy, start, time=1, digits=20)
    assert result.trajectory.points[0].contains(start)
    assert result.trajectory.points[0].radius > 0


def test_a_flow_at_rest_stays_there() -> None:
    result = certified_flow(Objective(DeepLinear((1, 1, 1)), Loss.squared([1])), [0, 0], time=1, digits=30)
    assert result.end.contains((0, 0))


@pytest.mark.parametrize("spec", ["relu:2-2-1+bias", "monomial:3", "linear:2-2"])
def test_other_models_are_certified_too_and_keep_their_laws(spec: str) -> None:
    random = Random(spec)
    model = parse_model(spec)
    energy = Objective(model, Loss.squared([random.randint(-2, 2) for _ in model.coordinates()]))
    start = [Fraction(random.choice([-7, -5, 3, 8]), 8) for _ in range(model.parameters)]
    result = certified_flow(energy, start, time=1, digits=30)
    assert result.digits >= 30
    assert result.growth >= 1
    for family in known_laws(model):
        assert max(result.drift(law) for law in family.polynomials()) < Fraction(1, 10**25)


# The proof, sabotaged. Each of these must be seen by the closed form, or the comparison above means nothing.


def poor_pieces() -> list[Piece]:
    """Sixty-four Taylor polynomials of order 10 without a jump: right to about 8 digits, in numbers of 60."""
    values, length, pieces = to_fixed(BALANCED, 200), Fraction(1, 64), list[Piece]()
    for k in range(64):
        series = taylor(three_by_two().program, values, length, 10, 200)
        pieces.append(Piece(k * length, length, tuple(map(tuple, series)), 200))
        values = pieces[-1].end()
    return pieces


def test_an_honest_certificate_of_a_poor_curve_is_wide_enough() -> None:
    result = certify(three_by_two(), BALANCED, poor_pieces())
    assert result is not None
    assert agrees_with_closed_form(result)
    assert 3 <= result.digits < 15


def test_a_remainder_that_is_left_out_is_caught_by_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:

    def nothing(defect: object) -> arb:
        return arb(2) ** -200

    monkeypatch.setattr(balls, "defect_bound", nothing)
    result = certify(three_by_two(), BALANCED, poor_pieces())
    assert result is not None
    assert not agrees_with_closed_form(result)


def test_a_growth_rate_that_is_too_small_is_caught_by_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:

    def contracting(objective: object, box: object) -> arb:
        return arb(-500)

    monkeypatch.setattr(balls, "logarithmic_norm", contracting)
    result = certify(three_by_two(), BALANCED, poor_pieces())
    assert result is not None
    assert not agrees_with_closed_form(result)


def test_one_wrong_coefficient_widens_the_certificate_until_it_is_true_again(flow: CertifiedFlow) -> None:
    first = flow.pieces[0]
    bump = fmpz(2 ** (first.bits - 60))
    series = (*first.coefficients[0][:3], first.coefficients[0][3] + bump, *first.coefficients[0][4:])
    wrong = replace(first, coefficients=(series, *first.coefficients[1:]))
    result = certify(flow.objective, BALANCED, [wrong, *flow.pieces[1:]])
    assert result is not None
    assert flow.digits >= 60 > 18 >= result.digits
    assert agrees_with_closed_form(result)


def test_a_jump_between_pieces_counts_as_an_error(flow: CertifiedFlow) -> None:
    early = replace(flow.pieces[3], start=flow.pieces[2].start)
    assert certify(flow.objective, BALANCED, flow.pieces[:3]) is not None
    assert certify(flow.objective, BALANCED, [*flow.pieces[:2], early]) is None


def test_pieces_that_do_not_follow_each_other_in_time_are_refused(flow: CertifiedFlow) -> None:
    for pieces in ([], flow.pieces[1:], [*flow.pieces[:2], *flow.pieces[3:]], [flow.pieces[0], flow.pieces[0]]):
        with pytest.raises(BadInput, match="without gaps"):
            certify(flow.objective, BALANCED, pieces)


def test_another_start_is_not_certified_by_the_same_pieces(flow: CertifiedFlow) -> None:
    assert certify(flow.objective, [BALANCED[0] + 1, *BALANCED[1:]], flow.pieces) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_logarithmic_norm_bounds_the_hessian_and_beats_the_size_of_the_residual(seed: int) -> None:
    """For U V^T with the squared loss ``lambda_max(-hess E) <= |U V^T - Y|``, the bound of algorithms by hand."""
    rng = np.random.default_rng(seed)
    energy = three_by_two()
    point = rng.normal(size=12)
    h = 1e-5
    units = np.eye(12)

    def gradient(x: Any) -> Any:
        return np.array([float(g) for g in energy.gradient([Fraction(float(v)) for v in x])])

    hessian = np.array([(gradient(point + h * e) - gradient(point - h * e)) / (2 * h) for e in units])
    measured = np.linalg.eigvalsh(-(hessian + hessian.T) / 2)[-1]
    bound = float(balls.logarithmic_norm(energy, [arb(x) for x in point]))
    product = point[:6].reshape(3, 2) @ point[6:].reshape(2, 3)
    residual = np.linalg.norm(product - np.array([float(y) for y in TARGET]).reshape(3, 3), 2)
    assert measured - 1e-6 <= bound <= residual + 1e-6
    wide = float(balls.logarithmic_norm(energy, [arb(x, 0.1) for x in point]))
    for _ in range(20):
        other = point + rng.uniform(-0.1, 0.1, size=12)
        assert float(balls.logarithmic_norm(energy, [arb(x) for x in other])) <= wide


def test_a_matrix_that_is_not_positive_definite_is_not_certified_as_such() -> None:
    assert positive_definite([[arb(2), arb(1)], [arb(1), arb(1)]])
    assert not positive_definite([[arb(1), arb(1)], [arb(1), arb(1)]])
    assert not positive_definite([[arb(1), arb(0, 2)], [arb(0, 2), arb(1)]])


@pytest.mark.parametrize(
    ("time", "digits", "says"),
    [(0, 10, "positive time"), (10**10, 10, "positive time"), (1, 0, "between 1"), (1, 10**6, "between 1")],
)
def test_requests_out_of_range_are_refused(time: int, digits: int, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        certified_flow(three_by_two(), BALANCED, time=time, digits=digits)


def test_a_flow_that_runs_away_is_refused_with_a_remedy() -> None:
    energy = Objective(DeepLinear((1, 1, 1, 1)), Loss.linear([-1]))  # x' = y z: infinite after a finite time
    with pytest.raises(TooLarge, match="shorter time"):
        certified_flow(energy, [2, 2, 2], time=5, digits=5)


def test_times_outside_the_flow_are_refused(flow: CertifiedFlow) -> None:
    with pytest.raises(BadInput, match="outside"):
        flow.at(2)


def test_precision_outside_is_left_as_it_was() -> None:
    before = ctx.prec
    certified_flow(Objective(DeepLinear((1, 1, 1)), Loss.squared([1])), [1, 2], time=1, digits=50)
    assert ctx.prec == before


def test_a_long_flow_reaches_the_minimum_and_says_so() -> None:
    energy = Objective(DeepLinear((1, 1, 1)), Loss.squared([1]))
    result = certified_flow(energy, [2, 1], time=40, digits=20)
    x, y = result.end.midpoint
    assert abs(x * y - 1) < Fraction(1, 10**20)


@pytest.mark.parametrize("scale", [Fraction(1, 10**6), Fraction(200)])
def test_small_and_large_starts_are_certified(scale: Fraction) -> None:
    energy = Objective(DeepLinear((1, 2, 1)), Loss.squared([1]))
    result = certified_flow(energy, [scale, -scale, 2 * scale, scale], time=Fraction(1, 100) / max(1, scale), digits=25)
    assert result.digits >= 25
