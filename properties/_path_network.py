"""ReLU networks on graphs, written for any numbers: forward passes, gates, and sums over paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ._path_flow import lifted, paths_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.intrinsic.paths.wiring import Wiring
    from ..oracles.models import PathLifting

F = Fraction
ZERO = F(0)
CONSTANT = -1
"""The input number of a bias: its value is 1."""


@dataclass(frozen=True, slots=True, repr=False)
class Forward:
    """A network with weights, one input, and the slope of its activation on the negative side."""

    model: PathLifting
    weights: tuple[Fraction, ...]
    x: tuple[Fraction, ...]
    leak: Fraction = ZERO
    factors: tuple[Fraction, ...] = ()

    def __repr__(self) -> str:
        from .strategies import shown

        text = f"{self.model.spec} at {shown(self.weights)}, x = {shown(self.x)}, leak {self.leak}"
        return text + (f", factors {shown(self.factors)}" if self.factors else "")


@dataclass(frozen=True, slots=True)
class Graph:
    """What a forward pass needs to know, edge by edge.

    Attributes:
        wires: hidden neurons at both ends.
        inputs: the number of the input at the tail, ``CONSTANT`` for biases; 0 where the tail is hidden.
        outputs: the number of the output at the head; 0 where the head is hidden.
        into: for each hidden neuron the edges that enter it.
        arriving: for each output the edges that enter it.
    """

    wires: Wiring
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    into: tuple[tuple[int, ...], ...]
    arriving: tuple[tuple[int, ...], ...]


def graph(model: PathLifting) -> Graph:
    """Inputs and outputs are numbered in the order of their groups; sources called ``one`` are biases."""
    from ..oracles.intrinsic.paths.wiring import wiring

    wires = wiring(model)
    first: list[int] = []
    counts = {"source": 0, "output": 0, "hidden": 0}
    for group in model.groups:
        first.append(CONSTANT if group.name == "one" else counts[group.role])
        counts[group.role] += 0 if group.name == "one" else group.size
    inputs: list[int] = []
    outputs: list[int] = []
    for a, b in model.links:
        for i in range(model.groups[a].size):
            for j in range(model.groups[b].size):
                inputs.append(first[a] if first[a] == CONSTANT else first[a] + i)
                outputs.append(first[b] + j)
    edges = range(model.parameters)
    into = tuple(tuple(e for e in edges if wires.heads[e] == v) for v in range(wires.hidden))
    arriving = tuple(tuple(e for e in edges if wires.heads[e] < 0 and outputs[e] == o) for o in range(counts["output"]))
    return Graph(wires, tuple(inputs), tuple(outputs), into, arriving)


def forward(
    model: PathLifting, weights: Sequence[Any], x: Sequence[Any], activate: Callable[[int, Any], Any]
) -> tuple[list[Any], list[Any]]:
    """Outputs and preactivations of the hidden neurons; ``activate(v, z)`` is what neuron v makes of its z."""
    known = graph(model)
    before: list[Any] = []
    values: list[Any] = []

    def at_tail(edge: int) -> Any:
        tail, number = known.wires.tails[edge], known.inputs[edge]
        return values[tail] if tail >= 0 else 1 if number == CONSTANT else x[number]

    for v, edges in enumerate(known.into):  # neurons are in topological order
        before.append(sum(weights[e] * at_tail(e) for e in edges))
        values.append(activate(v, before[v]))
    return [sum(weights[e] * at_tail(e) for e in edges) for edges in known.arriving], before


def relu(leak: Any = 0) -> Callable[[int, Any], Any]:
    """``z`` where z is positive, ``leak * z`` elsewhere."""
    return lambda _, z: z if z > 0 else leak * z


def gates(before: Sequence[Any], leak: Any = 0) -> list[Any]:
    """1 where a preactivation is positive, ``leak`` elsewhere."""
    return [1 if z > 0 else leak for z in before]


def path_sum(model: PathLifting, phi: Sequence[Any], open_: Sequence[Any], x: Sequence[Any]) -> list[Any]:
    """``sum_p phi_p a_p x_(p_0)`` for each output, ``a_p`` being the product of the gates on the way."""
    known = graph(model)
    totals: list[Any] = [0] * len(known.arriving)
    for value, path in zip(phi, paths_of(model), strict=True):
        for edge in path:
            head, tail, number = known.wires.heads[edge], known.wires.tails[edge], known.inputs[edge]
            if head >= 0:
                value = value * open_[head]
            if tail < 0 and number != CONSTANT:
                value = value * x[number]
        (last,) = (edge for edge in path if known.wires.heads[edge] < 0)
        totals[known.outputs[last]] = totals[known.outputs[last]] + value
    return totals


def both(case: Forward) -> tuple[list[Any], list[Any], list[Any]]:
    """Outputs by the forward pass, outputs by paths, and preactivations; exactly."""
    out, before = forward(case.model, case.weights, case.x, relu(case.leak))
    by_paths = path_sum(case.model, lifted(case.model, case.weights), gates(before, case.leak), case.x)
    return out, by_paths, before


def networks(*, nonzero: bool = False, paths: int = 60) -> SearchStrategy[Forward]:
    """Layered networks and random graphs with one input each; ReLU, leaky, or linear."""
    from hypothesis import strategies as st

    from .strategies import dags, data_dimensions, data_sets, rationals, relu_models, vectors

    @st.composite
    def draw_case(draw: st.DrawFn) -> Forward:
        model = draw(st.one_of(relu_models(parameters=18, width=(1, 3)), dags(hidden=(1, 3))))
        inputs, outputs = data_dimensions(model)
        weights = draw(vectors(model.parameters, size=6, denominator=3, nonzero=nonzero))
        (x,) = draw(data_sets(inputs, outputs, samples=(1, 1))).inputs if inputs else ((),)
        leak = draw(st.sampled_from([F(0), F(0), F(1, 5), F(1)]))
        factors = draw(st.tuples(*[rationals(6, denominator=4, nonzero=True).map(abs)] * model.hidden))
        return Forward(model, weights, x, leak, factors)

    return draw_case().filter(lambda case: case.model.coordinate_terms() <= paths)
