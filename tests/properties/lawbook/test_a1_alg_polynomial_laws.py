from flowlaw.oracles.models import parse_model
from flowlaw.properties.lawbook.a1_alg_polynomial_laws import (
    MapCase,
    determinant,
    float_rank,
    monomials,
    permanent,
    rank,
    system,
)


def test_there_are_as_many_monomials_as_combinations_with_repetition() -> None:
    assert len(monomials(4, 3)) == 20
    assert monomials(2, 2) == [((0, 2),), ((0, 1), (1, 1)), ((1, 2),)]


def test_the_system_of_a_product_of_two_scalars() -> None:
    # <grad (a x^2 + b x y + c y^2), (y, x)> = 2 (a + c) x y + b (x^2 + y^2)
    rows = system(parse_model("monomial:2"), monomials(2, 2))
    assert sorted(rows) == [[0, 1, 0], [0, 1, 0], [2, 0, 2]]
    assert rank(rows) == 2


def test_elimination_in_floats_is_right_where_nothing_is_rounded() -> None:
    assert float_rank([[1, 2], [2, 4], [0, 1]]) == 2


def test_elimination_in_floats_takes_rounding_for_a_pivot() -> None:
    rows = system(parse_model("linear:2-2-2"), monomials(8, 4))
    assert len(rows[0]) - rank(rows) == 6
    assert len(rows[0]) - float_rank(rows) == 5


def test_terms_with_the_same_exponents_add_up() -> None:
    model = MapCase(2, (((1, (1, 1)), (2, (1, 1))),), 1).model()
    assert model.coordinates()[0].terms == {((0, 1), (1, 1)): 3}


def test_determinant_and_permanent_differ_in_signs_only() -> None:
    assert set(determinant().terms.values()) == {1, -1}
    assert permanent().terms == dict.fromkeys(determinant().terms, 1)
    # u = U1 is the first row of P, the columns of U2 are the others
    assert determinant().evaluate([1, 0, 0, 0, 0, 1, 0, 0, 1]) == 1
