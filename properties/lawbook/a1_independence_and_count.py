"""A1.independence-and-count: D minus the dimension of the Lie algebra is the number of independent laws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import Node
    from .a0_rank_certificate import WordCase

Vector = tuple[Fraction, ...]
COUNTED = (
    "linear:1-2-1",
    "linear:2-2-2",
    "linear:4-5-2",
    "linear:1-2-2-1",
    "linear:2-4-5-2",
    "linear:2-4-5-2-2",
    "linear:2-2-2+logits",
    "relu:2-3-2",
    "relu:2-2-3-2+bias",
    "monomial:4",
    "symmetric:2-3",
    "homogeneous:2-2-2+degree2",
)
GROWTH = ("linear:4-5-2", "linear:2-4-5-2", "linear:2-4-5-2-2")
DEGENERATE = ("linear:1-1-1", "linear:1-2-2", "linear:2-2-2", "relu:1-2-1", "relu:2-2-1+bias")
"""Two-layer networks: brackets of two generators are enough for their Lie algebra."""


@cache
def completeness(spec: str) -> Completeness:
    """How many laws a model has near a generic point; its certificate has been accepted where ``complete``."""
    from ...oracles.laws import up_to
    from ...oracles.lie import find_completeness
    from ...oracles.models import parse_model

    model = parse_model(spec)
    found = find_completeness(model)
    if not found.complete:
        laws = [law for degree in up_to(model, 4) for law in degree.new_generators]
        found = find_completeness(model, laws)
    return found


Planar = Mapping[tuple[int, int], Any]
"""A polynomial in two variables: a tree for each pair of exponents."""


def _planar(degree: int, start: int) -> dict[tuple[int, int], Node]:
    """All monomials up to a degree, with the variables from ``start`` on as coefficients."""
    from ...oracles.proofs import symbol

    exponents = [(i, total - i) for total in range(degree + 1) for i in range(total + 1)]
    return {exponent: symbol(start + k) for k, exponent in enumerate(exponents)}


def _times(left: Planar, right: Planar) -> dict[tuple[int, int], Node]:
    from ...oracles.proofs import add, multiply

    product: dict[tuple[int, int], Node] = {}
    for (a, b), x in left.items():
        for (c, d), y in right.items():
            product[a + c, b + d] = add(product.get((a + c, b + d), 0), multiply(x, y))
    return product


def _slope(polynomial: Planar, variable: int) -> dict[tuple[int, int], Node]:
    from ...oracles.proofs import multiply

    lowered: dict[tuple[int, int], Node] = {}
    for exponents, c in polynomial.items():
        if exponents[variable]:
            a, b = exponents
            lowered[(a - 1, b) if variable == 0 else (a, b - 1)] = multiply(exponents[variable], c)
    return lowered


def _along(polynomial: Planar, field: Sequence[Planar]) -> dict[tuple[int, int], Node]:
    """The derivative of a polynomial along a field."""
    from ...oracles.proofs import add

    total: dict[tuple[int, int], Node] = {}
    for variable in (0, 1):
        for exponents, c in _times(_slope(polynomial, variable), field[variable]).items():
            total[exponents] = add(total.get(exponents, 0), c)
    return total


def bracket_identity() -> Certificate:
    """``<grad h, [X, Y]> = Y(X h) - X(Y h)``, coefficient by coefficient, for quadratic X, Y and cubic h."""
    from ...oracles.proofs import identity

    X = [_planar(2, 0), _planar(2, 6)]
    Y = [_planar(2, 12), _planar(2, 18)]
    h = _planar(3, 24)
    lie = [_minus(_along(X[i], Y), _along(Y[i], X)) for i in (0, 1)]
    left = _along(h, lie)
    right = _minus(_along(_along(h, X), Y), _along(_along(h, Y), X))
    keys = sorted(left.keys() | right.keys())
    zero: Node = 0
    return identity(34, [(left.get(k, zero), right.get(k, zero)) for k in keys])


def _minus(left: Planar, right: Planar) -> dict[tuple[int, int], Node]:
    from ...oracles.proofs import subtract

    return {k: subtract(left.get(k, 0), right.get(k, 0)) for k in sorted(left.keys() | right.keys())}


def scalar_laws() -> list[Polynomial]:
    """The four quadratic laws of linear:1-2-1: the entries of Delta, and ``u_1 v_2 - u_2 v_1``."""
    from ...oracles.polynomials import Polynomial

    def pair(i: int, j: int) -> Polynomial:
        return Polynomial.variable(i) * Polynomial.variable(j)

    return [pair(0, 0) - pair(2, 2), pair(0, 1) - pair(2, 3), pair(1, 1) - pair(3, 3), pair(0, 3) - pair(1, 2)]


def dependence_identity() -> Certificate:
    """``(u_1 v_2 - u_2 v_1)^2 = Delta_12^2 - Delta_11 Delta_22``."""
    from ...oracles.proofs import identity, multiply, power, subtract, symbol

    u1, u2, v1, v2 = (symbol(k) for k in range(4))

    def entry(a: Node, b: Node, c: Node, d: Node) -> Node:
        return subtract(multiply(a, b), multiply(c, d))

    first, mixed, second = entry(u1, u1, v1, v1), entry(u1, u2, v1, v2), entry(u2, u2, v2, v2)
    return identity(4, [(power(entry(u1, v2, u2, v1), 2), subtract(power(mixed, 2), multiply(first, second)))])


def derivation() -> Iterator[Step]:
    """From orthogonality to counting."""
    from ...oracles.models import parse_model
    from ...oracles.proofs import conserved, exact_rank
    from .a0_rank_certificate import values

    yield Step(
        "Orthogonality passes to brackets. If a function is constant along the fields X and Y it is constant along "
        "their bracket. Here is the identity behind it, for all quadratic X, Y and cubic h in the plane.",
        r"\langle \nabla h, [X, Y] \rangle = Y(X h) - X(Y h)",
        bracket_identity(),
    )
    yield Step(
        "So the gradient of a law is orthogonal to all of Lie(W). At every point the two spaces are orthogonal to each "
        "other, and their dimensions add up to at most D.",
        r"\dim \mathrm{Lie}(W)(\theta) + \operatorname{rank}\,(\nabla h_i(\theta))_i \le D",
    )
    yield Step(
        "Theorem of Frobenius: where k = dim Lie(W) does not change nearby, a neighbourhood is filled by surfaces of "
        "dimension k that are tangent to Lie(W). A function is constant on them iff it is a law, and D - k coordinates "
        "tell the surfaces apart.",
        r"\text{near } \theta: \quad D - k \text{ independent laws } h_1, \dots, h_{D-k},"
        r" \qquad h = H(h_1, \dots, h_{D-k})",
    )
    for spec in COUNTED:
        found = completeness(spec)
        yield Step(
            f"{spec}: D = {found.parameters}, dim Lie = {found.lie_dimension}, laws {found.independent_laws}.",
            certificate=found.certificate,
        )
    laws = scalar_laws()
    yield Step(
        "Independent means functionally independent. linear:1-2-1 has four linearly independent quadratic laws.",
        r"u_1^2 - v_1^2, \quad u_1 u_2 - v_1 v_2, \quad u_2^2 - v_2^2, \quad u_1 v_2 - u_2 v_1",
        conserved(parse_model("linear:1-2-1"), laws),
    )
    yield Step(
        "One of them is a function of the others, up to its sign.",
        r"(u_1 v_2 - u_2 v_1)^2 = \Delta_{12}^2 - \Delta_{11} \Delta_{22}",
        dependence_identity(),
    )
    point = [3, 1, 1, 2]
    yield Step(
        "Their gradients span three dimensions, at (3, 1, 1, 2) for instance: three independent laws.",
        certificate=exact_rank([values(law.gradient(), point) for law in laws]),
    )


def word_cases() -> SearchStrategy[WordCase]:
    """Nested brackets of random fields of W, for models with known laws."""
    from . import a0_rank_certificate as ranks

    return ranks.word_cases().filter(lambda case: bool(ranks.law_fields(case.spec)))


def _largest_product(case: WordCase, vector: Sequence[int]) -> int:
    """The largest inner product of a law gradient at the point with a vector, up to sign."""
    from .a0_rank_certificate import law_fields, values

    gradients = [values(field, case.point) for field in law_fields(case.spec)]
    return max((abs(sum(a * b for a, b in zip(row, vector, strict=True))) for row in gradients), default=0)


def check_brackets(case: WordCase) -> Residual:
    """The inner products of all law gradients with a nested bracket, exactly."""
    from .a0_rank_certificate import combinations_of, nilpotent

    value = nilpotent(combinations_of(case.spec, case.seed), case.word, case.point)
    return Residual(_largest_product(case, value), nontrivial=any(value))


def check_plus(case: WordCase) -> Residual:
    """The wrong statement: ``DX Y + DY X`` is orthogonal to law gradients as well; first two fields of the case."""
    from .a0_rank_certificate import combinations_of, values

    first, second, _ = combinations_of(case.spec, case.seed)
    total = [0] * len(case.point)
    for left, right in ((first, second), (second, first)):
        along = values(right, case.point)
        for i, component in left.items():
            slopes: dict[int, Polynomial] = component.gradient()
            total[i] += sum(int(part.evaluate(case.point)) * along[k] for k, part in slopes.items())
    return Residual(_largest_product(case, total))


def float_brackets(case: WordCase) -> Residual:
    """The same inner products for a bracket that is expanded and evaluated in float64, at a seventh of the point.

    Bound: ``sum_i |d_i h| r_i`` with r the rounding of the expanded polynomials: ``gamma(n)`` times the absolute terms.
    """
    import numpy as np

    from ...simulations import CompiledPolynomials
    from .a0_rank_certificate import combinations_of, law_fields, symbolic
    from .a1_char_orthogonality import nearest_bound

    field = symbolic(combinations_of(case.spec, case.seed), case.word)
    compiled = CompiledPolynomials(list(field.values()), len(case.point))
    floats = np.array(case.point, dtype=np.float64) / 7
    point = [Fraction(float(x)) for x in floats]
    found = [Fraction(float(v)) for v in compiled.values(floats)]
    errors = [Fraction(float(e)) for e in compiled.roundoff_bound(floats)]
    pairs: list[tuple[Fraction, Fraction]] = []
    for law in law_fields(case.spec):
        slopes = [Fraction(law[i].evaluate(point)) if i in law else Fraction(0) for i in field]
        product = sum((a * b for a, b in zip(slopes, found, strict=True)), Fraction(0))
        pairs.append((abs(product), sum((abs(a) * e for a, e in zip(slopes, errors, strict=True)), Fraction(0))))
    return nearest_bound(pairs)


@dataclass(frozen=True, slots=True, repr=False)
class PointCase:
    """A model at a point."""

    spec: str
    point: Vector

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"{self.spec}, theta = {shown(self.point)}"

    def ranks(self) -> tuple[int, int]:
        """The ranks over Q of brackets of up to two generators and of the gradients of the known laws."""
        from .a0_rank_certificate import generators, law_fields, rank_over_q, symbolic, words_up_to_pairs

        fields = [symbolic(generators(self.spec), word) for word in words_up_to_pairs(self.spec)]
        return rank_over_q(self._rows(fields)), rank_over_q(self._rows(law_fields(self.spec)))

    def _rows(self, fields: Sequence[Mapping[int, Polynomial]]) -> list[list[int]]:
        """The values of fields, each scaled to whole numbers."""
        from math import lcm

        rows: list[list[int]] = []
        for field in fields:
            row = [Fraction(0)] * len(self.point)
            for i, component in field.items():
                row[i] = Fraction(component.evaluate(self.point))
            scale = lcm(*(x.denominator for x in row))
            rows.append([int(x * scale) for x in row])
        return rows


def point_cases() -> SearchStrategy[PointCase]:
    """Small networks at points of every kind, degenerate ones among them."""
    from hypothesis import strategies as st

    from ..strategies import dags, initializations, linear_models, relu_models

    models: st.SearchStrategy[Any] = st.one_of(
        linear_models(layers=(2, 3), width=(1, 2), parameters=10),
        relu_models(layers=(2, 2), width=(1, 2)),
        dags(hidden=(1, 2), size=1),
    )

    @st.composite
    def draw_case(draw: st.DrawFn) -> PointCase:
        model = draw(models)
        return PointCase(model.spec, draw(initializations(model)))

    return draw_case()


def degenerate_cases() -> SearchStrategy[PointCase]:
    """Two-layer networks at points with zero weights or of deficient rank."""
    from hypothesis import strategies as st

    from ...oracles.models import parse_model
    from ..strategies import initializations

    def at(spec: str) -> st.SearchStrategy[PointCase]:
        model = parse_model(spec)
        points = st.one_of(initializations(model, "zero-weights"), initializations(model, "rank-deficient"))
        return points.map(lambda point: PointCase(spec, point))

    return st.sampled_from(DEGENERATE).flatmap(at)


def check_sum(case: PointCase) -> Residual:
    """How far both ranks together exceed D."""
    brackets, laws = case.ranks()
    note = f"{brackets} + {laws} of {len(case.point)}"
    return Residual(max(0, brackets + laws - len(case.point)), nontrivial=brackets > 0 and laws > 0, note=note)


def check_naive(case: PointCase) -> Residual:
    """The wrong statement: the ranks add up to D at every point, for two-layer networks."""
    brackets, laws = case.ranks()
    return Residual(abs(len(case.point) - brackets - laws), note=f"{brackets} + {laws} of {len(case.point)}")


@dataclass(frozen=True, slots=True)
class GenericCase:
    """A model; the point comes from the seed, with entries up to 10^6."""

    spec: str
    seed: int


def generic_cases() -> SearchStrategy[GenericCase]:
    """Networks of any small shape."""
    from hypothesis import strategies as st

    from ..strategies import dags, linear_models, relu_models

    models: st.SearchStrategy[Any] = st.one_of(
        linear_models(layers=(2, 4), width=(1, 4), parameters=30),
        relu_models(layers=(2, 3), width=(1, 3), parameters=20),
        dags(),
    )
    specs: st.SearchStrategy[str] = models.map(lambda model: str(model.spec))
    return st.builds(GenericCase, specs, st.integers(0, 99))


def check_generic(case: GenericCase) -> Residual:
    """The rank of the gradients of the balances at a random point, against the certified number of laws.

    Laws beyond the balances (A1.deep-linear.count) are not among the gradients, so those networks do not count.
    """
    from random import Random

    from ...oracles.lie import balance_rank, find_completeness
    from ...oracles.models import DeepLinear
    from .a0_rank_certificate import law_fields, model_of, rank_over_q, values

    model = model_of(case.spec)
    found = find_completeness(model, levels=False)
    extra = isinstance(model, DeepLinear) and found.independent_laws > balance_rank(model.widths)
    if not found.complete or extra:
        return Residual(0, nontrivial=False)
    random = Random(case.seed)
    point = [random.randint(-(10**6), 10**6) for _ in range(model.parameters)]
    rank = rank_over_q([values(field, point) for field in law_fields(case.spec)])
    return Residual(abs(rank - (found.parameters - found.lie_dimension)), nontrivial=rank > 0)


def four_laws_claimed() -> Certificate:
    """The claim that linear:1-2-1 has four independent laws, one for each quadratic law."""
    certificate = completeness("linear:1-2-1").certificate
    assert certificate is not None
    claim = certificate["claim"]
    assert isinstance(claim, dict)
    return {**certificate, "claim": {**claim, "independent_laws": 4, "lie_dimension": 0}}


def one_point_refuted() -> Certificate:
    """``u - v`` is orthogonal to W at (1, 1) for phi = u v, and moves elsewhere."""
    from ...oracles.models import parse_model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import find_refutation

    refutation = find_refutation(parse_model("linear:1-1-1"), Polynomial.variable(0) - Polynomial.variable(1))
    assert refutation is not None
    return refutation.certificate


def table() -> Table:
    """Counts of some models, each certified."""
    rows: list[list[str | int]] = []
    for spec in COUNTED:
        found = completeness(spec)
        levels = " -> ".join(map(str, found.level_ranks or ()))
        rows.append([spec, found.parameters, found.w_dimension, levels, found.lie_dimension, found.independent_laws])
    columns = ("model", "D", "dim W", "rank after each level", "dim Lie", "independent laws")
    return Table("D = dim Lie + number of laws", columns, rows)


def growth(profile: Profile) -> SimulationResult:
    """What the brackets of each level have not reached yet, out of D minus the number of laws."""
    series: list[Series] = []
    off = 0
    for spec in GROWTH:
        found = completeness(spec)
        top = found.parameters - found.independent_laws
        missing = [top - rank for rank in found.level_ranks or (0,)]
        off += abs(missing[-1])
        points = [(float(k), float(m)) for k, m in enumerate(missing, 1)]
        series.append(Series(f"{spec}, D = {found.parameters}", points))
    plot = Plot(
        "Brackets fill what laws leave",
        "level of brackets",
        "D - laws - rank",
        series,
        caption="Level 1 is W itself. Each level adds directions until D minus the number of laws is reached.",
    )
    return SimulationResult(Residual(off, note="every ladder ends at D - laws"), (plot,))


def reachable(profile: Profile) -> SimulationResult:
    """Where training can go from one point of phi = u (v_1, v_2): many losses, one after the other."""
    import numpy as np

    from ...oracles.models import known_laws, parse_model
    from ...simulations import MIDPOINT, FloatField, Loss, Objective, integrate, rounding_drift
    from ...simulations.integrators import drift

    model = parse_model("linear:1-1-2")
    laws = [law for family in known_laws(model) for law in family.polynomials()]
    random = np.random.default_rng(0)
    start = np.array([1.25, 0.5, -0.25])
    flat: list[tuple[float, float]] = []
    curve: list[tuple[float, float]] = []
    worst, bound = 0.0, 0.0
    for _ in range((40, 150, 600)[profile.effort]):
        point, allowed = start, 0.0
        for _ in range(3):
            slope = [Fraction(int(k), 4) for k in random.integers(-6, 7, 2)]
            field = FloatField(Objective(model, Loss.linear(slope)))
            path = integrate(field, point, method=MIDPOINT, length=0.0625, steps=6)
            allowed += rounding_drift(field, laws, path, length=0.0625)
            point = path.end
        change = drift(laws, start, point)
        if not bound or change * bound >= worst * allowed:
            worst, bound = change, allowed
        u, v1, v2 = (float(x) for x in point)
        flat.append((v1, v2))
        curve.append(((v1 * v1 + v2 * v2) ** 0.5, u))
    level = float(start[0] ** 2 - start[1] ** 2 - start[2] ** 2)
    top = max(x for x, _ in curve)
    hyperbola = [(top * k / 60, (level + (top * k / 60) ** 2) ** 0.5) for k in range(61)]
    plots = (
        Plot(
            "Two dimensions are reached",
            "v1",
            "v2",
            (Series("end points", flat, "points"), Series("start", [(0.5, -0.25)], "points")),
            caption="Three random losses, one after the other, from one point. dim Lie = 2: they fill an area.",
        ),
        Plot(
            "The third is not",
            "|v|",
            "u",
            (Series("end points", curve, "points"), Series("u^2 - |v|^2 = const", hyperbola)),
            caption="D = 3 and one law: every end point lies on the surface of its value.",
        ),
    )
    return SimulationResult(Residual(worst, bound), plots)


THEOREM = Theorem(
    id="A1.independence-and-count",
    title="How many laws there are",
    summary="Near a point where dim Lie(W) is constant there are exactly D - dim Lie(W) independent laws.",
    source="A1 Def. 2.18, Thm 3.3; A4 Def. 2.10, Thm 2.11, Prop. 2.9, Prop. 2.12",
    status="proved",
    hypotheses=(
        "phi is infinitely differentiable; W is spanned by the gradients of its coordinates.",
        "dim Lie(W) is constant near theta. Without this the count fails: see A1.two-layer-linear.rank-deficient.",
    ),
    statement=r"\dim \mathrm{Lie}(W_\phi) = k \text{ near } \theta \implies"
    r" \text{exactly } D - k \text{ independent laws, and every law is a function of them}",
    assumes=("A1.char.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            "brackets",
            "Gradients of laws are orthogonal to nested brackets, exactly.",
            "rational",
            word_cases,
            check_brackets,
            share=0.5,
        ),
        Property(
            "brackets-float64",
            "The same for brackets evaluated in float64.",
            "float64",
            word_cases,
            float_brackets,
            share=0.3,
        ),
        Property(
            "sum-at-most-D",
            "At every point, degenerate or not, both dimensions add up to at most D.",
            "rational",
            point_cases,
            check_sum,
            share=0.5,
        ),
        Property(
            "generic-rank",
            "At a random point the gradients of the laws have rank D - dim Lie, the certified number.",
            "rational",
            generic_cases,
            check_generic,
            share=0.4,
        ),
    ),
    simulations=(
        Simulation("growth", "The rank of brackets, level by level.", growth),
        Simulation("reachable", "Where training with many losses can go from one point.", reachable),
    ),
    mutants=(
        Mutant(
            "any-point",
            "Both dimensions add up to D at every point.",
            violates=Property("any-point", "no genericity needed", "rational", degenerate_cases, check_naive),
        ),
        Mutant(
            "plus-sign",
            "DX Y + DY X is as good as the bracket.",
            violates=Property("plus-sign", "a sum, not a bracket", "rational", word_cases, check_plus),
        ),
        Mutant("four-laws", "Four linearly independent laws are four independent laws.", rejects=four_laws_claimed),
        Mutant("one-point", "A gradient orthogonal to W at one point is enough.", refutes=one_point_refuted),
    ),
)
