"""Correct optimizers on random models: nothing may be violated.

8 cases of each optimizer; 1,000 with ``FLOWLAW_CAMPAIGN=1`` in the environment, or as many as ``FLOWLAW_CASES`` says.
A case is its seed: architecture, loss, hyper-parameters, groups, schedule, clipping, format and data follow from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from flowlaw.gate import Family, Target
from flowlaw.gate.adapters import RootOfSum, optax_target, torch_target
from flowlaw.gate.check import check
from flowlaw.gate.findings import Finding
from flowlaw.gate.zoo._charges import entries, neurons, rotations, sums
from flowlaw.oracles.dynamics import SGD, Adagrad, Adam, ClipGlobalNorm, RMSprop

CASES = int(os.environ.get("FLOWLAW_CASES", "1000" if os.environ.get("FLOWLAW_CAMPAIGN") == "1" else "8"))
FEW = 3
Rng = np.random.Generator


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]  # autouse
    """Tensors of a few entries: threads of PyTorch would only wait for each other."""
    module = torch()
    before = module.get_num_threads()
    module.set_num_threads(1)
    yield
    module.set_num_threads(before)


@dataclass(frozen=True)
class Worst:
    """What some cases came to."""

    ratio: float = 0.0
    where: str = ""
    held: int = 0
    violated: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def judged(of: Callable[[str], Callable[[int], Target]], kind: str, seed: int) -> tuple[Finding, ...]:
    """What is found of one case; kept, since the first cases of a campaign are also the few of every run."""
    return tuple(check(of(kind)(seed), seed=seed, runs=1, steps=6))


def run(of: Callable[[str], Callable[[int], Target]], kind: str, count: int) -> Worst:
    """The largest residual over bound of all cases, and what is violated."""
    ratio, where, held, violated = 0.0, "", 0, list[str]()
    for seed in range(count):
        for finding in judged(of, kind, seed):
            held += finding.verdict == "HOLDS"
            if finding.verdict == "VIOLATED":
                violated.append(f"seed {seed}: {finding.id} at {finding.where}, {finding.ratio:.3g} times the bound")
            if finding.verdict != "SKIPPED" and finding.ratio > ratio:
                ratio, where = finding.ratio, f"seed {seed}: {finding.id}"
    return Worst(ratio, where, held, tuple(violated))


def torch() -> Any:
    return pytest.importorskip("torch", reason="optimizers of torch.optim")


@dataclass(frozen=True)
class Model:
    """A module, its inputs, how many numbers it returns, and its charges without those of the loss."""

    build: Callable[[int], Any]
    inputs: tuple[int, ...]
    outputs: int
    charges: tuple[Family, ...]
    last: int = -1


def activation(rng: Rng) -> tuple[Any, bool]:
    """A module, and whether positive factors pass through it."""
    nn = torch().nn
    slope = float(rng.uniform(0.01, 0.5))
    return [(nn.ReLU, True), (lambda: nn.LeakyReLU(slope), True), (nn.GELU, False), (nn.Tanh, False)][rng.integers(4)]


def perceptron(rng: Rng) -> Model:
    nn = torch().nn
    sizes = [int(size) for size in rng.integers(2, 8, size=rng.integers(3, 5))]
    act, positive = activation(rng)

    def build(seed: int) -> Any:
        layers: list[Any] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), act()]
        return nn.Sequential(*layers[:-1])

    units = (neurons((2 * i, 2 * i + 1), 2 * i + 2, sizes[i + 1]) for i in range(len(sizes) - 2))
    return Model(build, (sizes[0],), sizes[-1], tuple(units) if positive else (), 2 * len(sizes) - 3)


def convolutional(rng: Rng) -> Model:
    nn = torch().nn
    channels, classes = int(rng.integers(2, 6)), int(rng.integers(2, 5))
    act, positive = activation(rng)

    def build(seed: int) -> Any:
        return nn.Sequential(
            nn.Conv2d(2, channels, 3, padding=1),
            act(),
            nn.AvgPool2d(2),
            nn.Conv2d(channels, 3, 2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(3, classes),
        )

    units = (*((neurons((0, 1), 2, channels),) if positive else ()), neurons((2, 3), 4, 3))
    return Model(build, (2, 4, 4), classes, units, 5)


def normed(rng: Rng) -> Model:
    nn = torch().nn
    width, classes = int(rng.integers(3, 7)), int(rng.integers(2, 5))
    by_layer = bool(rng.integers(2))

    def build(seed: int) -> Any:
        norm = nn.LayerNorm(width) if by_layer else nn.BatchNorm1d(width)
        return nn.Sequential(nn.Linear(4, width), norm, nn.ReLU(), nn.Linear(width, classes))

    shifts = (sums(1), sums(0, 1, 4)) if by_layer else (entries(1, width),)
    return Model(build, (4,), classes, (neurons((2, 3), 4, width), *shifts), 5)


def tied(rng: Rng) -> Model:
    """A linear autoencoder with one weight."""
    module = torch()
    width, code = int(rng.integers(3, 7)), int(rng.integers(2, 5))

    class Autoencoder(module.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            module.nn.Module.__init__(self)
            self.weight = module.nn.Parameter(module.randn(code, width) / width**0.5)
            self.bias = module.nn.Parameter(module.randn(width))

        def forward(self, x: Any) -> Any:
            return x @ self.weight.T @ self.weight + self.bias

    return Model(lambda seed: Autoencoder(), (width,), width, (rotations([(0, 0)], code),), 1)


MODELS = (perceptron, perceptron, convolutional, normed, tied)


def hyperparameters(rng: Rng, kind: str) -> dict[str, Any]:
    """Of a correct optimizer; rates are such that nothing diverges in a few steps."""
    decay = float(rng.choice([0.0, 0.01, 0.3]))
    common: dict[str, Any] = {"lr": float(10 ** rng.uniform(-4, -1.5)), "weight_decay": decay}
    if kind == "SGD":
        common["momentum"] = float(rng.choice([0.0, 0.5, 0.9, 0.99]))
        common["nesterov"] = bool(common["momentum"] and rng.integers(2))
        common["dampening"] = 0.0 if common["nesterov"] else float(rng.choice([0.0, 0.3]))
        common["maximize"] = bool(rng.integers(5) == 0)
    elif kind in ("Adam", "AdamW"):
        common["betas"] = (float(rng.choice([0.0, 0.5, 0.9])), float(rng.choice([0.9, 0.99, 0.999])))
        common["amsgrad"] = bool(rng.integers(3) == 0)
        common["eps"] = float(rng.choice([1e-8, 1e-4]))
    elif kind == "RMSprop":
        common["alpha"] = float(rng.choice([0.5, 0.9, 0.99]))
        common["centered"] = bool(rng.integers(3) == 0)
        common["momentum"] = float(rng.choice([0.0, 0.0, 0.9]))
        common["eps"] = float(rng.choice([1e-8, 1e-4]))
    else:
        common["lr_decay"] = float(rng.choice([0.0, 0.1]))
        common["initial_accumulator_value"] = float(rng.choice([0.0, 0.1]))
    return common


def of_torch(kind: str) -> Callable[[int], Target]:
    """A case for a seed: an optimizer of torch.optim on a random model."""

    def make(seed: int) -> Target:
        module = torch()
        rng = np.random.default_rng([seed, 1])
        model = MODELS[rng.integers(len(MODELS))](rng)
        chosen, other = hyperparameters(rng, kind), float(10 ** rng.uniform(-4, -2))
        grouped, scheduled = bool(rng.integers(3) == 0), rng.integers(3) == 0
        clipped = float(10 ** rng.uniform(-2, 1)) if rng.integers(4) == 0 else 0.0
        classes = bool(rng.integers(2)) and model.outputs > 1 and model.outputs not in model.inputs
        examples, scale = int(rng.integers(3, 12)), float(10 ** rng.uniform(-1, 0.5))

        def optimize(net: Any) -> Any:
            parameters = list(net.parameters())
            half = len(parameters) // 2
            groups = [{"params": parameters[:half]}, {"params": parameters[half:], "lr": other}]
            return getattr(module.optim, kind)(groups if grouped else parameters, **chosen)

        def schedule(optimizer: Any) -> Any:
            return module.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)

        def loss(net: Any, data: Any) -> Any:
            measure = module.nn.functional.cross_entropy if classes else module.nn.functional.mse_loss
            return measure(net(data[0]), data[1])

        def batch(number: int) -> Any:
            x = scale * module.randn(examples, *model.inputs)
            return x, module.randint(model.outputs, (examples,)) if classes else module.randn(examples, model.outputs)

        def step(net: Any, optimizer: Any, data: Any, scheduler: Any = None) -> None:
            optimizer.zero_grad()
            loss(net, data).backward()
            module.nn.utils.clip_grad_norm_(net.parameters(), clipped)
            optimizer.step()
            if scheduler is not None:
                scheduler.step()

        return torch_target(
            model.build,
            optimize,
            loss,
            batch,
            name=f"{kind}-{seed}",
            dtype=str(rng.choice(["float64", "float32"])),
            scheduler=schedule if scheduled else None,
            step=step if clipped else None,
            transform=ClipGlobalNorm(limit=clipped, eps=1e-6) if clipped else None,
            families=(*model.charges, *((sums(model.last),) if classes else ())),
        )

    return make


def of_optax(kind: str) -> Callable[[int], Target]:
    """A case for a seed: an optimizer of optax on a random perceptron."""

    def make(seed: int) -> Target:
        optax: Any = pytest.importorskip("optax", reason="optimizers of optax")
        jax: Any = pytest.importorskip("jax")
        jnp = jax.numpy
        rng = np.random.default_rng([seed, 2])
        inputs, width, classes = (int(size) for size in rng.integers(2, 7, size=3))
        slope, examples = float(rng.choice([0.0, 0.2])), int(rng.integers(3, 12))
        labelled = bool(rng.integers(2))
        lr, eps = float(10 ** rng.uniform(-4, -1.5)), float(rng.choice([1e-8, 1e-4]))
        falling = bool(rng.integers(3) == 0)

        def at(k: Any) -> Any:
            return lr * 0.7**k if falling else lr

        rate = at if falling else lr

        made, described = _optax(optax, kind, rng, rate, at, eps)

        def init(number: int) -> Any:
            draws = np.random.default_rng(number)
            shapes = {"b1": (width,), "b2": (classes,), "w1": (width, inputs), "w2": (classes, width)}
            return {name: draws.normal(size=shape) for name, shape in shapes.items()}

        def loss(p: Any, data: Any) -> Any:
            z = data[0] @ p["w1"].T + p["b1"]
            out = jnp.where(z > 0, z, slope * z) @ p["w2"].T + p["b2"]
            if labelled:
                return optax.softmax_cross_entropy_with_integer_labels(out, data[1]).mean()
            return ((out - data[1]) ** 2).mean()

        def batch(number: int) -> Any:
            draws = np.random.default_rng(number)
            x = draws.normal(size=(examples, inputs))
            return x, draws.integers(classes, size=examples) if labelled else draws.normal(size=(examples, classes))

        return optax_target(
            loss,
            init,
            made,
            described,
            batch,
            name=f"optax-{kind}-{seed}",
            dtype=str(rng.choice(["float64", "float32"])),
            families=(neurons((2, 0), 3, width), *((sums(1),) if labelled else ())),
        )

    return make


def _optax(
    optax: Any, kind: str, rng: Rng, rate: Any, at: Callable[[Any], Any], eps: float
) -> tuple[Any, Callable[[int], Any]]:
    """The optimizer, and what it is at every step."""
    momentum, nesterov = float(rng.choice([0.0, 0.5, 0.9])), bool(rng.integers(2))
    if kind == "sgd":
        looks = bool(momentum) and nesterov
        made = optax.sgd(rate, momentum=momentum or None, nesterov=looks)
        return made, lambda k: SGD(lr=at(k), momentum=momentum, nesterov=looks)
    if kind in ("adam", "adamw"):
        b1, b2 = float(rng.choice([0.5, 0.9])), float(rng.choice([0.9, 0.999]))
        decay = float(rng.choice([0.0, 0.01, 0.3])) if kind == "adamw" else 0.0
        more = {"weight_decay": decay} if kind == "adamw" else {}
        made = getattr(optax, kind)(rate, b1=b1, b2=b2, eps=eps, **more)
        return made, lambda k: Adam(
            lr=at(k), beta1=b1, beta2=b2, eps=eps, weight_decay=decay, decoupled=kind == "adamw"
        )
    if kind == "rmsprop":
        alpha = float(rng.choice([0.5, 0.9, 0.99]))
        made = optax.rmsprop(rate, decay=alpha, eps=eps)
        return made, lambda k: RMSprop(lr=at(k), alpha=alpha, eps=0, root=RootOfSum(eps))
    initial = float(rng.choice([0.01, 0.1]))
    made = optax.adagrad(rate, initial_accumulator_value=initial, eps=eps)
    return made, lambda k: Adagrad(lr=at(k), initial=initial, eps=0, root=RootOfSum(eps))


TORCH = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad")
OPTAX = ("sgd", "adam", "adamw", "rmsprop", "adagrad")


def report(kind: str, worst: Worst, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{kind}: {count} cases, {worst.held} laws held; largest {worst.ratio:.3g} bounds ({worst.where})")


def demand(worst: Worst, count: int) -> None:
    __tracebackhide__ = True
    assert not worst.violated, "\n".join(worst.violated)
    assert worst.held >= count, "most of the cases measured nothing"


@pytest.mark.parametrize("kind", TORCH)
def test_a_few_correct_runs_of_torch_violate_nothing(kind: str) -> None:
    demand(run(of_torch, kind, FEW), FEW)


@pytest.mark.slow
@pytest.mark.parametrize("kind", TORCH)
def test_correct_optimizers_of_torch_violate_nothing(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    worst = run(of_torch, kind, CASES)
    report(kind, worst, CASES, capsys)
    demand(worst, CASES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OPTAX)
def test_correct_optimizers_of_optax_violate_nothing(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    worst = run(of_optax, kind, CASES)
    report(f"optax.{kind}", worst, CASES, capsys)
    demand(worst, CASES)


@pytest.mark.parametrize("kind", TORCH)
def test_the_same_cases_can_fail(kind: str) -> None:
    """A wrong rate in the step is violated, so that holding says something."""
    for seed in range(2):
        target = of_torch(kind)(seed)
        step = target.step

        def moved(state: Any, data: Any, step: Any = step) -> Any:
            after = step(state, data)
            with torch().no_grad():
                next(iter(after.model.parameters())).mul_(1 + 1e-3)
            return after

        object.__setattr__(target, "step", moved)
        assert any(finding.verdict == "VIOLATED" for finding in check(target, seed=seed, runs=1, steps=6))
