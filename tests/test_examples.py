"""Every example runs as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def ran(*arguments: str) -> str:
    return subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def test_a_theorem_of_ones_own_is_proved_holds_and_catches_its_mutant() -> None:
    assert ran(str(EXAMPLES / "my_theorem.py")).split("\n")[1:4] == [
        "PROVED The gradients (2x, -2y) and (y, x) are orthogonal.",
        "HOLDS one-step",
        "REFUTED plus",
    ]


def test_a_map_of_ones_own_has_its_laws_proved_complete() -> None:
    output = ran("-m", "flowlaw", "laws", str(EXAMPLES / "two-paths.toml"))
    assert "2 laws; PROVED complete" in output


@pytest.mark.parametrize("path", sorted(filter(Path.is_file, EXAMPLES.iterdir())), ids=lambda path: path.name)
def test_every_example_says_how_to_run_it(path: Path) -> None:
    assert "flowlaw" in path.read_text(encoding="utf-8")[:600]
