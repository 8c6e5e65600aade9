"""B0.adaptive: what is left of conservation laws where every coordinate has its own step size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Adam, AdamW, Law, Number, SignSGD, Vector, View, find_law, rational_root
from .._adaptive import LAWS, adam, adaptive, all_optimizers, equal_and_zero, float_adaptive, judged_metric
from .._closed_form import DTYPES
from .._discrete import Case, bounded, cases, charge_along, exact_residual, float_run, windows, worst
from .._identities import proved, rejected, violated, wrong
from .._profiles import Profile
from .._symmetric import LINEAR, OTHERS, QUADRATIC, Target, targets, to_arrays, to_exact
from .._theorem import (
    Mutant,
    Plot,
    Property,
    Residual,
    Series,
    Simulation,
    SimulationResult,
    Step,
    Table,
    Theorem,
)
from .._whole_steps import NEWTON_SCHULZ, lbfgs, newton_schulz, normalised_gradients

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.dynamics import Leaves

F = Fraction
EVERY = (*QUADRATIC, *LINEAR, *OTHERS)
LOGITS = Target("translation", (2, 2), ((F(1), F(2)), (F(-1, 2), F(1))), (1, 2))
ADAMW = AdamW(lr=F(1, 10), beta2=F(9, 10), weight_decay=F(1, 5), root=rational_root)
LOGITS_CASE = Case(LOGITS, (Vector((0, 1)), Vector((1, 0))), (ADAMW,) * 3)
AMSGRAD_CASE = replace(LOGITS_CASE, optimizers=(replace(ADAMW, amsgrad=True, beta2=F(1, 2)),) * 3)
CLASSES = Target("translation", (6, 3), ((F(1), F(2), F(1), F(-1)), (F(-1), F(1, 2), F(1), F(3))), (2, 3))
"""With two classes gradients are opposite, and a translation survives any odd step; with three it does not."""
CLASSES_START = (Vector((1, 0, F(1, 2), -1, 2, F(3, 2))), Vector((1, F(1, 2), -1)))
CLASSES_CASE = Case(CLASSES, CLASSES_START, (ADAMW,) * 2)
FACTORS = Target("symmetric", (1, 1), ((F(1),),), (1, 1, 1), (F(1, 2),))
"""The loss (u w - 1)^2 / 2 with the charge u^2 - w^2."""
FACTORS_CASE = Case(FACTORS, (Vector((2,)), Vector((1,))), (ADAMW,) * 3)


def derivation() -> Iterator[Step]:
    """Multiply the step by the diagonal that divided it."""
    yield Step(
        "Adam divides a mean m of gradients by a diagonal P. Multiplied by P, the step is the mean again; a is "
        "1 - eta lam for AdamW and 1 for Adam. The certificates treat every root as a free symbol: nothing else is "
        "needed of P, so amsgrad and any eps are covered.",
        r"P_k\,(\theta_{k+1} - a\theta_k) = -\tfrac{\eta}{1-\beta_1^t}\, m_t",
    )
    yield proved("adamw.step", "Paired with any vector, AdamW:", "generator")
    yield proved("adam.step", "and Adam:", "generator")
    yield proved(
        "adam.mean",
        "The new mean adds a gradient that the generator does not see, and for Adam the decay inside of it. The old "
        "mean stays: its gradients were orthogonal to the generator elsewhere.",
        "generator",
    )
    yield proved("adamw.mean", "AdamW has no decay there.", "generator")
    yield proved(
        "adamw.metric",
        "Together. A translation is the same generator everywhere, so its mean is 0 from the start on and AdamW keeps "
        "sum_i c_i P_i (theta'_i - a theta_i) = 0 at every step.",
        "generator",
    )
    yield proved(
        "rmsprop.metric", "RMSprop has no mean: orthogonality in the metric, for every generator.", "generator"
    )
    yield proved("adagrad.metric", "The same for Adagrad.", "generator")
    yield proved(
        "span.linear",
        "L-BFGS and all methods whose steps are combinations of gradients conserve translations. Quadratic charges "
        "they do not: a gradient of another point is orthogonal to another vector.",
    )
    yield Step(
        "Muon replaces a matrix B by a polynomial in B B^T times B, which has zero column sums where B has. One "
        "iteration with free coefficients on a 3 x 2 matrix. But near zero it multiplies by 3.4445, five times: "
        "rounding in the null direction grows by 485. In bfloat16 (unit 2^-8) no bound is left: the law is true and "
        "not testable.",
        r"\mathbf 1^\top B = 0 \;\Rightarrow\; \mathbf 1^\top\,(aI + bBB^\top + c(BB^\top)^2)\,B = 0",
        _muon(summing_to_zero=True),
    )
    yield Step(
        "Signs keep nothing of this kind. What all methods that treat coordinates alike keep are sets: coordinates "
        "with equal values, gradients and states stay equal, and a zero with zero gradients stays zero, if steps are "
        "odd. (Adam with eps = 0 divides 0 by 0 there.)"
    )


def _muon(*, summing_to_zero: bool) -> Certificate:
    """Zero column sums after one iteration, with the last row minus the sum of the others, or free."""
    from ...oracles.proofs import Matrix, add, identity, multiply, symbol

    top = Matrix.symbols(2, 2)
    last = [multiply(-1, add(*column)) for column in zip(*top.rows, strict=True)]
    B = Matrix((*top.rows, tuple(last) if summing_to_zero else (symbol(7), symbol(8))))
    gram = B @ B.T
    a, b, c = (symbol(i) for i in (4, 5, 6))
    after = B.scaled(a) + (gram.scaled(b) + (gram @ gram).scaled(c)) @ B
    return identity(9, [(add(*column), add(0)) for column in zip(*after.rows, strict=True)])


def survivors() -> Table:
    """Zero and identical-neuron sets, by one run each; Adam without eps in floats."""
    import numpy as np

    half = F(1, 2)
    found: list[tuple[str, str]] = []
    for name, optimizer in (
        ("SGD with momentum", SGD(lr=half, momentum=half, weight_decay=half)),
        ("AdamW", ADAMW),
        ("signSGD", SignSGD(lr=half)),
    ):
        off = equal_and_zero(optimizer, [(half, F(1)), (F(-1), half)])
        found.append((name, "kept" if off == 0 else f"off by {off}"))
    with np.errstate(invalid="ignore"):
        after, _ = Adam(lr=0.5, beta1=0.9, beta2=0.99, eps=0.0).update(np.zeros(1), np.zeros(1), None)
    found.append(("Adam, eps = 0, at zero", str(after[0])))
    agrees = [value for _, value in found] == ["kept"] * 3 + ["nan"]
    return Table("Equal coordinates stay equal and zeros stay zero", ("optimizer", "after two steps"), found, agrees)


def muon(profile: Profile) -> SimulationResult:
    """Column sums of Muon's step, 0 in exact arithmetic, in float64, float32 and (with torch) bfloat16.

    Residual and bound: one iteration multiplies 1^T X by a I + b X^T X + c (X^T X)^2, of norm at most a while singular
    values are below 1.5, and adds its own rounding, at most gamma(n) times the column sums of the absolute terms; n
    counts the sums over both widths. In bfloat16 n times the unit is not below 1, and there is no bound.
    """
    from importlib import import_module
    from importlib.util import find_spec

    import numpy as np

    from ...simulations.fields import gamma

    def transpose(x: Any) -> Any:
        return x.T

    def times(x: Any, y: Any) -> Any:
        return x @ y

    rows, columns = 12, 6
    drawn = np.random.default_rng(0).standard_normal((rows, columns))
    B: Any = (drawn - drawn.mean(0)) / np.linalg.norm(drawn)
    a, b, c = NEWTON_SCHULZ
    shown: list[tuple[str, str, str, str]] = []
    found: list[Residual] = []
    for dtype in ("float64", "float32"):
        x: Any = B.astype(dtype)
        # the first sums: B is centred in float64 and rounded once
        bound = float(np.linalg.norm(x.astype(float).sum(0))) + gamma(rows, "float64") * float(abs(x).sum())
        for _ in range(5):
            size = abs(x.astype(float))
            gram = size @ size.T
            terms = a * size + (-b * gram + c * gram @ gram) @ size
            n = 2 * columns + 2 * rows + 8
            bound = a * bound + gamma(n, dtype) * float(np.linalg.norm(terms.sum(0)))
            x = newton_schulz(x, transpose, times, [x.dtype.type(value) for value in NEWTON_SCHULZ], 1)
        wide = x.astype(float)
        value = float(np.linalg.norm(wide.sum(0)))
        found.append(Residual(value, bound))
        shown.append((dtype, f"{value:.1g}", f"{bound:.1g}", f"{np.linalg.norm(wide):.2g}"))
    if find_spec("torch") is not None:
        torch: Any = import_module("torch")
        low = newton_schulz(torch.tensor(B).to(torch.bfloat16), transpose, times, NEWTON_SCHULZ, 5).double().numpy()
        shown.append(("bfloat16", f"{np.linalg.norm(low.sum(0)):.1g}", "none", f"{np.linalg.norm(low):.2g}"))
    columns_of = ("precision", "|1^T X|", "bound", "|X|")
    return SimulationResult(worst(found), table=Table("Muon: column sums of the step", columns_of, shown))


def _naive(view: View) -> tuple[Number, Number]:
    """s' = a s, as under SGD."""
    return view.value(1), view.optimizer(0).keep * view.value(0)


def _forgotten_mean(view: View) -> tuple[Number, Number]:
    """Orthogonality in the metric for all generators, as RMSprop has it."""
    return find_law("adamw.metric").sides(view)[0], 0


def _metric(chosen: Callable[[Any, Any], Any]) -> Callable[[View], tuple[Number, Number]]:
    """The identity of a step with another diagonal P, from the optimizer and its slot."""

    def sides(view: View) -> tuple[Number, Number]:
        h = view.optimizer(0)
        moved = tuple(chosen(h, s) * d for s, d in zip(view.slots(1), view.delta(0, h.keep), strict=True))
        means = tuple(slot.mean for slot in view.slots(1))
        return view.pair(moved, 0), -h.rate(view.slots(1)[0]) * view.pair(means, 0)

    return sides


def _uncorrected(h: Any, slot: Any) -> Any:
    """The root of the mean of squares without 1 - beta2^t."""
    return h.root(slot.largest if h.amsgrad else slot.square) + h.eps


def _not_the_largest(h: Any, slot: Any) -> Any:
    """amsgrad is forgotten."""
    return h.root(slot.square) / h.root(1 - h.beta2**slot.step) + h.eps


def _weighted_square(view: View) -> tuple[Number, Number]:
    """A quadratic charge moves by the square of the step, as under SGD."""
    h = view.optimizer(0)
    return view.value(1), (1 - 2 * h.lr * h.weight_decay) * view.value(0) + view.square(view.delta(0))


def _whole_gradient(view: View) -> tuple[Number, Number]:
    """The mean takes in the whole decay instead of its share."""
    h = view.optimizer(0)
    left, right = find_law("adam.mean").sides(view)
    return left, right + h.beta1 * h.coupled_decay * view.pair(view.theta(0), 0)


def adamw(steps: int) -> SearchStrategy[tuple[Adam, ...]]:
    """AdamW."""
    return adam(steps, decoupled=True)


def amsgrad(steps: int) -> SearchStrategy[tuple[Adam, ...]]:
    """Adam or AdamW with amsgrad."""
    return adam(steps, amsgrad=True)


def signs(steps: int) -> SearchStrategy[tuple[SignSGD, ...]]:
    """signSGD."""
    from hypothesis import strategies as st

    return st.integers(1, 9).map(lambda k: (SignSGD(lr=F(k, 10)),) * steps)


def _of_signs() -> Law:
    """The recursion of SGD for signs."""
    law = wrong("sgd-linear", lambda view: (view.value(1), view.value(0)))

    def applies(optimizer: Any) -> bool:
        return isinstance(optimizer, SignSGD)

    return replace(law, applies=applies)


def lbfgs_cases(*families: Any) -> Any:
    """A target and a point."""
    return lambda: targets(*families, steps=1)


def check_lbfgs(case: tuple[Target, Leaves]) -> Residual:
    """The change of the charge over three steps of L-BFGS, exactly."""
    target, start = case
    points = lbfgs(target, start, steps=3, lr=F(1, 4))
    values = [target.charge.pair(point, point) for point in points]
    return Residual(max(abs(value - values[0]) for value in values), nontrivial=points[0] != points[-1])


def drifts(profile: Profile) -> SimulationResult:
    """A translation under AdamW, in its metric and without; and L-BFGS.

    Residual and bound: the worst step in float64 and float32 (see ``properties/_adaptive.py``).
    """
    steps = (20, 60, 200)[profile.effort]
    h = AdamW(lr=F(1, 50), weight_decay=F(1, 10), root=rational_root)
    target, start = CLASSES, CLASSES_START
    case = Case(target, start, (h,) * steps)
    law = find_law("adamw.metric")
    found: list[Residual] = []
    curves: list[Series] = []
    for dtype in ("float64", "float32"):
        moments = bounded(float_run(case, "numpy", dtype))
        here = [judged_metric(law, w, case.charge, target, dtype) for w in windows(law, moments, case.charge)]
        found += here
        points = [(k + 1.0, float(r.value)) for k, r in enumerate(here) if r.value]
        curves.append(Series(f"in the metric, {dtype}", points, "points"))
        if dtype == "float64":
            s = charge_along(moments, case.charge)
            keep = float(1 - h.lr * h.weight_decay)
            naive = [(k + 1.0, abs(s[k + 1] - keep * s[k])) for k in range(len(s) - 1)]
            curves.append(Series("naive: s' - a s", [point for point in naive if point[1]]))
    metric = Plot(
        "AdamW keeps a translation in its metric, and only there",
        "step",
        "residual of the step",
        curves,
        y_scale="log",
        caption="Logits of three classes; weighted by the diagonal that divided it, the step has no component along "
        "the shift of all logits. Unweighted it has.",
    )
    whole: list[Series] = []
    for label, chosen, point in (("translation", target, start), ("quadratic", FACTORS, FACTORS_CASE.start)):
        points = lbfgs(chosen, to_arrays(point), steps=12, lr=0.5)
        q = [float(chosen.charge.pair(p, p)) for p in map(to_exact, points)]
        whole.append(Series(label, [(float(k), abs(x - q[0]) + 2.0**-60) for k, x in enumerate(q)]))
    second = Plot(
        "L-BFGS conserves translations and no quadratic charge",
        "step",
        "change since the start",
        whole,
        y_scale="log",
        caption="In float64; 2^-60 is added to show zeros.",
    )
    return SimulationResult(worst(found), (metric, second))


def _dead_run(optimizer: Any, dtype: str, steps: int) -> tuple[list[float], float]:
    """The bias before a normalisation along a run, and the sum of the absolute terms of its gradients."""
    import numpy as np

    from ...oracles.dynamics import step

    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((32, 4)).astype(dtype)
    outputs = generator.standard_normal(32).astype(dtype)
    point: Any = (np.array([0.5, -1, 0.25, 2], dtype=dtype), np.array([1], dtype=dtype))
    state: Any = None
    biases, terms = [float(point[1][0])], 0.0
    for _ in range(steps):
        gradients, size = normalised_gradients(point, inputs, outputs)
        point, state = step(optimizer, point, gradients, state)
        biases.append(float(point[1][0]))
        terms += size
    return biases, terms


def _dead_residual(optimizer: Any, dtype: str, steps: int) -> Residual:
    """How far the bias moves. SGD: gamma(n) times the rate times the terms of the gradients, and a rounding a step.

    A gradient sums 32 terms, each of which has passed at most 80 roundings (two means over 32, a quotient, a product).
    """
    from ...simulations.fields import gamma

    biases, terms = _dead_run(optimizer, dtype, steps)
    bound = float(optimizer.lr) * gamma(112, dtype) * terms + steps * gamma(1, dtype) * max(map(abs, biases))
    return Residual(max(abs(b - biases[0]) for b in biases), bound)


def dead_gradient(profile: Profile) -> SimulationResult:
    """A bias before normalisation has the gradient 0. SGD leaves it; Adam normalises its rounding noise.

    Residual and bound: the bias under SGD in float32 (see ``_dead_residual``).
    """
    steps = (50, 200, 800)[profile.effort]
    chosen = {
        "SGD": SGD(lr=0.01),
        "Adam": Adam(lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8),
    }
    curves: list[Series] = []
    for name, optimizer in chosen.items():
        for dtype in ("float32", "float64"):
            biases, _ = _dead_run(optimizer, dtype, steps)
            points = [(float(k), abs(b - biases[0]) + 2.0**-60) for k, b in enumerate(biases)]
            curves.append(Series(f"{name}, {dtype}", points))
    plot = Plot(
        "The dead-gradient trap",
        "step",
        "how far the bias has moved",
        curves,
        y_scale="log",
        caption="The bias in front of a normalisation, whose gradient is zero but for rounding. Adam divides the noise "
        "by its own size, as soon as that is not far below eps. (2^-60 is added to show zeros.)",
    )
    return SimulationResult(_dead_residual(chosen["SGD"], "float32", steps), (plot,))


def dead_steps() -> SearchStrategy[int]:
    """Lengths of runs."""
    from hypothesis import strategies as st

    return st.integers(40, 60)


def in_floats(dtype: str) -> Callable[[Case], Residual]:
    """The check of a precision."""
    return lambda case: float_adaptive(case, dtype)


def _mutant(name: str, says: str, strategy: Any, check: Any, examples: Any = ()) -> Mutant:
    return Mutant(name, says, violates=Property(name, says, "rational", strategy, check, examples))


THEOREM = Theorem(
    id="B0.adaptive",
    title="Adaptive optimizers and other steps",
    summary="Adaptive optimizers keep orthogonality in the metric that divides their step, and no usual charge.",
    source="derived",
    status="proved",
    hypotheses=(
        "<g_k, xi(theta_k)> = 0 at every step, xi(theta) = M theta + c0; common hyper-parameters for its tensors.",
        "P_k is the diagonal that divided the step: for Adam the root of the corrected mean of squares (amsgrad: of "
        "the largest) plus eps; for RMSprop without momentum and Adagrad their root plus eps.",
        "a = 1 - eta lam and lam' = 0 for AdamW, a = 1 and lam' = lam for Adam; m_0 = 0 and t = k + 1.",
    ),
    statement=r"\begin{aligned} \text{Adam:}\quad \langle P_k(\theta_{k+1} - a\theta_k), x\rangle &= "
    r"-\tfrac{\eta}{1-\beta_1^t}\langle m_t, x\rangle, \quad \langle m_t, \xi_k\rangle = "
    r"\beta_1\langle m_{t-1}, \xi_k\rangle + (1-\beta_1)\lambda'\langle\theta_k, \xi_k\rangle \\ "
    r"\text{RMSprop, Adagrad:}\quad \langle P_k(\theta_{k+1} - \theta_k), \xi_k\rangle &= "
    r"-\eta\lambda\,\langle\theta_k, \xi_k\rangle \\ "
    r"\text{L-BFGS:}\quad \langle c_0, \theta_{k+1}\rangle &= \langle c_0, \theta_k\rangle \end{aligned}",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(survivors,),
    properties=(
        Property(
            name="exact",
            says="Runs with rational roots (any diagonal will do) obey the identities exactly, for every generator.",
            arithmetic="rational",
            cases=lambda: cases(adaptive(3), *EVERY, steps=3),
            check=lambda case: exact_residual(LAWS, case),
            examples=(LOGITS_CASE, AMSGRAD_CASE, CLASSES_CASE),
            share=0.4,
        ),
        *(
            Property(
                name=dtype,
                says=f"torch.optim.Adam, AdamW, RMSprop and Adagrad in {dtype} (our own steps on numpy arrays where "
                "torch is missing), P from their recorded state: residuals stay within gamma(n) times their terms.",
                arithmetic=dtype,
                cases=lambda: cases(adaptive(4), *EVERY, steps=4),
                check=in_floats(dtype),
                examples=(LOGITS_CASE, AMSGRAD_CASE, CLASSES_CASE),
                share=0.2,
            )
            for dtype in DTYPES
        ),
        Property(
            name="l-bfgs",
            says="Three exact steps of L-BFGS conserve translations.",
            arithmetic="rational",
            cases=lbfgs_cases(*LINEAR),
            check=check_lbfgs,
            share=0.2,
        ),
        Property(
            name="sets",
            says="Equal coordinates stay equal and zeros stay zero, under all optimizers that act coordinate by "
            "coordinate.",
            arithmetic="rational",
            cases=all_optimizers(),
            check=lambda case: Residual(equal_and_zero(*case), nontrivial=any(g for g, _ in case[1])),
            share=0.5,
        ),
    ),
    simulations=(
        Simulation("drifts", "AdamW obeys the identity in its metric to rounding; the naive law fails.", drifts),
        Simulation("muon", "In float64 and float32 the column sums of Muon's step are rounding, amplified.", muon),
        Simulation("dead-gradient", "SGD leaves a bias without gradient where it is, to rounding.", dead_gradient),
    ),
    mutants=(
        violated("naive", "s' = a s.", wrong("adamw.metric", _naive), adamw, LINEAR, examples=[CLASSES_CASE]),
        violated(
            "forgotten-mean",
            "Adam is orthogonal in its metric for every generator, as RMSprop is.",
            wrong("adamw.metric", _forgotten_mean),
            adamw,
            ("general", "rescale"),
            examples=[FACTORS_CASE],
        ),
        violated(
            "uncorrected",
            "P lacks the correction of its root.",
            wrong("adamw.step", _metric(_uncorrected)),
            adamw,
            QUADRATIC,
            examples=[FACTORS_CASE],
        ),
        violated(
            "amsgrad-forgotten",
            "P is that of Adam for amsgrad too.",
            wrong("adamw.step", _metric(_not_the_largest)),
            amsgrad,
            QUADRATIC,
            examples=[replace(FACTORS_CASE, optimizers=AMSGRAD_CASE.optimizers)],
        ),
        violated(
            "quadratic",
            "Quadratic charges move under AdamW as under SGD.",
            wrong("adamw.metric", _weighted_square),
            adamw,
            QUADRATIC,
            examples=[FACTORS_CASE],
        ),
        violated(
            "signs",
            "signSGD conserves translations.",
            _of_signs(),
            signs,
            LINEAR,
            examples=[replace(CLASSES_CASE, optimizers=(SignSGD(lr=F(1, 2)),) * 2)],
        ),
        _mutant("l-bfgs-quadratic", "L-BFGS conserves quadratic charges.", lbfgs_cases("symmetric"), check_lbfgs),
        Mutant(
            name="dead-gradient-rests",
            says="A parameter without gradient stays where it is under Adam in float32.",
            violates=Property(
                "dead-gradient",
                "the bias under Adam",
                "float32",
                dead_steps,
                lambda n: _dead_residual(Adam(lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8), "float32", n),
            ),
        ),
        rejected("whole-decay", "The mean takes in the whole decay.", wrong("adam.mean", _whole_gradient), "generator"),
        Mutant(
            name="muon-makes-sums",
            says="Muon's iteration has zero column sums whatever it starts from.",
            rejects=lambda: _muon(summing_to_zero=False),
        ),
    ),
)
