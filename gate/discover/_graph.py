"""Nodes of an exported graph, and what their arguments hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ._values import Value


def arguments_of(arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments: a last argument that is a dict with text keys is the latter."""
    if arguments and isinstance(arguments[-1], dict):
        return tuple(arguments[:-1]), dict(cast("dict[str, Any]", arguments[-1]))
    return tuple(arguments), {}


def listed(thing: Any) -> list[Any] | None:
    """The items of a tuple or list; None for anything else."""
    return list(cast("Sequence[Any]", thing)) if isinstance(thing, tuple | list) else None


def items_of(thing: Any) -> dict[Any, Any] | None:
    """A dict; None for anything else."""
    return dict(cast("Mapping[Any, Any]", thing)) if isinstance(thing, dict) else None


def name_of(node: Any) -> str:
    """``layer_norm`` of ``aten.layer_norm.default``."""
    target = node.target
    if isinstance(target, str):
        return target
    packet = getattr(target, "overloadpacket", None)
    return str(getattr(packet, "__name__", None) or getattr(target, "__name__", "")).rpartition(".")[2]


def shape_of(val: Any) -> tuple[int, ...] | None:
    shape = getattr(val, "shape", None)
    try:
        return None if shape is None else tuple(int(n) for n in shape)
    except Exception:  # a size that depends on the data
        return None


def constants(val: Any) -> Any:
    if (items := listed(val)) is not None:
        return tuple(constants(x) for x in items)
    return Value(shape_of(val) or ())


def values_in(thing: Any) -> list[Value]:
    if isinstance(thing, Value):
        return [thing]
    if (named := items_of(thing)) is not None:
        return [value for x in named.values() for value in values_in(x)]
    return [value for x in listed(thing) or () for value in values_in(x)]


def tensors_in(thing: Any) -> list[Any]:
    if hasattr(thing, "is_floating_point"):
        return [thing]
    if (named := items_of(thing)) is not None:
        return [y for x in named.values() for y in tensors_in(x)]
    return [y for x in listed(thing) or () for y in tensors_in(x)]


def example(thing: Any) -> Any:
    """An argument of a shape operation; another tensor is there for its shape."""
    if isinstance(thing, Value):
        import torch

        return torch.zeros(thing.shape)
    return thing
