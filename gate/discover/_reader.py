"""Reads a graph node by node: equations between the exponents of slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._draws import Sampler
from ._graph import constants, example, items_of, listed, name_of, shape_of, values_in
from ._ops import NONLINEAR, POOLS, RULES, SAME, SHAPES, facets, pool, same
from ._values import Exponents, Value


class Reader:
    """Reads a graph node by node."""

    def __init__(self, program: Any, tensors: Mapping[str, int | None], sampler: Sampler) -> None:
        self.program = program
        self.tensors = tensors
        self.sampler = sampler
        self.e = Exponents()
        self.values: dict[str, Any] = {}
        self.live: set[str] = set()
        self.unknown: set[str] = set()

    def read(self) -> None:
        users = set(self.program.graph_signature.user_inputs)
        self.convolutions = self._find_convolutions()
        made: dict[int, Value] = {}
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                tensor = self.tensors.get(node.name)
                if tensor is None:
                    self.values[node.name] = Value(shape_of(node.meta.get("val")) or ())
                    if node.name in users:
                        self.live.add(node.name)
                    continue
                if tensor not in made:
                    shape = self.sampler.shapes[tensor]
                    made[tensor] = self.e.parameter(tensor, shape, facets(shape, tensor, self.convolutions.get(tensor)))
                self.values[node.name] = made[tensor]
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                for value in values_in(self._resolved(node.args)):
                    self.e.tag(value, "output")
                    self.e.zero(value)
        self.e.fix_gauges()

    def _find_convolutions(self) -> dict[int, tuple[int, bool]]:
        found: dict[int, tuple[int, bool]] = {}
        for node in self.program.graph.nodes:
            name = name_of(node)
            if node.op == "call_function" and name.startswith("conv") and "constant" not in name:
                tensor = self.tensors.get(getattr(node.args[1], "name", ""))
                if tensor is not None:
                    transposed = "transpose" in name
                    position = 6
                    groups = node.args[position] if len(node.args) > position else node.kwargs.get("groups", 1)
                    found[tensor] = int(groups), transposed
        return found

    def _resolved(self, thing: Any) -> Any:
        """Arguments with values in the place of nodes."""
        if (items := listed(thing)) is not None:
            return [self._resolved(x) for x in items]
        if (named := items_of(thing)) is not None:
            return {key: self._resolved(x) for key, x in named.items()}
        if hasattr(thing, "op") and hasattr(thing, "name"):
            return self.values.get(thing.name, Value(()))
        return thing

    def _call(self, node: Any) -> None:
        name = name_of(node)
        args, kwargs = self._resolved(list(node.args)), self._resolved(dict(node.kwargs))
        inputs = values_in((args, kwargs))
        shape = shape_of(node.meta.get("val"))
        self.e.node = node.name
        from_data = node.all_input_nodes[:1] if name in {"index", "index_select"} else node.all_input_nodes
        if any(other.name in self.live for other in from_data):
            self.live.add(node.name)
        if name == "getitem":
            held = listed(args[0])
            result: Any = held[args[1]] if held is not None else Value(shape or ())
        elif not any(value.terms for value in inputs):
            result = constants(node.meta.get("val"))
        elif shape is None and not isinstance(node.meta.get("val"), tuple | list) and name not in RULES:
            result = Value(())  # an assertion or a size: nothing to say
        elif name in SHAPES:
            result = self._moved(node, args, kwargs)
        elif name in SAME:
            result = same(self.e, name, args, kwargs, shape or ())
        elif name in POOLS:
            result = pool(self.e, name, args, kwargs, shape or ())
        elif name in RULES:
            result = RULES[name](self.e, name, args, kwargs, shape or ())
        else:
            result = self._unknown(node, name, inputs)
        if name in {"view", "reshape", "_unsafe_view", "flatten"} and isinstance(result, Value):
            flattened = len(result.shape) < len(inputs[0].shape) and len(inputs[0].shape) > 2
            if flattened and not any(value is result for value in inputs):
                self.e.tag(result, "reshape")
        self.values[node.name] = result
        if node.name in self.live:
            self.e.activations.update(id(value) for value in values_in(result))

    def _moved(self, node: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A shape operation, applied to the labels of each term."""
        import torch

        x = args[0]
        parts: list[Any] = []
        for labels, _ in x.full():
            rest = [example(a) for a in args[1:]]
            parts.append(
                node.target(torch.as_tensor(np.array(labels)), *rest, **{k: example(v) for k, v in kwargs.items()})
            )
        if (pieces := listed(parts[0])) is not None:
            return tuple(
                Value(
                    tuple(piece.shape),
                    tuple((np.asarray(p[k]), f) for p, (_, f) in zip(parts, x.terms, strict=True)),
                )
                for k, piece in enumerate(pieces)
            )
        return Value(tuple(parts[0].shape), tuple((np.asarray(p), f) for p, (_, f) in zip(parts, x.terms, strict=True)))

    def _unknown(self, node: Any, name: str, inputs: Sequence[Value]) -> Any:
        """An operation without a rule: nothing that enters it scales."""
        for value in inputs:
            self.e.zero(value)
        if name not in NONLINEAR:
            self.unknown.add(name)
        return constants(node.meta.get("val"))

    def tags(self) -> dict[int, frozenset[str]]:
        """For each parameter the kinds of operation that it meets."""
        tags: dict[int, set[str]] = {}
        for unknown, (tensor, _, _, _) in self.e.owner.items():
            tags.setdefault(tensor, set()).update(self.e.tags.get(unknown, ()))
        for tensor in self._used_twice():
            tags.setdefault(tensor, set()).add("tied")
        for bias, owners in self.e.partners.items():
            for owner in owners:
                tags.setdefault(bias, set()).update(tags.get(owner, ()))
        return {tensor: frozenset(found) for tensor, found in tags.items()}

    def _used_twice(self) -> set[int]:
        """Parameters that are looked up and multiplied with: tied embeddings."""
        uses: dict[int, set[str]] = {}
        for node in self.program.graph.nodes:
            for other in node.all_input_nodes:
                tensor = self.tensors.get(other.name)
                if tensor is not None:
                    uses.setdefault(tensor, set()).add("lookup" if name_of(node) == "embedding" else "product")
        return {tensor for tensor, kinds in uses.items() if len(kinds) > 1}
