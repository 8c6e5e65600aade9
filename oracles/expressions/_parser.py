"""Tokens to a syntax tree, by recursive descent.

::

    sum     = ["+" | "-"] product {("+" | "-") product}
    product = factor {("*" | ".*" | "/") factor}
    factor  = {"+" | "-"} primary {".T" | "'" | "^" whole | "[" index ["," index] "]"}
    primary = number | name | function "(" sum {"," sum} ")" | "(" sum ")"
    index   = whole | ":"
"""

from __future__ import annotations

from fractions import Fraction
from typing import NoReturn

from .. import limits
from ..errors import BadInput, TooLarge
from ..polynomials import Rational
from ..text import suggestion
from ._syntax import (
    FUNCTIONS,
    Call,
    Expression,
    Factor,
    Index,
    Name,
    Node,
    Number,
    Power,
    Product,
    Sum,
    Term,
    Transpose,
    caret,
)
from ._tokens import Token, tokens

_Deep = tuple[Node, int]
"""A node and the depth of its tree."""


def parse(text: str) -> Expression:
    """The expression that ``text`` spells.

    >>> parse("trace(U1.T*U1 - U2*U2.T)").root.function
    'trace'

    Raises:
        BadInput: not an expression; the message points at the column and says what was expected.
        TooLarge: longer, deeper or of higher powers than ``limits`` allows.
    """
    parser = _Parser(text)
    root, _ = parser.sum(0)
    if parser.token.kind != "end":
        parser.fail("an operator or the end" + (" (write * for products)" if parser.token.kind in _OPENING else ""))
    return Expression(text, root)


_OPENING = ("name", "number")


class _Parser:
    __slots__ = ("_next", "_tokens", "text", "token")

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens(text)
        self._next = 1
        self.token = self._tokens[0]

    def fail(self, expected: str) -> NoReturn:
        column = self.token.position + 1
        raise BadInput(
            f"Column {column}: expected {expected}, found {self.token}.\n{caret(self.text, self.token.position)}"
        )

    def advance(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.token = self._tokens[self._next]
            self._next += 1
        return token

    def at(self, *texts: str) -> bool:
        return self.token.kind in ("operator", "transpose") and self.token.text in texts

    def take(self, text: str) -> Token:
        if not self.at(text):
            self.fail(repr(text))
        return self.advance()

    def check_depth(self, depth: int, position: int) -> None:
        if depth > limits.EXPRESSION_NESTING:
            raise TooLarge(
                f"Column {position + 1}: the expression is nested more than {limits.EXPRESSION_NESTING} deep. "
                f"Simplify it.\n{caret(self.text, position)}"
            )

    def sum(self, level: int) -> _Deep:
        start = self.token.position
        self.check_depth(level, start)
        terms: list[Term] = []
        deepest = 0
        while not terms or self.at("+", "-"):
            position, sign = self.token.position, 1
            while self.at("+", "-"):
                sign = -sign if self.advance().text == "-" else sign
            operand, depth = self.product(level)
            terms.append(Term(sign, operand, position))
            deepest = max(deepest, depth)
        if len(terms) == 1 and terms[0].sign == 1:
            return terms[0].operand, deepest
        self.check_depth(deepest + 1, start)
        return Sum(tuple(terms), start), deepest + 1

    def product(self, level: int) -> _Deep:
        start = self.token.position
        first, deepest = self.factor(level)
        if not self.at("*", ".*", "/"):
            return first, deepest
        factors = [Factor("*", first, start)]
        while self.at("*", ".*", "/"):
            operator = self.advance()
            operand, depth = self.factor(level)
            factors.append(Factor(operator.text, operand, operator.position))
            deepest = max(deepest, depth)
        self.check_depth(deepest + 1, start)
        return Product(tuple(factors), start), deepest + 1

    def factor(self, level: int) -> _Deep:
        start, sign = self.token.position, 1
        while self.at("+", "-"):
            sign = -sign if self.advance().text == "-" else sign
        node, depth = self.primary(level)
        raised = False
        while self.at(".T", "'", "^", "["):
            operator = self.advance()
            self.check_depth(depth + 1, operator.position)
            if operator.text == "^":
                if raised:
                    self.token = operator
                    self.fail("parentheses around the first power, as in (x^2)^3")
                node, raised = Power(node, self.exponent(), operator.position), True
            elif operator.text == "[":
                node = Index(node, self.indices(), operator.position)
            else:
                node = Transpose(node, operator.position)
            depth += 1
        if sign == -1:
            self.check_depth(depth + 1, start)
            return Sum((Term(-1, node, start),), start), depth + 1
        return node, depth

    def primary(self, level: int) -> _Deep:
        token = self.token
        if token.kind == "number":
            self.advance()
            return Number(_rational(token.text), token.position), 1
        if token.kind == "name":
            self.advance()
            if self.at("("):
                return self.call(token, level)
            if token.text in FUNCTIONS:
                self.fail(f"'(' after the function {token.text}")
            return Name(token.text, token.position), 1
        if not self.at("("):
            self.fail("a block, a number, a function or '('")
        self.advance()
        inside = self.sum(level + 1)
        self.take(")")
        return inside

    def call(self, token: Token, level: int) -> _Deep:
        if token.text not in FUNCTIONS:
            hint = suggestion(token.text, FUNCTIONS) or f" The functions are {', '.join(FUNCTIONS)}."
            raise BadInput(
                f"Column {token.position + 1}: {token} is not a function.{hint} Entries are written with brackets, "
                f"as in U1[1,2].\n{caret(self.text, token.position)}"
            )
        self.take("(")
        arguments: list[Node] = []
        deepest = 0
        while not arguments or self.at(","):
            if arguments:
                self.advance()
            node, depth = self.sum(level + 1)
            arguments.append(node)
            deepest = max(deepest, depth)
        if len(arguments) != FUNCTIONS[token.text]:
            self.fail(f"{FUNCTIONS[token.text]} argument{'s'[: FUNCTIONS[token.text] - 1]} of {token.text}")
        self.take(")")
        self.check_depth(deepest + 1, token.position)
        return Call(token.text, tuple(arguments), token.position), deepest + 1

    def exponent(self) -> int:
        token = self.token
        if token.kind != "number" or "." in token.text:
            self.fail(f"a whole exponent from 0 to {limits.EXPRESSION_DEGREE}")
        if int(token.text) > limits.EXPRESSION_DEGREE:
            raise TooLarge(
                f"Column {token.position + 1}: the exponent {token} is above {limits.EXPRESSION_DEGREE}. "
                f"Use a smaller one.\n{caret(self.text, token.position)}"
            )
        return int(self.advance().text)

    def indices(self) -> tuple[int | None, ...]:
        found: list[int | None] = []
        while not found or (len(found) == 1 and self.at(",")):
            if found:
                self.advance()
            if self.at(":"):
                self.advance()
                found.append(None)
            elif self.token.kind == "number" and "." not in self.token.text:
                found.append(int(self.advance().text))
            else:
                self.fail("an index: a whole number from 1, or ':' for all")
        self.take("]")
        return tuple(found)


def _rational(text: str) -> Rational:
    if "." not in text:
        return int(text)
    value = Fraction(text)
    return value.numerator if value.denominator == 1 else value
