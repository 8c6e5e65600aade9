"""All mutants, in the order of their themes."""

from __future__ import annotations

from collections.abc import Mapping

from ...oracles.errors import BadInput
from . import (
    accumulation,
    adaptive,
    attention,
    blind,
    clipping,
    decay,
    distributed,
    groups,
    kernels,
    losses,
    momentum,
    normalisation,
    perturbed,
    precision,
    schedule,
)
from ._mutant import Framework, Mutant

THEMES: Mapping[str, tuple[Mutant, ...]] = {
    "Weight decay": decay.MUTANTS,
    "Momentum": momentum.MUTANTS,
    "Schedule": schedule.MUTANTS,
    "Accumulation": accumulation.MUTANTS,
    "Clipping": clipping.MUTANTS,
    "Adaptive optimizers": adaptive.MUTANTS,
    "Backward passes": (*kernels.MUTANTS, *losses.MUTANTS),
    "Attention": attention.MUTANTS,
    "Normalisation": normalisation.MUTANTS,
    "Ties and groups": groups.MUTANTS,
    "Workers": distributed.MUTANTS,
    "Weights aside": perturbed.MUTANTS,
    "Precision": precision.MUTANTS,
    "What no law sees": blind.MUTANTS,
}


def mutants(framework: Framework | None = None) -> tuple[Mutant, ...]:
    """All of them, or those written in one framework."""
    found = (mutant for theme in THEMES.values() for mutant in theme)
    return tuple(mutant for mutant in found if framework in (None, mutant.framework))


def find(name: str) -> Mutant:
    """The mutant of a name.

    Raises:
        BadInput: there is none.
    """
    for mutant in mutants():
        if mutant.name == name:
            return mutant
    raise BadInput(f"No mutant of the zoo is called {name}. There are {', '.join(m.name for m in mutants())}.")
