"""Exact local geometry of small models, by a second way: kernels of dphi and dh, the metric and its derivative.

Everything is dense, over Q, from the polynomials written out and their Hessians: independent of ``oracles.intrinsic``,
which differentiates products of matrices and paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from ._theorem import Table

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.models import Model
    from ..oracles.polynomials import Polynomial

F = Fraction
Rational = int | Fraction
Rows = Sequence[Sequence[Rational]]
Exact = list[list[Fraction]]


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), F(0))


def rank(rows: Rows) -> int:
    """The exact rank; 0 for no rows."""
    from flint import fmpq, fmpq_mat

    if not rows:
        return 0
    entries = [fmpq(F(x).numerator, F(x).denominator) for row in rows for x in row]
    return int(fmpq_mat(len(rows), len(rows[0]), entries).rank())


def product(A: Rows, B: Rows) -> Exact:
    """``A B``."""
    columns = list(zip(*B, strict=True))
    return [[_dot(row, column) for column in columns] for row in A]


def transposed(A: Rows) -> Exact:
    return [[F(x) for x in column] for column in zip(*A, strict=True)]


def rotation(t: Rational) -> Exact:
    """The rotation of the plane by twice the arc tangent of t."""
    square = F(t) ** 2
    c, s = (1 - square) / (1 + square), 2 * F(t) / (1 + square)
    return [[c, -s], [s, c]]


def flat(*matrices: Rows) -> tuple[Fraction, ...]:
    """Row-major, one matrix after the other."""
    return tuple(F(x) for matrix in matrices for row in matrix for x in row)


def two_layer(U: Rows, V: Rows) -> Place:
    """``phi = U V^T`` at U (n x r) and V (m x r)."""
    return Place(f"linear:{len(U)}-{len(U[0])}-{len(V)}", flat(U, transposed(V)))


@dataclass(frozen=True, slots=True)
class Place:
    """A model and an exact point of it."""

    spec: str
    point: tuple[Fraction, ...]

    def __repr__(self) -> str:
        return f"{self.spec} at ({', '.join(map(str, self.point))})"

    def model(self) -> Model:
        return _model(self.spec)

    def look(self) -> Geometry:
        """The geometry there; kept for the last few places."""
        return _look(self)


class Geometry:
    """phi, its laws and their derivatives at a point.

    Args:
        model: with coordinates that can be written out.
        point: exact.
        laws: polynomials; the known laws of the model if none are given.
    """

    def __init__(self, model: Model, point: Sequence[Rational], laws: Sequence[Polynomial] | None = None) -> None:
        from ..oracles.models import known_laws

        self.parameters = model.parameters
        self.point = tuple(F(x) for x in point)
        self.phi = model.coordinates()
        self.laws = [p for f in known_laws(model) for p in f.polynomials()] if laws is None else list(laws)

    @cached_property
    def jacobian(self) -> Exact:
        """``dphi``, d x D."""
        return [self._gradient(p) for p in self.phi]

    @cached_property
    def law_gradients(self) -> Exact:
        """``dh``, one row for each law."""
        return [self._gradient(p) for p in self.laws]

    @cached_property
    def kernel(self) -> Exact:
        """A basis of ``K_1 = ker dphi cap ker dh``."""
        return kernel([*self.jacobian, *self.law_gradients])

    @cached_property
    def metric(self) -> Exact:
        """``M = dphi dphi^T``, d x d."""
        return [[_dot(a, b) for b in self.jacobian] for a in self.jacobian]

    @property
    def values(self) -> tuple[Fraction, ...]:
        """phi."""
        return tuple(F(p.evaluate(self.point)) for p in self.phi)

    @property
    def law_values(self) -> tuple[Fraction, ...]:
        return tuple(F(p.evaluate(self.point)) for p in self.laws)

    @cached_property
    def _hessians(self) -> list[dict[tuple[int, int], Fraction]]:
        return [
            {
                (a, b): F(second.evaluate(self.point))
                for a, first in p.gradient().items()
                for b, second in first.gradient().items()
            }
            for p in self.phi
        ]

    def turned(self, i: int, direction: Sequence[Rational]) -> list[Fraction]:
        """The Hessian of ``phi_i`` times a direction: how ``grad phi_i`` changes along it."""
        out = [F(0)] * self.parameters
        for (a, b), value in self._hessians[i].items():
            out[a] += value * direction[b]
        return out

    def metric_change(self, direction: Sequence[Rational]) -> Exact:
        """``dM`` along a direction, d x d."""
        turned = [self.turned(i, direction) for i in range(len(self.phi))]
        half = [[_dot(a, b) for b in self.jacobian] for a in turned]
        return [[half[i][j] + half[j][i] for j in range(len(half))] for i in range(len(half))]

    def violation(self, basis: Iterable[Sequence[Rational]] | None = None) -> Violation | None:
        """The first direction of K_1 (or of ``basis``) along which M changes, with the first entry that changes."""
        for vector in self.kernel if basis is None else basis:
            for i, row in enumerate(self.metric_change(vector)):
                for j, value in enumerate(row):
                    if value:
                        return Violation(tuple(F(x) for x in vector), (i, j), value)
        return None

    def bracket(self, i: int, j: int) -> list[Fraction]:
        """``[X, Y] = DX Y - DY X`` there, for ``X = grad phi_i`` and ``Y = grad phi_j``."""
        first, second = self.turned(i, self.jacobian[j]), self.turned(j, self.jacobian[i])
        return [a - b for a, b in zip(first, second, strict=True)]

    def brackets(self) -> Exact:
        """All first brackets."""
        d = len(self.phi)
        return [self.bracket(i, j) for i in range(d) for j in range(i)]

    def _gradient(self, polynomial: Polynomial) -> list[Fraction]:
        row = [F(0)] * self.parameters
        for variable, part in polynomial.gradient().items():
            row[variable] = F(part.evaluate(self.point))
        return row


@dataclass(frozen=True, slots=True)
class Violation:
    """A direction of K_1, an entry (i, j) of M, and its derivative along the direction, not zero."""

    vector: tuple[Fraction, ...]
    entry: tuple[int, int]
    derivative: Fraction


def kernel(rows: Rows) -> Exact:
    """A basis of the kernel of a matrix with at least one row."""
    from ..oracles.proofs import kernel_vectors

    return [[F(x) for x in vector] for vector in kernel_vectors(rows)]


# Known places.

RELAXED = two_layer(
    [[F(19, 17), F(259, 1020)], [F(-7, 68), F(101, 85)]], [[F(105, 221), F(5, 68)], [F(163, 884), F(35, 51)]]
)
"""(n, m, r) = (2, 2, 2) with Delta = I."""

STRETCHED = ([[F(2), F(0)], [F(0), F(1)]], [[F(1, 2), F(0)], [F(0), F(1)]])
"""U and V with U V^T = I and Delta = diag(15/4, 0): not relaxed balanced."""

TURN = rotation(F(1, 2))
"""[[3/5, -4/5], [4/5, 3/5]]."""

GENERIC = two_layer(*STRETCHED)
TURNED = two_layer(product(TURN, STRETCHED[0]), product(TURN, STRETCHED[1]))
"""``(O U, O V)``: the same Z = I and the same Delta as ``GENERIC``, another metric."""

SLOPED = two_layer([[F(10, 3), F(4, 3), F(0)]], [[F(8, 3), F(5, 3), F(0)], [F(0), F(0), F(1)]])
"""(1, 2, 3) with Delta = diag(4, -1, -1): not relaxed balanced, and intrinsic."""

ESCAPED = two_layer([[F(3, 4), F(0)]], [[F(5, 4), F(0)], [F(0), F(1)], [F(0), F(0)]])
ESCAPED_TOO = two_layer([[F(3, 4), F(0)]], [[F(5, 4), F(0)], [F(0), F(0)], [F(0), F(1)]])
"""(1, 3, 2) with Delta = -I and the same Z, another metric: relaxed balanced, not intrinsic."""

NEURON = Place("relu:2-1-1", (F(1), F(2), F(3)))
"""phi = (u v_1, u v_2); the parameters are v_1, v_2, u."""

FILTERS = Place("conv:2-2", (F(2), F(2), F(-1), F(1)))
SWAPPED = Place("conv:2-2", (F(-2), F(2), F(1), F(1)))
"""The filter 2 (x^2 - 1) as 2 (x + 1) times x - 1, and with the roots swapped: the same norms, another metric."""
COMMON_ROOT = Place("conv:2-2", (F(1), F(1), F(1), F(1)))
"""Two filters with a common root: the rank of dphi drops, and brackets at this very point stay in W."""


def entries(size: int = 4, denominator: int = 3) -> SearchStrategy[Fraction]:
    """Small fractions, none zero."""
    from .strategies import rationals

    return rationals(size, denominator=denominator, nonzero=True)


@dataclass(frozen=True, slots=True)
class Conformal:
    """``(U, V)`` with ``U V^T = a I + b J``, and a rotation that leaves this Z alone.

    ``(O U, O V)`` has the same Z, for Z commutes with all rotations, and the same Delta, for O is orthogonal. It is on
    the same orbit: diag(A, A) with A skew belongs to the Lie algebra of the two-layer network.
    """

    U: tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]
    a: Fraction
    b: Fraction
    t: Fraction

    @property
    def V(self) -> Exact:  # noqa: N802  # the usual name
        """``(U^-1 (a I + b J))^T``."""
        (p, q), (r, s) = self.U
        determinant = p * s - q * r
        inverse = [[s / determinant, -q / determinant], [-r / determinant, p / determinant]]
        return transposed(product(inverse, [[self.a, -self.b], [self.b, self.a]]))

    def pair(self) -> tuple[Place, Place]:
        """Both points."""
        turn = rotation(self.t)
        return two_layer(self.U, self.V), two_layer(product(turn, self.U), product(turn, self.V))

    @property
    def relaxed(self) -> bool:
        """Whether Delta is a multiple of the identity."""
        first, second = (product(transposed(A), A) for A in (self.U, self.V))
        return first[0][1] == second[0][1] and first[0][0] - second[0][0] == first[1][1] - second[1][1]


def conformal(relaxed: bool | None = None) -> SearchStrategy[Conformal]:
    """Pairs; relaxed balanced ones have ``U = c O`` with a rotation O. None mixes."""
    from hypothesis import strategies as st

    def build(c: Fraction, s: Fraction, u: Sequence[Fraction], a: Fraction, b: Fraction, t: Fraction) -> Conformal:
        (p, q), (r, w) = [[c * x for x in row] for row in rotation(s)] if relaxed else (u[:2], u[2:])
        return Conformal(((p, q), (r, w)), a, b, t)

    if relaxed is None:
        return st.one_of(conformal(False), conformal(True))
    drawn = st.builds(build, entries(), entries(), st.lists(entries(), min_size=4, max_size=4), *[entries()] * 3)
    return drawn.filter(lambda case: case.U[0][0] * case.U[1][1] != case.U[0][1] * case.U[1][0] and abs(case.t) != 1)


def kernels_table(places: Sequence[Place], title: str = "The kernels") -> Table:
    """For each place: dim ker dphi, dim ker dh, dim K_1, and whether M changes along K_1."""
    rows: list[list[str | int | float]] = []
    for place in places:
        seen = place.look()
        D = seen.parameters
        on_kernel = "-" if not seen.kernel else "changes" if seen.violation() else "0"
        rows.append(
            [
                place.spec,
                ", ".join(map(str, place.point)) if D <= 8 else f"({D} numbers)",
                D,
                D - rank(seen.jacobian),
                D - rank(seen.law_gradients),
                len(seen.kernel),
                on_kernel,
            ]
        )
    columns = ("model", "point", "D", "dim ker dφ", "dim ker dh", "dim K₁", "dM on K₁")
    return Table(title, columns, rows)


class FloatJacobian:
    """The stacked Jacobian of some polynomials in float64: shape (..., polynomials, D) at points of shape (..., D)."""

    def __init__(self, polynomials: Sequence[Polynomial], parameters: int) -> None:
        from ..oracles.polynomials import Polynomial
        from ..simulations import CompiledPolynomials

        parts = [
            gradient.get(k, Polynomial()) for gradient in (p.gradient() for p in polynomials) for k in range(parameters)
        ]
        self._entries = CompiledPolynomials(parts, parameters)
        self._shape = (len(polynomials), parameters)

    def __call__(self, points: Any) -> Any:
        values = self._entries.values(points)
        return values.reshape(*values.shape[:-1], *self._shape)


@lru_cache(maxsize=64)
def _model(spec: str) -> Model:
    from ..oracles.models import parse_model

    return parse_model(spec)


@lru_cache(maxsize=16)
def _look(place: Place) -> Geometry:
    return Geometry(place.model(), place.point)
