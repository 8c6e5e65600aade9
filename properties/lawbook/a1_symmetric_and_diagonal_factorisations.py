"""A1.symmetric-and-diagonal-factorisations: U U^T, differences of squares, and products of scalars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise, permutations
from math import prod
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...oracles.proofs import Matrix, Node

SYMMETRIC = ((2, 1, 0), (2, 2, 0), (2, 3, 2), (2, 4, 4), (2, 5, 6), (1, 2, 1), (1, 3, 2), (1, 4, 3), (3, 3, 0))
"""n, r and the number of gradient flow laws of U U^T that the theory states."""
MOMENTUM = ((2, 2, 1), (2, 3, 3), (2, 4, 6), (2, 5, 10), (3, 3, 3))
"""n, r and the number of momentum flow laws of U U^T that the theory states."""

Rows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """U (n x r), a velocity V of the same shape, and a symmetric A (n x n), all of whole numbers."""

    n: int
    r: int
    U: Rows
    V: Rows
    A: Rows


@dataclass(frozen=True, slots=True)
class Spec:
    """A model by its short form."""

    spec: str


def stated(spec: str) -> int:
    """The number of gradient flow laws, as stated."""
    kind, body = spec.split(":")
    sizes = [int(part) for part in body.split("-")]
    if kind == "symmetric":
        n, r = sizes
        return max(0, n * (r - n))
    return sizes[0] if kind == "diagonal" else sizes[0] - 1


def momentum_count(n: int, r: int) -> int:
    """The number of momentum flow laws of U U^T, as stated."""
    k = min(r, 2 * n)
    return k * (2 * r - k - 1) // 2


def counted(spec: str) -> Completeness:
    """The kernel's count of all laws."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import parse_model

    found = find_completeness(parse_model(spec), levels=False)
    assert found.complete
    return found


def derivation() -> Iterator[Step]:
    """(a) U U^T under gradient flow, then under momentum; (b) differences of squares; (c) products of scalars."""
    yield from _symmetric_steps()
    yield from _momentum_steps()
    yield from _diagonal_steps()
    yield from _scalar_steps()


def _symmetric_steps() -> Iterator[Step]:
    yield Step(
        "(a) The differential of <A, U U^T> with A symmetric in the direction X is 2 <A U, X>: the fields of W are "
        "U -> A U. Their commutators give all skew matrices, for instance [E_11, E_12 + E_21] = E_12 - E_21, so they "
        "generate gl(n), acting from the left. Here n = 2 and r = 3.",
        r"d \langle A, U U^\top \rangle (X) = 2 \langle A U, X \rangle, \qquad "
        r"\mathrm{Lie}(W) = \{ U \mapsto B U \} \cong \mathfrak{gl}(n)",
        certificate=_symmetric_gradient(2, 3),
    )
    yield Step(
        "Where U has rank k the fields B U span n k dimensions. For r <= n this is everything, k = r, and there is no "
        "law. For r > n it is n^2, which leaves n (r - n): the row space of U does not move, and it is a point of a "
        "manifold of that dimension.",
        r"\#\text{laws} = n r - n \min(n, r) = n \max(0, r - n)",
    )
    for n, r in ((1, 3), (2, 3), (2, 4)):
        yield Step(
            "Every n x n minor p of U obeys p' = tr(B) p along U' = B U, so quotients of minors are laws: here "
            f"n = {n}, r = {r}, B and U free.",
            r"\langle \nabla p_I(U), B U \rangle = \operatorname{tr}(B)\, p_I(U) \;\Rightarrow\; \tfrac{d}{dt} "
            r"\tfrac{p_I}{p_K} = 0",
            certificate=_minors(n, r),
        )
        yield Step(
            f"At an integer point the gradients of these quotients, times the square of the denominator, span exactly "
            f"{n * (r - n)} dimensions.",
            certificate=_quotient_rank(n, r),
        )
    for n, r, _ in SYMMETRIC:
        found = counted(f"symmetric:{n}-{r}")
        yield Step(
            f"n = {n}, r = {r}: {found.independent_laws} laws near generic points, no more and no fewer; dim Lie = "
            f"{found.lie_dimension}.",
            certificate=found.certificate,
        )


def _momentum_steps() -> Iterator[Step]:
    yield Step(
        "Momentum flow of the same map: U' = V, V' = -tau V - A U with A symmetric. The angular momentum L decays at "
        "the rate tau whatever A is, so e^(tau t) L is conserved. Here n = 2 and r = 3, all free.",
        r"\tfrac{d}{dt} L = -\tau L, \qquad L = U^\top V - V^\top U",
        certificate=_angular_momentum(2, 3),
    )
    yield Step(
        "The gradients of its entries vanish on the skew matrices that live on the kernel of X = (U; V), of rank "
        "k = min(r, 2n): that leaves k (2r - k - 1) / 2 independent ones.",
        r"\tfrac{r(r-1)}{2} - \tfrac{(r-k)(r-k-1)}{2} = \tfrac{k(2r-k-1)}{2}",
        certificate=_momentum_count(),
    )
    yield Step(
        "There are no others. The drift acts on X as Z and the forces act as S_A. Brackets give M_A = diag(A, -A), "
        "then the upper blocks and the skew diagonal blocks: together the Lie algebra sp(2n), which brackets with Z do "
        "not leave. Here n = 2, A, B and tau free.",
        r"\begin{gathered} Z = \begin{pmatrix} 0 & 1 \\ 0 & -\tau \end{pmatrix}, \quad "
        r"S_A = \begin{pmatrix} 0 & 0 \\ A & 0 \end{pmatrix}, \quad [Z, S_A] + \tau S_A = M_A, \\ "
        r"[Z, M_A] = \begin{pmatrix} 0 & -2A \\ 0 & 0 \end{pmatrix}, \quad "
        r"[M_A, M_B] = \operatorname{diag}([A, B], [A, B]), \quad [S_A, M_B] = S_{AB + BA} \end{gathered}",
        certificate=_symplectic(2),
    )
    yield Step(
        "sp(2n) consists of the Omega S with S symmetric, 2n x 2n, whose values Omega S X span 2n k - k (k - 1) / 2 "
        "dimensions where X has rank k. With the drift, which moves time, and the laws this makes 1 + 2 n r: all.",
        r"1 + \Bigl( 2nk - \tfrac{k(k-1)}{2} \Bigr) + \tfrac{k(2r-k-1)}{2} = 1 + 2nr \quad\text{for } k = \min(r, 2n)",
        certificate=_momentum_sum(),
    )
    for n, r, _ in MOMENTUM:
        laws, lie = _momentum_ranks(n, r)
        yield Step(
            f"n = {n}, r = {r}: at an integer point the gradients of L span exactly {momentum_count(n, r)} dimensions.",
            certificate=laws,
        )
        yield Step(
            f"n = {n}, r = {r}: there the fields of sp({2 * n}) span the other {2 * n * r - momentum_count(n, r)} of "
            f"{2 * n * r}.",
            certificate=lie,
        )


def _diagonal_steps() -> Iterator[Step]:
    from ...oracles.models import known_laws, parse_model
    from ...oracles.proofs import conserved

    yield Step(
        "(b) phi_i = u_i^2 - v_i^2: the fields (u_i, -v_i) commute and scale u_i and v_i inversely, so the products "
        "u_i v_i are laws and there are no others. Here r = 3.",
        r"\langle (v_i, u_i), (u_i, -v_i) \rangle = 0",
        certificate=conserved(
            parse_model("diagonal:3"),
            [law for family in known_laws(parse_model("diagonal:3")) for law in family.polynomials()],
        ),
    )
    for r in (1, 3):
        yield Step(f"r = {r}: exactly {r} laws.", certificate=counted(f"diagonal:{r}").certificate)
    yield Step(
        "Momentum leaves none of them. With A = diag(1, -1) the bracket [S_A, M_A] = 2 S_1 brings in the identity, so "
        "sp(2) acts on (u_i, u_i') and on (v_i, v_i') separately: these six fields span all four directions.",
        certificate=_diagonal_momentum(),
    )


def _scalar_steps() -> Iterator[Step]:
    yield Step(
        "(c) phi = x_1 ... x_D: one field, x_i' = phi / x_i, so every x_i^2 grows at the same speed and the "
        "differences are laws; one field spans one dimension.",
        r"\tfrac{d}{dt} (x_i^2 - x_j^2) = 2 \phi - 2 \phi = 0, \qquad \dim \mathrm{Lie}(W) = 1",
    )
    for parameters in (2, 3, 5):
        found = counted(f"monomial:{parameters}")
        yield Step(
            f"D = {parameters}: {found.independent_laws} laws, dim Lie = {found.lie_dimension}.",
            certificate=found.certificate,
        )


def _free_symmetric(size: int, start: int) -> Matrix:
    from ...oracles.proofs import Matrix, symbol

    pairs = [(i, j) for i in range(size) for j in range(i + 1)]
    numbers = {pair: start + k for k, pair in enumerate(pairs)}
    return Matrix.build(size, size, lambda i, j: symbol(numbers[max(i, j), min(i, j)]))


def _symmetric_gradient(n: int, r: int) -> Certificate:
    from ...oracles.proofs import Matrix, identity, multiply

    U, X = Matrix.symbols(n, r), Matrix.symbols(n, r, n * r)
    A = _free_symmetric(n, 2 * n * r)
    slope = A.inner(X @ U.T + U @ X.T)
    return identity(2 * n * r + n * (n + 1) // 2, [(slope, multiply(2, (A @ U).inner(X)))])


def _sign(order: Sequence[int]) -> int:
    return prod(1 if a < b else -1 for a, b in combinations(order, 2))


def _minor(U: Matrix, columns: Sequence[int]) -> Node:
    """The minor of the chosen columns, by the sum over permutations."""
    from ...oracles.proofs import add, multiply

    size = range(len(columns))
    return add(*(multiply(_sign(p), *(U.rows[i][columns[p[i]]] for i in size)) for p in permutations(size)))


def _minor_slope(U: Matrix, F: Matrix, columns: Sequence[int]) -> Node:
    """The derivative of the minor in the direction F: one row replaced at a time."""
    from ...oracles.proofs import Matrix, add

    swapped = (Matrix((*U.rows[:i], F.rows[i], *U.rows[i + 1 :])) for i in range(len(columns)))
    return add(*(_minor(matrix, columns) for matrix in swapped))


def _minors(n: int, r: int, factor: int = 1) -> Certificate:
    """``<grad p, B U> = factor tr(B) p`` for all minors."""
    from ...oracles.proofs import Matrix, identity, multiply

    U, B = Matrix.symbols(n, r), Matrix.symbols(n, n, n * r)
    pairs = [
        (_minor_slope(U, B @ U, columns), multiply(factor, B.trace(), _minor(U, columns)))
        for columns in combinations(range(r), n)
    ]
    return identity(n * r + n * n, pairs)


def minors(U: Sequence[Sequence[int]]) -> list[int]:
    """All n x n minors of U (n x r), in the order of their columns."""
    return [
        _determinant([[row[c] for c in columns] for row in U]) for columns in combinations(range(len(U[0])), len(U))
    ]


def quotient_gradients(U: Sequence[Sequence[int]]) -> list[list[int]]:
    """``p_K grad p_I - p_I grad p_K`` for the first minor K and all others, at U; one row each."""
    n, r = len(U), len(U[0])
    values = minors(U)
    slopes: list[list[int]] = []
    for columns in combinations(range(r), n):
        slope = [0] * (n * r)
        for i in range(n):
            for position, c in enumerate(columns):
                rest = [[row[d] for d in columns if d != c] for k, row in enumerate(U) if k != i]
                slope[i * r + c] = (-1) ** (i + position) * _determinant(rest)
        slopes.append(slope)
    return [
        [values[0] * a - value * b for a, b in zip(slope, slopes[0], strict=True)]
        for value, slope in zip(values[1:], slopes[1:], strict=True)
    ]


def _determinant(rows: Sequence[Sequence[int]]) -> int:
    size = range(len(rows))
    return sum(_sign(p) * prod(rows[i][p[i]] for i in size) for p in permutations(size))


def _integers(n: int, r: int, shift: int = 0) -> list[list[int]]:
    """A matrix of full rank with small entries."""
    return [[((i + 1) * (j + 2) + shift * (i * i + 2 * j)) % 11 - 4 + (i == j) for j in range(r)] for i in range(n)]


def _quotient_rank(n: int, r: int) -> Certificate:
    from ...oracles.proofs import exact_rank

    return exact_rank(quotient_gradients(_integers(n, r)))


def _angular_momentum(n: int, r: int, sign: int = 1) -> Certificate:
    """``L' = -tau L`` along U' = V, V' = -tau V - A U; ``sign`` -1 takes U^T V + V^T U instead."""
    from ...oracles.proofs import Matrix, identity, multiply, symbol

    U, V = Matrix.symbols(n, r), Matrix.symbols(n, r, n * r)
    A, tau = _free_symmetric(n, 2 * n * r), symbol(2 * n * r + n * (n + 1) // 2)
    force = (V.scaled(tau) + A @ U).scaled(-1)
    moved = V.T @ V + U.T @ force - (force.T @ U + V.T @ V).scaled(sign)
    momentum = U.T @ V - (V.T @ U).scaled(sign)
    return identity(2 * n * r + n * (n + 1) // 2 + 1, moved.equals(momentum.scaled(multiply(-1, tau))))


def _skew_dimension(size: Node) -> Node:
    from ...oracles.proofs import multiply, subtract

    return multiply(Fraction(1, 2), size, subtract(size, 1))


def _momentum_count() -> Certificate:
    from ...oracles.proofs import identity, multiply, subtract, symbol

    k, r = symbol(0), symbol(1)
    left = subtract(_skew_dimension(r), _skew_dimension(subtract(r, k)))
    right = multiply(Fraction(1, 2), k, subtract(subtract(multiply(2, r), k), 1))
    return identity(2, [(left, right)])


def _momentum_sum() -> Certificate:
    """Both cases: k = r (variables n, r) and k = 2n."""
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    n, r = symbol(0), symbol(1)
    pairs: list[tuple[Node, Node]] = []
    for k in (r, multiply(2, n)):
        lie = subtract(multiply(2, n, k), _skew_dimension(k))
        laws = multiply(Fraction(1, 2), k, subtract(subtract(multiply(2, r), k), 1))
        pairs.append((add(lie, laws), multiply(2, n, r)))
    return identity(2, pairs)


def _commutator(X: Matrix, Y: Matrix) -> Matrix:
    return X @ Y - Y @ X


def _symplectic(n: int) -> Certificate:
    """The brackets that lead from Z and the S_A to all of sp(2n)."""
    from ...oracles.proofs import Matrix, identity, symbol

    half = n * (n + 1) // 2
    A, B, tau = _free_symmetric(n, 0), _free_symmetric(n, half), symbol(2 * half)
    zero, one = Matrix.zeros(n, n), Matrix.build(n, n, lambda i, j: int(i == j))
    Z = one.blocks([[zero, one], [zero, one.scaled(tau).scaled(-1)]])
    S = one.blocks([[zero, zero], [A, zero]])
    M, K = (one.blocks([[matrix, zero], [zero, matrix.scaled(-1)]]) for matrix in (A, B))
    skew = _commutator(A, B)
    pairs = (_commutator(Z, S) + S.scaled(tau)).equals(M)
    pairs += _commutator(Z, M).equals(one.blocks([[zero, A.scaled(-2)], [zero, zero]]))
    pairs += _commutator(M, K).equals(one.blocks([[skew, zero], [zero, skew]]))
    pairs += _commutator(S, K).equals(one.blocks([[zero, zero], [A @ B + B @ A, zero]]))
    return identity(2 * half + 1, pairs)


def momentum_gradients(U: Sequence[Sequence[int]], V: Sequence[Sequence[int]]) -> list[list[int]]:
    """The gradients of the entries of ``L = U^T V - V^T U`` in (U, V), one row for each a < b."""
    n, r = len(U), len(U[0])
    rows: list[list[int]] = []
    for a, b in combinations(range(r), 2):
        row = [0] * (2 * n * r)
        for i in range(n):
            row[i * r + a], row[i * r + b] = V[i][b], -V[i][a]
            row[(n + i) * r + b], row[(n + i) * r + a] = U[i][a], -U[i][b]
        rows.append(row)
    return rows


def symplectic_fields(U: Sequence[Sequence[int]], V: Sequence[Sequence[int]]) -> list[list[int]]:
    """The fields ``Omega S X`` of sp(2n) at X = (U; V), one row for each symmetric unit S."""
    n, r = len(U), len(U[0])
    X = [*U, *V]
    rows: list[list[int]] = []
    for i in range(2 * n):
        for j in range(i + 1):
            field = [[0] * r for _ in range(2 * n)]
            for a, b in {(i, j), (j, i)}:
                # Omega moves row a of S X to the other half, with a sign for the lower one
                field[(a + n) % (2 * n)] = [x if a >= n else -x for x in X[b]]
            rows.append([x for line in field for x in line])
    return rows


def _momentum_ranks(n: int, r: int) -> tuple[Certificate, Certificate]:
    """The exact ranks of both at an integer point."""
    from ...oracles.proofs import exact_rank

    U, V = _integers(n, r), _integers(n, r, 3)
    return exact_rank(momentum_gradients(U, V)), exact_rank(symplectic_fields(U, V))


def _diagonal_momentum() -> Certificate:
    """The rank of S_D X, M_D X and the upper block of D on X = (u, v, u', v'), for D = diag(1, 0) and diag(0, 1)."""
    from ...oracles.proofs import exact_rank

    u, v, du, dv = 1, 2, 3, 5
    of_u = [[0, 0, u, 0], [u, 0, -du, 0], [du, 0, 0, 0]]
    of_v = [[0, 0, 0, v], [0, v, 0, -dv], [0, dv, 0, 0]]
    return exact_rank([*of_u, *of_v])


def specs() -> SearchStrategy[Spec]:
    """All three families, small."""
    from hypothesis import strategies as st

    symmetric = st.builds("symmetric:{}-{}".format, st.integers(1, 3), st.integers(1, 5))
    diagonal = st.builds("diagonal:{}".format, st.integers(1, 6))
    monomial = st.builds("monomial:{}".format, st.integers(2, 7))
    return st.one_of(symmetric, diagonal, monomial).map(Spec)


def check_certified(case: Spec) -> Residual:
    """The kernel's number of laws against the stated one."""
    return Residual(abs(counted(case.spec).independent_laws - stated(case.spec)))


def symmetric_specs() -> SearchStrategy[Spec]:
    """U U^T, small."""
    from hypothesis import strategies as st

    return st.builds("symmetric:{}-{}".format, st.integers(1, 2), st.integers(1, 5)).map(Spec)


def check_swapped(case: Spec) -> Residual:
    """The wrong statement: gradient flow of U U^T has the laws of momentum flow."""
    n, r = map(int, case.spec.split(":")[1].split("-"))
    return Residual(abs(counted(case.spec).independent_laws - momentum_count(n, r)))


def cases(wider: int = 0) -> SearchStrategy[Case]:
    """n up to 3, r from n + ``wider`` to n + 2, entries up to 9."""
    from hypothesis import strategies as st

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        n = draw(st.integers(1, 3))
        r = n + draw(st.integers(wider, 2))

        def matrix(rows: int, columns: int) -> Rows:
            entry = st.integers(-9, 9)
            return tuple(tuple(draw(entry) for _ in range(columns)) for _ in range(rows))

        half = matrix(n, n)
        A = tuple(tuple(half[max(i, j)][min(i, j)] for j in range(n)) for i in range(n))
        return Case(n, r, matrix(n, r), matrix(n, r), A)

    return draw_case()


def _example(n: int, r: int) -> Case:
    def rows(matrix: list[list[int]]) -> Rows:
        return tuple(map(tuple, matrix))

    A = tuple(tuple((i + 1) * (j + 1) - 3 * (i == j) for j in range(n)) for i in range(n))
    return Case(n, r, rows(_integers(n, r)), rows(_integers(n, r, 3)), A)


EXAMPLES = tuple(_example(n, r) for n, r, _ in SYMMETRIC if r >= n)


def check_quotients(case: Case) -> Residual:
    """Quotients of minors: unmoved by every field, independent as often as stated; and unmoved by a finite step."""
    rows = quotient_gradients(case.U)
    moved = _times(case.A, case.U)
    off = _slopes(rows, moved)
    # one step of gradient descent on <A, U U^T> / 2 with step size 1/8, times 8
    step = [[8 * x - y for x, y in zip(a, b, strict=True)] for a, b in zip(case.U, moved, strict=True)]
    before, after = minors(case.U), minors(step)
    off += sum(abs(a * before[0] - after[0] * b) for a, b in zip(after, before, strict=True))
    if before[0]:
        off += abs(_rank(rows) - case.n * (case.r - case.n))
    return Residual(off, nontrivial=any(before) and case.r > case.n)


def _slopes(rows: Sequence[Sequence[int]], direction: Sequence[Sequence[int]]) -> int:
    """The sum of the absolute derivatives in a direction."""
    flat = [x for row in direction for x in row]
    return sum(abs(sum(a * b for a, b in zip(row, flat, strict=True))) for row in rows)


def check_quotients_under_momentum(case: Case) -> Residual:
    """The wrong statement: the row space of U stays under momentum, whatever the velocity is."""
    return Residual(_slopes(quotient_gradients(case.U), case.V))


def check_momentum(case: Case) -> Residual:
    """Ranks of the momentum laws and of sp(2n) at (U, V), against their formulas in the rank k of (U; V)."""
    k = _rank([*case.U, *case.V])
    n, r = case.n, case.r
    laws, lie = _rank(momentum_gradients(case.U, case.V)), _rank(symplectic_fields(case.U, case.V))
    off = abs(laws - k * (2 * r - k - 1) // 2) + abs(lie - (2 * n * k - k * (k - 1) // 2))
    full = k == min(r, 2 * n)
    if full:
        off += abs(laws + lie - 2 * n * r)
    return Residual(off, nontrivial=full and r > 1)


def check_floats(case: Case) -> Residual:
    """``U^T F - F^T U = -tau (U^T V - V^T U)`` for ``F = -tau V - A U`` in float64, entries scaled by 1/7, tau = 3/7.

    Bound: a term passes through at most 2 n + 6 roundings (in A U, in tau V + A U, in the product with U, in the last
    differences), so each side is off by at most gamma of that times the sum of its absolute terms.
    """
    import numpy as np

    U, V, A = (np.array(rows, dtype=np.float64) / 7 for rows in (case.U, case.V, case.A))
    tau = 3 / 7
    force = -(tau * V + A @ U)
    left = U.T @ force - force.T @ U
    right = -tau * (U.T @ V - V.T @ U)
    sizes = abs(U).T @ (tau * abs(V) + abs(A) @ abs(U))
    unit = (2 * case.n + 6) * 2.0**-53
    bound = 4 * unit / (1 - unit) * float(sizes.sum()) * (1 + 2.0**-40)
    return Residual(float(abs(left - right).sum()), bound, nontrivial=bool(right.any()))


def _times(A: Sequence[Sequence[int]], U: Sequence[Sequence[int]]) -> list[list[int]]:
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*U, strict=True)] for row in A]


def _rank(rows: Sequence[Sequence[int]]) -> int:
    """The exact rank over Q."""
    from flint import fmpz_mat

    return int(fmpz_mat([list(row) for row in rows]).rank()) if rows and rows[0] else 0


def gradient_flow_table() -> Table:
    """The gradient flow counts of the theory, read off certificates."""
    rows: list[list[str | int]] = []
    agrees = True
    listed = [(f"symmetric:{n}-{r}", count) for n, r, count in SYMMETRIC]
    listed += [(f"diagonal:{r}", r) for r in (1, 2, 3, 4)] + [(f"monomial:{D}", D - 1) for D in (2, 3, 4, 5)]
    for spec, count in listed:
        found = counted(spec)
        rows.append([spec, found.parameters, found.w_dimension, found.lie_dimension, found.independent_laws])
        agrees = agrees and found.independent_laws == count
    columns = ("model", "D", "dim W", "dim Lie", "laws")
    return Table("All laws under gradient flow", columns, rows, agrees)


def momentum_table() -> Table:
    """Gradient flow against momentum flow for U U^T; the momentum counts are ranks at an integer point."""
    rows: list[list[str | int]] = []
    for n, r, _ in MOMENTUM:
        U, V = _integers(n, r), _integers(n, r, 3)
        laws, lie = _rank(momentum_gradients(U, V)), _rank(symplectic_fields(U, V))
        rows.append([n, r, counted(f"symmetric:{n}-{r}").independent_laws, laws, lie, 2 * n * r])
    columns = ("n", "r", "laws, gradient flow", "laws, momentum", "rank of sp(2n)", "2 n r")
    agrees = [row[3] for row in rows] == [count for *_, count in MOMENTUM]
    return Table("U Uᵀ: momentum has more laws", columns, rows, agrees)


def row_space(profile: Profile) -> SimulationResult:
    """Exact gradient steps on losses <A, U U^T> / 2 that change all the time, n = 2 and r = 4, step size 1/16."""
    steps = (20, 60, 200)[profile.effort]
    scaled = [[1, 2, -1, 1], [1, -1, 3, 0]]  # U times 16^step
    names = [f"p{i + 1}{j + 1} / p12" for i, j in combinations(range(4), 2)]
    first = minors(scaled)
    worst = Fraction(0)
    curves: dict[str, list[tuple[float, float]]] = {}
    for step in range(steps + 1):
        now, scale = minors(scaled), 16**step
        quotients = [Fraction(p, now[0]) for p in now]
        worst = max(worst, *(abs(q - Fraction(p, first[0])) for q, p in zip(quotients, first, strict=True)))
        shown = {"U[1,1]": Fraction(scaled[0][0], scale), "U[2,3]": Fraction(scaled[1][2], scale)}
        shown["(UᵀU)[1,1]"] = Fraction(scaled[0][0] ** 2 + scaled[1][0] ** 2, scale**2)
        shown |= dict(list(zip(names, quotients, strict=True))[1:4])
        for name, value in shown.items():
            curves.setdefault(name, []).append((float(step), float(value)))
        a, b, c = ((step * k + k * k) % 7 - 3 for k in (3, 4, 5))
        moved = _times([[a, b], [b, c]], scaled)
        scaled = [[16 * x - y for x, y in zip(p, q, strict=True)] for p, q in zip(scaled, moved, strict=True)]
    plot = Plot(
        "The row space of U does not move",
        "step",
        "value",
        tuple(Series(name, points) for name, points in curves.items()),
        caption="Gradient descent on another loss <A, U Uᵀ> / 2 at every step, in exact rationals. Quotients of minors "
        "are constant for ever, although the laws were derived for infinitely small steps.",
    )
    return SimulationResult(Residual(worst, note=f"{steps} exact steps"), (plot,))


class _Phase:
    """Momentum flow of |U U^T - Y|^2 / 4 on (U, V), as minus a gradient field: ``integrate`` follows minus this."""

    def __init__(self, n: int, r: int, target: Any, tau: float) -> None:
        self.shape, self.target, self.tau = (n, r), target, tau
        self.parameters = 2 * n * r
        self.roundings = 3 * (n + r)

    def __call__(self, points: Any) -> Any:
        import numpy as np

        U, V = points[: points.size // 2].reshape(self.shape), points[points.size // 2 :].reshape(self.shape)
        force = -self.tau * V - (U @ U.T - self.target) @ U
        return -np.concatenate([V.ravel(), force.ravel()])

    def absolute(self, points: Any) -> Any:
        """Sizes of the terms; not used here."""
        return abs(self(abs(points)))


def momentum_flow(profile: Profile) -> SimulationResult:
    """RK4 on the momentum flow of U U^T, n = 2 and r = 4: e^(tau t) L settles at order 4, the row space moves."""
    import numpy as np

    from ...simulations import RK4, integrate

    n, r, tau, time = 2, 4, 0.5, 2.0
    target = np.array([[2.0, 1.0], [1.0, -1.0]])
    field = _Phase(n, r, target, tau)
    start = np.array([1.0, 0.5, -0.5, 1.0, 0.5, -1.0, 1.0, 0.0, 0.2, -0.4, 0.6, 0.1, -0.3, 0.5, 0.2, 0.7])
    powers = range(4, (7, 8, 10)[profile.effort])

    def momentum(point: Any, t: float) -> Any:
        U, V = point[: n * r].reshape(n, r), point[n * r :].reshape(n, r)
        return np.exp(tau * t) * (U.T @ V - V.T @ U)

    def quotient(point: Any) -> float:
        U = point[: n * r].reshape(n, r)
        return float((U[0, 0] * U[1, 2] - U[0, 2] * U[1, 0]) / (U[0, 0] * U[1, 1] - U[0, 1] * U[1, 0]))

    drifts: list[tuple[float, float]] = []
    curves: list[Series] = []
    for power in powers:
        length = 2.0**-power
        path = integrate(field, start, method=RK4, length=length, steps=round(time / length))
        first = momentum(start, 0.0)
        drift = [
            (float(t), float(abs(momentum(p, float(t)) - first).max()))
            for t, p in zip(path.times, path.points, strict=True)
        ]
        drifts.append((length, drift[-1][1]))
        curves.append(
            Series(f"e^(τt) L, step 1/{2**power}", [d for d in drift[1 :: max(1, len(drift) // 64)] if d[1] > 0])
        )
        if power == powers[0]:
            moved = [
                (float(t), abs(quotient(p) - quotient(start))) for t, p in zip(path.times, path.points, strict=True)
            ]
            curves.append(Series("row space: p13 / p12", moved[1:]))
    slopes = [np.log2(a / b) for (_, a), (_, b) in pairwise(drifts)]
    worst = max(abs(slope - 4.1) for slope in slopes)
    plots = (
        Plot(
            "Momentum keeps e^(τt) L and moves the row space",
            "t",
            "drift",
            curves,
            y_scale="log",
            caption="RK4 on the momentum flow of |U Uᵀ - Y|² / 4. The drift of the law is the error of the integrator.",
        ),
        Plot(
            "Drift of e^(τt) L at the end",
            "step size",
            "drift",
            (
                Series("measured", drifts, kind="points"),
                Series("order 4", [(h, drifts[0][1] * (h / drifts[0][0]) ** 4) for h, _ in drifts]),
            ),
            x_scale="log",
            y_scale="log",
        ),
    )
    note = "measured orders " + ", ".join(f"{slope:.2f}" for slope in slopes)
    # A0.integrators: the order of RK4 is measured between 3.7 and 4.5
    return SimulationResult(Residual(float(worst), 0.4, note=note), plots)


def minor_moves() -> Certificate:
    """A point at which the minor p_12 of symmetric:2-3 changes."""
    from ...oracles.models import parse_model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import find_refutation

    U = [[Polynomial.variable(i * 3 + j) for j in range(3)] for i in range(2)]
    found = find_refutation(parse_model("symmetric:2-3"), U[0][0] * U[1][1] - U[0][1] * U[1][0])
    assert found is not None
    return found.certificate


THEOREM = Theorem(
    id="A1.symmetric-and-diagonal-factorisations",
    title="Symmetric and diagonal factorisations, products of scalars",
    summary="U U^T keeps the row space of U, u^2 - v^2 the product u v, x_1...x_D the differences x_i^2 - x_j^2.",
    source="derived",
    status="derived",
    hypotheses=(
        "(a) phi(U) = U U^T with U n x r; (b) phi_i = u_i^2 - v_i^2 for i = 1..r; (c) phi = x_1 ... x_D.",
        "Counts hold near generic points; momentum flow is U'' + tau U' = -grad E with constant tau.",
    ),
    statement=r"\begin{aligned} &\text{(a) gradient flow: } n \max(0, r - n), \quad \text{momentum: } "
    r"\tfrac{k(2r-k-1)}{2}, \; k = \min(r, 2n) \\ &\text{(b) gradient flow: } u_i v_i \ (r \text{ laws}), \quad "
    r"\text{momentum: none} \\ &\text{(c) gradient flow: } x_i^2 - x_j^2 \ (D - 1 \text{ laws}) \end{aligned}",
    assumes=("A1.independence-and-count", "A0.rank-certificate"),
    derivation=derivation,
    tables=(gradient_flow_table, momentum_table),
    properties=(
        Property(
            name="certified",
            says="For random members of the three families the kernel proves the stated number of laws.",
            arithmetic="modular",
            cases=specs,
            check=check_certified,
            examples=tuple(Spec(f"symmetric:{n}-{r}") for n, r, _ in SYMMETRIC),
            share=0.25,
        ),
        Property(
            name="row-space",
            says="Quotients of n x n minors of U are unmoved by every field A U and by finite gradient steps, and "
            "n (r - n) of them are independent.",
            arithmetic="rational",
            cases=lambda: cases(1),
            check=check_quotients,
            examples=EXAMPLES,
        ),
        Property(
            name="momentum-ranks",
            says="At random points the angular momenta and the fields of sp(2n) have the stated ranks and fill 2 n r.",
            arithmetic="rational",
            cases=cases,
            check=check_momentum,
            examples=EXAMPLES,
        ),
        Property(
            name="momentum-in-floats",
            says="L' = -tau L in float64, within the rounding of its sums.",
            arithmetic="float64",
            cases=cases,
            check=check_floats,
            examples=EXAMPLES,
        ),
    ),
    simulations=(
        Simulation(
            name="row-space-walk",
            says="Exact gradient steps on changing losses move U and leave its row space where it is.",
            run=row_space,
        ),
        Simulation(
            name="momentum-flow",
            says="Along momentum flow e^(tau t) L drifts only by the error of RK4, of order 4; the row space moves.",
            run=momentum_flow,
        ),
    ),
    mutants=(
        Mutant(
            name="minors",
            says="The minors of U themselves are conserved.",
            refutes=minor_moves,
        ),
        Mutant(
            name="twice-the-trace",
            says="A minor obeys p' = 2 tr(B) p.",
            rejects=lambda: _minors(2, 3, 2),
        ),
        Mutant(
            name="symmetric-part",
            says="The symmetric part of U^T V decays at the rate tau, too.",
            rejects=lambda: _angular_momentum(2, 3, -1),
        ),
        Mutant(
            name="swapped-columns",
            says="Gradient flow of U U^T has as many laws as momentum flow.",
            violates=Property(
                name="swapped-columns",
                says="the momentum count for gradient flow",
                arithmetic="modular",
                cases=symmetric_specs,
                check=check_swapped,
                examples=(Spec("symmetric:2-3"),),
            ),
        ),
        Mutant(
            name="row-space-under-momentum",
            says="The row space of U stays under momentum.",
            violates=Property(
                name="row-space-under-momentum",
                says="quotients of minors along any velocity",
                arithmetic="rational",
                cases=lambda: cases(1),
                check=check_quotients_under_momentum,
                examples=(_example(2, 3),),
            ),
        ),
    ),
)
