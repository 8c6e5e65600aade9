"""A1.two-layer-linear.lie-algebra: the fields of a two-layer linear network generate so(n, m)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import Matrix, Node

KNOWN = {(1, 1): 1, (1, 2): 3, (2, 2): 6, (2, 3): 10, (1, 4): 10}
"""(n, m) and the dimension that the theory states."""

Rows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Two elements M, K of R^(n x m) and a point P = (U; V), (n + m) x r, all of whole numbers."""

    n: int
    m: int
    r: int
    M: Rows
    K: Rows
    P: Rows


def tangent_fields(point: Sequence[Sequence[int]], n: int) -> list[list[int]]:
    """The fields ``P -> J A P`` at the point, one row for each basis element A of Skew(N)."""
    size, r = len(point), len(point[0])
    rows: list[list[int]] = []
    for i in range(size):
        for j in range(i):
            field = [[0] * r for _ in range(size)]
            field[i] = [value if i < n else -value for value in point[j]]
            field[j] = [-value if j < n else value for value in point[i]]
            rows.append([value for line in field for value in line])
    return rows


def generated(generators: Sequence[Any], size: int) -> list[Any]:
    """A basis over Q of the Lie algebra of ``size x size`` matrices (numpy, whole numbers) that ``generators`` span.

    Left-nested commutators with the generators span it (Jacobi); stops when a whole round adds nothing.
    """
    from flint import fmpz_mat

    basis: list[Any] = []
    fresh = list(generators)
    while fresh:
        kept: list[Any] = []
        for matrix in fresh:
            rows = [[int(x) for x in element.ravel()] for element in (*basis, matrix)]
            if fmpz_mat(rows).rank() == len(rows):
                basis.append(matrix)
                kept.append(matrix)
        fresh = [a @ b - b @ a for a in kept for b in generators]
        assert len(basis) <= size * size
    return basis


def units(n: int, m: int) -> list[Any]:
    """The matrices ``S_M`` for the unit matrices M, as numpy arrays."""
    import numpy as np

    found: list[Any] = []
    for i in range(n):
        for j in range(m):
            matrix = np.zeros((n + m, n + m), dtype=np.int64)
            matrix[i, n + j] = matrix[n + j, i] = 1
            found.append(matrix)
    return found


def derivation() -> Iterator[Step]:
    """The two bracket identities with free matrices, then dimensions, then tangency."""
    yield Step(
        "The differential of <M, U V^T> in the direction (X, Y) is <M V, X> + <M^T U, Y>, so W consists of the linear "
        "fields chi_M(P) = S_M P. Here for (n, m, r) = (2, 3, 2), all entries free.",
        r"\chi_M(U, V) = (M V,\; M^\top U) = S_M P, \qquad S_M = \begin{pmatrix} 0 & M \\ M^\top & 0 \end{pmatrix}",
        certificate=_generators(2, 3, 2),
    )
    yield Step(
        "The bracket of two linear fields P -> X P and P -> Y P is the linear field of the commutator X Y - Y X: "
        "derivatives of linear fields are the fields themselves.",
        r"[X P,\, Y P] = X\,(Y P) - Y\,(X P) = [X, Y]\,P",
    )
    for n, m in KNOWN:
        yield Step(
            f"Brackets of generators are block diagonal with skew blocks: n = {n}, m = {m}, M and K free.",
            r"[S_M, S_K] = \operatorname{diag}(M K^\top - K M^\top,\; M^\top K - K^\top M)",
            certificate=_first_identity(n, m, 1),
        )
        yield Step(
            f"Bracketing such an element with a generator gives a generator again: n = {n}, m = {m}, A, B and M free.",
            r"[\operatorname{diag}(A, B), S_M] = S_{A M - M B}, \qquad A, B \text{ skew}",
            certificate=_second_identity(n, m),
        )
    yield Step(
        "For M = e_i e_k^T and K = e_j e_k^T with i != j the first bracket is diag(e_i e_j^T - e_j e_i^T, 0), and "
        "every skew B is reached in the same way; brackets of block diagonal elements stay block diagonal and "
        "skew. So the algebra is exactly the sum of the S_M and of the diag(A, B).",
        r"\dim = nm + \tfrac{n(n-1)}{2} + \tfrac{m(m-1)}{2} = \tfrac{N(N-1)}{2}",
    )
    for n, m in KNOWN:
        basis = generated(units(n, m), n + m)
        yield Step(
            f"n = {n}, m = {m}: commutators of the unit generators span exactly {len(basis)} dimensions.",
            certificate=_dimension(basis),
        )
    yield Step(
        "Each element X = S_M + diag(A, B) makes J X skew (here n = 2, m = 3), and J is invertible: as a set the "
        "algebra is J Skew(N), which is so(n, m). Its trace at P is { J A P : A skew }.",
        r"J X + (J X)^\top = 0, \qquad J = \operatorname{diag}(I_n, -I_m)",
        certificate=_skewness(2, 3),
    )
    yield Step(
        "These fields keep Delta = P^T J P: its derivative along J A P is P^T (A^T + A) P = 0. Here for N = 5, r = 2, "
        "with A and P free.",
        r"(J A P)^\top J P + P^\top J\,(J A P) = P^\top (A^\top + A) P = 0",
        certificate=_tangency(2, 3, 2),
    )


def _s(M: Matrix) -> Matrix:
    """``S_M``."""
    n, m = M.shape
    return M.blocks([[M.zeros(n, n), M], [M.T, M.zeros(m, m)]])


def _diagonal(A: Matrix, B: Matrix) -> Matrix:
    n, m = A.shape[0], B.shape[0]
    return A.blocks([[A, A.zeros(n, m)], [A.zeros(m, n), B]])


def _skew(size: int, start: int) -> Matrix:
    """A free skew matrix; its entries above the diagonal are the variables from ``start`` on, row by row."""
    from ...oracles.proofs import Matrix, multiply, symbol

    numbers = {(i, j): start + k for k, (i, j) in enumerate((i, j) for i in range(size) for j in range(i + 1, size))}

    def entry(i: int, j: int) -> Node:
        return 0 if i == j else symbol(numbers[i, j]) if i < j else multiply(-1, symbol(numbers[j, i]))

    return Matrix.build(size, size, entry)


def _signed(P: Matrix, n: int) -> Matrix:
    """``J P``."""
    from ...oracles.proofs import multiply

    return P.build(*P.shape, lambda i, j: P.rows[i][j] if i < n else multiply(-1, P.rows[i][j]))


def _generators(n: int, m: int, r: int) -> Certificate:
    from ...oracles.proofs import Matrix, add, identity

    sizes = ((n, m), (n, r), (m, r), (n, r), (m, r))
    starts = [sum(a * b for a, b in sizes[:k]) for k in range(6)]
    M, U, V, X, Y = (Matrix.symbols(*size, start) for size, start in zip(sizes, starts, strict=False))
    slope = M.inner(X @ V.T + U @ Y.T)
    return identity(starts[5], [(slope, add((M @ V).inner(X), (M.T @ U).inner(Y)))])


def _first_identity(n: int, m: int, sign: int) -> Certificate:
    """``[S_M, S_K]`` with M and K free; ``sign`` -1 makes the lower block wrong."""
    from ...oracles.proofs import Matrix, identity

    M, K = Matrix.symbols(n, m), Matrix.symbols(n, m, n * m)
    left = _s(M) @ _s(K) - _s(K) @ _s(M)
    right = _diagonal(M @ K.T - K @ M.T, (M.T @ K - K.T @ M).scaled(sign))
    return identity(2 * n * m, left.equals(right))


def _second_identity(n: int, m: int) -> Certificate:
    from ...oracles.proofs import Matrix, identity

    M = Matrix.symbols(n, m)
    A, B = _skew(n, n * m), _skew(m, n * m + n * (n - 1) // 2)
    left = _diagonal(A, B) @ _s(M) - _s(M) @ _diagonal(A, B)
    variables = n * m + n * (n - 1) // 2 + m * (m - 1) // 2
    return identity(variables, left.equals(_s(A @ M - M @ B)))


def _dimension(basis: Sequence[Any]) -> Certificate:
    from ...oracles.proofs import exact_rank

    return exact_rank([[int(x) for x in matrix.ravel()] for matrix in basis])


def _skewness(n: int, m: int) -> Certificate:
    from ...oracles.proofs import Matrix, identity

    M = Matrix.symbols(n, m)
    A, B = _skew(n, n * m), _skew(m, n * m + n * (n - 1) // 2)
    JX = _signed(_s(M) + _diagonal(A, B), n)
    size = n + m
    return identity(n * m + n * (n - 1) // 2 + m * (m - 1) // 2, (JX + JX.T).equals(Matrix.zeros(size, size)))


def _tangency(n: int, m: int, r: int) -> Certificate:
    from ...oracles.proofs import Matrix, identity

    size = n + m
    P, A = Matrix.symbols(size, r), _skew(size, size * r)
    field = _signed(A @ P, n)
    change = field.T @ _signed(P, n) + _signed(P, n).T @ field
    return identity(size * r + size * (size - 1) // 2, change.equals(Matrix.zeros(r, r)))


def without_sign() -> Certificate:
    """A skew A and a point at which the field A P, without J, changes Delta: an exact value that is not 0."""
    from ...oracles.proofs import Matrix, values

    P, A = Matrix.symbols(2, 1), _skew(2, 2)
    change = (A @ P).T @ _signed(P, 1) + _signed(P, 1).T @ (A @ P)
    return values([1, 1, 1], [(change.rows[0][0], 4)])


def cases() -> SearchStrategy[Case]:
    """Shapes up to 3, entries up to 9, those of M and K not zero."""
    from hypothesis import strategies as st

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        n, m, r = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))

        nonzero = st.integers(-9, 8).map(lambda x: x + (x >= 0))

        def matrix(rows: int, columns: int, entry: SearchStrategy[int]) -> Rows:
            return tuple(tuple(draw(entry) for _ in range(columns)) for _ in range(rows))

        M, K = matrix(n, m, nonzero), matrix(n, m, nonzero)
        return Case(n, m, r, M, K, matrix(n + m, r, st.integers(-9, 9)))

    return draw_case()


def _example(n: int, m: int, r: int) -> Case:
    def matrix(rows: int, columns: int, step: int) -> Rows:
        return tuple(tuple((step * (i + 2) + (i + 1) * j) % 7 - 3 for j in range(columns)) for i in range(rows))

    return Case(n, m, r, matrix(n, m, 1), matrix(n, m, 2), matrix(n + m, r, 3))


EXAMPLES = tuple(_example(n, m, r) for n, m in KNOWN for r in (1, 3))


def check_brackets(case: Case) -> Residual:
    """The bracket of two gradient fields of the model, from its polynomials, against the matrix formula; over Q."""
    import numpy as np

    from ...oracles.models import DeepLinear

    model = DeepLinear((case.n, case.r, case.m))
    coordinates = model.coordinates()
    X, Y = (_gradient_field(coordinates, rows) for rows in (case.M, case.K))
    M, K, P = (np.array(rows, dtype=np.int64) for rows in (case.M, case.K, case.P))
    point = [int(x) for x in (*P[: case.n].ravel(), *P[case.n :].T.ravel())]
    found = _bracket(X, Y, point)
    upper, lower = (M @ K.T - K @ M.T) @ P[: case.n], (M.T @ K - K.T @ M) @ P[case.n :]
    stated = [int(x) for x in (*upper.ravel(), *lower.T.ravel())]
    return Residual(sum(abs(a - b) for a, b in zip(found, stated, strict=True)), nontrivial=any(stated))


def _gradient_field(coordinates: Sequence[Polynomial], weights: Rows) -> dict[int, Polynomial]:
    """``grad <weights, phi>``, by variable."""
    from ...oracles.polynomials import Polynomial

    flat = [w for row in weights for w in row]
    total = Polynomial()
    for weight, coordinate in zip(flat, coordinates, strict=True):
        total = total + coordinate.scaled(weight)
    return total.gradient()


def _bracket(X: dict[int, Polynomial], Y: dict[int, Polynomial], point: Sequence[int]) -> list[int]:
    """``DX Y - DY X`` at the point."""

    def slope(field: dict[int, Polynomial], direction: dict[int, Polynomial]) -> list[int]:
        along = {variable: int(p.evaluate(point)) for variable, p in direction.items()}
        out = [0] * len(point)
        for variable, component in field.items():
            for other, derivative in component.gradient().items():
                out[variable] += int(derivative.evaluate(point)) * along.get(other, 0)
        return out

    return [a - b for a, b in zip(slope(X, Y), slope(Y, X), strict=True)]


def check_floats(case: Case) -> Residual:
    """``S_M (S_K P) - S_K (S_M P)`` in float64 against the matrix formula in float64, entries scaled by 1/7.

    Bound: each side is a sum of products in which no term passes through more than 2 N + 4 roundings (two products, at
    most 2 N additions, one difference, the entries themselves), so each is wrong by at most gamma(2 N + 4) times the
    sum of its absolute terms; the sides share their terms. The last factor covers the rounding of that sum.
    """
    import numpy as np

    M, K, P = (np.array(rows, dtype=np.float64) / 7 for rows in (case.M, case.K, case.P))
    size = case.n + case.m

    def s(block: Any) -> Any:
        return np.block([[np.zeros((case.n, case.n)), block], [block.T, np.zeros((case.m, case.m))]])

    found = s(M) @ (s(K) @ P) - s(K) @ (s(M) @ P)
    stated = np.concatenate([(M @ K.T - K @ M.T) @ P[: case.n], (M.T @ K - K.T @ M) @ P[case.n :]])
    terms = abs(s(M)) @ (abs(s(K)) @ abs(P)) + abs(s(K)) @ (abs(s(M)) @ abs(P))
    unit = (2 * size + 4) * 2.0**-53
    bound = 2 * unit / (1 - unit) * terms.sum() * (1 + 2.0**-40)
    return Residual(float(abs(found - stated).sum()), float(bound), nontrivial=bool(stated.any()))


def check_generated(case: Case) -> Residual:
    """Any basis of W generates the same algebra: here the unit matrices, changed by parts of M and K."""
    import numpy as np

    n, size = case.n, case.n + case.m
    M, K = (np.array(rows, dtype=np.int64).ravel() for rows in (case.M, case.K))
    generators: list[Any] = []
    for k, unit in enumerate(units(n, case.m)):
        tail = np.where(np.arange(len(M)) > k, M + k % 2 * K, 0).reshape(n, case.m)
        unit[:n, n:] += tail
        unit[n:, :n] += tail.T
        generators.append(unit.astype(object))
    found = len(generated(generators, size))
    return Residual(abs(found - size * (size - 1) // 2), nontrivial=size > 2)


def check_group(case: Case) -> Residual:
    """The Cayley transform ``g = (I - X)^-1 (I + X)`` of ``X = S_M / 16``: Delta(g P) = Delta(P), over Q.

    ``P -> g P`` is also one step of the implicit midpoint rule, of length 1/8, on the loss ``-<M, U V^T>``.
    """
    return _cayley_change(case, 1)


def check_rotations(case: Case) -> Residual:
    """The wrong statement: fields A P with A skew, without J, keep Delta."""
    return _cayley_change(case, -1)


def _cayley_change(case: Case, sign: int) -> Residual:
    """How far Delta moves; with ``sign`` -1 the lower left block of X is -M^T, so X is skew."""
    from flint import fmpq

    n = case.n
    g = _cayley(case.M, fmpq(1, 16), sign)
    if g is None:
        return Residual(0, nontrivial=False, note="no Cayley transform: 1 is an eigenvalue of X")
    P = _exact(case.P)
    moved = g * P
    worst = max(abs(x) for x in (_delta(moved, n) - _delta(P, n)).entries())
    return Residual(_fraction(worst), nontrivial=bool(moved != P))


def _exact(rows: Sequence[Sequence[int]]) -> Any:
    from flint import fmpq, fmpq_mat

    return fmpq_mat(len(rows), len(rows[0]), [fmpq(x) for row in rows for x in row])


def _cayley(M: Sequence[Sequence[int]], scale: Any, sign: int = 1) -> Any:
    """``(I - X)^-1 (I + X)`` for ``X = scale * ((0, M), (sign M^T, 0))``; None where it does not exist."""
    n, m = len(M), len(M[0])
    rows = [[0] * n + list(row) for row in M]
    rows += [[sign * M[i][j] for i in range(n)] + [0] * m for j in range(m)]
    X = scale * _exact(rows)
    one = _exact([[int(i == j) for j in range(n + m)] for i in range(n + m)])
    return (one - X).inv() * (one + X) if (one - X).det() else None


def _delta(P: Any, n: int) -> Any:
    """``P^T J P``."""
    size = P.nrows()
    return P.transpose() * _exact([[(1 if i < n else -1) * (i == j) for j in range(size)] for i in range(size)]) * P


def _fraction(value: Any) -> Fraction:
    return Fraction(int(value.p), int(value.q))


def table() -> Table:
    """Dimensions found by search, held against those of the theory."""
    rows: list[list[str | int]] = []
    for n, m in KNOWN:
        basis = generated(units(n, m), n + m)
        diagonal = sum(bool(matrix[:n, :n].any() or matrix[n:, n:].any()) for matrix in basis)
        rows.append([n, m, n + m, n * m, diagonal, len(basis)])
    columns = ("n", "m", "N", "generators", "brackets diag(A, B)", "dimension")
    agrees = [row[-1] for row in rows] == list(KNOWN.values())
    return Table("The Lie algebra generated by W", columns, rows, agrees)


def wandering(profile: Profile) -> SimulationResult:
    """Implicit midpoint steps over Q, each on another loss ``-<M, U V^T>``, for (n, m, r) = (2, 2, 2)."""
    from flint import fmpq

    steps = (20, 60, 200)[profile.effort]
    n = 2
    point = _exact([[2, 1], [-1, 1], [1, -2], [0, 1]])
    first = _delta(point, n)
    worst = Fraction(0)
    curves: dict[str, list[tuple[float, float]]] = {}
    for step in range(steps + 1):
        delta, gram = _delta(point, n), point.transpose() * point
        worst = max(worst, *(abs(_fraction(x)) for x in (delta - first).entries()))
        shown = {"U[1,1]": point[0, 0], "V[1,1]": point[n, 0], "(UᵀU + VᵀV)[1,1]": gram[0, 0]}
        shown |= {"Δ[1,1]": delta[0, 0], "Δ[1,2]": delta[0, 1], "Δ[2,2]": delta[1, 1]}
        for name, value in shown.items():
            curves.setdefault(name, []).append((float(step), float(_fraction(value))))
        M = [[(step * (3 + 2 * i + j) + i + 2 * j) % 7 - 3 for j in range(2)] for i in range(2)]
        point = _cayley(M, fmpq(1, 24)) * point
    plot = Plot(
        "A walk along one orbit of SO(2, 2)",
        "step",
        "value",
        tuple(Series(name, points) for name, points in curves.items()),
        caption="Each step is an implicit midpoint step on another loss -<M, U Vᵀ>, in exact rationals. The entries of "
        "Δ stay where they are to the last digit; weights and norms wander.",
    )
    return SimulationResult(Residual(worst, note=f"{steps} exact steps"), (plot,))


THEOREM = Theorem(
    id="A1.two-layer-linear.lie-algebra",
    title="The Lie algebra of a two-layer linear network",
    summary="The gradient fields of phi = U V^T generate so(n, m), which acts on (U; V) from the left.",
    source="A1 section 4; derived",
    status="derived",
    hypotheses=(
        "phi(U, V) = U V^T with U n x r and V m x r, any n, m, r >= 1; N = n + m and P = (U; V).",
        "J = diag(I_n, -I_m) and Delta = P^T J P = U^T U - V^T V.",
    ),
    statement=r"\mathrm{Lie}(W_\phi) = \{\, P \mapsto J A P : A \in \mathrm{Skew}(N) \,\} \cong \mathfrak{so}(n, m), "
    r"\qquad \dim \mathrm{Lie}(W_\phi) = \tfrac{N(N-1)}{2}",
    assumes=("A1.char.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="brackets",
            says="The bracket of two gradient fields, differentiated as polynomials, is diag(M K^T - K M^T, "
            "M^T K - K^T M) P.",
            arithmetic="rational",
            cases=cases,
            check=check_brackets,
            examples=EXAMPLES,
        ),
        Property(
            name="brackets-in-floats",
            says="The same bracket in float64, within the rounding of its sums.",
            arithmetic="float64",
            cases=cases,
            check=check_floats,
            examples=EXAMPLES,
        ),
        Property(
            name="generated",
            says="Every basis of W generates an algebra of dimension N (N - 1) / 2.",
            arithmetic="rational",
            cases=cases,
            check=check_generated,
            examples=EXAMPLES,
            share=0.25,
        ),
        Property(
            name="group",
            says="The Cayley transform of an element of the algebra keeps Delta exactly: a law of finite steps.",
            arithmetic="rational",
            cases=cases,
            check=check_group,
            examples=EXAMPLES,
        ),
    ),
    simulations=(
        Simulation(
            name="wandering",
            says="Implicit midpoint steps on changing linear losses move P along one orbit: Delta is constant over Q.",
            run=wandering,
        ),
    ),
    mutants=(
        Mutant(
            name="wrong-lower-block",
            says="[S_M, S_K] = diag(M K^T - K M^T, K^T M - M^T K).",
            rejects=lambda: _first_identity(2, 3, -1),
        ),
        Mutant(
            name="without-J",
            says="The fields A P with A skew keep Delta: at U = V = A_12 = 1 its derivative is 4.",
            refutes=without_sign,
        ),
        Mutant(
            name="rotations",
            says="The rotations generated by skew matrices, without J, keep Delta.",
            violates=Property(
                name="rotations", says="rotations of P", arithmetic="rational", cases=cases, check=check_rotations
            ),
        ),
    ),
)
