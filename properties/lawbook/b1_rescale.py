"""B1.rescale: what invariance under opposite rescalings says of gradient, Hessian and noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ...oracles.dynamics import SGD, Signed, Vector
from .._constraints import exact_constraints, flat, hessian_residual, points, target_of
from .._discrete import Case
from .._dual import Dual, along, units
from .._layered import Layer, Layers, Net, Row, nets, rounded, size_of, symbolic
from .._layered_hessian import exact_along, hessian_along, sized_along, torch_along
from .._layered_torch import by_autograd
from .._profiles import Profile
from .._symmetric import Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
FACTORS = Target("symmetric", (1, 1), ((F(1),),), (1, 1, 1), (F(1, 2),))
"""The loss (u w - 1)^2/2 with the charge u^2 - w^2."""
KNOWN_CASE = Case(FACTORS, (Vector((2,)), Vector((1,))), (SGD(lr=F(1, 10)),))
KNOWN_GRADIENT = [F(1), F(2)]
KNOWN_HESSIAN = [[F(1), F(3)], [F(3), F(4)]]
NEURON = Target("rescale", (2, 1, 1), ((F(1), F(2), F(1)), (F(2), F(-1), F(3)), (F(1), F(1), F(0))), (2, 1))
EXAMPLE = Case(NEURON, (Vector((1, 2)), Vector((1,)), Vector((F(3, 2),))), (SGD(lr=F(1, 10)),) * 3)
NET = Net(
    (2, 2, 2),
    ((F(1), F(-2), F(3), F(1)), (F(1), F(2), F(-1), F(3))),
    ((F(3), F(-1)), (F(1), F(1))),
    F(1, 4),
    ((F(2), F(1)),),
    ((F(1), F(-1)),),
    F(1),
)


def derivation() -> Iterator[Step]:
    """Differentiate the invariance once, and what follows once more."""
    yield Step(
        "theta_A1 -> a theta_A1 and theta_A2 -> theta_A2/a leave L alone for a > 0. The derivative in a at 1 is the "
        "gradient constraint; its derivative in theta is the Hessian constraint, with the gradient entry by entry.",
        r"\langle g_{A_1}, \theta_{A_1}\rangle = \langle g_{A_2}, \theta_{A_2}\rangle \ \Rightarrow\ "
        r"H(\theta_{A_1} - \theta_{A_2}) + g \odot (1_{A_1} - 1_{A_2}) = 0",
    )
    yield Step(
        "A hidden neuron with bias between two inputs and two outputs, a free loss behind it: the first and second "
        "derivatives of the loss, the slope of the activation and all numbers are free symbols. Both constraints, for "
        "every entry, by the backward pass on dual numbers.",
        r"L = \ell\bigl(V \sigma(Wx + b) + c\bigr)",
        _network(),
    )
    yield Step(
        "An activation that is homogeneous of degree alpha, z sigma'(z) = alpha sigma(z), has the symmetry with 1/a "
        "replaced by a to the power -alpha. Three weights and a bias in, two weights out.",
        r"\langle g_{A_1}, \theta_{A_1}\rangle = \alpha\,\langle g_{A_2}, \theta_{A_2}\rangle, \qquad "
        r"\text{charge } |\theta_{A_1}|^2 - \alpha\,|\theta_{A_2}|^2",
        _degree(),
    )
    yield Step(
        "The loss (u w - 1)^2/2 at (2, 1): with g = (1, 2) and H = ((1, 3), (3, 4)) both entries are 0.",
        r"H\binom{2}{-1} + \binom{1}{-2} = \binom{0}{0}",
        _values(),
    )
    yield Step(
        "At a kink of ReLU the gradient constraint holds for the derivative that PyTorch chooses, relu'(0) = 0, since "
        "both sides are 0 there. The Hessian constraint needs preactivations other than 0.",
    )


def _network() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    passed = symbolic(symbols, (2, 1, 2))

    def outward(s: int, y: Row) -> Row:
        n = range(len(y))
        bend = [sum(symbols(f"Q{min(k, i)}{max(k, i)}") * Dual.of(y[i]).slope for i in n) for k in n]
        return [Dual(symbols(f"r{k}"), bend[k]) for k in n]

    xi = generator(passed.layers, passed.gradients)
    image = hessian_along(passed.layers, xi, passed.inputs, outward, lambda s, layer, j, z: symbols(f"s{layer},{j}"))
    corrected = generator(passed.gradients, passed.layers)
    pairs = [
        (x, -1 * y)
        for a, b in zip(image, corrected, strict=True)
        for x, y in zip(a.entries(), b.entries(), strict=True)
    ]
    pairing = sum(
        x * y for a, b in zip(passed.gradients, xi, strict=True) for x, y in zip(a.entries(), b.entries(), strict=True)
    )
    return equal(symbols, [(pairing, 0), *pairs])


def generator(layers: Layers, _: Layers) -> Layers:
    """``theta_A1 - theta_A2`` of the first neuron of the first hidden layer; of gradients, ``M g``."""
    first, second = layers[:2]
    zero = [Layer([[0 * x for x in row] for row in W], [0 * x for x in b]) for W, b in layers]
    into = Layer([first.weights[0], *zero[0].weights[1:]], [*first.bias[:1], *zero[0].bias[1:]])
    out = Layer(
        [[-1 * row[0], *none[1:]] for row, none in zip(second.weights, zero[1].weights, strict=True)], zero[1].bias
    )
    return [into, out, *zero[2:]]


def _degree(alpha_out: bool = True) -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    w, x = ([symbols(f"{name}{i}") for i in range(3)] for name in "wx")
    v, d = ([symbols(f"{name}{k}") for k in range(2)] for name in "vd")
    b, s, alpha = symbols("b"), symbols("s"), symbols("alpha")
    z = sum((p * q for p, q in zip(w, x, strict=True)), b)
    value = s * z / alpha
    back = s * sum(p * q for p, q in zip(v, d, strict=True))
    incoming = sum((p * (back * q) for p, q in zip(w, x, strict=True)), b * back)
    outgoing = sum(p * (q * value) for p, q in zip(v, d, strict=True))
    return equal(symbols, [(incoming, alpha * outgoing if alpha_out else outgoing)])


def _values() -> Certificate:
    from ...oracles.proofs import add, multiply, power, subtract, symbol, values

    u, w = symbol(0), symbol(1)
    e = subtract(multiply(u, w), 1)
    g = multiply(e, w), multiply(e, u)
    mixed = add(e, multiply(u, w))
    H = (power(w, 2), mixed), (mixed, power(u, 2))
    first = add(multiply(H[0][0], u), multiply(-1, H[0][1], w), g[0])
    second = add(multiply(H[1][0], u), multiply(-1, H[1][1], w), multiply(-1, g[1]))
    found = [(g[0], 1), (g[1], 2), (H[0][0], 1), (H[0][1], 3), (H[1][1], 4), (first, 0), (second, 0)]
    return values((2, 1), [(node, value) for node, value in found])


def table() -> Table:
    """Gradient, Hessian and the constraint at the known point."""
    point = KNOWN_CASE.start
    g = flat(FACTORS.gradient(0, point))
    H = [flat(along(FACTORS, point, unit)) for unit in units(point)]
    xi = [point[0][0], -point[1][0]]
    image = [sum(x * y for x, y in zip(row, xi, strict=True)) for row in H]
    rows = [("g", *map(str, g)), *((f"row {i + 1} of H", *map(str, row)) for i, row in enumerate(H))]
    rows.append(("H (u, -w)", *map(str, image)))
    agrees = g == KNOWN_GRADIENT and H == KNOWN_HESSIAN and image == [-g[0], g[1]]
    return Table("(u w - 1)^2/2 at (2, 1)", ("what", "1", "2"), rows, agrees)


def check_net(net: Net) -> Residual:
    """Both constraints in a network of several layers, exactly."""
    layers, g, image = exact_along(net, generator)
    value, moving = F(0), False
    xi, corrected = generator(layers, g), generator(g, layers)
    pairing = F(0)
    for a, b, c, d in zip(image, corrected, g, xi, strict=True):
        for x, y, slope, along_xi in zip(a.entries(), b.entries(), c.entries(), d.entries(), strict=True):
            value = max(value, abs(x + y))
            pairing += slope * along_xi
            moving = moving or bool(y)
    return Residual(max(value, abs(pairing)), nontrivial=moving)


def check_torch(net: Net, dtype: str) -> Residual:
    """``H xi + M g`` of a torch module, differentiated twice by autograd, entry by entry."""
    layers, g, image = torch_along(net, dtype, generator)
    sized = sized_along(net, generator)
    found: list[Residual] = []
    corrected = generator(g, layers)
    sizes = generator(sized[1], layers)
    for a, b, c, d in zip(image, corrected, sized[2], sizes, strict=True):
        for x, y, m, n in zip(a.entries(), b.entries(), c.entries(), d.entries(), strict=True):
            found.append(rounded(x + y, size_of(m) + size_of(n), 3 * net.roundings, dtype, nontrivial=bool(y)))
    worst = max(found, key=lambda r: r.value / r.bound)
    return replace(worst, nontrivial=any(r.nontrivial for r in found))


def check_without_bias(case: Case) -> Residual:
    """The gradient constraint with a neuron's bias left out."""
    assert isinstance(case.charge, Signed)
    weights = {i: w for i, w in case.charge.weights.items() if i != 1}
    return Residual(abs(Signed(weights).pair(target_of(case).gradient(0, case.start), case.start)))


def hyperbolas(profile: Profile) -> SimulationResult:
    """The loss (u w - 1)^2/2: its level lines are the orbits of the symmetry, gradient flow runs across them.

    Residual: the Hessian constraint at rational points of the orbit, exactly, and nothing else is judged.
    """
    import numpy as np

    count = (9, 17, 33)[profile.effort]
    value = F(0)
    sizes: list[tuple[float, float]] = []
    curvature: list[tuple[float, float]] = []
    orbit: list[tuple[float, float]] = []
    for k in range(count):
        a = F(4 + k, 4 + count - 1 - k)
        u, w = 2 * a, 1 / a
        case = Case(FACTORS, (Vector((u,)), Vector((w,))), KNOWN_CASE.optimizers)
        value = max(value, F(hessian_residual(case).value))
        g = flat(FACTORS.gradient(0, case.start))
        sizes.append((float(a), float(sum(x * x for x in g))))
        curvature.append((float(a), float(u * u + w * w)))
        orbit.append((float(u), float(w)))
    orbit = [point for point in orbit if max(point) <= 4]
    minimum = [(0.25 + 0.125 * k, 1 / (0.25 + 0.125 * k)) for k in range(31)]
    flows: list[Series] = []
    for start in ((3.0, 2.0), (1.0, 3.0), (0.4, 0.1), (2.0, -0.5)):
        point = np.array(start)
        path = [start]
        for _ in range(300):
            e = point[0] * point[1] - 1
            point = point - 0.01 * e * point[::-1]
            path.append((float(point[0]), float(point[1])))
        flows.append(Series(f"flow, u^2 - w^2 = {start[0] ** 2 - start[1] ** 2:.3g}", path))
    picture = Plot(
        "Two families of hyperbolas",
        "u",
        "w",
        (Series("minima, u w = 1", minimum, kind="bound"), Series("an orbit, u w = 2", orbit, kind="points"), *flows),
        caption="The symmetry moves along u w = const, where the loss is constant; gradient flow along "
        "u^2 - w^2 = const.",
    )
    along_orbit = Plot(
        "Steepness along the orbit of (2, 1)",
        "a",
        "at (2 a, 1/a)",
        (Series("|g|^2", sizes), Series("trace of H", curvature)),
        x_scale="log",
        y_scale="log",
        caption="The loss is 1/2 at all these points.",
    )
    return SimulationResult(Residual(value), (picture, along_orbit))


THEOREM = Theorem(
    id="B1.rescale",
    title="Rescale symmetry: gradient, Hessian, noise",
    summary="Around a homogeneous neuron gradients of incoming and outgoing weights balance, and so does curvature.",
    source="arXiv 2012.04728, section 3",
    status="proved",
    hypotheses=(
        "L does not change under theta_A1 -> a theta_A1, theta_A2 -> theta_A2/a for any a > 0; A1 and A2 are disjoint.",
        "L is twice differentiable at theta: for ReLU no preactivation is 0. The gradient constraint needs this not.",
        "For the statement on noise every minibatch loss has the symmetry.",
    ),
    statement=r"\langle g_{A_1}, \theta_{A_1}\rangle = \langle g_{A_2}, \theta_{A_2}\rangle, \qquad "
    r"H(\theta_{A_1} - \theta_{A_2}) + g \odot (1_{A_1} - 1_{A_2}) = 0, \qquad "
    r"\Sigma\,(\theta_{A_1} - \theta_{A_2}) = 0",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        *exact_constraints("rescale", [EXAMPLE]),
        Property(
            name="networks",
            says="Deeper leaky ReLU networks, any number of outputs and samples: both constraints, exactly.",
            arithmetic="rational",
            cases=nets,
            check=check_net,
            examples=[NET],
            share=0.5,
        ),
        *by_autograd(
            "A torch module, differentiated twice by autograd in float64: the Hessian constraint up to rounding.",
            nets,
            check_torch,
            NET,
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            name="hyperbolas",
            says="Orbits of the symmetry and lines of gradient flow; the Hessian constraint holds along an orbit.",
            run=hyperbolas,
        ),
    ),
    mutants=(
        Mutant(
            name="no-gradient-term",
            says="The generator lies in the kernel of the Hessian everywhere.",
            violates=Property(
                "no-gradient-term",
                "H xi = 0",
                "rational",
                points("rescale"),
                lambda case: hessian_residual(case, corrected=False),
                examples=[EXAMPLE],
            ),
        ),
        Mutant(
            name="bias-forgotten",
            says="A neuron's bias need not be rescaled.",
            violates=Property(
                "bias", "without bias", "rational", points("rescale"), check_without_bias, examples=[EXAMPLE]
            ),
        ),
        Mutant(
            name="degree-forgotten",
            says="Activations of any degree have the balance of degree 1.",
            rejects=lambda: _degree(alpha_out=False),
        ),
    ),
)
