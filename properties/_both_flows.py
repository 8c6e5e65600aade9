"""What every statement about reduced flows shows: both flows, their distance, the level set, and the kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._profiles import Profile
from ._theorem import Simulation, SimulationResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from ..oracles.polynomials import Rational


def both_flows(spec: str, init: str, says: str, *, time: float = 0.25) -> Simulation:
    """A simulation ``both-flows`` of a model from an initialization that ``flowlaw intrinsic`` knows by name.

    Args:
        spec: a model with a closed form at this initialization.
        init: its name.
        says: one sentence, what the reader sees.
        time: the length of both flows; the targets lie a quarter off, so that no coordinate of z changes its sign.
    """

    def run(profile: Profile) -> SimulationResult:
        from ..oracles.intrinsic import initialization
        from ..oracles.intrinsic.decisions.show import coordinate_text
        from ..oracles.models import known_laws, parse_model
        from ..simulations import Loss
        from ..simulations.reduced import compare, reduced_flow
        from ._intrinsic import Place, kernels_table
        from ._reduced import side_by_side

        model = parse_model(spec)
        point = initialization(model, init).point
        loss = Loss.squared(_targets([phi.evaluate(point) for phi in model.coordinates()]))
        comparison = compare(model, point, reduced_flow(model, point), loss, time=time, halvings=3 + profile.effort)
        names = [coordinate_text(model, index) for index in range(len(comparison.full[0]))]
        laws = (law for family in known_laws(model) for law in family.polynomials())
        found = side_by_side(comparison, names, next(laws, None), f"{spec} at {init}")
        return replace(found, table=kernels_table([Place(spec, _exact(point))]))

    return Simulation("both-flows", says, run)


def _targets(start: Sequence[Rational]) -> list[Rational]:
    from fractions import Fraction

    return [z * Fraction(5 - 2 * (i % 2), 4) if z else Fraction(1, 8) for i, z in enumerate(start)]


def _exact(point: Sequence[Rational]) -> tuple[Fraction, ...]:
    from fractions import Fraction

    return tuple(map(Fraction, point))
