"""The checks of discrete identities see what they should: a wrong digit, a wrong optimizer, a missing step."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from flowlaw.oracles.dynamics import SGD, Vector, find_law
from flowlaw.properties._closed_form import QUADRATIC as CLOSED  # pyright: ignore[reportPrivateUsage]
from flowlaw.properties._closed_form import against_closed_form  # pyright: ignore[reportPrivateUsage]
from flowlaw.properties._discrete import (  # pyright: ignore[reportPrivateUsage]
    Case,
    bounded,
    cases,
    exact_residual,
    exact_run,
    float_residual,
    float_run,
    judged,
    windows,
)
from flowlaw.properties._identities import heavy_ball, network_case  # pyright: ignore[reportPrivateUsage]
from flowlaw.properties._symmetric import (  # pyright: ignore[reportPrivateUsage]
    LINEAR,
    OTHERS,
    QUADRATIC,
    Target,
    targets,
    to_arrays,
)

F = Fraction
SGD_STEP = SGD(lr=F(1, 64), momentum=F(9, 10), dampening=F(1, 5), weight_decay=F(1, 20))
LAW = find_law("hb-two-step.quadratic")


@given(targets(*QUADRATIC, *LINEAR, *OTHERS, steps=1))
@settings(max_examples=60)
def test_every_target_has_the_symmetry_that_it_says(drawn: Any) -> None:
    target, start = drawn
    assert target.charge.pair(target.gradient(0, start), start) == 0
    assert find_law("orthogonality").accepts(target.charge)


@given(targets("squared", steps=1))
@settings(max_examples=20)
def test_the_negative_control_lacks_it_wherever_its_slopes_do_not_cancel(drawn: Any) -> None:
    target, start = drawn
    g = target.gradient(0, start)
    pairing = target.charge.pair(g, start)
    n = target.shape[0]
    assert pairing == sum(g[0][j * n] + 2 * g[1][j] for j in range(target.shape[1]))


@given(targets(*QUADRATIC, *LINEAR, *OTHERS, steps=1))
@settings(max_examples=40)
def test_gradients_in_floats_are_the_exact_ones_up_to_their_sizes(drawn: Any) -> None:
    """Points and data are short dyadic numbers or thirds: rounding the point once is one rounding more."""
    target, start = drawn
    point = to_arrays(start)
    exact = target.gradient(0, tuple(Vector(map(F, leaf.tolist())) for leaf in point))
    for mine, right, size in zip(target.gradient(0, point), exact, target.gradient_sizes(0, point), strict=True):
        for a, b, s in zip(mine.tolist(), right, size.tolist(), strict=True):
            assert abs(F(a) - b) <= (target.roundings + 1) * F(s) / 2**52


def test_a_relative_error_far_below_float32_is_seen_in_a_float64_run() -> None:
    case = network_case((SGD_STEP,) * 3)
    moments = float_run(case, "numpy")
    assert judged(LAW, moments[:3], case.charge, case.target, "float64").holds
    off = (moments[1].parameters[0] * (1 + 1e-9),)
    changed = [moments[0], replace(moments[1], parameters=off), moments[2]]
    assert not judged(LAW, changed, case.charge, case.target, "float64").holds


def test_a_float32_run_is_not_taken_for_a_float64_run() -> None:
    case = network_case((SGD_STEP,) * 4)
    moments = float_run(case, "numpy", "float32")
    found = [judged(LAW, w, case.charge, case.target, "float32") for w in windows(LAW, moments, case.charge)]
    strict = [judged(LAW, w, case.charge, case.target, "float64") for w in windows(LAW, moments, case.charge)]
    assert found
    assert all(r.holds for r in found)
    assert not all(r.holds for r in strict)


def test_torch_and_numpy_make_the_same_run_up_to_rounding() -> None:
    pytest.importorskip("torch")
    case = network_case((SGD_STEP,) * 5)
    mine, theirs = (float_run(case, engine)[-1].parameters[0] for engine in ("numpy", "torch"))
    # five steps, each within a few roundings of entries below 2
    assert abs(mine - theirs).max() <= 5 * 64 * 2.0**-52
    assert float_residual((LAW,), case, "torch").holds


def test_a_run_is_cut_where_it_diverges() -> None:
    case = Case(Target("rotation", (2,), ((F(1),),), (2,), (F(0), F(0))), (Vector((9, 9)),), (SGD(lr=F(1)),) * 12)
    moments = float_run(case, "numpy")
    kept = bounded(moments)
    assert 0 < len(kept) < len(moments)
    assert all(np.isfinite(m.parameters[0]).all() for m in kept)


@given(cases(heavy_ball(3), *QUADRATIC, steps=3))
@settings(max_examples=20)
def test_exact_runs_leave_exactly_nothing(case: Case) -> None:
    assert exact_residual((LAW,), case).value == 0
    assert len(exact_run(case)) == 4
    assert repr(case).count("SGD(") >= 1


def test_a_case_without_windows_counts_as_trivial() -> None:
    case = Case(Target("rotation", (2,), ((F(1),),), (2,), (F(0), F(0))), (Vector((1, 0)),), (SGD_STEP,))
    assert not exact_residual((LAW,), case).nontrivial


@pytest.mark.once
def test_the_bound_of_the_closed_form_does_not_grow_with_the_run() -> None:
    """Sums of absolute terms of the propagators alone would grow by 1.9 a step, to 1e27 here."""
    case = network_case((SGD(lr=F(1, 64), momentum=F(81, 100), weight_decay=F(1, 2)),) * 100)
    found = against_closed_form(CLOSED, case, "float64", "numpy")
    assert found.holds
    assert found.bound < 1e-8
