"""Weight decay in the wrong place."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...oracles.dynamics import SGD, SGDW
from ..adapters.torch import torch_or_error
from ..target import Array, Target
from . import _in_torch
from ._by_hand import ruled
from ._mutant import Mutant, trained_as

RATE, MOMENTUM, DECAY = 0.05, 0.9, 0.1
COUPLED = SGD(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
DECOUPLED = SGDW(lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
BALL = ("step", "hb-two-step.quadratic")
OUTSIDE = ("step", "sgdw.quadratic")


def coupled(theta: Array, g: Array, v: Any, k: int, *, decay: float = DECAY) -> tuple[Array, Any]:
    """Decay inside of the momentum: correct SGD."""
    d = g + decay * theta
    v = d if v is None else MOMENTUM * v + d
    return theta - RATE * v, v


def decoupled(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """Decay outside of the momentum: correct SGDW."""
    v = g if v is None else MOMENTUM * v + g
    return (1 - RATE * DECAY) * theta - RATE * v, v


def without_rate(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The shrinking is not multiplied by the learning rate."""
    v = g if v is None else MOMENTUM * v + g
    return theta - RATE * v - DECAY * theta, v


def after_step(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """The parameters shrink after the step."""
    v = g if v is None else MOMENTUM * v + g
    moved = theta - RATE * v
    return moved - RATE * DECAY * moved, v


def spares_biases(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """Nobody said that biases are excluded."""
    return coupled(theta, g, v, k, decay=DECAY if theta.ndim > 1 else 0.0)


def of_the_start(theta: Array, g: Array, memory: Any, k: int) -> tuple[Array, Any]:
    """Decay pulls towards the parameters of the start instead of 0 (L2-SP, copied from a fine-tuning script)."""
    start, v = memory or (np.array(theta), None)
    d = g + DECAY * (theta - start)
    v = d if v is None else MOMENTUM * v + d
    return theta - RATE * v, (start, v)


HEAVY_BALL = partial(ruled, "sgd", coupled, COUPLED)
SGDW_BY_HAND = partial(ruled, "sgdw", decoupled, DECOUPLED)


def adam(name: str, kind: str) -> Target:
    """Adam as PyTorch has it, coupled or decoupled, described as itself."""

    def optimize(model: Any) -> Any:
        return getattr(torch_or_error().optim, kind)(model.parameters(), lr=0.01, weight_decay=DECAY)

    return _in_torch.target(name, optimize)


def swapped(name: str, meant: str, taken: str) -> Target:
    """Described as one Adam, trained with the other."""
    return trained_as(adam(name, meant), adam(name, taken))


def normed(name: str, *, sparing: bool) -> Target:
    """A network with a layer norm; the gains are meant to be spared from decay."""

    def build(seed: int) -> Any:
        nn = torch_or_error().nn
        return nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 3))

    def optimize(model: Any) -> Any:
        vectors = [p for p in model.parameters() if p.ndim == 1]
        matrices = [p for p in model.parameters() if p.ndim > 1]
        groups = [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}]
        return torch_or_error().optim.SGD(
            groups if sparing else model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY
        )

    from ._charges import neurons, sums

    # tensors: weight, bias, gain, offset of the norm, weight, bias
    return _in_torch.target(name, optimize, build=build, families=(neurons((2, 3), 4, 5), sums(1), sums(5)))


def gains_decayed(name: str) -> Target:
    """The groups were lost, so gains and biases decay too."""
    return trained_as(normed(name, sparing=True), normed(name, sparing=False))


def in_the_loss(name: str) -> Target:
    """The loss has the penalty as well as the optimizer."""

    def loss(model: Any, data: Any) -> Any:
        penalty = sum((p * p).sum() for p in model.parameters())
        return _in_torch.cross_entropy(model, data) + DECAY / 2 * penalty

    return _in_torch.target(name, loss=loss)


def _hand(
    name: str,
    says: str,
    broken: Any,
    explanation: str = "",
    *,
    decoupled_meant: bool = False,
    caught: tuple[str, ...] = (),
) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=SGDW_BY_HAND if decoupled_meant else HEAVY_BALL,
        broken=partial(ruled, name, broken, DECOUPLED if decoupled_meant else COUPLED),
        caught_by=caught or (OUTSIDE if decoupled_meant else BALL),
        explanation=explanation,
    )


TORCH_BALL = partial(_in_torch.target, "torch-sgd")

MUTANTS = (
    _hand(
        "decay-outside-momentum",
        "Decay is added after the momentum, not before.",
        decoupled,
        "Weight decay is decoupled",
    ),
    _hand(
        "decay-inside-momentum",
        "Decay is added to the gradient where it should be decoupled.",
        coupled,
        "Weight decay is coupled",
        decoupled_meant=True,
    ),
    _hand(
        "decay-without-rate",
        "Decoupled decay is not multiplied by the learning rate.",
        without_rate,
        "Weight decay is decoupled and not multiplied",
        decoupled_meant=True,
    ),
    _hand(
        "decay-after-step",
        "Decoupled decay shrinks the parameters after the step, not before.",
        after_step,
        "Weight decay is decoupled and applied after",
        decoupled_meant=True,
        caught=("step",),  # to a charge it is the same as a smaller rate
    ),
    _hand(
        "decay-spares-biases",
        "Biases are silently excluded from decay.",
        spares_biases,
        "Weight decay is not applied to one-dimensional",
    ),
    _hand(
        "decay-doubled",
        "The penalty is weight_decay |theta|^2, without the half.",
        partial(coupled, decay=2 * DECAY),
        "Weight decay is applied twice",
    ),
    _hand("decay-forgotten", "Decay is not applied.", partial(coupled, decay=0.0), "Weight decay is not applied."),
    _hand(
        "decay-grows", "Decay has the wrong sign.", partial(coupled, decay=-DECAY), "Weight decay has the wrong sign"
    ),
    _hand("decay-to-start", "Decay pulls towards the parameters of the start.", of_the_start),
    Mutant(
        name="adamw-for-adam",
        says="AdamW is used where Adam with coupled decay is meant.",
        framework="torch",
        healthy=partial(adam, "torch-adam", "Adam"),
        broken=partial(swapped, "adamw-for-adam", "Adam", "AdamW"),
        caught_by=("step",),
        explanation="Weight decay is decoupled",
    ),
    Mutant(
        name="adam-for-adamw",
        says="Adam with coupled decay is used where AdamW is meant.",
        framework="torch",
        healthy=partial(adam, "torch-adamw", "AdamW"),
        broken=partial(swapped, "adam-for-adamw", "AdamW", "Adam"),
        caught_by=("step", "adamw.step"),
        explanation="Weight decay is coupled",
    ),
    Mutant(
        name="gains-decayed",
        says="Gains of a norm and biases decay, although a group spares them.",
        framework="torch",
        healthy=partial(normed, "torch-spared-gains", sparing=True),
        broken=partial(gains_decayed, "gains-decayed"),
        caught_by=("step",),
        explanation="Weight decay is applied to all tensors",
    ),
    Mutant(
        name="decay-in-loss-too",
        says="The penalty is in the loss, and the optimizer decays as well.",
        framework="torch",
        healthy=TORCH_BALL,
        broken=partial(in_the_loss, "decay-in-loss-too"),
        caught_by=("orthogonality",),
    ),
)
