"""B1.translation: what invariance under a shift of parameters says of gradient, Hessian and noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...oracles.dynamics import SGD, Vector
from .._constraints import exact_constraints, gradient_residual, noise_residual, points
from .._discrete import Case
from .._dual import Dual
from .._layered import Row, symbolic
from .._layered_hessian import hessian_along
from .._layered_torch import exact, torch_module
from .._profiles import Profile
from .._symmetric import Target
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
BATCHES = ((F(1), F(2)), (F(-1, 2), F(1)), (F(2), F(-1)))
_START = (Vector((0, 1)), Vector((1, 0)))
EXAMPLE = Case(Target("translation", (2, 2), BATCHES, (1, 2)), _START, (SGD(lr=F(1, 10)),) * 3)
SHIFTED = Case(Target("squared", (2, 2), tuple((*b, F(-1)) for b in BATCHES), (1, 2)), _START, EXAMPLE.optimizers)
"""The squared loss, which sees a shift of the logits."""


@dataclass(frozen=True, slots=True)
class Classifier:
    """A linear classifier with samples and their classes."""

    rows: tuple[tuple[Fraction, ...], ...]
    bias: tuple[Fraction, ...]
    inputs: tuple[tuple[Fraction, ...], ...]
    labels: tuple[int, ...]


CLASSIFIER = Classifier(
    ((F(1, 3), F(2)), (F(-1), F(1, 7)), (F(1), F(3))), (F(1), F(0), F(-1, 3)), ((F(1), F(-2)),), (1,)
)


def derivation() -> Iterator[Step]:
    """Differentiate the invariance once, and what follows once more."""
    yield Step(
        "The loss does not change along theta + a 1_A. Its derivative in a is the gradient constraint; this holds at "
        "every theta, so its derivative in theta is the Hessian constraint. The generator is constant: no other term.",
        r"\langle g, 1_A\rangle = 0 \ \Rightarrow\ H\,1_A = 0",
    )
    yield Step(
        "Softmax makes such a loss: cross-entropy is a function of the differences of the logits only. For every "
        "function of differences, with its first and second derivatives as free symbols, behind the logits z = W x + b "
        "of three classes and two inputs: the entries of a column of g sum to 0, and so do those of b.",
        r"\sum_j \frac{\partial L}{\partial W_{ji}} = 0, \qquad \sum_j \frac{\partial L}{\partial b_j} = 0",
        _gradient(),
    )
    yield Step(
        "The Hessian of the same loss, by the backward pass on dual numbers, maps a column of ones to 0.",
        r"H\,1_A = 0",
        _hessian(),
    )
    yield Step(
        "Every minibatch loss has the symmetry, so the noise of its gradient does not act along 1_A either.",
        r"\Sigma\, 1_A = \mathbb{E}\bigl[(g_s - \bar g)\,\langle g_s - \bar g, 1_A\rangle\bigr] = 0",
    )
    yield Step(
        "Along gradient flow the charge is constant; with decay lam it shrinks like exp(-lam t) (B1.sgd).",
        r"\tfrac{d}{dt}\langle\theta, 1_A\rangle = -\langle g, 1_A\rangle = 0",
    )


def _outward(symbols: Any, differences: bool = True) -> Any:
    def outward(s: int, y: Row) -> Row:
        n = range(len(y) - differences)
        bent = [Dual.of(y[k]).slope - (Dual.of(y[k + 1]).slope if differences else 0) for k in n]
        slopes = [Dual(symbols(f"f{k}"), sum(symbols(f"F{min(k, i)}{max(k, i)}") * bent[i] for i in n)) for k in n]
        if not differences:
            return slopes
        return [(slopes[j] if j < len(n) else 0) - (slopes[j - 1] if j else Dual(0, 0)) for j in range(len(y))]

    return outward


def _sums(differences: bool) -> tuple[Any, Any]:
    """Free symbols, and for each column of W, and for b, the sums of the gradient and of ``H 1`` for the first."""
    from ...oracles.dynamics import Symbols

    symbols = Symbols()
    outward = _outward(symbols, differences)
    passed = symbolic(symbols, (2, 3), outward=lambda s, y: [Dual.of(r).value for r in outward(s, y)])
    g = passed.gradients[0]
    return symbols, [*(sum(row[i] for row in g.weights) for i in range(2)), sum(g.bias)]


def _gradient(differences: bool = True) -> Certificate:
    from ...oracles.dynamics import equal

    symbols, sums = _sums(differences)
    return equal(symbols, [(total, 0) for total in sums])


def _hessian() -> Certificate:
    from ...oracles.dynamics import Symbols, equal

    symbols = Symbols()
    passed = symbolic(symbols, (2, 3))
    ones = [type(layer)([[1, 0]] * 3, [0] * 3) for layer in passed.layers]
    image = hessian_along(passed.layers, ones, passed.inputs, _outward(symbols), lambda s, layer, j, z: 1)
    return equal(symbols, [(x, 0) for layer in image for x in layer.entries()])


def classifiers() -> SearchStrategy[Classifier]:
    """Two to four classes, one or two inputs, one to three samples."""
    from hypothesis import strategies as st

    from ..strategies import matrices, vectors

    @st.composite
    def drawn(draw: st.DrawFn) -> Classifier:
        classes, width, samples = draw(st.integers(2, 4)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
        labels = tuple(draw(st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples)))
        rows = draw(matrices(classes, width, size=4))
        return Classifier(rows, draw(vectors(classes, size=4)), draw(matrices(samples, width, size=4)), labels)

    return drawn()


def check_torch(case: Classifier) -> Residual:
    """Cross-entropy in torch: column sums of the gradient and of the Hessian times a column of ones.

    Bound: softmax p_j comes out with a relative error of gamma(n) (2 + |log p_j|), since an absolute error of log p_j
    is a relative one of p_j, and the p_j sum to 1. It is multiplied by |x_i|, for the Hessian by |x_i| |x_m| and by 4
    for the two factors p and the difference of means.
    """
    from ...simulations.fields import gamma

    torch = torch_module()
    linear = torch.nn.Linear(len(case.inputs[0]), len(case.rows), dtype=torch.float64)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[float(x) for x in row] for row in case.rows]))
        linear.bias.copy_(torch.tensor([float(x) for x in case.bias]))
    x = torch.tensor([[float(v) for v in row] for row in case.inputs], dtype=torch.float64)
    z = linear(x)
    loss = torch.nn.functional.cross_entropy(z, torch.tensor(case.labels), reduction="sum")
    parameters = [linear.weight, linear.bias]
    g = torch.autograd.grad(loss, parameters, create_graph=True)
    image = torch.autograd.grad(g[0][:, 0].sum(), parameters)
    largest = 2 + float(torch.log_softmax(z.detach(), 1).abs().max() + 2 * z.detach().abs().max())
    u = gamma(4 * (len(case.rows) + len(case.inputs) + len(case.inputs[0])) + 40)
    sizes = [*(float(x[:, i].abs().sum()) for i in range(x.shape[1])), float(len(x))]
    first = float(x[:, 0].abs().max())
    found: list[tuple[float, float]] = []
    columns: list[list[Fraction]] = [[row[i] for row in exact(g[0])] for i in range(x.shape[1])]
    for column, size in zip([*columns, exact(g[1])], sizes, strict=True):
        found.append((float(abs(sum(column))), 2 * u * largest * size))
    images: list[list[Fraction]] = [[row[i] for row in exact(image[0])] for i in range(x.shape[1])]
    for column, size in zip([*images, exact(image[1])], sizes, strict=True):
        found.append((float(max(map(abs, column))), 8 * u * largest * first * size))
    value, bound = max(found, key=lambda pair: pair[0] / (pair[1] or 1.0))
    return Residual(value, bound + 2.0**-1000, nontrivial=bool((g[1] != 0).any()))


def table() -> Table:
    """Gradients of the example and their pairings."""
    target = EXAMPLE.target
    rows: list[tuple[str, ...]] = []
    for k in range(3):
        g = target.gradient(k, EXAMPLE.start)
        rows.append((str(k + 1), *(str(x) for leaf in g for x in leaf), str(EXAMPLE.charge.pair(g, EXAMPLE.start))))
    columns = ("sample", "g_W1", "g_W2", "g_b1", "g_b2", "<g, c0>")
    return Table("Two logits, one input; c0 = 1 on W, 2 on b", columns, rows)


def noise(profile: Profile) -> SimulationResult:
    """Softmax regression: how far the parameters move along 1_A and across, under noisy SGD.

    Residual: drift of the sum of the biases. Bound: a step adds at most gamma(n) times the sum of the absolute
    gradients, and rounds each new bias once.
    """
    import numpy as np

    from ...simulations.fields import gamma

    steps, classes, width = (60, 300, 1000)[profile.effort], 4, 3
    generator = np.random.default_rng(0)
    weights, b = generator.normal(size=(classes, width)), generator.normal(size=classes)
    start, bound, eta = b.copy(), 0.0, 0.25
    sums = [[(0.0, 0.0)], [(0.0, 0.0)], [(0.0, 0.0)]]
    for k in range(1, steps + 1):
        x, label = generator.normal(size=(2, width)), generator.integers(classes, size=2)
        z = x @ weights.T + b
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        delta = (p - np.eye(classes)[label]) / 2
        weights, b = weights - eta * delta.T @ x, b - eta * delta.sum(axis=0)
        spread = 2 + float(np.abs(np.log(p)).max() + 2 * np.abs(z).max())
        bound += gamma(4 * classes + 20) * (spread * 2 * eta + float(np.abs(b).sum()) + float(np.abs(start).sum()))
        for points_, pair in zip(sums, ((1, 1, 1, 1), (1, -1, 0, 0), (1, 1, -1, -1)), strict=True):
            points_.append((float(k), float((b - start) @ np.array(pair)) / float(np.linalg.norm(pair))))
    value = abs(float(sum(map(F, b.tolist()), F(0)) - sum(map(F, start.tolist()), F(0))))
    plot = Plot(
        "Minibatch noise does not act along the direction of a symmetry",
        "step",
        "displacement of the biases",
        (
            Series("along 1_A", sums[0]),
            Series("along (1, -1, 0, 0)", sums[1]),
            Series("along (1, 1, -1, -1)", sums[2]),
        ),
        caption="Softmax regression on random labels, two samples a step. Across the symmetry the biases wander; along "
        "it they stay.",
    )
    return SimulationResult(Residual(value, bound), (plot,))


THEOREM = Theorem(
    id="B1.translation",
    title="Translation symmetry: gradient, Hessian, noise",
    summary="Where a shift of some parameters leaves the loss alone, gradient, curvature and noise vanish along it.",
    source="arXiv 2012.04728, section 3",
    status="proved",
    hypotheses=(
        "L(theta + a 1_A) = L(theta) for all a; for the statement on noise every minibatch loss has this symmetry.",
        "L is twice differentiable at theta.",
    ),
    statement=r"\langle g, 1_A\rangle = 0, \qquad H\,1_A = 0, \qquad \Sigma\,1_A = 0, \qquad "
    r"\langle\theta, 1_A\rangle \text{ is constant along gradient flow}",
    assumes=("B0.orthogonality",),
    derivation=derivation,
    tables=(table,),
    properties=(
        *exact_constraints("translation", [EXAMPLE]),
        Property(
            name="torch-softmax",
            says="torch.nn.Linear and cross-entropy in float64, differentiated twice: column sums vanish to rounding.",
            arithmetic="float64",
            cases=classifiers,
            check=check_torch,
            examples=[CLASSIFIER],
            share=0.5,
        ),
    ),
    simulations=(
        Simulation(
            name="wandering", says="Noisy softmax regression keeps the sum of its biases to rounding.", run=noise
        ),
    ),
    mutants=(
        Mutant(
            name="squared-loss",
            says="The squared loss of logits is invariant under their common shift.",
            violates=Property(
                "squared", "squared loss", "rational", points("squared"), gradient_residual, examples=[SHIFTED]
            ),
        ),
        Mutant(
            name="squared-noise",
            says="The noise of the squared loss does not act along the shift.",
            violates=Property(
                "noise", "squared loss", "rational", points("squared"), noise_residual, examples=[SHIFTED]
            ),
        ),
        Mutant(
            name="any-logit-loss",
            says="The loss may be any function of the logits.",
            rejects=lambda: _gradient(differences=False),
        ),
    ),
)
