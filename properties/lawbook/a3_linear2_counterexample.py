"""A3.linear2.counterexample: relaxed balanced, and still no flow of Z alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

from ...simulations.objective import Loss
from .._both_flows import both_flows
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._two_layer_flow import (
    TWINS,
    Start,
    changed,
    criterion,
    fibre,
    inclusion_at,
    jacobian,
    relaxed,
    relaxed_start,
    rows,
    violation_at,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.intrinsic.linear.matrices import Matrix as Exact
    from ...simulations import Enclosure

F = Fraction
KERNELS = {(1, 3, 2): 2, (2, 4, 3): 4, (2, 5, 3): 5}
"""(n, m, r) and the dimension of ker dphi cap ker dDelta that the theory states."""
VELOCITIES = (F(-25, 16), F(-9, 16))
"""The entry of Z' that differs, for G = e_2^T, at the two points."""


def derivation() -> Iterator[Step]:
    """The two points, the curve between them, dimensions, and violations for other sizes."""
    yield Step(
        "Two points of (1, 3, 2): U = (3/4, 0) with V = [(5/4) e_1, e_2] or V' = [(5/4) e_1, e_3]. Both have Delta = "
        "-I and Z = (15/16) e_1^T; V V^T and Z' for G = e_2^T differ. The first:",
        r"V V^\top = \operatorname{diag}(\tfrac{25}{16}, 1, 0), \qquad Z' = -\tfrac{25}{16}\, e_2^\top",
        point_values(TWINS[0], VELOCITIES[0]),
    )
    yield Step(
        "The second:",
        r"V' V'^\top = \operatorname{diag}(\tfrac{25}{16}, 0, 1), \qquad Z' = -\tfrac{9}{16}\, e_2^\top",
        point_values(TWINS[1], VELOCITIES[1]),
    )
    yield Step(
        "The kernel compares both points: same coordinates of phi, same laws, different M. No K(Z) exists on this "
        "level set.",
        r"\phi(\theta) = \phi(\theta'), \; h(\theta) = h(\theta'), \; M(\theta) \neq M(\theta')",
        fibre(TWINS, (1, 1)),
    )
    yield Step(
        "They lie on one orbit: turning the last two rows of V by any angle, with cosine c and sine s, keeps Z and, "
        "since c^2 + s^2 = 1, Delta; the rotations are in SO_0(1, 3). Identities in c and s.",
        r"V(c, s) = [\tfrac54 e_1,\; c\, e_2 + s\, e_3]: \quad Z = \tfrac{15}{16} e_1^\top, \; "
        r"\Delta + \operatorname{diag}(1, c^2 + s^2) = 0",
        _curve(),
    )
    yield Step(
        "With min(n, m) < r < max(n, m), say n < r < m, and full ranks the fibre has dimension "
        "f = a(n) + a(m) - a(n + m - r), a(k) = k(k - 1)/2. The rotations of the hidden layer account for a(r) of it "
        "at most, and the rest is not empty.",
        r"f - a(r) = (r - n)(m - r) > 0",
        _excess(),
    )
    for sizes, k in KERNELS.items():
        start = example(sizes)
        shown = f"(n, m, r) = {sizes}, lambda = -1"
        yield Step(
            f"{shown}: dphi and dDelta have the rank {len(jacobian(start)[0]) - k} on {len(jacobian(start)[0])} "
            f"parameters, so the kernel has dimension {k}.",
            certificate=_rank(start),
        )
        yield Step(f"{shown}: a direction of it changes an entry of M.", certificate=violation_at(start))


def point_values(start: Start, velocity: F) -> Certificate:
    """Delta, Z, V V^T and Z' for G = e_2^T at one of the two points."""
    from ...oracles.proofs import Matrix, add, multiply, values

    U, V = Matrix.symbols(1, 2), Matrix.symbols(2, 3, 2).T
    delta, Z, right, left = U.T @ U - V.T @ V, U @ V.T, V @ V.T, U @ U.T
    last = [F(x) for row in start.V for x in row[1:]]
    diagonal = (F(25, 16), last[1], last[2])
    pairs = [(delta.rows[i][j], F(-(i == j))) for i in range(2) for j in range(2)]
    pairs += [(Z.rows[0][j], F(15, 16) * (j == 0)) for j in range(3)]
    pairs += [(right.rows[i][j], diagonal[i] * (i == j)) for i in range(3) for j in range(3)]
    for j in range(3):  # Z' = -(left G + G right)
        moved = add(multiply(-1, left.rows[0][0]) if j == 1 else 0, multiply(-1, right.rows[1][j]))
        pairs.append((moved, velocity if j == 1 else F(0)))
    return values(start.point, pairs)


def _curve() -> Certificate:
    from ...oracles.proofs import Matrix, add, identity, multiply, power, symbol

    c, s = symbol(0), symbol(1)
    U, V = Matrix(((multiply(F(3, 4)), 0),)), Matrix(((multiply(F(5, 4)), 0), (0, c), (0, s)))
    delta = U.T @ U - V.T @ V
    circle = multiply(-1, add(power(c, 2), power(s, 2)))
    pairs = delta.equals(Matrix(((-1, 0), (0, circle))))
    return identity(2, [*pairs, *(U @ V.T).equals(Matrix(((multiply(F(15, 16)), 0, 0),)))])


def _excess() -> Certificate:
    from ...oracles.proofs import Node, add, identity, multiply, subtract, symbol

    n, m, r = symbol(0), symbol(1), symbol(2)

    def a(k: Node) -> Node:
        return multiply(F(1, 2), k, subtract(k, 1))

    f = subtract(add(a(n), a(m)), a(subtract(add(n, m), r)))
    return identity(3, [(subtract(f, a(r)), multiply(subtract(r, n), subtract(m, r)))])


def example(sizes: tuple[int, int, int]) -> Start:
    """A relaxed balanced point with lambda = -1, not in a special position."""
    return relaxed_start(sizes, F(-1), (F(2), F(3, 2)), 1)


def _rank(start: Start) -> Certificate:
    from ...oracles.proofs import exact_rank

    return exact_rank(jacobian(start))


def table() -> Table:
    """The two points, from their parameters; then the kernels at other sizes."""
    cells: list[tuple[str, str, str, str]] = []
    good = True
    for name, start, velocity in zip(("V", "V'"), TWINS, VELOCITIES, strict=True):
        moved = -F(start.left[0][0]) - start.right[1][1]
        good &= moved == velocity
        cells.append((f"(1, 3, 2), {name}", "Z'[1, 2] for G = e_2^T", str(moved), str(velocity)))
    for sizes, k in KERNELS.items():
        found = criterion(example(sizes))
        good &= len(found.basis) == k and not found.holds
        cells.append((str(sizes), "dim of the kernel", str(len(found.basis)), str(k)))
    return Table("Relaxed balanced, and not intrinsic", ("where", "what", "computed", "stated"), cells, good)


def check(start: Start) -> Residual:
    """0 iff some direction of the kernel changes M."""
    return Residual(int(criterion(start).holds))


def twin(start: Start, seed: int) -> Start:
    """The factor with more rows, turned by a rotation (two reflections) that fixes the image of Z there."""
    from ...oracles.intrinsic.linear.matrices import product, transposed
    from ...oracles.proofs import kernel_vectors

    n, m, _ = start.sizes
    random = Random(seed)
    turned: Exact = [list(row) for row in (start.V if m > n else start.U)]
    kernel = kernel_vectors(start.Z if m > n else transposed(start.Z))
    for _ in range(2):
        weights = [random.randint(-3, 3) or 1 for _ in kernel]
        v = [
            sum((F(w) * x for w, x in zip(weights, column, strict=True)), F(0)) for column in zip(*kernel, strict=True)
        ]
        size = sum((x * x for x in v), F(0))
        R = [[(i == j) - 2 * x * y / size for j, y in enumerate(v)] for i, x in enumerate(v)]
        turned = product(R, turned)
    return Start(start.U, rows(turned)) if m > n else Start(rows(turned), start.V)


def check_twins(start: Start) -> Residual:
    """0 iff another point with the same Z and Delta and with another metric is found."""
    for seed in range(8):
        other = twin(start, seed)
        if (other.Z, other.delta) != (start.Z, start.delta):
            return Residual(1, note="Z or Delta moved")
        if (other.left, other.right) != (start.left, start.right):
            return Residual(0)
    return Residual(1, note="no other metric found")


def check_claimed(start: Start) -> Residual:
    """The wrong statement: relaxed balance suffices, whatever the widths."""
    return Residual(criterion(start).change)


def parting(profile: Profile) -> SimulationResult:
    """Both points under one loss, in balls.

    Residual: 0 iff under both losses the enclosures of the two Z at time 1 are disjoint. Then Z(1) is PROVED not to be
    a function of Z(0) and the laws.
    """
    from ...simulations import Objective, certified_flow
    from ...simulations.enclosures import apart, image

    marks = 8 * 2**profile.effort
    times = [F(k, marks) for k in range(1, marks + 1)]
    phi = TWINS[0].model.coordinates()
    curves: list[Series] = []
    distances: list[tuple[float, float]] = []
    ends: list[F] = []
    for name, loss in (("f = Z[1, 2]", Loss.linear((0, 1, 0))), ("f = |Z - (0, 1, 0)|^2 / 2", Loss.squared((0, 1, 0)))):
        images: list[list[Enclosure]] = []
        for letter, start in zip(("V", "V'"), TWINS, strict=True):
            flow = certified_flow(Objective(start.model, loss), start.point, time=1, digits=12)
            images.append([image(flow.at(t), phi) for t in times])
            second = [(0.0, 0.0), *((float(t), float(e.midpoint[1])) for t, e in zip(times, images[-1], strict=True))]
            curves.append(Series(f"{name}, from {letter}", second))
        gaps = [apart(a, b) for a, b in zip(*images, strict=True)]
        distances = [(float(t), float(d)) for t, d in zip(times, gaps, strict=True)]
        ends.append(gaps[-1])
    plots = (
        Plot("One start of Z, one loss, two trajectories", "time", "Z[1, 2]", curves, caption="Enclosed in balls."),
        Plot(
            "The distance, proved",
            "time",
            "distance of both Z, at least",
            [Series("squared loss", distances)],
        ),
    )
    note = f"proved: Z(1) differs by at least {float(ends[0]):.4f} and {float(ends[1]):.4f}"
    return SimulationResult(Residual(ends.count(F(0)), note=note), plots, proved=True)


VIOLATED = Property(
    name="violated",
    says="At random relaxed balanced points with min(n, m) < r < max(n, m) some direction of the kernel changes M.",
    arithmetic="rational",
    cases=lambda: relaxed(4, case_four=True),
    check=check,
    examples=TWINS,
)


def _widest() -> SearchStrategy[Start]:
    return relaxed(3).filter(lambda start: start.sizes[2] == max(start.sizes[:2]) > 1)


THEOREM = Theorem(
    id="A3.linear2.counterexample",
    title="Relaxed balanced, and not intrinsic",
    summary="With a hidden width between those of input and output, relaxed balance does not make Z follow a flow.",
    source="derived; limits A3 Theorem 3.8",
    status="proved",
    hypotheses=("min(n, m) < r < max(n, m), full ranks, Delta = lambda I_r (then lambda is not 0).",),
    statement=r"\ker d\phi \cap \ker d\Delta \not\subset \ker dM; \qquad (1, 3, 2): \; Z = \tfrac{15}{16} e_1^\top, \; "
    r"\Delta = -I_2, \; G = e_2^\top: \quad Z' = -\tfrac{25}{16} e_2^\top \text{ or } -\tfrac{9}{16} e_2^\top",
    assumes=("A3.linear2.lifted-flow", "A3.kernel-criterion"),
    derivation=derivation,
    tables=(table,),
    properties=(
        VIOLATED,
        Property(
            name="two-points",
            says="Such a point has another one with the same Z and Delta and another metric, made by turning the "
            "larger factor around the image of Z.",
            arithmetic="rational",
            cases=lambda: relaxed(4, case_four=True),
            check=check_twins,
            examples=TWINS,
        ),
    ),
    simulations=(
        both_flows(
            "linear:1-3-3", "relaxed:-1", "One hidden neuron more, r = max(n, m), and the property is back: both flows."
        ),
        Simulation("parting", "The two points under the same loss, in balls: their Z are proved to part.", parting),
    ),
    mutants=(
        Mutant(
            "all-relaxed-balanced",
            "At every relaxed balanced point the metric is a function of Z and Delta.",
            refutes=lambda: fibre(TWINS, (1, 1)),
        ),
        changed(
            replace(VIOLATED, check=check_claimed),
            "suffices",
            "dM vanishes on the kernel at every relaxed balanced point.",
        ),
        Mutant("inclusion", "The kernel at the example consists of rotations.", rejects=lambda: inclusion_at(TWINS[0])),
        changed(
            replace(VIOLATED, cases=_widest, examples=()),
            "largest-width",
            "It fails for r = max(n, m) as well.",
        ),
        Mutant(
            "balanced-twins",
            "The second point moves like the first.",
            rejects=lambda: point_values(TWINS[1], VELOCITIES[0]),
        ),
    ),
)
