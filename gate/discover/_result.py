"""What discovery says of a target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from ..symmetry import Family


@dataclass(frozen=True, slots=True)
class NearLaw:
    """A generator that gradients are almost orthogonal to, and are not.

    Args:
        name: what it is, for a person.
        row: the row of the table it would belong to.
        defect: the largest ``|<g, xi>| / (|g| |xi|)`` on fresh draws.
        reason: what breaks it, such as ``broken by eps = 1e-05 of layer_norm``; empty if not known.
        predicted: ``<g, xi>`` as the reason predicts it, on the traced module under a random linear loss.
        measured: the same, measured.
        members: how many such generators this one stands for.
    """

    name: str
    row: str
    defect: float
    reason: str = ""
    predicted: float | None = None
    measured: float | None = None
    members: int = 1


@dataclass(frozen=True, slots=True)
class Searched:
    """One null space: of what, among how many unknowns, and how clear the gap was.

    Args:
        what: ``scalings of slices``, for instance.
        unknowns: columns.
        nullity: the dimension of the null space, with what is trivial.
        found: dimensions that are laws.
        unexplained: dimensions without a basis of small rationals.
        kept: the smallest relative singular value outside the null space.
        dropped: the largest one inside.
    """

    what: str
    unknowns: int
    nullity: int
    found: int
    unexplained: int
    kept: float
    dropped: float


@dataclass(frozen=True, slots=True)
class Discovery:
    """The linear symmetries of a target.

    Args:
        target: its name.
        parameters: how many numbers it trains.
        families: confirmed symmetries; together their members are independent.
        near: generators that fail by little.
        searches: the null spaces that were computed.
        traced: whether ``torch.export`` gave a graph.
        proposed: how many scalings the graph proposed.
        refuted: how many of them gradients did not confirm, near-laws aside.
        limits: what was not searched, one sentence each.
        seconds: wall time.
    """

    target: str
    parameters: int
    families: tuple[Family, ...]
    near: tuple[NearLaw, ...]
    searches: tuple[Searched, ...]
    traced: bool
    proposed: int
    refuted: int
    limits: tuple[str, ...]
    seconds: float

    @property
    def dimension(self) -> int:
        """Members of all families: the dimension of the algebra that was found."""
        return sum(len(family.names) for family in self.families)

    @property
    def dimensions(self) -> Mapping[str, int]:
        """Members by kind of generator: ``scaling``, ``translation``, ``mixing``, ``rotation``, ``shear``."""
        counts: Counter[str] = Counter()
        for family in self.families:
            counts[kind_of(family)] += len(family.names)
        return dict(counts)

    @property
    def rows(self) -> Mapping[str, int]:
        """Members by row of the table of building blocks and kind, such as ``M18 mixing``."""
        counts: Counter[str] = Counter()
        for family in self.families:
            counts[f"{family.row} {kind_of(family)}".strip()] += len(family.names)
        return dict(counts)


def kind_of(family: Family) -> str:
    """What a family does, in one word."""
    from ..symmetry import Scalings

    if isinstance(family, Scalings):
        return "scaling"
    return {"linear": "translation", "quadratic": "mixing", "antisymmetric": "rotation", "generator": "shear"}[
        family.kind
    ]
