"""A1.two-layer-linear.count: how many laws phi = U V^T has, for all shapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a1_two_layer_linear_lie_algebra import tangent_fields

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...oracles.polynomials import Polynomial

KNOWN = (
    (1, 1, 1, 2, 1, 1, 1),
    (1, 1, 2, 4, 1, 1, 3),
    (1, 1, 3, 6, 1, 1, 5),
    (1, 1, 4, 8, 1, 1, 7),
    (1, 2, 1, 3, 2, 2, 1),
    (1, 2, 2, 6, 2, 3, 3),
    (1, 2, 3, 9, 2, 3, 6),
    (1, 2, 4, 12, 2, 3, 9),
    (1, 2, 5, 15, 2, 3, 12),
    (1, 2, 6, 18, 2, 3, 15),
    (2, 2, 1, 4, 3, 3, 1),
    (2, 2, 2, 8, 4, 5, 3),
    (2, 2, 3, 12, 4, 6, 6),
    (2, 2, 4, 16, 4, 6, 10),
    (2, 2, 5, 20, 4, 6, 14),
    (1, 3, 2, 8, 3, 5, 3),
    (1, 3, 4, 16, 3, 6, 10),
    (1, 3, 5, 20, 3, 6, 14),
    (2, 3, 2, 10, 6, 7, 3),
    (2, 3, 4, 20, 6, 10, 10),
    (3, 3, 3, 18, 9, 12, 6),
)
"""n, m, r, D, dim W, dim Lie and the number of laws: the gradient flow part of the table in the theory."""

Rows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A point P = (U; V) of whole numbers, (n + m) x r."""

    n: int
    m: int
    r: int
    P: Rows


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a network U V^T."""

    n: int
    m: int
    r: int


@dataclass(frozen=True, slots=True)
class Pairing:
    """A point, a symmetric A (r x r) and a matrix M (n x m): a law and a gradient."""

    n: int
    m: int
    r: int
    P: Rows
    A: Rows
    M: Rows


def two(n: int, m: int, r: int) -> int:
    """The number of independent laws of U V^T at a generic point, as stated."""
    k = min(r, n + m)
    return k * (2 * r + 1 - k) // 2


def law_gradients(point: Sequence[Sequence[int]], n: int) -> list[list[int]]:
    """Half the gradients ``2 J P A`` of the entries of ``Delta``, one row for each symmetric basis element A."""
    size, r = len(point), len(point[0])
    rows: list[list[int]] = []
    for a in range(r):
        for b in range(a + 1):
            field = [[0] * r for _ in range(size)]
            for k in range(size):
                sign = 1 if k < n else -1
                field[k][a] += sign * point[k][b]
                field[k][b] += sign * point[k][a]
            rows.append([value for line in field for value in line])
    return rows


def generator_fields(point: Sequence[Sequence[int]], n: int) -> list[list[int]]:
    """The fields ``(M V, M^T U)`` at the point, one row for each unit matrix M."""
    size, r = len(point), len(point[0])
    rows: list[list[int]] = []
    for i in range(n):
        for j in range(n, size):
            field = [[0] * r for _ in range(size)]
            field[i], field[j] = list(point[j]), list(point[i])
            rows.append([value for line in field for value in line])
    return rows


def rank(rows: Sequence[Sequence[int]]) -> int:
    """The exact rank over Q."""
    from flint import fmpz_mat

    return int(fmpz_mat([list(row) for row in rows]).rank()) if rows and rows[0] else 0


def derivation() -> Iterator[Step]:
    """Orthogonality, three ranks as functions of rank P, their sum; then every row of the table, certified."""
    yield Step(
        "The gradient of <A, Delta> for a symmetric A is 2 (U A, -V A). It is orthogonal to every field (M V, M^T U): "
        "here for (n, m, r) = (2, 3, 2), all entries free, A symmetric.",
        r"\langle (U A, -V A),\, (M V, M^\top U) \rangle = 0",
        certificate=_orthogonality(2, 3, 2, 1),
    )
    yield Step(
        "Let P have rank k. The gradient 2 J P A vanishes iff the range of A lies in the kernel of P, so the gradients "
        "of Delta span s(r) - s(r - k) dimensions, s(k) = k (k + 1) / 2.",
        r"\operatorname{rank} d\Delta(P) = \tfrac{k(2r+1-k)}{2}",
    )
    yield Step(
        "The fields J A P of A1.two-layer-linear.lie-algebra: in an orthonormal basis whose first k vectors span the "
        "columns of P, only the first k columns of the skew A count, which have N k - k (k + 1) / 2 free entries.",
        r"\dim \mathrm{Lie}(W)(P) = N k - \tfrac{k(k+1)}{2}",
    )
    yield Step(
        "Both numbers add up to N r - (N - k)(r - k): an identity in N, k and r. So they add up to D exactly where k "
        "is N or r, that is where P has full rank, and there Frobenius makes Delta the whole set of laws.",
        r"N k - \tfrac{k(k+1)}{2} + \tfrac{k(2r+1-k)}{2} = N r - (N - k)(r - k)",
        certificate=_sum_of_ranks(),
    )
    yield Step(
        "(M V, M^T U) vanishes iff M is zero on the columns of V and its range is orthogonal to the columns of U.",
        r"\dim W(P) = nm - (n - \operatorname{rank} U)(m - \operatorname{rank} V)",
    )
    for n, m, r, *_ in KNOWN:
        found = counted(n, m, r)
        yield Step(
            f"n = {n}, m = {m}, r = {r}: {found.independent_laws} laws and no others; dim Lie = {found.lie_dimension}.",
            certificate=found.certificate,
        )


def counted(n: int, m: int, r: int) -> Completeness:
    """The kernel's count of all laws of U V^T."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import DeepLinear

    found = find_completeness(DeepLinear((n, r, m)), levels=False)
    assert found.complete
    return found


def _orthogonality(n: int, m: int, r: int, weight: int) -> Certificate:
    """``<(U A, -weight V A), (M V, M^T U)> = 0`` with everything free."""
    from ...oracles.proofs import Matrix, identity, multiply, subtract, symbol

    starts = [0, n * r, (n + m) * r, (n + m) * r + n * m]
    U, V, M = (Matrix.symbols(*size, k) for size, k in zip(((n, r), (m, r), (n, m)), starts, strict=False))
    entries = {(i, j): starts[3] + k for k, (i, j) in enumerate((i, j) for i in range(r) for j in range(i + 1))}
    A = Matrix.build(r, r, lambda i, j: symbol(entries[max(i, j), min(i, j)]))
    total = subtract((U @ A).inner(M @ V), multiply(weight, (V @ A).inner(M.T @ U)))
    return identity(starts[3] + len(entries), [(total, 0)])


def _sum_of_ranks() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    N, k, r = symbol(0), symbol(1), symbol(2)
    half = Fraction(1, 2)
    lie = subtract(multiply(N, k), multiply(half, k, add(k, 1)))
    laws = multiply(half, k, subtract(add(multiply(2, r), 1), k))
    return identity(3, [(add(lie, laws), subtract(multiply(N, r), multiply(subtract(N, k), subtract(r, k))))])


def cases() -> SearchStrategy[Case]:
    """Shapes up to (4, 4, N + 2), entries up to 9."""
    from hypothesis import strategies as st

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        n, m = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        r = draw(st.integers(1, n + m + 2))
        row = st.tuples(*[st.integers(-9, 9)] * r)
        return Case(n, m, r, draw(st.tuples(*[row] * (n + m))))

    return draw_case()


def shapes() -> SearchStrategy[Shape]:
    """Shapes up to (4, 4, N + 2)."""
    from hypothesis import strategies as st

    @st.composite
    def draw_shape(draw: st.DrawFn) -> Shape:
        n, m = draw(st.integers(1, 4)), draw(st.integers(1, 4))
        return Shape(n, m, draw(st.integers(1, n + m + 2)))

    return draw_shape()


def pairings() -> SearchStrategy[Pairing]:
    """Points, laws and gradients of whole numbers."""
    from hypothesis import strategies as st

    @st.composite
    def draw_pairing(draw: st.DrawFn) -> Pairing:
        n, m, r = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 6))
        entry = st.integers(-99, 99)

        def matrix(rows: int, columns: int) -> Rows:
            return tuple(tuple(draw(entry) for _ in range(columns)) for _ in range(rows))

        half = matrix(r, r)
        A = tuple(tuple(half[max(i, j)][min(i, j)] for j in range(r)) for i in range(r))
        return Pairing(n, m, r, matrix(n + m, r), A, matrix(n, m))

    return draw_pairing()


def _vandermonde(n: int, m: int, r: int) -> Case:
    """A point of full rank with small entries."""
    return Case(n, m, r, tuple(tuple((k - n) ** power for power in range(r)) for k in range(n + m)))


EXAMPLES = tuple(_vandermonde(n, m, r) for n, m, r, *_ in KNOWN)


def check_ranks(case: Case) -> Residual:
    """How far the three exact ranks at the point are from their formulas in the ranks of P, U and V."""
    n, m, r, point = case.n, case.m, case.r, case.P
    k = rank(point)
    lie = (n + m) * k - k * (k + 1) // 2
    laws = k * (2 * r + 1 - k) // 2
    w = n * m - (n - rank(point[:n])) * (m - rank(point[n:]))
    off = abs(rank(tangent_fields(point, n)) - lie) + abs(rank(law_gradients(point, n)) - laws)
    off += abs(rank(generator_fields(point, n)) - w)
    full = k == min(r, n + m)
    if full:
        off += abs(lie + laws - (n + m) * r) + abs(laws - two(n, m, r))
    return Residual(off, nontrivial=full, note=f"rank {k}")


def check_certified(shape: Shape) -> Residual:
    """The kernel accepts that Delta is all, and the number is the stated one."""
    found = counted(shape.n, shape.m, shape.r)
    return Residual(abs(found.independent_laws - two(shape.n, shape.m, shape.r)))


def check_naive(shape: Shape) -> Residual:
    """The wrong statement: all r (r + 1) / 2 entries of Delta are independent."""
    found = counted(shape.n, shape.m, shape.r)
    return Residual(abs(found.independent_laws - shape.r * (shape.r + 1) // 2))


def check_floats(case: Pairing) -> Residual:
    """The inner product of a law's gradient with a field, in float32, all entries scaled by 1/7.

    The rounded entries are a point like any other: there the exact value is 0. Bound: a term passes through at most
    r + q + 1 roundings (in U A, in M V and in their product; q = max(n, m)) and q r + 1 in the sums, so the error is
    at most gamma of that many times the sum of absolute terms, u = 2^-24. That sum is taken in float64.
    """
    import numpy as np

    P, A, M = (np.array(rows, dtype=np.float32) / np.float32(7) for rows in (case.P, case.A, case.M))
    U, V = P[: case.n], P[case.n :]
    value = ((U @ A) * (M @ V)).sum() - ((V @ A) * (M.T @ U)).sum()
    u, v, a, m = (abs(x).astype(np.float64) for x in (U, V, A, M))
    terms = ((u @ a) * (m @ v)).sum() + ((v @ a) * (m.T @ u)).sum()
    q = max(case.n, case.m)
    unit = (case.r + q + 2 + q * case.r) * 2.0**-24
    bound = unit / (1 - unit) * float(terms) * (1 + 2.0**-40)
    return Residual(abs(float(value)), bound, nontrivial=bool(terms))


def table() -> Table:
    """The gradient flow part of the table of the theory: dim W at a point, the rest read off certificates."""
    rows: list[list[int]] = []
    for n, m, r, *_ in KNOWN:
        found = counted(n, m, r)
        w = rank(generator_fields(_vandermonde(n, m, r).P, n))
        rows.append([n, m, r, found.parameters, w, found.lie_dimension, found.independent_laws])
    columns = ("n", "m", "r", "D", "dim W", "dim Lie", "laws")
    return Table("All laws of U Vᵀ", columns, rows, tuple(map(tuple, rows)) == KNOWN)


def counts_against_width(profile: Profile) -> SimulationResult:
    """Certified counts for r = 1, 2, ...: where r passes N, the entries of Delta start to depend on each other."""
    last = (6, 9, 16)[profile.effort]
    shapes = ((1, 1), (1, 2), (2, 2), (2, 4))
    widths = range(1, last + 1)
    laws = {shape: [counted(*shape, r).independent_laws for r in widths] for shape in shapes}
    off = sum(abs(count - two(*shape, r)) for shape in shapes for r, count in zip(widths, laws[shape], strict=True))

    def curve(label: str, values: Iterable[float], kind: Literal["line", "bound"] = "line") -> Series:
        return Series(label, [(float(r), float(value)) for r, value in zip(widths, values, strict=True)], kind)

    counts = [curve("r (r + 1) / 2", [r * (r + 1) / 2 for r in widths], "bound")]
    counts += [curve(f"n = {n}, m = {m}", laws[n, m]) for n, m in shapes]
    lie = [
        curve(f"n = {n}, m = {m}", [(n + m) * r - count for r, count in zip(widths, laws[n, m], strict=True)])
        for n, m in shapes
    ]
    plots = (
        Plot(
            "Laws of U Vᵀ against the hidden width",
            "r",
            "independent laws",
            counts,
            caption="Every point is certified. Up to r = n + m all entries of Δ count; from there on the number grows "
            "linearly.",
        ),
        Plot(
            "What is left to move in",
            "r",
            "dim Lie",
            lie,
            caption="The orbits stop growing at r = n + m: their dimension is that of so(n, m).",
        ),
    )
    return SimulationResult(Residual(off), plots, proved=True)


def certified_flow_keeps_delta(profile: Profile) -> SimulationResult:
    """Gradient flow of a squared loss on (n, m, r) = (2, 1, 3), enclosed in balls: how far can Delta have moved?"""
    from ...oracles.models import DeepLinear, known_laws
    from ...simulations import Loss, Objective, certified_flow

    digits = (20, 30, 60)[profile.effort]
    model = DeepLinear((2, 3, 1))
    laws = [law for family in known_laws(model) for law in family.polynomials()]
    start = [Fraction(x, 4) for x in (3, -1, 2, 1, 2, -2, 2, 1, -3)]
    objective = Objective(model, Loss.squared([2, -1]))
    flow = certified_flow(objective, start, time=2, digits=digits)
    worst = max(flow.drift(law) for law in laws)
    control = wrong_law(2, 3)
    low, high = flow.change(control)
    moved = min(abs(low), abs(high)) if low * high > 0 else Fraction(0)
    path = flow.trajectory

    def drift(law: Polynomial) -> list[tuple[float, float]]:
        first = law.evaluate(start)
        ends = list(zip(path.times, path.points, strict=True))[1:]
        return [(float(t), abs(float(law.evaluate(ball.midpoint) - first))) for t, ball in ends]

    allowed = Fraction(1, 10**digits)
    plot = Plot(
        "Drift along a certified flow",
        "t",
        "|h(t) - h(0)|",
        (
            Series("Δ[1,1]", drift(laws[0]), kind="points"),
            Series("Δ[1,2]", drift(laws[1]), kind="points"),
            Series("(UᵀU - 2 VᵀV)[1,1]", drift(control)),
            Series("proved for Δ, all times", [(0.0, float(worst)), (2.0, float(worst))], kind="bound"),
        ),
        y_scale="log",
        caption="Points are centres of balls that contain the flow; the dashed line bounds the true drift.",
    )
    note = f"{flow.digits} digits certified; the control (U^T U - 2 V^T V)[1,1] provably moved by {float(moved):.3g}"
    residual = Residual(worst if moved else float("inf"), allowed, note=note)
    return SimulationResult(residual, (plot,), proved=True)


def wrong_law(n: int, r: int) -> Polynomial:
    """``(U^T U - 2 V^T V)[1,1]`` for m = 1."""
    from ...oracles.polynomials import Polynomial

    total = Polynomial.variable(n * r) ** 2
    return sum((Polynomial.variable(i * r) ** 2 for i in range(n)), total.scaled(-2))


def refuted_weight() -> Certificate:
    """A point at which ``(U^T U - 2 V^T V)[1,1]`` changes, for (n, m, r) = (2, 1, 2)."""
    from ...oracles.models import DeepLinear
    from ...oracles.proofs import find_refutation

    found = find_refutation(DeepLinear((2, 2, 1)), wrong_law(2, 2))
    assert found is not None
    return found.certificate


def one_law_more() -> Certificate:
    """The certificate of (2, 2, 3) with one law more and one dimension less."""
    found = counted(2, 2, 3)
    assert found.certificate is not None
    claim = found.certificate["claim"]
    assert isinstance(claim, dict)
    more = {"independent_laws": found.independent_laws + 1, "lie_dimension": found.lie_dimension - 1}
    return {**found.certificate, "claim": {**claim, **more}}


THEOREM = Theorem(
    id="A1.two-layer-linear.count",
    title="All laws of a two-layer linear network",
    summary="All laws of U V^T are functions of U^T U - V^T V; k(2r+1-k)/2 are independent, k = min(r, n+m).",
    source="A1 section 4 (Cor. 4.4) for full rank; the full formula derived",
    status="derived",
    hypotheses=(
        "phi(U, V) = U V^T with U n x r and V m x r, any n, m, r >= 1; N = n + m, D = N r.",
        "P = (U; V) has full rank k = min(r, N), as it has at generic points.",
    ),
    statement=r"\begin{gathered} "
    r"\#\text{laws} = \tfrac{k(2r+1-k)}{2} \\ "
    r"\dim \mathrm{Lie}(W)(P) = N k - \tfrac{k(k+1)}{2} \\ "
    r"\dim W(P) = nm - (n - \operatorname{rank} U)(m - \operatorname{rank} V)"
    r" \end{gathered}",
    assumes=("A1.two-layer-linear.lie-algebra", "A1.independence-and-count", "A0.rank-certificate"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact-ranks",
            says="At random integer points the ranks of the Lie trace, of the gradients of Delta and of W are the "
            "stated ones, and the first two add up to D where P has full rank.",
            arithmetic="rational",
            cases=cases,
            check=check_ranks,
            examples=EXAMPLES,
        ),
        Property(
            name="certified",
            says="For random shapes the kernel accepts a proof that Delta is all, with the stated number.",
            arithmetic="modular",
            cases=shapes,
            check=check_certified,
            examples=tuple(Shape(n, m, r) for n, m, r, *_ in KNOWN),
            share=0.25,
        ),
        Property(
            name="orthogonality-in-floats",
            says="Gradients of laws and fields of W are orthogonal in float32, within the rounding of the sum.",
            arithmetic="float32",
            cases=pairings,
            check=check_floats,
        ),
    ),
    simulations=(
        Simulation(
            name="counts-against-width",
            says="Certified counts for growing hidden width, on both sides of r = n + m.",
            run=counts_against_width,
        ),
        Simulation(
            name="certified-flow",
            says="Along an enclosed gradient flow the entries of Delta provably stay; a wrong law provably moves.",
            run=certified_flow_keeps_delta,
        ),
    ),
    mutants=(
        Mutant(
            name="naive-count",
            says="All r(r+1)/2 entries of Delta are independent, whatever r is.",
            violates=Property(
                name="naive-count",
                says="the count r(r+1)/2",
                arithmetic="modular",
                cases=shapes,
                check=check_naive,
                examples=(Shape(2, 2, 4), Shape(2, 2, 5)),
            ),
        ),
        Mutant(
            name="weight-two",
            says="U^T U - 2 V^T V is conserved.",
            refutes=refuted_weight,
        ),
        Mutant(
            name="weight-two-identity",
            says="(U A, -2 V A) is orthogonal to every field of W.",
            rejects=lambda: _orthogonality(2, 3, 2, 2),
        ),
        Mutant(
            name="one-law-more",
            says="(2, 2, 3) has 7 laws.",
            rejects=one_law_more,
        ),
    ),
)
