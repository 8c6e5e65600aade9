"""The closed form at a point, a loss, and the flow that it gives held against the flow of all parameters.

``flowlaw reduce`` writes what ``reduce_flow`` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Literal

from ..oracles.errors import BadInput, TooLarge

if TYPE_CHECKING:
    from ..oracles.intrinsic import ClosedForm, Initialization
    from ..oracles.models import Model
    from ..oracles.polynomials import Rational
    from ..simulations import Loss
    from ..simulations.reduced import Comparison, ReducedFlow

TERMS = 20_000
"""The largest number of terms of phi for which the full flow is integrated beside the reduced one."""
COORDINATES = 1_000
"""The largest number of coordinates for this: a loss may couple all of them."""
LONGEST, SHORTEST = Fraction(10_000), Fraction(1, 2**40)
"""Of the times for which flows are followed."""
_STEPS = (16, 64, 256, 1024)
"""Steps of the coarsest grid, tried in turn until halving them shows the order of the method."""
_TRIES = 12
"""Halvings of a time that was not asked for."""
_TARGETS = (Fraction(1, 2), 1, Fraction(3, 2), 2)


@dataclass(frozen=True, slots=True)
class Goal:
    """A loss of z, and how it reads."""

    loss: Loss
    says: str


@dataclass(frozen=True, slots=True)
class Held:
    """How the reduced flow compares with the full one.

    Attributes:
        verdict: VIOLATED iff they are further apart than integration and rounding account for.
        says: one sentence without numbers that rounding could change; for SKIPPED the reason.
        time: for how long both were followed.
        comparison: None if SKIPPED.
        order: at which the distance falls, rounded; None where it is at the level of rounding.
    """

    verdict: Literal["HOLDS", "VIOLATED", "SKIPPED"]
    says: str
    time: Fraction | None = None
    comparison: Comparison | None = None
    order: int | None = None


@dataclass(frozen=True, slots=True)
class Reduction:
    """Everything that is printed and written; ``values`` is phi at the point, or None where it is too large."""

    model: Model
    start: Initialization
    form: ClosedForm
    values: tuple[Rational, ...] | None
    goal: Goal | None
    held: Held


def reduce_flow(
    model: Model,
    start: Initialization,
    *,
    goal: Callable[[int], Goal] | None = None,
    seed: int = 0,
    time: Fraction | None = None,
) -> Reduction:
    """The closed form at ``start``, and its comparison with the full flow.

    Args:
        model: any model with a closed form.
        start: D rationals with a name.
        goal: makes the loss for d coordinates; by default a squared loss with a random target near the signs of z.
        seed: of the default loss.
        time: for how long both are followed, from ``SHORTEST`` to ``LONGEST``; by default as long as they can be.

    Raises:
        NotClaimed: no closed form covers the point.
        BadInput: from ``goal``.
    """
    from ..oracles.intrinsic import closed_form

    form = closed_form(model, start.point)
    try:
        values = _values(model, start.point)
    except TooLarge as error:
        return Reduction(model, start, form, None, None, Held("SKIPPED", str(error)))
    chosen = _drawn(values, seed) if goal is None else goal(len(values))
    held = _held(model, start.point, values, chosen.loss, time)
    return Reduction(model, start, form, values, chosen if held.time is not None else None, held)


def _values(model: Model, point: Sequence[Rational]) -> tuple[Rational, ...]:
    """phi at the point; linear networks are multiplied out without their polynomials."""
    from ..oracles.intrinsic.criterion.local import matrices
    from ..oracles.intrinsic.linear.matrices import product
    from ..oracles.models import DeepLinear

    if not isinstance(model, DeepLinear):
        return tuple(polynomial.evaluate(point) for polynomial in model.coordinates())
    rows = product(*matrices(model, point))
    if model.logits:
        rows = [[a - b for a, b in zip(row, rows[-1], strict=True)] for row in rows[:-1]]
    return tuple(value for row in rows for value in row)


def _drawn(values: Sequence[Rational], seed: int) -> Goal:
    """A squared loss whose target has the signs of z where z is not 0: flows of paths end where these change."""
    from ..simulations import Loss

    draw = Random(f"{seed}/target")
    target: list[Rational] = []
    for value in values:
        size, sign = draw.choice(_TARGETS), draw.choice((-1, 1))
        target.append(size * (sign if not value else 1 if value > 0 else -1))
    return Goal(Loss.squared(target), f"|z - y|^2/2 with y = {listed(target)}, drawn with seed {seed}")


def _held(
    model: Model, point: Sequence[Rational], values: Sequence[Rational], loss: Loss, time: Fraction | None
) -> Held:
    if model.coordinate_terms() > TERMS or len(values) > COORDINATES:
        return Held(
            "SKIPPED",
            f"phi has {model.coordinate_terms()} terms in {len(values)} coordinates; the full flow is integrated for "
            f"up to {TERMS} terms and {COORDINATES} coordinates.",
        )
    import numpy as np

    from ..simulations.reduced import reduced_flow

    try:
        flow = reduced_flow(model, point)
    except BadInput as error:
        return Held("SKIPPED", str(error))
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        return Held("SKIPPED", f"The numbers of the point do not fit into floats: {error}.")
    if time is not None:
        return _followed(model, point, flow, loss, time, _STEPS)
    time, held = _natural_time(model, point, values, loss), Held("SKIPPED", "z does not move")
    for _ in range(_TRIES):
        held = _followed(model, point, flow, loss, time, _STEPS[:1])
        if held.comparison is not None:
            break
        time /= 2
    return held


def _followed(
    model: Model, point: Sequence[Rational], flow: ReducedFlow, loss: Loss, time: Fraction, grids: Sequence[int]
) -> Held:
    """Both flows up to ``time`` on the first of ``grids`` on which the error of integration can be estimated."""
    import numpy as np

    from ..simulations.reduced import compare

    reason = ""
    for steps in grids:
        try:
            with np.errstate(all="ignore"):
                found = compare(model, point, flow, loss, time=float(time), steps=steps)
        except BadInput as error:
            reason = str(error)
        except (ArithmeticError, np.linalg.LinAlgError):
            reason = "A flow overflows. Take a shorter time."
        else:
            if _resolved(found):
                return _judged(found, time)
            reason = "Halving the step does not change the flows as it should. Take a shorter time."
    return Held("SKIPPED", f"up to time {time}: {reason}", time)


def _resolved(found: Comparison) -> bool:
    """Whether changes fall by half of the order of the method, or are rounding: the last one then bounds the error.

    Where they fall at least by a factor 2 from halving to halving, those that are left out add up to less than the last
    one. RK4 gives 16; 8 leaves a margin on both sides.
    """
    return found.errors[-1] <= found.rounding or 8 * found.errors[-1] <= found.errors[-2]


def _judged(found: Comparison, time: Fraction) -> Held:
    if not found.distance <= found.bound:
        says = (
            f"up to time {time} the flows come apart by {found.distance:.2g}, and integration accounts for "
            f"{found.bound:.2g}: the closed form is not the flow of this model"
        )
        return Held("VIOLATED", says, time, found)
    if float(abs(found.full - found.full[0]).max()) <= found.bound:
        return Held("SKIPPED", f"up to time {time}: z does not move, so that agreement says nothing", time)
    order = round(found.slopes[-1]) if found.slopes else None
    falls = "is at the level of rounding" if order is None else f"falls with order {order} as the steps are halved"
    says = f"both flows agree up to time {time}: their distance is within what integration accounts for and {falls}"
    return Held("HOLDS", says, time, found, order)


def _natural_time(model: Model, point: Sequence[Rational], values: Sequence[Rational], loss: Loss) -> Fraction:
    """The largest power of two in which the flow covers at most 8 of its time scales at the start.

    The rate is at most ``|M| |A|`` for the curvature A, and ``|M| |grad f|`` over the size of z for the growth of K,
    with ``|M| = |J|^2 <= |J|_1 |J|_inf`` in the 2-norm. With 16 steps a step is then at most half a time scale.
    """
    from ..oracles.intrinsic import Local

    local = Local(model, point)
    columns: dict[int, Fraction] = {}
    rows = [Fraction(0)]
    for index in range(len(values)):
        row = {k: abs(Fraction(slope)) for k, slope in local.gradient(index).items()}
        rows.append(sum(row.values(), Fraction(0)))
        for k, slope in row.items():
            columns[k] = columns.get(k, Fraction(0)) + slope
    gradient, bends = [Fraction(c) for c in loss.slope], [Fraction(0)] * len(values)
    for i, j, a in loss.curvature:
        gradient[i] += Fraction(a) * Fraction(values[j])
        bends[i] += abs(Fraction(a))
    size = max([Fraction(1), *(abs(Fraction(value)) for value in values)])
    metric = max(rows) * max(columns.values(), default=Fraction(0))
    rate = metric * (max(bends) + max(abs(g) for g in gradient) / size)
    time = Fraction(1)
    while time * rate > 8 and time > SHORTEST:
        time /= 2
    while 2 * time * rate <= 8 and time < 16:
        time *= 2
    return time


def listed(values: Sequence[Rational], most: int = 16) -> str:
    """``(1, 1/2, ...)``."""
    more = f", ... ({len(values)} numbers)" if len(values) > most else ""
    return f"({', '.join(map(str, values[:most]))}{more})"
