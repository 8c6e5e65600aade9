"""Small losses with a symmetry, drawn at random: what the discrete identities are attacked with.

Every gradient is written once, on lists of numbers: over ``Fraction`` it is exact, over ``float`` it rounds, over
``Sized`` it tells the sums of its absolute terms. The loss changes at every step, as a minibatch does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from ..oracles.dynamics import Affine, Charge, Leaves, Number, Signed, Sized, Translation, Vector

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Family = Literal["rescale", "scale", "translation", "rotation", "symmetric", "skew", "general", "squared"]
Batch = tuple[Fraction, ...]
_Tensors = list[list[Number]]


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A family of losses, one for each step.

    Args:
        family: which symmetry.
        sizes: the number of entries of each tensor.
        batches: the constants of the loss of each step; used in turn.
        shape: what else the family needs: widths.
        constants: numbers that do not change from step to step, such as the generator.
    """

    family: Family
    sizes: tuple[int, ...]
    batches: tuple[Batch, ...]
    shape: tuple[int, ...] = ()
    constants: Batch = ()

    def __repr__(self) -> str:
        from .strategies import shown

        extra = f", constants {shown(self.constants)}" if self.constants else ""
        return f"{self.family}{list(self.shape or self.sizes)} with data {' '.join(map(shown, self.batches))}{extra}"

    @property
    def charge(self) -> Charge:
        """The charge of the symmetry."""
        return _FAMILIES[self.family].charge(self)

    @property
    def roundings(self) -> int:
        """At most so many roundings on any path from the point to an entry of the gradient."""
        return 8 + 3 * sum(self.sizes)

    def gradient(self, k: int, point: Leaves) -> Leaves:
        """The gradients at step k: Vectors from Vectors, arrays from arrays."""
        if isinstance(point[0], Vector):
            return tuple(map(Vector, self._gradient(k, [list(leaf) for leaf in point], lambda x: x)))
        import numpy as np

        rows = self._gradient(k, [leaf.tolist() for leaf in point], float)
        with np.errstate(over="ignore"):
            return tuple([np.array(row, dtype=leaf.dtype) for row, leaf in zip(rows, point, strict=True)])

    def gradient_sizes(self, k: int, point: Leaves) -> Leaves:
        """The sums of the absolute terms of the gradients at an array point."""
        import numpy as np

        sized = [[Sized.of(x) for x in leaf.tolist()] for leaf in point]
        return tuple(np.array([Sized.of(x).size for x in row]) for row in self._gradient(k, sized, _sized))

    def tree_gradient(self, k: int, point: _Tensors) -> _Tensors:
        """The gradients at step k on any numbers that mix with fractions, such as free symbols."""
        return self._gradient(k, point, lambda x: x)

    def _gradient(self, k: int, point: _Tensors, number: Callable[[Fraction], Number]) -> _Tensors:
        batch = [number(x) for x in self.batches[k % len(self.batches)]]
        return _FAMILIES[self.family].gradient(self, batch, [number(x) for x in self.constants], point)


def _sized(x: Fraction) -> Sized:
    return Sized.of(float(x))


@dataclass(frozen=True, slots=True)
class _Loss:
    """How a family computes, its least widths, and how many numbers it takes at given widths."""

    gradient: Callable[[Target, list[Number], list[Number], _Tensors], _Tensors]
    charge: Callable[[Target], Charge]
    least: tuple[int, ...]
    sizes: Callable[[tuple[int, ...]], tuple[int, ...]]
    data: Callable[[tuple[int, ...]], int]
    constants: Callable[[tuple[int, ...]], int] = lambda shape: 0


def _relu(target: Target, batch: list[Number], constants: list[Number], point: _Tensors) -> _Tensors:
    """``(o . relu(W x + b) - y)^2 / 2``: one sample, widths (inputs, hidden)."""
    n, h = target.shape
    x, y = batch[:n], batch[n]
    W, b, o = point
    z = [sum((W[j * n + i] * x[i] for i in range(n)), b[j]) for j in range(h)]
    on = [1 if _positive(value) else 0 for value in z]
    slope = sum((o[j] * on[j] * z[j] for j in range(h)), -y)
    back = [slope * o[j] * on[j] for j in range(h)]
    return [[back[j] * x[i] for j in range(h) for i in range(n)], back, [slope * on[j] * z[j] for j in range(h)]]


def _positive(x: Number) -> bool:
    value: Number = getattr(x, "value", x)  # of a Sized or a Dual
    return bool(value > 0)


def _relu_charge(target: Target) -> Charge:
    """The balance of the first hidden neuron: its incoming weights and bias against the outgoing weight."""
    n, h = target.shape
    return Signed({0: _first(n * h, n), 1: _first(h, 1), 2: -_first(h, 1)})


def _first(size: int, count: int) -> Vector:
    return Vector(int(i < count) for i in range(size))


def _quotient(target: Target, batch: list[Number], constants: list[Number], point: _Tensors) -> _Tensors:
    """``w^T A w / |w|^2`` with a diagonal A and neighbours coupled: constant along rays."""
    w = point[0]
    n = len(w)
    a, b = batch[:n], batch[n:]
    image = [a[i] * w[i] for i in range(n)]
    for i in range(n - 1):
        image[i] = image[i] + b[i] * w[i + 1]
        image[i + 1] = image[i + 1] + b[i] * w[i]
    norm = sum(x * x for x in w)
    if norm == 0:  # not defined there; nothing is what keeps the symmetry
        return [[0 * x for x in w]]
    value = sum(x * y for x, y in zip(w, image, strict=True)) / norm
    return [[2 * (y - value * x) / norm for x, y in zip(w, image, strict=True)]]


def _differences(target: Target, batch: list[Number], constants: list[Number], point: _Tensors) -> _Tensors:
    """``sum_i f(z_i - z_{i+1})`` of the logits ``z = W x + b``, ``f(d) = d^4/4 - y d``; widths (inputs, classes)."""
    n, m = target.shape
    x, y = batch[:n], batch[n:]
    W, b = point
    z = [sum((W[j * n + i] * x[i] for i in range(n)), b[j]) for j in range(m)]
    slopes: list[Number] = [0] * m
    for j in range(m - 1):
        d = z[j] - z[j + 1]
        slope = d * d * d - y[j]
        slopes[j] = slopes[j] + slope
        slopes[j + 1] = slopes[j + 1] - slope
    return [[slopes[j] * x[i] for j in range(m) for i in range(n)], slopes]


def _differences_charge(target: Target) -> Charge:
    """The sum of the first column of W and that of the biases, joined with weights 1 and 2."""
    n, m = target.shape
    return Translation({0: Vector(int(k % n == 0) for k in range(n * m)), 1: Vector([2] * m)})


def _squared(target: Target, batch: list[Number], constants: list[Number], point: _Tensors) -> _Tensors:
    """``|W x + b - y|^2 / 2``: it sees the shift of logits that ``translation`` does not. A negative control."""
    n, m = target.shape
    x, y = batch[:n], batch[n:]
    W, b = point
    slopes = [sum((W[j * n + i] * x[i] for i in range(n)), b[j] - y[j]) for j in range(m)]
    return [[slopes[j] * x[i] for j in range(m) for i in range(n)], slopes]


def _radial(target: Target, batch: list[Number], constants: list[Number], point: _Tensors) -> _Tensors:
    """``(|theta - p|^2 - r)^2 / 4`` in the plane, with the centre p among the constants."""
    d = [x - p for x, p in zip(point[0], constants, strict=True)]
    slope = d[0] * d[0] + d[1] * d[1] - batch[0]
    return [[slope * x for x in d]]


def _radial_charge(target: Target) -> Charge:
    """Rotation about the centre."""
    p, q = target.constants
    constant = {i: value for i, value in ((0, q), (1, -p)) if value}
    return Affine({(0, 1): -1, (1, 0): 1}, constant)


def _product(target: Target, batch: list[Number], constants: list[Number], point: _Tensors) -> _Tensors:
    """``|U V^T - Y|^2 / 2`` with U n x r and V m x r; widths (n, r, m)."""
    n, r, m = target.shape
    U, V = point
    E = [[sum((U[i * r + a] * V[j * r + a] for a in range(r)), -batch[i * m + j]) for j in range(m)] for i in range(n)]
    left = [sum(E[i][j] * V[j * r + a] for j in range(m)) for i in range(n) for a in range(r)]
    return [left, [sum(E[i][j] * U[i * r + a] for i in range(n)) for j in range(m) for a in range(r)]]


def _product_charge(target: Target) -> Charge:
    """``xi = (U A, -V A^T)``: A symmetric gives a quadratic charge, A skew a rotation."""
    n, r, m = target.shape
    c = target.constants
    mirrored = int(target.family == "symmetric")

    def entry(a: int, b: int) -> Fraction:
        return (b - a) * c[0] if target.family == "skew" else c[a * r + b] + mirrored * c[b * r + a]

    A = [[entry(a, b) for b in range(r)] for a in range(r)]
    entries: dict[tuple[int, int], Number] = {}
    for a in range(r):
        for b in range(r):
            for i in range(n if A[a][b] else 0):
                entries[i * r + b, i * r + a] = A[a][b]
            for j in range(m if A[a][b] else 0):
                entries[n * r + j * r + a, n * r + j * r + b] = -A[a][b]
    return Affine(entries)


def _product_of(least: tuple[int, ...], constants: Callable[[tuple[int, ...]], int]) -> _Loss:
    return _Loss(
        _product,
        _product_charge,
        least,
        sizes=lambda s: (s[0] * s[1], s[2] * s[1]),
        data=lambda s: s[0] * s[2],
        constants=constants,
    )


_FAMILIES: dict[Family, _Loss] = {
    "rescale": _Loss(_relu, _relu_charge, (1, 1), lambda s: (s[0] * s[1], s[1], s[1]), lambda s: s[0] + 1),
    "scale": _Loss(_quotient, lambda target: Signed({0: 1}), (2,), lambda s: s, lambda s: 2 * s[0] - 1),
    "translation": _Loss(
        _differences, _differences_charge, (1, 2), lambda s: (s[0] * s[1], s[1]), lambda s: s[0] + s[1] - 1
    ),
    "squared": _Loss(_squared, _differences_charge, (1, 2), lambda s: (s[0] * s[1], s[1]), lambda s: s[0] + s[1]),
    "rotation": _Loss(_radial, _radial_charge, (2,), lambda s: (2,), lambda s: 1, lambda s: 2),
    "symmetric": _product_of((1, 1, 1), lambda s: s[1] * s[1]),
    "skew": _product_of((1, 2, 1), lambda s: 1),
    "general": _product_of((1, 1, 1), lambda s: s[1] * s[1]),
}
QUADRATIC: tuple[Family, ...] = ("rescale", "scale", "symmetric")
LINEAR: tuple[Family, ...] = ("translation",)
OTHERS: tuple[Family, ...] = ("rotation", "skew", "general")


def targets(*families: Family, steps: int) -> SearchStrategy[tuple[Target, Leaves]]:
    """A target of one of the families with a point to start from, both exact; the loss changes ``steps`` times."""
    from hypothesis import strategies as st

    from .strategies import vectors

    @st.composite
    def drawn(draw: st.DrawFn) -> tuple[Target, Leaves]:
        family = draw(st.sampled_from(families))
        loss = _FAMILIES[family]
        shape = draw(st.tuples(*(st.integers(width, 2) for width in loss.least)))
        sizes = loss.sizes(shape)
        first, *others = draw(st.tuples(*[vectors(loss.data(shape), size=4, denominator=2)] * steps))
        batches = (first if any(first) else (Fraction(1), *first[1:]), *others)  # with zeros alone nothing would move
        constants = draw(vectors(loss.constants(shape), size=3, denominator=1, nonzero=True))
        start = tuple(Vector(draw(vectors(size, size=4, denominator=2, nonzero=True))) for size in sizes)
        return Target(family, sizes, batches, shape, constants), start

    return drawn()


def to_arrays(leaves: Leaves, dtype: Any = float) -> Leaves:
    """Vectors of exact numbers as float arrays."""
    import numpy as np

    return tuple(np.array([float(x) for x in leaf], dtype=dtype) for leaf in leaves)


def to_exact(leaves: Any) -> Any:
    """Float arrays (or None) as Vectors of the fractions that they are."""
    if leaves is None:
        return None
    return tuple(None if leaf is None else Vector(Fraction(x) for x in leaf.tolist()) for leaf in leaves)
