"""``flowlaw laws``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..oracles.answers import AllLaws
    from ..oracles.models import Model

_LISTED = 12
"""Laws written out in text output before it says how many more there are."""


@click.command("laws", short_help="All laws of a model, with a proof that there are no others.")
@click.argument("models", nargs=-1, required=True, metavar="MODEL [MODEL ...]")
@click.option("--degree", type=int, default=None, help="List polynomial laws up to this degree; 0 lists none.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array with an object for each model.")
@click.option("--certificates", type=click.Path(path_type=Path), help="Write the certificates into this folder.")
@click.option("--dense", is_flag=True, help="Use no structure: the sandwich at a random point.")
@click.option("--at", "point", type=click.Path(path_type=Path), help="Also look at the point in this TOML file.")
@click.option("--region", type=click.Path(path_type=Path), help="The rank that the data in this TOML file sees.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random points.")
def laws_command(
    models: tuple[str, ...],
    degree: int | None,
    as_json: bool,
    certificates: Path | None,
    dense: bool,
    point: Path | None,
    region: Path | None,
    seed: int,
) -> None:
    """All laws of each MODEL: how many, which, and whether they are proved to be all.

    MODEL is linear:4-5-2 (output dimension first), relu:3-5-2+bias (input first), monomial:4, symmetric:2-3,
    diagonal:3, homogeneous:2-3-2+degree2, conv:3-2, or a TOML file. Exit code 3 if some set is not proved complete.
    """
    from ..oracles.answers import all_laws
    from ..oracles.models import parse_model

    parsed = [parse_model(spec) for spec in models]
    if certificates is not None:
        _make(certificates)
    answers: list[dict[str, object]] = []
    complete = True
    for model in parsed:
        answer = all_laws(model, degree, structure=not dense, seed=seed)
        complete = complete and answer.completeness.complete
        path = _write(answer, certificates)
        if as_json:
            answers.append(_json(answer, path))
        else:
            _print(answer, path)
        if point is not None:
            _print_point(model, answer, point, as_json, answers)
    if region is not None:
        _print_region(region, parsed, as_json, answers)
    if as_json:
        click.echo(json.dumps(answers, indent=1))
    if not complete:
        raise SystemExit(3)


def _make(folder: Path) -> None:
    from ..oracles.errors import BadInput

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"Cannot make the folder {folder}: {error.strerror or error}. Choose another one.") from None


def _write(answer: AllLaws, folder: Path | None) -> Path | None:
    from ..oracles.certificates import canonical, digest, write_text

    proved = answer.completeness.certificate
    if proved is None or folder is None:
        return None
    path = folder / f"{digest(proved)[:16]}.json"
    write_text(path, canonical(proved))
    return path


def _json(answer: AllLaws, path: Path | None) -> dict[str, object]:
    from ..oracles.certificates import digest
    from ..oracles.models import law_text

    found = answer.completeness
    return {
        "model": answer.model.spec,
        "parameters": found.parameters,
        "w_dimension": found.w_dimension,
        "lie_dimension": found.lie_dimension,
        "level_ranks": list(found.level_ranks) if found.level_ranks is not None else None,
        "independent_laws": found.independent_laws,
        "known_laws": answer.known_laws,
        "complete": found.complete,
        "rule": found.rule,
        "families": [{"name": family.name, "matrix": family.matrix_form} for family in answer.families],
        "polynomial_laws": [
            {
                "degree": laws.degree,
                "homogeneous": laws.homogeneous,
                "kernel_dimension": laws.kernel_dimension,
                "functional_rank": rank,
                "laws": [law_text(law, answer.model) for law in laws.basis],
                "new": [law_text(law, answer.model) for law in laws.new_generators],
            }
            for laws, rank in zip(answer.polynomial_laws, answer.polynomial_ranks, strict=True)
        ],
        "polynomial_rank": answer.polynomial_rank,
        "certificate": (str(path) if path else digest(found.certificate)) if found.certificate else None,
        "note": answer.note,
        "seconds": round(answer.seconds, 6),
    }


def _print(answer: AllLaws, path: Path | None) -> None:
    from ..oracles.answers import polynomial_lines

    found = answer.completeness
    click.secho(answer.model.spec, bold=True)
    levels = ""
    if found.level_ranks is not None and len(found.level_ranks) > 1:
        levels = " (by level " + " -> ".join(map(str, found.level_ranks)) + ")"
    click.echo(f"  {found.parameters} parameters, dim W {found.w_dimension}, dim Lie {found.lie_dimension}{levels}")
    click.echo(f"  {_count_line(answer)}")
    for family in answer.families:
        click.echo(f"    {family.matrix_form}")
    families = answer.families if answer.polynomial_laws else ()
    entries = {law for family in families for law in family.polynomials()}
    for laws, rank in zip(answer.polynomial_laws, answer.polynomial_ranks, strict=True):
        scope = "degree" if laws.homogeneous else "degree at most"
        shown = [law for law in laws.new_generators if law not in entries and -law not in entries]
        how = ""
        if laws.kernel_dimension:
            new = len(laws.new_generators)
            how = f", {new} not products of lower ones" if new else ", all products of lower ones"
            how = how if shown or not new else ": the entries above"
        click.echo(f"  {scope} {laws.degree}: {laws.kernel_dimension} linearly, {rank} functionally independent{how}")
        for line in polynomial_lines(shown, answer.model, _LISTED):
            click.echo(f"    {line}")
        if len(shown) > _LISTED:
            click.echo(f"    ... and {len(shown) - _LISTED} more (--json lists all)")
    if answer.note:
        click.echo(f"  {answer.note}")
    if path is not None:
        click.echo(f"  certificate {path}")


def _count_line(answer: AllLaws) -> str:
    found = answer.completeness
    laws = f"{found.independent_laws} law{'s' * (found.independent_laws != 1)}"
    degree = answer.polynomial_laws[-1].degree if answer.polynomial_laws else 0
    if degree and answer.polynomial_rank < found.independent_laws:
        laws += f", of which {answer.polynomial_rank} polynomial of degree <= {degree}"
    if found.complete:
        return f"{laws}; PROVED complete by the rule '{found.rule}': there are no others near a generic point"
    most = found.parameters - found.lie_dimension
    return f"{laws} found, at most {most}; NOT proved complete"


def _print_point(model: Model, answer: AllLaws, path: Path, as_json: bool, answers: list[dict[str, object]]) -> None:
    from ..oracles.points import local_ranks, read_point

    ranks = local_ranks(model, read_point(path, model), answer.completeness)
    if as_json:
        answers[-1]["point"] = {
            "file": str(path),
            "generic": ranks.generic,
            "w_dimension": ranks.w_dimension,
            "lie_dimension": ranks.lie_dimension,
            "law_rank": ranks.law_rank,
        }
        return
    click.echo(f"  at {path}: dim W {ranks.w_dimension}, dim Lie {ranks.lie_dimension}, laws of rank {ranks.law_rank}")
    if not ranks.generic:
        click.echo(
            f"  this point is NOT GENERIC: {ranks.lie_dimension} + {ranks.law_rank} is less than "
            f"{model.parameters}, so D - dim Lie does not count laws here"
        )


def _print_region(path: Path, models: list[Model], as_json: bool, answers: list[dict[str, object]]) -> None:
    from ..oracles.errors import BadInput
    from ..oracles.models import PathLifting
    from ..oracles.region import read_region, region_lines, region_record, seen_by_data

    (model,) = models if len(models) == 1 else (None,)
    if not isinstance(model, PathLifting):
        raise BadInput("--region looks at one ReLU network. Give one MODEL, such as relu:2-3-2.")
    report = seen_by_data(*read_region(path, model))
    if as_json:
        answers.append({"region": str(path), **region_record(report)})
        return
    click.secho(f"{path}", bold=True)
    for line in region_lines(report):
        click.echo(f"  {line}")
