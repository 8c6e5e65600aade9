"""The damped oscillator that approximates heavy ball: closed forms, whole runs, errors at a fixed time.

``(eta' (1 + beta)/2) theta'' + (1 - beta) theta' + grad L + lam theta = 0``, ``eta' = eta (1 - tau)``, ``t = eta' k``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

from ._orders import Model, Run

Start = Literal["derived", "zero", "slow"]
"""theta'(0): the derived one; 0, as in released code; -(g_0 + lam theta_0)/(1 - beta), the slow manifold."""
FINER = 8
"""Steps of RK4 for one step of heavy ball: the fast mode decays by a bounded factor in each of the latter."""


@dataclass(frozen=True, slots=True)
class HeavyBall:
    """Momentum, dampening and decay of a run whose length in time ``eta' K`` is fixed."""

    beta: float
    decay: float
    time: float
    tau: float = 0.0

    def share(self, start: Start) -> float:
        """theta'(0) as a multiple of g_0 + lam theta_0."""
        if start == "zero":
            return 0.0
        slow = 1 / (1 - self.beta)
        if start == "slow":
            return -slow
        return -slow + 2 / (1 + self.beta) * (slow - 1 / (1 - self.tau))


def damped(y0: Any, v0: Any, gamma: Any, d: Any, t: Any, kind: str, library: Any = math) -> Any:
    """The solution of ``y'' + 2 gamma y' + omega^2 y = 0`` from ``y(0) = y0, y'(0) = v0``.

    Args:
        y0: the value at 0.
        v0: the slope at 0.
        gamma: the damping.
        d: the root of ``|gamma^2 - omega^2|``.
        t: the time.
        kind: ``over`` for omega < gamma, ``under`` for omega > gamma, ``critical``.
        library: of exp, cos and sin: ``math`` or ``mpmath``.
    """
    if kind == "over":  # with real exponentials: the cosine of an imaginary number overflows
        plus, minus = -gamma + d, -gamma - d
        return ((v0 - minus * y0) * library.exp(plus * t) - (v0 - plus * y0) * library.exp(minus * t)) / (plus - minus)
    if kind == "critical":
        return library.exp(-gamma * t) * (y0 + (v0 + gamma * y0) * t)
    swing = y0 * library.cos(d * t) + (v0 + gamma * y0) / d * library.sin(d * t)
    return library.exp(-gamma * t) * swing


def translation_errors(ball: HeavyBall, start: Start, counts: Sequence[int]) -> list[tuple[float, float]]:
    """``|s_K - s(T)|`` from s_0 = 1 for each number of steps K, in 50 digits: (eta', error)."""
    mpmath: Any = import_module("mpmath")
    found: list[tuple[float, float]] = []
    with mpmath.workdps(50):
        c, beta, lam = mpmath.mpf(1) - ball.tau, mpmath.mpf(ball.beta), mpmath.mpf(ball.decay)
        for K in counts:
            step = mpmath.mpf(ball.time) / K
            before, now = mpmath.mpf(1), 1 - step / c * lam
            for _ in range(K - 1):
                before, now = now, (1 + beta - step * lam) * now - beta * before
            gamma = (1 - beta) / (step * (1 + beta))
            square = gamma**2 - 2 * lam / (step * (1 + beta))
            kind = "over" if square > 0 else "under" if square < 0 else "critical"
            s = damped(1, ball.share(start) * lam, gamma, mpmath.sqrt(abs(square)), ball.time, kind, mpmath)
            found.append((float(step), float(abs(now - s))))
    return found


@cache
def charge_errors(ball: HeavyBall, model: Model, start: Start, counts: tuple[int, ...]) -> list[tuple[float, float]]:
    """The same for the quadratic charge of a loss of ``_orders.py``: heavy ball against the whole oscillator."""
    first = (1.0, 2.0) if model == "scale" else (1.5, 0.5)
    run = Run(model, first, ball.decay)
    found: list[tuple[float, float]] = []
    for K in counts:
        step = ball.time / K
        end = _oscillator(ball, run, ball.share(start), step)
        found.append((step, abs(run.square(_heavy_ball(ball, run, step, K)) - run.square(end))))
    return found


def flow_errors(ball: HeavyBall, model: Model, counts: Sequence[int]) -> list[tuple[float, float]]:
    """Against the flow ``theta' = -(g + lam theta)/(1 - beta)``, which forgets the inertia."""
    first = (1.0, 2.0) if model == "scale" else (1.5, 0.5)
    run = Run(model, first, ball.decay)

    def field(state: Sequence[float]) -> list[float]:
        d = _descent(run, state)
        return [-x / (1 - ball.beta) for x in d]

    end = _rk4(field, list(first), ball.time, 1000)
    exact = run.square((end[0], end[1]))
    return [(ball.time / K, abs(run.square(_heavy_ball(ball, run, ball.time / K, K)) - exact)) for K in counts]


def _descent(run: Run, p: Sequence[float]) -> list[float]:
    g = run.gradient((p[0], p[1]))
    return [g[0] + run.decay * p[0], g[1] + run.decay * p[1]]


def _heavy_ball(ball: HeavyBall, run: Run, step: float, count: int) -> tuple[float, float]:
    """PyTorch's rule: the first buffer is not damped."""
    c = 1 - ball.tau
    eta = step / c
    p = list(run.start)
    v = _descent(run, p)
    for k in range(count):
        if k:
            v = [ball.beta * a + c * b for a, b in zip(v, _descent(run, p), strict=True)]
        p = [x - eta * a for x, a in zip(p, v, strict=True)]
    return p[0], p[1]


def _oscillator(ball: HeavyBall, run: Run, share: float, step: float) -> tuple[float, float]:
    inertia = step * (1 + ball.beta) / 2

    def field(state: Sequence[float]) -> list[float]:
        d = _descent(run, state)
        return [state[2], state[3], *(-((1 - ball.beta) * v + x) / inertia for v, x in zip(state[2:], d, strict=True))]

    state = [*run.start, *(share * x for x in _descent(run, run.start))]
    end = _rk4(field, state, ball.time, FINER * round(ball.time / step))
    return end[0], end[1]


def _rk4(field: Callable[[Sequence[float]], list[float]], state: list[float], time: float, count: int) -> list[float]:
    h = time / count
    for _ in range(count):
        a = field(state)
        b = field([x + h / 2 * k for x, k in zip(state, a, strict=True)])
        c = field([x + h / 2 * k for x, k in zip(state, b, strict=True)])
        d = field([x + h * k for x, k in zip(state, c, strict=True)])
        state = [x + h / 6 * (p + 2 * q + 2 * r + s) for x, p, q, r, s in zip(state, a, b, c, d, strict=True)]
    return state
