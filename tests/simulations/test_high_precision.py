from fractions import Fraction

import pytest

pytest.importorskip("flint", reason="taylor_flow needs python-flint")
pytest.importorskip("mpmath", reason="odefun_flow needs mpmath")

from flowlaw.oracles.errors import BadInput
from flowlaw.oracles.models import DeepLinear, known_laws
from flowlaw.simulations import Loss, Objective, odefun_flow, taylor_flow
from flowlaw.simulations._taylor import taylor, to_fixed

ENERGY = Objective(DeepLinear((1, 2, 1)), Loss.squared([2]))
START = [Fraction(1), Fraction(1, 2), Fraction(-1, 3), Fraction(2)]
TIMES = [0, Fraction(1, 2), 1]


def test_the_two_integrators_agree_to_the_digits_that_were_asked_for() -> None:
    ours = taylor_flow(ENERGY, START, times=TIMES, digits=25)
    theirs = odefun_flow(ENERGY, START, times=TIMES, digits=25)
    for a, b in zip(ours.points, theirs.points, strict=True):
        assert max(abs(x - y) for x, y in zip(a, b, strict=True)) < Fraction(1, 10**23)


def test_more_digits_bring_the_point_nearer_to_the_flow() -> None:
    best = taylor_flow(ENERGY, START, times=[1], digits=120).end
    errors: list[Fraction] = []
    for digits in (20, 40, 80):
        end = taylor_flow(ENERGY, START, times=[1], digits=digits).end
        errors.append(Fraction(max(abs(x - y) for x, y in zip(end, best, strict=True))))
    assert all(error < Fraction(1, 10**d) for error, d in zip(errors, (20, 40, 80), strict=True))
    assert errors[0] > errors[1] > errors[2] > 0


def test_a_law_keeps_its_value_to_the_same_digits() -> None:
    path = taylor_flow(ENERGY, START, times=TIMES, digits=50)
    (family,) = known_laws(ENERGY.model)
    for law in family.polynomials():
        assert abs(law.evaluate(path.end) - law.evaluate(path.points[0])) < Fraction(1, 10**49)


@pytest.mark.parametrize("order", [1, 7, 16, 17, 40, 64, 65])
def test_block_products_give_the_same_coefficients_as_plain_ones(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from flowlaw.simulations import _taylor

    start = to_fixed(START, 100)
    quick = taylor(ENERGY.program, start, Fraction(1, 8), order, 100)
    monkeypatch.setattr(_taylor, "LEAF", 128)
    assert taylor(ENERGY.program, start, Fraction(1, 8), order, 100) == quick
    assert [len(series) for series in quick] == [order + 1] * 4


def test_the_first_coefficients_are_the_derivatives_of_the_flow() -> None:
    series = taylor(ENERGY.program, to_fixed(START, 200), Fraction(1, 2), 3, 200)
    gradient = ENERGY.gradient(START)
    for c, g in zip(series, gradient, strict=True):
        assert abs(Fraction(int(c[1]), 2**200) + Fraction(g) / 2) < Fraction(1, 2**190)


@pytest.mark.parametrize(("times", "digits"), [([], 10), ([1, Fraction(1, 2)], 10), ([-1], 10), ([1], 0)])
def test_bad_times_and_digits_are_refused(times: list[Fraction], digits: int) -> None:
    with pytest.raises(BadInput):
        taylor_flow(ENERGY, START, times=times, digits=digits)
