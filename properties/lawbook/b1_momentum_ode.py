"""B1.momentum-ode: with momentum, charges follow damped oscillators, to second order in the rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Number, Vector, find_law
from .._discrete import Case, cases, exact_run, moving, windows, worst
from .._identities import constant_heavy_ball, proved
from .._orders import order, order_plot, order_residual
from .._oscillator import HeavyBall, charge_errors, damped, flow_errors, translation_errors
from .._profiles import Profile
from .._symmetric import LINEAR, QUADRATIC, Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
COUNTS = (200, 400, 800)
BALLS = (
    HeavyBall(0.5, 0.5, 1.0),
    HeavyBall(0.8, 0.5, 1.0, 0.3),
    HeavyBall(0.5, 0.5, 1.0, 0.5),
    HeavyBall(0.0, 0.5, 1.0),
)


_SGD = SGD(lr=F(1, 2), momentum=F(1, 2), weight_decay=F(1, 5))
EXAMPLE = Case(Target("scale", (2,), ((F(1), F(-1), F(0)),), (2,)), (Vector((1, 2)),), (_SGD,) * 3)


@dataclass(frozen=True, slots=True)
class Oscillator:
    """Damping, root of the difference of squares, start and time, all multiples of 1/8."""

    gamma: Fraction
    d: Fraction
    y0: Fraction
    v0: Fraction
    t: Fraction
    kind: str


def derivation() -> Iterator[Step]:
    """The recursion is a central difference scheme of the oscillator."""
    yield proved(
        "hb-two-step.linear",
        "The exact recursion of a translation charge. With a constant rate its coefficients are constant, and it is "
        "the same as central differences in the time t = eta' k, eta' = eta c:",
    )
    yield Step(
        "Rearranged: a second difference, a central first difference, and the middle term. x is eta' lam; nothing is "
        "approximated yet. Central differences are derivatives up to eta'^2.",
        r"s_{k+2} - (1+\beta-x)\,s_{k+1} + \beta s_k = \tfrac{1+\beta}{2}(s_{k+2} - 2s_{k+1} + s_k) + "
        r"\tfrac{1-\beta}{2}(s_{k+2} - s_k) + x\, s_{k+1}",
        _differences(),
    )
    yield Step(
        "For a quadratic charge x is 2 eta' lam, and the right side is D_{k+1} + beta D_k instead of 0. Where the "
        "motion is smooth both squares are eta'^2 |theta'|_S^2: a force.",
        r"s'' + 2\gamma s' + \omega^2 s = 0, \quad \omega^2 = \frac{2\lambda}{\eta'(1+\beta)}; \qquad "
        r"q'' + 2\gamma q' + 2\omega^2 q = 2\,|\theta'|_S^2; \qquad \gamma = \frac{1-\beta}{\eta'(1+\beta)}",
    )
    yield Step(
        "The same from the modified flow of the weights: pair it with S theta and use q'' = 2 |theta'|_S^2 + "
        "2 <theta, S theta''>. With free symbols for the pairings and <g, S theta> = 0.",
        r"\tfrac{\eta'(1+\beta)}{2}\,\theta'' + (1-\beta)\,\theta' + \nabla L + \lambda\theta = 0",
        _pairing(),
    )
    yield Step(
        "Overdamped, the solution is a sum of two real exponentials; at t = 0, where both are 1, it has the value and "
        "the slope that it should have.",
        r"y = \frac{(y_0' - a_- y_0)\,e^{a_+ t} - (y_0' - a_+ y_0)\,e^{a_- t}}{a_+ - a_-}, \qquad "
        r"a_\pm = -\gamma \pm \sqrt{\gamma^2 - \omega^2}",
        _starts(),
    )
    yield Step(
        "Both modes matter at the start, where the fast one is as short as a step: which theta'(0) makes the equation "
        "second-order accurate is a question of its own (B1.initial-velocity).",
    )


def _differences(sign: int = 1) -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    a, b, c, beta, x = (symbols(name) for name in ("s0", "s1", "s2", "beta", "x"))
    left = c - (1 + beta - x) * b + beta * a
    half = F(1, 2)
    right = half * (1 + beta) * (c - 2 * b + a) + half * (1 - sign * beta) * (c - a) + x * b
    return equal(symbols, [(left, right)])


def _pairing() -> Certificate:
    """With p = <theta, S theta'>, a = <theta, S theta''>, D = |theta'|_S^2, q = |theta|_S^2."""
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    p, a, D, q, h, beta, lam = (symbols(name) for name in ("p", "a", "D", "q", "h", "beta", "lam"))
    first, second = 2 * p, 2 * D + 2 * a
    flow = F(1, 2) * h * (1 + beta) * a + (1 - beta) * p + lam * q  # the flow paired with S theta
    oscillator = F(1, 2) * h * (1 + beta) * (second - 2 * D) + (1 - beta) * first + 2 * lam * q
    return equal(symbols, [(oscillator, 2 * flow)])


def _starts() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    y, v, plus, minus = (symbols(name) for name in ("y0", "v0", "plus", "minus"))
    value = ((v - minus * y) - (v - plus * y)) / (plus - minus)
    slope = (plus * (v - minus * y) - minus * (v - plus * y)) / (plus - minus)
    return equal(symbols, [(value, y), (slope, v)])


def check_differences(case: Case) -> Residual:
    """The scheme, exactly, along runs with constant hyper-parameters: left side minus the forcing of the charge."""
    moments, charge = exact_run(case), case.charge
    linear = charge.kind == "linear"
    law = find_law("hb-two-step.linear" if linear else "hb-two-step.quadratic")
    found: list[Residual] = []
    for window in windows(law, moments, charge):
        h = window[1].optimizer
        assert isinstance(h, SGD)
        step, beta = h.lr * (1 - h.dampening), h.momentum
        y = [charge.pair(m.parameters, m.parameters) for m in window]
        moved: list[tuple[Vector, ...]] = [
            tuple(b - a for a, b in zip(window[k].parameters, window[k + 1].parameters, strict=True)) for k in range(2)
        ]
        force: Number = 0 if linear else charge.form(moved[1], moved[1]) + beta * charge.form(moved[0], moved[0])
        pull = (1 if linear else 2) * step * h.weight_decay * y[1]
        left = (1 + beta) * (y[2] - 2 * y[1] + y[0]) / 2 + (1 - beta) * (y[2] - y[0]) / 2 + pull
        found.append(Residual(abs(left - force), nontrivial=moving(window)))
    return worst(found)


def smooth_cases() -> SearchStrategy[Case]:
    """Runs of heavy ball with constant hyper-parameters."""
    return cases(constant_heavy_ball(3), *QUADRATIC, *LINEAR, steps=3)


def oscillators() -> SearchStrategy[Oscillator]:
    """Damping up to 50, times up to 100: far beyond where cos of an imaginary number overflows."""
    from hypothesis import strategies as st

    def eighths(low: int, high: int) -> SearchStrategy[Fraction]:
        return st.integers(low, high).map(lambda k: F(k, 8))

    def build(gamma: Fraction, share: int, y0: Fraction, v0: Fraction, t: Fraction, kind: str) -> Oscillator:
        d = gamma * F(share, 8) if kind == "over" else F(share)
        return Oscillator(gamma, d, y0, v0, t, kind)

    kinds = st.sampled_from(["over", "under", "critical"])
    return st.builds(
        build, eighths(1, 400), st.integers(1, 7), eighths(-16, 16), eighths(-16, 16), eighths(0, 800), kinds
    )


def check_solution(case: Oscillator) -> Residual:
    """The closed form in float64 against 50 digits.

    Bound: an exponential of x is off by |x| roundings of its argument, and each of the at most four terms by a few
    more; the terms are added in absolute value.
    """
    from ...simulations.fields import gamma as rounding

    mpmath: Any = import_module("mpmath")

    def solution(number: Callable[[Fraction], Any], library: Any) -> Any:
        numbers = (number(case.y0), number(case.v0), number(case.gamma), number(case.d))
        return damped(*numbers, number(case.t), case.kind, library)

    found: float = solution(float, math)
    with mpmath.workdps(50):
        exact = solution(lambda x: mpmath.mpf(x.numerator) / x.denominator, mpmath)
        value = float(abs(exact - mpmath.mpf(found)))
    y0, v0, gamma, d, t = (abs(float(x)) for x in (case.y0, case.v0, case.gamma, case.d, case.t))
    slow = gamma - d if case.kind == "over" else gamma
    spread = 2 * d if case.kind == "over" else d if case.kind == "under" else 1.0
    terms = math.exp(-slow * t) * (y0 + (v0 + 2 * gamma * y0) / spread * (1 + (t if case.kind == "critical" else 0)))
    bound = rounding(20) * (2 + (2 * gamma + d) * t) * 2 * terms
    return Residual(value, bound + 2.0**-1000, nontrivial=bool(y0 or v0))


def table() -> Table:
    """Orders of charges against their oscillators."""
    rows: list[tuple[str, ...]] = []
    agrees = True
    for ball in BALLS:
        found = [order(charge_errors(ball, model, "derived", COUNTS)) for model in ("scale", "rescale")]
        found.append(order(translation_errors(ball, "derived", COUNTS)))
        flow = order(flow_errors(ball, "rescale", COUNTS))
        rows.append((str(ball.beta), str(ball.tau), *(f"{x:.2f}" for x in found), f"{flow:.2f}"))
        agrees = agrees and all(abs(x - 2) < 0.15 for x in found) and abs(flow - 1) < 0.1
    columns = ("beta", "tau", "scale", "rescale", "translation", "flow without inertia")
    return Table("Orders in the rate at t = 1, lam = 1/2", columns, rows, agrees)


def orders(profile: Profile) -> SimulationResult:
    """Charges of heavy ball at a fixed time against the oscillator, and against a flow without inertia.

    Residual and bound: the orders, against 2 and 1, to a tenth.
    """
    counts = ((100, 200, 400), COUNTS, (200, 400, 800, 1600))[profile.effort]
    found: list[Residual] = []
    curves: list[tuple[str, list[tuple[float, float]]]] = []
    for model in ("scale", "rescale"):
        inertia, plain = charge_errors(BALLS[0], model, "derived", counts), flow_errors(BALLS[0], model, counts)
        found += [order_residual(inertia, 2)]
        curves += [(f"{model}, oscillator", inertia), (f"{model}, flow without inertia", plain)]
        if model == "rescale":
            found.append(order_residual(plain, 1))
    plot = order_plot(
        "Momentum has inertia, and the charges feel it",
        curves,
        "Heavy ball with beta = 1/2 and decay 1/2 at t = 1 against the damped oscillator and against "
        "theta' = -(g + lam theta)/(1 - beta).",
    )
    swings: list[Series] = []
    for lam in (0.0025, 0.01, 0.04):
        beta, step = 0.81, 1.0
        before, now = 1.0, 1.0 - step * lam
        points = [(0.0, before), (1.0, now)]
        gamma = (1 - beta) / (step * (1 + beta))
        square = gamma**2 - 2 * lam / (step * (1 + beta))
        curve: list[tuple[float, float]] = []
        for k in range(60):
            kind = "over" if square > 0 else "under"
            curve.append((float(k), damped(1.0, -lam / (1 + beta), gamma, math.sqrt(abs(square)), float(k), kind)))
            before, now = now, (1 + beta - step * lam) * now - beta * before
            points.append((k + 2.0, now))
        swings.append(Series(f"run, eta lam = {lam:g}", points[:60], kind="points"))
        swings.append(Series(f"oscillator, {lam:g}", curve))
    swinging = Plot(
        "A translation charge with momentum 0.81 is a damped oscillator",
        "step",
        "s_k / s_0",
        swings,
        caption="Below eta lam = 0.01 it creeps, above it swings.",
    )
    return SimulationResult(worst(found), (plot, swinging))


def balls() -> SearchStrategy[HeavyBall]:
    """The settings above."""
    from hypothesis import strategies as st

    return st.sampled_from(BALLS)


def check_flow(ball: HeavyBall) -> Residual:
    """The flow without inertia as if it were of order 2."""
    return order_residual(flow_errors(ball, "rescale", COUNTS), 2)


def check_half(case: Case) -> Residual:
    """The quadratic charge with the omega of a translation."""
    moments, charge = exact_run(case), case.charge
    law = find_law("hb-two-step.quadratic")
    found: list[Residual] = []
    for window in windows(law, moments, charge):
        h = window[1].optimizer
        assert isinstance(h, SGD)
        value = F(charge.pair(window[1].parameters, window[1].parameters))
        missing = h.lr * (1 - h.dampening) * h.weight_decay * value
        found.append(Residual(abs(missing - law.residual(window, charge))))
    return worst(found)


def quadratic_cases() -> SearchStrategy[Case]:
    """Quadratic charges."""
    return cases(constant_heavy_ball(3), *QUADRATIC, steps=3)


THEOREM = Theorem(
    id="B1.momentum-ode",
    title="Charges under momentum are damped oscillators",
    summary="Central differences turn the exact recursion of heavy ball into an oscillator, second-order accurate.",
    source="arXiv 2012.04728, sections 6 and 7, as recalled; the derivation is ours",
    status="derived",
    hypotheses=(
        "Heavy ball with constant rate, momentum, dampening and decay; eta' = eta (1 - tau), t = eta' k.",
        "The loss is smooth along the motion, T is fixed, and eta' is small against (1 - beta)/(1 + beta).",
        "theta'(0) is that of B1.initial-velocity.",
    ),
    statement=r"\begin{aligned} s'' + 2\gamma s' + \omega^2 s &= 0, & q'' + 2\gamma q' + 2\omega^2 q &= "
    r"2\,|\theta'|_S^2, \\ \gamma &= \frac{1-\beta}{\eta'(1+\beta)}, & \omega^2 &= "
    r"\frac{2\lambda}{\eta'(1+\beta)} \end{aligned}",
    assumes=("B0.hb-two-step",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="central-differences",
            says="Exact runs are central differences of the oscillator, with the squares of the steps as force.",
            arithmetic="rational",
            cases=smooth_cases,
            check=check_differences,
            examples=[EXAMPLE],
            share=0.5,
        ),
        Property(
            name="closed-form",
            says="The solution by real exponentials in float64 agrees with 50 digits, also at gamma t of thousands.",
            arithmetic="float64",
            cases=oscillators,
            check=check_solution,
            examples=[Oscillator(F(50), F(25), F(1), F(0), F(100), "over")],
            share=0.5,
        ),
    ),
    simulations=(
        Simulation(
            name="orders",
            says="The oscillator is accurate to second order in the rate, the flow without inertia to first.",
            run=orders,
        ),
    ),
    mutants=(
        Mutant(
            name="no-inertia",
            says="The flow theta' = -(g + lam theta)/(1 - beta) is of second order.",
            violates=Property("no-inertia", "order 2", "float64", balls, check_flow, examples=BALLS[:1]),
        ),
        Mutant(
            name="same-frequency",
            says="A quadratic charge has the omega of a translation.",
            violates=Property("same-frequency", "omega", "rational", quadratic_cases, check_half, [EXAMPLE]),
        ),
        Mutant(
            name="wrong-damping",
            says="The damping is proportional to 1 + beta.",
            rejects=lambda: _differences(-1),
        ),
    ),
)
