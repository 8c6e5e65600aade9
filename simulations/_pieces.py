"""A whole flow in Taylor pieces of well chosen length. Not trusted: ``balls`` checks the result."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, exp, inf, log

import numpy as np
from flint import fmpz

from ..oracles.errors import TooLarge
from ._program import Program
from ._taylor import Piece, taylor, to_fixed

PIECES = 10_000
"""The largest number of Taylor pieces."""

SHORTEST = Fraction(1, 2**40)
"""The shortest piece, as a part of the whole time: a flow that needs shorter ones is taken to run to infinity."""

RATIO = 1.6
"""The step is ``exp(-RATIO)`` of the radius of convergence: every order gains ``RATIO / log 10`` digits."""

_LOW = 64  # bits of the expansion that shows the radius of convergence
_PROBE = 24  # its order


def integrate(program: Program, start: Sequence[Fraction], time: Fraction, digits: int) -> list[Piece]:
    """A curve that should be right to ``digits`` digits."""
    bits = ceil(digits * log(10) / log(2)) + 16
    order = ceil(digits * log(10) / RATIO) + 6
    values = to_fixed(start, bits)
    pieces: list[Piece] = []
    now = Fraction(0)
    trial = time
    while now < time:
        trial = _step(program, values, bits, trial)
        length = min(trial, time - now)
        series = taylor(program, values, length, order, bits)
        pieces.append(Piece(now, length, tuple(map(tuple, series)), bits))
        values, now = pieces[-1].end(), now + length
        if now < time and (len(pieces) >= PIECES or length < time * SHORTEST):
            raise TooLarge(
                f"The flow over the time {time} had reached {float(now):.6g} after {len(pieces)} Taylor pieces, the "
                f"last of length {float(length):.1e}; it may run to infinity. Take a shorter time."
            )
    return pieces


def _step(program: Program, values: Sequence[fmpz], bits: int, trial: Fraction) -> Fraction:
    """A dyadic step of ``exp(-RATIO)`` of the radius of convergence, as the orders 16 .. 24 show it."""
    low = [x >> (bits - _LOW) if bits > _LOW else x << (_LOW - bits) for x in values]
    while True:
        series = taylor(program, low, trial, _PROBE, _LOW)
        sizes = [(k, max(int(c[k]).bit_length() for c in series)) for k in range(2 * _PROBE // 3, _PROBE + 1)]
        # |c_k| = rate^k, from bit lengths; what is below one unit shows only that the rate is at most 1/16
        rate = 2.0 ** min(1000.0, max((size - _LOW) / k if size else -4.0 for k, size in sizes))
        if rate < 100:
            return _dyadic(float(trial) / rate * exp(-RATIO))
        trial = _dyadic(float(trial) / rate)


def _dyadic(value: float) -> Fraction:
    """``value`` rounded down to 4 significant bits."""
    if not 0 < value < inf:
        raise TooLarge(
            "The step size of a certified flow fell to zero. Take a shorter time or a smaller initial point."
        )
    fraction, exponent = np.frexp(value)
    return Fraction(int(fraction * 16), 16) * Fraction(2) ** int(exponent)
