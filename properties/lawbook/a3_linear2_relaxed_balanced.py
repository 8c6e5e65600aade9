"""A3.linear2.relaxed-balanced: where Delta is a multiple of the identity, both Gram matrices are functions of Z."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from ...simulations.objective import Loss
from .._both_flows import both_flows
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._two_layer_flow import (
    EXAMPLE,
    EXAMPLE_RUN,
    SPIRAL,
    TRAP,
    Run,
    Start,
    changed,
    compared,
    compared_residual,
    criterion,
    flow_of,
    inclusion_at,
    metric_residual,
    relaxed,
    relaxed_start,
    rows,
    runs,
    violation_at,
)

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate
    from ...oracles.intrinsic.linear.matrices import Matrix as Exact
    from ...oracles.proofs import Node

F = Fraction
SIZES = ((2, 2, 2), (3, 2, 2), (1, 3, 2))
LEFT = ((F(4729, 3600), F(14, 75)), (F(14, 75), F(569, 400)))
RIGHT = ((F(625, 2704), F(70, 507)), (F(70, 507), F(12289, 24336)))
PRODUCT = ((F(343, 624), F(89, 234)), (F(1, 26), F(497, 624)))
"""U U^T, V V^T and Z at the example, as the theory states them."""
NUDGE = F(1, 100)
PATTERNS = ((2, 2, 2), (3, 3, 2), (3, 2, 1), (3, 2, 3), (2, 3, 3), (4, 4, 3))
"""(n, m, r): square, with a bottleneck, and with r = max(n, m)."""


def derivation() -> Iterator[Step]:
    """Two identities, the choice of the root, where it may be restricted, and the kernel criterion."""
    yield Step(
        "Relaxed balance is kept: every entry of Delta is a law, here for (n, m, r) = (2, 2, 2).",
        r"\frac{d}{dt}\bigl( U^\top U - V^\top V \bigr) = 0",
        _laws(),
    )
    for n, m, r in SIZES:
        yield Step(
            f"What Delta says about the Gram matrices, whatever it is: n = {n}, m = {m}, r = {r}, U and V free.",
            r"(U U^\top)^2 - U \Delta U^\top = Z Z^\top, \qquad (V V^\top)^2 + V \Delta V^\top = Z^\top Z",
            _gram(n, m, r),
        )
    yield Step(
        "With Delta = lambda I this is a quadratic equation for U U^T. So it commutes with Z Z^T, and an eigenvalue "
        "x of it in a singular direction of Z with the value s solves x^2 - lambda x = s^2.",
        r"(U U^\top)^2 - \lambda\, U U^\top = Z Z^\top",
    )
    yield Step(
        "Both roots, with w^2 = lambda^2 + 4 s^2. Their product is -s^2: for s > 0 exactly one of them is positive, "
        "and U U^T has no negative eigenvalue.",
        r"x_\pm = \tfrac12 (\lambda \pm w), \qquad x_+ x_- = -s^2",
        _root(),
    )
    yield Step(
        "For s = 0 the roots are 0 and lambda, and rank U decides. lambda > 0 makes U^T U = lambda I + V^T V positive "
        "definite: r <= n and rank U U^T = r. With r = n every eigenvalue is positive, lambda where s = 0. With r < n "
        "and rank Z = r the r directions with s > 0 use up the rank, and the others have 0. For V V^T change the sign "
        "of lambda: where s = 0 its root -lambda is negative, and 0 is right.",
        r"r = n: \; U U^\top = \tfrac12 \bigl(\lambda I + w(Z Z^\top)\bigr); \qquad r < n: \; \text{the same on } "
        r"\operatorname{im} Z, \text{ and } 0 \text{ on } (\operatorname{im} Z)^\perp",
    )
    yield Step(
        "Where both formulas hold in all directions lambda cancels in the reduced flow but for its square: with "
        "n = m = r the flows for lambda and -lambda are the same.",
        r"U U^\top G + G\, V V^\top = \tfrac12 \bigl( w(Z Z^\top)\, G + G\, w(Z^\top Z) \bigr), \quad "
        r"w(S) = (\lambda^2 I + 4 S)^{1/2}",
    )
    yield Step(
        "The example of (2, 2, 2): Delta = I, and U U^T, V V^T, Z exactly.",
        r"(2\, U U^\top - I)^2 = I + 4 Z Z^\top",
        _example(),
    )
    yield Step(
        "There the kernel of dphi and dDelta has dimension 1. A rotation of the hidden layer spans it, and leaves "
        "U U^T and V V^T where they are.",
        r"\ker d\phi \cap \ker d\Delta = \{(U Y, V Y) : Y^\top = -Y\} \subset \ker dM",
        inclusion_at(EXAMPLE),
    )
    yield Step(
        "The trap: at u = (5/4, 0), v = (3/4, 0) the matrices diag(25/16, 0) and diag(25/16, 1) both solve the "
        "quadratic equation with lambda = 1. The first is u u^T.",
        r"\operatorname{diag}(\tfrac{25}{16}, x)^2 - \operatorname{diag}(\tfrac{25}{16}, x) = "
        r"\operatorname{diag}(\tfrac{225}{256}, 0) \iff x \in \{0, 1\}",
        trap_values(0),
    )


def _laws() -> Certificate:
    from ...oracles.models import known_laws
    from ...oracles.proofs import conserved

    return conserved(EXAMPLE.model, [law for family in known_laws(EXAMPLE.model) for law in family.polynomials()])


def _gram(n: int, m: int, r: int) -> Certificate:
    from ...oracles.proofs import Matrix, identity

    U, V = Matrix.symbols(n, r), Matrix.symbols(m, r, n * r)
    delta, Z = U.T @ U - V.T @ V, U @ V.T
    left, right = U @ U.T, V @ V.T
    pairs = (left @ left - U @ delta @ U.T).equals(Z @ Z.T) + (right @ right + V @ delta @ V.T).equals(Z.T @ Z)
    return identity((n + m) * r, pairs)


def _root() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, power, subtract, symbol

    value, w = symbol(0), symbol(1)
    quarter, half = F(1, 4), F(1, 2)
    square = multiply(quarter, subtract(power(w, 2), power(value, 2)))
    pairs: list[tuple[Node, Node]] = []
    for root in (multiply(half, add(value, w)), multiply(half, subtract(value, w))):
        pairs.append((subtract(power(root, 2), multiply(value, root)), square))
    both = multiply(multiply(half, add(value, w)), multiply(half, subtract(value, w)))
    return identity(2, [*pairs, (both, multiply(-1, square))])


def _example() -> Certificate:
    from ...oracles.proofs import Matrix, values

    U, V = Matrix.symbols(2, 2), Matrix.symbols(2, 2, 4).T
    delta = U.T @ U - V.T @ V
    one = ((F(1), F(0)), (F(0), F(1)))
    claims = ((delta, one), (U @ V.T, PRODUCT), (U @ U.T, LEFT), (V @ V.T, RIGHT))
    pairs = [
        (tree, x)
        for found, stated in claims
        for a, b in zip(found.rows, stated, strict=True)
        for tree, x in zip(a, b, strict=True)
    ]
    return values(EXAMPLE.point, pairs)


def trap_values(outside: int) -> Certificate:
    """Z Z^T and u u^T at the trap, u u^T claimed to be diag(25/16, outside), and the quadratic equation of that."""
    from ...oracles.proofs import Matrix, add, multiply, subtract, values

    U, V = Matrix.symbols(2, 1), Matrix.symbols(1, 2, 2).T
    gram, Z = U @ U.T, U @ V.T
    stated = [[F(25, 16), F(0)], [F(0), F(outside)]]
    pairs = [(gram.rows[i][j], stated[i][j]) for i in range(2) for j in range(2)]
    for i in range(2):
        x = stated[i][i]
        pairs.append((subtract(add(multiply(x * x), multiply(-1, x)), (Z @ Z.T).rows[i][i]), F(0)))
    return values(TRAP.point, pairs)


def table() -> Table:
    """Both examples through the closed form in float64, beside the exact matrices."""
    cells: list[tuple[str, str, float, float]] = []
    off: list[Residual] = []
    for name, start in (("(2, 2, 2)", EXAMPLE), ("(2, 2, 1)", TRAP)):
        import numpy as np

        flow = flow_of(start)
        left, right = flow.metric(np.array([[float(x) for x in row] for row in start.Z]))
        for label, exact, found in (("U U^T", start.left, left), ("V V^T", start.right, right)):
            for i in range(2):
                for j in range(i, 2):
                    cells.append(
                        (name, f"{label}[{i + 1}, {j + 1}] = {exact[i][j]}", float(exact[i][j]), float(found[i, j]))
                    )
        off.append(metric_residual(start, flow))
    agrees = all(residual.holds for residual in off) and (rows(EXAMPLE.left), rows(EXAMPLE.right)) == (LEFT, RIGHT)
    return Table("Gram matrices from Z alone", ("(n, m, r)", "exact", "as a float", "closed form"), cells, agrees)


def check_quadratic(start: Start, sign: int = 1) -> Residual:
    """How many of these fail: the two squares, the sign of the root, and the ranks; all exact.

    ``sign = -1`` takes the other root.
    """
    from ...oracles.intrinsic.linear.matrices import added, identity, product, rank, scaled, transposed

    n, m, r = start.sizes
    value = F(start.delta[0][0])
    Z, W = start.Z, transposed(start.Z)
    bad = 0
    for gram, A, lam, size in ((start.left, Z, value, n), (start.right, W, -value, m)):
        root = added(scaled(gram, 2), scaled(identity(size), -lam))
        square = added(scaled(identity(size), lam**2), scaled(product(A, transposed(A)), 4))
        bad += product(root, root) != square
        # on the image of A the root has no negative eigenvalue
        bad += not semidefinite(scaled(product(transposed(A), root, A), sign))
        bad += rank(gram) != (r if lam > 0 else rank(A))
    return Residual(bad, nontrivial=any(any(row) for row in Z))


def semidefinite(matrix: Exact) -> bool:
    """Whether a symmetric matrix has no negative eigenvalue: the signs of its characteristic polynomial alternate."""
    from ...oracles.intrinsic.linear.matrices import to_flint

    found = to_flint(matrix, len(matrix)).charpoly().coeffs()
    return all(c * (-1) ** (len(matrix) - k) >= 0 for k, c in enumerate(found))


def check_criterion(start: Start) -> Residual:
    """The largest change of an entry of M along the kernel."""
    found = criterion(start)
    return Residual(found.change, nontrivial=bool(found.basis) or min(start.sizes[2], *start.sizes[:2]) == 1)


def check_metric(start: Start) -> Residual:
    """The closed form in float64 against the exact Gram matrices."""
    return metric_residual(start, flow_of(start))


def check_flow(run: Run) -> Residual:
    """Both flows."""
    return compared_residual(run, flow_of(run.start))


def outside_the_image(start: Start) -> Residual:
    """Wrong: lambda in the directions orthogonal to the image."""
    n, m, _ = start.sizes
    return metric_residual(start, replace(flow_of(start), left=n, right=m))


def perturbed_value(start: Start) -> Residual:
    """Wrong: lambda is off by 1/100."""
    flow = flow_of(start)
    shift = flow.shift + 0.01
    return metric_residual(start, replace(flow, shift=shift, square=shift**2))


def rotated_layer(run: Run) -> Residual:
    """Wrong: one layer turned by a rotation keeps the reduced flow."""
    turned = Start(rows([[F(3, 5) * a - F(4, 5) * b, F(4, 5) * a + F(3, 5) * b] for a, b in run.start.U]), run.start.V)
    return compared_residual(Run(turned, run.loss), flow_of(run.start))


def perturbed_start(run: Run, size: F = NUDGE) -> Residual:
    """Wrong: a point near a relaxed balanced one follows its reduced flow."""
    return compared_residual(Run(nudged(run.start, size), run.loss), flow_of(run.start))


def nudged(start: Start, size: F) -> Start:
    """One weight moved."""
    (first, *others), *lower = start.U
    return Start(((first + size, *others), *lower), start.V)


def operator(value: F, branch: int = 1) -> Callable[[Sequence[Any], Sequence[Any], Callable[[Any], Any]], list[Any]]:
    """``K(z) g`` for 2 x 2 matrices, by the square root ``(A + sqrt(det A) I) / sqrt(tr A + 2 sqrt(det A))``."""

    def apply(z: Sequence[Any], g: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
        a, b, c, d = z
        lam2 = value * value
        det = sqrt((lam2 + 4 * (a * a + b * b)) * (lam2 + 4 * (c * c + d * d)) - 16 * (a * c + b * d) ** 2)
        scale = sqrt(2 * lam2 + 4 * (a * a + b * b + c * c + d * d) + 2 * det)

        def half(first: Any, cross: Any, last: Any, lam: F) -> tuple[Any, Any, Any]:
            roots = ((lam2 + 4 * first + det) / scale, 4 * cross / scale, (lam2 + 4 * last + det) / scale)
            return (lam + branch * roots[0]) / 2, branch * roots[1] / 2, (lam + branch * roots[2]) / 2

        p, q, s = half(a * a + b * b, a * c + b * d, c * c + d * d, value)
        t, u, v = half(a * a + c * c, a * b + c * d, b * b + d * d, -value)
        return [
            p * g[0] + q * g[2] + g[0] * t + g[1] * u,
            p * g[1] + q * g[3] + g[0] * u + g[1] * v,
            q * g[0] + s * g[2] + g[2] * t + g[3] * u,
            q * g[1] + s * g[3] + g[2] * u + g[3] * v,
        ]

    return apply


def in_balls(profile: Profile) -> SimulationResult:
    """Both flows of the example in balls, and wrong reduced flows: another lambda, none, and the other root.

    The sign of lambda is no mutant here: with n = m = r it cancels in U U^T G + G V V^T.
    """
    from .._enclosed import Reduced, enclosed

    case = Reduced("linear:2-2-2", EXAMPLE.point, EXAMPLE_RUN.loss, operator(F(1)))
    wrong = {
        "lambda = 101/100": operator(F(101, 100)),
        "balanced formula (lambda = 0)": operator(F(0)),
        "the other root": operator(F(1), -1),
    }
    chosen = dict(list(wrong.items())[: profile.effort + 1])
    return enclosed(case, chosen, time=F(1, 4), marks=4 * (profile.effort + 1), names=NAMES)


NAMES = tuple(f"Z[{i}, {j}]" for i in (1, 2) for j in (1, 2))


def side_by_side(profile: Profile) -> SimulationResult:
    """The example in float64 on four grids, with the level set of an entry of Delta."""
    from ...oracles.models import known_laws
    from .. import _reduced

    found = compared(EXAMPLE_RUN, flow_of(EXAMPLE), time=1.0, steps=8 * 2**profile.effort, halvings=3)
    law = known_laws(EXAMPLE.model)[0].polynomials()[0]
    return _reduced.side_by_side(found, NAMES, law, note=f"orders {', '.join(f'{s:.2f}' for s in found.slopes)}")


def widths(profile: Profile) -> SimulationResult:
    """All width patterns of the statement, and how far a perturbed start drifts from its reduced flow.

    Residual: the largest distance over its bound. It holds iff that is at most 1 and each perturbation of 1/10 or more
    is seen above the bound.
    """
    ratios: list[float] = []
    cells: list[tuple[str, str, float, float]] = []
    drifts: list[Series] = []
    for sizes in PATTERNS:
        n, m, r = sizes
        value = F(-1) if r > n else F(1)
        start = relaxed_start(sizes, value, (F(2), F(3, 2), F(5, 3)), 1)
        run = Run(start, Loss.squared([F((3 * k) % 5 - 2, 2) for k in range(n * m)]))
        flow = flow_of(start)
        steps = 16 * 2**profile.effort
        found = compared(run, flow, time=0.25, steps=steps)
        ratios.append(found.distance / found.bound)
        cells.append((f"({n}, {m}, {r})", flow.form.name, found.distance, found.bound))
        points: list[tuple[float, float]] = []
        for k in range(1, 4 + profile.effort):
            off = compared(Run(nudged(start, F(1, 10 * 4 ** (k - 1))), run.loss), flow, time=0.25, steps=steps)
            points.append((10.0**-1 / 4 ** (k - 1), off.distance))
            if k == 1 and not off.distance > off.bound:
                ratios.append(float("inf"))
        drifts.append(Series(f"(n, m, r) = ({n}, {m}, {r})", points))
    plot = Plot(
        "Relaxed balance perturbed: how far Z leaves the reduced flow",
        "perturbation of one weight",
        "largest distance",
        drifts,
        x_scale="log",
        y_scale="log",
        caption="In proportion to the perturbation.",
    )
    columns = ("(n, m, r)", "form", "distance of both flows", "integration accounts for")
    return SimulationResult(
        Residual(max(ratios), 1), (plot,), Table("Every width pattern of the statement", columns, cells)
    )


METRIC = Property(
    name="gram-from-z",
    says="U U^T and V V^T from Z and lambda alone, in float64, within a derived bound of the exact matrices.",
    arithmetic="float64",
    cases=relaxed,
    check=check_metric,
    examples=(EXAMPLE, TRAP),
)
FLOWS = Property(
    name="random-flows",
    says="The full and the reduced flow agree to what integration and rounding account for, for random losses.",
    arithmetic="float64",
    cases=lambda: runs(relaxed()),
    check=check_flow,
    share=0.3,
)
QUADRATIC = Property(
    name="quadratic",
    says="2 U U^T - lambda I squares to lambda^2 I + 4 Z Z^T, is not negative on the image of Z, and ranks are as "
    "stated; the same for V V^T.",
    arithmetic="rational",
    cases=relaxed,
    check=check_quadratic,
    examples=(EXAMPLE, TRAP),
)


def _two_wide() -> Any:
    return runs(relaxed().filter(lambda start: start.sizes == (2, 2, 2)))


THEOREM = Theorem(
    id="A3.linear2.relaxed-balanced",
    title="Relaxed balanced two-layer networks",
    summary="Where U^T U - V^T V is a multiple of the identity, Z follows a flow of its own, in closed form.",
    source="A3 Definition 3.6, Theorem 3.8; the exact domain derived",
    status="proved",
    hypotheses=(
        "phi(U, V) = U V^T, and Delta = U^T U - V^T V = lambda I_r at the start (lambda > 0 needs r <= n, lambda < 0 "
        "needs r <= m).",
        "Either lambda = 0, or lambda > 0 and r = n, or lambda < 0 and r = m: then for all Z. Otherwise rank Z = r.",
    ),
    statement=r"U U^\top = A\, \tfrac12 \bigl(\lambda I + (\lambda^2 I + 4 S^2)^{1/2}\bigr) A^\top, \quad "
    r"V V^\top = B\, \tfrac12 \bigl(-\lambda I + (\lambda^2 I + 4 S^2)^{1/2}\bigr) B^\top, \quad Z = A S B^\top",
    assumes=("A3.linear2.lifted-flow", "A1.two-layer-linear.count"),
    derivation=derivation,
    tables=(table,),
    properties=(
        QUADRATIC,
        METRIC,
        Property(
            name="criterion",
            says="At random relaxed balanced points with r <= min(n, m) or r = max(n, m), dM vanishes on the kernel of "
            "dphi and dDelta.",
            arithmetic="rational",
            cases=relaxed,
            check=check_criterion,
            examples=(EXAMPLE, TRAP),
        ),
        FLOWS,
    ),
    simulations=(
        both_flows(
            "linear:3-2-2",
            "relaxed:1",
            "Fewer hidden neurons than outputs: U U^T lives on the image of Z, and both flows agree.",
        ),
        Simulation("side-by-side", "All parameters and Z alone: the distance falls at the order of RK4.", side_by_side),
        Simulation("in-balls", "The two flows enclosed: they overlap, and wrong formulas are proved wrong.", in_balls),
        Simulation("widths", "Every width pattern, and starts that are not quite relaxed balanced.", widths),
    ),
    mutants=(
        changed(
            replace(METRIC, check=outside_the_image),
            "lambda-outside-the-image",
            "The formula holds in all directions, also orthogonally to the image of Z where r < n.",
        ),
        changed(
            replace(QUADRATIC, check=partial(check_quadratic, sign=-1)),
            "other-root",
            "U U^T is the other root of the quadratic equation.",
        ),
        changed(replace(METRIC, check=perturbed_value), "lambda-perturbed", "lambda may be off by 1/100."),
        changed(
            replace(FLOWS, cases=_two_wide, check=rotated_layer, examples=(EXAMPLE_RUN,)),
            "rotated-layer",
            "A rotation of one layer keeps the reduced flow.",
        ),
        changed(
            replace(FLOWS, cases=_two_wide, check=perturbed_start, examples=(EXAMPLE_RUN,)),
            "perturbed-start",
            "A start within 1/100 of a relaxed balanced one has the same reduced flow.",
        ),
        Mutant(
            "not-needed",
            "The metric is a function of Z and Delta without relaxed balance.",
            refutes=lambda: violation_at(SPIRAL[0]),
        ),
        Mutant("trap", "At the trap u u^T is diag(25/16, 1).", rejects=lambda: trap_values(1)),
    ),
)
