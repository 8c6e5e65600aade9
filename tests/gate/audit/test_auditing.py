"""Recorded runs, right and wrong: what holds, where it breaks, and what explains it."""

from pathlib import Path

import numpy as np
import pytest
from recorded import RUN_FILE, record

from flowlaw.gate.audit import Audit, audit, auditing, read_run_file
from flowlaw.oracles.errors import BadInput


def judged(folder: Path) -> Audit:
    return audit(read_run_file(folder))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_right_run_holds(tmp_path: Path, dtype: str) -> None:
    found = judged(record(tmp_path, dtype=dtype))
    assert (found.exit_code, found.first_break, found.explanations) == (0, None, ())
    assert {finding.verdict for finding in found.findings} == {"HOLDS"}
    assert {finding.identity for finding in found.findings} >= {"hb-two-step.quadratic", "hb-first-step.quadratic"}
    assert max(finding.ratio for finding in found.findings) < 0.5
    assert all(0 < finding.power < 1e-2 for finding in found.findings)


def test_a_schedule_one_step_late_is_found_at_its_step_and_explained(tmp_path: Path) -> None:
    found = judged(record(tmp_path, late=1))
    assert found.exit_code == 1
    assert found.first_break is not None
    assert (found.first_break.step, found.first_break.finding.identity) == (15, "hb-two-step.quadratic")
    assert found.explanations == ("The schedule is applied one step late.",)
    assert found.first_break.finding.ratio > 1e3


@pytest.mark.once
def test_decay_outside_of_the_momentum_is_explained(tmp_path: Path) -> None:
    found = judged(record(tmp_path, decoupled=True))
    assert found.exit_code == 1
    assert any("decoupled" in sentence for sentence in found.explanations)


@pytest.mark.once
def test_twice_the_decay_is_seen_at_the_first_step(tmp_path: Path) -> None:
    found = judged(record(tmp_path, decay=2.0**-5))
    assert found.first_break is not None
    assert found.first_break.step == 0
    assert any("twice" in sentence for sentence in found.explanations)


@pytest.mark.once
def test_steps_count_as_the_run_file_counts_them(tmp_path: Path) -> None:
    shifted = RUN_FILE.replace("version = 1", "version = 1\nfirst_step = 100").replace("from = 15", "from = 115")
    found = judged(record(tmp_path, late=1, first=100, run_file=shifted))
    assert found.first_break is not None
    assert found.first_break.step == 115
    assert found.first_break.finding.where.startswith("step 115")


def test_recorded_gradients_judge_the_step_itself(tmp_path: Path) -> None:
    with_gradients = RUN_FILE.replace("version = 1", 'version = 1\ngradients = "grad-{step}.npz"')
    found = judged(record(tmp_path, gradients=True, run_file=with_gradients))
    assert found.exit_code == 0
    assert {"step", "orthogonality"} <= {finding.identity for finding in found.findings}


def test_a_run_recorded_with_gaps_is_judged_where_steps_follow_each_other(tmp_path: Path) -> None:
    found = judged(record(tmp_path, kept=lambda k: k % 6 < 3))
    assert found.stretches == ((0, 2), (6, 8), (12, 14), (18, 20))
    assert found.exit_code == 0
    windows = {finding.identity: finding.windows for finding in found.findings}
    assert windows["hb-two-step.quadratic"] == 4


def test_a_run_without_neighbours_measures_nothing(tmp_path: Path) -> None:
    found = judged(record(tmp_path, kept=lambda k: k % 2 == 0))
    assert found.exit_code == 3
    assert "Record two or three steps in a row" in found.findings[0].reason


def test_a_run_file_without_charges_measures_nothing(tmp_path: Path) -> None:
    found = judged(record(tmp_path, run_file=RUN_FILE[: RUN_FILE.index("[[charge]]")]))
    assert found.exit_code == 3
    assert "no [[charge]]" in found.findings[0].reason


@pytest.mark.once
def test_a_long_run_is_judged_in_parts_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = record(tmp_path, late=1)
    whole = judged(folder)
    monkeypatch.setattr(auditing, "MEMORY", 8 * 48 * 7)
    parts = judged(folder)
    assert (parts.first_break and parts.first_break.step) == (whole.first_break and whole.first_break.step)
    assert parts.explanations == whole.explanations
    ratios = [{f.identity: dict(f.curve) for f in found.findings} for found in (whole, parts)]
    assert ratios[0].keys() <= ratios[1].keys()  # the closed form fits into a part, where the rate is constant
    for identity, curve in ratios[0].items():
        assert curve.keys() == ratios[1][identity].keys()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version = 1", 'version = 1\ndtype = "bfloat16"', "no bfloat16"),
        ("version = 1", 'version = 1\ndtype = "float64"', "cannot hold the float64"),
        ("version = 1", "version = 1\nfirst_step = 3", "before step 3"),
        ('"fc2"', '"fc3"', "Did you mean"),
        ('"sgd"', '"sdg"', "Did you mean 'sgd'"),
    ],
)
def test_a_run_file_that_its_snapshots_contradict_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = record(tmp_path, run_file=RUN_FILE.replace(old, new, 1))
    with pytest.raises(BadInput, match=says):
        judged(folder)


def test_a_snapshot_with_other_tensors_is_named(tmp_path: Path) -> None:
    folder = record(tmp_path)
    np.savez(folder / "step-7.npz", **{"fc1.weight": np.zeros((6, 4), dtype=np.float32)}, allow_pickle=False)
    with pytest.raises(BadInput, match=r"step-7\.npz: tensor 'fc1.bias' has shape none"):
        judged(folder)
