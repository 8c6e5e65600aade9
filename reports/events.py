"""The shapes of all evidence events, written once: as types for the code and as the closed schema of the file.

``docs/evidence.md`` explains what each field means. An event is one JSON object on one line. Keys that are not listed
here are refused, so a reader never has to guess what an unknown field changes.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict, final


@final
class Hex(TypedDict):
    """A finite float, written so that it comes back to the last bit: ``{"hex": "0x1.8p+1"}``."""

    hex: str


@final
class Tex(TypedDict):
    """A table cell that is a formula."""

    tex: str


@final
class PolynomialFormula(TypedDict):
    """A polynomial found at run time, in the kernel's JSON form, and the names of its variables."""

    polynomial: list[tuple[str, list[tuple[int, int]]]]
    names: list[str]


@final
class MatrixFormula(TypedDict):
    """A matrix of exact rationals, ``{"matrix": [["1", "-1/2"], ["0", "3"]]}``."""

    matrix: list[list[str]]


class NumberMark:
    """Marks the places where a number stands in one of its spellings."""


Number = Annotated[int | float | str | Hex, NumberMark]
"""``3``, ``0.25``, ``"nan"``, ``"inf"``, ``"-inf"``, ``"-3/2"``, ``"1.5e-40"`` or ``{"hex": ...}``."""

Formula = str | PolynomialFormula | MatrixFormula
"""TeX, or a polynomial or matrix found at run time. ``""`` is no formula."""

Cell = str | int | float | bool | Hex | Tex | None

Status = Literal["proved", "derived", "verified", "definition"]
Verdict = Literal["PROVED", "REFUTED", "HOLDS", "VIOLATED", "SKIPPED"]
Scale = Literal["linear", "log"]
Tone = Literal["yes", "part", "no"]
Arithmetic = Literal["rational", "modular", "balls", "float64", "float32", "float16", "bfloat16", "high precision"]


class Run(TypedDict):
    """How the run was started; the first line."""

    event: Literal["run"]
    flowlaw: str
    seed: int
    profile: str
    device: str
    selection: list[str]
    python: str
    platform: str
    packages: dict[str, str]
    command: str


class Theorem(TypedDict):
    """A theorem begins: what it says and needs. Its other events follow."""

    event: Literal["theorem"]
    theorem: str
    title: str
    source: str
    status: Status
    statement: Formula
    hypotheses: NotRequired[list[str]]
    assumes: NotRequired[list[str]]
    summary: NotRequired[str]
    replay: NotRequired[str]


class Certificate(TypedDict):
    """A file that the kernel accepted."""

    file: str
    sha256: str
    claim: str
    bytes: int


class Step(TypedDict):
    """One step of the exact derivation."""

    event: Literal["step"]
    theorem: str
    index: int
    says: str
    verdict: Literal["PROVED", "REFUTED", "SKIPPED", "STATED"]
    formula: NotRequired[Formula]
    reason: NotRequired[str]
    certificate: NotRequired[Certificate | None]
    replay: NotRequired[str]


class Worst(TypedDict):
    """The random case that came closest to its bound, or went furthest beyond it."""

    residual: Number
    bound: Number
    ratio: Number
    case: str


class Expected(TypedDict):
    """What the owner of a target expects of a line, and why."""

    verdict: Literal["HOLDS", "VIOLATED", "SKIPPED"]
    reason: str
    link: str


class Property(TypedDict):
    """What must hold for every random case."""

    event: Literal["property"]
    theorem: str
    name: str
    says: str
    verdict: Literal["HOLDS", "VIOLATED", "SKIPPED"]
    cases: int
    nontrivial: int
    reason: NotRequired[str]
    worst: NotRequired[Worst | None]
    arithmetic: NotRequired[Arithmetic]
    expected: NotRequired[Expected | None]
    replay: NotRequired[str]


class Axis(TypedDict):
    """What an axis shows and how it is divided."""

    label: str
    scale: Scale


class Series(TypedDict):
    """Points of a plot. ``bound`` is the upper edge of what is allowed."""

    label: str
    points: list[tuple[Number, Number]]
    kind: Literal["line", "points", "bound"]


class Plot(TypedDict):
    """Series over common axes."""

    title: str
    x: Axis
    y: Axis
    series: list[Series]
    caption: NotRequired[str]


class Rows(TypedDict):
    """A small table."""

    columns: list[str]
    rows: list[list[Cell]]


class Simulation(TypedDict):
    """A trajectory and what was checked along it."""

    event: Literal["simulation"]
    theorem: str
    name: str
    says: str
    verdict: Verdict
    reason: NotRequired[str]
    residual: NotRequired[Number | None]
    bound: NotRequired[Number | None]
    plots: NotRequired[list[Plot]]
    table: NotRequired[Rows | None]
    replay: NotRequired[str]


class Mutant(TypedDict):
    """A negative control: something made wrong on purpose."""

    event: Literal["mutant"]
    theorem: str
    name: str
    says: str
    expected: Literal["REFUTED", "VIOLATED", "REJECTED"]
    verdict: Literal["REFUTED", "VIOLATED", "REJECTED", "PROVED", "HOLDS", "ACCEPTED", "SKIPPED"]
    caught: bool
    detail: NotRequired[str]
    certificate: NotRequired[Certificate | None]
    replay: NotRequired[str]


class Table(TypedDict):
    """A table of its own, with a verdict for the whole."""

    event: Literal["table"]
    theorem: str
    name: str
    title: str
    columns: list[str]
    rows: list[list[Cell]]
    verdict: Literal["PROVED", "REFUTED", "HOLDS", "VIOLATED", "SKIPPED", "STATED"]
    reason: NotRequired[str]
    replay: NotRequired[str]


class CaseKind(TypedDict):
    """One class of a picture: the character that its cells show, what it means, and how it is filled."""

    key: str
    label: str
    tone: Tone


class Panel(TypedDict):
    """One grid: a string for each row, in it the key of a case for each column, or ``.`` for no cell."""

    title: str
    cells: list[str]


class CaseMap(TypedDict):
    """A classification over whole numbers: grids with common rows and columns."""

    x: str
    y: str
    columns: list[str]
    rows: list[str]
    cases: list[CaseKind]
    panels: list[Panel]


class Picture(TypedDict):
    """The statement as a picture, with a verdict for the whole."""

    event: Literal["picture"]
    theorem: str
    name: str
    title: str
    map: CaseMap
    verdict: Literal["PROVED", "REFUTED", "HOLDS", "VIOLATED", "SKIPPED", "STATED"]
    caption: NotRequired[str]
    reason: NotRequired[str]
    replay: NotRequired[str]


class Seconds(TypedDict):
    """Times; never the same twice."""

    wall: Number


class End(TypedDict):
    """The counts; the last line of a run that finished."""

    event: Literal["end"]
    theorems: int
    proved: int
    refuted: int
    holds: int
    violated: int
    skipped: int
    mutants: int
    caught: int
    seconds: Seconds
    exit: int


Event = Run | Theorem | Step | Property | Simulation | Mutant | Table | Picture | End

SHAPES: dict[str, type] = {
    "run": Run,
    "theorem": Theorem,
    "step": Step,
    "property": Property,
    "simulation": Simulation,
    "mutant": Mutant,
    "table": Table,
    "picture": Picture,
    "end": End,
}
