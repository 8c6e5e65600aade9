"""What a search for polynomial laws returns."""

from __future__ import annotations

from dataclasses import dataclass

from ..polynomials import Polynomial


@dataclass(frozen=True, slots=True)
class PolynomialLaws:
    """All polynomial laws of one degree.

    Attributes:
        model: the spec of the model.
        parameters: D.
        degree: the degree k.
        homogeneous: true where the laws are the homogeneous ones of degree k; laws of mixed degree are then sums of
            such. False where some coordinate of the model mixes degrees; the laws are then those of degree at most k,
            without constant term.
        kernel_dimension: the dimension over Q of the space of these laws. Not the number of independent laws: for that
            see ``functional_rank``.
        basis: a basis of that space: primitive integer coefficients, in a fixed order.
        new_generators: laws of the basis that, with products of laws of lower degree, span the space.
        proof: how it is known that these are laws and that there are no others.
    """

    model: str
    parameters: int
    degree: int
    homogeneous: bool
    kernel_dimension: int
    basis: tuple[Polynomial, ...]
    new_generators: tuple[Polynomial, ...]
    proof: str
