"""Times of the search for polynomial laws, beside the times of the original authors' SageMath code.

Every number is the best of ``--rounds`` rounds in this process, after the imports; start-up is measured apart.
``search`` uses no theorem (``rules=()``), ``rules`` is the default. ``--full`` adds searches of several seconds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median

from flowlaw.oracles.laws import RULES, Rule, functional_rank, polynomial_laws, sampled_quadratic_bound
from flowlaw.oracles.models import DeepLinear, parse_model
from flowlaw.properties._notebook import notebook_rows

BASELINES = {"linear10_poly": 95.6, "relu10_poly": 45.2}
"""Seconds for all ten cases by the authors' code in process on one core of a 2-core x86 machine. Measured elsewhere."""

TARGETS = {"linear10_poly": 0.095, "relu10_poly": 0.045}

SEARCHES: list[tuple[str, int, float | None, str]] = [
    # model, degree, seconds of the authors' code on one core (measured elsewhere), remark
    ("linear:3-4-3-4", 2, 38.2, ""),
    ("relu:4-3-3-3", 2, 22.7, ""),
    ("linear:2-2-2", 4, 3.8, "theirs reports 5 laws"),
    ("linear:2-2-3", 4, 17.7, "theirs reports 5 laws"),
    ("linear:1-3-2", 3, None, "the 3 x 3 minor"),
    ("linear:3-3-3", 4, None, ""),
    ("linear:4-4-4", 4, None, "target 5 s"),
    ("linear:2-2-2", 8, None, ""),
    ("linear:3-3-3", 6, None, ""),
    ("relu:8-8-8-8", 2, None, ""),
]

SEARCHES_FULL = [*SEARCHES, ("linear:4-4-4", 6, None, "2.3 million unknowns"), ("symmetric:40-40", 2, None, "D = 1600")]

QUADRATIC = ["linear:18-18-18-18", "linear:26-26-26-26", "linear:36-36-36-36", "relu:18-18-18-18"]


def best(action: Callable[[], object], rounds: int) -> float:
    """The shortest of ``rounds`` times, in seconds."""
    times: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def start_up() -> float:
    """Seconds to start an interpreter and import the search."""
    command = [sys.executable, "-c", "import flowlaw.oracles.laws, flowlaw.oracles.models"]
    return best(lambda: subprocess.run(command, check=True), 3)


def notebook_cases(kind: str, rounds: int) -> None:
    """The ten quadratic cases of one part of the notebook."""
    print(f"\n{kind}: all quadratic laws, ms\n{'model':>18} {'D':>4} {'laws':>5} {'search':>8} {'rules':>8}")
    totals: dict[str, list[float]] = {"search": [], "rules": []}
    ways: list[tuple[str, Sequence[Rule]]] = [("search", ()), ("rules", RULES)]
    for row in notebook_rows():
        if row.kind != kind:
            continue
        spec = row.spec
        for name, rules in ways:
            totals[name].append(best(lambda s=spec, r=rules: polynomial_laws(parse_model(s), 2, rules=r), rounds))
        laws = polynomial_laws(parse_model(spec), 2, rules=())
        if functional_rank(laws.basis, laws.parameters) != row.known_laws:
            raise SystemExit(f"{spec}: the number of laws is not the known one")
        times = f"{1e3 * totals['search'][-1]:8.2f} {1e3 * totals['rules'][-1]:8.3f}"
        print(f"{spec:>18} {laws.parameters:4} {laws.kernel_dimension:5} {times}")
    for name, _ in ways:
        total = sum(totals[name])
        print(
            f"{name}: total {total:.4f} s, median {1e3 * median(totals[name]):.3f} ms; baseline measured elsewhere "
            f"{BASELINES[kind]} s, ratio {BASELINES[kind] / total:,.0f}; target {TARGETS[kind]} s"
        )


def searches(rounds: int, full: bool) -> None:
    """Higher degrees and larger networks by the search alone."""
    heads = f"{'model':>18} {'degree':>6} {'laws':>5} {'new':>4} {'seconds':>9} {'elsewhere':>10} {'ratio':>7}"
    print(f"\nsearch alone\n{heads}")
    for spec, degree, baseline, remark in SEARCHES_FULL if full else SEARCHES:
        start = time.perf_counter()
        found = polynomial_laws(parse_model(spec), degree, rules=())
        seconds = time.perf_counter() - start
        if seconds < 1:
            seconds = best(lambda s=spec, d=degree: polynomial_laws(parse_model(s), d, rules=()), rounds)
        theirs = f"{baseline:9.1f}s {baseline / seconds:7,.0f}" if baseline else f"{'-':>10} {'-':>7}"
        size = f"{found.kernel_dimension:5} {len(found.new_generators):4}"
        print(f"{spec:>18} {degree:6} {size} {seconds:9.4f} {theirs} {remark}")


def thousand_parameters(rounds: int) -> None:
    """All quadratic laws of large networks: the theorem, and random equations as its judge."""
    print(f"\nall quadratic laws of large networks, target 3 s at D = 1000\n{'model':>20} {'D':>5} {'laws':>5} seconds")
    for spec in QUADRATIC:
        model = parse_model(spec)
        laws = polynomial_laws(model, 2)
        seconds = best(lambda m=model: polynomial_laws(m, 2), rounds)
        line = f"{spec:>20} {model.parameters:5} {laws.kernel_dimension:5} {seconds:.4f}"
        if isinstance(model, DeepLinear) and model.parameters < 1000:
            start = time.perf_counter()
            bound = sampled_quadratic_bound(model)
            line += f"; random equations in {time.perf_counter() - start:.2f} s leave room for {bound}"
            if bound != laws.kernel_dimension:
                raise SystemExit(f"{spec}: the theorem and the random equations disagree")
        print(line)


def main() -> None:
    """Prints all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="also searches of several seconds")
    options = parser.parse_known_args()[0]
    print(f"start-up and imports {start_up():.3f} s, not counted below; best of {options.rounds} rounds")
    for kind in BASELINES:
        notebook_cases(kind, options.rounds)
    searches(min(options.rounds, 3), options.full)
    thousand_parameters(min(options.rounds, 3))
    print("\nratios above are to times measured elsewhere; bench_notebooks.py runs both side by side")


if __name__ == "__main__":
    main()
