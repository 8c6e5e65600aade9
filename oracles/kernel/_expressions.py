"""Claims about expressions: that two of them are the same polynomial, or that one has a value at a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ._exact import ONE, Polynomial, Work, combine, equal, number, product, variable
from ._read import array, choice, closed, counted, demand, demand_equal, entries, integer, opened, rational, rationals

VARIABLES_LIMIT = 100_000
DEPTH_LIMIT = 200
"""Nesting of an expression."""
NODES_LIMIT = 200_000
"""Entries of one sum or product."""
NODE_WORK = 30
"""What it costs to look at a node of an expression."""


def check_identity(fields: Sequence[object], witness: object, work: Work) -> str:
    """Pairs of expressions are equal as polynomials over Q."""
    variables, written = fields
    closed(witness, "the witness")
    count = integer(variables, "'variables'", 0, VARIABLES_LIMIT)
    pairs = array(written, "equal", least=1, most=10_000)
    for place, entry in enumerate(pairs):
        left, right = (_expand(side, count, variable, work) for side in entries(entry, "a pair of sides", 2))
        demand(equal(left, right, work), f"the two sides of identity {place} differ as polynomials")
    return f"{counted(len(pairs), 'polynomial identity', 'polynomial identities')} over Q"


def check_value(fields: Sequence[object], witness: object, work: Work) -> str:
    """Expressions take the stated exact values at a rational point."""
    listed, written = fields
    closed(witness, "the witness")
    count = len(array(listed, "the point", most=VARIABLES_LIMIT))
    point = [number(value) for value in rationals(listed, "the point", count)]
    values = array(written, "values", least=1, most=10_000)
    for place, entry in enumerate(values):
        expression, stated = entries(entry, "a value", 2)
        exact = _expand(expression, count, point.__getitem__, work).constant()
        demand_equal(f"the value of expression {place} at the point", exact, stated)
    return f"{counted(len(values), 'exact value')} at a rational point"


def _expand(tree: object, count: int, atom: Callable[[int], Polynomial], work: Work, depth: int = 0) -> Polynomial:
    """Expands a tree of ``3``, ``"3/2"``, ``{"x": 0}``, ``{"+": [...]}``, ``{"*": [...]}``, ``{"^": [tree, n]}``.

    The variable i < ``count`` stands for ``atom(i)``.
    """
    work.spend(NODE_WORK)
    node = opened(tree)
    if not node:
        return number(rational(tree, "a number of an expression"))
    known = len(node) == 1 and depth <= DEPTH_LIMIT
    demand(known, "a node of an expression is not one of x, +, *, ^, or is nested too deeply")
    ((operator, inside),) = node.items()
    if operator == "x":
        return atom(integer(inside, "a variable", 0, count - 1))
    if operator == "^":
        base, exponent = entries(inside, "a power", 2)
        factors = [_expand(base, count, atom, work, depth + 1)] * integer(exponent, "an exponent", 0, 100)
    else:
        listed = array(inside, "a sum or product", most=NODES_LIMIT)
        factors = [_expand(part, count, atom, work, depth + 1) for part in listed]
    if choice(operator, "the operator of an expression", ("^", "*", "+")) == "+":
        return combine([(factor, ONE) for factor in factors], work)
    return product(factors, work)
