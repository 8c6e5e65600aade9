"""Runs of adaptive optimizers: drawn, exact, and in floats with a bound for what divides by roots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..oracles.dynamics import (
    Adagrad,
    Adam,
    Charge,
    Law,
    Moment,
    Number,
    RMSprop,
    Sized,
    Vector,
    find_law,
    rational_root,
)
from ._discrete import (
    Case,
    Trainable,
    any_engine,
    array_charge,
    bounded,
    exact_moment,
    float_run,
    moving,
    windows,
    worst,
)
from ._theorem import Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

F = Fraction
ADAM = tuple(find_law(f"adam.{name}") for name in ("step", "mean", "metric"))
ADAMW = tuple(find_law(f"adamw.{name}") for name in ("step", "mean", "metric"))
METRIC = (find_law("rmsprop.metric"), find_law("adagrad.metric"))
LAWS = (*ADAM, *ADAMW, *METRIC)
STEP_ROUNDINGS = 24
"""Of one step on any path: two means, two powers, two corrections, a root, two quotients, products and differences,
each with the rounding of its hyper-parameters."""


def _grid(low: int, high: int, of: int) -> SearchStrategy[Fraction]:
    from hypothesis import strategies as st

    return st.integers(low, high).map(lambda k: F(k, of))


def adam(steps: int, *, amsgrad: bool | None = None, decoupled: bool | None = None) -> SearchStrategy[tuple[Adam, ...]]:
    """Adam or AdamW, with amsgrad or not, the same at every step; roots are rational."""
    from hypothesis import strategies as st

    chosen = st.builds(
        Adam,
        lr=_grid(1, 20, 40),
        beta1=st.sampled_from((F(0), F(1, 2), F(9, 10))),
        beta2=st.sampled_from((F(1, 2), F(9, 10), F(99, 100))),
        eps=st.sampled_from((F(1, 10), F(1, 10**8))),
        weight_decay=_grid(0, 6, 20),
        decoupled=st.booleans() if decoupled is None else st.just(decoupled),
        amsgrad=st.booleans() if amsgrad is None else st.just(amsgrad),
        maximize=st.booleans(),
        root=st.just(rational_root),
    )
    return chosen.map(lambda h: (h,) * steps)


def adaptive(steps: int) -> SearchStrategy[tuple[Any, ...]]:
    """Adam, AdamW, RMSprop or Adagrad."""
    from hypothesis import strategies as st

    shared: dict[str, Any] = {
        "lr": _grid(1, 20, 40),
        "eps": st.sampled_from((F(1, 10), F(1, 10**8))),
        "weight_decay": _grid(0, 6, 20),
        "maximize": st.booleans(),
        "root": st.just(rational_root),
    }
    rmsprop = st.builds(RMSprop, alpha=st.sampled_from((F(1, 2), F(9, 10), F(99, 100))), **shared)
    adagrad = st.builds(Adagrad, lr_decay=_grid(0, 4, 10), initial=_grid(0, 2, 4), **shared)
    return st.one_of(adam(steps), st.one_of(rmsprop, adagrad).map(lambda h: (h,) * steps))


def float_adaptive(case: Case, dtype: str, laws: Sequence[Law] = LAWS) -> Residual:
    """The worst residual of a float run, evaluated exactly, its roots to 2^-256."""
    moments = bounded(float_run(case, any_engine(), dtype))
    return worst(
        [
            judged_metric(law, w, case.charge, case.target, dtype)
            for law in laws
            for w in windows(law, moments, case.charge)
        ]
    )


def judged_metric(law: Law, window: Sequence[Moment], charge: Charge, target: Trainable, dtype: str) -> Residual:
    """The residual of one step of an adaptive optimizer with its bound.

    The identity is a sum over coordinates of xi_i times ``P_i (theta'_i - a theta_i) + rate m_i``. P is that of the
    recorded squares, so the step is off by n roundings of its terms, ``P (|theta'| + |a theta|) + rate |m|``, and the
    new mean by n roundings of what it is made of, which torch computes as ``m + (1 - beta1) (d - m)``: at most
    ``2 |m| + 4 (1 - beta1) |d|``. Where ``1 - beta^t`` cancels its rounding grows by ``(1 + beta^t) / (1 - beta^t)``.
    """
    import numpy as np

    from ..simulations.fields import gamma

    value = abs(law.residual([exact_moment(moment) for moment in window], charge))
    now, after = window
    h: Any = now.optimizer
    theta = [leaf.astype(float) for leaf in now.parameters]
    gradients = target.gradient_sizes(now.index, tuple(theta))
    fields = _field_sizes(array_charge(charge, now.parameters), theta)
    terms = 0.0
    for i, xi in enumerate(fields):
        old, new = (now.state or ())[i] if now.state else None, (after.state or ())[i]
        metric, rate, mean = _sizes(h, old, new, gradients[i], theta[i])
        moved = metric * (abs(after.parameters[i].astype(float)) + abs(theta[i]))
        terms += float((xi * (mean if law.name.endswith(".mean") else moved + rate * mean)).sum())
    tiny = float(np.finfo(dtype).tiny) * (1 + terms)
    return Residual(float(value), gamma(target.roundings + STEP_ROUNDINGS, dtype) * terms + tiny, moving(window))


def _sizes(h: Any, old: Any, new: Any, gradient: Any, theta: Any) -> tuple[Any, Any, Any]:
    """Absolute terms of the metric, the rate and the new mean."""
    if isinstance(h, Adam):
        b1, b2 = h.beta1**new.step, h.beta2**new.step
        root = ((new.largest if h.amsgrad else new.square).astype(float) / (1 - b2)) ** 0.5
        mean = 4 * (1 - h.beta1) * (gradient + h.coupled_decay * abs(theta))
        if old is not None:
            mean = mean + 2 * abs(old.mean.astype(float))
        return root * (1 + b2) / (1 - b2) + h.eps, h.lr * (1 + b1) / (1 - b1) ** 2, mean
    squares = new.squares if isinstance(h, Adagrad) else new.square
    return squares.astype(float) ** 0.5 + h.eps, h.rate(new), gradient + h.weight_decay * abs(theta)


def _field_sizes(charge: Charge, theta: Sequence[Any]) -> list[Any]:
    """The absolute terms of the generator, coordinate by coordinate."""
    import numpy as np

    sized: Any = tuple(Sized(leaf, abs(leaf)) for leaf in theta)
    found: list[Any] = []
    for i, leaf in enumerate(theta):
        row: list[float] = []
        for j in range(len(leaf)):
            unit = tuple(np.array([float((s, t) == (i, j)) for t in range(len(x))]) for s, x in enumerate(theta))
            row.append(float(Sized.of(charge.pair(unit, sized)).size))
        found.append(np.array(row))
    return found


def equal_and_zero(optimizer: Any, gradients: Sequence[tuple[Fraction, Fraction]]) -> Number:
    """How far two equal coordinates part and a zero moves, over a run with equal and zero gradients."""
    from ..oracles.dynamics import run

    start = (Vector((F(2), F(2), F(0), F(1, 3))),)

    def gradient(k: int, _: Any) -> Any:
        g, other = gradients[k]
        return (Vector((g, g, 0, other)),)

    end = run([optimizer] * len(gradients), start, gradient)[-1].parameters[0]
    return abs(end[0] - end[1]) + abs(end[2])


def all_optimizers() -> Callable[[], SearchStrategy[Any]]:
    """Those that act on every coordinate alike: adaptive ones, SGD of all kinds, signs."""

    def drawn() -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        from ..oracles.dynamics import SignSGD
        from ._identities import heavy_ball, nesterov, plain

        first = st.one_of(adaptive(1), plain(1), heavy_ball(1), nesterov(1)).map(lambda chosen: chosen[0])
        signs = st.builds(SignSGD, lr=_grid(1, 9, 10), weight_decay=_grid(0, 6, 20))
        numbers = st.tuples(_grid(-8, 8, 4), _grid(-8, 8, 4))
        return st.tuples(st.one_of(first, signs), st.lists(numbers, min_size=1, max_size=3))

    return drawn
