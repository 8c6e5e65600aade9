"""Corrupted certificates: nothing false is accepted and nothing crashes. Also run alone: ``campaign.py COUNT SEED``."""

import json
from typing import Any

import campaign
import pytest
import truth

from flowlaw.oracles.kernel import Judgement, verify, verify_text

Json = Any

COUNT = 10_000


def test_the_corpus_holds_every_kind_of_claim_and_every_rule(corpus: list[Json]) -> None:
    assert {certificate["claim"]["kind"] for certificate in corpus} == {
        "laws", "complete", "refuted", "identity", "value", "rank", "inclusion", "violation", "fibre",
    }  # fmt: skip
    assert {certificate["witness"].get("rule") for certificate in corpus} >= {"dense", "local", "paths", "involutive"}
    families = {law.get("family") for certificate in corpus for law in certificate["claim"].get("laws", [])}
    assert families == {None, "balance", "output-sums", "block-first-integrals", "neuron-balance"}


@pytest.mark.slow
def test_ten_thousand_corruptions(capsys: pytest.CaptureFixture[str]) -> None:
    result = campaign.run(COUNT, seed=2024)
    with capsys.disabled():
        print(f"\ntamper campaign: {result}")
    assert result.corruptions == COUNT
    assert not result.false, result.false[0]
    assert not result.crashes, result.crashes[0]
    assert result.slowest < campaign.SECONDS
    assert not any("exceed the limits" in reason for reason in result.reasons), "the last resort is never needed"
    assert len(result.reasons) > 200, "the corruptions reach many different checks"
    assert result.still_true > 20, "some corruptions are true claims, and the kernel sees it"


def test_every_single_number_changed_one_at_a_time(corpus: list[Json], capsys: pytest.CaptureFixture[str]) -> None:
    changed = rejected = other_witness = still_true = 0
    for original in corpus:
        for path in campaign.nodes(original):
            old = campaign.at(original, path)
            for new in other_numbers(old):
                edited = campaign.copied(original)
                campaign.at(edited, path[:-1])[path[-1]] = new
                judgement = verify(edited)
                changed += 1
                if not judgement.accepted:
                    rejected += 1
                elif path[0] == "witness":
                    other_witness += 1
                else:
                    assert truth.holds(edited["claim"]), (path, new, json.dumps(edited))
                    still_true += 1
    with capsys.disabled():
        print(
            f"\n{changed} single numbers changed: {rejected} rejected, {other_witness} another valid witness of the "
            f"same claim, {still_true} another claim that is true, 0 false"
        )
    assert changed > 5000
    assert rejected > changed // 2


def other_numbers(old: Json) -> list[Json]:
    if isinstance(old, bool):
        return []
    if isinstance(old, int):
        return [number for number in dict.fromkeys([old + 1, old - 1, -old, 0]) if number != old]
    if isinstance(old, str) and old.lstrip("-").replace("/", "").isdigit():
        return [f"-{old}".replace("--", ""), old + "1"]
    return []


@pytest.mark.parametrize(
    "kind", ["laws", "complete", "refuted", "identity", "value", "rank", "inclusion", "violation", "fibre"]
)
def test_claims_do_not_pass_with_the_witness_of_another(corpus: list[Json], kind: str) -> None:
    of_kind = [certificate for certificate in corpus if certificate["claim"]["kind"] == kind]
    for certificate in of_kind:
        for other in corpus:
            swapped = {**certificate, "witness": other["witness"]}
            if verify(swapped).accepted:
                assert truth.holds(swapped["claim"])


# The campaign itself can fail


def test_a_checker_that_accepts_everything_is_caught(corpus: list[Json]) -> None:
    result = campaign.Result()
    wrong = campaign.copied(next(c for c in corpus if c["claim"]["kind"] == "complete"))
    wrong["claim"]["independent_laws"] += 1
    campaign.judge(json.dumps(wrong), {}, result, lambda text: Judgement(True, "", ""))
    assert len(result.false) == 1


def test_a_checker_that_raises_is_caught() -> None:
    def crash(text: str) -> Judgement:
        raise IndexError(text)

    result = campaign.Result()
    campaign.judge("{}", {}, result, crash)
    assert len(result.crashes) == 1


def test_a_kernel_that_counts_one_bracket_too_many_is_caught(
    monkeypatch: pytest.MonkeyPatch, corpus: list[Json]
) -> None:
    """With a rank that is one too large somewhere, a forged count passes the kernel and the judge notices."""
    from flowlaw.oracles.kernel import _rules

    honest = _rules.rank

    def too_large(matrix: Any, prime: int) -> int:
        return honest(matrix, prime) + (len(matrix) == 2)

    monkeypatch.setattr(_rules, "rank", too_large)
    found = campaign.Result()
    for original in corpus:
        if original["witness"].get("rule") == "dense":
            forged = campaign.copied(original)
            forged["claim"]["laws"] = forged["claim"]["laws"][:-1]
            forged["claim"]["independent_laws"] -= 1
            forged["claim"]["lie_dimension"] += 1
            forged["witness"]["rows"] = forged["witness"]["rows"][:2]
            campaign.judge(json.dumps(forged), original["claim"], found, verify_text)
    assert found.false


@pytest.mark.parametrize(
    "claim",
    [
        {"kind": "laws", "model": {"kind": "linear", "widths": [1, 1, 1], "output": "all"}, "laws": [
            {"polynomial": [[1, [[0, 2]]], [1, [[1, 2]]]]}]},
        {"kind": "refuted", "model": {"kind": "linear", "widths": [1, 1, 1], "output": "all"},
         "law": [[1, [[0, 2]]], [-1, [[1, 2]]]]},
        {"kind": "complete", "model": {"kind": "linear", "widths": [1, 2, 2, 1], "output": "all"},
         "laws": [{"family": "balance"}], "parameters": 8, "independent_laws": 6, "lie_dimension": 2},
        {"kind": "identity", "variables": 1, "equal": [[{"x": 0}, 1]]},
        {"kind": "value", "point": [1], "values": [[{"x": 0}, 2]]},
        {"kind": "rank", "matrix": [[1, 0], [0, 1]], "rank": 1},
        {"kind": "inclusion", "model": {"kind": "linear", "widths": [1, 2, 3], "output": "all"},
         "laws": [{"family": "balance"}], "point": ["3/4", 0, "5/4", 0, 0, 0, 1, 0], "kernel_dimension": 2},
        {"kind": "inclusion", "model": {"kind": "linear", "widths": [1, 1, 1], "output": "all"},
         "laws": [{"family": "balance"}], "point": [1, 1], "kernel_dimension": 1},
        {"kind": "violation", "model": {"kind": "linear", "widths": [1, 1, 1], "output": "all"},
         "laws": [{"family": "balance"}], "point": [1, 1], "coordinates": [0, 0], "derivative": 1},
        {"kind": "fibre", "model": {"kind": "linear", "widths": [1, 1, 1], "output": "all"},
         "laws": [{"family": "balance"}], "points": [[1, 2], [-1, -2]], "coordinates": [0, 0], "metric": [5, 4]},
    ],
    ids=lambda claim: claim["kind"],
)  # fmt: skip
def test_the_judge_knows_false_claims(claim: Json) -> None:
    assert not truth.holds(claim)
