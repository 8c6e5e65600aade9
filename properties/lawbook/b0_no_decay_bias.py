"""B0.no-decay-bias: decay on weights and none on biases, as most scripts have it, and what it does to balances."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Grouped, Number, Signed, Vector, View, find_law
from .._discrete import Case, bounded, charge_along, exact_run, float_run, judged, windows, worst
from .._groups import BIAS_APART, bias_spared, neuron_case
from .._identities import exact_property, float_properties, proved, rejected, violated, wrong
from .._profiles import Profile
from .._symmetric import Target
from .._theorem import Plot, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate
    from ...oracles.dynamics import Charge, Moment

F = Fraction
LAW = find_law("no-decay-bias")
DECAYED, SPARED = SGD(lr=F(1, 2), weight_decay=F(1, 5)), SGD(lr=F(1, 2))
KNOWN_CASE = Case(
    Target("rescale", (1, 1, 1), ((F(1), F(0)),), (1, 1)),
    (Vector((2,)), Vector((1,)), Vector((F(1, 3),))),
    (Grouped((DECAYED, SPARED), BIAS_APART),),
)
"""The loss (o relu(w x + b))^2 / 2 at x = 1, from (w, b, o) = (2, 1, 1/3)."""
KNOWN_GRADIENT = (F(1, 3), F(1, 3), F(3))
KNOWN_POINT = (F(49, 30), F(5, 6), F(-6, 5))
KNOWN_CHARGES = (F(44, 9), F(173, 90))
KNOWN_WRONG = (F(88, 45), F(1589, 900))
"""T3, as the theory states it."""


def derivation() -> Iterator[Step]:
    """Three squares, one of which keeps its cross term."""
    yield Step(
        "Expand the squares of incoming weights w, bias b and outgoing weights o after a step. With a = 1 - eta lam "
        "the cross terms of w and o carry -2 eta a, that of b carries -2 eta.",
        r"-2\eta a\,(\langle w, g_w\rangle - \langle o, g_o\rangle) - 2\eta\,\langle b, g_b\rangle",
    )
    yield Step(
        "The symmetry says <w, g_w> - <o, g_o> = -<b, g_b>. What remains is -2 eta (1 - a) <b, g_b>, of second order "
        "in eta like the squares of the gradients, and as easily forgotten.",
        r"-2\eta\,(1-a)\,\langle b, g_b\rangle = -2\eta^2\lambda\,\langle b, g_b\rangle",
        _spared(),
    )
    yield proved(
        LAW.name,
        "Any number of groups at a common rate: each decay that differs from the first leaves such a term. Checked on "
        "three tensors with free decays and free weights w_i.",
    )
    yield Step(
        "Momentum would need the recursion of each group (B0.hb-two-step) with its own decay; their cross terms do not "
        "cancel either. Equal decays, or no decay, make the term vanish.",
    )


def _spared() -> Certificate:
    """The statement itself, with the optimizer's own code; left over is -2 eta (1 - eta lam) of the symmetry."""
    from ...oracles.dynamics import Symbols, equal, run

    symbols = Symbols()
    eta, lam = symbols("eta"), symbols("lam")
    start = tuple(symbols.at(i).leaf("theta") for i in range(3))
    g = tuple(symbols.at(i).leaf("g") for i in range(3))
    groups = Grouped((SGD(lr=eta, weight_decay=lam), SGD(lr=eta)), BIAS_APART)
    moments = run([groups], start, lambda k, p: g)
    charge = Signed({0: 1, 1: 1, 2: -1})
    view = View(moments, charge)
    left, right = _statement(view)
    return equal(symbols, [(left, right - 2 * eta * (1 - eta * lam) * view.defect(0))])


def _statement(view: View, *, defect: Number = -2, bias: bool = False) -> tuple[Number, Number]:
    """(1 - eta lam)^2 (|w|^2 - |o|^2) + |b|^2 + eta^2 |g|_S^2 + defect eta^2 lam <b, g_b>.

    Args:
        defect: the factor of the last term.
        bias: decay the square of the bias too.
    """
    charge = view.charge
    assert isinstance(charge, Signed)
    theta, g = view.theta(0), view.gradient(0)
    h = view.of_tensor(0, 0)
    keep = 1 - h.lr * h.weight_decay
    w, b, o = (charge.part(i, theta[i], theta[i]) for i in range(3))
    kept = keep * keep * (w + b + o) if bias else keep * keep * (w + o) + b
    squared = h.lr * h.lr * charge.pair(g, g)
    return view.value(1), kept + squared + defect * (h.lr * h.lr * h.weight_decay) * charge.part(1, theta[1], g[1])


def _no_defect(view: View) -> tuple[Number, Number]:
    return _statement(view, defect=0)


def _bias_decayed(view: View) -> tuple[Number, Number]:
    return _statement(view, defect=0, bias=True)


def _wrong_sign(view: View) -> tuple[Number, Number]:
    left, right = LAW.sides(view)
    charge, first = view.charge, view.of_tensor(0, 0)
    assert isinstance(charge, Signed)
    eta, theta, g = first.lr, view.theta(0), view.gradient(0)
    for i in view.tensors():
        off = view.of_tensor(0, i).weight_decay - first.weight_decay
        right = right - 4 * eta * eta * off * charge.part(i, theta[i], g[i])
    return left, right


STATEMENT = wrong(LAW.name, _statement)
"""The same identity as it is stated here, for the tensors (w, b, o)."""


def table() -> Table:
    """T3: the step, the charge, and what wrong formulas make of it."""
    moments = exact_run(KNOWN_CASE)
    view = View(moments, KNOWN_CASE.charge)
    point = tuple(leaf[0] for leaf in view.theta(1))
    gradient = tuple(leaf[0] for leaf in view.gradient(0))
    charges = (view.value(0), view.value(1))
    mistaken = (_no_defect(view)[1], _bias_decayed(view)[1])
    rows = [
        ("gradient", ", ".join(map(str, gradient))),
        ("(w, b, o) after the step", ", ".join(map(str, point))),
        ("Q before", str(charges[0])),
        ("Q after", str(charges[1])),
        ("Q after, by the statement", str(_statement(view)[1])),
        ("wrong: defect dropped", str(mistaken[0])),
        ("wrong: bias decayed", str(mistaken[1])),
    ]
    found = (gradient, point, charges, mistaken)
    agrees = found == (KNOWN_GRADIENT, KNOWN_POINT, KNOWN_CHARGES, KNOWN_WRONG)
    return Table("T3: (o relu(w + b))^2/2 from (2, 1, 1/3), eta = 1/2, lam = 1/5", ("what", "value"), rows, agrees)


def predictions(moments: tuple[Moment, ...], charge: Charge) -> dict[str, list[float]]:
    """By how much wrong formulas miss the charge when each follows its own last value; old errors shrink by a^2."""
    found: dict[str, list[float]] = {}
    for label, sides in (("defect dropped", _no_defect), ("bias decayed", _bias_decayed)):
        off = [0.0]
        for before, after in pairwise(moments):
            view = View((before, after), charge)
            h = view.of_tensor(0, 0)
            left, right = sides(view)
            off.append((1 - h.lr * h.weight_decay) ** 2 * off[-1] + float(right) - float(left))
        found[label] = off
    return found


def standard_practice(profile: Profile) -> SimulationResult:
    """A ReLU network with decay on weights only, and what the forgotten term adds up to.

    Residual and bound: the worst step in float64 and float32 (see ``properties/_discrete.py``).
    """
    from .._discrete import array_charge

    steps = (40, 200, 800)[profile.effort]
    groups = Grouped((SGD(lr=F(1, 32), weight_decay=F(1, 5)), SGD(lr=F(1, 32))), BIAS_APART)
    case = neuron_case((groups,) * steps, batches=5)
    found: list[Residual] = []
    curves: list[Series] = []
    runs = {dtype: tuple(bounded(float_run(case, "numpy", dtype))) for dtype in ("float64", "float32")}
    for dtype, moments in runs.items():
        here = [judged(LAW, w, case.charge, case.target, dtype) for w in windows(LAW, moments, case.charge)]
        found += here
        points = [(k + 1.0, float(r.value)) for k, r in enumerate(here) if r.value]
        curves.append(Series(f"residual, {dtype}", points, kind="points"))
        curves.append(Series(f"bound, {dtype}", [(k + 1.0, float(r.bound)) for k, r in enumerate(here)], kind="bound"))
    moments = runs["float64"]
    dropped = wrong(LAW.name, _no_defect)
    off = [judged(dropped, w, case.charge, case.target, "float64") for w in windows(LAW, moments, case.charge)]
    curves.append(Series("defect dropped", [(k + 1.0, float(r.value)) for k, r in enumerate(off) if r.value]))
    residuals = Plot(
        "The defect of undecayed biases stands far above rounding",
        "step",
        "left minus right",
        curves,
        y_scale="log",
        caption="One hidden ReLU neuron; decay 1/5 on incoming and outgoing weights, none on biases.",
    )
    charge = array_charge(case.charge, moments[0].parameters)
    followed = predictions(moments, charge)
    Q = charge_along(moments, case.charge)
    shown = [Series("Q", [(float(k), q) for k, q in enumerate(Q)])]
    shown += [
        Series(label, [(float(k), q + x) for k, (q, x) in enumerate(zip(Q, errors, strict=True))])
        for label, errors in followed.items()
    ]
    course = Plot(
        "Where wrong formulas go when they are followed from the start",
        "step",
        "Q",
        shown,
        caption="Each formula is given the true gradients and biases and its own last value of Q.",
    )
    return SimulationResult(worst(found), (residuals, course))


THEOREM = Theorem(
    id="B0.no-decay-bias",
    title="No decay on biases",
    summary="Sparing biases the decay adds a term to the balance of a neuron, of the size of the squared gradients.",
    source="derived",
    status="proved",
    hypotheses=(
        "A neuron that is homogeneous of degree 1 with incoming weights w, bias b and outgoing weights o: every loss "
        "has <w, g_w> + <b, g_b> = <o, g_o>.",
        "Plain SGD, one rate eta; decay lam on w and o, none on b.",
    ),
    statement=r"Q' = (1-\eta\lambda)^2\,(|w|^2 - |o|^2) + b^2 + \eta^2\,(|g_w|^2 + g_b^2 - |g_o|^2) - "
    r"2\eta^2\lambda\, b\, g_b, \qquad Q = |w|^2 + b^2 - |o|^2",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property((LAW, STATEMENT), bias_spared, ("rescale",), examples=[KNOWN_CASE]),
        *float_properties(
            (LAW,),
            bias_spared,
            ("rescale",),
            says="torch.optim.SGD with a group for biases (the same step on numpy arrays where torch is missing) in "
            "{dtype}: the residual stays within gamma(n) times the sum of its absolute terms.",
            examples=[KNOWN_CASE],
            share=0.3,
        ),
    ),
    simulations=(
        Simulation(
            name="standard-practice",
            says="A network trained as most scripts do obeys the identity to rounding; without its last term it fails.",
            run=standard_practice,
        ),
    ),
    mutants=(
        violated(
            "defect-dropped",
            "The term of the bias is forgotten.",
            wrong(LAW.name, _no_defect),
            bias_spared,
            ("rescale",),
            examples=[KNOWN_CASE],
        ),
        violated(
            "bias-decayed",
            "The balance obeys the identity of SGD, as if everything decayed.",
            wrong(LAW.name, _bias_decayed),
            bias_spared,
            ("rescale",),
            examples=[KNOWN_CASE],
        ),
        rejected("wrong-sign", "The term of the bias enters with a plus.", wrong(LAW.name, _wrong_sign)),
    ),
)
