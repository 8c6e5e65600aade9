"""All benchmarks, one after the other: ``python benchmarks [NAME ...] [--full] [--notebooks CLONE] [--sage BINARY]``.

Each module ``bench_*.py`` measures against a named baseline in the same run and prints ratios; where a baseline cannot
run it says SKIPPED and why. Nothing here decides whether a test passes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""One thread, as the baselines use, unless the environment says otherwise."""


def main() -> int:
    """Runs the chosen benchmarks in fresh processes; the exit code counts those that failed to run."""
    names = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all by default")
    known, passed_on = parser.parse_known_args()
    unknown = set(known.names) - set(names)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    failed = 0
    for name in known.names or names:
        print(f"== {name}", flush=True)
        command = [sys.executable, HERE / f"bench_{name}.py", *passed_on]
        failed += subprocess.run(command, check=False, env={**ONE_THREAD, **os.environ}).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
