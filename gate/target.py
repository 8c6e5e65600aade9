"""Somebody else's training implementation, as data and a few callables in NumPy terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ..oracles.dynamics import Gradients, Optimizer

if TYPE_CHECKING:
    from .symmetry import Family

Array = npt.NDArray[Any]
Parameters = Mapping[str, Array]
"""Named parameter tensors, always in the same order. float64 holds every number of the run exactly."""
Batch = Any
"""One minibatch, in whatever form the target likes: the gate only hands it on."""
State = Any
"""Parameters and optimizer state between two steps, in whatever form the target likes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A training implementation under test.

    Args:
        name: for people and for ids: letters, digits, ``-``, ``_``, ``.``.
        draw: fresh random parameters for a seed. Non-degenerate: no zero biases, no saturated units, or a wrong law may
            hold by accident.
        batch: a random minibatch for a seed.
        loss_and_gradient: the loss and its gradient without weight decay, as the implementation computes them; a
            gradient None says that the step skips this tensor.
        start: the state before the first step of a run from given parameters.
        step: one training step, which may change its argument; returns the state after it.
        read: the parameters in a state; the arrays are copied before the next step.
        optimizer: what makes step k, as the owner describes it: groups as ``Grouped``, a schedule by k, members in the
            order of the parameters.
        dtype: ``float64``, ``float32``, ``float16`` or ``bfloat16``: what the parameters are kept in.
        gradient_dtype: what gradients are computed in, where it is coarser (autocast).
        roundings: the number of roundings on the longest path through forward and backward pass: the longest sum of
            each layer, added up. It scales bounds on gradients; None estimates it from the shapes.
        families: the charges of its symmetries; None to have them discovered.
        module: a torch module and example arguments, for a trace; None where there is none.
        transform: what the step does to all gradients before the optimizer sees them (clipping), as in
            ``flowlaw.oracles.dynamics.ClipGlobalNorm``; ``loss_and_gradient`` gives them before it.
    """

    name: str
    draw: Callable[[int], Parameters]
    batch: Callable[[int], Batch]
    loss_and_gradient: Callable[[Parameters, Batch], tuple[float, Mapping[str, Array | None]]]
    start: Callable[[Parameters], State]
    step: Callable[[State, Batch], State]
    read: Callable[[State], Parameters]
    optimizer: Callable[[int], Optimizer]
    dtype: str = "float64"
    gradient_dtype: str = ""
    roundings: int | None = None
    families: tuple[Family, ...] | None = None
    module: Callable[[], tuple[Any, tuple[Any, ...]]] | None = None
    transform: Callable[[Gradients], Gradients] | None = None
