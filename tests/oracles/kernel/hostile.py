"""Certificates that ask for more than a machine has. A printed line is: name, processor seconds, peak MB, answer, size.

``python hostile.py`` runs all of them in one process, so the peak is that of the worst one so far.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

from flowlaw.oracles.kernel import verify_text

Json = Any

LONG = int("7" * 3999)
HALF = int("7" * 1998)
FRACTION = f"{HALF}/{HALF + 1}"


def certificate(claim: Json, witness: Json = None) -> str:
    found: Json = {"flowlaw": "certificate", "version": 1, "claim": claim, "witness": witness or {}}
    sys.set_int_max_str_digits(0)
    return json.dumps(found)


def x(index: int) -> Json:
    return {"x": index}


def tower(base: Json, height: int, exponent: int = 100) -> Json:
    for _ in range(height):
        base = {"^": [base, exponent]}
    return base


def identity(left: Json, variables: int = 10) -> str:
    return certificate({"kind": "identity", "variables": variables, "equal": [[left, left]]})


def value(tree: Json, point: Json) -> str:
    return certificate({"kind": "value", "point": point, "values": [[tree, 0]]})


def linear(widths: list[int], output: str = "all") -> Json:
    return {"kind": "linear", "widths": widths, "output": output}


def layered(sizes: list[int]) -> Json:
    roles = ["source", *["hidden"] * (len(sizes) - 2), "output"]
    groups = [{"size": size, "role": role} for size, role in zip(sizes, roles, strict=True)]
    return {"kind": "paths", "groups": groups, "links": [[i, i + 1] for i in range(len(sizes) - 1)]}


def explicit(coordinates: Json, parameters: int) -> Json:
    return {"kind": "polynomial", "parameters": parameters, "coordinates": coordinates}


def laws(model: Json, *written: Json) -> str:
    return certificate({"kind": "laws", "model": model, "laws": [{"polynomial": law} for law in written]})


def refuted(model: Json, law: Json, point: Json, *keys: Json) -> str:
    witness = {"point": point, "covector": [[key, 1] for key in keys], "derivative": 1}
    return certificate({"kind": "refuted", "model": model, "law": law}, witness)


def complete(model: Json, size: int, listed: Json, witness: Json) -> str:
    claim = {"kind": "complete", "model": model, "laws": listed, "parameters": size}
    return certificate({**claim, "independent_laws": 1, "lie_dimension": size - 1}, witness)


def evidence(size: int, dimension: int, orders: int = 1, rows: int = 1, prime: int = 5779) -> Json:
    listed = [[0, order % orders, order % dimension] for order in range(rows)]
    point, controls = [1 + i % 99 for i in range(size)], [[[1] * dimension]]
    columns = list(range(rows))
    return {"prime": prime, "point": point, "controls": controls, "orders": orders, "rows": listed, "columns": columns}


def dense(model: Json, size: int, listed: Json, **given: Any) -> str:
    return complete(model, size, listed, {"rule": "dense", **evidence(size, **given)})


def pairs(variables: int, exponent: int) -> Json:
    """A polynomial of many terms."""
    return [[i + 1, [[i, exponent], [j, exponent]]] for i, j in combinations(range(variables), 2)]


def squares(index: int) -> Json:
    """``x^2 - y^2``, whose gradient keeps ``x y``."""
    return [[1, [[index, 2]]], [-1, [[index + 1, 2]]]]


def inclusion(model: Json, point: Json, listed: Json = None, vectors: Json = None, rotations: Json = None) -> str:
    witness: Json = {"prime": 1048573, "vectors": vectors or [], "rotations": rotations or []}
    claim: Json = {"kind": "inclusion", "model": model, "laws": listed or [], "point": point}
    return certificate({**claim, "kernel_dimension": len(witness["vectors"]) + len(witness["rotations"])}, witness)


def violation(model: Json, point: Json, vector: Json, keys: Json, listed: Json = None) -> str:
    claim: Json = {"kind": "violation", "model": model, "laws": listed or [], "point": point, "coordinates": keys}
    return certificate({**claim, "derivative": 1}, {"vector": vector})


def fibre(model: Json, first: Json, second: Json, keys: Json, listed: Json = None) -> str:
    claim: Json = {
        "kind": "fibre",
        "model": model,
        "laws": listed or [],
        "points": [first, second],
        "coordinates": keys,
    }
    return certificate({**claim, "metric": [1, 2]})


BALANCE = [{"family": "balance"}]
PRIMES = [p for p in range(1000, 20_000) if all(p % d for d in range(2, 142))]

CASES: dict[str, Callable[[], str]] = {
    "power tower of a number": lambda: identity(tower(LONG, 100)),
    "power tower of a variable": lambda: value(tower(x(0), 150), [LONG]),
    "power tower of a sum": lambda: identity(tower({"+": [x(0), x(1), x(2)]}, 3)),
    "sum of a hundred variables to the hundredth": lambda: identity(tower({"+": [x(i) for i in range(100)]}, 1), 100),
    "sum of 190,000 variables": lambda: identity({"+": [x(i % 99_991) for i in range(95_000)]}, 100_000),
    "sum of 9,000 sums": lambda: identity({"+": [{"+": [x(i), i]} for i in range(45_000)]}, 100_000),
    "product of 90,000 variables": lambda: identity({"*": [x(i) for i in range(90_000)]}, 100_000),
    "product of 90,000 numbers": lambda: identity({"*": [3**50] * 90_000}),
    "sum of fractions without common factors": lambda: identity(
        {"+": [f"1/{LONG - 10**3998 - 2 * i}" for i in range(3000)]}
    ),
    "sum of small fractions": lambda: identity({"+": [f"1/{p}" for p in PRIMES] * 20}),
    "product of fractions": lambda: identity({"*": [{"+": [x(0), f"1/{p}"]} for p in PRIMES]}),
    "nested sums": lambda: identity(json.loads('{"+":[' * 150 + "1" + "]}" * 150)),
    "nesting beyond the limit": lambda: certificate({}).replace("{}", '{"+":[' * 10**5 + "]}" * 10**5),
    "lists in lists": lambda: "[" * 10**6,
    "a text of 17 MB": lambda: '"' + "x" * 17 * 2**20 + '"',
    "16 MB of empty lists": lambda: "[" + "[]," * (5 * 2**20) + "[]]",
    "a number of a million digits": lambda: '{"flowlaw":' + "9" * 10**6 + "}",
    "exponents of 200 at 4000 digits": lambda: refuted(
        explicit([[[1, [[0, 30], [1, 30]]]]], 2), [[LONG, [[0, 100], [1, 100]]]], [FRACTION, FRACTION], 0
    ),
    "many long terms at a long point": lambda: refuted(
        explicit([[[1, [[0, 1]]]]], 20), [[1, [[0, i], [1 + i % 19, 9]]] for i in range(1, 190)], [FRACTION] * 20, 0
    ),
    "long fractions at a point": lambda: value(
        {"+": [{"*": [x(i), x(i)]} for i in range(1500)]}, [f"1/{HALF - 2 * i}" for i in range(1500)]
    ),
    "a coordinate of a million terms": lambda: refuted(linear([1, 1000, 1000, 1]), [[1, [[0, 2]]]], [1] * 1_002_000, 0),
    "a thousand coordinates of many terms": lambda: refuted(
        linear([1000, 300, 300, 1]), [[1, [[i, 2]]] for i in range(300)], [1] * 390_300, *range(1000)
    ),
    "a law of a wide linear network": lambda: laws(linear([1000, 1000, 1000]), [[1, [[0, 2]]]]),
    "a law of an enormous linear network": lambda: laws(linear([10**4, 10**4, 10**4]), [[1, [[0, 2]]]]),
    "widths of a thousand million": lambda: laws(linear([10**9, 10**9]), [[1, [[0, 2]]]]),
    "a law with many terms of a coordinate with many terms": lambda: laws(
        explicit([pairs(150, 2)], 300), [[c, [[150 + i, e] for i, e in m]] for c, m in pairs(150, 2)], pairs(150, 2)
    ),
    "three thousand laws of three thousand coordinates": lambda: laws(
        explicit([squares(2 * i) for i in range(3000)], 6000),
        *[[[1, [[2 * i, 1], [2 * i + 1, 1]]]] for i in range(3000)],
    ),
    "terms of two hundred variables": lambda: laws(
        explicit([squares(0)], 400), [[1, [[2 + i + (i >= k), 1] for i in range(200)]] for k in range(200)]
    ),
    "more paths than atoms": lambda: laws(layered([2] * 10_000), [[1, [[0, 1]]]]),
    "one path of 100,000 edges": lambda: laws(layered([1] * 100_001), [[1, [[0, 1]]]]),
    "a square law on 10^9 edges": lambda: laws(layered([30_000, 30_000, 1]), [[1, [[0, 2]]]]),
    "square laws with long fractions": lambda: laws(
        layered([1] * 1000), [[f"1/{HALF - 2 * i}", [[i, 2]]] for i in range(900)]
    ),
    "a thousand square laws": lambda: laws(
        layered([100, 100, 100]),
        *[[[1, [[100 * i, 2]]] for i in range(100)] + [[-1, [[10**4 + i, 2]]] for i in range(100)]] * 1000,
    ),
    "a path named a thousand times among many links": lambda: refuted(
        layered([1] * 3001), [[1, [[0, 1]]]], [1] * 3000, *[list(range(3000))] * 1000
    ),
    "balances that fill the memory": lambda: dense(linear([1, 9999, 1]), 19_998, BALANCE, dimension=1),
    "balances of a sub-network": lambda: complete(
        linear([1, 1000, 1]),
        2000,
        BALANCE,
        {
            "rule": "local",
            "chains": [{"widths": [1, 1000, 1], "count": 1}],
            "nets": [{"members": [0], **evidence(2000, 1)}],
        },
    ),
    "20,000 sub-networks": lambda: complete(
        linear([3, 3, 3]),
        18,
        BALANCE,
        {
            "rule": "local",
            "chains": [{"widths": [3, 3, 3], "count": 1}],
            "nets": [{"members": [0], **evidence(18, 9, 100, 18)}] * 20_000,
        },
    ),
    "20,000 families": lambda: dense(linear([30, 30, 30]), 1800, BALANCE * 20_000, dimension=900),
    "20,000 families of path balances": lambda: dense(
        layered([100, 100, 100]), 20_000, [{"family": "neuron-balance"}] * 20_000, dimension=1
    ),
    "20 controls of a wide network": lambda: complete(
        linear([400, 1, 400]),
        800,
        [],
        {
            "rule": "dense",
            **evidence(800, 1, 200),
            "controls": [[[1] * 160_000]] * 20,
            "rows": [[i, 0, 0] for i in range(20)],
        },
    ),
    "20,000 scalar blocks": lambda: dense(
        linear([1, 99, 100, 1]),
        10_099,
        [{"family": "block-first-integrals", "from": 0, "to": 3}] * 20_000,
        dimension=1,
    ),
    "200 orders through 64 layers": lambda: dense(linear([1] * 65), 64, BALANCE, dimension=1, orders=200, rows=60),
    "200 orders of a wide network": lambda: dense(
        linear([99] * 3), 19_602, BALANCE, dimension=9801, orders=200, rows=99
    ),
    "orders times outputs": lambda: dense(linear([600, 1, 600]), 1200, BALANCE, dimension=360_000, orders=200),
    "all rows and columns of 20,000": lambda: dense(linear([100] * 3), 20_000, BALANCE, dimension=10**4, rows=20_000),
    "powers of sixty": lambda: dense(
        explicit([[[1, [[0, 58], [i, 2]]]] for i in range(1, 2000)], 2000),
        2000,
        [],
        dimension=1999,
        orders=100,
        rows=99,
    ),
    "many terms and generators": lambda: dense(
        explicit([[[1, [[i, 2]]] for i in range(1000)]] * 100, 1000), 1000, [], dimension=100, orders=50, rows=900
    ),
    "laws with many terms": lambda: dense(
        explicit([squares(0)], 300),
        300,
        [{"polynomial": [[k + 1, [[2 + i + (i >= k), 1] for i in range(198)]] for k in range(198)]}] * 5,
        dimension=1,
    ),
    "matrices of 4000 digits": lambda: certificate(
        {"kind": "rank", "matrix": [[FRACTION] * 30] * 30, "rank": 1},
        {"prime": 5, "kernel": [[LONG] * 30] * 29},
    ),
    "a matrix of 499 x 500": lambda: certificate(
        {"kind": "rank", "matrix": [[i + j for j in range(500)] for i in range(499)], "rank": 2},
        {"prime": 65521, "kernel": [[j % 7 for j in range(500)]] * 498},
    ),
    "a composite prime of 400 digits": lambda: certificate(
        {"kind": "rank", "matrix": [[1]], "rank": 1}, {"prime": 10**400, "kernel": []}
    ),
    "a long basis of large matrices": lambda: complete(
        explicit([[[1, [[i % 63, 2]]]] for i in range(64)], 200),
        200,
        [],
        {
            "rule": "involutive",
            "basis": [[[k, k, 2]] for k in range(63)] + [[[i, j, 1] for i in range(200) for j in range(200)]],
            "fields": [[[k % 63, 1]] for k in range(64)],
            "brackets": [[]] * (64 * 63 // 2),
            **evidence(200, 64),
        },
    ),
}


INTRINSIC: dict[str, Callable[[], str]] = {
    "a Jacobian of 20,000 parameters": lambda: inclusion(linear([100] * 3), [1] * 20_000, BALANCE),
    "a Jacobian of 7,000 parameters": lambda: inclusion(layered([70, 50, 70]), [1 + i % 97 for i in range(7000)]),
    "a point of two million parameters": lambda: inclusion(linear([1, 10**6, 1]), [1] * 2 * 10**6, BALANCE),
    "powers of long fractions": lambda: fibre(
        explicit([[[1, [[0, 30], [1, 30]]]]], 2), [FRACTION, FRACTION], [FRACTION, FRACTION], [0, 0]
    ),
    "many powers of long fractions": lambda: violation(
        explicit([[[1, [[0, 2], [i, 1]]]] for i in range(1, 99)], 99), [FRACTION] * 99, [[0, FRACTION]], [0, 1]
    ),
    "second derivatives of terms of sixty variables": lambda: inclusion(
        explicit([[[1, [[60 * k + i, 1] for i in range(60)]]] for k in range(300)], 18_000),
        [2] * 18_000,
        vectors=[[[0, 1]]],
    ),
    "a metric with four million entries": lambda: inclusion(
        explicit([[[1, [[0, 2]]], [1, [[i, 1]]]] for i in range(1, 3000)], 3000), [0] * 3000, vectors=[[[0, 1]]]
    ),
    "four hundred vectors": lambda: inclusion(
        linear([30] * 3), [1] * 1800, vectors=[[[i, 1] for i in range(1800)]] * 400
    ),
    "long vectors": lambda: inclusion(
        linear([2, 500, 2]), [0] * 2000, vectors=[[[i, FRACTION] for i in range(0, 2000, 7)]] * 14
    ),
    "rotations with all entries": lambda: inclusion(
        linear([40] * 3),
        [1] * 3200,
        rotations=[[1, [[i, j, 1 + k] for i in range(40) for j in range(i + 1, 40)]] for k in range(780)],
    ),
    "rotations of a wide layer": lambda: inclusion(
        linear([1, 9999, 1]), [1] * 19_998, BALANCE, rotations=[[1, [[0, j, 1]]] for j in range(1, 9000)]
    ),
    "rotations of long numbers": lambda: inclusion(
        linear([30] * 3), [LONG] * 1800, BALANCE, rotations=[[1, [[0, j, LONG]]] for j in range(1, 30)]
    ),
    "two points of 20,000 families": lambda: fibre(
        layered([60, 60, 60]), [1] * 7200, [1] * 7200, [[0, 3600]] * 2, [{"family": "neuron-balance"}] * 20_000
    ),
    "two points of more paths than atoms": lambda: fibre(
        layered([2] * 1000), [1] * 3996, [1] * 3996, [[0], [0]], [{"family": "neuron-balance"}]
    ),
    "a pair of coordinates of a million terms": lambda: violation(
        linear([1, 140, 140, 1]), [1] * 19_880, [[0, 1]], [0, 0], BALANCE
    ),
}
CASES.update(INTRINSIC)


def megabytes() -> int:
    """The largest memory so far. Where the system tells it, that of this program alone: a started one inherits more."""
    try:
        (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return int(line.split()[1]) // 1024


def baseline() -> float:
    """Processor time of a quarter of a million sparse additions, the kernel's commonest step."""
    total: dict[tuple[int, int], int] = {}
    start = time.process_time()
    for i in range(500):
        for j in range(500):
            total[i % 37, j] = total.get((i % 37, j), 0) + i * j
    return time.process_time() - start


def main() -> None:
    """One line a case: its name, its time in baselines and in seconds, the largest memory so far, and the answer."""
    for name, build in CASES.items():
        text = build()
        before = baseline()
        start = time.process_time()
        judgement = verify_text(text)
        spent = time.process_time() - start
        unit = (before + baseline()) / 2
        peak = megabytes()
        answer = "ACCEPTED" if judgement.accepted else judgement.reason
        print(f"{name}\t{spent / unit:.1f}\t{spent:.2f}\t{peak}\t{answer}", flush=True)
        del text


if __name__ == "__main__":
    main()
