"""The oscillator of momentum, and orders of accuracy."""

from __future__ import annotations

import math

import pytest

from flowlaw.properties._orders import RUNS, errors, order
from flowlaw.properties._oscillator import HeavyBall, damped, translation_errors


@pytest.mark.parametrize(("kind", "omega"), [("over", 0.5), ("critical", 1.0), ("under", 2.0)])
def test_the_closed_form_solves_the_equation(kind: str, omega: float) -> None:
    gamma, h = 1.0, 1e-4
    d = math.sqrt(abs(gamma**2 - omega**2))
    y = [damped(0.7, -0.3, gamma, d, 0.5 + k * h, kind) for k in (-1, 0, 1)]
    second, first = (y[2] - 2 * y[1] + y[0]) / h**2, (y[2] - y[0]) / (2 * h)
    # central differences: truncation h^2, rounding u/h^2
    assert abs(second + 2 * gamma * first + omega**2 * y[1]) < 10 * (h**2 + 2.0**-52 / h**2)
    assert damped(0.7, -0.3, gamma, d, 0.0, kind) == pytest.approx(0.7, rel=1e-14)


def test_large_damping_does_not_overflow() -> None:
    assert 0 < damped(1.0, 0.0, 1e4, 1e4 - 1e-3, 1.0, "over") < 1


def test_the_known_errors_of_the_known_starts() -> None:
    ball = HeavyBall(0.5, 1.0, 0.5)
    found = {start: translation_errors(ball, start, [1600])[0][1] for start in ("zero", "derived")}
    assert f"{found['zero']:.2e} {found['derived']:.1e}" == "1.15e-04 1.2e-08"


def test_orders_are_found_from_quotients_of_errors() -> None:
    assert order([(0.2, 0.04), (0.1, 0.01)]) == pytest.approx(2)
    assert abs(order(errors(RUNS[0], correct=True)) - 2) < 0.01
