"""B4.defect: by how much a neuron with any activation fails to be balanced, exactly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from ...oracles.dynamics import SGD, Leaves, Moment, Number, Signed, Vector, View, find_law
from .._between import BENT, HARDTANH, LEAKY, SOFTSIGN, SQUARED_RELU, known, pointwise
from .._discrete import Case, bounded, charge_along, exact_moment, exact_run, float_run, judged, windows, worst
from .._identities import heavy_ball, plain, proved
from .._layers import Between, Layer, dense, gradient, slopes_at
from .._profiles import Profile
from .._symmetric import to_arrays, to_exact
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._training import (
    Training,
    caught,
    data_of,
    drawn_batches,
    drawn_start,
    drift_slope,
    fraction,
    network_of,
    neuron_balance,
    rational,
    sample_case,
    torch_here,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
LAWS = tuple(map(find_law, ("sgd-quadratic", "sgd-quadratic.weights", "hb-two-step.quadratic")))
TORCH = ("GELU", "SiLU", "Tanh", "Sigmoid", "Softplus", "ELU", "Mish", "Softsign", "Hardtanh")
"""Modules of PyTorch with |phi(z)| <= |z| + 1 and |phi'(z)| <= 2."""


def _module(name: str) -> Between:
    def nothing(z: Any) -> Any:
        raise NotImplementedError(f"{name} is computed by PyTorch only")

    def make(torch: Any) -> Any:
        return getattr(torch.nn, name)()

    return pointwise(name, nothing, nothing, make, steep=lambda z: 2 + z, large=lambda z: z + 1)


MODULES = tuple(map(_module, TORCH))


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0


def _normal(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _smooth(name: str, value: Callable[[float], float], slope: Callable[[float], float]) -> Between:
    return pointwise(name, value, slope, steep=lambda z: 2 + z, large=lambda z: z + 1)


def _below(z: float) -> float:
    return (1 + math.erf(z / math.sqrt(2))) / 2


SMOOTH = (
    _smooth("GELU", lambda z: z * _below(z), lambda z: _below(z) + z * _normal(z)),
    _smooth("SiLU", lambda z: z * _sigmoid(z), lambda z: _sigmoid(z) * (1 + z * (1 - _sigmoid(z)))),
    _smooth("tanh", math.tanh, lambda z: 1 - math.tanh(z) ** 2),
)


@dataclass(frozen=True, slots=True)
class Watched:
    """A run with the place of the neuron that its charge belongs to."""

    case: Case
    layer: int
    neuron: int

    def __repr__(self) -> str:
        return f"neuron {self.neuron + 1} behind layer {self.layer + 1} of {self.case}"

    @property
    def target(self) -> Training:
        return cast("Training", self.case.target)

    def defect(self, k: int, point: Leaves, number: Callable[[Any], Any] = rational) -> Any:
        """The sum over samples of delta_a (z phi'(z) - phi(z)) at step k."""
        layers, batches = self.target.layers, self.target.batches
        tensors = [[number(x) for x in leaf] for leaf in point]
        total = number(F(0))
        for x, y in batches[k % len(batches)]:
            trace = slopes_at(layers, tensors, list(map(number, x)), list(map(number, y)))
            z, a = trace[self.layer + 1][0], trace[self.layer + 2][0]
            slope = cast("Between", layers[self.layer + 1]).act(z)[1][self.neuron][1]
            i = self.neuron
            total = total + trace[self.layer + 2][1][i] * (z[i] * slope - a[i])
        return total

    def size(self, k: int, point: Leaves) -> float:
        """The sum of the absolute terms of the defect and of the pairing with the generator."""
        layers, batches = self.target.layers, self.target.batches
        tensors = [[abs(float(x)) for x in leaf] for leaf in point]
        charge = cast("Signed", self.target.charge)
        total = 0.0
        for x, y in batches[k % len(batches)]:
            inputs, targets = [abs(float(v)) for v in x], [abs(float(v)) for v in y]
            trace = slopes_at(layers, tensors, inputs, targets, absolute=True)
            z, (a, delta) = trace[self.layer + 1][0][self.neuron], (part[self.neuron] for part in trace[self.layer + 2])
            total += delta * (z * (2 + z) + a)
            slopes = gradient(layers, tensors, inputs, targets, absolute=True)
            for i, mask in charge.weights.items():
                signs = cast("Vector", mask)
                total += sum([w * g for s, w, g in zip(signs, tensors[i], slopes[i], strict=True) if s])
        return total


def derivation() -> Iterator[Step]:
    """The two ways to write the work of a neuron no longer agree; their difference is explicit."""
    yield Step(
        "Let the activation of a neuron be any function; p = phi'(z) and a = phi(z) are free symbols, one of each for "
        "each of two samples. The gradients come from the code below. Weights and bias do the work of delta_a p z, the "
        "outgoing weights that of delta_a a.",
        r"\langle W_{i:}, G_{i:}\rangle + b_i g_{b_i} - \langle W'_{:i}, G'_{:i}\rangle "
        r"= D_i = \sum_s \delta_{a_s}\bigl(z_s \phi'(z_s) - \phi(z_s)\bigr)",
        _neuron(1),
    )
    yield Step(
        "With a weight alpha on the outgoing side the bracket is z phi' - alpha phi, for any alpha. It vanishes for "
        "activations of degree alpha; for alpha = 1 this is B4.neuron.",
        r"\langle W_{i:}, G_{i:}\rangle + b_i g_{b_i} - \alpha \langle W'_{:i}, G'_{:i}\rangle "
        r"= \sum_s \delta_{a_s}\bigl(z_s \phi'(z_s) - \alpha\,\phi(z_s)\bigr)",
        _neuron(None),
    )
    yield proved(
        "sgd-quadratic",
        "What a broken symmetry does to a step of SGD is part of B0.sgd-quadratic: -2 eta (1 - eta lam) times the "
        "pairing of gradient and generator, which is D.",
    )
    yield proved("hb-two-step.quadratic", "With momentum the two-step recursion is off by -2 eta c D of its last step.")
    yield Step(
        "Under gradient flow Q moves at the rate -2 D: at a fixed time by an amount that no small rate makes smaller."
    )
    yield Step(
        "For GELU, phi = z P(z) with P' = n, the bracket is z^2 n(z); for SiLU, phi = z s(z) with s' = s (1 - s), "
        "it is z^2 s (1 - s). Both are positive off 0: such neurons have no balance, however like ReLU they look.",
        r"z\,(P + z\,n) - z P = z^2 n, \qquad z\,\bigl(s + z\,s(1-s)\bigr) - z s = z^2 s (1-s)",
        _brackets(),
    )
    yield Step(
        "A neuron with phi(z) = z/(1 + |z|) at w, b, o = 2, 1, 1/3, input 1 and target 0: z = 3, phi = 3/4, "
        "phi' = 1/16. The pairing and the sum over samples are both -3/64.",
        r"2\cdot\tfrac{1}{192} + \tfrac{1}{192} - \tfrac13\cdot\tfrac{3}{16} = -\tfrac{3}{64} "
        r"= \tfrac{1}{12}\bigl(\tfrac{3}{16} - \tfrac34\bigr)",
        _known(),
    )


def _neuron(alpha: int | None, sign: int = -1) -> Certificate:
    from ...oracles.dynamics import Symbols, equal
    from .._layers import constant, pullback

    symbols = Symbols()
    weight: Any = symbols("alpha") if alpha is None else alpha
    tensors = [[symbols(f"{name}{i}") for i in range(n)] for name, n in (("w", 2), ("b", 1), ("o", 2))]
    left: Any = 0
    right: Any = 0
    for s in range(2):
        a, p = symbols(f"a{s}"), symbols(f"p{s}")
        layers = (dense(2, 1), known([a], [p]), dense(1, 2, bias=False))
        x, e = ([symbols(f"{name}{s}{i}") for i in range(2)] for name in "xe")
        found = pullback(layers, tensors, x, constant(e))
        for factor, values, slopes in zip((1, 1, -1 * weight), tensors, found, strict=True):
            for value, slope in zip(values, slopes, strict=True):
                left = left + factor * (value * slope)
        z = tensors[0][0] * x[0] + tensors[0][1] * x[1] + tensors[1][0]
        delta = e[0] * tensors[2][0] + e[1] * tensors[2][1]
        right = right + delta * (z * p + sign * (weight * a))
    return equal(symbols, [(left, right)])


def _brackets() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    z, P, n, s = (symbols(name) for name in ("z", "P", "n", "s"))
    return equal(
        symbols, [(z * (P + z * n) - z * P, z * z * n), (z * (s + z * s * (1 - s)) - z * s, z * z * s * (1 - s))]
    )


def _known() -> Certificate:
    from ...oracles.proofs import add, multiply, subtract, symbol, values

    w, b, o, phi, slope = map(symbol, range(5))
    out, z = multiply(o, phi), add(w, b)
    delta = multiply(out, o)
    pairing = subtract(multiply(delta, slope, z), multiply(o, out, phi))
    return values(
        (F(2), F(1), F(1, 3), F(3, 4), F(1, 16)),
        [(pairing, F(-3, 64)), (multiply(delta, subtract(multiply(z, slope), phi)), F(-3, 64))],
    )


def trap() -> Table:
    """Hardtanh while nothing saturates, and after."""
    rows: list[tuple[str, str]] = []
    zeros: list[bool] = []
    for scale in (F(1, 4), F(1), F(4)):
        case = sample_case((dense(2, 3), HARDTANH, dense(3, 1)), (SGD(lr=F(1, 8)),), seed=1)
        start = tuple(Vector(scale * x for x in leaf) for leaf in case.start)
        defects = [fraction(Watched(case, 0, i).defect(0, start)) for i in range(3)]
        zeros.append(not any(defects))
        rows.append((str(scale), ", ".join(f"{float(d):.3g}" for d in defects)))
    title = "A clipped activation has no defect before it clips: a test with small weights sees a false law"
    return Table(title, ("weights times", "defect of each neuron"), rows, zeros == [True, False, False])


def drawn(activations: Sequence[Layer], steps: int = 2) -> SearchStrategy[Watched]:
    """Networks of one or two hidden layers with the same activation, and one hidden neuron."""
    from hypothesis import strategies as st

    @st.composite
    def build(draw: st.DrawFn) -> Watched:
        widths = draw(st.lists(st.integers(1, 2), min_size=3, max_size=4))
        activation = draw(st.sampled_from(activations))
        layers: list[Layer] = []
        for n, m in pairwise(widths):
            layers += [dense(n, m, bias=draw(st.booleans())), activation]
        layers.pop()
        h = draw(st.integers(0, len(widths) - 3))
        neuron = draw(st.integers(0, widths[h + 1] - 1))
        batches = draw(drawn_batches(widths[0], widths[-1], steps))
        target = Training(tuple(layers), batches, neuron_balance(layers, 2 * h, neuron))
        start = draw(drawn_start([size for layer in layers for size in layer.sizes]))
        return Watched(Case(target, start, draw(st.one_of(plain(steps), heavy_ball(steps)))), 2 * h, neuron)

    return build()


def check_exact(watched: Watched, defect: Callable[[int, Leaves], Number] | None = None) -> Residual:
    """The pairing with the generator is D at every step, and the identities of B0 are off by what D says."""
    moments, charge = exact_run(watched.case), watched.case.charge
    view = View(moments, charge)
    found: list[Residual] = []
    for k, moment in enumerate(moments[:-1]):
        assert moment.gradients is not None
        D = fraction((defect or watched.defect)(k, moment.parameters))
        pairing = charge.pair(cast("Leaves", moment.gradients), view.theta(k))
        found.append(Residual(abs(pairing - D), nontrivial=D != 0))
    for law in LAWS:
        for w in windows(law, moments, charge):
            found.append(Residual(abs(law.residual(w, charge) - law.predicted(w, charge)), nontrivial=False))
    return worst(found)


def check_torch(watched: Watched, dtype: str) -> Residual:
    """PyTorch's own modules and autograd; both sides are evaluated exactly from the floats that autograd saw.

    Bound: both are sums of products of the same floats, each off by at most n roundings: gamma(n) times the absolute
    terms, n counting the network, and 8 more for a slope that the backward pass multiplies in another order.
    """
    from ...simulations.fields import gamma

    torch = torch_here()
    point = to_arrays(watched.case.start, dtype)
    layers = watched.target.layers
    network = network_of(layers, point)
    value, targets = data_of(layers, watched.target.batches[0], next(network.parameters()).dtype)
    stages: list[Any] = []
    for module in network:
        value = module(value)
        value.retain_grad()
        stages.append(value)
    parameters = list(network.parameters())
    network.zero_grad()
    (((value - targets) ** 2).sum() / 2).backward()
    h, i = watched.layer, watched.neuron
    z = stages[h].detach().requires_grad_()
    (slopes,) = torch.autograd.grad(network[h + 1](z), z, torch.ones_like(z))
    columns = [t.detach()[:, i].tolist() for t in (stages[h + 1].grad, z, slopes, stages[h + 1])]
    right = sum(F(d) * (F(x) * F(p) - F(a)) for d, x, p, a in zip(*columns, strict=True))
    gradients = to_exact([p.grad.reshape(-1).numpy() for p in parameters])
    left = watched.case.charge.pair(gradients, to_exact(point))
    bound = gamma(2 * watched.target.roundings + 8, dtype) * watched.size(0, point)
    return Residual(float(abs(left - right)), bound, nontrivial=right != 0)


def ball_cases() -> SearchStrategy[Fraction]:
    """Arguments of activations other than 0."""
    from ..strategies import rationals

    return rationals(24, denominator=6, nonzero=True)


def check_balls(z: Fraction) -> Residual:
    """z phi' - phi of GELU, SiLU and tanh by series of balls: it contains the closed form and excludes 0."""
    from flint import arb, arb_series, ctx

    with ctx.workprec(600):  # z^2 n(z) is as small as 2^-400 here
        x = arb_series([arb(z.numerator) / z.denominator, 1], prec=2)
        point = x[0]
        normal = (-point * point / 2).exp() / (2 * arb.pi()).sqrt()
        s = 1 / (1 + (-point).exp())
        t = point.tanh()
        pairs = (
            (x * (1 + (x / arb(2).sqrt()).erf()) / 2, point * point * normal),
            (x / (1 + (-x).exp()), point * point * s * (1 - s)),
            (1 - 2 / ((2 * x).exp() + 1), point * (1 - t * t) - t),
        )
        off = 0
        for function, closed in pairs:
            bracket = point * function[1] - function[0]
            off += not bracket.overlaps(closed) or bracket.overlaps(arb(0))
    return Residual(off, note="enclosures that disagree or contain 0")


def small(activation: Layer, inverse: int = 8, steps: int = 1) -> Watched:
    """2-3-1 with biases on a fixed batch, rate 1/inverse; the first neuron."""
    sgd = SGD(lr=F(1, inverse))
    return Watched(sample_case((dense(2, 3), activation, dense(3, 1)), (sgd,) * steps, seed=1), 0, 0)


def prediction(profile: Profile) -> SimulationResult:
    """How far GELU, SiLU and tanh neurons leave their balance, and what the sum over samples predicts.

    Residual and bound: the worst watched step of ``Q' - Q - eta^2 |G|^2 + 2 eta D`` in float64; the bound is that of
    the step (``properties/_discrete.py``) and 2 eta gamma(n) times the absolute terms of D.
    """
    from ...simulations.fields import gamma

    time = (1, 3, 8)[profile.effort]
    found: list[Residual] = []
    measured: list[Series] = []
    ladder: list[Series] = []
    rows: list[tuple[str, float, float, str]] = []
    for activation in (*SMOOTH, LEAKY):
        ends: list[tuple[float, float]] = []
        for inverse in (16, 32, 64, 128):
            watched = small(activation, inverse, time * inverse)
            moments = bounded(float_run(watched.case, "numpy"))
            values = charge_along(moments, watched.case.charge)
            ends.append((1 / inverse, abs(values[-1] - values[0])))
            if inverse != 64:
                continue
            predicted = [values[0]]
            every = max(1, len(moments) // 40)
            for k, moment in enumerate(moments[:-1]):
                D = watched.defect(k, moment.parameters, float)
                gradients = cast("Leaves", moment.gradients)
                square = float(watched.case.charge.pair(to_exact(gradients), to_exact(gradients)))
                predicted.append(predicted[-1] + square / inverse**2 - 2 * D / inverse)
                if k % every == 0:
                    found.append(_step(watched, moments[k : k + 2], D, gamma(2 * watched.target.roundings + 24)))
            if activation is not LEAKY:
                measured.append(Series(f"{activation}, predicted", _thin(predicted, inverse, every)))
                measured.append(Series(f"{activation}, measured", _thin(values, inverse, 4 * every), kind="points"))
            rows.append((str(activation), values[-1] - values[0], predicted[-1] - predicted[0], ""))
        slope = f"{drift_slope(ends):.2f}"
        rows[-1] = (*rows[-1][:3], slope)
        ladder.append(Series(f"{activation}: slope {slope}", ends))
    plots = (
        Plot(
            "The defect predicts where the balance goes",
            "time k eta",
            "Q_k",
            measured,
            caption="One hidden neuron; eta = 1/64. Lines: minus 2 eta times the sums of delta (z phi' - phi), added.",
        ),
        Plot(
            "Only homogeneous activations have a drift that the rate controls",
            "eta",
            "|Q_K - Q_0|, same time",
            ladder,
            x_scale="log",
            y_scale="log",
            caption="Slope 0: the flow itself moves the balance. Slope 1: only the steps do.",
        ),
    )
    return SimulationResult(worst(found), plots, Table("Q_K - Q_0", ("activation", "run", "predicted", "slope"), rows))


def _thin(values: Sequence[float], inverse: int, every: int) -> list[tuple[float, float]]:
    return [(k / inverse, values[k]) for k in range(0, len(values), every)]


def _step(watched: Watched, window: Sequence[Moment], D: float, unit: float) -> Residual:
    charge = watched.case.charge
    eta = float(window[0].optimizer.lr)  # type: ignore[union-attr]
    exact = LAWS[0].residual([exact_moment(moment) for moment in window], charge) + 2 * F(eta) * F(D)
    bound = float(judged(LAWS[0], window, charge, watched.target, "float64").bound)
    return Residual(float(abs(exact)), bound + 2 * eta * unit * watched.size(window[0].index, window[0].parameters))


def _before(watched: Watched) -> Callable[[int, Leaves], Any]:
    """The sum with the slope at the preactivation."""

    def defect(k: int, point: Leaves) -> Any:
        tensors = [[rational(x) for x in leaf] for leaf in point]
        total = rational(F(0))
        h, i = watched.layer, watched.neuron
        for x, y in watched.target.batches[0]:
            trace = slopes_at(watched.target.layers, tensors, list(map(rational, x)), list(map(rational, y)))
            z, a = trace[h + 1][0], trace[h + 2][0]
            slope = cast("Between", watched.target.layers[h + 1]).act(z)[1][i][1]
            total = total + trace[h + 1][1][i] * (z[i] * slope - a[i])
        return total

    return defect


def _without_keep() -> Certificate:
    from ...oracles.dynamics import derive

    def off(view: View) -> Number:
        return -2 * view.optimizer(0).lr * view.defect(0)

    return derive(replace(find_law("sgd-quadratic"), defect=off))


def _wrong(
    name: str, says: str, activation: Layer, defect: Callable[[Watched], Callable[[int, Leaves], Any]]
) -> Mutant:
    watched = small(activation)
    return caught(name, says, lambda _case: check_exact(watched, defect(watched)), watched.case)


def _none(watched: Watched) -> Callable[[int, Leaves], Any]:
    return lambda k, point: F(0)


def _opposite(watched: Watched) -> Callable[[int, Leaves], Any]:
    return lambda k, point: -fraction(watched.defect(k, point))


def _modules(dtype: Any) -> Property:
    return Property(
        name=dtype,
        says=f"{', '.join(TORCH)} of torch.nn with autograd in {dtype}: within gamma(n) times the absolute terms.",
        arithmetic=dtype,
        cases=lambda: drawn(MODULES),
        check=lambda watched: check_torch(watched, dtype),
        examples=[small(activation) for activation in MODULES],
        share=0.3,
    )


THEOREM = Theorem(
    id="B4.defect",
    title="The defect of an activation that is not homogeneous",
    summary="A neuron with any activation fails to be balanced by a sum over samples of delta (z phi'(z) - phi(z)).",
    source="derived",
    status="proved",
    hypotheses=(
        "A neuron of a feed-forward network whose output goes to the next layer only; phi differentiable where used.",
        "delta_a is the derivative of the loss in the neuron's output, z its preactivation, s runs over the batch.",
        "Discrete: SGD with one rate and decay for W, b and W'.",
    ),
    statement=r"\langle W_{i:}, G_{i:}\rangle + b_i\,g_{b_i} - \langle W'_{:i}, G'_{:i}\rangle = D_i "
    r"= \sum_s \delta_{a_s}\bigl(z_s\phi'(z_s) - \phi(z_s)\bigr), \qquad "
    r"Q_i' = (1-\eta\lambda)^2 Q_i - 2\eta(1-\eta\lambda)\,D_i + \eta^2 |G|_{S_i}^2",
    assumes=("B0.sgd-quadratic", "B0.hb-two-step", "B4.neuron"),
    derivation=derivation,
    tables=(trap,),
    properties=(
        Property(
            name="exact",
            says="Exact runs with rational activations: pairing and sum agree at every step, and so does what follows.",
            arithmetic="rational",
            cases=lambda: drawn(BENT),
            check=check_exact,
            examples=[small(SOFTSIGN)],
            share=0.3,
        ),
        Property(
            name="balls",
            says="The brackets of GELU, SiLU and tanh, differentiated as series of balls, are the closed forms, not 0.",
            arithmetic="balls",
            cases=ball_cases,
            check=check_balls,
            examples=[F(1), F(-3)],
        ),
        _modules("float64"),
        _modules("float32"),
    ),
    simulations=(
        Simulation(
            name="prediction",
            says="The sum over samples predicts how GELU, SiLU and tanh neurons leave their balance.",
            run=prediction,
        ),
    ),
    mutants=(
        _wrong("no-defect", "A smooth activation that looks like ReLU is balanced.", SOFTSIGN, _none),
        _wrong("squared-relu", "A squared ReLU is balanced with weight 1.", SQUARED_RELU, _none),
        _wrong("opposite-sign", "The bracket is phi - z phi'.", SOFTSIGN, _opposite),
        _wrong("delta-before", "The slope is that at the preactivation.", SOFTSIGN, _before),
        Mutant(name="plus-phi", says="The bracket is z phi' + phi.", rejects=lambda: _neuron(1, sign=1)),
        Mutant(name="without-keep", says="A step is off by -2 eta D whatever the decay.", rejects=_without_keep),
    ),
)
