"""The only door to torch: imported when a batch is run, never before."""

from __future__ import annotations

from typing import Any, Literal

from ..oracles.errors import BadInput

Device = Literal["cpu", "cuda"]


class DeviceMissing(BadInput):
    """torch or the accelerator that was asked for is not there."""


def torch_on(device: str) -> Any:
    """The module ``torch``, after making sure that ``device`` can be used.

    Raises:
        DeviceMissing: torch is not installed, or has no CUDA device.
        BadInput: a device of another name.
    """
    if device not in ("cpu", "cuda"):
        raise BadInput(f"{device!r} is no device. Choose cpu or cuda.")
    try:
        import torch
    except ImportError as error:
        raise DeviceMissing(
            "Batched simulations need torch, which is not installed here. Install it (pip install torch), or use the "
            "numpy integrators of flowlaw.simulations."
        ) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceMissing(
            "torch finds no CUDA device on this machine. Use --device cpu, or install a CUDA build of torch."
        )
    return torch
