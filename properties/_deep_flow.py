"""Deep linear networks under relaxed balance: random cases, exact flows both ways, and what floats may lose.

Layers are counted from the output as in the model, ``phi = U_1 ... U_L``; the papers count ``W_i = U_(L+1-i)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING, Any, Literal

from ._theorem import Residual

if TYPE_CHECKING:
    from flint import fmpq_mat
    from hypothesis.strategies import SearchStrategy

    from ..oracles.intrinsic import RelaxedPoint
    from ..oracles.polynomials import Rational
    from ..simulations.fields import FloatArray
    from ..simulations.reduced import ReducedFlow

Kind = Literal["balanced", "equal", "bottleneck"]


@dataclass(frozen=True)
class FlowCase:
    """A network with relaxed balance, and a gradient G of the loss at its Z.

    Attributes:
        widths: outputs first.
        seed: of ``relaxed_point``.
        G: row-major.
        balanced: all balances are zero; else they are drawn.
        sizes: the singular values of the layers in each direction, if they are not drawn.
    """

    widths: tuple[int, ...]
    seed: int
    G: tuple[Fraction, ...]
    balanced: bool = False
    sizes: tuple[tuple[Fraction, ...], ...] = ()

    @cached_property
    def made(self) -> RelaxedPoint:
        from ..oracles.intrinsic import point_of_sizes, relaxed_point
        from ..oracles.models import DeepLinear

        model = DeepLinear(self.widths)
        if self.sizes:
            return point_of_sizes(model, self.sizes, seed=self.seed)
        return relaxed_point(model, balanced=self.balanced, seed=self.seed)

    @property
    def shape(self) -> tuple[int, int]:
        return self.widths[0], self.widths[-1]

    @cached_property
    def layers(self) -> list[fmpq_mat]:
        """``U_1, ..., U_L``."""
        from ..oracles.intrinsic.linear.chains import factors

        return factors(self.made.model, self.made.point)

    @cached_property
    def slope(self) -> fmpq_mat:
        """G as an exact matrix."""
        return matrix(self.G, *self.shape)

    def __repr__(self) -> str:
        from .strategies import shown

        balance = "balanced" if self.balanced else f"mu = {shown(self.made.mus)}"
        entries = shown([Fraction(x) for x in self.made.point])
        return f"{self.made.model.spec}, {balance}, theta = {entries}, G = {shown(self.G)}"


def flow_cases(kind: Kind, *, depths: tuple[int, int] = (2, 4), width: int = 3) -> SearchStrategy[FlowCase]:
    """Random cases of one domain of the closed forms."""
    from hypothesis import strategies as st

    from .strategies import vectors

    @st.composite
    def draw_case(draw: st.DrawFn) -> FlowCase:
        depth = draw(st.integers(*depths))
        side = st.integers(1, width)
        if kind == "balanced":
            widths = tuple(draw(side) for _ in range(depth + 1))
        elif kind == "equal":
            widths = (draw(side),) * (depth + 1)
        else:
            r = draw(st.integers(1, width - 1))
            outer = st.integers(r, width)
            widths = (draw(outer), *[r] * (depth - 1), draw(outer))
        G = draw(vectors(widths[0] * widths[-1], nonzero=True))
        return FlowCase(widths, draw(st.integers(0, 999)), G, balanced=kind == "balanced")

    return draw_case()


def matrix(entries: Sequence[Rational], rows: int, columns: int) -> fmpq_mat:
    """An exact matrix from its entries, row-major."""
    from flint import fmpq, fmpq_mat

    flat = [Fraction(x) for x in entries]
    return fmpq_mat(rows, columns, [fmpq(x.numerator, x.denominator) for x in flat])


def identity_matrix(size: int) -> fmpq_mat:
    """I."""
    return matrix([int(i == j) for i in range(size) for j in range(size)], size, size)


def scaled_identity(value: Rational, size: int) -> fmpq_mat:
    """``value I``."""
    return matrix([value if i == j else 0 for i in range(size) for j in range(size)], size, size)


def lifted(layers: Sequence[fmpq_mat], G: fmpq_mat) -> fmpq_mat:
    """``-Z'`` exactly: ``sum_k P_k P_k^T G Q_k^T Q_k`` with P_k the product before layer k and Q_k the one after it."""
    after = [identity_matrix(G.ncols())]
    for layer in layers[:0:-1]:
        after.append(layer * after[-1])
    before = identity_matrix(G.nrows())
    total = 0 * G
    for layer, rest in zip(layers, reversed(after), strict=True):
        total += before * before.transpose() * G * rest.transpose() * rest
        before = before * layer
    return total


def product(layers: Sequence[fmpq_mat]) -> fmpq_mat:
    """``Z = U_1 ... U_L``."""
    whole = layers[0]
    for layer in layers[1:]:
        whole = whole * layer
    return whole


def spectral(directions: Sequence[Sequence[Rational]], values: Sequence[Rational]) -> fmpq_mat:
    """``sum_i values_i a_i a_i^T``."""
    n = len(directions[0])
    A = matrix([x for row in directions for x in row], len(directions), n)
    scaled = matrix([v * x for v, row in zip(values, directions, strict=True) for x in row], len(directions), n)
    return A.transpose() * scaled


def closed(case: FlowCase, shifts: Sequence[Rational] | None = None) -> fmpq_mat:
    """``-Z'`` from Z, the balances and G alone, exactly: the theorem, at points whose singular vectors are rational.

    Args:
        case: gives singular vectors and roots x.
        shifts: other ``tau`` than the right ones, for mutants.
    """
    made = case.made
    taus = made.shifts if shifts is None else shifts
    n, m = case.shape
    total = 0 * case.slope
    for k in range(len(taus)):
        left = [_product(x - tau for tau in taus[:k]) for x in made.roots]
        right = [_product(x - tau for tau in taus[k + 1 :]) for x in made.roots]
        L = spectral(made.left, left) if k else identity_matrix(n)
        R = spectral(made.right, right) if k < len(taus) - 1 else identity_matrix(m)
        total += L * case.slope * R
    return total


def from_grams(layers: Sequence[fmpq_mat], shifts: Sequence[Rational], G: fmpq_mat) -> fmpq_mat:
    """The closed form with ``B = U_1 U_1^T`` and ``C = U_L^T U_L`` in place of functions of Z, at any point.

    ``sum_k prod_(l<k) (B - tau_l) G prod_(l>k) (C + tau_L - tau_l)``: rational where singular vectors are not.
    """
    B, C = layers[0] * layers[0].transpose(), layers[-1].transpose() * layers[-1]
    left, right = identity_matrix(B.nrows()), [identity_matrix(C.nrows())]
    for tau in list(shifts)[:0:-1]:
        right.append(right[-1] * (C + scaled_identity(shifts[-1] - tau, C.nrows())))
    total = 0 * G
    for tau, R in zip(shifts, reversed(right), strict=True):
        total += left * G * R
        left = left * (B - scaled_identity(tau, B.nrows()))
    return total


def _product(values: Any) -> Fraction:
    result = Fraction(1)
    for value in values:
        result *= value
    return result


def apart(a: fmpq_mat, b: fmpq_mat) -> Fraction:
    """The largest absolute difference of two entries."""
    from ..oracles.intrinsic.linear.chains import fraction

    return max((abs(Fraction(fraction(x))) for x in (a - b).entries()), default=Fraction(0))


def floats(M: fmpq_mat) -> FloatArray:
    """The entries, each rounded once."""
    import numpy as np

    return np.array([int(x.p) / int(x.q) for x in M.entries()]).reshape(M.nrows(), M.ncols())


def loose(case: FlowCase) -> float:
    """What the reduced flow may lose in float64, in the Frobenius norm of ``K(z) G``.

    The singular value decomposition is that of ``Z + E`` with ``|E| <= e |Z|``, e = 8 (n + m) u; rounding Z is within
    it. With ``g_k(s^2) = prod_(l<k) (x - tau_l)`` the left part of term k is a spectral function of ``Z Z^T``. Since
    ``dx/d(s^2) = 1/(s^2 sum_l 1/(x - tau_l))``, its derivative is at most ``g_k(s^2)/s^2 = 1/prod_(l>=k) (x - tau_l)``,
    which falls as s grows; the same number bounds differences against the kernel of Z. So the left part moves by at
    most ``2 |Z|_2 |E|`` times its value at the smallest singular value, and the right part alike. This is to first
    order: a factor 2 covers the rest where ``e |Z| <= s_r/16``. Products and sums of the parts cost at most
    ``2 (n + m) + 8 L^2`` roundings of terms with one sign, the error of the roots (4 L u) included.
    """
    made, (n, m) = case.made, case.shape
    squares = sorted(zip(made.squares, made.roots, strict=True))
    (least, low), (largest, high) = squares[0], squares[-1]
    norm = sqrt(sum(made.squares))
    unit = 2.0**-53
    error = 8 * (n + m) * unit * norm
    if error > sqrt(least) / 16:
        return float("inf")
    moved = terms = 0.0
    taus = made.shifts
    for k in range(len(taus)):
        left, right = (float(_product(high - tau for tau in part)) for part in (taus[:k], taus[k + 1 :]))
        steep_left = 1 / float(_product(low - tau for tau in taus[k:])) if k else 0.0
        steep_right = 1 / float(_product(low - tau for tau in taus[: k + 1])) if k < len(taus) - 1 else 0.0
        moved += steep_left * right + left * steep_right
        terms += left * right
    slope = sqrt(sum(x * x for x in case.G))
    conditioned = 2 * 2 * sqrt(largest) * error * moved * slope
    return conditioned + (2 * (n + m) + 8 * len(taus) ** 2) * unit * terms * slope * sqrt(n * m)


def exact_residual(case: FlowCase) -> Residual:
    """The closed form against the flow of all layers, over Q."""
    found = lifted(case.layers, case.slope)
    return Residual(apart(closed(case), found), nontrivial=any(found.entries()))


def float_residual(case: FlowCase, flow: ReducedFlow | None = None) -> Residual:
    """The reduced flow in float64 against the exact flow of all layers."""
    import numpy as np

    from ..simulations.reduced import reduced_flow

    chosen = reduced_flow(case.made.model, case.made.point) if flow is None else flow
    exact = floats(lifted(case.layers, case.slope))
    z = floats(product(case.layers)).ravel()
    found = chosen.apply(z, np.array([float(x) for x in case.G])).reshape(exact.shape)
    bound = loose(case)
    return Residual(float(np.linalg.norm(found - exact)), bound, nontrivial=bound < float("inf") and bool(exact.any()))


@dataclass(frozen=True, slots=True)
class Spectral:
    """A wrong reduced flow: the formula with other roots or another number of directions.

    Attributes:
        form: of the right flow.
        shape: of Z.
        rank: how many singular values enter.
        factors: ``x - tau_l`` in each direction from the singular values, shapes (r,) and (r, L).
    """

    form: Any
    shape: tuple[int, int]
    rank: int
    factors: Callable[[FloatArray], FloatArray]

    @property
    def dimension(self) -> int:
        return self.shape[0] * self.shape[1]

    def apply(self, z: Any, covector: Any, /) -> Any:
        import numpy as np

        Z, G = z.reshape(self.shape), covector.reshape(self.shape)
        whole = np.linalg.svd(Z, full_matrices=False)
        A, B, f = whole.U[:, : self.rank], whole.Vh[: self.rank], self.factors(whole.S[: self.rank])
        total = np.zeros_like(Z)
        for k in range(f.shape[1]):
            L = (A * f[:, :k].prod(axis=1)) @ A.T if k else np.eye(self.shape[0])
            R = (B.T * f[:, k + 1 :].prod(axis=1)) @ B if k < f.shape[1] - 1 else np.eye(self.shape[1])
            total += L @ G @ R
        return total.ravel()
