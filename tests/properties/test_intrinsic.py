"""The second way to look at a point: derivatives, kernels, brackets, and the places that entries share."""

from fractions import Fraction
from typing import Any

import pytest

pytest.importorskip("flint", reason="exact kernels need python-flint")

from hypothesis import given, settings
from hypothesis import strategies as st

from flowlaw.oracles.models import parse_model
from flowlaw.properties._brackets import lie_bracket, tree
from flowlaw.properties._intrinsic import (
    ESCAPED,
    ESCAPED_TOO,
    FILTERS,
    GENERIC,
    NEURON,
    RELAXED,
    SLOPED,
    SWAPPED,
    TURN,
    TURNED,
    Conformal,
    FloatJacobian,
    Geometry,
    Place,
    conformal,
    kernels_table,
    rank,
    rotation,
    two_layer,
)
from flowlaw.properties.strategies import vectors

F = Fraction
SPECS = ("linear:2-2-2", "linear:2-1-2-1", "relu:2-2-1+bias", "conv:3-2+stride2", "diagonal:2", "monomial:3")


@st.composite
def places_with_direction(draw: st.DrawFn) -> tuple[Place, tuple[Fraction, ...]]:
    spec = draw(st.sampled_from(SPECS))
    size = parse_model(spec).parameters
    return Place(spec, draw(vectors(size))), draw(vectors(size))


def moved(place: Place, direction: tuple[Fraction, ...], step: int) -> Geometry:
    return Geometry(place.model(), [a + step * b for a, b in zip(place.point, direction, strict=True)])


@settings(max_examples=30, deadline=None)
@given(places_with_direction())
def test_the_change_of_the_metric_is_its_derivative(case: tuple[Place, tuple[Fraction, ...]]) -> None:
    """M has degree 4 at most here, for which the central difference of order 4 is exact."""
    place, direction = case
    values = {k: moved(place, direction, k).metric for k in (-2, -1, 1, 2)}
    change = place.look().metric_change(direction)
    for i, row in enumerate(change):
        for j, entry in enumerate(row):
            difference = (8 * (values[1][i][j] - values[-1][i][j]) - (values[2][i][j] - values[-2][i][j])) / 12
            assert entry == difference


@settings(max_examples=30, deadline=None)
@given(places_with_direction())
def test_brackets_are_those_of_the_polynomial_fields(case: tuple[Place, tuple[Fraction, ...]]) -> None:
    place, _ = case
    seen = place.look()
    fields = [p.gradient() for p in seen.phi]
    for i in range(len(fields)):
        for j in range(len(fields)):
            written = lie_bracket(fields[i], fields[j])
            expected = [F(written[k].evaluate(place.point)) if k in written else F(0) for k in range(seen.parameters)]
            assert seen.bracket(i, j) == expected
            assert seen.bracket(j, i) == [-x for x in expected]


@settings(max_examples=30, deadline=None)
@given(places_with_direction())
def test_phi_and_the_laws_do_not_see_the_kernel_and_nothing_is_missing(
    case: tuple[Place, tuple[Fraction, ...]],
) -> None:
    seen = case[0].look()
    stacked = [*seen.jacobian, *seen.law_gradients]
    for vector in seen.kernel:
        assert all(sum(a * b for a, b in zip(row, vector, strict=True)) == 0 for row in stacked)
    assert rank(seen.kernel) == len(seen.kernel) == seen.parameters - rank(stacked)


def test_the_bracket_of_a_neuron_is_that_of_the_theory() -> None:
    """(0, v_2, -v_1) in the order u, v_1, v_2; here the parameters are v_1, v_2, u = 1, 2, 3."""
    assert NEURON.look().bracket(0, 1) == [2, -1, 0]


def test_known_places_have_the_values_of_the_theory() -> None:
    assert RELAXED.look().values == (F(343, 624), F(89, 234), F(1, 26), F(497, 624))
    assert RELAXED.look().law_values == (1, 0, 1)
    assert rotation(F(1, 2)) == TURN == [[F(3, 5), F(-4, 5)], [F(4, 5), F(3, 5)]]
    assert GENERIC.look().values == TURNED.look().values == (1, 0, 0, 1)
    assert GENERIC.look().law_values == TURNED.look().law_values == (F(15, 4), 0, 0)
    assert ESCAPED.look().values == ESCAPED_TOO.look().values == (F(15, 16), 0, 0)
    assert ESCAPED.look().law_values == ESCAPED_TOO.look().law_values == (-1, 0, -1)
    assert SLOPED.look().values == (F(100, 9), 0)
    assert SLOPED.look().law_values == (4, 0, 0, -1, 0, -1)
    assert FILTERS.look().values == SWAPPED.look().values == (-2, 0, 2)
    assert FILTERS.look().law_values == SWAPPED.look().law_values == (6,)


def test_the_derivative_at_a_violation_is_exact() -> None:
    found = GENERIC.look().violation()
    assert found is not None
    i, j = found.entry
    assert GENERIC.look().metric_change(found.vector)[i][j] == found.derivative != 0
    assert RELAXED.look().violation() is None


@settings(max_examples=30, deadline=None)
@given(conformal())
def test_a_turn_of_a_conformal_product_keeps_z_and_the_laws(case: Conformal) -> None:
    one, other = (place.look() for place in case.pair())
    assert one.values == other.values == (case.a, -case.b, case.b, case.a)
    assert one.law_values == other.law_values


def test_relaxed_pairs_are_relaxed_and_others_mostly_not() -> None:
    still = Conformal(((F(3), F(-4)), (F(4), F(3))), F(1), F(2), F(1, 3))
    assert still.relaxed
    assert not Conformal(((F(2), F(0)), (F(0), F(1))), F(1), F(0), F(1, 2)).relaxed


def test_a_rotation_is_orthogonal_and_turns_by_twice_the_arc_tangent() -> None:
    (c, minus_s), (s, other_c) = rotation(F(1, 3))
    assert (c, s) == (F(4, 5), F(3, 5))
    assert (other_c, minus_s) == (c, -s)


def test_two_layers_keep_v_transposed() -> None:
    place = two_layer([[1, 2]], [[3, 4], [5, 6]])
    assert place == Place("linear:1-2-2", (F(1), F(2), F(3), F(5), F(4), F(6)))
    assert place.look().values == (11, 17)


def test_trees_are_read_by_the_kernel_as_the_polynomial() -> None:
    from flowlaw.oracles.kernel import verify
    from flowlaw.oracles.proofs import values

    law = RELAXED.look().laws[0]
    right = law.evaluate(RELAXED.point)
    assert verify(values(RELAXED.point, [(tree(law), right)])).accepted
    assert not verify(values(RELAXED.point, [(tree(law), right + 1)])).accepted


def test_floats_agree_with_exact_jacobians() -> None:
    import numpy as np

    seen = SLOPED.look()
    functions = [*seen.phi, *seen.laws]
    stacked = [*seen.jacobian, *seen.law_gradients]
    points: Any = np.array([[float(x) for x in SLOPED.point]] * 2)
    found = FloatJacobian(functions, seen.parameters)(points)
    assert found.shape == (2, len(functions), seen.parameters)
    exact = np.array([[float(x) for x in row] for row in stacked])
    assert np.abs(found[1] - exact).max() <= 2**-50 * np.abs(exact).max()


def test_the_table_of_kernels_counts_and_judges() -> None:
    rows = kernels_table([NEURON, RELAXED, GENERIC]).rows
    assert [tuple(row[2:]) for row in rows] == [(3, 1, 2, 0, "-"), (8, 4, 5, 1, "0"), (8, 4, 5, 1, "changes")]
