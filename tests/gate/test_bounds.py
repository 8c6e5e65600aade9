"""Bounds hold for what is right, whatever the order of operations, and leave room for what is wrong."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from networks import adam, families, loss_and_gradient, sgd, target

from flowlaw.gate import Finding, Marginal, Shifts
from flowlaw.gate.balls import FORMATS, Ball, rounded_optimizer
from flowlaw.gate.bounds import sensitivity, trails
from flowlaw.gate.check import check
from flowlaw.gate.enclosures import Enclosed
from flowlaw.gate.judge import judge
from flowlaw.gate.record import record
from flowlaw.gate.target import Array
from flowlaw.oracles.dynamics import SGD, Adam, AdamW, Sized

RNG = np.random.default_rng(0)


def falling(k: int) -> SGD:
    return SGD(lr=0.1 / (k + 1), momentum=0.5)


RIGHT: dict[str, Any] = {
    "plain": (sgd(0.1), SGD(lr=0.1)),
    "decay": (sgd(0.1, weight_decay=0.2), SGD(lr=0.1, weight_decay=0.2)),
    "momentum": (sgd(0.05, 0.9, 0.3, 0.1), SGD(lr=0.05, momentum=0.9, dampening=0.3, weight_decay=0.1)),
    "nesterov": (sgd(0.05, 0.9, 0.0, 0.1, True), SGD(lr=0.05, momentum=0.9, weight_decay=0.1, nesterov=True)),
    "schedule": (sgd(lambda k: 0.1 / (k + 1), 0.5), falling),
    "AdamW": (adam(0.01, decay=0.1), AdamW(lr=0.01, weight_decay=0.1)),
}


def worst(findings: list[Finding]) -> float:
    return max(finding.ratio for finding in findings)


# -- balls -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float64", "float32", "float16"])
def test_a_ball_holds_the_rounded_result_of_every_operation(name: str) -> None:
    """Each operation in a format against the ball of it; its centre is computed in float64, whose rounding is added."""
    x, y = (RNG.normal(size=2000).astype(name) for _ in range(2))
    a, b = (Ball(v.astype(np.float64), 0.0, FORMATS[name]) for v in (x, y))
    pairs = [
        (x + y, a + b),
        (x - y, a - b),
        (x * y, a * b),
        (x / y, a / b),
        (np.sqrt(abs(x)), abs(a).sqrt()),
        (x * x * x, a**3),
        (np.maximum(x, y), a.maximum(b)),
        ((x + y) - x, (a + b) - a),
        (x * y - y * x + x, a * b - b * a + a),
    ]
    for rounded, ball in pairs:
        slack = 4 * 2.0**-53 * abs(ball.value)
        assert (abs(rounded.astype(np.float64) - ball.value) <= ball.radius + slack).all()


def test_a_ball_holds_what_its_parts_may_have_been() -> None:
    x, y = RNG.normal(size=(2, 500)), RNG.uniform(1, 2, size=(2, 500))
    dx, dy = 1e-3 * RNG.uniform(size=x.shape), 1e-3 * RNG.uniform(size=y.shape)
    a, b = Ball(x, dx), Ball(y, dy)
    for _ in range(20):
        p, q = x + dx * RNG.uniform(-1, 1, x.shape), y + dy * RNG.uniform(-1, 1, y.shape)
        for value, ball in ((p * q, a * b), (p / q, a / b), (np.sqrt(q), b.sqrt()), (q**5, b**5), (p - q, a - b)):
            assert (abs(value - ball.value) <= ball.radius).all()


def test_a_ball_around_zero_divides_into_anything() -> None:
    made = Ball(np.ones(2)) / Ball(np.array([1e-9, 1.0]), np.array([1e-8, 0.0]))
    assert np.isinf(made.radius[0])
    assert made.radius[1] < 1e-15


def test_a_root_of_what_may_be_zero_is_not_below_it() -> None:
    ball = Ball(np.array([1e-20, 0.0]), np.array([1e-16, 1e-16])).sqrt()
    assert (ball.radius >= 0.9e-8).all()
    assert (ball.radius < 1.1e-8).all()


def test_hyperparameters_are_numbers_of_the_format() -> None:
    made = rounded_optimizer(Adam(lr=Fraction(1, 10), beta1=0), FORMATS["float32"])
    assert made.beta1 == 0
    assert abs(float(np.float32(0.1)) - 0.1) <= made.lr.radius


# -- families on stacks ------------------------------------------------------------------------------------------------


def _within(leaves: tuple[Array, ...], radii: list[Array], w: int) -> tuple[Array, ...]:
    return tuple(x + d[w] * RNG.uniform(-1, 1, x.shape) for x, d in zip(leaves, radii, strict=True))


@pytest.mark.parametrize("number", range(3))
def test_a_stack_is_its_windows_one_by_one(number: int) -> None:
    family = families()[number]
    shapes = [(6, 5), (6,), (4, 6), (4,)]
    a, p = ([RNG.normal(size=(7, *shape)) for shape in shapes] for _ in range(2))
    da, dp = ([1e-3 * RNG.uniform(size=(7, *shape)) for shape in shapes] for _ in range(2))
    charge = Enclosed(family, 50)
    loose = charge.pair(
        [Ball(x, d) for x, d in zip(a, da, strict=True)], [Ball(x, d) for x, d in zip(p, dp, strict=True)]
    )
    for w in range(7):
        left, right = tuple(x[w] for x in a), tuple(x[w] for x in p)
        assert np.allclose(charge.pair(a, p).value[w], family.pair(left, right), rtol=0, atol=1e-13)
        size = family.pair(tuple(map(Sized.of, left)), tuple(map(Sized.of, right))).size
        assert (charge.pair(a, p).radius[w] <= 100 * 2.0**-53 * size).all()
        for _ in range(5):
            moved, other = _within(left, da, w), _within(right, dp, w)
            assert (abs(family.pair(moved, other) - loose.value[w]) <= loose.radius[w]).all()


# -- runs --------------------------------------------------------------------------------------------------------------


@pytest.mark.once
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_far_inside_its_bounds(name: str, dtype: str) -> None:
    update, described = RIGHT[name]
    findings = check(target(update, described, dtype=dtype), seed=3)
    assert {finding.verdict for finding in findings} <= {"HOLDS", "SKIPPED"}
    assert worst(findings) < 0.5
    assert sum(finding.verdict == "HOLDS" for finding in findings) >= 5


@pytest.mark.once
@pytest.mark.parametrize("name", RIGHT)
def test_a_rate_that_is_wrong_by_a_millionth_is_far_outside(name: str) -> None:
    update, described = RIGHT[name]

    def wrong(k: int) -> Any:
        right: Any = described(k) if name == "schedule" else described
        return replace(right, lr=right.lr * (1 + 1e-6))

    findings = check(target(update, wrong))
    assert findings[0].identity == "step"
    assert findings[0].verdict == "VIOLATED"
    assert findings[0].ratio > 1e3


def test_the_power_is_what_a_step_moves_in_units_of_the_bound() -> None:
    """A decay that is wrong by so much that the step changes by twice the power of the law is seen by it."""
    described = SGD(lr=0.1, weight_decay=0.1)
    by_name = {finding.id: finding for finding in check(target(sgd(0.1, weight_decay=0.1), described))}
    power = by_name["numpy/sgd-linear/linear of b2 (M17)"].power
    assert 0 < power < 1e-10
    off = check(target(sgd(0.1, weight_decay=0.1 * (1 + 1e-8)), described), runs=1)
    assert next(f for f in off if f.identity == "sgd-linear").verdict == "VIOLATED"


@pytest.mark.parametrize("described", [SGD(lr=0.1, momentum=0.5), AdamW(lr=1e-3)])
def test_bfloat16_is_not_testable_and_not_called_right(described: Any) -> None:
    made = record(target(sgd(0.1, 0.5), described, dtype="float32"))
    coarse = replace(made, dtype="bfloat16")
    with np.errstate(all="ignore"):
        findings = judge(coarse, families())
    assert all(finding.verdict == "SKIPPED" for finding in findings if finding.identity == "step")
    assert all("Not testable at this precision" in finding.reason for finding in findings[:1])


def test_a_gradient_that_would_be_zero_is_not_mistaken_for_a_wrong_one() -> None:
    """A bias before a mean subtraction has only rounding for gradient: 1e-17 beside 1e-17 is not a violation."""

    def dead(p: Any, data: Any) -> tuple[float, dict[str, Any]]:
        shifted = data["x"] @ p["w"].T + p["b"]
        centred = shifted - shifted.mean(0)
        out = centred * data["y"]
        out = out - out.mean(0)
        return float((centred**2 * data["y"]).sum() / 2), {"w": out.T @ data["x"], "b": out.sum(0)}

    def update(k: int, p: Any, g: Any, memory: Any) -> None:
        for name in p:
            p[name] = p[name] - 0.01 * g[name]

    def draw(seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        return {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=3)}

    def batch(seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        return {"x": rng.normal(size=(8, 4)), "y": rng.normal(size=(8, 3))}

    def wrong(p: Any, data: Any) -> tuple[float, dict[str, Any]]:
        loss, g = dead(p, data)
        return loss, {name: x + 1e-6 for name, x in g.items()}

    i = np.arange(3)
    shifts = (Shifts(("0", "1", "2"), (Marginal(1, 0, i, i, np.ones(3)),), "M8"),)
    made = replace(target(update, SGD(lr=0.01), gradient=dead), draw=draw, batch=batch, families=shifts)
    seen = record(made)
    biases: list[Any] = [moment.gradients[1] for moment in seen.runs[0] if moment.gradients]
    assert max(float(abs(g).max()) for g in biases) < 1e-13
    assert max(sensitivity(seen)) > 1e-3, "the probes see that this gradient is rounding"
    findings = check(made)
    assert all(finding.verdict != "VIOLATED" for finding in findings)
    broken = check(replace(made, loss_and_gradient=wrong))
    assert any(f.identity == "orthogonality" and f.ratio > 1e3 for f in broken)


def test_gradients_and_steps_agree_with_the_record() -> None:
    made = record(target(sgd(0.1, 0.9), SGD(lr=0.1, momentum=0.9)), runs=2, steps=4)
    (trail,) = trails(made)
    assert (trail.runs, trail.steps, trail.first) == ((0, 1), 4, 0)
    _, g = loss_and_gradient(dict(zip(made.names, made.runs[1][2].parameters, strict=True)), _batch(2, 1))
    assert trail.gradients is not None
    assert np.array_equal(trail.gradients[2][0].value[1], g["w1"])


def _batch(k: int, run: int) -> Any:
    from networks import batch

    return batch(np.random.default_rng(np.random.SeedSequence([0, run]).generate_state(5).tolist()[k + 1]))
