"""Enclosed flows against closed forms, against the certified flow, with the proof sabotaged, and what is refused."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from math import sqrt as float_sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flint", reason="enclosures need python-flint")

from flint import arb, ctx, fmpq, fmpz
from hypothesis import given, settings
from hypothesis import strategies as st

from flowlaw.oracles.errors import BadInput, TooLarge
from flowlaw.oracles.models import parse_model
from flowlaw.simulations import Enclosure, Loss, Objective, certified_flow, enclosures
from flowlaw.simulations._hessian import largest_eigenvalue
from flowlaw.simulations._jets import Dual, Undefined, root, series_of_field
from flowlaw.simulations._tape import taylor_of_field
from flowlaw.simulations._taylor import Piece
from flowlaw.simulations.enclosures import apart, certify_curve, enclose_flow, image, overlap, within

F = Fraction
Formula = Callable[[Sequence[Any], Callable[[Any], Any]], Sequence[Any]]


def as_arb(value: Fraction) -> arb:
    return arb(fmpq(value.numerator, value.denominator))


def hyperbolic_sine(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [sqrt(1 + z[0] ** 2)]


def logistic(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [z[0] * (1 - z[0])]


def falling_root(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [-sqrt(z[0])]


def growing_root(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [1 / (2 * z[0])]


def falling_quotient(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [-1 / z[0]]


def tangent(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [1 + z[0] ** 2]


SOLVED: list[tuple[Formula, Fraction, Callable[[arb], arb]]] = [
    (hyperbolic_sine, F(0), lambda t: t.sinh()),
    (logistic, F(1, 3), lambda t: 1 / (1 + 2 * (-t).exp())),
    (falling_root, F(4), lambda t: (2 - t / 2) ** 2),
    (growing_root, F(2), lambda t: (4 + t).sqrt()),
    (tangent, F(-1), lambda t: (t - arb.pi() / 4).tan()),
]


def contains(enclosure: Enclosure, value: arb) -> bool:
    (middle,) = enclosure.midpoint
    difference = abs(value - as_arb(F(middle)))
    return bool(difference <= as_arb(enclosure.radius))


@pytest.mark.parametrize(("field", "start", "solution"), SOLVED)
@pytest.mark.parametrize("digits", [12, 40])
def test_the_closed_form_lies_in_the_enclosure_at_all_times(
    field: Formula, start: Fraction, solution: Callable[[arb], arb], digits: int
) -> None:
    flow = enclose_flow(field, [start], time=F(3, 2), digits=digits)
    assert flow.digits >= digits
    with ctx.workprec(400):
        for k in range(13):
            time = F(k, 8)
            assert contains(flow.at(time), solution(as_arb(time)))
        assert contains(flow.end, solution(as_arb(F(3, 2))))
        for t, point in zip(flow.trajectory.times, flow.trajectory.points, strict=True):
            assert contains(point, solution(as_arb(F(t))))


def test_a_wrong_closed_form_does_not() -> None:
    flow = enclose_flow(hyperbolic_sine, [0], time=1, digits=30)
    with ctx.workprec(400):
        assert not contains(flow.end, as_arb(F(1)).sinh() + as_arb(F(1, 10**28)))


@pytest.mark.once
@settings(max_examples=15, deadline=None)
@given(st.lists(st.fractions(-1, 1, max_denominator=4), min_size=4, max_size=4), st.fractions(-1, 1, max_denominator=3))
def test_a_polynomial_flow_is_enclosed_as_by_the_certified_flow(point: list[Fraction], target: Fraction) -> None:
    objective = Objective(parse_model("linear:1-2-1"), Loss.squared([target]))

    def field(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
        force = z[0] * z[2] + z[1] * z[3] - target
        return [-force * z[2], -force * z[3], -force * z[0], -force * z[1]]

    other = certified_flow(objective, point, time=1, digits=25)
    flow = enclose_flow(field, point, time=1, digits=25)
    assert overlap(flow.end, other.end)
    assert overlap(flow.at(F(1, 3)), other.at(F(1, 3)))
    moved = Enclosure((other.end.midpoint[0] + F(1, 10**23), *other.end.midpoint[1:]), other.end.radius)
    assert not overlap(flow.end, moved)


def centred_tangent(length: Fraction) -> Piece:
    """The Taylor polynomial of degree 3 of ``tan(l u)`` at u = 0, in s = u + 1/2."""
    bits = 400
    a, b, h = length, length**3 / 3, F(1, 2)
    exact = [-a * h - b * h**3, a + 3 * b * h**2, -3 * b * h, b]
    return Piece(F(0), length, (tuple(fmpz(int(c * 2**bits)) for c in exact),), bits)


def no_remainders(*_: object) -> list[arb]:
    return [arb(0)]


def no_expansion(*_: object) -> arb:
    return arb(0)


def test_without_the_lagrange_remainder_the_proof_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defect of this curve at its middle has no term below order 4: the remainder is all there is."""
    length = F(1, 4)
    piece = centred_tangent(length)
    start = piece.begin()
    monkeypatch.setattr(enclosures, "TUBE", F(1, 2**4))

    def solution() -> arb:
        return (as_arb(start[0]).atan() + as_arb(length)).tan()

    with ctx.workprec(400):
        honest = certify_curve(tangent, start, [piece])
        assert honest is not None
        assert contains(honest.end, solution())
        monkeypatch.setattr(enclosures, "_remainders", no_remainders)
        wrong = certify_curve(tangent, start, [piece])
        assert wrong is not None
        assert not contains(wrong.end, solution())


def test_with_a_falsified_expansion_rate_the_proof_would_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = enclose_flow(logistic, [F(1, 10**6)], time=4, digits=20)
    start, jump = flow.start, F(1, 10**12)
    with ctx.workprec(400):
        truth = as_arb(F(4))
        shifted = as_arb(start[0] + jump)
        solution = shifted / (shifted + (1 - shifted) * (-truth).exp())
        honest = certify_curve(logistic, [start[0] + jump], flow.pieces)
        assert honest is not None
        assert contains(honest.end, solution)
        monkeypatch.setattr(enclosures, "expansion", no_expansion)
        wrong = certify_curve(logistic, [start[0] + jump], flow.pieces)
        assert wrong is not None
        assert not contains(wrong.end, solution)


def test_a_changed_coefficient_costs_the_digits() -> None:
    flow = enclose_flow(hyperbolic_sine, [0], time=1, digits=30)
    first = flow.pieces[0]
    (series,) = first.coefficients
    changed = replace(first, coefficients=((series[0], series[1] + (fmpz(1) << (first.bits - 40)), *series[2:]),))
    again = certify_curve(hyperbolic_sine, [0], [changed, *flow.pieces[1:]])
    assert again is not None
    assert again.digits < 13
    with ctx.workprec(400):
        assert contains(again.end, as_arb(F(1)).sinh())


def test_a_curve_that_belongs_to_another_field_is_not_certified() -> None:
    flow = enclose_flow(hyperbolic_sine, [0], time=1, digits=20)
    assert certify_curve(logistic, [0], flow.pieces) is None


def test_a_curve_with_a_gap_in_time_is_refused() -> None:
    flow = enclose_flow(hyperbolic_sine, [0], time=2, digits=20)
    assert len(flow.pieces) > 1
    with pytest.raises(BadInput, match="follow each other"):
        certify_curve(hyperbolic_sine, [0], flow.pieces[1:])
    with pytest.raises(BadInput, match="outside the flow"):
        flow.at(3)


def with_float(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [0.1 * z[0]]


def with_float_root(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [float_sqrt(2) * z[0]]


def with_constant_root(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [sqrt(2) * z[0]]


def with_branch(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [z[0] if z[0] else -z[0]]


def with_comparison(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [z[0] if z[0] == 1 else -z[0]]


def with_power(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [z[0] ** 1000]


def with_two_components(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
    return [z[0], z[0]]


@pytest.mark.parametrize(
    "field",
    [
        with_float,
        with_float_root,
        with_constant_root,
        with_branch,
        with_comparison,
        with_power,
        with_two_components,
    ],
)
def test_a_field_that_is_no_exact_formula_is_refused(field: Formula) -> None:
    with pytest.raises(BadInput):
        enclose_flow(field, [1], time=1)


def test_a_flow_without_coordinates_is_refused() -> None:
    with pytest.raises(BadInput, match="1 to 16"):
        enclose_flow(logistic, [], time=1)


@pytest.mark.parametrize(("time", "digits"), [(0, 20), (-1, 20), (10**7, 20), (1, 0), (1, 10**6)])
def test_sizes_out_of_range_are_refused(time: int, digits: int) -> None:
    with pytest.raises(BadInput):
        enclose_flow(logistic, [F(1, 2)], time=time, digits=digits)


@pytest.mark.once
@pytest.mark.parametrize(
    ("field", "start", "time"),
    [
        (tangent, 0, 2),  # infinite at pi/2
        (falling_root, 1, 3),  # zero at 2, where the root is not differentiable
        (falling_root, 0, 1),
        (falling_root, -1, 1),
        (growing_root, 0, 1),
        (falling_quotient, 1, 1),  # zero at 1/2
    ],
)
def test_a_flow_that_leaves_the_domain_of_its_formula_is_refused(field: Formula, start: int, time: int) -> None:
    with pytest.raises(TooLarge):
        enclose_flow(field, [start], time=time)


def test_a_constant_component_needs_no_arguments() -> None:
    flow = enclose_flow(lambda z, sqrt: [F(1, 2), z[0]], [1, 0], time=2)
    assert overlap(flow.end, Enclosure((F(2), F(3)), F(0)))


def test_series_of_both_kinds_agree() -> None:
    """The untrusted tape and the series of the proof: the flow of one has the velocity of the other."""

    def field(z: Sequence[Any], sqrt: Callable[[Any], Any]) -> list[Any]:
        return [sqrt(2 + z[1] ** 2) / (1 + z[0]) - 3, (F(1, 3) - z[0]) * z[1]]

    with ctx.workprec(200):
        curve = taylor_of_field(field, [as_arb(F(1, 2)), as_arb(F(-2, 3))], 14)
        velocity = series_of_field(field, curve, 14)
        for position, speed in zip(curve, velocity, strict=True):
            for k in range(14):
                assert (position[k + 1] * (k + 1) - speed[k]).contains(0)
                assert (position[k + 1] * (k + 1) - speed[k]).abs_upper() < 1e-40
        assert any(abs(position[14]) > 1e-3 for position in curve)


def test_derivatives_of_roots_and_quotients_are_exact() -> None:
    with ctx.workprec(200):
        x = Dual(as_arb(F(9, 4)), [arb(1)])
        assert root(x).tangent[0].contains(fmpq(1, 3))
        assert (1 / x).tangent[0].contains(fmpq(-16, 81))
        assert (x / 3 - 2 * x**2).tangent[0].contains(fmpq(1, 3) - 9)
        with pytest.raises(Undefined):
            root(Dual(arb(0, 1), [arb(1)]))
        with pytest.raises(Undefined):
            Dual(arb(0, 1), [arb(1)]).inverse()


def test_the_cap_of_power_series_is_restored() -> None:
    before = ctx.cap
    enclose_flow(hyperbolic_sine, [0], time=1)
    assert ctx.cap == before


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=6, max_size=6))
def test_the_largest_eigenvalue_is_bounded_from_above(entries: list[int]) -> None:
    a, b, c, d, e, f = entries
    rows = [[a, b, c], [b, d, e], [c, e, f]]
    bound = largest_eigenvalue([[arb(x) for x in row] for row in rows], "a matrix")
    exact = float(np.linalg.eigvalsh(np.array(rows, dtype=float))[-1])
    assert exact <= float(bound) <= exact + 1e-7 * (1 + 30)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.fractions(-2, 2, max_denominator=5), min_size=8, max_size=8),
    st.lists(st.fractions(-1, 1, max_denominator=5), min_size=8, max_size=8),
    st.integers(0, 8),
)
def test_the_image_contains_phi_of_every_point_of_the_ball(
    middle: list[Fraction], offset: list[Fraction], exponent: int
) -> None:
    model = parse_model("linear:2-2-2")
    radius = F(3) / 10**exponent
    point = [m + o * radius / 3 for m, o in zip(middle, offset, strict=True)]  # |offset| <= sqrt 8 < 3
    found = image(Enclosure(tuple(middle), radius), model.coordinates())
    assert found.contains([p.evaluate(point) for p in model.coordinates()])
    exact = image(Enclosure(tuple(middle), F(0)), model.coordinates())
    assert exact.radius == 0


def test_the_image_of_a_ball_is_not_too_small() -> None:
    model = parse_model("linear:1-1-1")
    found = image(Enclosure((F(1), F(1)), F(1, 100)), model.coordinates())
    half = F(1, 100) * F(7, 10)
    assert found.contains([(1 + half) ** 2])
    assert found.radius < F(2, 100)


def test_distances_of_enclosures_are_proved_from_both_sides() -> None:
    one, other = Enclosure((F(0), F(0)), F(1)), Enclosure((F(3), F(4)), F(2))
    assert not overlap(one, other)
    assert F(2) - F(1, 10**9) < apart(one, other) <= 2
    assert 8 <= within(one, other) < 8 + F(1, 10**9)
    touching = Enclosure((F(3), F(4)), F(4))
    assert overlap(one, touching)
    assert apart(one, touching) == 0
    nearly = Enclosure((F(3), F(4)), F(4) - F(1, 10**60))
    assert not overlap(one, nearly)
    assert 0 < apart(one, nearly) <= F(1, 10**60)
    with pytest.raises(BadInput, match="cannot be compared"):
        apart(one, Enclosure((F(0),), F(1)))


def test_the_same_formula_runs_on_floats() -> None:
    flow = enclose_flow(hyperbolic_sine, [0], time=1)
    z, count = 0.0, 4000
    for _ in range(count):
        z += hyperbolic_sine([z + hyperbolic_sine([z], float_sqrt)[0] / (2 * count)], float_sqrt)[0] / count
    assert abs(z - float(flow.end.midpoint[0])) < 1e-7  # midpoint rule: below time^3 |F'''| / count^2


def test_the_example_of_the_documentation_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulations.md").read_text(encoding="utf-8")
    code = page.split("## Flows with roots and quotients")[1].split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["flow"].digits >= 30
    reduced = names["flow"].end
    objective = Objective(parse_model("linear:1-1-1"), Loss.squared([3]))
    whole = certified_flow(objective, [F(3, 2), F(1, 2)], time=1, digits=30)
    assert names["overlap"](names["image"](whole.end, objective.coordinates), reduced)
