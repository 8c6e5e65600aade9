"""Tracked numbers: enclosures contain the truth, and floats stay within their units."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlaw.gate.vectors._numbers import Tracked
from flowlaw.oracles.dynamics import Adam, RMSprop, Vector, root
from flowlaw.oracles.errors import BadInput

mp: Any = mpmath
RATIONALS = st.fractions(min_value=Fraction(1, 50), max_value=50, max_denominator=50)


@given(RATIONALS, RATIONALS, RATIONALS)
def test_an_enclosure_holds_the_value_that_mpmath_finds(a: Fraction, b: Fraction, c: Fraction) -> None:
    x, y, z = map(Tracked.given, (a, b, c))
    found = (x * y + z).sqrt() / (z.sqrt() + y) - 3 * (x**3).sqrt()
    with mp.workdps(100):
        p, q, r = (mp.mpf(v.numerator) / v.denominator for v in (a, b, c))
        value = mp.sqrt(p * q + r) / (mp.sqrt(r) + q) - 3 * mp.sqrt(p**3)
        assert mp.mpf(found.low.numerator) / found.low.denominator <= value + mp.mpf(10) ** -90
        assert mp.mpf(found.high.numerator) / found.high.denominator >= value - mp.mpf(10) ** -90
    assert found.high - found.low < Fraction(1, 10**50)


@pytest.mark.once
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@given(st.tuples(RATIONALS, RATIONALS, RATIONALS, RATIONALS))
def test_floats_stay_within_their_units(dtype: Any, values: tuple[Fraction, ...]) -> None:
    unit = float(np.finfo(dtype).eps) / 2
    a, b, c, d = (dtype(float(v)) for v in values)
    p, q, r, s = map(Tracked.given, values)
    for real, tracked in ((a + b * c - d, p + q * r - s), (a / (b + c), p / (q + r)), (np.sqrt(a * b), (p * q).sqrt())):
        exact = Fraction(float(real))
        residual = max(tracked.low - exact, exact - tracked.high, Fraction(0))
        # a few terms of second order, which float16 can show
        assert residual <= tracked.units * unit * (1 + 100 * unit)


def test_rational_roots_are_exact_and_zeros_stay_zeros() -> None:
    two = root(Tracked.given(Fraction(9, 4)))
    assert two == Fraction(3, 2)
    assert root(Tracked.given(0)).units == 0
    assert (Tracked.given(0) * Tracked.given(7)).units == 0


def test_what_would_make_a_bound_meaningless_is_refused() -> None:
    three = Tracked.given(3)
    with pytest.raises(BadInput, match="division by 0"):
        _ = three / (three - 3)
    with pytest.raises(BadInput, match="root of a 0"):
        (three - 3).sqrt()
    with pytest.raises(BadInput, match="negative"):
        (-three).sqrt()
    near = Tracked.given(2).sqrt()
    with pytest.raises(BadInput, match="too near"):
        _ = near < near + Fraction(0) * near


def test_cancellation_is_seen_in_the_units() -> None:
    beta = Tracked.given(Fraction(999, 1000))
    small = 1 - beta
    assert small.units / small.size > 1000


def test_optimizers_run_on_tracked_numbers_and_vectors() -> None:
    adam = Adam(lr=Tracked.given(1), beta1=Tracked.given(0), beta2=Tracked.given(0), eps=Tracked.given(0))
    after, _ = adam.update(Vector([Tracked.given(3)]), Vector([Tracked.given(-2)]), None)
    assert after[0] == 4
    rms = RMSprop(lr=Tracked.given(1), alpha=Tracked.given(Fraction(1, 2)), eps=Tracked.given(0))
    after, _ = rms.update(Vector([Tracked.given(3)]), Vector([Tracked.given(2)]), None)
    assert after[0].low < Fraction(3) - Fraction(14142, 10000) < after[0].high + Fraction(1, 10000)
