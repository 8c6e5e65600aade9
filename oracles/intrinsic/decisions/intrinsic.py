"""When is the flow of z = phi(theta) from a point a flow in z and the initialization alone? One call answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...certificates import Certificate, digest
from ...models import DeepLinear, Model, PathLifting
from ...polynomials import Rational
from .._closed_form import ClosedForm, NotClaimed, closed_form
from ..criterion.directions import Witness, witness
from ..criterion.geometry import Geometry, geometry
from ..criterion.local import Local
from ..criterion.rotations import Rotation, rotations
from ..criterion.setting import Setting, setting
from ..points.initializations import Initialization
from .evidence import Evidence
from .pairs import Pair, find_pair
from .verdicts import Answer, dynamic, frobenius, metric, recoverability

_PRINTED = 6
"""Coordinates up to which M is written out."""


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """Everything ``flowlaw intrinsic`` says about a model at one point.

    Attributes:
        model, name, point: what was looked at; ``name`` is that of the initialization or of the file.
        geometry: exact ranks and dimensions.
        recoverability, metric, dynamic: the three properties of A3.def.properties; each implies the next.
        frobenius: the Frobenius property of phi (A3.frobenius).
        rotations: directions of K_1 along which M does not change, for linear networks.
        witness: a direction of K_1 along which M changes, or None.
        pair: two points of one fibre with different M, or None.
        closed_form: of the reduced flow, or None; ``closed_form_note`` then says why there is none.
    """

    model: Model
    name: str
    point: tuple[Rational, ...]
    geometry: Geometry
    recoverability: Answer
    metric: Answer
    dynamic: Answer
    frobenius: Answer
    rotations: tuple[Rotation, ...]
    witness: Witness | None
    pair: Pair | None
    closed_form: ClosedForm | None
    closed_form_note: str

    @property
    def answers(self) -> dict[str, Answer]:
        """The four answers by name, in the order in which they are printed."""
        return {
            "recoverability": self.recoverability,
            "metric": self.metric,
            "dynamic": self.dynamic,
            "Frobenius": self.frobenius,
        }

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All certificates, each once."""
        found = {digest(proof): proof for answer in self.answers.values() for proof in answer.certificates}
        return tuple(found.values())

    def metric_matrix(self) -> list[list[Rational]] | None:
        """``M(theta) = dphi dphi^T`` at the point; None for more than six coordinates."""
        if self.model.coordinate_terms() > 10_000:
            return None
        local = Local(self.model, self.point)
        if local.size > _PRINTED:
            return None
        return [[local.metric(i, j) for j in range(local.size)] for i in range(local.size)]


def intrinsic(
    model: Model,
    start: Initialization | Sequence[Rational],
    *,
    name: str = "",
    seed: int = 0,
    known: Setting | None = None,
) -> Intrinsic:
    """Decides the properties of ``model`` at a rational point.

    Args:
        model: any model.
        start: a point, or an initialization, which may bring a second point.
        name: of the point, for messages.
        seed: of random points.
        known: what ``setting(model)`` returned, where it is at hand.

    >>> from flowlaw.oracles.models import parse_model
    >>> from flowlaw.oracles.intrinsic import initialization
    >>> model = parse_model("linear:2-2-2")
    >>> intrinsic(model, initialization(model, "relaxed:1")).metric.verdict
    'PROVED'

    Source: A3.def.properties, A3.kernel-criterion, A3.recoverability-criterion, A3.frobenius. What it does not decide:
    anything global. Two far points of one level set can have the same phi and different M although the metric property
    holds near each of them (A5.lcn.non-uniqueness).

    Raises:
        BadInput: the point does not fit the model.
        TooLarge: the model is too large to be looked at; said before the work starts.
    """
    given = start if isinstance(start, Initialization) else Initialization(name, tuple(start), "")
    found = known or setting(model, seed=seed)
    at = geometry(found, given.point)
    form, note = _closed_form(model, given.point)
    evidence = _evidence(at, given, form)
    of_recovery = recoverability(evidence)
    of_metric = metric(evidence, of_recovery)
    return Intrinsic(
        model=model,
        name=name or given.name,
        point=given.point,
        geometry=at,
        recoverability=of_recovery,
        metric=of_metric,
        dynamic=dynamic(evidence, of_metric),
        frobenius=frobenius(evidence, of_recovery),
        rotations=evidence.rotations,
        witness=evidence.witness,
        pair=evidence.pair,
        closed_form=form if of_metric.verdict != "REFUTED" else None,
        closed_form_note=note,
    )


def _evidence(at: Geometry, given: Initialization, form: ClosedForm | None) -> Evidence:
    model = at.setting.model
    if at.kernel_dimension == 0:
        return Evidence(at, (), None, None, form)
    turns: tuple[Rotation, ...] = ()
    if isinstance(model, DeepLinear):
        turns = tuple(rotations(model, at.point))
        if at.constant and at.kernel_dimension == len(turns):
            return Evidence(at, turns, None, None, form)
    seen = witness(at) if at.kernel_dimension is not None else None
    # a direction that changes M is the tangent of what a pair does at a distance: without one there is no pair near by
    wanted = seen is not None or given.partner is not None or isinstance(model, PathLifting | DeepLinear)
    return Evidence(at, turns, seen, find_pair(at, given.partner, given.orbit) if wanted else None, form)


def _closed_form(model: Model, point: Sequence[Rational]) -> tuple[ClosedForm | None, str]:
    try:
        return closed_form(model, point), ""
    except NotClaimed as refusal:
        return None, str(refusal)
