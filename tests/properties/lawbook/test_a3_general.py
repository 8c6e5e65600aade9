"""The five general entries on intrinsic dynamics: every part comes out as it should, and checks see what they judge."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import pytest

pytest.importorskip("flint", reason="exact kernels need python-flint")

from flowlaw.oracles.kernel import verify
from flowlaw.properties import PROFILES, Theorem
from flowlaw.properties._brackets import grade
from flowlaw.properties._intrinsic import COMMON_ROOT, ESCAPED, GENERIC, NEURON, RELAXED, TURNED, Place, rank, two_layer
from flowlaw.properties.lawbook import (
    a3_def_properties,
    a3_fibre_dimension,
    a3_frobenius,
    a3_kernel_criterion,
    a3_recoverability_criterion,
)
from flowlaw.properties.run import run_theorem

F = Fraction
MODULES = (
    a3_def_properties,
    a3_fibre_dimension,
    a3_frobenius,
    a3_kernel_criterion,
    a3_recoverability_criterion,
)


@pytest.mark.once
@pytest.mark.parametrize("theorem", [module.THEOREM for module in MODULES], ids=lambda theorem: theorem.id)
def test_every_part_of_the_entry_comes_out_as_it_should(theorem: Theorem) -> None:
    good = {
        "step": {"PROVED", "STATED"},
        "table": {"HOLDS", "STATED"},
        "property": {"HOLDS"},
        "simulation": {"HOLDS", "PROVED"},
    }
    seen: set[object] = set()
    for event, _ in run_theorem(theorem, PROFILES["quick"], seed=3):
        kind = event["event"]
        seen.add(kind)
        if kind == "mutant":
            assert event["caught"], event
        elif kind != "theorem":
            assert event["verdict"] in good[str(kind)], event
    assert seen == {"theorem", "step", "table", "property", "simulation", "mutant"}


def test_the_fibre_dimension_of_the_theory_is_counted_at_points_of_all_ranks() -> None:
    for (n, m, r), f in a3_fibre_dimension.KNOWN.items():
        case = a3_fibre_dimension.example(n, m, r)
        assert case.ranks() == (min(n, r), min(m, r), min(r, n + m))
        assert a3_fibre_dimension.inside(case) == f
    lone = a3_fibre_dimension.Factors(2, ((F(1),), (F(0),), (F(0),), (F(0),)), ((F(1), F(2)),))
    assert lone.ranks() == (1, 0, 1)
    assert a3_fibre_dimension.inside(lone) == a3_fibre_dimension.formula(2, 2, 2, lone.ranks()) == 1 + 1 + 2 - 3


def test_the_grades_of_maps_are_told_apart() -> None:
    diagonal = Place("diagonal:2", (F(1), F(2), F(3), F(4))).look()
    assert grade(diagonal.phi, diagonal) == "commuting"
    assert grade(NEURON.look().phi, NEURON.look()) == "Frobenius"
    assert grade(GENERIC.look().phi, GENERIC.look()) == "none"


def test_a_point_of_deficient_rank_is_not_judged_by_its_size() -> None:
    """(1, 2, 2) with P of rank 1: W is closed there, and not near by."""
    found = a3_frobenius.check_two_layers(two_layer([[1, 1]], [[1, 1], [1, 1]]))
    assert found.holds
    assert not found.nontrivial


def test_closed_brackets_at_a_point_of_lower_rank_do_not_contradict_a_refutation() -> None:
    """Found by the property itself: the filters (1, 1) and (1, 1) have a common root."""
    seen = COMMON_ROOT.look()
    assert rank([*seen.jacobian, *seen.brackets()]) == rank(seen.jacobian) == 2
    found = a3_frobenius.check_oracle(COMMON_ROOT)
    assert found.holds
    assert found.nontrivial


@pytest.mark.parametrize("verdict", ["PROVED", "REFUTED"])
def test_a_wrong_verdict_on_the_frobenius_property_is_caught(verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place = NEURON if verdict == "REFUTED" else GENERIC
    answer = SimpleNamespace(frobenius=SimpleNamespace(verdict=verdict))

    def wrong(*_: object) -> SimpleNamespace:
        return answer

    monkeypatch.setattr("flowlaw.oracles.intrinsic.intrinsic", wrong)
    assert not a3_frobenius.check_oracle(place).holds


def test_a_hidden_turn_keeps_phi_and_relaxed_laws_only() -> None:
    turned = a3_def_properties.hidden_turn(RELAXED, F(1, 2)).look()
    assert (turned.values, turned.law_values, turned.metric) == (
        RELAXED.look().values,
        RELAXED.look().law_values,
        RELAXED.look().metric,
    )
    other = a3_def_properties.hidden_turn(GENERIC, F(1, 2)).look()
    assert other.values == GENERIC.look().values
    assert other.law_values != GENERIC.look().law_values


def test_points_of_another_metric_are_seen() -> None:
    found = a3_def_properties.check_alike(a3_def_properties.Alike(GENERIC, TURNED))
    assert found.value == 1


def test_the_velocity_of_a_turn_spans_the_kernel() -> None:
    velocity = a3_kernel_criterion.turn_velocity(GENERIC)
    (basis,) = GENERIC.look().kernel
    ratio = next(a / b for a, b in zip(velocity, basis, strict=True) if b)
    assert velocity == [ratio * b for b in basis]


def test_certificates_of_wrong_claims_are_rejected_and_of_right_ones_accepted() -> None:
    assert verify(a3_kernel_criterion.violated(ESCAPED)).accepted
    assert not verify(a3_kernel_criterion.too_small_a_kernel()).accepted
    assert verify(a3_frobenius.neuron_bracket(1)).accepted
    assert not verify(a3_frobenius.neuron_bracket(-1)).accepted
