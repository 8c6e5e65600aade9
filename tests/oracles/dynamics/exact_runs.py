"""Exact runs for the tests beside this file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from random import Random
from typing import Any

from flowlaw.oracles.dynamics import (
    SAM,
    SGD,
    SGDW,
    Adagrad,
    Adam,
    AdamW,
    Affine,
    Charge,
    Gradients,
    Grouped,
    Kind,
    Law,
    Leaves,
    Moment,
    RMSprop,
    Signed,
    Span,
    Translation,
    Vector,
    rational_root,
    run,
)

SIZES = (3, 2)


def rational(random: Random) -> Fraction:
    return Fraction(random.choice((-1, 1)) * random.randint(1, 9), random.randint(1, 4))


def vectors(random: Random) -> Leaves:
    return tuple(Vector(rational(random) for _ in range(size)) for size in SIZES)


def rate(random: Random) -> Fraction:
    return Fraction(random.randint(1, 9), 10)


def charge(random: Random, kind: Kind) -> Charge:
    """A generic charge of a kind on all five coordinates."""
    n = range(sum(SIZES))
    free = {(i, j): rational(random) for i in n for j in n}
    if kind == "linear":
        return Affine({}, {i: rational(random) for i in n})
    if kind == "generator":
        return Affine(free, {i: rational(random) for i in n})
    sign = 1 if kind == "quadratic" else -1
    return Affine(
        {(i, j): free[min(i, j), max(i, j)] * (1 if i <= j else sign) for i, j in free if i != j or sign == 1}
    )


def units(point: Leaves) -> list[Leaves]:
    return [
        tuple(Vector(int((s, j) == (t, i)) for j in range(len(p))) for s, p in enumerate(point))
        for t, tensor in enumerate(point)
        for i in range(len(tensor))
    ]


def field(charge: Charge, point: Leaves) -> Leaves:
    """The generator at a point, coordinate by coordinate."""
    values = iter([charge.pair(unit, point) for unit in units(point)])
    return tuple(Vector(next(values) for _ in tensor) for tensor in point)


def inner(a: Leaves, b: Leaves) -> Fraction:
    return sum((Fraction((x * y).sum()) for x, y in zip(a, b, strict=True)), Fraction(0))


def symmetric(random: Random, charge: Charge) -> Callable[[int, Leaves], Gradients]:
    """Random gradients made orthogonal to the generator, at whatever point they are asked for."""

    def gradient(_: int, point: Leaves) -> Gradients:
        g, xi = vectors(random), field(charge, point)
        off = inner(g, xi) / inner(xi, xi) if inner(xi, xi) else Fraction(0)
        return tuple(x - off * y for x, y in zip(g, xi, strict=True))

    return gradient


def generic(random: Random) -> Callable[[int, Leaves], Gradients]:
    """Random gradients without any symmetry."""
    return lambda _k, _point: vectors(random)


def _sgd(random: Random, **chosen: Any) -> SGD:
    return SGD(lr=rate(random), weight_decay=rate(random), **chosen)


MAKERS: dict[str, Callable[[Random, bool], Any]] = {
    "SGD": lambda random, up: _sgd(random, maximize=up),
    "heavy ball": lambda random, up: _sgd(random, momentum=rate(random), dampening=rate(random), maximize=up),
    "damped first step": lambda random, up: _sgd(
        random, momentum=rate(random), dampening=rate(random), first_step_damped=True
    ),
    "Nesterov": lambda random, up: _sgd(random, momentum=Fraction(1, 3), nesterov=True, maximize=up),
    "SGDW": lambda random, up: SGDW(lr=rate(random), momentum=rate(random), weight_decay=rate(random), maximize=up),
    "Adam": lambda random, up: Adam(lr=rate(random), weight_decay=rate(random), root=rational_root, maximize=up),
    "amsgrad": lambda random, up: Adam(lr=rate(random), weight_decay=rate(random), root=rational_root, amsgrad=True),
    "AdamW": lambda random, up: AdamW(lr=rate(random), weight_decay=rate(random), root=rational_root, maximize=up),
    "RMSprop": lambda random, up: RMSprop(lr=rate(random), weight_decay=rate(random), root=rational_root, maximize=up),
    "centered RMSprop": lambda random, up: RMSprop(lr=rate(random), root=_absolute_root, centered=True),
    "Adagrad": lambda random, up: Adagrad(
        lr=rate(random), lr_decay=rate(random), weight_decay=rate(random), root=rational_root, maximize=up
    ),
    "SAM": lambda random, up: SAM(lr=rate(random), rho=rate(random), weight_decay=rate(random), norm=3, maximize=up),
    "span of gradients": lambda random, up: Span(coefficients=(rate(random), rate(random), rate(random))),
}


def _absolute_root(x: Any) -> Any:
    return rational_root(abs(x))


def random_run(
    name: str, seed: int, kind: Kind, *, broken: bool = False, constant: bool = False, steps: int = 3
) -> tuple[tuple[Moment, ...], Charge]:
    """An exact run of an optimizer with a random schedule, and its charge."""
    random = Random(seed)
    chosen = charge(random, kind)
    up = random.random() < 0.3
    make = MAKERS[name]
    optimizers = [make(random, up)] * steps if constant else [make(random, up) for _ in range(steps)]
    gradient = generic(random) if broken else symmetric(random, chosen)
    return run(optimizers, vectors(random), gradient), chosen


def windows(law: Law, moments: Sequence[Moment], charge: Charge) -> list[Sequence[Moment]]:
    """The windows that the law speaks of."""
    if law.longer:
        found: list[Sequence[Moment]] = [moments]
    else:
        found = [moments[k : k + law.steps + 1] for k in range(len(moments) - law.steps)]
    return [window for window in found if not law.obstacle(window, charge)]


def grouped_run(seed: int, name: str, *, broken: bool = False) -> tuple[tuple[Moment, ...], Charge]:
    """A step with parameter groups that the identity ``name`` is about, three tensors of one and two entries."""
    random = Random(seed)
    start = tuple(Vector(rational(random) for _ in range(size)) for size in (2, 1, 2))
    chosen = Signed({0: 1, 1: Fraction(2, 3), 2: -1})
    rates = [rate(random) for _ in range(3)]
    decays = [rate(random) for _ in range(3)]
    if name == "param-groups.closed":
        decays = [Fraction(1, 5) / eta for eta in rates]
    if name == "no-decay-bias":
        rates = rates[:1] * 3
        decays = [decays[0], Fraction(0), decays[0]]
    groups = tuple(SGD(lr=eta, weight_decay=lam) for eta, lam in zip(rates, decays, strict=True))

    def gradient(_: int, point: Leaves) -> Gradients:
        g = tuple(Vector(rational(random) for _ in tensor) for tensor in point)
        if broken:
            return g
        xi = field(chosen, point)
        off = inner(g, xi) / inner(xi, xi)
        return tuple(x - off * y for x, y in zip(g, xi, strict=True))

    return run([Grouped(groups, (0, 1, 2))], start, gradient), chosen


def translation(random: Random) -> Translation:
    return Translation({0: Vector(rational(random) for _ in range(SIZES[0]))})
