"""A3.frobenius: where the gradients of phi span an involutive distribution, z and the laws tell the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import combinations_with_replacement, pairwise
from math import log2
from typing import TYPE_CHECKING, Any

from .._both_flows import both_flows
from .._brackets import coefficients, combination, commuting, grade, gradients, tree, written_bracket
from .._intrinsic import (
    COMMON_ROOT,
    FILTERS,
    GENERIC,
    NEURON,
    Geometry,
    Place,
    rank,
    two_layer,
)
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .a3_fibre_dimension import formula

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate
    from ...oracles.polynomials import Polynomial
    from ...oracles.proofs import Node

F = Fraction


def plane_map() -> tuple[Polynomial, ...]:
    """``phi = (x, x^2/2 + y)``: closed with constant coefficients, not commuting."""
    from ...oracles.polynomials import Polynomial

    x, y = Polynomial.variable(0), Polynomial.variable(1)
    return x, (x * x).scaled(F(1, 2)) + y


def derivation() -> Iterator[Step]:
    """The equivalence, the three grades with examples that separate them, and two linear layers."""
    from ...oracles.models import parse_model
    from ...oracles.proofs import exact_rank, inclusion

    yield Step(
        "With a complete set h of laws dim K_1 = dim Lie - rank dphi (A3.fibre-dimension), and the rank of dphi is the "
        "dimension of W: K_1 is zero iff brackets add nothing to W.",
        r"K_1 = \{0\} \iff \mathrm{Lie}(W_\phi)(\theta) = W_\phi(\theta)",
    )
    yield Step(
        "If all gradients of phi commute, their span is closed under brackets with coefficients zero; if brackets are "
        "combinations with constant coefficients, they are combinations with functions as coefficients; and a "
        "distribution of constant rank that is closed in this sense is its own Lie trace (Frobenius).",
        r"[\nabla\phi_i, \nabla\phi_j] = 0 \Longrightarrow [\nabla\phi_i, \nabla\phi_j] = \sum_k c_{ij}^k \nabla\phi_k "
        r"\Longrightarrow [\nabla\phi_i, \nabla\phi_j] \in W_\phi",
    )
    diagonal = parse_model("diagonal:3")
    yield Step(
        "Commuting: phi_i = u_i^2 - v_i^2. All brackets of the gradients are the zero polynomials.",
        r"[\nabla\phi_i, \nabla\phi_j] = 0",
        commuting(diagonal.coordinates(), diagonal.parameters),
    )
    yield Step(
        "Closed, not commuting: phi = (x, x^2/2 + y) has the fields (1, 0) and (x, 1) with minus the first as bracket.",
        r"[\nabla\phi_1, \nabla\phi_2] = -\nabla\phi_1",
        combination(plane_map(), 2, {0: -1}),
    )
    yield Step(
        "Frobenius, not closed: the neuron phi = (u v_1, u v_2). Multiplied by u, the bracket is a combination of the "
        "gradients with the coefficients v_2 and -v_1.",
        r"[\nabla\phi_1, \nabla\phi_2] = (0, v_2, -v_1) = \tfrac{v_2}{u} \nabla\phi_1 - \tfrac{v_1}{u} \nabla\phi_2",
        neuron_bracket(1),
    )
    yield Step(
        "No constant coefficients do: as vectors of coefficients of polynomials the bracket and both gradients are "
        "independent.",
        certificate=exact_rank(coefficients(NEURON.model().coordinates(), NEURON.model().parameters)),
    )
    yield Step(
        "So K_1 is zero at the neuron with u = 3, v = (1, 2).",
        certificate=inclusion(NEURON.model(), None, NEURON.point, []),
    )
    yield from _linear()
    seen = GENERIC.look()
    yield Step(
        "Neither: at a point of (2, 2, 2) the gradients of phi span 4 dimensions, and with their first brackets 5.",
        certificate=exact_rank([*seen.jacobian, *seen.brackets()]),
    )
    yield Step(
        "An attention layer is two independent pairs of factors, (Q^T K, V^T O); brackets between the pairs vanish, so "
        "f adds up over the pairs, and the Frobenius property fails as soon as it fails for one of them.",
        r"\mathrm{Lie}(W) = \mathrm{Lie}(W_{Q^\top K}) \oplus \mathrm{Lie}(W_{V^\top O})",
    )


def _linear() -> Iterator[Step]:
    """f = 0 iff r = 1 or n = m = 1, at full ranks, for all sizes."""
    from ...oracles.proofs import add, identity, multiply, subtract, symbol

    def a(k: Node) -> Node:
        return multiply(F(1, 2), k, subtract(k, 1))

    n, m, r = symbol(0), symbol(1), symbol(2)
    N = add(n, m)
    yield Step(
        "Two linear layers of full ranks, r at most min(n, m): f = a(r), which is zero iff r = 1.",
        r"a(n) + a(m) + (n-r)(m-r) - a(N-r) = a(r)",
        identity(
            3,
            [
                (
                    add(a(n), a(m), multiply(subtract(n, r), subtract(m, r)), multiply(-1, a(subtract(N, r)))),
                    a(r),
                )
            ],
        ),
    )
    yield Step(
        "r between m and n (m at most n, say): U has rank r and V rank m, so f = a(r) + (r - m)(n - r): zero iff "
        "r = 1, for both terms are at least 0.",
        r"a(n) + a(m) - a(N-r) = a(r) + (r-m)(n-r)",
        identity(
            3,
            [
                (
                    add(a(n), a(m), multiply(-1, a(subtract(N, r)))),
                    add(a(r), multiply(subtract(r, m), subtract(n, r))),
                )
            ],
        ),
    )
    yield Step(
        "r at least max(n, m): f = a(n) + a(m) - a(N - rho), and N - rho is at most min(n, m). So f is at least "
        "a(max(n, m)), which is zero iff n = m = 1.",
        r"f \ge a(\max(n, m))",
    )


def neuron_bracket(sign: int) -> Certificate:
    """``u [grad phi_1, grad phi_2] = v_2 grad phi_1 - sign v_1 grad phi_2``; variables v_1, v_2, u."""
    from ...oracles.proofs import add, identity, multiply, symbol

    first, second = gradients(NEURON.model().coordinates())
    v, w, u = map(symbol, range(3))
    left = [multiply(u, entry) for entry in written_bracket(first, second, 3)]
    right = [
        add(
            multiply(w, tree(first[k])) if k in first else 0,
            multiply(-sign, v, tree(second[k])) if k in second else 0,
        )
        for k in range(3)
    ]
    return identity(3, list(zip(left, right, strict=True)))


def generic_places() -> SearchStrategy[Place]:
    """Models of several kinds with complete known laws, at points that are generic: large entries, none zero."""
    from hypothesis import strategies as st

    from ...oracles.models import parse_model
    from ..strategies import linear_models, relu_models, vectors

    others = st.sampled_from(["diagonal:2", "diagonal:3", "conv:2-2", "conv:3-2+stride2", "monomial:3"]).map(
        parse_model
    )
    models = st.one_of(
        linear_models(layers=(2, 2), width=(1, 3), parameters=15),
        relu_models(layers=(2, 3), width=(1, 2), parameters=10),
        others,
    )
    return models.flatmap(lambda m: vectors(m.parameters, size=30, nonzero=True).map(partial(Place, m.spec)))


def check_equivalence(place: Place) -> Residual:
    """K_1 = 0 iff the first brackets stay in W: at generic points that is closedness near by.

    A point is used if dphi and dh have the largest ranks that theory gives there; else nothing is claimed.
    """
    from ...oracles.intrinsic import geometry, setting

    seen = place.look()
    known = setting(place.model())
    usable = known.all_listed and geometry(known, place.point).constant is True
    closed = rank([*seen.jacobian, *seen.brackets()]) == rank(seen.jacobian)
    return Residual(int(usable and closed != (not seen.kernel)), nontrivial=usable and len(seen.phi) > 1)


def check_oracle(place: Place) -> Residual:
    """The verdict of the oracle against brackets.

    Where the rank of dphi drops there is no Frobenius property, though brackets at that very point may stay in W.
    """
    from ...oracles.intrinsic import geometry, intrinsic, setting

    seen = place.look()
    verdict = intrinsic(place.model(), place.point).frobenius.verdict
    constant = geometry(setting(place.model()), place.point).constant is not False
    holds = constant and rank([*seen.jacobian, *seen.brackets()]) == rank(seen.jacobian)
    return Residual(int(verdict == ("REFUTED" if holds else "PROVED")), nontrivial=verdict != "UNDECIDED")


def two_layers() -> SearchStrategy[Place]:
    """Two linear layers of all small sizes."""
    from hypothesis import strategies as st

    from ..strategies import matrices

    sizes = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
    return sizes.flatmap(
        lambda s: st.builds(
            two_layer, matrices(s[0], s[2], size=9, nonzero=True), matrices(s[1], s[2], size=9, nonzero=True)
        )
    )


def check_two_layers(place: Place, stated: Callable[[int, int, int], bool] | None = None) -> Residual:
    """At full ranks the first brackets stay in W iff r = 1 or n = m = 1."""
    n, r, m = (int(x) for x in place.spec.removeprefix("linear:").split("-"))
    U = [place.point[i * r : i * r + r] for i in range(n)]
    V = [place.point[n * r + j :: m] for j in range(m)]
    full = rank(U) == min(n, r) and rank(V) == min(m, r) and rank([*U, *V]) == min(n + m, r)
    seen = place.look()
    closed = rank([*seen.jacobian, *seen.brackets()]) == rank(seen.jacobian)
    wanted = (r == 1 or n == m == 1) if stated is None else stated(n, m, r)
    return Residual(int(full and closed != wanted), nontrivial=full and n * m > 1)


def check_closed(place: Place) -> Residual:
    """The wrong statement: the Frobenius property needs constant coefficients."""
    seen = place.look()
    frobenius = rank([*seen.jacobian, *seen.brackets()]) == rank(seen.jacobian)
    return Residual(int(frobenius != (grade(seen.phi, seen) in ("commuting", "closed"))))


def check_commuting(place: Place) -> Residual:
    """The wrong statement: only commuting gradients have K_1 = 0."""
    seen = place.look()
    return Residual(int((grade(seen.phi, seen) == "commuting") != (not seen.kernel)))


def narrow(n: int, m: int, r: int) -> bool:
    """The wrong condition r < min(n, m) or r = 1."""
    return r == 1 or r < min(n, m) or n == m == 1


def hierarchy() -> Table:
    """The grades of some maps, each computed from their brackets."""
    from ...oracles.models import Block, PolynomialMap, parse_model

    places = [
        Place("diagonal:3", tuple(F(k) for k in (1, 2, 3, 1, -1, 2))),
        NEURON,
        Place("relu:2-2-1+bias", tuple(F(x) for x in (1, 2, -1, 1, 2, 1, -1, 3))),
        Place("conv:3-2+stride2", tuple(F(x) for x in (1, 2, -1, 3, 2))),
        FILTERS,
        two_layer([[F(1)], [F(2)]], [[F(1)], [F(-1)]]),
        two_layer([[F(2), F(1)]], [[F(1), F(3)]]),
        GENERIC,
        Place("symmetric:2-2", tuple(F(k + 1) for k in range(parse_model("symmetric:2-2").parameters))),
    ]
    known = ["commuting", *["Frobenius"] * 5, "commuting", "none"]
    rows: list[list[str | int]] = []
    for place in places:
        seen = place.look()
        w, more = rank(seen.jacobian), rank([*seen.jacobian, *seen.brackets()])
        rows.append([place.spec, seen.parameters, w, more, len(seen.kernel), grade(seen.phi, seen)])
    phi = plane_map()
    model = PolynomialMap("x, x^2/2 + y", (Block("x", (2,)),), phi)
    seen = Geometry(model, (F(1), F(2)), [])
    rows.append(
        [
            model.spec,
            2,
            rank(seen.jacobian),
            rank([*seen.jacobian, *seen.brackets()]),
            len(seen.kernel),
            grade(phi, seen),
        ]
    )
    agrees = [row[5] for row in rows[: len(known)]] == known and rows[-1][5] == "closed"
    columns = ("model", "D", "dim W", "with first brackets", "dim K₁", "grade")
    return Table("Commuting, closed, Frobenius", columns, rows, agrees)


def linear_table() -> Table:
    """f for two linear layers of full ranks."""
    rows: list[list[str | int]] = []
    agrees = True
    for n, m in combinations_with_replacement(range(1, 5), 2):
        found = [formula(n, m, r, (min(n, r), min(m, r), min(r, n + m))) for r in range(1, 9)]
        agrees = agrees and all((f == 0) == (r == 1 or n == m == 1) for r, f in enumerate(found, 1))
        rows.append([f"n = {n}, m = {m}", *found])
    columns = ("", *(f"r = {r}" for r in range(1, 9)))
    return Table("f = dim K₁ at full ranks: zero iff r = 1 or n = m = 1", columns, rows, agrees)


def square(profile: Profile) -> SimulationResult:
    """Up phi_1, up phi_2, down phi_1, down phi_2, each for the time e: where does the square end?

    The gradients are linear fields A theta and B theta with symmetric matrices, so the square is ``exp(-eB) exp(-eA)
    exp(eB) exp(eA)``, up to rounding. It moves theta by ``e^2 [B, A] theta`` and a rest of order 3, and all brackets
    stay in W along the leaf if W is involutive: the part of the displacement outside W is then of order 4 (the leaf is
    curved, the displacement squared), and of order 2 if the bracket leaves W. Orders are whole numbers: a slope that is
    off by less than 1/2 tells which. Commuting: the square is closed, up to rounding.
    """
    import numpy as np

    sizes = [2.0**-k for k in range(3, (8, 9, 10)[profile.effort])]
    worst = 0.0
    rows: list[tuple[str, str, str]] = []
    curves: list[Series] = []
    cases = (
        ("u² - v²", Place("diagonal:2", (F(1), F(2), F(3), F(-1))), (0, 1), None),
        ("neuron", NEURON, (0, 1), 4),
        ("(2, 2, 2)", GENERIC, (0, 1), 2),
    )
    for name, place, (i, j), order in cases:
        seen = place.look()
        theta = np.array([float(x) for x in place.point])
        A, B = (_matrix(seen.phi[k], seen.parameters) for k in (i, j))
        basis = np.linalg.qr(np.array([[float(x) for x in row] for row in seen.jacobian]).T)[0]
        points: list[tuple[float, float]] = []
        for e in sizes:
            end = theta
            for matrix, sign in ((A, 1), (B, 1), (A, -1), (B, -1)):
                end = _exp(sign * e * matrix) @ end
            moved = end - theta
            points.append((e, float(np.linalg.norm(moved if order is None else moved - basis @ (basis.T @ moved)))))
        if order is None:
            # eight products of rounded matrices: each loses a few u of what it multiplies
            bound = 64 * 2.0**-53 * len(theta) * float(np.linalg.norm(theta)) * float(np.exp(4 * sizes[0] * 2))
            worst = max(worst, 0.0 if max(y for _, y in points) <= bound else float("inf"))
            rows.append((name, "closes", f"{max(y for _, y in points):.0e}"))
        else:
            slope = [log2(a / b) for (_, a), (_, b) in pairwise(points)][-1]
            worst = max(worst, abs(slope - order))
            rows.append((name, f"order {order}", f"{slope:.2f}"))
            curves.append(Series(f"{name}: slope {slope:.2f}", points))
    plot = Plot(
        "A square of four gradient flows: how far it leaves W",
        "side of the square",
        "displacement outside of W",
        curves,
        x_scale="log",
        y_scale="log",
        caption="For the neuron brackets stay in W (slope 4 is the curvature of the leaf); for (2, 2, 2) they do not.",
    )
    shown = Table("Squares of gradient flows", ("model", "expected", "measured"), rows)
    return SimulationResult(
        Residual(worst, 0.5, note="distance of the slopes from the expected orders"), (plot,), shown
    )


def _matrix(polynomial: Polynomial, parameters: int) -> Any:
    """The matrix of the gradient of a quadratic form."""
    import numpy as np

    matrix = np.zeros((parameters, parameters))
    for k, part in polynomial.gradient().items():
        for j, second in part.gradient().items():
            matrix[k, j] = float(second.evaluate([0] * parameters))
    return matrix


def _exp(symmetric: Any) -> Any:
    import numpy as np

    values, vectors = np.linalg.eigh(symmetric)
    return vectors @ np.diag(np.exp(values)) @ vectors.T


def _violating(name: str, says: str, cases: Any, check: Any, examples: Sequence[Place]) -> Mutant:
    return Mutant(name, says, violates=Property(name, says, "rational", cases, check, examples))


THEOREM = Theorem(
    id="A3.frobenius",
    title="The Frobenius property",
    summary="If brackets of gradients of phi stay in their span, z and the laws tell the parameters, and conversely.",
    source="A3 section 2 (Prop. 2.21, quasi-equivalence); proof derived",
    status="derived",
    hypotheses=(
        "rank dphi is constant near theta, and h is a complete set of laws there.",
        "Frobenius property at theta: dim Lie(W) = rank dphi there.",
    ),
    statement=r"\text{Frobenius} \iff K_1 = \{0\}; \qquad \text{commuting} \Longrightarrow \text{closed with constant "
    r"coefficients} \Longrightarrow \text{Frobenius}; \qquad "
    r"U V^\top : \text{ Frobenius} \iff r = 1 \text{ or } n = m = 1",
    assumes=("A3.fibre-dimension", "A1.independence-and-count", "A1.two-layer-linear.count"),
    derivation=derivation,
    tables=(hierarchy, linear_table),
    properties=(
        Property(
            name="brackets",
            says="At random exact points where all ranks are the generic ones: first brackets of gradients stay in W "
            "iff K_1 is zero.",
            arithmetic="rational",
            cases=generic_places,
            check=check_equivalence,
            examples=[NEURON, FILTERS],
            share=0.5,
        ),
        Property(
            name="two-layers",
            says="Two linear layers of full ranks: the first brackets stay in W iff r = 1 or n = m = 1.",
            arithmetic="rational",
            cases=two_layers,
            check=check_two_layers,
            examples=[GENERIC, two_layer([[1, 1]], [[1, 1], [1, 1]])],  # the second of deficient rank: not judged
            share=0.5,
        ),
        Property(
            name="oracle",
            says="The verdict of the oracle on the Frobenius property never contradicts the brackets.",
            arithmetic="rational",
            cases=generic_places,
            check=check_oracle,
            examples=[NEURON, GENERIC, COMMON_ROOT],
            share=0.25,
        ),
    ),
    simulations=(
        both_flows("diagonal:2", "generic", "Commuting gradients: no fibre is left, and both flows agree."),
        Simulation(
            name="square",
            says="Four gradient flows around a square leave W at order 2 where brackets do, and at order 4 where they "
            "stay.",
            run=square,
        ),
    ),
    mutants=(
        _violating(
            "constant-coefficients",
            "The Frobenius property asks for constant coefficients.",
            generic_places,
            check_closed,
            [NEURON],
        ),
        _violating(
            "only-commuting", "K_1 is zero for commuting gradients only.", generic_places, check_commuting, [NEURON]
        ),
        _violating(
            "narrow-layers",
            "Two linear layers have the Frobenius property for r below min(n, m).",
            two_layers,
            partial(check_two_layers, stated=narrow),
            [two_layer([[1, 2], [3, -1], [2, 2]], [[1, 0], [2, 3], [-1, 1]])],
        ),
        Mutant("wrong-sign", "The bracket of the neuron with a plus.", rejects=partial(neuron_bracket, -1)),
        Mutant(
            "commuting-neuron",
            "The gradients of a neuron commute.",
            rejects=lambda: combination(NEURON.model().coordinates(), 3, {}),
        ),
    ),
)
