"""What an expression may cost, and messages that point into it."""

from __future__ import annotations

from typing import NoReturn

from .. import limits
from ..errors import BadInput, TooLarge
from ..polynomials import Rational
from ._matrix import Matrix
from ._syntax import caret


class Budget:
    """Counts the work of one evaluation; every check is made before the work that it allows."""

    __slots__ = ("left", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.left = limits.EXPRESSION_WORK

    def fail(self, message: str, position: int) -> NoReturn:
        raise BadInput(f"Column {position + 1}: {message}\n{caret(self.text, position)}")

    def spend(self, work: int, position: int) -> None:
        self.left -= work
        if self.left < 0:
            raise TooLarge(
                f"Column {position + 1}: written out, this part needs more than the {limits.EXPRESSION_WORK} term "
                f"operations that an expression may cost. Use a smaller model or single entries.\n"
                + caret(self.text, position)
            )

    def checked(self, matrix: Matrix, position: int) -> Matrix:
        """``matrix``, whose coefficients are not longer than ``limits`` allows."""
        longest = limits.COEFFICIENT_BITS
        for entry in matrix.entries:
            for c in entry.terms.values():
                if _bits(c) > longest:
                    raise TooLarge(
                        f"Column {position + 1}: a coefficient has more than {longest} bits. Use smaller numbers.\n"
                        + caret(self.text, position)
                    )
        return matrix

    def check_degree(self, degree: int, position: int) -> None:
        if degree > limits.EXPRESSION_DEGREE:
            raise TooLarge(
                f"Column {position + 1}: the expression has degree {degree}; at most {limits.EXPRESSION_DEGREE} is "
                f"supported. Use lower powers.\n{caret(self.text, position)}"
            )


def _bits(c: Rational) -> int:
    return c.bit_length() if isinstance(c, int) else max(c.numerator.bit_length(), c.denominator.bit_length())
