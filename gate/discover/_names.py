"""Rows of the table of building blocks and names for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ._cuts import Cut, Vector


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about tensors when a law is named.

    Args:
        names: of the tensors.
        shapes: of the tensors.
        tags: for a tensor the kinds of operation that its outputs meet, from a trace; empty without one.
        roles: for axes of a tensor whether its slices read what comes in or write what goes out, from a trace.
        traced: whether there is a trace.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    tags: Mapping[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    roles: Mapping[tuple[int, tuple[int, ...]], str] = field(default_factory=dict[tuple[int, tuple[int, ...]], str])
    traced: bool = False

    def writes(self, cut: Cut) -> bool:
        """Whether slices of a cut are of what goes out: rows of a linear layer, entries of a bias."""
        role = self.roles.get((cut.tensor, cut.axes))
        if role is not None:
            return role == "writes"
        return not cut.axes or cut.axes[0] == 0 or not self.is_matrix(cut.tensor)

    def is_matrix(self, tensor: int) -> bool:
        """Whether it has at least two axes that are longer than 1."""
        return sum(1 for n in self.shapes[tensor] if n > 1) > 1

    def module(self, tensor: int) -> str:
        """The name without its last part: what a person calls the layer."""
        name = self.names[tensor]
        for ending in (".parametrizations.weight.original0", ".parametrizations.weight.original1"):
            name = name.removesuffix(ending)
        head, _, tail = name.rpartition(".")
        return head if head and tail in {"weight", "bias", "g", "v"} else name


@dataclass(frozen=True, slots=True)
class Mixes:
    """What is known of the channels that a scaling belongs to.

    Args:
        full: how many channels mix with each other; 1 for none.
        planes: whether each channel has a rotation inside it.
    """

    full: int = 1
    planes: bool = False


def row_of_scaling(vector: Vector, context: Context, mixes: Mixes, tags: frozenset[str] = frozenset()) -> str:
    """The row of a scaling, from the slices it is made of and what a trace says about its channel."""
    shapes = context.shapes
    up = [(cut, value) for (cut, _), value in vector.items() if value > 0]
    down = [(cut, value) for (cut, _), value in vector.items() if value < 0]
    if len({abs(value) for _, value in (*up, *down)}) > 1:
        return "M3"
    into = {cut.tensor for cut, _ in up}
    out = {cut.tensor for cut, _ in down}
    original = {context.names[t].rpartition(".")[2] for t in into}
    if not down:
        return _row_of_scale(vector, context, tags, original)
    if {cut.tensor for cut, _ in up if context.writes(cut)} & {
        cut.tensor for cut, _ in down if not context.writes(cut)
    }:
        return "M30"
    if "original0" in original:
        return "M16"
    if all(not cut.axes for cut, _ in vector):
        return "M26"
    matrices = [t for t in into if context.is_matrix(t)]
    keys = [cut for cut, _ in down if context.is_matrix(cut.tensor)]
    if matrices and keys and all(context.writes(cut) and len(shapes[cut.tensor]) == 2 for cut in keys):
        several = len(keys) > len({c.tensor for c in keys}) or sum(
            1 for c, _ in up if context.is_matrix(c.tensor)
        ) > len(matrices)
        if mixes.planes:
            return "M22"
        return "M23" if several else "M18"
    if all(context.writes(cut) for cut, _ in (*up, *down)):
        return ""  # a product of two parameters, such as a layer scale
    if not any(len(shapes[t]) > 1 for t in into):
        return "M9"
    if all(cut.axes == (1,) for cut, _ in (*up, *down)) and mixes.full > 1:
        return "M28"
    several_readers = len(down) > len(out)
    if "attention" in tags:
        return "M23" if several_readers else "M19"
    if "mul" in tags and "add" not in tags:
        return "M25"
    if len(matrices) > 1 or len(out) > 1:
        return "M26" if not tags or "add" in tags else "M25" if "mul" in tags else "M2"
    if mixes.full > 1:
        blocks = mixes.full < shapes[matrices[0]][0] and all(len(shapes[t]) == 2 for t in matrices)
        return "M19" if blocks and not context.traced else "M1"
    if tags & {"pool", "reshape", "dropout"} or (several_readers and not tags):
        return "M6"
    convolution = any(len(shapes[c.tensor]) > 2 and c.axes == (0,) for c, _ in up) or any(
        len(shapes[t]) > 3 for t in matrices
    )
    return "M5" if convolution else "M2"


def oriented(vector: Vector, context: Context) -> Vector:
    """The vector with a sign that makes what writes a channel positive."""
    score = sum(value * (1 if context.writes(cut) else -1) for (cut, _), value in vector.items())
    return {place: -value for place, value in vector.items()} if score < 0 else vector


def _row_of_scale(vector: Vector, context: Context, tags: frozenset[str], original: set[str]) -> str:
    shapes = context.shapes
    if "original1" in original:
        return "M16"
    whole = all(not cut.axes for cut, _ in vector)
    rows = sum(1 for cut, _ in vector if cut.axes == (0,) and len(shapes[cut.tensor]) > 1)
    for tag, row in (("group_norm", "M14"), ("instance_norm", "M15"), ("batch_norm", "M7")):
        if tag in tags:
            return row
    if "attention" in tags or (rows > 1 and "rms" in tags):
        return "M24"
    if "layer_norm" in tags:
        return "M11"
    if "rms" in tags:
        return "M12"
    if whole:
        return "M11"
    return "M14" if rows > 1 else "M7"


def row_of_translation(vector: Vector, context: Context) -> str:
    """The row of a translation, from its slices and the operations that its tensors meet."""
    tensors = {cut.tensor for cut, _ in vector}
    tags = frozenset[str]().union(*(context.tags.get(t, frozenset()) for t in tensors))
    cuts = {cut for cut, _ in vector}
    if any(value < 0 for value in vector.values()):
        recurrent = all(len(context.shapes[t]) == 1 for t in tensors) and "add" not in tags
        return "M30" if recurrent else ""
    first = min(cuts)
    alone = len(vector) == 1 and len(context.shapes[first.tensor]) == 1 and first.axes == (0,)
    if alone:  # an entry of a bias without a gradient
        if "key" in tags or any(part in context.names[first.tensor] for part in ("in_proj", "k_proj", "key", "c_attn")):
            return "M20"
        if "instance_norm" in tags:
            return "M15"
        if "batch_norm" in tags or not context.traced:
            return "M8"
        return "M20" if "attention" in tags else "M8"
    if len(tensors) > 1 and "key" in tags:
        return "M20"
    if "group_norm" in tags:
        return "M14"
    if "tied" in tags:
        return "M29"
    if "add" in tags:
        return "M27"
    if "layer_norm" in tags:
        return "M11"
    if "output" in tags:
        return "M17"
    return "" if context.traced else "M17" if first.tensor >= len(context.shapes) - 2 else "M11"


def name_of_scaling(vector: Vector, context: Context) -> str:
    """``neuron 3 of fc1: incoming weights and bias against outgoing weights``."""
    up = {place: value for place, value in vector.items() if value > 0}
    down = {place: value for place, value in vector.items() if value < 0}
    head = next((p for p in up if len(context.shapes[p[0].tensor]) > 1), next(iter(up)))
    cut, index = head
    module = context.module(cut.tensor)
    if not cut.axes:
        return f"scale of {_listed(list(up), context)}" + (f" against {_listed(list(down), context)}" if down else "")
    shape = context.shapes[cut.tensor]
    noun = "channel" if len(shape) > 2 else "neuron" if cut.axes == (0,) and len(shape) == 2 else "unit"
    if noun == "unit" and context.is_matrix(cut.tensor) and context.writes(cut):
        noun = "neuron"
    if down and any(context.is_matrix(c.tensor) for c, _ in (up)) and all(context.writes(c) for c, _ in down):
        noun = "row"
    incoming = _side(list(up), context, module, "incoming weights")
    text = f"{noun} {index} of {module}: {incoming}"
    if not down:
        return text
    factor = {abs(v) for v in down.values()} | {abs(v) for v in up.values()}
    power = f", exponents {', '.join(str(v) for v in sorted(set(vector.values())))}" if len(factor) > 1 else ""
    return f"{text} against {_side(list(down), context, module, 'outgoing weights')}{power}"


def _side(places: Sequence[tuple[Cut, int]], context: Context, module: str, word: str) -> str:
    same_side = word == "incoming weights" or not any(context.writes(c) for c, _ in places)
    own = [p for p in places if context.module(p[0].tensor) == module]
    others = [p for p in places if context.module(p[0].tensor) != module]
    parts: list[str] = []
    if own and word == "incoming weights":
        if any(len(context.shapes[c.tensor]) > 1 for c, _ in own):
            parts.append(word)
        if any(len(context.shapes[c.tensor]) == 1 for c, _ in own):
            parts.append("bias")
        if all(len(context.shapes[c.tensor]) == 1 for c, _ in own):
            parts = [" and ".join(dict.fromkeys(context.names[c.tensor].rpartition(".")[2] for c, _ in own))]
    elif own:
        parts.append(_listed(own, context))
    if others:
        if word == "outgoing weights" and same_side and len({p[0] for p in others}) == 1:
            parts.append(f"outgoing weights in {context.module(others[0][0].tensor)}")
        else:
            parts.append(_listed(others, context))
    return " and ".join(parts)


def _listed(places: Sequence[tuple[Cut, int]], context: Context) -> str:
    shown: list[str] = []
    by_cut: dict[Cut, list[int]] = defaultdict(list)
    for cut, index in places:
        by_cut[cut].append(index)
    for cut, indices in by_cut.items():
        name = context.names[cut.tensor]
        if not cut.axes:
            shown.append(name)
        elif cut.view or len(cut.axes) > 1:
            shown.append(f"{len(indices)} slices of {name}")
        else:
            span = str(indices[0]) if len(indices) == 1 else f"{indices[0]}..{indices[-1]}"
            shown.append(f"{name}[{':, ' * min(cut.axes)}{span}]")
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")


def name_of_translation(vector: Vector, context: Context) -> str:
    """``column 2 of fc2.weight: sum of its entries``."""
    places = list(vector)
    if any(value < 0 for value in vector.values()):
        up = [p for p in places if vector[p] > 0]
        down = [p for p in places if vector[p] < 0]
        return f"{_listed(up, context)} minus {_listed(down, context)}"
    (cut, index), *rest = places
    name = context.names[cut.tensor]
    shape = context.shapes[cut.tensor]
    if rest or not cut.axes:
        return f"sum of the entries of {_listed(places, context)}"
    if len(shape) == 1:
        return f"entry {index} of {name}: no gradient reaches it"
    if cut.view:
        return f"slice {index} of {name} in groups: sum of its entries"
    if len(cut.axes) > 1:
        summed = next((axis for axis in range(len(shape)) if axis not in cut.axes), 0)
        return f"{name}: sum along axis {summed}, number {index}"
    kind = "column" if cut.axes == (1,) and len(shape) == 2 else "row" if len(shape) == 2 else "slice"
    return f"{kind} {name}[{':, ' * min(cut.axes)}{index}]: sum of its entries"
