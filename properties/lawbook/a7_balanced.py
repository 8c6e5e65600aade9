"""A7.balanced: the product of balanced layers follows a flow of its own, whatever the widths."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._deep_flow import (
    FlowCase,
    apart,
    exact_residual,
    float_residual,
    flow_cases,
    identity_matrix,
    lifted,
    product,
    spectral,
)
from .._deep_proofs import chain_rule, defect_identity, example_values
from .._profiles import Profile
from .._theorem import Mutant, Property, Residual, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
EXAMPLE = FlowCase((2, 3, 2, 2), 1, (F(1), F(-2), F(1, 2), F(3)), balanced=True)
DEFICIENT = FlowCase((3, 3, 1, 2), 2, (F(1), F(-2), F(1, 2), F(3), F(1), F(-1)), balanced=True)
"""Z is 3 x 2 of rank 1: the powers with exponent 0 are the identity, all others are not."""
FOUR = FlowCase((3, 2, 4, 2, 2), 5, (F(1), F(-2), F(1, 2), F(3), F(1), F(-1)), balanced=True)


def derivation() -> Iterator[Step]:
    """The lifted flow, balance as a law, and what balance does to the factors of each term."""
    from ...oracles.models import known_laws, parse_model
    from ...oracles.proofs import conserved

    yield Step(
        "Every layer moves by the gradient with respect to it; the product moves by one term for each layer. For three "
        "layers with free entries, 2 x 3, 3 x 2 and 2 x 2. W_i is the block U_(N+1-i) of the model.",
        r"W_j' = -(W_N \cdots W_{j+1})^\top G\, (W_{j-1} \cdots W_1)^\top, \qquad Z' = -\sum_{j=1}^N "
        r"(W_N \cdots W_{j+1})(W_N \cdots W_{j+1})^\top\, G\, (W_{j-1} \cdots W_1)^\top (W_{j-1} \cdots W_1)",
        chain_rule(3, (2, 3, 2, 2)),
    )
    model = parse_model("linear:2-3-2-2")
    yield Step(
        "Balance is kept: the entries of the balance matrices are laws of every loss. Shown for linear:2-3-2-2.",
        r"\frac{d}{dt}\bigl( W_{j+1}^\top W_{j+1} - W_j W_j^\top \bigr) = 0",
        conserved(model, [law for family in known_laws(model) for law in family.polynomials()]),
    )
    yield Step(
        "Let B = W_N W_N^T. Whatever the layers are, Z Z^T is B^N up to terms that contain a balance matrix E; for "
        "three free layers of 2 x 2 this is an identity between polynomials. Under balance all E vanish. In general "
        "W p(W^T W) W^T = B p(B) for every polynomial p, and each layer adds one factor.",
        r"Z Z^\top = B^3 - W_3 (E_2 T + T E_2 - E_2^2) W_3^\top - W_3 W_2 E_1 W_2^\top W_3^\top, \qquad T = W_3^\top "
        r"W_3, \quad E_j = W_{j+1}^\top W_{j+1} - W_j W_j^\top",
        defect_identity(relaxed=False),
    )
    yield Step(
        "B is symmetric and not negative, so it is the N-th root of Z Z^T, and the left factor of term j is its power "
        "N - j; for j = N the product is empty and the factor is I, also on the kernel of Z Z^T. Transposition gives "
        "the right factors.",
        r"(W_N \cdots W_{j+1})(W_N \cdots W_{j+1})^\top = B^{N-j} = (Z Z^\top)^{(N-j)/N}, \qquad (W_{j-1} \cdots "
        r"W_1)^\top (W_{j-1} \cdots W_1) = (Z^\top Z)^{(j-1)/N}",
    )
    for case in (EXAMPLE, DEFICIENT, FOUR):
        yield Step(
            f"In exact numbers, {case.made.model.spec} with Z of rank {len(case.made.roots)}: singular vectors and all "
            "roots are rational, and the flow of all layers equals the closed form entry by entry.",
            certificate=example_values(case),
        )


def roots_check(case: FlowCase) -> Residual:
    """``B^N = Z Z^T`` and ``C^N = Z^T Z`` for the outermost Gram matrices, exactly."""
    layers = case.layers
    Z, depth = product(layers), len(layers)
    B, C = layers[0] * layers[0].transpose(), layers[-1].transpose() * layers[-1]
    off = apart(_power(B, depth), Z * Z.transpose()) + apart(_power(C, depth), Z.transpose() * Z)
    return Residual(off, nontrivial=any(Z.entries()))


def _power(M: Any, exponent: int) -> Any:
    result = M
    for _ in range(exponent - 1):
        result = result * M
    return result


def zero_power_check(case: FlowCase) -> Residual:
    """The wrong statement: the power 0 of a singular matrix is the projection on its image."""
    made, N = case.made, len(case.layers)
    n, m = case.shape
    total = 0 * case.slope
    for k in range(N):
        total += (
            spectral(made.left, [x**k for x in made.roots])
            * case.slope
            * spectral(made.right, [x ** (N - 1 - k) for x in made.roots])
        )
    return Residual(apart(total, lifted(case.layers, case.slope)), nontrivial=len(made.roots) < max(n, m))


def exponent_check(case: FlowCase) -> Residual:
    """The wrong statement: Z Z^T and Z^T Z have the same exponent in each term."""
    made, N = case.made, len(case.layers)
    total = 0 * case.slope
    for k in range(N):
        powers = [x**k for x in made.roots]
        L = spectral(made.left, powers) if k else identity_matrix(case.shape[0])
        R = spectral(made.right, powers) if k else identity_matrix(case.shape[1])
        total += L * case.slope * R
    return Residual(apart(total, lifted(case.layers, case.slope)))


def unbalanced_check(case: FlowCase) -> Residual:
    """The wrong statement: the flow does not care about the balance; here U_1 is doubled and U_2 halved."""
    layers = [2 * case.layers[0], case.layers[1] / 2, *case.layers[2:]]
    return Residual(apart(lifted(layers, case.slope), lifted(case.layers, case.slope)))


def table() -> Table:
    """Exact N-th roots: the eigenvalues of B and of Z Z^T at the points of the derivation."""
    rows: list[list[str]] = []
    agrees = True
    for case in (EXAMPLE, DEFICIENT, FOUR):
        made, N = case.made, len(case.layers)
        agrees &= all(x**N == s for x, s in zip(made.roots, made.squares, strict=True))
        agrees &= exact_residual(case).holds
        rows.append([made.model.spec, *(", ".join(map(str, values)) for values in (made.roots, made.squares))])
    return Table("Balanced points with rational roots", ("model", "B = W_N W_N^T", "Z Z^T"), rows, agrees)


def trajectories(profile: Profile) -> SimulationResult:
    """All parameters of linear:3-2-4-2, rank 2, against the 3 x 2 entries of Z alone."""
    from ...oracles.models import known_laws
    from ...simulations import Loss
    from ...simulations.reduced import compare, reduced_flow
    from .._reduced import side_by_side

    made = FlowCase((3, 2, 4, 2), 3, (F(1),) * 6, balanced=True).made
    flow = reduced_flow(made.model, made.point)
    target = (F(1), F(-1, 2), F(1, 2), F(3, 2), F(0), F(1))
    found = compare(made.model, made.point, flow, Loss.squared(target), steps=16, halvings=2 + profile.effort)
    names = [f"Z[{i},{j}]" for i in (1, 2, 3) for j in (1, 2)]
    return side_by_side(found, names, known_laws(made.model)[0].polynomials()[0])


def wrong_power() -> Certificate:
    """The claim that Z Z^T is B^3 with the E terms for E of the wrong sign."""
    return defect_identity(relaxed=True, wrong=True)


def _caught(name: str, says: str, check: Any, case: FlowCase) -> Mutant:
    prop = Property(name, says, "rational", lambda: flow_cases("balanced", depths=(2, 3)), check, examples=[case])
    return Mutant(name, says, violates=prop)


THEOREM = Theorem(
    id="A7.balanced",
    title="Balanced deep linear networks: the flow of the product",
    summary="Under balance the end-to-end matrix follows a flow of its own, with fractional powers of Z Z^T and Z^T Z.",
    source="Arora, Cohen, Hazan 2018, arXiv 1802.06509, Theorem 1; Bah, Rauhut, Terstiege, Westdickenberg 2019, arXiv "
    "1910.05505, Lemma 2",
    status="proved",
    hypotheses=(
        "Z = W_N ... W_1, any widths; gradient flow of f(Z) in all W_j, G = grad f(Z).",
        "W_{j+1}^T W_{j+1} = W_j W_j^T for all j at the start.",
    ),
    statement=r"Z' = -\sum_{j=1}^{N} (Z Z^\top)^{\frac{N-j}{N}}\, G\, (Z^\top Z)^{\frac{j-1}{N}}, \qquad M^0 = I",
    assumes=("A1.deep-linear.known-laws", "A1.char.orthogonality"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            "roots",
            "At balanced points of random widths the Gram matrices of the outer layers are N-th roots, exactly.",
            "rational",
            lambda: flow_cases("balanced", depths=(1, 4)),
            roots_check,
            examples=[EXAMPLE, DEFICIENT, FOUR],
        ),
        Property(
            "exact-flow",
            "There the flow of all layers equals the closed form, exactly.",
            "rational",
            lambda: flow_cases("balanced", depths=(1, 4)),
            exact_residual,
            examples=[EXAMPLE, DEFICIENT, FOUR],
        ),
        Property(
            "float-flow",
            "The reduced flow in float64, from Z alone, against the exact flow of all layers: within what the singular "
            "value decomposition may lose.",
            "float64",
            lambda: flow_cases("balanced", depths=(3, 5)),
            float_residual,
            examples=[DEFICIENT],
        ),
    ),
    simulations=(
        both_flows("linear:2-3-2-2", "balanced", "A wider layer inside: both flows."),
        Simulation(
            "trajectories",
            "linear:3-2-4-2 with all its parameters, and Z alone: the distance falls at the order of the integrator.",
            trajectories,
        ),
    ),
    mutants=(
        _caught("zero-power", "0^0 is 0: the power 0 is a projection.", zero_power_check, DEFICIENT),
        _caught("exponents", "Both sides have the exponent (N-j)/N.", exponent_check, EXAMPLE),
        _caught("unbalanced", "Balance is not needed.", unbalanced_check, EXAMPLE),
        Mutant(
            "shift-sign",
            "Where the balance is mu, not 0, B + mu stands in place of B - mu.",
            rejects=wrong_power,
        ),
    ),
)
