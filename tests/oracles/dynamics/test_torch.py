"""Every optimizer of torch.optim makes the step that is written down here, up to rounding.

Bound: each side rounds every term of an entry at most 16 times (the longest path is that of Adam: two means, two
corrections, a root, a quotient, a product, a difference), so both are within gamma(16) times the sum of the absolute
terms of the exact entry, which the same step on ``Sized`` numbers gives; together twice that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flowlaw.oracles.dynamics import SGD, Adagrad, Adam, RMSprop, Sized, step
from flowlaw.oracles.dynamics._sizes import sized  # pyright: ignore[reportPrivateUsage] -- no part of the face

torch = pytest.importorskip("torch")
SHAPES = ((3, 4), (5,))
UNIT = 2.0**-53


def sgd(**chosen: Any) -> tuple[Any, Callable[[Any], Any]]:
    return SGD(**chosen), lambda parameters: torch.optim.SGD(parameters, **chosen)


def adam(**chosen: Any) -> tuple[Any, Callable[[Any], Any]]:
    beta1, beta2 = chosen.pop("betas", (0.9, 0.999))
    decoupled = chosen.pop("decoupled", False)
    chosen.setdefault("eps", 1e-8)
    ours = Adam(beta1=beta1, beta2=beta2, decoupled=decoupled, **chosen)
    make = torch.optim.AdamW if decoupled else torch.optim.Adam
    return ours, lambda parameters: make(parameters, betas=(beta1, beta2), **chosen)


def rmsprop(**chosen: Any) -> tuple[Any, Callable[[Any], Any]]:
    return RMSprop(**chosen), lambda parameters: torch.optim.RMSprop(parameters, **chosen)


def adagrad(**chosen: Any) -> tuple[Any, Callable[[Any], Any]]:
    theirs = dict(chosen)
    if "initial" in theirs:
        theirs["initial_accumulator_value"] = theirs.pop("initial")
    return Adagrad(**chosen), lambda parameters: torch.optim.Adagrad(parameters, **theirs)


PAIRS = {
    "SGD": sgd(lr=0.1),
    "SGD, decay": sgd(lr=0.1, weight_decay=0.2),
    "momentum": sgd(lr=0.1, momentum=0.9, weight_decay=0.2),
    "dampening": sgd(lr=0.1, momentum=0.5, dampening=0.3, weight_decay=0.2),
    "dampening without momentum": sgd(lr=0.1, dampening=0.3),
    "Nesterov": sgd(lr=0.1, momentum=0.9, weight_decay=0.2, nesterov=True),
    "maximize": sgd(lr=0.1, momentum=0.9, weight_decay=0.2, maximize=True),
    "Adam": adam(lr=0.01),
    "Adam, decay": adam(lr=0.01, weight_decay=0.2, betas=(0.5, 0.75)),
    "Adam, maximize": adam(lr=0.01, weight_decay=0.2, maximize=True),
    "amsgrad": adam(lr=0.01, amsgrad=True, betas=(0.5, 0.25)),
    "AdamW": adam(lr=0.01, weight_decay=0.2, decoupled=True),
    "AdamW, amsgrad": adam(lr=0.01, weight_decay=0.2, decoupled=True, amsgrad=True, betas=(0.5, 0.25)),
    "RMSprop": rmsprop(lr=0.01, alpha=0.9, eps=1e-8, weight_decay=0.2),
    "RMSprop, momentum": rmsprop(lr=0.01, alpha=0.9, eps=1e-8, momentum=0.5),
    "RMSprop, centered": rmsprop(lr=0.01, alpha=0.9, eps=1e-2, centered=True),
    "Adagrad": adagrad(lr=0.1, lr_decay=0.2, eps=1e-10, weight_decay=0.1, initial=0.5),
    "Adagrad, maximize": adagrad(lr=0.1, eps=1e-10, maximize=True),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_step_is_that_of_torch(name: str) -> None:
    ours, make = PAIRS[name]
    generator = np.random.default_rng(0)
    point = tuple(generator.standard_normal(shape) for shape in SHAPES)
    parameters = [torch.tensor(leaf) for leaf in point]
    optimizer = make(parameters)
    state: Any = None
    exact = sized(ours)
    for k in range(6):
        gradients: Any = tuple(generator.standard_normal(shape) for shape in SHAPES)
        if k == 2:
            gradients = (gradients[0], None)  # skipped: no decay, no update of its state
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else torch.tensor(gradient)
        optimizer.step()
        terms, _ = step(exact, sized(point), sized(gradients), sized(state))
        after, state = step(ours, point, gradients, state)
        for mine, theirs, term in zip(after, parameters, terms, strict=True):
            assert isinstance(term, Sized)
            bound = 2 * 16 * UNIT / (1 - 16 * UNIT) * _wide(term)
            assert (abs(mine - theirs.numpy()) <= bound).all(), (name, k)
        # the next step starts from the same numbers on both sides
        for parameter, mine in zip(parameters, after, strict=True):
            parameter.copy_(torch.tensor(mine))
        point = after
        _copy_state(optimizer, parameters, state)


def _wide(term: Sized) -> Any:
    return np.asarray(term.size) + np.finfo(float).tiny


def _copy_state(optimizer: Any, parameters: list[Any], state: Any) -> None:
    names = {
        "momentum_buffer": ("buffer",),
        "exp_avg": ("mean",),
        "exp_avg_sq": ("square",),
        "max_exp_avg_sq": ("largest",),
        "square_avg": ("square",),
        "grad_avg": ("mean",),
        "sum": ("squares",),
    }
    for parameter, slot in zip(parameters, state, strict=True):
        for key, value in optimizer.state.get(parameter, {}).items():
            if key in names and value is not None and slot is not None:
                mine: Any = getattr(slot, names[key][0], slot)
                value.copy_(torch.tensor(mine))


@pytest.mark.parametrize("name", ["momentum", "Nesterov", "AdamW, amsgrad", "RMSprop", "Adagrad"])
def test_a_wrong_step_is_told_from_that_of_torch(name: str) -> None:
    """The same comparison catches a relative error of 1e-12 in the rate."""
    ours, make = PAIRS[name]
    wrong = replace(ours, lr=ours.lr * (1 + 1e-12))
    point = (np.full((3,), 1e-3),)
    gradient = (np.ones(3),)
    parameters = [torch.tensor(leaf) for leaf in point]
    optimizer = make(parameters)
    parameters[0].grad = torch.tensor(gradient[0])
    optimizer.step()
    terms, _ = step(sized(ours), sized(point), sized(gradient))
    after, _ = step(wrong, point, gradient)
    assert (abs(after[0] - parameters[0].numpy()) > 2 * 16 * UNIT * terms[0].size).any()


def test_torch_tensors_are_leaves_too() -> None:
    ours, _ = PAIRS["AdamW"]
    point = (torch.ones(3, dtype=torch.float64),)
    after, _ = step(ours, point, (torch.full((3,), 2.0, dtype=torch.float64),))
    flat, _ = step(ours, (np.ones(3),), (np.full(3, 2.0),))
    assert abs(after[0].numpy() - flat[0]).max() <= 16 * UNIT
