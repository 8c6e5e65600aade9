"""Straight-line programs: products and linear combinations, evaluated over any ring.

The same program of a gradient field runs on fractions, on balls, on polynomials with ball coefficients, on dual numbers
and, one order at a time, on power series.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..oracles.polynomials import Monomial, Polynomial, Rational


@dataclass(frozen=True, slots=True)
class Times:
    """The product of two nodes."""

    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Plus:
    """``constant + sum of coefficient * node``."""

    terms: tuple[tuple[Rational, int], ...]
    constant: Rational


@dataclass(frozen=True, slots=True)
class Program:
    """Nodes 0 .. inputs-1 are the variables; node ``inputs + i`` is ``code[i]``, which uses earlier nodes only."""

    inputs: int
    code: tuple[Times | Plus, ...]
    outputs: tuple[int, ...]

    def run(self, values: Sequence[Any], lift: Callable[[Rational], Any]) -> list[Any]:
        """The outputs at ``values``, elements of a ring; ``lift`` maps a rational to a scalar of that ring."""
        nodes = list(values)
        for step in self.code:
            if isinstance(step, Times):
                nodes.append(nodes[step.left] * nodes[step.right])
                continue
            total = None if step.terms and not step.constant else lift(step.constant)
            for c, node in step.terms:
                term = nodes[node] if c == 1 else -nodes[node] if c == -1 else nodes[node] * lift(c)
                total = term if total is None else total + term
            nodes.append(total)
        return [nodes[node] for node in self.outputs]

    @property
    def products(self) -> int:
        """The number of ring multiplications."""
        return sum(isinstance(step, Times) for step in self.code)


Form = dict[int, Rational]
"""A linear combination of nodes; the key -1 stands for the constant 1."""


class _Builder:
    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.code: list[Times | Plus] = []
        self._known: dict[Times | Plus, int] = {}

    def node(self, step: Times | Plus) -> int:
        if step not in self._known:
            self._known[step] = self.inputs + len(self.code)
            self.code.append(step)
        return self._known[step]

    def monomial(self, monomial: Monomial) -> int:
        """The node of a monomial of degree at least 1; equal prefixes are shared."""
        factors = [variable for variable, exponent in monomial for _ in range(exponent)]
        node = factors[0]
        for variable in factors[1:]:
            node = self.node(Times(min(node, variable), max(node, variable)))
        return node

    def form(self, polynomial: Polynomial) -> Form:
        return {self.monomial(m) if m else -1: c for m, c in polynomial.terms.items()}

    def value(self, form: Form) -> int:
        terms = tuple((c, node) for node, c in form.items() if node >= 0)
        constant = form.get(-1, 0)
        if len(terms) == 1 and terms[0][0] == 1 and not constant:
            return terms[0][1]
        return self.node(Plus(terms, constant))

    def times(self, left: Form, right: Form) -> Form:
        """The product as a form: constants and single coefficients are pulled out of the multiplication."""
        for one, other in ((left, right), (right, left)):
            if not one or set(one) == {-1}:
                return {node: one[-1] * c for node, c in other.items()} if one else {}
        scale: Rational = 1
        nodes: list[int] = []
        for form in (left, right):
            if len(form) == 1:
                ((node, c),) = form.items()
                scale *= c
                nodes.append(node)
            else:
                nodes.append(self.value(form))
        return {self.node(Times(min(nodes), max(nodes))): scale}


def _add(total: Form, form: Form, factor: Rational) -> None:
    for node, c in form.items():
        value = total.get(node, 0) + factor * c
        if value:
            total[node] = value
        else:
            total.pop(node, None)


def polynomial_program(polynomials: Sequence[Polynomial], parameters: int) -> Program:
    """The program whose outputs are the polynomials."""
    builder = _Builder(parameters)
    outputs = [builder.value(builder.form(p)) for p in polynomials]
    return Program(parameters, tuple(builder.code), tuple(outputs))


def gradient_program(
    coordinates: Sequence[Polynomial],
    slope: Sequence[Rational],
    curvature: Sequence[tuple[int, int, Rational]],
    parameters: int,
) -> Program:
    """The program of ``grad E = sum_i force_i grad phi_i`` for ``E = <slope, phi> + <phi, A phi>/2``."""
    builder = _Builder(parameters)
    values = [builder.form(phi) for phi in coordinates]
    forces: list[Form] = [{-1: c} if c else {} for c in slope]
    for i, j, a in curvature:
        _add(forces[i], values[j], a)
    gradient: list[Form] = [{} for _ in range(parameters)]
    for phi, force in zip(coordinates, forces, strict=True):
        if force:
            for variable, derivative in phi.gradient().items():
                _add(gradient[variable], builder.times(force, builder.form(derivative)), 1)
    outputs = [builder.value(form) for form in gradient]
    return Program(parameters, tuple(builder.code), tuple(outputs))
