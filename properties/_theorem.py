"""What an entry of the lawbook consists of.

A theorem is one ``Theorem`` in one module of ``lawbook/``. Modules of entries import only this one at the top; whatever
is heavy (hypothesis, torch, sympy, flint) is imported inside the functions that use it, so that listing is cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from ._profiles import Profile

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Status = Literal["definition", "proved", "derived", "verified"]
"""How far the statement as a whole reaches: a definition; proved in the literature; derived for this project; or
verified on many exact cases without a general proof."""
Arithmetic = Literal["rational", "modular", "balls", "float64", "float32", "high precision"]
Number = int | float | Fraction
Certificate = Mapping[str, object]


class Skipped(Exception):
    """A check cannot run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """One exact step of a derivation.

    A step with a certificate is PROVED when the kernel accepts it; a step without one is STATED, prose that a reader
    has to check.
    """

    says: str
    formula: str = ""
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Residual:
    """How far a case is from what the statement says: it holds iff ``value <= bound``. NaN never holds.

    ``bound`` is derived from the arithmetic; for exact checks it is 0. ``nontrivial`` is False for a case that could
    not have failed (a gradient of zero, say); a property must see mostly others.
    """

    value: Number
    bound: Number = 0
    nontrivial: bool = True
    note: str = ""

    @property
    def holds(self) -> bool:
        return bool(self.value <= self.bound)


@dataclass(frozen=True, slots=True)
class Property:
    """What must hold for every random case.

    Args:
        name: a slug, unique within the theorem.
        says: one sentence.
        arithmetic: what the check computes in.
        cases: makes the hypothesis strategy of cases; imports hypothesis itself.
        check: the residual of one case; may raise ``Skipped``.
        examples: explicit cases that always run: known values, and what earlier runs found.
        share: the fraction of the profile's number of cases, for checks that cost more than a millisecond or so.
    """

    name: str
    says: str
    arithmetic: Arithmetic
    cases: Callable[[], SearchStrategy[Any]]
    check: Callable[[Any], Residual]
    examples: Sequence[Any] = ()
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Series:
    """One curve of a plot. ``kind`` is 'line', 'points' or 'bound' (the edge of what is allowed)."""

    label: str
    points: Sequence[tuple[float, float]]
    kind: Literal["line", "points", "bound"] = "line"


@dataclass(frozen=True, slots=True)
class Plot:
    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people: cells are texts or numbers, all computed.

    ``agrees`` says whether the computed values equal those that the source states; None where it states none.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]
    agrees: bool | None = None


Tone = Literal["yes", "part", "no"]
"""How a case is filled: solid, striped or nearly empty."""


@dataclass(frozen=True, slots=True)
class CaseKind:
    """One class of a ``CaseMap``: the letter or digit that its cells show, what it means, and how it is filled."""

    key: str
    label: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Panel:
    """One grid of a ``CaseMap``: a text for each row, with the key of a case for each column or ``.`` for no cell."""

    title: str
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class CaseMap:
    """A picture of a classification over whole numbers: small grids side by side, one cell for each combination.

    Rows go from top to bottom, columns from left to right; all panels share both. Everything is computed.

    Args:
        title: what is classified.
        x_label: of the columns, a letter or a word.
        y_label: of the rows.
        columns: a short name for each column.
        rows: a short name for each row.
        cases: the classes, with distinct keys.
        panels: in reading order.
        caption: what a reader should know besides the labels.
        agrees: whether the cells equal those that another computation gives; None where there is none.
    """

    title: str
    x_label: str
    y_label: str
    columns: Sequence[str]
    rows: Sequence[str]
    cases: Sequence[CaseKind]
    panels: Sequence[Panel]
    caption: str = ""
    agrees: bool | None = None


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """A residual with what it looks like. ``proved`` is for enclosures that are proofs by themselves."""

    residual: Residual
    plots: Sequence[Plot] = ()
    table: Table | None = None
    proved: bool = False


@dataclass(frozen=True, slots=True)
class Simulation:
    """A trajectory that shows the statement at work; may raise ``Skipped``."""

    name: str
    says: str
    run: Callable[[Profile], SimulationResult]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A deliberately wrong statement that must be caught, in one of three ways.

    * ``violates``: a property built on the wrong statement must come out VIOLATED.
    * ``refutes``: a certificate that proves the statement wrong must be accepted: REFUTED.
    * ``rejects``: a certificate of the wrong claim must not be accepted: REJECTED.
    """

    name: str
    says: str
    violates: Property | None = None
    refutes: Callable[[], Certificate] | None = None
    rejects: Callable[[], Certificate] | None = None

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.violates, self.refutes, self.rejects)) != 1:
            raise ValueError(f"the mutant {self.name} must be caught in exactly one way")

    @property
    def expected(self) -> Literal["VIOLATED", "REFUTED", "REJECTED"]:
        return "VIOLATED" if self.violates else "REFUTED" if self.refutes else "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Theorem:
    """One statement of the lawbook. The id is permanent: a corrected statement gets a new one.

    Args:
        id: such as ``A1.two-layer-linear.count``.
        title: a few words.
        summary: one plain sentence.
        source: paper and number, or "derived".
        status: see ``Status``.
        hypotheses: what is assumed, one sentence each.
        statement: TeX, without dollar signs.
        assumes: ids of theorems used.
        derivation: yields the steps; may raise ``Skipped``.
        tables: known values recomputed, for people; each row is computed, none typed.
        pictures: the statement as a picture, shown beside it; each cell is computed.
    """

    id: str
    title: str
    summary: str
    source: str
    status: Status
    hypotheses: tuple[str, ...]
    statement: str
    derivation: Callable[[], Iterable[Step]]
    properties: tuple[Property, ...] = ()
    simulations: tuple[Simulation, ...] = ()
    tables: tuple[Callable[[], Table], ...] = ()
    mutants: tuple[Mutant, ...] = ()
    assumes: tuple[str, ...] = ()
    pictures: tuple[Callable[[], CaseMap], ...] = ()
