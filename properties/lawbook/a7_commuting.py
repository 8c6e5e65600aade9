"""A7.commuting: coordinates whose gradient fields commute follow a mirror flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._enclosed import Reduced, enclosed, gap
from .._mirror import (
    COMMUTING,
    OTHERS,
    Case,
    Scalar,
    cases,
    check_arcsinh,
    check_decision,
    check_potential,
    scalars,
    specs,
)
from .._profiles import Profile
from .._reduced import side_by_side
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.proofs import Node

F = Fraction
Rational = int | Fraction
TIME = F(1, 4)
"""Of the enclosed flows in the shortest profile."""


def derivation() -> Iterator[Step]:
    """The bracket; the flow as a function of mu; Q and R; the arcsinh potential; what does not commute."""
    from ...oracles.lie import find_completeness
    from ...oracles.models import known_laws, parse_model
    from ...oracles.proofs import conserved

    yield Step(
        "Fields that commute have flows that commute: where all brackets of the gradient fields of G vanish, the flows "
        "along them for times mu_1, ..., mu_d give one map x = psi(x_0; mu), and its derivative along mu_i is "
        "grad G_i. The gradient flow of f(G) moves with speed -df/dw_i along grad G_i, so mu' = -grad f(w).",
        r"[\nabla G_i, \nabla G_j] = \nabla^2 G_i \nabla G_j - \nabla^2 G_j \nabla G_i = 0, \qquad "
        r"x(t) = \psi(x_0; \mu(t)), \; \mu' = -\nabla f(w)",
    )
    for spec in COMMUTING:
        yield Step(
            f"{spec} commutes. The certificate shows that the fields written in it are the gradients (what "
            f"follows t in "
            "phi(x + t y)) and that moving one field along another leaves no term of order t.",
            r"g(x + t\, h(x)) - h(x + t\, g(x)) = g(x) - h(x) + O(t^2)",
            _decided(spec)[0],
        )
    yield Step(
        "w as a function of mu has the Jacobian <grad G_i, grad G_j>, which is symmetric: it is the gradient of a "
        "convex Q. Where it is positive definite mu = grad R(w) for the conjugate R, and w follows its mirror flow.",
        r"\frac{\partial w_i}{\partial \mu_j} = \langle \nabla G_i, \nabla G_j \rangle, \qquad \nabla Q(\mu) = w, "
        r"\quad \frac{d}{dt} \nabla R(w) = -\nabla f(w), \quad K = \nabla^2 Q",
    )
    yield Step(
        "Quadratic G_i = x^T A_i x / 2 with commuting A_i: psi is the exponential of sum mu_i A_i. In common "
        "eigenvectors x_k = s_k E_k with E_k = exp(sum mu_i a_ik), so E_k^2 has the derivative 2 a_ik E_k^2. With free "
        "s, E and a, for d = 2 and three parameters, these derivatives of Q are w and K.",
        r"Q(\mu) = \tfrac14 \Bigl| \exp\Bigl( \textstyle\sum_i \mu_i A_i \Bigr) x_0 \Bigr|^2, \quad "
        r"\frac{\partial Q}{\partial \mu_i} = G_i, \quad \frac{\partial^2 Q}{\partial \mu_i \partial \mu_j} = "
        r"\langle \nabla G_i, \nabla G_j \rangle",
        quadratic(F(1, 4)),
    )
    yield Step(
        "w = u^2 - v^2: A = diag(2, -2), so u = u_0 e^(2 mu), v = v_0 e^(-2 mu) and uv = beta is kept.",
        r"u v = \beta",
        conserved(parse_model("diagonal:2"), known_laws(parse_model("diagonal:2"))[0].polynomials()),
    )
    yield Step(
        "K = 4 (u^2 + v^2) is a function of w and beta, for free u and v.",
        r"w^2 + 4 \beta^2 = (u^2 + v^2)^2, \qquad K = 4 \sqrt{w^2 + 4 \beta^2}",
        arcsinh(4),
    )
    yield Step(
        "So R'' = 1/K. With c = ln(u_0/v_0), u^2 = beta e^(4 mu + c) and v^2 = beta e^(-4 mu - c) give w = 2 beta "
        "sinh(4 mu + c), which is solved for mu = R'(w).",
        r"R'(w) = \tfrac14 \Bigl( \operatorname{arcsinh} \frac{w}{2 \beta} - c \Bigr), \qquad R''(w) = "
        r"\frac{1}{4 \sqrt{w^2 + 4 \beta^2}}",
    )
    yield Step(
        "A neuron (u v_1, u v_2) does not commute. Its bracket is a combination of the fields with coefficients that "
        "are functions, so it has Frobenius' property where u is not 0: multiplied by u, for free u, v_1, v_2.",
        r"u\, [\nabla \phi_1, \nabla \phi_2] = v_2 \nabla \phi_1 - v_1 \nabla \phi_2",
        _neuron(),
    )
    for spec in OTHERS:
        first, at = _decided(spec)
        yield Step(f"{spec} does not commute: the bracket of two fields, and the gradients it is made of.", "", first)
        yield Step(f"{spec}: the bracket is not 0 at a point.", "", at)
    found = find_completeness(parse_model("linear:2-2-2"), levels=False)
    yield Step(
        f"linear:2-2-2 has not even Frobenius' property: rank dphi = {found.w_dimension}, but dim Lie = "
        f"{found.lie_dimension}.",
        certificate=found.certificate,
    )


def _decided(spec: str) -> tuple[Certificate, ...]:
    from ...oracles.intrinsic.commuting.commuting import decide_commuting
    from ...oracles.models import parse_model

    return decide_commuting(parse_model(spec)).certificates


def quadratic(factor: Fraction) -> Certificate:
    """The first and second derivatives of ``factor sum_k s_k^2 E_k^2``, by ``d E_k^2 / d mu_i = 2 a_ik E_k^2``."""
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    d, n = 2, 3
    a = [[symbols(f"a{i}{k}") for k in range(n)] for i in range(d)]
    x = [symbols(f"s{k}") * symbols(f"E{k}") for k in range(n)]
    pairs: list[tuple[Any, Any]] = []
    for i in range(d):
        first = [factor * 2 * a[i][k] * x[k] * x[k] for k in range(n)]
        G = sum(F(1, 2) * a[i][k] * x[k] * x[k] for k in range(n))
        pairs.append((sum(first), G))
        for j in range(d):
            second = sum(2 * a[j][k] * term for k, term in enumerate(first))
            pairs.append((second, sum(a[i][k] * x[k] * a[j][k] * x[k] for k in range(n))))
    return equal(symbols, pairs)


def arcsinh(constant: int) -> Certificate:
    """``(u^2 - v^2)^2 + constant (u v)^2 = (u^2 + v^2)^2`` and ``|grad w|^2 = 4 (u^2 + v^2)``."""
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    u, v = symbols("u"), symbols("v")
    w, beta, total = u * u - v * v, u * v, u * u + v * v
    slope = (2 * u) * (2 * u) + (-2 * v) * (-2 * v)
    return equal(symbols, [(w * w + constant * beta * beta, total * total), (slope, 4 * total)])


def _neuron() -> Certificate:
    """The bracket of u v_1 and u v_2, and the combination; components in u, v_1, v_2."""
    from ...oracles.intrinsic.commuting.commuting import bracket, tree
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import identity

    u, v1, v2 = (Polynomial.variable(k) for k in range(3))
    found = bracket(u * v1, u * v2)
    one, two = (u * v1).gradient(), (u * v2).gradient()
    zero = Polynomial()
    pairs: list[tuple[Node, Node]] = []
    for k in range(3):
        combined = v2 * one.get(k, zero) - v1 * two.get(k, zero)
        pairs.append((tree(u * found.get(k, zero)), tree(combined)))
    return identity(3, pairs)


def taken_for_commuting() -> Certificate:
    """The certificate of commuting coordinates, written for a neuron."""
    from ...oracles.intrinsic.commuting.commuting import claim_commuting
    from ...oracles.models import parse_model

    return claim_commuting(parse_model("linear:2-1-1"))


def table() -> Table:
    """The hierarchy on small models: commuting, then Frobenius (dim Lie = rank dphi), then neither."""
    from ...oracles.intrinsic.commuting.commuting import decide_commuting
    from ...oracles.lie import find_completeness
    from ...oracles.models import parse_model

    rows: list[list[str | int]] = []
    agrees = True
    for spec in (*COMMUTING, *OTHERS):
        model = parse_model(spec)
        decided, found = decide_commuting(model), find_completeness(model, levels=False)
        frobenius = found.lie_dimension == found.w_dimension
        agrees = agrees and decided.commutes == (spec in COMMUTING) and (frobenius or not decided.commutes)
        words = ("yes" if decided.commutes else "no", "yes" if frobenius else "no")
        rows.append([spec, found.w_dimension, found.lie_dimension, *words])
    return Table(
        "Commuting implies Frobenius", ("model", "rank dphi", "dim Lie", "commutes", "Frobenius"), rows, agrees
    )


def diagonal_flow(profile: Profile) -> SimulationResult:
    """u^2 - v^2 with three coordinates, and a loss that couples them."""
    from ...oracles.models import known_laws, parse_model
    from ...simulations import Loss
    from ...simulations.reduced import compare, reduced_flow

    model = parse_model("diagonal:3")
    point = (F(1), F(1, 2), F(1, 3), F(1, 2), F(1), F(-2, 3))
    loss = Loss.regression([[1, 2, 0], [0, 1, -1]], [[2], [-1]])
    steps = (8, 16, 32)[profile.effort]
    comparison = compare(model, point, reduced_flow(model, point), loss, time=0.5, steps=steps)
    law = known_laws(model)[0].polynomials()[0]
    result = side_by_side(comparison, [f"w{i}" for i in range(1, 4)])
    products = [float(law.evaluate(p)) for p in comparison.parameters.tolist()]
    pairs = [(float(p[0]), float(p[3])) for p in comparison.parameters]
    lines = [(u, products[0] / u) for u, _ in pairs]
    level = Plot(
        "The level set of u_1 v_1, and the flow on it",
        "u_1",
        "v_1",
        [
            Series(f"u v = {products[0]:.4g}", sorted(lines)),
            Series("the flow", pairs[:: max(1, len(pairs) // 24)], "points"),
        ],
    )
    return SimulationResult(result.residual, (*result.plots, level))


def dual_flow(profile: Profile) -> SimulationResult:
    """Three quadratic coordinates in five parameters: the flow of theta against mu' = -grad f(grad Q(mu)) alone.

    Residual: the largest distance of w from the full flow, of both reduced ones. Bound: what halving the step still
    changed in all three, and rounding (``simulations.reduced.Comparison``).
    """
    import numpy as np

    from ...simulations import RK4, Loss
    from ...simulations.reduced import compare, covector, reduced_flow

    case = Case(
        ((2, -1, 0, 1, 0), (0, 1, 2, -1, 1), (1, 0, 1, 0, -2)), (F(1), F(1, 2), F(1), F(2, 3), F(1)), (F(1),) * 3
    )
    model, point = case.model(), case.start
    loss = Loss.squared([2, F(1, 2), 0])
    flow: Any = reduced_flow(model, point)
    steps = (8, 16, 32)[profile.effort]
    comparison = compare(model, point, flow, loss, time=0.25, steps=steps)
    gradient, finest = covector(loss), len(comparison.times) - 1

    def alone(count: int) -> Any:
        mu = np.zeros(flow.dimension)
        path = [flow.primal(mu)]
        for _ in range(count):
            mu = RK4.step(lambda m: -gradient(flow.primal(m)), mu, 0.25 / count)
            path.append(flow.primal(mu))
        return np.stack(path)

    dual, coarse = alone(finest), alone(finest // 2)
    apart = float(np.linalg.norm(dual - comparison.full, axis=1).max())
    change = float(np.linalg.norm(dual[::2] - coarse, axis=1).max())
    result = side_by_side(comparison, [f"w{i}" for i in range(1, 4)])
    times = [float(t) for t in comparison.times]
    series: list[Series] = []
    for i in range(flow.dimension):
        series.append(
            Series(f"w{i + 1}, all parameters", [(t, float(w[i])) for t, w in zip(times, comparison.full, strict=True)])
        )
        marks = [(t, float(w[i])) for t, w in zip(times, dual, strict=True)][:: max(1, finest // 16)]
        series.append(Series(f"w{i + 1}, from mu", marks, kind="points"))
    plot = Plot("The flow of the parameters, and mu alone", "time", "w", series)
    worst = max(apart, float(result.residual.value))
    note = f"mu alone: {apart:.2g}; w alone: {comparison.distance:.2g}"
    bound = float(result.residual.bound) + change
    return SimulationResult(Residual(worst, bound, result.residual.nontrivial, note), (plot, *result.plots))


def operator(
    factor: Rational, constant: Rational, beta: Rational
) -> Callable[[Sequence[Any], Sequence[Any], Any], list[Any]]:
    """``factor sqrt(w^2 + constant beta^2) g``."""
    return lambda z, g, sqrt: [factor * sqrt(z[0] * z[0] + constant * beta * beta) * g[0]]


def _reduced(factor: Rational, constant: Rational) -> Reduced:
    from ...simulations import Loss

    return Reduced("diagonal:1", (F(1), F(1, 2)), Loss.squared([2]), operator(factor, constant, F(1, 2)))


def enclosures(profile: Profile) -> SimulationResult:
    """w = u^2 - v^2 from (1, 1/2) towards 2, in balls."""
    time, marks = ((TIME, 4), (F(1, 2), 8), (F(1), 16))[profile.effort]
    wrong = {
        "beta for 2 beta": operator(4, 1, F(1, 2)),
        "factor 2": operator(2, 4, F(1, 2)),
        "entropy, beta = 0": operator(4, 0, F(1, 2)),
    }
    return enclosed(_reduced(4, 4), wrong, time=time, marks=marks, names=("w",))


def check_gap(case: Reduced) -> Residual:
    """The proved distance of the full from the reduced flow."""
    return gap(case, time=TIME)


def _just(make: Callable[[], Reduced]) -> Callable[[], SearchStrategy[Reduced]]:
    def cases_of() -> SearchStrategy[Reduced]:
        from hypothesis import strategies as st

        return st.just(make())

    return cases_of


EXAMPLE = Case(((2, -2, 0), (0, 1, 1)), (F(1), F(1, 2), F(2)), (F(3, 2), F(1, 2)))
SCALAR = Scalar(F(1), F(1, 2), F(1, 4))

THEOREM = Theorem(
    id="A7.commuting",
    title="Commuting parametrisations and mirror flow",
    summary="Where the gradient fields of all coordinates commute, the coordinates follow the mirror flow of a "
    "potential that the initialization sets.",
    source="Li, Wang, Lee, Arora 2022, arXiv 2207.04036, Theorem 4.8; re-derived",
    status="derived",
    hypotheses=(
        "[grad G_i, grad G_j] = 0 for all i and j; theta' = -grad f(G(theta)).",
        "For R: the Jacobian of G has full rank along the flow.",
    ),
    statement=r"w = G(\psi(x_0; \mu)) = \nabla Q(\mu), \; \mu' = -\nabla f(w), \quad \frac{d}{dt} \nabla R(w) = "
    r"-\nabla f(w), \; R = Q^*; \qquad u^2 - v^2:\; R'(w) = \tfrac14 \Bigl( \operatorname{arcsinh} \frac{w}{2 \beta} - "
    r"\ln \frac{u_0}{v_0} \Bigr)",
    assumes=("A3.frobenius", "A1.symmetric-and-diagonal-factorisations"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="quadratic-exact",
            says="Random diagonal A_i at rational e^mu: the derivatives of Q are w and the metric, exactly.",
            arithmetic="rational",
            cases=cases,
            check=check_potential(F(1, 4)),
            examples=(EXAMPLE,),
        ),
        Property(
            name="decision",
            says="Whether random models commute, against exact differences of their gradients; the kernel accepts.",
            arithmetic="rational",
            cases=specs,
            check=check_decision,
            share=0.5,
        ),
        Property(
            name="arcsinh-float64",
            says="The gradient of the potential gives mu back.",
            arithmetic="float64",
            cases=scalars,
            check=check_arcsinh(2.0),
            examples=(SCALAR,),
        ),
    ),
    simulations=(
        both_flows("diagonal:3", "generic", "Three pairs u^2 - v^2: both flows."),
        Simulation("arcsinh", "u^2 - v^2 with three coordinates: both flows of w.", diagonal_flow),
        Simulation("dual", "Quadratic coordinates: the parameters, w alone, and mu alone.", dual_flow),
        Simulation("enclosed", "u^2 - v^2 in balls; wrong constants are proved wrong.", enclosures),
    ),
    mutants=(
        Mutant(
            name="half-the-constant",
            says="R'(w) = (arcsinh(w / beta) - c) / 4.",
            violates=Property(
                "half-the-constant", "beta for 2 beta", "float64", scalars, check_arcsinh(1.0), (SCALAR,)
            ),
        ),
        Mutant(
            name="half-the-constant-enclosed",
            says="K = 4 sqrt(w^2 + beta^2).",
            violates=Property(
                "half-the-constant-enclosed", "proved distance", "balls", _just(lambda: _reduced(4, 1)), check_gap
            ),
        ),
        Mutant(
            name="half-the-potential",
            says="Q(mu) = |x(mu)|^2 / 2.",
            violates=Property(
                "half-the-potential", "1/2 for 1/4", "rational", cases, check_potential(F(1, 2)), (EXAMPLE,)
            ),
        ),
        Mutant("half-the-potential-certified", "The same, for free entries.", rejects=lambda: quadratic(F(1, 2))),
        Mutant("beta-squared", "w^2 + beta^2 = (u^2 + v^2)^2.", rejects=lambda: arcsinh(1)),
        Mutant("neuron-commutes", "The coordinates of a neuron commute.", rejects=taken_for_commuting),
        Mutant(
            name="linear-commutes",
            says="The coordinates of linear:2-2-2 commute.",
            refutes=lambda: _decided("linear:2-2-2")[1],
        ),
    ),
)
