"""Running a property over random cases, by hypothesis: draw, check, remember the worst, shrink a failure."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from ._theorem import Property, Residual


@dataclass(frozen=True, slots=True)
class Hunted:
    """The outcome of a hunt: ``violated`` with the minimal case, or the worst case that held."""

    violated: bool
    cases: int
    nontrivial: int
    worst: Residual | None
    worst_case: str


class _Violation(Exception):
    pass


def hunt(prop: Property, cases: int, seed: int) -> Hunted:
    """Checks ``prop`` on its examples and on up to ``cases`` random cases; the same seed gives the same cases.

    Raises:
        Skipped: the check cannot run here.
    """
    from hypothesis import HealthCheck, Phase, given, settings, target
    from hypothesis import seed as seeded

    tally = _Tally()
    for example in prop.examples:
        if not tally.note(prop.check(example), example):
            return tally.result(violated=True)

    def run(case: Any) -> None:
        residual = prop.check(case)
        if not tally.note(residual, case):
            raise _Violation
        ratio = tally.ratio(residual)
        if residual.bound and math.isfinite(ratio) and ratio > 0:
            target(math.log10(ratio), label="residual over bound")

    count = max(1, round(cases * prop.share))
    configured = settings(
        max_examples=count,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list[Any](HealthCheck),
    )
    try:
        cast("Callable[[], None]", seeded(seed)(configured(given(case=prop.cases())(run))))()
    except _Violation:
        return tally.result(violated=True)
    return tally.result(violated=False)


class _Tally:
    def __init__(self) -> None:
        self.cases = 0
        self.nontrivial = 0
        self.worst: Residual | None = None
        self.worst_case: Any = None
        self.last: tuple[Residual, Any] | None = None

    def note(self, residual: Residual, case: Any) -> bool:
        """Counts a case; True if it holds."""
        if not residual.holds:
            self.last = residual, case
            return False
        self.cases += 1
        self.nontrivial += residual.nontrivial
        if residual.nontrivial and (self.worst is None or self.ratio(residual) > self.ratio(self.worst)):
            self.worst, self.worst_case = residual, case
        return True

    def ratio(self, residual: Residual) -> float:
        return float(residual.value / residual.bound) if residual.bound else float(residual.value)

    def result(self, *, violated: bool) -> Hunted:
        worst, case = self.last if violated and self.last else (self.worst, self.worst_case)
        return Hunted(violated, self.cases, self.nontrivial, worst, "" if case is None else repr(case)[:2000])
