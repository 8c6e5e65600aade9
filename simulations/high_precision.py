"""High-precision gradient flow without a certificate: a second opinion, and a way to see how digits converge.

Both functions return binary numbers as exact fractions, so that a law can be evaluated on them without further error.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from typing import Any

from ..oracles.errors import BadInput
from ..oracles.polynomials import Rational
from ._trajectory import ExactPoint, Trajectory
from .objective import Objective

DIGITS = 10_000
"""The largest number of digits that may be asked for."""


def taylor_flow(
    objective: Objective, start: Sequence[Rational], *, times: Sequence[Rational], digits: int
) -> Trajectory[ExactPoint]:
    """The flow at increasing times, by Taylor polynomials in fixed point; aims at ``digits`` digits, proves none.

    ``flowlaw.simulations.certified_flow`` runs the same integrator and adds the proof.
    """
    from ._pieces import integrate

    _check(objective, start, times, digits)
    point = tuple(Fraction(x) for x in start)
    now, points = Fraction(0), list[ExactPoint]()
    for time in times:
        if Fraction(time) > now:
            last = integrate(objective.program, point, Fraction(time) - now, digits + 10)[-1]
            point, now = tuple(Fraction(int(x), 2**last.bits) for x in last.end()), Fraction(time)
        points.append(point)
    return Trajectory(tuple(times), tuple(points), "mpmath", {"method": "Taylor", "digits": str(digits)})


def odefun_flow(
    objective: Objective, start: Sequence[Rational], *, times: Sequence[Rational], digits: int
) -> Trajectory[ExactPoint]:
    """The flow at increasing times by ``mpmath.odefun`` at ``digits`` digits: slow, independent of our integrators.

    Raises:
        BadInput: times that decrease or are negative, or too many digits.
    """
    mpmath: Any = import_module("mpmath")  # ships no types

    _check(objective, start, times, digits)

    def lift(value: Rational) -> Any:
        exact = Fraction(value)
        return mpmath.mpf(exact.numerator) / exact.denominator

    def slope(_: Any, values: list[Any]) -> list[Any]:
        return [-g for g in objective.program.run(values, lift)]

    with mpmath.workdps(digits):
        flow = mpmath.odefun(slope, 0, [lift(x) for x in start])
        points = tuple(tuple(_fraction(x) for x in flow(lift(time))) for time in times)
    return Trajectory(tuple(times), points, "mpmath", {"method": "mpmath.odefun", "digits": str(digits)})


def _check(objective: Objective, start: Sequence[Rational], times: Sequence[Rational], digits: int) -> None:
    objective.check(start)
    if not 1 <= digits <= DIGITS:
        raise BadInput(f"{digits} digits were asked for. Choose between 1 and {DIGITS}.")
    if not times or any(a > b for a, b in zip([0, *times], times, strict=False)):
        raise BadInput("The times of a flow must be given in increasing order, none negative, at least one.")


def _fraction(value: Any) -> Fraction:
    sign, mantissa, exponent, _ = value._mpf_  # mpmath's exact parts have no public name
    return Fraction(-int(mantissa) if sign else int(mantissa)) * Fraction(2) ** int(exponent)
