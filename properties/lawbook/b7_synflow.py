"""B7.synflow: the SynFlow score of every layer sums to the same number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import Number
from .._layered import Layer, Net, layer_sums, nets, network_pass, rounded
from .._layered_torch import exact, torch_module, torch_network
from .._profiles import Profile
from .._pruning import synflow_pass
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
EXAMPLE = Net(
    widths=(2, 2, 1),
    weights=((F(1), F(-2), F(3), F(4)), (F(1), F(-1))),
    biases=((), ()),
    leak=F(0),
    inputs=((F(1), F(1)),),
    linear=((F(1),),),
)
BIASED = replace(EXAMPLE, biases=((F(1), F(2)), (F(1),)))
KNOWN_SCORES = ([[1, 2], [3, 4]], [[3, 7]])
KNOWN_TOTAL = 10


def derivation() -> Iterator[Step]:
    """Euler's identity for a product of matrices."""
    yield Step(
        "R is linear in every factor, and the score of a weight is the sum of the paths through it. Each path crosses "
        "each layer once, so each layer sums to R. This is B7.network without biases, for absolute weights and an "
        "input of ones.",
        r"S(w) = |w|\,\frac{\partial R}{\partial |w|}, \qquad \sum S(W_l) = R",
    )
    yield Step(
        "Widths 2-3-2-1 with free symbols for the absolute weights: three sums, one R.",
        r"\langle |W_l|, \partial R/\partial|W_l| \rangle = 1^\top |W_3||W_2||W_1| 1",
        _layers(),
    )
    yield Step(
        "Scores do not see signs and are not negative. A weight on no path that is left scores 0.",
        r"S(w) \ge 0, \qquad \sum_l \sum S(W_l) = L\,R",
    )


def _layers() -> Certificate:
    from ...oracles.dynamics import Symbols, equal
    from .._layered import symbolic

    symbols = Symbols()
    free = symbolic(symbols, (2, 3, 2, 1), bias=False).layers
    passed = network_pass(free, [[1, 1]], lambda s, y: [1] * len(y), lambda s, layer, j, z: 1)
    return equal(symbols, [(total, passed.outputs[0][0]) for total in layer_sums(passed.scores)])


def table() -> Table:
    """The known example."""
    passed = synflow_pass(EXAMPLE.layers())
    scores = [layer.weights for layer in passed.scores]
    rows = [(f"layer {k + 1}", str([list(map(str, row)) for row in W]).replace("'", "")) for k, W in enumerate(scores)]
    R = passed.outputs[0][0]
    rows += [("R", str(R)), ("total", str(sum(layer_sums(passed.scores))))]
    agrees = tuple(scores) == KNOWN_SCORES and R == KNOWN_TOTAL
    return Table("W1 = [[1, -2], [3, 4]], W2 = [[1, -1]]", ("what", "value"), rows, agrees)


def bare(*, biases: bool = False) -> SearchStrategy[Net]:
    """Networks of two to four layers, one of whose weights may be 0."""
    from hypothesis import strategies as st

    def pruned(net: Net, place: int, zero: bool) -> Net:
        first = list(net.weights[0])
        first[place % len(first)] *= 1 - zero
        return replace(net, weights=(tuple(first), *net.weights[1:]))

    return st.builds(pruned, nets(biases=biases, layers=(2, 4)), st.integers(0, 8), st.booleans())


def check(net: Net) -> Residual:
    """Every layer against R, and all of them against L R; exactly."""
    passed = synflow_pass(net.layers())
    R, sums = sum(passed.outputs[0]), layer_sums(passed.scores)
    total = abs(sum(sums) - len(sums) * R)
    negative = sum(1 for layer in passed.scores for x in layer.entries() if x < 0)
    return Residual(max(total, negative, *(abs(x - R) for x in sums)), nontrivial=R > 0)


def check_signed(net: Net) -> Residual:
    """Signed weights: every layer still sums to R, but R need not be positive and scores change sign."""
    layers = [Layer(weights, []) for weights, _ in net.layers()]
    ones: list[Number] = [1] * net.widths[0]
    scores = network_pass(layers, [ones], lambda s, y: [1] * len(y), lambda s, layer, j, z: 1).scores
    return Residual(sum(1 for layer in scores for x in layer.entries() if x < 0))


def check_biases(net: Net) -> Residual:
    """R with absolute biases left in: the layers differ."""
    absolute = [Layer([[abs(x) for x in row] for row in W], [abs(x) for x in b]) for W, b in net.layers()]
    ones: list[Number] = [1] * net.widths[0]
    passed = network_pass(absolute, [ones], lambda s, y: [1] * len(y), lambda s, layer, j, z: 1)
    return Residual(max(abs(x - sum(passed.outputs[0])) for x in layer_sums(passed.scores)))


def triples() -> SearchStrategy[tuple[int, int, int]]:
    """Pythagorean triples: weight, root of eps, root of their sum of squares."""
    from hypothesis import strategies as st

    return st.sampled_from([(3, 4, 5), (4, 3, 5), (5, 12, 13), (12, 5, 13), (8, 15, 17)])


def check_batch_statistics(triple: tuple[int, int, int]) -> Residual:
    """One weight w and a batch normalisation in training mode, inputs 1 and -1, R the first output.

    The output is ``w / root(w^2 + eps)``; its score for w is ``w eps / root(w^2 + eps)^3``, that of the scale of the
    normalisation is the output itself.
    """
    w, root_of_eps, sd = triple
    below, above = F(w * root_of_eps**2, sd**3), F(w, sd)
    return Residual(abs(below - above))


def check_torch(net: Net, dtype: str) -> Residual:
    """What the method does to a torch module: absolute weights, one backward pass of ones, signs put back.

    All terms are positive, so a layer's sum of absolute terms is R itself. The signs must come back exactly.
    """
    torch = torch_module()
    network = torch_network(replace(net, biases=((),) * len(net.weights), leak=F(0)), dtype)
    weights = [part.weight for part in network if isinstance(part, torch.nn.Linear)]
    before = [w.detach().clone() for w in weights]
    with torch.no_grad():
        signs = [torch.sign(w) for w in weights]
        for w in weights:
            w.abs_()
    R = network(torch.ones(1, net.widths[0], dtype=weights[0].dtype)).sum()
    R.backward()
    sums = [sum((a * b for a, b in zip(_flat(w.grad), _flat(w), strict=True)), F(0)) for w in weights]
    with torch.no_grad():
        restored = all(torch.equal(w * sign, old) for w, sign, old in zip(weights, signs, before, strict=True))
    value = max((abs(x - F(R.item())) for x in sums), default=F(0))
    held = rounded(value, 2 * R.item(), net.roundings, dtype, nontrivial=R.item() > 0)
    return held if restored else replace(held, value=math.inf, note="the signs did not come back")


def _flat(tensor: Any) -> list[Fraction]:
    flat: list[Fraction] = exact(tensor.flatten())
    return flat


def depth(profile: Profile) -> SimulationResult:
    """A deep network in float32, and in float64 with a common factor taken out after every layer.

    Residual: the largest difference of log R between layers. Bound: each sum is a chain of at most L (n + 2) roundings
    of positive terms, and the logarithms add one rounding for each layer at the size of their sum.
    """
    import numpy as np

    from ...simulations.fields import gamma

    layers, width = (40, 80, 240)[profile.effort], 128
    generator = np.random.default_rng(0)
    W = [np.abs(generator.normal(size=(width, width))) * math.sqrt(2 / width) for _ in range(layers)]
    forward, logs = [np.ones(width)], [0.0]
    for matrix in W:
        after = matrix @ forward[-1]
        forward.append(after / after.max())
        logs.append(logs[-1] + math.log(after.max()))
    backward, back_logs = [np.ones(width)], [0.0]
    for matrix in reversed(W):
        before = matrix.T @ backward[-1]
        backward.append(before / before.max())
        back_logs.append(back_logs[-1] + math.log(before.max()))
    log_total = logs[-1] + math.log(forward[-1].sum())
    sums: list[float] = []
    for k, matrix in enumerate(W):
        behind = layers - 1 - k
        middle = float(backward[behind] @ (matrix @ forward[k]))
        sums.append(logs[k] + math.log(middle) + back_logs[behind])
    value = max(abs(x - log_total) for x in sums)
    bound = 2 * gamma(layers * (width + 3)) + 2 * gamma(3 * layers) * sum(
        abs(b - a) for a, b in _steps(logs, back_logs)
    )
    ten = math.log(10)
    growth = [(float(k), x / ten) for k, x in enumerate(logs)]
    single: list[tuple[float, float]] = []
    value32 = np.ones(width, dtype=np.float32)
    with np.errstate(over="ignore"):
        for k, matrix in enumerate(W):
            value32 = matrix.astype(np.float32) @ value32
            if np.isfinite(value32).all():
                single.append((float(k + 1), math.log10(float(value32.max()))))
    plot = Plot(
        "The product of a deep network leaves float32 soon",
        "layers",
        "log10 of the largest entry",
        (
            Series("logarithms", growth),
            Series("float32, while finite", single, kind="points"),
            Series("largest float32", [(0.0, math.log10(3.4e38)), (float(layers), math.log10(3.4e38))], kind="bound"),
        ),
        caption=f"|W| of width {width} with Gaussian weights of variance 2/{width}. The scores of all layers are found "
        "from factors whose common size is kept as a logarithm.",
    )
    flat = Plot(
        "Every layer scores the same",
        "layer",
        "log10 of the sum of scores",
        (
            Series("layers", [(k + 1.0, x / ten) for k, x in enumerate(sums)], kind="points"),
            Series("R", [(1.0, log_total / ten), (float(layers), log_total / ten)]),
        ),
    )
    return SimulationResult(Residual(value, bound), (plot, flat))


def _steps(*runs: Sequence[float]) -> Iterator[tuple[float, float]]:
    for run in runs:
        yield from pairwise(run)


THEOREM = Theorem(
    id="B7.synflow",
    title="SynFlow scores are conserved from layer to layer",
    summary="With absolute weights and an input of ones, the scores of every layer sum to R.",
    source="arXiv 2006.05467, section 5",
    status="proved",
    hypotheses=(
        "R is the sum of the outputs for the input of ones, with all weights replaced by their absolute values and "
        "without biases; activations are the identity on positive numbers.",
        "Batch normalisation is removed or in evaluation mode, where it is one more diagonal factor without shift.",
        "In exact arithmetic: products of many layers overflow float32.",
    ),
    statement=r"R = 1^\top |W_L| \cdots |W_1|\, 1, \qquad S(W_l) = |W_l| \odot \frac{\partial R}{\partial |W_l|}, "
    r"\qquad \sum_{ij} S(W_l)_{ij} = R \ \text{for every } l",
    assumes=("B7.network",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="Scores of random networks, some with a weight that is 0: none is negative, every layer sums to R.",
            arithmetic="rational",
            cases=bare,
            check=check,
            examples=[EXAMPLE],
        ),
        *(
            Property(
                name=f"torch-{dtype}",
                says=f"The method on a torch module in {dtype}, signs removed and put back.",
                arithmetic=dtype,
                cases=bare,
                check=partial(check_torch, dtype=dtype),
                examples=[EXAMPLE],
                share=0.5,
            )
            for dtype in ("float64", "float32")
        ),
    ),
    simulations=(
        Simulation(
            name="depth",
            says="Layer by layer the same sum, also where it is far beyond the floats.",
            run=depth,
        ),
    ),
    mutants=(
        Mutant(
            name="signed-weights",
            says="Without absolute values no score is negative either.",
            violates=Property("signed", "signed weights", "rational", bare, check_signed, examples=[EXAMPLE]),
        ),
        Mutant(
            name="biases-left-in",
            says="Biases may stay.",
            violates=Property(
                "biases", "R with biases", "rational", lambda: nets(biases=True), check_biases, examples=[BIASED]
            ),
        ),
        Mutant(
            name="batch-statistics",
            says="Batch normalisation may stay in training mode.",
            violates=Property("batch", "training mode", "rational", triples, check_batch_statistics),
        ),
    ),
)
