"""``flowlaw check``, the main job."""

from __future__ import annotations

import gc
import os
import platform
from collections.abc import Generator, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, cast

import click

from .. import __version__
from ..oracles.errors import BadInput
from ._progress import Progress

if TYPE_CHECKING:
    from ..properties import Profile, Theorem
    from ..reports import Evidence
    from ..reports.events import Run

Events = list[dict[str, object]]
Certificates = list[dict[str, object]]
PACKAGES = ("hypothesis", "mpmath", "numpy", "python-flint", "sympy", "torch")
DEFAULT_OUT = Path("flowlaw-report")


@click.command("check", short_help="Derive, check, simulate and attack the theorems of the lawbook.")
@click.argument("selection", nargs=-1, metavar="[SELECTION ...]")
@click.option(
    "--profile", "name", type=click.Choice(["quick", "standard", "deep"]), default="standard", show_default=True
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of all random cases.")
@click.option("--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="Folder to write.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes to work with.  [default: the cores, at most 8]")
@click.option(
    "--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help="For batched floats."
)
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML to this file.")
def check_command(
    selection: tuple[str, ...], name: str, seed: int, out: Path, jobs: int | None, device: str, junit: Path | None
) -> None:
    """Derive, check, simulate and attack the theorems of the lawbook, all or those whose id starts with SELECTION.

    Writes evidence.jsonl, certificates/ and index.html into --out. An interrupted run goes on where it stopped when it
    is started again with the same options. Exit codes: 0 all as expected, 1 something violated or refuted or a mutant
    not caught, 3 nothing measured, 130 interrupted.
    """
    try:
        exit_code = _check(selection, name, seed, out, jobs or _cores(), device, junit)
    except KeyboardInterrupt:
        click.echo("\ninterrupted: the same command goes on where this one stopped", err=True)
        exit_code = 130
    if exit_code:
        raise SystemExit(exit_code)


def _check(
    selection: tuple[str, ...], name: str, seed: int, out: Path, jobs: int, device: str, junit: Path | None
) -> int:
    from ..properties import PROFILES, find
    from ..reports import EvidenceWriter, write_junit, write_report
    from ..reports.evidence import tally

    chosen = find(selection)
    profile = replace(PROFILES[name], device=device)
    started = perf_counter()
    _prepare(out)
    run = cast("Run", _run_event(selection, profile, seed))
    with EvidenceWriter(out / "evidence.jsonl", run, resume=True) as writer:
        done = {record.id for record in writer.recorded}
        if done:
            click.echo(f"going on after {len(done)} theorems of an interrupted run")
        todo = [theorem for theorem in chosen if theorem.id not in done]
        with Progress([theorem.id for theorem in todo]) as progress:
            for events, certificates, seconds in _results(todo, profile, seed, jobs):
                _write_certificates(out, certificates)
                writer.write_all(events)
                progress.line(events, seconds)
        exit_code = _exit_code(tally(writer.records()))
        evidence = writer.finish(wall=round(perf_counter() - started, 3), exit=exit_code)
    write_report(out / "evidence.jsonl", out / "index.html")
    if junit is not None:
        write_junit(out / "evidence.jsonl", junit)
    _conclude(evidence, out, exit_code)
    return exit_code


def _cores() -> int:
    """The processors that this process may use, at most 8: each job loads what it needs by itself."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, 8)


def _prepare(out: Path) -> None:
    try:
        (out / "certificates").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"Cannot write into {out}: {error.strerror or error}. Choose another folder with --out."
        ) from None


def _run_event(selection: tuple[str, ...], profile: Profile, seed: int) -> dict[str, object]:
    options = [*selection, "--profile", profile.name, "--seed", str(seed)]
    if profile.device != "cpu":
        options += ["--device", profile.device]
    return {
        "event": "run",
        "flowlaw": __version__,
        "seed": seed,
        "profile": profile.name,
        "device": profile.device,
        "selection": list(selection),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "command": " ".join(["flowlaw check", *options]),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _results(
    todo: list[Theorem], profile: Profile, seed: int, jobs: int
) -> Iterator[tuple[Events, Certificates, float]]:
    """The results in the order of ``todo``, whatever order they are computed in."""
    if jobs == 1 or len(todo) < 2:
        for theorem in todo:
            yield _work(theorem.id, profile, seed)
        return
    with _pool(min(jobs, len(todo))) as pool:
        futures = [pool.submit(_work, theorem.id, profile, seed) for theorem in todo]
        for future in futures:
            yield future.result()


@contextmanager
def _pool(jobs: int) -> Generator[Executor, None, None]:
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _work(theorem_id: str, profile: Profile, seed: int) -> tuple[Events, Certificates, float]:
    from ..properties import find
    from ..properties.run import run_theorem

    started = perf_counter()
    events: Events = []
    certificates: Certificates = []
    for event, certificate in run_theorem(find((theorem_id,))[0], profile, seed):
        events.append(event)
        if certificate is not None:
            certificates.append(dict(certificate))
    if not gc.get_freeze_count():
        gc.freeze()  # what the libraries hold stays to the end: the collector need not walk through it again and again
    return events, certificates, perf_counter() - started


def _write_certificates(out: Path, certificates: Certificates) -> None:
    from ..oracles.certificates import canonical, digest, write_text

    for certificate in certificates:
        path = out / "certificates" / f"{digest(certificate)[:16]}.json"
        if not path.exists():
            write_text(path, canonical(certificate))


def _exit_code(counts: dict[str, int]) -> int:
    if counts["refuted"] or counts["violated"] or counts["caught"] < counts["mutants"]:
        return 1
    return 0 if counts["proved"] + counts["holds"] else 3


def _conclude(evidence: Evidence, out: Path, exit_code: int) -> None:
    counts = evidence.tally()
    parts = [f"{counts['theorems']} theorems"]
    parts += [
        f"{counts[name]} {name.upper()}"
        for name in ("proved", "holds", "refuted", "violated", "skipped")
        if counts[name]
    ]
    parts.append(f"{counts['caught']} of {counts['mutants']} mutants caught")
    click.secho(", ".join(parts), bold=True)
    click.echo(f"report {out / 'index.html'}, evidence {out / 'evidence.jsonl'}")
    if exit_code == 3:
        click.echo("nothing was measured")
