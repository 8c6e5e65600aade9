"""Certified gradient flow: Taylor polynomials, and a proof of how far they are from the true flow.

Integration (``_taylor``) is not trusted. Each piece, a polynomial curve ``p`` on a time interval of length ``l``, is
checked afterwards in ball arithmetic (python-flint, Arb):

1. The defect ``d(s) = p'(s) + l grad E(p(s))``, s in [0, 1], is a polynomial; the sum of the absolute values of its
   coefficients bounds it. Call the Euclidean norm of these bounds ``delta``.
2. ``mu`` bounds the largest eigenvalue of ``-hess E`` over a box that contains all points within ``TUBE`` of the curve.
3. Gronwall: the distance ``e`` between flow and curve satisfies ``e' <= l mu e + delta`` while it is at most ``TUBE``,
   so ``e(1) <= exp(l mu) (e(0) + delta)`` if ``mu >= 0``. The bound being below ``TUBE``, the flow never left the tube.

Errors add up over the pieces as numbers, not as boxes, so there is no wrapping effect. See docs/simulations.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, log

from flint import arb, arb_poly, ctx, fmpz_poly

from ..oracles.errors import BadInput, TooLarge
from ..oracles.polynomials import Polynomial, Rational
from ._arb import LOW, ball, norm, sum_of_sizes, symmetric, to_arb, to_fraction, upper_end
from ._enclosed import EnclosedCurve
from ._hessian import logarithmic_norm
from ._pieces import integrate
from ._program import Program, polynomial_program
from ._taylor import Piece
from ._trajectory import ExactPoint
from .objective import Objective

TUBE = Fraction(1, 2**24)
"""How far from the curve the derivative is bounded; the proved error must stay below it."""

DIGITS = 10_000
"""The largest number of digits that may be asked for."""

LONGEST = 10**9
"""The longest time."""


@dataclass(frozen=True, slots=True)
class CertifiedFlow(EnclosedCurve):
    """A piecewise polynomial curve and a proved bound on its distance from the gradient flow, at all times.

    Attributes:
        start: the exact initial point.
        pieces: the curve.
        radii: the proved distance at the start of each piece and, last, at the end.
        tubes: the proved distance anywhere on each piece.
        growth: ``exp`` of the integral of ``max(mu, 0)``: how much the proof let an early error grow.
    """

    objective: Objective
    start: ExactPoint
    pieces: tuple[Piece, ...]
    radii: tuple[Fraction, ...]
    tubes: tuple[Fraction, ...]
    growth: float

    @property
    def method(self) -> str:
        return "Taylor with defect bound"

    def drift(self, law: Polynomial) -> Fraction:
        """A proved upper bound of ``|h(theta(t)) - h(theta(0))|`` over ALL times of the flow."""
        program = polynomial_program([law], self.objective.parameters)
        initial = law.evaluate(self.start)
        worst = arb(0)
        for piece, tube in zip(self.pieces, self.tubes, strict=True):
            with ctx.workprec(piece.bits + LOW):
                curve = _arb_polynomials(piece)
                (along,) = _run(program, curve)
                difference = (along - to_arb(initial)).coeffs()
            with ctx.workprec(LOW):
                bound = sum_of_sizes(difference) + _steepness(law, _box(curve, tube)) * to_arb(tube)
                worst = worst.max(bound)
        return to_fraction(worst)

    def change(self, law: Polynomial) -> tuple[Fraction, Fraction]:
        """Proved lower and upper bounds of ``h(theta(end)) - h(theta(0))``; an interval without 0 proves a change."""
        end = self.end
        middle = Fraction(law.evaluate(end.midpoint)) - law.evaluate(self.start)
        with ctx.workprec(LOW):
            box = [to_arb(x) + ball(end.radius) for x in end.midpoint]
            slack = to_fraction(_steepness(law, box) * to_arb(end.radius))
        return middle - slack, middle + slack


def certified_flow(
    objective: Objective, start: Sequence[Rational], *, time: Rational, digits: int, attempts: int = 4
) -> CertifiedFlow:
    """The gradient flow ``theta' = -grad E(theta)`` to ``digits`` certified digits.

    Args:
        objective: a polynomial ``E``.
        start: the exact initial point.
        time: how long the flow runs.
        digits: the number of certified digits of the end point (see ``Enclosure.digits``).
        attempts: how often the working precision may be raised when the proof falls short.

    Returns:
        A flow whose ``digits`` is at least what was asked for.

    Raises:
        BadInput: time or digits out of range.
        TooLarge: the bound left the tube or stayed too wide after all attempts; usually the flow is too long or
            too expanding.

    >>> from flowlaw.oracles.models import DeepLinear
    >>> from flowlaw.simulations import Loss
    >>> energy = Objective(DeepLinear((1, 1, 1)), Loss.squared([1]))
    >>> flow = certified_flow(energy, [Fraction(1, 2), Fraction(1, 3)], time=1, digits=30)
    >>> flow.digits >= 30
    True
    """
    objective.check(start)
    if not 1 <= digits <= DIGITS:
        raise BadInput(f"{digits} certified digits were asked for. Choose between 1 and {DIGITS}.")
    if not 0 < time <= LONGEST:
        raise BadInput(f"A flow over the time {time} was asked for. Choose a positive time of at most {LONGEST}.")
    exact = tuple(Fraction(x) for x in start)
    guard = 6 + _growth_guess(objective, exact, Fraction(time))
    flow = None
    for _ in range(attempts):
        pieces = integrate(objective.program, exact, Fraction(time), digits + guard)
        flow = certify(objective, exact, pieces)
        if flow is not None and flow.digits >= digits:
            return flow
        guard += digits + 10 if flow is None else digits - flow.digits + 2
    reached = "left its tube" if flow is None else f"proves {flow.digits} digits"
    raise TooLarge(
        f"The flow of {objective.model.spec} over the time {time} could not be certified to {digits} digits: after "
        f"{attempts} attempts the error bound {reached}. Take a shorter time, fewer digits, or a start "
        "nearer to the targets."
    )


def certify(objective: Objective, start: Sequence[Rational], pieces: Sequence[Piece]) -> CertifiedFlow | None:
    """Proves how far any piecewise polynomial curve is from the gradient flow; nothing if it strays beyond ``TUBE``.

    Args:
        objective: gives the flow.
        start: the exact initial point.
        pieces: a curve from any source, in order of time; jumps between pieces count as errors.

    Raises:
        BadInput: no pieces, or pieces that leave a gap in time or overlap.
    """
    exact = tuple(Fraction(x) for x in start)
    ends = [Fraction(0), *(piece.start + piece.length for piece in pieces)]
    if not pieces or any(piece.start != end or piece.length <= 0 for piece, end in zip(pieces, ends, strict=False)):
        raise BadInput(
            "The pieces of a curve must follow each other in time from 0 on, without gaps. Sort or complete them."
        )
    radii, tubes = list[Fraction](), list[Fraction]()
    growth = 1.0
    previous: tuple[Fraction, ...] = exact
    error = to_arb(Fraction(1, 2 ** pieces[0].bits))  # at least one unit, so that digits are always a number
    for piece in pieces:
        with ctx.workprec(piece.bits + LOW):
            curve = _arb_polynomials(piece)
            gradient = _run(objective.program, curve)
            defect = [
                (p.derivative() + to_arb(piece.length) * g).coeffs() for p, g in zip(curve, gradient, strict=True)
            ]
        with ctx.workprec(LOW):
            error += norm([to_arb(a - b) for a, b in zip(piece.begin(), previous, strict=True)])
            radii.append(to_fraction(error))
            delta = defect_bound(defect)
            rate = logarithmic_norm(objective, _box(curve, TUBE)) * to_arb(piece.length)
            factor = rate.exp()
            inside = factor.max(arb(1)) * (error + delta)
            if not inside < to_arb(TUBE):
                return None
            tubes.append(to_fraction(inside))
            error = upper_end(factor * error + factor.max(arb(1)) * delta)
            growth *= max(1.0, float(factor))
        previous = tuple(Fraction(int(x), 2**piece.bits) for x in piece.end())
    radii.append(to_fraction(error))
    return CertifiedFlow(objective, exact, tuple(pieces), tuple(radii), tuple(tubes), growth)


def defect_bound(defect: Sequence[Sequence[arb]]) -> arb:
    """The Euclidean norm of the sums of absolute coefficients: at least ``sup |d(s)|`` over s in [0, 1]."""
    return norm([sum_of_sizes(coefficients) for coefficients in defect])


def _growth_guess(objective: Objective, start: Sequence[Fraction], time: Fraction) -> int:
    with ctx.workprec(LOW):
        rate = logarithmic_norm(objective, [to_arb(x) for x in start])
    return min(40, max(0, ceil(float(rate) * float(time) / log(10))))


def _run(program: Program, curve: Sequence[arb_poly]) -> list[arb_poly]:
    return [arb_poly(value) for value in program.run(curve, to_arb)]


def _arb_polynomials(piece: Piece) -> list[arb_poly]:
    unit = to_arb(Fraction(1, 2**piece.bits))
    return [arb_poly(fmpz_poly(list(series))) * unit for series in piece.coefficients]


def _box(curve: Sequence[arb_poly], radius: Fraction) -> list[arb]:
    """An enclosure of every point within ``radius`` of the curve."""
    box: list[arb] = []
    for polynomial in curve:
        first, *rest = polynomial.coeffs() or [arb(0)]
        box.append(first + symmetric(sum_of_sizes(rest)) + ball(radius))
    return box


def _steepness(law: Polynomial, box: Sequence[arb]) -> arb:
    """An upper bound of ``|grad h|`` over the box."""
    gradient = law.gradient().values()
    program = polynomial_program(list(gradient), len(box))
    return norm(program.run(list(box), to_arb))
