"""The simulation that statements about reduced flows share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from flowlaw.oracles.intrinsic import ClosedForm
from flowlaw.oracles.models import Model
from flowlaw.oracles.polynomials import Rational
from flowlaw.properties import PROFILES, theorems
from flowlaw.properties._both_flows import both_flows
from flowlaw.simulations import reduced
from flowlaw.simulations._trajectory import Floats
from flowlaw.simulations.reduced import ReducedFlow

QUICK = PROFILES["quick"]
TRUE = reduced.reduced_flow


@dataclass(frozen=True)
class Scaled:
    """A metric that is wrong by one percent."""

    right: ReducedFlow

    @property
    def form(self) -> ClosedForm:
        return self.right.form

    @property
    def dimension(self) -> int:
        return self.right.dimension

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        return self.right.apply(z, covector) * 1.01


def test_trajectories_distance_level_set_and_kernels_are_shown() -> None:
    found = both_flows("linear:2-2-2", "relaxed:1", "an example").run(QUICK)
    assert found.residual.holds
    assert found.residual.nontrivial
    assert [plot.title for plot in found.plots] == [
        "The full flow and the reduced flow",
        "Their distance falls as integration gets better",
        "The level set of a law, and the flow on it",
    ]
    assert found.table is not None
    assert list(found.table.rows[0][2:]) == [8, 4, 5, 1, "0"]


@pytest.mark.parametrize("spec", ["linear:2-2-2", "relu:2-1-1", "conv:2-2+stride2"])
def test_a_metric_that_is_wrong_by_a_percent_is_seen(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(model: Model, point: Sequence[Rational]) -> ReducedFlow:
        return Scaled(TRUE(model, point))

    monkeypatch.setattr(reduced, "reduced_flow", wrong)
    init = "relaxed:1" if spec.startswith("linear") else "generic"
    assert not both_flows(spec, init, "a mutant").run(QUICK).residual.holds


def test_every_statement_of_intrinsic_dynamics_shows_both_flows() -> None:
    parts = [theorem for theorem in theorems() if theorem.id.split(".")[0] in ("A3", "A5", "A6", "A7")]
    assert len(parts) == 26
    for theorem in parts:
        assert "both-flows" in {simulation.name for simulation in theorem.simulations}, theorem.id
