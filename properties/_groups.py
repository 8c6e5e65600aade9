"""Parameter groups: neurons whose incoming weights, biases and outgoing weights are trained differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..oracles.dynamics import SGD, Charge, Grouped, Leaves, Vector
from ._discrete import Case
from ._symmetric import Target

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SIDES = (0, 0, 1)
"""The tensors (W, b, o) of a neuron: incoming weights and bias in one group, outgoing weights in the other."""
BIAS_APART = (0, 1, 0)
"""The biases in a group of their own."""
Pair = tuple[SGD, SGD]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same gradient everywhere, for known steps."""

    charge: Charge
    gradients: Leaves
    roundings: int = 0

    def gradient(self, k: int, point: Leaves) -> Leaves:
        """The gradient, as the point is kept."""
        if isinstance(point[0], Vector):
            return self.gradients
        import numpy as np

        return tuple(
            [np.array([float(x) for x in g], dtype=p.dtype) for g, p in zip(self.gradients, point, strict=True)]
        )

    def gradient_sizes(self, k: int, point: Leaves) -> Leaves:
        """Their absolute values."""
        return tuple([abs(g) for g in self.gradient(k, point)])


def grouped(pairs: Callable[[Any], Pair], members: tuple[int, ...], steps: int) -> SearchStrategy[tuple[Grouped, ...]]:
    """Two groups for each step, drawn by ``pairs(draw)``, the same at every step or not."""
    from hypothesis import strategies as st

    @st.composite
    def drawn(draw: st.DrawFn) -> tuple[Grouped, ...]:
        if draw(st.booleans()):
            return (Grouped(pairs(draw), members),) * steps
        return tuple(Grouped(pairs(draw), members) for _ in range(steps))

    return drawn()


def different_groups(steps: int) -> SearchStrategy[tuple[Grouped, ...]]:
    """Both sides of a neuron with rates in [1/40, 1/2] and decays in [0, 3/10] of their own."""
    from hypothesis import strategies as st

    def one(draw: Any) -> SGD:
        return SGD(lr=Fraction(draw(st.integers(1, 20)), 40), weight_decay=Fraction(draw(st.integers(0, 6)), 20))

    return grouped(lambda draw: (one(draw), one(draw)), SIDES, steps)


def same_product(steps: int) -> SearchStrategy[tuple[Grouped, ...]]:
    """Both sides with rates 1/2, ..., 1/32 and the same kappa = eta lam in [0, 3/10].

    Rates are powers of two, so that the products agree in floats too.
    """
    from hypothesis import strategies as st

    def pair(draw: Any) -> Pair:
        kappa = Fraction(draw(st.integers(0, 6)), 20)
        rates = [Fraction(1, 2 ** draw(st.integers(1, 5))) for _ in range(2)]
        return SGD(lr=rates[0], weight_decay=kappa / rates[0]), SGD(lr=rates[1], weight_decay=kappa / rates[1])

    return grouped(pair, SIDES, steps)


def bias_spared(steps: int) -> SearchStrategy[tuple[Grouped, ...]]:
    """A common rate in [1/40, 1/2]; decay in [1/20, 3/10] on weights, none on biases."""
    from hypothesis import strategies as st

    def pair(draw: Any) -> Pair:
        eta, lam = Fraction(draw(st.integers(1, 20)), 40), Fraction(draw(st.integers(1, 6)), 20)
        return SGD(lr=eta, weight_decay=lam), SGD(lr=eta)

    return grouped(pair, BIAS_APART, steps)


def neuron_case(
    optimizers: Sequence[Any], *, inputs: int = 3, hidden: int = 4, batches: int = 8, seed: int = 0
) -> Case:
    """A ReLU network with one output on random samples, one tensor for each of W, b and o.

    The charge is the balance of its first neuron. Starting weights are between 1/4 and 1.
    """
    from random import Random

    random = Random(seed)

    def numbers(count: int) -> tuple[Fraction, ...]:
        return tuple(Fraction(random.randint(-16, 16), 16) for _ in range(count))

    sizes = (inputs * hidden, hidden, hidden)
    target = Target("rescale", sizes, tuple(numbers(inputs + 1) for _ in range(batches)), (inputs, hidden))
    start = tuple(
        Vector(Fraction(random.choice((-1, 1, 1)) * random.randint(4, 16), 16) for _ in range(size)) for size in sizes
    )
    return Case(target, start, tuple(optimizers))
