"""The geometry behind A1.reparametrization: inputs beside hyperplanes, and the subspace that hyperplanes predict."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flowlaw.properties.lawbook.a1_reparametrization import (
    CLASH,
    MINIMAL,
    Chain,
    Neuron,
    TwoLayer,
    check_chain,
    example,
    rank,
    routes,
)
from flowlaw.properties.strategies import DataSet


def _argument(neuron: Neuron, x: tuple[Fraction, ...]) -> Fraction:
    return sum((a * c for a, c in zip(neuron.v, x, strict=True)), neuron.b)


@pytest.mark.parametrize("case", [example(*shape) for shape in MINIMAL], ids=lambda case: str(case.spec))
def test_inputs_lie_on_both_sides_of_their_hyperplane_and_on_one_side_of_all_others(case: TwoLayer) -> None:
    m = case.shape[1]
    inputs = case.inputs()
    assert len(inputs) == 2 * (m + 1) * len(case.neurons)
    for number, neuron in enumerate(case.neurons):
        group = inputs[2 * (m + 1) * number : 2 * (m + 1) * (number + 1)]
        sides = [_argument(neuron, x) > 0 for x in group]
        assert sum(sides) == m + 1
        for other in case.neurons:
            if other is not neuron:
                assert len({_argument(other, x) > 0 for x in group}) == 1
                assert all(_argument(other, x) for x in group)


def test_inputs_on_one_side_are_affinely_independent() -> None:
    case = example(1, 2, 3, True)
    for start in range(0, len(case.inputs()), 3):
        assert rank([[*x, Fraction(1)] for x in case.inputs()[start : start + 3]]) == 3


def test_a_hyperplane_is_the_same_for_all_multiples_of_a_neuron() -> None:
    neuron = Neuron((), (Fraction(1, 2), Fraction(-1)), Fraction(3))
    opposite = Neuron((), (Fraction(-1), Fraction(2)), Fraction(-6))
    assert neuron.plane()[0] == opposite.plane()[0] == (Fraction(1), Fraction(-2), Fraction(6))
    assert neuron.plane()[1] == -opposite.plane()[1]


def test_parallel_neurons_count_as_one_and_opposite_ones_as_two() -> None:
    def predicted(*v: int) -> int:
        return rank(TwoLayer(tuple(Neuron((Fraction(1),), (Fraction(x),)) for x in v), bias=False).predicted())

    assert [predicted(1), predicted(1, 2), predicted(1, -2), predicted(1, 2, -1)] == [1, 1, 2, 2]


def test_two_opposite_pairs_share_one_direction() -> None:
    """Two pairs of opposite scalar neurons with biases: three matrices for four neurons."""
    case = CLASH[-1]
    assert rank(case.predicted()) == rank(case.seen()) < rank(case.of_phi())


def test_a_route_names_its_source_its_hidden_neurons_and_its_output() -> None:
    first, *_, last = routes("relu:1-2-2")
    assert (first.start, first.inner, first.output) == ((0, 0), ((1, 0),), 0)
    assert (last.start, last.inner, last.output) == ((0, 0), ((1, 1),), 1)


def test_a_network_that_is_not_dead_makes_the_chain_rule_say_something() -> None:
    one = (Fraction(1),)
    live = Chain("relu:1-1-1", Fraction(0), (*one, *one), DataSet((one,), (one,)))
    dead = Chain("relu:1-1-1", Fraction(0), (*one, *one), DataSet(((Fraction(-1),),), (one,)))
    assert check_chain(live).nontrivial
    assert not check_chain(dead).nontrivial
