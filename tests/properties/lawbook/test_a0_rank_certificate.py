from __future__ import annotations

import pytest

from flowlaw.oracles.polynomials import Polynomial
from flowlaw.properties.lawbook import a0_rank_certificate as entry

X, Y = Polynomial.variable(0), Polynomial.variable(1)
FIELDS = ({0: Y * Y}, {1: X}, {0: X * Y, 1: Y})


@pytest.mark.parametrize(
    ("word", "at_two_three"),
    [
        ((0, 1), [2 * 3 * 2, -9]),  # [y^2 d_x, x d_y] = 2xy d_x - y^2 d_y
        ((1, 0), [-2 * 3 * 2, 9]),
        ((0, 0), [0, 0]),
    ],
)
def test_a_bracket_by_hand(word: entry.Word, at_two_three: list[int]) -> None:
    assert entry.nilpotent(FIELDS, word, [2, 3]) == at_two_three
    assert entry.values(entry.symbolic(FIELDS, word), [2, 3]) == at_two_three


def test_nested_brackets_obey_the_jacobi_identity() -> None:
    cyclic = [(0, (1, 2)), (1, (2, 0)), (2, (0, 1))]
    parts = [entry.nilpotent(FIELDS, word, [5, -7]) for word in cyclic]
    assert any(parts[0])
    assert [sum(column) for column in zip(*parts, strict=True)] == [0, 0]


def test_small_primes_lose_ranks() -> None:
    rows = [[2, 0], [0, 3]]
    assert [entry.rank_mod(rows, prime) for prime in (2, 3, 5)] == [1, 1, 2]
    assert entry.rank_over_q(rows) == 2
    assert entry.rank_mod([], 5) == entry.rank_over_q([]) == 0


def test_the_rank_of_each_model_of_the_derivation_is_decided() -> None:
    steps = [step for step in entry.derivation() if step.certificate is None]
    assert len(steps) == 3
