"""Gradient fields in floating point: polynomials compiled to a few numpy calls, with the size of their rounding errors.

Notation of the bounds: ``u`` is the unit roundoff, ``gamma(n) = n u / (1 - n u)``. A sum of products in which every
term passes through at most n roundings is wrong by at most ``gamma(n)`` times the sum of the absolute values of its
terms, in any order of summation (Higham, Accuracy and Stability of Numerical Algorithms, Lemma 3.1). Underflow is not
counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ..oracles.errors import BadInput
from ..oracles.polynomials import Polynomial, Rational
from ._trajectory import Floats
from .objective import Objective

FloatArray = NDArray[np.float64]


def unit_roundoff(dtype: Any = np.float64) -> float:
    """``u``: half the distance from 1 to the next number; 2^-53 for float64, 2^-24 for float32."""
    return float(np.finfo(dtype).eps) / 2


def gamma(roundings: int, dtype: Any = np.float64) -> float:
    """``n u / (1 - n u)``, the relative error that n roundings can do.

    Raises:
        BadInput: so many roundings that nothing is left of the result.
    """
    error = roundings * unit_roundoff(dtype)
    if error >= 1:
        raise BadInput(
            f"{roundings} roundings in {np.dtype(dtype).name} leave no correct digit. Use float64 or fewer terms."
        )
    return error / (1 - error)


class Field(Protocol):
    """A gradient in floating point that knows its rounding errors: a ``FloatField``, or a ``DataLoss``."""

    parameters: int
    roundings: int

    def __call__(self, points: Floats, /) -> Floats:
        """The gradient, shape (..., D)."""
        ...

    def absolute(self, points: Floats, /) -> FloatArray:
        """The sums of the absolute values of the terms of the gradient, shape (..., D)."""
        ...


class CompiledPolynomials:
    """Polynomials evaluated at one point or a batch of points.

    Args:
        polynomials: n of them.
        parameters: D, the number of variables.
    """

    def __init__(self, polynomials: Sequence[Polynomial], parameters: int) -> None:
        self.count = len(polynomials)
        self.parameters = parameters
        rows = [(i, m, c) for i, p in enumerate(polynomials) for m, c in (p.terms.items() or [((), 0)])]
        self.degree = max((p.degree for p in polynomials), default=0)
        factors = np.full((len(rows), max(1, self.degree)), parameters, dtype=np.intp)
        for row, (_, monomial, _) in enumerate(rows):
            expanded = [variable for variable, exponent in monomial for _ in range(exponent)]
            factors[row, : len(expanded)] = expanded
        self.factors = factors
        self.owners = np.array([i for i, _, _ in rows], dtype=np.intp)
        self.coefficients: FloatArray = np.array([float(c) for _, _, c in rows])
        self.starts = np.searchsorted(self.owners, np.arange(self.count))
        longest = max((len(p.terms) for p in polynomials), default=0)
        self.roundings = 1 + self.degree + longest
        """Roundings that a term passes through: its coefficient, its products, its additions."""

    def values(self, points: Floats) -> Floats:
        """The values, shape (..., n), at points of shape (..., D), in the precision of the points."""
        return self._sum(points, self.coefficients)

    def absolute(self, points: Floats) -> FloatArray:
        """The sums of the absolute values of all terms, shape (..., n), in float64."""
        return np.asarray(self._sum(np.abs(points).astype(np.float64), np.abs(self.coefficients)), dtype=np.float64)

    def roundoff_bound(self, points: Floats) -> FloatArray:
        """How far ``values`` can be from the exact values at these very points.

        Derivation: gamma(n) * S with S the sum of absolute terms; S itself is computed up to 1/(1 - gamma(n)).
        """
        g = gamma(self.roundings, points.dtype)
        bound: FloatArray = self.absolute(points) * (g / (1 - gamma(self.roundings)))
        return bound

    def _sum(self, points: Floats, coefficients: FloatArray) -> Floats:
        if not self.count:
            return np.zeros((*points.shape[:-1], 0), dtype=points.dtype)
        terms = _extended(points)[..., self.factors].prod(axis=-1) * coefficients.astype(points.dtype)
        sums: Floats = np.add.reduceat(terms, self.starts, axis=-1)
        return sums


class FloatField:
    """``grad E`` of an objective in floating point, at one point or a batch.

    Calling it gives arrays of the shape and precision of the points.
    """

    def __init__(self, objective: Objective) -> None:
        loss = objective.loss
        self.objective = objective
        self.parameters = objective.parameters
        self.coordinates = CompiledPolynomials(objective.coordinates, objective.parameters)
        self._slope = np.array([float(c) for c in loss.slope])
        self._from = np.array([j for _, j, _ in loss.curvature], dtype=np.intp)
        self._to = np.array([i for i, _, _ in loss.curvature], dtype=np.intp)
        self._curvature = np.array([float(a) for _, _, a in loss.curvature])
        flat = self.coordinates.factors.ravel()
        self._order = np.argsort(flat, kind="stable")
        self._variables, self._starts = np.unique(flat[self._order], return_index=True)
        crowd = int(np.bincount(self._to).max()) if len(self._to) else 0
        heaviest = int(np.bincount(flat)[: self.parameters].max()) if self.parameters and len(flat) else 0
        self.roundings = self.coordinates.roundings + 3 + crowd + self.coordinates.degree + heaviest
        """Roundings from the parameters to an entry of the gradient, along any path."""

    def __call__(self, points: Floats) -> Floats:
        return self._gradient(points, self.force(points), self.coordinates.coefficients)

    def force(self, points: Floats) -> Floats:
        """``grad loss`` at ``phi(theta)``, shape (..., d)."""
        return self._force(self.coordinates.values(points), self._slope, self._curvature)

    def energy(self, points: Floats) -> Floats:
        """``E``, shape (...)."""
        z = self.coordinates.values(points)
        linear = self._slope.astype(points.dtype)
        energy: Floats = ((self.force(points) + linear) * z).sum(axis=-1) / 2
        return energy

    def absolute(self, points: Floats) -> FloatArray:
        """The sums of the absolute values of all terms of the gradient, written out; shape of the points, float64."""
        sizes: FloatArray = np.abs(points).astype(np.float64)
        force = self._force(self.coordinates.absolute(sizes), np.abs(self._slope), np.abs(self._curvature))
        return np.asarray(self._gradient(sizes, force, np.abs(self.coordinates.coefficients)), dtype=np.float64)

    def roundoff_bound(self, points: Floats) -> FloatArray:
        """How far each entry of the computed gradient can be from the exact gradient at these very points.

        Derivation: gamma(n) * S as for ``CompiledPolynomials``, the gradient being a sum of products throughout.
        """
        g = gamma(self.roundings, points.dtype)
        bound: FloatArray = self.absolute(points) * (g / (1 - gamma(self.roundings)))
        return bound

    def _force(self, z: Floats, slope: FloatArray, curvature: FloatArray) -> Floats:
        force = np.broadcast_to(slope.astype(z.dtype), z.shape).copy()
        if len(curvature):
            np.add.at(force, cast(Any, (..., self._to)), curvature.astype(z.dtype) * z[..., self._from])
        return force

    def _gradient(self, points: Floats, force: Floats, coefficients: FloatArray) -> Floats:
        values = _extended(points)[..., self.coordinates.factors]
        weights = force[..., self.coordinates.owners] * coefficients.astype(points.dtype)
        parts = weights[..., None] * _products_of_others(values)
        flat = parts.reshape(*parts.shape[:-2], -1)[..., self._order]
        gradient = np.zeros((*points.shape[:-1], self.parameters + 1), dtype=points.dtype)
        gradient[..., self._variables] = np.add.reduceat(flat, self._starts, axis=-1)
        return gradient[..., : self.parameters]


def step_rounding(
    laws: Sequence[Polynomial], points: Floats, slopes: FloatArray, *, length: float, roundings: int, dtype: Any
) -> FloatArray:
    """How far one computed step ``y = x - l g`` of quadratic laws is from ``h(y) - h(x) = l^2 h((x - y) / l)``.

    Args:
        laws: conserved quadratic forms, n of them.
        points: x, shape (..., D).
        slopes: the sums of absolute terms of the gradient at x, shape (..., D), as ``Field.absolute`` gives them.
        length: l.
        roundings: how many roundings a term of the gradient passed through.
        dtype: the precision of the step.

    Returns:
        Bounds, shape (..., n). Derivation: the difference is exactly ``-<H(x), x - y>``; the true ``l g`` is
        orthogonal to H(x), and x - y differs from it by ``l r`` with r the rounding of the gradient,
        ``gamma(roundings) |g|``, and by the rounding of the update, ``gamma(3) (|x| + l |g|)``.
    """
    sizes: FloatArray = np.abs(points).astype(np.float64)
    error = length * gamma(roundings, dtype) * slopes + gamma(3, dtype) * (sizes + length * slopes)
    bounds: list[FloatArray] = []
    for law in laws:
        gradient = law.gradient()
        compiled = CompiledPolynomials(list(gradient.values()), points.shape[-1])
        bounds.append(np.asarray((compiled.absolute(sizes) * error[..., list(gradient)]).sum(axis=-1)))
    return np.stack(bounds, axis=-1)


def roundoff_bound(polynomial: Polynomial, point: Floats | Sequence[float], *, dtype: Any = np.float64) -> float:
    """How far the float value of ``polynomial`` at ``point`` can be from its exact value there.

    Derivation: (1 + degree + terms) roundings a term, hence gamma of that times the sum of absolute terms.

    >>> x = Polynomial.variable(0)
    >>> 0 < roundoff_bound(x * x, [1.0]) < 1e-15
    True
    """
    array = np.asarray(point, dtype=dtype)
    return float(CompiledPolynomials([polynomial], len(array)).roundoff_bound(array)[0])


def float_point(point: Sequence[Rational | float], dtype: Any = np.float64) -> Floats:
    """A point as an array; rationals are rounded to the nearest number."""
    return np.array([float(x) for x in point], dtype=dtype)


def _extended(points: Floats) -> Floats:
    """The points with a last variable that is always 1: the padding of short monomials."""
    return np.concatenate([points, np.ones((*points.shape[:-1], 1), dtype=points.dtype)], axis=-1)


def _products_of_others(values: Floats) -> Floats:
    """For each entry along the last axis the product of all the others."""
    size = values.shape[-1]
    before, after = np.ones_like(values), np.ones_like(values)
    for k in range(1, size):
        np.multiply(before[..., k - 1], values[..., k - 1], out=before[..., k])
        np.multiply(after[..., size - k], values[..., size - k], out=after[..., size - k - 1])
    others: Floats = before * after
    return others
