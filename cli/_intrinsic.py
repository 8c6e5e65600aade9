"""``flowlaw intrinsic``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..oracles.intrinsic import Initialization, Intrinsic
    from ..oracles.models import Model


@click.command("intrinsic", short_help="Is the flow of phi a flow in phi and the initialization alone?")
@click.argument("spec", metavar="MODEL")
@click.option("--at", "path", type=click.Path(path_type=Path), help="Look at the point in this TOML file.")
@click.option("--init", "name", help="generic, balanced, relaxed:LAMBDA or zero-weights.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the initialization.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array with an object for each point.")
@click.option("--certificates", "folder", type=click.Path(path_type=Path), help="Write the certificates here.")
def intrinsic_command(
    spec: str, path: Path | None, name: str | None, seed: int, as_json: bool, folder: Path | None
) -> None:
    """The three properties of the reduced flow of MODEL at an exact point, each PROVED, REFUTED or UNDECIDED.

    Without --at and --init the point is generic, and for a ReLU network one with zero weights is looked at too. Exit
    code 0 if the metric property is proved at the (first) point, 1 if it is refuted, 3 if it is undecided.
    """
    from ..oracles.errors import BadInput
    from ..oracles.intrinsic import intrinsic, record, setting
    from ..oracles.models import parse_model

    if path is not None and name is not None:
        raise BadInput("--at and --init both name a point. Give one of them.")
    model = parse_model(spec)
    starts = _starts(model, path, name, seed)
    known = setting(model)
    if folder is not None:
        _make(folder)
    records: list[dict[str, object]] = []
    code = {"PROVED": 0, "REFUTED": 1, "UNDECIDED": 3}
    codes: list[int] = []
    for start in starts:
        found = intrinsic(model, start, known=known)
        written = _write(found, folder)
        codes.append(code[found.metric.verdict])
        if as_json:
            records.append({**record(found), "files": written})
        else:
            _print(found, start, written)
    if as_json:
        click.echo(json.dumps(records, indent=1))
    if codes[0]:
        raise SystemExit(codes[0])


def _starts(model: Model, path: Path | None, name: str | None, seed: int) -> list[Initialization]:
    from ..oracles.intrinsic import Initialization, initialization
    from ..oracles.models import PathLifting
    from ..oracles.points import read_point

    if path is not None:
        return [Initialization(str(path), tuple(read_point(path, model)), "")]
    names = [name] if name is not None else ["generic"]
    if name is None and isinstance(model, PathLifting) and model.hidden:
        names.append("zero-weights")
    return [initialization(model, each, seed=seed) for each in names]


def _make(folder: Path) -> None:
    from ..oracles.errors import BadInput

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {folder}: {error.strerror or error}. Choose another one.") from None


def _write(found: Intrinsic, folder: Path | None) -> list[str]:
    from ..oracles.certificates import canonical, digest, write_text

    if folder is None:
        return []
    written: list[str] = []
    for certificate in found.certificates:
        path = folder / f"{digest(certificate)[:16]}.json"
        write_text(path, canonical(certificate))
        written.append(str(path))
    return written


def _print(found: Intrinsic, start: Initialization, written: list[str]) -> None:
    from ..oracles.intrinsic import lines

    click.secho(f"{found.model.spec} at {found.name}", bold=True)
    if start.says:
        click.echo(f"  {start.says}")
    for line in lines(found):
        click.echo(f"  {line}")
    for path in written:
        click.echo(f"  certificate {path}")
    if not written and found.certificates:
        number = len(found.certificates)
        click.echo(f"  {number} certificate{'s' * (number != 1)} accepted by the kernel, write with --certificates DIR")
