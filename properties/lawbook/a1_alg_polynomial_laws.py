"""A1.alg.polynomial-laws: all polynomial laws of a degree are the kernel of a linear system over Q."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import combinations_with_replacement, permutations
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...oracles.models import Model, PolynomialMap
    from ...oracles.polynomials import Monomial, Polynomial
    from ...oracles.proofs import Matrix, Node

KNOWN: dict[str, tuple[int, tuple[str, ...]]] = {
    "monomial:3": (3, ("0/0", "2/2", "0/0", "3/2")),
    "monomial:4": (4, ("0/0", "3/3", "0/0", "6/3")),
    "linear:1-1-1": (2, ("0/0", "1/1", "0/0", "1/1")),
    "linear:1-2-1": (4, ("0/0", "4/3", "0/0", "9/3")),
    "linear:1-3-1": (6, ("0/0", "9/5", "0/0", "36/5")),
    "linear:1-2-2": (6, ("0/0", "3/3", "0/0", "6/3")),
    "linear:2-2-2": (8, ("0/0", "3/3", "0/0", "6/3")),
    "linear:1-3-2": (9, ("0/0", "6/6", "1/1", "21/6")),
    "linear:1-4-2": (12, ("0/0", "10/9", "4/4")),
    "linear:1-2-2-1": (8, ("0/0", "6/6", "0/0", "21/6")),
    "linear:2-2-2-2": (12, ("0/0", "6/6", "0/0")),
    "relu:2-2-2+bias": (10, ("0/0", "2/2", "0/0", "3/2")),
    "relu:2-2-2": (8, ("0/0", "2/2", "0/0", "3/2")),
    "relu:1-2-2-1": (8, ("0/0", "4/4", "0/0", "10/4")),
}
"""D, then kernel dimension / functional rank in degree 1, 2, ..., as the theory states them."""

Terms = tuple[tuple[int, tuple[int, ...]], ...]
"""A polynomial as pairs (coefficient, exponents)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model by its short form, and a degree."""

    spec: str
    degree: int


@dataclass(frozen=True, slots=True)
class MapCase:
    """A user's own map in ``variables`` variables, and a degree."""

    variables: int
    coordinates: tuple[Terms, ...]
    degree: int

    def model(self) -> PolynomialMap:
        """The map as a model."""
        from ...oracles.models import Block, PolynomialMap
        from ...oracles.polynomials import Polynomial

        polynomials: list[Polynomial] = []
        for terms in self.coordinates:
            total: dict[Monomial, int] = {}
            for c, exponents in terms:
                monomial = tuple((v, e) for v, e in enumerate(exponents) if e)
                total[monomial] = total.get(monomial, 0) + c
            polynomials.append(Polynomial(total.items()))
        return PolynomialMap("user map", (Block("x", (self.variables,)),), tuple(polynomials))


@dataclass(frozen=True, slots=True)
class PointCase:
    """A model, one of its laws by degree and number, and a point of whole numbers, to be divided by 7."""

    spec: str
    degree: int
    law: int
    point: tuple[int, ...]


def monomials(parameters: int, degree: int) -> list[Monomial]:
    """All monomials of a degree."""
    found: list[Monomial] = []
    for chosen in combinations_with_replacement(range(parameters), degree):
        exponents: dict[int, int] = {}
        for variable in chosen:
            exponents[variable] = exponents.get(variable, 0) + 1
        found.append(tuple(exponents.items()))
    return found


def system(model: Model, unknowns: Sequence[Monomial]) -> list[list[int]]:
    """The linear system: a column for each monomial, a row for each coefficient of each <grad h, grad phi_i>.

    Nothing here is shared with ``oracles.laws``, which solves the same systems sparsely.
    """
    from ...oracles.polynomials import Polynomial, orthogonality

    coordinates = model.coordinates()
    rows: dict[tuple[int, Monomial], dict[int, int]] = {}
    for column, monomial in enumerate(unknowns):
        for index, coordinate in enumerate(coordinates):
            for key, c in orthogonality(Polynomial({monomial: 1}), coordinate).terms.items():
                rows.setdefault((index, key), {})[column] = int(c)
    return [[row.get(column, 0) for column in range(len(unknowns))] for row in rows.values()]


def rank(rows: Sequence[Sequence[int]]) -> int:
    """The exact rank over Q."""
    from flint import fmpz_mat

    return int(fmpz_mat([list(row) for row in rows]).rank()) if rows and rows[0] else 0


def gradients(laws: Sequence[Polynomial], point: Sequence[int]) -> list[list[int]]:
    """The gradients at an integer point of laws with integer coefficients, one a row."""
    rows: list[list[int]] = []
    for law in laws:
        row = [0] * len(point)
        for variable, slope in law.gradient().items():
            row[variable] = int(slope.evaluate(point))
        rows.append(row)
    return rows


def _point(parameters: int) -> list[int]:
    """A point with small entries, none of them zero, that is generic enough for the networks here."""
    return [(3 * k * k + 2 * k + 5) % 11 - 5 or 6 for k in range(parameters)]


def _parsed(spec: str) -> Model:
    from ...oracles.models import parse_model

    return parse_model(spec)


def _laws(spec: str, degree: int) -> tuple[Polynomial, ...]:
    from ...oracles.laws import polynomial_laws

    return polynomial_laws(_parsed(spec), degree).basis


def _certified(spec: str) -> Completeness:
    from ...oracles.lie import find_completeness

    found = find_completeness(_parsed(spec), levels=False)
    assert found.complete
    return found


def derivation() -> Iterator[Step]:
    """The system, its rank in small cases, the laws of every row as identities, and four pitfalls."""
    from ...oracles.proofs import conserved, exact_rank

    yield Step(
        "h is a law iff the polynomials <grad h, grad phi_i> vanish, and their coefficients are linear in those of h. "
        "If every phi_i is homogeneous the system splits by degree. Its kernel over Q is the space of polynomial laws.",
        r"\Bigl\langle \nabla \sum_\alpha c_\alpha \theta^\alpha,\, \nabla \phi_i \Bigr\rangle = 0 \ \text{for all } i",
    )
    for spec, degree in (("monomial:3", 4), ("linear:1-2-1", 4), ("linear:1-3-1", 2), ("linear:1-2-2", 3)):
        model = _parsed(spec)
        unknowns = monomials(model.parameters, degree)
        rows = system(model, unknowns)
        yield Step(
            f"{spec}, degree {degree}: {len(unknowns)} unknowns and rank {rank(rows)}, so exactly "
            f"{len(unknowns) - rank(rows)} laws.",
            certificate=exact_rank(rows),
        )
    for spec in KNOWN:
        laws = _laws(spec, 2)
        yield Step(
            f"{spec}: its {len(laws)} quadratic laws are laws.",
            certificate=conserved(_parsed(spec), laws),
        )
    yield Step(
        "Pitfall 1: the dimension of the kernel is not the number of laws. On 1-3-1 the gradients of the 9 quadratic "
        "laws span 5 dimensions at an integer point ...",
        certificate=exact_rank(gradients(_laws("linear:1-3-1", 2), _point(6))),
    )
    yield Step("... and there are exactly 5 independent laws.", certificate=_certified("linear:1-3-1").certificate)
    yield Step(
        "Pitfall 2: for n = m = 1 there are quadratic laws that are not entries of Delta: u^T Q v with Q skew. The "
        "fields are (c v, c u), and both terms of the derivative are skew forms of one vector. Here r = 3.",
        r"\tfrac{d}{dt}\, u^\top Q v = c\, (v^\top Q v + u^\top Q u) = 0",
        certificate=_skew_form(-1),
    )
    yield Step(
        "Pitfall 3: for r >= N every N x N minor of P = (U; V) is a law of degree N, since the flow acts on P by "
        "matrices of determinant 1. On 1-3-2 this is the one cubic law.",
        r"P(t) = g(t) P(0), \quad \det g = 1",
        certificate=conserved(_parsed("linear:1-3-2"), [determinant()]),
    )
    yield Step(
        "It is a function of Delta, det(P)^2 = (-1)^m det(Delta), but no polynomial in Delta: these have even degree.",
        r"\det(P^\top J P) = \det(J) \det(P)^2",
        certificate=_cauchy_binet(),
    )
    yield Step(
        "Pitfall 4: not every law is a polynomial of moderate degree. On 1-2-2-1 the gradients of all laws up to "
        "degree 4 span 6 dimensions at an integer point ...",
        certificate=exact_rank(gradients([*_laws("linear:1-2-2-1", 2), *_laws("linear:1-2-2-1", 4)], _point(8))),
    )
    yield Step(
        "... and there are exactly 7 independent laws (A1.deep-linear.count).",
        certificate=_certified("linear:1-2-2-1").certificate,
    )


def _skew_form(sign: int) -> Certificate:
    """The derivative of u^T Q v along (c v, c u), r = 3, with Q_ba = sign Q_ab off the diagonal and 0 on it."""
    from ...oracles.proofs import Matrix, add, identity, multiply, symbol

    u, v, c = Matrix.symbols(3, 1), Matrix.symbols(3, 1, 3), symbol(6)
    numbers = {(0, 1): 7, (0, 2): 8, (1, 2): 9}

    def entry(i: int, j: int) -> Node:
        return 0 if i == j else symbol(numbers[i, j]) if i < j else multiply(sign, symbol(numbers[j, i]))

    Q = Matrix.build(3, 3, entry)
    slope = add((v.T @ Q @ v).rows[0][0], (u.T @ Q @ u).rows[0][0])
    return identity(10, [(multiply(c, slope), 0)])


def determinant() -> Polynomial:
    """det P for 1-3-2: the rows are u, which is U1, and the two columns of U2."""
    from ...oracles.polynomials import Polynomial

    rows = [[0, 1, 2], [3, 5, 7], [4, 6, 8]]
    total = Polynomial()
    for order in permutations(range(3)):
        term = Polynomial.constant(_sign(order))
        for row, column in zip(rows, order, strict=True):
            term = term * Polynomial.variable(row[column])
        total = total + term
    return total


def permanent() -> Polynomial:
    """The terms of det P, all with the sign +."""
    from ...oracles.polynomials import Polynomial

    return Polynomial((monomial, c * c) for monomial, c in determinant().terms.items())


def _sign(order: Sequence[int]) -> int:
    inversions = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
    return -1 if inversions % 2 else 1


def _determinant_of(matrix: Matrix) -> Node:
    from ...oracles.proofs import add, multiply

    size = range(len(matrix.rows))
    return add(*(multiply(_sign(p), *(matrix.rows[i][p[i]] for i in size)) for p in permutations(size)))


def _cauchy_binet() -> Certificate:
    """det(U^T U - V^T V) = det(P)^2 for n = 1, m = 2, r = 3."""
    from ...oracles.proofs import Matrix, identity, power

    P = Matrix.symbols(3, 3)
    U, V = Matrix(P.rows[:1]), Matrix(P.rows[1:])
    return identity(9, [(_determinant_of(U.T @ U - V.T @ V), power(_determinant_of(P), 2))])


def maps() -> SearchStrategy[MapCase]:
    """Maps with one or two sparse coordinates in two to four variables; some are not homogeneous."""
    from hypothesis import strategies as st

    @st.composite
    def draw_map(draw: st.DrawFn) -> MapCase:
        variables = draw(st.integers(2, 4))
        exponents = st.tuples(*[st.integers(0, 2)] * variables).filter(lambda e: 1 <= sum(e) <= 3)
        coefficients = st.sampled_from((1, -1, 2, -2, 3))
        terms = st.lists(st.tuples(coefficients, exponents), min_size=1, max_size=2, unique_by=lambda term: term[1])
        coordinates = draw(st.lists(terms.map(tuple), min_size=1, max_size=2))
        return MapCase(variables, tuple(coordinates), draw(st.integers(1, 4)))

    return draw_map()


def network_cases() -> SearchStrategy[Case]:
    """Networks with at most ten parameters."""
    from hypothesis import strategies as st

    from ..strategies import linear_models, relu_models

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        linear = linear_models(layers=(2, 3), width=(1, 3), parameters=9, logits=None)
        relu = relu_models(layers=(2, 3), width=(1, 2), parameters=8, outbias=False, skips=False)
        model: Model = draw(st.one_of(linear, relu).filter(lambda model: model.parameters <= 10))
        return Case(model.spec, draw(st.integers(1, 4)))

    return draw_case()


def point_cases() -> SearchStrategy[PointCase]:
    """Laws of the table at random points."""
    from hypothesis import strategies as st

    @st.composite
    def draw_case(draw: st.DrawFn) -> PointCase:
        spec = draw(st.sampled_from(list(KNOWN)))
        degree = draw(st.sampled_from((2, 3) if spec in ("linear:1-3-2", "linear:1-4-2") else (2,)))
        law = draw(st.integers(0, 40))
        point = tuple(draw(st.integers(-99, 99)) for _ in range(KNOWN[spec][0]))
        return PointCase(spec, degree, law, point)

    return draw_case()


EXAMPLES = tuple(
    Case(spec, degree) for spec, degree in (("linear:1-3-2", 3), ("linear:1-2-2-1", 2), ("linear:2-2-2", 4))
)
MAPS = (
    MapCase(3, (((1, (1, 1, 0)), (1, (0, 0, 1))),), 3),  # x y + z: a coordinate that mixes degrees
    MapCase(2, (((1, (2, 0)), (-1, (0, 2))),), 2),  # x^2 - y^2: the law x y
)


def _compare(model: Model, degree: int) -> Residual:
    from ...oracles.laws import polynomial_laws

    found = polynomial_laws(model, degree)
    degrees = (degree,) if found.homogeneous else range(1, degree + 1)
    unknowns = [monomial for k in degrees for monomial in monomials(model.parameters, k)]
    columns = {monomial: column for column, monomial in enumerate(unknowns)}
    rows = system(model, unknowns)
    off = abs(found.kernel_dimension - (len(unknowns) - rank(rows)))
    vectors = [[0] * len(unknowns) for _ in found.basis]
    for vector, law in zip(vectors, found.basis, strict=True):
        for monomial, c in law.terms.items():
            vector[columns[monomial]] = int(c)
    off += abs(rank(vectors) - len(vectors))
    off += sum(any(sum(a * b for a, b in zip(row, v, strict=True) if a) for row in rows) for v in vectors)
    return Residual(off, nontrivial=bool(rows), note=f"{found.kernel_dimension} laws in {len(unknowns)} unknowns")


def check_network(case: Case) -> Residual:
    """The laws found for a network against the exact kernel of the dense system."""
    return _compare(_parsed(case.spec), case.degree)


def check_map(case: MapCase) -> Residual:
    """The laws found for a user's map against the exact kernel of the dense system."""
    return _compare(case.model(), case.degree)


def check_floats(case: PointCase) -> Residual:
    """Gradients of a law and of the coordinates in float64: their inner products are rounding.

    The point that float64 holds is a point like any other: there the exact value is 0. Bound: an entry of a gradient
    passes through at most ``roundings`` of its compiled form, the product of two and the sum over D variables through
    D + 1 more; the error is at most gamma of all these times the sum of absolute terms.
    """
    import numpy as np

    from ...simulations import CompiledPolynomials

    model = _parsed(case.spec)
    laws = _laws(case.spec, case.degree)
    slopes = _dense_gradient(laws[case.law % len(laws)], model.parameters)
    point = np.array(case.point, dtype=np.float64) / 7
    law = CompiledPolynomials(slopes, model.parameters)
    value, bound, size = 0.0, 0.0, 0.0
    for coordinate in model.coordinates():
        phi = CompiledPolynomials(_dense_gradient(coordinate, model.parameters), model.parameters)
        terms = float(law.absolute(point) @ phi.absolute(point))
        unit = (law.roundings + phi.roundings + model.parameters + 1) * 2.0**-53
        value += abs(float(law.values(point) @ phi.values(point)))
        bound += unit / (1 - unit) * terms * (1 + 2.0**-40)
        size += terms
    return Residual(value, bound, nontrivial=size > 0)


def _dense_gradient(polynomial: Polynomial, parameters: int) -> list[Polynomial]:
    from ...oracles.polynomials import Polynomial

    gradient = polynomial.gradient()
    return [gradient.get(variable, Polynomial()) for variable in range(parameters)]


def check_counts(case: Case) -> Residual:
    """The wrong statement: the kernel dimension is the number of laws."""
    return Residual(abs(len(_laws(case.spec, case.degree)) - _certified(case.spec).independent_laws))


def check_generated_by_quadratic(case: Case) -> Residual:
    """The wrong statement: quadratic laws and their products are all polynomial laws."""
    from ...oracles.laws import up_to

    return Residual(
        sum(len(found.new_generators) for found in up_to(_parsed(case.spec), case.degree) if found.degree > 2)
    )


def check_float_kernel(case: Case) -> Residual:
    """The wrong method: elimination in float64, where a pivot is what is not exactly zero."""
    model = _parsed(case.spec)
    unknowns = monomials(model.parameters, case.degree)
    found = len(unknowns) - float_rank(system(model, unknowns))
    return Residual(abs(found - len(_laws(case.spec, case.degree))))


def float_rank(rows: Sequence[Sequence[int]]) -> int:
    """The number of pivots of Gauss-Jordan elimination in float64; no tolerance, so rounding makes pivots."""
    import numpy as np

    matrix = np.array(rows, dtype=np.float64)
    found = 0
    for column in range(matrix.shape[1]):
        candidates = np.flatnonzero(matrix[found:, column])
        if not len(candidates):
            continue
        pivot = found + int(candidates[0])
        matrix[[found, pivot]] = matrix[[pivot, found]]
        matrix[found] /= matrix[found, column]
        others = np.flatnonzero(matrix[:, column])
        others = others[others != found]
        matrix[others] -= matrix[others, column][:, None] * matrix[found]
        found += 1
    return found


def quadratic_cases() -> SearchStrategy[Case]:
    """Two-layer networks with one input and one output, degree 2."""
    from hypothesis import strategies as st

    return st.integers(2, 5).map(lambda r: Case(f"linear:1-{r}-1", 2))


def wide_cases() -> SearchStrategy[Case]:
    """Two-layer networks with r >= N, up to degree N."""
    from hypothesis import strategies as st

    return st.sampled_from([Case("linear:1-3-2", 3), Case("linear:1-4-2", 3), Case("linear:2-3-1", 3)])


def quartic_cases() -> SearchStrategy[Case]:
    """Small linear networks, degree 4."""
    from hypothesis import strategies as st

    return st.sampled_from([Case(f"linear:{widths}", 4) for widths in ("1-2-1", "1-3-1", "1-2-2", "2-2-2")])


def table() -> Table:
    """The table of the theory: kernel dimension / functional rank, degree by degree."""
    from ...oracles.laws import functional_rank, up_to

    rows: list[list[str | int]] = []
    agrees = True
    for spec, (parameters, stated) in KNOWN.items():
        found = up_to(_parsed(spec), len(stated))
        shown = [f"{laws.kernel_dimension}/{functional_rank(laws.basis, laws.parameters)}" for laws in found]
        agrees = agrees and tuple(shown) == stated and found[0].parameters == parameters
        rows.append([spec, found[0].parameters, *shown, *[""] * (4 - len(shown))])
    columns = ("model", "D", "degree 1", "degree 2", "degree 3", "degree 4")
    return Table("Polynomial laws: kernel dimension / functional rank", columns, rows, agrees)


def pitfall_table() -> Table:
    """Kernel dimensions, functional ranks and certified numbers of laws side by side."""
    from ...oracles.laws import functional_rank, up_to

    rows: list[list[str | int]] = []
    for spec in KNOWN:
        found = up_to(_parsed(spec), 4)
        everything = [law for laws in found for law in laws.basis]
        new = [len(laws.new_generators) for laws in found]
        independent = functional_rank(everything, found[0].parameters)
        rows.append([spec, len(everything), *new[1:], independent, _certified(spec).independent_laws])
    columns = ("model", "laws up to degree 4", "new, degree 2", "degree 3", "degree 4", "functional rank", "all laws")
    return Table("Many polynomial laws, few independent ones", columns, rows)


def growth(profile: Profile) -> SimulationResult:
    """Kernel dimensions against the degree, and the functional rank of everything found so far."""
    from ...oracles.laws import functional_rank, up_to

    last = (5, 6, 8)[profile.effort]
    dimensions: list[Series] = []
    ranks: list[Series] = []
    off = 0
    for spec in ("monomial:3", "linear:1-2-1", "linear:2-2-2", "linear:1-3-2", "linear:1-2-2-1"):
        found = up_to(_parsed(spec), last)
        dimensions.append(
            Series(spec, [(float(f.degree), float(f.kernel_dimension)) for f in found if f.kernel_dimension], "points")
        )
        so_far: list[Polynomial] = []
        curve: list[tuple[float, float]] = []
        for laws in found:
            so_far += laws.new_generators
            curve.append((float(laws.degree), float(functional_rank(so_far, laws.parameters))))
        ranks.append(Series(spec, curve))
        count = _certified(spec).independent_laws
        off += max(0, int(curve[-1][1]) - count)
        if spec != "linear:1-2-2-1":
            off += abs(int(curve[-1][1]) - count)
    plots = (
        Plot(
            "The linear dimension of the laws grows with the degree",
            "degree",
            "kernel dimension",
            dimensions,
            y_scale="log",
            caption="Products of laws are laws. Degrees without a point have none.",
        ),
        Plot(
            "The number of independent ones does not",
            "degree",
            "functional rank up to this degree",
            ranks,
            caption="At degree 2 all of them reach the certified number of laws, except 1-2-2-1: it has a seventh law, "
            "which is no polynomial of these degrees.",
        ),
    )
    return SimulationResult(Residual(off), plots)


def certified_flow_keeps_laws(profile: Profile) -> SimulationResult:
    """Gradient flow on 1-3-2 in balls: the six quadratic laws and the cubic one stay, a wrong one does not."""
    from ...simulations import Loss, Objective, certified_flow

    digits = (20, 30, 60)[profile.effort]
    model = _parsed("linear:1-3-2")
    quadratic, cubic = _laws(model.spec, 2), _laws(model.spec, 3)
    start = [Fraction(x, 4) for x in (3, -1, 2, 2, 1, -2, 3, 1, -2)]
    flow = certified_flow(Objective(model, Loss.squared([1, -2])), start, time=2, digits=digits)
    worst = max(flow.drift(law) for law in (*quadratic, *cubic))
    wrong = permanent()
    low, high = flow.change(wrong)
    moved = min(abs(low), abs(high)) if low * high > 0 else Fraction(0)
    path = flow.trajectory
    ends = list(zip(path.times, path.points, strict=True))[1:]

    def curve(label: str, law: Polynomial, kind: Any = "points") -> Series:
        first = law.evaluate(start)
        return Series(label, [(float(t), abs(float(law.evaluate(ball.midpoint) - first))) for t, ball in ends], kind)

    plot = Plot(
        "Polynomial laws along a certified flow",
        "t",
        "|h(t) - h(0)|",
        (
            curve("a quadratic law", quadratic[0]),
            curve("det P", cubic[0]),
            curve("the permanent of P", wrong, "line"),
            Series("proved for all seven laws", [(0.0, float(worst)), (2.0, float(worst))], "bound"),
        ),
        y_scale="log",
        caption="Points are centres of balls that contain the flow. The permanent has the terms of det P without their "
        "signs.",
    )
    note = f"{flow.digits} digits certified; the permanent provably moved by {float(moved):.3g}"
    return SimulationResult(
        Residual(worst if moved else float("inf"), Fraction(1, 10**digits), note=note), (plot,), proved=True
    )


def permanent_moves() -> Certificate:
    """A point at which the permanent of P changes."""
    from ...oracles.proofs import find_refutation

    found = find_refutation(_parsed("linear:1-3-2"), permanent())
    assert found is not None
    return found.certificate


def one_law_more() -> Certificate:
    """The rank of the system of 1-2-1 in degree 4, less one: ten laws, the tenth made up."""
    from ...oracles.proofs import exact_rank, kernel_vectors

    model = _parsed("linear:1-2-1")
    rows = system(model, monomials(model.parameters, 4))
    honest = exact_rank(rows)
    claim, witness = honest["claim"], honest["witness"]
    assert isinstance(claim, dict)
    assert isinstance(witness, dict)
    # a row of the system is orthogonal to its kernel, so it is independent of it and not in it
    kernel = [*kernel_vectors(rows), rows[0]]
    return {**honest, "claim": {**claim, "rank": rank(rows) - 1}, "witness": {**witness, "kernel": kernel}}


THEOREM = Theorem(
    id="A1.alg.polynomial-laws",
    title="All polynomial laws of a degree",
    summary="Polynomial laws of a degree are the exact kernel of a linear system; few of them are independent.",
    source="A1 section 2.4 and the authors' notebook",
    status="derived",
    hypotheses=(
        "phi is a polynomial map with rational coefficients; h runs over the polynomials of one degree.",
        "If a coordinate of phi mixes degrees, h runs over those of at most that degree, without constant term.",
    ),
    statement=r"\{ h : \deg h = k,\ h \text{ is a law} \} = \ker_{\mathbb Q} \bigl( c \mapsto \langle \nabla "
    r"{\textstyle\sum_{|\alpha| = k}} c_\alpha \theta^\alpha, \nabla \phi_i \rangle \bigr)_i",
    assumes=("A1.char.orthogonality",),
    derivation=derivation,
    tables=(table, pitfall_table),
    properties=(
        Property(
            name="networks",
            says="For random networks and degrees the laws found are a basis of the exact kernel of the dense system.",
            arithmetic="rational",
            cases=network_cases,
            check=check_network,
            examples=EXAMPLES,
            share=0.25,
        ),
        Property(
            name="maps",
            says="The same for random polynomial maps, some of which mix degrees.",
            arithmetic="rational",
            cases=maps,
            check=check_map,
            examples=MAPS,
            share=0.5,
        ),
        Property(
            name="orthogonality-in-floats",
            says="Gradients of the laws of the table and of phi are orthogonal in float64, within rounding.",
            arithmetic="float64",
            cases=point_cases,
            check=check_floats,
            share=0.5,
        ),
    ),
    simulations=(
        Simulation(
            name="growth",
            says="The dimension of the kernel grows with the degree, the functional rank stays at the number of laws.",
            run=growth,
        ),
        Simulation(
            name="certified-flow",
            says="Along an enclosed flow of 1-3-2 all laws up to degree 3 provably stay; the permanent provably moves.",
            run=certified_flow_keeps_laws,
        ),
    ),
    mutants=(
        Mutant(
            name="kernel-counts-laws",
            says="The dimension of the kernel is the number of laws.",
            violates=Property(
                name="kernel-counts-laws",
                says="the kernel dimension of the quadratic laws",
                arithmetic="rational",
                cases=quadratic_cases,
                check=check_counts,
                examples=(Case("linear:1-3-1", 2),),
            ),
        ),
        Mutant(
            name="quadratic-laws-generate",
            says="All polynomial laws of U V^T are polynomials in the quadratic ones.",
            violates=Property(
                name="quadratic-laws-generate",
                says="no new generators above degree 2",
                arithmetic="rational",
                cases=wide_cases,
                check=check_generated_by_quadratic,
                examples=(Case("linear:1-3-2", 3),),
            ),
        ),
        Mutant(
            name="kernel-over-floats",
            says="The kernel over 53-bit floats is good enough: it misses one of the six quartic laws of 2-2-2.",
            violates=Property(
                name="kernel-over-floats",
                says="elimination in float64",
                arithmetic="float64",
                cases=quartic_cases,
                check=check_float_kernel,
                examples=(Case("linear:2-2-2", 4),),
            ),
        ),
        Mutant(
            name="permanent",
            says="The signs of the determinant do not matter: the permanent of P is conserved on 1-3-2.",
            refutes=permanent_moves,
        ),
        Mutant(
            name="symmetric-form",
            says="u^T Q v is conserved for symmetric Q, too.",
            rejects=partial(_skew_form, 1),
        ),
        Mutant(
            name="one-law-more",
            says="1-2-1 has ten laws of degree 4: the exact kernel is joined by a vector that is not in it.",
            rejects=one_law_more,
        ),
    ),
)
