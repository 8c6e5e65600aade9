"""B7.network: every cut between inputs and outputs carries the same saliency."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import Number
from .._layered import (
    Batch,
    Layers,
    Net,
    Pass,
    cut_sums,
    layer_sums,
    nets,
    paired,
    random_net,
    rounded,
    size_of,
    symbolic,
)
from .._layered_torch import by_autograd, torch_pass
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import PathLifting
    from ...oracles.proofs import Node

F = Fraction
EXAMPLE = Net(
    widths=(2, 2, 2, 1),
    weights=((F(1), F(-2), F(3), F(1)), (F(2), F(1), F(-1), F(3)), (F(1), F(2))),
    biases=((F(1), F(-1)), (F(2), F(1)), (F(-3),)),
    leak=F(1, 4),
    inputs=((F(1), F(2)), (F(2), F(-1))),
    linear=((F(1),), (F(-2),)),
    curvature=F(1),
)


@dataclass(frozen=True, slots=True, repr=False)
class GraphCut:
    """A network on a graph, a sample, and which hidden neurons would like to be on the side of the inputs."""

    spec: str
    point: Batch
    x: Batch
    target: Batch
    wishes: tuple[bool, ...]

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"{self.spec} at {shown(self.point)}, x = {shown(self.x)}, wishes {self.wishes}"

    @property
    def model(self) -> PathLifting:
        """The graph."""
        from ...oracles.models import PathLifting, parse_model

        model = parse_model(self.spec)
        assert isinstance(model, PathLifting)
        return model


DIAMOND = GraphCut("dag:x:1,a:1,b:1,y:1/x-a,x-b,a-b,a-y,b-y", (F(1),) * 5, (F(1),), (F(2),), (False, True))
"""Paths x-a-y, x-a-b-y and x-b-y; the wish puts b before a."""


def derivation() -> Iterator[Step]:
    """Telescoping, then paths."""
    yield Step(
        "Add B7.neuron over a hidden layer: what its weights and biases score is what the next weights score. So a "
        "cut may move by a layer if it takes the biases that lie behind it along.",
        r"\sum S(W_l) + \sum S(b_l) = \sum S(W_{l+1})",
    )
    yield Step(
        "At both ends Euler's identity is the pairing with the outputs, or with the inputs. All of it for widths "
        "2-2-2-2, on free symbols: three cuts, and the balance of inputs and all biases.",
        r"\sum S(W_l) + \sum_{m \ge l} \sum S(b_m) = \Bigl\langle \frac{\partial R}{\partial y}, y\Bigr\rangle = "
        r"\Bigl\langle \frac{\partial R}{\partial x}, x\Bigr\rangle + \sum_m \sum S(b_m)",
        _cuts(),
    )
    yield Step(
        "On any graph, inside one activation pattern, an output is a sum of paths. The score of an edge is the sum of "
        "the paths through it, so a set of edges scores each path as often as the path crosses it. On the graph "
        "x-a, x-b, a-b, a-y, b-y: the directed cut {a-y, b-y} has every path once; {x-a, b-y} separates x from y too, "
        "but has the path x-a-b-y twice.",
        r"\sum_{e \in C} S(e) = \sum_p \#(p \cap C)\, v_p",
        _paths(),
    )


def _cuts() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    passed = symbolic(symbols, (2, 2, 2, 2))
    total = paired(passed.outward, passed.outputs)
    arriving = paired(passed.inward, passed.inputs)
    biases = sum(x for layer in passed.scores for x in layer.bias)
    return equal(symbols, [*((cut, total) for cut in cut_sums(passed.scores)), (arriving + biases, total)])


def _diamond() -> tuple[dict[str, Node], dict[str, Node]]:
    """Paths from x to y, and the scores of edges for R = y with all slopes 1."""
    from ...oracles.proofs import add, multiply, symbol

    xa, xb, ab, ay, by = map(symbol, range(5))
    paths = {"xay": multiply(xa, ay), "xaby": multiply(xa, ab, by), "xby": multiply(xb, by)}
    into_b = add(multiply(xa, ab), xb)  # the value of b
    scores = {
        "xa": multiply(xa, add(ay, multiply(ab, by))),
        "ay": multiply(ay, xa),
        "by": multiply(by, into_b),
    }
    return paths, scores


def _paths() -> Certificate:
    from ...oracles.proofs import add, identity, multiply

    paths, scores = _diamond()
    every = add(*paths.values())
    pairs = [
        (add(scores["ay"], scores["by"]), every),
        (add(scores["xa"], scores["by"]), add(paths["xay"], multiply(2, paths["xaby"]), paths["xby"])),
    ]
    return identity(5, pairs)


def _separating() -> Certificate:
    """The set {x-a, b-y} at weights 1 scores 4, the output is 3."""
    from ...oracles.proofs import add, subtract, values

    paths, scores = _diamond()
    return values((1,) * 5, [(subtract(add(scores["xa"], scores["by"]), add(*paths.values())), 1)])


def table() -> Table:
    """All cuts of the example, and what layers score by themselves."""
    passed = EXAMPLE.passed()
    total = paired(passed.outward, passed.outputs)
    rows = [
        (f"layer {k + 1}", str(cut), str(alone))
        for k, (cut, alone) in enumerate(zip(cut_sums(passed.scores), layer_sums(passed.scores), strict=True))
    ]
    rows.append(("<dR/dy, y>", str(total), ""))
    return Table("Cuts of a 2-2-2-1 network", ("cut through", "with all later biases", "weights only"), rows)


def off(passed: Pass, sums: Callable[[Layers], list[Number]] = cut_sums) -> list[Number]:
    """The differences of all cuts, and of the inputs with all biases, from ``<dR/dy, y>``."""
    total = paired(passed.outward, passed.outputs)
    scores = passed.scores
    arriving = paired(passed.inward, passed.inputs) + sum(x for layer in scores for x in layer.bias)
    return [*(cut - total for cut in sums(scores)), arriving - total]


def check(net: Net) -> Residual:
    """The largest difference, exactly."""
    passed = net.passed()
    return Residual(max(map(abs, off(passed))), nontrivial=paired(passed.outward, passed.outputs) != 0)


def check_without_later(net: Net) -> Residual:
    """Cuts that forget the biases behind them."""

    def own(scores: Layers) -> list[Number]:
        return [total + sum(layer.bias) for total, layer in zip(layer_sums(scores), scores, strict=True)]

    return Residual(max(map(abs, off(net.passed(), own))))


def check_torch(net: Net, dtype: str) -> Residual:
    """The cuts of autograd's scores, summed exactly."""
    found, sizes = torch_pass(net, dtype), net.sizes()
    pairs = zip(off(found), off(sizes), strict=True)
    worst = max((rounded(a, size_of(b), net.roundings, dtype) for a, b in pairs), key=lambda r: r.value / r.bound)
    return replace(worst, nontrivial=paired(found.outward, found.outputs) != 0)


def graph_cuts() -> SearchStrategy[GraphCut]:
    """Random graphs with random sides."""
    from hypothesis import strategies as st

    from ..strategies import dags, data_dimensions, vectors

    def build(model: PathLifting) -> SearchStrategy[GraphCut]:
        inputs, outputs = data_dimensions(model)
        point = vectors(model.parameters, size=4, denominator=2, nonzero=True)
        wishes = st.tuples(*[st.booleans()] * model.hidden)
        return st.builds(GraphCut, st.just(model.spec), point, vectors(inputs, nonzero=True), vectors(outputs), wishes)

    return dags().flatmap(build)


def check_graph(case: GraphCut, *, directed: bool = True) -> Residual:
    """The edges from the side of the inputs to the other one.

    A directed cut has no edge that leads back: a neuron is on the side of the inputs only if all that it sees is.
    """
    import numpy as np

    from ...simulations import DataLoss, ReluNetwork

    model = case.model
    network = ReluNetwork(model, F(1, 4))
    gradient = DataLoss(network, [case.x], [case.target]).gradient(case.point)
    wishes = iter(case.wishes)
    early = [
        [group.role == "source" or (group.role == "hidden" and next(wishes)) for _ in range(group.size)]
        for group in model.groups
    ]
    if directed:
        for b in range(len(model.groups)):
            seen = all(all(early[a]) for a, target in model.links if target == b)
            early[b] = [side and seen for side in early[b]]
    total, edge = F(0), 0
    for a, b in model.links:
        for i in range(model.groups[a].size):
            for j in range(model.groups[b].size):
                if early[a][i] and not early[b][j]:
                    total += gradient[edge] * case.point[edge]
                edge += 1
    exact = [np.array([F(v) for v in row], dtype=object) for row in (case.point, case.x)]
    y = network(exact[0], exact[1][None])[0]
    expected = sum((F(v) * (F(v) - t) for v, t in zip(y, case.target, strict=True)), F(0))
    return Residual(abs(total - expected), nontrivial=expected != 0)


def training(profile: Profile) -> SimulationResult:
    """Cuts along gradient descent on the squared loss, R being the loss.

    Residual and bound: the worst cut of some steps, ``gamma(n)`` times the sum of absolute terms.
    """
    steps = (30, 80, 200)[profile.effort]
    net = random_net((4, 8, 8, 2), samples=5)
    layers = net.layers(float)
    found: list[Residual] = []
    cuts: list[list[tuple[float, float]]] = [[] for _ in layers]
    alone: list[list[tuple[float, float]]] = [[] for _ in layers]
    for k in range(steps):
        passed = net.floats(layers)
        for curves, sums in ((cuts, cut_sums(passed.scores)), (alone, layer_sums(passed.scores))):
            for curve, value in zip(curves, sums, strict=True):
                curve.append((float(k), float(value)))
        if k % (steps // 8) == 0:
            sizes = off(net.sizes(layers))
            # every product and sum of the check itself rounds as well, on at most as many levels
            roundings = 2 * net.roundings + 4 * 8 * 8
            found += [rounded(F(a), size_of(b), roundings, "float64") for a, b in zip(off(passed), sizes, strict=True)]
        layers = [layer.map(lambda w, g: w - g / 64, g) for layer, g in zip(layers, passed.gradients, strict=True)]
    series = [Series(f"cut through layer {k + 1}", curve, kind="points") for k, curve in enumerate(cuts)]
    series += [Series(f"weights of layer {k + 1} alone", curve) for k, curve in enumerate(alone)]
    plot = Plot(
        "All cuts of a network carry the same saliency, at every step of training",
        "step",
        "sum of gradient times weight",
        series,
        caption="A ReLU network of widths 4-8-8-2 with biases. The three cuts lie on one another; without the biases "
        "behind them the layers do not.",
    )
    return SimulationResult(max(found, key=lambda r: r.value / r.bound), (plot,))


THEOREM = Theorem(
    id="B7.network",
    title="Synaptic saliency is conserved across the network",
    summary="Every directed cut of a homogeneous network, with the biases behind it, carries the saliency <dR/dy, y>.",
    source="arXiv 2006.05467, Theorem 2",
    status="proved",
    hypotheses=(
        "All hidden activations are positively homogeneous of degree 1; biases are edges from a constant source.",
        "The cut C is directed: every path from an input or a bias to an output crosses it exactly once. That C "
        "separates them is not enough, for a path may cross it twice.",
        "R is any differentiable function of the outputs; scores are signed.",
    ),
    statement=r"\sum_{e \in C} \frac{\partial R}{\partial\theta_e}\,\theta_e = "
    r"\Bigl\langle \frac{\partial R}{\partial y}, y\Bigr\rangle = "
    r"\Bigl\langle \frac{\partial R}{\partial x}, x\Bigr\rangle + \sum_l \sum_j "
    r"\frac{\partial R}{\partial b_{l,j}}\, b_{l,j}",
    assumes=("B7.neuron",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="In exact passes every cut, and the inputs with all biases, carry <dR/dy, y>.",
            arithmetic="rational",
            cases=nets,
            check=check,
            examples=[EXAMPLE],
        ),
        Property(
            name="any-graph",
            says="On random graphs every directed cut, drawn neuron by neuron, carries <dR/dy, y>.",
            arithmetic="rational",
            cases=graph_cuts,
            check=check_graph,
            share=0.5,
        ),
        *by_autograd(
            "Autograd in float64: the cuts differ by rounding only.",
            nets,
            check_torch,
            EXAMPLE,
        ),
    ),
    simulations=(
        Simulation(
            name="training",
            says="While a network with biases trains, all its cuts move together.",
            run=training,
        ),
    ),
    mutants=(
        Mutant(
            name="later-biases-forgotten",
            says="A cut through a layer consists of its weights and its own biases.",
            violates=Property(
                "own", "own biases", "rational", lambda: nets(biases=True), check_without_later, examples=[EXAMPLE]
            ),
        ),
        Mutant(
            name="crossed-twice",
            says="The edges from one side to the other carry <dR/dy, y> for any two sides.",
            violates=Property(
                "undirected",
                "undirected cuts",
                "rational",
                graph_cuts,
                lambda case: check_graph(case, directed=False),
                examples=[DIAMOND],
            ),
        ),
        Mutant(
            name="separating",
            says="Every minimal set of edges that separates inputs from outputs carries <dR/dy, y>.",
            refutes=_separating,
        ),
    ),
)
