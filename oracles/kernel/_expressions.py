"""Claims about expressions: that two of them are the same polynomial, or that one has a value at a point."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from ._exact import LOOK_WORK, MINUS_ONE, ONE, Polynomial, Work, combine, number, variable
from ._read import Node, counted, demand, demand_equal

VARIABLES_LIMIT = 100_000
DEPTH_LIMIT = 200
"""Nesting of an expression."""
NODES_LIMIT = 200_000
"""Entries of one sum or product."""


def check_identity(work: Work, witness: Node, variables: Node, written: Node) -> str:
    """Pairs of expressions are equal as polynomials over Q."""
    witness.fields()
    count, pairs = variables.integer(0, VARIABLES_LIMIT), list(written.tuples(2, 1, 10_000))
    for place, pair in enumerate(pairs):
        left, right = (_expand(side, count, variable, work) for side in pair)
        rest = combine([(left, ONE), (right, MINUS_ONE)], work)
        demand(not rest.terms, f"the two sides of identity {place} differ as polynomials")
    return f"{counted(len(pairs), 'polynomial identity', 'polynomial identities')} over Q"


def check_value(work: Work, witness: Node, listed: Node, written: Node) -> str:
    """Expressions take the stated exact values at a rational point."""
    witness.fields()
    point = [number(entry.rational()) for entry in listed.entries(0, VARIABLES_LIMIT)]
    values = list(written.tuples(2, 1, 10_000))
    for place, (expression, stated) in enumerate(values):
        exact = _expand(expression, len(point), point.__getitem__, work).constant()
        demand_equal(f"the value of expression {place} at the point", exact, stated)
    return f"{counted(len(values), 'exact value')} at a rational point"


def _expand(tree: Node, count: int, atom: Callable[[int], Polynomial], work: Work, depth: int = 0) -> Polynomial:
    """Expands a tree of ``3``, ``"3/2"``, ``{"x": 0}``, ``{"+": [...]}``, ``{"*": [...]}``, ``{"^": [tree, n]}``.

    The variable i < ``count`` stands for ``atom(i)``.
    """
    work.spend(LOOK_WORK)
    names = list(tree.opened())
    if not names:
        return number(tree.rational())
    demand(depth <= DEPTH_LIMIT, "an expression is nested too deeply")
    operator = Node(names[0], "the operator of an expression").choice(("x", "^", "*", "+"))
    [inside] = tree.fields(operator)
    if operator == "x":
        return atom(inside.integer(0, count - 1))
    if operator == "^":
        base, exponent = inside.entries(2)
        parts = [_expand(base, count, atom, work, depth + 1)] * exponent.integer(0, 100)
    else:
        parts = [_expand(part, count, atom, work, depth + 1) for part in inside.entries(0, NODES_LIMIT)]
    if operator == "+":
        return combine([(part, ONE) for part in parts], work)
    return reduce(lambda done, part: combine([(done, part)], work), parts, ONE)
