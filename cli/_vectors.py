"""``flowlaw fill`` and ``flowlaw consume``: test vectors of optimizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..gate.vectors import Outcome, Stepper


@click.command("fill", short_help="Write test vectors of every optimizer as JSON.")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("flowlaw-vectors"),
    show_default=True,
    help="The folder to write to; it is made where it is missing.",
)
def fill_command(folder: Path) -> None:
    """Small runs of every optimizer with exact results, for implementations in any language (docs/vectors.md)."""
    from ..gate.vectors import fill

    written = fill(folder)
    total = sum(count for _, count in written)
    click.echo(f"{total} vectors in {len(written)} files, and {folder / 'index.json'} with their SHA-256.")


@click.command("consume", short_help="Put an implementation of optimizers through test vectors.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("target", nargs=-1, required=True, type=click.UNPROCESSED, metavar="MODULE:STEPPER | -- COMMAND ...")
@click.option("--dtype", default="float64", show_default=True, help="What it computes in: float64 or float32.")
@click.option("--time-limit", type=float, default=60.0, show_default=True, help="Seconds for an answer of a COMMAND.")
@click.option("--only", default="", metavar="ID", help="Vectors whose id begins with this, such as sgd. or adam.eps.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array with an object for each vector.")
@click.option("--verbose", "-v", is_flag=True, help="List the vectors that hold as well.")
def consume_command(
    folder: Path, target: tuple[str, ...], dtype: str, time_limit: float, only: str, as_json: bool, verbose: bool
) -> None:
    """HOLDS, VIOLATED or SKIPPED for each vector in FOLDER, with residual over bound.

    The target is MODULE:STEPPER, such as flowlaw.gate.vectors:torch_stepper, or a program after -- that speaks the
    protocol of docs/vectors.md. Exit code 1 if a vector is violated, 3 if none was measured.
    """
    from ..gate.vectors import consume, read_folder
    from ..oracles.errors import BadInput

    if not 0 < time_limit < float("inf"):
        raise BadInput(f"--time-limit is a number of seconds above 0, not {time_limit:g}.")
    vectors = [vector for vector in read_folder(folder) if vector.id.startswith(only)]
    if not vectors:
        raise BadInput(f"No vector in {folder} has an id that begins with {only[:80]!r}.")
    stepper, name = _stepper(target, time_limit)
    outcomes: list[Outcome] = []
    for outcome in consume(vectors, stepper, name=name, dtype=dtype):
        outcomes.append(outcome)
        if not as_json and (verbose or outcome.verdict != "HOLDS"):
            click.echo(_line(outcome))
    count = {verdict: sum(o.verdict == verdict for o in outcomes) for verdict in ("HOLDS", "VIOLATED", "SKIPPED")}
    if as_json:
        click.echo(json.dumps([_json(outcome) for outcome in outcomes], indent=1))
    else:
        click.echo(_summary(name, count, outcomes))
    if count["VIOLATED"]:
        raise SystemExit(1)
    if not count["HOLDS"]:
        raise SystemExit(3)


def _stepper(target: tuple[str, ...], time_limit: float) -> tuple[Stepper, str]:
    from ..gate.vectors import is_spec, load_stepper, process_stepper

    if len(target) == 1 and is_spec(target[0]):
        return load_stepper(target[0]), target[0]
    return process_stepper(target, time_limit=time_limit), target[0][:80]


def _line(outcome: Outcome) -> str:
    if outcome.verdict == "SKIPPED":
        return f"SKIPPED {outcome.id}: {outcome.reason}"
    numbers = f"residual {outcome.residual:.2g} against bound {outcome.bound:.2g}"
    if outcome.verdict == "HOLDS":
        return f"HOLDS {outcome.id}: {numbers}"
    return f"VIOLATED {outcome.id}: {outcome.where}; {numbers}. {outcome.says}"


def _summary(name: str, count: dict[str, int], outcomes: list[Outcome]) -> str:
    numbers = ", ".join(f"{n} {verdict}" for verdict, n in count.items())
    if not count["HOLDS"] and not count["VIOLATED"]:
        return f"{name}: {numbers}. Nothing was measured."
    return f"{name}: {numbers}; largest residual over bound {max(o.ratio for o in outcomes):.2g}."


def _json(outcome: Outcome) -> dict[str, object]:
    def number(x: float) -> object:
        return x if abs(x) < float("inf") else "inf"

    return {
        "id": outcome.id,
        "verdict": outcome.verdict,
        "says": outcome.says,
        "reason": outcome.reason,
        "ratio": number(outcome.ratio),
        "residual": number(outcome.residual),
        "bound": number(outcome.bound),
        "where": outcome.where,
    }
