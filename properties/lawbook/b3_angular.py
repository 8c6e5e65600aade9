"""B3.angular: rotations keep an angular momentum at zero, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Number, Sized, Vector, find_law
from .._discrete import Case, exact_run
from .._identities import exact_property, float_properties, heavy_ball, proved
from .._layered import rounded, size_of
from .._layered_torch import exact, torch_module
from .._profiles import Profile
from .._symmetric import Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem
from .._two_layer import Matrix, TwoLayer, combine, gradients, minus, networks, scaled, skew, times, transposed

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
LAWS = (find_law("noether-charge"),)
EXAMPLE = TwoLayer(
    ((F(1), F(2)),),
    ((F(1), F(-1)), (F(1), F(2))),
    ((F(1), F(0)), (F(1), F(1))),
    ((F(1),), (F(-2),)),
    "radial",
)
PLANE = Case(
    Target("rotation", (2,), ((F(1),),), (2,), (F(1), F(-1))),
    (Vector((3, 2)),),
    (SGD(lr=F(1, 10), momentum=F(1, 2)),) * 3,
)
"""A loss of the distance from (1, -1)."""


@dataclass(frozen=True, slots=True)
class Momentum:
    """A network, a momentum, and whether the buffers start at the weights, turned by a quarter, instead of at 0."""

    net: TwoLayer
    beta: Fraction
    buffer: bool = False


def angular(before: tuple[Matrix, Matrix], after: tuple[Matrix, Matrix], sign: int = 1) -> list[list[Number]]:
    """``V' V^T - V V'^T - (U^T U' - U'^T U)`` for (U, V) before and after a step."""
    return minus(
        skew(times(after[1], transposed(before[1]))), scaled(sign, skew(times(transposed(before[0]), after[0])))
    )


def derivation() -> Iterator[Step]:
    """Pair a step with a rotation."""
    yield Step(
        "Rotate the hidden layer: U -> U R^T, V -> R V for R in O(h). Linear and radial units, sigma(z) = f(|z|^2) z, "
        "do not notice. The generators have M antisymmetric, so theta^T M theta is 0 and no quadratic charge.",
        r"\theta^\top M\,\theta' = 0 \ \text{ along gradient flow}: \qquad "
        r"V'V^\top - V V'^\top = U^\top U' - U'^\top U",
    )
    yield Step(
        "One step of SGD with decay: the terms with theta alone are symmetric and drop out, whatever the gradients "
        "are. Free U, V and gradients, two outputs, hidden units and inputs.",
        r"V_{k+1}V_k^\top - V_kV_{k+1}^\top - (U_k^\top U_{k+1} - U_{k+1}^\top U_k) = "
        r"-\eta\,\bigl(G_VV^\top - VG_V^\top - U^\top G_U + G_U^\top U\bigr)",
        _step(),
    )
    yield Step(
        "For a radial unit the right side is 0: with free f, f' and any loss behind the layer, the antisymmetric parts "
        "of U^T G_U and G_V V^T agree. Their difference is 2 f' <delta, z> z z^T, symmetric and not 0.",
        r"U^\top G_U - G_V V^\top = -2 f'\,\langle\delta, z\rangle\, z z^\top",
        _radial(),
    )
    yield proved(
        "noether-charge",
        "Heavy ball: the pairing of the buffer with the generator is multiplied by beta at each step, whatever the "
        "decay. From PyTorch's start it is 0 and stays 0; a buffer from elsewhere is forgotten geometrically.",
        "antisymmetric",
    )
    yield Step(
        "In one plane theta_{k+1} is then parallel to theta_k: the polar angle is conserved exactly, up to pi. In two "
        "planes at once the form omega = theta^T M d theta is no multiple of a differential, so this generator by "
        "itself conserves no function.",
        r"\omega = \sum_i (x_i\,dy_i - y_i\,dx_i), \qquad \omega \wedge d\omega = "
        r"2 \sum_{i \ne j} (x_i\,dy_i - y_i\,dx_i) \wedge dx_j \wedge dy_j \ne 0",
    )


def _step(sign: int = 1) -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    U, V, G, H = ([[symbols(f"{name}{i}{j}") for j in range(2)] for i in range(2)] for name in "UVGH")
    eta, keep = symbols("eta"), 1 - symbols("eta") * symbols("lam")
    after = minus(scaled(keep, U), scaled(eta, G)), minus(scaled(keep, V), scaled(eta, H))
    left = angular((U, V), after, sign)
    right = scaled(-1 * eta, minus(skew(times(H, transposed(V))), skew(times(transposed(U), G))))
    return equal(symbols, [(left[i][j], right[i][j]) for i in range(2) for j in range(2)])


def _radial() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols, n = Symbols(), range(2)
    U, V = ([[symbols(f"{name}{i}{j}") for j in n] for i in n] for name in "UV")
    x, e = ([symbols(f"{name}{i}") for i in n] for name in "xe")
    f, slope = symbols("f"), symbols("f'")
    z = [V[a][0] * x[0] + V[a][1] * x[1] for a in n]
    delta = [U[0][a] * e[0] + U[1][a] * e[1] for a in n]
    along = delta[0] * z[0] + delta[1] * z[1]
    back = [f * delta[a] + 2 * slope * along * z[a] for a in n]
    G_U = [[e[i] * (f * z[a]) for a in n] for i in n]
    G_V = [[back[a] * x[j] for j in n] for a in n]
    off = minus(times(transposed(U), G_U), times(G_V, transposed(V)))
    expected = [[-2 * slope * along * z[a] * z[b] for b in n] for a in n]
    return equal(symbols, [(off[a][b], expected[a][b]) for a in n for b in n])


def table() -> Table:
    """The example, step by step, with momentum 1/2 and from a buffer that is not 0."""
    rows: list[tuple[str, ...]] = []
    agrees = True
    for name, case in (
        ("PyTorch's start", Momentum(EXAMPLE, F(1, 2))),
        ("turned buffer", Momentum(EXAMPLE, F(1, 2), True)),
    ):
        found = [J[0][1] for J in run(case, 3)]
        rows.append((name, *map(str, found)))
        agrees = agrees and found[1] == found[0] / 2 and found[2] == found[1] / 2
    return Table("J_12 of radial units, beta = 1/2", ("start", "0", "1", "2"), rows, agrees)


def run(case: Momentum, steps: int) -> list[list[list[Number]]]:
    """J of every step of heavy ball with the decay of the network."""
    net = case.net
    point: tuple[Matrix, Matrix] = net.U, net.V
    turned = [[-1 * row[1], row[0]] for row in net.U], [[-1 * x for x in net.V[1]], list(net.V[0])]
    buffers = turned if case.buffer else None
    found: list[list[list[Number]]] = []
    for _ in range(steps):
        slopes = gradients(*point, net.X, net.Y, net.unit)
        decayed = [combine(g, w, lambda a, b: a + net.decay * b) for g, w in zip(slopes, point, strict=True)]
        if buffers is not None:
            decayed = [combine(v, d, lambda a, b: case.beta * a + b) for v, d in zip(buffers, decayed, strict=True)]
        buffers = decayed[0], decayed[1]
        after = minus(point[0], scaled(net.rate, buffers[0])), minus(point[1], scaled(net.rate, buffers[1]))
        found.append(angular(point, after))
        point = after
    return found


def largest(matrix: Matrix) -> Number:
    """The largest absolute entry."""
    return max(abs(x) for row in matrix for x in row)


def check_step(net: TwoLayer, sign: int = 1) -> Residual:
    """One exact step of SGD with decay."""
    value = largest(angular((net.U, net.V), net.stepped(), sign))
    return Residual(value, nontrivial=bool(largest(skew(times(transposed(net.U), net.gradients()[0])))))


def check_momentum(case: Momentum, *, forgotten: bool = False) -> Residual:
    """``J_{k+1} = beta J_k`` along three exact steps, J = 0 if the buffers start empty."""
    found = run(case, 2)
    if not case.buffer or forgotten:
        return Residual(max(map(largest, found)), nontrivial=bool(largest(case.net.gradients()[0])))
    return Residual(largest(minus(found[1], scaled(case.beta, found[0]))), nontrivial=bool(largest(found[0])))


def check_whole(net: TwoLayer) -> Residual:
    """The symmetric part as well: ``U^T G_U = G_V V^T``."""
    G_U, G_V = net.gradients()
    return Residual(largest(minus(times(transposed(net.U), G_U), times(G_V, transposed(net.V)))))


def check_angle(case: Case) -> Residual:
    """In the plane, around the centre, points stay on a line through the centre; without decay."""
    assert isinstance(case.target, Target)
    p, q = case.target.constants
    plain_case = replace(case, optimizers=tuple(replace(h, weight_decay=F(0)) for h in case.optimizers))
    points = [(x[0] - p, x[1] - q) for x in (m.parameters[0] for m in exact_run(plain_case))]
    (a, b), rest = points[0], points[1:]
    return Residual(max(abs(a * y - b * x) for x, y in rest), nontrivial=any(point != (a, b) for point in rest))


def check_torch(net: TwoLayer) -> Residual:
    """Autograd's gradients of radial units in float64: the antisymmetric parts agree up to rounding."""
    torch = torch_module()

    def tensor(rows: Any, grad: bool = False) -> Any:
        return torch.tensor([[float(x) for x in row] for row in rows], dtype=torch.float64, requires_grad=grad)

    U, V = tensor(net.U, True), tensor(net.V, True)
    z = tensor(net.X) @ V.T
    h = z / (1 + (z * z).sum(1, keepdim=True))
    (((h @ U.T - tensor(net.Y)) ** 2).sum() / 2).backward()
    left = skew(times(transposed(exact(U)), exact(U.grad)))
    right = skew(times(exact(V.grad), transposed(exact(V))))
    sizes = [[[Sized.of(float(x)) for x in row] for row in rows] for rows in (net.U, net.V, net.X, net.Y)]
    G_U, G_V = gradients(sizes[0], sizes[1], sizes[2], sizes[3], "radial")
    wide = minus(skew(times(transposed(sizes[0]), G_U)), skew(times(G_V, transposed(sizes[1]))))
    found = rounded(left[0][1] - right[0][1], size_of(wide[0][1]), 60 + 8 * len(net.X), "float64")
    return replace(found, nontrivial=bool(left[0][1]))


def momenta() -> SearchStrategy[Momentum]:
    """Radial networks with momentum, from both starts."""
    from hypothesis import strategies as st

    betas = st.integers(1, 9).map(lambda k: F(k, 10))
    return st.builds(Momentum, networks("radial", "linear"), betas, st.booleans())


def drift(profile: Profile) -> SimulationResult:
    """J along training with radial, linear and ReLU units, and how a buffer is forgotten.

    Residual: J of one step of float64 for radial units, evaluated exactly; bound: ``gamma(n)`` times its absolute terms
    with the step written out.
    """
    steps = (30, 100, 300)[profile.effort]
    curves: list[Series] = []
    worst: list[Residual] = []
    for unit in ("radial", "linear", "relu"):
        net = EXAMPLE.with_unit("radial" if unit == "radial" else "linear" if unit == "linear" else "relu")
        u, v, X, Y = ([[float(x) for x in row] for row in rows] for rows in (net.U, net.V, net.X, net.Y))
        points: list[tuple[float, float]] = []
        for k in range(steps):
            slopes = gradients(u, v, X, Y, net.unit)
            after = minus(u, scaled(1 / 32, slopes[0])), minus(v, scaled(1 / 32, slopes[1]))
            J = angular((_fractions(u), _fractions(v)), (_fractions(after[0]), _fractions(after[1])))
            points.append((float(k), max(float(abs(J[0][1])), 1e-20)))
            if unit == "radial" and k % 10 == 0:
                sized = [[[Sized.of(x) for x in row] for row in rows] for rows in (u, v, X, Y)]
                wide = gradients(sized[0], sized[1], sized[2], sized[3], "radial")
                moved = minus(sized[0], scaled(1 / 32, wide[0])), minus(sized[1], scaled(1 / 32, wide[1]))
                size = size_of(angular((sized[0], sized[1]), moved)[0][1])
                worst.append(rounded(F(J[0][1]), size, 60 + 8 * len(X), "float64"))
            u, v = after
        curves.append(Series(f"{unit} units", points))
    plot = Plot(
        "Rotations of the hidden layer leave a zero behind at every step",
        "step",
        "|J_12|",
        curves,
        y_scale="log",
        caption="SGD with eta = 1/32. ReLU units are not rotation invariant; J is then of the size of a step. Values "
        "below 1e-20 are drawn there.",
    )
    turned = run(Momentum(EXAMPLE, F(1, 2), True), 4)
    start = abs(float(turned[0][0][1]))
    forgetting = Plot(
        "A strange buffer is forgotten by a factor beta a step",
        "step",
        "|J_12|",
        (
            Series(
                "exact run, beta = 1/2", [(float(k), abs(float(J[0][1]))) for k, J in enumerate(turned)], kind="points"
            ),
            Series("beta^k", [(float(k), start * 0.5**k) for k in range(len(turned))]),
        ),
        y_scale="log",
    )
    return SimulationResult(max(worst, key=lambda r: r.value / r.bound), (plot, forgetting))


def _fractions(rows: Matrix) -> list[list[Number]]:
    return [[F(x) for x in row] for row in rows]


def planes() -> SearchStrategy[Case]:
    """Losses of the distance from a point of the plane."""
    from .._discrete import cases

    def apart(case: Case) -> Case:
        """The centre itself does not move."""
        assert isinstance(case.target, Target)
        at_centre = case.start[0].entries == case.target.constants
        return replace(case, start=(case.start[0] + Vector((1, 2)),)) if at_centre else case

    return cases(heavy_ball(3), "rotation", steps=3).map(apart)


THEOREM = Theorem(
    id="B3.angular",
    title="Angular momenta of rotations vanish exactly",
    summary="A rotation symmetry pairs every step of SGD or heavy ball with the point it leaves to zero.",
    source="arXiv 2210.17216 for gradient flow; the discrete statements are derived",
    status="proved",
    hypotheses=(
        "M is antisymmetric and generates a symmetry of every minibatch loss; one rate and decay for all parameters.",
        "SGD with or without coupled decay, or heavy ball whose buffers start as PyTorch's do.",
        "For U sigma(V x): sigma is linear or radial, and the hidden layer may be rotated by O(h).",
    ),
    statement=r"\theta_k^\top M\,\theta_{k+1} = 0: \qquad V_{k+1}V_k^\top - V_kV_{k+1}^\top = "
    r"U_k^\top U_{k+1} - U_{k+1}^\top U_k; \qquad J_{k+1} = \beta J_k \ \text{for any buffer}",
    assumes=("B0.orthogonality", "B0.noether-charge-discrete"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="step",
            says="One exact step of SGD with decay, linear and radial units: both sides are equal.",
            arithmetic="rational",
            cases=lambda: networks("linear", "radial"),
            check=check_step,
            examples=[EXAMPLE],
            share=0.5,
        ),
        Property(
            name="momentum",
            says="Two exact steps of heavy ball: J is 0 from PyTorch's start and shrinks by beta from any other.",
            arithmetic="rational",
            cases=momenta,
            check=check_momentum,
            examples=[Momentum(EXAMPLE, F(1, 2)), Momentum(EXAMPLE, F(1, 2), True)],
            share=0.25,
        ),
        Property(
            name="polar-angle",
            says="In one plane, without decay, all points of a run lie on one line through the centre, exactly.",
            arithmetic="rational",
            cases=planes,
            check=check_angle,
            examples=[PLANE],
            share=0.5,
        ),
        exact_property(
            LAWS,
            heavy_ball,
            ("skew", "rotation"),
            name="heavy-ball",
            says="Rotations of products of matrices, and of the plane about any point, along exact runs.",
            share=0.25,
        ),
        *float_properties(LAWS, heavy_ball, ("skew", "rotation"), share=0.25),
        Property(
            name="torch-radial",
            says="Autograd through radial units in float64: the antisymmetric parts agree up to rounding.",
            arithmetic="float64",
            cases=lambda: networks("radial"),
            check=check_torch,
            examples=[EXAMPLE],
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            name="drift", says="J stays at rounding for radial and linear units; ReLU units have none.", run=drift
        ),
    ),
    mutants=(
        Mutant(
            name="symmetric-part",
            says="U^T G_U = G_V V^T also for radial units.",
            violates=Property(
                "whole", "the whole matrix", "rational", lambda: networks("radial"), check_whole, examples=[EXAMPLE]
            ),
        ),
        Mutant(
            name="other-order",
            says="The right-hand side is U_{k+1}^T U_k minus its transpose.",
            violates=Property(
                "other-order",
                "the other order",
                "rational",
                lambda: networks("radial"),
                lambda net: check_step(net, -1),
                examples=[EXAMPLE],
            ),
        ),
        Mutant(
            name="elementwise",
            says="ReLU units may be rotated.",
            violates=Property(
                "elementwise",
                "ReLU",
                "rational",
                lambda: networks("relu"),
                check_step,
                examples=[EXAMPLE.with_unit("relu")],
            ),
        ),
        Mutant(
            name="any-buffer",
            says="J is 0 for any buffer.",
            violates=Property(
                "any-buffer",
                "J = 0",
                "rational",
                momenta,
                lambda case: check_momentum(case, forgotten=True),
                examples=[Momentum(EXAMPLE, F(1, 2), True)],
            ),
        ),
        Mutant(name="wrong-sign", says="The order of factors does not matter.", rejects=lambda: _step(-1)),
    ),
)
