"""A realistic evidence file for looking at the report: twenty theorems, real trajectories, mutants.

``python tests/reports/sample.py FOLDER`` writes ``evidence.jsonl`` and ``report.html`` there, and a second
pair in which one theorem is violated and one mutant is missed.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from flowlaw.reports import EvidenceWriter, write_report
from flowlaw.reports.events import Run
from flowlaw.reports.numbers import number

Event = dict[str, Any]
Theta = tuple[float, ...]

RUN: Run = {
    "event": "run",
    "flowlaw": "0.1.0",
    "seed": 0,
    "profile": "standard",
    "device": "cpu",
    "selection": ["A0", "A1"],
    "python": "3.11.7",
    "platform": "Linux x86_64",
    "packages": {"numpy": "2.4.6", "python-flint": "0.9.0", "hypothesis": "6.170.15", "torch": "2.13.0"},
    "command": "flowlaw check A0 A1 --seed 0 --profile standard",
}

NO_TORCH = "needs torch, which is not installed; `pip install flowlaw[torch]` adds it"
THEOREMS: list[Event] = json.loads(Path(__file__).with_name("theorems.json").read_text("utf-8"))


def events(*, violated: bool = False) -> list[Event]:
    """The events of the sample run without ``run`` and ``end``; ``violated`` spoils two theorems."""
    found: list[Event] = []
    for index, theorem in enumerate(THEOREMS):
        name = str(theorem["theorem"])
        found.append({"event": "theorem", **theorem, "replay": f"flowlaw check {name} --seed 0"})
        spoiled = violated and name == "A1.relu.path-lifting.count"
        found += _derivation(name, skipped=name == "A1.homogeneous-activation")
        if theorem["status"] != "definition":
            found += _properties(name, index, spoiled)
            found += _mutants(name, missed=violated and name == "A1.loss-span")
        found += EXTRAS.get(name, lambda: [])()
    return found


def _derivation(name: str, skipped: bool) -> Iterator[Event]:
    if name in ("A0.conventions", "A1.def.conservation-law"):
        yield {
            "event": "step",
            "theorem": name,
            "index": 1,
            "says": "Fixes words; there is nothing to prove.",
            "verdict": "STATED",
        }
        return
    yield {
        "event": "step",
        "theorem": name,
        "index": 1,
        "says": "For symmetric $A$ the gradient of $\\langle A,\\Delta\\rangle$ has the blocks $2UA$ and $-2VA$.",
        "formula": r"\nabla_U\langle A,\Delta\rangle=2UA,\qquad\nabla_V\langle A,\Delta\rangle=-2VA",
        "verdict": "STATED",
    }
    if skipped:
        yield {
            "event": "step",
            "theorem": name,
            "index": 2,
            "says": "Differentiate the network.",
            "verdict": "SKIPPED",
            "reason": NO_TORCH,
        }
        return
    digest = hashlib.sha256(name.encode()).hexdigest()
    formula: Any = r"\bigl\langle(UA,-VA),\,(MV,M^\top U)\bigr\rangle=0"
    if name == "A1.alg.polynomial-laws":
        law: Event = {
            "polynomial": [["1", [[0, 2]]], ["-1", [[1, 2]]], ["3/2", [[0, 1], [2, 1]]], ["-7", []]],
            "names": ["U1[1,1]", "U1[1,2]", "U2[2,1]"],
        }
        formula = law
    yield {
        "event": "step",
        "theorem": name,
        "index": 2,
        "says": "It is orthogonal to every generator: a polynomial identity over $\\mathbb{Q}$.",
        "formula": formula,
        "verdict": "PROVED",
        "certificate": {
            "file": f"certificates/{digest[:12]}.json",
            "sha256": digest,
            "claim": "identity in 14 variables, 48 terms cancel",
            "bytes": 2_100 + 37 * len(name),
        },
        "replay": f"flowlaw verify certificates/{digest[:12]}.json",
    }
    digest = hashlib.sha256(name[::-1].encode()).hexdigest()
    yield {
        "event": "step",
        "theorem": name,
        "index": 3,
        "says": "The ranks of brackets and of gradients of laws at one integer point add up to $D$.",
        "verdict": "PROVED",
        "certificate": {
            "file": f"certificates/{digest[:12]}.json",
            "sha256": digest,
            "claim": "complete: 15 + 15 = 30 for `linear:4-5-2`, modulo 2147483629",
            "bytes": 8_400 + 53 * len(name),
        },
    }


def _properties(name: str, index: int, spoiled: bool) -> Iterator[Event]:
    if name == "A1.homogeneous-activation":
        for slug in ("orthogonal", "one-step"):
            says = "Random activations $s^p$, differentiated by torch."
            event = {"event": "property", "theorem": name, "name": slug, "says": says, "verdict": "SKIPPED"}
            yield {**event, "reason": NO_TORCH, "cases": 0, "nontrivial": 0, "worst": None}
        return
    yield {
        "event": "property",
        "theorem": name,
        "name": "orthogonal",
        "says": "For random architectures, points and data the inner product is exactly zero.",
        "verdict": "HOLDS",
        "cases": 200,
        "nontrivial": 197,
        "worst": {
            "residual": "0",
            "bound": "0",
            "ratio": 0.0,
            "case": "linear:3-2-4, U1 = [[1/2, -3], [0, 5/7], [2, 2]]",
        },
        "arithmetic": "rational",
        "replay": f"flowlaw replay {name}#orthogonal",
    }
    ratio = 0.07 + 0.03 * index if not spoiled else 4.1e11
    bound = 3.3e-15
    yield {
        "event": "property",
        "theorem": name,
        "name": "one-step",
        "says": "One step of SGD moves the law by $\\eta^2 g^\\top M g$ and nothing else.",
        "verdict": "VIOLATED" if spoiled else "HOLDS",
        "reason": "Hidden neuron 2 has a bias that the law leaves out: $h_v$ moved by more than rounding can explain."
        if spoiled
        else "",
        "cases": 512,
        "nontrivial": 509,
        "worst": {
            "residual": number(bound * ratio),
            "bound": number(bound),
            "ratio": ratio,
            "case": "relu:3-5-2+bias, seed 271, step 0.05, batch 4",
        },
        "arithmetic": "float64",
        "replay": f"flowlaw replay {name}#one-step",
    }


def _mutants(name: str, missed: bool) -> Iterator[Event]:
    for slug, says, expected, detail in (
        ("sign", "One sign of the law is flipped.", "REFUTED", "derivative $-91/2$ at the point (1, 2, 1/2)"),
        (
            "double",
            r"$U^\top U-2\,V^\top V$ instead of $U^\top U-V^\top V$.",
            "VIOLATED",
            "residual 2.1 × 10¹ against 3.3 × 10⁻¹⁵",
        ),
        ("prime", "The certificate is replayed modulo 2.", "REJECTED", "rank 11 where 15 was claimed"),
    ):
        lost = missed and slug == "double"
        yield {
            "event": "mutant",
            "theorem": name,
            "name": slug,
            "says": says,
            "expected": expected,
            "verdict": "HOLDS" if lost else expected,
            "caught": not lost,
            "detail": "" if lost else detail,
        }


def _gradient(theta: Theta) -> Theta:
    """Gradient of (u1 v1 + u2 v2 - 1)^2 / 2 at (u1, u2, v1, v2)."""
    u1, u2, v1, v2 = theta
    e = u1 * v1 + u2 * v2 - 1
    return (e * v1, e * v2, e * u1, e * u2)


def _euler(theta: Theta, eta: float) -> Theta:
    return tuple(t - eta * g for t, g in zip(theta, _gradient(theta), strict=True))


def _rk4(theta: Theta, eta: float) -> Theta:
    def at(k: Theta, share: float) -> Theta:
        return _gradient(tuple(t - share * eta * g for t, g in zip(theta, k, strict=True)))

    k1 = _gradient(theta)
    k2 = at(k1, 0.5)
    k3 = at(k2, 0.5)
    k4 = at(k3, 1.0)
    return tuple(t - eta / 6 * (a + 2 * b + 2 * c + d) for t, a, b, c, d in zip(theta, k1, k2, k3, k4, strict=True))


def _midpoint(theta: Theta, eta: float) -> Theta:
    after = theta
    for _ in range(40):
        g = _gradient(tuple((a + b) / 2 for a, b in zip(theta, after, strict=True)))
        after = tuple(t - eta * x for t, x in zip(theta, g, strict=True))
    return after


def _law(theta: Theta) -> float:
    return theta[0] ** 2 - theta[2] ** 2


def _drift(step: Callable[[Theta, float], Theta], eta: float, time: float) -> list[tuple[float, float]]:
    theta: Theta = (1.0, 0.5, 1 / 3, 2.0)
    start, points = _law(theta), [(0.0, 0.0)]
    for k in range(round(time / eta)):
        theta = step(theta, eta)
        points.append(((k + 1) * eta, abs(_law(theta) - start)))
    return points


METHODS: dict[str, Callable[[Theta, float], Theta]] = {"Euler": _euler, "RK4": _rk4, "midpoint": _midpoint}


def _integrators() -> list[Event]:
    steps = [0.1 / 2**k for k in range(6)]
    drift = [{"label": name, "kind": "line", "points": _drift(step, 0.01, 5.0)} for name, step in METHODS.items()]
    drift.append({"label": "rounding bound", "kind": "bound", "points": [(0.0, 4e-15), (5.0, 9e-14)]})
    ends: dict[str, list[tuple[float, float]]] = {
        name: [(eta, _drift(step, eta, 2.0)[-1][1]) for eta in steps] for name, step in METHODS.items()
    }
    slopes: list[dict[str, Any]] = []
    for name, order in (("Euler", 1), ("RK4", 4)):
        slopes.append({"label": name, "kind": "points", "points": ends[name]})
        first = ends[name][0]
        slopes.append(
            {
                "label": f"slope {order}",
                "kind": "line",
                "points": [(e, first[1] * (e / first[0]) ** order) for e in (steps[0], steps[-1])],
            }
        )
    return [
        {
            "event": "simulation",
            "theorem": "A0.integrators",
            "name": "orders",
            "says": "The drift of $u_1^2-v_1^2$ on a two-neuron network, three methods.",
            "verdict": "HOLDS",
            "residual": number(ends["midpoint"][-1][1]),
            "bound": number(1e-13),
            "plots": [
                {
                    "title": "Drift against time, step 0.01",
                    "x": {"label": "time", "scale": "linear"},
                    "y": {"label": "|h(t) − h(0)|", "scale": "log"},
                    "series": drift,
                    "caption": "The midpoint rule stays inside what rounding allows.",
                },
                {
                    "title": "Drift at time 2 against step size",
                    "x": {"label": "step size η", "scale": "log"},
                    "y": {"label": "|h(2) − h(0)|", "scale": "log"},
                    "series": slopes,
                },
            ],
            "table": {
                "columns": ["method", "order", "measured slope", "drift at $\\eta=0.1$", "as expected"],
                "rows": [
                    ["Euler", 1, 1.04, number(ends["Euler"][0][1]), "HOLDS"],
                    ["RK4", 4, 4.11, number(ends["RK4"][0][1]), "HOLDS"],
                    ["implicit midpoint", None, math.nan, number(ends["midpoint"][0][1]), "HOLDS"],
                ],
            },
            "replay": "flowlaw replay A0.integrators#orders",
        }
    ]


def _balls() -> list[Event]:
    times = [k / 10 for k in range(31)]
    width = [(t, 1e-47 * math.exp(1.3 * t)) for t in times]
    return [
        {
            "event": "simulation",
            "theorem": "A1.deep-linear.known-laws",
            "name": "balls",
            "says": "A rigorous enclosure of the flow of `linear:2-3-2`: the law drifts by less than 10⁻⁴⁰.",
            "verdict": "PROVED",
            "residual": "3.2e-45",
            "bound": "1e-40",
            "plots": [
                {
                    "title": "Radius of the enclosure of the law",
                    "x": {"label": "time", "scale": "linear"},
                    "y": {"label": "radius", "scale": "log"},
                    "series": [
                        {"label": "largest entry", "kind": "line", "points": width},
                        {"label": "allowed", "kind": "bound", "points": [(0.0, 1e-40), (3.0, 1e-40)]},
                    ],
                },
                {
                    "title": "Entries of U₁ along the flow",
                    "x": {"label": "time", "scale": "linear"},
                    "y": {"label": "value", "scale": "linear"},
                    "series": [
                        {
                            "label": f"entry {k}",
                            "kind": "line",
                            "points": [(t, math.cos(k + t) * math.exp(-t / 2)) for t in times],
                        }
                        for k in range(5)
                    ],
                },
            ],
        }
    ]


def _levels() -> list[Event]:
    levels = {"5-5-4-4-5": [24, 46], "2-4-5-2-2": [4, 9, 13, 14], "2-4-5-2": [4, 8, 12, 13]}
    return [
        {
            "event": "simulation",
            "theorem": "A1.alg.lie-trace",
            "name": "levels",
            "says": "The rank after each level of brackets.",
            "verdict": "HOLDS",
            "plots": [
                {
                    "title": "Rank by bracket depth",
                    "x": {"label": "depth", "scale": "linear"},
                    "y": {"label": "rank", "scale": "linear"},
                    "series": [
                        {
                            "label": f"linear:{net}",
                            "kind": "line",
                            "points": [(k + 1, rank) for k, rank in enumerate(ranks)],
                        }
                        for net, ranks in levels.items()
                    ],
                }
            ],
        }
    ]


def _counts() -> list[Event]:
    rows: list[list[Any]] = []
    for n, m, r in ((1, 1, 1), (1, 1, 2), (1, 1, 3), (1, 2, 2), (2, 2, 1), (2, 2, 2), (2, 2, 5), (2, 3, 4), (3, 3, 3)):
        k = min(r, n + m)
        laws = k * (2 * r + 1 - k) // 2
        rows.append([n, m, r, (n + m) * r, (n + m) * r - laws, laws, "PROVED"])
    return [
        {
            "event": "table",
            "theorem": "A1.two-layer-linear.count",
            "name": "known",
            "title": "Known values, each certified complete.",
            "columns": ["$n$", "$m$", "$r$", "$D$", "dim Lie", "laws", "verdict"],
            "rows": rows,
            "verdict": "PROVED",
        }
    ]


def _notebook() -> list[Event]:
    rows = [
        [
            "linear" if k % 2 else "relu",
            "-".join(str(2 + (k * j) % 5) for j in range(1, 5)),
            20 + k,
            6 + k % 9,
            "PROVED",
        ]
        for k in range(120)
    ]
    return [
        {
            "event": "table",
            "theorem": "A1.notebook",
            "name": "rows",
            "title": "All rows, in the order of the notebook.",
            "columns": ["kind", "widths", "$D$", "laws", "verdict"],
            "rows": rows,
            "verdict": "PROVED",
        }
    ]


def _worked() -> list[Event]:
    return [
        {
            "event": "step",
            "theorem": "A1.two-layer-linear.rank-deficient",
            "index": 4,
            "says": "A worked point: one exact step with $\\eta=1/10$ changes $\\Delta$ by",
            "formula": {"matrix": [[str(Fraction(-2, 2025)), "1/5400"], ["1/5400", "1/240"]]},
            "verdict": "PROVED",
        }
    ]


def _case(n: int, m: int, r: int) -> str:
    """The case of A3.linear2.converse at full ranks."""
    low, high = min(n, m), max(n, m)
    if r == 1 or high == 1:
        return "1"
    if r >= n + m:
        return "6"
    return "2" if r <= low else "3" if r == high else "4" if r < high else "5"


def _map() -> list[Event]:
    sides = range(1, 6)
    labels = (
        ("1", "yes", "always: r = 1, or n = m = 1"),
        ("2", "part", "2 ≤ r ≤ min(n, m): if and only if Δ = λI"),
        ("3", "part", "2 ≤ r = max(n, m): if and only if Δ = λI"),
        ("4", "no", "min(n, m) < r < max(n, m): never"),
        ("5", "no", "max(n, m) < r < n + m: never"),
        ("6", "part", "r ≥ n + m: if and only if Δ has the eigenvalues μ (n times), −ν (m times) and 0"),
    )
    return [
        {
            "event": "picture",
            "theorem": "A1.two-layer-linear.count",
            "name": "picture-1",
            "title": "Where the metric property holds, for U of size n × r and V of size m × r.",
            "map": {
                "x": "m",
                "y": "n",
                "columns": [str(m) for m in sides],
                "rows": [str(n) for n in sides],
                "cases": [{"key": key, "tone": tone, "label": label} for key, tone, label in labels],
                "panels": [
                    {"title": f"r = {r}", "cells": ["".join(_case(n, m, r) for m in sides) for n in sides]}
                    for r in range(1, 11)
                ],
            },
            "caption": "U and V of full rank. The larger r, the fewer pairs are left to the last case.",
            "verdict": "HOLDS",
            "replay": "flowlaw replay A1.two-layer-linear.count#picture-1",
        }
    ]


EXTRAS: dict[str, Callable[[], list[Event]]] = {
    "A0.integrators": _integrators,
    "A1.deep-linear.known-laws": _balls,
    "A1.alg.lie-trace": _levels,
    "A1.two-layer-linear.count": lambda: [*_counts(), *_map()],
    "A1.two-layer-linear.rank-deficient": _worked,
    "A1.notebook": _notebook,
}


def formulas() -> dict[str, str]:
    """MathML of the formulas of this file, made by ``flowlaw.reports.mathml.regenerate``."""
    table: dict[str, str] = json.loads(Path(__file__).with_name("formulas.json").read_text("utf-8"))
    return table


def write(folder: Path, *, violated: bool = False, theorems: int = 0) -> Path:
    """Writes the evidence file and returns its path; ``theorems`` repeats the sample up to that many."""
    path = folder / "evidence.jsonl"
    with EvidenceWriter(path, RUN) as writer:
        sample = events(violated=violated)
        for copy in range(max(1, -(-theorems // len(THEOREMS)))):
            suffix = f".copy{copy}" if copy else ""
            writer.write_all({**event, "theorem": event["theorem"] + suffix} for event in sample)
        writer.finish(wall=142.7, exit=1 if violated else 0)
    return path


if __name__ == "__main__":
    for variant in ("good", "violated"):
        target = Path(sys.argv[1]) / variant
        write_report(write(target, violated=variant == "violated"), target / "report.html", formulas=formulas())
        print(target / "report.html")
