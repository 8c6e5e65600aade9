"""Cases of Adam, AdamW, RMSprop and Adagrad: results are enclosed, for they contain roots."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ._cases import ALONG, FIFTH, HALF, TENTH, Case, both, split, usual

_FAST: Mapping[str, Any] = {"lr": TENTH, "beta1": HALF, "beta2": Fraction(3, 4)}
_SHRINKING = ({"w": (4, -8, 3), "b": (-5, 2)}, {"w": (TENTH, 1, -1), "b": (FIFTH, 1)}, *ALONG[2:])
"""The second gradient is small, so that the largest mean of squares is not the last one."""


def _adam(kind: str) -> tuple[Case, ...]:
    inside = "inside of the gradient" if kind == "adam" else "outside, times the learning rate"
    return (
        usual(
            f"{kind}.usual", "The hyper-parameters everybody uses.", both(kind, lr=Fraction(1, 1000), weight_decay=0)
        ),
        usual(f"{kind}.decay", f"Decay is {inside}.", both(kind, **_FAST, weight_decay=FIFTH)),
        usual(
            f"{kind}.eps-outside",
            "eps is added to the root of the corrected mean: not inside of the root, not before the correction.",
            both(kind, **_FAST, eps=HALF, weight_decay=0),
        ),
        usual(
            f"{kind}.amsgrad",
            "The largest mean of squares is kept before its correction.",
            both(kind, **_FAST, amsgrad=True, weight_decay=0),
            gradients=_SHRINKING,
        ),
        usual(f"{kind}.maximize", "Ascent, with decay.", both(kind, **_FAST, maximize=True, weight_decay=FIFTH)),
        usual(
            f"{kind}.schedule",
            "The rate of a step does not change what is remembered.",
            both(kind, **_FAST, weight_decay=FIFTH),
            schedule=(HALF, 1, Fraction(1, 4), 2),
        ),
        usual(
            f"{kind}.no-decay-on-bias",
            "A group without decay, and with other means.",
            split(kind, {**_FAST, "weight_decay": FIFTH}, {"lr": FIFTH, "beta1": Fraction(3, 4), "weight_decay": 0}),
        ),
        usual(
            f"{kind}.frozen-then-free",
            "The steps of a tensor count from its first gradient.",
            both(kind, **_FAST, weight_decay=FIFTH),
            gradients=({**ALONG[0], "b": None}, *ALONG[1:]),
        ),
    )


_SLOW: Mapping[str, Any] = {"lr": TENTH, "alpha": Fraction(3, 4)}
RMSPROP = (
    usual("rmsprop.usual", "The hyper-parameters of PyTorch.", both("rmsprop", lr=Fraction(1, 100))),
    usual("rmsprop.decay", "Decay is inside of the gradient.", both("rmsprop", **_SLOW, weight_decay=FIFTH)),
    usual("rmsprop.eps-outside", "eps is added to the root, not inside of it.", both("rmsprop", **_SLOW, eps=HALF)),
    usual("rmsprop.centered", "The variance, not the mean of squares.", both("rmsprop", **_SLOW, centered=True)),
    usual(
        "rmsprop.momentum",
        "The buffer holds divided gradients, without the learning rate.",
        both("rmsprop", **_SLOW, momentum=HALF, weight_decay=TENTH),
        schedule=(1, HALF, 2, 1),
    ),
    usual(
        "rmsprop.centered-momentum",
        "Both, and ascent.",
        both("rmsprop", **_SLOW, momentum=HALF, centered=True, maximize=True),
    ),
    usual(
        "rmsprop.groups",
        "Every group has its own means.",
        split("rmsprop", {**_SLOW, "weight_decay": FIFTH}, {"lr": FIFTH, "alpha": HALF}),
    ),
)
ADAGRAD = (
    usual("adagrad.usual", "The hyper-parameters of PyTorch.", both("adagrad", lr=Fraction(1, 100))),
    usual("adagrad.without-eps", "Nothing but the root of the sum of squares.", both("adagrad", lr=TENTH, eps=0)),
    usual("adagrad.eps-outside", "eps is added to the root, not inside of it.", both("adagrad", lr=TENTH, eps=HALF)),
    usual("adagrad.decay", "Decay is inside of the gradient.", both("adagrad", lr=TENTH, weight_decay=FIFTH)),
    usual(
        "adagrad.rate-decay",
        "The first step has the whole rate, the second lr / (1 + lr_decay).",
        both("adagrad", lr=HALF, lr_decay=HALF),
    ),
    usual("adagrad.initial", "The sum starts above 0.", both("adagrad", lr=HALF, initial=2, eps=0)),
    usual(
        "adagrad.maximize",
        "Ascent, with decay and a schedule.",
        both("adagrad", lr=HALF, maximize=True, weight_decay=FIFTH),
        schedule=(1, HALF, HALF, 2),
    ),
)
CASES: tuple[Case, ...] = (*_adam("adam"), *_adam("adamw"), *RMSPROP, *ADAGRAD)
