"""Gradient steps on many small networks at once against a Python loop over torch autograd.

Microseconds per case and step, float64, one thread, medians of interleaved rounds. Run
``python benchmarks/bench_batched.py [--device cuda]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from flowlaw.oracles.models import DeepLinear
from flowlaw.simulations import GenericEngine, LaneEngine, LinearBatch, ProductEngine, batched_steps

ROUNDS = 7
STEPS = 20
ETA = 0.001


@dataclass(frozen=True)
class Case:
    """A network, its samples, and how many cases the batched runs and the loop take."""

    widths: tuple[int, ...]
    samples: int
    batch: int
    looped: int


CASES = (Case((2, 4, 3), 8, 8192, 20), Case((5, 20, 10), 32, 1024, 20))


def energy(widths: tuple[int, ...]) -> Any:
    """The squared loss of a deep linear network as a torch function of a flat point."""

    def value(point: Any, inputs: Any, targets: Any) -> Any:
        start = point.shape[0]
        for a, b in reversed(list(pairwise(widths))):
            inputs = point[start - a * b : start].view(a, b) @ inputs
            start -= a * b
        return ((inputs - targets) ** 2).sum() / 2

    return value


def loop(torch: Any, widths: tuple[int, ...], inputs: Any, targets: Any, starts: Any) -> np.ndarray[Any, Any]:
    """One case after the other, the weights as separate tensors, as a training script would write it."""
    ends: list[Any] = []
    for x, y, start in zip(inputs, targets, starts, strict=True):
        weights: list[Any] = []
        offset = 0
        for a, b in pairwise(widths):
            weights.append(torch.tensor(start[offset : offset + a * b].reshape(a, b), requires_grad=True))
            offset += a * b
        data, wanted = torch.tensor(x), torch.tensor(y)
        for _ in range(STEPS):
            value = data
            for weight in reversed(weights):
                value = weight @ value
            (((value - wanted) ** 2).sum() / 2).backward()
            with torch.no_grad():
                for weight in weights:
                    weight -= ETA * weight.grad
                    weight.grad = None
        ends.append(np.concatenate([weight.detach().numpy().ravel() for weight in weights]))
    return np.array(ends)


def measure(torch: Any, case: Case, device: Any) -> None:
    """Runs one case in all ways and prints its table."""
    rng = np.random.default_rng(0)
    model = DeepLinear(case.widths)
    inputs = rng.normal(size=(case.batch, case.widths[-1], case.samples))
    targets = rng.normal(size=(case.batch, case.widths[0], case.samples))
    starts = rng.normal(size=(case.batch, model.parameters)) / (3 * max(case.widths) ** 0.5)
    batch = LinearBatch(model, inputs, targets)
    mapped = GenericEngine(model.parameters, energy(case.widths), (inputs, targets))
    some = slice(0, case.looped)
    looped = inputs[some], targets[some], starts[some]
    runs: dict[str, tuple[int, Any]] = {"loop over autograd": (case.looped, lambda: loop(torch, case.widths, *looped))}
    engines: dict[str, Any] = {
        "vmap(grad)": mapped,
        "batched products": ProductEngine(batch),
        "cases in lanes": LaneEngine(batch),
    }
    for name, engine in engines.items():
        run = partial(batched_steps, engine, starts, eta=ETA, steps=STEPS, device=device)
        runs[name] = (case.batch, lambda run=run: run().end)
    ends = {name: run() for name, (_, run) in runs.items()}  # also warms up
    gap = max(float(np.abs(end[some] - ends["loop over autograd"]).max()) for end in ends.values())
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (count, run) in runs.items():
            begin = perf_counter()
            run()
            times[name].append(1e6 * (perf_counter() - begin) / (count * STEPS))
    slow = median(times["loop over autograd"])
    print(f"{model.spec}, {case.samples} samples, {case.batch} cases, {STEPS} steps; largest difference {gap:.1e}")
    for name, measured in times.items():
        ratios = sorted(a / b for a, b in zip(times["loop over autograd"], measured, strict=True))
        spread = f"rounds {ratios[0]:.0f} to {ratios[-1]:.0f}"
        print(f"  {name:20s} {median(measured):9.3f} us per case and step  {slow / median(measured):7.1f}x  ({spread})")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table, or why there is none."""
    parser = argparse.ArgumentParser(description="Batched gradient steps against a loop over torch autograd.")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    device = parser.parse_known_args(arguments)[0].device
    try:
        import torch
    except ImportError:
        print("SKIPPED: torch is not installed")
        return 0
    if device == "cuda" and not torch.cuda.is_available():
        print("SKIPPED: torch finds no CUDA device")
        return 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for case in CASES:
            measure(torch, case, device)
    finally:
        torch.set_num_threads(threads)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
