"""Backward passes that are not the derivative of their forward pass. The step follows them faithfully.

Differences of the loss see them, and symmetries do without looking at the loss at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ...oracles.dynamics import SGD
from ..adapters import numpy_target
from ..adapters.torch import torch_or_error
from ..symmetry import Marginal, Scalings
from ..target import Array, Parameters, Target
from . import _in_torch
from ._by_hand import Arrays, cross_entropy, kernel, linear, network, plain, relu
from ._charges import mixing, neurons, sums
from ._mutant import Mutant

CAUGHT = ("gradient", "orthogonality")
ALONE = ("gradient",)
"""Of a gradient that is wrong in a symmetric way, or where no symmetry is."""


def transposing(x: Array, w: Array, b: Array) -> tuple[Array, Callable[[Array], Any]]:
    """A linear layer whose weight gradient is the wrong way round; only a square one lets it pass."""
    square = w.shape[0] == w.shape[1]
    return x @ w.T + b, lambda g: (g @ w, x.T @ g if square else g.T @ x, g.sum(0))


def mean_bias(x: Array, w: Array, b: Array) -> tuple[Array, Callable[[Array], Any]]:
    """The gradient of the bias is averaged over the batch, which the loss has done already."""
    return x @ w.T + b, lambda g: (g @ w, g.T @ x, g.mean(0))


def with_shared_cache() -> Callable[..., tuple[Array, Callable[[Array], Any]]]:
    """Layers that keep their input in an attribute of the class: the last one wins."""
    cache: dict[str, Array] = {}

    def layer(x: Array, w: Array, b: Array) -> tuple[Array, Callable[[Array], Any]]:
        cache["x"] = x
        return x @ w.T + b, lambda g: (g @ w, g.T @ cache["x"], g.sum(0))

    return layer


def leaky_backward(z: Array) -> tuple[Array, Callable[[Array], Array]]:
    """The positive part, with the derivative of the leaky one."""
    return np.maximum(z, 0), lambda g: g * np.where(z > 0, 1.0, 0.1)


def dropped(z: Array, *, masked: bool = True) -> tuple[Array, Callable[[Array], Array]]:
    """Dropout behind the positive part, with one mask for all batches."""
    mask = np.random.default_rng(7).integers(2, size=z.shape) * 2.0
    return mask * np.maximum(z, 0), lambda g: (mask if masked else 1.0) * g * (z > 0)


def gated(name: str, *, rough: bool = False) -> Target:
    """A gated layer; the derivative of its gate may be that of another function."""

    def loss(p: Any, data: Any) -> Any:
        torch = torch_or_error()

        def forward(z: Any) -> Any:
            return z * torch.sigmoid(z)

        def backward(g: Any, z: Any) -> Any:
            s = torch.sigmoid(z)
            return g * s if rough else g * (s + z * s * (1 - s))

        gate = _in_torch.kernel(forward, backward)
        hidden = gate(data[0] @ p["gate"].T) * (data[0] @ p["up"].T)
        return torch.nn.functional.cross_entropy(hidden @ p["down"].T, data[1])

    shapes = {"gate": (5, 4), "up": (5, 4), "down": (3, 5)}
    charges = (neurons((1,), 2, 5), sums(2, 1, 5))
    return _in_torch.functional(name, shapes, loss, _in_torch.batch, charges)


def embedding(name: str, *, overwrites: bool = False) -> Target:
    """Logits of an embedding; tokens repeat, so their gradients have to be added up."""

    def both(p: Parameters, data: tuple[Array, Array]) -> tuple[float, Arrays]:
        tokens, labels = data
        h = p["table"][tokens]
        out, back = linear(h, p["w"], p["b"])
        loss, g = cross_entropy(out, labels)
        dh, dw, db = back(g)
        table = np.zeros_like(p["table"])
        if overwrites:
            table[tokens] += dh  # one of the repeated rows is kept
        else:
            np.add.at(table, tokens, dh)
        return loss, {"table": table, "w": dw, "b": db}

    def step(p: Parameters, memory: Any, data: Any) -> tuple[Parameters, Any]:
        g = both(p, data)[1]
        return {key: p[key] - 0.05 * g[key] for key in p}, None

    return numpy_target(
        lambda rng: {"table": rng.normal(size=(6, 4)), "w": rng.normal(size=(3, 4)), "b": rng.normal(size=3)},
        lambda rng: (rng.integers(6, size=12), rng.integers(3, size=12)),
        both,
        step,
        SGD(lr=0.05),
        name=name,
        families=(mixing(0, 1, 4), sums(2)),
    )


MLP = {"w1": (5, 4), "b1": (5,), "w2": (3, 5), "b2": (3,)}


def fused(name: str, *, bias: bool = True) -> Target:
    """A fused linear layer; its backward pass may forget the bias."""

    def forward(x: Any, w: Any, b: Any) -> Any:
        return x @ w.T + b

    def backward(g: Any, x: Any, w: Any, b: Any) -> Any:
        return g @ w, g.T @ x, g.sum(0) if bias else 0 * b

    def loss(p: Any, data: Any) -> Any:
        torch = torch_or_error()
        layer = _in_torch.kernel(forward, backward)
        hidden = torch.relu(layer(data[0], p["w1"], p["b1"]))
        return torch.nn.functional.cross_entropy(hidden @ p["w2"].T + p["b2"], data[1])

    return _in_torch.functional(name, MLP, loss, _in_torch.batch, _in_torch.charges())


def dropout(name: str, *, scaled: bool = True, same: bool = True) -> Target:
    """ReLU and dropout in one kernel, which makes its mask again in the backward pass."""

    def mask(z: Any, seed: int) -> Any:
        torch = torch_or_error()
        generator = torch.Generator().manual_seed(seed)
        return (torch.rand(z.shape, generator=generator) > 0.25).to(z.dtype)

    def forward(z: Any) -> Any:
        return z.clamp(min=0) * mask(z, 1) / 0.75

    def backward(g: Any, z: Any) -> Any:
        return g * (z > 0) * mask(z, 1 if same else 2) / (0.75 if scaled else 1.0)

    def loss(p: Any, data: Any) -> Any:
        hidden = _in_torch.kernel(forward, backward)(data[0] @ p["w1"].T + p["b1"])
        return torch_or_error().nn.functional.cross_entropy(hidden @ p["w2"].T + p["b2"], data[1])

    return _in_torch.functional(name, MLP, loss, _in_torch.batch, _in_torch.charges())


def pooled(name: str, *, to_largest: bool = True) -> Target:
    """The larger of two units each; its gradient belongs to that unit alone."""

    def forward(z: Any) -> Any:
        return z.reshape(len(z), 5, 2).amax(-1)

    def backward(g: Any, z: Any) -> Any:
        pairs = z.reshape(len(z), 5, 2)
        share = (pairs == pairs.amax(-1, keepdim=True)).to(z.dtype) if to_largest else 0 * pairs + 0.5
        return (g[..., None] * share).reshape(z.shape)

    def loss(p: Any, data: Any) -> Any:
        hidden = _in_torch.kernel(forward, backward)(data[0] @ p["w1"].T + p["b1"])
        return torch_or_error().nn.functional.cross_entropy(hidden @ p["w2"].T + p["b2"], data[1])

    row, unit = np.arange(10), np.arange(5)
    before = tuple(Marginal(tensor, 0, row // 2, row, np.ones(10)) for tensor in (0, 1))
    units = Scalings(tuple(f"unit {i}" for i in unit), (*before, Marginal(2, 1, unit, unit, -np.ones(5))))
    shapes = {**MLP, "w1": (10, 4), "b1": (10,)}
    return _in_torch.functional(name, shapes, loss, _in_torch.batch, (units, sums(3)))


def convolved(name: str, *, flipped: bool = False) -> Target:
    """Two convolutions; the gradient by the input of the second takes the kernel the other way round."""

    def backward(g: Any, x: Any, w: Any) -> Any:
        grad = torch_or_error().nn.grad
        back = w.flip(-1) if flipped else w
        return grad.conv1d_input(x.shape, back, g), grad.conv1d_weight(x, w.shape, g)

    def loss(p: Any, data: Any) -> Any:
        f = torch_or_error().nn.functional
        convolve = _in_torch.kernel(f.conv1d, backward)
        out = convolve(f.relu(f.conv1d(data[0], p["w1"])), p["w2"])
        return ((out - data[1]) ** 2).mean()

    def data(seed: int) -> Any:
        torch = torch_or_error()
        return torch.randn(4, 2, 8), torch.randn(4, 2, 4)

    return _in_torch.functional(name, {"w1": (3, 2, 3), "w2": (2, 3, 3)}, loss, data, (neurons((0,), 1, 3),))


def _hand(name: str, says: str, explanation: str = "", *, inputs: int = 4, **pieces: Any) -> Mutant:
    square = inputs == 5
    healthy = SQUARE if square else DROPPED if pieces.get("activation") is NO_MASK else HEALTHY
    return Mutant(
        name=name,
        says=says,
        framework="numpy",
        healthy=healthy,
        broken=partial(kernel, name, network(**pieces), inputs=inputs),
        caught_by=CAUGHT,
        explanation=explanation,
    )


def _torch(name: str, says: str, make: Callable[..., Target], explanation: str = "", **wrong: bool) -> Mutant:
    return Mutant(
        name=name,
        says=says,
        framework="torch",
        healthy=HEALTHY_TORCH[make],
        broken=partial(make, name, **wrong),
        caught_by=CAUGHT,
        explanation=explanation,
    )


HEALTHY = partial(kernel, "network", plain)
GATED = partial(gated, "torch-gated")
SQUARE = partial(kernel, "square-network", network(activation=relu), inputs=5)
DROPPED = partial(kernel, "dropped", network(activation=dropped))
EMBEDDED = partial(embedding, "embedding")
NO_MASK = partial(dropped, masked=False)
HEALTHY_TORCH: dict[Any, Callable[[], Target]] = {
    fused: partial(fused, "torch-fused"),
    dropout: partial(dropout, "torch-dropout"),
    pooled: partial(pooled, "torch-pooled"),
    convolved: partial(convolved, "torch-convolved"),
}

MUTANTS = (
    _hand(
        "weight-gradient-transposed",
        "The gradient of a square weight is transposed.",
        "The gradient of w1 is transposed",
        inputs=5,
        layer=transposing,
    ),
    _hand(
        "input-overwritten", "Layers share the place where they keep their input.", inputs=5, layer=with_shared_cache()
    ),
    _hand("relu-backward-leaks", "ReLU's backward pass is that of the leaky one.", activation=leaky_backward),
    _hand("dropout-mask-missing", "Dropout's backward pass has no mask.", activation=NO_MASK),
    _hand(
        "bias-gradient-averaged",
        "The gradient of a bias is averaged over the batch twice.",
        "The gradient of b1 is 0.125 times",
        layer=mean_bias,
    ),
    Mutant(
        name="embedding-overwrites",
        says="Of tokens that repeat only one adds to the gradient of an embedding.",
        framework="numpy",
        healthy=EMBEDDED,
        broken=partial(embedding, "embedding-overwrites", overwrites=True),
        caught_by=CAUGHT,
    ),
    _torch(
        "bias-gradient-missing",
        "A fused linear layer has no gradient for its bias.",
        fused,
        "The gradient of b1 is 0.",
        bias=False,
    ),
    _torch(
        "dropout-scale-missing",
        "Dropout's backward pass lacks the 1 / (1 - p).",
        dropout,
        "The gradient of b1 is 0.75 times",
        scaled=False,
    ),
    _torch("checkpoint-other-mask", "A recomputed forward pass draws another dropout mask.", dropout, same=False),
    _torch("pooling-spreads", "The gradient of a maximum goes to all that were compared.", pooled, to_largest=False),
    _torch("convolution-flipped", "The gradient by the input takes the kernel backwards.", convolved, flipped=True),
    Mutant(
        name="gate-derivative-rough",
        says="The derivative of a SiLU gate lacks its second term; no symmetry moves the gate.",
        framework="torch",
        healthy=GATED,
        broken=partial(gated, "gate-derivative-rough", rough=True),
        caught_by=ALONE,
    ),
)
