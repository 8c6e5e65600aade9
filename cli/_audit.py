"""``flowlaw audit``: the laws of a run that somebody recorded."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from ..oracles.errors import BadInput
from ._findings import groups, print_group, tell_again, write

if TYPE_CHECKING:
    from ..gate.audit import Audit
    from ..gate.expectations import Judged
    from ..gate.symmetry import Family
    from ..reports import Evidence

DEFAULT_OUT = Path("flowlaw-audit")


@click.command("audit", short_help="Put a recorded run through the laws that its steps must obey.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--target", metavar="MODULE:FACTORY", help="Take the symmetries of this target instead of the charges.")
@click.option("--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="Folder to write.")
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of lines.")
def audit_command(run: Path, target: str | None, out: Path, junit: Path | None, as_json: bool) -> None:
    """Check which laws hold between the snapshots of a recorded run: RUN is its folder, or the run file in it.

    Names the first step at which a law breaks, and the single wrong conventions that would explain it. The run file
    (docs/audit.md) says what the optimizer was meant to be. Writes evidence.jsonl and index.html into --out.

    Exit codes: 0 all laws hold, 1 one is violated, 2 wrong use or a run that cannot be read, 3 nothing measured.
    """
    started = perf_counter()
    found = _audited(run, target)
    judged = _judged(found)
    evidence = out / "evidence.jsonl"
    _write(found, judged, _command(run, target), evidence, perf_counter() - started)
    if junit is not None:
        from ..reports import write_junit

        write_junit(evidence, junit)
    if as_json:
        _print_json(found, judged, evidence)
    else:
        _print(found, judged, evidence)
    if found.exit_code:
        raise SystemExit(found.exit_code)


def replay_audit(name: str, read: Evidence, evidence: Path) -> None:
    """Audits again what the evidence is of, and tells of what ``name`` names in it."""
    try:
        context = audit_command.make_context("audit", shlex.split(read.run["command"])[2:])
    except (click.ClickException, click.exceptions.Exit, ValueError):
        raise BadInput(f"The first line of {evidence} names no command that flowlaw audit understands.") from None
    click.echo(f"{read.run['command']}, of which {name}")
    judged = _judged(_audited(context.params["run"], context.params["target"]))
    tell_again(judged, name, f"The run has no finding '{name[:200]}'. The page beside {evidence} lists them.")


def _audited(run: Path, target: str | None) -> Audit:
    from ..gate.audit import audit, read_run_file
    from ._progress import Waiting

    with Waiting(f"reading {run}") as waiting:
        file = read_run_file(run)
        finder = None if target is None else _families_of(target)
        return audit(file, finder, lambda step: waiting.says(f"reading {file.name}, step {step}"))


def _families_of(spec: str) -> Callable[[Mapping[str, tuple[int, ...]]], Sequence[Family]]:
    """The symmetries of a target; its tensors have to be those of the snapshots, in the same order."""
    from ..gate.discover import discover
    from ..gate.loading import load_targets

    target, *more = load_targets(spec)
    if more:
        raise BadInput(f"{spec} makes several targets. Name a factory of one.")

    def families(shapes: Mapping[str, tuple[int, ...]]) -> Sequence[Family]:
        own = {name: tuple(values.shape) for name, values in target.draw(0).items()}
        if list(own.items()) != list(shapes.items()):
            raise BadInput(
                f"The tensors of {spec} and of the snapshots differ: {', '.join(own)[:200]} against "
                f"{', '.join(shapes)[:200]}. Names, shapes and order have to agree."
            )
        return target.families if target.families is not None else discover(target).families

    return families


def _judged(found: Audit) -> tuple[Judged, ...]:
    from ..gate.expectations import judge

    return judge(found.findings, ()).judged


def _command(run: Path, target: str | None) -> str:
    return shlex.join(["flowlaw", "audit", str(run), *(("--target", target) if target else ())])


def _write(found: Audit, judged: Sequence[Judged], command: str, evidence: Path, seconds: float) -> None:
    from ..gate.evidence import Origin, events, run_event

    origin = Origin(f"`{found.name}`, by `flowlaw audit`", f"steps {found.first} to {found.last}", command)
    told = events(origin, found.dtype, judged, str(evidence))
    write(run_event(command, [found.name]), told, evidence, found.exit_code, seconds)


def _print(found: Audit, judged: Sequence[Judged], evidence: Path) -> None:
    from ..gate.evidence import replay_commands
    from ..gate.words import counted, explained, share

    steps = f"steps {found.first} to {found.last}"
    click.secho(f"{found.name}  {counted(found.recorded, 'snapshot')}, {steps}, {found.dtype}", bold=True)
    for group in groups(judged):
        print_group(group)
    if found.first_break is not None:
        one, step = found.first_break.finding, found.first_break.step
        click.secho(f"the first law breaks at step {step}", bold=True)
        click.echo(f"  {one.identity}, {one.family}: {share(dict(one.curve)[step])}")
        if found.explanations:
            click.echo(f"  {explained(found.explanations)}")
        click.echo(f"  again: {replay_commands(judged, str(evidence))[one.id]}")
    words = [finding.verdict for finding in found.findings]
    parts = [f"{words.count(word)} {word}" for word in ("HOLDS", "VIOLATED", "SKIPPED") if word in words]
    click.secho(", ".join(parts), bold=True)
    click.echo(f"report {evidence.with_name('index.html')}, evidence {evidence}")


def _print_json(found: Audit, judged: Sequence[Judged], evidence: Path) -> None:
    from ..gate.evidence import as_json, replay_commands

    again = replay_commands(judged, str(evidence))
    broken = found.first_break
    answer = {
        "exit": found.exit_code,
        "evidence": str(evidence),
        "run": found.name,
        "dtype": found.dtype,
        "steps": [found.first, found.last],
        "snapshots": found.recorded,
        "first_break": None if broken is None else {"step": broken.step, "id": broken.finding.id},
        "explanations": list(found.explanations),
        "findings": [as_json(one, found.name, again[one.finding.id]) for one in judged],
    }
    click.echo(json.dumps(answer, indent=1, allow_nan=False))
