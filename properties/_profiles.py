"""How hard a run tries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """Sizes of a run.

    Args:
        cases: random cases for each property.
        mutant_cases: random cases within which a mutant must be caught.
        effort: 0, 1 or 2: how large simulations are.
        device: where batched floats run, ``cpu`` or ``cuda``.
    """

    name: str
    cases: int
    mutant_cases: int
    effort: int
    device: str = "cpu"


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "quick": Profile("quick", cases=20, mutant_cases=40, effort=0),
        "standard": Profile("standard", cases=200, mutant_cases=100, effort=1),
        "deep": Profile("deep", cases=5000, mutant_cases=400, effort=2),
    }
)
