"""``flowlaw gate``: the laws of training, for somebody else's training code."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from textwrap import indent
from time import perf_counter
from typing import TYPE_CHECKING

import click

from ..oracles.errors import BadInput
from ._findings import groups, print_group, tell_again, write

if TYPE_CHECKING:
    from ..gate.expectations import Expectation, Judged, Outcome
    from ..gate.isolation import Checked
    from ..gate.words import Asked
    from ..reports import Evidence

DEFAULT_OUT = Path("flowlaw-gate")


@click.command("gate", short_help="Put training code through the laws that its steps must obey.")
@click.argument("targets", nargs=-1, required=True, metavar="MODULE:FACTORY [...]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of parameters and data.")
@click.option("--runs", type=click.IntRange(1, 1000), default=3, show_default=True, help="From fresh parameters.")
@click.option("--steps", type=click.IntRange(1, 10_000), default=12, show_default=True, help="Of each run.")
@click.option("--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="Folder to write.")
@click.option("--expect", type=click.Path(path_type=Path), help="TOML file of what is known to come out, and why.")
@click.option("--strict", is_flag=True, help="Expectations that match nothing, or that hold by now, are errors.")
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, 10**6, min_open=True),
    default=600.0,
    show_default=True,
    help="Seconds for loading, and for each target.",
)
def gate_command(
    targets: tuple[str, ...],
    seed: int,
    runs: int,
    steps: int,
    out: Path,
    expect: Path | None,
    strict: bool,
    junit: Path | None,
    as_json: bool,
    time_limit: float,
) -> None:
    """Run the training code of each target and check every law that its optimizer must obey, to rounding error.

    A target is what a function without arguments returns; it is named as MODULE:FACTORY and imported from here, in a
    process of its own. Writes evidence.jsonl and index.html into --out.

    Exit codes: 0 all as expected, 1 something violated, 2 wrong use or a target that cannot be loaded or run, 3 some
    target was not measured.
    """
    from ..gate.expectations import read_expectations
    from ..gate.words import Asked

    asked = Asked(targets, seed, runs, steps)
    expectations = read_expectations(expect) if expect is not None else ()
    started = perf_counter()
    checked = _measure(asked, time_limit)
    outcome = _judged(checked, expectations)
    code = outcome.exit_code(strict=strict)
    evidence = out / "evidence.jsonl"
    _write(asked, checked, outcome, evidence, code, perf_counter() - started)
    if junit is not None:
        from ..reports import write_junit

        write_junit(evidence, junit)
    if as_json:
        _print_json(checked, outcome, evidence, code)
    else:
        _print(asked, checked, outcome, evidence, strict=strict)
    if code:
        raise SystemExit(code)


def replay_finding(name: str, evidence: Path, time_limit: float) -> None:
    """Measures again what ``name`` names in the evidence of a gate; exits as the gate does."""
    from ..gate.evidence import PROFILE
    from ..gate.words import Asked
    from ..reports import read_evidence

    read = read_evidence(evidence)
    if read.run["profile"] != PROFILE:
        raise BadInput(f"{evidence} is not of flowlaw gate. Replay lines of flowlaw check by their ID alone.")
    if read.run["command"].startswith("flowlaw audit "):
        from ._audit import replay_audit

        replay_audit(name, read, evidence)
        return
    target = name.split("/")[0]
    known = {record.id.split("/")[0] for record in read.records}
    if target not in known:
        raise BadInput(f"{evidence} has no target '{target[:80]}'. It has {', '.join(sorted(known)) or 'none'}.")
    asked = _asked_before(read, evidence)
    asked = Asked(_spec_of(read, target, asked), asked.seed, asked.runs, asked.steps)
    click.echo(f"{asked.command}, of which {name}")
    missing = f"Target '{target}' has no finding '{name[:200]}'. The page beside {evidence} lists them."
    tell_again(_judged(_measure(asked, time_limit, target), ()).judged, name, missing)


def _asked_before(read: Evidence, evidence: Path) -> Asked:
    """What the gate was asked to do, from the first line of its evidence."""
    from ..gate.words import Asked

    try:
        words = shlex.split(read.run["command"])
        context = gate_command.make_context("gate", words[2:])
    except (click.ClickException, click.exceptions.Exit, ValueError):
        words = []
        context = None
    if context is None or words[:2] != ["flowlaw", "gate"]:
        raise BadInput(f"The first line of {evidence} names no command that flowlaw gate understands. Run it again.")
    options = context.params
    return Asked(tuple(options["targets"]), options["seed"], options["runs"], options["steps"])


def _spec_of(read: Evidence, target: str, asked: Asked) -> tuple[str, ...]:
    """The one spec that the target came from; all where the evidence does not say."""
    for record in read.records:
        if record.id.startswith(f"{target}/"):
            own = [spec for spec in asked.specs if f"`{spec}`" in record.theorem["source"]]
            if own:
                return (own[0],)
    return asked.specs


def _measure(asked: Asked, time_limit: float, only: str = "") -> list[Checked]:
    from ..gate.isolation import check_targets
    from ._progress import Waiting

    with Waiting(f"loading {' '.join(asked.specs)}") as waiting:
        return list(check_targets(asked, only=only, time_limit=time_limit, begins=waiting.says))


def _judged(checked: Sequence[Checked], expectations: Sequence[Expectation]) -> Outcome:
    from ..gate.expectations import judge

    return judge([finding for one in checked for finding in one.findings], expectations)


def _of(checked: Checked, outcome: Outcome) -> list[Judged]:
    return [one for one in outcome.judged if one.finding.target == checked.name]


def _write(
    asked: Asked, checked: Sequence[Checked], outcome: Outcome, evidence: Path, code: int, seconds: float
) -> None:
    from ..gate.evidence import by_gate, events, run_event

    told = (events(by_gate(asked, one.spec), one.dtype, _of(one, outcome), str(evidence)) for one in checked)
    write(run_event(asked.command, asked.specs, asked.seed), chain.from_iterable(told), evidence, code, seconds)


def _print(asked: Asked, checked: Sequence[Checked], outcome: Outcome, evidence: Path, *, strict: bool) -> None:
    from ..gate.evidence import replay_commands
    from ..gate.words import explained

    again = replay_commands(outcome.judged, str(evidence))
    for one in checked:
        click.secho(f"{one.name}  {one.spec}, {one.dtype}", bold=True)
        for group in groups(_of(one, outcome)):
            print_group(group)
        reasons = {judged.finding.explanations: None for judged in _of(one, outcome) if judged.violated}
        for explanations in filter(None, reasons):
            click.echo(f"  {explained(explanations)}")
    for complaint in outcome.complaints:
        click.echo(f"{'error' if strict else 'warning'}: {complaint}", err=True)
    failed = [one for one in outcome.judged if one.violated]
    if failed:
        worst = max(failed, key=lambda one: one.finding.ratio).finding
        spec = next(one.spec for one in checked if one.name == worst.target)
        click.echo(f"\nto see it in Python ({worst.id}):\n")
        click.echo(indent(asked.program(spec, worst), "    "))
        click.echo(f"or again by flowlaw:\n\n    {again[worst.id]}\n")
    _conclude(checked, outcome, evidence)


def _conclude(checked: Sequence[Checked], outcome: Outcome, evidence: Path) -> None:
    from ..gate.words import counted

    words = [one.finding.verdict for one in outcome.judged]
    parts = [f"{words.count(word)} {word}" for word in ("HOLDS", "VIOLATED", "SKIPPED") if word in words]
    click.secho(", ".join([counted(len(checked), "target"), *parts]), bold=True)
    click.echo(f"report {evidence.with_name('index.html')}, evidence {evidence}")
    if outcome.unmeasured:
        click.echo(f"no law was measured of {', '.join(outcome.unmeasured)}")


def _print_json(checked: Sequence[Checked], outcome: Outcome, evidence: Path, code: int) -> None:
    from ..gate.evidence import as_json, replay_commands

    again = replay_commands(outcome.judged, str(evidence))
    specs = {one.name: one.spec for one in checked}
    answer = {
        "exit": code,
        "evidence": str(evidence),
        "targets": [{"name": one.name, "spec": one.spec, "dtype": one.dtype} for one in checked],
        "unmeasured": list(outcome.unmeasured),
        "complaints": list(outcome.complaints),
        "findings": [as_json(one, specs[one.finding.target], again[one.finding.id]) for one in outcome.judged],
    }
    click.echo(json.dumps(answer, indent=1, allow_nan=False))
