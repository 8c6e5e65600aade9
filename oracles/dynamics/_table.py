"""The survival table of B0, from the data of the optimizers."""

from __future__ import annotations

from ._catalogue import entries, laws_of, without_law
from ._charges import Kind
from ._laws import Law
from ._leaves import Vector
from ._orthogonality import ORTHOGONALITY
from ._runs import Optimizer, run

ROWS: tuple[tuple[str, Kind], ...] = (
    ("translation charge", "linear"),
    ("quadratic charge", "quadratic"),
    ("antisymmetric charge", "antisymmetric"),
    ("any generator", "generator"),
)


def survival_table() -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Columns and rows: which law survives under which optimizer.

    The cell of a charge is what the first identity of the optimizer says; the last row is found by running it.
    """
    columns = sorted((column for entry in entries() for column in entry.columns), key=lambda column: column[0])
    optimizers = [optimizer for _, _, optimizer in columns]
    rows = [("⟨g, ξ⟩ = 0", *(ORTHOGONALITY.says(optimizer, "generator") for optimizer in optimizers))]
    rows += [(title, *(cell(optimizer, kind) for optimizer in optimizers)) for title, kind in ROWS]
    rows.append(("zero and identical-neuron sets", *(invariant_sets(optimizer) for optimizer in optimizers)))
    return ("law", *(title for _, title, _ in columns)), tuple(rows)


def cell_law(optimizer: Optimizer, kind: Kind) -> Law | None:
    """The identity that a cell speaks of."""
    found = [law for law in laws_of(optimizer, kind) if not law.first and not law.longer]
    return found[0] if found else None


def cell(optimizer: Optimizer, kind: Kind) -> str:
    """What survives of one kind of charge, in a few words."""
    law = cell_law(optimizer, kind)
    if law:
        return law.says(optimizer, kind)
    return "no" if without_law(optimizer, kind) else "not known"


def invariant_sets(optimizer: Optimizer) -> str:
    """Whether equal coordinates with equal gradients stay equal, and zeros with zero gradients stay zero, by a run."""
    moments = run([optimizer] * 3, (Vector((2, 2, 0)),), lambda k, _: (Vector((k + 1, k + 1, 0)),))
    end = moments[-1]
    kept = end.parameters[0][0] == end.parameters[0][1] and end.parameters[0][2] == 0
    if not kept:
        return "broken"
    remembers = end.state is not None and end.state[0] is not None
    return "exact (equal states)" if remembers else "exact"
