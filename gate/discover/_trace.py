"""What a trace of a torch module proposes: the scalings of its graph, over the rationals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ...oracles.errors import BadInput
from ..target import Target
from ._draws import Sampler
from ._epsilon import predict
from ._graph import arguments_of
from ._proposals import Proposal, propose
from ._reader import Reader


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
    positional, keywords = arguments_of(arguments)
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
    reader = Reader(program, {node: known.get(every.get(full, full)) for node, full in names.items()}, sampler)
    reader.read()
    if reader.unknown:
        limits.append(
            f"The trace has operations without a rule, taken not to scale: {', '.join(sorted(reader.unknown))}."
        )
    return Trace(
        propose(reader.e, sampler.shapes),
        reader.tags(),
        dict(reader.e.roles),
        tuple(sorted(reader.e.blocks)),
        tuple(sorted(reader.unknown)),
        partial(predict, program, sampler),
    )
