"""What a run says about each theorem, and the one word that sums it up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from .events import End, Event, Expected, Mutant, Picture, Property, Run, Simulation, Step, Table, Theorem

FAILED = ("REFUTED", "VIOLATED")
_E = TypeVar("_E")


@dataclass(frozen=True, slots=True)
class Record:
    """Everything a run says about one theorem, in the order in which it was written."""

    theorem: Theorem
    steps: tuple[Step, ...]
    properties: tuple[Property, ...]
    simulations: tuple[Simulation, ...]
    tables: tuple[Table, ...]
    mutants: tuple[Mutant, ...]
    pictures: tuple[Picture, ...] = ()

    @property
    def id(self) -> str:
        return self.theorem["theorem"]

    @property
    def verdict(self) -> str:
        """One word for the theorem, from the words of its parts.

        REFUTED or VIOLATED if any part is. PROVED if a part is and no derivation step was skipped; but a theorem whose
        status is ``verified`` has no general proof, so it HOLDS at most. HOLDS if a part holds or is proved. STATED if
        it is a definition with nothing to check. Otherwise SKIPPED. Mutants do not count here: a missed one says that
        the check is blind, not that the theorem is wrong. Nor do violations that the owner of a target expects.
        """
        steps = [step["verdict"] for step in self.steps]
        words = {*steps, *(line["verdict"] for line in self.properties if not is_expected(line))}
        words |= {line["verdict"] for line in (*self.simulations, *self.exhibits)}
        for failed in FAILED:
            if failed in words:
                return failed
        if "PROVED" in words and "SKIPPED" not in steps and self.theorem["status"] != "verified":
            return "PROVED"
        if words & {"PROVED", "HOLDS"}:
            return "HOLDS"
        return "STATED" if self.theorem["status"] == "definition" and words <= {"STATED"} else "SKIPPED"

    @property
    def checks(self) -> tuple[Property | Simulation, ...]:
        """The properties, then the simulations."""
        both: list[Property | Simulation] = [*self.properties, *self.simulations]
        return tuple(both)

    @property
    def exhibits(self) -> tuple[Table | Picture, ...]:
        """What is shown for people and has a verdict: the tables, then the pictures."""
        both: list[Table | Picture] = [*self.tables, *self.pictures]
        return tuple(both)

    @property
    def tried(self) -> tuple[Mutant, ...]:
        """The mutants that ran."""
        return tuple(mutant for mutant in self.mutants if mutant["verdict"] != "SKIPPED")

    @property
    def missed(self) -> tuple[Mutant, ...]:
        """The mutants that ran and were not caught."""
        return tuple(mutant for mutant in self.tried if not mutant["caught"])


def is_expected(line: Property | Simulation) -> bool:
    """Whether a line failed as the owner of the target expects."""
    expected = expectation(line)
    return line["verdict"] in FAILED and expected is not None and expected["verdict"] == line["verdict"]


def expectation(line: Property | Simulation) -> Expected | None:
    """What the owner of the target expects of a line, if anything."""
    return line.get("expected") if line["event"] == "property" else None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A whole evidence file. ``end`` is None if the run did not finish; ``truncated`` if its last line was cut off."""

    run: Run
    records: tuple[Record, ...]
    end: End | None
    truncated: bool
    sha256: str

    def tally(self) -> dict[str, int]:
        """The counts that the ``end`` event carries."""
        return tally(self.records)


def tally(records: Iterable[Record]) -> dict[str, int]:
    """Theorems by verdict, mutants that ran, and mutants caught. A STATED definition counts in ``theorems`` only."""
    names = ("theorems", "proved", "refuted", "holds", "violated", "skipped", "mutants", "caught")
    counts: dict[str, int] = {name: 0 for name in names}  # noqa: C420 -- fromkeys would narrow the type of the keys
    for record in records:
        counts["theorems"] += 1
        if record.verdict != "STATED":
            counts[record.verdict.lower()] += 1
        counts["mutants"] += len(record.tried)
        counts["caught"] += len(record.tried) - len(record.missed)
    return counts


def group(events: Iterable[Event]) -> tuple[Record, ...]:
    """The events by theorem, theorems in the order in which they were introduced."""
    parts: dict[str, dict[str, list[Any]]] = {}
    for event in events:
        if event["event"] in ("run", "end"):
            continue
        kinds = parts.setdefault(cast(Theorem, event)["theorem"], {})
        kinds.setdefault(event["event"], []).append(event)

    def of(kinds: dict[str, list[Any]], kind: str, _shape: type[_E]) -> tuple[_E, ...]:
        return tuple(kinds.get(kind, []))

    return tuple(
        Record(
            kinds["theorem"][0],
            tuple(sorted(of(kinds, "step", Step), key=lambda step: step["index"])),
            of(kinds, "property", Property),
            of(kinds, "simulation", Simulation),
            of(kinds, "table", Table),
            of(kinds, "mutant", Mutant),
            of(kinds, "picture", Picture),
        )
        for kinds in parts.values()
    )


def disagreement(end: End, counts: dict[str, int]) -> str:
    said = cast(dict[str, int], end)
    return "; ".join(f"{said[key]} {key}, its lines give {n}" for key, n in counts.items() if said[key] != n)
