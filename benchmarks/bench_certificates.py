"""Completeness certificates: dense ones against their growth, structural ones against their size.

Times are the search, and the kernel's check of what was found, each in seconds of one process; process start-up is
measured apart. ``--full`` adds the dense certificate with D = 8,112.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
from time import perf_counter

from flowlaw.oracles.kernel import verify
from flowlaw.oracles.lie import find_completeness
from flowlaw.oracles.models import parse_model

DENSE = ("linear:8-8-8-8", "linear:12-12-12-12", "linear:18-18-18-18", "linear:26-26-26-26")
DENSE_FULL = (*DENSE, "linear:36-36-36-36", "linear:52-52-52-52")
NARROW = ("linear:2-20-20-2", "linear:5-40-40-5", "linear:10-40-30-12")
STRUCTURAL = (
    "linear:784-512-256-10",
    "linear:768-3072-768-3072-768",
    "linear:1000-1000-1000-1000",
    "linear:2000-2000-2000-2000-2000",
    "linear:4096-4096-4096-4096-4096-4096-4096",
    "relu:784-1000-1000-10+bias",
    "relu:1000-1000-1000-1000+bias+outbias+skip0:2",
)


def measure(spec: str, *, structure: bool) -> tuple[int, float, float]:
    """D, the seconds of search and check together, and those of a second check alone."""
    model = parse_model(spec)
    start = perf_counter()
    found = find_completeness(model, structure=structure, levels=False)
    both = perf_counter() - start
    if found.certificate is None:
        raise SystemExit(f"{spec}: no certificate was found")
    start = perf_counter()
    if not verify(found.certificate).accepted:
        raise SystemExit(f"{spec}: the kernel rejected the certificate")
    return found.parameters, both, perf_counter() - start


def main() -> None:
    """Prints one line a network, then the growth exponent of the dense certificates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    full = parser.parse_known_args()[0].full
    start = perf_counter()
    subprocess.run([sys.executable, "-m", "flowlaw", "laws", "linear:2-2-2"], check=True, stdout=subprocess.DEVNULL)
    print(f"start-up and the laws of linear:2-2-2 in a fresh process: {perf_counter() - start:.2f} s")
    measure("linear:2-2-2", structure=False)
    print(f"{'network':<55} {'rule':<11} {'D':>11} {'search+check':>13} {'check':>8}")
    points: list[tuple[int, float]] = []
    for spec in DENSE_FULL if full else DENSE:
        points.append(show(spec, structure=False))
    for spec in NARROW:
        show(spec, structure=False)
    for spec in STRUCTURAL:
        show(spec, structure=True)
    (d0, t0), (d1, t1) = points[-2:]
    print(f"dense growth exponent from D = {d0:,} to {d1:,}: {math.log(t1 / t0) / math.log(d1 / d0):.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def show(spec: str, *, structure: bool) -> tuple[int, float]:
    """Measures and prints one network."""
    size, both, check = measure(spec, structure=structure)
    rule = "structural" if structure else "dense"
    print(f"{spec:<55} {rule:<11} {size:>11,} {both:>11.3f} s {check:>6.3f} s", flush=True)
    return size, both


if __name__ == "__main__":
    main()
