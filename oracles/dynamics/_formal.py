"""Derivations: the code of an optimizer runs on free symbols, and the kernel checks what its identity claims.

A formal tensor is a combination of named vectors ``theta, v, g0, g1, ...`` whose coefficients are rational functions of
free symbols ``eta, lam, beta, ...``. Charges of formal tensors are free symbols too, one for each pair of names: the
Gram symbols ``<a, M b>``, symmetric for a quadratic charge, antisymmetric for a rotation. Nothing is known of them, not
even that ``<g_k, xi(theta_k)>`` is 0: the certificate says that ``left - right`` is the stated multiple of these
pairings, whatever the vectors, so it is 0 where they are (B0.orthogonality).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..certificates import Certificate
from ..proofs import Node, add, identity, multiply, power, symbol
from ._charges import Charge, Kind
from ._laws import Law, View
from ._leaves import Leaves, Number
from ._runs import Gradients, Moment, run

_NUMBER = int | Fraction


class Symbols:
    """Free symbols by name, numbered as they come; the same name is the same symbol.

    >>> symbols = Symbols()
    >>> (symbols("eta") + 1).node
    {'+': [{'x': 0}, 1]}
    """

    def __init__(self, *, coordinates: bool = False) -> None:
        self.numbers: dict[str, int] = {}
        self.coordinates = coordinates
        self._tensor = 0

    def __call__(self, name: str) -> Scalar:
        return Scalar(symbol(self.numbers.setdefault(name, len(self.numbers))), 1, self)

    def leaf(self, name: str) -> Any:
        """A free tensor (of the tensor that is being built): a formal vector, or one free coordinate."""
        full = f"{name}[{self._tensor}]"
        return self(full) if self.coordinates else Formal({full: Scalar(1, 1, self)}, self)

    def opaque(self, what: str, *arguments: Scalar) -> Scalar:
        """A symbol for a function of scalars of which nothing else is known, such as a root."""
        return self(f"{what}({', '.join(f'{a.node}/{a.under}' for a in arguments)})")

    def at(self, tensor: int) -> Symbols:
        """The same symbols; ``leaf`` now names tensors of this number."""
        self._tensor = tensor
        return self


@dataclass(frozen=True, slots=True, eq=True)
class Scalar:
    """A fraction of two trees of free symbols."""

    node: Node
    under: Node
    symbols: Symbols

    def _of(self, other: object) -> Scalar | None:
        if isinstance(other, Scalar):
            return other
        if isinstance(other, _NUMBER):
            return Scalar(add(other), 1, self.symbols)
        return None

    def __add__(self, other: object) -> Scalar:
        x = self._of(other)
        if x is None:
            return NotImplemented
        if x.under == self.under:
            return Scalar(add(self.node, x.node), self.under, self.symbols)
        node = add(multiply(self.node, x.under), multiply(x.node, self.under))
        return Scalar(node, multiply(self.under, x.under), self.symbols)

    def __mul__(self, other: object) -> Scalar:
        x = self._of(other)
        if x is None:
            return NotImplemented
        return Scalar(multiply(self.node, x.node), multiply(self.under, x.under), self.symbols)

    def __truediv__(self, other: object) -> Scalar:
        x = self._of(other)
        if x is None:
            return NotImplemented
        return Scalar(multiply(self.node, x.under), multiply(self.under, x.node), self.symbols)

    def __rtruediv__(self, other: object) -> Scalar:
        x = self._of(other)
        return NotImplemented if x is None else x / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Scalar:
        return Scalar(multiply(-1, self.node), self.under, self.symbols)

    def __sub__(self, other: object) -> Scalar:
        x = self._of(other)
        return NotImplemented if x is None else self + -x

    def __rsub__(self, other: object) -> Scalar:
        return -self + other

    def __pow__(self, exponent: int | Scalar) -> Scalar:
        if isinstance(exponent, Scalar):
            return self.symbols.opaque("power", self, exponent)
        return Scalar(power(self.node, exponent), power(self.under, exponent), self.symbols)

    def __hash__(self) -> int:
        return hash((str(self.node), str(self.under)))


@dataclass(frozen=True, slots=True)
class Formal:
    """A combination of named vectors."""

    parts: Mapping[str, Scalar]
    symbols: Symbols

    def __add__(self, other: object) -> Formal:
        if not isinstance(other, Formal):
            return NotImplemented
        parts = dict(self.parts)
        for name, coefficient in other.parts.items():
            parts[name] = parts[name] + coefficient if name in parts else coefficient
        return Formal(parts, self.symbols)

    def __mul__(self, factor: Any) -> Any:
        if isinstance(factor, Formal):
            return _Product(self, factor)
        if not isinstance(factor, Scalar | int | Fraction):
            return NotImplemented
        if not isinstance(factor, Scalar) and factor == 0:
            return Formal({}, self.symbols)
        return Formal({name: coefficient * factor for name, coefficient in self.parts.items()}, self.symbols)

    __rmul__ = __mul__

    def __truediv__(self, factor: Scalar) -> Formal:
        return Formal({name: coefficient / factor for name, coefficient in self.parts.items()}, self.symbols)

    def __neg__(self) -> Formal:
        return self * -1  # type: ignore[no-any-return]

    def __sub__(self, other: object) -> Formal:
        return NotImplemented if not isinstance(other, Formal) else self + -other


@dataclass(frozen=True, slots=True)
class _Product:
    """The entry-by-entry product of two formal tensors, which is only known by its sum, their inner product."""

    left: Formal
    right: Formal

    def sum(self) -> Scalar:
        return bilinear(self.left, self.right, "quadratic", "")


def bilinear(a: Formal, b: Formal, kind: Kind, form: str) -> Scalar:
    """``<a, M b>`` in Gram symbols, with the symmetry of the kind."""
    symbols = a.symbols
    result = Scalar(0, 1, symbols)
    for x, left in a.parts.items():
        for y, right in b.parts.items():
            sign = 1
            if kind == "antisymmetric":
                sign = (x < y) - (x > y)
            if not sign:
                continue
            pair = f"<{x},{form}{y}>" if kind == "generator" or x <= y else f"<{y},{form}{x}>"
            result = result + sign * (left * right * symbols(pair))
    return result


@dataclass(frozen=True, slots=True)
class FormalCharge:
    """A charge of which nothing is known but its kind; a generator has a constant part as well."""

    kind: Kind
    symbols: Symbols

    def pair(self, a: Leaves, p: Leaves) -> Number:
        result = self.form(a, p)
        if self.kind in ("linear", "generator"):
            for leaf in a:
                for name, coefficient in leaf.parts.items():
                    result = coefficient * self.symbols(f"<c,{name}>") + result
        return result

    def form(self, a: Leaves, b: Leaves) -> Number:
        if self.kind == "linear":
            return 0
        result: Number = 0
        for x, y in zip(a, b, strict=True):
            result = bilinear(x, y, self.kind, "M ") + result
        return result

    def tensors(self, leaves: Leaves) -> tuple[int, ...]:
        return tuple(range(len(leaves)))


def formal_window(law: Law, kind: Kind) -> tuple[Symbols, tuple[Moment, ...], Charge]:
    """A run of the law's optimizers on free symbols, and a free charge of the kind."""
    from ._charges import Affine, Signed

    symbols = Symbols(coordinates=law.coordinates)
    start = tuple(symbols.at(i).leaf("theta") for i in range(law.tensors))
    optimizers, _ = law.setting(symbols)
    state = tuple(law.setting(symbols.at(i))[1] for i in range(law.tensors))

    def gradient(k: int, point: Leaves) -> Gradients:
        asked.append(point)
        return tuple(symbols.at(i).leaf(f"g{len(asked) - 1}") for i in range(law.tensors))

    asked: list[Leaves] = []
    moments = run(optimizers, start, gradient, state=state)
    if law.coordinates:
        return symbols, moments, _free_matrix(symbols, kind, law.tensors, Affine)
    if law.tensors > 1:
        return symbols, moments, Signed({i: symbols(f"weight{i}") for i in range(law.tensors)})
    return symbols, moments, FormalCharge(kind, symbols)


def _free_matrix(symbols: Symbols, kind: Kind, size: int, make: Any) -> Charge:
    """A free affine generator on ``size`` coordinates."""
    matrix = {(i, j): symbols(f"M{i}{j}") for i in range(size) for j in range(size)} if kind != "linear" else {}
    constant = {i: symbols(f"c{i}") for i in range(size)}
    return make(matrix, constant)  # type: ignore[no-any-return]


def derive(law: Law, kind: Kind | None = None) -> Certificate:
    """The certificate that ``left - right`` is what the law says it is, for free vectors and hyper-parameters.

    Args:
        law: any identity.
        kind: of the charge; the first kind that the law names by default.

    >>> from flowlaw.oracles.dynamics import find_law
    >>> from flowlaw.oracles.kernel import verify
    >>> verify(derive(find_law("sgd-quadratic"))).accepted
    True
    """
    symbols, moments, charge = formal_window(law, kind or law.charges[0])
    view = View(moments, charge)
    left, right = law.sides(view)
    return equal(symbols, [(left, right + law.defect(view))])


def equal(symbols: Symbols, pairs: Sequence[tuple[Number, Number]]) -> Certificate:
    """The certificate that scalars are equal, as an identity of polynomials: denominators are multiplied out."""
    trees: list[tuple[Node, Node]] = []
    for left, right in pairs:
        x, y = (side if isinstance(side, Scalar) else Scalar(add(side), 1, symbols) for side in (left, right))
        if x.under == y.under:
            trees.append((x.node, y.node))
        else:
            trees.append((multiply(x.node, y.under), multiply(y.node, x.under)))
    return identity(len(symbols.numbers), trees)
