"""Mirror flows: ``d/dt grad R(w) = -grad f(w)`` for commuting quadratic coordinates (A7.commuting)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...oracles.errors import BadInput
from ...oracles.intrinsic import ClosedForm
from ...oracles.intrinsic.commuting.commuting import quadratic_forms
from ...oracles.intrinsic.forms import diagonal, mirror
from ...oracles.models import Model
from ...oracles.polynomials import Rational
from .._trajectory import Floats
from ..fields import FloatArray
from ._base import ReducedFlow

_NEWTON = 200
"""Most damped Newton steps from mu = 0; the convex problem takes a number that grows like the size of mu."""


def reduced_flow(model: Model, point: Sequence[Rational]) -> ReducedFlow | None:
    """The mirror flow of w; None for a model whose coordinates are not quadratic or that has a flow of its own.

    Raises:
        NotClaimed: two coordinates do not commute, or the Jacobian at ``point`` has less than full rank.
    """
    form = diagonal.closed_form(model, point)
    if form is not None:
        beta = diagonal.products(model, point) or ()
        return ArcsinhFlow(form, np.array([float(x) for x in beta]))
    form, forms = mirror.closed_form(model, point), None
    if form is not None:
        forms = quadratic_forms(model)
    if form is None or forms is None:
        return None
    matrices = np.zeros((len(forms), model.parameters, model.parameters))
    for matrix, entries in zip(matrices, forms, strict=True):
        for (a, b), value in entries.items():
            matrix[a, b] = float(value)
    return QuadraticMirror(form, *_diagonalised(matrices, np.array([float(x) for x in point])))


@dataclass(frozen=True, slots=True)
class ArcsinhFlow:
    """``K = 4 diag(sqrt(w_i^2 + 4 beta_i^2))`` for ``w = u^2 - v^2``; ``beta`` holds the values of u v, shape (r,)."""

    form: ClosedForm
    beta: FloatArray

    @property
    def dimension(self) -> int:
        return len(self.beta)

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``."""
        return np.asarray(4 * np.hypot(z, 2 * self.beta) * covector)

    def mirror(self, z: Floats) -> FloatArray:
        """``grad R`` with ``grad R(0) = 0``: ``arcsinh(w / (2 |beta|)) / 4``; beta must have no zero.

        Raises:
            BadInput: some beta is 0; R is then not defined around 0.
        """
        if not self.beta.all():
            raise BadInput("The arcsinh potential needs u_i v_i other than 0 for every i.")
        return np.asarray(np.arcsinh(z / (2 * np.abs(self.beta))) / 4)

    def primal(self, mirror: Floats) -> FloatArray:
        """The inverse of ``mirror``."""
        return np.asarray(2 * np.abs(self.beta) * np.sinh(4 * mirror))


@dataclass(frozen=True, slots=True)
class QuadraticMirror:
    """``K = hess Q(mu)`` with ``grad Q(mu) = w`` for ``Q = (1/4) sum_k square_k exp(2 <rate_k, mu>)``.

    Attributes:
        form: what is claimed.
        rates: one row for each common eigenvector of the Hessians, shape (n, d).
        squares: the squared parts of the initialization along them, shape (n,).
    """

    form: ClosedForm
    rates: FloatArray
    squares: FloatArray

    @property
    def dimension(self) -> int:
        return int(self.rates.shape[1])

    def apply(self, z: Floats, covector: Floats, /) -> Floats:
        """``K(z) covector``.

        Raises:
            BadInput: z is outside of the range of grad Q.
        """
        return np.asarray(self._hessian(self.mirror(z)) @ covector)

    def primal(self, mirror: Floats) -> FloatArray:
        """``grad Q(mu)``."""
        return np.asarray(self.rates.T @ self._weights(mirror) / 2)

    def mirror(self, z: Floats) -> FloatArray:
        """The mu with ``grad Q(mu) = z``: the minimum of ``Q(mu) - <z, mu>``, by damped Newton steps from mu = 0.

        Raises:
            BadInput: the minimum is not attained: z is outside of the range of grad Q.
        """
        mu = np.zeros(self.dimension)
        scale = float(np.linalg.norm(z)) + float(np.linalg.norm(self.primal(mu)))
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(_NEWTON):
                off = z - self.primal(mu)
                move = np.linalg.lstsq(self._hessian(mu), off, rcond=None)[0]
                # exp(2 <rate, mu>) may change by a factor of at most e^2 in one step
                reach = float(np.abs(self.rates @ move).max(initial=0))
                mu = mu + move / max(1.0, reach)
                if reach <= 2.0**-26 and float(np.linalg.norm(off)) <= 2.0**-20 * scale:
                    return np.asarray(mu)
                if not np.isfinite(mu).all():
                    break
        raise BadInput("This w is outside of the range of grad Q: no mirror flow from the initialization reaches it.")

    def _weights(self, mu: Floats) -> FloatArray:
        return np.asarray(self.squares * np.exp(2 * (self.rates @ mu)))

    def _hessian(self, mu: Floats) -> FloatArray:
        return np.asarray((self.rates * self._weights(mu)[:, None]).T @ self.rates)


def _diagonalised(matrices: FloatArray, start: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rates and squares along common eigenvectors of commuting symmetric matrices, shape (d, D, D).

    Eigenvectors of a random combination are common ones: distinct joint eigenvalues stay distinct with probability 1.
    """
    mixed = np.tensordot(np.random.default_rng(0).normal(size=len(matrices)), matrices, axes=1)
    _, vectors = np.linalg.eigh(mixed)
    rates = np.einsum("ak,iab,bk->ki", vectors, matrices, vectors)
    squares = (vectors.T @ start) ** 2
    return np.asarray(rates), np.asarray(squares)
