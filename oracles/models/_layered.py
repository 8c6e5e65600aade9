"""The layered shorthand of path liftings: ``relu:2-3-3-2+bias+outbias+skip0:2``, widths from input to output."""

from __future__ import annotations

import re

from .. import limits
from ..errors import BadInput
from ..text import shown
from ._graph import Group, Role
from ._paths import PathLifting
from ._spec import no_options, whole, wholes

EXAMPLE = "relu:3-5-2+bias"


def layered(
    widths: tuple[int, ...],
    *,
    bias: bool = False,
    outbias: bool = False,
    skips: tuple[tuple[int, int], ...] = (),
) -> PathLifting:
    """A layered network with groups ``L0`` (input) to ``LL`` (output), and ``one`` for biases.

    Blocks in order: ``W1, b1, W2, b2, ...`` (``bias``: hidden neurons, ``outbias``: outputs), then one block ``SI_J``
    for each trainable complete skip from layer I to layer J.
    """
    depth = len(widths) - 1
    inner: list[Role] = ["hidden"] * (depth - 1)
    roles: list[Role] = ["source", *inner, "output"]
    groups = [Group(f"L{i}", width, role) for i, (width, role) in enumerate(zip(widths, roles, strict=True))]
    shift = 0
    if (bias and depth > 1) or outbias:
        groups.insert(1, Group("one", 1, "source"))
        shift = 1

    def place(layer: int) -> int:
        return layer + shift if layer else 0

    links: list[tuple[int, int]] = []
    for layer in range(1, depth + 1):
        links.append((place(layer - 1), place(layer)))
        if bias if layer < depth else outbias:
            links.append((1, place(layer)))
    links.extend((place(i), place(j)) for i, j in sorted(skips))
    return PathLifting(tuple(groups), tuple(links))


def layered_block_name(source: str, target: str) -> str:
    """``W2`` from L1 to L2, ``b2`` from one to L2, ``S0_2`` from L0 to L2."""
    j = int(target[1:])
    if source == "one":
        return f"b{j}"
    i = int(source[1:])
    return f"W{j}" if j == i + 1 else f"S{i}_{j}"


def layered_spec(model: PathLifting) -> str:
    """The ``relu:`` form of a network that ``layered`` could have built, or nothing."""
    names = [group.name for group in model.groups]
    has_one = len(names) > 1 and names[1] == "one"
    layers = names[:1] + names[2:] if has_one else names
    depth = len(layers) - 1
    if depth < 1 or layers != [f"L{i}" for i in range(depth + 1)]:
        return ""
    if has_one and model.groups[1].size != 1:
        return ""
    number = {name: i for i, name in enumerate(layers)}
    biased: list[int] = []
    skips: list[tuple[int, int]] = []
    for a, b in model.links:
        if has_one and a == 1:
            biased.append(number[names[b]])
        elif (has_one and b == 1) or number[names[b]] <= number[names[a]]:
            return ""
        elif number[names[b]] > number[names[a]] + 1:
            skips.append((number[names[a]], number[names[b]]))
    bias, outbias = bool(biased) and biased[0] < depth, depth in biased
    expected: list[tuple[str, str]] = []
    for layer in range(1, depth + 1):
        expected.append((f"L{layer - 1}", f"L{layer}"))
        if bias if layer < depth else outbias:
            expected.append(("one", f"L{layer}"))
    expected.extend((f"L{i}", f"L{j}") for i, j in sorted(skips))
    if expected != [(names[a], names[b]) for a, b in model.links]:
        return ""
    widths = [group.size for group in model.groups if group.name != "one"]
    options = "+bias" * bias + "+outbias" * outbias + "".join(f"+skip{i}:{j}" for i, j in sorted(skips))
    return "relu:" + "-".join(map(str, widths)) + options


def parse(body: str, options: list[str], spec: str) -> PathLifting:
    """Reads ``2-3-3-2`` and the options ``+bias``, ``+outbias`` and ``+skipI:J``."""
    widths = wholes(body, what="the widths", spec=spec, example=EXAMPLE, least_count=2, most_count=limits.LAYERS + 1)
    depth = len(widths) - 1
    flags: set[str] = set()
    skips: list[tuple[int, int]] = []
    for option in options:
        if option in ("bias", "outbias"):
            if option in flags:
                raise BadInput(f"{shown(spec)}: +{option} is given twice. Give it once.")
            flags.add(option)
            continue
        match = re.fullmatch(r"skip([0-9]{1,9}):([0-9]{1,9})", option, re.ASCII)
        if not match:
            no_options([option], spec=spec, kind="relu", known=("bias", "outbias", "skip0:2"))
            continue
        first, last = (whole(part, what="a layer of a skip", spec=spec, least=0) for part in match.groups())
        if not first + 1 < last <= depth:
            raise BadInput(
                f"{shown(spec)}: +{option} must go from a layer I to a layer J with I + 1 < J, and layers are numbered "
                f"from 0 (input) to {depth} (output)."
            )
        if (first, last) in skips:
            raise BadInput(f"{shown(spec)}: +{option} is given twice. Give it once.")
        skips.append((first, last))
    if "bias" in flags and depth == 1:
        raise BadInput(f"{shown(spec)}: +bias puts biases on hidden neurons and there are none. Use +outbias.")
    return layered(widths, bias="bias" in flags, outbias="outbias" in flags, skips=tuple(skips))
