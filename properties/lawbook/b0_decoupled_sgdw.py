"""B0.decoupled-sgdw: momentum with decoupled decay; its translation charges forget the momentum altogether."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, SGDW, Number, Vector, View, find_law
from .._discrete import Case, bounded, cases, charge_along, exact_run, float_run, judged, windows, worst
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
from .._symmetric import LINEAR, OTHERS, QUADRATIC, Target
from .._theorem import Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
LINEAR_LAW, QUADRATIC_LAW, GENERATOR_LAW, FIRST_LINEAR, FIRST_QUADRATIC = LAWS = tuple(
    find_law(f"sgdw{name}")
    for name in (".linear", ".quadratic", ".generator", "-first-step.linear", "-first-step.quadratic")
)
EVERY = (*QUADRATIC, *LINEAR, *OTHERS)
QUOTIENT = Target("scale", (2,), ((F(1), F(-1), F(0)),), (2,))
"""The loss (w1^2 - w2^2) / (w1^2 + w2^2)."""
LOGITS = Target("translation", (2, 2), ((F(1), F(2)), (F(-1, 2), F(1))), (1, 2))
SGDW_HALF = SGDW(lr=F(1, 2), momentum=F(1, 2), weight_decay=F(1, 5))
KNOWN_CASE = Case(QUOTIENT, (Vector((1, 2)),), (SGDW_HALF,) * 2)
LOGITS_CASE = Case(LOGITS, (Vector((0, 1)), Vector((1, 0))), (replace(SGDW_HALF, lr=F(1, 10)),) * 4)
KNOWN = (F(5), F(2089, 500), F(1684697595565361, 455811548450000))
"""The charge along two steps, as the theory states it."""


def derivation() -> Iterator[Step]:
    """What is left of the step once the decay is taken out is the buffer."""
    yield Step(
        "Decay does not enter the buffer: theta_{k+1} - a_k theta_k = -eta_k v_{k+1}, a = 1 - eta lam. The rule of the "
        "buffer then says how these differences follow each other.",
        r"\theta_{k+2} - a_{k+1}\theta_{k+1} = \rho\beta\,(\theta_{k+1} - a_k\theta_k) - \eta_{k+1} g_{k+1}",
    )
    yield proved(
        GENERATOR_LAW.name,
        "Paired with any generator at theta_{k+1} the gradient drops out: weights are enough, for rotations too.",
        "generator",
    )
    yield proved(
        QUADRATIC_LAW.name,
        "For a symmetric form, polarise: the square E of the difference plays the part that D has under heavy ball. "
        "Two steps of the optimizer on free vectors.",
    )
    yield proved(LINEAR_LAW.name, "Translations obey a linear recursion.")
    yield proved(FIRST_QUADRATIC.name, "The first step, with an empty buffer:")
    yield proved(FIRST_LINEAR.name, "and for translations:")
    yield Step(
        "At constant hyper-parameters the recursion of translations has the roots a and beta, always real. From "
        "s_1 = a s_0 the root beta never enters: after an empty buffer the charge is geometric, whatever the momentum. "
        "Coupled decay has other roots, and oscillates (B0.hb-closed-form).",
        r"r^2 - (a + \beta)\,r + a\beta = (r - a)(r - \beta), \qquad s_k = a^k s_0",
        _roots(),
    )


def _roots() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    r, a, beta, s = symbols("r"), symbols("a"), symbols("beta"), symbols("s")
    after = a * (a * s) + beta * (a * s - a * s)  # the recursion from s and a s
    return equal(symbols, [(r * r - (a + beta) * r + a * beta, (r - a) * (r - beta)), (after, a * a * s)])


def sgdw(steps: int) -> SearchStrategy[tuple[SGDW, ...]]:
    """The rates, decays and momenta of ``sgd_steps``, decoupled."""

    def decoupled(h: SGD) -> SGDW:
        return SGDW(lr=h.lr, momentum=h.momentum, weight_decay=h.weight_decay, maximize=h.maximize)

    return heavy_ball(steps).map(lambda chosen: tuple(map(decoupled, chosen)))


def table() -> Table:
    """The known charges."""
    found = tuple(KNOWN_CASE.charge.pair(m.parameters, m.parameters) for m in exact_run(KNOWN_CASE))
    title = "|w|^2 on (w1^2 - w2^2)/(w1^2 + w2^2) from (1, 2): eta = 1/2, lam = 1/5, beta = 1/2"
    return Table(title, ("step", "|w|^2"), [(k, str(q)) for k, q in enumerate(found)], found == KNOWN)


def check_geometric(case: Case) -> Residual:
    """Translations from an empty buffer: s_K is s_0 times all a_k."""
    moments, keep = exact_run(case), F(1)
    for h in case.optimizers:
        keep *= 1 - h.lr * h.weight_decay
    first, last = moments[0].parameters, moments[-1].parameters
    value = case.charge.pair(last, last) - keep * case.charge.pair(first, first)
    return Residual(abs(value), nontrivial=any(h.momentum for h in case.optimizers) and first != last)


def as_heavy_ball(view: View) -> tuple[Number, Number]:
    """The recursion of coupled decay."""
    h = view.optimizer(1)
    inner = view.value(1) - view.value(0) + view.square(view.delta(0))
    right = view.value(1) + view.square(view.delta(1)) + view.ratio(0) * h.momentum * inner
    return view.value(2), right - 2 * h.lr * h.weight_decay * view.value(1)


def _keeps(view: View) -> tuple[Number, Number]:
    first, second = (1 - h.lr * h.weight_decay for h in (view.optimizer(0), view.optimizer(1)))
    return first, second


def _quadratic(view: View, steps: tuple[Any, Any], carried: Number) -> tuple[Number, Number]:
    a, b = _keeps(view)
    E0, E1 = (view.square(step) for step in steps)
    inner = view.value(1) - a * a * view.value(0) + E0
    right = b * b * view.value(1) + E1 + carried * view.ratio(0) * view.optimizer(1).momentum * inner
    return view.value(2), right


def _plain_steps(view: View) -> tuple[Number, Number]:
    """The squares of the steps where those of the differences belong."""
    return _quadratic(view, (view.delta(0), view.delta(1)), _keeps(view)[1])


def _undecayed(view: View) -> tuple[Number, Number]:
    """The carried part without the factor a."""
    a, b = _keeps(view)
    return _quadratic(view, (view.delta(0, a), view.delta(1, b)), 1)


def _half_decay(view: View) -> tuple[Number, Number]:
    """a where a^2 belongs, inside the carried part."""
    a, b = _keeps(view)
    left, right = QUADRATIC_LAW.sides(view)
    return left, right + b * view.ratio(0) * view.optimizer(1).momentum * (a * a - a) * view.value(0)


def coupled_and_decoupled(profile: Profile) -> SimulationResult:
    """A translation and a balance under both kinds of decay, at the same hyper-parameters.

    Residual and bound: the worst step of the decoupled runs in float64 and float32 (``properties/_discrete.py``).
    """
    steps = (24, 100, 300)[profile.effort]
    options: dict[str, Any] = {"lr": F(1, 32), "momentum": F(9, 10), "weight_decay": F(1, 2)}
    found: list[Residual] = []
    shown: list[Series] = []
    for label, optimizer in (("decoupled", SGDW(**options)), ("coupled", SGD(**options))):
        case = replace(LOGITS_CASE, optimizers=(optimizer,) * steps)
        moments = bounded(float_run(case, "numpy"))
        s = charge_along(moments, case.charge)
        shown.append(Series(label, [(float(k), value) for k, value in enumerate(s)]))
        if isinstance(optimizer, SGDW):
            found += [
                judged(LINEAR_LAW, w, case.charge, LOGITS, "float64") for w in windows(LINEAR_LAW, moments, case.charge)
            ]
            keep = float(1 - optimizer.lr * optimizer.weight_decay)
            powers = [(float(k), s[0] * keep**k) for k in range(0, len(s), 4)]
            shown.append(Series("a^k s_0", powers, kind="points"))
    translation = Plot(
        "Decoupled decay keeps momentum out of a translation charge",
        "step",
        "s_k",
        shown,
        caption="Rate 1/32, momentum 9/10, decay 1/2 for both. Where decay goes through the buffer the charge "
        "oscillates; decoupled, it is geometric.",
    )
    network = network_case((replace(SGDW(**options), weight_decay=F(1, 20)),) * steps)
    curves: list[Series] = []
    law, coupled = QUADRATIC_LAW, wrong(QUADRATIC_LAW.name, as_heavy_ball)
    for dtype in ("float64", "float32"):
        moments = bounded(float_run(network, "numpy", dtype))
        here = [judged(law, w, network.charge, network.target, dtype) for w in windows(law, moments, network.charge)]
        found += here
        points = [(k + 2.0, float(r.value)) for k, r in enumerate(here) if r.value]
        curves.append(Series(f"residual, {dtype}", points, kind="points"))
        curves.append(Series(f"bound, {dtype}", [(k + 2.0, float(r.bound)) for k, r in enumerate(here)], kind="bound"))
        if dtype == "float64":
            off = [
                judged(coupled, w, network.charge, network.target, dtype) for w in windows(law, moments, network.charge)
            ]
            curves.append(Series("recursion of coupled decay", [(k + 2.0, float(r.value)) for k, r in enumerate(off)]))
    balance = Plot(
        "Three snapshots of the weights tell which decay was used",
        "step",
        "left minus right",
        curves,
        y_scale="log",
        caption="The balance of one hidden neuron of a network trained with SGDW on minibatches.",
    )
    return SimulationResult(worst(found), (translation, balance))


THEOREM = Theorem(
    id="B0.decoupled-sgdw",
    title="Momentum with decoupled decay",
    summary="With decoupled decay all charges obey recursions in the weights; translations do not feel the momentum.",
    source="derived",
    status="proved",
    hypotheses=(
        "SGDW: v' = beta v + g, theta' = (1 - eta lam) theta - eta v', a = 1 - eta lam. It is not in torch.optim.",
        "<g_k, xi(theta_k)> = 0 at every step, xi(theta) = M theta + c0; common hyper-parameters for its tensors.",
        "For s_k = a^k s_0 the run starts with an empty buffer.",
    ),
    statement=r"\begin{aligned} q_{k+2} &= a^2 q_{k+1} + E_{k+1} + a\beta\,(q_{k+1} - a^2 q_k + E_k), \qquad "
    r"E_k = |\theta_{k+1} - a\theta_k|_S^2 \\ s_{k+2} &= a s_{k+1} + \beta\,(s_{k+1} - a s_k), \qquad "
    r"s_k = a^k s_0 \ \text{from an empty buffer} \end{aligned}",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property(LAWS, sgdw, EVERY, examples=(KNOWN_CASE, LOGITS_CASE)),
        Property(
            name="no-momentum",
            says="From an empty buffer a translation is multiplied by a_k at every step, whatever the momentum.",
            arithmetic="rational",
            cases=lambda: cases(sgdw(4), *LINEAR, steps=4),
            check=check_geometric,
            examples=(LOGITS_CASE,),
            share=0.5,
        ),
        *float_properties(
            LAWS,
            sgdw,
            EVERY,
            says="Runs in {dtype} by torch.optim.SGD on parameters that were multiplied by a before (by our own step "
            "where torch is missing): the residual stays within gamma(n) times the sum of its absolute terms.",
            examples=(KNOWN_CASE, LOGITS_CASE),
            share=0.3,
        ),
    ),
    simulations=(
        Simulation(
            name="coupled-and-decoupled",
            says="Decoupled runs obey their recursions to rounding; at the same hyper-parameters coupled ones differ.",
            run=coupled_and_decoupled,
        ),
    ),
    mutants=(
        violated(
            "coupled-recursion",
            "The recursion of coupled decay holds as well.",
            wrong(QUADRATIC_LAW.name, as_heavy_ball),
            sgdw,
            QUADRATIC,
            examples=[KNOWN_CASE],
        ),
        violated(
            "squares-of-steps",
            "D takes the place of E.",
            wrong(QUADRATIC_LAW.name, _plain_steps),
            sgdw,
            QUADRATIC,
            examples=[KNOWN_CASE],
        ),
        rejected("undecayed", "What momentum carries is not multiplied by a.", wrong(QUADRATIC_LAW.name, _undecayed)),
        rejected("half-decay", "The old charge is multiplied by a, not a^2.", wrong(QUADRATIC_LAW.name, _half_decay)),
    ),
)
