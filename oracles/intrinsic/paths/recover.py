r"""The squares ``theta_e^2`` from ``z`` and the laws (A3.path-lifting.recover), in rational arithmetic.

With ``r_v > 0`` for each hidden neuron, and 1 at sources and outputs, all parameters without zeros that share ``|z|``
have the squares ``q_e r_v / r_u`` for edges ``e : u -> v``, q being the squares of one of them. The laws ask for
``F_v(r) = sum_(e -> v) theta_e^2 - sum_(v -> e) theta_e^2 - h_v = 0``: the gradient of a strictly convex function of
``t = log(r) / 2`` with the Hessian ``H = 2 C diag(theta^2) C^T``.

The enclosure. At any r put ``E = F^T H^-1 F``. If ``8 E / theta_e^2 <= (1/2)^2`` for all edges, the solution has
``|log(theta*_e^2 / theta_e^2)| <= sqrt(8 E) / |theta_e|``. Proof: let s(tau) have the gradient ``(1 - tau) F``; it
leads from r to the solution, and ``s' = -Hess(s)^-1 F``. While no square has changed by more than a factor 2,
``Hess(s) >= H / 2``, so ``|2 c_e^T s'| <= 2 sqrt(2 c_e^T H^-1 c_e) sqrt(2 E) <= sqrt(8 E) / |theta_e|`` because
``H >= 2 theta_e^2 c_e c_e^T``. This is at most 1/2 < log 2 in total, so no square ever changes by a factor 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Any

from ...errors import BadInput, TooLarge
from ...models import PathLifting
from ...polynomials import Rational
from .wiring import Wiring, wiring

HIDDEN = 60
"""The largest number of hidden neurons of exact recovery."""
BITS = 20_000
"""The longest numerator or denominator of a square that is given."""
DIGITS = 1_000
"""The largest number of digits that may be asked for."""
_STEPS = 2_000


@dataclass(frozen=True, slots=True)
class Recovered:
    """The unique squares with the given ``|z|`` and laws.

    Attributes:
        squares: one for each edge; the exact ones if ``radius`` is 0.
        radius: bounds ``|log(true square / square)|`` for every edge: a proof, not an estimate.
    """

    squares: tuple[Fraction, ...]
    radius: Fraction

    @property
    def exact(self) -> bool:
        return not self.radius

    def bounds(self, edge: int) -> tuple[Fraction, Fraction]:
        """An interval that contains the true square of an edge: ``exp(-x) >= 1 - x``, ``exp(x) <= 1 + 2 x``, x <= 1."""
        square = self.squares[edge]
        return square * (1 - self.radius), square * (1 + 2 * self.radius)


def squares_of(point: Sequence[Rational]) -> tuple[Fraction, ...]:
    """``theta_e^2``."""
    return tuple(Fraction(x) ** 2 for x in point)


def law_values(model: PathLifting, point: Sequence[Rational]) -> tuple[Rational, ...]:
    """``h_v`` at ``point``: incoming minus outgoing squares, in the order of ``neuron_names``."""
    return wiring(model).balances(squares_of(point))


def recover_squares(
    model: PathLifting, squares: Sequence[Rational], laws: Sequence[Rational], *, digits: int = 30
) -> Recovered:
    """The squares of the parameters with the ``|z|`` of those given, and the laws given.

    Args:
        model: any path lifting.
        squares: those of one parameter without zeros with the right ``|z|``, one for each edge.
        laws: ``h_v`` for each hidden neuron; any numbers, for each there is exactly one solution.
        digits: of all squares, unless they are rational and found exactly.

    Raises:
        BadInput: a wrong number of squares, laws or digits, or a square that is not positive.
        TooLarge: more than ``HIDDEN`` hidden neurons, or numbers of more than ``BITS`` bits.

    >>> from flowlaw.oracles.models import parse_model
    >>> net = parse_model("relu:1-1-1-1")  # z = 6, c = 1, b = 2, a = 3 from the input on
    >>> assert isinstance(net, PathLifting)
    >>> [int(x) for x in recover_squares(net, [36, 1, 1], [-3, -5]).squares]
    [1, 4, 9]
    """
    wires = wiring(model)
    given = [Fraction(x) for x in squares]
    wanted = [Fraction(x) for x in laws]
    if len(given) != len(wires.tails) or len(wanted) != wires.hidden:
        raise BadInput(
            f"{model.spec} has {len(wires.tails)} edges and {wires.hidden} laws; {len(given)} squares and "
            f"{len(wanted)} laws were given."
        )
    if not 1 <= digits <= DIGITS:
        raise BadInput(f"{digits} digits were asked for. Choose between 1 and {DIGITS}.")
    if wires.hidden > HIDDEN:
        raise TooLarge(
            f"{model.spec} has {wires.hidden} hidden neurons; squares are enclosed exactly for at most {HIDDEN}. "
            "Recover them in floats."
        )
    if any(max(x.numerator.bit_length(), x.denominator.bit_length()) > BITS for x in [*given, *wanted]):
        raise TooLarge(f"A square or law has more than {BITS} bits. Round the parameters.")
    if any(x <= 0 for x in given):
        raise BadInput(f"A square of {model.spec} is not positive. Squares can be recovered only without zero weights.")
    bits = 64 + 4 * digits
    ratios = _newton(wires, given, wanted, bits)
    for size in (bits // 4, bits // 2):
        simple = [r.limit_denominator(2**size) for r in ratios]
        if all(r > 0 for r in simple) and not any(_gradient(wires, given, wanted, simple)):
            return Recovered(_scaled(wires, given, simple), Fraction(0))
    return _enclosed(wires, given, wanted, ratios, digits)


def enclosed(
    model: PathLifting, squares: Sequence[Fraction], laws: Sequence[Fraction], ratios: Sequence[Fraction]
) -> Recovered | None:
    """The enclosure around the squares that any positive ``ratios`` give; None if they are too far away."""
    return _enclosure(wiring(model), squares, laws, ratios)


def _enclosed(
    wires: Wiring, squares: Sequence[Fraction], laws: Sequence[Fraction], ratios: Sequence[Fraction], digits: int
) -> Recovered:
    found = _enclosure(wires, squares, laws, ratios)
    if found is None or found.radius > Fraction(1, 10**digits):
        raise TooLarge(
            f"The squares could not be enclosed to {digits} digits: the weights differ too much in size. "
            "Ask for more digits, or for parameters of more similar size."
        )
    return found


def _enclosure(
    wires: Wiring, squares: Sequence[Fraction], laws: Sequence[Fraction], ratios: Sequence[Fraction]
) -> Recovered | None:
    now = _scaled(wires, squares, ratios)
    gradient = _gradient(wires, squares, laws, ratios)
    step = _solve(_hessian(wires, now), gradient)
    energy = sum((g * x for g, x in zip(gradient, step, strict=True)), Fraction(0))
    bound_ends = [s for s, u, v in zip(now, wires.tails, wires.heads, strict=True) if u >= 0 or v >= 0]
    radius = _root_above(8 * energy / min(bound_ends)) if bound_ends else Fraction(0)
    return Recovered(now, radius) if radius <= Fraction(1, 2) else None


def _newton(wires: Wiring, squares: Sequence[Fraction], laws: Sequence[Fraction], bits: int) -> list[Fraction]:
    """Damped Newton: a step that changes exponents by at most d is shortened to ``2 / (2 + d) <= log(1 + d) / d``.

    Along the step the second derivative grows at most like ``exp(d x)``, so the function still falls at that length.
    """
    ratios = [Fraction(1)] * wires.hidden
    precision = 64
    for _ in range(_STEPS):
        now = [_rounded(s, precision) for s in _scaled(wires, squares, ratios)]
        gradient = [_rounded(x - h, precision) for x, h in zip(wires.balances(now), laws, strict=True)]
        step = [-x for x in _solve(_hessian(wires, now), gradient)]
        d = max((abs(2 * x) for x in _differences(wires, step)), default=Fraction(0))
        if not d and precision >= bits:
            return ratios
        factor = _rounded(2 / (2 + d), 32) if d > Fraction(1, 2**20) else Fraction(1)
        ratios = [_rounded(r * _exp(2 * factor * x, precision), precision) for r, x in zip(ratios, step, strict=True)]
        if d < Fraction(1, 2 ** (precision // 2 - 4)):
            if precision >= bits:
                return ratios
            precision = min(2 * precision, bits)
    raise TooLarge("The squares were not reached: they differ too much in size from those that were given.")


def _scaled(wires: Wiring, squares: Sequence[Fraction], ratios: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """``q_e r_v / r_u``."""
    return tuple(
        s * (ratios[head] if head >= 0 else 1) / (ratios[tail] if tail >= 0 else 1)
        for s, tail, head in zip(squares, wires.tails, wires.heads, strict=True)
    )


def _gradient(
    wires: Wiring, squares: Sequence[Fraction], laws: Sequence[Fraction], ratios: Sequence[Fraction]
) -> list[Fraction]:
    return [Fraction(x - h) for x, h in zip(wires.balances(_scaled(wires, squares, ratios)), laws, strict=True)]


def hessian(wires: Wiring, squares: Sequence[Rational]) -> list[list[Rational]]:
    """``2 C diag(squares) C^T``: edges between hidden neurons couple them, all edges weigh on their ends."""
    rows: list[list[Rational]] = [[0] * wires.hidden for _ in range(wires.hidden)]
    for tail, head, square in zip(wires.tails, wires.heads, squares, strict=True):
        for end in (tail, head):
            if end >= 0:
                rows[end][end] += 2 * square
        if tail >= 0 and head >= 0:
            rows[tail][head] -= 2 * square
            rows[head][tail] -= 2 * square
    return rows


def _hessian(wires: Wiring, squares: Sequence[Fraction]) -> Any:
    from flint import fmpq, fmpq_mat

    rows = hessian(wires, squares)
    entries = [fmpq(Fraction(x).numerator, Fraction(x).denominator) for row in rows for x in row]
    return fmpq_mat(wires.hidden, wires.hidden, entries)


def _solve(matrix: Any, right: Sequence[Fraction]) -> list[Fraction]:
    from flint import fmpq, fmpq_mat

    if not right:
        return []
    solution = matrix.solve(fmpq_mat(len(right), 1, [fmpq(x.numerator, x.denominator) for x in right]))
    return [Fraction(int(solution[i, 0].p), int(solution[i, 0].q)) for i in range(len(right))]


def _differences(wires: Wiring, values: Sequence[Fraction]) -> list[Fraction]:
    """``C^T values``: the value at the head of each edge minus that at its tail."""
    return [
        (values[head] if head >= 0 else 0) - (values[tail] if tail >= 0 else Fraction(0))
        for tail, head in zip(wires.tails, wires.heads, strict=True)
    ]


def _rounded(value: Fraction, bits: int) -> Fraction:
    """The value to about ``bits`` binary digits."""
    if not value:
        return Fraction(0)
    shift = bits - (value.numerator.bit_length() - value.denominator.bit_length())
    scaled = value * Fraction(2) ** shift
    return Fraction(round(scaled)) / Fraction(2) ** shift


def _exp(value: Fraction, bits: int) -> Fraction:
    """About ``exp(value)``: a Taylor polynomial at a small part of the value, then squarings."""
    halvings = max(0, int(abs(value)).bit_length() + 8)
    small = _rounded(value, bits + halvings) / 2**halvings
    total, term, k = Fraction(1), Fraction(1), 0
    while term and abs(term) > Fraction(1, 2 ** (bits + 2 * halvings)):
        k += 1
        term = _rounded(term * small / k, bits + 2 * halvings)
        total += term
    for _ in range(halvings):
        total = _rounded(total * total, bits + 2 * halvings)
    return total


def _root_above(value: Fraction) -> Fraction:
    """A rational at least the square root, and at most 1.001 times it; 0 for 0."""
    if not value:
        return Fraction(0)
    shift = 2 * max(0, 24 + (value.denominator.bit_length() - value.numerator.bit_length()) // 2)
    scaled = value.numerator * 2**shift
    whole = -(-scaled // value.denominator)
    root = isqrt(whole - 1) + 1
    return Fraction(root, 2 ** (shift // 2))


def exact_root(value: Rational) -> Fraction | None:
    """The square root if it is rational."""
    exact = Fraction(value)
    if exact < 0:
        return None
    top, bottom = isqrt(exact.numerator), isqrt(exact.denominator)
    return Fraction(top, bottom) if top**2 == exact.numerator and bottom**2 == exact.denominator else None
