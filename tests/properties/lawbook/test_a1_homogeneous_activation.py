"""What the entry on homogeneous activations computes by itself."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from typing import Any

import pytest

from flowlaw.properties.lawbook.a1_homogeneous_activation import (
    NO_LAW,
    POWERS,
    Case,
    NetworkField,
    Pair,
    balances,
    check_no_law,
    enclosed,
)


def mpmath() -> Any:
    """The module, which has no types."""
    return import_module("mpmath")


def sigma(name: str) -> Callable[[Any], Any]:
    mp = mpmath()
    by_name: dict[str, Callable[[Any], Any]] = {
        "tanh": mp.tanh,
        "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
        "softplus": lambda z: mp.log(1 + mp.exp(z)),
        "SiLU": lambda z: z / (1 + mp.exp(-z)),
        "GELU": lambda z: z * mp.ncdf(z),
        "sin": mp.sin,
        "exp": mp.exp,
        "softsign": lambda z: z / (1 + abs(z)),
        "ELU": lambda z: z if z > 0 else mp.exp(z) - 1,
    }
    return by_name.get(name) or (lambda z: z ** POWERS[name])


@pytest.mark.parametrize("name", [*NO_LAW, *POWERS])
@pytest.mark.parametrize("s", [Fraction(1, 4), Fraction(3, 2), Fraction(5)])
def test_the_balls_contain_the_activation_and_its_derivative(name: str, s: Fraction) -> None:
    from flint import ctx

    mp = mpmath()
    if name == "ELU":
        s = -s
    with ctx.workprec(200), mp.workdps(40):
        value, slope = enclosed(name, s)
        z = mp.mpf(s.numerator) / s.denominator
        function = sigma(name)
        assert abs(mp.mpf(value.mid().str(40, radius=False)) - function(z)) < mp.mpf(10) ** -30
        assert abs(mp.mpf(slope.mid().str(40, radius=False)) - z * mp.diff(function, z)) < mp.mpf(10) ** -15


def test_a_power_is_not_called_lawless() -> None:
    for name in POWERS:
        assert not check_no_law(Pair(name, Fraction(1, 2), Fraction(3))).holds


def test_the_balance_sees_another_degree() -> None:
    rows = ((Fraction(1), Fraction(2)),)
    case = Case(rows, rows, ((Fraction(3),),), ((Fraction(1),),), 6, Fraction(1), Fraction(1))
    assert not any(balances(case, object)[0])
    assert all(balances(case, object, more=1)[0])


def test_the_field_is_the_derivative_of_the_loss() -> None:
    import numpy as np

    inputs, targets = np.array([[0.5, -1.0], [1.0, 0.25]]), np.array([[1.0], [-2.0]])
    field = NetworkField(lambda z: z**2, lambda z: 2 * z, 2, (inputs, targets, 3))
    point = np.linspace(-1, 1, 9)

    def loss(at: Any) -> float:
        U, V = field.parts(at)
        return float((((inputs @ V) ** 2 @ U.T - targets) ** 2).sum() / 2)

    step = 1e-6
    differences = [(loss(point + step * unit) - loss(point - step * unit)) / (2 * step) for unit in np.eye(9)]
    assert np.allclose(field(point), differences, atol=1e-8)
    assert (field.absolute(point) >= np.abs(field(point))).all()
