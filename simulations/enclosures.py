"""Enclosures of flows ``z' = F(z)`` whose right-hand side has quotients and square roots: reduced flows.

The proof is that of ``balls`` with another bound of the defect, since ``F`` along a polynomial is no polynomial. For a
piece ``p`` of length ``l``, with ``u = s - 1/2`` in [-1/2, 1/2]:

1. ``d(u) = p'(u) - l F(p(u))`` equals its Taylor polynomial at ``u = 0`` below order N, plus ``u^N`` times its N-th
   coefficient at a point between 0 and u (Lagrange). The former is enclosed in balls; the latter by the N-th
   coefficient of ``F`` along the series of ``p`` at the ball ``[-1/2, 1/2]``.
2. ``mu`` bounds the largest eigenvalue of the symmetric part of ``F'`` over a box around the curve; that ``F`` could be
   evaluated in balls over that box proves that it is analytic there.
3. Gronwall and no escape, as there.

Theorem and proof: docs/simulations.md. Errors travel as numbers, not as boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, exp, inf, isfinite, log

from flint import arb, arb_poly, ctx, fmpz, fmpz_poly

from ..oracles.errors import BadInput, TooLarge
from ..oracles.polynomials import Polynomial, Rational
from ._arb import LOW, ball, norm, sum_of_sizes, symmetric, to_arb, to_fraction, upper_end
from ._enclosed import EnclosedCurve
from ._hessian import largest_eigenvalue
from ._jets import Field as Field
from ._jets import Undefined, jacobian_of_field, series_of_field
from ._program import polynomial_program
from ._tape import taylor_of_field
from ._taylor import Piece, to_fixed
from ._trajectory import Enclosure, ExactPoint
from .balls import TUBE

DIMENSION = 16
"""The largest number of coordinates."""

DIGITS = 200
"""The largest number of digits that may be asked for."""

LONGEST = 10**6
"""The longest time."""

PIECES = 2000
"""The largest number of pieces."""

_RATIO = 1.6  # as in _pieces
_HALVINGS = 20  # of one piece, before the flow is given up


@dataclass(frozen=True, slots=True)
class EnclosedFlow(EnclosedCurve):
    """A piecewise polynomial curve and a proved bound on its distance from the flow of ``field``, at all times.

    Attributes:
        field: the right-hand side.
        start: the exact initial point.
        pieces: the curve.
        radii: the proved distance at the start of each piece and, last, at the end.
        tubes: the proved distance anywhere on each piece.
    """

    field: Field
    start: ExactPoint
    pieces: tuple[Piece, ...]
    radii: tuple[Fraction, ...]
    tubes: tuple[Fraction, ...]

    @property
    def method(self) -> str:
        return "Taylor with defect bound and Lagrange remainder"


def enclose_flow(
    field: Field, start: Sequence[Rational], *, time: Rational, digits: int = 25, attempts: int = 4
) -> EnclosedFlow:
    """The flow ``z' = field(z, sqrt)`` to ``digits`` proved digits.

    Args:
        field: one formula without branches in ``+ - * /``, whole powers, exact constants and the ``sqrt`` it is given;
            it says ``-K(z) grad f(z)`` as a whole, sign included.
        start: the exact initial point.
        time: how long the flow runs.
        digits: the number of proved digits of the end point.
        attempts: how often the working precision may be raised when the proof falls short.

    Returns:
        A flow whose ``digits`` is at least what was asked for.

    Raises:
        BadInput: the start, the time or the digits are out of range, or the field cannot be evaluated in balls.
        TooLarge: the proof does not go through: the flow reaches a point where a root or a quotient is not defined,
            runs to infinity, or expands too much.

    >>> from fractions import Fraction
    >>> circle = enclose_flow(lambda z, sqrt: [sqrt(1 + z[0] * z[0])], [0], time=1, digits=30)  # sinh
    >>> float(circle.end.midpoint[0]), circle.digits >= 30
    (1.1752011936438014, True)
    """
    exact = tuple(Fraction(x) for x in start)
    if not 1 <= len(exact) <= DIMENSION:
        raise BadInput(f"A flow with {len(exact)} coordinates was asked for. Enclosures take 1 to {DIMENSION}.")
    if not 1 <= digits <= DIGITS:
        raise BadInput(f"{digits} proved digits were asked for. Choose between 1 and {DIGITS}.")
    if not 0 < time <= LONGEST:
        raise BadInput(f"A flow over the time {time} was asked for. Choose a positive time of at most {LONGEST}.")
    guard, reached = 6, "left its tube"
    for _ in range(attempts):
        flow = _attempt(field, exact, Fraction(time), digits + guard)
        if flow is not None and flow.digits >= digits:
            return flow
        reached = "left its tube" if flow is None else f"proves {flow.digits} digits"
        guard += digits + 10 if flow is None else digits - flow.digits + 2
    raise TooLarge(
        f"The flow over the time {time} could not be enclosed to {digits} digits: after {attempts} attempts the error "
        f"bound {reached}. Take a shorter time or fewer digits."
    )


def certify_curve(field: Field, start: Sequence[Rational], pieces: Sequence[Piece]) -> EnclosedFlow | None:
    """Proves how far any piecewise polynomial curve is from the flow; nothing where the proof does not go through.

    Args:
        field: the right-hand side.
        start: the exact initial point.
        pieces: a curve from any source, in order of time; jumps between pieces count as errors.

    Raises:
        BadInput: no pieces, pieces that leave a gap in time or overlap, or a field that is no formula.
    """
    ends = [Fraction(0), *(piece.start + piece.length for piece in pieces)]
    if not pieces or any(piece.start != end or piece.length <= 0 for piece, end in zip(pieces, ends, strict=False)):
        raise BadInput("The pieces of a curve must follow each other from 0 on, without gaps. Sort or complete them.")
    proof = _Proof(field, tuple(Fraction(x) for x in start), pieces[0].bits)
    for piece in pieces:
        if not proof.extend(piece):
            return None
    return proof.flow()


class _Proof:
    """A proof that grows by one piece at a time."""

    def __init__(self, field: Field, start: tuple[Fraction, ...], bits: int) -> None:
        self.field = field
        self.start = start
        self.pieces: list[Piece] = []
        self.radii: list[Fraction] = []
        self.tubes: list[Fraction] = []
        self.here = start
        self.error = to_arb(Fraction(1, 2**bits))  # at least one unit, so that digits are always a number

    def extend(self, piece: Piece, most: Fraction | None = None) -> bool:
        """Whether the proof goes through on the next piece, with a defect of at most ``most`` if one is given."""
        try:
            delta = defect_bound(self.field, piece)
            if most is not None and not delta <= to_arb(most):
                return False
            with ctx.workprec(LOW):
                rate = expansion(self.field, _box(_polynomials(piece), TUBE)) * to_arb(piece.length)
        except Undefined:
            return False
        with ctx.workprec(LOW):
            error = self.error + norm([to_arb(a - b) for a, b in zip(piece.begin(), self.here, strict=True)])
            factor = rate.exp()
            inside = factor.max(arb(1)) * (error + delta)
            if not inside < to_arb(TUBE):
                return False
            self.radii.append(to_fraction(error))
            self.tubes.append(to_fraction(inside))
            self.error = upper_end(factor * error + factor.max(arb(1)) * delta)
        self.pieces.append(piece)
        self.here = tuple(Fraction(int(x), 2**piece.bits) for x in piece.end())
        return True

    def flow(self) -> EnclosedFlow:
        radii = (*self.radii, to_fraction(self.error))
        return EnclosedFlow(self.field, self.start, tuple(self.pieces), radii, tuple(self.tubes))


def defect_bound(field: Field, piece: Piece) -> arb:
    """At least ``sup |p' - l F(p)|`` over the piece: step 1 of the proof.

    Raises:
        Undefined: the field is not analytic on the balls used.
    """
    order = max(len(series) for series in piece.coefficients)
    with ctx.workprec(piece.bits + LOW):
        centred = [polynomial(arb_poly([to_arb(Fraction(1, 2)), 1])) for polynomial in _polynomials(piece)]
        length = to_arb(piece.length)
        along = series_of_field(field, [_padded(p, order) for p in centred], order)
        bounds: list[arb] = []
        for p, velocity in zip(centred, along, strict=True):
            difference = p.derivative() - length * arb_poly(velocity)
            # at u = v/2 with v in [-1, 1], where the absolute values of coefficients add up
            bounds.append(sum_of_sizes(difference(arb_poly([0, to_arb(Fraction(1, 2))])).coeffs()))
    with ctx.workprec(LOW):
        scale = to_arb(piece.length / 2**order)
        rest = _remainders(field, [_around(_padded(p, order + 1)) for p in centred], order)
        return norm([bound + (scale * r).abs_upper() for bound, r in zip(bounds, rest, strict=True)])


def _remainders(field: Field, everywhere: Sequence[Sequence[arb]], order: int) -> list[arb]:
    """The Taylor coefficients of that order of ``F(p)``, at all points of the piece at once."""
    return [row[order] for row in series_of_field(field, everywhere, order + 1)]


def expansion(field: Field, box: Sequence[arb]) -> arb:
    """An upper bound of the largest eigenvalue of ``(F' + F'^T)/2`` at all points of the box.

    Raises:
        Undefined: the field is not analytic on the box.
    """
    rows = jacobian_of_field(field, box)
    size = len(rows)
    return largest_eigenvalue([[(rows[i][j] + rows[j][i]) / 2 for j in range(size)] for i in range(size)], "the field")


def image(enclosure: Enclosure, polynomials: Sequence[Polynomial]) -> Enclosure:
    """Where ``z = phi(theta)`` is when theta is where ``enclosure`` says.

    The midpoint is phi at the midpoint, exactly; the mean value theorem bounds the radius: a bound of ``|d phi|_F``
    over the ball, times its radius.
    """
    size = len(enclosure.midpoint)
    middle = tuple(Fraction(p.evaluate(enclosure.midpoint)) for p in polynomials)
    with ctx.workprec(LOW):
        box = [to_arb(x) + ball(enclosure.radius) for x in enclosure.midpoint]
        entries = [derivative for p in polynomials for derivative in p.gradient().values()]
        steepness = norm(polynomial_program(entries, size).run(box, to_arb)) if entries else arb(0)
        return Enclosure(middle, to_fraction(steepness * to_arb(enclosure.radius)))


def apart(one: Enclosure, other: Enclosure) -> Fraction:
    """A proved lower bound of the distance of the two points: positive iff the enclosures are disjoint."""
    square, reach = _square(one, other), one.radius + other.radius
    if square <= reach**2:
        return Fraction(0)
    with ctx.workprec(2 * LOW):
        below = -to_fraction(-to_arb(square).sqrt()) - reach
    # rounding must not hide what was decided exactly: |a| - r = (|a|^2 - r^2)/(|a| + r)
    return below if below > 0 else (square - reach**2) / (2 * reach + 1 + square)


def within(one: Enclosure, other: Enclosure) -> Fraction:
    """A proved upper bound of the distance of the two points."""
    with ctx.workprec(LOW):
        return to_fraction(to_arb(_square(one, other)).sqrt()) + one.radius + other.radius


def overlap(one: Enclosure, other: Enclosure) -> bool:
    """Whether the two can be the same point; decided exactly."""
    return _square(one, other) <= (one.radius + other.radius) ** 2


def _square(one: Enclosure, other: Enclosure) -> Fraction:
    if len(one.midpoint) != len(other.midpoint):
        raise BadInput(
            f"Enclosures with {len(one.midpoint)} and {len(other.midpoint)} coordinates cannot be compared. Take the "
            "image of the parameters under phi, or drop the coordinates that were added."
        )
    return sum(((Fraction(a) - b) ** 2 for a, b in zip(one.midpoint, other.midpoint, strict=True)), Fraction(0))


# The curve. Nothing below is trusted.


def _attempt(field: Field, start: tuple[Fraction, ...], time: Fraction, digits: int) -> EnclosedFlow | None:
    """A curve that should be right to ``digits`` digits, proved piece by piece; a piece that fails is halved."""
    bits = ceil(digits * log(10) / log(2)) + 16
    order = ceil(digits * log(10) / _RATIO) + 6
    proof = _Proof(field, start, bits)
    values = to_fixed(start, bits)
    now, shrink = Fraction(0), 1.0
    while now < time:
        series = _series(field, values, order, bits, now)
        length = min(_dyadic(shrink * exp(-_RATIO) / _rate(series), time), time - now)
        largest = max(Fraction(1), *(abs(Fraction(int(x), 2**bits)) for x in values))
        tolerance = largest / 10**digits
        for _ in range(_HALVINGS):
            piece = _piece(series, now, length, bits)
            if proof.extend(piece, tolerance):
                shrink = min(1.0, 1.1 * shrink)
                break
            length, shrink = length / 2, shrink / 2
        else:
            if to_fraction(proof.error) * 2**20 > TUBE:
                return None
            raise _stuck(now)
        if len(proof.pieces) >= PIECES:
            raise TooLarge(
                f"The flow over the time {time} had reached {float(now):.6g} after {PIECES} pieces. "
                "Take a shorter time."
            )
        values, now = piece.end(), now + piece.length
    return proof.flow()


def _stuck(now: Fraction) -> TooLarge:
    return TooLarge(
        f"The flow could not be enclosed beyond the time {float(now):.6g}: there a root or a quotient is not defined, "
        "or the velocity changes too fast. Take a shorter time or another start."
    )


def _series(field: Field, values: Sequence[fmpz], order: int, bits: int, now: Fraction) -> list[list[arb]]:
    """The Taylor coefficients 0 .. order in t."""
    with ctx.workprec(bits + LOW):
        unit = to_arb(Fraction(1, 2**bits))
        try:
            return taylor_of_field(field, [arb(x) * unit for x in values], order)
        except (Undefined, ZeroDivisionError) as error:
            raise _stuck(now) from error


def _rate(series: Sequence[Sequence[arb]]) -> float:
    """The inverse of the radius of convergence, as the last third of the coefficients shows it."""
    order = len(series[0]) - 1
    rate = 1e-9
    for k in range(2 * order // 3, order + 1):
        size = max(float(c[k].abs_upper()) for c in series)
        if not isfinite(size):
            return inf
        rate = max(rate, size ** (1 / k))
    return rate


def _dyadic(value: float, most: Fraction) -> Fraction:
    """``value`` rounded down to 4 significant bits, at most ``most``."""
    if not value > 0:
        raise TooLarge("The step of an enclosed flow fell to zero. Take a shorter time or a smaller initial point.")
    if value >= most:
        return most
    length = Fraction(value)
    shift = length.denominator.bit_length() - length.numerator.bit_length() + 4
    scaled = Fraction(int(length * Fraction(2) ** shift))
    return scaled / Fraction(2) ** shift


def _piece(series: Sequence[Sequence[arb]], start: Fraction, length: Fraction, bits: int) -> Piece:
    def fixed(value: arb) -> fmpz:
        mantissa, exponent = value.mid().man_exp()
        return mantissa << int(exponent) if exponent >= 0 else mantissa >> int(-exponent)

    with ctx.workprec(bits + LOW):
        rows = [
            tuple(fixed(c * to_arb(length**k * 2**bits)) for k, c in enumerate(coefficients)) for coefficients in series
        ]
    return Piece(start, length, tuple(rows), bits)


# What both bounds are made of.


def _polynomials(piece: Piece) -> list[arb_poly]:
    unit = to_arb(Fraction(1, 2**piece.bits))
    return [arb_poly(fmpz_poly(list(series))) * unit for series in piece.coefficients]


def _padded(polynomial: arb_poly, order: int) -> list[arb]:
    found = list(polynomial.coeffs())[:order]
    return found + [arb(0)] * (order - len(found))


def _around(coefficients: Sequence[arb]) -> list[arb]:
    """The Taylor coefficients at all points u of [-1/2, 1/2] of a polynomial given by those at 0.

    The k-th differs from that at 0 by at most ``sum_(j > k) C(j, k) |c_j| / 2^(j - k)``: the coefficients of the
    polynomial with the absolute values, moved to 1/2, are these sums with the terms j = k.
    """
    sizes = [c.abs_upper() for c in coefficients]
    moved = _padded(arb_poly(sizes)(arb_poly([to_arb(Fraction(1, 2)), 1])), len(sizes))
    return [c + symmetric(total - size) for c, total, size in zip(coefficients, moved, sizes, strict=True)]


def _box(curve: Sequence[arb_poly], radius: Fraction) -> list[arb]:
    """An enclosure of every point within ``radius`` of the curve."""
    box: list[arb] = []
    for polynomial in curve:
        first, *rest = polynomial.coeffs() or [arb(0)]
        box.append(first + symmetric(sum_of_sizes(rest)) + ball(radius))
    return box
