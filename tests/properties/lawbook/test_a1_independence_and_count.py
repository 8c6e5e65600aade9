"""The parts of A1.independence-and-count that compute by themselves."""

from __future__ import annotations

from fractions import Fraction

import pytest

from flowlaw.properties.lawbook.a0_rank_certificate import generators, law_fields
from flowlaw.properties.lawbook.a1_independence_and_count import (
    completeness,
    direction,
    loop,
    ranks,
    turned,
    values,
    words,
)


@pytest.mark.parametrize("spec", ["linear:1-2-2", "linear:2-2-2", "relu:2-2-1+bias", "monomial:3", "conv:2-2"])
def test_words_and_laws_span_everything_at_a_generic_point(spec: str) -> None:
    found = completeness(spec)
    assert ranks(spec, direction(spec)) == (found.lie_dimension, found.independent_laws)


def test_the_first_words_are_the_generators() -> None:
    assert words("linear:2-2-2")[:4] == generators("linear:2-2-2")


def test_scaling_a_point_changes_no_rank() -> None:
    point = (
        Fraction(1, 2),
        Fraction(-1, 3),
        Fraction(0),
        Fraction(5),
        Fraction(1, 7),
        Fraction(2),
        Fraction(0),
        Fraction(1),
    )
    assert ranks("relu:2-2-1+bias", point) == ranks("relu:2-2-1+bias", [21 * x for x in point])


def test_a_leg_moves_along_its_field_and_back() -> None:
    start = (Fraction(1, 3), Fraction(1), Fraction(-2))
    q = Fraction(1, 10**6)
    for coordinate in (1, 2):
        end = turned(start, coordinate, q)
        field = values(generators("linear:1-1-2")[coordinate - 1], start)
        for before, after, slope in zip(start, end, field, strict=True):
            assert abs((after - before) / (2 * q) - slope) < Fraction(1, 10**5)
        assert turned(end, coordinate, -q) == start


def test_a_loop_keeps_the_law_and_moves_along_the_bracket() -> None:
    """In closed form the loop moves v_2 from 0 to c s^2 (2 - c), c and s the hyperbolic functions of the time."""
    q = Fraction(1, 8)
    c, s = (1 + q * q) / (1 - q * q), 2 * q / (1 - q * q)
    u, v, w = loop((Fraction(0), Fraction(1), Fraction(0)), q)
    assert u * u - v * v - w * w == -1
    assert w == c * s * s * (2 - c)


def test_laws_that_theory_knows_are_at_hand() -> None:
    assert len(law_fields("linear:2-2-2")) == 3
