"""Corrupted certificates by the thousand: false acceptances and crashes (none are expected), and the time of a check.

The campaign is ``tests/oracles/kernel/campaign.py``; the tests run 10,000 corruptions of it, ``--full`` runs a million.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import time
from pathlib import Path

CAMPAIGN = Path(__file__).resolve().parents[1] / "tests" / "oracles" / "kernel"


def main() -> int:
    """Runs the campaign; the exit code is 1 if anything false was accepted or anything crashed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50_000, help="corruptions (default 50000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--full", action="store_true", help="a million corruptions")
    known, _ = parser.parse_known_args()
    sys.path.append(str(CAMPAIGN))
    campaign = runpy.run_path(str(CAMPAIGN / "campaign.py"))
    start = time.perf_counter()
    result = campaign["run"](10**6 if known.full else known.count, known.seed)
    seconds = time.perf_counter() - start
    print(result)
    print(f"{seconds:.1f} s, {1000 * seconds / result.corruptions:.2f} ms for each corruption, its check and its judge")
    for problem in [*result.false, *result.crashes][:20]:
        print(problem)
    return bool(result.false or result.crashes)


if __name__ == "__main__":
    sys.exit(main())
