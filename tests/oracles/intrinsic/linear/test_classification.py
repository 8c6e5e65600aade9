"""The classification of two-layer linear networks against the kernel criterion, computed from its definition."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from random import Random

import pytest
from flint import fmpq, fmpq_mat

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.intrinsic import NotClaimed, case_table, classify, classify_model
from flowlaw.oracles.intrinsic.linear.classification import representative
from flowlaw.oracles.intrinsic.linear.two_layer import SIDE, spectrum, split
from flowlaw.oracles.models import DeepLinear, known_laws, parse_model
from flowlaw.oracles.polynomials import Polynomial, Rational, orthogonality
from flowlaw.oracles.proofs import kernel_vectors

F = Fraction
Rows = list[list[Fraction]]


def flat(U: Rows, V: Rows) -> list[Rational]:
    """The point of linear:n-r-m: U row by row, then V^T row by row."""
    return [*(x for row in U for x in row), *(x for column in zip(*V, strict=True) for x in column)]


def kernel_criterion(model: DeepLinear, point: list[Rational]) -> tuple[int, bool]:
    """dim (ker dphi cap ker dh), and whether dM vanishes on it: from the polynomials of the model alone."""
    phi = model.coordinates()
    laws = [law for family in known_laws(model) for law in family.polynomials()]

    def gradient(polynomial: Polynomial) -> list[Rational]:
        parts = polynomial.gradient()
        return [parts[k].evaluate(point) if k in parts else 0 for k in range(model.parameters)]

    vectors = kernel_vectors([gradient(polynomial) for polynomial in (*phi, *laws)])
    metric = [gradient(orthogonality(a, b)) for i, a in enumerate(phi) for b in phi[i:]]
    still = not any(sum(a * b for a, b in zip(row, v, strict=True)) for row in metric for v in vectors)
    return len(vectors), still


def rotated(U: Rows, V: Rows, random: Random) -> tuple[Rows, Rows]:
    """(U R, V R) with a random rational reflection R."""
    r = len(U[0])
    v = [random.randint(-2, 2) for _ in range(r)]
    norm = sum(x * x for x in v) or 1
    R = [[(i == j) - F(2 * v[i] * v[j], norm) for j in range(r)] for i in range(r)]

    def turn(A: Rows) -> Rows:
        return [[sum((x * R[k][j] for k, x in enumerate(row)), F(0)) for j in range(r)] for row in A]

    return turn(U), turn(V)


def inertias(n: int, m: int, r: int) -> list[tuple[int, int, int]]:
    """All inertias of Delta at a P of full rank."""
    rho = min(r, n + m)
    triples = [(p, rho - p - z, z) for z in range(rho + 1) for p in range(rho - z + 1)]
    return [(p, q, z) for p, q, z in triples if p + z <= n and q + z <= m]


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_it_agrees_with_the_kernel_criterion_at_every_inertia_and_width(n: int, m: int) -> None:
    random = Random(10 * n + m)
    seen: Counter[bool] = Counter()
    for r in range(1, 8 if n + m <= 4 else 5):
        model = DeepLinear((n, r, m))
        for inertia in inertias(n, m, r):
            for distinct in (False, True):
                U, V = rotated(*representative(n, m, r, inertia, distinct=distinct), random)
                found = classify(n, m, r, U, V)
                dimension, still = kernel_criterion(model, flat(U, V))
                assert found.rank == min(r, n + m)
                assert (found.fibre_dimension, found.holds) == (dimension, still)
                seen[still] += 1
    assert seen[True] > 5
    assert n == m == 1 or seen[False] > 5


def test_points_of_deficient_rank_are_read_as_points_of_a_smaller_width() -> None:
    seen: Counter[bool] = Counter()
    for n, m, r, inertia in (
        (2, 2, 2, (1, 0, 0)),
        (2, 2, 3, (2, 0, 0)),
        (2, 3, 4, (2, 0, 0)),
        (2, 3, 4, (1, 1, 0)),
        (2, 3, 4, (0, 3, 0)),
        (1, 3, 4, (0, 2, 0)),
        (2, 2, 3, (0, 0, 2)),
        (2, 2, 4, (2, 1, 0)),
    ):
        U, V = rotated(*representative(n, m, r, inertia), Random(3))
        found = classify(n, m, r, U, V)
        dimension, still = kernel_criterion(DeepLinear((n, r, m)), flat(U, V))
        rho = sum(inertia)
        assert (found.case, found.rank, found.holds) == (7, rho, still)
        # directions that leave the matrices of rank rho come on top of the fibre
        assert dimension == found.fibre_dimension + (n + m - rho) * (r - rho)
        seen[still] += 1
    assert min(seen.values()) >= 3


@pytest.mark.parametrize(
    ("n", "m", "r", "f"),
    [
        (1, 1, 3, 0),
        (2, 3, 1, 0),
        (1, 2, 2, 1),
        (2, 2, 2, 1),
        (2, 2, 3, 2),
        (1, 3, 2, 2),
        (2, 3, 3, 3),
        (2, 4, 3, 4),
        (3, 3, 3, 3),
        (2, 3, 4, 4),
        (2, 3, 5, 4),
        (2, 5, 3, 5),
    ],
)
def test_the_fibre_has_the_dimension_that_the_theory_states(n: int, m: int, r: int, f: int) -> None:
    rho = min(r, n + m)
    p = min(n, rho)
    found = classify(n, m, r, *representative(n, m, r, (p, rho - p, 0), distinct=True))
    assert found.fibre_dimension == f


def test_relaxed_balance_does_not_suffice_for_one_output_three_inputs_and_width_two() -> None:
    for column in (1, 2):
        V = [[F(5, 4), 0], [0, column == 1], [0, column == 2]]
        found = classify(1, 3, 2, [[F(3, 4), 0]], V)
        assert (found.case, found.holds, found.multiplicities) == (4, False, (2,))
        assert "never" in found.reason


def test_the_metric_can_be_intrinsic_without_relaxed_balance() -> None:
    U, V = [[F(10, 3), F(4, 3), F(0)]], [[F(8, 3), F(5, 3), F(0)], [F(0), F(0), F(1)]]
    found = classify(1, 2, 3, U, V)
    assert (found.case, found.holds, found.fibre_dimension, found.multiplicities) == (6, True, 1, (2, 1))
    V[1][2] = F(21, 20)
    assert classify(1, 2, 3, U, V).holds is False


def test_multiplicities_are_exact_where_eigenvalues_are_irrational_or_close() -> None:
    found = spectrum(2, 2, 2, [[1, 1], [1, 0]], [[0, 0], [0, 0]])
    assert (found.multiplicities, found.radical) == ((1, 1), (1, -3, 1))  # of [[2, 1], [1, 1]]
    tiny = F(1, 10**40)
    found = spectrum(2, 2, 2, [[1, 0], [0, 1 + tiny]], [[0, 0], [0, 0]])
    assert found.multiplicities == (1, 1)
    assert spectrum(2, 2, 2, [[1, 0], [0, 1]], [[0, 0], [0, 0]]).scalar == 1


def test_conjugate_eigenvalues_of_equal_multiplicity_are_seen_as_two_values() -> None:
    """mu and -nu irrational, each twice: only mu - nu and mu nu are rational, and the property holds."""
    U = [[F(1), F(1), F(0), F(0)], [F(0), F(0), F(1), F(1)]]
    V = [[F(0), F(1), F(0), F(0)], [F(0), F(0), F(0), F(1)]]
    found = spectrum(2, 2, 4, U, V)
    assert found.multiplicities == (2, 2)
    assert found.two_values == (1, 1)  # Delta = [[1, 1], [1, 0]] twice: mu - nu = 1, mu nu = 1
    assert classify(2, 2, 4, U, V).holds is True


def test_a_wide_hidden_layer_gives_the_same_spectrum_from_the_small_side() -> None:
    random = Random(5)
    U, V = ([[F(random.randint(-5, 5), 2) for _ in range(6)] for _ in range(2)] for _ in range(2))
    wide = spectrum(2, 2, 6, U, V)
    columns = fmpq_mat(4, 6, [fmpq(x.numerator, x.denominator) for row in [*U, *V] for x in row])
    signs = fmpq_mat(4, 4, [(1 if i < 2 else -1) * (i == j) for i in range(4) for j in range(4)])
    whole = (columns.transpose() * signs * columns).charpoly().coeffs()
    assert whole[:2] == [0, 0]
    assert [F(int(c.p), int(c.q)) for c in whole[2:]] == list(wide.radical)


def test_small_ranks_of_a_factor_are_left_undecided() -> None:
    found = classify(1, 2, 1, [[0]], [[1], [0]])
    assert found.holds is None
    assert "claims nothing" in found.reason
    dimension, still = kernel_criterion(DeepLinear((1, 1, 2)), [0, 1, 0])
    assert (dimension, still) == (found.fibre_dimension, False)
    assert classify(2, 2, 2, [[1, 0], [0, 1]], [[0, 0], [0, 0]]).holds is None
    assert classify(2, 1, 2, [[0, 0], [0, 0]], [[0, 0]]).holds is True  # the flow does not move


def test_the_table_has_the_conditions_of_the_theory_in_every_cell() -> None:
    assert {cell.r for cell in case_table(2, 5)} == {1, 2, 3, 4, 5}
    assert [cell for cell in case_table(2, 5) if cell.r <= 2] == list(case_table(2))
    for cell in (*case_table(4), *case_table(3, 7)):
        n, m, r = cell.n, cell.m, cell.r
        low, high = min(n, m), max(n, m)
        if r == 1 or high == 1:
            assert (cell.case, cell.condition) == (1, "always")
        elif r <= low or r == high:
            assert (cell.case, cell.condition) == (2 if r <= low else 3, "relaxed balanced only")
        elif r < n + m:
            assert (cell.case, cell.condition) == (4 if r < high else 5, "never")
        else:
            assert (cell.case, cell.condition) == (6, "two-valued spectrum")
    assert Counter(cell.case for cell in case_table(3)).keys() == {1, 2, 3, 4, 5, 6}


def test_a_model_is_read_with_outputs_first() -> None:
    model = parse_model("linear:1-2-3")
    assert isinstance(model, DeepLinear)
    point = [F(3, 4), F(0), F(5, 4), F(0), F(0), F(0), F(1), F(0)]
    assert split(model, point) == ([[F(3, 4), 0]], [[F(5, 4), 0], [0, 1], [0, 0]])
    assert classify_model(model, point).case == 4


def test_what_is_not_two_linear_layers_is_refused() -> None:
    for spec in ("linear:2-2-2-2", "linear:2-2", "linear:2-2-2+logits", "relu:2-2-2"):
        model = parse_model(spec)
        with pytest.raises(BadInput, match="two-layer linear network"):
            classify_model(model, [1] * model.parameters)
    with pytest.raises(BadInput, match="has 8 entries; 3 were given"):
        classify_model(DeepLinear((2, 2, 2)), [1, 2, 3])
    with pytest.raises(BadInput, match="V must have 2 rows of 2 entries"):
        classify(1, 2, 2, [[1, 2]], [[1, 2]])
    with pytest.raises(BadInput, match="at least 1"):
        classify(0, 2, 2, [], [[1, 2]])
    with pytest.raises(TooLarge, match="characteristic polynomial"):
        classify(SIDE + 1, 1, SIDE + 1, [[1] * (SIDE + 1)] * (SIDE + 1), [[1] * (SIDE + 1)])
    with pytest.raises(BadInput, match="inertia"):
        representative(1, 1, 1, (1, 1, 0))
    with pytest.raises(BadInput, match="empty"):
        case_table(0)
    with pytest.raises(TooLarge, match="cells"):
        case_table(9)
    with pytest.raises(TooLarge, match="cells"):
        case_table(8, 9)
    with pytest.raises(BadInput, match="empty"):
        case_table(2, -1)
    assert issubclass(NotClaimed, BadInput)
