"""A3.linear-neural-ode: infinitely deep linear networks follow the logarithmic-mean flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import e, log
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._infinite_depth import (
    ProfileCase,
    conservation_identity,
    correction_identity,
    flow_residual,
    gradient_identity,
    gram_residual,
    profile_cases,
    relaxed_identity,
    turned_identity,
)
from .._infinite_depth_runs import BUMPED, EXAMPLE, law_kept, limit_of_depth, trajectories
from .._theorem import Mutant, Property, Residual, Simulation, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction


@dataclass(frozen=True, slots=True)
class DepthCase:
    """Two singular values and a constant lambda."""

    a: Fraction
    b: Fraction
    multiple: Fraction

    def multiplier(self, depth: int) -> float:
        """``K_ij/L`` of the net of that depth with ``lambda_k = lambda/L^2``."""
        from ...simulations.infinite_depth import multiplier

        shifts = [layer * float(self.multiple) / depth**2 for layer in range(depth)]
        return multiplier(float(self.a), float(self.b), shifts) / depth

    def mean(self) -> float:
        """The logarithmic mean of the squares."""
        import numpy as np

        from ...simulations.infinite_depth import logarithmic_mean

        return float(logarithmic_mean(np.array(float(self.a)), np.array(float(self.b))))


def derivation() -> Iterator[Step]:
    """The law c(s); what relaxed balance does to S; X in closed form; the flow; the limit of finite depth."""
    yield Step(
        "The gradient of f(X(1)) in L^2 is Gamma(s). It is a product of three matrices, of which the outer two depend "
        "on s; an identity between free 3 x 3 matrices.",
        r"\Gamma = R^\top G X^\top, \quad R = X(1) X(s)^{-1}, \quad R' = -R A, \; X' = A X \;\Rightarrow\; \Gamma' = "
        r"\Gamma A^\top - A^\top \Gamma",
        gradient_identity(),
    )
    yield Step(
        "So along dA/dt = -Gamma the matrix c(s) does not change, at any s: all terms cancel, for free A and Gamma.",
        r"\frac{d}{dt} \Bigl( \frac{d}{ds}(A + A^\top) + A^\top A - A A^\top \Bigr) = 0",
        conservation_identity(),
    )
    yield Step(
        "With the symmetric and the skew part, c(s) = lambda(s) I is a differential equation for S.",
        r"A^\top A - A A^\top = \tfrac12 [S, K], \quad S = A + A^\top, \; K = A - A^\top \;\Rightarrow\; S' = \tfrac12 "
        r"[K, S] + \lambda I",
        relaxed_identity(),
    )
    yield Step(
        "Rotating it away: with Q' = K Q/2, Q(0) = I, the solution is S(0) plus the integral of lambda, rotated.",
        r"S = Q \Bigl( S(0) + \int_0^s \lambda \Bigr) Q^\top",
        turned_identity(),
    )
    yield Step(
        "X = Q Y with Y' = (S(0) + int lambda) Y/2, whose matrices commute. Hence the Gram matrices of the first part "
        "and of the rest of the network; rho enters the one with rho(s) - s rho(1), the other with its negative.",
        r"X^\top X = e^{s S(0) + \rho(s)} = (Z^\top Z)^s e^{\rho(s) - s \rho(1)}, \quad R R^\top = (Z Z^\top)^{1-s} "
        r"e^{s \rho(1) - \rho(s)}, \quad \rho(s) = \int_0^s \!\! \int_0^u \lambda",
    )
    yield Step(
        "The product moves by the integral of R (-Gamma) X, and lambda cancels. In the SVD basis the integral of "
        "a^(1-s) b^s is the logarithmic mean of a and b.",
        r"Z' = -\int_0^1 R R^\top G\, X^\top X \, ds, \qquad \int_0^1 a^{1-s} b^s \, ds = \frac{a - b}{\ln a - \ln b}",
    )
    yield Step(
        "A net of depth L with W_k = I + A(s_k)/L and lambda_k = lambda(s_k)/L^2 has x = 1 + xi/L + ... with xi = "
        "ln s^2 plus a number that is the same for all directions; the next order adds (ln s^2)^2/2 and again such a "
        "number. In the divided difference of A3.deep.relaxed-balanced these numbers cancel, which leaves the first "
        "correction, whatever lambda. The identity: h = 1/L, alpha and beta the logarithms of a and b.",
        r"\frac{K_{ij}}{L} = \frac{1}{L} \frac{a - b}{x_i - x_j} = \ell(a, b) \Bigl( 1 - \frac{\ln (a b)}{2 L} + "
        r"O(L^{-2}) \Bigr), \qquad a = s_i^2, \; b = s_j^2",
        correction_identity(),
    )


def depth_cases() -> SearchStrategy[DepthCase]:
    """Singular values between 1/2 and 3, not both 1, and lambda between -3 and 3."""
    from hypothesis import strategies as st

    value = st.integers(4, 24).map(lambda k: F(k, 8))
    multiple = st.integers(-12, 12).map(lambda k: F(k, 4))
    return st.builds(DepthCase, value, value, multiple)


def check_depth(case: DepthCase, *, arithmetic_mean: bool = False, corrected: bool = True) -> Residual:
    """``K_L/L = l + c_1/L + O(1/L^2)`` with ``c_1 = -l ln(a b)/2``: what is left of it falls fourfold as L doubles.

    Bound: 3^-k of what is left at L/2^k for the best of k = 1, 2, 3, since the first two terms left can cancel at some
    depth between; and rounding: L terms of one sign, each with exponents and products of 8 L roundings.
    """
    a, b = float(case.a), float(case.b)
    limit = (a * a + b * b) / 2 if arithmetic_mean else case.mean()
    correction = -limit * log(a * b) if corrected else 0.0
    depths = (16, 32, 64, 128)
    eighth, quarter, half, left = (abs(case.multiplier(depth) - limit - correction / depth) for depth in depths)
    rounded = 16 * 128 * 2.0**-53 * max(a, b) ** 2
    return Residual(left, max(half / 3, quarter / 9, eighth / 27) + rounded, nontrivial=half > 4 * rounded)


def table() -> Table:
    """Z = diag(e, 1), which is A(s) = diag(1, 0)."""
    import numpy as np

    from ...simulations.infinite_depth import Grid, logarithmic_mean
    from ...simulations.infinite_depth import Profile as Layers

    grid = Grid(14)
    profile = Layers(grid, np.tile(np.diag([1.0, 0.0]), (grid.count, 1, 1)))
    s = np.array([e, 1.0])
    K = logarithmic_mean(s[:, None], s[None, :])
    known = {"K_11 = e^2": e * e, "K_22 = 1": 1.0, "K_12 = K_21 = (e^2 - 1)/2": (e * e - 1) / 2}
    closed = (K[0, 0], K[1, 1], K[0, 1])
    # with G a matrix unit the flow of all layers has one entry
    units = [np.array([[float((i, j) == at) for j in range(2)] for i in range(2)]) for at in ((0, 0), (1, 1), (0, 1))]
    layered = [float((profile.lifted(G) * G).sum()) for G in units]
    unit = 2.0**-53
    rows: list[list[str | float]] = []
    agrees = True
    for (name, value), a, b in zip(known.items(), closed, layered, strict=True):
        rows.append([name, value, float(a), b])
        # three roundings and a sinh for the mean; the quadrature is a solution of a system of side 28
        agrees &= abs(float(a) - value) <= 8 * unit * value and abs(b - value) <= 64 * 28 * unit * e**4
    return Table("Z = diag(e, 1)", ("entry", "stated", "logarithmic mean", "all layers, by quadrature"), rows, agrees)


def wrong_law() -> Certificate:
    """The conservation of ``d/ds (A + A^T) - A^T A + A A^T``."""
    return conservation_identity(-1)


def _mean_check(power: int) -> Callable[[ProfileCase], Residual]:
    """The arithmetic (1) or the geometric (0) mean of the squares in place of the logarithmic one."""

    def mean(p: Any, q: Any) -> Any:
        return (p * p + q * q) / 2 if power else p * q

    def check(case: ProfileCase) -> Residual:
        return flow_residual(case, mean)

    return check


def _flows(
    name: str,
    says: str,
    check: Callable[[ProfileCase], Residual],
    *,
    bump: bool = False,
    example: ProfileCase = EXAMPLE,
) -> Property:
    return Property(name, says, "float64", lambda: profile_cases(bump=bump), check, examples=[example], share=0.5)


def _depths(name: str, says: str, check: Callable[[DepthCase], Residual]) -> Property:
    return Property(name, says, "float64", depth_cases, check, examples=[DepthCase(F(2), F(3, 2), F(3, 2))])


THEOREM = Theorem(
    id="A3.linear-neural-ode",
    title="Infinitely deep linear networks",
    summary="Gradient flow of a linear ODE in depth conserves a matrix at every depth; where it is a multiple of the "
    "identity, Z = X(1) follows the logarithmic-mean flow, whatever the multiple.",
    source="Marcotte, Peyre, Gribonval 2025, arXiv 2508.07370, Theorem 3.13; formulas and the correction for finite "
    "depth derived",
    status="derived",
    hypotheses=(
        "X'(s) = A(s) X(s), X(0) = I, s in [0, 1], Z = X(1), A smooth with values in R^{n x n}.",
        "Gradient flow of f(Z) in L^2: dA(s)/dt = -Gamma(s), Gamma = (X(1) X(s)^{-1})^T G X(s)^T, G = grad f(Z).",
        "For the flow of Z: c(s) = lambda(s) I at the start.",
    ),
    statement=r"\frac{d}{dt} c(s) = 0, \quad c = \frac{d}{ds}(A + A^\top) + A^\top A - A A^\top; \qquad c = \lambda I "
    r"\;\Rightarrow\; Z' = -\int_0^1 (Z Z^\top)^{1-s} G (Z^\top Z)^s ds, \quad (U^\top Z' V)_{ij} = -(U^\top G V)_{ij} "
    r"\, \frac{s_i^2 - s_j^2}{\ln s_i^2 - \ln s_j^2} \;\text{ for } Z = U \,\mathrm{diag}(s)\, V^\top",
    assumes=("A3.deep.relaxed-balanced", "A7.balanced"),
    derivation=derivation,
    tables=(table,),
    properties=(
        _flows(
            "flow",
            "Random profiles with c(s) = lambda(s) I, built from rotations and lambda, width 2 and 3: the flow of all "
            "layers by quadrature equals the closed form, within collocation and rounding.",
            flow_residual,
        ),
        _flows("gram", "There X(s)^T X(s) = exp(s S(0) + rho(s) I) at all nodes.", gram_residual),
        _depths(
            "finite-depth",
            "Nets of depth 16 to 128 with lambda_k = lambda/L^2: K/L is the logarithmic mean with the stated "
            "correction, up to what falls fourfold as L doubles.",
            check_depth,
        ),
    ),
    simulations=(
        both_flows(
            "linear:2-2-2-2-2",
            "balanced",
            "Four layers on the way to infinitely many: both flows.",
            time=1 / 256,
        ),
        Simulation(
            "trajectories",
            "The values of A(s) at 12 nodes and the entries of Z alone: their distance falls with the step.",
            trajectories,
        ),
        Simulation("conserved-profile", "c(s) along the flow of A: conserved at every depth.", law_kept),
        Simulation("depth", "Nets of depth 16 to 256 approach infinite depth as 1/L.", limit_of_depth),
    ),
    mutants=(
        Mutant(
            "not-relaxed",
            "The flow holds for every A(s).",
            violates=_flows("not-relaxed", "Any A(s) will do.", flow_residual, bump=True, example=BUMPED),
        ),
        Mutant(
            "arithmetic-mean",
            "The mean of s_i^2 and s_j^2 is the arithmetic one.",
            violates=_flows("arithmetic-mean", "The arithmetic mean.", _mean_check(1)),
        ),
        Mutant(
            "geometric-mean",
            "The mean of s_i^2 and s_j^2 is the geometric one.",
            violates=_flows("geometric-mean", "The geometric mean.", _mean_check(0)),
        ),
        Mutant(
            "without-lambda",
            "Z^T Z = exp(S(0)).",
            violates=_flows("without-lambda", "lambda drops out.", lambda case: gram_residual(case, lifted=False)),
        ),
        Mutant(
            "second-order",
            "Finite depth differs from infinite depth by O(1/L^2).",
            violates=_depths("second-order", "No term 1/L.", lambda case: check_depth(case, corrected=False)),
        ),
        Mutant(
            "arithmetic-depth",
            "K/L tends to the arithmetic mean.",
            violates=_depths(
                "arithmetic-depth", "The arithmetic mean.", lambda case: check_depth(case, arithmetic_mean=True)
            ),
        ),
        Mutant("law-sign", "c(s) has the commutator with the other sign.", rejects=wrong_law),
    ),
)
