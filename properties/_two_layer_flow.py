"""Two-layer linear networks at exact weights: random cases of every spectrum, the kernel criterion, certificates, K."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Literal

from ..oracles.intrinsic import classify
from ..oracles.intrinsic.linear.classification import boosted
from ..oracles.intrinsic.linear.matrices import Matrix, added, product, rank, scaled, transposed
from ..oracles.models import DeepLinear
from ..simulations.objective import Loss
from ._theorem import Mutant, Property, Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.certificates import Certificate
    from ..oracles.intrinsic import Classification
    from ..oracles.polynomials import Polynomial, Rational
    from ..oracles.proofs import Node
    from ..simulations.reduced import Comparison
    from ..simulations.reduced.two_layer import TwoLayerFlow

F = Fraction
Rows = tuple[tuple[Fraction, ...], ...]
Kind = Literal["equal", "distinct", "one off"]
Sizes = tuple[int, int, int]


@dataclass(frozen=True, slots=True, repr=False)
class Start:
    """Exact weights: U is n x r, V is m x r."""

    U: Rows
    V: Rows

    def __repr__(self) -> str:
        from .strategies import shown

        parts = (f"{name} = [{' '.join(map(shown, rows))}]" for name, rows in (("U", self.U), ("V", self.V)))
        return f"(n, m, r) = {self.sizes}, {', '.join(parts)}"

    @property
    def sizes(self) -> Sizes:
        """(n, m, r)."""
        return len(self.U), len(self.V), len(self.U[0])

    @property
    def model(self) -> DeepLinear:
        n, m, r = self.sizes
        return DeepLinear((n, r, m))

    @property
    def point(self) -> tuple[Fraction, ...]:
        """The parameters of ``model``: U, then V^T, row by row."""
        return flat(self.U, self.V)

    @property
    def Z(self) -> Matrix:  # noqa: N802 (the usual name)
        return product(self.U, transposed(self.V))

    @property
    def left(self) -> Matrix:
        """``U U^T``."""
        return product(self.U, transposed(self.U))

    @property
    def right(self) -> Matrix:
        """``V V^T``."""
        return product(self.V, transposed(self.V))

    @property
    def delta(self) -> Matrix:
        """``U^T U - V^T V``."""
        return added(product(transposed(self.U), self.U), scaled(product(transposed(self.V), self.V), -1))

    def classified(self) -> Classification:
        """What the classification says."""
        return classify(*self.sizes, self.U, self.V)


def rows(matrix: Sequence[Sequence[Rational]]) -> Rows:
    """A matrix that cannot change."""
    return tuple(tuple(Fraction(x) for x in row) for row in matrix)


def flat(U: Sequence[Sequence[Rational]], V: Sequence[Sequence[Rational]]) -> tuple[Fraction, ...]:
    """A direction or a point in the order of the parameters of ``linear:n-r-m``."""
    return tuple(Fraction(x) for row in (*U, *transposed(V)) for x in row)


EXAMPLE = Start(
    ((F(19, 17), F(259, 1020)), (F(-7, 68), F(101, 85))), ((F(105, 221), F(5, 68)), (F(163, 884), F(35, 51)))
)
"""(2, 2, 2) with Delta = I."""
TRAP = Start(((F(5, 4),), (F(0),)), ((F(3, 4),), (F(0),)))
"""(2, 2, 1) with lambda = 1: U U^T = diag(25/16, 0), not diag(25/16, 1)."""
TWINS = (
    Start(((F(3, 4), F(0)),), ((F(5, 4), F(0)), (F(0), F(1)), (F(0), F(0)))),
    Start(((F(3, 4), F(0)),), ((F(5, 4), F(0)), (F(0), F(0)), (F(0), F(1)))),
)
"""(1, 3, 2) with Delta = -I: the same Z, and another V V^T."""
UNBALANCED = Start(((F(10, 3), F(4, 3), F(0)),), ((F(8, 3), F(5, 3), F(0)), (F(0), F(0), F(1))))
"""(1, 2, 3) with Delta = diag(4, -1, -1)."""
SPIRAL = (
    Start(((F(2), F(0)), (F(0), F(1))), ((F(1), F(0)), (F(0), F(2)))),
    Start(((F(6, 5), F(-4, 5)), (F(8, 5), F(3, 5))), ((F(3, 5), F(-8, 5)), (F(4, 5), F(6, 5)))),
)
"""(2, 2, 2) with Z = 2 I and Delta = diag(3, -3): one rotation on the left of both factors keeps Z and Delta."""


# Random cases.


def moved(U: Sequence[Sequence[Rational]], V: Sequence[Sequence[Rational]], seed: int) -> Start:
    """``g P R`` with g in SO_0(n, m) and two reflections R: ranks of P and the spectrum of Delta stay, exactly."""
    r, random = len(U[0]), Random(seed)
    left, right = boosted([*U, *V], len(U), seed)
    for _ in range(2):
        v = [random.randint(-2, 2) for _ in range(r)]
        size = sum(x * x for x in v) or 1
        R = [[Fraction(i == j) - Fraction(2 * v[i] * v[j], size) for j in range(r)] for i in range(r)]
        left, right = ([[Fraction(x) for x in row] for row in product(part, R)] for part in (left, right))
    return Start(rows(left), rows(right))


def inertias(n: int, m: int, rho: int) -> list[tuple[int, int, int]]:
    """The numbers of positive, negative and zero eigenvalues that Delta_0 of rank rho can have."""
    return [
        (rho - q - z, q, z)
        for z in range(rho + 1)
        for q in range(rho - z + 1)
        if rho - q <= n and q + z <= m and z <= min(n, m)
    ]


def structured(sizes: Sizes, inertia: tuple[int, int, int], kind: Kind, seed: int) -> Start:
    """A point whose Delta_0 has this inertia, with eigenvalues of one sign equal, distinct, or equal but for one."""
    n, m, r = sizes
    p, q, z = inertia
    P = [[Fraction(0)] * r for _ in range(n + m)]
    for place, count, size, row in ((0, p, Fraction(2), 0), (p, q, Fraction(3, 2), n)):
        for i in range(count):
            step = i if kind == "distinct" else int(kind == "one off" and i == count - 1)
            P[row + i][place + i] = size + Fraction(step, 2)
    for k in range(z):
        P[p + k][p + q + k] = P[n + q + k][p + q + k] = Fraction(1)
    return moved(P[:n], P[n:], seed)


def sizes_up_to(bound: int, widest: int) -> SearchStrategy[Sizes]:
    """(n, m, r)."""
    from hypothesis import strategies as st

    return st.tuples(st.integers(1, bound), st.integers(1, bound), st.integers(1, widest))


def starts(bound: int = 3, widest: int = 6, *, deficient: bool = True) -> SearchStrategy[Start]:
    """Points of every inertia, width and rank, with all kinds of multiplicities."""
    from hypothesis import strategies as st

    @st.composite
    def draw_start(draw: st.DrawFn) -> Start:
        n, m, r = draw(sizes_up_to(bound, widest))
        full = min(r, n + m)
        rho = full - draw(st.integers(0, min(1, full - 1))) if deficient else full
        kinds: tuple[Kind, ...] = ("equal", "distinct", "one off")
        inertia = draw(st.sampled_from(inertias(n, m, rho)))
        return structured((n, m, r), inertia, draw(st.sampled_from(kinds)), draw(st.integers(0, 999)))

    return draw_start()


def relaxed_start(sizes: Sizes, value: Fraction, ts: Sequence[Fraction], seed: int) -> Start:
    """Delta = lambda I_r, from hyperbola points ``c^2 - s^2 = lambda`` in min(n, m) directions of both factors.

    Where r is larger, the remaining columns lie in one factor, and |lambda| has to be a square.
    """
    n, m, r = sizes
    low = min(n, m, r)
    U, V = ([[Fraction(0)] * r for _ in range(k)] for k in (n, m))
    for i in range(low):
        t = ts[i % len(ts)]
        U[i][i], V[i][i] = (t + value / t) / 2, (t - value / t) / 2
    if r > low:
        root = next(x for x in (F(1, 2), F(1), F(3, 2), F(2)) if x * x == abs(value))
        for i in range(low, r):
            (U if value > 0 else V)[i][i] = root
    return moved(U, V, seed)


def relaxed(bound: int = 3, *, case_four: bool = False) -> SearchStrategy[Start]:
    """Relaxed balanced points with r <= min(n, m) or r = max(n, m); or with r between both, where K does not exist."""
    from hypothesis import strategies as st

    from .strategies import rationals

    @st.composite
    def draw_start(draw: st.DrawFn) -> Start:
        low, high = sorted(draw(st.tuples(st.integers(1, bound), st.integers(1, bound))))
        if case_four:
            low = min(low, bound - 2)
            high = low + draw(st.integers(2, bound - low))
            r = draw(st.integers(low + 1, high - 1))
        else:
            r = draw(st.sampled_from([*range(1, low + 1), high]))
        turned = draw(st.booleans())
        n, m = (low, high) if turned else (high, low)
        if r > low:
            value = draw(st.sampled_from([F(1, 4), F(1), F(9, 4)])) * (-1 if turned else 1)
        else:
            value = draw(rationals(6, denominator=3))
        ts = draw(st.lists(rationals(6, denominator=3, nonzero=True), min_size=1, max_size=3))
        start = relaxed_start((n, m, r), value, ts, draw(st.integers(0, 999)))
        return start

    return draw_start().filter(full_ranks)


def full_ranks(start: Start) -> bool:
    """Whether U, V and P have the largest ranks."""
    n, m, r = start.sizes
    return (rank(start.U), rank(start.V), rank([*start.U, *start.V])) == (min(n, r), min(m, r), min(r, n + m))


# The kernel criterion, from its definition.


@dataclass(frozen=True, slots=True)
class Criterion:
    """``ker dphi cap ker dDelta`` at a point: its basis as pairs (dU, dV), and the largest change of an entry of M."""

    basis: tuple[tuple[Matrix, Matrix], ...]
    change: Fraction

    @property
    def holds(self) -> bool:
        """Whether dM vanishes on the kernel."""
        return not self.change


def criterion(start: Start) -> Criterion:
    """Exact linear algebra over Q."""
    from ..oracles.proofs import kernel_vectors

    n, _, r = start.sizes
    vectors = kernel_vectors(jacobian(start))
    basis = tuple(_pair(v, n, r) for v in vectors)
    changes = (abs(c) for direction in basis for _, c in metric_changes(start, direction))
    return Criterion(basis, max(changes, default=Fraction(0)))


def jacobian(start: Start) -> list[list[Rational]]:
    """The gradients of all entries of U V^T and of Delta, in the coordinates (U, V) row by row."""
    n, m, r = start.sizes
    size = (n + m) * r
    found: list[list[Rational]] = []
    for i in range(n):
        for j in range(m):
            row: list[Rational] = [0] * size
            row[i * r : (i + 1) * r] = start.V[j]
            row[(n + j) * r : (n + j + 1) * r] = start.U[i]
            found.append(row)
    for a in range(r):
        for b in range(a, r):
            row = [0] * size
            for k, line in enumerate((*start.U, *start.V)):
                sign = 1 if k < n else -1
                row[k * r + a] += sign * line[b]
                row[k * r + b] += sign * line[a]
            found.append(row)
    return found


def metric_changes(start: Start, direction: tuple[Matrix, Matrix]) -> Iterable[tuple[tuple[int, int], Fraction]]:
    """The entries of dM that are not zero, by pairs of coordinates.

    ``M_(ij)(kl)`` is ``(U U^T)_ik`` where j = l, plus ``(V V^T)_jl`` where i = k.
    """
    n, m, _ = start.sizes
    left, right = (_twice(product(a, transposed(b))) for a, b in zip((start.U, start.V), direction, strict=True))
    for one in range(n * m):
        for two in range(one, n * m):
            (i, j), (k, l) = divmod(one, m), divmod(two, m)  # noqa: E741 (the usual indices)
            value = Fraction((left[i][k] if j == l else 0) + (right[j][l] if i == k else 0))
            if value:
                yield (one, two), value


def _twice(matrix: Matrix) -> Matrix:
    """``A + A^T``."""
    return added(matrix, transposed(matrix))


def _pair(vector: Sequence[Rational], n: int, r: int) -> tuple[Matrix, Matrix]:
    lines = [list(vector[k : k + r]) for k in range(0, len(vector), r)]
    return lines[:n], lines[n:]


# Certificates.


def commuting_rotations(start: Start) -> list[dict[tuple[int, int], Rational]]:
    """Skew R with ``[Delta, R] = 0``, as many as give independent directions P R: entries above the diagonal."""
    from ..oracles.proofs import kernel_vectors

    r, D = start.sizes[2], start.delta
    pairs = [(i, j) for i in range(r) for j in range(i + 1, r)]
    if not pairs:
        return []
    columns = [_commutator(D, i, j) for i, j in pairs]
    chosen: list[dict[tuple[int, int], Rational]] = []
    directions: list[list[Rational]] = []
    for vector in kernel_vectors([list(row) for row in zip(*columns, strict=True)]):
        entries = {pair: value for pair, value in zip(pairs, vector, strict=True) if value}
        R = [[entries.get((i, j), 0) - entries.get((j, i), 0) for j in range(r)] for i in range(r)]
        turned = [x for row in product((*start.U, *start.V), R) for x in row]
        if rank([*directions, turned]) > len(directions):
            directions.append(turned)
            chosen.append(entries)
    return chosen


def _commutator(D: Matrix, i: int, j: int) -> list[Rational]:
    """``D E - E D`` for ``E = e_i e_j^T - e_j e_i^T``, all entries."""
    r = len(D)
    found = [[Fraction(0)] * r for _ in range(r)]
    for k in range(r):
        found[k][j] += D[k][i]
        found[k][i] -= D[k][j]
        found[i][k] -= D[j][k]
        found[j][k] += D[i][k]
    return [x for row in found for x in row]


def inclusion_at(start: Start) -> Certificate:
    """The claim that the rotations which keep Delta are all of the kernel.

    At P of full rank it is accepted iff the kernel criterion holds.
    """
    from ..oracles.proofs import inclusion

    return inclusion(
        start.model, None, start.point, [], rotations=[(1, entries) for entries in commuting_rotations(start)]
    )


def violation_at(start: Start) -> Certificate:
    """The claim that some direction of the kernel changes M."""
    from ..oracles.proofs import violation

    for direction in criterion(start).basis:
        for pair, value in metric_changes(start, direction):
            return violation(start.model, None, start.point, flat(*direction), pair, value)
    raise ValueError("the kernel criterion holds here: nothing is violated")


def fibre(pair: tuple[Start, Start], coordinates: tuple[int, int]) -> Certificate:
    """The claim that two points have the same Z and the same Delta, and different entries of M."""
    from ..oracles.proofs import two_points

    one, two = pair
    values = (metric_entry(one, *coordinates), metric_entry(two, *coordinates))
    return two_points(one.model, None, (one.point, two.point), coordinates, values)


def metric_entry(start: Start, one: int, two: int) -> Rational:
    """``M_ab`` with coordinates numbered row-major in Z."""
    m = start.sizes[1]
    (i, j), (k, l) = divmod(one, m), divmod(two, m)  # noqa: E741 (the usual indices)
    return (start.left[i][k] if j == l else 0) + (start.right[j][l] if i == k else 0)


# The closed form in floats.


def flow_of(start: Start) -> TwoLayerFlow:
    """The reduced flow from a point.

    Raises:
        NotClaimed: there is none.
    """
    from ..simulations.reduced.two_layer import reduced_flow

    flow = reduced_flow(start.model, start.point)
    assert flow is not None
    return flow


def metric_residual(start: Start, flow: TwoLayerFlow) -> Residual:
    """How far (U U^T, V V^T) is from what ``flow`` makes of Z alone, in float64.

    Bound. Both matrices are diagonal blocks of f(H), H = (0, Z; Z^T, 0), for functions f of the singular values with
    ``|f(x) - f(y)| <= L |x - y|``; such functions satisfy ``|f(H + E) - f(H)|_F <= L |E|_F`` for symmetric H, E. L = 1
    (the derivative of ``sqrt(q + 4 x^2)/2`` is at most 1), but where the formula jumps to 0 at the zero singular values
    it is the largest value over the smallest one kept, with a factor 2 for values that E moves. E is the rounding of Z
    and the backward error of the decomposition, ``32 (n + m) u |Z|``, twice in H. The product ``A f A^T`` and the
    values round ``n + m + 8`` times, relative to ``(n + m) max f``.
    """
    import numpy as np

    unit = 2.0**-53
    n, m, _ = start.sizes
    Z = np.array([[float(x) for x in row] for row in start.Z])
    left, right = flow.metric(Z)
    exact = [np.array([[float(x) for x in row] for row in S]) for S in (start.left, start.right)]
    sizes = np.linalg.svd(Z, compute_uv=False)
    top = float(max(np.abs(exact[0]).max(), np.abs(exact[1]).max(), abs(left).max(), abs(right).max()))
    kept = min(flow.left, flow.right, len(sizes))
    lipschitz = 1.0
    if (flow.left, flow.right) != (n, m):
        lipschitz = max(1.0, 2 * (n + m) * top / float(sizes[kept - 1]))
    moved_by = 2 * 33 * (n + m) * unit * float(np.linalg.norm(Z))
    bound = lipschitz * moved_by + (n + m + 9) * (n + m) ** 2 * unit * top
    off = max(float(np.linalg.norm(left - exact[0])), float(np.linalg.norm(right - exact[1])))
    return Residual(off, bound, nontrivial=bool(Z.any()), note=flow.form.name)


@dataclass(frozen=True, slots=True)
class Run:
    """A point and a loss of Z."""

    start: Start
    loss: Loss


EXAMPLE_RUN = Run(EXAMPLE, Loss.squared((1, 0, 1, -1)))


def runs(points: SearchStrategy[Start]) -> SearchStrategy[Run]:
    """Points with random quadratic or linear losses."""
    from hypothesis import strategies as st

    from .strategies import losses

    @st.composite
    def draw_run(draw: st.DrawFn) -> Run:
        start = draw(points)
        return Run(start, draw(losses(start.model)))

    return draw_run()


def compared(run: Run, flow: TwoLayerFlow, *, time: float, steps: int = 8, halvings: int = 2) -> Comparison:
    """Both flows."""
    from ..simulations.reduced import compare

    return compare(run.start.model, run.start.point, flow, run.loss, time=time, steps=steps, halvings=halvings)


def natural_time(run: Run, flow: TwoLayerFlow) -> float:
    """A third of the inverse of the rates at which things change by their own size, added up.

    The parameters change at ``|grad f| + |hess f| |theta|^2``. K changes over distances of the smallest singular value
    kept where it jumps beyond the image of Z, of ``max(sqrt(q)/2, smallest)`` elsewhere; Z moves at ``|K grad f|``.
    """
    import numpy as np

    from ..simulations.reduced import covector

    n, m, _ = run.start.sizes
    z = np.array([float(x) for row in run.start.Z for x in row])
    g = covector(run.loss)(z)
    size = sum(float(x) ** 2 for x in run.start.point)
    stiff = max((abs(float(a)) for _, _, a in run.loss.curvature), default=0.0)
    kept = min(flow.left, flow.right)
    smallest = float(np.linalg.svd(z.reshape(n, m), compute_uv=False)[min(kept, n, m) - 1])
    scale = smallest if (flow.left, flow.right) != (n, m) else max(smallest, flow.square**0.5 / 2)
    speed = float(np.linalg.norm(flow.apply(z, g)))
    return 0.3 / (1e-3 + float(np.linalg.norm(g)) + stiff * size + 4 * speed / scale)


def compared_residual(run: Run, flow: TwoLayerFlow) -> Residual:
    """The distance of both flows, against what integration and rounding account for."""
    found = compared(run, flow, time=natural_time(run, flow))
    span = float(abs(found.full[-1] - found.full[0]).max())
    return Residual(found.distance, found.bound, nontrivial=span > found.bound, note=flow.form.name)


def node(polynomial: Polynomial) -> Node:
    """A polynomial as a tree of the kernel."""
    from ..oracles.proofs import add, multiply, power, symbol

    terms = (
        multiply(Fraction(c), *(power(symbol(v), e) if e > 1 else symbol(v) for v, e in monomial))
        for monomial, c in polynomial.terms.items()
    )
    return add(*terms)


def changed(prop: Property, name: str, says: str) -> Mutant:
    """A mutant that a property on a wrong statement catches."""
    return Mutant(name, says, violates=replace(prop, name=name))
