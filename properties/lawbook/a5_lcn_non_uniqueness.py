"""A5.lcn.non-uniqueness: one filter, one law value, two metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._filter_metric import image, metric_times
from .._filters import Stack, balances, convolution, law_values
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
Rational = int | Fraction


@dataclass(frozen=True, slots=True)
class Case:
    """``w = a p(x^s) b q(x^s)`` with rational unit vectors p and q of one length: p and q can change places.

    The first factorisation is ``w_1 = a p(x^s)``, ``w_2 = b q``, the second ``w_1 = a q(x^s)``, ``w_2 = b p``.
    """

    p: tuple[Fraction, ...]
    q: tuple[Fraction, ...]
    a: Fraction
    b: Fraction
    stride: int

    def stacks(self) -> tuple[Stack, Stack]:
        """Both factorisations."""
        from ...oracles.intrinsic.filters import spread

        def stack(first: Sequence[Fraction], second: Sequence[Fraction]) -> Stack:
            inner = tuple(self.a * x for x in spread(first, self.stride))
            return Stack((inner, tuple(self.b * x for x in second)), (self.stride,))

        return stack(self.p, self.q), stack(self.q, self.p)


ONE = Case((F(3, 5), F(4, 5)), (F(5, 13), F(12, 13)), F(2), F(1), 1)
TWO = Case((F(3, 5), F(-4, 5)), (F(4, 5), F(-3, 5)), F(1), F(3), 2)
LONGER = Case((F(2, 3), F(1, 3), F(2, 3)), (F(6, 7), F(2, 7), F(-3, 7)), F(2), F(1), 1)
BALANCED = Case(ONE.p, ONE.q, F(2), F(2), 1)
BALANCED_TWO = Case(TWO.p, TWO.q, F(2), F(2), 2)
PARTING = Case((F(3, 5), F(4, 5)), (F(4, 5), F(-3, 5)), F(2), F(1), 1)
HALF_SWAPPED = Stack(((-1, 1, 0), (0, 1, 1)), (1,)), Stack(((1, 1, 0), (0, -1, 1)), (1,))
"""(x - 1) times x (x + 1), and (x + 1) times x (x - 1): all squared norms are 2, the law value is 0."""


def metric_rows(stack: Stack) -> list[list[Any]]:
    """K, exactly."""
    size = len(stack.model.coordinates())
    return [metric_times(stack.filters, stack.strides, [int(i == j) for j in range(size)]) for i in range(size)]


def largest(left: Sequence[Sequence[Any]], right: Sequence[Sequence[Any]]) -> Any:
    """The largest difference of entries."""
    return max(abs(a - b) for p, q in zip(left, right, strict=True) for a, b in zip(p, q, strict=True))


def derivation() -> Iterator[Step]:
    """Two points and their metrics; what the difference is; the example of the theory."""
    from ...oracles.proofs import inclusion

    yield Step(
        "With stride s, factors in x^s can change places between w_1 and w_2: w_1 = a p(x^s), w_2 = b q and w_1 = "
        "a q(x^s), w_2 = b p have the same product. For unit vectors p and q they have the same law value a^2 - b^2, "
        "too. A filter with k_1 > s and a factor x^s - c has such a partner; for s = 1 all roots can move.",
        r"a\, p(x^s)\, b\, q(x^s) = a\, q(x^s)\, b\, p(x^s), \qquad |w_1|^2 - |w_2|^2 = a^2 - b^2",
    )
    for name, case in (("Stride one", ONE), ("Stride two, k_1 = 3", TWO), ("Longer filters", LONGER)):
        first, second = case.stacks()
        yield Step(
            f"{name}: {first} and {second} have the same w, the same law value {law_values(first.filters)[0]}, and "
            "different metrics.",
            r"\mu(\theta) = \mu(\theta'), \; h(\theta) = h(\theta'), \; M(\theta) \ne M(\theta')",
            fibre(*case.stacks()),
        )
        yield Step(
            "Yet at each of the points no direction is left in the kernels of dmu and of the law: the inclusion of the "
            "kernel criterion holds. It is a local criterion.",
            r"\ker d\mu \cap \ker dh = 0",
            inclusion(first.model, balances(first.model), first.point, []),
        )
    yield Step(
        "The difference of the metrics, for free p, q of two coefficients with squared norms P and Q, scaled so that "
        "n_1 = A P = A' Q and n_2 = B Q = B' P: it is n_1 - n_2 times a matrix of the directions alone. At law value 0 "
        "the metrics agree.",
        r"K - K' = (n_1 - n_2) \Bigl( \tfrac{T_p T_p^\top}{P} - \tfrac{T_q T_q^\top}{Q} \Bigr), \quad "
        r"T_p = \text{multiplication by } p",
        difference(),
    )
    yield Step(
        "That is a word on filters that change places as a whole, with stride one. Single roots that change "
        "places give "
        "other metrics at law value 0 as well: x - 1 and x (x + 1), of size 3 both, against x + 1 and x (x - 1).",
        r"(x - 1) \cdot x (x + 1) = (x + 1) \cdot x (x - 1)",
        fibre(*HALF_SWAPPED),
    )
    yield Step(
        "So do filters that change places with a stride of at least two, for the coefficients of w_1 at powers "
        "that are "
        f"no multiples of s are multiplied by w_2 alone: {BALANCED_TWO.stacks()[0]} and {BALANCED_TWO.stacks()[1]}.",
        certificate=fibre(*BALANCED_TWO.stacks()),
    )
    yield Step(
        "The example w = (x - 1)(x - 2) with |w_1|^2 - |w_2|^2 = 1: P = 2, Q = 5, and the matrix has exact entries, "
        "whatever irrational scaling gives the law its value. The largest is 3/10.",
        r"K - K' = \tfrac12 \begin{pmatrix} 1 & -1 & 0 \\ -1 & 2 & -1 \\ 0 & -1 & 1 \end{pmatrix} - "
        r"\tfrac15 \begin{pmatrix} 4 & -2 & 0 \\ -2 & 5 & -2 \\ 0 & -2 & 1 \end{pmatrix}",
        _example(),
    )
    yield Step(
        "No rational scalings of x - 1 and x - 2 do: c'/c would be the square root of 2/5. Equal law values need "
        "n_1 to be the same, for n_1 - N/n_1 grows with n_1 and N = n_1 n_2 = 10 is that of both.",
        r"2 c^2 = 5 c'^2",
    )


def fibre(first: Stack, second: Stack) -> Certificate:
    """Two points of a fibre at the same law value, and the entry of M that differs most."""
    from ...oracles.proofs import two_points

    one, two = metric_rows(first), metric_rows(second)
    entries = [(i, j) for i in range(len(one)) for j in range(i, len(one))]
    i, j = max(entries, key=lambda at: abs(F(one[at[0]][at[1]]) - two[at[0]][at[1]]))
    model = first.model
    return two_points(model, balances(model), (first.point, second.point), (i, j), (one[i][j], two[i][j]))


def difference() -> Certificate:
    """``K - K'`` over free p, q and a free scale: A = n_1/P, B = n_2/Q and A' = n_1/Q, B' = n_2/P."""
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    p, q = ([symbols(f"{name}{i}") for i in range(2)] for name in "pq")
    n1, n2 = symbols("n1"), symbols("n2")
    P, Q = (sum(x * x for x in w) for w in (p, q))
    pairs: list[tuple[Any, Any]] = []
    for i in range(3):
        unit = [int(i == j) for j in range(3)]
        Tp, Tq = (_gram(w, unit) for w in (p, q))
        for tp, tq in zip(Tp, Tq, strict=True):
            before = (n1 / P) * tp + (n2 / Q) * tq  # T_2 multiplies by w_1 = sqrt(A) p, T_1 by w_2 = sqrt(B) q
            after = (n1 / Q) * tq + (n2 / P) * tp
            pairs.append((before - after, (n1 - n2) * (tp / P - tq / Q)))
    return equal(symbols, pairs)


def _gram(w: Sequence[Any], covector: Sequence[Any]) -> list[Any]:
    """``T T^T G`` for the multiplication of two coefficients by ``w``."""
    pulled = [sum((w[i] * covector[i + j] for i in range(len(w))), 0 * w[0]) for j in range(2)]
    return [sum((w[i - j] * pulled[j] for j in range(2) if 0 <= i - j < len(w)), 0 * w[0]) for i in range(3)]


def _example() -> Certificate:
    """The entries for p = x - 1 and q = x - 2, from those of the general step."""
    from ...oracles.dynamics import Symbols
    from ...oracles.proofs import values

    symbols = Symbols()
    p, q = ([symbols(f"{name}{i}") for i in range(2)] for name in "pq")
    pairs: list[tuple[Any, Rational]] = []
    for i, known in enumerate(EXAMPLE):
        unit = [int(i == j) for j in range(3)]
        for tp, tq, value in zip(_gram(p, unit), _gram(q, unit), known, strict=True):
            pairs.append(((F(1, 2) * tp - F(1, 5) * tq).node, value))
    return values([-1, 1, -2, 1], pairs)


EXAMPLE = ((F(-3, 10), F(-1, 10), F(0)), (F(-1, 10), F(0), F(-1, 10)), (F(0), F(-1, 10), F(3, 10)))
"""``K - K'`` for (x - 1)(x - 2) at law value 1."""


def cases(balanced: bool = False, strides: tuple[int, int] = (1, 3)) -> SearchStrategy[Case]:
    """Rational unit vectors of two or three entries, and scalings a and b, equal or different."""
    from hypothesis import strategies as st

    from ..strategies import rationals, unit_vectors

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        size = draw(st.integers(2, 3))
        p, q = draw(unit_vectors(size)), draw(unit_vectors(size))
        a = draw(rationals(4, denominator=3, nonzero=True))
        b = a if balanced else draw(rationals(4, denominator=3, nonzero=True))
        return Case(p, q, a, b, draw(st.integers(*strides)))

    different = draw_case().filter(lambda case: case.p not in (case.q, tuple(-x for x in case.q)))
    return different if balanced else different.filter(lambda case: abs(case.a) != abs(case.b))


def check(case: Case) -> Residual:
    """Same w, same law, another K: counts what is not as stated. The difference is that of the derivation."""
    first, second = case.stacks()
    off = sum((abs(F(x) - y) for x, y in zip(image(first), image(second), strict=True)), F(0))
    off += abs(F(law_values(first.filters)[0]) - law_values(second.filters)[0])
    one, two = metric_rows(first), metric_rows(second)
    off += largest(one, two) == 0
    if case.stride == 1:  # T_1 and T_2 multiply the same number of coefficients
        units = [metric_rows(Stack((w, w), (1,))) for w in (case.p, case.q)]
        h = case.a**2 - case.b**2
        wanted = [[h * (F(x) - y) / 2 for x, y in zip(r, t, strict=True)] for r, t in zip(*units, strict=True)]
        found = [[F(x) - y for x, y in zip(r, t, strict=True)] for r, t in zip(one, two, strict=True)]
        off += largest(wanted, found)
    return Residual(off)


def check_same(case: Case) -> Residual:
    """The metrics of both factorisations agree."""
    first, second = case.stacks()
    return Residual(largest(metric_rows(first), metric_rows(second)), nontrivial=first != second)


def check_example(scale: Fraction) -> Residual:
    """(x - 1)(x - 2) at law value ``scale`` in float64: max |K - K'| is 3/10 of it.

    Bound: c^2 = (h + sqrt(h^2 + 40))/4 and c'^2 = 2 c^2/5 take at most 6 roundings and a root each; entries of K are
    sums of at most four products of four numbers: gamma(40) times the largest entry of both K, twice.
    """
    h = float(scale)
    c = ((h + (h * h + 40) ** 0.5) / 4) ** 0.5
    other = c * 0.4**0.5
    one, two = (metric_rows(_floats([-a * k, k], [-b / k, 1 / k])) for k, a, b in ((c, 1, 2), (other, 2, 1)))
    largest_entry = max(abs(x) for rows in (one, two) for row in rows for x in row)
    bound = 2 * 40 * 2.0**-53 / (1 - 40 * 2.0**-53) * float(largest_entry) * (1 + 2.0**-40)
    return Residual(float(abs(largest(one, two) - F(3, 10) * abs(scale))), bound)


def _floats(first: Sequence[float], second: Sequence[float]) -> Stack:
    """Two filters of floats with stride one, as the exact numbers that they are not rounded from again."""
    return Stack((tuple(map(F, first)), tuple(map(F, second))), (1,))


def law_value_cases() -> SearchStrategy[Fraction]:
    """Law values."""
    from ..strategies import rationals

    return rationals(9, denominator=4, nonzero=True)


def table() -> Table:
    """All ways to share the roots 1, 2, 3, 4 of a quartic between two filters of size 3, at law values 1 and 0."""
    roots = (1, 2, 3, 4)
    metrics: dict[tuple[int, int], tuple[list[list[Any]], ...]] = {}
    for chosen in combinations(roots, 2):
        others = [r for r in roots if r not in chosen]
        p, q = ([float(a * b), -float(a + b), 1.0] for a, b in (chosen, others))
        P, Q = (sum(x * x for x in w) for w in (p, q))
        pair: list[list[list[Any]]] = []
        for h in (1, 0):
            n1 = (h + (h * h + 4 * P * Q) ** 0.5) / 2
            a, b = (n1 / P) ** 0.5, ((n1 - h) / Q) ** 0.5  # a b = 1: w is the same for all
            pair.append(metric_rows(_floats([a * x for x in p], [b * x for x in q])))
        metrics[chosen] = tuple(pair)
    base = metrics[1, 2]
    rows: list[list[str]] = []
    for chosen, found in metrics.items():
        others = [r for r in roots if r not in chosen]
        differences = (largest(x, y) for x, y in zip(base, found, strict=True))
        rows.append(
            [", ".join(map(str, chosen)), ", ".join(map(str, others)), *(f"{float(x):.4f}" for x in differences)]
        )
    columns = ("roots of w_1", "roots of w_2", "max |K - K of the first row|, law value 1", "law value 0")
    exact = largest(EXAMPLE, [[0] * 3] * 3)
    title = f"Six factorisations of one filter; for (x - 1)(x - 2) and law value 1 the difference is {exact}"
    return Table(title, columns, rows, exact == F(3, 10) and all(float(row[2]) for row in rows[1:]))


def separating(profile: Profile) -> SimulationResult:
    """The same w and law, two factorisations: the trajectories of w part, and each obeys its own reduced flow.

    Residual: the larger ratio of the distance of full and reduced flow to what integration accounts for, of both runs;
    infinite unless the two full flows are further apart than both bounds together.
    """
    import numpy as np

    from ...simulations import Loss
    from ...simulations.reduced import compare, reduced_flow

    first, second = PARTING.stacks()
    loss = Loss.squared([F(1), F(1), F(-1)])
    steps = (8, 16, 32)[profile.effort]
    flows = [(stack, reduced_flow(stack.model, stack.point)) for stack in (first, second)]
    runs = [compare(stack.model, stack.point, flow, loss, time=0.5, steps=steps) for stack, flow in flows]
    apart = np.linalg.norm(runs[0].full - runs[1].full, axis=1)
    ratio = max(run.distance / run.bound for run in runs)
    parted = float(apart.max()) > sum(run.bound for run in runs)
    times = [float(t) for t in runs[0].times]
    series: list[Series] = []
    for name, run in zip(("first", "second"), runs, strict=True):
        for i in range(2):
            full, alone = ([float(x) for x in array[:, i]] for array in (run.full, run.reduced))
            series.append(Series(f"w[{i}], {name} factorisation", list(zip(times, full, strict=True))))
            marks = list(zip(times, alone, strict=True))[:: max(1, len(times) // 16)]
            series.append(Series(f"w[{i}], {name}, w alone on its branch", marks, kind="points"))
    plots = (
        Plot("One filter, two factorisations, two flows", "time", "coefficient of w", series),
        Plot(
            "How far the two flows of w are apart",
            "time",
            "distance",
            [
                Series("of the two full flows", list(zip(times[1:], map(float, apart[1:]), strict=True))),
                Series("integration accounts for", [(times[1], runs[0].bound), (times[-1], runs[0].bound)], "bound"),
            ],
            y_scale="log",
            caption="Same w, same law value at the start. A function K of both would keep them together.",
        ),
    )
    note = f"the flows of w part by {float(apart.max()):.3g}"
    return SimulationResult(Residual(ratio if parted else float("inf"), 1.0, note=note), plots)


def wrong_values() -> Certificate:
    """The claim with another entry of M at the second point: the metrics agree."""
    honest = fibre(*ONE.stacks())
    claim = honest["claim"]
    assert isinstance(claim, dict)
    return {**honest, "claim": {**claim, "metric": [claim["metric"][0]] * 2}}


def other_filter() -> Certificate:
    """The claim for factorisations of two different filters."""
    from ...oracles.proofs import two_points

    model = convolution((2, 2), (1,))
    points = ONE.stacks()[0].point, BALANCED.stacks()[1].point
    values = tuple(metric_rows(stack)[0][0] for stack in (ONE.stacks()[0], BALANCED.stacks()[1]))
    return two_points(model, balances(model), points, (0, 0), (values[0], values[1]))


def _caught(name: str, says: str, check_case: Callable[[Case], Residual], balanced: bool, example: Case) -> Mutant:
    return Mutant(
        name,
        says,
        violates=Property(name, says, "rational", lambda: cases(balanced), check_case, (example,)),
    )


THEOREM = Theorem(
    id="A5.lcn.non-uniqueness",
    title="Why stride one is different",
    summary="A filter has several factorisations; at one law value their metrics differ, though the kernel criterion "
    "holds at each of them.",
    source="derived",
    status="derived",
    hypotheses=(
        "Two filters; s = 1, or k_1 > s and w_1 has a factor in x^s that can change places with one of w_2.",
        "p and q are not parallel; with s = 1 and whole filters that change places, |w_1|^2 - |w_2|^2 is not 0.",
    ),
    statement=r"\exists\, \theta, \theta':\ \mu(\theta) = \mu(\theta'),\ h(\theta) = h(\theta'),\ K_1 = 0 \text{ at "
    r"both},\ "
    r"M(\theta) \ne M(\theta'); \qquad s = 1,\, k_1 = k_2,\, h = 0,\, w_1 \leftrightarrow w_2:\ M(\theta) = M(\theta')",
    assumes=("A5.lcn.laws", "A5.lcn.metric", "A3.kernel-criterion"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="swapped-factors",
            says="Random rational unit vectors that change places: the same w and law, a different K, by the stated "
            "matrix.",
            arithmetic="rational",
            cases=cases,
            check=check,
            examples=(ONE, TWO, LONGER),
            share=0.5,
        ),
        Property(
            name="balanced",
            says="Stride one, equal sizes and law value 0: K is the same.",
            arithmetic="rational",
            cases=lambda: cases(True, (1, 1)),
            check=check_same,
            examples=(BALANCED,),
            share=0.5,
        ),
        Property(
            name="balanced-with-strides",
            says="Stride two or three and law value 0: K is another one.",
            arithmetic="rational",
            cases=lambda: cases(True, (2, 3)),
            check=check,
            examples=(BALANCED_TWO,),
            share=0.5,
        ),
        Property(
            name="example",
            says="(x - 1)(x - 2) at any law value h: max |K - K'| = 3 |h| / 10.",
            arithmetic="float64",
            cases=law_value_cases,
            check=check_example,
            examples=(F(1),),
        ),
    ),
    simulations=(
        both_flows(
            "conv:2-2", "generic", "On one branch of the factorization z follows a flow of its own: both flows."
        ),
        Simulation(
            name="separating",
            says="Two factorisations of one filter at one law value: the flows of w part.",
            run=separating,
        ),
    ),
    mutants=(
        _caught("global-metric", "K is a function of w and the law value.", check_same, False, ONE),
        _caught("balanced-differs", "At law value 0 the metrics differ, too.", check, True, BALANCED),
        Mutant("global-metric-refuted", "The same, refuted by two points.", refutes=lambda: fibre(*ONE.stacks())),
        Mutant("equal-metrics", "The two points have the same entry of M.", rejects=wrong_values),
        Mutant("other-filter", "Points with different w refute a metric property.", rejects=other_filter),
    ),
)
