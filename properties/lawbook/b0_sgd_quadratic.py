"""B0.sgd-quadratic: what one step of SGD does to a quadratic charge, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Number, Vector, View, find_law
from .._discrete import Case, bounded, charge_along, exact_run, float_run, judged, moving, windows, worst
from .._identities import exact_property, float_properties, network_case, plain, proved, rejected, violated, wrong
from .._profiles import Profile
from .._symmetric import QUADRATIC, Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

LAWS = (find_law("sgd-quadratic"), find_law("sgd-quadratic.weights"))
QUOTIENT = Target("scale", (2,), ((Fraction(1), Fraction(-1), Fraction(0)),), (2,))
"""The loss (w1^2 - w2^2) / (w1^2 + w2^2)."""
KNOWN_CASE = Case(QUOTIENT, (Vector((1, 2)),), (SGD(lr=Fraction(1, 2), weight_decay=Fraction(1, 5)),))
KNOWN = (("w1", Fraction(29, 50)), ("w2", Fraction(49, 25)), ("|w'|^2", Fraction(2089, 500)))
"""After one step from (1, 2), as the theory states it."""


def derivation() -> Iterator[Step]:
    """Expand the square; one term is the symmetry."""
    yield Step(
        "Write a = 1 - eta lam. The new charge is the square of a theta - eta g in the form S; its cross term is the "
        "pairing of the gradient with the generator S theta.",
        r"|a\theta - \eta g|_S^2 = a^2 q - 2 a \eta\,\langle g, S\theta\rangle + \eta^2 |g|_S^2",
    )
    yield proved(
        "sgd-quadratic",
        "SGD on free vectors, with one free symbol for each of the pairings <theta, S theta>, <theta, S g>, <g, S g>: "
        "the identity fails by exactly -2 eta (1 - eta lam) <g, S theta>, which B0.orthogonality makes 0.",
    )
    yield proved(
        "sgd-quadratic.weights",
        "Without the gradient: the square of the step replaces it, and the weights alone can be tested.",
    )
    yield Step(
        "The third form has the square of g + lam theta in the place of that of the step.",
        r"q_{k+1} = (1 - 2\eta\lambda)\,q_k + \eta^2\,|g_k + \lambda\theta_k|_S^2",
        _third_form(),
    )
    yield Step(
        "If a whole space of forms S is available the charge may be a matrix. For U and V of a product, here 2 x 2 "
        "with any matrix G of derivatives, the balance of both obeys the same identity.",
        r"\Lambda(\theta') = (1-\eta\lambda)^2 \Lambda(\theta) + \eta^2 \Lambda(g), \quad "
        r"\Lambda(U, V) = U^\top U - V^\top V",
        _matrix_form(),
    )
    yield Step(
        "Summed without decay: the charge after K steps is off by a sum of squares. At a fixed time K eta = T that is "
        "O(eta), which is how far SGD breaks the law of gradient flow.",
        r"q_K - q_0 = \eta^2 \sum_{k<K} |g_k|_S^2",
    )


def _third_form() -> Certificate:
    from ...oracles.dynamics import FormalCharge, Symbols, equal

    symbols = Symbols()
    theta, g, eta, lam = symbols.leaf("theta"), symbols.leaf("g"), symbols("eta"), symbols("lam")
    charge = FormalCharge("quadratic", symbols)
    after, moved = theta - eta * (g + lam * theta), g + lam * theta
    q = charge.pair((theta,), (theta,))
    right = (1 - 2 * eta * lam) * q + eta * eta * charge.pair((moved,), (moved,))
    crossed = charge.pair((g,), (theta,))
    return equal(symbols, [(charge.pair((after,), (after,)), right - 2 * eta * crossed)])


def _matrix_form() -> Certificate:
    from ...oracles.proofs import Matrix, identity, multiply, power, subtract, symbol

    U, V, G = (Matrix.symbols(2, 2, start) for start in (0, 4, 8))
    eta, keep = symbol(12), subtract(1, multiply(symbol(12), symbol(13)))
    gU, gV = G @ V, G.T @ U

    def balance(left: Matrix, right: Matrix) -> Matrix:
        return left.T @ left - right.T @ right

    after = balance(U.scaled(keep) - gU.scaled(eta), V.scaled(keep) - gV.scaled(eta))
    right = balance(U, V).scaled(power(keep, 2)) + balance(gU, gV).scaled(power(eta, 2))
    return identity(14, after.equals(right))


def table() -> Table:
    """The known step."""
    after = exact_run(KNOWN_CASE)[1].parameters[0]
    found = [("w1", after[0]), ("w2", after[1]), ("|w'|^2", after[0] ** 2 + after[1] ** 2)]
    rows = [(name, str(value)) for name, value in found]
    title = "One step on (w1^2 - w2^2)/(w1^2 + w2^2) from (1, 2), eta = 1/2, lam = 1/5"
    return Table(title, ("quantity", "value"), rows, tuple(found) == KNOWN)


def matrix_cases() -> SearchStrategy[Case]:
    """Products U V^T with two hidden units or one."""
    from .._discrete import cases

    return cases(plain(3), "symmetric", steps=3)


def matrix_residual(case: Case) -> Residual:
    """Every form S of the balance at once: all symmetric A in xi = (U A, -V A)."""
    assert isinstance(case.target, Target)
    r = case.target.shape[1]
    found: list[Residual] = []
    for a in range(r):
        for b in range(a, r):
            constants = tuple(Fraction(int((i, j) == (a, b))) for i in range(r) for j in range(r))
            charge = replace(case.target, constants=constants).charge
            moments = exact_run(case)
            found += [
                Residual(abs(law.residual(w, charge)), nontrivial=moving(w))
                for law in LAWS
                for w in windows(law, moments, charge)
            ]
    return worst(found)


def drift_and_rate(profile: Profile) -> SimulationResult:
    """The balance of a ReLU neuron along SGD, for rates in ratio 2 at the same time eta K.

    Residual and bound: the worst step of all runs in float64 (see ``properties/_discrete.py``).
    """
    time = (1, 4, 8)[profile.effort]
    found: list[Residual] = []
    curves: list[Series] = []
    ends: list[tuple[float, float]] = []
    for inverse in (16, 32, 64, 128):
        case = network_case((SGD(lr=Fraction(1, inverse)),) * (time * inverse))
        moments = bounded(float_run(case, "numpy"))
        found += [
            judged(law, w, case.charge, case.target, "float64")
            for law in LAWS
            for w in list(windows(law, moments, case.charge))[:: max(1, inverse // 16)]
        ]
        values = charge_along(moments, case.charge)
        curves.append(Series(f"eta = 1/{inverse}", [(k / inverse, q - values[0]) for k, q in enumerate(values)]))
        ends.append((1 / inverse, abs(values[-1] - values[0])))
    drift = Plot(
        "SGD breaks a balance by eta^2 times a sum of squares",
        "time k eta",
        "q_k - q_0",
        curves,
        caption="One hidden ReLU neuron: incoming weights and bias against outgoing weights; no decay.",
    )
    last = ends[-1]
    slope = Plot(
        "At a fixed time the drift is of first order in the rate",
        "eta",
        "|q_K - q_0|",
        (
            Series("runs", ends, kind="points"),
            Series("slope 1", [(eta, last[1] * eta / last[0]) for eta, _ in ends]),
        ),
        x_scale="log",
        y_scale="log",
        caption="Minibatches come in the same order, so runs with different rates follow the same flow to first order.",
    )
    return SimulationResult(worst(found), (drift, slope))


def _dropped(view: View) -> tuple[Number, Number]:
    h = view.optimizer(0)
    return view.value(1), (1 - h.lr * h.weight_decay) ** 2 * view.value(0)


def _minus(view: View) -> tuple[Number, Number]:
    left, closed = _dropped(view)
    eta = view.optimizer(0).lr
    return left, closed - eta * eta * view.square(view.gradient(0))


def _twice(view: View) -> tuple[Number, Number]:
    """The square of the gradient with the linear decay of the weights-only form."""
    h = view.optimizer(0)
    squared = h.lr * h.lr * view.square(view.gradient(0))
    return view.value(1), (1 - 2 * h.lr * h.weight_decay) * view.value(0) + squared


def without_bias(case: Case) -> Residual:
    """A neuron whose bias was forgotten in the charge."""
    from ...oracles.dynamics import Signed

    charge = case.charge
    assert isinstance(charge, Signed)
    forgotten = Signed({i: weight for i, weight in charge.weights.items() if i != 1})
    moments = exact_run(case)
    return worst([Residual(abs(LAWS[1].residual(w, forgotten))) for w in windows(LAWS[1], moments, forgotten)])


def neuron_cases() -> SearchStrategy[Case]:
    """ReLU neurons with biases."""
    from .._discrete import cases

    return cases(plain(3), "rescale", steps=3)


THEOREM = Theorem(
    id="B0.sgd-quadratic",
    title="A quadratic charge under SGD",
    summary="A quadratic charge shrinks by (1 - eta lam)^2 a step and gains eta^2 times its own value at the gradient.",
    source="derived; arXiv 2012.04728 and 1806.00900 for gradient flow",
    status="proved",
    hypotheses=(
        "S is symmetric and <g_k, S theta_k> = 0 at every step: S generates a symmetry of every minibatch loss.",
        "Plain SGD with coupled decay; one rate and decay for all tensors of S, at each step its own.",
    ),
    statement=r"q_{k+1} = (1 - \eta_k\lambda_k)^2 q_k + \eta_k^2\, g_k^\top S g_k "
    r"= (1 - 2\eta_k\lambda_k)\, q_k + \Delta_k^\top S \Delta_k, \qquad q = \theta^\top S \theta",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property(LAWS, plain, QUADRATIC, examples=[KNOWN_CASE]),
        *float_properties(LAWS, plain, QUADRATIC, examples=[KNOWN_CASE]),
        Property(
            name="matrix-charge",
            says="Every entry of the balance of U and V obeys the identity.",
            arithmetic="rational",
            cases=matrix_cases,
            check=matrix_residual,
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            name="drift-and-rate",
            says="The balance of a ReLU neuron obeys the identity to rounding; its drift is proportional to the rate.",
            run=drift_and_rate,
        ),
    ),
    mutants=(
        violated(
            "no-gradient-term",
            "SGD keeps quadratic charges up to decay, as gradient flow does.",
            wrong("sgd-quadratic", _dropped),
            plain,
            QUADRATIC,
            examples=[KNOWN_CASE],
        ),
        Mutant(
            name="bias-forgotten",
            says="The bias of a neuron does not belong to its charge.",
            violates=Property("bias-forgotten", "the charge without bias", "rational", neuron_cases, without_bias),
        ),
        rejected("wrong-sign", "The gradient term enters with a minus.", wrong("sgd-quadratic", _minus)),
        rejected("mixed-forms", "The decay of one form with the square of the other.", wrong("sgd-quadratic", _twice)),
    ),
)
