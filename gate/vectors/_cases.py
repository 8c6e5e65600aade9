"""The cases: small runs of every optimizer, each with the reason why it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

Exact = Fraction | int
Point = Mapping[str, Sequence[Exact]]
Gradient = Mapping[str, Sequence[Exact] | None]
"""None skips the tensor in this step."""

ONE, HALF, FIFTH, TENTH = Fraction(1), Fraction(1, 2), Fraction(1, 5), Fraction(1, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A run of few steps from ``start``.

    Args:
        id: the kind of optimizer, a dot, and a name.
        says: why this case exists: what goes wrong in implementations.
        start: the parameters before the first step.
        gradients: of each step, or a function of the step and the point.
        steps: how many, where ``gradients`` is a function.
        groups: hyper-parameters of each group with its ``tensors``; those left out have their defaults.
        schedule: factors of the learning rates, step by step; empty for 1.
        transform: what is done to gradients before: clipping.
    """

    id: str
    says: str
    start: Point
    gradients: Sequence[Gradient] | Callable[[int, Point], Gradient]
    groups: Sequence[Mapping[str, Any]]
    steps: int = 3
    schedule: Sequence[Exact] = ()
    transform: Mapping[str, Any] = field(default_factory=lambda: {"kind": "none"})

    @property
    def kind(self) -> str:
        return self.id.partition(".")[0]


WHERE: Point = {"w": (2, -1, Fraction(1, 3)), "b": (HALF, -3)}
ALONG: tuple[Gradient, ...] = (
    {"w": (1, -2, 3), "b": (Fraction(-1, 4), 2)},
    {"w": (HALF, 1, -1), "b": (3, Fraction(1, 3))},
    {"w": (-2, Fraction(3, 4), FIFTH), "b": (-1, Fraction(-5, 2))},
    {"w": (1, 1, -4), "b": (Fraction(2, 5), 1)},
)
"""Two tensors, and gradients whose signs change."""
NORMED: tuple[Gradient, ...] = (
    {"w": (3, 0, 0), "b": (0, 4)},
    {"w": (Fraction(3, 10), 0, Fraction(2, 5)), "b": (0, 0)},
    {"w": (1, 2, 2), "b": (4, 0)},
)
"""Gradients with norms 5, 1/2 and 5, and those of each tensor rational as well."""


def ratio(_: int, point: Point) -> Gradient:
    """Of ``(w1^2 - w2^2) / (w1^2 + w2^2)``, which has the symmetry of scale."""
    a, b = map(Fraction, point["w"])
    square = (a * a + b * b) ** 2
    return {"w": (4 * a * b * b / square, -4 * a * a * b / square)}


def neuron(_: int, point: Point) -> Gradient:
    """Of ``(o relu(w + b))^2 / 2``: one ReLU neuron with the input 1."""
    (w,), (b,), (o,) = (tuple(map(Fraction, point[name])) for name in ("w", "b", "o"))
    h = max(w + b, Fraction(0))
    inner = o * o * h
    return {"w": (inner,), "b": (inner,), "o": (o * h * h,)}


def opposite(*sizes: Exact) -> tuple[Gradient, ...]:
    """Gradients orthogonal to (1, 1), those of a translation symmetry."""
    return tuple({"w": (size, -size)} for size in sizes)


def both(kind: str, **hyperparameters: Any) -> tuple[Mapping[str, Any], ...]:
    """One group with the tensors of ``WHERE``."""
    return ({"kind": kind, "tensors": ["w", "b"], **hyperparameters},)


def split(kind: str, weights: Mapping[str, Any], biases: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """A group for ``w`` and one for ``b``."""
    return ({"kind": kind, "tensors": ["w"], **weights}, {"kind": kind, "tensors": ["b"], **biases})


def usual(name: str, says: str, groups: Sequence[Mapping[str, Any]], **others: Any) -> Case:
    """Four steps from ``WHERE`` with the gradients ``ALONG``."""
    given: dict[str, Any] = {"start": WHERE, "gradients": ALONG, **others}
    return Case(id=name, says=says, groups=groups, **given)
