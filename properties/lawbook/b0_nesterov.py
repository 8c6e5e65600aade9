"""B0.nesterov: what charges do under Nesterov momentum as PyTorch has it, and what heavy ball cannot say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Number, Vector, View, find_law
from .._discrete import Case, bounded, charge_along, exact_run, float_run, judged, windows, worst
from .._identities import (
    exact_property,
    float_properties,
    nesterov,
    network_case,
    proved,
    rejected,
    same_vectors,
    violated,
    wrong,
)
from .._profiles import Profile
from .._symmetric import LINEAR, OTHERS, QUADRATIC, Target
from .._theorem import Plot, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate
    from ...oracles.dynamics import Symbols

F = Fraction
LINEAR_LAW, QUADRATIC_LAW, GENERATOR_LAW, FIRST_LINEAR, FIRST_QUADRATIC = LAWS = tuple(
    find_law(f"nesterov{name}")
    for name in (".linear", ".quadratic", ".generator", "-first-step.linear", "-first-step.quadratic")
)
EVERY = (*QUADRATIC, *LINEAR, *OTHERS)
QUOTIENT = Target("scale", (2,), ((F(1), F(-1), F(0)),), (2,))
"""The loss (w1^2 - w2^2) / (w1^2 + w2^2)."""
LOGITS = Target("translation", (2, 2), ((F(1), F(2)), (F(-1, 2), F(1))), (1, 2))
QUOTIENT_CASE = Case(
    QUOTIENT, (Vector((1, 2)),), (SGD(lr=F(1, 2), momentum=F(1, 2), weight_decay=F(1, 5), nesterov=True),) * 2
)
LOGITS_CASE = Case(
    LOGITS,
    (Vector((0, 1)), Vector((1, 0))),
    (SGD(lr=F(1, 10), momentum=F(1, 2), weight_decay=F(1, 5), nesterov=True),) * 3,
)
EXAMPLES = (QUOTIENT_CASE, LOGITS_CASE)
KNOWN_QUOTIENT = (F(5), F(7801, 2000), F(1088080416861618769, 379787634720800000))
KNOWN_POINT = (F(37, 100), F(97, 50))
KNOWN_HEAVY_BALL = F(1147726064894520409, 379787634720800000)
KNOWN_LOGITS = (F(3), F(291, 100), F(28077, 10000), F(2701419, 1000000))
"""T4 and T1, as the theory states them."""


def derivation() -> Iterator[Step]:
    """One identity of vectors; then pair it."""
    yield Step(
        "PyTorch steps along d + beta v', with d = g + lam theta and the new buffer v' = beta v + d. Two steps share a "
        "buffer; without it one identity of vectors is left, with rho = eta_{k+1}/eta_k. It contains the gradients of "
        "both steps, where that of heavy ball contains only the last.",
        r"\Delta_{k+1} = \rho\beta\,\Delta_k - \eta_{k+1}\bigl((1+\beta)\,d_{k+1} - \beta\,d_k\bigr)",
        _vectors(),
    )
    yield proved(
        LINEAR_LAW.name,
        "Paired with a constant covector both gradients vanish: weights are enough. Left over are their pairings.",
    )
    yield Step(
        "For quadratic charges pair with S theta_{k+1}. Now g_k meets S at the end of its step instead of the start: "
        "X_k = <S theta_{k+1}, d_k>. The symmetry removes <S theta_k, g_k>, polarisation does the rest.",
        r"X_k = \langle S\Delta_k, g_k\rangle + \tfrac{\lambda}{2}(q_{k+1} + q_k - D_k)",
        _crossed(),
    )
    yield proved(
        QUADRATIC_LAW.name, "The recursion of quadratic charges; both gradients of the window are paired with S."
    )
    yield proved(
        GENERATOR_LAW.name,
        "Any affine generator, rotations among them. So an antisymmetric charge is not geometric as under heavy ball, "
        "but it has an identity, if the gradient is known.",
        "generator",
    )
    yield proved(FIRST_LINEAR.name, "The first step has an empty buffer and makes 1 + beta of its length.")
    yield proved(FIRST_QUADRATIC.name, "The same for quadratic charges.")
    yield Step(
        "At a constant rate phi = theta + eta beta v moves like heavy ball whose gradient is taken at phi - eta beta v:"
        " the published look-ahead form.",
        r"\varphi_{k+1} = \varphi_k - \eta v_{k+1}, \qquad \varphi_k = \theta_k + \eta\beta v_k",
        _look_ahead(),
    )
    yield Step(
        "Two steps of weights alone cannot do. Let S = 1, theta_k = (1, 0), Delta_k = (0, 1), lam = 0 and g_{k+1} = 0. "
        "The gradient g_k = (0, t) is orthogonal to theta_k for every t, and a buffer exists that makes this step; yet "
        "the next charge depends on t.",
        r"q_{k+2} = 1 + (1 + \beta + \eta\beta t)^2",
        _two_pasts(),
    )
    yield Step(
        "From the first step of a run on, the past is known: d_k and v_{k+1} follow from the steps so far, and with "
        "them X_k. So whole histories are enough, windows are not.",
        r"d_k = -\frac{\Delta_k/\eta_k + \beta^2 v_k}{1+\beta}, \qquad v_{k+1} = \beta v_k + d_k, \quad v_0 = 0",
    )


def _two_steps() -> tuple[Symbols, Any, Any, Any, list[Any]]:
    """Points, rates and d's of two steps on free vectors, by the optimizer's own code."""
    from ...oracles.dynamics import formal_window

    symbols, moments, _ = formal_window(QUADRATIC_LAW, "quadratic")
    points = [moment.parameters[0] for moment in moments]
    steps = [after - before for before, after in pairwise(points)]
    chosen: list[Any] = [moment.optimizer for moment in moments[:2]]
    gradients: list[Any] = [moment.gradients[0] for moment in moments[:2] if moment.gradients]
    ds = [g + h.weight_decay * p for g, h, p in zip(gradients, chosen, points, strict=False)]
    return symbols, points, steps, ds, chosen


def _vectors() -> Certificate:
    symbols, _, steps, ds, chosen = _two_steps()
    beta, eta, ratio = chosen[1].momentum, chosen[1].lr, chosen[1].lr / chosen[0].lr
    return same_vectors(symbols, [(steps[1], (ratio * beta) * steps[0] - eta * ((1 + beta) * ds[1] - beta * ds[0]))])


def _crossed() -> Certificate:
    from ...oracles.dynamics import FormalCharge, equal

    symbols, points, steps, ds, chosen = _two_steps()
    charge, lam = FormalCharge("quadratic", symbols), chosen[0].weight_decay
    gradient = ds[0] - lam * points[0]

    def pair(a: object, b: object) -> Number:
        return charge.pair((a,), (b,))

    q0, q1, D0 = pair(points[0], points[0]), pair(points[1], points[1]), pair(steps[0], steps[0])
    right = pair(steps[0], gradient) + lam * (q1 + q0 - D0) / 2 + pair(points[0], gradient)
    return equal(symbols, [(pair(points[1], ds[0]), right)])


def _look_ahead() -> Certificate:
    from ...oracles.dynamics import Symbols

    symbols = Symbols()
    eta, beta = symbols("eta"), symbols("beta")
    theta, v, g = symbols.leaf("theta"), symbols.leaf("v"), symbols.leaf("g")
    after, buffer = SGD(lr=eta, momentum=beta, nesterov=True).update(theta, g, v)
    phi, phi_after = theta + (eta * beta) * v, after + (eta * beta) * buffer
    return same_vectors(symbols, [(phi_after, phi - eta * buffer), (theta, phi - (eta * beta) * v)])


def _two_pasts() -> Certificate:
    from ...oracles.dynamics import Symbols, equal, run

    symbols = Symbols()
    eta, beta, t = symbols("eta"), symbols("beta"), symbols("t")
    h = SGD(lr=eta, momentum=beta, nesterov=True)
    # -eta (g + beta (beta v + g)) = (0, 1)
    buffer = -(1 / eta + (1 + beta) * t) / (beta * beta)
    gradients = (Vector((0 * t, t)), Vector((0 * t, 0 * t)))
    one = 0 * t + 1
    moments = run([h, h], (Vector((one, 0 * t)),), lambda k, _: (gradients[k],), state=(Vector((0 * t, buffer)),))
    middle, end = moments[1].parameters[0], moments[2].parameters[0]
    charge = end[0] * end[0] + end[1] * end[1]
    return equal(symbols, [(middle[0], 1), (middle[1], 1), (charge, 1 + (1 + beta + eta * beta * t) ** 2)])


def values(case: Case) -> tuple[Fraction, ...]:
    """The charge along the exact run."""
    return tuple(case.charge.pair(m.parameters, m.parameters) for m in exact_run(case))


def heavy_ball_sides(view: View) -> tuple[Number, Number]:
    """The recursion of heavy ball, quadratic."""
    return find_law("hb-two-step.quadratic").sides(view)


def table() -> Table:
    """T1 and T4 from exact runs."""
    quotient, logits = values(QUOTIENT_CASE), values(LOGITS_CASE)
    moments = exact_run(QUOTIENT_CASE)
    predicted = heavy_ball_sides(View(moments, QUOTIENT_CASE.charge))[1]
    rows = [
        ("T4: (w1^2 - w2^2)/(w1^2 + w2^2) from (1, 2), eta = 1/2", *map(str, quotient), ""),
        ("T4: q_2 by the recursion of heavy ball", "", "", str(predicted), ""),
        ("T1: translation, eta = 1/10", *map(str, logits)),
    ]
    agrees = (quotient, predicted, logits) == (KNOWN_QUOTIENT, KNOWN_HEAVY_BALL, KNOWN_LOGITS)
    agrees = agrees and moments[1].parameters[0].entries == KNOWN_POINT
    return Table("Charges under Nesterov momentum, beta = 1/2, lam = 1/5", ("run", "0", "1", "2", "3"), rows, agrees)


def _without_x(view: View) -> tuple[Number, Number]:
    """The pull of the earlier gradient is forgotten."""
    h = view.optimizer(1)
    left, right = QUADRATIC_LAW.sides(view)
    X = view.form(view.gradient(0), view.delta(0))
    return left, right - 2 * h.lr * h.momentum * X


def _single_decay(view: View) -> tuple[Number, Number]:
    """The decay of heavy ball: no look-ahead in it."""
    h = view.optimizer(1)
    s0, s1 = view.value(0), view.value(1)
    return view.value(2), s1 + view.ratio(0) * h.momentum * (s1 - s0) - h.lr * h.weight_decay * s1


def _short_first(view: View) -> tuple[Number, Number]:
    h = view.optimizer(0)
    return view.value(1), (1 - h.lr * h.weight_decay) * view.value(0)


def _geometric(view: View) -> tuple[Number, Number]:
    """A rotation under heavy ball: the buffer's part is geometric."""
    h = view.optimizer(1)
    return view.pair(view.delta(1), 1), view.ratio(0) * h.momentum * view.pair(view.delta(0), 0)


def training(profile: Profile) -> SimulationResult:
    """The balance of a ReLU neuron and a translation under Nesterov momentum.

    Residual and bound: the worst step in float64 and in float32 (see ``properties/_discrete.py``).
    """
    steps = (24, 100, 400)[profile.effort]
    case = network_case((SGD(lr=F(1, 64), momentum=F(9, 10), weight_decay=F(1, 20), nesterov=True),) * steps)
    curves: list[Series] = []
    found: list[Residual] = []
    heavy = wrong(QUADRATIC_LAW.name, heavy_ball_sides)
    for dtype in ("float64", "float32"):
        moments = bounded(float_run(case, "numpy", dtype))
        here = [
            judged(QUADRATIC_LAW, w, case.charge, case.target, dtype)
            for w in windows(QUADRATIC_LAW, moments, case.charge)
        ]
        found += here
        points = [(k + 2.0, float(r.value)) for k, r in enumerate(here) if r.value]
        curves.append(Series(f"Nesterov, {dtype}", points, kind="points"))
        curves.append(Series(f"bound, {dtype}", [(k + 2.0, float(r.bound)) for k, r in enumerate(here)], kind="bound"))
        if dtype == "float64":
            off = [judged(heavy, w, case.charge, case.target, dtype) for w in windows(heavy, moments, case.charge)]
            curves.append(Series("heavy-ball recursion", [(k + 2.0, float(r.value)) for k, r in enumerate(off)]))
    residuals = Plot(
        "Nesterov momentum is not heavy ball",
        "step",
        "left minus right",
        curves,
        y_scale="log",
        caption="The balance of one hidden neuron on minibatches, momentum 0.9: the recursion with the gradient holds "
        "to rounding, that of heavy ball does not hold.",
    )
    shown: list[Series] = []
    for label, look in (("Nesterov", True), ("heavy ball", False)):
        sgd = SGD(lr=F(1, 32), momentum=F(9, 10), weight_decay=F(1, 2), nesterov=look)
        run = float_run(replace(LOGITS_CASE, optimizers=(sgd,) * min(2 * steps, 100)), "numpy")
        values_of = charge_along(run, LOGITS_CASE.charge)
        shown.append(Series(label, [(float(k), value) for k, value in enumerate(values_of)]))
        if look:
            found += [
                judged(LINEAR_LAW, w, LOGITS_CASE.charge, LOGITS, "float64")
                for w in windows(LINEAR_LAW, run, LOGITS_CASE.charge)
            ]
    translation = Plot(
        "The same rate, momentum and decay: looking ahead damps the oscillation",
        "step",
        "s_k",
        shown,
        caption="A translation charge under decay; its course does not depend on the loss.",
    )
    return SimulationResult(worst(found), (residuals, translation))


THEOREM = Theorem(
    id="B0.nesterov",
    title="Charges under Nesterov momentum",
    summary="Translations obey a recursion in the weights; all other charges one that needs the gradient as well.",
    source="derived",
    status="proved",
    hypotheses=(
        "torch.optim.SGD with nesterov=True: momentum beta > 0, no dampening, coupled decay.",
        "<g_k, xi(theta_k)> = 0 at every step, xi(theta) = M theta + c0; common hyper-parameters for its tensors.",
        "beta does not change; rates and decays may.",
    ),
    statement=r"\begin{aligned} s_{k+2} &= s_{k+1} + \rho\beta\,(s_{k+1} - s_k) - "
    r"\eta_{k+1}\bigl((1+\beta)\lambda_{k+1} s_{k+1} - \beta\lambda_k s_k\bigr) \\ "
    r"q_{k+2} &= q_{k+1} + D_{k+1} + \rho\beta\,(q_{k+1} - q_k + D_k) - "
    r"2\eta_{k+1}\bigl((1+\beta)\lambda_{k+1} q_{k+1} - \beta X_k\bigr), \quad "
    r"X_k = \langle S\Delta_k, g_k\rangle + \tfrac{\lambda_k}{2}(q_{k+1} + q_k - D_k) \end{aligned}",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property(LAWS, nesterov, EVERY, examples=EXAMPLES),
        *float_properties(LAWS, nesterov, EVERY, examples=EXAMPLES, share=0.3),
    ),
    simulations=(
        Simulation(
            name="training",
            says="Runs with Nesterov momentum obey its recursions to rounding, and not those of heavy ball.",
            run=training,
        ),
    ),
    mutants=(
        violated(
            "heavy-ball",
            "A run with Nesterov momentum obeys the recursion of heavy ball.",
            wrong(QUADRATIC_LAW.name, heavy_ball_sides),
            nesterov,
            QUADRATIC,
            examples=[QUOTIENT_CASE],
        ),
        violated(
            "short-first-step",
            "The first step is one of plain SGD.",
            wrong(FIRST_LINEAR.name, _short_first),
            nesterov,
            LINEAR,
            examples=[LOGITS_CASE],
        ),
        violated(
            "geometric-rotation",
            "The momentum of a rotation is beta-geometric, as under heavy ball.",
            wrong(GENERATOR_LAW.name, _geometric),
            nesterov,
            ("rotation",),
        ),
        rejected(
            "weights-only",
            "Weights are enough: the pairing of the step with its gradient is left out.",
            wrong(QUADRATIC_LAW.name, _without_x),
        ),
        rejected(
            "single-decay", "The decay enters as under heavy ball.", wrong(LINEAR_LAW.name, _single_decay), "linear"
        ),
    ),
)
