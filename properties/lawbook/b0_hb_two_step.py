"""B0.hb-two-step: under heavy-ball momentum charges obey a recursion over two steps that needs weights only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, SGDW, Law, Moment, Number, Vector, View, find_law
from .._discrete import Case, bounded, exact_run, float_run, judged, windows, worst
from .._identities import (
    exact_property,
    float_properties,
    heavy_ball,
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
NAMES = ("hb-two-step.linear", "hb-two-step.quadratic", "hb-first-step.linear", "hb-first-step.quadratic")
LAWS = tuple(map(find_law, NAMES))
FACTORS = Target("symmetric", (1, 1), ((F(1),),), (1, 1, 1), (F(1, 2),))
"""The loss (u w - 1)^2 / 2 with the charge u^2 - w^2."""
QUOTIENT = Target("scale", (2,), ((F(1), F(-1), F(0)),), (2,))
"""The loss (w1^2 - w2^2) / (w1^2 + w2^2)."""
LOGITS = Target("translation", (2, 2), ((F(1), F(2)), (F(-1, 2), F(1))), (1, 2))


def logits(tau: Fraction, steps: int = 3) -> Case:
    """s_0 = 3, eta = 1/10, lam = 1/5, beta = 1/2."""
    sgd = SGD(lr=F(1, 10), momentum=F(1, 2), dampening=tau, weight_decay=F(1, 5))
    return Case(LOGITS, (Vector((0, 1)), Vector((1, 0))), (sgd,) * steps)


_HALF = SGD(lr=F(1, 2), momentum=F(1, 2))
FACTORS_CASE = Case(FACTORS, (Vector((2,)), Vector((1,))), (SGD(lr=F(1, 10), momentum=F(1, 2)),) * 2)
DROP_CASE = Case(QUOTIENT, (Vector((1, 2)),), (_HALF, replace(_HALF, lr=F(1, 4))))
DECOUPLED_CASE = replace(FACTORS_CASE, optimizers=(SGDW(lr=F(1, 10), momentum=F(1, 2), weight_decay=F(1, 5)),) * 2)
EXAMPLES = (FACTORS_CASE, DROP_CASE, logits(F(1, 2)), logits(F(0)))
KNOWN: tuple[tuple[str, Case, tuple[Fraction, ...]], ...] = (
    ("(u w - 1)^2/2 from (2, 1), eta = 1/10", FACTORS_CASE, (F(3), F(297, 100), F(1136277, 390625))),
    ("rate drops from 1/2 to 1/4 (T2)", DROP_CASE, (F(5), F(641, 125), F(6898232746, 1316873605))),
    ("translation, tau = 1/2 (T1)", logits(F(1, 2)), (F(3), F(147, 50), F(14403, 5000), F(1411047, 500000))),
    ("translation, tau = 0 (T1)", logits(F(0)), (F(3), F(147, 50), F(1782, 625), F(171861, 62500))),
)
"""Charges along exact runs with beta = 1/2, as the theory states them."""


def derivation() -> Iterator[Step]:
    """Eliminate the buffer, then polarise."""
    yield Step(
        "Without Nesterov the step is the buffer: v_{k+1} = -Delta_k / eta_k. Put into the rule of the buffer, one "
        "vector identity is left in which only weights and the gradient of the last step occur.",
        r"\Delta_{k+1} = \rho\beta\,\Delta_k - \eta_{k+1} c\,(g_{k+1} + \lambda\theta_{k+1})",
    )
    yield proved(
        NAMES[0],
        "Paired with a free covector this is the recursion of translations: the certificate runs two steps with free "
        "eta, lam, beta of each step, free c and a free buffer. What is left over is -eta c <c0, g_{k+1}>.",
    )
    yield Step(
        "For quadratic charges pair it with S theta_{k+1}. Two polarisation identities turn the pairings with steps "
        "into charges. Mind the signs: D_k enters the second with a plus, since theta_{k+1} is its end.",
        r"2\theta_{k+1}^\top S\Delta_{k+1} = q_{k+2} - q_{k+1} - D_{k+1}, \qquad "
        r"2\theta_{k+1}^\top S\Delta_k = q_{k+1} - q_k + D_k",
        _polarisation(),
    )
    yield proved(
        NAMES[1],
        "The recursion of quadratic charges. Again two steps of the optimizer's own code on free vectors; what is left "
        "over is -2 eta c <g_{k+1}, S theta_{k+1}>. The gradient of the first step and the buffer drop out entirely.",
    )
    yield proved(
        NAMES[2],
        "The first step: PyTorch puts the whole gradient into a new buffer, whatever the dampening. For translations:",
    )
    yield proved(NAMES[3], "The same for quadratic charges. With first_step_damped both have c lam instead of lam.")


def _polarisation() -> Certificate:
    from ...oracles.dynamics import FormalCharge, Symbols, equal

    symbols = Symbols()
    theta, before, after = symbols.leaf("theta"), symbols.leaf("before"), symbols.leaf("after")
    charge = FormalCharge("quadratic", symbols)

    def pair(a: object, b: object) -> Number:
        return charge.pair((a,), (b,))

    next_, last = theta + after, theta - before
    return equal(
        symbols,
        [
            (2 * pair(theta, after), pair(next_, next_) - pair(theta, theta) - pair(after, after)),
            (2 * pair(theta, before), pair(theta, theta) - pair(last, last) + pair(before, before)),
        ],
    )


def values(case: Case) -> list[Fraction]:
    """The charge along the exact run."""
    return [case.charge.pair(m.parameters, m.parameters) for m in exact_run(case)]


def table() -> Table:
    """Known charges, from exact runs."""
    found = [(title, values(case), known) for title, case, known in KNOWN]
    rows = [(title, *map(str, run), *[""] * (4 - len(run))) for title, run, _ in found]
    agrees = all(tuple(run) == known for _, run, known in found)
    return Table("Charges along exact runs, beta = 1/2", ("run", "0", "1", "2", "3"), rows, agrees)


def wrong_values() -> Table:
    """What the wrong conventions predict in the cases T1 and T2."""
    drop, damped = exact_run(DROP_CASE), logits(F(1, 2), 1)
    without = wrong(NAMES[1], _without_ratio).sides(View(drop, DROP_CASE.charge))[1]
    scaled = Case(damped.target, damped.start, (replace(damped.optimizers[0], first_step_damped=True),))
    found = (without, values(scaled)[1])
    rows = [
        ("T2: q_2 with rho left out", str(found[0]), str(values(DROP_CASE)[2])),
        ("T1: s_1 with a damped first step", str(found[1]), str(values(damped)[1])),
    ]
    agrees = found == (F(174562816418, 32921840125), F(297, 100))
    return Table("Predictions of wrong conventions", ("what", "wrong", "right"), rows, agrees)


def _sides(view: View, sign: int, *, ratio: bool, share: bool) -> tuple[Number, Number]:
    h = view.optimizer(1)
    carried = (view.ratio(0) if ratio else 1) * h.momentum
    inner = view.value(1) - view.value(0) + sign * view.square(view.delta(0))
    decayed = 2 * h.lr * ((1 - h.dampening) if share else 1) * h.weight_decay * view.value(1)
    return view.value(2), view.value(1) + view.square(view.delta(1)) + carried * inner - decayed


def _minus(view: View) -> tuple[Number, Number]:
    return _sides(view, -1, ratio=True, share=True)


def _without_ratio(view: View) -> tuple[Number, Number]:
    return _sides(view, 1, ratio=False, share=True)


def _undamped_decay(view: View) -> tuple[Number, Number]:
    return _sides(view, 1, ratio=True, share=False)


def _damped_first(view: View) -> tuple[Number, Number]:
    h = view.optimizer(0)
    return view.value(1), (1 - h.lr * (1 - h.dampening) * h.weight_decay) * view.value(0)


def decoupled_steps(steps: int) -> SearchStrategy[tuple[SGDW, ...]]:
    """Heavy ball whose decay is decoupled."""
    return heavy_ball(steps).map(
        lambda chosen: tuple(SGDW(lr=h.lr, momentum=h.momentum, weight_decay=h.weight_decay) for h in chosen)
    )


def taken_for_coupled(case: Case) -> Residual:
    """The recursion on a run of SGDW, read as if its decay were coupled."""
    moments = [
        replace(
            m,
            optimizer=SGD(lr=m.optimizer.lr, momentum=m.optimizer.momentum, weight_decay=m.optimizer.weight_decay)
            if isinstance(m.optimizer, SGDW)
            else None,
        )
        for m in exact_run(case)
    ]
    law = LAWS[1]
    return worst([Residual(abs(law.residual(w, case.charge))) for w in windows(law, moments, case.charge)])


def decoupled_cases() -> SearchStrategy[Case]:
    """Runs of SGDW."""
    from .._discrete import cases

    return cases(decoupled_steps(3), *QUADRATIC, steps=3)


def residuals(law: Law, moments: Sequence[Moment], case: Case, dtype: str) -> list[Residual]:
    """Window by window."""
    return [judged(law, w, case.charge, case.target, dtype) for w in windows(law, moments, case.charge)]


def training(profile: Profile) -> SimulationResult:
    """A ReLU network, momentum 0.9, dampening 0.3, decay, a cosine schedule: float64, float32, and wrong recursions.

    Residual and bound: the worst step of both runs (see ``properties/_discrete.py``).
    """
    steps = (24, 100, 400)[profile.effort]
    rates = [F(round(2**20 * (1 + math.cos(math.pi * k / steps)) / 40), 2**20) for k in range(steps)]
    sgd = SGD(lr=F(1), momentum=F(9, 10), dampening=F(3, 10), weight_decay=F(1, 20))
    case = network_case([replace(sgd, lr=rate) for rate in rates])
    law = LAWS[1]
    curves: list[Series] = []
    found: list[Residual] = []
    scale = 1.0
    for dtype in ("float64", "float32"):
        moments = bounded(float_run(case, "numpy", dtype))
        here = residuals(law, moments, case, dtype)
        found += here
        points = [(k + 2.0, float(r.value)) for k, r in enumerate(here) if r.value]
        curves.append(Series(f"residual, {dtype}", points, kind="points"))
        curves.append(Series(f"bound, {dtype}", [(k + 2.0, float(r.bound)) for k, r in enumerate(here)], kind="bound"))
        if dtype == "float64":
            scale = max(abs(float(x)) for m in moments for leaf in m.parameters for x in leaf)
            for label, sides in (("-D_k", _minus), ("rho left out", _without_ratio)):
                off = residuals(wrong(NAMES[1], sides), moments, case, dtype)
                curves.append(Series(label, [(k + 2.0, float(r.value)) for k, r in enumerate(off) if r.value]))
    plot = Plot(
        "Two steps of weights are enough to test a run with momentum",
        "step",
        "left minus right",
        curves,
        y_scale="log",
        caption=f"The balance of one hidden neuron on minibatches; no weight is larger than {scale:.2g}. Wrong "
        "recursions are ten orders of magnitude above rounding.",
    )
    return SimulationResult(worst(found), (plot,))


THEOREM = Theorem(
    id="B0.hb-two-step",
    title="The weights-only recursion of heavy ball",
    summary="With momentum, three snapshots of the weights and the hyper-parameters determine how a charge moves.",
    source="derived",
    status="proved",
    hypotheses=(
        "torch.optim.SGD with momentum beta and dampening tau, c = 1 - tau, not Nesterov, coupled decay.",
        "<g_k, S theta_k> = 0 (or <c0, g_k> = 0) at every step; the tensors of the charge share hyper-parameters.",
        "Rates may change: rho = eta_{k+1}/eta_k. Where beta, tau or lam change, those of step k + 1 enter.",
    ),
    statement=r"\begin{aligned} q_{k+2} &= q_{k+1} + D_{k+1} + \rho\beta\,(q_{k+1} - q_k + D_k) - "
    r"2\eta_{k+1} c\lambda\, q_{k+1}, \qquad D_k = \Delta_k^\top S\Delta_k \\ "
    r"s_{k+2} &= s_{k+1} + \rho\beta\,(s_{k+1} - s_k) - \eta_{k+1} c\lambda\, s_{k+1} \end{aligned}",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table, wrong_values),
    properties=(
        exact_property(LAWS, heavy_ball, (*QUADRATIC, *LINEAR), examples=EXAMPLES),
        *float_properties(LAWS, heavy_ball, (*QUADRATIC, *LINEAR), examples=EXAMPLES),
    ),
    simulations=(
        Simulation(
            name="training",
            says="A run with momentum, dampening, decay and a cosine schedule obeys the recursion to rounding.",
            run=training,
        ),
    ),
    mutants=(
        violated(
            "minus-d", "D_k enters with a minus.", wrong(NAMES[1], _minus), heavy_ball, QUADRATIC, examples=EXAMPLES[:1]
        ),
        violated(
            "no-ratio",
            "The ratio of rates is left out.",
            wrong(NAMES[1], _without_ratio),
            heavy_ball,
            QUADRATIC,
            examples=[DROP_CASE],
        ),
        violated(
            "damped-first-step",
            "The first step is damped, as in research code.",
            wrong(NAMES[2], _damped_first),
            heavy_ball,
            LINEAR,
            examples=[logits(F(1, 2))],
        ),
        Mutant(
            name="decoupled-for-coupled",
            says="Decoupled decay obeys the same recursion.",
            violates=Property(
                "decoupled", "on SGDW", "rational", decoupled_cases, taken_for_coupled, examples=[DECOUPLED_CASE]
            ),
        ),
        rejected("undamped-decay", "Dampening spares the decay.", wrong(NAMES[1], _undamped_decay)),
    ),
)
