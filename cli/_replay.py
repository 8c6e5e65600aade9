"""``flowlaw replay``: one line of evidence again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from ..oracles.errors import BadInput

if TYPE_CHECKING:
    from ..reports.events import CaseMap


@click.command("replay", short_help="Run one line of evidence again.")
@click.argument("name", metavar="ID")
@click.argument("evidence", required=False, type=click.Path(path_type=Path), metavar="[EVIDENCE]")
@click.option(
    "--profile", "profile_name", type=click.Choice(["quick", "standard", "deep"]), default="standard", show_default=True
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--time-limit", type=click.FloatRange(0, 10**6, min_open=True), default=600.0, help="Of a target.")
def replay_command(
    name: str, evidence: Path | None, profile_name: str, seed: int, device: str, time_limit: float
) -> None:
    """Run one line again, with the ID that evidence and report give: A1.two-layer-linear.count#exact-ranks.

    A finding of `flowlaw gate` has an ID with a slash and is replayed with its EVIDENCE, which says how it was made;
    the module of the target is imported again. Exit codes as for check and gate.
    """
    if evidence is not None:
        from ._gate import replay_finding

        replay_finding(name, evidence, time_limit)
        return
    if "/" in name:
        raise BadInput(f"'{name[:200]}' is a finding of flowlaw gate. Give its evidence too: ... evidence.jsonl.")
    from ..properties import PROFILES, find
    from ..properties.run import run_theorem

    theorem_id, _, part = name.partition("#")
    theorem, *more = find((theorem_id,))
    if more:
        raise BadInput(f"'{theorem_id}' names several theorems. Give the whole id, as in {theorem.id}#name.")
    profile = replace(PROFILES[profile_name], device=device)
    events = [event for event, _ in run_theorem(theorem, profile, seed, only=part)][1:]
    if not events:
        raise BadInput(f"{theorem.id} has no part '{part}'. `flowlaw show {theorem.id}` lists them.")
    good = True
    for event in events:
        good = good and _as_expected(event)
        click.echo(_described(event))
    if not good:
        raise SystemExit(1)
    if all(event.get("verdict") == "SKIPPED" for event in events):
        raise SystemExit(3)


def _as_expected(event: dict[str, object]) -> bool:
    if event["event"] == "mutant":
        return bool(event["caught"]) or event["verdict"] == "SKIPPED"
    return event.get("verdict") not in ("REFUTED", "VIOLATED")


def _described(event: dict[str, object]) -> str:
    name = event.get("name") or f"step {event.get('index')}"
    says = event.get("says") or event.get("title")
    lines = [f"{click.style(str(event['verdict']), bold=True)} {name}: {says}"]
    if event["event"] == "mutant":
        lines.append(f"  {'caught' if event['caught'] else 'NOT CAUGHT'}: {event['detail']}")
    if event.get("worst"):
        worst = cast("dict[str, object]", event["worst"])
        lines.append(f"  {event['cases']} cases, {event['nontrivial']} could have failed")
        lines.append(f"  worst residual {_shown(worst['residual'])}, bound {_shown(worst['bound'])}: {worst['case']}")
    elif event["event"] == "simulation" and "residual" in event:
        lines.append(f"  residual {_shown(event['residual'])}, bound {_shown(event['bound'])}")
    if event.get("reason"):
        lines.append(f"  {event['reason']}")
    if "rows" in event:
        table = cast("list[list[object]]", [event["columns"], *cast("list[object]", event["rows"])])
        lines += ["  " + "  ".join(map(str, row)) for row in table]
    if event["event"] == "picture":
        from ..reports import maps

        lines += [f"  {line}" for line in maps.text(cast("CaseMap", event["map"]))]
    return "\n".join(lines)


def _shown(value: object) -> str:
    """A number of an event for people: floats, which events spell in hexadecimal, to three digits."""
    if isinstance(value, dict):
        return f"{float.fromhex(cast('dict[str, str]', value)['hex']):.3g}"
    return str(value)
