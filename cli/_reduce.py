"""``flowlaw reduce``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..oracles.intrinsic import Initialization
    from ..oracles.models import Model
    from ..properties.reduction import Reduction

_FORMULAS = 12
"""Formulas that are printed; the files have all of them."""


@click.command("reduce", short_help="Write the flow of phi without the parameters: formulas, a callable, a plot.")
@click.argument("spec", metavar="MODEL")
@click.option("--init", "name", help="balanced, relaxed:LAMBDA or generic.")
@click.option("--at", "path", type=click.Path(path_type=Path), help="Start at the point in this TOML file.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the initialization and of the loss.")
@click.option("--time", "duration", help="For how long both flows are followed; found if left out.")
@click.option(
    "--loss", "loss", type=click.Path(path_type=Path), help="A TOML file with target, or slope and curvature."
)
@click.option("--out", "folder", type=click.Path(path_type=Path), default="flowlaw-reduced", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all numbers.")
def reduce_command(
    spec: str,
    name: str | None,
    path: Path | None,
    seed: int,
    duration: str | None,
    loss: Path | None,
    folder: Path,
    as_json: bool,
) -> None:
    """The flow of z = phi(theta) from an exact point, without the parameters, held against the full flow.

    Writes reduced.tex, formulas.json, reduced.py (a module to import), index.html and its plots as SVG files into a
    folder. Without --init and --at the point is balanced for linear networks and generic for other models. Exit code 0
    if both flows agree, 1 if they do not, 3 if no closed form is known or the flows could not be compared.
    """
    from ..oracles.errors import BadInput
    from ..oracles.intrinsic import NotClaimed
    from ..oracles.models import parse_model
    from ..properties.reduction import reduce_flow
    from ._losses import read_loss, read_time
    from ._reduced_files import record, write

    if path is not None and name is not None:
        raise BadInput("--at and --init both name a point. Give one of them.")
    time = None if duration is None else read_time(duration)
    model = parse_model(spec)
    start = _start(model, path, name, seed)
    goal = None if loss is None else partial(read_loss, loss, model.spec)
    try:
        found = reduce_flow(model, start, goal=goal, seed=seed, time=time)
    except NotClaimed as refusal:
        _refuse(model, start, str(refusal), as_json)
        raise SystemExit(3) from None
    written = write(found, folder, _command(spec, start, path, seed, duration, loss))
    if as_json:
        click.echo(json.dumps({**record(found), "files": [str(file) for file in written]}, indent=1))
    else:
        _print(found, folder, written)
    code = {"HOLDS": 0, "VIOLATED": 1, "SKIPPED": 3}[found.held.verdict]
    if code:
        raise SystemExit(code)


def _start(model: Model, path: Path | None, name: str | None, seed: int) -> Initialization:
    from ..oracles.intrinsic import Initialization, initialization
    from ..oracles.models import DeepLinear
    from ..oracles.points import read_point

    if path is not None:
        return Initialization(str(path), tuple(read_point(path, model)), "")
    return initialization(model, name or ("balanced" if isinstance(model, DeepLinear) else "generic"), seed=seed)


def _command(
    spec: str, start: Initialization, path: Path | None, seed: int, duration: str | None, loss: Path | None
) -> str:
    """What makes the same files again."""
    from shlex import join

    words = ["flowlaw", "reduce", spec, *(("--at", str(path)) if path is not None else ("--init", start.name))]
    words += ["--seed", str(seed)] if seed else []
    words += ["--time", duration] if duration is not None else []
    words += ["--loss", str(loss)] if loss is not None else []
    return join(words)


def _refuse(model: Model, start: Initialization, reason: str, as_json: bool) -> None:
    if as_json:
        out = {"model": model.spec, "point": {"name": start.name}, "verdict": "UNDECIDED", "reason": reason}
        click.echo(json.dumps(out, indent=1))
        return
    click.secho(f"{model.spec} at {start.name}", bold=True)
    for line in _wrapped("UNDECIDED", f"no closed form is claimed here. {reason}"):
        click.echo(f"  {line}")


def _print(found: Reduction, folder: Path, written: list[Path]) -> None:
    click.secho(f"{found.model.spec} at {found.start.name}", bold=True)
    for line in _lines(found):
        click.echo(f"  {line}")
    click.echo(f"  wrote {', '.join(path.name for path in written)} to {folder}")


def _lines(found: Reduction) -> Iterator[str]:
    from itertools import islice

    from ._reduced_files import point_text

    form, held = found.form, found.held
    if found.start.says:
        yield found.start.says
    yield point_text(found.model, found.start.point)
    yield f"closed form '{form.name}' ({form.theorem}): {form.domain}"
    if form.invariants:
        shown = ", ".join(f"{name} = {value}" for name, value in islice(form.invariants.items(), 8))
        yield f"  with {shown}" + (", ..." if len(form.invariants) > 8 else "")
    for formula in form.formulas[:_FORMULAS]:
        yield f"  {formula.says}: {formula.sympy or formula.tex}"
    if len(form.formulas) > _FORMULAS:
        yield f"  and {len(form.formulas) - _FORMULAS} more formulas in formulas.json"
    if found.goal is not None:
        yield f"loss f = {found.goal.says}"
    yield from _wrapped(held.verdict, held.says)


def _wrapped(verdict: str, says: str) -> list[str]:
    """A paragraph below its verdict."""
    from textwrap import wrap

    return wrap(f"{verdict}: {says}", 114, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
