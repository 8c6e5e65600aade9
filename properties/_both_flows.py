"""What every statement about reduced flows shows: both flows, their distance, the level set, and the kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._profiles import Profile
from ._theorem import Simulation, SimulationResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from ..oracles.models import Model
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
        from ..oracles.models import known_laws, parse_model
        from ..simulations import Loss
        from ..simulations.reduced import compare, reduced_flow
        from ._intrinsic import Place, kernels_table
        from ._reduced import side_by_side

        model = parse_model(spec)
        point = initialization(model, init).point
        loss = Loss.squared(_targets([phi.evaluate(point) for phi in model.coordinates()]))
        comparison = compare(model, point, reduced_flow(model, point), loss, time=time, halvings=3 + profile.effort)
        laws = (law for family in known_laws(model) for law in family.polynomials())
        found = side_by_side(comparison, names(model), next(laws, None), f"{spec} at {init}")
        return replace(found, table=kernels_table([Place(spec, _exact(point))]))

    return Simulation("both-flows", says, run)


def names(model: Model) -> list[str]:
    """Of the coordinates of z: by row and column for products of matrices, else by number."""
    from ..oracles.models import DeepLinear

    if isinstance(model, DeepLinear) and not model.logits:
        return [f"z[{i + 1},{j + 1}]" for i in range(model.widths[0]) for j in range(model.widths[-1])]
    return [f"z{i + 1}" for i in range(len(model.coordinates()))]


def _targets(start: Sequence[Rational]) -> list[Rational]:
    from fractions import Fraction

    return [z * Fraction(5 - 2 * (i % 2), 4) if z else Fraction(1, 8) for i, z in enumerate(start)]


def _exact(point: Sequence[Rational]) -> tuple[Fraction, ...]:
    from fractions import Fraction

    return tuple(map(Fraction, point))
