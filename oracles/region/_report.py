"""How much of a ReLU network its data see in one region, and which laws follow from what they do not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from ..certificates import Certificate
from ..lie import find_completeness
from ..models import PathLifting
from ..polynomials import Rational
from ._activity import Activity, activity
from ._gradients import PRIME, exact_rank, modular_rank, rank_modulo
from ._laws import (
    RegionLaw,
    all_laws,
    blind_directions,
    dead_neurons,
    extra_laws,
    gradients_modulo,
    hidden_groups,
    neuron_name,
    pattern,
)
from ._map import TERMS, map_of, path_count
from ._region import Region

State = Literal["dead", "always active", "switching"]
CERTIFIED_PARAMETERS = 120
"""The largest network for which a certificate of the number of laws is searched."""
ELIMINATED_RANK = 150
"""The largest rank that is found by elimination over the integers, where nothing faster shows it."""
CERTIFIED_COORDINATES = 400
"""The largest number of coordinates of the map that data see, for the same."""


@dataclass(frozen=True, slots=True)
class Neuron:
    """A hidden neuron: ``active`` of the ``engaged`` inputs at which its group matters switch it on.

    A group matters at an input if something arrives there and something behind it leads to an output.
    """

    name: str
    state: State
    active: int
    engaged: int


@dataclass(frozen=True, slots=True)
class RegionReport:
    """What data see in a region. All numbers are exact; laws are counted near generic weights of the region.

    Attributes:
        region: what was examined.
        parameters: D.
        hidden: H, the number of laws of the path lifting.
        path_rank: D - H, the rank that the path lifting has at weights without zeros.
        seen_rank: the rank of the gradients of all outputs at all inputs, at the given weights; at least this.
        seen_rank_at_most: the same number, unless the network is large and nothing cheap shows that there is no more.
        rank_proof: how both are known.
        neurons: the hidden neurons.
        linear_groups: the names of hidden groups whose neurons are active at all inputs, as in a linear layer.
        extra_laws: laws that the path lifting does not have.
        laws_found: the number of independent laws among the balances of the neurons and ``extra_laws``.
        laws_at_least: the same, or more where the certificate counts laws that have not been written down.
        laws_at_most: no set of independent laws is larger.
        certificate: where one was found, a proof for the kernel that there are exactly this many laws.
    """

    region: Region = field(repr=False)
    parameters: int
    hidden: int
    path_rank: int
    seen_rank: int
    seen_rank_at_most: int
    rank_proof: str
    neurons: tuple[Neuron, ...]
    linear_groups: tuple[str, ...]
    extra_laws: tuple[RegionLaw, ...]
    laws_found: int
    laws_at_least: int
    laws_at_most: int
    certificate: Certificate | None = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether the number of laws of these data in this region is known."""
        return self.laws_at_least == self.laws_at_most


def seen_by_data(
    model: PathLifting,
    weights: Sequence[Rational],
    inputs: Sequence[Sequence[Rational]],
    leak: Rational = 0,
    *,
    certify: bool = True,
) -> RegionReport:
    """How much of ``model`` these inputs see at these weights, decided over Q.

    The weights must lie inside a region of fixed activations. The rank of ``d_theta g_k(theta, x_s)`` over all inputs s
    and outputs k is at most D - H; where it is less, dead neurons, neurons that switch together or inputs that do not
    span make more laws, which are spelled out. More inputs can see more: the data are part of the statement. Source:
    A1.relu.g-versus-phi.

    Args:
        model: the network.
        weights: D integers or fractions, block by block, row-major.
        inputs: the samples.
        leak: the slope of the activation on the negative side.
        certify: whether to look for a certificate of the number of laws; small networks only.

    >>> from flowlaw.oracles.models import parse_model
    >>> report = seen_by_data(parse_model("relu:1-2-1"), [1, 2, 1, 1], [[1], [2]])
    >>> report.seen_rank, report.path_rank, report.laws_at_least, report.complete
    (1, 2, 3, True)

    Raises:
        BadInput: numbers that do not fit the model, or weights on the border between regions.
        TooLarge: too many gradient entries.
    """
    region = Region(model, weights, inputs, leak)
    seen = activity(region)
    extra = extra_laws(seen)
    laws = all_laws(seen, extra)
    random = Random(0)
    generic = [random.randrange(1, PRIME) for _ in range(model.parameters)]
    laws_found = at_least = rank_modulo(gradients_modulo(laws, generic, PRIME))
    seen_rank, rank_at_most, proof = _rank(seen, extra)
    at_most = model.parameters - seen_rank
    certificate: Certificate | None = None
    if certify and model.parameters <= CERTIFIED_PARAMETERS and path_count(seen) <= TERMS:
        view = map_of(seen)
        if 0 < len(view.coordinates()) <= CERTIFIED_COORDINATES:
            found = find_completeness(view, laws, levels=False)
            at_most = min(at_most, model.parameters - found.lie_dimension)
            if found.complete:
                certificate, at_least = found.certificate, found.independent_laws
    return RegionReport(
        region=region,
        parameters=model.parameters,
        hidden=model.hidden,
        path_rank=model.parameters - model.hidden,
        seen_rank=seen_rank,
        seen_rank_at_most=rank_at_most,
        rank_proof=proof,
        neurons=tuple(neuron for group in hidden_groups(seen) for neuron in _neurons(seen, group)),
        linear_groups=tuple(
            model.groups[group].name
            for group in hidden_groups(seen)
            if all(neuron.state == "always active" for neuron in _neurons(seen, group))
        ),
        extra_laws=tuple(extra),
        laws_found=laws_found,
        laws_at_least=at_least,
        laws_at_most=at_most,
        certificate=certificate,
    )


def _rank(seen: Activity, extra: Sequence[RegionLaw]) -> tuple[int, int, str]:
    """The rank over Q (a lower and an upper bound, mostly equal), and what shows it."""
    model = seen.region.model
    least, most = modular_rank(seen), model.parameters - model.hidden
    rows = len(seen.region.inputs) * seen.region.outputs
    if least == most:
        return least, most, "the rank modulo a prime reaches D - H"
    if least == rows:
        return least, least, "the rank modulo a prime reaches the number of gradients"
    blind = blind_directions(seen, extra, PRIME)
    if blind is not None and model.parameters - rank_modulo(blind) <= most:
        most = model.parameters - rank_modulo(blind)
    if least == most:
        return least, most, "the rank modulo a prime and the directions that no input sees add up to D"
    if least <= ELIMINATED_RANK:
        exact = exact_rank(seen)
        return exact, exact, "elimination over the integers"
    return least, most, "a rank modulo a prime from below, directions that no input sees from above"


def _neurons(seen: Activity, group: int) -> list[Neuron]:
    engaged = int(seen.engaged(group).sum())
    dead = dead_neurons(seen, group)
    neurons: list[Neuron] = []
    for j in range(seen.region.model.groups[group].size):
        active = sum(pattern(seen, group, j))
        state: State = "dead" if j in dead else "always active" if active == engaged else "switching"
        neurons.append(Neuron(neuron_name(seen, group, j), state, active, engaged))
    return neurons
