"""A6.definition: what a ReLU network computes is a sum over paths, linear in the path lifting region by region."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._path_flow import lifted, paths_of, read, worst_entry
from .._path_network import CONSTANT, Forward, both, forward, gates, graph, networks, path_sum, relu
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate
    from ...oracles.models import PathLifting
    from ...oracles.proofs import Node

F = Fraction
SPEC = "relu:2-2-2-1+bias+outbias+skip0:2"
EXAMPLE = Forward(
    read(SPEC),
    tuple(map(F, (1, -1, 2, 1, 1, 0, 1, -2, 1, 1, -1, 1, 2, 1, 3, 1, -1, 1, 2))),
    (F(1), F(2)),
)
"""Two inputs, two hidden layers of two, biases on all neurons, a skip from the inputs to the second layer."""
SMALL = Forward(read("relu:1-1-1+bias"), (F(1), F(-3), F(1)), (F(1),))
"""relu(x - 3) at x = 1: closed."""


def derivation() -> Iterator[Step]:
    """Free gates first; then the gates of a region."""
    yield Step(
        "Give each hidden neuron a gate a_v that multiplies its preactivation. With free gates the output is a "
        "polynomial in weights, inputs and gates, and unfolding the sums gives one term for each path: an identity, "
        f"here for {SPEC} with all biases.",
        r"\mathrm{out}_o = \sum_{p \to o} \phi_p(\theta)\, a_p\, x_{p_0}, \qquad a_p = \prod_{v \in p} a_v",
        certificate=free_gates(SPEC),
    )
    yield Step(
        "And for a graph with two groups side by side that also see each other.",
        certificate=free_gates("dag:one:1,x:2,h:2,g:1,y:2/x-h-y,x-g-y,h-g,one-g,one-y"),
    )
    yield Step(
        "A ReLU is such a gate: z becomes a z with a = 1 for z > 0 and a = 0 for z < 0; a leaky ReLU has its slope "
        "there, the identity has a = 1. At z = 0 both gates give the same value, but not the same derivative: those "
        "points are left out.",
        r"\sigma(z) = a z, \qquad a = 1_{z > 0}",
    )
    yield Step(
        "Gates are constant while no preactivation crosses zero. In such a region of theta the output is a fixed "
        "linear function of phi, for each input. One region exactly: preactivations at rational weights, and the "
        "output in both ways with their gates.",
        r"\mathrm{out}(\theta', x) = A(\theta, x)\, \phi(\theta') \quad (\theta' \text{ in the region of } \theta)",
        certificate=one_region(EXAMPLE),
    )


def _unfolded(model: PathLifting, gate: Sequence[Node], start: int) -> tuple[list[Node], list[Node]]:
    """Outputs by the forward pass and by paths; weights are the symbols from 0 on, inputs from ``start`` on."""
    from ...oracles.proofs import add, multiply, symbol

    known = graph(model)
    values: list[Node] = []

    def at_tail(edge: int) -> Node:
        tail, number = known.wires.tails[edge], known.inputs[edge]
        return values[tail] if tail >= 0 else 1 if number == CONSTANT else symbol(start + number)

    for v, edges in enumerate(known.into):
        values.append(multiply(gate[v], add(*(multiply(symbol(e), at_tail(e)) for e in edges))))
    out = [add(*(multiply(symbol(e), at_tail(e)) for e in edges)) for edges in known.arriving]
    terms: list[list[Node]] = [[] for _ in out]
    for path in paths_of(model):
        factors: list[Node] = [symbol(e) for e in path]
        for edge in path:
            head, tail, number = known.wires.heads[edge], known.wires.tails[edge], known.inputs[edge]
            factors += [gate[head]] if head >= 0 else []
            factors += [symbol(start + number)] if tail < 0 and number != CONSTANT else []
        (last,) = (edge for edge in path if known.wires.heads[edge] < 0)
        terms[known.outputs[last]].append(multiply(*factors))
    return out, [add(*parts) for parts in terms]


def free_gates(spec: str, *, spoiled: bool = False) -> Certificate:
    """The identity with free gates; ``spoiled`` takes one path away without its gates: wrong."""
    from ...oracles.proofs import add, identity, multiply, symbol

    model = read(spec)
    inputs = max(graph(model).inputs) + 1
    gate = [symbol(model.parameters + inputs + v) for v in range(model.hidden)]
    out, by_paths = _unfolded(model, gate, model.parameters)
    if spoiled:
        by_paths[0] = add(by_paths[0], multiply(-1, *(symbol(e) for e in paths_of(model)[0])))
    return identity(model.parameters + inputs + model.hidden, zip(out, by_paths, strict=True))


def one_region(case: Forward) -> Certificate:
    """Preactivations and outputs at a rational point, with the gates that the signs of the former give."""
    from ...oracles.proofs import add, multiply, symbol, values

    model, known = case.model, graph(case.model)
    out, before = forward(model, case.weights, case.x, relu())
    gate = gates(before)
    computed, by_paths = _unfolded(model, gate, model.parameters)
    nodes: list[Node] = []
    preactivations: list[tuple[Node, Fraction]] = []
    for v, edges in enumerate(known.into):
        terms: list[Node] = []
        for e in edges:
            tail, number = known.wires.tails[e], known.inputs[e]
            value = nodes[tail] if tail >= 0 else 1 if number == CONSTANT else symbol(model.parameters + number)
            terms.append(multiply(symbol(e), value))
        preactivations.append((add(*terms), before[v]))
        nodes.append(multiply(gate[v], add(*terms)))
    pairs = [(tree, value) for trees in (computed, by_paths) for tree, value in zip(trees, out, strict=True)]
    return values((*case.weights, *case.x), preactivations + pairs)


def check_sum(case: Forward) -> Residual:
    """Forward pass against path sum, exactly; a case counts if no preactivation is zero and something is computed."""
    out, by_paths, before = both(case)
    off = max(abs(F(a) - b) for a, b in zip(out, by_paths, strict=True))
    return Residual(off, nontrivial=all(before) and any(out))


def nearby(case: Forward) -> tuple[Fraction, ...]:
    """Other weights in the same region: a fixed direction, halved until no preactivation changes its sign."""
    _, before = forward(case.model, case.weights, case.x, relu(case.leak))
    step = F(1)
    while True:
        moved = tuple(w + step * F((7 * i) % 5 - 2, 3) for i, w in enumerate(case.weights))
        _, after = forward(case.model, moved, case.x, relu(case.leak))
        if all((a > 0) == (b > 0) and b != 0 for a, b in zip(before, after, strict=True)):
            return moved
        step /= 2


def check_region(case: Forward) -> Residual:
    """At other weights of the region, the output is ``A phi`` with A from the first weights, exactly."""
    _, before = forward(case.model, case.weights, case.x, relu(case.leak))
    if not all(before):
        return Residual(0, nontrivial=False, note="a preactivation is zero")
    moved = nearby(case)
    out, _ = forward(case.model, moved, case.x, relu(case.leak))
    linear = path_sum(case.model, lifted(case.model, moved), gates(before, case.leak), case.x)
    off = max(abs(F(a) - b) for a, b in zip(out, linear, strict=True))
    return Residual(off, nontrivial=moved != case.weights and any(out))


def check_floats(case: Forward) -> Residual:
    """The network of the package in float64 against the path sum at the same floats, exactly.

    Activations with slopes between 0 and 1 enlarge no error, so the gates that the floats take do not matter: gamma(n)
    times the output of the network with absolute numbers and open gates; n roundings along a path.
    """
    import numpy as np

    from ...simulations import ReluNetwork
    from ...simulations.fields import gamma

    floats = [[float(v) for v in values] for values in (case.weights, case.x)]
    rounded = Forward(case.model, tuple(map(F, floats[0])), tuple(map(F, floats[1])), F(float(case.leak)))
    _, by_paths, _ = both(rounded)
    network = ReluNetwork(case.model, rounded.leak)
    computed = network(np.array(floats[0]), np.array([floats[1]]))[0].tolist()
    terms, _ = forward(case.model, [abs(w) for w in rounded.weights], [abs(v) for v in rounded.x], relu())
    values = [abs(float(F(a) - b)) for a, b in zip(computed, by_paths, strict=True)]
    return worst_entry(values, [gamma(network.roundings) * float(term) for term in terms])


def _mutated(change: Callable[[Forward], tuple[list[Any], list[Any]]]) -> Callable[[Forward], Residual]:
    def check(case: Forward) -> Residual:
        left, right = change(case)
        return Residual(max(abs(F(a) - b) for a, b in zip(left, right, strict=True)))

    return check


def _no_bias_paths(case: Forward) -> tuple[list[Any], list[Any]]:
    """Paths that start at biases left out."""
    known = graph(case.model)
    out, before = forward(case.model, case.weights, case.x, relu())
    phi = [
        F(0) if any(known.inputs[e] == CONSTANT and known.wires.tails[e] < 0 for e in path) else value
        for path, value in zip(paths_of(case.model), lifted(case.model, case.weights), strict=True)
    ]
    return out, path_sum(case.model, phi, gates(before), case.x)


def _open(case: Forward) -> tuple[list[Any], list[Any]]:
    """All gates open: the network as if it were linear."""
    out, _ = forward(case.model, case.weights, case.x, relu())
    return out, path_sum(case.model, lifted(case.model, case.weights), [1] * case.model.hidden, case.x)


def _frozen(case: Forward) -> tuple[list[Any], list[Any]]:
    """The gates of one point used at weights of the other sign: one linear function for all theta."""
    _, before = forward(case.model, case.weights, case.x, relu())
    moved = tuple(-w for w in case.weights)
    out, _ = forward(case.model, moved, case.x, relu())
    return out, path_sum(case.model, lifted(case.model, moved), gates(before), case.x)


def _gated_outputs(case: Forward) -> tuple[list[Any], list[Any]]:
    """Gates at the outputs as well."""
    out, _, _ = both(case)
    return out, [value if value > 0 else 0 for value in out]


def table() -> Table:
    """The example path by path: what adds up to the output."""
    out, before = forward(EXAMPLE.model, EXAMPLE.weights, EXAMPLE.x, relu())
    gate, total = gates(before), F(0)
    rows: list[list[str | int]] = []
    known = graph(EXAMPLE.model)
    for number, (path, value) in enumerate(
        zip(paths_of(EXAMPLE.model), lifted(EXAMPLE.model, EXAMPLE.weights), strict=True), 1
    ):
        passed = all(gate[known.wires.heads[e]] for e in path if known.wires.heads[e] >= 0)
        (source,) = (known.inputs[e] for e in path if known.wires.tails[e] < 0)
        x = F(1) if source == CONSTANT else EXAMPLE.x[source]
        term = value * x if passed else F(0)
        total += term
        rows.append([number, str(value), "open" if passed else "closed", str(x), str(term)])
    rows.append(["sum", "", "", "", str(total)])
    return Table(
        f"{SPEC} at x = (1, 2), path by path: the forward pass gives {out[0]}",
        ("path", "phi", "gates", "x", "term"),
        rows,
        total == out[0],
    )


def along_a_line(profile: Profile) -> SimulationResult:
    """Weights along a line: the output, and the linear function of phi with the gates of the start.

    Residual: their largest distance before the first gate switches; exact arithmetic, bound 0.
    """
    direction = [F((5 * i) % 7 - 3, 4) for i in range(EXAMPLE.model.parameters)]
    _, before = forward(EXAMPLE.model, EXAMPLE.weights, EXAMPLE.x, relu())
    gate, count = gates(before), (40, 80, 160)[profile.effort]
    outputs, linear = list[tuple[float, float]](), list[tuple[float, float]]()
    worst, left, seen = F(0), False, 0
    for k in range(count + 1):
        s = F(k, count)
        weights = [w + s * d for w, d in zip(EXAMPLE.weights, direction, strict=True)]
        out, now = forward(EXAMPLE.model, weights, EXAMPLE.x, relu())
        frozen = path_sum(EXAMPLE.model, lifted(EXAMPLE.model, weights), gate, EXAMPLE.x)
        left = left or gates(now) != gate
        if not left:
            seen += 1
            worst = max(worst, abs(out[0] - frozen[0]))
        outputs.append((float(s), float(out[0])))
        linear.append((float(s), float(frozen[0])))
    plot = Plot(
        "Along a line of weights",
        "s",
        "output",
        [Series("forward pass", outputs), Series("paths, gates of the start", linear, "points")],
        caption=f"Equal for the first {seen} of {count + 1} points, until a gate switches.",
    )
    return SimulationResult(Residual(worst, nontrivial=1 < seen <= count), (plot,))


def _mutant(name: str, says: str, change: Callable[[Forward], tuple[list[Any], list[Any]]], example: Forward) -> Mutant:
    return Mutant(name, says, Property(name, says, "rational", networks, _mutated(change), [example]))


THEOREM = Theorem(
    id="A6.definition",
    title="A ReLU network as a sum over paths",
    summary="Each output is a sum over paths: the product of the weights, the gates on the way, and the input.",
    source="A6, definition of the path lifting; reconstructed",
    status="definition",
    hypotheses=(
        "A directed acyclic graph: sources that carry inputs or, for biases, the constant 1; hidden neurons with ReLU, "
        "leaky ReLU or identity; outputs without activation.",
        "a_v is 1 where the preactivation of v is positive and the slope of the other side where it is negative.",
        "No preactivation is exactly zero.",
    ),
    statement=r"\begin{gathered} "
    r"\mathrm{out}_o(\theta, x) = \sum_{p \to o} \phi_p(\theta)\, a_p(\theta, x)\, x_{p_0} \\ "
    r"\phi_p = \prod_{e \in p} \theta_e, \qquad a_p = \prod_{v \in p} a_v "
    r"\end{gathered}",
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="path-sum",
            says="Forward passes of random graphs equal their path sums, for ReLU, leaky ReLU and identity: exactly.",
            arithmetic="rational",
            cases=lambda: networks(nonzero=True),
            check=check_sum,
            examples=[EXAMPLE, SMALL],
        ),
        Property(
            name="locally-linear",
            says="Within a region of constant gates the outputs are one linear function of phi: exactly.",
            arithmetic="rational",
            cases=lambda: networks(nonzero=True),
            check=check_region,
            examples=[EXAMPLE],
            share=0.5,
        ),
        Property(
            name="network-float64",
            says="The networks of the package in float64 compute the path sum up to rounding.",
            arithmetic="float64",
            cases=lambda: networks(nonzero=True),
            check=check_floats,
            examples=[EXAMPLE],
            share=0.5,
        ),
    ),
    simulations=(
        both_flows("relu:2-2-1+bias", "generic", "The paths of a network with biases: both flows."),
        Simulation(
            "along-a-line",
            "Output and frozen path sum along a line of weights: equal until a gate switches.",
            along_a_line,
        ),
    ),
    mutants=(
        _mutant("no-bias-paths", "Biases are not sources of paths.", _no_bias_paths, EXAMPLE),
        _mutant("all-open", "All gates are open.", _open, SMALL),
        _mutant("one-region", "The gates do not depend on the weights.", _frozen, SMALL),
        _mutant(
            "gated-outputs",
            "Outputs have gates too.",
            _gated_outputs,
            Forward(read("relu:1-1-1"), (F(1), F(-1)), (F(1),)),
        ),
        Mutant(
            name="a-path-less",
            says="One product of weights is missing from the sum.",
            rejects=lambda: free_gates(SPEC, spoiled=True),
        ),
    ),
)
