"""Expressions as TeX."""

from __future__ import annotations

from fractions import Fraction

from ..models import block_tex
from ..polynomials import Rational
from ._syntax import Call, Expression, Index, Name, Node, Number, Power, Product, Sum, Transpose

_SUM, _PRODUCT, _ATOM = range(3)
"""How tightly a piece of TeX binds."""


def expression_tex(expression: Expression) -> str:
    r"""``expression`` as TeX.

    >>> from flowlaw.oracles.expressions import parse
    >>> print(expression_tex(parse("trace(U1.T*U1 - U2*U2.T)")))
    \operatorname{tr}\left(U_{1}^{\top} U_{1} - U_{2} U_{2}^{\top}\right)
    """
    return _tex(expression.root)[0]


def _tex(node: Node) -> tuple[str, int]:
    match node:
        case Number():
            return _number(node.value), _ATOM
        case Name():
            return block_tex(node.name), _ATOM
        case Transpose():
            return _base(node.operand) + r"^{\top}", _ATOM
        case Power():
            return _base(node.operand) + f"^{{{node.exponent}}}", _ATOM
        case Index():
            subscript = ",".join(":" if index is None else str(index) for index in node.indices)
            inside, strength = _tex(node.operand)
            plain = strength == _ATOM and "_" not in inside and "^" not in inside
            return (inside if plain else f"({inside})") + f"_{{{subscript}}}", _ATOM
        case Call():
            return _call(node), _ATOM
        case Product():
            return _product(node), _PRODUCT
        case Sum():
            return _sum(node), _SUM


def _number(value: Rational) -> str:
    if isinstance(value, Fraction):
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    return str(value)


def _base(node: Node) -> str:
    """What a superscript is put on; a base with a superscript of its own is put in parentheses."""
    inside, strength = _tex(node)
    bare = strength == _ATOM and not (
        isinstance(node, Transpose | Power) or (isinstance(node, Number) and "f" in inside)
    )
    return inside if bare else rf"\left({inside}\right)"


def _product(node: Product) -> str:
    text = ""
    for factor in node.factors:
        inside, strength = _tex(factor.operand)
        inside = rf"\left({inside}\right)" if strength < _ATOM else inside
        if not text:
            text = inside
        elif factor.operator == "/":
            text = rf"\frac{{{text}}}{{{inside}}}"
        elif factor.operator == ".*":
            text += rf" \odot {inside}"
        else:
            text += (r" \cdot " if inside[:1].isdigit() or inside.startswith(r"\frac") else " ") + inside
    return text


def _sum(node: Sum) -> str:
    text = ""
    for term in node.terms:
        inside, strength = _tex(term.operand)
        inside = rf"\left({inside}\right)" if strength == _SUM else inside
        sign = ("-" if term.sign < 0 else "") if not text else (" - " if term.sign < 0 else " + ")
        text += sign + inside
    return text


_OPERATORS = {
    "trace": r"\operatorname{tr}",
    "det": r"\det",
    "diag": r"\operatorname{diag}",
    "sum": r"\operatorname{sum}",
}


def _call(node: Call) -> str:
    inside = [_tex(argument)[0] for argument in node.arguments]
    base = _base(node.arguments[0])
    match node.function:
        case "transpose":
            return base + r"^{\top}"
        case "norm2":
            return rf"\left\|{inside[0]}\right\|^{{2}}"
        case "rowsums":
            return rf"\left({base} \mathbf{{1}}\right)"
        case "colsums":
            return rf"\left(\mathbf{{1}}^{{\top}} {base}\right)"
        case "ones":
            times = r" \times ".join(inside)
            return rf"\mathbf{{1}}_{{{times}}}"
        case "eye":
            return f"I_{{{inside[0]}}}"
        case _:
            return rf"{_OPERATORS[node.function]}\left({inside[0]}\right)"
