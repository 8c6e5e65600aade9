"""B4.neuron: training keeps what comes into a homogeneous neuron balanced with what goes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Grouped, Signed, Vector, find_law
from .._between import HARDTANH, HOMOGENEOUS, LEAKY, RELU, SORTED, SQUARED_RELU, gates
from .._discrete import Case, bounded, charge_along, exact_residual, exact_run, float_run, judged, windows, worst
from .._identities import heavy_ball, plain, proved
from .._layers import Layer, dense
from .._profiles import Profile
from .._theorem import Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._training import (
    Training,
    alive,
    balance,
    caught,
    drawn_batches,
    drawn_start,
    drift_slope,
    exact_check,
    module_check,
    neuron_balance,
    sample_case,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
NAMES = ("sgd-quadratic", "sgd-quadratic.weights", "hb-two-step.quadratic", "hb-first-step.quadratic")
LAWS = tuple(map(find_law, NAMES))
ONE_NEURON = (dense(1, 1), RELU, dense(1, 1, bias=False))
DECAY = SGD(lr=F(1, 2), weight_decay=F(1, 5))
KNOWN_CASE = Case(
    Training(ONE_NEURON, ((((F(1),), (F(0),)),),), neuron_balance(ONE_NEURON, 0, 0)),
    (Vector((F(2),)), Vector((F(1),)), Vector((F(1, 3),))),
    (DECAY,),
)
"""T3 of the theory: (o relu(w x + b))^2 / 2 at w = 2, b = 1, o = 1/3, with decay on all three."""
SPARED_CASE = replace(KNOWN_CASE, optimizers=(Grouped((DECAY, SGD(lr=F(1, 2))), (0, 1, 0)),))
KNOWN = (F(44, 9), F(1589, 900), F(173, 90))
"""The balance before the step, after it, and after it if decay spares the bias."""


CLIPPED = Case(
    Training(
        (dense(1, 1), HARDTANH, dense(1, 1, bias=False)), ((((F(1),), (F(0),)),),), neuron_balance(ONE_NEURON, 0, 0)
    ),
    KNOWN_CASE.start,
    (SGD(lr=F(1, 2)),),
)
"""The same neuron, saturated: its gradient sees the outgoing weight only."""


def derivation() -> Iterator[Step]:
    """Euler's relation at one neuron; then the identities of B0."""
    yield Step(
        "A piecewise linear activation with its kink at 0 satisfies phi(z) = phi'(z) z: what a neuron passes on is its "
        "preactivation times a gate p, and the same p multiplies what comes back.",
        r"a_s = p_s z_s, \qquad \frac{\partial L}{\partial z_s} = p_s \frac{\partial L}{\partial a_s}",
    )
    yield Step(
        "Two ways to write the work of a neuron, summed over samples s: by its incoming weights and bias, or by its "
        "outgoing weights. The code that computes the gradients below runs on free symbols: two samples, two inputs, "
        "two outputs, a free gate and free output slopes for each sample. What comes before and after the neuron only "
        "enters through these symbols.",
        r"\langle W_{i:}, G_{i:}\rangle + b_i\, g_{b_i} = \sum_s \frac{\partial L}{\partial z_s} z_s "
        r"= \sum_s \frac{\partial L}{\partial a_s} a_s = \langle W'_{:i}, G'_{:i}\rangle",
        _neuron(),
    )
    yield Step(
        "So the generator (W, b, -W') of the rescaling is orthogonal to every gradient, and its charge is conserved by "
        "gradient flow. For the path lifting of a network with two hidden layers and all biases the kernel confirms "
        "every neuron.",
        r"\frac{d}{dt}\Bigl(|W_{i:}|^2 + b_i^2 - |W'_{:i}|^2\Bigr) = 0",
        _lifting(),
    )
    yield proved(NAMES[0], "With steps instead of a flow: B0.sgd-quadratic, for this charge.")
    yield proved(NAMES[2], "With momentum: B0.hb-two-step. Three snapshots of the weights test a neuron.")
    yield Step(
        "One neuron, one sample, by hand: w, b, o = 2, 1, 1/3 with gradients 1/3, 1/3, 3, a rate of 1/2 and decay 1/5 "
        "of all three. Q goes from 44/9 to 1589/900; with decay that spares b it would be 173/90.",
        r"Q' = \tfrac{81}{100}\cdot\tfrac{44}{9} + \tfrac14\bigl(\tfrac19 + \tfrac19 - 9\bigr) = \tfrac{1589}{900}",
        _known(),
    )


def _neuron() -> Certificate:
    from ...oracles.dynamics import Symbols, equal
    from .._layers import constant, pullback

    symbols = Symbols()
    tensors = [[symbols(f"{name}{i}") for i in range(n)] for name, n in (("w", 2), ("b", 1), ("o", 2))]
    total: Any = 0
    for s in range(2):
        layers = (dense(2, 1), gates("gate", [symbols(f"p{s}")]), dense(1, 2, bias=False))
        x, e = ([symbols(f"{name}{s}{i}") for i in range(2)] for name in "xe")
        found = pullback(layers, tensors, x, constant(e))
        for sign, weight, slope in zip((1, 1, -1), tensors, found, strict=True):
            for a, b in zip(weight, slope, strict=True):
                total = total + sign * (a * b)
    return equal(symbols, [(total, 0)])


def _lifting() -> Certificate:
    from ...oracles.models import known_laws, parse_model
    from ...oracles.proofs import conserved

    model = parse_model("relu:2-2-3-2+bias+outbias")
    return conserved(model, [law for family in known_laws(model) for law in family.polynomials()])


def _known() -> Certificate:
    from ...oracles.proofs import add, multiply, power, symbol, values

    def charge(*after: Any) -> Any:
        return add(power(after[0], 2), power(after[1], 2), multiply(-1, power(after[2], 2)))

    w, b, o, eta, lam = map(symbol, range(5))
    out = multiply(o, add(w, b))
    slopes = (multiply(out, o), multiply(out, o), multiply(out, add(w, b)))
    stepped = [add(p, multiply(-1, eta, add(g, multiply(lam, p)))) for p, g in zip((w, b, o), slopes, strict=True)]
    spared = [stepped[0], add(b, multiply(-1, eta, slopes[1])), stepped[2]]
    pairs = zip((charge(w, b, o), charge(*stepped), charge(*spared)), KNOWN, strict=True)
    return values((F(2), F(1), F(1, 3), F(1, 2), F(1, 5)), pairs)


def table() -> Table:
    """The known step with its wrong neighbours."""
    found = [KNOWN_CASE.charge.pair(m.parameters, m.parameters) for m in exact_run(KNOWN_CASE)]
    spared = exact_run(SPARED_CASE)[1].parameters
    found.append(KNOWN_CASE.charge.pair(spared, spared))
    names = ("before", "after, decay on w, b and o", "after, decay on w and o only")
    rows = [(name, str(value)) for name, value in zip(names, found, strict=True)]
    return Table("Q = w^2 + b^2 - o^2, eta = 1/2, lam = 1/5", ("when", "Q"), rows, tuple(found) == KNOWN)


def drawn(*activations: Layer, steps: int = 3) -> SearchStrategy[Case]:
    """Networks of one or two hidden layers on changing batches; the charge belongs to any hidden neuron."""
    from hypothesis import strategies as st

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        widths = draw(st.lists(st.integers(1, 3), min_size=3, max_size=4))
        layers: list[Layer] = []
        for n, m in pairwise(widths):
            layers += [dense(n, m, bias=draw(st.booleans())), draw(st.sampled_from(activations))]
        layers.pop()
        h = draw(st.integers(0, len(widths) - 3))
        charge = neuron_balance(layers, 2 * h, draw(st.integers(0, widths[h + 1] - 1)))
        sizes = [size for layer in layers for size in layer.sizes]
        target = Training(tuple(layers), draw(drawn_batches(widths[0], widths[-1], steps)), charge)
        optimizers = draw(st.one_of(plain(steps), heavy_ball(steps)))
        return Case(target, draw(drawn_start(sizes)), optimizers)

    return build().filter(alive)


def layer_sums(case: Case) -> Signed:
    """The sum of the balances of all neurons of the first hidden layer."""
    target = case.target
    assert isinstance(target, Training)
    width = target.layers[0].sizes[0] // len(target.batches[0][0][0])
    parts = [neuron_balance(target.layers, 0, c) for c in range(width)]
    return Signed({i: sum((p.weights[i] for p in parts[1:]), parts[0].weights[i]) for i in parts[0].weights})


def check_layer(case: Case) -> Residual:
    """The layer sum, for any map that is homogeneous as a whole."""
    target = case.target
    assert isinstance(target, Training)
    return exact_check(LAWS, replace(case, target=replace(target, charge=layer_sums(case))))


def small(activation: Layer) -> Case:
    """A 2-2-2 network with biases, two steps on one batch."""
    return sample_case((dense(2, 2), activation, dense(2, 2)), (SGD(lr=F(1, 8)),) * 2, seed=1)


def without_bias(case: Case) -> Residual:
    """The balance with the bias forgotten."""
    target = case.target
    assert isinstance(target, Training)
    charge = neuron_balance(target.layers, 0, 0)
    forgotten = Signed({i: w for i, w in charge.weights.items() if i != 1})
    return exact_residual(LAWS[:3], replace(case, target=replace(target, charge=forgotten)))


def one_side(case: Case) -> Residual:
    """Incoming and outgoing weights added instead of subtracted."""
    target = case.target
    assert isinstance(target, Training)
    charge = neuron_balance(target.layers, 0, 0)
    sizes = target.sizes
    entries = {i: [k for k, x in enumerate(w) if x] for i, w in charge.weights.items()}
    return exact_residual(LAWS[:3], replace(case, target=replace(target, charge=balance(sizes, entries, {}))))


def _spared(case: Case) -> Residual:
    """The step without decay of the bias, read as if it decayed."""
    moments = exact_run(case)
    read = (replace(moments[0], optimizer=DECAY), moments[1])
    return Residual(abs(LAWS[1].residual(read, case.charge)), nontrivial=alive(case))


def ladder(profile: Profile) -> SimulationResult:
    """All four neurons at rates in ratio 2 for the same time; leaky ReLU against hardtanh.

    Residual and bound: the worst watched step in float64 of the leaky runs (see ``properties/_discrete.py``).
    """
    time = (1, 2, 4)[profile.effort]
    found: list[Residual] = []
    drifts: list[Series] = []
    rows: list[tuple[str, float, str]] = []
    curves: list[Series] = []
    for activation in (LEAKY, HARDTANH):
        layers = (dense(3, 4), activation, dense(4, 2))
        ends: list[list[tuple[float, float]]] = [[] for _ in range(4)]
        for inverse in (32, 64, 128, 256):
            sgd = SGD(lr=F(1, inverse))
            case = sample_case(layers, (sgd,) * (time * inverse), seed=4)
            moments = bounded(float_run(case, "numpy"))
            for neuron in range(4):
                charge = neuron_balance(layers, 0, neuron)
                values = charge_along((moments[0], moments[-1]), charge)
                ends[neuron].append((1 / inverse, abs(values[1] - values[0])))
                if activation is LEAKY:
                    some = list(windows(LAWS[1], moments, charge))[:: max(1, inverse // 4)]
                    found += [judged(LAWS[1], w, charge, case.target, "float64") for w in some]
                if activation is LEAKY and inverse == 64:
                    path = charge_along(moments, charge)
                    curves.append(
                        Series(f"neuron {neuron + 1}", [(k / inverse, q - path[0]) for k, q in enumerate(path)])
                    )
        for neuron, points in enumerate(ends):
            slope = drift_slope(points)
            label = f"{activation}, neuron {neuron + 1}"
            if all(y for _, y in points):
                drifts.append(Series(f"{label}: slope {slope:.2f}", points))
                rows.append((label, points[-1][1] / points[-1][0], f"{slope:.2f}"))
    plots = (
        Plot(
            "Balanced neurons drift in proportion to the rate, others do not care",
            "eta",
            "|Q_K - Q_0|, same time",
            drifts,
            x_scale="log",
            y_scale="log",
            caption="Leaky ReLU: slope 1, a law broken by finite steps. Hardtanh: slope 0, there is no law.",
        ),
        Plot(
            "The four balances of a hidden layer at eta = 1/64",
            "time k eta",
            "Q_k - Q_0",
            curves,
            caption="Their sum is what a layer-wise statement sees: opposite motions would cancel in it.",
        ),
    )
    drift_table = Table("Drift over rate at eta = 1/256", ("neuron", "|Q_K - Q_0|/eta", "slope"), rows)
    return SimulationResult(worst(found), plots, drift_table)


def _exact(case: Case) -> Residual:
    return exact_check(LAWS, case)


def _modules(dtype: Any) -> Property:
    return Property(
        name=dtype,
        says=f"nn.Linear, nn.ReLU and nn.LeakyReLU trained by torch.optim.SGD in {dtype}: within gamma(n) times the "
        "sum of absolute terms.",
        arithmetic=dtype,
        cases=lambda: drawn(*HOMOGENEOUS, steps=4),
        check=lambda case: module_check(LAWS, case, dtype),
        examples=[KNOWN_CASE],
        share=0.3,
    )


THEOREM = Theorem(
    id="B4.neuron",
    title="Every homogeneous neuron stays balanced",
    summary="Squared incoming weights and bias minus squared outgoing weights: a charge of every neuron.",
    source="arXiv 1806.00900, Theorem 2.1 (gradient flow, without biases); the rest derived",
    status="proved",
    hypotheses=(
        "A feed-forward network; the activation of the neuron has phi(z) = phi'(z) z: linear, ReLU, leaky ReLU.",
        "The neuron's output goes to the next layer only. Any loss, any batch at every step.",
        "Discrete: SGD with one rate, decay and momentum for W, b and W'; the bias decays too.",
    ),
    statement=r"\frac{d}{dt} Q_i = 0, \quad Q_i = |W_{i:}|^2 + b_i^2 - |W'_{:i}|^2; \qquad "
    r"Q_i' = (1-\eta\lambda)^2 Q_i + \eta^2\bigl(|G_{i:}|^2 + g_{b_i}^2 - |G'_{:i}|^2\bigr)",
    assumes=("B0.orthogonality", "B0.sgd-quadratic", "B0.hb-two-step"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="Exact runs of random networks with SGD, decay and momentum: every neuron obeys B0 exactly.",
            arithmetic="rational",
            cases=lambda: drawn(*HOMOGENEOUS),
            check=_exact,
            examples=[KNOWN_CASE],
            share=0.5,
        ),
        Property(
            name="layer-sum",
            says="The sum over a layer needs less: it holds for sorting activations, where no single neuron has a law.",
            arithmetic="rational",
            cases=lambda: drawn(SORTED, *HOMOGENEOUS),
            check=check_layer,
            share=0.25,
        ),
        _modules("float64"),
        _modules("float32"),
    ),
    simulations=(
        Simulation(
            name="ladder",
            says="Four neurons at four rates: each balance drifts in proportion to the rate, and obeys every step.",
            run=ladder,
        ),
    ),
    mutants=(
        caught("bias-forgotten", "The bias does not belong to the balance.", without_bias, small(LEAKY)),
        caught("hardtanh", "A clipped activation is nearly linear, so its neurons have the law.", _exact, CLIPPED),
        caught("alpha-one", "A squared ReLU balances like a ReLU.", _exact, small(SQUARED_RELU)),
        caught(
            "layer-for-neuron", "A layer that is balanced as a whole is so neuron by neuron.", _exact, small(SORTED)
        ),
        caught("sum-of-both", "Incoming and outgoing weights are added.", one_side, small(LEAKY)),
        caught("spared-bias", "Decay that spares the bias leaves the recursion as it is.", _spared, SPARED_CASE),
    ),
)
