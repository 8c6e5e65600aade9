"""Rational data sets."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Literal

from hypothesis import strategies as st

from ...oracles.errors import BadInput
from ...oracles.models import DeepLinear, Model, PathLifting
from ._numbers import Matrix, Vector, signs, vectors

Targets = Literal["real", "signs", "one-hot"]


@dataclass(frozen=True, slots=True)
class DataSet:
    """Samples: ``inputs`` of shape (samples, inputs) and ``targets`` of shape (samples, outputs)."""

    inputs: Matrix
    targets: Matrix


def data_dimensions(model: Model) -> tuple[int, int]:
    """The numbers of inputs and outputs of a network; sources called ``one`` are biases, not inputs.

    Raises:
        BadInput: the model is not a network.
    """
    if isinstance(model, DeepLinear):
        return model.widths[-1], model.widths[0]
    if isinstance(model, PathLifting):
        inputs = sum(group.size for group in model.groups if group.role == "source" and group.name != "one")
        return inputs, sum(group.size for group in model.groups if group.role == "output")
    raise BadInput(f"{model.spec} is not a network, so it has no inputs. Use a deep linear network or a path lifting.")


@cache
def data_sets(
    inputs: int, outputs: int, *, samples: tuple[int, int] = (1, 3), targets: Targets = "real"
) -> st.SearchStrategy[DataSet]:
    """Data sets none of whose inputs is the zero vector.

    Args:
        inputs: the length of an input.
        outputs: the length of a target.
        samples: the least and the largest number of samples.
        targets: ``real`` numbers, ``signs`` (each entry -1 or 1, for the logistic loss) or ``one-hot`` (for
            cross-entropy).
    """
    sample = st.tuples(_nonzero_vectors(inputs), _targets(outputs, targets))
    least, most = samples
    several = st.tuples(*[sample] * least) if least == most else st.lists(sample, min_size=least, max_size=most)
    return several.map(lambda drawn: DataSet(tuple(x for x, _ in drawn), tuple(y for _, y in drawn)))


def _nonzero_vectors(length: int) -> st.SearchStrategy[Vector]:
    """Vectors that are not zero; they shrink to (1, 0, ..., 0)."""
    first = tuple(Fraction(i == 0) for i in range(length))
    return vectors(length).map(lambda drawn: drawn if any(drawn) else first)


def _targets(length: int, kind: Targets) -> st.SearchStrategy[Vector]:
    if kind == "real":
        return vectors(length)
    if kind == "signs":
        return signs(length).map(lambda drawn: tuple(map(Fraction, drawn)))
    return st.integers(0, length - 1).map(lambda hot: tuple(Fraction(i == hot) for i in range(length)))
