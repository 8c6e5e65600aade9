"""``flowlaw discover``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..gate import Family
    from ..gate.discover import Discovery

_LISTED = 3
"""Members written out for each family in text output."""


@click.command("discover", short_help="The linear symmetries of a target, from its gradients.")
@click.argument("specs", nargs=-1, required=True, metavar="TARGET [TARGET ...]")
@click.option("--json", "as_json", is_flag=True, help="One JSON array with an object for each target.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random parameters and batches.")
@click.option("--no-trace", is_flag=True, help="Gradients alone: do not look at a torch module.")
@click.option("--all", "everything", is_flag=True, help="Write out every member.")
def discover_command(specs: tuple[str, ...], as_json: bool, seed: int, no_trace: bool, everything: bool) -> None:
    """Scalings, translations, mixings, rotations and shears of each TARGET that no gradient moves along.

    TARGET is module:factory, as for flowlaw gate. Every symmetry is confirmed on fresh random parameters and data. Exit
    code 3 if some target has none.
    """
    from ..gate.discover import discover
    from ..gate.loading import load_targets

    answers: list[dict[str, object]] = []
    empty = False
    for spec in specs:
        for target in load_targets(spec):
            found = discover(target, seed, traced=not no_trace)
            empty = empty or not found.families
            if as_json:
                answers.append(_json(found))
            else:
                _print(found, everything)
    if as_json:
        click.echo(json.dumps(answers, indent=1))
    if empty:
        raise SystemExit(3)


def _json(found: Discovery) -> dict[str, object]:
    return {
        "target": found.target,
        "parameters": found.parameters,
        "dimension": found.dimension,
        "dimensions": dict(found.dimensions),
        "rows": dict(found.rows),
        "families": [_family(family) for family in found.families],
        "near": [
            {
                "name": near.name,
                "row": near.row,
                "members": near.members,
                "defect": near.defect,
                "reason": near.reason,
                "predicted": near.predicted,
                "measured": near.measured,
            }
            for near in found.near
        ],
        "searches": [
            {
                "what": search.what,
                "unknowns": search.unknowns,
                "nullity": search.nullity,
                "found": search.found,
                "unexplained": search.unexplained,
                "kept": search.kept,
                "dropped": search.dropped,
            }
            for search in found.searches
        ],
        "traced": found.traced,
        "proposed": found.proposed,
        "refuted": found.refuted,
        "limits": list(found.limits),
        "seconds": round(found.seconds, 3),
    }


def _family(family: Family) -> dict[str, object]:
    from ..gate.discover import kind_of

    return {"row": family.row, "kind": kind_of(family), "members": list(family.names)}


def _print(found: Discovery, everything: bool) -> None:
    from ..gate.discover import kind_of

    click.echo(f"{found.target}: dimension {found.dimension}, {found.parameters:,} parameters, {found.seconds:.1f} s")
    for family in found.families:
        names = family.names
        shown = names if everything or len(names) <= _LISTED else names[:_LISTED]
        click.echo(f"  {family.row or '-':4} {kind_of(family):11} {len(names):5}  {shown[0]}")
        for name in shown[1:]:
            click.echo(f"{'':25}{name}")
        if len(shown) < len(names):
            click.echo(f"{'':25}and {len(names) - len(shown)} more")
    for near in found.near:
        click.echo(f"  near {near.row or '-'}: {near.name} ({near.members} such): defect {near.defect:.1e}")
        if near.reason:
            click.echo(f"    {near.reason}{_prediction(near.predicted, near.measured)}")
    for search in found.searches:
        click.echo(
            f"  searched {search.what}: {search.unknowns:,} unknowns, nullity {search.nullity:,}; singular values stop "
            f"at {search.kept:.1e} and go on at {search.dropped:.1e}"
        )
    for limit in found.limits:
        click.echo(f"  limit: {limit}")


def _prediction(predicted: float | None, measured: float | None) -> str:
    if predicted is None or measured is None:
        return ""
    return f": predicted <g, xi> {predicted:.6e}, measured {measured:.6e} under a random linear loss"
