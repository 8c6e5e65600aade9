"""What a mutant is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ..target import Target

Framework = Literal["numpy", "torch"]
Factory = Callable[[], Target]
"""Makes a target; nothing heavy happens before it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A training implementation with one realistic bug, beside the same one without.

    Args:
        name: for people and ids.
        says: what the bug is, one sentence.
        framework: what it is written in.
        healthy: the target without the bug; often shared by several mutants.
        broken: the target with it, described as the healthy one is.
        caught_by: the first identities, by name, that have to be violated; none for a blind one.
        explanation: how one of the explanations has to begin; empty where no single convention is this bug.
        blind: why no law can see it; empty where one can.
    """

    name: str
    says: str
    framework: Framework
    healthy: Factory
    broken: Factory
    caught_by: tuple[str, ...] = ()
    explanation: str = ""
    blind: str = ""


def trained_as(described: Target, other: Target) -> Target:
    """What one target describes, trained as another one does: the bug is in the training code alone."""
    return replace(described, name=other.name, start=other.start, step=other.step, read=other.read)
