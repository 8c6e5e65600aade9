"""B7.grasp: scores made of the Hessian times the gradient are not conserved, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from .._dual import Dual
from .._layered import (
    Layers,
    Net,
    Row,
    nets,
    neurons,
    products,
    random_net,
    rounded,
    size_of,
    symbolic,
)
from .._layered_hessian import exact_along, hessian_along, sized_along, torch_along
from .._profiles import Profile
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
EXAMPLE = Net(
    widths=(2, 2, 2),
    weights=((F(1), F(-2), F(3), F(1)), (F(1), F(2), F(-1), F(3))),
    biases=((F(3), F(-1)), (F(1), F(1))),
    leak=F(1, 4),
    inputs=((F(2), F(1)),),
    linear=((F(1), F(-1)),),
    curvature=F(1),
)
NEURON = Net((1, 1, 1), ((F(2),), (F(1),)), ((), ()), F(0), ((F(1),),), ((F(-1),),), F(1))
"""R = (v w)^2/2 - v w at w = 2, v = 1."""


def derivation() -> Iterator[Step]:
    """The Hessian constraint, paired with the gradient."""
    yield Step(
        "B0.orthogonality for the rescaling of one neuron, xi = (theta_in, -theta_out): its matrix M has 1 on incoming "
        "weights, -1 on outgoing ones and 0 elsewhere.",
        r"H\xi + M g = 0",
    )
    yield Step(
        "Pair it with g. H is symmetric, so the first term is the pairing of H g with xi, the difference of the two "
        "sums of scores. Checked for four coordinates with free g, H, M and theta.",
        r"\langle Hg, M\theta\rangle + \langle g, Mg\rangle = \langle g,\, H M\theta + M g\rangle",
        _paired(),
    )
    yield Step(
        "So the scores would be conserved only where incoming and outgoing gradients are of equal length.",
        r"\sum_{\mathrm{in}} (Hg)\theta - \sum_{\mathrm{out}} (Hg)\theta = "
        r"-\bigl(|g_{\mathrm{in}}|^2 - |g_{\mathrm{out}}|^2\bigr)",
    )
    yield Step(
        "The whole statement on a network of widths 2-1-2 with bias: R is any function of the outputs, its first and "
        "second derivatives are free symbols, and the backward pass runs on dual numbers of free symbols.",
        r"R = R(y), \quad \partial R/\partial y_k = r_k, \quad \partial^2 R/\partial y_k \partial y_l = Q_{kl}",
        _network(),
    )


def _paired() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols, n = Symbols(), range(4)
    g, m, theta = ([symbols(f"{name}{i}") for i in n] for name in ("g", "m", "t"))
    H = [[symbols(f"H{min(i, j)}{max(i, j)}") for j in n] for i in n]
    left = sum(H[i][j] * g[j] * m[i] * theta[i] for i in n for j in n) + sum(g[i] * m[i] * g[i] for i in n)
    right = sum(g[i] * (sum(H[i][j] * m[j] * theta[j] for j in n) + m[i] * g[i]) for i in n)
    return equal(symbols, [(left, right)])


def _network(sign: int = -1) -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    passed = symbolic(symbols, (2, 1, 2))

    def outward(s: int, y: Row) -> Row:
        n = range(len(y))
        bend = [sum(symbols(f"Q{min(k, i)}{max(k, i)}") * Dual.of(y[i]).slope for i in n) for k in n]
        return [Dual(symbols(f"r{k}"), bend[k]) for k in n]

    Hg = hessian_along(
        passed.layers, passed.gradients, passed.inputs, outward, lambda s, layer, j, z: symbols(f"s{layer},{j}")
    )
    scores, squares = products(Hg, passed.layers), products(passed.gradients, passed.gradients)
    return equal(
        symbols,
        [(a - b, sign * (c - d)) for (a, b), (c, d) in zip(neurons(scores), neurons(squares), strict=True)],
    )


def _conserved() -> Certificate:
    """R = (v w)^2/2 - v w at (2, 1): the score of w minus that of v is not 0.

    With e = v w - 1: g = (e v, e w), and the Hessian has the rows (v^2, e + v w), (e + v w, w^2).
    """
    from ...oracles.proofs import add, multiply, power, subtract, symbol, values

    w, v = symbol(0), symbol(1)
    e = subtract(multiply(v, w), 1)
    mixed = add(e, multiply(v, w))
    first = add(multiply(power(v, 2), e, v), multiply(mixed, e, w))
    second = add(multiply(mixed, e, v), multiply(power(w, 2), e, w))
    return values((2, 1), [(subtract(multiply(first, w), multiply(second, v)), 3)])


def scores_and_squares(net: Net) -> tuple[Layers, Layers]:
    """``(H g) theta`` and ``g^2``, exactly."""
    layers, g, Hg = exact_along(net, lambda layers, g: g)
    return products(Hg, layers), products(g, g)


def table() -> Table:
    """The neurons of two examples."""
    rows: list[tuple[str, ...]] = []
    agrees = True
    for net in (NEURON, EXAMPLE):
        scores, squares = scores_and_squares(net)
        for j, ((a, b), (c, d)) in enumerate(zip(neurons(scores), neurons(squares), strict=True)):
            rows.append(("-".join(map(str, net.widths)), str(j + 1), str(a), str(b), str(a - b), str(c - d)))
            agrees = agrees and a - b == d - c
    columns = ("network", "neuron", "in", "out", "in - out", "|g_in|^2 - |g_out|^2")
    return Table("Scores (H g) theta around hidden neurons", columns, rows, agrees)


def check(net: Net, factor: int = -1) -> Residual:
    """The difference of the sums against ``factor`` times that of the squared gradients, exactly."""
    scores, squares = scores_and_squares(net)
    pairs = list(zip(neurons(scores), neurons(squares), strict=True))
    return Residual(
        max(abs(a - b - factor * (c - d)) for (a, b), (c, d) in pairs), nontrivial=any(c != d for _, (c, d) in pairs)
    )


def check_torch(net: Net, dtype: str) -> Residual:
    """Both sides from autograd's gradient and its product with the Hessian, evaluated exactly."""
    layers, g, Hg = torch_along(net, dtype, lambda layers, g: g)
    scores, squares = products(Hg, layers), products(g, g)
    sized_layers, sized_g, sized_Hg = sized_along(net, lambda layers, g: g)
    sizes = zip(*map(neurons, (products(sized_Hg, sized_layers), products(sized_g, sized_g))), strict=True)
    worst: list[Residual] = []
    for (a, b), (c, d), (m, n) in zip(neurons(scores), neurons(squares), sizes, strict=True):
        terms = sum(map(size_of, (*m, *n)))
        worst.append(rounded(a - b + c - d, terms, 3 * net.roundings, dtype, nontrivial=c != d))
    return replace(max(worst, key=lambda r: r.value / r.bound), nontrivial=any(r.nontrivial for r in worst))


def scatter(profile: Profile) -> SimulationResult:
    """The neurons of a random network: scores do not balance, but the defect is known.

    Residual: exact rational arithmetic, 0.
    """
    width = (5, 8, 16)[profile.effort]
    net = random_net((4, width, width, 2), samples=2)
    scores, squares = scores_and_squares(net)
    found = [(a, b, c - d) for (a, b), (c, d) in zip(neurons(scores), neurons(squares), strict=True)]
    value = max(abs(a - b + c) for a, b, c in found)
    balance = [(float(a), float(b)) for a, b, _ in found]
    low, high = min(map(min, balance)), max(map(max, balance))
    unbalanced = Plot(
        "Scores (H g) theta are not passed on",
        "sum over what comes in",
        "sum over what goes out",
        (Series("in = out", [(low, low), (high, high)]), Series("neurons", balance, kind="points")),
        caption=f"The {2 * width} hidden neurons of a random ReLU network.",
    )
    defects = [(float(-c), float(a - b)) for a, b, c in found]
    ends = min(x for x, _ in defects), max(x for x, _ in defects)
    known = Plot(
        "What is missing is the difference of squared gradients",
        "|g_out|^2 - |g_in|^2",
        "in - out",
        (Series("equal", [(x, x) for x in ends]), Series("neurons", defects, kind="points")),
        caption="The same neurons, computed over the rationals: all points are exactly on the line.",
    )
    return SimulationResult(Residual(value), (unbalanced, known))


def _case(check_it: Callable[[Net], Residual], name: str) -> Property:
    return Property(name, name, "rational", nets, check_it, examples=[EXAMPLE])


THEOREM = Theorem(
    id="B7.grasp",
    title="Second-order scores are not conserved",
    summary="Scores (H g) theta leave a neuron with a defect: the difference of its squared outgoing and incoming "
    "gradients.",
    source="derived; the score is that of arXiv 2002.07376",
    status="proved",
    hypotheses=(
        "As in B7.neuron; R is twice differentiable in the outputs and no preactivation is 0.",
        "The bias of a neuron counts as incoming.",
    ),
    statement=r"\sum_{\mathrm{in}} (Hg)\,\theta - \sum_{\mathrm{out}} (Hg)\,\theta = "
    r"-\bigl(|g_{\mathrm{in}}|^2 - |g_{\mathrm{out}}|^2\bigr)",
    assumes=("B0.orthogonality", "B7.neuron"),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="Hessians by exact dual numbers: the defect is the stated one at every hidden neuron.",
            arithmetic="rational",
            cases=nets,
            check=check,
            examples=[EXAMPLE, NEURON],
            share=0.5,
        ),
        *(
            Property(
                name=f"torch-{dtype}",
                says=f"Double backward through a torch module in {dtype}: the stated defect up to rounding.",
                arithmetic=dtype,
                cases=nets,
                check=partial(check_torch, dtype=dtype),
                examples=[EXAMPLE],
                share=0.25,
            )
            for dtype in ("float64", "float32")
        ),
    ),
    simulations=(
        Simulation(
            name="scatter", says="In a random network no neuron balances, and every defect is known.", run=scatter
        ),
    ),
    mutants=(
        Mutant(
            name="conserved",
            says="The scores (H g) theta are conserved at every neuron.",
            violates=_case(lambda net: check(net, 0), "conserved"),
        ),
        Mutant(
            name="one-neuron",
            says="They are conserved by (v w)^2/2 - v w at w = 2, v = 1.",
            refutes=_conserved,
        ),
        Mutant(name="wrong-sign", says="The defect has the other sign.", rejects=lambda: _network(1)),
    ),
)
