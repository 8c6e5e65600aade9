"""B0.survival-table: which law survives under which optimizer, each cell with its identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import (
    Kind,
    Law,
    Number,
    Vector,
    View,
    cell_law,
    derive,
    entries,
    find_law,
    survival_table,
    without_law,
)
from .._adaptive import LAWS as METRIC_LAWS
from .._adaptive import judged_metric
from .._discrete import Case, bounded, charge_along, exact_residual, float_run, judged, windows, worst
from .._identities import nesterov, violated, wrong
from .._profiles import Profile
from .._symmetric import Family, Target, targets
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

F = Fraction
OPTIMIZERS: dict[str, Any] = {title: optimizer for entry in entries() for _, title, optimizer in entry.columns}
TITLES = survival_table()[0][1:]
FAMILIES: dict[Kind, tuple[Family, ...]] = {
    "linear": ("translation",),
    "quadratic": ("rescale", "scale", "symmetric"),
    "antisymmetric": ("skew",),
    "generator": ("general", "rotation"),
}
CLASSES = Target("translation", (6, 3), ((F(1), F(1, 2), F(1), F(-1)), (F(-1), F(1, 2), F(1), F(1))), (2, 3))
CLASSES_START = (Vector((1, 0, F(1, 2), -1, 2, F(3, 2))), Vector((1, F(1, 2), -1)))
FACTORS = Target("symmetric", (1, 1), ((F(1),),), (1, 1, 1), (F(1, 2),))

THEORY: dict[str, tuple[str, ...]] = {
    "SGD": ("exact", "conserved", "+ eta^2 |g|_S^2", "zero every step", "exact"),
    "+ decay (coupled)": ("exact", "linear recursion", "closed", "zero", "exact"),
    "+ momentum": ("exact", "2-step linear", "two-step weights-only", "beta-geometric", "exact (equal buffers)"),
    "Nesterov": ("exact", "2-step linear", "needs g", "no", "exact"),
    "AdamW": ("exact", "metric-weighted only", "no", "no", "exact (equal states)"),
    "RMSprop": ("exact", "metric-weighted (current step)", "no", "no", "exact"),
    "L-BFGS": ("exact", "conserved", "no", "no", "exact"),
}
"""The table of the theory: orthogonality, translation, quadratic, antisymmetric, invariant sets."""
SAME = {
    "2-step linear": "two steps, linear recursion",
    "two-step weights-only": "two steps, weights only",
    "needs g": "two steps, needs the gradient",
    "zero": "zero every step",
    "exact (equal buffers)": "exact (equal states)",
}
"""The same in other words."""
WHY: dict[tuple[str, int], str] = {
    ("SGD", 2): "both hold; the square of the step may take the place of eta^2 |g|_S^2, then weights are enough",
    ("+ decay (coupled)", 2): "both hold; here in the form that needs weights only",
    ("Nesterov", 3): "an identity of two steps exists if the gradient is known; none in a window of weights alone",
    ("Nesterov", 4): "equal coordinates stay equal if their buffers are equal too",
    ("RMSprop", 4): "the mean of squares is a state as well",
    ("L-BFGS", 4): "so are the past gradients",
}
"""Where this table says something else, and why."""


def derivation() -> Iterator[Step]:
    """One certificate for each identity that a cell names."""
    yield Step(
        "A cell is the first identity that an optimizer has for a kind of charge, ordered by what has to be known: "
        "weights, then gradients, then the state of the optimizer. All are derived again here, by running the "
        "optimizer's own step on free symbols."
    )
    done: set[tuple[str, Kind]] = set()
    for title in TITLES:
        for kind in FAMILIES:
            law = cell_law(OPTIMIZERS[title], kind)
            if law and (law.name, kind) not in done:
                done.add((law.name, kind))
                yield Step(
                    f"{title}, {named(kind)}: {law.says(OPTIMIZERS[title], kind)}.", law.formula, derive(law, kind)
                )
    reasons: dict[str, list[str]] = {}
    for title in TITLES:
        for none in without_law(OPTIMIZERS[title], "quadratic"):
            reasons.setdefault(none.reason, []).append(title)
    for reason, titles in reasons.items():
        who = ", ".join(titles)
        yield Step(f"{who}: no quadratic charge, because {reason}. This is no proof of absence: none is known.")
    yield Step("The last row is found by running each optimizer on two equal coordinates and a zero.")


def named(kind: Kind) -> str:
    """A kind of charge in words."""
    return {"linear": "translations", "generator": "any generator"}.get(kind, f"{kind} charges")


def cells() -> dict[str, tuple[str, ...]]:
    """The generated table by optimizers; without the row of general generators."""
    columns, rows = survival_table()
    shown = [row for row in rows if row[0] != "any generator"]
    return {title: tuple(row[i + 1] for row in shown) for i, title in enumerate(columns[1:])}


def table() -> Table:
    """The whole table, optimizers as rows."""
    columns, rows = survival_table()
    turned = list(zip(*rows, strict=True))
    found = cells()
    differing = {
        (title, i): text
        for title, texts in THEORY.items()
        for i, text in enumerate(texts)
        if SAME.get(text, text) != found[title][i]
    }
    shown = [(title, *cells_of) for title, cells_of in zip(columns[1:], turned[1:], strict=True)]
    return Table("What survives", ("optimizer", *turned[0]), shown, set(differing) == set(WHY))


def differences() -> Table:
    """Where the table of the theory has other words, and why."""
    found = cells()
    names = ("orthogonality", "translation", "quadratic", "antisymmetric", "sets")
    rows = [(title, names[i], THEORY[title][i], found[title][i], why) for (title, i), why in WHY.items()]
    return Table("Cells that differ from the theory's", ("optimizer", "row", "theory", "here", "why"), rows)


def runs(kinds: tuple[Kind, ...], titles: tuple[str, ...]) -> SearchStrategy[tuple[Kind, Case]]:
    """A kind of charge, and a run of three steps of one of the optimizers on a loss that has such a charge."""
    from hypothesis import strategies as st

    def of(chosen: tuple[str, Kind]) -> SearchStrategy[tuple[Kind, Case]]:
        title, kind = chosen
        return targets(*FAMILIES[kind], steps=3).map(
            lambda drawn: (kind, Case(drawn[0], drawn[1], (OPTIMIZERS[title],) * 3))
        )

    return st.tuples(st.sampled_from(titles), st.sampled_from(kinds)).flatmap(of)


SURVIVING: tuple[tuple[str, Kind], ...] = tuple(
    (title, kind) for title in TITLES for kind in FAMILIES if cell_law(OPTIMIZERS[title], kind)
)


def surviving_runs() -> SearchStrategy[tuple[Kind, Case]]:
    """Runs for the cells that name an identity."""
    from hypothesis import strategies as st

    return st.sampled_from(SURVIVING).flatmap(lambda cell: runs((cell[1],), (cell[0],)))


def check_cell(drawn: tuple[Kind, Case]) -> Residual:
    """The residual of the identity of the cell."""
    kind, case = drawn
    law = cell_law(case.optimizers[0], kind)
    assert law is not None
    return exact_residual((law,), case)


def check_as_sgd(drawn: tuple[Kind, Case]) -> Residual:
    """The wrong statement that a cell without identity has that of SGD with weights only."""
    from .._discrete import exact_run

    _, case = drawn
    found: list[Residual] = []
    moments = exact_run(case)
    for before, after in pairwise(moments):
        view = View((before, after), case.charge)
        lam, lr = (getattr(before.optimizer, name, 0) for name in ("weight_decay", "lr"))
        right = (1 - 2 * lr * lam) * view.value(0) + view.square(view.delta(0))
        found.append(Residual(abs(view.value(1) - right)))
    return worst(found)


def courses(profile: Profile) -> SimulationResult:
    """One translation charge under every optimizer of the table.

    Residual and bound: the worst step of all runs in float64 (``_discrete.py``, ``_adaptive.py``).
    """
    steps = (12, 40, 120)[profile.effort]
    found: list[Residual] = []
    curves: list[Series] = []
    eta = F(1, 64)
    for title in TITLES:
        # as the table has it: L-BFGS is a fixed combination of gradients
        changed: dict[str, Any] = {"coefficients": (eta, eta / 2)} if title == "L-BFGS" else {"lr": eta}
        if title == "SAM":
            changed["rho"] = F(1, 8)
        optimizer = replace(OPTIMIZERS[title], **changed)
        case = Case(CLASSES, tuple(F(1, 2) * leaf for leaf in CLASSES_START), (optimizer,) * steps)
        moments = bounded(float_run(case, "numpy"))
        law = cell_law(optimizer, "linear")
        for w in windows(law, moments, case.charge) if law else ():
            assert law is not None
            chosen = judged_metric if law in METRIC_LAWS else judged
            found.append(chosen(law, w, case.charge, CLASSES, "float64"))
        s = charge_along(moments, case.charge)
        curves.append(Series(title, [(float(k), value) for k, value in enumerate(s)]))
    plot = Plot(
        "A shift of all logits under twelve optimizers",
        "step",
        "s_k",
        curves,
        caption="One loss, one start, rate 1/64, decay 1/2 (AdamW: 1/100; L-BFGS and signSGD: none). Gradient flow "
        "conserves the charge but for decay.",
    )
    return SimulationResult(worst(found), (plot,))


def _geometric(view: View) -> tuple[Number, Number]:
    """A rotation under heavy ball."""
    h = view.optimizer(1)
    return view.pair(view.delta(1), 1), view.ratio(0) * h.momentum * view.pair(view.delta(0), 0)


def _conserved() -> Law:
    """The step of L-BFGS for quadratic charges."""
    return replace(find_law("span.linear"), charges=("quadratic",))


ADAPTIVE = ("Adam", "AdamW", "RMSprop", "Adagrad", "L-BFGS", "signSGD")
ADAMW_EXAMPLE = ("quadratic", Case(FACTORS, (Vector((2,)), Vector((1,))), (OPTIMIZERS["AdamW"],) * 2))

THEOREM = Theorem(
    id="B0.survival-table",
    title="What survives under which optimizer",
    summary="One table of all optimizers and charges, generated from the identities and derived cell by cell.",
    source="derived",
    status="definition",
    hypotheses=(
        "Every minibatch loss has the symmetry; common hyper-parameters for the tensors of a charge.",
        "A cell names the identity that needs least: weights, gradients, or the optimizer's state.",
        "'No' says that no identity is known, with its reason in the derivation.",
    ),
    statement=r"\text{cell}(\text{optimizer}, \text{charge}) = "
    r"\min\,\{\text{identities of the optimizer for the charge}\} \ \text{by what they need}",
    assumes=(
        "B0.orthogonality",
        "B0.sgd-linear",
        "B0.sgd-quadratic",
        "B0.hb-two-step",
        "B0.noether-charge-discrete",
        "B0.nesterov",
        "B0.decoupled-sgdw",
        "B0.sam",
        "B0.adaptive",
    ),
    derivation=derivation,
    tables=(table, differences),
    properties=(
        Property(
            name="cells",
            says="The identity of every cell that names one holds exactly, on random losses with such a charge.",
            arithmetic="rational",
            cases=surviving_runs,
            check=check_cell,
        ),
    ),
    simulations=(
        Simulation(
            "courses", "A translation under each optimizer obeys the identity of its cell to rounding.", courses
        ),
    ),
    mutants=(
        Mutant(
            name="no-means-sgd",
            says="Where the table says no, the identity of SGD holds all the same.",
            violates=Property(
                "no-means-sgd",
                "quadratic charges of adaptive optimizers",
                "rational",
                lambda: runs(("quadratic",), ADAPTIVE),
                check_as_sgd,
                examples=[ADAMW_EXAMPLE],
            ),
        ),
        violated(
            "nesterov-is-heavy-ball",
            "A rotation is beta-geometric under Nesterov momentum.",
            wrong("nesterov.generator", _geometric),
            nesterov,
            ("rotation",),
        ),
        Mutant(
            name="span-conserves-squares",
            says="Combinations of gradients conserve quadratic charges.",
            rejects=lambda: derive(_conserved(), "quadratic"),
        ),
    ),
)
