"""Certified digits of a gradient flow against mpmath.odefun, side by side.

The problem: ``|U V^T - Y|^2 / 2`` with U and V of shape 3 x 2, rational data, a balanced start, time 1. Ours are
certified; mpmath's are not. Run ``python benchmarks/bench_flow_digits.py [--full]``; ``--full`` adds mpmath at 100
digits, once (minutes).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import median
from time import perf_counter

from flowlaw.oracles.models import DeepLinear, known_laws
from flowlaw.simulations import CertifiedFlow, Loss, Objective, certified_flow, odefun_flow

ROUNDS = 3
U = [[1, Fraction(1, 2)], [Fraction(-1, 3), Fraction(2, 3)], [Fraction(1, 4), 1]]
ROTATION = [[Fraction(3, 5), Fraction(-4, 5), 0], [Fraction(4, 5), Fraction(3, 5), 0], [0, 0, 1]]
V = [[sum((Fraction(r * U[k][j]) for k, r in enumerate(row)), Fraction(0)) for j in range(2)] for row in ROTATION]
START = [*(Fraction(x) for row in U for x in row), *(V[j][i] for i in range(2) for j in range(3))]
TARGET = [Fraction(k, 3) - 1 for k in range(9)]


def problem() -> Objective:
    """A new objective each time: nothing is remembered between rounds."""
    return Objective(DeepLinear((3, 2, 3)), Loss.squared(TARGET))


def ours(digits: int) -> CertifiedFlow:
    """The flow with its proof."""
    return certified_flow(problem(), START, time=1, digits=digits)


def theirs(digits: int) -> None:
    """The flow by mpmath."""
    odefun_flow(problem(), START, times=[1], digits=digits)


def seconds(work: Callable[[int], object], digits: int) -> float:
    """Wall time of one call."""
    begin = perf_counter()
    work(digits)
    return perf_counter() - begin


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints medians of interleaved rounds; returns 0 if every certificate reached its digits."""
    parser = argparse.ArgumentParser(description="Certified digits of a gradient flow against mpmath.odefun.")
    parser.add_argument("--full", action="store_true", help="also mpmath at 100 digits, once (minutes)")
    full = parser.parse_known_args(arguments)[0].full
    certified, plain = [50, 100, 200], [30, 100] if full else [30]
    times: dict[tuple[str, int], list[float]] = {}
    for round_number in range(ROUNDS):
        for digits in certified:
            times.setdefault(("flowlaw, certified", digits), []).append(seconds(ours, digits))
        for digits in plain:
            if digits == 30 or round_number == 0:
                times.setdefault(("mpmath.odefun, uncertified", digits), []).append(seconds(theirs, digits))
    print("gradient flow of |U V^T - Y|^2/2, U and V of shape 3 x 2, time 1; seconds, median of interleaved rounds")
    reached = True
    for (name, digits), measured in times.items():
        line = f"{name:28s} {digits:4d} digits {median(measured):8.3f} s  ({len(measured)} rounds)"
        if name.startswith("flowlaw"):
            flow = ours(digits)
            laws = [law for family in known_laws(flow.objective.model) for law in family.polynomials()]
            drift = max(flow.drift(law) for law in laws)
            reached &= flow.digits >= digits
            line += (
                f"  proved {flow.digits}, {len(flow.pieces)} pieces; laws drift at most {float(drift):.0e} at any time"
            )
        print(line)
    for digits in plain:
        slow = median(times["mpmath.odefun, uncertified", digits])
        for ours_digits in certified:
            if digits == 30 or ours_digits == digits:
                ratio = slow / median(times["flowlaw, certified", ours_digits])
                print(f"mpmath at {digits} digits takes {ratio:.2f} times as long as {ours_digits} certified digits")
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
