"""What a symmetry says of gradient, Hessian and gradient noise at one point, for the losses of ``_symmetric.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from ..oracles.dynamics import Leaves, Vector
from ._discrete import Case, cases
from ._dual import along, units
from ._identities import plain
from ._symmetric import Family, Target
from ._theorem import Property, Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SAMPLES = 3
"""Losses of a case: what it says of one of them, and of the noise between them."""


def target_of(case: Case) -> Target:
    """The loss."""
    assert isinstance(case.target, Target)
    return case.target


def field(case: Case) -> tuple[Vector, ...]:
    """``xi(theta)``, coordinate by coordinate."""
    values = iter([case.charge.pair(unit, case.start) for unit in units(case.start)])
    return tuple(Vector(next(values) for _ in tensor) for tensor in case.start)


def flat(leaves: Leaves) -> list[Fraction]:
    """All entries."""
    return [x for leaf in leaves for x in leaf]


def pulled(case: Case, gradient: Leaves) -> list[Fraction]:
    """``M^T g`` for the generator ``xi = M theta + c0``: ``g * 1_A`` for a scaling, 0 for a translation."""
    return [case.charge.form(gradient, unit) for unit in units(case.start)]


def gradient_residual(case: Case) -> Residual:
    """``<g, xi>`` of every sample."""
    target = target_of(case)
    gradients = [target.gradient(k, case.start) for k in range(len(target.batches))]
    value = max(abs(case.charge.pair(g, case.start)) for g in gradients)
    return Residual(value, nontrivial=any(x for g in gradients for x in flat(g)))


def hessian_residual(case: Case, corrected: bool = True) -> Residual:
    """The largest entry of ``H xi + M^T g``, or of ``H xi`` alone, of every sample; exactly."""
    value, moving = Fraction(0), False
    for batch in target_of(case).batches:
        target = replace(target_of(case), batches=(batch,))
        g = target.gradient(0, case.start)
        image = flat(along(target, case.start, field(case)))
        value = max(value, *(abs(x + corrected * y) for x, y in zip(image, pulled(case, g), strict=True)))
        moving = moving or any(flat(g))
    return Residual(value, nontrivial=moving)


def noise_residual(case: Case) -> Residual:
    """The largest entry of ``Sigma xi``, for the covariance of the gradients of all samples; exactly."""
    target = target_of(case)
    rows = [flat(target.gradient(k, case.start)) for k in range(len(target.batches))]
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    off = [[x - m for x, m in zip(row, mean, strict=True)] for row in rows]
    xi = flat(field(case))
    pairings = [sum(x * y for x, y in zip(row, xi, strict=True)) for row in off]
    image = [sum(p * row[i] for p, row in zip(pairings, off, strict=True)) / len(rows) for i in range(len(mean))]
    return Residual(max(map(abs, image)), nontrivial=any(x for row in off for x in row))


def points(*families: Family) -> Callable[[], SearchStrategy[Case]]:
    """Points with a few losses; the optimizer of a case plays no part."""
    return lambda: cases(plain(SAMPLES), *families, steps=SAMPLES)


def exact_constraints(family: Family, examples: Sequence[Case]) -> tuple[Property, ...]:
    """Gradient, Hessian and noise of a family."""
    said: tuple[tuple[str, str, Callable[[Case], Residual]], ...] = (
        (
            "gradient",
            "Gradients of random losses are orthogonal to the generator, sample by sample.",
            gradient_residual,
        ),
        (
            "hessian",
            "The Hessian constraint holds entry by entry; Hessians are taken by dual numbers.",
            hessian_residual,
        ),
        ("noise", "The covariance of the gradients of single samples maps the generator to 0.", noise_residual),
    )
    return tuple(
        Property(name, says, "rational", points(family), check, examples=examples, share=0.5)
        for name, says, check in said
    )
