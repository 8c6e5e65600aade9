"""The theorems on deep linear networks and path liftings, against the search and against random equations."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import TooLarge
from flowlaw.oracles.laws import polynomial_laws, sampled_quadratic_bound, up_to
from flowlaw.oracles.models import DeepLinear, Group, Model, PathLifting, parse_model
from flowlaw.oracles.polynomials import Polynomial, orthogonality


@st.composite
def linear_networks(draw: st.DrawFn) -> DeepLinear:
    widths = draw(st.lists(st.integers(1, 3), min_size=2, max_size=5).filter(lambda w: sum(w) <= 11))
    return DeepLinear(tuple(widths), logits=widths[0] > 1 and draw(st.booleans()))


@st.composite
def acyclic_networks(draw: st.DrawFn) -> PathLifting:
    """A chain of groups with some links that skip."""
    sizes = draw(st.lists(st.integers(1, 2), min_size=2, max_size=4))
    last = len(sizes) - 1
    groups = [
        Group(f"g{i}", size, "source" if i == 0 else "output" if i == last else "hidden")
        for i, size in enumerate(sizes)
    ]
    skips = [(a, b) for a in range(last) for b in range(a + 2, last + 1)]
    chosen = draw(st.lists(st.sampled_from(skips), unique=True)) if skips else []
    links = [*pairwise(range(last + 1)), *chosen]
    if draw(st.booleans()) and last > 1:
        groups.append(Group("one", 1, "source"))
        links += [(last + 1, i) for i in range(1, last + 1) if draw(st.booleans()) or i == 1]
    return PathLifting(tuple(groups), tuple(links))


def assert_same_spaces(model: Model, degree: int) -> int:
    """The bases span the same space: equal dimensions, and each law of the rule is one; returns how many there were."""
    total = 0
    for ruled, searched in zip(up_to(model, degree), up_to(model, degree, rules=()), strict=True):
        assert "theorem" in ruled.proof or ruled.degree > 2
        assert ruled.kernel_dimension == searched.kernel_dimension == len(ruled.basis) == len(set(ruled.basis))
        assert len(ruled.new_generators) == len(searched.new_generators)
        assert set(ruled.new_generators) <= set(ruled.basis)
        assert not any(orthogonality(law, coordinate) for law in ruled.basis for coordinate in model.coordinates())
        assert independent(ruled.basis)
        total += len(ruled.basis)
    return total


def independent(laws: tuple[Polynomial, ...]) -> bool:
    pivots: dict[object, Polynomial] = {}
    for law in laws:
        rest = law
        while rest:
            leading = min(rest.terms)
            if leading not in pivots:
                pivots[leading] = rest
                break
            rest = rest.scaled(pivots[leading].terms[leading]) - pivots[leading].scaled(rest.terms[leading])
        if not rest:
            return False
    return True


@given(linear_networks())
@settings(max_examples=60)
def test_deep_linear_networks_have_the_laws_of_the_theorem_and_no_others(model: DeepLinear) -> None:
    assert_same_spaces(model, 2)


@given(acyclic_networks())
@settings(max_examples=40)
def test_path_liftings_have_the_polynomials_in_their_neuron_balances_and_no_other_laws(model: PathLifting) -> None:
    assert_same_spaces(model, 4 if model.parameters <= 8 else 2)


@pytest.mark.parametrize(
    "spec",
    [
        "linear:1-3-1",
        "linear:2-1-3-1-2",
        "linear:1-1-1-1",
        "linear:2-3-1+logits",
        "linear:2-2-1-2-1+logits",
        "linear:3-3+logits",
    ],
)
def test_scalar_layers_and_logits_bring_their_extra_laws(spec: str) -> None:
    assert assert_same_spaces(parse_model(spec), 2) > 0


def test_the_extra_laws_of_a_layer_between_scalars_are_antisymmetric() -> None:
    laws = polynomial_laws(parse_model("linear:1-2-1"), 2)
    u, v = [Polynomial.variable(i) for i in (0, 1)], [Polynomial.variable(i) for i in (2, 3)]
    assert u[0] * v[1] - u[1] * v[0] in laws.basis
    assert u[0] * v[1] + u[1] * v[0] not in laws.basis


def test_the_cubic_law_of_one_three_two_is_the_minor_of_the_stacked_weights() -> None:
    laws = polynomial_laws(parse_model("linear:1-3-2"), 3)
    u = [Polynomial.variable(i) for i in range(3)]
    v = [[Polynomial.variable(3 + 2 * row + column) for row in range(3)] for column in range(2)]
    minor = Polynomial()
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        minor = minor + u[i] * (v[0][j] * v[1][k] - v[0][k] * v[1][j])
    assert laws.new_generators in ((minor,), (-minor,))


@pytest.mark.parametrize(
    "spec", ["linear:10-10-10-10", "linear:5-20-3-7", "linear:2-30-1+logits", "linear:6-9-6+logits"]
)
def test_random_equations_leave_no_room_for_other_quadratic_laws(spec: str) -> None:
    model = parse_model(spec)
    assert isinstance(model, DeepLinear)
    assert sampled_quadratic_bound(model) == polynomial_laws(model, 2).kernel_dimension > 0


@pytest.mark.slow
def test_random_equations_agree_with_the_theorem_at_a_thousand_parameters() -> None:
    model = DeepLinear((18, 18, 18, 18))
    assert model.parameters == 972
    assert sampled_quadratic_bound(model) == polynomial_laws(model, 2).kernel_dimension == 342


def test_a_wrong_network_is_told_apart_by_random_equations() -> None:
    """The judge can disagree: it counts the laws of the network it is given, not of its neighbour."""
    assert sampled_quadratic_bound(DeepLinear((1, 5, 1))) == 25
    assert sampled_quadratic_bound(DeepLinear((1, 5, 2))) == 15


def test_rules_answer_at_sizes_that_no_search_reaches() -> None:
    laws = polynomial_laws(parse_model("relu:300-300-300-10"), 2)
    assert laws.kernel_dimension == 600
    assert sum(len(law.terms) for law in laws.basis) == 300 * (300 + 300) + 300 * (300 + 10)


def test_laws_that_would_fill_the_memory_are_refused_before_they_are_built() -> None:
    with pytest.raises(TooLarge, match=r"relu:1000-1000-1000-10"):
        polynomial_laws(parse_model("relu:1000-1000-1000-10"), 2)
    with pytest.raises(TooLarge, match=r"products of 4 of its 20 neuron balances"):
        polynomial_laws(parse_model("relu:20-20-20"), 8)
    with pytest.raises(TooLarge, match=r"quadratic laws written out"):
        polynomial_laws(DeepLinear((300, 300, 300)), 2)
    with pytest.raises(TooLarge, match=r"Use a smaller network"):
        sampled_quadratic_bound(DeepLinear((100, 100, 100)))
