"""A7.riemannian-metric: the flow of balanced networks is a gradient flow of matrices of fixed rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import exp, expm1, log, pi, sin
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._deep_flow import FlowCase, apart, flow_cases, lifted
from .._deep_metric import MetricFlow, inverse, length_check, tangent
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
EXAMPLE = FlowCase((3, 2, 4, 3), 3, tuple(F(x) for x in (1, -2, 3, 0, 1, 1, -1, 2, 1)), balanced=True)
"""Z is 3 x 3 of rank 2."""
TWICE = FlowCase((2, 2, 2, 2), 0, tuple(F(x) for x in (1, -2, 3, 1)), balanced=True, sizes=((F(2),) * 3, (F(2),) * 3))
"""Both singular values of Z are equal: the limit in the formula."""


@dataclass(frozen=True, slots=True)
class PairCase:
    """Two squared singular values and a number of layers."""

    a: Fraction
    b: Fraction
    N: int


def derivation() -> Iterator[Step]:
    """A_Z is dphi dphi^T; its numbers in the SVD basis; the gradient; the integral."""
    yield Step(
        "A_Z is the lifted metric at a balanced point (A7.balanced), so it is symmetric and its form is a sum of "
        "squares: the squared lengths of the gradients of the layers. For three free layers of 2 x 2.",
        r"\langle A_Z(G), G \rangle = \sum_j \bigl| (W_N \cdots W_{j+1})^\top G\, (W_{j-1} \cdots W_1)^\top \bigr|^2",
        squares(),
    )
    for N in (2, 3, 4, 5):
        yield Step(
            f"In the SVD basis of Z it multiplies each entry by a number: N = {N}, p and q the N-th roots of a = s_i^2 "
            "and b = s_j^2. Where p = q it is N p^(N-1), and where q = 0 it is p^(N-1).",
            r"(p - q) \sum_{j=1}^N p^{N-j} q^{j-1} = p^N - q^N",
            multipliers(N),
        )
    yield Step(
        "These numbers are positive unless both singular vectors lie outside of the images, N >= 2. So A_Z maps onto "
        "the tangent space of the matrices of rank k at Z, and is invertible there.",
        r"T_Z = \{ X : (I - P) X (I - Q) = 0 \}, \qquad P, Q \text{ the projections on the images of } Z, Z^\top",
    )
    yield Step(
        "Z' = -A_Z(G) is the gradient in the metric of the inverse.",
        r"\langle A_Z^{-1} Z', Y \rangle = -\langle G, Y \rangle \quad \text{for all } Y \in T_Z",
    )
    yield Step(
        "The integral: partial fractions, with denominators cleared.",
        r"\frac{t}{(t + a)(t + b)} = \frac{1}{a - b} \Bigl( \frac{a}{t + a} - \frac{b}{t + b} \Bigr)",
        fractions(),
    )
    yield Step(
        "Each part is Euler's integral; the rest is that both resolvents are diagonal in the SVD basis.",
        r"\int_0^\infty \frac{t^{1/N - 1}\, a}{t + a}\, dt = \frac{\pi}{\sin(\pi/N)}\, a^{1/N} \;\Rightarrow\; "
        r"\frac{\sin(\pi/N)}{\pi} \int_0^\infty \frac{t^{1/N} \, dt}{(t+a)(t+b)} = \frac{a^{1/N} - b^{1/N}}{a - b}",
    )
    yield Step(
        "For N to infinity the sum over j is a Riemann sum of a monotone function, wrong by at most |a - b|/N.",
        r"\frac{1}{N} \sum_{j=1}^N a^{\frac{N-j}{N}} b^{\frac{j-1}{N}} = a^{-1/N} \Bigl( \int_0^1 a^{1-s} b^s ds + "
        r"O(1/N) \Bigr)",
    )


def squares() -> Certificate:
    """``<A_Z(G), G>`` as a sum of squares, in the layers."""
    from ...oracles.proofs import Matrix, add, identity
    from .._deep_proofs import added, tree_gradients, tree_lifted

    layers = [Matrix.symbols(2, 2, 4 * k) for k in range(3)]
    G = Matrix.symbols(2, 2, 12)
    parts = tree_gradients(layers, G)
    form = added(tree_lifted(layers, G)).inner(G)
    return identity(16, [(form, add(*(part.inner(part) for part in parts)))])


def multipliers(N: int, *, missing: bool = False) -> Certificate:
    """The sum as a quotient, and its values at p = q and at q = 0; a mutant forgets the factor N at p = q."""
    from ...oracles.proofs import add, identity, multiply, power, subtract, symbol

    p, q = symbol(0), symbol(1)

    def total(x: Any, y: Any) -> Any:
        return add(*(multiply(power(x, N - j), power(y, j - 1)) for j in range(1, N + 1)))

    quotient = (multiply(subtract(p, q), total(p, q)), subtract(power(p, N), power(q, N)))
    diagonal = (total(p, p), multiply(1 if missing else N, power(p, N - 1)))
    # 0^0 = 1: only the term j = 1 is left
    outside = (multiply(power(p, N - 1), power(0, 0)), power(p, N - 1))
    return identity(2, [quotient, diagonal, outside])


def fractions() -> Certificate:
    """``a (t + b) - b (t + a) = (a - b) t``."""
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    t, a, b = (symbol(k) for k in range(3))
    left = subtract(multiply(a, add(t, b)), multiply(b, add(t, a)))
    return identity(3, [(left, multiply(subtract(a, b), t))])


def inverse_check(case: FlowCase, diagonal: Callable[[Fraction, int], Fraction] | None = None) -> Residual:
    """``A_Z^(-1) A_Z(G)`` is the tangent part of G, and ``A_Z A_Z^(-1)`` is the identity on tangent matrices."""
    T = tangent(case, case.slope)
    off = apart(inverse(case, lifted(case.layers, case.slope), diagonal=diagonal), T)
    off += apart(lifted(case.layers, inverse(case, T, diagonal=diagonal)), T)
    return Residual(off, nontrivial=any(T.entries()))


def everywhere_check(case: FlowCase) -> Residual:
    """The wrong statement: A_Z is invertible on all matrices."""
    off = apart(inverse(case, lifted(case.layers, case.slope)), case.slope)
    return Residual(off, nontrivial=len(case.made.roots) < min(case.shape))


def pair_cases() -> SearchStrategy[PairCase]:
    """Squares between 1/8 and 8, two to eight layers."""
    from hypothesis import strategies as st

    value = st.integers(1, 64).map(lambda k: F(k, 8))
    return st.builds(PairCase, value, value, st.integers(2, 8))


def mean_sum(a: float, b: float, N: int) -> float:
    """``sum_j a^((N-j)/N) b^((j-1)/N)``."""
    return float(sum(a ** ((N - j) / N) * b ** ((j - 1) / N) for j in range(1, N + 1)))


def integral_check(case: PairCase, power: Callable[[int], Fraction] = lambda N: F(1, N)) -> Residual:
    """The integral by the trapezoidal rule in ``u = log t``, step h = 1/4, against ``1/sum_j``.

    The integrand ``e^((1+c)u)/((e^u + a)(e^u + b))``, c = 1/N, is analytic for ``|Im u| < pi``. On ``|Im u| <= pi/2``
    it is at most the same with maxima in place of the sums, whose integral over the line is M; then the rule is wrong
    by at most ``2 M/(e^(pi^2/h) - 1)`` (Trefethen and Weideman 2014, Theorem 5.1). Cutting at -U and V leaves out at
    most ``e^(-(1+c)U)/(a b (1+c)) + e^(-(1-c)V)/(1-c)``. The terms are positive, each with 16 roundings.

    Args:
        case: a, b and N.
        power: of t, for mutants.
    """
    a, b = sorted((float(case.a), float(case.b)))
    N, c = case.N, 1.0 / case.N
    h = 0.25
    low, high = int(44 / (1 + c) / h) + 1, int(44 / (1 - c) / h) + 1
    used = float(power(N))
    total = sum(exp((1 + used) * k * h - log(exp(k * h) + a) - log(exp(k * h) + b)) for k in range(-low, high + 1))
    found = sin(pi * c) / pi * h * total
    M = a**c / ((1 + c) * b) + (b**c - a**c) / (c * b) + b ** (c - 1) / (1 - c)
    cut = exp(-(1 + c) * low * h) / (a * b * (1 + c)) + exp(-(1 - c) * high * h) / (1 - c)
    unit = 2.0**-53
    # logarithms of size up to (1 + c) 44/(1 - c) lose as many units; sums lose one for each term
    lost = (16 + 2 * (1 + c) * high * h + low + high) * unit
    exact = 1 / mean_sum(a, b, N)
    bound = sin(pi * c) / pi * (2 * M / expm1(pi**2 / h) + cut + lost * h * total) + 8 * N * unit * exact
    return Residual(abs(found - exact), bound)


def depth_check(case: PairCase, arithmetic: bool = False) -> Residual:
    """``A_Z/N`` against the logarithmic mean, at N^3 layers.

    With ``phi(s) = a^(1-s) b^s``, ``A_Z/N`` is ``a^(-1/N)`` times a Riemann sum of N terms, and phi is monotone between
    b and a: the sum is wrong by at most ``|a - b|/N``. Rounding: N terms with powers of a few units.
    """
    a, b, N = float(case.a), float(case.b), case.N**3
    limit = (a + b) / 2 if arithmetic else (a - b) / (log(a) - log(b)) if a != b else a
    shrunk = a ** (-1 / N)
    bound = shrunk * abs(a - b) / N + abs(shrunk - 1) * limit + 4 * N * 2.0**-53 * max(a, b)
    return Residual(abs(mean_sum(a, b, N) / N - limit), bound, nontrivial=a != b)


def table() -> Table:
    """Multipliers with rational roots, three ways; a = 64 and b = 1 have N-th roots for N = 2, 3, 6."""
    rows: list[list[str | int | float]] = []
    agrees = True
    for N in (2, 3, 6):
        p, q = F({2: 8, 3: 4, 6: 2}[N]), F(1)
        total = sum((p ** (N - j) * q ** (j - 1) for j in range(1, N + 1)), F(0))
        quotient = (F(64) - 1) / (p - q)
        integral = integral_check(PairCase(F(64), F(1), N))
        agrees &= total == quotient and integral.holds
        rows.append([N, str(total), str(quotient), float(integral.value)])
    return Table("a = 64, b = 1", ("N", "sum", "(a - b)/(p - q)", "error of 1/integral's value"), rows, agrees)


def trajectories(profile: Profile) -> SimulationResult:
    """All parameters of linear:3-2-4-3 against the gradient flow of 3 x 3 matrices of rank 2 in the metric.

    Two more checks along the way: the fall of f is the integral of the squared speed in the metric (Simpson's rule; its
    error is at most its change from twice the step), and the third singular value of Z stays at rounding.
    """
    import numpy as np

    from ...oracles.intrinsic import closed_form
    from ...simulations import Loss
    from ...simulations.reduced import compare
    from .._reduced import side_by_side

    made = EXAMPLE.made
    target = np.array([1, -0.5, 0.5, 0, 1.5, 0.5, 0.5, -0.5, 1])
    form = closed_form(made.model, made.point)
    flow = MetricFlow(form, (3, 3), 2, 3)
    loss = Loss.squared([F(x) for x in target.tolist()])
    found = compare(made.model, made.point, flow, loss, steps=16, halvings=2 + profile.effort)
    names = [f"Z[{i},{j}]" for i in (1, 2, 3) for j in (1, 2, 3)]
    result = side_by_side(found, names)
    path = found.reduced
    slopes = path - target
    speeds = np.array([float(g @ flow.apply(z, g)) for z, g in zip(path, slopes, strict=True)])
    energy = (slopes**2).sum(axis=1) / 2
    h = float(found.times[1])
    fine, coarse = (_simpson(speeds[::k], k * h) for k in (1, 2))
    left = abs(energy[0] - energy[-1] - fine)
    allowed = abs(fine - coarse) + found.bound * float(np.abs(slopes).max()) * 9
    third = np.linalg.svd(path.reshape(-1, 3, 3), compute_uv=False)[:, 2]
    times = [float(t) for t in found.times]
    plots = (
        *result.plots,
        Plot(
            "The fall of the loss is the length in the metric",
            "time",
            "value",
            [
                Series("f(Z(0)) - f(Z(t))", list(zip(times, (energy[0] - energy).tolist(), strict=True))),
                Series("integral of the squared speed", _running(times, speeds), "points"),
            ],
        ),
        Plot(
            "The flow does not leave the matrices of rank 2",
            "time",
            "third singular value",
            [Series("third singular value of Z", list(zip(times, np.maximum(third, 1e-20).tolist(), strict=True)))],
            y_scale="log",
        ),
    )
    residual = result.residual
    worst = max(float(residual.value) / float(residual.bound), left / allowed)
    note = f"distance {float(residual.value):.1e}, energy {left:.1e} of {allowed:.1e}"
    return SimulationResult(Residual(worst, 1.0, residual.nontrivial, note), plots)


def _simpson(values: Any, step: float) -> float:
    return float(step / 3 * (values[0] + values[-1] + 4 * values[1:-1:2].sum() + 2 * values[2:-1:2].sum()))


def _running(times: Sequence[float], speeds: Any) -> list[tuple[float, float]]:
    """Simpson's rule up to every eighth time."""
    h = times[1]
    return [(times[k], _simpson(speeds[: k + 1], h) if k else 0.0) for k in range(0, len(times), 8)]


def missing_factor() -> Certificate:
    """The limit a = b without the factor N."""
    return multipliers(3, missing=True)


def _points(name: str, says: str, check: Callable[[FlowCase], Residual]) -> Property:
    return Property(
        name,
        says,
        "rational",
        lambda: flow_cases("balanced", depths=(2, 4)),
        check,
        examples=[EXAMPLE, TWICE],
        share=0.5,
    )


def _pairs(name: str, says: str, check: Callable[[PairCase], Residual]) -> Property:
    examples = [PairCase(F(4), F(1, 2), 3), PairCase(F(2), F(2), 2), PairCase(F(1, 8), F(8), 8)]
    return Property(name, says, "float64", pair_cases, check, examples=examples)


THEOREM = Theorem(
    id="A7.riemannian-metric",
    title="The metric of balanced deep linear networks",
    summary="On matrices of rank k the flow of a balanced network is the gradient flow of the loss in an explicit "
    "Riemannian metric, the inverse of A_Z.",
    source="Bah, Rauhut, Terstiege, Westdickenberg 2019, arXiv 1910.05505, Section 3",
    status="proved",
    hypotheses=(
        "Balanced layers (A7.balanced), N >= 2, Z of rank k.",
        "A_Z(Y) = sum_j (Z Z^T)^{(N-j)/N} Y (Z^T Z)^{(j-1)/N}; T_Z: tangent matrices at Z of those of rank k.",
    ),
    statement=r"Z' = -\mathrm{grad}\, f \;\text{ for }\; g_Z(X, Y) = \langle A_Z^{-1} X, Y \rangle \;\text{ on } T_Z; "
    r"\qquad A_Z^{-1}(Y) = \frac{\sin(\pi/N)}{\pi} \int_0^\infty (t + Z Z^\top)^{-1} Y (t + Z^\top Z)^{-1} t^{1/N} dt; "
    r"\qquad (U^\top A_Z(Y) V)_{ij} = \frac{a - b}{a^{1/N} - b^{1/N}}\, (U^\top Y V)_{ij}, \quad a = s_i^2, "
    r"\; b = s_j^2",
    assumes=("A7.balanced",),
    derivation=derivation,
    tables=(table,),
    properties=(
        _points(
            "inverse",
            "At balanced points with rational roots the quotients invert A_Z on the tangent space of the matrices of "
            "the rank of Z, exactly.",
            inverse_check,
        ),
        _points(
            "length",
            "There the squared length of a tangent matrix is the least that moving the layers costs, exactly.",
            length_check,
        ),
        _pairs("integral", "The integral by the trapezoidal rule, within its error bound.", integral_check),
        _pairs(
            "depth-limit",
            "A_Z/N is the logarithmic mean up to the error of a Riemann sum, up to 512 layers.",
            depth_check,
        ),
    ),
    simulations=(
        both_flows(
            "linear:2-2-2-2", "balanced", "The gradient flow of f for this metric, against that of all weights."
        ),
        Simulation(
            "trajectories",
            "linear:3-2-4-3 with all its parameters, and the gradient flow of 3 x 3 matrices of rank 2 in the metric.",
            trajectories,
        ),
    ),
    mutants=(
        Mutant(
            "limit",
            "Where a = b the multiplier is a^((N-1)/N).",
            violates=_points(
                "limit", "No factor N.", lambda case: inverse_check(case, lambda x, N: 1 / F(x) ** (N - 1))
            ),
        ),
        Mutant(
            "everywhere",
            "A_Z can be inverted on all matrices.",
            violates=_points("everywhere", "All matrices.", everywhere_check),
        ),
        Mutant(
            "power",
            "The power of t is (N-1)/N.",
            violates=_pairs("power", "The other power.", lambda case: integral_check(case, lambda N: F(N - 1, N))),
        ),
        Mutant(
            "arithmetic",
            "A_Z/N tends to the arithmetic mean.",
            violates=_pairs("arithmetic", "The arithmetic mean.", lambda case: depth_check(case, True)),
        ),
        Mutant("limit-exact", "The sum at p = q is p^(N-1).", rejects=missing_factor),
    ),
)
