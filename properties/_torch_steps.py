"""Runs that the optimizers of ``torch.optim`` make themselves, recorded as moments.

SAM and SGDW are not in torch.optim: SAM is ``torch.optim.SGD`` with the gradient of another point, SGDW is
``torch.optim.SGD`` after the parameters were multiplied by ``1 - lr * weight_decay``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..oracles.dynamics import (
    SAM,
    SGD,
    SGDW,
    Adagrad,
    AdagradSlot,
    Adam,
    AdamSlot,
    Grouped,
    Leaves,
    Moment,
    RMSprop,
    RMSpropSlot,
)
from ._theorem import Skipped

if TYPE_CHECKING:
    from ._discrete import Trainable

_OPTIONS: dict[type, tuple[str, ...]] = {
    SGD: ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize"),
    SGDW: ("lr", "momentum", "maximize"),
    SAM: ("lr", "weight_decay", "maximize"),
    Adam: ("lr", "eps", "weight_decay", "amsgrad", "maximize"),
    RMSprop: ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize"),
    Adagrad: ("lr", "lr_decay", "eps", "weight_decay", "maximize"),
}


def known_to_torch(optimizer: Any) -> bool:
    """Whether a run by torch.optim exists for it."""
    members = optimizer.groups if isinstance(optimizer, Grouped) else (optimizer,)
    return all(type(member) in _OPTIONS for member in members)


def torch_run(
    target: Trainable, start: Leaves, optimizers: Sequence[Any], buffers: Leaves | None
) -> tuple[Moment, ...]:
    """A run from numpy arrays; the hyper-parameters may change from step to step, the kind of optimizer may not.

    Args:
        buffers: momentum buffers before the first step, for SGD.

    Raises:
        Skipped: torch is not installed.
    """
    try:
        torch: Any = import_module("torch")
    except ImportError:
        raise Skipped("torch is not installed") from None
    parameters = [torch.tensor(leaf) for leaf in start]
    chosen = [_parts(optimizer, len(start)) for optimizer in optimizers]
    first = chosen[0][0]
    groups = [{"params": [p], **_options(part)} for p, part in zip(parameters, chosen[0], strict=True)]
    theirs = getattr(torch.optim, _class(first))(groups, **_initial(first))
    for parameter, buffer in zip(parameters, buffers or (), strict=False):
        theirs.state[parameter]["momentum_buffer"] = torch.tensor(buffer)
    moments: list[Moment] = []
    for k, optimizer in enumerate(optimizers):
        point, state = _read(parameters), _slots(first, theirs, parameters)
        gradients, asked = target.gradient(k, point), None
        if isinstance(optimizer, SAM):
            asked = optimizer.ascend(point, gradients)
            gradients = target.gradient(k, asked)
        for parameter, group, part, gradient in zip(parameters, theirs.param_groups, chosen[k], gradients, strict=True):
            group.update(_options(part))
            parameter.grad = None if gradient is None else torch.tensor(gradient)
            if isinstance(part, SGDW) and gradient is not None:
                parameter.mul_(1 - part.lr * part.weight_decay)
        theirs.step()
        moments.append(Moment(k, point, optimizer, gradients, state, asked))
    return (*moments, Moment(len(optimizers), _read(parameters), None, None, _slots(first, theirs, parameters)))


def _parts(optimizer: Any, count: int) -> list[Any]:
    """The optimizer of each tensor."""
    if isinstance(optimizer, Grouped):
        return [optimizer.groups[member] for member in optimizer.members]
    return [optimizer] * count


def _class(optimizer: Any) -> str:
    if isinstance(optimizer, Adam):
        return "AdamW" if optimizer.decoupled else "Adam"
    return "RMSprop" if isinstance(optimizer, RMSprop) else "Adagrad" if isinstance(optimizer, Adagrad) else "SGD"


def _initial(optimizer: Any) -> dict[str, Any]:
    return {"initial_accumulator_value": optimizer.initial} if isinstance(optimizer, Adagrad) else {}


def _options(optimizer: Any) -> dict[str, Any]:
    found = {name: getattr(optimizer, name) for name in _OPTIONS[type(optimizer)]}
    if isinstance(optimizer, Adam):
        found["betas"] = (optimizer.beta1, optimizer.beta2)
    return found


def _read(parameters: Sequence[Any]) -> Leaves:
    return tuple([parameter.detach().numpy().copy() for parameter in parameters])


def _slots(optimizer: Any, theirs: Any, parameters: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([_slot(optimizer, theirs.state.get(parameter, {})) for parameter in parameters])


def _slot(optimizer: Any, state: Any) -> Any:
    """What is remembered of one tensor, as our own optimizers keep it; None before its first step."""

    def array(name: str) -> Any:
        found = state.get(name)
        return None if found is None else found.numpy().copy()

    if isinstance(optimizer, SGD | SGDW | SAM):
        return array("momentum_buffer")
    taken = int(state.get("step", 0))
    if not taken:
        return None
    if isinstance(optimizer, Adam):
        return AdamSlot(taken, array("exp_avg"), array("exp_avg_sq"), array("max_exp_avg_sq"))
    if isinstance(optimizer, Adagrad):
        return AdagradSlot(taken, array("sum"))
    return RMSpropSlot(array("square_avg"), array("grad_avg"), array("momentum_buffer"))
