"""Scores, and pruning by them."""

from __future__ import annotations

from fractions import Fraction

from flowlaw.properties._layered import Layer
from flowlaw.properties._pruning import magnitude, places, prune, synflow, total, without

F = Fraction
LAYERS = [Layer([[F(1), F(-2)], [F(3), F(4)]], []), Layer([[F(1), F(-1)]], [])]


def test_scores_are_the_sums_of_the_paths_through_a_weight() -> None:
    assert list(synflow(LAYERS).values()) == [1, 2, 3, 4, 3, 7]
    assert total(LAYERS) == 10


def test_weights_on_no_path_have_no_score() -> None:
    cut = without(LAYERS, [(1, 0, 0)])
    assert set(synflow(cut)) == {(0, 1, 0), (0, 1, 1), (1, 0, 1)}
    assert len(places(cut)) == 5


def test_pruning_by_scores_ends_with_the_largest_path_and_by_magnitude_with_none() -> None:
    assert set(places(prune(LAYERS, synflow, 2))) == {(0, 1, 1), (1, 0, 1)}
    assert total(prune(LAYERS, magnitude, 2)) == 0
