"""What a parameter tensor may be, and the few operations that differ between kinds of numbers.

A *leaf* is one parameter tensor: an ``int``, ``Fraction`` or ``float`` (a tensor with one entry), a ``Vector`` of them,
a numpy array, a torch tensor, or a formal vector. All of them have ``+``, ``-``, ``*`` and ``/`` entry by entry, so
that an optimizer is written once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from ..errors import BadInput

Number = Any
"""A scalar: int, Fraction, float, a 0-dimensional tensor, or a formal scalar."""
Leaf = Any
"""A parameter tensor, see above."""
Leaves = tuple[Leaf, ...]
"""A point: all parameter tensors in order."""


class NoExactRoot(BadInput):
    """A square root of a rational number is not rational."""


class Vector:
    """A tensor of exact numbers, without shape: arithmetic is entry by entry, and numbers broadcast.

    >>> Vector((1, 2)) - Fraction(1, 2) * Vector((2, 0))
    Vector(0, 2)
    """

    __array_ufunc__ = None  # a numpy scalar on the left leaves the operation to us
    __slots__ = ("entries",)

    def __init__(self, entries: Iterable[Number]) -> None:
        self.entries: tuple[Number, ...] = tuple(entries)

    def map(self, function: Callable[[Number], Number]) -> Vector:
        return Vector(function(x) for x in self.entries)

    def sum(self) -> Number:
        return sum(self.entries)

    def coordinates(self) -> tuple[Number, ...]:
        return self.entries

    def _zip(self, other: object, function: Callable[[Number, Number], Number]) -> Vector:
        if isinstance(other, Vector):
            return Vector(function(x, y) for x, y in zip(self.entries, other.entries, strict=True))
        return Vector(function(x, other) for x in self.entries)

    def __add__(self, other: object) -> Vector:
        return self._zip(other, lambda x, y: x + y)

    def __sub__(self, other: object) -> Vector:
        return self._zip(other, lambda x, y: x - y)

    def __rsub__(self, other: object) -> Vector:
        return self._zip(other, lambda x, y: y - x)

    def __mul__(self, other: object) -> Vector:
        return self._zip(other, lambda x, y: x * y)

    def __truediv__(self, other: object) -> Vector:
        return self._zip(other, quotient)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Vector:
        return self.map(lambda x: -x)

    def __abs__(self) -> Vector:
        return self.map(abs)

    def __iter__(self) -> Iterator[Number]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Number:
        return self.entries[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def __repr__(self) -> str:
        return f"Vector({', '.join(map(str, self.entries))})"


def quotient(x: Number, y: Number) -> Number:
    """``x / y``, which is a fraction and never a float if both are integers."""
    return Fraction(x, y) if isinstance(x, int) and isinstance(y, int) else x / y


def dot(x: Leaf, y: Leaf) -> Number:
    """The sum of the products of corresponding entries."""
    product = x * y
    return product.sum() if hasattr(product, "sum") else product


def total(parts: Iterable[Number]) -> Number:
    """The sum; unlike ``sum`` it adds no 0 to a single part."""
    result: Number = None
    for part in parts:
        result = part if result is None else result + part
    return 0 if result is None else result


def coordinates(leaves: Sequence[Leaf]) -> tuple[Number, ...]:
    """All entries of all leaves, tensor by tensor, each row-major."""
    flat: list[Number] = []
    for leaf in leaves:
        if hasattr(leaf, "coordinates"):
            flat.extend(leaf.coordinates())
        elif getattr(leaf, "ndim", 0):
            flat.extend(leaf.reshape(-1))
        else:
            flat.append(leaf)
    return tuple(flat)


def entries_of(leaf: Leaf) -> int:
    """How many entries a leaf has."""
    return len(coordinates((leaf,)))


def root(x: Leaf) -> Leaf:
    """The square root, entry by entry: exact or an error for rationals, rounded for floats.

    Raises:
        NoExactRoot: an entry is rational and its root is not. Run on floats, or give the optimizer another ``root``.

    >>> root(Vector((Fraction(4, 9), 0)))
    Vector(2/3, 0)
    """
    if isinstance(x, Vector):
        return x.map(root)
    if isinstance(x, int | Fraction):
        value = Fraction(x)
        up, down = math.isqrt(abs(value.numerator)), math.isqrt(value.denominator)
        if value < 0 or Fraction(up, down) ** 2 != value:
            raise NoExactRoot(f"{value} has no rational square root. Run on floats, or choose root=rational_root.")
        return Fraction(up, down)
    if isinstance(x, float):
        return math.sqrt(x)
    return x.sqrt() if hasattr(x, "sqrt") else x**0.5


def rational_root(x: Leaf, bits: int = 40) -> Leaf:
    """A rational number within ``2^-bits`` of the square root, entry by entry.

    The identities of adaptive optimizers hold for whatever diagonal divides the step, so a run with these roots obeys
    them exactly, and stays rational.
    """
    if isinstance(x, Vector):
        return x.map(lambda entry: rational_root(entry, bits))
    value = Fraction(x)
    return Fraction(math.isqrt((value.numerator << 2 * bits) // value.denominator), 1 << bits)


def maximum(x: Leaf, y: Leaf) -> Leaf:
    """The larger entry of both, entry by entry."""
    if isinstance(x, Vector):
        return Vector(map(max, x, y))
    if hasattr(x, "maximum"):
        return x.maximum(y)
    if getattr(x, "ndim", 0):
        import numpy as np

        return np.maximum(x, y)
    return max(x, y)


def clamp(x: Leaf, low: Number, high: Number) -> Leaf:
    """Entries below ``low`` or above ``high`` are replaced by them."""
    if isinstance(x, Vector):
        return x.map(lambda entry: min(max(entry, low), high))
    return x.clip(low, high) if hasattr(x, "clip") else min(max(x, low), high)


def signs(x: Leaf) -> Leaf:
    """-1, 0 or 1 for each entry."""
    if isinstance(x, Vector):
        return x.map(signs)
    if hasattr(x, "sign"):
        return x.sign()
    if getattr(x, "ndim", 0):
        import numpy as np

        return np.sign(x)
    return (x > 0) - (x < 0)
