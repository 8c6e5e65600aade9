"""A0.integrators: what gradient descent, Runge-Kutta and Gauss methods do to a quadratic law."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._profiles import Profile
from .._theorem import (
    Mutant,
    Plot,
    Property,
    Residual,
    Series,
    Simulation,
    SimulationResult,
    Skipped,
    Step,
    Table,
    Theorem,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.models import Model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import Matrix, Node
    from ...simulations import Loss, Objective
    from ...simulations.integrators import Method

NETWORK = "linear:3-2-2"
START = ("1/2", "-1/4", "3/4", "1/3", "-1/2", "2/3", "1", "-1/3", "1/4", "3/4")
TARGET = ("1", "-1/2", "1/2", "1", "-1", "3/2")
TIME = 1.0
STEPS = 4


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """A model, a loss of its coordinates, a point and a step size."""

    spec: str
    loss: Loss
    point: tuple[Fraction, ...]
    eta: Fraction

    def __repr__(self) -> str:
        from ..strategies import shown

        curved = [f"{a} z{i}^2/2" for i, j, a in self.loss.curvature if i == j]
        loss = " + ".join(["<slope, z>", *curved])
        slope = shown(self.loss.slope)
        return f"{self.spec}, theta = {shown(self.point)}, loss {loss} with slope {slope}, eta = {self.eta}"

    def objective(self) -> Objective:
        from ...oracles.models import parse_model
        from ...simulations import Objective

        return Objective(parse_model(self.spec), self.loss)


def balances(model: Model) -> tuple[Polynomial, ...]:
    """The quadratic laws that are known for a model."""
    from ...oracles.models import known_laws

    return tuple(law for family in known_laws(model) for law in family.polynomials())


def derivation() -> Iterator[Step]:
    """Exact identities for one step of each kind of method."""
    yield Step(
        "Explicit Euler on phi = U V^T: with any matrix G of derivatives, the step is U - eta G V, V - eta G^T U, and "
        "Delta changes by eta^2 times its own value at the gradient. Here for 2 x 2 matrices with free entries.",
        r"\Delta(\theta - \eta g) = \Delta(\theta) + \eta^2 \Delta(g)",
        euler_identity(),
    )
    yield Step(
        "The drift of K steps is the sum of these terms. At a fixed number of steps it is O(eta^2); a fixed time T "
        "takes T/eta steps, which leaves O(eta).",
        r"h(\theta_K) - h(\theta_0) = \eta^2 \sum_{k<K} \tfrac12\, g_k^\top (\nabla^2 h)\, g_k",
    )
    yield Step(
        "Implicit midpoint: both ends of a step are the midpoint plus and minus half the step, and a quadratic form "
        "differs between them by its derivative at the midpoint along the step, which is zero.",
        r"\Delta(\mu + \tfrac{\eta}{2} g(\mu)) = \Delta(\mu - \tfrac{\eta}{2} g(\mu))",
        midpoint_identity(),
    )
    yield Step(
        "Any Runge-Kutta method with two stages: beyond the terms that vanish because each slope is orthogonal to the "
        "law at its stage, a quadratic form changes by a combination of the numbers b_i b_j - b_i a_ij - b_j a_ji.",
        r"Q(\theta') - Q(\theta) = 2\eta \sum_i b_i Y_i^\top M K_i + \eta^2 \sum_{ij} "
        r"(b_i b_j - b_i a_{ij} - b_j a_{ji})\, K_i^\top M K_j",
        stages_identity(),
    )
    yield Step(
        "For the Gauss method with two stages these numbers are zero, whatever s = sqrt(3)/6 is: quadratic laws are "
        "kept exactly.",
        r"b_i a_{ij} + b_j a_{ji} = b_i b_j",
        gauss_condition(GAUSS_A, GAUSS_B),
    )
    yield Step(
        "What explicit methods do can be seen on phi = u v with the loss phi: u + v and u - v are multiplied by "
        "R(-eta) and R(eta), so each step multiplies u^2 - v^2 by R(eta) R(-eta).",
        r"R(z) R(-z) = 1 - z^2 \ \text{(Euler)}, \qquad 1 + \tfrac{z^6}{72} + \tfrac{z^8}{576} \ \text{(RK4)}",
        stability_identity(),
    )
    yield Step(
        "A method of order q leaves the flow by O(eta^q) in a fixed time, and a law with it: order 4 for RK4. For the "
        "linear field of the last step the drift is even O(eta^5).",
        r"h(\theta_{T/\eta}) - h(\theta_0) = O(\eta^q)",
    )


def euler_identity() -> Certificate:
    """Delta after a gradient step, for free matrices."""
    from ...oracles.proofs import identity, multiply

    U, V, G, eta = _matrices()
    step_u, step_v = (G @ V).scaled(eta), (G.T @ U).scaled(eta)
    after = _delta(U - step_u, V - step_v)
    square = multiply(eta, eta)
    return identity(13, after.equals(_delta(U, V) + _delta(G @ V, G.T @ U).scaled(square)))


def midpoint_identity() -> Certificate:
    """Delta at both ends of a midpoint step, for free matrices."""
    from ...oracles.proofs import identity, multiply

    U, V, G, eta = _matrices()
    half = multiply(Fraction(1, 2), eta)
    step_u, step_v = (G @ V).scaled(half), (G.T @ U).scaled(half)
    return identity(13, _delta(U + step_u, V + step_v).equals(_delta(U - step_u, V - step_v)))


def _matrices() -> tuple[Matrix, Matrix, Matrix, Node]:
    from ...oracles.proofs import Matrix, symbol

    return Matrix.symbols(2, 2, 0), Matrix.symbols(2, 2, 4), Matrix.symbols(2, 2, 8), symbol(12)


def _delta(U: Matrix, V: Matrix) -> Matrix:
    return U.T @ U - V.T @ V


def stages_identity() -> Certificate:
    """Variables: theta, K1, K2 in the plane (6), M (3), a (4), b (2), eta."""
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    theta, slopes = [symbol(0), symbol(1)], [[symbol(2), symbol(3)], [symbol(4), symbol(5)]]
    a = [[symbol(9), symbol(10)], [symbol(11), symbol(12)]]
    b, eta = [symbol(13), symbol(14)], symbol(15)

    def form(x: Sequence[Node], y: Sequence[Node]) -> Node:
        mixed = add(multiply(x[0], y[1]), multiply(x[1], y[0]))
        return add(multiply(symbol(6), x[0], y[0]), multiply(symbol(7), mixed), multiply(symbol(8), x[1], y[1]))

    def moved(weights: Sequence[Node]) -> list[Node]:
        return [add(theta[k], *(multiply(eta, w, K[k]) for w, K in zip(weights, slopes, strict=True))) for k in (0, 1)]

    end, stages = moved(b), [moved(row) for row in a]
    first = add(*(multiply(2, eta, b[i], form(stages[i], slopes[i])) for i in (0, 1)))
    second = add(
        *(multiply(eta, eta, _symplectic(a, b, i, j), form(slopes[i], slopes[j])) for i in (0, 1) for j in (0, 1))
    )
    return identity(16, [(subtract(form(end, end), form(theta, theta)), add(first, second))])


def _symplectic(a: Sequence[Sequence[Node | Fraction]], b: Sequence[Node | Fraction], i: int, j: int) -> Node:
    from ...oracles.proofs import add, multiply

    return add(multiply(b[i], b[j]), multiply(-1, b[i], a[i][j]), multiply(-1, b[j], a[j][i]))


GAUSS_A: tuple[tuple[Any, ...], ...] = (
    ("1/4", {"+": ["1/4", {"*": [-1, {"x": 0}]}]}),
    ({"+": ["1/4", {"x": 0}]}, "1/4"),
)
GAUSS_B = ("1/2", "1/2")
EXPLICIT_MIDPOINT_A: tuple[tuple[Any, ...], ...] = ((0, 0), ("1/2", 0))
EXPLICIT_MIDPOINT_B = (0, 1)


def gauss_condition(a: Sequence[Sequence[Any]], b: Sequence[Any]) -> Certificate:
    """The claim that a method with two stages keeps quadratic laws; the variable is s."""
    from ...oracles.proofs import identity

    return identity(1, [(_symplectic(a, b, i, j), 0) for i in (0, 1) for j in (0, 1)])


def stability_identity() -> Certificate:
    """``R(z) R(-z)`` of Euler and of RK4."""
    from ...oracles.proofs import add, identity, multiply, power, symbol

    def stability(degree: int, sign: int) -> Node:
        terms: list[Node] = [1]
        factor = Fraction(1)
        for k in range(1, degree + 1):
            factor *= Fraction(sign, k)
            terms.append(multiply(factor, power(symbol(0), k)))
        return add(*terms)

    euler = multiply(stability(1, 1), stability(1, -1))
    runge_kutta = multiply(stability(4, 1), stability(4, -1))
    z = symbol(0)
    kept = add(1, multiply(Fraction(1, 72), power(z, 6)), multiply(Fraction(1, 576), power(z, 8)))
    return identity(1, [(euler, add(1, multiply(-1, power(z, 2)))), (runge_kutta, kept)])


def cases(scale: int = 1) -> SearchStrategy[Case]:
    """Points of every kind on small networks; the entries of the points are divided by ``scale``."""
    from hypothesis import strategies as st

    from ..strategies import dags, initializations, linear_models, losses, relu_models

    models: st.SearchStrategy[Any] = st.one_of(
        linear_models(layers=(2, 3), width=(1, 3), parameters=16),
        relu_models(layers=(2, 3), width=(1, 2), parameters=8),
        dags(hidden=(1, 2)),
    )

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        model = draw(models)
        point = draw(initializations(model))
        eta = Fraction(1, 2 ** draw(st.integers(0, 10)))
        return Case(model.spec, draw(losses(model)), tuple(x / scale for x in point), eta)

    return draw_case()


def float_cases() -> SearchStrategy[Case]:
    """The same with entries below one and a step of 2^-8, so that five steps stay near the start."""
    from dataclasses import replace

    return cases(16).map(lambda case: replace(case, eta=Fraction(1, 256)))


def check_euler(case: Case) -> Residual:
    """``h(theta - eta g) - h(theta) - eta^2 h(g)``, exactly."""
    from ...simulations import exact_steps, step_residuals

    objective = case.objective()
    path = exact_steps(case.point, [objective], eta=case.eta)
    laws = balances(objective.model)
    off = max((abs(r) for law in laws for r in step_residuals(law, path, eta=case.eta)), default=Fraction(0))
    return Residual(off, nontrivial=any(law.evaluate(path.gradients[0]) for law in laws))


def check_midpoint(case: Case) -> Residual:
    """The case's point is the midpoint of an exact implicit midpoint step."""
    objective = case.objective()
    gradient = objective.gradient(case.point)
    ahead, behind = _ends(case, gradient)
    laws = balances(objective.model)
    off = _largest_change(laws, ahead, behind)
    return Residual(off, nontrivial=any(gradient))


def _largest_change(
    laws: Sequence[Polynomial], first: Sequence[int | Fraction], last: Sequence[int | Fraction]
) -> Fraction:
    changes = [Fraction(law.evaluate(last)) - law.evaluate(first) for law in laws]
    return max((abs(change) for change in changes), default=Fraction(0))


def _ends(case: Case, gradient: Sequence[int | Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    moves = [case.eta / 2 * g for g in gradient]
    pairs = list(zip(case.point, moves, strict=True))
    return [x - m for x, m in pairs], [x + m for x, m in pairs]


def float_check(method: str, precision: str) -> Callable[[Case], Residual]:
    """Five steps in floats against the exact statement at the float points.

    Bound: ``simulations.integrators.rounding_drift``, unit roundoffs times sums of absolute terms, derived there.
    """

    def check(case: Case) -> Residual:
        import numpy as np

        from ...simulations import EULER, MIDPOINT, FloatField, float_point, integrate, rounding_drift

        objective = case.objective()
        laws, field = balances(objective.model), FloatField(objective)
        length = float(case.eta)
        chosen: Method = EULER if method == "euler" else MIDPOINT
        start = float_point(case.point, np.dtype(precision))
        path = integrate(field, start, method=chosen, length=length, steps=5)
        gradients = [field(point) for point in path.points[:-1]] if method == "euler" else []
        before, after = _exact(path.points[0]), _exact(path.end)
        total = 0.0
        for law in laws:
            off = Fraction(law.evaluate(after) - law.evaluate(before))
            off -= sum((case.eta**2 * law.evaluate(_exact(g)) for g in gradients), Fraction(0))
            total += float(off) ** 2
        return Residual(
            total**0.5,
            rounding_drift(field, laws, path, length=length),
            nontrivial=bool(np.any(field(start))),
        )

    return check


def _exact(point: Any) -> list[Fraction]:
    return [Fraction(float(x)) for x in point]


def conserving_check(case: Case) -> Residual:
    """The wrong statement: gradient descent keeps quadratic laws."""
    from ...simulations import exact_steps

    objective = case.objective()
    end = exact_steps(case.point, [objective], eta=case.eta).end
    laws = balances(objective.model)
    return Residual(_largest_change(laws, case.point, end))


def runge_kutta_check(case: Case) -> Residual:
    """The wrong statement: RK4 keeps quadratic laws; one step over Q."""
    objective = case.objective()

    def slope(point: Sequence[Fraction]) -> list[Fraction]:
        return [-Fraction(g) for g in objective.gradient(point)]

    def moved(direction: Sequence[Fraction], length: Fraction) -> list[Fraction]:
        return [x + length * d for x, d in zip(case.point, direction, strict=True)]

    first = slope(case.point)
    second = slope(moved(first, case.eta / 2))
    third = slope(moved(second, case.eta / 2))
    fourth = slope(moved(third, case.eta))
    mean = [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(first, second, third, fourth, strict=True)]
    end = moved(mean, case.eta)
    laws = balances(objective.model)
    return Residual(_largest_change(laws, case.point, end))


def norm_check(case: Case) -> Residual:
    """The wrong statement: the implicit midpoint rule keeps the squared norm of all parameters."""
    gradient = case.objective().gradient(case.point)
    ahead, behind = _ends(case, gradient)
    grown = [x * x - y * y for x, y in zip(ahead, behind, strict=True)]
    return Residual(abs(sum(grown, Fraction(0))))


def first_layer_norm() -> Polynomial:
    """``|U1|_F^2`` of the network of the simulation: no law."""
    from ...oracles.models import parse_model
    from ...oracles.polynomials import Polynomial

    return Polynomial([(((k, 2),), 1) for k in range(parse_model(NETWORK).blocks[0].size)])


def no_law() -> Certificate:
    """A point at which ``|U1|^2`` changes."""
    from ...oracles.models import parse_model
    from ...oracles.proofs import find_refutation

    refutation = find_refutation(parse_model(NETWORK), first_layer_norm())
    assert refutation is not None
    return refutation.certificate


@dataclass(frozen=True, slots=True)
class Expectation:
    """A measured number and the interval in which the theory wants it."""

    what: str
    measured: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        return self.low <= self.measured <= self.high


def ladders(profile: Profile) -> SimulationResult:
    """The table of the theory: every method, every step size, a law and a function that is none."""
    from ...oracles.models import parse_model
    from ...simulations import (
        ADAPTIVE,
        EULER,
        GAUSS2,
        MIDPOINT,
        RK4,
        FloatField,
        Loss,
        Objective,
        drift_ladder,
        float_point,
    )

    model = parse_model(NETWORK)
    field = FloatField(Objective(model, Loss.squared([Fraction(y) for y in TARGET])))
    start = float_point([Fraction(x) for x in START])
    laws, other = balances(model), [first_layer_norm()]
    lengths = tuple(2.0**-k for k in range(3, 7 + profile.effort))
    wanted: list[Expectation] = []
    rows: list[list[str | int | float]] = []
    curves: list[Series] = []
    levels: list[tuple[float, float]] = []
    flat: list[tuple[float, float]] = []
    for method in (EULER, RK4, MIDPOINT, GAUSS2, ADAPTIVE):
        ladder = drift_ladder(field, laws, start=start, method=method, lengths=lengths, time=TIME)
        shown_at = lengths if method is EULER else lengths[-1:]
        control = drift_ladder(field, other, start=start, method=method, lengths=shown_at, time=TIME)
        curves.append(Series(method.name, _points(lengths, ladder.drifts)))
        wanted.append(Expectation(f"{method.name}: change of |U1|^2", control.drifts[-1], 0.1, 10))
        if method is EULER:
            wanted += [Expectation("Euler, fixed time: ratio", r, 1.8, 2.2) for r in ladder.ratios]
            few = drift_ladder(field, laws, start=start, method=method, lengths=lengths, steps=STEPS)
            wanted.append(Expectation(f"Euler, {STEPS} steps: ratio", few.ratios[-1], 3.6, 4.4))
            shown = f"ratios {_list(ladder.ratios)}; {STEPS} steps: {_list(few.ratios)}"
        elif method is RK4:
            wanted += [Expectation("RK4: slope", s, 3.7, 4.5) for s in ladder.slopes]
            shown = f"slopes {_list(ladder.slopes)}"
        elif method is ADAPTIVE:
            wanted.append(Expectation("adaptive: drift", max(ladder.drifts), 0, 1e-8))
            shown = "relative tolerance 1e-11"
        else:
            levels = [
                (length, max(bound, b))
                for (length, bound), b in zip(
                    levels or [(length, 0.0) for length in lengths], ladder.bounds, strict=True
                )
            ]
            wanted += [
                Expectation(f"{method.name}: drift", drift, 0, bound)
                for drift, bound in zip(ladder.drifts, ladder.bounds, strict=True)
            ]
            shown = "rounding only"
        rows.append([method.name, ladder.drifts[0], ladder.drifts[-1], control.drifts[-1], shown])
        flat = flat or _points(lengths, control.drifts)
    reference = Series("|U1|^2, not a law (Euler)", flat, "points")
    curves += [reference, Series("rounding level", levels, "bound")]
    missed = [e for e in wanted if not e.met]
    note = "; ".join(f"{e.what} {e.measured:.3g}" for e in missed) or f"all {len(wanted)} expectations met"
    plots = (
        Plot(
            f"Drift of the balance of {NETWORK} after time {TIME:g}",
            "step size",
            "drift of U1^T U1 - U2 U2^T",
            curves,
            x_scale="log",
            y_scale="log",
            caption="The drift of Euler is proportional to the step, that of RK4 to its fourth power; Gauss methods "
            "stay at rounding level. What is not a law changes by the same amount whatever the method.",
        ),
        _against_time(field, laws, start),
    )
    columns = ("method", f"drift, step {lengths[0]:g}", f"drift, step {lengths[-1]:g}", "change of |U1|^2", "measured")
    return SimulationResult(Residual(len(missed), note=note), plots, Table("Drift of the law", columns, rows))


def _points(lengths: Sequence[float], drifts: Sequence[float]) -> list[tuple[float, float]]:
    """Drifts for a logarithmic axis: 0 is shown as half a unit of 2^-53."""
    return [(length, max(drift, 2.0**-54)) for length, drift in zip(lengths, drifts, strict=True)]


def _list(numbers: Sequence[float]) -> str:
    return ", ".join(f"{x:.2f}" for x in numbers)


def _against_time(field: Any, laws: Sequence[Polynomial], start: Any) -> Plot:
    from ...simulations import EULER, MIDPOINT, RK4, integrate
    from ...simulations.integrators import drift

    series: list[Series] = []
    for method in (EULER, RK4, MIDPOINT):
        path = integrate(field, start, method=method, length=2.0**-4, steps=48)
        drifts = [drift(laws, path.points[0], point) for point in path.points[1:]]
        series.append(Series(method.name, _points([float(t) for t in path.times[1:]], drifts)))
    caption = "One step size, 1/16. The drift of explicit methods is made early, while gradients are large."
    return Plot("The same drift against time", "time", "drift", series, y_scale="log", caption=caption)


def many_networks(profile: Profile) -> SimulationResult:
    """Gradient descent on many random networks at once: the drift is proportional to the step size in each of them."""
    import numpy as np

    from ...oracles.models import DeepLinear
    from ...simulations import CompiledPolynomials, DeviceMissing, LinearBatch, batched_steps

    model = DeepLinear((3, 2, 2))
    cases = (64, 256, 4096)[profile.effort]
    random = np.random.default_rng(0)
    starts = random.normal(size=(cases, model.parameters)) / 2
    inputs, targets = random.normal(size=(cases, 2, 4)) / 2, random.normal(size=(cases, 3, 4))
    engine = LinearBatch(model, inputs, targets).engine()
    laws = CompiledPolynomials(balances(model), model.parameters)
    drifts: list[Any] = []
    lengths = [2.0**-k for k in range(5, 9)]
    device: Any = profile.device
    for length in lengths:
        try:
            path = batched_steps(engine, starts, eta=length, steps=round(1 / length), device=device)
        except DeviceMissing as missing:
            raise Skipped(str(missing)) from None
        change = laws.values(path.points[-1]) - laws.values(path.points[0])
        drifts.append(np.linalg.norm(change, axis=1))
    table = np.array(drifts)
    series = [
        Series(f"{name} of {cases} networks", _points(lengths, [float(x) for x in np.quantile(table, q, axis=1)]))
        for name, q in (("median", 0.5), ("first decile", 0.1), ("last decile", 0.9))
    ]
    ratio = float(np.median(table[-2] / table[-1]))
    plot = Plot(
        "Gradient descent on many networks at once",
        "step size",
        "drift of the balance",
        series,
        x_scale="log",
        y_scale="log",
        caption=f"Training to time 1 in float64. Halving the smallest step divides the drift by {ratio:.3f} (median).",
    )
    return SimulationResult(Residual(abs(ratio - 2), 0.2, note=f"median ratio {ratio:.4f}"), (plot,))


def _violating(name: str, says: str, check: Callable[[Case], Residual]) -> Mutant:
    return Mutant(name, says, violates=Property(name, says, "rational", cases, check))


THEOREM = Theorem(
    id="A0.integrators",
    title="What integrators do to quadratic laws",
    summary="Gradient descent breaks a quadratic law by an exactly known amount; Gauss methods keep it.",
    source="derived; Hairer, Lubich, Wanner, Geometric Numerical Integration, IV.2",
    status="derived",
    hypotheses=(
        "h is a quadratic form in the parameters and a law of phi, such as every balance.",
        "E is any differentiable function of phi; for orders, smooth near a bounded trajectory.",
    ),
    statement=r"h(\theta - \eta g) = h(\theta) + \eta^2 h(g), \qquad "
    r"h(\theta_1) = h(\theta_0) \ \text{for every Gauss method}",
    assumes=("A1.char.orthogonality",),
    derivation=derivation,
    properties=(
        Property(
            "euler-step",
            "One exact gradient step changes every balance by eta^2 times its value at the gradient.",
            "rational",
            cases,
            check_euler,
            share=0.4,
        ),
        Property(
            "midpoint-step",
            "One exact implicit midpoint step keeps every balance.",
            "rational",
            cases,
            check_midpoint,
            share=0.4,
        ),
        Property(
            "euler-float64",
            "Five gradient steps in float64 drift by eta^2 sum h(g), up to rounding.",
            "float64",
            float_cases,
            float_check("euler", "float64"),
            share=0.3,
        ),
        Property(
            "euler-float32",
            "The same in float32.",
            "float32",
            float_cases,
            float_check("euler", "float32"),
            share=0.3,
        ),
        Property(
            "midpoint-float64",
            "Five implicit midpoint steps in float64 keep every balance up to rounding.",
            "float64",
            float_cases,
            float_check("midpoint", "float64"),
            share=0.2,
        ),
    ),
    simulations=(
        Simulation("orders", "Drift against step size for five methods, with the orders that theory states.", ladders),
        Simulation("batch", "Gradient descent on many random networks: drift proportional to the step.", many_networks),
    ),
    mutants=(
        _violating("descent-conserves", "Gradient descent keeps every balance.", conserving_check),
        _violating("rk4-conserves", "RK4 keeps every balance.", runge_kutta_check),
        _violating("midpoint-keeps-norm", "The implicit midpoint rule keeps |theta|^2.", norm_check),
        Mutant(
            "explicit-midpoint",
            "The explicit midpoint rule satisfies the condition of Gauss methods.",
            rejects=lambda: gauss_condition(EXPLICIT_MIDPOINT_A, EXPLICIT_MIDPOINT_B),
        ),
        Mutant("norm-is-a-law", "|U1|^2 is a law of a linear network.", refutes=no_law),
    ),
)
