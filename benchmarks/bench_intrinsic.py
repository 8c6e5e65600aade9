"""The kernel criterion at exact points, from 50 to 2,000 parameters: seconds, kernel included, and how they grow.

Each line decides the metric property with ``intrinsic`` and counts the certificates that the kernel accepted. The
named baseline is the exact null space over Q of the written-out matrix (dphi ; dh) by FLINT, for the sizes where it
ends soon: it gives K_1, and neither dM, a verdict nor a certificate.
"""

from __future__ import annotations

import argparse
import time
from math import log

from flowlaw.oracles.intrinsic import Initialization, Local, initialization, intrinsic, setting
from flowlaw.oracles.intrinsic.criterion.geometry import law_gradients
from flowlaw.oracles.intrinsic.linear.matrices import whole_matrix
from flowlaw.oracles.models import Model, parse_model

LADDERS: list[tuple[str, str, str, list[str]]] = [
    # what is shown, initialization, expected verdict, models; seed 1 turns relaxed points, so that no entry is zero
    (
        "ReLU networks at nonzero weights",
        "generic",
        "PROVED",
        ["relu:5-5-5", "relu:8-8-8", "relu:11-11-11", "relu:16-16-16", "relu:22-23-22", "relu:32-31-32"],
    ),
    (
        "two linear layers, relaxed balance",
        "relaxed:1",
        "PROVED",
        ["linear:5-5-5", "linear:8-8-8", "linear:11-11-11", "linear:16-16-16", "linear:22-22-22", "linear:31-31-31"],
    ),
    (
        "two linear layers at generic points",
        "generic",
        "REFUTED",
        ["linear:5-5-5", "linear:8-8-8", "linear:11-11-11", "linear:16-16-16", "linear:22-22-22", "linear:31-31-31"],
    ),
    (
        "three linear layers, relaxed balance",
        "relaxed:5,3",
        "PROVED",
        ["linear:4-4-4-4", "linear:6-6-6-6", "linear:9-9-9-9", "linear:13-13-13-13", "linear:25-25-25-25"],
    ),
    (
        "three linear layers at generic points",
        "generic",
        "REFUTED",
        ["linear:4-4-4-4", "linear:6-6-6-6", "linear:9-9-9-9", "linear:13-13-13-13", "linear:26-26-26-26"],
    ),
]
TARGET = 60.0
"""Seconds, for 2,000 parameters on two cores."""
_BASELINE = 520
"""Parameters up to which the baseline runs; ``--full`` doubles them."""


def exact_nullity(model: Model, start: Initialization) -> int:
    """The baseline: the dimension of the null space of the whole matrix over Q."""
    known, local = setting(model), Local(model, start.point)
    rows = [local.gradient(i) for i in range(local.size)] + law_gradients(known, start.point)
    return int(whole_matrix(rows, model.parameters).nullspace()[1])


def ladder(title: str, name: str, verdict: str, specs: list[str], largest: int) -> None:
    """One table, and the growth exponent over its last three lines."""
    heads = (
        f"{'model':>20} {'D':>5} {'dim K_1':>7} {'verdict':>8} {'proofs':>6} {'seconds':>8} {'FLINT':>8} {'ratio':>7}"
    )
    print(f"\n{title}, {name}\n{heads}", flush=True)
    measured: list[tuple[int, float]] = []
    for spec in specs:
        model = parse_model(spec)
        begin = time.perf_counter()
        start = initialization(model, name, seed=1)
        found = intrinsic(model, start)
        seconds = time.perf_counter() - begin
        kernel = found.geometry.kernel_dimension
        if found.metric.verdict != verdict:
            raise SystemExit(f"{spec}: {found.metric.verdict}, not {verdict}: {found.metric.reason}")
        baseline = f"{'-':>8} {'-':>7}"
        if model.parameters <= largest:
            begin = time.perf_counter()
            nullity = exact_nullity(model, start)
            elapsed = time.perf_counter() - begin
            if nullity != kernel:
                raise SystemExit(f"{spec}: the baseline finds a kernel of dimension {nullity}, not {kernel}")
            baseline = f"{elapsed:8.3f} {elapsed / seconds:7.1f}"
        numbers = f"{kernel:7} {found.metric.verdict:>8} {len(found.certificates):6} {seconds:8.3f}"
        print(f"{spec:>20} {model.parameters:5} {numbers} {baseline}", flush=True)
        measured.append((model.parameters, seconds))
    (small, first), *_, (large, last) = measured[-3:]
    exponent = log(last / first) / log(large / small)
    met = "met" if last < TARGET else "MISSED"
    print(f"seconds grow like D^{exponent:.1f} from D = {small} to {large}; target {TARGET:.0f} s at D = 2000: {met}")


def main() -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the baseline for larger models too")
    options = parser.parse_known_args()[0]
    for title, name, verdict, specs in LADDERS:
        ladder(title, name, verdict, specs, largest=_BASELINE * (2 if options.full else 1))


if __name__ == "__main__":
    main()
