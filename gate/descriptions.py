"""Optimizers as data: ``{"kind": "sgd", "lr": 0.1, "momentum": 0.9}``, closed and checked.

The fields of a kind are those of its class in ``flowlaw.oracles.dynamics``, and so are their defaults. Parameter groups
are ``{"groups": [{"kind": ..., "tensors": ["w1", "w2"], ...}, ...]}``: every tensor in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from fractions import Fraction
from typing import Any, cast

from ..oracles.dynamics import SAM, SGD, SGDW, Adagrad, Adam, Grouped, Optimizer, RMSprop, SignSGD, Span
from ..oracles.errors import BadInput
from ..oracles.text import shown, suggestion

KINDS: Mapping[str, tuple[type[Any], Mapping[str, Any]]] = {
    "sgd": (SGD, {}),
    "sgdw": (SGDW, {}),
    "adam": (Adam, {"decoupled": False}),
    "adamw": (Adam, {"decoupled": True}),
    "rmsprop": (RMSprop, {}),
    "adagrad": (Adagrad, {}),
    "sam": (SAM, {}),
    "signsgd": (SignSGD, {}),
    "span": (Span, {}),
}
"""Each kind with its class and the fields that the kind settles."""
_INTERNAL = ("root", "norm")
"""Fields about how exact arithmetic is done, which are nobody's hyper-parameters."""


def hyperparameters(kind: str) -> dict[str, Any]:
    """The fields of a kind with their defaults; ``MISSING`` for those that have to be given."""
    cls, settled = KINDS[kind]
    found = {field.name: field.default for field in fields(cls) if field.name not in (*settled, *_INTERNAL)}
    return {**found, "weight_decay": Fraction(1, 100)} if kind == "adamw" else found


def optimizer_of(data: object, tensors: Sequence[str], number: Callable[[object, str], Any], what: str) -> Optimizer:
    """The optimizer that ``data`` describes, for tensors of these names.

    Args:
        number: turns what stands for a hyper-parameter into a number, or raises ``BadInput``; also given its name.
        what: the culprit, for messages.

    Raises:
        BadInput: an unknown kind or field, a missing one, a wrong type, a tensor in no group or in two.
    """
    if not isinstance(data, Mapping):
        raise BadInput(f'{what}: an optimizer is an object such as {{"kind": "sgd", "lr": 0.1}}, not {_short(data)}.')
    table = cast(Mapping[str, object], data)
    if "groups" not in table:
        return _one(table, number, what)
    if set(table) != {"groups"}:
        raise BadInput(f"{what}: an optimizer with groups has no other field; put hyper-parameters into each group.")
    found: list[Optimizer] = []
    owner: dict[str, int] = {}
    for index, group in enumerate(_list(table["groups"], what)):
        if not isinstance(group, Mapping) or "tensors" not in group:
            raise BadInput(f"{what}: group {index} needs the field tensors, a list of names.")
        members = cast(Mapping[str, object], group)
        for name in _list(members["tensors"], what):
            if not isinstance(name, str) or name not in tensors or name in owner:
                raise BadInput(f"{what}: group {index} names {_short(name)}, which is no tensor or in two groups.")
            owner[name] = index
        found.append(_one({key: value for key, value in members.items() if key != "tensors"}, number, what))
    if lost := [name for name in tensors if name not in owner]:
        raise BadInput(f"{what}: tensor {shown(lost[0])} is in no group. Give every tensor one.")
    return Grouped(tuple(found), tuple(owner[name] for name in tensors))


def scheduled(optimizer: Optimizer, factor: Any) -> Optimizer:
    """The optimizer with its learning rates times ``factor``, as most schedules do."""
    if isinstance(optimizer, Grouped):
        return Grouped(tuple(scheduled(group, factor) for group in optimizer.groups), optimizer.members)
    if isinstance(optimizer, Span):
        return Span(coefficients=tuple(factor * c for c in optimizer.coefficients))
    changed: Optimizer = replace(cast(Any, optimizer), lr=factor * cast(Any, optimizer).lr)
    return changed


def _one(table: Mapping[str, object], number: Callable[[object, str], Any], what: str) -> Optimizer:
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        hint = suggestion(kind, KINDS) if isinstance(kind, str) else ""
        raise BadInput(f"{what}: no optimizer is called {_short(kind)}. Known are {', '.join(KINDS)}.{hint}")
    known = hyperparameters(kind)
    chosen: dict[str, Any] = {}
    for name, value in table.items():
        if name == "kind":
            continue
        if name not in known:
            raise BadInput(
                f"{what}: {kind} has no hyper-parameter {shown(name)}. It has {', '.join(known)}."
                f"{suggestion(name, known)}"
            )
        if isinstance(known[name], bool):
            if not isinstance(value, bool):
                raise BadInput(f"{what}: {name} of {kind} is true or false, not {_short(value)}.")
            chosen[name] = value
        elif name == "coefficients":
            chosen[name] = tuple(number(item, name) for item in _list(value, what))
        else:
            chosen[name] = number(value, name)
    if missing := [name for name, default in known.items() if default is MISSING and name not in chosen]:
        raise BadInput(f"{what}: {kind} needs {missing[0]}.")
    for name, default in known.items():
        if name not in chosen and type(default) is not bool:
            chosen[name] = number(default, name)  # so that no exact default meets floats
    cls, settled = KINDS[kind]
    made: Optimizer = cls(**chosen, **settled)
    return made


def _list(value: object, what: str) -> list[object]:
    if isinstance(value, list) and value:
        return cast(list[object], value)
    raise BadInput(f"{what}: {_short(cast(Any, value))} should be a list that is not empty.")


def _short(value: object) -> str:
    return shown(repr(value))
