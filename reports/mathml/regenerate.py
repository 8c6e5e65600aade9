"""Makes ``statements.json``: converts the lawbook's formulas by Temml, an npm package that is not part of flowlaw.

    python -m flowlaw.reports.mathml.regenerate                      # the lawbook, into the package
    python -m flowlaw.reports.mathml.regenerate --out FILE < LIST    # a JSON list of formulas, into FILE

Needs Node.js, and npm once to fetch Temml into a temporary folder; ``--temml DIR`` uses a folder that has it already.
Another package makes the table of its own theorems in the second way and passes it to ``write_report``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from ._table import collect_formulas

TEMML = "0.13.5"
PACKAGE_DATA = Path(__file__).with_name("statements.json")


class ConversionError(Exception):
    """Temml is not there, or refused a formula."""


def install(folder: Path, *, offline: bool = False) -> Path:
    """Puts the pinned Temml into ``folder`` by npm and returns ``folder``."""
    options = ["--no-audit", "--no-fund", "--ignore-scripts", *(["--offline"] if offline else [])]
    _run(["npm", "install", "--prefix", str(folder), *options, f"temml@{TEMML}"], "")
    return folder


def convert(formulas: Iterable[str], temml: Path) -> dict[str, str]:
    """The table for ``formulas``, by the Temml below the folder ``temml``.

    Raises:
        ConversionError: with the formulas that are wrong.
    """
    module = temml / "node_modules" / "temml" / "dist" / "temml.mjs"
    if not module.exists():
        raise ConversionError(f"{module} does not exist; npm install temml@{TEMML} makes it")
    formulas = list(formulas)
    for tex in formulas:
        if any(ord(char) < 32 for char in tex):
            raise ConversionError(f"{tex!r} has a control character: a backslash was lost, write it as a raw string")
    script = Path(__file__).with_name("regenerate.mjs")
    table = json.loads(_run(["node", str(script), str(module)], json.dumps(formulas)))
    return {key: _tidy(math) for key, math in sorted(cast(dict[str, str], table).items())}


def lawbook_formulas() -> list[str]:
    """The formulas of all theorems of flowlaw itself, and of the findings of its gate."""
    properties: Any = importlib.import_module("flowlaw.properties")
    dynamics: Any = importlib.import_module("flowlaw.oracles.dynamics")
    judge: Any = importlib.import_module("flowlaw.gate.judge")
    derivative: Any = importlib.import_module("flowlaw.gate.derivative")
    found = collect_formulas(cast(Iterable[object], properties.theorems()))
    found += [law.formula for law in dynamics.laws()] + [judge.STEP_FORMULA, derivative.FORMULA]
    return list(dict.fromkeys(found))


def dump(table: dict[str, str]) -> str:
    """The table as it is kept: one formula a line."""
    return json.dumps(table, ensure_ascii=False, indent=0, sort_keys=True) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--temml", type=Path, help="a folder in which temml is installed")
    parser.add_argument("--out", type=Path, help="read a JSON list of formulas on stdin and write the table here")
    options = parser.parse_args(arguments)
    formulas = cast(list[str], json.load(sys.stdin)) if options.out else lawbook_formulas()
    try:
        with tempfile.TemporaryDirectory() as folder:
            table = convert(formulas, options.temml or install(Path(folder)))
    except ConversionError as error:
        print(error, file=sys.stderr)
        return 1
    target: Path = options.out or PACKAGE_DATA
    target.write_text(dump(table), "utf-8")
    print(f"{len(table)} formulas in {target}")
    return 0


def _tidy(math: str) -> str:
    """Drops what MathML Core ignores or the page's style sheet says better."""
    math = math.replace(' class="tml-display" style="display:block math;"', "").replace(' fence="true"', "")
    math = math.replace(' separator="true"', "")
    math = re.sub(r' form="(?:pre|post)fix"( stretchy="false">[][(){}⟨⟩])', r"\1", math)
    return re.sub(r"(\d\.\d{2})\d+(em|pt)", r"\1\2", math)


def _run(command: list[str], stdin: str) -> str:
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, encoding="utf-8", check=False)
    except OSError as error:
        raise ConversionError(f"cannot run {command[0]}: {error.strerror}") from None
    if done.returncode:
        raise ConversionError(done.stderr.strip() or f"{command[0]} failed")
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
