"""B0.param-groups: different rates and decays on the two sides of a rescale symmetry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Grouped, Number, Signed, Vector, View, find_law
from .._discrete import Case, bounded, charge_along, exact_run, float_run, judged, windows, worst
from .._groups import SIDES, Fixed, different_groups, neuron_case, same_product
from .._identities import exact_property, float_properties, proved, rejected, violated, wrong
from .._profiles import Profile
from .._theorem import Plot, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate
    from ...oracles.dynamics import Law

F = Fraction
OPEN, CLOSED = find_law("param-groups"), find_law("param-groups.closed")
TWO_SIDES = Signed({0: 1, 1: -1})
KNOWN_CASE = Case(
    Fixed(TWO_SIDES, (Vector((1, 1)), Vector((1,)))),
    (Vector((2, 1)), Vector((3,))),
    (Grouped((SGD(lr=F(1, 5), weight_decay=F(1, 2)), SGD(lr=F(1, 10), weight_decay=F(3))), (0, 1)),),
)
KNOWN_POINT = ((F(8, 5), F(7, 10)), (F(2),))
KNOWN_SIDES = (F(-6), F(-6))
"""One step from theta_1 = (2, 1), theta_2 = 3, and both sides, as the theory states them."""
UNEQUAL = neuron_case(
    (Grouped((SGD(lr=F(1, 8), weight_decay=F(1, 5)), SGD(lr=F(1, 4), weight_decay=F(1, 5))), SIDES),),
    inputs=1,
    hidden=1,
)


def derivation() -> Iterator[Step]:
    """Each side by itself, then what both share."""
    yield Step(
        "Scale invariance of the pair says that both sides meet their gradients alike: p = <theta_1, g_1> = "
        "<theta_2, g_2>. Expand the square of each side after the step, k_i = 1 - eta_i lam_i.",
        r"|\theta_i'|^2 = k_i^2|\theta_i|^2 - 2\eta_i k_i\, p + \eta_i^2|g_i|^2",
        _one_side(),
    )
    yield proved(
        OPEN.name,
        "Solve for -2 p and subtract. With free weights w_i, as for activations of degree alpha, whose outgoing "
        "weights count alpha times: what is left over is -2 sum_i w_i <theta_i, g_i>.",
    )
    yield proved(
        CLOSED.name,
        "With k_1 = k_2 = 1 - kappa the denominators are those of a charge: Q, with weights 1/eta_i, is closed.",
    )
    yield Step(
        "Otherwise no combination A |theta_1|^2 + B |theta_2|^2 is: p drops out of its change only for A eta_1 k_1 = "
        "B eta_2 k_2, and the old squares then enter as A k_1^2 and B k_2^2, a multiple of (A, B) only for "
        "k_1^2 = k_2^2. Decays below 1/eta_i make that k_1 = k_2. (For k_1 = -k_2 the sum is closed.)",
        r"A\eta_1k_1 = B\eta_2k_2, \qquad (A k_1^2, B k_2^2) \parallel (A, B) \iff k_1^2 = k_2^2",
    )
    yield Step(
        "Gradient flow with layer-wise rates and no decay conserves Q: the step's own contribution is of second order.",
        r"\frac{d}{dt}\Bigl(\frac{|\theta_1|^2}{\eta_1} - \frac{|\theta_2|^2}{\eta_2}\Bigr) = -2p + 2p = 0",
    )


def _one_side() -> Certificate:
    from ...oracles.dynamics import FormalCharge, Symbols, equal

    symbols = Symbols()
    theta, g, eta, lam = symbols.leaf("theta"), symbols.leaf("g"), symbols("eta"), symbols("lam")
    after, _ = SGD(lr=eta, weight_decay=lam).update(theta, g, None)
    square, k = FormalCharge("quadratic", symbols).pair, 1 - eta * lam
    right = k * k * square((theta,), (theta,)) - 2 * eta * k * square((theta,), (g,))
    return equal(symbols, [(square((after,), (after,)), right + eta * eta * square((g,), (g,)))])


def sides_of(case: Case) -> tuple[Fraction, ...]:
    """For each tensor: (|theta'|^2 - k^2 |theta|^2 - eta^2 |g|^2) / (eta k), which is -2 <theta, g>."""
    now, after = exact_run(case)
    optimizer, gradients = now.optimizer, now.gradients
    assert isinstance(optimizer, Grouped)
    assert gradients is not None
    found: list[Fraction] = []
    for i, group in enumerate(optimizer.groups):
        assert isinstance(group, SGD)
        g, k = gradients[i], 1 - group.lr * group.weight_decay
        squares = [(x * x).sum() for x in (after.parameters[i], k * now.parameters[i], group.lr * g)]
        found.append((squares[0] - squares[1] - squares[2]) / (group.lr * k))
    return tuple(found)


def table() -> Table:
    """The known step."""
    after, both = exact_run(KNOWN_CASE)[1].parameters, sides_of(KNOWN_CASE)
    rows = [
        (f"{i + 1}", ", ".join(map(str, KNOWN_CASE.start[i])), ", ".join(map(str, after[i])), str(both[i]))
        for i in range(2)
    ]
    agrees = tuple(leaf.entries for leaf in after) == KNOWN_POINT and both == KNOWN_SIDES
    title = "Rates 1/5 and 1/10, decays 1/2 and 3, gradients (1, 1) and 1"
    return Table(title, ("group", "theta", "theta'", "-2 p from the squares"), rows, agrees)


def _unweighted(view: View) -> tuple[Number, Number]:
    """The charge of one group, with the hyper-parameters of the first."""
    charge = view.charge
    assert isinstance(charge, Signed)
    h, g = view.of_tensor(0, view.tensors()[0]), view.gradient(0)
    keep = 1 - h.lr * h.weight_decay
    return view.value(1), keep * keep * view.value(0) + h.lr * h.lr * charge.pair(g, g)


def _without_k(view: View) -> tuple[Number, Number]:
    """The denominators are taken to be the rates alone."""
    charge = view.charge
    assert isinstance(charge, Signed)
    now, after, g = view.theta(0), view.theta(1), view.gradient(0)
    total: Number = 0
    for i in view.tensors():
        h = view.of_tensor(0, i)
        k = 1 - h.lr * h.weight_decay
        rest = charge.part(i, after[i], after[i]) - k * k * charge.part(i, now[i], now[i])
        total = (rest - h.lr * h.lr * charge.part(i, g[i], g[i])) / h.lr + total
    return total, 0


def _any_products() -> Law:
    """The closed form without its condition."""
    return replace(CLOSED, alike=())


def _free_decays() -> Law:
    """The closed form where each side has a free rate and a free decay."""
    return replace(CLOSED, setting=OPEN.setting)


def layer_wise_rates(profile: Profile) -> SimulationResult:
    """A ReLU network whose outgoing weights learn four times slower, at rates in ratio 2 and the same time.

    Residual and bound: the worst step of all runs in float64 (see ``properties/_discrete.py``).
    """
    time = (2, 4, 12)[profile.effort]
    found: list[Residual] = []
    curves: list[Series] = []
    ends: list[tuple[float, float]] = []
    for inverse in (16, 32, 64, 128):
        eta = F(1, inverse)
        groups = Grouped((SGD(lr=eta), SGD(lr=eta / 4)), SIDES)
        case = neuron_case((groups,) * (time * inverse))
        moments = bounded(float_run(case, "numpy"))
        for law in (OPEN, CLOSED):
            chosen = list(windows(law, moments, case.charge))[:: max(1, inverse // 16)]
            found += [judged(law, w, case.charge, case.target, "float64") for w in chosen]
        charge = case.charge
        assert isinstance(charge, Signed)
        shares = {i: (1 if i < 2 else 4) * mask for i, mask in charge.weights.items()}
        Q = charge_along(moments, Signed(shares))
        ends.append((float(eta), abs(Q[-1] - Q[0])))
        if inverse in (16, 128):
            curves.append(Series(f"eta Q, eta = 1/{inverse}", [(k / inverse, x - Q[0]) for k, x in enumerate(Q)]))
        if inverse == 128:
            plain = charge_along(moments, charge)
            points = [(k / inverse, x - plain[0]) for k, x in enumerate(plain)]
            curves.append(Series("unweighted, eta = 1/128", points))
    drift = Plot(
        "Layer-wise rates change what is conserved",
        "time k eta",
        "change since the start",
        curves,
        caption="One hidden neuron: incoming weights and bias learn at eta, outgoing weights at eta/4. The charge with "
        "weights 1/eta_i is kept up to O(eta), the usual balance is not kept at all.",
    )
    last = ends[-1]
    slope = Plot(
        "The drift of Q at a fixed time is of first order",
        "eta",
        "eta |Q_K - Q_0|",
        (
            Series("runs", ends, kind="points"),
            Series("slope 1", [(eta, last[1] * eta / last[0]) for eta, _ in ends]),
        ),
        x_scale="log",
        y_scale="log",
    )
    return SimulationResult(worst(found), (drift, slope))


THEOREM = Theorem(
    id="B0.param-groups",
    title="Parameter groups on both sides of a rescale symmetry",
    summary="Both sides of a neuron share one number a step; a charge is closed only for equal products eta lam.",
    source="derived",
    status="proved",
    hypotheses=(
        "sum_i w_i <theta_i, g_i> = 0 over tensors at every step: +1 and -1 for the two sides of a ReLU neuron, "
        "-alpha for the outgoing side of an activation of degree alpha.",
        "Plain SGD with coupled decay, rate eta_i and decay lam_i for tensor i, k_i = 1 - eta_i lam_i not 0.",
    ),
    statement=r"\frac{|\theta_1'|^2 - k_1^2|\theta_1|^2 - \eta_1^2|g_1|^2}{\eta_1 k_1} = "
    r"\frac{|\theta_2'|^2 - k_2^2|\theta_2|^2 - \eta_2^2|g_2|^2}{\eta_2 k_2} = -2p, \qquad "
    r"\eta_i\lambda_i = \kappa: \ Q' = (1-\kappa)^2 Q + \eta_1|g_1|^2 - \eta_2|g_2|^2, \quad "
    r"Q = \frac{|\theta_1|^2}{\eta_1} - \frac{|\theta_2|^2}{\eta_2}",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property((OPEN,), different_groups, ("rescale",), examples=[KNOWN_CASE]),
        exact_property(
            (OPEN, CLOSED),
            same_product,
            ("rescale",),
            name="closed",
            says="With equal eta lam the charge weighted by 1/eta_i is closed, exactly.",
        ),
        *float_properties(
            (OPEN,),
            different_groups,
            ("rescale",),
            says="torch.optim.SGD with two parameter groups (the same step on numpy arrays where torch is missing) in "
            "{dtype}: both sides agree within gamma(n) times the sum of their absolute terms.",
            examples=[KNOWN_CASE],
            share=0.3,
        ),
    ),
    simulations=(
        Simulation(
            name="layer-wise-rates",
            says="With layer-wise rates the weighted charge drifts in proportion to the rate, the usual one moves.",
            run=layer_wise_rates,
        ),
    ),
    mutants=(
        violated(
            "closed-anyway",
            "The charge weighted by 1/eta_i is closed for all decays.",
            _any_products(),
            different_groups,
            ("rescale",),
            examples=[UNEQUAL],
        ),
        violated(
            "unweighted",
            "The usual balance obeys the identity of SGD.",
            wrong(OPEN.name, _unweighted),
            different_groups,
            ("rescale",),
            examples=[UNEQUAL],
        ),
        rejected("without-k", "The denominators are the rates.", wrong(OPEN.name, _without_k)),
        rejected("closed-for-free-decays", "The closed form is derived for free decays.", _free_decays()),
    ),
)
