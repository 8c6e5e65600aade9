"""B0.clipping: which charges survive what is done to gradients before the optimizer sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, TRANSFORMS, Number, Translation, Vector, find_law, run
from .._closed_form import DTYPES
from .._discrete import Case, bounded, exact_residual, float_residual, float_run, judged, moving, windows, worst
from .._groups import Fixed, neuron_case
from .._identities import heavy_ball, plain
from .._profiles import Profile
from .._symmetric import Family, Target, targets, to_arrays
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._transformed import MAKERS, Dropout, Transformed

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.dynamics import Gradients, Leaves, Moment, Use

F = Fraction
ORTHOGONALITY = find_law("orthogonality")
TWO_STEP = (find_law("hb-two-step.linear"), find_law("hb-two-step.quadratic"))
LAWS = (ORTHOGONALITY, *TWO_STEP, find_law("sgd-linear"), find_law("sgd-quadratic"))
USES: tuple[tuple[Use, tuple[Family, ...]], ...] = (
    ("translation", ("translation",)),
    ("scale", ("scale",)),
    ("rescale", ("rescale", "symmetric")),
)
THEORY = (
    ("exact", "exact", "exact"),
    ("exact", "exact", "exact"),
    ("exact", "exact", "exact"),
    ("exact in one tensor", "exact", "broken"),
    ("broken", "broken", "broken"),
    ("broken", "broken", "broken"),
    ("exact", "broken", "broken"),
)
"""For the transforms in their order and for each use, as the theory states it."""


def derivation() -> Iterator[Step]:
    """All that an identity needs of a gradient is its orthogonality."""
    yield Step(
        "No identity of B0 knows where a gradient comes from: they all need <g, xi(theta)> = 0, and nothing else. So "
        "the question is only which transforms keep this, and in what is kept g is the transformed gradient.",
    )
    yield Step(
        "One factor for all tensors, and sums of gradients that were taken at the same theta, keep it: global-norm "
        "clipping, loss scaling, accumulation, workers.",
        r"\langle f g + h, \xi(\theta)\rangle = f\,\langle g, \xi(\theta)\rangle + \langle h, \xi(\theta)\rangle",
        _pairings("sum"),
    )
    yield Step(
        "A factor for each tensor keeps it only where all of xi lives in one tensor, or the factors agree.",
        r"f_1\langle g_1, \xi_1\rangle + f_2\langle g_2, \xi_2\rangle = f_1\,\langle g, \xi\rangle + "
        r"(f_2 - f_1)\,\langle g_2, \xi_2\rangle",
        _pairings("each"),
    )
    yield Step(
        "A stale gradient is orthogonal to the generator where it was taken, at theta'. The difference is M applied to "
        "the way from there to here, so translations (M = 0) do not notice.",
        r"\langle g(\theta'), \xi(\theta)\rangle = \langle g(\theta'), M(\theta - \theta')\rangle",
        _pairings("stale"),
    )
    yield Step(
        "Clipping entries breaks everything. The loss (u w - 1)^2/2 at (3, 1) has the gradient (2, 6), orthogonal to "
        "(u, -w) = (3, -1); clipped at 3 it is (2, 3).",
        r"\langle(2, 6), (3, -1)\rangle = 0, \qquad \langle(2, 3), (3, -1)\rangle = 3",
        _by_value(),
    )
    yield Step(
        "Noise that does not know the symmetry has the pairing <n, xi>, for isotropic noise of variance sigma^2 |xi|^2."
    )
    yield Step(
        "Label noise, augmentation and dropout change the loss and not its symmetry: they are minibatches. Dropping "
        "hidden units keeps their rescalings and not their mixing, so of a matrix charge the diagonal survives. A step "
        "that a loss scaler skips is no step: delete it from the record."
    )


def _pairings(which: str) -> Certificate:
    from ...oracles.dynamics import FormalCharge, Symbols, equal

    symbols = Symbols()
    f, f2 = symbols("f"), symbols("f2")
    theta, there, g, h = (symbols.leaf(name) for name in ("theta", "there", "g", "h"))
    charge = FormalCharge("generator", symbols)

    def pair(a: Any, p: Any) -> Number:
        return charge.pair((a,), (p,))

    if which == "sum":
        return equal(symbols, [(pair(f * g + h, theta), f * pair(g, theta) + pair(h, theta))])
    if which == "stale":
        return equal(symbols, [(pair(g, theta), pair(g, there) + charge.form((g,), (theta - there,)))])
    first, second = pair(g, theta), pair(h, there)
    both = pair(f * g, theta) + pair(f2 * h, there)
    return equal(symbols, [(both, f * (first + second) + (f2 - f) * second)])


def _common_factor() -> Certificate:
    """The wrong claim that two factors act as the first."""
    from ...oracles.dynamics import FormalCharge, Symbols, equal

    symbols = Symbols()
    f, f2 = symbols("f"), symbols("f2")
    theta, there, g, h = (symbols.leaf(name) for name in ("theta", "there", "g", "h"))
    charge = FormalCharge("quadratic", symbols)
    first, second = charge.pair((g,), (theta,)), charge.pair((h,), (there,))
    return equal(symbols, [(f * first + f2 * second, f * (first + second))])


FACTORS = Target("symmetric", (1, 1), ((F(1),),), (1, 1, 1), (F(1, 2),))
"""The loss (u w - 1)^2 / 2 with the charge u^2 - w^2."""


def _by_value() -> Certificate:
    """Both pairings, from the code of gradient and clipping."""
    from ...oracles.dynamics import ClipValue, Symbols, equal

    point = (Vector((3,)), Vector((1,)))
    gradient = FACTORS.gradient(0, point)
    charge, clipped = FACTORS.charge, ClipValue(limit=3)(gradient)
    found = [(charge.pair(gradient, point), 0), (charge.pair(tuple(x for x in clipped if x is not None), point), 3)]
    return equal(Symbols(), found)


def transformed(
    names: Sequence[tuple[str, Use]], optimizers: Callable[[int], SearchStrategy[tuple[SGD, ...]]]
) -> SearchStrategy[Case]:
    """Runs of three steps in which one of the given (transform, use) is at work."""
    from hypothesis import strategies as st

    families = dict(USES)

    def build(name: str, use: Use, drawn: tuple[Target, Leaves], chosen: tuple[SGD, ...]) -> Case:
        target, start = drawn
        one = use == "translation" and name == "per-tensor norm clipping"
        charge = Translation({1: Vector([1] * len(start[1]))}) if one else target.charge  # the sum of the biases
        return Case(Transformed(target, start, name, charge), start, chosen)

    def of(pair: tuple[str, Use]) -> SearchStrategy[Case]:
        name, use = pair
        return st.builds(build, st.just(name), st.just(use), targets(*families[use], steps=3), optimizers(3))

    return st.sampled_from(names).flatmap(of)


KEPT: list[tuple[str, Use]] = [(t.title, use) for t in TRANSFORMS for use, _ in USES if t.keeps[use] != "broken"]
FACTORS_ONLY = [
    pair for pair in KEPT if pair[0] in ("global-norm clipping", "loss scaling", "per-tensor norm clipping")
]


def any_sgd(steps: int) -> SearchStrategy[tuple[SGD, ...]]:
    """With momentum or without."""
    from hypothesis import strategies as st

    return st.one_of(plain(steps), heavy_ball(steps))


def generic(name: str, use: Use, *, one_tensor: bool = False) -> Case:
    """A run of two steps of plain SGD from a point without special relations."""
    if use == "translation":
        # of the linear loss with this gradient
        charge = Translation({0: Vector((3, -1))} if one_tensor else {0: Vector((2, 2)), 1: Vector((1, 1))})
        fixed = Fixed(charge, (Vector((1, 3)), Vector((-2, -6))))
        start: Leaves = (Vector((1, F(-1, 2))), Vector((F(3, 2), -1)))
        return Case(Transformed(fixed, start, name, charge), start, (SGD(lr=F(1, 2)),) * 2)
    target = Target("scale", (3,), ((F(1), F(-1), F(2), F(1), F(3)), (F(2), F(1), F(0), F(-1), F(1))), (3,))
    case = Case(target, (Vector((1, 2, F(-1, 2))),), (SGD(lr=F(1, 2)),) * 2)
    if use == "rescale":
        case = neuron_case(case.optimizers, inputs=2, hidden=2, batches=2, seed=3)
    return replace(case, target=Transformed(case.target, case.start, name, case.charge))


def defects(case: Case) -> list[Fraction]:
    """``<g, xi(theta)>`` of the transformed gradients, step by step."""
    moments = run(case.optimizers, case.start, case.target.gradient)
    found: list[Fraction] = []
    for moment in moments[:-1]:
        gradients = tuple(g for g in moment.gradients or () if g is not None)
        found.append(case.charge.pair(gradients, moment.parameters))
    return found


def survives(name: str, use: Use) -> str:
    """What runs say of a transform."""
    if not any(defects(generic(name, use))):
        return "exact"
    alone = use == "translation" and not any(defects(generic(name, use, one_tensor=True)))
    return "exact in one tensor" if alone else "broken"


def table() -> Table:
    """Which charges survive, found by exact runs, against the theory and against what the transforms say."""
    rows = [(t.title, *(survives(t.title, use) for use, _ in USES)) for t in TRANSFORMS]
    said = [(t.title, *(t.keeps[use] for use, _ in USES)) for t in TRANSFORMS]
    agrees = rows == said and tuple(row[1:] for row in rows) == THEORY
    columns = ("transform", *(use for use, _ in USES))
    return Table("Which charges survive, from exact runs", columns, rows, agrees)


def broken(name: str, use: Use, label: str, says: str) -> Mutant:
    """The mutant that a transform keeps what it breaks."""
    return Mutant(
        name=label,
        says=says,
        violates=Property(
            name=label,
            says=says,
            arithmetic="rational",
            cases=lambda: transformed([(name, use)], plain),
            check=lambda case: exact_residual(LAWS, case),
            examples=[generic(name, use)],
        ),
    )


def dropout_cases(*families: Family) -> SearchStrategy[Case]:
    """Runs with a mask for each step."""
    from hypothesis import strategies as st

    def build(drawn: tuple[Target, Leaves], masks: list[tuple[int, int]], chosen: tuple[SGD, ...]) -> Case:
        width = 2 if drawn[0].shape[1] == 2 else 1
        return Case(Dropout(drawn[0], tuple(mask[:width] for mask in masks)), drawn[1], chosen)

    mask = st.sampled_from(((1, 1), (1, 0), (0, 1)))
    return st.builds(build, targets(*families, steps=3), st.lists(mask, min_size=3, max_size=3), any_sgd(3))


MIXED = Case(
    Dropout(Target("symmetric", (2, 2), ((F(1),),), (1, 2, 1), (F(0), F(1), F(0), F(0))), ((1, 0),)),
    (Vector((1, 2)), Vector((3, 1))),
    (SGD(lr=F(1, 2)),),
)
"""A product with two hidden units, the second one dropped, and the charge that mixes them."""


def skipped_run(case: Case) -> tuple[Moment, ...]:
    """A run in which a loss scaler skips the second step."""

    def gradient(k: int, point: Leaves) -> Gradients:
        return (None,) * len(point) if k == 1 else case.target.gradient(k, point)

    return run(case.optimizers, case.start, gradient)


def check_skipped(case: Case) -> Residual:
    """The identities with the skipped step deleted."""
    moments = skipped_run(case)
    taken = (moments[0], *moments[2:])
    found = [
        Residual(abs(law.residual(w, case.charge)), nontrivial=moving(w))
        for law in TWO_STEP
        for w in windows(law, taken, case.charge)
    ]
    return worst(found)


def check_counted(case: Case) -> Residual:
    """The wrong statement that a skipped step is a step like any other, read from a record of weights."""
    moments = [replace(m, gradients=None, state=None) for m in skipped_run(case)]
    found = [
        Residual(abs(law.residual(w, case.charge))) for law in TWO_STEP for w in windows(law, moments, case.charge)
    ]
    return worst(found)


def skipping_cases() -> SearchStrategy[Case]:
    """Four steps with momentum at constant hyper-parameters."""
    from .._discrete import cases
    from .._identities import constant_heavy_ball

    return cases(constant_heavy_ball(4), "translation", "scale", "rescale", steps=4)


def in_floats(dtype: str) -> Callable[[Case], Residual]:
    """The check of a precision."""
    return lambda case: float_residual(LAWS, case, dtype=dtype)


def training(profile: Profile) -> SimulationResult:
    """The angle between transformed gradients and a generator while a ReLU network is trained.

    Residual and bound: the worst step of the run with global-norm clipping, momentum and decay, in float64 and float32.
    """
    steps = (30, 120, 480)[profile.effort]
    plain_case = neuron_case((SGD(lr=F(1, 16), momentum=F(9, 10), weight_decay=F(1, 50)),) * steps)
    start = to_arrays(plain_case.start)
    found: list[Residual] = []
    curves: list[Series] = []
    for name in MAKERS:
        if name in ("loss scaling", "accumulation or averaging over workers, at fixed theta"):
            continue
        case = replace(plain_case, target=Transformed(plain_case.target, start, name, plain_case.charge))
        moments = bounded(float_run(case, "numpy"))
        curves.append(Series(name, _angles(moments, case), "points" if name == "global-norm clipping" else "line"))
        if name == "global-norm clipping":
            law = TWO_STEP[1]
            for dtype in ("float64", "float32"):
                short = bounded(float_run(case, "numpy", dtype))
                found += [judged(law, w, case.charge, case.target, dtype) for w in windows(law, short, case.charge)]
    plot = Plot(
        "Global-norm clipping keeps the symmetry, clipping of tensors and entries does not",
        "step",
        "|<g, xi>| / (|g| |xi|)",
        curves,
        y_scale="log",
        caption="The balance of one hidden neuron. Points at the bottom are rounding (2^-60 is added to show zeros).",
    )
    return SimulationResult(worst(found), (plot,))


def _angles(moments: Sequence[Moment], case: Case) -> list[tuple[float, float]]:
    import numpy as np

    from .._discrete import array_charge

    charge: Any = array_charge(case.charge, case.start)
    points: list[tuple[float, float]] = []
    for moment in moments[:-1]:
        g = [np.asarray(x, dtype=float) for x in moment.gradients or ()]
        xi = [charge.weights[i] * p for i, p in enumerate(moment.parameters)]
        norms = [np.sqrt(sum(float(x @ x) for x in leaves)) for leaves in (g, xi)]
        if norms[0] * norms[1]:
            pairing = abs(sum(float(x @ y) for x, y in zip(g, xi, strict=True)))
            points.append((float(moment.index), pairing / (norms[0] * norms[1]) + 2.0**-60))
    return points


THEOREM = Theorem(
    id="B0.clipping",
    title="Clipping and other transforms of gradients",
    summary="What multiplies all gradients by one number keeps every charge; what treats entries one by one, none.",
    source="derived",
    status="proved",
    hypotheses=(
        "A transform acts on the gradients of a step before the optimizer sees them.",
        "Translation: a covector on some tensors; scale: the squared norm of one tensor; rescale: a difference of "
        "squared norms of two tensors.",
        "In every identity g is the transformed gradient.",
    ),
    statement=r"\langle T g, \xi(\theta)\rangle = 0 \ \text{whenever}\ \langle g, \xi(\theta)\rangle = 0, \quad "
    r"\text{for}\ T g = f(g)\, g \ \text{with one factor, and for sums at one}\ \theta",
    assumes=("B0.orthogonality", "B0.hb-two-step", "B0.sgd-quadratic", "B0.sgd-linear"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="In exact runs every identity holds with the transformed gradient, for all transforms that keep it.",
            arithmetic="rational",
            cases=lambda: transformed(KEPT, any_sgd),
            check=lambda case: exact_residual(LAWS, case),
            share=0.3,
            examples=[generic(name, use, one_tensor="per" in name and use == "translation") for name, use in KEPT],
        ),
        Property(
            name="dropout",
            says="A mask of hidden units keeps the balance of every neuron, exactly.",
            arithmetic="rational",
            cases=lambda: dropout_cases("rescale"),
            check=lambda case: exact_residual(LAWS, case),
            share=0.3,
        ),
        Property(
            name="skipped-step",
            says="With a skipped step deleted from the record, the recursions of momentum hold, exactly.",
            arithmetic="rational",
            cases=skipping_cases,
            check=check_skipped,
            share=0.3,
        ),
        *(
            Property(
                name=dtype,
                says=f"torch.nn.utils.clip_grad_norm_ and torch.optim.SGD in {dtype} (numpy where torch is missing), "
                "clipping by tensor, loss scaling: residuals stay within gamma(n) times their absolute terms.",
                arithmetic=dtype,
                cases=lambda: transformed(FACTORS_ONLY, any_sgd),
                check=in_floats(dtype),
                share=0.2,
            )
            for dtype in DTYPES
        ),
    ),
    simulations=(
        Simulation(
            name="training",
            says="With global-norm clipping a network with momentum obeys the recursion to rounding.",
            run=training,
        ),
    ),
    mutants=(
        broken("value clipping (elementwise)", "rescale", "value-clipping", "Clipping entries keeps a balance."),
        broken("value clipping (elementwise)", "translation", "value-translation", "It keeps translations."),
        broken("per-tensor norm clipping", "rescale", "per-tensor", "Clipping each tensor keeps a balance of two."),
        broken("additive noise (DP-SGD)", "scale", "noise", "Additive noise keeps the norm of a scale-free weight."),
        broken("stale gradients", "scale", "stale", "Stale gradients keep quadratic charges."),
        Mutant(
            name="dropout-mixes",
            says="Dropout keeps all of a matrix charge.",
            violates=Property(
                "dropout-mixes",
                "products of two hidden units",
                "rational",
                lambda: dropout_cases("symmetric"),
                lambda case: exact_residual(LAWS, case),
                examples=[MIXED],
            ),
        ),
        Mutant(
            name="skipped-step-counted",
            says="A step that the loss scaler skips counts as a step.",
            violates=Property("counted", "skipped steps counted", "rational", skipping_cases, check_counted),
        ),
        Mutant(name="one-factor", says="Two factors act like the first of them.", rejects=_common_factor),
    ),
)
