"""A3.path-lifting: the flow of the paths of a ReLU network follows from the paths and the laws alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from .._both_flows import both_flows
from .._path_flow import (
    Start,
    at,
    distance,
    formula,
    from_z,
    jacobian,
    law_gradients,
    lifted,
    metric,
    metric_polynomials,
    node,
    paths_of,
    rank,
    read,
    squared_loss,
    starts,
    worst_entry,
)
from .._path_proofs import metric_identity
from .._profiles import Profile
from .._theorem import Mutant, Property, Residual, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
EXAMPLE = at("relu:1-2-1+bias", (1, 2, 2, -1, 3, 1))
"""v = (1, 2), b = (2, -1), u = (3, 1): the example of the theory; its paths are u1 v1, u2 v2, u1 b1, u2 b2."""
KNOWN_LAWS = (-4, 4)
KNOWN_METRIC = ((10, 0, 2, 0), (0, 5, 0, -2), (2, 0, 13, 0), (0, -2, 0, 2))
POINTS = (
    EXAMPLE,
    at("relu:2-3-2+bias", (1, 2, -1, 3, 1, 2, 1, -2, 1, 2, 1, 1, -1, 3, 1)),
    at("relu:2-2-2-2+skip0:3", (1, 2, -1, 3, 1, 2, 1, -2, 1, 2, 1, 1, -1, 3, 1, 2)),
    at("dag:x:2,h:2,g:1,y:1/x-h-y,x-g-y,h-g", (1, 2, -1, 3, 1, 2, 1, -2, 1, 2, 3)),
)
FLOW = at(
    "relu:2-2-2-1+bias+skip0:2",
    tuple(F(x, 8) for x in (9, -8, 8, 7, -6, 5, 6, -7, 8, 9, 5, -4, 10, -9, 4, -5, 6, 7)),
    (2, 1, 1, 3),
)


def derivation() -> Iterator[Step]:
    """The metric in the squares, the squares from z and the laws, and nothing left of the fibre."""
    from ...oracles.proofs import inclusion, values

    yield Step(
        "The derivative of a path in one of its weights is the path without it. So two paths have an inner product for "
        "each edge that they share. Multiplied by the squares of these, an identity of polynomials: here for all pairs "
        "of paths of a network with biases and a skip.",
        r"\langle \nabla \phi_p, \nabla \phi_q \rangle = \sum_{e \in p \cap q} \frac{\phi_p}{\theta_e} "
        r"\frac{\phi_q}{\theta_e} = \phi_p \phi_q \sum_{e \in p \cap q} \frac{1}{\theta_e^2}",
        certificate=metric_identity("relu:2-2-1-1+bias+skip0:2"),
    )
    model, point = EXAMPLE.model, EXAMPLE.weights
    entries = [
        (node(x), y)
        for line, known in zip(metric_polynomials(model), KNOWN_METRIC, strict=True)
        for x, y in zip(line, known, strict=True)
    ]
    yield Step(
        "The metric at v = (1, 2), b = (2, -1), u = (3, 1), where z = (3, 2, 6, -1) and h = (-4, 4).",
        r"M = \begin{pmatrix} 10 & 0 & 2 & 0 \\ 0 & 5 & 0 & -2 \\ 2 & 0 & 13 & 0 \\ 0 & -2 & 0 & 2 \end{pmatrix}",
        certificate=values(point, entries),
    )
    yield Step(
        "The squares are functions of |z| and the laws: A3.path-lifting.recover. They are all that the metric needs "
        "besides z, so M is a function of z on the parameters without zeros that have the laws of the initialization: "
        "the metric property, and with it the dynamic one. The weights themselves are recovered up to signs, which "
        "cannot change without a zero and which M does not see.",
        r"M(\theta) = K_{h(\theta)}(\phi(\theta))",
    )
    for start in POINTS:
        yield Step(
            f"{start.model.spec} at integers without zero: no direction keeps all paths and all laws.",
            r"\ker d\phi(\theta) \cap \ker dh(\theta) = 0",
            certificate=inclusion(start.model, None, start.weights, []),
        )
    yield Step(
        "In general: a direction that keeps all paths is a rescaling, d theta_e = (C^T t)_e theta_e, because the paths "
        "have rank D - #hidden (A1.relu.path-lifting.count). It changes h by 2 C diag(theta^2) C^T t, which is zero "
        "only for t = 0. So rank dphi = D - #hidden = dim Lie(W): the Frobenius property.",
        r"dh = 2\, C\, \mathrm{diag}(\theta^2)\, C^T t",
    )


def check_exact(start: Start) -> Residual:
    """M from the parameters against the formula, whose squares come from z and h alone; and what is left of the fibre.

    Where the recovered squares are not found to be rational, which they are here, their enclosure would show.
    """
    found = from_z(start)
    if not found.exact:
        return Residual(F(1), note="the squares were not recovered exactly")
    z = lifted(start.model, start.weights)
    off = distance(metric(start.model, start.weights), formula(paths_of(start.model), z, found.squares))
    stacked = jacobian(start.model, start.weights) + law_gradients(start.model, start.weights)
    return Residual(off + start.model.parameters - rank(stacked), note=f"{len(z)} paths")


def check_floats(start: Start) -> Residual:
    """The same in float64.

    All terms of the sum over shared edges are positive, so an entry is off by at most the relative errors of the
    squares (a bound that ``recover`` returns) and of the roundings of z, of the sum and of the products, relative to
    itself: L + 6 of them, L being the longest path.
    """
    import numpy as np

    from ...oracles.intrinsic.paths.recover import law_values
    from ...simulations.fields import gamma
    from ...simulations.recover import recover

    laws = [float(h) for h in law_values(start.model, start.weights)]
    found = recover(start.model, [float(x) for x in start.weights], laws)
    paths = paths_of(start.model)
    z = np.array([float(x) for x in lifted(start.model, start.weights)])
    edges = np.zeros((len(paths), start.model.parameters))
    for i, path in enumerate(paths):
        edges[i, list(path)] = 1.0
    computed = z[:, None] * z[None, :] * ((edges / found.squares) @ edges.T)
    exact = metric(start.model, start.weights)
    relative = float(np.expm1(found.errors.max(initial=0.0))) + gamma(max(map(len, paths)) + 6)
    values, bounds = list[float](), list[float]()
    for line, known in zip(computed.tolist(), exact, strict=True):
        values += [abs(float(F(x) - y)) for x, y in zip(line, known, strict=True)]
        bounds += [relative * abs(float(y)) for y in known]
    return worst_entry(values, bounds)


def check_roots(start: Start) -> Residual:
    """The wrong statement: weights in place of their squares."""
    z = lifted(start.model, start.weights)
    sizes = [abs(x) for x in start.weights]
    return Residual(distance(metric(start.model, start.weights), formula(paths_of(start.model), z, sizes)))


def check_union(start: Start) -> Residual:
    """The wrong statement: the sum over all edges of both paths."""
    z = lifted(start.model, start.weights)
    edges = [set(path) for path in paths_of(start.model)]
    wrong = [
        [z[p] * z[q] * sum((1 / start.weights[e] ** 2 for e in edges[p] | edges[q]), F(0)) for q in range(len(z))]
        for p in range(len(z))
    ]
    return Residual(distance(metric(start.model, start.weights), wrong))


def check_no_laws(start: Start) -> Residual:
    """The wrong statement: z alone gives the metric, so that a rescaling, which keeps z, keeps M."""
    from .._path_flow import rescaled

    return Residual(distance(metric(start.model, start.weights), metric(start.model, rescaled(start))))


def at_zero() -> Certificate:
    """The wrong statement "for any initialization": two points of one fibre with different metrics."""
    from ...oracles.proofs import two_points

    return two_points(read("relu:2-1-1"), None, ((1, 0, 0), (0, 1, 0)), (0, 0), (1, 0))


def table() -> Table:
    """The example of the theory: the metric from z and h alone."""
    from ...oracles.intrinsic.paths.recover import law_values

    found, z = from_z(EXAMPLE), lifted(EXAMPLE.model, EXAMPLE.weights)
    lines = formula(paths_of(EXAMPLE.model), z, found.squares)
    names = ("u1 v1", "u2 v2", "u1 b1", "u2 b2")
    rows = [[name, str(x), *map(str, line)] for name, x, line in zip(names, z, lines, strict=True)]
    agrees = lines == [list(map(F, line)) for line in KNOWN_METRIC]
    agrees = agrees and law_values(EXAMPLE.model, EXAMPLE.weights) == KNOWN_LAWS
    return Table("The metric of relu:1-2-1+bias at h = (-4, 4), from z and h", ("path", "z", *names), rows, agrees)


def two_hidden_layers(profile: Profile) -> SimulationResult:
    """Full and reduced flow of a network with two hidden layers, biases and a skip."""
    from ...oracles.models import known_laws
    from ...simulations.reduced import compare, reduced_flow
    from .._reduced import side_by_side

    model, weights = FLOW.model, FLOW.weights
    loss = squared_loss(model, weights, toward=F(1, 4))
    flow = reduced_flow(model, weights)
    seen = compare(model, weights, flow, loss, time=0.5, steps=8, halvings=(2, 3, 4)[profile.effort])
    law = known_laws(model)[0].polynomials()[0]
    names = [f"path {i + 1}" for i in range(model.coordinate_terms())]
    return side_by_side(seen, names, law, f"{model.parameters} parameters, {len(names)} paths, {model.hidden} laws")


def _mutant(name: str, says: str, check: Callable[[Start], Residual]) -> Mutant:
    return Mutant(name, says, Property(name, says, "rational", starts, check, [EXAMPLE]))


THEOREM = Theorem(
    id="A3.path-lifting",
    title="The reduced flow of a ReLU network on any graph",
    summary="Without zero weights, paths and laws determine the squares of weights, and these the flow of the paths.",
    source="A3 Theorem 3.1, Corollaries 3.3 and 3.4 (on a dense set, as version 2 says); the formula derived",
    status="proved",
    hypotheses=(
        "A directed acyclic graph as in A1.relu.path-lifting.count, with biases as edges; phi_p is the product of the "
        "weights along the path p.",
        "No weight is zero. At zero weights the statement fails: A3.zero-weights.",
        "The loss is f(phi(theta)), differentiable; theta follows its gradient flow.",
    ),
    statement=r"\begin{gathered} \dot z = -K_h(z) \nabla f(z) \\ "
    r"K_{pq} = z_p z_q \sum_{e \in p \cap q} \frac{1}{\theta_e^2}, \quad \theta_e^2 = \theta_e^2(|z|, h) \\ "
    r"\ker d\phi \cap \ker dh = 0 \end{gathered}",
    assumes=("A1.relu.path-lifting.count", "A3.path-lifting.recover"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="metric",
            says="On random graphs dphi dphi^T equals the formula with squares from z and h alone, and (dphi; dh) has "
            "rank D: exactly.",
            arithmetic="rational",
            cases=starts,
            check=check_exact,
            examples=[EXAMPLE],
            share=0.4,
        ),
        Property(
            name="metric-float64",
            says="The same with squares recovered in float64, within their proved errors.",
            arithmetic="float64",
            cases=starts,
            check=check_floats,
            examples=[EXAMPLE],
            share=0.4,
        ),
    ),
    simulations=(
        both_flows("relu:2-2-1+skip0:2", "generic", "A network with a skip connection: both flows."),
        Simulation(
            name="two-hidden-layers",
            says="The flow of the parameters and the flow of the paths by themselves stay together at order 4.",
            run=two_hidden_layers,
        ),
    ),
    mutants=(
        _mutant("not-squared", "The metric has 1 / |theta_e| in place of 1 / theta_e^2.", check_roots),
        _mutant("all-edges", "The sum goes over the edges of either path.", check_union),
        Mutant(
            name="all-edges-identity",
            says="The same as an identity of polynomials.",
            rejects=lambda: metric_identity("relu:1-2-1+bias", joint=False),
        ),
        Mutant(
            name="laws-not-needed",
            says="z alone determines the metric.",
            violates=Property("laws-not-needed", "rescaled", "rational", starts, check_no_laws, [FLOW]),
        ),
        Mutant(
            name="any-initialization", says="It holds for any initialization, zero weights included.", refutes=at_zero
        ),
    ),
)
