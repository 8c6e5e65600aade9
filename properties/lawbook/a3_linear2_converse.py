"""A3.linear2.converse: for which initializations of a two-layer linear network is the metric a function of Z?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from ...simulations.objective import Loss
from .._both_flows import both_flows
from .._profiles import Profile
from .._theorem import (
    CaseKind,
    CaseMap,
    Mutant,
    Panel,
    Plot,
    Property,
    Residual,
    Series,
    Simulation,
    SimulationResult,
    Step,
    Table,
    Theorem,
)
from .._two_layer_flow import (
    UNBALANCED,
    Kind,
    Run,
    Start,
    changed,
    compared,
    criterion,
    flat,
    flow_of,
    full_ranks,
    inclusion_at,
    inertias,
    jacobian,
    metric_changes,
    metric_residual,
    starts,
    structured,
    violation_at,
)
from .a3_fibre_dimension import KNOWN as FIBRES

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate
    from ...oracles.intrinsic import Classification
    from ...oracles.proofs import Node

F = Fraction
Rule = Callable[[Start, "Classification"], bool]
KINDS: tuple[Kind, ...] = ("equal", "distinct", "one off")
POINTS: tuple[tuple[int, tuple[int, int, int], tuple[int, int, int], Kind], ...] = (
    (1, (2, 2, 1), (1, 0, 0), "equal"),
    (2, (2, 2, 2), (2, 0, 0), "equal"),
    (2, (2, 2, 2), (2, 0, 0), "distinct"),
    (2, (2, 2, 2), (1, 1, 0), "equal"),
    (3, (1, 2, 2), (0, 2, 0), "equal"),
    (3, (1, 2, 2), (0, 2, 0), "distinct"),
    (4, (1, 3, 2), (0, 2, 0), "equal"),
    (5, (2, 2, 3), (2, 1, 0), "equal"),
    (6, (2, 2, 4), (2, 2, 0), "equal"),
    (6, (2, 2, 4), (2, 2, 0), "one off"),
    (7, (2, 2, 3), (2, 0, 0), "equal"),
)
"""Case, (n, m, r), inertia and kind of a point for each case, on both sides where there are two."""
PERTURBED = Start(UNBALANCED.U, (UNBALANCED.V[0], (F(0), F(0), F(21, 20))))
"""Delta = diag(4, -1, -441/400)."""
DRAWN = 270


def derivation() -> Iterator[Step]:
    """The criterion, its cases by counting, points of each case, and the closed form of case 6."""
    yield Step(
        "Lie(W)(P) = {J A P : A skew} is the tangent space of the orbit, and dphi has the rank "
        "n m - (n - rank U)(m - rank V). The difference f is the dimension of the kernel of dphi on the orbit; an "
        "identity in n, m, rho and both ranks, a(k) = k(k - 1)/2.",
        r"f = N\rho - \tfrac{\rho(\rho + 1)}{2} - \operatorname{rank} d\phi = a(n) + a(m) + "
        r"(n - \operatorname{rank} U)(m - \operatorname{rank} V) - a(N - \rho)",
        _fibre_formula(),
    )
    for (n, m, r), f in FIBRES.items():
        start = structured((n, m, r), inertias(n, m, min(r, n + m))[0], "distinct", 1)
        yield Step(
            f"(n, m, r) = ({n}, {m}, {r}): dphi and dDelta leave {f} of {(n + m) * r} dimensions.",
            certificate=_rank(start),
        )
    yield Step(
        "The kernel contains the rotations P Y with Y skew and [Delta, Y] = 0; M does not change along them. If M does "
        "not change along a direction v of the kernel, d(U U^T) = c I and d(V V^T) = -c I; tr Delta is constant, so "
        "c (n + m) = 0. Then d(P P^T) = 0, and v = P Y with Y skew on the row space of P; dDelta(v) = 0 says that Y "
        "commutes with Delta. So the kernel criterion holds iff the rotations are all of the kernel.",
        r"\ker d\phi \cap \ker d\Delta \subset \ker dM \iff \dim \{ Y \in so(\rho) : [\Delta_0, Y] = 0 \} = f",
    )
    yield Step(
        "In an eigenbasis of Delta_0 such Y are block diagonal: the left side is the sum of a(multiplicity) over the "
        "distinct eigenvalues. With p positive, q negative and z zero eigenvalues it is at most a(p) + a(q) + a(z), "
        "exactly if all positive ones are equal and all negative ones too.",
        r"\dim \{ Y \in so(\rho) : [\Delta_0, Y] = 0 \} = \sum_{\mu} a(\operatorname{mult} \mu)",
    )
    yield Step(
        "Cases 2 and 3: for r <= min(n, m), and for r = m >= n, all ranks full, f is a(r): one eigenvalue only.",
        r"a(n) + a(m) + (n - r)(m - r) - a(n + m - r) = a(r), \qquad a(n) + a(m) - a(n + m - m) = a(m)",
        _relaxed_cases(),
    )
    yield Step(
        "Case 4, n < r < m: f exceeds a(r), which bounds the left side. Never.",
        r"a(n) + a(m) - a(n + m - r) - a(r) = (r - n)(m - r) > 0",
        _between(),
    )
    yield Step(
        "Cases 5 and 6, r > max(n, m), full ranks: Delta_0 is J restricted to the range of P, so n = p + z + x and "
        "m = q + z + y with x, y >= 0, and N - rho = z + x + y. The excess of f over the bound is on the right. For "
        "rho < N it is positive, since rho > n and rho > m make q > x and p > y: z > 0 gives z(p + q) > 0, and z = 0 "
        "gives px + qy - xy >= xy + x + y > 0. Never. For rho = N it is 0, and the bound is reached iff all positive "
        "eigenvalues are equal and all negative ones too.",
        r"f - a(p) - a(q) - a(z) = z(p + q) + px + qy - xy",
        _wide_cases(),
    )
    for case, sizes, inertia, kind in POINTS:
        start = structured(sizes, inertia, kind, 2)
        found = start.classified()
        shown = ", ".join(map(str, found.multiplicities))
        says = f"Case {case}, (n, m, r) = {sizes}, multiplicities {shown}"
        if found.holds:
            yield Step(f"{says}: rotations are all of the kernel.", certificate=inclusion_of(start))
        else:
            yield Step(f"{says}: a direction of the kernel changes M.", certificate=violation_at(start))
    yield Step(
        "Case 6 in closed form. Whatever Delta is, P Delta P^T = S J S and P Delta^2 P^T = S J S J S with S = P P^T: "
        "here n = 1, m = 2, r = 3, P free. With Delta^2 = (mu - nu) Delta + mu nu on the row space of P and S "
        "invertible, (S J)^2 = (mu - nu) S J + mu nu I.",
        r"S J S J S = P \Delta^2 P^\top = (\mu - \nu)\, S J S + \mu\nu\, S",
        _congruence(1, 2, 3),
    )
    yield Step(
        "The diagonal blocks of that equation are quadratic equations for U U^T and V V^T; the roots of each have the "
        "product -(mu nu + s^2) < 0, and the positive one is meant. Blocks of (S J)^2, P free.",
        r"(U U^\top)^2 - Z Z^\top = (\mu - \nu)\, U U^\top + \mu\nu I, \qquad (V V^\top)^2 - Z^\top Z = "
        r"-(\mu - \nu)\, V V^\top + \mu\nu I",
        _blocks(1, 2, 3),
    )
    yield Step(
        "The example (1, 2, 3): Delta = diag(4, -1, -1) is not relaxed balanced; mu = 4 and nu = 1 give back both Gram "
        "matrices from Z = (100/9, 0).",
        r"U U^\top = \tfrac{116}{9}, \qquad V V^\top = \operatorname{diag}(\tfrac{89}{9}, 1)",
        _example(),
    )
    yield Step("Its kernel is one rotation.", certificate=inclusion_at(UNBALANCED))
    yield Step(
        "With -441/400 in the place of one -1 the kernel changes M.",
        certificate=violation_at(PERTURBED),
    )


def a(k: Node) -> Node:
    """``k (k - 1)/2``."""
    from ...oracles.proofs import multiply, subtract

    return multiply(F(1, 2), k, subtract(k, 1))


def _fibre_formula() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    n, m, rho, u, v = map(symbol, range(5))
    N = add(n, m)
    lie = subtract(multiply(N, rho), multiply(F(1, 2), rho, add(rho, 1)))
    missing = multiply(subtract(n, u), subtract(m, v))
    left = subtract(lie, subtract(multiply(n, m), missing))
    return identity(5, [(left, subtract(add(a(n), a(m), missing), a(subtract(N, rho))))])


def _relaxed_cases() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    n, m, r = map(symbol, range(3))
    narrow = subtract(add(a(n), a(m), multiply(subtract(n, r), subtract(m, r))), a(subtract(add(n, m), r)))
    wide = subtract(add(a(n), a(m)), a(subtract(add(n, m), m)))
    return identity(3, [(narrow, a(r)), (wide, a(m))])


def _between() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    n, m, r = map(symbol, range(3))
    excess = subtract(subtract(add(a(n), a(m)), a(subtract(add(n, m), r))), a(r))
    return identity(3, [(excess, multiply(subtract(r, n), subtract(m, r)))])


def _wide_cases() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    p, q, z, x, y = map(symbol, range(5))
    f = subtract(add(a(add(p, z, x)), a(add(q, z, y))), a(add(z, x, y)))
    excess = subtract(f, add(a(p), a(q), a(z)))
    return identity(5, [(excess, add(multiply(z, add(p, q)), multiply(p, x), multiply(q, y), multiply(-1, x, y)))])


def _congruence(n: int, m: int, r: int) -> Certificate:
    from ...oracles.proofs import Matrix, identity

    P = Matrix.symbols(n + m, r)
    J = Matrix.build(n + m, n + m, lambda i, j: (i == j) * (1 if i < n else -1))
    delta, S = P.T @ J @ P, P @ P.T
    pairs = (P @ delta @ P.T).equals(S @ J @ S) + (P @ delta @ delta @ P.T).equals(S @ J @ S @ J @ S)
    return identity((n + m) * r, pairs)


def _blocks(n: int, m: int, r: int) -> Certificate:
    from ...oracles.proofs import Matrix, identity

    U, V = Matrix.symbols(n, r), Matrix.symbols(m, r, n * r)
    Z, left, right = U @ V.T, U @ U.T, V @ V.T
    SJ = Matrix.blocks([[left, Z.scaled(-1)], [Z.T, right.scaled(-1)]])
    square = SJ @ SJ
    first = Matrix.build(n, n, lambda i, j: square.rows[i][j])
    last = Matrix.build(m, m, lambda i, j: square.rows[n + i][n + j])
    pairs = first.equals(left @ left - Z @ Z.T) + last.equals(right @ right - Z.T @ Z)
    return identity((n + m) * r, pairs)


def _rank(start: Start) -> Certificate:
    from ...oracles.proofs import exact_rank

    return exact_rank(jacobian(start))


def _example() -> Certificate:
    from ...oracles.proofs import Matrix, values

    U, V = Matrix.symbols(1, 3), Matrix.symbols(3, 2, 3).T
    delta = U.T @ U - V.T @ V
    wanted = ((delta, (4, -1, -1)), (U @ U.T, (F(116, 9),)), (V @ V.T, (F(89, 9), 1)))
    pairs = [
        (tree.rows[i][j], F(diagonal[i]) * (i == j))
        for tree, diagonal in wanted
        for i in range(len(diagonal))
        for j in range(len(diagonal))
    ]
    pairs += [(x, value) for x, value in zip((U @ V.T).rows[0], (F(100, 9), F(0)), strict=True)]
    return values(UNBALANCED.point, pairs)


def inclusion_of(start: Start) -> Certificate:
    """The claim that M does not change on the kernel: by rotations, at deficient rank by a basis of the kernel."""
    from ...oracles.proofs import inclusion

    n, m, r = start.sizes
    if start.classified().rank == min(r, n + m):
        return inclusion_at(start)
    basis = [flat(*direction) for direction in criterion(start).basis]
    return inclusion(start.model, None, start.point, basis)


def check(start: Start, rule: Rule | None = None) -> Residual:
    """0 iff the classification says what the kernel criterion, from its definition, says; same for dimensions."""
    said, found = start.classified(), criterion(start)
    n, m, r = start.sizes
    if said.holds is None:
        return Residual(0, nontrivial=False, note="not claimed")
    claim = said.holds if rule is None else rule(start, said)
    outside = (n + m - said.rank) * (r - said.rank)
    off = int(claim != found.holds) + abs(len(found.basis) - said.fibre_dimension - outside)
    return Residual(off, note=f"case {said.case}")


def check_forms(start: Start) -> Residual:
    """0 iff a closed form exists exactly where the property holds, and its Gram matrices are right (in float64)."""
    from ...oracles.intrinsic import NotClaimed

    holds = start.classified().holds
    try:
        flow = flow_of(start)
    except NotClaimed:
        return Residual(int(bool(holds)), note="no closed form")
    if not holds:
        return Residual(1, note="a closed form where the property fails")
    return metric_residual(start, flow)


def drawn(count: int, seed: int) -> list[Start]:
    """Structured random points of full ranks: sizes, inertia and multiplicities drawn."""
    random = Random(seed)
    found: list[Start] = []
    while len(found) < count:
        n, m = random.randint(1, 3), random.randint(1, 3)
        r = random.randint(1, n + m + 1)
        inertia = random.choice(inertias(n, m, min(r, n + m)))
        start = structured((n, m, r), inertia, random.choice(KINDS), random.randrange(10**6))
        if full_ranks(start):
            found.append(start)
    return found


def campaign(profile: Profile) -> SimulationResult:
    """Structured random points: the kernel criterion from its definition against the classification.

    Residual: the number of points at which they differ.
    """
    points = drawn((DRAWN, 4 * DRAWN, 16 * DRAWN)[profile.effort], 3)
    tally: Counter[tuple[int, bool]] = Counter()
    wrong: Counter[int] = Counter()
    marks: dict[bool, Counter[tuple[int, int]]] = {True: Counter(), False: Counter()}
    for start in points:
        said, found = start.classified(), criterion(start)
        tally[said.case, found.holds] += 1
        wrong[said.case] += said.holds is not found.holds
        marks[found.holds][said.commutant_dimension, len(found.basis)] += 1
    cells = [(case, tally[case, True], tally[case, False], wrong[case]) for case in range(1, 7)]
    top = max(f for counts in marks.values() for _, f in counts)
    plot = Plot(
        "Holds iff rotations are all of the kernel",
        "dimension of the rotations that keep Delta",
        "dimension of the kernel",
        [
            Series("dM vanishes on the kernel", [(float(x), float(y)) for x, y in sorted(marks[True])], "points"),
            Series("it does not", [(float(x), float(y)) for x, y in sorted(marks[False])], "points"),
            Series("equal", [(0.0, 0.0), (float(top), float(top))]),
        ],
        caption=f"{len(points)} points.",
    )
    total = wrong.total()
    holding = sum(counts for (_, holds), counts in tally.items() if holds)
    note = f"{holding} points at which it holds, {len(points) - holding} at which it fails, {total} mismatches"
    title = "Kernel criterion against classification"
    return SimulationResult(
        Residual(total, note=note), (plot,), Table(title, ("case", "holds", "fails", "mismatches"), cells)
    )


def eigenvalue_off(profile: Profile) -> SimulationResult:
    """The example of case 6 with one eigenvalue moved by d: how fast M changes along its kernel.

    Residual: the largest change of M along unit vectors of the kernel at d = 0, which is 0 exactly; it is infinite if
    the change at some other d is not seen.
    """
    from math import sqrt

    points: list[tuple[float, float]] = []
    worst = 0.0
    for k in range(6 + 2 * profile.effort):
        move = F(1, 20 * 2**k)
        start = Start(UNBALANCED.U, (UNBALANCED.V[0], (F(0), F(0), 1 + move)))
        found = criterion(start)
        length = sqrt(max(sum(float(x) ** 2 for x in flat(*direction)) for direction in found.basis))
        largest = max((abs(c) for d in found.basis for _, c in metric_changes(start, d)), default=F(0))
        worst = worst if largest else float("inf")
        points.append((float((1 + move) ** 2 - 1), float(largest) / length))
    at_zero = criterion(UNBALANCED).change
    plot = Plot(
        "One eigenvalue of Delta moved",
        "by how much",
        "largest change of an entry of M along the kernel",
        [Series("(1, 2, 3), Delta = diag(4, -1, -1 - d)", points)],
        x_scale="log",
        y_scale="log",
        caption="In proportion to the distance from the two-valued spectrum; exactly 0 there.",
    )
    note = f"{points[0][1]:.3f} at d = {points[0][0]:.4f}, {points[-1][1]:.2e} at {points[-1][0]:.1e}"
    return SimulationResult(Residual(max(worst, float(at_zero)), note=note), (plot,))


def operator(shift: F, square: F) -> Callable[[Sequence[Any], Sequence[Any], Callable[[Any], Any]], list[Any]]:
    """``K(z) g`` for n = 1, m = 2.

    With ``w^2 = q + 4 |z|^2``, ``(q I + 4 z^T z)^(1/2) = sqrt(q) I + 4 z^T z / (w + sqrt(q))``.
    """

    def apply(z: Sequence[Any], g: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
        w = sqrt(square + 4 * (z[0] * z[0] + z[1] * z[1]))
        base = sqrt(square + 0 * z[0])
        along = 4 * (z[0] * g[0] + z[1] * g[1]) / (w + base)
        return [((shift + w) * g[i] + (base - shift) * g[i] + along * z[i]) / 2 for i in range(2)]

    return apply


def in_balls(profile: Profile) -> SimulationResult:
    """Both flows of the example in balls; wrong are the relaxed formula with lambda = 4, and mu = 41/10."""
    from .._enclosed import Reduced, enclosed

    case = Reduced("linear:1-3-2", UNBALANCED.point, Loss.squared((3, 4)), operator(F(3), F(25)))
    wrong = {"mu = 41/10": operator(F(31, 10), F(51, 10) ** 2), "lambda = 4 alone": operator(F(4), F(16))}
    chosen = dict(list(wrong.items())[: 1 + profile.effort])
    return enclosed(case, chosen, time=F(1, 16), marks=4, names=("Z[1, 1]", "Z[1, 2]"))


def side_by_side(profile: Profile) -> SimulationResult:
    """The example in float64."""
    from ...oracles.models import known_laws
    from .. import _reduced

    run = Run(UNBALANCED, Loss.squared((3, 4)))
    found = compared(run, flow_of(UNBALANCED), time=0.25, steps=16 * 2**profile.effort, halvings=3)
    law = known_laws(UNBALANCED.model)[0].polynomials()[0]
    return _reduced.side_by_side(found, ("Z[1, 1]", "Z[1, 2]"), law)


def fibres() -> Table:
    """The dimensions of the fibre that the theory states."""
    cells: list[tuple[int, ...]] = []
    for (n, m, r), f in FIBRES.items():
        start = structured((n, m, r), inertias(n, m, min(r, n + m))[0], "distinct", 1)
        cells.append((n, m, r, len(criterion(start).basis), start.classified().fibre_dimension, f))
    columns = ("n", "m", "r", "dim of the kernel", "f", "stated")
    return Table("Dimension of the fibre at full ranks", columns, cells, all(len(set(row[3:])) == 1 for row in cells))


CASES = (
    CaseKind("1", "r = 1, or n = m = 1: always", "yes"),
    CaseKind("2", "2 ≤ r ≤ min(n, m): iff Delta is a multiple of the identity", "part"),
    CaseKind("3", "min(n, m) < r = max(n, m): iff Delta is a multiple of the identity", "part"),
    CaseKind("4", "min(n, m) < r < max(n, m): never", "no"),
    CaseKind("5", "max(n, m) < r < n + m: never", "no"),
    CaseKind("6", "r ≥ n + m: iff Delta has one positive and one negative value, apart from zeros", "part"),
)


def picture() -> CaseMap:
    """Every (n, m, r) with n, m up to 5, decided by the classification, and compared with the cases of the statement.

    From r = 2 * 5 on nothing changes any more: every pair is in case 6, but for n = m = 1.
    """
    from ...oracles.intrinsic import case_table

    bound = 5
    cells = {(cell.n, cell.m, cell.r): cell for cell in case_table(bound, 2 * bound)}
    span = range(1, bound + 1)
    panels = [
        Panel(f"r = {r}", ["".join(str(cells[n, m, r].case) for m in span) for n in span])
        for r in range(1, 2 * bound + 1)
    ]
    agrees = all(stated(*sizes) == (cell.case, cell.condition) for sizes, cell in cells.items())
    names = [str(k) for k in span]
    return CaseMap(
        "For which initializations Z follows a flow of its own",
        "m",
        "n",
        names,
        names,
        CASES,
        panels,
        "Full ranks; where P has a smaller rank rho, the panel r = rho is about Delta_0 (case 7). Each cell is decided "
        "at one point with distinct eigenvalues and at the most degenerate point of each inertia.",
        agrees,
    )


def stated(n: int, m: int, r: int) -> tuple[int, str]:
    """The case and the condition that the statement gives by sizes."""
    low, high = min(n, m), max(n, m)
    if r == 1 or high == 1:
        return 1, "always"
    if r <= low or r == high:
        return 2 if r <= low else 3, "relaxed balanced only"
    if r < n + m:
        return 4 if r < high else 5, "never"
    return 6, "two-valued spectrum"


AGREES = Property(
    name="kernel-criterion",
    says="Random points of all widths, ranks, inertias and multiplicities: the classification says what exact linear "
    "algebra finds on the kernel of dphi and dDelta.",
    arithmetic="rational",
    cases=starts,
    check=check,
    examples=(UNBALANCED, PERTURBED),
)


def _rule(name: str, says: str, rule: Rule, example: Start) -> Mutant:
    return changed(replace(AGREES, check=partial(check, rule=rule), examples=(example,)), name, says)


def _scalar(_start: Start, said: Classification) -> bool:
    return len(said.multiplicities) <= 1


def _delta_scalar(start: Start) -> bool:
    D = start.delta
    return all(x == (D[0][0] if i == j else 0) for i, row in enumerate(D) for j, x in enumerate(row))


THEOREM = Theorem(
    id="A3.linear2.converse",
    title="The metric property of two-layer linear networks, decided",
    summary="Seven cases say for which widths and which Delta the product of two matrices follows a flow of its own.",
    source="A3 Theorem 3.9 for necessity with r <= max(n, m); the complete answer derived",
    status="derived",
    hypotheses=(
        "phi(U, V) = U V^T, P = (U; V) of rank rho, U and V of the largest ranks that rho allows.",
        "Delta_0 is Delta on the row space of P; the property is meant locally on the orbit of P under SO_0(n, m).",
    ),
    statement=r"\dim \{ Y \in so(\rho) : [\Delta_0, Y] = 0 \} = a(n) + a(m) + (n - \operatorname{rank} U)(m - "
    r"\operatorname{rank} V) - a(N - \rho), \qquad a(k) = \tfrac{k(k-1)}{2}",
    assumes=("A3.kernel-criterion", "A3.fibre-dimension", "A3.linear2.lifted-flow", "A1.two-layer-linear.lie-algebra"),
    derivation=derivation,
    tables=(fibres,),
    pictures=(picture,),
    properties=(
        AGREES,
        Property(
            name="closed-forms",
            says="At points of full ranks a closed form exists iff the classification says so, and gives both Gram "
            "matrices within a derived bound.",
            arithmetic="float64",
            cases=lambda: starts(deficient=False).filter(full_ranks),
            check=check_forms,
            examples=(UNBALANCED, PERTURBED),
        ),
    ),
    simulations=(
        both_flows("linear:2-1-3", "generic", "Case 1, one hidden neuron: both flows from any initialization."),
        Simulation("campaign", "Structured random points of every case, decided twice.", campaign),
        Simulation("eigenvalue-off", "One eigenvalue moved off the two values.", eigenvalue_off),
        Simulation("side-by-side", "The example that is not relaxed balanced: both flows.", side_by_side),
        Simulation("in-balls", "The same in balls; wrong values of Delta are proved wrong.", in_balls),
    ),
    mutants=(
        _rule("always", "The property holds everywhere.", lambda _s, _c: True, PERTURBED),
        _rule("relaxed-balanced", "It holds iff Delta_0 is a multiple of the identity.", _scalar, UNBALANCED),
        _rule(
            "wide-never",
            "It never holds for r > max(n, m), unless n = m = 1.",
            lambda s, c: bool(c.holds) and s.sizes[2] <= max(s.sizes[:2]),
            UNBALANCED,
        ),
        _rule(
            "two-values",
            "At most two distinct eigenvalues are enough.",
            lambda _s, c: len(c.multiplicities) <= 2,
            structured((2, 2, 3), (2, 1, 0), "equal", 2),
        ),
        _rule(
            "between",
            "Relaxed balance is enough for min(n, m) < r < max(n, m).",
            lambda s, c: bool(c.holds) or _scalar(s, c),
            structured((1, 3, 2), (0, 2, 0), "equal", 2),
        ),
        _rule(
            "deficient",
            "At P of deficient rank Delta itself, with its zeros, has to be a multiple of the identity.",
            lambda s, c: bool(c.holds) and (c.case != 7 or _delta_scalar(s)),
            structured((2, 2, 3), (2, 0, 0), "equal", 2),
        ),
        Mutant(
            "perturbed-eigenvalue",
            "With Delta = diag(4, -1, -441/400) rotations are all of the kernel.",
            rejects=lambda: inclusion_at(PERTURBED),
        ),
        Mutant(
            "distinct-eigenvalues",
            "For (2, 2, 2) the property holds for every Delta.",
            refutes=lambda: violation_at(structured((2, 2, 2), (2, 0, 0), "distinct", 2)),
        ),
    ),
)
