"""``flowlaw list`` and ``flowlaw show``."""

from __future__ import annotations

import json
import textwrap

import click

from ..oracles.errors import BadInput


@click.command("list", short_help="List the theorems of the lawbook.")
@click.argument("selection", nargs=-1, metavar="[SELECTION ...]")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_command(selection: tuple[str, ...], as_json: bool) -> None:
    """List the theorems of the lawbook, all or those whose id starts with SELECTION."""
    from ..properties import find

    chosen = find(selection)
    if as_json:
        records = [
            {"id": t.id, "title": t.title, "summary": t.summary, "source": t.source, "status": t.status} for t in chosen
        ]
        click.echo(json.dumps(records, indent=1))
        return
    width = max((len(theorem.id) for theorem in chosen), default=0)
    for theorem in chosen:
        click.echo(f"{click.style(theorem.id.ljust(width), bold=True)}  {theorem.status:<10}  {theorem.title}")


@click.command("show", short_help="Show one theorem in full.")
@click.argument("name", metavar="ID")
def show_command(name: str) -> None:
    """Show one theorem: statement, hypotheses, source, and the names of what checks it."""
    from ..properties import find

    theorem, *more = find((name,))
    if more:
        raise BadInput(f"'{name}' names {1 + len(more)} theorems. Give the whole id, as in {theorem.id}.")
    click.secho(f"{theorem.id}: {theorem.title}", bold=True)
    click.echo(textwrap.fill(theorem.summary, 100))
    click.echo(f"\n  {theorem.statement}\n")
    for hypothesis in theorem.hypotheses:
        click.echo(textwrap.fill(hypothesis, 100, initial_indent="  given   ", subsequent_indent="          "))
    click.echo(f"  source  {theorem.source} ({theorem.status})")
    for other in theorem.assumes:
        click.echo(f"  assumes {other}")
    for prop in theorem.properties:
        click.echo(f"  check   #{prop.name}: {prop.says} ({prop.arithmetic})")
    for simulation in theorem.simulations:
        click.echo(f"  run     #{simulation.name}: {simulation.says}")
    for mutant in theorem.mutants:
        click.echo(f"  mutant  #{mutant.name}: {mutant.says} (must be {mutant.expected})")
    click.echo(f"\n  flowlaw check {theorem.id}")
