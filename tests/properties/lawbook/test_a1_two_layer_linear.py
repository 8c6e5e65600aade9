"""The shared parts of the entries on two-layer linear networks."""

import numpy as np
import pytest

from flowlaw.oracles.models import DeepLinear, known_laws
from flowlaw.oracles.polynomials import orthogonality
from flowlaw.properties.lawbook.a1_two_layer_linear_count import generator_fields, law_gradients, rank, two, wrong_law
from flowlaw.properties.lawbook.a1_two_layer_linear_lie_algebra import generated, tangent_fields, units
from flowlaw.properties.lawbook.a1_two_layer_linear_rank_deficient import KNOWN, Case, example, restricted

POINT = [[1, 2], [3, -1], [0, 4]]


def test_fields_and_law_gradients_are_orthogonal() -> None:
    for field in tangent_fields(POINT, 1):
        for gradient in law_gradients(POINT, 1):
            assert sum(a * b for a, b in zip(field, gradient, strict=True)) == 0


def test_generators_lie_in_the_span_of_the_tangent_fields() -> None:
    tangent = tangent_fields(POINT, 1)
    assert rank([*tangent, *generator_fields(POINT, 1)]) == rank(tangent)


def test_law_gradients_are_the_gradients_of_the_laws_of_the_model() -> None:
    # U is 1 x 2 and V is 2 x 2; the model numbers V^T row-major
    model = DeepLinear((1, 2, 2))
    numbers = [[0, 1], [2, 4], [3, 5]]
    flat = [0] * 6
    for row, line in zip(numbers, POINT, strict=True):
        for number, value in zip(row, line, strict=True):
            flat[number] = value
    found = {tuple(gradient) for gradient in law_gradients(POINT, 1)}
    for law in known_laws(model)[0].polynomials():
        slopes = law.gradient()
        entries = [slopes[n].evaluate(flat) if n in slopes else 0 for row in numbers for n in row]
        assert tuple(entries) in found


def test_the_wrong_law_is_no_law() -> None:
    assert any(orthogonality(wrong_law(2, 2), phi) for phi in DeepLinear((2, 2, 1)).coordinates())


def test_the_count_at_the_edge_where_the_width_passes_n_plus_m() -> None:
    assert [two(2, 2, r) for r in (3, 4, 5)] == [6, 10, 14]


@pytest.mark.parametrize(("n", "m"), [(1, 3), (2, 2), (3, 3)])
def test_generated_algebras_preserve_the_signature(n: int, m: int) -> None:
    signs = np.diag([1] * n + [-1] * m)
    for matrix in generated(units(n, m), n + m):
        assert not (matrix.T @ signs + signs @ matrix).any()


@pytest.mark.parametrize("known", KNOWN)
def test_examples_have_exactly_the_rank_that_they_are_asked_for(known: tuple[int, ...]) -> None:
    n, m, r, rho = known[:4]
    case = example(n, m, r, rho)
    assert rank(case.point()) == rho
    assert rank(restricted(case)) == known[-1]


def test_rank_zero_is_the_zero_matrix() -> None:
    assert Case(1, 1, 2, ((), ()), ()).point() == [[0, 0], [0, 0]]
