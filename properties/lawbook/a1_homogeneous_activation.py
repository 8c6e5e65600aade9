"""A1.homogeneous-activation: which activations have laws, and which laws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a1_deep_linear_known_laws import exact_changes, worst_of

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness
    from ...oracles.models import PolynomialMap

SQUARE = (
    (1, 2, 1),
    (1, 2, 2),
    (1, 2, 3),
    (2, 1, 2),
    (2, 2, 1),
    (2, 2, 2),
    (2, 2, 3),
    (1, 3, 2),
    (3, 1, 2),
    (3, 1, 3),
    (1, 1, 1),
    (1, 1, 2),
    (1, 1, 3),
)
"""(n, m, r) whose laws the theory counts for the activation t^2: r, or 2 r - 1 for n = m = 1."""

Precision = Literal["float32", "float64"]
Rows = tuple[tuple[Fraction, ...], ...]

NO_LAW = ("tanh", "sigmoid", "softplus", "SiLU", "GELU", "sin", "exp", "softsign", "ELU")
"""Activations that are not homogeneous of any degree."""

POWERS = {"ReLU": 1, "t²": 2, "max(0, t)³": 3}
"""Activations that are powers for positive arguments."""


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """U (n x r), V (m x r), inputs and derivatives of the loss, and sigma(t) = a t^p for t > 0, b |t|^p for t < 0.

    ``twice_p`` is 2 p, so that half-integer degrees can be drawn.
    """

    U: Rows
    V: Rows
    inputs: Rows
    slopes: Rows
    twice_p: int
    a: Fraction
    b: Fraction

    def __repr__(self) -> str:
        from ..strategies import shown

        matrices = ", ".join(
            f"{name} = [{'; '.join(shown(row) for row in rows)}]"
            for name, rows in (("U", self.U), ("V", self.V), ("x", self.inputs), ("slopes", self.slopes))
        )
        return f"p = {Fraction(self.twice_p, 2)}, a = {self.a}, b = {self.b}, {matrices}"


@dataclass(frozen=True, slots=True)
class Pair:
    """An activation and its arguments at two inputs."""

    activation: str
    s: Fraction
    t: Fraction


@dataclass(frozen=True, slots=True)
class Shape:
    """A network U sigma(V^T x) with sigma(t) = t^p: n outputs, m inputs, r hidden neurons."""

    n: int
    m: int
    r: int
    p: int


def stated(n: int, m: int, r: int) -> int:
    """The number of laws for t^p, p >= 2."""
    return 2 * r - 1 if n == m == 1 else r


def certified(n: int, m: int, r: int, p: int) -> Completeness:
    """The kernel's count of all laws for t^p."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import parse_model

    return find_completeness(parse_model(f"homogeneous:{n}-{r}-{m}+degree{p}"), levels=False)


def two_terms(p: int, q: int) -> PolynomialMap:
    """u sigma(v x) with sigma(t) = t^p + t^q: its coefficients u v^p and u v^q."""
    from ...oracles.models import Block, PolynomialMap
    from ...oracles.polynomials import Polynomial

    u, v = Polynomial.variable(0), Polynomial.variable(1)
    return PolynomialMap(f"u ((v x)^{p} + (v x)^{q})", (Block("u", (1,)), Block("v", (1,))), (u * v**p, u * v**q))


def derivation() -> Iterator[Step]:
    """The law condition is an ODE for sigma; its solutions are powers; powers have the law; then exact counts."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import known_laws, parse_model
    from ...oracles.proofs import conserved, exact_rank

    yield Step(
        "h(u, v) is a law of g = u sigma(v x) iff its gradient is orthogonal to that of g at every input. Write s = v "
        "x; as x varies, s takes every value.",
        r"h_u\, \sigma(s) + h_v\, \tfrac{u}{v}\, s\, \sigma'(s) = 0 \quad \text{for all } s \ne 0",
    )
    yield Step(
        "Take a point where grad h is not zero and u, v are not. If h_v were 0, sigma would vanish everywhere. So "
        "sigma solves a linear equation on each half line, with the same p on both: it is a power there, or zero. "
        "Other activations have no law.",
        r"s\, \sigma'(s) = p\, \sigma(s), \quad p = -\frac{h_u\, v}{h_v\, u} \quad\Rightarrow\quad "
        r"\sigma(s) = \alpha s^p \ (s > 0), \quad \beta |s|^p \ (s < 0)",
    )
    yield Step(
        "sigma being given, p is the same at all points, so grad h is a multiple of (p u, -v): every law is a "
        "function of p u^2 - v^2. For p = 0, a step, this is v alone.",
        r"\nabla h \parallel (p\, u,\, -v) \parallel \nabla (p\, u^2 - v^2)",
    )
    yield Step(
        "Several neurons, vectors u_j and v_j: by Euler's identity the gradient of any loss satisfies the balance "
        "below, and |v_j|^2 - p |u_j|^2 is conserved. Here for U (V^T x)^3 with two outputs, three neurons, two "
        "inputs, against every coefficient of the outputs.",
        r"\langle \nabla_{v_j} E, v_j \rangle = p\, \langle \nabla_{u_j} E, u_j \rangle",
        certificate=conserved(
            cubic := parse_model("homogeneous:2-3-2+degree3"), list(known_laws(cubic)[0].polynomials())
        ),
    )
    for p, q in ((1, 2), (1, 3), (0, 1)):
        yield Step(
            f"An activation that is no power: t^{p} + t^{q}. u v^{p} and u v^{q} have independent gradients, so "
            f"nothing is "
            "conserved.",
            certificate=find_completeness(two_terms(p, q), levels=False).certificate,
        )
    yield Step(
        "softsign, s / (1 + |s|), has the ratio s sigma'/sigma = 1/(1 + |s|): 1/2 at s = 1 and 1/3 at s = 2. The "
        "gradients of g at u = v = 1 and these two inputs span the plane.",
        r"\det \begin{pmatrix} \sigma(s) & s\sigma'(s) \\ \sigma(t) & t\sigma'(t) \end{pmatrix} \ne 0",
        certificate=exact_rank([[Fraction(1, 2), Fraction(1, 4)], [Fraction(2, 3), Fraction(2, 9)]]),
    )
    for n, m, r in SQUARE:
        found = certified(n, m, r, 2)
        why = "; the map is a single function" if n == m == 1 and r > 1 else ""
        laws = f"{found.independent_laws} law{'s' if found.independent_laws > 1 else ''}"
        yield Step(
            f"t^2 with (n, m, r) = ({n}, {m}, {r}): exactly {laws}{why}.",
            certificate=found.certificate,
        )


def cases(*, half: bool = False) -> SearchStrategy[Case]:
    """Small networks and data; ``half`` also draws half-integer degrees, which need square roots."""
    from hypothesis import strategies as st

    from ..strategies import matrices, rationals

    degree = st.integers(1, 7) if half else st.integers(1, 4).map(lambda p: 2 * p)

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        n, m, r = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
        samples = draw(st.integers(1, 3))
        return Case(
            draw(matrices(n, r, nonzero=True)),
            draw(matrices(m, r, nonzero=True)),
            draw(matrices(samples, m, nonzero=True)),
            draw(matrices(samples, n, nonzero=True)),
            draw(degree),
            draw(rationals(3, nonzero=True)),
            draw(rationals(3)),
        )

    return draw_case()


def pairs() -> SearchStrategy[Pair]:
    """An activation and two different arguments: of one sign, or, for ELU, of both."""
    from hypothesis import strategies as st

    @st.composite
    def draw_pair(draw: st.DrawFn) -> Pair:
        activation = draw(st.sampled_from(NO_LAW))
        s = Fraction(draw(st.integers(1, 30)), draw(st.integers(4, 9)))
        t = s + Fraction(draw(st.integers(1, 30)), draw(st.integers(4, 9)))
        return Pair(activation, -s if activation == "ELU" else s, t)

    return draw_pair()


def shapes() -> SearchStrategy[Shape]:
    """Networks with at most 24 weights and degrees 2 to 4."""
    from hypothesis import strategies as st

    shape = st.builds(Shape, st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(2, 4))
    return shape.filter(lambda drawn: (drawn.n + drawn.m) * drawn.r <= 24)


def power(z: Any, twice: int) -> Any:
    """``|z|^(twice / 2)`` by products, and one square root where ``twice`` is odd."""
    import numpy as np

    size = abs(z)
    if twice < 0:
        return 1 / np.sqrt(size)
    result: Any = np.sqrt(size) if twice % 2 else z * 0 + 1
    for _ in range(twice // 2):
        result = result * size
    return result


def balances(case: Case, kind: Any, more: int = 0) -> tuple[Any, Any]:
    """``<grad_v_j, v_j> - (p + more) <grad_u_j, u_j>`` for each neuron, and the sums of absolute terms.

    Both are arrays of ``kind``: exact for objects, where p has to be whole.
    """
    import numpy as np

    U, V, x, slopes = (np.array(rows, dtype=object).astype(kind) for rows in (case.U, case.V, case.inputs, case.slopes))
    z = x @ V
    positive = (z > 0).astype(bool)
    factor, sign = np.full(z.shape, case.b, dtype=object), np.full(z.shape, -1, dtype=object)
    factor[positive], sign[positive] = case.a, 1
    factor, sign = factor.astype(kind), sign.astype(kind)
    p = np.array(case.twice_p // 2 if kind is object else case.twice_p / 2, dtype=kind)
    value, slope = factor * power(z, case.twice_p), factor * p * sign * power(z, case.twice_p - 2)
    grad_u, grad_v = slopes.T @ value, x.T @ ((slopes @ U) * slope)
    found = (grad_v * V).sum(axis=0) - (p + more) * (grad_u * U).sum(axis=0)
    terms = ((abs(slopes) @ abs(U)) * abs(slope) * (abs(x) @ abs(V))).sum(axis=0)
    return found, terms + p * (abs(U) * (abs(slopes).T @ abs(value))).sum(axis=0)


def check_exact(case: Case) -> Residual:
    """Euler's balance of every neuron, in fractions, for whole degrees and different factors on both sides."""
    found, terms = balances(case, object)
    return Residual(max(abs(value) for value in found), nontrivial=any(terms), note=f"p = {case.twice_p // 2}")


def check_next(case: Case) -> Residual:
    """The wrong statement: p + 1 in place of p."""
    found, _ = balances(case, object, more=1)
    return Residual(max(abs(value) for value in found))


def in_floats(precision: Precision) -> Callable[[Case], Residual]:
    """The same in floats, half-integer degrees included.

    Bound: sigma and sigma' are evaluated at the same computed argument, each by at most 2 p + 6 roundings; the argument
    itself is off by gamma(m) times its absolute terms, which sigma' multiplies. With the sums over inputs, outputs and
    samples the error is at most gamma(n) times the sum of absolute terms, n = 2 p + 3 m + 2 outputs + 2 samples + 12,
    and that sum itself is computed up to a factor 1/(1 - gamma(n)).
    """

    def check(case: Case) -> Residual:
        import numpy as np

        from ...simulations.fields import gamma

        x, V = (np.array(rows, dtype=object).astype(precision) for rows in (case.inputs, case.V))
        if not (x @ V).all():
            return Residual(0.0, 0.0, nontrivial=False)  # at the kink, where half-integer degrees have no derivative
        found, terms = balances(case, precision)
        count = case.twice_p + 3 * len(case.V) + 2 * len(case.U) + 2 * len(case.inputs) + 12
        unit = gamma(count, np.dtype(precision)) / (1 - gamma(count, np.dtype(precision)))
        bounds = unit * terms.astype(np.float64)
        return worst_of(abs(found).astype(np.float64).tolist(), bounds.tolist())

    return check


def enclosed(activation: str, s: Fraction) -> tuple[Any, Any]:
    """Balls that contain sigma(s) and s sigma'(s)."""
    from flint import arb, fmpq

    z = arb(fmpq(s.numerator, s.denominator))
    logistic = 1 / (1 + (-z).exp())
    if activation == "tanh":
        return z.tanh(), z * (1 - z.tanh() ** 2)
    if activation == "sigmoid":
        return logistic, z * logistic * (1 - logistic)
    if activation == "softplus":
        return z.exp().log1p(), z * logistic
    if activation == "SiLU":
        return z * logistic, z * (logistic + z * logistic * (1 - logistic))
    if activation == "GELU":
        normal = (1 + (z / arb(2).sqrt()).erf()) / 2
        density = (-z * z / 2).exp() / (2 * arb.pi()).sqrt()
        return z * normal, z * (normal + z * density)
    if activation == "sin":
        return z.sin(), z * z.cos()
    if activation == "exp":
        return z.exp(), z * z.exp()
    if activation == "softsign":
        return z / (1 + abs(z)), z / (1 + abs(z)) ** 2
    if activation in POWERS:
        return z ** POWERS[activation], POWERS[activation] * z ** POWERS[activation]
    if activation == "ELU":
        return (z, z) if s > 0 else (z.exp() - 1, z * z.exp())
    raise ValueError(activation)


def check_no_law(pair: Pair) -> Residual:
    """The determinant of the gradients of g at two inputs, u = v = 1, enclosed: 0 if its ball excludes zero."""
    from flint import ctx

    with ctx.workprec(200):
        (f, df), (g, dg) = enclosed(pair.activation, pair.s), enclosed(pair.activation, pair.t)
        determinant = f * dg - g * df
        excluded = not determinant.contains(0)
        note = f"determinant {determinant.str(5)}"
    return Residual(0 if excluded else 1, note=note)


def check_tanh_law(pair: Pair) -> Residual:
    """The wrong statement: u^2 - v^2 is a law whatever the activation. Its derivative at u = v = 1, enclosed."""
    from flint import ctx

    with ctx.workprec(200):
        value, slope = enclosed(pair.activation, pair.s)
        difference = abs(value - slope)
        return Residual(float(difference.lower()), 0.0)


def check_count(shape: Shape) -> Residual:
    """The kernel's number of laws for t^p against the stated one."""
    found = certified(shape.n, shape.m, shape.r, shape.p)
    return Residual(
        abs(found.independent_laws - stated(shape.n, shape.m, shape.r)) + (not found.complete),
        note=f"{found.independent_laws} laws",
    )


def check_linear_count(shape: Shape) -> Residual:
    """The wrong statement: as many laws as the linear network has."""
    k = min(shape.r, shape.n + shape.m)
    return Residual(
        abs(certified(shape.n, shape.m, shape.r, shape.p).independent_laws - k * (2 * shape.r + 1 - k) // 2)
    )


def ratios() -> Table:
    """The ratio s sigma'(s) / sigma(s), enclosed: constant for powers only."""
    from flint import ctx

    points = (Fraction(1, 2), Fraction(1), Fraction(2), Fraction(4))
    rows: list[list[str]] = []
    with ctx.workprec(100):
        for activation in (*NO_LAW, *POWERS):
            cells: list[str] = []
            for s in points:
                value, slope = enclosed(activation, -s if activation == "ELU" else s)
                cells.append(f"{float((slope / value).mid()):.6f}")
            rows.append([activation, *cells])
    columns = ("activation", *(f"s = {s}" for s in points))
    return Table("s σ'(s) / σ(s) (ELU at -s): a law needs one number", columns, rows)


def counts() -> Table:
    """The counts of the theory for t^2, read off certificates, and those for t^3 and t^4."""
    rows = [[n, m, r, *(certified(n, m, r, p).independent_laws for p in (2, 3, 4))] for n, m, r in SQUARE]
    agrees = all(row[3:] == [stated(*row[:3])] * 3 for row in rows)
    return Table("All laws of U (Vᵀx)ᵖ", ("n", "m", "r", "p = 2", "p = 3", "p = 4"), rows, agrees)


class NetworkField:
    """``grad E`` of ``(1/2) sum_s |U sigma(V^T x_s) - y_s|^2`` in float64, parameters U (n x r) then V (m x r)."""

    def __init__(
        self, sigma: Callable[[Any], Any], slope: Callable[[Any], Any], degree: int, data: tuple[Any, Any, int]
    ) -> None:
        self.sigma, self.slope = sigma, slope
        self.inputs, self.targets, self.r = data
        self.n, self.m = self.targets.shape[1], self.inputs.shape[1]
        self.parameters = (self.n + self.m) * self.r
        # sigma and sigma' multiply the relative error of their argument, gamma(m) of its absolute terms, by at most p
        self.roundings = (degree + 1) * (self.m + 4) + 2 * self.r + self.n + len(self.inputs) + 4

    def parts(self, point: Any) -> tuple[Any, Any]:
        """U and V."""
        return point[: self.n * self.r].reshape(self.n, self.r), point[self.n * self.r :].reshape(self.m, self.r)

    def __call__(self, points: Any, /) -> Any:
        """The gradient at one point."""
        U, V = self.parts(points)
        z = self.inputs @ V
        return self._pull(U, self.inputs, z, self.sigma(z) @ U.T - self.targets)

    def absolute(self, points: Any, /) -> Any:
        """All terms in absolute value, at each of some points; for monotone powers."""
        import numpy as np

        if points.ndim > 1:
            return np.stack([self.absolute(point) for point in points])
        U, V = self.parts(np.abs(points))
        x = np.abs(self.inputs)
        return self._pull(U, x, x @ V, self.sigma(x @ V) @ U.T + np.abs(self.targets))

    def _pull(self, U: Any, x: Any, z: Any, slopes: Any) -> Any:
        import numpy as np

        return np.concatenate([(slopes.T @ self.sigma(z)).ravel(), (x.T @ ((slopes @ U) * self.slope(z))).ravel()])


def training(profile: Profile) -> SimulationResult:
    """Gradient descent on U sigma(V^T x) with the same data and start for powers and for tanh, SiLU and softplus."""
    import numpy as np

    from ...oracles.polynomials import Polynomial
    from ...simulations import EULER, integrate
    from ...simulations.integrators import euler_drift, rounding_drift

    random = Random(4)
    n, m, r = 1, 2, 4
    inputs = np.array([[random.uniform(-1, 1) for _ in range(m)] for _ in range(10)])
    data = (inputs, inputs[:, :1] * inputs[:, 1:] + 1, r)
    start = np.array([random.uniform(-1, 1) for _ in range((n + m) * r)])
    steps = (128, 512, 2048)[profile.effort]
    eta = 0.5 / steps

    def laws(p: int) -> list[Polynomial]:
        squares = [Polynomial.variable(k) ** 2 for k in range((n + m) * r)]
        return [
            sum((squares[n * r + k * r + j] for k in range(m)), Polynomial())
            - sum((squares[i * r + j] for i in range(n)), Polynomial()).scaled(p)
            for j in range(r)
        ]

    def logistic(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    powers: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any], int]] = [
        ("leaky ReLU, p = 1", lambda z: np.maximum(z, z / 8), lambda z: 0.125 + 0.875 * (z > 0), 1),
        ("t², p = 2", lambda z: z * z, lambda z: 2 * z, 2),
        ("max(0, t)³, p = 3", lambda z: np.maximum(z, 0) ** 3, lambda z: 3 * np.maximum(z, 0) ** 2, 3),
    ]
    others: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any], int]] = [
        ("tanh, p = 1", np.tanh, lambda z: 1 - np.tanh(z) ** 2, 1),
        ("SiLU, p = 1", lambda z: z * logistic(z), lambda z: logistic(z) * (1 + z * (1 - logistic(z))), 1),
        ("softplus, p = 1", lambda z: np.log1p(np.exp(z)), logistic, 1),
    ]
    marks = sorted({max(1, round(k * steps / 32)) for k in range(1, 33)})
    worst, kept, lost, series = Residual(0.0, 0.0, nontrivial=False), 0.0, float("inf"), list[Series]()
    for name, sigma, slope, p in (*powers, *others):
        field = NetworkField(sigma, slope, p, data)
        path = integrate(field, start, method=EULER, length=eta, steps=steps)
        curve = [(k * eta, float(np.abs(exact_changes(laws(p), start, path.points[k])).max())) for k in marks]
        if (name, sigma, slope, p) in powers:
            gradients = [field(point) for point in path.points[:-1]]
            measured = exact_changes(laws(p), start, path.end)
            off = float(np.linalg.norm(measured - euler_drift(laws(p), gradients, eta=eta)))
            bound = rounding_drift(field, laws(p), path, length=eta)
            kept = max(kept, curve[-1][1])
            if not worst.bound or off / bound > worst.value / worst.bound:
                worst = Residual(off, bound)
        else:
            lost = min(lost, curve[-1][1])
        series.append(Series(name, curve))
    plot = Plot(
        "Largest drift of |v|² - p |u|² while training",
        "t",
        "drift",
        series,
        y_scale="log",
        caption=f"{steps} steps. Powers drift by the error of gradient descent, eta² h(g) a step; the others for good.",
    )
    note = f"powers moved by at most {kept:.2g}, the others by at least {lost:.2g}"
    value = worst.value if lost > kept else float("inf")
    return SimulationResult(Residual(value, worst.bound, note=note), (plot,))


def refuted_next() -> Certificate:
    """A point at which v^2 - 3 u^2 changes for the activation t^2."""
    from ...oracles.models import parse_model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import find_refutation

    u, v = Polynomial.variable(0), Polynomial.variable(1)
    found = find_refutation(parse_model("homogeneous:1-1-1+degree2"), v * v - (u * u).scaled(3))
    assert found is not None
    return found.certificate


def law_of_two_terms() -> Certificate:
    """The certificate of t + t^2 with one law."""
    from ...oracles.lie import find_completeness

    found = find_completeness(two_terms(1, 2), levels=False).certificate
    assert found is not None
    claim = found["claim"]
    assert isinstance(claim, dict)
    return {**found, "claim": {**claim, "independent_laws": 1, "lie_dimension": 1}}


THEOREM = Theorem(
    id="A1.homogeneous-activation",
    title="Only homogeneous activations have laws",
    summary="u sigma(v x) has a law iff sigma is homogeneous of some degree p, and then p u^2 - v^2 is the only one.",
    source="A1 (proposition shown in the authors' slides); the converse and the vector case derived",
    status="derived",
    hypotheses=(
        "g(theta, x) = u sigma(v x) with numbers u, v, x; sigma is C^1 off 0 and not identically zero. It may vanish "
        "on one half line, as ReLU does.",
        "A law is a C^1 function of (u, v), not constant, on an open set where u and v are not zero; losses of any "
        "slope.",
        "Vector case: g = U sigma(V^T x), u_j and v_j the columns of U and V.",
    ),
    statement=r"\begin{gathered} "
    r"\exists \text{ law} \iff \sigma(s) = \alpha s^p \ (s > 0),\ \beta |s|^p \ (s < 0) \\ "
    r"h = p\, u^2 - v^2 \\ "
    r"h_j = |v_j|^2 - p\, |u_j|^2 \text{ for each neuron}"
    r" \end{gathered}",
    assumes=("A1.char.orthogonality", "A1.independence-and-count"),
    derivation=derivation,
    tables=(ratios, counts),
    properties=(
        Property(
            name="euler-balance",
            says="For whole degrees and any factors on the two sides, every neuron's balance is zero exactly.",
            arithmetic="rational",
            cases=cases,
            check=check_exact,
            share=0.4,
        ),
        Property(
            name="euler-balance-float64",
            says="In float64, half-integer degrees included, it is zero up to rounding.",
            arithmetic="float64",
            cases=lambda: cases(half=True),
            check=in_floats("float64"),
            share=0.4,
        ),
        Property(
            name="euler-balance-float32",
            says="In float32 too.",
            arithmetic="float32",
            cases=lambda: cases(half=True),
            check=in_floats("float32"),
            share=0.4,
        ),
        Property(
            name="no-law",
            says="For activations that are no powers, the gradients at two inputs provably span the plane.",
            arithmetic="balls",
            cases=pairs,
            check=check_no_law,
        ),
        Property(
            name="count",
            says="U (V^T x)^p has exactly r laws, or 2 r - 1 with one input and one output: certified.",
            arithmetic="modular",
            cases=shapes,
            check=check_count,
            share=0.2,
        ),
    ),
    simulations=(
        Simulation(
            "training",
            "Training keeps |v_j|^2 - p |u_j|^2 for powers and for no other activation.",
            training,
        ),
    ),
    mutants=(
        Mutant(name="next-degree", says="v^2 - (p + 1) u^2 is a law of t^p.", refutes=refuted_next),
        Mutant(
            name="next-degree-everywhere",
            says="The same for networks and data.",
            violates=Property(
                name="next-degree-everywhere", says="p + 1", arithmetic="rational", cases=cases, check=check_next
            ),
        ),
        Mutant(
            name="any-activation",
            says="u^2 - v^2 is a law of tanh, SiLU, GELU and the others.",
            violates=Property(
                name="any-activation", says="as for ReLU", arithmetic="balls", cases=pairs, check=check_tanh_law
            ),
        ),
        Mutant(
            name="as-linear",
            says="t^p has as many laws as the linear network.",
            violates=Property(
                name="as-linear",
                says="two(n, m, r)",
                arithmetic="modular",
                cases=shapes,
                check=check_linear_count,
                examples=(Shape(2, 2, 2, 2),),
            ),
        ),
        Mutant(name="two-terms", says="t + t^2 has a law.", rejects=law_of_two_terms),
    ),
)
