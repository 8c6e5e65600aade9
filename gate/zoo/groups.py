"""Tied weights, parameter groups and frozen layers."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...oracles.dynamics import SGD
from ..adapters import numpy_target
from ..adapters.torch import torch_or_error
from ..target import Array, Parameters, Target
from . import _in_torch
from ._by_hand import Arrays
from ._charges import rotations
from ._mutant import Mutant, trained_as

RATE, SMALL, MOMENTUM, DECAY = 0.05, 0.01, 0.9, 0.1


def tied(p: Parameters, x: Array) -> tuple[float, Arrays]:
    """A linear autoencoder whose weight is used twice, with a bias behind it."""
    code = x @ p["w"].T
    error = code @ p["w"] + p["b"] - x
    g = error / len(x)
    return float((error**2).sum() / len(x) / 2), {"w": (g @ p["w"].T).T @ x + code.T @ g, "b": g.sum(0)}


def autoencoder(name: str, *, times: int = 1) -> Target:
    """It is trained from a list of parameters, in which the tied one may stand twice."""

    def step(p: Parameters, memory: Any, x: Array) -> tuple[Parameters, Any]:
        g = tied(p, x)[1]
        after = dict(p)
        for key in ("w", "b", *["w"] * (times - 1)):
            after[key] = after[key] - RATE * g[key]
        return after, None

    return numpy_target(
        lambda rng: {"w": 0.5 * rng.normal(size=(3, 5)), "b": rng.normal(size=5)},
        lambda rng: rng.normal(size=(8, 5)),
        tied,
        step,
        SGD(lr=RATE),
        name=name,
        families=(rotations([(0, 0)], 3),),
    )


def in_torch(name: str, *, both: bool = True) -> Target:
    """The same in PyTorch; the second use of the weight may be detached."""

    def loss(p: Any, x: Any) -> Any:
        decoder = p["w"] if both else p["w"].detach()
        return ((x @ p["w"].T @ decoder + p["b"] - x) ** 2).sum() / len(x) / 2

    def data(seed: int) -> Any:
        return torch_or_error().randn(8, 5)

    return _in_torch.functional(name, {"w": (3, 5), "b": (5,)}, loss, data, (rotations([(0, 0)], 3),))


def grouped(name: str, rates: tuple[float, float] = (RATE, SMALL)) -> Target:
    """A rate for each of the two layers."""

    def optimize(model: Any) -> Any:
        groups = [{"params": model[0].parameters(), "lr": rates[0]}, {"params": model[2].parameters(), "lr": rates[1]}]
        return torch_or_error().optim.SGD(groups, momentum=MOMENTUM)

    return _in_torch.target(name, optimize)


def regrouped(name: str, rates: tuple[float, float]) -> Target:
    """Described with the rates that are meant."""
    return trained_as(grouped(name), grouped(name, rates))


def without_head(name: str) -> Target:
    """The weight of the last layer was replaced after the optimizer was made."""

    def optimize(model: Any) -> Any:
        kept = [p for key, p in model.named_parameters() if key != "2.weight"]
        return torch_or_error().optim.SGD(kept, lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)

    return trained_as(_in_torch.target(name), _in_torch.target(name, optimize))


def frozen_network(seed: int) -> Any:
    """The first layer is not trained."""
    model = _in_torch.network(seed)
    model[0].requires_grad_(requires_grad=False)
    return model


def frozen(name: str) -> Target:
    """An optimizer with decay skips what has no gradient."""
    return _in_torch.target(name, build=frozen_network)


def frozen_decays(name: str) -> Target:
    """The layer is frozen by setting its gradients to zero; the optimizer still decays it."""

    def step(model: Any, optimizer: Any, data: Any) -> None:
        optimizer.zero_grad()
        _in_torch.cross_entropy(model, data).backward()
        for p in model[0].parameters():
            p.grad.zero_()
        optimizer.step()

    return trained_as(frozen(name), _in_torch.target(name, step=step))


def frozen_moves(name: str) -> Target:
    """The layer is frozen after a few steps, and its momentum carries it on; here it never should have moved."""
    return trained_as(frozen(name), _in_torch.target(name))


HEALTHY = partial(autoencoder, "autoencoder")
HEALTHY_TORCH = partial(in_torch, "torch-autoencoder")
HEALTHY_GROUPS = partial(grouped, "torch-groups")
HEALTHY_FROZEN = partial(frozen, "torch-frozen")
TORCH_BALL = partial(_in_torch.target, "torch-sgd")


def _torch(name: str, says: str, healthy: Any, broken: Any, caught: tuple[str, ...], explanation: str = "") -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="torch",
        healthy=healthy,
        broken=broken,
        caught_by=caught,
        explanation=explanation,
    )


MUTANTS = (
    Mutant(
        name="tied-updated-twice",
        says="A tied weight stands twice in the list of the optimizer, and is updated twice.",
        framework="numpy",
        healthy=HEALTHY,
        broken=partial(autoencoder, "tied-updated-twice", times=2),
        caught_by=("step",),
        explanation="The gradient of w is counted twice",
    ),
    _torch(
        "tied-counted-once",
        "The second use of a tied weight is detached.",
        HEALTHY_TORCH,
        partial(in_torch, "tied-counted-once", both=False),
        ("gradient", "orthogonality"),
    ),
    _torch(
        "weight-not-in-optimizer",
        "The weight of the last layer is not in the optimizer.",
        TORCH_BALL,
        partial(without_head, "weight-not-in-optimizer"),
        ("step", "hb-two-step.quadratic"),
        "2.weight is not trained",
    ),
    _torch(
        "rate-of-group-lost",
        "The rate of the second group is not passed on.",
        HEALTHY_GROUPS,
        partial(regrouped, "rate-of-group-lost", (RATE, RATE)),
        ("step",),
        "All tensors are trained with the hyper-parameters of the first group",
    ),
    _torch(
        "groups-swapped",
        "The rates of two groups are swapped.",
        HEALTHY_GROUPS,
        partial(regrouped, "groups-swapped", (SMALL, RATE)),
        ("step",),
    ),
    _torch(
        "frozen-layer-decays",
        "A layer is frozen by zero gradients, and decay still shrinks it.",
        HEALTHY_FROZEN,
        partial(frozen_decays, "frozen-layer-decays"),
        ("step",),
    ),
    _torch(
        "frozen-layer-trained",
        "A layer that should be frozen is trained.",
        HEALTHY_FROZEN,
        partial(frozen_moves, "frozen-layer-trained"),
        ("step",),
    ),
)
