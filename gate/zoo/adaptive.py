"""Adam, RMSprop and Adagrad, nearly."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...oracles.dynamics import Adagrad, Adam, RMSprop
from ..adapters import RootOfSum
from ..adapters.torch import torch_or_error
from ..target import Array, Target
from . import _in_torch
from ._by_hand import Rule, ruled
from ._mutant import Mutant, trained_as

RATE, BETA1, BETA2, EPS, DECAY = 0.01, 0.8, 0.95, 1e-3, 0.1
ADAM = Adam(lr=RATE, beta1=BETA1, beta2=BETA2, eps=EPS)
COUPLED = Adam(lr=RATE, beta1=BETA1, beta2=BETA2, eps=EPS, weight_decay=DECAY)
RMS = RMSprop(lr=RATE, alpha=BETA2, eps=0, root=RootOfSum(EPS))
ADA = Adagrad(lr=0.1, eps=EPS)


def means(g: Array, slot: Any, *, squared: Any = None) -> tuple[Array, Array]:
    """The means of gradients and of their squares."""
    m, v = slot or (0.0 * g, 0.0 * g)
    d = g if squared is None else squared
    return BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * d * d


def adam(theta: Array, g: Array, slot: Any, k: int, *, first: int = 1, mean: bool = True, square: bool = True) -> Any:
    """Adam; its counter is ``first`` at the first step, and each correction can be missing."""
    t = k + first
    m, v = means(g, slot)
    rate = RATE / (1 - BETA1**t) if mean and t else RATE
    root = np.sqrt(v / (1 - BETA2**t)) if square and t else np.sqrt(v)
    return theta - rate * m / (root + EPS), (m, v)


def eps_inside(theta: Array, g: Array, slot: Any, k: int) -> Any:
    """``sqrt(v + eps)``."""
    m, v = means(g, slot)
    root = np.sqrt(v / (1 - BETA2 ** (k + 1)) + EPS)
    return theta - RATE / (1 - BETA1 ** (k + 1)) * m / root, (m, v)


def eps_before_correction(theta: Array, g: Array, slot: Any, k: int) -> Any:
    """The folded rate of the paper, with the epsilon of the other form."""
    m, v = means(g, slot)
    rate = RATE * np.sqrt(1 - BETA2 ** (k + 1)) / (1 - BETA1 ** (k + 1))
    return theta - rate * m / (np.sqrt(v) + EPS), (m, v)


def adam_with_decay(theta: Array, g: Array, slot: Any, k: int, *, in_square: bool = True) -> Any:
    """Coupled decay; it belongs into both means."""
    d = g + DECAY * theta
    m, v = means(d, slot, squared=d if in_square else g)
    root = np.sqrt(v / (1 - BETA2 ** (k + 1))) + EPS
    return theta - RATE / (1 - BETA1 ** (k + 1)) * m / root, (m, v)


def counts_tensors() -> Rule:
    """One counter for the optimizer, advanced for every tensor."""
    count = {"t": 0}

    def rule(theta: Array, g: Array, slot: Any, k: int) -> Any:
        if slot is None and k == 0 and theta.shape == (5, 4):
            count["t"] = 0
        count["t"] += 1
        return adam(theta, g, slot, count["t"] - 1)

    return rule


def rmsprop(theta: Array, g: Array, v: Any, k: int, *, inside: bool = True) -> tuple[Array, Any]:
    """RMSprop as optax has it: epsilon inside of the root."""
    v = (1 - BETA2) * g * g if v is None else BETA2 * v + (1 - BETA2) * g * g
    return theta - RATE * g / (np.sqrt(v + EPS) if inside else np.sqrt(v) + EPS), v


def adagrad(theta: Array, g: Array, v: Any, k: int, *, late: bool = False) -> tuple[Array, Any]:
    """Adagrad; ``late`` divides by the sum of the steps before."""
    before = np.zeros_like(g) if v is None else v
    after = before + g * g
    return theta - 0.1 * g / (np.sqrt(before if late and k else after) + EPS), after


def one_root(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """One root for the whole tensor instead of one for every entry."""
    after = (0.0 if v is None else v) + float((g * g).sum())
    return theta - 0.1 * g / (np.sqrt(after) + EPS), after


def in_torch(name: str, kind: str, **chosen: Any) -> Target:
    """One of ``torch.optim``."""

    def optimize(model: Any) -> Any:
        return getattr(torch_or_error().optim, kind)(model.parameters(), **{"lr": RATE, **chosen})

    return _in_torch.target(name, optimize)


def swapped(name: str, kind: str, meant: dict[str, Any], taken: dict[str, Any]) -> Target:
    """Described with some hyper-parameters, trained with others."""
    return trained_as(in_torch(name, kind, **meant), in_torch(name, kind, **taken))


HEALTHY = partial(ruled, "adam", adam, ADAM)
HEALTHY_DECAYED = partial(ruled, "adam-with-decay", adam_with_decay, COUPLED)
HEALTHY_RMS = partial(ruled, "rmsprop", rmsprop, RMS)
HEALTHY_ADA = partial(ruled, "adagrad", adagrad, ADA)
STATE = ("step", "adam.step")


def _hand(
    name: str,
    says: str,
    broken: Rule,
    explanation: str = "",
    *,
    healthy: Any = HEALTHY,
    meant: Any = ADAM,
    caught: tuple[str, ...] = STATE,
) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=healthy,
        broken=partial(ruled, name, broken, meant),
        caught_by=caught,
        explanation=explanation,
    )


def _torch(
    name: str, says: str, kind: str, meant: dict[str, Any], taken: dict[str, Any], explanation: str = ""
) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="torch",
        healthy=partial(in_torch, f"torch-{kind.lower()}-for-{name}", kind, **meant),
        broken=partial(swapped, name, kind, meant, taken),
        caught_by=("step",),
        explanation=explanation,
    )


MUTANTS = (
    _hand("eps-inside-root", "Epsilon is added inside of the root.", eps_inside, "Epsilon is added inside of the root"),
    _hand(
        "eps-before-correction",
        "Epsilon is added before the bias correction of the root.",
        eps_before_correction,
        "Epsilon is added before the bias correction",
    ),
    _hand(
        "bias-correction-missing",
        "Both bias corrections are missing.",
        partial(adam, mean=False, square=False),
        "The bias corrections of both means are missing.",
    ),
    _hand(
        "first-correction-missing",
        "The mean of gradients is not corrected.",
        partial(adam, mean=False),
        "The bias correction of the mean of gradients",
    ),
    _hand(
        "second-correction-missing",
        "The mean of squares is not corrected.",
        partial(adam, square=False),
        "The bias correction of the mean of squares",
    ),
    _hand("counter-ahead", "The step counter is one ahead.", partial(adam, first=2), "The step counter of the bias"),
    _hand(
        "counter-from-zero",
        "The step counter starts at 0, where the corrections are skipped because they would divide by 0.",
        partial(adam, first=0),
    ),
    _hand("counter-by-tensor", "One step counter is advanced for every tensor.", counts_tensors()),
    _hand(
        "decay-missing-in-squares",
        "Coupled decay enters the mean of gradients and not that of squares.",
        partial(adam_with_decay, in_square=False),
        healthy=HEALTHY_DECAYED,
        meant=COUPLED,
    ),
    _hand(
        "eps-outside-root",
        "Epsilon is added outside of the root, where this RMSprop has it inside.",
        partial(rmsprop, inside=False),
        "Epsilon is added outside of the root",
        healthy=HEALTHY_RMS,
        meant=RMS,
        caught=("step",),
    ),
    _hand(
        "adagrad-late",
        "Adagrad divides before it adds the square of this step.",
        partial(adagrad, late=True),
        healthy=HEALTHY_ADA,
        meant=ADA,
        caught=("step",),
    ),
    _hand(
        "adagrad-one-root",
        "Adagrad keeps one sum for a whole tensor.",
        one_root,
        healthy=HEALTHY_ADA,
        meant=ADA,
        caught=("step",),
    ),
    _torch("betas-swapped", "beta1 and beta2 are swapped.", "Adam", {"betas": (0.9, 0.99)}, {"betas": (0.99, 0.9)}),
    _torch(
        "amsgrad-off",
        "The largest mean of squares is not kept.",
        "Adam",
        {"amsgrad": True, "betas": (0.8, 0.5)},
        {"amsgrad": False, "betas": (0.8, 0.5)},
        "amsgrad is on where it should be off",
    ),
    _torch(
        "rmsprop-centered",
        "RMSprop is centered, and nobody said so.",
        "RMSprop",
        {"alpha": 0.9},
        {"alpha": 0.9, "centered": True},
        "RMSprop is centered",
    ),
    _torch(
        "eps-of-another-framework",
        "Epsilon is 1e-7, the default of another framework, instead of 1e-8: as if gradients were a tenth.",
        "Adam",
        {"eps": 1e-8},
        {"eps": 1e-7},
        "Gradients are divided by the number",
    ),
)
