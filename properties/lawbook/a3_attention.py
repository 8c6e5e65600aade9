"""A3.attention: an attention layer is two independent products of two matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from ...simulations.objective import Loss
from .._both_flows import both_flows
from .._profiles import Profile
from .._theorem import Mutant, Property, Residual, Simulation, SimulationResult, Step, Table, Theorem
from .._two_layer_flow import (
    EXAMPLE,
    SPIRAL,
    TRAP,
    Kind,
    Start,
    changed,
    criterion,
    flow_of,
    full_ranks,
    inertias,
    moved,
    structured,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import PolynomialMap
    from ...oracles.polynomials import Polynomial, Rational
    from ...simulations._trajectory import Floats
    from ...simulations.reduced.two_layer import TwoLayerFlow

F = Fraction
KINDS: tuple[Kind, ...] = ("equal", "distinct", "one off")


@dataclass(frozen=True, slots=True)
class Layer:
    """One head: Q^T and K^T are the factors of the first pair, V^T and O^T of the second; all are dim x d_1."""

    scores: Start
    values: Start

    @property
    def dim(self) -> int:
        return self.scores.sizes[0]

    @property
    def width(self) -> int:
        """d_1."""
        return self.scores.sizes[2]

    @property
    def point(self) -> tuple[Fraction, ...]:
        """Q, K, V, O, each d_1 x dim, row by row."""
        parts = (self.scores.U, self.scores.V, self.values.U, self.values.V)
        return tuple(x for part in parts for row in zip(*part, strict=True) for x in row)


@lru_cache(maxsize=16)
def attention(dim: int, width: int) -> PolynomialMap:
    """``phi(Q, K, V, O) = (Q^T K, V^T O)`` with blocks of shape (d_1, dim)."""
    from ...oracles.models import Block, PolynomialMap
    from ...oracles.polynomials import Polynomial

    size = width * dim
    x = [Polynomial.variable(k) for k in range(4 * size)]
    phi: list[Polynomial] = []
    for first in (0, 2 * size):
        for i in range(dim):
            for j in range(dim):
                total = Polynomial()
                for a in range(width):
                    total = total + x[first + a * dim + i] * x[first + size + a * dim + j]
                phi.append(total)
    blocks = tuple(Block(name, (width, dim)) for name in ("Q", "K", "V", "O"))
    return PolynomialMap(f"attention-{dim}-{width}", blocks, tuple(phi))


@lru_cache(maxsize=16)
def laws(dim: int, width: int) -> tuple[Polynomial, ...]:
    """The entries on and above the diagonal of ``Q Q^T - K K^T`` and ``V V^T - O O^T``."""
    from ...oracles.polynomials import Polynomial

    size = width * dim
    x = [Polynomial.variable(k) for k in range(4 * size)]
    found: list[Polynomial] = []
    for first in (0, 2 * size):
        for a in range(width):
            for b in range(a, width):
                total = Polynomial()
                for i in range(dim):
                    up = x[first + a * dim + i] * x[first + b * dim + i]
                    total = total + up - x[first + size + a * dim + i] * x[first + size + b * dim + i]
                found.append(total)
    return tuple(found)


BALANCED = Layer(EXAMPLE, moved(EXAMPLE.U, EXAMPLE.V, 5))
"""dim = d_1 = 2: both differences are the identity."""
HALF = Layer(EXAMPLE, SPIRAL[0])
"""Only the first one is a multiple of the identity."""
NARROW = Layer(TRAP, moved(TRAP.U, TRAP.V, 3))
"""dim = 2, d_1 = 1."""


def derivation() -> Iterator[Step]:
    """Laws; the product of two pairs; both directions at exact points; Frobenius."""
    for dim, width in ((2, 1), (2, 2), (3, 2)):
        yield Step(
            f"Both balances are laws of phi = (Q^T K, V^T O), dim = {dim}, d_1 = {width}.",
            r"\frac{d}{dt} (Q Q^\top - K K^\top) = 0, \qquad \frac{d}{dt} (V V^\top - O O^\top) = 0",
            _conserved(dim, width),
        )
    yield Step(
        "The two pairs share no parameter: inner products of gradients of entries of Q^T K and of V^T O vanish. So M "
        "is block diagonal, the kernel of dphi and dh is the product of both kernels, and the criterion holds iff it "
        "holds for each pair (n, m, r) = (dim, dim, d_1).",
        r"M = \operatorname{diag}(M_{QK}, M_{VO}), \qquad K_1 = K_1^{QK} \times K_1^{VO}",
        _independent(2, 2),
    )
    yield Step(
        "For 2 <= d_1 <= dim and full ranks that is case 2 of A3.linear2.converse, twice.",
        r"Q Q^\top - K K^\top = \lambda I, \qquad V V^\top - O O^\top = \lambda' I",
    )
    yield Step(
        "dim = d_1 = 2, both differences the identity: the kernel has dimension 2, one rotation for each pair, and dM "
        "vanishes on it. Since it is not 0, phi does not have the Frobenius property here (A3.frobenius).",
        r"\dim K_1 = 2, \qquad K_1 \subset \ker dM",
        inclusion_at(BALANCED),
    )
    yield Step(
        "Only the first difference a multiple of the identity: a direction of the second pair changes M.",
        r"V V^\top - O O^\top = \operatorname{diag}(3, -3)",
        violation_at(HALF),
    )
    yield Step(
        "d_1 = 1: the kernel is 0, and phi has the Frobenius property at points where Q, K, V, O are not 0.",
        r"\dim K_1 = 0",
        inclusion_at(NARROW),
    )


def _conserved(dim: int, width: int) -> Certificate:
    from ...oracles.proofs import conserved

    return conserved(attention(dim, width), laws(dim, width))


def _independent(dim: int, width: int) -> Certificate:
    from ...oracles.polynomials import orthogonality
    from ...oracles.proofs import identity
    from .._two_layer_flow import node

    phi = attention(dim, width).coordinates()
    half = len(phi) // 2
    return identity(4 * dim * width, [(node(orthogonality(a, b)), 0) for a in phi[:half] for b in phi[half:]])


def kernel(layer: Layer) -> list[list[Rational]]:
    """A basis of ``ker dphi cap ker dh``, from the polynomials of the layer."""
    from ...oracles.proofs import kernel_vectors

    point, size = layer.point, 4 * layer.dim * layer.width
    shape = (layer.dim, layer.width)
    rows: list[list[Rational]] = []
    for polynomial in (*attention(*shape).coordinates(), *laws(*shape)):
        parts = polynomial.gradient()
        rows.append([parts[k].evaluate(point) if k in parts else 0 for k in range(size)])
    return kernel_vectors(rows)


def metric_change(layer: Layer, vector: Sequence[Rational]) -> tuple[tuple[int, int], Rational] | None:
    """An entry of M that changes along a direction, and its derivative; None if none does."""
    for pair, slopes in _metric_slopes(layer.dim, layer.width):
        change = sum((F(p.evaluate(layer.point)) * vector[k] for k, p in slopes.items() if vector[k]), F(0))
        if change:
            return pair, change
    return None


@lru_cache(maxsize=16)
def _metric_slopes(dim: int, width: int) -> tuple[tuple[tuple[int, int], dict[int, Polynomial]], ...]:
    """The gradients of all entries of M that are not 0, on and above the diagonal."""
    from ...oracles.polynomials import orthogonality

    phi = attention(dim, width).coordinates()
    entries = (((i, j), orthogonality(phi[i], phi[j])) for i in range(len(phi)) for j in range(i, len(phi)))
    return tuple((pair, entry.gradient()) for pair, entry in entries if entry)


def inclusion_at(layer: Layer) -> Certificate:
    """The claim that dM vanishes on the kernel."""
    from ...oracles.proofs import inclusion

    shape = (layer.dim, layer.width)
    return inclusion(attention(*shape), laws(*shape), layer.point, kernel(layer))


def violation_at(layer: Layer) -> Certificate:
    """The claim that a direction of the kernel changes M."""
    from ...oracles.proofs import violation

    shape = (layer.dim, layer.width)
    for vector in kernel(layer):
        found = metric_change(layer, vector)
        if found is not None:
            return violation(attention(*shape), laws(*shape), layer.point, vector, *found)
    raise ValueError("dM vanishes on the kernel here")


def too_small() -> Certificate:
    """The claim that one rotation is all of the kernel of the balanced layer."""
    from ...oracles.proofs import inclusion

    return inclusion(attention(2, 2), laws(2, 2), BALANCED.point, kernel(BALANCED)[:1])


def drawn() -> SearchStrategy[Layer]:
    """Pairs with every inertia and kind of multiplicities, dim up to 3 and d_1 up to 3, all ranks full."""
    from hypothesis import strategies as st

    @st.composite
    def draw_layer(draw: st.DrawFn) -> Layer:
        dim = draw(st.integers(1, 3))
        width = draw(st.integers(1, 3 if dim < 3 else 2))
        pairs: list[Start] = []
        for _ in range(2):
            inertia = draw(st.sampled_from(inertias(dim, dim, min(width, 2 * dim))))
            kind = draw(st.sampled_from(KINDS))
            pairs.append(structured((dim, dim, width), inertia, kind, draw(st.integers(0, 999))))
        return Layer(*pairs)

    return draw_layer().filter(lambda layer: full_ranks(layer.scores) and full_ranks(layer.values))


def both(layer: Layer) -> bool:
    """The statement: the classification holds for both pairs."""
    return bool(layer.scores.classified().holds) and bool(layer.values.classified().holds)


def scores_alone(layer: Layer) -> bool:
    """Wrong: only Q and K matter."""
    return bool(layer.scores.classified().holds)


def check(layer: Layer, rule: Callable[[Layer], bool] = both) -> Residual:
    """0 iff the rule says what the kernel of the whole layer says; and its dimension is the sum of both."""
    basis = kernel(layer)
    holds = all(metric_change(layer, vector) is None for vector in basis)
    parts = sum(len(criterion(pair).basis) for pair in (layer.scores, layer.values))
    return Residual(int(rule(layer) != holds) + abs(len(basis) - parts), note="holds" if holds else "fails")


def check_scalar(layer: Layer) -> Residual:
    """The corollary: for 2 <= d_1 <= dim the classification holds iff both differences are multiples of I."""
    scalar = all(
        x == (pair.delta[0][0] if i == j else 0)
        for pair in (layer.scores, layer.values)
        for i, row in enumerate(pair.delta)
        for j, x in enumerate(row)
    )
    return Residual(int(both(layer) != scalar), nontrivial=2 <= layer.width <= layer.dim)


def check_frobenius(layer: Layer) -> Residual:
    """Frobenius iff d_1 = 1 or dim = 1: iff the kernel is 0."""
    small = layer.width == 1 or layer.dim == 1
    return Residual(int(small != (not kernel(layer))))


def wide() -> SearchStrategy[Layer]:
    """2 <= d_1 <= dim."""
    return drawn().filter(lambda layer: 2 <= layer.width <= layer.dim)


@dataclass(frozen=True, slots=True)
class TwoFlows:
    """The reduced flows of both pairs, side by side, as one flow of (Q^T K, V^T O)."""

    scores: TwoLayerFlow
    values: TwoLayerFlow

    @property
    def form(self) -> Any:
        return self.scores.form

    @property
    def dimension(self) -> int:
        return self.scores.dimension + self.values.dimension

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``."""
        import numpy as np

        half = self.scores.dimension
        return np.concatenate(
            [self.scores.apply(z[:half], covector[:half]), self.values.apply(z[half:], covector[half:])]
        )


def _loss(size: int) -> Loss:
    """A quadratic loss that couples both pairs: every entry of Q^T K with the same one of V^T O."""
    half = size // 2
    curvature = [(i, i, F(1)) for i in range(size)]
    curvature += [entry for i in range(half) for entry in ((i, half + i, F(1, 2)), (half + i, i, F(1, 2)))]
    return Loss(tuple(F((5 * i) % 7 - 3, 2) for i in range(size)), tuple(curvature))


def side_by_side(profile: Profile) -> SimulationResult:
    """All of Q, K, V, O against the two reduced flows, coupled by the loss."""
    from ...simulations.reduced import compare
    from .. import _reduced

    model = attention(2, 2)
    flow = TwoFlows(flow_of(BALANCED.scores), flow_of(BALANCED.values))
    found = compare(model, BALANCED.point, flow, _loss(8), time=0.5, steps=8 * 2**profile.effort, halvings=3)
    names = [f"{pair}[{i}, {j}]" for pair in ("Q^T K", "V^T O") for i in (1, 2) for j in (1, 2)]
    return _reduced.side_by_side(found, names, laws(2, 2)[0])


def check_turned(layer: Layer) -> Residual:
    """Wrong: the values may leave relaxed balance (O is turned), and still follow the flow that they had."""
    from ...simulations.reduced import compare

    flow = TwoFlows(flow_of(layer.scores), flow_of(layer.values))
    other = Layer(layer.scores, Start(layer.values.U, SPIRAL[1].V))
    found = compare(attention(2, 2), other.point, flow, _loss(8), time=0.25, steps=8, halvings=2)
    return Residual(found.distance, found.bound)


def table() -> Table:
    """The three layers of the derivation."""
    rows: list[tuple[str, int, int, int, str]] = []
    good = True
    cases = (("both multiples of I", BALANCED, True), ("the first only", HALF, False), ("d_1 = 1", NARROW, True))
    for name, layer, wanted in cases:
        basis = kernel(layer)
        holds = all(metric_change(layer, vector) is None for vector in basis)
        good &= holds == wanted == both(layer)
        rows.append((name, layer.dim, layer.width, len(basis), "yes" if holds else "no"))
    return Table(
        "Three attention layers", ("differences", "dim", "d_1", "dim of the kernel", "metric property"), rows, good
    )


AGREES = Property(
    name="both-pairs",
    says="On the kernel of the whole layer, computed from its polynomials, M changes iff the classification fails for "
    "one of the pairs.",
    arithmetic="rational",
    cases=drawn,
    check=check,
    examples=(BALANCED, HALF, NARROW),
    share=0.5,
)


THEOREM = Theorem(
    id="A3.attention",
    title="Attention layers",
    summary="phi = (Q^T K, V^T O) is two independent products: the metric property is that of both pairs.",
    source="A3, remark that the Frobenius property fails; the rest derived",
    status="derived",
    hypotheses=(
        "phi(Q, K, V, O) = (Q^T K, V^T O), all four of shape d_1 x dim; a loss of phi.",
        "Full ranks; the property is meant locally on the orbit.",
    ),
    statement=r"2 \le d_1 \le \mathrm{dim}: \quad M \text{ is a function of } \phi \text{ and } h \iff "
    r"Q Q^\top - K K^\top = \lambda I \text{ and } V V^\top - O O^\top = \lambda' I",
    assumes=("A3.linear2.converse", "A3.kernel-criterion", "A3.frobenius"),
    derivation=derivation,
    tables=(table,),
    properties=(
        AGREES,
        Property(
            name="multiples-of-the-identity",
            says="For 2 <= d_1 <= dim the classification holds iff both differences are multiples of the identity.",
            arithmetic="rational",
            cases=wide,
            check=check_scalar,
            examples=(BALANCED, HALF),
        ),
        Property(
            name="frobenius",
            says="The kernel is 0 iff d_1 = 1 or dim = 1: for 2 <= d_1 there is no Frobenius property.",
            arithmetic="rational",
            cases=drawn,
            check=check_frobenius,
            share=0.5,
        ),
    ),
    simulations=(
        both_flows("linear:3-2-3", "relaxed:1", "One of the two factor pairs by itself: both flows."),
        Simulation("side-by-side", "Both pairs under one loss that couples them: full and reduced flow.", side_by_side),
    ),
    mutants=(
        changed(replace(AGREES, check=partial(check, rule=scores_alone)), "scores-alone", "Only Q and K matter."),
        changed(replace(AGREES, check=partial(check, rule=lambda _: True)), "always", "The property always holds."),
        changed(
            Property(
                "turned",
                "Both flows from a layer whose O was replaced.",
                "float64",
                cases=wide,
                check=check_turned,
                examples=(BALANCED,),
            ),
            "values-unbalanced",
            "V V^T - O O^T may be anything.",
        ),
        Mutant(
            "both-needed",
            "It suffices that Q Q^T - K K^T is a multiple of the identity.",
            refutes=lambda: violation_at(HALF),
        ),
        Mutant("one-rotation", "The kernel at the balanced layer has dimension 1.", rejects=too_small),
    ),
)
