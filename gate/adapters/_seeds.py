"""The seed of torch, set a thousand times in a row."""

from __future__ import annotations

from typing import Any


def seed_torch(torch: Any, seed: int) -> None:
    """Draws what ``torch.manual_seed(seed)`` makes it draw.

    For every kind of device that is not in use, ``torch.manual_seed`` formats a stack trace, to be shown should the
    device fail later; that takes hundreds of times as long as seeding. Where no device can be used, only the generator
    of the processor is seeded.
    """
    accelerator = getattr(torch, "accelerator", None)  # since torch 2.6
    if accelerator is not None and not accelerator.is_available():
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)
