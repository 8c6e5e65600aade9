"""The flow of Z = phi(theta) alone against the flow of all parameters, for deep linear networks of many sizes.

Both are integrated by RK4 with the same steps from the same point, in float64 on one thread, and the end points are
compared, relative to how far Z moves. Milliseconds a step, medians of interleaved rounds. The full flow is
backpropagation in matrix products, from the thin side, into buffers that are allocated once: 6 min(n, m) D operations a
gradient. The reduced flow is ``simulations.reduced.deep``: singular values by the decomposition of Z, or from the Gram
matrix of its thin side.
Run ``python benchmarks/bench_reduced.py [--full]``; ``--full`` adds larger networks.
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
from flowlaw.simulations.reduced.deep import DeepFlow, deep_flow

Array = NDArray[np.float64]
ROUNDS = 7
STEPS = 8
FEW = 2
"""Steps where there are more than a million parameters."""
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
    thin(4, 2000, 10),
    thin(4, 2000, 100),
    thin(4, 2000, 1000),
    thin(4, 20_000, 100),
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

    def slope(self, theta: Array, out: Array) -> None:
        """``grad`` into ``out``."""
        layers, slopes = self.layers(theta), self.layers(out)
        before = [layers[0], *self.before[1:]]
        for k in range(1, len(layers)):
            np.matmul(before[k - 1], layers[k], out=before[k])
        np.subtract(before[-1], self.target, out=self.back[-1])
        for k in range(len(layers) - 1, 0, -1):
            np.matmul(before[k - 1].T, self.back[k], out=slopes[k])
            np.matmul(self.back[k], layers[k].T, out=self.back[k - 1])
        slopes[0][...] = self.back[0]


class RungeKutta4:
    """The method for ``x' = -slope(x)``, into buffers that are allocated once."""

    def __init__(self, slope: Callable[[Array, Array], None], size: int) -> None:
        self.slope = slope
        self.stages = [np.empty(size) for _ in range(4)]
        self.scratch = [np.empty(size) for _ in range(2)]

    def step(self, x: Array, h: float) -> None:
        """One step in place."""
        a, b, c, d = self.stages
        moved, scaled = self.scratch
        self.slope(x, a)
        for before, after, part in ((a, b, h / 2), (b, c, h / 2), (c, d, h)):
            np.multiply(before, part, out=scaled)
            np.subtract(x, scaled, out=moved)
            self.slope(moved, after)
        b += c
        b *= 2
        a += b
        a += d
        a *= h / 6
        x -= a


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
    """The reduced flow by singular value decomposition and from the Gram matrix."""
    depth = len(case.widths) - 1
    domain = "equal" if case.mus else "balanced"
    # the number of a closed form is exact; floats are taken as what they are
    found = Chain(domain, case.shape, tuple(map(_exact, case.mus or (0.0,) * (depth - 1))), min(case.widths))
    return {"Z alone, SVD": deep_flow(found), "Z alone, Gram": deep_flow(found, gram=True)}


def _exact(value: float) -> Any:
    from fractions import Fraction

    return Fraction(value)


def _alone(flow: DeepFlow, target: Array) -> RungeKutta4:
    goal = target.ravel()

    def slope(z: Array, out: Array) -> None:
        out[...] = flow.apply(z, z - goal)

    return RungeKutta4(slope, len(goal))


def measure(case: Case) -> None:
    """Prints one case."""
    rng = np.random.default_rng(0)
    layers, target = start(case, rng)
    full = FullFlow(case.widths, target)
    theta = np.concatenate([U.ravel() for U in layers])
    z = full.end_to_end(theta).ravel()

    # the flow of Z is faster the more layers there are
    h = LENGTH * 3 / (len(case.widths) - 1)
    steps = STEPS if len(theta) <= 10**6 else FEW
    large, small = (
        RungeKutta4(full.slope, len(theta)),
        {name: _alone(flow, target) for name, flow in flows(case).items()},
    )

    def all_parameters() -> Array:
        now = theta.copy()
        for _ in range(steps):
            large.step(now, h)
        return full.end_to_end(now).ravel()

    def alone(method: RungeKutta4, halves: int = 1) -> Callable[[], Array]:
        def run() -> Array:
            now = z.copy()
            for _ in range(steps * halves):
                method.step(now, h / halves)
            return now

        return run

    runs: dict[str, Callable[[], Array]] = {"all parameters": all_parameters}
    runs.update({name: alone(method) for name, method in small.items()})
    ends = {name: run() for name, run in runs.items()}  # also warms up
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            begin = perf_counter()
            run()
            times[name].append(1e3 * (perf_counter() - begin) / steps)
    D, d = case.parameters, case.coordinates
    spec = "-".join(map(str, case.widths)) if len(case.widths) < 9 else f"{case.widths[0]}-...-{case.widths[-1]}"
    moved = float(np.linalg.norm(ends["all parameters"] - z))
    halved = float(np.linalg.norm(alone(small["Z alone, SVD"], 2)() - ends["Z alone, SVD"])) / moved
    print(f"linear:{spec}, {case.says}: D = {D}, d = {d}, D/d = {D / d:.0f}; halving the step changes {halved:.1e}")
    slow = median(times["all parameters"])
    for name, measured in times.items():
        ratios = sorted(a / b for a, b in zip(times["all parameters"], measured, strict=True))
        gap = float(np.linalg.norm(ends[name] - ends["all parameters"])) / moved
        apart = "" if name == "all parameters" else f"  apart {gap:.1e}"
        print(
            f"  {name:16s} {median(measured):9.4f} ms a step {slow / median(measured):8.1f}x "
            f"(rounds {ratios[0]:.0f} to {ratios[-1]:.0f}){apart}"
        )


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
    for case in (*CASES, *(LARGE if full else ())):
        measure(case)
    measure_batch()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
