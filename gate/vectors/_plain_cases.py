"""Cases of SGD, SGDW, SAM, signs and spans: results are exact rational numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ._cases import ALONG, FIFTH, HALF, NORMED, TENTH, WHERE, Case, both, neuron, opposite, ratio, split, usual

_SHIFT: dict[str, Any] = {"start": {"w": (1, 2)}, "gradients": opposite(2, -1, HALF)}
_SCALE: dict[str, Any] = {"start": {"w": (1, 2)}, "gradients": ratio, "steps": 2}
_ONE = {"kind": "sgd", "tensors": ["w"]}
_HEAVY = {**_ONE, "lr": TENTH, "weight_decay": FIFTH, "momentum": HALF}


def _clipped(name: str, says: str, kind: str, **numbers: Any) -> Case:
    groups = both("sgd", lr=HALF, momentum=HALF)
    return Case(id=name, says=says, start=WHERE, gradients=NORMED, groups=groups, transform={"kind": kind, **numbers})


SGD = (
    usual("sgd.plain", "theta - lr g and nothing else.", both("sgd", lr=TENTH)),
    usual("sgd.decay", "Coupled decay is added to the gradient.", both("sgd", lr=TENTH, weight_decay=FIFTH)),
    usual(
        "sgd.momentum", "The buffer starts with the whole gradient.", both("sgd", lr=TENTH, momentum=Fraction(9, 10))
    ),
    usual(
        "sgd.decay-inside-momentum",
        "Coupled decay enters the buffer; added after the buffer it is SGDW.",
        both("sgd", lr=TENTH, momentum=HALF, weight_decay=FIFTH),
    ),
    Case(
        id="sgd.dampening-first-step",
        says="The first buffer is not dampened: the sum of the parameters is 3, 147/50, 14403/5000, 1411047/500000, "
        "and 297/100 after one step where it is.",
        groups=({**_HEAVY, "dampening": HALF},),
        **_SHIFT,
    ),
    Case(
        id="sgd.first-step-damped",
        says="Research code that dampens the first buffer too: the sum after one step is 297/100.",
        groups=({**_HEAVY, "dampening": HALF, "first_step_damped": True},),
        **_SHIFT,
    ),
    Case(
        id="sgd.undamped",
        says="Without dampening the sum of the parameters is 3, 147/50, 1782/625, 171861/62500.",
        groups=(_HEAVY,),
        **_SHIFT,
    ),
    Case(
        id="sgd.nesterov-shift",
        says="Nesterov with decay: the sum of the parameters is 3, 291/100, 28077/10000, 2701419/1000000.",
        groups=({**_HEAVY, "nesterov": True},),
        **_SHIFT,
    ),
    Case(
        id="sgd.rate-drop",
        says="The learning rate halves inside a momentum run: |w|^2 is 5, 641/125, 6898232746/1316873605. A buffer "
        "that holds steps instead of gradients gives 174562816418/32921840125.",
        groups=({**_ONE, "lr": HALF, "momentum": HALF},),
        schedule=(1, HALF),
        **_SCALE,
    ),
    Case(
        id="sgd.no-decay-on-bias",
        says="One ReLU neuron whose bias is spared: w^2 + b^2 - o^2 goes from 44/9 to 173/90, and to 1589/900 where "
        "the bias decays too.",
        start={"w": (2,), "b": (1,), "o": (Fraction(1, 3),)},
        gradients=neuron,
        steps=1,
        groups=(
            {"kind": "sgd", "tensors": ["w", "o"], "lr": HALF, "weight_decay": FIFTH},
            {"kind": "sgd", "tensors": ["b"], "lr": HALF},
        ),
    ),
    Case(
        id="sgd.nesterov",
        says="Nesterov is not heavy ball: |w|^2 is 5, 7801/2000, 1088080416861618769/379787634720800000.",
        groups=({**_ONE, "lr": HALF, "weight_decay": FIFTH, "momentum": HALF, "nesterov": True},),
        **_SCALE,
    ),
    usual(
        "sgd.schedule-from-first-step",
        "A warm-up acts in the first step already; one step late it is seen at once.",
        both("sgd", lr=HALF, momentum=HALF, weight_decay=TENTH),
        schedule=(Fraction(1, 4), HALF, 1, Fraction(3, 4)),
    ),
    usual("sgd.maximize", "Ascent on the loss still decays.", both("sgd", lr=TENTH, weight_decay=FIFTH, maximize=True)),
    usual(
        "sgd.maximize-momentum",
        "The sign is turned before decay, buffer and dampening.",
        both("sgd", lr=TENTH, weight_decay=FIFTH, momentum=HALF, dampening=Fraction(1, 4), maximize=True),
    ),
    usual(
        "sgd.groups",
        "Every group has its own rate, momentum, dampening and decay.",
        split(
            "sgd",
            {"lr": TENTH, "momentum": HALF, "weight_decay": FIFTH},
            {"lr": FIFTH, "momentum": Fraction(3, 4), "dampening": HALF},
        ),
        schedule=(1, HALF, HALF, 2),
    ),
    usual(
        "sgd.frozen-then-free",
        "A tensor without gradient is skipped, decay included, and its first step comes with its first gradient.",
        both("sgd", lr=TENTH, momentum=HALF, dampening=HALF, weight_decay=FIFTH),
        gradients=({**ALONG[0], "b": None}, {**ALONG[1], "b": None}, *ALONG[2:]),
    ),
    _clipped("sgd.clip-global-norm", "All gradients are divided by one norm.", "clip-global-norm", limit=2, eps=0),
    _clipped(
        "sgd.clip-global-norm-eps",
        "As torch clips: 1/10^6 is added to the norm.",
        "clip-global-norm",
        limit=2,
        eps=Fraction(1, 10**6),
    ),
    _clipped(
        "sgd.clip-each-tensor",
        "Every tensor by its own norm, which is not global clipping.",
        "clip-each-tensor",
        limit=1,
        eps=Fraction(1, 10**6),
    ),
    _clipped("sgd.clip-value", "Entry by entry, which is no clipping of a norm.", "clip-value", limit=Fraction(3, 2)),
)
_DECOUPLED: dict[str, Any] = {"lr": TENTH, "momentum": HALF, "weight_decay": FIFTH}
SGDW = (
    usual("sgdw.plain", "Decay stays outside of the buffer.", both("sgdw", **_DECOUPLED)),
    usual(
        "sgdw.schedule",
        "Decoupled decay is times the rate of its own step.",
        both("sgdw", **_DECOUPLED),
        schedule=(1, HALF, 2, Fraction(1, 4)),
    ),
    usual("sgdw.maximize", "Decay is not turned around with the gradient.", both("sgdw", **_DECOUPLED, maximize=True)),
    usual(
        "sgdw.no-decay-on-bias",
        "A group without decay.",
        split("sgdw", _DECOUPLED, {"lr": FIFTH, "momentum": Fraction(3, 4)}),
    ),
)
SAM = (
    Case(
        id="sam.scale",
        says="From (3, 4) the gradient is taken at (17/5, 37/10); |w|^2 becomes 2674459429/103030100.",
        start={"w": (3, 4)},
        gradients=ratio,
        steps=1,
        groups=({"kind": "sam", "tensors": ["w"], "lr": 5, "rho": HALF, "weight_decay": Fraction(1, 50)},),
    ),
    Case(
        id="sam.two-tensors",
        says="The ascent divides by the norm of the gradients of all tensors.",
        start=WHERE,
        gradients=NORMED,
        groups=both("sam", lr=TENTH, rho=FIFTH),
    ),
    Case(
        id="sam.maximize",
        says="Ascent becomes descent.",
        start=WHERE,
        gradients=NORMED,
        groups=both("sam", lr=TENTH, rho=FIFTH, weight_decay=TENTH, maximize=True),
    ),
)
_ZEROS = ({"w": (0, 3, -1), "b": (Fraction(1, 1000), -5)}, *ALONG[1:])
SIGNSGD = (
    usual("signsgd.plain", "Sizes do not matter, and the sign of 0 is 0.", both("signsgd", lr=TENTH), gradients=_ZEROS),
    usual("signsgd.decay", "Decay is decoupled.", both("signsgd", lr=TENTH, weight_decay=FIFTH), gradients=_ZEROS),
    usual("signsgd.maximize", "Ascent.", both("signsgd", lr=FIFTH, weight_decay=TENTH, maximize=True)),
)
SPAN = (
    usual(
        "span.two-gradients",
        "A combination of this gradient and the one before, as L-BFGS takes; in the first step there is none.",
        both("span", coefficients=[TENTH, Fraction(1, 20)]),
    ),
    usual(
        "span.three-gradients",
        "Of three, with a schedule of all coefficients.",
        both("span", coefficients=[TENTH, Fraction(-1, 20), Fraction(1, 40)]),
        schedule=(1, HALF, HALF, 2),
    ),
)
CASES: tuple[Case, ...] = (*SGD, *SGDW, *SAM, *SIGNSGD, *SPAN)
