"""What a trace of a torch module proposes: the scalings of its graph, over the rationals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import import_module
from typing import Any, cast

import numpy as np

from ...oracles.errors import BadInput
from ..target import Target
from ._cuts import Cut, Vector
from ._draws import Sampler
from ._ops import POOLS, RULES, SAME, SHAPES, facets, pool, same
from ._system import System
from ._values import Exponents, Soft, Value


@dataclass(frozen=True, slots=True)
class Proposal:
    """A scaling that the graph has.

    Args:
        vector: exponents.
        tags: kinds of operation that its channels meet.
        broken_by: what keeps it from being exact, such as ``eps = 1e-05 of layer_norm``; empty for nothing.
        weights: how often each operation with an epsilon sees it scale, times what that does to epsilon.
    """

    vector: Vector
    tags: frozenset[str] = frozenset()
    broken_by: str = ""
    weights: Mapping[str, Fraction] = field(default_factory=dict[str, Fraction])


@dataclass(frozen=True, slots=True)
class Trace:
    """A graph and what it proposes.

    Args:
        proposals: scalings; those broken by an epsilon last.
        tags: for each parameter the kinds of operation that it meets.
        roles: whether the slices along an axis of a parameter read what comes in or write what goes out.
        blocks: (parameter, number of blocks) where blocks of rows are normalised together.
        unknown: operations without a rule, which are taken not to scale.
        predict: for members of one near-law ``<g, xi>`` as epsilon predicts it and as measured.
    """

    proposals: tuple[Proposal, ...]
    tags: Mapping[int, frozenset[str]]
    roles: Mapping[tuple[int, tuple[int, ...]], str]
    blocks: tuple[tuple[int, int], ...]
    unknown: tuple[str, ...]
    predict: Callable[[Sequence[Proposal]], tuple[float, float] | None]


def trace_of(target: Target, sampler: Sampler, limits: list[str]) -> Trace | None:
    """The trace of a target's module; None, with a line for ``limits``, if it has none.

    Raises:
        BadInput: the module has other parameters than the target.
    """
    assert target.module is not None
    try:
        import torch
    except ImportError:
        limits.append("The module was not traced: PyTorch is not installed (pip install 'flowlaw[torch]').")
        return None
    module, arguments = target.module()
    known: dict[str, int] = {name: number for number, name in enumerate(sampler.names)}
    owned = [name for name, _ in module.named_parameters()]
    if not set(owned) & set(known):
        raise BadInput(
            f"The module of the target {target.name} has the parameters {', '.join(owned[:5])}, ...; the target "
            f"trains {', '.join(sampler.names[:5])}, .... Let both have the same names."
        )
    positional, keywords = _arguments(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(module, positional, keywords, strict=False)
    except Exception as error:  # whatever foreign code raises while it is traced
        text = " ".join(str(error).split())[:200]
        limits.append(f"The module could not be traced by torch.export ({type(error).__name__}: {text}).")
        return None
    names = {**program.graph_signature.inputs_to_parameters}
    same_tensor = {id(p): name for name, p in module.named_parameters()}
    every = {name: same_tensor[id(p)] for name, p in module.named_parameters(remove_duplicate=False)}
    reader = _Reader(program, {node: known.get(every.get(full, full)) for node, full in names.items()}, sampler)
    reader.read()
    if reader.unknown:
        limits.append(
            f"The trace has operations without a rule, taken not to scale: {', '.join(sorted(reader.unknown))}."
        )
    return reader.trace()


def _arguments(arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments: a last argument that is a dict with text keys is the latter."""
    if arguments and isinstance(arguments[-1], dict):
        return tuple(arguments[:-1]), dict(cast("dict[str, Any]", arguments[-1]))
    return tuple(arguments), {}


def _listed(thing: Any) -> list[Any] | None:
    """The items of a tuple or list; None for anything else."""
    return list(cast("Sequence[Any]", thing)) if isinstance(thing, tuple | list) else None


def _items(thing: Any) -> dict[Any, Any] | None:
    """A dict; None for anything else."""
    return dict(cast("Mapping[Any, Any]", thing)) if isinstance(thing, dict) else None


class _Reader:
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
                    self.values[node.name] = Value(_shape(node.meta.get("val")) or ())
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
                for value in _values(self._resolved(node.args)):
                    self.e.tag(value, "output")
                    self.e.zero(value)
        self.e.fix_gauges()

    def _find_convolutions(self) -> dict[int, tuple[int, bool]]:
        found: dict[int, tuple[int, bool]] = {}
        for node in self.program.graph.nodes:
            name = _name(node)
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
        if (items := _listed(thing)) is not None:
            return [self._resolved(x) for x in items]
        if (named := _items(thing)) is not None:
            return {key: self._resolved(x) for key, x in named.items()}
        if hasattr(thing, "op") and hasattr(thing, "name"):
            return self.values.get(thing.name, Value(()))
        return thing

    def _call(self, node: Any) -> None:
        name = _name(node)
        args, kwargs = self._resolved(list(node.args)), self._resolved(dict(node.kwargs))
        inputs = _values((args, kwargs))
        shape = _shape(node.meta.get("val"))
        self.e.node = node.name
        from_data = node.all_input_nodes[:1] if name in {"index", "index_select"} else node.all_input_nodes
        if any(other.name in self.live for other in from_data):
            self.live.add(node.name)
        if name == "getitem":
            held = _listed(args[0])
            result: Any = held[args[1]] if held is not None else Value(shape or ())
        elif not any(value.terms for value in inputs):
            result = _constants(node.meta.get("val"))
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
            self.e.activations.update(id(value) for value in _values(result))

    def _moved(self, node: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """A shape operation, applied to the labels of each term."""
        import torch

        x = args[0]
        parts: list[Any] = []
        for labels, _ in x.full():
            rest = [_example(a) for a in args[1:]]
            parts.append(
                node.target(torch.as_tensor(np.array(labels)), *rest, **{k: _example(v) for k, v in kwargs.items()})
            )
        if (pieces := _listed(parts[0])) is not None:
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
        if name not in _NONLINEAR:
            self.unknown.add(name)
        return _constants(node.meta.get("val"))

    def trace(self) -> Trace:
        loose = self.e.system
        strict = loose.copy()
        for soft in self.e.soft:
            strict.add(soft.row)
        exact = self._vectors(strict)
        rest = self._vectors(loose, without=set(exact))
        tags: dict[int, set[str]] = {}
        for unknown, (tensor, _, _, _) in self.e.owner.items():
            tags.setdefault(tensor, set()).update(self.e.tags.get(unknown, ()))
        for tensor in self._used_twice():
            tags.setdefault(tensor, set()).add("tied")
        for bias, owners in self.e.partners.items():
            for owner in owners:
                tags.setdefault(bias, set()).update(tags.get(owner, ()))
        return Trace(
            (*exact.values(), *rest.values()),
            {tensor: frozenset(found) for tensor, found in tags.items()},
            dict(self.e.roles),
            tuple(sorted(self.e.blocks)),
            tuple(sorted(self.unknown)),
            self.predict,
        )

    def _used_twice(self) -> set[int]:
        """Parameters that are looked up and multiplied with: tied embeddings."""
        uses: dict[int, set[str]] = {}
        for node in self.program.graph.nodes:
            for other in node.all_input_nodes:
                tensor = self.tensors.get(other.name)
                if tensor is not None:
                    uses.setdefault(tensor, set()).add("lookup" if _name(node) == "embedding" else "product")
        return {tensor for tensor, kinds in uses.items() if len(kinds) > 1}

    def _vectors(self, system: System, without: set[int] | None = None) -> dict[int, Proposal]:
        """One scaling for each free unknown."""
        by_free: dict[int, dict[int, Fraction]] = {}
        for unknown in self.e.owner:
            for free, value in system.of(unknown).items():
                if without is None or free not in without:
                    by_free.setdefault(free, {})[unknown] = value
        broken: dict[int, list[tuple[Soft, Fraction]]] = {}
        if without is not None:
            for soft in self.e.soft:
                for free, value in system.reduced(soft.row).items():
                    broken.setdefault(free, []).append((soft, value))
        found: dict[int, Proposal] = {}
        for free, entries in sorted(by_free.items()):
            vector = self._slices(entries)
            if not vector:
                continue
            tags = frozenset(tag for unknown in entries for tag in self.e.tags.get(unknown, ()))
            reasons = broken.get(free, [])
            said = sorted({f"eps = {soft.eps:g} of {soft.what}" for soft, _ in reasons})
            weights: dict[str, Fraction] = {}
            for soft, value in reasons:
                weight = value * (2 if soft.power == 1 else 1)
                weights[soft.node] = weight if weights.get(soft.node, weight) == weight else Fraction(0)
            found[free] = Proposal(vector, tags, " and ".join(said[:2]), weights)
        return found

    def _slices(self, entries: Mapping[int, Fraction]) -> Vector:
        """Exponents of slices, along one axis where that says the same, with as few entries as the gauge allows."""
        result: dict[tuple[Cut, int], Fraction] = {}
        for unknown, value in entries.items():
            _, _, cut, index = self.e.owner[unknown]
            if (cut.view and cut.axes == (0, 1)) or (
                cut.view and cut.view[1] == 1 and cut.axes == (0, 2) and cut.view[2] == 1
            ):
                cut = Cut(cut.tensor, (0,))
            total = result.get((cut, index), Fraction(0)) + value
            result[cut, index] = total
        return _sparse({place: value for place, value in result.items() if value}, self.sampler.shapes)

    def predict(self, members: Sequence[Proposal]) -> tuple[float, float] | None:
        """``<g, xi>`` under a random linear loss, added over the members: ``-weight * eps * dL/deps``, and measured."""
        torch: Any = import_module("torch")
        nodes: dict[str, Fraction] = {}
        for member in members:
            for name, weight in member.weights.items():
                if nodes.setdefault(name, weight) != weight or not weight:
                    return None
        module = self.program.module()
        parameters = dict(module.named_parameters())
        draw = self.sampler.take(1)[0]
        before = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        module.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, theta in zip(self.sampler.names, draw.theta, strict=True):
                if name in parameters:
                    parameters[name].copy_(torch.as_tensor(theta))
        positional, keywords = self.program.example_inputs
        cotangents: list[Any] = []

        def loss() -> Any:
            torch.manual_seed(0)
            outputs = [y for y in _tensors(module(*positional, **keywords)) if y.is_floating_point()]
            if not cotangents:
                generator = torch.Generator().manual_seed(1)
                cotangents.extend(torch.randn(y.shape, generator=generator, dtype=torch.float64) for y in outputs)
            return sum((c * y.double()).sum() for c, y in zip(cotangents, outputs, strict=True))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loss().backward()
            measured = 0.0
            for member in members:
                for (cut, index), value in member.vector.items():
                    name = self.sampler.names[cut.tensor]
                    grad = parameters[name].grad if name in parameters else None
                    if grad is not None:
                        product = (grad * parameters[name]).detach().double().numpy()
                        sums = cut.sums({cut.tensor: product})  # type: ignore[arg-type]
                        measured += float(value) * float(sums[index])
            predicted = 0.0
            for name, weight in nodes.items():
                node = next((n for n in module.graph.nodes if n.name == name), None)
                if node is None:
                    return None
                place, eps = _epsilon(node)
                values: list[float] = []
                for factor in (1 + 1e-3, 1 - 1e-3):  # a central difference: its own error is of the order of 1e-6
                    node.args = (*node.args[:place], eps * factor, *node.args[place + 1 :])
                    module.recompile()
                    with torch.no_grad():
                        values.append(float(loss()))
                node.args = (*node.args[:place], eps, *node.args[place + 1 :])
                predicted -= float(weight) * (values[0] - values[1]) / 2e-3
            module.zero_grad(set_to_none=True)
            with torch.no_grad():
                for name, value in before.items():
                    parameters[name].copy_(value)
        return predicted, measured


_NONLINEAR = frozenset(
    [
        "tanh",
        "sigmoid",
        "gelu",
        "silu",
        "silu_",
        "elu",
        "selu",
        "celu",
        "softplus",
        "hardtanh",
        "hardtanh_",
        "relu6",
        "hardswish",
        "hardswish_",
        "hardsigmoid",
        "mish",
        "exp",
        "log",
        "log1p",
        "sin",
        "cos",
        "clamp",
        "clamp_",
        "clamp_min",
        "clamp_max",
        "logsigmoid",
        "softmax",
        "cross_entropy_loss",
        "nll_loss",
        "mse_loss",
        "erf",
        "logsumexp",
        "glu",
        "hardshrink",
        "softshrink",
        "threshold",
        "lstm",
        "gru",
        "rnn_tanh",
        "binary_cross_entropy_with_logits",
        "smooth_l1_loss",
        "multi_margin_loss",
        "softsign",
        "sign",
        "expm1",
        "topk",
        "argmax",
    ]
)
"""Operations that are known not to be homogeneous."""


def _name(node: Any) -> str:
    """``layer_norm`` of ``aten.layer_norm.default``."""
    target = node.target
    if isinstance(target, str):
        return target
    packet = getattr(target, "overloadpacket", None)
    return str(getattr(packet, "__name__", None) or getattr(target, "__name__", "")).rpartition(".")[2]


def _epsilon(node: Any) -> tuple[int, float]:
    """Where the epsilon of an operation stands among its arguments."""
    name = _name(node)
    place = {"layer_norm": 4, "rms_norm": 3, "batch_norm": 7, "instance_norm": 7, "group_norm": 4}.get(name, 1)
    return place, float(node.args[place]) if len(node.args) > place and node.args[place] is not None else 2.0**-52


def _shape(val: Any) -> tuple[int, ...] | None:
    shape = getattr(val, "shape", None)
    try:
        return None if shape is None else tuple(int(n) for n in shape)
    except Exception:  # a size that depends on the data
        return None


def _constants(val: Any) -> Any:
    if (items := _listed(val)) is not None:
        return tuple(_constants(x) for x in items)
    return Value(_shape(val) or ())


def _values(thing: Any) -> list[Value]:
    if isinstance(thing, Value):
        return [thing]
    if (named := _items(thing)) is not None:
        return [value for x in named.values() for value in _values(x)]
    return [value for x in _listed(thing) or () for value in _values(x)]


def _tensors(thing: Any) -> list[Any]:
    if hasattr(thing, "is_floating_point"):
        return [thing]
    if (named := _items(thing)) is not None:
        return [y for x in named.values() for y in _tensors(x)]
    return [y for x in _listed(thing) or () for y in _tensors(x)]


def _example(thing: Any) -> Any:
    """An argument of a shape operation; another tensor is there for its shape."""
    if isinstance(thing, Value):
        import torch

        return torch.zeros(thing.shape)
    return thing


def _sparse(vector: Vector, shapes: Sequence[tuple[int, ...]]) -> Vector:
    """The same symmetry with fewer entries: a constant moves from one axis of a tensor to another."""
    by_cut: dict[Cut, dict[int, Fraction]] = {}
    for (cut, index), value in vector.items():
        by_cut.setdefault(cut, {})[index] = value
    result: dict[tuple[Cut, int], Fraction] = dict(vector)
    for tensor in {cut.tensor for cut in by_cut}:
        cuts = [cut for cut in by_cut if cut.tensor == tensor]
        for cut in cuts:
            values = by_cut[cut]
            length = cut.length(shapes)
            if length == 1 or len(values) < length:
                continue
            if len(cut.axes) > 1:
                continue
            common = max(set(values.values()), key=lambda v: list(values.values()).count(v))
            other = next((c for c in cuts if c != cut and len(c.axes) == 1), None)
            if other is None and len(set(values.values())) == 1:
                for index in values:
                    del result[cut, index]
                result[Cut(tensor, ()), 0] = common
            elif other is not None:
                _move(result, cut, other, common, shapes)
    return {place: value for place, value in result.items() if value}


def _move(
    result: dict[tuple[Cut, int], Fraction], cut: Cut, other: Cut, common: Fraction, shapes: Sequence[tuple[int, ...]]
) -> None:
    """Takes a constant off one axis and puts it on another, if that leaves fewer entries."""
    changed = dict(result)
    for index in range(cut.length(shapes)):
        changed[cut, index] = changed.get((cut, index), Fraction(0)) - common
    for index in range(other.length(shapes)):
        changed[other, index] = changed.get((other, index), Fraction(0)) + common
    changed = {place: value for place, value in changed.items() if value}
    if len(changed) < len(result):
        result.clear()
        result.update(changed)
