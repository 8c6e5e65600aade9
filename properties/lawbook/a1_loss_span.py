"""A1.loss-span: which directions of the outputs a loss can see; cross-entropy on logits misses one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from .._profiles import Profile
from .._theorem import (
    Mutant,
    Plot,
    Property,
    Residual,
    Series,
    Simulation,
    SimulationResult,
    Skipped,
    Step,
    Table,
    Theorem,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.polynomials import Polynomial

Vector = tuple[Fraction, ...]
Name = Literal["squared", "Kullback-Leibler", "logistic", "cross-entropy", "y z^2/2"]
LOSSES: tuple[Name, ...] = ("squared", "Kullback-Leibler", "logistic", "cross-entropy")


def slopes(name: Name, z: Sequence[Fraction]) -> list[Vector]:
    """``grad_z l(z, y)`` for enough targets y, exactly.

    Args:
        name: the loss.
        z: for ``squared`` and ``y z^2/2`` the output itself. For the others positive numbers that stand for it:
            probabilities up to a factor for ``Kullback-Leibler``, ``exp(z_i)`` for ``logistic`` and ``cross-entropy``;
            every choice of them is an output.
    """
    n = len(z)
    unit = [tuple(Fraction(i == j) for j in range(n)) for i in range(n)]
    if name == "squared":
        return [tuple(a - b for a, b in zip(z, y, strict=True)) for y in ((Fraction(0),) * n, *unit)]
    if name == "Kullback-Leibler":  # sum_i y_i log(y_i / z_i)
        total = sum(z, Fraction(0))
        return [tuple(-b * total / a for a, b in zip(z, y, strict=True)) for y in unit]
    if name == "logistic":  # log(1 + exp(-y_i z_i)) for each output, y_i = 1 or -1
        signs = [tuple(-1 if i == j else 1 for j in range(n)) for i in range(-1, n)]
        return [tuple(-s / (1 + a**s) for a, s in zip(z, y, strict=True)) for y in signs]
    if name == "cross-entropy":
        total = sum(z, Fraction(0))
        return [tuple(a / total - b for a, b in zip(z, y, strict=True)) for y in unit]
    return [tuple(a * b for a, b in zip(z, y, strict=True)) for y in unit]


def span_dimension(name: Name, n: int) -> int:
    """The stated dimension of V_l for n outputs."""
    return n - 1 if name == "cross-entropy" else n


def derivation() -> Iterator[Step]:
    """V_l of each loss, and what it costs to miss a direction."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import parse_model
    from ...oracles.proofs import conserved, exact_rank

    yield Step(
        "A network is trained through the directions grad_z l(z, y) only. If their span over all targets y does not "
        "depend on the output z, it is called V_l, and W^g is spanned by the vectors below with w in V_l.",
        r"V_\ell = \operatorname{span}_y \nabla_z \ell(z, y), \qquad W^g_\theta ="
        r" \operatorname{span}_{x,\, w \in V_\ell} \partial_\theta g(\theta, x)^\top w",
    )
    yield Step(
        "Squared loss: the gradient is z - y, and the target y = z - w makes it any vector w.",
        r"V_\ell = \mathbb{R}^n",
        squared_identity(),
    )
    point = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 6))
    yield Step(
        "Kullback-Leibler divergence of probabilities z: the gradient is -y_i / z_i, and the unit vectors y give a "
        "diagonal matrix without zeros. Here at z = (1/2, 1/3, 1/6).",
        r"V_\ell = \mathbb{R}^n",
        exact_rank(slopes("Kullback-Leibler", point)),
    )
    yield Step(
        "Logistic loss of one output with y = 1 or -1: the gradient is a positive number times -y.",
        r"\partial_z \log(1 + e^{-yz}) = \frac{-y}{1 + e^{yz}} \neq 0, \qquad V_\ell = \mathbb{R}",
    )
    yield Step(
        "Cross-entropy on logits: with e_i = exp(z_i) and S their sum, the gradient is e_i/S - y_i, and its entries "
        "add up to zero when the labels y add up to one.",
        r"\sum_i (e_i - S y_i) = S\,\bigl(1 - \textstyle\sum_i y_i\bigr) = 0",
        labels_identity(4, summing_to_one=True),
    )
    for n in (2, 3, 5):
        at = [Fraction(k * k + 1) for k in range(n)]
        yield Step(
            f"No other direction is missed: for n = {n} outputs the gradients for the n labels have rank {n - 1}.",
            r"(p - e_a) - (p - e_b) = e_b - e_a, \qquad V_\ell = \mathbf{1}^\perp",
            exact_rank(slopes("cross-entropy", at)),
        )
    logits, plain = parse_model("linear:2-2-2+logits"), parse_model("linear:2-2-2")
    yield Step(
        "A smaller V_l means more laws. With cross-entropy on the logits U V^T x the column sums of U are laws.",
        r"\mathbf{1}^\top U",
        conserved(logits, column_sums()),
    )
    for model, loss in ((logits, "cross-entropy on logits"), (plain, "the squared loss")):
        found = find_completeness(model)
        yield Step(
            f"linear:2-2-2 with {loss} has exactly {found.independent_laws} independent laws.",
            certificate=found.certificate,
        )


def squared_identity() -> Certificate:
    """``z - (z - w) = w`` for two outputs."""
    from ...oracles.proofs import identity, subtract, symbol

    return identity(4, [(subtract(symbol(i), subtract(symbol(i), symbol(2 + i))), symbol(2 + i)) for i in (0, 1)])


def labels_identity(n: int, *, summing_to_one: bool) -> Certificate:
    """``sum_i (e_i - S y_i) = S (1 - sum_i y_i)``; or, wrongly, that it is zero for all y."""
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    powers, labels = [symbol(i) for i in range(n)], [symbol(n + i) for i in range(n)]
    total = add(*powers)
    left = add(*(subtract(e, multiply(total, y)) for e, y in zip(powers, labels, strict=True)))
    right = multiply(total, subtract(1, add(*labels))) if summing_to_one else 0
    return identity(2 * n, [(left, right)])


def any_labels() -> Certificate:
    """The claim that the gradient sums to zero for labels of any sum."""
    return labels_identity(3, summing_to_one=False)


def column_sums() -> list[Polynomial]:
    """The sums of the columns of U1 for linear:2-2-2."""
    from ...oracles.polynomials import Polynomial

    return [Polynomial([(((j, 1),), 1), (((2 + j, 1),), 1)]) for j in (0, 1)]


@dataclass(frozen=True, slots=True, repr=False)
class SpanCase:
    """A loss at two outputs."""

    name: Name
    first: Vector
    second: Vector

    def __repr__(self) -> str:
        from ..strategies import shown

        what = "z" if self.name in ("squared", "y z^2/2") else "z given by"
        return f"{self.name} loss, {what} {shown(self.first)} and {shown(self.second)}"


def span_cases(*names: Name) -> SearchStrategy[SpanCase]:
    """Losses with two to five outputs."""
    from hypothesis import strategies as st

    from ..strategies import vectors

    @st.composite
    def draw_case(draw: st.DrawFn) -> SpanCase:
        name = draw(st.sampled_from(names))
        n = draw(st.integers(2, 5))
        free = name in ("squared", "y z^2/2")
        one, other = (draw(vectors(n, nonzero=not free)) for _ in range(2))
        if free:
            return SpanCase(name, one, other)
        return SpanCase(name, tuple(abs(a) for a in one), tuple(abs(a) for a in other))

    return draw_case()


def check_span(case: SpanCase) -> Residual:
    """How far the span is from V_l at both outputs: in dimension, and from each other."""
    return _span(case, span_dimension(case.name, len(case.first)))


def check_everything_seen(case: SpanCase) -> Residual:
    """The wrong statement: every loss sees every direction."""
    return _span(case, len(case.first))


def _span(case: SpanCase, wanted: int) -> Residual:
    rows = [slopes(case.name, z) for z in (case.first, case.second)]
    off = sum(abs(_rank(part) - wanted) for part in (*rows, [*rows[0], *rows[1]]))
    return Residual(off, nontrivial=len(case.first) > 1)


def _rank(rows: Sequence[Sequence[Fraction]]) -> int:
    from flint import fmpq, fmpq_mat

    entries = [fmpq(x.numerator, x.denominator) for row in rows for x in row]
    return int(fmpq_mat(len(rows), len(rows[0]), entries).rank())


@dataclass(frozen=True, slots=True)
class LogitCase:
    """Logits and the number of the correct label."""

    logits: tuple[float, ...]
    label: int


def logit_cases() -> SearchStrategy[LogitCase]:
    """Up to eight logits between -80 and 80."""
    from hypothesis import strategies as st

    @st.composite
    def draw_case(draw: st.DrawFn) -> LogitCase:
        logits = draw(st.lists(st.floats(-80, 80, width=32), min_size=2, max_size=8))
        return LogitCase(tuple(logits), draw(st.integers(0, len(logits) - 1)))

    return draw_case()


def zero_sum_check(precision: str) -> Callable[[LogitCase], Residual]:
    """The exact sum of the computed gradient ``softmax(z) - y``.

    Bound: the quotients add up to 1 within ``gamma(n)``, whatever the exponentials were (n - 1 additions, one
    division); subtracting y rounds by u times entries whose absolute values add up to at most 2; numbers below the
    normal range are off by less than the smallest normal number.
    """

    def check(case: LogitCase) -> Residual:
        import numpy as np

        from ...simulations.fields import gamma, unit_roundoff
        from ..strategies import OUTPUT_LOSSES

        dtype = np.dtype(precision)
        z = np.array([case.logits], dtype=dtype)
        y = np.zeros_like(z)
        y[0, case.label] = 1
        slope = OUTPUT_LOSSES[2].slope(z, y)
        total = abs(sum((Fraction(float(s)) for s in slope[0]), Fraction(0)))
        bound = gamma(len(case.logits), dtype) + 3 * unit_roundoff(dtype) + 8 * float(np.finfo(dtype).tiny)
        return Residual(float(total), bound, nontrivial=bool(np.any(slope)))

    return check


def check_torch(case: LogitCase) -> Residual:
    """The exact sum of the gradient that torch's cross_entropy gives in float64.

    Bound: torch forms ``exp(z_i - max - log S)``. Its argument is off by at most
    ``u (3 |z_i - max| + 3 log n + n + 6)``: three roundings of numbers of that size and the relative error of S. So
    each probability is off by that, relatively, and by two more roundings; 2 covers second-order terms.
    """
    try:
        import torch
    except ImportError:
        raise Skipped("torch is not installed, so its cross_entropy cannot be looked at") from None
    from math import log

    functional: Any = torch.nn.functional
    z = torch.tensor([case.logits], dtype=torch.float64, requires_grad=True)
    loss = functional.cross_entropy(z, torch.tensor([case.label]))
    loss.backward()
    found: Any = z.grad
    total = abs(sum((Fraction(float(s)) for s in found[0]), Fraction(0)))
    n, top = len(case.logits), max(case.logits)
    weights = [abs(float(s)) for s in found[0]]  # the probabilities, up to the label
    weights[case.label] = 1.0
    sizes = [3 * (top - a) + 3 * log(n) + n + 8 for a in case.logits]
    bound = 2 * 2.0**-53 * sum(w * size for w, size in zip(weights, sizes, strict=True))
    return Residual(float(total), bound, nontrivial=any(float(s) for s in found[0]))


@dataclass(frozen=True, slots=True, repr=False)
class SumCase:
    """A linear network at a point, an input, and a direction of its outputs that sums to zero."""

    spec: str
    point: Vector
    x: Vector
    w: Vector

    def __repr__(self) -> str:
        from ..strategies import shown

        return f"{self.spec}, theta = {shown(self.point)}, x = {shown(self.x)}, w = {shown(self.w)}"


def sum_cases() -> SearchStrategy[SumCase]:
    """Linear networks with at least two outputs."""
    from hypothesis import strategies as st

    from ..strategies import initializations, linear_models, vectors

    models = linear_models(layers=(1, 3), width=(1, 3), parameters=16, logits=True)

    @st.composite
    def draw_case(draw: st.DrawFn) -> SumCase:
        model = draw(models)
        outputs, inputs = model.widths[0], model.widths[-1]
        first = draw(vectors(outputs - 1, nonzero=True))
        w = (*first, -sum(first, Fraction(0)))
        point = draw(initializations(model))
        return SumCase(f"linear:{'-'.join(map(str, model.widths))}", point, draw(vectors(inputs, nonzero=True)), w)

    return draw_case()


def check_sums(case: SumCase) -> Residual:
    """The rates of the column sums of the first matrix along ``d_theta g^T w``, exactly."""
    from ...oracles.models import parse_model
    from ...simulations import Loss, Objective

    model = parse_model(case.spec)
    rows, columns = model.blocks[0].shape
    slope = [a * b for a in case.w for b in case.x]
    gradient = Objective(model, Loss.linear(slope)).gradient(case.point)
    sums = [sum((Fraction(gradient[i * columns + j]) for i in range(rows)), Fraction(0)) for j in range(columns)]
    return Residual(max(abs(s) for s in sums), nontrivial=any(gradient[: rows * columns]))


def sums_refuted() -> Certificate:
    """A point where a column sum moves under the squared loss."""
    from ...oracles.models import parse_model
    from ...oracles.proofs import find_refutation

    refutation = find_refutation(parse_model("linear:2-2-2"), column_sums()[0])
    assert refutation is not None
    return refutation.certificate


def full_rank_claimed() -> Certificate:
    """The claim that the gradients of cross-entropy for three outputs have rank 3."""
    from ...oracles.proofs import exact_rank

    honest = exact_rank(slopes("cross-entropy", [Fraction(1), Fraction(2), Fraction(5)]))
    claim = honest["claim"]
    assert isinstance(claim, dict)
    return {**honest, "claim": {**claim, "rank": 3}}


def table() -> Table:
    """Dimensions of the span at an output, computed."""
    rows: list[list[str | int]] = []
    for name in LOSSES:
        for n in (2, 3, 4):
            z = [Fraction(2 * k + 3, k + 2) for k in range(n)]
            rows.append([name, n, _rank(slopes(name, z))])
    return Table("Dimension of the span of all gradients of a loss", ("loss", "outputs n", "dimension"), rows)


def training(profile: Profile) -> SimulationResult:
    """Gradient descent with two losses: what happens to the column sums of U."""
    import numpy as np

    from ...oracles.models import layered
    from ...simulations import DataLoss, ReluNetwork
    from ...simulations.fields import gamma, unit_roundoff
    from ..strategies import OUTPUT_LOSSES

    steps, eta = (100, 400, 4000)[profile.effort], 0.05
    network = ReluNetwork(layered((4, 3, 3)), 1)  # leak 1: the linear network, input first
    random = np.random.default_rng(3)
    inputs = [[Fraction(int(k), 8) for k in row] for row in random.integers(-9, 10, (6, 4))]
    targets = [[Fraction(int(k)) for k in row] for row in np.eye(3)[random.integers(0, 3, 6)]]
    start = random.normal(size=network.parameters) / 2
    series: list[Series] = []
    drifts: dict[str, tuple[float, float]] = {}
    for loss in (OUTPUT_LOSSES[2], OUTPUT_LOSSES[0]):
        field = DataLoss(network, inputs, targets, slope=loss.slope, slope_bound=loss.slope_bound)
        theta, allowed, worst = start.copy(), 0.0, 0.0
        sums = start[12:].reshape(3, 3).sum(axis=1)
        points: list[tuple[float, float]] = []
        for step in range(1, steps + 1):
            g = field(theta)
            # rounding of the gradient and of the update, and the sum of a softmax slope in place of zero
            error = eta * field.roundoff_bound(theta) + unit_roundoff() * 2 * (abs(theta) + eta * abs(g))
            hidden = abs(np.array(inputs, dtype=float) @ theta[:12].reshape(4, 3)).sum(axis=0)
            allowed += float((error[12:].reshape(3, 3).sum(axis=1) + eta * hidden * (gamma(3) + 3 * 2.0**-53)).max())
            theta = theta - eta * g
            drift = float(abs(theta[12:].reshape(3, 3).sum(axis=1) - sums).max())
            worst = max(worst, drift)
            if step % max(1, steps // 50) == 0:
                points.append((step * eta, max(drift, 2.0**-54)))
        series.append(Series(loss.name, points))
        drifts[loss.name] = worst, allowed + gamma(4) * float(abs(start).sum() + abs(theta).sum())
    plot = Plot(
        "Column sums of U during training of U V^T x",
        "time",
        "change of the column sums of U",
        series,
        y_scale="log",
        caption="Cross-entropy on logits cannot see the sum of the outputs, so it cannot change the column sums. "
        "The squared loss can.",
    )
    value, bound = drifts["cross-entropy"]
    moved = drifts["squared"][0]
    note = f"the squared loss moves them by {moved:.2g}"
    return SimulationResult(Residual(value if moved > 0.01 else float("inf"), bound, note=note), (plot,))


THEOREM = Theorem(
    id="A1.loss-span",
    title="The directions that a loss can see",
    summary="Squared, Kullback-Leibler and logistic losses see every output direction; logits lose exactly one.",
    source="A1 Lemma C.2; A4 Assumption 2.4",
    status="proved",
    hypotheses=(
        "l(z, y) is twice continuously differentiable in the outputs z, n of them.",
        "Targets y range over: R^n (squared), probabilities (Kullback-Leibler, cross-entropy), -1 and 1 (logistic).",
    ),
    statement=r"V_\ell = \operatorname{span}_y \nabla_z \ell(z, y) = \mathbb{R}^n \ \text{(squared, KL, logistic)},"
    r" \qquad V_\ell = \mathbf{1}^\perp \ \text{(softmax cross-entropy on logits)}",
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            "span",
            "At two random outputs the gradients over all targets span the same space, of the stated dimension.",
            "rational",
            lambda: span_cases(*LOSSES),
            check_span,
        ),
        Property(
            "column-sums",
            "Directions that sum to zero never move the column sums of the last layer of a linear network.",
            "rational",
            sum_cases,
            check_sums,
            share=0.5,
        ),
        Property(
            "zero-sum-float64",
            "The computed gradient softmax(z) - y sums to zero up to rounding.",
            "float64",
            logit_cases,
            zero_sum_check("float64"),
        ),
        Property(
            "zero-sum-float32",
            "The same in float32.",
            "float32",
            logit_cases,
            zero_sum_check("float32"),
        ),
        Property(
            "zero-sum-torch",
            "The same for the gradient of torch's cross_entropy.",
            "float64",
            logit_cases,
            check_torch,
            share=0.5,
        ),
    ),
    simulations=(
        Simulation("training", "Gradient descent on U V^T x with two losses, and the column sums of U.", training),
    ),
    mutants=(
        Mutant(
            "logits-see-everything",
            "Cross-entropy on logits sees every direction.",
            violates=Property(
                "logits-see-everything",
                "V_l = R^n for cross-entropy",
                "rational",
                lambda: span_cases("cross-entropy"),
                check_everything_seen,
            ),
        ),
        Mutant(
            "any-loss",
            "The span of the gradients never depends on the output; tried on l = y z^2/2.",
            violates=Property(
                "any-loss", "V_l for y z^2/2", "rational", lambda: span_cases("y z^2/2"), check_everything_seen
            ),
        ),
        Mutant("any-labels", "softmax(z) - y sums to zero for labels y of any sum.", rejects=any_labels),
        Mutant("full-rank", "Three gradients of cross-entropy on three logits have rank 3.", rejects=full_rank_claimed),
        Mutant("squared-sums", "The column sums of U are laws under the squared loss too.", refutes=sums_refuted),
    ),
)
