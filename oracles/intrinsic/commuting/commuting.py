"""Whether the coordinates of a model commute: ``[grad phi_i, grad phi_j] = 0`` for all pairs, with a certificate.

Where they do, w = phi(theta) follows a mirror flow whatever the loss (A7.commuting). The bracket of two fields is
``[X, Y] = DX Y - DY X``, so for gradients it is ``hess phi_i grad phi_j - hess phi_j grad phi_i``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from random import Random

from ...certificates import Certificate
from ...errors import TooLarge
from ...models import Model
from ...polynomials import Monomial, Polynomial, Rational, tidy
from ...proofs import Node, add, identity, multiply, power, subtract, symbol, values

MOST_TERMS = 4096
"""The most terms that the coordinates of a model may have together."""
MOST_PAIRS = 1024
"""The most pairs of coordinates."""
MOST_PRODUCTS = 1_000_000
"""The most products of terms that all brackets may cost."""

Field = dict[int, Polynomial]
"""The components of a field that are not zero, by parameter."""


@dataclass(frozen=True, slots=True)
class Commuting:
    """The answer for one model.

    Attributes:
        certificates: for the kernel. Where the coordinates commute, one identity in theta, a direction y and a length
            t: it shows that the fields written in it are the gradients, and that no bracket has a term. Otherwise one
            identity that shows the bracket of ``pair``, and its value at ``point``.
        pair: the first pair whose bracket is not zero.
        point: where it is not zero; small whole numbers.
        bracket: its value there.
    """

    certificates: tuple[Certificate, ...]
    pair: tuple[int, int] | None = None
    point: tuple[Rational, ...] = ()
    bracket: tuple[Rational, ...] = ()

    @property
    def commutes(self) -> bool:
        return self.pair is None


def bracket(first: Polynomial, second: Polynomial) -> Field:
    """``[grad first, grad second]``."""
    out: Field = {}
    one, two = first.gradient(), second.gradient()
    for sign, field, along in ((1, one, two), (-1, two, one)):
        for a, component in field.items():
            for b, slope in component.gradient().items():
                if b in along:
                    out[a] = out.get(a, Polynomial()) + (slope * along[b]).scaled(sign)
    return {a: component for a, component in out.items() if component}


def decide_commuting(model: Model) -> Commuting:
    """Whether all pairs of coordinates commute; decided over Q.

    Raises:
        TooLarge: too many coordinates, terms or products for that.
    """
    coordinates = _coordinates(model)
    for i, j in combinations(range(len(coordinates)), 2):
        found = bracket(coordinates[i], coordinates[j])
        if found:
            return _refuted(coordinates, model.parameters, (i, j), found)
    return Commuting((claim_commuting(model),))


def claim_commuting(model: Model) -> Certificate:
    """The claim that all brackets vanish, which the kernel accepts iff they do. See ``Commuting``."""
    coordinates, size = _coordinates(model), model.parameters
    pairs = [pair for phi in coordinates for pair in _is_gradient(phi, size)]
    for i, j in combinations(range(len(coordinates)), 2):
        pairs += _exchanged(coordinates[i], coordinates[j], size, {})
    return identity(2 * size + 1, pairs)


def quadratic_forms(model: Model) -> tuple[dict[tuple[int, int], Rational], ...] | None:
    """The matrices A_i of ``phi_i = theta^T A_i theta / 2``, entries that are not zero; None for another kind of map.

    Raises:
        TooLarge: too many coordinates or terms.
    """
    out: list[dict[tuple[int, int], Rational]] = []
    for coordinate in _coordinates(model, brackets=False):
        matrix: dict[tuple[int, int], Rational] = {}
        for monomial, c in coordinate.terms.items():
            ends = [v for v, e in monomial for _ in range(e)]
            if len(ends) != 2:
                return None
            a, b = ends
            matrix[a, b] = matrix[b, a] = tidy(2 * c) if a == b else c
        out.append(matrix)
    return tuple(out)


def diagonal_weights(model: Model) -> tuple[tuple[Rational, ...], ...] | None:
    """``a_ik`` with ``phi_i = sum_k a_ik theta_k^2 / 2``, one row for each coordinate; None unless all are diagonal.

    Such coordinates commute: their fields are diagonal and linear.
    """
    forms = quadratic_forms(model)
    if forms is None or any(a != b for form in forms for a, b in form):
        return None
    return tuple(tuple(form.get((k, k), 0) for k in range(model.parameters)) for form in forms)


def metric_of(model: Model, point: Sequence[Rational]) -> list[list[Rational]]:
    """``M = dphi dphi^T`` at a rational point."""
    rows = [{v: Fraction(slope.evaluate(point)) for v, slope in phi.gradient().items()} for phi in model.coordinates()]
    return [[tidy(sum((x * q[v] for v, x in p.items() if v in q), Fraction(0))) for q in rows] for p in rows]


def _coordinates(model: Model, *, brackets: bool = True) -> tuple[Polynomial, ...]:
    if model.coordinate_terms() > MOST_TERMS:
        raise TooLarge(
            f"{model.spec} has more than {MOST_TERMS} terms; brackets are not looked at. Use smaller widths."
        )
    coordinates = model.coordinates()
    sizes = [len(phi.terms) * (1 + phi.degree) for phi in coordinates]
    if brackets and (len(coordinates) * (len(coordinates) - 1) // 2 > MOST_PAIRS or sum(sizes) ** 2 > MOST_PRODUCTS):
        raise TooLarge(f"{model.spec} has too many pairs of coordinates for their brackets. Use smaller widths.")
    return coordinates


def _refuted(coordinates: Sequence[Polynomial], parameters: int, pair: tuple[int, int], found: Field) -> Commuting:
    first, second = (coordinates[k] for k in pair)
    shown = [*_is_gradient(first, parameters), *_is_gradient(second, parameters)]
    shown += _exchanged(first, second, parameters, found)
    point = _nonzero_point(found, parameters)
    components = tuple(found[a].evaluate(point) if a in found else 0 for a in range(parameters))
    trees = [(tree(found[a]), components[a]) for a in sorted(found)]
    return Commuting((identity(2 * parameters + 1, shown), values(point, trees)), pair, tuple(point), components)


def _nonzero_point(found: Field, parameters: int) -> list[Rational]:
    """Small whole numbers at which some component is not zero; a polynomial vanishes on no grid wider than its degree.

    Random grids that widen find one at once; the entries that are not needed are then set to 0.
    """
    component = found[min(found)]
    random, reach = Random(0), 1
    point: list[Rational] = [1] * parameters
    while not component.evaluate(point):
        reach += 1
        point = [random.randint(-reach, reach) for _ in range(parameters)]
    for a in range(parameters):
        kept, point[a] = point[a], 0
        if not component.evaluate(point):
            point[a] = kept
    return point


def tree(polynomial: Polynomial, images: Sequence[Node] | None = None) -> Node:
    """A polynomial as the kernel reads it, with its variables replaced by ``images``."""

    def factor(monomial: Monomial) -> list[Node]:
        bases = [(symbol(v) if images is None else images[v], e) for v, e in monomial]
        return [base if e == 1 else power(base, e) for base, e in bases]

    return add(*(multiply(Fraction(c), *factor(monomial)) for monomial, c in sorted(polynomial.terms.items())))


def _is_gradient(phi: Polynomial, parameters: int) -> list[tuple[Node, Node]]:
    """``phi(theta + t y) - phi(theta) = t <g, y> + t^2 R``: g is the gradient. Variables theta, y, t."""
    t = symbol(2 * parameters)
    moved = [add(symbol(v), multiply(t, symbol(parameters + v))) for v in range(parameters)]
    first = [multiply(tree(g), symbol(parameters + a)) for a, g in sorted(phi.gradient().items())]
    along = [Polynomial.variable(parameters + v) for v in range(parameters)]
    rest = _beyond_first(phi, along, 2 * parameters)
    left = subtract(tree(phi, moved), tree(phi))
    return [(left, add(multiply(t, add(*first)), multiply(power(t, 2), tree(rest))))]


def _exchanged(first: Polynomial, second: Polynomial, parameters: int, found: Field) -> list[tuple[Node, Node]]:
    """``g(theta + t h) - h(theta + t g) = g - h + t [g, h] + t^2 S`` for the gradients g and h."""
    t = symbol(2 * parameters)
    one, two = first.gradient(), second.gradient()
    images = [[_moved(v, field, t) for v in range(parameters)] for field in (two, one)]
    fields = [[field.get(v, Polynomial()) for v in range(parameters)] for field in (two, one)]
    pairs: list[tuple[Node, Node]] = []
    for a in sorted(one.keys() | two.keys()):
        g, h = one.get(a, Polynomial()), two.get(a, Polynomial())
        rest = _beyond_first(g, fields[0], 2 * parameters) - _beyond_first(h, fields[1], 2 * parameters)
        left = subtract(tree(g, images[0]), tree(h, images[1]))
        linear = multiply(t, tree(found.get(a, Polynomial())))
        pairs.append((left, add(tree(g - h), linear, multiply(power(t, 2), tree(rest)))))
    return pairs


def _moved(variable: int, field: Field, t: Node) -> Node:
    if variable not in field:
        return symbol(variable)
    return add(symbol(variable), multiply(t, tree(field[variable])))


def _beyond_first(polynomial: Polynomial, along: Sequence[Polynomial], t: int) -> Polynomial:
    """The S of ``p(theta + t v) = p + t p'v + t^2 S``."""
    step = Polynomial.variable(t)
    total = Polynomial()
    for monomial, c in polynomial.terms.items():
        term = Polynomial.constant(c)
        for v, e in monomial:
            term = term * (Polynomial.variable(v) + step * along[v]) ** e
        total = total + term
    high: dict[Monomial, Rational] = {}
    for monomial, c in total.terms.items():
        order = dict(monomial).get(t, 0)
        if order > 1:
            rest = tuple((v, e) for v, e in monomial if v != t)
            high[(*rest, (t, order - 2)) if order > 2 else rest] = c
    return Polynomial(high)
