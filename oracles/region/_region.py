"""A region: a network, exact weights in the interior of the region, and exact inputs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from math import lcm
from typing import NamedTuple

from ..errors import BadInput, TooLarge
from ..models import PathLifting
from ..polynomials import Rational

PARAMETERS = 5_000
"""The largest number of parameters of a network whose region is examined."""
INPUTS = 5_000
"""The largest number of inputs."""
CELLS = 5_000_000
"""The largest number of entries of the matrix of all gradients: inputs x outputs x parameters."""
DENOMINATOR_BITS = 4_096
"""The longest common denominator of all weights."""
NUMERATOR_BITS = 10_000
"""The longest numerator or denominator of a weight or an input."""

CONSTANT = "one"
"""The source that carries the constant 1; its links are biases."""


class Region(NamedTuple):
    """A ReLU network at exact weights, with the inputs that train it.

    Args:
        model: the graph; sources called ``one`` carry the constant 1, the others take the entries of x in order.
        weights: D integers or fractions, block by block, row-major.
        inputs: the samples, each with as many entries as the sources without ``one`` have neurons.
        leak: the slope of the activation on the negative side: 0 for ReLU.
    """

    model: PathLifting
    weights: Sequence[Rational]
    inputs: Sequence[Sequence[Rational]]
    leak: Rational = 0

    @property
    def denominator(self) -> int:
        """The least common denominator of all weights and the leak."""
        return lcm(self.leak.denominator, *(weight.denominator for weight in self.weights))

    @property
    def outputs(self) -> int:
        return sum(group.size for group in self.model.groups if group.role == "output")


def check_region(region: Region) -> None:
    """Refuses what cannot be decided.

    Raises:
        BadInput: lengths that do not fit the model, no inputs, or a number that is neither an integer nor a fraction.
        TooLarge: above the sizes of this module.
    """
    spec, wide = region.model.spec, input_size(region.model)
    check_sizes(region.model, len(region.inputs))
    if len(region.weights) != region.model.parameters:
        raise BadInput(
            f"{spec} has {region.model.parameters} weights; {len(region.weights)} were given. Give them block by block."
        )
    if not region.inputs:
        raise BadInput(f"There are no inputs for {spec}, so nothing is seen. Give at least one.")
    for number, x in enumerate(region.inputs, 1):
        if len(x) != wide:
            raise BadInput(f"Input {number} has {len(x)} entries, and {spec} takes {wide}.")
    for value in (*region.weights, *(entry for x in region.inputs for entry in x), region.leak):
        if isinstance(value, bool) or not isinstance(value, int | Fraction):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadInput(f"{value!r} is not exact. Give weights and inputs as integers or fractions.")
        if max(abs(value.numerator), value.denominator).bit_length() > NUMERATOR_BITS:
            raise TooLarge(f"A weight or input is longer than {NUMERATOR_BITS} bits. Round it to a simpler fraction.")
    if region.denominator.bit_length() > DENOMINATOR_BITS:
        raise TooLarge(
            f"The weights have a common denominator of {region.denominator.bit_length()} bits; at most "
            f"{DENOMINATOR_BITS} are supported. Round them to one denominator, such as a power of two."
        )


def input_size(model: PathLifting) -> int:
    """The number of entries of an input."""
    return sum(group.size for group in model.groups if group.role == "source" and group.name != CONSTANT)


def check_sizes(model: PathLifting, inputs: int) -> None:
    """Raises ``TooLarge`` before anything of that size is made."""
    outputs = sum(group.size for group in model.groups if group.role == "output")
    for what, size, most in (
        ("parameters", model.parameters, PARAMETERS),
        ("inputs", inputs, INPUTS),
        ("gradient entries (inputs x outputs x parameters)", inputs * outputs * model.parameters, CELLS),
    ):
        if size > most:
            raise TooLarge(
                f"The region of {model.spec} would take {size} {what}; at most {most} are supported. "
                "Use fewer inputs or a smaller network."
            )


def starts(model: PathLifting) -> list[int]:
    """The number of the first parameter of each link, and D."""
    return list(accumulate((model.groups[a].size * model.groups[b].size for a, b in model.links), initial=0))
