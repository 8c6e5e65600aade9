"""Several workers that do not agree."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...oracles.dynamics import SGD, Adam
from ..target import Array, Parameters
from ._by_hand import Arrays, Data, Step, averaged, combined, kernel, loop, network, parts, plain
from ._by_hand import target as by_hand
from ._mutant import Mutant

RATE, MOMENTUM, WORKERS = 0.05, 0.9, 4
BALL = SGD(lr=RATE, momentum=MOMENTUM)
ADAM = Adam(lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8)
MEAN = [1 / WORKERS] * WORKERS


def momentum(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """SGD with momentum."""
    v = g if v is None else MOMENTUM * v + g
    return theta - RATE * v, v


def adam(theta: Array, g: Array, slot: Any, k: int) -> Any:
    """Adam."""
    m, v = slot or (0.0 * g, 0.0 * g)
    m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
    root = np.sqrt(v / (1 - 0.99 ** (k + 1)))
    return theta - 0.01 / (1 - 0.9 ** (k + 1)) * m / (root + 1e-8), (m, v)


def each(p: Parameters, data: Data) -> list[Arrays]:
    """The gradient of every worker."""
    return [plain(p, part)[1] for part in parts(data, WORKERS)]


def one_missing(p: Parameters, data: Data) -> Arrays:
    """The last worker is not in the group of the all-reduce; the sum is divided by all of them."""
    return combined(each(p, data)[:-1], MEAN[:-1])


def one_alone(p: Parameters, data: Data) -> Arrays:
    """No all-reduce at all: what is seen is the first worker, with its own gradient."""
    return each(p, data)[0]


def summed(p: Parameters, data: Data) -> Arrays:
    """The all-reduce sums, and nobody divides."""
    return combined(each(p, data), [1.0] * WORKERS)


def not_broadcast(p: Parameters, data: Data) -> Arrays:
    """One worker started from other parameters, and stays beside the others."""
    offset = np.random.default_rng(3)
    beside = {name: value + 0.1 * offset.normal(size=value.shape) for name, value in p.items()}
    pieces = parts(data, WORKERS)
    return combined([*(plain(p, part)[1] for part in pieces[:-1]), plain(beside, pieces[-1])[1]], MEAN)


def one_late() -> Step:
    """One worker sends what it had at the step before, because nobody waits for it."""
    inner = {"g": dict[str, Array]()}

    def gradients(p: Parameters, data: Data) -> Arrays:
        found = each(p, data)
        last, inner["g"] = inner["g"] or found[-1], found[-1]
        return combined([*found[:-1], last], MEAN)

    return loop(momentum, gradients)


def last_shard_forgotten(theta: Array, g: Array, v: Any, k: int) -> tuple[Array, Any]:
    """Each worker updates a shard of every tensor; what is left over by the division belongs to nobody."""
    after, v = momentum(theta, g, v, k)
    whole = after.size // WORKERS * WORKERS
    kept = np.array(theta).reshape(-1)
    kept[:whole] = after.reshape(-1)[:whole]
    return kept.reshape(theta.shape), v


def local_adam() -> Step:
    """Every worker makes its own step of Adam; the parameters are averaged afterwards."""

    def step(p: Parameters, memory: Any, data: Data) -> tuple[Parameters, Any]:
        k, slots = memory or (0, [dict.fromkeys(p) for _ in range(WORKERS)])
        results: list[Arrays] = []
        for g, slot in zip(each(p, data), slots, strict=True):
            after: Arrays = {}
            for name in p:
                after[name], slot[name] = adam(p[name], g[name], slot[name], k)
            results.append(after)
        return combined(results, MEAN), (k + 1, slots)

    return step


def half_reduced(x: Array, w: Array, b: Array) -> tuple[Array, Any]:
    """The outputs are split over two workers; the gradients by the input are not added up."""

    def back(g: Array) -> tuple[Array, Array, Array]:
        return g[:, :2] @ w[:2], g.T @ x, g.sum(0)

    return x @ w.T + b, back


HEALTHY = partial(by_hand, "workers", loop(momentum, averaged), BALL)
HEALTHY_ADAM = partial(by_hand, "workers-with-adam", loop(adam, averaged), ADAM)
HEALTHY_KERNEL = partial(kernel, "parallel-network", plain)


def _hand(name: str, says: str, step: Step, explanation: str = "") -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=HEALTHY,
        broken=partial(by_hand, name, step, BALL),
        caught_by=("step",),
        explanation=explanation,
    )


MUTANTS = (
    _hand("replica-missing", "One worker is missing from the all-reduce.", loop(momentum, one_missing)),
    _hand("replicas-not-reduced", "There is no all-reduce.", loop(momentum, one_alone)),
    _hand(
        "replicas-summed",
        "Gradients of workers are summed instead of averaged.",
        loop(momentum, summed),
        "Gradients are summed over batches, workers",
    ),
    _hand("replica-not-broadcast", "One worker has other parameters.", loop(momentum, not_broadcast)),
    _hand("replica-late", "One worker sends the gradient of the step before.", one_late()),
    _hand(
        "shard-forgotten", "Entries that the shards leave over are not updated.", loop(last_shard_forgotten, averaged)
    ),
    Mutant(
        name="adam-averaged-after",
        says="Workers make steps of Adam by themselves, and average the parameters.",
        framework="numpy",
        healthy=HEALTHY_ADAM,
        broken=partial(by_hand, "adam-averaged-after", local_adam(), ADAM),
        caught_by=("step", "adam.step"),
    ),
    Mutant(
        name="input-gradient-not-reduced",
        says="In a layer split over workers the gradients by the input are not added up.",
        framework="numpy",
        healthy=HEALTHY_KERNEL,
        broken=partial(kernel, "input-gradient-not-reduced", network(layer=half_reduced)),
        caught_by=("gradient", "orthogonality"),
    ),
)
