"""B3.qm: the quadratic charge of a linear symmetry, and when it is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import Number, find_law
from .._identities import exact_property, float_properties, heavy_ball
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._two_layer import TwoLayer, balance, gradients, minus, networks, scaled, times, transposed

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
LAWS = (find_law("hb-two-step.quadratic"), find_law("hb-first-step.quadratic"))
EXAMPLE = TwoLayer(
    ((F(1), F(1)),),
    ((F(1), F(-1)), (F(1), F(2))),
    ((F(1), F(0)), (F(0), F(1))),
    ((F(0),), (F(0),)),
    "linear",
)
"""The case T8 of the theory."""
KNOWN_START = [[1, -2], [-2, 4]]
KNOWN_LINEAR = [[F(1, 25), F(1, 100)], [F(1, 100), F(-11, 100)]]
KNOWN_RELU = [[F(0), F(13, 25)], [F(13, 25), F(-7, 25)]]


def derivation() -> Iterator[Step]:
    """What the derivative of the charge is, and what makes it 0."""
    yield Step(
        "Along gradient flow only the symmetric part of M matters. Checked for three coordinates with free M, theta "
        "and theta' = -g.",
        r"\tfrac{d}{dt}\,\theta^\top M\theta = -\langle g, (M + M^\top)\theta\rangle",
        _derivative(),
    )
    yield Step(
        "B0.orthogonality gives <g, M theta> = 0 for a generator M. If M is symmetric, or if M^T is a generator as "
        "well, both summands vanish. Otherwise the second need not:",
    )
    yield Step(
        "L = theta_2^2/2 does not change under the shear theta_1 -> theta_1 + a theta_2, whose M has one entry above "
        "the diagonal. <g, M theta> is 0 everywhere, but theta^T M theta = theta_1 theta_2 changes at the rate "
        "-theta_1 theta_2. Conserved is theta_1, which belongs to no symmetric matrix.",
        r"\langle g, M\theta\rangle = 0, \qquad \langle g, (M + M^\top)\theta\rangle = \theta_1\theta_2",
        _shear(),
    )
    yield Step(
        "Two linear layers U V have all of GL(h), which is closed under transposition. Its symmetric part has "
        "dimension h (h + 1)/2: the entries of one symmetric matrix. Here for widths 2-2-2, every law orthogonal to "
        "every gradient.",
        r"Q = V V^\top - U^\top U",
        _conserved("linear:2-2-2"),
    )
    yield Step(
        "Units that are homogeneous of degree alpha have the positive diagonal matrices only: h charges. Here for z^2.",
        r"Q_i = |V_i|^2 - \alpha\,|U_{:,i}|^2",
        _conserved("homogeneous:2-2-2+degree2"),
    )
    yield Step(
        "SGD with decay moves the whole matrix as B0.sgd-quadratic says, entry by entry: free U, V, data and rates, "
        "two outputs, hidden units and inputs.",
        r"Q' = (1-\eta\lambda)^2 Q + \eta^2\,(G_V G_V^\top - G_U^\top G_U)",
        _matrix_step(),
    )


def _derivative() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols, n = Symbols(), range(3)
    M = [[symbols(f"M{i}{j}") for j in n] for i in n]
    theta, g = ([symbols(f"{name}{i}") for i in n] for name in ("t", "g"))
    rate = sum(-g[i] * M[i][j] * theta[j] - theta[i] * M[i][j] * g[j] for i in n for j in n)
    right = -sum(g[i] * (M[i][j] + M[j][i]) * theta[j] for i in n for j in n)
    return equal(symbols, [(rate, right)])


def _shear() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    theta: list[Number] = [symbols("t1"), symbols("t2")]
    g: list[Number] = [0 * theta[1], theta[1]]
    once = g[0] * theta[1]
    return equal(symbols, [(once, 0), (once + g[1] * theta[0], theta[0] * theta[1])])


def _conserved(spec: str) -> Certificate:
    from ...oracles.models import known_laws, parse_model
    from ...oracles.proofs import conserved

    model = parse_model(spec)
    return conserved(model, [law for family in known_laws(model) for law in family.polynomials()])


def _matrix_step(unsymmetric: bool = False) -> Certificate:
    from ...oracles.proofs import Matrix, identity, multiply, power, subtract, symbol

    U, V, E = (Matrix.symbols(2, 2, start) for start in (0, 4, 8))
    eta, keep = symbol(12), subtract(1, multiply(symbol(12), symbol(13)))
    gU, gV = E @ V.T, U.T @ E

    def charge(left: Matrix, right: Matrix) -> Matrix:
        return right @ right.T - (left @ left.T if unsymmetric else left.T @ left)

    after = charge(U.scaled(keep) - gU.scaled(eta), V.scaled(keep) - gV.scaled(eta))
    right = charge(U, V).scaled(power(keep, 2)) + charge(gU, gV).scaled(power(eta, 2))
    return identity(14, after.equals(right))


def _any_generator() -> Certificate:
    """The rate of theta_1 theta_2 under the shear-invariant loss at (3, 2)."""
    from ...oracles.proofs import multiply, symbol, values

    return values((3, 2), [(multiply(-1, symbol(0), symbol(1)), -6)])


def increment(net: TwoLayer) -> list[list[Number]]:
    """``Q_1 - Q_0``."""
    return minus(balance(*net.stepped()), balance(net.U, net.V))


def table() -> Table:
    """The first step of the known example, linear and with ReLU."""
    start = balance(EXAMPLE.U, EXAMPLE.V)
    linear, relu = increment(EXAMPLE), increment(EXAMPLE.with_unit("relu"))
    rows = [
        (name, str(Q[0][0]), str(Q[0][1]), str(Q[1][1]))
        for name, Q in (("Q_0", start), ("Q_1 - Q_0, linear", linear), ("Q_1 - Q_0, ReLU", relu))
    ]
    agrees = start == KNOWN_START and linear == KNOWN_LINEAR and relu == KNOWN_RELU
    return Table("V = [[1, -1], [1, 2]], U = [1, 1], eta = 1/10", ("what", "11", "12 = 21", "22"), rows, agrees)


def shear_table() -> Table:
    """The case T5: a step of eta = 1/4 on theta_2^2/2 from (3, 2)."""
    theta, eta = (F(3), F(2)), F(1, 4)
    after = (theta[0], theta[1] - eta * theta[1])
    rows = [("theta_1 theta_2", str(theta[0] * theta[1]), str(after[0] * after[1])), ("theta_1", "3", str(after[0]))]
    agrees = after[0] * after[1] == F(9, 2) and after[0] == 3
    return Table("theta_2^2/2 under SGD from (3, 2), eta = 1/4", ("function", "before", "after"), rows, agrees)


def check_matrix(net: TwoLayer) -> Residual:
    """All entries of the matrix after one step of SGD, for linear units."""
    G_U, G_V = net.gradients()
    keep = 1 - net.rate * net.decay
    expected = minus(scaled(keep**2, balance(net.U, net.V)), scaled(-(net.rate**2), balance(G_U, G_V)))
    off = minus(balance(*net.stepped()), expected)
    return Residual(max(abs(x) for row in off for x in row), nontrivial=any(x for row in G_U for x in row))


def check_diagonal(net: TwoLayer, alpha: int | None = None) -> Residual:
    """The diagonal after one step, for units of degree alpha: 2 for z^2, 1 otherwise."""
    degree = alpha or (2 if net.unit == "square" else 1)
    G_U, G_V = net.gradients()
    keep = 1 - net.rate * net.decay
    before, gain = balance(net.U, net.V, degree), balance(G_U, G_V, degree)
    u, v = net.stepped()
    rows = enumerate(zip(before, gain, balance(u, v, degree), strict=True))
    off = [c[i] - keep**2 * a[i] - net.rate**2 * b[i] for i, (a, b, c) in rows]
    return Residual(max(map(abs, off)), nontrivial=any(x for row in G_U for x in row))


def check_flow(net: TwoLayer) -> Residual:
    """``U^T G_U - G_V V^T``: the whole matrix for linear units, its diagonal for the others; exactly."""
    G_U, G_V = net.gradients()
    degree = 2 if net.unit == "square" else 1
    off = minus(scaled(degree, times(transposed(net.U), G_U)), times(G_V, transposed(net.V)))
    entries = [x for i, row in enumerate(off) for j, x in enumerate(row) if i == j or net.unit == "linear"]
    return Residual(max(map(abs, entries)), nontrivial=any(x for row in G_U for x in row))


def increments(profile: Profile) -> SimulationResult:
    """Increments of the matrix in one step against the rate, linear and ReLU, and the off-diagonal entry in training.

    Residual: the matrix identity for linear units and the diagonal one for ReLU, exactly; 0.
    """
    rates = [F(1, 2**k) for k in range(2, 2 + (6, 10, 14)[profile.effort])]
    value = F(0)
    curves: list[Series] = []
    for unit, checked in (("linear", check_matrix), ("relu", check_diagonal)):
        nets = [replace(EXAMPLE.with_unit("relu" if unit == "relu" else "linear"), rate=rate) for rate in rates]
        value = max(value, *(F(checked(net).value) for net in nets))
        for name, i, j in (("off the diagonal", 0, 1), ("on the diagonal", 1, 1)):
            points = [(float(net.rate), abs(float(increment(net)[i][j]))) for net in nets]
            curves.append(Series(f"{unit}, {name}", points))
    plot = Plot(
        "Off the diagonal, ReLU breaks the matrix at first order",
        "eta",
        "change in one step",
        curves,
        x_scale="log",
        y_scale="log",
        caption="V V^T - U^T U of the example. Slope 2 is what a charge shows under SGD, slope 1 is what any other "
        "function shows.",
    )
    steps, rate = (40, 80, 200)[profile.effort], 1 / 32
    paths: list[Series] = []
    for unit in ("linear", "relu"):
        net = EXAMPLE.with_unit("relu" if unit == "relu" else "linear")
        u, v = ([[float(x) for x in row] for row in W] for W in (net.U, net.V))
        found: list[list[tuple[float, float]]] = [[], []]
        for k in range(steps):
            Q = balance(u, v)
            found[0].append((k * rate, Q[0][1]))
            found[1].append((k * rate, Q[1][1]))
            G_U, G_V = gradients(u, v, [[1.0, 0.0], [0.0, 1.0]], [[0.0], [0.0]], net.unit)
            u, v = minus(u, scaled(rate, G_U)), minus(v, scaled(rate, G_V))
        paths += [Series(f"{unit}, Q_12", found[0]), Series(f"{unit}, Q_22", found[1])]
    training = Plot("Entries of the matrix while training", "time k eta", "entry", paths, caption="eta = 1/32.")
    return SimulationResult(Residual(value), (plot, training))


THEOREM = Theorem(
    id="B3.qm",
    title="The quadratic charge of a linear symmetry",
    summary="theta^T M theta is conserved by gradient flow iff gradients are orthogonal to (M + M^T) theta.",
    source="arXiv 2210.17216, Proposition 2.1, with a hypothesis that it lacks",
    status="proved",
    hypotheses=(
        "M generates a linear symmetry of the loss: L(exp(a M) theta) = L(theta).",
        "M is symmetric, or M^T generates a symmetry as well. Without this the statement is false.",
        "For the matrix: two linear layers U V; for its diagonal: units homogeneous of degree alpha.",
    ),
    statement=r"\tfrac{d}{dt}\,\theta^\top M \theta = 0 \iff \langle g, (M + M^\top)\theta\rangle = 0; \qquad "
    r"Q = V V^\top - U^\top U, \qquad Q_{ii} = |V_i|^2 - \alpha\,|U_{:,i}|^2",
    assumes=("B0.orthogonality", "B0.sgd-quadratic", "B0.hb-two-step"),
    derivation=derivation,
    tables=(table, shear_table),
    properties=(
        Property(
            name="flow",
            says="Exact gradients: U^T G_U = G_V V^T for linear units, on the diagonal with degree for ReLU and z^2.",
            arithmetic="rational",
            cases=lambda: networks("linear", "relu", "square"),
            check=check_flow,
            examples=[EXAMPLE],
            share=0.5,
        ),
        Property(
            name="matrix-step",
            says="One exact step of SGD with decay moves every entry of the matrix of linear units as stated.",
            arithmetic="rational",
            cases=lambda: networks("linear"),
            check=check_matrix,
            examples=[EXAMPLE],
            share=0.5,
        ),
        Property(
            name="diagonal-step",
            says="The same on the diagonal for ReLU and for z^2.",
            arithmetic="rational",
            cases=lambda: networks("relu", "square"),
            check=check_diagonal,
            examples=[EXAMPLE.with_unit("relu"), EXAMPLE.with_unit("square")],
            share=0.5,
        ),
        exact_property(
            LAWS,
            heavy_ball,
            ("symmetric",),
            name="heavy-ball",
            says="With momentum random combinations of the entries obey the recursion of two steps, exactly.",
            share=0.25,
        ),
        *float_properties(LAWS, heavy_ball, ("symmetric",), share=0.25),
    ),
    simulations=(
        Simulation(
            name="increments",
            says="For linear units all entries change at second order in the rate, for ReLU only the diagonal.",
            run=increments,
        ),
    ),
    mutants=(
        Mutant(
            name="any-generator",
            says="theta^T M theta is conserved for every generator M: the shear of theta_2^2/2 at (3, 2).",
            refutes=_any_generator,
        ),
        Mutant(
            name="off-diagonal-relu",
            says="The whole matrix obeys the identity for ReLU.",
            violates=Property(
                "relu",
                "the matrix",
                "rational",
                lambda: networks("relu"),
                check_matrix,
                examples=[EXAMPLE.with_unit("relu")],
            ),
        ),
        Mutant(
            name="degree-one",
            says="z^2 has the charge |V_i|^2 - |U_i|^2.",
            violates=Property(
                "degree-one",
                "alpha = 1",
                "rational",
                lambda: networks("square"),
                lambda net: check_diagonal(net, 1),
                examples=[EXAMPLE.with_unit("square")],
            ),
        ),
        Mutant(
            name="wrong-side",
            says="V V^T - U U^T obeys the identity.",
            rejects=lambda: _matrix_step(unsymmetric=True),
        ),
    ),
)
