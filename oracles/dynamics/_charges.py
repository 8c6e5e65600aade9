"""Charges: the linear and quadratic functions that symmetries keep, and general affine generators, as data.

A charge stands for a generator ``xi(theta) = M theta + c0`` that is orthogonal to every gradient. ``pair(a, p)`` is
``<a, xi(p)>`` and ``form(a, b)`` is ``<a, M b>``. ``pair(theta, theta)`` is the value of a translation,
``<c0, theta>``, and of a quadratic charge, ``theta^T S theta``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol

from ..errors import BadInput
from ..polynomials import Polynomial, Rational
from ._leaves import Leaf, Leaves, Number, coordinates, dot, entries_of, total

Kind = Literal["linear", "quadratic", "antisymmetric", "generator"]
"""Of a charge: a translation, a symmetric S, a rotation, or any affine generator."""


class Charge(Protocol):
    """What identities need of a charge. ``a``, ``b`` and ``p`` are points: one leaf for each tensor."""

    @property
    def kind(self) -> Kind: ...

    def pair(self, a: Leaves, p: Leaves) -> Number:
        """``<a, xi(p)>``."""
        ...

    def form(self, a: Leaves, b: Leaves) -> Number:
        """``<a, M b>``."""
        ...

    def tensors(self, leaves: Leaves) -> tuple[int, ...]:
        """The numbers of the tensors that the charge touches."""
        ...


@dataclass(frozen=True, slots=True)
class Translation:
    """``<c0, theta>`` with a covector for each tensor it touches.

    >>> Translation({0: 1}).pair((5, 7), ())
    5
    """

    covector: Mapping[int, Leaf]
    kind: Kind = field(default="linear", init=False)

    def pair(self, a: Leaves, p: Leaves) -> Number:
        return total(dot(c, a[i]) for i, c in self.covector.items())

    def form(self, a: Leaves, b: Leaves) -> Number:
        return 0

    def tensors(self, leaves: Leaves) -> tuple[int, ...]:
        return tuple(sorted(self.covector))


@dataclass(frozen=True, slots=True)
class Signed:
    """``sum_i w_i |theta_i|^2`` over tensors: weights are numbers, or masks with the shape of their tensor.

    >>> rescaling = Signed({0: 1, 1: -1})  # incoming against outgoing weights
    >>> rescaling.pair((3, 2), (3, 2))
    5
    """

    weights: Mapping[int, Leaf]
    kind: Kind = field(default="quadratic", init=False)

    def pair(self, a: Leaves, p: Leaves) -> Number:
        return total(self.part(i, a[i], p[i]) for i in self.weights)

    def part(self, tensor: int, a: Leaf, b: Leaf) -> Number:
        """The summand of one tensor."""
        weight = self.weights[tensor]
        return weight * dot(a, b) if not hasattr(weight, "sum") else dot(weight * a, b)

    def form(self, a: Leaves, b: Leaves) -> Number:
        return self.pair(a, b)

    def tensors(self, leaves: Leaves) -> tuple[int, ...]:
        return tuple(sorted(self.weights))


@dataclass(frozen=True, slots=True)
class Affine:
    """``xi(theta) = M theta + c0`` on the coordinates of all tensors, numbered tensor by tensor, row-major.

    Args:
        matrix: the entries of M that are not zero, by row and column.
        constant: the entries of c0 that are not zero.

    >>> rotation = Affine({(0, 1): -1, (1, 0): 1})
    >>> rotation.kind, rotation.pair((0, 1), (2, 1))
    ('antisymmetric', 2)
    """

    matrix: Mapping[tuple[int, int], Number]
    constant: Mapping[int, Number] = field(default_factory=dict[int, Number])

    @property
    def kind(self) -> Kind:
        if not self.matrix:
            return "linear"
        if self.constant:
            return "generator"
        if all(self.matrix.get((j, i), 0) == value for (i, j), value in self.matrix.items()):
            return "quadratic"
        opposite = all(self.matrix.get((j, i), 0) == -value for (i, j), value in self.matrix.items())
        return "antisymmetric" if opposite else "generator"

    def pair(self, a: Leaves, p: Leaves) -> Number:
        flat = coordinates(a)
        return total((self.form(a, p), *(c * flat[i] for i, c in self.constant.items())))

    def form(self, a: Leaves, b: Leaves) -> Number:
        x, y = coordinates(a), coordinates(b)
        return total(x[i] * value * y[j] for (i, j), value in self.matrix.items())

    def tensors(self, leaves: Leaves) -> tuple[int, ...]:
        used = {i for pair in self.matrix for i in pair} | set(self.constant)
        touched: list[int] = []
        start = 0
        for number, leaf in enumerate(leaves):
            size = entries_of(leaf)
            if any(start <= i < start + size for i in used):
                touched.append(number)
            start += size
        return tuple(touched)


def charge_of(law: Polynomial) -> Affine:
    """The charge whose value is ``law``, a linear form or a quadratic form of the parameters.

    Raises:
        BadInput: the polynomial is neither.

    >>> from flowlaw.oracles.models import parse_model, known_laws
    >>> law = known_laws(parse_model("linear:1-1-1"))[0].polynomials()[0]
    >>> charge_of(law).pair((3, 2), (3, 2))
    5
    """
    degrees = {sum(e for _, e in monomial) for monomial in law.terms}
    if degrees == {1}:
        return Affine({}, {monomial[0][0]: value for monomial, value in law.terms.items()})
    if degrees != {2}:
        raise BadInput("A charge is a linear form or a quadratic form: all terms of degree 1, or all of degree 2.")
    entries: dict[tuple[int, int], Rational] = {}
    for monomial, value in law.terms.items():
        if len(monomial) == 1:
            entries[monomial[0][0], monomial[0][0]] = value
        else:
            (i, _), (j, _) = monomial
            entries[i, j] = entries[j, i] = Fraction(value) / 2
    return Affine(entries)


def affine(rows: Sequence[Sequence[Number]], constant: Sequence[Number] = ()) -> Affine:
    """An affine generator from a full matrix."""
    return Affine(
        {(i, j): value for i, row in enumerate(rows) for j, value in enumerate(row) if value},
        {i: value for i, value in enumerate(constant) if value},
    )
