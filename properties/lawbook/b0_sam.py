"""B0.sam: sharpness-aware minimisation takes its gradient elsewhere, and charges feel it to first order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SAM, SGD, Moment, Number, Vector, View, find_law
from .._discrete import Case, bounded, charge_along, exact_run, float_run, judged, windows, worst
from .._identities import (
    exact_property,
    float_properties,
    network_case,
    plain,
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
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
LINEAR_LAW, QUADRATIC_LAW, GENERATOR_LAW = LAWS = tuple(map(find_law, ("sam.linear", "sam.quadratic", "sam.generator")))
EVERY = (*QUADRATIC, *LINEAR, *OTHERS)
QUOTIENT = Target("scale", (2,), ((F(1), F(-1), F(0)),), (2,))
"""The loss (w1^2 - w2^2) / (w1^2 + w2^2)."""
KNOWN_CASE = Case(QUOTIENT, (Vector((3, 4)),), (SAM(lr=F(5), rho=F(1, 2), weight_decay=F(1, 50)),))
KNOWN_ASKED = (F(17, 5), F(37, 10))
KNOWN_CHARGE, KNOWN_WRONG = F(2674459429, 103030100), F(2491495909, 103030100)
"""The perturbed point, the charge after the step, and without the term of SAM, as the theory states them."""


def derivation() -> Iterator[Step]:
    """The symmetry holds where the gradient is taken."""
    yield Step(
        "The gradient of the step is that of theta + delta, so it is orthogonal to the generator there. Moved back to "
        "theta, an affine generator changes by M delta.",
        r"\langle\tilde g, \xi(\theta + \delta)\rangle = 0 \;\Rightarrow\; "
        r"\langle\tilde g, \xi(\theta)\rangle = -\langle\tilde g, M\delta\rangle",
    )
    yield proved(LINEAR_LAW.name, "A translation has M = 0 and does not notice: its recursion is that of SGD.")
    yield proved(
        QUADRATIC_LAW.name,
        "For a quadratic charge the cross term of SGD, zero there, is now 2 eta a <g~, S delta>, a = 1 - eta lam. The "
        "certificate runs the ascent and the step on free vectors; what is left over is the pairing at theta + delta.",
    )
    yield proved(GENERATOR_LAW.name, "Any affine generator:", "generator")
    yield Step(
        "The ascent goes along the gradient at theta, so the term is a pairing of two gradients.",
        r"\delta = \rho\, g/|g|, \qquad "
        r"\langle\tilde g, S\delta\rangle = \tfrac{\rho}{|g|}\,\langle\tilde g, Sg\rangle",
        _ascent(),
    )
    yield Step(
        "It enters with eta where SGD breaks the charge with eta^2. So even the flow of SAM does not conserve it: for "
        "small rho it drifts at the rate below, and the drift at a fixed time does not vanish with the rate.",
        r"\dot q = -2\lambda q + 2\rho\,\frac{\tilde g^\top S g}{|g|} \approx -2\lambda q + 2\rho\,\frac{|g|_S^2}{|g|}",
    )


def _ascent() -> Certificate:
    from ...oracles.dynamics import Symbols

    symbols = Symbols()
    theta, g, rho, norm = symbols.leaf("theta"), symbols.leaf("g"), symbols("rho"), symbols("norm")
    asked = SAM(lr=1, rho=rho, norm=norm).ascend((theta,), (g,))[0]
    return same_vectors(symbols, [(asked - theta, (rho / norm) * g)])


def sam(norm: bool) -> Callable[[int], SearchStrategy[tuple[SAM, ...]]]:
    """SAM with the rates and decays of ``sgd_steps`` and rho in [1/10, 1], with a drawn rational norm or the true one.

    The true norm is seldom rational; no identity depends on the length of the ascent.
    """

    def drawn(steps: int) -> SearchStrategy[tuple[SAM, ...]]:
        from hypothesis import strategies as st

        def build(chosen: tuple[SGD, ...], radius: int, length: int) -> tuple[SAM, ...]:
            return tuple(
                SAM(
                    lr=h.lr,
                    rho=F(radius, 10),
                    weight_decay=h.weight_decay,
                    maximize=h.maximize,
                    norm=F(length, 4) if norm else None,
                )
                for h in chosen
            )

        return st.builds(build, plain(steps), st.integers(1, 10), st.integers(1, 16))

    return drawn


def table() -> Table:
    """The known step."""
    moments = exact_run(KNOWN_CASE)
    asked, end = moments[0].asked, moments[1].parameters
    assert asked is not None
    view = View(moments, KNOWN_CASE.charge)
    found = (asked[0].entries, KNOWN_CASE.charge.pair(end, end), _dropped(view)[1])
    rows = [
        ("w + delta", ", ".join(map(str, found[0]))),
        ("|w'|^2", str(found[1])),
        ("|w'|^2 by the identity", str(QUADRATIC_LAW.sides(view)[1])),
        ("without the term of SAM", str(found[2])),
    ]
    title = "(w1^2 - w2^2)/(w1^2 + w2^2) from (3, 4): rho = 1/2, eta = 5, lam = 1/50"
    return Table(title, ("what", "value"), rows, found == (KNOWN_ASKED, KNOWN_CHARGE, KNOWN_WRONG))


def _with_term(view: View, factor: Number) -> tuple[Number, Number]:
    """The identity with another factor before <g~, S delta>."""
    h, g = view.optimizer(0), view.gradient(0)
    a = 1 - h.lr * h.weight_decay
    asked = view.moments[0].asked
    offset = tuple(x - p for x, p in zip(asked or view.theta(0), view.theta(0), strict=True))
    return view.value(1), a * a * view.value(0) + factor * view.form(g, offset) + h.lr * h.lr * view.square(g)


def _dropped(view: View) -> tuple[Number, Number]:
    return _with_term(view, 0)


def _flipped(view: View) -> tuple[Number, Number]:
    h = view.optimizer(0)
    return _with_term(view, -2 * h.lr * (1 - h.lr * h.weight_decay))


def _undecayed(view: View) -> tuple[Number, Number]:
    return _with_term(view, 2 * view.optimizer(0).lr)


def _orthogonal_here(view: View) -> tuple[Number, Number]:
    """The gradient of SAM is taken to be orthogonal to the generator at theta."""
    return GENERATOR_LAW.sides(view)[0], 0


def read_as_sam(moments: tuple[Moment, ...]) -> tuple[Moment, ...]:
    """A run of SGD as one of SAM whose ascent is 0."""
    return tuple(
        m if not isinstance(m.optimizer, SGD) else replace(m, optimizer=SAM(lr=m.optimizer.lr, rho=0)) for m in moments
    )


def drift(profile: Profile) -> SimulationResult:
    """The balance of a ReLU neuron under SGD and SAM at the same time, for rates in ratio 2.

    Residual and bound: the worst step of all runs in float64 and of one in float32 (see ``properties/_discrete.py``).
    """
    time = (1, 3, 8)[profile.effort]
    found: list[Residual] = []
    curves: list[Series] = []
    ends: dict[str, list[tuple[float, float]]] = {}
    for inverse in (16, 32, 64, 128):
        for label, rho in (("SGD", F(0)), ("SAM, rho = 1/20", F(1, 20)), ("SAM, rho = 1/5", F(1, 5))):
            optimizer = SAM(lr=F(1, inverse), rho=rho) if rho else SGD(lr=F(1, inverse))
            case = network_case((optimizer,) * (time * inverse))
            moments = read_as_sam(tuple(bounded(float_run(case, "numpy"))))
            chosen = list(windows(QUADRATIC_LAW, moments, case.charge))[:: max(1, inverse // 8)]
            found += [judged(QUADRATIC_LAW, w, case.charge, case.target, "float64") for w in chosen]
            q = charge_along(moments, case.charge)
            ends.setdefault(label, []).append((1 / inverse, abs(q[-1] - q[0])))
            if inverse == 128:
                curves.append(Series(label, [(k / inverse, x - q[0]) for k, x in enumerate(q)]))
    single = network_case((SAM(lr=F(1, 16), rho=F(1, 20), weight_decay=F(1, 10)),) * (8 * time))
    short = bounded(float_run(single, "numpy", "float32"))
    found += [
        judged(QUADRATIC_LAW, w, single.charge, single.target, "float32")
        for w in windows(QUADRATIC_LAW, short, single.charge)
    ]
    course = Plot(
        "SAM moves a balance that SGD leaves nearly alone",
        "time k eta",
        "q_k - q_0",
        curves,
        caption="One hidden ReLU neuron, eta = 1/128, no decay, the same minibatches.",
    )
    slopes = Plot(
        "The drift of SGD vanishes with the rate, that of SAM does not",
        "eta",
        "|q_K - q_0| at a fixed time",
        [Series(label, points) for label, points in ends.items()],
        x_scale="log",
        y_scale="log",
        caption="SGD: slope 1. SAM: a limit proportional to rho, the first-order breaking of the last step above.",
    )
    return SimulationResult(worst(found), (course, slopes))


THEOREM = Theorem(
    id="B0.sam",
    title="Sharpness-aware minimisation",
    summary="Translations do not notice SAM; a quadratic charge gains a term of first order in the rate.",
    source="derived",
    status="proved",
    hypotheses=(
        "delta = rho g/|g| (of any length), g~ the gradient at theta + delta, theta' = (1 - eta lam) theta - eta g~.",
        "Every minibatch loss has the symmetry; both gradients of a step are of the same minibatch.",
    ),
    statement=r"q_{k+1} = (1-\eta\lambda)^2 q_k + 2\eta(1-\eta\lambda)\,\langle\tilde g, S\delta\rangle + "
    r"\eta^2\,\tilde g^\top S\tilde g, \qquad s_{k+1} = (1-\eta\lambda)\,s_k",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        exact_property(LAWS, sam(norm=True), EVERY, examples=[KNOWN_CASE], steps=2),
        *float_properties(
            LAWS,
            sam(norm=False),
            EVERY,
            says="SAM around torch.optim.SGD (around the same step on numpy arrays where torch is missing) in {dtype}: "
            "the residual stays within gamma(n) times the sum of its absolute terms.",
            examples=[KNOWN_CASE],
            share=0.3,
        ),
    ),
    simulations=(
        Simulation(
            name="drift",
            says="SAM obeys the identity to rounding; its drift tends to a limit where that of SGD tends to 0.",
            run=drift,
        ),
    ),
    mutants=(
        violated(
            "term-dropped",
            "SAM obeys the identity of SGD with its own gradient.",
            wrong(QUADRATIC_LAW.name, _dropped),
            sam(norm=True),
            QUADRATIC,
            steps=2,
            examples=[KNOWN_CASE],
        ),
        violated(
            "wrong-sign",
            "SAM descends before it takes the gradient.",
            wrong(QUADRATIC_LAW.name, _flipped),
            sam(norm=True),
            QUADRATIC,
            steps=2,
            examples=[KNOWN_CASE],
        ),
        violated(
            "orthogonal-here",
            "The gradient of SAM is orthogonal to the generator at theta.",
            wrong(GENERATOR_LAW.name, _orthogonal_here),
            sam(norm=True),
            ("skew", "general"),
            steps=2,
        ),
        rejected("undecayed-term", "The term of SAM carries no decay.", wrong(QUADRATIC_LAW.name, _undecayed)),
    ),
)
