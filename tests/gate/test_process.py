"""Other programs as targets: one in C that trains itself, and many that misbehave."""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowlaw.gate import Scalings, Shifts, Target
from flowlaw.gate.check import check
from flowlaw.gate.process import process_target
from flowlaw.oracles.dynamics import SGD, Grouped
from flowlaw.oracles.errors import BadInput

CLIENT = Path(__file__).parents[2] / "examples" / "client.c"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
BUGS = (
    "decay-outside-momentum",
    "transposed-gradient",
    "lost-bias-gradient",
    "damped-first-step",
    "nesterov",
    "forgotten-momentum",
    "no-decay-on-bias",
)
MALICE = Path(__file__).with_name("malicious_client.py")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    program = tmp_path_factory.mktemp("client") / "client"
    subprocess.run(
        [COMPILER, "-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-o", program, CLIENT, "-lm"], check=True
    )
    return program


def test_every_law_holds_of_a_network_that_trains_itself_in_c(client: Path) -> None:
    findings = check(process_target([str(client)], name="c"), runs=2, steps=8)
    assert {finding.verdict for finding in findings} == {"HOLDS"}
    families = {finding.family for finding in findings if "M2" in finding.family or "M17" in finding.family}
    assert len(families) >= 2
    assert all(finding.power < 1e-2 for finding in findings)


@pytest.mark.once
@pytest.mark.parametrize("bug", BUGS)
def test_every_bug_of_the_client_is_violated(client: Path, bug: str) -> None:
    findings = check(process_target([str(client), f"--bug={bug}"], name="c"), runs=1, steps=4)
    violated = {finding.identity: finding.ratio for finding in findings if finding.verdict == "VIOLATED"}
    assert max(violated.values(), default=0) > 1e3
    wrong_gradient = bug in ("transposed-gradient", "lost-bias-gradient")
    assert ("orthogonality" in violated) == wrong_gradient
    assert ("step" in violated) != wrong_gradient


def test_the_example_is_a_target_and_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if COMPILER is None:
        pytest.skip("there is no C compiler")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spec = importlib.util.spec_from_file_location("gate_process", CLIENT.with_name("gate_process.py"))
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    (target,) = example.targets()
    assert target.draw(0)["w1"].shape == (4, 3)
    assert list(tmp_path.iterdir()) == []


def test_seeds_decide_everything_and_runs_do_not_disturb_each_other(client: Path) -> None:
    target = process_target([str(client)])
    assert target.name == "client"
    first, again, other = target.draw(1), target.draw(1), target.draw(2)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["w1"], other["w1"])
    one, two = target.start(first), target.start(other)
    one = target.step(one, target.batch(0))
    assert np.array_equal(target.read(two)["w1"], other["w1"])
    assert not np.array_equal(target.read(one)["w1"], first["w1"])


def test_forgotten_states_are_used_again_and_sixteen_are_kept(client: Path) -> None:
    target = process_target([str(client)])
    start = target.draw(0)
    for _ in range(100):
        target.start(start)
    kept = [target.start(start) for _ in range(16)]
    with pytest.raises(BadInput, match="16 runs"):
        target.start(start)
    assert len({run.number for run in kept}) == 16


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def client_of(target: Target) -> int:
    pid: int = target.draw.__self__._pipe.pid  # type: ignore[attr-defined]
    return pid


def test_a_forgotten_target_leaves_no_process(client: Path) -> None:
    target = process_target([str(client)])
    pid = client_of(target)
    assert running(pid)
    del target
    gc.collect()
    assert not running(pid)


def test_a_program_that_is_killed_between_questions_is_named(client: Path) -> None:
    target = process_target([str(client)], name="mine")
    os.kill(client_of(target), 9)
    for _ in range(2):
        with pytest.raises(BadInput, match="'mine' was ended by SIGKILL before it had answered 'draw'"):
            target.draw(0)
    assert not running(client_of(target))


def test_wrong_arguments_are_refused_before_they_reach_the_program(client: Path) -> None:
    target = process_target([str(client)])
    with pytest.raises(BadInput, match="seed"):
        target.draw(-1)
    with pytest.raises(BadInput, match=r"'w1' of shape \[4, 3\]"):
        target.start({"w1": np.zeros((3, 4))})


@pytest.mark.parametrize("command", [["nosuch-program"], [], "cat", ["a\0b"], [str(CLIENT)]])
def test_what_cannot_be_started_is_named(command: Any) -> None:
    with pytest.raises(BadInput, match=r"program|start|command"):
        process_target(command)


def malicious(mode: str, time_limit: float = 20) -> Target:
    return process_target([sys.executable, "-I", "-S", str(MALICE), mode], name="foe", time_limit=time_limit)


def everything(target: Target) -> None:
    start = target.draw(0)
    target.loss_and_gradient(start, 0)
    target.optimizer(0)
    target.read(target.step(target.start(start), 0))


def test_the_malicious_client_behaves_where_it_is_told_to() -> None:
    target = malicious("none")
    everything(target)
    assert target.families is not None
    scalings, shifts = target.families
    assert isinstance(scalings, Scalings)
    assert isinstance(shifts, Shifts)
    leaves = tuple(target.draw(0).values())
    assert scalings.pair(leaves, leaves).tolist() == [5.0 - 9.0]
    assert shifts.pair(leaves, leaves).tolist() == [3.0]
    assert target.dtype == "float64"
    assert target.optimizer(0) == SGD(lr=0.5)
    assert target.optimizer(1) == Grouped((SGD(lr=0.25, weight_decay=0.5), SGD(lr=0.25)), (0, 1))
    assert target.loss_and_gradient(target.draw(0), 1)[1]["v"] is None


MISDEEDS = {
    "garbage": "not JSON",
    "binary": "not JSON",
    "list": "no JSON object",
    "twice": "twice",
    "bare-nan": "write it as a string",
    "endless-line": "longer than",
    "deep": "not JSON",
    "version": '"flowlaw": 1',
    "no-bytes": '"bytes"',
    "huge-body": "the limit is",
    "negative-body": '"bytes"',
    "more-bytes": "more bytes than it announced",
    "extra-field": "unknown field 'surprise'",
    "missing-field": "without the field",
    "other-answer": '"answer"',
    "declines": "declined 'hello': 'no thanks'",
    "exit": "ended with exit code 7",
    "exit-after-hello": "ended with exit code 7",
    "half-body": "ended with exit code 0 before",
    "closes-stdout": "before it had answered",
    "dtype": "dtype",
    "float8": "float8",
    "no-tensors": "no tensors",
    "shape": "shape",
    "astronomic": "parameters; the limit",
    "wrong-shape": "of dtype F64 and shape [3]",
    "wrong-dtype": "of dtype F32",
    "lost-tensor": "without tensor 'v'",
    "other-name": "'surprise'",
    "nan": "nan or infinity in tensor 'w'",
    "truncated-tensors": "cannot be read",
    "hostile-offsets": "cannot be read",
    "text-loss": "which is no number",
    "skips-unknown": "skipped",
    "optimizer-kind": "Did you mean 'adam'?",
    "optimizer-field": "Did you mean 'momentum'?",
    "optimizer-nan": "lr is a number",
    "optimizer-group": "'v' is in no group",
    "family-member": "family of charges",
    "family-axis": "axis",
    "family-tensor": "no tensor",
    "roundings": "roundings",
}


@pytest.mark.parametrize("mode", MISDEEDS)
def test_a_misbehaving_program_is_ended_and_named_in_one_paragraph(mode: str) -> None:
    with pytest.raises(BadInput) as refused:
        everything(malicious(mode))
    message = str(refused.value)
    assert MISDEEDS[mode] in message
    assert "'foe'" in message
    assert f"mode {mode}" in message, "the tail of its stderr"
    assert "\n" not in message
    assert len(message) < 1500


@pytest.mark.parametrize("mode", ["hangs", "hangs-in-body", "never-reads", "drips", "ignores-sigterm", "child-hangs"])
def test_a_hanging_program_is_ended_at_its_time_limit_with_its_children(mode: str) -> None:
    began = time.monotonic()
    with pytest.raises(BadInput, match=r"within 0\.6 seconds"):
        everything(malicious(mode, time_limit=0.6))
    assert time.monotonic() - began < 4


def test_a_flood_on_stderr_neither_blocks_nor_fills_memory() -> None:
    everything(malicious("floods-stderr"))


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    gc.collect()
    assert children() <= before


def children() -> set[int]:
    """The processes that this one has started and not collected; those of other tests among them."""
    found: set[int] = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            if int(status.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(status.parent.name))
    return found


def test_the_loss_may_be_spelled_nan() -> None:
    target = malicious("nan-loss")
    assert np.isnan(target.loss_and_gradient(target.draw(0), 0)[0])


def test_an_interrupt_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    target = malicious("none")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flowlaw.gate._pipe.os.write", interrupt)
    asks: Callable[[int], object] = target.draw
    with pytest.raises(KeyboardInterrupt):
        asks(0)
    monkeypatch.undo()
    with pytest.raises(BadInput, match="interrupted"):
        asks(0)
    assert not running(client_of(target))
