"""Networks and training loops in PyTorch, made of pieces that mutants replace. torch is imported when one is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..adapters import torch_target
from ..adapters.torch import torch_or_error
from ..symmetry import Family
from ..target import Target
from ._charges import neurons, sums

RATE, MOMENTUM, DECAY = 0.05, 0.9, 0.1


def network(seed: int) -> Any:
    """One hidden layer of ReLU; parameters ``0.weight``, ``0.bias``, ``2.weight``, ``2.bias``."""
    nn = torch_or_error().nn
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


def cross_entropy(model: Any, data: Any) -> Any:
    """The mean over the batch."""
    return torch_or_error().nn.functional.cross_entropy(model(data[0]), data[1])


def batch(seed: int) -> Any:
    """Eight inputs with their labels; torch is seeded already."""
    torch = torch_or_error()
    return torch.randn(8, 4), torch.randint(3, (8,))


def charges() -> tuple[Family, ...]:
    """Hidden units, and a shift of all logits."""
    return neurons((0, 1), 2, 5), sums(3)


def heavy_ball(model: Any) -> Any:
    """SGD with momentum and decay."""
    return torch_or_error().optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)


def descent(model: Any) -> Any:
    """Plain SGD."""
    return torch_or_error().optim.SGD(model.parameters(), lr=RATE)


def target(
    name: str, optimize: Callable[[Any], Any] = heavy_ball, step: Callable[..., object] | None = None, **more: Any
) -> Target:
    """The network, with an optimizer and perhaps a step of its own."""
    chosen: dict[str, Any] = {"families": charges(), **more}
    build, loss, data = chosen.pop("build", network), chosen.pop("loss", cross_entropy), chosen.pop("batch", batch)
    return torch_target(build, optimize, loss, data, name=name, step=step, **chosen)


def tensors(**shapes: tuple[int, ...]) -> Callable[[int], Any]:
    """A module that is nothing but named tensors, for losses written as functions of them."""

    def build(seed: int) -> Any:
        torch = torch_or_error()
        made = [(name, torch.nn.Parameter(0.7 * torch.randn(shape))) for name, shape in shapes.items()]
        return torch.nn.ParameterDict(made)  # from a dictionary it would sort them

    return build


def functional(
    name: str,
    shapes: Mapping[str, tuple[int, ...]],
    loss: Callable[[Any, Any], Any],
    data: Callable[[int], Any],
    families: tuple[Family, ...],
) -> Target:
    """A loss of named tensors, trained by plain SGD."""
    return torch_target(tensors(**shapes), descent, loss, data, name=name, families=families)


def kernel(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """A fused kernel: a function of tensors, and ``backward(gradient, *tensors)``, a gradient for each of them."""
    torch = torch_or_error()

    class Kernel(torch.autograd.Function):  # type: ignore[misc,name-defined]  # torch is Any here
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            return backward(gradient, *ctx.saved_tensors)

    apply: Callable[..., Any] = Kernel.apply
    return apply
