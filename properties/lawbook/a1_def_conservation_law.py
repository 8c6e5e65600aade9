"""A1.def.conservation-law: constant for every data set, not for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import PolynomialMap
    from ...oracles.polynomials import Polynomial
    from ...simulations import Objective
    from ..strategies import DataSet

Vector = tuple[Fraction, ...]
NETWORK = "linear:1-1-2"
"""g(theta, x) = u (v . x) with D = 3: u is parameter 0, v the parameters 1 and 2."""
DATA = {"A": ((3, 4), 2), "B": ((1, -1), 1), "C": ((0, 2), -3)}
"""One sample each: input and target."""
START = ("1", "1/2", "-3/4")
DRIFT = 1e-40


def balance() -> Polynomial:
    """``u^2 - |v|^2``, the law of the network."""
    from ...oracles.polynomials import Polynomial

    return Polynomial([(((0, 2),), 1), (((1, 2),), -1), (((2, 2),), -1)])


def blind_direction() -> Polynomial:
    """``3 v_2 - 4 v_1``: the input (3, 4) of data set A does not see it."""
    from ...oracles.polynomials import Polynomial

    return Polynomial([(((1, 1),), -4), (((2, 1),), 3)])


def one_sample() -> PolynomialMap:
    """What a loss on the input (3, 4) alone can see of the network."""
    from ...oracles.models import PolynomialMap, parse_model
    from ...oracles.polynomials import Polynomial

    seen = Polynomial([(((0, 1), (1, 1)), 3), (((0, 1), (2, 1)), 4)])
    return PolynomialMap("one-sample", parse_model(NETWORK).blocks, (seen,))


def objective(name: str) -> Objective:
    """The squared loss of one of the data sets."""
    from ...oracles.models import parse_model
    from ...simulations import Loss, Objective

    x, y = DATA[name]
    return Objective(parse_model(NETWORK), Loss.regression([x], [[y]]))


def derivation() -> Iterator[Step]:
    """The definition, and an example of each of its two pitfalls."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import parse_model
    from ...oracles.proofs import exact_rank

    model = parse_model(NETWORK)
    yield Step(
        "A data set Z is a list of samples (x, y); its loss is a mean over them. A law is constant along every "
        "solution of theta' = - grad E_Z, for every Z and every starting point. A law of phi is a function whose "
        "gradient is orthogonal to the gradients of all coordinates of phi.",
        r"E_Z(\theta) = \tfrac1N \sum_i \ell(g(\theta, x_i), y_i), \qquad \nabla h(\theta) \perp W_\phi(\theta)",
    )
    yield Step(
        "Pitfall one: a single data set has many first integrals, D - 1 near a regular point. Take g = u (v . x), "
        "D = 3, and one sample with x = (3, 4). Both u^2 - |v|^2 and 3 v_2 - 4 v_1 are constant, and everything else "
        "that is constant is a function of them.",
        r"g(\theta, x) = u\,(v \cdot x), \qquad x = (3, 4): \quad u^2 - |v|^2,\; 3 v_2 - 4 v_1",
        find_completeness(one_sample(), (balance(), blind_direction())).certificate,
    )
    yield Step(
        "The second of them is not a law of the network: another sample moves it.",
        r"\langle \nabla (3 v_2 - 4 v_1), \nabla_\theta\, g(\theta, x) \rangle = u\,(3 x_2 - 4 x_1)",
        one_data_set_refuted(),
    )
    complete = find_completeness(model)
    yield Step(
        f"Over all data sets exactly {complete.independent_laws} of the two remains.",
        r"u^2 - |v|^2",
        complete.certificate,
    )
    case = ManyCase("linear:2-2-2", 1)
    rows = case.gradients(case.parameters)
    yield Step(
        f"So a test needs many data sets. For linear:2-2-2 the gradients of {case.parameters} = D random data sets at "
        "one point have the rank of all of W, which is 4; with fewer than 4, functions that are no laws would pass.",
        r"\operatorname{rank}\,(\nabla E_{Z_1}, \dots, \nabla E_{Z_D}) = \dim W_\phi(\theta)",
        exact_rank(rows),
    )
    yield Step(
        "Pitfall two: the definition is local. Where all v_j > 0, a ReLU network with scalar inputs and no biases is "
        "the linear network U V^T on positive inputs and gives 0 on the others; there v_1 v_2 - u_1 u_2 is constant "
        "as well.",
        r"v_1, v_2 > 0: \quad \langle \nabla (v_1 v_2 - u_1 u_2), \nabla_\theta\, g(\theta, x) \rangle = 0",
        local_identity(),
    )
    yield Step(
        "Elsewhere it is not: the path lifting of the same network moves it.",
        certificate=global_refuted(),
    )


def local_identity() -> Certificate:
    """The mixed law is a law of the linear network with the same parameters."""
    from ...oracles.models import parse_model
    from ...oracles.proofs import conserved

    return conserved(parse_model("linear:1-2-1"), [mixed_law()])


def mixed_law() -> Polynomial:
    """The difference of the products of the first two and the last two of four parameters."""
    from ...oracles.polynomials import Polynomial

    return Polynomial([(((0, 1), (1, 1)), 1), (((2, 1), (3, 1)), -1)])


def global_refuted() -> Certificate:
    """A point of relu:1-2-1 where the mixed law moves."""
    from ...oracles.models import parse_model
    from ...oracles.proofs import find_refutation

    refutation = find_refutation(parse_model("relu:1-2-1"), mixed_law())
    assert refutation is not None
    return refutation.certificate


def one_data_set_refuted() -> Certificate:
    """A point where ``3 v_2 - 4 v_1`` moves along a coordinate of phi."""
    from ...oracles.models import parse_model
    from ...oracles.proofs import find_refutation

    refutation = find_refutation(parse_model(NETWORK), blind_direction())
    assert refutation is not None
    return refutation.certificate


def one_data_set_claimed() -> Certificate:
    """The claim that ``3 v_2 - 4 v_1`` is a law of the network."""
    from ...oracles.models import parse_model
    from ...oracles.proofs import conserved

    return conserved(parse_model(NETWORK), [blind_direction()])


@dataclass(frozen=True, slots=True)
class ManyCase:
    """A linear network; the point and all data sets come from the seed, with entries up to 10^9."""

    spec: str
    seed: int

    @property
    def parameters(self) -> int:
        return coordinates_of(self.spec)[0]

    def gradients(self, count: int) -> list[list[int]]:
        """The gradients of the squared losses of ``count`` data sets of one sample each."""
        from random import Random

        from ...oracles.models import DeepLinear, parse_model
        from ...simulations import Loss, Objective

        model = parse_model(self.spec)
        assert isinstance(model, DeepLinear)
        random = Random(self.seed)
        point = [random.randint(-99, 99) for _ in range(model.parameters)]
        rows: list[list[int]] = []
        for _ in range(count):
            x = [random.randint(-(10**9), 10**9) for _ in range(model.widths[-1])]
            y = [random.randint(-(10**9), 10**9) for _ in range(model.widths[0])]
            rows.append([int(g) for g in Objective(model, Loss.regression([x], [y])).gradient(point)])
        return rows

    def w_dimension(self) -> int:
        """The rank of the gradients of all coordinates of phi at the same point."""
        from random import Random

        random = Random(self.seed)
        size, fields = coordinates_of(self.spec)
        point = [random.randint(-99, 99) for _ in range(size)]
        return _rank([[int(field[i].evaluate(point)) if i in field else 0 for i in range(size)] for field in fields])


@cache
def coordinates_of(spec: str) -> tuple[int, tuple[dict[int, Polynomial], ...]]:
    """D, and the gradients of the coordinates of a model."""
    from ...oracles.models import parse_model

    model = parse_model(spec)
    return model.parameters, tuple(coordinate.gradient() for coordinate in model.coordinates())


def _rank(rows: Sequence[Sequence[int]]) -> int:
    from flint import fmpz_mat

    return int(fmpz_mat([list(row) for row in rows]).rank())


def many_cases() -> SearchStrategy[ManyCase]:
    """Linear networks with at least two inputs or outputs."""
    from hypothesis import strategies as st

    from ..strategies import linear_models

    models = linear_models(layers=(2, 3), width=(1, 3), parameters=12)
    specs = models.filter(lambda m: m.widths[0] * m.widths[-1] > 1).map(lambda m: m.spec)
    return st.builds(ManyCase, specs, st.integers(0, 999))


def check_many(case: ManyCase) -> Residual:
    """Whether D data sets see all of W."""
    wanted = case.w_dimension()
    return Residual(abs(_rank(case.gradients(case.parameters)) - wanted), nontrivial=wanted > 1)


def check_one(case: ManyCase) -> Residual:
    """The wrong statement: one data set sees all of W."""
    return Residual(abs(_rank(case.gradients(1)) - case.w_dimension()))


@dataclass(frozen=True, slots=True, repr=False)
class DataCase:
    """A linear network with several data sets."""

    spec: str
    point: Vector
    data: tuple[DataSet, ...]

    def __repr__(self) -> str:
        from ..strategies import shown

        sets = "; ".join(
            ", ".join(f"{shown(x)} -> {shown(y)}" for x, y in zip(z.inputs, z.targets, strict=True)) for z in self.data
        )
        return f"{self.spec}, theta = {shown(self.point)}, data sets {sets}"


def data_cases() -> SearchStrategy[DataCase]:
    """Three data sets for one network."""
    from hypothesis import strategies as st

    from ..strategies import data_dimensions, data_sets, initializations, linear_models

    models = linear_models(layers=(2, 3), width=(1, 3), parameters=16)

    @st.composite
    def draw_case(draw: st.DrawFn) -> DataCase:
        model = draw(models)
        sets = draw(st.tuples(*[data_sets(*data_dimensions(model))] * 3))
        return DataCase(model.spec, draw(initializations(model)), sets)

    return draw_case()


def check_every(case: DataCase) -> Residual:
    """The rate of every balance along the gradient of every data set."""
    from ...oracles.models import parse_model
    from ...simulations import Loss, Objective
    from .a1_char_orthogonality import balances, rate

    model = parse_model(case.spec)
    worst, moved = Fraction(0), False
    for data in case.data:
        gradient = [
            Fraction(g) for g in Objective(model, Loss.regression(data.inputs, data.targets)).gradient(case.point)
        ]
        moved = moved or any(gradient)
        for law in balances(case.spec):
            worst = max(worst, abs(rate(law, case.point, gradient)))
    return Residual(worst, nontrivial=moved)


def check_every_float(case: DataCase) -> Residual:
    """The same rate for float64 gradients, evaluated exactly.

    Bound: ``sum_i |d_i h| r_i`` with the rounding r of the gradient from ``FloatField.roundoff_bound``. That the data
    are rounded does not matter: rounded data are data.
    """
    from ...oracles.models import parse_model
    from ...simulations import FloatField, Loss, Objective, float_point
    from .a1_char_orthogonality import balances, worst_rate

    model = parse_model(case.spec)
    data = case.data[0]
    field = FloatField(Objective(model, Loss.regression(data.inputs, data.targets)))
    start = float_point(case.point)
    errors = [Fraction(float(r)) for r in field.roundoff_bound(start)]
    return worst_rate(balances(case.spec), start, field(start), errors)


@dataclass(frozen=True, slots=True, repr=False)
class ScalarCase:
    """``relu:1-n-m`` without biases, on scalar inputs."""

    widths: tuple[int, int]
    point: Vector
    data: DataSet

    def __repr__(self) -> str:
        from ..strategies import shown

        samples = ", ".join(f"{x[0]} -> {shown(y)}" for x, y in zip(self.data.inputs, self.data.targets, strict=True))
        return f"relu:1-{self.widths[0]}-{self.widths[1]}, theta = {shown(self.point)}, data {samples}"


def scalar_cases(positive: bool) -> Callable[[], SearchStrategy[ScalarCase]]:
    """Points whose first weights are positive, or of any sign; at least one input is positive."""

    def make() -> SearchStrategy[ScalarCase]:
        from hypothesis import strategies as st

        from ..strategies import DataSet, data_sets, vectors

        @st.composite
        def draw_case(draw: st.DrawFn) -> ScalarCase:
            hidden, outputs = draw(st.integers(2, 3)), draw(st.integers(1, 2))
            first = draw(vectors(hidden, nonzero=True))
            if positive:
                first = tuple(abs(v) for v in first)
            second = draw(vectors(hidden * outputs, nonzero=True))
            data = draw(data_sets(1, outputs))
            seen = ((abs(data.inputs[0][0]),), *data.inputs[1:])
            return ScalarCase((hidden, outputs), (*first, *second), DataSet(seen, data.targets))

        return draw_case()

    return make


def check_local(case: ScalarCase) -> Residual:
    """The rates of all ``v_i v_j - <u_i, u_j>`` along the gradient of the network on its data."""
    from ...oracles.models import layered
    from ...simulations import DataLoss, ReluNetwork

    hidden, outputs = case.widths
    network = ReluNetwork(layered((1, hidden, outputs)))
    gradient = DataLoss(network, case.data.inputs, case.data.targets).gradient(case.point)

    def rows(values: Sequence[Any]) -> list[list[Fraction]]:
        blocks = [list(values[hidden + i * outputs : hidden + (i + 1) * outputs]) for i in range(hidden)]
        return [[Fraction(values[i]), *map(Fraction, block)] for i, block in enumerate(blocks)]

    at, slope = rows(case.point), rows(gradient)
    worst = Fraction(0)
    for i in range(hidden):
        for j in range(i + 1):
            products = [a * d + b * c for a, b, c, d in zip(at[i], at[j], slope[i], slope[j], strict=True)]
            worst = max(worst, abs(products[0] - sum(products[1:], Fraction(0))))
    return Residual(worst, nontrivial=any(gradient))


def certified(profile: Profile) -> SimulationResult:
    """Rigorous flows of three data sets: what is constant along one of them, and along all."""
    from ...simulations import certified_flow

    digits = (45, 45, 90)[profile.effort]
    start = [Fraction(x) for x in START]
    law, blind = balance(), blind_direction()
    drifts: list[Fraction] = []
    series: list[Series] = []
    moved = True
    for name in DATA:
        flow = certified_flow(objective(name), start, time=2, digits=digits)
        drifts.append(flow.drift(law))
        if name == "A":
            drifts.append(flow.drift(blind))
        else:
            low, high = flow.change(blind)
            moved = moved and not low <= 0 <= high
        times = [Fraction(k, 20) for k in range(41)]
        before = blind.evaluate(start)
        changes = [(float(t), float(blind.evaluate(flow.at(t).midpoint) - before)) for t in times]
        series.append(Series(f"change of 3 v2 - 4 v1, data set {name}", changes))
        if name == "C":
            kept = law.evaluate(start)
            flat = [(float(t), float(law.evaluate(flow.at(t).midpoint) - kept)) for t in times]
            series.append(Series("change of u^2 - |v|^2, data set C", flat, "points"))
    plot = Plot(
        "One point, three data sets",
        "time",
        "change",
        series,
        caption="Constant for data set A is not constant: only the balance survives all three.",
    )
    worst = float(max(drifts)) if moved else float("inf")
    note = f"proved for all times up to 2: the law drifts by less than {worst:.1e}; the other function moves"
    return SimulationResult(Residual(worst, DRIFT, note=note), (plot,), proved=True)


THEOREM = Theorem(
    id="A1.def.conservation-law",
    title="What a conservation law is",
    summary="A function of the parameters that every gradient flow keeps constant, whatever the data and the start.",
    source="A1 Definition 2.4, as cited in A4",
    status="definition",
    hypotheses=(
        "g(theta, x) is the network, l(z, y) a loss that is twice continuously differentiable in z.",
        "E_Z is the mean of the loss over a finite data set Z; h is continuously differentiable on an open set Omega.",
    ),
    statement=r"h \text{ is a law of } g \text{ on } \Omega \iff h(\theta(t)) = h(\theta(0)) \text{ for every } Z"
    r" \text{ and every solution of } \theta' = -\nabla E_Z(\theta) \text{ in } \Omega",
    derivation=derivation,
    properties=(
        Property(
            "every-data-set",
            "Every balance has rate zero along the gradients of three random data sets.",
            "rational",
            data_cases,
            check_every,
            share=0.5,
        ),
        Property(
            "every-data-set-float64",
            "The same with gradients computed in float64.",
            "float64",
            data_cases,
            check_every_float,
            share=0.3,
        ),
        Property(
            "enough-data-sets",
            "The gradients of D random data sets at a random point span all of W.",
            "rational",
            many_cases,
            check_many,
            share=0.3,
        ),
        Property(
            "local",
            "Where all first weights are positive, a bias-free ReLU network on scalars keeps its whole balance matrix.",
            "rational",
            scalar_cases(True),
            check_local,
            share=0.5,
        ),
    ),
    simulations=(
        Simulation("certified", "Rigorous flows of three data sets from one point, enclosed at all times.", certified),
    ),
    mutants=(
        Mutant(
            "one-data-set",
            "One data set is enough to certify a law.",
            violates=Property("one-data-set", "one gradient spans W", "rational", many_cases, check_one),
        ),
        Mutant(
            "global",
            "What is constant on a region is constant everywhere.",
            violates=Property("global", "the balance matrix everywhere", "rational", scalar_cases(False), check_local),
        ),
        Mutant("blind-direction", "What one sample does not see is a law.", rejects=one_data_set_claimed),
        Mutant("blind-direction-moves", "3 v_2 - 4 v_1 is constant for every data set.", refutes=one_data_set_refuted),
    ),
)
