"""``flowlaw audit`` as a person uses it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowlaw.cli import cli

ROOT = Path(__file__).parents[2]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), catch_exceptions=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, options in (("right", ()), ("late", ("--late",))):
        subprocess.run(
            [sys.executable, str(ROOT / "examples" / "record_run.py"), str(folder / name), *options], check=True
        )
    return folder


def test_a_right_run_passes(runs: Path, tmp_path: Path) -> None:
    result = invoke("audit", str(runs / "right"), "--out", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert "right  40 snapshots, steps 0 to 39, float64" in result.output
    assert "3 HOLDS" in result.output
    assert (tmp_path / "out" / "index.html").stat().st_size > 10_000


def test_a_schedule_one_step_late_names_the_step_and_the_convention(runs: Path, tmp_path: Path) -> None:
    result = invoke("audit", str(runs / "late"), "--out", str(tmp_path))
    assert result.exit_code == 1
    assert "the first law breaks at step 20" in result.output
    assert "what would explain it: The schedule is applied one step late" in result.output
    page = (tmp_path / "index.html").read_text()
    assert "The schedule is applied one step late" in page
    assert "Residual over bound along" in page


@pytest.mark.once
def test_a_finding_is_replayed_from_its_evidence(runs: Path, tmp_path: Path) -> None:
    told = json.loads(invoke("audit", str(runs / "late"), "--out", str(tmp_path), "--json").output)
    assert (told["exit"], told["first_break"]["step"], told["dtype"]) == (1, 20, "float64")
    assert told["explanations"] == ["The schedule is applied one step late."]
    broken = next(one for one in told["findings"] if one["id"] == told["first_break"]["id"])
    result = invoke("replay", broken["id"], str(tmp_path / "evidence.jsonl"))
    assert result.exit_code == 1
    assert f"VIOLATED {broken['id']}" in result.output


def test_symmetries_may_come_from_a_target(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wrong_shapes.py").write_text(
        "import numpy as np\n"
        "from flowlaw.gate.adapters import numpy_target\n"
        "from flowlaw.oracles.dynamics import SGD\n"
        "def target():\n"
        "    return numpy_target(\n"
        "        draw=lambda rng: {'w': rng.normal(size=2)},\n"
        "        batch=lambda rng: 0,\n"
        "        loss_and_gradient=lambda p, b: (0.0, {'w': np.ones(2)}),\n"
        "        step=lambda p, memory, b: (p, memory),\n"
        "        optimizer=SGD(lr=0.1),\n"
        "    )\n"
    )
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-m", "flowlaw", "audit", str(runs / "right"), "--target", "wrong_shapes:target"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "The tensors of wrong_shapes:target and of the snapshots differ" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "flowlaw-audit").exists()


def test_bad_runs_are_one_paragraph_and_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("version = 1\n[optimizer]\nkind = 'sgd'\nlr = 'fast'\n")
    out = tmp_path / "out"
    for run in (tmp_path, tmp_path / "nowhere"):
        done = subprocess.run(
            [sys.executable, "-m", "flowlaw", "audit", str(run), "--out", str(out)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert not out.exists()
