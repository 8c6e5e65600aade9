"""Random commuting parametrisations: quadratic coordinates at rational times, scalar pairs, and small models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import asinh, exp, log
from typing import TYPE_CHECKING

from ._theorem import Residual

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..oracles.models import Model

F = Fraction
Rational = int | Fraction
COMMUTING = ("diagonal:1", "diagonal:3", "symmetric:1-3", "monomial:3", "linear:1-2-1", "relu:1-2-1")
OTHERS = ("linear:2-1-1", "linear:2-2-2", "symmetric:2-2", "conv:2-2", "conv:2-2+stride2", "relu:2-2-1")


@dataclass(frozen=True, slots=True)
class Case:
    """``G_i = sum_k a_ik x_k^2 / 2``, a start x_0, and numbers ``y_i = e^(mu_i)``: everything stays rational.

    Attributes:
        weights: a_ik, whole, one row for each coordinate.
        start: x_0, shape (n,).
        exponentials: y_i, positive.
    """

    weights: tuple[tuple[int, ...], ...]
    start: tuple[Fraction, ...]
    exponentials: tuple[Fraction, ...]

    def model(self) -> Model:
        """The coordinates as a model."""
        from ..oracles.models import Block, PolynomialMap
        from ..oracles.polynomials import Polynomial

        size = len(self.start)
        coordinates = tuple(Polynomial([(((k, 2),), F(a, 2)) for k, a in enumerate(row)]) for row in self.weights)
        return PolynomialMap("quadratic", (Block("x", (size,)),), coordinates)

    def moved(self) -> list[Fraction]:
        """``x(mu) = exp(sum_i mu_i A_i) x_0``."""
        out = list(self.start)
        for row, y in zip(self.weights, self.exponentials, strict=True):
            out = [x * y**a for x, a in zip(out, row, strict=True)]
        return out


Q = dict[tuple[int, ...], Fraction]
"""A sum of ``c y_1^(m_1) ... y_d^(m_d)`` by the exponents m; the derivative along mu_i multiplies by m_i."""


def potential(case: Case, factor: Fraction) -> Q:
    """``Q(mu) = factor |exp(sum mu_i A_i) x_0|^2``; the factor is 1/4."""
    out: Q = {}
    for k, x in enumerate(case.start):
        exponents = tuple(2 * row[k] for row in case.weights)
        out[exponents] = out.get(exponents, F(0)) + factor * x * x
    return out


def along(q: Q, i: int) -> Q:
    """The derivative along mu_i."""
    return {m: m[i] * c for m, c in q.items()}


def value(q: Q, exponentials: Sequence[Fraction]) -> Fraction:
    """The value at ``y_i = e^(mu_i)``."""
    total = F(0)
    for exponents, c in q.items():
        for y, m in zip(exponentials, exponents, strict=True):
            c *= y**m
        total += c
    return total


def cases() -> SearchStrategy[Case]:
    """One to three coordinates in up to four parameters, whole weights, rational starts and times."""
    from hypothesis import strategies as st

    from .strategies import rationals, vectors

    @st.composite
    def draw_case(draw: st.DrawFn) -> Case:
        d, n = draw(st.integers(1, 3)), draw(st.integers(1, 4))
        rows = tuple(tuple(draw(st.integers(-2, 2)) for _ in range(n)) for _ in range(d))
        y = tuple(abs(draw(rationals(3, denominator=3, nonzero=True))) for _ in range(d))
        return Case(rows, draw(vectors(n, size=4, denominator=3)), y)

    return draw_case().filter(lambda case: all(map(any, case.weights)))


def check_potential(factor: Fraction) -> Callable[[Case], Residual]:
    """w and K at ``x(mu)``, from the model, against the first and second derivatives of Q."""

    def check_case(case: Case) -> Residual:
        from ..oracles.intrinsic.commuting.commuting import decide_commuting, metric_of

        model, x = case.model(), case.moved()
        q, y = potential(case, factor), case.exponentials
        off: Rational = int(not decide_commuting(model).commutes)
        w, K = [phi.evaluate(x) for phi in model.coordinates()], metric_of(model, x)
        for i, wi in enumerate(w):
            off += abs(value(along(q, i), y) - wi)
            off += sum(abs(value(along(along(q, i), j), y) - entry) for j, entry in enumerate(K[i]))
        return Residual(off, nontrivial=any(w))

    return check_case


@dataclass(frozen=True, slots=True)
class Scalar:
    """``u_0``, ``v_0`` and a time mu."""

    u: Fraction
    v: Fraction
    mu: Fraction


def scalars() -> SearchStrategy[Scalar]:
    """Starts of any sign without zeros; |mu| up to 3/2."""
    from hypothesis import strategies as st

    from .strategies import rationals

    entry = rationals(8, denominator=4, nonzero=True)
    return st.builds(Scalar, entry, entry, st.fractions(F(-3, 2), F(3, 2), max_denominator=8))


def check_arcsinh(constant: float) -> Callable[[Scalar], Residual]:
    """``(arcsinh(w / (constant |beta|)) - c) / 4`` gives mu back, in float64, at u = u_0 e^(2 mu), v = v_0 e^(-2 mu).

    Bound: w = u^2 - v^2 is wrong by gamma(12) (u^2 + v^2): start, exponent, exponential, square, difference; arcsinh
    changes by that over sqrt(w^2 + 4 beta^2) = u^2 + v^2, so by gamma(12) whatever cancels, and beta adds gamma(6) of
    the ratio w / (u^2 + v^2) <= 1. The numbers arcsinh, c and mu themselves are rounded: gamma(4) of their sizes. The
    exponent 2 mu is rounded, which moves the exact w by 4 mu u (u^2 + v^2): counted with gamma(8) |mu|.
    """

    def check_case(case: Scalar) -> Residual:
        u0, v0, mu = float(case.u), float(case.v), float(case.mu)
        u, v = u0 * exp(2 * mu), v0 * exp(-2 * mu)
        c, beta = log(abs(u0) / abs(v0)), abs(u0 * v0)
        angle = asinh((u * u - v * v) / (constant * beta))
        unit = 2.0**-53
        bound = (18 + 4 * (abs(angle) + abs(c) + 4 * abs(mu)) + 8 * abs(mu)) * unit / (1 - 32 * unit)
        return Residual(abs((angle - c) / 4 - mu), bound, nontrivial=mu != 0)

    return check_case


def specs() -> SearchStrategy[str]:
    """Small models of every kind, by their short forms."""
    from hypothesis import strategies as st

    from .strategies import relu_models

    known = (*COMMUTING, *OTHERS, "diagonal:2", "symmetric:1-2", "conv:3-2", "monomial:2")
    widths = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
    linear = widths.map(lambda sizes: "linear:" + "-".join(map(str, sizes)))
    relu = relu_models(layers=(2, 2), width=(1, 2), parameters=8).map(lambda model: model.spec)
    return st.one_of(st.sampled_from(known), linear, relu)


def check_decision(spec: str) -> Residual:
    """The decision against brackets at whole points, taken by differences of exact gradients; and the kernel's word.

    ``g(x + t h) - g(x - t h)`` over 2 t is the derivative of g along h for coordinates of degree at most 3.
    """
    from ..oracles.intrinsic.commuting.commuting import decide_commuting
    from ..oracles.kernel import verify
    from ..oracles.models import parse_model

    model = parse_model(spec)
    decided = decide_commuting(model)
    point = [F((7 * k * k + 3 * k + 1) % 11 - 5) for k in range(model.parameters)]
    coordinates = [phi.gradient() for phi in model.coordinates()]

    def at(i: int, x: Sequence[Fraction]) -> list[Fraction]:
        return [F(coordinates[i][k].evaluate(x)) if k in coordinates[i] else F(0) for k in range(len(x))]

    def along_field(i: int, j: int) -> list[Fraction]:
        h = at(j, point)
        ahead, behind = (at(i, [x + t * y for x, y in zip(point, h, strict=True)]) for t in (1, -1))
        return [(a - b) / 2 for a, b in zip(ahead, behind, strict=True)]

    seen = any(along_field(i, j) != along_field(j, i) for i in range(len(coordinates)) for j in range(i))
    off = int(seen and decided.commutes) + sum(not verify(c).accepted for c in decided.certificates)
    if decided.pair is not None:
        off += not any(decided.bracket)
    return Residual(off, nontrivial=len(coordinates) > 1, note="commutes" if decided.commutes else "does not commute")
