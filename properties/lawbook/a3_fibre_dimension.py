"""A3.fibre-dimension: how much of the fibre of phi is left inside the reachable set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._intrinsic import RELAXED, Place, Rows, product, rank, transposed, two_layer
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
KNOWN = {
    (1, 1, 2): 0,
    (1, 1, 3): 0,
    (2, 3, 1): 0,
    (1, 2, 2): 1,
    (2, 2, 2): 1,
    (2, 2, 3): 2,
    (1, 3, 2): 2,
    (2, 3, 3): 3,
    (2, 4, 3): 4,
    (3, 3, 3): 3,
    (2, 3, 4): 4,
    (2, 3, 5): 4,
}
"""f for (n, m, r) at full rank, as the theory states it."""


@dataclass(frozen=True, slots=True)
class Factors:
    """P = (U; V) = left @ right with left (n + m) x rho and right rho x r: of rank rho or less."""

    n: int
    left: tuple[tuple[Fraction, ...], ...]
    right: tuple[tuple[Fraction, ...], ...]

    def rows(self) -> list[list[Fraction]]:
        """P."""
        return product(self.left, self.right)

    def place(self) -> Place:
        """U and V as parameters."""
        P = self.rows()
        return two_layer(P[: self.n], P[self.n :])

    def ranks(self) -> tuple[int, int, int]:
        """Of U, V and P."""
        P = self.rows()
        return rank(P[: self.n]), rank(P[self.n :]), rank(P)


def half(k: int) -> int:
    """a(k), the dimension of the skew k x k matrices."""
    return k * (k - 1) // 2


def formula(n: int, m: int, r: int, ranks: tuple[int, int, int]) -> int:
    """f from the sizes and the ranks of U, V and P."""
    of_u, of_v, rho = ranks
    return half(n) + half(m) + (n - of_u) * (m - of_v) - half(n + m - rho)


def without_frame(n: int, m: int, r: int, ranks: tuple[int, int, int]) -> int:
    """The formula without its last term."""
    return half(n) + half(m) + (n - ranks[0]) * (m - ranks[1])


def hidden_rotations(n: int, m: int, r: int, ranks: tuple[int, int, int]) -> int:
    """All rotations of the hidden layer, and nothing else."""
    return half(r)


def width_for_rank(n: int, m: int, r: int, ranks: tuple[int, int, int]) -> int:
    """The formula with min(r, N) where the rank of P belongs."""
    return formula(n, m, r, (ranks[0], ranks[1], min(r, n + m)))


def orbit_fields(P: Rows, n: int) -> list[list[Fraction]]:
    """``J A P`` for a basis of the skew A, each as one row of parameters (U row-major, then V^T row-major)."""
    size, r = len(P), len(P[0])
    found: list[list[Fraction]] = []
    for i in range(size):
        for j in range(i):
            moved = [[F(0)] * r for _ in range(size)]
            moved[i] = [F(x) if i < n else -F(x) for x in P[j]]
            moved[j] = [-F(x) if j < n else F(x) for x in P[i]]
            found.append([x for row in (*moved[:n], *transposed(moved[n:])) for x in row])
    return found


def inside(case: Factors) -> int:
    """The dimension of ``ker dphi cap Lie(W)(P)``, exactly: nothing of the formula enters."""
    fields = orbit_fields(case.rows(), case.n)
    images = product(fields, transposed(case.place().look().jacobian))
    # combinations of the fields that phi does not see, less those that are zero themselves
    return (len(fields) - rank(images)) - (len(fields) - rank(fields))


def example(n: int, m: int, r: int) -> Factors:
    """Full ranks, from a Vandermonde matrix with signs."""
    rho = min(r, n + m)
    left = tuple(tuple(F((k + 1) ** p) for p in range(rho)) for k in range(n + m))
    right = tuple(tuple(F((-1) ** (p * k) * (k + 1) ** p) for k in range(r)) for p in range(rho))
    return Factors(n, left, right)


def derivation() -> Iterator[Step]:
    """From two ranks to the formula, with exact ranks at one point of every known size."""
    from ...oracles.proofs import exact_rank, inclusion

    yield Step(
        "Near a point where h is a complete set of laws, the common kernel of dh is the trace of the Lie algebra "
        "(A1.independence-and-count). It contains the gradients of phi, and dphi maps these onto the whole image of "
        "dphi, for dphi dphi^T has the same image. So dphi loses the difference of the dimensions on it.",
        r"\ker dh = \mathrm{Lie}(W_\phi)(\theta), \qquad "
        r"\dim K_1 = \dim \mathrm{Lie}(W_\phi)(\theta) - \operatorname{rank} d\phi(\theta)",
    )
    yield Step(
        "Two layers: G is orthogonal to all U dV^T + dU V^T iff G V = 0 and G^T U = 0, which leaves "
        "(n - rank U)(m - rank V) dimensions.",
        r"\operatorname{rank} d\phi = nm - (n - \operatorname{rank} U)(m - \operatorname{rank} V)",
    )
    yield Step(
        "With dim Lie = N rho - rho (rho + 1)/2 (A1.two-layer-linear.rank-deficient) and N = n + m this is the "
        "formula, an identity in n, m, rho and both ranks.",
        r"f = a(n) + a(m) + (n - \operatorname{rank} U)(m - \operatorname{rank} V) - a(N - \rho), "
        r"\quad a(k) = \tfrac{k(k-1)}{2}",
        _identity(),
    )
    for (n, m, r), f in KNOWN.items():
        case = example(n, m, r)
        seen = case.place().look()
        D = seen.parameters
        if rank(seen.law_gradients) + rank(orbit_fields(case.rows(), n)) == D:
            stacked = [*seen.jacobian, *seen.law_gradients]
            yield Step(
                f"(n, m, r) = ({n}, {m}, {r}): the gradients of phi and of the laws span exactly {D - f} of {D} "
                f"dimensions, so K_1 has dimension {f}.",
                certificate=exact_rank(stacked),
            )
    yield Step(
        "At the relaxed balanced point of (2, 2, 2) the kernel checks the laws and the dimension together.",
        r"\dim K_1 = 1",
        inclusion(RELAXED.model(), None, RELAXED.point, RELAXED.look().kernel),
    )


def _identity() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    n, m, rho, of_u, of_v = map(symbol, range(5))
    N = add(n, m)

    def a(k: object) -> object:
        return multiply(F(1, 2), k, subtract(k, 1))  # type: ignore[arg-type]

    corner = multiply(subtract(n, of_u), subtract(m, of_v))
    lie = subtract(multiply(N, rho), multiply(F(1, 2), rho, add(rho, 1)))
    found = subtract(lie, subtract(multiply(n, m), corner))
    stated = add(a(n), a(m), corner, multiply(-1, a(subtract(N, rho))))  # type: ignore[arg-type]
    return identity(5, [(found, stated)])


def cases() -> SearchStrategy[Factors]:
    """All sizes up to (3, 3, 5), ranks from 1 to the largest, and U or V of smaller rank as well."""
    from hypothesis import strategies as st

    from ..strategies import matrices

    @st.composite
    def build(draw: st.DrawFn) -> Factors:
        n, m, r = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 5))
        rho = draw(st.integers(1, min(r, n + m)))
        left = [list(row) for row in draw(matrices(n + m, rho, size=4, denominator=2))]
        if draw(st.booleans()):
            left[0] = [F(0)] * rho
        return Factors(n, tuple(map(tuple, left)), draw(matrices(rho, r, size=4, denominator=2)))

    return build()


def check(case: Factors, stated: Callable[[int, int, int, tuple[int, int, int]], int] = formula) -> Residual:
    """The formula against the dimension counted from the fields, and against K_1 where the laws are complete."""
    P, ranks = case.rows(), case.ranks()
    n, m, r = case.n, len(P) - case.n, len(P[0])
    f = stated(n, m, r, ranks)
    off = abs(f - inside(case))
    seen = case.place().look()
    if rank(seen.law_gradients) + rank(orbit_fields(P, n)) == seen.parameters:
        off += abs(f - len(seen.kernel))
    return Residual(off, nontrivial=ranks[2] > 0, note=f"ranks {ranks}")


def generic_places() -> SearchStrategy[Place]:
    """Networks of every kind with their known laws, at generic points."""
    from hypothesis import strategies as st

    from ..strategies import initializations, linear_models, relu_models

    models = st.one_of(
        linear_models(layers=(2, 3), width=(1, 3), parameters=20),
        relu_models(layers=(2, 3), width=(1, 2), parameters=12),
    )
    return models.flatmap(lambda model: initializations(model, "generic").map(partial(Place, model.spec)))


def check_generic(place: Place) -> Residual:
    """``dim K_1 = dim Lie - rank dphi`` with dim Lie from the search for brackets, where the known laws are all."""
    from ...oracles.lie import find_completeness

    found = find_completeness(place.model(), levels=False)
    seen = place.look()
    complete = rank(seen.law_gradients) == seen.parameters - found.lie_dimension
    off = abs(len(seen.kernel) - (found.lie_dimension - rank(seen.jacobian)))
    return Residual(off if complete else 0, nontrivial=complete and found.complete)


def table() -> Table:
    """f at all known sizes, counted at a point."""
    rows: list[list[int]] = []
    for n, m, r in KNOWN:
        case = example(n, m, r)
        seen = case.place().look()
        lie = rank(orbit_fields(case.rows(), n))
        rows.append([n, m, r, seen.parameters, lie, rank(seen.jacobian), inside(case), formula(n, m, r, case.ranks())])
    agrees = all(row[6] == row[7] == f for row, f in zip(rows, KNOWN.values(), strict=True))
    columns = ("n", "m", "r", "D", "dim Lie", "rank dφ", "dim of the fibre inside", "formula")
    return Table("What is left of the fibre, at full rank", columns, rows, agrees)


def deficient_table() -> Table:
    """The same at points of deficient rank, where K_1 itself is larger."""
    rows: list[list[int]] = []
    for n, m, r, rho in ((2, 2, 2, 1), (2, 2, 3, 2), (2, 3, 3, 2), (1, 3, 3, 2), (3, 3, 3, 1)):
        full = example(n, m, r)
        case = Factors(n, tuple(row[:rho] for row in full.left), full.right[:rho])
        seen, ranks = case.place().look(), case.ranks()
        rows.append([n, m, r, *ranks, inside(case), formula(n, m, r, ranks), len(seen.kernel)])
    columns = ("n", "m", "r", "rank U", "rank V", "rank P", "fibre inside the orbit", "formula", "dim ker dφ ∩ ker dΔ")
    return Table("At deficient rank the orbit is smaller than the level set", columns, rows)


def training_back(profile: Profile) -> SimulationResult:
    """Points that training can reach and that have the same z: how many directions do they lie in?

    Twenty random kicks of size e along the orbit, each followed by training back to the old z: Newton steps by elements
    ``exp(S_M)`` of the group, so that every point stays on the orbit. The displacements are K_1 to first order, so f of
    their singular values are of order e and all others of order e^2. Orders are whole numbers: a slope that is off by
    less than 1/2 tells which.
    """
    import numpy as np

    random = np.random.default_rng(7)
    sizes = (((2, 2, 2), (2, 3, 3)), ((1, 1, 3), (2, 2, 2), (1, 3, 2), (2, 3, 3)), tuple(KNOWN))[profile.effort]
    epsilons = [2.0**-k for k in range(4, 9)]
    worst, drift = 0.0, 0.0
    rows: list[tuple[str, int, str]] = []
    curves: list[Series] = []
    for n, m, r in sizes:
        f = KNOWN[n, m, r]
        start = random.normal(size=(n + m, r))
        drawn = random.normal(size=(20, n + m, n + m))
        kicks = [(k - k.T) / np.linalg.norm(k - k.T) for k in drawn]
        found: list[list[float]] = []
        for e in epsilons:
            ends = [_back(start, n, e * k) for k in kicks]
            drift = max(drift, max(float(np.abs(_delta(end, n) - _delta(start, n)).max()) for end in ends))
            values = np.linalg.svd(np.stack([(end - start).ravel() for end in ends]), compute_uv=False)
            found.append([max(float(v), 1e-18) for v in values[: f + 2]])
        for k in range(f + 2):
            points = [(e, values[k]) for e, values in zip(epsilons, found, strict=True)]
            slope = float(np.log2(points[-2][1] / points[-1][1]))
            if f or points[0][1] > 1e-12:
                worst = max(worst, abs(slope - 1) if k < f else max(0.0, 2 - slope))
            else:  # nothing but the old point itself
                slope = float("nan")
            rows.append((f"({n}, {m}, {r})", k + 1, "rounding" if slope != slope else f"{slope:.2f}"))
            if (n, m, r) == (2, 3, 3):
                curves.append(Series(f"singular value {k + 1}", points))
    plot = Plot(
        "Kicked, and trained back to the same z: (n, m, r) = (2, 3, 3)",
        "size of the kick",
        "singular value of the displacements",
        curves,
        x_scale="log",
        y_scale="log",
        caption="f = 3 directions are left in the fibre: three singular values of first order, the others of second.",
    )
    table = Table("Orders of the displacements within a fibre", ("(n, m, r)", "singular value", "order"), rows)
    note = f"Delta changed by at most {drift:.0e} on the way"
    return SimulationResult(Residual(worst, 0.5, note=note), (plot,), table)


def _back(P: Any, n: int, kick: Any) -> Any:
    """``exp(J kick) P``, moved along the orbit until U V^T is as it was."""
    import numpy

    np: Any = numpy

    sign = np.array([1.0] * n + [-1.0] * (len(P) - n))
    wanted = P[:n] @ P[n:].T
    moved = _exponential(sign[:, None] * kick) @ P
    for _ in range(8):
        U, V = moved[:n], moved[n:]
        # M -> M V V^T + U U^T M, row-major
        step = np.kron(np.eye(n), V @ V.T) + np.kron(U @ U.T, np.eye(len(V)))
        M = np.linalg.lstsq(step, (wanted - U @ V.T).ravel(), rcond=1e-9)[0].reshape(n, len(V))
        S = np.block([[np.zeros((n, n)), M], [M.T, np.zeros((len(V), len(V)))]])
        moved = _exponential(S) @ moved
    return moved


def _exponential(A: Any) -> Any:
    """``exp(A)`` by its series; the arguments here have norms below 2."""
    import numpy as np

    total = term = np.eye(len(A))
    for k in range(1, 40):
        term = term @ A / k
        total = total + term
    return total


def _delta(P: Any, n: int) -> Any:
    return P[:n].T @ P[:n] - P[n:].T @ P[n:]


def one_dimension_more() -> Certificate:
    """The claim that K_1 has dimension 2 at the relaxed balanced point of (2, 2, 2), with a vector of it twice."""
    from ...oracles.proofs import inclusion

    (vector,) = RELAXED.look().kernel
    return inclusion(RELAXED.model(), None, RELAXED.point, [vector, [2 * x for x in vector]])


def one_rank_more() -> Certificate:
    """The claim that (dphi; dh) has rank 8 at a point of (2, 2, 2), with no kernel vector."""
    from ...oracles.proofs import exact_rank

    seen = example(2, 2, 2).place().look()
    honest = exact_rank([*seen.jacobian, *seen.law_gradients])
    claim, witness = honest["claim"], honest["witness"]
    assert isinstance(claim, dict)
    assert isinstance(witness, dict)
    return {**honest, "claim": {**claim, "rank": 8}, "witness": {**witness, "kernel": []}}


def _wrong(name: str, says: str, stated: Callable[[int, int, int, tuple[int, int, int]], int]) -> Mutant:
    examples = [example(1, 1, 3), example(2, 3, 4), Factors(2, example(2, 2, 2).left, ((F(1), F(1)), (F(2), F(2))))]
    wrong = Property(name, says, "rational", cases, partial(check, stated=stated), examples)
    return Mutant(name, says, violates=wrong)


THEOREM = Theorem(
    id="A3.fibre-dimension",
    title="How much of the fibre is left inside the reachable set",
    summary="Directions that neither phi nor the laws see: their number is dim Lie - rank dphi.",
    source="derived",
    status="derived",
    hypotheses=(
        "h is a complete set of laws near theta, so that ker dh = Lie(W)(theta); elsewhere K_1 stands for the part of "
        "ker dphi that is tangent to the orbit.",
        "Two layers: phi = U V^T with U n x r and V m x r, N = n + m, rho = rank (U; V).",
    ),
    statement=r"f(\theta) := \dim K_1 = \dim \mathrm{Lie}(W_\phi)(\theta) - \operatorname{rank} d\phi(\theta); \qquad "
    r"f = a(n) + a(m) + (n - \operatorname{rank} U)(m - \operatorname{rank} V) - a(N - \rho), "
    r"\quad a(k) = \tfrac{k(k-1)}{2}",
    assumes=("A1.independence-and-count", "A1.two-layer-linear.rank-deficient"),
    derivation=derivation,
    tables=(table, deficient_table),
    properties=(
        Property(
            name="two-layers",
            says="At random exact points of all ranks the formula is the dimension of ker dphi on the fields J A P, "
            "and that of K_1 where the laws are complete.",
            arithmetic="rational",
            cases=cases,
            check=check,
            examples=[example(*size) for size in ((1, 3, 2), (2, 3, 5))],
        ),
        Property(
            name="networks",
            says="At generic exact points of linear and ReLU networks the common kernel of dphi and dh has dimension "
            "dim Lie - rank dphi, with dim Lie from certified brackets.",
            arithmetic="rational",
            cases=generic_places,
            check=check_generic,
            share=0.25,
        ),
    ),
    simulations=(
        both_flows(
            "linear:3-3-3",
            "relaxed:1",
            "A fibre of dimension 3 in the reachable set, along which the flow of z does not change.",
        ),
        Simulation(
            name="training-back",
            says="Kicked along the orbit and trained back to the same z, parameters have moved in f directions.",
            run=training_back,
        ),
    ),
    mutants=(
        _wrong("without-the-frame", "The term a(N - rho) is left out.", without_frame),
        _wrong("hidden-rotations", "The fibre inside consists of the rotations of the hidden layer.", hidden_rotations),
        _wrong("width-for-rank", "min(r, N) stands for the rank of P, whatever that is.", width_for_rank),
        Mutant("one-dimension-more", "K_1 has two dimensions at a point of (2, 2, 2).", rejects=one_dimension_more),
        Mutant("one-rank-more", "phi and the laws of (2, 2, 2) have an injective differential.", rejects=one_rank_more),
    ),
)
