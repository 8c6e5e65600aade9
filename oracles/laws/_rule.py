"""The contract of a rule: all laws of one degree for a family of models, by a theorem instead of a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..models import Model
from ..polynomials import Polynomial


@dataclass(frozen=True, slots=True)
class Answer:
    """A basis of the laws of one degree, those of them that lower laws do not generate, and the reason."""

    basis: tuple[Polynomial, ...]
    new_generators: tuple[Polynomial, ...]
    proof: str


Rule = Callable[[Model, int], Answer | None]
"""Takes a model and a degree; ``None`` where the rule has nothing to say."""
