"""A5.lcn.composition: a stack of strided convolutions is one convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from math import prod
from operator import mul
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._filters import Stack, compose_trees, correlate, correlate_trees, symbols
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.proofs import Node

KNOWN = (((1, 2), (3, 5)), 2, (3, 6, 5, 10))
"""w_1 and w_2, s_1, and the end-to-end filter that the theory states."""
ARCHITECTURES = (((3, 2), (2, 1)), ((2, 3), (1, 2)), ((2, 2, 2), (2, 1, 2)), ((2, 2, 2), (2, 3, 1)))
"""Sizes and strides, the last stride included, of the stacks whose free filters are composed."""
Rational = int | Fraction
Spacing = Callable[[Sequence[int]], list[int]]


@dataclass(frozen=True, slots=True)
class Case:
    """A stack, the stride of its last filter, and a signal of whole numbers."""

    stack: Stack
    last: int
    signal: tuple[int, ...]

    @property
    def strides(self) -> tuple[int, ...]:
        return (*self.stack.strides, self.last)


def right(strides: Sequence[int]) -> list[int]:
    """``t_l = s_1 ... s_(l-1)``; ``strides`` holds s_1, ..., s_L."""
    return list(accumulate(strides[:-1], mul, initial=1))


def ignoring(strides: Sequence[int]) -> list[int]:
    """Wrong: all strides are 1."""
    return [1 for _ in strides]


def own_stride(strides: Sequence[int]) -> list[int]:
    """Wrong: a filter's own stride enters, ``t_l = s_1 ... s_l``, so that s_L does."""
    return list(accumulate(strides, mul))


def from_the_end(strides: Sequence[int]) -> list[int]:
    """Wrong: ``t_l = s_(l+1) ... s_L``, as if the last filter were applied first."""
    return [prod(strides[layer + 1 :]) for layer in range(len(strides))]


def end_to_end(filters: Sequence[Sequence[Rational]], steps: Sequence[int]) -> list[Rational]:
    """The coefficients of ``prod_l w_l(x^(t_l))``."""
    w: list[Rational] = [1]
    for factor, step in zip(filters, steps, strict=True):
        longer: list[Rational] = [0] * (len(w) + (len(factor) - 1) * step)
        for i, a in enumerate(w):
            for j, b in enumerate(factor):
                longer[i + j * step] += a * b
        w = longer
    return w


def derivation() -> Iterator[Step]:
    """Two correlations, then generating functions, then free filters on free signals."""
    yield Step(
        "One filter reads every s-th window of its input. Put the first into the second: output i of the second reads "
        "the input at i s_1 s_2 + j_2 s_1 + j_1. The coefficients of one long filter add up at j_1 + s_1 j_2, and its "
        "stride is s_1 s_2.",
        r"y_i = \sum_j w_{2,j} \sum_k w_{1,k}\, x_{(i s_2 + j) s_1 + k} = \sum_{j, k} w_{2,j} w_{1,k}\, "
        r"x_{i s_1 s_2 + (k + s_1 j)}",
    )
    yield Step(
        "Adding exponents is multiplying polynomials. For free filters of sizes 2, 3, 2 with strides 2 and 3 the "
        "sum of the coefficients times powers of x is the product of the three polynomials.",
        r"w(x) = \prod_l w_l(x^{t_l}), \qquad t_1 = 1, \; t_l = s_1 \cdots s_{l-1}",
        _generating((2, 3, 2), (2, 3)),
    )
    yield Step(
        "The size: the highest power of the product is the sum of the highest powers of its factors.",
        r"k = 1 + \sum_l (k_l - 1)\, t_l",
    )
    for sizes, strides in ARCHITECTURES:
        shown = f"sizes {', '.join(map(str, sizes))}, strides {', '.join(map(str, strides))}"
        yield Step(
            f"Free filters on a free signal, {shown}: every output of the stack is the output of the end-to-end filter "
            f"with the stride {prod(strides)}. The last stride enters that stride alone.",
            r"y = w_L \star_{s_L} ( \cdots (w_1 \star_{s_1} x)) = w \star_{s_1 \cdots s_L} x",
            stacked(sizes, strides, right),
        )
    yield Step(
        "The known value: w_1 = (1, 2) with stride 2 and w_2 = (3, 5).",
        r"w = (3, 6, 5, 10)",
        _known(),
    )


def _generating(sizes: Sequence[int], strides: Sequence[int]) -> Certificate:
    from ...oracles.proofs import add, identity, multiply, power, symbol

    filters, x = symbols(sizes), symbol(sum(sizes))
    steps = right((*strides, 1))
    whole = compose_trees(filters, steps)
    left = add(*(multiply(c, power(x, p)) for p, c in enumerate(whole)))
    factors = [
        add(*(multiply(c, power(x, i * step)) for i, c in enumerate(w))) for w, step in zip(filters, steps, strict=True)
    ]
    return identity(sum(sizes) + 1, [(left, multiply(*factors))])


def stacked(sizes: Sequence[int], strides: Sequence[int], spacing: Spacing) -> Certificate:
    """The claim that a stack of free filters is the filter with the given spacings; free signal, two outputs."""
    from ...oracles.proofs import identity, symbol

    filters, total = symbols(sizes), prod(strides)
    w = compose_trees(filters, spacing(strides))
    length = end_to_end([[1] * k for k in sizes], right(strides))
    length_of_signal = max(len(length), len(w)) + total
    signal: list[Node] = [symbol(sum(sizes) + i) for i in range(length_of_signal)]
    y = signal
    for factor, stride in zip(filters, strides, strict=True):
        y = correlate_trees(factor, y, stride)
    once = correlate_trees(w, signal, total)
    return identity(sum(sizes) + length_of_signal, list(zip(y, once, strict=False)))


def _known() -> Certificate:
    from ...oracles.proofs import values

    (first, second), stride, w = KNOWN
    trees = compose_trees(symbols((len(first), len(second))), (1, stride))
    return values([*first, *second], zip(trees, w, strict=True))


def table() -> Table:
    """The known value, and the same two filters with other strides."""
    filters, stride, known = KNOWN
    rows = [(s, str(tuple(end_to_end(filters, right((s, 1)))))) for s in (1, 2, 3)]
    agrees = rows[stride - 1][1] == str(known)
    return Table("w for w_1 = (1, 2) and w_2 = (3, 5)", ("s_1", "end-to-end filter"), rows, agrees)


def cases() -> SearchStrategy[Case]:
    """Two to four filters, strides up to 3, signals that leave at least two outputs."""
    from hypothesis import strategies as st

    from .._filters import shapes

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        stack = draw(shapes(layers=(2, 4)))
        last = draw(st.integers(1, 3))
        strides = (*stack.strides, last)
        length = len(end_to_end(stack.filters, right(strides))) + prod(strides) * draw(st.integers(1, 2))
        # entries without zeros: a wrong filter is seldom hidden by the signal
        entry = st.integers(-9, 8).map(lambda a: a + (a >= 0))
        return Case(stack, last, tuple(draw(st.lists(entry, min_size=length, max_size=length))))

    return draw_case()


def check(spacing: Spacing) -> Callable[[Case], Residual]:
    """The stack layer by layer against one filter, exactly; only as many outputs as both have."""

    def check_case(case: Case) -> Residual:
        y: Sequence[Rational] = case.signal
        for w, stride in zip(case.stack.filters, case.strides, strict=True):
            y = correlate(w, y, stride)
        once = correlate(end_to_end(case.stack.filters, spacing(case.strides)), case.signal, prod(case.strides))
        off = sum((abs(Fraction(a) - b) for a, b in zip(y, once, strict=False)), Fraction(0))
        if spacing is right:
            off += abs(len(y) - len(once))
        return Residual(off, nontrivial=any(y) and len(once) > 0)

    return check_case


def check_floats(case: Case) -> Residual:
    """torch.nn.functional.conv1d in float64, layer by layer, against the exact end-to-end filter; entries over 7.

    Bound: a term of the output passes through one product and at most k_l additions in each layer: gamma of their
    number, times the sum of absolute terms. The exact side takes the rounded entries as they are.
    """
    from .._training import torch_here

    torch = torch_here()
    filters = [[float(x) / 7 for x in w] for w in case.stack.filters]
    signal = [float(x) / 7 for x in case.signal]
    y: Any = torch.tensor(signal, dtype=torch.float64).reshape(1, 1, -1)
    for w, stride in zip(filters, case.strides, strict=True):
        y = torch.nn.functional.conv1d(y, torch.tensor(w, dtype=torch.float64).reshape(1, 1, -1), stride=stride)
    exact = [[Fraction(x) for x in w] for w in filters]
    whole, total = end_to_end(exact, right(case.strides)), prod(case.strides)
    once = correlate(whole, [Fraction(x) for x in signal], total)
    sizes = end_to_end([[abs(x) for x in w] for w in exact], right(case.strides))
    sums = correlate(sizes, [abs(Fraction(x)) for x in signal], total)
    n = sum(k + 1 for k in case.stack.sizes)
    gamma = Fraction(n, 2**53 - n)
    off = [abs(Fraction(float(a)) - b) for a, b in zip(y.reshape(-1).tolist(), once, strict=True)]
    worst = max(range(len(off)), key=lambda i: off[i] / sums[i] if sums[i] else 0)
    return Residual(float(off[worst]), float(gamma * sums[worst]) * (1 + 2.0**-40), nontrivial=any(once))


def training(profile: Profile) -> SimulationResult:
    """Gradient descent on a stack by its own layers, and on mu of its filters: the same steps, over Q.

    Sizes 3, 2, strides 2, 2, samples x and targets y of whole numbers, loss |stack(x) - y|^2 / 2. The left side
    propagates the errors back through the correlations; the right side knows the loss of the end-to-end filter alone.
    """
    from ...oracles.models import parse_model
    from ...simulations import EULER, FloatField, Loss, Objective, exact_steps, integrate

    sizes, strides, eta = (3, 2), (2, 2), Fraction(1, 64)
    start = (Fraction(1), Fraction(-1, 2), Fraction(1, 2), Fraction(1), Fraction(1, 2))
    signals, targets = ((1, 0, 2, -1, 1, 3, 0, 1, -2), (2, 1, -1, 0, 1, 1, 2, 0, 1)), ((1, -1), (0, 2))
    total, width = prod(strides), len(end_to_end([(1,) * k for k in sizes], right(strides)))
    inputs = [x[i * total : i * total + width] for x, y in zip(signals, targets, strict=True) for i in range(len(y))]
    wanted = [(value,) for y in targets for value in y]
    energy = Objective(parse_model("conv:3-2+stride2"), Loss.regression(inputs, wanted))
    steps = (3, 4, 5)[profile.effort]
    path = exact_steps(start, [energy] * steps, eta=eta)
    theta, off = list(start), Fraction(0)
    for point in path.points[1:]:
        theta = [x - eta * g for x, g in zip(theta, _backward(theta, sizes, strides, signals, targets), strict=True)]
        off = max(off, *(abs(a - b) for a, b in zip(theta, point, strict=True)))
    import numpy as np

    field, points = FloatField(energy), np.array([float(x) for x in start])
    run = integrate(field, points, method=EULER, length=float(eta), steps=200)
    names = [f"w{layer + 1}[{i}]" for layer, k in enumerate(sizes) for i in range(k)]
    series = [
        Series(f"{name}, through mu", [(float(k), float(p[i])) for k, p in enumerate(run.points)])
        for i, name in enumerate(names)
    ]
    layers = [(float(k), float(p[i])) for i in range(len(names)) for k, p in enumerate(path.points)]
    series.append(Series("through the layers, exact", layers, kind="points"))
    plot = Plot(
        "A stack trains as its end-to-end filter says",
        "step",
        "coefficient",
        series,
        caption="Gradient descent on two strided convolutions. Marks: the exact steps of the stack itself, by "
        "propagation through its layers.",
    )
    return SimulationResult(Residual(off, note=f"{steps} exact steps, two samples"), (plot,))


def _backward(
    theta: Sequence[Fraction],
    sizes: Sequence[int],
    strides: Sequence[int],
    signals: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
) -> list[Fraction]:
    """The gradient of sum |stack(x) - y|^2 / 2 by propagation through two layers."""
    first, second = list(theta[: sizes[0]]), list(theta[sizes[0] :])
    gradient = [Fraction(0)] * len(theta)
    for x, wanted in zip(signals, targets, strict=True):
        hidden = correlate(first, x, strides[0])
        error = [a - b for a, b in zip(correlate(second, hidden, strides[1]), wanted, strict=True)]
        back = [Fraction(0)] * len(hidden)
        for i, e in enumerate(error):
            for j, b in enumerate(second):
                gradient[sizes[0] + j] += e * hidden[i * strides[1] + j]
                back[i * strides[1] + j] += e * b
        for i, e in enumerate(back):
            for j in range(sizes[0]):
                gradient[j] += e * x[i * strides[0] + j]
    return gradient


EXAMPLE = Case(Stack(KNOWN[0], (KNOWN[1],)), 2, tuple(range(1, 9)))
DEEP = Case(Stack(((1, 2), (3, -1), (1, 1)), (2, 3)), 2, tuple(k * k % 11 + 1 for k in range(30)))


def _violating(name: str, says: str, spacing: Spacing) -> Mutant:
    return Mutant(name, says, violates=Property(name, says, "rational", cases, check(spacing), (EXAMPLE, DEEP)))


THEOREM = Theorem(
    id="A5.lcn.composition",
    title="A stack of convolutions is one convolution",
    summary="Strided filters compose to the product of their polynomials, each in a power of x that the strides before "
    "it give.",
    source="standard; the setting of arXiv 2507.06367",
    status="proved",
    hypotheses=(
        "One-dimensional, one channel, no padding: y_i = sum_j w_j x_(i s + j).",
        "Filters w_l of size k_l and strides s_l >= 1, l = 1..L, the first applied first.",
    ),
    statement=r"w(x) = \prod_{l=1}^{L} w_l(x^{t_l}), \quad t_l = s_1 \cdots s_{l-1}, \quad k = 1 + \sum_l (k_l - "
    r"1)\, t_l, \quad \text{stride } s_1 \cdots s_L",
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="Random stacks of two to four filters on whole signals: layer by layer and at once, the same outputs.",
            arithmetic="rational",
            cases=cases,
            check=check(right),
            examples=(EXAMPLE, DEEP),
        ),
        Property(
            name="conv1d",
            says="torch.nn.functional.conv1d in float64, layer by layer, within the rounding of its sums.",
            arithmetic="float64",
            cases=cases,
            check=check_floats,
            examples=(EXAMPLE, DEEP),
            share=0.5,
        ),
    ),
    simulations=(
        both_flows(
            "conv:2-2+stride2",
            "generic",
            "Two filters with stride 2: the flow of all weights and that of the one filter.",
        ),
        Simulation(
            name="training",
            says="Exact gradient steps through the layers of a stack are those through its end-to-end filter.",
            run=training,
        ),
    ),
    mutants=(
        _violating(
            "strides-ignored", "The end-to-end filter is the product of the polynomials, without strides.", ignoring
        ),
        _violating("last-stride", "A filter is spread by its own stride too, so s_L enters.", own_stride),
        _violating("reversed", "Filters are spread by the strides after them.", from_the_end),
        Mutant(
            name="strides-ignored-certified",
            says="The same without strides, for free filters and signals.",
            rejects=lambda: stacked((3, 2), (2, 1), ignoring),
        ),
    ),
)
