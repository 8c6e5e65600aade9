"""A small MathML Core printer for what is found at run time: rationals, polynomials and matrices of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from html import escape

from ...oracles.polynomials import Monomial, Polynomial, Rational
from ..events import MatrixFormula, PolynomialFormula
from ..numbers import value_of

MAX_TERMS = 40
MAX_ENTRIES = 144

_NAME = re.compile(r"([A-Za-z]+?)_?(\d*)((?:_\d+)*)(?:\[(\d+(?:,\d+)*)\])?\Z", re.ASCII)
_GREEK = {"theta": "θ", "phi": "ϕ", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "lambda": "λ", "eta": "η"}
_TIMES = "<mo>\u2062</mo>"


def formula(found: PolynomialFormula | MatrixFormula) -> str:
    """A formula of an evidence event as a ``<math>`` element.

    Raises:
        ValueError: a coefficient is no rational, or a variable has no name.
    """
    if "matrix" in found:
        return matrix([[_rational_of(entry) for entry in row] for row in found["matrix"]])
    total = Polynomial()
    for coefficient, factors in found["polynomial"]:
        term = Polynomial.constant(_rational_of(coefficient))
        for variable, exponent in factors:
            if not (0 <= variable < len(found["names"]) and 0 < exponent < 1_000):
                raise ValueError(f"variable {variable} with exponent {exponent} is not one of the named ones")
            term = term * Polynomial.variable(variable) ** exponent
        total = total + term
    return polynomial(total, found["names"])


def polynomial(value: Polynomial, names: Sequence[str]) -> str:
    """``value`` as a ``<math>`` element; ``names[i]`` is the name of variable i, such as ``x_3`` or ``U1[2,3]``.

    Terms come by falling degree, then by variables. Beyond ``MAX_TERMS`` their number is given instead.
    """
    return f"<math>{_sum(value, names)}</math>"


def matrix(rows: Sequence[Sequence[Rational | Polynomial]], names: Sequence[str] = ()) -> str:
    """A matrix of rationals or polynomials as a ``<math>`` element; beyond ``MAX_ENTRIES`` only its shape is given."""
    columns = max(map(len, rows), default=0)
    if len(rows) * columns > MAX_ENTRIES:
        return f"<math><mtext>a {len(rows)} × {columns} matrix</mtext></math>"
    cells = "".join(f"<mtr>{''.join(f'<mtd>{_entry(entry, names)}</mtd>' for entry in row)}</mtr>" for row in rows)
    return f"<math><mrow><mo>(</mo><mtable>{cells}</mtable><mo>)</mo></mrow></math>"


def variable(name: str) -> str:
    """The name of a variable: ``theta`` is Greek, ``U1[2,3]`` is an entry of block 1, others stay as they are."""
    match = _NAME.match(name)
    if not match:
        return f"<mi>{escape(name)}</mi>"
    letter, index, more, entry = match.groups()
    symbol = f"<mi>{_GREEK.get(letter, letter)}</mi>"
    if indices := [part for part in (index, *more.split("_")) if part]:
        symbol = f"<msub>{symbol}{_indices(indices)}</msub>"
    return f"<msub>{symbol}{_indices(entry.split(','))}</msub>" if entry else symbol


def _indices(parts: Sequence[str]) -> str:
    numbers = "<mo>,</mo>".join(f"<mn>{part}</mn>" for part in parts)
    return numbers if len(parts) == 1 else f"<mrow>{numbers}</mrow>"


def _entry(value: Rational | Polynomial, names: Sequence[str]) -> str:
    return _sum(value if isinstance(value, Polynomial) else Polynomial.constant(value), names)


def _sum(value: Polynomial, names: Sequence[str]) -> str:
    terms: list[tuple[Monomial, Rational]] = sorted(value.terms.items(), key=_order)
    parts: list[str] = []
    for monomial, coefficient in terms[:MAX_TERMS]:
        sign = "−" if coefficient < 0 else "+"
        if parts or coefficient < 0:
            parts.append(f"<mo>{sign}</mo>" if parts else '<mo form="prefix">−</mo>')
        parts.append(_term(-coefficient if coefficient < 0 else coefficient, monomial, names))
    if len(terms) > MAX_TERMS:
        parts.append(f"<mo>+</mo><mtext>{len(terms) - MAX_TERMS} more terms</mtext>")
    return f"<mrow>{''.join(parts)}</mrow>" if parts else "<mn>0</mn>"


def _order(term: tuple[Monomial, Rational]) -> tuple[int, list[tuple[int, int]]]:
    """Sorts terms as people do: by falling degree, then x1^2 before x1 x2 before x2^2."""
    monomial, _ = term
    return -sum(exponent for _, exponent in monomial), [(variable, -exponent) for variable, exponent in monomial]


def _term(coefficient: Rational, monomial: Monomial, names: Sequence[str]) -> str:
    factors = [_power(names[variable], exponent) for variable, exponent in monomial]
    if coefficient != 1 or not factors:
        factors.insert(0, _rational(coefficient))
    return _TIMES.join(factors)


def _power(name: str, exponent: int) -> str:
    return variable(name) if exponent == 1 else f"<msup>{variable(name)}<mn>{exponent}</mn></msup>"


def _rational(value: Rational) -> str:
    exact = Fraction(value)
    if exact.denominator == 1:
        return f"<mn>{_digits(exact.numerator)}</mn>"
    return f"<mfrac><mn>{_digits(exact.numerator)}</mn><mn>{_digits(exact.denominator)}</mn></mfrac>"


def _digits(value: int) -> str:
    """The integer, its middle left out where it is longer than anybody reads."""
    if value.bit_length() > 10_000:
        return f"… ({value.bit_length()} bits)"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:8]}…{text[-8:]}"


def _rational_of(text: str) -> Rational:
    value = value_of(text)
    if isinstance(value, float):
        raise ValueError(f"{text!r} is not a rational number")
    return value


def names_of(blocks: Iterable[tuple[str, Sequence[int]]]) -> list[str]:
    """Names of parameters numbered block by block, row-major; ``blocks`` are names and shapes.

    >>> names_of([("U", (2, 1)), ("s", (1,))])
    ['U[1,1]', 'U[2,1]', 's[1]']
    """
    names: list[str] = []
    for block, shape in blocks:
        places = [""]
        for size in shape:
            places = [f"{place},{index}" for place in places for index in range(1, size + 1)]
        names.extend(f"{block}[{place[1:]}]" if place else block for place in places)
    return names
