"""B1.scale: what invariance under a rescaling of some parameters says of gradient, Hessian and noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Sized, Vector, rational_root
from .._constraints import exact_constraints, field, flat, hessian_residual, points, target_of
from .._discrete import Case
from .._dual import Dual
from .._layered import rounded, size_of
from .._layered_torch import exact, torch_module
from .._profiles import Profile
from .._symmetric import Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
QUOTIENT = Target("scale", (2,), ((F(1), F(-1), F(0)), (F(0), F(1), F(2)), (F(2), F(1), F(-1))), (2,))
"""The loss (w1^2 - w2^2)/|w|^2, and two more."""
EXAMPLE = Case(QUOTIENT, (Vector((1, 2)),), (SGD(lr=F(1, 2)),) * 3)


@dataclass(frozen=True, slots=True)
class Normalised:
    """A neuron before a batch normalisation; R = sum_s rho_s v_s of the normalised values v."""

    weights: tuple[Fraction, ...]
    inputs: tuple[tuple[Fraction, ...], ...]
    slopes: tuple[Fraction, ...]
    eps: Fraction


BATCH = Normalised((F(3),), ((F(1),), (F(-1),)), (F(1), F(0)), F(16))
"""The case T7 of the theory: the score w g of its weight is 48/125."""
KNOWN_SCORE = F(48, 125)


def derivation() -> Iterator[Step]:
    """Differentiate the invariance; then two kinds of networks."""
    yield Step(
        "L(a theta_A, rest) = L(theta_A, rest) for a > 0. The derivative in a at 1 is the gradient constraint. Its "
        "derivative in theta has a second term, for theta_A occurs in it.",
        r"\langle g, \theta_A\rangle = 0 \ \Rightarrow\ H\theta_A + g \odot 1_A = 0",
    )
    yield Step(
        "Where w1 is not 0 such a loss is a function of the ratios w_i/w1 and of the other parameters. For every such "
        "function, with free first and second derivatives, three scaled weights and one other parameter: both "
        "constraints, entry by entry.",
        r"L = f\!\left(\frac{w_2}{w_1}, \frac{w_3}{w_1}, v\right)",
        _ratios(),
    )
    yield Step(
        "Batch normalisation over three samples, with the standard deviation as a symbol sd: the derivative along w "
        "itself, for any loss behind it, is a multiple of sd^2 - var - eps plus a term with eps. At eps = 0 it is 0.",
        r"\langle g, w\rangle\, sd^3 = \varepsilon \sum_s \rho_s c_s + (sd^2 - \mathrm{var} - \varepsilon)"
        r"\sum_s \rho_s c_s",
        _normalisation(),
    )
    yield Step(
        "Per-sample gradients are orthogonal to theta_A as well: their covariance maps theta_A to 0. Along gradient "
        "flow |theta_A|^2 is constant, and at a critical point a whole ray is flat.",
        r"\Sigma\,\theta_A = 0, \qquad \tfrac{d}{dt}|\theta_A|^2 = -2\langle g, \theta_A\rangle = 0",
    )


def _ratios() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    w, v = [symbols(f"w{i}") for i in range(3)], symbols("v")
    n = range(3)

    def gradient(point: Sequence[Any]) -> list[Any]:
        """Of f at (w1, w2, w3, v) on dual numbers."""
        first, *rest, other = point
        y = [x / first for x in rest] + [other]
        f = [Dual(symbols(f"f{k}"), sum(symbols(f"F{min(k, i)}{max(k, i)}") * y[i].slope for i in n)) for k in n]
        back = [f[k] / first for k in range(2)]
        return [Dual(0, 0) - (back[0] * y[0] + back[1] * y[1]), *back, f[2]]

    found = gradient([*(Dual(x, x) for x in w), Dual(v, 0)])
    pairing = sum(x * d.value for x, d in zip(w, found, strict=False))
    return equal(symbols, [(pairing, 0), *((d.slope, -d.value) for d in found[:3]), (found[3].slope, 0)])


def _normalisation(with_eps: bool = True) -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    rho: list[Any] = [symbols(f"r{s}") for s in range(3)]
    w: list[Any] = [symbols(f"w{i}") for i in range(2)]
    sd, eps, third = symbols("sd"), symbols("eps"), F(1, 3)
    rows: list[list[Any]] = [[symbols(f"x{s}{i}") for i in range(2)] for s in range(3)]
    z = [_dot(row, [Dual(v, v) for v in w]) for row in rows]
    c = [x - (z[0] + z[1] + z[2]) * third for x in z]
    var = _dot(c, c) * third
    deviation = Dual(sd, var.slope / (2 * sd))
    score = _dot(rho, [(x / deviation).slope for x in c])
    arriving = _dot(rho, [x.value for x in c])
    right = (sd * sd - var.value) * arriving if with_eps else (sd * sd - var.value - eps) * arriving
    return equal(symbols, [(score * sd**3, right)])


def _dot(x: Sequence[Any], y: Sequence[Any]) -> Any:
    total = x[0] * y[0]
    for a, b in zip(x[1:], y[1:], strict=True):
        total = total + a * b
    return total


def table() -> Table:
    """Both constraints at the known point, and what eps leaves in the case T7."""
    target, w = QUOTIENT, EXAMPLE.start
    from .._dual import along

    g, Hw = flat(target.gradient(0, w)), flat(along(target, w, field(EXAMPLE)))
    sd = F(5)  # the root of 3^2 + 16
    score = BATCH.eps * 3 / sd**3
    rows = [("g", *map(str, g)), ("H w", *map(str, Hw)), ("w g with eps = 16 (T7)", str(score), "")]
    agrees = g == [F(16, 25), F(-8, 25)] and Hw == [-x for x in g] and score == KNOWN_SCORE
    return Table("(w1^2 - w2^2)/|w|^2 at (1, 2)", ("what", "1", "2"), rows, agrees)


def batches() -> SearchStrategy[Normalised]:
    """Two inputs, three samples that do not all coincide."""
    from hypothesis import strategies as st

    from ..strategies import matrices, vectors

    def build(
        w: tuple[Fraction, ...], x: tuple[tuple[Fraction, ...], ...], rho: tuple[Fraction, ...], eps: Fraction
    ) -> Normalised:
        return Normalised(w, x, rho, eps)

    return st.builds(
        build,
        vectors(2, size=4, denominator=3, nonzero=True),
        matrices(3, 2, size=4, denominator=3),
        vectors(3, nonzero=True),
        st.sampled_from([F(1, 2**16), F(1), F(16)]),
    )


def sized_scores(case: Normalised) -> tuple[float, float]:
    """The sums of the absolute terms of ``<g, w>`` and of the defect, from the gradient through a normalisation."""
    w = [Sized.of(float(x)) for x in case.weights]
    x = [[Sized.of(float(v)) for v in row] for row in case.inputs]
    n, eps = len(x), float(case.eps)
    z = [_dot(w, row) for row in x]
    ones = [Sized.of(1.0)] * n
    c = [v - _dot(z, ones) * (1 / n) for v in z]
    sd = (_dot(c, c) * (1 / n) + eps).sqrt()
    v = [a / sd for a in c]
    rho = [Sized.of(float(r)) for r in case.slopes]
    mean, with_v = _dot(rho, ones) * (1 / n), _dot(rho, v) * (1 / n)
    back = [(r - mean - a * with_v) / sd for r, a in zip(rho, v, strict=True)]
    score = _dot(w, [_dot(back, [row[i] for row in x]) for i in range(len(w))])
    return size_of(score), size_of(_dot(rho, c) * eps / (sd * sd * sd))


def check_torch(case: Normalised) -> Residual:
    """``<g, w> = eps sum rho c / sd^3`` for torch's batch normalisation in training mode.

    torch asks for eps > 0; at eps = 0 this is the gradient constraint. The right side is found from the stored numbers
    with a root of 256 binary digits.
    """
    torch = torch_module()
    w = torch.tensor([float(v) for v in case.weights], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[float(v) for v in row] for row in case.inputs], dtype=torch.float64)
    eps = float(case.eps)
    values = torch.nn.functional.batch_norm((x @ w)[:, None], None, None, training=True, eps=eps)[:, 0]
    (values * torch.tensor([float(r) for r in case.slopes], dtype=torch.float64)).sum().backward()
    stored: list[Fraction] = exact(w)
    score = _dot(stored, exact(w.grad))
    z = [_dot(stored, row) for row in exact(x)]
    c = [v - sum(z) / len(z) for v in z]
    sd = rational_root(_dot(c, c) / len(c) + case.eps, 256)
    defect = case.eps * _dot([F(float(r)) for r in case.slopes], c) / sd**3
    roundings = 12 * len(case.inputs) + 4 * len(case.weights) + 40
    return rounded(score - defect, sum(sized_scores(case)), roundings, "float64", nontrivial=any(c))


def check_torch_hessian(case: Case) -> Residual:
    """``H w + g`` of the quotient w^T A w/|w|^2 by autograd, differentiated twice."""
    torch = torch_module()
    target, n = target_of(case), len(case.start[0])
    batch = [float(x) for x in target.batches[0]]
    A = torch.diag(torch.tensor(batch[:n], dtype=torch.float64))
    for i, b in enumerate(batch[n:]):
        A[i, i + 1] = A[i + 1, i] = b
    w = torch.tensor([float(x) for x in case.start[0]], dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(w @ A @ w / (w @ w), w, create_graph=True)
    (image,) = torch.autograd.grad((g * w.detach()).sum(), w)
    dual = [[Dual(Sized.of(x), Sized.of(x)) for x in w.tolist()]]
    data: Any = tuple(Dual(Sized.of(x), Sized.of(0.0)) for x in batch)
    sizes = Target("scale", target.sizes, (data,), target.shape).tree_gradient(0, dual)[0]
    found = [
        rounded(a + b, size_of(d.slope) + size_of(d.value), 4 * target.roundings + 40, "float64", nontrivial=bool(b))
        for a, b, d in zip(exact(image), exact(g), sizes, strict=True)
    ]
    return max(found, key=lambda r: r.value / r.bound)


def rays(profile: Profile) -> SimulationResult:
    """The size of the gradient along a ray, and the norm of w under SGD.

    Residual: exact constraints at points of the ray; 0.
    """
    import numpy as np

    count = (5, 9, 17)[profile.effort]
    scales = [F(2) ** (k - count // 2) for k in range(count)]
    value = F(0)
    sizes: list[tuple[float, float]] = []
    for a in scales:
        case = Case(QUOTIENT, (EXAMPLE.start[0] * a,), EXAMPLE.optimizers)
        value = max(value, F(hessian_residual(case).value))
        g = flat(QUOTIENT.gradient(0, case.start))
        sizes.append((float(a), float(sum(x * x for x in g)) ** 0.5))
    first = sizes[0]
    slope = Plot(
        "The gradient of a scale-invariant loss is inversely proportional to the length of the weights",
        "factor a",
        "|g(a w)|",
        (Series("exact", sizes, kind="points"), Series("1/a", [(a, first[1] * first[0] / a) for a, _ in sizes])),
        x_scale="log",
        y_scale="log",
        caption="This is what the term g in H w + g = 0 says.",
    )
    curves: list[Series] = []
    for eta in (0.5, 0.25, 0.1):
        w = np.array([1.0, 2.0])
        points_ = [(0.0, float(w @ w))]
        for k in range(40):
            w = w - eta * QUOTIENT.gradient(k, (w,))[0]
            points_.append((float(k + 1), float(w @ w)))
        curves.append(Series(f"eta = {eta}", points_))
    growth = Plot(
        "Steps that are orthogonal to the weights can only lengthen them",
        "step",
        "|w|^2",
        curves,
        caption="SGD without decay on three losses in turn; gradient flow would keep |w|^2 at 5.",
    )
    return SimulationResult(Residual(value), (slope, growth))


def eps_check(triple: tuple[int, int, int]) -> Residual:
    """The score w g of a weight before a normalisation with eps, inputs 1 and -1, as if eps did not matter."""
    w, root_of_eps, sd = triple
    return Residual(abs(F(w * root_of_eps**2, sd**3)))


def triples() -> SearchStrategy[tuple[int, int, int]]:
    """Pythagorean triples."""
    from hypothesis import strategies as st

    return st.sampled_from([(3, 4, 5), (4, 3, 5), (5, 12, 13), (12, 5, 13), (8, 15, 17)])


def first_block_only(case: Case) -> Residual:
    """The gradient constraint for a part of the scaled weights."""
    g = flat(target_of(case).gradient(0, case.start))
    return Residual(abs(g[0] * case.start[0][0]))


THEOREM = Theorem(
    id="B1.scale",
    title="Scale symmetry: gradient, Hessian, noise",
    summary="In front of a normalisation the gradient is orthogonal to the weights, and the Hessian maps them to -g.",
    source="arXiv 2012.04728, section 3",
    status="proved",
    hypotheses=(
        "L does not change when theta_A is multiplied by any a > 0; theta_A is not 0. A normalisation has eps = 0.",
        "L is twice differentiable at theta; for the statement on noise every minibatch loss has the symmetry.",
    ),
    statement=r"\langle g, \theta_A\rangle = 0, \qquad H\theta_A + g \odot 1_A = 0, \qquad "
    r"\Sigma\,\theta_A = 0, \qquad |\theta_A|^2 \text{ is constant along gradient flow}",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        *exact_constraints("scale", [EXAMPLE]),
        Property(
            name="torch-batch-norm",
            says="A weight vector in front of torch's batch normalisation: <g, w> is the term with eps, to rounding.",
            arithmetic="float64",
            cases=batches,
            check=check_torch,
            examples=[BATCH],
            share=0.25,
        ),
        Property(
            name="torch-hessian",
            says="A quotient differentiated twice by autograd: H w + g vanishes up to rounding.",
            arithmetic="float64",
            cases=points("scale"),
            check=check_torch_hessian,
            examples=[EXAMPLE],
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            name="rays", says="Along a ray the gradient shrinks like 1/a, and SGD lengthens the weights.", run=rays
        ),
    ),
    mutants=(
        Mutant(
            name="no-gradient-term",
            says="H theta_A = 0, as for translations.",
            violates=Property(
                "no-gradient-term",
                "H w = 0",
                "rational",
                points("scale"),
                lambda case: hessian_residual(case, corrected=False),
                examples=[EXAMPLE],
            ),
        ),
        Mutant(
            name="part-of-the-weights",
            says="A part of the normalised weights is orthogonal to its gradient.",
            violates=Property("part", "one weight", "rational", points("scale"), first_block_only, examples=[EXAMPLE]),
        ),
        Mutant(
            name="eps",
            says="The eps of a normalisation does not matter.",
            violates=Property("eps", "with eps", "rational", triples, eps_check, examples=[(3, 4, 5)]),
        ),
        Mutant(
            name="eps-twice",
            says="The defect of a normalisation with eps is 0 once sd^2 = var + eps.",
            rejects=lambda: _normalisation(with_eps=False),
        ),
    ),
)
