"""B4.global-drift: how far a whole run takes a charge, exactly and in the limit of small rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import log2
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Law, Number, Vector, View, find_law
from .._discrete import Case, any_engine, bounded, cases, exact_moment, float_run, judged, windows
from .._identities import constant_heavy_ball, exact_property, plain, rejected, violated
from .._profiles import Profile
from .._symmetric import QUADRATIC, Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction


def _plain(optimizer: Any) -> bool:
    return isinstance(optimizer, SGD) and bool(optimizer.weight_decay == 0 and optimizer.momentum == 0)


def _heavy(optimizer: Any) -> bool:
    known = isinstance(optimizer, SGD) and not optimizer.nesterov
    return known and bool(optimizer.weight_decay == 0 and optimizer.momentum != 0)


def _sum(view: View) -> tuple[Number, Number]:
    gained: Number = 0
    for k in range(view.steps):
        eta = view.optimizer(k).lr
        gained = eta * eta * view.square(view.gradient(k)) + gained
    return view.value(view.steps), view.value(0) + gained


def _sum_defect(view: View) -> Number:
    return sum((-2 * view.optimizer(k).lr * view.defect(k) for k in range(1, view.steps)), _first(view))


def _first(view: View) -> Number:
    return -2 * view.optimizer(0).lr * view.defect(0)


def _momentum(view: View, boundary: int = -2, share: int = 1) -> tuple[Number, Number]:
    K, beta = view.steps, view.optimizer(0).momentum
    squares: Number = view.square(view.delta(0))
    for k in range(1, K):
        squares = squares + view.square(view.delta(k))
    last = view.form(view.theta(K), view.delta(K - 1))
    return (1 - beta) * (view.value(K) - view.value(0)), (1 + share * beta) * squares + boundary * (beta * last)


def _momentum_defect(view: View) -> Number:
    h = view.optimizer(0)
    return sum((-2 * h.lr * (1 - h.dampening) * view.defect(k) for k in range(1, view.steps)), _first(view))


def _free(symbols: Any) -> Any:
    return tuple(SGD(lr=symbols(f"eta{k}")) for k in range(3)), None


def _free_momentum(symbols: Any) -> Any:
    return (SGD(lr=symbols("eta"), momentum=symbols("beta"), dampening=1 - symbols("c")),) * 3, None


SUM = replace(
    find_law("sgd-quadratic"),
    id="B4.global-drift",
    name="global-drift.sgd",
    steps=1,
    longer=True,
    formula=r"q_K - q_0 = \sum_{k<K} \eta_k^2\, g_k^\top S g_k",
    applies=_plain,
    sides=_sum,
    defect=_sum_defect,
    setting=_free,
)
MOMENTUM = replace(
    find_law("hb-closed-form.quadratic"),
    id="B4.global-drift",
    name="global-drift.momentum",
    steps=2,
    first=True,
    formula=r"(1-\beta)(q_K - q_0) = (1+\beta)\sum_{k<K} D_k - 2\beta\,\theta_K^\top S\Delta_{K-1}",
    applies=_heavy,
    sides=_momentum,
    defect=_momentum_defect,
    setting=_free_momentum,
)
LOCAL = {SUM.name: ("sgd-quadratic",), MOMENTUM.name: ("hb-first-step.quadratic", "hb-two-step.quadratic")}
START, Y = (F(2), F(1, 2)), F(9, 2)
"""The loss (u v - Y)^2 / 2 with its charge Q = u^2 - v^2 = 15/4."""
FACTORS = Target("symmetric", (1, 1), ((Y,),), (1, 1, 1), (F(1, 2),))
RUN = Case(FACTORS, tuple(Vector((x,)) for x in START), (SGD(lr=F(1, 16)),) * 3)
HEAVY = replace(RUN, optimizers=(SGD(lr=F(1, 32), momentum=F(1, 2)),) * 3)
KNOWN = ((F(4, 1000), -4.16786), (F(2, 1000), -4.14044), (F(1, 1000), -4.12684), (F(5, 10000), -4.12006))
"""(Q_inf - Q_0)/eta by rate as the theory states it, to five decimals."""


def derivation() -> Iterator[Step]:
    """Telescope; then an integral that can be done."""
    from ...oracles.dynamics import derive

    yield Step(
        "Without decay B0.sgd-quadratic says what a step adds, and the sum telescopes. Three steps with free rates on "
        "free vectors; left over are the pairings with the generator, which are 0.",
        SUM.formula,
        derive(SUM),
    )
    yield Step(
        "With momentum the increments r_k = q_{k+1} - q_k obey r_{k+1} = beta r_k + D_{k+1} + beta D_k and r_0 = D_0. "
        "Summed, everything telescopes but the last step. Any dampening is allowed: c is free.",
        MOMENTUM.formula,
        derive(MOMENTUM),
    )
    yield Step(
        "At a fixed time T = K eta the sum is eta times a Riemann sum of |g|_S^2 along Euler's polygon, and both are "
        "within O(eta) of the integral along the flow. Per step the breaking is O(eta^2), per unit of time O(eta).",
        r"\frac{q_K - q_0}{\eta} = \int_0^T |g|_S^2\, dt + O(\eta)",
    )
    yield Step(
        "If S is diagonal with entries -1, 0, 1, then |g|_S^2 is at most |g|^2 in absolute value; and if eta is at "
        "most one over the smoothness, each step lowers the loss by at least eta |g|^2 / 2. The sum is bounded.",
        r"|q_K - q_0| \le \eta^2 \sum_{k<K} |g_k|^2 \le 2\eta\,(L_0 - L_K)",
    )
    yield Step(
        "Momentum with small rates: v tends to g/(1 - beta) and the run follows the flow at the speed 1/(1 - beta). "
        "Then D_k = eta^2 |v|_S^2, and after convergence the last term is gone: the total drift is larger than that of "
        "plain descent by (1 + beta)/(1 - beta)^2.",
        r"\frac{dq}{d(k\eta)} \sim \eta\,\frac{1+\beta}{1-\beta}|v|_S^2 = \eta\,\frac{1+\beta}{(1-\beta)^3}|g|_S^2",
    )
    yield Step(
        "An example in closed form, (u v - Y)^2/2 with Q = u^2 - v^2 and z = u v. Along the flow Q is constant, "
        "u^2 + v^2 is a function of z, and both z' and |g|_S^2 are too.",
        r"(u^2+v^2)^2 = Q^2 + 4z^2, \qquad z' = -(z - Y)(u^2+v^2), \qquad |g|_S^2 = -Q\,(z-Y)^2",
        _flow(),
    )
    yield Step(
        "So the integral over time is one over z, from z_0 to Y, and it is elementary.",
        r"\int_0^\infty |g|_S^2\,dt = \int_{z_0}^{Y} \frac{Q\,(z-Y)}{\sqrt{Q^2+4z^2}}\,dz "
        r"= -Q\Bigl[\tfrac14\sqrt{Q^2+4z^2} - \tfrac{Y}{2}\operatorname{asinh}\tfrac{2z}{|Q|}\Bigr]_{z=Y}^{z=z_0}",
    )
    yield Step(
        "From (2, 1/2) with Y = 9/2: Q = 15/4, the roots are 17/4 and 39/4, and asinh x is the logarithm of "
        "x + sqrt(1 + x^2): ln 5/3 and ln 5. What is left is 165/32 - (135/16) ln 3.",
        r"\lim_{\eta\to0} \frac{Q_\infty - Q_0}{\eta} = \tfrac{165}{32} - \tfrac{135}{16}\ln 3 = -4.11329\ldots",
        _numbers(),
    )


def _flow() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    u, v, y = symbols("u"), symbols("v"), symbols("Y")
    z, Q, s = u * v, u * u - v * v, u * u + v * v
    gu, gv = factors_gradient(u, v, y)
    off = z - y
    pairs = [(s * s, Q * Q + 4 * (z * z)), (gu * v + u * gv, off * s), (gu * gu - gv * gv, -1 * (Q * (off * off)))]
    return equal(symbols, pairs)


def factors_gradient(u: Any, v: Any, y: Any) -> tuple[Any, Any]:
    """The gradient of (u v - Y)^2 / 2, by the code that all runs use."""
    batch: Any = ((y,),)
    rows = replace(FACTORS, batches=batch).tree_gradient(0, [[u], [v]])
    return rows[0][0], rows[1][0]


def _numbers() -> Certificate:
    from ...oracles.proofs import add, multiply, power, subtract, symbol, values

    u, v, y, s0, s1 = map(symbol, range(5))
    Q, z = subtract(power(u, 2), power(v, 2)), multiply(u, v)
    pairs = [
        (Q, F(15, 4)),
        (subtract(power(s0, 2), add(power(Q, 2), multiply(4, power(z, 2)))), F(0)),
        (subtract(power(s1, 2), add(power(Q, 2), multiply(4, power(y, 2)))), F(0)),
        # |Q| exp(asinh(2 z/|Q|)) = 2 z + s: the logarithms are those of 5/3 and 5
        (subtract(add(multiply(2, z), s0), multiply(F(5, 3), Q)), F(0)),
        (subtract(add(multiply(2, y), s1), multiply(5, Q)), F(0)),
        (multiply(F(-1, 4), Q, subtract(s0, s1)), F(165, 32)),
        (multiply(F(-1, 2), Q, y), F(-135, 16)),
    ]
    return values((*START, Y, F(17, 4), F(39, 4)), pairs)


def closed_form(Q: Fraction, z: Fraction, y: Fraction, sign: int = -1) -> Any:
    """The limit of drift over rate, as a ball."""
    from flint import arb

    def inner(x: Fraction) -> Any:
        q, p = (arb(t.numerator) / t.denominator for t in (Q, x))
        root = (q * q + 4 * p * p).sqrt()
        return root / 4 + sign * (arb(y.numerator) / y.denominator / 2) * (2 * p / abs(q)).asinh()

    return -(arb(Q.numerator) / Q.denominator) * (inner(z) - inner(y))


@dataclass(frozen=True, slots=True)
class Scalars:
    """A start (u, v), a target and a rate for (u v - Y)^2 / 2."""

    u: Fraction
    v: Fraction
    y: Fraction
    rate: Fraction

    def __repr__(self) -> str:
        return f"(u v - {self.y})^2/2 from ({self.u}, {self.v}), eta {self.rate}"


def scalars() -> SearchStrategy[Scalars]:
    """Starts with u^2 and v^2 different."""
    from hypothesis import strategies as st

    from ..strategies import rationals

    number = rationals(6, denominator=3, nonzero=True)
    rate = st.integers(1, 8).map(lambda k: F(k, 16))
    return st.builds(Scalars, number, number, number, rate).filter(lambda c: abs(c.u) != abs(c.v))


def check_integral(case: Scalars, sign: int = -1) -> Residual:
    """The closed form against a quadrature in balls: 0 if the enclosures meet."""
    from flint import acb, ctx

    Q, z = case.u**2 - case.v**2, case.u * case.v
    with ctx.workprec(100):
        q, y, start = (acb(t.numerator) / t.denominator for t in (Q, case.y, z))

        def integrand(x: Any, analytic: bool) -> Any:
            return q * (x - y) / (q * q + 4 * x * x).sqrt(analytic=analytic)

        integral, closed = acb.integral(integrand, start, y), closed_form(Q, z, case.y, sign)
        meets = bool(integral.real.overlaps(closed))
        return Residual(int(not meets), nontrivial=z != case.y and float(closed.rad()) < 1e-9)


def check_descent(case: Scalars, *, halve: bool = True, entries: int = 1) -> Residual:
    """Four exact steps with one rate, small enough that each lowers the loss by eta |g|^2 / 2."""
    rate = case.rate

    def loss(p: tuple[Fraction, Fraction]) -> Fraction:
        return (p[0] * p[1] - case.y) ** 2 / 2

    while True:
        points = [(case.u, case.v)]
        falls = True
        for _ in range(4 if halve else 1):
            (u, v), slope = points[-1], points[-1][0] * points[-1][1] - case.y
            points.append((u - rate * slope * v, v - rate * slope * u))
            falls &= loss(points[-1]) <= loss(points[-2]) - rate * slope**2 * (u * u + v * v) / 2
        if falls or not halve:
            break
        rate /= 2
    Q = [entries * (p[0] ** 2 - p[1] ** 2) for p in (points[0], points[-1])]
    return Residual(abs(Q[1] - Q[0]), 2 * rate * (loss(points[0]) - loss(points[-1])), nontrivial=Q[0] != Q[1])


def check_floats(law: Law, case: Case, dtype: str) -> Residual:
    """The sum over a run of torch.optim.SGD in floats, evaluated exactly.

    Bound: the identity is a sum of those of B0, so what is left is at most the sum of their bounds.
    """
    moments = bounded(float_run(case, any_engine(), dtype))
    if len(moments) < 3:
        return Residual(0, nontrivial=False, note="the run diverges at once")
    local = [
        judged(find_law(name), w, case.charge, case.target, dtype)
        for name in LOCAL[law.name]
        for w in windows(find_law(name), moments, case.charge)
    ]
    value = abs(law.residual([exact_moment(moment) for moment in moments], case.charge))
    return Residual(float(value), sum(float(r.bound) for r in local), nontrivial=any(r.nontrivial for r in local))


def undecayed(steps: int) -> SearchStrategy[tuple[SGD, ...]]:
    """SGD without decay, rates of any schedule."""
    return plain(steps).map(lambda chosen: tuple(replace(h, weight_decay=F(0)) for h in chosen))


def undecayed_heavy(steps: int) -> SearchStrategy[tuple[SGD, ...]]:
    """The same hyper-parameters at every step, momentum and dampening, no decay."""
    return constant_heavy_ball(steps).map(lambda chosen: tuple(replace(h, weight_decay=F(0)) for h in chosen))


def drift(rate: Fraction) -> Any:
    """Drift over rate of gradient descent on the example, as a ball, until the loss is below 2^-100.

    What would still come is at most 2 eta L (the bound of the entry), and is added to the radius.
    """
    from flint import arb, ctx

    with ctx.workprec(256):
        u, v, y, eta = (arb(t.numerator) / t.denominator for t in (*START, Y, rate))
        start = u * u - v * v
        while True:
            slope = u * v - y
            if abs(slope) < arb(2) ** -50:
                break
            u, v = u - eta * slope * v, v - eta * slope * u
        rest = (slope * slope).abs_upper()
        return (u * u - v * v - start) / eta + arb(0, rest)


def momentum_drift(rate: float, beta: float) -> float:
    """Drift over rate of heavy ball on the example, in float64, until at most 1e-16 of it can be missing."""
    (u, v), y = map(float, START), float(Y)
    p = q = 0.0
    start = u * u - v * v
    while True:
        slope = u * v - y
        p, q = beta * p + slope * v, beta * q + slope * u
        u, v = u - rate * p, v - rate * q
        if abs(slope) + abs(p) + abs(q) < 1e-8:
            return (u * u - v * v - start) / rate


def table() -> Table:
    """Drift over rate for the four rates of the theory, as far as they are certain."""
    found = [(rate, drift(rate)) for rate, _ in KNOWN]
    limit = closed_form(F(15, 4), F(1), Y)
    rows = [(str(rate), _digits(x), f"{float(x - limit):.5f}") for rate, x in found]
    rows.append(("0", _digits(limit), "0"))
    agrees = all(abs(float(x) - stated) <= 5.1e-6 for (_, x), (_, stated) in zip(found, KNOWN, strict=True))
    return Table(
        "(Q_inf - Q_0)/eta from (2, 1/2), Y = 9/2", ("eta", "drift over rate", "above the limit by"), rows, agrees
    )


def _digits(x: Any) -> str:
    return str(x.str(12, radius=False))


def limits(profile: Profile) -> SimulationResult:
    """Enclosed drifts by rate, and three momenta.

    Residual and bound: the largest drift over rate of plain descent, in balls, against 2 L_0.
    """
    limit = float(closed_form(F(15, 4), F(1), Y))
    inverses = [250 * 2**k for k in range((3, 4, 6)[profile.effort])]
    found = [(1 / n, drift(F(1, n))) for n in inverses]
    errors = [(eta, abs(float(x) - limit)) for eta, x in found]
    slope = log2(errors[-2][1] / errors[-1][1])
    drifts = [(eta, abs(float(x)) * eta) for eta, x in found]
    total = log2(drifts[-2][1] / drifts[-1][1])
    curves: list[Series] = []
    rows: list[tuple[str, float, float, float]] = []
    for beta in (0.0, 0.5, 0.9):
        factor = (1 + beta) / (1 - beta) ** 2
        rates = [(1 - beta) ** 2 / n for n in inverses[:3]]
        points = [(eta / (1 - beta) ** 2, momentum_drift(eta, beta) / factor) for eta in rates]
        curves.append(Series(f"beta = {beta:g}", points, kind="points" if beta else "line"))
        rows.append((f"{beta:g}", rates[-1], points[-1][1] * factor, limit * factor))
    plots = (
        Plot(
            "The drift is proportional to the rate",
            "eta",
            "size",
            (
                Series(f"|Q_inf - Q_0|: slope {total:.3f}", drifts),
                Series(f"drift over rate minus its limit: slope {slope:.3f}", errors),
                Series("2 eta L_0", [(eta, 2 * eta * 6.125) for eta, _ in drifts], kind="bound"),
            ),
            x_scale="log",
            y_scale="log",
            caption="(u v - 9/2)^2/2 from (2, 1/2); all points are enclosed by balls. Slope 1, not 2.",
        ),
        Plot(
            "Three momenta, one limit",
            "eta/(1 - beta)^2",
            "drift over rate, divided by (1 + beta)/(1 - beta)^2",
            (*curves, Series("165/32 - (135/16) ln 3", [(0.0, limit), (1 / 250, limit)], kind="bound")),
            caption="Heavy ball on the same loss: momentum multiplies the drift, and the factor is exact in the limit.",
        ),
    )
    worst = max(abs(float(x)) + float(x.rad()) for _, x in found)
    columns = ("beta", "smallest eta", "drift/eta", "limit")
    return SimulationResult(
        Residual(worst, 2 * 6.125, note=f"slope {total:.3f}"), plots, Table("Momentum", columns, rows), proved=True
    )


def check_second_order(case: Scalars) -> Residual:
    """The wrong statement that half of the rate leaves a quarter of the drift: here a third would do."""
    rate = case.rate
    halved, full = (abs(float(drift(r)) * float(r)) for r in (rate / 2, rate))
    return Residual(halved, full / 3)


def check_cube(case: Scalars) -> Residual:
    """The wrong total (1 + beta)/(1 - beta)^3, for beta = 1/2: off by a factor of 2, which may not exceed 3/2."""
    limit = float(closed_form(F(15, 4), F(1), Y))
    ratio = 12 * limit / momentum_drift(float(case.rate), 0.5)
    return Residual(ratio, 1.5)


def _only(name: str, says: str, check: Callable[[Any], Residual], example: Scalars) -> Mutant:
    return Mutant(name, says, Property(name, says, "rational", scalars, check, examples=[example]))


def _wrong(boundary: int = -2, share: int = 1) -> Law:
    def sides(view: View) -> tuple[Number, Number]:
        return _momentum(view, boundary, share)

    return replace(MOMENTUM, sides=sides)


def _floats(law: Law, dtype: Any, optimizers: Any, example: Case) -> Property:
    label = "momentum-" if law is MOMENTUM else ""
    return Property(
        name=f"{label}{dtype}",
        says=f"Six steps of torch.optim.SGD in {dtype}: within the sum of the bounds of the single steps.",
        arithmetic=dtype,
        cases=lambda: cases(optimizers(6), *QUADRATIC, steps=6),
        check=lambda case: check_floats(law, case, dtype),
        examples=[example],
        share=0.1,
    )


EXAMPLE = Scalars(START[0], START[1], Y, F(1, 250))
THEOREM = Theorem(
    id="B4.global-drift",
    title="The drift of a charge over a whole run",
    summary="A run adds eta^2 times a sum of squares: of first order in the rate, bounded, and with a known limit.",
    source="derived",
    status="proved",
    hypotheses=(
        "S is symmetric and <g_k, S theta_k> = 0 at every step; no decay.",
        "With momentum: constant rate and momentum, any dampening, buffers that start empty as in PyTorch.",
        "For the bound: S diagonal with entries -1, 0, 1, one loss, and eta at most one over its smoothness.",
        "For the limits: deterministic gradients of a smooth loss, at a fixed time.",
    ),
    statement=r"q_K - q_0 = \eta^2\sum_{k<K} |g_k|_S^2, \quad |q_K - q_0| \le 2\eta(L_0 - L_K), \quad "
    r"\frac{q_K - q_0}{\eta} \to \int_0^T |g|_S^2\,dt; \qquad "
    r"(1-\beta)(q_K - q_0) = (1+\beta)\sum_{k<K} D_k - 2\beta\,\theta_K^\top S\Delta_{K-1}",
    assumes=("B0.orthogonality", "B0.sgd-quadratic", "B0.hb-two-step"),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property((SUM,), undecayed, QUADRATIC, examples=[RUN], share=0.5),
        exact_property(
            (MOMENTUM,),
            undecayed_heavy,
            QUADRATIC,
            name="exact-momentum",
            says="With momentum and any dampening the sum over an exact run is exact, its last step included.",
            examples=[HEAVY],
            share=0.5,
        ),
        Property(
            name="descent",
            says="Exact runs whose steps lower the loss enough: the drift is at most 2 eta (L_0 - L_K).",
            arithmetic="rational",
            cases=scalars,
            check=check_descent,
            examples=[EXAMPLE],
            share=0.5,
        ),
        Property(
            name="integral",
            says="The closed form of the limit meets a rigorous quadrature of the integral, for any start and target.",
            arithmetic="balls",
            cases=scalars,
            check=check_integral,
            examples=[EXAMPLE],
            share=0.5,
        ),
        *(
            _floats(law, dtype, optimizers, example)
            for law, optimizers, example in ((SUM, undecayed, RUN), (MOMENTUM, undecayed_heavy, HEAVY))
            for dtype in ("float64", "float32")
        ),
    ),
    simulations=(
        Simulation(
            name="limits",
            says="Drifts enclosed by balls: proportional to the rate, with the limit 165/32 - (135/16) ln 3.",
            run=limits,
        ),
    ),
    mutants=(
        _only("second-order", "The drift at a fixed time is of second order in the rate.", check_second_order, EXAMPLE),
        _only("cubed", "Momentum multiplies the total drift by (1 + beta)/(1 - beta)^3.", check_cube, EXAMPLE),
        _only(
            "any-rate",
            "The bound holds for every rate.",
            lambda case: check_descent(case, halve=False),
            Scalars(F(2), F(1), F(0), F(1)),
        ),
        _only(
            "entries-of-two",
            "The bound holds for entries of S of any size.",
            lambda case: check_descent(case, entries=2),
            Scalars(F(1), F(3), F(1), F(1, 16)),
        ),
        _only("plus-asinh", "The inverse sine enters with a plus.", lambda c: check_integral(c, 1), EXAMPLE),
        violated(
            "no-last-step",
            "With momentum the last step needs no term of its own.",
            _wrong(boundary=0),
            undecayed_heavy,
            QUADRATIC,
            examples=[HEAVY],
        ),
        rejected("last-step-sign", "The last step enters with a plus.", _wrong(boundary=2)),
        rejected("minus-beta", "The sum has the factor 1 - beta.", _wrong(share=-1)),
    ),
)
