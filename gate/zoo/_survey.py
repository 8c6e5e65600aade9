"""The gate on every mutant, and on the same target without the bug."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..adapters.torch import torch_or_error
from ..check import check
from ..findings import Finding
from ._catalogue import mutants
from ._mutant import Factory, Mutant

RUNS, STEPS = 2, 8
"""Enough for every window, a schedule and an epoch of three steps."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the gate said of one mutant.

    Args:
        mutant: the mutant.
        caught: the identities that are violated, by name, each once, in the order of the gate.
        ratio: the largest residual over bound of what is violated; of all, if nothing is.
        said: what would explain it, one sentence each.
        healthy: the largest residual over bound of the target without the bug.
        false_alarms: what is violated of that one.
        measured: how many findings of the target without the bug hold.
    """

    mutant: Mutant
    caught: tuple[str, ...]
    ratio: float
    said: tuple[str, ...]
    healthy: float
    false_alarms: tuple[str, ...]
    measured: int

    @property
    def explained(self) -> bool:
        """Whether the expected explanation was said, or none was expected."""
        expected = self.mutant.explanation
        return not expected or any(sentence.startswith(expected) for sentence in self.said)

    @property
    def as_expected(self) -> bool:
        """Whether the gate sees of this mutant what is said of it, and nothing of the healthy target."""
        if self.false_alarms or not self.measured:
            return False
        if self.mutant.blind:
            return not self.caught
        return bool(self.caught) and set(self.mutant.caught_by) <= set(self.caught) and self.explained


def survey(seed: int = 0, *, among: Iterable[Mutant] | None = None) -> list[Row]:
    """One row for each mutant.

    Args:
        seed: of all parameters and batches.
        among: some mutants; all by default, which needs PyTorch.

    Raises:
        BadInput: a framework is not installed.
    """
    return list(surveyed(mutants() if among is None else tuple(among), seed))


def surveyed(chosen: Iterable[Mutant], seed: int = 0) -> Iterator[Row]:
    """The same, row by row."""
    known: dict[Factory, list[Finding]] = {}
    for mutant in chosen:
        yield row(mutant, seed, known=known)


def row(mutant: Mutant, seed: int = 0, *, known: dict[Factory, list[Finding]] | None = None) -> Row:
    """The row of one mutant.

    Args:
        mutant: the mutant.
        seed: of all parameters and batches.
        known: what was found of healthy targets, which several mutants share; added to.
    """
    found = {} if known is None else known
    with _one_thread(mutant):
        if mutant.healthy not in found:
            found[mutant.healthy] = check(mutant.healthy(), seed=seed, runs=RUNS, steps=STEPS)
        return _row(mutant, found[mutant.healthy], check(mutant.broken(), seed=seed, runs=RUNS, steps=STEPS))


@contextmanager
def _one_thread(mutant: Mutant) -> Generator[None, None, None]:
    """PyTorch on one thread: its tensors have a few entries here, and threads would only wait for each other."""
    if mutant.framework != "torch":
        yield
        return
    torch = torch_or_error()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _row(mutant: Mutant, healthy: Sequence[Finding], broken: Sequence[Finding]) -> Row:
    wrong = [finding for finding in broken if finding.verdict == "VIOLATED"]
    return Row(
        mutant,
        tuple(dict.fromkeys(finding.identity for finding in wrong)),
        max((finding.ratio for finding in wrong or broken), default=0.0),
        tuple(dict.fromkeys(sentence for finding in wrong for sentence in finding.explanations)),
        max((finding.ratio for finding in healthy), default=0.0),
        tuple(finding.id for finding in healthy if finding.verdict == "VIOLATED"),
        sum(finding.verdict == "HOLDS" for finding in healthy),
    )
