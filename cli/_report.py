"""``flowlaw report`` and ``flowlaw diff``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report", short_help="Turn evidence into an HTML page.")
@click.argument("evidence", type=click.Path(path_type=Path))
@click.option("--html", type=click.Path(path_type=Path), help="The page; by default index.html beside the evidence.")
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML to this file.")
def report_command(evidence: Path, html: Path | None, junit: Path | None) -> None:
    """Write the page of an EVIDENCE file. Nothing is computed again."""
    from ..reports import write_junit, write_report

    page = html or evidence.with_name("index.html")
    write_report(evidence, page)
    click.echo(f"report {page}")
    if junit is not None:
        write_junit(evidence, junit)


@click.command("diff", short_help="Compare the verdicts of two evidence files.")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def diff_command(old: Path, new: Path) -> None:
    """Which verdicts changed, appeared or vanished. Exit code 1 if any did."""
    from ..reports import diff_evidence

    difference = diff_evidence(old, new)
    click.echo(difference.text)
    if difference:
        raise SystemExit(1)
