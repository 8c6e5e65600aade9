"""Recovery of the squares of all weights from paths and laws (A3.path-lifting.recover), on networks of growing size.

Each network is rescaled at random and asked for its old laws. Ours: damped Newton in one unknown for each hidden
neuron. Baselines, both run here: gradient descent on the same convex function, with a line search, stopped after
``--patience`` seconds; and Newton on all D unknowns, the logarithms of the squares, with one equation for each
independent path and each law, which needs a dense D x D matrix and is left out above ``--dense`` weights.
``--full`` adds a larger network and the exact enclosures over Q.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import log
from random import Random

import numpy as np

from flowlaw.oracles.intrinsic.paths.recover import law_values, recover_squares, squares_of
from flowlaw.oracles.intrinsic.paths.wiring import wiring
from flowlaw.oracles.models import PathLifting, parse_model
from flowlaw.simulations.fields import FloatArray
from flowlaw.simulations.recover import Balances

NETWORKS = (
    "relu:4-10-10-2+bias",
    "relu:6-30-30-4+bias",
    "relu:10-100-100-5+bias+skip0:2",
    "relu:20-250-250-10+bias",
    "relu:20-500-500-10+bias",
    "relu:16-100-100-100-100-100-100-100-100-100-100-4+bias+skip0:3",
)
LARGER = ("relu:50-1000-1000-10+bias",)
EXACT = ("relu:2-2-2-1+bias+skip0:2", "relu:3-8-8-2", "relu:3-16-16-2")

Answer = tuple[FloatArray, int]


def read(spec: str) -> PathLifting:
    """The path lifting that a spec names."""
    model = parse_model(spec)
    assert isinstance(model, PathLifting)
    return model


def timed(action: Callable[[], Answer], rounds: int) -> tuple[float, Answer]:
    """The shortest of some times in seconds, and the answer."""
    times: list[float] = []
    answer: Answer = np.zeros(0), 0
    for _ in range(rounds):
        start = time.perf_counter()
        answer = action()
        times.append(time.perf_counter() - start)
    return min(times), answer


def ours(balances: Balances, logs: FloatArray, laws: FloatArray) -> Answer:
    """Newton's method of the package."""
    found = balances.recover(logs, laws)
    return found.squares, len(found.changes)


def descent(balances: Balances, logs: FloatArray, laws: FloatArray, patience: float) -> Answer:
    """Gradient descent on Psi with halving and doubling of the step, until the laws hold to 1e-12 or time is up."""

    def value(at: FloatArray) -> float:
        with np.errstate(over="ignore"):
            return float(np.exp(logs + 2 * balances.changes(at)).sum() / 2 - laws @ at)

    t, length, steps, end = np.zeros(balances.hidden), 1.0, 0, time.perf_counter() + patience
    while time.perf_counter() < end:
        squares = np.exp(logs + 2 * balances.changes(t))
        slope = balances.values(squares) - laws
        if np.abs(slope).max() <= 1e-12 * np.abs(laws).max():
            break
        here, fall = value(t), float(slope @ slope)
        while not value(t - length * slope) <= here - length * fall / 4 and length > 1e-30:
            length /= 2
        t, length, steps = t - length * slope, 2 * length, steps + 1
    return np.exp(logs + 2 * balances.changes(t)), steps


def unstructured(model: PathLifting, balances: Balances, logs: FloatArray, laws: FloatArray) -> Answer:
    """Newton for log s in R^D: independent combinations of paths keep their sums, and C s = h; damped by halving."""
    wires = wiring(model)
    signs = np.zeros((model.hidden, model.parameters))
    for edge, (tail, head) in enumerate(zip(wires.tails, wires.heads, strict=True)):
        if head >= 0:
            signs[head, edge] = 1.0
        if tail >= 0:
            signs[tail, edge] = -1.0
    keep = np.linalg.svd(signs)[2][model.hidden :]  # the kernel of C is the span of the paths
    x = logs.copy()

    def defect(at: FloatArray) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.concatenate([keep @ (at - logs), signs @ np.exp(at) - laws])

    for count in range(1, 200):
        here = defect(x)
        if np.abs(here).max() <= 1e-13 * np.exp(x).sum():
            return np.exp(x), count
        step = np.linalg.solve(np.concatenate([keep, signs * np.exp(x)]), here)
        factor = 1.0
        while not np.linalg.norm(defect(x - factor * step)) < np.linalg.norm(here) and factor > 1e-9:
            factor /= 2
        if factor <= 1e-9:
            break
        x = x - factor * step
    return np.exp(x), 200


def floats(specs: Sequence[str], options: argparse.Namespace) -> None:
    """The table of the three ways."""
    heads = f"{'network':>62} {'D':>8} {'hidden':>6} {'way':>18}"
    print(f"{heads} {'seconds':>9} {'steps':>6} {'error':>8} {'residual':>9} ratio")
    sizes: list[tuple[int, float]] = []
    for spec in specs:
        model, rng = read(spec), np.random.default_rng(0)
        balances = Balances.of(model)
        truth = np.log(rng.uniform(0.01, 1.0, model.parameters))
        laws = balances.values(np.exp(truth))
        logs = truth + 2 * balances.changes(rng.normal(size=model.hidden))
        ways: list[tuple[str, Callable[[], Answer], int]] = [
            ("Newton, hidden", lambda b=balances, x=logs, h=laws: ours(b, x, h), options.rounds),
            ("gradient descent", lambda b=balances, x=logs, h=laws: descent(b, x, h, options.patience), 1),
        ]
        if model.parameters <= options.dense:
            ways.append(("Newton, D unknowns", lambda m=model, b=balances, x=logs, h=laws: unstructured(m, b, x, h), 1))
        base = 0.0
        for name, action, rounds in ways:
            seconds, (squares, steps) = timed(action, rounds)
            base = base or seconds
            error = float(np.abs(np.log(squares) - truth).max())
            terms = float((balances.values(squares, out=1.0) + np.abs(laws)).max())
            residual = float(np.abs(balances.values(squares) - laws).max()) / terms
            head = f"{spec:>62} {model.parameters:8} {model.hidden:6}" if name == ways[0][0] else " " * 78
            print(f"{head} {name:>18} {seconds:9.4f} {steps:6} {error:8.1e} {residual:9.1e} {seconds / base:8,.1f}")
        sizes.append((model.hidden, base))
    (a, x), (b, y) = sizes[2], sizes[4]
    print(f"growth of our time from {a} to {b} hidden neurons: exponent {log(y / x) / log(b / a):.2f} (a solve has 3)")


def exact(digits: Sequence[int]) -> None:
    """Enclosures over Q: rational squares found exactly, others enclosed."""
    print(f"\nover Q\n{'network':>28} {'hidden':>6} {'digits':>6} {'rational':>9} {'enclosed':>9} seconds")
    for spec in EXACT:
        model, random = read(spec), Random(1)
        point = [
            Fraction(random.choice((-1, 1)) * random.randint(1, 9), random.randint(1, 5))
            for _ in range(model.parameters)
        ]
        moved = squares_of([x * 2 if e == 0 else x for e, x in enumerate(point)])
        for count in digits:
            start = time.perf_counter()
            same = recover_squares(model, squares_of(point), law_values(model, point), digits=count)
            middle = time.perf_counter()
            found = recover_squares(model, moved, law_values(model, point), digits=count)
            end = time.perf_counter()
            assert same.exact
            assert found.radius <= Fraction(1, 10**count)
            print(f"{spec:>28} {model.hidden:6} {count:6} {middle - start:9.3f} {end - middle:9.3f}")


def main() -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--patience", type=float, default=5.0, help="seconds for gradient descent")
    parser.add_argument("--dense", type=int, default=1_200, help="the most weights for Newton on all unknowns")
    parser.add_argument("--full", action="store_true", help="also a network with 2,000 hidden neurons, and more digits")
    options = parser.parse_known_args()[0]
    floats(NETWORKS + (LARGER if options.full else ()), options)
    exact((20, 100) if options.full else (20,))


if __name__ == "__main__":
    main()
