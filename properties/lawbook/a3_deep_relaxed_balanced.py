"""A3.deep.relaxed-balanced: deep linear networks whose balance matrices are multiples of the identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._deep_flow import (
    FlowCase,
    Kind,
    Spectral,
    apart,
    closed,
    exact_residual,
    float_residual,
    flow_cases,
    from_grams,
    identity_matrix,
    lifted,
    matrix,
    product,
    scaled_identity,
)
from .._deep_proofs import chain_rule, defect_identity, example_values, telescope, violation_at
from .._enclosed import enclosed
from .._profiles import Profile
from .._theorem import Arithmetic, Mutant, Property, Residual, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
EQUAL = FlowCase((2, 2, 2, 2), 0, (F(1), F(-2), F(1, 2), F(3)))
BOTTLENECK = FlowCase((3, 2, 2, 3), 0, tuple(F(x) for x in (1, -2, 3, 0, 1, 1, -1, 2, 1)))
SCALAR = FlowCase((1, 1, 1, 1), 0, (F(1),), sizes=((F(3), F(2), F(1)),))
"""z = 6 with squares 9, 4, 1: hard to get wrong by accident, since the other two roots are 2 and 2."""
KNOWN = ((6, 9, (9, 4, 1), 49), (10, 10, (10, 5, 2), 80))
"""s, x and the squared singular values of U_1, U_2, U_3 for mu = (5, 3), and K = 49, as the theory states them;
80 = 10 * 5 + 10 * 2 + 5 * 2."""


def derivation() -> Iterator[Step]:
    """Relaxed balance is kept; the factors of each term are polynomials of B and C; which root; exact examples."""
    from ...oracles.models import known_laws, parse_model
    from ...oracles.proofs import conserved

    yield Step(
        "The lifted flow of three free layers of 2 x 2. The model counts from the output: W_i is its block U_(L+1-i), "
        "and its balances are mu_j = lambda_(L-j), so that sigma_k = mu_1 + ... + mu_(L-k).",
        r"Z' = -\sum_{k=1}^L (W_L \cdots W_{k+1})(W_L \cdots W_{k+1})^\top\, G\, (W_{k-1} \cdots W_1)^\top "
        r"(W_{k-1} \cdots W_1)",
        chain_rule(3),
    )
    model = parse_model("linear:2-2-2-2")
    yield Step(
        "The balances are laws, so a balance that is a multiple of the identity stays the same multiple.",
        r"W_{i+1}^\top W_{i+1} - W_i W_i^\top = \lambda_i I \quad \text{for all } t",
        conserved(model, [law for family in known_laws(model) for law in family.polynomials()]),
    )
    yield Step(
        "B = W_L W_L^T. For three free layers Z Z^T is a product of shifted B up to terms with a factor E, the "
        "distance of a balance from lambda I: an identity between polynomials, lambda_1 and lambda_2 free too. The "
        "same step for any depth: W_k W_k^T = W_(k+1)^T W_(k+1) - lambda_k, and W p(W^T W) W^T = B p(B).",
        r"Z Z^\top = B (B - \lambda_2)(B - \lambda_1 - \lambda_2) - W_3 (E_2 (T - \lambda_1) + T E_2 - E_2^2) W_3^\top "
        r"- W_3 W_2 E_1 W_2^\top W_3^\top, \qquad T = W_3^\top W_3 - \lambda_2",
        defect_identity(relaxed=True),
    )
    yield Step(
        "The factor to the left of G is the same product without its first k factors, the one to the right by "
        "transposition; a product without layers is I. In a singular direction of Z all are numbers.",
        r"(W_L \cdots W_{k+1})(W_L \cdots W_{k+1})^\top = \prod_{l>k} (B - \sigma_l) \quad (k < L)",
    )
    yield Step(
        "x - sigma_k is the squared singular value of W_k, so x is at least every sigma_k. Beyond the largest of them "
        "the product increases from 0 to infinity: x is there exactly once, and it is the largest real root.",
        r"\prod_k (x - \sigma_k) = s^2, \qquad x \ge \max_k \sigma_k",
    )
    for depth in (2, 3, 4, 5):
        yield Step(
            f"The sum over the layers telescopes, here for depth {depth}: K is a divided difference, the derivative of "
            "the product where both directions have one x. It does not depend on the order of the sigma.",
            r"K_{ij} = \sum_k \prod_{l>k} (x_i - \sigma_l) \prod_{l<k} (x_j - \sigma_l) = "
            r"\frac{s_i^2 - s_j^2}{x_i - x_j}",
            telescope(depth),
        )
    yield Step(
        "z = 6 with balances 5 and 3 from the output on: x = 9 and K = 49. The cubic is (x - 9)(x - 2)^2, and x = 2 "
        "would give the squares 2, -3, -6.",
        r"x (x-5)(x-8) = 36, \quad K = 9 \cdot 4 + 9 \cdot 1 + 4 \cdot 1 = 49",
        _scalar(),
    )
    for case, says in ((EQUAL, "equal widths"), (BOTTLENECK, "hidden widths 2 between 3 and 3, Z of rank 2")):
        yield Step(
            f"In exact numbers, {says}: singular vectors and roots are rational, and the flow of all layers equals the "
            "closed form entry by entry.",
            certificate=example_values(case),
        )
    yield Step(
        "At the first of these points no direction is left that could change the metric: what neither Z nor the "
        "balances see are rotations between the layers, one dimension for each of the two hidden layers, and M is "
        "invariant under them.",
        r"\ker d\phi \cap \ker dh \subset \ker dM",
        _inclusion(),
    )


def _scalar() -> Certificate:
    from ...oracles.proofs import add, identity, multiply, power, subtract, symbol

    x = symbol(0)
    gaps = (x, subtract(x, 5), subtract(x, 8))
    cubic = multiply(subtract(x, 9), power(subtract(x, 2), 2))
    K = add(*(multiply(*gaps[:k], *gaps[k + 1 :]) for k in range(3)))
    # K - 49 vanishes at x = 9: it is (x - 9)(3 x + 1)
    at_nine = multiply(subtract(x, 9), add(multiply(3, x), 1))
    return identity(1, [(subtract(multiply(*gaps), 36), cubic), (subtract(K, 49), at_nine)])


def _inclusion() -> Certificate:
    from ...oracles.proofs import inclusion

    turns = [(layer, {(0, 1): 1}) for layer in (1, 2)]
    return inclusion(EQUAL.made.model, None, EQUAL.made.point, (), rotations=turns)


def rotated_kernel() -> Certificate:
    """The claim of a direction that changes M where the input layer is turned by a rotation on its left."""
    layers = [*EQUAL.layers[:-1], matrix(_plane(2), 2, 2) * EQUAL.layers[-1]]
    return violation_at(EQUAL.made.model, [F(int(x.p), int(x.q)) for U in layers for x in U.entries()])


def theory_check(case: FlowCase) -> Residual:
    """The two polynomial identities in the numbering of the theory: W_i from the input, lambda_i, sigma_k."""
    W = list(reversed(case.layers))
    L = len(W)
    lambdas = [_multiple(W[i + 1].transpose() * W[i + 1] - W[i] * W[i].transpose()) for i in range(L - 1)]
    Z = product(W[::-1])
    B, C = W[-1] * W[-1].transpose(), W[0].transpose() * W[0]
    sigma = [sum(lambdas[k:], F(0)) for k in range(L - 1)] + [F(0)]
    partial = [sum(lambdas[:k], F(0)) for k in range(L)]
    off = apart(_shifted(B, [-s for s in sigma]), Z * Z.transpose())
    off += apart(_shifted(C, partial), Z.transpose() * Z)
    off += abs(sum(lambdas, F(0)) - sum(case.made.mus, F(0)))
    return Residual(off, nontrivial=any(lambdas))


def _multiple(M: Any) -> Fraction:
    value = F(int(M[0, 0].p), int(M[0, 0].q))
    assert apart(M, scaled_identity(value, M.nrows())) == 0
    return value


def _shifted(M: Any, shifts: Sequence[Fraction]) -> Any:
    """``prod (M + shift)``."""
    size = M.nrows()
    result = identity_matrix(size)
    for shift in shifts:
        result = result * (M + scaled_identity(shift, size))
    return result


def wrong_end_check(case: FlowCase) -> Residual:
    """The wrong statement: the balances are summed from the input on."""
    shifts = tuple(accumulate(reversed(case.made.mus), initial=F(0)))
    off = apart(closed(case, shifts), lifted(case.layers, case.slope))
    return Residual(off, nontrivial=set(shifts) != set(case.made.shifts))


def rotated_check(case: FlowCase) -> Residual:
    """The wrong statement: turning the input layer by a rotation on its left does no harm. B and C do not notice."""
    r = case.widths[-2]
    if r < 2:
        return Residual(0, nontrivial=False)
    layers = [*case.layers[:-1], matrix(_plane(r), r, r) * case.layers[-1]]
    found = from_grams(layers, case.made.shifts, case.slope)
    return Residual(apart(found, lifted(layers, case.slope)), nontrivial=len(set(case.made.roots)) > 1)


def _plane(size: int) -> list[Fraction]:
    """The rotation (3/5, -4/5; 4/5, 3/5) of the first two axes."""
    turn = {(0, 0): F(3, 5), (0, 1): F(-4, 5), (1, 0): F(4, 5), (1, 1): F(3, 5)}
    return [turn.get((i, j), F(i == j)) for i in range(size) for j in range(size)]


def mutant_flow(case: FlowCase, rank: int, factors: Callable[[Any], Any]) -> Residual:
    """A wrong flow against the exact one."""
    from ...simulations.reduced import reduced_flow

    form = reduced_flow(case.made.model, case.made.point).form
    return float_residual(case, Spectral(form, case.shape, rank, factors))


def other_root_check(case: FlowCase) -> Residual:
    """The wrong statement: any real root will do; here the one before the largest (its real part)."""
    import numpy as np

    taus = np.array([float(t) for t in case.made.shifts])

    def factors(singular: Any) -> Any:
        polynomial = np.poly(taus)
        lowered = [np.concatenate([polynomial[:-1], polynomial[-1:] - s * s]) for s in singular]
        return np.array([np.sort(np.roots(coefficients).real)[-2] - taus for coefficients in lowered])

    return mutant_flow(case, len(case.made.roots), factors)


def spurious_check(case: FlowCase) -> Residual:
    """The wrong statement: all min(n, m) singular values enter, zeros with their largest root."""
    import numpy as np

    from ...simulations.reduced.deep import squared_factors

    taus = np.array([float(t) for t in case.made.shifts])
    rank = min(case.shape)
    return mutant_flow(case, rank, lambda s: squared_factors(np.where(s < 1e-9, 0.0, s), taus))


def table() -> Table:
    """The theory's values for L = 3, lambda_1 = 3, lambda_2 = 5."""
    import numpy as np

    from ...simulations.reduced.deep import squared_factors

    rows: list[list[str | float]] = []
    agrees = True
    taus = (0, 5, 8)
    for s, x, squares, K in KNOWN:
        exact = tuple(x - t for t in taus)
        metric = exact[1] * exact[2] + exact[0] * exact[2] + exact[0] * exact[1]
        agrees &= exact == squares and exact[0] * exact[1] * exact[2] == s * s and metric == K and x > max(taus)
        found = squared_factors(np.array([float(s)]), np.array([float(t) for t in taus]))[0]
        # the solver stops at a relative change of 4 L u, and the next step would be quadratically smaller
        agrees &= bool(np.all(np.abs(found - np.array(squares)) <= 16 * 2.0**-53 * np.array(squares)))
        rows.append([s, x, ", ".join(map(str, exact)), metric, float(found[0])])
    columns = ("s", "largest root x", "squares of W_3, W_2, W_1", "K", "x in float64")
    return Table("Scalar chains with lambda = (3, 5)", columns, rows, agrees)


def trajectories(case: FlowCase, target: Sequence[Fraction]) -> Callable[[Profile], SimulationResult]:
    """All parameters against Z alone."""

    def run(profile: Profile) -> SimulationResult:
        from ...oracles.models import known_laws
        from ...simulations import Loss
        from ...simulations.reduced import compare, reduced_flow
        from .._reduced import side_by_side

        made = case.made
        flow = reduced_flow(made.model, made.point)
        found = compare(made.model, made.point, flow, Loss.squared(target), steps=32, halvings=2 + profile.effort)
        names = [f"Z[{i + 1},{j + 1}]" for i in range(case.shape[0]) for j in range(case.shape[1])]
        return side_by_side(found, names, known_laws(made.model)[0].polynomials()[0])

    return run


def chain_enclosed(profile: Profile) -> SimulationResult:
    """z = abc from (5/4, 1/2, 1/2), with the right root and with the smallest."""
    from .._deep_enclosed import chain_case, chain_operator

    wrong = {
        "the smallest root": chain_operator(3),
        "balances from the wrong end": chain_operator(1, (F(0), F(0), F(21, 16))),
    }
    return enclosed(chain_case(), wrong, time=(F(1, 2), F(1), F(2))[profile.effort], names=["z"])


def matrix_enclosed(profile: Profile) -> SimulationResult:
    """linear:2-2-2-2: Z, B and C obey polynomial equations."""
    from .._deep_enclosed import matrix_case, matrix_operator

    case = matrix_case(EQUAL, (F(1), F(-1, 2), F(1, 2), F(3, 2)))
    backwards = tuple(accumulate((F(mu) for mu in reversed(EQUAL.made.mus)), initial=F(0)))
    wrong = {
        "no balances": matrix_operator((2, 2), (F(0),) * 3),
        "balances from the wrong end": matrix_operator((2, 2), backwards),
    }
    names = [f"Z[{i},{j}]" for i in (1, 2) for j in (1, 2)]
    return enclosed(case, wrong, time=F(1, 4), marks=4 if profile.effort < 2 else 8, names=names)


def wrong_sign() -> Certificate:
    """The identity for Z Z^T with B + lambda in place of B - lambda."""
    return defect_identity(relaxed=True, wrong=True)


def wrong_end() -> Certificate:
    """The exact example with the balances summed from the wrong end."""
    return example_values(EQUAL, swapped=True)


Check = Callable[[FlowCase], Residual]


def _property(name: str, says: str, kind: Kind, check: Check, arithmetic: Arithmetic = "rational") -> Property:
    examples = [BOTTLENECK] if kind == "bottleneck" else [EQUAL, SCALAR]
    return Property(name, says, arithmetic, lambda: flow_cases(kind, depths=(3, 5)), check, examples=examples)


def _violated(name: str, says: str, kind: Kind, check: Check, arithmetic: Arithmetic = "rational") -> Mutant:
    return Mutant(name, says, violates=_property(name, says, kind, check, arithmetic))


THEOREM = Theorem(
    id="A3.deep.relaxed-balanced",
    title="Deep linear networks with relaxed balance",
    summary="Where all balance matrices are multiples of the identity, the flow of the product depends on the product "
    "and these multiples alone: through the largest root of a polynomial in each singular direction.",
    source="Marcotte, Peyre, Gribonval 2025, arXiv 2508.07370, Theorem 3.11; formulas and domain derived",
    status="derived",
    hypotheses=(
        "Z = W_L ... W_1 with W_i of shape d_i x d_{i-1}; gradient flow of f(Z), G = grad f(Z).",
        "W_{i+1}^T W_{i+1} - W_i W_i^T = lambda_i I for i = 1, ..., L-1; sigma_k = lambda_k + ... + lambda_{L-1}.",
        "All widths are equal; or all hidden widths are r <= min(d_0, d_L) and rank Z = r: then i and j count the r "
        "nonzero singular values, and outside of the image the term k = L has no left factor and k = 1 no right one; "
        "or all lambda are 0 (A7.balanced).",
    ),
    statement=r"\prod_{k=1}^L (W_L W_L^\top - \sigma_k I) = Z Z^\top, \qquad (A^\top Z' B)_{ij} = -(A^\top G B)_{ij} "
    r"\sum_{k=1}^L \prod_{l>k} (x_i - \sigma_l) \prod_{l<k} (x_j - \sigma_l), \quad x_i = \max\bigl\{ x : "
    r"\prod_k (x - \sigma_k) = s_i^2 \bigr\}, \quad Z = A \,\mathrm{diag}(s)\, B^\top",
    assumes=("A1.deep-linear.known-laws", "A7.balanced", "A3.linear2.relaxed-balanced"),
    derivation=derivation,
    tables=(table,),
    properties=(
        _property(
            "identities",
            "At rational points with relaxed balance both polynomial identities hold exactly, in the numbering of the "
            "statement.",
            "equal",
            theory_check,
        ),
        _property(
            "exact-flow", "There the flow of all layers equals the closed form, exactly.", "equal", exact_residual
        ),
        _property(
            "exact-flow-bottleneck",
            "The same with hidden layers of width r between wider ends, at Z of rank r.",
            "bottleneck",
            exact_residual,
        ),
        _property(
            "float-flow",
            "The reduced flow in float64, from Z and the balances alone, against the exact flow of all layers: within "
            "what the singular value decomposition may lose.",
            "equal",
            float_residual,
            "float64",
        ),
        _property(
            "float-flow-bottleneck",
            "The same with hidden layers of width r between wider ends.",
            "bottleneck",
            float_residual,
            "float64",
        ),
    ),
    simulations=(
        both_flows(
            "linear:2-2-2-2",
            "relaxed:5,3",
            "Three layers with two different constants: both flows, and the kernels.",
            time=1 / 32,
        ),
        Simulation(
            "equal-widths",
            "linear:2-2-2-2 with all its parameters, and Z alone.",
            trajectories(EQUAL, (F(1), F(-1, 2), F(1, 2), F(3, 2))),
        ),
        Simulation(
            "bottleneck",
            "linear:3-2-2-3, rank 2, with all its parameters, and Z alone.",
            trajectories(BOTTLENECK, tuple(F(x, 2) for x in (3, -1, 1, 0, 2, 1, 1, -1, 2))),
        ),
        Simulation(
            "scalar-chain-enclosed",
            "A scalar chain of three layers in balls: both flows are enclosed and agree, and the flow with another "
            "root is proved to be elsewhere.",
            chain_enclosed,
        ),
        Simulation(
            "matrices-enclosed",
            "linear:2-2-2-2 in balls: the enclosures of both flows agree, those of wrong balances are disjoint.",
            matrix_enclosed,
        ),
    ),
    mutants=(
        _violated("other-root", "Any real root will do.", "equal", other_root_check, "float64"),
        _violated(
            "spurious-roots",
            "All singular values of Z enter, the zeros with the root x = max sigma.",
            "bottleneck",
            spurious_check,
            "float64",
        ),
        _violated("rotated-layer", "W_1 may be turned by a rotation on its left.", "equal", rotated_check),
        _violated("wrong-end", "sigma_k is lambda_1 + ... + lambda_(L-k).", "equal", wrong_end_check),
        Mutant(
            "rotated-kernel",
            "With W_1 turned, Z and the balances still fix the metric.",
            refutes=rotated_kernel,
        ),
        Mutant("shift-sign", "B + lambda stands in place of B - lambda.", rejects=wrong_sign),
        Mutant("wrong-end-exact", "The exact example with sigma from the wrong end.", rejects=wrong_end),
    ),
)
