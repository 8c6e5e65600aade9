"""A5.lcn.metric: the end-to-end filter flows by itself, on its image globally or on a branch of its factorisations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._enclosed import Reduced, enclosed, gap
from .._filter_metric import (
    Case,
    all_cases,
    check_branch,
    image,
    metric_times,
    norms_of,
    other_branch,
    outer_cases,
    swapped,
)
from .._filters import Stack, balances, convolution, law_values, outer_metric
from .._profiles import Profile
from .._reduced import side_by_side
from .._theorem import Mutant, Property, Residual, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
Rational = int | Fraction
Norms = Callable[[Case], Sequence[Rational]]

OUTER = Stack(((1, 2), (F(3, 2), -1)), (2,))
THREE = Stack(((1, F(1, 2)), (1, -1, F(1, 2)), (1, F(1, 2))), (2, 3))
STRIDE_ONE = Stack(((-1, 1), (F(-1, 2), F(3, 2))), (1,))
LONG_FIRST = Stack(((1, F(1, 2), -1), (F(1, 2), 1)), (2,))
TIME = F(1, 8)
"""Of the enclosed flows in the shortest profile."""
SCALARS = Stack(((1,), (2,), (3,)), (1, 1))
"""Filters of one coefficient: A3.path-lifting.closed-forms (b) at z = 6 with the laws 1 - 4 and 4 - 9."""


def derivation() -> Iterator[Step]:
    """K in general; one outer product; the squared norms; then points where it is local only."""
    from ...oracles.proofs import inclusion

    yield Step(
        "A change of w_l changes w by its product with the other filters. So dmu = (T_1 | ... | T_L), and for any "
        "gradient flow w' = -dmu dmu^T grad f(w).",
        r"K = d\mu\, d\mu^\top = \sum_l T_l T_l^\top, \qquad T_l b = b(x^{t_l}) \prod_{j \ne l} w_j(x^{t_j})",
    )
    yield Step(
        "k_1 <= s_1, L = 2: no two products w_(1,i) w_(2,j) meet, and w is the matrix Z = w_2 w_1^T. Then K is the "
        "formula of one neuron, A3.path-lifting.closed-forms (a). The code that evaluates both sides runs on free "
        "filters of sizes 2 and 3 and a free G.",
        r"K(G) = \frac{Z Z^\top G}{|w_1|^2} + \frac{G Z^\top Z}{|w_2|^2}",
        _outer((2, 3), (2,)),
    )
    yield Step(
        "With more filters and no meeting products w is a tensor of rank one, and the same holds for each way to "
        "flatten it. Free filters of sizes 2, 2, 2 with strides 2, 2 and a free G.",
        r"K(G) = \sum_l \frac{G_{(l)} Z_{(l)}^\top Z_{(l)}}{|w_l|^2}",
        _outer((2, 2, 2), (2, 2)),
    )
    yield Step(
        "The squared norms n_l = |w_l|^2 follow from w and the laws. For L = 2 with h = n_1 - n_2:",
        r"(2 n_1 - h)^2 = h^2 + 4 n_1 n_2 = (2 n_2 + h)^2, \qquad n_1 n_2 = |Z|_F^2",
        _two_norms(),
    )
    yield Step(
        "In general n_l = x + sigma_l with x = n_L. Beyond max(0, -sigma_l) all factors are positive and grow, so the "
        "product takes each positive value exactly once there: x is the largest root. Smaller positive roots may "
        "exist, "
        "at which two factors are negative: for n = 1, 4, 9 both x = 9 and x = 2 solve it, and at 2 the norms would be "
        "-6, -3, 2 and K = n_1 n_2 + n_1 n_3 + n_2 n_3 would be 0 instead of 49.",
        r"\prod_l (x + \sigma_l) = \prod_l |w_l|^2, \qquad x (x - 5)(x - 8) = 36 \iff x \in \{2, 9\}",
        roots(),
    )
    yield Step(
        "When products meet, K still follows from the directions of the factors and their norms: T_l is of degree one "
        "in each other filter. Free filters of sizes 2, 2, 2 with stride 1, scaled by free c_l.",
        r"T_l T_l^\top (c_1 w_1, \ldots, c_L w_L) = \Bigl( \prod_{j \ne l} c_j^2 \Bigr) T_l T_l^\top(w_1, \ldots, w_L)",
        _scaling((2, 2, 2), (1, 1)),
    )
    yield Step(
        "Where the rank of dmu is maximal its kernel is the rescalings, and the laws leave nothing of it "
        "(A5.lcn.laws): (mu, h) is an immersion, the factors are locally functions of w and h, and K with them. The "
        "kernel confirms it at points, with stride one and with k_1 > s_1 too.",
        r"\ker d\mu \cap \ker dh = 0",
    )
    for stack in (OUTER, THREE, STRIDE_ONE, LONG_FIRST):
        yield Step(
            f"{stack.model.spec} at {stack}.",
            certificate=inclusion(stack.model, balances(stack.model), stack.point, []),
        )
    yield Step(
        "Local is all that holds there: with stride one another factorisation of the same w has the same law and "
        "another K (A5.lcn.non-uniqueness).",
    )


def _free(symbols: Any, sizes: Sequence[int]) -> list[list[Any]]:
    """Filters of free coefficients."""
    return [[symbols(f"w{layer}[{i}]") for i in range(k)] for layer, k in enumerate(sizes)]


def _outer(sizes: Sequence[int], strides: Sequence[int]) -> Certificate:
    """The code that evaluates both sides runs on free filters and a free covector."""
    from ...oracles.dynamics import Symbols, equal
    from ...oracles.intrinsic.filters import compose

    symbols = Symbols()
    filters = _free(symbols, sizes)
    G = [symbols(f"g{i}") for i in range(prod(sizes))]
    z = [x for x in compose(filters, strides) if x != 0]
    found = outer_metric(sizes, strides, z, G, norms_of(filters))
    return equal(symbols, list(zip(metric_times(filters, strides, G), found, strict=True)))


def _two_norms() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    n1, n2 = symbols("n1"), symbols("n2")
    h = n1 - n2
    middle = h * h + 4 * n1 * n2
    return equal(symbols, [((2 * n1 - h) * (2 * n1 - h), middle), ((2 * n2 + h) * (2 * n2 + h), middle)])


def roots() -> Certificate:
    """The cubic and K at its two positive roots 9 and 2; norms x - 8, x - 5, x."""
    from ...oracles.dynamics import Symbols
    from ...oracles.proofs import values

    symbols = Symbols()
    found: list[tuple[Any, Rational]] = []
    for name, wanted in (("large", (36, 49)), ("small", (36, 0))):
        x = symbols(name)
        n = (x - 8, x - 5, x)
        both = (n[0] * n[1] * n[2], n[0] * n[1] + n[0] * n[2] + n[1] * n[2])
        found += [(value.node, known) for value, known in zip(both, wanted, strict=True)]
    return values([9, 2], found)


def _scaling(sizes: Sequence[int], strides: Sequence[int]) -> Certificate:
    from ...oracles.dynamics import Symbols, equal
    from ...oracles.intrinsic.filters import multiplication

    symbols = Symbols()
    filters = _free(symbols, sizes)
    c = [symbols(f"c{layer}") for layer in range(len(sizes))]
    scaled = [[scale * x for x in w] for scale, w in zip(c, filters, strict=True)]
    pairs: list[tuple[Any, Any]] = []
    for layer in range(len(sizes)):
        factor: Any = 1
        for number, scale in enumerate(c):
            factor = factor * scale * scale if number != layer else factor
        before, after = (multiplication(w, strides, layer) for w in (filters, scaled))
        for i, p in enumerate(before):
            for j, q in enumerate(before[: i + 1]):
                gram = sum(a * b for a, b in zip(p, q, strict=True))
                moved = sum(a * b for a, b in zip(after[i], after[j], strict=True))
                pairs += [(moved, factor * gram)] if not isinstance(gram, int) else []
    return equal(symbols, pairs)


def true_norms(case: Case) -> Sequence[Rational]:
    """``|w_l|^2``."""
    return norms_of(case.stack.filters)


def norms_reversed(case: Case) -> Sequence[Rational]:
    """Wrong: the norms that the laws with the other sign would give, in the case of two filters those swapped."""
    return list(reversed(true_norms(case)))


def norms_equal(case: Case) -> Sequence[Rational]:
    """Wrong: norms that depend on their product alone, as if the initialization did not matter."""
    first, *rest = true_norms(case)
    return [first * prod(rest), *(F(1) for _ in rest)]


def check(norms: Norms) -> Callable[[Case], Residual]:
    """``dmu dmu^T G`` against the formula in w and the norms, exactly."""

    def check_case(case: Case) -> Residual:
        stack = case.stack
        truth = metric_times(stack.filters, stack.strides, case.covector)
        found = outer_metric(stack.sizes, stack.strides, image(stack), case.covector, norms(case))
        return Residual(sum(abs(a - b) for a, b in zip(truth, found, strict=True)), nontrivial=any(truth))

    return check_case


def check_floats(case: Case) -> Residual:
    """The reduced flow in float64, from w and the laws alone, against the exact ``dmu dmu^T G``.

    Bound: every entry is a sum of products of entries of z and G over a norm. z is rounded once (1); the norms come
    from a sum of d squares, a root and the shifts, all positive (at most d + 8 L + 8); the two products sum at most
    2 d terms, and the layers L more. So gamma of 3 d + 10 L + 16, times the sum of absolute terms.
    """
    import numpy as np

    from ...simulations.reduced import reduced_flow

    stack = case.stack
    z, G = image(stack), case.covector
    flow = reduced_flow(stack.model, stack.point)
    found = flow.apply(np.array([float(x) for x in z]), np.array([float(g) for g in G]))
    truth = metric_times(stack.filters, stack.strides, G)
    sizes = outer_metric(stack.sizes, stack.strides, [abs(x) for x in z], [abs(g) for g in G], true_norms(case))
    n = 3 * len(z) + 10 * len(stack.filters) + 16
    gamma = n * 2.0**-53 / (1 - n * 2.0**-53)
    off = float(sum(abs(F(float(a)) - b) for a, b in zip(found, truth, strict=True)))
    return Residual(off, gamma * float(sum(sizes)) * (1 + 2.0**-40), nontrivial=any(truth))


def check_directions(case: Case) -> Residual:
    """K from directions, laws and N alone, for any strides, in float64: squared norms as the largest root.

    Bound: K is a sum of products of L - 1 norms and 2 (L - 1) coefficients of directions. The directions and N are
    rounded from exact numbers through a root or one rounding (4 L), the norms as in ``check_floats`` (8 L + 8), sums
    run over at most d + k terms in each T: gamma of 2 d + 20 L + 16 and of what the norms add, all L of them, times
    the sum of absolute terms.
    """
    import numpy as np

    from ...simulations.reduced.convolution import squared_norms

    stack, G = case.stack, case.covector
    exact = [F(n) for n in true_norms(case)]
    sigma = np.array([float(n - exact[-1]) for n in exact])
    norms = squared_norms(sigma, float(prod(exact)))
    directions = [np.array([float(x) for x in w]) / float(n) ** 0.5 for w, n in zip(stack.filters, exact, strict=True)]
    scaled = [u * float(n) ** 0.5 for u, n in zip(directions, norms, strict=True)]
    found = metric_times([w.tolist() for w in scaled], stack.strides, [float(g) for g in G])
    truth = metric_times(stack.filters, stack.strides, G)
    positive = [[abs(x) for x in w] for w in stack.filters]
    sizes = metric_times(positive, stack.strides, [abs(g) for g in G])
    L, d = len(stack.filters), len(G)
    n = 2 * d + 2 * max(stack.sizes) + 20 * L + L * (8 * L + 8) + 16
    gamma = n * 2.0**-53 / (1 - n * 2.0**-53)
    off = float(sum(abs(F(float(a)) - b) for a, b in zip(found, truth, strict=True)))
    return Residual(off, gamma * float(sum(sizes)) * (1 + 2.0**-40), nontrivial=any(truth))


def table() -> Table:
    """The values that belong to the theory: the three scalars, and the neuron formula at the known filter."""
    scalar = metric_times(SCALARS.filters, SCALARS.strides, [1])[0]
    rows: list[list[str]] = []
    known = Stack(((1, 2), (3, 5)), (2,))
    for stack in (SCALARS, known, OUTER, STRIDE_ONE):
        G = [1] + [0] * (len(image(stack)) - 1)
        row = metric_times(stack.filters, stack.strides, G)
        shown = ("; ".join(", ".join(map(str, w)) for w in stack.filters), ", ".join(map(str, stack.strides)))
        rows.append([*shown, ", ".join(map(str, image(stack))), ", ".join(map(str, row))])
    neuron = outer_metric(known.sizes, known.strides, image(known), [1, 0, 0, 0], norms_of(known.filters))
    agrees = scalar == 49 and neuron == metric_times(known.filters, known.strides, [1, 0, 0, 0])
    return Table("First row of K", ("filters", "strides", "w", "K e_1"), rows, agrees)


def _run(stack: Stack, seed: int, law: int = 0) -> Callable[[Profile], SimulationResult]:
    """Full against reduced on a squared loss with targets -1, 0, 1 in turn."""

    def run(profile: Profile) -> SimulationResult:
        from ...simulations import Loss
        from ...simulations.reduced import compare, reduced_flow

        size = len(image(stack))
        loss = Loss.squared([(seed * i * i + i) % 3 - 1 for i in range(size)])
        steps = (8, 16, 32)[profile.effort]
        flow = reduced_flow(stack.model, stack.point)
        comparison = compare(stack.model, stack.point, flow, loss, time=0.5, steps=steps)
        names = [f"w[{i}]" for i in range(size)]
        return side_by_side(comparison, names, balances(stack.model)[law], f"{stack.model.spec}, {flow.form.name}")

    return run


def operator(h: Rational) -> Callable[[Sequence[Any], Sequence[Any], Any], list[Any]]:
    """The formula for two filters of two coefficients, k_1 <= s_1, with |w_1|^2 - |w_2|^2 = h."""

    def apply(z: Sequence[Any], g: Sequence[Any], sqrt: Any) -> list[Any]:
        a, b, c, d = z
        root = sqrt(h * h + 4 * (a * a + b * b + c * c + d * d))
        over_first, over_second = 2 / (root + h), 2 / (root - h)
        rows, columns, both = (
            (a * a + b * b, c * c + d * d, a * c + b * d),
            (a * a + c * c, b * b + d * d),
            a * b + c * d,
        )
        return [
            (rows[0] * g[0] + rows[2] * g[2]) * over_first + (columns[0] * g[0] + both * g[1]) * over_second,
            (rows[0] * g[1] + rows[2] * g[3]) * over_first + (both * g[0] + columns[1] * g[1]) * over_second,
            (rows[2] * g[0] + rows[1] * g[2]) * over_first + (columns[0] * g[2] + both * g[3]) * over_second,
            (rows[2] * g[1] + rows[1] * g[3]) * over_first + (both * g[2] + columns[1] * g[3]) * over_second,
        ]

    return apply


def enclosures(profile: Profile) -> SimulationResult:
    """Both flows of ``OUTER`` in balls, and two wrong formulas that are proved wrong."""
    h = law_values(OUTER.filters)[0]
    mutants = {"law with the other sign": operator(-h), "law forgotten": operator(0)}
    time, marks = ((TIME, 2), (F(1, 2), 8), (F(1), 16))[profile.effort]
    return enclosed(_reduced(h), mutants, time=time, marks=marks, names=[f"w[{i}]" for i in range(4)])


def _reduced(h: Rational) -> Reduced:
    from ...simulations import Loss

    return Reduced(OUTER.model.spec, tuple(OUTER.point), Loss.squared([1, 0, 1, 2]), operator(h))


def check_gap(case: Reduced) -> Residual:
    """The proved distance of the full from the reduced flow."""
    return gap(case, time=TIME)


def wrong_sign_flow() -> SearchStrategy[Reduced]:
    """One case, and the operator with the law's sign turned."""
    from hypothesis import strategies as st

    return st.just(_reduced(-law_values(OUTER.filters)[0]))


def fibre() -> Certificate:
    """Two factorisations of (x - 1)(x - 7) with one law value and two metrics (A5.lcn.non-uniqueness)."""
    from ...oracles.intrinsic.filters import metric
    from ...oracles.proofs import two_points

    model = convolution((2, 2), (1,))
    points = ((-1, 1, -7, 1), (F(-7, 5), F(1, 5), -5, 5))
    values = tuple(metric((p[:2], p[2:]), (1,))[0][0] for p in points)
    return two_points(model, balances(model), points, (0, 0), (values[0], values[1]))


def _violating(name: str, says: str, norms: Norms) -> Mutant:
    prop = Property(name, says, "rational", outer_cases, check(norms), (Case(OUTER, (1, 0, 0, 0)),))
    return Mutant(name, says, violates=prop)


EXAMPLES = (Case(OUTER, (1, 0, -1, 2)), Case(THREE, tuple(range(-5, 7))), Case(SCALARS, (1,)))
BRANCH = Stack(((F(3, 5), F(4, 5)), (F(-8, 5), F(6, 5))), (1,))

THEOREM = Theorem(
    id="A5.lcn.metric",
    title="The metric on end-to-end filters",
    summary="Gradient flow of the filters is a Riemannian gradient flow of the end-to-end filter, whose metric the "
    "initialization sets through the values of the laws.",
    source="arXiv 2507.06367, main theorem (abstract); this version derived",
    status="derived",
    hypotheses=(
        "The rank of dmu is sum k_l - (L - 1) near theta; no filter is zero.",
        "Global: no two products of coefficients meet, as for k_l <= s_l. Otherwise local: on one branch of the "
        "factorisations of w.",
    ),
    statement=r"w' = -K \nabla f(w), \quad K = \sum_l T_l T_l^\top, \quad |w_l|^2 = x + \sigma_l, \quad "
    r"\prod_l (x + \sigma_l) = \prod_l |w_l|^2, \; x > \max_l(-\sigma_l); \qquad L = 2,\, k_1 \le s_1:\; K(G) = "
    r"\frac{Z Z^\top G}{|w_1|^2} + \frac{G Z^\top Z}{|w_2|^2}",
    assumes=("A5.lcn.laws", "A5.lcn.rank", "A3.path-lifting.closed-forms"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="outer-exact",
            says="Random filters with k_l <= s_l: dmu dmu^T G is the formula in w and the squared norms.",
            arithmetic="rational",
            cases=outer_cases,
            check=check(true_norms),
            examples=EXAMPLES,
            share=0.5,
        ),
        Property(
            name="outer-float64",
            says="The reduced flow, which knows w and the laws alone, gives the same in float64.",
            arithmetic="float64",
            cases=outer_cases,
            check=check_floats,
            examples=EXAMPLES,
            share=0.5,
        ),
        Property(
            name="directions-float64",
            says="Any strides: directions of the factors, laws and the product of the norms determine K.",
            arithmetic="float64",
            cases=all_cases,
            check=check_directions,
            examples=(Case(STRIDE_ONE, (1, -1, 2)), Case(LONG_FIRST, (1, 0, 1, -1, 2))),
            share=0.5,
        ),
        Property(
            name="branch",
            says="Stride one: the reduced flow on the branch of the initialization follows the full flow.",
            arithmetic="float64",
            cases=other_branch,
            check=check_branch(lambda stack: stack),
            examples=(BRANCH,),
            share=0.05,
        ),
    ),
    simulations=(
        both_flows("conv:2-2", "generic", "Stride one, near the start: both flows."),
        Simulation("outer", "Two filters, k_1 <= s_1: both flows of w.", _run(OUTER, 1)),
        Simulation("three", "Three filters of sizes 2, 3, 2 with strides 2, 3: a tensor of rank one.", _run(THREE, 1)),
        Simulation("stride-one", "Stride one, on the branch of the initialization.", _run(STRIDE_ONE, 2)),
        Simulation("long-first", "k_1 = 3 and s_1 = 2, on the branch of the initialization.", _run(LONG_FIRST, 1)),
        Simulation(
            "enclosed", "Both flows of two filters in balls; wrong values of the law are proved wrong.", enclosures
        ),
    ),
    mutants=(
        _violating("reversed-law", "The law enters with the other sign: the norms are swapped.", norms_reversed),
        _violating("initialization-forgotten", "The metric depends on w alone.", norms_equal),
        Mutant(
            name="reversed-law-enclosed",
            says="The flow with the law's sign turned is the flow of w.",
            violates=Property("reversed-law-enclosed", "proved distance", "balls", wrong_sign_flow, check_gap),
        ),
        Mutant("any-positive-root", "Any positive root x gives the squared norms.", refutes=roots),
        Mutant("global-at-stride-one", "With stride one K is a function of w and the laws.", refutes=fibre),
        Mutant(
            name="any-factorisation",
            says="Any factorisation of w with the right law gives the flow.",
            violates=Property(
                "any-factorisation", "the other branch", "float64", other_branch, check_branch(swapped), (BRANCH,)
            ),
        ),
    ),
)
