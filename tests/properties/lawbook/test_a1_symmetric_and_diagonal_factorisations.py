from fractions import Fraction

from flowlaw.properties.lawbook.a1_symmetric_and_diagonal_factorisations import (
    minors,
    momentum_gradients,
    quotient_gradients,
    symplectic_fields,
)

U = [[1, 2, -1], [3, 0, 4]]
V = [[2, 1, 1], [-1, 5, 2]]


def test_minors_come_in_the_order_of_their_columns() -> None:
    assert minors(U) == [-6, 7, 8]


def test_quotient_gradients_are_derivatives_of_quotients() -> None:
    step = Fraction(1, 10**6)
    for number, row in enumerate(quotient_gradients(U), 1):
        for i in range(2):
            for c in range(3):
                changed = [[Fraction(x) for x in line] for line in U]
                changed[i][c] += step
                p, before = _minors(changed), minors(U)
                slope = (p[number] / p[0] - Fraction(before[number], before[0])) / step * before[0] ** 2
                assert abs(slope - row[i * 3 + c]) < Fraction(1, 1000)


def _minors(rows: list[list[Fraction]]) -> list[Fraction]:
    (a, b, c), (d, e, f) = rows
    return [a * e - b * d, a * f - c * d, b * f - c * e]


def test_symplectic_fields_keep_the_angular_momentum() -> None:
    for field in symplectic_fields(U, V):
        for gradient in momentum_gradients(U, V):
            assert sum(a * b for a, b in zip(field, gradient, strict=True)) == 0


def test_there_is_a_field_for_every_symmetric_matrix() -> None:
    assert len(symplectic_fields(U, V)) == 10
