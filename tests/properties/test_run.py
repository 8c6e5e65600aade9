"""Running a theorem gives one event for each claim, with the verdict that its check earned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st

from flowlaw.oracles.models import known_laws, parse_model
from flowlaw.oracles.proofs import conserved, find_refutation, identity, symbol
from flowlaw.properties import (
    PROFILES,
    Mutant,
    Property,
    Residual,
    Simulation,
    SimulationResult,
    Skipped,
    Step,
    Theorem,
)
from flowlaw.properties.run import number, run_theorem

QUICK = PROFILES["quick"]


def holds(name: str = "fine", value: int = 0, *, nontrivial: bool = True) -> Property:
    return Property(name, "says", "rational", lambda: st.integers(0, 9), lambda _: Residual(value, 0, nontrivial))


def steps() -> Iterator[Step]:
    model = parse_model("linear:2-2-2")
    yield Step("prose")
    yield Step("laws", "x", conserved(model, known_laws(model)[0].polynomials()))


def theorem(**changes: Any) -> Theorem:
    base = Theorem(
        id="Z9.example",
        title="An example",
        summary="It says something.",
        source="derived",
        status="derived",
        hypotheses=("none",),
        statement="0 = 0",
        derivation=steps,
    )
    return replace(base, **changes)


def events(entry: Theorem, only: str = "") -> list[dict[str, Any]]:
    return [event for event, _ in run_theorem(entry, QUICK, 0, only)]


def verdicts(entry: Theorem) -> dict[str, str]:
    return {str(e.get("name") or e.get("index")): e["verdict"] for e in events(entry) if e["event"] != "theorem"}


def test_prose_is_stated_and_an_accepted_certificate_is_proved() -> None:
    assert verdicts(theorem()) == {"1": "STATED", "2": "PROVED"}


def test_a_step_whose_certificate_the_kernel_rejects_is_refuted_with_its_reason() -> None:
    wrong = theorem(derivation=lambda: [Step("wrong", "", identity(2, [(symbol(0), symbol(1))]))])
    (event,) = [e for e in events(wrong) if e["event"] == "step"]
    assert event["verdict"] == "REFUTED"
    assert "differ" in event["reason"]


def test_a_derivation_that_cannot_run_says_why() -> None:
    def derivation() -> Iterator[Step]:
        yield Step("prose")
        raise Skipped("no library")

    assert [(e["verdict"], e["reason"]) for e in events(theorem(derivation=derivation))[1:]] == [
        ("STATED", ""),
        ("SKIPPED", "no library"),
    ]


def test_properties_hold_are_violated_or_are_too_trivial_to_count() -> None:
    entry = theorem(properties=(holds(), holds("wrong", 1), holds("trivial", nontrivial=False)))
    assert verdicts(entry) | {"1": "", "2": ""} == {
        "1": "",
        "2": "",
        "fine": "HOLDS",
        "wrong": "VIOLATED",
        "trivial": "SKIPPED",
    }


def test_simulations_hold_are_proved_or_violated() -> None:
    def run(value: float, *, proved: bool) -> Simulation:
        return Simulation(f"s{value}{proved}", "says", lambda _: SimulationResult(Residual(value, 1.0), proved=proved))

    entry = theorem(simulations=(run(0.5, proved=False), run(0.5, proved=True), run(2.0, proved=True)))
    assert [e["verdict"] for e in events(entry) if e["event"] == "simulation"] == ["HOLDS", "PROVED", "VIOLATED"]


def test_mutants_are_caught_in_three_ways() -> None:
    model = parse_model("linear:2-2-2")
    true_law = known_laws(model)[0].polynomials()[0]
    false_law = true_law + true_law * true_law
    refutation = find_refutation(parse_model("linear:1-1-1"), known_laws(parse_model("relu:1-1-1"))[0].polynomials()[0])
    assert refutation is None
    broken = find_refutation(model, _flipped(true_law))
    assert broken is not None
    assert find_refutation(model, false_law) is None
    entry = theorem(
        mutants=(
            Mutant("violated", "m", violates=holds("m", 1)),
            Mutant("refuted", "m", refutes=lambda: broken.certificate),
            Mutant("rejected", "m", rejects=lambda: identity(2, [(symbol(0), symbol(1))])),
        )
    )
    assert [e["caught"] for e in events(entry) if e["event"] == "mutant"] == [True, True, True]


def _flipped(law: Any) -> Any:
    from flowlaw.oracles.polynomials import Polynomial

    return Polynomial({monomial: abs(c) for monomial, c in law.terms.items()})


def test_a_mutant_that_survives_is_not_called_caught() -> None:
    entry = theorem(
        mutants=(
            Mutant("survives", "m", violates=holds("m")),
            Mutant("proved", "m", rejects=lambda: identity(1, [(symbol(0), symbol(0))])),
            Mutant("unproved", "m", refutes=lambda: identity(2, [(symbol(0), symbol(1))])),
        )
    )
    found = [(e["verdict"], e["caught"]) for e in events(entry) if e["event"] == "mutant"]
    assert found == [("HOLDS", False), ("PROVED", False), ("REJECTED", False)]


def test_a_mutant_must_be_catchable_in_exactly_one_way() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Mutant("none", "m")


def test_one_part_can_be_run_alone() -> None:
    entry = theorem(properties=(holds("a"), holds("b")))
    assert [e.get("name") for e in events(entry, only="b")] == [None, "b"]
    assert [e.get("index") for e in events(entry, only="step-2")] == [None, 2]


def test_the_same_seed_gives_the_same_events() -> None:
    entry = theorem(properties=(holds(),))
    assert events(entry) == events(entry)


@pytest.mark.parametrize(
    ("value", "written"),
    [(3, 3), (0.1, {"hex": "0x1.999999999999ap-4"}), (float("nan"), "nan"), (float("-inf"), "-inf")],
)
def test_numbers_are_written_so_that_they_come_back(value: float, written: object) -> None:
    assert number(value) == written
