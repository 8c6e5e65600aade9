"""Our searches against the SageMath notebooks of the original authors, case by case in one run.

The baseline is the code of *Abide by the Law and Follow the Flow* (Marcotte, Gribonval, Peyré, 2023), from
https://github.com/sibyllema/Conservation_laws. Its notebooks fork a process for each bracket and each path; here the
same functions run in one process, which is their fastest mode. Neither that repository nor SageMath is part of this
project: ``--notebooks`` is the path of a clone, ``--sage`` that of the command, and without them only our times are
printed.

A case is one network of the loops of their notebook (A1.notebook, in their order). Timed is what the body of
the loop does: for theirs the generators, the known laws and the rank; for ours the search for a certificate AND the
check of it by the kernel, or all laws of degree 2 and how many are independent. Medians of runs in turn. Nothing is
remembered from one run to the next. Theirs draws its random point from seed 0 in every case. Both work on one thread.

Run ``python benchmarks/bench_notebooks.py [--notebooks CLONE --sage BINARY] [--cases quick|most|all]``. ``quick`` takes
two minutes; ``most`` leaves out only the ReLU networks of 120 and more parameters and takes ten.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from flowlaw.oracles.laws import RULES, functional_rank, polynomial_laws
from flowlaw.oracles.lie import _local, find_completeness
from flowlaw.oracles.models import parse_model
from flowlaw.properties._notebook import Row, notebook_rows

ROUNDS = 5
"""Runs over all rows when ours is measured alone."""
BLOCK = 3
"""Runs of ours before the first run of theirs and after each."""
THEIR_ROUNDS, THEIR_SECONDS = 3, 1.0
"""Theirs runs a case again, up to three times in all, while it has taken less than a second."""
FILES = (
    "create_generic_polynomial",
    "get_all_polynomial_conserved_functions",
    "get_specific_vector_fields_and_known_conserved_functions",
    "computation_dimension_trace_Lie_algebra",
)
"""The notebooks that their main notebook runs first, in its order."""
PARTS = {
    "linear50_lie": ("50 linear networks, dim Lie", "289.7"),
    "linear10_poly": ("10 linear networks, laws of degree 2", "95.6"),
    "relu50_lie": ("50 ReLU networks, dim Lie", "more than 1,263"),
    "relu10_poly": ("10 ReLU networks, laws of degree 2", "45.2"),
}
"""What a part is, and the seconds that theirs took in one process on another machine."""
CHOICES = {
    "quick": {"linear50_lie": 42, "linear10_poly": 29, "relu50_lie": 100, "relu10_poly": 25},
    "most": {"relu50_lie": 120},
    "all": {},
}
"""Cases with fewer parameters than this take part; all of a part that is not named."""

DRIVER = """
import ast, json, os, sys, types
from time import perf_counter, process_time

import sage.parallel.decorate
from sage.all import AlarmInterrupt, alarm, cancel_alarm
from sage.repl.preparse import preparse

answers = os.fdopen(os.dup(1), "w")
sys.stdout = sys.stderr


def in_process(function):
    return lambda calls: [((call, {}), function(*call)) for call in calls]


sage.parallel.decorate.parallel = in_process
sys.modules.setdefault("tqdm", types.SimpleNamespace(tqdm=iter))
names = {}
exec("from sage.all import *; import numpy as np", names)
names["parallel"] = in_process
for cell in json.load(open(sys.argv[1])):
    lines = [line for line in cell.split(chr(10)) if not line.startswith(("run ", "%"))]
    tree = ast.parse(preparse(chr(10).join(lines)))
    kept = (ast.FunctionDef, ast.Import, ast.ImportFrom)
    tree.body = [node for node in tree.body if isinstance(node, kept)]
    exec(compile(tree, "notebook", "exec"), names)


def laws(part, widths, bias):
    names["np"].random.seed(0)
    widths = list(names["np"].array(widths))
    if part.startswith("linear"):
        known = names["known_conserved_functions_linear"](widths)
        size, fields = names["vector_fields_for_q_layer_LNN"](widths)
    else:
        known = names["known_conserved_functions_ReLU"](widths)
        size, fields = names["vector_fields_ReLU_q_layers"](widths, bias=bias)
    if part.endswith("poly"):
        return names["solve"](2, fields)
    return size - names["dim_trace_lie_algebra"](fields, n_known_functions=known, verbose=0)


def tell(value):
    answers.write(json.dumps(value) + chr(10))
    answers.flush()


tell("ready")
for line in sys.stdin:
    *case, limit = json.loads(line)
    wall, own = perf_counter(), process_time()
    try:
        alarm(limit)
        found = int(laws(*case))
        cancel_alarm()
    except AlarmInterrupt:
        found = None
    tell({"laws": found, "wall": perf_counter() - wall, "own": process_time() - own})
"""
"""What SageMath runs: it takes the functions out of the cells of the notebooks and leaves their demonstrations out."""


@dataclass(frozen=True)
class Time:
    """Seconds on the clock, and those of the processor."""

    wall: float
    own: float


Method = Callable[[Row], int]


def by_certificate(case: Row, *, structure: bool) -> int:
    """The number of laws, -1 where they are not proved to be all: the search, and the kernel's check in it."""
    found = find_completeness(parse_model(case.spec), structure=structure, levels=False)
    return found.independent_laws if found.complete else -1


def by_polynomials(case: Row, *, rules: bool) -> int:
    """The number of independent laws of degree 2, by a theorem where there is one or by the search alone."""
    found = polynomial_laws(parse_model(case.spec), 2, rules=RULES if rules else ())
    return functional_rank(found.basis, found.parameters)


def methods(part: str) -> dict[str, Method]:
    """Ours, the default first. For ReLU networks there is no second way to a certificate at these sizes."""
    if part.endswith("poly"):
        return {
            "theorem": lambda case: by_polynomials(case, rules=True),
            "search": lambda case: by_polynomials(case, rules=False),
        }
    found: dict[str, Method] = {"structural": lambda case: by_certificate(case, structure=True)}
    if part.startswith("linear"):
        found["dense"] = lambda case: by_certificate(case, structure=False)
    return found


def measured(method: Method, case: Row) -> Time:
    """One run of ours."""
    _local._passing.cache_clear()  # pyright: ignore[reportPrivateUsage]  # nothing else can empty it
    wall, own = perf_counter(), process_time()
    found = method(case)
    time = Time(perf_counter() - wall, process_time() - own)
    if found != case.known_laws:
        raise SystemExit(f"{case.spec}: {found} laws found, {case.known_laws} are known")
    return time


def middle(times: Sequence[Time]) -> Time:
    """The median of each."""
    return Time(median(time.wall for time in times), median(time.own for time in times))


class Notebooks:
    """A SageMath process with the functions of the notebooks. ``startup`` is what it took until it could answer."""

    def __init__(self, sage: str, clone: Path, folder: Path) -> None:
        cells = [
            "".join(cell["source"])
            for name in FILES
            for cell in json.loads((clone / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
            if cell["cell_type"] == "code"
        ]
        (folder / "cells.json").write_text(json.dumps(cells), encoding="utf-8")
        (folder / "driver.py").write_text(DRIVER, encoding="utf-8")
        self.command = [sage, str(folder / "driver.py"), str(folder / "cells.json")]
        self.folder = folder
        begin = perf_counter()
        self.process = self._started()
        self.startup = perf_counter() - begin

    def _started(self) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        if self._answer() != "ready":
            raise SystemExit("SageMath did not start, or the clone is not the one expected")
        return self.process

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def time(self, case: Row, limit: int) -> Time | None:
        """One run of theirs; None when it was stopped at ``limit`` seconds, or ended and was started again."""
        assert self.process.stdin is not None
        request = [case.kind, case.widths, case.bias, limit]
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] | None = self._answer()
        if answer is None:
            print(f"  SageMath ended with code {self.process.wait()} and is started again")
            self.process = self._started()
            return None
        if answer["laws"] not in (None, case.known_laws):
            raise SystemExit(f"{case.spec}: theirs finds {answer['laws']} laws, {case.known_laws} are known")
        return None if answer["laws"] is None else Time(answer["wall"], answer["own"])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def startup() -> float:
    """Seconds from nothing until our modules are there."""
    modules = "import flowlaw.oracles.lie, flowlaw.oracles.laws, flowlaw.oracles.kernel._claims"
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", modules], check=True)
    return perf_counter() - begin


def alone() -> None:
    """Our times over all rows."""
    for part, (title, elsewhere) in PARTS.items():
        chosen = [case for case in notebook_rows() if case.kind == part]
        for name, method in methods(part).items():
            times = [[measured(method, case) for case in chosen] for _ in range(ROUNDS)]
            totals = middle([Time(sum(t.wall for t in row), sum(t.own for t in row)) for row in times])
            print(f"{title:<38} {name:<11} {totals.wall:8.4f} s  (processor {totals.own:.4f} s)")
        print(f"{'':<38} {'theirs':<11} {elsewhere} s, measured elsewhere: one core, in process")


def against(notebooks: Notebooks, parts: Sequence[str], choice: str, limit: int) -> None:
    """Interleaves ours and theirs, case by case."""
    mine = startup()
    print(f"start-up, once: theirs {notebooks.startup:.2f} s, ours {mine:.2f} s")
    for part in parts:
        title, elsewhere = PARTS[part]
        every = [case for case in notebook_rows() if case.kind == part]
        chosen = [case for case in every if case.parameters < CHOICES[choice].get(part, 10**9)]
        print(f"\n{title}: {len(chosen)} of {len(every)} cases")
        ours: dict[str, list[Time]] = {name: [] for name in methods(part)}
        theirs: list[Time] = []
        for case in chosen:
            compared(notebooks, case, limit, ours, theirs)
        for name, times in ours.items():
            if times:
                summary(name, times, theirs, mine, notebooks.startup)
        print(f"  measured elsewhere, all cases, one core, in process: theirs {elsewhere} s")


def block(case: Row, rounds: dict[str, list[Time]]) -> None:
    """Some runs of ours."""
    for name, method in methods(case.kind).items():
        rounds[name] += [measured(method, case) for _ in range(BLOCK)]


def compared(notebooks: Notebooks, case: Row, limit: int, ours: dict[str, list[Time]], theirs: list[Time]) -> None:
    """Measures and prints one case; one that did not finish is printed and left out of the sums."""
    rounds: dict[str, list[Time]] = {name: [] for name in ours}
    slow: list[Time] = []
    block(case, rounds)
    while len(slow) < THEIR_ROUNDS and sum(time.wall for time in slow) < THEIR_SECONDS:
        time = notebooks.time(case, limit)
        if time is None:
            print(f"  {case.spec:<26} D {case.parameters:3d}  theirs did not finish (limit {limit} s)", flush=True)
            return
        slow.append(time)
        block(case, rounds)
    theirs.append(middle(slow))
    line = f"  {case.spec:<26} D {case.parameters:3d}  theirs {theirs[-1].wall:9.3f} s"
    for name, times in rounds.items():
        ours[name].append(middle(times))
        line += f"  {name} {1000 * ours[name][-1].wall:7.2f} ms {theirs[-1].wall / ours[name][-1].wall:9,.0f}x"
    print(line, flush=True)


def summary(name: str, ours: Sequence[Time], theirs: Sequence[Time], mine: float, their_startup: float) -> None:
    """Prints the ratios of one part by one of our methods."""
    ratios = sorted(b.wall / a.wall for a, b in zip(ours, theirs, strict=True))
    own = sum(t.own for t in theirs) / sum(t.own for t in ours)
    a, b = sum(t.wall for t in ours), sum(t.wall for t in theirs)
    print(f"  {name}, {len(ours)} cases: theirs {b:.2f} s, ours {a:.4f} s;", end=" ")
    print(f"ratio of the totals {b / a:,.0f} (processor time {own:,.0f}),")
    print(f"    median per case {median(ratios):,.0f}, from {ratios[0]:,.0f} to {ratios[-1]:,.0f};", end=" ")
    print(f"with start-up on both sides {(b + their_startup) / (a + mine):,.1f}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the ratios, or why there are none, and our times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notebooks", type=Path, metavar="CLONE")
    parser.add_argument("--sage", metavar="BINARY")
    parser.add_argument("--cases", choices=list(CHOICES), default="quick")
    parser.add_argument("--part", choices=list(PARTS), action="append", help="all four by default")
    parser.add_argument("--limit", type=int, default=900, metavar="SECONDS", help="theirs is stopped after (a case)")
    options = parser.parse_known_args(arguments)[0]
    missing = [flag for flag, value in (("--notebooks", options.notebooks), ("--sage", options.sage)) if not value]
    if options.notebooks and not all((options.notebooks / f"{name}.ipynb").is_file() for name in FILES):
        missing.append(f"the notebooks in {options.notebooks}")
    for part in PARTS:  # so that no lazy import is counted in the first case
        first = next(case for case in notebook_rows() if case.kind == part)
        for method in methods(part).values():
            measured(method, first)
    if missing:
        print(f"SKIPPED: no ratios without {' and '.join(missing)}. Our times over all rows:")
        alone()
        return 0
    with ExitStack() as stack:
        notebooks = Notebooks(options.sage, options.notebooks, Path(stack.enter_context(TemporaryDirectory())))
        stack.callback(notebooks.close)
        against(notebooks, options.part or list(PARTS), options.cases, options.limit)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
