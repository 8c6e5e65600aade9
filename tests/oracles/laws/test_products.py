"""New generators: the quotient of the laws of one degree by products of lower laws."""

from __future__ import annotations

import pytest

from flowlaw.oracles.errors import TooLarge
from flowlaw.oracles.laws import _products, polynomial_laws, up_to
from flowlaw.oracles.laws._products import new_generators, products
from flowlaw.oracles.models import parse_model
from flowlaw.oracles.polynomials import Polynomial


def test_products_of_a_degree_are_the_multisets_of_generators_with_that_sum() -> None:
    generators = [(0, 1), (1, 2), (2, 2)]
    assert sorted(products(generators, 2, True)) == [(0, 0)]
    assert sorted(products(generators, 4, True)) == [(0, 0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 1), (1, 2), (2, 2)]
    assert sorted(products(generators, 2, False)) == [(0,), (0, 0), (1,), (2,)]
    assert list(products([], 4, True)) == []


@pytest.mark.parametrize(
    ("spec", "dimensions", "new"),
    [
        ("linear:2-2-2", [0, 3, 0, 6, 0, 10], [0, 3, 0, 0, 0, 0]),
        ("linear:1-3-2", [0, 6, 1, 21, 6, 56], [0, 6, 1, 0, 0, 0]),
        ("linear:1-3-1", [0, 9, 0, 36], [0, 9, 0, 0]),
        ("linear:2-2-2+logits", [2, 6, 10, 20], [2, 3, 0, 0]),
        ("diagonal:2", [0, 2, 0, 3], [0, 2, 0, 0]),
    ],
)
def test_products_of_lower_laws_are_not_reported_as_new(spec: str, dimensions: list[int], new: list[int]) -> None:
    """The 36 quartic laws of 1-3-1 are spanned by 45 products with 9 relations; a square of the minor is a product."""
    found = up_to(parse_model(spec), len(new))
    assert [laws.kernel_dimension for laws in found] == dimensions
    assert [len(laws.new_generators) for laws in found] == new


def test_a_law_that_products_do_not_reach_is_new_even_if_some_are_products() -> None:
    quadratic = polynomial_laws(parse_model("linear:2-2-2"), 2).basis
    quartic = polynomial_laws(parse_model("linear:2-2-2"), 4).basis
    for dropped in range(3):
        lower = [(2, law) for i, law in enumerate(quadratic) if i != dropped]
        new = new_generators(quartic, lower, 4, 8, exact_degree=True, name="2-2-2")
        assert len(new) == 6 - 3
        assert set(new) <= set(quartic)
    assert new_generators(quartic, [], 4, 8, exact_degree=True, name="2-2-2") == quartic


def test_too_many_products_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_products, "CELLS", 100)
    with pytest.raises(TooLarge, match=r"linear:2-2-2: in degree 4 .* Ask for a lower degree"):
        polynomial_laws(parse_model("linear:2-2-2"), 4)


def test_products_of_large_values_stay_exact() -> None:
    x, y = Polynomial.variable(0), Polynomial.variable(1)
    huge = 10**18
    lower = [(1, x.scaled(huge) + y), (1, x.scaled(huge) - y)]
    basis = [x * x, x * y, y * y]
    assert new_generators(basis, lower, 2, 2, exact_degree=True, name="lines") == ()
    assert len(new_generators(basis, lower[:1], 2, 2, exact_degree=True, name="line")) == 2
