"""A6.rescaling: what a hidden neuron is scaled by changes neither the network nor its paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from .._both_flows import both_flows
from .._path_flow import Start, at, incidence, lifted, read, rescaled, squared_loss, starts, worst_entry
from .._path_network import Forward, forward, graph, networks, relu
from .._path_proofs import telescope
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
SPEC = "relu:2-2-2-1+bias+skip0:2"
FLIPPED = Forward(read("relu:1-1-1"), (F(1), F(1)), (F(1),), F(0), (F(-1),))
"""relu(x): both weights turned to -1 give -relu(-x)."""
BIASED = Forward(read("relu:1-1-1+bias"), (F(1), F(1), F(1)), (F(1),), F(0), (F(2),))
START = at("relu:2-2-1+bias", tuple(F(x, 8) for x in (9, -8, 8, 7, -6, 5, 6, -7)), (F(2), F(1, 2)))


def derivation() -> Iterator[Step]:
    """Paths telescope, ReLU is homogeneous, and the rank says that there is nothing else."""
    from ...oracles.proofs import exact_rank

    model = read(SPEC)
    yield Step(
        "Incoming weights times c_v, outgoing ones divided by it: an edge from u to v becomes theta_e c_v / c_u, with "
        "c = 1 at sources and outputs. Along a path the factors cancel. For every path, denominators multiplied out, "
        f"an identity: {SPEC}.",
        r"\phi_p(\theta') = \prod_{e : u \to v \text{ in } p} \theta_e \frac{c_v}{c_u} = \phi_p(\theta)",
        certificate=telescope(SPEC),
    )
    yield Step(
        "The network: preactivations of v become c_v times themselves, c_v > 0 keeps their signs, and the next layer "
        "divides by c_v. With the same gates, free, it is an identity: here for one neuron with a bias between others.",
        r"\sigma(c z) = c\, \sigma(z) \quad (c > 0)",
        certificate=homogeneous(1),
    )
    yield Step(
        "The squares move along the orbit of A3.path-lifting.recover, with t = log c.",
        r"\theta_e'^2 = \theta_e^2\, e^{2 (C^T t)_e}, \qquad t = \log c",
    )
    yield Step(
        "Conversely, let two parameters without zeros have equal signs and equal phi. The logarithms of their "
        "quotients sum to zero along all paths; paths have rank D - #hidden, so they are C^T t: a rescaling. The rank "
        f"for this network is {model.parameters} - {model.hidden}.",
        r"\operatorname{rank}(\text{paths} \times \text{edges}) = D - \#\mathrm{hidden}",
        certificate=exact_rank(incidence(model)),
    )
    yield Step(
        "Signs matter to the network, not to phi: turning the signs of all weights at a neuron keeps every path. For "
        "relu(x) at x = 1, the preactivations 1 and -1 give the gates 1 and 0, the outputs 1 and 0, and phi = 1 twice.",
        r"\theta = (1, 1),\; \theta' = (-1, -1): \quad \phi = \phi' = 1, \quad \mathrm{out}(1) = 1 \neq 0 = "
        r"\mathrm{out}'(1)",
        certificate=flipped(),
    )


def homogeneous(power: int) -> Certificate:
    """``o gate (c w x + c b) = c^power (o gate (w x + b))``: an outgoing weight o / c then gives the old output."""
    from ...oracles.proofs import add, identity, multiply, symbol
    from ...oracles.proofs import power as raised

    w, b, o, x, gate, c = map(symbol, range(6))
    scaled = multiply(o, gate, add(multiply(c, w, x), multiply(c, b)))
    return identity(6, [(scaled, multiply(raised(c, power), o, gate, add(multiply(w, x), b)))])


def flipped() -> Certificate:
    """phi, preactivation and output at (1, 1) and at (-1, -1), the input being 1."""
    from ...oracles.proofs import multiply, symbol, values

    w, o, w2, o2, x = map(symbol, range(5))
    return values(
        (1, 1, -1, -1, 1),
        [
            (multiply(w, o), 1),
            (multiply(w2, o2), 1),
            (multiply(w, x), 1),
            (multiply(w2, x), -1),
            (multiply(o, 1, multiply(w, x)), 1),
            (multiply(o2, 0, multiply(w2, x)), 0),
        ],
    )


def moved(case: Forward) -> tuple[Fraction, ...]:
    """The rescaled weights."""
    return rescaled(Start(case.model, case.weights, case.factors))


def check_network(case: Forward) -> Residual:
    """Outputs and paths after a rescaling, exactly."""
    weights = moved(case)
    before, _ = forward(case.model, case.weights, case.x, relu(case.leak))
    after, _ = forward(case.model, weights, case.x, relu(case.leak))
    off = max(abs(F(a) - b) for a, b in zip(before, after, strict=True))
    phi = zip(lifted(case.model, case.weights), lifted(case.model, weights), strict=True)
    return Residual(off + max(abs(a - b) for a, b in phi), nontrivial=weights != case.weights and any(before))


def check_converse(start: Start) -> Residual:
    """From z alone another parameter; with the signs made equal it is a rescaling, whose factors are read off one way.

    The factors are products of quotients along some way from a source; all edges must agree with them.
    """
    from ...oracles.intrinsic.paths.representative import representative
    from ...oracles.intrinsic.paths.wiring import wiring

    other = representative(start.model, lifted(start.model, start.weights))
    quotient = [abs(a / b) for a, b in zip(other, start.weights, strict=True)]
    wires = wiring(start.model)
    factors: list[Fraction] = []
    for v in range(wires.hidden):  # in topological order
        edge = wires.heads.index(v)
        tail = wires.tails[edge]
        factors.append(quotient[edge] * (factors[tail] if tail >= 0 else 1))
    ends = [*factors, F(1)]
    off = max(
        abs(q * ends[tail] - ends[head]) for q, tail, head in zip(quotient, wires.tails, wires.heads, strict=True)
    )
    return Residual(off, nontrivial=any(q != 1 for q in quotient))


def check_squares(start: Start, *, exponent: int = 2) -> Residual:
    """The squares of the rescaled weights are ``q_e (c_v / c_u)^2``."""
    from ...oracles.intrinsic.paths.wiring import wiring

    wires, ends = wiring(start.model), (*start.factors, F(1))
    off = F(0)
    for old, new, tail, head in zip(start.weights, rescaled(start), wires.tails, wires.heads, strict=True):
        off = max(off, abs(new**2 - old**2 * (ends[head] / ends[tail]) ** exponent))
    return Residual(off, nontrivial=any(c != 1 for c in start.factors))


def check_floats(case: Forward) -> Residual:
    """Factors that are powers of two change no rounding: the outputs are the same floats."""
    import numpy as np

    from ...simulations import ReluNetwork

    factors = tuple(F(2) ** (c.numerator % 7 - 3) for c in case.factors)
    weights = moved(replace(case, weights=tuple(F(float(w)) for w in case.weights), factors=factors))
    network, x = ReluNetwork(case.model, case.leak), np.array([[float(v) for v in case.x]])
    before = network(np.array([float(w) for w in case.weights]), x)
    after = network(np.array([float(w) for w in weights]), x)
    return Residual(float(np.abs(before - after).max()), nontrivial=any(c != 1 for c in factors) and bool(before.any()))


def check_flip(case: Forward) -> Residual:
    """The wrong statement: equal phi means equal networks; signs are turned at the first neuron."""
    factors = (F(-1), *[F(1)] * (case.model.hidden - 1))
    return check_network(replace(case, factors=factors, leak=F(0)))


def check_no_bias(case: Forward) -> Residual:
    """The wrong statement: biases stay as they are."""
    known = graph(case.model)
    weights = tuple(
        old if known.inputs[e] < 0 and known.wires.tails[e] < 0 else new
        for e, (old, new) in enumerate(zip(case.weights, moved(case), strict=True))
    )
    before, _ = forward(case.model, case.weights, case.x, relu(case.leak))
    after, _ = forward(case.model, weights, case.x, relu(case.leak))
    return Residual(max(abs(F(a) - b) for a, b in zip(before, after, strict=True)))


def table() -> Table:
    """One neuron at several factors: the same output and path, other laws; and the flip."""
    rows: list[list[str]] = []
    good = True
    for c in (F(1), F(2), F(1, 3), F(-1)):
        w, o = F(1) * c, F(1) / c
        out, _ = forward(FLIPPED.model, (w, o), (F(1),), relu())
        rows.append([str(c), str(w), str(o), str(w * o), str(out[0]), str(w**2 - o**2)])
        good = good and w * o == 1 and out[0] == (1 if c > 0 else 0)
    columns = ("c", "incoming", "outgoing", "phi", "output at x = 1", "h")
    return Table("relu(x), rescaled", columns, rows, good)


def two_starts(profile: Profile) -> SimulationResult:
    """Two rescalings of one network: the same function at first, but each follows the reduced flow of its own laws."""
    from ...oracles.models import known_laws
    from ...simulations.reduced import compare, reduced_flow
    from .._reduced import distances, level_set, trajectories

    model, halvings = START.model, (2, 3, 4)[profile.effort]
    loss = squared_loss(model, START.weights)
    seen = [
        compare(model, point, reduced_flow(model, point), loss, time=1.0, steps=12, halvings=halvings)
        for point in (START.weights, rescaled(START))
    ]
    gap = abs(seen[0].full - seen[1].full).max(axis=1)
    times = [float(t) for t in seen[0].times]
    apart = Plot(
        "Two parameters of one function part under training",
        "time",
        "largest difference of a path",
        [Series("between the two full flows", list(zip(times, map(float, gap), strict=True)))],
        caption="They start with equal paths. Their laws differ, so their metrics do.",
    )
    names = [f"path {i + 1}" for i in range(model.coordinate_terms())]
    law = known_laws(model)[0].polynomials()[0]
    worst = worst_entry(
        [c.distance for c in seen], [c.bound for c in seen], f"apart by {float(gap[-1]):.3f} at the end"
    )
    plots = (trajectories(seen[1], names), distances(seen[1]), level_set(seen[1], law), apart)
    return SimulationResult(replace(worst, nontrivial=float(gap[-1]) > worst.bound), plots)


def _mutant(name: str, says: str, check: Callable[[Forward], Residual], example: Forward) -> Mutant:
    return Mutant(name, says, Property(name, says, "rational", lambda: networks(nonzero=True), check, [example]))


THEOREM = Theorem(
    id="A6.rescaling",
    title="Rescaling hidden neurons",
    summary="Incoming weights times c, outgoing weights over c: same network, same paths; only these keep both.",
    source="A6; converse derived",
    status="derived",
    hypotheses=(
        "A network as in A6.definition; c_v > 0 for each hidden neuron, biases count as incoming weights.",
        "For the converse: no zero weights, and equal signs.",
    ),
    statement=r"\begin{gathered} "
    r"\theta'_e = \theta_e \frac{c_v}{c_u} \;\; (e : u \to v) \;\; \Rightarrow \;\; "
    r"\phi(\theta') = \phi(\theta), \quad \mathrm{out}(\theta', x) = \mathrm{out}(\theta, x) \\ "
    r"\phi(\theta') = \phi(\theta), \;\; \operatorname{sgn} \theta' = \operatorname{sgn} \theta \;\; \Rightarrow \;\; "
    r"\theta' \text{ is such a rescaling} "
    r"\end{gathered}",
    assumes=("A6.definition", "A1.relu.path-lifting.count"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="network",
            says="Outputs and paths of random networks do not change under random rescalings: exactly.",
            arithmetic="rational",
            cases=lambda: networks(nonzero=True),
            check=check_network,
            examples=[BIASED],
        ),
        Property(
            name="converse",
            says="Another parameter with the same paths, made from z alone, is a rescaling: all edges agree on it.",
            arithmetic="rational",
            cases=starts,
            check=check_converse,
            share=0.5,
        ),
        Property(
            name="squares",
            says="Squares are multiplied by (c_v / c_u)^2.",
            arithmetic="rational",
            cases=starts,
            check=check_squares,
            share=0.5,
        ),
        Property(
            name="powers-of-two",
            says="In float64, rescaling by powers of two changes no bit of the outputs.",
            arithmetic="float64",
            cases=lambda: networks(nonzero=True),
            check=check_floats,
            share=0.5,
        ),
    ),
    simulations=(
        both_flows("relu:2-2-2", "generic", "Paths alone, which rescaling keeps: both flows."),
        Simulation(
            "two-starts", "Two rescalings of one network under one loss: each beside its own reduced flow.", two_starts
        ),
    ),
    mutants=(
        _mutant("flip", "Equal phi means equal networks: signs turned at a neuron.", check_flip, FLIPPED),
        _mutant("bias-forgotten", "Biases are not rescaled.", check_no_bias, BIASED),
        Mutant(
            name="bias-forgotten-identity",
            says="The same for the paths.",
            rejects=lambda: telescope(SPEC, forget_bias=True),
        ),
        Mutant(name="not-homogeneous", says="A neuron passes on c^2 times as much.", rejects=lambda: homogeneous(2)),
        Mutant(
            name="first-power",
            says="Squares are multiplied by c_v / c_u.",
            violates=Property(
                "first-power", "exponent 1", "rational", starts, lambda start: check_squares(start, exponent=1), [START]
            ),
        ),
    ),
)
