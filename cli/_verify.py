"""``flowlaw verify``: loads the kernel and nothing of the search."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..oracles.errors import BadInput

if TYPE_CHECKING:
    from ..oracles.kernel import Judgement


@click.command("verify", short_help="Check certificates with the kernel alone.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE [FILE ...]")
@click.option("--quiet", "-q", is_flag=True, help="Print rejections only.")
@click.option("--trust", is_flag=True, help="Also list the code of the kernel that each acceptance rests on.")
def verify_command(files: tuple[Path, ...], quiet: bool, trust: bool) -> None:
    """ACCEPTED or REJECTED, with what is claimed and why it is rejected. Exit code 1 if any is rejected."""
    from ..oracles.kernel import verify_text

    rejected = 0
    for path in files:
        text = _read(path)
        judgement, rests_on = _trusted(text) if trust else (verify_text(text), "")
        if judgement.accepted and not quiet:
            click.echo(f"ACCEPTED {path}: {judgement.claim}")
        if judgement.accepted and rests_on:
            click.echo(rests_on)
        if not judgement.accepted:
            rejected += 1
            click.echo(f"REJECTED {path}: {judgement.reason}")
    if rejected:
        raise SystemExit(1)


def _trusted(text: str) -> tuple[Judgement, str]:
    """The judgement of a certificate, and a paragraph on the code that it rests on."""
    from ..oracles.trusted_base import kernel_lines, trusted_base

    base = trusted_base(text)
    lines = [f"  rests on {base.lines} of {kernel_lines()} lines of code, {base.functions} functions:"]
    for part in base.parts:
        listed = textwrap.fill(", ".join(part.functions), 96).replace("\n", "\n" + " " * 24)
        lines.append(f"  {part.file:16}{part.lines:4}  {listed}".rstrip())
    return base.judgement, "\n".join(lines)


def _read(path: Path) -> str:
    from ..oracles.kernel._read import TEXT_LIMIT

    try:
        with path.open("rb") as file:
            content = file.read(TEXT_LIMIT + 1)
        return content.decode("utf-8")
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror or error}. Give the path of a certificate.") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not a text file in UTF-8, so it is not a certificate.") from None
