"""Orders of accuracy in the learning rate: charges of SGD at a fixed time against formulas of continuous time.

Two losses of two parameters, f = (w1^2 - w2^2)/|w|^2 (scale) and (u w - 1)^2/2 (rescale), with decay lam. The flow and
the integrals of the formulas are solved by RK4 with ``STEPS`` steps, whose error is far below what is compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from ._theorem import Plot, Residual, Series

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

Model = Literal["scale", "rescale"]
Pair = tuple[float, float]
STEPS = 1200
RATES = (1 / 64, 1 / 128, 1 / 256, 1 / 512)
TOLERANCE = 0.1
"""How near to an integer a fitted order must be: the next term of the error changes it by about the rate."""


@dataclass(frozen=True, slots=True)
class Run:
    """A loss, where SGD starts, the decay and the time ``T = eta K``."""

    model: Model
    start: Pair
    decay: float
    time: float = 1.0

    def gradient(self, p: Pair) -> Pair:
        """Without decay."""
        x, y = p
        if self.model == "scale":
            n = (x * x + y * y) ** 2
            return 4 * x * y * y / n, -4 * x * x * y / n
        e = x * y - 1
        return e * y, e * x

    def square(self, p: Pair) -> float:
        """``|p|_S^2``."""
        return p[0] ** 2 + (1 if self.model == "scale" else -1) * p[1] ** 2

    def steps(self, eta: float) -> list[Pair]:
        """The iterates of SGD up to the time."""
        points = [self.start]
        keep = 1 - eta * self.decay
        for _ in range(round(self.time / eta)):
            (x, y), (g, h) = points[-1], self.gradient(points[-1])
            points.append((keep * x - eta * g, keep * y - eta * h))
        return points


@cache
def integrals(run: Run, rates: tuple[float, ...]) -> tuple[float, ...]:
    """``int_0^T exp(-mu (T - s)) |g(s)|_S^2 ds`` along gradient flow with decay, for each mu."""

    def field(state: Sequence[float]) -> list[float]:
        p = state[0], state[1]
        g = run.gradient(p)
        square = run.square(g)
        moved = [-g[0] - run.decay * p[0], -g[1] - run.decay * p[1]]
        return moved + [square - mu * J for mu, J in zip(rates, state[2:], strict=True)]

    state = [*run.start, *(0.0 for _ in rates)]
    h = run.time / STEPS
    for _ in range(STEPS):
        a = field(state)
        b = field([x + h / 2 * k for x, k in zip(state, a, strict=True)])
        c = field([x + h / 2 * k for x, k in zip(state, b, strict=True)])
        d = field([x + h * k for x, k in zip(state, c, strict=True)])
        state = [x + h / 6 * (p + 2 * q + 2 * r + s) for x, p, q, r, s in zip(state, a, b, c, d, strict=True)]
    return tuple(state[2:])


def corrected(run: Run, eta: float) -> float:
    """``mu = 2 lam + eta lam^2``."""
    return 2 * run.decay + eta * run.decay**2


def errors(run: Run, *, correct: bool) -> list[tuple[float, float]]:
    """For each rate the difference of the charge of SGD from the formula, with the rate 2 lam or the corrected one."""
    mus = tuple(corrected(run, eta) if correct else 2 * run.decay for eta in RATES)
    found: list[tuple[float, float]] = []
    for eta, mu, J in zip(RATES, mus, integrals(run, mus), strict=True):
        formula = math.exp(-mu * run.time) * run.square(run.start) + eta * J
        found.append((eta, abs(run.square(run.steps(eta)[-1]) - formula)))
    return found


def code_errors(run: Run) -> list[tuple[float, float]]:
    """The same for a sum along the run itself: ``eta^2 exp(-2 lam (T - t_k)) |g_k + lam theta_k|_S^2``."""
    found: list[tuple[float, float]] = []
    for eta in RATES:
        points = run.steps(eta)
        total = math.exp(-2 * run.decay * run.time) * run.square(run.start)
        for k, p in enumerate(points[:-1]):
            g = run.gradient(p)
            moved = g[0] + run.decay * p[0], g[1] + run.decay * p[1]
            total += eta**2 * math.exp(-2 * run.decay * (run.time - k * eta)) * run.square(moved)
        found.append((eta, abs(run.square(points[-1]) - total)))
    return found


def order(found: Sequence[tuple[float, float]]) -> float:
    """log2 of the last quotient of errors at rates in ratio 2."""
    return math.log2(found[-2][1] / found[-1][1])


def order_residual(found: Sequence[tuple[float, float]], expected: int, *, at_least: bool = False) -> Residual:
    """How far the order is from an integer, or below it: where a leading term happens to vanish the order is higher."""
    off = expected - order(found)
    return Residual(max(0.0, off) if at_least else abs(off), TOLERANCE, note=f"order {order(found):.3f}")


RUNS = (
    Run("scale", (1.0, 2.0), 0.8),
    Run("scale", (1.0, 0.5), 0.5),
    Run("scale", (-1.0, 1.0), 0.25),
    Run("rescale", (2.0, 1.0), 0.8),
    Run("rescale", (0.5, 1.5), 0.5),
    Run("rescale", (1.5, -0.25), 0.25),
)


def runs() -> SearchStrategy[Run]:
    """The runs above."""
    from hypothesis import strategies as st

    return st.sampled_from(RUNS)


def order_plot(title: str, curves: Sequence[tuple[str, Sequence[tuple[float, float]]]], caption: str) -> Plot:
    """Errors against the rate."""
    shown = [
        Series(f"{name}: order {order(found):.2f}", [(eta, error) for eta, error in found]) for name, found in curves
    ]
    return Plot(title, "eta", "error of the charge", shown, x_scale="log", y_scale="log", caption=caption)
