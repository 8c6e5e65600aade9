"""What is minimised: a loss of the coordinates of a model, and its exact gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Protocol

from ..oracles.errors import BadInput
from ..oracles.models import Model
from ..oracles.polynomials import Polynomial, Rational
from ._program import Program, gradient_program


class Differentiable(Protocol):
    """Anything with an exact gradient: an ``Objective``, or a network with data."""

    def gradient(self, point: Sequence[Rational], /) -> tuple[Rational, ...]: ...


@dataclass(frozen=True, slots=True)
class Loss:
    """``loss(z) = sum_i slope_i z_i + (1/2) sum_ij a_ij z_i z_j`` of the coordinates ``z = phi(theta)``.

    ``curvature`` lists the entries ``(i, j, a_ij)``; the matrix must be symmetric. Constants are left out: only the
    gradient matters. Every loss that is linear or quadratic in ``phi`` has this form; a mini-batch is one such loss.
    """

    slope: tuple[Rational, ...]
    curvature: tuple[tuple[int, int, Rational], ...] = ()

    def __post_init__(self) -> None:
        entries = {(i, j): a for i, j, a in self.curvature}
        size = len(self.slope)
        if len(entries) < len(self.curvature):
            raise BadInput("The curvature of a loss lists one entry twice. Add the two.")
        for (i, j), a in entries.items():
            if not (0 <= i < size and 0 <= j < size):
                raise BadInput(f"The curvature entry ({i}, {j}) lies outside a loss of {size} coordinates.")
            if entries.get((j, i)) != a:
                raise BadInput(
                    f"The curvature of a loss is not symmetric at ({i}, {j}). Give both entries the same value."
                )

    @staticmethod
    def linear(slope: Sequence[Rational]) -> Loss:
        """``<slope, z>``."""
        return Loss(tuple(slope))

    @staticmethod
    def squared(target: Sequence[Rational], weights: Sequence[Rational] | None = None) -> Loss:
        """``(1/2) sum_i w_i (z_i - target_i)^2``; all weights 1 when none are given."""
        chosen = [1] * len(target) if weights is None else list(weights)
        if len(chosen) != len(target):
            raise BadInput(f"A squared loss has {len(target)} targets and {len(chosen)} weights. Give one each.")
        return Loss(
            tuple(-w * y for w, y in zip(chosen, target, strict=True)),
            tuple((i, i, w) for i, w in enumerate(chosen) if w),
        )

    @staticmethod
    def regression(inputs: Sequence[Sequence[Rational]], targets: Sequence[Sequence[Rational]]) -> Loss:
        """``(1/2) sum_s |Z x_s - y_s|^2`` for ``Z = phi`` of shape (outputs, inputs), row-major.

        Args:
            inputs: the samples ``x_s``, all of one length.
            targets: the targets ``y_s``, all of one length.
        """
        if not inputs or len(inputs) != len(targets):
            raise BadInput(
                f"A regression has {len(inputs)} inputs and {len(targets)} targets. Give as many, and at least one."
            )
        m, n = len(inputs[0]), len(targets[0])
        if any(len(x) != m for x in inputs) or any(len(y) != n for y in targets):
            raise BadInput(
                "The samples of a regression have different lengths. Give all inputs one length, all targets another."
            )
        gram = [[sum((Fraction(x[k] * x[j]) for x in inputs), Fraction(0)) for j in range(m)] for k in range(m)]
        slope = [
            -sum((Fraction(y[i] * x[k]) for x, y in zip(inputs, targets, strict=True)), Fraction(0))
            for i in range(n)
            for k in range(m)
        ]
        return Loss(
            tuple(slope),
            tuple(
                (i * m + k, i * m + j, gram[k][j]) for i in range(n) for k in range(m) for j in range(m) if gram[k][j]
            ),
        )


class Objective:
    """``E(theta) = loss(phi(theta))``: the function whose gradient flow is simulated.

    Args:
        model: gives ``phi``.
        loss: of the coordinates of ``phi``.

    Raises:
        BadInput: the loss has another number of coordinates than the model.
        TooLarge: the coordinates of the model are too large to be written out.
    """

    def __init__(self, model: Model, loss: Loss) -> None:
        self.model = model
        self.loss = loss
        self.coordinates: tuple[Polynomial, ...] = model.coordinates()
        self.parameters = model.parameters
        if len(loss.slope) != len(self.coordinates):
            raise BadInput(
                f"The loss has {len(loss.slope)} coordinates and {model.spec} has {len(self.coordinates)}. "
                "Give one slope or target for each coordinate of phi."
            )

    @cached_property
    def program(self) -> Program:
        """The straight-line program of ``grad E``, over any ring."""
        return gradient_program(self.coordinates, self.loss.slope, self.loss.curvature, self.parameters)

    @property
    def degree(self) -> int:
        """The degree of ``E`` in the parameters."""
        degree = max((phi.degree for phi in self.coordinates), default=0)
        return (2 if self.loss.curvature else 1) * degree

    def gradient(self, point: Sequence[Rational], /) -> tuple[Rational, ...]:
        """``grad E`` at a rational point, exactly."""
        self.check(point)
        return tuple(self.program.run(list(point), lambda c: c))

    def check(self, point: Sequence[object]) -> None:
        """Raises ``BadInput`` unless ``point`` has D entries."""
        if len(point) != self.parameters:
            raise BadInput(f"A point of {self.model.spec} has {self.parameters} entries; {len(point)} were given.")
