"""One parameter with given paths: a quotient of two of them for each weight."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ...errors import BadInput, TooLarge
from ...models import PathLifting
from ...polynomials import Rational
from .wiring import wiring

PATHS = 20_000
"""The largest number of paths from which a parameter is read."""


def representative(model: PathLifting, z: Sequence[Rational]) -> tuple[Fraction, ...]:
    """One parameter without zeros with ``phi = z``, exactly.

    Every hidden neuron is left along one chosen edge, which gets the weight 1: that uses up the rescalings. The other
    edges are then a coordinate of z, or a quotient of two.

    Raises:
        BadInput: z has the wrong length, an entry 0, or is no value of phi without zero weights.
        TooLarge: the model has more than ``PATHS`` paths.
    """
    if model.coordinate_terms() > PATHS:
        raise TooLarge(f"{model.spec} has more than {PATHS} paths; give a parameter instead of z.")
    values = [Fraction(x) for x in z]
    if len(values) != model.coordinate_terms():
        raise BadInput(f"{model.spec} has {model.coordinate_terms()} paths; {len(values)} values were given.")
    if not all(values):
        raise BadInput(f"Path {values.index(Fraction(0)) + 1} of {model.spec} has the value 0: weights vanish there.")
    paths = [tuple(edge for edge, _ in path) for path in model.paths()]
    point = [Fraction(1)] * model.parameters
    for edge, (top, bottom) in enumerate(quotients(model)):
        if top >= 0:
            point[edge] = values[top] / (values[bottom] if bottom >= 0 else 1)
    for number, path in enumerate(paths):
        product = Fraction(1)
        for edge in path:
            product *= point[edge]
        if product != values[number]:
            raise BadInput(
                f"These values are not the paths of any parameter of {model.spec} without zeros: path {number + 1} "
                f"would have to be {product} and is {values[number]}."
            )
    return tuple(point)


def quotients(model: PathLifting) -> list[tuple[int, int]]:
    """For each edge the two coordinates whose quotient it is in the representative; -1 stands for 1."""
    wires = wiring(model)
    place = {frozenset(edge for edge, _ in path): i for i, path in enumerate(model.paths())}
    out: list[int] = [-1] * wires.hidden
    into: list[int] = [-1] * wires.hidden
    for edge, (tail, head) in enumerate(zip(wires.tails, wires.heads, strict=True)):
        if tail >= 0 and out[tail] < 0:
            out[tail] = edge
        if head >= 0 and into[head] < 0:
            into[head] = edge
    ways_out: list[frozenset[int]] = [frozenset()] * wires.hidden
    ways_in: list[frozenset[int]] = [frozenset()] * wires.hidden
    for v in reversed(range(wires.hidden)):  # neurons are in topological order
        head = wires.heads[out[v]]
        ways_out[v] = frozenset({out[v]}) | (ways_out[head] if head >= 0 else frozenset())
    for v in range(wires.hidden):
        tail = wires.tails[into[v]]
        ways_in[v] = frozenset({into[v]}) | (ways_in[tail] if tail >= 0 else frozenset())
    found: list[tuple[int, int]] = []
    for edge, (tail, head) in enumerate(zip(wires.tails, wires.heads, strict=True)):
        onwards: frozenset[int] = ways_out[head] if head >= 0 else frozenset()
        if tail < 0:
            found.append((place[frozenset({edge}) | onwards], -1))
        elif out[tail] == edge:
            found.append((-1, -1))
        else:
            found.append((place[ways_in[tail] | {edge} | onwards], place[ways_in[tail] | ways_out[tail]]))
    return found
