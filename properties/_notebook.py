"""The 120 networks that the authors' notebooks draw from a seed, with the number of laws of each (A1.notebook)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from . import lawbook

LOOPS = ("linear50_lie", "linear10_poly", "relu50_lie", "relu10_poly")
"""The four loops, in the order of the rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """One network.

    Attributes:
        kind: the loop that draws it, one of ``LOOPS``.
        widths: OUTPUT dimension first, as the notebooks list them.
        bias: whether hidden neurons have biases; outputs never do.
        parameters: D.
        known_laws: the number of independent laws.
    """

    kind: str
    widths: tuple[int, ...]
    bias: bool
    parameters: int
    known_laws: int

    @property
    def linear(self) -> bool:
        """Whether the network is linear; the others are ReLU networks."""
        return self.kind.startswith("linear")

    @property
    def spec(self) -> str:
        """The short form of the model; ``relu:`` lists the INPUT dimension first.

        >>> Row("relu50_lie", (2, 4, 5, 8, 5), True, 125, 17).spec
        'relu:5-8-5-4-2+bias'
        """
        if self.linear:
            return "linear:" + "-".join(map(str, self.widths))
        return "relu:" + "-".join(map(str, reversed(self.widths))) + "+bias" * self.bias


@cache
def notebook_rows() -> tuple[Row, ...]:
    """All rows, in the order of the notebooks; 50, 10, 50 and 10 of the four loops.

    >>> row = notebook_rows()[0]
    >>> row.spec, row.parameters, row.known_laws
    ('linear:5-3-2', 21, 6)
    """
    text = files(lawbook).joinpath("data", "a1-notebook-cases.csv").read_text(encoding="utf-8")
    return tuple(
        Row(
            case["kind"],
            tuple(int(width) for width in case["list_dim"].split("-")),
            case["bias"] == "1",
            int(case["D"]),
            int(case["known_laws"]),
        )
        for case in csv.DictReader(text.splitlines())
    )
