"""What the page says, before it has a form: the headline, the numbers of each theorem, the embedded summary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from ._records import FAILED, Evidence, Record, is_expected
from .events import Cell, Number, Property, Simulation, Step
from .evidence import canonical
from .numbers import as_float, show, value_of


@dataclass(frozen=True, slots=True)
class Headline:
    """The first thing a reader sees: one sentence, one line below it, and whether it is good news."""

    says: str
    more: str
    good: bool


@dataclass(frozen=True, slots=True)
class Nouns:
    """What a record and its cases are called; ``gate`` for somebody else's training code."""

    record: str
    cases: str
    properties: str
    simulations: str
    gate: bool


THEOREMS = Nouns("theorem", "random case", "Random cases", "Simulations", False)
LAWS = Nouns("law", "window", "Families of charges", "Along the run", True)


def nouns(evidence: Evidence) -> Nouns:
    """The words for this evidence."""
    return LAWS if evidence.run["profile"] == "gate" else THEOREMS


@dataclass(frozen=True, slots=True)
class Worst:
    """How close the worst case came to its bound. ``ratio`` is residual over bound."""

    ratio: float
    says: str
    exact: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of one theorem, as the summary table shows them."""

    certificates: int
    cases: int
    worst: Worst | None
    tried: int
    caught: int


def headline(evidence: Evidence) -> Headline:
    """The verdict over the whole run in one sentence."""
    counts = evidence.tally()
    noun = nouns(evidence).record
    total, missed = counts["theorems"], counts["mutants"] - counts["caught"]
    failed = [f"{counts[word.lower()]} {word.lower()}" for word in FAILED if counts[word.lower()]]
    unfinished = "The run did not finish. " if evidence.end is None else ""
    more = unfinished + _what_ran(counts)
    if failed:
        return Headline(f"{_count(total, noun)}, {' and '.join(failed)}.", more, False)
    if missed:
        return Headline(f"{_count(missed, 'deliberate error')} went unnoticed.", more, False)
    if counts["proved"] + counts["holds"] + _expected(evidence) == 0:
        return Headline("Nothing was measured.", more, False)
    code = evidence.end["exit"] if evidence.end else 0
    if code == 3:
        return Headline("Some target was not measured.", more, False)
    if code == 1:
        return Headline("Some expectation is out of date.", more, False)
    return Headline(
        f"{_count(total, noun)}, none {'' if noun == 'law' else 'refuted or '}violated.", more, not unfinished
    )


def _expected(evidence: Evidence) -> int:
    """How many lines failed as expected."""
    return sum(is_expected(check) for record in evidence.records for check in record.checks)


def stated_only(counts: dict[str, int]) -> int:
    """How many theorems are definitions with nothing to check."""
    return counts["theorems"] - sum(counts[word] for word, _ in _WORDS)


def _what_ran(counts: dict[str, int]) -> str:
    words = [f"{counts[word]} {said}" for word, said in _WORDS if counts[word]]
    if stated := stated_only(counts):
        words.append(_count(stated, "definition"))
    return ", ".join(words)[:1].upper() + ", ".join(words)[1:] + "." if words else ""


_WORDS = (
    ("proved", "proved with certificates"),
    ("holds", "held on every case"),
    ("skipped", "skipped"),
    ("violated", "violated"),
    ("refuted", "refuted"),
)


def failures(evidence: Evidence) -> list[tuple[str, str, str, str]]:
    """Every line that failed unexpectedly: theorem, name of the line, what it says, and the word for how it failed."""
    found: list[tuple[str, str, str, str]] = []
    gate = nouns(evidence).gate
    for record in evidence.records:
        checks = record.properties if gate else record.checks  # its run fails with its families
        lines = [(f"step-{step['index']}", step["says"], str(step["verdict"])) for step in record.steps]
        lines += [(check["name"], check["says"], check["verdict"]) for check in checks if not is_expected(check)]
        lines += [(shown["name"], shown["title"], shown["verdict"]) for shown in record.exhibits]
        found += [(record.id, name, says, word) for name, says, word in lines if word in FAILED]
        found += [(record.id, mutant["name"], mutant["says"], "MISSED") for mutant in record.missed]
    return found


def numeric_columns(rows: Sequence[Sequence[Cell]]) -> list[bool]:
    """Which columns hold numbers only, to be set flush right."""

    def is_number(cell: Cell) -> bool:
        if isinstance(cell, dict):
            return "hex" in cell
        return cell is None or (isinstance(cell, (int, float)) and not isinstance(cell, bool)) or cell in _SPELLED

    return [all(map(is_number, column)) for column in zip(*rows, strict=False)]


_SPELLED = ("nan", "inf", "-inf")


def figures(record: Record) -> Figures:
    """The numbers of one theorem."""
    counting = [check for check in record.checks if not is_expected(check)]
    found = [worst for worst in map(metrics, counting) if worst is not None]
    return Figures(
        certificates=sum(step.get("certificate") is not None for step in record.steps),
        cases=sum(one["cases"] for one in record.properties if one["verdict"] != "SKIPPED"),
        worst=max(found, key=_severity, default=None),
        tried=len(record.tried),
        caught=len(record.tried) - len(record.missed),
    )


def metrics(event: Property | Simulation) -> Worst | None:
    """Residual against bound of one event; None where nothing was measured."""
    if event["event"] == "property":
        worst = event.get("worst")
        return None if worst is None else _worst(worst["residual"], worst["bound"], worst["ratio"])
    residual, bound = event.get("residual"), event.get("bound")
    if residual is None or bound is None:
        return None
    return _worst(residual, bound, None)


def _worst(residual: Number, bound: Number, ratio: Number | None) -> Worst:
    exact = value_of(residual) == 0
    share = _share(value_of(residual), value_of(bound)) if ratio is None else as_float(ratio)
    says = "exactly 0" if exact else f"{show(residual)} against {show(bound)}"
    return Worst(share, says, exact)


def _share(residual: float | Fraction, bound: float | Fraction) -> float:
    """Residual over bound; exact while both are, so that numbers below the range of floats keep their ratio."""
    if not residual:
        return 0.0
    if not bound:
        return math.inf
    if isinstance(residual, float) or isinstance(bound, float):
        return abs(float(residual)) / float(bound)
    return float(abs(Fraction(residual)) / Fraction(bound))


def segments(steps: Sequence[Step]) -> list[tuple[bool, Sequence[Step]]]:
    """Neighbouring steps of one look: ``(True, ...)`` for three or more that only certify an instance, for a table."""
    runs = [(like, list(run)) for like, run in groupby(steps, key=_is_instance)]
    found: list[tuple[bool, list[Step]]] = []
    for like, run in runs:
        table = like and len(run) >= 3
        if found and not table and not found[-1][0]:
            found[-1][1].extend(run)
        else:
            found.append((table, run))
    return [(table, run) for table, run in found]


def _is_instance(step: Step) -> bool:
    file = (step.get("certificate") or {"file": ""})["file"]
    named = file.startswith("certificates/") and file.endswith(".json")
    return named and step["verdict"] == "PROVED" and not step.get("formula")


def replays(record: Record) -> list[tuple[str, list[str]]]:
    """The commands that run single lines again: each with NAME for the names that differ, and these names."""
    found: dict[str, list[str]] = {}
    lines = [(f"step-{step['index']}", step.get("replay", "")) for step in record.steps]
    lines += [(check["name"], check.get("replay", "")) for check in record.checks]
    lines += [(e["name"], e.get("replay", "")) for e in record.exhibits]
    lines += [(e["name"], e.get("replay", "")) for e in record.mutants]
    for name, command in lines:
        if command:
            before, hash_, after = command.rpartition(f"#{name}")
            pattern = f"{before}#NAME{after}" if hash_ else command
            found.setdefault(pattern, []).append(name)
    return [
        (pattern if len(names) > 1 else pattern.replace("#NAME", f"#{names[0]}"), names)
        for pattern, names in found.items()
    ]


def parts(records: Iterable[Record]) -> list[tuple[str, Sequence[Record]]]:
    """Neighbouring theorems with the same first word of their id: ``A1`` for ``A1.alg.lie-trace``; laws by target."""
    return [(key, list(group)) for key, group in groupby(records, key=_part)]


def _part(record: Record) -> str:
    target, slash, _ = record.id.partition("/")
    return target if slash else record.id.split(".")[0]


def totals(records: Iterable[Record]) -> Figures:
    """The numbers of all theorems together."""
    every = [figures(record) for record in records]
    worst = [one.worst for one in every if one.worst is not None]
    return Figures(
        certificates=sum(one.certificates for one in every),
        cases=sum(one.cases for one in every),
        worst=max(worst, key=_severity, default=None),
        tried=sum(one.tried for one in every),
        caught=sum(one.caught for one in every),
    )


def summary_json(evidence: Evidence) -> str:
    """The summary for programs that read the page: canonical JSON."""
    theorems: list[dict[str, object]] = []
    for record in evidence.records:
        numbers = figures(record)
        theorems.append(
            {
                "id": record.id,
                "verdict": record.verdict,
                "certificates": numbers.certificates,
                "cases": numbers.cases,
                "mutants": numbers.tried,
                "caught": numbers.caught,
            }
        )
    return canonical(
        {
            "evidence_sha256": evidence.sha256,
            "finished": evidence.end is not None,
            "run": evidence.run,
            "totals": evidence.tally(),
            "theorems": theorems,
        }
    )


def _severity(worst: Worst) -> float:
    """NaN is the worst of all."""
    return math.inf if math.isnan(worst.ratio) else worst.ratio


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
