"""B4.conv: every channel of a convolutional network is balanced, through pooling, dropout and flattening."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any, cast

from ...oracles.dynamics import SGD, Vector, find_law
from .._between import FLATTEN, HOMOGENEOUS, IDENTITY, LEAKY, dropout, gates, padded, pooling, winners
from .._discrete import Case, bounded, charge_along, float_run, judged, windows, worst
from .._identities import heavy_ball, plain, proved
from .._layers import Layer, Linear, conv, dense, pullback, split, transposed
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
    torch_here,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
NAMES = ("sgd-quadratic", "sgd-quadratic.weights", "hb-two-step.quadratic", "hb-first-step.quadratic")
LAWS = tuple(map(find_law, NAMES))
STEP = (SGD(lr=F(1, 8)),) * 2


def derivation() -> Iterator[Step]:
    """A layer is a list of products; the rest is Euler's relation."""
    yield Step(
        "Dense, strided, padded with zeros, grouped or transposed: a layer with weights is a list of triples, output o "
        "gains weight w times input i. Weights that are shared occur in many triples. The work of the weights into "
        "channel c and the work of those out of it are both sums over triples.",
        r"\sum_{w \to c} w\, g_w + b_c\, g_{b_c} = \sum_{o \in c} z_o \frac{\partial L}{\partial z_o}, \qquad "
        r"\sum_{w\ \text{from}\ c} w\, g_w = \sum_{i \in c} a_i \frac{\partial L}{\partial a_i}",
    )
    yield Step(
        "Between z and a stands whatever scales with its channel: homogeneous activations, pooling, dropout masks, "
        "flattening. Near almost every point it is a linear map J of the channel, and a linear map moves through a "
        "pairing. Checked for three inputs and two outputs, all free.",
        r"a = J z, \quad \frac{\partial L}{\partial z} = J^\top \frac{\partial L}{\partial a} \ \Rightarrow\ "
        r"\Bigl\langle a, \frac{\partial L}{\partial a}\Bigr\rangle = \Bigl\langle z, \frac{\partial L}{\partial z}"
        r"\Bigr\rangle",
        _euler(),
    )
    for says, first, after in _architectures():
        yield Step(says, "", _channels(first, after))
    yield proved(NAMES[0], "So each channel has a charge, and under SGD it obeys B0.sgd-quadratic.")
    yield proved(NAMES[2], "With momentum: B0.hb-two-step, from weights alone.")
    yield Step(
        "Summed over the channels this is the balance of whole layers, which is what the paper states.",
        r"\sum_c Q_c = |W|_F^2 + |b|^2 - |W'|_F^2",
    )


def _euler() -> Certificate:
    from ...oracles.proofs import Matrix, identity

    J, z, d = Matrix.symbols(2, 3), Matrix.symbols(3, 1, 6), Matrix.symbols(2, 1, 9)
    return identity(11, ((J @ z).T @ d).equals(z.T @ (J.T @ d)))


def _architectures() -> Iterator[tuple[str, Linear, tuple[Layer, ...]]]:
    """What is said, the layer in front of the gates, and what comes after them."""
    first = conv((1, 1, 4), 2, (1, 2))
    yield (
        "The code that computes the gradients below runs on symbols. A convolution, free gates, max pooling with given "
        "winners, and a convolution: for each of two channels the pairing is 0 as a polynomial.",
        first,
        (winners((1, 1, 3, 5)), conv((2, 1, 2), 1, (1, 2), bias=False)),
    )
    yield (
        "Stride 2 and zero padding, average pooling, then a grouped (depthwise) convolution.",
        conv((1, 1, 5), 2, (1, 2), stride=2, padding=1),
        (pooling("avg", (2, 2, 3), 2, 1)[0], conv((2, 1, 2), 2, (1, 2), groups=2, bias=False)),
    )
    yield (
        "A transposed convolution into another one, of stride 2.",
        transposed((1, 1, 2), 2, (1, 2)),
        (transposed((2, 1, 3), 1, (1, 2), stride=2, bias=False),),
    )
    yield (
        "A convolution, flattened into a dense layer: channel c owns H W consecutive columns.",
        first,
        (FLATTEN, dense(6, 2, bias=False)),
    )


def _channels(first: Linear, after: tuple[Layer, ...]) -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    layers: tuple[Layer, ...] = (first, gates("gates", [symbols(f"p{i}") for i in range(prod(first.result))]), *after)
    tensors = [[symbols(f"t{k}_{i}") for i in range(n)] for k, n in enumerate(s for x in layers for s in x.sizes)]
    x = [symbols(f"x{i}") for i in range(prod(first.image))]
    found = pullback(layers, tensors, x, lambda out: [symbols(f"e{i}") for i in range(len(out))])
    pairs: list[tuple[Any, Any]] = []
    for channel in range(first.channels):
        charge = neuron_balance(layers, 0, channel)
        total: Any = 0
        for i, mask in charge.weights.items():
            for sign, a, b in zip(cast("Vector", mask), tensors[i], found[i], strict=True):
                if sign:
                    total = total + sign * (a * b)
        pairs.append((total, 0))
    return equal(symbols, pairs)


def drawn(*, steps: int = 3) -> SearchStrategy[Case]:
    """Two layers with weights, convolutions of any kind or a dense one last, and what may stand between them."""
    from hypothesis import strategies as st

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        def kernel(image: Sequence[int]) -> tuple[int, int]:
            return draw(st.integers(1, min(2, image[1]))), draw(st.integers(1, min(2, image[2])))

        def layer(image: tuple[int, ...], least: int) -> Linear:
            groups = draw(st.sampled_from([g for g in (1, 2) if image[0] % g == 0]))
            outputs = 2 if groups == 2 else draw(st.integers(least, 2))
            bias, stride = draw(st.booleans()), draw(st.integers(1, 2))
            if draw(st.integers(0, 2)) == 2 and image[2] < 4:
                return transposed(image, outputs, kernel(image), stride=stride, groups=groups, bias=bias)
            sides = kernel(image)
            padding = draw(st.integers(0, 1)) if sides == (2, 2) else 0
            return conv(image, outputs, sides, stride=stride, padding=padding, groups=groups, bias=bias)

        first = layer((draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(2, 4))), 1)
        image = first.result
        layers: list[Layer] = [first, draw(st.sampled_from(HOMOGENEOUS))]
        if draw(st.booleans()) and image[2] > 1:
            pool, image = pooling(draw(st.sampled_from(("max", "avg"))), image, 2, draw(st.integers(1, 2)))
            layers.append(pool)
        if draw(st.integers(0, 3)) == 3:
            layers.append(dropout(draw(st.tuples(*[st.booleans()] * prod(image)))))
        if draw(st.booleans()):
            last = dense(prod(image), draw(st.integers(1, 2)))
            layers += [FLATTEN, last]
        else:
            last = layer(image, 1)
            layers.append(last)
        charge = neuron_balance(layers, 0, draw(st.integers(0, first.channels - 1)))
        batches = draw(drawn_batches(prod(first.image), prod(last.result), steps, samples=1))
        start = draw(drawn_start([size for each in layers for size in each.sizes]))
        return Case(Training(tuple(layers), batches, charge), start, draw(st.one_of(plain(steps), heavy_ball(steps))))

    return build().filter(alive)


def _exact(case: Case) -> Residual:
    return exact_check(LAWS, case)


def check_autograd(case: Case) -> Residual:
    """The exact gradient against autograd through PyTorch's modules: on these dyadic numbers float64 rounds nothing."""
    from .._symmetric import to_arrays, to_exact

    torch_here()
    target = cast("Training", case.target)
    here = target.gradient(0, case.start)
    there = to_exact(replace(target, modules=True).gradient(0, to_arrays(case.start)))
    off = [abs(a - b) for x, y in zip(here, there, strict=True) for a, b in zip(x, y, strict=True)]
    return Residual(max(off), nontrivial=any(a != 0 for x in here for a in x))


def _moved(case: Case, factor: Fraction) -> Residual:
    """How far the outputs move if the channel is multiplied by a factor and the weights out of it divided."""
    target = cast("Training", case.target)
    charge = cast("Any", target.charge)
    scaled = [list(leaf) for leaf in case.start]
    for i, mask in charge.weights.items():
        scaled[i] = [x * factor if s > 0 else x / factor if s < 0 else x for x, s in zip(scaled[i], mask, strict=True)]
    off: list[Fraction] = []
    for x, _ in target.batches[0]:
        both = [_outputs(target.layers, tensors, x) for tensors in (case.start, scaled)]
        off += [abs(a - b) for a, b in zip(*both, strict=True)]
    return Residual(max(off))


def _outputs(layers: Sequence[Layer], tensors: Any, x: Sequence[Fraction]) -> list[Any]:
    values: list[Any] = list(x)
    for layer, mine in zip(layers, split(layers, tensors), strict=True):
        values = layer.forward(mine, values)
    return values


def misread(
    layers: Sequence[Layer], incoming: Mapping[int, Sequence[int]], outgoing: Mapping[int, Sequence[int]]
) -> Case:
    """Two steps with a charge that takes the entries of the wrong weights."""
    case = sample_case(layers, STEP, seed=2)
    target = cast("Training", case.target)
    return replace(case, target=replace(target, charge=balance(target.sizes, incoming, outgoing)))


IMAGE = (1, 2, 3)
FIRST = conv(IMAGE, 2, (1, 2))
WIDE = conv(IMAGE, 4, (1, 2))
GROUPED = conv((4, 2, 2), 4, (1, 2), groups=2)
DEPTHWISE = conv((2, 2, 2), 2, (1, 2), groups=2)
UP = transposed((2, 2, 2), 3, (1, 2))
INTO = {0: FIRST.incoming(0), 1: [0]}
SAMPLE = sample_case((FIRST, LEAKY, pooling("max", (2, 2, 2))[0], FLATTEN, dense(2, 2)), STEP, seed=2)
PADDED, PADDED_IMAGE = padded((2, 2, 2), 1)


def bars(rate: Fraction, steps: int) -> Case:
    """Images of 4 x 4 with a row (+1) or a column (-1); a convolution of three channels, max pooling, dense."""
    images = [
        tuple(F(int((k if rows else m) == line)) for k in range(4) for m in range(4))
        for rows in (1, 0)
        for line in range(4)
    ]
    batch = tuple((image, (F(1 if number < 4 else -1),)) for number, image in enumerate(images))
    pool, pooled = pooling("max", (3, 3, 3), 2, 1)
    layers = (conv((1, 4, 4), 3, (2, 2)), LEAKY, pool, FLATTEN, dense(prod(pooled), 1))
    case = sample_case(layers, (SGD(lr=rate),) * steps, seed=7)
    start = tuple(Vector(x / 2 for x in leaf) for leaf in case.start)
    return Case(replace(cast("Training", case.target), batches=(batch,)), start, case.optimizers)


def ladder(profile: Profile) -> SimulationResult:
    """The three channels of a small convolutional network that tells rows from columns, at rates in ratio 2.

    Residual and bound: the worst watched step in float64 (see ``properties/_discrete.py``).
    """
    time = (1, 2, 6)[profile.effort]
    ends: list[list[tuple[float, float]]] = [[] for _ in range(3)]
    found: list[Residual] = []
    curves: list[Series] = []
    for inverse in (16, 32, 64, 128):
        case = bars(F(1, inverse), time * inverse)
        layers = cast("Training", case.target).layers
        moments = bounded(float_run(case, "numpy"))
        for channel in range(3):
            charge = neuron_balance(layers, 0, channel)
            values = charge_along((*moments[:: inverse // 16], moments[-1]), charge)
            ends[channel].append((1 / inverse, abs(values[-1] - values[0])))
            found += [
                judged(LAWS[1], w, charge, case.target, "float64")
                for w in list(windows(LAWS[1], moments, charge))[:: inverse // 2]
            ]
            if inverse == 32:
                points = [(k / 16, q - values[0]) for k, q in enumerate(values[:-1])]
                curves.append(Series(f"channel {channel + 1}", points))
    slopes = [f"{drift_slope(points):.2f}" for points in ends]
    plots = (
        Plot(
            "Channels drift apart in proportion to the rate",
            "eta",
            "|Q_K - Q_0|, same time",
            [Series(f"channel {c + 1}: slope {slopes[c]}", points) for c, points in enumerate(ends)],
            x_scale="log",
            y_scale="log",
            caption="Convolution, leaky ReLU, max pooling, dense: rows against columns of 4 x 4 images.",
        ),
        Plot(
            "Three channels during training at eta = 1/32",
            "time k eta",
            "Q_k - Q_0",
            curves,
            caption="Filter and bias of a channel against the weights that read it.",
        ),
    )
    rows = [(f"channel {c + 1}", points[-1][1] / points[-1][0], slopes[c]) for c, points in enumerate(ends)]
    return SimulationResult(
        worst(found), plots, Table("Drift over rate at eta = 1/128", ("channel", "|Q_K - Q_0|/eta", "slope"), rows)
    )


def _modules(dtype: Any) -> Property:
    return Property(
        name=dtype,
        says=f"nn.Conv2d, nn.ConvTranspose2d, pooling modules and nn.Linear under torch.optim.SGD in {dtype}: "
        "within gamma(n) times the sum of absolute terms.",
        arithmetic=dtype,
        cases=lambda: drawn(steps=3),
        check=lambda case: module_check(LAWS, case, dtype),
        examples=[SAMPLE],
        share=0.1,
    )


THEOREM = Theorem(
    id="B4.conv",
    title="Every channel of a convolutional network stays balanced",
    summary="A filter and its bias against the weights that read its channel, through pooling, dropout and flattening.",
    source="arXiv 1806.00900 (layers with shared weights, recalled); per channel and with biases derived",
    status="proved",
    hypotheses=(
        "W, b make a channel (convolution of any stride, groups, zero padding; or transposed), W' reads it.",
        "Between them: activations with phi(z) = phi'(z) z, max and average pooling, dropout, flattening.",
        "W'_c: W'[:, c] of a convolution; the slice of c's group for groups, W'[c] for depthwise and transposed ones; "
        "the columns c H W, ..., (c + 1) H W - 1 of a dense layer.",
    ),
    statement=r"Q_c = |W_c|^2 + b_c^2 - |W'_c|^2, \qquad \frac{d}{dt} Q_c = 0, \qquad "
    r"Q_c' = (1-\eta\lambda)^2 Q_c + \eta^2\bigl(|G_c|^2 + g_{b_c}^2 - |G'_c|^2\bigr)",
    assumes=("B0.orthogonality", "B0.sgd-quadratic", "B0.hb-two-step", "B4.neuron"),
    derivation=derivation,
    properties=(
        Property(
            name="exact",
            says="Exact runs of random convolutional networks: every channel obeys B0 exactly.",
            arithmetic="rational",
            cases=drawn,
            check=_exact,
            examples=[SAMPLE],
            share=0.1,
        ),
        Property(
            name="autograd",
            says="Exact gradients equal those of PyTorch's modules, bit by bit, where float64 has nothing to round.",
            arithmetic="float64",
            cases=lambda: drawn(steps=1),
            check=check_autograd,
            examples=[SAMPLE],
            share=0.1,
        ),
        Property(
            name="rescaling",
            says="A channel times 3/2 and its readers times 2/3: the outputs are exactly the same.",
            arithmetic="rational",
            cases=lambda: drawn(steps=1),
            check=lambda case: _moved(case, F(3, 2)),
            share=0.1,
        ),
        _modules("float64"),
        _modules("float32"),
    ),
    simulations=(
        Simulation(
            name="rows-and-columns",
            says="A network that learns to tell rows from columns: its channels drift in proportion to the rate.",
            run=ladder,
        ),
    ),
    mutants=(
        caught(
            "bias-forgotten",
            "The bias of a filter does not enter.",
            _exact,
            misread(
                (FIRST, LEAKY, conv((2, 2, 2), 1, (1, 2))),
                {0: FIRST.incoming(0)},
                {2: conv((2, 2, 2), 1, (1, 2)).outgoing(0)},
            ),
        ),
        caught(
            "channels-last",
            "A dense layer reads channel c at the columns c, c + C, c + 2 C, ...",
            _exact,
            misread((FIRST, LEAKY, FLATTEN, dense(8, 2)), INTO, {2: [0, 2, 4, 6, 8, 10, 12, 14]}),
        ),
        caught(
            "groups-ignored",
            "Channel c of a grouped convolution is read by W'[:, c mod C/g], whatever the group.",
            _exact,
            misread((WIDE, LEAKY, GROUPED), INTO, {2: [i for c in range(4) for i in (4 * c, 4 * c + 1)]}),
        ),
        caught(
            "depthwise-axis",
            "A depthwise convolution reads channel c by W'[:, c].",
            _exact,
            misread((FIRST, LEAKY, DEPTHWISE), INTO, {2: [0, 1, 2, 3]}),
        ),
        caught(
            "transposed-axis",
            "A transposed convolution reads channel c by W'[:, c].",
            _exact,
            misread((FIRST, LEAKY, UP), INTO, {2: [i for c in range(2) for i in (6 * c, 6 * c + 1)]}),
        ),
        caught(
            "padding-with-ones",
            "Padding between the layers may have any value.",
            _exact,
            sample_case((FIRST, LEAKY, PADDED, conv(PADDED_IMAGE, 1, (2, 2))), STEP, seed=2),
        ),
        caught(
            "sign-flip",
            "Max pooling commutes with negative factors as well.",
            lambda case: _moved(case, F(-1)),
            sample_case((FIRST, IDENTITY, pooling("max", (2, 2, 2))[0], conv((2, 1, 1), 1, (1, 1))), STEP, seed=2),
        ),
    ),
)
