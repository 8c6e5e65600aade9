"""A3.linear2.lifted-flow: how Z = U V^T moves, seen from the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

from .._both_flows import both_flows
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._two_layer_flow import EXAMPLE, SPIRAL, Run, Start, changed, fibre, node, rows, runs, starts

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate
    from ...oracles.intrinsic.linear.matrices import Matrix
    from ...simulations import CertifiedFlow

F = Fraction
SIZES = ((1, 2, 2), (2, 2, 2), (2, 3, 1))
TURNED = Start(
    *(
        rows([[F(3, 5) * a + F(4, 5) * b, F(-4, 5) * a + F(3, 5) * b] for a, b in part])
        for part in (EXAMPLE.U, EXAMPLE.V)
    )
)
"""``(U R, V R)`` for the relaxed balanced example."""
SLOPE = (1, 2, 0, -1)
"""G = [[1, 2], [0, -1]]."""
KNOWN = (F(-553913, 304200), F(-545821, 152100), F(-616, 12675), F(472769, 304200))
"""Z' at the example, row by row, as the theory states it."""
Formula = Callable[[Start, "Matrix"], "Matrix"]


def derivation() -> Iterator[Step]:
    """The metric from the coordinates of the model; the flow of Z; two pairs of points."""
    for n, m, r in SIZES:
        yield Step(
            f"The inner products of the gradients of all entries of U V^T, n = {n}, m = {m}, r = {r}, all parameters "
            "free: computed from the coordinates of the model on the left, from the two Gram matrices on the right.",
            r"M_{(ij)(kl)} = \langle \nabla \phi_{ij}, \nabla \phi_{kl} \rangle = (U U^\top)_{ik}\, \delta_{jl} + "
            r"\delta_{ik}\, (V V^\top)_{jl}",
            _metric(n, m, r),
        )
    yield Step(
        "With G = grad f(Z) the flow of the parameters is U' = -G V, V' = -G^T U, and the product rule gives Z'. Here "
        "with U, V and G free, (n, m, r) = (2, 3, 2).",
        r"Z' = U' V^\top + U V'^\top = -\bigl( U U^\top G + G\, V V^\top \bigr)",
        _product_rule(2, 3, 2),
    )
    yield Step(
        "At the relaxed balanced example of (2, 2, 2) and G = [[1, 2], [0, -1]], exactly.",
        r"Z' = \begin{pmatrix} -553913/304200 & -545821/152100 \\ -616/12675 & 472769/304200 \end{pmatrix}",
        _value(),
    )
    yield Step(
        "Z' sees more than Z and Delta: U = diag(2, 1), V = diag(1, 2), and the same turned on the left by one "
        "rotation, have Z = 2 I and Delta = diag(3, -3), and different entries of M. So with a generic Delta no K(Z) "
        "exists; where one does is A3.linear2.converse.",
        r"(R U)(R V)^\top = R\,(2 I)\,R^\top = 2 I, \qquad (R U)(R U)^\top = R\, U U^\top R^\top \neq U U^\top",
        fibre(SPIRAL, (0, 2)),
    )


def _metric(n: int, m: int, r: int) -> Certificate:
    from ...oracles.models import DeepLinear
    from ...oracles.polynomials import orthogonality
    from ...oracles.proofs import Matrix, add, identity

    phi = DeepLinear((n, r, m)).coordinates()
    U, V = Matrix.symbols(n, r), Matrix.symbols(r, m, n * r).T
    left, right = (U @ U.T).rows, (V @ V.T).rows
    pairs = [
        (
            node(orthogonality(phi[i * m + j], phi[a * m + b])),
            add(left[i][a] if j == b else 0, right[j][b] if i == a else 0),
        )
        for (i, j), (a, b) in combinations_with_replacement([(i, j) for i in range(n) for j in range(m)], 2)
    ]
    return identity((n + m) * r, pairs)


def _product_rule(n: int, m: int, r: int) -> Certificate:
    from ...oracles.proofs import Matrix, identity

    U, V = Matrix.symbols(n, r), Matrix.symbols(m, r, n * r)
    G = Matrix.symbols(n, m, (n + m) * r)
    along = (G @ V).scaled(-1) @ V.T + U @ (G.T @ U).scaled(-1).T
    return identity((n + m) * r + n * m, along.equals(((U @ U.T) @ G + G @ (V @ V.T)).scaled(-1)))


def _value() -> Certificate:
    from ...oracles.proofs import Matrix, values

    U, V = Matrix.symbols(2, 2), Matrix.symbols(2, 2, 4).T
    G = Matrix(((1, 2), (0, -1)))
    along = ((U @ U.T) @ G + G @ (V @ V.T)).scaled(-1)
    entries = [entry for row in along.rows for entry in row]
    return values(EXAMPLE.point, zip(entries, KNOWN, strict=True))


def table() -> Table:
    """The example of the theory, from its parameters."""
    from ...oracles.intrinsic.linear.matrices import product

    G = ((1, 2), (0, -1))
    found = lifted(EXAMPLE, [list(row) for row in G])
    flatly = [x for row in found for x in row]
    cells = [(f"Z'[{i + 1}, {j + 1}]", str(found[i][j]), str(KNOWN[2 * i + j])) for i in range(2) for j in range(2)]
    same = product(TURNED.U, tuple(zip(*TURNED.V, strict=True))) == EXAMPLE.Z and TURNED.left == EXAMPLE.left
    return Table(
        "The lifted flow at the example", ("entry", "computed", "stated"), cells, tuple(flatly) == KNOWN and same
    )


def lifted(start: Start, G: Matrix) -> Matrix:
    """The statement."""
    from ...oracles.intrinsic.linear.matrices import added, product, scaled

    return scaled(added(product(start.left, G), product(G, start.right)), -1)


def left_alone(start: Start, G: Matrix) -> Matrix:
    """A wrong one: V stands still."""
    from ...oracles.intrinsic.linear.matrices import product, scaled

    return scaled(product(start.left, G), -1)


def difference(start: Start, G: Matrix) -> Matrix:
    """A wrong one: the difference of both terms."""
    from ...oracles.intrinsic.linear.matrices import added, product, scaled

    return added(product(G, start.right), scaled(product(start.left, G), -1))


def by_parameters(run: Run) -> list[F]:
    """``dphi (-grad E)`` at the start, exactly, from the polynomials of the model."""
    from ...simulations import Objective

    objective = Objective(run.start.model, run.loss)
    slope = objective.gradient(run.start.point)
    return [
        -sum((F(d.evaluate(run.start.point)) * slope[k] for k, d in phi.gradient().items()), F(0))
        for phi in objective.coordinates
    ]


def check(run: Run, formula: Formula = lifted) -> Residual:
    """The largest difference between Z' from all parameters and the formula."""
    n, m, _ = run.start.sizes
    z = [x for row in run.start.Z for x in row]
    g = [F(x) for x in run.loss.slope]
    for i, j, a in run.loss.curvature:
        g[i] += F(a) * z[j]
    expected = formula(run.start, [list(g[i * m : (i + 1) * m]) for i in range(n)])
    found = by_parameters(run)
    off = max(abs(a - F(b)) for a, b in zip(found, (x for row in expected for x in row), strict=True))
    return Residual(off, nontrivial=any(found))


def two_pairs(profile: Profile) -> SimulationResult:
    """Two points with the same Z and Delta, twice, each followed in balls.

    Residual: the proved upper bound of the distance of the two Z at the end for the relaxed balanced pair, infinite
    unless the generic pair is PROVED to part. Bound: two balls of radius rho each that overlap hold points at most
    4 rho apart.
    """
    from ...oracles.models import known_laws
    from ...simulations import Loss, Objective, certified_flow
    from ...simulations.enclosures import apart, image, within

    loss = Loss.squared((1, 0, 1, -1))
    time, marks = F(1), 8 + 8 * profile.effort
    times = [time * k / marks for k in range(1, marks + 1)]
    curves: list[Series] = []
    ends: list[F] = []
    limit = F(0)
    kept: list[tuple[str, float]] = []
    for name, pair in (("Delta = I", (EXAMPLE, TURNED)), ("Delta = diag(3, -3)", SPIRAL)):
        flows: list[CertifiedFlow] = []
        for start in pair:
            objective = Objective(start.model, loss)
            flows.append(certified_flow(objective, start.point, time=time, digits=12))
        phi = pair[0].model.coordinates()
        laws = known_laws(pair[0].model)[0].polynomials()
        kept.append((name, float(max(flow.drift(law) for flow in flows for law in laws))))
        images = [[image(flow.at(t), phi) for t in times] for flow in flows]
        relaxed = pair[0] is EXAMPLE
        distances = [(within if relaxed else apart)(a, b) for a, b in zip(*images, strict=True)]
        ends.append(distances[-1])
        if relaxed:
            limit = max(2 * (a.radius + b.radius) for a, b in zip(*images, strict=True))
        word = "at most" if relaxed else "at least"
        points = [(float(t), float(d)) for t, d in zip(times, distances, strict=True)]
        curves.append(Series(f"{name}: {word}", points, "bound" if relaxed else "line"))
    plot = Plot(
        "Two points with the same Z and the same laws",
        "time",
        "distance of both Z",
        curves,
        y_scale="log",
        caption="Proved bounds. With relaxed balance both points follow one flow of Z; with a generic Delta they part.",
    )
    residual = Residual(
        float(ends[0]) if ends[1] > 0 else float("inf"),
        float(limit),
        note=f"at the end the relaxed pair is at most {float(ends[0]):.0e} apart, the generic one at least "
        f"{float(ends[1]):.3f}",
    )
    table = Table("Delta along both flows", ("start", "an entry moves by at most (proved)"), kept)
    return SimulationResult(residual, (plot,), table, proved=True)


def same_metric_claimed() -> Certificate:
    """The claim that two representatives of a relaxed balanced point differ in an entry of M, with made-up values."""
    from ...oracles.proofs import two_points

    value = EXAMPLE.left[0][1]
    return two_points(EXAMPLE.model, None, (EXAMPLE.point, TURNED.point), (0, 2), (value, -value))


EXACT = Property(
    name="exact",
    says="Z' from the exact gradients of all parameters is the formula, for random widths, points and losses.",
    arithmetic="rational",
    cases=lambda: runs(starts(3, 4)),
    check=check,
)


def _wrong(name: str, says: str, formula: Formula) -> Mutant:
    from dataclasses import replace

    return changed(replace(EXACT, check=partial(check, formula=formula), says=says), name, says)


THEOREM = Theorem(
    id="A3.linear2.lifted-flow",
    title="The flow of the product of two matrices",
    summary="Z = U V^T moves by Z' = -(U U^T G + G V V^T): all that a reduced flow needs are two Gram matrices.",
    source="A3; derived",
    status="proved",
    hypotheses=("phi(U, V) = U V^T with U n x r and V m x r; a differentiable loss f of Z; G = grad f(Z).",),
    statement=r"Z' = -\bigl( U U^\top G + G\, V V^\top \bigr)",
    assumes=("A1.two-layer-linear.count",),
    derivation=derivation,
    tables=(table,),
    properties=(EXACT,),
    simulations=(
        both_flows(
            "linear:2-2-2", "relaxed:-1", "From a relaxed balanced point the lifted flow closes in Z: both flows."
        ),
        Simulation(
            name="two-pairs",
            says="Two points with the same Z and Delta: under relaxed balance Z(t) is the same; else they are proved "
            "to part.",
            run=two_pairs,
        ),
    ),
    mutants=(
        _wrong("one-side", "Only U U^T G moves Z.", left_alone),
        _wrong("difference", "The two terms are subtracted, as in Delta.", difference),
        Mutant(
            "always-intrinsic",
            "Z and Delta determine Z' for every initialization.",
            refutes=lambda: fibre(SPIRAL, (0, 2)),
        ),
        Mutant(
            "relaxed-pair-parts",
            "Two representatives of a relaxed balanced point have different metrics.",
            rejects=same_metric_claimed,
        ),
    ),
)
