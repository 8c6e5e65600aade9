"""Brackets of the gradients of polynomials: as fields, as trees for the kernel, and what kind of span they close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING

from ._intrinsic import Geometry, rank

if TYPE_CHECKING:
    from ..oracles.certificates import Certificate
    from ..oracles.polynomials import Polynomial
    from ..oracles.proofs import Node

F = Fraction


def tree(polynomial: Polynomial) -> Node:
    """A polynomial as the kernel reads it in identities."""
    from ..oracles.proofs import add, multiply, power, symbol

    return add(
        *(
            multiply(F(c), *(power(symbol(variable), exponent) for variable, exponent in monomial))
            for monomial, c in polynomial.terms.items()
        )
    )


Field = Mapping[int, "Polynomial"]
"""A polynomial vector field by component; those left out are zero."""


def lie_bracket(X: Field, Y: Field) -> dict[int, Polynomial]:
    """``DX Y - DY X``, the sign of the theory."""
    out: dict[int, Polynomial] = {}
    for first, second, sign in ((X, Y, 1), (Y, X, -1)):
        for component, polynomial in first.items():
            for variable, part in polynomial.gradient().items():
                if variable in second:
                    term = (part * second[variable]).scaled(sign)
                    out[component] = out[component] + term if component in out else term
    return {component: polynomial for component, polynomial in out.items() if polynomial}


def gradients(polynomials: Sequence[Polynomial]) -> list[dict[int, Polynomial]]:
    """The gradient fields."""
    return [p.gradient() for p in polynomials]


def written_bracket(first: Field, second: Field, parameters: int) -> list[Node]:
    """``D X Y - D Y X`` unexpanded, so that the kernel does the multiplication."""
    from ..oracles.proofs import add, multiply

    def along(X: Field, Y: Field, k: int) -> list[Node]:
        parts = X[k].gradient() if k in X else {}
        return [multiply(tree(p), tree(Y[j])) for j, p in parts.items() if j in Y]

    return [
        add(*along(first, second, k), *(multiply(-1, term) for term in along(second, first, k)))
        for k in range(parameters)
    ]


def commuting(polynomials: Sequence[Polynomial], parameters: int) -> Certificate:
    from ..oracles.proofs import identity

    fields = gradients(polynomials)
    pairs = [(entry, 0) for X, Y in combinations(fields, 2) for entry in written_bracket(X, Y, parameters)]
    return identity(parameters, pairs)


def combination(polynomials: Sequence[Polynomial], parameters: int, constants: dict[int, int]) -> Certificate:
    """The claim that the bracket of the first two gradients is a combination of gradients with these constants."""
    from ..oracles.proofs import add, identity, multiply

    fields = gradients(polynomials)
    stated = [
        add(*(multiply(c, tree(fields[i][k])) for i, c in constants.items() if k in fields[i]))
        for k in range(parameters)
    ]
    return identity(parameters, list(zip(written_bracket(fields[0], fields[1], parameters), stated, strict=True)))


def coefficients(polynomials: Sequence[Polynomial], parameters: int) -> list[list[Fraction]]:
    """One row for each gradient and each first bracket: all coefficients of all components."""
    fields: list[Field] = list(gradients(polynomials))
    fields += [lie_bracket(X, Y) for X, Y in combinations(gradients(polynomials), 2)]
    slots = sorted({(k, monomial) for field in fields for k, p in field.items() for monomial in p.terms})
    return [[F(field[k].terms.get(m, 0)) if k in field else F(0) for k, m in slots] for field in fields]


def grade(polynomials: Sequence[Polynomial], seen: Geometry) -> str:
    """What the first brackets are: nothing, constant combinations, combinations at this point, or more than that."""
    rows = coefficients(polynomials, seen.parameters)
    d = len(polynomials)
    if not any(x for row in rows[d:] for x in row):
        return "commuting"
    if rank(rows) == rank(rows[:d]):
        return "closed"
    return "Frobenius" if rank([*seen.jacobian, *seen.brackets()]) == rank(seen.jacobian) else "none"
