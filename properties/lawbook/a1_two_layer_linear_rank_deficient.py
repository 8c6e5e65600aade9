"""A1.two-layer-linear.rank-deficient: at a point of deficient rank, D minus dim Lie does not count laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a1_two_layer_linear_count import generator_fields, law_gradients, rank
from .a1_two_layer_linear_lie_algebra import tangent_fields

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

KNOWN = ((2, 2, 2, 1, 8, 3, 3, 2), (1, 1, 3, 1, 6, 1, 1, 3), (2, 3, 3, 2, 15, 6, 7, 5))
"""n, m, r, rank, D, dim W, dim Lie and the rank of d Delta, as the theory states them."""


@dataclass(frozen=True, slots=True)
class Case:
    """P = (U; V) = left @ right, of rank rho: left is (n + m) x rho, right is rho x r, both of whole numbers."""

    n: int
    m: int
    r: int
    left: tuple[tuple[int, ...], ...]
    right: tuple[tuple[int, ...], ...]

    def point(self) -> list[list[int]]:
        """P itself."""
        columns = list(zip(*self.right, strict=True)) or [()] * self.r
        return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in self.left]


def stratum_fields(case: Case) -> list[list[int]]:
    """The tangent space at P of the matrices of rank rho: all ``dL R + L dR`` for P = L R, one row for each unit."""
    size, rho, r = len(case.left), len(case.right), case.r
    rows: list[list[int]] = []
    for a in range(rho):
        for i in range(size):
            rows.append([case.right[a][c] if k == i else 0 for k in range(size) for c in range(r)])
        for b in range(r):
            rows.append([case.left[k][a] if c == b else 0 for k in range(size) for c in range(r)])
    return rows


def restricted(case: Case) -> list[list[int]]:
    """The gradients of Delta on the tangent space of the matrices of rank rho: inner products, one row each."""
    fields = stratum_fields(case)
    return [
        [sum(a * b for a, b in zip(gradient, field, strict=True)) for field in fields]
        for gradient in law_gradients(case.point(), case.n)
    ]


def expected(n: int, m: int, r: int, rho: int) -> tuple[int, int, int]:
    """dim Lie(W)(P), the rank of d(Delta) at P, and the dimension of the matrices of rank rho, as stated."""
    return (n + m) * rho - rho * (rho + 1) // 2, rho * (2 * r + 1 - rho) // 2, rho * (n + m + r - rho)


def example(n: int, m: int, r: int, rho: int) -> Case:
    """A point of rank exactly rho with small entries, from Vandermonde factors; Delta has rank rho too."""
    left = tuple(tuple((k + 1) ** (power + 1) for power in range(rho)) for k in range(n + m))
    right = tuple(tuple((k + 1) ** power for k in range(r)) for power in range(rho))
    return Case(n, m, r, left, right)


EXAMPLES = (*(example(*known[:4]) for known in KNOWN), example(2, 2, 2, 0))


def derivation() -> Iterator[Step]:
    """The two ranks, their sum, what it is the dimension of, and exact ranks at the points of the table."""
    from ...oracles.proofs import exact_rank

    yield Step(
        "Lie(W)(P) is the space of J A P with A skew (A1.two-layer-linear.lie-algebra). In an orthonormal basis whose "
        "first rho vectors span the column space of P, the map A -> A P sees the first rho columns of A only: a skew "
        "matrix has N rho - rho (rho + 1)/2 free entries there.",
        r"\dim \mathrm{Lie}(W)(P) = N\rho - \tfrac{\rho(\rho+1)}{2}",
    )
    yield Step(
        "The gradient of the entry of Delta that belongs to a symmetric A is 2 J P A; it vanishes iff the range of A "
        "lies in the kernel of P, which leaves s(r) - s(r - rho) dimensions.",
        r"\operatorname{rank} d\Delta(P) = \tfrac{\rho(2r+1-\rho)}{2}",
    )
    yield Step(
        "The sum of both is rho (N + r - rho): an identity in N, r and rho. It falls short of D = N r by "
        "(N - rho)(r - rho).",
        r"N r - \Bigl( N\rho - \tfrac{\rho(\rho+1)}{2} + \tfrac{\rho(2r+1-\rho)}{2} \Bigr) = (N - \rho)(r - \rho)",
        certificate=_gap(),
    )
    yield Step(
        "That sum is the dimension of the manifold of the N x r matrices of rank rho. Flows of W act on P from the "
        "left by invertible matrices, so they never leave it. Near points of it where Delta has rank rho as well, "
        "Delta is the whole set of laws on the manifold: only its codimension is missing in the count.",
        r"P(t) = g(t)\, P(0), \; g(t) \in SO_0(n, m), \qquad \dim \{ P : \operatorname{rank} P = \rho \} = "
        r"\rho (N + r - \rho)",
    )
    for n, m, r, rho, *_ in KNOWN:
        case = example(n, m, r, rho)
        lie, laws, stratum = expected(n, m, r, rho)
        shown = f"n = {n}, m = {m}, r = {r}, rank {rho}"
        yield Step(
            f"{shown}: the fields J A P span exactly {lie} dimensions.",
            certificate=exact_rank(tangent_fields(case.point(), n)),
        )
        yield Step(
            f"{shown}: the gradients of Delta span exactly {laws} dimensions; together {lie + laws} of {(n + m) * r}.",
            certificate=exact_rank(law_gradients(case.point(), n)),
        )
        yield Step(
            f"{shown}: the matrices of this rank have a tangent space of exactly {stratum} dimensions.",
            certificate=exact_rank(stratum_fields(case)),
        )
        yield Step(
            f"{shown}: restricted to it the gradients of Delta still span {laws}, and {lie} + {laws} = {stratum}.",
            certificate=exact_rank(restricted(case)),
        )


def _gap() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    N, rho, r = symbol(0), symbol(1), symbol(2)
    half = Fraction(1, 2)
    lie = subtract(multiply(N, rho), multiply(half, rho, add(rho, 1)))
    laws = multiply(half, rho, subtract(add(multiply(2, r), 1), rho))
    gap = subtract(multiply(N, r), add(lie, laws))
    return identity(3, [(gap, multiply(subtract(N, rho), subtract(r, rho)))])


def cases() -> SearchStrategy[Case]:
    """Points of rank at least 1 and below min(r, N); P = 0 is among the examples."""
    from hypothesis import strategies as st

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        n, m = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        r = draw(st.integers(2, 4))
        rho = draw(st.integers(1, min(r, n + m) - 1))
        entry = st.integers(-9, 8).map(lambda x: x + (x >= 0))  # no zeros: the rank is seldom below rho
        left = tuple(tuple(draw(entry) for _ in range(rho)) for _ in range(n + m))
        right = tuple(tuple(draw(entry) for _ in range(r)) for _ in range(rho))
        return Case(n, m, r, left, right)

    return draw_case()


def check(case: Case) -> Residual:
    """How far the ranks are from the statement, at the exact rank of the drawn point."""
    point = case.point()
    n, m, r, rho = case.n, case.m, case.r, rank(point)
    lie, laws, stratum = expected(n, m, r, rho)
    w = n * m - (n - rank(point[:n])) * (m - rank(point[n:]))
    off = abs(rank(tangent_fields(point, n)) - lie) + abs(rank(law_gradients(point, n)) - laws)
    off += abs(rank(generator_fields(point, n)) - w)
    if rho == len(case.right):
        off += abs(rank(stratum_fields(case)) - stratum)
        if rank(_delta(point, n)) == rho:
            off += abs(rank(restricted(case)) - laws)
    return Residual(off, nontrivial=rho > 0, note=f"rank {rho}")


def _delta(point: Sequence[Sequence[int]], n: int) -> list[list[int]]:
    """``P^T J P``."""
    columns = list(zip(*point, strict=True))
    signed = [[x if k < n else -x for k, x in enumerate(column)] for column in columns]
    return [[sum(x * y for x, y in zip(a, b, strict=True)) for b in columns] for a in signed]


def check_naive(case: Case) -> Residual:
    """The wrong statement: D - dim Lie(W)(P) is the number of independent laws at P."""
    point = case.point()
    parameters = len(point) * case.r
    return Residual(abs(parameters - rank(tangent_fields(point, case.n)) - rank(law_gradients(point, case.n))))


def table() -> Table:
    """The values of the theory, recomputed at points of deficient rank."""
    rows: list[list[int]] = []
    for n, m, r, rho, *_ in KNOWN:
        point = example(n, m, r, rho).point()
        w, lie = rank(generator_fields(point, n)), rank(tangent_fields(point, n))
        rows.append([n, m, r, rank(point), (n + m) * r, w, lie, rank(law_gradients(point, n)), (n + m) * r - lie])
    columns = ("n", "m", "r", "rank", "D", "dim W", "dim Lie", "rank of d Δ", "naive count D - dim Lie")
    agrees = tuple(tuple(row[:-1]) for row in rows) == KNOWN
    return Table("Exact ranks at points of deficient rank", columns, rows, agrees)


def staying_on_the_stratum(profile: Profile) -> SimulationResult:
    """Gradient descent on (n, m, r) = (3, 2, 3) from a point of rank 2, in exact rationals and in float64.

    One step is ``P' = (1 - eta S) P`` with a symmetric S: the rank cannot grow, and does not fall while 1 - eta S is
    invertible. In float64 the third singular value is what rounding leaves of it. Bound: a step rounds P by a matrix E
    whose norm is at most gamma(q) times the norm of the sums of absolute terms, q the roundings on the longest path;
    later steps enlarge it by at most their norms |1 - eta S|. Weyl: the third singular value, 0 without E, is at most
    the sum. The first column of P holds its rounded start, which is of rank 2 too: small whole numbers are exact.
    """
    import numpy as np

    from ...oracles.models import DeepLinear
    from ...simulations import Loss, Objective, exact_steps

    exact_count, count = ((3, 40), (4, 200), (5, 1000))[profile.effort]
    n, m, r, eta = 3, 2, 3, Fraction(1, 64)
    model = DeepLinear((n, r, m))
    case = Case(n, m, r, ((1, 0), (0, 1), (1, -1), (1, 1), (-1, 1)), ((1, 0, 1), (0, 1, 1)))
    target = np.array([[1, 2], [-1, 0], [2, 1]])
    point = case.point()
    start = [*(x for row in point[:n] for x in row), *(point[n + k][c] for c in range(r) for k in range(m))]
    energy = Objective(model, Loss.squared([int(x) for x in target.ravel()]))
    exact = exact_steps(start, [energy] * exact_count, eta=eta)
    off = sum(_rank_of_flat(p, n, m, r) != 2 for p in exact.points)

    now = np.array(point, dtype=np.float64)
    step, unit = float(eta), 2.0**-53
    q = r + max(n, m) + 4
    gamma = q * unit / (1 - q * unit)
    values = [np.linalg.svd(now, compute_uv=False)]
    allowed = [0.0]
    for _ in range(count):
        U, V = now[:n], now[n:]
        slope = U @ V.T - target
        S = np.block([[np.zeros((n, n)), slope], [slope.T, np.zeros((m, m))]])
        sizes = abs(U) @ abs(V).T + abs(target)
        terms = np.concatenate([sizes @ abs(V), sizes.T @ abs(U)])
        rounded = gamma * float(np.linalg.norm(abs(now) + step * terms))
        growth = 1 + step * float(np.linalg.norm(S, 2))
        now = now - step * (S @ now)
        values.append(np.linalg.svd(now, compute_uv=False))
        allowed.append(allowed[-1] * growth * (1 + 2.0**-40) + rounded)
    # the computed singular values are themselves wrong by a small multiple of u |P|
    slack = 8 * (n + m) * unit * float(values[-1][0])
    third = float(values[-1][2])
    note = f"rank exactly 2 at {len(exact.points) - off} of {len(exact.points)} exact points"
    residual = Residual(float("inf") if off else third, allowed[-1] + slack, note=note)
    steps = range(count + 1)
    series = [
        Series(f"singular value {k + 1}", [(float(s), float(values[s][k])) for s in steps if values[s][k] > 0])
        for k in range(r)
    ]
    series.append(Series("rounding can reach", [(float(s), allowed[s]) for s in steps if s], kind="bound"))
    plot = Plot(
        "Training does not leave the matrices of rank 2",
        "step",
        "singular value of P",
        series,
        y_scale="log",
        caption="Gradient descent in float64 from a point of rank 2, N = 5 and r = 3. In exact rationals the third "
        "singular value is 0 for ever; what is seen of it is rounding.",
    )
    return SimulationResult(residual, (plot,))


def _rank_of_flat(point: Sequence[int | Fraction], n: int, m: int, r: int) -> int:
    """The exact rank of P from the parameters of ``linear:n-r-m``, whose second block is V^T."""
    from flint import fmpq, fmpq_mat

    entries = [Fraction(x) for x in point]
    flat = [*entries[: n * r], *(entries[n * r + c * m + k] for k in range(m) for c in range(r))]
    return int(fmpq_mat(n + m, r, [fmpq(x.numerator, x.denominator) for x in flat]).rank())


def too_high_a_rank() -> Certificate:
    """The claim that the naive count is the rank of the law gradients, with the kernel vectors that fit the number."""
    n, m, r, rho, *_ = KNOWN[0]
    return _retold((n + m) * r - expected(n, m, r, rho)[0])


def too_low_a_rank() -> Certificate:
    """The claim that the rank is one less, with the exact kernel and one vector more that is not in it."""
    n, m, r, rho, *_ = KNOWN[0]
    return _retold(expected(n, m, r, rho)[1] - 1)


def _retold(claimed: int) -> Certificate:
    """The honest certificate of the rank of d Delta, changed to another rank: kernel vectors dropped or made up."""
    from ...oracles.proofs import exact_rank, kernel_vectors

    n, m, r, rho, *_ = KNOWN[0]
    rows = law_gradients(example(n, m, r, rho).point(), n)
    honest = exact_rank(rows)
    claim, witness = honest["claim"], honest["witness"]
    assert isinstance(claim, dict)
    assert isinstance(witness, dict)
    width = len(rows[0])
    # a row of the matrix is orthogonal to its kernel: independent of it, and not in it
    made_up = next(row for row in rows if any(row))
    kernel = [*kernel_vectors(rows), made_up][: width - claimed]
    return {**honest, "claim": {**claim, "rank": claimed}, "witness": {**witness, "kernel": kernel}}


THEOREM = Theorem(
    id="A1.two-layer-linear.rank-deficient",
    title="Two-layer linear networks at points of deficient rank",
    summary="Where (U; V) has deficient rank, D - dim Lie is larger than the number of independent laws.",
    source="derived; hypotheses of Frobenius in A1 Thm 3.3",
    status="derived",
    hypotheses=(
        "phi(U, V) = U V^T with U n x r and V m x r, N = n + m.",
        "P = (U; V) has rank rho < min(r, N).",
    ),
    statement=r"\dim \mathrm{Lie}(W)(P) + \operatorname{rank} d\Delta(P) = \rho\,(N + r - \rho) = "
    r"N r - (N - \rho)(r - \rho) < N r",
    assumes=("A1.two-layer-linear.lie-algebra", "A1.two-layer-linear.count", "A1.independence-and-count"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact-ranks",
            says="At random integer points of deficient rank the ranks of W, of the Lie trace and of the gradients "
            "of Delta, on all matrices and on those of that rank, are the stated ones.",
            arithmetic="rational",
            cases=cases,
            check=check,
            examples=EXAMPLES,
        ),
    ),
    simulations=(
        Simulation(
            name="stratum",
            says="Gradient descent from a point of rank 2 keeps rank 2: exactly over Q, up to rounding in float64.",
            run=staying_on_the_stratum,
        ),
    ),
    mutants=(
        Mutant(
            name="naive-count",
            says="D - dim Lie(W)(P) counts the independent laws at every point.",
            violates=Property(
                name="naive-count",
                says="the naive count",
                arithmetic="rational",
                cases=cases,
                check=check_naive,
                examples=EXAMPLES[:3],
            ),
        ),
        Mutant(
            name="too-high-a-rank",
            says="The gradients of Delta have the naive count as their rank.",
            rejects=too_high_a_rank,
        ),
        Mutant(
            name="too-low-a-rank",
            says="The rank is one less: the exact kernel is joined by one vector that is not in it.",
            rejects=too_low_a_rank,
        ),
    ),
)
