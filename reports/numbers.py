"""Numbers in evidence: how they are spelled, read back and shown to people."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from .events import Hex, Number

MAX_EXACT_BITS = 1_000

_INTEGER = re.compile(r"-?\d{1,4000}\Z", re.ASCII)
_FRACTION = re.compile(r"-?\d{1,4000}/[1-9]\d{0,3999}\Z", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,4000}(?:\.\d{1,4000})?(?:[eE][+-]?\d{1,4})?\Z", re.ASCII)
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: int | float | Fraction) -> str | Hex:
    """Spells ``value`` so that it comes back exactly: rationals as strings, floats as hexadecimal.

    A rational of more than ``MAX_EXACT_BITS`` bits is for nobody to read: 17 significant digits of it remain.

    >>> number(Fraction(-3, 2)), number(3.0), number(float("nan"))
    ('-3/2', {'hex': '0x1.8000000000000p+1'}, 'nan')
    """
    if isinstance(value, float):
        return {"hex": float(value).hex()} if math.isfinite(value) else str(float(value))
    if _bits(value) > MAX_EXACT_BITS:
        exponent, mantissa = _scientific(Fraction(value), 17)
        return f"{mantissa:.16f}e{min(max(exponent, -9999), 9999)}"
    return str(Fraction(value))


def spells_number(text: str) -> bool:
    """Whether a string is one of ``nan``, ``inf``, ``-inf``, a fraction or a decimal."""
    return text in _NOT_FINITE or any(p.match(text) for p in (_INTEGER, _FRACTION, _DECIMAL))


def value_of(spelled: Number) -> int | float | Fraction:
    """The number that ``spelled`` stands for; exact unless it is a float.

    Raises:
        ValueError: it spells no number.
    """
    if isinstance(spelled, (int, float)):
        return spelled
    if isinstance(spelled, dict):
        value = float.fromhex(spelled["hex"])
        if not math.isfinite(value):
            raise ValueError(f"{spelled['hex']!r} is not a finite float")
        return value
    if spelled in _NOT_FINITE:
        return _NOT_FINITE[spelled]
    if not spells_number(spelled):
        raise ValueError(f"{spelled[:60]!r} is not a number")
    exact = Fraction(spelled)
    return exact.numerator if exact.denominator == 1 else exact


def as_float(spelled: Number) -> float:
    """The nearest float; a rational beyond the range of floats becomes an infinity."""
    value = value_of(spelled)
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def show(spelled: Number | None, digits: int = 2) -> str:
    """A number as people read it: ``0``, ``-3/2``, ``0.31``, ``3.1 × 10⁻¹⁵``, ``NaN``.

    Exact zero is ``0``; short rationals stay rationals; everything else has ``digits`` significant digits.
    """
    if spelled is None:
        return "–"
    value = value_of(spelled)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if not value:
        return "0"
    if not isinstance(value, float):
        if _bits(value) <= 40 and len(text := str(value)) <= 12:
            return text.replace("-", "−")
    elif value.is_integer() and abs(value) < 10_000:
        return str(int(value)).replace("-", "−")
    exponent, mantissa = _scientific(Fraction(value), digits)
    if -4 <= exponent < 4:
        places = max(0, digits - 1 - exponent)
        return f"{float(value):.{places}f}".replace("-", "−")
    return f"{mantissa:.{digits - 1}f} × {power_of_ten(exponent)}".replace("-", "−")


def power_of_ten(exponent: int) -> str:
    """``10⁻¹⁵`` for -15."""
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def _bits(value: int | Fraction) -> int:
    return value.numerator.bit_length() + value.denominator.bit_length()


def _scientific(value: Fraction, digits: int) -> tuple[int, float]:
    """``(e, m)`` with value ~ m * 10**e and 1 <= abs(m) < 10 after rounding m to ``digits`` digits."""
    size = abs(value)
    exponent = math.floor(math.log10(size.numerator) - math.log10(size.denominator))
    exponent += (size >= Fraction(10) ** (exponent + 1)) - (size < Fraction(10) ** exponent)
    scaled = round(size / Fraction(10) ** (exponent - digits + 1))
    if scaled >= 10**digits:
        scaled, exponent = scaled // 10, exponent + 1
    return exponent, (-scaled if value < 0 else scaled) / 10 ** (digits - 1)
