"""B1.sgd: how the three charges move under SGD with weight decay, exactly and in continuous time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Number, Signed, Vector, View, find_law
from .._discrete import Case, exact_run, windows, worst
from .._identities import exact_property, float_properties, plain, proved, rejected, violated, wrong
from .._orders import RUNS, Run, code_errors, errors, order_plot, order_residual, runs
from .._profiles import Profile
from .._symmetric import Target
from .._theorem import Mutant, Property, Residual, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

F = Fraction
LAWS = (find_law("sgd-linear"), find_law("sgd-quadratic"))
_SGD = SGD(lr=F(1, 2), weight_decay=F(1, 5))
SCALE_CASE = Case(Target("scale", (2,), ((F(1), F(-1), F(0)),), (2,)), (Vector((1, 2)),), (_SGD,) * 2)
RESCALE_CASE = Case(
    Target("rescale", (2, 1, 1), ((F(1), F(2), F(1)),), (2, 1)),
    (Vector((1, 2)), Vector((1,)), Vector((F(3, 2),))),
    (replace(_SGD, lr=F(1, 10)),) * 2,
)
TRANSLATION_CASE = Case(
    Target("translation", (2, 2), ((F(1), F(2)), (F(-1, 2), F(1))), (1, 2)),
    (Vector((0, 1)), Vector((1, 0))),
    (replace(_SGD, lr=F(1, 10)),) * 2,
)
FAMILIES = ("translation", "scale", "rescale")
EXAMPLES = (TRANSLATION_CASE, SCALE_CASE, RESCALE_CASE)


def derivation() -> Iterator[Step]:
    """The exact steps, then the limit."""
    yield proved(
        "sgd-linear",
        "Translations: one step of SGD on a free vector, paired with 1_A. What is left is -eta <g, 1_A>, and that is 0 "
        "by B1.translation.",
    )
    yield proved(
        "sgd-quadratic",
        "Scale and rescale: the square of the same step in the form S, which is 1_A or 1_A1 - 1_A2. What is left is a "
        "multiple of <g, S theta>, 0 by B1.scale and B1.rescale.",
    )
    yield Step(
        "For rescale the form is indefinite: the gradient term has no sign, and SGD may move the balance either way.",
        r"|g|_S^2 = |g_{A_1}|^2 - |g_{A_2}|^2",
    )
    yield Step(
        "In continuous time t = k eta the published statement keeps the leading terms of both factors. It is what the "
        "exact recursion becomes for small eta; at lam > 0 it is off at first order (B1.rate-correction).",
        r"q(t) \approx e^{-2\lambda t} q(0) + \eta \int_0^t e^{-2\lambda(t-s)}\,|g(s)|_S^2\,ds, \qquad "
        r"s(t) \approx e^{-\lambda t} s(0)",
    )


def table() -> Table:
    """The charges of three exact runs, and what the identities leave."""
    rows: list[tuple[str, ...]] = []
    agrees = True
    for name, case in zip(FAMILIES, EXAMPLES, strict=True):
        moments = exact_run(case)
        found = [case.charge.pair(m.parameters, m.parameters) for m in moments]
        left: list[Fraction] = [
            law.residual(w, case.charge) for law in LAWS for w in windows(law, moments, case.charge)
        ]
        rows.append((name, *map(str, found), str(max(map(abs, left)))))
        agrees = agrees and not any(left)
    title = "Charges along exact runs of SGD with decay 1/5"
    return Table(title, ("family", "0", "1", "2", "left of the identities"), rows, agrees)


def without_sign(case: Case) -> Residual:
    """The gradient term of a rescale charge as if it were |g_A1|^2 + |g_A2|^2."""
    assert isinstance(case.charge, Signed)
    positive = Signed({i: w if i < 2 else -1 * w for i, w in case.charge.weights.items()})
    moments = exact_run(case)
    found: list[Residual] = []
    for w in windows(LAWS[1], moments, case.charge):
        view, h = View(w, case.charge), w[0].optimizer
        assert isinstance(h, SGD)
        g = view.gradient(0)
        right = (1 - h.lr * h.weight_decay) ** 2 * view.value(0) + h.lr**2 * positive.pair(g, g)
        found.append(Residual(abs(view.value(1) - right)))
    return worst(found)


def orders(profile: Profile) -> SimulationResult:
    """The published formula and the sum of the released code, with and without decay.

    Residual and bound: the orders found, against 2 without decay and 1 with decay, to a tenth.
    """
    chosen = (RUNS[0], RUNS[3], *RUNS[1:3], *RUNS[4:])[: (2, 4, 6)[profile.effort]]
    found: list[Residual] = []
    curves: list[tuple[str, list[tuple[float, float]]]] = []
    for number, run in enumerate(chosen):
        free = errors(replace(run, decay=0.0), correct=False)
        with_decay, code = errors(run, correct=False), code_errors(run)
        found += [order_residual(free, 2), order_residual(with_decay, 1), order_residual(code, 1)]
        if number < 2:
            curves += [
                (f"{run.model}, lam = 0", free),
                (f"{run.model}, lam = {run.decay:g}", with_decay),
                (f"{run.model}, lam = {run.decay:g}, as in code", code),
            ]
    plot = order_plot(
        "Published formulas against SGD at t = 1",
        curves,
        "With decay the exponential of the formula is off by a factor 1 + O(eta). Released code sums |g + lam theta|^2 "
        "with the same exponentials; its error is twice as large.",
    )
    return SimulationResult(worst(found), (plot,))


def wrong_order(run: Run) -> Residual:
    """The published formula as if it were of second order with decay."""
    return order_residual(errors(run, correct=False), 2)


def _half(view: View) -> tuple[Number, Number]:
    """The linear factor of decay of a translation, for a quadratic charge."""
    h = view.optimizer(0)
    squared = h.lr * h.lr * view.square(view.gradient(0))
    return view.value(1), (1 - h.lr * h.weight_decay) * view.value(0) + squared


def _flow(view: View) -> tuple[Number, Number]:
    """As gradient flow has it: no gradient term."""
    h = view.optimizer(0)
    return view.value(1), (1 - h.lr * h.weight_decay) ** 2 * view.value(0)


def rescale_cases() -> SearchStrategy[Case]:
    """ReLU neurons under SGD."""
    from .._discrete import cases

    return cases(plain(3), "rescale", steps=3)


THEOREM = Theorem(
    id="B1.sgd",
    title="Translation, scale and rescale charges under SGD with decay",
    summary="A step of SGD scales a charge by a power of 1 - eta lam and adds eta^2 times its value at the gradient.",
    source="arXiv 2012.04728, section 5, for continuous time; the discrete statements are derived",
    status="proved",
    hypotheses=(
        "Plain SGD with coupled decay; every minibatch loss has the symmetry.",
        "The parameters of a charge share rate and decay at every step; both may change from step to step.",
    ),
    statement=r"\begin{aligned} \langle\theta_{k+1}, 1_A\rangle &= (1-\eta\lambda)\,\langle\theta_k, 1_A\rangle \\ "
    r"|\theta_{A,k+1}|^2 &= (1-\eta\lambda)^2 |\theta_{A,k}|^2 + \eta^2 |g_{A,k}|^2 \\ "
    r"q_{k+1} &= (1-\eta\lambda)^2 q_k + \eta^2 \bigl(|g_{A_1,k}|^2 - |g_{A_2,k}|^2\bigr), \quad "
    r"q = |\theta_{A_1}|^2 - |\theta_{A_2}|^2 \end{aligned}",
    assumes=("B0.sgd-linear", "B0.sgd-quadratic", "B1.translation", "B1.scale", "B1.rescale"),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property(LAWS, plain, ("translation", "scale", "rescale"), examples=EXAMPLES),
        *float_properties(LAWS, plain, ("translation", "scale", "rescale"), examples=EXAMPLES),
    ),
    simulations=(
        Simulation(
            name="orders",
            says="The formulas of continuous time are of second order without decay and of first order with it.",
            run=orders,
        ),
    ),
    mutants=(
        violated(
            "no-gradient-term",
            "SGD moves charges as gradient flow does.",
            wrong("sgd-quadratic", _flow),
            plain,
            ("scale", "rescale"),
            examples=[SCALE_CASE],
        ),
        Mutant(
            name="no-sign",
            says="The gradient term of a rescale charge is never negative.",
            violates=Property(
                "no-sign", "a positive term", "rational", rescale_cases, without_sign, examples=[RESCALE_CASE]
            ),
        ),
        Mutant(
            name="second-order",
            says="The published formula is of second order in the rate also with decay.",
            violates=Property("second-order", "order 2", "float64", runs, wrong_order, examples=RUNS[:1]),
        ),
        rejected("half-decay", "Quadratic charges decay like translations.", wrong("sgd-quadratic", _half)),
    ),
)
