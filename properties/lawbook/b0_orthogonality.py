"""B0.orthogonality: gradients are orthogonal to the generators of symmetries, and what that says of the Hessian."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Affine, Vector, affine, find_law
from .._discrete import Case, cases, exact_residual, float_residual, judged
from .._dual import along, units
from .._identities import network_case, plain
from .._profiles import Profile
from .._symmetric import LINEAR, OTHERS, QUADRATIC, Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from ...oracles.certificates import Certificate

F = Fraction
LAW = find_law("orthogonality")
EVERY = (*QUADRATIC, *LINEAR, *OTHERS)
QUOTIENT = Target("scale", (2,), ((F(1), F(-1), F(0)),), (2,))
"""The loss (w1^2 - w2^2) / (w1^2 + w2^2)."""
KNOWN_CASE = Case(QUOTIENT, (Vector((1, 2)),), (SGD(lr=F(1, 2)),))
KNOWN_GRADIENT = (F(16, 25), F(-8, 25))
KNOWN_HESSIAN = ((F(16, 125), F(-48, 125)), (F(-48, 125), F(44, 125)))


def field(case: Case) -> tuple[Vector, ...]:
    """``xi(theta)``, coordinate by coordinate."""
    values = iter([case.charge.pair(unit, case.start) for unit in units(case.start)])
    return tuple(Vector(next(values) for _ in tensor) for tensor in case.start)


def derivation() -> Iterator[Step]:
    """Differentiate in the parameter of the group, then in theta."""
    yield Step(
        "L is constant along the orbit a -> psi_a(theta). Its derivative at a = 0 is the chain rule.",
        r"0 = \tfrac{d}{da} L(\psi_a(\theta))\big|_0 = \langle\nabla L(\theta), \xi(\theta)\rangle",
    )
    yield Step(
        "This holds at every theta, so it may be differentiated in theta. To first order in a displacement d, the "
        "gradient is g + H d and an affine generator is xi + M d; the part of their product that is linear in d is "
        "<d, H xi + M^T g>. Checked for three coordinates with free g, H, M, xi and d; M need not be symmetric.",
        r"\langle g + Hd,\, \xi + Md\rangle = \langle g, \xi\rangle + \langle d,\, H\xi + M^\top g\rangle + "
        r"\langle Hd, Md\rangle",
        _first_order(),
    )
    yield Step(
        "The linear part vanishes for every d. Only for a constant generator is this H xi = 0.",
        r"H(\theta)\,\xi(\theta) + J_\xi(\theta)^\top \nabla L(\theta) = 0",
    )
    yield Step(
        "A linear action: differentiate L(g theta) = L(theta) in theta.",
        r"g^\top \nabla L(g\theta) = \nabla L(\theta)",
    )
    yield Step(
        "On one loss with all symbols free: |U V^T - Y|^2/2 with U and V of two columns, xi = (U A, -V A^T) for any A. "
        "The code that computes the gradients below runs on the symbols.",
        r"\langle \nabla_U L, U A\rangle - \langle\nabla_V L, V A^\top\rangle = 0",
        _product(),
    )
    yield Step(
        "And on a quotient that is constant along rays, f(w) = (a w1^2 + 2 b w1 w2 + c w2^2)/|w|^2 with xi = w.",
        r"\langle\nabla f(w), w\rangle = 0",
        _quotient(),
    )


def _first_order() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    n = range(3)
    g, xi, d = ([symbols(f"{name}{i}") for i in n] for name in ("g", "xi", "d"))
    H = [[symbols(f"H{min(i, j)}{max(i, j)}") for j in n] for i in n]
    M = [[symbols(f"M{i}{j}") for j in n] for i in n]

    def apply(matrix: Any, x: Any) -> list[Any]:
        return [sum(matrix[i][j] * x[j] for j in n) for i in n]

    def dot(x: Any, y: Any) -> Any:
        return sum(a * b for a, b in zip(x, y, strict=True))

    Hd, Md = apply(H, d), apply(M, d)
    left = dot([a + b for a, b in zip(g, Hd, strict=True)], [a + b for a, b in zip(xi, Md, strict=True)])
    transposed = [[M[j][i] for j in n] for i in n]
    linear = [a + b for a, b in zip(apply(H, xi), apply(transposed, g), strict=True)]
    return equal(symbols, [(left, dot(g, xi) + dot(d, linear) + dot(Hd, Md))])


def _product() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    data: Any = tuple(symbols(f"y{i}") for i in range(2))
    generator: Any = tuple(symbols(f"a{i}") for i in range(4))
    target = Target("general", (2, 4), (data,), (1, 2, 2), generator)
    point = [[symbols(f"u{i}") for i in range(2)], [symbols(f"v{i}") for i in range(4)]]
    gradient = target.tree_gradient(0, point)
    pairing = target.charge.pair(tuple(map(Vector, gradient)), tuple(map(Vector, point)))
    return equal(symbols, [(pairing, 0)])


def _quotient() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    data: Any = (symbols("a"), symbols("c"), symbols("b"))
    w = [symbols("w1"), symbols("w2")]
    gradient = Target("scale", (2,), (data,), (2,)).tree_gradient(0, [w])[0]
    return equal(symbols, [(gradient[0] * w[0] + gradient[1] * w[1], 0)])


def table() -> Table:
    """Gradient, Hessian and Hessian times w of the known example."""
    g = QUOTIENT.gradient(0, KNOWN_CASE.start)[0]
    rows_of_h = [along(QUOTIENT, KNOWN_CASE.start, unit)[0] for unit in units(KNOWN_CASE.start)]
    Hw = along(QUOTIENT, KNOWN_CASE.start, KNOWN_CASE.start)[0]
    rows = [("g", *map(str, g)), *((f"row {i + 1} of H", *map(str, r)) for i, r in enumerate(rows_of_h))]
    rows.append(("H w, which is -g", *map(str, Hw)))
    agrees = g.entries == KNOWN_GRADIENT and tuple(r.entries for r in rows_of_h) == KNOWN_HESSIAN and Hw == -g
    return Table("f(w) = (w1^2 - w2^2)/(w1^2 + w2^2) at w = (1, 2)", ("what", "1", "2"), rows, agrees)


def check_hessian(case: Case) -> Residual:
    """``H xi + M^T g``, exactly, by dual numbers."""
    assert isinstance(case.target, Target)
    g, Hxi = case.target.gradient(0, case.start), along(case.target, case.start, field(case))
    pulled = [case.charge.form(g, unit) for unit in units(case.start)]  # <g, M e_i>
    entries = [x for tensor in Hxi for x in tensor]
    value = max(abs(x + y) for x, y in zip(entries, pulled, strict=True))
    return Residual(value, nontrivial=any(x for tensor in g for x in tensor))


def check_constant(case: Case) -> Residual:
    """The wrong statement ``H xi = 0``."""
    assert isinstance(case.target, Target)
    return Residual(max(abs(x) for tensor in along(case.target, case.start, field(case)) for x in tensor))


def check_symmetric(case: Case) -> Residual:
    """The wrong statement ``H xi + M g = 0``, which assumes that M is symmetric."""
    assert isinstance(case.target, Target)
    g, Hxi = case.target.gradient(0, case.start), along(case.target, case.start, field(case))
    pushed = [case.charge.form(unit, g) for unit in units(case.start)]
    entries = [x for tensor in Hxi for x in tensor]
    return Residual(max(abs(x + y) for x, y in zip(entries, pushed, strict=True)))


def check_action(case: Case) -> Residual:
    """``g^T grad L(g theta) = grad L(theta)`` for a finite element of the group."""
    target, c = case.target, F(3, 2)
    assert isinstance(target, Target)
    factors = {"rescale": (c, c, 1 / c), "scale": (c,), "symmetric": (c, 1 / c)}[target.family]
    moved = tuple(factor * tensor for factor, tensor in zip(factors, case.start, strict=True))
    there, here = target.gradient(0, moved), target.gradient(0, case.start)
    off = [factor * a - b for factor, a, b in zip(factors, there, here, strict=True)]
    return Residual(max(abs(x) for v in off for x in v), nontrivial=any(x for v in here for x in v))


def check_without_bias(case: Case) -> Residual:
    """A neuron whose bias is not scaled with its weights."""
    from ...oracles.dynamics import Signed

    assert isinstance(case.charge, Signed)
    weights = {i: w for i, w in case.charge.weights.items() if i != 1}
    return Residual(abs(Signed(weights).pair(case.target.gradient(0, case.start), case.start)))


def drawn(*families: Any) -> Any:
    """Cases of one step."""
    return lambda: cases(plain(1), *families, steps=1)


def training(profile: Profile) -> SimulationResult:
    """The angle between gradient and generator while a network is trained, for its symmetry and for two that it lacks.

    Residual and bound: the worst step in float64 (see ``properties/_discrete.py``).
    """
    import numpy as np

    steps = (40, 150, 600)[profile.effort]
    case = network_case((SGD(lr=F(1, 32)),) * steps)
    charge = case.charge
    assert isinstance(charge, Affine)
    from .._discrete import bounded, float_run, windows

    moments = bounded(float_run(case, "numpy"))
    found = [judged(LAW, w, charge, case.target, "float64") for w in windows(LAW, moments, charge)]
    incoming = Affine({pair: value for pair, value in charge.matrix.items() if value > 0})
    size = len(case.start[0])
    doubled = affine([[int(i == j and (i, i) in charge.matrix) for j in range(size)] for i in range(size)])
    curves: list[Series] = []
    for label, chosen in (("the symmetry", charge), ("incoming weights only", incoming), ("both sides up", doubled)):
        points: list[tuple[float, float]] = []
        for moment in moments[:-1]:
            assert moment.gradients is not None
            g, theta = moment.gradients[0], moment.parameters[0]
            assert g is not None
            image = np.zeros(size)
            for (i, j), value in chosen.matrix.items():
                image[i] += float(value) * theta[j]
            norms = float(np.linalg.norm(g) * np.linalg.norm(image))
            if norms:
                points.append((float(moment.index), abs(float(g @ image)) / norms + 2.0**-60))
        curves.append(Series(label, points, kind="points" if chosen is charge else "line"))
    plot = Plot(
        "A gradient does not see the symmetry, at any step of training",
        "step",
        "|cos| of the angle between gradient and generator",
        curves,
        y_scale="log",
        caption="One hidden ReLU neuron with its bias. Scaling its incoming weights up and its outgoing weights down "
        "is a symmetry; scaling one side only, or both sides up, is not.",
    )
    worst_one = max(found, key=lambda r: r.value / r.bound)
    return SimulationResult(worst_one, (plot,))


THEOREM = Theorem(
    id="B0.orthogonality",
    title="Gradients are orthogonal to generators of symmetries",
    summary="If a loss does not change along a one-parameter group, its gradient is orthogonal to the group's field.",
    source="arXiv 2012.04728 section 3; arXiv 2210.17216 Prop. 1.4 and 2.1; derived",
    status="proved",
    hypotheses=(
        "L is differentiable at theta, psi_0 is the identity and L(psi_a(theta)) = L(theta) for a near 0.",
        "xi(theta) is the derivative of psi_a(theta) in a at 0; for the second identity L is C^2 and xi is C^1.",
    ),
    statement=r"\langle\nabla L(\theta), \xi(\theta)\rangle = 0, \qquad "
    r"H(\theta)\,\xi(\theta) + J_\xi(\theta)^\top\nabla L(\theta) = 0",
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="exact",
            says="Exact gradients of random losses with a symmetry are orthogonal to its generator.",
            arithmetic="rational",
            cases=lambda: cases(plain(2), *EVERY, steps=2),
            check=lambda case: exact_residual((LAW,), case),
            examples=[KNOWN_CASE],
        ),
        Property(
            name="hessian",
            says="H xi + M^T g is exactly 0, the Hessian taken by dual numbers.",
            arithmetic="rational",
            cases=drawn(*EVERY),
            check=check_hessian,
            examples=[KNOWN_CASE],
        ),
        Property(
            name="finite-action",
            says="At a point moved by the group, the gradient is moved by the inverse transpose.",
            arithmetic="rational",
            cases=drawn(*QUADRATIC),
            check=check_action,
            examples=[KNOWN_CASE],
            share=0.5,
        ),
        Property(
            name="float64",
            says="Gradients in float64: the pairing stays within gamma(n) times the sum of its absolute terms.",
            arithmetic="float64",
            cases=lambda: cases(plain(2), *EVERY, steps=2),
            check=lambda case: float_residual((LAW,), case, "numpy"),
            share=0.5,
        ),
    ),
    simulations=(
        Simulation(
            name="training",
            says="Along a run the pairing with the generator stays at rounding; with similar fields it does not.",
            run=training,
        ),
    ),
    mutants=(
        Mutant(
            name="constant-generator",
            says="H xi = 0 for every symmetry, as for translations.",
            violates=Property(
                "constant", "H xi = 0", "rational", drawn("scale"), check_constant, examples=[KNOWN_CASE]
            ),
        ),
        Mutant(
            name="symmetric-matrix",
            says="H xi + M g = 0: M is taken to be symmetric.",
            violates=Property("symmetric", "H xi + M g = 0", "rational", drawn("general"), check_symmetric),
        ),
        Mutant(
            name="bias-forgotten",
            says="The bias of a ReLU neuron need not be scaled.",
            violates=Property("bias-forgotten", "without bias", "rational", drawn("rescale"), check_without_bias),
        ),
    ),
)
