"""B7.neuron: what a hidden neuron receives in saliency it passes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from .._layered import Batch, Layers, Net, nets, neurons, random_net, rounded, size_of, symbolic
from .._layered_torch import by_autograd, torch_pass
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import PathLifting

F = Fraction
EXAMPLE = Net(
    widths=(2, 3, 2),
    weights=((F(1), F(-2), F(3), F(1), F(-1), F(2)), (F(1), F(2), F(-1), F(-3), F(1), F(2))),
    biases=((F(1), F(-1), F(2)), (F(1), F(1))),
    leak=F(0),
    inputs=((F(2), F(1)), (F(-1), F(3))),
    linear=((F(1), F(-1)), (F(2), F(1))),
    curvature=F(1),
)


def derivation() -> Iterator[Step]:
    """Euler's identity at one neuron."""
    yield Step(
        "Scaling everything that enters a neuron by c > 0, its bias included, scales its value by c; scaling what "
        "leaves it by 1/c undoes that. So R does not change, and B0.orthogonality at c = 1 is the statement.",
        r"\sigma(cz) = c\,\sigma(z) \ \Rightarrow\ \sigma'(z)\, z = \sigma(z)",
    )
    yield Step(
        "The same locally, and for any R: let delta_k be the derivatives of R in the neurons that follow, and s the "
        "slope of the activation, sigma(z) = s z. All of them are free symbols; three weights and a bias come in, "
        "two weights go out.",
        r"\sum_i w_i\,\delta x_i + b\,\delta = \delta z = s z \sum_k v_k \delta_k = \sum_k v_k\,(\delta_k\, s z), "
        r"\qquad \delta = s\sum_k v_k\delta_k",
        _local(),
    )
    yield Step(
        "Every neuron of a network of widths 2-2-2-2 with biases: the backward pass that computes the scores below "
        "runs on free symbols, the slopes of all activations and dR/dy among them.",
        r"\sum_{e \to v} \frac{\partial R}{\partial\theta_e}\theta_e = "
        r"\sum_{v \to e} \frac{\partial R}{\partial\theta_e}\theta_e",
        _network(),
    )


def _local() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    w, x = ([symbols(f"{name}{i}") for i in range(3)] for name in "wx")
    v, d = ([symbols(f"{name}{k}") for k in range(2)] for name in "vd")
    b, s = symbols("b"), symbols("s")
    z = sum((p * q for p, q in zip(w, x, strict=True)), b)
    back = s * sum(p * q for p, q in zip(v, d, strict=True))
    incoming = sum((p * (back * q) for p, q in zip(w, x, strict=True)), b * back)
    return equal(symbols, [(incoming, sum(p * (q * (s * z)) for p, q in zip(v, d, strict=True)))])


def _network() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    return equal(symbols, list(neurons(symbolic(symbols, (2, 2, 2, 2)).scores)))


def _no_euler() -> Certificate:
    """An activation whose value is free of its slope."""
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    w, x, b, v, d = (symbols(name) for name in "wxbvd")
    s, value = symbols("slope"), symbols("value")
    back = s * (v * d)
    return equal(symbols, [(w * (back * x) + b * back, v * (d * value))])


def _squares() -> Certificate:
    """What comes in minus what goes out of a neuron with the activation z^2, where it is not 0."""
    from ...oracles.proofs import add, multiply, power, subtract, symbol, values

    w, x, b, v, d = map(symbol, range(5))
    z = add(multiply(w, x), b)
    incoming = multiply(add(multiply(w, x), b), multiply(2, z), v, d)
    return values((1, 2, 1, 1, 1), [(subtract(incoming, multiply(v, d, power(z, 2))), 9)])


def table() -> Table:
    """Signed and absolute scores of the neurons of the example."""
    scores = EXAMPLE.passed().scores
    sums = zip(neurons(scores), neurons(_absolute(scores)), strict=True)
    rows = [(str(j + 1), *map(str, signed), *map(str, absolute)) for j, (signed, absolute) in enumerate(sums)]
    columns = ("neuron", "in", "out", "absolute in", "absolute out")
    return Table("Sums of scores around the neurons of a 2-3-2 ReLU network", columns, rows)


def _absolute(scores: Layers) -> Layers:
    return [layer.map(lambda x, _: abs(x), layer) for layer in scores]


def check(net: Net, change: Callable[[Layers], Layers] = lambda scores: scores, *, bias: bool = True) -> Residual:
    """The largest difference of the two sums, exactly."""
    scores = net.passed().scores
    value = max(abs(a - b) for a, b in neurons(change(scores), bias=bias))
    return Residual(value, nontrivial=any(a for a, _ in neurons(scores)))


def check_torch(net: Net, dtype: str) -> Residual:
    """Autograd's scores, summed exactly."""
    found, sizes = torch_pass(net, dtype), net.sizes()
    pairs = zip(neurons(found.scores), neurons(sizes.scores), strict=True)
    worst = [
        rounded(a - b, size_of(m) + size_of(n), net.roundings, dtype, nontrivial=bool(a)) for (a, b), (m, n) in pairs
    ]
    return replace(max(worst, key=lambda r: r.value / r.bound), nontrivial=any(r.nontrivial for r in worst))


def graphs() -> SearchStrategy[tuple[PathLifting, Batch, Batch, Batch]]:
    """A network on any graph, its parameters, one input and one target."""
    from hypothesis import strategies as st

    from ..strategies import dags, data_dimensions, vectors

    def build(model: PathLifting) -> SearchStrategy[tuple[PathLifting, Batch, Batch, Batch]]:
        inputs, outputs = data_dimensions(model)
        point = vectors(model.parameters, size=4, denominator=2, nonzero=True)
        return st.tuples(st.just(model), point, vectors(inputs, nonzero=True), vectors(outputs))

    return dags().flatmap(build)


def check_graph(case: tuple[PathLifting, Batch, Batch, Batch]) -> Residual:
    """The squared loss of a leaky ReLU network on a graph with skip connections."""
    from ...oracles.models import known_laws
    from ...simulations import DataLoss, ReluNetwork

    model, point, x, y = case
    gradient = DataLoss(ReluNetwork(model, F(1, 4)), [x], [y]).gradient(point)
    laws = [law.gradient() for family in known_laws(model) for law in family.polynomials()]
    pairings = [sum((F(part.evaluate(point)) * gradient[i] for i, part in law.items()), F(0)) for law in laws]
    value = max(map(abs, pairings))
    return Residual(value, nontrivial=any(gradient))


def passing_on(profile: Profile) -> SimulationResult:
    """Saliencies around the neurons of a random network, signed and absolute.

    Residual and bound: the worst neuron, ``gamma(n)`` times the sum of absolute terms.
    """
    width = (8, 12, 24)[profile.effort]
    net = random_net((6, width, width, 3), samples=4)
    found, sizes = net.floats(), net.sizes()
    signed, absolute = list(neurons(found.scores)), list(neurons(_absolute(found.scores)))
    residuals = [
        rounded(F(a) - F(b), size_of(m) + size_of(n), net.roundings + 2 * width, "float64")
        for (a, b), (m, n) in zip(signed, neurons(sizes.scores), strict=True)
    ]
    low, high = min(a for a, _ in signed), max(max(a, b) for a, b in absolute)
    plot = Plot(
        "A neuron passes on the saliency that it receives",
        "sum over what comes in",
        "sum over what goes out",
        (
            Series("in = out", [(low, low), (high, high)]),
            Series("signed scores", [(float(a), float(b)) for a, b in signed], kind="points"),
            Series("absolute scores (SNIP)", [(float(a), float(b)) for a, b in absolute], kind="points"),
        ),
        caption=f"The {2 * width} hidden neurons of a random ReLU network with biases. Absolute values forget which "
        "terms cancel, and their sums agree no longer.",
    )
    return SimulationResult(max(residuals, key=lambda r: r.value / r.bound), (plot,))


THEOREM = Theorem(
    id="B7.neuron",
    title="Synaptic saliency is conserved at every neuron",
    summary="The scores gradient times weight of what enters a homogeneous neuron sum to those of what leaves it.",
    source="arXiv 2006.05467, Theorem 1",
    status="proved",
    hypotheses=(
        "The activation is positively homogeneous of degree 1: ReLU, leaky ReLU, the identity; at a kink any slope.",
        "R is any differentiable function of the outputs, over any number of samples.",
        "Scores are signed, S = (dR/dtheta) theta, and the bias of a neuron counts as incoming.",
    ),
    statement=r"\sum_{e \to v} \frac{\partial R}{\partial\theta_e}\,\theta_e = "
    r"\sum_{v \to e} \frac{\partial R}{\partial\theta_e}\,\theta_e",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="In exact passes through random leaky ReLU networks both sums are equal at every hidden neuron.",
            arithmetic="rational",
            cases=nets,
            check=check,
            examples=[EXAMPLE],
        ),
        Property(
            name="any-graph",
            says="Skip connections and several inputs do not matter: the same on random directed acyclic graphs.",
            arithmetic="rational",
            cases=graphs,
            check=check_graph,
            share=0.5,
        ),
        *by_autograd(
            "Autograd through torch.nn.Linear and LeakyReLU in float64: the sums differ by rounding only.",
            nets,
            check_torch,
            EXAMPLE,
        ),
    ),
    simulations=(
        Simulation(
            name="passing-on",
            says="In a random network signed scores balance at every neuron; absolute ones do not.",
            run=passing_on,
        ),
    ),
    mutants=(
        Mutant(
            name="absolute-scores",
            says="Absolute scores |gradient times weight|, as in SNIP, are conserved.",
            violates=Property(
                "absolute", "SNIP", "rational", nets, lambda net: check(net, _absolute), examples=[EXAMPLE]
            ),
        ),
        Mutant(
            name="bias-forgotten",
            says="The bias does not count as incoming.",
            violates=Property(
                "no-bias",
                "without bias",
                "rational",
                lambda: nets(biases=True),
                lambda net: check(net, bias=False),
                examples=[EXAMPLE],
            ),
        ),
        Mutant(
            name="squares",
            says="The activation z^2 conserves saliency as well.",
            refutes=_squares,
        ),
        Mutant(
            name="any-activation",
            says="No relation between the value and the slope of the activation is needed.",
            rejects=_no_euler,
        ),
    ),
)
