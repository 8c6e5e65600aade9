"""A campaign of corrupted certificates: what the kernel still accepts must still be true.

``python campaign.py [COUNT] [SEED]`` runs it alone. Each case takes a valid certificate, changes it one to three times,
as JSON or as text, and gives it to ``verify_text``. An accepted one whose claim differs from the original is decided by
``truth.py``, which shares no code with the kernel.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import truth

from flowlaw.oracles.certificates import canonical
from flowlaw.oracles.kernel import verify_text
from flowlaw.oracles.lie import find_completeness
from flowlaw.oracles.models import known_laws, parse_model
from flowlaw.oracles.polynomials import Polynomial, Rational
from flowlaw.oracles.proofs import (
    add,
    conserved,
    exact_rank,
    find_refutation,
    identity,
    inclusion,
    multiply,
    power,
    subtract,
    symbol,
    two_points,
    values,
    violation,
)

Json = Any
Path = list[str | int]

SECONDS = 2.0
"""What one check may take of the processor's time."""

DENSE = (
    "linear:2-2-2",
    "linear:1-2-2-1",
    "linear:1-2-2-1-2",
    "linear:2-3",
    "linear:3-2-2+logits",
    "linear:2-3+logits",
    "relu:2-2-1+bias",
    "relu:1-2-2-1+skip0:2",
    "monomial:3",
    "diagonal:2",
    "symmetric:2-2",
    "conv:2-2",
    "homogeneous:1-2-2+degree2",
)
STRUCTURAL = (
    "linear:2-2-2",
    "linear:4-5-2",
    "linear:2-4-3",
    "linear:3-1-2",
    "linear:2-2-3-2",
    "relu:2-3-2+bias",
    "relu:2-2-2-2+outbias+skip0:2",
    "dag:x:2,b:1,h:2,k:3,y:1/x-h,b-h,h-k,x-k,k-y,h-y",
    "symmetric:2-3",
    "symmetric:1-4",
    "homogeneous:1-2-1+degree3",
)


def corpus() -> list[Json]:
    """Valid certificates of every kind of claim and every rule."""
    found = [find_completeness(parse_model(spec), structure=False).certificate for spec in DENSE]
    found += [find_completeness(parse_model(spec)).certificate for spec in STRUCTURAL]
    for spec in ("linear:2-2-2", "linear:1-2-2-1", "linear:2-2-2+logits", "relu:2-2-1+bias", "monomial:3", "conv:2-2"):
        model = parse_model(spec)
        laws = [law for family in known_laws(model) for law in family.polynomials()]
        found.append(conserved(model, [*laws, laws[0].scaled(Fraction(3, 7)), laws[0] * laws[-1]]))
        for wrong in (laws[0] + Polynomial.variable(0) ** 2, laws[0] * Polynomial.variable(1)):
            refutation = find_refutation(model, wrong)
            assert refutation is not None
            found.append(refutation.certificate)
    a, b, c = map(symbol, range(3))
    square = add(power(a, 2), multiply(2, a, b), power(b, 2))
    found.append(identity(3, [(power(add(a, b), 2), square), (multiply(add(a, b), subtract(a, b)), square)][:1]))
    found.append(
        identity(3, [(multiply(c, subtract(a, Fraction(1, 2))), subtract(multiply(a, c), multiply(Fraction(1, 2), c)))])
    )
    found.append(values([Fraction(1, 2), -3, 5], [(square, Fraction(25, 4)), (multiply(a, b, c), Fraction(-15, 2))]))
    found.append(exact_rank([[1, 2, 3], [2, 4, 6], [Fraction(1, 2), 0, -1]]))
    found.append(exact_rank([[0, 0], [0, 0]]))
    found.append(exact_rank([[1, 0], [0, Fraction(2, 3)], [5, 5]]))
    found += intrinsic()
    assert all(certificate is not None for certificate in found)
    return found


UNEQUAL = parse_model("linear:1-2-3")
"""A3.linear2.counterexample: U = (3/4, 0) and two choices of V."""
ALIKE: tuple[list[Rational], list[Rational]] = (
    [Fraction(3, 4), 0, Fraction(5, 4), 0, 0, 0, 1, 0],
    [Fraction(3, 4), 0, Fraction(5, 4), 0, 0, 0, 0, 1],
)


def intrinsic() -> list[Json]:
    """Inclusions, violations and fibres, of every kind of model, with families and with laws written out."""
    square, wide, net = parse_model("linear:2-2-2"), parse_model("linear:1-3-2"), parse_model("relu:1-2-1+bias")
    logits, product, lifted = (parse_model(spec) for spec in ("linear:2-2-2+logits", "monomial:3", "relu:1-2-1"))
    relaxed: list[Rational] = [Fraction(3, 2), 2, 2, Fraction(-3, 2), Fraction(3, 2), 0, 0, Fraction(3, 2)]
    turned: list[Rational] = [-2, Fraction(3, 2), Fraction(3, 2), 2, 0, Fraction(-3, 2), Fraction(3, 2), 0]
    hard: list[Rational] = [Fraction(10, 3), Fraction(4, 3), 0, Fraction(8, 3), 0, Fraction(5, 3), 0, 0, 1]
    along: list[Rational] = [0, 0, Fraction(4, 5), 0, 0, 0, Fraction(-3, 5), 1, 0]
    seen: list[Rational] = [Fraction(4, 3), -1, Fraction(-4, 3), 1, Fraction(4, 3), 1, -2, 1]
    of_square = [law for family in known_laws(square) for law in family.polynomials()]
    x = [Polynomial.variable(i) for i in range(4)]
    saddle = x[0] ** 2 - x[1] ** 2
    return [
        inclusion(square, None, relaxed, [], rotations=[(1, {(0, 1): Fraction(1, 2)})]),
        inclusion(square, of_square, relaxed, [turned]),
        inclusion(wide, None, hard, [along]),
        inclusion(net, None, [1, 2, 2, -1, 3, 1], []),
        inclusion(lifted, [x[0] ** 2 - x[2] ** 2, x[1] ** 2 - x[3] ** 2], [1, Fraction(1, 2), 3, -2], []),
        inclusion(product, [saddle], [1, 0, 0], [[0, 1, 0], [0, 1, 2]]),
        inclusion(parse_model("linear:2-1-2+logits"), None, [1, 3, 2, Fraction(1, 2)], []),
        inclusion(
            parse_model("linear:2-2-2-2"),
            None,
            [2, 0, 0, 2, *[0, 1, 1, 0], *[1, 0, 0, -1]],
            [],
            rotations=[(1, {(0, 1): 1}), (2, {(0, 1): -3})],
        ),
        violation(UNEQUAL, None, ALIKE[0], [0, 0, 0, 0, 0, 0, 0, 1], (1, 2), 1),
        violation(square, [], [1, 2, 0, 1, 1, 0, 1, 1], [-1, 0, 0, 0, 1, 0, 0, 0], (1, 1), -2),
        violation(logits, None, [1, 2, 0, 1, 1, 0, 1, 1], seen, (0, 0), Fraction(-4, 3)),
        violation(lifted, [], [1, 1, 2, 3], [Fraction(-1, 2), 0, 1, 0], (0, 0), 3),
        violation(product, [saddle], [1, 2, 0], [2, 1, 0], (0, 0), 20),
        two_points(UNEQUAL, None, ALIKE, (1, 1), (Fraction(25, 16), Fraction(9, 16))),
        two_points(parse_model("relu:1-1-2"), None, ([0, 1, 0], [0, 0, 1]), (0, 0), (1, 0)),
        two_points(product, [saddle], ([1, 0, 1], [1, 0, 2]), (0, 0), (1, 4)),
    ]


# Corruptions

NUMBERS: tuple[Json, ...] = (0, 1, -1, 2, 3, 4, 9, 561, 1048573, 1048576, 65521, 5779, 10**9, -(2**63), 2**64, 10**400)
ODDITIES: tuple[Json, ...] = (
    None, True, False, "", "1", "-1", "1/2", "2/1", "0/1", "1/0", "01", "+1", " 1", "1e3", "0x1", "\u0661", "nan",
    "x" * 5000, [], {}, [[]], [0], {"x": 0}, {"+": []}, "\ud800",
)  # fmt: skip


def copied(value: Json) -> Json:
    return json.loads(json.dumps(value))


def is_object(value: Json) -> bool:
    return isinstance(value, dict)


def is_whole(value: Json) -> bool:
    return type(value) is int


def is_list(value: Json) -> bool:
    return isinstance(value, list)


def nodes(value: Json, path: Path | None = None) -> Iterator[Path]:
    """The paths of all nodes of a JSON value."""
    path = path or []
    yield path
    if is_object(value) or is_list(value):
        for key in value if is_object(value) else range(len(value)):
            yield from nodes(value[key], [*path, key])


def at(value: Json, path: Path) -> Json:
    for key in path:
        value = value[key]
    return value


def corrupt(certificate: Json, corpus: list[Json], draw: random.Random) -> Json:
    """One change somewhere in a copy."""
    changed = copied(certificate)
    places = [path for path in nodes(changed) if path]
    path = draw.choice(places)
    if draw.random() < 0.6:  # most nodes are entries of points and controls; every depth deserves its share
        depth = draw.randint(1, max(map(len, places)))
        path = draw.choice([place for place in places if len(place) == depth])
    parent: Json = at(changed, path[:-1])
    key: Json = path[-1]
    old: Json = parent[key]
    what = draw.randrange(10)
    if what == 0:
        del parent[key]
    elif what == 1 and is_whole(old):
        parent[key] = draw.choice(
            [old + 1, old - 1, -old, old * 2, old + 1048573, old % 7, str(old), [old], old * 10**3000]
        )
    elif what == 2:
        parent[key] = draw.choice(NUMBERS)
    elif what == 3:
        parent[key] = draw.choice(ODDITIES)
    elif what == 4:
        other = draw.choice(corpus)
        parent[key] = copied(at(other, draw.choice(list(nodes(other)))))
    elif what == 5:
        parent[key] = copied(at(changed, draw.choice(places)))
    elif what == 6 and is_list(old) and old:
        parent[key] = draw.choice([old[::-1], draw.sample(old, len(old)), [*old, old[0]], [old[-1], *old]])
    elif what == 7 and is_object(old):
        old[draw.choice(["extra", "kind", "rule", "family", "from", "prime", "polynomial"])] = draw.choice(NUMBERS)
    elif what == 8:
        for _ in range(draw.choice([1, 3, 300])):
            parent[key] = [parent[key]] if draw.random() < 0.5 else {"+": [parent[key]]}
    else:
        other = draw.choice(corpus)
        name = draw.choice(["model", "laws", "law", "kind", "point", "matrix", "equal"])
        if name in changed.get("claim", {}) and name in other["claim"]:
            changed["claim"][name] = copied(other["claim"][name])
        else:
            changed["witness"] = copied(other["witness"])
    return changed


def scheme(certificate: Json, draw: random.Random) -> Json:
    """A lie that fits together: the numbers of the claim are changed as a forger would."""
    changed = copied(certificate)
    claim, witness = changed["claim"], changed["witness"]
    model = claim.get("model", {})
    kind = draw.randrange(6)
    if claim["kind"] == "rank":
        shift = draw.choice([-1, 1])
        claim["rank"] += shift
        if shift < 0:
            witness["kernel"].append(copied(draw.choice([*witness["kernel"], claim["matrix"][0]])))
        else:
            witness["kernel"].pop()
        return changed
    if kind == 0 and "independent_laws" in claim:
        shift = draw.choice([-2, -1, 1, 2, 10**6])
        claim["independent_laws"] += shift
        claim["lie_dimension"] -= shift
    elif kind == 1 and claim.get("laws"):
        del claim["laws"][draw.randrange(len(claim["laws"]))]
        if draw.random() < 0.5 and "independent_laws" in claim:
            claim["independent_laws"] -= 1
            claim["lie_dimension"] += 1
    elif kind == 2 and "widths" in model:
        model["widths"][draw.randrange(len(model["widths"]))] += draw.choice([-1, 1, 1])
    elif kind == 3 and "output" in model:
        model["output"] = "all" if model["output"] == "zero-sum" else "zero-sum"
    elif kind == 4 and "groups" in model:
        draw.choice(model["groups"]).update(
            draw.choice([{"size": 1}, {"size": 3}, {"role": "hidden"}, {"role": "source"}])
        )
    elif kind == 5 and "links" in model:
        model["links"].append(sorted(draw.sample(range(len(model["groups"])), 2)))
    if "parameters" in claim and draw.random() < 0.8:
        claim["parameters"] = truth.parameters(model)
        claim["lie_dimension"] = claim["parameters"] - claim["independent_laws"]
    return changed


def garble(text: str, draw: random.Random) -> str:
    """One change of the text itself."""
    i, j = sorted(draw.sample(range(len(text)), 2))
    piece = draw.choice(
        ["1", "-", "0", ".", "e5", "1.0", "NaN", "Infinity", ",", '"', "[", "}", "\\u0000", "\x00", "true", " "]
    )
    return draw.choice(
        [
            lambda: text[:i],
            lambda: text[:i] + text[j:],
            lambda: text[:i] + piece + text[i:],
            lambda: text[:i] + piece + text[i + 1 :],
            lambda: text[:i] + text[i:j] + text[i:],
            lambda: text.replace('{"claim":', '{"version":1,"claim":', 1),
            lambda: text.replace('"kind":', '"kind":"laws","kind":', 1),
            lambda: text.replace(
                '"version":1', draw.choice(['"version":1.0', '"version":true', '"version":2', '"version":"1"']), 1
            ),
            lambda: "[" * 10**5 + text,
            lambda: text + text,
        ]
    )()


@dataclass
class Result:
    """What became of the corruptions."""

    corruptions: int = 0
    rejected: int = 0
    same: int = 0
    still_true: int = 0
    false: list[str] = field(default_factory=list[str])
    crashes: list[str] = field(default_factory=list[str])
    slowest: float = 0.0
    slowest_text: str = ""
    reasons: Counter[str] = field(default_factory=Counter[str])

    def __str__(self) -> str:
        return (
            f"{self.corruptions} corruptions: {len(self.false)} false acceptances, {len(self.crashes)} crashes, "
            f"{self.rejected} rejected ({len(self.reasons)} reasons), {self.same} with the claim unchanged, "
            f"{self.still_true} with another claim that is true; slowest check {self.slowest:.2f} s"
        )


def run(count: int, seed: int = 0) -> Result:
    """``count`` corruptions of the corpus."""
    draw = random.Random(seed)
    originals = corpus()
    for original in originals:
        judgement = verify_text(canonical(original))
        assert judgement.accepted, judgement.reason
        assert truth.holds(original["claim"]), original
    result = Result()
    while result.corruptions < count:
        original = draw.choice(originals)
        try:
            text = _corrupted(original, originals, draw)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError, RecursionError):
            continue  # the second change found nothing left to change
        if text != canonical(original):
            judge(text, original["claim"], result)
    return result


def _corrupted(original: Json, originals: list[Json], draw: random.Random) -> str:
    changed = scheme(original, draw) if draw.random() < 0.2 else original
    if changed is not original and draw.random() < 0.5:
        return canonical(changed)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        changed = corrupt(changed, originals, draw)
    text = canonical(changed)
    return garble(text, draw) if draw.random() < 0.2 else text


def judge(text: str, claim: Json, result: Result, check: Callable[[str], Any] = verify_text) -> None:
    """Gives one text to the kernel and notes what became of it."""
    result.corruptions += 1
    start = time.process_time()
    try:
        judgement = check(text)
    except BaseException as error:
        result.crashes.append(f"{type(error).__name__}: {error}\n{text[:2000]}")
        if isinstance(error, KeyboardInterrupt):
            raise
        return
    seconds = time.process_time() - start
    if seconds > result.slowest:
        result.slowest, result.slowest_text = seconds, text[:2000]
    if not judgement.accepted:
        result.rejected += 1
        result.reasons[judgement.reason] += 1
        return
    accepted = json.loads(text)
    if json.dumps(accepted["claim"], sort_keys=True) == json.dumps(claim, sort_keys=True):
        result.same += 1
    elif truth.holds(accepted["claim"]):
        result.still_true += 1
    else:
        result.false.append(text[:2000])


if __name__ == "__main__":
    finished = run(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(finished)
    for problem in [*finished.false, *finished.crashes][:20]:
        print(problem)
    sys.exit(bool(finished.false or finished.crashes))
