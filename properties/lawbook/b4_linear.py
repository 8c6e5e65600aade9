"""B4.linear: between two layers without activation a whole matrix of charges is balanced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Affine, Number, Vector, find_law
from .._between import IDENTITY, LEAKY, RELU, gates
from .._discrete import Case, bounded, exact_run, float_run, judged, windows, worst
from .._identities import heavy_ball, plain, proved
from .._layers import Layer, dense
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._training import (
    Training,
    alive,
    caught,
    drawn_batches,
    drawn_start,
    drift_slope,
    exact_check,
    module_check,
    sample_case,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
NAMES = ("sgd-quadratic", "sgd-quadratic.weights", "hb-two-step.quadratic", "hb-first-step.quadratic")
LAWS = tuple(map(find_law, NAMES))
GENERAL = tuple(map(find_law, ("orthogonality", "sgd-generator", "noether-charge", "noether-charge.weights")))
Square = Sequence[Sequence[Number]]


def matrix_charge(layers: Sequence[Layer], first: int, second: int, A: Square, *, bias: bool = True) -> Affine:
    """The generator (A W, A b, -W' A) of the layers with weights at these places.

    For a symmetric A its charge is the trace of A times ``W W^T + b b^T - W'^T W'``.
    """
    starts = [sum(sum(layer.sizes) for layer in layers[:k]) for k in (first, second)]
    h = len(A)
    n, m = layers[first].sizes[0] // h, layers[second].sizes[0] // h
    entries: dict[tuple[int, int], Number] = {}
    for a in range(h):
        for b in range(h):
            if A[a][b] == 0:
                continue
            for k in range(n):
                entries[starts[0] + a * n + k, starts[0] + b * n + k] = A[a][b]
            if bias and len(layers[first].sizes) > 1:
                entries[starts[0] + h * n + a, starts[0] + h * n + b] = A[a][b]
            for k in range(m):
                entries[starts[1] + k * h + b, starts[1] + k * h + a] = -A[a][b]
    return Affine(entries)


def unit(h: int, a: int, b: int) -> list[list[Number]]:
    """The symmetric matrix whose charge is the entry (a, b)."""
    return [[F(((i, j) == (a, b)) + ((j, i) == (a, b)), 2) for j in range(h)] for i in range(h)]


def two_layers(between: Layer) -> tuple[Layer, ...]:
    """T8: inputs 2, hidden 2, output 1, no biases."""
    return (dense(2, 2, bias=False), between, dense(2, 1, bias=False))


def known_case(between: Layer) -> Case:
    """T8 of the theory: |U act(V X)|^2 / 2 with X = I."""
    layers = two_layers(between)
    batch = tuple(((F(i == 0), F(i == 1)), (F(0),)) for i in range(2))
    charge = matrix_charge(layers, 0, 2, unit(2, 0, 1))
    return Case(
        Training(layers, (batch,), charge), (Vector((1, -1, 1, 2)), Vector((1, 1))), (SGD(lr=F(1, 10)),)
    )  # fmt: skip


KNOWN = {
    "before": ((F(1), F(-2)), (F(-2), F(4))),
    "increment, linear": ((F(1, 25), F(1, 100)), (F(1, 100), F(-11, 100))),
    "increment, ReLU": ((F(0), F(13, 25)), (F(13, 25), F(-7, 25))),
}


def entries_of(case: Case, point: Any) -> tuple[tuple[Number, ...], ...]:
    """The matrix at a point, entry by entry."""
    assert isinstance(case.target, Training)
    charges = [[matrix_charge(case.target.layers, 0, 2, unit(2, a, b)) for b in range(2)] for a in range(2)]
    return tuple(tuple(charge.pair(point, point) for charge in row) for row in charges)


def derivation() -> Iterator[Step]:
    """The same matrix product, read from both sides."""
    yield Step(
        "Write the samples as columns: A = W X + b 1^T goes into the next layer, W' A + b' comes out, and E is the "
        "derivative of the loss there. Without an activation the derivative in A is W'^T E, and it is the one in the "
        "preactivation too.",
        r"G = W'^\top E X^\top, \qquad g_b = W'^\top E\, 1, \qquad G' = E A^\top",
    )
    yield Step(
        "So two products of gradients and weights are one and the same matrix. Checked with all of W, b, W', X and E "
        "free, two of everything.",
        r"G W^\top + g_b\, b^\top = W'^\top E A^\top = W'^\top G'",
        _products(),
    )
    yield Step(
        "Its pairing with any matrix A says that the generator (A W, A b, -W' A) of GL(h) is orthogonal to the "
        "gradient. The symmetric A give the entries of a conserved matrix.",
        r"\frac{d}{dt}\Lambda = 0, \qquad \Lambda = W W^\top + b b^\top - W'^\top W'",
    )
    yield Step(
        "With steps: the cross terms are the products above, so the matrix obeys the identity of B0.sgd-quadratic as a "
        "whole. All of W, b, W', X, E, eta and lam are free.",
        r"\Lambda(\theta') = (1-\eta\lambda)^2 \Lambda(\theta) + "
        r"\eta^2\bigl(G G^\top + g_b g_b^\top - G'^\top G'\bigr)",
        _step(),
    )
    yield proved(NAMES[2], "With momentum every symmetric A obeys the two-step recursion of B0.")
    yield proved("noether-charge.weights", "And a skew A, a rotation, has the geometric law.", "antisymmetric")
    yield Step(
        "T8: V = [[1, -1], [1, 2]], U = [1, 1], X = I, target 0, a rate of 1/10. The matrix and what a step adds to it "
        "without activation.",
        r"\Lambda = \begin{pmatrix} 1 & -2 \\ -2 & 4 \end{pmatrix}, \qquad "
        r"\Lambda' - \Lambda = \tfrac{1}{100}\begin{pmatrix} 4 & 1 \\ 1 & -11 \end{pmatrix}",
        _known(),
    )


def _balance(W: Any, b: Any, out: Any) -> Any:
    return W @ W.T + b @ b.T - out.T @ out


def _pieces() -> tuple[Any, ...]:
    from ...oracles.proofs import Matrix

    W, X, out, E = (Matrix.symbols(2, 2, start) for start in (0, 4, 8, 12))
    b, ones = Matrix.symbols(2, 1, 16), Matrix.build(1, 2, lambda _i, _j: 1)
    D, A = out.T @ E, W @ X + b @ ones
    return W, b, out, D @ X.T, D @ ones.T, E @ A.T


def _products() -> Certificate:
    from ...oracles.proofs import identity

    W, b, out, G, gb, after = _pieces()
    return identity(18, (G @ W.T + gb @ b.T).equals(out.T @ after))


def _step() -> Certificate:
    from ...oracles.proofs import identity, multiply, power, subtract, symbol

    W, b, out, G, gb, after = _pieces()
    eta, keep = symbol(18), subtract(1, multiply(symbol(18), symbol(19)))
    stepped = _balance(*(p.scaled(keep) - g.scaled(eta) for p, g in ((W, G), (b, gb), (out, after))))
    right = _balance(W, b, out).scaled(power(keep, 2)) + _balance(G, gb, after).scaled(power(eta, 2))
    return identity(20, stepped.equals(right))


def _known() -> Certificate:
    from ...oracles.proofs import Matrix, symbol, values

    V, U = Matrix.symbols(2, 2), Matrix.symbols(1, 2, 4)
    out = U @ V  # X = I and the target is 0

    def balance(V: Matrix, U: Matrix) -> Matrix:
        return V @ V.T - U.T @ U

    gV, gU, eta = U.T @ out, out @ V.T, symbol(6)
    moved = balance(V - gV.scaled(eta), U - gU.scaled(eta)) - balance(V, U)
    pairs = [
        (node, value)
        for matrix, name in ((balance(V, U), "before"), (moved, "increment, linear"))
        for row, known in zip(matrix.rows, KNOWN[name], strict=True)
        for node, value in zip(row, known, strict=True)
    ]
    return values((F(1), F(-1), F(1), F(2), F(1), F(1), F(1, 10)), pairs)


def table() -> Table:
    """T8 with and without an activation, from exact runs."""
    found: dict[str, tuple[tuple[Number, ...], ...]] = {}
    for name, between in (("increment, linear", IDENTITY), ("increment, ReLU", RELU)):
        case = known_case(between)
        before, after = (entries_of(case, m.parameters) for m in exact_run(case))
        found["before"] = before
        found[name] = tuple(
            tuple(y - x for x, y in zip(p, q, strict=True)) for p, q in zip(before, after, strict=True)
        )  # fmt: skip
    rows = [(name, *(str(x) for row in matrix for x in row)) for name, matrix in found.items()]
    return Table("T8: the matrix and one step", ("what", "11", "12", "21", "22"), rows, found == KNOWN)


def drawn(*, symmetric: bool, steps: int = 3) -> SearchStrategy[Case]:
    """Two layers without activation between, alone or inside a leaky network, and a random A."""
    from hypothesis import strategies as st

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        n, h, m = (draw(st.integers(low, 2)) for low in (1, 2, 1))
        layers: list[Layer] = [dense(n, h, bias=draw(st.booleans())), IDENTITY, dense(h, m, bias=draw(st.booleans()))]
        inputs, outputs, first = n, m, 0
        if draw(st.booleans()):
            layers[:0] = [dense(inputs := 2, n), LEAKY]
            first = 2
        if draw(st.booleans()):
            layers += [LEAKY, dense(m, outputs := 1)]
        numbers = [[draw(st.integers(-2, 2)) for _ in range(h)] for _ in range(h)]
        A = [[x + numbers[j][i] if symmetric else x for j, x in enumerate(row)] for i, row in enumerate(numbers)]
        A[0][1] += 5  # never zero, never skew
        A[1][0] += 5 if symmetric else 0
        charge = matrix_charge(layers, first, first + 2, A)
        target = Training(tuple(layers), draw(drawn_batches(inputs, outputs, steps)), charge)
        start = draw(drawn_start([size for layer in layers for size in layer.sizes]))
        return Case(target, start, draw(st.one_of(plain(steps), heavy_ball(steps))))

    return build().filter(alive)


def small(between: Layer, *, bias: bool = True) -> Case:
    """2-2-2 with biases on a fixed batch; watched is the entry above the diagonal."""
    layers = (dense(2, 2), between, dense(2, 2))
    case = sample_case(layers, (SGD(lr=F(1, 8)),) * 2, seed=1)
    assert isinstance(case.target, Training)
    charge = matrix_charge(layers, 0, 2, unit(2, 0, 1), bias=bias)
    return replace(case, target=replace(case.target, charge=charge))


def _exact(case: Case) -> Residual:
    return exact_check(LAWS, case)


def _columns() -> Certificate:
    """W^T W against W' W'^T."""
    from ...oracles.proofs import identity

    W, _, out, G, _, after = _pieces()
    return identity(18, (G.T @ W).equals(after @ out.T))


def _relu_off_diagonal() -> Certificate:
    from ...oracles.models import parse_model
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import find_refutation

    x = Polynomial.variable
    law = x(0) * x(1) + x(2) * x(3) - x(4) * x(5)  # W is stored by input, then neuron
    found = find_refutation(parse_model("relu:2-2-1"), law)
    assert found is not None
    return found.certificate


def ladder(profile: Profile) -> SimulationResult:
    """The three entries of the matrix of two hidden units, with and without a leaky activation, at rates in ratio 2.

    Residual and bound: the worst watched step of the linear network in float64 (see ``properties/_discrete.py``).
    """
    time = (1, 3, 8)[profile.effort]
    places = ((0, 0), (0, 1), (1, 1))
    found: list[Residual] = []
    drifts: list[Series] = []
    curves: list[Series] = []
    rows: list[tuple[str, float, str]] = []
    for between in (IDENTITY, LEAKY):
        ends: dict[tuple[int, int], list[tuple[float, float]]] = {place: [] for place in places}
        layers = (dense(2, 2), between, dense(2, 2))
        for inverse in (32, 64, 128, 256):
            case = sample_case(layers, (SGD(lr=F(1, inverse)),) * (time * inverse), seed=9)
            moments = bounded(float_run(case, "numpy"))
            for place in places:
                charge = matrix_charge(layers, 0, 2, unit(2, *place))
                watched = moments[:: max(1, inverse // 16)]
                values = [float(charge.pair(m.parameters, m.parameters)) for m in (*watched, moments[-1])]
                ends[place].append((1 / inverse, abs(values[-1] - values[0])))
                if place == (0, 1) and inverse in (32, 256):
                    points = [(m.index / inverse, q - values[0]) for m, q in zip(watched, values, strict=False)]
                    curves.append(Series(f"{between}, eta = 1/{inverse}", points))
                if between is IDENTITY:
                    some = list(windows(LAWS[1], moments, charge))[:: inverse // 4]
                    found += [judged(LAWS[1], w, charge, case.target, "float64") for w in some]
        for (a, b), points in ends.items():
            slope = f"{drift_slope(points):.2f}"
            label = f"{between}, entry {a + 1}{b + 1}"
            drifts.append(Series(f"{label}: slope {slope}", points))
            rows.append((label, points[-1][1] / points[-1][0], slope))
    plots = (
        Plot(
            "Off the diagonal only linear units are balanced",
            "time k eta",
            "entry 12 of the matrix, minus its start",
            curves,
            caption="Without activation the entry moves by less the smaller the rate; with one it moves freely.",
        ),
        Plot(
            "Three entries, two networks",
            "eta",
            "|change| at the same time",
            drifts,
            x_scale="log",
            y_scale="log",
            caption="Slope 1: a law broken by finite steps. Slope 0: no law. Both networks keep the diagonal.",
        ),
    )
    return SimulationResult(
        worst(found), plots, Table("Drift over rate at eta = 1/256", ("entry", "drift/eta", "slope"), rows)
    )


def _modules(dtype: Any) -> Property:
    return Property(
        name=dtype,
        says=f"nn.Linear layers trained by torch.optim.SGD in {dtype}: within gamma(n) times the absolute terms.",
        arithmetic=dtype,
        cases=lambda: drawn(symmetric=True, steps=4),
        check=lambda case: module_check(LAWS, case, dtype),
        examples=[known_case(IDENTITY)],
        share=0.3,
    )


THEOREM = Theorem(
    id="B4.linear",
    title="Two linear layers balance a whole matrix",
    summary="Without an activation between them, W W^T + b b^T - W'^T W' is conserved entry by entry.",
    source="arXiv 1806.00900, Theorem 2.2 (gradient flow, without biases); the rest derived",
    status="proved",
    hypotheses=(
        "W, b and W' are consecutive layers of any network, with nothing but the identity between them.",
        "Discrete: SGD with one rate, decay and momentum for W, b and W'; any loss, any batch at every step.",
    ),
    statement=r"\frac{d}{dt}\Lambda = 0, \quad \Lambda = W W^\top + b\,b^\top - W'^\top W'; \qquad "
    r"\Lambda_{k+1} = (1-\eta\lambda)^2\Lambda_k + \eta^2\bigl(G G^\top + g_b g_b^\top - G'^\top G'\bigr)",
    assumes=("B0.orthogonality", "B0.sgd-quadratic", "B0.hb-two-step", "B0.noether-charge-discrete"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="Exact runs with a random symmetric A, alone or inside a deeper network, with momentum and decay.",
            arithmetic="rational",
            cases=lambda: drawn(symmetric=True),
            check=_exact,
            examples=[known_case(IDENTITY)],
            share=0.4,
        ),
        Property(
            name="all-of-gl",
            says="Any matrix A, symmetric or not, gives a generator that obeys the discrete Noether identity.",
            arithmetic="rational",
            cases=lambda: drawn(symmetric=False),
            check=lambda case: exact_check(GENERAL, case),
            share=0.3,
        ),
        _modules("float64"),
        _modules("float32"),
    ),
    simulations=(
        Simulation(
            name="ladder",
            says="Three entries of the matrix at four rates: linear units keep all, leaky ones the diagonal.",
            run=ladder,
        ),
    ),
    mutants=(
        Mutant(
            name="relu-off-diagonal",
            says="ReLU units conserve the entries off the diagonal too.",
            refutes=_relu_off_diagonal,
        ),
        caught("relu-one-step", "One step of T8 with a ReLU.", _exact, known_case(RELU)),
        caught("dropout", "Dropout between the layers spares the matrix.", _exact, small(gates("dropout", (2, 0)))),
        caught("bias-forgotten", "The bias does not enter.", _exact, small(IDENTITY, bias=False)),
        Mutant(name="columns", says="The charge is W^T W - W' W'^T.", rejects=_columns),
    ),
)
