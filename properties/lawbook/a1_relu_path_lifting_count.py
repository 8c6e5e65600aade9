"""A1.relu.path-lifting.count: one law for each hidden neuron of a ReLU network on any graph, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from .._profiles import Profile
from .._theorem import (
    Mutant,
    Plot,
    Property,
    Residual,
    Series,
    Simulation,
    SimulationResult,
    Skipped,
    Step,
    Table,
    Theorem,
)
from .a1_deep_linear_known_laws import exact_changes, worst_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...oracles.models import PathLifting
    from ...oracles.polynomials import Polynomial, Rational

KNOWN = (
    ("relu:2-3-2", 12, 9, 3),
    ("relu:2-3-2+bias", 15, 12, 3),
    ("relu:2-2-3-2", 16, 11, 5),
    ("relu:2-2-3-2+bias", 21, 16, 5),
    ("relu:2-2-2-2+skip0:3", 16, 12, 4),
    ("relu:2-3-3-2+bias+outbias+skip0:2+skip0:3+skip1:3", 45, 39, 6),
    ("relu:2-2-2+outbias", 10, 8, 2),
)
"""Model (widths from input to output), D, the rank of the paths and the number of laws, as the theory lists them."""

Precision = Literal["float32", "float64"]


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """A network on any graph."""

    model: PathLifting

    def __repr__(self) -> str:
        return self.model.spec


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """A network, its leak, exact weights, inputs, and the derivatives of the loss in the outputs at each input."""

    model: PathLifting
    leak: Rational
    weights: tuple[Rational, ...]
    inputs: tuple[tuple[Rational, ...], ...]
    slopes: tuple[tuple[Rational, ...], ...]

    def __repr__(self) -> str:
        from ..strategies import shown

        pairs = zip(self.inputs, self.slopes, strict=True)
        data = ", ".join(f"{shown(x)} with slope {shown(slope)}" for x, slope in pairs)
        return f"{self.model.spec}, leak {self.leak}, weights {shown(self.weights)}, inputs {data}"


@dataclass(frozen=True, slots=True)
class Layers:
    """A layered network with biases for torch: widths from input to output, and a seed of weights and samples."""

    widths: tuple[int, ...]
    leak: float
    seed: int


def read(spec: str) -> PathLifting:
    """The network that a spec names."""
    from ...oracles.models import PathLifting, parse_model

    model = parse_model(spec)
    assert isinstance(model, PathLifting)
    return model


def laws(model: PathLifting) -> list[Polynomial]:
    """``h_v`` for every hidden neuron: incoming squares minus outgoing ones."""
    from ...oracles.models import known_laws

    return [law for family in known_laws(model) for law in family.polynomials()]


def incidence(model: PathLifting) -> list[list[int]]:
    """One row of zeros and ones over the edges for each path."""
    rows: list[list[int]] = []
    for path in model.paths():
        row = [0] * model.parameters
        for edge, _ in path:
            row[edge] = 1
        rows.append(row)
    return rows


def signs(model: PathLifting) -> list[dict[int, int]]:
    """The rows of C: for each hidden neuron +1 on the edges that enter it and -1 on those that leave it."""
    return [{monomial[0][0]: int(c) for monomial, c in law.terms.items()} for law in laws(model)]


def certified(model: PathLifting, *, structure: bool = True) -> Completeness:
    """The kernel's count of all laws."""
    from ...oracles.lie import find_completeness

    found = find_completeness(model, structure=structure, levels=False)
    assert found.complete
    return found


def derivation() -> Iterator[Step]:
    """Path fields have constant directions; their annihilator is made of potential differences."""
    from ...oracles.proofs import conserved, exact_rank

    yield Step(
        "phi_p is the product of the weights along the path p. In the coordinates s_e = theta_e^2 / 2 its gradient is "
        "phi_p times the indicator of the path, a constant vector: theta_e times the derivative in theta_e is phi_p "
        "for each edge of the path. All statements are about points without zero weights.",
        r"\nabla \phi_p = \phi_p \sum_{e \in p} \partial_{s_e}, \qquad "
        r"\theta_e \frac{\partial \phi_p}{\partial \theta_e} = \phi_p \quad (e \in p)",
    )
    yield Step(
        "So brackets lead nowhere new. For two paths that share one edge, theta_0^2 times their bracket is a "
        "combination of the two fields themselves; in general the factor is the sum of 1 / theta_e^2 over the shared "
        "edges.",
        r"[\nabla \phi_p, \nabla \phi_q] = \Big( \sum_{e \in p \cap q} \theta_e^{-2} \Big)"
        r"\left( \phi_q \nabla \phi_p - \phi_p \nabla \phi_q \right)",
        certificate=bracket_identity(1),
    )
    yield Step(
        "A path enters each hidden neuron that it visits once, and leaves it once. So the derivative of h_v along "
        "grad phi_p is 2 phi_p times (1 - 1) or (0 - 0). Here all laws of a network with biases on hidden and output "
        "neurons and a skip, against all its paths.",
        r"\langle \nabla h_v, \nabla \phi_p \rangle = 2 \phi_p "
        r"\left( |p \cap \mathrm{in}(v)| - |p \cap \mathrm{out}(v)| \right) = 0",
        certificate=conserved(read(KNOWN[5][0]), laws(read(KNOWN[5][0]))),
    )
    yield Step(
        "Conversely, let c be a vector over the edges that sums to zero along every path. For a neuron v let pi_v be "
        "the sum of c along some way from v to an output. Two ways give the same number, for both can be put behind "
        "the same way from a source to v. Then c of an edge from u to v is pi_u - pi_v, and pi is zero at outputs, "
        "and at sources, whose ways are paths. One free number for each hidden neuron remains.",
        r"c_{u \to v} = \pi_u - \pi_v, \qquad \pi = 0 \text{ on sources and outputs}",
    )
    yield Step(
        "These vectors c are the combinations of the rows of C, and no combination vanishes: follow a way from a "
        "hidden neuron to an output. So the paths span D - #hidden dimensions, W is involutive there, and Frobenius "
        "counts.",
        r"\dim W = \dim \mathrm{Lie}(W) = D - \#\mathrm{hidden}",
    )
    for spec, *_ in KNOWN:
        model = read(spec)
        found = certified(model)
        yield Step(
            f"{spec}: D = {found.parameters}, {model.coordinate_terms()} paths, {found.independent_laws} laws and no "
            f"others.",
            certificate=found.certificate,
        )
    yield Step(
        "The last claims use the structural rule of the kernel. The same without it, for 2-2-3-2 with biases: paths "
        "and laws at a random point modulo a prime.",
        certificate=certified(read(KNOWN[3][0]), structure=False).certificate,
    )
    big = read(KNOWN[5][0])
    yield Step(
        f"And the rank over Q of the {big.coordinate_terms()} x {big.parameters} matrix of paths and edges of the "
        f"largest one is {big.parameters - big.hidden}.",
        certificate=exact_rank(incidence(big)),
    )


def bracket_identity(sign: int) -> Certificate:
    """``x0^2 [grad p, grad q] = q grad p - p grad q`` for p = x0 x1 x2, q = x0 x3 x4; ``sign`` spoils the last term."""
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import identity

    x = [Polynomial.variable(k) for k in range(5)]
    p, q = x[0] * x[1] * x[2], x[0] * x[3] * x[4]
    X, Y = [p.derivative(k) for k in range(5)], [q.derivative(k) for k in range(5)]

    def along(field: Sequence[Polynomial], direction: Sequence[Polynomial]) -> list[Polynomial]:
        return [sum((entry.derivative(k) * move for k, move in enumerate(direction)), Polynomial()) for entry in field]

    bracket = [a - b for a, b in zip(along(X, Y), along(Y, X), strict=True)]
    right = [q * a - (p * b).scaled(sign) for a, b in zip(X, Y, strict=True)]
    return identity(5, [(tree(x[0] ** 2 * a), tree(b)) for a, b in zip(bracket, right, strict=True)])


def tree(polynomial: Polynomial) -> Any:
    """A polynomial as the kernel's expressions read it."""
    from ...oracles.proofs import add, multiply, power, symbol

    return add(
        *(
            multiply(c, *(symbol(variable) if e == 1 else power(symbol(variable), e) for variable, e in monomial))
            for monomial, c in polynomial.terms.items()
        )
    )


def graphs() -> SearchStrategy[Graph]:
    """Layered networks with biases and skips, and random graphs."""
    from hypothesis import strategies as st

    from ..strategies import dags, relu_models

    return st.builds(Graph, st.one_of(relu_models(parameters=25), dags()))


def cases(*, tiny: bool = True) -> SearchStrategy[Case]:
    """Networks at initializations of every kind with some data; without ``tiny`` none that underflows in float32."""
    from hypothesis import strategies as st

    from ..strategies import KINDS, Kind, data_dimensions, initializations, rationals, vectors

    kinds: list[Kind] = [kind for kind in KINDS if tiny or kind != "near-degenerate"]

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        model = draw(graphs()).model
        inputs, outputs = data_dimensions(model)
        samples = draw(st.integers(1, 3))
        weights = draw(initializations(model, draw(st.sampled_from(kinds))))
        leak = draw(st.one_of(st.just(Fraction(0)), rationals(1, denominator=5)))
        x = draw(st.tuples(*[vectors(inputs)] * samples))
        return Case(model, leak, weights, x, draw(st.tuples(*[vectors(outputs, nonzero=True)] * samples)))

    return draw_case()


def mlps() -> SearchStrategy[Layers]:
    """Biased leaky-ReLU networks for torch."""
    from hypothesis import strategies as st

    from ..strategies import widths

    shape = widths(layers=(2, 4), width=(2, 8), parameters=150)
    return st.builds(Layers, shape, st.sampled_from([0.0, 0.01, 0.2]), st.integers(0, 10**6))


def check_incidence(graph: Graph) -> Residual:
    """The rank of all paths over Q, and the products of C with all paths."""
    from flint import fmpz_mat

    model = graph.model
    rows = incidence(model)
    rank = int(fmpz_mat(rows).rank())
    kept = sum(sum(c * row[e] for e, c in sign.items()) != 0 for row in rows for sign in signs(model))
    return Residual(abs(rank - model.parameters + model.hidden) + kept, note=f"{len(rows)} paths, rank {rank}")


def check_by_layers(graph: Graph) -> Residual:
    """The wrong statement: one law for each hidden layer, as if only whole layers could be rescaled."""
    from flint import fmpz_mat

    model = graph.model
    groups = sum(group.role == "hidden" for group in model.groups)
    return Residual(abs(int(fmpz_mat(incidence(model)).rank()) - model.parameters + groups))


def check_no_bias(case: Case) -> Residual:
    """The wrong statement: the balance without the biases."""
    point, gradient = pulled(case, object)
    offset = 0
    for a, b in case.model.links:
        size = case.model.groups[a].size * case.model.groups[b].size
        if case.model.groups[a].name == "one":
            point[offset : offset + size] = 0
        offset += size
    return Residual(max(abs(value) for value in balance_velocity(case.model, point, gradient)))


def pulled(case: Case, kind: Any, *, sizes: bool = False) -> tuple[Any, Any]:
    """The weights and the gradient of the loss as arrays of ``kind``; with ``sizes`` all terms in absolute value."""
    import numpy as np

    from ...simulations import ReluNetwork

    outputs = len(case.slopes[0])
    point = np.array(case.weights, dtype=object).astype(kind)
    x = np.array([list(row) for row in case.inputs], dtype=object).reshape(len(case.inputs), -1).astype(kind)
    slopes = np.array(case.slopes, dtype=object).reshape(-1, outputs).astype(kind)
    network = ReluNetwork(case.model, case.leak)
    if sizes:
        point, x, slopes = (np.abs(array).astype(np.float64) for array in (point, x, slopes))
        network = ReluNetwork(case.model, 1)  # a leak of at most 1 in size makes no term larger
    return point, network.pullback(point, x, slopes)


def balance_velocity(model: PathLifting, point: Any, gradient: Any, *, out: int = -1) -> list[Any]:
    """``sum_in theta_e g_e + out * sum_out theta_e g_e`` for each hidden neuron: half the derivative of h_v."""
    return [sum((1 if c > 0 else out) * point[e] * gradient[e] for e, c in sign.items()) for sign in signs(model)]


def check_network(case: Case) -> Residual:
    """The derivative of every h_v along the gradient of a loss of the network itself, in fractions."""
    point, gradient = pulled(case, object)
    return Residual(
        max(abs(value) for value in balance_velocity(case.model, point, gradient)), nontrivial=bool(gradient.any())
    )


def check_double(case: Case) -> Residual:
    """The wrong statement: twice the outgoing squares."""
    point, gradient = pulled(case, object)
    return Residual(max(abs(value) for value in balance_velocity(case.model, point, gradient, out=-2)))


def in_floats(precision: Precision) -> Callable[[Case], Residual]:
    """The same in floats.

    The rounded point is a point like any other, and the pattern that the floats show is used in both passes, so the
    exact value is 0. Bound: gamma(n) times the sum of absolute terms; n counts the roundings along a path through both
    passes (``ReluNetwork.roundings``), the samples, and the terms and the product of the balance itself.
    """

    def check(case: Case) -> Residual:
        import numpy as np

        from ...simulations import ReluNetwork
        from ...simulations.fields import gamma

        point, gradient = pulled(case, precision)
        wide, terms = pulled(case, precision, sizes=True)
        roundings = ReluNetwork(case.model).roundings + len(case.inputs) + case.model.parameters + 2
        unit = gamma(roundings, np.dtype(precision)) / (1 - gamma(roundings))
        return worst_of(
            [abs(float(value)) for value in balance_velocity(case.model, point, gradient)],
            [unit * float(value) for value in balance_velocity(case.model, wide, terms, out=1)],
        )

    return check


def by_torch(layers: Layers) -> Residual:
    """Autograd's gradient of the cross-entropy of a biased leaky-ReLU network, in float64.

    torch multiplies the same numbers in some order of its own. Backpropagation is linear in the derivatives of the loss
    in the logits, which are at most 1 in size; whatever their rounding, the balance of the result is 0 up to gamma(n)
    times the sum of absolute terms, n as for numpy with 8 more for the activation and its derivative in each layer.
    """
    try:
        import torch
    except ImportError:
        raise Skipped("torch is not installed") from None
    import numpy as np

    from ...oracles.models import layered
    from ...simulations import ReluNetwork
    from ...simulations.fields import gamma

    samples, widths = 4, layers.widths
    model = layered(widths, bias=True)
    rng = np.random.default_rng(layers.seed)
    flat, x = rng.normal(size=model.parameters), rng.normal(size=(samples, widths[0]))
    labels = torch.as_tensor(rng.integers(0, widths[-1], samples))
    theta = torch.tensor(flat, requires_grad=True)
    offset, value = 0, torch.as_tensor(x)
    for number, (a, b) in enumerate(pairwise(widths), 1):
        value = value @ theta[offset : offset + a * b].view(a, b)
        offset += a * b
        if number < len(widths) - 1:
            value = torch.nn.functional.leaky_relu(value + theta[offset : offset + b], layers.leak)
            offset += b
    torch.nn.functional.cross_entropy(value, labels, reduction="sum").backward()  # type: ignore[no-untyped-call]
    assert theta.grad is not None
    gradient = theta.grad.numpy()
    network = ReluNetwork(model, 1)
    terms = network.pullback(np.abs(flat), np.abs(x), np.ones((samples, widths[-1])))
    roundings = network.roundings + samples + model.parameters + 2 + 8 * len(widths)
    unit = gamma(roundings) / (1 - gamma(roundings))
    return worst_of(
        [abs(float(v)) for v in balance_velocity(model, flat, gradient)],
        [unit * float(v) for v in balance_velocity(model, np.abs(flat), terms, out=1)],
    )


def table() -> Table:
    """The table of the theory: ranks of the matrix of paths and edges over Q, laws read off certificates."""
    from flint import fmpz_mat

    rows: list[tuple[str | int, ...]] = []
    for spec, *_ in KNOWN:
        model = read(spec)
        rank = int(fmpz_mat(incidence(model)).rank())
        rows.append((spec, model.parameters, rank, certified(model).independent_laws))
    shown = [(*row[:2], read(str(row[0])).coordinate_terms(), *row[2:]) for row in rows]
    columns = ("network, input first", "D", "paths", "rank", "laws")
    return Table("All laws of ReLU networks", columns, shown, tuple(rows) == KNOWN)


def training(profile: Profile) -> SimulationResult:
    """Gradient descent on a biased 2-6-4-1 network that switches many neurons on its way."""
    import numpy as np

    from ...simulations import EULER, DataLoss, ReluNetwork, integrate
    from ...simulations.integrators import euler_drift, rounding_drift

    model = read("relu:2-6-4-1+bias")
    random = Random(5)
    inputs = [[Fraction(random.randint(-40, 40), 20) for _ in range(2)] for _ in range(12)]
    targets = [[Fraction(3) * x[0] * x[1]] for x in inputs]
    network = ReluNetwork(model)
    field = DataLoss(network, inputs, targets)
    balances = laws(model)
    start = np.array([random.gauss(0, 0.6) for _ in range(model.parameters)])
    worst, drifts, flips = Residual(0.0, 0.0, nontrivial=False), list[Series](), list[Series]()
    for power in range(7, 7 + (1, 2, 4)[profile.effort]):
        eta, steps = 2.0**-power, 2**power
        path = integrate(field, start, method=EULER, length=eta, steps=steps)
        gradients = [field(point) for point in path.points[:-1]]
        off = float(
            np.linalg.norm(exact_changes(balances, start, path.end) - euler_drift(balances, gradients, eta=eta))
        )
        bound = rounding_drift(field, balances, path, length=eta)
        switched = np.cumsum(
            [0, *(int((a != b).sum()) for a, b in pairwise([masks(network, p, inputs) for p in path.points]))]
        )
        if not worst.bound or off / bound > worst.value / worst.bound:
            worst = Residual(
                off, bound, nontrivial=bool(switched[-1]), note=f"{switched[-1]} switches at eta = 1/{steps}"
            )
        marks = sorted({round(k * steps / 48) for k in range(1, 49)})
        drifts.append(
            Series(
                f"eta = 1/{steps}",
                [(k * eta, float(np.abs(exact_changes(balances, start, path.points[k])).max())) for k in marks],
            )
        )
        flips.append(Series(f"eta = 1/{steps}", [(k * eta, float(switched[k])) for k in marks]))
    plots = (
        Plot(
            "Largest drift of a neuron's balance while training",
            "t",
            "drift",
            drifts,
            y_scale="log",
            caption="All of it is the discretisation error eta² h(g) of the steps: switching neurons add nothing.",
        ),
        Plot(
            "Activations switched so far",
            "t",
            "switches (neuron, input)",
            flips,
            caption="The laws do not care: the balance holds on both sides of every kink.",
        ),
    )
    return SimulationResult(worst, plots)


def masks(network: Any, point: Any, inputs: Sequence[Sequence[Rational]]) -> Any:
    """The signs of all hidden arguments, layer by layer."""
    import numpy as np

    weights = network.weights(point)
    value, parts = np.array([[float(entry) for entry in x] for x in inputs]), list[Any]()
    for weight, bias in zip(weights[0:-1:2], weights[1:-1:2], strict=True):
        value = value @ weight + bias
        parts.append(value > 0)
        value = np.maximum(value, 0)
    return np.concatenate(parts, axis=1)


def refuted_without_bias() -> Certificate:
    """A point at which |v|^2 - |u|^2 changes where the neuron has a bias."""
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import find_refutation

    model = read("relu:1-1-1+bias")
    wrong = Polynomial.variable(0) ** 2 - Polynomial.variable(2) ** 2
    found = find_refutation(model, wrong)
    assert found is not None
    return found.certificate


def one_more() -> Certificate:
    """The certificate of 2-3-2 with a fourth law."""
    found = certified(read("relu:2-3-2")).certificate
    assert found is not None
    claim = found["claim"]
    assert isinstance(claim, dict)
    return {**found, "claim": {**claim, "independent_laws": 4, "lie_dimension": 8}}


THEOREM = Theorem(
    id="A1.relu.path-lifting.count",
    title="All laws of the path lifting of a ReLU network",
    summary="One law for each hidden neuron, incoming minus outgoing squares, on any graph, and there are no others.",
    source="A1 Prop. 4.1 and notebook for layered networks; A3 Cor. 3.4 for graphs; proof derived",
    status="proved",
    hypotheses=(
        "A directed acyclic graph whose hidden neurons have a positively homogeneous activation of degree 1: ReLU, "
        "leaky ReLU, identity. Biases are edges from a source that carries 1; skips, if trained, are edges.",
        "phi_p is the product of the weights along p, for all paths p from a source to an output.",
        "Every edge lies on a path, and no weight is zero.",
    ),
    statement=r"\begin{gathered} "
    r"h_v = \sum_{e \to v} \theta_e^2 - \sum_{v \to e} \theta_e^2 \\ "
    r"\#\text{laws} = \#\mathrm{hidden} \\ "
    r"\dim W = \dim \mathrm{Lie}(W) = D - \#\mathrm{hidden}"
    r" \end{gathered}",
    assumes=("A1.char.orthogonality", "A1.independence-and-count"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="incidence",
            says="The paths of random graphs have rank D - #hidden over Q, and C times every path is zero.",
            arithmetic="rational",
            cases=graphs,
            check=check_incidence,
            share=0.3,
        ),
        Property(
            name="network",
            says="Every h_v is constant along the gradient of any loss of the network itself, leaky or not.",
            arithmetic="rational",
            cases=cases,
            check=check_network,
            share=0.3,
        ),
        Property(
            name="network-float64",
            says="The same in float64 stays below what rounding can do.",
            arithmetic="float64",
            cases=lambda: cases(tiny=False),
            check=in_floats("float64"),
            share=0.3,
        ),
        Property(
            name="network-float32",
            says="The same in float32 stays below what rounding can do.",
            arithmetic="float32",
            cases=lambda: cases(tiny=False),
            check=in_floats("float32"),
            share=0.3,
        ),
        Property(
            name="autograd",
            says="torch's gradients of the cross-entropy of biased leaky-ReLU networks keep every h_v up to rounding.",
            arithmetic="float64",
            cases=mlps,
            check=by_torch,
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            "training",
            "Gradient descent across many switches of neurons breaks each law by exactly eta^2 h(g) a step.",
            training,
        ),
    ),
    mutants=(
        Mutant(
            name="no-bias-term",
            says="With biases, |v|^2 - |u|^2 without b^2 is a law.",
            refutes=refuted_without_bias,
        ),
        Mutant(
            name="no-bias-in-the-network",
            says="The same for the gradients of any network with biases.",
            violates=Property(
                name="no-bias-in-the-network",
                says="biases left out",
                arithmetic="rational",
                cases=cases,
                check=check_no_bias,
            ),
        ),
        Mutant(
            name="twice-outgoing",
            says="Incoming squares minus twice the outgoing ones are conserved.",
            violates=Property(
                name="twice-outgoing", says="a factor 2", arithmetic="rational", cases=cases, check=check_double
            ),
        ),
        Mutant(
            name="one-for-each-layer",
            says="There is one law for each hidden layer.",
            violates=Property(
                name="one-for-each-layer",
                says="layers",
                arithmetic="rational",
                cases=graphs,
                check=check_by_layers,
            ),
        ),
        Mutant(
            name="other-bracket",
            says="The bracket of two paths is symmetric in them.",
            rejects=lambda: bracket_identity(-1),
        ),
        Mutant(name="fourth-law", says="2-3-2 has four laws.", rejects=one_more),
    ),
)
