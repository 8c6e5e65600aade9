"""Infinitely deep linear networks: random profiles A(s), and what discretization and rounding account for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ._theorem import Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.certificates import Certificate
    from ..oracles.proofs import Matrix, Node
    from ..simulations.fields import FloatArray
    from ..simulations.infinite_depth import Profile

COARSE, FINE = 14, 21
"""Nodes: the error with the coarse grid is at most twice the change to the fine one, whose error is far smaller."""


@dataclass(frozen=True)
class ProfileCase:
    """A profile with ``c(s) = lambda(s) I``, ``lambda = p + q cos(w s)``, and a gradient G.

    Attributes:
        start: S_0, row-major, symmetric.
        angles: of the rotation Q(s), see ``simulations.infinite_depth.relaxed_values``.
        p, q, w: of lambda; w is not 0.
        G: row-major.
        bump: added to A(s) times ``sin(3 s)``, row-major; with it the balance is not relaxed. Empty for none.
    """

    start: tuple[Fraction, ...]
    angles: tuple[tuple[Fraction, Fraction], ...]
    p: Fraction
    q: Fraction
    w: int
    G: tuple[Fraction, ...]
    bump: tuple[Fraction, ...] = ()

    @property
    def width(self) -> int:
        return len(self.angles) + 1

    def array(self, entries: Sequence[Fraction]) -> FloatArray:
        """A matrix in floats."""
        import numpy as np

        return np.array([float(x) for x in entries]).reshape(self.width, self.width)

    def multiple(self, s: Any) -> Any:
        """lambda(s)."""
        import numpy as np

        return float(self.p) + float(self.q) * np.cos(self.w * s)

    def lift(self, s: Any) -> Any:
        """The integral of lambda from 0 to s."""
        import numpy as np

        return float(self.p) * s + float(self.q) * np.sin(self.w * s) / self.w

    def twice(self, s: Any) -> Any:
        """rho(s): the integral of the integral."""
        import numpy as np

        return float(self.p) * s * s / 2 + float(self.q) * (1 - np.cos(self.w * s)) / self.w**2

    def values(self, s: FloatArray) -> FloatArray:
        """``A(s)``, shape (N, n, n)."""
        import numpy as np

        from ..simulations.infinite_depth import relaxed_values

        angles = [(float(a), float(b)) for a, b in self.angles]
        A = relaxed_values(s, self.array(self.start), angles, self.lift)
        return A + np.sin(3 * s)[:, None, None] * self.array(self.bump) if self.bump else A

    @cached_property
    def profiles(self) -> tuple[Profile, Profile]:
        """On the coarse and on the fine grid."""
        from ..simulations.infinite_depth import Grid, Profile

        grids = (Grid(COARSE), Grid(FINE))
        coarse, fine = (Profile(grid, self.values(grid.nodes)) for grid in grids)
        return coarse, fine

    def __repr__(self) -> str:
        from .strategies import shown

        angles = ", ".join(f"{a} s + {b} s^2" for a, b in self.angles)
        bump = f", bump = {shown(self.bump)}" if self.bump else ""
        return (
            f"S(0) = {shown(self.start)}, angles {angles}, lambda = {self.p} + {self.q} cos({self.w} s), "
            f"G = {shown(self.G)}{bump}"
        )


def profile_cases(*, bump: bool = False) -> SearchStrategy[ProfileCase]:
    """Profiles of width 2 and 3 of moderate size: singular values of Z between about 1/8 and 8."""
    from hypothesis import strategies as st

    from .strategies import rationals, vectors

    small = rationals(4, denominator=4)

    @st.composite
    def draw_case(draw: st.DrawFn) -> ProfileCase:
        n = draw(st.integers(2, 3))
        upper = {(i, j): draw(small) / (1 if i == j else 2) for i in range(n) for j in range(i, n)}
        start = tuple(upper[min(i, j), max(i, j)] for i in range(n) for j in range(n))
        angles = tuple((draw(rationals(4, denominator=2, nonzero=True)) / 2, draw(small)) for _ in range(n - 1))
        added = draw(vectors(n * n, size=2, denominator=2, nonzero=True)) if bump else ()
        return ProfileCase(
            start, angles, draw(small), draw(small), draw(st.integers(1, 4)), draw(vectors(n * n, nonzero=True)), added
        )

    return draw_case()


def rounding(profile: Profile, G: FloatArray) -> float:
    """What rounding can do to ``lifted`` and to the closed form, in the Frobenius norm.

    X solves a linear system of side n N: its relative error is at most ``e = 8 n N u`` times the condition number, and
    so is that of ``R = X(1) X^(-1)`` with one more factor for the condition of X. ``lifted`` multiplies two of each.
    The multipliers of the closed form are homogeneous of degree 2 in the singular values, which are wrong by 8 n u
    times the largest one.
    """
    import numpy as np

    n, count = profile.width, profile.grid.count
    unit = 2.0**-53
    system = np.eye(n * count) - np.einsum("ij,jac->iajc", profile.grid.integration, profile.values).reshape(
        n * count, n * count
    )
    states, rest = profile.states, profile.rest
    condition = float(np.linalg.cond(system)) * float(np.linalg.cond(states).max())
    x, r = (float(np.linalg.norm(M, 2, axis=(1, 2)).max()) for M in (states, rest))
    s = np.linalg.svd(profile.end, compute_uv=False)
    slope = float(np.linalg.norm(G))
    lifted = 4 * 8 * n * count * unit * condition * (x * r) ** 2 * slope
    closed = 4 * 8 * n * unit * float(s[0] / s[-1]) * float(s[0]) ** 2 * slope + 2 * lifted
    return lifted + closed


def flow_residual(case: ProfileCase, mean: Callable[[Any, Any], Any] | None = None) -> Residual:
    """The quadrature of the flow of all layers against the closed form in Z.

    Both converge to the same limit, so on the coarse grid they differ by at most both errors: twice the changes to the
    fine grid, and rounding.

    Args:
        case: the profile.
        mean: another mean of ``s_i^2`` and ``s_j^2`` than the logarithmic one, for mutants; of s_i and s_j.
    """
    import numpy as np

    from ..simulations.infinite_depth import logarithmic_mean

    G = case.array(case.G)
    coarse, fine = case.profiles
    lifted = [profile.lifted(G) for profile in (coarse, fine)]
    closed = [in_basis(profile.end, G, mean or logarithmic_mean) for profile in (coarse, fine)]
    off = float(np.linalg.norm(lifted[0] - closed[0]))
    bound = sum(2 * float(np.linalg.norm(a - b)) for a, b in (lifted, closed)) + rounding(coarse, G)
    return Residual(off, bound, nontrivial=bool(np.linalg.norm(lifted[0]) > 1e3 * bound))


def in_basis(Z: FloatArray, G: FloatArray, mean: Callable[[Any, Any], Any]) -> FloatArray:
    """``A (mean(s_i, s_j) o A^T G B) B^T``."""
    import numpy as np

    A, s, B = np.linalg.svd(Z)
    return np.asarray(A @ (mean(s[:, None], s[None, :]) * (A.T @ G @ B.T)) @ B)


def gram_residual(case: ProfileCase, *, lifted: bool = True) -> Residual:
    """``X(s)^T X(s) = exp(s S_0 + rho(s) I)`` at all nodes and at s = 1.

    Bound: twice the change to the fine grid at s = 1, which collocation reaches with order 2N and the nodes with order
    N; so that it is taken of the coarse grid against the solution through the fine one, by interpolation; rounding as
    in ``rounding``.

    Args:
        case: the profile.
        lifted: with rho; a mutant leaves it out.
    """
    import numpy as np

    coarse, fine = case.profiles
    start = case.array(case.start)
    w, V = np.linalg.eigh(start)

    def exponential(s: float) -> FloatArray:
        rho = float(case.twice(s)) if lifted else 0.0
        return np.asarray((V * np.exp(s * w + rho)) @ V.T)

    onto = interpolation(fine, coarse.grid.nodes)
    states = np.concatenate([coarse.states, coarse.end[None]])
    better = np.concatenate([np.einsum("ij,jab->iab", onto, fine.states), fine.end[None]])
    grams, finer = (M.swapaxes(1, 2) @ M for M in (states, better))
    expected = np.array([exponential(float(s)) for s in (*coarse.grid.nodes, 1.0)])
    off = float(np.linalg.norm(grams - expected, axis=(1, 2)).max())
    changed = float(np.linalg.norm(grams - finer, axis=(1, 2)).max())
    return Residual(off, 2 * changed + rounding(coarse, np.eye(case.width)))


def interpolation(profile: Profile, s: FloatArray) -> FloatArray:
    """The matrix that takes values at the nodes of a profile to values of their polynomial at s."""
    import numpy as np
    from numpy.polynomial.legendre import legvander

    grid = profile.grid
    degrees = 2 * np.arange(grid.count) + 1
    at_nodes = legvander(2 * grid.nodes - 1, grid.count - 1) * grid.weights[:, None]
    return np.asarray((legvander(2 * s - 1, grid.count - 1) * degrees) @ at_nodes.T)


# Identities between free matrices


def gradient_identity() -> Certificate:
    """``(R^T G X^T)' = -A^T Gamma + Gamma A^T`` along ``X' = A X`` and ``R' = -R A``: 3 x 3, free entries."""
    from ..oracles.proofs import identity

    R, G, X, A = _free(4)
    gamma = R.T @ G @ X.T
    # the product rule: R' and X' in place of one factor each
    slope = (R @ A).scaled(-1).T @ G @ X.T + R.T @ G @ (A @ X).T
    return identity(36, slope.equals(gamma @ A.T - A.T @ gamma))


def conservation_identity(sign: int = 1) -> Certificate:
    """``d/dt c = 0`` for ``A' = -Gamma`` in time and ``Gamma' = -A^T Gamma + Gamma A^T`` in depth: 3 x 3, free entries.

    Args:
        sign: of ``A^T A - A A^T``; -1 is a mutant.
    """
    from ..oracles.proofs import Matrix, identity

    A, gamma = _free(2)
    depth = gamma @ A.T - A.T @ gamma
    moved = gamma.scaled(-1)
    change = (depth + depth.T).scaled(-1)
    rest = moved.T @ A + A.T @ moved - moved @ A.T - A @ moved.T
    return identity(18, (change + rest.scaled(sign)).equals(Matrix.zeros(3, 3)))


def relaxed_identity() -> Certificate:
    """``A^T A - A A^T = -[K, S]/2`` for ``S = A + A^T`` and ``K = A - A^T``: 3 x 3, free entries."""
    from ..oracles.proofs import identity

    (A,) = _free(1)
    S, K = A + A.T, A - A.T
    return identity(9, (A.T @ A - A @ A.T).equals((S @ K - K @ S).scaled(Fraction(1, 2))))


def turned_identity() -> Certificate:
    """With ``Q' = K Q/2``, K skew, ``S = Q D Q^T`` and ``D' = lambda I``: ``S' = [K, S]/2 + lambda Q Q^T``."""
    from ..oracles.proofs import Matrix, identity, multiply, symbol

    Q, D = _free(2)
    a, b, c, factor = (symbol(18 + k) for k in range(4))
    minus = [multiply(-1, x) for x in (a, b, c)]
    K = Matrix(((0, a, b), (minus[0], 0, c), (minus[1], minus[2], 0)))
    half = K.scaled(Fraction(1, 2))
    S = Q @ D @ Q.T
    slope = (half @ Q) @ D @ Q.T + Q @ D @ (half @ Q).T + (Q @ Q.T).scaled(factor)
    return identity(22, slope.equals((K @ S - S @ K).scaled(Fraction(1, 2)) + (Q @ Q.T).scaled(factor)))


def correction_identity() -> Certificate:
    """``x_i - x_j`` to second order in h, times ``1 - h (alpha + beta)/2``, is ``h (alpha - beta)`` but for ``h^3``."""
    from ..oracles.proofs import add, identity, multiply, power, subtract, symbol

    h, alpha, beta, first, second = (symbol(k) for k in range(5))
    half = Fraction(1, 2)

    def root(log: Node) -> Node:
        xi = multiply(h, add(log, first))
        return add(1, xi, multiply(power(h, 2), add(multiply(half, power(log, 2)), second)))

    total = multiply(half, h, add(alpha, beta))
    left = multiply(subtract(root(alpha), root(beta)), subtract(1, total))
    right = multiply(h, subtract(alpha, beta), subtract(1, power(total, 2)))
    return identity(5, [(left, right)])


def _free(count: int) -> list[Matrix]:
    from ..oracles.proofs import Matrix

    return [Matrix.symbols(3, 3, 9 * k) for k in range(count)]
