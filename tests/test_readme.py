"""What the README shows is what the command prints, and what it links to exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SESSIONS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)


def exchanges(session: str) -> list[tuple[str, str]]:
    """Commands of a session, each with the output that is shown below it."""
    parts = re.split(r"^\$ (.*)\n", session, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def test_every_shown_session_prints_what_it_shows(tmp_path: Path) -> None:
    assert len(SESSIONS) >= 5
    for session in SESSIONS:
        for command, shown in exchanges(session):
            name, *arguments = shlex.split(command)
            assert name == "flowlaw"
            ran = subprocess.run(
                [sys.executable, "-m", "flowlaw", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert ran.stdout == shown, f"{command}\n{ran.stdout}{ran.stderr}"


def test_the_shown_lines_of_the_gate_are_lines_that_it_prints(tmp_path: Path) -> None:
    (session,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    ((command, shown),) = exchanges(session)
    _, *arguments = shlex.split(command)
    ran = subprocess.run(
        [sys.executable, "-m", "flowlaw", *arguments, "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    printed = iter(without_numbers(ran.stdout).splitlines())
    for line in without_numbers(shown).splitlines():
        assert line in printed, line  # in the same order


def without_numbers(text: str) -> str:
    """Rounding errors differ between machines."""
    return re.sub(r"\d+(\.\d+)?(e[+-]\d+)?", "#", text)


def test_the_python_example_prints_what_its_comment_says() -> None:
    (example,) = [one for one in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "# 35" in one]
    expected = example.rsplit("#", 1)[1].strip()
    ran = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == expected


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_of_the_readme_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def test_the_two_commands_are_the_ones_that_the_project_runs() -> None:
    setup, tests = (block.strip() for block in re.findall(r"```sh\n(python3 -m venv.*?)```", README, re.DOTALL))
    assert setup.endswith(".venv/bin/flowlaw check")
    assert tests.endswith(".venv/bin/tox")
    assert "tox" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_flowlaw_command_that_is_mentioned_exists() -> None:
    from flowlaw.cli import COMMANDS

    mentioned = set(re.findall(r"\bflowlaw (\w+)", " ".join(re.findall(r"```.*?```|`.*?`", README, re.DOTALL))))
    assert mentioned - {"import"} <= set(COMMANDS), mentioned
