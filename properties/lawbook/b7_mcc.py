"""B7.mcc: iterated pruning by conserved positive scores never disconnects a network before it must."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .._layered import Net, nets
from .._profiles import Profile
from .._pruning import Place, Scores, ascending, bare, magnitude, places, prune, synflow, torch_scores, total, without
from .._theorem import Mutant, Plot, Property, Residual, Series, Simulation, SimulationResult, Step, Table, Theorem

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ...oracles.certificates import Certificate

F = Fraction
UNEVEN = Net(
    (2, 2, 1),
    ((F(1, 2), F(-1, 2), F(1, 2), F(1, 2)), (F(3), F(-4))),
    ((), ()),
    F(0),
    ((F(1), F(1)),),
    ((F(1),),),
)
"""The weights of the first layer are the smallest."""
TIED_LAYER = Net((2, 1, 1), ((F(1), F(1)), (F(2),)), ((), ()), F(0), ((F(1), F(1)),), ((F(1),),))
"""Both weights of the first layer score R/2, the one of the second R."""
CROSSED = replace(UNEVEN, weights=((F(8), F(1), F(1), F(1)), (F(1), F(6))))
"""The largest weight of the first layer leads to the smaller one of the second."""
TIED = replace(UNEVEN, weights=((F(1), F(1), F(1), F(1)), (F(1), F(1))))


@dataclass(frozen=True, slots=True)
class Cut:
    """A network without biases, and how much of it to remove: a share of the weights, or of the total R."""

    net: Net
    share: Fraction
    picks: tuple[bool, ...] = ()


def derivation() -> Iterator[Step]:
    """Paths are never counted too rarely."""
    yield Step(
        "All scores of a layer sum to R (B7.synflow): to remove a layer costs a prune size of exactly R.",
        r"S(W_l) = R",
    )
    yield Step(
        "R is a sum over paths, all of them positive. Removing a set P removes the paths that cross it, and the scores "
        "of P count each of them at least once. So what is left is at least R - S(P).",
        r"R' = \sum_{p \cap P = \emptyset} v_p \;=\; R - S(P) + \sum_{p} \bigl(\#(p \cap P) - 1\bigr)_{+} v_p "
        r"\;\ge\; R - S(P)",
    )
    yield Step(
        "The middle equation for widths 2-2-2-1 with free weights and a set P of three weights, one in each layer: the "
        "terms on the right are products of absolute weights, which are not negative.",
        r"R' - (R - S(P)) = \sum_{\#(p \cap P) \ge 2} \bigl(\#(p \cap P) - 1\bigr)\, v_p",
        _paths(),
    )
    yield Step(
        "So as long as the prune size stays strictly below R, a path survives, and with it a weight in every layer.",
        r"S(P) < R \ \Rightarrow\ R' > 0",
    )
    yield Step(
        "It can stay below as long as a layer has two weights with positive scores: the smaller of them scores at most "
        "R/2, and the smallest of all no more than that. Removed one by one, with new scores each time, the weights "
        "end with one in each layer. No pruning that keeps a path can do better.",
        r"\min_{S > 0} S \;\le\; \tfrac12 R",
    )


def _paths() -> Certificate:
    from ...oracles.proofs import Node, add, identity, multiply, subtract, symbol

    widths, removed = (2, 2, 2, 1), {(0, 0, 0), (1, 0, 0), (2, 0, 1)}
    start = (0, 4, 8)

    def weight(k: int, j: int, i: int) -> Node:
        return symbol(start[k] + j * widths[k] + i)

    paths = [[(0, j, i), (1, k, j), (2, 0, k)] for i in range(2) for j in range(2) for k in range(2)]
    values = [multiply(*(weight(*edge) for edge in path)) for path in paths]
    crossings = [sum(edge in removed for edge in path) for path in paths]

    # R and the scores as matrix products and derivatives, independent of the list of paths
    hidden = [add(*(weight(0, j, i) for i in range(2))) for j in range(2)]
    second = [add(*(multiply(weight(1, k, j), hidden[j]) for j in range(2))) for k in range(2)]
    R = add(*(multiply(weight(2, 0, k), second[k]) for k in range(2)))
    scores = [
        multiply(weight(0, 0, 0), add(*(multiply(weight(2, 0, k), weight(1, k, 0)) for k in range(2)))),
        multiply(weight(1, 0, 0), hidden[0], weight(2, 0, 0)),
        multiply(weight(2, 0, 1), second[1]),
    ]
    left = add(*(v for v, n in zip(values, crossings, strict=True) if n == 0))
    extra = add(*(multiply(n - 1, v) for v, n in zip(values, crossings, strict=True) if n > 1))
    return identity(10, [(left, add(subtract(R, add(*scores)), extra)), (R, add(*values))])


def check_bound(case: Cut) -> Residual:
    """``R' >= R - S(P)`` for any set P, exactly."""
    layers = bare(case.net)
    scores = synflow(layers)
    removed = [place for place, pick in zip(scores, case.picks * len(scores), strict=False) if pick]
    lost = sum(scores[place] for place in removed)
    return Residual(max(0, total(layers) - lost - total(without(layers, removed))), nontrivial=lost > 0)


def check_below(case: Cut, *, strict: bool = True) -> Residual:
    """Remove the smallest scores as long as their sum stays below a share of R: a path is left."""
    layers = bare(case.net)
    scores, R = synflow(layers), total(layers)
    removed: list[Place] = []
    lost = F(0)
    for place in ascending(scores):
        lost += scores[place]
        limit = case.share * R
        if lost > limit or (strict and lost >= R):
            break
        removed.append(place)
    return Residual(int(total(without(layers, removed)) == 0), nontrivial=len(removed) > 0)


def check_critical(net: Net, score: Scores = synflow) -> Residual:
    """Down to as many weights as layers: one in each, and R is not 0."""
    layers = prune(bare(net), score, len(net.weights))
    counts = [sum(1 for row in weights for x in row if x) for weights, _ in layers]
    return Residual(
        sum(abs(n - 1) for n in counts) + int(total(layers) == 0), nontrivial=len(places(bare(net))) > len(counts)
    )


def check_one_shot(net: Net) -> Residual:
    """All removed by the first scores."""
    layers = bare(net)
    left = without(layers, ascending(synflow(layers))[: -len(net.weights)])
    return Residual(int(total(left) == 0))


def cuts() -> SearchStrategy[Cut]:
    """Networks with what to remove."""
    from hypothesis import strategies as st

    shares = st.integers(1, 8).map(lambda k: F(k, 8))
    return st.builds(Cut, nets(biases=False), shares, st.lists(st.booleans(), min_size=1, max_size=12).map(tuple))


def bare_nets() -> SearchStrategy[Net]:
    """Networks without biases."""
    return nets(biases=False)


def table() -> Table:
    """What is left of the example when as many weights as layers are kept."""
    rows: list[tuple[str, ...]] = []
    for name, score in (("SynFlow", synflow), ("magnitude", magnitude)):
        layers = prune(bare(UNEVEN), score, 2)
        counts = [sum(1 for row in weights for x in row if x) for weights, _ in layers]
        rows.append((name, *map(str, counts), str(total(layers))))
    return Table(
        "Six weights, the first layer's the smallest; two are kept", ("method", "layer 1", "layer 2", "R"), rows
    )


def collapse(profile: Profile) -> SimulationResult:
    """A network of layers of very different sizes at growing compression, by four ways to choose.

    Residual: layers without a weight under iterated SynFlow at the critical compression; bound 0.
    """
    import numpy as np

    widths = ((12, 40, 8, 40, 6), (16, 100, 8, 100, 10), (32, 200, 12, 200, 10))[profile.effort]
    generator = np.random.default_rng(0)
    start = [generator.normal(size=(m, n)) * np.sqrt(2 / n) for n, m in pairwise(widths)]
    count, layers = sum(W.size for W in start), len(start)

    def scores(weights: list[Any]) -> list[Any]:
        forward = [np.ones(widths[0])]
        for matrix in weights:
            forward.append(np.abs(matrix) @ forward[-1])
        back = np.ones(widths[-1])
        found: list[Any] = []
        for matrix, before in zip(reversed(weights), reversed(forward[:-1]), strict=True):
            found.append(np.abs(matrix) * np.outer(back, before))
            back = np.abs(matrix).T @ back
        return found[::-1]

    def keep(weights: list[Any], by: list[Any], number: int) -> list[Any]:
        flat = np.concatenate([s.ravel() for s in by])
        kept = np.zeros(flat.size, dtype=bool)
        kept[np.argsort(flat, kind="stable")[flat.size - number :]] = True
        parts = np.split(kept, np.cumsum([W.size for W in weights])[:-1])
        return [W * part.reshape(W.shape) for W, part in zip(weights, parts, strict=True)]

    def iterated(number: int, rounds: int) -> list[Any]:
        weights = start
        for k in range(1, rounds + 1):
            weights = keep(weights, scores(weights), max(number, round(count * (number / count) ** (k / rounds))))
        return weights

    exponents = [k / 8 * math.log10(count / layers) for k in range(9)]
    ways: dict[str, Callable[[int], list[Any]]] = {
        "SynFlow, iterated": lambda number: iterated(number, 100),
        "SynFlow, one shot": lambda number: keep(start, scores(start), number),
        "magnitude": lambda number: keep(start, [np.abs(W) for W in start], number),
        "random": lambda number: keep(start, np.split(noise, np.cumsum([W.size for W in start])[:-1]), number),
    }
    noise = generator.uniform(size=count)
    curves: list[Series] = []
    profiles: list[Series] = []
    lost = 0
    for name, way in ways.items():
        points: list[tuple[float, float]] = []
        for k, exponent in enumerate(exponents):
            pruned = way(max(layers, round(count / 10**exponent)))
            left = [int(np.count_nonzero(W)) for W in pruned]
            points.append((10**exponent, float(max(min(left), 0.5))))
            if k == 4:
                shares = [(i + 1.0, 100 * n / W.size) for i, (n, W) in enumerate(zip(left, start, strict=True))]
                profiles.append(Series(name, shares))
            if name.startswith("SynFlow, it"):
                lost = sum(n == 0 for n in left)
        curves.append(Series(name, points))
    plot = Plot(
        "Iterated SynFlow keeps every layer alive up to the critical compression",
        "compression",
        "weights left in the emptiest layer",
        (*curves, Series("one weight", [(1.0, 1.0), (count / layers, 1.0)], kind="bound")),
        x_scale="log",
        y_scale="log",
        caption=f"Widths {'-'.join(map(str, widths))}, {count} Gaussian weights of variance 2/fan-in; the last "
        f"compression, {count / layers:.0f}, leaves {layers} weights. A layer without weights is drawn at 1/2.",
    )
    shape = Plot(
        "Where the weights are at the middle compression",
        "layer",
        "weights left in %",
        profiles,
        caption="Magnitude empties the layers with many inputs, whose weights are small.",
    )
    return SimulationResult(Residual(lost), (plot, shape))


THEOREM = Theorem(
    id="B7.mcc",
    title="Conserved positive scores avoid layer collapse",
    summary="If less than the total of a layer is pruned at a time, a path survives; one by one, down to one weight a "
    "layer.",
    source="arXiv 2006.05467, Theorem 3; the bound on R and the proof are derived",
    status="proved",
    hypotheses=(
        "Scores are those of SynFlow, of a network without biases: not negative, and R in every layer.",
        "Weights are removed across all layers at once; what is removed scores strictly less than R in sum.",
        "After that, scores are computed anew.",
    ),
    statement=r"R(W \setminus P) \ge R(W) - S(P), \qquad S(P) < R(W) \ \Rightarrow\ "
    r"\text{every layer keeps a weight}, \qquad \text{one by one: until } L \text{ weights are left}",
    assumes=("B7.synflow",),
    derivation=derivation,
    tables=(table,),
    properties=(
        Property(
            name="bound",
            says="Whatever is removed, R loses at most the scores of it; exactly.",
            arithmetic="rational",
            cases=cuts,
            check=check_bound,
            examples=[Cut(UNEVEN, F(1), (True, False))],
            share=0.5,
        ),
        Property(
            name="below-the-cut",
            says="As many of the smallest scores as stay strictly below R: a path is left.",
            arithmetic="rational",
            cases=cuts,
            check=check_below,
            examples=[Cut(UNEVEN, F(1)), Cut(TIED, F(1))],
            share=0.5,
        ),
        Property(
            name="critical",
            says="One by one with new scores, as many weights as layers are left: one in each.",
            arithmetic="rational",
            cases=bare_nets,
            check=check_critical,
            examples=[UNEVEN, TIED],
            share=0.25,
        ),
        Property(
            name="torch-float32",
            says="The same with scores of autograd in float32.",
            arithmetic="float32",
            cases=bare_nets,
            check=lambda net: check_critical(net, torch_scores),
            examples=[UNEVEN, TIED],
            share=0.25,
        ),
    ),
    simulations=(
        Simulation(
            name="collapse",
            says="Up to the critical compression iterated SynFlow empties no layer; other choices do.",
            run=collapse,
        ),
    ),
    mutants=(
        Mutant(
            name="magnitude",
            says="Absolute weights do as well as conserved scores.",
            violates=Property(
                "by-magnitude",
                "magnitude",
                "rational",
                bare_nets,
                lambda net: check_critical(net, magnitude),
                examples=[UNEVEN],
            ),
        ),
        Mutant(
            name="one-shot",
            says="Scores need not be computed anew.",
            violates=Property("one-shot", "one shot", "rational", bare_nets, check_one_shot, examples=[CROSSED]),
        ),
        Mutant(
            name="not-strict",
            says="The prune size may reach R.",
            violates=Property(
                "not-strict",
                "up to R",
                "rational",
                cuts,
                lambda case: check_below(case, strict=False),
                examples=[Cut(TIED_LAYER, F(1))],
            ),
        ),
    ),
)
