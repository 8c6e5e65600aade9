"""A PyTorch module and optimizer, put through the laws: ``flowlaw gate examples.gate_torch:target``."""

from __future__ import annotations

import torch
from torch import nn

from flowlaw.gate import Target
from flowlaw.gate.adapters import torch_target

Batch = tuple[torch.Tensor, torch.Tensor]


def build(seed: int) -> nn.Module:
    """A module; torch is seeded already."""
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def optimize(model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer; what it is meant to do is read off it."""
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)


def loss(model: nn.Module, batch: Batch) -> torch.Tensor:
    """Cross-entropy."""
    x, labels = batch
    return nn.functional.cross_entropy(model(x), labels)


def batch(seed: int) -> Batch:
    """Inputs and labels."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(16, 4, generator=generator), torch.randint(3, (16,), generator=generator)


def careless(model: nn.Module, optimizer: torch.optim.Optimizer, data: Batch) -> None:
    """A step that forgets ``zero_grad``."""
    loss(model, data).backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def target() -> Target:
    """What is correct."""
    return torch_target(build, optimize, loss, batch, name="torch")


def broken() -> Target:
    """What is not."""
    return torch_target(build, optimize, loss, batch, name="torch-broken", step=careless)
