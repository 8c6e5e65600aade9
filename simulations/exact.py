"""Exact gradient steps over Q: one step of stochastic gradient descent, and the identity that quadratic laws obey."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..oracles.errors import BadInput, TooLarge
from ..oracles.polynomials import Polynomial, Rational
from ._trajectory import ExactPoint, Trajectory
from .objective import Differentiable, Objective

BITS = 10_000_000
"""The largest common denominator, in bits, that an exact trajectory may reach."""


def exact_steps(
    start: Sequence[Rational],
    batches: Sequence[Differentiable],
    *,
    eta: Rational,
    decay: Rational = 0,
) -> Trajectory[ExactPoint]:
    """Gradient steps ``theta' = (1 - eta*decay) theta - eta g`` with exact rationals, one for each batch.

    Args:
        start: the first point.
        batches: what is differentiated at each step; the same object n times is plain gradient descent, different
            losses are stochastic gradient descent.
        eta: the step size.
        decay: coupled weight decay.

    Returns:
        Points as fractions, with the gradient of every step; the times are multiples of ``eta``.

    Raises:
        TooLarge: the numbers would grow beyond ``BITS`` bits; each step multiplies their length by the degree of the
            gradient, so a handful of steps is the use of this function.

    >>> from flowlaw.oracles.models import DeepLinear
    >>> from flowlaw.simulations import Loss
    >>> energy = Objective(DeepLinear((1, 1, 1)), Loss.squared([1]))
    >>> [str(x) for x in exact_steps([2, 3], [energy], eta=Fraction(1, 10)).end]
    ['1/2', '2']
    """
    point: ExactPoint = tuple(Fraction(x) for x in start)
    rate, keep = Fraction(eta), 1 - Fraction(eta) * Fraction(decay)
    bits = sum(_bits(x) for x in point)  # bounds the common denominator
    for batch in batches:
        if isinstance(batch, Objective):
            bits = _bits_after(batch, bits, rate)
    if bits > BITS:
        raise TooLarge(
            f"{len(batches)} exact steps could need fractions of more than {BITS} bits, which is the limit. Each step "
            "multiplies their length by the degree of the gradient: take fewer steps, or simulate in floats or balls."
        )
    points, gradients = [point], list[ExactPoint]()
    for batch in batches:
        gradient = tuple(batch.gradient(point))
        if len(gradient) != len(point):
            raise BadInput(
                f"A gradient has {len(gradient)} entries and the point has {len(point)}. Use one model throughout."
            )
        point = tuple(keep * x - rate * g for x, g in zip(point, gradient, strict=True))
        points.append(point)
        gradients.append(gradient)
    return Trajectory(
        tuple(k * rate for k in range(len(points))),
        tuple(points),
        "rational",
        {"method": "gradient steps", "eta": str(rate), "decay": str(Fraction(decay))},
        tuple(gradients),
    )


def step_residuals(
    law: Polynomial, trajectory: Trajectory[ExactPoint], *, eta: Rational, decay: Rational = 0
) -> tuple[Fraction, ...]:
    """``Q(theta') - (1 - eta*decay)^2 Q(theta) - eta^2 Q(g)`` for every step, for a quadratic form ``Q``.

    They are 0 for every law of the form ``Q(theta) = theta^T M theta``, whatever the batch (A4.quadratic-exact),
    because ``<g, M theta> = 0``. Otherwise a residual is ``-2 (1 - eta*decay) eta <g, M theta>``.

    Raises:
        BadInput: ``law`` is not a quadratic form, or the trajectory has no gradients.
    """
    if any(sum(e for _, e in monomial) != 2 for monomial in law.terms):
        raise BadInput("The identity of one step holds for quadratic forms: every term of the law must have degree 2.")
    if len(trajectory.gradients) != len(trajectory.points) - 1:
        raise BadInput("The trajectory does not carry its gradients. Make it with exact_steps.")
    keep, rate = 1 - Fraction(eta) * Fraction(decay), Fraction(eta)
    values = [Fraction(law.evaluate(point)) for point in trajectory.points]
    return tuple(
        after - keep**2 * before - rate**2 * law.evaluate(g)
        for before, after, g in zip(values, values[1:], trajectory.gradients, strict=False)
    )


def _bits(value: Rational) -> int:
    fraction = Fraction(value)
    return fraction.numerator.bit_length() + fraction.denominator.bit_length()


def _bits_after(batch: Objective, bits: int, rate: Fraction) -> int:
    """The length of a common denominator after a step: a gradient of degree q multiplies it by q, data add theirs."""
    constants = [*batch.loss.slope, *(a for _, _, a in batch.loss.curvature)]
    return max(1, batch.degree - 1) * bits + sum(_bits(c) for c in set(constants)) + _bits(rate)
