"""The flow of Z = phi(theta) alone against the flow of all parameters, for deep linear networks of many sizes.

Both are integrated by the same RK4 with the same steps from the same point, in float64 on one thread, and the end
points are compared, relative to how far Z moves. Milliseconds a step, medians of interleaved rounds; each measurement
follows one step that is not counted. The full flow is backpropagation in matrix products, from the thin side, into
arrays that are allocated once: 6 min(n, m) D operations a gradient. The reduced flow is ``simulations.reduced.deep``:
singular values by the decomposition of Z, or from the Gram matrix of its thin side, in place: 8 min(n, m) d operations.
Neither uses that its slopes have low rank.
Run ``python benchmarks reduced [--full]``, which sets one thread; ``--full`` adds larger networks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import ceil, sqrt
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowlaw.oracles.intrinsic import Chain
from flowlaw.simulations.reduced.deep import DeepFlow, InPlace, deep_flow

Array = NDArray[np.float64]
ROUNDS = 7
STEPS = 8
FEW = 2
"""Steps where there are more than a million parameters."""
ALONE = 16
"""Steps of Z alone in a measurement."""
LENGTH = 1 / 64


@dataclass(frozen=True)
class Case:
    """A network and its balances, from the output on."""

    says: str
    widths: tuple[int, ...]
    mus: tuple[float, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        return self.widths[0], self.widths[-1]

    @property
    def parameters(self) -> int:
        return sum(a * b for a, b in pairwise(self.widths))

    @property
    def coordinates(self) -> int:
        return self.widths[0] * self.widths[-1]


def hidden(n: int, m: int, ratio: float) -> int:
    """r with ``r^2 + (n + m) r = ratio n m``: n-r-r-m has ``ratio`` times as many parameters as entries of Z."""
    return ceil((sqrt((n + m) ** 2 + 4 * ratio * n * m) - (n + m)) / 2)


def thin(n: int, m: int, ratio: float) -> Case:
    """Two hidden layers of one width between n outputs and m inputs."""
    r = hidden(n, m, ratio)
    return Case("balanced", (n, r, r, m))


CASES = (
    thin(1, 80_000, 100),
    thin(2, 40_000, 100),
    thin(4, 20_000, 100),
    thin(8, 10_000, 100),
    thin(16, 5000, 100),
    thin(1, 8000, 100),
    thin(4, 2000, 10),
    thin(4, 2000, 100),
    thin(4, 2000, 1000),
    thin(10, 10, 100),
    thin(32, 32, 100),
    Case("balanced, 100 layers", (10,) * 101),
    Case("relaxed, 100 layers", (10,) * 101, tuple(0.3 * (-1) ** k / 100 for k in range(99))),
    Case("relaxed, 100 layers", (64,) * 101, tuple(0.3 * (-1) ** k / 100 for k in range(99))),
)
LARGE = (thin(8, 20_000, 100), thin(16, 16_000, 100), thin(100, 100, 100))


class FullFlow:
    """``theta' = -grad |Z - Y|^2/2`` by backpropagation; all layers lie in one array of length D."""

    def __init__(self, widths: Sequence[int], target: Array) -> None:
        if widths[0] > widths[-1]:
            raise ValueError("give the thin side first")
        self.shapes = list(pairwise(widths))
        self.offsets = list(accumulate((a * b for a, b in self.shapes), initial=0))
        self.target = target
        n = widths[0]
        self.before = [np.empty((n, width)) for width in widths[1:]]
        self.back = [np.empty((n, width)) for width in widths[1:]]
        # with one output the gradient of a layer is a column times a row, three times slower by matmul
        self.outer = np.matmul if n > 1 else np.multiply

    def layers(self, theta: Array) -> list[Array]:
        """Views of the layers."""
        return [
            theta[start:end].reshape(shape)
            for (start, end), shape in zip(pairwise(self.offsets), self.shapes, strict=True)
        ]

    def end_to_end(self, theta: Array) -> Array:
        """Z."""
        layers = self.layers(theta)
        product = layers[0]
        for layer in layers[1:]:
            product = product @ layer
        return product

    def slope(self, theta: Array, times: float, out: Array) -> None:
        """``times grad`` into ``out``; the factor is on the error, which is small."""
        layers, slopes = self.layers(theta), self.layers(out)
        before = [layers[0], *self.before[1:]]
        for k in range(1, len(layers)):
            np.matmul(before[k - 1], layers[k], out=before[k])
        np.subtract(before[-1], self.target, out=self.back[-1])
        self.back[-1] *= times
        for k in range(len(layers) - 1, 0, -1):
            self.outer(before[k - 1].T, self.back[k], out=slopes[k])
            np.matmul(self.back[k], layers[k].T, out=self.back[k - 1])
        slopes[0][...] = self.back[0]


class RungeKutta4:
    """The method for ``x' = -f(x)``, into arrays that are allocated once; ``slope(x, h, out)`` is ``h f(x)``.

    With ``a = h f(x)/2, b = h f(x - a)/2, c = h f(x - b), d = h f(x - c)/2`` a step is ``(a + 2 b + c + d)/3``, one
    product with the array of all four. Points between are written into ``moved``, which ``slope`` may know.
    """

    def __init__(self, slope: Callable[[Array, float, Array], None], size: int, moved: Array | None = None) -> None:
        self.slope = slope
        self.stages = np.empty((4, size))
        self.weights = np.array([1.0, 2.0, 1.0, 1.0]) / 3
        self.moved = np.empty(size) if moved is None else moved

    def step(self, x: Array, h: float) -> None:
        """One step in place."""
        a, b, c, d = self.stages
        self.slope(x, h / 2, a)
        for before, after, length in ((a, b, h / 2), (b, c, h), (c, d, h / 2)):
            np.subtract(x, before, out=self.moved)
            self.slope(self.moved, length, after)
        np.matmul(self.weights, self.stages, out=self.moved)
        x -= self.moved


def start(case: Case, rng: np.random.Generator) -> tuple[list[Array], Array]:
    """Layers with singular values of Z between 1/2 and 3/2 and the balances of the case, and a target."""
    n, m = case.shape
    depth = len(case.widths) - 1
    shifts = np.array(list(accumulate(case.mus or (0.0,) * (depth - 1), initial=0.0)))
    x = np.linspace(1.5, 0.5, min(case.widths)) ** (2 / depth) + max(0.0, float(shifts.max()))
    turns = [np.linalg.qr(rng.normal(size=(width, len(x))))[0] for width in case.widths]
    layers = [(P * np.sqrt(x - tau)) @ Q.T for (P, Q), tau in zip(pairwise(turns), shifts, strict=True)]
    return layers, rng.normal(size=(n, m)) / sqrt(m)


def flows(case: Case) -> dict[str, DeepFlow]:
    """The reduced flow by singular value decomposition and from the Gram matrix; they are one for one row."""
    depth = len(case.widths) - 1
    domain = "equal" if case.mus else "balanced"
    # the number of a closed form is exact; floats are taken as what they are
    found = Chain(domain, case.shape, tuple(map(_exact, case.mus or (0.0,) * (depth - 1))), min(case.widths))
    if case.shape[0] == 1:
        return {"Z alone, one row": deep_flow(found)}
    return {"Z alone, SVD": deep_flow(found), "Z alone, Gram": deep_flow(found, gram=True)}


def _exact(value: float) -> Any:
    from fractions import Fraction

    return Fraction(value)


def _alone(flow: DeepFlow, target: Array) -> RungeKutta4:
    goal = target.ravel()

    def by_decomposition(z: Array, times: float, out: Array) -> None:
        np.multiply(flow.apply(z, z - goal), times, out=out)

    if not flow.thin:
        return RungeKutta4(by_decomposition, len(goal))
    place = InPlace(flow)
    point, covector = place.point.reshape(-1), place.covector.reshape(-1)

    def by_products(z: Array, times: float, out: Array) -> None:
        if z is not point:
            np.copyto(point, z)
        np.subtract(z, goal, out=covector)
        place.apply(out, times)

    return RungeKutta4(by_products, len(goal), point)


@dataclass(frozen=True)
class Run:
    """A flow from a point, with steps of length h."""

    method: RungeKutta4
    begin: Array
    h: float

    def end(self, steps: int, halves: int = 1) -> Array:
        """Where it is after so many steps, each in so many parts."""
        now = self.begin.copy()
        for _ in range(steps * halves):
            self.method.step(now, self.h / halves)
        return now

    def milliseconds(self, steps: int) -> float:
        """A step, in the mean of ``steps`` steps after a first one."""
        now = self.end(1)
        begin = perf_counter()
        for _ in range(steps):
            self.method.step(now, self.h)
        return 1e3 * (perf_counter() - begin) / steps


def measure(case: Case) -> str:
    """Prints one case; its line in the table of all cases."""
    rng = np.random.default_rng(0)
    layers, target = start(case, rng)
    full = FullFlow(case.widths, target)
    theta = np.concatenate([U.ravel() for U in layers])
    z = full.end_to_end(theta).ravel()

    # the flow of Z is faster the more layers there are
    h = LENGTH * 3 / (len(case.widths) - 1)
    steps = STEPS if len(theta) <= 10**6 else FEW
    large = Run(RungeKutta4(full.slope, len(theta)), theta, h)
    small = {name: Run(_alone(flow, target), z, h) for name, flow in flows(case).items()}

    end = full.end_to_end(large.end(steps)).ravel()
    ends = {name: run.end(steps) for name, run in small.items()}
    full_times: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in small}
    for _ in range(ROUNDS):
        full_times.append(large.milliseconds(steps))
        for name, run in small.items():
            times[name].append(run.milliseconds(ALONE))

    D, d = case.parameters, case.coordinates
    spec = "-".join(map(str, case.widths)) if len(case.widths) < 9 else f"{case.widths[0]}-...-{case.widths[-1]}"
    moved = float(np.linalg.norm(end - z))
    first = next(iter(small))
    halved = float(np.linalg.norm(small[first].end(steps, 2) - ends[first])) / moved
    print(f"linear:{spec}, {case.says}: D = {D}, d = {d}, D/d = {D / d:.0f}; halving the step changes {halved:.1e}")
    slow = median(full_times)
    print(f"  {'all parameters':16s} {slow:9.4f} ms a step")
    lines: list[tuple[float, str]] = []
    for name, measured in times.items():
        ratios = sorted(a / b for a, b in zip(full_times, measured, strict=True))
        cheaper = slow / median(measured)
        spread = f"{ratios[0]:.0f} to {ratios[-1]:.0f}"
        gap = float(np.linalg.norm(ends[name] - end)) / moved
        print(f"  {name:16s} {median(measured):9.4f} ms a step {cheaper:8.1f}x (rounds {spread})  apart {gap:.1e}")
        holds = "yes" if cheaper >= D / d else "no"
        row = f"  {spec:18s} {case.says:20s} {name:16s} {D / d:6.0f} {cheaper:8.1f} {spread:12s} {holds}"
        lines.append((cheaper, row))
    return max(lines)[1]


def measure_batch(widths: tuple[int, ...] = (4, 20, 20, 4), count: int = 4096) -> None:
    """Many small networks at once: one gradient of each, all parameters against Z alone."""
    rng = np.random.default_rng(1)
    case = Case("balanced", widths)
    layers, target = start(case, rng)
    Us = [np.repeat(U[None], count, axis=0) for U in layers]
    Z = np.repeat((layers[0] @ layers[1] @ layers[2]).ravel()[None], count, axis=0)
    flow = flows(case)["Z alone, SVD"]
    goal = target.ravel()

    def full() -> Any:
        P2 = Us[0] @ Us[1]
        G = P2 @ Us[2] - target
        E = G @ Us[2].swapaxes(1, 2)
        slopes = (E @ Us[1].swapaxes(1, 2), Us[0].swapaxes(1, 2) @ E, P2.swapaxes(1, 2) @ G)
        return np.asarray(slopes[0] @ Us[1] @ Us[2] + Us[0] @ slopes[1] @ Us[2] + P2 @ slopes[2])

    def alone() -> Array:
        return np.asarray(flow.apply(Z, Z - goal), dtype=np.float64)

    gap = float(np.abs(full().reshape(count, -1) - alone()).max())
    times: dict[str, list[float]] = {"all parameters": [], "Z alone, SVD": []}
    for _ in range(ROUNDS):
        for name, run in (("all parameters", full), ("Z alone, SVD", alone)):
            begin = perf_counter()
            run()
            times[name].append(1e6 * (perf_counter() - begin) / count)
    print(f"{count} networks linear:{'-'.join(map(str, widths))} at once, one evaluation of Z'; apart {gap:.1e}")
    for name, measured in times.items():
        print(f"  {name:16s} {median(measured):9.3f} us a network, {1e6 / median(measured):.0f} a second")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="Reduced flows against full ones.")
    parser.add_argument("--full", action="store_true", help="also networks with millions of parameters")
    full = parser.parse_known_args(arguments)[0].full
    lines = [measure(case) for case in (*CASES, *(LARGE if full else ()))]
    print("How many times cheaper the best flow of Z alone is, and whether that is D/d at least:")
    print(f"  {'network':18s} {'start':20s} {'flow':16s} {'D/d':>6s} {'cheaper':>8s} {'rounds':12s} D/d?")
    print(*lines, sep="\n")
    measure_batch()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
