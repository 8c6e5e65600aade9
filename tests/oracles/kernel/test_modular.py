"""Ranks modulo a prime against python-flint."""

import numpy as np
import pytest
from flint import nmod_mat

from flowlaw.oracles.kernel._modular import PRIME_LIMIT, is_prime, rank

LARGEST = 1048573
"""The largest prime below ``PRIME_LIMIT``."""
PRIMES = (2, 3, 5, 251, 5779, 8059, 8069, 65521, LARGEST)


def flint_rank(rows: list[list[int]], prime: int) -> int:
    return int(nmod_mat(len(rows), len(rows[0]), [c % prime for row in rows for c in row], prime).rank())


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 200), (200, 3), (64, 64), (65, 63), (63, 129), (130, 257)])
def test_ranks_of_products_are_those_of_flint(prime: int, height: int, width: int) -> None:
    generator = np.random.default_rng(prime + height)
    for inner in sorted({1, 2, min(height, width) // 2 + 1, min(height, width)}):
        left, right = generator.integers(0, prime, (height, inner)), generator.integers(0, prime, (inner, width))
        matrix = left.astype(object) @ right.astype(object) % prime
        assert rank(matrix.astype(np.int64), prime) == flint_rank(matrix.tolist(), prime)


@pytest.mark.parametrize("prime", PRIMES)
def test_ranks_of_sparse_matrices_with_few_pivots_in_a_panel_are_those_of_flint(prime: int) -> None:
    generator = np.random.default_rng(prime)
    for density in (0.002, 0.01, 0.05):
        matrix = np.where(generator.random((150, 300)) < density, generator.integers(1, prime, (150, 300)), 0)
        matrix[:, 64:128] = 0
        assert rank(matrix, prime) == flint_rank(matrix.tolist(), prime)


@pytest.mark.parametrize("prime", [5779, 8059, 8069, LARGEST])
def test_the_largest_entries_do_not_overflow(prime: int) -> None:
    """All entries p - 1 but on the diagonal: each step of the elimination meets the largest products there are."""
    size = 200
    matrix = np.full((size, size), prime - 1)
    np.fill_diagonal(matrix, prime - 2)
    assert rank(matrix, prime) == flint_rank(matrix.tolist(), prime) >= size - 1
    generator = np.random.default_rng(0)
    high = prime - 1 - generator.integers(0, 3, (size, 150))
    assert rank(high, prime) == flint_rank(high.tolist(), prime)


def test_entries_outside_the_residues_are_reduced_first() -> None:
    assert rank(np.array([[7, -7], [14, 0]]), 7) == 0
    assert rank(np.array([[-1, 2**62], [0, 3]]), 5) == 2


def test_no_rows_or_no_columns_have_rank_zero() -> None:
    assert rank(np.zeros((0, 5), dtype=np.int64), 7) == 0
    assert rank(np.zeros((5, 0), dtype=np.int64), 7) == 0


def test_the_matrix_is_left_as_it_was() -> None:
    matrix = np.array([[2, 4], [1, 2]])
    assert rank(matrix, 101) == 1
    assert matrix.tolist() == [[2, 4], [1, 2]]


def test_a_rank_modulo_a_small_prime_is_a_lower_bound() -> None:
    """The negative control of A0.rank-certificate: the gradient of x^2 vanishes modulo 2."""
    matrix = np.array([[2, 0], [0, 3]])
    assert (rank(matrix, 2), rank(matrix, 3), rank(matrix, 5)) == (1, 1, 2)


def test_primes_are_told_from_other_numbers() -> None:
    below = 5000
    sieve = [True] * below
    for divisor in range(2, below):
        sieve[2 * divisor :: divisor] = [False] * len(sieve[2 * divisor :: divisor])
    assert [number for number in range(2, below) if is_prime(number)] == [n for n in range(2, below) if sieve[n]]
    assert not is_prime(0)
    assert not is_prime(1)
    assert is_prime(LARGEST)
    assert not any(map(is_prime, range(LARGEST + 1, PRIME_LIMIT + 1)))
    assert not is_prime(1021 * 1021)
    assert not is_prime(1019 * 1021)
