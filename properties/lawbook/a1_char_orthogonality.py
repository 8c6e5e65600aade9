"""A1.char.orthogonality: a law is a function whose gradient is orthogonal to every gradient that training can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

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
    Theorem,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import Model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import Node
    from ...simulations import DataLoss, ReluNetwork
    from ..strategies import DataSet, OutputLoss

Vector = tuple[Fraction, ...]
PROVED = ("linear:4-5-2", "linear:2-3-3-2", "relu:2-3-3-2+bias+outbias+skip0:2", "dag:x:2,h:2,k:1,y:1/x-h-k-y,x-k,h-y")
LEAKS = (Fraction(0), Fraction(1, 100), Fraction(1, 8), Fraction(1))
"""Slopes of hidden neurons that are off; most networks are leaky, so that few gradients vanish."""


@cache
def model_of(spec: str) -> Model:
    """The model of a spec, parsed once."""
    from ...oracles.models import parse_model

    return parse_model(spec)


@cache
def balances(spec: str) -> tuple[Polynomial, ...]:
    """The balance laws of a network."""
    from ...oracles.models import known_laws

    return tuple(law for family in known_laws(model_of(spec)) for law in family.polynomials())


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """A network at a point, one input and one direction of its outputs; ``leak`` is the slope of dead ReLUs."""

    spec: str
    leak: Fraction
    point: Vector
    x: Vector
    w: Vector

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"{self.spec}, leak {self.leak}, theta = {shown(self.point)}, x = {shown(self.x)}, w = {shown(self.w)}"

    def gradient(self) -> list[Fraction]:
        """``d_theta g(theta, x)^T w``, exactly."""
        from ...oracles.models import PathLifting
        from ...simulations import Loss, Objective, ReluNetwork

        model = model_of(self.spec)
        if isinstance(model, PathLifting):
            network = ReluNetwork(model, self.leak)
            return [Fraction(g) for g in network.pullback(_row(self.point)[0], _row(self.x), _row(self.w))]
        slope = [a * b for a in self.w for b in self.x]
        return [Fraction(g) for g in Objective(model, Loss.linear(slope)).gradient(self.point)]


def _row(values: Sequence[Fraction]) -> Any:
    import numpy as np

    array = np.empty((1, len(values)), dtype=object)
    array[0] = values
    return array


@dataclass(frozen=True, slots=True, repr=False)
class FloatCase:
    """A network with data and a loss."""

    spec: str
    leak: Fraction
    point: Vector
    data: DataSet
    loss: OutputLoss

    def __repr__(self) -> str:
        from ..strategies import shown

        samples = zip(self.data.inputs, self.data.targets, strict=True)
        data = ", ".join(f"{shown(x)} -> {shown(y)}" for x, y in samples)
        return f"{self.spec}, leak {self.leak}, theta = {shown(self.point)}, {self.loss.name} loss, data {data}"

    def field(self) -> DataLoss:
        """The gradient of the loss through the network."""
        from ...simulations import DataLoss

        loss = self.loss
        network = network_of(self.spec, self.leak)
        return DataLoss(network, self.data.inputs, self.data.targets, slope=loss.slope, slope_bound=loss.slope_bound)


@cache
def network_of(spec: str, leak: Fraction) -> ReluNetwork:
    """The network of a path lifting."""
    from ...oracles.models import PathLifting
    from ...simulations import ReluNetwork

    model = model_of(spec)
    assert isinstance(model, PathLifting)
    return ReluNetwork(model, leak)


def derivation() -> Iterator[Step]:
    """Both directions, then the inner product as an identity for each architecture."""
    from ...oracles.proofs import conserved

    yield Step(
        "Along a gradient flow a function h changes at the rate of the inner product of its gradient with the gradient "
        "of the loss. If that product is zero for every sample, h is constant for every data set.",
        r"\tfrac{d}{dt} h(\theta(t)) = -\langle \nabla h, \nabla E_Z \rangle = -\tfrac1N \sum_i \langle \nabla h,"
        r"\, \partial_\theta g(\theta, x_i)^\top \nabla_z \ell(g(\theta, x_i), y_i) \rangle",
    )
    yield Step(
        "Conversely, a data set may consist of one sample, and a flow may start anywhere. A law has rate zero at time "
        "zero of each of these flows: its gradient is orthogonal to every vector of W, at every point.",
        r"\langle \nabla h(\theta), \partial_\theta g(\theta, x)^\top \nabla_z \ell(g(\theta, x), y) \rangle = 0",
    )
    yield Step(
        "Linear networks, g = U V^T x: the entries of U^T U - V^T V are orthogonal to every gradient, for free U, V "
        "(2 x 2), input x and output direction w.",
        r"\langle \nabla (U^\top U - V^\top V)_{ab},\; (w\,(V^\top x)^\top,\; x\,(U^\top w)^\top) \rangle = 0",
        linear_identity(),
    )
    yield Step(
        "ReLU networks with biases. Where the preactivation z is not 0, the activation is s z with a constant s, so "
        "one free s for each neuron covers every activation pattern, and leaky ReLU too.",
        r"\langle u_j,\, s_j (v_j \cdot x + b_j)\, w \rangle - s_j \langle u_j, w \rangle\, (v_j \cdot x + b_j) = 0",
        biased_identity(),
    )
    yield Step(
        "Three layers, widths 2-2-2-1, with free slopes in both hidden layers: the balance of every hidden neuron.",
        r"\Bigl\langle \nabla \bigl(\textstyle\sum_{e \to v} \theta_e^2 - \sum_{v \to e} \theta_e^2\bigr),\,"
        r" \partial_\theta g(\theta, x)^\top w \Bigr\rangle = 0",
        deep_identity(),
    )
    for spec in PROVED:
        yield Step(
            f"{spec}: all {len(balances(spec))} balances are orthogonal to all coordinates of phi.",
            certificate=conserved(model_of(spec), balances(spec)),
        )


def linear_identity() -> Certificate:
    """Variables: U, V (2 x 2), x and w."""
    from ...oracles.proofs import Matrix, identity, multiply

    U, V = Matrix.symbols(2, 2, 0), Matrix.symbols(2, 2, 4)
    x, w = Matrix.symbols(2, 1, 8), Matrix.symbols(2, 1, 10)
    slope_u, slope_v = w @ (V.T @ x).T, x @ (U.T @ w).T
    pairs: list[tuple[Node, Node]] = []
    for a, b in ((0, 0), (0, 1), (1, 1)):
        A = Matrix.build(2, 2, lambda i, j, a=a, b=b: int((i, j) == (a, b)) + int((i, j) == (b, a)))  # type: ignore[misc]
        pairs.append(((U @ A).inner(slope_u), multiply(1, (V @ A).inner(slope_v))))
    return identity(12, pairs)


def biased_identity() -> Certificate:
    """One hidden neuron of ``relu:2-n-2+bias`` is like another. Variables: u, v, x, w (2 each), b, s."""
    from ...oracles.proofs import Matrix, add, identity, multiply, symbol

    u, v, x, w = (Matrix.symbols(2, 1, k) for k in (0, 2, 4, 6))
    b, s = symbol(8), symbol(9)
    z = add((v.T @ x).trace(), b)
    slope_u = w.scaled(multiply(s, z))
    back = multiply(s, (u.T @ w).trace())
    incoming = add(v.inner(x.scaled(back)), multiply(b, back))
    return identity(10, [(u.inner(slope_u), incoming)])


def deep_identity() -> Certificate:
    """Variables: W1, W2 (2 x 2), W3 (2 x 1), the slopes of both layers (2 each), x (2), w (1)."""
    from ...oracles.proofs import Matrix, identity, multiply, symbol

    W1, W2, W3 = Matrix.symbols(2, 2, 0), Matrix.symbols(2, 2, 4), Matrix.symbols(2, 1, 8)
    first, second = [symbol(10), symbol(11)], [symbol(12), symbol(13)]
    x, w = Matrix.symbols(1, 2, 14), Matrix.symbols(1, 1, 16)

    def sloped(row: Matrix, slopes: Sequence[Node]) -> Matrix:
        return Matrix.build(1, 2, lambda _, j: multiply(slopes[j], row.rows[0][j]))

    h1 = sloped(x @ W1, first)
    h2 = sloped(h1 @ W2, second)
    back2 = sloped(w @ W3.T, second)
    back1 = sloped(back2 @ W2.T, first)
    gradients = (x.T @ back1, h1.T @ back2, h2.T @ w)
    pairs: list[tuple[Node, Node]] = []
    for before, after, i in ((W1, W2, 0), (W2, W3, 1)):
        for neuron in (0, 1):
            column = Matrix((before.T.rows[neuron],)).inner(Matrix((gradients[i].T.rows[neuron],)))
            row = Matrix((after.rows[neuron],)).inner(Matrix((gradients[i + 1].rows[neuron],)))
            pairs.append((column, row))
    return identity(17, pairs)


def _networks() -> SearchStrategy[Any]:
    from hypothesis import strategies as st

    from ..strategies import dags, linear_models, relu_models

    return st.one_of(
        linear_models(layers=(2, 4), width=(1, 3), parameters=24),
        relu_models(layers=(2, 4), width=(1, 3), parameters=20),
        dags(),
    )


def cases(models: Callable[[], SearchStrategy[Any]] = _networks) -> SearchStrategy[Case]:
    """Rational points of every kind, inputs and output directions that are not zero, any leak."""
    from hypothesis import strategies as st

    from ..strategies import data_dimensions, data_sets, initializations

    networks, leaks = models(), st.sampled_from(LEAKS)

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        model = draw(networks)
        inputs, outputs = data_dimensions(model)
        x, w = (draw(data_sets(size, 0, samples=(1, 1))).inputs[0] for size in (inputs, outputs))
        return Case(model.spec, draw(leaks), draw(initializations(model)), x, w)

    return draw_case()


def float_cases() -> SearchStrategy[FloatCase]:
    """ReLU networks on any graph with data and any loss; cross-entropy needs two outputs."""
    from hypothesis import strategies as st

    from ..strategies import dags, data_dimensions, data_sets, initializations, output_losses, relu_models

    networks: st.SearchStrategy[Any] = st.one_of(relu_models(width=(1, 3), parameters=20), dags())
    leaks, several, one = st.sampled_from(LEAKS), output_losses(), output_losses("squared", "logistic")

    @st.composite
    def draw_case(draw: st.DrawFn) -> FloatCase:
        model = draw(networks)
        inputs, outputs = data_dimensions(model)
        loss = draw(several if outputs > 1 else one)
        point = draw(initializations(model))
        return FloatCase(model.spec, draw(leaks), point, draw(data_sets(inputs, outputs, targets=loss.targets)), loss)

    return draw_case()


def rate(law: Polynomial, point: Sequence[Fraction], gradient: Sequence[Fraction]) -> Fraction:
    """``<grad law, gradient>``, exactly."""
    parts = (part.evaluate(point) * gradient[i] for i, part in law.gradient().items())
    return sum(parts, Fraction(0))


def check(case: Case) -> Residual:
    """The largest inner product of a balance with one gradient, exactly."""
    gradient = case.gradient()
    rates = [abs(rate(law, case.point, gradient)) for law in balances(case.spec)]
    return Residual(max(rates, default=Fraction(0)), nontrivial=any(gradient))


def rounded_check(case: FloatCase, gradient: Any, start: Any) -> Residual:
    """The inner products with a computed gradient, themselves evaluated exactly.

    Bound: ``sum_i |d_i h| r_i``, where r bounds the rounding of the gradient: the number of roundings along a path,
    times the unit roundoff, times the sum of absolute terms (``DataLoss.roundoff_bound``). Rounding in the slope of the
    loss does not count: the statement holds for any slope.
    """
    errors = [Fraction(float(r)) for r in case.field().roundoff_bound(start)]
    return worst_rate(balances(case.spec), start, gradient, errors)


def worst_rate(laws: Sequence[Polynomial], start: Any, gradient: Any, errors: Sequence[Fraction]) -> Residual:
    """The inner product of a law with a float gradient that is nearest to its bound, or beyond it; evaluated exactly.

    Args:
        laws: polynomials.
        start: the float point, shape (D,).
        gradient: the computed gradient there.
        errors: how far each of its entries may be from an exact one.
    """
    point = [Fraction(float(x)) for x in start]
    exact = [Fraction(float(g)) for g in gradient]
    pairs: list[tuple[Fraction, Fraction]] = []
    for law in laws:
        slope = {i: Fraction(part.evaluate(point)) for i, part in law.gradient().items()}
        if any(s and exact[i] for i, s in slope.items()):
            value = abs(sum((s * exact[i] for i, s in slope.items()), Fraction(0)))
            pairs.append((value, sum((abs(s) * errors[i] for i, s in slope.items()), Fraction(0))))
    return nearest_bound(pairs)


def nearest_bound(pairs: Sequence[tuple[Fraction, Fraction]]) -> Residual:
    """Of pairs of a value and its bound, one that is violated, else the one nearest to its bound; trivial if none."""
    if not any(bound for _, bound in pairs):
        return Residual(float(max((value for value, _ in pairs), default=0)), 0, nontrivial=False)
    value, bound = max(pairs, key=lambda pair: (pair[0] > pair[1], pair[0] / pair[1] if pair[1] else 0))
    return Residual(float(value), float(bound))


def float_check(precision: str) -> Callable[[FloatCase], Residual]:
    """The check in numpy of a precision."""

    def check_in(case: FloatCase) -> Residual:
        import numpy as np

        from ...simulations import float_point

        start = float_point(case.point, np.dtype(precision))
        return rounded_check(case, case.field()(start), start)

    return check_in


def autograd_check(case: FloatCase) -> Residual:
    """The same with torch: its activations, its losses, its autograd."""
    from ...simulations import float_point

    start = float_point(case.point)
    return rounded_check(case, autograd(case, start), start)


def autograd(case: FloatCase, start: Any) -> Any:
    """The gradient of the loss of a case by torch, float64."""
    from ...oracles.models import PathLifting

    try:
        import torch
    except ImportError:
        raise Skipped("torch is not installed, so there is no autograd to compare with") from None
    functional: Any = torch.nn.functional
    model = model_of(case.spec)
    assert isinstance(model, PathLifting)
    theta = torch.tensor(start, requires_grad=True)
    inputs = torch.tensor([[float(v) for v in x] for x in case.data.inputs], dtype=torch.float64)
    targets = torch.tensor([[float(v) for v in y] for y in case.data.targets], dtype=torch.float64)
    weights: list[Any] = []
    offset = 0
    for block in model.blocks:
        weights.append(theta[offset : offset + block.size].reshape(block.shape))
        offset += block.size
    values: list[Any] = []
    position = 0
    for index, group in enumerate(model.groups):
        arriving = [values[a] @ w for w, (a, b) in zip(weights, model.links, strict=True) if b == index]
        if group.name == "one":
            values.append(torch.ones((len(inputs), 1), dtype=torch.float64))
        elif group.role == "source":
            values.append(inputs[:, position : position + group.size])
            position += group.size
        else:
            total = sum(arriving[1:], arriving[0])
            values.append(functional.leaky_relu(total, float(case.leak)) if group.role == "hidden" else total)
    outputs = torch.cat([v for v, group in zip(values, model.groups, strict=True) if group.role == "output"], dim=1)
    losses: dict[str, Callable[[], Any]] = {
        "squared": lambda: ((outputs - targets) ** 2).sum() / 2,
        "logistic": lambda: functional.softplus(-targets * outputs).sum(),
        "cross-entropy": lambda: functional.cross_entropy(outputs, targets, reduction="sum"),
    }
    loss = losses[case.loss.name]()
    autograd_of: Any = torch.autograd
    (found,) = autograd_of.grad(loss, theta)
    return found.numpy()


def dropped_bias_check(case: Case) -> Residual:
    """The wrong statement: the law of a neuron needs only its weights, not its bias."""
    from ...oracles.models import PathLifting
    from ...oracles.polynomials import Polynomial

    model = model_of(case.spec)
    assert isinstance(model, PathLifting)
    biases: set[int] = set()
    offset = 0
    for block, (a, _) in zip(model.blocks, model.links, strict=True):
        if model.groups[a].name == "one":
            biases |= set(range(offset, offset + block.size))
        offset += block.size
    laws = [Polynomial([(m, c) for m, c in law.terms.items() if m[0][0] not in biases]) for law in balances(case.spec)]
    gradient = case.gradient()
    return Residual(max((abs(rate(law, case.point, gradient)) for law in laws), default=Fraction(0)))


def biased_cases() -> SearchStrategy[Case]:
    """ReLU networks with biases on hidden neurons."""
    from ..strategies import relu_models

    return cases(lambda: relu_models(layers=(2, 3), width=(1, 2), bias=True))


def smooth_check(case: FloatCase) -> Residual:
    """The wrong statement: a two-layer network with SiLU has the balance of ReLU; one neuron, squared loss."""
    import numpy as np

    u, v, x, y = (float(entry) for entry in (case.point[1], case.point[0], case.data.inputs[0][0], 1))
    z = v * x
    gate = 1 / (1 + np.exp(-z))
    slope = u * z * gate - y
    gradient_u, gradient_v = slope * z * gate, slope * u * (gate + z * gate * (1 - gate)) * x
    terms = abs(u * gradient_u) + abs(v * gradient_v)
    return Residual(float(abs(u * gradient_u - v * gradient_v)), float(20 * 2.0**-53 * terms))


def one_neuron() -> SearchStrategy[FloatCase]:
    """Points and data of ``relu:1-1-1``."""
    from hypothesis import strategies as st

    from ..strategies import OUTPUT_LOSSES, data_sets, initializations

    return st.builds(
        FloatCase,
        st.just("relu:1-1-1"),
        st.just(Fraction(0)),
        initializations(model_of("relu:1-1-1"), "generic"),
        data_sets(1, 1, samples=(1, 1)),
        st.just(OUTPUT_LOSSES[0]),
    )


def flipped_sign() -> Certificate:
    """``U1^T U1 + U2 U2^T`` instead of the difference, first entry, for linear:2-3-2."""
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import find_refutation

    law = balances("linear:2-3-2")[0]
    wrong = Polynomial([(monomial, c if c > 0 else -c) for monomial, c in law.terms.items()])
    refutation = find_refutation(model_of("linear:2-3-2"), wrong)
    assert refutation is not None
    return refutation.certificate


def doubled() -> Certificate:
    """The claim that the squares of incoming weights minus twice those of outgoing weights are a law of relu:2-3-2."""
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import conserved

    law = balances("relu:2-3-2")[0]
    outgoing = Polynomial([(m, c) for m, c in law.terms.items() if c < 0])
    return conserved(model_of("relu:2-3-2"), [law + outgoing])


def distribution(profile: Profile) -> SimulationResult:
    """The inner product against its rounding bound on many random networks: the law, and two near misses."""
    import numpy as np

    from ...simulations import DataLoss
    from ...simulations.fields import gamma
    from ..strategies import OUTPUT_LOSSES

    spec, tries = "relu:3-5-2+bias", (50, 200, 2000)[profile.effort]
    network, loss = network_of(spec, Fraction(0)), OUTPUT_LOSSES[2]
    random = np.random.default_rng(0)
    sums = {"incoming": (15, 3), "biases": (5, 1), "outgoing": (10, 2)}
    laws = {"law": (1, 1, -1), "biases left out": (1, 0, -1), "outgoing counted twice": (1, 1, -2)}
    seen: dict[str, list[float]] = {name: [] for name in laws}
    for _ in range(tries):
        theta = random.normal(size=network.parameters)
        x = [[Fraction(float(v)) for v in row] for row in random.normal(size=(4, 3))]
        y = [[Fraction(int(v)) for v in row] for row in np.eye(2)[random.integers(0, 2, 4)]]
        field = DataLoss(network, x, y, slope=loss.slope, slope_bound=loss.slope_bound)
        terms, errors = theta * field(theta), abs(theta) * field.roundoff_bound(theta)
        parts: list[tuple[Any, Any, Any]] = []
        start = 0
        for name, (size, fan) in sums.items():
            shape, axis = ((5, fan), 1) if name == "outgoing" else ((fan, 5), 0)
            block = slice(start, start + size)
            arrays = (terms[block], errors[block], abs(terms[block]))
            parts.append(tuple(a.reshape(shape).sum(axis=axis) for a in arrays))
            start += size
        # each term passes one product and at most six additions
        bound: Any = sum(part[1] + gamma(7) * part[2] for part in parts)
        for name, signs in laws.items():
            value: Any = abs(sum(sign * part[0] for sign, part in zip(signs, parts, strict=True)))
            seen[name].append(float((value / bound).max()))
    series = [
        Series(name, [(max(v, 1e-3), (k + 1) / tries) for k, v in enumerate(sorted(values))])
        for name, values in seen.items()
    ]
    series.append(Series("rounding bound", [(1.0, 0.0), (1.0, 1.0)]))
    plot = Plot(
        f"Inner products on {tries} random networks {spec}, cross-entropy",
        "|<grad h, grad E>| divided by its rounding bound",
        "fraction of networks below",
        series,
        x_scale="log",
        caption="The law stays below what rounding explains; functions that are nearly the law are far beyond it.",
    )
    return SimulationResult(Residual(max(seen["law"]), 1), (plot,))


THEOREM = Theorem(
    id="A1.char.orthogonality",
    title="A law is orthogonal to every gradient",
    summary="h is a law iff its gradient is orthogonal to every gradient that any sample and any loss value produce.",
    source="A1 Corollary 2.6, Proposition 2.7; A4 Proposition 2.3",
    status="proved",
    hypotheses=(
        "h is continuously differentiable on an open set.",
        "Samples are inputs near which the network is twice differentiable; for ReLU, away from the kinks.",
        "The loss is twice differentiable in the outputs; with the span condition (A1.loss-span), w runs over V_l.",
    ),
    statement=r"h \text{ is a law of } g \iff \langle \nabla h(\theta),\, \partial_\theta g(\theta, x)^\top w \rangle"
    r" = 0 \quad \forall\, \theta,\, x,\, w \in V_\ell",
    assumes=("A1.def.conservation-law", "A1.loss-span"),
    derivation=derivation,
    properties=(
        Property(
            "rational",
            "On random linear, ReLU and leaky ReLU networks the inner product is exactly zero.",
            "rational",
            cases,
            check,
            share=0.6,
        ),
        Property(
            "float64",
            "The same for gradients computed in float64, with squared, logistic and cross-entropy losses.",
            "float64",
            float_cases,
            float_check("float64"),
            share=0.5,
        ),
        Property(
            "float32",
            "The same in float32.",
            "float32",
            float_cases,
            float_check("float32"),
            share=0.5,
        ),
        Property(
            "autograd",
            "The same for gradients that torch's autograd computes in float64.",
            "float64",
            float_cases,
            autograd_check,
            share=0.3,
        ),
    ),
    simulations=(
        Simulation("distribution", "The inner product on many random networks, next to two near misses.", distribution),
    ),
    mutants=(
        Mutant(
            "dropped-bias",
            "The squares of the biases may be left out of the balance.",
            violates=Property("dropped-bias", "balance without biases", "rational", biased_cases, dropped_bias_check),
        ),
        Mutant(
            "silu",
            "A network with SiLU has the balance of ReLU.",
            violates=Property("silu", "balance with SiLU", "float64", one_neuron, smooth_check),
        ),
        Mutant("flipped-sign", "The squares on both sides of a layer are added, not subtracted.", refutes=flipped_sign),
        Mutant("doubled", "Outgoing squares count twice.", rejects=doubled),
    ),
)
