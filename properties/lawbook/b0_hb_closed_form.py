"""B0.hb-closed-form: at a constant rate the recursion of heavy ball is solved by propagators, and may oscillate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Number, Vector, View, find_law, propagators
from .._closed_form import against_closed_form, closed_form_properties
from .._discrete import (
    Case,
    cases,
    charge_along,
    float_run,
    worst,
)
from .._identities import (
    constant_heavy_ball,
    exact_property,
    network_case,
    proved,
    rejected,
    violated,
    wrong,
)
from .._profiles import Profile
from .._symmetric import LINEAR, QUADRATIC, Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
NAMES = ("hb-closed-form.linear", "hb-closed-form.quadratic")
LAWS = tuple(map(find_law, NAMES))
LOGITS = Target("translation", (2, 2), ((F(1), F(2)), (F(-1, 2), F(1))), (1, 2))
EXAMPLE = Case(
    LOGITS, (Vector((0, 1)), Vector((1, 0))), (SGD(lr=F(1, 10), momentum=F(1, 2), weight_decay=F(1, 5)),) * 4
)
SIGNS = 24
"""So many propagators show the pattern of their signs for every share between 1/50 and 49/50, see ``pattern``."""


@dataclass(frozen=True, slots=True)
class Damping:
    """beta = root^2, and x at ``share`` of the way from (1 - root)^2 to (1 + root)^2.

    x is 2 eta c lam for a quadratic charge and eta c lam for a translation.
    """

    root: Fraction
    share: Fraction

    @property
    def pull(self) -> Fraction:
        """x."""
        return (1 - self.root) ** 2 + 4 * self.root * self.share


def derivation() -> Iterator[Step]:
    """The recursion, its propagators, and when they oscillate."""
    yield Step(
        "At constant hyper-parameters B0.hb-two-step is a linear recursion with constant coefficients, forced by the "
        "squares of the steps. G_n is its answer to a unit impulse.",
        r"G_{n+1} = (1 + \beta - 2\eta c\lambda)\, G_n - \beta\, G_{n-1}, \qquad G_{-1} = 0, \ G_0 = 1",
    )
    yield Step(
        "With the roots r1, r2 of r^2 - (1 + beta - 2 eta c lam) r + beta these are the known quotients, and "
        "(n + 1) r^n at a double root. Checked here for n up to 5 as polynomials in the roots.",
        r"G_n = \frac{r_1^{n+1} - r_2^{n+1}}{r_1 - r_2}",
        _quotients(),
    )
    yield Step(
        "Induction over K: one more step multiplies by the recursion, and the new forcing term enters with G_0 = 1.",
        r"q_K = G_{K-1} q_1 - \beta G_{K-2} q_0 + \sum_{j=1}^{K-1} G_{K-1-j}\,(D_j + \beta D_{j-1})",
    )
    yield proved(
        NAMES[1],
        "Three steps of the optimizer's own code on free vectors. Each gradient from the second on is left over, times "
        "-2 eta c and a propagator.",
    )
    yield proved(NAMES[0], "Translations have eta c lam in the place of 2 eta c lam, and no forcing.")
    yield Step(
        "The roots are complex between two values of x = 2 eta c lam: with b^2 = beta the discriminant factors.",
        r"(1 + b^2 - x)^2 - 4 b^2 = \bigl(x - (1-b)^2\bigr)\bigl(x - (1+b)^2\bigr)",
        _discriminant(),
    )
    yield Step(
        "The damped oscillator that approximates the run (B1.momentum-ode) puts the lower threshold elsewhere.",
        r"x > \frac{(1-\beta)^2}{2(1+\beta)} \quad \text{instead of} \quad x > (1 - \sqrt{\beta})^2",
    )


def _quotients() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    r, s = symbols("r1"), symbols("r2")
    G = propagators(r + s, r * s, 5)
    double = propagators(r + r, r * r, 5)
    pairs = [((r - s) * G[n], r ** (n + 1) - s ** (n + 1)) for n in range(6)]
    return equal(symbols, [*pairs, *((double[n], (n + 1) * r**n) for n in range(1, 6))])


def _discriminant() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    b, x = symbols("b"), symbols("x")
    left = (1 + b * b - x) ** 2 - 4 * b * b
    return equal(symbols, [(left, (x - (1 - b) ** 2) * (x - (1 + b) ** 2))])


def ode_threshold(beta: Fraction) -> Fraction:
    """Where the oscillator of B1 begins to oscillate."""
    return (1 - beta) ** 2 / (2 * (1 + beta))


def table() -> Table:
    """Thresholds of x; the values at beta = 0.81 are those of the theory."""
    rows: list[tuple[str, str, str, str]] = []
    for root in (F(1, 2), F(9, 10), F(19, 20), F(99, 100)):
        beta = root * root
        exact = (1 - root) ** 2
        rows.append((str(beta), str(exact), f"{float(ode_threshold(beta)):.5g}", f"{float((1 + root) ** 2):.5g}"))
    agrees = rows[1][1:3] == ("1/100", "0.0099724")
    columns = ("beta", "oscillates above (exact)", "above, by the ODE", "alternates above")
    return Table("Where charges begin to oscillate", columns, rows, agrees)


def pattern(damping: Damping) -> str:
    """Signs of G_0, ..., G_24: all positive, strictly alternating, or neither.

    With x at ``share`` of the way the roots are b exp(+-i phi), cos phi = 1 - 2 share: the first sign that belongs to
    neither pattern comes before n = pi/phi, which is 12 at the shares 1/50 and 49/50.
    """
    b = damping.root
    G = propagators(1 + b * b - damping.pull, b * b, SIGNS)
    if all(value > 0 for value in G):
        return "none"
    return "alternating" if all((-1) ** n * value > 0 for n, value in enumerate(G)) else "oscillating"


def expected(damping: Damping) -> str:
    """What the statement says."""
    return "none" if damping.share <= 0 else "alternating" if damping.share >= 1 else "oscillating"


def check_pattern(damping: Damping) -> Residual:
    """Whether the signs of the propagators are those that the thresholds say."""
    return Residual(int(pattern(damping) != expected(damping)), nontrivial=damping.share not in (0, 1))


def check_ode(damping: Damping) -> Residual:
    """The wrong threshold."""
    oscillates = damping.pull > ode_threshold(damping.root**2)
    return Residual(int((pattern(damping) == "oscillating") != oscillates))


def dampings() -> SearchStrategy[Damping]:
    """Shares in fiftieths, from below the lower threshold to above the upper one."""
    from hypothesis import strategies as st

    roots = st.integers(1, 9).map(lambda k: F(k, 10))
    # below x = 0 there is no damping at all, but a negative decay, which the formula does not mind
    shares = st.integers(-5, 55).map(lambda k: F(k, 50))
    return st.builds(Damping, roots, shares)


NEAR = Damping(F(9, 10), (F(1, 100) - F(1, 100000) - F(1, 100)) / (4 * F(9, 10)))
"""beta = 0.81 and x = 0.00999, between both thresholds."""


def long_cases() -> SearchStrategy[Case]:
    """Runs of 6 steps at constant hyper-parameters."""
    return cases(constant_heavy_ball(6), *QUADRATIC, *LINEAR, steps=6)


def thresholds(profile: Profile) -> SimulationResult:
    """A translation charge around its threshold, and a balance of a network, against the closed form.

    Residual and bound: ``against_closed_form`` over whole runs in float64.
    """
    steps = (30, 60, 120)[profile.effort]
    batches = tuple((F(k % 3 - 1), F(k % 5 - 2, 2)) for k in range(7))
    target = Target("translation", (2, 2), batches, (1, 2))
    curves: list[Series] = []
    found: list[Residual] = []
    for share in (F(-1, 400), F(0), F(1, 40), F(1, 8)):
        damping = Damping(F(9, 10), share)
        lam = damping.pull * 32
        sgd = SGD(lr=F(1, 32), momentum=F(81, 100), weight_decay=lam)
        case = Case(target, (Vector((0, 1)), Vector((1, 0))), (sgd,) * steps)
        moments = float_run(case, "numpy")
        found.append(against_closed_form(LAWS[0], case, "float64", "numpy"))
        values = charge_along(moments, case.charge)
        label = f"eta c lam = {float(damping.pull):.4g}"
        curves.append(Series(label, [(float(k), value) for k, value in enumerate(values)]))
    network = network_case((SGD(lr=F(1, 64), momentum=F(81, 100), weight_decay=F(1, 2)),) * min(steps, 60))
    found.append(against_closed_form(LAWS[1], network, "float64", "numpy"))
    plot = Plot(
        "With momentum 0.81 a translation charge oscillates above eta c lam = 0.01",
        "step",
        "s_k",
        curves,
        caption="The loss does not matter: four runs that differ in their decay only. The first is below the "
        "threshold, the second exactly at it.",
    )
    theory = [(beta / 100, (1 - math.sqrt(beta / 100)) ** 2) for beta in range(2, 100, 2)]
    ode = [(beta / 100, float(ode_threshold(F(beta, 100)))) for beta in range(2, 100, 2)]
    borders = Plot(
        "The threshold of oscillation, and what the differential equation makes of it",
        "beta",
        "2 eta c lam",
        (Series("exact", theory), Series("damped oscillator", ode)),
        y_scale="log",
        caption="They agree where momentum is close to 1; at small momentum the equation is off by a factor of two.",
    )
    return SimulationResult(worst(found), (plot, borders))


def _shifted(view: View) -> tuple[Number, Number]:
    """Propagators one step too early."""
    h, K = view.optimizer(1), view.steps
    G = propagators(1 + h.momentum - h.lr * (1 - h.dampening) * h.weight_decay, h.momentum, K)
    return view.value(K), G[K] * view.value(1) - h.momentum * G[K - 1] * view.value(0)


def _single_decay(view: View) -> tuple[Number, Number]:
    """eta c lam where a quadratic charge has twice that."""
    h, K = view.optimizer(1), view.steps
    beta = h.momentum
    G = propagators(1 + beta - h.lr * (1 - h.dampening) * h.weight_decay, beta, K - 1)
    D = [view.square(view.delta(k)) for k in range(K)]
    right = G[K - 1] * view.value(1) - beta * G[K - 2] * view.value(0)
    for j in range(1, K):
        right = right + G[K - 1 - j] * (D[j] + beta * D[j - 1])
    return view.value(K), right


THEOREM = Theorem(
    id="B0.hb-closed-form",
    title="Heavy ball in closed form, and when charges oscillate",
    summary="At constant hyper-parameters charges are a fixed combination of their first two values and of the steps.",
    source="derived",
    status="proved",
    hypotheses=(
        "Heavy ball as in B0.hb-two-step with the same eta, beta, tau and lam at every step.",
        "G_n are the propagators of r^2 - (1 + beta - x) r + beta, x = 2 eta c lam for a quadratic charge; a "
        "translation has x = eta c lam and no forcing.",
    ),
    statement=r"q_K = G_{K-1} q_1 - \beta G_{K-2} q_0 + \sum_{j=1}^{K-1} G_{K-1-j}\,(D_j + \beta D_{j-1}), \qquad "
    r"\text{complex roots iff } (1-\sqrt\beta)^2 < x < (1+\sqrt\beta)^2",
    assumes=("B0.hb-two-step",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property(LAWS, constant_heavy_ball, (*QUADRATIC, *LINEAR), steps=4, share=0.5),
        *closed_form_properties(long_cases),
        Property(
            name="oscillation",
            says="The signs of the propagators change for ever exactly between both thresholds.",
            arithmetic="rational",
            cases=dampings,
            check=check_pattern,
            examples=(Damping(F(9, 10), F(0)), Damping(F(9, 10), F(1, 50)), NEAR),
        ),
    ),
    simulations=(
        Simulation(
            name="thresholds",
            says="Long runs in float64 end where the closed form says; the charge oscillates above the threshold.",
            run=thresholds,
        ),
    ),
    mutants=(
        Mutant(
            name="ode-threshold",
            says="Charges oscillate iff the damped oscillator does.",
            violates=Property("ode-threshold", "the ODE", "rational", dampings, check_ode, examples=[NEAR]),
        ),
        violated(
            "shifted",
            "The propagators are shifted by one step.",
            wrong(NAMES[0], _shifted),
            constant_heavy_ball,
            LINEAR,
            steps=4,
            examples=[EXAMPLE],
        ),
        rejected("single-decay", "A quadratic charge decays like a translation.", wrong(NAMES[1], _single_decay)),
    ),
)
