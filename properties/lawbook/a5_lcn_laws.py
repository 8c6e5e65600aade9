"""A5.lcn.laws: filters keep the differences of their squared norms, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from .._both_flows import both_flows
from .._filters import Stack, balances, compose_trees, convolution, symbols
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...oracles.models import Model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import Node

RANKS = (
    ((2, 2), (1,), 3),
    ((3, 2), (1,), 4),
    ((3, 3), (1,), 5),
    ((2, 2), (2,), 3),
    ((3, 2), (2,), 4),
    ((3, 3), (2,), 5),
    ((2, 3, 2), (2, 2), 5),
    ((3, 2, 3), (3, 2), 6),
)
"""Sizes, strides (the last one left out) and the generic rank of dmu that the theory states."""
EXAMPLE = Stack(((1, 2, -1), (2, 1)), (2,))


@cache
def counted(spec: str) -> Completeness:
    """The kernel's count of all laws."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import parse_model

    found = find_completeness(parse_model(spec), levels=False)
    assert found.complete
    return found


def derivation() -> Iterator[Step]:
    """Euler's relation for a map that is linear in each filter; then why nothing else is kept."""
    from ...oracles.lie import find_completeness
    from ...oracles.proofs import conserved, inclusion

    yield Step(
        "mu is linear in each filter: a filter times c gives the end-to-end filter times c. Here for free filters of "
        "sizes 2, 3, 2 with strides 2 and 2, and each of the three in turn.",
        r"\mu(\ldots, c\, w_l, \ldots) = c\, \mu(w_1, \ldots, w_L)",
        _linear((2, 3, 2), (2, 2)),
    )
    yield Step(
        "Differentiated at c = 1: along every filter the derivative of E in the direction of the filter itself is that "
        "of f in the direction of w. So the gradient flow changes all squared norms at the same rate.",
        r"\langle w_l, \nabla_{w_l} E \rangle = \langle w, \nabla f(w) \rangle, \qquad "
        r"\tfrac{d}{dt} |w_l|^2 = -2 \langle w, \nabla f(w) \rangle",
    )
    for sizes, strides, _ in RANKS:
        model = convolution(sizes, strides)
        yield Step(f"{model.spec}: the kernel confirms each difference.", "", conserved(model, balances(model)))
    yield Step(
        "The rescalings with a_1 + ... + a_L = 0 do not move mu; where the rank of dmu is sum k_l - (L - 1) they are "
        "its whole kernel. A rescaling in the kernel of dh as well has a_l n_l = a_(l+1) n_(l+1), n_l = |w_l|^2. Then "
        "a_1 vanishes: for L = 3 the multiplier below is positive. K_1 = 0, which with the laws is Frobenius' "
        "property.",
        r"a_1 (n_1 n_2 + n_1 n_3 + n_2 n_3) = n_2 n_3 (a_1 + a_2 + a_3) + (n_2 + n_3)(a_1 n_1 - a_2 n_2) + "
        r"n_2 (a_2 n_2 - a_3 n_3)",
        _only_zero(),
    )
    for stack in (EXAMPLE, Stack(((1, 2), (3, 1)), (1,))):
        yield Step(
            f"{stack.model.spec} at {stack}: no direction is left in the kernels of dmu and of the laws.",
            r"\ker d\mu \cap \ker dh = 0",
            inclusion(stack.model, balances(stack.model), stack.point, []),
        )
    yield Step(
        "dim Lie = rank dmu then leaves D - rank dmu = L - 1 laws. The kernel counts them, near generic points.",
        r"\#\text{laws} = L - 1",
    )
    for sizes, strides, _ in RANKS:
        found = counted(convolution(sizes, strides).spec)
        yield Step(
            f"{convolution(sizes, strides).spec}: D = {found.parameters}, dim Lie = {found.lie_dimension}, "
            f"{found.independent_laws} independent laws and no others.",
            certificate=found.certificate,
        )
    plane, law = in_the_plane((2, 2), (1, 2), 2)
    yield Step(
        "Nothing above used one dimension. Two filters of 2 x 2 and 1 x 2 entries with stride 2 in the plane: "
        "|w_1|^2 - |w_2|^2 is the only law.",
        r"|w_l|^2 - |w_{l+1}|^2",
        find_completeness(plane, [law], levels=False).certificate,
    )


def _linear(sizes: tuple[int, ...], strides: tuple[int, ...]) -> Certificate:
    from ...oracles.intrinsic.filters import spacings
    from ...oracles.proofs import identity, multiply, symbol

    steps, c = spacings(sizes, strides), symbol(sum(sizes))
    filters = symbols(sizes)
    whole = compose_trees(filters, steps)
    pairs: list[tuple[Node, Node]] = []
    for layer in range(len(sizes)):
        scaled = [[multiply(c, x) for x in w] if at == layer else w for at, w in enumerate(filters)]
        pairs += [(a, multiply(c, b)) for a, b in zip(compose_trees(scaled, steps), whole, strict=True)]
    return identity(sum(sizes) + 1, pairs)


def _only_zero() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    a, n = [symbol(k) for k in range(3)], [symbol(3 + k) for k in range(3)]
    multiplier = add(multiply(n[0], n[1]), multiply(n[0], n[2]), multiply(n[1], n[2]))
    laws = [subtract(multiply(a[k], n[k]), multiply(a[k + 1], n[k + 1])) for k in range(2)]
    right = add(multiply(n[1], n[2], add(*a)), multiply(add(n[1], n[2]), laws[0]), multiply(n[1], laws[1]))
    return identity(6, [(multiply(a[0], multiplier), right)])


def in_the_plane(first: tuple[int, int], second: tuple[int, int], stride: int) -> tuple[Model, Polynomial]:
    """Two filters in the plane with the given sides, the first with a stride in both directions; and their law."""
    from ...oracles.models import Block, PolynomialMap
    from ...oracles.models._sums import squares_difference
    from ...oracles.polynomials import Monomial, Polynomial

    size = first[0] * first[1]
    parts: dict[tuple[int, int], dict[Monomial, int | Fraction]] = {}
    for a in range(size):
        for b in range(second[0] * second[1]):
            (i, j), (p, q) = divmod(a, first[1]), divmod(b, second[1])
            parts.setdefault((i + stride * p, j + stride * q), {})[(a, 1), (size + b, 1)] = 1
    coordinates = tuple(Polynomial(parts[at]) for at in sorted(parts))
    model = PolynomialMap("plane", (Block("w1", first), Block("w2", second)), coordinates)
    return model, squares_difference(range(size), range(size, model.parameters))


def cases() -> SearchStrategy[Stack]:
    """Two to four filters of one to three whole coefficients, strides up to 3."""
    from .._filters import shapes

    return shapes(layers=(2, 4))


def check(stack: Stack) -> Residual:
    """The laws as polynomials, and ranks at the drawn filters: where dmu has its full rank, K_1 = 0 and L - 1 laws."""
    from ...oracles.intrinsic.filters import differential, exact_rank_of
    from ...oracles.polynomials import orthogonality

    laws, coordinates = balances(stack.model), stack.model.coordinates()
    off = sum(bool(orthogonality(law, phi)) for law in laws for phi in coordinates)
    J, H = differential(stack.filters, stack.strides), law_slopes(stack)
    rank, D = exact_rank_of(J), sum(stack.sizes)
    full = rank == D - len(laws)
    if full:
        off += abs(exact_rank_of(H) - len(laws)) + abs(exact_rank_of([*J, *H]) - D)
    return Residual(off, nontrivial=full, note=f"rank {rank} of dmu, D = {D}")


def law_slopes(stack: Stack) -> list[list[int | Fraction]]:
    """The gradients of the laws at the filters."""
    rows: list[list[int | Fraction]] = []
    for layer in range(len(stack.filters) - 1):
        signs = [(k == layer) - (k == layer + 1) for k in range(len(stack.filters))]
        rows.append([2 * sign * x for sign, w in zip(signs, stack.filters, strict=True) for x in w])
    return rows


def check_count(stack: Stack) -> Residual:
    """The kernel's count of all laws, and the generic rank of dmu."""
    found = counted(stack.model.spec)
    laws = len(stack.filters) - 1
    off = abs(found.independent_laws - laws) + abs(found.w_dimension - (found.parameters - laws))
    return Residual(off, nontrivial=laws > 0)


def check_one_for_each(stack: Stack) -> Residual:
    """The wrong statement: there is a law for every filter."""
    return Residual(abs(counted(stack.model.spec).independent_laws - len(stack.filters)))


def check_floats(stack: Stack) -> Residual:
    """Five steps of the implicit midpoint rule in float64 keep the laws; bound: ``simulations.rounding_drift``.

    The loss is |w - y|^2 / 2 with targets 1, 2, ..., all over 16, as are the filters; the step is 2^-8.
    """
    import numpy as np

    from ...simulations import MIDPOINT, FloatField, Loss, Objective, integrate, rounding_drift
    from ...simulations.integrators import drift

    targets = [Fraction(i + 1, 16) for i in range(len(stack.model.coordinates()))]
    field = FloatField(Objective(stack.model, Loss.squared(targets)))
    start, laws = np.array([float(x) / 16 for x in stack.point]), balances(stack.model)
    path = integrate(field, start, method=MIDPOINT, length=2.0**-8, steps=5)
    moved = bool(np.any(path.end != start))
    return Residual(
        drift(laws, path.points[0], path.end), rounding_drift(field, laws, path, length=2.0**-8), nontrivial=moved
    )


def table() -> Table:
    """The generic ranks of the theory, recomputed with the counts."""
    rows: list[list[str | int]] = []
    for sizes, strides, _ in RANKS:
        found = counted(convolution(sizes, strides).spec)
        ranks = (found.w_dimension, found.lie_dimension, found.independent_laws)
        rows.append([convolution(sizes, strides).spec, found.parameters, *ranks])
    agrees = [row[2] for row in rows] == [rank for *_, rank in RANKS]
    return Table("Generic ranks", ("model", "D", "rank of dmu", "dim Lie", "laws"), rows, agrees)


def drifting(profile: Profile) -> SimulationResult:
    """Three filters of sizes 2, 3, 2 with strides 2, 1 on a squared loss for the time 2.

    Residual: the drift of both laws under the implicit midpoint rule, which keeps quadratic laws up to rounding
    (A0.integrators); bound: ``simulations.rounding_drift``. RK4 and the wrong signs are drawn beside it.
    """
    import numpy as np

    from ...oracles.polynomials import Polynomial
    from ...simulations import MIDPOINT, RK4, FloatField, Loss, Objective, integrate, rounding_drift
    from ...simulations.integrators import drift

    stack = Stack(((1, -1), (Fraction(1, 2), 1, 0), (1, Fraction(1, 2))), (2, 1))
    model, laws = stack.model, balances(stack.model)
    field = FloatField(Objective(model, Loss.squared([(-1) ** i for i in range(len(model.coordinates()))])))
    start = np.array([float(x) for x in stack.point])
    lengths = [2.0**-k for k in range(5, (8, 9, 10)[profile.effort])]
    added = [Polynomial(dict.fromkeys(law.terms, 1)) for law in laws]
    curves: dict[str, list[tuple[float, float]]] = {}
    worst, norms = Residual(0.0, 1.0), list[tuple[float, list[float]]]()
    for length in lengths:
        for method in (MIDPOINT, RK4):
            path = integrate(field, start, method=method, length=length, steps=round(2 / length))
            moved = drift(laws, path.points[0], path.end)
            curves.setdefault(method.name, []).append((length, max(moved, 2.0**-54)))
            if method is MIDPOINT:
                bound = rounding_drift(field, laws, path, length=length)
                curves.setdefault("rounding", []).append((length, bound))
                if moved * worst.bound >= worst.value * bound:
                    worst = Residual(moved, bound, note=f"step {length:g}")
                changed = drift(added, path.points[0], path.end)
                curves.setdefault("|w_l|^2 + |w_(l+1)|^2, no law", []).append((length, changed))
                if length == lengths[0]:
                    norms = [(float(t), stack.norms(p)) for t, p in zip(path.times, path.points, strict=True)]
    plots = (
        Plot(
            "Drift of the differences of squared norms at the time 2",
            "step length",
            "drift",
            [Series(name, points, kind="bound" if name == "rounding" else "line") for name, points in curves.items()],
            x_scale="log",
            y_scale="log",
            caption="A Gauss method keeps the laws up to rounding, RK4 up to its order. Sums of squared norms change.",
        ),
        Plot(
            "All squared norms move together",
            "time",
            "squared norm",
            [Series(f"|w_{layer + 1}|^2", [(t, n[layer]) for t, n in norms]) for layer in range(len(stack.sizes))],
        ),
    )
    return SimulationResult(worst, plots)


def wrong_sign() -> Certificate:
    """A point at which |w_1|^2 + |w_2|^2 changes."""
    return _refuted(1)


def weighted() -> Certificate:
    """A point at which |w_1|^2 - s |w_2|^2 changes, s = 2."""
    return _refuted(-2)


def _refuted(weight: int) -> Certificate:
    from ...oracles.models._sums import squares_difference
    from ...oracles.proofs import find_refutation

    found = find_refutation(convolution((3, 2), (2,)), squares_difference(range(3), range(3, 5), -weight))
    assert found is not None
    return found.certificate


def kept_direction() -> Certificate:
    """The claim that a direction is left in the kernels of dmu and dh where filters share no factor."""
    from ...oracles.proofs import inclusion

    first, second = EXAMPLE.filters
    return inclusion(EXAMPLE.model, balances(EXAMPLE.model), EXAMPLE.point, [[*first, *(-x for x in second)]])


THEOREM = Theorem(
    id="A5.lcn.laws",
    title="What linear convolutional networks conserve",
    summary="Differences of the squared norms of consecutive filters are laws, whatever the strides, and near generic "
    "filters there are no others.",
    source="arXiv 2507.06367; Du, Hu, Lee 2018 for the laws; the count derived",
    status="derived",
    hypotheses=(
        "phi = mu(w_1, ..., w_L), the end-to-end filter of A5.lcn.composition; filters in any number of dimensions.",
        "For the count: points near which dmu has the rank sum k_l - (L - 1), as almost all have.",
    ),
    statement=r"\tfrac{d}{dt} \bigl( |w_l|^2 - |w_{l+1}|^2 \bigr) = 0, \; l = 1, \ldots, L - 1; \qquad "
    r"\operatorname{rank} d\mu = \textstyle\sum_l k_l - (L - 1) \Rightarrow \#\text{laws} = L - 1, \; K_1 = 0",
    assumes=("A5.lcn.composition", "A1.independence-and-count", "A3.kernel-criterion"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="laws-and-ranks",
            says="Random stacks: every difference is a law as a polynomial, and where dmu has its full rank the "
            "laws are independent and leave no direction in its kernel.",
            arithmetic="rational",
            cases=cases,
            check=check,
            examples=(EXAMPLE,),
        ),
        Property(
            name="certified-count",
            says="For random sizes and strides the kernel proves that there are L - 1 laws.",
            arithmetic="modular",
            cases=cases,
            check=check_count,
            examples=(EXAMPLE,),
            share=0.25,
        ),
        Property(
            name="midpoint-float64",
            says="Implicit midpoint steps in float64 keep the laws up to rounding.",
            arithmetic="float64",
            cases=cases,
            check=check_floats,
            examples=(EXAMPLE,),
            share=0.5,
        ),
    ),
    simulations=(
        both_flows("conv:2-3-2+stride2-3", "generic", "Three filters, the level set of the first law, and both flows."),
        Simulation(
            name="drift",
            says="Three filters under gradient flow: squared norms move together, their differences do not.",
            run=drifting,
        ),
    ),
    mutants=(
        Mutant("wrong-sign", "The sum of two squared norms is kept.", refutes=wrong_sign),
        Mutant("weighted-by-stride", "The stride weighs the squared norm of the filter after it.", refutes=weighted),
        Mutant("kept-direction", "Rescalings stay in the kernel of the laws.", rejects=kept_direction),
        Mutant(
            name="one-for-each-filter",
            says="There is one law for every filter.",
            violates=Property(
                name="one-for-each-filter",
                says="L laws",
                arithmetic="modular",
                cases=cases,
                check=check_one_for_each,
                examples=(EXAMPLE,),
            ),
        ),
    ),
)
