"""B1.rate-correction: with weight decay the rate of the continuous formula needs a term eta lam^2."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Moment, find_law
from .._discrete import (
    Case,
    any_engine,
    bounded,
    cases,
    exact_moment,
    exact_run,
    float_run,
    judged,
    moving,
    windows,
    worst,
)
from .._identities import plain
from .._orders import RUNS, Run, code_errors, errors, order_plot, order_residual, runs
from .._profiles import Profile
from .._symmetric import LINEAR, QUADRATIC
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
LENGTH = 5


@dataclass(frozen=True, slots=True)
class Decay:
    """``x = eta lam`` and the number of steps."""

    x: Fraction
    steps: int


def derivation() -> Iterator[Step]:
    """Solve the recursion; compare its factor and its sum with those of the formula."""
    yield Step(
        "The recursions of B1.sgd are solved by sums. Checked for three steps with free q_0, p = 1 - eta lam and free "
        "gradient terms.",
        r"q_K = p^{2K} q_0 + \eta^2 \sum_{k<K} p^{2(K-1-k)}\,|g_k|_S^2, \qquad s_K = p^K s_0, "
        r"\qquad p = 1 - \eta\lambda",
        _solution(),
    )
    yield Step(
        "In time t = k eta the factor is an exponential of its own rate, and with x = eta lam that rate is a series. "
        "Its derivative is a geometric sum with a known rest.",
        r"p^{2K} = e^{-\mu_* t}, \qquad \mu_* = -\frac{2}{\eta}\log(1-x), \qquad "
        r"\frac{1}{1-x} = 1 + x + \frac{x^2}{1-x}",
        _geometric(),
    )
    yield Step(
        "Integrated from 0 to x: the rate 2 lam of the published formula lacks eta lam^2, and after it only a term of "
        "second order is missing.",
        r"0 \le \mu_* - (2\lambda + \eta\lambda^2) \le \frac{2\,\eta^2\lambda^3}{3\,(1-x)}",
    )
    yield Step(
        "The sum carries a factor eta in front of an integral. Iterates are within O(eta) of the flow with decay, and "
        "a left Riemann sum is within O(eta) of its integral: together they change q by O(eta^2) only.",
        r"\eta^2 \sum_{k<K} p^{2(K-1-k)} |g_k|_S^2 = \eta\int_0^t e^{-\mu(t-s)} |g(s)|_S^2\,ds + O(\eta^2)",
    )
    yield Step(
        "So the error of the published formula starts with a multiple of eta that does not vanish for lam > 0. The sum "
        "of released code, of |g + lam theta|^2 with the same exponentials, adds the same amount once more.",
        r"q_K - q_{\mathrm{published}}(t) = -\eta\lambda^2 t\,e^{-2\lambda t} q(0) + O(\eta^2)",
    )


def _solution() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    q, s, p, eta = (symbols(name) for name in ("q", "s", "p", "eta"))
    terms = [symbols(f"g{k}") for k in range(3)]
    run, linear = q, s
    for term in terms:
        run, linear = p**2 * run + eta**2 * term, p * linear
    closed = p**6 * q + eta**2 * sum(p ** (2 * (2 - k)) * term if k < 2 else term for k, term in enumerate(terms))
    return equal(symbols, [(run, closed), (linear, p**3 * s)])


def _geometric(last: int = 2) -> Certificate:
    from ...oracles.proofs import add, identity, multiply, power, subtract, symbol

    x = symbol(0)
    return identity(1, [(add(multiply(subtract(1, x), add(1, x)), power(x, last)), 1)])


def solution_residual(case: Case, moments: Sequence[Moment]) -> Fraction:
    """The charge at the end of a run minus the solution of the recursion, from the gradients of the run."""
    charge = case.charge
    value = charge.pair(moments[0].parameters, moments[0].parameters)
    for moment in moments[:-1]:
        h, g = moment.optimizer, moment.gradients
        assert isinstance(h, SGD)
        keep = 1 - h.lr * h.weight_decay
        if charge.kind == "linear":
            value = keep * value
        else:
            assert g is not None
            value = keep**2 * value + h.lr**2 * charge.form(g, g)
    end = moments[-1].parameters
    return F(charge.pair(end, end) - value)


def check_solution(case: Case) -> Residual:
    """Exactly 0 in exact runs."""
    moments = exact_run(case)
    return Residual(abs(solution_residual(case, moments)), nontrivial=moving(moments))


def check_floats(case: Case) -> Residual:
    """Runs in float64. The recursion is linear: local bounds add up, multiplied by the decay that follows."""
    moments = bounded(float_run(case, any_engine()))
    law = find_law("sgd-linear" if case.charge.kind == "linear" else "sgd-quadratic")
    bound = 0.0
    for window in windows(law, moments, case.charge):
        h = window[0].optimizer
        assert isinstance(h, SGD)
        keep = abs(1 - h.lr * h.weight_decay)
        local = judged(law, window, case.charge, case.target, "float64")
        bound = bound * keep ** (1 if case.charge.kind == "linear" else 2) + float(local.bound)
    value = solution_residual(case, [exact_moment(moment) for moment in moments])
    return Residual(float(abs(value)), bound * (1 + 2.0**-40), nontrivial=moving(moments))


def runs_of_sgd() -> SearchStrategy[Case]:
    """Runs of five steps."""
    return cases(plain(LENGTH), *QUADRATIC, *LINEAR, steps=LENGTH)


def decays() -> SearchStrategy[Decay]:
    """x in (0, 3/4]."""
    from hypothesis import strategies as st

    return st.builds(Decay, st.integers(1, 300).map(lambda k: F(k, 400)), st.integers(1, 1000))


def check_series(case: Decay, *, corrected: bool = True) -> Residual:
    """``0 <= -K log(1 - x) - K (x + x^2/2) <= K x^3/(3 (1 - x))``, in balls of 256 bits.

    Residual: by how much the ball leaves the interval, at least 0.
    """
    from flint import arb, ctx

    before = ctx.prec
    ctx.prec = 256
    try:
        x = arb(case.x.numerator) / case.x.denominator
        rest = case.steps * (-(1 - x).log() - x - (x * x / 2 if corrected else 0))
        above = rest - case.steps * x**3 / (3 * (1 - x))
        holds = bool(rest >= 0) and bool(above <= 0)
        return Residual(0.0 if holds else float(max(abs(float(rest.mid())), abs(float(above.mid())))))
    finally:
        ctx.prec = before


def check_order(run: Run) -> Residual:
    """The corrected formula is of order 2."""
    return order_residual(errors(run, correct=True), 2)


def check_leading(run: Run) -> Residual:
    """The leading term of the published formula's error, by Richardson extrapolation of its quotient by eta.

    Bound: extrapolation leaves terms of second order in the rate; the rate itself is taken.
    """
    found = errors(run, correct=False)
    (a, first), (b, second) = found[-2:]
    limit = 2 * second / b - first / a
    expected = run.decay**2 * run.time * math.exp(-2 * run.decay * run.time) * abs(run.square(run.start))
    return Residual(abs(limit / expected - 1), b, nontrivial=expected > 0)


def table() -> Table:
    """Errors at the smallest rate, and their quotients."""
    rows: list[tuple[str, ...]] = []
    agrees = True
    for run in RUNS:
        printed, fixed, code = errors(run, correct=False)[-1], errors(run, correct=True)[-1], code_errors(run)[-1]
        shown = (printed[1], fixed[1], code[1])
        rows.append((f"{run.model} from {run.start}, lam = {run.decay:g}", *(f"{x:.2g}" for x in shown)))
        agrees = agrees and fixed[1] < printed[1] / 50 and abs(code[1] / printed[1] - 2) < 0.1
    columns = ("run", "printed formula", "corrected", "sum of released code")
    return Table("Errors at t = 1 and eta = 1/512", columns, rows, agrees)


def orders(profile: Profile) -> SimulationResult:
    """The corrected formula, the published one and the sum of released code, and translations.

    Residual and bound: the orders, against 2, 1 and 1, to a tenth.
    """
    chosen = (RUNS[0], RUNS[3], *RUNS[1:3], *RUNS[4:])[: (2, 4, 6)[profile.effort]]
    found: list[Residual] = []
    plots: list[Plot] = []
    for run in chosen[:2]:
        curves = [
            ("corrected", errors(run, correct=True)),
            ("published", errors(run, correct=False)),
            ("released code", code_errors(run)),
        ]
        plots.append(
            order_plot(
                f"The {run.model} charge at t = 1, lam = {run.decay:g}",
                curves,
                "SGD at the same time with rates in ratio 2, against the formulas of continuous time.",
            )
        )
    for run in chosen:
        found += [check_order(run), order_residual(errors(run, correct=False), 1), order_residual(code_errors(run), 1)]
    shifts: list[list[tuple[float, float]]] = [[], []]
    lam = 0.8
    for k in range(5, 11):
        eta = 2.0**-k
        exact = (1 - eta * lam) ** (2**k)
        shifts[0].append((eta, abs(exact - math.exp(-lam))))
        shifts[1].append((eta, abs(exact - math.exp(-lam - eta * lam**2 / 2))))
    found += [order_residual(shifts[0], 1), order_residual(shifts[1], 2)]
    linear = Plot(
        "A translation charge at t = 1, lam = 0.8",
        "eta",
        "error of the charge",
        (Series("exp(-lam t)", shifts[0]), Series("exp(-(lam + eta lam^2/2) t)", shifts[1])),
        x_scale="log",
        y_scale="log",
    )
    return SimulationResult(worst(found), (*plots, linear))


def check_code(run: Run) -> Residual:
    """The sum of released code as if it were of order 2."""
    return order_residual(code_errors(run), 2)


THEOREM = Theorem(
    id="B1.rate-correction",
    title="The rate of decay of charges, corrected to second order",
    summary="The continuous formula for a charge is second-order accurate only with the rate 2 lam + eta lam^2.",
    source="derived; it corrects the formulas of arXiv 2012.04728, section 5",
    status="derived",
    hypotheses=(
        "SGD at a constant rate and decay, with eta lam < 1; the time t = eta K is fixed.",
        "The loss is smooth near the flow with decay, along which g is evaluated; full batch.",
    ),
    statement=r"q(t) = e^{-\mu t} q(0) + \eta\int_0^t e^{-\mu(t-s)} |g(s)|_S^2\,ds + O(\eta^2), \quad "
    r"\mu = 2\lambda + \eta\lambda^2, \qquad s(t) = e^{-(\lambda + \eta\lambda^2/2)\,t}\, s(0) + O(\eta^2)",
    assumes=("B1.sgd",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="solution",
            says="Exact runs end where the solution of the recursion says, with rates that change from step to step.",
            arithmetic="rational",
            cases=runs_of_sgd,
            check=check_solution,
            share=0.5,
        ),
        Property(
            name="float64",
            says="Runs of torch.optim.SGD (or of numpy) in float64 end there up to the sum of the local bounds.",
            arithmetic="float64",
            cases=runs_of_sgd,
            check=check_floats,
            share=0.25,
        ),
        Property(
            name="series",
            says="The exact rate exceeds the corrected one by at most the stated rest: enclosures of the logarithm.",
            arithmetic="balls",
            cases=decays,
            check=check_series,
            examples=[Decay(F(1, 1000), 1000)],
        ),
        Property(
            name="order",
            says="The error of the corrected formula is of order 2.",
            arithmetic="float64",
            cases=runs,
            check=check_order,
            examples=RUNS[:1],
            share=0.02,
        ),
        Property(
            name="leading-term",
            says="The error of the published formula starts with eta lam^2 t exp(-2 lam t) q(0).",
            arithmetic="float64",
            cases=runs,
            check=check_leading,
            examples=RUNS[:1],
            share=0.02,
        ),
    ),
    simulations=(
        Simulation(name="orders", says="Errors at a fixed time: order 2 with the correction, 1 without.", run=orders),
    ),
    mutants=(
        Mutant(
            name="published-rate",
            says="The published rate 2 lam is exact up to terms of third order.",
            violates=Property(
                "published",
                "2 lam",
                "balls",
                decays,
                lambda case: check_series(case, corrected=False),
                examples=[Decay(F(1, 10), 10)],
            ),
        ),
        Mutant(
            name="code",
            says="The sum of released code is of second order.",
            violates=Property("code", "released code", "float64", runs, check_code, examples=RUNS[:1]),
        ),
        Mutant(
            name="short-series",
            says="1/(1 - x) = 1 + x + x^3/(1 - x).",
            rejects=lambda: _geometric(3),
        ),
    ),
)
