"""B0.sgd-linear: a translation-type charge under SGD shrinks by exactly 1 - eta lam a step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Moment, Number, Vector, View, find_law
from .._discrete import Case, charge_along, exact_run, float_run, judged, windows, worst
from .._identities import exact_property, float_properties, plain, proved, rejected, violated, wrong
from .._profiles import Profile
from .._symmetric import Target
from .._theorem import Mutant, Plot, Property, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

LAW = find_law("sgd-linear")
RATE, DECAY, START = Fraction(1, 10), Fraction(1, 5), 3
KNOWN = (Fraction(3), Fraction(147, 50), Fraction(7203, 2500))
"""s_0, s_1, s_2 as the theory states them for the three numbers above."""


def example(optimizers: tuple[SGD, ...], family: str = "translation") -> Case:
    """Two classes, one input, s_0 = 3."""
    batches = ((Fraction(1), Fraction(2)), (Fraction(-1, 2), Fraction(1)))
    if family == "translation":
        return Case(Target("translation", (2, 2), batches, (1, 2)), (Vector((0, 1)), Vector((1, 0))), optimizers)
    wider = tuple((*batch, Fraction(-1)) for batch in batches)
    return Case(Target("squared", (2, 2), wider, (1, 2)), (Vector((0, 1)), Vector((1, 0))), optimizers)


KNOWN_CASE = example((SGD(lr=RATE, weight_decay=DECAY),) * 2)


def derivation() -> Iterator[Step]:
    """One step, seen by a constant covector."""
    yield Step(
        "Let c0 be the direction of a translation that no minibatch loss sees. Its pairing with every gradient is "
        "zero (B0.orthogonality for a constant generator).",
        r"L_k(\theta + a\,c_0) = L_k(\theta) \ \Rightarrow\ \langle c_0, g_k \rangle = 0",
    )
    yield proved(
        "sgd-linear",
        "SGD runs on a formal vector with free eta and lam. What is left of the identity is -eta <c0, g>, whatever the "
        "vectors are; that is all the certificate says, and it is 0 for the symmetry.",
    )
    yield Step(
        "With s_0 = 3, eta = 1/10 and lam = 1/5 the next two values are 147/50 and 7203/2500.",
        r"s_k = (1 - \eta\lambda)^k s_0",
        _values(),
    )
    yield Step(
        "Gradient flow with decay gives s(t) = exp(-lam t) s(0). The discrete rate per unit of time t = k eta is "
        "larger, by the series of the logarithm.",
        r"(1 - \eta\lambda)^{t/\eta} = \exp\bigl(-(\lambda + \tfrac{\eta\lambda^2}{2} + O(\eta^2))\,t\bigr)",
    )


def _values() -> Certificate:
    from ...oracles.proofs import multiply, power, subtract, symbol, values

    keep = subtract(1, multiply(symbol(0), symbol(1)))
    pairs = [(multiply(power(keep, k), symbol(2)), value) for k, value in enumerate(KNOWN)]
    return values((RATE, DECAY, START), pairs)


def table() -> Table:
    """The known values, from a run."""
    moments = exact_run(KNOWN_CASE)
    found = [KNOWN_CASE.charge.pair(m.parameters, m.parameters) for m in moments]
    rows = [(k, str(value), f"{float(value):.6g}") for k, value in enumerate(found)]
    return Table("s_0 = 3, eta = 1/10, lam = 1/5", ("k", "s_k", "about"), rows, tuple(found) == KNOWN)


def _missing_rate(view: View) -> tuple[Number, Number]:
    return view.value(1), (1 - view.optimizer(0).weight_decay) * view.value(0)


def _flow(view: View) -> tuple[Number, Number]:
    """The second-order Taylor polynomial of what gradient flow would do in a step."""
    x = view.optimizer(0).lr * view.optimizer(0).weight_decay
    return view.value(1), (1 - x + x * x / 2) * view.value(0)


def squared_head() -> Property:
    """The law on a loss that sees the shift."""
    return exact_property(
        (LAW,),
        plain,
        ("squared",),
        name="squared-head",
        examples=[example((SGD(lr=RATE, weight_decay=DECAY),), "squared")],
    )


def decay_of_the_charge(profile: Profile) -> SimulationResult:
    """Logits of three classes on a changing loss: the charge against its law, and against gradient flow.

    Residual and bound: the worst step of the run in float64 (see ``properties/_discrete.py``).
    """
    from random import Random

    steps = (60, 200, 600)[profile.effort]
    random = Random(1)
    sizes, shape = (6, 3), (2, 3)
    batches = tuple(tuple(Fraction(random.randint(-8, 8), 8) for _ in range(4)) for _ in range(16))
    start = (Vector(Fraction(k + 1, 4) for k in range(6)), Vector((Fraction(1, 2),) * 3))
    eta, lam = Fraction(1, 20), Fraction(1, 2)
    case = Case(Target("translation", sizes, batches, shape), start, (SGD(lr=eta, weight_decay=lam),) * steps)
    moments = float_run(case, "numpy")
    result = worst([judged(LAW, w, case.charge, case.target, "float64") for w in windows(LAW, moments, case.charge)])
    control = Case(Target("squared", sizes, tuple((*b, Fraction(1)) for b in batches), shape), start, case.optimizers)
    seen = float_run(control, "numpy")

    def values(run: Sequence[Moment]) -> list[tuple[float, float]]:
        found = charge_along(run, case.charge)
        return [(float(k), s / found[0]) for k, s in enumerate(found)]

    times = range(0, steps + 1, max(1, steps // 60))
    product = float(eta * lam)
    plot = Plot(
        "The charge of a translation decays, and nothing else happens to it",
        "step",
        "s_k / s_0",
        (
            Series("run, float64", values(moments)[:: max(1, steps // 60)], kind="points"),
            Series("(1 - eta lam)^k", [(float(k), (1 - product) ** k) for k in times]),
            Series("gradient flow, exp(-lam k eta)", [(float(k), math.exp(-product * k)) for k in times]),
            Series("squared loss, which sees the shift", [(x, abs(y)) for x, y in values(seen) if y]),
        ),
        y_scale="log",
        caption="The loss of every step is another one; the sum of the logits' biases does not notice. A squared loss "
        "of the logits does.",
    )
    return SimulationResult(result, (plot,))


MUTANTS: tuple[Mutant, ...] = (
    Mutant(name="squared-head", says="The law holds for losses that see the shift too.", violates=squared_head()),
    violated(
        "flow-factor",
        "A step multiplies the charge by exp(-eta lam), as gradient flow does (to second order).",
        wrong("sgd-linear", _flow),
        plain,
        ("translation",),
        examples=[KNOWN_CASE],
    ),
    rejected("missing-rate", "A step multiplies the charge by 1 - lam.", wrong("sgd-linear", _missing_rate)),
)

THEOREM = Theorem(
    id="B0.sgd-linear",
    title="A translation charge under SGD",
    summary="A linear charge of a translation symmetry is multiplied by exactly 1 - eta lam at every step of SGD.",
    source="derived; arXiv 2012.04728 for gradient flow",
    status="proved",
    hypotheses=(
        "Every minibatch loss is unchanged by theta -> theta + a c0; s = <c0, theta>.",
        "Plain SGD with coupled weight decay; one rate and one decay for all tensors of c0, at each step its own.",
    ),
    statement=r"s_{k+1} = (1 - \eta_k\lambda_k)\, s_k",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property((LAW,), plain, ("translation",), examples=[KNOWN_CASE]),
        *float_properties((LAW,), plain, ("translation",), examples=[KNOWN_CASE]),
    ),
    simulations=(
        Simulation(
            name="decay-of-the-charge",
            says="Along a long run in float64 every step obeys the law to rounding, while gradient flow drifts away.",
            run=decay_of_the_charge,
        ),
    ),
    mutants=MUTANTS,
)
