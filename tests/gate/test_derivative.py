"""Gradients against differences of the loss, in plain NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from flowlaw.gate import Target, TargetError, numpy_target
from flowlaw.gate.derivative import derivative_finding
from flowlaw.oracles.dynamics import SGD

Gradients = dict[str, Any]


def network(wrong: Callable[[Gradients], Gradients] = lambda g: g, **how: Any) -> Target:
    """A ReLU layer between square weights and a readout."""

    def draw(rng: Any) -> Gradients:
        return {"w": rng.normal(size=(5, 5)), "b": rng.normal(size=5), "o": rng.normal(size=(2, 5))}

    def loss_and_gradient(p: Any, batch: Any) -> tuple[float, Gradients]:
        x, y = batch
        p = {name: values.astype(how.get("dtype", "float64")) for name, values in p.items()}
        x, y = x.astype(p["w"].dtype), y.astype(p["w"].dtype)
        before = p["w"] @ x + p["b"][:, None]
        hidden = np.maximum(before, 0)
        error = p["o"] @ hidden - y
        back = (p["o"].T @ error) * (before > 0)
        found = {"w": back @ x.T, "b": back.sum(axis=1), "o": error @ hidden.T}
        return float((error**2).sum() / 2), wrong(found)

    return numpy_target(
        draw=draw,
        batch=lambda rng: (rng.normal(size=(5, 9)), rng.normal(size=(2, 9))),
        loss_and_gradient=loss_and_gradient,
        step=lambda p, memory, batch: (p, memory),
        optimizer=SGD(lr=0.1),
        **how,
    )


MUTANTS: dict[str, tuple[Callable[[Gradients], Gradients], str]] = {
    "transposed": (lambda g: {**g, "w": g["w"].T}, "The gradient of w is transposed."),
    "doubled": (lambda g: {**g, "o": 2 * g["o"]}, "The gradient of o is 2 times the derivative of the loss."),
    "negative": (lambda g: {**g, "b": -g["b"]}, "The gradient of b is -1 times the derivative of the loss."),
    "lost": (lambda g: {**g, "b": 0 * g["b"]}, "The gradient of b is 0."),
    "off by a millionth": (lambda g: {**g, "o": g["o"] * (1 + 1e-6)}, "The gradient of o is 1 times the derivative"),
    "one entry": (lambda g: {**g, "w": g["w"] * np.where(np.eye(5) > 0, 1.01, 1)}, ""),
}


@pytest.mark.parametrize("seed", range(6))
def test_a_right_gradient_holds_although_there_are_kinks(seed: int) -> None:
    finding = derivative_finding(network(), seed=seed)
    assert (finding.verdict, finding.charges, finding.reason) == ("HOLDS", 3, "")
    assert finding.ratio < 0.5
    assert finding.power < 1e-8


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_gradient_is_found_and_explained(name: str) -> None:
    wrong, explanation = MUTANTS[name]
    finding = derivative_finding(network(wrong))
    assert finding.verdict == "VIOLATED"
    assert finding.ratio > 100
    assert finding.where in finding.reason
    assert (finding.explanations[0] if finding.explanations else "").startswith(explanation)


def test_float32_sees_what_it_can() -> None:
    assert derivative_finding(network(dtype="float32")).verdict == "HOLDS"
    wrong = derivative_finding(network(MUTANTS["doubled"][0], dtype="float32"))
    assert wrong.verdict == "VIOLATED"


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("slope", [-3.0, 0.2, 5.0])
def test_a_kink_close_to_every_point_is_not_a_wrong_gradient(slope: float, seed: int) -> None:
    """A step that leaves both sides of a kink behind sees half of its jump; two such steps agree about it."""

    def loss_and_gradient(p: Any, batch: Any) -> tuple[float, Gradients]:
        b = p["b"].astype("float32")
        of_b = np.array([1.0, -2.0, 0.5, slope if b[3] > 0 else 1.0], dtype="float32")
        return float((of_b * b).sum(dtype="float32")), {"b": of_b}

    target = numpy_target(
        draw=lambda rng: {"b": np.array([*rng.normal(size=3), 3e-5])},
        batch=lambda rng: None,
        loss_and_gradient=loss_and_gradient,
        step=lambda p, memory, batch: (p, memory),
        optimizer=SGD(lr=0.1),
        dtype="float32",
    )
    assert derivative_finding(target, seed=seed).verdict != "VIOLATED"


def test_what_cannot_be_tested_says_so() -> None:
    finding = derivative_finding(network(dtype="float32", roundings=10**9))
    assert finding.verdict == "SKIPPED"
    assert "Not testable at this precision" in finding.reason
    nothing = derivative_finding(network(lambda g: dict.fromkeys(g)))
    assert (nothing.verdict, nothing.reason) == ("SKIPPED", "No tensor has a gradient.")


def test_a_loss_that_raises_is_named() -> None:
    def fails(g: Gradients) -> Gradients:
        raise RuntimeError("out of ink")

    with pytest.raises(TargetError, match="loss_and_gradient raised"):
        derivative_finding(network(fails))
