"""A1.two-layer-linear.logit-ce: cross-entropy on logits sees one direction less and conserves more."""

from __future__ import annotations

from collections.abc import Iterator
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
from .a1_two_layer_linear_count import Shape, two

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.lie import Completeness

KNOWN = ((2, 1, 1, 2), (2, 2, 1, 2), (2, 2, 2, 5), (3, 2, 2, 5), (3, 1, 2, 5), (2, 1, 3, 8), (2, 2, 3, 9))
"""n, m, r and the number of laws that the theory states."""
LAYERS = ((2, 1), (3, 2), (4, 5))
"""Outputs n and inputs m of single linear layers: m laws each."""

Rows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A network with n logits and a data set; all entries are divided by 4. Labels count from 0."""

    n: int
    m: int
    r: int
    U: Rows
    V: Rows
    A: Rows
    inputs: Rows
    labels: tuple[int, ...]


def derivation() -> Iterator[Step]:
    """The gradient of cross-entropy sums to zero; what that conserves; the split; every count, certified."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import DeepLinear

    yield Step(
        "The gradient of cross-entropy at the logits is softmax(z) - y: its entries sum to 0 when those of y sum to "
        "1. Here for n = 3, times the sum of the s_i = exp z_i, which are free symbols. Differences of two labels give "
        "every e_i - e_j, so the span is all of the orthogonal complement of 1.",
        r"\sum_i \Bigl( s_i - y_i \sum_k s_k \Bigr) = 0 \quad\text{where}\quad \sum_i y_i = 1",
        certificate=_zero_sum(),
    )
    yield Step(
        "So only the fields chi_M with 1^T M = 0 occur, and along these the column sums of U stay: here for (n, m, r) "
        "= (3, 2, 2) with M free up to its last row.",
        r"\tfrac{d}{dt}\, \mathbf 1^\top U = \mathbf 1^\top M V = 0",
        certificate=_column_sums(),
    )
    yield Step(
        "Split U into a part orthogonal to 1 and its mean. The column sums c contribute a constant to U^T U, so the "
        "law Delta splits as well; here for (n, r) = (3, 2).",
        r"U = U_\perp + \tfrac{1}{n} \mathbf 1 c, \quad c = \mathbf 1^\top U, \qquad "
        r"U^\top U = U_\perp^\top U_\perp + \tfrac{1}{n} c^\top c",
        certificate=_split(),
    )
    yield Step(
        "With an orthonormal basis T of the complement of 1 put M = T K and X = T^T U. Then X' = K V and V' = K^T X "
        "with K free: (X, V) is a two-layer network with n - 1 outputs and an unrestricted loss, and c does not move. "
        "A1.two-layer-linear.count gives its laws; the r entries of c come on top.",
        r"\#\text{laws} = r + \mathrm{two}(n - 1, m, r)",
    )
    for n, m, r, _ in KNOWN:
        found = counted(n, m, r)
        yield Step(
            f"n = {n}, m = {m}, r = {r}: {found.independent_laws} laws and no others.",
            certificate=found.certificate,
        )
    for n, m in LAYERS:
        layer = find_completeness(DeepLinear((n, m), logits=True), levels=False)
        yield Step(
            f"One linear layer, {n} x {m}: {layer.independent_laws} laws, its column sums.",
            certificate=layer.certificate,
        )


def counted(n: int, m: int, r: int) -> Completeness:
    """The kernel's count of all laws of U V^T with cross-entropy on its n logits."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import DeepLinear

    found = find_completeness(DeepLinear((n, r, m), logits=True), levels=False)
    assert found.complete
    return found


def _zero_sum() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    s, y = [symbol(i) for i in range(3)], [symbol(3), symbol(4)]
    y.append(subtract(1, add(*y)))
    total = add(*s)
    return identity(5, [(add(*(subtract(a, multiply(b, total)) for a, b in zip(s, y, strict=True))), 0)])


def _column_sums() -> Certificate:
    from ...oracles.proofs import Matrix, add, identity, multiply

    free, V = Matrix.symbols(2, 2), Matrix.symbols(2, 2, 4)
    last = tuple(multiply(-1, add(*column)) for column in zip(*free.rows, strict=True))
    moved = Matrix((*free.rows, last)) @ V
    return identity(8, [(add(*column), 0) for column in zip(*moved.rows, strict=True)])


def _split() -> Certificate:
    from ...oracles.proofs import Matrix, add, identity

    U = Matrix.symbols(3, 2)
    c = Matrix((tuple(add(*column) for column in zip(*U.rows, strict=True)),))
    mean = Matrix((c.rows[0],) * 3).scaled(Fraction(1, 3))
    across = U - mean
    return identity(6, (U.T @ U).equals(across.T @ across + (c.T @ c).scaled(Fraction(1, 3))))


def shapes() -> SearchStrategy[Shape]:
    """n from 2 to 4, m up to 3, r up to n + m + 1."""
    from hypothesis import strategies as st

    @st.composite
    def draw_shape(draw: st.DrawFn) -> Shape:
        n, m = draw(st.integers(2, 4)), draw(st.integers(1, 3))
        return Shape(n, m, draw(st.integers(1, n + m + 1)))

    return draw_shape()


def check_certified(shape: Shape) -> Residual:
    """The kernel accepts that column sums and Delta are all, and the number is the stated one."""
    n, m, r = shape.n, shape.m, shape.r
    return Residual(abs(counted(n, m, r).independent_laws - (r + two(n - 1, m, r))))


def check_other_loss(shape: Shape) -> Residual:
    """The wrong statement: cross-entropy conserves what the squared loss does."""
    n, m, r = shape.n, shape.m, shape.r
    return Residual(abs(counted(n, m, r).independent_laws - two(n, m, r)))


def check_naive(shape: Shape) -> Residual:
    """The wrong statement: the column sums are independent of Delta."""
    n, m, r = shape.n, shape.m, shape.r
    return Residual(abs(counted(n, m, r).independent_laws - r - two(n, m, r)))


def data_cases() -> SearchStrategy[Case]:
    """Small networks with one to five samples."""
    from hypothesis import strategies as st

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        n, m, r = draw(st.integers(2, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
        samples = draw(st.integers(1, 5))
        entry = st.integers(-9, 9)

        def matrix(rows: int, columns: int) -> Rows:
            return tuple(tuple(draw(entry) for _ in range(columns)) for _ in range(rows))

        half = matrix(r, r)
        A = tuple(tuple(half[max(i, j)][min(i, j)] for j in range(r)) for i in range(r))
        labels = tuple(draw(st.integers(0, n - 1)) for _ in range(samples))
        return Case(n, m, r, matrix(n, r), matrix(m, r), A, matrix(samples, m), labels)

    return draw_case()


def check_cross_entropy(case: Case) -> Residual:
    """The gradient of cross-entropy on data, in float64: its column sums, and its product with that of <A, Delta>.

    Bounds. Softmax of any logits: the computed sum of n exponentials is off by gamma(n - 1), a quotient by u, so the
    entries of ``p - y`` sum to at most gamma(n + 1) times the sum of p + y. From there a term passes through at most
    samples + m + n + r + 6 roundings until it is in one of the two sums. Each error is at most gamma of all these
    times the sum of absolute terms.
    """
    import numpy as np

    U, V, A, x = (np.array(rows, dtype=np.float64) / 4 for rows in (case.U, case.V, case.A, case.inputs))
    y = np.eye(case.n)[list(case.labels)]
    z = x @ V @ U.T
    weights = np.exp(z - z.max(axis=1, keepdims=True))
    p = weights / weights.sum(axis=1, keepdims=True)
    slope = (p - y).T @ x
    of_U, of_V = slope @ V, slope.T @ U
    sums = abs(of_U.sum(axis=0)).sum()
    delta = abs(((U @ A) * of_U).sum() - ((V @ A) * of_V).sum())
    sizes = (p + y).T @ abs(x)
    terms = (sizes @ abs(V)).sum()
    terms += ((abs(U) @ abs(A)) * (sizes @ abs(V))).sum() + ((abs(V) @ abs(A)) * (sizes.T @ abs(U))).sum()
    roundings = case.n + 1 + len(case.labels) + case.m + case.n + case.r * (1 + case.n + case.m) + 6
    unit = roundings * 2.0**-53
    bound = unit / (1 - unit) * float(terms) * (1 + 2.0**-40)
    return Residual(float(sums + delta), bound, nontrivial=bool(of_U.any()))


def table() -> Table:
    """The values of the theory, read off certificates."""
    rows: list[list[int]] = []
    for n, m, r, _ in KNOWN:
        found = counted(n, m, r)
        rows.append([n, m, r, found.parameters, two(n, m, r), found.lie_dimension, found.independent_laws])
    columns = ("n", "m", "r", "D", "laws, squared loss", "dim Lie", "laws, cross-entropy")
    agrees = all(row[-1] == known[-1] for row, known in zip(rows, KNOWN, strict=True))
    return Table("All laws of U Vᵀ under cross-entropy on logits", columns, rows, agrees)


def training(profile: Profile) -> SimulationResult:
    """Gradient descent in float64 on many networks at once: cross-entropy against squared loss, same starts and data.

    The column sums of U are a linear law, so even gradient descent keeps them, up to rounding. Bound, per step and
    column: the update rounds each entry of U by u (|U| + eta |g|); the slopes at the logits, exp(z - logsumexp(z)) - y,
    sum to at most gamma(q) times 2 with q = n + 8 + 8 max|z| (absolute errors of exponents are relative errors of
    exponentials), and reach the entries of U through samples + m + 4 further roundings.
    """
    import numpy as np

    from ...oracles.errors import BadInput
    from ...simulations import GenericEngine, batched_steps

    cases, steps = ((8, 50), (32, 200), (256, 1000))[profile.effort]
    n, m, r, samples, eta = 3, 2, 2, 6, 1 / 64
    random = np.random.default_rng(7)
    starts = random.uniform(-1, 1, (cases, (n + m) * r))
    inputs = random.uniform(-1, 1, (cases, samples, m))
    labels = np.eye(n)[random.integers(0, n, (cases, samples))]

    def logits(point: Any, x: Any) -> Any:
        return x @ point[n * r :].reshape(m, r) @ point[: n * r].reshape(n, r).T

    def cross_entropy(point: Any, x: Any, y: Any) -> Any:
        z = logits(point, x)
        return (z.logsumexp(1) - (y * z).sum(1)).sum()

    def squared(point: Any, x: Any, y: Any) -> Any:
        return ((logits(point, x) - y) ** 2).sum() / 2

    def trained(energy: Any) -> tuple[Any, Any]:
        engine = GenericEngine((n + m) * r, energy, (inputs, labels))
        device: Literal["cpu", "cuda"] = "cuda" if profile.device == "cuda" else "cpu"
        try:
            path = batched_steps(engine, starts, eta=eta, steps=steps, device=device, record=range(steps + 1))
        except BadInput as error:
            raise Skipped(str(error)) from error
        points = np.stack(path.points)
        return points[..., : n * r].reshape(-1, cases, n, r), points[..., n * r :].reshape(-1, cases, m, r)

    def drift(values: Any) -> Any:
        return abs(values - values[0]).reshape(len(values), -1).max(axis=1)

    U, V = trained(cross_entropy)
    other, _ = trained(squared)
    sums = drift(U.sum(axis=-2))
    delta = drift(U.swapaxes(-1, -2) @ U - V.swapaxes(-1, -2) @ V)
    control = drift(other.sum(axis=-2))

    unit = 2.0**-53
    z = inputs @ V @ U.swapaxes(-1, -2)
    reach = 2 * (abs(inputs) @ abs(V)).sum(axis=-2)
    roundings = n + 8 + 8 * abs(z).max() + samples + m + 4
    gamma = roundings * unit / (1 - roundings * unit)
    sizes = abs(U).sum(axis=-2)
    per_step = 2 * unit * (np.maximum(sizes[1:], sizes[:-1]) + eta * reach[:-1]) + eta * gamma * reach[:-1]
    measuring = 2 * n * unit * sizes.max()
    allowed = np.concatenate([[0.0], per_step.cumsum(axis=0).reshape(steps, -1).max(axis=1)]) + measuring

    def curve(label: str, values: Any, kind: Any = "line") -> Series:
        shown = [(float(k), float(value)) for k, value in enumerate(values) if value > 0]
        return Series(label, shown, kind)

    plot = Plot(
        "What training keeps",
        "step",
        "largest drift over all networks",
        (
            curve("1ᵀU, cross-entropy", sums),
            curve("rounding can reach", allowed, "bound"),
            curve("Δ, cross-entropy", delta),
            curve("1ᵀU, squared loss", control),
        ),
        y_scale="log",
        caption=f"Gradient descent with step 1/64 on {cases} networks (n, m, r) = ({n}, {m}, {r}). A linear law "
        "survives finite steps; the quadratic law Δ drifts by a multiple of the step size; with the squared loss 1ᵀU "
        "is no law.",
    )
    worst = int((sums / allowed).argmax())
    note = f"control: with the squared loss the column sums move by {float(control[-1]):.3g}"
    return SimulationResult(Residual(float(sums[worst]), float(allowed[worst]), note=note), (plot,))


def squared_loss_moves_sums() -> Certificate:
    """A point at which the squared loss changes a column sum of U, for (n, m, r) = (2, 2, 2)."""
    from ...oracles.models import DeepLinear, known_laws
    from ...oracles.proofs import find_refutation

    law = known_laws(DeepLinear((2, 2, 2), logits=True))[0].polynomials()[0]
    found = find_refutation(DeepLinear((2, 2, 2)), law)
    assert found is not None
    return found.certificate


def wrong_loss() -> Certificate:
    """The certificate of (2, 2, 2) under the squared loss, with the column sums added to its laws and its count."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import DeepLinear

    found = find_completeness(DeepLinear((2, 2, 2)), structure=False, levels=False)
    assert found.certificate is not None
    claim = found.certificate["claim"]
    assert isinstance(claim, dict)
    more = {"laws": [{"family": "balance"}, {"family": "output-sums"}], "independent_laws": 5, "lie_dimension": 3}
    return {**found.certificate, "claim": {**claim, **more}}


THEOREM = Theorem(
    id="A1.two-layer-linear.logit-ce",
    title="Two-layer linear networks with cross-entropy on logits",
    summary="Cross-entropy on logits also conserves the column sums of U: r + two(n - 1, m, r) laws in all.",
    source="derived; uses A1.loss-span",
    status="derived",
    hypotheses=(
        "The network x -> U V^T x has n >= 2 outputs, read as logits; U is n x r and V is m x r.",
        "The gradients of the loss span the orthogonal complement of 1, as for softmax cross-entropy.",
        "The point is generic; two(n, m, r) is the count of A1.two-layer-linear.count.",
    ),
    statement=r"\begin{gathered} "
    r"\mathbf 1^\top U \ \text{ and } \ U^\top U - V^\top V \ \text{ are all laws} \\ "
    r"\#\text{laws} = r + \mathrm{two}(n - 1, m, r)"
    r" \end{gathered}",
    assumes=("A1.loss-span", "A1.two-layer-linear.count"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="certified",
            says="For random shapes the kernel accepts a proof that column sums and Delta are all, as many as stated.",
            arithmetic="modular",
            cases=shapes,
            check=check_certified,
            examples=tuple(Shape(n, m, r) for n, m, r, _ in KNOWN),
            share=0.25,
        ),
        Property(
            name="cross-entropy-in-floats",
            says="The gradient of softmax cross-entropy on data moves neither 1^T U nor Delta, up to rounding.",
            arithmetic="float64",
            cases=data_cases,
            check=check_cross_entropy,
        ),
    ),
    simulations=(
        Simulation(
            name="training",
            says="Gradient descent with cross-entropy keeps 1^T U up to rounding, and loses it with the squared loss.",
            run=training,
        ),
    ),
    mutants=(
        Mutant(
            name="sums-under-squared-loss",
            says="1^T U is conserved whatever the loss is.",
            refutes=squared_loss_moves_sums,
        ),
        Mutant(
            name="same-count",
            says="Cross-entropy has as many laws as the squared loss.",
            violates=Property(
                name="same-count",
                says="the count two(n, m, r)",
                arithmetic="modular",
                cases=shapes,
                check=check_other_loss,
                examples=(Shape(2, 2, 2),),
            ),
        ),
        Mutant(
            name="sums-on-top",
            says="The column sums add r laws to those of the squared loss.",
            violates=Property(
                name="sums-on-top",
                says="the count r + two(n, m, r)",
                arithmetic="modular",
                cases=shapes,
                check=check_naive,
                examples=(Shape(2, 1, 3),),
            ),
        ),
        Mutant(
            name="other-loss",
            says="The squared loss has the 5 laws that cross-entropy has on (2, 2, 2).",
            rejects=wrong_loss,
        ),
    ),
)
