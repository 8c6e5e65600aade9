"""``flowlaw discover`` on a target in NumPy."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowlaw.cli import cli

TARGETS = """
import numpy as np
from flowlaw.gate import Target
from flowlaw.oracles.dynamics import SGD


def made(name, act, slope):
    shapes = {"fc1": (3, 2), "b1": (3,), "fc2": (2, 3)}

    def draw(seed):
        rng = np.random.default_rng(seed)
        return {key: rng.normal(size=shape) for key, shape in shapes.items()}

    def batch(seed):
        rng = np.random.default_rng(seed)
        return rng.normal(size=(5, 2)), rng.normal(size=(5, 2))

    def gradient(p, data):
        x, y = data
        z = x @ p["fc1"].T + p["b1"]
        error = act(z) @ p["fc2"].T - y
        back = (error @ p["fc2"]) * slope(z)
        return float((error**2).sum() / 2), {"fc1": back.T @ x, "b1": back.sum(0), "fc2": error.T @ act(z)}

    return Target(name=name, draw=draw, batch=batch, loss_and_gradient=gradient, start=dict, step=None, read=dict,
                  optimizer=lambda k: SGD(lr=0.1))


def relu():
    return made("relu", lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0)


def tanh():
    return made("tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    (tmp_path / "small_nets_to_discover.py").write_text(TARGETS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return CliRunner()


def test_families_are_named_for_a_person(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["discover", "small_nets_to_discover:relu"])
    assert result.exit_code == 0, result.output
    assert "relu: dimension 3, 15 parameters" in result.output
    assert "neuron 0 of fc1: incoming weights and b1[0] against outgoing weights in fc2" in result.output
    assert "searched scalings of slices" in result.output


def test_json_says_the_same_and_nothing_found_is_exit_code_three(runner: CliRunner) -> None:
    result = runner.invoke(cli, ["discover", "--json", "small_nets_to_discover:relu", "small_nets_to_discover:tanh"])
    assert result.exit_code == 3
    one, two = json.loads(result.output)
    assert (one["dimension"], one["rows"]) == (3, {"M2 scaling": 3})
    assert (two["dimension"], two["families"]) == (0, [])
    assert one["searches"][0]["what"] == "translations of slices"
