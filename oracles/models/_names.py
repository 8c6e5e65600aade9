"""Readable names: parameters as block entries, polynomials as plain text and as TeX."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from itertools import accumulate

from ..polynomials import Monomial, Polynomial, Rational
from ._base import Model
from ._polynomial_map import Mask


class _Entries:
    """Finds the block and the 1-based indices of a parameter."""

    def __init__(self, model: Model) -> None:
        self.blocks = model.blocks
        self.starts = list(accumulate((block.size for block in self.blocks), initial=0))
        masks: tuple[Mask, ...] = getattr(model, "masks", ())
        self.trained = {
            mask.name: (mask.shape, [i for i, value in enumerate(mask.entries) if value is None]) for mask in masks
        }

    def find(self, variable: int) -> tuple[str, tuple[int, ...]]:
        number = bisect_right(self.starts, variable) - 1
        if not 0 <= variable < self.starts[-1]:
            raise IndexError(f"parameter {variable} of {self.starts[-1]}")
        block, place = self.blocks[number], variable - self.starts[number]
        shape = block.shape
        if block.name in self.trained:
            shape, trained = self.trained[block.name]
            place = trained[place]
        indices: list[int] = []
        for side in reversed(shape):
            place, index = divmod(place, side)
            indices.append(index + 1)
        return block.name, tuple(reversed(indices))


def parameter_name(model: Model, variable: int) -> str:
    """The parameter as an entry of its block, indices from 1: ``U1[1,2]``, ``x[3]``."""
    name, indices = _Entries(model).find(variable)
    return f"{name}[{','.join(map(str, indices))}]" if indices else name


def law_text(polynomial: Polynomial, model: Model) -> str:
    """``polynomial`` as plain text that the expression grammar reads back.

    >>> from flowlaw.oracles.models import known_laws, parse_model
    >>> model = parse_model("linear:1-2-1")
    >>> law_text(known_laws(model)[0].polynomials()[0], model)
    'U1[1,1]^2 - U2[1,1]^2'
    """
    entries = _Entries(model)

    def power(variable: int, exponent: int) -> str:
        name, indices = entries.find(variable)
        index = f"[{','.join(map(str, indices))}]" if indices else ""
        return name + index + (f"^{exponent}" if exponent > 1 else "")

    return _joined(polynomial, power, times="*", fraction=lambda c: f"{c.numerator}/{c.denominator}")


def law_tex(polynomial: Polynomial, model: Model) -> str:
    r"""``polynomial`` as TeX, entries as ``(U_{1})_{1,2}``."""
    entries = _Entries(model)

    def power(variable: int, exponent: int) -> str:
        name, indices = entries.find(variable)
        base = block_tex(name)
        if indices:
            base = f"({base})" if "_" in base else base
            base += "_{" + ",".join(map(str, indices)) + "}"
        return base + (f"^{{{exponent}}}" if exponent > 1 else "")

    return _joined(polynomial, power, times=r"\,", fraction=lambda c: rf"\frac{{{c.numerator}}}{{{c.denominator}}}")


def block_tex(name: str) -> str:
    r"""The name of a block in TeX: ``U1`` is ``U_{1}``, ``S0_2`` is ``S_{0,2}``, ``W_in_h`` ``W_{\mathrm{in},h}``."""
    match = re.fullmatch(r"([A-Za-z]+)_?([A-Za-z0-9_]*)", name, re.ASCII)
    if not match:
        return r"\mathrm{" + name.replace("_", r"\_") + "}"
    parts = [match[1], *(part for part in match[2].split("_") if part)]
    head, *rest = [part if len(part) == 1 or part.isdigit() else rf"\mathrm{{{part}}}" for part in parts]
    return head + (f"_{{{','.join(rest)}}}" if rest else "")


def _joined(
    polynomial: Polynomial, power: Callable[[int, int], str], *, times: str, fraction: Callable[[Fraction], str]
) -> str:
    """The terms by falling degree, then by first variable, joined by their signs."""
    pieces: list[str] = []
    for monomial, c in sorted(polynomial.terms.items(), key=_rank):
        size = abs(c)
        factors = [power(variable, exponent) for variable, exponent in monomial]
        if size != 1 or not factors:
            factors.insert(0, fraction(size) if isinstance(size, Fraction) else str(size))
        sign = (" - " if c < 0 else " + ") if pieces else ("-" if c < 0 else "")
        pieces.append(sign + times.join(factors))
    return "".join(pieces) or "0"


def _rank(term: tuple[Monomial, Rational]) -> tuple[int, tuple[tuple[int, int], ...]]:
    monomial = term[0]
    return (-sum(e for _, e in monomial), tuple((variable, -exponent) for variable, exponent in monomial))
