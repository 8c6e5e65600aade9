"""A1.deep-linear.count: the balances are all laws of a deep linear network, except for scalar blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a1_deep_linear_known_laws import known

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness

KNOWN = (
    ("1-2-2-1", 8, 1, 7, 6),
    ("1-2-3-1", 11, 1, 10, 9),
    ("1-3-3-1", 15, 1, 14, 12),
    ("1-1-2-2-1", 9, 1, 8, 7),
    ("1-2-2-1-2", 10, 2, 8, 7),
    ("1-2-2-2-1", 12, 1, 11, 9),
    ("1-2-3-2-1", 16, 1, 15, 12),
    ("1-2-2-2", 10, 4, 6, 6),
    ("2-1-2", 4, 3, 1, 1),
    ("1-2-1-2-1", 8, 1, 7, 7),
    ("2-4-5-2", 38, 13, 25, 25),
    ("5-5-4-4-5", 81, 46, 35, 35),
    ("4-5-2", 30, 15, 15, 15),
)
"""Widths, D, dim Lie, laws and known(widths): the table of the theory."""

SMALL = tuple(product((1, 2), repeat=4)) + tuple(product((1, 2), repeat=5))
"""All networks with three or four layers of widths 1 and 2: these always run."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths [d_0, ..., d_L], the output first."""

    widths: tuple[int, ...]


def blocks(widths: Sequence[int]) -> list[tuple[int, ...]]:
    """The widths between consecutive layers of width one, where at least two layers lie between them."""
    ones = [i for i, width in enumerate(widths) if width == 1]
    return [tuple(widths[i : j + 1]) for i, j in pairwise(ones) if j - i >= 3]


def parameters(widths: Sequence[int]) -> int:
    """D."""
    return sum(a * b for a, b in pairwise(widths))


def count(widths: Sequence[int]) -> int:
    """The number of independent laws, as stated."""
    return known(widths) + sum(parameters(block) - 1 - known(block) for block in blocks(widths))


def certified(widths: Sequence[int]) -> Completeness:
    """The kernel's count of all laws."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import DeepLinear

    return find_completeness(DeepLinear(tuple(widths)), levels=False)


def read(text: str) -> tuple[int, ...]:
    """Widths from a text such as ``4-5-2``."""
    return tuple(map(int, text.split("-")))


def derivation() -> Iterator[Step]:
    """Why scalar blocks have more laws, and exact counts for every row of the table."""
    yield Step(
        "Let d_i = d_j = 1 be consecutive layers of width one. What lies between them is one number a, a polynomial "
        "in the D_B weights of the block, and phi is linear in it: every field of W moves the block along grad a, "
        "only the speed depends on the rest.",
        r"\phi = a(\theta_B)\, \psi(\text{rest}) \quad\Rightarrow\quad \dot\theta_B \parallel \nabla a(\theta_B)",
    )
    yield Step(
        "So every first integral of the single field grad a is a law of the network: D_B - 1 independent ones near a "
        "generic point. The balances of the block are among them.",
        r"\#\{\text{laws inside the block}\} \ge D_B - 1",
    )
    yield Step(
        "Blocks with at most one layer inside have nothing to add: one weight has D_B - 1 = 0 laws, and 1-k-1 has "
        "2k - 1 of them, which is what its balances give: k (k + 1) / 2 - t (t + 1) / 2 with t = k - 2.",
        r"\tfrac{k(k+1)}{2} - \tfrac{(k-2)(k-1)}{2} = 2k - 1",
        certificate=two_layer_identity(),
    )
    yield Step(
        "With d_0 = d_L = 1 the map is one number, dim Lie is 1 and there are D - 1 laws. The formula agrees: cut at "
        "all s + 1 layers of width one, the s blocks have D_B - 1 laws each, and each of the s - 1 cuts inside has "
        "one balance.",
        r"\sum_B (D_B - 1) + (s - 1) = D - 1 \qquad (d_0 = d_L = 1)",
    )
    yield Step(
        "That there are no other laws is not proved in general. For each network it is a certificate: brackets of "
        "fields of W and gradients of the laws have ranks that add up to D. The following rows, the properties and "
        "A1.notebook certify some hundreds of networks.",
        r"\operatorname{rank}_p(\text{brackets}) + \operatorname{rank}_p(\text{laws}) = D",
    )
    for text, *_ in KNOWN:
        widths = read(text)
        found = certified(widths)
        extra = found.independent_laws - known(widths)
        more = f", {extra} more than its balances" if extra else ""
        yield Step(
            f"{text}: D = {found.parameters}, dim Lie = {found.lie_dimension}, {found.independent_laws} laws{more}.",
            certificate=found.certificate,
        )


def two_layer_identity() -> Certificate:
    """``k (k + 1) / 2 - (k - 2) (k - 1) / 2 = 2 k - 1``, doubled."""
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    k = symbol(0)
    left = subtract(multiply(k, add(k, 1)), multiply(add(k, -2), add(k, -1)))
    return identity(1, [(left, add(multiply(4, k), -2))])


def shapes() -> SearchStrategy[Shape]:
    """Two to five layers of widths up to 4, at most 40 parameters; small ends make layers of width one common."""
    from hypothesis import strategies as st

    from ..strategies import widths

    return st.builds(Shape, widths(layers=(2, 5), width=(1, 4), parameters=40))


def check_count(shape: Shape) -> Residual:
    """The kernel accepts a certificate, and its number is the stated one."""
    found = certified(shape.widths)
    off = abs(found.independent_laws - count(shape.widths)) + (not found.complete)
    return Residual(off, note=f"{found.independent_laws} laws by the rule '{found.rule}'")


def check_dense(shape: Shape) -> Residual:
    """The same without any structural rule: the sandwich at one random point."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import DeepLinear

    found = find_completeness(DeepLinear(shape.widths), structure=False, levels=False)
    return Residual(abs(found.lie_dimension - parameters(shape.widths) + count(shape.widths)) + (not found.complete))


def check_balances_only(shape: Shape) -> Residual:
    """The wrong statement: the balances are all laws of every linear network."""
    return Residual(abs(certified(shape.widths).independent_laws - known(shape.widths)))


def check_ends_only(shape: Shape) -> Residual:
    """The wrong statement: there are more laws only where input and output have width one."""
    widths = shape.widths
    stated = parameters(widths) - 1 if widths[0] == widths[-1] == 1 else known(widths)
    return Residual(abs(certified(widths).independent_laws - stated))


def table() -> Table:
    """The table of the theory, every number read off a certificate or computed as a rank."""
    rows: list[tuple[str | int, ...]] = []
    for text, *_ in KNOWN:
        found = certified(read(text))
        laws = found.independent_laws if found.complete else -1
        rows.append((text, found.parameters, found.lie_dimension, laws, known(read(text))))
    columns = ("widths", "D", "dim Lie", "laws", "balances alone")
    return Table("All laws of deep linear networks", columns, rows, tuple(rows) == KNOWN)


START = (3, -2, 1, 2, -1, 2, 2, 1)
"""A start for 1-2-2-1, in quarters."""


def curves_meet(profile: Profile) -> SimulationResult:
    """Two losses drive 1-2-2-1 along the same curve, for data can only choose the speed; they drive 1-2-2-2 apart.

    For each step length the second flow is stopped where phi has the value that the first one ends with, and the two
    end points are compared. On one curve they differ by the error of RK4 alone, which must fall with order 4.
    """
    lengths = [2.0**-k for k in range(4, 4 + (3, 4, 5)[profile.effort])]
    scalar = [(length, end_distance((1, 2, 2, 1), length)) for length in lengths]
    other = [(length, end_distance((1, 2, 2, 2), length)) for length in lengths]
    slopes = [slope(a, b) for a, b in pairwise(scalar)]
    floor = min(distance for _, distance in other)
    # order 4 within 0.5: the next order up or down is a whole one away
    off = max(abs(order - 4) for order in slopes)
    plot = Plot(
        "Two losses from one start: distance where phi is the same",
        "step length",
        "distance",
        (
            Series("1-2-2-1: one curve", scalar, kind="points"),
            Series("1-2-2-2: two curves", other, kind="points"),
            Series("slope 4", [(x, scalar[-1][1] * (x / scalar[-1][0]) ** 4) for x, _ in scalar]),
        ),
        x_scale="log",
        y_scale="log",
        caption="Seven laws in eight dimensions fix the curve, so any two losses follow it. With two inputs they part.",
    )
    note = f"orders {', '.join(f'{order:.2f}' for order in slopes)}; 1-2-2-2 stays {floor:.2g} apart"
    value = off if floor > 10 * scalar[0][1] else float("inf")
    return SimulationResult(Residual(value, 0.5, note=note), (plot,))


def slope(first: tuple[float, float], second: tuple[float, float]) -> float:
    """The measured order between two step lengths."""
    from math import log

    return log(first[1] / second[1]) / log(first[0] / second[0])


def end_distance(widths: tuple[int, ...], length: float) -> float:
    """How far two flows of squared losses end apart, the second stopped where phi[1,1] is the same."""
    import numpy as np

    from ...oracles.models import DeepLinear
    from ...simulations import RK4, FloatField, Loss, Objective, integrate

    model = DeepLinear(widths)
    outputs = widths[0] * widths[-1]
    start = np.array([START[k % len(START)] / 4 for k in range(model.parameters)])
    first = FloatField(Objective(model, Loss.squared([4] * outputs)))
    second = FloatField(Objective(model, Loss.squared([9] + [-2] * (outputs - 1))))
    goal = integrate(first, start, method=RK4, length=length, steps=round(0.25 / length)).end

    def value(point: Any) -> float:
        return float(first.coordinates.values(point)[0])

    def forward(point: Any, by: float) -> Any:
        return integrate(second, point, method=RK4, length=by, steps=1).end

    point, step = start, length / 2
    for _ in range(1000):
        following = forward(point, step)
        if value(following) >= value(goal):
            break
        point = following
    low, high = 0.0, step
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if value(forward(point, middle)) < value(goal) else (low, middle)
    return float(np.linalg.norm(forward(point, high) - goal))


def balances_called_complete() -> Certificate:
    """The dense certificate of 1-2-2-1 with the balances as its only laws."""
    found = certified((1, 2, 2, 1)).certificate
    assert found is not None
    claim = found["claim"]
    assert isinstance(claim, dict)
    return {**found, "claim": {**claim, "laws": [{"family": "balance"}], "independent_laws": 6, "lie_dimension": 2}}


def one_fewer() -> Certificate:
    """The certificate of 4-5-2 with 16 laws, what a search stopped at rank 14 would report."""
    found = certified((4, 5, 2)).certificate
    assert found is not None
    claim = found["claim"]
    assert isinstance(claim, dict)
    return {**found, "claim": {**claim, "independent_laws": 16, "lie_dimension": 14}}


THEOREM = Theorem(
    id="A1.deep-linear.count",
    title="All laws of deep linear networks",
    summary="There are no laws besides the balances, except inside scalar blocks: between layers of width one.",
    source="A1 and its notebook (widths of at least two); the exception derived",
    status="verified",
    hypotheses=(
        "phi = U_1 U_2 ... U_L with U_i of shape d_(i-1) x d_i, at a generic point.",
        "A block B = [d_i, ..., d_j] runs between consecutive layers of width one with at least two layers inside "
        "(j - i >= 3); D_B is its number of parameters.",
    ),
    statement=r"\#\text{laws}(d_0, \dots, d_L) = \operatorname{known}(d_0, \dots, d_L) + \sum_{B} "
    r"\left( D_B - 1 - \operatorname{known}(B) \right)",
    assumes=("A1.deep-linear.known-laws", "A1.independence-and-count", "A0.rank-certificate"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="certified-count",
            says="Every network drawn has a certificate with the stated number of laws; all small ones always run.",
            arithmetic="modular",
            cases=shapes,
            check=check_count,
            examples=tuple(Shape(widths) for widths in SMALL),
            share=0.5,
        ),
        Property(
            name="dense-count",
            says="Brackets and laws at one random point, no structural rule used, give the same number.",
            arithmetic="modular",
            cases=shapes,
            check=check_dense,
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            "two-losses-one-curve",
            "Two losses lead 1-2-2-1 along the same curve in R^8, as seven laws say, and 1-2-2-2 along two.",
            curves_meet,
        ),
    ),
    mutants=(
        Mutant(
            name="balances-only",
            says="The balances are all laws of every linear network.",
            violates=Property(
                name="balances-only",
                says="laws = known",
                arithmetic="modular",
                cases=shapes,
                check=check_balances_only,
            ),
        ),
        Mutant(
            name="ends-only",
            says="There are more laws only where both the input and the output have width one.",
            violates=Property(
                name="ends-only",
                says="no inner blocks",
                arithmetic="modular",
                cases=shapes,
                check=check_ends_only,
                examples=(Shape((1, 2, 2, 1, 2)),),
            ),
        ),
        Mutant(
            name="balances-complete",
            says="The six balances of 1-2-2-1 are all its laws.",
            rejects=balances_called_complete,
        ),
        Mutant(name="sixteen-laws", says="4-5-2 has 16 laws and dim Lie = 14.", rejects=one_fewer),
    ),
)
